/* See benefit_list.h. A CSV list begins with what it declares, one "name,value" a line (batch,
 * program, fund, count, total), then a heading "line,citizen,amount" (or "card" for "citizen"),
 * then the lines. */
#include "benefit_list.h"

#include "csv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX  ((size_t)64 << 20)
#define LINES_MAX 1000000
#define FIELDS    8
#define WHO_MAX   31

#define COLUMNS_WHO 3 /* the first of the heading's names say who: enum benefit_by */
enum column { COL_LINE, COL_WHO, COL_AMOUNT, COLUMNS };

static int whole(struct benefit_list *l, const char *fmt, ...) PRINTF_FN(2, 3);
static int whole(struct benefit_list *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(l->why, sizeof l->why, fmt, ap);
    va_end(ap);
    return OC_EPARSE;
}

void benefit_line_bad(struct benefit_line *l, const char *fmt, ...)
{
    va_list ap;
    if (l->outcome[0] != '\0')
        return;
    (void)snprintf(l->outcome, sizeof l->outcome, "bad");
    va_start(ap, fmt);
    (void)vsnprintf(l->why, sizeof l->why, fmt, ap);
    va_end(ap);
}

/* ---- one line ---- */

static struct benefit_line *add_line(struct benefit_list *l, int place)
{
    if (l->line_count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct benefit_line *more = realloc(l->lines, cap * sizeof *more);
        if (!more)
            return NULL;
        l->lines = more;
        l->cap = cap;
    }
    struct benefit_line *line = &l->lines[l->line_count++];
    memset(line, 0, sizeof *line);
    line->place = place;
    return line;
}

static bool word(const char *s, size_t max)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = s ? strlen(s) : 0;
    return len > 0 && len <= max && strspn(s, allowed) == len;
}

static int64_t number(const char *s, int64_t max)
{
    size_t digits = s ? strspn(s, "0123456789") : 0;
    if (digits == 0 || digits > 12 || s[digits] != '\0')
        return -1;
    int64_t n = strtoll(s, NULL, 10);
    return n <= max ? n : -1;
}

static const char *const by_names[] = {"citizen", "card", "number"};

static void set_line(struct benefit_list *l, struct benefit_line *line, const char *nr,
                     const char *who, const char *amount)
{
    line->number = number(nr, 999999999);
    line->who = strdup(who ? who : "");
    if (amount && fen_parse(amount, &line->fen) == 0 && line->fen > 0 &&
        line->fen <= INT64_C(1000000000)) {
        line->amount_known = true;
        l->real_total += line->fen;
    } else {
        benefit_line_bad(line, "amount '%.40s' is no amount in yuan above zero",
                         amount ? amount : "");
    }
    if (line->number < 1)
        benefit_line_bad(line, "line '%.40s' is no number of a line", nr ? nr : "");
    if (!line->who || !word(line->who, WHO_MAX))
        benefit_line_bad(line, "the %s has another form", by_names[line->by]);
}

/* ---- what it declares ---- */

static int set_head(struct benefit_list *l, const char *name, const char *value, int place)
{
    const struct {
        const char *name;
        char *to;
    } words[] = {{"batch", l->batch}, {"program", l->program}, {"fund", l->fund}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].name, name) != 0)
            continue;
        if (!word(value, WHO_MAX))
            return whole(l, "line %d: %s is 1 to %d letters, digits, '.', '_', '-'", place, name,
                         WHO_MAX);
        (void)snprintf(words[i].to, sizeof l->batch, "%s", value);
        return 0;
    }
    if (strcmp(name, "total") == 0)
        return fen_parse(value, &l->total) == 0 && l->total > 0
                   ? 0
                   : whole(l, "line %d: total is an amount in yuan, such as 12500.00", place);
    if (strcmp(name, "count") == 0)
        return (l->count = number(value, LINES_MAX)) > 0
                   ? 0
                   : whole(l, "line %d: count is 1 to %d", place, LINES_MAX);
    return whole(l,
                 "line %d: '%.40s' is not known: batch, program, fund, count, total, then "
                 "line,citizen,amount",
                 place, name);
}

static int check_head(struct benefit_list *l)
{
    if (l->batch[0] == '\0' || l->fund[0] == '\0')
        return whole(l, "the list must say batch (its name) and fund (who pays)");
    if (l->count == 0 || l->total == 0)
        return whole(l, "the list must declare count and total");
    if (l->line_count == 0)
        return whole(l, "the list has no lines");
    if (l->program[0] == '\0')
        (void)snprintf(l->program, sizeof l->program, "benefit");
    return 0;
}

/* ---- CSV ---- */

struct csv {
    struct benefit_list *l;
    int place, column[COLUMNS], width;
    uint8_t by;
    bool lines;
};

