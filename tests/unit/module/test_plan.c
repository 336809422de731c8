/* What a plan may be: each mistake of a module is found, and named. */
#include "module/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plan p;
static struct arena arena; /* the plan's documents' */

static int setup(void **state)
{
    (void)state;
    arena_fini(&arena);
    plan_init(&p, &arena, "test");
    return 0;
}

static int refuse(enum oc_reason reason, const char *fmt, ...) PRINTF_FN(2, 3);
static int refuse(enum oc_reason reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = plan_refuse(&p, reason, fmt, ap);
    va_end(ap);
    return rc;
}

static void nonsense(const char *words)
{
    assert_int_equal(plan_finish(&p), OC_EMODULE);
    if (!strstr(p.detail, words)) {
        fail_msg("\"%s\" does not say \"%s\"", p.detail, words);
    }
}

static void R6_finished_debit_has_the_purse_leg_first_and_sums_to_zero(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_DEBIT, 100);
    plan_set_gross(&p, 200);
    plan_add_leg(&p, OC_ACCT_MERCHANT, "buses", 200);
    plan_add_leg(&p, OC_ACCT_BEARER, "treasury", -100);
    assert_int_equal(plan_finish(&p), 0);
    assert_int_equal(p.leg_count, 3);
    assert_int_equal(p.legs[0].kind, OC_ACCT_PURSE);
    assert_int_equal(p.legs[0].amount, -100);
    assert_string_equal(p.legs[0].owner, "");
    assert_int_equal(p.gross, 200);
}

static void gross_defaults_to_the_amount(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_CREDIT, 500);
    plan_add_leg(&p, OC_ACCT_PENDING_LOAD, NULL, -500);
    assert_int_equal(plan_finish(&p), 0);
    assert_int_equal(p.gross, 500);
    assert_int_equal(p.legs[0].amount, 500);
}

static void empty_plan_moves_nothing(void **state)
{
    (void)state;
    plan_add_reply_int(&p, "n", 1);
    assert_int_equal(plan_finish(&p), 0);
    assert_int_equal(p.kind, OC_PLAN_NONE);
}

static void legs_that_do_not_sum_to_zero_are_nonsense(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_DEBIT, 100);
    plan_add_leg(&p, OC_ACCT_MERCHANT, "buses", 99);
    nonsense("sum to -1 fen");
}

static void amounts_out_of_bounds_are_nonsense(void **state)
{
    (void)state;
    static const struct {
        enum oc_plan_kind kind;
        fen_t amount;
    } bad[] = {{OC_PLAN_DEBIT, -1},         {OC_PLAN_DEBIT, ONECARD_AMOUNT_MAX + 1},
               {OC_PLAN_CREDIT, 0},         {OC_PLAN_ACCOUNT, 0},
               {OC_PLAN_CREDIT, INT64_MAX}, {OC_PLAN_DEBIT, INT64_MIN}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        plan_init(&p, &arena, "test");
        plan_set_kind(&p, bad[i].kind, bad[i].amount);
        nonsense("is not allowed");
    }
    static const fen_t legs[] = {0, ONECARD_AMOUNT_MAX + 1, -ONECARD_AMOUNT_MAX - 1, INT64_MIN,
                                 INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(legs); i++) {
        plan_init(&p, &arena, "test");
        plan_add_leg(&p, OC_ACCT_MERCHANT, "m", legs[i]);
        nonsense("is not allowed");
    }
}

static void legs_on_accounts_that_are_not_the_modules_are_nonsense(void **state)
{
    (void)state;
    static const int kinds[] = {0, OC_ACCT_PURSE, 7, 8, 9, 11, 15, 255, 256 + OC_ACCT_MERCHANT, -1};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        plan_init(&p, &arena, "test");
        plan_add_leg(&p, kinds[i], "x", 1);
        nonsense("may not name account kind");
    }
    plan_init(&p, &arena, "test");
    plan_add_leg(&p, OC_ACCT_PENDING_LOAD, "somebody", 1);
    nonsense("names no owner");
    plan_init(&p, &arena, "test");
    plan_add_leg(&p, OC_ACCT_MERCHANT, "", 1);
    nonsense("owner is empty");
    plan_init(&p, &arena, "test");
    plan_add_leg(&p, OC_ACCT_MERCHANT, "a-name-of-thirty-two-characters!", 1);
    nonsense("longer than 31");
}

