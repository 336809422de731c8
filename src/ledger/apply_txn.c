/* Applies intents, outcomes and refusals:
 *
 *    intent ──► INTENDED ──► POSTED   legs posted, records written, messages out, day stamped
 *      │          │  └─────► VOIDED   everything that was reserved is given back
 *      │          └─► IN_DOUBT (again and again, more evidence) ──► POSTED | VOIDED
 *      └─ a plan without card command and hold posts at once
 *    refusal ──► REFUSED
 *
 * At any time the row, the card's open_txn, the accounts and the records tell the same. */
#include "ledger/cache.h"
#include "ledger/fold.h"
#include "ledger/txn_row.h"

static bool moves_chip(const struct op_intent *in)
{
    return in->plan_kind == OC_PLAN_DEBIT || in->plan_kind == OC_PLAN_CREDIT;
}

/* An outcome follows: the chip or an institution is asked first. */
static bool waits(const struct op_intent *in)
{
    return moves_chip(in) || in->hold.to[0];
}

/* ---- intent ---- */

static WORKER_FN int intent_card(struct fold *f, const struct ledger_op *op, struct card_full *c)
{
    const struct op_intent *in = &op->intent;
    const struct event_at at = {op->at_ms, in->card, in->txn, in->terminal};
    int rc = seen_note(f, c, &in->seen, &at);
    if (rc)
        return rc;
    if (moves_chip(in)) {
        if (c->r.open_txn)
            return OC_EINTERNAL;
        c->r.open_txn = in->txn;
    }
    if (limits_count_card(in))
        limits_count(c, in);
    c->r.last_txn = in->txn;
    c->r.last_txn_ms = op->at_ms;
    memcpy(c->r.last_terminal, in->terminal, sizeof c->r.last_terminal);
    memcpy(c->r.last_service, in->service, sizeof c->r.last_service);
    return 0;
}

/* `day` 0: counts nothing. */
static WORKER_FN int raise_terminal(struct fold *f, const char *terminal, int64_t request_no,
                                    date_t day, fen_t amount)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE terminal SET next_request = max(next_request, ?3 + 1), "
         "day_sum = CASE WHEN ?4 > day THEN ?5 ELSE day_sum + ?5 END, day = max(day, ?4) WHERE "
         "shard = ?1 AND id = ?2");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, terminal);
    db_put_i64(&q, request_no);
    db_put_i64(&q, day);
    db_put_i64(&q, amount);
    int rc = db_end(&q);
    struct cached_terminal *t = cache_terminal(f->cache, terminal);
    if (rc || !t)
        return rc;
    if (request_no >= t->t.r.next_request)
        t->t.r.next_request = request_no + 1;
    t->t.day_sum = day > t->t.day ? amount : t->t.day_sum + amount;
    t->t.day = day > t->t.day ? day : t->t.day;
    return 0;
}

static WORKER_FN int raise_sequence(struct fold *f, const struct op_intent *in)
{
    if (in->plan_kind != OC_PLAN_DEBIT)
        return 0;
    struct db_q q;
    db_q(&q, f->db, "UPDATE sam SET next_seq = ?3 WHERE shard = ?1 AND sam = ?2 AND next_seq = ?4");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, in->sam, sizeof in->sam);
    db_put_i64(&q, (int64_t)in->terminal_seq + 1);
    db_put_i64(&q, in->terminal_seq);
    int rc = db_end(&q);
    struct cached_terminal *t = cache_terminal(f->cache, in->terminal);
    if (t && memcmp(t->t.r.t.sam, in->sam, sizeof in->sam) == 0)
        t->t.r.next_seq = in->terminal_seq + 1;
    else
        cache_forget_terminals(f->cache);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int add_events(struct fold *f, const struct event_at *at,
                                const struct op_event_item *items, unsigned count)
{
    int rc = 0;
    for (unsigned i = 0; i < count && !rc; i++)
        rc = fold_event(f, at, items[i].kind, items[i].text);
    return rc;
}

