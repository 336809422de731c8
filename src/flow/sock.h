/* Byte streams for flows: a table of three functions (sockets here, TLS above them, a simulator's
 * pipe beside them), and Unix and TCP sockets. One flow may read while another writes; never two on
 * the same side. */
#ifndef FLOW_SOCK_H
#define FLOW_SOCK_H

#include "base/base.h"
#include "flow/loop.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream;
struct stream_ops {
    int (*co_read)(struct stream *s, void *buf, size_t cap, size_t *ret_len, int64_t deadline_ns);
    int (*co_write)(struct stream *s, const void *buf, size_t len, int64_t deadline_ns);
    void (*close)(struct stream *s); /* also frees */
    void (*shut)(struct stream *s, bool both);
};
struct stream {
    const struct stream_ops *ops;
};

/** Reads some bytes: at least one, at most `cap` (> 0). OC_ECLOSED: the other end has closed;
 * OC_ETIMEDOUT, OC_ECANCELED, OC_EIO. Deadlines are monotonic nanoseconds, FLOW_FOREVER for none.
 */
int stream_co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len,
                   int64_t deadline_ns) CO_FN MUST_USE;
/** Reads exactly `len` bytes; errors as above, the bytes read so far are lost. */
int stream_co_read_full(struct stream *s, void *buf, size_t len,
                        int64_t deadline_ns) CO_FN MUST_USE;
/** Writes all `len` bytes. After an error an unknown part was written: close. OC_ECLOSED,
 * OC_ETIMEDOUT, OC_ECANCELED, OC_EIO. */
int stream_co_write(struct stream *s, const void *buf, size_t len,
                    int64_t deadline_ns) CO_FN MUST_USE;
/** Tells the other end that nothing more comes; `both`: nothing more is read either, and whoever
 * waits inside is woken. Never waits; close it all the same. */
void stream_shut(struct stream *s, bool both);
/** Closes and frees; no flow may be inside. NULL is fine. */
void stream_close(struct stream **s);

struct sock_listener;
/** Listens on a Unix socket at `path` with permission bits `mode`. A socket file left by a dead
 * process is removed. OC_EEXIST: somebody listens there; OC_ELIMIT: path too long; OC_EIO (all
 * logged). The file is removed on close. */
int sock_listen_unix(struct loop *loop, const char *path, mode_t mode,
                     struct sock_listener **ret) MUST_USE;
/** Listens on a numeric address ("127.0.0.1", "::1"); port 0: any, see sock_listener_port.
 * OC_EINVAL, OC_EIO (logged). */
int sock_listen_tcp(struct loop *loop, const char *addr, int port,
                    struct sock_listener **ret) MUST_USE;
int sock_listener_port(const struct sock_listener *l);
/** Waits for a connection; the caller owns the stream. OC_ETIMEDOUT, OC_ECANCELED, OC_ECLOSED
 * (listener stopped), OC_EBUSY (no descriptors left: wait before trying again), OC_EIO. */
int sock_co_accept(struct sock_listener *l, int64_t deadline_ns,
                   struct stream **ret) CO_FN MUST_USE;
/** Paused: takes nothing until it is told to go on; connections wait in the kernel's queue (4,096
 * at most, or what net.core.somaxconn allows), and waiting accepts go on waiting. */
void sock_listener_pause(struct sock_listener *l, bool paused);
/** Takes nothing more: waiting accepts end with OC_ECLOSED. */
void sock_listener_stop(struct sock_listener *l);
/** Frees; no flow may be in sock_co_accept. NULL is fine. */
void sock_listener_close(struct sock_listener **l);

/** Connects. OC_ENOENT / OC_ECLOSED (nobody there), OC_ETIMEDOUT, OC_ECANCELED, OC_EINVAL, OC_EIO.
 * The caller owns the stream. */
int sock_co_connect_unix(const char *path, int64_t deadline_ns, struct stream **ret) CO_FN MUST_USE;
/** The address is numeric: names are resolved by a worker before. */
int sock_co_connect_tcp(const char *addr, int port, int64_t deadline_ns,
                        struct stream **ret) CO_FN MUST_USE;
/** Wraps a connected, non-blocking socket; owns `fd` on success. OC_ENOMEM. */
int sock_stream(struct loop *loop, int fd, struct stream **ret) MUST_USE;
/** Waits until there is something to be read, and leaves it there. OC_ECLOSED: the other end has
 * closed without a byte; OC_ETIMEDOUT, OC_ECANCELED, OC_EIO. */
int sock_co_readable(struct stream *s, int64_t deadline_ns) CO_FN MUST_USE;
/** Has the other end closed its side, whatever is still to be read? Never waits. */
bool sock_hung_up(const struct stream *s);
/** The descriptor of a socket stream (for options and credentials; never to be read or closed). */
int sock_fd(const struct stream *s);
#define SOCK_PEER_TEXT 64
/** Writes "192.0.2.1:4711", "[2001:db8::1]:4711", "unix" or "?" and returns `out`: for lists and
 * logs. */
const char *sock_peer_text(int fd, char out[SOCK_PEER_TEXT]);
/** Who is at the other end of a Unix socket. OC_EIO. */
int sock_peer(int fd, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid) MUST_USE;

/** Makes a listening descriptor as sock_listen_unix / sock_listen_tcp do, without watching it. */
int sock_bind_unix(const char *path, mode_t mode, int *ret_fd) MUST_USE;
int sock_bind_tcp(const char *addr, int port, int *ret_fd) MUST_USE;

#endif
