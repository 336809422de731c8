/* The cryptography of the PBOC electronic purse: diversification, session keys, MAC1, MAC2, TAC,
 * authentication and secure messaging (JR/T 0025; facts §4), by the algorithm byte the card
 * reports. The SM4 forms follow facts §5: one source each for session key and MAC, none for the TAC
 * key; no published purse vector. They are UNPROVEN against a card. All functions: OC_EINVAL (key
 * length and algorithm do not fit, impossible length), OC_ECRYPTO. */
#ifndef CRYPTO_PBOC_H
#define CRYPTO_PBOC_H

#include "base/base.h"
#include "crypto/mac.h"

enum pboc_alg {
    PBOC_3DES = 0, /* 16-byte keys */
    PBOC_DES = 1,  /* 8-byte keys */
    PBOC_SM4 = 4   /* 16-byte keys, unproven */
};
#define PBOC_LEVELS_MAX  4
#define PBOC_MAC_LEN     4
#define PBOC_CODE_MAX    16 /* bytes after MAC1's data: 9 on MOHURD cards */
#define PBOC_SM_DATA_MAX 254

/** A card or master key. A secret: pboc_key_wipe when done. */
struct pboc_key {
    enum pboc_alg alg;
    uint8_t len; /* 8 for DES, else 16 */
    uint8_t bytes[16];
};
/** A key that MACs: a session key or a TAC key. 8 bytes (single DES) or 16 (SM4). A secret. */
struct pboc_session {
    enum pboc_alg alg;
    uint8_t len;
    uint8_t bytes[16];
};
/** What the MACs of a load are over. The answer to INITIALIZE FOR LOAD gives random, counter and
 * balance. */
struct pboc_load {
    uint8_t random[4];
    uint16_t counter;                               /* online, as reported: before the increment */
    uint8_t type;                                   /* 02 for the purse */
    uint32_t balance_before, amount, balance_after; /* fen, as the 4 bytes stand on the card */
    uint8_t sam[OC_SAM_LEN];
    uint8_t date[4], time[3]; /* the host's; not in MAC1 */
};
/** What the MACs of a purchase or CAPP purchase are over. */
struct pboc_purchase {
    uint8_t random[4];
    uint16_t counter; /* offline, as reported: before the increment */
    uint8_t type;     /* 06, or 09 for CAPP */
    uint32_t amount;
    uint32_t sam_seq; /* terminal transaction number: all of it in the TAC, its low half in the
                         session key */
    uint8_t sam[OC_SAM_LEN];
    uint8_t date[4], time[3];
    uint8_t code[PBOC_CODE_MAX]; /* appended to MAC1's data (MOHURD, facts §4.5) */
    uint8_t code_len;            /* 0: none */
};

/** Key from `len` bytes for `alg`: 16, or 8 for DES (of 16 the left 8 are taken). OC_EINVAL. */
int pboc_key_set(struct pboc_key *ret, enum pboc_alg alg, const void *bytes, size_t len) MUST_USE;
void pboc_key_wipe(struct pboc_key *k);
void pboc_session_wipe(struct pboc_session *s);
/** Key check value: the first 3 bytes of a block of zeros enciphered. */
int pboc_kcv(struct crypto *x, const struct pboc_key *key, uint8_t ret[3]) MUST_USE;

/** One level: E(MK, f) ‖ E(MK, NOT f) (facts §4.1); DES: E(MK, f) alone; SM4: E(MK, f ‖ NOT f). */
int pboc_diversify(struct crypto *x, const struct pboc_key *mk, const uint8_t factor[8],
                   struct pboc_key *ret) MUST_USE;
/** `levels` factors of 8 bytes, outermost (country, city, issuer) first, the card last; 0 copies.
 * OC_EINVAL: over 4. */
int pboc_diversify_n(struct crypto *x, const struct pboc_key *mk, const uint8_t (*factors)[8],
                     size_t levels, struct pboc_key *ret) MUST_USE;

/** Session key of a load from the card's load key: E(DLK, random ‖ counter ‖ 8000). Facts §4.2. */
int pboc_load_session(struct crypto *x, const struct pboc_key *dlk, const struct pboc_load *l,
                      struct pboc_session *ret) MUST_USE;
