/* A store whose n-th statement fails. Programs link this with --wrap=db_end, and failing_ledger.c,
 * where they want it, with --wrap=offload_job_new. */
#ifndef TESTS_FAILING_STORE_H
#define TESTS_FAILING_STORE_H

#include "ledger/ledger.h"

/* ---- failing_store.c ---- */

/** The n-th statement from now on fails with `err`, whichever thread runs it. */
void failing_arm(unsigned n, int err);
/** No statement fails any more. Whether one did. */
bool failing_disarm(void);
/** From now on only this thread's n-th statement fails, with OC_EDB; 0: none does, whatever was
 * armed. */
void failing_own(int n);
/** Ends that. Whether it failed. */
bool failing_own_end(void);

/* ---- failing_ledger.c: each operation and each read of the ledger is done first on a store that
 * fails at its first statement, its second, … and then as it was asked for: the tests of a program
 * that links this are the same ones, once more. A read that tells no error then ends the program.
 * ---- */

/** As ledger_submit(), after such tries. Each time the submitter must be told, nothing may have
 * been written, and the ledger must be fit to go on; else OC_EINTERNAL, and standard error says
 * what happened. */
int failing_submit(struct ledger *l, struct ledger_op *op) MUST_USE WORKER_FN;

#endif
