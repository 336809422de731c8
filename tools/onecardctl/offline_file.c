#include "offline_file.h"

#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { HEX, NUMBER, DATE, TIME, TEXT };
static const struct field {
    const char *name;
    enum kind kind;
    int64_t min, max; /* HEX: digits; NUMBER: values; TEXT: bytes */
    bool required;
} fields[OFFLINE_COLUMNS] = {
    {"issuer", HEX, 16, 16, false},
    {"serial", HEX, 1, 20, true},
    {"type", HEX, 2, 2, true},
    {"counter", NUMBER, 0, 65535, true},
    {"amount_fen", NUMBER, 0, 4294967295, true},
    {"balance_fen", NUMBER, -2147483648, 4294967295, false},
    {"sam", HEX, 12, 12, true},
    {"sam_seq", NUMBER, 0, 4294967295, true},
    {"date", DATE, 0, 0, true},
    {"time", TIME, 0, 0, true},
    {"tac", HEX, 8, 8, false},
    {"key_version", NUMBER, 0, 255, false},
    {"algorithm", TEXT, 1, 7, false},
    {"terminal", TEXT, 1, 31, false},
};

static bool PRINTF_FN(3, 4) wrong(struct offline_file *f, long at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    f->at = (int)at + 1;
    (void)vsnprintf(f->why, sizeof f->why, fmt, ap);
    va_end(ap);
    return false;
}

/* One cell of the line, blanks around it taken off. Returns where the next begins, NULL: none. */
static char *cut(char **ret_cell, char *s)
{
    char *end = s + strcspn(s, ",");
    char *next = *end == ',' ? end + 1 : NULL;
    *end = '\0';
    while (isblank((unsigned char)*s))
        s++;
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    *ret_cell = s;
    return next;
}

static int find(const char *name)
{
    for (int i = 0; i < OFFLINE_COLUMNS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return i;
    return -1;
}

bool offline_file_heading(struct offline_file *f, char *line)
{
    unsigned seen = 0;
    int n = 0;
    char *cell, *next = line;
    while (next && n < OFFLINE_COLUMNS) {
        next = cut(&cell, next);
        int i = find(cell);
        if (i < 0)
            return wrong(f, cell - line, "no column is called \"%.40s\"", cell);
        if (seen & (1U << i))
            return wrong(f, cell - line, "column \"%s\" stands here twice", cell);
        seen |= 1U << i;
        f->column[n++] = i;
    }
    if (next)
        return wrong(f, next - line, "there are only %d columns", OFFLINE_COLUMNS);
    for (int i = 0; i < OFFLINE_COLUMNS; i++)
        if (fields[i].required && !(seen & (1U << i)))
            return wrong(f, 0, "the heading has no column \"%s\"", fields[i].name);
    f->columns = n;
    return true;
}

static bool is_hex(const char *s, const struct field *want)
{
    size_t len = strlen(s);
    return (int64_t)len >= want->min && (int64_t)len <= want->max &&
           strspn(s, "0123456789abcdefABCDEF") == len;
}

static bool is_number(const char *s, const struct field *want, int64_t *ret)
{
    char *end;
    size_t digits = strspn(s + (*s == '-'), "0123456789");
    if (digits == 0 || digits > 12)
        return false;
    *ret = strtoll(s, &end, 10);
    return *end == '\0' && *ret >= want->min && *ret <= want->max;
}

static bool is_time(const char *s)
{
    char t[7] = "";
    size_t n = 0;
    for (; *s && n < 6; s++)
        if (*s != ':')
            t[n++] = *s;
    return n == 6 && *s == '\0' && strspn(t, "0123456789") == 6 && memcmp(t, "24", 2) < 0 &&
           t[2] < '6' && t[4] < '6';
}

/* NULL: `want` says what should stand there. */
static json_t *value(const struct field *d, const char *s, char want[80])
{
    int64_t n = 0;
    date_t day;
    switch (d->kind) {
    case HEX:
        (void)snprintf(want, 80, "%s%lld hexadecimal digits", d->min < d->max ? "1 to " : "",
                       (long long)d->max);
        return is_hex(s, d) ? json_string(s) : NULL;
    case NUMBER:
        (void)snprintf(want, 80, "a whole number from %lld to %lld", (long long)d->min,
                       (long long)d->max);
        return is_number(s, d, &n) ? json_integer(n) : NULL;
    case DATE:
        (void)snprintf(want, 80, "a date such as 2026-11-21 or 20261121");
        return date_parse(s, &day) == 0 ? json_string(s) : NULL;
    case TIME:
        (void)snprintf(want, 80, "a time such as 08:30:05 or 083005");
        return is_time(s) ? json_string(s) : NULL;
    default:
        (void)snprintf(want, 80, "a text of 1 to %lld bytes", (long long)d->max);
        return (int64_t)strlen(s) <= d->max ? json_string(s) : NULL;
    }
}

static bool add(struct offline_file *f, json_t *item, const struct field *d, const char *cell,
                long at)
{
    char want[80];
    if (*cell == '\0')
        return !d->required || wrong(f, at, "\"%s\" is empty", d->name);
    json_t *v = value(d, cell, want);
    if (!v)
        return wrong(f, at, "\"%s\" must be %s", d->name, want);
    return json_object_set_new(item, d->name, v) == 0 || wrong(f, at, "no memory");
}

json_t *offline_file_line(struct offline_file *f, char *line)
{
    json_t *item = json_object();
    char *cell, *next = line;
    int n = 0;
    bool good = item != NULL;
    for (; good && next && n < f->columns; n++) {
        next = cut(&cell, next);
        good = add(f, item, &fields[f->column[n]], cell, cell - line);
    }
    if (good && (next || n < f->columns))
        good =
            wrong(f, next ? next - line : cell - line, "the heading has %d columns, this line %s",
                  f->columns, next ? "more" : "fewer");
    if (good)
        return item;
    json_decref(item);
    return NULL;
}

int offline_file_at(const struct offline_file *f, const char *line, const char *name)
{
    int want = find(name);
    const char *s = line;
    for (int n = 0; n < f->columns && s; n++) {
        if (f->column[n] == want)
            return (int)(s - line) + 1;
        s = strchr(s, ',');
        s = s ? s + 1 : NULL;
    }
    return 1;
}
