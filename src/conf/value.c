/* Single values: text to number and back. One function a type; the ranges are checked in one place.
 */
#include "conf/intern.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit durations[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit sizes[] = {
    {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {NULL, 0}};
static const struct conf_word booleans[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0},
                                            {"on", 1},   {"off", 0},   {NULL, 0}};

bool item_is_number(enum conf_type t)
{
    return t == CONF_INT || t == CONF_FEN || t == CONF_DURATION || t == CONF_SIZE ||
           t == CONF_TIME_OF_DAY || t == CONF_HEXNUM || t == CONF_ENUM || t == CONF_BOOL;
}

void item_range(const struct conf_item *it, int64_t *lo, int64_t *hi)
{
    if (it->type == CONF_TIME_OF_DAY) {
        *lo = 0;
        *hi = 1439;
    } else if (it->min == 0 && it->max == 0) {
        /* members of 4 bytes may be signed or not; only raw bytes from papers need the top bit */
        size_t bits = 8 * it->width - (it->width == 4 && it->type != CONF_HEXNUM);
        *lo = 0;
        *hi = it->width >= 8 ? INT64_MAX : (INT64_C(1) << bits) - 1;
    } else {
        *lo = it->min;
        *hi = it->max;
    }
}

int64_t item_number(const struct conf_item *it, const void *member)
{
    int8_t i1;
    int16_t i2;
    int32_t i4;
    int64_t v = 0;

    switch (it->width) {
    case 1:
        memcpy(&i1, member, 1);
        return it->min < 0 ? i1 : (uint8_t)i1;
    case 2:
        memcpy(&i2, member, 2);
        return it->min < 0 ? i2 : (uint16_t)i2;
    case 4:
        memcpy(&i4, member, 4);
        return it->min < 0 || it->type == CONF_ENUM ? i4 : (int64_t)(uint32_t)i4;
    default:
        memcpy(&v, member, sizeof(v));
        return v;
    }
}

static void store(const struct conf_item *it, int64_t v, void *member)
{
    uint8_t u1 = (uint8_t)v;
    uint16_t u2 = (uint16_t)v;
    uint32_t u4 = (uint32_t)v;

    CHECK(it->width == 1 || it->width == 2 || it->width == 4 || it->width == 8);
    switch (it->width) {
    case 1:
        memcpy(member, &u1, 1);
        break;
    case 2:
        memcpy(member, &u2, 2);
        break;
    case 4:
        memcpy(member, &u4, 4);
        break;
    default:
        memcpy(member, &v, 8);
        break;
    }
}

static bool parse_int(const char *s, int64_t *ret)
{
    const char *digits = *s == '-' ? s + 1 : s;
    char *end;
    int base = 10;

    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
        base = 16;
    if (!isxdigit((unsigned char)digits[0]))
        return false;
    errno = 0;
    long long v = strtoll(s, &end, base);
    if (errno || end == s || *end)
        return false;
    *ret = v;
    return true;
}

/* "10s", "64 KiB"; a bare 0 needs no unit. */
static bool parse_unit(const char *s, const struct unit *units, int64_t *ret)
{
    char *end;

    if (!isdigit((unsigned char)*s))
        return false;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno)
        return false;
    while (*end == ' ')
        end++;
    if (v == 0 && !*end) {
        *ret = 0;
        return true;
    }
    for (; units->name; units++) {
        if (strcmp(end, units->name) == 0)
            return !__builtin_mul_overflow((int64_t)v, units->factor, ret);
    }
    return false;
}

static bool parse_word(const char *s, const struct conf_word *words, int64_t *ret)
{
    for (; words->name; words++) {
        if (strcmp(s, words->name) == 0) {
            *ret = words->value;
            return true;
        }
    }
    return false;
}

