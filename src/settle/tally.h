/* The day's sums by participant and service. Pure. Private to this folder. */
#ifndef SETTLE_TALLY_H
#define SETTLE_TALLY_H

#include "settle/posting.h"

/** Counts and sums; gross, borne and net are of postings at the participant's own terminals, so
 * that over all participants each posting counts once. */
struct tally_sum {
    int64_t count, elsewhere; /* at its own terminals; at others' */
    fen_t gross, borne, net;
    fen_t merchant, receivable;
};
struct tally_service {
    char service[LEDGER_SERVICE];
    struct tally_sum sum;
};
struct tally_member {
    char id[LEDGER_ID];
    unsigned file;
    struct tally_service *services;
    unsigned n, cap;
    struct tally_sum all;
};
struct tally {
    struct map by_id; /* "id" without NUL; "" is kept under one zero byte */
    struct tally_member **members;
    unsigned n, cap;
    struct tally_sum all;
    fen_t loads, purchases, replaced, other_purse; /* purse movement by kind of plan; to replacing cards */
};

void tally_init(struct tally *t);
void tally_fini(struct tally *t);
/** The participant, or NULL: not yet one of them. */
struct tally_member *tally_find(const struct tally *t, const char *id);
/** A new one, whose lines go to `file`. OC_ENOMEM. */
int tally_add(struct tally *t, const char *id, unsigned file) MUST_USE;
/** Counts a posting for one participant concerned. OC_ENOMEM. */
int tally_count(struct tally *t, struct tally_member *m, const struct txn_row *row,
                const struct posting *p) MUST_USE;
/** Counts what is to be counted once a posting. */
void tally_purse(struct tally *t, const struct txn_row *row, const struct posting *p);
/** Puts participants and services into the order of their bytes. */
void tally_sort(struct tally *t);
/** The name of a participant's file. */
const char *tally_file_name(const char *id, char *out, size_t cap);

#endif
