#include "bank_file.h"

#include "csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX  ((size_t)64 << 20)
#define LINES_MAX 1000000
#define HEADS_MAX 16

/* ---- the kinds of file ---- */

static const struct bank_head result_heads[] = {{"count", false, NULL},
                                                {"total", true, "amount_yuan"}};
static const struct bank_column result_columns[] = {
    {"item", "item", BANK_TEXT, 63, true},
    {"payee", "payee", BANK_TEXT, 31, true},
    {"amount_yuan", "amount_fen", BANK_YUAN, 0, true},
    {"result", "result", BANK_TEXT, 15, true},
    {"date", "date", BANK_DATE, 0, true},
    {"reference", "reference", BANK_TEXT, 39, true},
    {"reason", "reason", BANK_TEXT, 79, false},
};
const struct bank_format bank_result_format = {result_heads, ARRAY_LEN(result_heads),
                                               result_columns, ARRAY_LEN(result_columns)};

static const struct bank_head answer_heads[] = {
    {"fund", false, NULL},    {"month", false, NULL}, {"claimed", true, NULL},
    {"accepted", true, NULL}, {"count", false, NULL}, {"deducted", true, "deducted_yuan"}};
static const struct bank_column answer_columns[] = {
    {"txn", "txn", BANK_TEXT, 31, true},
    {"claimed_yuan", "claimed_fen", BANK_YUAN, 0, true},
    {"deducted_yuan", "deducted_fen", BANK_YUAN, 0, true},
    {"reason", "reason", BANK_TEXT, 79, true},
};
const struct bank_format bank_answer_format = {answer_heads, ARRAY_LEN(answer_heads),
                                               answer_columns, ARRAY_LEN(answer_columns)};

/* ---- reading ---- */

struct reading {
    struct bank_file *f;
    const struct bank_format *format;
    long line, lines;               /* of the file; of data */
    int column[BANK_FILE_COLUMNS];  /* which column stands there */
    int width;                      /* 0: the heading is still to come */
    bool unread[BANK_FILE_COLUMNS]; /* an amount of that column could not be read */
    fen_t sum[BANK_FILE_COLUMNS];
};

static int PRINTF_FN(2, 3) whole(struct reading *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->f->why, sizeof r->f->why, fmt, ap);
    va_end(ap);
    (void)text_trim_utf8(r->f->why);
    return OC_EPARSE;
}

static bool PRINTF_FN(3, 4) bad(struct reading *r, long column, const char *fmt, ...)
{
    char why[BANK_FILE_WHY];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    (void)json_array_append_new(r->f->errors,
                                json_pack("{s:I, s:I, s:s}", "line", (json_int_t)r->line, "column",
                                          (json_int_t)column, "message", text_trim_utf8(why)));
    return false;
}

