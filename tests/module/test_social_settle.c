/* Settlements: what is asked of social.split becomes legs and records, and what is taken back gives
 * back to the right year. */
#include "social_city.h"

#define EMPLOYEE                                                                                   \
    "{\"state\":\"paying\",\"from\":20200101,\"insurance\":\"employee\",\"status\":\"working\"}"
#define LINE(amount)          "{\"code\":\"x\",\"class\":\"A\",\"amount_fen\":" #amount "}"
#define BILL(id, date, lines) "{\"id\":\"" id "\",\"date\":" #date ",\"lines\":[" lines "]}"
#define STAY(id, adm, lines)                                                                       \
    "{\"id\":\"" id "\",\"kind\":\"inpatient\",\"admission\":\"" adm "\",\"lines\":[" lines "]}"

/* Level 3, working, outpatient: 300.00 deductible, then 55 %. 500.00: fund 55 % of 200.00 = 110.00;
 * the account has 150.00; cash 240.00. */
static void R13_fund_personal_and_purse_are_one_transaction(void **state)
{
    (void)state;
    city_insure("c1", EMPLOYEE);
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 15000);
    assert_int_equal(city_settle(BILL("B1", 20261121, LINE(50000)), NULL), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(f.plan.amount, 24000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), -11000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c1"), -15000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "hospital"), 50000);
    assert_string_equal(city_said("authority"), "here");
    assert_int_equal(city_said_fen("fund.0.fen"), 11000);
    assert_int_equal(city_said_fen("lines.0.cash_fen"), 24000);
    assert_int_equal(city_year(2026, "outpatient_deductible_fen"), 30000);
    assert_int_equal(city_year(2026, "outpatient_fund_fen"), 11000);
    /* the next one bears no deductible */
    city_next(20261122);
    assert_int_equal(city_settle(BILL("B2", 20261122, LINE(10000)), NULL), 0);
    assert_int_equal(city_said_fen("fund_fen"), 5500);
    assert_int_equal(city_said_fen("personal_fen"), 0);
}

static void whoever_is_not_insured_pays_himself(void **state)
{
    (void)state;
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 1000);
    assert_int_equal(city_settle(BILL("B1", 20261121, LINE(5000)), NULL), 0);
    assert_string_equal(city_said("insurance"), "");
    assert_int_equal(city_said_fen("personal_fen"), 1000);
    assert_int_equal(city_said_fen("cash_fen"), 4000);
    assert_int_equal(city_year(2026, "serious_base_fen"), -1);
    city_next(20261121);
    city_insure("c1", "{\"state\":\"ended\",\"from\":20200101,\"insurance\":\"employee\"}");
    city_param("personal", "no");
    assert_int_equal(city_settle(BILL("B2", 20261121, LINE(5000)), NULL), 0);
    assert_int_equal(city_said_fen("cash_fen"), 5000);
}

static void R13_catalogue_outranks_the_hospitals_class(void **state)
{
    (void)state;
    city_insure("c1", EMPLOYEE);
    fake_put(&f, "social", "citizen:c1", "year/2026", "{\"outpatient_deductible_fen\":30000}");
    /* 阿莫西林 is class A, 18.50 a unit at most: 2 × 20.00 → 37.00 in scope, 3.00 over the limit;
     * unlisted class B: 10 % first of 10.00; unlisted without class: C */
    assert_int_equal(
        city_settle("{\"id\":\"B1\",\"lines\":["
                    "{\"code\":\"XJ01CA04\",\"class\":\"C\",\"quantity\":2,\"amount_fen\":4000},"
                    "{\"code\":\"zz\",\"class\":\"B\",\"amount_fen\":1000},"
                    "{\"code\":\"zy\",\"amount_fen\":700}]}",
                    NULL),
        0);
    assert_string_equal(city_said("lines.0.class"), "A");
    assert_int_equal(city_said_fen("over_limit_fen"), 300);
    assert_int_equal(city_said_fen("own_first_fen"), 100);
    assert_int_equal(city_said_fen("excluded_fen"), 700);
    assert_int_equal(city_said_fen("fund_fen"), 2530); /* 55 % of 37.00 + 9.00 */
}

