/* Operations on their way to the writer and back: how flows and threads submit, wait and are woken.
 *
 * A job is a heap object with two owners, the submitter and the queue. The operation itself, 11
 * KiB, is not copied: whoever submits waits until the writer has decided, whatever happens, and
 * ledger_close() comes before the loop is freed; so the writer works in the submitter's own. A
 * batch's flows are woken by one task, which stands in the first of its jobs. */
#include "ledger/job.h"
#include <stdlib.h>

#define QUEUE_MAX                                                                                  \
    16384 /* above every flow there can be, each of which has one operation at most                \
           */

#define SUBMIT_PIECE 128

struct ledger_job *job_new(struct ledger_op *op)
{
    struct ledger_job *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->op = op;
    j->asked_no = op && op->type == LOP_INTENT ? op->intent.request_no : 0;
    atomic_init(&j->refs, 2);
    flow_cond_init(&j->cond);
    return j;
}

void job_put(struct ledger_job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    flow_cond_fini(&j->cond);
    free(j);
}

static int job_queue(struct ledger *l, struct ledger_job *j)
{
    int rc = 0;
    bool first = false;
    j->queued_ns = clock_mono_ns(&clock_system);
    pthread_mutex_lock(&l->mu);
    if (l->stopping)
        rc = OC_ECLOSED;
    else if (l->queued >= QUEUE_MAX)
        rc = OC_EBUSY;
    if (!rc) {
        first = l->first == NULL;
        *l->last = j;
        l->last = &j->next;
        l->queued++;
    }
    pthread_mutex_unlock(&l->mu);
    if (first) /* else whoever came before has woken it, and it takes all there is */
        runner_wake(l->writer);
    return rc;
}

int job_answer(struct ledger_job *j)
{
    int rc = j->rc;
    job_put(j);
    return rc;
}

/* Queues a job of a flow and waits for its result. */
static CO_FN int co_run(struct ledger *l, struct ledger_job *j)
{
    j->on_loop = true;
    int rc = job_queue(l, j);
    if (rc) {
        job_put(j);
        job_put(j);
        return rc;
    }
    flow_shield();
    while (!j->woken) {
        /* Shielded and without deadline: only the wake-up ends this wait. */
        rc = flow_co_wait(&j->cond, FLOW_FOREVER);
        CHECK(rc == 0);
    }
    flow_unshield();
    return job_answer(j);
}

int ledger_co_submit(struct ledger *l, struct ledger_op *op)
{
    CHECK(l->loop);
    struct ledger_job *j = job_new(op);
    int rc = j ? co_run(l, j) : OC_ENOMEM;
    if (rc != 0)
        return rc;
    front_learn(l, op);
    feed_co_wait(l);
    return 0;
}

int ledger_co_citizen_key_add(struct ledger *l, const char *citizen, uint8_t what,
                              const struct citizen_key_row *key)
{
    CHECK(l->loop);
    size_t len = strlen(citizen);
    if (len == 0 || len >= LEDGER_ID || (what != ERASE_PERSONAL && what != ERASE_DOCUMENTS) ||
        key->sealed_len == 0 || key->sealed_len > sizeof key->sealed)
        return OC_EINVAL;
    const struct key_job asked = {citizen, what, key};
    struct ledger_job *j = job_new(NULL);
    if (!j)
        return OC_ENOMEM;
    j->key = &asked;
    return co_run(l, j);
}

static void wait_done(struct ledger *l, struct ledger_job *j)
{
    pthread_mutex_lock(&l->mu);
    while (!j->done)
        pthread_cond_wait(&l->done, &l->mu);
    pthread_mutex_unlock(&l->mu);
}

int ledger_submit(struct ledger *l, struct ledger_op *op)
{
    int rc;
    ledger_submit_many(l, op, 1, &rc);
    return rc;
}

static struct ledger_job *job_begin(struct ledger *l, struct ledger_op *op, int *ret_err)
{
    struct ledger_job *j = job_new(op);
    *ret_err = j ? job_queue(l, j) : OC_ENOMEM;
    if (!j || !*ret_err)
        return j;
    job_put(j);
    job_put(j);
    return NULL;
}

void ledger_submit_many(struct ledger *l, struct ledger_op *ops, unsigned n, int *ret_rcs)
{
    struct ledger_job *jobs[SUBMIT_PIECE];
    for (unsigned from = 0; from < n; from += SUBMIT_PIECE) {
        unsigned count = n - from < SUBMIT_PIECE ? n - from : SUBMIT_PIECE;
        for (unsigned i = 0; i < count; i++)
            jobs[i] = job_begin(l, &ops[from + i], &ret_rcs[from + i]);
        for (unsigned i = 0; i < count; i++) {
            if (!jobs[i])
                continue;
            wait_done(l, jobs[i]);
            ret_rcs[from + i] = job_answer(jobs[i]);
        }
    }
    l->front_now++; /* not on the loop: nothing is known there of what changed */
}

/* On the loop: wakes every flow of a batch. The task stands in the first job, so the list is walked
 * before it can go. */
static void wake_flows(struct loop_task *task)
{
    struct ledger_job *j = CONTAINER_OF(task, struct ledger_job, task);
    flow_cond_broadcast(&j->l->grew);
    while (j) {
        struct ledger_job *next = j->next;
        j->woken = true;
        flow_cond_broadcast(&j->cond);
        job_put(j);
        j = next;
    }
}

static void wake_threads(struct ledger *l, struct ledger_job *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&l->mu);
    for (struct ledger_job *i = j; i; i = i->next)
        i->done = true;
    pthread_cond_broadcast(&l->done);
    pthread_mutex_unlock(&l->mu);
    while (j) {
        struct ledger_job *next = j->next;
        job_put(j);
        j = next;
    }
}

void job_wake_all(struct ledger *l, struct ledger_job *j)
{
    struct ledger_job *flows = NULL, **flows_end = &flows, *threads = NULL,
                      **threads_end = &threads;
    while (j) {
        struct ledger_job *next = j->next;
        struct ledger_job ***end = j->on_loop ? &flows_end : &threads_end;
        j->next = NULL;
        **end = j;
        *end = &j->next;
        j = next;
    }
    if (flows) {
        flows->l = l;
        flows->task.fn = wake_flows;
        loop_post(l->loop, &flows->task);
    }
    wake_threads(l, threads);
}
