/* Loads and deposits: each has one account that pays, named in the plan, so that the ledger can
 * reserve it before the card is told to print money (R7). */
#include "payment.h"

#include <string.h>

static int from_cash(const struct payment *p, const struct onecard_request *req,
                     struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    if (req->amount_fen < p->load_min || req->amount_fen == 0) {
        return h->refuse(plan, OC_R_AMOUNT,
                         req->amount_fen ? "less than the least that is loaded" : "how much?");
    }
    h->plan_credit(plan, req->amount_fen);
    h->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, req->terminal.participant, -req->amount_fen);
    return 0;
}

static int from_pending(const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    fen_t waits = req->card->pending_load_fen;
    fen_t amount = req->amount_fen ? req->amount_fen : waits;
    if (amount <= 0 || amount > waits) {
        return h->refuse(plan, OC_R_FUNDS, "%lld.%02lld yuan wait to be loaded",
                         (long long)(waits / 100), (long long)(waits % 100));
    }
    h->plan_credit(plan, amount);
    h->plan_leg(plan, OC_ACCT_PENDING_LOAD, "", -amount);
    return 0;
}

static int from_account(const struct payment *p, const struct onecard_request *req,
                        struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    fen_t amount = req->amount_fen;
    if (amount == 0 || amount < p->load_min) {
        return h->refuse(plan, OC_R_AMOUNT,
                         amount ? "less than the least that is loaded" : "how much?");
    }
    if (!*req->card->citizen) {
        return h->refuse(plan, OC_R_FUNDS, "no citizen holds this card: it has no account");
    }
    if (amount > req->card->citizen_fen) {
        return h->refuse(plan, OC_R_FUNDS, "the citizen's account has less");
    }
    h->plan_credit(plan, amount);
    h->plan_leg(plan, OC_ACCT_CITIZEN, req->card->citizen, -amount);
    return 0;
}

/* The bank holds the money before the chip is told to print any (R7, R12), and books it when the
 * load is posted; a load that comes to nothing is reversed there. */
static int from_bank(const struct payment *p, const struct onecard_request *req,
                     struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *bank = h->param_text(req, "bank");
    fen_t amount = req->amount_fen;
    bank = bank && *bank ? bank : p->bank;
    if (amount == 0 || amount < p->load_min) {
        return h->refuse(plan, OC_R_AMOUNT,
                         amount ? "less than the least that is loaded" : "how much?");
    }
    if (!bank || !*bank) {
        return h->refuse(plan, OC_R_PARAMETER, "which bank? bank=ID, or modules.payment.bank");
    }
    if (!*req->card->citizen) {
        return h->refuse(plan, OC_R_NO_CITIZEN, "no citizen holds this card: it has no bank");
    }
    struct onecard_doc *doc = h->doc_object(req), *same = h->doc_object(req);
    h->doc_set_text(doc, "card", req->card->number);
    h->doc_set_text(doc, "citizen", req->card->citizen);
    h->doc_set_int(doc, "amount_fen", amount);
    h->doc_set_int(same, "amount_fen", amount);
    h->plan_credit(plan, amount);
    h->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, bank, -amount);
    h->plan_hold(plan, bank, "load", amount, doc, same);
    h->plan_reply_text(plan, "bank", bank);
    return 0;
}

int payment_load(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct payment *p = ctx;
    const char *source = req->host->param_text(req, "source");
    fen_t amount = req->amount_fen;
    bool pending = source && strcmp(source, "pending") == 0;
    int rc = payment_limit(req, plan, pending && !amount ? req->card->pending_load_fen : amount,
                           p->load_max);
    if (rc) {
        return rc;
    }
    req->host->plan_reply_text(plan, "source", source ? source : "cash");
    if (!source || strcmp(source, "cash") == 0) {
        return from_cash(p, req, plan);
    }
    if (pending) {
        return from_pending(req, plan);
    }
    if (strcmp(source, "account") == 0) {
        return from_account(p, req, plan);
    }
    if (strcmp(source, "bank") == 0) {
        return from_bank(p, req, plan);
    }
    return req->host->refuse(plan, OC_R_PARAMETER, "source is cash, pending, account or bank");
}

int payment_deposit(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct payment *p = ctx;
    const struct onecard_host *h = req->host;
    int rc = payment_limit(req, plan, req->amount_fen, p->deposit_max);
    if (rc) {
        return rc;
    }
    if (!*req->card->citizen) {
        return h->refuse(plan, OC_R_PARAMETER, "no citizen holds this card: it has no account");
    }
    h->plan_account(plan, req->amount_fen);
    h->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, req->terminal.participant, -req->amount_fen);
    h->plan_leg(plan, OC_ACCT_CITIZEN, req->card->citizen, req->amount_fen);
    h->plan_reply_fen(plan, "account_fen", req->card->citizen_fen + req->amount_fen);
    return 0;
}
