#include "failing_store.h"
#include "ledger/query.h"
#include <stdlib.h>
#include <string.h>

/* ---- operations ---- */

/* One try: it has fewer statements, or it failed as it must (1), or otherwise. */
static WORKER_FN int try_submit(struct ledger *l, struct ledger_op *op, unsigned n)
{
    struct ledger_stats before, after;
    ledger_stats(l, &before);
    failing_arm(n, OC_EDB);
    int rc = ledger_submit(l, op);
    if (!failing_disarm())
        return rc;
    ledger_stats(l, &after);
    bool fit = ledger_healthy(l, NULL);
    if (rc == OC_EDB && after.journal_seq == before.journal_seq && fit)
        return 1;
    (void)fprintf(stderr, "operation %u, statement %u failed: told %s, journal %lld -> %lld%s\n",
                  op->type, n, oc_strerror(rc), (long long)before.journal_seq,
                  (long long)after.journal_seq, fit ? "" : ", the store was given up");
    return OC_EINTERNAL;
}

int failing_submit(struct ledger *l, struct ledger_op *op)
{
    static FILE *nowhere;
    struct ledger_op *asked = malloc(sizeof *asked);
    if (!asked)
        return OC_ENOMEM;
    *asked = *op;
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    log_set_stream(nowhere); /* each failure is an error in the log */
    int rc = 1;
    for (unsigned n = 1; rc == 1; n++) {
        *op = *asked;
        rc = try_submit(l, op, n);
    }
    log_set_stream(NULL);
    free(asked);
    return rc;
}

/* ---- reads ---- */

void *__real_offload_job_new(size_t size, void (*run)(struct offload_job *),
                             void (*destroy)(struct offload_job *));
void *__wrap_offload_job_new(size_t size, void (*run)(struct offload_job *),
                             void (*destroy)(struct offload_job *));

static void (*_Atomic run_read)(struct offload_job *);

#define ASKED_LEN (sizeof(struct query) - sizeof(struct offload_job))

static char *asked_of(struct query *q)
{
    return (char *)q + sizeof q->job;
}

static void forget_found(struct query *q, const char asked[ASKED_LEN])
{
    free(q->rows);
    free(q->op);
    free(q->extra);
    buf_fini(&q->op_bytes);
    buf_fini(&q->docs);
    memcpy(asked_of(q), asked, ASKED_LEN);
    q->job.result = 0;
}

static void run(struct offload_job *job)
{
    struct query *q = CONTAINER_OF(job, struct query, job);
    char asked[ASKED_LEN];
    bool later = q->rows || q->op || q->extra || q->docs.len; /* a list's next turn */
    memcpy(asked, asked_of(q), sizeof asked);
    for (int n = later ? 0 : 1;; n++) {
        failing_own(n);
        atomic_load (&run_read)(job);
        if (!failing_own_end() || later)
            return; /* it has fewer */
        if (job->result == 0) {
            (void)fprintf(stderr, "a read told no error though its statement %d had failed\n", n);
            abort();
        }
        forget_found(q, asked);
    }
}

void *__wrap_offload_job_new(size_t size, void (*run_it)(struct offload_job *),
                             void (*destroy)(struct offload_job *))
{
    if (size != sizeof(struct query))
        return __real_offload_job_new(size, run_it, destroy);
    atomic_store(&run_read, run_it);
    return __real_offload_job_new(size, run, destroy);
}
