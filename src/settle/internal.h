/* A run on its way: what the files of this folder share. Private to it. */
#ifndef SETTLE_INTERNAL_H
#define SETTLE_INTERNAL_H

#include "settle/folder.h"
#include "settle/tally.h"

/** A transaction that was open when the day closed: only what does not change when it ends. */
struct doubt {
    int64_t txn, created_ms;
    date_t business_date;
    fen_t amount;
    struct posting_at at;
    char card[POSTING_MASKED];
    char participant[LEDGER_ID];
};
struct doubts {
    struct doubt *v;
    unsigned n, cap;
};

/** A booking of this folder's own in the day (item.h): what the bank said of an item, and the item that
 * it opened. */
struct own_posting {
    int64_t txn, link;
    fen_t amount;
    char what[16];                     /* "paid", "returned", … */
    struct settle_item_id item, again; /* attempt 0: none */
};
struct own_postings {
    struct own_posting *v;
    unsigned n, cap;
};

#define RUN_MASKS 1024 /* a power of two */
struct mask {
    int64_t card;
    char text[POSTING_MASKED];
};

struct run {
    struct settle_env *env;
    struct settle_report *rep;
    enum folder_want want;
    struct day_row day;
    int64_t close_ms; /* of a preview: its beginning */
    struct folder *folder;
    struct tally tally;
    struct doubts doubts;
    struct own_postings own;
    bool pays; /* the day has a payments.csv: it is not one that an earlier program published */
    struct txn_row *rows; /* RUN_PAGE */
    struct card_row *card;
    struct mask masks[RUN_MASKS];
};
#define RUN_PAGE 64

/** A run, to be freed in any case; OC_ENOMEM. */
int run_new(struct settle_env *env, enum folder_want want, struct settle_report *rep,
            struct run **ret) MUST_USE;
/** Removes what was not published. NULL is fine. */
void run_co_free(struct run *r) CO_FN;
/** Notes why, for the report, and gives `rc` back. */
int run_wrong(struct run *r, int rc, const char *fmt, ...) PRINTF_FN(3, 4);
/** The masked number of the row's card; "" where it has none. */
int run_co_mask(struct run *r, const struct txn_row *t, char out[POSTING_MASKED]) MUST_USE CO_FN;

/* ---- run.c ---- */
/** Makes all files: written or compared, as the folder is; the report is filled in. */
int run_co_make(struct run *r) MUST_USE CO_FN;

/* ---- day.c ---- */
/** A file and a place in the sums for each participant. */
int day_co_participants(struct run *r) MUST_USE CO_FN;
/** Reads the day's postings: lines and sums. */
int day_co_postings(struct run *r) MUST_USE CO_FN;
/** Does what the ledger says of the day agree with the postings and with the day before? OC_EBOOKS.
 */
int day_co_books(struct run *r) MUST_USE CO_FN;
/** Are all purses together the ledger's float? OC_EBOOKS. */
int day_co_purses(struct run *r) MUST_USE CO_FN;

/* ---- open.c ---- */
/** Is it a booking of the settlement's own, which moves no position of the day? */
bool open_is_own(const struct txn_row *t);
/** Keeps one for payments.csv. OC_ENOMEM. */
int open_take(struct run *r, const struct txn_row *t) MUST_USE;
int open_co_sheet(struct run *r, struct buf *b) MUST_USE CO_FN;
/** Records what the day leaves to be paid; what stands already is left alone. */
int open_co_items(struct run *r) MUST_USE CO_FN;

/* ---- doubt.c ---- */
/** Finds what was open at the close, in the order of ids. */
int doubt_co_collect(struct run *r) MUST_USE CO_FN;
/** Was it open when the day closed? From facts that never change again once the day is closed. */
bool doubt_open_at(const struct txn_row *t, date_t date, int64_t close_ms);

/* ---- carry.c ---- */
/** The ids of a published doubts.csv, to be freed: the first column of every line but the first.
 * Nothing in the file is quoted over lines but texts of terminals, which stand in later columns: an
 * id that does not parse there makes the file useless (OC_ENOENT), and the history is read instead.
 * OC_ENOMEM. */
int carry_parse(struct buf *csv, int64_t **ret_ids, unsigned *ret_n) MUST_USE;
/** The doubts of the day before as its published folder has them, where the ledger vouches for
 * that: their ids, to be freed, and the time before which there are no others. OC_ENOENT: nothing
 * to go by. */
int carry_co_read(struct run *r, int64_t **ret_ids, unsigned *ret_n,
                  int64_t *ret_since_ms) MUST_USE CO_FN;

/* ---- sheet.c ---- */
void sheet_summary(struct buf *b, const struct tally *t);
void sheet_float(struct buf *b, const struct run *r);
void sheet_doubts(struct buf *b, const struct run *r);

/* ---- manifest.c ---- */
void manifest_text(struct buf *b, const struct run *r);
/** The lines of all files that were made so far, by name. */
void manifest_files(struct buf *b, const struct folder *f);
/** Adds manifest.json with that text and its signature, after every other file was sealed. */
int manifest_co_add(struct run *r, void (*text)(struct buf *b, const void *arg), const void *arg) MUST_USE CO_FN;
/** The line of one file in a manifest. */
void manifest_file(struct buf *b, const char *name, int64_t size, const uint8_t sha256[SHA256_LEN]);
/** The signature's line over a manifest's hash. OC_ECRYPTO. */
int manifest_sign(const struct settle_env *env, const uint8_t sha256[SHA256_LEN],
                  struct buf *ret) MUST_USE;

#endif
