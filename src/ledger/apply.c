/* Applies what is not about a card or a transaction: participants, terminals and their SAMs, keys,
 * lists. */
#include "ledger/apply.h"
#include "ledger/cache.h"
#include "ledger/fold.h"

int fold_event(struct fold *f, const struct event_at *at, const char *kind, const char *text)
{
    f->site.last_event++;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO event (shard, " ROW_EVENT ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, f->site.last_event);
    db_put_i64(&q, at->at_ms);
    db_put_i64(&q, at->card);
    db_put_i64(&q, at->txn);
    db_put_text(&q, at->terminal);
    db_put_text(&q, kind);
    db_put_text(&q, text);
    return db_end(&q);
}

int apply_event(struct fold *f, const struct ledger_op *op)
{
    const struct op_event *e = &op->event;
    const struct event_at at = {op->at_ms, e->card, e->txn, e->terminal};
    return fold_event(f, &at, e->item.kind, e->item.text);
}

int participant_load(struct fold *f, const char *id, struct participant_row *ret)
{
    const struct participant_row *here = cache_participant(f->cache, id);
    if (here) {
        *ret = *here;
        return 0;
    }
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_PARTICIPANT " FROM participant WHERE shard = ?1 AND id = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, id);
    bool found = db_row(&q);
    if (found)
        row_participant(&q, ret);
    int rc = db_end(&q);
    if (!rc && found)
        cache_put_participant(f->cache, ret);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

int apply_participant(struct fold *f, const struct ledger_op *op)
{
    const struct op_participant *p = &op->participant;
    struct db_q q;
    cache_forget_participants(f->cache);
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO participant (shard, " ROW_PARTICIPANT
         ") VALUES (?1, ?2, ?3, ?4, ?5)");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, p->id);
    db_put_text(&q, p->name);
    db_put_i64(&q, p->load_quota);
    db_put_i64(&q, p->closed);
    int rc = db_end(&q);
    if (rc)
        return rc;
    struct hot_account *h = hot_account(f, ACCT_LOAD_RECEIVABLE, p->id, &rc);
    if (!h)
        return rc;
    h->row.floor = -p->load_quota;
    h->dirty = true;
    return 0;
}

/* ---- terminals and SAMs (R10): the number and its sequence are the SAM's ---- */

int terminal_load(struct fold *f, const char *id, struct terminal_full *ret)
{
    const struct cached_terminal *here = cache_terminal(f->cache, id);
    if (here) {
        *ret = here->t;
        return 0;
    }
    struct db_q q;
    db_q(&q, f->db,
         "SELECT " ROW_TERMINAL
         " FROM terminal t LEFT JOIN sam s ON s.shard = t.shard AND s.sam = t.sam "
         "WHERE t.shard = ?1 AND t.id = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, id);
    bool found = db_row(&q);
    if (found)
        row_terminal(&q, ret);
    int rc = db_end(&q);
    if (!rc && found)
        cache_put_terminal(f->cache, ret);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

static WORKER_FN int write_terminal(struct fold *f, const struct ledger_op *op)
{
    const struct op_terminal *t = &op->terminal;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO terminal (shard, id, kind, participant, sam, reader, services, gate, params, "
         "closed, created_ms, "
         "next_request, day, day_sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, 0, "
         "0) "
         "ON CONFLICT (shard, id) DO UPDATE SET kind = excluded.kind, participant = "
         "excluded.participant, sam = excluded.sam, "
         "reader = excluded.reader, services = excluded.services, gate = excluded.gate, params = "
         "excluded.params, "
         "closed = excluded.closed");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, t->id);
    db_put_text(&q, t->kind);
    db_put_text(&q, t->participant);
    db_put_blob(&q, t->sam, sizeof t->sam);
    db_put_text(&q, t->reader);
    db_put_text(&q, t->services);
    db_put_text(&q, t->gate);
    db_put_text(&q, t->params);
    db_put_i64(&q, t->closed);
    db_put_i64(&q, op->at_ms);
    return db_end(&q);
}

static bool sam_none(const uint8_t sam[OC_SAM_LEN])
{
    static const uint8_t none[OC_SAM_LEN];
    return memcmp(sam, none, OC_SAM_LEN) == 0;
}

static WORKER_FN int sam_leave(struct fold *f, const uint8_t *sam, int64_t at_ms)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE sam_history SET to_ms = ?3 WHERE shard = ?1 AND sam = ?2 AND to_ms = 0");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, sam, OC_SAM_LEN);
    db_put_i64(&q, at_ms);
    int rc = db_end(&q);
    if (rc)
        return rc;
    db_q(&q, f->db, "UPDATE sam SET terminal = '' WHERE shard = ?1 AND sam = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, sam, OC_SAM_LEN);
    rc = db_end(&q);
    if (rc)
        return rc;
    db_q(&q, f->db, "UPDATE terminal SET sam = zeroblob(6) WHERE shard = ?1 AND sam = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, sam, OC_SAM_LEN);
    return db_end(&q);
}

static WORKER_FN int sam_enter(struct fold *f, const struct ledger_op *op)
{
    const struct op_terminal *t = &op->terminal;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO sam (shard, sam, terminal, next_seq) VALUES (?1, ?2, ?3, 1) "
         "ON CONFLICT (shard, sam) DO UPDATE SET terminal = excluded.terminal");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, t->sam, OC_SAM_LEN);
    db_put_text(&q, t->id);
    int rc = db_end(&q);
    if (rc)
        return rc;
    db_q(&q, f->db,
         "INSERT INTO sam_history (shard, sam, seq, from_ms, to_ms, terminal, participant) VALUES "
         "(?1, ?2, ?3, ?4, 0, ?5, ?6)");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, t->sam, OC_SAM_LEN);
    db_put_i64(&q, f->seq);
    db_put_i64(&q, op->at_ms);
    db_put_text(&q, t->id);
    db_put_text(&q, t->participant);
    return db_end(&q);
}