/* Admission deductible 900.00 at level 3; the ceiling of 250,000 has 1,000.00 left. 11,900.00: base
 * 11,000.00 × 85 % = 9,350.00, of which 1,000.00 are left under the ceiling. */
static void R13_ceiling_crossed_within_one_bill(void **state)
{
    (void)state;
    city_insure("c1", EMPLOYEE);
    fake_put(&f, "social", "citizen:c1", "year/2026",
             "{\"inpatient_fund_fen\":24000000,\"outpatient_fund_fen\":900000}");
    assert_int_equal(city_settle(STAY("B1", "A-7", LINE(600000) "," LINE(590000)), NULL), 0);
    assert_int_equal(city_said_fen("fund.0.fen"), 100000);
    assert_int_equal(city_said_fen("over_ceiling_fen"), 835000);
    assert_int_equal(city_said_fen("deductible_fen"), 90000);
    assert_int_equal(city_year(2026, "inpatient_fund_fen"), 24100000);
    assert_int_equal(city_year(2026, "admissions"), 1);
    city_next(20261122);
    assert_int_equal(city_settle(STAY("B2", "A-7", LINE(100000)), NULL), 0);
    assert_int_equal(city_said_fen("fund_fen"), 0);
    assert_int_equal(city_said_fen("deductible_fen"), 0);
    assert_int_equal(city_year(2026, "admissions"), 1);
}

static void R13_cancelling_gives_everything_back_and_only_once(void **state)
{
    (void)state;
    char sid[40];
    city_insure("c1", EMPLOYEE);
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 15000);
    assert_int_equal(city_settle(STAY("B1", "A-1", LINE(200000)), NULL), 0);
    snprintf(sid, sizeof(sid), "%s", city_said("settlement_id"));
    fen_t cash = city_said_fen("cash_fen");
    assert_int_equal(fake_holds(&f, OC_ACCT_PERSONAL, "c1"), 0);
    city_next(20261123);
    assert_int_equal(city_cancel(sid), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), cash);
    assert_int_equal(fake_holds(&f, OC_ACCT_PERSONAL, "c1"), 15000);
    assert_int_equal(fake_holds(&f, OC_ACCT_FUND, "fund-employee"), 0);
    assert_int_equal(city_year(2026, "inpatient_fund_fen"), 0);
    assert_int_equal(city_year(2026, "admissions"), 0);
    city_next(20261123);
    assert_int_equal(city_cancel(sid), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_WRONG_STATE);
    city_next(20261123);
    assert_int_equal(city_cancel("nonsense"), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_NOT_FOUND);
    /* the stay counts as the first again: its deductible is whole */
    city_next(20261124);
    assert_int_equal(city_settle(STAY("B1", "A-1", LINE(200000)), NULL), 0);
    assert_int_equal(city_said_fen("deductible_fen"), 90000);
}

/* Settled in 2026: 500.00 with the deductible of 300.00: fund 110.00. In 2027 another bill bears
 * that year's deductible. Then 200.00 of the first are given back: 2026's deductible is borne by
 * the 300.00 that are left, fund 0.00; 2027 does not move. */
