/* Status words: what the card said, by meaning. A status word is data until somebody asks (facts
 * §2). */
#ifndef WIRE_SW_H
#define WIRE_SW_H

#include <stdbool.h>
#include <stdint.h>

#define SW_OK 0x9000

enum sw_class {
    SW_CLASS_OK,           /* 9000 */
    SW_CLASS_MORE,         /* 61xx: sw & FF bytes wait (0: 256) */
    SW_CLASS_WRONG_LE,     /* 6Cxx: ask again with sw & FF (0: 256) */
    SW_CLASS_WARNING,      /* 62xx, 63xx without a count: data came, with a reservation */
    SW_CLASS_TRIES_LEFT,   /* 63Cx: verification failed, x tries left */
    SW_CLASS_MAC_REJECTED, /* 6982 6988 9302: after CREDIT or DEBIT nothing moved (R5) */
    SW_CLASS_INSUFFICIENT, /* 9401 9301 */
    SW_CLASS_COUNTER_MAX,  /* 9402 */
    SW_CLASS_NO_KEY,       /* 9403 6A88: key index unknown to the card */
    SW_CLASS_LOCKED,       /* 6A81 9303 6283 6983: application, card or method locked */
    SW_CLASS_NO_PROOF,     /* 9406: MAC or TAC not available */
    SW_CLASS_NOT_FOUND,    /* 6A82 6A83: file or record */
    SW_CLASS_STATE,        /* 6900 6901 6985 6986: not now */
    SW_CLASS_UNSUPPORTED,  /* 6D00 6E00 */
    SW_CLASS_OTHER
};

enum sw_class sw_class(uint16_t sw);
/** English words for a status word. Never NULL, static. */
const char *sw_text(uint16_t sw);
/** GET TRANSACTION PROVE said that it has none for this counter (9406; 6A88 and 6A83 on some
 * systems). */
bool sw_no_proof(uint16_t sw);
/** Tries left in 63Cx, -1 for another status word. */
int sw_tries_left(uint16_t sw);

#endif
