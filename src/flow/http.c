/* The HTTP server: evhttp reads and writes, a flow answers. A request's flow stays until the reply
 * is written or the client has gone, so that draining waits for replies and a slow reader counts as
 * a request at work. Two evhttp objects, because a request does not tell which listener it came by.
 */
#include "flow/http.h"

#include "flow/addr.h"
#include "flow/http_req.h"
#include "flow/tls_http.h"

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BODY      ((size_t)1024 * 1024)
#define MAX_HEADERS   32768
#define MAX_REQUESTS  256U
#define TIMEOUT_S     60
#define WRITE_MS      30000
#define LAST_WRITE_MS 1000
#define SHORTAGE_S    60 /* between two lines of the log */

static void server_free(struct http_server *s)
{
    if (s->unix_http)
        evhttp_free(s->unix_http);
    if (s->tcp_http)
        evhttp_free(s->tcp_http);
    tls_http_free(&s->tls);
    free(s->unix_path);
    free(s);
}

/* --- one request --- */

static void on_written(struct evhttp_request *ev, void *arg)
{
    struct http_req *r = arg;
    struct evhttp_connection *conn = evhttp_request_get_connection(ev);
    if (conn)
        evhttp_connection_set_closecb(conn, NULL, NULL);
    r->ev = NULL;
    r->written = true;
    flow_cond_broadcast(&r->sent);
}

static void on_closed(struct evhttp_connection *conn, void *arg)
{
    struct http_req *r = arg;
    (void)conn;
    /* evhttp cuts an unanswered request loose from a failed connection and leaves it to us; any
     * other it frees itself. */
    if (r->ev && !evhttp_request_get_connection(r->ev))
        evhttp_request_free(r->ev);
    r->ev = NULL;
    r->gone = true;
    if (r->gone_ev)
        event_free(r->gone_ev);
    r->gone_ev = NULL;
    flow_cond_broadcast(&r->sent);
    if (r->flow && (!r->replied || r->streaming))
        flow_cancel(r->flow);
}

static int co_handle(struct http_req *r) CO_FN;
static int co_handle(struct http_req *r)
{
    return r->server->opts.co_handler(r, r->server->opts.arg);
}

static void request_end(void *arg)
{
    struct http_req *r = arg;
    struct http_server *s = r->server;
    struct evhttp_connection *conn = r->ev ? evhttp_request_get_connection(r->ev) : NULL;
    if (conn) { /* cancelled while the reply was being written */
        evhttp_connection_set_closecb(conn, NULL, NULL);
        evhttp_request_set_on_complete_cb(r->ev, NULL, NULL);
    }
    http_req_free(r);
    s->busy--;
    if (s->closing && s->busy == 0)
        server_free(s);
}

static void reply_missing(struct http_req *r, int rc)
{
    static const char canceled[] =
        "{\"error\":\"cancelled\",\"message\":\"the service is stopping\"}\n";
    static const char failed[] = "{\"error\":\"internal\",\"message\":\"no reply was made\"}\n";
    if (rc == OC_ECANCELED)
        http_reply(r, 503, "application/json", canceled, sizeof canceled - 1);
    else
        http_reply(r, 500, "application/json", failed, sizeof failed - 1);
}

/* Until the reply is written or the client has gone; a cancelled flow gives its reply a moment all
 * the same. */
static void co_await_sent(struct http_req *r) CO_FN;
static void co_await_sent(struct http_req *r)
{
    int rc = 0;
    int64_t deadline = flow_deadline_ms(WRITE_MS);
    while (r->ev && rc == 0)
        rc = flow_co_wait(&r->sent, deadline);
    if (rc != OC_ECANCELED)
        return;
    deadline = flow_deadline_ms(LAST_WRITE_MS);
    flow_shield();
    while (r->ev && flow_co_wait(&r->sent, deadline) == 0)
        continue;
    flow_unshield();
}

static int serve(void *arg) CO_FN;
static int serve(void *arg)
{
    struct http_req *r = arg;
    flow_defer(request_end, r);
    flow_set_note(r->path);
    int rc = co_handle(r);
    if (rc < 0 && rc != OC_ECANCELED)
        log_warn("flow", "request failed method=%s path=%s: %s", r->method, r->path,
                 oc_strerror(rc));
    if (!r->replied)
        reply_missing(r, rc);
    http_stream_end(r);
    r->flow = NULL;
    co_await_sent(r);
    return rc;
}

