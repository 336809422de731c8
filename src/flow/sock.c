/* Sockets for flows. Each has one edge-triggered event for its whole life: an operation is tried
 * first and the flow waits only after EAGAIN, so an edge that nobody waited for is never missed and
 * no wait costs a system call. */
#include "flow/socket.h"

#include "flow/addr.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sock_listener {
    struct sock sock;
    bool stopped, paused;
    char *path; /* of a Unix socket */
    ino_t ino;
};

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct sock *k = arg;
    (void)fd;
    if (what & EV_CLOSED)
        k->hup = true;
    if (what & (EV_READ | EV_CLOSED)) {
        k->dry = false;
        flow_cond_broadcast(&k->readable);
    }
    if (what & EV_WRITE)
        flow_cond_broadcast(&k->writable);
}

static int sock_init(struct sock *k, struct loop *l, int fd, short what)
{
    flow_cond_init(&k->readable);
    flow_cond_init(&k->writable);
    k->fd = fd;
    k->tells_close = (event_base_get_features(l->base) & EV_FEATURE_EARLY_CLOSE) != 0;
    if (k->tells_close)
        what = (short)(what | EV_CLOSED);
    k->ev = event_new(l->base, fd, (short)(what | EV_ET | EV_PERSIST), on_ready, k);
    if (k->ev && event_add(k->ev, NULL) == 0)
        return 0;
    if (k->ev)
        event_free(k->ev);
    k->ev = NULL;
    return OC_ENOMEM;
}

static void sock_fini(struct sock *k)
{
    flow_cond_fini(&k->readable);
    flow_cond_fini(&k->writable);
    if (k->ev)
        event_free(k->ev);
    if (k->fd >= 0)
        (void)close(k->fd);
    k->fd = -1;
}

int sock_error_(int err)
{
    switch (err) {
    case ECONNRESET:
    case EPIPE:
    case ECONNREFUSED:
    case ENOTCONN:
        return OC_ECLOSED;
    case ENOENT:
        return OC_ENOENT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
        return OC_EBUSY;
    default:
        return OC_EIO;
    }
}

ssize_t sock_recv_(struct sock *k, void *buf, size_t cap)
{
    ssize_t n;
    if (k->dry) {
        errno = EAGAIN;
        return -1;
    }
    do
        n = recv(k->fd, buf, cap, 0);
    while (n < 0 && errno == EINTR);
    bool drained = n < 0 ? errno == EAGAIN : n > 0 && (size_t)n < cap;
    k->dry = drained && k->tells_close && !k->hup;
    return n;
}

static int sock_co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len,
                        int64_t deadline_ns) CO_FN;
static int sock_co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len,
                        int64_t deadline_ns)
{
    struct sock *k = CONTAINER_OF(s, struct sock, s);
    for (;;) {
        ssize_t n = sock_recv_(k, buf, cap);
        if (n > 0) {
            *ret_len = (size_t)n;
            return 0;
        }
        if (n == 0)
            return OC_ECLOSED;
        if (errno != EAGAIN)
            return sock_error_(errno);
        int rc = flow_co_wait(&k->readable, deadline_ns);
        if (rc)
            return rc;
    }
}

