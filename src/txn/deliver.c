/* The outbox: what was committed to be told to institutions is told them, at least once, each
 * message under an idempotency key of its own, until it is acknowledged (R12, R4: nothing here ends
 * by the clock).
 *
 *   one background flow a route: looks for what is due, page by page in the order of ids
 *        │ starts, while lanes are free
 *        ▼
 *   one flow a message: posts, and the institution …
 *        - acknowledges: SENT
 *        - is away: it waits, longer each time, as often as it takes
 *        - says no: counted; after `attempts` DEAD, for a person
 *
 * Of one transaction's messages to one institution each waits for the one before it; confirm and
 * reverse go before all others, whatever their ids. What a message waits for is known to this
 * process only: after a restart everything due is tried at once. Institutions without a route fetch
 * theirs by themselves. */
#include "txn/parcel.h"

#include <stdlib.h>
#include <string.h>

#define PAGE         8     /* documents of 64 KiB: a page must fit into a flow's arena */
#define WAITS_MAX    1024  /* of one route, on their way or waiting for their next try */
#define LOOK_MS      5000  /* looks by itself so often … */
#define ALL_MS       60000 /* … and again at everything that is due */
#define BUSY_MS      500   /* breaker open, lanes taken */
#define UNSENT_TRIES 60    /* for the doubling of pauses only */

/* A message that is on its way, or waits. */
struct wait {
    struct list link;
    struct dest *dest;
    int64_t id, txn;
    int64_t not_before_ns;
    unsigned pauses, refusals, tries;
    bool busy, ends_hold;
};

struct dest {
    struct list link;
    struct txn_env *env;
    char to[LEDGER_ID];
    struct upstream_delivery how;
    struct list waits;
    unsigned wait_count, busy;
    int64_t cursor; /* everything up to it is done, or in waits */
    int64_t all_ns; /* when to begin from the start again */
    bool kicked, routed; /* without a route what waits here may be fetched, or the route comes back */
    struct flow_cond work, free;
    struct metric *m_sent, *m_dead;
};

struct outbox {
    struct list dests;
};

/* ---- waits ---- */

static struct wait *wait_of(struct dest *t, int64_t id)
{
    LIST_EACH(pos, &t->waits)
    {
        struct wait *w = CONTAINER_OF(pos, struct wait, link);
        if (w->id == id)
            return w;
    }
    return NULL;
}

/* Does another message of that transaction go first, and still waits? */
static bool behind(const struct wait *w)
{
    LIST_EACH(pos, &w->dest->waits)
    {
        const struct wait *o = CONTAINER_OF(pos, struct wait, link);
        if (o->txn == w->txn &&
            (o->ends_hold > w->ends_hold || (o->ends_hold == w->ends_hold && o->id < w->id)))
            return true;
    }
    return false;
}

static struct wait *wait_new(struct dest *t, const struct message_row *row)
{
    struct wait *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    *w = (struct wait){
        .dest = t, .id = row->id, .txn = row->txn, .ends_hold = parcel_ends_hold(row)};
    list_add_tail(&t->waits, &w->link);
    t->wait_count++;
    return w;
}

static void wait_free(struct wait *w)
{
    w->dest->wait_count--;
    list_del(&w->link);
    free(w);
}

static uint32_t dice(const struct txn_env *env)
{
    uint32_t r = 512;
    return rng_fill(env->rng, &r, sizeof r) == 0 ? r : 512;
}

static void put_off(struct wait *w, bool longer)
{
    const struct dest *t = w->dest;
    int64_t ms =
        longer ? upstream_backoff_ms(w->pauses, t->how.retry_ms, t->how.retry_max_ms, dice(t->env))
               : BUSY_MS + (int64_t)(dice(t->env) % BUSY_MS);
    if (longer && w->pauses < UNSENT_TRIES)
        w->pauses++;
    w->not_before_ns = loop_now_ns(t->env->loop) + ms * NS_PER_MS;
}

/* ---- one message ---- */

static CO_FN enum parcel_end deliver(struct wait *w, struct parcel *p)
{
    struct dest *t = w->dest;
    int rc = ledger_co_message(t->env->ledger, w->id, flow_arena(), &p->row);
    if (rc == OC_ENOENT || (rc == 0 && p->row.state != MESSAGE_DUE))
        return PARCEL_GONE; /* an operator was here */
    if (rc != 0)
        return PARCEL_AWAY;
    enum parcel_end v = parcel_co_post(t->env, t->to, p);
    w->tries += v != PARCEL_BUSY;
    if (v == PARCEL_NO && ++w->refusals >= t->how.attempts)
        v = PARCEL_IMPOSSIBLE;
    if (v == PARCEL_SENT) {
        p->note[0] = '\0';
        flow_shield();
        rc = parcel_co_end(t->env, p, MESSAGE_SENT, w->tries);
        flow_unshield();
    } else if (v == PARCEL_IMPOSSIBLE) {
        rc = parcel_co_end(t->env, p, MESSAGE_DEAD, w->tries);
        char id[IDENT_TEXT];
        log_error("outbox", "message=%s to=%s kind=%s is dead: %s", ident_text(w->id, id), t->to,
                  p->row.kind, p->note);
    }
    return rc == 0 || rc == OC_ENOENT || rc == OC_ESTATE
               ? v
               : PARCEL_AWAY; /* told again: at least once */
}