static void begin(struct http_server *s, struct evhttp_request *ev)
{
    struct http_req *r;
    char name[32];
    int rc = http_req_new(s, ev, &r);
    if (rc) {
        http_refuse(ev, rc == OC_EINVAL ? 400 : 503, rc == OC_EINVAL ? "bad_request" : "busy",
                    rc == OC_EINVAL ? "the request target is malformed" : "no memory");
        return;
    }
    (void)snprintf(name, sizeof name, "http %s", r->method);
    rc = flow_start(s->loop, name, serve, r, &r->flow);
    if (rc) {
        http_req_free(r);
        http_refuse(ev, 503, "busy", "too much at work: try again");
        return;
    }
    flow_put(r->flow); /* the loop's reference holds until the flow has ended, and it clears r->flow
                          before */
    s->busy++;
    evhttp_request_set_on_complete_cb(ev, on_written, r);
    evhttp_connection_set_closecb(evhttp_request_get_connection(ev), on_closed, r);
}

static void arrived(struct http_server *s, struct evhttp_request *ev, bool allowed)
{
    if (!allowed)
        http_refuse(ev, 403, "forbidden", "this user may not use this service");
    else if (s->stopped)
        http_refuse(ev, 503, "stopping", "the service is stopping");
    else if (s->busy >= s->opts.max_requests)
        http_refuse(ev, 503, "busy", "too many requests at work: try again");
    else
        begin(s, ev);
}

static void on_unix(struct evhttp_request *ev, void *arg)
{
    struct http_server *s = arg;
    uid_t uid;
    gid_t gid;
    pid_t pid;
    int fd;
    bool ok = http_peer_of(ev, &uid, &gid, &pid, &fd);
    arrived(s, ev, ok && (!s->opts.allow || s->opts.allow(s->opts.arg, uid, gid)));
}

static void on_tcp(struct evhttp_request *ev, void *arg)
{
    struct http_server *s = arg;
    struct evhttp_connection *conn = evhttp_request_get_connection(ev);
    /* Without memory evhttp makes buffers of its own, which know no TLS. */
    bool safe = !s->tls || (conn && tls_http_is(evhttp_connection_get_bufferevent(conn)));
    arrived(s, ev, s->opts.allow_tcp && safe);
}

/* --- accepting --- */

/* Without a descriptor the connection stays in the queue and the listener readable: it would spin
 * and say so each time. It rests until the tick; evhttp owns the argument, so nothing can be noted
 * here. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    (void)evconnlistener_disable(listener);
}

static void tell_shortage(struct http_server *s)
{
    int64_t now = clock_mono_ns(&clock_system);
    if (s->shortage_ns && now - s->shortage_ns < SHORTAGE_S * NS_PER_S)
        return;
    s->shortage_ns = now;
    log_error("flow", "connections wait at the HTTP server: no file descriptor is free");
}

static void wake(struct http_server *s, struct evhttp_bound_socket *bound)
{
    if (!bound)
        return;
    struct pollfd waiting = {.fd = (int)evhttp_bound_socket_get_fd(bound), .events = POLLIN};
    if (poll(&waiting, 1, 0) == 1) {
        int probe = fcntl(waiting.fd, F_DUPFD_CLOEXEC, 0);
        if (probe >= 0)
            (void)close(probe);
        else
            tell_shortage(s);
    }
    (void)evconnlistener_enable(evhttp_bound_socket_get_listener(bound));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *s = arg;
    (void)fd;
    (void)what;
    wake(s, s->unix_bound);
    wake(s, s->tcp_bound);
}

static int start_tick(struct http_server *s)
{
    static const struct timeval second = {.tv_sec = 1};
    if (s->unix_bound)
        evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(s->unix_bound),
                                    on_accept_error);
    if (s->tcp_bound)
        evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(s->tcp_bound),
                                    on_accept_error);
    s->tick = event_new(s->loop->base, -1, EV_PERSIST, on_tick, s);
    return s->tick && event_add(s->tick, &second) == 0 ? 0 : OC_ENOMEM;
}

/* --- the server --- */

