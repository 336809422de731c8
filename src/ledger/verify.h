/* A proof under way; between verify.c (chain and replay), verify_tables.c and verify_books.c.
 * Private to this folder. */
#ifndef LEDGER_VERIFY_H
#define LEDGER_VERIFY_H

#include "ledger/internal.h"

struct verify {
    const char *path;
    char *copy_path; /* of the copy where it is a file */
    char *old_path;  /* of an older ledger brought to this program's schema beside it */
    struct db *src;  /* the file under proof, in one snapshot */
    struct db *copy; /* what the replay makes */
    struct chain chain;
    struct ledger_op *op;
    uint8_t shard;
    int64_t rows, done; /* journal rows; rows passed, of 2 * rows */
    void (*progress)(void *arg, int64_t done, int64_t all);
    void *arg;
    const atomic_bool *stop; /* NULL: nobody ends it */
    struct ledger_report *report;
};

/** As ledger_verify_file; ends with OC_ECLOSED soon after `*stop` became true. `stop` may be NULL.
 */
int verify_until(const char *path, const uint8_t chain_key[32], const atomic_bool *stop,
                 struct ledger_report *ret) MUST_USE WORKER_FN;

/** Notes a fault; the first one's words are kept, made printable. */
void verify_fault(struct verify *v, const char *fmt, ...) PRINTF_FN(2, 3);
/** Is this error of reading `what` a finding? Then it is noted as a fault and 0 is given; other
 * errors pass. */
int verify_finding(struct verify *v, int rc, const char *what) MUST_USE;

/** A name beside a file's: free() it. NULL: no memory. */
char *verify_path(const char *path, const char *tail) MUST_USE;

/** Opens a ledger to be read: with its log where one lies beside it, else without leaving anything
 * beside it. */
int verify_open(const char *path, struct db **ret) MUST_USE WORKER_FN;

/** The file's own structure and its schema against the replay's. */
int verify_shape(struct verify *v) MUST_USE WORKER_FN;
/** Every table that the fold makes, row by row in key order. */
int verify_tables(struct verify *v) MUST_USE WORKER_FN;
/** What must hold of the tables whatever the journal says. */
int verify_books(struct verify *v) MUST_USE WORKER_FN;

#endif
