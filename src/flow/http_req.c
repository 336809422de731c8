/* One HTTP request: what was asked, and the reply. See http_req.h for who owns what. */
#include "flow/http_req.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

static const char *method_name(enum evhttp_cmd_type cmd)
{
    static const struct {
        enum evhttp_cmd_type cmd;
        const char *name;
    } names[] = {{EVHTTP_REQ_GET, "GET"},       {EVHTTP_REQ_POST, "POST"},
                 {EVHTTP_REQ_HEAD, "HEAD"},     {EVHTTP_REQ_PUT, "PUT"},
                 {EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_PATCH, "PATCH"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].cmd == cmd)
            return names[i].name;
    return "?";
}

/* Keeps the segments of `decoded` that name something; the output is never longer than the input
 * plus one. */
static int join_segments(const char *decoded, char *out)
{
    char *at = out;
    while (*decoded) {
        size_t n = strcspn(decoded, "/");
        bool up = n == 2 && decoded[0] == '.' && decoded[1] == '.';
        bool here = n == 1 && decoded[0] == '.';
        if (up)
            return OC_EINVAL;
        if (n > 0 && !here) {
            *at++ = '/';
            memcpy(at, decoded, n);
            at += n;
        }
        decoded += n + (decoded[n] == '/');
    }
    if (at == out)
        *at++ = '/';
    *at = '\0';
    return 0;
}

static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return true;
    return false;
}

int http_path_normal(const char *raw, char **ret)
{
    size_t len = 0;
    if (!raw || raw[0] != '/')
        return OC_EINVAL;
    char *decoded = evhttp_uridecode(raw, 0, &len);
    if (!decoded)
        return OC_ENOMEM;
    char *out = malloc(len + 2);
    int rc = out ? 0 : OC_ENOMEM;
    if (rc == 0)
        rc = has_control(decoded, len) ? OC_EINVAL : join_segments(decoded, out);
    free(decoded);
    if (rc) {
        free(out);
        return rc;
    }
    *ret = out;
    return 0;
}

bool http_peer_of(struct evhttp_request *ev, uid_t *uid, gid_t *gid, pid_t *pid, int *fd)
{
    struct evhttp_connection *conn = evhttp_request_get_connection(ev);
    struct bufferevent *bev = conn ? evhttp_connection_get_bufferevent(conn) : NULL;
    *fd = bev ? (int)bufferevent_getfd(bev) : -1;
    return *fd >= 0 && sock_peer(*fd, uid, gid, pid) == 0;
}

static int copy_body(struct http_req *r)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(r->ev);
    size_t len = in ? evbuffer_get_length(in) : 0;
    r->body = malloc(len + 1);
    if (!r->body)
        return OC_ENOMEM;
    if (len > 0 && evbuffer_remove(in, r->body, len) != (int)len)
        return OC_EINTERNAL;
    r->body[len] = '\0';
    r->body_len = len;
    return 0;
}

static int copy_headers(struct http_req *r)
{
    struct evkeyvalq *from = evhttp_request_get_input_headers(r->ev);
    struct evkeyval *kv;
    TAILQ_FOREACH(kv, from, next)
    {
        if (evhttp_add_header(&r->headers, kv->key, kv->value) != 0)
            return OC_ENOMEM;
    }
    return 0;
}

static int copy_target(struct http_req *r)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r->ev);
    const char *raw = evhttp_request_get_uri(r->ev);
    /* "//a/b" would be read as a host and a path. */
    if (!uri || (raw[0] == '/' && raw[1] == '/'))
        return OC_EINVAL;
    r->target = strdup(raw);
    if (!r->target)
        return OC_ENOMEM;
    int rc = http_path_normal(evhttp_uri_get_path(uri), &r->path);
    const char *query = evhttp_uri_get_query(uri);
    if (rc || !query || query[0] == '\0')
        return rc;
    return evhttp_parse_query_str(query, &r->query) == 0 ? 0 : OC_EINVAL;
}

int http_req_new(struct http_server *s, struct evhttp_request *ev, struct http_req **ret)
{
    struct http_req *r = calloc(1, sizeof *r);
    if (!r)
        return OC_ENOMEM;
    r->server = s;
    r->ev = ev;
    TAILQ_INIT(&r->query);
    TAILQ_INIT(&r->headers);
    flow_cond_init(&r->sent);
    r->method = method_name(evhttp_request_get_command(ev));
    if (!http_peer_of(ev, &r->uid, &r->gid, &r->pid, &r->fd)) {
        r->uid = (uid_t)-1;
        r->gid = (gid_t)-1;
    }
    int rc = copy_target(r);
    if (rc == 0)
        rc = copy_headers(r);
    if (rc == 0)
        rc = copy_body(r);
    if (rc) {
        http_req_free(r);
        return rc;
    }
    *ret = r;
    return 0;
}

