/* Transaction rows: found by id or by idempotency key, written, moved from state to state. */
#include "ledger/txn_row.h"
#include "ledger/cache.h"
#include "ledger/fold.h"

static const struct sm_edge txn_edges[] = {
    {OC_TXN_INTENDED, OC_TXN_POSTED},   {OC_TXN_INTENDED, OC_TXN_VOIDED},
    {OC_TXN_INTENDED, OC_TXN_IN_DOUBT}, {OC_TXN_IN_DOUBT, OC_TXN_POSTED},
    {OC_TXN_IN_DOUBT, OC_TXN_VOIDED},   {OC_TXN_IN_DOUBT, OC_TXN_IN_DOUBT},
};
const struct sm txn_states = {"txn", txn_edges, ARRAY_LEN(txn_edges)};

static WORKER_FN int txn_end(struct fold *f, struct db_q *q, struct txn_full *ret)
{
    bool found = db_row(q);
    if (found)
        row_txn(q, ret);
    int rc = db_end(q);
    if (!rc && found)
        cache_put_txn(f->cache, ret);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

int txn_load(struct fold *f, int64_t id, struct txn_full *ret)
{
    const struct txn_full *here = cache_txn(f->cache, id);
    if (here) {
        *ret = *here;
        return 0;
    }
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_TXN " FROM txn WHERE id = ?1");
    db_put_i64(&q, id);
    return txn_end(f, &q, ret);
}

/* The highest number that any transaction has under this terminal's name, asked once. */
static WORKER_FN int highest_no(struct fold *f, const char *terminal, struct cached_terminal *t)
{
    struct db_q q;
    db_q(&q, f->db,
         "SELECT request_no FROM txn WHERE shard = ?1 AND terminal = ?2 AND request_no IS NOT NULL "
         "ORDER BY request_no DESC LIMIT 1");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, terminal);
    t->highest_no = db_row(&q) ? db_get_i64(&q) : 0;
    int rc = db_end(&q);
    t->known_no = !rc;
    return rc;
}

/* Numbers ascend, so most are higher than every one before. */
static WORKER_FN int number_is_new(struct fold *f, const char *terminal, int64_t no, bool *ret)
{
    struct cached_terminal *t = cache_terminal(f->cache, terminal);
    int rc = t && !t->known_no ? highest_no(f, terminal, t) : 0;
    *ret = !rc && t && no > t->highest_no;
    return rc;
}

static void number_used(struct fold *f, const struct txn_full *t)
{
    struct cached_terminal *term = t->request_no ? cache_terminal(f->cache, t->terminal) : NULL;
    if (term && t->request_no > term->highest_no)
        term->highest_no = t->request_no;
}

int txn_by_request(struct fold *f, const char *terminal, int64_t request_no, struct txn_full *ret)
{
    bool is_new;
    int rc = number_is_new(f, terminal, request_no, &is_new);
    if (rc || is_new)
        return rc ? rc : OC_ENOENT;
    struct db_q q;
    db_q(&q, f->db,
         "SELECT " ROW_TXN " FROM txn WHERE shard = ?1 AND terminal = ?2 AND request_no = ?3");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, terminal);
    db_put_i64(&q, request_no);
    return txn_end(f, &q, ret);
}

int txn_intent(struct fold *f, const struct txn_full *t)
{
    f->intent->type = LOP_INTENT;
    if (cache_intent(f->cache, t->id, &f->intent->intent))
        return 0;
    int rc = journal_read(f->journal, f->site.shard, t->intent_seq, &f->intent_bytes, f->intent);
    if (rc == OC_ENOENT || rc == OC_EPARSE || rc == OC_ENOTSUP)
        return OC_EINTERNAL;
    if (rc)
        return rc;
    return f->intent->type == LOP_INTENT && f->intent->intent.txn == t->id ? 0 : OC_EINTERNAL;
}

int txn_insert(struct fold *f, const struct txn_full *t)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO txn (shard, " ROW_TXN
         ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
         "?17, ?18, ?19, ?20, ?21)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, t->id);
    db_put_i64(&q, t->state);
    db_put_i64(&q, t->intent_seq);
    db_put_i64(&q, t->outcome_seq);
    db_put_i64(&q, t->created_ms);
    db_put_i64(&q, t->decided_ms);
    if (t->card)
        db_put_i64(&q, t->card);
    else
        db_put_null(&q);
    db_put_text(&q, t->terminal);
    db_put_text(&q, t->service);
    if (t->request_no)
        db_put_i64(&q, t->request_no);
    else
        db_put_null(&q);
    db_put_blob(&q, t->request_hash, sizeof t->request_hash);
    db_put_i64(&q, t->clearing_date);
    db_put_i64(&q, t->amount);
    db_put_i64(&q, t->link);
    db_put_i64(&q, t->refund);
    db_put_i64(&q, t->refunded);
    db_put_i64(&q, t->suspense);
    db_put_i64(&q, t->tries);
    db_put_i64(&q, t->before_txn);
    db_put_i64(&q, t->hold);
    int rc = db_end(&q);
    if (rc)
        return rc;
    cache_put_txn(f->cache, t);
    number_used(f, t);
    return 0;
}

int txn_decide(struct fold *f, const struct txn_full *t)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE txn SET state = ?2, outcome_seq = ?3, decided_ms = ?4, clearing_date = ?5, "
         "suspense = ?6, tries = ?7 "
         "WHERE id = ?1 AND (state = 1 OR state = 4)");
    db_put_i64(&q, t->id);
    db_put_i64(&q, t->state);
    db_put_i64(&q, t->outcome_seq);
    db_put_i64(&q, t->decided_ms);
    db_put_i64(&q, t->clearing_date);
    db_put_i64(&q, t->suspense);
    db_put_i64(&q, t->tries);
    int rc = db_end(&q);
    if (!rc)
        cache_put_txn(f->cache, t);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

int txn_yield_number(struct fold *f, const struct op_intent *successor)
{
    struct db_q q;
    cache_forget_txn(f->cache, successor->link);
    db_q(&q, f->db,
         "UPDATE txn SET request_no = NULL WHERE id = ?1 AND shard = ?2 AND terminal = ?3 AND "
         "request_no = ?4 AND state = 3");
    db_put_i64(&q, successor->link);
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, successor->terminal);
    db_put_i64(&q, successor->request_no);
    return db_end(&q);
}

int txn_refunded(struct fold *f, int64_t original, fen_t amount)
{
    struct db_q q;
    cache_forget_txn(f->cache, original);
    db_q(&q, f->db,
         "UPDATE txn SET refunded = refunded + ?2 WHERE id = ?1 AND state = 2 AND refunded + ?2 "
         "BETWEEN 0 AND amount");
    db_put_i64(&q, original);
    db_put_i64(&q, amount);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}
