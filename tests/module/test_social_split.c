/* The bureau's arithmetic: cases computed by hand (the computation stands beside them) and laws
 * that ten thousand random bills must obey. */
#include "modules/social/split.h"

#include <onecard/err.h>
#include <onecard/module.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define YUAN 100

/* Employees' insurance of a made-up city: outpatient once a year 200 yuan, 60 % at all; inpatient
 * 800 an admission at level 3 (the second half, further none), 85 % working, 90 % retired, 75 %
 * unreferred; ceiling 100,000; serious illness from 10,000 own on 60 %, from 30,000 on 70 %. */
static struct split_rules rules;
static struct split_insured who;
static struct split_used year;
static struct split_line lines[SPLIT_LINES_MAX];
static struct split_bill bill;
static struct split_result r;

static int setup(void **state)
{
    (void)state;
    memset(&rules, 0, sizeof(rules));
    memset(&who, 0, sizeof(who));
    memset(&year, 0, sizeof(year));
    memset(&bill, 0, sizeof(bill));
    for (int s = 0; s < SPLIT_STATUSES; s++) {
        for (int l = 0; l < SPLIT_LEVELS; l++) {
            rules.deductible[SPLIT_OUTPATIENT].level[s][l] = 200 * YUAN;
            rules.deductible[SPLIT_INPATIENT].level[s][l] = (l == 2 ? 800 : 400) * YUAN;
        }
    }
    rules.deductible[SPLIT_INPATIENT].by_admission = true;
    rules.deductible[SPLIT_INPATIENT].again_count = 3;
    memcpy(rules.deductible[SPLIT_INPATIENT].again, (int32_t[]){10000, 5000, 0}, 12);
    static const struct split_ratio ratios[] = {
        {SPLIT_INPATIENT, SPLIT_ANY, SPLIT_ANY, SPLIT_UNREFERRED, 7500},
        {SPLIT_INPATIENT, SPLIT_ANY, SPLIT_RETIRED, SPLIT_ANY, 9000},
        {SPLIT_INPATIENT, SPLIT_ANY, SPLIT_WORKING, SPLIT_ANY, 8500},
        {SPLIT_ANY, SPLIT_ANY, SPLIT_ANY, SPLIT_ANY, 6000},
    };
    memcpy(rules.ratios, ratios, sizeof(ratios));
    rules.ratio_count = 4;
    rules.ceiling_all = 100000 * YUAN;
    rules.serious[0] = (struct split_tier){10000 * YUAN, 6000};
    rules.serious[1] = (struct split_tier){30000 * YUAN, 7000};
    rules.serious_count = 2;
    rules.civil_share = 5000;
    rules.aids[0] = (struct split_aid){"low_income", 7000, 0};
    rules.aid_count = 1;
    bill.level = 3;
    bill.lines = lines;
    return 0;
}

static void line(enum split_class cls, fen_t amount, int32_t own_first, fen_t limit)
{
    lines[bill.line_count++] = (struct split_line){cls, own_first, amount, limit};
}

static int split(void)
{
    return split_bill(&rules, &who, &year, NULL, &bill, &r);
}

static fen_t funds(const struct split_part *p)
{
    return p->fund + p->serious + p->civil + p->assistance;
}

static const char *unsound_part(const struct split_part *p)
{
    const fen_t *member = &p->amount;
    for (size_t i = 0; i < sizeof(*p) / sizeof(*member); i++) {
        if (member[i] < 0) {
            return "a part is negative";
        }
    }
    if (p->over_limit + p->own_first + p->excluded + p->in_scope != p->amount) {
        return "scopes do not sum to the amount";
    }
    if (p->deductible + p->fund > p->in_scope || funds(p) > p->in_scope) {
        return "more than the in-scope expense was paid";
    }
    if (funds(p) + p->personal + p->family + p->cash != p->amount) {
        return "the parts do not sum to the amount";
    }
    return NULL;
}

static const char *unsound(void)
{
    struct split_part sum = {0};
    fen_t *to = &sum.amount;
    for (size_t i = 0; i < bill.line_count; i++) {
        const char *why = unsound_part(&r.lines[i]);
        const fen_t *from = &r.lines[i].amount;
        if (why) {
            return why;
        }
        for (size_t m = 0; m < sizeof(sum) / sizeof(*to); m++) {
            to[m] += from[m];
        }
    }
    if (memcmp(&sum, &r.total, sizeof(sum)) != 0) {
        return "the lines do not sum to the whole";
    }
    return unsound_part(&r.total);
}