int apply_terminal(struct fold *f, const struct ledger_op *op)
{
    const struct op_terminal *t = &op->terminal;
    struct terminal_full old = {0};
    int rc = terminal_load(f, t->id, &old);
    cache_forget_terminals(f->cache);
    if (rc && rc != OC_ENOENT)
        return rc;
    bool same_sam = !rc && memcmp(old.r.t.sam, t->sam, OC_SAM_LEN) == 0;
    bool moved = !same_sam || strcmp(old.r.t.participant, t->participant) != 0;
    bool had = !sam_none(old.r.t.sam), has = !sam_none(t->sam);
    rc = 0;
    if (moved && had)
        rc = sam_leave(f, old.r.t.sam, op->at_ms);
    if (!rc && moved && has)
        rc = sam_leave(f, t->sam, op->at_ms);
    if (!rc && moved && has)
        rc = sam_enter(f, op);
    return rc ? rc : write_terminal(f, op);
}

/* ---- keys, slots ---- */

int apply_key(struct fold *f, const struct ledger_op *op)
{
    const struct op_key *k = &op->key;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO key (shard, " ROW_KEY ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
         "ON CONFLICT (shard, purpose, alg, version, issuer) DO UPDATE SET kcv = excluded.kcv, "
         "sealed = excluded.sealed, "
         "revoked = excluded.revoked");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, k->purpose);
    db_put_i64(&q, k->alg);
    db_put_i64(&q, k->version);
    db_put_blob(&q, k->issuer, sizeof k->issuer);
    db_put_blob(&q, k->kcv, sizeof k->kcv);
    db_put_blob(&q, k->sealed, k->sealed_len);
    db_put_i64(&q, k->revoked);
    db_put_i64(&q, op->at_ms);
    return db_end(&q);
}

int slot_write(struct fold *f, const struct op_slot *s)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO card_app (shard, card, app, category, from_day, to_day, closed) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, s->card);
    db_put_text(&q, s->app);
    db_put_text(&q, s->category);
    db_put_i64(&q, s->from);
    db_put_i64(&q, s->to);
    db_put_i64(&q, s->closed);
    return db_end(&q);
}

int apply_slot(struct fold *f, const struct ledger_op *op)
{
    int rc = slot_write(f, &op->slot);
    return rc || !op->slot.record.scope[0]
               ? rc
               : record_write(f, city_date(op->at_ms, f->site.city_offset_min), &op->slot.record);
}
