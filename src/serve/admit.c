/* Fair admission. Invariants: a lane is in the ring when, and only when, somebody waits in it; a
 * place that becomes free goes to the first waiter of the first lane, whose lane then goes to the
 * end of the ring. Nobody enters past those who wait. */
#include "serve/admit.h"

#define HOLD_FIRST_NS (20 * NS_PER_MS)
#define HOLD_SHARE    16 /* of a new measurement in the smoothed one */
#define RETRY_LEAST   200
#define RETRY_MOST    30000 /* as long as onecard-terminal waits at most */

struct waiter {
    struct list link;
    struct flow_cond cond;
    bool granted;
};

void admit_init(struct admit *a, struct loop *loop, struct metrics *m)
{
    *a = (struct admit){.loop = loop, .max_active = 1, .hold_ns = HOLD_FIRST_NS};
    list_init(&a->ring);
    a->m_wait = metric_histogram(m, "onecard_admission_wait_seconds", NULL,
                                 "How long requests waited for a place at work.");
    a->m_active = metric_gauge(m, "onecard_dialogues_active", NULL, "Dialogues at work.");
    a->m_waiting =
        metric_gauge(m, "onecard_dialogues_waiting", NULL, "Requests that wait for a place.");
    a->m_busy = metric_counter(m, "onecard_busy_total", NULL, "Requests answered Busy.");
}

void admit_fini(struct admit *a)
{
    CHECK(list_empty(&a->ring));
}

void admit_lane_init(struct admit_lane *l)
{
    list_init(&l->link);
    list_init(&l->waiters);
}

static void hold(struct admit *a, struct admit_place *p)
{
    *p = (struct admit_place){.admit = a, .held = true, .since_ns = loop_now_ns(a->loop)};
}

static void grant_next(struct admit *a)
{
    while (a->active < a->max_active) {
        struct list *at = list_pop(&a->ring);
        if (!at)
            break;
        struct admit_lane *lane = CONTAINER_OF(at, struct admit_lane, link);
        struct waiter *w = CONTAINER_OF(list_pop(&lane->waiters), struct waiter, link);
        if (!list_empty(&lane->waiters))
            list_add_tail(&a->ring, &lane->link);
        w->granted = true;
        a->active++;
        flow_cond_signal(&w->cond);
    }
    metric_set(a->m_active, a->active);
}

void admit_limits(struct admit *a, unsigned max_active, unsigned max_waiting)
{
    a->max_active = max_active > 0 ? max_active : 1;
    a->max_waiting = max_waiting;
    grant_next(a);
}

/* How long the next one who comes would wait. */
static int64_t expected_ms(const struct admit *a)
{
    return ((int64_t)a->waiting + 1) * a->hold_ns / a->max_active / NS_PER_MS;
}

/* Twice as long as the queue is now: who was sent away stands behind those who wait, and being
 * asked again too early costs what a sale would. Nor do more come again than half of what is
 * served: each is sent away until the next moment that nobody else was told. */
uint32_t admit_retry_ms(struct admit *a)
{
    int64_t now = loop_now_ns(a->loop), at = now + 2 * expected_ms(a) * NS_PER_MS;
    at = at > a->again_ns ? at : a->again_ns;
    at = at < now + RETRY_MOST * NS_PER_MS ? at : now + RETRY_MOST * NS_PER_MS;
    a->again_ns = at + 2 * a->hold_ns / a->max_active;
    int64_t ms = (at - now) / NS_PER_MS;
    return (uint32_t)(ms < RETRY_LEAST ? RETRY_LEAST : ms);
}

static CO_FN int wait_turn(struct admit *a, struct admit_lane *lane)
{
    struct waiter w = {0};
    int rc = 0;
    flow_cond_init(&w.cond);
    if (list_empty(&lane->waiters))
        list_add_tail(&a->ring, &lane->link);
    list_add_tail(&lane->waiters, &w.link);
    metric_set(a->m_waiting, ++a->waiting);
    int64_t deadline =
        flow_deadline_ms(2 * ADMIT_WAIT_MAX_MS); /* the estimate may have been wrong */
    while (!w.granted && rc == 0)
        rc = flow_co_wait(&w.cond, deadline);
    metric_set(a->m_waiting, --a->waiting);
    flow_cond_fini(&w.cond);
    if (w.granted)
        return 0;
    list_del(&w.link);
    if (list_empty(&lane->waiters))
        list_del(&lane->link);
    return rc;
}

/* Whoever waits is a flow: requests that wait must not keep terminals from connecting. */
static bool flows_scarce(const struct admit *a)
{
    unsigned most = loop_max_flows(a->loop);
    return loop_flows(a->loop) > most - most / 8;
}

bool admit_full(struct admit *a)
{
    bool full =
        (a->active >= a->max_active || !list_empty(&a->ring)) &&
        (a->waiting >= a->max_waiting || expected_ms(a) > ADMIT_WAIT_MAX_MS || flows_scarce(a));
    if (full)
        metric_add(a->m_busy, 1);
    return full;
}

int admit_co_enter(struct admit *a, struct admit_lane *lane, struct admit_place *ret,
                   uint32_t *ret_retry_ms)
{
    int64_t t0 = loop_now_ns(a->loop);
    if (a->active < a->max_active && list_empty(&a->ring)) {
        metric_set(a->m_active, ++a->active);
        metric_observe_ns(a->m_wait, 0);
        hold(a, ret);
        return 0;
    }
    if (admit_full(a)) {
        *ret_retry_ms = admit_retry_ms(a);
        return OC_EBUSY;
    }
    int rc = wait_turn(a, lane);
    if (rc == OC_ETIMEDOUT) {
        metric_add(a->m_busy, 1);
        *ret_retry_ms = admit_retry_ms(a);
        return OC_EBUSY;
    }
    if (rc != 0)
        return rc;
    metric_observe_ns(a->m_wait, loop_now_ns(a->loop) - t0);
    hold(a, ret);
    return 0;
}

void admit_leave(struct admit_place *p)
{
    struct admit *a = p->admit;
    if (!p->held)
        return;
    p->held = false;
    a->hold_ns += (loop_now_ns(a->loop) - p->since_ns - a->hold_ns) / HOLD_SHARE;
    if (a->hold_ns < NS_PER_MS / 10)
        a->hold_ns = NS_PER_MS / 10;
    CHECK(a->active > 0);
    a->active--;
    grant_next(a);
}

void admit_again(struct admit_place *p)
{
    if (p->held || !p->admit)
        return;
    hold(p->admit, p);
    metric_set(p->admit->m_active, ++p->admit->active);
}
