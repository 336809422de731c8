/* Payments (R18): paid is what the bank says is paid. The public face, part of settle.h.
 *
 *    day published ──► OPEN ──paid──► PAID ──returned 退汇──► RETURNED ──► OPEN, attempt + 1
 *                        └──failed──► FAILED ──► OPEN, attempt + 1
 *
 * An item is what one account of one participant moved in one day: what the house owes it as a
 * merchant, or what it owes for cash taken; and what a fund accepted of a month's claim. Its id
 * says which: "2026-11-21/busco/m/1" is group, payee, account, attempt. A day is settled when none
 * of its items is open.
 *
 * Invariants (each has a test):
 *   1. An item's row and the posting that follows from it are one commit: who is paid is posted
 *      once, when the bank says so, against account reserve.
 *   2. PAID, RETURNED and FAILED never become OPEN again: what is to be paid anew is a new row.
 *   3. The same line twice changes nothing; one that contradicts what was said before is refused.
 */
#ifndef SETTLE_PAYMENT_H
#define SETTLE_PAYMENT_H

#include "base/base.h"
#include "flow/flow.h"
#include "ledger/ledger.h"

#define SETTLE_GROUP     12 /* "2026-11-21", "2026-11", with NUL */
#define SETTLE_ITEM      64 /* text of an item's id, with NUL */
#define SETTLE_REFERENCE 40
#define SETTLE_REASON    80
#define SETTLE_WHY       160
#define SETTLE_ATTEMPTS  99

struct settle_env;

enum settle_state { ITEM_OPEN = 1, ITEM_PAID = 2, ITEM_RETURNED = 3, ITEM_FAILED = 4 };
/** "open", "paid", …; NULL for a number not in the table. */
const char *settle_state_name(enum settle_state s);
/** ITEM_PAID, ITEM_RETURNED or ITEM_FAILED; 0: no such word. */
enum settle_state settle_result_parse(const char *word);

struct settle_item_id {
    char group[SETTLE_GROUP]; /* clearing date, or month of a claim */
    char payee[LEDGER_ID];
    uint8_t account;  /* ACCT_MERCHANT, ACCT_LOAD_RECEIVABLE, ACCT_FUND */
    unsigned attempt; /* 1 … SETTLE_ATTEMPTS */
};
/** "2026-11-21/busco/m/1" into out; returns out. */
const char *settle_item_text(const struct settle_item_id *id, char out[SETTLE_ITEM]);
/** OC_EINVAL. */
int settle_item_parse(const char *text, struct settle_item_id *ret) MUST_USE;

/** Is it a group's name: a date, or a month? */
bool settle_group_ok(const char *group);

/** What the bank said once of an item. */
struct settle_said {
    int64_t number; /* of the booking: request number of the posting, or of a failure's note, at no
                       terminal */
    date_t on;
    char reference[SETTLE_REFERENCE];
    char reason[SETTLE_REASON]; /* of a payment that came back or failed */
    char file[SETTLE_REFERENCE];
};
struct settle_item {
    struct settle_item_id id;
    fen_t amount; /* above 0: the bank pays it to the payee; below: it is collected */
    uint8_t state;
    struct settle_said paid, back; /* reference "": not said */
};

enum settle_outcome { LINE_DONE = 1, LINE_UNCHANGED = 2, LINE_REFUSED = 3 };
/** One line of a bank's result file, and what became of it. */
struct settle_line {
    char item[SETTLE_ITEM], payee[LEDGER_ID];
    fen_t amount;
    uint8_t result; /* enum settle_state, not ITEM_OPEN */
    date_t on;
    char reference[SETTLE_REFERENCE], reason[SETTLE_REASON];
    uint8_t outcome;      /* [out] enum settle_outcome */
    int64_t txn;          /* [out] of LINE_DONE */
    char why[SETTLE_WHY]; /* [out] of LINE_REFUSED, for people */
};
/** Applies the lines in their order, each a commit of its own; a refused one does not end the
 * others. `file`: its name, kept as evidence. 0: each line has its outcome. OC_EBUSY: a run goes
 * on; the ledger's errors: the lines so far stand, the same file again goes on. */
int settle_co_results(struct settle_env *env, const char *file, struct settle_line *lines,
                      unsigned n) MUST_USE CO_FN;

/** One line of a fund's answer to a claim, and what became of it. */
struct settle_cut {
    char txn[32];            /* the claim's line */
    fen_t claimed, deducted; /* 0: accepted whole */
    char reason[SETTLE_REASON];
    uint8_t outcome; /* [out] enum settle_outcome; LINE_UNCHANGED also where nothing is deducted */
    int64_t posted;  /* [out] of LINE_DONE */
    char why[SETTLE_WHY]; /* [out] of LINE_REFUSED */
};
/** A fund's answer, or a portion of it. */
struct settle_answer {
    char fund[LEDGER_ID], month[8];    /* "2026-11" */
    fen_t claimed, accepted, deducted; /* of the whole answer */
    char file[SETTLE_REFERENCE];
    struct settle_cut *lines;
    unsigned n;
    bool last;            /* no further portion comes */
    fen_t booked;         /* [out] deductions of that claim that stand now */
    bool answered;        /* [out] all of it is booked: what is accepted is an item of payment */
    char why[SETTLE_WHY]; /* [out] where the result is an error, or the last portion leaves
                             something open */
};
/** Books the deductions 扣减 of a recorded claim: fund and hospital each less, linked to the line's
 * transaction and bounded by it (R6), each once. The last portion, when every deduction stands,
 * opens the item in which the fund pays what it accepted. 0: each line has its outcome. OC_ENOENT:
 * no such claim; OC_ECONFLICT: the totals do not agree with the claim, or with one another: w->why;
 * OC_EBUSY: a run goes on; the ledger's errors: the lines so far stand. */
int settle_co_answer(struct settle_env *env, struct settle_answer *w) MUST_USE CO_FN;

/** Items by group, then payee. `state` 0: any; `group` "": any; `after`: the text of an item's id,
 * "": from the first. Fewer than `cap` rows: the last page. OC_EINVAL: no such `after`. */
struct settle_filter {
    uint8_t state;
    const char *group, *after;
};
int settle_co_items(struct settle_env *env, const struct settle_filter *f, struct settle_item *rows,
                    unsigned cap, unsigned *ret_n) MUST_USE CO_FN;

/** The booking behind what was said. OC_ENOENT. */
int settle_co_booking(struct settle_env *env, const struct settle_said *said,
                      int64_t *ret_txn) MUST_USE CO_FN;

/** Counts of a group's items; all zero: it never had any. */
struct settle_group {
    uint32_t items, open, returned, failed;
    uint32_t bookings; /* what the bank said of them, so often */
};
/** Of each of these days, in one look. */
int settle_co_days(struct settle_env *env, const struct day_row *days, unsigned n,
                   struct settle_group *ret) MUST_USE CO_FN;
/** "open", "closed", "published", "settled": a published day is settled when no item of it is open.
 */
const char *settle_day_state(const struct day_row *day, const struct settle_group *g);

#endif
