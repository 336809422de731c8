/* A submitted operation on its way through the writer. */
#ifndef LEDGER_JOB_H
#define LEDGER_JOB_H

#include "ledger/internal.h"

/* A citizen's key: written by the writer, never journalled. */
struct key_job {
    const char *citizen;
    uint8_t what;
    const struct citizen_key_row *row;
};

/* The operation is the submitter's: it waits, shielded, until the writer has done with it. */
struct ledger_job {
    struct ledger_op *op;       /* NULL: `key` is what is to be kept */
    const struct key_job *key;  /* the submitter's likewise */
    int64_t asked_no; /* an intent's request number as it was submitted */
    int64_t queued_ns;
    int rc;
    atomic_uint refs; /* the submitter's and the queue's */
    bool on_loop;     /* a flow waits, else a thread */
    bool woken;       /* the loop's */
    bool done;        /* under ledger.mu */
    struct ledger_job *next;
    struct ledger *l; /* of the first of a batch's flows */
    struct loop_task task;
    struct flow_cond cond;
};

/** A job with both references, or NULL. The operation must stay until the job was answered. */
struct ledger_job *job_new(struct ledger_op *op);
void job_put(struct ledger_job *j);
/** Drops the submitter's reference, gives the job's result. */
int job_answer(struct ledger_job *j);
/** Wakes everybody who waits for a job of this list, and drops the queue's references. */
void job_wake_all(struct ledger *l, struct ledger_job *jobs);

#endif
