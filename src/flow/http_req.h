/* A request and its server, as http.c and http_req.c share them. Private to this folder.
 *
 * What was asked is copied out of evhttp at once: the connection may go while the flow works, and
 * with it what evhttp keeps. `ev` is evhttp's request while a reply can be given, NULL from the
 * moment it was replied to or its client went. */
#ifndef FLOW_HTTP_REQ_H
#define FLOW_HTTP_REQ_H

#include "flow/core.h"
#include "flow/http.h"

#include <event2/keyvalq_struct.h>

struct evhttp_request;
struct evhttp;
struct evhttp_bound_socket;

struct http_server {
    struct loop *loop;
    struct http_opts opts;
    struct evhttp *unix_http, *tcp_http;
    struct tls_http *tls; /* of tcp_http; NULL: in clear */
    struct evhttp_bound_socket *unix_bound, *tcp_bound;
    char *unix_path;
    uint64_t unix_ino;
    struct event *tick;  /* opens again what on_accept_error closed */
    int64_t shortage_ns; /* when the last lack of descriptors was logged, 0: never */
    int tcp_port;
    unsigned busy; /* requests with a flow */
    bool stopped, closing;
    struct loop_task on_stop;
};

struct http_req {
    struct http_server *server;
    struct evhttp_request *ev;
    struct flow *flow; /* while it runs */
    struct event *gone_ev;
    struct flow_cond sent; /* the reply was written or its client went */
    bool replied, written, gone;
    bool streaming; /* between http_stream_begin and http_stream_end */
    int fd;
    const char *method;
    char *target, *path, *body;
    size_t body_len;
    struct evkeyvalq query, headers;
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

/** Copies what is asked. OC_EINVAL: a target, path or query that makes no sense; OC_ENOMEM. */
int http_req_new(struct http_server *s, struct evhttp_request *ev, struct http_req **ret) MUST_USE;
void http_req_free(struct http_req *r);
/** Stops the watch on the client's end. */
void http_unwatch(struct http_req *r);
/** Percent-decodes and normalises a path into new memory. OC_EINVAL, OC_ENOMEM. */
int http_path_normal(const char *raw, char **ret) MUST_USE;
/** Replies without a flow: {"error":code,"message":…}. */
void http_refuse(struct evhttp_request *ev, int status, const char *code, const char *message);
/** Who asks. false: nobody known. */
bool http_peer_of(struct evhttp_request *ev, uid_t *uid, gid_t *gid, pid_t *pid, int *fd);

#endif
