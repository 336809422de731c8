/* Contexts: what one side of TLS connections is and whom it believes. A context never changes once
 * it is made, so workers and the loop share it without locks. */
#include "flow/tls_core.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CIPHERS   "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS    "X25519:P-256"
#define DEPTH     4 /* certificates between an end and its authority */
#define CHAIN_MAX 4
#define PIN_MIN   16
#define SESSION_S (12 * 3600)
#define CERTS_MAX (24 * 1024) /* bytes of certificates that the other side may send */

static int openssl_failed(const char *what)
{
    char text[160];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
    ERR_clear_error();
    log_error("flow", "TLS: %s: %s", what, text);
    return OC_ECRYPTO;
}

static int senseless(const char *what)
{
    ERR_clear_error();
    log_error("flow", "TLS: %s", what);
    return OC_EINVAL;
}

/* --- who it is --- */

static int use_key(struct tls_ctx *c, const struct tls_blob *blob)
{
    const unsigned char *at = blob->bytes;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)blob->len);
    if (!key)
        return senseless("the private key cannot be read");
    int ok = SSL_CTX_use_PrivateKey(c->ssl, key);
    EVP_PKEY_free(key);
    if (ok != 1 || SSL_CTX_check_private_key(c->ssl) != 1)
        return senseless("the private key does not belong to the certificate");
    return 0;
}

/* The first is ours, the others lead from it to an authority. */
static int use_chain(struct tls_ctx *c, const struct tls_blob *blob)
{
    const unsigned char *at = blob->bytes, *end = at + blob->len;
    for (unsigned i = 0; at < end; i++) {
        X509 *x = i < CHAIN_MAX ? d2i_X509(NULL, &at, end - at) : NULL;
        if (!x)
            return senseless("the own certificate cannot be read");
        int ok =
            i == 0 ? SSL_CTX_use_certificate(c->ssl, x) : (int)SSL_CTX_add1_chain_cert(c->ssl, x);
        X509_free(x);
        if (ok != 1)
            return senseless("the own certificate cannot be used");
    }
    return 0;
}

static bool issued_last(struct tls_ctx *c, X509 *authority)
{
    STACK_OF(X509) *chain = NULL;
    (void)SSL_CTX_get0_chain_certs(c->ssl, &chain);
    int n = sk_X509_num(chain);
    X509 *last = n > 0 ? sk_X509_value(chain, n - 1) : SSL_CTX_get0_certificate(c->ssl);
    return last && X509_cmp(last, authority) != 0 &&
           X509_check_issued(authority, last) == X509_V_OK;
}

/* --- whom it believes --- */

static int add_authority(struct tls_ctx *c, const struct tls_blob *blob, EVP_MD_CTX *digest)
{
    const unsigned char *at = blob->bytes;
    X509 *x = blob->len > 0 ? d2i_X509(NULL, &at, (long)blob->len) : NULL;
    if (!x)
        return senseless("the certificate of an authority cannot be read");
    bool ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ssl), x) == 1;
    /* A client that has nothing but a fingerprint wants to see the end of the chain too. */
    if (ok && c->server && issued_last(c, x))
        ok = SSL_CTX_add1_chain_cert(c->ssl, x) == 1;
    ok = EVP_DigestUpdate(digest, blob->bytes, blob->len) == 1 && ok;
    X509_free(x);
    return ok ? 0 : openssl_failed("authority");
}

