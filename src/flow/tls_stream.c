/* A TLS connection as a stream. Reading and writing run on the loop: a record of a few hundred
 * bytes costs about a microsecond, less than a thread would. */
#include "flow/tls_core.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_A_TURN 16 /* while more is there: then other flows run */

/* --- the socket as a BIO --- */

static ssize_t receive(struct tls_stream *t, char *buf, size_t len)
{
    ssize_t n;
    if (t->established)
        return sock_recv_(t->sock, buf, len);
    do
        n = recv(t->fd, buf, len, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static int bio_read(BIO *b, char *buf, int len)
{
    struct tls_stream *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (len <= 0)
        return 0;
    ssize_t n = receive(t, buf, (size_t)len);
    if (n == 0)
        t->eof = true;
    if (n < 0 && errno == EAGAIN) {
        t->starved = true;
        BIO_set_retry_read(b);
    } else if (n < 0)
        t->err = errno;
    return (int)n;
}

static int bio_write(BIO *b, const char *buf, int len)
{
    struct tls_stream *t = BIO_get_data(b);
    ssize_t n;
    BIO_clear_retry_flags(b);
    if (len <= 0)
        return 0;
    do
        n = send(t->fd, buf, (size_t)len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        BIO_set_retry_write(b);
    else if (n < 0)
        t->err = errno;
    return (int)n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method_(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "flow socket");
    if (m && BIO_meth_set_read(m, bio_read) == 1 && BIO_meth_set_write(m, bio_write) == 1 &&
        BIO_meth_set_ctrl(m, bio_ctrl) == 1)
        return m;
    BIO_meth_free(m);
    return NULL;
}

/* --- reading and writing --- */

static int read_failed(struct tls_stream *t, int ssl_error)
{
    bool alert;
    enum tls_word w = tls_why_(t, ssl_error, &alert);
    if (ssl_error != SSL_ERROR_ZERO_RETURN)
        t->broken = true;
    if (t->word == TLS_OK) {
        t->word = (uint8_t)w;
        t->alert = alert;
    }
    if (w == TLS_CLOSED)
        return OC_ECLOSED;
    return alert ? OC_EPERM : OC_EIO;
}

static int co_await (struct tls_stream *t, int ssl_error, int64_t deadline_ns) CO_FN;
static int co_await (struct tls_stream *t, int ssl_error, int64_t deadline_ns)
{
    return flow_co_wait(ssl_error == SSL_ERROR_WANT_WRITE ? &t->sock->writable : &t->sock->readable,
                        deadline_ns);
}

/* The reader's turn is over although there is more. */
static int co_pass(struct tls_stream *t, int64_t deadline_ns) CO_FN;
static int co_pass(struct tls_stream *t, int64_t deadline_ns)
{
    t->reads = 0;
    int rc = flow_co_yield();
    if (rc == 0 && deadline_ns != FLOW_FOREVER && deadline_ns <= loop_now_ns(flow_loop()))
        rc = OC_ETIMEDOUT;
    return rc;
}

/* Once. 1: *ret_len bytes; 0: none, *ret_err is what to wait for, or NONE: more is there. */
static int read_once(struct tls_stream *t, void *buf, size_t cap, size_t *ret_len, int *ret_err)
{
    t->starved = false;
    t->reads++;
    ERR_clear_error();
    if (SSL_read_ex(t->ssl, buf, cap, ret_len) == 1)
        return 1;
    int err = SSL_get_error(t->ssl, 0);
    if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
        return read_failed(t, err);
    if (err == SSL_ERROR_WANT_READ && !t->starved && !t->sock->dry)
        err = SSL_ERROR_NONE; /* a buffer full of records without content */
    *ret_err = err;
    return 0;
}

static int tls_co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len,
                       int64_t deadline_ns) CO_FN;
static int tls_co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len,
                       int64_t deadline_ns)
{
    struct tls_stream *t = CONTAINER_OF(s, struct tls_stream, s);
    int err = SSL_ERROR_WANT_READ, rc = 0;
    while (rc == 0) {
        if (t->reads >= READS_A_TURN)
            rc = co_pass(t, deadline_ns);
        /* A look would only cost a buffer of 17 KiB that is given back at once. */
        if (rc == 0 && (!t->sock->dry || SSL_has_pending(t->ssl)))
            rc = read_once(t, buf, cap, ret_len, &err);
        if (rc > 0)
            return 0;
        if (rc == 0 && err == SSL_ERROR_NONE) {
            t->reads = READS_A_TURN;
            err = SSL_ERROR_WANT_READ;
        } else if (rc == 0) {
            t->reads = 0;
            rc = co_await (t, err, deadline_ns);
        }
    }
    return rc;
}

static int co_write_all(struct tls_stream *t, const char *at, size_t len,
                        int64_t deadline_ns) CO_FN;
static int co_write_all(struct tls_stream *t, const char *at, size_t len, int64_t deadline_ns)
{
    while (len > 0) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, at, len, &n) == 1) {
            at += n;
            len -= n;
            continue;
        }
        int err = SSL_get_error(t->ssl, 0);
        if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
            return read_failed(t, err);
        int rc = co_await (t, err, deadline_ns);
        if (rc)
            return rc;
    }
    return 0;
}