static void
R13_partial_refund_after_the_years_accumulators_were_reset_restores_the_right_year(void **state)
{
    (void)state;
    char sid[40];
    city_insure("c1", EMPLOYEE);
    city_next(20261230);
    assert_int_equal(city_settle(BILL("B1", 20261230, LINE(30000) "," LINE(20000)), NULL), 0);
    snprintf(sid, sizeof(sid), "%s", city_said("settlement_id"));
    city_next(20270105);
    assert_int_equal(city_settle(BILL("B2", 20270105, LINE(40000)), NULL), 0);
    assert_int_equal(city_said_fen("deductible_fen"), 30000);
    assert_int_equal(city_year(2027, "outpatient_fund_fen"), 5500);
    city_next(20270106);
    assert_int_equal(city_settle(BILL("B1", 20261230, LINE(30000)), sid), 0);
    assert_int_equal(city_said_fen("year"), 2026);
    assert_int_equal(city_said_fen("fund_fen"), 0);
    assert_int_equal(city_said_fen("cash_fen"), 30000);
    assert_int_equal(city_said_fen("replaced.fund_fen"), 11000);
    assert_int_equal(city_said_fen("replaced.cash_fen"), 39000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), 11000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "hospital"), -20000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 9000);
    assert_int_equal(city_year(2026, "outpatient_fund_fen"), 0);
    assert_int_equal(city_year(2026, "outpatient_deductible_fen"), 30000);
    assert_int_equal(city_year(2026, "serious_base_fen"), 30000);
    assert_int_equal(city_year(2027, "outpatient_deductible_fen"), 30000);
    assert_int_equal(city_year(2027, "outpatient_fund_fen"), 5500);
    /* what was replaced cannot be taken back again */
    city_next(20270106);
    assert_int_equal(city_cancel(sid), OC_EREFUSED);
}

/* Base 1,100.00 × 85 %; first 2,000.00, then one line of 500.00 goes back: as if it had never been.
 */
static void R13_replaced_stay_is_as_if_the_line_had_never_been(void **state)
{
    (void)state;
    char sid[40];
    city_insure("c1", EMPLOYEE);
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 30000);
    assert_int_equal(city_settle(STAY("B1", "A-1", LINE(150000) "," LINE(50000)), NULL), 0);
    assert_int_equal(city_said_fen("fund_fen"), 93500);
    snprintf(sid, sizeof(sid), "%s", city_said("settlement_id"));
    city_next(20261125);
    assert_int_equal(city_settle(STAY("B1", "A-1", LINE(150000)), sid), 0);
    assert_int_equal(city_said_fen("fund_fen"), 51000); /* 85 % of 600.00 */
    assert_int_equal(city_said_fen("personal_fen"), 30000);
    assert_int_equal(city_said_fen("cash_fen"), 69000);
    assert_int_equal(fake_holds(&f, OC_ACCT_FUND, "fund-employee"), -51000);
    assert_int_equal(fake_holds(&f, OC_ACCT_PERSONAL, "c1"), 0);
    assert_int_equal(city_year(2026, "admissions"), 1);
    assert_int_equal(city_year(2026, "inpatient_fund_fen"), 51000);
}

static void two_settlements_at_the_same_moment_one_is_stale(void **state)
{
    (void)state;
    city_insure("c1", EMPLOYEE);
    assert_int_equal(city_settle(BILL("B0", 20261121, LINE(40000)), NULL), 0);
    static struct fake first, second;
    city_next(20261121);
    assert_int_equal(city_plan(BILL("B1", 20261121, LINE(10000))), 0);
    first = f;
    city_next(20261121);
    assert_int_equal(city_plan(BILL("B2", 20261121, LINE(10000))), 0);
    second = f;
    assert_int_equal(fake_commit(&second), 0);
    assert_int_equal(fake_commit(&first), OC_ECONFLICT);
}

static void bad_bills_are_refused_with_the_line(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "no json",
        "{\"id\":\"B\",\"lines\":[]}",
        "{\"lines\":[" LINE(1) "]}",
        "{\"id\":\"B\",\"lines\":[" LINE(1) "," LINE(0) "]}",
        "{\"id\":\"B\",\"lines\":[" LINE(-5) "]}",
        "{\"id\":\"B\",\"kind\":\"dental\",\"lines\":[" LINE(1) "]}",
        "{\"id\":\"B\",\"kind\":\"inpatient\",\"lines\":[" LINE(1) "]}",
        "{\"id\":\"B\",\"referral\":\"x\",\"lines\":[" LINE(1) "]}",
        "{\"id\":\"B\",\"date\":20261232,\"lines\":[" LINE(1) "]}",
        "{\"id\":\"B\",\"date\":20270101,\"lines\":[" LINE(1) "]}",
        "{\"id\":\"B\",\"lines\":[{\"class\":\"D\",\"amount_fen\":1}]}",
        "{\"id\":\"B\",\"lines\":[{\"quantity\":0,\"amount_fen\":1}]}",
    };
    city_insure("c1", EMPLOYEE);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        city_next(20261121);
        assert_int_equal(city_settle(bad[i], NULL), OC_EREFUSED);
        assert_int_equal(f.plan.refused, OC_R_PARAMETER);
    }
    city_next(20261121);
    city_settle(bad[3], NULL);
    assert_non_null(strstr(f.plan.detail, "line 2"));
    city_next(20261121);
    city_at("barber");
    assert_int_equal(city_settle(BILL("B", 20261121, LINE(1)), NULL), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_NOT_ELIGIBLE);
}

