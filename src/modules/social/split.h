/* What a bill costs whom: the built-in bureau's arithmetic (R13) as a pure function of the rules,
 * the insured person, what the year has used already and the bill. It knows no host, no clock and
 * no file, so that every rule can be checked by hand and by ten thousand random bills.
 *
 * Invariants, whatever the rules say: of each line and of the whole
 *     over_limit + own_first + excluded + in_scope                    = amount
 *     deductible + fund                                              <= in_scope
 *     fund + serious + civil + assistance                            <= in_scope
 *     fund + serious + civil + assistance + personal + family + cash  = amount
 * and no part is negative. Nobody's ceiling is ever crossed.
 *
 * Rounding. The price limit and what is paid first are rounded half up to the fen on each line,
 * because the percentage is the line's own. Everything after that is computed once on the bill's
 * sum (half up; serious illness down, on the year's sum) and then given to the lines by their
 * weight, by the largest remainder, the earlier line first where remainders are equal. So a bill
 * that is written in more lines costs the same. */
#ifndef SOCIAL_SPLIT_H
#define SOCIAL_SPLIT_H

#include <onecard/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPLIT_LINES_MAX  200
#define SPLIT_RATIOS_MAX 64
#define SPLIT_TIERS_MAX  8
#define SPLIT_AIDS_MAX   8
#define SPLIT_AGAIN_MAX  4
#define SPLIT_FAMILY_MAX 4
#define SPLIT_LEVELS     3
#define SPLIT_WHOLE      10000 /* 100 % in hundredths of a percent */
#define SPLIT_ANY        (-1)

enum split_kind {
    SPLIT_OUTPATIENT,
    SPLIT_INPATIENT,
    SPLIT_CHRONIC,
    SPLIT_KINDS
}; /* 门诊 住院 门诊慢特病 */
enum split_status { SPLIT_WORKING, SPLIT_RETIRED, SPLIT_STATUSES }; /* 在职 退休 */
enum split_referral {
    SPLIT_LOCAL,      /* 本地就医: nobody had to refer */
    SPLIT_REFERRED,   /* 已转诊 */
    SPLIT_UNREFERRED, /* 未经转诊 */
    SPLIT_EMERGENCY,  /* 急诊 */
    SPLIT_REFERRALS
};
enum split_class { SPLIT_CLASS_A, SPLIT_CLASS_B, SPLIT_CLASS_C }; /* 甲 乙 丙 */

/** A share of the fund. Members that are SPLIT_ANY fit all; the first row that fits holds. */
struct split_ratio {
    int kind, level, status, referral; /* level 1 … SPLIT_LEVELS */
    int32_t share;                     /* hundredths of a percent */
};
/** From this much of a year's own in-scope expense on, this share is paid; up to the next tier. */
struct split_tier {
    fen_t over;
    int32_t share;
};
struct split_aid { /* 医疗救助: for whom, how much of the rest, how much in a year */
    char category[16];
    int32_t share;
    fen_t ceiling; /* 0: none */
};
struct split_deductible { /* 起付线 */
    bool by_admission;    /* else once a year */
    fen_t level[SPLIT_STATUSES][SPLIT_LEVELS];
    int32_t again[SPLIT_AGAIN_MAX]; /* of the n-th admission of a year; the last holds for all
                                       further ones */
    unsigned again_count;           /* 0: always whole */
};

/** The rules of one insurance, as they stand in its file. */
struct split_rules {
    struct split_deductible deductible[SPLIT_KINDS];
    struct split_ratio ratios[SPLIT_RATIOS_MAX];
    unsigned ratio_count;
    fen_t ceiling[SPLIT_KINDS];                 /* of the fund, a year; 0: only the common one */
    fen_t ceiling_all;                          /* 封顶线 of all kinds together; 0: none */
    struct split_tier serious[SPLIT_TIERS_MAX]; /* 大病保险, ascending */
    unsigned serious_count;
    fen_t serious_ceiling; /* 0: none */
    int32_t civil_share;   /* 公务员补助: of what is left in scope; 0: none */
    fen_t civil_ceiling;
    struct split_aid aids[SPLIT_AIDS_MAX];
    unsigned aid_count;
    bool personal_all; /* the personal account may pay what is out of scope, too */
};
struct split_insured {
    enum split_status status;
    bool civil;
    char aid[16]; /* assistance category; "": none */
};
/** What a year has used: adding a bill's `used` to it is what a settlement does, taking it off
 * again what a cancellation does. */
struct split_used {
    fen_t deductible[SPLIT_KINDS]; /* of deductibles by year */
    fen_t fund[SPLIT_KINDS];
    fen_t serious_base, serious, civil, assistance;
    int64_t admissions;
};
/** What this admission has used: all zero in a first bill of it. */
struct split_admission {
    int64_t ordinal; /* which admission of the year; 0: not counted yet */
    fen_t deductible;
};
struct split_line {
    enum split_class cls;
    int32_t own_first; /* 先行自付 share of class B */
    fen_t amount;      /* > 0 */
    fen_t limit;       /* 限价 of the whole line; < 0: none */
};
struct split_payer {
    fen_t can; /* what the account holds and the limit allows */
};
struct split_bill {
    enum split_kind kind;
    int level;
    enum split_referral referral;
    const struct split_line *lines;
    size_t line_count;
    fen_t personal;                              /* in the personal account; 0: not to be used */
    struct split_payer family[SPLIT_FAMILY_MAX]; /* asked in this order after it */
    unsigned family_count;
};
/** Scratch of split_bill(): too large for a flow's stack. */
struct split_deal {
    fen_t weight[SPLIT_LINES_MAX], share[SPLIT_LINES_MAX], remainder[SPLIT_LINES_MAX];
};
/** The parts of a line, or of the whole bill. */
struct split_part {
    fen_t amount, over_limit, own_first, excluded, in_scope;
    fen_t deductible, fund, serious, civil, assistance;
    fen_t personal, family, cash;
};
struct split_result {
    struct split_part total;
    fen_t family[SPLIT_FAMILY_MAX];
    fen_t over_ceiling;               /* what the fund would have paid without its ceiling */
    int32_t share;                    /* of the fund, as it was applied */
    struct split_used used;           /* to be added to the year's */
    struct split_admission admission; /* as it stands after the bill */
    struct split_part lines[SPLIT_LINES_MAX];
    struct split_deal deal;
};

/** Splits. OC_EINVAL: a line's amount is not above zero, or a level, kind or count is out of range;
 * OC_ELIMIT: the sum is over ONECARD_AMOUNT_MAX; OC_ENOENT: no ratio fits. `year`: what the year
 * has used before; `admission`: NULL for a bill that belongs to none. */
int split_bill(const struct split_rules *rules, const struct split_insured *who,
               const struct split_used *year, const struct split_admission *admission,
               const struct split_bill *bill, struct split_result *ret);
/** The share of the fund in hundredths of a percent; -1: no row fits. *ret_row (may be NULL):
 * which. */
int32_t split_share(const struct split_rules *rules, const struct split_bill *bill,
                    enum split_status status, unsigned *ret_row);
/** year + sign × delta; never below zero. */
void split_used_add(struct split_used *year, const struct split_used *delta, int sign);
/** Which year a day belongs to, where years begin on `starts` (MMDD). */
int32_t split_year(int32_t date, int32_t starts);
/** share of amount, half up. */
fen_t split_part_of(fen_t amount, int32_t share);

#endif
