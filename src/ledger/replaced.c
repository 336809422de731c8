/* A lost card's purse goes to the card that replaces it 补卡 (R6, R15; docs/LEDGER.md has the table
 * of states). The chip of the lost one cannot be asked any more, so its purse account ends to be
 * its mirror: what records of offline terminals take later is reckoned by offline_judge.c. */
#include "ledger/cache.h"
#include "ledger/fold.h"
#include "ledger/txn_row.h"

static WORKER_FN int load(struct fold *f, struct ledger_op *op, int64_t id, struct card_full *ret)
{
    char text[IDENT_TEXT];
    int rc = card_load(f, id, ret);
    return rc == OC_ENOENT ? prepare_missing(op, "card", ident_text(id, text)) : rc;
}

static int check_lost(struct fold *f, struct ledger_op *op, const struct card_row *c)
{
    const struct op_replaced *r = &op->replaced;
    char text[IDENT_TEXT], when[20];
    int64_t from_ms = c->loss_effective_ms + r->wait_ms;
    if (c->kind == CARD_ANONYMOUS)
        return refuse(op, OC_R_ANONYMOUS, "the lost card is unnamed");
    if (c->state != CARD_LOST)
        return refuse(op, OC_R_CARD_STATE, "the card is %s, not lost", card_state_name(c->state));
    if (c->replaced_by && c->replaced_by != r->to)
        return refuse(op, OC_R_CONFLICT, "another card replaced it already");
    if (op->at_ms < from_ms)
        return refuse(op, OC_R_TOO_EARLY, "from %s on: until then records of it may come",
                      city_text(from_ms, f->site.city_offset_min, when));
    if (c->open_txn)
        return refuse(op, OC_R_DOUBT_OPEN, "transaction %s", ident_text(c->open_txn, text));
    return 0;
}

static int check_new(struct ledger_op *op, const struct card_row *lost, const struct card_row *c)
{
    if (c->kind == CARD_ANONYMOUS)
        return refuse(op, OC_R_ANONYMOUS, "the new card is unnamed");
    if (!lost->citizen[0] || strcmp(lost->citizen, c->citizen) != 0)
        return refuse(op, OC_R_NO_CITIZEN, "the two cards are not of the same citizen");
    if (lost->replaced_by) /* what is left of it follows, wherever the first part went */
        return 0;
    if (c->replaces)
        return refuse(op, OC_R_CONFLICT, "the new card replaces another one already");
    if (c->state != CARD_ISSUED && c->state != CARD_ACTIVE)
        return refuse(op, OC_R_CARD_STATE, "the new card is %s", card_state_name(c->state));
    return 0;
}

/* What nobody awaits any more: of the purse, where records are to come, no more than the chip held
 * when it was last seen. What was kept for them stays kept until the last of them is here. */
static WORKER_FN int free_purse(struct fold *f, const struct card_full *c, fen_t *ret)
{
    fen_t lacks = 0;
    bool known = false;
    *ret = c->r.purse > 0 ? c->r.purse : 0;
    if (c->r.awaiting == 0)
        return 0;
    int rc = c->r.replaced_by ? 0 : seen_lacks(f, c, &lacks, &known);
    *ret = known && lacks < *ret ? *ret - (lacks > 0 ? lacks : 0) : 0;
    return rc;
}

int prepare_replaced(struct fold *f, struct ledger_op *op)
{
    struct op_replaced *r = &op->replaced;
    struct card_full lost, fresh;
    r->txn = 0;
    r->purse = r->pending = 0;
    if (r->wait_ms < 0 || r->from == r->to)
        return prepare_invalid(op, "one card cannot replace itself, nor before it was lost");
    int rc = load(f, op, r->from, &lost);
    if (!rc)
        rc = load(f, op, r->to, &fresh);
    if (!rc)
        rc = check_lost(f, op, &lost.r);
    if (!rc)
        rc = check_new(op, &lost.r, &fresh.r);
    if (!rc)
        rc = free_purse(f, &lost, &r->purse);
    if (rc)
        return rc;
    r->pending = lost.r.pending_load - lost.r.pending_load_reserved;
    if (lost.r.replaced_by && r->purse + r->pending == 0)
        return LEDGER_NOTHING;
    r->txn = ident_next(f->site.last_txn, op->at_ms, f->site.shard);
    r->business_date = city_date(op->at_ms, f->site.city_offset_min);
    r->clearing_date = f->day.date;
    return 0;
}

