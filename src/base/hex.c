/* Hexadecimal text. No table lookups by secret digits matter here: keys come in as text only at an
 * operator's hand. */
#include "base/hex.h"

#include <onecard/err.h>
#include <stdbool.h>
#include <string.h>

char *hex_encode(const void *src, size_t len, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    const unsigned char *p = src;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 0xF];
    }
    out[2 * len] = '\0';
    return out;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* One byte from two digits, or -1; never looks past a NUL. */
static int byte_at(const char *text)
{
    int high = digit(text[0]);
    if (high < 0)
        return -1;
    int low = digit(text[1]);
    return low < 0 ? -1 : high << 4 | low;
}

int hex_decode(const char *text, void *ret_bytes, size_t len)
{
    if (strnlen(text, 2 * len + 1) != 2 * len)
        return OC_EINVAL;
    for (size_t i = 0; i < len; i++)
        if (byte_at(text + 2 * i) < 0)
            return OC_EINVAL;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)ret_bytes)[i] = (uint8_t)byte_at(text + 2 * i);
    return 0;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Counts the bytes, and writes them where `out` is not NULL: looked at first, so that a refusal
 * writes nothing. */
static int scan(const char *text, uint8_t *out, size_t cap, size_t *ret_len)
{
    size_t n = 0;
    for (const char *p = text; *p;) {
        if (blank(*p)) {
            p++;
            continue;
        }
        int value = byte_at(p);
        if (value < 0)
            return OC_EINVAL;
        if (n == cap)
            return OC_ELIMIT;
        if (out)
            out[n] = (uint8_t)value;
        n++;
        p += 2;
    }
    *ret_len = n;
    return 0;
}

int hex_decode_any(const char *text, void *ret_bytes, size_t cap, size_t *ret_len)
{
    size_t n;
    int err = scan(text, NULL, cap, &n);
    return err ? err : scan(text, ret_bytes, cap, ret_len);
}