static bool is_pinned(const struct tls_ctx *c, const X509 *x)
{
    uint8_t md[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    return X509_digest(x, EVP_sha256(), md, &len) == 1 && len >= c->pin_len &&
           memcmp(md, c->pin, c->pin_len) == 0;
}

/* The chain as it was sent: only its last certificate may be the pinned one, and it is then the
 * only one that is trusted. */
static int verify_pinned(X509_STORE_CTX *store, void *arg)
{
    const struct tls_ctx *c = arg;
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    int n = sk_X509_num(sent);
    X509 *end = n > 1 ? sk_X509_value(sent, n - 1) : NULL;
    if (!end || !is_pinned(c, end)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
        return 0;
    }
    STACK_OF(X509) *trusted = sk_X509_new_null();
    int ok = trusted && sk_X509_push(trusted, end) > 0;
    if (ok) {
        X509_STORE_CTX_set0_trusted_stack(store, trusted);
        ok = X509_verify_cert(store) == 1;
    } else {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
    }
    sk_X509_free(trusted);
    return ok;
}

static int set_trust(struct tls_ctx *c, const struct tls_opts *o)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int rc = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 ? 0 : OC_ENOMEM;
    for (size_t i = 0; rc == 0 && !o->authority_pin && i < o->authority_count; i++)
        rc = add_authority(c, &o->authorities[i], digest);
    if (rc == 0 && o->authority_pin) {
        c->pin_len = o->authority_pin_len;
        memcpy(c->pin, o->authority_pin, c->pin_len);
        SSL_CTX_set_cert_verify_callback(c->ssl, verify_pinned, c);
    }
    /* A client's session belongs to its certificate. A server's may change: tickets prove that they
     * are its own by its key for them, and outlive it. */
    size_t own = c->server ? 0 : o->certificate.len;
    if (rc == 0 && (EVP_DigestUpdate(digest, c->pin, c->pin_len) != 1 ||
                    EVP_DigestUpdate(digest, o->certificate.bytes, own) != 1 ||
                    EVP_DigestFinal_ex(digest, c->trust, NULL) != 1))
        rc = openssl_failed("digest");
    EVP_MD_CTX_free(digest);
    if (rc)
        return rc;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(c->ssl);
    /* An authority need not be self-signed to be believed. */
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    SSL_CTX_set_verify_depth(c->ssl, DEPTH);
    SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

/* --- what is spoken --- */

/* The client's first choice that is spoken here. Where it needs no certificate one is still asked
 * for: a terminal that has one may show it. Called before the request for a certificate is written.
 */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    const struct tls_ctx *c = arg;
    for (unsigned at = 0; at < in_len; at += 1U + in[at])
        for (unsigned i = 0; i < c->alpn_count; i++) {
            if (in[at] != strlen(c->alpn[i]) || memcmp(in + at + 1, c->alpn[i], in[at]) != 0)
                continue;
            *out = in + at + 1;
            *out_len = in[at];
            if ((int)i == c->alpn_open) {
                SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
                (void)SSL_set_num_tickets(ssl, 0);
            }
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int set_alpn(struct tls_ctx *c, const struct tls_opts *o)
{
    unsigned char wire[TLS_ALPN_MAX * 24];
    unsigned len = 0;
    c->alpn_open = -1;
    for (unsigned i = 0; o->alpn && o->alpn[i]; i++) {
        size_t n = strlen(o->alpn[i]);
        if (i >= TLS_ALPN_MAX || n == 0 || n >= sizeof c->alpn[i])
            return senseless("a protocol's name is too long, or they are too many");
        memcpy(c->alpn[i], o->alpn[i], n + 1);
        wire[len] = (unsigned char)n;
        memcpy(wire + len + 1, o->alpn[i], n);
        len += (unsigned)n + 1;
        c->alpn_count = i + 1;
        if (o->alpn_without_certificate && strcmp(o->alpn[i], o->alpn_without_certificate) == 0)
            c->alpn_open = (int)i;
    }
    if (c->alpn_count == 0)
        return senseless("no protocol is named");
    if (c->server)
        SSL_CTX_set_alpn_select_cb(c->ssl, choose_alpn, c);
    else if (SSL_CTX_set_alpn_protos(c->ssl, wire, len) != 0)
        return OC_ENOMEM;
    return 0;
}

static int set_basics(struct tls_ctx *c)
{
    SSL_CTX *s = c->ssl;
    char groups[] = GROUPS;
    (void)SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    /* Records without content come back to us too: else a peer that sends nothing else would keep
     * the loop's thread inside one call. */
    (void)SSL_CTX_clear_mode(s, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_max_cert_list(s, CERTS_MAX);
    (void)SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* One call to the kernel a record instead of two. */
    SSL_CTX_set_read_ahead(s, 1);
    (void)SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_timeout(s, SESSION_S);
    bool ok = SSL_CTX_set_min_proto_version(s, TLS1_3_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(s, TLS1_3_VERSION) == 1 &&
              SSL_CTX_set_ciphersuites(s, CIPHERS) == 1 &&
              SSL_CTX_set1_groups_list(s, groups) == 1 && SSL_CTX_set_num_tickets(s, 0) == 1 &&
              SSL_CTX_set_max_early_data(s, 0) == 1;
    return ok ? 0 : openssl_failed("context");
}

/* --- resumption, client --- */

/* Called on the loop: a ticket comes after the handshake. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_stream *t = SSL_get_app_data(ssl);
    if (!t->session || SSL_SESSION_is_resumable(session) != 1)
        return 0;
    SSL_SESSION_free(t->session->ssl);
    t->session->ssl = session; /* the reference is ours */
    memcpy(t->session->trust, t->trust, sizeof t->trust);
    return 1;
}

struct tls_session *tls_session_new(void)
{
    struct tls_session *s = calloc(1, sizeof *s);
    if (s)
        atomic_init(&s->refs, 1);
    return s;
}

struct tls_session *tls_session_get_(struct tls_session *s)
{
    if (s)
        (void)atomic_fetch_add(&s->refs, 1);
    return s;
}

void tls_session_free(struct tls_session **session)
{
    struct tls_session *s = *session;
    *session = NULL;
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    SSL_SESSION_free(s->ssl);
    free(s);
}

/* --- the context --- */

static void count_with(struct tls_ctx *c, struct metrics *m)
{
    char label[64];
    for (unsigned i = 0; m && i < TLS_WORDS; i++) {
        (void)snprintf(label, sizeof label, "side=\"%s\",result=\"%s\"",
                       c->server ? "server" : "client", tls_word_text_((enum tls_word)i));
        c->m_result[i] = metric_counter(m, "onecard_tls_handshakes_total", label,
                                        "TLS handshakes by how they ended");
    }
    if (m)
        c->m_seconds = metric_histogram(m, "onecard_tls_handshake_seconds",
                                        c->server ? "side=\"server\"" : "side=\"client\"",
                                        "Time from the first byte to the end of good handshakes");
}

static int set_resumption(struct tls_ctx *c, const struct tls_opts *o)
{
    if (!c->server) {
        (void)SSL_CTX_set_session_cache_mode(c->ssl,
                                             SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(c->ssl, keep_session);
        return 0;
    }
    if (SSL_CTX_set_session_id_context(c->ssl, c->trust, sizeof c->trust) != 1)
        return openssl_failed("session id context");
    return o->ticket_key ? tls_tickets_init_(c, o->ticket_key, o->ticket_key_old) : 0;
}

static int fill(struct tls_ctx *c, const struct tls_opts *o)
{
    int rc = set_basics(c);
    if (rc == 0)
        rc = set_alpn(c, o);
    if (rc == 0 && o->certificate.bytes)
        rc = use_chain(c, &o->certificate);
    if (rc == 0 && o->certificate.bytes)
        rc = use_key(c, &o->key);
    if (rc == 0)
        rc = set_trust(c, o);
    return rc ? rc : set_resumption(c, o);
}

static bool sensible(const struct tls_opts *o)
{
    if (o->server)
        return o->certificate.bytes && o->key.bytes && !o->authority_pin;
    return !o->authority_pin ||
           (o->authority_pin_len >= PIN_MIN && o->authority_pin_len <= TLS_PIN_LEN);
}

int tls_ctx_new(const struct tls_opts *o, struct tls_ctx **ret)
{
    if (!sensible(o))
        return senseless(
            "a context needs a certificate (server) or at most 32 bytes to pin (client)");
    struct tls_ctx *c = calloc(1, sizeof *c);
    if (!c)
        return OC_ENOMEM;
    atomic_init(&c->refs, 1);
    c->server = o->server;
    c->silence_ns = o->silence_ms > 0 ? o->silence_ms * NS_PER_MS : 0;
    c->ssl = SSL_CTX_new(o->server ? TLS_server_method() : TLS_client_method());
    c->bio = tls_bio_method_();
    int rc = c->ssl && c->bio ? fill(c, o) : OC_ENOMEM;
    if (rc) {
        tls_ctx_put(&c);
        return rc;
    }
    count_with(c, o->metrics);
    *ret = c;
    return 0;
}

struct tls_ctx *tls_ctx_get(struct tls_ctx *c)
{
    (void)atomic_fetch_add(&c->refs, 1);
    return c;
}

void tls_ctx_put(struct tls_ctx **ctx)
{
    struct tls_ctx *c = *ctx;
    *ctx = NULL;
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->bio);
    EVP_CIPHER_free(c->ticket_cipher);
    secret_free(c->tickets, 2 * sizeof *c->tickets);
    free(c);
}
