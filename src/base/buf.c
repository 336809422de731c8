/* Byte buffers. Invariants: pos <= len; len <= cap except over read-only memory, whose cap is 0 so
 * that no put ever fits; an owned buffer has room for a NUL beyond `max`. Growing wipes what it
 * leaves behind. */
#include "base/buf.h"

#include <onecard/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEFAULT ((size_t)16 << 20)
#define GROW_LEAST  256

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max ? max : MAX_DEFAULT, .owned = true};
}

void buf_over(struct buf *b, void *mem, size_t cap)
{
    *b = (struct buf){.data = mem, .cap = cap, .max = cap};
}

void buf_from(struct buf *b, const void *mem, size_t len)
{
    /* The cast is sound: cap 0 keeps every put away. */
    *b = (struct buf){.data = (uint8_t *)(uintptr_t)mem, .len = len};
}

void buf_fini(struct buf *b)
{
    if (b->owned && b->data) {
        explicit_bzero(b->data, b->cap);
        free(b->data);
    }
    *b = (struct buf){.max = b->max, .owned = b->owned};
}

void buf_reset(struct buf *b)
{
    b->len = b->pos = 0;
    b->err = 0;
}

static void grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap * 2 : GROW_LEAST;
    if (cap < need)
        cap = need;
    if (cap > b->max + 1)
        cap = b->max + 1;
    uint8_t *data = malloc(cap);
    if (!data) {
        b->err = OC_ENOMEM;
        return;
    }
    if (b->data) {
        memcpy(data, b->data, b->len);
        explicit_bzero(b->data, b->cap);
        free(b->data);
    }
    b->data = data;
    b->cap = cap;
}

/* Room for `len` more bytes of content and `nul` (0 or 1) behind them, or an error. */
static bool room(struct buf *b, size_t len, size_t nul)
{
    if (b->err)
        return false;
    if (b->len > b->max || len > b->max - b->len) {
        b->err = OC_ELIMIT;
        return false;
    }
    size_t need = b->len + len + nul;
    if (need <= b->cap)
        return true;
    if (b->owned)
        grow(b, need);
    else
        b->err = OC_ELIMIT;
    return !b->err;
}

void buf_put(struct buf *b, const void *src, size_t len)
{
    if (!room(b, len, 0) || len == 0)
        return;
    memcpy(b->data + b->len, src, len);
    b->len += len;
}

static void put_be(struct buf *b, uint64_t v, size_t bytes)
{
    if (!room(b, bytes, 0))
        return;
    for (size_t i = 0; i < bytes; i++)
        b->data[b->len++] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    put_be(b, v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    put_be(b, v, 2);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    put_be(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    put_be(b, v, 8);
}

void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_put_dec(struct buf *b, int64_t v)
{
    char text[20];
    size_t at = sizeof text;
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (v < 0)
        text[--at] = '-';
    buf_put(b, text + at, sizeof text - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    if (b->err)
        return;
    va_list again;
    va_copy(again, ap);
    size_t left = b->cap > b->len ? b->cap - b->len : 0;
    int n = vsnprintf(left ? (char *)b->data + b->len : NULL, left, fmt, ap);
    if (n < 0) {
        b->err = OC_EINVAL;
    } else if ((size_t)n < left && (size_t)n <= b->max - b->len) {
        b->len += (size_t)n;
    } else if (room(b, (size_t)n, 1)) {
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *buf_cstr(struct buf *b)
{
    if (!room(b, 0, 1))
        return "";
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

size_t buf_left(const struct buf *b)
{
    return b->err ? 0 : b->len - b->pos;
}

const uint8_t *buf_take(struct buf *b, size_t len)
{
    static const uint8_t nothing[1];
    if (b->err)
        return NULL;
    if (len > b->len - b->pos) {
        b->err = OC_EPARSE;
        return NULL;
    }
    const uint8_t *p = b->data ? b->data + b->pos : nothing;
    b->pos += len;
    return p;
}

void buf_get(struct buf *b, void *dst, size_t len)
{
    const uint8_t *p = buf_take(b, len);
    if (!len)
        return;
    if (p)
        memcpy(dst, p, len);
    else
        memset(dst, 0, len);
}

static uint64_t get_be(struct buf *b, size_t bytes)
{
    const uint8_t *p = buf_take(b, bytes);
    uint64_t v = 0;
    for (size_t i = 0; p && i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

uint8_t buf_get_u8(struct buf *b)
{
    return (uint8_t)get_be(b, 1);
}

uint16_t buf_get_u16(struct buf *b)
{
    return (uint16_t)get_be(b, 2);
}

uint32_t buf_get_u32(struct buf *b)
{
    return (uint32_t)get_be(b, 4);
}

uint64_t buf_get_u64(struct buf *b)
{
    return get_be(b, 8);
}
