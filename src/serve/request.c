/* Card requests of operators: create, ask again and again, cancel. A request is a flow that waits
 * for its reader's lane, then for a card, then runs. Who asked holds a lease: when nobody asks any
 * more before the money moves, it is cancelled, so that the next card that happens to come is not
 * charged for somebody who has gone.
 *
 *   NEW/WAIT_CARD/CARD ──► COMMITTED ──► (WAIT_RETURN) ──► DONE
 *   cancellable            too late      only the waiting ends */
#include "serve/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHASE_POLL_MS 50   /* how soon a poll notices another phase */
#define CANCEL_MS     3000 /* how long a cancel waits to see what became of it */

static void request_free(struct request *r)
{
    flow_cond_fini(&r->changed);
    flow_put(r->flow);
    buf_fini(&r->plan);
    secret_wipe(&r->issue, sizeof r->issue);
    secret_wipe(r->res.pin, sizeof r->res.pin);
    secret_wipe(r->req.pin, sizeof r->req.pin);
    secret_wipe(r->req.new_pin, sizeof r->req.new_pin);
    union {
        const char *shown;
        char *own; /* the document is the request's (api_request.c) */
    } document = {.shown = r->req.document};
    if (document.own)
        secret_wipe(document.own, r->req.document_len);
    free(document.own);
    free(r);
}

void request_put(struct request *r)
{
    if (--r->refs == 0)
        request_free(r);
}

static void put_deferred(void *arg)
{
    request_put(arg);
}

void requests_init(struct serve *s)
{
    list_init(&s->requests.active);
    list_init(&s->requests.done);
    flow_cond_init(&s->requests.kick);
}

/* Forgets the oldest results: over the number, or over the time. */
static void trim(struct serve *s)
{
    struct requests *q = &s->requests;
    int64_t oldest = loop_now_ns(s->loop) - s->config->requests.keep_ms * NS_PER_MS;
    while (!list_empty(&q->done)) {
        struct request *r = CONTAINER_OF(q->done.next, struct request, link);
        if (q->done_count <= s->config->requests.keep && r->done_ns >= oldest)
            return;
        list_del(&r->link);
        q->done_count--;
        request_put(r);
    }
}

void requests_free(struct serve *s)
{
    struct list *at;
    while ((at = list_pop(&s->requests.active)) != NULL ||
           (at = list_pop(&s->requests.done)) != NULL)
        request_put(CONTAINER_OF(at, struct request, link));
    flow_cond_fini(&s->requests.kick);
}

struct request *request_new(struct serve *s, enum request_kind kind)
{
    struct request *r = calloc(1, sizeof *r);
    char text[IDENT_TEXT];
    if (!r)
        return NULL;
    s->requests.last_id = ident_next(s->requests.last_id, serve_now_ms(s), s->fixed->site.shard);
    (void)snprintf(r->id, sizeof r->id, "r%s", ident_text(s->requests.last_id, text));
    r->serve = s;
    r->kind = kind;
    r->refs = 1;
    r->told = TXN_PHASE_WAIT_CARD;
    list_init(&r->link);
    flow_cond_init(&r->changed);
    buf_init(&r->plan, 64 * 1024);
    if (rng_fill(s->env.rng, &r->req.trace, sizeof r->req.trace) != 0)
        log_warn("serve", "request=%s has no trace", r->id);
    return r;
}

struct request *request_find(struct serve *s, const char *id)
{
    struct list *const lists[] = {&s->requests.active, &s->requests.done};
    trim(s);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        LIST_EACH(at, lists[i])
        {
            struct request *r = CONTAINER_OF(at, struct request, link);
            if (strcmp(r->id, id) == 0) {
                r->refs++;
                return r;
            }
        }
    return NULL;
}

/* Waiting for the reader looks like waiting for the card. */
static enum txn_phase phase_of(const struct request *r)
{
    if (r->done)
        return TXN_PHASE_DONE;
    return r->req.phase == TXN_PHASE_NEW ? TXN_PHASE_WAIT_CARD : r->req.phase;
}

const char *request_state(const struct request *r)
{
    return txn_phase_name(phase_of(r));
}

/* ---- its flow ---- */

static bool needs_card(struct request *r)
{
    if (r->kind == REQUEST_ISSUE)
        return true;
    struct service *svc = module_service(r->serve->modules, r->req.service, flow_arena(), NULL);
    return svc && txn_wants_card(svc, &r->req);
}

