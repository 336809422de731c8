/*
 * The card's cryptography over libcrypto: triple DES with two keys (a single key is the case K1 =
 * K2), the two MACs of the purse card and key diversification; SM4 for internal authentication. It shares nothing with the switch on
 * purpose.
 */
#include "card.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void cs_ecb(const uint8_t *key, size_t key_len, bool encrypt, const uint8_t *in, uint8_t *out,
            size_t len)
{
    uint8_t k[16];
    memcpy(k, key, 8);
    memcpy(k + 8, key_len == 16 ? key + 8 : key, 8);
    int n = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || len % 8 != 0 || len > 256 ||
        !EVP_CipherInit_ex(ctx, EVP_des_ede_ecb(), NULL, k, NULL, encrypt) ||
        !EVP_CIPHER_CTX_set_padding(ctx, 0) || !EVP_CipherUpdate(ctx, out, &n, in, (int)len))
        abort();
    EVP_CIPHER_CTX_free(ctx);
}

/* CBC over data padded with 80 00…, always padded; the last block whole. */
static void cbc_last(const uint8_t key[8], const uint8_t iv[8], const uint8_t *data, size_t len,
                     uint8_t last[8])
{
    memcpy(last, iv, 8);
    for (size_t at = 0; at <= len; at += 8) {
        for (size_t i = 0; i < 8; i++) {
            if (at + i < len)
                last[i] ^= data[at + i];
            else if (at + i == len)
                last[i] ^= 0x80;
        }
        cs_ecb(key, 8, true, last, last, 8);
    }
}

void cs_mac_des(const uint8_t key[8], const uint8_t iv[8], const uint8_t *data, size_t len,
                uint8_t out[4])
{
    uint8_t last[8];
    cbc_last(key, iv, data, len, last);
    memcpy(out, last, 4);
}

void cs_mac_retail(const uint8_t *key, size_t key_len, const uint8_t iv[8], const uint8_t *data,
                   size_t len, uint8_t out[4])
{
    uint8_t last[8];
    cbc_last(key, iv, data, len, last);
    if (key_len == 16) {
        cs_ecb(key + 8, 8, false, last, last, 8);
        cs_ecb(key, 8, true, last, last, 8);
    }
    memcpy(out, last, 4);
}

void cs_fold(const uint8_t *key, size_t key_len, uint8_t out[8])
{
    for (size_t i = 0; i < 8; i++)
        out[i] = key_len == 16 ? (uint8_t)(key[i] ^ key[i + 8]) : key[i];
}

void cs_diversify(const uint8_t master[16], const uint8_t factor[8], uint8_t out[16])
{
    uint8_t in[16];
    for (size_t i = 0; i < 8; i++) {
        in[i] = factor[i];
        in[i + 8] = (uint8_t)~factor[i];
    }
    cs_ecb(master, 16, true, in, out, 16);
}

static void sm4_block(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t block[16];
    int n = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || !EVP_EncryptInit_ex(ctx, EVP_sm4_ecb(), NULL, key, NULL) ||
        !EVP_CIPHER_CTX_set_padding(ctx, 0) || !EVP_EncryptUpdate(ctx, block, &n, in, 16))
        abort();
    EVP_CIPHER_CTX_free(ctx);
    memcpy(out, block, 16);
}

void cs_sm4_diversify(const uint8_t master[16], const uint8_t factor[8], uint8_t out[16])
{
    uint8_t in[16];
    for (size_t i = 0; i < 8; i++) {
        in[i] = factor[i];
        in[i + 8] = (uint8_t)~factor[i];
    }
    sm4_block(master, in, out);
}

void cs_sm4_folded(const uint8_t key[16], const uint8_t data[8], uint8_t out[8])
{
    uint8_t block[16] = {0};
    memcpy(block, data, 8);
    sm4_block(key, block, block);
    for (size_t i = 0; i < 8; i++)
        out[i] = block[i] ^ block[i + 8];
}

bool cs_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    return memcmp(a, b, len) == 0;
}

void cs_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

void cs_put24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    cs_put16(p + 1, v);
}

void cs_put32(uint8_t *p, uint32_t v)
{
    cs_put16(p, v >> 16);
    cs_put16(p + 2, v);
}

uint32_t cs_get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

uint32_t cs_get24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | cs_get16(p + 1);
}

uint32_t cs_get32(const uint8_t *p)
{
    return cs_get16(p) << 16 | cs_get16(p + 2);
}
