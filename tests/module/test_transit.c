/* The transit module against the fake host: postings, journey values, the second tap. */
#include "fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fake f;
static void *ctx;
static const struct onecard_conf conf = {
    .module = &onecard_module,
    .values = {{"same_card_seconds", "60"},
               {"concessions.student", "50%"},
               {"concessions.elder", "free"},
               {"bearers.student", "education"},
               {"category_codes.student", "02"}},
};

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    f.req.terminal.id = "bus-7";
    f.req.terminal.kind = "bus";
    f.req.terminal.participant = "buses";
    return fake_load(&onecard_module, &conf, &ctx);
}

static int teardown(void **state)
{
    (void)state;
    onecard_module.unload(ctx);
    return 0;
}

static int ride(void)
{
    return fake_decide(&onecard_module, ctx, "transit.ride", &f);
}

static void category(const char *name)
{
    f.card.card_category = name;
    f.card.ledger_category = name;
}

static void terminal_param(size_t i, const char *name, const char *value)
{
    f.terminal_params[i] = (struct fake_pair){name, value};
}

static void sound(int rc, fen_t citizen, fen_t gross)
{
    assert_int_equal(rc, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(f.plan.amount, citizen);
    assert_int_equal(f.plan.gross, gross);
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "buses"), gross);
    assert_false(f.plan.overrun);
}

static void refused(int rc, enum oc_reason reason)
{
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(f.plan.refused, reason);
}

static void ride_without_category_pays_the_configured_fare(void **state)
{
    (void)state;
    sound(ride(), 200, 200);
    assert_int_equal(f.plan.leg_count, 1);
    assert_int_equal(f.plan.event_count, 0);
}

static void terminals_own_fare_wins_and_a_wrong_one_is_refused(void **state)
{
    (void)state;
    terminal_param(0, "fare", "3.50");
    sound(ride(), 350, 350);
    terminal_param(0, "fare", "cheap");
    refused(ride(), OC_R_TERMINAL_MAY_NOT);
    terminal_param(0, "fare", "0");
    refused(ride(), OC_R_TERMINAL_MAY_NOT);
}

static void R14_student_pays_half_and_the_bearer_the_rest(void **state)
{
    (void)state;
    category("student");
    sound(ride(), 100, 200);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_BEARER, "education"), -100);
    assert_string_equal(fake_reply(&f.plan, "borne_fen"), "100");
    assert_string_equal(fake_capp(&f.plan, "category"), "02");
}

static void R14_free_ride_is_a_zero_capp_borne_by_the_treasury(void **state)
{
    (void)state;
    category("elder");
    sound(ride(), 0, 200);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_BEARER, "treasury"), -200);
    assert_true(f.plan.capp_count > 0);
    assert_null(fake_capp(&f.plan, "category"));
}

static void free_ride_on_a_card_without_journey_record_is_refused(void **state)
{
    (void)state;
    category("elder");
    f.card.has_capp = false;
    refused(ride(), OC_R_UNSUPPORTED_CARD);
    category("student");
    sound(ride(), 100, 200);
    assert_int_equal(f.plan.capp_count, 0);
}

static void R14_mismatching_category_pays_in_full_and_raises_an_event(void **state)
{
    (void)state;
    f.card.card_category = "student";
    sound(ride(), 200, 200);
    assert_int_equal(f.plan.event_count, 1);
    assert_string_equal(f.plan.events[0].kind, "category_mismatch");
    assert_non_null(strstr(f.plan.events[0].text, "student"));
    assert_non_null(strstr(f.plan.events[0].text, "nothing"));
}

static void journey_carries_what_the_terminal_says(void **state)
{
    (void)state;
    terminal_param(0, "line", "0007");
    terminal_param(1, "station", "12");
    terminal_param(2, "colour", "red");
    sound(ride(), 200, 200);
    assert_string_equal(fake_capp(&f.plan, "line"), "0007");
    assert_string_equal(fake_capp(&f.plan, "station"), "12");
    assert_string_equal(fake_capp(&f.plan, "gross"), "200");
    assert_null(fake_capp(&f.plan, "colour"));
}

static void tapped_here(int64_t seconds_ago)
{
    f.card.last_service = "transit.ride";
    f.card.last_terminal = "bus-7";
    f.card.last_ms = f.req.now_ms - seconds_ago * 1000;
}

static void R8_same_card_within_the_interval_is_refused(void **state)
{
    (void)state;
    tapped_here(59);
    refused(ride(), OC_R_SAME_CARD);
    tapped_here(60);
    sound(ride(), 200, 200);
    tapped_here(-5); /* the clock stepped back */
    refused(ride(), OC_R_SAME_CARD);
}

static void R8_other_gate_other_service_or_no_interval_is_a_ride(void **state)
{
    (void)state;
    tapped_here(1);
    f.card.last_terminal = "bus-8";
    sound(ride(), 200, 200);
    tapped_here(1);
    f.card.last_service = "payment.load";
    sound(ride(), 200, 200);
    tapped_here(1);
    terminal_param(0, "same_card_seconds", "0");
    sound(ride(), 200, 200);
    terminal_param(0, "same_card_seconds", "soon");
    refused(ride(), OC_R_TERMINAL_MAY_NOT);
}

static void R8_companion_rides_at_full_fare(void **state)
{
    (void)state;
    category("student");
    tapped_here(1);
    f.params[0] = (struct fake_pair){"companion", "yes"};
    sound(ride(), 200, 200);
    assert_string_equal(fake_reply(&f.plan, "companion"), "yes");
    f.params[0].value = "perhaps";
    refused(ride(), OC_R_PARAMETER);
    f.params[0] = (struct fake_pair){NULL, NULL};
    terminal_param(0, "companion", "yes");
    sound(ride(), 200, 200);
    tapped_here(3600); /* not a second tap: the card's own ride */
    sound(ride(), 100, 200);
    f.params[0] = (struct fake_pair){"companion", "no"};
    tapped_here(1);
    refused(ride(), OC_R_SAME_CARD);
}

static void R14_concession_that_nobody_bears_is_a_configuration_mistake(void **state)
{
    (void)state;
    static const struct onecard_conf bad[] = {
        {&onecard_module, {{"concessions.student", "50%"}, {"bearer", ""}}},
        {&onecard_module, {{"concessions.student", "half"}}},
        {&onecard_module, {{"bearers.student", "education"}}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        void *own;
        assert_int_equal(fake_load(&onecard_module, &bad[i], &own), OC_EINVAL);
    }
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(ride_without_category_pays_the_configured_fare),
        TEST(terminals_own_fare_wins_and_a_wrong_one_is_refused),
        TEST(R14_student_pays_half_and_the_bearer_the_rest),
        TEST(R14_free_ride_is_a_zero_capp_borne_by_the_treasury),
        TEST(free_ride_on_a_card_without_journey_record_is_refused),
        TEST(R14_mismatching_category_pays_in_full_and_raises_an_event),
        TEST(journey_carries_what_the_terminal_says),
        TEST(R8_same_card_within_the_interval_is_refused),
        TEST(R8_other_gate_other_service_or_no_interval_is_a_ride),
        TEST(R8_companion_rides_at_full_fare),
        TEST(R14_concession_that_nobody_bears_is_a_configuration_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
