/* Answers that came along with a card: the commands of its script that were executed, in their
 * order. Private to this folder. transmit.c takes them from the front, and only where it is about
 * to send the same bytes. */
#ifndef CARD_KNOWN_H
#define CARD_KNOWN_H

#include "card/list.h"

struct known_item {
    uint8_t command[CARD_ASKED_BYTES];
    uint8_t command_len;
    uint16_t answer_len;
    uint8_t
        answer[APDU_ANSWER_MAX]; /* at least a status word, and none that asks to be asked again */
};
struct card_known {
    unsigned count, head; /* items before `head` were taken */
    struct known_item items[];
};

/** The part of a script that was executed as the list says, up to the first command whose answer is
 * missing or needs another exchange. NULL: nothing of it. OC_ENOMEM. */
int card_known_new(const struct card_list *script, const struct card_answers *answers,
                   struct card_known **ret) MUST_USE;
/** Wipes and frees. NULL inside is fine. */
void card_known_free(struct card_known **k);
/** The next answer, where it belongs to exactly this command; it counts as taken. Else NULL. `k`
 * may be NULL. */
const struct known_item *card_known_take(struct card_known *k, const struct apdu *cmd);
/** The challenge of the next answer's INTERNAL AUTHENTICATE, where that is `like` but for its
 * challenge. */
bool card_known_challenge(const struct card_known *k, const struct apdu *like,
                          uint8_t ret_challenge[8]);
/** Commands to send again before anything else, when what is left is thrown away: the SELECTs that
 * succeeded and were taken, if the script went on to select something else. The next of them from
 * *cursor (0 at first), or NULL. */
const struct known_item *card_known_redo(const struct card_known *k, unsigned *cursor);

#endif
