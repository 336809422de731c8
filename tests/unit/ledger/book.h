/* A small ledger for tests of the core: one participant, two terminals, one card with 50 yuan and a
 * chip in numbers. Rows are read through a connection of the test's own. After each test the
 * journal is folded into an empty store that must equal the tables, and the books must balance:
 * every test is a test of replay too. */
#ifndef TESTS_LEDGER_BOOK_H
#define TESTS_LEDGER_BOOK_H

#include "ledger/fold.h"

#define BOOK_DAY   20261121
#define BOOK_SHARD 3

struct book_clock {
    struct clock c; /* first */
    _Atomic int64_t ms;
};
struct book {
    char dir[64], path[96];
    uint8_t key[32];
    struct book_clock clock;
    struct ledger *l;
    struct db *db;
    struct ledger_op *op;
    int64_t card;
    struct card_seen chip; /* what the chip would show now */
    atomic_int fail_with;  /* before_commit gives it */
    atomic_uint commits, largest;
    unsigned max_batch;
    struct card_full row;
};

/* cmocka fixtures: *state is a struct book with the standing data above. */
int book_setup(void **state);
int book_teardown(void **state);

int book_open(struct book *b) WORKER_FN;
void book_close(struct book *b) WORKER_FN;
/** The scratch operation, emptied. */
struct ledger_op *book_op(struct book *b, enum ledger_op_type type);
/** Submits the scratch operation. */
int book_do(struct book *b) WORKER_FN;
/** Fill the scratch operation: a purchase or load by the card's chip at T1; a refund to pending
 * load. */
struct op_intent *book_purchase(struct book *b, fen_t amount);
struct op_intent *book_load(struct book *b, fen_t amount);
struct op_intent *book_refund(struct book *b, int64_t link, fen_t amount);
/** Fills the scratch operation with an outcome and submits it; POSTED by answer moves the chip. */
int book_outcome(struct book *b, int64_t txn, enum oc_txn_state to, enum evidence ev) WORKER_FN;
/** Intent and POSTED; gives the transaction's id, or 0. */
int64_t book_buy(struct book *b, fen_t amount) WORKER_FN;
int64_t book_charge(struct book *b, fen_t amount) WORKER_FN;
int book_card_to(struct book *b, enum card_state to) WORKER_FN;
/** The chip is shown at T1 and nothing else happens. */
int book_show(struct book *b) WORKER_FN;

/** The card's row; valid until the next call. */
const struct card_full *book_card(struct book *b) WORKER_FN;
struct account_row book_account(struct book *b, enum acct_kind kind, const char *owner) WORKER_FN;
struct txn_full book_txn(struct book *b, int64_t id) WORKER_FN;
int64_t book_number(struct book *b, const char *sql) WORKER_FN;
/** "" when replay and books are right, else the first fault. */
const char *book_fault(struct book *b) WORKER_FN;
/** The same of any file, at rest. */
const char *book_fault_of(const char *path, const uint8_t key[32]) WORKER_FN;

#endif
