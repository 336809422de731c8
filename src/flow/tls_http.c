/* Contexts and connections of HTTPS. A connection over the limit gets a context without a
 * certificate: its handshake ends with the first answer. Handshakes are computed on the loop's
 * thread, about a millisecond each; who may connect is for the limit of connections, and the
 * connections are kept alive by their clients.
 *
 * Connections outlive the server's close by a turn of the loop (libevent finalises later), so the
 * context is counted: one for the server, one for each SSL. */
#include "flow/tls_http.h"

#include "flow/http.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define CIPHERS     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS      "X25519:P-256"
#define CHAIN_MAX   4
#define CERTS_MAX   (24 * 1024)
#define CONNECTIONS 512U

struct tls_http {
    SSL_CTX *ctx, *closed; /* closed: for those over the limit */
    int index;             /* of this pointer in SSLs that are counted */
    unsigned refs, count, max;
};

static void put_ref(struct tls_http *t)
{
    if (--t->refs > 0)
        return;
    SSL_CTX_free(t->ctx);
    SSL_CTX_free(t->closed);
    free(t);
}

static int senseless(const char *what)
{
    ERR_clear_error();
    log_error("flow", "HTTPS: %s", what);
    return OC_EINVAL;
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

/* The first certificate is ours, the others lead from it to an authority. */
static int use_chain(SSL_CTX *ctx, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x;
    unsigned n = 0;
    bool ok = bio != NULL;
    while (ok && n < CHAIN_MAX && (x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        ok = (n == 0 ? SSL_CTX_use_certificate(ctx, x) : (int)SSL_CTX_add1_chain_cert(ctx, x)) == 1;
        X509_free(x);
        n++;
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text is told as an error */
    return ok && n > 0 ? 0 : senseless("the certificate cannot be read: PEM is expected");
}

static int use_key(SSL_CTX *ctx, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    bool ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    if (!ok)
        return senseless("the private key cannot be read: PEM without passphrase is expected");
    return SSL_CTX_check_private_key(ctx) == 1
               ? 0
               : senseless("the private key does not belong to the certificate");
}

static int use_authorities(SSL_CTX *ctx, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x;
    unsigned n = 0;
    bool ok = bio != NULL;
    while (ok && (x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) == 1 &&
             SSL_CTX_add_client_CA(ctx, x) == 1;
        X509_free(x);
        n++;
    }
    BIO_free(bio);
    ERR_clear_error();
    if (!ok || n == 0)
        return senseless("the authorities of clients cannot be read: PEM is expected");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static SSL_CTX *basics(void)
{
    char groups[] = GROUPS;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return NULL;
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, CERTS_MAX);
    bool ok = SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
              SSL_CTX_set_ciphersuites(ctx, CIPHERS) == 1 &&
              SSL_CTX_set1_groups_list(ctx, groups) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1;
    if (ok)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* ---- the server's ---- */

static void on_ssl_freed(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
                         void *argp)
{
    struct tls_http *t = ptr;
    (void)parent;
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    if (!t)
        return;
    t->count--;
    put_ref(t);
}

int tls_http_new(const struct http_tls *o, struct tls_http **ret)
{
    struct tls_http *t = calloc(1, sizeof *t);
    if (!t)
        return OC_ENOMEM;
    t->refs = 1;
    t->max = o->connections ? o->connections : CONNECTIONS;
    t->index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_freed);
    t->ctx = basics();
    t->closed = basics();
    int rc = t->ctx && t->closed && t->index >= 0 ? 0 : OC_ECRYPTO;
    if (rc == 0)
        rc = use_chain(t->ctx, o->certificate);
    if (rc == 0)
        rc = use_key(t->ctx, o->key);
    if (rc == 0 && o->authorities)
        rc = use_authorities(t->ctx, o->authorities);
    if (rc != 0)
        tls_http_free(&t);
    else
        *ret = t;
    return rc;
}

void tls_http_free(struct tls_http **ref)
{
    struct tls_http *t = *ref;
    *ref = NULL;
    if (t)
        put_ref(t);
}

/* ---- a connection ---- */

static SSL *new_ssl(struct tls_http *t)
{
    bool room = t->count < t->max;
    SSL *ssl = SSL_new(room ? t->ctx : t->closed);
    if (!ssl || !room)
        return ssl;
    if (SSL_set_ex_data(ssl, t->index, t) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    t->refs++;
    t->count++;
    return ssl;
}

struct bufferevent *tls_http_bev(struct event_base *base, void *arg)
{
    SSL *ssl = new_ssl(arg);
    if (!ssl)
        return NULL;
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1); /* bodies say how long they are */
    return bev;
}

bool tls_http_is(struct bufferevent *bev)
{
    return bev && bufferevent_openssl_get_ssl(bev) != NULL;
}
