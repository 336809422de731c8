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

#endif
