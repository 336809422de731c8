/* Payment lists, contributions, cash at a desk, and the bureau's daily list. */
#include "social_city.h"

static void refused(int rc, enum oc_reason reason)
{
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(f.plan.refused, reason);
}

static int batch(const char *action, const char *count, const char *total)
{
    city_next(20261121);
    city_at("bureau");
    city_param("batch", "pension-202611");
    city_param("action", action);
    if (count) {
        city_param("count", count);
        city_param("total", total);
        city_param("fund", "fund-pension");
        city_param("program", "pension");
    }
    int rc = city_ask("benefit_batch", 0);
    return rc || f.plan.kind == OC_PLAN_NONE ? rc : fake_commit(&f);
}

static int line(const char *number, const char *citizen, fen_t amount)
{
    city_next(20261121);
    city_at("bureau");
    city_param("batch", "pension-202611");
    city_param("line", number);
    city_param("citizen", citizen);
    int rc = city_ask("benefit_line", amount);
    if (rc == 0 && f.plan.kind == OC_PLAN_ACCOUNT && fake_sum(&f.plan) != 0) {
        return OC_EINTERNAL;
    }
    return rc || f.plan.kind == OC_PLAN_NONE ? rc : fake_commit(&f);
}

/* Lines of 100.00 and 50.00 declared; line 2 comes twice, line 3 is nobody's, and the list is sent
 * again. */
static void R14_benefit_list_with_duplicates_and_unknown_pays_the_good_ones_once(void **state)
{
    (void)state;
    assert_int_equal(batch("open", "3", "200"), 0);
    assert_int_equal(line("1", "c1", 10000), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_BEARER, "fund-pension"), -10000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), 10000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(line("2", "c2", 5000), 0);
        assert_string_equal(fake_reply(&f.plan, "paid"), i ? "before" : "now");
        refused(line("3", "nobody", 5000), OC_R_NO_CITIZEN);
        assert_int_equal(line("1", "c1", 10000), 0);
        assert_int_equal(f.plan.kind, OC_PLAN_NONE);
    }
    assert_int_equal(fake_holds(&f, OC_ACCT_BEARER, "fund-pension"), -15000);
    refused(line("2", "c2", 5001), OC_R_CONFLICT);
    refused(line("2", "c1", 5000), OC_R_CONFLICT);
    assert_int_equal(batch("close", NULL, NULL), 0);
    assert_string_equal(fake_reply(&f.plan, "paid"), "2");
    assert_string_equal(fake_reply(&f.plan, "unpaid_fen"), "5000");
    assert_string_equal(f.plan.events[0].kind, "benefit_batch_closed");
    refused(line("3", "c3", 5000), OC_R_WRONG_STATE);
}

static void R14_nothing_is_paid_beyond_the_declared_total_or_count(void **state)
{
    (void)state;
    assert_int_equal(batch("open", "2", "100"), 0);
    refused(line("1", "c1", 10001), OC_R_LIMIT);
    assert_int_equal(line("1", "c1", 6000), 0);
    refused(line("2", "c2", 4001), OC_R_LIMIT);
    assert_int_equal(line("2", "c2", 3000), 0);
    refused(line("3", "c3", 100), OC_R_LIMIT); /* a third line of two */
}

static void R14_a_list_numbered_anew_pays_no_citizen_twice(void **state)
{
    (void)state;
    assert_int_equal(batch("open", "5", "500"), 0);
    assert_int_equal(line("3", "c1", 6000), 0);
    refused(line("2", "c1", 6000), OC_R_DUPLICATE);
    assert_non_null(strstr(f.plan.detail, "line 3"));
    assert_int_equal(fake_holds(&f, OC_ACCT_CITIZEN, "c1"), 6000);
}

