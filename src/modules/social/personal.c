/* The personal account 个人账户 of medical insurance: it pays medical only (R13), so only where the
 * book names a hospital or a pharmacy. */
#include "social.h"

#include <stdio.h>
#include <string.h>

int social_personal(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct social *s = ctx;
    const struct onecard_host *h = req->host;
    struct insured who;
    struct payer payers[SPLIT_FAMILY_MAX];
    unsigned n = 0;
    fen_t holds = 0;
    int rc = insured_co_find(req, req->citizen, req->business_date, &who);
    const struct social_rules *rules =
        rc == 0 && *who.insurance ? book_rules(&s->book, who.insurance, req->business_date) : NULL;
    if (rc == 0 && rules && rules->personal_upstream) {
        h->plan_reply_text(plan, "kept_by", rules->bureau);
        return 0;
    }
    rc = rc ? rc : h->co_account(req, OC_ACCT_PERSONAL, req->citizen, &holds);
    rc = rc ? rc : family_co_payers(req, req->citizen, payers, SPLIT_FAMILY_MAX, &n);
    if (rc) {
        return rc;
    }
    h->plan_reply_fen(plan, "personal_fen", holds);
    h->plan_reply_int(plan, "relatives_who_pay", n);
    return 0;
}

static int only_medical(const struct social *s, const struct onecard_request *req,
                        struct onecard_plan *plan)
{
    if (book_hospital(&s->book, req->terminal.participant)) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_NOT_ELIGIBLE,
                             "a personal account pays medical only: %.31s is not designated",
                             req->terminal.participant);
}

/* The citizen's own account, or that of the relative whom `from` names. */
static int co_pick(const struct onecard_request *req, struct onecard_plan *plan, struct payer *ret)
{
    const struct onecard_host *h = req->host;
    const char *from = h->param_text(req, "from");
    int rc;
    memset(ret, 0, sizeof(*ret));
    if (from && *from && strcmp(from, req->citizen) != 0) {
        rc = family_co_payer(req, req->citizen, from, ret);
        if (rc == OC_ENOENT || rc == OC_ESTATE) {
            return h->refuse(plan, OC_R_NO_CONSENT, "%.31s has not bound this citizen", from);
        }
    } else {
        snprintf(ret->owner, sizeof(ret->owner), "%s", req->citizen);
        rc = h->co_account(req, OC_ACCT_PERSONAL, ret->owner, &ret->can);
    }
    if (rc == 0 && req->amount_fen > ret->can) {
        return h->refuse(plan, OC_R_FUNDS, "the personal account, or its limit, has less");
    }
    return rc;
}

static int pay_upstream(const struct onecard_request *req, struct onecard_plan *plan,
                        const struct social_rules *rules)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = h->doc_object(req), *expect = h->doc_object(req);
    h->doc_set_text(d, "citizen", req->citizen);
    h->doc_set_text(d, "hospital", req->terminal.participant);
    h->doc_set_text(d, "payment", req->txn_hint ? req->txn_hint : "");
    h->doc_set_int(d, "amount_fen", req->amount_fen);
    h->doc_set_int(expect, "amount_fen", req->amount_fen);
    h->plan_leg(plan, OC_ACCT_FUND, rules->fund[FUND_PERSONAL], -req->amount_fen);
    h->plan_hold(plan, rules->bureau, "personal", req->amount_fen, d, expect);
    return 0;
}

int social_personal_pay(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct social *s = ctx;
    const struct onecard_host *h = req->host;
    struct insured who;
    struct payer p;
    int rc = only_medical(s, req, plan);
    rc = rc ? rc : insured_co_find(req, req->citizen, req->business_date, &who);
    if (rc) {
        return rc;
    }
    const struct social_rules *rules =
        *who.insurance ? book_rules(&s->book, who.insurance, req->business_date) : NULL;
    bool upstream = rules && rules->personal_upstream;
    rc = upstream ? pay_upstream(req, plan, rules) : co_pick(req, plan, &p);
    if (rc) {
        return rc;
    }
    h->plan_account(plan, req->amount_fen);
    h->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, req->amount_fen);
    if (!upstream) {
        h->plan_leg(plan, OC_ACCT_PERSONAL, p.owner, -req->amount_fen);
        h->plan_reply_fen(plan, "left_fen", p.can - req->amount_fen);
    }
    if (!upstream && p.doc) {
        family_count(req, plan, req->citizen, &p, req->amount_fen);
    }
    return 0;
}
