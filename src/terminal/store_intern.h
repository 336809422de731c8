/* Between store.c (for flows, opening) and store_work.c (the disk thread). Private to those two. */
#ifndef TERMINAL_STORE_INTERN_H
#define TERMINAL_STORE_INTERN_H

#include "db/db.h"
#include "terminal/store.h"

struct store {
    struct db *db;
    struct db_wal *wal;
    struct pool *disk;
    unsigned writes; /* disk thread */
};

#define COLUMNS                                                                                    \
    "number, state, gate, reader, arrival, created_ms, ended_ms, amount, service, ref, person, "   \
    "frame, result"

struct store_job {
    struct offload_job job;
    struct store *store;
    int (*fn)(struct store_job *j);
    struct store_row row;
    struct store_result result;
    struct store_shift shift;
    struct store_total totals[STORE_TOTALS];
    unsigned count, doubts;
    uint64_t first, last;
    unsigned keep;
    char *mem, *json; /* of the row's bytes; of the result */
};

/** Round each write. store_end() commits, or rolls back where `rc` or the transaction failed. */
int store_begin(struct store *s, struct db_tx *tx) MUST_USE WORKER_FN;
int store_end(struct db_tx *tx, struct store *s, int rc) MUST_USE WORKER_FN;
/** Takes a row of COLUMNS apart; its bytes go to one new block. OC_ENOMEM. */
int store_read_row(struct db_q *q, struct store_row *r, char **ret_mem) MUST_USE WORKER_FN;

/* Bodies of jobs. */
int store_do_add(struct store_job *j);
int store_do_result(struct store_job *j);
int store_do_nothing(struct store_job *j);
int store_do_get(struct store_job *j);
int store_do_totals(struct store_job *j);
int store_do_shift(struct store_job *j);
int store_do_prune(struct store_job *j);

#endif
