/* The statements that a purchase takes, without the ledger around them: the same tables and
 * indexes, the same rows at random, group commits, synchronous=FULL, checkpoints when the log has
 * 32 MiB. Values are of the right kind and size; what the ledger computes between the statements is
 * left out. Afterwards the file is a ledger no more. */
#include "hist.h"
#include "parts.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define PENDING_MAX 8192
#define LOG_PAGES   8192 /* 32 MiB */

enum statement {
    S_CARD,
    S_JOURNAL,
    S_CARD_STORE,
    S_TERMINAL,
    S_SAM,
    S_TXN,
    S_TXN_DECIDE,
    S_ACCOUNT,
    S_SITE,
    S_HEAD,
    S_COUNT
};
enum look { L_SERIAL, L_DENY, L_COUNT };
#define CARD_COLUMNS                                                                               \
    "id, issuer, serial, number, profile, citizen, kind, state, registered, loss_effective_ms, "   \
    "valid_from, valid_to, "                                                                       \
    "ceiling, floor, purse_debits, purse_credits, purse_debits_pending, purse_credits_pending, "   \
    "load_debits, load_credits, "                                                                  \
    "load_debits_pending, load_credits_pending, open_txn, seen_has, seen_balance, seen_online, "   \
    "seen_offline, seen_ms, "                                                                      \
    "seen_terminal, due_has, due_online, due_offline, awaiting, alarm, mismatch, last_txn, "       \
    "last_terminal, last_service, "                                                                \
    "last_txn_ms, day, day_debits, day_credits, day_count, deny_action, created_ms"
#define TXN_COLUMNS                                                                                \
    "id, state, intent_seq, outcome_seq, created_ms, decided_ms, card, terminal, service, "        \
    "request_no, request_hash, "                                                                   \
    "clearing_date, amount, link, refund, refunded, suspense, tries, before_txn"
static const char *const statements[S_COUNT] = {
    [S_CARD] = "SELECT " CARD_COLUMNS " FROM card WHERE id = ?1",
    [S_JOURNAL] = "INSERT INTO journal (shard, seq, op, mac) VALUES (?1, ?2, ?3, ?4)",
    [S_CARD_STORE] = "UPDATE card SET state = ?2, loss_effective_ms = ?3, deny_action = ?4, "
                     "purse_debits = ?5, purse_credits = ?6, "
                     "purse_debits_pending = ?7, purse_credits_pending = ?8, load_debits = ?9, "
                     "load_credits = ?10, "
                     "load_debits_pending = ?11, load_credits_pending = ?12, open_txn = ?13, "
                     "seen_has = ?14, seen_balance = ?15, "
                     "seen_online = ?16, seen_offline = ?17, seen_ms = ?18, seen_terminal = ?19, "
                     "due_has = ?20, due_online = ?21, "
                     "due_offline = ?22, awaiting = ?23, alarm = ?24, mismatch = ?25, last_txn = "
                     "?26, last_terminal = ?27, "
                     "last_service = ?28, last_txn_ms = ?29, day = ?30, day_debits = ?31, "
                     "day_credits = ?32, day_count = ?33 "
                     "WHERE id = ?1",
    [S_TERMINAL] = "UPDATE terminal SET next_request = max(next_request, ?3 + 1), day_sum = CASE "
                   "WHEN ?4 > day THEN ?5 ELSE "
                   "day_sum + ?5 END, day = max(day, ?4) WHERE shard = ?1 AND id = ?2",
    [S_SAM] = "UPDATE sam SET next_seq = next_seq + 1 WHERE shard = ?1 AND sam = ?2",
    [S_TXN] = "INSERT INTO txn (shard, " TXN_COLUMNS
              ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
              "?16, ?17, ?18, ?19, ?20)",
    [S_TXN_DECIDE] = "UPDATE txn SET state = ?2, outcome_seq = ?3, decided_ms = ?4, clearing_date "
                     "= ?5, suspense = ?6, tries = ?7 "
                     "WHERE id = ?1 AND (state = 1 OR state = 4)",
    [S_ACCOUNT] = "INSERT OR REPLACE INTO account (shard, kind, owner, debits_pending, "
                  "debits_posted, credits_pending, "
                  "credits_posted, floor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [S_SITE] = "UPDATE site SET last_at_ms = ?2, last_txn = ?3 WHERE shard = ?1",
    [S_HEAD] = "INSERT OR REPLACE INTO head (shard, seq, mac, tag) VALUES (?1, ?2, ?3, ?4)",
};
static const char *const looks[L_COUNT] = {
    [L_SERIAL] =
        "SELECT " CARD_COLUMNS " FROM card WHERE shard = ?1 AND serial = ?2 AND issuer = ?3",
    [L_DENY] = "SELECT action FROM denylist WHERE shard = ?1 AND issuer = ?2 AND serial = ?3",
};

