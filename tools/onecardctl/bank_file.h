/* Files that a bank or a fund sends back, as CSV: what a file declares of itself, a heading, and
 * lines. A table says which declarations, columns and sums a kind of file has. Knows no daemon. */
#ifndef ONECARDCTL_BANK_FILE_H
#define ONECARDCTL_BANK_FILE_H

#include "base/base.h"

#include <jansson.h>

#define BANK_FILE_COLUMNS 12
#define BANK_FILE_WHY     200

enum bank_kind { BANK_TEXT, BANK_YUAN, BANK_DATE };
struct bank_column {
    const char *name;
    const char *field; /* member of the line's object; amounts as fen */
    enum bank_kind kind;
    size_t max; /* bytes of a text */
    bool required;
};
/** A declaration "name,value" before the heading. All must be there; "count", the number of lines,
 * is always one of them. */
struct bank_head {
    const char *name;
    bool yuan;
    const char *sum_of; /* the column whose sum it is; NULL: of none */
};
struct bank_format {
    const struct bank_head *heads;
    size_t head_count;
    const struct bank_column *columns;
    size_t column_count;
};

struct bank_file {
    json_t *heads;           /* texts, and amounts as fen */
    json_t *items;           /* the good lines, each with its "line" */
    json_t *errors;          /* "line", "column", "message" of the bad ones */
    char why[BANK_FILE_WHY]; /* why the file as a whole cannot be taken */
};
/** Reads at most 64 MiB and 1,000,000 lines. 0, also with bad lines; OC_EPARSE: f->why says what
 * and where; OC_ENOENT … of the file. bank_file_fini in every case. Blocks. */
int bank_file_read(struct bank_file *f, const struct bank_format *format,
                   const char *path) WORKER_FN MUST_USE;
/** The same of a text, which is cut up. */
int bank_file_parse(struct bank_file *f, const struct bank_format *format, char *text) MUST_USE;
void bank_file_fini(struct bank_file *f);

/** The bank's result file, and a fund's answer to a claim: docs/SETTLEMENT.md. */
extern const struct bank_format bank_result_format, bank_answer_format;

#endif
