/*
 * The terminal's side for the card's tests: its own few lines of cryptography, so that a fault
 * common to the card and the test has to be made twice, and plain helpers that return results and
 * assert nothing.
 */
#ifndef TEST_CARDSIM_PEER_H
#define TEST_CARDSIM_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "cardsim.h"

struct reply {
    int err;
    unsigned sw;
    size_t len;       /* without the status word */
    uint8_t data[64]; /* as much as any test looks at */
};

size_t unhex(const char *text, uint8_t *out);

struct reply send_bytes(struct cardsim *c, const uint8_t *cmd, size_t len);

struct reply send_hex(struct cardsim *c, const char *text);

/* header is CLA INS P1 P2 in hex; Lc is set here; le < 0: none */
struct reply send_data(struct cardsim *c, const char *header, const uint8_t *data, size_t len,
                       int le);

void ede(const uint8_t *key16, int encrypt, const uint8_t *in, uint8_t *out, size_t len);

void des1(const uint8_t *key8, int encrypt, const uint8_t *in, uint8_t *out);

void cbc_mac(const uint8_t *key8, const uint8_t *iv, const uint8_t *data, size_t len,
             uint8_t *mac8);

void retail(const uint8_t *key16, const uint8_t *iv, const uint8_t *data, size_t len,
            uint8_t *mac8);

void plain_mac(const uint8_t *key8, const uint8_t *data, size_t len, uint8_t *mac8);

void tac_mac(const uint8_t *dtk, const uint8_t *data, size_t len, uint8_t *mac8);

void be32(uint8_t *p, uint32_t v);

/* Secure messaging: appends the MAC (and encrypts first when asked) with a fresh 4-byte challenge.
 */
struct reply send_secure(struct cardsim *c, const char *header, const uint8_t *data, size_t len,
                         const uint8_t *key16, bool encrypt);

struct reply authenticate(struct cardsim *c, const char *header, const uint8_t *key16);

extern const uint8_t terminal6[6];
extern const uint8_t when7[7];

/* A whole load with key id 1: 0 when the card's MAC1 and TAC are right, else the step that failed.
 */
int do_load(struct cardsim *c, uint32_t amount, const uint8_t *dlk, const uint8_t *dtk,
            struct reply *ret_last);

struct debit {
    uint8_t mac2[8], tac[8]; /* what the card must answer */
    uint8_t seq[2];          /* as INITIALIZE reported it */
    uint8_t balance[4];
};

/* INITIALIZE (P1 01 or 03), an optional CAPP record, DEBIT; suffix: the security code or NULL. */
int do_debit(struct cardsim *c, uint8_t p1, uint32_t amount, const uint8_t *dpk, const uint8_t *dtk,
             const char *capp, const uint8_t *suffix, struct debit *ret, struct reply *ret_last);

/* A challenge source that says what it is told. */
struct script {
    uint8_t bytes[64];
    size_t at;
};

void scripted(void *ctx, uint8_t *out, size_t len);

extern const uint8_t key_purchase[16];
extern const uint8_t key_load[16];
extern const uint8_t key_tac[16];
extern const uint8_t key_file[16];
extern const uint8_t key_main[16];
extern const uint8_t serial10[10];

void give_key(struct cardsim_personal *p, enum cardsim_key_use use, const uint8_t *value);

struct cardsim *ready_card(enum cardsim_profile profile, int64_t balance_fen);

#endif