static WORKER_FN int intent_row(struct fold *f, const struct ledger_op *op, int64_t before)
{
    const struct op_intent *in = &op->intent;
    bool now = !waits(in);
    uint8_t hold = !in->hold.to[0]  ? TXN_HOLD_NONE
                   : moves_chip(in) ? TXN_HOLD_CHIP
                                    : TXN_HOLD_BOOKS;
    struct txn_full t = {.id = in->txn,
                         .state = now ? OC_TXN_POSTED : OC_TXN_INTENDED,
                         .intent_seq = f->seq,
                         .created_ms = op->at_ms,
                         .decided_ms = now ? op->at_ms : 0,
                         .card = in->card,
                         .request_no = in->request_no,
                         .clearing_date = now ? in->clearing_date : 0,
                         .amount = in->amount,
                         .link = in->link,
                         .refund = in->refund,
                         .before_txn = before,
                         .hold = hold};
    memcpy(t.terminal, in->terminal, sizeof t.terminal);
    memcpy(t.service, in->service, sizeof t.service);
    memcpy(t.request_hash, in->request_hash, sizeof t.request_hash);
    f->site.last_txn = in->txn;
    if (!now)
        f->open_txns++;
    return txn_insert(f, &t);
}

static WORKER_FN int intent_money(struct fold *f, struct card_full *c, const struct op_intent *in)
{
    bool later = waits(in);
    int rc = legs_move(f, c, in->legs, in->leg_count, later ? LEGS_RESERVE : LEGS_DIRECT);
    if (!rc)
        rc = later ? records_lock(f, in) : records_write(f, in);
    if (!rc && in->refund)
        rc = txn_refunded(f, in->link, in->amount);
    return rc;
}

static WORKER_FN int slot_posted(struct fold *f, const struct op_intent *in)
{
    if (!in->slot.app[0])
        return 0;
    struct op_slot s = {.card = in->card,
                        .from = in->slot.from,
                        .to = in->slot.to,
                        .closed = !in->slot.category[0]};
    memcpy(s.app, in->slot.app, sizeof s.app);
    memcpy(s.category, in->slot.category, sizeof s.category);
    return slot_write(f, &s);
}

static WORKER_FN int intent_outside(struct fold *f, const struct ledger_op *op)
{
    const struct op_intent *in = &op->intent;
    if (!waits(in)) {
        int rc = messages_insert(f, in, op->at_ms);
        return rc ? rc : slot_posted(f, in);
    }
    cache_put_intent(f->cache, in);
    return in->hold.to[0] ? hold_insert(f, in, op->at_ms) : 0;
}

int apply_intent(struct fold *f, const struct ledger_op *op)
{
    const struct op_intent *in = &op->intent;
    struct card_full c = {0};
    int64_t before = 0;
    int rc = in->card ? card_load(f, in->card, &c) : 0;
    if (!rc && in->card) {
        before = c.r.last_txn;
        rc = intent_card(f, op, &c);
    }
    if (!rc)
        rc = intent_money(f, in->card ? &c : NULL, in);
    if (!rc && in->card)
        rc = card_store(f, &c);
    if (!rc && in->terminal[0])
        rc = raise_terminal(f, in->terminal, in->request_no, in->terminal_day, limits_sum(in));
    if (!rc)
        rc = raise_sequence(f, in);
    if (!rc && in->link)
        rc = txn_yield_number(f, in);
    if (!rc)
        rc = intent_row(f, op, before);
    if (!rc)
        rc = concern_write(f, in, c.r.citizen);
    if (!rc)
        rc = intent_outside(f, op);
    const struct event_at at = {op->at_ms, in->card, in->txn, in->terminal};
    if (!rc)
        rc = add_events(f, &at, in->events, in->event_count);
    return rc == OC_ENOENT ? OC_EINTERNAL : rc;
}

/* ---- outcome ---- */

/* What the books expect of the chip's counters once this transaction has happened. A CAPP of zero
 * may or may not move the counter (R3): then the chip says it itself, now or when it is next seen.
 * Rows of before version 4 forgot the counter instead. */
