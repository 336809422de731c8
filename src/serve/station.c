/* Local terminals. Each terminal row is a station; one with a gate service and a reader has a flow
 * that watches the reader and serves each arriving card once (R8). A card that lies there is one
 * arrival, however long it lies; one that lay there when the daemon started is not charged again.
 *
 *   watch, in the background: wait for an arrival, leave it to a desk that waits, start the gate
 *   gate, a flow of its own:  lock the lane, txn_co_run(gate), remember and log, unlock
 *
 * The gate's dialogue is a flow of its own so that its arena ends with it, and so that stopping the
 * watch never stops a dialogue. */
#include "serve/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANE_WAIT_MS  5000
#define START_MS      3000 /* so long after the start a card found on a reader lay there before */
#define TERMINALS_MAX 256  /* rows a page */

/* ---- lanes ---- */

int lane_get(struct serve *s, const char *name, struct lane **ret)
{
    struct reader *reader;
    int rc = readers_bind(s->readers, name, &reader);
    if (rc != 0)
        return rc;
    LIST_EACH(at, &s->lanes)
    {
        struct lane *l = CONTAINER_OF(at, struct lane, link);
        if (l->reader == reader) {
            *ret = l;
            return 0;
        }
    }
    struct lane *l = calloc(1, sizeof *l);
    if (!l)
        return OC_ENOMEM;
    l->reader = reader;
    flow_mutex_init(&l->lock);
    list_add_tail(&s->lanes, &l->link);
    *ret = l;
    return 0;
}

/* ---- parameters of terminals ---- */

int64_t station_param_ms(const struct station *st, const char *name, int64_t dflt)
{
    if (!strstr(st->row.t.params, name)) /* the usual case is quick: a gate asks at each tap */
        return dflt;
    json_t *params = json_raw(st->row.t.params);
    const char *text = json_string_value(json_object_get(params, name));
    char *end = NULL;
    errno = 0;
    long v = text ? strtol(text, &end, 10) : 0;
    bool good = text && end != text && *end == '\0' && errno == 0 && v >= 0 && v <= 3600;
    if (text && !good)
        log_warn("serve", "terminal=%s parameter %s=%s is no number of seconds", st->row.t.id, name,
                 text);
    json_decref(params);
    return good ? (int64_t)v * 1000 : dflt;
}

/* ---- a gate's dialogue ---- */

struct gate_run {
    struct serve *serve;
    struct station *station;
    struct txn_request req;
    struct txn_result res;
};

/* What a driver wants to know at a glance. */
static void log_gate(const struct station *st, const struct txn_result *r)
{
    char amount[FEN_TEXT], balance[FEN_TEXT];
    const char *left = r->has_balance ? fen_text(r->balance, balance) : "?";
    if (r->outcome == OC_POSTED)
        log_info("gate", "%s PASS 通过 %s yuan, balance %s", st->row.t.id,
                 fen_text(r->amount, amount), left);
    else if (r->reason == OC_R_OTHER_CARD || r->outcome == OC_IN_DOUBT)
        log_info("gate", "%s WAIT 请放回原卡 %s, balance %s", st->row.t.id, oc_reason_zh(r->reason),
                 left);
    else
        log_info("gate", "%s STOP 拒绝 %s (%s), balance %s", st->row.t.id, oc_reason_zh(r->reason),
                 oc_reason_code(r->reason), left);
}

/* A card that lies on a reader of this machine is not sent away: it waits for its place. */
static CO_FN int gate_run(struct gate_run *g, struct reader *reader)
{
    struct serve *s = g->serve;
    struct admit_place place = {0};
    uint32_t retry = 0;
    int rc = OC_EBUSY;
    while (rc == OC_EBUSY) {
        rc = admit_co_enter(&s->admit, &s->own_turn, &place, &retry);
        if (rc == OC_EBUSY && flow_co_sleep_ms(retry) != 0)
            rc = OC_ECANCELED;
    }
    if (rc == 0) {
        rc = txn_co_run(&s->env, reader, &g->req, &g->res);
        admit_leave(&place);
    }
    return rc;
}

