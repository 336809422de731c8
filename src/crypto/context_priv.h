/* What a cryptographic context holds; only for the files of this folder. */
#ifndef CRYPTO_CONTEXT_PRIV_H
#define CRYPTO_CONTEXT_PRIV_H

#include "crypto/context.h"
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

enum crypto_cipher { CIPHER_3DES, CIPHER_SM4, CIPHER_GCM, CIPHER_WRAP, CIPHER_COUNT };

struct crypto {
    const struct rng *rng;
    EVP_CIPHER *cipher[CIPHER_COUNT];
    EVP_CIPHER_CTX *cipher_ctx[CIPHER_COUNT];
    EVP_MD *sha256;
    EVP_MD_CTX *md_ctx;
    EVP_MAC *hmac;
    EVP_MAC_CTX *hmac_ctx;
    uint8_t nonces[64 * 12]; /* of sealed blobs, not used yet: seal.c */
    unsigned nonces_left;
    uint8_t hmac_key[32]; /* the key that hmac_ctx holds: a chain uses one all day */
    bool hmac_keyed;
};

/** Logs what OpenSSL says about `what` and gives OC_ECRYPTO. */
int crypto_fail(const char *what);

#endif
