/* Cards by the million: what a purse card of profile pboc-ep answers, at a few microseconds a
 * command and 128 bytes a card.
 *
 * What cannot differ from card to card but for the serial number (selecting, reading files) is
 * learned from one card of tools/cardsim, once a kind of command; what moves (balance, counters,
 * proofs, the journey record) is computed here. A test holds both to the same bytes. Not here:
 * files being written, PINs, blocking, logs.
 *
 * Only the store survives: it may lie in a mapped file, so that cards and ledger still agree when
 * either program was ended in the middle. */
#ifndef LOADGEN_CHIP_H
#define LOADGEN_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHIP_ANSWER_MAX 258
#define CHIP_CAPP_LEN   43
#define CHIP_SERIAL_LEN 10

struct chip_proof {
    uint8_t valid, type;
    uint16_t counter; /* before the increment */
    uint8_t mac[4], tac[4];
};
/** A card's memory. All zero: as it was founded. */
struct chip_store {
    uint8_t used, has_capp;
    uint16_t online, offline;
    uint8_t capp[CHIP_CAPP_LEN];
    int32_t balance;
    struct chip_proof proof[2]; /* online, offline */
    uint32_t moves;             /* debits and credits in all */
    /* What loadgen remembers of its journeys and bills; the card knows nothing of it. */
    uint8_t inside;           /* entered and not left */
    uint8_t insured;          /* pushes that have been made for its citizen: see push_step */
    uint16_t billed, settled; /* bills pushed, bills settled */
    uint8_t spare[38];
};
_Static_assert(sizeof(struct chip_store) == 128, "a card's memory is 128 bytes");
_Static_assert(offsetof(struct chip_store, balance) == 52 && offsetof(struct chip_store, moves) == 80,
               "tests/crash/crash.py reads them there");

/** Master keys and what all cards of the site share. */
struct chip_site {
    uint8_t issuer[8];
    uint8_t purchase[16], load[16], tac[16], internal[16], main[16], maintenance[16];
    int32_t opening;
    uint16_t online, offline; /* counters a founded card begins with */
};
struct chip_kind;
/** NULL: no memory. */
struct chip_kind *chip_kind_new(const struct chip_site *site);
void chip_kind_free(struct chip_kind **k);
/** The serial number of card `index`: BCD, 20 digits. */
void chip_serial(uint64_t index, uint8_t ret[CHIP_SERIAL_LEN]);
/** The answer to reset; returns its length, at most 33. */
size_t chip_atr(const struct chip_kind *k, uint8_t *ret);

/** What a card is in the middle of while it has power. */
struct chip {
    struct chip_store *store;
    uint8_t serial[CHIP_SERIAL_LEN];
    uint8_t state; /* what is selected */
    uint8_t trans; /* 0 none, 1 load, 2 purchase, 3 CAPP */
    uint8_t type, sam[6], random[4];
    uint8_t cached, capp[CHIP_CAPP_LEN];
    uint16_t counter;
    uint32_t amount;
};
/** Puts power on card `index`, whose memory is `store`. */
void chip_on(struct chip *c, const struct chip_kind *k, uint64_t index, struct chip_store *store);
/** One command in its T=1 form; the answer with its status word. Returns its length. */
size_t chip_transmit(struct chip_kind *k, struct chip *c, const uint8_t *cmd, size_t len,
                     uint8_t ret[CHIP_ANSWER_MAX]);

/** DES and 3DES block operations done so far, and learned commands. */
struct chip_count {
    uint64_t blocks, schedules, learned;
};
struct chip_count chip_count(const struct chip_kind *k);

#endif