static int heading(struct csv *c, char *field[FIELDS], int n)
{
    static const char *const names[] = {"citizen", "card", "number", "line", "amount"};
    static const enum column columns[] = {COL_WHO, COL_WHO, COL_WHO, COL_LINE, COL_AMOUNT};
    for (int i = 0; i < COLUMNS; i++)
        c->column[i] = -1;
    for (int i = 0; i < n && i < FIELDS; i++) {
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            if (strcmp(names[k], field[i]) == 0) {
                c->column[columns[k]] = i;
                c->by = k < COLUMNS_WHO ? (uint8_t)k : c->by;
            }
        }
    }
    c->lines = true;
    c->width = n;
    if (c->column[COL_LINE] < 0 || c->column[COL_WHO] < 0 || c->column[COL_AMOUNT] < 0)
        return whole(
            c->l, "line %d: the heading is line,citizen,amount (or card, or number, for citizen)",
            c->place);
    return 0;
}

static int row(struct csv *c, char *field[FIELDS], int n)
{
    if (c->l->line_count == LINES_MAX)
        return whole(c->l, "line %d: more than %d lines: split the list", c->place, LINES_MAX);
    struct benefit_line *line = add_line(c->l, c->place);
    if (!line)
        return OC_ENOMEM;
    line->by = c->by;
    if (n != c->width) {
        benefit_line_bad(line,
                         n < 0 ? "a quote is not closed" : "has %d fields, the heading has %d", n,
                         c->width);
        return 0;
    }
    set_line(c->l, line, field[c->column[COL_LINE]], field[c->column[COL_WHO]],
             field[c->column[COL_AMOUNT]]);
    return 0;
}

static bool is_heading(char *field[FIELDS], int n)
{
    for (int i = 0; i < n && i < FIELDS && n > 2; i++)
        if (strcmp(field[i], "amount") == 0)
            return true;
    return n > 0 && strcmp(field[0], "line") == 0;
}

static int take(struct csv *c, char *s)
{
    char *field[FIELDS] = {NULL};
    s[strcspn(s, "\r\n")] = '\0';
    if (*s == '\0' || *s == '#')
        return 0;
    int n = csv_cut(s, field, NULL, FIELDS);
    if (c->lines)
        return row(c, field, n);
    if (is_heading(field, n))
        return heading(c, field, n);
    return n < 2
               ? whole(c->l, "line %d: a name and a value are wanted, such as batch,pension-202611",
                       c->place)
               : set_head(c->l, field[0], field[1], c->place);
}

static int read_csv(struct benefit_list *l, char *text)
{
    struct csv c = {.l = l};
    int rc = 0;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) /* what spreadsheets put before UTF-8 */
        text += 3;
    while (*text != '\0' && rc == 0) {
        size_t len = strcspn(text, "\n");
        bool more = text[len] == '\n';
        text[len] = '\0';
        c.place++;
        rc = take(&c, text);
        text += len + (more ? 1 : 0);
    }
    return rc;
}

/* ---- JSON ---- */

/* A text, or a number as text: amounts may be written either way, but never as binary fractions. */
static const char *scalar(const json_t *v, char room[32])
{
    if (json_is_integer(v)) {
        (void)snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        return room;
    }
    return json_string_value(v);
}

static int json_line(struct benefit_list *l, const json_t *v, int place)
{
    char nr[32], amount[32];
    struct benefit_line *line = add_line(l, place);
    if (!line)
        return OC_ENOMEM;
    while (line->by < BENEFIT_BY_NUMBER && !json_object_get(v, by_names[line->by]))
        line->by++;
    set_line(l, line, scalar(json_object_get(v, "line"), nr),
             json_string_value(json_object_get(v, by_names[line->by])),
             scalar(json_object_get(v, "amount"), amount));
    return 0;
}

static int read_json(struct benefit_list *l, const char *text)
{
    static const char *const heads[] = {"batch", "program", "fund", "total", "count"};
    json_error_t e;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e), *v;
    char room[32];
    size_t i;
    int rc = j ? 0 : whole(l, "line %d: %.100s", e.line, e.text);
    for (i = 0; i < ARRAY_LEN(heads) && rc == 0; i++) {
        const char *value = scalar(json_object_get(j, heads[i]), room);
        if (value)
            rc = set_head(l, heads[i], value, 1);
    }
    if (rc == 0 && json_array_size(json_object_get(j, "lines")) > LINES_MAX)
        rc = whole(l, "more than %d lines: split the list", LINES_MAX);
    if (rc == 0) {
        json_array_foreach(json_object_get(j, "lines"), i, v)
        {
            rc = rc ? rc : json_line(l, v, (int)i + 1);
        }
    }
    json_decref(j);
    return rc;
}

/* ---- the same twice ---- */

static int by_number(const void *a, const void *b)
{
    const struct benefit_line *x = *(struct benefit_line *const *)a,
                              *y = *(struct benefit_line *const *)b;
    return x->number != y->number ? (x->number < y->number ? -1 : 1) : x->place - y->place;
}

