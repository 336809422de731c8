/* What rows may not do together: limits that hold and let pass what is under them, refunds that
 * give back what was taken and no more, and what was final once stays as it was. */
#include "books.h"

#include <string.h>

/* A refusal is written a moment after the decision. */
#define MOMENT_MS 10000

static const char *text(int64_t id)
{
    static char out[IDENT_TEXT];
    return ident_text(id, out);
}

/* ---- limits ---- */

struct sums {
    fen_t card, till;
    unsigned count;
};

static bool is_debit(const struct entry *e)
{
    return e->kind == OC_PLAN_DEBIT && e->state == OC_TXN_POSTED && !e->offline;
}

/* On its business day; `e` is the last of it that counts. */
static void spent_with(const struct books *b, const struct entry *e, struct sums *ret)
{
    *ret = (struct sums){0};
    for (const struct entry *r = b->rows; r <= e; r++) {
        if (!is_debit(r) || r->business != e->business)
            continue;
        if (r->card == e->card) {
            ret->card += r->amount;
            ret->count++;
        }
        if (strcmp(r->terminal, e->terminal) == 0)
            ret->till += r->amount;
    }
}

static void debit_within(struct city *c, const struct entry *e)
{
    struct sums s;
    spent_with(c->books, e, &s);
    MUST(c, s.card <= CARD_DAY_MAX, "limits: with %s its card paid %lld on %d", text(e->id),
         (long long)s.card, e->business);
    MUST(c, s.count <= CARD_DAY_COUNT, "limits: %s is the %uth of its card on %d", text(e->id),
         s.count, e->business);
    MUST(c, s.till <= TILL_DAY_MAX, "limits: with %s %s took %lld on %d", text(e->id), e->terminal,
         (long long)s.till, e->business);
}

/* Did `r` count when `e` was refused? With a margin: it may have. */
static bool may_have_counted(const struct entry *r, const struct entry *e)
{
    bool day = r->business == e->business || city_date(r->created_ms, 480) == e->business ||
               city_date(e->created_ms, 480) == r->business;
    return entry_on_chip(r) && !r->offline && day && r->state != OC_TXN_REFUSED &&
           (r->state != OC_TXN_VOIDED || r->decided_ms >= e->created_ms - MOMENT_MS);
}

/* R2: what a voided one had reserved is there for the next. */
static void refused_justly(struct city *c, const struct entry *e)
{
    const struct books *b = c->books;
    struct sums s = {0};
    for (const struct entry *r = b->rows; r < e; r++) {
        if (!may_have_counted(r, e))
            continue;
        s.card += r->card == e->card ? r->amount : 0;
        s.count += r->card == e->card;
        s.till += strcmp(r->terminal, e->terminal) == 0 ? r->amount : 0;
    }
    fen_t amount = e->amount > 0 ? e->amount : SINGLE_MAX; /* a fare is not in such a row */
    MUST(
        c,
        amount > SINGLE_MAX || s.card + amount > CARD_DAY_MAX || s.count >= CARD_DAY_COUNT ||
            s.till + amount > TILL_DAY_MAX,
        "R2: %s was refused for a limit, and %lld of the card's, %lld of the till's day and %u are "
        "all that can have counted",
        text(e->id), (long long)s.card, (long long)s.till, s.count);
}

/* ---- refunds (R6) ---- */

static void gives_back(struct city *c, const struct entry *e)
{
    const struct books *b = c->books;
    const struct entry *first = books_entry(c, e->link);
    fen_t all = 0;
    MUST(c,
         first && first->state == OC_TXN_POSTED && first->kind == OC_PLAN_DEBIT && !first->offline,
         "R6: %s gives back what was not posted", text(e->id));
    MUST(c, !entry_on_chip(e), "R6: %s gives back onto a chip", text(e->id));
    for (const struct entry *r = first; r <= e; r++)
        all += r->refund && r->link == e->link && r->state == OC_TXN_POSTED ? r->amount : 0;
    MUST(c, all <= first->amount && first < b->rows + b->count,
         "R6: %s took %lld, and with %s %lld were given back", text(first->id),
         (long long)first->amount, text(e->id), (long long)all);
}

/* ---- what was final ---- */

static void stays(struct city *c, const struct final *f)
{
    const struct entry *e = books_entry(c, f->id);
    MUST(c, e, "R6: %s was final and is not there", text(f->id));
    MUST(c,
         e->state == f->state && e->amount == f->amount && e->business == f->business &&
             e->clearing == f->clearing && e->counter == f->counter,
         "R6: %s was %s and final, and has changed", text(f->id),
         oc_txn_state_name((enum oc_txn_state)f->state));
}

void bounds_check(struct city *c)
{
    const struct books *b = c->books;
    for (const struct entry *e = b->rows; e < b->rows + b->count; e++) {
        if (is_debit(e))
            debit_within(c, e);
        else if (e->state == OC_TXN_REFUSED && e->reason == OC_R_LIMIT)
            refused_justly(c, e);
        if (e->refund && e->state == OC_TXN_POSTED)
            gives_back(c, e);
    }
    for (size_t i = 0; i < b->final_count; i++)
        stays(c, &b->finals[i]);
}
