/* transit.entry, transit.exit, transit.gate: journeys from a station to another. The table in force
 * at the entry holds for the whole journey, and so do the day, the claim and the pass of that
 * moment. */
#include "transit.h"

#include <string.h>

static int needs_station(struct tap *p)
{
    if (!p->station) {
        return p->req->host->refuse(p->plan, OC_R_TERMINAL_MAY_NOT,
                                    "the terminal has no parameter station");
    }
    if (!*p->table) {
        return p->req->host->refuse(
            p->plan, OC_R_TERMINAL_MAY_NOT,
            "neither the terminal nor the configuration names a fare table");
    }
    return 0;
}

static int same_card(struct tap *p, const char *what)
{
    return p->req->host->refuse(p->plan, OC_R_SAME_CARD, "this card %s here just now", what);
}

/* A journey that was never ended is charged now, or sent to the desk. */
static int end_open(struct tap *p, struct charge *c)
{
    const struct onecard_host *h = p->req->host;
    struct open_journey *o = &p->s.open;
    int rc = 0;
    const struct fare_table *t = tap_table(p, *o->table ? o->table : p->table, o->at, &rc);
    if (!t) {
        return rc;
    }
    if (!t->missing_exit.set) {
        return h->refuse(p->plan, OC_R_ENTRY_OPEN, "it was let in at station %u and never out",
                         o->station);
    }
    c->table = t;
    strcpy(c->op, o->op);
    c->ride = (struct fare_ride){.at = o->at,
                                 .end = p->now,
                                 .line = o->line,
                                 .from = o->station,
                                 .priced = true,
                                 .price = t->missing_exit.fare,
                                 .plain = true};
    h->plan_reply_text(p->plan, "missing", "exit");
    return charge_quote(p, c);
}

static void open_here(struct tap *p, const struct fare_table *t)
{
    struct open_journey o = {
        .open = true, .at = p->now, .fresh = p->now, .station = p->station, .line = p->line};
    strcpy(o.table, t->name);
    strncat(o.op, p->req->terminal.participant, sizeof(o.op) - 1);
    p->s.open = o;
}

static int may_enter(struct tap *p, const struct fare_table *t)
{
    const struct onecard_host *h = p->req->host;
    const struct onecard_card *card = p->req->card;
    const struct open_journey *o = &p->s.open;
    if (tap_again(p, JOURNEY_ENTRY)) {
        return same_card(p, "was let in");
    }
    if (o->open && t->pass_back && o->station == p->station && p->now - o->at < t->pass_back) {
        return h->refuse(p->plan, OC_R_SAME_CARD, "this card was let in at this station just now");
    }
    if (t->kind != FARE_FLAT && !fare_station(t, p->station)) {
        return h->refuse(p->plan, OC_R_TERMINAL_MAY_NOT, "station %u is not in table %.31s",
                         p->station, t->name);
    }
    if (t->entry_least && card->has_balance && card->balance_fen < t->entry_least) {
        return h->refuse(p->plan, OC_R_INSUFFICIENT,
                         "at least %lld.%02lld yuan must be on the card",
                         (long long)t->entry_least / 100, (long long)t->entry_least % 100);
    }
    return 0;
}

int gate_enter(struct tap *p)
{
    int rc = needs_station(p);
    const struct fare_table *t = rc ? NULL : tap_table(p, p->table, p->now, &rc);
    if (!t) {
        return rc;
    }
    struct charge c = {.table = t, .type = JOURNEY_ENTRY};
    c.f.pass = -1;
    rc = may_enter(p, t);
    if (rc == 0 && p->s.open.open) {
        rc = end_open(p, &c);
    }
    if (rc) {
        return rc;
    }
    open_here(p, t);
    c.type = JOURNEY_ENTRY;
    rc = post_charge(p, &c);
    if (rc == 0) {
        p->req->host->plan_reply_int(p->plan, "station", p->station);
    }
    return rc;
}

/* Nobody knows where it came from: a price of its own, or the desk. */
static int leave_unknown(struct tap *p, struct charge *c)
{
    int rc = 0;
    c->table = tap_table(p, p->table, p->now, &rc);
    if (!c->table) {
        return rc;
    }
    if (!c->table->missing_entry.set) {
        return p->req->host->refuse(p->plan, OC_R_NO_ENTRY, "station %u", p->station);
    }
    c->ride = (struct fare_ride){.at = p->now,
                                 .end = p->now,
                                 .line = p->line,
                                 .to = p->station,
                                 .priced = true,
                                 .price = c->table->missing_entry.fare,
                                 .plain = true};
    p->req->host->plan_reply_text(p->plan, "missing", "entry");
    return 0;
}

static int leave_open(struct tap *p, struct charge *c)
{
    const struct open_journey *o = &p->s.open;
    int rc = 0;
    c->table = tap_table(p, *o->table ? o->table : p->table, o->at, &rc);
    if (!c->table) {
        return rc;
    }
    const struct fare_table *t = c->table;
    c->ride = (struct fare_ride){
        .at = o->at, .end = p->now, .line = p->line, .from = o->station, .to = p->station};
    if (t->time_most && p->now - o->fresh > t->time_most) {
        if (!t->over_time.set) {
            return p->req->host->refuse(
                p->plan, OC_R_OVER_TIME, "%lld minutes since station %u; %lld are allowed",
                (long long)(p->now - o->fresh) / 60, o->station, (long long)t->time_most / 60);
        }
        c->ride.surcharge = t->over_time.fare;
    }
    if (o->station == p->station && t->same_station.set &&
        p->now - o->at <= t->same_station.seconds) {
        c->ride.priced = true;
        c->ride.price = t->same_station.fare;
    }
    c->ride.category = tap_category(p, o->at);
    return 0;
}

int gate_leave(struct tap *p)
{
    struct charge c = {.type = JOURNEY_EXIT};
    int rc = needs_station(p);
    if (rc) {
        return rc;
    }
    if (tap_again(p, JOURNEY_EXIT)) {
        return same_card(p, "was let out");
    }
    rc = p->s.open.open ? leave_open(p, &c) : leave_unknown(p, &c);
    rc = rc ? rc : charge_quote(p, &c);
    if (rc) {
        return rc;
    }
    p->s.open = (struct open_journey){0};
    return post_charge(p, &c);
}

static int begin(void *ctx, const struct onecard_request *req, struct onecard_plan *plan,
                 struct tap *ret)
{
    const struct transit *t = ctx;
    if (!t->set.count) {
        return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT,
                                 "there are no fare tables: modules.transit.fares");
    }
    return tap_co_begin(t, req, plan, true, ret);
}

int transit_entry(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct tap p;
    int rc = begin(ctx, req, plan, &p);
    return rc ? rc : gate_enter(&p);
}

int transit_exit(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct tap p;
    int rc = begin(ctx, req, plan, &p);
    return rc ? rc : gate_leave(&p);
}

int transit_gate(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct tap p;
    int rc = begin(ctx, req, plan, &p);
    if (rc) {
        return rc;
    }
    const char *direction = req->host->terminal_param(req, "direction");
    if (direction && strcmp(direction, "entry") == 0) {
        return gate_enter(&p);
    }
    if (direction && strcmp(direction, "exit") == 0) {
        return gate_leave(&p);
    }
    if (direction && strcmp(direction, "both") != 0) {
        return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT,
                                 "the terminal's direction is entry, exit or both");
    }
    if (tap_again(&p, JOURNEY_ENTRY) || tap_again(&p, JOURNEY_EXIT)) {
        return same_card(&p, "went through");
    }
    return p.s.open.open ? gate_leave(&p) : gate_enter(&p);
}