static int by_who(const void *a, const void *b)
{
    const struct benefit_line *x = *(struct benefit_line *const *)a,
                              *y = *(struct benefit_line *const *)b;
    int c = x->by - y->by;
    c = c ? c : strcmp(x->who ? x->who : "", y->who ? y->who : "");
    return c ? c : x->place - y->place;
}

/* The first of a kind is good, those after it are duplicates. */
static int mark_twice(struct benefit_list *l)
{
    struct benefit_line **all = calloc(l->line_count + 1, sizeof(struct benefit_line *));
    if (!all)
        return OC_ENOMEM;
    for (size_t i = 0; i < l->line_count; i++)
        all[i] = &l->lines[i];
    qsort(all, l->line_count, sizeof(struct benefit_line *), by_number);
    for (size_t i = 1; i < l->line_count; i++)
        if (all[i]->number > 0 && all[i]->number == all[i - 1]->number)
            benefit_line_bad(all[i], "duplicate: line %lld stands at %d already",
                             (long long)all[i]->number, all[i - 1]->place);
    qsort(all, l->line_count, sizeof(struct benefit_line *), by_who);
    for (size_t i = 1; i < l->line_count; i++)
        if (all[i]->who && all[i - 1]->who && all[i]->who[0] != '\0' &&
            all[i]->by == all[i - 1]->by && strcmp(all[i]->who, all[i - 1]->who) == 0)
            benefit_line_bad(all[i], "duplicate: the same %s stands at %d already",
                             by_names[all[i]->by], all[i - 1]->place);
    free(all);
    return 0;
}

int benefit_list_read(struct benefit_list *list, const char *path)
{
    static const char nul = '\0';
    struct buf b;
    memset(list, 0, sizeof *list);
    buf_init(&b, FILE_MAX);
    int rc = file_read(path, &b);
    if (rc == 0) {
        buf_put(&b, &nul, 1);
        rc = b.err;
    }
    if (rc == 0) {
        char *text = (char *)b.data;
        if (memchr(text, '\0', b.len - 1))
            rc = whole(list, "it holds zero bytes, as UTF-16 does: save it as UTF-8");
        else
            rc = text[strspn(text, " \t\r\n")] == '{' ? read_json(list, text) : read_csv(list, text);
    }
    rc = rc ? rc : check_head(list);
    rc = rc ? rc : mark_twice(list);
    buf_fini(&b);
    return rc;
}

void benefit_list_fini(struct benefit_list *list)
{
    for (size_t i = 0; i < list->line_count; i++) {
        if (list->lines[i].who)
            secret_wipe(list->lines[i].who, strlen(list->lines[i].who));
        free(list->lines[i].who);
    }
    free(list->lines);
    list->lines = NULL;
    list->line_count = 0;
}

size_t benefit_list_count(const struct benefit_list *list, const char *outcome, fen_t *ret_sum)
{
    size_t n = 0;
    *ret_sum = 0;
    for (size_t i = 0; i < list->line_count; i++) {
        if (strcmp(list->lines[i].outcome, outcome) == 0) {
            n++;
            *ret_sum += list->lines[i].amount_known ? list->lines[i].fen : 0;
        }
    }
    return n;
}

/* ---- the result ---- */

static void put_field(FILE *f, const char *s)
{
    (void)fputs(*s != '\0' && strchr("=+@\t\r", *s) ? "\"'" : "\"", f); /* a spreadsheet must not compute it */
    for (; *s != '\0'; s++) {
        if (*s == '"')
            (void)fputc('"', f);
        (void)fputc((unsigned char)*s < 0x20 ? '?' : *s, f);
    }
    (void)fputc('"', f);
}

int benefit_list_write(const struct benefit_list *list, const char *path)
{
    char fen[FEN_TEXT];
    FILE *f = fopen(path, "we");
    if (!f)
        return OC_EIO;
    (void)fprintf(f, "place,line,%s,amount,outcome,why,transaction\n",
                  list->line_count > 0 && list->lines[0].by == BENEFIT_BY_CARD ? "card"
                                                                               : "citizen");
    for (size_t i = 0; i < list->line_count; i++) {
        const struct benefit_line *l = &list->lines[i];
        (void)fprintf(f, "%d,%lld,", l->place, (long long)l->number);
        put_field(f, l->who && l->by != BENEFIT_BY_NUMBER
                         ? l->who
                         : ""); /* no personal numbers in further files */
        (void)fprintf(f, ",%s,%s,", l->amount_known ? fen_text(l->fen, fen) : "",
                      l->outcome[0] != '\0' ? l->outcome : "good");
        put_field(f, l->why);
        (void)fprintf(f, ",%s\n", l->txn);
    }
    bool failed = ferror(f) != 0;
    return fclose(f) != 0 || failed ? OC_EIO : 0;
}
