/* A reader over cards in software (tools/cardsim), on the loop, without threads: insertion and
 * removal on order, faults of the card become what a real reader would say. */
#ifndef TESTS_READER_SIM_H
#define TESTS_READER_SIM_H

#include "card/card.h"

struct cardsim;
struct reader_sim;

/** A reader of that name in the registry, empty. It ends with the registry. OC_EEXIST, OC_ENOMEM, …
 */
int reader_sim_new(struct readers *rs, const char *name, struct reader_sim **ret) MUST_USE;
struct reader *reader_sim_reader(const struct reader_sim *sim);
/** Puts a card on it: one arrival. The card stays the caller's. */
void reader_sim_insert(struct reader_sim *sim, struct cardsim *card);
/** Takes it away; gives it back (NULL: there was none). */
struct cardsim *reader_sim_remove(struct reader_sim *sim);
/** Puts the card back that was torn or removed last. */
void reader_sim_return(struct reader_sim *sim);
/** Each exchange takes so many milliseconds of the loop's clock; 0: none (the beginning). */
void reader_sim_latency(struct reader_sim *sim, int64_t ms);
/** Has a torn card come back by itself after so many milliseconds of the loop's clock; negative:
 * never (the beginning). */
void reader_sim_return_after(struct reader_sim *sim, int64_t ms);
/** Pulls the reader out, or plugs it in again. */
void reader_sim_plug(struct reader_sim *sim, bool there);
/** Commands that reached a card so far. */
unsigned reader_sim_commands(const struct reader_sim *sim);
/** Called before each command reaches the card (may be NULL): a place to remove the card or stop
 * the world. */
void reader_sim_hook(struct reader_sim *sim,
                     void (*fn)(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg),
                     void *arg);

#endif
