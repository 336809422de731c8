/* What the files of this folder share: one walk over a table. Not for others. */
#ifndef CONF_INTERN_H
#define CONF_INTERN_H

#include "conf/schema.h"

#define VALUE_TEXT 64

struct fill {
    const struct conf_tree *tree; /* file name for messages */
    struct arena *arena;
    struct conf_errors *errors;
    int err; /* OC_ENOMEM, or OC_EINVAL once a mistake was reported */
};

/** Reports at a node (NULL: at the file) and marks the fill as failed. */
void fill_complain(struct fill *f, const struct conf_node *n, const char *fmt, ...) PRINTF_FN(3, 4);
/** arena_alloc that marks the fill as failed. */
void *fill_alloc(struct fill *f, size_t size);
/** Fills `out` from a section's node or, NULL, from defaults. */
void fill_rows(struct fill *f, const struct conf_node *node, const struct conf_schema *s,
               void *out);

/** Fills a member from one scalar of the simple types (STRING … BYTES, ENUM). */
void fill_scalar(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                 void *member);
/** The same for CONF_LIST, CONF_BYTES_LIST and CONF_MAP; a scalar counts as a list of one. */
void fill_list(struct fill *f, const struct conf_item *it, const struct conf_node *n, void *member);
/** The default of a list, written with commas. */
void fill_list_default(struct fill *f, const struct conf_item *it, void *member);
/** Hexadecimal text into the arena, min…max bytes; reports at `n`. */
bool fill_bytes(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                const char *text, struct conf_bytes *ret);

/** Smallest and largest number a row takes. */
void item_range(const struct conf_item *it, int64_t *lo, int64_t *hi);
/** The number in an integer member. */
int64_t item_number(const struct conf_item *it, const void *member);
/** A number as one would write it for this row: yuan, "10s", "64KiB", "02:30", a word; returns out.
 */
const char *item_text(const struct conf_item *it, int64_t v, char out[VALUE_TEXT]);
/** What a row takes, for people: "a number from 1 to 9"; returns out. */
const char *item_wants(const struct conf_item *it, char *out, size_t cap);
bool item_is_number(enum conf_type t);

#endif
