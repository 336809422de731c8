/* Payment lists of the bureau: benefits to citizens' accounts, contributions to personal accounts.
 * A batch is opened with the count and total that its paper declares; each line is paid once,
 * proved by the record that it leaves; and the batch counts what was paid, so that nothing is ever
 * paid beyond its total, however often or in how many pieces the list is sent.
 *
 *   (none) ──open──► open ──line, line …──► open ──close──► closed */
#include "social.h"

#include <stdio.h>
#include <string.h>

#define BATCH_MAX 31
#define LINE_MAX  INT64_C(999999999)
#define COUNT_MAX INT64_C(10000000)

struct batch {
    char owner[SOCIAL_OWNER];
    uint32_t version;
    struct onecard_doc *doc;
    int64_t count, paid;
    fen_t total, paid_fen;
    const char *state, *program, *fund;
};

static int batch_refused(const struct onecard_request *req, struct onecard_plan *plan)
{
    return req->host->refuse(plan, OC_R_PARAMETER, "batch: 1 to %d letters, digits, '.', '_', '-'",
                             BATCH_MAX);
}

static int co_batch(const struct social *s, const struct onecard_request *req,
                    struct onecard_plan *plan, struct batch *b)
{
    const char *name = req->host->param_text(req, "batch");
    memset(b, 0, sizeof(*b));
    int rc = only_bureau(s, req, plan);
    if (rc) {
        return rc;
    }
    if (!social_word(name, BATCH_MAX)) {
        return batch_refused(req, plan);
    }
    snprintf(b->owner, sizeof(b->owner), "benefit:%s", name);
    rc = co_optional(req, b->owner, "batch", &b->version, &b->doc);
    b->count = get_int(req, b->doc, "count", 0);
    b->total = get_int(req, b->doc, "total_fen", 0);
    b->paid = get_int(req, b->doc, "paid", 0);
    b->paid_fen = get_int(req, b->doc, "paid_fen", 0);
    b->state = get_text(req, b->doc, "state", "");
    b->program = get_text(req, b->doc, "program", "benefit");
    b->fund = get_text(req, b->doc, "fund", "");
    return rc;
}

static void tell_batch(const struct onecard_request *req, struct onecard_plan *plan,
                       const struct batch *b, const char *state)
{
    const struct onecard_host *h = req->host;
    h->plan_reply_text(plan, "state", state);
    h->plan_reply_text(plan, "program", b->program);
    h->plan_reply_int(plan, "count", b->count);
    h->plan_reply_fen(plan, "total_fen", b->total);
    h->plan_reply_int(plan, "paid", b->paid);
    h->plan_reply_fen(plan, "paid_fen", b->paid_fen);
    h->plan_reply_int(plan, "unpaid", b->count - b->paid);
    h->plan_reply_fen(plan, "unpaid_fen", b->total - b->paid_fen);
}

static void write_batch(const struct onecard_request *req, struct onecard_plan *plan,
                        const struct batch *b, const char *state)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = h->doc_object(req);
    h->doc_set_text(d, "state", state);
    h->doc_set_text(d, "program", b->program);
    h->doc_set_text(d, "fund", b->fund);
    h->doc_set_int(d, "count", b->count);
    h->doc_set_int(d, "total_fen", b->total);
    h->doc_set_int(d, "paid", b->paid);
    h->doc_set_int(d, "paid_fen", b->paid_fen);
    h->plan_doc(plan, b->owner, "batch", b->version, d);
}

/* ---- social.benefit_batch -----------------------------------------------------------------------
 */

static int same_batch(const struct onecard_request *req, struct onecard_plan *plan,
                      const struct batch *was, const struct batch *now)
{
    if (was->count == now->count && was->total == now->total &&
        strcmp(was->program, now->program) == 0 && strcmp(was->fund, now->fund) == 0) {
        tell_batch(req, plan, was, was->state); /* the same list again goes on */
        return 0;
    }
    return req->host->refuse(plan, OC_R_CONFLICT,
                             "this batch was opened with another program, fund, count or total");
}

