/* Bare TLS round trips. Two threads, as the switch and its terminals are two processes: each has
 * its libevent base and does nothing but answer, or ask again. */
#include "parts.h"

#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CAP 65536

struct side;
struct end { /* of one connection */
    struct side *side;
    SSL *ssl;
    int fd;
    struct event *ev;
    unsigned got;
};
struct side {
    struct event_base *base;
    struct end *ends;
    unsigned count, send, expect;
    int client, memory;
    uint64_t rounds;
    double cpu_s;
    uint8_t out[CAP], in[CAP], wire[CAP];
};
static double run_seconds;

static double thread_cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- memory BIOs: what OpenSSL made goes to the socket, what came goes to OpenSSL ---- */

static void push(struct end *e)
{
    BIO *b = SSL_get_wbio(e->ssl);
    int n;
    while ((n = BIO_read(b, e->side->wire, CAP)) > 0)
        if (write(e->fd, e->side->wire, (size_t)n) != n)
            break;
}

static int pull(struct end *e)
{
    ssize_t n = read(e->fd, e->side->wire, CAP);
    return n > 0 ? BIO_write(SSL_get_rbio(e->ssl), e->side->wire, (int)n) : 0;
}

static void send_message(struct end *e)
{
    (void)SSL_write(e->ssl, e->side->out, (int)e->side->send);
    if (e->side->memory)
        push(e);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
    struct end *e = arg;
    struct side *s = e->side;
    (void)fd;
    (void)what;
    if (s->memory)
        (void)pull(e);
    int n;
    do {
        n = SSL_read(e->ssl, s->in, CAP);
        if (n > 0)
            e->got += (unsigned)n;
    } while (n > 0 && SSL_has_pending(e->ssl));
    for (; e->got >= s->expect; e->got -= s->expect) {
        s->rounds++;
        send_message(e);
    }
}

/* ---- setting up ---- */

static SSL_CTX *context(int client, EVP_PKEY *key, X509 *cert)
{
    SSL_CTX *c = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
    SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_num_tickets(c, 0);
    SSL_CTX_set_read_ahead(c, 1);
    if (!client) {
        SSL_CTX_use_certificate(c, cert);
        SSL_CTX_use_PrivateKey(c, key);
    }
    return c;
}

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"parts", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_sign(x, key, EVP_sha256());
    return x;
}

static int pair(int fds[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    const int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &len) != 0 ||
        connect(fds[0], (struct sockaddr *)&a, sizeof a) != 0 ||
        (fds[1] = accept(listener, NULL, NULL)) < 0)
        return -1;
    close(listener);
    for (int i = 0; i < 2; i++) {
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static void adopt(struct side *s, unsigned i, SSL_CTX *ctx, int fd)
{
    struct end *e = &s->ends[i];
    *e = (struct end){.side = s, .fd = fd, .ssl = SSL_new(ctx)};
    if (s->memory)
        SSL_set_bio(e->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    else
        SSL_set_fd(e->ssl, fd);
    if (s->client)
        SSL_set_connect_state(e->ssl);
    else
        SSL_set_accept_state(e->ssl);
    e->ev = event_new(s->base, fd, EV_READ | EV_PERSIST, readable, e);
    event_add(e->ev, NULL);
}

static int step(struct end *e)
{
    if (e->side->memory)
        (void)pull(e);
    int done = SSL_do_handshake(e->ssl) == 1;
    if (e->side->memory)
        push(e);
    ERR_clear_error();
    return done;
}

static int shake(struct end *a, struct end *b)
{
    int x = 0, y = 0;
    for (int i = 0; i < 100000 && !(x && y); i++) {
        x = step(a);
        y = step(b);
    }
    return x && y ? 0 : -1;
}

static int make_pairs(struct side *client, struct side *server)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = self_signed(key);
    SSL_CTX *cc = context(1, key, cert), *sc = context(0, key, cert);
    int rc = 0;
    for (unsigned i = 0; i < client->count && rc == 0; i++) {
        int fds[2];
        rc = pair(fds);
        if (rc != 0)
            break;
        adopt(client, i, cc, fds[0]);
        adopt(server, i, sc, fds[1]);
        rc = shake(&client->ends[i], &server->ends[i]);
    }
    SSL_CTX_free(cc);
    SSL_CTX_free(sc);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

static void *run(void *arg)
{
    struct side *s = arg;
    const struct timeval tv = {
        .tv_sec = (time_t)run_seconds,
        .tv_usec = (suseconds_t)((run_seconds - (double)(time_t)run_seconds) * 1e6)};
    double begun = thread_cpu();
    event_base_loopexit(s->base, &tv);
    for (unsigned i = 0; s->client && i < s->count; i++)
        send_message(&s->ends[i]);
    event_base_dispatch(s->base);
    s->cpu_s = thread_cpu() - begun;
    return NULL;
}

static void drop(struct side *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->ends[i].ev)
            event_free(s->ends[i].ev);
        SSL_free(s->ends[i].ssl);
        if (s->ends[i].fd > 0)
            close(s->ends[i].fd);
    }
    event_base_free(s->base);
    free(s->ends);
    free(s);
}

static struct side *side(const struct parts_tls *w, int client, int memory)
{
    struct side *s = calloc(1, sizeof *s);
    s->base = event_base_new();
    s->ends = calloc(w->connections, sizeof *s->ends);
    s->count = w->connections;
    s->client = client;
    s->memory = memory;
    s->send = client ? w->out : w->in;
    s->expect = client ? w->in : w->out;
    return s;
}

int parts_tls(const struct parts_tls *w, int memory_bio, struct parts_tls_result *ret)
{
    struct side *client = side(w, 1, memory_bio), *server = side(w, 0, memory_bio);
    pthread_t thread;
    int rc = make_pairs(client, server);
    run_seconds = w->seconds;
    if (rc == 0 && pthread_create(&thread, NULL, run, server) == 0) {
        run(client);
        pthread_join(thread, NULL);
        double rounds = (double)client->rounds;
        ret->per_second = rounds / w->seconds;
        ret->core_us = rounds > 0 ? (client->cpu_s + server->cpu_s) * 1e6 / rounds : 0;
        rc = rounds > 0 ? 0 : -1;
    }
    if (rc != 0)
        fprintf(stderr, "bench-parts: TLS: no round trip (open files: %u are needed)\n",
                2 * w->connections + 16);
    drop(client);
    drop(server);
    return rc;
}
