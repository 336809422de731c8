/* Holds at institutions (R12): what was asked of them, what they answered, how it ends.
 *
 *              LOP_HOLD            outcome POSTED         LOP_MESSAGE SENT
 *   ASKED ──┬──► HELD ────────┬──────► CONFIRM_DUE ─────────► CONFIRMED
 *     │     ├──► UNKNOWN ──┐  │ VOIDED             ┌───────► REVERSED
 *     │     └──► REFUSED   ├──┴──────► REVERSE_DUE ┘
 *     └────────────────────┘               │
 *                                          └ LOP_MESSAGE DROPPED, also of CONFIRM_DUE
 *                                                   └───────► UNKNOWN: people settle it
 *
 * Invariants: a transaction has at most one hold, made in its intent's commit. It is CONFIRM_DUE or
 * REVERSE_DUE exactly while the outbox holds the message that says so. The edges are asked in
 * prepare, in apply and by the UPDATE itself. */
#include "ledger/fold.h"

static const struct sm_edge edges[] = {
    {HOLD_ASKED, HOLD_HELD},          {HOLD_ASKED, HOLD_REFUSED},
    {HOLD_ASKED, HOLD_UNKNOWN},       {HOLD_ASKED, HOLD_REVERSE_DUE},
    {HOLD_UNKNOWN, HOLD_REVERSE_DUE}, {HOLD_HELD, HOLD_REVERSE_DUE},
    {HOLD_HELD, HOLD_CONFIRM_DUE},    {HOLD_CONFIRM_DUE, HOLD_CONFIRMED},
    {HOLD_CONFIRM_DUE, HOLD_UNKNOWN}, {HOLD_REVERSE_DUE, HOLD_REVERSED},
    {HOLD_REVERSE_DUE, HOLD_UNKNOWN},
};
const struct sm hold_states = {"hold", edges, ARRAY_LEN(edges)};

int hold_load(struct fold *f, int64_t txn, struct hold_row *ret)
{
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_HOLD " FROM hold WHERE txn = ?1");
    db_put_i64(&q, txn);
    bool found = db_row(&q);
    if (found)
        row_hold(&q, ret);
    int rc = db_end(&q);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

int hold_insert(struct fold *f, const struct op_intent *in, int64_t at_ms)
{
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO hold (shard, " ROW_HOLD ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', '', ?7)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, in->txn);
    db_put_i64(&q, HOLD_ASKED);
    db_put_text(&q, in->hold.to);
    db_put_text(&q, in->hold.kind);
    db_put_i64(&q, in->hold.amount);
    db_put_i64(&q, at_ms);
    return db_end(&q);
}

static WORKER_FN int hold_store(struct fold *f, const struct hold_row *h, enum hold_state from)
{
    struct db_q q;
    db_q(
        &q, f->db,
        "UPDATE hold SET state = ?3, reference = ?4, note = ?5, changed_ms = ?6 WHERE txn = ?1 AND "
        "state = ?2");
    db_put_i64(&q, h->txn);
    db_put_i64(&q, from);
    db_put_i64(&q, h->state);
    db_put_text(&q, h->reference);
    db_put_text(&q, h->note);
    db_put_i64(&q, h->changed_ms);
    int rc = db_end(&q);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int move(struct fold *f, struct hold_row *h, enum hold_state to, int64_t at_ms)
{
    enum hold_state from = h->state;
    if (!sm_allowed(&hold_states, (int)from, (int)to))
        return OC_EINTERNAL;
    h->state = (uint8_t)to;
    h->changed_ms = at_ms;
    return hold_store(f, h, from);
}

int hold_decided(struct fold *f, int64_t txn, bool posted, int64_t at_ms)
{
    struct hold_row h;
    int rc = hold_load(f, txn, &h);
    if (rc)
        return rc;
    if (!posted && h.state == HOLD_REFUSED)
        return 0;
    rc = move(f, &h, posted ? HOLD_CONFIRM_DUE : HOLD_REVERSE_DUE, at_ms);
    if (rc)
        return rc;
    struct op_message m = {0};
    memcpy(m.to, h.to, sizeof m.to);
    snprintf(m.kind, sizeof m.kind, "%s", posted ? MESSAGE_CONFIRM : MESSAGE_REVERSE);
    return message_insert(f, txn, at_ms, &m);
}

int hold_told(struct fold *f, int64_t txn, bool sent, const char *note, int64_t at_ms)
{
    struct hold_row h;
    int rc = hold_load(f, txn, &h);
    if (rc)
        return rc;
    if (!sent)
        snprintf(h.note, sizeof h.note, "%s", note);
    enum hold_state end = h.state == HOLD_CONFIRM_DUE ? HOLD_CONFIRMED : HOLD_REVERSED;
    return move(f, &h, sent ? end : HOLD_UNKNOWN, at_ms);
}

int prepare_hold(struct fold *f, struct ledger_op *op)
{
    const struct op_hold *o = &op->hold;
    struct hold_row h;
    if (o->to != HOLD_HELD && o->to != HOLD_REFUSED && o->to != HOLD_UNKNOWN)
        return prepare_invalid(op, "an institution holds, refuses, or nobody knows");
    int rc = hold_load(f, o->txn, &h);
    if (rc && rc != OC_ENOENT)
        return rc;
    if (rc || !sm_allowed(&hold_states, h.state, o->to)) {
        snprintf(op->detail, sizeof op->detail, "the hold is %s",
                 rc ? "not there" : hold_state_name(h.state));
        return OC_ESTATE;
    }
    return 0;
}

int apply_hold(struct fold *f, const struct ledger_op *op)
{
    const struct op_hold *o = &op->hold;
    struct hold_row h;
    int rc = hold_load(f, o->txn, &h);
    if (rc)
        return rc == OC_ENOENT ? OC_EINTERNAL : rc;
    memcpy(h.reference, o->reference, sizeof h.reference);
    memcpy(h.note, o->note, sizeof h.note);
    return move(f, &h, o->to, op->at_ms);
}
