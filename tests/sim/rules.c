/* The rules of money, each a check of everything a city did. What a chip really did is known here:
 * its purse was looked at after every command. */
#include "box.h"

#include <stdlib.h>
#include <string.h>

static const char *text(int64_t id)
{
    static char out[2][IDENT_TEXT];
    static unsigned at;
    return ident_text(id, out[at++ % 2]);
}

static bool open(const struct entry *e)
{
    return e->state == OC_TXN_INTENDED || e->state == OC_TXN_IN_DOUBT;
}

/* The record names gate and second. */
static bool same_record(const struct entry *e, const struct entry *r)
{
    return r->card == e->card && entry_on_chip(r) && r->amount == 0 &&
           strcmp(r->terminal, e->terminal) == 0 && e->created_ms - r->created_ms < 1500;
}

/* Debits elsewhere have overwritten the chip's proof, or its log of ten. */
static bool overwritten(const struct city *c, const struct entry *e)
{
    unsigned since =
        e->kind == OC_PLAN_DEBIT ? boxes_since(c, e->card, (uint16_t)(e->counter + 1)) : 0;
    return since > (e->suspense ? 0U : 8U);
}

bool entry_for_people(const struct city *c, const struct entry *e)
{
    if (e->state != OC_TXN_IN_DOUBT || !entry_on_chip(e))
        return false;
    for (int i = 0; i < CITY_CARDS; i++)
        if (c->cards[i].id == e->card && c->cards[i].copied)
            return true; /* two chips tell two stories */
    if (e->amount != 0)
        return overwritten(c, e);
    for (const struct entry *r = e; r > c->books->rows && !e->suspense; r--)
        if (same_record(e, r - 1))
            return true;
    return e->suspense;
}

/* ---- what was told ---- */

static void acknowledged_is_there(struct city *c)
{
    for (size_t i = 0; i < c->claim_count; i++) {
        const struct claim *a = &c->claims[i];
        const struct entry *e = a->txn ? books_entry(c, a->txn) : NULL;
        if (a->txn == 0)
            continue;
        MUST(c, e, "%s was told of, and is not there", text(a->txn));
        bool agrees = a->outcome == OC_POSTED ? e->state == OC_TXN_POSTED && e->amount == a->amount
                      : a->outcome == OC_VOIDED ? e->state == OC_TXN_VOIDED
                      : a->outcome == OC_IN_DOUBT
                          ? e->state != OC_TXN_REFUSED
                          : e->state == OC_TXN_REFUSED || e->state == OC_TXN_VOIDED;
        MUST(c, agrees, "%s: told %s, the ledger says %s", text(a->txn),
             oc_outcome_name(a->outcome), oc_txn_state_name((enum oc_txn_state)e->state));
        MUST(c, a->business == 0 || a->business == e->business,
             "R11: the business date of %s changed", text(a->txn));
    }
}