static int deliver_flow(void *arg) CO_FN;
static int deliver_flow(void *arg)
{
    struct wait *w = arg;
    struct dest *t = w->dest;
    struct parcel *p = arena_alloc(flow_arena(), sizeof *p);
    flow_set_note(t->to);
    enum parcel_end v = p != NULL ? deliver(w, p) : PARCEL_AWAY;
    t->busy--;
    w->busy = false;
    if (v == PARCEL_SENT && t->m_sent != NULL)
        metric_add(t->m_sent, 1);
    if (v == PARCEL_IMPOSSIBLE && t->m_dead != NULL)
        metric_add(t->m_dead, 1);
    if (v == PARCEL_SENT || v == PARCEL_IMPOSSIBLE || v == PARCEL_GONE)
        wait_free(w);
    else
        put_off(w, v != PARCEL_BUSY);
    flow_cond_signal(&t->free);
    flow_cond_signal(&t->work);
    return 0;
}

/* ---- looking for what is due ---- */

static bool ready(const struct wait *w)
{
    return !w->busy && w->not_before_ns <= loop_now_ns(w->dest->env->loop) && !behind(w);
}

static CO_FN int start(struct wait *w)
{
    struct dest *t = w->dest;
    int rc = 0;
    while (t->busy >= t->how.lanes && rc == 0)
        rc = flow_co_wait(&t->free, FLOW_FOREVER);
    if (rc != 0)
        return rc;
    w->busy = true;
    t->busy++;
    if (flow_start(t->env->loop, "deliver", deliver_flow, w, NULL) == 0)
        return 0;
    w->busy = false;
    t->busy--;
    put_off(w, false);
    return OC_EBUSY;
}

/* The first of those that may go now: the list changes whenever one of them ends. */
static struct wait *first_ready(const struct dest *t)
{
    LIST_EACH(pos, &t->waits)
    {
        struct wait *w = CONTAINER_OF(pos, struct wait, link);
        if (ready(w))
            return w;
    }
    return NULL;
}

static CO_FN int start_waits(struct dest *t)
{
    struct wait *w;
    int rc = 0;
    while (rc == 0 && upstream_rest_ms(t->env->upstream, t->to) == 0 &&
           (w = first_ready(t)) != NULL)
        rc = start(w);
    return rc;
}

/* Of a full page the last transaction's messages are left to the next one: what goes first of them
 * may not be here yet. */
static unsigned whole(const struct message_row *rows, unsigned n)
{
    _Static_assert(PAGE > LEDGER_MESSAGES + 1, "a page holds more than one transaction's messages");
    unsigned k = n;
    while (n == PAGE && k > 0 && rows[k - 1].txn == rows[n - 1].txn)
        k--;
    return k > 0 ? k : n;
}

static CO_FN int take_page(struct dest *t, const struct message_row *rows, unsigned n)
{
    int rc = 0;
    for (unsigned i = 0; i < n; i++) {
        if (wait_of(t, rows[i].id) == NULL && wait_new(t, &rows[i]) == NULL)
            return OC_ENOMEM;
        t->cursor = rows[i].id;
    }
    if (n > 0)
        rc = start_waits(t);
    return rc;
}

/* One page in a flow of its own, so that what it allocates ends with it. 1: there may be more. */
static int page_flow(void *arg) CO_FN;
static int page_flow(void *arg)
{
    struct dest *t = arg;
    struct message_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    unsigned n = 0;
    if (rows == NULL)
        return OC_ENOMEM;
    flow_set_background(true);
    if (t->wait_count >= WAITS_MAX)
        return 0; /* a sick institution: those that wait go first */
    int rc = ledger_co_messages(t->env->ledger, t->cursor, MESSAGE_DUE, t->to, flow_arena(), rows,
                                PAGE, &n);
    if (rc == 0)
        rc = take_page(t, rows, whole(rows, n));
    return rc != 0 ? rc : n == PAGE ? 1 : 0;
}

static int64_t next_try(const struct dest *t)
{
    int64_t next = FLOW_FOREVER;
    LIST_EACH(pos, &t->waits)
    {
        const struct wait *w = CONTAINER_OF(pos, struct wait, link);
        if (!w->busy && !behind(w) && w->not_before_ns < next)
            next = w->not_before_ns;
    }
    int64_t rest = upstream_rest_ms(t->env->upstream, t->to);
    int64_t awake = loop_now_ns(t->env->loop) + rest * NS_PER_MS;
    return next < awake && rest > 0 ? awake : next;
}

