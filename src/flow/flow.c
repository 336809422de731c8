/* The life of a flow: started, entered, ended. One reference belongs to the loop until the flow has
 * ended. */
#include "flow/flow.h"

#include "flow/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_LIMIT ((size_t)16 * 1024 * 1024)

/* Which flow runs on this thread. A flow never leaves its thread, so the compiler may keep the
 * address. */
static _Thread_local struct flow *current;

struct flow *flow_self(void)
{
    return current;
}

static struct flow *self(void)
{
    CHECK(current != NULL);
    return current;
}

static void run_deferred(struct flow *f)
{
    struct flow_call *call;
    f->deferring = true;
    while ((call = f->calls) != NULL) {
        f->calls = call->next;
        call->fn(call->arg);
        free(call);
    }
    f->deferring = false;
}

/* On the flow's own stack; returning goes back to the loop, which sees ENDED. */
static void flow_main(void *arg)
{
    struct flow *f = arg;
    ROLE_ENTER_FLOW();
    f->result = f->fn(f->arg);
    CHECK(f->shield == 0);
    run_deferred(f);
    arena_fini(&f->arena);
    f->state = FLOW_ENDED;
}

static int refuse(struct loop *l, const char *name)
{
    int64_t now = loop_now_ns(l);
    if (l->m_refused)
        metric_add(l->m_refused, 1);
    if (l->refusal_logged_ns == 0 || now - l->refusal_logged_ns > NS_PER_S) {
        l->refusal_logged_ns = now;
        log_warn("flow", "too many flows: refused flow=%s limit=%u", name, l->max_flows);
    }
    return OC_ELIMIT;
}

static struct flow *flow_new(struct loop *l, const char *name, flow_fn fn, void *arg)
{
    struct flow *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->fiber = fiber_take(&l->fibers, flow_main, f);
    if (!f->fiber || timers_reserve(&l->timers, (size_t)l->flow_count + 1) != 0) {
        if (f->fiber)
            fiber_drop(f->fiber);
        free(f);
        return NULL;
    }
    f->loop = l;
    f->fn = fn;
    f->arg = arg;
    f->refs = 1;
    f->started_ns = loop_now_ns(l);
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    arena_init_pooled(&f->arena, ARENA_LIMIT, &l->arenas);
    flow_cond_init(&f->ended);
    list_init(&f->queue);
    list_add_tail(&l->flows, &f->all);
    return f;
}

int flow_start(struct loop *l, const char *name, flow_fn fn, void *arg, struct flow **ret)
{
    if (l->cancelled)
        return OC_ECANCELED;
    if (l->flow_count >= l->max_flows)
        return refuse(l, name);
    struct flow *f = flow_new(l, name, fn, arg);
    if (!f)
        return OC_ENOMEM;
    l->flow_count++;
    if (l->m_started) {
        metric_add(l->m_started, 1);
        metric_add(l->m_flows, 1);
    }
    loop_ready_push_(l, f);
    if (ret)
        *ret = flow_get(f);
    return 0;
}

struct flow *flow_get(struct flow *f)
{
    f->refs++;
    return f;
}

void flow_put(struct flow *f)
{
    if (!f)
        return;
    CHECK(f->refs > 0);
    if (--f->refs == 0)
        free(f);
}

static void flow_ended(struct flow *f)
{
    struct loop *l = f->loop;
    fiber_give(&l->fibers, f->fiber);
    f->fiber = NULL;
    list_del(&f->all);
    l->flow_count--;
    if (l->m_flows)
        metric_add(l->m_flows, -1);
    flow_cond_broadcast(&f->ended);
    flow_put(f);
}

void flow_enter_(struct flow *f)
{
    struct loop *l = f->loop;
    CHECK(current == NULL && f->state == FLOW_READY);
    f->state = FLOW_RUNNING;
    current = l->running = f;
    fiber_enter(f->fiber);
    current = l->running = NULL;
    if (f->state == FLOW_ENDED)
        flow_ended(f);
}

