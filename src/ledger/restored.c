/* A copy that was put in place as the ledger: what it must not give out again, and what it no
 * longer knows.
 *
 * The copy ends at some journal row; the lost ledger had more. Whatever that one counted up after
 * this row is out there: in MACs (R10), on slips, at institutions, at terminals. So every counter
 * jumps: SAM sequences, ids of transactions, cards and messages (in time: ids are times), events,
 * the deny list's epoch. Chips may have gone on: each card is marked, and seen.c judges the first
 * views of a marked card by what a lost row explains. A day whose files were published is not
 * opened again (R11). */
#include "ledger/apply.h"
#include "ledger/cache.h"
#include "ledger/fold.h"

#define IDS_JUMP_MS (10 * 60 * INT64_C(1000)) /* of a clock behind the lost machine's */

int prepare_restored(struct fold *f, struct ledger_op *op)
{
    const struct op_restored *r = &op->restored;
    date_t today = city_date(op->at_ms, f->site.city_offset_min);
    if (!r->jump || r->behind > 1)
        return prepare_invalid(op, "sequences must jump forward");
    if (r->published && (!date_valid(r->published) || r->published > today))
        return prepare_invalid(op, "the last published day is no day, or lies in the future");
    return 0;
}

static WORKER_FN int jump_sequences(struct fold *f, uint32_t jump)
{
    struct db_q q;
    cache_forget_terminals(f->cache);
    db_q(&q, f->db, "UPDATE sam SET next_seq = min(next_seq + ?2, 4294967295) WHERE shard = ?1");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, jump);
    return db_end(&q);
}

static int64_t later_id(const struct fold *f, int64_t last, int64_t at_ms)
{
    int64_t ms = ident_ms(last) > at_ms ? ident_ms(last) : at_ms;
    return ident_next(last, ms + IDS_JUMP_MS, f->site.shard);
}

static WORKER_FN int mark_cards(struct fold *f)
{
    struct db_q q;
    cache_forget_cards(f->cache);
    db_q(&q, f->db, "UPDATE card SET due_has = due_has | ?2 WHERE shard = ?1");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, DUE_RESTORED);
    return db_end(&q);
}

/* What of the open day is in this ledger is in the published files, and more: it is closed as
 * settled, without a manifest to prove it by, and the next day to be written is one that nobody has
 * seen. */
static WORKER_FN int skip_published(struct fold *f, const struct ledger_op *op)
{
    date_t published = op->restored.published;
    return published && published >= f->day.date ? day_end(f, op->at_ms, 3, date_add(published, 1))
                                                 : 0;
}

static WORKER_FN int tell(struct fold *f, const struct ledger_op *op)
{
    char text[160], day[11] = "";
    const struct event_at at = {op->at_ms, 0, 0, ""};
    if (op->restored.published)
        (void)date_text(op->restored.published, day);
    (void)snprintf(text, sizeof text, "{\"from\":\"%.63s\",\"row\":%lld,\"published\":\"%s\"}",
                   op->restored.from, (long long)f->seq - 1, day);
    return fold_event(f, &at, "restored", text);
}

int apply_restored(struct fold *f, const struct ledger_op *op)
{
    int rc = jump_sequences(f, op->restored.jump);
    if (rc || !op->restored.behind)
        return rc;
    f->site.last_txn = later_id(f, f->site.last_txn, op->at_ms);
    f->site.last_card = later_id(f, f->site.last_card, op->at_ms);
    f->site.last_message = later_id(f, f->site.last_message, op->at_ms);
    f->site.last_event += op->restored.jump;
    f->site.deny_epoch += op->restored.jump;
    rc = mark_cards(f);
    if (!rc)
        rc = skip_published(f, op);
    return rc ? rc : tell(f, op);
}
