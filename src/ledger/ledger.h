/* The public face of the ledger: one writer, many readers. Money moves here and nowhere else.
 *
 *            ledger_co_submit(op)                       ledger_co_…(read)
 *   flows ────────────┐                                      │
 *                     ▼ queue                                ▼ reader threads, own connections
 *              writer thread: prepare → encode → journal → apply ─┐ one commit, one fsync a batch
 *                     ▲ wakes the flows whose work is durable ────┘
 *
 * Invariants (each has a test):
 *   1. An operation is applied and journalled in the same commit, or neither.
 *   2. The tables are the fold of the journal: replaying it into an empty store gives the same rows.
 *   3. The legs of a transaction sum to zero, pending and posted; purse total == float account.
 *   4. A card has at most one transaction that is INTENDED or IN_DOUBT.
 *   5. POSTED, VOIDED and REFUSED are final (R6); clearing date is the open day at the posting commit (R11).
 *   6. Nothing that was reserved at intent can be refused at outcome (R2). */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/base.h"
#include "flow/flow.h"
#include "ledger/follow.h"
#include "ledger/op.h"

struct ledger;
struct loop;

struct ledger_opts {
    const char *path;
    struct loop *loop;           /* whose flows submit; NULL for tools that only verify */
    const struct clock *clock;
    const struct threading *threading; /* writer, checkpointer, readers; NULL: the machine's threads */
    struct metrics *metrics;     /* may be NULL */
    const uint8_t *chain_key;    /* 32 bytes: keys the journal's chain */
    unsigned readers;            /* threads for reads of one row; 0: one. Lists have two of their own */
    unsigned max_batch;          /* operations a commit; 0: 512 */
    /** Test hook, NULL otherwise: called before each commit; non-zero makes the batch fail with that error. */
    int (*before_commit)(void *arg, unsigned ops);
    void *hook_arg;
};

/** Makes a new ledger file with its schema and first operation. OC_EEXIST, OC_EIO, OC_EDB. Blocks. */
int ledger_create(const struct ledger_opts *o, const struct op_site *site) MUST_USE WORKER_FN;
/** Opens, migrates where needed, checks the chain's head, starts writer, checkpointer and readers.
 *  OC_ENOENT, OC_EDB_SCHEMA (newer than this program), OC_ECHAIN, OC_ESTATE (clock before the last row),
 *  OC_EBUSY (open elsewhere: one ledger, one writer). Blocks. */
int ledger_open(const struct ledger_opts *o, struct ledger **ret) MUST_USE WORKER_FN;
/** Finishes what was submitted, stops the threads, closes. Blocks. */
void ledger_close(struct ledger **l) WORKER_FN;

/** Submits one operation and suspends until it is durable; fields marked [out], reason and detail are filled in. The writer
 *  works in `op` itself until then: not on a flow's stack. After any result but 0 and OC_EEXIST only reason and detail mean something
 *  and the operation may be submitted again.
 *  Not cancellable: an operation either answers or the store has failed.
 *  OC_EREFUSED (op->reason, op->detail say why; nothing was written), OC_EDB_FULL, OC_EDB, OC_ENOENT, OC_ESTATE,
 *  OC_ECONFLICT (same request number, other content). The same request number with the same content: OC_EEXIST and
 *  the txn id of the first, but for a second attempt that links to a VOIDED first. OC_EINVAL (not an operation a right program builds: op->detail says what), OC_EBUSY (16,384
 *  operations wait already), OC_ECLOSED (the ledger is closing). */
int ledger_co_submit(struct ledger *l, struct ledger_op *op) MUST_USE CO_FN;
/** The same from a thread that may block (tools, start-up), where the writer has a thread of its own. */
int ledger_submit(struct ledger *l, struct ledger_op *op) MUST_USE WORKER_FN;
/** The same for `n` operations in their order, as few commits as it takes: ret_rcs[i] is what ledger_submit() would give for
 *  ops[i]. For founding a site: one that fails does not end the others. */
void ledger_submit_many(struct ledger *l, struct ledger_op *ops, unsigned n, int *ret_rcs) WORKER_FN;

/** False while the store refuses money (disk full, I/O error); `ret_why` (may be NULL) gets a static text, "" when healthy.
 *  The store is tried every second, and by every operation submitted meanwhile. Any thread. */
bool ledger_healthy(struct ledger *l, const char **ret_why);

