/* Cards: their rows, states and the opening entry (R1, R15). */
#include "ledger/cache.h"
#include "ledger/fold.h"

static const struct sm_edge card_edges[] = {
    {CARD_ISSUED, CARD_ACTIVE},       {CARD_ISSUED, CARD_CANCELLED}, {CARD_ACTIVE, CARD_SUSPENDED},
    {CARD_ACTIVE, CARD_LOST},         {CARD_ACTIVE, CARD_BLOCKED},   {CARD_ACTIVE, CARD_CANCELLED},
    {CARD_SUSPENDED, CARD_ACTIVE},    {CARD_SUSPENDED, CARD_LOST},   {CARD_SUSPENDED, CARD_BLOCKED},
    {CARD_SUSPENDED, CARD_CANCELLED}, {CARD_LOST, CARD_ACTIVE},      {CARD_LOST, CARD_BLOCKED},
    {CARD_LOST, CARD_CANCELLED},      {CARD_BLOCKED, CARD_ACTIVE},   {CARD_BLOCKED, CARD_CANCELLED},
};
const struct sm card_states = {"card", card_edges, ARRAY_LEN(card_edges)};

static WORKER_FN int card_end(struct fold *f, struct db_q *q, struct card_full *ret)
{
    bool found = db_row(q);
    if (found)
        row_card(q, ret);
    int rc = db_end(q);
    if (!rc && found)
        cache_put_card(f->cache, ret);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

int card_load(struct fold *f, int64_t id, struct card_full *ret)
{
    const struct card_full *here = cache_card(f->cache, id);
    if (here) {
        *ret = *here;
        return 0;
    }
    struct db_q q;
    db_q(&q, f->db, "SELECT " ROW_CARD " FROM card WHERE id = ?1");
    db_put_i64(&q, id);
    return card_end(f, &q, ret);
}

int card_by_serial(struct fold *f, const uint8_t *issuer, const uint8_t *serial,
                   struct card_full *ret)
{
    struct db_q q;
    db_q(&q, f->db,
         "SELECT " ROW_CARD " FROM card WHERE shard = ?1 AND serial = ?2 AND issuer = ?3");
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, serial, OC_SERIAL_LEN);
    db_put_blob(&q, issuer, OC_ISSUER_LEN);
    return card_end(f, &q, ret);
}

static bool no_money(const struct card_full *c)
{
    return !c->purse_debits && !c->purse_credits && !c->load_debits && !c->load_credits &&
           !c->r.open_txn && !c->r.last_txn;
}

int card_untouched(struct fold *f, const struct card_full *c, bool *ret)
{
    /* The entry's own view has the entry's time and no terminal. */
    bool seen = c->r.seen_terminal[0] || (c->r.seen_ms && c->r.seen_ms != c->r.created_ms);
    *ret = false;
    if (c->r.state != CARD_ISSUED || c->r.registered || seen || !no_money(c))
        return 0;
    struct db_q q;
    db_q(&q, f->db, "SELECT 1 FROM txn WHERE shard = ?1 AND card = ?2 AND state <> 5 LIMIT 1");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, c->r.id);
    bool used = db_row(&q);
    int rc = db_end(&q);
    *ret = !rc && !used;
    return rc;
}

static void put_accounts(struct db_q *q, const struct card_full *c)
{
    db_put_i64(q, c->purse_debits);
    db_put_i64(q, c->purse_credits);
    db_put_i64(q, c->r.purse_debits_pending);
    db_put_i64(q, c->r.purse_credits_pending);
    db_put_i64(q, c->load_debits);
    db_put_i64(q, c->load_credits);
    db_put_i64(q, c->load_debits_pending);
    db_put_i64(q, c->load_credits_pending);
}

static void put_chip(struct db_q *q, const struct card_full *c)
{
    db_put_i64(q, c->r.open_txn);
    db_put_i64(q, c->r.last.has);
    db_put_i64(q, c->r.last.balance);
    db_put_i64(q, c->r.last.online);
    db_put_i64(q, c->r.last.offline);
    db_put_i64(q, c->r.seen_ms);
    db_put_text(q, c->r.seen_terminal);
    db_put_i64(q, c->due_has);
    db_put_i64(q, c->due_online);
    db_put_i64(q, c->due_offline);
    db_put_i64(q, c->r.awaiting);
    db_put_i64(q, c->r.alarm);
    db_put_i64(q, c->mismatch);
}

static void put_last(struct db_q *q, const struct card_full *c)
{
    db_put_i64(q, c->r.last_txn);
    db_put_text(q, c->r.last_terminal);
    db_put_text(q, c->r.last_service);
    db_put_i64(q, c->r.last_txn_ms);
    db_put_i64(q, c->r.day);
    db_put_i64(q, c->r.day_debits);
    db_put_i64(q, c->r.day_credits);
    db_put_i64(q, c->r.day_count);
}