static int column_of(const struct bank_format *f, const char *name)
{
    for (size_t i = 0; i < f->column_count; i++)
        if (strcmp(f->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- what it declares ---- */

static bool number(const char *s, int64_t *ret)
{
    size_t digits = strspn(s, "0123456789");
    *ret = digits > 0 && digits <= 9 ? strtoll(s, NULL, 10) : -1;
    return *ret >= 0 && s[digits] == '\0';
}

static int take_head(struct reading *r, const char *name, const char *value)
{
    int64_t n = 0;
    fen_t fen = 0;
    json_t *j = NULL;
    for (size_t i = 0; i < r->format->head_count && !j; i++) {
        const struct bank_head *h = &r->format->heads[i];
        if (strcmp(h->name, name) != 0)
            continue;
        if (json_object_get(r->f->heads, name))
            return whole(r, "line %ld: \"%s\" is declared twice", r->line, name);
        if (strcmp(name, "count") == 0)
            j = number(value, &n) ? json_integer(n) : NULL;
        else if (h->yuan)
            j = fen_parse(value, &fen) == 0 ? json_integer(fen) : NULL;
        else
            j = strlen(value) > 0 && strlen(value) < 64 ? json_string(value) : NULL;
        if (!j)
            return whole(r, "line %ld: \"%.60s\" is no %s", r->line, value,
                         h->yuan                      ? "amount in yuan"
                         : strcmp(name, "count") == 0 ? "number"
                                                      : "name");
    }
    if (!j)
        return whole(r, "line %ld: neither a declaration nor the heading: \"%.60s\"", r->line,
                     name);
    return json_object_set_new(r->f->heads, name, j) ? OC_ENOMEM : 0;
}

static int take_heading(struct reading *r, char *cell[], int n)
{
    bool seen[BANK_FILE_COLUMNS] = {false};
    for (int i = 0; i < n; i++) {
        int c = column_of(r->format, cell[i]);
        if (c < 0)
            return whole(r, "line %ld: no column is called \"%.40s\"", r->line, cell[i]);
        if (seen[c])
            return whole(r, "line %ld: column \"%s\" stands there twice", r->line, cell[i]);
        seen[c] = true;
        r->column[i] = c;
    }
    for (size_t c = 0; c < r->format->column_count; c++)
        if (r->format->columns[c].required && !seen[c])
            return whole(r, "line %ld: the heading has no column \"%s\"", r->line,
                         r->format->columns[c].name);
    r->width = n;
    return 0;
}

/* ---- lines ---- */

static json_t *value(struct reading *r, int c, const char *s, const char **ret_want)
{
    const struct bank_column *d = &r->format->columns[c];
    fen_t fen;
    date_t day;
    switch (d->kind) {
    case BANK_YUAN:
        *ret_want = "an amount in yuan such as 12.34";
        if (fen_parse(s, &fen) != 0 || __builtin_add_overflow(r->sum[c], fen, &r->sum[c])) {
            r->unread[c] = true;
            return NULL;
        }
        return json_integer(fen);
    case BANK_DATE:
        *ret_want = "a date such as 2026-11-21";
        return date_parse(s, &day) == 0 ? json_string(s) : NULL;
    default:
        *ret_want = "a text in UTF-8 that is not so long";
        return strlen(s) <= d->max ? json_string(s) : NULL;
    }
}

static bool take_cell(struct reading *r, json_t *item, int c, const char *s, long at)
{
    const struct bank_column *d = &r->format->columns[c];
    const char *want = "";
    if (*s == '\0') {
        r->unread[c] = r->unread[c] || d->kind == BANK_YUAN;
        return !d->required || bad(r, at, "\"%s\" is empty", d->name);
    }
    json_t *j = value(r, c, s, &want);
    if (!j)
        return bad(r, at, "\"%s\" must be %s, not \"%.40s\"", d->name, want, s);
    return json_object_set_new(item, d->field, j) == 0;
}

static void no_amounts(struct reading *r)
{
    for (size_t c = 0; c < r->format->column_count; c++)
        r->unread[c] = true;
}

static int take_line(struct reading *r, char *cell[], const long at[], int n)
{
    if (++r->lines > LINES_MAX)
        return whole(r, "more than %d lines", LINES_MAX);
    if (n != r->width) {
        no_amounts(r);
        (void)(n < 0 ? bad(r, 1, "a quote is not closed")
                     : bad(r, 1, "%d cells where the heading has %d", n, r->width));
        return 0;
    }
    json_t *item = json_object();
    bool good = item != NULL;
    for (int i = 0; i < n; i++)
        good = take_cell(r, item, r->column[i], cell[i], at[i]) && good;
    if (!good) {
        json_decref(item);
        return 0;
    }
    (void)json_object_set_new(item, "line", json_integer(r->line));
    return json_array_append_new(r->f->items, item) ? OC_ENOMEM : 0;
}

static bool is_head(const struct reading *r, char *cell[], int n)
{
    return n == 2 && column_of(r->format, cell[0]) < 0;
}

static int take(struct reading *r, char *s)
{
    char *cell[BANK_FILE_COLUMNS];
    long at[BANK_FILE_COLUMNS];
    r->line++;
    size_t len = strlen(s);
    if (len > 0 && s[len - 1] == '\r')
        s[len - 1] = '\0';
    if (*s == '\0' || *s == '#')
        return 0;
    int n = csv_cut(s, cell, at, BANK_FILE_COLUMNS);
    if (r->width)
        return take_line(r, cell, at, n);
    if (n < 0 || n > BANK_FILE_COLUMNS)
        return whole(r, "line %ld: a quote is not closed, or more than %d cells", r->line,
                     BANK_FILE_COLUMNS);
    return is_head(r, cell, n) ? take_head(r, cell[0], cell[1]) : take_heading(r, cell, n);
}

/* ---- the whole ---- */

static int check_sum(struct reading *r, const struct bank_head *h)
{
    char said[FEN_TEXT], is[FEN_TEXT];
    int c = h->sum_of ? column_of(r->format, h->sum_of) : -1;
    fen_t declared = json_integer_value(json_object_get(r->f->heads, h->name));
    if (c < 0 || r->unread[c] || declared == r->sum[c]) /* what cannot be read is told already */
        return 0;
    return whole(r, "it declares %s %s yuan, its lines say %s", h->name, fen_text(declared, said),
                 fen_text(r->sum[c], is));
}

static int check(struct reading *r)
{
    for (size_t i = 0; i < r->format->head_count; i++)
        if (!json_object_get(r->f->heads, r->format->heads[i].name))
            return whole(r, "it does not declare \"%s\"", r->format->heads[i].name);
    if (r->width == 0)
        return whole(r, "it has no heading");
    json_int_t count = json_integer_value(json_object_get(r->f->heads, "count"));
    if (count != r->lines)
        return whole(r, "it declares %lld lines and has %ld: was it cut short?", (long long)count,
                     r->lines);
    int rc = 0;
    for (size_t i = 0; i < r->format->head_count && rc == 0; i++)
        rc = check_sum(r, &r->format->heads[i]);
    return rc;
}

int bank_file_parse(struct bank_file *f, const struct bank_format *format, char *text)
{
    struct reading r = {.f = f, .format = format};
    *f = (struct bank_file){json_object(), json_array(), json_array(), ""};
    int rc = f->heads && f->items && f->errors ? 0 : OC_ENOMEM;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) /* what spreadsheets put before UTF-8 */
        text += 3;
    while (rc == 0 && *text != '\0') {
        size_t len = strcspn(text, "\n");
        bool more = text[len] == '\n';
        text[len] = '\0';
        rc = take(&r, text);
        text += len + more;
    }
    return rc ? rc : check(&r);
}

int bank_file_read(struct bank_file *f, const struct bank_format *format, const char *path)
{
    static const char nul = '\0';
    struct buf b;
    *f = (struct bank_file){NULL, NULL, NULL, ""};
    buf_init(&b, FILE_MAX);
    int rc = file_read(path, &b);
    if (rc == 0) {
        buf_put(&b, &nul, 1);
        rc = b.err;
    }
    if (rc == 0 && memchr(b.data, '\0', b.len - 1)) {
        (void)snprintf(f->why, sizeof f->why,
                       "it holds zero bytes, as UTF-16 does: save it as UTF-8");
        rc = OC_EPARSE;
    }
    if (rc == 0)
        rc = bank_file_parse(f, format, (char *)b.data);
    buf_fini(&b);
    return rc;
}

void bank_file_fini(struct bank_file *f)
{
    json_decref(f->heads);
    json_decref(f->items);
    json_decref(f->errors);
    *f = (struct bank_file){NULL, NULL, NULL, ""};
}