/* As the route is now: a reload may have changed it. */
static void take_route(struct dest *t)
{
    t->routed = upstream_delivery(t->env->upstream, t->to, &t->how);
    t->how.lanes = t->how.lanes > 1 ? t->how.lanes / 2 : 1; /* the others are for people who wait */
}

static CO_FN int look(struct dest *t)
{
    int64_t now = loop_now_ns(t->env->loop);
    int more = 1;
    t->kicked = false;
    take_route(t);
    if (!t->routed)
        return 0;
    if (now >= t->all_ns) {
        t->cursor = 0;
        t->all_ns = now + ALL_MS * NS_PER_MS;
    }
    int rc = start_waits(t);
    while (rc == 0 && more == 1) {
        struct flow *f;
        rc = flow_start(t->env->loop, "outbox page", page_flow, t, &f);
        if (rc == 0) {
            rc = flow_co_join(f, &more, FLOW_FOREVER);
            flow_put(f);
        }
    }
    return rc != 0 ? rc : more;
}

static int dest_flow(void *arg) CO_FN;
static int dest_flow(void *arg)
{
    struct dest *t = arg;
    flow_set_background(true);
    flow_set_note(t->to);
    for (;;) {
        int rc = look(t);
        int64_t until = flow_deadline_ms(LOOK_MS), next = t->routed ? next_try(t) : FLOW_FOREVER;
        until = rc == 0 && next < until ? next : until;
        if (rc != OC_ECANCELED && (rc != 0 || !t->kicked))
            rc = flow_co_wait(&t->work, until);
        if (rc == OC_ECANCELED)
            return rc;
    }
}

/* ---- the outbox ---- */

static int dest_new(struct txn_env *env, const char *to)
{
    char label[64];
    struct dest *t = calloc(1, sizeof *t);
    if (t == NULL)
        return OC_ENOMEM;
    t->env = env;
    (void)snprintf(t->to, sizeof t->to, "%s", to);
    list_init(&t->waits);
    flow_cond_init(&t->work);
    flow_cond_init(&t->free);
    list_add_tail(&env->outbox->dests, &t->link);
    (void)snprintf(label, sizeof label, "to=\"%s\"", t->to);
    if (env->metrics != NULL) {
        t->m_sent = metric_counter(env->metrics, "onecard_outbox_sent_total", label,
                                   "Messages that institutions acknowledged.");
        t->m_dead =
            metric_counter(env->metrics, "onecard_outbox_dead_total", label, "Messages that died.");
    }
    return flow_start(env->loop, "outbox", dest_flow, t, NULL);
}

int txn_outbox_start(struct txn_env *env)
{
    if (env->upstream == NULL || env->outbox != NULL)
        return 0;
    env->outbox = calloc(1, sizeof *env->outbox);
    if (env->outbox == NULL)
        return OC_ENOMEM;
    list_init(&env->outbox->dests);
    return txn_outbox_routes(env);
}

static bool is_dest(const struct txn_env *env, const char *to)
{
    LIST_EACH(pos, &env->outbox->dests)
    {
        if (strcmp(CONTAINER_OF(pos, struct dest, link)->to, to) == 0)
            return true;
    }
    return false;
}

int txn_outbox_routes(struct txn_env *env)
{
    struct upstream_state s;
    int rc = 0;
    if (env->outbox == NULL)
        return 0;
    for (size_t i = 0; rc == 0 && upstream_state_at(env->upstream, i, &s); i++)
        if (!is_dest(env, s.participant))
            rc = dest_new(env, s.participant);
    txn_outbox_retry(env, NULL);
    return rc;
}

static void kick(struct txn_env *env, const char *to, bool all)
{
    if (env->outbox == NULL)
        return;
    LIST_EACH(pos, &env->outbox->dests)
    {
        struct dest *t = CONTAINER_OF(pos, struct dest, link);
        if (to != NULL && strcmp(t->to, to) != 0)
            continue;
        if (all) {
            LIST_EACH(at, &t->waits)
            {
                struct wait *w = CONTAINER_OF(at, struct wait, link);
                w->not_before_ns = 0;
                w->pauses = w->refusals = 0;
            }
            t->all_ns = 0;
        }
        t->kicked = true;
        flow_cond_signal(&t->work);
    }
}

void txn_outbox_kick(struct txn_env *env, const char *to)
{
    kick(env, to, false);
}

void txn_outbox_retry(struct txn_env *env, const char *to)
{
    kick(env, to, true);
}

void outbox_fini(struct txn_env *env)
{
    if (env->outbox == NULL)
        return;
    LIST_EACH_SAFE(pos, tmp, &env->outbox->dests)
    {
        struct dest *t = CONTAINER_OF(pos, struct dest, link);
        while (!list_empty(&t->waits))
            wait_free(CONTAINER_OF(t->waits.next, struct wait, link));
        list_del(pos);
        free(t);
    }
    free(env->outbox);
    env->outbox = NULL;
}
