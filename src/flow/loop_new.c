/* Making and freeing a loop, its descriptors and its signals. */
#include "flow/core.h"
#include "flow/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_FLOWS_DEFAULT 10000U
#define ARENAS_KEPT       ((size_t)16 * 1024 * 1024) /* wiped blocks for the next flows */

/* --- signals --- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    struct loop_sig *s = arg;
    (void)what;
    s->fn((int)signo, s->arg);
}

int loop_signal(struct loop *l, int signo, void (*fn)(int signo, void *arg), void *arg)
{
    struct loop_sig *s = calloc(1, sizeof *s);
    if (!s)
        return OC_ENOMEM;
    s->fn = fn;
    s->arg = arg;
    s->ev = evsignal_new(l->base, signo, on_signal, s);
    if (!s->ev || event_add(s->ev, NULL) != 0) {
        log_error("flow", "cannot watch signal=%d", signo);
        if (s->ev)
            event_free(s->ev);
        free(s);
        return OC_EIO;
    }
    s->next = l->sigs;
    l->sigs = s;
    return 0;
}

/* --- making and freeing --- */

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    uint64_t n;
    (void)what;
    (void)arg;
    ssize_t got = read(fd, &n, sizeof n);
    (void)got; /* empty is fine: it was only a wake-up */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    on_wake(fd, what, NULL);
    l->armed_ns = 0;
}

static int make_base(struct loop *l)
{
    struct event_config *cfg = event_config_new();
    if (!cfg)
        return OC_ENOMEM;
    /* Only the loop's thread touches the base: others post. */
    (void)event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
    l->base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    return l->base ? 0 : OC_EIO;
}

static int watch(struct loop *l, int fd, event_callback_fn fn, struct event **ret)
{
    if (fd < 0)
        return OC_EIO;
    *ret = event_new(l->base, fd, EV_READ | EV_PERSIST, fn, l);
    return *ret && event_add(*ret, NULL) == 0 ? 0 : OC_EIO;
}

static int make_fds(struct loop *l)
{
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int rc = watch(l, l->wake_fd, on_wake, &l->wake_ev);
    if (rc)
        return rc;
    return watch(l, l->timer_fd, on_timer, &l->timer_ev);
}

static void make_metrics(struct loop *l, struct metrics *m)
{
    if (!m)
        return;
    l->m_flows = metric_gauge(m, "onecard_flows", NULL, "Flows that have not ended.");
    l->m_started = metric_counter(m, "onecard_flows_started_total", NULL, "Flows started.");
    l->m_refused =
        metric_counter(m, "onecard_flows_refused_total", NULL, "Flows refused: too many.");
    l->m_stalls = metric_counter(m, "onecard_loop_stalls_total", NULL,
                                 "Times something kept the loop for more than 50 ms.");
}

static unsigned clamp_flows(unsigned asked)
{
    unsigned max = stack_max_count(), want = asked ? asked : MAX_FLOWS_DEFAULT;
    if (want <= max)
        return want;
    log_warn("flow",
             "flow limit lowered from %u to %u: each stack takes two of the kernel's mappings "
             "(raise vm.max_map_count for more)",
             want, max);
    return max;
}

static int loop_make(struct loop *l)
{
    arena_pool_init(&l->arenas, ARENAS_KEPT);
    int rc = fiber_pool_init(&l->fibers, l->opts.stack_size, l->opts.measure_stacks);
    if (rc)
        return rc;
    if (l->opts.seed) {
        l->random = l->opts.seed;
        l->seeded = calloc(l->max_flows, sizeof(struct flow *));
        if (!l->seeded)
            return OC_ENOMEM;
    }
    rc = make_base(l);
    return rc ? rc : make_fds(l);
}

int loop_new(struct loop **ret, const struct loop_opts *o)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return OC_ENOMEM;
    if (o)
        l->opts = *o;
    l->clock = l->opts.clock ? l->opts.clock : &clock_system;
    l->max_flows = clamp_flows(l->opts.max_flows);
    l->wake_fd = l->timer_fd = -1;
    list_init(&l->ready);
    list_init(&l->flows);
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = loop_make(l);
    if (rc) {
        log_error("flow", "cannot make an event loop: %s", strerror(errno));
        loop_free(&l);
        return rc;
    }
    make_metrics(l, l->opts.metrics);
    *ret = l;
    return 0;
}

static void free_events(struct loop *l)
{
    while (l->sigs) {
        struct loop_sig *s = l->sigs;
        l->sigs = s->next;
        event_free(s->ev);
        free(s);
    }
    if (l->wake_ev)
        event_free(l->wake_ev);
    if (l->timer_ev)
        event_free(l->timer_ev);
    if (l->wake_fd >= 0)
        (void)close(l->wake_fd);
    if (l->timer_fd >= 0)
        (void)close(l->timer_fd);
    if (l->base)
        event_base_free(l->base);
}

void loop_free(struct loop **loop)
{
    struct loop *l = *loop;
    *loop = NULL;
    if (!l)
        return;
    CHECK(!l->running);
    while (loop_run_posted_(l))
        continue;
    LIST_EACH_SAFE(pos, tmp, &l->flows)
    {
        flow_abandon_(CONTAINER_OF(pos, struct flow, all));
    }
    free_events(l);
    fiber_pool_fini(&l->fibers);
    arena_pool_fini(&l->arenas);
    timers_fini(&l->timers);
    free(l->seeded);
    free(l);
}
