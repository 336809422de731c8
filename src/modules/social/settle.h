/* Inside a settlement: what one decision on a bill gathers, from the bill's text to the legs. It
 * lives on the heap because a flow's stack has no room for two hundred lines. */
#ifndef SOCIAL_SETTLE_H
#define SOCIAL_SETTLE_H

#include "social.h"

#define BILL_ID 64

/** A record that is read, changed and written once. */
struct stored {
    uint32_t version;
    struct onecard_doc *doc; /* NULL: there is none */
};
struct admission {
    char name[BILL_ID]; /* the hospital's; "": the bill belongs to none */
    char key[SOCIAL_KEY];
    struct stored stored;
    struct split_admission is;
    int64_t bills; /* settlements of it that stand */
};
struct leg {
    enum onecard_account account;
    char owner[SOCIAL_ID];
    fen_t fen; /* what it pays; negative: what it gets back */
};
struct settlement {
    const struct onecard_request *req;
    struct onecard_plan *plan;
    const struct social *s;
    char citizen[SOCIAL_ID], owner[SOCIAL_OWNER]; /* of the citizen's records */
    char hospital[SOCIAL_ID], sid[SOCIAL_KEY];
    bool use_personal, use_family, show_only;

    /* the bill */
    const char *bill_text;
    char bill_id[BILL_ID];
    int32_t date, year;
    struct split_bill bill;
    struct split_line lines[SPLIT_LINES_MAX];

    /* what holds for it */
    struct insured who;
    const struct social_rules *rules; /* NULL: not insured */
    struct split_used used;           /* of the year, before */
    char year_key[SOCIAL_KEY];
    struct stored year_record;
    struct admission admission;
    struct payer payers[2 * SPLIT_FAMILY_MAX]; /* who may pay, then who gets back */
    fen_t counts[2 * SPLIT_FAMILY_MAX];        /* against their limits */
    unsigned payer_count;

    /* what comes of it */
    struct split_result result;
    fen_t fund[FUND_PAID];
    fen_t fund_fen, personal_fen, family_fen, cash_fen, total_fen;
    struct onecard_doc *answer; /* upstream: what the bureau says */

    /* a settlement that is taken back with it */
    struct stored old;
    char old_sid[SOCIAL_KEY];

    struct leg legs[2 * SOCIAL_LEGS];
    size_t leg_count;
};

/* bill.c */
/** The bill's text to lines, id, date, level. 0 or the refusal. */
int bill_read(struct settlement *t);

/* year.c */
/** Makes the key of a year's record. */
void year_key(struct settlement *t, int32_t year);
int year_co_read(struct settlement *t);
int admission_co_read(struct settlement *t, const char *name);
/** Takes off what `delta` and the admission's part had used; both records must have been read. */
void year_restore(struct settlement *t, const struct onecard_doc *old);
/** Adds what the result used, and writes both records with the plan. */
void year_write(struct settlement *t);
void used_doc(const struct onecard_request *req, struct onecard_doc *to,
              const struct split_used *u);
void used_get(const struct onecard_request *req, const struct onecard_doc *d, struct split_used *u);

/* legs.c */
/** One more payer; amounts of the same account and owner are added up. */
void leg_add(struct settlement *t, enum onecard_account account, const char *owner, fen_t fen);
/** Legs of everybody who pays in the result; how many they are. */
size_t legs_of_result(struct settlement *t);
/** The legs that an earlier settlement's record keeps, turned round. */
void legs_of_old(struct settlement *t, const struct onecard_doc *old);
/** Writes what does not sum to nothing into the plan; *ret_sum is what all of them pay. */
int legs_plan(struct settlement *t, fen_t *ret_sum);

/* accounts.c */
/** What personal accounts can pay, those of relatives where they may. Suspends. */
int accounts_co_read(struct settlement *t);
/** Gives back to them what an earlier settlement took. Suspends. */
int accounts_co_restore(struct settlement *t, const struct onecard_doc *old);
/** Counts against relatives' limits with the plan. */
void accounts_count(struct settlement *t);

/* asked.c: the bureau decides */
/** Asks the bureau to pre-settle and takes its answer as the result. 0 or the refusal. Suspends. */
int asked_co_presettle(struct settlement *t);
/** The hold that makes it so when the transaction is posted. */
void asked_hold(struct settlement *t);
void asked_cancel(struct settlement *t, const struct social_rules *rules,
                  const struct onecard_doc *old);

/* answer.c */
void answer_settlement(struct settlement *t, fen_t credit);
void answer_old(struct settlement *t, const struct onecard_doc *old, struct onecard_doc *to);
/** The settlement's own record, and its line in the day's list. */
void settlement_write(struct settlement *t);
void old_write(struct settlement *t, const char *state);

#endif
