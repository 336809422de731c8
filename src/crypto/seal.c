/* AES-256-GCM blobs. The header (version and key id) is authenticated with the caller's aad, so a
 * blob cannot be relabelled. */
#include "crypto/seal.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include <string.h>

enum { VERSION = 1, HEADER_LEN = 5, NONCE_LEN = 12, TAG_LEN = 16 };

static int gcm_begin(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *blob, struct bytes aad,
                     int enc)
{
    int n;
    if (EVP_CipherInit_ex2(ctx, NULL, key, blob + HEADER_LEN, enc, NULL) != 1 ||
        EVP_CipherUpdate(ctx, NULL, &n, blob, HEADER_LEN) != 1)
        return crypto_fail("AES-GCM");
    if (aad.len && EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) != 1)
        return crypto_fail("AES-GCM");
    return 0;
}

static int gcm_seal(EVP_CIPHER_CTX *ctx, struct bytes plain, uint8_t *out, uint8_t *tag)
{
    int n = 0;
    if (plain.len && EVP_CipherUpdate(ctx, out, &n, plain.data, (int)plain.len) != 1)
        return crypto_fail("AES-GCM");
    if (EVP_CipherFinal_ex(ctx, out + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) != 1)
        return crypto_fail("AES-GCM");
    return 0;
}

/* Drawn many at a time: asking for twelve bytes costs as much as for hundreds. */
static int take_nonce(struct crypto *x, uint8_t ret[NONCE_LEN])
{
    if (x->nonces_left == 0) {
        int err = crypto_random(x, x->nonces, sizeof x->nonces);
        if (err)
            return err;
        x->nonces_left = sizeof x->nonces / NONCE_LEN;
    }
    uint8_t *at = x->nonces + (size_t)--x->nonces_left * NONCE_LEN;
    memcpy(ret, at, NONCE_LEN);
    memset(at, 0, NONCE_LEN);
    return 0;
}

/* What was appended goes again: it may be clear text. */
static void take_back(struct buf *b, size_t len)
{
    if (b->len > len)
        secret_wipe(b->data + len, b->len - len);
    b->len = len;
}

int seal_wrap(struct crypto *x, const struct seal_key *key, struct bytes aad, struct bytes plain,
              struct buf *ret)
{
    EVP_CIPHER_CTX *ctx = x->cipher_ctx[CIPHER_GCM];
    if (plain.len > SEAL_MAX || aad.len > SEAL_MAX)
        return OC_ELIMIT;
    uint8_t filler[TAG_LEN] = {0};
    size_t at = ret->len;
    int err = take_nonce(x, filler);
    if (err)
        return err;
    buf_put_u8(ret, VERSION);
    buf_put_u32(ret, key->id);
    buf_put(ret, filler, NONCE_LEN);
    buf_put(ret, plain.data, plain.len);
    buf_put(ret, filler, TAG_LEN);
    err = ret->err;
    if (!err)
        err = gcm_begin(ctx, key->bytes, ret->data + at, aad, 1);
    if (!err)
        err = gcm_seal(ctx, plain, ret->data + at + HEADER_LEN + NONCE_LEN,
                       ret->data + ret->len - TAG_LEN);
    if (err)
        take_back(ret, at);
    return err;
}

/** Opens the ciphertext into `out` of blob.len - SEAL_OVERHEAD bytes. */
static int gcm_open(EVP_CIPHER_CTX *ctx, struct bytes blob, uint8_t *out)
{
    const uint8_t *p = blob.data;
    int len = (int)(blob.len - SEAL_OVERHEAD), n = 0;
    uint8_t tag[TAG_LEN];
    memcpy(tag, p + blob.len - TAG_LEN, TAG_LEN);
    if (len && EVP_CipherUpdate(ctx, out, &n, p + HEADER_LEN + NONCE_LEN, len) != 1)
        return crypto_fail("AES-GCM");
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1)
        return crypto_fail("AES-GCM");
    return EVP_CipherFinal_ex(ctx, out + n, &n) == 1 ? 0 : OC_ESEAL;
}

int seal_unwrap(struct crypto *x, const struct seal_key *key, struct bytes aad, struct bytes blob,
                struct buf *ret)
{
    EVP_CIPHER_CTX *ctx = x->cipher_ctx[CIPHER_GCM];
    uint32_t id;
    if (seal_key_id(blob, &id) || id != key->id || blob.len > SEAL_MAX + SEAL_OVERHEAD ||
        aad.len > SEAL_MAX)
        return OC_ESEAL;
    size_t at = ret->len;
    uint8_t nothing; /* an empty plain text needs no memory, and a buffer that is empty has none */
    buf_put(ret, (const uint8_t *)blob.data + HEADER_LEN + NONCE_LEN, blob.len - SEAL_OVERHEAD);
    int err = ret->err;
    if (!err)
        err = gcm_begin(ctx, key->bytes, blob.data, aad, 0);
    if (!err)
        err = gcm_open(ctx, blob, blob.len > SEAL_OVERHEAD ? ret->data + at : &nothing);
    if (err)
        take_back(ret, at);
    return err;
}

int seal_key_id(struct bytes blob, uint32_t *ret_id)
{
    const uint8_t *p = blob.data;
    if (blob.len < SEAL_OVERHEAD || p[0] != VERSION)
        return OC_ESEAL;
    *ret_id = be32(p + 1);
    return 0;
}

int seal_search(struct crypto *x, const uint8_t key[32], const char *domain, struct bytes value,
                uint8_t ret[SEAL_HASH_LEN])
{
    uint8_t mac[SHA256_LEN];
    /* The NUL ends the domain: "ab","c" and "a","bc" differ. */
    int err =
        mac_hmac_sha256_parts(x, (struct bytes){key, 32},
                              (const struct bytes[]){{domain, strlen(domain) + 1}, value}, 2, mac);
    if (!err)
        memcpy(ret, mac, SEAL_HASH_LEN);
    return err;
}