static void presettle_shows_and_writes_nothing(void **state)
{
    (void)state;
    city_insure("c1", EMPLOYEE);
    city_param("bill", BILL("B1", 20261121, LINE(50000)));
    assert_int_equal(city_ask("presettle", 0), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NONE);
    assert_int_equal(f.plan.record_count, 0);
    assert_int_equal(f.plan.leg_count, 0);
    assert_string_equal(fake_reply(&f.plan, "fund_fen"), "11000");
    assert_string_equal(fake_reply(&f.plan, "settlement_id"), "");
    /* the split itself answers settlements only */
    assert_int_equal(city_ask("split", 0), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_TERMINAL_MAY_NOT);
}

static void R13_relatives_pay_after_the_own_account_within_their_limit(void **state)
{
    (void)state;
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 1000);
    fake_account(&f, OC_ACCT_PERSONAL, "c2", 9000);
    fake_put(&f, "social", "citizen:c1", "payer/c2", "{\"owner\":\"c2\"}");
    fake_put(&f, "social", "citizen:c2", "family/c1", "{\"member\":\"c1\",\"limit_fen\":3000}");
    city_param("family", "yes");
    assert_int_equal(city_settle(BILL("B1", 20261121, LINE(5000)), NULL), 0);
    assert_int_equal(city_said_fen("personal_fen"), 1000);
    assert_int_equal(city_said_fen("family_fen"), 3000);
    assert_int_equal(city_said_fen("cash_fen"), 1000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c2"), -3000);
    assert_string_equal(fake_at(fake_get(&f, "social", "citizen:c2", "family/c1"), "used_fen"),
                        "3000");
    char sid[40];
    snprintf(sid, sizeof(sid), "%s", city_said("settlement_id"));
    city_next(20261121);
    city_param("family", "yes");
    assert_int_equal(city_settle(BILL("B2", 20261121, LINE(500)), NULL), 0);
    assert_int_equal(city_said_fen("cash_fen"), 500); /* the limit is used up */
    city_next(20261122);
    assert_int_equal(city_cancel(sid), 0);
    assert_int_equal(fake_holds(&f, OC_ACCT_PERSONAL, "c2"), 9000);
    assert_string_equal(fake_at(fake_get(&f, "social", "citizen:c2", "family/c1"), "used_fen"),
                        "0");
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, city_setup, city_teardown)
    const struct CMUnitTest tests[] = {
        CASE(R13_fund_personal_and_purse_are_one_transaction),
        CASE(whoever_is_not_insured_pays_himself),
        CASE(R13_catalogue_outranks_the_hospitals_class),
        CASE(R13_ceiling_crossed_within_one_bill),
        CASE(R13_cancelling_gives_everything_back_and_only_once),
        CASE(R13_partial_refund_after_the_years_accumulators_were_reset_restores_the_right_year),
        CASE(R13_replaced_stay_is_as_if_the_line_had_never_been),
        CASE(two_settlements_at_the_same_moment_one_is_stale),
        CASE(bad_bills_are_refused_with_the_line),
        CASE(presettle_shows_and_writes_nothing),
        CASE(R13_relatives_pay_after_the_own_account_within_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
