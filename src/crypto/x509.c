/* Keys, requests and what is read out of certificates. Invariants: bytes from outside are decoded
 * as a whole or refused, the kind of a foreign key is looked at before anything is computed with
 * it, and OpenSSL's queue of errors is empty when a function returns. */
#include "crypto/x509.h"

#include "crypto/context_priv.h"
#include "crypto/x509_priv.h"
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

/* ---- bytes ---- */

X509 *x509_decode_cert(const void *der, size_t len)
{
    const unsigned char *p = der;
    if (len == 0 || len > X509_DER_MAX)
        return NULL;
    X509 *cert = d2i_X509(NULL, &p, (long)len);
    if (cert && p != (const unsigned char *)der + len) {
        X509_free(cert);
        cert = NULL;
    }
    ERR_clear_error();
    return cert;
}

X509_REQ *x509_decode_request(const void *der, size_t len)
{
    const unsigned char *p = der;
    if (len == 0 || len > X509_DER_MAX)
        return NULL;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)len);
    if (req && p != (const unsigned char *)der + len) {
        X509_REQ_free(req);
        req = NULL;
    }
    ERR_clear_error();
    return req;
}

EVP_PKEY *x509_decode_key(const struct x509_bytes *key)
{
    const unsigned char *p = key->data;
    EVP_PKEY *k = NULL;
    if (key->len == 0 || key->len > X509_DER_MAX)
        return NULL;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)key->len);
    if (info && p == key->data + key->len)
        k = EVP_PKCS82PKEY(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    return k;
}

int x509_store(const unsigned char *der, int len, struct x509_bytes *ret)
{
    if (len <= 0)
        return crypto_fail("encoding");
    if (len > X509_DER_MAX)
        return OC_ELIMIT;
    memcpy(ret->data, der, (size_t)len);
    ret->len = (size_t)len;
    return 0;
}

int x509_store_cert(X509 *cert, struct x509_bytes *ret)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    int err = x509_store(der, len, ret);
    OPENSSL_free(der);
    return err;
}

int x509_pin(X509_PUBKEY *key, uint8_t ret[X509_PIN_LEN])
{
    unsigned char *der = NULL;
    uint8_t pin[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int len = i2d_X509_PUBKEY(key, &der);
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, pin, &n, EVP_sha256(), NULL) == 1 &&
              n == X509_PIN_LEN;
    OPENSSL_free(der);
    if (!ok)
        return crypto_fail("hashing a public key");
    memcpy(ret, pin, X509_PIN_LEN);
    return 0;
}

/* ---- keys and requests ---- */

static int store_key(EVP_PKEY *key, struct x509_bytes *ret)
{
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    int err = x509_store(der, len, ret);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    PKCS8_PRIV_KEY_INFO_free(info);
    return err;
}

int x509_key_new(struct x509_bytes *ret_key)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        return crypto_fail("making a P-256 key");
    int err = store_key(key, ret_key);
    EVP_PKEY_free(key);
    return err;
}

static bool make_request(X509_REQ *req, EVP_PKEY *key, const char *name)
{
    X509_NAME *subject = X509_REQ_get_subject_name(req);
    return X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
           X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1, 0) == 1 &&
           X509_REQ_set_pubkey(req, key) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0;
}

int x509_request_new(const struct x509_bytes *key, const char *name, struct x509_bytes *ret_csr)
{
    unsigned char *der = NULL;
    if (name[0] == '\0' || strlen(name) >= X509_NAME_LEN)
        return OC_EINVAL;
    EVP_PKEY *k = x509_decode_key(key);
    if (!k)
        return OC_EINVAL;
    X509_REQ *req = X509_REQ_new();
    int err = req && make_request(req, k, name) ? 0 : crypto_fail("making a request");
    int len = err ? 0 : i2d_X509_REQ(req, &der);
    if (!err)
        err = x509_store(der, len, ret_csr);
    OPENSSL_free(der);
    X509_REQ_free(req);
    EVP_PKEY_free(k);
    return err;
}

/* Curves by name only: a key that brings its own curve may bring a weak one. */
static bool curve_is_fit(EVP_PKEY *key)
{
    char group[32];
    int is_explicit = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
        return false;
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                               &is_explicit) == 1 &&
        is_explicit)
        return false;
    return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0;
}

static bool key_is_fit(EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "EC"))
        return curve_is_fit(key);
    int bits = EVP_PKEY_get_bits(key);
    return EVP_PKEY_is_a(key, "RSA") && bits >= 2048 && bits <= 4096;
}

