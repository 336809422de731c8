/* Bills of utilities 水 电 燃气 暖气. The utility knows what is owed and is asked; paying holds the
 * bill there (R12), so that it is booked exactly once. The record of the bill is ours: two desks
 * that take the same bill at the same moment find out by its version. */
#include "payment.h"

#include <stdio.h>
#include <string.h>

/* Identifiers become keys of records: printable, no blanks. */
static bool is_word(const char *text, size_t max)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return len > 0 && len <= max;
}

static int word_param(const struct onecard_request *req, struct onecard_plan *plan,
                      const char *name, size_t max, const char **ret)
{
    const char *text = req->host->param_text(req, name);
    if (!text || !is_word(text, max)) {
        return req->host->refuse(plan, OC_R_PARAMETER, "%s is one word of at most %zu characters",
                                 name, max);
    }
    *ret = text;
    return 0;
}

int payment_bills(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const char *utility = NULL, *account = NULL;
    int rc = word_param(req, plan, "utility", 31, &utility);
    rc = rc ? rc : word_param(req, plan, "account", 39, &account);
    if (rc) {
        return rc;
    }
    struct onecard_doc *ask = h->doc_object(req), *answer = NULL;
    h->doc_set_text(ask, "account", account);
    rc = h->co_call(req, utility, "bills", ask, &answer);
    if (rc == OC_EREFUSED) {
        const char *why = h->doc_as_text(h->doc_get(answer, "detail"));
        return h->refuse(plan, OC_R_UPSTREAM_REFUSED, "%.31s: %.60s", utility,
                         why ? why : "it refused");
    }
    if (rc) {
        return h->refuse(plan, OC_R_UPSTREAM_AWAY, "%.31s %s", utility,
                         rc == OC_ENOENT ? "has no route" : "does not answer now");
    }
    h->plan_reply_text(plan, "utility", utility);
    h->plan_reply_text(plan, "account", account);
    h->plan_reply_doc(plan, "bills", h->doc_get(answer, "bills"));
    return 0;
}

/* Paid, or being paid at another desk: *ret_version is what the record is written over. */
static int not_paid_yet(const struct onecard_request *req, struct onecard_plan *plan,
                        const char *owner, const char *bill, uint32_t *ret_version)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *doc = NULL;
    int rc = h->co_doc(req, owner, bill, ret_version, &doc);
    if (rc == 0) {
        return h->refuse(plan, OC_R_DUPLICATE, "bill %.39s was paid already", bill);
    }
    return rc == OC_ENOENT ? 0 : rc;
}

static int pay_from(const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *source = h->param_text(req, "source");
    if (!source || strcmp(source, "purse") == 0) {
        h->plan_debit(plan, req->amount_fen);
        return 0;
    }
    if (strcmp(source, "account") != 0) {
        return h->refuse(plan, OC_R_PARAMETER, "source is purse or account");
    }
    if (!*req->card->citizen || req->amount_fen > req->card->citizen_fen) {
        return h->refuse(plan, OC_R_FUNDS, "the citizen's account has less");
    }
    h->plan_account(plan, req->amount_fen);
    h->plan_leg(plan, OC_ACCT_CITIZEN, req->card->citizen, -req->amount_fen);
    return 0;
}

int payment_bill_pay(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const char *utility = NULL, *account = NULL, *bill = NULL;
    uint32_t version = 0;
    char owner[40];
    int rc = word_param(req, plan, "utility", 31, &utility);
    rc = rc ? rc : word_param(req, plan, "account", 39, &account);
    rc = rc ? rc : word_param(req, plan, "bill", 39, &bill);
    if (rc) {
        return rc;
    }
    snprintf(owner, sizeof(owner), "bill:%s", utility);
    rc = not_paid_yet(req, plan, owner, bill, &version);
    rc = rc ? rc : pay_from(req, plan);
    if (rc) {
        return rc;
    }
    struct onecard_doc *doc = h->doc_object(req), *same = h->doc_object(req);
    struct onecard_doc *record = h->doc_object(req);
    h->doc_set_text(doc, "account", account);
    h->doc_set_text(doc, "bill", bill);
    h->doc_set_int(doc, "amount_fen", req->amount_fen);
    h->doc_set_text(same, "bill", bill);
    h->doc_set_int(same, "amount_fen", req->amount_fen);
    h->doc_set_text(record, "account", account);
    h->doc_set_int(record, "amount_fen", req->amount_fen);
    h->doc_set_text(record, "terminal", req->terminal.id);
    h->plan_leg(plan, OC_ACCT_MERCHANT, utility, req->amount_fen);
    h->plan_hold(plan, utility, "bill", req->amount_fen, doc, same);
    h->plan_doc(plan, owner, bill, version, record);
    h->plan_reply_text(plan, "utility", utility);
    h->plan_reply_text(plan, "bill", bill);
    return 0;
}
