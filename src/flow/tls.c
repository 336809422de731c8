/* Handshakes. Their steps are jobs: each runs OpenSSL until it wants bytes, and the flow waits for
 * them on the loop. A flow that gives up leaves the running step its stream (counted) and only
 * stops watching the socket. */
#include "flow/tls.h"

#include "flow/tls_core.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum step_end { STEP_DONE, STEP_READ, STEP_WRITE, STEP_FAILED };

struct tls_step {
    struct offload_job job;
    struct tls_stream *t;
    enum step_end end;
    enum tls_word word;
    bool alert;
    struct tls_peer peer;
};

/* --- who the other side is --- */

enum tls_word tls_dates_(const X509 *cert)
{
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
        return TLS_EXPIRED;
    return X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0 ? TLS_NOT_YET_VALID : TLS_OK;
}

static int64_t wall_ms(const ASN1_TIME *at)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

static bool fill_pin(const X509 *cert, uint8_t pin[TLS_PIN_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, pin, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return ok;
}

/* A name that stands twice, is too long or holds a NUL reads differently to different people. */
static void fill_name(const X509 *cert, struct tls_peer *p)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    p->name[0] = '\0';
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return;
    int len =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len > 0 && (size_t)len < sizeof p->name && !memchr(text, '\0', (size_t)len)) {
        memcpy(p->name, text, (size_t)len);
        p->name[len] = '\0';
    }
    OPENSSL_free(text);
}

static enum tls_word fill_certificate(const X509 *cert, struct tls_peer *p)
{
    enum tls_word w = tls_dates_(cert);
    if (w != TLS_OK)
        return w;
    if (!fill_pin(cert, p->pin))
        return TLS_BAD_CERTIFICATE;
    p->has_certificate = true;
    p->not_after_ms = wall_ms(X509_get0_notAfter(cert));
    fill_name(cert, p);
    return TLS_OK;
}

static enum tls_word fill_peer(const struct tls_stream *t, struct tls_peer *p)
{
    const unsigned char *alpn = NULL;
    unsigned len = 0;
    const struct tls_ctx *c = t->ctx;
    *p = (struct tls_peer){.resumed = SSL_session_reused(t->ssl) == 1};
    SSL_get0_alpn_selected(t->ssl, &alpn, &len);
    if (len >= sizeof p->alpn || (len == 0 && !c->server))
        return TLS_NO_PROTOCOL;
    if (len > 0)
        memcpy(p->alpn, alpn, len);
    else
        memcpy(p->alpn, c->alpn[0], sizeof p->alpn);
    const X509 *cert = SSL_get0_peer_certificate(t->ssl);
    if (cert)
        return fill_certificate(cert, p);
    bool open =
        c->server && c->alpn_open >= 0 && len > 0 && strcmp(p->alpn, c->alpn[c->alpn_open]) == 0;
    return open ? TLS_OK : TLS_NO_CERTIFICATE;
}

/* --- steps --- */

static void step_run(struct offload_job *job) WORKER_FN;
static void step_run(struct offload_job *job)
{
    struct tls_step *s = CONTAINER_OF(job, struct tls_step, job);
    struct tls_stream *t = s->t;
    ERR_clear_error();
    int n = SSL_do_handshake(t->ssl);
    int err = n == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, n);
    switch (err) {
    case SSL_ERROR_NONE:
        s->word = fill_peer(t, &s->peer);
        s->end = s->word == TLS_OK ? STEP_DONE : STEP_FAILED;
        break;
    case SSL_ERROR_WANT_READ:
        s->end = STEP_READ;
        break;
    case SSL_ERROR_WANT_WRITE:
        s->end = STEP_WRITE;
        break;
    default:
        s->end = STEP_FAILED;
        s->word = tls_why_(t, err, &s->alert);
    }
    ERR_clear_error();
}

