/* Calls through the table of a stream, each wrapped once so that the role analysis sees it. */
#include "flow/sock.h"

#include "flow/core.h"

int stream_co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len, int64_t deadline_ns)
{
    CHECK(cap > 0);
    int rc = flow_co_checkpoint_();
    return rc ? rc : s->ops->co_read(s, buf, cap, ret_len, deadline_ns);
}

int stream_co_read_full(struct stream *s, void *buf, size_t len, int64_t deadline_ns)
{
    uint8_t *at = buf;
    while (len > 0) {
        size_t got = 0;
        int rc = stream_co_read(s, at, len, &got, deadline_ns);
        if (rc)
            return rc;
        at += got;
        len -= got;
    }
    return 0;
}

int stream_co_write(struct stream *s, const void *buf, size_t len, int64_t deadline_ns)
{
    int rc = flow_co_checkpoint_();
    return rc ? rc : s->ops->co_write(s, buf, len, deadline_ns);
}

void stream_shut(struct stream *s, bool both)
{
    s->ops->shut(s, both);
}

void stream_close(struct stream **s)
{
    struct stream *x = *s;
    *s = NULL;
    if (x)
        x->ops->close(x);
}
