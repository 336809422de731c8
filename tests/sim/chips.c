/* Chips against rows. What a chip did is known command by command (reader.c), who sent the command
 * and how far the ledger was when it arrived; the POSTED transactions of its card must be exactly
 * that. A ride that costs nothing counts as well: the chip wrote its journey record. */
#include "bank.h"
#include "box.h"

#include <stdlib.h>

static const char *text(int64_t id)
{
    static char out[IDENT_TEXT];
    return ident_text(id, out);
}

static bool fits(const struct entry *e, const struct card_move *m)
{
    if (e->kind == OC_PLAN_CREDIT)
        return m->delta == e->amount && m->online == (uint16_t)(e->counter + 1);
    unsigned steps = e->amount > 0; /* such cards do not count what costs nothing */
    return m->delta == -e->amount && m->offline == (uint16_t)(e->counter + steps) &&
           m->sam_seq == e->terminal_seq;
}

/* R7: what came from the bank was held there before the card got its MAC2. */
static bool funded(const struct city *c, const struct entry *e, const struct card_move *m)
{
    const struct bank *b = c->bank;
    for (size_t i = 0; i < b->count; i++)
        if (b->holds[i].txn == e->id)
            return b->holds[i].held_ns != 0 && b->holds[i].held_ns <= m->ns;
    return true;
}

static void one_holds(struct city *c, const struct city_card *card, const struct entry *e,
                      const struct card_move *m)
{
    int64_t at_ms = c->machine.wall_ms + m->ns / NS_PER_MS;
    MUST(c, e->created_ms <= at_ms && e->intent_seq <= m->seq,
         "R2: the chip moved before the intent of %s was durable", text(e->id));
    MUST(c, e->outcome_seq > m->seq, "R2: %s was posted before its chip moved", text(e->id));
    MUST(c, card->denied_ms == 0 || e->created_ms <= card->denied_ms,
         "R15: %s moved money after the card's denial was durable", text(e->id));
    MUST(c, e->kind != OC_PLAN_CREDIT || funded(c, e, m),
         "R7: the chip was loaded by %s and the bank held nothing for it", text(e->id));
    MUST(c, e->kind != OC_PLAN_CREDIT || m->balance <= CARD_CEILING,
         "R1: %s filled the purse to %lld, over its ceiling", text(e->id), (long long)m->balance);
}

/* Its record has not come: the terminal is lost, or knows too little. */
static bool awaited(const struct city *c, const struct city_card *card, size_t move)
{
    const struct box_record *r = boxes_record(c, (int)(card - c->cards), move);
    return r && !r->posted;
}

/* R1, R2, R3, R7: movements and POSTED transactions are the same list. */
static void chip_equals_postings(struct city *c, const struct city_card *card)
{
    if (card->copied)
        return;
    const struct books *b = c->books;
    bool *used = calloc(card->move_count + 1, sizeof *used);
    CHECK(used);
    for (size_t i = 0; i < b->count; i++) {
        const struct entry *e = &b->rows[i];
        bool for_people = entry_for_people(c, e);
        if (e->card != card->id || !entry_on_chip(e) || (e->state != OC_TXN_POSTED && !for_people))
            continue;
        size_t m = 0;
        while (m < card->move_count && (used[m] || !fits(e, &card->moves[m])))
            m++;
        if (for_people && m == card->move_count)
            continue;
        MUST(c, m < card->move_count, "R3: %s is POSTED and card %d did not do it", text(e->id),
             (int)(card - c->cards));
        used[m] = true;
        MUST(c, e->offline == (card->moves[m].till < 0), "R16: %s is of another terminal",
             text(e->id));
        if (!for_people && !e->offline)
            one_holds(c, card, e, &card->moves[m]);
    }
    for (size_t m = 0; m < card->move_count; m++)
        MUST(c, used[m] || awaited(c, card, m),
             "R1: card %d moved %lld at %.3f s, and no posting says so", (int)(card - c->cards),
             (long long)card->moves[m].delta, (double)card->moves[m].ns / 1e9);
    free(used);
}

/* ---- copies ---- */

static bool did(const struct city_card *card, const struct entry *e)
{
    for (size_t m = 0; m < card->move_count; m++)
        if (fits(e, &card->moves[m]))
            return true;
    return false;
}

/* Of a copied card nothing is posted that neither chip did; its intents come first all the same. */
static void copied_postings(struct city *c, const struct entry *e)
{
    bool copied = false, done = false;
    for (int i = 0; i < CITY_CHIPS; i++) {
        copied |= c->cards[i].id == e->card && c->cards[i].copied;
        done |= c->cards[i].id == e->card && did(&c->cards[i], e);
    }
    MUST(c, !copied || done, "R3: %s is POSTED and neither its card nor a copy did it",
         text(e->id));
}

/* ---- R8 ---- */

struct sent {
    const struct card_move *m;
    int card;
};

static int by_sender(const void *x, const void *y)
{
    const struct card_move *a = ((const struct sent *)x)->m, *b = ((const struct sent *)y)->m;
    if (a->till != b->till)
        return a->till < b->till ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a->ns < b->ns ? -1 : a->ns > b->ns;
}

/* One request moves one chip once, however often it was asked for, whatever cards came; and one
 * arrival at a gate is charged once, whatever was asked for. */
static void charged_once(struct city *c)
{
    struct sent *all;
    size_t n = 0, cap = 1;
    for (int i = 0; i < CITY_CARDS; i++)
        cap += c->cards[i].move_count;
    all = calloc(cap, sizeof *all);
    CHECK(all);
    for (int i = 0; i < CITY_CARDS; i++)
        for (size_t k = 0; k < c->cards[i].move_count && !c->cards[i].copied; k++)
            if (c->cards[i].moves[k].till >= 0)
                all[n++] = (struct sent){&c->cards[i].moves[k], i};
    qsort(all, n, sizeof *all, by_sender);
    for (size_t i = 1; i < n; i++) {
        const struct card_move *a = all[i - 1].m, *b = all[i].m;
        const struct till *t = &c->tills[b->till];
        if (a->till != b->till)
            continue;
        MUST(c, a->number != b->number, "R8: request %lld of %s moved card %d and then card %d",
             (long long)b->number, t->id, all[i - 1].card, all[i].card);
        MUST(c, !till_is_gate(t) || a->arrival != b->arrival,
             "R8: card %d was charged twice at %s though it came once", all[i].card, t->id);
    }
    free(all);
}

void chips_check(struct city *c)
{
    for (int i = 0; i < CITY_CARDS; i++)
        chip_equals_postings(c, &c->cards[i]);
    for (size_t i = 0; i < c->books->count; i++) {
        const struct entry *e = &c->books->rows[i];
        if (entry_on_chip(e) && e->state == OC_TXN_POSTED)
            copied_postings(c, e);
    }
    charged_once(c);
    boxes_check(c);
}
