/* A benchmark site: what its founder wrote and what its terminals know, in SITE/loadgen. Its keys
 * are published here: for throw-away sites only. */
#ifndef LOADGEN_SITE_H
#define LOADGEN_SITE_H

#include "chip.h"

#include "base/base.h"
#include "crypto/crypto.h"

#define SITE_OPENING 10000000 /* fen that each card begins with */
#define SITE_FARE    "2.00"

/** How big a site is founded. */
struct site_size {
    uint64_t cards;
    unsigned terminals, gates, metro, citizens;
};
struct site {
    char dir[512]; /* SITE/loadgen */
    uint64_t cards;
    unsigned terminals, gates, metro, citizens;      /* metro: pairs of an entry and an exit gate */
    struct x509_bytes authority_key, authority, key; /* the terminals' common key */
    uint8_t pin[X509_PIN_LEN];
    struct chip_store *stores; /* mapped */
};
void site_chips(struct chip_site *ret);
/** The card master key of a purpose. */
void site_key(enum key_purpose p, uint8_t ret[16]);
enum place { PLACE_DESK, PLACE_GATE, PLACE_ENTRY, PLACE_EXIT, PLACE_COUNT };
/** How many the site has. */
unsigned site_places(const struct site *s, enum place p);
/** "t000001" …, "g000001" … for gates of flat rides, "e000001" … and "x000001" … for entry and exit
 *  gates; from 0. */
void site_terminal(enum place p, unsigned i, char ret[16]);
/** "c0000001" …: the holder of card i. */
void site_citizen(uint64_t i, char ret[16]);
/** Makes SITE/loadgen with an authority and a key; cards.bin is as long as the cards need, and has
 * no blocks. Blocks. */
int site_new(struct site *s, const char *site_dir, const struct site_size *size) MUST_USE WORKER_FN;
/** Reads it again. `forget`: all cards are as founded. Blocks. */
int site_open(struct site *s, const char *loadgen_dir, bool forget) MUST_USE WORKER_FN;
void site_close(struct site *s);
/** A certificate for the terminal. */
int site_certificate(const struct site *s, const char *terminal, struct x509_bytes *ret) MUST_USE;

/** Writes cards, terminals and keys straight into the ledger of the site at rest. Blocks. 0, or a
 * process's exit code. */
int found_run(const char *site_dir, const struct site_size *size) WORKER_FN;

#endif
