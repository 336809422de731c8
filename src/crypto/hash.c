/* SHA-256 and HMAC-SHA-256, whole and piece by piece. */
#include "crypto/mac.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hash {
    EVP_MD_CTX *ctx;
};

/* Keying costs two blocks and OpenSSL's bookkeeping: the key of the last time is only set back. */
static bool hmac_begin(struct crypto *x, struct bytes key)
{
    if (x->hmac_keyed && key.len == sizeof x->hmac_key &&
        secret_equal(x->hmac_key, key.data, key.len))
        return EVP_MAC_init(x->hmac_ctx, NULL, 0, NULL) == 1;
    x->hmac_keyed = false;
    if (EVP_MAC_init(x->hmac_ctx, key.data, key.len, NULL) != 1)
        return false;
    if (key.len == sizeof x->hmac_key) {
        memcpy(x->hmac_key, key.data, key.len);
        x->hmac_keyed = true;
    }
    return true;
}

int mac_hmac_sha256_parts(struct crypto *x, struct bytes key, const struct bytes *parts,
                          size_t count, uint8_t ret[SHA256_LEN])
{
    uint8_t out[SHA256_LEN];
    size_t len = 0;
    /* OpenSSL takes a NULL or empty key for "the key of last time". */
    if (key.len == 0)
        return OC_EINVAL;
    if (!hmac_begin(x, key))
        return crypto_fail("HMAC key");
    for (size_t i = 0; i < count; i++) {
        if (EVP_MAC_update(x->hmac_ctx, parts[i].data, parts[i].len) != 1)
            return crypto_fail("HMAC");
    }
    if (EVP_MAC_final(x->hmac_ctx, out, &len, sizeof out) != 1 || len != sizeof out)
        return crypto_fail("HMAC");
    memcpy(ret, out, sizeof out);
    return 0;
}

int mac_hmac_sha256(struct crypto *x, struct bytes key, struct bytes data, uint8_t ret[SHA256_LEN])
{
    return mac_hmac_sha256_parts(x, key, &data, 1, ret);
}

int hash_sha256(struct crypto *x, struct bytes data, uint8_t ret[SHA256_LEN])
{
    uint8_t out[EVP_MAX_MD_SIZE];
    if (EVP_DigestInit_ex2(x->md_ctx, x->sha256, NULL) != 1 ||
        EVP_DigestUpdate(x->md_ctx, data.data, data.len) != 1 ||
        EVP_DigestFinal_ex(x->md_ctx, out, NULL) != 1)
        return crypto_fail("SHA-256");
    memcpy(ret, out, SHA256_LEN);
    return 0;
}

int hash_new(struct crypto *x, struct hash **ret)
{
    struct hash *h = calloc(1, sizeof *h);
    if (!h)
        return OC_ENOMEM;
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx || EVP_DigestInit_ex2(h->ctx, x->sha256, NULL) != 1) {
        hash_free(&h);
        return crypto_fail("SHA-256");
    }
    *ret = h;
    return 0;
}

int hash_update(struct hash *h, const void *data, size_t len)
{
    return EVP_DigestUpdate(h->ctx, data, len) == 1 ? 0 : crypto_fail("SHA-256");
}

int hash_final(struct hash **h, uint8_t ret[SHA256_LEN])
{
    uint8_t out[EVP_MAX_MD_SIZE];
    int ok = EVP_DigestFinal_ex((*h)->ctx, out, NULL);
    hash_free(h);
    if (ok != 1)
        return crypto_fail("SHA-256");
    memcpy(ret, out, SHA256_LEN);
    return 0;
}

void hash_free(struct hash **h)
{
    if (!*h)
        return;
    EVP_MD_CTX_free((*h)->ctx);
    free(*h);
    *h = NULL;
}

static int hash_stream(struct hash *h, FILE *f)
{
    uint8_t piece[1024];
    size_t n;
    int err = 0;
    while (!err && (n = fread(piece, 1, sizeof piece, f)) > 0)
        err = hash_update(h, piece, n);
    if (!err && ferror(f))
        err = OC_EIO;
    return err;
}

int hash_sha256_file(struct crypto *x, const char *path, uint8_t ret[SHA256_LEN])
{
    struct hash *h = NULL;
    FILE *f = fopen(path, "rbe");
    if (!f) {
        if (errno == ENOENT)
            return OC_ENOENT;
        log_error("crypto", "cannot open %s: %s", path, strerror(errno));
        return OC_EIO;
    }
    int err = hash_new(x, &h);
    if (!err)
        err = hash_stream(h, f);
    if (err == OC_EIO)
        log_error("crypto", "cannot read %s: %s", path, strerror(errno));
    (void)fclose(f);
    if (err) {
        hash_free(&h);
        return err;
    }
    return hash_final(&h, ret);
}