static CO_FN void gate_serve(struct gate_run *g)
{
    struct station *st = g->station;
    struct lane *lane = st->lane;
    if (!lane) /* taken from its reader meanwhile */
        return;
    if (flow_co_lock(&lane->lock, flow_deadline_ms(LANE_WAIT_MS)) != 0) {
        log_info("gate", "%s leaves a card to another terminal on this reader", st->row.t.id);
        return;
    }
    st->busy = true;
    int rc = txn_request_hash(g->serve->crypto, &g->req, g->req.request_hash);
    if (rc == 0)
        rc = gate_run(g, lane->reader);
    if (st->lane == lane && g->req.arrival > st->served)
        st->served =
            g->req.arrival; /* a torn card that came back was served here: no second ride (R8) */
    flow_unlock(&lane->lock);
    st->busy = false;
    if (rc == OC_ECANCELED && g->res.txn == 0)
        return;
    station_remember(st, &g->res);
    log_gate(st, &g->res);
}

static int gate_flow(void *arg) CO_FN;
static int gate_flow(void *arg)
{
    struct gate_run *g = arg;
    flow_defer(free, g);
    flow_set_note(g->station->row.t.id);
    gate_serve(g);
    return 0;
}

static struct gate_run *gate_new(struct station *st, uint64_t arrival)
{
    struct gate_run *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->serve = st->serve;
    g->station = st;
    struct txn_request *r = &g->req;
    (void)snprintf(r->service, sizeof r->service, "%s", st->row.t.gate);
    (void)snprintf(r->terminal, sizeof r->terminal, "%s", st->row.t.id);
    if (strlen(st->row.t.id) <= 22)
        (void)snprintf(r->who, sizeof r->who, "terminal:%.22s", st->row.t.id);
    else /* never cut: a long one stands alone (R20) */
        (void)snprintf(r->who, sizeof r->who, "%s", st->row.t.id);
    if (rng_fill(st->serve->env.rng, &r->trace, sizeof r->trace) != 0)
        log_warn("gate", "%s this dialogue has no trace", st->row.t.id);
    r->gate = true;
    r->arrival = arrival;
    r->retap_ms = station_param_ms(st, "retap", st->serve->config->gate.retap_ms);
    return g;
}

/* ---- the watch over a gate's reader ---- */

static bool wants_gate(const struct station *st)
{
    return st->lane && st->row.t.gate[0] != '\0' && !st->row.t.closed;
}

/* What lies on the reader when the daemon comes up was served, or half served, by the one before:
 * it must be lifted first. A doubt of it is settled when it is presented again. */
static CO_FN int settle_start(struct station *st)
{
    struct reader *r = st->lane->reader;
    int64_t deadline = flow_deadline_ms(START_MS);
    if (st->settled)
        return 0;
    while (r->state == READER_GONE) {
        int rc = flow_co_wait(&r->changed, deadline);
        if (rc == OC_ETIMEDOUT)
            break;
        if (rc != 0)
            return rc;
    }
    if (r->state == READER_CARD || r->state == READER_MUTE) {
        st->served = r->arrival;
        log_info("gate", "%s a card lies on the reader already: it must be lifted and presented",
                 st->row.t.id);
    }
    st->settled = true;
    return 0;
}

static CO_FN int serve_arrival(struct station *st)
{
    struct flow *flow;
    struct lane *lane = st->lane;
    if (lane->desks > 0 || lane->lock.owner != NULL) {
        log_debug("gate", "%s leaves arrival %llu to a desk request", st->row.t.id,
                  (unsigned long long)st->served);
        return 0;
    }
    struct gate_run *g = gate_new(st, st->served);
    if (!g)
        return OC_ENOMEM;
    int rc = flow_start(st->serve->loop, "gate", gate_flow, g, &flow);
    if (rc != 0) {
        free(g);
        return rc;
    }
    rc = flow_co_join(flow, NULL, FLOW_FOREVER);
    flow_put(flow);
    return rc;
}

static CO_FN int watch(struct station *st)
{
    int rc = wants_gate(st) ? settle_start(st) : 0; /* the row may have changed since the start */
    while (rc == 0 && wants_gate(st)) {
        rc = reader_co_wait_arrival(st->lane->reader, st->served, FLOW_FOREVER, &st->served);
        if (rc == 0)
            rc = serve_arrival(st);
        if (rc == OC_ENOMEM || rc == OC_ELIMIT) {
            log_error("gate", "%s cannot serve a card: %s", st->row.t.id, oc_strerror(rc));
            rc = flow_co_sleep_ms(1000);
        }
    }
    return rc;
}

static int watch_start_(struct station *st);

static void watch_ended(void *arg)
{
    struct station *st = arg;
    flow_put(st->flow);
    st->flow = NULL;
    if (wants_gate(st) && !loop_stopping(st->serve->loop) && watch_start_(st) != 0)
        log_warn("gate", "%s: its watch is started again in a moment", st->row.t.id);
}

