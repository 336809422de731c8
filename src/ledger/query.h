/* A read on its way: a heap job that a reader thread fills and the flow copies from. Between
 * query.c (the pool and the jobs) and query_*.c (what is asked). Private to this folder.
 *
 * A look function runs on a reader thread with a connection of its own, asks with short statements
 * and pushes rows. It never opens a transaction, so no snapshot outlives one statement: what a row
 * needs from elsewhere is either joined in the same statement or stands in journal rows, which
 * never change.
 *
 * Lists have threads of their own, so that the reads of a card's dialogue never stand behind one. A
 * list that must look through many rows does so in turns of at most QUERY_TURN pieces and queues
 * again after each, so that lists do not stand behind one another for long either. */
#ifndef LEDGER_QUERY_H
#define LEDGER_QUERY_H

#include "ledger/internal.h"

#define QUERY_TEXT 64
#define QUERY_TURN 2

struct query {
    struct offload_job job;
    struct ledger *l;
    struct readers *readers; /* l->query is gone already when the last jobs run */
    int (*look)(struct query *q, struct db *db); /* marked WORKER_FN */

    /* what is asked; copied before the job is handed over */
    char text[3][QUERY_TEXT];
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    int64_t num[2];
    struct txn_filter filter; /* its terminal points to text[0] or is NULL, its citizen to text[1] */

    /* what was found */
    size_t row_size;
    unsigned cap, n, room;
    char *rows;
    bool more;            /* a list's: its turn is over, what is asked says where it goes on */
    int err;              /* sticky: no memory for a row */
    struct ledger_op *op; /* scratch of query_txn */
    struct buf op_bytes;  /* what its documents point into */
    struct buf docs;      /* documents found, each with a NUL; rows of query_doc.c say where */
    void *extra;          /* a second thing found, free()d with the job */
};

/** A job for at most `cap` rows, or NULL. */
struct query *query_new(struct ledger *l, int (*look)(struct query *, struct db *), size_t row_size,
                        unsigned cap) MUST_USE;
/** Copies a text of the question. False: too long to be the key of any row. NULL counts as "". */
bool query_text(struct query *q, unsigned which, const char *text) MUST_USE;
/** A zeroed row to fill, NULL when there are `cap` already or no memory is left (q->err). For look
 * functions. */
void *query_row(struct query *q);
/** Takes the last row back. */
void query_drop(struct query *q);
/** Runs the question and puts its one row in `ret`; drops the job. OC_ENOENT where there was none.
 * `q` NULL: OC_ENOMEM. */
int query_co_one(struct query *q, void *ret) MUST_USE CO_FN;
/** Runs a question on one row and leaves what was found in the job, which the caller drops. OC_ECLOSED
 * as for every read. */
int query_co_ask(struct query *q) MUST_USE CO_FN;
/** The same on the threads for lists, in one turn. */
int query_co_ask_list(struct query *q) MUST_USE CO_FN;
/** Runs the question, in as many turns as it asks for (q->more), and puts its rows in `rows`; drops
 * the job. */
int query_co_list(struct query *q, void *rows, unsigned *ret_n) MUST_USE CO_FN;

/** The same of rows with documents: `place` points a row to the document at *at and moves *at past it. */
int query_co_list_docs(struct query *q, struct arena *a, void (*place)(void *row, char **at), void *rows,
                       unsigned *ret_n) MUST_USE CO_FN;

/** A row with the terminal of q->text[0]; none where there is no such terminal. */
int query_terminal(struct query *q, struct db *db) MUST_USE WORKER_FN;
/** The transaction of a request number, as a look function's part: a new struct txn_row in q->extra,
 * or NULL there where there is none. q->text[0]: the terminal. */
int query_request(struct query *q, struct db *db, int64_t request_no) MUST_USE WORKER_FN;
/** One more row with the card of q->issuer, q->serial; none where there is no such card. */
int query_card(struct query *q, struct db *db) MUST_USE WORKER_FN;

/** The account's row, as a look function's part. OC_ENOENT. */
int query_account(struct query *q, struct db *db, int64_t kind, const char *owner,
                  struct account_row *ret) MUST_USE WORKER_FN;

/** Runs `job` on the thread for long work (copies, proofs) and waits as long as it takes. */
int query_co_long(struct ledger *l, struct offload_job *job) MUST_USE CO_FN;

#endif
