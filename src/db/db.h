/* A thin face over SQLite: the only place that knows the database's API.
 *
 * Invariants:
 *   1. No connection checkpoints by itself (not on commit, not on close): checkpoints go through
 * struct db_wal only.
 *   2. Errors stick: after the first failure of a statement every bind and get does nothing and
 * gives zeros, and inside a struct db_tx every later write fails with the same number, so ten
 * writes need one check at commit.
 *   3. A connection belongs to one thread at a time; nothing here locks but struct db_wal.
 *
 * Errors of every function: OC_EDB_FULL (no space), OC_EDB_CORRUPT (damaged, or not a database),
 * OC_EBUSY (locked by another process for 5 s), OC_ENOMEM, OC_ECANCELED (db_stop_when; not logged),
 * OC_EDB (anything else). Each is logged once, where it arises. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/base.h"
#include <stdatomic.h>

struct db;
struct db_tx;

enum db_mode {
    DB_READ,     /* the file must exist: OC_ENOENT */
    DB_WRITE,    /* the file must exist: OC_ENOENT */
    DB_CREATE,   /* the file must not exist: OC_EEXIST */
    DB_MEMORY,   /* private, in memory (path is not used) */
    DB_IMMUTABLE /* read-only and nobody writes: no locks, a WAL beside it is not read */
};

/** Opens a connection: WAL, synchronous=FULL, no checkpoints of its own, foreign keys and trusted
 * schema off, cells checked. */
int db_open(const char *path, enum db_mode mode, struct db **ret) MUST_USE WORKER_FN;
/** Is there a database file of that name, as connections would find it? */
bool db_exists(const char *path) WORKER_FN;
/** Is there a write-ahead log with something in it beside that file? */
bool db_has_log(const char *path) WORKER_FN;
/** From now on a statement of this connection ends with OC_ECANCELED soon after `*flag` became
 * true, and each one after it; NULL: no longer. The flag may be set by any thread and must outlive
 * the connection. */
void db_stop_when(struct db *db, const atomic_bool *flag);
/** Closes without a checkpoint. NULL is fine. */
void db_close(struct db **db) WORKER_FN;
/** Runs statements separated by semicolons that give no rows. `sql` is constant text of ours, never
 * of outsiders. */
int db_exec(struct db *db, const char *sql) MUST_USE WORKER_FN;
/** Rows changed by the last write. */
int db_changes(const struct db *db);
/** Test hook: the file may have at most so many pages more than now; then writes give OC_EDB_FULL.
 * 0: no limit again. */
int db_limit_pages(struct db *db, int64_t more) MUST_USE WORKER_FN;

/* ---- statements ----
 *   struct db_q q;
 *   db_q(&q, db, "SELECT a, b FROM t WHERE k = ?1 AND n = ?2");   (prepared once a connection,
 * kept) db_put_i64(&q, 1);  db_put_text(&q, "x");                    (parameters in order) while
 * (db_row(&q)) { a = db_get_i64(&q); db_get_text(&q, b, sizeof b); }   (columns in order) rc =
 * db_end(&q); The same text must not be in use twice at a time on a connection (checked). */
struct db_q {
    struct db *db;
    void *stmt; /* sqlite3_stmt */
    void *slot; /* its place in the cache */
    int param, col;
    int err; /* sticky */
    bool stepped;
};
void db_q(struct db_q *q, struct db *db, const char *sql) WORKER_FN;
void db_put_i64(struct db_q *q, int64_t v);
/** NULL: SQL NULL. The text must stay until db_end. */
void db_put_text(struct db_q *q, const char *s);
/** NULL: SQL NULL. The bytes must stay until db_end. */
void db_put_blob(struct db_q *q, const void *p, size_t len);
void db_put_null(struct db_q *q);
/** The next row: true; false at the end or after an error. Columns start again. */
bool db_row(struct db_q *q) MUST_USE WORKER_FN;
int64_t db_get_i64(struct db_q *q);
/** NUL-terminated; longer than `cap`-1, or a NUL inside: OC_EDB_CORRUPT in q->err. SQL NULL gives
 * "". */
void db_get_text(struct db_q *q, char *ret, size_t cap);
/** Exactly `len` bytes; another length: OC_EDB_CORRUPT in q->err. SQL NULL gives zeros. */
void db_get_fixed(struct db_q *q, void *ret, size_t len);
/** The bytes of this column, valid until the next db_row or db_end; NULL and *ret_len 0 for SQL
 * NULL and empty. */