/** Session key of a purchase: E(DPK, random ‖ counter ‖ low half of sam_seq). */
int pboc_purchase_session(struct crypto *x, const struct pboc_key *dpk,
                          const struct pboc_purchase *p, struct pboc_session *ret) MUST_USE;
/** The key that makes TACs: left half XOR right half of DTK (facts §4.3); DES: the key itself; SM4:
 * all 16 bytes (unproven). */
int pboc_tac_key(const struct pboc_key *dtk, struct pboc_session *ret) MUST_USE;
/** The left 4 bytes of the transaction MAC over `data`. */
int pboc_mac(struct crypto *x, const struct pboc_session *s, struct bytes data,
             uint8_t ret[PBOC_MAC_LEN]) MUST_USE;

/** Load, under its session key: MAC1 (card: balance before, amount, type, SAM), MAC2 (host: amount,
 * type, SAM, date, time). */
int pboc_load_mac1(struct crypto *x, const struct pboc_session *s, const struct pboc_load *l,
                   uint8_t ret[4]) MUST_USE;
int pboc_load_mac2(struct crypto *x, const struct pboc_session *s, const struct pboc_load *l,
                   uint8_t ret[4]) MUST_USE;
/** Load TAC, under the TAC key: balance after, counter, amount, type, SAM, date, time. */
int pboc_load_tac(struct crypto *x, const struct pboc_session *tac_key, const struct pboc_load *l,
                  uint8_t ret[4]) MUST_USE;

/** Purchase, under its session key: MAC1 (SAM: amount, type, SAM, date, time, code), MAC2 (card:
 * amount). */
int pboc_purchase_mac1(struct crypto *x, const struct pboc_session *s,
                       const struct pboc_purchase *p, uint8_t ret[4]) MUST_USE;
int pboc_purchase_mac2(struct crypto *x, const struct pboc_session *s,
                       const struct pboc_purchase *p, uint8_t ret[4]) MUST_USE;
/** Purchase TAC, under the TAC key: amount, type, SAM, sam_seq, date, time. */
int pboc_purchase_tac(struct crypto *x, const struct pboc_session *tac_key,
                      const struct pboc_purchase *p, uint8_t ret[4]) MUST_USE;

/** EXTERNAL AUTHENTICATE: E(key, challenge), a challenge of 4 bytes padded with zeros (facts §1.1).
 * SM4: the two halves of E(key, challenge ‖ 0…) XORed. `len` 4 or 8. */
int pboc_external_auth(struct crypto *x, const struct pboc_key *key, const uint8_t *challenge,
                       size_t len, uint8_t ret[8]) MUST_USE;
/** INTERNAL AUTHENTICATE: E(key, data) of `len` bytes, a multiple of 8 (SM4: 16), at most 64; as
 * many into `ret`. */
int pboc_internal_auth(struct crypto *x, const struct pboc_key *key, const uint8_t *data,
                       size_t len, uint8_t *ret) MUST_USE;

/** Secure messaging's initial value from the card's random of `len` 4 or 8 bytes: random ‖ zeros.
 * OC_EINVAL. */
int pboc_sm_iv(const uint8_t *random, size_t len, uint8_t ret[8]) MUST_USE;
/** Secure-messaging MAC over header (with Lc including the MAC) and data: DES CBC-MAC, retail MAC,
 * or SM4 CBC-MAC. §4.4. */
int pboc_sm_mac(struct crypto *x, const struct pboc_key *key, const uint8_t iv[8],
                struct bytes data, uint8_t ret[PBOC_MAC_LEN]) MUST_USE;
/** Secure-messaging encryption: LD ‖ data, filled with 80 00… to whole blocks (nothing is added to
 * whole blocks: PBOC 2.0 part 1 §8.3, LD tells the length), ECB; appended to `ret`. At most
 * PBOC_SM_DATA_MAX bytes; buf errors come back. */
int pboc_sm_encrypt(struct crypto *x, const struct pboc_key *key, struct bytes data,
                    struct buf *ret) MUST_USE;

#endif
