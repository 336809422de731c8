/* One command and its whole answer. This file is the only owner of 61xx, 6Cxx and deadlines, and
 * the only producer of OC_ECARD_LOST.
 *
 * Invariants: OC_ECARD_LOST is given when, and only when, bytes of the command were handed to the
 * reader and no complete answer is known. Any other error but OC_ECARD_DATA means that the card has
 * not executed the command. CREDIT (80 52) and DEBIT (80 54) are never sent twice. */
#ifndef CARD_TRANSMIT_H
#define CARD_TRANSMIT_H

#include "card/session.h"

/** An answer: `len` bytes of data and the status word. */
struct rapdu {
    uint8_t data[256];
    size_t len;
    uint16_t sw;
};

/** Sends one command and gives the card's answer, whatever its status word (0 says only that there
 * is one; also in s->sw). 61xx is followed by GET RESPONSE; 6Cxx by the command again with the
 * right Le, except for CREDIT and DEBIT, where 6Cxx is the answer. T=0: a command with data and Le
 * goes without Le. Not interrupted by cancellation once it is sent, and bounded by s->command_ms.
 * An answer that came along with the card (card/script.h) is taken where the bytes are the same;
 * then nothing is sent. OC_ECARD_GONE: not sent: no card, another card, or the session is dead.
 * OC_ETIMEDOUT: not sent: past s->deadline_ns. OC_ECANCELED: not sent. OC_ECARD_LOST: sent, outcome
 * unknown; the session is dead. OC_ECARD_DATA: the answer has no status word or is too long: the
 * card may have executed it.
 */
int transmit_co(struct card_session *s, const struct apdu *cmd, struct rapdu *ret) CO_FN MUST_USE;
/** The same, and 9000 is expected: OC_ECARD_SW for any other status word (s->sw). */
int transmit_co_ok(struct card_session *s, const struct apdu *cmd,
                   struct rapdu *ret) CO_FN MUST_USE;

/** A command that only prepares, and one that moves value only after the first was answered 9000;
 * together in one list where the reader takes lists, else one after the other. `ret` is the
 * second's answer, s->sw its status word. Errors say what is known about the *second*: 0: it was
 * answered, whatever the status word. OC_ECARD_CACHE: never sent, because the first was refused
 * (s->sw) or its answer is malformed. OC_ECARD_GONE, OC_ETIMEDOUT, OC_ECANCELED: never sent (the
 * first may have been executed). OC_ECARD_LOST, OC_ECARD_DATA: as transmit_co(). */
int transmit_pair_co(struct card_session *s, const struct apdu *first, const struct apdu *second,
                     struct rapdu *ret) CO_FN MUST_USE;

/** What is known about a command that moves value (or changes the card) after its function returned
 * `rc`. */
enum card_moved {
    CARD_NOT_MOVED, /* never sent, or refused by a status word that proves that nothing changed (R5)
                     */
    CARD_MOVED,     /* 9000 and a well-formed answer; whether MAC2 and TAC are right is still to be
                       checked */
    CARD_UNKNOWN /* lost, malformed after 9000, or a status word that proves nothing: doubt (R3) */
};
/** Pure. `profile` names the status words of a rejected MAC; NULL: the standard's. */
enum card_moved card_moved(const struct card_profile *profile, int rc, uint16_t sw);

/** "SELECT", "DEBIT", …: the name of a command for logs; never its data. Static. */
const char *transmit_name(const struct apdu *cmd);

#endif
