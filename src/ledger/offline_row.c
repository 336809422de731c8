/* Rows of offline records, and the sums that the chip's gap is reckoned with (R1, R16). */
#include "ledger/offline.h"

static WORKER_FN void put_identity(struct fold *f, struct db_q *q, const struct op_offline *o)
{
    db_put_i64(q, f->site.shard);
    db_put_blob(q, o->sam, sizeof o->sam);
    db_put_i64(q, o->sam_seq);
    db_put_blob(q, o->issuer, sizeof o->issuer);
    db_put_blob(q, o->serial, sizeof o->serial);
    db_put_i64(q, o->type);
    db_put_i64(q, o->counter);
}

int offline_load(struct fold *f, const struct op_offline *o, struct offline_row *ret)
{
    struct db_q q;
    db_q(&q, f->db,
         "SELECT " ROW_OFFLINE
         " FROM offline_record WHERE shard = ?1 AND sam = ?2 AND sam_seq = ?3 "
         "AND issuer = ?4 AND serial = ?5 AND type = ?6 AND counter = ?7");
    put_identity(f, &q, o);
    bool found = db_row(&q);
    if (found)
        row_offline(&q, ret);
    int rc = db_end(&q);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

static WORKER_FN void put_words(struct db_q *q, const struct op_offline *o)
{
    db_put_i64(q, o->amount);
    db_put_i64(q, o->has_balance);
    db_put_i64(q, o->balance);
    db_put_blob(q, o->card_date, sizeof o->card_date);
    db_put_blob(q, o->card_time, sizeof o->card_time);
    db_put_blob(q, o->tac, sizeof o->tac);
    db_put_i64(q, o->tac_verdict);
    db_put_i64(q, o->key_version);
    db_put_i64(q, o->alg);
    db_put_i64(q, o->moves);
    db_put_text(q, o->terminal);
    db_put_i64(q, o->result);
    db_put_i64(q, o->card);
    db_put_i64(q, o->txn);
    db_put_i64(q, o->posts);
    db_put_text(q, o->at_terminal);
    db_put_text(q, o->participant);
    db_put_i64(q, o->business_date);
}

int offline_store(struct fold *f, const struct ledger_op *op)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO offline_record (shard, sam, sam_seq, issuer, serial, type, counter, amount, "
         "has_balance, balance, card_date, card_time, tac, tac_verdict, key_version, alg, moves, "
         "terminal, result, card, txn, posts, at_terminal, participant, business_date, seq, "
         "first_ms, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
         "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?27) "
         "ON CONFLICT (shard, sam, sam_seq, issuer, serial, type, counter) DO UPDATE SET "
         "amount = ?8, has_balance = ?9, balance = ?10, card_date = ?11, card_time = ?12, tac = "
         "?13, tac_verdict = ?14, key_version = ?15, alg = ?16, moves = ?17, terminal = ?18, "
         "result = ?19, card = ?20, txn = ?21, posts = ?22, at_terminal = ?23, participant = ?24, "
         "business_date = ?25, changed_ms = ?27 WHERE posts = 0");
    put_identity(f, &q, &op->offline);
    put_words(&q, &op->offline);
    db_put_i64(&q, f->seq);
    db_put_i64(&q, op->at_ms);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int first_number(struct db_q *q, int64_t *ret)
{
    *ret = db_row(q) ? db_get_i64(q) : 0;
    return db_end(q);
}

int offline_twin(struct fold *f, const struct op_offline *o, int64_t *ret_txn)
{
    struct db_q q;
    db_q(
        &q, f->db,
        "SELECT txn FROM offline_record WHERE shard = ?1 AND sam = ?2 AND sam_seq = ?3 AND posts = "
        "1 AND NOT (issuer = ?4 AND serial = ?5 AND type = ?6 AND counter = ?7) LIMIT 1");
    put_identity(f, &q, o);
    int rc = first_number(&q, ret_txn);
    if (rc || *ret_txn || !o->card || !o->moves)
        return rc;
    db_q(&q, f->db,
         "SELECT txn FROM offline_record WHERE shard = ?1 AND card = ?2 AND counter = ?3 AND card "
         "<> 0 AND posts = 1 AND moves = 1 AND NOT (sam = ?4 AND sam_seq = ?5 AND type = ?6) LIMIT "
         "1");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, o->card);
    db_put_i64(&q, o->counter);
    db_put_blob(&q, o->sam, sizeof o->sam);
    db_put_i64(&q, o->sam_seq);
    db_put_i64(&q, o->type);
    return first_number(&q, ret_txn);
}

int offline_posted(struct fold *f, int64_t card, uint32_t from, uint32_t to,
                   struct offline_posted *ret)
{
    struct db_q q;
    db_q(
        &q, f->db,
        "SELECT count(*), coalesce(sum(amount), 0) FROM offline_record WHERE shard = ?1 AND card = "
        "?2 AND card <> 0 AND counter >= ?3 AND counter < ?4 AND posts = 1 AND moves = 1");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, card);
    db_put_i64(&q, from);
    db_put_i64(&q, to);
    *ret = (struct offline_posted){0};
    if (db_row(&q)) {
        ret->count = (uint32_t)db_get_i64(&q);
        ret->sum = db_get_i64(&q);
    }
    return db_end(&q);
}

int offline_greys(struct fold *f, const struct op_offline *o, uint16_t due,
                  struct offline_greys *ret)
{
    struct db_q q;
    db_q(&q, f->db,
         "SELECT count(*), coalesce(sum(amount), 0), count(DISTINCT counter), coalesce(sum(counter "
         "= ?5), 0) FROM offline_record WHERE shard = ?1 AND card = ?2 AND card <> 0 AND counter < "
         "?3 AND result = ?4 AND moves = 1 AND NOT (sam = ?6 AND sam_seq = ?7 AND counter = ?5)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, o->card);
    db_put_i64(&q, due);
    db_put_i64(&q, OFFLINE_GREY);
    db_put_i64(&q, o->counter);
    db_put_blob(&q, o->sam, sizeof o->sam);
    db_put_i64(&q, o->sam_seq);
    *ret = (struct offline_greys){0};
    if (db_row(&q)) {
        ret->count = (uint32_t)db_get_i64(&q) + 1;
        ret->sum = db_get_i64(&q) + o->amount;
        ret->distinct = db_get_i64(&q) + 1 == ret->count && db_get_i64(&q) == 0;
    }
    return db_end(&q);
}
