/* Documents out of text, straight into the tree: RFC 8259 to the letter. Stricter where two readers
 * could see different documents: no member twice, no NUL and no lone surrogate in a text, UTF-8
 * only, numbers that fit.
 *
 * Invariant: `at` never passes `end`; every loop moves it or ends. */
#include "module/doc.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 16 /* members that are compared with each other one by one */

struct parse {
    const char *begin, *at, *end;
    struct arena *arena;
    unsigned nodes, depth;
    const char *why; /* the first mistake */
    bool placed;     /* its place in the text tells something */
};

static struct onecard_doc *value(struct parse *p);

static bool wrong(struct parse *p, const char *why)
{
    if (!p->why) {
        p->why = why;
        p->placed = true;
    }
    return false;
}

static bool refuse(struct parse *p, const char *why)
{
    if (!p->why) {
        p->why = why;
    }
    return false;
}

static void skip_space(struct parse *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')) {
        p->at++;
    }
}

static bool take(struct parse *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Up to the closing quote, which may be missing. False: there is a backslash before it. */
static bool plain_text(struct parse *p, const char **ret_end)
{
    const char *c = p->at;
    while (c < p->end && *c != '"' && *c != '\\') {
        c++;
    }
    *ret_end = c;
    return c == p->end || *c == '"';
}

static bool characters_ok(struct parse *p, const char *from, const char *to)
{
    for (const char *c = from; c < to;) {
        unsigned char b = (unsigned char)*c;
        size_t n = b < 0x80 ? 1 : text_utf8_len(c, (size_t)(to - c));
        if (b < 0x20 || n == 0) {
            p->at = c;
            return wrong(p, b < 0x20 ? "a control character in a text" : "not UTF-8");
        }
        c += n;
    }
    return true;
}

static bool hex4(struct parse *p, unsigned *ret)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p->at < p->end ? *p->at : '\0';
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit == 16) {
            return wrong(p, "\\u takes four hexadecimal digits");
        }
        v = v << 4 | digit;
        p->at++;
    }
    *ret = v;
    return true;
}

static char *put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* Behind "\u". At most 6 bytes of text become at most 3, 12 become 4. */
static bool unicode(struct parse *p, char **to)
{
    unsigned c, low;
    if (!hex4(p, &c)) {
        return false;
    }
    if (c >= 0xd800 && c < 0xdc00) {
        if (!take(p, '\\') || !take(p, 'u') || !hex4(p, &low) || low < 0xdc00 || low > 0xdfff) {
            return wrong(p, "half a surrogate pair");
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c == 0 || (c >= 0xdc00 && c < 0xe000)) {
        return wrong(p, c ? "half a surrogate pair" : "NUL in a text");
    }
    *to = put_utf8(*to, c);
    return true;
}

/* Behind a backslash. */
static bool escape(struct parse *p, char **to)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    const char *which = p->at < p->end && *p->at ? memchr(names, *p->at, sizeof(names) - 1) : NULL;
    if (which) {
        p->at++;
        *(*to)++ = means[which - names];
        return true;
    }
    return take(p, 'u') ? unicode(p, to) : wrong(p, "no such escape");
}

/* A text never grows by being read. */
static const char *escaped_text(struct parse *p)
{
    const char *close = p->at;
    while (close < p->end && *close != '"') {
        close += *close == '\\' && close + 1 < p->end ? 2 : 1;
    }
    if (close >= p->end) {
        p->at = p->end;
        (void)wrong(p, "a text without its end");
        return NULL;
    }
    char *text = arena_alloc(p->arena, (size_t)(close - p->at) + 1), *to = text;
    while (text && p->at < close) {
        const char *run;
        (void)plain_text(p, &run);
        size_t len = (size_t)(run - p->at);
        if (!characters_ok(p, p->at, run)) {
            return NULL;
        }
        memcpy(to, p->at, len);
        to += len;
        p->at = run;
        if (take(p, '\\') && !escape(p, &to)) {
            return NULL;
        }
    }
    p->at = close + 1;
    return text;
}

