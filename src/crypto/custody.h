/* Custody of the card master keys: they lie in locked memory, are named by (purpose, algorithm,
 * version, issuer), and are used here; no function gives a master key out. What the *card* computes
 * can only be verified, not asked for. Thread-safe: it has a context of its own behind a mutex; an
 * operation takes some microseconds.
 *
 * R10: computing a purchase MAC1 needs the city-wide purchase key, which belongs into SAMs. It is
 * refused (OC_EPERM) unless the custody was made with software_sam, an explicit switch for test
 * sites.
 *
 * Every operation: OC_ENOKEY when no key of that purpose, algorithm and version serves the card;
 * OC_EMAC when a check fails; OC_EINVAL, OC_ECRYPTO. */
#ifndef CRYPTO_CUSTODY_H
#define CRYPTO_CUSTODY_H

#include "crypto/pboc.h"

/** Durable numbers: they stand in ledgers. */
enum key_purpose {
    KEY_PURCHASE = 1,    /* DPK: MAC1 and MAC2 of purchases */
    KEY_LOAD = 2,        /* DLK: MAC1 and MAC2 of loads */
    KEY_TAC = 3,         /* DTK */
    KEY_INTERNAL = 4,    /* internal authentication: is this card genuine */
    KEY_MAINTENANCE = 5, /* line protection of the application's files; blocks the application */
    KEY_MAIN = 6,        /* the card's main control key */
    KEY_EXTERNAL = 7,    /* external authentication: may we write */
    KEY_LOCK = 8,
    KEY_UNLOCK = 9,
    KEY_PIN_UNBLOCK = 10,
    KEY_PIN_RELOAD = 11,
    KEY_UNLOAD = 12,
    KEY_OVERDRAFT = 13
};
#define KEY_PURPOSE_LAST KEY_OVERDRAFT

/** "purchase", "load", "tac", "internal", "maintenance", …; "?" for a number unknown. Static. */
const char *key_purpose_name(enum key_purpose p);
/** The purpose of a name. OC_EINVAL. */
int key_purpose_parse(const char *name, enum key_purpose *ret) MUST_USE;
/** "3des", "des", "sm4"; "?" for a number unknown. Static. */
const char *pboc_alg_name(enum pboc_alg alg);
int pboc_alg_parse(const char *name, enum pboc_alg *ret) MUST_USE;

/** Which key. */
struct custody_slot {
    enum key_purpose purpose;
    enum pboc_alg alg;
    uint8_t version;
    bool all_issuers;
    uint8_t issuer[OC_ISSUER_LEN]; /* unless all_issuers */
};
/** Whose card, and by which of its keys: what INITIALIZE and the profile say. */
struct custody_card {
    uint8_t factors[PBOC_LEVELS_MAX][8]; /* outermost first, the card last */
    unsigned levels;
    uint8_t issuer[OC_ISSUER_LEN];
    uint8_t key_version;
    enum pboc_alg alg;
};
/** A secure-messaging MAC to make. */
struct custody_sm {
    enum key_purpose purpose;
    uint8_t iv[8];     /* pboc_sm_iv */
    struct bytes data; /* header with Lc including the MAC, and data */
};

struct custody;

/** Empty custody. OC_ENOMEM, OC_ECRYPTO. */
int custody_new(bool software_sam, struct custody **ret) MUST_USE;
/** Wipes and frees. */
void custody_free(struct custody **c);
bool custody_software_sam(const struct custody *c);

/** Takes a master key in (16 bytes, copied; DES uses the left 8; the caller wipes his). OC_EEXIST:
 * the slot holds another key (the same key again is 0); OC_ELIMIT: over 1,024 keys; OC_ENOMEM: no
 * locked memory. */
int custody_add(struct custody *c, const struct custody_slot *slot, const uint8_t key[16]) MUST_USE;
/** Wipes a slot. OC_ENOENT. */
int custody_remove(struct custody *c, const struct custody_slot *slot) MUST_USE;
/** Whether some key would serve this card for this purpose. */
bool custody_has(struct custody *c, enum key_purpose purpose, const struct custody_card *card);
/** Check value (3 bytes) of the key in exactly this slot. OC_ENOKEY. */
int custody_kcv(struct custody *c, const struct custody_slot *slot, uint8_t ret[3]) MUST_USE;
/** Walks the slots: start with *cursor = 0; false at the end. */
bool custody_next(struct custody *c, size_t *cursor, struct custody_slot *ret);

/* Loads (R7: one MAC2 per card and online counter is the caller's promise). */
int custody_card_mac1_verify_load(struct custody *c, const struct custody_card *card,
                                  const struct pboc_load *l, const uint8_t mac1[4]) MUST_USE;
int custody_load_mac2(struct custody *c, const struct custody_card *card, const struct pboc_load *l,
                      uint8_t ret[4]) MUST_USE;
int custody_load_tac_verify(struct custody *c, const struct custody_card *card,
                            const struct pboc_load *l, const uint8_t tac[4]) MUST_USE;

/* Purchases and CAPP purchases. */
/** OC_EPERM: no software SAM here (R10). */
int custody_purchase_mac1(struct custody *c, const struct custody_card *card,
                          const struct pboc_purchase *p, uint8_t ret[4]) MUST_USE;
int custody_purchase_mac2_verify(struct custody *c, const struct custody_card *card,
                                 const struct pboc_purchase *p, const uint8_t mac2[4]) MUST_USE;
int custody_purchase_tac_verify(struct custody *c, const struct custody_card *card,
                                const struct pboc_purchase *p, const uint8_t tac[4]) MUST_USE;

/* Authentication. */
/** Verifies the card's answer (8 bytes) to our challenge (8 bytes) under KEY_INTERNAL. OC_EMAC: not
 * genuine. */
int custody_internal_auth(struct custody *c, const struct custody_card *card,
                          const uint8_t challenge[8], const uint8_t answer[8]) MUST_USE;
/** The cryptogram for the card's challenge of 4 or 8 bytes. `purpose`: KEY_EXTERNAL, KEY_MAIN or
 * KEY_MAINTENANCE. */
int custody_external_auth(struct custody *c, enum key_purpose purpose,
                          const struct custody_card *card, struct bytes challenge,
                          uint8_t ret[8]) MUST_USE;

/* Secure messaging under a maintenance-like key (never KEY_PURCHASE, KEY_LOAD, KEY_TAC: OC_EPERM).
 */
int custody_sm_mac(struct custody *c, const struct custody_card *card, const struct custody_sm *sm,
                   uint8_t ret[4]) MUST_USE;
int custody_sm_encrypt(struct custody *c, enum key_purpose purpose, const struct custody_card *card,
                       struct bytes data, struct buf *ret) MUST_USE;

/** The diversified key that goes onto a card: only for the issuing flow, which wipes it. */
int custody_derive_for_personalisation(struct custody *c, enum key_purpose purpose,
                                       const struct custody_card *card,
                                       struct pboc_key *ret) MUST_USE;

#endif
