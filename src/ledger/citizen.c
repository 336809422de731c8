/* Citizens, the keys their data are sealed under, and how they are forgotten (R20).
 *
 * A journal forgets nothing, so what must be forgettable stands in it sealed only, under a key of
 * that citizen's own, and the key stands nowhere but in table citizen_key: deleting its row forgets
 * all of it, here and in every copy of the journal. Copies made before keep the key until they are
 * destroyed. */
#include "ledger/apply.h"
#include "ledger/fold.h"

static WORKER_FN int citizen_load(struct fold *f, const char *id, struct citizen_row *ret)
{
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_CITIZEN " FROM citizen WHERE shard = ?1 AND id = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, id);
    bool found = db_row(&q);
    if (found)
        row_citizen(&q, ret);
    int rc = db_end(&q);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

int citizen_erased(struct fold *f, const char *citizen, uint8_t what, bool *ret)
{
    struct citizen_row have = {0};
    int rc = citizen_load(f, citizen, &have);
    *ret = (have.erased & what) != 0;
    return rc == OC_ENOENT ? 0 : rc;
}

int prepare_citizen(struct fold *f, struct ledger_op *op)
{
    struct citizen_row have;
    if (!op->citizen.id[0])
        return prepare_invalid(op, "a citizen needs an id");
    int rc = citizen_load(f, op->citizen.id, &have);
    if (rc)
        return rc == OC_ENOENT ? 0 : rc;
    return have.erased & ERASE_PERSONAL ? refuse(op, OC_R_ERASED, "%s", op->citizen.id) : 0;
}

int apply_citizen(struct fold *f, const struct ledger_op *op)
{
    const struct op_citizen *c = &op->citizen;
    struct db_q q;
    db_q(
        &q, f->db,
        "INSERT INTO citizen (shard, " ROW_CITIZEN ") VALUES (?1, ?2, ?3, ?4, ?5, 0, 0) "
        "ON CONFLICT (shard, id) DO UPDATE SET sealed = excluded.sealed, search = excluded.search");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, c->id);
    db_put_blob(&q, c->sealed, c->sealed_len);
    db_put_blob(&q, c->search, sizeof c->search);
    db_put_i64(&q, op->at_ms);
    return db_end(&q);
}

/* ---- keys ---- */

int citizen_key_put(struct fold *f, const char *citizen, uint8_t what,
                    const struct citizen_key_row *key, int64_t at_ms)
{
    struct citizen_row have = {0};
    int rc = citizen_load(f, citizen, &have);
    if (rc && rc != OC_ENOENT)
        return rc;
    if (have.erased & what)
        return OC_ESTATE;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO citizen_key (shard, citizen, what, sealed, created_ms) VALUES (?1, ?2, ?3, "
         "?4, ?5) ON CONFLICT (shard, citizen, what) DO NOTHING");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, citizen);
    db_put_i64(&q, what);
    db_put_blob(&q, key->sealed, key->sealed_len);
    db_put_i64(&q, at_ms);
    rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EEXIST;
}

static WORKER_FN int key_forget(struct fold *f, const struct op_erased *e)
{
    struct db_q q;
    db_q(&q, f->db, "DELETE FROM citizen_key WHERE shard = ?1 AND citizen = ?2 AND what = ?3");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, e->citizen);
    db_put_i64(&q, e->what);
    return db_end(&q);
}

/* ---- is anything open? ---- */

/* Each finds a row that keeps this citizen's data from being forgotten: ?1 the shard, ?2 the
 * citizen. */
static const struct {
    const char *what, *sql;
} keepers[] = {
    {"a transaction with a card of this citizen is open",
     "SELECT t.id FROM txn t JOIN card c ON c.id = t.card WHERE t.shard = ?1 AND t.state IN (1, 4) "
     "AND c.citizen = ?2 LIMIT 1"},
    {"an open transaction concerns this citizen",
     "SELECT t.id FROM txn t CROSS JOIN txn_citizen x ON x.shard = t.shard AND x.citizen = ?2 AND "
     "x.txn = t.id WHERE t.shard = ?1 AND t.state IN (1, 4) LIMIT 1"},
    {"a message about this citizen is not delivered",
     "SELECT id FROM outbox WHERE shard = ?1 AND citizen = ?2 AND citizen <> '' LIMIT 1"},
};

static WORKER_FN int ask_keeper(struct fold *f, struct ledger_op *op, size_t i)
{
    char id[IDENT_TEXT];
    struct db_q q;
    db_q(&q, f->db, keepers[i].sql);
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, op->erased.citizen);
    bool found = db_row(&q);
    int64_t by = found ? db_get_i64(&q) : 0;
    int rc = db_end(&q);
    if (rc || !found)
        return rc;
    return refuse(op, OC_R_WRONG_STATE, "%s: %s", keepers[i].what, ident_text(by, id));
}

static WORKER_FN int ask_account(struct fold *f, struct ledger_op *op, enum acct_kind kind)
{
    int rc = 0;
    const struct hot_account *h = hot_account(f, kind, op->erased.citizen, &rc);
    if (!h)
        return rc;
    if (h->row.debits_pending == 0 && h->row.credits_pending == 0)
        return 0;
    return refuse(op, OC_R_WRONG_STATE, "an open transaction moves this citizen's %s account",
                  acct_kind_name(kind));
}

