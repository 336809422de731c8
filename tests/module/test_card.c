/* The card module: which card it must be, and what of its PIN is asked for. */
#include "fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct fake f;

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static int ask(const char *service, const char *card)
{
    f.params[0] = (struct fake_pair){"card", card};
    return fake_decide(&onecard_module, NULL, service, &f);
}

static void R21_change_and_unblock_are_notes_that_ask_for_the_chips_pin(void **state)
{
    (void)state;
    assert_int_equal(ask("card.pin_change", NULL), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    assert_int_equal(f.plan.pin_job, OC_PIN_CHANGE);
    f.params[1] = (struct fake_pair){"checked", "identity card"};
    assert_int_equal(ask("card.pin_unblock", f.card.number), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    assert_int_equal(f.plan.pin_job, OC_PIN_UNBLOCK);
    assert_string_equal(fake_reply(&f.plan, "checked"), "identity card");
    assert_int_equal(fake_sum(&f.plan), 0);
}

static void another_card_than_the_one_named_is_refused(void **state)
{
    static const char *const services[] = {"card.pin_change", "card.pin_unblock"};
    char id[40];
    (void)state;
    id[0] = 'c';
    strcpy(id + 1, strchr(f.card.record_owner, ':') + 1);
    f.params[1] = (struct fake_pair){"checked", "passport"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask(services[i], "c999999"), OC_EREFUSED);
        assert_int_equal(f.plan.refused, OC_R_OTHER_CARD);
        assert_int_equal(f.plan.pin_job, 0);
        assert_int_equal(ask(services[i], "3199"), OC_EREFUSED);
        assert_int_equal(ask(services[i], id), 0);
        assert_int_equal(ask(services[i], f.card.number), 0);
    }
}

/* Whoever gets a new PIN is the holder from then on, for every service that asks for it. */
static void R21_nobody_gets_a_new_pin_before_he_was_known(void **state)
{
    (void)state;
    assert_int_equal(ask("card.pin_unblock", NULL), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_PARAMETER);
    f.params[1] = (struct fake_pair){"checked", "x"};
    assert_int_equal(ask("card.pin_unblock", NULL), OC_EREFUSED);
    assert_int_equal(f.plan.pin_job, 0);
}

static void how_the_holder_was_known_is_bounded(void **state)
{
    (void)state;
    f.params[1] = (struct fake_pair){
        "checked", "1234567890123456789012345678901234567890123456789012345678901234"};
    assert_int_equal(ask("card.pin_unblock", NULL), OC_EREFUSED);
    assert_int_equal(f.plan.refused, OC_R_PARAMETER);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(R21_change_and_unblock_are_notes_that_ask_for_the_chips_pin),
        T(another_card_than_the_one_named_is_refused),
        T(R21_nobody_gets_a_new_pin_before_he_was_known),
        T(how_the_holder_was_known_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
