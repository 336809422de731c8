/* Tables and objects. A column is as wide as its widest cell as the terminal shows it, not as it is
 * in bytes. */
#include "out.h"

#include "ctl.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16

struct grid {
    size_t rows, columns;
    char **cell; /* row by row, the titles first */
    size_t width[COLUMNS_MAX];
    bool used[COLUMNS_MAX];
};

static const char *at(const struct grid *g, size_t row, size_t column)
{
    const char *s = g->cell[row * g->columns + column];
    return s ? s : "";
}

static void measure(struct grid *g)
{
    for (size_t i = 0; i < g->columns; i++) {
        for (size_t r = 0; r <= g->rows; r++) {
            size_t w = out_width(at(g, r, i));
            g->width[i] = w > g->width[i] ? w : g->width[i];
            g->used[i] = g->used[i] || (r > 0 && w > 0);
        }
    }
}

static bool to_the_right(enum out_kind k)
{
    return k == OUT_FEN || k == OUT_INT;
}

static void blanks(FILE *f, size_t n)
{
    while (n-- > 0)
        (void)fputc(' ', f);
}

static void print_row(const struct ctl *c, const struct grid *g, const struct out_column *col,
                      size_t row)
{
    size_t owed = 0; /* blanks, printed when something follows */
    for (size_t i = 0; i < g->columns; i++) {
        const char *s = at(g, row, i);
        size_t pad = g->width[i] - out_width(s);
        if (!g->used[i])
            continue;
        bool right = to_the_right(col[i].kind);
        const char *colour = row > 0 && col[i].kind == OUT_STATE ? out_colour(c, s) : "";
        if (*s != '\0') {
            blanks(c->out, owed + (right ? pad : 0));
            (void)fputs(colour, c->out);
            out_text(c->out, s);
            (void)fputs(*colour != '\0' ? out_plain(c) : "", c->out);
            owed = right ? 0 : pad;
        } else {
            owed += pad;
        }
        owed += 2;
    }
    (void)fputc('\n', c->out);
}

void out_table(const struct ctl *c, const json_t *items, const struct out_column *columns,
               size_t count)
{
    struct grid g = {.rows = json_array_size(items),
                     .columns = count < COLUMNS_MAX ? count : COLUMNS_MAX};
    g.cell = calloc((g.rows + 1) * g.columns + 1, sizeof *g.cell);
    if (!g.cell) {
        memory_miss();
        return;
    }
    for (size_t i = 0; i < g.columns; i++) {
        g.cell[i] = strdup(columns[i].title);
        if (!g.cell[i])
            memory_miss();
    }
    for (size_t r = 0; r < g.rows; r++)
        for (size_t i = 0; i < g.columns; i++)
            g.cell[(r + 1) * g.columns + i] = out_cell(c, json_array_get(items, r), &columns[i]);
    measure(&g);
    for (size_t r = 0; r <= g.rows; r++)
        print_row(c, &g, columns, r);
    for (size_t i = 0; i < (g.rows + 1) * g.columns; i++)
        free(g.cell[i]);
    free(g.cell);
}

/* ---- by the members' names ---- */

static bool ends(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static enum out_kind kind_of(const char *key, const json_t *v)
{
    const char *s = json_string_value(v);
    if (json_is_integer(v) && ends(key, "_fen"))
        return OUT_FEN;
    if (json_is_number(v) && ends(key, "_s"))
        return OUT_AGE;
    if (s && strlen(s) >= 25 && s[10] == 'T' && s[13] == ':')
        return OUT_TIME;
    if (s && (strcmp(key, "state") == 0 || strcmp(key, "outcome") == 0 ||
              strcmp(key, "tac_verdict") == 0))
        return OUT_STATE;
    return json_is_integer(v) ? OUT_INT : OUT_TEXT;
}

/* "amount_fen" is shown as "amount", underscores as blanks. */
static void label(const char *key, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", key);
    size_t n = strlen(out);
    if (ends(out, "_fen"))
        out[n - 4] = '\0';
    else if (ends(out, "_s"))
        out[n - 2] = '\0';
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '_' ? ' ' : *p;
}

void out_items(const struct ctl *c, const json_t *items)
{
    struct out_column col[COLUMNS_MAX];
    char title[COLUMNS_MAX][48];
    size_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach(json_array_get(items, 0), key, v)
    {
        if (n == COLUMNS_MAX)
            break;
        label(key, title[n], sizeof title[n]);
        col[n] = (struct out_column){.title = title[n], .path = key, .kind = kind_of(key, v)};
        n++;
    }
    out_table(c, items, col, n);
}

/* Null, empty, or an object of such. The API's objects are two deep at most. */
static bool nothing(const json_t *v)
{
    const char *s = json_string_value(v), *key;
    json_t *member;
    bool empty = true;
    if (json_is_object(v))
        json_object_foreach((json_t *)(uintptr_t)v, key, member) empty =
            empty &&
            (json_is_null(member) || (json_is_object(member) && json_object_size(member) == 0));
    return !v || json_is_null(v) || (s && *s == '\0') ||
           (json_is_array(v) && json_array_size(v) == 0) || (json_is_object(v) && empty);
}

/* As label(); where both "doubts" and "doubts_fen" are there, the second is "doubts amount". */
static void member_label(const json_t *obj, const char *key, char *out, size_t cap)
{
    char plain[64];
    size_t len = strlen(key);
    label(key, out, cap);
    if (!ends(key, "_fen") || len - 4 >= sizeof plain)
        return;
    (void)snprintf(plain, sizeof plain, "%.*s", (int)(len - 4), key);
    size_t n = strlen(out);
    if (json_object_get(obj, plain))
        (void)snprintf(out + n, cap - n, " amount");
}

static size_t label_width(const json_t *obj)
{
    char text[64];
    size_t most = 0;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        member_label(obj, key, text, sizeof text);
        size_t w = nothing(v) ? 0 : out_width(text);
        most = w > most ? w : most;
    }
    return most;
}

static bool table_like(const json_t *v)
{
    return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

static void print_member(const struct ctl *c, const json_t *obj, const char *key, int indent,
                         size_t width)
{
    char text[64];
    const json_t *v = json_object_get(obj, key);
    struct out_column col = {.path = key, .kind = kind_of(key, v)};
    member_label(obj, key, text, sizeof text);
    blanks(c->out, (size_t)indent);
    out_text(c->out, text);
    if (json_is_object(v) || table_like(v)) {
        (void)fputs(":\n", c->out);
        if (json_is_object(v))
            out_object(c, v, indent + 2);
        else
            out_items(c, v);
        return;
    }
    char *s = out_cell(c, obj, &col);
    blanks(c->out, width - out_width(text) + 2);
    (void)fputs(col.kind == OUT_STATE ? out_colour(c, s) : "", c->out);
    out_text(c->out, s ? s : "");
    (void)fprintf(c->out, "%s\n", col.kind == OUT_STATE ? out_plain(c) : "");
    free(s);
}

void out_object(const struct ctl *c, const json_t *obj, int indent)
{
    size_t width = label_width(obj);
    const char *key;
    json_t *v;
    if (indent > 12) /* deeper than anything the API says */
        return;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        if (!nothing(v) && !(strcmp(key, "reason_zh") == 0 && !c->zh))
            print_member(c, obj, key, indent, width);
    }
}

void out_answer(const struct ctl *c, const json_t *j)
{
    const json_t *items = json_object_get(j, "items");
    if (c->json)
        out_json(c->out, j);
    else if (table_like(items))
        out_items(c, items);
    else if (json_is_array(items))
        (void)fputs("none\n", c->out);
    else
        out_object(c, j, 0);
}
