/* What a card and its holder have: nothing moves. */
#include "payment.h"

int payment_balance(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_card *c = req->card;
    h->plan_reply_fen(plan, "pending_load_fen", c->pending_load_fen);
    if (*c->citizen) {
        h->plan_reply_fen(plan, "account_fen", c->citizen_fen);
    }
    if (c->ceiling_fen) {
        h->plan_reply_fen(plan, "ceiling_fen", c->ceiling_fen);
    }
    return 0;
}

/* What the ledger knows of a card, for a holder who has it with her or who knows its number. A
 * number proves nobody: what lies in a citizen's account is told only where the card itself is
 * there. */
int payment_account(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_card *c = req->card;
    h->plan_reply_text(plan, "state", c->state);
    h->plan_reply_fen(plan, "pending_load_fen", c->pending_load_fen);
    h->plan_reply_raw(plan, "doubt_open", c->doubt_open ? "true" : "false");
    if (*c->citizen && req->presented == OC_PRESENTED_CHIP) {
        h->plan_reply_fen(plan, "account_fen", c->citizen_fen);
    }
    if (c->last_ms) {
        h->plan_reply_text(plan, "last_service", c->last_service);
        h->plan_reply_text(plan, "last_terminal", c->last_terminal);
        h->plan_reply_int(plan, "last_ms", c->last_ms);
    }
    return 0;
}
