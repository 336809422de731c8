/* Documents into structures by tables of fields, every mistake told with its place. Inside the
 * reading of fare tables. */
#ifndef TRANSIT_READ_H
#define TRANSIT_READ_H

#include "fare.h"

#include <onecard/module.h>

struct reading {
    const struct onecard_host *host;
    const char *file;
    unsigned faults;
};

enum field_type {
    FIELD_TEXT,    /* char[size], not empty */
    FIELD_FEN,     /* fen_t, > 0, written in yuan */
    FIELD_FEN0,    /* fen_t, >= 0 */
    FIELD_UINT,    /* unsigned, 1 … max */
    FIELD_ID,      /* uint32_t, 1 … max; a whole number or a text of digits */
    FIELD_MINUTES, /* int64_t seconds, 1 … max minutes */
    FIELD_SECONDS, /* int64_t, 1 … max */
    FIELD_PERCENT, /* unsigned, 0 … 100: 50%, 50 or free */
    FIELD_DATE,    /* int32_t YYYYMMDD */
    FIELD_CLOCK,   /* int32_t seconds of the day, of 07:30; 24:00 is the day's end */
    FIELD_BOOL,
    FIELD_BORNE, /* struct fare_sharing */
    FIELD_OTHER  /* read elsewhere */
};
struct field {
    const char *name;
    enum field_type type;
    bool required;
    size_t offset, size; /* size: of the member */
    int64_t max;
};
#define FIELD(type_, owner, member, ...)                                                           \
    .type = (type_), .offset = offsetof(owner, member), .size = sizeof(((owner *)0)->member),      \
    __VA_ARGS__

/** One mistake: "file:line:col: …" into the switch's log. */
void read_fault(struct reading *r, const struct onecard_doc *at, const char *fmt, ...)
    ONECARD_PRINTF(3, 4);
/** The members of an object by their table. What is unknown, missing or malformed is a fault.
 * False: it is no object. */
bool read_object(struct reading *r, const struct onecard_doc *d, const struct field *fields,
                 size_t count, void *ret);
/** A scalar as its text: also whole numbers. False: neither, or too long. */
bool read_word(struct reading *r, const struct onecard_doc *d, char *ret, size_t cap);
/** "bearer NAME", … see docs/services/transit.md. Faults are told. */
void read_borne(struct reading *r, const struct onecard_doc *d, struct fare_sharing *ret);
bool read_id(struct reading *r, const struct onecard_doc *d, int64_t max, uint32_t *ret);
bool read_percent(struct reading *r, const struct onecard_doc *d, unsigned *ret);
bool read_fen(struct reading *r, const struct onecard_doc *d, fen_t least, fen_t *ret);

/** Reads one fare table. NULL: *faults says how many were told, or 0: no memory. */
struct fare_table *fare_table_read(const struct onecard_host *host, const struct onecard_doc *d,
                                   const char *file, unsigned *faults);
/* Parts of it: rules.c, net.c */
void read_rules(struct reading *r, const struct onecard_doc *d, struct fare_table *t);
void read_passes(struct reading *r, const struct onecard_doc *d, struct fare_table *t);
void read_net(struct reading *r, const struct onecard_doc *d, struct fare_table *t);

#endif
