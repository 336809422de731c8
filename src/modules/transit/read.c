/* See read.h. */
#include "read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void read_fault(struct reading *r, const struct onecard_doc *at, const char *fmt, ...)
{
    char text[400], line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const char *place = at ? r->host->doc_place(at) : "";
    snprintf(line, sizeof(line), "%s: %s", *place ? place : r->file, text);
    r->host->log("transit", ONECARD_LOG_ERROR, line);
    r->faults++;
}

bool read_word(struct reading *r, const struct onecard_doc *d, char *ret, size_t cap)
{
    const char *text = r->host->doc_as_text(d);
    int64_t n;
    char digits[24];
    if (!text && r->host->doc_as_int(d, &n) == 0) {
        snprintf(digits, sizeof(digits), "%lld", (long long)n);
        text = digits;
    }
    if (!text || !*text || strlen(text) >= cap) {
        read_fault(r, d, "a text of 1 to %zu bytes belongs here", cap - 1);
        return false;
    }
    strcpy(ret, text);
    return true;
}

bool read_id(struct reading *r, const struct onecard_doc *d, int64_t max, uint32_t *ret)
{
    int64_t n = -1;
    const char *text = r->host->doc_as_text(d);
    if (text && *text && strlen(text) <= 10 && strspn(text, "0123456789") == strlen(text)) {
        n = strtoll(text, NULL, 10);
    } else if (!text && r->host->doc_as_int(d, &n) != 0) {
        n = -1;
    }
    if (n < 1 || n > max) {
        read_fault(r, d, "a number from 1 to %lld belongs here", (long long)max);
        return false;
    }
    *ret = (uint32_t)n;
    return true;
}

bool read_percent(struct reading *r, const struct onecard_doc *d, unsigned *ret)
{
    char word[16];
    if (!read_word(r, d, word, sizeof(word))) {
        return false;
    }
    if (!fare_percent(word, ret)) {
        read_fault(r, d, "\"%s\" is neither 0%% to 100%% nor free", word);
        return false;
    }
    return true;
}

bool read_fen(struct reading *r, const struct onecard_doc *d, fen_t least, fen_t *ret)
{
    char word[24];
    fen_t fen;
    if (!read_word(r, d, word, sizeof(word))) {
        return false;
    }
    if (r->host->parse_fen(word, &fen) || fen < least || fen > ONECARD_AMOUNT_MAX) {
        read_fault(r, d, "\"%s\" is no amount in yuan such as 2.50%s", word,
                   least > 0 ? ", above zero" : "");
        return false;
    }
    *ret = fen;
    return true;
}

/* "07:30"; "24:00" as an end. */
static bool read_clock(struct reading *r, const struct onecard_doc *d, int32_t *ret)
{
    const char *text = r->host->doc_as_text(d);
    unsigned h = 99, m = 99;
    char more = 0;
    if (!text || sscanf(text, "%2u:%2u%c", &h, &m, &more) != 2 || h > 24 || m > 59 ||
        (h == 24 && m)) {
        read_fault(r, d, "a time of day such as \"07:30\" belongs here");
        return false;
    }
    *ret = (int32_t)(h * 3600 + m * 60);
    return true;
}

static bool one_share(struct reading *r, const struct onecard_doc *d, const char *name,
                      struct fare_sharing *s)
{
    struct fare_share *x = &s->items[s->count];
    const char *owner = name;
    *x = (struct fare_share){.bearer = true};
    if (strncmp(name, "operator.", 9) == 0) {
        owner = name + 9;
        x->bearer = false;
    } else if (strcmp(name, "self") == 0) {
        owner = "";
        x->bearer = false;
    }
    if (strlen(owner) >= sizeof(x->owner) || (!*owner && strcmp(name, "self") != 0)) {
        read_fault(r, d, "\"%.40s\" names nobody: a bearer, operator.ID or self", name);
        return false;
    }
    strcpy(x->owner, owner);
    s->count++;
    return true;
}

