/* What the two halves of x509 share: decoding that takes all bytes or none, encoding into bounded
 * memory. Only for x509*.c. Each clears OpenSSL's queue of errors after bytes from outside, because
 * TLS on the same thread reads that queue. */
#ifndef CRYPTO_X509_PRIV_H
#define CRYPTO_X509_PRIV_H

#include "crypto/x509.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

/** NULL: not exactly one certificate, request or PKCS#8 key in `len` bytes. Free with the type's
 * free. */
X509 *x509_decode_cert(const void *der, size_t len);
X509_REQ *x509_decode_request(const void *der, size_t len);
EVP_PKEY *x509_decode_key(const struct x509_bytes *key);
/** Is `der` of `len` bytes (negative: encoding failed) fit for *ret? Copies; the caller frees.
 * OC_ELIMIT, OC_ECRYPTO. */
int x509_store(const unsigned char *der, int len, struct x509_bytes *ret) MUST_USE;
int x509_store_cert(X509 *cert, struct x509_bytes *ret) MUST_USE;
/** SHA-256 of the SubjectPublicKeyInfo as it stands in a certificate or request. OC_ECRYPTO. */
int x509_pin(X509_PUBKEY *key, uint8_t ret[X509_PIN_LEN]) MUST_USE;
/** Kind of key, then signature, as x509_request_check(). */
int x509_request_verify(X509_REQ *req) MUST_USE;

#endif
