/* Suspending, and the two things built on it. Every suspension in this folder ends in flow_co_wait
 * or flow_co_yield. */
#include "flow/cond.h"

#include "flow/core.h"

static bool cancel_due(const struct flow *f)
{
    return f->cancelled && f->shield == 0;
}

static struct flow *self_checked(void)
{
    struct flow *f = flow_self();
    CHECK(f != NULL);
    CHECK(!f->deferring); /* deferred calls must not suspend */
    return f;
}

void flow_wake_(struct flow *f, int code)
{
    CHECK(f->state == FLOW_WAITING);
    list_del(&f->queue);
    timers_del(&f->loop->timers, f);
    f->wake_code = code;
    loop_ready_push_(f->loop, f);
}

int flow_co_yield(void)
{
    struct flow *f = self_checked();
    if (cancel_due(f))
        return OC_ECANCELED;
    loop_ready_push_(f->loop, f);
    fiber_leave(f->fiber);
    return cancel_due(f) ? OC_ECANCELED : 0;
}

int flow_co_checkpoint_(void)
{
    struct flow *f = self_checked();
    if (f->loop->opts.always_yield)
        return flow_co_yield();
    return cancel_due(f) ? OC_ECANCELED : 0;
}

void flow_cond_init(struct flow_cond *c)
{
    list_init(&c->waiters);
}

void flow_cond_fini(struct flow_cond *c)
{
    CHECK(list_empty(&c->waiters));
}

int flow_co_wait(struct flow_cond *c, int64_t deadline_ns)
{
    struct flow *f = self_checked();
    if (cancel_due(f))
        return OC_ECANCELED;
    if (deadline_ns != FLOW_FOREVER) {
        if (deadline_ns <= loop_now_ns(f->loop))
            return OC_ETIMEDOUT;
        timers_add(&f->loop->timers, f, deadline_ns);
    }
    f->state = FLOW_WAITING;
    list_add_tail(&c->waiters, &f->queue);
    fiber_leave(f->fiber);
    return f->wake_code;
}

void flow_cond_signal(struct flow_cond *c)
{
    if (!list_empty(&c->waiters))
        flow_wake_(CONTAINER_OF(c->waiters.next, struct flow, queue), 0);
}

void flow_cond_broadcast(struct flow_cond *c)
{
    while (!list_empty(&c->waiters))
        flow_cond_signal(c);
}

void flow_mutex_init(struct flow_mutex *m)
{
    m->owner = NULL;
    flow_cond_init(&m->cond);
}

void flow_mutex_fini(struct flow_mutex *m)
{
    CHECK(m->owner == NULL);
    flow_cond_fini(&m->cond);
}

int flow_co_lock(struct flow_mutex *m, int64_t deadline_ns)
{
    int rc = flow_co_checkpoint_();
    if (rc)
        return rc;
    struct flow *f = flow_self();
    CHECK(m->owner != f);
    if (!m->owner) {
        m->owner = f;
        return 0;
    }
    /* flow_unlock makes the woken flow the owner, so 0 here means locked. */
    return flow_co_wait(&m->cond, deadline_ns);
}

void flow_unlock(struct flow_mutex *m)
{
    CHECK(m->owner != NULL && m->owner == flow_self());
    m->owner = NULL;
    if (list_empty(&m->cond.waiters))
        return;
    m->owner = CONTAINER_OF(m->cond.waiters.next, struct flow, queue);
    flow_cond_signal(&m->cond);
}