static void due_after_post(struct card_full *c, const struct op_intent *in,
                           const struct op_outcome *o)
{
    uint16_t next = (uint16_t)(in->counter + 1);
    if (in->plan_kind == OC_PLAN_CREDIT) {
        c->due_has |= SEEN_ONLINE;
        c->due_online = next;
        return;
    }
    c->due_has |= SEEN_OFFLINE;
    c->due_has &= (uint8_t)~DUE_FREE;
    c->due_offline = next;
    if (in->amount != 0)
        return;
    if (!(o->seen.has & SEEN_OFFLINE) && in->reckoned) {
        c->due_offline = in->counter;
        c->due_has |= DUE_FREE;
    } else if (!(o->seen.has & SEEN_OFFLINE))
        c->due_has &= (uint8_t)~SEEN_OFFLINE;
    else if (o->seen.offline == in->counter || o->evidence == EV_CAPP_RECORD)
        c->due_offline = in->counter; /* the record is asked only where a zero does not count:
                                         another moved it (R16) */
}

/* Where the outcome's own answer proves the move and nobody read the card again, the chip's state
 * follows from the intent. */
static struct card_seen seen_after(const struct op_intent *in, const struct op_outcome *o)
{
    if (o->seen.has || o->to != OC_TXN_POSTED || o->evidence != EV_ANSWER)
        return o->seen;
    struct card_seen s = in->seen;
    s.has |= SEEN_PROVEN;
    bool debit = in->plan_kind == OC_PLAN_DEBIT;
    s.balance += debit ? -in->amount : in->amount;
    if (!debit)
        s.online = (uint16_t)(in->counter + 1);
    else if (in->amount)
        s.offline = (uint16_t)(in->counter + 1);
    else
        s.has &= (uint8_t)~SEEN_OFFLINE;
    return s;
}

static void day_float(struct fold *f, const struct op_intent *in)
{
    fen_t purse = legs_purse(in->legs, in->leg_count);
    if (in->plan_kind == OC_PLAN_CREDIT)
        f->day.loads += purse;
    else
        f->day.purchases -= purse;
    f->day_dirty = true;
}

static WORKER_FN int post(struct fold *f, struct card_full *c, const struct op_intent *in,
                          const struct op_outcome *o, int64_t at_ms)
{
    int rc = legs_move(f, c, in->legs, in->leg_count, LEGS_POST);
    if (!rc)
        rc = records_write(f, in);
    if (!rc)
        rc = messages_insert(f, in, at_ms);
    if (!rc)
        rc = slot_posted(f, in);
    if (rc || !moves_chip(in))
        return rc;
    c->r.open_txn = 0;
    due_after_post(c, in, o);
    day_float(f, in);
    return 0;
}

#define BEFORE_MAX 8

/* The card's last transaction is again the one before, so that a torn tap does not count as a tap
 * (R8); not one that was voided meanwhile, which only those without a card command can be. */
static WORKER_FN int last_before(struct fold *f, struct card_full *c, const struct txn_full *t)
{
    if (!c || c->r.last_txn != t->id)
        return 0;
    struct txn_full before = {.before_txn = t->before_txn, .state = OC_TXN_VOIDED};
    for (unsigned i = 0; i < BEFORE_MAX && before.state == OC_TXN_VOIDED; i++) {
        int64_t id = before.before_txn;
        before = (struct txn_full){0};
        int rc = id ? txn_load(f, id, &before) : 0;
        if (rc)
            return rc;
    }
    c->r.last_txn = before.id;
    c->r.last_txn_ms = before.created_ms;
    memcpy(c->r.last_terminal, before.terminal, sizeof before.terminal);
    memcpy(c->r.last_service, before.service, sizeof before.service);
    return 0;
}

static WORKER_FN int uncount_terminal(struct fold *f, const struct op_intent *in)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE terminal SET day_sum = day_sum - ?4 WHERE shard = ?1 AND id = ?2 AND day = ?3");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, in->terminal);
    db_put_i64(&q, in->terminal_day);
    db_put_i64(&q, limits_sum(in));
    struct cached_terminal *t = cache_terminal(f->cache, in->terminal);
    if (t && t->t.day == in->terminal_day)
        t->t.day_sum -= limits_sum(in);
    return db_end(&q);
}

