/* The state machine's frame: the hot rows, and the table of what applies each operation. */
#include "ledger/fold.h"
#include "ledger/apply.h"
#include "ledger/cache.h"
#include <stdlib.h>

static WORKER_FN int read_site(struct fold *f)
{
    struct fold_site *s = &f->site;
    *s = (struct fold_site){0};
    struct db_q q;
    db_q(&q, f->db,
         "SELECT shard, name, city_offset_min, first_day, last_at_ms, last_txn, last_card, "
         "last_event, deny_epoch, cards, last_message FROM site");
    if (db_row(&q)) {
        s->exists = true;
        s->shard = (uint8_t)db_get_i64(&q);
        db_get_text(&q, s->name, sizeof s->name);
        s->city_offset_min = (int)db_get_i64(&q);
        s->first_day = (date_t)db_get_i64(&q);
        s->last_at_ms = db_get_i64(&q);
        s->last_txn = db_get_i64(&q);
        s->last_card = db_get_i64(&q);
        s->last_event = db_get_i64(&q);
        s->deny_epoch = db_get_i64(&q);
        s->cards = db_get_i64(&q);
        s->last_message = db_get_i64(&q);
    }
    return db_end(&q);
}

static WORKER_FN int read_open_day(struct fold *f)
{
    f->day = (struct day_row){0};
    f->day_dirty = false;
    if (!f->site.exists)
        return 0;
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_DAY " FROM day WHERE shard = ?1 ORDER BY date DESC LIMIT 1");
    db_put_i64(&q, f->site.shard);
    bool found = db_row(&q);
    if (found)
        row_day(&q, &f->day);
    int rc = db_end(&q);
    if (!rc && (!found || f->day.state != 1)) {
        log_error("ledger", "no open day");
        return OC_EDB_CORRUPT;
    }
    return rc;
}

/* Only what is open or due is counted, by its own index: nothing at the start may take longer
 * because there are more cards. */
static WORKER_FN int read_counts(struct fold *f)
{
    int rc = db_number(f->db, "SELECT count(*) FROM txn WHERE state IN (1, 4)", &f->open_txns);
    return rc ? rc : db_number(f->db, "SELECT count(*) FROM outbox", &f->outbox);
}

int fold_reload(struct fold *f)
{
    hot_forget(f);
    cache_forget(f->cache);
    int rc = read_site(f);
    if (!rc)
        rc = read_open_day(f);
    if (!rc)
        rc = read_counts(f);
    return rc ? rc : records_reload(f);
}

int fold_init(struct fold *f, struct db *db, struct db *journal)
{
    *f = (struct fold){.db = db, .journal = journal ? journal : db};
    map_init(&f->accounts, 0);
    map_init(&f->locks, 0);
    buf_init(&f->intent_bytes, OP_BYTES_MAX);
    f->intent = calloc(1, sizeof *f->intent);
    f->cache = cache_new();
    int rc = f->intent && f->cache ? fold_reload(f) : OC_ENOMEM;
    if (rc)
        fold_fini(f);
    return rc;
}

void fold_fini(struct fold *f)
{
    hot_forget(f);
    map_fini(&f->accounts);
    records_forget(f);
    map_fini(&f->locks);
    cache_free(f->cache);
    buf_fini(&f->intent_bytes);
    free(f->intent);
    f->cache = NULL;
    f->intent = NULL;
}

static WORKER_FN int write_site(struct fold *f)
{
    const struct fold_site *s = &f->site;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO site (shard, name, city_offset_min, first_day, open_day, "
         "last_at_ms, last_txn, last_card, "
         "last_event, deny_epoch, cards, last_message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
         "?10, ?11, ?12)");
    db_put_i64(&q, s->shard);
    db_put_text(&q, s->name);
    db_put_i64(&q, s->city_offset_min);
    db_put_i64(&q, s->first_day);
    db_put_i64(&q, f->day.date);
    db_put_i64(&q, s->last_at_ms);
    db_put_i64(&q, s->last_txn);
    db_put_i64(&q, s->last_card);
    db_put_i64(&q, s->last_event);
    db_put_i64(&q, s->deny_epoch);
    db_put_i64(&q, s->cards);
    db_put_i64(&q, s->last_message);
    return db_end(&q);
}

int day_write(struct fold *f, const struct day_row *d)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO day (shard, " ROW_DAY
         ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, d->date);
    db_put_i64(&q, d->state);
    db_put_i64(&q, d->opened_ms);
    db_put_i64(&q, d->closed_ms);
    db_put_i64(&q, d->float_opening);
    db_put_i64(&q, d->loads);
    db_put_i64(&q, d->purchases);
    db_put_i64(&q, d->adjustments);
    db_put_i64(&q, d->float_closing);
    db_put_i64(&q, d->journal_seq);
    db_put_blob(&q, d->chain_head, sizeof d->chain_head);
    db_put_blob(&q, d->manifest_sha256, sizeof d->manifest_sha256);
    return db_end(&q);
}

int fold_flush(struct fold *f)
{
    int rc = hot_flush(f);
    if (!rc && f->day_dirty)
        rc = day_write(f, &f->day);
    if (!rc && f->site.dirty)
        rc = write_site(f);
    if (!rc)
        f->day_dirty = f->site.dirty = false;
    return rc;
}

typedef int (*apply_fn)(struct fold *f, const struct ledger_op *op);
static const apply_fn appliers[] = {
    [LOP_SITE] = apply_site,
    [LOP_PARTICIPANT] = apply_participant,
    [LOP_TERMINAL] = apply_terminal,
    [LOP_KEY] = apply_key,
    [LOP_CARD_ADD] = apply_card_add,
    [LOP_CARD_STATE] = apply_card_state,
    [LOP_SLOT] = apply_slot,
    [LOP_DENY] = apply_deny,
    [LOP_CITIZEN] = apply_citizen,
    [LOP_INTENT] = apply_intent,
    [LOP_OUTCOME] = apply_outcome,
    [LOP_REFUSAL] = apply_refusal,
    [LOP_SEEN] = apply_seen,
    [LOP_EVENT] = apply_event,
    [LOP_DAY_CLOSE] = apply_day_close,
    [LOP_SETTLED] = apply_settled,
    [LOP_RESTORED] = apply_restored,
    [LOP_AUTHORITY] = apply_authority,
    [LOP_TERMINAL_KEY] = apply_terminal_key,
    [LOP_HOLD] = apply_hold,
    [LOP_MESSAGE] = apply_message,
    [LOP_ERASED] = apply_erased,
    [LOP_PARTICIPANT_KEY] = apply_participant_key,
    [LOP_OFFLINE] = apply_offline,
    [LOP_REPLACED] = apply_replaced,
};

int fold_apply(struct fold *f, const struct ledger_op *op, int64_t seq, const uint8_t mac[32])
{
    if (op->type >= ARRAY_LEN(appliers) || !appliers[op->type])
        return OC_EINTERNAL;
    if (f->site.exists == (op->type == LOP_SITE))
        return OC_EINTERNAL;
    f->seq = seq;
    f->old = op->old;
    memcpy(f->mac, mac, sizeof f->mac);
    int rc = appliers[op->type](f, op);
    f->site.last_at_ms = op->at_ms;
    f->site.dirty = true;
    return rc;
}
