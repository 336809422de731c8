/* Rows that the writer read or wrote lately, so that an outcome finds what its intent left without
 * asking the database again.
 *
 * Invariants: an entry equals its row in the open transaction; whoever writes such a row by another
 * statement than those that note it here forgets it. After a rollback everything is forgotten.
 * Tables of fixed size: an entry may go at any time, then the row is read again. */
#ifndef LEDGER_CACHE_H
#define LEDGER_CACHE_H

#include "ledger/internal.h"

struct fold_cache;
/** NULL: no memory. */
struct fold_cache *cache_new(void);
void cache_free(struct fold_cache *c);
void cache_forget(struct fold_cache *c);

/* Each _get gives NULL where the row is not here; what it gives stays valid until the next _put of
 * its kind. `c` NULL: nothing is ever here. */
const struct card_full *cache_card(struct fold_cache *c, int64_t id);
void cache_put_card(struct fold_cache *c, const struct card_full *row);
void cache_forget_cards(struct fold_cache *c);

const struct txn_full *cache_txn(struct fold_cache *c, int64_t id);
void cache_put_txn(struct fold_cache *c, const struct txn_full *row);
void cache_forget_txn(struct fold_cache *c, int64_t id);

/** An intent as far as its outcome needs it: without events, plan, reply and what was asked of an institution. Documents stay valid
 * until it is forgotten or another takes its place. */
bool cache_intent(struct fold_cache *c, int64_t txn, struct op_intent *ret);
void cache_put_intent(struct fold_cache *c, const struct op_intent *in);
void cache_forget_intent(struct fold_cache *c, int64_t txn);

/** A terminal, and the highest request number any transaction has under its name: known_no says
 * whether that is known. May be changed in place by those that change the row. */
struct cached_terminal {
    struct terminal_full t;
    bool known_no;
    int64_t highest_no;
};
struct cached_terminal *cache_terminal(struct fold_cache *c, const char *id);
void cache_put_terminal(struct fold_cache *c, const struct terminal_full *row);
void cache_forget_terminals(struct fold_cache *c);

const struct participant_row *cache_participant(struct fold_cache *c, const char *id);
void cache_put_participant(struct fold_cache *c, const struct participant_row *row);
void cache_forget_participants(struct fold_cache *c);

#endif
