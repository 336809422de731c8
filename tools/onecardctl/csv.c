/* See csv.h. */
#include "csv.h"

#include <stdbool.h>
#include <stddef.h>

/* The cell at `s`, unquoted in place. Returns where it ends; NULL: its quote is not closed. */
static char *cell_end(char *s, char **ret_cell, bool *ret_more)
{
    bool quoted = *s == '"';
    char *out = quoted ? ++s : s;
    *ret_cell = out;
    while (*s != '\0' && (quoted || *s != ',')) {
        if (quoted && *s == '"' && s[1] != '"') {
            quoted = false;
            s++;
            continue;
        }
        s += quoted && *s == '"';
        *out++ = *s++;
    }
    *ret_more = *s == ',';
    *out = '\0';
    return quoted ? NULL : s;
}

int csv_cut(char *line, char *cell[], long at[], int cap)
{
    bool more = true;
    char *s = line;
    int n = 0;
    for (; more && n < cap; n++) {
        if (at)
            at[n] = s - line + 1;
        s = cell_end(s, &cell[n], &more);
        if (!s)
            return -1;
        s++;
    }
    return n + more;
}
