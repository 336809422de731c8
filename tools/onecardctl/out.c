/* Text on a terminal: widths, safety, single values. What comes from the daemon may hold names that
 * citizens and participants chose: no byte of theirs may steer the operator's terminal. */
#include "out.h"

#include "ctl.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* Ranges of characters that take two columns (East Asian Wide and Fullwidth), and none. */
static const struct range {
    uint32_t from, to;
} wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},  {0x3041, 0x33FF}, {0x3400, 0x4DBF},
            {0x4E00, 0xA4CF},   {0xA960, 0xA97F},  {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
            {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
            {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}},
  none[] = {
      {0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

static bool in_ranges(uint32_t ch, const struct range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ch >= r[i].from && ch <= r[i].to)
            return true;
    return false;
}

/* Decodes one character; advances by at least one byte. 0xFFFD where the bytes are none. */
static uint32_t next_char(const char **s)
{
    const unsigned char *p = (const unsigned char *)*s;
    int more = *p < 0x80 ? 0 : *p >= 0xF0 && *p < 0xF5 ? 3 : *p >= 0xE0 ? 2 : *p >= 0xC2 ? 1 : -1;
    static const unsigned char mask[] = {0x7F, 0x1F, 0x0F, 0x07};
    if (more < 0 || *p >= 0xF5) {
        *s += 1;
        return 0xFFFD;
    }
    uint32_t ch = *p & mask[more];
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            *s += 1;
            return 0xFFFD;
        }
        ch = ch << 6 | (p[i] & 0x3F);
    }
    *s += 1 + more;
    return ch;
}

/* Controls, and marks that turn the direction of what follows. */
static bool harmful(uint32_t ch)
{
    return ch < 0x20 || (ch >= 0x7F && ch < 0xA0) || ch == 0xFFFD ||
           (ch >= 0x202A && ch <= 0x202E) || (ch >= 0x2066 && ch <= 0x2069) || ch == 0x2028 ||
           ch == 0x2029;
}

size_t out_width(const char *utf8)
{
    size_t w = 0;
    while (*utf8 != '\0') {
        uint32_t ch = next_char(&utf8);
        if (harmful(ch))
            w++;
        else if (!in_ranges(ch, none, ARRAY_LEN(none)))
            w += in_ranges(ch, wide, ARRAY_LEN(wide)) ? 2 : 1;
    }
    return w;
}

void out_text(FILE *f, const char *utf8)
{
    while (*utf8 != '\0') {
        const char *from = utf8;
        if (harmful(next_char(&utf8)))
            (void)fputc('?', f);
        else
            (void)fwrite(from, 1, (size_t)(utf8 - from), f);
    }
}

void out_json(FILE *f, const json_t *j)
{
    if (json_dumpf(j, f, JSON_COMPACT | JSON_ENCODE_ANY) != 0 && !ferror(f))
        memory_miss();
    (void)fputc('\n', f);
}

/* ---- colours ---- */

const char *out_colour(const struct ctl *c, const char *word)
{
    static const struct {
        const char *word, *colour;
    } table[] = {{"posted", "\033[32m"},   {"active", "\033[32m"},  {"settled", "\033[32m"},
                 {"ok", "\033[32m"},       {"refused", "\033[31m"}, {"lost", "\033[31m"},
                 {"blocked", "\033[31m"},  {"voided", "\033[31m"},  {"cancelled", "\033[31m"},
                 {"mute", "\033[31m"},     {"wrong", "\033[31m"},   {"in_doubt", "\033[33;1m"},
                 {"intended", "\033[33m"}, {"absent", "\033[31m"},  {"suspended", "\033[33m"},
                 {"published", "\033[33m"}, {"paid", "\033[32m"}, {"returned", "\033[31m"},
                 {"failed", "\033[31m"}};
    for (size_t i = 0; c->colour && word && i < ARRAY_LEN(table); i++)
        if (strcmp(table[i].word, word) == 0)
            return table[i].colour;
    return "";
}

const char *out_plain(const struct ctl *c)
{
    return c->colour ? "\033[0m" : "";
}

/* ---- single values ---- */

