/* Where a citizen's own part comes from and goes back to. The purse is the chip's and only goes
 * down here; what returns waits as a pending load (R6). */
#include "medical.h"

#include <string.h>

static const char *const names[] = {"", "purse", "account", "pending", "cash"};

const char *pay_name(enum pay_source s)
{
    return names[s];
}

enum pay_source pay_named(const char *name)
{
    for (int i = PAY_CASH; i > 0; i--) {
        if (strcmp(names[i], name) == 0) {
            return (enum pay_source)i;
        }
    }
    return PAY_PURSE;
}

int pay_param(const struct onecard_request *req, struct onecard_plan *plan, enum pay_source dflt,
              enum pay_source *ret)
{
    const char *text = param(req, "pay");
    enum pay_source s = *text ? pay_named(text) : dflt;
    if (*text && strcmp(text, pay_name(s)) != 0) {
        return req->host->refuse(plan, OC_R_PARAMETER, "pay is purse, account, pending or cash");
    }
    *ret = s;
    return 0;
}

/* A number alone does not spend a citizen's money (R21). */
static int pay_allowed(const struct onecard_request *req, struct onecard_plan *plan,
                       enum pay_source s)
{
    const struct onecard_host *h = req->host;
    if (s == PAY_PURSE && req->presented != OC_PRESENTED_CHIP) {
        return h->refuse(plan, OC_R_NEEDS_CHIP, "the purse pays only with the card on the reader");
    }
    if (s == PAY_PENDING && !req->card) {
        return h->refuse(plan, OC_R_NO_CARD, "which card's pending load? Present the card");
    }
    if ((s == PAY_ACCOUNT || s == PAY_PENDING) && req->strength < OC_STRENGTH_CODE) {
        return h->refuse(plan, OC_R_NEEDS_PRESENCE, "the holder pays with card or fresh code");
    }
    if (s == PAY_ACCOUNT && !*req->citizen) {
        return h->refuse(plan, OC_R_NO_CITIZEN, "no citizen's account belongs to this card");
    }
    if (s == PAY_CASH && req->institution) {
        return h->refuse(plan, OC_R_PARAMETER, "cash is taken at a desk");
    }
    return 0;
}

static void leg(const struct onecard_request *req, struct onecard_plan *plan, enum pay_source s,
                fen_t amount)
{
    const struct onecard_host *h = req->host;
    switch (s) {
    case PAY_ACCOUNT:
        h->plan_leg(plan, OC_ACCT_CITIZEN, req->citizen, amount);
        break;
    case PAY_CASH:
        h->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, req->terminal.participant, amount);
        break;
    default:
        h->plan_leg(plan, OC_ACCT_PENDING_LOAD, "", amount);
    }
}

int pay_take(const struct onecard_request *req, struct onecard_plan *plan, enum pay_source s,
             fen_t amount, fen_t told)
{
    const struct onecard_host *h = req->host;
    if (amount == 0) {
        h->plan_account(plan, told);
        return 0;
    }
    int rc = pay_allowed(req, plan, s);
    if (rc) {
        return rc;
    }
    if (s == PAY_PURSE) {
        h->plan_debit(plan, amount);
        h->plan_gross(plan, told);
        return 0;
    }
    h->plan_account(plan, told);
    leg(req, plan, s, -amount);
    return 0;
}

void pay_give(const struct onecard_request *req, struct onecard_plan *plan, enum pay_source s,
              fen_t amount)
{
    if (amount > 0) {
        leg(req, plan, s, amount);
    }
}

int pay_give_ok(const struct medical *m, const struct onecard_request *req,
                struct onecard_plan *plan, enum pay_source s, const char *participant)
{
    if (s == PAY_CASH && m->same_participant_cash) {
        return only_hospital(req, plan, participant);
    }
    return 0;
}
