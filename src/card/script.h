/* What a card will be asked before anybody knows which card it is: the commands that the last dialogues asked, sent ahead to
 * the terminal, so that their answers come along with the card. Nothing about cards is known here a second time: a
 * session records what it asked up to its INITIALIZE, the book keeps the latest recording of each kind of dialogue and profile, and
 * the script is their union as a list that branches where cards answer differently.
 *
 * A speculation is never believed: transmit_co() takes an answer from it only when it is about to send exactly the same
 * bytes; anything else is sent anew. The challenge of INTERNAL AUTHENTICATE is drawn fresh for each script and used once. */
#ifndef CARD_SCRIPT_H
#define CARD_SCRIPT_H

#include "card/list.h"

#define SCRIPT_KIND_LEN 80 /* with NUL: what the dialogue is: a service, or service and terminal for fares that differ by place */

struct script_book;
/** OC_ENOMEM. */
int script_book_new(struct script_book **ret) MUST_USE;
void script_book_free(struct script_book **b);
/** Takes over what this session asked (s->asked), under the session's profile: the latest one counts. `with_init`: the INITIALIZE
 *  FOR PURCHASE at its end as well, where the amount will likely be the same again (a gate). Bounded: the kinds least lately
 *  used are forgotten. */
void script_learn(struct script_book *b, const char *kind, bool with_init, const struct card_session *s);
/** The script for the next card of that kind; of another kind, without its INITIALIZE, where that one was never learned. count 0: nothing
 *  is known yet. Challenges from rng. OC_ECRYPTO. */
int script_build(const struct script_book *b, const char *kind, const struct rng *rng, struct card_list *ret) MUST_USE;

#endif