static const json_t *member_dotted(const json_t *obj, const char *path, size_t len)
{
    char name[48];
    while (obj && len > 0) {
        const char *dot = memchr(path, '.', len);
        size_t n = dot ? (size_t)(dot - path) : len;
        (void)snprintf(name, sizeof name, "%.*s", (int)n, path);
        obj = json_object_get(obj, name);
        path += n + (dot ? 1 : 0);
        len -= n + (dot ? 1 : 0);
    }
    return json_is_null(obj) ? NULL : obj;
}

const json_t *out_member(const json_t *obj, const char *path)
{
    for (;;) {
        size_t len = strcspn(path, "|");
        const json_t *j = member_dotted(obj, path, len);
        if (j || path[len] == '\0')
            return j;
        path += len + 1;
    }
}

static char *join(const json_t *list)
{
    struct buf b;
    size_t i;
    json_t *it;
    buf_init(&b, 0);
    json_array_foreach(list, i, it)
    {
        if (i > 0)
            buf_puts(&b, " ");
        if (json_is_string(it))
            buf_puts(&b, json_string_value(it));
        else if (json_is_object(it) && json_object_get(it, "name"))
            buf_puts(&b, json_string_value(json_object_get(it, "name")) ?: "");
    }
    char *text = b.err ? NULL : strdup(buf_cstr(&b));
    buf_fini(&b);
    return text;
}

/* "name=value name=value" */
static char *join_object(const json_t *obj)
{
    struct buf b;
    const char *key;
    json_t *it;
    buf_init(&b, 0);
    json_object_foreach((json_t *)(uintptr_t)obj, key, it)
    {
        char *v = json_is_string(it) ? strdup(json_string_value(it))
                                     : json_dumps(it, JSON_ENCODE_ANY | JSON_COMPACT);
        if (!v)
            memory_miss();
        buf_printf(&b, "%s%s=%s", b.len > 0 ? " " : "", key, v ? v : "");
        free(v);
    }
    char *text = b.err ? NULL : strdup(buf_cstr(&b));
    buf_fini(&b);
    return text;
}

static char *age_text(int64_t s)
{
    char *text = NULL;
    int n = s < 120      ? asprintf(&text, "%lld s", (long long)s)
            : s < 7200   ? asprintf(&text, "%lld min", (long long)(s / 60))
            : s < 172800 ? asprintf(&text, "%lld h", (long long)(s / 3600))
                         : asprintf(&text, "%lld days", (long long)(s / 86400));
    return n < 0 ? NULL : text;
}

static char *time_text(const char *s)
{
    char *text = strdup(s);
    if (text && strlen(text) >= 19 && text[10] == 'T') {
        text[10] = ' ';
        text[19] = '\0';
    }
    return text;
}

static char *reason_cell(const struct ctl *c, const json_t *row, const char *code)
{
    char *text = NULL;
    const char *zh = json_string_value(json_object_get(row, "reason_zh"));
    if (strcmp(code, "none") == 0)
        return strdup("");
    if (!c->zh || !zh)
        return strdup(code);
    return asprintf(&text, "%s %s", code, zh) < 0 ? NULL : text;
}

static char *cell(const struct ctl *c, const json_t *row, const struct out_column *col)
{
    char fen[FEN_TEXT];
    const json_t *j = out_member(row, col->path);
    if (!j)
        return strdup("");
    if (json_is_array(j))
        return join(j);
    if (json_is_object(j))
        return join_object(j);
    if (col->kind == OUT_FEN && json_is_integer(j))
        return strdup(fen_text(json_integer_value(j), fen));
    if (col->kind == OUT_AGE && json_is_number(j))
        return age_text((int64_t)json_number_value(j));
    if (col->kind == OUT_TIME && json_is_string(j))
        return time_text(json_string_value(j));
    if (col->kind == OUT_REASON && json_is_string(j))
        return reason_cell(c, row, json_string_value(j));
    if (json_is_string(j))
        return strdup(json_string_value(j));
    if (json_is_boolean(j))
        return strdup(json_is_true(j) ? "yes" : "no");
    return json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
}

char *out_cell(const struct ctl *c, const json_t *row, const struct out_column *col)
{
    char *text = cell(c, row, col);
    if (!text)
        memory_miss();
    return text;
}
