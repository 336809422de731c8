/* A tap as a plan: who pays and who bears (R14), what the chip and the ledger are told to remember
 * (R17), and what the requester is answered. */
#include "transit.h"

#include <stdio.h>
#include <string.h>

int charge_quote(struct tap *p, struct charge *c)
{
    c->before = p->s.sums;
    if (!fare_quote(c->table, &c->ride, &p->s.sums, &c->f)) {
        return p->req->host->refuse(p->plan, OC_R_TERMINAL_MAY_NOT,
                                    "table %.31s has no fare from station %u to %u", c->table->name,
                                    c->ride.from, c->ride.to);
    }
    fare_count(c->table, &c->ride, &c->f, &p->s.sums);
    return 0;
}

static void put_moment(const struct tap *p)
{
    char stamp[15];
    fare_stamp(p->now, stamp);
    p->req->host->plan_capp_text(p->plan, "datetime", stamp);
}

/* The sums as of today, as an offline gate would read them. */
static void put_sums(const struct tap *p)
{
    const struct onecard_host *h = p->req->host;
    const struct fare_sums *s = &p->s.sums;
    h->plan_capp_int(p->plan, "transfer", s->transfers < 255 ? s->transfers : 255);
    if (p->t->card_sums) {
        h->plan_capp_int(p->plan, "day_sum", s->day == fare_date(p->now) ? s->day_fen : 0);
        h->plan_capp_int(p->plan, "month_sum", s->month == fare_month(p->now) ? s->month_fen : 0);
    }
}

/* A field that this card's layout lacks is left out by the switch. */
static void put_journey(const struct tap *p, const struct charge *c)
{
    static const char *const own[] = {"city", "acquirer", "aux", "line", "station"};
    const struct onecard_host *h = p->req->host;
    size_t count = sizeof(own) / sizeof(own[0]);
    if (c->type == JOURNEY_ENTRY) { /* a desk may let in as of another station than its own */
        h->plan_capp_int(p->plan, "line", p->s.open.line);
        h->plan_capp_int(p->plan, "station", p->s.open.station);
        count -= 2;
    }
    for (size_t i = 0; i < count; i++) {
        const char *value = h->terminal_param(p->req, own[i]);
        if (value) {
            h->plan_capp_text(p->plan, own[i], value);
        }
    }
    const char *type = c->type == JOURNEY_RIDE ? h->terminal_param(p->req, "type") : NULL;
    const char *entry = h->terminal_param(p->req, "entry_station");
    if (type) {
        h->plan_capp_text(p->plan, "type", type);
    } else {
        h->plan_capp_int(p->plan, "type", c->type);
    }
    if (c->type == JOURNEY_RIDE && entry) {
        h->plan_capp_text(p->plan, "entry_station", entry);
    } else if (c->type != JOURNEY_RIDE) {
        h->plan_capp_int(p->plan, "entry_station",
                         c->type == JOURNEY_ENTRY ? p->s.open.station : c->ride.from);
    }
    h->plan_capp_int(p->plan, "gross", c->f.gross);
    h->plan_capp_int(p->plan, "discount", c->f.gross - c->f.citizen);
    const char *code =
        c->f.applied ? h->conf_map(p->t->conf, "category_codes", c->f.applied->category) : NULL;
    if (code) {
        h->plan_capp_text(p->plan, "category", code);
    }
    if (p->recorded) {
        put_moment(p);
        put_sums(p);
    }
}

static void put_legs(const struct tap *p, const struct charge *c)
{
    const struct onecard_host *h = p->req->host;
    struct fare_leg legs[FARE_LEGS_MAX];
    unsigned count = fare_legs(&c->f, *c->op ? c->op : p->req->terminal.participant, legs);
    for (unsigned i = 0; i < count; i++) {
        if (legs[i].amount) {
            h->plan_leg(p->plan, legs[i].bearer ? OC_ACCT_BEARER : OC_ACCT_MERCHANT, legs[i].owner,
                        legs[i].amount);
        }
    }
    if (c->f.gross) {
        h->plan_gross(p->plan, c->f.gross);
    }
}