static int sock_co_write(struct stream *s, const void *buf, size_t len, int64_t deadline_ns) CO_FN;
static int sock_co_write(struct stream *s, const void *buf, size_t len, int64_t deadline_ns)
{
    struct sock *k = CONTAINER_OF(s, struct sock, s);
    const char *at = buf;
    while (len > 0) {
        ssize_t n = send(k->fd, at, len, MSG_NOSIGNAL);
        if (n >= 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return sock_error_(errno);
        int rc = flow_co_wait(&k->writable, deadline_ns);
        if (rc)
            return rc;
    }
    return 0;
}

static void sock_close(struct stream *s)
{
    struct sock *k = CONTAINER_OF(s, struct sock, s);
    sock_fini(k);
    free(k);
}

static void sock_shut(struct stream *s, bool both)
{
    (void)shutdown(sock_fd(s), both ? SHUT_RDWR : SHUT_WR);
}

static const struct stream_ops sock_ops = {.co_read = sock_co_read,
                                           .co_write = sock_co_write,
                                           .close = sock_close,
                                           .shut = sock_shut};

int sock_fd(const struct stream *s)
{
    CHECK(s->ops == &sock_ops);
    const struct sock *k = (const struct sock *)(const void *)s;
    return k->fd;
}

struct sock *sock_of_(struct stream *s)
{
    CHECK(s->ops == &sock_ops);
    return CONTAINER_OF(s, struct sock, s);
}

int sock_co_readable(struct stream *s, int64_t deadline_ns)
{
    struct sock *k = sock_of_(s);
    for (;;) {
        char byte;
        ssize_t n = recv(k->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0)
            return 0;
        if (n == 0)
            return OC_ECLOSED;
        if (errno != EAGAIN && errno != EINTR)
            return sock_error_(errno);
        int rc = errno == EAGAIN ? flow_co_wait(&k->readable, deadline_ns) : 0;
        if (rc)
            return rc;
    }
}

bool sock_hung_up(const struct stream *s)
{
    struct pollfd p = {.fd = sock_fd(s), .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0;
}

void sock_release_(struct sock *k)
{
    k->fd = -1;
    sock_close(&k->s);
}

static int sock_new(struct loop *l, int fd, struct sock **ret)
{
    const int on = 1;
    struct sock *k = calloc(1, sizeof *k);
    if (!k)
        return OC_ENOMEM;
    k->s.ops = &sock_ops;
    if (sock_init(k, l, fd, EV_READ | EV_WRITE) != 0) {
        free(k);
        return OC_ENOMEM;
    }
    /* Fails on a Unix socket, where there is nothing to be set. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *ret = k;
    return 0;
}

int sock_stream(struct loop *l, int fd, struct stream **ret)
{
    struct sock *k;
    int rc = sock_new(l, fd, &k);
    if (rc == 0)
        *ret = &k->s;
    return rc;
}

/* --- connecting --- */

static int co_await_connect(struct sock *k, int64_t deadline_ns) CO_FN;
static int co_await_connect(struct sock *k, int64_t deadline_ns)
{
    int err = 0;
    socklen_t len = sizeof err;
    int rc = flow_co_wait(&k->writable, deadline_ns);
    if (rc)
        return rc;
    if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        return OC_EIO;
    return err ? sock_error_(err) : 0;
}

static int co_connect(const struct addr *a, int64_t deadline_ns, struct stream **ret) CO_FN;
static int co_connect(const struct addr *a, int64_t deadline_ns, struct stream **ret)
{
    struct sock *k;
    int rc = flow_co_checkpoint_();
    if (rc)
        return rc;
    int fd = addr_socket(a);
    if (fd < 0)
        return sock_error_(errno);
    int err = connect(fd, &a->any, a->len) == 0 ? 0 : errno;
    if (err != 0 && err != EINPROGRESS) {
        (void)close(fd);
        return err == EAGAIN ? OC_EBUSY : sock_error_(err);
    }
    rc = sock_new(flow_loop(), fd, &k);
    if (rc) {
        (void)close(fd);
        return rc;
    }
    if (err == EINPROGRESS)
        rc = co_await_connect(k, deadline_ns);
    if (rc) {
        sock_close(&k->s);
        return rc;
    }
    *ret = &k->s;
    return 0;
}

int sock_co_connect_unix(const char *path, int64_t deadline_ns, struct stream **ret)
{
    struct addr a;
    int rc = addr_unix(path, &a);
    return rc ? OC_EINVAL : co_connect(&a, deadline_ns, ret);
}

int sock_co_connect_tcp(const char *addr, int port, int64_t deadline_ns, struct stream **ret)
{
    struct addr a;
    int rc = addr_tcp(addr, port, &a);
    return rc ? rc : co_connect(&a, deadline_ns, ret);
}

/* --- listening --- */

static int listener_new(struct loop *l, int fd, const char *path, struct sock_listener **ret)
{
    struct stat st;
    struct sock_listener *k = calloc(1, sizeof *k);
    if (k && path) {
        k->path = strdup(path);
        k->ino = stat(path, &st) == 0 ? st.st_ino : 0;
    }
    if (!k || (path && !k->path) || sock_init(&k->sock, l, fd, EV_READ) != 0) {
        (void)close(fd);
        if (k)
            free(k->path);
        free(k);
        return OC_ENOMEM;
    }
    *ret = k;
    return 0;
}

int sock_listen_unix(struct loop *l, const char *path, mode_t mode, struct sock_listener **ret)
{
    int fd, rc = sock_bind_unix(path, mode, &fd);
    return rc ? rc : listener_new(l, fd, path, ret);
}

int sock_listen_tcp(struct loop *l, const char *addr, int port, struct sock_listener **ret)
{
    int fd, rc = sock_bind_tcp(addr, port, &fd);
    return rc ? rc : listener_new(l, fd, NULL, ret);
}

int sock_listener_port(const struct sock_listener *l)
{
    return addr_port(l->sock.fd);
}

static int take_connection(struct sock_listener *l, struct stream **ret)
{
    int fd = accept4(l->sock.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 1 : sock_error_(errno);
    int rc = sock_stream(flow_loop(), fd, ret);
    if (rc)
        (void)close(fd);
    return rc;
}

int sock_co_accept(struct sock_listener *l, int64_t deadline_ns, struct stream **ret)
{
    int rc = flow_co_checkpoint_();
    if (rc)
        return rc;
    for (;;) {
        if (l->stopped)
            return OC_ECLOSED;
        rc = l->paused ? 1 : take_connection(l, ret);
        if (rc <= 0)
            return rc;
        rc = flow_co_wait(&l->sock.readable, deadline_ns);
        if (rc)
            return rc;
    }
}

void sock_listener_pause(struct sock_listener *l, bool paused)
{
    l->paused = paused;
    if (!paused)
        flow_cond_broadcast(&l->sock.readable);
}

void sock_listener_stop(struct sock_listener *l)
{
    struct stat st;
    if (l->stopped)
        return;
    l->stopped = true;
    /* Not the file of a process that has taken the place meanwhile. */
    if (l->path && stat(l->path, &st) == 0 && st.st_ino == l->ino)
        (void)unlink(l->path);
    flow_cond_broadcast(&l->sock.readable);
}

void sock_listener_close(struct sock_listener **l)
{
    struct sock_listener *k = *l;
    *l = NULL;
    if (!k)
        return;
    sock_listener_stop(k);
    sock_fini(&k->sock);
    free(k->path);
    free(k);
}
