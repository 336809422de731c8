/* Rows as the database gives them to rows as C reads them: one function a table, in the order of
 * its ROW_ macro. */
#include "ledger/internal.h"

static uint8_t get_u8(struct db_q *q)
{
    return (uint8_t)db_get_i64(q);
}

static uint16_t get_u16(struct db_q *q)
{
    return (uint16_t)db_get_i64(q);
}

static uint32_t get_u32(struct db_q *q)
{
    return (uint32_t)db_get_i64(q);
}

static date_t get_date(struct db_q *q)
{
    return (date_t)db_get_i64(q);
}

#define GET_TEXT(q, field)  db_get_text((q), (field), sizeof(field))
#define GET_FIXED(q, field) db_get_fixed((q), (field), sizeof(field))

static void card_identity(struct db_q *q, struct card_row *r)
{
    r->id = db_get_i64(q);
    GET_FIXED(q, r->issuer);
    GET_FIXED(q, r->serial);
    GET_TEXT(q, r->number);
    GET_TEXT(q, r->profile);
    GET_TEXT(q, r->citizen);
    r->kind = get_u8(q);
    r->state = get_u8(q);
    r->registered = get_u8(q);
    r->loss_effective_ms = db_get_i64(q);
    r->valid_from = get_date(q);
    r->valid_to = get_date(q);
    r->ceiling = db_get_i64(q);
    r->floor = db_get_i64(q);
}

static void card_accounts(struct db_q *q, struct card_full *c)
{
    c->purse_debits = db_get_i64(q);
    c->purse_credits = db_get_i64(q);
    c->r.purse_debits_pending = db_get_i64(q);
    c->r.purse_credits_pending = db_get_i64(q);
    c->load_debits = db_get_i64(q);
    c->load_credits = db_get_i64(q);
    c->load_debits_pending = db_get_i64(q);
    c->load_credits_pending = db_get_i64(q);
    c->r.purse = c->purse_credits - c->purse_debits;
    c->r.pending_load = c->load_credits - c->load_debits;
    c->r.pending_load_reserved = c->load_debits_pending;
}

static void card_chip(struct db_q *q, struct card_full *c)
{
    c->r.open_txn = db_get_i64(q);
    c->r.last.has = get_u8(q);
    c->r.last.balance = db_get_i64(q);
    c->r.last.online = get_u16(q);
    c->r.last.offline = get_u16(q);
    c->r.seen_ms = db_get_i64(q);
    GET_TEXT(q, c->r.seen_terminal);
    c->due_has = get_u8(q);
    c->due_online = get_u16(q);
    c->due_offline = get_u16(q);
    c->r.awaiting = get_u32(q);
    c->r.alarm = get_u8(q);
    c->mismatch = db_get_i64(q);
}

void row_card(struct db_q *q, struct card_full *ret)
{
    *ret = (struct card_full){0};
    struct card_row *r = &ret->r;
    card_identity(q, r);
    card_accounts(q, ret);
    card_chip(q, ret);
    r->last_txn = db_get_i64(q);
    GET_TEXT(q, r->last_terminal);
    GET_TEXT(q, r->last_service);
    r->last_txn_ms = db_get_i64(q);
    r->day = get_date(q);
    r->day_debits = db_get_i64(q);
    r->day_credits = db_get_i64(q);
    r->day_count = get_u32(q);
    r->deny_action = get_u8(q);
    r->created_ms = db_get_i64(q);
    r->replaced_by = db_get_i64(q);
    r->replaces = db_get_i64(q);
}

void row_txn(struct db_q *q, struct txn_full *ret)
{
    *ret = (struct txn_full){0};
    ret->id = db_get_i64(q);
    ret->state = get_u8(q);
    ret->intent_seq = db_get_i64(q);
    ret->outcome_seq = db_get_i64(q);
    ret->created_ms = db_get_i64(q);
    ret->decided_ms = db_get_i64(q);
    ret->card = db_get_i64(q);
    GET_TEXT(q, ret->terminal);
    GET_TEXT(q, ret->service);
    ret->request_no = db_get_i64(q);
    GET_FIXED(q, ret->request_hash);
    ret->clearing_date = get_date(q);
    ret->amount = db_get_i64(q);
    ret->link = db_get_i64(q);
    ret->refund = get_u8(q);
    ret->refunded = db_get_i64(q);
    ret->suspense = get_u8(q);
    ret->tries = get_u32(q);
    ret->before_txn = db_get_i64(q);
    ret->hold = get_u8(q);
}