/* ---- rows ---- */
struct account_row {
    uint8_t kind;
    char owner[LEDGER_ID];
    fen_t debits_pending, debits_posted, credits_pending, credits_posted;
    fen_t floor; /* lowest allowed credits − debits (pending debits counted); INT64_MIN: none */
};
struct participant_row {
    char id[LEDGER_ID];
    char name[96];
    fen_t load_quota;
    uint8_t closed;
};
struct terminal_row {
    struct op_terminal t;
    uint32_t next_seq;
    int64_t next_request;
    int64_t created_ms;
};
struct key_row {
    struct op_key k;
    int64_t created_ms;
};
struct card_row {
    int64_t id;
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    char number[24], profile[32], citizen[LEDGER_ID];
    uint8_t kind, state, registered;
    int64_t loss_effective_ms;
    date_t valid_from, valid_to;
    fen_t ceiling, floor;
    fen_t purse, purse_debits_pending, purse_credits_pending; /* credits − debits posted; reserved */
    fen_t pending_load, pending_load_reserved;
    int64_t open_txn; /* INTENDED or IN_DOUBT, 0 none */
    struct card_seen last; /* last state seen */
    int64_t seen_ms;
    char seen_terminal[LEDGER_ID];
    uint32_t awaiting;   /* offline records not yet received (counter gap, R1) */
    uint8_t alarm;       /* enum card_alarm; 0 none */
    int64_t last_txn;    /* last transaction with this card, POSTED or open */
    char last_terminal[LEDGER_ID];
    char last_service[LEDGER_SERVICE];
    int64_t last_txn_ms;
    date_t day;          /* of the day sums */
    fen_t day_debits, day_credits;
    uint32_t day_count;
    char category[24];   /* slot "transit" */
    date_t category_from, category_to;
    uint8_t deny_action; /* 0 not on the deny list */
    int64_t created_ms;
    int64_t replaced_by, replaces; /* cards, 0 none: whose pending load its purse went to, whose came here */
};
/** Bookings of the house itself (payments by the bank, src/settle): services of this prefix, account plans and notes at no terminal. */
#define LEDGER_HOUSE "settle."
/** The service of transactions that are an offline terminal's record, and of those that moved a lost card's purse. */
#define LEDGER_SERVICE_OFFLINE  "offline"
#define LEDGER_SERVICE_REPLACED "card.replace"
struct txn_row {
    int64_t id;
    uint8_t state;
    int64_t created_ms, decided_ms; /* intent, last outcome */
    trace_t trace;
    char who[LEDGER_ID];
    struct op_intent in; /* for REFUSED rows: service, card, terminal, amount, dates, request only. Without documents: their len is 0 */
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    uint8_t reason, evidence, suspense, tac_verdict; /* the last outcome's; in doubt the verdict, mac2 and tac that were given */
    uint16_t sw;
    uint8_t mac2[4], tac[4];
    struct card_seen after;
    date_t clearing_date;
    fen_t refunded; /* what later transactions took back, reserved included */
    char note[128];
    char reply[LEDGER_REPLY];
    uint32_t tries; /* outcomes written while in doubt */
    struct timeline timeline; /* the last outcome's where it has one, else the intent's or refusal's */
    uint8_t presented;        /* enum presented */
    uint8_t message_count;
    bool held;                /* it has a hold: ledger_co_hold() */
};
struct day_row {
    date_t date;
    uint8_t state; /* 1 open, 2 closed, 3 settled */
    int64_t opened_ms, closed_ms;
    fen_t float_opening, loads, purchases, adjustments, float_closing; /* R19; opening entries are adjustments */
    int64_t journal_seq; /* last operation of the day, once closed */
    uint8_t chain_head[32];
    uint8_t manifest_sha256[32];
};
struct deny_row {
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    uint8_t action; /* 1 refuse, 2 lock; 0: taken off at this epoch (lists tell it, so that copies can follow) */
    char why[64];
    int64_t epoch, at_ms;
};
struct event_row {
    int64_t seq, at_ms, card, txn;
    char terminal[LEDGER_ID];
    struct op_event_item item;
};
/** A module's record. The document stands in the arena that the reader gave, NUL-terminated. */
struct record_row {
    uint32_t version;
    char *doc;
    uint32_t doc_len;
};
/** A message in the outbox: what is due or dead. Of kind "confirm" or "reverse" it is about the hold of `txn`, and has no document:
 *  ledger_co_hold() has the reference. `id` is an idempotency key for ever. */
