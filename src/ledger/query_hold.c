/* Holds at institutions, and the keys that institutions sign with. */
#include "ledger/query.h"

static WORKER_FN int hold(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT " ROW_HOLD " FROM hold WHERE txn = ?1 AND shard = ?2");
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->l->shard);
    struct hold_row *r = db_row(&s) ? query_row(q) : NULL;
    if (r)
        row_hold(&s, r);
    return db_end(&s);
}

int ledger_co_hold(struct ledger *l, int64_t txn, struct hold_row *ret)
{
    struct query *q = query_new(l, hold, sizeof *ret, 1);
    if (q)
        q->num[0] = txn;
    return query_co_one(q, ret);
}

static WORKER_FN int holds(struct query *q, struct db *db)
{
    struct db_q s;
    struct hold_row *r;
    if (q->num[1])
        db_q(&s, db,
             "SELECT " ROW_HOLD " FROM hold WHERE shard = ?1 AND txn > ?2 AND state = ?4 ORDER BY "
             "txn LIMIT ?3");
    else
        db_q(&s, db,
             "SELECT " ROW_HOLD " FROM hold WHERE +shard = ?1 AND txn > ?2 ORDER BY txn LIMIT ?3");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->cap);
    if (q->num[1])
        db_put_i64(&s, q->num[1]);
    while (db_row(&s) && (r = query_row(q)))
        row_hold(&s, r);
    return db_end(&s);
}

int ledger_co_holds(struct ledger *l, int64_t after_txn, uint8_t state_or_0, struct hold_row *rows,
                    unsigned cap, unsigned *ret_n)
{
    struct query *q = query_new(l, holds, sizeof *rows, cap);
    if (q) {
        q->num[0] = after_txn;
        q->num[1] = state_or_0;
    }
    return query_co_list(q, rows, ret_n);
}

#define KEY_LEN 32

static WORKER_FN int participant_key(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT key FROM participant_key WHERE shard = ?1 AND participant = ?2 AND key <> "
         "zeroblob(32)");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    void *r = db_row(&s) ? query_row(q) : NULL;
    if (r)
        db_get_fixed(&s, r, KEY_LEN);
    return db_end(&s);
}

int ledger_co_participant_key(struct ledger *l, const char *participant, uint8_t ret[32])
{
    struct query *q = query_new(l, participant_key, KEY_LEN, 1);
    if (q && !query_text(q, 0, participant)) {
        offload_job_put(&q->job);
        return OC_ENOENT;
    }
    return query_co_one(q, ret);
}