/* Behind the opening quote. NULL: no memory, or p->why. */
static const char *text(struct parse *p)
{
    const char *close;
    if (!plain_text(p, &close)) {
        return escaped_text(p);
    }
    if (close == p->end) {
        p->at = close;
        (void)wrong(p, "a text without its end");
        return NULL;
    }
    size_t len = (size_t)(close - p->at);
    char *copy = characters_ok(p, p->at, close) ? arena_alloc(p->arena, len + 1) : NULL;
    if (copy) {
        memcpy(copy, p->at, len);
        p->at = close + 1;
    }
    return copy;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool digits(struct parse *p)
{
    const char *from = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        p->at++;
    }
    return p->at > from || wrong(p, "a number without digits");
}

static bool integer(struct parse *p, struct onecard_doc *d, const char *from)
{
    bool minus = *from == '-';
    int64_t n = 0;
    for (const char *c = from + minus; c < p->at; c++) {
        int digit = minus ? '0' - *c : *c - '0';
        if (__builtin_mul_overflow(n, INT64_C(10), &n) ||
            __builtin_add_overflow(n, (int64_t)digit, &n)) {
            return wrong(p, "a number of more than 64 bits");
        }
    }
    d->kind = DOC_INT;
    d->number = n;
    return true;
}

static bool real(struct parse *p, struct onecard_doc *d, const char *from)
{
    size_t len = (size_t)(p->at - from);
    char *copy = arena_alloc(p->arena, len + 1);
    if (!copy) {
        return false;
    }
    memcpy(copy, from, len);
    double v = strtod(copy, NULL);
    if (isinf(v)) {
        return wrong(p, "a number that is too large");
    }
    if (fpclassify(v) == FP_ZERO) {
        v = 0; /* "-0" would be read again as another number */
    }
    d->text = arena_printf(p->arena, "%.17g", v);
    d->kind = d->text ? DOC_REAL : DOC_NULL;
    return d->text != NULL;
}

static bool number(struct parse *p, struct onecard_doc *d)
{
    const char *from = p->at;
    bool whole = true;
    bool minus = take(p, '-');
    const char *first = p->at;
    if (!minus && (first == p->end || *first < '0' || *first > '9')) {
        return wrong(p, "a value is missing");
    }
    if (!digits(p)) {
        return false;
    }
    if (*first == '0' && p->at > first + 1) {
        return wrong(p, "a number that begins with 0");
    }
    if (take(p, '.')) {
        whole = false;
        if (!digits(p)) {
            return false;
        }
    }
    if (take(p, 'e') || take(p, 'E')) {
        whole = false;
        if (!take(p, '+')) {
            (void)take(p, '-');
        }
        if (!digits(p)) {
            return false;
        }
    }
    return whole ? integer(p, d, from) : real(p, d, from);
}

/* ---- arrays and objects ---------------------------------------------------------------------- */

static bool deeper(struct parse *p)
{
    return ++p->depth <= DOC_DEPTH || refuse(p, "nested too deep");
}

static bool array(struct parse *p, struct onecard_doc *d)
{
    d->kind = DOC_ARRAY;
    if (!deeper(p)) {
        return false;
    }
    skip_space(p);
    bool more = !take(p, ']');
    while (more) {
        struct onecard_doc *item = value(p);
        if (!item || !doc_append(d, item)) {
            return false;
        }
        skip_space(p);
        more = take(p, ',');
        if (!more && !take(p, ']')) {
            return wrong(p, "',' or ']' is missing");
        }
    }
    p->depth--;
    return true;
}

static int by_name(const void *x, const void *y)
{
    const struct onecard_doc *const *a = x, *const *b = y;
    return strcmp((*a)->name, (*b)->name);
}

