/* Records of offline terminals inside the ledger: their rows (offline_row.c), what becomes of one
 * (offline_judge.c), its money (offline.c). Private to this folder. */
#ifndef LEDGER_OFFLINE_H
#define LEDGER_OFFLINE_H

#include "ledger/fold.h"

/* ---- rows ---- */
/** The record of that identity. OC_ENOENT. */
int offline_load(struct fold *f, const struct op_offline *o,
                 struct offline_row *ret) MUST_USE WORKER_FN;
/** Writes what is known of it now; a new one gets the number of the operation at work. */
int offline_store(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
/** Does another record than `o` stand posted under its SAM and sequence, or, where both move it,
 * under its card's counter? *ret_txn: that one's transaction, 0 none. */
int offline_twin(struct fold *f, const struct op_offline *o, int64_t *ret_txn) MUST_USE WORKER_FN;
/** Number and sum of the card's held grey records that move counters below `due`, `o` among them;
 * *ret_distinct: each has a counter of its own. */
struct offline_greys {
    uint32_t count;
    fen_t sum;
    bool distinct;
};
int offline_greys(struct fold *f, const struct op_offline *o, uint16_t due,
                  struct offline_greys *ret) MUST_USE WORKER_FN;

/* ---- judging ---- */
/** Fills in what the ledger decides of op->offline, legs included; *ret_same: it stands there like
 * this already. OC_EREFUSED, or a store error. */
int offline_judge(struct fold *f, struct ledger_op *op, bool *ret_same) MUST_USE WORKER_FN;

#endif
