/* Keys from a passphrase, and keys from a key by label. */
#ifndef CRYPTO_KDF_H
#define CRYPTO_KDF_H

#include "base/base.h"
#include "crypto/mac.h"

/** What a passphrase is stretched with; kept beside what it protects. */
struct kdf_cost {
    uint8_t log2_n; /* scrypt's N = 2^log2_n, 10–20 */
    uint8_t r;      /* 1–16 */
    uint8_t p;      /* 1–4 */
    uint8_t salt[16];
};
/** scrypt (RFC 7914) to 32 bytes. Takes 128·r·2^log2_n bytes and the time that goes with it:
 * blocks. OC_EINVAL: cost outside its bounds or an empty passphrase. OC_ECRYPTO. The caller wipes
 * `ret`. */
int kdf_passphrase(const char *passphrase, const struct kdf_cost *cost,
                   uint8_t ret[32]) MUST_USE WORKER_FN;
/** A key of its own for each label under one 32-byte key: HKDF-Expand (RFC 5869) with SHA-256 and
 * info = label. OC_EINVAL: empty label. OC_ECRYPTO. */
int kdf_label(struct crypto *x, const uint8_t key[32], const char *label, uint8_t ret[32]) MUST_USE;

#endif