static void a_batch_opened_again_goes_on_or_is_another(void **state)
{
    (void)state;
    refused(line("1", "c1", 100), OC_R_NOT_FOUND);
    refused(batch("close", NULL, NULL), OC_R_NOT_FOUND);
    assert_int_equal(batch("open", "2", "100"), 0);
    assert_int_equal(line("1", "c1", 6000), 0);
    assert_int_equal(batch("open", "2", "100.00"), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NONE);
    assert_string_equal(fake_reply(&f.plan, "paid"), "1");
    refused(batch("open", "3", "100"), OC_R_CONFLICT);
    refused(batch("open", "0", "100"), OC_R_PARAMETER);
    refused(batch("open", "2", "free"), OC_R_PARAMETER);
    refused(batch("burn", NULL, NULL), OC_R_PARAMETER);
    city_at("hospital");
    refused(city_ask("benefit_batch", 0), OC_R_TERMINAL_MAY_NOT);
}

static void two_importers_at_the_same_moment_one_line_is_stale_and_none_paid_twice(void **state)
{
    (void)state;
    static struct fake first;
    assert_int_equal(batch("open", "2", "100"), 0);
    city_next(20261121);
    city_at("bureau");
    city_param("batch", "pension-202611");
    city_param("line", "1");
    city_param("citizen", "c1");
    assert_int_equal(city_ask("benefit_line", 5000), 0);
    first = f;
    assert_int_equal(line("1", "c1", 5000), 0);
    assert_int_equal(fake_commit(&first), OC_ECONFLICT);
    assert_int_equal(fake_holds(&f, OC_ACCT_CITIZEN, "c1"), 5000);
}

static void contributions_reach_the_personal_account_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        city_next(20261121);
        city_at("bureau");
        city_param("batch", "2026-11");
        city_param("line", "17");
        city_param("card_number", "0000000000000002");
        city_param("fund", "fund-employee");
        assert_int_equal(city_ask("personal_credit", 8000), 0);
        assert_string_equal(fake_reply(&f.plan, "paid"), i ? "before" : "now");
        if (f.plan.kind == OC_PLAN_ACCOUNT) {
            assert_int_equal(fake_sum(&f.plan), 0);
            assert_int_equal(fake_commit(&f), 0);
        }
    }
    assert_int_equal(fake_holds(&f, OC_ACCT_PERSONAL, "c2"), 8000);
    city_param("line", "x");
    refused(city_ask("personal_credit", 8000), OC_R_PARAMETER);
}

static void cash_at_a_desk_lowers_what_the_desk_owes(void **state)
{
    (void)state;
    f.card.citizen_fen = 60000;
    assert_int_equal(city_ask("collect", 20000), 0);
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), -20000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "hospital"), 20000);
    refused(city_ask("collect", 0), OC_R_NEEDS_PRESENCE); /* all of it: 600.00 take the PIN */
    f.req.strength = OC_STRENGTH_PIN;
    assert_int_equal(city_ask("collect_pin", 0), 0);
    assert_int_equal(f.plan.amount, 60000);
    refused(city_ask("collect_pin", 60001), OC_R_FUNDS);
    f.card.citizen_fen = 900000;
    refused(city_ask("collect_pin", 0), OC_R_LIMIT);
}

/* ---- the daily list ---- */

static void ours(const char *sid, int fund, int personal)
{
    char doc[80];
    snprintf(doc, sizeof(doc), "{\"fund_fen\":%d,\"personal_fen\":%d}", fund, personal);
    fake_put(&f, "social", "day:employee/20261120", sid, doc);
}

static int list(const char *doc)
{
    city_next(20261121);
    city_at("bureau");
    f.document = doc;
    return city_ask("reconcile", 0);
}

#define DAY "\"insurance\":\"employee\",\"date\":20261120"

