/* What the files of the ledger share. Two worlds meet here:
 *
 *   writer.c   one thread, the only one that writes:  prepare → op_encode → journal → fold_apply →
 * fold_flush → COMMIT query*.c   reader threads with connections of their own; they read rows with
 * the helpers below verify.c   folds the journal of one file into an empty store with the same
 * fold_apply, compares
 *
 * struct fold is the state machine: tables plus the few hot rows that a batch touches often (site,
 * open day, accounts), kept in memory and written once a batch. fold_apply() depends on tables, hot
 * rows and the operation alone: no clock, no randomness, no allotment (prepare allots, before the
 * operation is encoded). So replaying the journal gives the same rows wherever the batches ended.
 * Whoever reads a hot table within a batch reads it through the fold. */
#ifndef LEDGER_INTERNAL_H
#define LEDGER_INTERNAL_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "ledger/ledger.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* ---- rows (row.c): columns in this order, read with the function of the same name ---- */
#define ROW_CARD                                                                                   \
    "id, issuer, serial, number, profile, citizen, kind, state, registered, loss_effective_ms, "   \
    "valid_from, valid_to, ceiling, floor, purse_debits, purse_credits, purse_debits_pending, "    \
    "purse_credits_pending, load_debits, load_credits, load_debits_pending, "                      \
    "load_credits_pending, open_txn, seen_has, seen_balance, seen_online, seen_offline, seen_ms, " \
    "seen_terminal, due_has, due_online, due_offline, awaiting, alarm, mismatch, last_txn, "       \
    "last_terminal, last_service, last_txn_ms, day, day_debits, day_credits, day_count, "          \
    "deny_action, created_ms, replaced_by, replaces"
/** A card's row: what all may see, and what the fold needs. */
struct card_full {
    struct card_row
        r; /* category, category_from, category_to: left empty, they stand in card_app */
    fen_t purse_debits, purse_credits;
    fen_t load_debits, load_credits, load_debits_pending, load_credits_pending;
    uint8_t due_has;
    uint16_t due_online, due_offline;
    fen_t mismatch;
};
void row_card(struct db_q *q, struct card_full *ret) WORKER_FN;

#define ROW_TXN                                                                                    \
    "id, state, intent_seq, outcome_seq, created_ms, decided_ms, card, terminal, service, "        \
    "request_no, request_hash, clearing_date, amount, link, refund, refunded, suspense, tries, "   \
    "before_txn, hold"
struct txn_full {
    int64_t id;
    uint8_t state;
    int64_t intent_seq, outcome_seq; /* journal rows: intent or refusal; last outcome, 0 none */
    int64_t created_ms, decided_ms;
    int64_t card; /* 0: none */
    char terminal[LEDGER_ID];
    char service[LEDGER_SERVICE];
    int64_t request_no; /* 0: none */
    uint8_t request_hash[16];
    date_t clearing_date;
    fen_t amount;
    int64_t link;
    uint8_t refund;
    fen_t refunded;
    uint8_t suspense;
    uint32_t tries;
    int64_t before_txn;
    uint8_t hold; /* enum txn_hold */
};
/** A hold of a plan with a card command stands in its card's way like any (card.open_txn); without one the card is free. */
enum txn_hold { TXN_HOLD_NONE = 0, TXN_HOLD_CHIP = 1, TXN_HOLD_BOOKS = 2 };
void row_txn(struct db_q *q, struct txn_full *ret) WORKER_FN;

/* FROM terminal t LEFT JOIN sam s ON s.shard = t.shard AND s.sam = t.sam */
#define ROW_TERMINAL                                                                               \
    "t.id, t.kind, t.participant, t.sam, t.reader, t.services, t.gate, t.params, t.closed, "       \
    "t.created_ms, t.next_request, t.day, t.day_sum, coalesce(s.next_seq, 0)"
struct terminal_full {
    struct terminal_row r;
    date_t day;
    fen_t day_sum;
};
void row_terminal(struct db_q *q, struct terminal_full *ret) WORKER_FN;

