/* Block ciphers and the MACs over them. DES is 3DES with one key three times.
 * The CBC-MACs chain blocks by hand over ECB: the key is set once a MAC, and the padded last block
 * needs no copy of the whole data. */
#include "crypto/mac.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include <limits.h>
#include <string.h>

enum { EDE3_KEY = 24 };

static int key_des(EVP_CIPHER_CTX *ctx, const uint8_t *key, size_t len, int enc)
{
    uint8_t k[EDE3_KEY];
    memcpy(k, key, 8);
    memcpy(k + 8, len == 16 ? key + 8 : key, 8);
    memcpy(k + 16, key, 8);
    int ok = EVP_CipherInit_ex2(ctx, NULL, k, NULL, enc, NULL);
    secret_wipe(k, sizeof k);
    return ok == 1 ? 0 : crypto_fail("3DES key");
}

static int blocks(EVP_CIPHER_CTX *ctx, const uint8_t *in, size_t len, uint8_t *ret)
{
    int out = 0;
    if (len > INT_MAX)
        return OC_EINVAL;
    if (len == 0)
        return 0;
    if (EVP_CipherUpdate(ctx, ret, &out, in, (int)len) != 1 || out != (int)len)
        return crypto_fail("block cipher");
    return 0;
}

static int des_ecb(struct crypto *x, struct bytes key, struct bytes in, int enc, uint8_t *ret)
{
    EVP_CIPHER_CTX *ctx = x->cipher_ctx[CIPHER_3DES];
    if ((key.len != 8 && key.len != 16) || in.len % DES_BLOCK)
        return OC_EINVAL;
    int err = key_des(ctx, key.data, key.len, enc);
    return err ? err : blocks(ctx, in.data, in.len, ret);
}

int mac_des_ecb(struct crypto *x, struct bytes key, const uint8_t *in, size_t len, uint8_t *ret)
{
    return des_ecb(x, key, (struct bytes){in, len}, 1, ret);
}

int mac_des_ecb_decrypt(struct crypto *x, struct bytes key, const uint8_t *in, size_t len,
                        uint8_t *ret)
{
    return des_ecb(x, key, (struct bytes){in, len}, 0, ret);
}

static int key_sm4(struct crypto *x, const uint8_t key[16])
{
    if (EVP_CipherInit_ex2(x->cipher_ctx[CIPHER_SM4], NULL, key, NULL, 1, NULL) != 1)
        return crypto_fail("SM4 key");
    return 0;
}

int mac_sm4_ecb(struct crypto *x, const uint8_t key[16], const uint8_t *in, size_t len,
                uint8_t *ret)
{
    if (len % SM4_BLOCK)
        return OC_EINVAL;
    int err = key_sm4(x, key);
    return err ? err : blocks(x->cipher_ctx[CIPHER_SM4], in, len, ret);
}

/** CBC over `data` padded 80 00…, leaving the last cipher block in `chain`, which begins as the
 * initial value. */
static int cbc_mac(EVP_CIPHER_CTX *ctx, size_t block, struct bytes data, uint8_t *chain)
{
    const uint8_t *p = data.data;
    for (size_t at = 0;; at += block) {
        size_t n = data.len - at < block ? data.len - at : block;
        for (size_t i = 0; i < n; i++)
            chain[i] ^= p[at + i];
        if (n < block)
            chain[n] ^= 0x80;
        int err = blocks(ctx, chain, block, chain);
        if (err || n < block)
            return err;
    }
}

static void chain_begin(uint8_t *chain, size_t block, const uint8_t *iv)
{
    if (iv)
        memcpy(chain, iv, block);
    else
        memset(chain, 0, block);
}

static int des_cbc(struct crypto *x, const uint8_t *key, const uint8_t *iv, struct bytes data,
                   uint8_t chain[DES_BLOCK])
{
    EVP_CIPHER_CTX *ctx = x->cipher_ctx[CIPHER_3DES];
    chain_begin(chain, DES_BLOCK, iv);
    int err = key_des(ctx, key, 8, 1);
    return err ? err : cbc_mac(ctx, DES_BLOCK, data, chain);
}

int mac_des_cbc(struct crypto *x, const uint8_t key[8], const uint8_t *iv, struct bytes data,
                uint8_t ret[DES_BLOCK])
{
    uint8_t chain[DES_BLOCK];
    int err = des_cbc(x, key, iv, data, chain);
    if (!err)
        memcpy(ret, chain, DES_BLOCK);
    return err;
}

int mac_des_retail(struct crypto *x, const uint8_t key[16], const uint8_t *iv, struct bytes data,
                   uint8_t ret[DES_BLOCK])
{
    uint8_t chain[DES_BLOCK];
    int err = des_cbc(x, key, iv, data, chain);
    if (!err)
        err = mac_des_ecb_decrypt(x, (struct bytes){key + 8, 8}, chain, DES_BLOCK, chain);
    if (!err)
        err = mac_des_ecb(x, (struct bytes){key, 8}, chain, DES_BLOCK, chain);
    if (!err)
        memcpy(ret, chain, DES_BLOCK);
    return err;
}

int mac_sm4_cbc(struct crypto *x, const uint8_t key[16], const uint8_t *iv, struct bytes data,
                uint8_t ret[SM4_BLOCK])
{
    uint8_t chain[SM4_BLOCK];
    chain_begin(chain, SM4_BLOCK, iv);
    int err = key_sm4(x, key);
    if (!err)
        err = cbc_mac(x->cipher_ctx[CIPHER_SM4], SM4_BLOCK, data, chain);
    if (!err)
        memcpy(ret, chain, SM4_BLOCK);
    return err;
}
