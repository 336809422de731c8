/* Applies what is about the site as a whole: its first row, the clearing days (R11, R18, R19), the
 * deny list (R15). */
#include "ledger/apply.h"
#include "ledger/cache.h"
#include "ledger/fold.h"

int apply_site(struct fold *f, const struct ledger_op *op)
{
    const struct op_site *s = &op->site;
    f->site = (struct fold_site){.exists = true,
                                 .shard = s->shard,
                                 .city_offset_min = s->city_offset_min,
                                 .first_day = s->first_day};
    memcpy(f->site.name, s->name, sizeof f->site.name);
    f->day = (struct day_row){.date = s->first_day, .state = 1, .opened_ms = op->at_ms};
    f->day_dirty = true;
    return 0;
}

int day_end(struct fold *f, int64_t at_ms, uint8_t state, date_t next)
{
    struct day_row d = f->day;
    d.state = state;
    d.closed_ms = at_ms;
    d.float_closing = d.float_opening + d.loads - d.purchases + d.adjustments;
    d.journal_seq = f->seq;
    memcpy(d.chain_head, f->mac, sizeof d.chain_head);
    int rc = day_write(f, &d);
    if (rc)
        return rc;
    f->day = (struct day_row){
        .date = next, .state = 1, .opened_ms = at_ms, .float_opening = d.float_closing};
    f->day_dirty = true;
    return 0;
}

int apply_day_close(struct fold *f, const struct ledger_op *op)
{
    return f->day.date == op->day_close.date ? day_end(f, op->at_ms, 2, op->day_close.next)
                                             : OC_EINTERNAL;
}

int apply_settled(struct fold *f, const struct ledger_op *op)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE day SET state = 3, manifest = ?3 WHERE shard = ?1 AND date = ?2 AND state = 2");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, op->settled.date);
    db_put_blob(&q, op->settled.manifest_sha256, sizeof op->settled.manifest_sha256);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

int deny_read(struct fold *f, const uint8_t *issuer, const uint8_t *serial, uint8_t *ret_action,
              uint8_t *ret_by_state)
{
    *ret_action = 0;
    struct db_q q;
    db_q(&q, f->db,
         "SELECT action, by_state FROM denylist WHERE shard = ?1 AND issuer = ?2 AND serial = ?3");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, issuer, OC_ISSUER_LEN);
    db_put_blob(&q, serial, OC_SERIAL_LEN);
    uint8_t by_state = 0;
    if (db_row(&q)) {
        *ret_action = (uint8_t)db_get_i64(&q);
        by_state = (uint8_t)db_get_i64(&q);
    }
    if (ret_by_state)
        *ret_by_state = by_state;
    return db_end(&q);
}

int deny_write(struct fold *f, const struct deny_change *d)
{
    f->site.deny_epoch = d->epoch;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO denylist (shard, issuer, serial, action, by_state, why, epoch, "
         "at_ms) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, d->issuer, OC_ISSUER_LEN);
    db_put_blob(&q, d->serial, OC_SERIAL_LEN);
    db_put_i64(&q, d->action);
    db_put_i64(&q, d->by_state);
    db_put_text(&q, d->why);
    db_put_i64(&q, d->epoch);
    db_put_i64(&q, d->at_ms);
    return db_end(&q);
}

int apply_deny(struct fold *f, const struct ledger_op *op)
{
    const struct op_deny *d = &op->deny;
    const struct deny_change change = {.issuer = d->issuer,
                                       .serial = d->serial,
                                       .action = d->remove ? 0 : d->action,
                                       .why = d->why,
                                       .epoch = d->epoch,
                                       .at_ms = op->at_ms};
    int rc = deny_write(f, &change);
    cache_forget_cards(f->cache);
    if (rc)
        return rc;
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE card SET deny_action = ?4 WHERE shard = ?1 AND serial = ?3 AND issuer = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, d->issuer, OC_ISSUER_LEN);
    db_put_blob(&q, d->serial, OC_SERIAL_LEN);
    db_put_i64(&q, change.action);
    return db_end(&q);
}