static void R13_every_difference_of_the_day_is_one_item(void **state)
{
    (void)state;
    ours("a1", 100, 5);
    ours("a2", 200, 0);
    ours("a2-c", -200, 0);
    ours("a4", 400, 7);
    ours("a5", 500, 0);
    assert_int_equal(list("{" DAY ",\"last\":true,\"items\":["
                          "{\"settlement_id\":\"a1\",\"fund_fen\":100,\"personal_fen\":5},"
                          "{\"settlement_id\":\"a2\",\"fund_fen\":200},"
                          "{\"settlement_id\":\"a3\",\"fund_fen\":300},"
                          "{\"settlement_id\":\"a4\",\"fund_fen\":401,\"personal_fen\":8}]}"),
                     0);
    assert_string_equal(fake_reply(&f.plan, "agreed"), "2");
    assert_string_equal(fake_reply(&f.plan, "different"), "5");
    const char *d = fake_reply(&f.plan, "differences");
    assert_string_equal(fake_at(d, "0.settlement_id"), "a2-c");
    assert_string_equal(fake_at(d, "0.what"), "missing_there");
    assert_string_equal(fake_at(d, "1.what"), "missing_here");
    assert_string_equal(fake_at(d, "1.settlement_id"), "a3");
    assert_string_equal(fake_at(d, "2.what"), "fund_differs");
    assert_string_equal(fake_at(d, "2.ours_fen"), "400");
    assert_string_equal(fake_at(d, "2.theirs_fen"), "401");
    assert_string_equal(fake_at(d, "3.what"), "personal_differs");
    assert_string_equal(f.plan.events[0].kind, "reconcile_differs");
    assert_int_equal(fake_commit(&f), 0);
    city_next(20261121);
    city_at("bureau");
    city_param("insurance", "employee");
    city_param("date", "2026-11-20");
    assert_int_equal(city_ask("differences", 0), 0);
    d = fake_reply(&f.plan, "differences");
    assert_string_equal(fake_at(d, "4.settlement_id"), "a5");
    assert_null(fake_at(d, "5.settlement_id"));
    city_param("date", "2026-11-19");
    refused(city_ask("differences", 0), OC_R_NOT_FOUND);
}

static void a_list_in_pieces_finds_the_same(void **state)
{
    (void)state;
    ours("a1", 100, 0);
    ours("a2", 200, 0);
    ours("a3", 300, 0);
    assert_int_equal(list("{" DAY ",\"items\":[{\"settlement_id\":\"a2\",\"fund_fen\":200}]}"), 0);
    assert_string_equal(fake_reply(&f.plan, "different"), "1");
    assert_string_equal(fake_reply(&f.plan, "piece"), "a2");
    assert_int_equal(list("{" DAY ",\"after\":\"a2\",\"last\":true,\"items\":[]}"), 0);
    assert_string_equal(fake_reply(&f.plan, "different"), "1");
    assert_string_equal(fake_at(fake_reply(&f.plan, "differences"), "0.settlement_id"), "a3");
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"items\":[]}",
        "{" DAY ",\"items\":[]}",
        "{" DAY ",\"items\":[{\"settlement_id\":\"b\"},{\"settlement_id\":\"a\"}]}",
        "{" DAY ",\"after\":\"c\",\"items\":[{\"settlement_id\":\"b\"}]}",
        "{" DAY ",\"items\":[{\"settlement_id\":\"a b\"}]}",
        "{\"insurance\":\"employee\",\"date\":20261140,\"last\":true,\"items\":[]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(list(bad[i]), OC_R_PARAMETER);
    }
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, city_setup, city_teardown)
    const struct CMUnitTest tests[] = {
        CASE(R14_benefit_list_with_duplicates_and_unknown_pays_the_good_ones_once),
        CASE(R14_nothing_is_paid_beyond_the_declared_total_or_count),
        CASE(R14_a_list_numbered_anew_pays_no_citizen_twice),
        CASE(a_batch_opened_again_goes_on_or_is_another),
        CASE(two_importers_at_the_same_moment_one_line_is_stale_and_none_paid_twice),
        CASE(contributions_reach_the_personal_account_once),
        CASE(cash_at_a_desk_lowers_what_the_desk_owes),
        CASE(R13_every_difference_of_the_day_is_one_item),
        CASE(a_list_in_pieces_finds_the_same),
        CASE(bad_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