void flow_abandon_(struct flow *f)
{
    log_warn("flow", "dropped with its loop flow=%s note=%s", f->name, f->note);
    list_del(&f->queue);
    list_del(&f->all);
    fiber_drop(f->fiber);
    f->fiber = NULL;
    while (f->calls) {
        struct flow_call *call = f->calls;
        f->calls = call->next;
        free(call);
    }
    arena_fini(&f->arena);
    f->state = FLOW_ENDED;
    f->result = OC_ECANCELED;
    flow_put(f);
}

void flow_cancel(struct flow *f)
{
    if (f->state == FLOW_ENDED)
        return;
    f->cancelled = true;
    if (f->state == FLOW_WAITING && f->shield == 0)
        flow_wake_(f, OC_ECANCELED);
}

bool flow_done(const struct flow *f)
{
    return f->state == FLOW_ENDED;
}

int flow_co_join(struct flow *f, int *ret_result, int64_t deadline_ns)
{
    int rc = flow_co_checkpoint_();
    if (rc)
        return rc;
    CHECK(f != current);
    while (f->state != FLOW_ENDED) {
        rc = flow_co_wait(&f->ended, deadline_ns);
        if (rc)
            return rc;
    }
    if (ret_result)
        *ret_result = f->result;
    return 0;
}

struct loop *flow_loop(void)
{
    return self()->loop;
}

struct arena *flow_arena(void)
{
    return &self()->arena;
}

void flow_defer(void (*fn)(void *arg), void *arg)
{
    struct flow *f = self();
    struct flow_call *call = malloc(sizeof *call);
    CHECK(call != NULL);
    *call = (struct flow_call){.next = f->calls, .fn = fn, .arg = arg};
    f->calls = call;
}

int flow_co_sleep_ms(int64_t ms)
{
    struct flow_cond never;
    flow_cond_init(&never);
    if (ms <= 0)
        return flow_co_yield();
    int rc = flow_co_wait(&never, flow_deadline_ms(ms));
    return rc == OC_ETIMEDOUT ? 0 : rc;
}

void flow_shield(void)
{
    self()->shield++;
}

void flow_unshield(void)
{
    CHECK(self()->shield > 0);
    self()->shield--;
}

bool flow_cancelled(void)
{
    return self()->cancelled;
}

void flow_set_background(bool on)
{
    struct flow *f = self();
    f->background = on;
    if (on && f->loop->stopping)
        flow_cancel(f);
}

void flow_trim_stack(void)
{
    struct flow *f = self();
    fiber_trim(&f->loop->fibers, f->fiber, __builtin_frame_address(0));
}

void flow_set_note(const char *note)
{
    struct flow *f = self();
    (void)snprintf(f->note, sizeof f->note, "%s", note ? note : "");
}

int64_t flow_deadline_ms(int64_t ms)
{
    int64_t now = loop_now_ns(self()->loop);
    if (ms >= (FLOW_FOREVER - now) / NS_PER_MS)
        return FLOW_FOREVER;
    return now + ms * NS_PER_MS;
}

static const char *state_text(const struct flow *f, char *out, size_t cap)
{
    static const char *const names[] = {"ready", "running", "waiting", "ended"};
    (void)snprintf(out, cap, "%s%s%s", names[f->state], f->shield ? ", shielded" : "",
                   f->cancelled ? ", cancelled" : "");
    return out;
}

void flow_list(struct loop *l,
               void (*fn)(const char *name, const char *note, int64_t age_ms, const char *state,
                          void *arg),
               void *arg)
{
    int64_t now = loop_now_ns(l);
    char state[48];
    LIST_EACH(pos, &l->flows)
    {
        struct flow *f = CONTAINER_OF(pos, struct flow, all);
        fn(f->name, f->note, (now - f->started_ns) / NS_PER_MS, state_text(f, state, sizeof state),
           arg);
    }
}
