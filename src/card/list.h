/* Lists of commands: what travels to a reader at the other end of a wire in one round trip. The
 * switch builds them, the terminal executes them against the card; both ends and the protocol
 * (include/onecard/terminal.proto, List) mean the same.
 *
 * A list stops at the first answer whose status word is not expected, or jumps forward from there;
 * what it does not reach is SKIPPED. No command is sent after the list's deadline (R4). */
#ifndef CARD_LIST_H
#define CARD_LIST_H

#include "card/session.h"
#include "card/transmit.h"

#define CARD_LIST_MAX   24
#define CARD_ACCEPT_MAX 4

struct card_command {
    struct apdu apdu;
    uint16_t accept[CARD_ACCEPT_MAX]; /* status words after which the list goes on … */
    uint8_t accept_count;             /* … 0: only 9000 */
    uint8_t otherwise;   /* index of a later command to go on with after another status word; 0: the
                            list ends */
    uint32_t timeout_ms; /* 0: the session's command_ms */
};
struct card_list {
    struct card_command commands[CARD_LIST_MAX];
    unsigned count;
};
enum card_answer_state {
    CARD_SKIPPED = 0,
    CARD_ANSWERED = 1,
    CARD_NOT_SENT = 2,
    CARD_LOST_ANSWER = 3
};
struct card_answer {
    enum card_answer_state state;
    uint8_t bytes[APDU_ANSWER_MAX]; /* data and status word */
    size_t len;
    uint32_t micros;
};
struct card_answers {
    struct card_answer items[CARD_LIST_MAX];
    unsigned count; /* the list's */
};

/** Which command comes after the one at `at`, answered with `sw`; list->count: the end. Pure. */
unsigned card_list_next(const struct card_list *list, unsigned at, uint16_t sw);
/** Is it a list that can be executed: 1 … CARD_LIST_MAX commands that are APDUs, jumps forward and
 * inside? */
bool card_list_valid(const struct card_list *list);
/** May this command be sent before anybody asked for a transaction: does it only read, select, let
 * the card authenticate itself, or INITIALIZE? */
bool card_apdu_harmless(const struct apdu *a);
/** May every command of it be sent before anybody asked for a transaction: reading, selecting,
 * authenticating, INITIALIZE? Nothing that moves value or writes. */
bool card_list_harmless(const struct card_list *list);
/** The terminal's side: executes the list in an open session, by transmit_co(), which owns 61xx,
 * 6Cxx and T=0. Never fails: what happened is in the answers (a lost answer ends the list: LOST
 * there, NOT_SENT after it). A list that is not valid is NOT_SENT. Not interrupted by cancellation;
 * the session's deadline_ns holds for each command (R4). */
void card_list_co_run(struct card_session *s, const struct card_list *list,
                      struct card_answers *ret) CO_FN;

#endif