/* 甲 100.00: all in scope. 乙 200.00 with 10 % first: 20.00 own, 180.00 in scope. 丙 50.00: none.
 * In scope 280.00, deductible 200.00 (100.00 of line 1, 100.00 of line 2), base 80.00,
 * fund 60 % = 48.00, all of it on line 2. Own: 350.00 - 48.00 = 302.00. */
static void R13_three_classes_pay_what_the_table_says(void **state)
{
    (void)state;
    line(SPLIT_CLASS_A, 10000, 0, -1);
    line(SPLIT_CLASS_B, 20000, 1000, -1);
    line(SPLIT_CLASS_C, 5000, 0, -1);
    assert_int_equal(split(), 0);
    assert_null(unsound());
    assert_int_equal(r.total.in_scope, 28000);
    assert_int_equal(r.total.own_first, 2000);
    assert_int_equal(r.total.excluded, 5000);
    assert_int_equal(r.total.deductible, 20000);
    assert_int_equal(r.lines[0].deductible, 10000);
    assert_int_equal(r.lines[1].fund, 4800);
    assert_int_equal(r.lines[2].fund, 0);
    assert_int_equal(r.total.cash, 30200);
    assert_int_equal(r.used.deductible[SPLIT_OUTPATIENT], 20000);
}

/* 45.00 where 30.00 is the limit: 15.00 own; 乙 10 % of 30.00 = 3.00 first; 27.00 in scope. */
static void R13_above_the_price_limit_is_the_patients(void **state)
{
    (void)state;
    year.deductible[SPLIT_OUTPATIENT] = 20000;
    line(SPLIT_CLASS_B, 4500, 1000, 3000);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.over_limit, 1500);
    assert_int_equal(r.total.own_first, 300);
    assert_int_equal(r.total.fund, 1620); /* 60 % of 27.00 */
    assert_int_equal(r.total.cash, 2880);
    assert_null(unsound());
}

/* 150.00 of 200.00 used at level 3: 50.00 left. */
static void deductible_of_the_year_is_borne_once(void **state)
{
    (void)state;
    year.deductible[SPLIT_OUTPATIENT] = 15000;
    line(SPLIT_CLASS_A, 10000, 0, -1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.deductible, 5000);
    assert_int_equal(r.total.fund, 3000);
    year.deductible[SPLIT_OUTPATIENT] = 30000;
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.deductible, 0);
}

/* Admissions 1, 2, 3 bear 800, 400, 0 yuan; a second bill of the first bears nothing again. */
static void deductible_of_an_admission_falls_with_each_further_one(void **state)
{
    (void)state;
    static const fen_t expected[] = {80000, 40000, 0, 0};
    bill.kind = SPLIT_INPATIENT;
    line(SPLIT_CLASS_A, 1000000, 0, -1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(split(), 0);
        assert_int_equal(r.total.deductible, expected[i]);
        assert_int_equal(r.admission.ordinal, i + 1);
        split_used_add(&year, &r.used, 1);
    }
    assert_int_equal(year.admissions, 4);
    struct split_admission first = {1, 80000};
    assert_int_equal(split_bill(&rules, &who, &year, &first, &bill, &r), 0);
    assert_int_equal(r.total.deductible, 0);
    assert_int_equal(r.used.admissions, 0);
}

/* 10,800.00 at level 3: base 10,000.00; working 8,500.00, retired 9,000.00, unreferred 7,500.00. */
static void R13_ratio_by_status_and_referral_first_row_holds(void **state)
{
    (void)state;
    bill.kind = SPLIT_INPATIENT;
    line(SPLIT_CLASS_A, 1080000, 0, -1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 850000);
    who.status = SPLIT_RETIRED;
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 900000);
    bill.referral = SPLIT_UNREFERRED;
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 750000);
}

