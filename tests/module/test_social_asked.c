/* Where the bureau decides: its pre-settlement is posted as it is returned, the hold must say the
 * same again, and silence or nonsense moves nothing. */
#include "social_city.h"

#include <unistd.h>

#define BILL                                                                                       \
    "{\"id\":\"B1\",\"lines\":[{\"class\":\"A\",\"amount_fen\":30000},{\"class\":\"B\",\"amount_"  \
    "fen\":20000}]}"
#define ANSWER                                                                                     \
    "{\"total_fen\":50000,\"basic_fen\":20000,\"serious_fen\":1000,\"fund_fen\":21000,"            \
    "\"personal_fen\":9000,\"cash_fen\":20000,\"lines\":["                                         \
    "{\"fund_fen\":15000,\"personal_fen\":5000,\"cash_fen\":10000},"                               \
    "{\"fund_fen\":6000,\"personal_fen\":4000,\"cash_fen\":10000}]}"

static char folder[] = ONECARD_SCRATCH "/social-asked.XXXXXX";

static const char rules[] = "kind: insurance\n"
                            "insurance: employee\n"
                            "from: 2026-01-01\n"
                            "authority: upstream\n"
                            "bureau: bureau\n"
                            "funds: {basic: fund-b, serious: fund-s, civil: fund-c, assistance: "
                            "fund-a, personal: fund-p}\n"
                            "personal: {authority: ";

static int with_rules(const char *personal)
{
    char path[64];
    strcpy(folder, ONECARD_SCRATCH "/social-asked.XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/r.yaml", folder);
    FILE *out = fopen(path, "w");
    (void)fprintf(out, "%s%s}\n", rules, personal);
    (void)fclose(out);
    onecard_module.unload(ctx);
    int rc = city_load(folder);
    (void)unlink(path);
    (void)rmdir(folder);
    city_insure("c1", "{\"state\":\"paying\",\"from\":20200101,\"insurance\":\"employee\"}");
    return rc;
}

static int setup(void **state)
{
    int rc = city_setup(state);
    return rc ? rc : with_rules("here");
}

static void answers(int result, const char *answer)
{
    f.calls[0] = (struct fake_call){"bureau", "presettle", result, answer};
}

static void R12_the_bureaus_answer_is_posted_and_the_hold_must_equal_it(void **state)
{
    (void)state;
    answers(0, ANSWER);
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 10000);
    assert_int_equal(city_settle(BILL, NULL), 0);
    assert_string_equal(city_said("authority"), "upstream");
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-b"), -20000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-s"), -1000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c1"), -9000);
    assert_int_equal(f.plan.amount, 20000);
    assert_string_equal(f.plan.hold.to, "bureau");
    assert_string_equal(f.plan.hold.kind, "settle");
    assert_string_equal(fake_at(f.plan.hold.expect, "fund_fen"), "21000");
    assert_string_equal(fake_at(f.plan.hold.expect, "cash_fen"), "20000");
    assert_string_equal(fake_at(f.plan.hold.doc, "settlement_id"), city_said("settlement_id"));
    assert_string_equal(fake_at(f.called_doc, "bill.id"), "B1");
    assert_int_equal(city_said_fen("lines.1.personal_fen"), 4000);
    assert_int_equal(city_year(2026, "outpatient_fund_fen"), -1); /* the bureau counts */
}

static void R12_cancelling_asks_the_bureau_for_the_same_sum(void **state)
{
    (void)state;
    char sid[40];
    answers(0, ANSWER);
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 10000);
    assert_int_equal(city_settle(BILL, NULL), 0);
    snprintf(sid, sizeof(sid), "%s", city_said("settlement_id"));
    city_next(20261122);
    assert_int_equal(city_cancel(sid), 0);
    assert_string_equal(f.plan.hold.kind, "cancel");
    assert_string_equal(fake_at(f.plan.hold.doc, "settlement_id"), sid);
    assert_string_equal(fake_at(f.plan.hold.expect, "fund_fen"), "21000");
    assert_int_equal(fake_holds(&f, OC_ACCT_FUND, "fund-b"), 0);
    assert_int_equal(fake_holds(&f, OC_ACCT_PERSONAL, "c1"), 10000);
}

static void accounts_that_the_bureau_keeps_are_its_funds_leg(void **state)
{
    (void)state;
    assert_int_equal(with_rules("upstream"), 0);
    answers(0, ANSWER);
    assert_int_equal(city_settle(BILL, NULL), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-p"), -9000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c1"), 0);
}

static void R12_a_bureau_that_is_silent_or_refuses_moves_nothing(void **state)
{
    (void)state;
    answers(OC_ETIMEDOUT, NULL);
    assert_int_equal(city_settle(BILL, NULL), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_UPSTREAM_AWAY);
    assert_int_equal(f.plan.leg_count, 0);
    city_next(20261121);
    answers(OC_EREFUSED, "{\"detail\":\"not insured since Monday\"}");
    assert_int_equal(city_settle(BILL, NULL), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_UPSTREAM_REFUSED);
    assert_non_null(strstr(f.plan.detail, "Monday"));
    city_next(20261121);
    f.calls[0] = (struct fake_call){0};
    assert_int_equal(city_settle(BILL, NULL), OC_EREFUSED); /* no route */
    assert_int_equal(f.plan.refused, OC_R_UPSTREAM_AWAY);
}

static void R13_parts_that_do_not_sum_up_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\"fund_fen\":21000",   "\"total_fen\":50000",
                                        "\"cash_fen\":20000",   "\"fund_fen\":15000",
                                        "\"serious_fen\":1000", "\"personal_fen\":9000"};
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 90000);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char answer[sizeof(ANSWER)];
        strcpy(answer, ANSWER);
        char *at = strstr(answer, wrong[i]);
        at[strlen(wrong[i]) - 1] = '7';
        city_next(20261121);
        answers(0, answer);
        assert_int_equal(city_settle(BILL, NULL), OC_EREFUSED);
        assert_int_equal(f.plan.refused, OC_R_UPSTREAM_REFUSED);
    }
    city_next(20261121);
    answers(0, "{\"total_fen\":50000,\"lines\":[]}");
    assert_int_equal(city_settle(BILL, NULL), OC_EREFUSED);
    city_next(20261121);
    answers(0, ANSWER);
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 8999);
    assert_int_equal(city_settle(BILL, NULL), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_FUNDS);
}

static void R12_personal_payment_is_a_hold_where_the_bureau_keeps_the_accounts(void **state)
{
    (void)state;
    assert_int_equal(with_rules("upstream"), 0);
    assert_int_equal(city_ask("personal", 0), 0);
    assert_string_equal(fake_reply(&f.plan, "kept_by"), "bureau");
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, city_teardown)
    const struct CMUnitTest tests[] = {
        CASE(R12_the_bureaus_answer_is_posted_and_the_hold_must_equal_it),
        CASE(R12_cancelling_asks_the_bureau_for_the_same_sum),
        CASE(accounts_that_the_bureau_keeps_are_its_funds_leg),
        CASE(R12_a_bureau_that_is_silent_or_refuses_moves_nothing),
        CASE(R13_parts_that_do_not_sum_up_are_refused),
        CASE(R12_personal_payment_is_a_hold_where_the_bureau_keeps_the_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