static int tls_co_write(struct stream *s, const void *buf, size_t len, int64_t deadline_ns) CO_FN;
static int tls_co_write(struct stream *s, const void *buf, size_t len, int64_t deadline_ns)
{
    struct tls_stream *t = CONTAINER_OF(s, struct tls_stream, s);
    if (t->broken)
        return t->word == TLS_CLOSED ? OC_ECLOSED : OC_EIO;
    int rc = co_write_all(t, buf, len, deadline_ns);
    /* Half a record may be out: nothing may follow it, not even a farewell. */
    if (rc)
        t->broken = true;
    return rc;
}

/* --- its life --- */

static void tls_close(struct stream *s)
{
    struct tls_stream *t = CONTAINER_OF(s, struct tls_stream, s);
    if (!t->broken && !t->eof) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
    tls_stream_unwatch_(t);
    tls_stream_put_(t);
}

static void tls_shut(struct stream *s, bool both)
{
    (void)shutdown(tls_fd(s), both ? SHUT_RDWR : SHUT_WR);
}

static const struct stream_ops tls_ops = {
    .co_read = tls_co_read, .co_write = tls_co_write, .close = tls_close, .shut = tls_shut};

static bool attach(struct tls_stream *t)
{
    t->ssl = SSL_new(t->ctx->ssl);
    BIO *b = t->ssl ? BIO_new(t->ctx->bio) : NULL;
    if (!b || SSL_set_app_data(t->ssl, t) != 1) {
        BIO_free(b);
        return false;
    }
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    SSL_set_bio(t->ssl, b, b);
    if (t->ctx->server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return true;
}

int tls_stream_new_(struct tls_ctx *c, struct stream *raw, struct tls_stream **ret)
{
    struct tls_stream *t = calloc(1, sizeof *t);
    if (!t) {
        stream_close(&raw);
        return OC_ENOMEM;
    }
    t->s.ops = &tls_ops;
    atomic_init(&t->refs, 1);
    t->ctx = tls_ctx_get(c);
    t->sock = sock_of_(raw);
    t->fd = t->sock->fd;
    if (!attach(t)) {
        ERR_clear_error();
        tls_stream_unwatch_(t);
        tls_stream_put_(t);
        return OC_ENOMEM;
    }
    *ret = t;
    return 0;
}

void tls_stream_unwatch_(struct tls_stream *t)
{
    if (t->sock)
        sock_release_(t->sock);
    t->sock = NULL;
}

void tls_stream_put_(struct tls_stream *t)
{
    if (atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    /* OpenSSL forgets the session of a connection that ended without a farewell. A switch that was
     * killed, or a wire that was cut, says nothing against it: all terminals come back at once
     * then. */
    if (t->established)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    (void)close(t->fd);
    tls_session_free(&t->session);
    tls_ctx_put(&t->ctx);
    free(t);
}

static const struct tls_stream *tls_of(const struct stream *s)
{
    CHECK(s->ops == &tls_ops);
    return (const struct tls_stream *)(const void *)s;
}

int tls_fd(const struct stream *s)
{
    return tls_of(s)->fd;
}

bool tls_refusal(const struct stream *s, struct tls_failure *ret)
{
    const struct tls_stream *t = tls_of(s);
    if (t->word == TLS_OK)
        return false;
    *ret = (struct tls_failure){tls_word_text_((enum tls_word)t->word), t->alert};
    return true;
}