static WORKER_FN int give_back(struct fold *f, struct card_full *c, const struct op_intent *in,
                               const struct txn_full *t)
{
    int rc = legs_move(f, c, in->legs, in->leg_count, LEGS_RELEASE);
    if (!rc)
        rc = records_unlock(f, in);
    if (!rc && in->refund)
        rc = txn_refunded(f, in->link, -in->amount);
    if (!rc)
        rc = uncount_terminal(f, in);
    if (rc)
        return rc;
    if (limits_count_card(in))
        limits_uncount(c, in);
    if (moves_chip(in))
        c->r.open_txn = 0;
    return last_before(f, c, t);
}

static WORKER_FN int move_state(struct fold *f, struct card_full *c, const struct txn_full *t,
                                const struct ledger_op *op)
{
    const struct op_intent *in = &f->intent->intent;
    const struct op_outcome *o = &op->outcome;
    int rc = t->state == OC_TXN_IN_DOUBT ? legs_doubt(f, in, t->suspense, -1) : 0;
    if (rc)
        return rc;
    if (o->to == OC_TXN_POSTED)
        return post(f, c, in, o, op->at_ms);
    if (o->to == OC_TXN_VOIDED)
        return give_back(f, c, in, t);
    return legs_doubt(f, in, o->suspense, 1);
}

/* R5: 9000 with a wrong proof flags the card, once a doubt; so a person who looked at it and put
 * the card back is not contradicted by the same doubt. Only the card's own proof or a person takes
 * the flag away. Alarm 2 stays: it needs a person in any case. */
static WORKER_FN int flag_card(struct fold *f, struct card_full *c, const struct txn_full *t,
                               const struct op_outcome *o, const struct event_at *at)
{
    if (c->r.alarm == ALARM_PROOF && t->suspense && o->to == OC_TXN_POSTED &&
        o->evidence == EV_PROVE)
        c->r.alarm = c->mismatch ? ALARM_BALANCE : ALARM_NONE;
    if (o->to != OC_TXN_IN_DOUBT || !o->suspense || t->suspense)
        return 0;
    if (c->r.alarm != ALARM_COUNTER)
        c->r.alarm = ALARM_PROOF;
    if (o->event_count)
        return 0;
    char text[160];
    snprintf(text, sizeof text, "{\"sw\":\"%04x\",\"tac_verdict\":%u}", o->sw, o->tac_verdict);
    return fold_event(f, at, "wrong_proof", text);
}

static WORKER_FN int outcome_card(struct fold *f, const struct ledger_op *op,
                                  const struct txn_full *t)
{
    const struct op_outcome *o = &op->outcome;
    const struct op_intent *in = &f->intent->intent;
    struct card_full c;
    int rc = card_load(f, t->card, &c);
    if (rc)
        return rc;
    if (c.r.open_txn != t->id)
        return OC_EINTERNAL;
    const struct event_at at = {op->at_ms, t->card, t->id, t->terminal};
    if (o->to == OC_TXN_POSTED)
        rc = seen_posted(f, &c, &in->seen, &at);
    if (!rc)
        rc = move_state(f, &c, t, op);
    if (!rc)
        rc = flag_card(f, &c, t, o, &at);
    if (rc)
        return rc;
    const struct card_seen seen = seen_after(in, o);
    rc = seen_note(f, &c, &seen, &at);
    return rc ? rc : card_store(f, &c);
}

/* Of a plan without a card command: what the card's row keeps of it is its accounts and that it was
 * the last. */
static WORKER_FN int outcome_books(struct fold *f, const struct ledger_op *op,
                                   const struct txn_full *t)
{
    struct card_full c;
    int rc = t->card ? card_load(f, t->card, &c) : 0;
    if (!rc)
        rc = move_state(f, t->card ? &c : NULL, t, op);
    return rc || !t->card ? rc : card_store(f, &c);
}

