#include "machine.h"

#include <stdlib.h>
#include <string.h>

/* How long the machine takes for what is no virtual time of its own: to notice, to read, to sync.
 */
#define QUICK_NS    (20 * INT64_C(1000))
#define USUAL_NS    (2 * NS_PER_MS)
#define SLOW_NS     (400 * NS_PER_MS)
#define SLOW_ONE_IN 400

/* ---- the clock ---- */

static const struct sim_machine *machine_of(const struct clock *c)
{
    return (const struct sim_machine *)(const void *)c;
}
static int64_t wall(const struct clock *c)
{
    const struct sim_machine *m = machine_of(c);
    return m->wall_ms + m->now_ns / NS_PER_MS;
}
static int64_t mono(const struct clock *c)
{
    return machine_of(c)->now_ns;
}

/* ---- what is to happen ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(struct sim_machine *m, size_t at)
{
    for (; at > 0 && before(&m->heap[at], &m->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&m->heap[at], &m->heap[(at - 1) / 2]);
}

static void sift_down(struct sim_machine *m, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < m->count; at = child) {
        if (child + 1 < m->count && before(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (!before(&m->heap[child], &m->heap[at]))
            return;
        swap(&m->heap[child], &m->heap[at]);
    }
}

static void take(struct sim_machine *m, size_t at)
{
    m->heap[at] = m->heap[--m->count];
    if (at < m->count) {
        sift_up(m, at);
        sift_down(m, at);
    }
}

void sim_after(struct sim_machine *m, int64_t in_ns, void (*fn)(void *arg), void *arg)
{
    if (m->count == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->heap = reallocarray(m->heap, m->cap, sizeof *m->heap);
        CHECK(m->heap);
    }
    m->heap[m->count] = (struct sim_event){m->now_ns + in_ns, m->order++, fn, arg};
    sift_up(m, m->count++);
}

bool sim_forget(struct sim_machine *m, void (*fn)(void *arg), const void *arg)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->heap[i].fn == fn && m->heap[i].arg == arg) {
            take(m, i);
            return true;
        }
    }
    return false;
}

bool sim_idle(void *arg, int64_t next_ns)
{
    struct sim_machine *m = arg;
    int64_t event_ns = m->count ? m->heap[0].at_ns : FLOW_FOREVER;
    int64_t at = event_ns < next_ns ? event_ns : next_ns;
    if (at == FLOW_FOREVER) {
        m->stuck(m->step_arg);
        return false;
    }
    m->now_ns = at > m->now_ns ? at : m->now_ns;
    m->steps++;
    if (m->step)
        m->step(m->step_arg);
    if (event_ns <= next_ns && m->count && m->heap[0].at_ns <= m->now_ns) {
        struct sim_event e = m->heap[0];
        take(m, 0);
        e.fn(e.arg);
    }
    return true;
}

static int64_t while_at_work(struct sim_machine *m)
{
    int64_t most = sim_chance(&m->rand, 1, SLOW_ONE_IN) ? SLOW_NS : USUAL_NS;
    return sim_range(&m->rand, QUICK_NS, most);
}

/* ---- pools ---- */

struct sim_executor {
    struct executor x;
    struct sim_machine *machine;
    size_t queued, max;
    struct sim_job *first, **last; /* accepted, in order */
};
struct sim_job {
    struct sim_executor *owner;
    struct offload_job *job;
    struct sim_job *next;
};

static void run_job(void *arg)
{
    struct sim_job *j = arg;
    struct sim_executor *x = j->owner;
    struct sim_job **at = &x->first;
    ROLE_ENTER_WORKER();
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    if (!j->next)
        x->last = at;
    x->queued--;
    executor_run(j->job);
    free(j);
}

static int submit(struct executor *e, struct offload_job *job)
{
    struct sim_executor *x = CONTAINER_OF(e, struct sim_executor, x);
    if (x->queued >= x->max)
        return OC_EBUSY;
    struct sim_job *j = calloc(1, sizeof *j);
    if (!j)
        return OC_EBUSY;
    *j = (struct sim_job){.owner = x, .job = job};
    *x->last = j;
    x->last = &j->next;
    x->queued++;
    sim_after(x->machine, while_at_work(x->machine), run_job, j);
    return 0;
}

static void executor_free(struct executor *e)
{
    struct sim_executor *x = CONTAINER_OF(e, struct sim_executor, x);
    while (x->first) {
        struct sim_job *j = x->first;
        CHECK(sim_forget(x->machine, run_job, j));
        run_job(j);
    }
    free(x);
}

static int executor_make(const struct threading *t, const char *name, unsigned threads,
                         size_t max_queue, struct executor **ret)
{
    struct sim_executor *x = calloc(1, sizeof *x);
    (void)name;
    if (!x)
        return OC_ENOMEM;
    x->x = (struct executor){.submit = submit, .free = executor_free};
    x->machine = (struct sim_machine *)((uintptr_t)t - offsetof(struct sim_machine, threading));
    x->max = max_queue + threads;
    x->last = &x->first;
    *ret = &x->x;
    return 0;
}

/* ---- runners ---- */

struct sim_runner {
    struct runner runner;
    struct sim_machine *machine;
    runner_turn turn;
    void *arg;
    bool due, woken;
};

static void run_turn(void *arg)
{
    struct sim_runner *r = arg;
    r->due = r->woken = false;
    int64_t ms = r->turn(r->arg);
    if (ms == RUNNER_REST && !r->woken)
        return;
    if (r->due) /* woken while it worked */
        (void)sim_forget(r->machine, run_turn, r);
    r->due = true;
    sim_after(r->machine,
              ms == RUNNER_AGAIN || r->woken ? while_at_work(r->machine) : ms * NS_PER_MS, run_turn,
              r);
}

static void wake(struct runner *base)
{
    struct sim_runner *r = CONTAINER_OF(base, struct sim_runner, runner);
    if (r->woken)
        return;
    r->woken = true;
    if (r->due)
        (void)sim_forget(r->machine, run_turn, r);
    r->due = true;
    sim_after(r->machine, while_at_work(r->machine), run_turn, r);
}

static void stop(struct runner *base)
{
    struct sim_runner *r = CONTAINER_OF(base, struct sim_runner, runner);
    (void)sim_forget(r->machine, run_turn, r);
    while (r->turn(r->arg) == RUNNER_AGAIN)
        continue;
    (void)sim_forget(r->machine, run_turn, r);
    free(r);
}

static int runner_make(const struct threading *t, const char *name, runner_turn turn, void *arg,
                       struct runner **ret)
{
    struct sim_runner *r = calloc(1, sizeof *r);
    (void)name;
    if (!r)
        return OC_ENOMEM;
    r->runner = (struct runner){.wake = wake, .stop = stop};
    r->machine = (struct sim_machine *)((uintptr_t)t - offsetof(struct sim_machine, threading));
    r->turn = turn;
    r->arg = arg;
    r->due = true;
    sim_after(r->machine, QUICK_NS, run_turn, r);
    *ret = &r->runner;
    return 0;
}

/* ---- the whole ---- */

void sim_machine_init(struct sim_machine *m, uint64_t seed, int64_t wall_ms)
{
    *m = (struct sim_machine){.clock = {.wall_ms = wall, .mono_ns = mono},
                              .threading = {.executor = executor_make, .runner = runner_make},
                              .now_ns = NS_PER_S,
                              .wall_ms = wall_ms};
    sim_rand_init(&m->rand, seed, "machine");
}

void sim_machine_fini(struct sim_machine *m)
{
    free(m->heap);
    *m = (struct sim_machine){0};
}
