/* Messages between daemon and follower: a length, a kind, a body; everything bounded. */
#include "copy/internal.h"

#include <string.h>

#define HEAD 4

void message_begin(struct buf *b, enum copy_kind kind)
{
    buf_reset(b);
    buf_put_u32(b, 0);
    buf_put_u8(b, (uint8_t)kind);
}

void message_end(struct buf *b)
{
    if (!b->err)
        put_be32(b->data, (uint32_t)(b->len - HEAD));
}

int message_co_write(struct stream *s, const struct buf *b)
{
    return b->err ? b->err : stream_co_write(s, b->data, b->len, flow_deadline_ms(COPY_SILENCE_MS));
}

int message_co_read(struct stream *s, size_t max, struct buf *b, enum copy_kind *ret_kind)
{
    uint8_t head[HEAD], piece[1024];
    int rc = stream_co_read_full(s, head, sizeof head, flow_deadline_ms(COPY_SILENCE_MS));
    if (rc)
        return rc;
    size_t left = be32(head);
    if (left < 1 || left > max)
        return left < 1 ? OC_EPARSE : OC_ELIMIT;
    buf_reset(b);
    b->pos = 0;
    while (!rc && left > 0) {
        size_t len = left < sizeof piece ? left : sizeof piece;
        rc = stream_co_read_full(s, piece, len, flow_deadline_ms(COPY_SILENCE_MS));
        if (!rc)
            buf_put(b, piece, len);
        left -= len;
    }
    *ret_kind = rc || b->err ? 0 : (enum copy_kind)buf_get_u8(b);
    return rc ? rc : b->err;
}

void hello_put(struct buf *b, const struct hello *h)
{
    message_begin(b, COPY_HELLO);
    buf_put_u8(b, COPY_VERSION);
    buf_put_u8(b, (uint8_t)strlen(h->name));
    buf_puts(b, h->name);
    buf_put_u64(b, (uint64_t)h->row);
    buf_put(b, h->mac, sizeof h->mac);
    message_end(b);
}

static bool name_ok(const char *name)
{
    return name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789._-") == strlen(name);
}

int hello_get(struct buf *b, struct hello *ret)
{
    struct hello h = {0};
    uint8_t version = buf_get_u8(b);
    size_t len = buf_get_u8(b);
    if (b->err || len >= sizeof h.name)
        return OC_EPARSE;
    buf_get(b, h.name, len);
    h.row = (int64_t)buf_get_u64(b);
    buf_get(b, h.mac, sizeof h.mac);
    if (version != COPY_VERSION)
        return OC_ENOTSUP;
    if (b->err || buf_left(b) > 0 || h.row < 0 || !name_ok(h.name))
        return OC_EPARSE;
    *ret = h;
    return 0;
}
