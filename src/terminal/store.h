/* What must survive: requests before they are sent, and what became of them. One SQLite file in the
 * state folder, one thread that writes it; every write is durable before its function returns.
 *
 * Invariants: a number is used once, for one content, and is higher than every number before; a row
 * goes from OPEN to DONE or DOUBT, from DOUBT to DONE, and nowhere else. */
#ifndef TERMINAL_STORE_H
#define TERMINAL_STORE_H

#include "flow/flow.h"

#define STORE_SERVICE 64
#define STORE_REF     128
#define STORE_PERSON  32
#define STORE_TXN     24
#define STORE_TOTALS  64

enum store_state {
    STORE_OPEN = 0, /* no answer yet: ask again with the same frame */
    STORE_DONE = 1,
    STORE_DOUBT = 2 /* answered: in doubt. The card settles it */
};
struct store_row {
    uint64_t number;
    enum store_state state;
    bool gate;
    unsigned reader;
    uint64_t arrival;
    int64_t created_ms, ended_ms;
    int64_t amount_fen; /* asked for */
    char service[STORE_SERVICE], ref[STORE_REF], person[STORE_PERSON];
    const uint8_t *frame; /* the request as it is sent */
    size_t frame_len;
    const char *result; /* JSON, NULL: none */
};
/** What an answer says, as far as rows are searched and summed by it. */
struct store_result {
    uint64_t number;
    enum store_state state;
    bool posted;
    int64_t paid_fen, ended_ms;
    char service[STORE_SERVICE], txn[STORE_TXN];
};
struct store_total {
    char service[STORE_SERVICE];
    unsigned count;
    int64_t amount_fen;
};
struct store_shift {
    char person[STORE_PERSON]; /* "": nobody signed on */
    uint64_t first;
    int64_t since_ms;
    int32_t business_date;
};
struct store_start { /* what store_open() found */
    uint64_t last_number;
    uint64_t run; /* times the store was opened, this time included */
    struct store_shift shift;
};

struct store;
/** Opens or makes the file, counts this run, gives every open and doubtful row and the newest
 * `recent` others, oldest first, to fn (texts and bytes are valid inside only). Errors of db.h,
 * OC_EBUSY: another process. Blocks. */
int store_open(const char *path, unsigned recent, int (*fn)(void *arg, const struct store_row *row),
               void *arg, struct store_start *ret_start, struct store **ret) MUST_USE WORKER_FN;
/** Finishes what was handed over. Blocks. NULL inside is fine. */
void store_close(struct store **s) WORKER_FN;

/** The row is durable when this returns 0. OC_EEXIST: the number, or the ref, is there already.
 * OC_EBUSY, OC_ECANCELED: perhaps durable later. Errors of db.h. */
int store_co_add(struct store *s, const struct store_row *row) CO_FN MUST_USE;
/** Hands the answer over and does not wait: where it is lost the request is asked again, and has
 * the same answer. Thread of the loop. */
void store_result(struct store *s, const struct store_result *r, const char *json, size_t len);
/** Makes what was handed over before durable: for tests and the end. */
int store_co_flush(struct store *s) CO_FN MUST_USE;
/** A row by number, or by ref where number is 0; its bytes lie in the flow's arena. OC_ENOENT. */
int store_co_get(struct store *s, uint64_t number, const char *ref,
                 struct store_row *ret) CO_FN MUST_USE;
/** Sums of posted requests first … last by service. OC_ELIMIT: more services than STORE_TOTALS. */
int store_co_totals(struct store *s, uint64_t first, uint64_t last, struct store_total *ret,
                    unsigned *ret_n, unsigned *ret_doubts) CO_FN MUST_USE;
int store_co_shift(struct store *s, const struct store_shift *shift) CO_FN MUST_USE;
/** Forgets answered requests beyond the newest `keep`, a bounded number at a time. */
int store_co_prune(struct store *s, unsigned keep) CO_FN MUST_USE;

#endif
