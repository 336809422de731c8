/* What applies each operation that is about standing data, days and lists (apply.c, apply_day.c,
 * terminal_key.c, citizen.c).
 */
#ifndef LEDGER_APPLY_H
#define LEDGER_APPLY_H

#include "ledger/internal.h"

int apply_site(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_participant(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_terminal(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_key(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_slot(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_deny(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_citizen(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_event(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_day_close(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_settled(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_restored(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_authority(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_terminal_key(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int day_write(struct fold *f, const struct day_row *d) MUST_USE WORKER_FN;
/* The open day ends in state (2 closed, 3 settled); next is open from at_ms on. */
int day_end(struct fold *f, int64_t at_ms, uint8_t state, date_t next) MUST_USE WORKER_FN;

#endif