static void refuse(struct request *r, enum oc_reason reason, const char *detail)
{
    struct txn_result *res = &r->res;
    res->outcome = OC_REFUSED;
    res->reason = reason;
    (void)snprintf(res->detail, sizeof res->detail, "%s", detail);
    (void)text_trim_utf8(res->detail);
    (void)snprintf(res->service, sizeof res->service, "%s",
                   r->kind == REQUEST_ISSUE ? "card.issue" : r->req.service);
    (void)snprintf(res->terminal, sizeof res->terminal, "%s",
                   r->kind == REQUEST_ISSUE ? r->issue.terminal : r->req.terminal);
    res->amount = r->req.amount;
    res->at_ms = serve_now_ms(r->serve);
    res->business_date = city_date(res->at_ms, r->serve->env.city_offset_min);
}

/* A place at work is not held while a person is waited for. */
static void told(struct txn_request *req, void *arg)
{
    struct request *r = arg;
    bool waits =
        req->phase == TXN_PHASE_WAIT_RETURN ||
        (req->phase == TXN_PHASE_WAIT_CARD && r->lane && r->lane->reader->state != READER_CARD);
    if (waits)
        admit_leave(&r->place);
    else if (req->phase != TXN_PHASE_DONE)
        admit_again(&r->place);
    flow_cond_broadcast(&r->changed);
}

static CO_FN int run_kind(struct request *r, struct reader *reader)
{
    struct txn_env *env = &r->serve->env;
    if (r->kind == REQUEST_ISSUE) {
        r->req.phase = TXN_PHASE_WAIT_CARD;
        return txn_co_issue(env, reader, &r->issue, &r->res);
    }
    int rc = txn_request_hash(r->serve->crypto, &r->req, r->req.request_hash);
    if (rc != 0)
        return rc;
    if (r->kind == REQUEST_PLAN)
        return txn_co_plan(env, reader, &r->req, &r->res, &r->plan);
    r->req.told = told;
    r->req.told_arg = r;
    uint32_t retry = 0;
    rc = admit_co_enter(&r->serve->admit, &r->serve->own_turn, &r->place, &retry);
    if (rc == 0)
        rc = txn_co_run(env, reader, &r->req, &r->res);
    else if (rc == OC_EBUSY)
        rc = (refuse(r, OC_R_BUSY, "too many dialogues are at work"), 0);
    admit_leave(&r->place);
    return rc;
}

/* The time spent waiting for the reader counts as time spent waiting for the card. */
static CO_FN int run_in_lane(struct request *r)
{
    struct lane *lane = r->lane;
    lane->desks++;
    int rc = flow_co_lock(&lane->lock, r->wait_until_ns);
    if (rc == 0) {
        int64_t left = (r->wait_until_ns - loop_now_ns(r->serve->loop)) / NS_PER_MS;
        r->req.wait_ms = r->issue.wait_ms = left > 0 ? left : 0;
        rc = run_kind(r, lane->reader);
        flow_unlock(&lane->lock);
    } else if (rc == OC_ETIMEDOUT) {
        refuse(r, OC_R_BUSY, "another request or gate held the reader all the time");
        rc = 0;
    }
    lane->desks--;
    return rc;
}

static void request_done(struct request *r)
{
    struct requests *q = &r->serve->requests;
    r->done = true;
    r->req.phase = TXN_PHASE_DONE;
    r->done_ns = loop_now_ns(r->serve->loop);
    secret_wipe(r->issue.holder_name, sizeof r->issue.holder_name);
    secret_wipe(r->issue.holder_id, sizeof r->issue.holder_id);
    secret_wipe(r->issue.pin, sizeof r->issue.pin);
    secret_wipe(r->req.pin, sizeof r->req.pin);
    secret_wipe(r->req.new_pin, sizeof r->req.new_pin);
    list_del(&r->link);
    list_add_tail(&q->done, &r->link);
    q->active_count--;
    q->done_count++;
    struct station *st = station_get(r->serve, r->res.terminal);
    if (st && r->kind == REQUEST_TXN)
        station_remember(st, &r->res);
    flow_cond_broadcast(&r->changed);
    trim(r->serve);
}

static int request_flow(void *arg) CO_FN;
static int request_flow(void *arg)
{
    struct request *r = arg;
    flow_defer(put_deferred, r);
    flow_set_note(r->id);
    bool in_lane = r->lane && needs_card(r);
    int rc = in_lane ? run_in_lane(r) : run_kind(r, r->lane ? r->lane->reader : NULL);
    if (rc == OC_ECANCELED && r->res.txn == 0 && r->res.outcome != OC_IN_DOUBT)
        refuse(r, OC_R_CANCELED,
               r->expired ? "nobody asked about this request any more (lease)"
                          : "cancelled before anything moved");
    else if (rc != 0 && rc != OC_ECANCELED)
        refuse(r, OC_R_STORE, oc_strerror(rc));
    else if (flow_cancelled() && r->res.outcome == OC_REFUSED && r->res.reason == OC_R_STORE)
        r->res.reason = OC_R_CANCELED; /* the cancellation met a look into the ledger */
    request_done(r);
    return rc;
}