void row_terminal(struct db_q *q, struct terminal_full *ret)
{
    *ret = (struct terminal_full){0};
    struct op_terminal *t = &ret->r.t;
    GET_TEXT(q, t->id);
    GET_TEXT(q, t->kind);
    GET_TEXT(q, t->participant);
    GET_FIXED(q, t->sam);
    GET_TEXT(q, t->reader);
    GET_TEXT(q, t->services);
    GET_TEXT(q, t->gate);
    GET_TEXT(q, t->params);
    t->closed = get_u8(q);
    ret->r.created_ms = db_get_i64(q);
    ret->r.next_request = db_get_i64(q);
    ret->day = get_date(q);
    ret->day_sum = db_get_i64(q);
    ret->r.next_seq = get_u32(q);
}

void row_participant(struct db_q *q, struct participant_row *ret)
{
    *ret = (struct participant_row){0};
    GET_TEXT(q, ret->id);
    GET_TEXT(q, ret->name);
    ret->load_quota = db_get_i64(q);
    ret->closed = get_u8(q);
}

void row_account(struct db_q *q, struct account_row *ret)
{
    *ret = (struct account_row){0};
    ret->kind = get_u8(q);
    GET_TEXT(q, ret->owner);
    ret->debits_pending = db_get_i64(q);
    ret->debits_posted = db_get_i64(q);
    ret->credits_pending = db_get_i64(q);
    ret->credits_posted = db_get_i64(q);
    ret->floor = db_get_i64(q);
}

void row_day(struct db_q *q, struct day_row *ret)
{
    *ret = (struct day_row){0};
    ret->date = get_date(q);
    ret->state = get_u8(q);
    ret->opened_ms = db_get_i64(q);
    ret->closed_ms = db_get_i64(q);
    ret->float_opening = db_get_i64(q);
    ret->loads = db_get_i64(q);
    ret->purchases = db_get_i64(q);
    ret->adjustments = db_get_i64(q);
    ret->float_closing = db_get_i64(q);
    ret->journal_seq = db_get_i64(q);
    GET_FIXED(q, ret->chain_head);
    GET_FIXED(q, ret->manifest_sha256);
}

void row_deny(struct db_q *q, struct deny_row *ret)
{
    *ret = (struct deny_row){0};
    GET_FIXED(q, ret->issuer);
    GET_FIXED(q, ret->serial);
    ret->action = get_u8(q);
    GET_TEXT(q, ret->why);
    ret->epoch = db_get_i64(q);
    ret->at_ms = db_get_i64(q);
}

void row_event(struct db_q *q, struct event_row *ret)
{
    *ret = (struct event_row){0};
    ret->seq = db_get_i64(q);
    ret->at_ms = db_get_i64(q);
    ret->card = db_get_i64(q);
    ret->txn = db_get_i64(q);
    GET_TEXT(q, ret->terminal);
    GET_TEXT(q, ret->item.kind);
    GET_TEXT(q, ret->item.text);
}

static size_t get_some(struct db_q *q, uint8_t *ret, size_t cap)
{
    size_t len;
    const void *p = db_get_blob(q, &len);
    if (len > cap) {
        log_error("ledger", "a sealed column has %zu bytes", len);
        q->err = OC_EDB_CORRUPT;
        return 0;
    }
    if (len)
        memcpy(ret, p, len);
    return len;
}

void row_key(struct db_q *q, struct key_row *ret)
{
    *ret = (struct key_row){0};
    struct op_key *k = &ret->k;
    k->purpose = get_u8(q);
    k->alg = get_u8(q);
    k->version = get_u8(q);
    GET_FIXED(q, k->issuer);
    GET_FIXED(q, k->kcv);
    k->sealed_len = (uint8_t)get_some(q, k->sealed, sizeof k->sealed);
    k->revoked = get_u8(q);
    ret->created_ms = db_get_i64(q);
}

void row_citizen(struct db_q *q, struct citizen_row *ret)
{
    *ret = (struct citizen_row){0};
    GET_TEXT(q, ret->c.id);
    ret->c.sealed_len = (uint16_t)get_some(q, ret->c.sealed, sizeof ret->c.sealed);
    GET_FIXED(q, ret->c.search);
    ret->created_ms = db_get_i64(q);
    ret->erased = get_u8(q);
    ret->documents_due = get_date(q);
}

