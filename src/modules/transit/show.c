/* transit.fare: what a way costs, without a card. transit.journey: what the card and the ledger
 * know of a card's journey, sums and passes. */
#include "transit.h"

#include <stdio.h>
#include <string.h>

static void reply_fare(const struct onecard_request *req, struct onecard_plan *plan,
                       const struct fare_table *t, const struct fare *f)
{
    const struct onecard_host *h = req->host;
    h->plan_reply_text(plan, "table", t->name);
    h->plan_reply_int(plan, "table_from", t->from);
    h->plan_reply_fen(plan, "gross_fen", f->gross);
    h->plan_reply_fen(plan, "fare_fen", f->citizen);
    h->plan_reply_text(plan, "category", f->applied ? f->applied->category : "");
    for (unsigned i = 0; i < f->cut_count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "%s_fen", fare_cut_name(f->cuts[i].kind));
        h->plan_reply_fen(plan, name, f->cuts[i].amount);
    }
}

int transit_fare(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    static const struct fare_sums none = {.day = 0};
    struct tap p;
    int rc = tap_co_begin(ctx, req, plan, false, &p);
    if (rc) {
        return rc;
    }
    const char *name = h->param_text(req, "table"), *at = h->param_text(req, "at");
    struct fare_ride ride = {.at = p.now, .category = h->param_text(req, "category")};
    if (at && !fare_time_read(at, &ride.at)) {
        return h->refuse(plan, OC_R_PARAMETER, "at looks like \"2026-12-01 08:30\"");
    }
    ride.end = ride.at;
    const struct fare_table *t = tap_table(&p, name ? name : p.table, ride.at, &rc);
    if (!t || !param_station(&p, t, "from", &ride.from, &rc) ||
        !param_station(&p, t, "to", &ride.to, &rc)) {
        return rc;
    }
    ride.line = number_of(h->param_text(req, "line"));
    if (ride.category && *ride.category && strcmp(ride.category, "adult") != 0 &&
        !fare_concession(t, ride.category)) {
        return h->refuse(plan, OC_R_PARAMETER, "there is no concession for \"%.31s\"",
                         ride.category);
    }
    struct fare f;
    if (!fare_quote(t, &ride, &none, &f)) {
        return h->refuse(plan, OC_R_PARAMETER, "table %.31s needs from=STATION and to=STATION",
                         t->name);
    }
    reply_fare(req, plan, t, &f);
    return 0;
}

static struct onecard_doc *passes_doc(const struct tap *p)
{
    const struct onecard_host *h = p->req->host;
    struct onecard_doc *list = h->doc_array(p->req);
    for (int i = 0; i < FARE_HELD_MAX; i++) {
        const struct fare_pass *x = &p->s.sums.passes[i];
        if (*x->id && x->until >= fare_date(p->now) && x->left != 0) {
            struct onecard_doc *v = h->doc_object(p->req);
            h->doc_set_text(v, "pass", x->id);
            h->doc_set_text(v, "table", x->table);
            h->doc_set_int(v, "from", x->from);
            h->doc_set_int(v, "until", x->until);
            if (x->left > 0) {
                h->doc_set_int(v, "rides_left", x->left);
            }
            h->doc_set(list, NULL, v);
        }
    }
    return list;
}

static void reply_open(const struct tap *p)
{
    const struct onecard_host *h = p->req->host;
    const struct open_journey *o = &p->s.open;
    char stamp[15];
    h->plan_reply_text(p->plan, "journey", o->open ? "open" : "none");
    if (o->open) {
        fare_stamp(o->at, stamp);
        h->plan_reply_int(p->plan, "station", o->station);
        h->plan_reply_text(p->plan, "since", stamp);
        h->plan_reply_int(p->plan, "minutes", (p->now - o->fresh) / 60);
        h->plan_reply_text(p->plan, "table", *o->table ? o->table : p->table);
        h->plan_reply_text(p->plan, "operator", o->op);
    }
}

int transit_journey(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct tap p;
    struct journey_seen seen = {0};
    int rc = tap_co_begin(ctx, req, plan, false, &p);
    if (rc) {
        return rc;
    }
    journey_read(&p, &seen);
    const char *why = p.recorded ? journey_merge(&seen, &p.s) : NULL;
    reply_open(&p);
    if (why) {
        h->plan_reply_text(plan, "differs", why);
    }
    if (seen.known) {
        char stamp[15];
        fare_stamp(seen.at, stamp);
        h->plan_reply_text(plan, "card_tap", stamp);
        h->plan_reply_int(plan, "card_type", seen.type);
        h->plan_reply_int(plan, "card_station", seen.station);
    }
    const struct fare_sums *s = &p.s.sums;
    h->plan_reply_fen(plan, "day_fen", s->day == fare_date(p.now) ? s->day_fen : 0);
    h->plan_reply_fen(plan, "month_fen", s->month == fare_month(p.now) ? s->month_fen : 0);
    h->plan_reply_doc(plan, "passes", passes_doc(&p));
    return 0;
}