static void step_destroy(struct offload_job *job)
{
    tls_stream_put_(CONTAINER_OF(job, struct tls_step, job)->t);
}

/* Edges that came while a worker was at the socket have been missed: look before waiting. */
static int co_await_fd(struct tls_stream *t, bool writing, int64_t deadline_ns) CO_FN;
static int co_await_fd(struct tls_stream *t, bool writing, int64_t deadline_ns)
{
    int rc = 0;
    int64_t silence = t->ctx->silence_ns ? loop_now_ns(flow_loop()) + t->ctx->silence_ns : 0;
    if (silence && silence < deadline_ns)
        deadline_ns = silence;
    struct pollfd p = {.fd = t->fd, .events = writing ? POLLOUT : POLLIN};
    while (rc == 0 && poll(&p, 1, 0) == 0)
        rc = flow_co_wait(writing ? &t->sock->writable : &t->sock->readable, deadline_ns);
    return rc;
}

static int co_step(struct tls_stream *t, struct pool *pool, int64_t deadline_ns,
                   struct tls_step **ret) CO_FN;
static int co_step(struct tls_stream *t, struct pool *pool, int64_t deadline_ns,
                   struct tls_step **ret)
{
    struct tls_step *s = offload_job_new(sizeof *s, step_run, step_destroy);
    if (!s)
        return OC_ENOMEM;
    (void)atomic_fetch_add(&t->refs, 1);
    s->t = t;
    s->job.droppable = true;
    int rc = 0;
    if (pool) {
        rc = flow_co_offload(pool, &s->job, deadline_ns);
    } else {
        ROLE_ENTER_WORKER(); /* the caller asked for it: no pool */
        step_run(&s->job);
    }
    if (rc) {
        offload_job_put(&s->job);
        return rc;
    }
    *ret = s;
    return 0;
}

struct shake {
    struct tls_peer peer;
    enum tls_word word;
    bool alert;
};

static enum tls_word word_of(int rc)
{
    switch (rc) {
    case OC_ETIMEDOUT:
        return TLS_TIMED_OUT;
    case OC_ECANCELED:
        return TLS_CANCELLED;
    case OC_EBUSY:
    case OC_ECLOSED: /* the pool is ending */
        return TLS_BUSY;
    default:
        return TLS_FAILED;
    }
}

static int co_shake(struct tls_stream *t, struct pool *pool, int64_t deadline_ns,
                    struct shake *k) CO_FN;
static int co_shake(struct tls_stream *t, struct pool *pool, int64_t deadline_ns, struct shake *k)
{
    enum step_end next = t->ctx->server ? STEP_READ : STEP_DONE;
    for (;;) {
        struct tls_step *s;
        int rc = next == STEP_DONE ? 0 : co_await_fd(t, next == STEP_WRITE, deadline_ns);
        if (rc == 0)
            rc = co_step(t, pool, deadline_ns, &s);
        if (rc) {
            k->word = word_of(rc);
            return rc;
        }
        next = s->end;
        k->peer = s->peer;
        k->word = s->word;
        k->alert = s->alert;
        offload_job_put(&s->job);
        if (next == STEP_DONE)
            return 0;
        if (next == STEP_FAILED)
            return k->word == TLS_CLOSED ? OC_ECLOSED : OC_EPERM;
    }
}

/* --- both sides --- */

static void count(const struct tls_ctx *c, const struct shake *k, int rc, int64_t ns)
{
    enum tls_word w = rc == 0 ? (k->peer.resumed ? TLS_RESUMED : TLS_OK) : k->word;
    if (c->m_result[w])
        metric_add(c->m_result[w], 1);
    if (c->m_seconds && rc == 0)
        metric_observe_ns(c->m_seconds, ns);
}

static void give_up(struct tls_stream *t, const struct shake *k, struct tls_failure *ret)
{
    if (ret)
        *ret = (struct tls_failure){tls_word_text_(k->word), k->alert};
    /* A step that is at work hears of it, and so does the other side. */
    (void)shutdown(t->fd, SHUT_RDWR);
    tls_stream_unwatch_(t);
    tls_stream_put_(t);
}