struct message_row {
    int64_t id, txn; /* ident_ms(id): when it was made */
    int64_t due_ms;  /* since when it is due: its commit, or the last time a person sent it again */
    uint8_t state;   /* enum message_state */
    char to[LEDGER_ID], kind[32], citizen[LEDGER_ID];
    uint32_t tries;
    char note[128];
    char *doc; /* in the reader's arena, NUL-terminated */
    uint32_t doc_len;
};
struct hold_row {
    int64_t txn;
    uint8_t state; /* enum hold_state */
    char to[LEDGER_ID], kind[32];
    fen_t amount;
    char reference[64], note[128];
    int64_t changed_ms;
};
/** A citizen's key, wrapped under the site's. */
struct citizen_key_row {
    uint8_t sealed[128];
    uint16_t sealed_len;
};
/** An offline terminal's record and what became of it; `o` without legs, bearer and `oldest`. */
struct offline_row {
    int64_t seq; /* its own number, ascending */
    struct op_offline o;
    int64_t first_ms, changed_ms;
};
/** How a terminal proves itself. */
struct terminal_key_row {
    char terminal[LEDGER_ID];
    bool pinned, renewing, token_waits, revoked;
    uint8_t token_hash[32];
    int64_t token_until_ms;
    uint8_t pin[32], next_pin[32];
    int64_t not_after_ms;
    int64_t enrolled_ms, changed_ms;
};
/** What a terminal did within a range of its request numbers, one row a service (sign-off). */
struct terminal_total {
    char service[LEDGER_SERVICE];
    uint32_t posted, open; /* POSTED; INTENDED or IN_DOUBT */
    fen_t amount;          /* of the posted ones */
};
/** Cash that went over a terminal's counter, by what its participant owes for it. */
struct terminal_cash {
    fen_t taken, given;
};
/** An application's slot of a card: the issuer's word about its holder. */
struct slot_row {
    char app[16], category[24]; /* category "": closed, or none */
    date_t from, to;            /* 0: open */
    uint8_t closed;
};
struct citizen_row {
    struct op_citizen c; /* `sealed` is empty once the personal data were erased */
    int64_t created_ms;
    uint8_t erased;       /* ERASE_PERSONAL | ERASE_DOCUMENTS */
    date_t documents_due; /* documents may not be erased before; 0: no date was set */
};

/* ---- reads: each suspends while a reader thread looks. OC_ENOENT: there is no such row (also where an id is longer than any can
 *      be). OC_EBUSY: too many reads wait already. OC_ECLOSED: the ledger is closing. OC_ECANCELED: the flow was cancelled; `ret` is
 *      untouched and the look is dropped. OC_ECHAIN: a transaction's journal row is missing or damaged. OC_EBOOKS: it is another
 *      transaction's. OC_ENOMEM, OC_EDB, OC_EDB_CORRUPT. A row is of one moment; two reads may see different ones. ---- */
int ledger_co_card(struct ledger *l, const uint8_t issuer[OC_ISSUER_LEN], const uint8_t serial[OC_SERIAL_LEN],
                   struct card_row *ret) MUST_USE CO_FN;
int ledger_co_card_id(struct ledger *l, int64_t card, struct card_row *ret) MUST_USE CO_FN;
/** By "issuer16hex-serial20hex", by serial in hex, or by the printed number; OC_ECONFLICT where several cards fit. */
int ledger_co_card_find(struct ledger *l, const char *text, struct card_row *ret) MUST_USE CO_FN;
/** A card's slots by their application's name, closed ones too; at most `cap`. No slot is no error: *ret_n is 0. */
int ledger_co_slots(struct ledger *l, int64_t card, struct slot_row *rows, unsigned cap, unsigned *ret_n) MUST_USE CO_FN;
int ledger_co_terminal(struct ledger *l, const char *id, struct terminal_row *ret) MUST_USE CO_FN;
int ledger_co_participant(struct ledger *l, const char *id, struct participant_row *ret) MUST_USE CO_FN;
int ledger_co_account(struct ledger *l, enum acct_kind kind, const char *owner, struct account_row *ret) MUST_USE CO_FN;
int ledger_co_txn(struct ledger *l, int64_t txn, struct txn_row *ret) MUST_USE CO_FN;
/** By idempotency key. Of a dialogue whose card was tapped again this is the last attempt: an intent with the request number and
 *  hash of its `link`, which is VOIDED, takes the number over. The earlier row's `in.request_no` still says what it was. */
