/* Where the bureau decides (authority: upstream): its answer to the pre-settlement is posted as it
 * is returned (R13), and the hold that settles must come back with the same amounts, or everything
 * is undone (R12). The arithmetic of split.c is not used then: only its result is filled. */
#include "settle.h"

#include <string.h>

static const char *const funds[FUND_PAID] = {"basic_fen", "serious_fen", "civil_fen",
                                             "assistance_fen"};

static struct onecard_doc *question(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *q = h->doc_object(t->req);
    h->doc_set_text(q, "insurance", t->who.insurance);
    h->doc_set_text(q, "citizen", t->citizen);
    h->doc_set_text(q, "hospital", t->hospital);
    h->doc_set_int(q, "business_date", t->req->business_date);
    h->doc_set_bool(q, "personal", t->use_personal);
    if (*t->sid) {
        h->doc_set_text(q, "settlement_id", t->sid);
    }
    if (*t->old_sid) {
        h->doc_set_text(q, "replaces", t->old_sid);
    }
    h->doc_set(q, "bill", h->doc_parse(t->req, t->bill_text));
    return q;
}

static int away(struct settlement *t, int rc, const struct onecard_doc *answer)
{
    const struct onecard_host *h = t->req->host;
    const char *bureau = t->rules->bureau;
    if (rc == OC_EREFUSED) {
        return h->refuse(t->plan, OC_R_UPSTREAM_REFUSED, "%.31s: %.50s", bureau,
                         get_text(t->req, answer, "detail", "no reason was given"));
    }
    if (rc == OC_ECANCELED) {
        return rc;
    }
    return h->refuse(t->plan, OC_R_UPSTREAM_AWAY, "%.31s does not answer: nothing moved", bureau);
}

static int take_line(struct settlement *t, const struct onecard_doc *d, struct split_part *p)
{
    p->fund = get_int(t->req, d, "fund_fen", -1);
    p->personal = get_int(t->req, d, "personal_fen", 0);
    p->cash = get_int(t->req, d, "cash_fen", -1);
    bool sound = p->fund >= 0 && p->personal >= 0 && p->cash >= 0 &&
                 p->fund + p->personal + p->cash == p->amount;
    return sound ? 0 : OC_EINVAL;
}

static int take_lines(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    const struct onecard_doc *lines = h->doc_get(t->answer, "lines");
    struct split_part sum = {0};
    if (h->doc_count(lines) != t->bill.line_count) {
        return OC_EINVAL;
    }
    for (size_t i = 0; i < t->bill.line_count; i++) {
        struct split_part *p = &t->result.lines[i];
        p->amount = t->lines[i].amount;
        if (take_line(t, h->doc_at(lines, i, NULL), p)) {
            return OC_EINVAL;
        }
        sum.amount += p->amount;
        sum.fund += p->fund;
        sum.personal += p->personal;
        sum.cash += p->cash;
    }
    t->result.total = sum;
    return 0;
}

/* The whole must be the sum of the lines, and of the funds. */
static int take_answer(struct settlement *t)
{
    fen_t all = 0;
    for (int f = 0; f < FUND_PAID; f++) {
        t->fund[f] = get_int(t->req, t->answer, funds[f], 0);
        if (t->fund[f] < 0 || t->fund[f] > ONECARD_AMOUNT_MAX) {
            return OC_EINVAL;
        }
        all += t->fund[f];
    }
    if (take_lines(t)) {
        return OC_EINVAL;
    }
    const struct split_part *sum = &t->result.total;
    bool sound = get_int(t->req, t->answer, "total_fen", -1) == sum->amount &&
                 get_int(t->req, t->answer, "fund_fen", -1) == sum->fund && all == sum->fund &&
                 get_int(t->req, t->answer, "personal_fen", -1) == sum->personal &&
                 get_int(t->req, t->answer, "cash_fen", -1) == sum->cash;
    return sound ? 0 : OC_EINVAL;
}

int asked_co_presettle(struct settlement *t)
{
    int rc = t->req->host->co_call(t->req, t->rules->bureau, "presettle", question(t), &t->answer);
    if (rc) {
        return away(t, rc, t->answer);
    }
    if (take_answer(t)) {
        return t->req->host->refuse(t->plan, OC_R_UPSTREAM_REFUSED,
                                    "%.31s: the parts it named do not sum up: nothing moved",
                                    t->rules->bureau);
    }
    if (!t->rules->personal_upstream && t->result.total.personal > t->bill.personal) {
        return t->req->host->refuse(t->plan, OC_R_FUNDS,
                                    "the personal account has less than the bureau thinks");
    }
    return 0;
}

void asked_hold(struct settlement *t)
{
    static const char *const same[] = {"total_fen", "fund_fen", "personal_fen", "cash_fen"};
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *expect = h->doc_object(t->req);
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        h->doc_set_int(expect, same[i], get_int(t->req, t->answer, same[i], 0));
    }
    h->plan_hold(t->plan, t->rules->bureau, "settle", t->total_fen, question(t), expect);
}

void asked_cancel(struct settlement *t, const struct social_rules *rules,
                  const struct onecard_doc *old)
{
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *d = h->doc_object(t->req), *expect = h->doc_object(t->req);
    fen_t total = get_int(t->req, old, "total_fen", 0);
    h->doc_set_text(d, "settlement_id", t->old_sid);
    h->doc_set_text(d, "insurance", rules->insurance);
    h->doc_set_text(d, "citizen", t->citizen);
    h->doc_set_int(expect, "fund_fen", get_int(t->req, old, "fund_fen", 0));
    h->plan_hold(t->plan, rules->bureau, "cancel", total, d, expect);
}
