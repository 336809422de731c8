/* See csv.h. Pure: bytes in, bytes out. */
#include "settle/csv.h"

#include <string.h>

static void next_field(struct csv *c)
{
    if (c->begun)
        buf_put_u8(c->b, ',');
    c->begun = true;
}

/* Length of the UTF-8 character at `s`, 0 where there is none. Overlong forms and surrogates are
 * none. */
static size_t utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool bad = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
               (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F);
    return bad ? 0 : len;
}

static void put_char(struct buf *b, const unsigned char *s, size_t len)
{
    if (len == 0)
        buf_put_u8(b, '?');
    else if (*s == '"')
        buf_puts(b, "\"\"");
    else
        buf_put(b, s, len);
}

void csv_text(struct csv *c, const char *text)
{
    next_field(c);
    bool formula = *text && strchr("=+-@\t\r", *text);
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted)
        buf_put_u8(c->b, '"');
    if (formula)
        buf_put_u8(c->b, '\'');
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t len = utf8_len(s);
        put_char(c->b, s, len);
        s += len ? len : 1;
    }
    if (quoted)
        buf_put_u8(c->b, '"');
}

void csv_int(struct csv *c, int64_t n)
{
    next_field(c);
    buf_printf(c->b, "%lld", (long long)n);
}

void csv_fen(struct csv *c, fen_t fen)
{
    char text[FEN_TEXT];
    next_field(c);
    buf_puts(c->b, fen_plain(fen, text));
}

void csv_date(struct csv *c, date_t d)
{
    char text[11];
    next_field(c);
    buf_puts(c->b, date_text(d, text));
}

void csv_hex(struct csv *c, const void *bytes, size_t len)
{
    static const uint8_t zeros[16];
    char text[2 * sizeof zeros + 1] = "";
    next_field(c);
    CHECK(len <= sizeof zeros);
    if (memcmp(bytes, zeros, len) != 0)
        buf_puts(c->b, hex_encode(bytes, len, text));
}

void csv_id(struct csv *c, int64_t id)
{
    char text[IDENT_TEXT];
    next_field(c);
    if (id)
        buf_puts(c->b, ident_text(id, text));
}

void csv_end(struct csv *c)
{
    buf_puts(c->b, "\r\n");
    c->begun = false;
}

void csv_header(struct buf *b, const char *names)
{
    buf_puts(b, names);
    buf_puts(b, "\r\n");
}
