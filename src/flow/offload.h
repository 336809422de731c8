/* Blocking work for flows: a job goes to a worker thread, the flow waits. A job is a heap object
 * with a reference count, never on a flow's stack: when the flow stops waiting (deadline,
 * cancellation) the job goes on and its result is dropped. Pools stand behind one small table, so
 * that a simulator may run jobs in its own order on the loop. */
#ifndef FLOW_OFFLOAD_H
#define FLOW_OFFLOAD_H

#include "base/base.h"
#include "flow/cond.h"
#include "flow/loop.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct pool;

/** Embed as the first member. run and what it reads are set before submission; what it writes is
 * read only after flow_co_offload() returned 0 (or in destroy). */
struct offload_job {
    void (*run)(struct offload_job *job); /* on a worker: may block; body marked WORKER_FN */
    void (*destroy)(
        struct offload_job *job); /* with the last reference, before the memory is freed; or NULL */
    int result;                   /* run's to set; 0 before */
    bool droppable; /* set before submission: do not even begin once the flow has given up */
    /* below: the machinery's */
    atomic_uint refs;
    atomic_bool abandoned;
    bool done;
    struct loop *loop;
    struct flow_cond cond;
    struct loop_task task;
    struct offload_job *next;
};

/** A zeroed job of `size` bytes (the whole embedding struct) with one reference, or NULL. destroy
 * may be NULL; it wipes secrets and frees what the job points to, the memory itself is freed after
 * it. */
void *offload_job_new(size_t size, void (*run)(struct offload_job *),
                      void (*destroy)(struct offload_job *)) MUST_USE;
struct offload_job *offload_job_get(struct offload_job *job);
/** Drops a reference; NULL is fine. The last one destroys, on whatever thread it is dropped. */
void offload_job_put(struct offload_job *job);
/** Inside run: has the flow stopped waiting? Long jobs look now and then. */
bool offload_job_abandoned(const struct offload_job *job);

/** Where jobs run. submit() takes over one reference and sees to it that executor_run(job) is
 * called once, or says OC_EBUSY, OC_ECLOSED and takes nothing. free() ends it: what was accepted is
 * run before it returns. */
struct executor {
    int (*submit)(struct executor *x, struct offload_job *job);
    void (*free)(struct executor *x);
};
/** Runs an accepted job and reports to its flow; drops the executor's reference. For executors
 * only. */
void executor_run(struct offload_job *job) WORKER_FN;

/** A pool of `threads` worker threads with at most `max_queue` jobs that have not begun.
 * thread_init (or NULL) is called first thing on each thread with its number: it may open what
 * belongs to the thread (a database connection) in arg's table; the owner closes that after
 * pool_free. `name` (up to 12 characters) names the threads. OC_ENOMEM, OC_EIO (thread not to be
 * had; logged). */
int pool_new(struct pool **ret, const char *name, unsigned threads, size_t max_queue,
             void (*thread_init)(void *arg, unsigned idx), void *arg) MUST_USE;
/** A pool over another executor; the pool owns it. OC_ENOMEM. */
int pool_new_on(struct pool **ret, const char *name, struct executor *x) MUST_USE;
/** A pool without threads: jobs run on the loop, one a turn, in order (simulation, tests).
 * OC_ENOMEM. */
int pool_new_inline(struct pool **ret, const char *name, struct loop *loop) MUST_USE;
/** Finishes what is queued, joins the threads, frees. Before the loops its jobs came from. Blocks.
 * NULL is fine. */
void pool_free(struct pool **pool);
/** Jobs accepted that have not begun. Thread-safe. */
size_t pool_queued(const struct pool *pool);

/** Hands the job to the pool and suspends until it ran: 0, and job->result is its own. OC_EBUSY:
 * queue full, OC_ECLOSED: the pool is ending, nothing was begun. OC_ETIMEDOUT, OC_ECANCELED: given
 * up, the job may still run and must not be looked at any more. A flow already cancelled submits
 * nothing. The caller keeps its own reference in every case. A job is submitted once. */
int flow_co_offload(struct pool *pool, struct offload_job *job, int64_t deadline_ns) CO_FN MUST_USE;
/** Hands over a job that nobody waits for. The caller keeps its reference. OC_EBUSY, OC_ECLOSED.
 * Thread-safe. */
int pool_submit(struct pool *pool, struct offload_job *job) MUST_USE;

#endif