/* The chip remembers where it can; who cannot be told by the chip is let through by the ledger. */
static int pay(const struct tap *p, const struct charge *c)
{
    const struct onecard_host *h = p->req->host;
    if (p->req->card->has_capp || c->f.citizen > 0) {
        h->plan_debit(p->plan, c->f.citizen);
    } else if (!p->recorded || c->type == JOURNEY_RIDE) {
        return h->refuse(p->plan, OC_R_UNSUPPORTED_CARD,
                         "this kind of card cannot carry a free journey");
    } else if (c->f.gross) {
        h->plan_account(p->plan, c->f.gross);
    } else {
        h->plan_note(p->plan);
    }
    put_legs(p, c);
    if (p->req->card->has_capp) {
        put_journey(p, c);
    }
    return 0;
}

static void remember(struct tap *p, int type)
{
    p->s.last = p->now;
    p->s.type = type;
    p->s.on_card = p->req->card->has_capp;
    p->s.adjusted = false;
    snprintf(p->s.gate, sizeof(p->s.gate), "%s", p->req->terminal.id);
    for (int i = 0; i < FARE_HELD_MAX; i++) { /* a pass that has ended makes room */
        struct fare_pass *pass = &p->s.sums.passes[i];
        if (*pass->id && (pass->until < fare_date(p->now) || pass->left == 0)) {
            *pass = (struct fare_pass){0};
        }
    }
    state_write(p->req, p->plan, &p->s);
}

/* The facts of the ride: what a refund, a comparison of tables and a journey list count with. */
static void reply_ride(const struct tap *p, const struct charge *c)
{
    const struct onecard_host *h = p->req->host;
    const struct fare_ride *r = &c->ride;
    struct onecard_doc *d = h->doc_object(p->req);
    char stamp[15], sums[SUMS_TEXT];
    h->doc_set_text(d, "table", c->table->name);
    fare_stamp(r->at, stamp);
    h->doc_set_text(d, "at", stamp);
    fare_stamp(r->end, stamp);
    h->doc_set_text(d, "end", stamp);
    h->doc_set_int(d, "line", r->line);
    h->doc_set_int(d, "from", r->from);
    h->doc_set_int(d, "to", r->to);
    h->doc_set_text(d, "category", r->category ? r->category : "");
    if (r->priced) {
        h->doc_set_int(d, "price", r->price);
    }
    if (r->surcharge) {
        h->doc_set_int(d, "surcharge", r->surcharge);
    }
    if (r->plain) {
        h->doc_set_bool(d, "plain", true);
    }
    h->plan_reply_doc(p->plan, "ride", d);
    if (p->recorded) {
        sums_text(&c->before, c->table->name, sums);
        h->plan_reply_text(p->plan, "before", sums);
    }
}

static void reply(const struct tap *p, const struct charge *c)
{
    const struct onecard_host *h = p->req->host;
    const struct fare *f = &c->f;
    h->plan_reply_fen(p->plan, "gross_fen", f->gross);
    h->plan_reply_fen(p->plan, "borne_fen", f->gross - f->citizen);
    h->plan_reply_text(p->plan, "category", f->applied ? f->applied->category : "");
    if (!p->recorded) {
        reply_ride(p, c);
        return;
    }
    h->plan_reply_text(p->plan, "direction",
                       c->type == JOURNEY_RIDE    ? "ride"
                       : c->type == JOURNEY_ENTRY ? "entry"
                                                  : "exit");
    for (unsigned i = 0; i < f->cut_count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "%s_fen", fare_cut_name(f->cuts[i].kind));
        h->plan_reply_fen(p->plan, name, f->cuts[i].amount);
    }
    if (f->applied && f->applied->quota) {
        const struct fare_sums *s = &p->s.sums;
        h->plan_reply_int(p->plan, "quota_left",
                          s->quota_used < f->applied->quota ? f->applied->quota - s->quota_used
                                                            : 0);
    }
    if (f->pass >= 0) {
        h->plan_reply_text(p->plan, "pass", c->before.passes[f->pass].id);
    }
    if (f->surcharge) {
        h->plan_reply_fen(p->plan, "surcharge_fen", f->surcharge);
    }
    if (f->gross || c->type != JOURNEY_ENTRY) {
        reply_ride(p, c);
    }
}

int post_charge(struct tap *p, const struct charge *c)
{
    int rc = pay(p, c);
    if (rc) {
        return rc;
    }
    if (p->recorded) {
        remember(p, c->type);
    }
    reply(p, c);
    return 0;
}