int card_store(struct fold *f, const struct card_full *c)
{
    struct db_q q;
    db_q(&q, f->db,
         "UPDATE card SET state = ?2, loss_effective_ms = ?3, deny_action = ?4, "
         "purse_debits = ?5, purse_credits = ?6, purse_debits_pending = ?7, purse_credits_pending "
         "= ?8, "
         "load_debits = ?9, load_credits = ?10, load_debits_pending = ?11, load_credits_pending = "
         "?12, "
         "open_txn = ?13, seen_has = ?14, seen_balance = ?15, seen_online = ?16, seen_offline = "
         "?17, seen_ms = ?18, "
         "seen_terminal = ?19, due_has = ?20, due_online = ?21, due_offline = ?22, awaiting = ?23, "
         "alarm = ?24, "
         "mismatch = ?25, last_txn = ?26, last_terminal = ?27, last_service = ?28, last_txn_ms = "
         "?29, day = ?30, "
         "day_debits = ?31, day_credits = ?32, day_count = ?33, replaced_by = ?34, replaces = ?35 "
         "WHERE id = ?1");
    db_put_i64(&q, c->r.id);
    db_put_i64(&q, c->r.state);
    db_put_i64(&q, c->r.loss_effective_ms);
    db_put_i64(&q, c->r.deny_action);
    put_accounts(&q, c);
    put_chip(&q, c);
    put_last(&q, c);
    db_put_i64(&q, c->r.replaced_by);
    db_put_i64(&q, c->r.replaces);
    int rc = db_end(&q);
    if (!rc)
        cache_put_card(f->cache, c);
    return rc ? rc : db_changes(f->db) == 1 ? 0 : OC_EINTERNAL;
}

static WORKER_FN int insert_card(struct fold *f, const struct ledger_op *op, uint8_t deny_action)
{
    const struct op_card_add *a = &op->card_add;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO card (id, shard, issuer, serial, number, profile, citizen, kind, state, "
         "registered, valid_from, valid_to, "
         "ceiling, floor, deny_action, created_ms, loss_effective_ms, purse_debits, purse_credits, "
         "purse_debits_pending, "
         "purse_credits_pending, load_debits, load_credits, load_debits_pending, "
         "load_credits_pending, open_txn, seen_has, "
         "seen_balance, seen_online, seen_offline, seen_ms, seen_terminal, due_has, due_online, "
         "due_offline, awaiting, alarm, "
         "mismatch, last_txn, last_terminal, last_service, last_txn_ms, day, day_debits, "
         "day_credits, day_count) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 0, 0, 0, "
         "0, 0, 0, 0, 0, 0, 0, 0, 0, "
         "0, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, '', '', 0, 0, 0, 0, 0)");
    db_put_i64(&q, a->card);
    db_put_i64(&q, f->site.shard);
    db_put_blob(&q, a->issuer, sizeof a->issuer);
    db_put_blob(&q, a->serial, sizeof a->serial);
    db_put_text(&q, a->number);
    db_put_text(&q, a->profile);
    db_put_text(&q, a->citizen);
    db_put_i64(&q, a->kind);
    db_put_i64(&q, a->state);
    db_put_i64(&q, a->registered);
    db_put_i64(&q, a->valid_from);
    db_put_i64(&q, a->valid_to);
    db_put_i64(&q, a->ceiling);
    db_put_i64(&q, a->floor);
    db_put_i64(&q, deny_action);
    db_put_i64(&q, op->at_ms);
    return db_end(&q);
}

static WORKER_FN int insert_slot(struct fold *f, const struct op_card_add *a)
{
    if (!a->category[0])
        return 0;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT INTO card_app (shard, card, app, category, from_day, to_day, closed) VALUES (?1, "
         "?2, 'transit', ?3, 0, ?4, 0)");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, a->card);
    db_put_text(&q, a->category);
    db_put_i64(&q, a->category_to);
    return db_end(&q);
}

/* The same card issued again: what it is comes from the new entry, who it is (id, identity, its
 * place on the deny list) stays. What the first entry saw is forgotten. */
