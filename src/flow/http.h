/* An HTTP/1.1 server: each request runs in a flow of its own. On a Unix socket (peers known by uid)
 * and, if asked, on TCP at a numeric address (in clear for loopback, or with TLS; peers unknown).
 * Bounded: body, headers, connections with TLS, concurrent requests. */
#ifndef FLOW_HTTP_H
#define FLOW_HTTP_H

#include "base/base.h"
#include "flow/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct http_server;
struct http_req;

/** HTTPS (TLS 1.3 and nothing else) on the TCP address. PEM texts of the caller's, read once. */
struct http_tls {
    const char *certificate; /* those of its issuers may follow */
    const char *key;         /* without passphrase */
    const char *authorities; /* clients must show a certificate of theirs; NULL: none is asked */
    unsigned connections;    /* at one time, 0: 512; more are closed at once */
};

struct http_opts {
    const char *unix_path; /* NULL: none */
    mode_t mode;           /* of the socket file; 0: 0660 */
    const char *tcp_addr;  /* numeric, NULL: none */
    int tcp_port;          /* 0: any, see http_server_port */
    const struct http_tls *tls; /* NULL: in clear. Not kept */
    size_t max_body;       /* bytes, 0: 1 MiB; more is read to its end, however long, dropped, and answered 413 */
    unsigned max_requests; /* at work at one time, 0: 256; beyond: 503 with Retry-After */
    int timeout_s; /* a connection silent for so long between or inside requests is closed; 0: 60 */
    bool (*allow)(void *arg, uid_t uid,
                  gid_t gid); /* Unix peers; NULL: all. false is answered 403 */
    bool allow_tcp;           /* TCP peers pass; else they are answered 403 whatever they ask */
    /* Runs in the request's flow (body marked CO_FN). Returning without a reply is answered 500.
     * The result is not used beyond a line in the log when negative. */
    int (*co_handler)(struct http_req *req, void *arg);
    void *arg;
};

/** Opens and begins to serve once the loop runs. Texts are copied; arg must outlive the server.
 * Stops accepting by itself on loop_stop(). While the process has no descriptor free, connections
 * wait in the kernel's queue; the server tries again each second and logs it once a minute.
 * OC_EEXIST (somebody serves at unix_path), OC_ELIMIT (path too long), OC_EINVAL (also: a
 * certificate or key that makes no sense, logged), OC_ENOMEM, OC_ECRYPTO, OC_EIO (logged). */
int http_server_open(struct loop *loop, const struct http_opts *o,
                     struct http_server **ret) MUST_USE;
/** Stops accepting now; frees once the requests at work have ended, for which the loop must go on.
 * Before loop_free. The socket file goes. NULL is fine. */
void http_server_close(struct http_server **s);
/** The TCP port in use, 0: none. */
int http_server_port(const struct http_server *s);

/* What was asked. Texts live as long as the request, also when its client has gone. */
/** "GET", "POST", … */
const char *http_method(const struct http_req *req);
/** Percent-decoded, one leading slash, no empty, "." or ".." segments, no trailing slash; "/" for
 * the root. */
const char *http_path(const struct http_req *req);
/** The target as it stands in the request line, query included: what signatures are over. */
const char *http_target(const struct http_req *req);
/** Decoded value of a query parameter, NULL when absent. */
const char *http_query(const struct http_req *req, const char *name);
/** The i-th parameter's name, as they stand; NULL: there are no more. */
const char *http_query_name(const struct http_req *req, size_t i);
/** A header's value (name without regard to case), NULL when absent. */
const char *http_header(const struct http_req *req, const char *name);
/** The body, NUL-terminated beyond its `*len` bytes; never NULL. */
const char *http_body(const struct http_req *req, size_t *len);
/** The peer on the Unix socket; (uid_t)-1, (gid_t)-1, 0 over TCP. */
uid_t http_peer_uid(const struct http_req *req);
gid_t http_peer_gid(const struct http_req *req);
pid_t http_peer_pid(const struct http_req *req);

/** Adds a header to the reply to come. Control characters are refused with OC_EINVAL. */
int http_reply_header(struct http_req *req, const char *name, const char *value) MUST_USE;
/** Replies; body and texts are copied. Exactly once a request (checked). Does nothing when the
 * client has gone. Never suspends. */
void http_reply(struct http_req *req, int status, const char *content_type, const void *body,
                size_t len);
bool http_replied(const struct http_req *req);

/* A reply that goes on (server-sent events), instead of http_reply: begin, write as often as there
 * is something to say, end. The request counts as one at work until its end. */
/** Sends the status line 200 and the headers given before; from now on the flow is cancelled when
 * the client goes. The connection's idle time-out no longer holds for a silent client, only for one
 * that takes nothing, and the connection ends with the reply. A reply without an end is for a
 * background flow (flow_set_background), or shutting down waits for it. Exactly once a request, and
 * not with http_reply (checked). OC_ECLOSED: the client has gone, OC_ENOMEM. Never suspends. */
int http_stream_begin(struct http_req *req, const char *content_type) MUST_USE;
/** Sends `len` bytes (copied). First waits until what was sent before and the client has not taken
 * yet falls below 64 KiB. OC_ECLOSED: the client has gone; OC_ETIMEDOUT: it takes nothing, nothing
 * was sent now; OC_ECANCELED, OC_ENOMEM. After OC_ETIMEDOUT the caller may go on or return, which
 * closes. */
int http_stream_co_write(struct http_req *req, const void *data, size_t len,
                         int64_t deadline_ns) CO_FN MUST_USE;
/** Ends the reply; also done when the handler returns. Nothing may be written after it. */
void http_stream_end(struct http_req *req);
/** Has the client closed its end? Best effort. */
bool http_gone(const struct http_req *req);
/** From now on the request's flow is cancelled when the client closes its end before the reply. Use
 * a shield where that must not interrupt. A client that only shuts its writing side counts as gone.
 */
void http_cancel_when_gone(struct http_req *req);

#endif