static int open_batch(const struct onecard_request *req, struct onecard_plan *plan, struct batch *b)
{
    const struct onecard_host *h = req->host;
    const char *program = h->param_text(req, "program"), *fund = h->param_text(req, "fund");
    const char *total = h->param_text(req, "total");
    struct batch now = *b;
    if (param_int(req, "count", &now.count) || now.count < 1 || now.count > COUNT_MAX) {
        return h->refuse(plan, OC_R_PARAMETER, "count: how many lines the list declares");
    }
    if (!total || h->parse_fen(total, &now.total) || now.total <= 0) {
        return h->refuse(plan, OC_R_PARAMETER, "total: what the list declares, in yuan");
    }
    if (!social_word(fund, SOCIAL_ID - 1) ||
        !social_word(program ? program : "benefit", BATCH_MAX)) {
        return h->refuse(plan, OC_R_PARAMETER, "fund: who pays (R14); program: a word");
    }
    now.program = program && *program ? program : "benefit";
    now.fund = fund;
    if (b->doc) {
        return same_batch(req, plan, b, &now);
    }
    h->plan_note(plan);
    write_batch(req, plan, &now, "open");
    tell_batch(req, plan, &now, "open");
    return 0;
}

static int close_batch(const struct onecard_request *req, struct onecard_plan *plan,
                       struct batch *b)
{
    const struct onecard_host *h = req->host;
    char text[160];
    if (strcmp(b->state, "open") == 0) {
        h->plan_note(plan);
        write_batch(req, plan, b, "closed");
        snprintf(text, sizeof(text), "%s: %lld of %lld lines, %lld of %lld fen paid", b->owner,
                 (long long)b->paid, (long long)b->count, (long long)b->paid_fen,
                 (long long)b->total);
        h->plan_event(plan, "benefit_batch_closed", text);
    }
    tell_batch(req, plan, b, "closed");
    return 0;
}

int social_benefit_batch(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *action = h->param_text(req, "action");
    struct batch b;
    int rc = co_batch(ctx, req, plan, &b);
    if (rc) {
        return rc;
    }
    if (!action || strcmp(action, "open") == 0) {
        return open_batch(req, plan, &b);
    }
    if (!b.doc) {
        return h->refuse(plan, OC_R_NOT_FOUND, "no such batch was opened");
    }
    if (strcmp(action, "close") == 0) {
        return close_batch(req, plan, &b);
    }
    if (strcmp(action, "show") == 0) {
        tell_batch(req, plan, &b, b.state);
        return 0;
    }
    return h->refuse(plan, OC_R_PARAMETER, "action is open, show or close");
}

/* ---- lines --------------------------------------------------------------------------------------
 */

struct line {
    char key[SOCIAL_KEY], citizen_key[SOCIAL_KEY], citizen[SOCIAL_ID];
    int64_t number;
    uint32_t version, citizen_version;
    struct onecard_doc *doc, *citizen_doc; /* what was paid under that number, to that citizen */
};

static int co_citizen(const struct onecard_request *req, struct onecard_plan *plan,
                      char ret[SOCIAL_ID])
{
    const struct onecard_host *h = req->host;
    const char *id = h->param_text(req, "citizen"), *card = h->param_text(req, "card_number");
    int rc = OC_ENOENT;
    if (id && *id) {
        rc = social_word(id, SOCIAL_ID - 1) ? h->co_citizen(req, id) : OC_ENOENT;
        if (rc == 0) {
            strcpy(ret, id);
        }
    } else if (card && *card) {
        rc = h->co_holder(req, card, ret);
    }
    return rc == OC_ENOENT ? h->refuse(plan, OC_R_NO_CITIZEN, "no such citizen is registered") : rc;
}

static int co_line(const struct onecard_request *req, struct onecard_plan *plan, const char *owner,
                   struct line *l)
{
    if (param_int(req, "line", &l->number) || l->number < 1 || l->number > LINE_MAX) {
        return req->host->refuse(plan, OC_R_PARAMETER, "line: its number in the list");
    }
    snprintf(l->key, sizeof(l->key), "%09lld", (long long)l->number);
    int rc = co_citizen(req, plan, l->citizen);
    snprintf(l->citizen_key, sizeof(l->citizen_key), "c/%.31s", l->citizen);
    rc = rc ? rc : co_optional(req, owner, l->key, &l->version, &l->doc);
    return rc ? rc : co_optional(req, owner, l->citizen_key, &l->citizen_version, &l->citizen_doc);
}

