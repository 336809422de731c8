/* What is done with a citizen's data as a whole: looked at, told, forgotten (R20). */
#ifndef SERVE_CITIZEN_H
#define SERVE_CITIZEN_H

#include "serve/internal.h"

/** Somebody looks at a citizen's data without a card. */
struct access_look {
    const char *citizen, *who, *what, *why; /* what: "citizen.show", … */
};
/** Writes that down, durable when it returns: nothing may be shown before. Under the terminal
 * "console" of participant "site", which is made when first needed. Errors of ledger_co_submit;
 * OC_ESTATE: refused (logged), or the citizen's documents are erased. */
int access_co_note(struct serve *s, const struct access_look *look) MUST_USE CO_FN;

/** Calls fn for each card of that citizen; looks through all cards of the ledger, a page at a time.
 * Ends with what fn returns where that is not 0. fn may suspend; the row is good until it returns.
 */
typedef int (*citizen_card_fn)(void *arg, const struct card_row *card);
int citizen_co_each_card(struct serve *s, const char *citizen, citizen_card_fn fn,
                         void *arg) MUST_USE CO_FN;
/** The i-th scope in which records of citizens may stand: "access", then the modules' names, ours
 * also where they are not loaded. NULL: no more. */
const char *citizen_scope(const struct serve *s, size_t i);

struct erase_wish {
    const char *citizen, *who, *why;
};
/** Forgets the personal data now, and the documents when their retention is over: *ret_due is that
 * day, 0 where they went at once. What must be done before is the caller's to ask; the ledger
 * refuses while something is open (OC_EREFUSED, words in op). `op` in heap or arena. */
int citizen_co_erase(struct serve *s, const struct erase_wish *w, struct ledger_op *op,
                     date_t *ret_due) MUST_USE CO_FN;
/** Forgets the documents that are due; how many citizens'. Who cannot be forgotten yet is named in
 * the log. */
int citizens_co_erase_due(struct serve *s, const char *who, unsigned *ret_count) MUST_USE CO_FN;

#endif
