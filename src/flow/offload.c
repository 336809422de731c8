/* Jobs and the wait for them. The executor holds one reference, the flow another; whoever lets go
 * last frees. */
#include "flow/offload.h"

#include "flow/core.h"
#include "flow/pool.h"

#include <stdlib.h>

void *offload_job_new(size_t size, void (*run)(struct offload_job *),
                      void (*destroy)(struct offload_job *))
{
    CHECK(size >= sizeof(struct offload_job));
    struct offload_job *job = calloc(1, size);
    if (!job)
        return NULL;
    job->run = run;
    job->destroy = destroy;
    atomic_init(&job->refs, 1);
    atomic_init(&job->abandoned, false);
    flow_cond_init(&job->cond);
    return job;
}

struct offload_job *offload_job_get(struct offload_job *job)
{
    (void)atomic_fetch_add(&job->refs, 1);
    return job;
}

void offload_job_put(struct offload_job *job)
{
    if (!job || atomic_fetch_sub(&job->refs, 1) != 1)
        return;
    if (job->destroy)
        job->destroy(job);
    free(job);
}

bool offload_job_abandoned(const struct offload_job *job)
{
    return atomic_load(&job->abandoned);
}

static void on_done(struct loop_task *task)
{
    struct offload_job *job = CONTAINER_OF(task, struct offload_job, task);
    job->done = true;
    flow_cond_broadcast(&job->cond);
    offload_job_put(job);
}

static void call_run(struct offload_job *job) WORKER_FN;
static void call_run(struct offload_job *job)
{
    job->run(job);
}

void executor_run(struct offload_job *job)
{
    if (!job->droppable || !offload_job_abandoned(job))
        call_run(job);
    if (job->loop)
        loop_post(job->loop, &job->task);
    else
        offload_job_put(job);
}

int pool_submit(struct pool *pool, struct offload_job *job)
{
    struct executor *x = pool_executor_(pool);
    int rc = x->submit(x, offload_job_get(job));
    if (rc)
        offload_job_put(job);
    return rc;
}

int flow_co_offload(struct pool *pool, struct offload_job *job, int64_t deadline_ns)
{
    int rc = flow_co_checkpoint_();
    if (rc)
        return rc;
    CHECK(!job->loop && !job->done);
    job->loop = flow_loop();
    job->task.fn = on_done;
    rc = pool_submit(pool, job);
    if (rc) {
        job->loop = NULL;
        return rc;
    }
    while (!job->done) {
        rc = flow_co_wait(&job->cond, deadline_ns);
        if (rc && !job->done) {
            atomic_store(&job->abandoned, true);
            return rc;
        }
    }
    return 0;
}
