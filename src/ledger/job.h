/* A submitted operation on its way through the writer. */
#ifndef LEDGER_JOB_H
#define LEDGER_JOB_H

#include "ledger/internal.h"

struct ledger_job {
    struct ledger_op op;
    int rc;
    atomic_uint refs; /* the submitter's and the queue's */
    bool on_loop;     /* a flow waits, else a thread */
    bool woken;       /* the loop's */
    bool done;        /* under ledger.mu */
    struct ledger_job *next;
    struct loop_task task;
    struct flow_cond cond;
};

/** A copy of the operation with both references, or NULL. */
struct ledger_job *job_new(const struct ledger_op *op);
void job_put(struct ledger_job *j);
/** Copies to the submitter what it gets and drops its reference: the whole operation where it is in
 * the books, else reason and detail. Gives the job's result. */
int job_answer(struct ledger_job *j, struct ledger_op *op);
/** Wakes everybody who waits for a job of this list, and drops the queue's references. */
void job_wake_all(struct ledger *l, struct ledger_job *jobs);

#endif
