/* A small ledger in a folder of its own, with a loop, for tests: two participants, three terminals,
 * three cards whose chips are kept as numbers. Operations are submitted from the test's thread;
 * reads that suspend run in a flow (fixture_flow). No function asserts: results come back, so that
 * a flow may call none of this and a test all of it. */
#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H

#include "ledger/ledger.h"
#include <stdatomic.h>

#define FIXTURE_DAY   20250306
#define FIXTURE_SHARD 5
#define FIXTURE_CARDS 3

struct fixture_clock {
    struct clock clock; /* first */
    _Atomic int64_t ms;
};
struct ledger_fixture {
    char dir[64], path[96];
    uint8_t key[32];
    struct fixture_clock clock;
    struct loop *loop;
    struct ledger_opts opts; /* change before fixture_start() */
    struct ledger *l;        /* NULL at rest */
    struct ledger_op *op;    /* scratch; after fixture_do the operation as it was applied */
    /* 0: named, adult, 50 yuan; 1: anonymous, 20 yuan; 2: named, issued, empty */
    int64_t card[FIXTURE_CARDS];
    struct card_seen chip[FIXTURE_CARDS];
    _Atomic int fail_with; /* the store gives it at the next commits */
};

/** Makes folder, ledger and standing data: P1 and P2 (load quota 1,000 yuan each), T1 and T2 of P1,
 * T3 of P2, the cards. 0 or what failed first. Close in any case. */
int fixture_open(struct ledger_fixture *f) MUST_USE WORKER_FN;
/** Ends everything and removes the folder. */
void fixture_close(struct ledger_fixture *f) WORKER_FN;
/** Puts the ledger at rest, and to work again. */
void fixture_stop(struct ledger_fixture *f) WORKER_FN;
int fixture_start(struct ledger_fixture *f) MUST_USE WORKER_FN;
/** "<dir>/<name>" into `ret`; returns ret. */
const char *fixture_path(const struct ledger_fixture *f, const char *name, char ret[160]);
/** Files in the folder. */
unsigned fixture_files(const struct ledger_fixture *f);
/** Minutes go by. */
void fixture_wait(struct ledger_fixture *f, int minutes);

/** The scratch operation, emptied, of that type. */
struct ledger_op *fixture_op(struct ledger_fixture *f, enum ledger_op_type type);
/** Submits the scratch operation. */
int fixture_do(struct ledger_fixture *f) MUST_USE WORKER_FN;
/** Fill the scratch operation with an intent at T1: purchase, load for cash, refund of `link` to
 * pending load. */
struct op_intent *fixture_purchase(struct ledger_fixture *f, unsigned card, fen_t amount);
struct op_intent *fixture_load(struct ledger_fixture *f, unsigned card, fen_t amount);
struct op_intent *fixture_refund(struct ledger_fixture *f, unsigned card, int64_t link,
                                 fen_t amount);
/** Fills the scratch operation with an outcome. */
struct op_outcome *fixture_outcome(struct ledger_fixture *f, int64_t txn, enum oc_txn_state to,
                                   enum evidence ev);
/** Submits the intent in the scratch operation, then `to` (INTENDED: no outcome). The chip moves
 * where it posts. The transaction's id, 0 when one of them failed. */
int64_t fixture_run(struct ledger_fixture *f, unsigned card,
                    enum oc_txn_state to) MUST_USE WORKER_FN;
/** A day's worth of everything: every kind of operation, every state of a transaction, a day closed
 * and settled. */
int fixture_busy_day(struct ledger_fixture *f) MUST_USE WORKER_FN;
/** What institutions have to do with, by card 2, which becomes active: a hold that is confirmed but not acknowledged, one that is
 * asked, a message that is dead, an institution's key, a document, citizen C9 who was erased. */
int fixture_outside(struct ledger_fixture *f) MUST_USE WORKER_FN;

/** Runs fn(arg) as a flow to its end; its result. */
int fixture_flow(struct ledger_fixture *f, int (*fn)(void *arg), void *arg);

#endif