static WORKER_FN int replace_card(struct fold *f, const struct ledger_op *op)
{
    const struct op_card_add *a = &op->card_add;
    struct db_q q;
    cache_forget_cards(f->cache);
    db_q(&q, f->db, "DELETE FROM card_app WHERE shard = ?1 AND card = ?2 AND app = 'transit'");
    db_put_i64(&q, f->site.shard);
    db_put_i64(&q, a->card);
    int rc = db_end(&q);
    if (rc)
        return rc;
    db_q(&q, f->db,
         "UPDATE card SET number = ?2, profile = ?3, citizen = ?4, kind = ?5, state = ?6, "
         "valid_from = ?7, valid_to = ?8, ceiling = ?9, floor = ?10, created_ms = ?11, seen_has = "
         "0, seen_balance = 0, seen_online = 0, seen_offline = 0, seen_ms = 0, due_has = 0, "
         "due_online = 0, due_offline = 0, awaiting = 0, alarm = 0, mismatch = 0 WHERE id = ?1");
    db_put_i64(&q, a->card);
    db_put_text(&q, a->number);
    db_put_text(&q, a->profile);
    db_put_text(&q, a->citizen);
    db_put_i64(&q, a->kind);
    db_put_i64(&q, a->state);
    db_put_i64(&q, a->valid_from);
    db_put_i64(&q, a->valid_to);
    db_put_i64(&q, a->ceiling);
    db_put_i64(&q, a->floor);
    db_put_i64(&q, op->at_ms);
    return db_end(&q);
}

static WORKER_FN int add_or_replace(struct fold *f, const struct ledger_op *op)
{
    const struct op_card_add *a = &op->card_add;
    struct card_full have;
    int rc = card_by_serial(f, a->issuer, a->serial, &have);
    if (rc == 0)
        return have.r.id == a->card ? replace_card(f, op) : OC_EINTERNAL;
    uint8_t denied;
    if (rc == OC_ENOENT)
        rc = deny_read(f, a->issuer, a->serial, &denied, NULL);
    if (!rc)
        rc = insert_card(f, op, denied);
    f->site.last_card = a->card;
    f->site.cards++;
    return rc;
}

int apply_card_add(struct fold *f, const struct ledger_op *op)
{
    const struct op_card_add *a = &op->card_add;
    int rc = add_or_replace(f, op);
    if (!rc)
        rc = insert_slot(f, a);
    struct card_full c;
    if (!rc)
        rc = card_load(f, a->card, &c);
    if (!rc && a->opening) {
        rc = opening_entry(f, &c, a->opening);
        c.due_has |= SEEN_BALANCE; /* somebody answers for it */
    }
    const struct event_at at = {op->at_ms, a->card, 0, ""};
    if (!rc)
        rc = seen_note(f, &c, &a->seen, &at);
    return rc ? rc : card_store(f, &c);
}

/* Lost and blocked cards stand on the deny list, and leave it when they come back to life; one that
 * is cancelled from there stays on it: its chip is still out there. What an operator put on by hand
 * stays until taken off by hand. */
static WORKER_FN int follow_on_list(struct fold *f, struct card_full *c, const struct ledger_op *op)
{
    uint8_t to = op->card_state.to, by_state = 0;
    bool on = to == CARD_LOST || to == CARD_BLOCKED;
    uint8_t action;
    int rc = deny_read(f, c->r.issuer, c->r.serial, &action, &by_state);
    if (rc)
        return rc;
    bool put = on && action == 0;
    bool take = to == CARD_ACTIVE && action != 0 && by_state;
    if (!put && !take)
        return 0;
    c->r.deny_action = put ? 1 : 0;
    const struct deny_change change = {.issuer = c->r.issuer,
                                       .serial = c->r.serial,
                                       .action = c->r.deny_action,
                                       .by_state = put,
                                       .why = put ? card_state_name(to) : "returned to use",
                                       .epoch = f->site.deny_epoch + 1,
                                       .at_ms = op->at_ms};
    return deny_write(f, &change);
}

int apply_card_state(struct fold *f, const struct ledger_op *op)
{
    const struct op_card_state *s = &op->card_state;
    struct card_full c;
    int rc = card_load(f, s->card, &c);
    if (rc)
        return rc == OC_ENOENT ? OC_EINTERNAL : rc;
    if (!sm_allowed(&card_states, c.r.state, s->to))
        return OC_EINTERNAL;
    rc = follow_on_list(f, &c, op);
    if (rc)
        return rc;
    c.r.state = s->to;
    if (s->to == CARD_LOST)
        c.r.loss_effective_ms = s->effective_ms;
    if (s->to == CARD_ACTIVE) {
        c.r.loss_effective_ms = 0;
        c.r.alarm = ALARM_NONE; /* a person looked at it */
    }
    return card_store(f, &c);
}

int apply_seen(struct fold *f, const struct ledger_op *op)
{
    const struct op_seen *s = &op->seen;
    struct card_full c;
    int rc = card_load(f, s->card, &c);
    if (rc)
        return rc == OC_ENOENT ? OC_EINTERNAL : rc;
    const struct event_at at = {op->at_ms, s->card, 0, s->terminal};
    rc = seen_note(f, &c, &s->seen, &at);
    return rc ? rc : card_store(f, &c);
}