static WORKER_FN int outcome_moves(struct fold *f, const struct ledger_op *op,
                                   const struct txn_full *t)
{
    int rc = moves_chip(&f->intent->intent) ? outcome_card(f, op, t) : outcome_books(f, op, t);
    if (rc || t->hold == TXN_HOLD_NONE || op->outcome.to == OC_TXN_IN_DOUBT)
        return rc;
    return hold_decided(f, t->id, op->outcome.to == OC_TXN_POSTED, op->at_ms);
}

int apply_outcome(struct fold *f, const struct ledger_op *op)
{
    const struct op_outcome *o = &op->outcome;
    struct txn_full t;
    int rc = txn_load(f, o->txn, &t);
    if (!rc && !sm_allowed(&txn_states, t.state, o->to))
        return OC_EINTERNAL;
    if (!rc)
        rc = txn_intent(f, &t);
    if (!rc)
        rc = outcome_moves(f, op, &t);
    if (rc)
        return rc == OC_ENOENT ? OC_EINTERNAL : rc;
    t.state = o->to;
    t.outcome_seq = f->seq;
    t.decided_ms = op->at_ms;
    t.clearing_date = o->clearing_date;
    t.suspense = o->to == OC_TXN_IN_DOUBT ? o->suspense : 0;
    t.tries += o->to == OC_TXN_IN_DOUBT;
    if (o->to != OC_TXN_IN_DOUBT) {
        f->open_txns--;
        cache_forget_intent(f->cache, t.id);
    }
    rc = txn_decide(f, &t);
    const struct event_at at = {op->at_ms, t.card, t.id, t.terminal};
    return rc ? rc : add_events(f, &at, o->events, o->event_count);
}

/* ---- refusal ---- */

static WORKER_FN int refusal_card(struct fold *f, const struct ledger_op *op)
{
    const struct op_refusal *r = &op->refusal;
    bool told = r->reason == OC_R_RECORDS_LOST;
    /* Nothing came of it, so nothing but the view itself can say that the card was genuine. */
    bool proven = r->seen.has & SEEN_PROVEN;
    if (!r->card || (!proven && !told))
        return 0;
    struct card_full c;
    int rc = card_load(f, r->card, &c);
    if (rc)
        return rc;
    if (told)
        c.due_has &= (uint8_t)~(DUE_UNTOLD | DUE_AHEAD);
    const struct event_at at = {op->at_ms, r->card, r->txn, r->terminal};
    if (proven)
        rc = seen_note(f, &c, &r->seen, &at);
    return rc ? rc : card_store(f, &c);
}

/* A request refused for its number keeps no claim on that number: it belongs to the first. */
static WORKER_FN int refusal_number(struct fold *f, const struct op_refusal *r, int64_t *ret_no)
{
    *ret_no = 0;
    if (r->request_no <= 0)
        return 0;
    struct txn_full first;
    int rc = txn_by_request(f, r->terminal, r->request_no, &first);
    if (rc == OC_ENOENT) {
        *ret_no = r->request_no;
        return raise_terminal(f, r->terminal, r->request_no, 0, 0);
    }
    return rc;
}

int apply_refusal(struct fold *f, const struct ledger_op *op)
{
    const struct op_refusal *r = &op->refusal;
    struct txn_full t = {.id = r->txn,
                         .state = OC_TXN_REFUSED,
                         .intent_seq = f->seq,
                         .created_ms = op->at_ms,
                         .decided_ms = op->at_ms,
                         .card = r->card,
                         .amount = r->amount};
    memcpy(t.terminal, r->terminal, sizeof t.terminal);
    memcpy(t.service, r->service, sizeof t.service);
    memcpy(t.request_hash, r->request_hash, sizeof t.request_hash);
    int rc = refusal_card(f, op);
    if (!rc)
        rc = refusal_number(f, r, &t.request_no);
    f->site.last_txn = r->txn;
    if (!rc)
        rc = txn_insert(f, &t);
    return rc == OC_ENOENT ? OC_EINTERNAL : rc;
}
