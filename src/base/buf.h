/* A byte buffer with cursors and a sticky error: ten puts or gets, one look at buf->err.
 * After an error every put does nothing and every get gives zeros. Big-endian, as cards and frames are. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/role.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t len; /* bytes written */
    size_t pos; /* bytes read */
    size_t cap;
    size_t max;  /* growth limit; puts beyond it: OC_ELIMIT */
    bool owned;  /* data is ours to grow and free */
    int err;     /* 0, OC_ENOMEM, OC_ELIMIT (write past the limit), OC_EPARSE (read past the end) */
};

/** A growing buffer of at most `max` bytes (0: 16 MiB). Free with buf_fini. */
void buf_init(struct buf *b, size_t max);
/** A buffer over the caller's memory, empty, of `cap` bytes, that does not grow. */
void buf_over(struct buf *b, void *mem, size_t cap);
/** A buffer to read `len` bytes of the caller's from; putting is an error. */
void buf_from(struct buf *b, const void *mem, size_t len);
/** Wipes and frees what is owned; memory of the caller stays as it is. */
void buf_fini(struct buf *b);
/** Empties for the next use, keeps memory, clears the error. */
void buf_reset(struct buf *b);

void buf_put(struct buf *b, const void *src, size_t len);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
/** Text without its NUL. */
void buf_puts(struct buf *b, const char *s);
/** Appends the number in decimal digits. */
void buf_put_dec(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_FN(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_FN(2, 0);
/** The text so far, NUL-terminated in place; "" after an error. Valid until the next put. */
const char *buf_cstr(struct buf *b);

size_t buf_left(const struct buf *b);
void buf_get(struct buf *b, void *dst, size_t len);
/** Skips `len` bytes and gives where they are (inside the buffer), NULL after an error. */
const uint8_t *buf_take(struct buf *b, size_t len);
uint8_t buf_get_u8(struct buf *b);
uint16_t buf_get_u16(struct buf *b);
uint32_t buf_get_u32(struct buf *b);
uint64_t buf_get_u64(struct buf *b);

/* Plain big-endian access for fixed layouts. */
static inline uint16_t be16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}
static inline uint32_t be32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}
static inline void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

#endif
