/* What the files of db share: the connection and how its errors are named. */
#ifndef DB_PRIVATE_H
#define DB_PRIVATE_H

#include "db/db.h"
#include <sqlite3.h>

#define DB_SLOTS 256 /* statements kept a connection; a power of two */

struct db_slot {
    const char *key; /* the caller's text: constant, so its address finds the slot */
    sqlite3_stmt *stmt;
    bool busy;
};
struct db {
    sqlite3 *h;
    struct db_tx *tx;
    const atomic_bool *stop; /* db_stop_when */
    int64_t wal_pages;       /* in the log after this connection's last commit */
    int64_t page_size;
    sqlite3_stmt *rollback; /* prepared when opened: there must be memory for it */
    bool stuck;             /* a rollback failed: nothing runs before it succeeded */
    unsigned used;
    struct db_slot slots[DB_SLOTS];
};

/** Logs and translates a result code of SQLite. */
int db_error(const struct db *db, int sqlite_rc, const char *what);
/** The VFS for connections that write (vfs.c): made at the first call. NULL: the operating system's own is to
 * be used. Any thread. */
const char *db_log_vfs(void);
/** Undoes what is open, where something is. 0, or the error: then no statement of this connection
 * runs before it could be undone. */
int db_undo(struct db *db) WORKER_FN;
/** 0: statements may run. */
int db_ready(struct db *db) WORKER_FN;
/** Finalises every statement that is not in use. */
void db_forget(struct db *db);

#endif