int ledger_co_txn_request(struct ledger *l, const char *terminal, int64_t request_no, struct txn_row *ret) MUST_USE CO_FN;
/** Of several rows that are looked for at once: a record, or an account where `kind` says one. */
struct ledger_look {
    uint8_t kind;                    /* enum acct_kind; 0: a record */
    const char *scope, *owner, *key; /* of an account: its owner alone */
    int rc;                          /* [out] 0, OC_ENOENT */
    struct record_row record;        /* [out] */
    struct account_row account;      /* [out] */
};
/** Looks for all of them in one turn. 0: each says whether it is there; documents go into `a`. Each row is of a moment of its own. */
int ledger_co_looks(struct ledger *l, struct ledger_look *looks, unsigned n, struct arena *a) MUST_USE CO_FN;
/** One record. */
int ledger_co_record(struct ledger *l, const char *scope, const char *owner, const char *key, struct arena *a,
                     struct record_row *ret) MUST_USE CO_FN;
/** The next record of that owner by key, in order of bytes, whose key begins with `prefix` and comes after `after` ("": the first).
 *  OC_ENOENT: no more. */
int ledger_co_record_next(struct ledger *l, const char *scope, const char *owner, const char *prefix, const char *after,
                          struct arena *a, char ret_key[40], struct record_row *ret) MUST_USE CO_FN;
int ledger_co_citizen(struct ledger *l, const char *id, struct citizen_row *ret) MUST_USE CO_FN;
/** By the keyed hash of the personal number; zeros: OC_ENOENT. */
int ledger_co_citizen_search(struct ledger *l, const uint8_t search[16], struct citizen_row *ret) MUST_USE CO_FN;
/** The key under which a citizen's personal data (`what` 1) or documents (2) are sealed. The one table that is no fold of the
 *  journal: what must be forgettable may not stand in a journal. OC_ENOENT: none was made yet; OC_ESTATE: erased. */
int ledger_co_citizen_key(struct ledger *l, const char *citizen, uint8_t what, struct citizen_key_row *ret) MUST_USE CO_FN;
/** Keeps a new key: durable when it returns. May come before the citizen's own row, whose data are sealed under it. OC_EEXIST: another
 *  was faster, read that one; OC_ESTATE: erased; OC_EINVAL. Not cancellable; else errors as ledger_co_submit(). */
int ledger_co_citizen_key_add(struct ledger *l, const char *citizen, uint8_t what, const struct citizen_key_row *key) MUST_USE CO_FN;
/** The public key that a participant signs with. OC_ENOENT: none. */
int ledger_co_participant_key(struct ledger *l, const char *participant, uint8_t ret[32]) MUST_USE CO_FN;
/** The hold of a transaction. OC_ENOENT: it has none. */
int ledger_co_hold(struct ledger *l, int64_t txn, struct hold_row *ret) MUST_USE CO_FN;
/** OC_ENOENT: no such message, or it was sent or dropped. The document goes into `a`. */
int ledger_co_message(struct ledger *l, int64_t id, struct arena *a, struct message_row *ret) MUST_USE CO_FN;
int ledger_co_day(struct ledger *l, date_t date, struct day_row *ret) MUST_USE CO_FN; /* 0: the open day */
/** OC_ENOENT: not on the list, or taken off it: a row given here never has action 0. */
int ledger_co_denied(struct ledger *l, const uint8_t issuer[OC_ISSUER_LEN], const uint8_t serial[OC_SERIAL_LEN],
                     struct deny_row *ret) MUST_USE CO_FN;

/** The terminal's key; OC_ENOENT: it never had a token. */
int ledger_co_terminal_key(struct ledger *l, const char *terminal, struct terminal_key_row *ret) MUST_USE CO_FN;
/** The site's authority; OC_ENOENT: none was made yet. */
int ledger_co_authority(struct ledger *l, struct op_authority *ret) MUST_USE CO_FN;
/** What admission of a request looks at, in one look: the terminal's row, and the transaction of its request number if there is
 *  one (*ret_found; request_no 0: none). OC_ENOENT: no such terminal. May answer from memory without suspending; next_seq may
 *  then be old. */
int ledger_co_admission(struct ledger *l, const char *terminal, int64_t request_no, struct terminal_row *ret_terminal,
                        struct txn_row *ret_txn, bool *ret_found) MUST_USE CO_FN;
/** The card and its place on the deny list in one look: *ret_denied false: not listed. OC_ENOENT: no such card; the deny list
 *  was looked at all the same. */
int ledger_co_card_standing(struct ledger *l, const uint8_t issuer[OC_ISSUER_LEN], const uint8_t serial[OC_SERIAL_LEN],
                            struct card_row *ret_card, struct deny_row *ret_deny, bool *ret_denied) MUST_USE CO_FN;
