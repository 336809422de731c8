/* What a service must have before it is asked: looked at for the service that was requested and for
 * each one that is asked on its behalf. */
#include "module/internal.h"

#define NEEDS_1_1 511u /* flags that modules built for 1.1 and before could mean */

unsigned service_needs(const struct service *s)
{
    unsigned needs = s->abi->needs;
    return s->module->abi->abi_minor < 2 ? needs & NEEDS_1_1 : needs;
}

static int check_amount(unsigned needs, const struct onecard_request *r, struct plan *p)
{
    if (r->amount_fen < 0 || r->amount_fen > ONECARD_AMOUNT_MAX) {
        return decision_refuse(p, OC_R_AMOUNT, "an amount is 0.01 to 10,000,000.00 yuan");
    }
    if ((needs & OC_NEEDS_AMOUNT) && r->amount_fen == 0) {
        return decision_refuse(p, OC_R_AMOUNT, "this service needs an amount");
    }
    return 0;
}

static int check_card(unsigned needs, const struct onecard_request *r, struct plan *p)
{
    if ((needs & OC_NEEDS_CARD) && !r->card) {
        return decision_refuse(p, OC_R_NO_CARD, "this service needs a card");
    }
    if ((needs & OC_NEEDS_BALANCE) && !(r->card && r->card->has_balance)) {
        return decision_refuse(p, OC_R_CARD_ERROR, "the chip's balance was not read");
    }
    if ((needs & OC_NEEDS_ORIGINAL) && !r->original) {
        return decision_refuse(p, OC_R_ORIGINAL_UNKNOWN,
                               "this service needs an earlier transaction: txn=ID");
    }
    return 0;
}

static int check_person(unsigned needs, const struct onecard_request *r, struct plan *p)
{
    if ((needs & OC_NEEDS_CITIZEN) && !r->citizen[0]) {
        return decision_refuse(p, OC_R_NO_CITIZEN,
                               "whom does it concern? A named card, or citizen=ID");
    }
    if ((needs & OC_NEEDS_PRESENCE) && r->strength < OC_STRENGTH_CODE) {
        return decision_refuse(p, OC_R_NEEDS_PRESENCE, NULL);
    }
    if ((needs & OC_NEEDS_PIN) && r->strength < OC_STRENGTH_PIN) {
        return decision_refuse(p, OC_R_NEEDS_PRESENCE, "the card's PIN was not verified");
    }
    if ((needs & OC_NEEDS_DOCUMENT) && !r->document) {
        return decision_refuse(p, OC_R_PARAMETER, "a document must come with this request");
    }
    return 0;
}

/* One that is asked gets what the requester's own service had read, nothing more. */
static int check_asked(const struct decision *d, unsigned needs, const struct onecard_request *r,
                       struct plan *p)
{
    bool number = r->presented == OC_PRESENTED_CODE || r->presented == OC_PRESENTED_NUMBER;
    if ((needs & OC_NEEDS_CARD) && !(needs & OC_TAKES_NUMBER) && number) {
        return decision_refuse(p, OC_R_NEEDS_CHIP, NULL);
    }
    if (needs & ~d->given & (OC_NEEDS_LOG | OC_NEEDS_ACCOUNT | OC_NEEDS_JOURNEY)) {
        return decision_refuse(p, OC_R_CARD_ERROR, "what the asked service needs was not read");
    }
    return 0;
}

int needs_check(const struct decision *d, const struct onecard_request *r, struct plan *p)
{
    unsigned needs = service_needs(d->service);
    if (r->institution && !d->up && !(needs & OC_BY_PARTICIPANT)) {
        return decision_refuse(p, OC_R_TERMINAL_MAY_NOT, "institutions may not ask this service");
    }
    int rc = check_amount(needs, r, p);
    rc = rc ? rc : check_card(needs, r, p);
    rc = rc ? rc : check_person(needs, r, p);
    return rc || !d->up ? rc : check_asked(d, needs, r, p);
}
