/* Pools and runners from the operating system's threads, or from whoever stands in for them. */
#include "flow/threading.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int threading_pool(const struct threading *t, const char *name, unsigned threads, size_t max_queue,
                   struct pool **ret)
{
    struct executor *x;
    if (!t)
        return pool_new(ret, name, threads, max_queue, NULL, NULL);
    int rc = t->executor(t, name, threads, max_queue, &x);
    if (rc)
        return rc;
    rc = pool_new_on(ret, name, x);
    if (rc)
        x->free(x);
    return rc;
}

/* --- a thread --- */

struct thread_runner {
    struct runner runner;
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool woken, stopping; /* under mu */
    runner_turn turn;
    void *arg;
    char name[16];
};

static void thread_wake(struct runner *r)
{
    struct thread_runner *t = CONTAINER_OF(r, struct thread_runner, runner);
    (void)pthread_mutex_lock(&t->mu);
    t->woken = true;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->mu);
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + ms % 1000 * NS_PER_MS;
    until.tv_sec += (time_t)(ms / 1000 + ns / NS_PER_S);
    until.tv_nsec = (long)(ns % NS_PER_S);
    return until;
}

/* Rests; whether the end was asked for. */
static bool rest(struct thread_runner *t, int64_t ms)
{
    struct timespec until = after_ms(ms == RUNNER_REST ? 0 : ms);
    int rc = 0;
    (void)pthread_mutex_lock(&t->mu);
    while (!t->woken && !t->stopping && rc == 0)
        rc = ms == RUNNER_REST ? pthread_cond_wait(&t->wake, &t->mu)
                               : pthread_cond_timedwait(&t->wake, &t->mu, &until);
    t->woken = false;
    bool stop = t->stopping;
    (void)pthread_mutex_unlock(&t->mu);
    return stop;
}

static void *thread_main(void *arg)
{
    struct thread_runner *t = arg;
    bool stop = false;
    ROLE_ENTER_WORKER();
    (void)pthread_setname_np(pthread_self(), t->name);
    for (;;) {
        int64_t ms = t->turn(t->arg);
        if (ms == RUNNER_AGAIN)
            continue;
        if (stop)
            return NULL;
        stop = rest(t, ms);
    }
}

static void thread_free(struct thread_runner *t)
{
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_mutex_destroy(&t->mu);
    free(t);
}

static void thread_stop(struct runner *r)
{
    struct thread_runner *t = CONTAINER_OF(r, struct thread_runner, runner);
    (void)pthread_mutex_lock(&t->mu);
    t->stopping = true;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->mu);
    (void)pthread_join(t->thread, NULL);
    thread_free(t);
}

static void init_sync(struct thread_runner *t)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&t->mu, NULL);
    (void)pthread_cond_init(&t->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
}

/* Runners take no signals: those are the loop's. */
static int begin(struct thread_runner *t)
{
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&t->thread, NULL, thread_main, t);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return 0;
    log_error("flow", "cannot start thread %s: %s", t->name, strerror(rc));
    return OC_EIO;
}

int runner_start(const struct threading *by, const char *name, runner_turn turn, void *arg,
                 struct runner **ret)
{
    if (by)
        return by->runner(by, name, turn, arg, ret);
    struct thread_runner *t = calloc(1, sizeof *t);
    if (!t)
        return OC_ENOMEM;
    t->runner = (struct runner){.wake = thread_wake, .stop = thread_stop};
    t->turn = turn;
    t->arg = arg;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    init_sync(t);
    int rc = begin(t);
    if (rc) {
        thread_free(t);
        return rc;
    }
    *ret = &t->runner;
    return 0;
}

void runner_wake(struct runner *r)
{
    r->wake(r);
}

void runner_stop(struct runner **r)
{
    struct runner *x = *r;
    *r = NULL;
    if (x)
        x->stop(x);
}
