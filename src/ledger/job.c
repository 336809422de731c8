/* Operations on their way to the writer and back: how flows and threads submit, wait and are woken.
 *
 * A job is a heap object with two owners, the submitter and the queue; nothing points into a flow's
 * stack. A batch's flows are woken by one task, which stands in the first of its jobs. */
#include "ledger/job.h"
#include <stdlib.h>

#define QUEUE_MAX                                                                                  \
    16384 /* above every flow there can be, each of which has one operation at most                \
           */

struct ledger_job *job_new(const struct ledger_op *op)
{
    struct ledger_job *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->op = *op;
    atomic_init(&j->refs, 2);
    flow_cond_init(&j->cond);
    return j;
}

void job_put(struct ledger_job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    flow_cond_fini(&j->cond);
    secret_wipe(&j->op, sizeof j->op);
    free(j);
}

static int job_queue(struct ledger *l, struct ledger_job *j)
{
    int rc = 0;
    pthread_mutex_lock(&l->mu);
    if (l->stopping)
        rc = OC_ECLOSED;
    else if (l->queued >= QUEUE_MAX)
        rc = OC_EBUSY;
    if (!rc) {
        *l->last = j;
        l->last = &j->next;
        l->queued++;
        pthread_cond_signal(&l->more);
    }
    pthread_mutex_unlock(&l->mu);
    return rc;
}

/* What the submitter gets: the whole operation where it is in the books, else why not. */
int job_answer(struct ledger_job *j, struct ledger_op *op)
{
    int rc = j->rc;
    if (rc == 0 || rc == OC_EEXIST) {
        *op = j->op;
    } else {
        op->reason = j->op.reason;
        memcpy(op->detail, j->op.detail, sizeof op->detail);
    }
    job_put(j);
    return rc;
}

int ledger_co_submit(struct ledger *l, struct ledger_op *op)
{
    CHECK(l->loop);
    struct ledger_job *j = job_new(op);
    if (!j)
        return OC_ENOMEM;
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
    return job_answer(j, op);
}

int ledger_submit(struct ledger *l, struct ledger_op *op)
{
    struct ledger_job *j = job_new(op);
    if (!j)
        return OC_ENOMEM;
    int rc = job_queue(l, j);
    if (rc) {
        job_put(j);
        job_put(j);
        return rc;
    }
    pthread_mutex_lock(&l->mu);
    while (!j->done)
        pthread_cond_wait(&l->done, &l->mu);
    pthread_mutex_unlock(&l->mu);
    return job_answer(j, op);
}

/* On the loop: wakes every flow of a batch. The task stands in the first job, so the list is walked
 * before it can go. */
static void wake_flows(struct loop_task *task)
{
    struct ledger_job *j = CONTAINER_OF(task, struct ledger_job, task);
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
        flows->task.fn = wake_flows;
        loop_post(l->loop, &flows->task);
    }
    wake_threads(l, threads);
}