static int co_establish(struct tls_stream *t, struct pool *pool, int64_t deadline_ns,
                        struct shake *k) CO_FN;
static int co_establish(struct tls_stream *t, struct pool *pool, int64_t deadline_ns,
                        struct shake *k)
{
    int64_t began = loop_now_ns(flow_loop());
    int rc = co_shake(t, pool, deadline_ns, k);
    count(t->ctx, k, rc, loop_now_ns(flow_loop()) - began);
    if (rc == 0)
        t->established = true; /* else a step may still be at it */
    return rc;
}

int tls_co_accept(struct tls_ctx *c, struct pool *pool, struct stream *raw, int64_t deadline_ns,
                  struct stream **ret, struct tls_peer *ret_peer, struct tls_failure *ret_failure)
{
    struct tls_stream *t;
    struct shake k = {.word = TLS_FAILED};
    CHECK(c->server);
    int rc = tls_stream_new_(c, raw, &t);
    if (rc)
        return rc;
    rc = co_establish(t, pool, deadline_ns, &k);
    if (rc) {
        give_up(t, &k, ret_failure);
        return rc;
    }
    if (ret_peer)
        *ret_peer = k.peer;
    *ret = &t->s;
    return 0;
}

static bool is_address(const char *name)
{
    uint8_t any[16];
    return inet_pton(AF_INET, name, any) == 1 || inet_pton(AF_INET6, name, any) == 1;
}

static bool expect_name(struct tls_stream *t, const char *name)
{
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1;
    char copy[256]; /* the macro takes no const */
    if ((size_t)snprintf(copy, sizeof copy, "%s", name) >= sizeof copy)
        return false;
    return SSL_set1_host(t->ssl, copy) == 1 && SSL_set_tlsext_host_name(t->ssl, copy) == 1;
}

/* A session is offered only to the server it came from, by the one who got it. */
static bool offer_session(struct tls_stream *t, const char *name, struct tls_session *session)
{
    uint8_t text[TLS_TRUST_LEN + 256] = {0};
    size_t len = strlen(name);
    if (len >= sizeof text - TLS_TRUST_LEN)
        return false;
    memcpy(text, t->ctx->trust, TLS_TRUST_LEN);
    memcpy(text + TLS_TRUST_LEN, name, len);
    if (EVP_Digest(text, TLS_TRUST_LEN + len, t->trust, NULL, EVP_sha256(), NULL) != 1)
        return false;
    t->session = tls_session_get_(session);
    if (!session || !session->ssl || memcmp(session->trust, t->trust, sizeof t->trust) != 0)
        return true;
    const X509 *cert = SSL_SESSION_get0_peer(session->ssl);
    if (!cert || tls_dates_(cert) != TLS_OK)
        return true;
    return SSL_set_session(t->ssl, session->ssl) == 1;
}

int tls_co_connect(struct tls_ctx *c, struct pool *pool, struct stream *raw,
                   const char *server_name, struct tls_session *session, int64_t deadline_ns,
                   struct stream **ret, struct tls_peer *ret_peer, struct tls_failure *ret_failure)
{
    struct tls_stream *t;
    struct shake k = {.word = TLS_FAILED};
    CHECK(!c->server);
    int rc = tls_stream_new_(c, raw, &t);
    if (rc)
        return rc;
    rc = expect_name(t, server_name) && offer_session(t, server_name, session) ? 0 : OC_EINVAL;
    ERR_clear_error();
    if (rc == 0)
        rc = co_establish(t, pool, deadline_ns, &k);
    if (rc) {
        give_up(t, &k, ret_failure);
        return rc;
    }
    if (ret_peer)
        *ret_peer = k.peer;
    *ret = &t->s;
    return 0;
}
