/* Citizens and the keys their data are sealed under. */
#include "ledger/query.h"

static WORKER_FN void push(struct query *q, struct db_q *s)
{
    struct citizen_row *r;
    while (q->n < q->cap && db_row(s) && (r = query_row(q)))
        row_citizen(s, r);
}

static WORKER_FN int by_id(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT " ROW_CITIZEN " FROM citizen WHERE shard = ?1 AND id = ?2");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    push(q, &s);
    return db_end(&s);
}

/* An id too long for its column is no row's. */
static struct query *about(struct ledger *l, int (*ask)(struct query *, struct db *),
                           size_t row_size, const char *id, int *ret_err)
{
    struct query *q = query_new(l, ask, row_size, 1);
    *ret_err = q ? OC_ENOENT : OC_ENOMEM;
    if (q && !query_text(q, 0, id)) {
        offload_job_put(&q->job);
        q = NULL;
    }
    return q;
}

int ledger_co_citizen(struct ledger *l, const char *id, struct citizen_row *ret)
{
    int rc;
    struct query *q = about(l, by_id, sizeof *ret, id, &rc);
    return q ? query_co_one(q, ret) : rc;
}

#define SEARCH_LEN 16

static WORKER_FN int by_search(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT " ROW_CITIZEN
         " FROM citizen WHERE shard = ?1 AND search = ?2 ORDER BY id LIMIT 1");
    db_put_i64(&s, q->l->shard);
    db_put_blob(&s, q->text[0], SEARCH_LEN);
    push(q, &s);
    return db_end(&s);
}

int ledger_co_citizen_search(struct ledger *l, const uint8_t search[16], struct citizen_row *ret)
{
    static const uint8_t none[SEARCH_LEN];
    if (memcmp(search, none, sizeof none) == 0)
        return OC_ENOENT;
    struct query *q = query_new(l, by_search, sizeof *ret, 1);
    if (q)
        memcpy(q->text[0], search, SEARCH_LEN);
    return query_co_one(q, ret);
}

static WORKER_FN int after_id(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT " ROW_CITIZEN " FROM citizen WHERE shard = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_i64(&s, q->cap);
    push(q, &s);
    return db_end(&s);
}

int ledger_co_citizens(struct ledger *l, const char *after, struct citizen_row *rows, unsigned cap,
                       unsigned *ret_n)
{
    struct query *q = query_new(l, after_id, sizeof *rows, cap);
    if (q && !query_text(q, 0, after))
        memcpy(q->text[0], after,
               sizeof q->text[0] - 1); /* what follows it follows its beginning */
    return query_co_list(q, rows, ret_n);
}

/* ---- keys ---- */

static WORKER_FN int erased(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT erased FROM citizen WHERE shard = ?1 AND id = ?2");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    int64_t what = db_row(&s) ? db_get_i64(&s) : 0;
    int rc = db_end(&s);
    return rc ? rc : what & q->num[0] ? OC_ESTATE : 0;
}

static WORKER_FN int key(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT sealed FROM citizen_key WHERE shard = ?1 AND citizen = ?2 AND what = ?3");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_i64(&s, q->num[0]);
    struct citizen_key_row *r = db_row(&s) ? query_row(q) : NULL;
    size_t len = 0;
    const void *p = r ? db_get_blob(&s, &len) : NULL;
    if (r && len && len <= sizeof r->sealed) {
        memcpy(r->sealed, p, len);
        r->sealed_len = (uint16_t)len;
    }
    int rc = db_end(&s);
    if (!rc && len > sizeof r->sealed)
        rc = OC_EDB_CORRUPT;
    return rc || q->n ? rc : erased(q, db);
}

int ledger_co_citizen_key(struct ledger *l, const char *citizen, uint8_t what,
                          struct citizen_key_row *ret)
{
    int rc;
    struct query *q = about(l, key, sizeof *ret, citizen, &rc);
    if (q)
        q->num[0] = what;
    return q ? query_co_one(q, ret) : rc;
}