/* Of a large object, once it is whole: comparing each with each would be a way to keep us busy. */
static bool all_differ(struct parse *p, const struct onecard_doc *d)
{
    size_t size = d->count * sizeof(struct onecard_doc *);
    struct onecard_doc **sorted = d->count > SMALL ? arena_copy(p->arena, d->items, size) : NULL;
    if (d->count <= SMALL || !sorted) {
        return d->count <= SMALL;
    }
    qsort(sorted, d->count, sizeof(*sorted), by_name);
    for (uint32_t i = 1; i < d->count; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            return wrong(p, "a duplicate member");
        }
    }
    return true;
}

static bool is_new(struct parse *p, const struct onecard_doc *d, const char *name)
{
    for (uint32_t i = 0; i < d->count && d->count < SMALL; i++) {
        if (strcmp(d->items[i]->name, name) == 0) {
            return wrong(p, "a duplicate member");
        }
    }
    return true;
}

static bool member(struct parse *p, struct onecard_doc *d)
{
    skip_space(p);
    if (!take(p, '"')) {
        return wrong(p, "a member's name is missing");
    }
    const char *name = text(p);
    if (!name || !is_new(p, d, name)) {
        return false;
    }
    skip_space(p);
    if (!take(p, ':')) {
        return wrong(p, "':' is missing");
    }
    struct onecard_doc *item = value(p);
    if (!item) {
        return false;
    }
    item->name = name;
    return doc_append(d, item);
}

static bool object(struct parse *p, struct onecard_doc *d)
{
    d->kind = DOC_OBJECT;
    if (!deeper(p)) {
        return false;
    }
    skip_space(p);
    bool more = !take(p, '}');
    while (more) {
        if (!member(p, d)) {
            return false;
        }
        skip_space(p);
        more = take(p, ',');
        if (!more && !take(p, '}')) {
            return wrong(p, "',' or '}' is missing");
        }
    }
    p->depth--;
    return all_differ(p, d);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool word(struct parse *p, struct onecard_doc *d)
{
    static const struct {
        const char *text;
        uint8_t kind;
    } words[] = {{"null", DOC_NULL}, {"true", DOC_TRUE}, {"false", DOC_FALSE}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].text);
        if ((size_t)(p->end - p->at) >= len && memcmp(p->at, words[i].text, len) == 0) {
            p->at += len;
            d->kind = words[i].kind;
            return true;
        }
    }
    return wrong(p, "no such word");
}

static bool fill(struct parse *p, struct onecard_doc *d)
{
    switch (p->at < p->end ? *p->at : '\0') {
    case '{':
        p->at++;
        return object(p, d);
    case '[':
        p->at++;
        return array(p, d);
    case '"':
        p->at++;
        d->text = text(p);
        d->kind = d->text ? DOC_TEXT : DOC_NULL;
        return d->text != NULL;
    case 'n':
    case 't':
    case 'f':
        return word(p, d);
    default:
        return number(p, d);
    }
}

static struct onecard_doc *value(struct parse *p)
{
    skip_space(p);
    if (++p->nodes > DOC_NODES) {
        (void)refuse(p, "too many values");
        return NULL;
    }
    struct onecard_doc *d = doc_new(p->arena, DOC_NULL);
    return d && fill(p, d) ? d : NULL;
}

static const char *place(const struct parse *p)
{
    unsigned line = 1, column = 1;
    for (const char *c = p->begin; c < p->at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return arena_printf(p->arena, "line %u, column %u: %s", line, column, p->why);
}

struct onecard_doc *doc_read(struct arena *a, const char *json, size_t len, const char **ret_why)
{
    struct parse p = {.begin = json, .at = json, .end = json + len, .arena = a};
    struct onecard_doc *d = value(&p);
    skip_space(&p);
    if (d && p.at < p.end) {
        (void)wrong(&p, "something follows the value");
        d = NULL;
    }
    if (!d && ret_why) {
        const char *why = p.placed ? place(&p) : p.why;
        *ret_why = why ? why : "no memory";
    }
    return d;
}
