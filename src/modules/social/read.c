/* See read.h. */
#include "read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void read_wrong(struct reader *r, const struct onecard_doc *at, const char *fmt, ...)
{
    char text[256];
    const char *place = at ? r->h->doc_place(at) : "";
    int n = snprintf(text, sizeof(text), "%.120s: ", place && *place ? place : r->path);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    r->mistakes++;
    r->h->log("social", ONECARD_LOG_ERROR, text);
}

static bool in_words(const char *words, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = words; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] != '\0')) {
        if (strcspn(at, " ") == len && len > 0 && memcmp(at, name, len) == 0) {
            return true;
        }
    }
    return false;
}

bool read_known(struct reader *r, const struct onecard_doc *d, const char *members)
{
    const char *name = NULL;
    size_t n = r->h->doc_count(d);
    if (!d || (n > 0 && (r->h->doc_at(d, 0, &name), !name))) {
        read_wrong(r, d, "members are wanted here: %.80s", members);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct onecard_doc *v = r->h->doc_at(d, i, &name);
        if (!in_words(members, name)) {
            read_wrong(r, v, "\"%.24s\" is not known here; there are %.100s", name, members);
        }
    }
    return true;
}

/* The member; where it must be and is not, that is said. */
static const struct onecard_doc *want(struct reader *r, const struct onecard_doc *d,
                                      const char *member, bool required)
{
    const struct onecard_doc *v = r->h->doc_get(d, member);
    if (!v && required) {
        read_wrong(r, d, "\"%.24s\" is missing", member);
    }
    return v;
}

void read_text(struct reader *r, const struct onecard_doc *d, const char *member, const char *dflt,
               char *to, size_t cap)
{
    const struct onecard_doc *v = want(r, d, member, dflt == NULL);
    const char *text = v ? r->h->doc_as_text(v) : dflt ? dflt : "";
    int64_t number;
    to[0] = '\0';
    if (!text && r->h->doc_as_int(v, &number) == 0) {
        snprintf(to, cap, "%lld", (long long)number); /* a code of digits */
    } else if (!text || (v && !*text)) {
        read_wrong(r, v, "\"%.24s\" must be a text", member);
    } else if (strlen(text) >= cap) {
        read_wrong(r, v, "\"%.24s\" may have %zu bytes", member, cap - 1);
    } else {
        strcpy(to, text);
    }
}

int read_choice(struct reader *r, const struct onecard_doc *d, const char *member,
                const char *const *words, int dflt)
{
    char text[24], all[100] = "";
    const struct onecard_doc *v = want(r, d, member, dflt == -1);
    if (!v) {
        return dflt;
    }
    read_text(r, d, member, NULL, text, sizeof(text));
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
        size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", words[i]);
    }
    read_wrong(r, v, "\"%.24s\" is one of %s", member, all);
    return dflt;
}

fen_t read_yuan_of(struct reader *r, const struct onecard_doc *v)
{
    int64_t yuan;
    fen_t fen = 0;
    const char *text = r->h->doc_as_text(v);
    if (r->h->doc_as_int(v, &yuan) == 0 && yuan >= 0 && yuan <= ONECARD_AMOUNT_MAX) {
        return yuan * 100;
    }
    if (!text || r->h->parse_fen(text, &fen) || fen > ONECARD_AMOUNT_MAX * 100) {
        read_wrong(r, v, "an amount in yuan is wanted, such as 200 or 199.50");
        return 0;
    }
    return fen;
}

fen_t read_yuan(struct reader *r, const struct onecard_doc *d, const char *member, fen_t dflt)
{
    const struct onecard_doc *v = want(r, d, member, dflt < 0);
    return v ? read_yuan_of(r, v) : dflt;
}

int32_t read_share_of(struct reader *r, const struct onecard_doc *v)
{
    const char *text = r->h->doc_as_text(v);
    char *end = NULL;
    long whole = text ? strtol(text, &end, 10) : -1, part = 0;
    if (end && end != text && *end == '.') {
        const char *digits = end + 1;
        size_t n = strspn(digits, "0123456789");
        part = n == 1 || n == 2 ? strtol(digits, &end, 10) * (n == 1 ? 10 : 1) : SPLIT_WHOLE;
    }
    if (whole < 0 || whole > 100 || end == text || strcmp(end, "%") != 0 ||
        whole * 100 + part > SPLIT_WHOLE) {
        read_wrong(r, v, "a share from 0%% to 100%% is wanted, such as 85%% or 12.5%%");
        return 0;
    }
    return (int32_t)(whole * 100 + part);
}

int32_t read_share(struct reader *r, const struct onecard_doc *d, const char *member, int32_t dflt)
{
    const struct onecard_doc *v = want(r, d, member, dflt < 0);
    return v ? read_share_of(r, v) : dflt;
}

int32_t read_date(struct reader *r, const struct onecard_doc *d, const char *member)
{
    const struct onecard_doc *v = want(r, d, member, true);
    const char *text = r->h->doc_as_text(v);
    int y = 0, m = 0, day = 0, n = 0;
    int64_t date = 0;
    if (text && sscanf(text, "%4d-%2d-%2d%n", &y, &m, &day, &n) == 3 && text[n] == '\0') {
        date = (int64_t)y * 10000 + m * 100 + day;
    } else if (!text) {
        (void)r->h->doc_as_int(v, &date);
    }
    if (v && date_check(date)) {
        read_wrong(r, v, "\"%.24s\" must be a day, such as 2026-01-01", member);
        return 0;
    }
    return (int32_t)date;
}

int64_t read_int(struct reader *r, const struct onecard_doc *d, const char *member, int64_t min,
                 int64_t max, int64_t dflt)
{
    int64_t n = dflt;
    const struct onecard_doc *v = want(r, d, member, dflt < min);
    if (v && (r->h->doc_as_int(v, &n) || n < min || n > max)) {
        read_wrong(r, v, "\"%.24s\" must be from %lld to %lld", member, (long long)min,
                   (long long)max);
        return min;
    }
    return n;
}

void *read_grow(struct reader *r, void *items, size_t *count, size_t size)
{
    char *more = realloc(items, (*count + 1) * size);
    if (!more) {
        read_wrong(r, NULL, "out of memory");
        return NULL;
    }
    memset(more + (*count)++ * size, 0, size);
    return more;
}
