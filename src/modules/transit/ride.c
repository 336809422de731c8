/* transit.ride: one tap, one flat fare. It does not read the chip's journey record: the fare is
 * known before INITIALIZE and the tap costs two round trips. */
#include "transit.h"

#include <stdlib.h>
#include <string.h>

static bool is_yes(const char *text)
{
    return text && strcmp(text, "yes") == 0;
}

/* The gate's own fare, where it has one. */
static int gate_fare(struct tap *p, struct fare_ride *ride)
{
    const struct onecard_host *h = p->req->host;
    const char *own = h->terminal_param(p->req, "fare");
    if (!own) {
        return 0;
    }
    if (h->parse_fen(own, &ride->price) || ride->price <= 0 || ride->price > ONECARD_AMOUNT_MAX) {
        return h->refuse(p->plan, OC_R_TERMINAL_MAY_NOT,
                         "the terminal's fare \"%.20s\" is no amount", own);
    }
    ride->priced = true;
    return 0;
}

/* R8: *ret_companion, or the refusal. */
static int second_tap(struct tap *p, bool *ret_companion)
{
    const struct onecard_host *h = p->req->host;
    const char *asked = h->param_text(p->req, "companion");
    if (asked && strcmp(asked, "yes") != 0 && strcmp(asked, "no") != 0) {
        return h->refuse(p->plan, OC_R_PARAMETER, "companion is yes or no");
    }
    bool second = tap_again(p, JOURNEY_RIDE);
    bool may = is_yes(asked) || (!asked && is_yes(h->terminal_param(p->req, "companion")));
    if (second && !may) {
        return h->refuse(p->plan, OC_R_SAME_CARD, "this card rode here less than %lld s ago",
                         (long long)p->again_seconds);
    }
    *ret_companion = is_yes(asked) || second;
    return 0;
}

int transit_ride(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct tap p;
    int rc = tap_co_begin(ctx, req, plan, false, &p);
    if (rc) {
        return rc;
    }
    struct charge c = {.type = JOURNEY_RIDE};
    c.ride = (struct fare_ride){.at = p.now, .end = p.now, .line = p.line, .to = p.station};
    c.table = tap_table(&p, p.table, p.now, &rc);
    rc = rc ? rc : gate_fare(&p, &c.ride);
    rc = rc ? rc : second_tap(&p, &c.ride.plain);
    if (rc) {
        return rc;
    }
    if (c.table->kind != FARE_FLAT && !c.ride.priced) {
        return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT,
                                 "table %.31s is no flat one: this needs entry and exit",
                                 c.table->name);
    }
    c.ride.category = c.ride.plain ? "" : tap_category(&p, p.now);
    rc = charge_quote(&p, &c);
    rc = rc ? rc : post_charge(&p, &c);
    if (rc == 0 && c.ride.plain) {
        req->host->plan_reply_text(plan, "companion", "yes");
    }
    return rc;
}
