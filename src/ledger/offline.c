/* An offline terminal's record enters the books (R1, R11, R15, R16): its row, and, where it posts,
 * the transaction that it is. That one stands in table txn like any other, POSTED at once; its
 * words are the record's, in the journal row that txn.intent_seq names. */
#include "ledger/offline.h"
#include "ledger/cache.h"
#include "ledger/txn_row.h"

#define AMOUNT_MAX INT64_C(4294967295) /* four bytes on the chip */

static bool bcd_below(uint8_t b, uint8_t end)
{
    return (b & 15) <= 9 && b < end;
}

static int check_form(struct ledger_op *op)
{
    const struct op_offline *o = &op->offline;
    if (o->amount < 0 || o->amount > AMOUNT_MAX || o->has_balance > 1 || o->balance > AMOUNT_MAX ||
        o->balance < -AMOUNT_MAX)
        return prepare_invalid(op, "the amount or balance is not possible");
    if (!date_from_bcd(o->card_date) || !bcd_below(o->card_time[0], 0x24) ||
        !bcd_below(o->card_time[1], 0x60) || !bcd_below(o->card_time[2], 0x60))
        return prepare_invalid(op, "the record's date and time are not possible");
    if (o->tac_verdict > TAC_WRONG || o->moves > 1 || !o->bearer[0])
        return prepare_invalid(op,
                               "a record has a verdict on its TAC, and somebody to bear a loss");
    return 0;
}

int prepare_offline(struct fold *f, struct ledger_op *op)
{
    struct op_offline *o = &op->offline;
    bool same = false;
    int rc = check_form(op);
    if (!rc)
        rc = offline_judge(f, op, &same);
    if (rc)
        return rc;
    o->unchanged = same;
    if (same)
        return LEDGER_NOTHING;
    if (o->posts) {
        o->txn = ident_next(f->site.last_txn, op->at_ms, f->site.shard);
        o->clearing_date = f->day.date;
    }
    return 0;
}

static WORKER_FN int insert_txn(struct fold *f, const struct ledger_op *op)
{
    const struct op_offline *o = &op->offline;
    struct txn_full t = {.id = o->txn,
                         .state = OC_TXN_POSTED,
                         .intent_seq = f->seq,
                         .created_ms = op->at_ms,
                         .decided_ms = op->at_ms,
                         .card = o->card,
                         .clearing_date = o->clearing_date,
                         .amount = o->amount};
    memcpy(t.terminal, o->at_terminal, sizeof t.terminal);
    memcpy(t.service, LEDGER_SERVICE_OFFLINE, sizeof LEDGER_SERVICE_OFFLINE);
    f->site.last_txn = o->txn;
    return txn_insert(f, &t);
}

/* What an auditor should see without asking: somebody copies, forges, or moves SAMs about. */
static WORKER_FN int tell(struct fold *f, const struct ledger_op *op)
{
    const struct op_offline *o = &op->offline;
    if (o->result != OFFLINE_CONFLICTING && o->result != OFFLINE_TAC_WRONG &&
        o->result != OFFLINE_SAM_MISMATCH && o->result != OFFLINE_AFTER_DENIAL)
        return 0;
    char text[160], sam[2 * OC_SAM_LEN + 1];
    const struct event_at at = {op->at_ms, o->card, o->txn, o->at_terminal};
    snprintf(text, sizeof text,
             "{\"result\":\"%s\",\"sam\":\"%s\",\"sam_seq\":%u,\"counter\":%u,\"amount\":%lld}",
             offline_result_name(o->result), hex_encode(o->sam, sizeof o->sam, sam), o->sam_seq,
             o->counter, (long long)o->amount);
    return fold_event(f, &at, "offline_record", text);
}

static WORKER_FN int post(struct fold *f, const struct ledger_op *op)
{
    const struct op_offline *o = &op->offline;
    struct card_full c;
    int rc = card_load(f, o->card, &c);
    if (!rc)
        rc = legs_move(f, &c, o->legs, o->leg_count, LEGS_DIRECT);
    if (rc)
        return rc;
    if (o->awaited) {
        if (c.r.awaiting == 0)
            return OC_EINTERNAL;
        c.r.awaiting--;
    }
    f->day.purchases -= legs_purse(o->legs, o->leg_count);
    f->day_dirty = true;
    const struct event_at at = {op->at_ms, o->card, o->txn, o->at_terminal};
    rc = seen_again(f, &c, &at);
    if (!rc)
        rc = card_store(f, &c);
    return rc ? rc : insert_txn(f, op);
}

int apply_offline(struct fold *f, const struct ledger_op *op)
{
    int rc = offline_store(f, op);
    if (!rc && op->offline.posts)
        rc = post(f, op);
    if (!rc)
        rc = tell(f, op);
    return rc == OC_ENOENT ? OC_EINTERNAL : rc;
}

void offline_intent(const struct op_offline *o, struct op_intent *ret)
{
    *ret = (struct op_intent){.txn = o->txn,
                              .plan_kind = OC_PLAN_DEBIT,
                              .card_type = o->type,
                              .card = o->card,
                              .terminal_seq = o->sam_seq,
                              .business_date = o->business_date,
                              .clearing_date = o->clearing_date,
                              .amount = o->amount,
                              .gross = o->amount,
                              .counter = o->counter,
                              .key_version = o->key_version,
                              .alg = o->alg,
                              .leg_count = o->leg_count};
    memcpy(ret->service, LEDGER_SERVICE_OFFLINE, sizeof LEDGER_SERVICE_OFFLINE);
    memcpy(ret->terminal, o->at_terminal, sizeof ret->terminal);
    memcpy(ret->participant, o->participant, sizeof ret->participant);
    memcpy(ret->sam, o->sam, sizeof ret->sam);
    memcpy(ret->card_date, o->card_date, sizeof ret->card_date);
    memcpy(ret->card_time, o->card_time, sizeof ret->card_time);
    memcpy(ret->legs, o->legs, sizeof o->legs);
}