void row_hold(struct db_q *q, struct hold_row *ret)
{
    *ret = (struct hold_row){0};
    ret->txn = db_get_i64(q);
    ret->state = get_u8(q);
    GET_TEXT(q, ret->to);
    GET_TEXT(q, ret->kind);
    ret->amount = db_get_i64(q);
    GET_TEXT(q, ret->reference);
    GET_TEXT(q, ret->note);
    ret->changed_ms = db_get_i64(q);
}

void row_message(struct db_q *q, struct message_row *ret)
{
    *ret = (struct message_row){0};
    ret->id = db_get_i64(q);
    ret->txn = db_get_i64(q);
    ret->due_ms = db_get_i64(q);
    ret->state = get_u8(q);
    GET_TEXT(q, ret->to);
    GET_TEXT(q, ret->kind);
    GET_TEXT(q, ret->citizen);
    ret->tries = get_u32(q);
    GET_TEXT(q, ret->note);
}

void row_terminal_key(struct db_q *q, struct terminal_key_full *ret)
{
    static const uint8_t none[32];
    *ret = (struct terminal_key_full){0};
    struct terminal_key_row *r = &ret->r;
    GET_TEXT(q, r->terminal);
    r->pinned = get_u8(q);
    r->revoked = get_u8(q);
    GET_FIXED(q, r->token_hash);
    r->token_until_ms = db_get_i64(q);
    GET_FIXED(q, r->pin);
    GET_FIXED(q, r->next_pin);
    r->not_after_ms = db_get_i64(q);
    ret->next_not_after_ms = db_get_i64(q);
    r->enrolled_ms = db_get_i64(q);
    r->changed_ms = db_get_i64(q);
    r->token_waits = memcmp(r->token_hash, none, sizeof none) != 0;
    r->renewing = memcmp(r->next_pin, none, sizeof none) != 0;
}

void row_authority(struct db_q *q, struct op_authority *ret)
{
    *ret = (struct op_authority){0};
    ret->cert_len = (uint16_t)get_some(q, ret->cert, sizeof ret->cert);
    ret->sealed_len = (uint16_t)get_some(q, ret->sealed, sizeof ret->sealed);
}

int journal_read(struct db *db, uint8_t shard, int64_t seq, struct buf *bytes,
                 struct ledger_op *ret)
{
    struct db_q q;
    db_q(&q, db, "SELECT op FROM journal WHERE shard = ?1 AND seq = ?2");
    db_put_i64(&q, shard);
    db_put_i64(&q, seq);
    int rc = OC_ENOENT;
    if (db_row(&q)) {
        size_t len;
        const void *p = db_get_blob(&q, &len);
        buf_reset(bytes);
        buf_put(bytes, p, len);
        rc = bytes->err ? bytes->err : op_decode(bytes->data, bytes->len, ret);
    }
    int err = db_end(&q);
    return err ? err : rc;
}

void row_offline(struct db_q *q, struct offline_row *ret)
{
    *ret = (struct offline_row){0};
    struct op_offline *o = &ret->o;
    ret->seq = db_get_i64(q);
    GET_FIXED(q, o->issuer);
    GET_FIXED(q, o->serial);
    o->type = get_u8(q);
    o->counter = get_u16(q);
    GET_FIXED(q, o->sam);
    o->sam_seq = get_u32(q);
    o->amount = db_get_i64(q);
    o->has_balance = get_u8(q);
    o->balance = db_get_i64(q);
    GET_FIXED(q, o->card_date);
    GET_FIXED(q, o->card_time);
    GET_FIXED(q, o->tac);
    o->tac_verdict = get_u8(q);
    o->key_version = get_u8(q);
    o->alg = get_u8(q);
    o->moves = get_u8(q);
    GET_TEXT(q, o->terminal);
    o->result = get_u8(q);
    o->card = db_get_i64(q);
    o->txn = db_get_i64(q);
    o->posts = get_u8(q);
    GET_TEXT(q, o->at_terminal);
    GET_TEXT(q, o->participant);
    o->business_date = get_date(q);
    ret->first_ms = db_get_i64(q);
    ret->changed_ms = db_get_i64(q);
}
