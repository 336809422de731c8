/* Replies that go on: evhttp sends what is written as chunks, and the flow waits while the client
 * has not taken what was sent before. */
#include "flow/http_req.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#define PENDING_MAX ((size_t)64 * 1024)

static struct bufferevent *output_of(struct http_req *r)
{
    struct evhttp_connection *conn = evhttp_request_get_connection(r->ev);
    return conn ? evhttp_connection_get_bufferevent(conn) : NULL;
}

/* A client that only listens is no silent one. */
static void spare_listeners(struct http_req *r)
{
    const struct timeval limit = {.tv_sec = r->server->opts.timeout_s};
    struct bufferevent *bev = output_of(r);
    if (bev)
        (void)bufferevent_set_timeouts(bev, NULL, &limit);
}

int http_stream_begin(struct http_req *r, const char *type)
{
    CHECK(!r->replied);
    if (!r->ev || http_gone(r))
        return OC_ECLOSED;
    struct evkeyvalq *out = evhttp_request_get_output_headers(r->ev);
    (void)evhttp_remove_header(out, "Content-Type");
    if (evhttp_add_header(out, "Content-Type", type) != 0 ||
        evhttp_add_header(out, "Cache-Control", "no-store") != 0 ||
        evhttp_add_header(out, "Connection", "close") != 0)
        return OC_ENOMEM;
    r->replied = r->streaming = true;
    evhttp_send_reply_start(r->ev, 200, "OK");
    spare_listeners(r);
    http_cancel_when_gone(r);
    return 0;
}

static void on_drained(struct evhttp_connection *conn, void *arg)
{
    struct http_req *r = arg;
    (void)conn;
    flow_cond_broadcast(&r->sent);
}

static size_t pending(struct http_req *r)
{
    struct bufferevent *bev = output_of(r);
    return bev ? evbuffer_get_length(bufferevent_get_output(bev)) : 0;
}

static int send_chunk(struct http_req *r, const void *data, size_t len)
{
    struct evbuffer *chunk = evbuffer_new();
    int rc = chunk && evbuffer_add(chunk, data, len) == 0 ? 0 : OC_ENOMEM;
    if (rc == 0)
        evhttp_send_reply_chunk_with_cb(r->ev, chunk, on_drained, r);
    if (chunk)
        evbuffer_free(chunk);
    return rc;
}

int http_stream_co_write(struct http_req *r, const void *data, size_t len, int64_t deadline_ns)
{
    CHECK(r->streaming);
    int rc = flow_co_checkpoint_();
    while (rc == 0 && r->ev && pending(r) >= PENDING_MAX)
        rc = flow_co_wait(&r->sent, deadline_ns);
    if (!r->ev)
        return OC_ECLOSED;
    return rc || len == 0 ? rc : send_chunk(r, data, len);
}

void http_stream_end(struct http_req *r)
{
    if (!r->streaming)
        return;
    r->streaming = false;
    http_unwatch(r);
    if (r->ev)
        evhttp_send_reply_end(r->ev);
}
