/* Connections: how they are opened decides how safe the ledger is, so it is said in one place. */
#include "db/private.h"
#include <stdlib.h>
#include <string.h>

#define BUSY_MS    5000
#define STOP_STEPS 10000 /* of the statement's machine between two looks: a millisecond or less */

int db_error(const struct db *db, int sqlite_rc, const char *what)
{
    if ((sqlite_rc & 0xff) == SQLITE_INTERRUPT)
        return OC_ECANCELED;
    const char *text = db && db->h ? sqlite3_errmsg(db->h) : sqlite3_errstr(sqlite_rc);
    log_error("db", "%s: %s (%d)", what, text, sqlite_rc);
    switch (sqlite_rc & 0xff) {
    case SQLITE_FULL:
        return OC_EDB_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return OC_EDB_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return OC_EBUSY;
    case SQLITE_NOMEM:
        return OC_ENOMEM;
    default:
        return OC_EDB;
    }
}

static int on_commit(void *arg, sqlite3 *h, const char *name, int pages)
{
    (void)h;
    (void)name;
    ((struct db *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* immutable=1 is a URI parameter, so the path's own % ? # must be escaped. */
static char *immutable_uri(const char *path)
{
    struct buf b;
    buf_init(&b, 16384);
    buf_puts(&b, "file:");
    for (const char *p = path; *p; p++) {
        if (strchr("%?#", *p))
            buf_printf(&b, "%%%02X", (unsigned)(unsigned char)*p);
        else
            buf_put(&b, p, 1);
    }
    buf_puts(&b, "?immutable=1");
    char *uri = b.err ? NULL : strdup(buf_cstr(&b));
    buf_fini(&b);
    return uri;
}

static int open_handle(struct db *db, const char *path, enum db_mode mode)
{
    static const int flags[] = {
        [DB_READ] = SQLITE_OPEN_READONLY,
        [DB_WRITE] = SQLITE_OPEN_READWRITE,
        [DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        [DB_MEMORY] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY,
        [DB_IMMUTABLE] = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
    };
    char *uri = mode == DB_IMMUTABLE ? immutable_uri(path) : NULL;
    if (mode == DB_IMMUTABLE && !uri)
        return OC_ENOMEM;
    const char *name = mode == DB_MEMORY ? ":memory:" : uri ? uri : path;
    const char *vfs = db_log_vfs();
    bool writes = mode == DB_WRITE || mode == DB_CREATE;
    int rc = sqlite3_open_v2(name, &db->h, flags[mode] | SQLITE_OPEN_NOMUTEX, writes ? vfs : NULL);
    free(uri);
    if (rc != SQLITE_OK)
        return db_error(db, rc, name);
    sqlite3_extended_result_codes(db->h, 1);
    sqlite3_busy_timeout(db->h, BUSY_MS);
    rc = sqlite3_prepare_v3(db->h, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT, &db->rollback, NULL);
    return rc == SQLITE_OK ? 0 : db_error(db, rc, "prepare");
}

static WORKER_FN int harden(struct db *db)
{
    static const struct {
        int op, on;
    } config[] = {
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},      {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_DQS_DML, 0},          {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(config); i++) {
        int rc = sqlite3_db_config(db->h, config[i].op, config[i].on, NULL);
        if (rc != SQLITE_OK)
            return db_error(db, rc, "db_config");
    }
    return db_exec(
        db, "PRAGMA wal_autocheckpoint=0; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
            "PRAGMA cache_size=-32768;");
}

static WORKER_FN int set_wal(struct db *db)
{
    char mode[16] = "";
    struct db_q q;
    db_q(&q, db, "PRAGMA journal_mode=WAL");
    if (db_row(&q))
        db_get_text(&q, mode, sizeof mode);
    int rc = db_end(&q);
    if (rc)
        return rc;
    if (strcmp(mode, "wal") != 0) {
        log_error("db", "this file system cannot hold a write-ahead log (journal mode is %s)",
                  mode);
        return OC_EDB;
    }
    /* A log that once grew is cut back when it starts again. */
    return db_exec(db, "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864");
}

static WORKER_FN int prepare_connection(struct db *db, const char *path, enum db_mode mode)
{
    int rc = open_handle(db, path, mode);
    if (rc)
        return rc;
    rc = harden(db);
    if (rc)
        return rc;
    if (mode == DB_WRITE || mode == DB_CREATE) {
        rc = set_wal(db);
        if (rc)
            return rc;
        sqlite3_wal_hook(db->h, on_commit, db);
    }
    return db_number(db, "PRAGMA page_size", &db->page_size);
}

static WORKER_FN bool vfs_says(const char *path, int what)
{
    sqlite3_vfs *v = sqlite3_vfs_find(NULL);
    int yes = 0;
    return v && v->xAccess(v, path, what, &yes) == SQLITE_OK && yes;
}

/* For SQLite an empty file is none. */
bool db_exists(const char *path)
{
    return vfs_says(path, SQLITE_ACCESS_EXISTS) || vfs_says(path, SQLITE_ACCESS_READWRITE);
}

bool db_has_log(const char *path)
{
    char *name = NULL;
    if (asprintf(&name, "%s-wal", path) < 0)
        return false;
    bool has = vfs_says(name, SQLITE_ACCESS_EXISTS);
    free(name);
    return has;
}

static WORKER_FN int look_for(const char *path, enum db_mode mode)
{
    if (mode == DB_MEMORY)
        return 0;
    bool there = path && db_exists(path);
    if (mode == DB_CREATE)
        return there ? OC_EEXIST : 0;
    return there ? 0 : OC_ENOENT;
}

int db_open(const char *path, enum db_mode mode, struct db **ret)
{
    int rc = look_for(path, mode);
    if (rc)
        return rc;
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return OC_ENOMEM;
    rc = prepare_connection(db, path, mode);
    if (rc) {
        db_close(&db);
        return rc;
    }
    *ret = db;
    return 0;
}

static int must_stop(void *arg)
{
    const struct db *db = arg;
    return atomic_load(db->stop);
}

void db_stop_when(struct db *db, const atomic_bool *flag)
{
    db->stop = flag;
    sqlite3_progress_handler(db->h, flag ? STOP_STEPS : 0, flag ? must_stop : NULL, db);
}

void db_close(struct db **db)
{
    if (!*db)
        return;
    db_forget(*db);
    CHECK((*db)->used == 0);
    sqlite3_finalize((*db)->rollback);
    sqlite3_close_v2((*db)->h);
    free(*db);
    *db = NULL;
}

/* After some errors SQLite has rolled back already. What was written and could not be undone must
 * not be read as if it were there: nothing runs until it is undone. */
int db_undo(struct db *db)
{
    db->stuck = !sqlite3_get_autocommit(db->h);
    if (!db->stuck)
        return 0;
    int rc = db->rollback ? sqlite3_step(db->rollback) : SQLITE_MISUSE;
    if (db->rollback)
        (void)sqlite3_reset(db->rollback);
    db->stuck = !sqlite3_get_autocommit(db->h);
    return db->stuck ? db_error(db, rc, "rollback") : 0;
}

int db_ready(struct db *db)
{
    return db->stuck ? db_undo(db) : 0;
}

int db_exec(struct db *db, const char *sql)
{
    int err = db_ready(db);
    if (err)
        return err;
    int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return 0;
    err = db_error(db, rc, "exec");
    if (db->tx && !db->tx->err)
        db->tx->err = err;
    return err;
}

int db_changes(const struct db *db)
{
    return sqlite3_changes(db->h);
}

int db_limit_pages(struct db *db, int64_t more)
{
    int64_t now;
    int rc = db_number(db, "PRAGMA page_count", &now);
    if (rc)
        return rc;
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%lld",
             more ? (long long)(now + more) : 1073741823LL);
    return db_exec(db, sql);
}

int db_number(struct db *db, const char *sql, int64_t *ret)
{
    struct db_q q;
    db_q(&q, db, sql);
    bool found = db_row(&q) && sqlite3_column_type(q.stmt, 0) != SQLITE_NULL;
    int64_t v = found ? db_get_i64(&q) : 0;
    int rc = db_end(&q);
    if (rc)
        return rc;
    if (!found)
        return OC_ENOENT;
    *ret = v;
    return 0;
}
