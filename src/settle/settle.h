/* Settlement: turns a closed clearing day's postings into signed files, once, and proves them
 * later.
 *
 *    <dir>/2026-11-21/<participant>.csv   one line a posting that moved something (R14)
 *                     summary.csv         each participant by service, and what it is owed
 *                     float.csv           the float rolls forward (R19)
 *                     payments.csv        what is to be paid and collected, and what the bank was heard of (R18)
 *                     doubts.csv          what was open when the day closed; no notes, of which nothing is money
 *                     manifest.json       counts, sums, size and SHA-256 of each file, the audit
 * chain's head manifest.sig        keyed signature of manifest.json
 *
 * Invariants (each has a test):
 *   1. The same closed day gives the same bytes, whenever it is run: files are made only from facts
 * that do not change after the close. A doubt that ends later belongs to a later day and changes
 * nothing here (R11).
 *   2. A folder appears whole or not at all, and is never written to again.
 *   3. The ledger records the hash of the manifest, so neither files nor signature can be replaced
 * together.
 *   4. Figures that do not add up are never published (OC_EBOOKS).
 *
 * Files: CSV as RFC 4180 (CRLF, UTF-8), amounts in yuan with two decimals. A participant's file is
 * named after its id; bytes other than letters, digits, '.', '_' and '-' are written %XX, and so is
 * the first letter of "summary", "float", "doubts" and "payments". A text that a spreadsheet would take for a
 * formula gets an apostrophe before it. */
#ifndef SETTLE_SETTLE_H
#define SETTLE_SETTLE_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "flow/flow.h"
#include "ledger/ledger.h"
#include "settle/payment.h"

#define SETTLE_PATH 512
#define SETTLE_TEXT 256

/** What a run needs; belongs to the caller, who zeroes it first and keeps it while runs go on. */
struct settle_env {
    struct ledger *ledger;
    struct pool *pool;         /* its threads write, read and sync the files */
    struct crypto *crypto;     /* of the loop's thread */
    const struct clock *clock; /* for the age of doubts in previews */
    const char *dir;           /* the settlement folder; made where missing */
    const char *who;           /* whom the ledger's row names (R20); NULL: "onecardd" */
    int city_offset_min;
    uint8_t key[32]; /* signs manifests */
    /** Called now and then while a day is read, on the loop; must not suspend. May be NULL. */
    void (*progress)(void *arg, date_t date, int64_t postings);
    void *progress_arg;
    /** Test hook, NULL otherwise: called when all files are synced and none is visible; non-zero
     * ends the run there with that error, as if the machine had stopped. */
    int (*before_publish)(void *arg);
    void *hook_arg;
    bool busy; /* settle's own: a run or verification goes on */
};

struct settle_report {
    date_t date;
    bool preview;
    bool already;  /* the same files were there: nothing was written */
    bool recorded; /* the ledger holds the manifest's hash */
    char path[SETTLE_PATH];
    uint32_t participants; /* listed, those without postings included */
    uint32_t files;        /* manifest and signature included */
    int64_t postings;
    fen_t gross, borne, net;
    uint32_t items; /* of payment that the day leaves */
    fen_t pay, collect; /* by the bank, in all */
    struct day_row day;  /* the ledger's figures, R19; of an open day as so far */
    fen_t from_postings; /* purse movement of all postings: loads - purchases */
    bool purses_checked; /* all purses together were the ledger's float now; false: too busy to
                            tell, or not asked */
    uint32_t doubts;     /* open at the close */
    fen_t doubts_amount;
    int64_t oldest_doubt_ms; /* age at the close; 0: none */
    uint8_t manifest_sha256[SHA256_LEN];
    uint32_t faults; /* verification, or a folder that is there already: what differs */
    char first_fault[SETTLE_TEXT]; /* also why a run ended with an error, for people */
};

/** Settles a closed day, or shows the open day (or a closed one) as a preview in "<date>.preview",
 * which is replaced each time and recorded nowhere. A day settled before is compared byte for byte:
 * equal is done (`already`). *ret is filled in as far as known in every case, `first_fault` says
 * why where the result is an error. OC_ESTATE: the day is open and this is no preview. OC_ENOENT:
 * never opened, or in the future. OC_EINVAL: no date. OC_EBOOKS: the figures do not add up.
 * OC_EEXIST: a different folder is there, or the ledger has recorded a different manifest; nothing
 * was touched. OC_EBUSY: another run or verification goes on. OC_ENOSPC, OC_EIO, OC_ECANCELED,
 *  OC_ECLOSED, OC_ENOMEM, OC_ECRYPTO, and the ledger's errors. After an error nothing new is
 * visible, but where the store failed after the folder was published: then the next run compares
 * and records it. */
int settle_co_run(struct settle_env *env, date_t date, bool preview,
                  struct settle_report *ret) MUST_USE CO_FN;

/** Makes a settled day's files again from the ledger and compares them with the published folder
 * byte for byte: each file whole, none missing, none more, hashes and signature, and the hash that
 * the ledger recorded. 0 even where something differs (ret->faults, ret->first_fault); an error
 * where it could not look: OC_ENOENT: no such day or nothing published, OC_ESTATE: the day is open,
 * and as settle_co_run. */
int settle_co_verify(struct settle_env *env, date_t date, struct settle_report *ret) MUST_USE CO_FN;

/** What is claimed of a fund for a month (R18): every posting of its closed days that moved the fund's
 * account (but for deductions and what the fund paid), whom it went to, and the sum, which is what the account moved. In "claim-<fund>-<YYYY-MM>"
 * of the settlement folder:
 *    claim.csv      one line a posting, by day; what was given back is negative
 *    summary.csv    each payee's count and sum, and the total
 *    manifest.json, manifest.sig   as of a day */
struct settle_claim {
    char fund[LEDGER_ID];
    date_t first, last; /* of the month, or of the site's beginning */
    int64_t lines;
    fen_t amount;       /* the fund owes */
    bool already;       /* the same files were there: nothing was written */
    bool recorded;      /* the ledger holds the manifest's hash */
    bool answered;      /* the fund's answer is booked */
    fen_t deducted;     /* of it so far */
    uint32_t payees, files;
    char path[SETTLE_PATH];
    uint8_t manifest_sha256[SHA256_LEN];
    uint32_t faults; /* verification, or a folder that is there already: what differs */
    char first_fault[SETTLE_TEXT];
};
/** Makes the claim of the month of `month` (any day of it), or, with `verify`, compares what was
 * published byte for byte; the same month gives the same bytes for ever, for its days are closed. *ret
 * is filled in as far as known. OC_ESTATE: a day of the month is open, or lies ahead. OC_ENOENT: no day
 * of it was a clearing day; verify: nothing published. OC_EINVAL: no date, no fund. OC_EEXIST: another
 * claim of that month is there. OC_EBOOKS: a posting's legs do not sum to zero. Else as
 * settle_co_run; verify gives 0 even where something differs (ret->faults). */
int settle_co_claim(struct settle_env *env, const char *fund, date_t month, bool verify,
                    struct settle_claim *ret) MUST_USE CO_FN;

/** The closed days that are not settled yet, oldest first, at most `cap`. */
int settle_co_due(struct settle_env *env, date_t *ret_dates, unsigned cap,
                  unsigned *ret_n) MUST_USE CO_FN;

#endif
