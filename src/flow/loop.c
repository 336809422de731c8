/* The loop. A turn: run what was posted, fire deadlines, enter ready flows, look at the
 * descriptors. libevent watches descriptors and signals (and times idle HTTP connections); the
 * ready queue and the deadlines are ours.
 *
 * Sleeping and posting: the loop sets `asleep`, looks at `posted` once more and only then blocks;
 * who posts pushes first and then clears `asleep`, and writes the eventfd only if it was set. So no
 * wake-up is lost and many posts cost one write. */
#include "flow/loop.h"

#include "flow/core.h"

#include <event2/event.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH      256U /* entries of flows between two looks at the descriptors */
#define STALL_NS   (50 * NS_PER_MS)
#define GIVE_UP_NS (5 * NS_PER_S)

/* --- ready queue --- */

static uint64_t next_random(struct loop *l)
{
    /* xorshift64*: an order for tests, nothing secret. */
    l->random ^= l->random >> 12;
    l->random ^= l->random << 25;
    l->random ^= l->random >> 27;
    return l->random * UINT64_C(2685821657736338717);
}

void loop_ready_push_(struct loop *l, struct flow *f)
{
    f->state = FLOW_READY;
    if (l->seeded)
        l->seeded[l->ready_count] = f;
    else
        list_add_tail(&l->ready, &f->queue);
    l->ready_count++;
}

struct flow *loop_ready_pop_(struct loop *l)
{
    if (l->ready_count == 0)
        return NULL;
    if (!l->seeded) {
        l->ready_count--;
        return CONTAINER_OF(list_pop(&l->ready), struct flow, queue);
    }
    size_t at = (size_t)(next_random(l) % l->ready_count);
    struct flow *f = l->seeded[at];
    l->seeded[at] = l->seeded[--l->ready_count];
    return f;
}

/* --- posting --- */

void loop_post(struct loop *l, struct loop_task *task)
{
    struct loop_task *head = atomic_load_explicit(&l->posted, memory_order_relaxed);
    do {
        task->next = head;
    } while (!atomic_compare_exchange_weak(&l->posted, &head, task));
    if (atomic_exchange(&l->asleep, false)) {
        const uint64_t one = 1;
        ssize_t n = write(l->wake_fd, &one, sizeof one);
        CHECK(n == (ssize_t)sizeof one);
    }
}

static struct loop_task *reversed(struct loop_task *task)
{
    struct loop_task *out = NULL;
    while (task) {
        struct loop_task *next = task->next;
        task->next = out;
        out = task;
        task = next;
    }
    return out;
}

bool loop_run_posted_(struct loop *l)
{
    struct loop_task *task = reversed(atomic_exchange(&l->posted, NULL));
    if (!task)
        return false;
    int64_t since = clock_mono_ns(&clock_system);
    while (task) {
        struct loop_task *next = task->next;
        task->next = NULL;
        task->fn(task);
        task = next;
    }
    (void)loop_watch_(l, since, "posted tasks", "");
    return true;
}

int64_t loop_watch_(struct loop *l, int64_t since_ns, const char *what, const char *note)
{
    int64_t now = clock_mono_ns(&clock_system);
    if (now - since_ns > STALL_NS) {
        l->stalls++;
        if (l->m_stalls)
            metric_add(l->m_stalls, 1);
        log_warn("flow", "the loop was held for %lld ms by=%s note=%s",
                 (long long)((now - since_ns) / NS_PER_MS), what, note);
    }
    return now;
}

/* --- the turn --- */

static void fire_timers(struct loop *l)
{
    struct flow *f = timers_first(&l->timers);
    if (!f)
        return;
    int64_t now = loop_now_ns(l);
    for (; f && f->deadline_ns <= now; f = timers_first(&l->timers))
        flow_wake_(f, OC_ETIMEDOUT);
}

static void run_ready(struct loop *l)
{
    struct flow *f;
    int64_t since = clock_mono_ns(&clock_system);
    for (unsigned n = 0; n < BATCH && (f = loop_ready_pop_(l)) != NULL; n++) {
        int64_t now;
        (void)flow_get(f);
        flow_enter_(f);
        now = clock_mono_ns(&clock_system);
        if (now - since > STALL_NS)
            (void)loop_watch_(l, since, f->name, f->note);
        since = now;
        flow_put(f);
    }
}

static int64_t next_deadline(const struct loop *l)
{
    const struct flow *f = timers_first(&l->timers);
    int64_t next = f ? f->deadline_ns : FLOW_FOREVER;
    return l->stopping && l->drain_ns < next ? l->drain_ns : next;
}

/* A timer set too early only wakes the loop once for nothing; so it is left alone unless it would
 * ring too late. */
