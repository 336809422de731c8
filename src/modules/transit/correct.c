/* transit.correct: the station desk (补票). Four things go wrong with journeys, and a clerk sets
 * each right with the card on the reader:
 *
 *   never let out      exit=STATION          pays the way to there, the journey ends
 *   never let in       entry=STATION         the journey begins there, now; the exit gate charges
 *                      entry= and exit=      … or the desk charges the whole way at once
 *   stayed too long    (neither)             pays the surcharge; the time begins anew
 *   not the citizen's  waive=yes             the journey ends and costs nothing */
#include "transit.h"

#include <string.h>

struct correction {
    uint32_t entry, exit;
    bool waive;
};

static int read_params(struct tap *p, const struct fare_table *t, struct correction *ret)
{
    const struct onecard_host *h = p->req->host;
    const char *waive = h->param_text(p->req, "waive");
    int rc = 0;
    if (!param_station(p, t, "entry", &ret->entry, &rc) ||
        !param_station(p, t, "exit", &ret->exit, &rc)) {
        return rc;
    }
    ret->waive = waive && strcmp(waive, "yes") == 0;
    if (waive && !ret->waive && strcmp(waive, "no") != 0) {
        return h->refuse(p->plan, OC_R_PARAMETER, "waive is yes or no");
    }
    return 0;
}

static const struct fare_table *table_of(struct tap *p, int *rc)
{
    const struct open_journey *o = &p->s.open;
    const char *asked = p->req->host->param_text(p->req, "table");
    const char *name = o->open && *o->table ? o->table : asked ? asked : p->table;
    if (!*name) {
        *rc = p->req->host->refuse(p->plan, OC_R_PARAMETER, "which fare table? table=NAME");
        return NULL;
    }
    return tap_table(p, name, o->open ? o->at : p->now, rc);
}

static int charged(struct tap *p, struct charge *c, const char *what)
{
    int rc = charge_quote(p, c);
    if (rc) {
        return rc;
    }
    p->s.open = (struct open_journey){0};
    rc = post_charge(p, c);
    if (rc == 0) {
        p->req->host->plan_reply_text(p->plan, "correction", what);
    }
    return rc;
}

static int never_out(struct tap *p, struct charge *c, uint32_t exit)
{
    const struct open_journey *o = &p->s.open;
    c->ride = (struct fare_ride){.at = o->at,
                                 .end = p->now,
                                 .line = o->line,
                                 .from = o->station,
                                 .to = exit,
                                 .category = tap_category(p, o->at)};
    strcpy(c->op, o->op);
    return charged(p, c, "exit");
}

static int whole_way(struct tap *p, struct charge *c, const struct correction *k)
{
    c->ride = (struct fare_ride){.at = p->now,
                                 .end = p->now,
                                 .line = p->line,
                                 .from = k->entry,
                                 .to = k->exit,
                                 .category = tap_category(p, p->now)};
    return charged(p, c, "way");
}

static int waived(struct tap *p, struct charge *c)
{
    const struct open_journey *o = &p->s.open;
    char text[96] = "a journey was ended without a fare at the station desk";
    c->ride = (struct fare_ride){.at = o->at,
                                 .end = p->now,
                                 .line = o->line,
                                 .from = o->station,
                                 .to = p->station,
                                 .priced = true,
                                 .plain = true};
    p->req->host->plan_event(p->plan, "journey_waived", text);
    return charged(p, c, "waived");
}

/* The entry stands, its time begins anew: the exit gate opens. */
static int renewed(struct tap *p, struct charge *c)
{
    const struct fare_table *t = c->table;
    struct open_journey *o = &p->s.open;
    if (!t->time_most || p->now - o->fresh <= t->time_most) {
        return p->req->host->refuse(
            p->plan, OC_R_PARAMETER,
            "the journey is open and not too long: exit=STATION or waive=yes");
    }
    c->type = JOURNEY_ENTRY;
    c->ride = (struct fare_ride){.at = o->at,
                                 .end = p->now,
                                 .from = o->station,
                                 .priced = true,
                                 .price = t->over_time.set ? t->over_time.fare : fare_cheapest(t),
                                 .plain = true};
    int rc = charge_quote(p, c);
    if (rc) {
        return rc;
    }
    o->fresh = p->now;
    rc = post_charge(p, c);
    if (rc == 0) {
        p->req->host->plan_reply_text(p->plan, "correction", "time");
    }
    return rc;
}

static int never_in(struct tap *p, struct charge *c, uint32_t entry)
{
    c->type = JOURNEY_ENTRY;
    p->s.open = (struct open_journey){
        .open = true, .at = p->now, .fresh = p->now, .station = entry, .line = p->line};
    strcpy(p->s.open.table, c->table->name);
    strncat(p->s.open.op, p->req->terminal.participant, sizeof(p->s.open.op) - 1);
    int rc = post_charge(p, c);
    if (rc == 0) {
        p->req->host->plan_reply_text(p->plan, "correction", "entry");
    }
    return rc;
}

int transit_correct(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct tap p;
    struct correction k = {0};
    struct charge c = {.type = JOURNEY_EXIT, .f = {.pass = -1}};
    int rc = tap_co_begin(ctx, req, plan, true, &p);
    if (rc == 0) {
        c.table = table_of(&p, &rc);
    }
    rc = rc ? rc : read_params(&p, c.table, &k);
    if (rc) {
        return rc;
    }
    if (p.s.open.open) {
        return k.waive ? waived(&p, &c) : k.exit ? never_out(&p, &c, k.exit) : renewed(&p, &c);
    }
    if (k.entry && k.exit) {
        return whole_way(&p, &c, &k);
    }
    if (k.entry) {
        return never_in(&p, &c, k.entry);
    }
    return req->host->refuse(plan, OC_R_NO_ENTRY, "no journey is open: entry=STATION opens one");
}
