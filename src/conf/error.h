/* Mistakes found in configuration text, all of them at once, each `file:line:col: message`.
 * Collecting never fails: past the bound or without memory only the count goes on. Not for threads.
 */
#ifndef CONF_ERROR_H
#define CONF_ERROR_H

#include "base/base.h"
#include <stddef.h>

#define CONF_ERRORS_MAX 100 /* further ones are counted, not kept */

struct conf_error {
    const char *file; /* as given by the caller; "-" when none */
    int line, col;    /* from 1; 0 where the mistake has no place */
    const char *text; /* one sentence without the place */
};
struct conf_errors {
    struct arena arena;
    struct conf_error *items;
    size_t kept;  /* in items, sorted by conf_errors_sort */
    size_t count; /* all that were reported */
};

/** Makes an empty collection. */
void conf_errors_init(struct conf_errors *e);
/** Gives back what it holds. */
void conf_errors_fini(struct conf_errors *e);
/** Adds one. `file` and the text are copied; control characters become '?'. */
void conf_errors_add(struct conf_errors *e, const char *file, int line, int col, const char *fmt,
                     ...) PRINTF_FN(5, 6);
/** Sorts by file, line and column, keeping the order of those at one place. */
void conf_errors_sort(struct conf_errors *e);
/** Appends one line each, sorted, and "… and N more" when some were not kept. */
void conf_errors_print(struct conf_errors *e, struct buf *out);
/** The word of `words` (NULL-terminated) nearest to `wrong`, or NULL when none is near (edit
 * distance, a swap of neighbours counts one; at most a third of the length, at least 1). Case is
 * forgiven. */
const char *conf_nearest(const char *wrong, const char *const *words);

#endif