#define ROW_PARTICIPANT "id, name, load_quota, closed"
void row_participant(struct db_q *q, struct participant_row *ret) WORKER_FN;
#define ROW_ACCOUNT                                                                                \
    "kind, owner, debits_pending, debits_posted, credits_pending, credits_posted, floor"
void row_account(struct db_q *q, struct account_row *ret) WORKER_FN;
#define ROW_DAY                                                                                    \
    "date, state, opened_ms, closed_ms, float_opening, loads, purchases, adjustments, "            \
    "float_closing, journal_seq, chain_head, manifest"
void row_day(struct db_q *q, struct day_row *ret) WORKER_FN;
#define ROW_DENY "issuer, serial, action, why, epoch, at_ms"
void row_deny(struct db_q *q, struct deny_row *ret) WORKER_FN;
#define ROW_EVENT "seq, at_ms, card, txn, terminal, kind, text"
void row_event(struct db_q *q, struct event_row *ret) WORKER_FN;
#define ROW_KEY "purpose, alg, version, issuer, kcv, sealed, revoked, created_ms"
void row_key(struct db_q *q, struct key_row *ret) WORKER_FN;
#define ROW_CITIZEN "id, sealed, search, created_ms, erased, documents_due"
void row_citizen(struct db_q *q, struct citizen_row *ret) WORKER_FN;

#define ROW_TERMINAL_KEY                                                                           \
    "terminal, pinned, revoked, token_hash, token_until_ms, pin, next_pin, not_after_ms, "         \
    "next_not_after_ms, enrolled_ms, changed_ms"
struct terminal_key_full {
    struct terminal_key_row r;
    int64_t next_not_after_ms; /* of the certificate that next_pin is in */
};
void row_terminal_key(struct db_q *q, struct terminal_key_full *ret) WORKER_FN;
#define ROW_AUTHORITY "cert, sealed"
void row_authority(struct db_q *q, struct op_authority *ret) WORKER_FN;

#define ROW_HOLD "txn, state, participant, kind, amount, reference, note, changed_ms"
void row_hold(struct db_q *q, struct hold_row *ret) WORKER_FN;
/* Without the document, which is the last column. */
#define ROW_MESSAGE "id, txn, due_ms, state, participant, kind, citizen, tries, note"
void row_message(struct db_q *q, struct message_row *ret) WORKER_FN;

#define ROW_OFFLINE                                                                                \
    "seq, issuer, serial, type, counter, sam, sam_seq, amount, has_balance, balance, card_date, "  \
    "card_time, tac, tac_verdict, key_version, alg, moves, terminal, result, card, txn, posts, "   \
    "at_terminal, participant, business_date, first_ms, changed_ms"
void row_offline(struct db_q *q, struct offline_row *ret) WORKER_FN;
/** The record, or what became of a lost card's purse, as the transaction that it is: the words of a journal row whose
 * transaction has no intent. */
void offline_intent(const struct op_offline *o, struct op_intent *ret);
void replaced_intent(const struct op_replaced *r, struct op_intent *ret);

#define OP_BYTES_MAX (LEDGER_DOCS_MAX + 64 * 1024) /* of an encoded operation */
/** Reads and decodes one journal row. `bytes` keeps what documents point into, until it is used again. `ret` is large (11 KiB): heap.
 *  OC_ENOENT, OC_EPARSE. */
int journal_read(struct db *db, uint8_t shard, int64_t seq, struct buf *bytes,
                 struct ledger_op *ret) MUST_USE WORKER_FN;

/** LOP_RESTORED and the rest: the newest schema. */
extern const struct db_step ledger_schema[];
extern const size_t ledger_schema_len;

/* ---- chain (chain.c) ---- */
struct chain {
    struct crypto *x;
    uint8_t key[32];
};
/** Copies the key. OC_ENOMEM, OC_ECRYPTO. */
int chain_init(struct chain *c, const uint8_t key[32]) MUST_USE;
void chain_fini(struct chain *c);
/** The MAC of journal row `seq`, given that of the row before (zeros before the first). */
int chain_mac(const struct chain *c, const uint8_t prev[32], uint8_t shard, int64_t seq,
              struct bytes op, uint8_t ret[32]) MUST_USE;
