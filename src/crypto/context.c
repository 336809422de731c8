/* The context: everything fetched from OpenSSL's providers once, at start.
 * Invariant: each cipher context has its cipher set, so that an operation only gives a key. */
#include "crypto/context.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdlib.h>

/* 3DES alone: with K1=K2=K3 it is single DES, which itself lives in a provider that may not be
 * there. */
static const char *const cipher_names[CIPHER_COUNT] = {
    [CIPHER_3DES] = "DES-EDE3-ECB",
    [CIPHER_SM4] = "SM4-ECB",
    [CIPHER_GCM] = "AES-256-GCM",
    [CIPHER_WRAP] = "AES-256-WRAP",
};

int crypto_fail(const char *what)
{
    char text[160] = "no detail";
    unsigned long e = ERR_get_error();
    if (e)
        ERR_error_string_n(e, text, sizeof text);
    ERR_clear_error();
    log_error("crypto", "%s: %s", what, text);
    return OC_ECRYPTO;
}

static int fetch_ciphers(struct crypto *x)
{
    for (int i = 0; i < CIPHER_COUNT; i++) {
        x->cipher[i] = EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
        x->cipher_ctx[i] = EVP_CIPHER_CTX_new();
        if (!x->cipher[i] || !x->cipher_ctx[i])
            return crypto_fail(cipher_names[i]);
        if (i == CIPHER_WRAP)
            EVP_CIPHER_CTX_set_flags(x->cipher_ctx[i], EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        if (EVP_EncryptInit_ex2(x->cipher_ctx[i], x->cipher[i], NULL, NULL, NULL) != 1)
            return crypto_fail(cipher_names[i]);
        EVP_CIPHER_CTX_set_padding(x->cipher_ctx[i], 0);
    }
    return 0;
}

static int fetch_hashes(struct crypto *x)
{
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    x->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    x->md_ctx = EVP_MD_CTX_new();
    x->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!x->sha256 || !x->md_ctx || !x->hmac)
        return crypto_fail("SHA-256");
    x->hmac_ctx = EVP_MAC_CTX_new(x->hmac);
    if (!x->hmac_ctx || EVP_MAC_CTX_set_params(x->hmac_ctx, params) != 1)
        return crypto_fail("HMAC-SHA-256");
    return 0;
}

int crypto_new(const struct rng *rng, struct crypto **ret)
{
    struct crypto *x = calloc(1, sizeof *x);
    if (!x)
        return OC_ENOMEM;
    x->rng = rng ? rng : &rng_system;
    int err = fetch_ciphers(x);
    if (!err)
        err = fetch_hashes(x);
    if (err) {
        crypto_free(&x);
        return err;
    }
    *ret = x;
    return 0;
}

void crypto_free(struct crypto **px)
{
    struct crypto *x = *px;
    if (!x)
        return;
    for (int i = 0; i < CIPHER_COUNT; i++) {
        EVP_CIPHER_CTX_free(x->cipher_ctx[i]);
        EVP_CIPHER_free(x->cipher[i]);
    }
    EVP_MD_CTX_free(x->md_ctx);
    EVP_MD_free(x->sha256);
    EVP_MAC_CTX_free(x->hmac_ctx);
    EVP_MAC_free(x->hmac);
    secret_wipe(x->hmac_key, sizeof x->hmac_key);
    free(x);
    *px = NULL;
}

int crypto_random(struct crypto *x, void *ret, size_t len)
{
    return rng_fill(x->rng, ret, len);
}
