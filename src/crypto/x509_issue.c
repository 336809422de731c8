/* Making certificates: the site's own authority, and what it signs for terminals and servers. What
 * a certificate says is decided here alone: nothing of a request but its key goes in. */
#include "crypto/x509.h"

#include "crypto/context_priv.h"
#include "crypto/x509_priv.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define DAY_MS     INT64_C(86400000)
#define EARLIER_MS INT64_C(300000) /* clocks differ */
/* Those who look at the authority and at the switch are boxes whose clocks may be weeks behind. */
#define AUTHORITY_EARLIER_MS (30 * DAY_MS)
#define DAYS_MAX             36500
#define DNS_MAX              48
#define SERIAL_LEN           16

struct extension {
    int nid;
    const char *value;
};

static const struct extension authority_has[] = {
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_ext_key_usage, "clientAuth,serverAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
};
static const struct extension terminal_has[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "clientAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
};
static const struct extension server_has[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
};

static bool add_extensions(X509 *cert, X509 *issuer, const struct extension *has, size_t count)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *e = X509V3_EXT_nconf_nid(NULL, &ctx, has[i].nid, has[i].value);
        bool added = e && X509_add_ext(cert, e, -1) == 1;
        X509_EXTENSION_free(e);
        if (!added)
            return false;
    }
    return true;
}

static bool name_is_fit(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= X509_NAME_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return false;
    }
    return true;
}

static bool set_serial(X509 *cert)
{
    uint8_t serial[SERIAL_LEN];
    if (rng_fill(&rng_system, serial, sizeof serial))
        return false;
    serial[0] = (uint8_t)((serial[0] & 0x7F) | 0x40); /* positive and always as long */
    BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return ok;
}

static bool set_subject(X509 *cert, const char *name)
{
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1, 0) == 1;
}

static bool set_times(X509 *cert, int64_t from_ms, int64_t until_ms)
{
    return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(from_ms / 1000)) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(until_ms / 1000));
}

/* What every certificate of ours has; signed last, by the caller. */
static X509 *begin(const char *name, int64_t from_ms, int64_t until_ms, EVP_PKEY *key)
{
    X509 *cert = X509_new();
    if (cert && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
        set_subject(cert, name) && set_times(cert, from_ms, until_ms) &&
        X509_set_pubkey(cert, key) == 1)
        return cert;
    X509_free(cert);
    return NULL;
}

int x509_authority_new(const struct x509_bytes *key, const char *name, int64_t now_ms,
                       unsigned days, struct x509_bytes *ret_cert)
{
    if (!name_is_fit(name) || days < 1 || days > DAYS_MAX || now_ms < AUTHORITY_EARLIER_MS)
        return OC_EINVAL;
    EVP_PKEY *k = x509_decode_key(key);
    if (!k)
        return OC_EINVAL;
    X509 *cert = begin(name, now_ms - AUTHORITY_EARLIER_MS, now_ms + days * DAY_MS, k);
    bool ok = cert && X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
              add_extensions(cert, cert, authority_has, ARRAY_LEN(authority_has)) &&
              X509_sign(cert, k, EVP_sha256()) > 0;
    int err = ok ? x509_store_cert(cert, ret_cert) : crypto_fail("making an authority");
    X509_free(cert);
    EVP_PKEY_free(k);
    return err;
}

/* ---- a server's names ---- */

static bool dns_is_fit(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len <= 253 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*") ==
               len;
}

/* An address is told from a name by its form. *ret_len: 4 or 16, 0 for a name. */
static void address_of(const char *name, uint8_t ret[16], int *ret_len)
{
    *ret_len = 0;
    if (inet_pton(AF_INET, name, ret) == 1)
        *ret_len = 4;
    else if (inet_pton(AF_INET6, name, ret) == 1)
        *ret_len = 16;
}