/* The fund has paid 95,000 of 100,000 this year. Bill 20,800.00, base 20,000.00, 85 % = 17,000.00,
 * room 5,000.00; over the ceiling 12,000.00. Own in scope 800 + 15,000 = 15,800.00; with nothing
 * before, serious illness pays 60 % of 5,800.00 = 3,480.00. Cash 20,800 - 5,000 - 3,480 =
 * 12,320.00. */
static void R13_ceiling_crossed_within_one_bill_pays_up_to_it_and_the_rest_goes_on(void **state)
{
    (void)state;
    bill.kind = SPLIT_INPATIENT;
    year.fund[SPLIT_INPATIENT] = 9000000;
    year.fund[SPLIT_OUTPATIENT] = 500000;
    line(SPLIT_CLASS_A, 1080000, 0, -1);
    line(SPLIT_CLASS_A, 1000000, 0, -1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 500000);
    assert_int_equal(r.over_ceiling, 1200000);
    assert_int_equal(r.total.serious, 348000);
    assert_int_equal(r.total.cash, 1232000);
    assert_null(unsound());
    split_used_add(&year, &r.used, 1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 0);
}

/* Own in scope 25,000 before; this bill adds 10,000: 5,000 × 60 % + 5,000 × 70 % = 6,500.00. */
static void serious_illness_goes_by_the_years_sum_over_its_tiers(void **state)
{
    (void)state;
    year.serious_base = 2500000;
    year.deductible[SPLIT_OUTPATIENT] = 20000;
    rules.ceiling[SPLIT_OUTPATIENT] = 1; /* one fen: the fund pays as good as nothing */
    year.fund[SPLIT_OUTPATIENT] = 1;
    line(SPLIT_CLASS_A, 1000000, 0, -1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 0);
    assert_int_equal(r.total.serious, 650000);
    rules.serious_ceiling = 700000;
    year.serious = 600000;
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.serious, 100000);
}

/* Base 100.00, fund 60.00, rest 40.00; civil servants 50 % = 20.00, then 70 % of 20.00 = 14.00;
 * 6.00 left, of which the account holds 2.50, the family 3.00: cash 0.50. */
static void supplement_assistance_accounts_and_cash_follow_in_that_order(void **state)
{
    (void)state;
    who.civil = true;
    strcpy(who.aid, "low_income");
    year.deductible[SPLIT_OUTPATIENT] = 20000;
    bill.personal = 250;
    bill.family[0].can = 300;
    bill.family[1].can = 0;
    bill.family_count = 2;
    line(SPLIT_CLASS_A, 10000, 0, -1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.civil, 2000);
    assert_int_equal(r.total.assistance, 1400);
    assert_int_equal(r.total.personal, 250);
    assert_int_equal(r.family[0], 300);
    assert_int_equal(r.total.cash, 50);
    assert_null(unsound());
}

/* 丙 10.00 alone: the account pays it only where the rules let it. */
static void personal_account_pays_out_of_scope_only_by_rule(void **state)
{
    (void)state;
    bill.personal = 5000;
    line(SPLIT_CLASS_C, 1000, 0, -1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.cash, 1000);
    rules.personal_all = true;
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.personal, 1000);
}

/* Three lines of 0.33, base 0.99, 60 % = 0.594 → 0.59: 0.198 each, so 19 + 19 + 19 and the two odd
 * fen to the first two lines. One line of 0.99 costs the same. */
static void rounding_gives_the_odd_fen_to_the_first_lines(void **state)
{
    (void)state;
    year.deductible[SPLIT_OUTPATIENT] = 20000;
    for (int i = 0; i < 3; i++) {
        line(SPLIT_CLASS_A, 33, 0, -1);
    }
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 59);
    assert_int_equal(r.lines[0].fund, 20);
    assert_int_equal(r.lines[1].fund, 20);
    assert_int_equal(r.lines[2].fund, 19);
    bill.line_count = 0;
    line(SPLIT_CLASS_A, 99, 0, -1);
    assert_int_equal(split(), 0);
    assert_int_equal(r.total.fund, 59);
}

