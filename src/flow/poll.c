/* Watches over libevent for others' event machines. Their callbacks run from the loop's look at the
 * descriptors, on the thread's own stack. */
#include "flow/poll.h"

#include "flow/core.h"

#include <event2/event.h>
#include <stdlib.h>

struct loop_fd {
    struct event *ev;
    struct loop_fd_opts opts;
    bool added;
};

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    const struct loop_fd *w = arg;
    w->opts.ready(w->opts.arg, (int)fd, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

int loop_fd_set(struct loop_fd *w, bool read, bool write)
{
    if (w->added)
        (void)event_del(w->ev);
    w->added = false;
    if (!read && !write)
        return 0;
    short what = (short)(EV_PERSIST | (read ? EV_READ : 0) | (write ? EV_WRITE : 0));
    if (event_assign(w->ev, event_get_base(w->ev), w->opts.fd, what, on_fd, w) != 0 ||
        event_add(w->ev, NULL) != 0)
        return OC_EIO;
    w->added = true;
    return 0;
}

int loop_fd_new(struct loop *l, const struct loop_fd_opts *o, struct loop_fd **ret)
{
    struct loop_fd *w = calloc(1, sizeof *w);
    if (!w)
        return OC_ENOMEM;
    w->opts = *o;
    w->ev = event_new(l->base, o->fd, EV_READ | EV_PERSIST, on_fd, w);
    int rc = w->ev ? loop_fd_set(w, o->read, o->write) : OC_ENOMEM;
    if (rc) {
        loop_fd_free(&w);
        return rc;
    }
    *ret = w;
    return 0;
}

void loop_fd_free(struct loop_fd **ref)
{
    struct loop_fd *w = *ref;
    *ref = NULL;
    if (!w)
        return;
    if (w->ev)
        event_free(w->ev);
    free(w);
}

struct loop_alarm {
    struct event *ev;
    void (*fn)(void *arg);
    void *arg;
};

static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
    const struct loop_alarm *a = arg;
    (void)fd;
    (void)what;
    a->fn(a->arg);
}

int loop_alarm_new(struct loop *l, void (*fn)(void *arg), void *arg, struct loop_alarm **ret)
{
    struct loop_alarm *a = calloc(1, sizeof *a);
    if (!a)
        return OC_ENOMEM;
    *a = (struct loop_alarm){.fn = fn, .arg = arg};
    a->ev = evtimer_new(l->base, on_alarm, a);
    if (!a->ev) {
        free(a);
        return OC_ENOMEM;
    }
    *ret = a;
    return 0;
}

void loop_alarm_set(struct loop_alarm *a, int64_t ms)
{
    if (ms < 0) {
        (void)evtimer_del(a->ev);
        return;
    }
    struct timeval in = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    CHECK(evtimer_add(a->ev, &in) == 0);
}

void loop_alarm_free(struct loop_alarm **ref)
{
    struct loop_alarm *a = *ref;
    *ref = NULL;
    if (!a)
        return;
    event_free(a->ev);
    free(a);
}
