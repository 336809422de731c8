/* Block ciphers, MACs and hashes under the names the card standards use. Keys are given as bytes
 * and not kept. All: OC_ECRYPTO when OpenSSL fails, OC_EINVAL for impossible lengths. Nothing
 * blocks but hash_sha256_file. Weak DES keys are not refused: test cards have them (facts §14.9).
 * Parity bits are ignored. */
#ifndef CRYPTO_MAC_H
#define CRYPTO_MAC_H

#include "base/base.h"
#include "crypto/context.h"
#include <stddef.h>
#include <stdint.h>

#define DES_BLOCK  8
#define SM4_BLOCK  16
#define SHA256_LEN 32

/** A key or other bytes of the caller. */
struct bytes {
    const void *data;
    size_t len;
};

/** ECB of `len` bytes (a multiple of 8): DES under an 8-byte key, 3DES EDE2 under 16. `ret` may be
 * `in`. */
int mac_des_ecb(struct crypto *x, struct bytes key, const uint8_t *in, size_t len,
                uint8_t *ret) MUST_USE;
/** The inverse. */
int mac_des_ecb_decrypt(struct crypto *x, struct bytes key, const uint8_t *in, size_t len,
                        uint8_t *ret) MUST_USE;
/** SM4 ECB of `len` bytes (a multiple of 16). `ret` may be `in`. */
int mac_sm4_ecb(struct crypto *x, const uint8_t key[16], const uint8_t *in, size_t len,
                uint8_t *ret) MUST_USE;

/** Single-DES CBC-MAC, padded 80 00… always (ISO 9797-1 method 2), whole last block; transactions
 * use its left 4 bytes. `iv` NULL: zeros. Facts §4.3. */
int mac_des_cbc(struct crypto *x, const uint8_t key[8], const uint8_t *iv, struct bytes data,
                uint8_t ret[DES_BLOCK]) MUST_USE;
/** Retail MAC (ISO 9797-1 algorithm 3): CBC under the left half, last block D(right) E(left). `iv`
 * NULL: zeros. Secure messaging under a 16-byte key, facts §4.4. */
int mac_des_retail(struct crypto *x, const uint8_t key[16], const uint8_t *iv, struct bytes data,
                   uint8_t ret[DES_BLOCK]) MUST_USE;
/** SM4 CBC-MAC, padded 80 00… to 16 always. `iv` NULL: zeros, else 16 bytes. Facts §5. */
int mac_sm4_cbc(struct crypto *x, const uint8_t key[16], const uint8_t *iv, struct bytes data,
                uint8_t ret[SM4_BLOCK]) MUST_USE;

/** HMAC-SHA-256 (RFC 2104). */
int mac_hmac_sha256(struct crypto *x, struct bytes key, struct bytes data,
                    uint8_t ret[SHA256_LEN]) MUST_USE;
/** HMAC-SHA-256 over several pieces, one after another. */
int mac_hmac_sha256_parts(struct crypto *x, struct bytes key, const struct bytes *parts,
                          size_t count, uint8_t ret[SHA256_LEN]) MUST_USE;

/** SHA-256 of bytes in memory. */
int hash_sha256(struct crypto *x, struct bytes data, uint8_t ret[SHA256_LEN]) MUST_USE;
/** SHA-256 piece by piece. The hash ends with hash_final (which frees it) or hash_free. */
struct hash;
int hash_new(struct crypto *x, struct hash **ret) MUST_USE;
int hash_update(struct hash *h, const void *data, size_t len) MUST_USE;
int hash_final(struct hash **h, uint8_t ret[SHA256_LEN]) MUST_USE;
void hash_free(struct hash **h);
/** SHA-256 of a file, read piece by piece. OC_ENOENT, OC_EIO (logged). Blocks. */
int hash_sha256_file(struct crypto *x, const char *path,
                     uint8_t ret[SHA256_LEN]) MUST_USE WORKER_FN;

#endif