const void *db_get_blob(struct db_q *q, size_t *ret_len);
/** Skips a column. */
void db_skip(struct db_q *q);
/* For comparing and printing rows of any table: */
int db_cols(struct db_q *q);
const char *db_col_name(struct db_q *q, int col);
/** A value as bytes that are equal for equal values only: type letter (N I T B) and content.
 * Appends to `b`. */
void db_get_raw(struct db_q *q, struct buf *b);
/** Ends the statement (running it first where it never gave rows) and gives the error, 0 if none.
 * Always call it. */
int db_end(struct db_q *q) MUST_USE WORKER_FN;

/** Reads one number: the first column of the first row; OC_ENOENT where there is no row or it is
 * NULL. */
int db_number(struct db *db, const char *sql, int64_t *ret) MUST_USE WORKER_FN;

/* ---- transactions ---- */
struct db_tx {
    struct db *db;
    int err; /* sticky: of any statement since begin */
    bool open;
};
/** BEGIN IMMEDIATE. One at a time on a connection. */
int db_tx_begin(struct db_tx *tx, struct db *db) MUST_USE WORKER_FN;
/** Commits when nothing failed; else rolls back. Gives the first error. */
int db_tx_commit(struct db_tx *tx) MUST_USE WORKER_FN;
/** Undoes everything; harmless after commit. Where that fails (no memory) it is tried again before anything else runs on the
 * connection: what was written is never read. */
void db_tx_rollback(struct db_tx *tx) WORKER_FN;

/* ---- schema ---- */
struct db_step {
    int version; /* user_version after this step; ascending from 1 */
    const char *sql;
};
/** Brings the schema to the newest step, each step one commit: whoever ends in the middle of a step
 * finds the file as it was before it. OC_EDB_SCHEMA: the file is newer than the steps (logged by
 * db_refuse_newer). */
int db_migrate(struct db *db, const struct db_step *steps, size_t count) MUST_USE WORKER_FN;
#define DB_PROGRAM 64
/** Logs that a file's schema is newer than `known`, and which program it needs: the file says so in
 * the last row of table schema_step (version, program), where a step made one. */
void db_refuse_newer(struct db *db, const char *path, int64_t have, int known) WORKER_FN;
int db_version(struct db *db, int64_t *ret) MUST_USE WORKER_FN;
/** A consistent copy into a new file (VACUUM INTO). OC_EEXIST. */
int db_copy_to(struct db *db, const char *to) MUST_USE WORKER_FN;

/* ---- the write-ahead log ----
 * SQLite 3.40.1 may corrupt a file when a checkpoint begins while a writer resets the log. A writer
 * resets it at the first write after a checkpoint that copied everything. So none begins between
 * such a checkpoint and the end of the next commit that began after it. Any thread may call; passes
 * never overlap. */
struct db_wal;
int db_wal_new(struct db_wal **ret) MUST_USE;
void db_wal_free(struct db_wal **w);
/** Round each write transaction, by the one writer: before BEGIN, and after COMMIT or ROLLBACK with
 * what became of it. */
void db_wal_begin(struct db_wal *w);
void db_wal_finish(struct db_wal *w, struct db *writer, bool committed);
/** A PASSIVE pass over `db`. 1: everything was copied; 0: some, or the rule forbids a pass now; or
 * an error. */
int db_wal_pass(struct db_wal *w, struct db *db) MUST_USE WORKER_FN;
/** May a pass begin? (tests) */
bool db_wal_may(struct db_wal *w);
/** Bytes of log in use, as of the last commit or pass; 0 after one that copied everything. */
int64_t db_wal_bytes(struct db_wal *w);
/** Counts the log that `db`, just opened, found beside its file, as long as that file is. */
void db_wal_found(struct db_wal *w, struct db *db) WORKER_FN;
/** For how long has something in the log waited to be copied: since the first commit after the last pass that
 * copied everything, or since db_wal_found(); 0 where nothing waits. */
int64_t db_wal_age_ns(struct db_wal *w);
/** Monotonic time of the last pass that copied everything, 0: none. */
int64_t db_wal_full_ns(struct db_wal *w);

#endif