static bool parse_hexnum(const char *s, size_t width, int64_t *ret)
{
    uint8_t bytes[8];

    if (width > sizeof(bytes) || hex_decode(s, bytes, width) != 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = (v << 8) | bytes[i];
    *ret = (int64_t)v;
    return true;
}

static bool parse_minute(const char *s, int64_t *ret)
{
    if (strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789:") != 5)
        return false;
    int hour = (s[0] - '0') * 10 + (s[1] - '0'), minute = (s[3] - '0') * 10 + (s[4] - '0');
    *ret = hour * 60 + minute;
    return strchr(s + 3, ':') == NULL && strchr(s, ':') == s + 2 && hour < 24 && minute < 60;
}

static bool parse_number(const struct conf_item *it, const char *s, int64_t *ret)
{
    switch (it->type) {
    case CONF_INT:
        return parse_int(s, ret);
    case CONF_FEN:
        return fen_parse(s, ret) == 0;
    case CONF_DURATION:
        return parse_unit(s, durations, ret);
    case CONF_SIZE:
        return parse_unit(s, sizes, ret);
    case CONF_HEXNUM:
        return parse_hexnum(s, it->width, ret);
    case CONF_BOOL:
        return parse_word(s, booleans, ret);
    case CONF_ENUM:
        return parse_word(s, it->words, ret);
    case CONF_TIME_OF_DAY:
        return parse_minute(s, ret);
    default:
        return false;
    }
}

static const char *unit_text(int64_t v, const struct unit *units, char out[VALUE_TEXT])
{
    const struct unit *best = units;

    for (const struct unit *u = units; u->name; u++) {
        if (v != 0 && v % u->factor == 0)
            best = u;
    }
    (void)snprintf(out, VALUE_TEXT, "%" PRId64 "%s", v / best->factor, best->name);
    return out;
}

const char *item_text(const struct conf_item *it, int64_t v, char out[VALUE_TEXT])
{
    switch (it->type) {
    case CONF_FEN:
        return fen_plain(v, out);
    case CONF_DURATION:
        return unit_text(v, durations, out);
    case CONF_SIZE:
        return unit_text(v, sizes, out);
    case CONF_TIME_OF_DAY:
        (void)snprintf(out, VALUE_TEXT, "%02d:%02d", (int)(v / 60), (int)(v % 60));
        return out;
    case CONF_HEXNUM:
        (void)snprintf(out, VALUE_TEXT, "%0*" PRIX64, (int)(2 * it->width), (uint64_t)v);
        return out;
    case CONF_BOOL:
        return v ? "true" : "false";
    case CONF_ENUM:
        for (const struct conf_word *w = it->words; w->name; w++) {
            if (w->value == v)
                return w->name;
        }
        return "?";
    default:
        (void)snprintf(out, VALUE_TEXT, "%" PRId64, v);
        return out;
    }
}

static const char *word_list(const struct conf_word *words, char *out, size_t cap)
{
    struct buf b;

    buf_over(&b, out, cap);
    buf_puts(&b, "one of ");
    for (const struct conf_word *w = words; w->name; w++)
        buf_printf(&b, "%s%s", w == words ? "" : ", ", w->name);
    return b.err ? "one of the known words" : buf_cstr(&b);
}

static const char *range_text(const struct conf_item *it, const char *what, char *out, size_t cap)
{
    char lo_text[VALUE_TEXT], hi_text[VALUE_TEXT];
    int64_t lo, hi;

    item_range(it, &lo, &hi);
    if (it->min == 0 && it->max == 0 && it->width >= 8)
        (void)snprintf(out, cap, "%s", what);
    else if (hi == INT64_MAX)
        (void)snprintf(out, cap, "%s from %s", what, item_text(it, lo, lo_text));
    else
        (void)snprintf(out, cap, "%s from %s to %s", what, item_text(it, lo, lo_text),
                       item_text(it, hi, hi_text));
    return out;
}

static const char *length_text(const struct conf_item *it, const char *what, char *out, size_t cap)
{
    if (it->min == 0 && it->max == 0)
        (void)snprintf(out, cap, "%s", what);
    else if (it->min == it->max)
        (void)snprintf(out, cap, "%s of %" PRId64 " bytes", what, it->min);
    else if (it->min == 0)
        (void)snprintf(out, cap, "%s of at most %" PRId64 " bytes", what, it->max);
    else
        (void)snprintf(out, cap, "%s of %" PRId64 " to %" PRId64 " bytes", what, it->min, it->max);
    return out;
}

const char *item_wants(const struct conf_item *it, char *out, size_t cap)
{
    switch (it->type) {
    case CONF_INT:
        return range_text(it, "a number", out, cap);
    case CONF_FEN:
        return range_text(it, "an amount in yuan such as 12.50", out, cap);
    case CONF_DURATION:
        return range_text(it, "a duration such as 250ms, 10s, 5m, 2h or 2d", out, cap);
    case CONF_SIZE:
        return range_text(it, "a size such as 512B, 64KiB, 8MiB or 2GiB", out, cap);
    case CONF_BOOL:
        return "true or false";
    case CONF_TIME_OF_DAY:
        return "a time of day such as 02:30";
    case CONF_ENUM:
        return word_list(it->words, out, cap);
    case CONF_HEXNUM:
    case CONF_HEX:
        (void)snprintf(out, cap, "%zu hexadecimal digits", 2 * it->width);
        return out;
    case CONF_BYTES:
    case CONF_BYTES_LIST:
        return length_text(it, "hexadecimal text", out, cap);
    case CONF_STRING:
    case CONF_PATH:
        return length_text(it, it->type == CONF_PATH ? "a path" : "a text", out, cap);
    default:
        return "another form";
    }
}

static const char *suggestion(const struct conf_item *it, const char *text)
{
    const char *names[65];
    const struct conf_word *words = it->type == CONF_BOOL ? booleans : it->words;
    size_t n = 0;

    if (it->type != CONF_ENUM && it->type != CONF_BOOL)
        return NULL;
    for (; words->name && n < ARRAY_LEN(names) - 1; words++)
        names[n++] = words->name;
    names[n] = NULL;
    return conf_nearest(text, names);
}

static void wrong_value(struct fill *f, const struct conf_item *it, const struct conf_node *n)
{
    char wants[256];
    const char *near = it->secret ? NULL : suggestion(it, n->text);

    const char *form = item_wants(it, wants, sizeof(wants));
    if (it->secret)
        fill_complain(f, n, "'%s' must be %s", it->key, form);
    else if (near)
        fill_complain(f, n, "'%s' must be %s, not '%.40s': did you mean '%s'?", it->key, form,
                      n->text, near);
    else
        fill_complain(f, n, "'%s' must be %s, not '%.40s'", it->key, form, n->text);
}

static void fill_number(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                        void *member)
{
    int64_t v, lo, hi;

    item_range(it, &lo, &hi);
    if (!parse_number(it, n->text, &v) || (it->type != CONF_ENUM && (v < lo || v > hi)))
        wrong_value(f, it, n);
    else
        store(it, v, member);
}

bool fill_bytes(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                const char *text, struct conf_bytes *ret)
{
    size_t cap = strlen(text) / 2, len = 0;
    uint8_t *bytes = fill_alloc(f, cap + 1);

    if (!bytes)
        return false;
    bool unranged = it->min == 0 && it->max == 0;
    if (hex_decode_any(text, bytes, cap, &len) != 0 ||
        (!unranged && ((int64_t)len < it->min || (int64_t)len > it->max))) {
        struct conf_node shown = *n;
        shown.text = text;
        wrong_value(f, it, &shown);
        return false;
    }
    *ret = (struct conf_bytes){.bytes = bytes, .len = len};
    return true;
}

static void fill_text(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                      void *member)
{
    int64_t len = (int64_t)strlen(n->text);
    const char *slash = strrchr(f->tree->file, '/');
    char *copy;

    if ((it->min || it->max) && (len < it->min || len > it->max)) {
        wrong_value(f, it, n);
        return;
    }
    if (it->type == CONF_PATH && *n->text && *n->text != '/' && slash)
        copy =
            arena_printf(f->arena, "%.*s/%s", (int)(slash - f->tree->file), f->tree->file, n->text);
    else
        copy = arena_strdup(f->arena, n->text);
    if (!copy)
        f->err = OC_ENOMEM;
    memcpy(member, &copy, sizeof(copy));
}

void fill_scalar(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                 void *member)
{
    struct conf_bytes bytes;

    if (n->kind != CONF_SCALAR) {
        fill_complain(f, n, "'%s' must be a single value, not a %s", it->key,
                      n->kind == CONF_MAPPING ? "section" : "list");
        return;
    }
    if (it->type == CONF_STRING || it->type == CONF_PATH)
        fill_text(f, it, n, member);
    else if (it->type == CONF_HEX && hex_decode(n->text, member, it->width) != 0)
        wrong_value(f, it, n);
    else if (it->type == CONF_BYTES && fill_bytes(f, it, n, n->text, &bytes))
        memcpy(member, &bytes, sizeof(bytes));
    else if (item_is_number(it->type))
        fill_number(f, it, n, member);
}