static void bad_bills_are_errors(void **state)
{
    (void)state;
    assert_int_equal(split(), OC_EINVAL); /* no line */
    line(SPLIT_CLASS_A, 0, 0, -1);
    assert_int_equal(split(), OC_EINVAL);
    lines[0].amount = -1;
    assert_int_equal(split(), OC_EINVAL);
    lines[0].amount = ONECARD_AMOUNT_MAX;
    assert_int_equal(split(), 0);
    line(SPLIT_CLASS_A, 1, 0, -1);
    assert_int_equal(split(), OC_ELIMIT);
    bill.line_count = 1;
    bill.level = 4;
    assert_int_equal(split(), OC_EINVAL);
    bill.level = 1;
    rules.ratio_count = 3; /* no row for outpatients */
    assert_int_equal(split(), OC_ENOENT);
}

static void years_begin_on_the_day_that_the_rules_say(void **state)
{
    (void)state;
    assert_int_equal(split_year(20261231, 101), 2026);
    assert_int_equal(split_year(20270101, 101), 2027);
    assert_int_equal(split_year(20260831, 901), 2025);
    assert_int_equal(split_year(20260901, 901), 2026);
}

/* ---- laws ---------------------------------------------------------------------------------------
 */

static uint64_t seed = 20261122;

static fen_t rnd(fen_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (fen_t)((seed >> 33) % (uint64_t)below);
}

static fen_t money(void)
{
    static const fen_t below[] = {10, 1000, 100000, 5000000};
    return rnd(below[rnd(4)]);
}

static void random_rules(void)
{
    setup(NULL);
    for (int k = 0; k < SPLIT_KINDS; k++) {
        struct split_deductible *d = &rules.deductible[k];
        d->by_admission = rnd(2) == 0;
        d->again_count = (unsigned)rnd(SPLIT_AGAIN_MAX + 1);
        for (int i = 0; i < SPLIT_AGAIN_MAX; i++) {
            d->again[i] = (int32_t)rnd(SPLIT_WHOLE + 1);
        }
        for (int i = 0; i < SPLIT_STATUSES * SPLIT_LEVELS; i++) {
            d->level[i / SPLIT_LEVELS][i % SPLIT_LEVELS] = money();
        }
        rules.ceiling[k] = rnd(3) ? money() : 0;
    }
    rules.ratio_count = 1 + (unsigned)rnd(4);
    for (unsigned i = 0; i < rules.ratio_count; i++) {
        rules.ratios[i].share = (int32_t)rnd(SPLIT_WHOLE + 1);
    }
    rules.ratios[rules.ratio_count - 1] = (struct split_ratio){
        SPLIT_ANY, SPLIT_ANY, SPLIT_ANY, SPLIT_ANY, (int32_t)rnd(SPLIT_WHOLE + 1)};
    rules.ceiling_all = rnd(4) ? money() * 10 : 0;
    rules.serious[0] = (struct split_tier){money(), (int32_t)rnd(SPLIT_WHOLE + 1)};
    rules.serious[1] =
        (struct split_tier){rules.serious[0].over + 1 + money(), (int32_t)rnd(SPLIT_WHOLE + 1)};
    rules.serious_count = (unsigned)rnd(3);
    rules.serious_ceiling = rnd(2) ? money() : 0;
    rules.civil_share = (int32_t)rnd(SPLIT_WHOLE + 1);
    rules.civil_ceiling = rnd(2) ? money() : 0;
    rules.aids[0].share = (int32_t)rnd(SPLIT_WHOLE + 1);
    rules.aids[0].ceiling = rnd(2) ? money() : 0;
    rules.personal_all = rnd(2) == 0;
}

static void random_bill(void)
{
    who = (struct split_insured){(enum split_status)rnd(SPLIT_STATUSES), rnd(2) == 0, ""};
    if (rnd(2)) {
        strcpy(who.aid, "low_income");
    }
    for (int k = 0; k < SPLIT_KINDS; k++) {
        year.deductible[k] = money();
        year.fund[k] = money();
    }
    year.serious_base = money() * 2;
    year.serious = money();
    year.admissions = rnd(5);
    bill.kind = (enum split_kind)rnd(SPLIT_KINDS);
    bill.level = 1 + (int)rnd(SPLIT_LEVELS);
    bill.referral = (enum split_referral)rnd(SPLIT_REFERRALS);
    bill.personal = rnd(2) ? money() : 0;
    bill.family_count = (unsigned)rnd(SPLIT_FAMILY_MAX + 1);
    for (unsigned i = 0; i < bill.family_count; i++) {
        bill.family[i].can = money();
    }
    for (fen_t n = 1 + rnd(12); n > 0; n--) {
        line((enum split_class)rnd(3), 1 + money(), (int32_t)rnd(SPLIT_WHOLE + 1),
             rnd(2) ? money() : -1);
    }
}

