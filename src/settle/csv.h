/* Rows of CSV as RFC 4180: fields quoted where needed, CRLF. Texts come from outside: a field that
 * a spreadsheet would read as a formula gets an apostrophe before it, bytes that are no UTF-8
 * become '?'. Private to this folder. */
#ifndef SETTLE_CSV_H
#define SETTLE_CSV_H

#include "base/base.h"

/** A row being written; make a new one ({b}) for each row. Errors stick in the buffer. */
struct csv {
    struct buf *b;
    bool begun;
};

void csv_text(struct csv *c, const char *text);
void csv_int(struct csv *c, int64_t n);
/** Yuan with two decimals. */
void csv_fen(struct csv *c, fen_t fen);
/** "2026-11-21". */
void csv_date(struct csv *c, date_t d);
/** Upper-case hex of at most 16 bytes; all zero: an empty field. */
void csv_hex(struct csv *c, const void *bytes, size_t len);
/** A transaction id; 0: an empty field. */
void csv_id(struct csv *c, int64_t id);
void csv_end(struct csv *c);
/** A whole row of words that are ours: "a,b,c". */
void csv_header(struct buf *b, const char *names);

#endif
