/* Terminals that are not connected: each debits by a SAM of its own and keeps records, which a
 * collector brings late, twice, in any order, damaged, or never (R1, R16, docs/OFFLINE.md). */
#ifndef TESTS_SIM_BOX_H
#define TESTS_SIM_BOX_H

#include "books.h"

#define BOXES 2

/** What a terminal keeps of a debit; `o` as its file has it. */
struct box_record {
    struct op_offline o;
    int card;
    size_t move;  /* in the card's moves */
    bool moved;   /* the chip did it; else the card was torn out before, and nobody knows */
    bool has_tac; /* else it is grey */
    bool never;   /* the terminal is lost with it */
    bool unsure;  /* it may have posted: it was brought and no answer came, or it is held as grey */
    bool posted;
};

struct box_book {
    struct box_record *records;
    size_t count, cap;
    uint32_t next_seq;
};

void boxes_init(struct city *c);
void boxes_fini(struct city *c);
/** Enters them in the ledger. */
int boxes_co_found(struct city *c, struct ledger_op *op) CO_FN MUST_USE;
/** Starts those who pay there, and the collector. */
int boxes_co_start(struct city *c) CO_FN MUST_USE;
/** The end: what can still be brought is brought. */
int boxes_co_bring_all(struct city *c) CO_FN MUST_USE;
/** Asks the ledger about records of which nobody knows whether they posted. */
int boxes_co_resolve(struct city *c) CO_FN MUST_USE;
/** What a card's chip has paid there and the books do not know: number and sum. */
struct box_due {
    unsigned count;
    fen_t sum;
};
struct box_due boxes_due(const struct city *c, int card);
/** The record of that debit; NULL: none. */
const struct box_record *boxes_record(const struct city *c, int card, size_t move);
/** How often the card paid there at this counter or after it. */
unsigned boxes_since(const struct city *c, int64_t card_id, uint16_t counter);
/** R16, with everything brought. */
void boxes_check(struct city *c);

#endif