/** The tag of table head. */
int chain_tag(const struct chain *c, uint8_t shard, int64_t seq, const uint8_t mac[32],
              uint8_t ret[32]) MUST_USE;
/** Appends a row to the journal; replaces the head. The caller's transaction is open. */
int chain_write_row(struct db *db, uint8_t shard, int64_t seq, struct bytes op,
                    const uint8_t mac[32]) MUST_USE WORKER_FN;
int chain_write_head(const struct chain *c, struct db *db, uint8_t shard, int64_t seq,
                     const uint8_t mac[32]) MUST_USE WORKER_FN;

/* ---- the fold (fold.c, hot.c, apply_*.c) ---- */
struct fold_site {
    bool exists, dirty;
    uint8_t shard;
    char name[64];
    int city_offset_min;
    date_t first_day;
    int64_t last_at_ms, last_txn, last_card, last_event, deny_epoch;
    int64_t cards, last_message;
};
struct hot_account {
    struct account_row row;
    bool dirty;
};
struct fold_cache;
struct fold {
    struct db *db; /* the tables */
    struct db
        *journal; /* where intents are read back: the writer's own db, or the file under proof */
    struct fold_site site;
    struct day_row day; /* the open day */
    bool day_dirty;
    struct fold_cache *cache;
    struct map accounts; /* kind byte + owner -> struct hot_account */
    struct map locks;    /* records that open transactions hold: record.c's */
    int64_t seq;         /* of the operation at work, then the last one */
    uint8_t mac[32];     /* of that row */
    uint8_t old;         /* op.old of it: folded as it was when it was written */
    int64_t open_txns;
    int64_t outbox; /* messages in it */
    struct ledger_op *intent; /* scratch: the intent or outcome before that an outcome belongs to */
    struct buf intent_bytes;  /* what its documents point into, where it was read from the journal */
};
/** Makes a fold over tables that may be empty (before LOP_SITE). `journal` NULL: db. Reads site,
 * open day. */
int fold_init(struct fold *f, struct db *db, struct db *journal) MUST_USE WORKER_FN;
void fold_fini(struct fold *f);
/** Applies an operation that was prepared (or comes from a journal): writes tables and hot rows,
 * not the journal. The caller's transaction is open. OC_EINTERNAL: the operation does not fit these
 * tables; or a store error. */
int fold_apply(struct fold *f, const struct ledger_op *op, int64_t seq,
               const uint8_t mac[32]) MUST_USE WORKER_FN;
/** Writes the hot rows that changed. Before each commit. */
int fold_flush(struct fold *f) MUST_USE WORKER_FN;
/** After a rollback: forgets the hot rows and reads them again. */
int fold_reload(struct fold *f) MUST_USE WORKER_FN;

/** Decides (prepare.c …): checks and allots [out] fields; writes nothing. OC_EREFUSED with
 * op->reason and op->detail, OC_EEXIST, OC_ECONFLICT, OC_ENOENT, OC_ESTATE, OC_EINVAL;
 * LEDGER_NOTHING where all is as asked already. `now_ms`: wall clock. */
int fold_prepare(struct fold *f, struct ledger_op *op, int64_t now_ms) MUST_USE WORKER_FN;
#define LEDGER_NOTHING 1

/* ---- the ledger at work (ledger.c, writer.c) ---- */
struct query_pool;
struct ledger_job;
struct ledger {
    int lock_fd; /* <path>.lock, held exclusively: one process writes one ledger. -1: none */
    char *path;
    struct loop *loop;
    const struct clock *clock;
    unsigned max_batch, reader_count;
    uint8_t shard;
    int (*before_commit)(void *arg, unsigned ops);
    void *hook_arg;
    struct chain chain;

    /* the writer's own */
    struct db *db;
    struct fold fold;
    struct buf bytes; /* an operation's encoding */
    struct db_wal *wal;
    struct db *ckpt_db;