static int watch_flow(void *arg) CO_FN;
static int watch_flow(void *arg)
{
    struct station *st = arg;
    flow_set_background(true);
    flow_set_note(st->row.t.id);
    flow_defer(watch_ended, st);
    return watch(st);
}

static int watch_start_(struct station *st)
{
    if (st->flow || !wants_gate(st))
        return 0;
    int rc = flow_start(st->serve->loop, "gate watch", watch_flow, st, &st->flow);
    if (rc != 0)
        log_error("gate", "%s cannot be watched: %s", st->row.t.id, oc_strerror(rc));
    return rc;
}

void stations_watch_again(struct serve *s)
{
    LIST_EACH(at, &s->stations)
    (void)watch_start_(CONTAINER_OF(at, struct station, link));
}

/* ---- the registry ---- */

struct station *station_get(struct serve *s, const char *id)
{
    return map_get_str(&s->by_id, id);
}

static struct station *station_new(struct serve *s, const char *id)
{
    struct station *st = calloc(1, sizeof *st);
    if (!st || map_put_str(&s->by_id, id, st) != 0) {
        free(st);
        return NULL;
    }
    st->serve = s;
    admit_lane_init(&st->turn);
    list_init(&st->asked);
    list_add_tail(&s->stations, &st->link);
    return st;
}

void station_remember(struct station *st, const struct txn_result *r)
{
    if (!st->last)
        st->last = malloc(sizeof *st->last);
    if (st->last)
        *st->last = *r;
}

void stations_sam_moved(struct serve *s, const struct op_terminal *to)
{
    LIST_EACH(at, &s->stations)
    {
        struct op_terminal *o = &CONTAINER_OF(at, struct station, link)->row.t;
        if (strcmp(o->id, to->id) != 0 && memcmp(o->sam, to->sam, sizeof o->sam) == 0)
            memset(o->sam, 0, sizeof o->sam);
    }
}

int station_update(struct serve *s, const struct terminal_row *row)
{
    struct station *st = station_get(s, row->t.id);
    struct lane *lane = NULL;
    int rc = row->t.reader[0] != '\0' ? lane_get(s, row->t.reader, &lane) : 0;
    if (rc != 0) {
        log_error("serve", "terminal=%s reader \"%s\": %s", row->t.id, row->t.reader,
                  oc_strerror(rc));
        if (st) { /* its row names a reader that cannot be had: it works on no other instead */
            st->row = *row;
            st->lane = NULL;
            if (st->flow)
                flow_cancel(st->flow);
        }
        return rc;
    }
    if (!st) {
        st = station_new(s, row->t.id);
        if (!st)
            return OC_ENOMEM;
    }
    if (st->lane != lane) { /* arrivals are counted by reader */
        st->served = lane && s->ready ? lane->reader->arrival : 0;
        st->settled = s->ready;
    }
    terminals_changed(st, &row->t);
    st->row = *row;
    st->lane = lane;
    if (st->flow)
        flow_cancel(st->flow);
    return watch_start_(st);
}

int stations_co_start(struct serve *s)
{
    char after[LEDGER_ID] = "";
    unsigned n = TERMINALS_MAX, count = 0;
    struct terminal_row *rows = calloc(TERMINALS_MAX, sizeof *rows);
    if (!rows)
        return OC_ENOMEM;
    flow_defer(free, rows);
    while (n == TERMINALS_MAX) {
        int rc = ledger_co_terminals(s->ledger, after, rows, TERMINALS_MAX, &n);
        if (rc != 0)
            return rc;
        for (unsigned i = 0; i < n; i++) {
            if (station_update(s, &rows[i]) != 0)
                log_warn("serve", "terminal=%s does not work now", rows[i].t.id);
            memcpy(after, rows[i].t.id, sizeof after);
        }
        count += n;
    }
    log_info("serve", "%u terminals", count);
    return 0;
}

static void station_free(struct station *st)
{
    free(st->last);
    free(st);
}

void stations_free(struct serve *s)
{
    struct list *at;
    while ((at = list_pop(&s->stations)) != NULL)
        station_free(CONTAINER_OF(at, struct station, link));
    map_fini(&s->by_id);
    while ((at = list_pop(&s->lanes)) != NULL) {
        struct lane *l = CONTAINER_OF(at, struct lane, link);
        flow_mutex_fini(&l->lock);
        free(l);
    }
}
