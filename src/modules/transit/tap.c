/* What every gate and desk begins with. */
#include "transit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t number_of(const char *text)
{
    if (!text || !*text || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text)) {
        return 0;
    }
    return (uint32_t)strtoul(text, NULL, 10);
}

static int gate_interval(struct tap *p)
{
    const char *own = p->req->host->terminal_param(p->req, "same_card_seconds");
    p->again_seconds = p->t->same_card_seconds;
    if (!own) {
        return 0;
    }
    char *end;
    long seconds = strtol(own, &end, 10);
    if (end == own || *end || seconds < 0 || seconds > 86400) {
        return p->req->host->refuse(p->plan, OC_R_TERMINAL_MAY_NOT,
                                    "the terminal's same_card_seconds is no number");
    }
    p->again_seconds = seconds;
    return 0;
}

static int read_state(struct tap *p, bool journey)
{
    int rc = state_co_read(p->req, &p->s);
    if (rc || !journey) {
        return rc;
    }
    struct journey_seen seen;
    journey_read(p, &seen);
    const char *why = journey_merge(&seen, &p->s);
    if (why) {
        p->req->host->plan_event(p->plan, "journey_mismatch", why);
    }
    return 0;
}

int tap_co_begin(const struct transit *t, const struct onecard_request *req,
                 struct onecard_plan *plan, bool journey, struct tap *ret)
{
    const char *table = req->host->terminal_param(req, "table");
    *ret = (struct tap){.t = t,
                        .req = req,
                        .plan = plan,
                        .now = fare_time_now(req->now_ms, req->city_time),
                        .station = number_of(req->host->terminal_param(req, "station")),
                        .line = number_of(req->host->terminal_param(req, "line")),
                        .table = table ? table : t->table,
                        .recorded = t->set.count > 0};
    int rc = gate_interval(ret);
    return rc || !ret->recorded || !req->card ? rc : read_state(ret, journey);
}

const struct fare_table *tap_table(struct tap *p, const char *name, fare_time at, int *rc)
{
    if (!*name) {
        return p->t->plain;
    }
    const struct fare_table *t = fare_table_at(&p->t->set, name, at);
    if (!t) {
        *rc =
            p->req->host->refuse(p->plan, OC_R_TERMINAL_MAY_NOT,
                                 "no fare table \"%.31s\" is in force on %d", name, fare_date(at));
    }
    return t;
}

bool tap_again(const struct tap *p, int type)
{
    const struct onecard_card *c = p->req->card;
    if (!p->recorded) { /* a clock that stepped back counts as "just now" */
        return c->last_ms && strcmp(c->last_service, p->req->service) == 0 &&
               strcmp(c->last_terminal, p->req->terminal.id) == 0 &&
               p->req->now_ms - c->last_ms < p->again_seconds * 1000;
    }
    return p->s.last && p->s.type == type && strcmp(p->s.gate, p->req->terminal.id) == 0 &&
           p->now - p->s.last < p->again_seconds;
}

const char *tap_category(struct tap *p, fare_time at)
{
    const struct onecard_card *c = p->req->card;
    const struct fare_claim card = {c->card_category, 0, c->card_category_until};
    const struct fare_claim ledger = {c->ledger_category, c->ledger_category_from,
                                      c->ledger_category_until};
    bool mismatch = false;
    const char *category = fare_category(&card, &ledger, fare_date(at), &mismatch);
    if (mismatch) {
        char text[160];
        snprintf(text, sizeof(text),
                 "the card says %.24s until %d, the ledger %.24s from %d until %d",
                 *c->card_category ? c->card_category : "nothing", c->card_category_until,
                 *c->ledger_category ? c->ledger_category : "nothing", c->ledger_category_from,
                 c->ledger_category_until);
        p->req->host->plan_event(p->plan, "category_mismatch", text);
    }
    return category;
}

bool param_station(struct tap *p, const struct fare_table *table, const char *name, uint32_t *ret,
                   int *rc)
{
    const char *text = p->req->host->param_text(p->req, name);
    *ret = 0;
    if (!text || !*text) {
        return true;
    }
    *ret = number_of(text);
    for (unsigned i = 0; i < table->station_count; i++) {
        if (strcmp(table->stations[i].name, text) == 0) {
            *ret = table->stations[i].id;
        }
    }
    if (*ret && (table->kind == FARE_FLAT || fare_station(table, *ret))) {
        return true;
    }
    *rc = p->req->host->refuse(p->plan, OC_R_PARAMETER, "%s: no station \"%.40s\" in table %s",
                               name, text, table->name);
    return false;
}
