/* Medical with the real social security module and the rules of conf/bureau: that the two agree on
 * the invoice, that a year's accumulators come out right, and that the money is nobody's twice. */
#include "medical_city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct onecard_module onecard_module_social;
static void *social_ctx;

static int setup(void **state)
{
    static const struct onecard_conf conf = {
        .module = &onecard_module_social,
        .values = {{"rules", ONECARD_SOURCE_DIR "/conf/bureau"}, {"city", "郑州市"}},
    };
    int rc = city_setup(state);
    rc = rc ? rc : fake_load(&onecard_module_social, &conf, &social_ctx);
    f.asks[0] = (struct fake_ask){
        .service = "social.split", .module = &onecard_module_social, .ctx = social_ctx};
    f.asks[1] = (struct fake_ask){
        .service = "social.split_cancel", .module = &onecard_module_social, .ctx = social_ctx};
    f.citizens[0] = (struct fake_pair){"c1", "{\"born\":19700305}"};
    fake_put(&f, "social", "citizen:c1", "insured",
             "{\"medical\":{\"state\":\"paying\",\"from\":20200101,\"insurance\":\"employee\"}}");
    at("hospital-2");
    return rc;
}

static int teardown(void **state)
{
    onecard_module_social.unload(social_ctx);
    return city_teardown(state);
}

static fen_t year(int y)
{
    char key[16];
    snprintf(key, sizeof(key), "year/%d", y);
    const char *doc = fake_get(&f, "social", "citizen:c1", key);
    const char *v = doc ? fake_at(doc, "outpatient_fund_fen") : NULL;
    return v ? strtoll(v, NULL, 10) : 0;
}

static fen_t told(const char *member)
{
    return strtoll(reply(member), NULL, 10);
}

/* An outpatient's invoice of one or two lines of class A. */
static void bill(const char *id, int date, fen_t first, fen_t second)
{
    static char json[600];
    char more[120] = "";
    if (second) {
        snprintf(more, sizeof(more),
                 ",{\"code\":\"Z2\",\"display\":\"b\",\"class\":\"A\",\"amount_fen\":%lld}",
                 (long long)second);
    }
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"date\":%d,\"type\":\"outpatient\",\"referral\":\"local\","
             "\"lineItem\":[{\"code\":\"Z1\",\"display\":\"a\",\"class\":\"A\","
             "\"amount_fen\":%lld}%s],\"totalGross_fen\":%lld}",
             id, date, (long long)first, more, (long long)(first + second));
    document(json);
    done("medical.bill_put", NULL);
    document(NULL);
}

static void R13_a_bill_is_split_by_the_rules_and_paid_in_one_transaction(void **state)
{
    (void)state;
    bill("B1", 20261121, 100000, 0);
    done("medical.settle", "bill", "B1", NULL);
    /* Level 2, working: 200.00 deductible, 65 % of 800.00 = 520.00; own 480.00. */
    assert_int_equal(told("fund_fen"), 52000);
    assert_int_equal(f.plan.amount, 48000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), -52000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "hospital-2"), 100000);
    assert_int_equal(year(2026), 52000);
}

static void the_funds_ceiling_crossed_within_one_bill_is_the_citizens_own_beyond(void **state)
{
    (void)state;
    bill("B1", 20261121, 1000000, 500000);
    done("medical.settle", "bill", "B1", NULL);
    /* 65 % of 14,800 is 9,620: the year's ceiling of outpatients is 6,000. */
    assert_int_equal(year(2026), 600000);
    assert_int_equal(told("fund_fen") + told("personal_fen") + told("cash_fen"), 1500000);
    assert_int_equal(f.plan.amount, told("cash_fen"));
}

static void a_partial_refund_after_the_accumulators_were_reset_restores_the_right_year(void **state)
{
    (void)state;
    bill("B1", 20261121, 100000, 60000);
    done("medical.settle", "bill", "B1", NULL);
    char txn[32];
    snprintf(txn, sizeof(txn), "%s", f.committed);
    fen_t own = f.plan.amount;
    assert_int_equal(year(2026), 91000); /* 65 % of 1,400 */
    original(txn, "medical.settle", own, 0);
    on(20270108, 900);
    done("medical.refund_lines", "txn", txn, "lines", "2", NULL);
    assert_int_equal(year(2026), 52000);
    assert_int_equal(year(2027), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), own - 48000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), 39000);
    original(txn, "medical.settle", own, own - 48000);
    done("medical.settle_cancel", "txn", txn, NULL);
    assert_int_equal(year(2026), 0);
    assert_int_equal(fake_holds(&f, OC_ACCT_FUND, "fund-employee"), 0);
    assert_int_equal(fake_holds(&f, OC_ACCT_MERCHANT, "hospital-2"), 0);
}

static void two_bills_settled_at_the_same_moment_do_not_share_one_deductible(void **state)
{
    (void)state;
    static struct onecard_plan first;
    bill("B1", 20261121, 100000, 0);
    bill("B2", 20261121, 100000, 0);
    assert_int_equal(ask("medical.settle", "bill", "B1", NULL), 0);
    first = f.plan;
    done("medical.settle", "bill", "B2", NULL);
    f.plan = first; /* decided with the year as it was */
    assert_int_equal(fake_commit(&f), OC_ECONFLICT);
    done("medical.settle", "bill", "B1", NULL);
    assert_int_equal(told("fund_fen"), 65000);
    assert_int_equal(year(2026), 117000);
}

static void a_stay_is_settled_by_the_rules_of_stays(void **state)
{
    (void)state;
    document("{\"id\":\"A1\",\"date\":20261120,\"serviceType\":\"waike\"}");
    done("medical.admit", NULL);
    f.req.amount_fen = 100000;
    done("medical.deposit", "admission", "A1", NULL);
    f.req.amount_fen = 0;
    document("{\"id\":\"B7\",\"date\":20261121,\"type\":\"inpatient\",\"admission\":\"A1\","
             "\"referral\":\"local\",\"lineItem\":[{\"code\":\"Z1\",\"display\":\"op\","
             "\"class\":\"A\",\"amount_fen\":1000000}],\"totalGross_fen\":1000000}");
    done("medical.bill_put", NULL);
    document(NULL);
    done("medical.discharge", "admission", "A1", NULL);
    done("medical.inpatient_settle", "admission", "A1", NULL);
    /* 600 deductible, 88 % of 9,400 = 8,272; own 1,728 of which 1,000 were deposited. */
    assert_int_equal(told("fund_fen"), 827200);
    assert_int_equal(f.plan.amount, 72800);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R13_a_bill_is_split_by_the_rules_and_paid_in_one_transaction),
        T(the_funds_ceiling_crossed_within_one_bill_is_the_citizens_own_beyond),
        T(a_partial_refund_after_the_accumulators_were_reset_restores_the_right_year),
        T(two_bills_settled_at_the_same_moment_do_not_share_one_deductible),
        T(a_stay_is_settled_by_the_rules_of_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