void read_borne(struct reading *r, const struct onecard_doc *d, struct fare_sharing *ret)
{
    struct fare_sharing s = {.count = 0};
    char word[FARE_NAME + 16];
    unsigned sum = 0;
    size_t n = r->host->doc_count(d);
    if (n == 0) {
        if (read_word(r, d, word, sizeof(word)) && one_share(r, d, word, &s)) {
            s.items[0].percent = 100;
            *ret = s;
        }
        return;
    }
    if (n > FARE_SHARES_MAX) {
        read_fault(r, d, "at most %d may share", FARE_SHARES_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        struct onecard_doc *v = r->host->doc_at(d, i, &name);
        if (!name || !one_share(r, v, name, &s) ||
            !read_percent(r, v, &s.items[s.count - 1].percent)) {
            return;
        }
        sum += s.items[s.count - 1].percent;
    }
    if (sum != 100) {
        read_fault(r, d, "the shares are %u%% together, not 100%%", sum);
        return;
    }
    *ret = s;
}

static void read_whole(struct reading *r, const struct onecard_doc *d, const struct field *f,
                       char *at)
{
    int64_t n = 0;
    if (r->host->doc_as_int(d, &n) != 0 || n < 1 || n > f->max) {
        read_fault(r, d, "%s: a number from 1 to %lld belongs here", f->name, (long long)f->max);
    } else if (f->type == FIELD_UINT) {
        *(unsigned *)(void *)at = (unsigned)n;
    } else {
        *(int64_t *)(void *)at = f->type == FIELD_MINUTES ? n * 60 : n;
    }
}

static void read_date(struct reading *r, const struct onecard_doc *d, int32_t *ret)
{
    char word[16];
    if (read_word(r, d, word, sizeof(word)) && !fare_date_read(word, ret)) {
        read_fault(r, d, "\"%s\" is no day such as 2026-12-01", word);
    }
}

static void read_bool(struct reading *r, const struct onecard_doc *d, bool *ret)
{
    bool yes = r->host->doc_as_bool(d, false);
    if (!yes && r->host->doc_as_bool(d, true)) {
        read_fault(r, d, "true or false belongs here");
    }
    *ret = yes;
}

static void read_member(struct reading *r, const struct onecard_doc *d, const struct field *f,
                        char *at)
{
    switch (f->type) {
    case FIELD_TEXT:
        read_word(r, d, at, f->size);
        break;
    case FIELD_FEN:
    case FIELD_FEN0:
        read_fen(r, d, f->type == FIELD_FEN, (fen_t *)(void *)at);
        break;
    case FIELD_UINT:
    case FIELD_MINUTES:
    case FIELD_SECONDS:
        read_whole(r, d, f, at);
        break;
    case FIELD_ID:
        read_id(r, d, f->max, (uint32_t *)(void *)at);
        break;
    case FIELD_PERCENT:
        read_percent(r, d, (unsigned *)(void *)at);
        break;
    case FIELD_DATE:
        read_date(r, d, (int32_t *)(void *)at);
        break;
    case FIELD_CLOCK:
        read_clock(r, d, (int32_t *)(void *)at);
        break;
    case FIELD_BOOL:
        read_bool(r, d, (bool *)at);
        break;
    case FIELD_BORNE:
        read_borne(r, d, (struct fare_sharing *)(void *)at);
        break;
    default:
        break;
    }
}

static const struct field *field_of(const struct field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

bool read_object(struct reading *r, const struct onecard_doc *d, const struct field *fields,
                 size_t count, void *ret)
{
    const struct onecard_host *h = r->host;
    const char *name = NULL;
    if (h->doc_count(d) == 0 || (h->doc_at(d, 0, &name), !name)) {
        read_fault(r, d, "a mapping (name: value) belongs here");
        return false;
    }
    for (size_t i = 0; i < h->doc_count(d); i++) {
        struct onecard_doc *v = h->doc_at(d, i, &name);
        const struct field *f = field_of(fields, count, name);
        if (f) {
            read_member(r, v, f, (char *)ret + f->offset);
        } else {
            read_fault(r, v, "there is no key \"%.40s\" here", name);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && !h->doc_get(d, fields[i].name)) {
            read_fault(r, d, "\"%s\" is missing", fields[i].name);
        }
    }
    return true;
}
