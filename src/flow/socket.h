/* A socket as the streams of this folder share it. Private to this folder.
 *
 * Invariant: while `dry` is set there is nothing to be read and the next edge of the event will say
 * when there is, so that no system call is spent on hearing EAGAIN. A short read proves it only as
 * long as the other end has not closed: its FIN may have come in the same edge as the bytes. */
#ifndef FLOW_SOCKET_H
#define FLOW_SOCKET_H

#include "flow/core.h"
#include "flow/sock.h"

struct sock {
    struct stream s;
    int fd;
    struct event *ev;
    struct flow_cond readable, writable;
    bool tells_close; /* the event also says when the other end closes */
    bool dry, hup;
};

/** The socket of a stream of sock.c (checked). */
struct sock *sock_of_(struct stream *s);
/** recv(2), EINTR gone; EAGAIN without a system call while the socket is known to be dry. Loop
 * only. */
ssize_t sock_recv_(struct sock *k, void *buf, size_t cap);
/** Stops watching and frees all but the descriptor, which is the caller's from now on. */
void sock_release_(struct sock *k);
/** An errno of a socket call as an error of ours. */
int sock_error_(int err);

#endif