static WORKER_FN int move_from(struct fold *f, const struct ledger_op *op, struct card_full *lost)
{
    const struct op_replaced *r = &op->replaced;
    const struct leg legs[] = {{.kind = ACCT_PURSE, .amount = -r->purse},
                               {.kind = ACCT_PENDING_LOAD, .amount = -r->pending}};
    int rc = card_load(f, r->from, lost);
    if (!rc)
        rc = legs_move(f, lost, legs, ARRAY_LEN(legs), LEGS_DIRECT);
    lost->r.replaced_by = r->to;
    return rc ? rc : card_store(f, lost);
}

static WORKER_FN int move_to(struct fold *f, const struct ledger_op *op, struct card_full *fresh)
{
    const struct op_replaced *r = &op->replaced;
    const struct leg leg = {.kind = ACCT_PENDING_LOAD, .amount = r->purse + r->pending};
    int rc = card_load(f, r->to, fresh);
    if (!rc)
        rc = legs_move(f, fresh, &leg, 1, LEGS_DIRECT);
    fresh->r.replaces = r->from;
    return rc ? rc : card_store(f, fresh);
}

static WORKER_FN int tell(struct fold *f, const struct ledger_op *op, int64_t card,
                          const char *kind, const struct card_row *other)
{
    const struct op_replaced *r = &op->replaced;
    const struct event_at at = {op->at_ms, card, r->txn, ""};
    char text[160];
    snprintf(text, sizeof text, "{\"purse\":%lld,\"pending_load\":%lld,\"other\":\"c%lld\"}",
             (long long)r->purse, (long long)r->pending, (long long)other->id);
    return fold_event(f, &at, kind, text);
}

static WORKER_FN int insert_txn(struct fold *f, const struct ledger_op *op)
{
    const struct op_replaced *r = &op->replaced;
    struct txn_full t = {.id = r->txn,
                         .state = OC_TXN_POSTED,
                         .intent_seq = f->seq,
                         .created_ms = op->at_ms,
                         .decided_ms = op->at_ms,
                         .card = r->from,
                         .clearing_date = r->clearing_date,
                         .amount = r->purse + r->pending};
    memcpy(t.service, LEDGER_SERVICE_REPLACED, sizeof LEDGER_SERVICE_REPLACED);
    f->site.last_txn = r->txn;
    return txn_insert(f, &t);
}

int apply_replaced(struct fold *f, const struct ledger_op *op)
{
    struct card_full lost, fresh;
    int rc = move_from(f, op, &lost);
    if (!rc)
        rc = move_to(f, op, &fresh);
    if (!rc)
        rc = insert_txn(f, op);
    f->day.adjustments -= op->replaced.purse;
    f->day_dirty = true;
    if (!rc)
        rc = tell(f, op, op->replaced.from, "purse_moved", &fresh.r);
    if (!rc)
        rc = tell(f, op, op->replaced.to, "purse_received", &lost.r);
    return rc == OC_ENOENT ? OC_EINTERNAL : rc;
}

static void leg(struct op_intent *in, enum acct_kind kind, fen_t amount)
{
    struct leg *l = &in->legs[in->leg_count];
    l->kind = (uint8_t)kind;
    l->amount = amount;
    in->leg_count = (uint8_t)(in->leg_count + (amount != 0));
}

void replaced_intent(const struct op_replaced *r, struct op_intent *ret)
{
    *ret = (struct op_intent){.txn = r->txn,
                              .plan_kind = OC_PLAN_ACCOUNT,
                              .card = r->from,
                              .business_date = r->business_date,
                              .clearing_date = r->clearing_date,
                              .amount = r->purse + r->pending,
                              .gross = r->purse + r->pending};
    memcpy(ret->service, LEDGER_SERVICE_REPLACED, sizeof LEDGER_SERVICE_REPLACED);
    leg(ret, ACCT_PURSE, -r->purse);
    leg(ret, ACCT_PENDING_LOAD, -r->pending);
    snprintf(ret->legs[ret->leg_count].owner, LEDGER_ID, "c%lld", (long long)r->to);
    leg(ret, ACCT_PENDING_LOAD, r->purse + r->pending);
}
