/* Sealing of secrets and personal data at rest: AES-256-GCM with a random nonce. A sealed blob
 * names its key, so that keys can be changed: 01 ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16).
 * Searching goes by keyed hash. */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "base/base.h"
#include "crypto/mac.h"

#define SEAL_OVERHEAD (1 + 4 + 12 + 16)
#define SEAL_MAX      (1u << 20) /* bytes sealed at once */
#define SEAL_HASH_LEN 16

struct seal_key {
    uint32_t id;
    uint8_t bytes[32]; /* a secret */
};
/** Seals `plain`, bound to `aad` (what it belongs to: table, column, row), appending SEAL_OVERHEAD
 * more bytes to `ret`. A key may seal 2^32 blobs. OC_ELIMIT, OC_ECRYPTO; buf errors come back. */
int seal_wrap(struct crypto *x, const struct seal_key *key, struct bytes aad, struct bytes plain,
              struct buf *ret) MUST_USE;
/** Opens a blob, appending the plain bytes to `ret`; nothing is appended when it fails.
 *  OC_ESEAL: other key, other aad, damaged, or no blob at all. */
int seal_unwrap(struct crypto *x, const struct seal_key *key, struct bytes aad, struct bytes blob,
                struct buf *ret) MUST_USE;
/** The id of the key that sealed a blob. OC_ESEAL: no blob. */
int seal_key_id(struct bytes blob, uint32_t *ret_id) MUST_USE;
/** Keyed hash for equality search over sealed values: the left 16 bytes of HMAC-SHA-256. `domain`
 * keeps columns apart. */
int seal_search(struct crypto *x, const uint8_t key[32], const char *domain, struct bytes value,
                uint8_t ret[SEAL_HASH_LEN]) MUST_USE;

#endif
