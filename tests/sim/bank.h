/* A bank beside the simulated city: it holds money for loads, confirms and reverses, keeps a book
 * of its own that outlives every daemon, and answers late, wrong or not at all. */
#ifndef TESTS_SIM_BANK_H
#define TESTS_SIM_BANK_H

#include "city.h"

struct bank_hold {
    int64_t txn;
    fen_t amount;
    bool held, confirmed, reversed;
    unsigned asked;
    int64_t held_ns; /* since when; 0: never */
};
struct bank {
    struct bank_hold *holds;
    size_t count, cap;
    struct flow_cond never;
};

void bank_init(struct city *c);
void bank_fini(struct city *c);
/** For struct serve_world; `arg` is the city. */
int bank_co_exchange(void *arg, const struct upstream_exchange *e,
                     struct upstream_answer *ret) CO_FN;
extern const struct upstream_route bank_routes[1];
/** R12: what the bank holds and what the ledger says of it, with everything delivered. */
int bank_co_check(struct city *c) CO_FN MUST_USE;

#endif