static void too_many_legs_with_the_purse_are_nonsense(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_DEBIT, ONECARD_LEGS_MAX);
    for (int i = 0; i < ONECARD_LEGS_MAX; i++) {
        plan_add_leg(&p, OC_ACCT_MERCHANT, "m", 1);
    }
    nonsense("legs with the purse");
    plan_init(&p, &arena, "test");
    for (int i = 0; i <= ONECARD_LEGS_MAX; i++) {
        plan_add_leg(&p, OC_ACCT_MERCHANT, "m", 1);
    }
    nonsense("more than 12 legs");
}

static void two_kinds_in_one_plan_are_nonsense(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_DEBIT, 1);
    plan_set_kind(&p, OC_PLAN_CREDIT, 1);
    nonsense("kind already");
}

static void R14_free_ride_needs_a_journey_record(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_DEBIT, 0);
    nonsense("without a journey record");
    plan_init(&p, &arena, "test");
    plan_set_kind(&p, OC_PLAN_DEBIT, 0);
    plan_set_gross(&p, 200);
    plan_add_leg(&p, OC_ACCT_MERCHANT, "buses", 200);
    plan_add_leg(&p, OC_ACCT_BEARER, "treasury", -200);
    plan_add_capp_int(&p, "gross", 200);
    assert_int_equal(plan_finish(&p), 0);
    assert_int_equal(p.leg_count, 2);
}

static void what_does_not_go_with_its_kind_is_nonsense(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_CREDIT, 1);
    plan_add_capp_int(&p, "gross", 1);
    nonsense("with a debit only");
    plan_init(&p, &arena, "test");
    plan_set_kind(&p, OC_PLAN_CREDIT, 1);
    plan_set_refund(&p);
    nonsense("accounts only");
    plan_init(&p, &arena, "test");
    plan_set_kind(&p, OC_PLAN_ACCOUNT, 1);
    plan_add_leg(&p, OC_ACCT_MERCHANT, "m", 1);
    nonsense("two legs");
    plan_init(&p, &arena, "test");
    plan_set_kind(&p, OC_PLAN_DEBIT, 2);
    plan_set_gross(&p, 1);
    nonsense("more than the gross");
    plan_init(&p, &arena, "test");
    plan_add_event(&p, "x", "y");
    nonsense("nothing moves");
}

static void journey_value_set_twice_is_the_last_one(void **state)
{
    (void)state;
    plan_add_capp_text(&p, "line", "1");
    plan_add_capp_int(&p, "line", 2);
    assert_int_equal(p.capp_count, 1);
    assert_string_equal(plan_capp_get(&p, "line"), "2");
    assert_true(p.capp[0].is_int);
    assert_null(plan_capp_get(&p, "station"));
    plan_add_capp_text(&p, "line", "0123456789012345678901234567890123456789");
    assert_int_equal(p.err, OC_EMODULE);
}

static void records_are_bounded_and_unique(void **state)
{
    (void)state;
    plan_add_record(&p, "card:1", "visits", 3, "{\"n\":1}");
    assert_int_equal(p.record_count, 1);
    assert_int_equal(p.records[0].version_read, 3);
    plan_add_record(&p, "card:1", "visits", 3, "{\"n\":2}");
    nonsense("written twice");
    plan_init(&p, &arena, "test");
    for (int i = 0; i <= ONECARD_RECORDS_MAX; i++) {
        char key[2] = {(char)('a' + i), '\0'};
        plan_add_record(&p, "card:1", key, 0, "{}");
    }
    nonsense("more than");
}

