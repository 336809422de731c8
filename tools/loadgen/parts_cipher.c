/* One block of DES, one key schedule, one HMAC: by the fastest functions of libcrypto. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "parts.h"

#include <openssl/des.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCKS 2000000
#define HMACS  100000

static double cpu_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static double block_us(void)
{
    DES_cblock key = {1, 2, 3, 4, 5, 6, 7, 8}, data = {0};
    DES_key_schedule s;
    DES_set_key_unchecked(&key, &s);
    double begun = cpu_us();
    for (int i = 0; i < BLOCKS; i++)
        DES_ecb_encrypt(&data, &data, &s, DES_ENCRYPT);
    return (cpu_us() - begun) / BLOCKS;
}

static double schedule_us(void)
{
    DES_cblock key = {1, 2, 3, 4, 5, 6, 7, 8};
    DES_key_schedule s;
    double begun = cpu_us();
    for (int i = 0; i < BLOCKS / 4; i++) {
        memcpy(key, &i, sizeof i);
        DES_set_key_unchecked(&key, &s);
    }
    return (cpu_us() - begun) / (BLOCKS / 4);
}

/* A keyed context is copied for each message, as the ledger's chain does it. */
static double hmac_us(unsigned bytes)
{
    uint8_t key[32] = {1}, out[32], *data = calloc(1, bytes + 1);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *keyed = EVP_MAC_CTX_new(mac);
    char sha[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", sha, 0),
                           OSSL_PARAM_construct_end()};
    size_t n = 0;
    EVP_MAC_init(keyed, key, sizeof key, params);
    double begun = cpu_us();
    for (int i = 0; i < HMACS; i++) {
        EVP_MAC_init(keyed, NULL, 0, NULL);
        EVP_MAC_update(keyed, data, bytes);
        EVP_MAC_final(keyed, out, &n, sizeof out);
    }
    double us = (cpu_us() - begun) / HMACS;
    EVP_MAC_CTX_free(keyed);
    EVP_MAC_free(mac);
    free(data);
    return us;
}

int parts_cipher(unsigned hmac_bytes, struct parts_cipher_result *ret)
{
    *ret = (struct parts_cipher_result){block_us(), schedule_us(), hmac_us(hmac_bytes)};
    return 0;
}