static int by_request(const void *x, const void *y)
{
    const struct entry *a = *(const struct entry *const *)x, *b = *(const struct entry *const *)y;
    int rc = strcmp(a->terminal, b->terminal);
    if (rc != 0)
        return rc;
    if (a->request_no != b->request_no)
        return a->request_no < b->request_no ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

/* One request moves money once, however often it was asked for. */
static void nothing_is_twice(struct city *c)
{
    const struct books *b = c->books;
    const struct entry **at = calloc(b->count + 1, sizeof(struct entry *));
    CHECK(at);
    for (size_t i = 0; i < b->count; i++)
        at[i] = &b->rows[i];
    qsort(at, b->count, sizeof(struct entry *), by_request);
    for (size_t i = 1; i < b->count; i++) {
        const struct entry *x = at[i - 1], *y = at[i];
        bool same = x->request_no != 0 && x->request_no == y->request_no &&
                    strcmp(x->terminal, y->terminal) == 0;
        MUST(c, !same || x->state != OC_TXN_POSTED || y->state != OC_TXN_POSTED,
             "request %lld of %s was posted twice: %s and %s", (long long)x->request_no,
             x->terminal, text(x->id), text(y->id));
        MUST(c,
             !same ||
                 (y->link == x->id || x->state == OC_TXN_REFUSED || y->state == OC_TXN_REFUSED),
             "request %lld of %s: %s does not follow %s", (long long)x->request_no, x->terminal,
             text(y->id), text(x->id));
    }
    free(at);
}

/* ---- rows ---- */

/* R4: what was voided was voided by evidence, never because time went by. */
static bool voided_by_evidence(const struct entry *e)
{
    return e->evidence == EV_NOT_SENT || e->evidence == EV_CARD_REFUSED ||
           e->evidence == EV_COUNTER || e->evidence == EV_COUNTER_OTHER ||
           e->evidence == EV_CAPP_RECORD || e->evidence == EV_LOG || e->evidence == EV_CLEARING;
}

static bool posted_by_evidence(const struct entry *e)
{
    return e->evidence == EV_ANSWER || e->evidence == EV_PROVE || e->evidence == EV_LOG ||
           e->evidence == EV_CAPP_RECORD || (e->offline && e->evidence == EV_CLEARING);
}

static void row_holds(struct city *c, const struct entry *e)
{
    const char *id = text(e->id);
    MUST(c, e->legs == 0, "the legs of %s sum to %lld", id, (long long)e->legs);
    MUST(c, e->state != OC_TXN_POSTED || e->clearing >= e->business,
         "R11: %s cleared before its business date", id);
    MUST(c, !open(e) || entry_for_people(c, e),
         "R3: %s is still open though its card was looked at", id);
    MUST(c, e->state != OC_TXN_VOIDED || !entry_on_chip(e) || voided_by_evidence(e),
         "R4: %s was voided without evidence (%s)", id, evidence_name((enum evidence)e->evidence));
    MUST(c, e->state != OC_TXN_POSTED || !entry_on_chip(e) || posted_by_evidence(e),
         "R3: %s was posted without evidence (%s)", id, evidence_name((enum evidence)e->evidence));
    MUST(c, e->state != OC_TXN_POSTED || (e->tac_verdict != TAC_WRONG && !e->tac_wrong),
         "R5: %s was posted with a wrong TAC", id);
    MUST(c, !entry_on_chip(e) || e->state == OC_TXN_REFUSED || e->counter != UINT16_MAX,
         "R9: %s used the last counter", id);
    MUST(c,
         e->kind != OC_PLAN_DEBIT || e->state == OC_TXN_REFUSED || e->offline ||
             e->amount <= SINGLE_MAX,
         "limits: %s is over the most of one transaction", id);
}

/* R10: a SAM's sequence is never used again. Rows are by id, so each SAM's sequences ascend. */
static void sequences_ascend(struct city *c)
{
    const struct books *b = c->books;
    uint32_t last[CITY_TILLS] = {0};
    for (size_t i = 0; i < b->count; i++) {
        const struct entry *e = &b->rows[i];
        MUST(c, e->terminal_seq != 0 || e->kind != OC_PLAN_DEBIT || e->state == OC_TXN_REFUSED,
             "R10: %s has no sequence", text(e->id));
        for (unsigned t = 0; e->terminal_seq && t < CITY_TILLS; t++) {
            if (strcmp(c->tills[t].id, e->terminal) != 0)
                continue;
            MUST(c, e->terminal_seq > last[t], "R10: sequence %u of %s was used before (%s)",
                 e->terminal_seq, e->terminal, text(e->id));
            last[t] = e->terminal_seq;
        }
    }
}

/* Nobody is helped by a switch that loses nothing because it does nothing. */
static void people_were_served(struct city *c)
{
    unsigned debits = 0, credits = 0;
    if (c->plan.script != SCRIPT_NONE || c->asked < 300)
        return; /* the first loads are still going on */
    for (size_t i = 0; i < c->books->count; i++) {
        const struct entry *e = &c->books->rows[i];
        bool posted = e->state == OC_TXN_POSTED && !e->offline;
        debits += posted && e->kind == OC_PLAN_DEBIT;
        credits += posted && e->kind == OC_PLAN_CREDIT;
    }
    MUST(c, debits * 10 >= c->asked && credits * 50 >= c->asked,
         "of %u requests only %u purchases and %u loads came about", c->asked, debits, credits);
}

/* R9: a copy has the keys. That there is one shows by counters and balances. */
static void copies_were_noticed(struct city *c, int i, const struct card_row *row)
{
    const struct city_card *card = &c->cards[i];
    for (int k = CITY_FORGED + 1; k < CITY_CHIPS; k++)
        MUST(c,
             c->cards[k].id != card->id || c->cards[k].move_count == 0 || card->denied_ms != 0 ||
                 row->alarm != 0 || row->awaiting != 0 || row->open_txn != 0,
             "R9: a copy of card %d was used, and nobody noticed", i);
}

void rules_check(struct city *c)
{
    people_were_served(c);
    for (size_t i = 0; i < c->books->count; i++)
        row_holds(c, &c->books->rows[i]);
    acknowledged_is_there(c);
    nothing_is_twice(c);
    chips_check(c);
    sequences_ascend(c);
    bounds_check(c);
}

/* ---- balances ---- */

/* R1: a chip holds what its purse account says, but for the one doubt that may be open. */
static CO_FN int card_is_lawful(struct city *c, int i, const struct card_row *row,
                                struct txn_row *doubt)
{
    if (c->cards[i].copied)
        return 0;
    struct box_due due = boxes_due(c, i);
    fen_t chip = c->cards[i].balance + due.sum, other = row->purse;
    int rc = row->open_txn ? ledger_co_txn(c->serve->ledger, row->open_txn, doubt) : 0;
    if (rc != 0 || c->dead)
        return rc;
    if (row->open_txn)
        other += doubt->in.plan_kind == OC_PLAN_CREDIT ? doubt->in.amount : -doubt->in.amount;
    MUST(c, chip == row->purse || (row->open_txn && chip == other),
         "R1: card %d holds %lld, %lld were paid offline and have not come, its purse account "
         "%lld%s",
         i, (long long)c->cards[i].balance, (long long)due.sum, (long long)row->purse,
         row->open_txn ? " and another doubt is open" : "");
    return 0;
}

static void card_is_closed(struct city *c, int i, const struct card_row *row)
{
    const struct entry *open = row->open_txn ? books_entry(c, row->open_txn) : NULL;
    copies_were_noticed(c, i, row);
    if (open && entry_for_people(c, open))
        return;
    MUST(c, row->open_txn == 0 && row->purse_debits_pending == 0 && row->purse_credits_pending == 0,
         "card %d has something reserved and nothing open", i);
    struct box_due due = boxes_due(c, i);
    /* A look at the balance alone shows no counter; at a denied card nobody looks any more. */
    bool unseen = row->awaiting < due.count || c->cards[i].denied_ms != 0;
    MUST(c,
         c->cards[i].lied || ((row->alarm == 0 || (row->alarm == ALARM_BALANCE && unseen)) &&
                              row->awaiting <= due.count),
         "R1: card %d: alarm %u, %u records awaited", i, row->alarm, row->awaiting);
    MUST(c, row->pending_load_reserved == 0, "card %d: a pending load is reserved", i);
}

static CO_FN int cards_balance(struct city *c, bool closed, fen_t *all)
{
    struct card_row *row = arena_alloc(flow_arena(), sizeof *row);
    struct txn_row *doubt = arena_alloc(flow_arena(), sizeof *doubt);
    int rc = row && doubt ? 0 : OC_ENOMEM;
    for (int i = 0; rc == 0 && i < CITY_CARDS; i++) {
        rc = ledger_co_card_id(c->serve->ledger, c->cards[i].id, row);
        if (rc == 0)
            rc = card_is_lawful(c, i, row, doubt);
        if (rc == 0 && closed)
            card_is_closed(c, i, row);
        if (rc == 0)
            *all += row->purse + row->pending_load;
    }
    return rc;
}

static bool people_decide(const struct city *c)
{
    for (size_t i = 0; i < c->books->count; i++)
        if (entry_for_people(c, &c->books->rows[i]))
            return true;
    return false;
}

int rules_co_balances(struct city *c, bool closed)
{
    struct account_row *rows = arena_alloc(flow_arena(), 64 * sizeof *rows);
    fen_t all = 0;
    unsigned n = 0;
    int rc = rows ? cards_balance(c, closed, &all) : OC_ENOMEM;
    if (rc == 0)
        rc = ledger_co_accounts(c->serve->ledger, 0, "", rows, 64, &n);
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        const struct account_row *a = &rows[i];
        if (a->kind == ACCT_PURSE || a->kind == ACCT_PENDING_LOAD)
            continue;
        all += a->credits_posted - a->debits_posted;
        MUST(c,
             a->floor == INT64_MIN ||
                 a->credits_posted - a->debits_posted - a->debits_pending >= a->floor,
             "R7: account %s %s is below its floor", acct_kind_name((enum acct_kind)a->kind),
             a->owner);
        MUST(c, !closed || (a->credits_pending == 0 && a->debits_pending == 0) || people_decide(c),
             "account %s %s: something is reserved", acct_kind_name((enum acct_kind)a->kind),
             a->owner);
    }
    MUST(c, rc != 0 || c->dead || all == 0, "all accounts sum to %lld", (long long)all);
    return rc;
}
