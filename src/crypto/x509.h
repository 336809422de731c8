/* Certificates: the small authority that a site has for its terminals, keys, requests, and what is
 * read out of other people's certificates. P-256 keys, SHA-256, X.509 v3. All byte strings DER.
 * Everything here computes and does not block; private keys live in buffers that wipe. */
#ifndef CRYPTO_X509_H
#define CRYPTO_X509_H

#include "crypto/context.h"

#define X509_PIN_LEN  32
#define X509_NAME_LEN 64
#define X509_DER_MAX  4096

struct x509_bytes {
    uint8_t data[X509_DER_MAX];
    size_t len;
};
/** A new P-256 key as PKCS#8. Wipe it with secret_wipe(). OC_ECRYPTO. */
int x509_key_new(struct x509_bytes *ret_key) MUST_USE;
/** The self-signed certificate of an authority named `name`, from 30 days before now_ms, for
 * `days` after it. May sign terminals and servers only (pathlen 0). OC_EINVAL, OC_ECRYPTO. */
int x509_authority_new(const struct x509_bytes *key, const char *name, int64_t now_ms,
                       unsigned days, struct x509_bytes *ret_cert) MUST_USE;
/** A request for a certificate for `name`, signed by `key`. OC_EINVAL: no key, a name empty or too
 * long. OC_ECRYPTO. */
int x509_request_new(const struct x509_bytes *key, const char *name,
                     struct x509_bytes *ret_csr) MUST_USE;
/** Checks a request from outside: bounded, its signature, a P-256, P-384 or RSA key of 2,048 to
 * 4,096 bits. Its name is not used. OC_EPARSE (no request, or signature wrong), OC_ENOTSUP (kind of
 * key). */
int x509_request_check(const void *csr, size_t len, uint8_t ret_pin[X509_PIN_LEN]) MUST_USE;
enum x509_use { X509_TERMINAL, X509_SERVER };
/** A certificate for the key of `csr` (checked as above), named `name` by us, signed by the
 * authority. Serial: 16 random bytes. `dns`: names and addresses of a server, NULL-terminated (48
 * at most), or NULL. Begins 5 minutes before now_ms, a server's with the authority: the clocks of
 * those who look at it may be far behind. Ends with the authority at the latest. OC_EINVAL: a wish
 * that makes no sense, an authority that is none, has ended or whose key is another; OC_EPARSE,
 * OC_ENOTSUP: the request; OC_ELIMIT: larger than X509_DER_MAX; OC_ECRYPTO. */
struct x509_issue {
    const struct x509_bytes *authority_key, *authority_cert;
    const void *csr;
    size_t csr_len;
    const char *name;
    enum x509_use use;
    const char *const *dns;
    int64_t now_ms;
    unsigned days;
};
int x509_issue(const struct x509_issue *w, struct x509_bytes *ret_cert) MUST_USE;

struct x509_info {
    char name[X509_NAME_LEN];  /* common name, "": none */
    uint8_t pin[X509_PIN_LEN]; /* SHA-256 of its SubjectPublicKeyInfo */
    int64_t not_before_ms, not_after_ms;
    bool authority;       /* may sign certificates */
    char fingerprint[65]; /* SHA-256 of the whole certificate, upper-case hex */
};
/** What a certificate says; proves nothing. OC_EPARSE. */
int x509_read(const void *cert, size_t len, struct x509_info *ret) MUST_USE;
/** PEM text to DER and back, for files that people handle: the first certificate, request or key
 * there. OC_EPARSE. `what`: "CERTIFICATE", "CERTIFICATE REQUEST", "PRIVATE KEY" (PKCS#8, not
 * encrypted). Writing: OC_ECRYPTO, or out->err. */
int x509_from_pem(const char *text, size_t len, const char *what, struct x509_bytes *ret) MUST_USE;
int x509_to_pem(const struct x509_bytes *der, const char *what, struct buf *out) MUST_USE;

#endif