static void server_stop(struct http_server *s)
{
    struct stat st;
    if (s->stopped)
        return;
    s->stopped = true;
    if (s->tick)
        event_free(s->tick);
    s->tick = NULL;
    if (s->unix_bound)
        evhttp_del_accept_socket(s->unix_http, s->unix_bound);
    if (s->tcp_bound)
        evhttp_del_accept_socket(s->tcp_http, s->tcp_bound);
    s->unix_bound = s->tcp_bound = NULL;
    /* Not the file of a process that has taken the place meanwhile. */
    if (s->unix_path && s->unix_ino && stat(s->unix_path, &st) == 0 && st.st_ino == s->unix_ino)
        (void)unlink(s->unix_path);
}

static void on_loop_stop(struct loop_task *task)
{
    server_stop(CONTAINER_OF(task, struct http_server, on_stop));
}

static struct evhttp *make_http(struct http_server *s,
                                void (*cb)(struct evhttp_request *ev, void *arg))
{
    struct evhttp *h = evhttp_new(s->loop->base);
    if (!h)
        return NULL;
    evhttp_set_allowed_methods(h, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                      EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(h, MAX_HEADERS);
    evhttp_set_max_body_size(h, (ev_ssize_t)s->opts.max_body);
    evhttp_set_timeout(h, s->opts.timeout_s);
    /* Too long a body is read to its end and dropped: a connection closed under one who still writes
     * takes the answer with it. */
    (void)evhttp_set_flags(h, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_gencb(h, cb, s);
    return h;
}

static int open_unix(struct http_server *s)
{
    struct stat st;
    int fd, rc = sock_bind_unix(s->opts.unix_path, s->opts.mode, &fd);
    if (rc)
        return rc;
    s->unix_path = strdup(s->opts.unix_path);
    s->unix_ino = stat(s->opts.unix_path, &st) == 0 ? st.st_ino : 0;
    s->unix_http = make_http(s, on_unix);
    if (s->unix_path && s->unix_http)
        s->unix_bound = evhttp_accept_socket_with_handle(s->unix_http, fd);
    if (s->unix_bound)
        return 0;
    (void)close(fd);
    (void)unlink(s->opts.unix_path);
    return OC_ENOMEM;
}

static int open_tcp(struct http_server *s)
{
    int fd, rc = s->opts.tls ? tls_http_new(s->opts.tls, &s->tls) : 0;
    if (rc == 0)
        rc = sock_bind_tcp(s->opts.tcp_addr, s->opts.tcp_port, &fd);
    if (rc)
        return rc;
    s->tcp_port = addr_port(fd);
    s->tcp_http = make_http(s, on_tcp);
    if (s->tcp_http && s->tls)
        evhttp_set_bevcb(s->tcp_http, tls_http_bev, s->tls);
    if (s->tcp_http)
        s->tcp_bound = evhttp_accept_socket_with_handle(s->tcp_http, fd);
    if (s->tcp_bound)
        return 0;
    (void)close(fd);
    return OC_ENOMEM;
}

static void set_defaults(struct http_opts *o)
{
    o->mode = o->mode ? o->mode : 0660;
    o->max_body = o->max_body ? o->max_body : MAX_BODY;
    o->max_requests = o->max_requests ? o->max_requests : MAX_REQUESTS;
    o->timeout_s = o->timeout_s > 0 ? o->timeout_s : TIMEOUT_S;
}

int http_server_open(struct loop *l, const struct http_opts *o, struct http_server **ret)
{
    CHECK(o->co_handler != NULL);
    struct http_server *s = calloc(1, sizeof *s);
    if (!s)
        return OC_ENOMEM;
    s->loop = l;
    s->opts = *o;
    s->on_stop.fn = on_loop_stop;
    set_defaults(&s->opts);
    int rc = o->unix_path ? open_unix(s) : 0;
    if (rc == 0 && o->tcp_addr)
        rc = open_tcp(s);
    if (rc == 0)
        rc = start_tick(s);
    if (rc) {
        server_stop(s);
        server_free(s);
        return rc;
    }
    s->opts.unix_path = s->opts.tcp_addr = NULL; /* the caller's: not ours to keep */
    s->opts.tls = NULL;
    loop_on_stop(l, &s->on_stop);
    *ret = s;
    return 0;
}

void http_server_close(struct http_server **server)
{
    struct http_server *s = *server;
    *server = NULL;
    if (!s)
        return;
    loop_off_stop(s->loop, &s->on_stop);
    server_stop(s);
    if (s->busy == 0)
        server_free(s);
    else
        s->closing = true;
}

int http_server_port(const struct http_server *s)
{
    return s->tcp_port;
}