/** Sums of a terminal's transactions with request numbers first … last, by the index on them: at most `cap` services. OC_ELIMIT: more than
 *  100,000 numbers, or more services than fit. */
int ledger_co_terminal_totals(struct ledger *l, const char *terminal, int64_t first, int64_t last, struct terminal_total *rows,
                              unsigned cap, unsigned *ret_n) MUST_USE CO_FN;

/** Cash of a terminal's POSTED transactions with request numbers first … last: their legs on the load receivable of the terminal's own
 *  participant. Reads each of them, on the threads for lists. OC_ELIMIT: more than 100,000 numbers. */
int ledger_co_terminal_cash(struct ledger *l, const char *terminal, int64_t first, int64_t last,
                            struct terminal_cash *ret) MUST_USE CO_FN;

/* ---- lists: a page at a time, by key; `ret_n` rows at most `cap` are written to the caller's heap or arena array.
 *      No read transaction outlives the page. Lists never keep a read of one row waiting, and one that must look through many rows
 *      lets other lists have their turn every few thousand rows. A page with fewer than `cap` rows is the last one, none is no error. Errors as for
 *      reads, but for OC_ENOENT. ---- */
int ledger_co_participants(struct ledger *l, const char *after, struct participant_row *rows, unsigned cap,
                           unsigned *ret_n) MUST_USE CO_FN;
int ledger_co_terminals(struct ledger *l, const char *after, struct terminal_row *rows, unsigned cap,
                        unsigned *ret_n) MUST_USE CO_FN;
int ledger_co_keys(struct ledger *l, struct key_row *rows, unsigned cap, unsigned *ret_n) MUST_USE CO_FN;
int ledger_co_cards(struct ledger *l, int64_t after_id, uint8_t state_or_0, struct card_row *rows, unsigned cap,
                    unsigned *ret_n) MUST_USE CO_FN;
struct txn_filter {
    int64_t before; /* newest first: ids below this; 0: from the newest. With `clearing` or `open_only`: ids above this, oldest first */
    int64_t card;   /* 0: any */
    const char *terminal; /* NULL: any */
    uint8_t state;  /* 0: any */
    date_t clearing; /* 0: any; else POSTED rows of that day in id order */
    const char *citizen; /* NULL: any; else what concerns that citizen and was not found by his cards: by accounts, records, messages, or because
                            it was asked for him (since ledgers of schema 4) */
    bool open_only; /* INTENDED and IN_DOUBT, oldest first */
};
/** All that fit the filter, however many rows that do not stand between them: a filter without an index (terminal, state) may look
 *  through years of rows, in short pieces, and takes its time: cancel the flow to end it. */
int ledger_co_txns(struct ledger *l, const struct txn_filter *f, struct txn_row *rows, unsigned cap,
                   unsigned *ret_n) MUST_USE CO_FN;
/** By kind, then owner; those after the one of that kind and owner (0 and "": from the first). */
int ledger_co_accounts(struct ledger *l, uint8_t after_kind, const char *after_owner, struct account_row *rows, unsigned cap,
                       unsigned *ret_n) MUST_USE CO_FN;
int ledger_co_days(struct ledger *l, date_t before, struct day_row *rows, unsigned cap, unsigned *ret_n) MUST_USE CO_FN;
/** By ascending epoch, each card once with its last change; rows with action 0 tell who was taken off. */
int ledger_co_deny_list(struct ledger *l, int64_t after_epoch, struct deny_row *rows, unsigned cap,
                        unsigned *ret_n) MUST_USE CO_FN;
int ledger_co_events(struct ledger *l, int64_t after_seq, struct event_row *rows, unsigned cap,
                     unsigned *ret_n) MUST_USE CO_FN;

/** Records of offline terminals by ascending number: of one card (0: any), and only those held (or all). */
int ledger_co_offline(struct ledger *l, int64_t after_seq, int64_t card_or_0, bool held, struct offline_row *rows, unsigned cap,
                      unsigned *ret_n) MUST_USE CO_FN;
/** The deposits that were paid in for a citizen since ledgers of schema 4, by owner. */
int ledger_co_deposits(struct ledger *l, const char *citizen, const char *after_owner, struct account_row *rows, unsigned cap,
                       unsigned *ret_n) MUST_USE CO_FN;
/** The business date of the newest transaction that wrote a document of owner "citizen:<id>" in that scope; where some were not written
 *  since documents have dates, that day at least. 0: there is none. Looks at rows, not at documents, in short pieces. */