static int ask_records(const struct fold *f, struct ledger_op *op)
{
    char owner[sizeof "citizen:" + LEDGER_ID], id[IDENT_TEXT];
    (void)snprintf(owner, sizeof owner, "citizen:%s", op->erased.citizen);
    int64_t by = record_holder(f, owner);
    return by ? refuse(op, OC_R_WRONG_STATE,
                       "an open transaction will write a document of this citizen: %s",
                       ident_text(by, id))
              : 0;
}

/* The citizen's next deposit account by name. OC_ENOENT: no more. */
static WORKER_FN int next_deposit(struct fold *f, const char *citizen, char owner[LEDGER_ID])
{
    struct db_q q;
    db_q(&q, f->db,
         "SELECT owner FROM deposit WHERE shard = ?1 AND citizen = ?2 AND owner > ?3 ORDER BY "
         "owner LIMIT 1");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, citizen);
    db_put_text(&q, owner);
    bool found = db_row(&q);
    if (found)
        db_get_text(&q, owner, LEDGER_ID);
    int rc = db_end(&q);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

/* Money that was left in advance is used or given back before its owner is forgotten. */
static WORKER_FN int ask_deposits(struct fold *f, struct ledger_op *op)
{
    char owner[LEDGER_ID] = "";
    int rc;
    while ((rc = next_deposit(f, op->erased.citizen, owner)) == 0) {
        const struct hot_account *h = hot_account(f, ACCT_DEPOSIT, owner, &rc);
        if (!h)
            return rc;
        const struct account_row *r = &h->row;
        if (r->credits_posted != r->debits_posted || r->debits_pending || r->credits_pending)
            return refuse(op, OC_R_WRONG_STATE, "the deposit %s of this citizen is open", owner);
    }
    return rc == OC_ENOENT ? 0 : rc;
}

static WORKER_FN int ask_open(struct fold *f, struct ledger_op *op)
{
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(keepers) && !rc; i++)
        rc = ask_keeper(f, op, i);
    if (!rc)
        rc = ask_records(f, op);
    if (!rc)
        rc = ask_account(f, op, ACCT_CITIZEN);
    if (!rc)
        rc = ask_account(f, op, ACCT_PERSONAL);
    return rc ? rc : ask_deposits(f, op);
}

/* ---- erasure ---- */

/* A retention date outranks the wish to be forgotten (R20). */
static int ask_due(const struct fold *f, struct ledger_op *op, const struct citizen_row *c)
{
    char text[11];
    date_t today = city_date(op->at_ms, f->site.city_offset_min);
    if (op->erased.what != ERASE_DOCUMENTS || c->documents_due <= today)
        return 0;
    return refuse(op, OC_R_TOO_EARLY, "documents are kept until %s",
                  date_text(c->documents_due, text));
}

int prepare_erased(struct fold *f, struct ledger_op *op)
{
    const struct op_erased *e = &op->erased;
    struct citizen_row have;
    if (e->what != ERASE_PERSONAL && e->what != ERASE_DOCUMENTS)
        return prepare_invalid(op, "personal data or documents are erased");
    if (e->due && (e->what != ERASE_DOCUMENTS || !date_valid(e->due)))
        return prepare_invalid(op, "only documents have a day before which they stay");
    int rc = citizen_load(f, e->citizen, &have);
    if (rc)
        return rc == OC_ENOENT ? prepare_missing(op, "citizen", e->citizen) : rc;
    if (have.erased & e->what)
        return LEDGER_NOTHING;
    if (e->due)
        return 0;
    rc = ask_due(f, op, &have);
    return rc ? rc : ask_open(f, op);
}

static WORKER_FN int write_due(struct fold *f, const struct op_erased *e)
{
    struct db_q q;
    db_q(&q, f->db, "UPDATE citizen SET documents_due = ?3 WHERE shard = ?1 AND id = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, e->citizen);
    db_put_i64(&q, e->due);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int write_erased(struct fold *f, const struct op_erased *e)
{
    const char *sql =
        e->what == ERASE_PERSONAL
            ? "UPDATE citizen SET erased = erased | ?3, sealed = x'', search = zeroblob(16) WHERE "
              "shard = ?1 AND id = ?2"
            : "UPDATE citizen SET erased = erased | ?3 WHERE shard = ?1 AND id = ?2";
    struct db_q q;
    db_q(&q, f->db, sql);
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, e->citizen);
    db_put_i64(&q, e->what);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int forget_documents(struct fold *f, const struct op_erased *e)
{
    struct db_q q;
    db_q(&q, f->db, "DELETE FROM record WHERE shard = ?1 AND owner = 'citizen:' || ?2");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, e->citizen);
    return db_end(&q);
}

int apply_erased(struct fold *f, const struct ledger_op *op)
{
    const struct op_erased *e = &op->erased;
    if (e->due)
        return write_due(f, e);
    int rc = write_erased(f, e);
    if (!rc && e->what == ERASE_DOCUMENTS)
        rc = forget_documents(f, e);
    if (!rc)
        rc = key_forget(f, e);
    char text[160];
    snprintf(text, sizeof text, "%s: %s", e->citizen, e->why);
    const struct event_at at = {op->at_ms, 0, 0, ""};
    return rc ? rc
              : fold_event(f, &at,
                           e->what == ERASE_PERSONAL ? "citizen_erased" : "documents_erased", text);
}
