/* Signatures: a keyed one over file hashes for our own manifests, and verification of SM2
 * signatures made by others (T-Union certificates and codes, facts §10). */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include "crypto/mac.h"

/** Signs a SHA-256 under a site key: HMAC over a fixed prefix and the hash. */
int sign_hmac(struct crypto *x, const uint8_t key[32], const uint8_t hash[SHA256_LEN],
              uint8_t ret[SHA256_LEN]) MUST_USE;
/** OC_EMAC: not the signature. Compares in constant time. */
int sign_hmac_verify(struct crypto *x, const uint8_t key[32], const uint8_t hash[SHA256_LEN],
                     const uint8_t signature[SHA256_LEN]) MUST_USE;

/** SM2 with SM3 (GB/T 32918): public point X‖Y, signature r‖s, `user_id` NULL for 1234567812345678.
 *  OC_EMAC: does not verify. OC_EINVAL: no point of the curve. OC_ECRYPTO. */
int sign_sm2_verify(const uint8_t point[64], struct bytes message, const uint8_t signature[64],
                    const char *user_id) MUST_USE;

#endif
