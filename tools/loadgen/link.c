/* TLS over epoll: sockets that OpenSSL reads and writes itself. See load.h. The switch's
 * certificate is not checked: its check costs the terminal, and this is a load, not a terminal. */
#include "load.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX 65536

static struct sockaddr_storage address;
static socklen_t address_len;
static uint8_t input[READ_MAX];

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    struct term *t = SSL_get_app_data(ssl);
    SSL_SESSION_free(t->session);
    /* A copy: OpenSSL spoils the session of a connection that ends suddenly. */
    t->session = SSL_SESSION_dup(session);
    return 0;
}

static WORKER_FN int resolve(struct load *l)
{
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo(l->o.host, l->o.port, &hints, &found);
    if (rc != 0) {
        fprintf(stderr, "loadgen: %s: %s\n", l->o.host, gai_strerror(rc));
        return OC_EINVAL;
    }
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

int link_init(struct load *l)
{
    char group[] = "X25519"; /* the macro takes const away */
    static const unsigned char alpn[] = "\x09onecard/1";
    const unsigned char *der = l->site.key.data;
    int rc = resolve(l);
    if (rc != 0)
        return rc;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->ctx = SSL_CTX_new(TLS_client_method());
    l->key = d2i_AutoPrivateKey(NULL, &der, (long)l->site.key.len);
    if (l->epoll < 0 || !l->ctx || !l->key ||
        SSL_CTX_set_min_proto_version(l->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(l->ctx, alpn, sizeof alpn - 1) != 0 ||
        SSL_CTX_set_ciphersuites(l->ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(l->ctx, group) != 1)
        return OC_ECRYPTO;
    SSL_CTX_set_mode(l->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(l->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (!l->o.full_handshakes)
        SSL_CTX_sess_set_new_cb(l->ctx, new_session);
    SSL_CTX_set_read_ahead(l->ctx, 1);
    return 0;
}

void link_fini(struct load *l)
{
    for (unsigned i = 0; i < l->term_count; i++) {
        struct term *t = &l->terms[i];
        SSL_free(t->ssl);
        if (t->fd >= 0)
            close(t->fd);
        SSL_SESSION_free(t->session);
        free(t->certificate);
        buf_fini(&t->in);
        buf_fini(&t->out);
        arena_fini(&t->arm_arena);
    }
    SSL_CTX_free(l->ctx);
    EVP_PKEY_free(l->key);
    if (l->epoll >= 0)
        close(l->epoll);
}

static void watch(struct term *t, uint32_t events, int how)
{
    struct epoll_event e = {.events = events, .data = {.ptr = t}};
    if (epoll_ctl(t->load->epoll, how, t->fd, &e) != 0)
        report_error(t->load, "epoll_ctl: %s", strerror(errno));
}

static void wants(struct term *t, bool write)
{
    if (t->want_write == write)
        return;
    t->want_write = write;
    watch(t, write ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static bool left_phase(struct term *t)
{
    struct load *l = t->load;
    if (t->phase == PHASE_UP)
        l->up--;
    else if (t->phase != PHASE_DOWN)
        l->connecting--;
    return t->phase != PHASE_DOWN;
}

void link_drop(struct term *t, const char *why)
{
    struct load *l = t->load;
    bool was_up = t->phase == PHASE_UP;
    if (!left_phase(t))
        return;
    if (was_up) {
        l->cut++;
        if (l->was_all_up && l->up == l->term_count - 1)
            l->down_since_ns = l->now_ns;
    } else {
        l->connect_failures++;
    }
    t->phase = PHASE_DOWN;
    SSL_free(t->ssl);
    t->ssl = NULL;
    close(t->fd);
    t->fd = -1;
    t->want_write = false;
    buf_reset(&t->in);
    buf_reset(&t->out);
    if (!l->ending && (l->cut + l->connect_failures < 5) && !l->o.quiet)
        fprintf(stderr, "loadgen: %s: %s\n", t->id, why);
    ERR_clear_error();
    t->back_off_ms = t->back_off_ms ? (t->back_off_ms < 5000 ? t->back_off_ms * 2 : 5000) : 100;
    timer_stop(l, &t->beat);
    dialogue_down(t);
    if (!l->ending)
        work_set(t, WORK_CONNECT,
                 l->now_ns +
                     (t->back_off_ms / 2 + (int64_t)(load_random(l) % (uint64_t)t->back_off_ms)) *
                         NS_PER_MS);
}

/* ---- connecting ---- */

static int own_certificate(struct term *t)
{
    if (t->certificate)
        return 0;
    t->certificate = malloc(sizeof *t->certificate);
    return t->certificate ? site_certificate(&t->load->site, t->id, t->certificate) : OC_ENOMEM;
}

static bool tls_new(struct term *t)
{
    struct load *l = t->load;
    if (own_certificate(t) != 0 || !(t->ssl = SSL_new(l->ctx)))
        return false;
    SSL_set_app_data(t->ssl, t);
    return SSL_use_certificate_ASN1(t->ssl, t->certificate->data, (int)t->certificate->len) == 1 &&
           SSL_use_PrivateKey(t->ssl, l->key) == 1 && SSL_set_fd(t->ssl, t->fd) == 1 &&
           (!t->session || SSL_set_session(t->ssl, t->session) == 1);
}

static void start(struct term *t)
{
    struct load *l = t->load;
    const int on = 1;
    t->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) {
        report_error(l, "socket: %s", strerror(errno));
        work_set(t, WORK_CONNECT, l->now_ns + NS_PER_S);
        return;
    }
    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    t->phase = PHASE_TCP;
    l->connecting++;
    t->deadline_ns = l->now_ns + 60 * NS_PER_S;
    if (connect(t->fd, (const struct sockaddr *)&address, address_len) != 0 &&
        errno != EINPROGRESS) {
        link_drop(t, strerror(errno));
        return;
    }
    t->want_write = true;
    watch(t, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

void link_more(struct load *l)
{
    while (l->next_connect < l->term_count && l->connecting < l->o.window) {
        struct term *t = &l->terms[l->next_connect++];
        if (t->phase == PHASE_DOWN && t->work.place == 0)
            start(t);
    }
}

static void handshake(struct term *t)
{
    ERR_clear_error();
    int rc = SSL_connect(t->ssl);
    if (rc != 1) {
        int e = SSL_get_error(t->ssl, rc);
        char why[160] = "closed in the handshake";
        if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
            wants(t, e == SSL_ERROR_WANT_WRITE);
            return;
        }
        if (e == SSL_ERROR_SSL)
            ERR_error_string_n(ERR_peek_error(), why, sizeof why);
        SSL_SESSION_free(t->session);
        t->session = NULL;
        link_drop(t, why);
        return;
    }
    wants(t, false);
    t->load->connects++;
    t->load->resumed += SSL_session_reused(t->ssl) == 1;
    t->phase = PHASE_HELLO;
    dialogue_up(t);
}

static void connected(struct term *t)
{
    int err = 0;
    socklen_t len = sizeof err;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err != 0) {
        link_drop(t, strerror(err));
        return;
    }
    if (!tls_new(t)) {
        report_error(t->load, "%s: no TLS", t->id);
        link_drop(t, "no TLS");
        return;
    }
    t->phase = PHASE_TLS;
    handshake(t);
}

/* ---- bytes ---- */

void link_flush(struct term *t)
{
    struct buf *b = &t->out;
    while (t->phase >= PHASE_HELLO && b->pos < b->len) {
        ERR_clear_error();
        int n = SSL_write(t->ssl, b->data + b->pos, (int)(b->len - b->pos));
        if (n > 0) {
            t->load->all.bytes_out += (uint64_t)n;
            b->pos += (size_t)n;
            continue;
        }
        int e = SSL_get_error(t->ssl, n);
        if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ) {
            link_drop(t, "closed while writing");
            return;
        }
        wants(t, true);
        return;
    }
    buf_reset(b);
}

/* Whole frames are taken from `bytes`; gives how many bytes were used. */
static size_t frames(struct term *t, const uint8_t *bytes, size_t len)
{
    size_t at = 0, head = 0, n = 0;
    while (t->phase >= PHASE_HELLO && at < len) {
        int rc = frame_peek(bytes + at, len - at, &head, &n);
        if (rc == OC_EBUSY || (rc == 0 && at + head + n > len))
            return at;
        if (rc != 0) {
            report_error(t->load, "%s: not a frame", t->id);
            link_drop(t, "not a frame");
            return len;
        }
        dialogue_frame(t, bytes + at + head, n);
        at += head + n;
    }
    return at;
}

static void take(struct term *t, size_t n)
{
    t->load->all.bytes_in += n;
    if (t->in.len > 0)
        buf_put(&t->in, input, n);
    bool kept = t->in.len > 0;
    const uint8_t *from = kept ? t->in.data : input;
    size_t len = kept ? t->in.len : n, used = frames(t, from, len);
    if (t->phase < PHASE_HELLO)
        return;
    if (!kept && used < len) {
        buf_put(&t->in, input + used, len - used);
    } else if (kept && used > 0) {
        memmove(t->in.data, t->in.data + used, len - used);
        t->in.len = len - used;
    }
    if (used == len)
        buf_reset(&t->in);
}

static void read_all(struct term *t)
{
    do {
        ERR_clear_error();
        int n = SSL_read(t->ssl, input, sizeof input);
        if (n <= 0) {
            int e = SSL_get_error(t->ssl, n);
            if (e == SSL_ERROR_WANT_READ)
                break;
            link_drop(t, e == SSL_ERROR_ZERO_RETURN ? "closed by the switch" : "cut");
            return;
        }
        take(t, (size_t)n);
    } while (t->phase >= PHASE_HELLO && SSL_has_pending(t->ssl));
    if (t->phase >= PHASE_HELLO)
        dialogue_read_end(t);
}

void link_event(struct term *t, uint32_t events)
{
    if (t->phase == PHASE_TCP) {
        connected(t);
    } else if (t->phase == PHASE_TLS) {
        handshake(t);
    } else if (t->phase != PHASE_DOWN) {
        if (events & EPOLLOUT) {
            wants(t, false);
            link_flush(t);
        }
        if (t->phase >= PHASE_HELLO && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            read_all(t);
    }
}
