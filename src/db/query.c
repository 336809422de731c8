/* Statements: prepared once a connection, parameters and columns in order, one error at the end. */
#include "db/private.h"
#include <stdlib.h>
#include <string.h>

static void fail(struct db_q *q, int err)
{
    if (!q->err)
        q->err = err;
    if (q->db->tx && !q->db->tx->err)
        q->db->tx->err = err;
}

static void fail_sqlite(struct db_q *q, int rc)
{
    const char *sql = q->stmt ? sqlite3_sql(q->stmt) : "prepare";
    fail(q, db_error(q->db, rc, sql ? sql : "statement"));
}

void db_forget(struct db *db)
{
    for (size_t i = 0; i < DB_SLOTS; i++) {
        struct db_slot *s = &db->slots[i];
        if (!s->key || s->busy)
            continue;
        sqlite3_finalize(s->stmt);
        *s = (struct db_slot){0};
        db->used--;
    }
}

static size_t hash(const char *key)
{
    return (size_t)(((uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
}

/* The statement's own text is compared as well: an address may be used again by text built at run
 * time. */
static bool same(const struct db_slot *s, const char *sql)
{
    return s->key == sql && strcmp(sqlite3_sql(s->stmt), sql) == 0;
}

static struct db_slot *find(struct db *db, const char *sql)
{
    for (size_t i = 0; i < DB_SLOTS; i++) {
        struct db_slot *s = &db->slots[(hash(sql) + i) % DB_SLOTS];
        if (s->key && same(s, sql))
            return s;
    }
    return NULL;
}

static struct db_slot *find_quick(struct db *db, const char *sql)
{
    struct db_slot *s = &db->slots[hash(sql) % DB_SLOTS];
    return s->key && same(s, sql) ? s : find(db, sql);
}

static struct db_slot *free_slot(struct db *db, const char *sql)
{
    if (db->used >= DB_SLOTS * 3 / 4)
        db_forget(db);
    for (size_t i = 0; i < DB_SLOTS; i++) {
        struct db_slot *s = &db->slots[(hash(sql) + i) % DB_SLOTS];
        if (!s->key)
            return s;
    }
    return NULL;
}

static struct db_slot *slot_for(struct db_q *q, const char *sql)
{
    struct db_slot *s = find_quick(q->db, sql);
    if (s)
        return s;
    s = free_slot(q->db, sql);
    CHECK(s);
    int rc = sqlite3_prepare_v3(q->db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);
    if (rc != SQLITE_OK) {
        fail(q, db_error(q->db, rc, sql));
        return NULL;
    }
    s->key = sql;
    q->db->used++;
    return s;
}

void db_q(struct db_q *q, struct db *db, const char *sql)
{
    *q = (struct db_q){.db = db};
    if (db->tx && db->tx->err) {
        q->err = db->tx->err;
        return;
    }
    int rc = db_ready(db);
    if (rc) {
        fail(q, rc);
        return;
    }
    struct db_slot *s = slot_for(q, sql);
    if (!s)
        return;
    CHECK(!s->busy);
    s->busy = true;
    q->slot = s;
    q->stmt = s->stmt;
}

static void bound(struct db_q *q, int rc)
{
    if (rc != SQLITE_OK)
        fail_sqlite(q, rc);
}

void db_put_i64(struct db_q *q, int64_t v)
{
    if (!q->err)
        bound(q, sqlite3_bind_int64(q->stmt, ++q->param, v));
}

void db_put_text(struct db_q *q, const char *s)
{
    if (!q->err)
        bound(q, sqlite3_bind_text(q->stmt, ++q->param, s, -1, SQLITE_STATIC));
}

void db_put_blob(struct db_q *q, const void *p, size_t len)
{
    if (q->err)
        return;
    if (p && len == 0)
        bound(q, sqlite3_bind_zeroblob(q->stmt, ++q->param, 0));
    else
        bound(q, sqlite3_bind_blob64(q->stmt, ++q->param, p, len, SQLITE_STATIC));
}

void db_put_null(struct db_q *q)
{
    if (!q->err)
        bound(q, sqlite3_bind_null(q->stmt, ++q->param));
}

bool db_row(struct db_q *q)
{
    if (q->err)
        return false;
    q->stepped = true;
    q->col = 0;
    int rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        fail_sqlite(q, rc);
    return false;
}

int64_t db_get_i64(struct db_q *q)
{
    return q->err ? 0 : sqlite3_column_int64(q->stmt, q->col++);
}

/* A value that had to be fetched and could not be looks like NULL: an empty document is not the
 * same as one there was no memory for. */
static bool fetch_failed(struct db_q *q)
{
    int rc = sqlite3_errcode(sqlite3_db_handle(q->stmt));
    if (rc != SQLITE_NOMEM)
        return false;
    q->col++;
    fail_sqlite(q, rc);
    return true;
}

const void *db_get_blob(struct db_q *q, size_t *ret_len)
{
    *ret_len = 0;
    if (q->err)
        return NULL;
    const void *p = sqlite3_column_blob(q->stmt, q->col);
    if (!p && fetch_failed(q))
        return NULL;
    *ret_len = (size_t)sqlite3_column_bytes(q->stmt, q->col++);
    return p;
}

void db_get_text(struct db_q *q, char *ret, size_t cap)
{
    ret[0] = '\0';
    if (q->err)
        return;
    const unsigned char *s = sqlite3_column_text(q->stmt, q->col);
    if (!s && fetch_failed(q))
        return;
    size_t len = (size_t)sqlite3_column_bytes(q->stmt, q->col++);
    if (!s)
        return;
    if (len >= cap || memchr(s, 0, len)) {
        log_error("db", "column %d does not fit: %s", q->col, sqlite3_sql(q->stmt));
        fail(q, OC_EDB_CORRUPT);
        return;
    }
    memcpy(ret, s, len);
    ret[len] = '\0';
}

void db_get_fixed(struct db_q *q, void *ret, size_t len)
{
    memset(ret, 0, len);
    if (!q->err && sqlite3_column_type(q->stmt, q->col) == SQLITE_NULL) {
        q->col++;
        return;
    }
    size_t have;
    const void *p = db_get_blob(q, &have);
    if (q->err)
        return;
    if (have != len) {
        log_error("db", "column %d has %zu bytes, not %zu: %s", q->col, have, len,
                  sqlite3_sql(q->stmt));
        fail(q, OC_EDB_CORRUPT);
        return;
    }
    if (len)
        memcpy(ret, p, len);
}

void db_skip(struct db_q *q)
{
    q->col++;
}

int db_cols(struct db_q *q)
{
    return q->stmt ? sqlite3_column_count(q->stmt) : 0;
}

const char *db_col_name(struct db_q *q, int col)
{
    const char *name = q->stmt ? sqlite3_column_name(q->stmt, col) : NULL;
    return name ? name : "?";
}

void db_get_raw(struct db_q *q, struct buf *b)
{
    if (q->err)
        return;
    int type = sqlite3_column_type(q->stmt, q->col);
    if (type == SQLITE_NULL) {
        buf_puts(b, "N");
        q->col++;
    } else if (type == SQLITE_INTEGER) {
        buf_printf(b, "I%lld", (long long)db_get_i64(q));
    } else {
        size_t len;
        const void *p = db_get_blob(q, &len);
        buf_puts(b, type == SQLITE_BLOB ? "B" : "T");
        buf_put(b, p, len);
    }
}

int db_end(struct db_q *q)
{
    if (!q->err && !q->stepped) {
        bool row = db_row(q);
        (void)row;
    }
    if (q->stmt) {
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
        ((struct db_slot *)q->slot)->busy = false;
    }
    q->stmt = NULL;
    return q->err;
}