struct purchase {
    int64_t txn, card;
    unsigned terminal;
};
struct sql {
    const struct parts_sql *w;
    sqlite3 *db, *reader;
    sqlite3_stmt *s[S_COUNT], *l[L_COUNT];
    struct purchase pending[PENDING_MAX];
    unsigned pending_count, log_pages;
    int64_t *ids; /* of the cards */
    int64_t shard, seq, txn, at_ms, request;
    uint64_t seed, done, commits;
    uint8_t *bytes;
    struct hist pairs;
    int failed;
};

static uint64_t draw(struct sql *q)
{
    q->seed ^= q->seed << 13;
    q->seed ^= q->seed >> 7;
    q->seed ^= q->seed << 17;
    return q->seed;
}

/* Binds by kind: i number, t text, b blob with its length, n NULL; steps; reads every column;
 * resets. True: there was a row. */
static int run(struct sql *q, sqlite3_stmt *s, const char *kinds, ...)
{
    va_list ap;
    va_start(ap, kinds);
    for (int i = 1; *kinds; kinds++, i++) {
        if (*kinds == 'i') {
            sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
        } else if (*kinds == 't') {
            sqlite3_bind_text(s, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
        } else {
            const void *at = va_arg(ap, const void *);
            sqlite3_bind_blob(s, i, at, va_arg(ap, int), SQLITE_STATIC);
        }
    }
    va_end(ap);
    int rc = sqlite3_step(s), columns = rc == SQLITE_ROW ? sqlite3_column_count(s) : 0;
    for (int i = 0; i < columns; i++)
        if (sqlite3_column_type(s, i) == SQLITE_INTEGER)
            (void)sqlite3_column_int64(s, i);
        else
            (void)sqlite3_column_blob(s, i);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && !q->failed) {
        q->failed = 1;
        fprintf(stderr, "bench-parts: %s: %s\n", sqlite3_sql(s),
                sqlite3_errmsg(sqlite3_db_handle(s)));
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW;
}
#define I(x) ((int64_t)(x))

static void store_card(struct sql *q, const struct purchase *p, const char *terminal, int open)
{
    run(q, q->s[S_CARD_STORE], "iiiiiiiiiiiiiiiiiitiiiiiiittiiiii", I(p->card), I(2), I(0), I(0),
        I(100000 + (int64_t)q->done), I(10000000), I(open ? 250 : 0), I(0), I(0), I(0), I(0), I(0),
        I(open ? p->txn : 0), I(7), I(9990000), I(1), I(40 + (int64_t)(q->done % 60000)), q->at_ms,
        terminal, I(6), I(1), I(41), I(0), I(0), I(0), p->txn, terminal, "payment.purchase",
        q->at_ms, I(20261122), I(25000), I(0), I(9));
    q->failed |= sqlite3_changes(q->db) != 1;
}

static void journal(struct sql *q, unsigned bytes)
{
    q->bytes[q->seq % 64]++;
    run(q, q->s[S_JOURNAL], "iibb", q->shard, ++q->seq, q->bytes, (int)bytes, q->bytes, 32);
}

static void intent(struct sql *q)
{
    char terminal[16];
    uint8_t sam[6] = {0x20};
    struct purchase p = {.txn = ++q->txn,
                         .card = q->ids[draw(q) % (uint64_t)q->w->cards],
                         .terminal = (unsigned)(draw(q) % (uint64_t)q->w->terminals)};
    snprintf(terminal, sizeof terminal, "t%06u", p.terminal + 1);
    sam[4] = (uint8_t)((p.terminal + 1) >> 8);
    sam[5] = (uint8_t)(p.terminal + 1);
    run(q, q->s[S_CARD], "i", p.card);
    journal(q, q->w->intent_bytes);
    store_card(q, &p, terminal, 1);
    run(q, q->s[S_TERMINAL], "itiii", q->shard, terminal, ++q->request, I(20261122), I(250));
    run(q, q->s[S_SAM], "ib", q->shard, sam, 6);
    run(q, q->s[S_TXN], "iiiiiiiittibiiiiiiii", q->shard, p.txn, I(1), q->seq, I(0), q->at_ms, I(0),
        p.card, terminal, "payment.purchase", q->request, q->bytes, 16, I(0), I(250), I(0), I(0),
        I(0), I(0), I(0), p.txn - 1000);
    q->pending[q->pending_count++] = p;
}

static void outcome(struct sql *q, const struct purchase *p)
{
    char terminal[16];
    snprintf(terminal, sizeof terminal, "t%06u", p->terminal + 1);
    journal(q, q->w->outcome_bytes);
    store_card(q, p, terminal, 0);
    run(q, q->s[S_TXN_DECIDE], "iiiiiii", p->txn, I(2), q->seq, q->at_ms, I(20261122), I(0), I(0));
    q->done++;
}

/* What recognition looks up, by a connection of its own. The ledger answers admission, and what the
 * outcome needs of its intent, from memory: they are no statements. */
static void look(struct sql *q)
{
    uint8_t serial[10] = {0, 0, 0x77}, issuer[8] = {0x10, 0x20, 0x30, 0x40, 0, 0, 0, 1};
    uint64_t card = draw(q) % (uint64_t)q->w->cards;
    for (int i = 9; i > 3 && card; i--, card /= 100)
        serial[i] = (uint8_t)(card / 10 % 10 << 4 | card % 10);
    run(q, q->l[L_SERIAL], "ibb", q->shard, serial, 10, issuer, 8);
    run(q, q->l[L_DENY], "ibb", q->shard, issuer, 8, serial, 10);
}

static void looks_of_batch(struct sql *q, unsigned n)
{
    sqlite3_exec(q->reader, "BEGIN", NULL, NULL,
                 NULL); /* those that wait are answered in one look at the file */
    for (unsigned i = 0; i < n; i++)
        look(q);
    sqlite3_exec(q->reader, "COMMIT", NULL, NULL, NULL);
}

static void batch(struct sql *q)
{
    unsigned half = q->w->batch / 2 ? q->w->batch / 2 : 1, waiting = q->pending_count;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    q->at_ms = I(ts.tv_sec) * 1000 + ts.tv_nsec / 1000000;
    looks_of_batch(q, half);
    sqlite3_exec(q->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (unsigned i = 0; i < waiting; i++)
        outcome(q, &q->pending[i]);
    q->pending_count = 0;
    for (unsigned i = 0; i < half; i++)
        intent(q);
    run(q, q->s[S_ACCOUNT], "iitiiiii", q->shard, I(4), "bench", I(0), I(0), I(250),
        I(1000000 + (int64_t)q->done), INT64_MIN);
    run(q, q->s[S_SITE], "iii", q->shard, q->at_ms, q->txn);
    run(q, q->s[S_HEAD], "iibb", q->shard, q->seq, q->bytes, 32, q->bytes, 32);
    if (sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        q->failed = 1;
    q->commits++;
    if (q->log_pages > LOG_PAGES)
        sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct sql *)arg)->log_pages = (unsigned)pages;
    return SQLITE_OK;
}

static int64_t number(sqlite3 *db, const char *text)
{
    sqlite3_stmt *s = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

/* Ids follow from the time they were given at: they leave gaps. */
static int read_ids(struct sql *q)
{
    sqlite3_stmt *s = NULL;
    int64_t n = 0;
    q->ids = calloc((size_t)q->w->cards, sizeof *q->ids);
    if (!q->ids || sqlite3_prepare_v2(q->db, "SELECT id FROM card", -1, &s, NULL) != SQLITE_OK)
        return -1;
    while (n < q->w->cards && sqlite3_step(s) == SQLITE_ROW)
        q->ids[n++] = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n == q->w->cards ? 0 : -1;
}

static int open_both(struct sql *q)
{
    static const char setup[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; "
        "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536";
    if (sqlite3_open(q->w->path, &q->db) != SQLITE_OK ||
        sqlite3_open(q->w->path, &q->reader) != SQLITE_OK ||
        sqlite3_exec(q->db, setup, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(q->reader, setup, NULL, NULL, NULL) != SQLITE_OK)
        return -1;
    for (int i = 0; i < S_COUNT; i++)
        if (sqlite3_prepare_v3(q->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &q->s[i],
                               NULL) != SQLITE_OK) {
            fprintf(stderr, "bench-parts: %s\n", sqlite3_errmsg(q->db));
            return -1;
        }
    for (int i = 0; i < L_COUNT; i++)
        if (sqlite3_prepare_v3(q->reader, looks[i], -1, SQLITE_PREPARE_PERSISTENT, &q->l[i],
                               NULL) != SQLITE_OK)
            return -1;
    sqlite3_wal_hook(q->db, on_commit, q);
    q->shard = number(q->db, "SELECT shard FROM site");
    q->seq = number(q->db, "SELECT max(seq) FROM journal");
    int64_t last = number(q->db, "SELECT max(id) FROM txn");
    q->txn = (last > 0 ? last : I(1) << 52) + 1000;
    q->request = (INT64_C(1) << 40) + q->seq; /* above all that were used */
    return read_ids(q);
}

static double cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void measure(struct sql *q, struct parts_sql_result *ret)
{
    double begun = now(), end = begun + q->w->seconds / 4;
    while (now() < end && !q->failed) /* the caches fill */
        batch(q);
    begun = now();
    end = begun + q->w->seconds;
    double used = cpu();
    uint64_t done = q->done, commits = q->commits;
    while (now() < end && !q->failed) {
        double first = now();
        batch(q);
        batch(q);
        hist_add(&q->pairs, (int64_t)((now() - first) * 1e9));
    }
    double took = now() - begun;
    done = q->done - done;
    ret->per_second = (double)done / took;
    ret->core_us = done ? (cpu() - used) * 1e6 / (double)done : 0;
    ret->commits_per_second = (double)(q->commits - commits) / took;
    ret->pair_p50_ms = (double)hist_at(&q->pairs, 0.5) / 1e6;
    ret->pair_p99_ms = (double)hist_at(&q->pairs, 0.99) / 1e6;
}

int parts_sql(const struct parts_sql *w, struct parts_sql_result *ret)
{
    struct sql *q = calloc(1, sizeof *q);
    q->w = w;
    q->seed = UINT64_C(88172645463325252);
    q->bytes = calloc(1, 65536);
    int rc = w->batch <= PENDING_MAX && w->cards > 0 && w->terminals > 0 ? open_both(q) : -1;
    if (rc == 0)
        measure(q, ret);
    else
        fprintf(stderr, "bench-parts: %s is no ledger with cards\n", w->path);
    for (int i = 0; i < S_COUNT; i++)
        sqlite3_finalize(q->s[i]);
    for (int i = 0; i < L_COUNT; i++)
        sqlite3_finalize(q->l[i]);
    sqlite3_close(q->db);
    sqlite3_close(q->reader);
    rc = rc != 0 || q->failed ? -1 : 0;
    free(q->bytes);
    free(q->ids);
    free(q);
    return rc;
}
