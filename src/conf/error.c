/* Why all at once: an operator who mends a file should see everything that is wrong with it in one
 * go. */
#include "conf/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 64

void conf_errors_init(struct conf_errors *e)
{
    arena_init(&e->arena, (size_t)1 << 20);
    e->items = NULL;
    e->kept = 0;
    e->count = 0;
}

void conf_errors_fini(struct conf_errors *e)
{
    arena_fini(&e->arena);
    e->items = NULL;
    e->kept = 0;
    e->count = 0;
}

static void make_printable(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
    }
}

static bool room_for_one(struct conf_errors *e)
{
    if (!e->items)
        e->items = arena_alloc(&e->arena, CONF_ERRORS_MAX * sizeof(*e->items));
    return e->items && e->kept < CONF_ERRORS_MAX;
}

void conf_errors_add(struct conf_errors *e, const char *file, int line, int col, const char *fmt,
                     ...)
{
    char text[512];
    va_list ap;

    e->count++;
    if (!room_for_one(e))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    make_printable(text);
    char *name = arena_strdup(&e->arena, file ? file : "-");
    char *copy = arena_strdup(&e->arena, text);
    if (!name || !copy)
        return;
    make_printable(name);
    e->items[e->kept++] = (struct conf_error){.file = name, .line = line, .col = col, .text = copy};
}

static bool stands_after(const struct conf_error *a, const struct conf_error *b)
{
    int order = strcmp(a->file, b->file);

    if (order != 0)
        return order > 0;
    if (a->line != b->line)
        return a->line > b->line;
    return a->col > b->col;
}

void conf_errors_sort(struct conf_errors *e)
{
    /* Insertion: stable, and there are at most a hundred. */
    for (size_t i = 1; i < e->kept; i++) {
        struct conf_error x = e->items[i];
        size_t j = i;
        for (; j > 0 && stands_after(&e->items[j - 1], &x); j--)
            e->items[j] = e->items[j - 1];
        e->items[j] = x;
    }
}

void conf_errors_print(struct conf_errors *e, struct buf *out)
{
    conf_errors_sort(e);
    for (size_t i = 0; i < e->kept; i++) {
        const struct conf_error *x = &e->items[i];
        if (x->line > 0)
            buf_printf(out, "%s:%d:%d: %s\n", x->file, x->line, x->col, x->text);
        else
            buf_printf(out, "%s: %s\n", x->file, x->text);
    }
    if (e->count > e->kept)
        buf_printf(out, "… and %zu more\n", e->count - e->kept);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insert, delete, replace, or swap two neighbours. Both at most WORD_MAX
 * long. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t la = strlen(a), lb = strlen(b);
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= lb; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[lb];
}

const char *conf_nearest(const char *wrong, const char *const *words)
{
    const char *best = NULL;
    size_t len = strlen(wrong);
    unsigned limit = len < 6 ? 1 : (unsigned)len / 3;

    if (len == 0 || len > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        if (strlen(*words) > WORD_MAX)
            continue;
        unsigned d = distance(wrong, *words);
        if (d <= limit && (d < limit || !best)) {
            best = *words;
            limit = d;
        }
    }
    return best;
}