int ledger_co_documents_day(struct ledger *l, const char *citizen, const char *scope, date_t *ret_day) MUST_USE CO_FN;
int ledger_co_citizens(struct ledger *l, const char *after_id, struct citizen_row *rows, unsigned cap,
                       unsigned *ret_n) MUST_USE CO_FN;
/** By ascending id: of one state (0: any) and to one participant (NULL: any). Documents, up to 64 KiB each, go into `a`: small pages. */
int ledger_co_messages(struct ledger *l, int64_t after_id, uint8_t state_or_0, const char *to_or_null, struct arena *a,
                       struct message_row *rows, unsigned cap, unsigned *ret_n) MUST_USE CO_FN;
/** By ascending transaction: of one state, 0: any. */
int ledger_co_holds(struct ledger *l, int64_t after_txn, uint8_t state_or_0, struct hold_row *rows, unsigned cap,
                    unsigned *ret_n) MUST_USE CO_FN;

/* ---- figures ---- */
struct ledger_stats {
    int64_t journal_seq, ops, batches, open_txns, cards;
    int64_t serials; /* whoever counts up serial numbers begins behind this one: not less than the cards, and far beyond what
                        a lost ledger can have given out, for the deny list's epoch is in it, which jumps at a restore */
    int64_t outbox;  /* messages due or dead */
    int64_t wal_bytes;         /* of log that no checkpoint has copied whole */
    int64_t checkpoint_age_ms; /* since when something waits there; 0: nothing does */
    int64_t queue;
    date_t open_day;
};
/** Any thread; does not block. */
void ledger_stats(struct ledger *l, struct ledger_stats *ret);

/* ---- proof, copies ---- */
struct ledger_report {
    int64_t ops, cards, txns, open_txns;
    unsigned faults;     /* 0: all is well */
    char first_fault[256];
    uint8_t head[32];    /* chain head */
};
/** Verifies a ledger file at rest: chain, replay of the whole journal into an empty store and comparison of every table,
 *  books (legs, accounts, float), durable states. Give it a copy while the daemon runs. `progress` may be NULL.
 *  0 even where faults are found (ret->faults); an error where it could not look. Blocks. */
int ledger_verify_file(const char *path, const uint8_t chain_key[32], void (*progress)(void *arg, int64_t done, int64_t all),
                       void *arg, struct ledger_report *ret) MUST_USE WORKER_FN;
/** Writes a consistent copy to `to` (must not exist) while transactions go on. OC_EEXIST, OC_EIO, OC_EDB_FULL (also, before
 *  it begins, where less than the ledger's size and 64 MiB is free), OC_ECLOSED (the ledger closed meanwhile: nothing is left). Suspends; the work runs on a thread. Until it is whole it is called "<to>.part-" and six letters; only a crash leaves that behind. */
int ledger_co_backup(struct ledger *l, const char *to) MUST_USE CO_FN;
/** Backs up to a temporary file beside the ledger, verifies that, removes it. Errors as ledger_co_backup and ledger_verify_file. */
int ledger_co_verify(struct ledger *l, struct ledger_report *ret) MUST_USE CO_FN;
struct ledger_restore_opts {
    uint32_t jump;    /* how far SAM sequences, events and the deny list's epoch jump; ids jump by 10 minutes */
    date_t published; /* the last day whose files were published; a ledger that has it open begins with the day after. 0: none */
};
/** Installs a backup, or a copy that followed the journal, as the ledger of a site at rest: verifies it, jumps forward everything that
 *  a ledger counts up (R10) and marks every card as possibly ahead, through a journalled operation, then renames it into place; the old file is kept beside it as "<path>.replaced-<n>". Blocks.
 *  OC_EBUSY (`path` is open somewhere, or a program still follows into `from`: nothing was touched), OC_ENOENT (no `from`), OC_ECHAIN (the backup does not verify: ret says
 *  what was found), OC_EDB_SCHEMA (newer than this program), OC_EINVAL (`jump` 0, `published` in the future), OC_ESTATE (the clock is before the backup's last
 *  row), OC_EIO, OC_EDB_FULL, OC_EDB, OC_EDB_CORRUPT, OC_ENOMEM. On any error the old file stays the ledger, or, where only the last
 *  renaming failed, stands under its kept name. */
int ledger_restore(const char *from, const char *path, const uint8_t chain_key[32],
                   const struct ledger_restore_opts *o, struct ledger_report *ret) MUST_USE WORKER_FN;

#endif