    /* shared, under mu */
    pthread_mutex_t mu;
    pthread_cond_t done; /* a batch was decided (for ledger_submit) */
    struct ledger_job *first, **last;
    unsigned queued;
    bool stopping;
    bool checkpointing; /* its first turn, at the start, finds nothing to do yet */
    bool stale;       /* the writer's: after a rollback the hot rows could not be read again yet */
    int64_t probe_ns; /* the writer's: a store that fails is not tried before, monotonic */
    uint8_t head[32]; /* the writer's: MAC of the last committed journal row */
    const char *why;  /* NULL: healthy; else why the store refuses, static text */

    atomic_llong seq, ops, batches, open_txns, cards, serials, open_day, outbox;
    const struct threading *threading;
    struct runner *writer, *checkpointer;
    struct metric *m_ops, *m_batches, *m_commit, *m_refused, *m_failed, *m_queue, *m_batch,
        *m_largest;

    struct map *front;       /* front.c's; the loop's; NULL: no loop */
    atomic_ullong front_now; /* counts writings of terminals' rows */
    uint64_t front_unseen;   /* counts numbers used by terminals that it does not know; the loop's */

    /* the second copy, as the loop knows it (feed.c) */
    struct flow_cond grew, copied_more; /* a batch was woken; a copy has acknowledged, or is late */
    int64_t copied;                     /* the last journal row that a copy has acknowledged */
    int64_t copy_wait_ns;               /* how long an operation waits for a copy; 0: it does not */
    bool copy_late;                     /* nobody waits until the copy is near again */

    atomic_bool closing;      /* ends copies and proofs */
    struct query_pool *query; /* query.c's: reader threads and their connections */
};

/** Takes "<path>.lock", which whoever writes or replaces the ledger at `path` holds; closing
 * *ret_fd gives it back. OC_EBUSY: another has it (logged); OC_EIO (logged); OC_ENOMEM. */
int ledger_lock(const char *path, int *ret_fd) MUST_USE WORKER_FN;

/** A ledger of these options, not open yet; NULL: no memory. ledger_close() frees it at any stage. */
struct ledger *ledger_new(const struct ledger_opts *o) MUST_USE;
/** Locks, opens and migrates the file and reads the hot rows: what comes before the threads. Errors of
 * ledger_open(). */
int ledger_open_store(struct ledger *l, const struct ledger_opts *o, enum db_mode mode) MUST_USE WORKER_FN;
/** Proves the head and the chain's last rows; sets l->head. OC_ECHAIN. */
int ledger_check_head(struct ledger *l, int64_t *ret_seq) MUST_USE WORKER_FN;

/* ---- waiting for the copy (feed.c); the loop's ---- */
/** Suspends, shielded, until a copy has what is durable now, or is given up for late. Nothing without
 * ledger_copy_wait(). */
void feed_co_wait(struct ledger *l) CO_FN;

/* ---- the writer (writer.c) ---- */
#define LEDGER_WAL_PASS (INT64_C(24) << 20) /* bytes of log at which a pass is due */
/** Starts and ends the writer thread; what is queued is finished first. */
int writer_start(struct ledger *l) MUST_USE WORKER_FN;
void writer_stop(struct ledger *l) WORKER_FN;
/** Runs one operation on the caller's thread: before the writer runs, and for files at rest. */
int writer_run_one(struct ledger *l, struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- what admission asks (front.c) ---- */
int front_new(struct map **ret) MUST_USE;
void front_free(struct map **m);
/** True: `ret` is the terminal's row, and the number (0: none) was never used there. Its next_seq may be old. */
bool front_answers(const struct ledger *l, const char *terminal, int64_t request_no,
                   struct terminal_row *ret);
/** When a look begins; then keeps what it found, unless something was written meanwhile. */
struct front_mark {
    uint64_t now, unseen;
};
struct front_mark front_mark(const struct ledger *l);
void front_keep(struct ledger *l, struct front_mark began, const struct terminal_row *row);
/** An operation that this loop submitted is durable. */
void front_learn(struct ledger *l, const struct ledger_op *op);

/* ---- reads (query.c) ---- */
/** Starts l->reader_count reader threads on l->path (shard, chain are set; writer runs already).
 * Sets l->query. */
int query_start(struct ledger *l) MUST_USE WORKER_FN;
/** Stops them; NULL l->query is fine. */
void query_stop(struct ledger *l) WORKER_FN;

#endif