static void slot_is_one_and_its_days_are_possible(void **state)
{
    static const struct {
        const char *app, *category, *words;
        int32_t from, until;
    } bad[] = {
        {"", "student", "application is empty", 0, 0},
        {"an application too long", "student", "longer than 15", 0, 0},
        {"transit", "a category of more than 23", "longer than 23", 0, 0},
        {"transit", "student", "not possible", 20261301, 0},
        {"transit", "student", "not possible", 20261122, 20261121},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        setup(state);
        plan_set_kind(&p, OC_PLAN_NOTE, 0);
        plan_set_slot(&p, bad[i].app, bad[i].category, bad[i].from, bad[i].until);
        nonsense(bad[i].words);
    }
    setup(state);
    plan_set_slot(&p, "transit", "student", 0, 0);
    nonsense("nothing moves");
    setup(state);
    plan_set_kind(&p, OC_PLAN_NOTE, 0);
    plan_set_slot(&p, "transit", "", 0, 0); /* none any more: enough for a note */
    assert_int_equal(plan_finish(&p), 0);
    plan_set_slot(&p, "transit", "student", 0, 0);
    nonsense("one slot at most");
}

static void slot_of_an_asked_service_goes_into_the_askers_plan(void **state)
{
    static struct plan asked;
    (void)state;
    plan_init(&asked, &arena, "other");
    asked.asked = true;
    plan_set_slot(&asked, "transit", "elder", 20261122, 0);
    plan_set_kind(&p, OC_PLAN_NOTE, 0);
    plan_merge(&p, &asked);
    assert_int_equal(plan_finish(&p), 0);
    assert_string_equal(p.slot.category, "elder");
    assert_int_equal(p.slot.from, 20261122);
    plan_merge(&p, &asked);
    nonsense("one slot at most");
}

static void first_mistake_is_the_one_that_is_told(void **state)
{
    (void)state;
    plan_add_leg(&p, OC_ACCT_MERCHANT, "m", 0);
    plan_set_gross(&p, -5);
    nonsense("a leg of 0 fen");
}

static void first_refusal_stays_and_an_unknown_reason_is_nonsense(void **state)
{
    (void)state;
    assert_int_equal(refuse(OC_R_LIMIT, "at most %d", 5), OC_EREFUSED);
    assert_int_equal(refuse(OC_R_FUNDS, "none"), OC_EREFUSED);
    assert_int_equal(p.refused, OC_R_LIMIT);
    assert_string_equal(p.detail, "at most 5");
    plan_init(&p, &arena, "test");
    assert_int_equal(refuse((enum oc_reason)9999, "?"), OC_EREFUSED);
    assert_int_equal(p.err, OC_EMODULE);
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup(x, setup)
    const struct CMUnitTest tests[] = {
        TEST(R6_finished_debit_has_the_purse_leg_first_and_sums_to_zero),
        TEST(gross_defaults_to_the_amount),
        TEST(empty_plan_moves_nothing),
        TEST(legs_that_do_not_sum_to_zero_are_nonsense),
        TEST(amounts_out_of_bounds_are_nonsense),
        TEST(legs_on_accounts_that_are_not_the_modules_are_nonsense),
        TEST(too_many_legs_with_the_purse_are_nonsense),
        TEST(two_kinds_in_one_plan_are_nonsense),
        TEST(R14_free_ride_needs_a_journey_record),
        TEST(what_does_not_go_with_its_kind_is_nonsense),
        TEST(journey_value_set_twice_is_the_last_one),
        TEST(records_are_bounded_and_unique),
        TEST(slot_is_one_and_its_days_are_possible),
        TEST(slot_of_an_asked_service_goes_into_the_askers_plan),
        TEST(first_mistake_is_the_one_that_is_told),
        TEST(first_refusal_stays_and_an_unknown_reason_is_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
