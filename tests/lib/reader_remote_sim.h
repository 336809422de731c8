/* A terminal in the test's own process: a reader with cards in software at one end (reader_sim), a
 * remote reader at the other, and a flow between them that does what a terminal does: it runs what
 * it was armed with on each card that comes, tells that the card is there, executes lists, tells
 * that it has left. All on the loop's clock.
 *
 * The wire can be cut around a list on order, and its answers can be changed on their way. */
#ifndef TESTS_READER_REMOTE_SIM_H
#define TESTS_READER_REMOTE_SIM_H

#include "card/card.h"
#include "reader_sim.h"

struct remote_sim;

/** Starts the terminal on `loop`; its reader is there and empty. OC_ENOMEM, … */
int remote_sim_new(struct loop *loop, const char *name, struct remote_sim **ret) MUST_USE;
/** Outside of flows, before the loop is freed; no dialogue may be open. NULL inside is fine. */
void remote_sim_free(struct remote_sim **sim);

/** The switch's end. */
struct reader *remote_sim_reader(const struct remote_sim *sim);
struct reader_remote *remote_sim_remote(const struct remote_sim *sim);
/** The terminal's end: reader_sim_insert(), reader_sim_remove(), reader_sim_return_after() … */
struct reader_sim *remote_sim_terminal(const struct remote_sim *sim);

/** What the next card is asked at once; copied, used once. NULL or an empty list: nothing. */
void remote_sim_arm(struct remote_sim *sim, const struct card_list *script);
/** The same for each card that comes, taken anew from a book: script_build(book, kind). */
void remote_sim_learn(struct remote_sim *sim, struct script_book *book, const char *kind,
                      const struct rng *rng);
/** A list takes so many milliseconds there and back; 0: none (the beginning). */
void remote_sim_latency(struct remote_sim *sim, int64_t ms);

/** Lists that were executed at the terminal so far; with them commands. Scripts do not count. */
unsigned remote_sim_lists(const struct remote_sim *sim);
unsigned remote_sim_commands(const struct remote_sim *sim);

enum remote_cut {
    REMOTE_CUT_NEVER,
    REMOTE_CUT_UNSENT,  /* the connection had gone: the list provably never left (OC_ECARD_GONE) */
    REMOTE_CUT_BEFORE,  /* it left, and the terminal never got it */
    REMOTE_CUT_AFTER,   /* the terminal executed it, its answers never came */
    REMOTE_CUT_NOT_SENT /* the terminal got it too late and says NOT_SENT to all of it; the wire
                           holds */
};
/** What happens to the n-th list from now (1: the next). `close`: the remote reader is closed with
 * it, as when the session of a terminal has ended. Once. A list cut without closing fails with
 * OC_ETIMEDOUT after its deadline, else OC_ECLOSED. */
void remote_sim_cut(struct remote_sim *sim, unsigned nth, enum remote_cut how, bool close);
/** May change the answers to each list before they are taken. NULL: not. */
void remote_sim_answers(struct remote_sim *sim,
                        void (*fn)(const struct card_list *list, struct card_answers *answers,
                                   void *arg),
                        void *arg);

#endif
