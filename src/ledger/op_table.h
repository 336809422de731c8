/* How a table of fields describes an operation; between op.c (the tables) and op_codec.c (the one
 * reader and writer). */
#ifndef LEDGER_OP_TABLE_H
#define LEDGER_OP_TABLE_H

#include "ledger/op.h"
#include <stdbool.h>

#define OP_VERSION 4

enum op_field_type {
    OPF_NUMBER, /* unsigned, 1 to 8 bytes, big-endian */
    OPF_SIGNED, /* two's complement, 2 to 8 bytes */
    OPF_TEXT,   /* length in 2 bytes, then the text without NUL */
    OPF_FIXED,  /* all `size` bytes */
    OPF_BYTES,  /* length in 2 bytes, then so many of `size` bytes */
    OPF_DOC,    /* struct op_doc: length in 4 bytes, then the text; before version 3 length in 2 bytes */
    OPF_STRUCT, /* the fields of `nested` */
    OPF_ARRAY   /* count in 1 byte, then so many of `max` elements */
};
struct op_field {
    const char *name;
    enum op_field_type type;
    size_t offset, size, max;
    size_t count_offset, count_size;
    const struct op_fields *nested;
    unsigned since; /* the version that brought it */
};
struct op_fields {
    const struct op_field *fields;
    size_t count;
};
struct op_kind {
    const char *name;
    size_t offset, size; /* of the operation's struct in struct ledger_op */
    const struct op_fields *fields;
    unsigned since; /* the version that brought it */
};
/** NULL for a number not in the table. */
const struct op_kind *op_kind(unsigned type);
/** Is the type known, does every text end and every count fit? op_encode() aborts on an operation
 * that is not valid. */
bool op_valid(const struct ledger_op *op);

#endif
