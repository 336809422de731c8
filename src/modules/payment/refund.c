/* Refunds. A purse has no "un-purchase": money goes to the card's pending load, the chip follows by
 * a load from there (R6). The sum of refunds is watched by the ledger; looking here first gives the
 * better sentence. */
#include "payment.h"

#include <string.h>

bool payment_in_words(const char *words, const char *name)
{
    size_t len = strlen(name);
    while (words && *words) {
        words += strspn(words, ", ");
        size_t n = strcspn(words, ", ");
        if (n == len && n > 0 && memcmp(words, name, n) == 0) {
            return true;
        }
        words += n;
    }
    return false;
}

int payment_refund(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct payment *p = ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_original *o = req->original;
    if (!payment_in_words(p->refundable, o->service)) {
        return h->refuse(plan, OC_R_ORIGINAL_UNKNOWN, "a %.40s is not given back", o->service);
    }
    if (p->refund_same_participant && strcmp(o->participant, req->terminal.participant) != 0) {
        return h->refuse(plan, OC_R_TERMINAL_MAY_NOT, "only %.32s gives this back", o->participant);
    }
    fen_t left = o->amount_fen - o->refunded_fen;
    fen_t amount = req->amount_fen ? req->amount_fen : left;
    if (amount <= 0 || amount > left) {
        return h->refuse(plan, OC_R_OVER_ORIGINAL, "%lld.%02lld yuan are left of it",
                         (long long)(left / 100), (long long)(left % 100));
    }
    h->plan_account(plan, amount);
    h->plan_leg(plan, OC_ACCT_MERCHANT, o->participant, -amount);
    h->plan_leg(plan, OC_ACCT_PENDING_LOAD, "", amount);
    h->plan_refund_of_original(plan);
    h->plan_reply_text(plan, "original", o->txn);
    h->plan_reply_fen(plan, "original_left_fen", left - amount);
    const char *reason = h->param_text(req, "reason");
    if (reason && *reason) {
        h->plan_reply_text(plan, "reason_given", reason);
    }
    return 0;
}
