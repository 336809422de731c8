/* What a card will be asked before anybody knows which card it is: the commands that the last
 * dialogues asked, sent ahead to the terminal, so that their answers come along with the card.
 * Nothing about cards is known here a second time: a session records what it asked up to its
 * INITIALIZE, the book keeps the latest recording of each kind of dialogue and profile, and the
 * script is their union as a list that branches where cards answer differently.
 *
 * A speculation is never believed: transmit_co() takes an answer from it only when it is about to
 * send exactly the same bytes; anything else is sent anew. The challenge of INTERNAL AUTHENTICATE
 * is drawn fresh for each script and used once. */
#ifndef CARD_SCRIPT_H
#define CARD_SCRIPT_H

#include "card/list.h"
#include "crypto/crypto.h"

/* With NUL. What the dialogue is: a service, or service and terminal for fares that differ by
 * place. */
#define SCRIPT_KIND_LEN 80

struct script_book;
/** Empty; `set` says what to ask cards that nothing was learned about, and must outlive the book.
 * OC_ENOMEM. */
int script_book_new(const struct profile_set *set, struct script_book **ret) MUST_USE;
void script_book_free(struct script_book **b);
/** Takes over what this session asked (s->asked), under the session's profile: the latest one
 * counts. `with_init`: the INITIALIZE FOR PURCHASE at its end as well, where the amount will likely
 * be the same again (a gate). Bounded: the kinds least lately used are forgotten. */
void script_learn(struct script_book *b, const char *kind, bool with_init,
                  const struct card_session *s);
/** The script for the next card of that kind; of another kind, without its INITIALIZE, where that
 * one was never learned. After what was learned it goes on with the names that the profiles would
 * try. count 0: no profiles. Challenges from rng. OC_ECRYPTO, OC_ENOMEM. */
int script_build(struct script_book *b, const char *kind, const struct rng *rng,
                 struct card_list *ret) MUST_USE;
/** The same with nothing learned: for each name of the profiles in the order of trying SELECT, file
 * 0015, INTERNAL AUTHENTICATE, GET BALANCE. */
int card_script_cold(const struct profile_set *set, const struct rng *rng,
                     struct card_list *ret) MUST_USE;

#endif
