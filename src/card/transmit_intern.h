/* Between transmit.c, which knows what failures mean, and transmit_list.c, which brings commands to
 * readers that take lists. Private to this folder. */
#ifndef CARD_TRANSMIT_INTERN_H
#define CARD_TRANSMIT_INTERN_H

#include "card/list.h"

/** Too large for a flow's stack. */
struct card_lists {
    struct card_list list;
    struct card_answers answers;
};

/** One exchange as a list of one. As reader_co_transmit(): OC_ECARD_GONE means that the command
 * never left for the card; any other failure leaves open whether it was executed. */
int exchange_co_one(struct card_session *s, const struct apdu *cmd,
                    struct reader_answer *ret) CO_FN MUST_USE;
/** Two commands as one list that goes on only after 9000. 0: `ret` is the second's answer.
 * OC_ECARD_CACHE: the first was answered otherwise (s->sw) and the second never left.
 * OC_ECARD_GONE: the second never left. Any other failure leaves open whether the second was
 * executed. */
int exchange_co_pair(struct card_session *s, const struct apdu *first, const struct apdu *second,
                     struct reader_answer *ret) CO_FN MUST_USE;

#endif
