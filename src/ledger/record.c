/* Module records: read with a version, locked at intent, written when the transaction posts (R2). A
 * row of version 0 only holds the place of a record that an open transaction will create. */
#include "ledger/fold.h"

static void put_key(struct db_q *q, const struct fold *f, const struct op_record *r)
{
    db_put_i64(q, f->site.shard);
    db_put_text(q, r->scope);
    db_put_text(q, r->owner);
    db_put_text(q, r->key);
}

int record_look(struct fold *f, const struct op_record *r, uint32_t *ret_version,
                int64_t *ret_locked_by)
{
    *ret_version = 0;
    *ret_locked_by = 0;
    struct db_q q;
    db_q(&q, f->db,
         "SELECT version, locked_by FROM record WHERE shard = ?1 AND scope = ?2 AND owner = ?3 AND "
         "key = ?4");
    put_key(&q, f, r);
    if (db_row(&q)) {
        *ret_version = (uint32_t)db_get_i64(&q);
        *ret_locked_by = db_get_i64(&q);
    }
    return db_end(&q);
}

uint32_t record_first_version(const struct fold *f)
{
    uint32_t v = (uint32_t)(f->seq + 1);
    return v ? v : 1;
}

static WORKER_FN int lock(struct fold *f, const struct op_intent *in, const struct op_record *r)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO record (shard, scope, owner, key, version, doc, locked_by) VALUES (?1, ?2, "
         "?3, ?4, 0, '', ?5) "
         "ON CONFLICT (shard, scope, owner, key) DO UPDATE SET locked_by = excluded.locked_by "
         "WHERE locked_by = 0");
    put_key(&q, f, r);
    db_put_i64(&q, in->txn);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

/* A record that comes again after it was removed has a version that no reader of the old one read.
 */
static int64_t first_version(const struct op_record *r)
{
    return r->version_new ? r->version_new : 1;
}

static WORKER_FN int write(struct fold *f, int64_t txn, const struct op_record *r)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO record (shard, scope, owner, key, version, doc, locked_by) VALUES (?1, ?2, "
         "?3, ?4, ?5, CAST(?6 AS TEXT), 0) "
         "ON CONFLICT (shard, scope, owner, key) DO UPDATE SET version = CASE version WHEN 0 THEN "
         "excluded.version ELSE version + 1 END, doc = excluded.doc, locked_by = 0 "
         "WHERE version = ?7 AND locked_by IN (0, ?8)");
    put_key(&q, f, r);
    db_put_i64(&q, first_version(r));
    db_put_blob(&q, r->doc.len ? r->doc.text : "", r->doc.len);
    db_put_i64(&q, r->version_read);
    db_put_i64(&q, txn);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

int record_write(struct fold *f, const struct op_record *r)
{
    return write(f, 0, r);
}

static WORKER_FN int erase(struct fold *f, const struct op_intent *in, const struct op_record *r)
{
    struct db_q q;
    db_q(&q, f->db,
         "DELETE FROM record WHERE shard = ?1 AND scope = ?2 AND owner = ?3 AND key = ?4 AND "
         "version = ?5 AND locked_by IN (0, ?6)");
    put_key(&q, f, r);
    db_put_i64(&q, r->version_read);
    db_put_i64(&q, in->txn);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int unlock(struct fold *f, const struct op_intent *in, const struct op_record *r)
{
    const char *sql =
        r->version_read == 0
            ? "DELETE FROM record WHERE shard = ?1 AND scope = ?2 AND owner = ?3 AND key = ?4 "
              "AND locked_by = ?5 AND version = 0"
            : "UPDATE record SET locked_by = 0 WHERE shard = ?1 AND scope = ?2 AND owner = ?3 "
              "AND key = ?4 AND locked_by = ?5";
    struct db_q q;
    db_q(&q, f->db, sql);
    put_key(&q, f, r);
    db_put_i64(&q, in->txn);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

int records_lock(struct fold *f, const struct op_intent *in)
{
    int rc = 0;
    for (unsigned i = 0; i < in->record_count && !rc; i++)
        rc = lock(f, in, &in->records[i]);
    return rc;
}

int records_write(struct fold *f, const struct op_intent *in)
{
    int rc = 0;
    for (unsigned i = 0; i < in->record_count && !rc; i++)
        rc = in->records[i].remove ? erase(f, in, &in->records[i]) : write(f, in->txn, &in->records[i]);
    return rc;
}

int records_unlock(struct fold *f, const struct op_intent *in)
{
    int rc = 0;
    for (unsigned i = 0; i < in->record_count && !rc; i++)
        rc = unlock(f, in, &in->records[i]);
    return rc;
}