static const char *over_a_ceiling(void)
{
    fen_t before = year.fund[0] + year.fund[1] + year.fund[2];
    fen_t own = rules.ceiling[bill.kind];
    if (own && r.total.fund && year.fund[bill.kind] + r.total.fund > own) {
        return "the kind's ceiling is crossed";
    }
    if (rules.ceiling_all && r.total.fund && before + r.total.fund > rules.ceiling_all) {
        return "the common ceiling is crossed";
    }
    if (rules.serious_ceiling && r.total.serious &&
        year.serious + r.total.serious > rules.serious_ceiling) {
        return "the ceiling of serious illness is crossed";
    }
    return NULL;
}

static const char *not_monotone(void)
{
    fen_t fund = r.total.fund, own = r.total.amount - funds(&r.total), cash = r.total.cash;
    unsigned row = 0;
    split_share(&rules, &bill, who.status, &row);
    int32_t up = (int32_t)rnd(SPLIT_WHOLE + 1 - rules.ratios[row].share);
    rules.ratios[row].share += up;
    if (split() != 0) {
        return "a higher ratio fails";
    }
    if (r.total.fund < fund) {
        return "with a higher ratio the fund pays less";
    }
    if (r.total.amount - funds(&r.total) > own || r.total.cash > cash) {
        return "with a higher ratio the patient pays more";
    }
    return NULL;
}

static void R13_ten_thousand_random_bills_sum_stay_above_zero_and_below_ceilings(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        random_rules();
        random_bill();
        const char *why = split() == 0 ? unsound() : "it was refused";
        why = why ? why : over_a_ceiling();
        why = why ? why : not_monotone();
        if (why) {
            fail_msg("bill %d: %s", i, why);
        }
    }
}

static void R13_cancelling_gives_back_to_the_year_what_the_settlement_took(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        random_rules();
        random_bill();
        struct split_used before = year;
        assert_int_equal(split(), 0);
        split_used_add(&year, &r.used, 1);
        split_used_add(&year, &r.used, -1);
        assert_memory_equal(&before, &year, sizeof(before));
    }
}

static void R13_a_bill_in_one_line_costs_the_fund_the_same_as_in_many(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        random_rules();
        random_bill();
        fen_t sum = 0;
        for (size_t n = 0; n < bill.line_count; n++) {
            lines[n].cls = SPLIT_CLASS_A;
            lines[n].limit = -1;
            sum += lines[n].amount;
        }
        assert_int_equal(split(), 0);
        struct split_part many = r.total;
        bill.line_count = 0;
        line(SPLIT_CLASS_A, sum, 0, -1);
        assert_int_equal(split(), 0);
        assert_memory_equal(&many, &r.total, sizeof(many));
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        CASE(R13_three_classes_pay_what_the_table_says),
        CASE(R13_above_the_price_limit_is_the_patients),
        CASE(deductible_of_the_year_is_borne_once),
        CASE(deductible_of_an_admission_falls_with_each_further_one),
        CASE(R13_ratio_by_status_and_referral_first_row_holds),
        CASE(R13_ceiling_crossed_within_one_bill_pays_up_to_it_and_the_rest_goes_on),
        CASE(serious_illness_goes_by_the_years_sum_over_its_tiers),
        CASE(supplement_assistance_accounts_and_cash_follow_in_that_order),
        CASE(personal_account_pays_out_of_scope_only_by_rule),
        CASE(rounding_gives_the_odd_fen_to_the_first_lines),
        CASE(bad_bills_are_errors),
        CASE(years_begin_on_the_day_that_the_rules_say),
        CASE(R13_ten_thousand_random_bills_sum_stay_above_zero_and_below_ceilings),
        CASE(R13_cancelling_gives_back_to_the_year_what_the_settlement_took),
        CASE(R13_a_bill_in_one_line_costs_the_fund_the_same_as_in_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