void http_unwatch(struct http_req *r)
{
    if (r->gone_ev)
        event_free(r->gone_ev);
    r->gone_ev = NULL;
}

void http_req_free(struct http_req *r)
{
    http_unwatch(r);
    flow_cond_fini(&r->sent);
    evhttp_clear_headers(&r->query);
    evhttp_clear_headers(&r->headers);
    if (r->body)
        secret_wipe(r->body, r->body_len);
    free(r->body);
    free(r->path);
    free(r->target);
    free(r);
}

/* --- the reply --- */

static bool put_reply(struct evhttp_request *ev, int status, const char *type, const void *body,
                      size_t len)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(ev);
    struct evbuffer *buf = evhttp_request_get_output_buffer(ev);
    bool ok = evbuffer_add(buf, body, len) == 0;
    (void)evhttp_remove_header(out, "Content-Type");
    ok = evhttp_add_header(out, "Content-Type", type) == 0 && ok;
    ok = evhttp_add_header(out, "Cache-Control", "no-store") == 0 && ok;
    evhttp_send_reply(ev, ok ? status : 500, NULL, NULL);
    return ok;
}

void http_refuse(struct evhttp_request *ev, int status, const char *code, const char *message)
{
    char text[256];
    int n = snprintf(text, sizeof text, "{\"error\":\"%s\",\"message\":\"%s\"}\n", code, message);
    if (status == 503)
        (void)evhttp_add_header(evhttp_request_get_output_headers(ev), "Retry-After", "1");
    (void)put_reply(ev, status, "application/json", text, n > 0 ? (size_t)n : 0);
}

int http_reply_header(struct http_req *r, const char *name, const char *value)
{
    if (has_control(name, strlen(name)) || has_control(value, strlen(value)))
        return OC_EINVAL;
    CHECK(!r->replied);
    if (!r->ev)
        return 0;
    struct evkeyvalq *out = evhttp_request_get_output_headers(r->ev);
    return evhttp_add_header(out, name, value) == 0 ? 0 : OC_ENOMEM;
}

void http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len)
{
    CHECK(!r->replied);
    r->replied = true;
    http_unwatch(r);
    if (!r->ev)
        return;
    if (!put_reply(r->ev, status, type, body, len))
        log_error("flow", "no memory for a reply of %zu bytes", len);
}

bool http_replied(const struct http_req *r)
{
    return r->replied;
}

/* --- the client's end --- */

bool http_gone(const struct http_req *r)
{
    if (r->gone)
        return true;
    if ((r->replied && !r->streaming) || r->fd < 0)
        return false;
    struct pollfd p = {.fd = r->fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void on_gone(evutil_socket_t fd, short what, void *arg)
{
    struct http_req *r = arg;
    (void)fd;
    (void)what;
    http_unwatch(r);
    if (r->flow && (!r->replied || r->streaming))
        flow_cancel(r->flow);
}

void http_cancel_when_gone(struct http_req *r)
{
    if (r->gone_ev || (r->replied && !r->streaming) || r->fd < 0)
        return;
    if (http_gone(r)) {
        flow_cancel(r->flow);
        return;
    }
    r->gone_ev = event_new(r->server->loop->base, r->fd, EV_CLOSED | EV_PERSIST, on_gone, r);
    if (!r->gone_ev || event_add(r->gone_ev, NULL) != 0) {
        http_unwatch(r);
        log_warn("flow", "cannot watch whether a client leaves path=%s", r->path);
    }
}

/* --- what was asked --- */

const char *http_method(const struct http_req *r)
{
    return r->method;
}

const char *http_path(const struct http_req *r)
{
    return r->path;
}

const char *http_target(const struct http_req *r)
{
    return r->target;
}

const char *http_query(const struct http_req *r, const char *name)
{
    return evhttp_find_header(&r->query, name);
}

const char *http_query_name(const struct http_req *r, size_t i)
{
    const struct evkeyval *kv;
    TAILQ_FOREACH(kv, &r->query, next)
    {
        if (i-- == 0)
            return kv->key;
    }
    return NULL;
}

const char *http_header(const struct http_req *r, const char *name)
{
    return evhttp_find_header(&r->headers, name);
}

const char *http_body(const struct http_req *r, size_t *len)
{
    *len = r->body_len;
    return r->body;
}

uid_t http_peer_uid(const struct http_req *r)
{
    return r->uid;
}

gid_t http_peer_gid(const struct http_req *r)
{
    return r->gid;
}

pid_t http_peer_pid(const struct http_req *r)
{
    return r->pid;
}