static bool add_name(GENERAL_NAMES *names, const char *name)
{
    uint8_t address[16];
    int len;
    address_of(name, address, &len);
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_STRING *value = len ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    bool set = value && (len ? ASN1_STRING_set(value, address, len)
                             : ASN1_STRING_set(value, name, (int)strlen(name))) == 1;
    if (!g || !set) {
        GENERAL_NAME_free(g);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(g, len ? GEN_IPADD : GEN_DNS, value);
    if (sk_GENERAL_NAME_push(names, g) > 0)
        return true;
    GENERAL_NAME_free(g);
    return false;
}

static bool add_names(X509 *cert, const char *const *dns)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool ok = names != NULL;
    for (size_t i = 0; ok && dns[i]; i++)
        ok = add_name(names, dns[i]);
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

/* ---- issuing ---- */

struct signer {
    EVP_PKEY *key;
    X509 *cert;
};

static void signer_fini(struct signer *s)
{
    EVP_PKEY_free(s->key);
    X509_free(s->cert);
}

/* OC_EINVAL: no authority, or another one's key. */
static int signer_init(struct signer *s, const struct x509_issue *w)
{
    s->key = x509_decode_key(w->authority_key);
    s->cert = x509_decode_cert(w->authority_cert->data, w->authority_cert->len);
    bool ok = s->key && s->cert && X509_check_ca(s->cert) == 1 &&
              X509_check_private_key(s->cert, s->key) == 1;
    ERR_clear_error();
    return ok ? 0 : OC_EINVAL;
}

static bool wish_is_fit(const struct x509_issue *w)
{
    if (!name_is_fit(w->name) || w->days < 1 || w->days > DAYS_MAX || w->now_ms < EARLIER_MS)
        return false;
    if (!w->dns)
        return true;
    size_t count = 0;
    for (; w->dns[count]; count++) {
        uint8_t address[16];
        int len;
        address_of(w->dns[count], address, &len);
        if (count == DNS_MAX || (len == 0 && !dns_is_fit(w->dns[count])))
            return false;
    }
    return w->use == X509_SERVER && count > 0;
}

static bool fill(X509 *cert, const struct x509_issue *w, const struct signer *s)
{
    const struct extension *has = w->use == X509_SERVER ? server_has : terminal_has;
    size_t count = w->use == X509_SERVER ? ARRAY_LEN(server_has) : ARRAY_LEN(terminal_has);
    return X509_set_issuer_name(cert, X509_get_subject_name(s->cert)) == 1 &&
           add_extensions(cert, s->cert, has, count) && (!w->dns || add_names(cert, w->dns)) &&
           X509_sign(cert, s->key, EVP_sha256()) > 0;
}

static int issue(const struct x509_issue *w, X509_REQ *req, struct x509_bytes *ret)
{
    struct signer s = {0};
    struct x509_info authority;
    X509 *cert = NULL;
    int err = signer_init(&s, w);
    if (!err)
        err = x509_read(w->authority_cert->data, w->authority_cert->len, &authority);
    /* Nothing outlives who signed it. */
    int64_t until = w->now_ms + w->days * DAY_MS;
    if (!err && until > authority.not_after_ms)
        until = authority.not_after_ms;
    if (!err && until <= w->now_ms)
        err = OC_EINVAL;
    int64_t from = w->now_ms - EARLIER_MS;
    if (!err && w->use == X509_SERVER && authority.not_before_ms < from)
        from = authority.not_before_ms;
    if (!err) {
        cert = begin(w->name, from, until, X509_REQ_get0_pubkey(req));
        err = cert && fill(cert, w, &s) ? x509_store_cert(cert, ret) : crypto_fail("issuing");
    }
    X509_free(cert);
    signer_fini(&s);
    return err;
}

int x509_issue(const struct x509_issue *w, struct x509_bytes *ret_cert)
{
    if (!wish_is_fit(w))
        return OC_EINVAL;
    X509_REQ *req = x509_decode_request(w->csr, w->csr_len);
    if (!req)
        return OC_EPARSE;
    int err = x509_request_verify(req);
    if (!err)
        err = issue(w, req, ret_cert);
    X509_REQ_free(req);
    return err;
}
