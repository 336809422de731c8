/* What the ledger says of one transaction, as far as the books of a simulated city want to know;
 * between books.c (claims, what was seen before) and rules.c (what must hold at the end). */
#ifndef TESTS_SIM_BOOKS_H
#define TESTS_SIM_BOOKS_H

#include "city.h"

struct entry {
    int64_t id, created_ms, decided_ms, request_no, link, card;
    int64_t intent_seq, outcome_seq; /* in the journal; the last outcome's */
    char terminal[LEDGER_ID];
    fen_t amount, legs;
    date_t business, clearing;
    uint32_t terminal_seq;
    uint16_t counter;
    uint8_t state, kind, evidence, reason, tac_verdict, suspense;
    bool tac_wrong;       /* it stands there as proof and proves nothing */
    bool refund, offline; /* offline: an offline terminal's record */
};

struct books {
    struct entry *rows; /* by id, oldest first; read at the end */
    size_t count, cap;
    struct final { /* what was final once */
        int64_t id;
        uint8_t state;
        date_t clearing, business;
        fen_t amount;
        uint16_t counter;
    } * finals;
    size_t final_count, final_cap;
    size_t told; /* claims that were looked at after a start */
};

/** It moves a chip's purse, or would. */
static inline bool entry_on_chip(const struct entry *e)
{
    return e->kind == OC_PLAN_DEBIT || e->kind == OC_PLAN_CREDIT;
}
/** The doubt of a copied card, or of a ride that cost nothing, where the chip keeps no evidence:
 * its proof was wrong, or one just like it stood in the journey record before. Those people decide.
 */
bool entry_for_people(const struct city *c, const struct entry *e);
/** The row of that id; NULL: there is none. */
const struct entry *books_entry(const struct city *c, int64_t id);

/** Each rule by its number; ends the process where one does not hold. */
void rules_check(struct city *c);
/** Those about chips. */
void chips_check(struct city *c);
/** Limits, refunds, finality. */
void bounds_check(struct city *c);
/** Cards and accounts while nobody is at work; at the end (`closed`) nothing is reserved any more.
 */
int rules_co_balances(struct city *c, bool closed) CO_FN MUST_USE;

#endif
