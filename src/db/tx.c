/* Transactions whose error sticks, the schema's steps, copies. */
#include "db/private.h"
#include <string.h>

int db_tx_begin(struct db_tx *tx, struct db *db)
{
    CHECK(!db->tx);
    *tx = (struct db_tx){.db = db};
    int rc = db_exec(db, "BEGIN IMMEDIATE");
    if (rc)
        return rc;
    tx->open = true;
    db->tx = tx;
    return 0;
}

void db_tx_rollback(struct db_tx *tx)
{
    if (!tx->open)
        return;
    tx->open = false;
    tx->db->tx = NULL;
    if (db_undo(tx->db) != 0)
        log_error("db", "rollback failed: it is tried again before anything else");
}

int db_tx_commit(struct db_tx *tx)
{
    CHECK(tx->open);
    int rc = tx->err ? tx->err : db_exec(tx->db, "COMMIT");
    if (rc) {
        db_tx_rollback(tx);
        return rc;
    }
    tx->open = false;
    tx->db->tx = NULL;
    return 0;
}

int db_version(struct db *db, int64_t *ret)
{
    return db_number(db, "PRAGMA user_version", ret);
}

static WORKER_FN int run_step(struct db *db, const struct db_step *step)
{
    struct db_tx tx;
    int rc = db_tx_begin(&tx, db);
    if (rc)
        return rc;
    char sql[48];
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", step->version);
    rc = db_exec(db, step->sql);
    if (!rc)
        rc = db_exec(db, sql);
    if (rc) {
        db_tx_rollback(&tx);
        return rc;
    }
    return db_tx_commit(&tx);
}

/* The newest step's program, as the file itself says it; "" where it does not. */
static WORKER_FN void newest_program(struct db *db, char ret[DB_PROGRAM])
{
    struct db_q q;
    ret[0] = '\0';
    db_q(&q, db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_step'");
    bool told = db_row(&q);
    if (db_end(&q) || !told)
        return;
    db_q(&q, db, "SELECT program FROM schema_step ORDER BY version DESC LIMIT 1");
    if (db_row(&q))
        db_get_text(&q, ret, DB_PROGRAM);
    if (db_end(&q))
        ret[0] = '\0';
    for (char *p = ret; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p == 0x7f)
            *p = '?';
}

void db_refuse_newer(struct db *db, const char *path, int64_t have, int known)
{
    char program[DB_PROGRAM];
    newest_program(db, program);
    log_error("db", "%s: its schema is version %lld, this program knows %d: %s%s", path,
              (long long)have, known,
              program[0] ? "use at least " : "use the program that wrote it, or a later one",
              program);
}

int db_migrate(struct db *db, const struct db_step *steps, size_t count)
{
    int64_t have;
    int rc = db_version(db, &have);
    if (rc)
        return rc;
    if (count && have > steps[count - 1].version) {
        const char *path = sqlite3_db_filename(db->h, NULL);
        db_refuse_newer(db, path && path[0] ? path : "the file", have, steps[count - 1].version);
        return OC_EDB_SCHEMA;
    }
    for (size_t i = 0; i < count; i++) {
        if (steps[i].version <= have)
            continue;
        rc = run_step(db, &steps[i]);
        if (rc)
            return rc;
    }
    return 0;
}

int db_copy_to(struct db *db, const char *to)
{
    if (db_exists(to))
        return OC_EEXIST;
    struct db_q q;
    db_q(&q, db, "VACUUM INTO ?1");
    db_put_text(&q, to);
    return db_end(&q);
}