int x509_request_verify(X509_REQ *req)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    int err = 0;
    if (!key || !key_is_fit(key))
        err = OC_ENOTSUP;
    else if (X509_REQ_verify(req, key) != 1)
        err = OC_EPARSE;
    ERR_clear_error();
    return err;
}

int x509_request_check(const void *csr, size_t len, uint8_t ret_pin[X509_PIN_LEN])
{
    X509_REQ *req = x509_decode_request(csr, len);
    if (!req)
        return OC_EPARSE;
    int err = x509_request_verify(req);
    if (!err)
        err = x509_pin(X509_REQ_get_X509_PUBKEY(req), ret_pin);
    X509_REQ_free(req);
    return err;
}

/* ---- reading ---- */

/* The common name. One that stands twice or holds a NUL reads differently to different people. */
static int read_name(X509 *cert, char ret[X509_NAME_LEN])
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    ret[0] = '\0';
    if (at < 0)
        return 0;
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return OC_EPARSE;
    unsigned char *text = NULL;
    int len =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    int err = OC_EPARSE;
    if (len > 0 && len < X509_NAME_LEN && !memchr(text, '\0', (size_t)len)) {
        memcpy(ret, text, (size_t)len);
        ret[len] = '\0';
        err = 0;
    }
    OPENSSL_free(text);
    return err;
}

static int read_time(const ASN1_TIME *t, int64_t *ret_ms)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return OC_EPARSE;
    *ret_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

static int read_all(X509 *cert, struct x509_info *info)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int err = read_name(cert, info->name);
    if (!err)
        err = read_time(X509_get0_notBefore(cert), &info->not_before_ms);
    if (!err)
        err = read_time(X509_get0_notAfter(cert), &info->not_after_ms);
    if (!err)
        err = x509_pin(X509_get_X509_PUBKEY(cert), info->pin);
    if (!err && X509_digest(cert, EVP_sha256(), hash, &n) != 1)
        err = OC_ECRYPTO;
    if (!err)
        hex_encode(hash, X509_PIN_LEN, info->fingerprint);
    /* 1: by basicConstraints, and keyUsage lets it sign. The other values guess. */
    info->authority = X509_check_ca(cert) == 1;
    return err;
}

int x509_read(const void *cert, size_t len, struct x509_info *ret)
{
    struct x509_info info = {0};
    X509 *c = x509_decode_cert(cert, len);
    if (!c)
        return OC_EPARSE;
    int err = read_all(c, &info);
    X509_free(c);
    ERR_clear_error();
    if (!err)
        *ret = info;
    return err;
}

/* ---- PEM ---- */

/* The next block of any kind: 1 it was a `what` that fits, 0 another, OC_EPARSE none or one too
 * long. */
static int next_block(BIO *in, const char *what, struct x509_bytes *ret)
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    int got = OC_EPARSE;
    if (PEM_read_bio(in, &name, &header, &data, &len) != 1)
        return OC_EPARSE;
    if (strcmp(name, what) != 0) {
        got = 0;
    } else if (header[0] == '\0' && len > 0 && len <= X509_DER_MAX) { /* a header: encrypted */
        memcpy(ret->data, data, (size_t)len);
        ret->len = (size_t)len;
        got = 1;
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, len > 0 ? (size_t)len : 0);
    return got;
}

int x509_from_pem(const char *text, size_t len, const char *what, struct x509_bytes *ret)
{
    enum { TEXT_MAX = 1 << 20 };
    int got = 0;
    if (len == 0 || len > TEXT_MAX)
        return OC_EPARSE;
    BIO *in = BIO_new_mem_buf(text, (int)len);
    if (!in)
        return OC_ENOMEM;
    while (got == 0)
        got = next_block(in, what, ret);
    BIO_free(in);
    ERR_clear_error();
    return got == 1 ? 0 : got;
}

int x509_to_pem(const struct x509_bytes *der, const char *what, struct buf *out)
{
    char *text = NULL;
    /* Locked and wiped: it may be a key. */
    BIO *mem = BIO_new(BIO_s_secmem());
    if (!mem || PEM_write_bio(mem, what, "", der->data, (long)der->len) <= 0) {
        BIO_free(mem);
        return crypto_fail("writing PEM");
    }
    long len = BIO_get_mem_data(mem, &text);
    buf_put(out, text, len > 0 ? (size_t)len : 0);
    BIO_free(mem);
    return out->err;
}