static void arm_timer(struct loop *l, int64_t next)
{
    int64_t now = loop_now_ns(l), in = next > now ? next - now : 1;
    struct itimerspec t = {0};
    if (next == FLOW_FOREVER || (l->armed_ns != 0 && l->armed_ns <= next))
        return;
    t.it_value.tv_sec = (time_t)(in / NS_PER_S);
    t.it_value.tv_nsec = (long)(in % NS_PER_S);
    CHECK(timerfd_settime(l->timer_fd, 0, &t, NULL) == 0);
    l->armed_ns = next;
}

static void poll_now(struct loop *l)
{
    if (!l->opts.no_descriptors)
        (void)event_base_loop(l->base, EVLOOP_NONBLOCK);
}

static void poll_blocking(struct loop *l)
{
    arm_timer(l, next_deadline(l));
    atomic_store(&l->asleep, true);
    if (atomic_load(&l->posted))
        poll_now(l);
    else
        (void)event_base_loop(l->base, EVLOOP_ONCE);
    atomic_store(&l->asleep, false);
}

static bool due(const struct loop *l)
{
    return l->ready_count > 0 || next_deadline(l) <= loop_now_ns(l);
}

/* Cancels at the end of the drain time; false when even that did not help. */
static bool drain(struct loop *l)
{
    if (!l->stopping || l->flow_count == 0 || loop_now_ns(l) < l->drain_ns)
        return true;
    if (l->cancelled)
        return false;
    l->cancelled = true;
    l->drain_ns = loop_now_ns(l) + GIVE_UP_NS;
    LIST_EACH(pos, &l->flows)
    {
        flow_cancel(CONTAINER_OF(pos, struct flow, all));
    }
    return true;
}

/* Is there nothing more to run for? `until` NULL: until stopped and empty. */
static bool over(const struct loop *l, const struct flow *until)
{
    return until ? flow_done(until) : l->stopping && l->flow_count == 0;
}

static void turn(struct loop *l, const struct flow *until)
{
    bool busy = loop_run_posted_(l);
    fire_timers(l);
    run_ready(l);
    if (over(l, until))
        return;
    if (busy || due(l)) {
        poll_now(l);
        return;
    }
    if (l->opts.idle) {
        poll_now(l);
        if (due(l) || atomic_load(&l->posted) || l->opts.idle(l->opts.idle_arg, next_deadline(l)))
            return;
    }
    poll_blocking(l);
}

static void log_left(struct loop *l)
{
    LIST_EACH(pos, &l->flows)
    {
        struct flow *f = CONTAINER_OF(pos, struct flow, all);
        log_error("flow", "did not end when cancelled flow=%s note=%s", f->name, f->note);
    }
}

int loop_run(struct loop *l)
{
    CHECK(flow_self() == NULL);
    while (!over(l, NULL)) {
        if (!drain(l)) {
            log_left(l);
            return OC_EBUSY;
        }
        turn(l, NULL);
    }
    (void)loop_run_posted_(l);
    poll_now(l);
    return 0;
}

int loop_run_flow(struct loop *l, const char *name, int (*fn)(void *arg), void *arg)
{
    struct flow *f;
    CHECK(flow_self() == NULL);
    int rc = flow_start(l, name, fn, arg, &f);
    if (rc)
        return rc;
    while (!over(l, f)) {
        (void)drain(l);
        turn(l, f);
    }
    rc = f->result;
    flow_put(f);
    return rc;
}

/* --- stopping --- */

void loop_stop(struct loop *l, int64_t drain_ms)
{
    int64_t at = loop_now_ns(l) + drain_ms * NS_PER_MS;
    if (l->stopping) {
        l->drain_ns = at < l->drain_ns ? at : l->drain_ns;
        return;
    }
    l->stopping = true;
    l->drain_ns = at;
    while (l->hooks) {
        struct loop_task *hook = l->hooks;
        l->hooks = hook->next;
        hook->next = NULL;
        hook->fn(hook);
    }
    LIST_EACH(pos, &l->flows)
    {
        struct flow *f = CONTAINER_OF(pos, struct flow, all);
        if (f->background)
            flow_cancel(f);
    }
}

bool loop_stopping(const struct loop *l)
{
    return l->stopping;
}

void loop_on_stop(struct loop *l, struct loop_task *hook)
{
    if (l->stopping) {
        hook->fn(hook);
        return;
    }
    hook->next = l->hooks;
    l->hooks = hook;
}

void loop_off_stop(struct loop *l, struct loop_task *hook)
{
    struct loop_task **at = &l->hooks;
    while (*at && *at != hook)
        at = &(*at)->next;
    if (*at)
        *at = hook->next;
}

/* --- looking --- */

const struct clock *loop_clock(const struct loop *l)
{
    return l->clock;
}

int64_t loop_now_ns(const struct loop *l)
{
    return clock_mono_ns(l->clock);
}

uint64_t loop_stalls(const struct loop *l)
{
    return l->stalls;
}

unsigned loop_flows(const struct loop *l)
{
    return l->flow_count;
}

unsigned loop_max_flows(const struct loop *l)
{
    return l->max_flows;
}

size_t loop_stack_peak(const struct loop *l)
{
    return l->fibers.peak;
}
