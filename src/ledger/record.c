/* Module records: read with a version, held from the intent on, written when the transaction posts
 * (R2). What holds a record is the intent of an open transaction, which the journal has; the fold
 * knows it from memory and reads it again after a start.
 *
 * Invariant: f->locks has exactly the records of the transactions that are INTENDED or IN_DOUBT. */
#include "ledger/fold.h"
#include <stdlib.h>

struct record_lock {
    int64_t txn;
    char owner[sizeof((struct op_record *)0)->owner];
};

#define NAME_MAX_LEN sizeof(struct op_record)

/* What names a record, as a key of the map. */
static size_t name_of(const struct op_record *r, char out[NAME_MAX_LEN])
{
    const char *const parts[] = {r->scope, r->owner, r->key};
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t len = strlen(parts[i]) + 1;
        memcpy(out + at, parts[i], len);
        at += len;
    }
    return at;
}

static int64_t held_by(const struct fold *f, const struct op_record *r)
{
    char name[NAME_MAX_LEN];
    const struct record_lock *k = map_get(&f->locks, name, name_of(r, name));
    return k ? k->txn : 0;
}

static int hold(struct fold *f, int64_t txn, const struct op_record *r)
{
    char name[NAME_MAX_LEN];
    if (held_by(f, r))
        return OC_EINTERNAL;
    struct record_lock *k = malloc(sizeof *k);
    if (!k)
        return OC_ENOMEM;
    k->txn = txn;
    memcpy(k->owner, r->owner, sizeof k->owner);
    int rc = map_put(&f->locks, name, name_of(r, name), k);
    if (rc)
        free(k);
    return rc;
}

static void let_go(struct fold *f, const struct op_record *r)
{
    char name[NAME_MAX_LEN];
    free(map_del(&f->locks, name, name_of(r, name)));
}

int64_t record_holder(const struct fold *f, const char *owner)
{
    size_t at = 0;
    const struct record_lock *k;
    while ((k = map_next(&f->locks, &at)) != NULL) {
        if (strcmp(k->owner, owner) == 0)
            return k->txn;
    }
    return 0;
}

void records_forget(struct fold *f)
{
    size_t at = 0;
    struct record_lock *k;
    while ((k = map_next(&f->locks, &at)) != NULL)
        free(k);
    map_clear(&f->locks);
}

/* By the index of open transactions: as many looks as there are of those. */
int records_reload(struct fold *f)
{
    struct db_q q;
    struct txn_full t = {0};
    int rc = 0;
    records_forget(f);
    db_q(&q, f->db, "SELECT id, intent_seq FROM txn WHERE state IN (1, 4)");
    while (!rc && db_row(&q)) {
        t.id = db_get_i64(&q);
        t.intent_seq = db_get_i64(&q);
        rc = txn_intent(f, &t);
        if (!rc)
            rc = records_lock(f, &f->intent->intent);
    }
    int err = db_end(&q);
    return rc ? rc : err;
}

/* ---- rows ---- */

static void put_key(struct db_q *q, const struct fold *f, const struct op_record *r)
{
    db_put_i64(q, f->site.shard);
    db_put_text(q, r->owner);
    db_put_text(q, r->scope);
    db_put_text(q, r->key);
}

#define WHERE_KEY " WHERE shard = ?1 AND owner = ?2 AND scope = ?3 AND key = ?4"

int record_look(struct fold *f, const struct op_record *r, uint32_t *ret_version,
                int64_t *ret_held_by)
{
    struct db_q q;
    db_q(&q, f->db, "SELECT version FROM record" WHERE_KEY);
    put_key(&q, f, r);
    *ret_version = db_row(&q) ? (uint32_t)db_get_i64(&q) : 0;
    *ret_held_by = held_by(f, r);
    return db_end(&q);
}

static WORKER_FN int one_row(struct fold *f, struct db_q *q)
{
    int rc = db_end(q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static void put_doc(struct db_q *q, const struct op_record *r)
{
    db_put_blob(q, r->doc.len ? r->doc.text : "", r->doc.len);
}

/* A record that comes again after it was removed has a version that no reader of the old one read.
 */
static WORKER_FN int make(struct fold *f, date_t day, const struct op_record *r)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO record (shard, owner, scope, key, version, doc, day) VALUES (?1, ?2, ?3, ?4, "
         "?5, CAST(?6 AS TEXT), ?7) ON CONFLICT DO NOTHING");
    put_key(&q, f, r);
    db_put_i64(&q, r->version_new ? r->version_new : 1);
    put_doc(&q, r);
    db_put_i64(&q, day);
    return one_row(f, &q);
}

static WORKER_FN int change(struct fold *f, date_t day, const struct op_record *r)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE record SET version = version + 1, doc = CAST(?6 AS TEXT), day = max(day, "
         "?7)" WHERE_KEY " AND version = ?5");
    put_key(&q, f, r);
    db_put_i64(&q, r->version_read);
    put_doc(&q, r);
    db_put_i64(&q, day);
    return one_row(f, &q);
}

static WORKER_FN int erase(struct fold *f, const struct op_record *r)
{
    struct db_q q;
    db_q(&q, f->db, "DELETE FROM record" WHERE_KEY " AND version = ?5");
    put_key(&q, f, r);
    db_put_i64(&q, r->version_read);
    return one_row(f, &q);
}

uint32_t record_first_version(const struct fold *f)
{
    uint32_t v = (uint32_t)(f->seq + 1);
    return v ? v : 1;
}

/* ---- a transaction's ---- */

int records_lock(struct fold *f, const struct op_intent *in)
{
    int rc = 0;
    for (unsigned i = 0; i < in->record_count && !rc; i++)
        rc = hold(f, in->txn, &in->records[i]);
    return rc;
}

/* `txn` 0: none, and none may hold it. */
static WORKER_FN int write(struct fold *f, int64_t txn, date_t day, const struct op_record *r)
{
    int64_t by = held_by(f, r);
    if (by && by != txn)
        return OC_EINTERNAL;
    let_go(f, r);
    return r->remove ? erase(f, r) : r->version_read ? change(f, day, r) : make(f, day, r);
}

int record_write(struct fold *f, date_t day, const struct op_record *r)
{
    return write(f, 0, day, r);
}

int records_write(struct fold *f, const struct op_intent *in)
{
    date_t day = in->reckoned ? in->business_date : 0;
    int rc = 0;
    for (unsigned i = 0; i < in->record_count && !rc; i++)
        rc = write(f, in->txn, day, &in->records[i]);
    return rc;
}

int records_unlock(struct fold *f, const struct op_intent *in)
{
    for (unsigned i = 0; i < in->record_count; i++) {
        if (held_by(f, &in->records[i]) != in->txn)
            return OC_EINTERNAL;
        let_go(f, &in->records[i]);
    }
    return 0;
}
