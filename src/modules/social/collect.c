/* A citizen takes what was paid to the account, in cash at a desk. */
#include "social.h"

/* Cash leaves the till of whoever runs the terminal, so his debt for cash that he took falls by it;
 * below zero the city owes him, and settlement pays it. */
int social_collect(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct social *s = ctx;
    const struct onecard_host *h = req->host;
    fen_t holds = req->card->citizen_fen;
    fen_t amount = req->amount_fen ? req->amount_fen : holds;
    if (!*req->card->citizen) {
        return h->refuse(plan, OC_R_NO_CITIZEN, "no citizen holds this card");
    }
    if (amount > s->collect_without_pin && req->strength < OC_STRENGTH_PIN) {
        return h->refuse(plan, OC_R_NEEDS_PRESENCE, "so much takes the PIN: social.collect_pin");
    }
    if (amount <= 0 || amount > holds) {
        return h->refuse(plan, OC_R_FUNDS, "%lld.%02lld yuan wait in the account",
                         (long long)(holds / 100), (long long)(holds % 100));
    }
    if (s->collect_max && amount > s->collect_max) {
        return h->refuse(plan, OC_R_LIMIT, "at most %lld.%02lld yuan in cash at a time",
                         (long long)(s->collect_max / 100), (long long)(s->collect_max % 100));
    }
    h->plan_account(plan, amount);
    h->plan_leg(plan, OC_ACCT_CITIZEN, req->card->citizen, -amount);
    h->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, req->terminal.participant, amount);
    h->plan_reply_fen(plan, "account_fen", holds - amount);
    return 0;
}
