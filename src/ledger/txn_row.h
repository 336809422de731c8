/* Writing transaction rows (txn_row.c), for apply_txn.c. */
#ifndef LEDGER_TXN_ROW_H
#define LEDGER_TXN_ROW_H

#include "ledger/internal.h"

int txn_insert(struct fold *f, const struct txn_full *t) MUST_USE WORKER_FN;
/** Moves an open row; OC_EINTERNAL where it is not open: the second check of the table of edges. */
int txn_decide(struct fold *f, const struct txn_full *t) MUST_USE WORKER_FN;
/** A voided attempt loses its request number where its successor has the same one. */
int txn_yield_number(struct fold *f, const struct op_intent *successor) MUST_USE WORKER_FN;
/** Reserves (or gives back) a part of a posted original. OC_EINTERNAL beyond its amount. */
int txn_refunded(struct fold *f, int64_t original, fen_t amount) MUST_USE WORKER_FN;

#endif