/* A list that was cut and numbered anew would pay a citizen under another line: each gets one. */
static int once_each(const struct onecard_request *req, struct onecard_plan *plan,
                     const struct line *l)
{
    if (!l->citizen_doc) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_DUPLICATE, "line %lld of this batch paid this citizen",
                             (long long)get_int(req, l->citizen_doc, "line", 0));
}

/* A line that was paid: the same again is no mistake and pays nothing. */
static int paid_before(const struct onecard_request *req, struct onecard_plan *plan,
                       const struct line *l)
{
    const struct onecard_host *h = req->host;
    if (get_int(req, l->doc, "amount_fen", 0) != req->amount_fen ||
        strcmp(get_text(req, l->doc, "citizen", ""), l->citizen) != 0) {
        return h->refuse(plan, OC_R_CONFLICT, "this line was paid with another citizen or amount");
    }
    h->plan_reply_text(plan, "paid", "before");
    h->plan_reply_int(plan, "paid_on", get_int(req, l->doc, "date", 0));
    return 0;
}

static void write_line(const struct onecard_request *req, struct onecard_plan *plan,
                       const char *owner, const struct line *l)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = h->doc_object(req);
    h->doc_set_text(d, "citizen", l->citizen);
    h->doc_set_int(d, "amount_fen", req->amount_fen);
    h->doc_set_int(d, "date", req->business_date);
    h->plan_doc(plan, owner, l->key, l->version, d);
    d = h->doc_object(req);
    h->doc_set_int(d, "line", l->number);
    h->plan_doc(plan, owner, l->citizen_key, l->citizen_version, d);
    h->plan_reply_text(plan, "paid", "now");
    h->plan_reply_text(plan, "citizen", l->citizen);
}

int social_benefit_line(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct batch b;
    struct line l = {0};
    int rc = co_batch(ctx, req, plan, &b);
    rc = rc ? rc : co_line(req, plan, b.owner, &l);
    if (rc == 0 && !b.doc) {
        return h->refuse(plan, OC_R_NOT_FOUND, "no such batch was opened");
    }
    if (rc || l.doc) {
        return rc ? rc : paid_before(req, plan, &l);
    }
    rc = once_each(req, plan, &l);
    if (rc) {
        return rc;
    }
    if (strcmp(b.state, "open") != 0) {
        return h->refuse(plan, OC_R_WRONG_STATE, "the batch is closed");
    }
    if (b.paid >= b.count || req->amount_fen > b.total - b.paid_fen) {
        return h->refuse(plan, OC_R_LIMIT,
                         "more than the batch declares: %lld lines, %lld fen left",
                         (long long)(b.count - b.paid), (long long)(b.total - b.paid_fen));
    }
    b.paid++;
    b.paid_fen += req->amount_fen;
    h->plan_account(plan, req->amount_fen);
    h->plan_leg(plan, OC_ACCT_BEARER, b.fund, -req->amount_fen);
    h->plan_leg(plan, OC_ACCT_CITIZEN, l.citizen, req->amount_fen);
    write_line(req, plan, b.owner, &l);
    write_batch(req, plan, &b, b.state);
    return 0;
}

int social_personal_credit(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct social *s = ctx;
    const struct onecard_host *h = req->host;
    const char *name = h->param_text(req, "batch"), *fund = h->param_text(req, "fund");
    char owner[SOCIAL_OWNER];
    struct line l = {0};
    int rc = only_bureau(s, req, plan);
    if (rc) {
        return rc;
    }
    if (!social_word(name, BATCH_MAX)) {
        return batch_refused(req, plan);
    }
    if (!social_word(fund, SOCIAL_ID - 1)) {
        return h->refuse(plan, OC_R_PARAMETER, "fund: whose contributions these are");
    }
    snprintf(owner, sizeof(owner), "credit:%s", name);
    rc = co_line(req, plan, owner, &l);
    if (rc || l.doc) {
        return rc ? rc : paid_before(req, plan, &l);
    }
    rc = once_each(req, plan, &l);
    if (rc) {
        return rc;
    }
    h->plan_account(plan, req->amount_fen);
    h->plan_leg(plan, OC_ACCT_FUND, fund, -req->amount_fen);
    h->plan_leg(plan, OC_ACCT_PERSONAL, l.citizen, req->amount_fen);
    write_line(req, plan, owner, &l);
    return 0;
}