/* ---- cancelling ---- */

/* Once the intent may be durable only the waiting for a torn card can be ended. */
static bool cancellable(const struct request *r)
{
    return !r->done && r->req.phase != TXN_PHASE_COMMITTED;
}

static void disarm(struct request *r)
{
    if (!cancellable(r) || r->expired)
        return;
    r->expired = true;
    log_info("serve", "request=%s nobody asks about it any more: disarmed", r->id);
    flow_cancel(r->flow);
}

bool request_co_cancel(struct request *r)
{
    int64_t deadline = flow_deadline_ms(CANCEL_MS);
    if (cancellable(r))
        flow_cancel(r->flow);
    while (!r->done && flow_co_wait(&r->changed, deadline) == 0)
        continue;
    return r->done && (r->res.reason == OC_R_CANCELED ||
                       (r->res.outcome == OC_REFUSED && r->res.reason == OC_R_NO_CARD));
}

/* ---- leases ---- */

/* Looks at every lease; says when the next one ends. */
static int64_t sweep(struct serve *s)
{
    int64_t next = FLOW_FOREVER, now = loop_now_ns(s->loop);
    LIST_EACH(at, &s->requests.active)
    {
        struct request *r = CONTAINER_OF(at, struct request, link);
        if (r->polls > 0 || r->expired)
            continue;
        if (r->lease_ns <= now && cancellable(r))
            disarm(r);
        else if (r->lease_ns <= now) /* too late now, but it may come to wait for a torn card */
            next = now + PHASE_POLL_MS * NS_PER_MS < next ? now + PHASE_POLL_MS * NS_PER_MS : next;
        else if (r->lease_ns < next)
            next = r->lease_ns;
    }
    return next;
}

static int lease_flow(void *arg) CO_FN;
static int lease_flow(void *arg)
{
    struct serve *s = arg;
    flow_set_background(true);
    for (;;) {
        int rc = flow_co_wait(&s->requests.kick, sweep(s));
        if (rc == OC_ECANCELED)
            return rc;
    }
}

/* At the end of the daemon whoever still waits for a card is told so at once. */
static void on_stop(struct loop_task *task)
{
    struct requests *q = CONTAINER_OF(task, struct requests, on_stop);
    LIST_EACH(at, &q->active)
    {
        struct request *r = CONTAINER_OF(at, struct request, link);
        if (cancellable(r))
            flow_cancel(r->flow);
    }
}

int requests_start(struct serve *s)
{
    s->requests.on_stop.fn = on_stop;
    loop_on_stop(s->loop, &s->requests.on_stop);
    return flow_start(s->loop, "leases", lease_flow, s, NULL);
}

static void renew(struct request *r)
{
    r->lease_ns = loop_now_ns(r->serve->loop) + r->lease_ms * NS_PER_MS;
    flow_cond_broadcast(&r->serve->requests.kick);
}

int request_start(struct request *r, int64_t wait_ms, int64_t lease_ms)
{
    struct serve *s = r->serve;
    struct requests *q = &s->requests;
    r->lease_ms = lease_ms;
    r->wait_until_ns = loop_now_ns(s->loop) + wait_ms * NS_PER_MS;
    r->req.wait_ms = r->issue.wait_ms = wait_ms;
    int rc = q->active_count >= s->config->requests.max ? OC_EBUSY : 0;
    if (rc == 0)
        rc = flow_start(s->loop, "request", request_flow, r, &r->flow);
    if (rc != 0) {
        request_put(r);
        return rc;
    }
    r->refs++; /* one the flow's, one the registry's */
    list_add_tail(&q->active, &r->link);
    q->active_count++;
    renew(r);
    return 0;
}

int request_co_poll(struct request *r, int64_t deadline_ns)
{
    int rc = 0;
    r->polls++;
    while (!r->done && phase_of(r) == r->told && rc != OC_ECANCELED) {
        int64_t now = loop_now_ns(r->serve->loop), soon = now + PHASE_POLL_MS * NS_PER_MS;
        if (now >= deadline_ns)
            break;
        rc = flow_co_wait(&r->changed, soon < deadline_ns ? soon : deadline_ns);
    }
    r->polls--;
    r->told = phase_of(r);
    renew(r);
    if (rc != OC_ECANCELED)
        return 0;
    if (r->polls == 0)
        disarm(r);
    return rc;
}
