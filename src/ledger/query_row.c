/* Single rows by their keys. */
#include "ledger/query.h"

/* A text too long for its column is the key of no row. */
static struct query *with_text(struct ledger *l, int (*ask)(struct query *, struct db *),
                               size_t row_size, const char *const *texts, unsigned count,
                               int *ret_err)
{
    struct query *q = query_new(l, ask, row_size, 1);
    *ret_err = OC_ENOMEM;
    for (unsigned i = 0; q && i < count; i++)
        if (!query_text(q, i, texts[i])) {
            offload_job_put(&q->job);
            q = NULL;
            *ret_err = OC_ENOENT;
        }
    return q;
}

int query_terminal(struct query *q, struct db *db)
{
    struct db_q s;
    struct terminal_full full;
    db_q(&s, db,
         "SELECT " ROW_TERMINAL
         " FROM terminal t LEFT JOIN sam s ON s.shard = t.shard AND s.sam = t.sam"
         " WHERE t.shard = ?1 AND t.id = ?2");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    struct terminal_row *r = db_row(&s) ? query_row(q) : NULL;
    if (r) {
        row_terminal(&s, &full);
        *r = full.r;
    }
    return db_end(&s);
}

int ledger_co_terminal(struct ledger *l, const char *id, struct terminal_row *ret)
{
    int rc;
    struct query *q = with_text(l, query_terminal, sizeof *ret, &id, 1, &rc);
    return q ? query_co_one(q, ret) : rc;
}

static WORKER_FN int participant(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT " ROW_PARTICIPANT " FROM participant WHERE shard = ?1 AND id = ?2");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    struct participant_row *r = db_row(&s) ? query_row(q) : NULL;
    if (r)
        row_participant(&s, r);
    return db_end(&s);
}

int ledger_co_participant(struct ledger *l, const char *id, struct participant_row *ret)
{
    int rc;
    struct query *q = with_text(l, participant, sizeof *ret, &id, 1, &rc);
    return q ? query_co_one(q, ret) : rc;
}

int query_account(struct query *q, struct db *db, int64_t kind, const char *owner,
                  struct account_row *ret)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT " ROW_ACCOUNT " FROM account WHERE shard = ?1 AND kind = ?2 AND owner = ?3");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, kind);
    db_put_text(&s, owner);
    bool found = db_row(&s);
    if (found)
        row_account(&s, ret);
    int rc = db_end(&s);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

static WORKER_FN int account(struct query *q, struct db *db)
{
    struct account_row *r = query_row(q);
    int rc = r ? query_account(q, db, q->num[0], q->text[0], r) : OC_ENOMEM;
    if (rc && r)
        query_drop(q);
    return rc == OC_ENOENT ? 0 : rc;
}

int ledger_co_account(struct ledger *l, enum acct_kind kind, const char *owner,
                      struct account_row *ret)
{
    int rc;
    struct query *q = with_text(l, account, sizeof *ret, &owner, 1, &rc);
    if (q)
        q->num[0] = (int64_t)kind;
    return q ? query_co_one(q, ret) : rc;
}

static WORKER_FN int day(struct query *q, struct db *db)
{
    struct db_q s;
    if (q->num[0])
        db_q(&s, db, "SELECT " ROW_DAY " FROM day WHERE shard = ?1 AND date = ?2");
    else
        db_q(&s, db,
             "SELECT " ROW_DAY
             " FROM day WHERE shard = ?1 AND state = 1 ORDER BY date DESC LIMIT 1");
    db_put_i64(&s, q->l->shard);
    if (q->num[0])
        db_put_i64(&s, q->num[0]);
    struct day_row *r = db_row(&s) ? query_row(q) : NULL;
    if (r)
        row_day(&s, r);
    return db_end(&s);
}

int ledger_co_day(struct ledger *l, date_t date, struct day_row *ret)
{
    struct query *q = query_new(l, day, sizeof *ret, 1);
    if (q)
        q->num[0] = date;
    return query_co_one(q, ret);
}

static WORKER_FN int denied(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT " ROW_DENY
         " FROM denylist WHERE shard = ?1 AND issuer = ?2 AND serial = ?3 AND action <> 0");
    db_put_i64(&s, q->l->shard);
    db_put_blob(&s, q->issuer, sizeof q->issuer);
    db_put_blob(&s, q->serial, sizeof q->serial);
    struct deny_row *r = db_row(&s) ? query_row(q) : NULL;
    if (r)
        row_deny(&s, r);
    return db_end(&s);
}

int ledger_co_denied(struct ledger *l, const uint8_t issuer[OC_ISSUER_LEN],
                     const uint8_t serial[OC_SERIAL_LEN], struct deny_row *ret)
{
    struct query *q = query_new(l, denied, sizeof *ret, 1);
    if (q) {
        memcpy(q->issuer, issuer, sizeof q->issuer);
        memcpy(q->serial, serial, sizeof q->serial);
    }
    return query_co_one(q, ret);
}
