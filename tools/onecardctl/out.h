/* Answers for people: tables whose columns stand under each other also in Chinese, amounts in yuan
 * to the right, no control characters of anybody's on the terminal. And for programs: one line of
 * JSON. */
#ifndef ONECARDCTL_OUT_H
#define ONECARDCTL_OUT_H

#include "base/base.h"

#include <jansson.h>
#include <stdio.h>

struct ctl;

enum out_kind {
    OUT_TEXT,
    OUT_FEN,    /* integer fen, as yuan, to the right */
    OUT_INT,    /* to the right */
    OUT_TIME,   /* RFC 3339 without "T" and offset */
    OUT_LIST,   /* array joined by blanks */
    OUT_AGE,    /* seconds, as "3 min" */
    OUT_REASON, /* a reason code; "none" is blank, Chinese beside it where wanted */
    OUT_STATE   /* coloured */
};
struct out_column {
    const char *title;
    const char *path; /* member, "a.b" inside, "x|y": the first that is there */
    enum out_kind kind;
};

/** Columns that the text takes on a terminal: CJK two each, combining marks none. */
size_t out_width(const char *utf8);
/** Writes text with control characters and broken UTF-8 as '?'. */
void out_text(FILE *f, const char *utf8);
/** The member at `path` of a column, NULL where it is absent or null. Borrowed. */
const json_t *out_member(const json_t *obj, const char *path);
/** A value as text of its kind, in new memory; NULL: no memory, which memory_missed() knows. */
char *out_cell(const struct ctl *c, const json_t *row, const struct out_column *col) MUST_USE;

/** An array of objects as a table. A column that is empty in every row is left out. */
void out_table(const struct ctl *c, const json_t *items, const struct out_column *columns,
               size_t count);
/** An array of objects, columns from the members of its first row. */
void out_items(const struct ctl *c, const json_t *items);
/** An object, a member a line; members called …_fen as yuan. */
void out_object(const struct ctl *c, const json_t *obj, int indent);
/** What the API answered: JSON with --json, else out_object or out_items. */
void out_answer(const struct ctl *c, const json_t *j);
/** One line of JSON. */
void out_json(FILE *f, const json_t *j);
/** Colour of a word such as "posted" or "lost", "" without colours; and the end of it. */
const char *out_colour(const struct ctl *c, const char *word);
const char *out_plain(const struct ctl *c);

#endif
