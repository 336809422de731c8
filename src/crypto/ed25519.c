/* Ed25519 through OpenSSL. Key objects are made for each call, which costs a few microseconds of
 * the sixty. */
#include "crypto/ed25519.h"

#include "crypto/context_priv.h"
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

int ed25519_public(const uint8_t seed[ED25519_LEN], uint8_t ret[ED25519_LEN])
{
    size_t len = ED25519_LEN;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_LEN);
    bool ok = k && EVP_PKEY_get_raw_public_key(k, ret, &len) == 1;
    EVP_PKEY_free(k);
    return ok ? 0 : crypto_fail("Ed25519");
}

int ed25519_sign(const uint8_t seed[ED25519_LEN], struct bytes message,
                 uint8_t ret[ED25519_SIGNATURE_LEN])
{
    size_t len = ED25519_SIGNATURE_LEN;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_LEN);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = k && md && EVP_DigestSignInit_ex(md, NULL, NULL, NULL, NULL, k, NULL) == 1 &&
              EVP_DigestSign(md, ret, &len, message.data, message.len) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(k);
    return ok ? 0 : crypto_fail("Ed25519");
}

int ed25519_verify(const uint8_t key[ED25519_LEN], struct bytes message,
                   const uint8_t signature[ED25519_SIGNATURE_LEN])
{
    int rc = OC_ECRYPTO;
    EVP_PKEY *k = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, key, ED25519_LEN);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (k && md && EVP_DigestVerifyInit_ex(md, NULL, NULL, NULL, NULL, k, NULL) == 1)
        rc = EVP_DigestVerify(md, signature, ED25519_SIGNATURE_LEN, message.data, message.len) == 1
                 ? 0
                 : OC_EMAC;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(k);
    if (rc == OC_ECRYPTO)
        return crypto_fail("Ed25519");
    ERR_clear_error();
    return rc;
}

/* ---- texts ---- */

static int no_passphrase(char *buf, int size, int rw, void *arg)
{
    (void)buf;
    (void)size;
    (void)rw;
    (void)arg;
    return -1;
}

static int parse_pem(const char *text, bool private, uint8_t ret[ED25519_LEN])
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *k = NULL;
    size_t len = ED25519_LEN;
    if (bio)
        k = private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                    : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    bool ok = k && EVP_PKEY_get_id(k) == EVP_PKEY_ED25519 &&
              (private ? EVP_PKEY_get_raw_private_key(k, ret, &len)
                       : EVP_PKEY_get_raw_public_key(k, ret, &len)) == 1;
    EVP_PKEY_free(k);
    BIO_free(bio);
    ERR_clear_error();
    return ok && len == ED25519_LEN ? 0 : OC_EINVAL;
}

int ed25519_parse_public(const char *text, uint8_t ret[ED25519_LEN])
{
    if (strstr(text, "-----BEGIN") != NULL)
        return parse_pem(text, false, ret);
    uint8_t mem[ED25519_LEN + 1];
    struct buf b;
    if (strlen(text) == 2 * ED25519_LEN)
        return hex_decode(text, ret, ED25519_LEN);
    buf_over(&b, mem, sizeof mem);
    if (base64_decode(text, strlen(text), &b) != 0 || b.len != ED25519_LEN)
        return OC_EINVAL;
    memcpy(ret, mem, ED25519_LEN);
    return 0;
}

int ed25519_parse_private(const char *pem, uint8_t ret_seed[ED25519_LEN])
{
    return parse_pem(pem, true, ret_seed);
}

int ed25519_public_pem(const uint8_t key[ED25519_LEN], struct buf *out)
{
    EVP_PKEY *k = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, key, ED25519_LEN);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    if (k && bio && PEM_write_bio_PUBKEY(bio, k) == 1)
        len = BIO_get_mem_data(bio, &text);
    if (len > 0)
        buf_put(out, text, (size_t)len);
    BIO_free(bio);
    EVP_PKEY_free(k);
    return len > 0 ? out->err : crypto_fail("Ed25519");
}