/* ---- what is kept of them ---- */

static WORKER_FN int deposits(struct query *q, struct db *db)
{
    struct db_q s;
    struct account_row *r;
    db_q(&s, db,
         "SELECT a.kind, a.owner, a.debits_pending, a.debits_posted, a.credits_pending, "
         "a.credits_posted, a.floor "
         "FROM deposit d JOIN account a ON a.shard = d.shard AND a.kind = ?5 AND a.owner = d.owner "
         "WHERE d.shard = ?1 AND d.citizen = ?2 AND d.owner > ?3 ORDER BY d.owner LIMIT ?4");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_text(&s, q->text[1]);
    db_put_i64(&s, q->cap);
    db_put_i64(&s, ACCT_DEPOSIT);
    while (q->n < q->cap && db_row(&s) && (r = query_row(q)))
        row_account(&s, r);
    return db_end(&s);
}

int ledger_co_deposits(struct ledger *l, const char *citizen, const char *after_owner,
                       struct account_row *rows, unsigned cap, unsigned *ret_n)
{
    struct query *q = query_new(l, deposits, sizeof *rows, cap);
    if (q && (!query_text(q, 0, citizen) || !query_text(q, 1, after_owner))) {
        offload_job_put(&q->job);
        *ret_n = 0;
        return 0;
    }
    return query_co_list(q, rows, ret_n);
}

#define DAYS_PIECE 512 /* rows one statement looks at */

/* text[2]: the key that was looked at last; num[0]: the newest day, -1 before the first row;
 * num[1]: a record has none. The day stands before the document, so no document is read. */
static WORKER_FN unsigned days_piece(struct query *q, struct db *db, int *ret_err)
{
    struct db_q s;
    char owner[QUERY_TEXT];
    unsigned n = 0;
    (void)snprintf(owner, sizeof owner, "citizen:%.31s", q->text[0]);
    db_q(&s, db,
         "SELECT key, day FROM record WHERE shard = ?1 AND owner = ?2 AND scope = ?3 AND key > ?4 "
         "ORDER BY key LIMIT ?5");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, owner);
    db_put_text(&s, q->text[1]);
    db_put_text(&s, q->text[2]);
    db_put_i64(&s, DAYS_PIECE);
    for (; db_row(&s); n++) {
        db_get_text(&s, q->text[2], sizeof q->text[2]);
        int64_t day = db_get_i64(&s);
        q->num[0] = day > q->num[0] ? day : q->num[0];
        q->num[1] |= day == 0;
    }
    *ret_err = db_end(&s);
    return n;
}

static WORKER_FN int documents_day(struct query *q, struct db *db)
{
    int64_t undated = 0;
    int rc = 0;
    unsigned n = DAYS_PIECE;
    for (unsigned i = 0; !rc && n == DAYS_PIECE && i < QUERY_TURN; i++)
        n = days_piece(q, db, &rc);
    q->more = !rc && n == DAYS_PIECE;
    if (rc || q->more)
        return rc;
    if (q->num[1])
        rc = db_number(db, "SELECT coalesce(max(day), 0) FROM record_undated", &undated);
    date_t *ret = rc ? NULL : query_row(q);
    if (ret)
        *ret = (date_t)(q->num[0] > undated ? q->num[0] : undated);
    return rc;
}

int ledger_co_documents_day(struct ledger *l, const char *citizen, const char *scope,
                            date_t *ret_day)
{
    unsigned n = 0;
    struct query *q = query_new(l, documents_day, sizeof *ret_day, 1);
    *ret_day = 0;
    if (q &&
        (!query_text(q, 0, citizen) || !query_text(q, 1, scope))) { /* no row has such an owner */
        offload_job_put(&q->job);
        return 0;
    }
    return query_co_list(q, ret_day, &n);
}
