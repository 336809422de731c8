/* Where jobs run: threads with one bounded queue, or the loop itself. */
#include "flow/pool.h"

#include "base/base.h"
#include "flow/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pool {
    char name[16];
    struct executor *x;
    atomic_size_t *queued; /* of our own executors; NULL of others */
};

struct executor *pool_executor_(struct pool *pool)
{
    return pool->x;
}

struct queue {
    struct offload_job *head, **tail;
    atomic_size_t count;
};

static void queue_init(struct queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
    atomic_init(&q->count, 0);
}

static void queue_push(struct queue *q, struct offload_job *job)
{
    job->next = NULL;
    *q->tail = job;
    q->tail = &job->next;
    (void)atomic_fetch_add(&q->count, 1);
}

static struct offload_job *queue_pop(struct queue *q)
{
    struct offload_job *job = q->head;
    if (!job)
        return NULL;
    q->head = job->next;
    if (!q->head)
        q->tail = &q->head;
    (void)atomic_fetch_sub(&q->count, 1);
    return job;
}

/* --- threads --- */

struct worker {
    struct threads *owner;
    unsigned idx;
    pthread_t thread;
};

struct threads {
    struct executor x;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct queue queue; /* under the lock, but for its count */
    size_t max_queue;
    bool closing; /* under the lock */
    char name[16];
    void (*init)(void *arg, unsigned idx);
    void *arg;
    unsigned started;
    struct worker workers[];
};

static struct offload_job *next_job(struct threads *t)
{
    (void)pthread_mutex_lock(&t->lock);
    while (!t->queue.head && !t->closing)
        (void)pthread_cond_wait(&t->wake, &t->lock);
    struct offload_job *job = queue_pop(&t->queue);
    (void)pthread_mutex_unlock(&t->lock);
    return job;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct threads *t = w->owner;
    struct offload_job *job;
    char name[16];
    ROLE_ENTER_WORKER();
    (void)snprintf(name, sizeof name, "%.12s-%u", t->name, w->idx % 100);
    (void)pthread_setname_np(pthread_self(), name);
    if (t->init)
        t->init(t->arg, w->idx);
    while ((job = next_job(t)) != NULL)
        executor_run(job);
    return NULL;
}

static int threads_submit(struct executor *x, struct offload_job *job)
{
    struct threads *t = CONTAINER_OF(x, struct threads, x);
    int rc = 0;
    (void)pthread_mutex_lock(&t->lock);
    if (t->closing)
        rc = OC_ECLOSED;
    else if (atomic_load(&t->queue.count) >= t->max_queue)
        rc = OC_EBUSY;
    else
        queue_push(&t->queue, job);
    if (rc == 0)
        (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->lock);
    return rc;
}

static void threads_free(struct executor *x)
{
    struct threads *t = CONTAINER_OF(x, struct threads, x);
    (void)pthread_mutex_lock(&t->lock);
    t->closing = true;
    (void)pthread_cond_broadcast(&t->wake);
    (void)pthread_mutex_unlock(&t->lock);
    for (unsigned i = 0; i < t->started; i++)
        (void)pthread_join(t->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

/* Workers take no signals: those are the loop's. */
static int start_workers(struct threads *t, unsigned count)
{
    sigset_t all, old;
    int rc = 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < count && rc == 0; i++) {
        struct worker *w = &t->workers[i];
        w->owner = t;
        w->idx = i;
        rc = pthread_create(&w->thread, NULL, worker_main, w);
        if (rc == 0)
            t->started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return 0;
    log_error("flow", "cannot start a worker thread pool=%s: %s", t->name, strerror(rc));
    return OC_EIO;
}

static struct threads *threads_new(const char *name, unsigned count, size_t max_queue)
{
    struct threads *t = calloc(1, sizeof *t + count * sizeof t->workers[0]);
    if (!t)
        return NULL;
    t->x = (struct executor){.submit = threads_submit, .free = threads_free};
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->wake, NULL);
    queue_init(&t->queue);
    t->max_queue = max_queue;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

int pool_new(struct pool **ret, const char *name, unsigned threads, size_t max_queue,
             void (*thread_init)(void *arg, unsigned idx), void *arg)
{
    struct pool *p;
    struct threads *t = threads_new(name, threads, max_queue);
    if (!t)
        return OC_ENOMEM;
    t->init = thread_init;
    t->arg = arg;
    int rc = start_workers(t, threads);
    if (rc == 0)
        rc = pool_new_on(&p, name, &t->x);
    if (rc) {
        threads_free(&t->x);
        return rc;
    }
    p->queued = &t->queue.count;
    *ret = p;
    return 0;
}

/* --- the loop itself --- */

struct inlined {
    struct executor x;
    struct loop *loop;
    struct loop_task task;
    struct queue queue;
    bool posted, closing;
};

static void inlined_turn(struct loop_task *task)
{
    struct inlined *in = CONTAINER_OF(task, struct inlined, task);
    struct offload_job *job = queue_pop(&in->queue);
    ROLE_ENTER_WORKER();
    in->posted = false;
    if (job)
        executor_run(job);
    if (in->closing) {
        free(in);
        return;
    }
    if (in->queue.head) {
        in->posted = true;
        loop_post(in->loop, &in->task);
    }
}

static int inlined_submit(struct executor *x, struct offload_job *job)
{
    struct inlined *in = CONTAINER_OF(x, struct inlined, x);
    queue_push(&in->queue, job);
    if (!in->posted) {
        in->posted = true;
        loop_post(in->loop, &in->task);
    }
    return 0;
}

static void inlined_free(struct executor *x)
{
    struct inlined *in = CONTAINER_OF(x, struct inlined, x);
    struct offload_job *job;
    ROLE_ENTER_WORKER();
    while ((job = queue_pop(&in->queue)) != NULL)
        executor_run(job);
    in->closing = true;
    if (!in->posted)
        free(in); /* else the posted task does */
}

int pool_new_inline(struct pool **ret, const char *name, struct loop *loop)
{
    struct pool *p;
    struct inlined *in = calloc(1, sizeof *in);
    if (!in)
        return OC_ENOMEM;
    in->x = (struct executor){.submit = inlined_submit, .free = inlined_free};
    in->loop = loop;
    in->task.fn = inlined_turn;
    queue_init(&in->queue);
    int rc = pool_new_on(&p, name, &in->x);
    if (rc) {
        free(in);
        return rc;
    }
    p->queued = &in->queue.count;
    *ret = p;
    return 0;
}

/* --- both --- */

int pool_new_on(struct pool **ret, const char *name, struct executor *x)
{
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return OC_ENOMEM;
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    p->x = x;
    *ret = p;
    return 0;
}

void pool_free(struct pool **pool)
{
    struct pool *p = *pool;
    *pool = NULL;
    if (!p)
        return;
    p->x->free(p->x);
    free(p);
}

size_t pool_queued(const struct pool *p)
{
    return p->queued ? atomic_load(p->queued) : 0;
}
