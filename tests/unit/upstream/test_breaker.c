/* The breaker and the back-off, as pure data. */
#include "upstream_test.h"

static struct breaker fresh(void)
{
    return (struct breaker){.limit = 3, .open_ms = 1000, .open_max_ms = 4000};
}

static void failures_in_a_row_open_it_and_one_success_between_does_not(void **state)
{
    struct breaker b = fresh();
    (void)state;
    assert_false(breaker_bad(&b, 0, 512));
    assert_false(breaker_bad(&b, 0, 512));
    breaker_good(&b);
    assert_false(breaker_bad(&b, 0, 512));
    assert_false(breaker_bad(&b, 0, 512));
    assert_true(breaker_may(&b, 0));
    assert_true(breaker_bad(&b, 0, 512));
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(b.until_ns, 1000 * NS_PER_MS);
    assert_false(breaker_may(&b, 999 * NS_PER_MS));
}

static void one_probe_passes_when_it_was_open_long_enough(void **state)
{
    struct breaker b = fresh();
    (void)state;
    for (int i = 0; i < 3; i++)
        (void)breaker_bad(&b, 0, 512);
    assert_true(breaker_may(&b, 1000 * NS_PER_MS));
    assert_false(breaker_may(&b, 1001 * NS_PER_MS));
    breaker_good(&b);
    assert_true(breaker_may(&b, 1002 * NS_PER_MS));
    assert_int_equal(b.failures, 0);
}

static void probe_that_fails_opens_it_for_longer_up_to_the_most(void **state)
{
    struct breaker b = fresh();
    int64_t now = 0;
    const int64_t want[] = {1000, 2000, 4000, 4000};
    (void)state;
    (void)breaker_bad(&b, 0, 512);
    (void)breaker_bad(&b, 0, 512);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(breaker_bad(&b, now, 512));
        assert_int_equal(b.until_ns - now, want[i] * NS_PER_MS);
        now = b.until_ns;
        assert_true(breaker_may(&b, now));
    }
}

static void probe_that_tells_nothing_leaves_the_place_to_the_next(void **state)
{
    struct breaker b = fresh();
    (void)state;
    for (int i = 0; i < 3; i++)
        (void)breaker_bad(&b, 0, 512);
    assert_true(breaker_may(&b, 2000 * NS_PER_MS));
    breaker_nothing(&b);
    assert_true(breaker_may(&b, 2000 * NS_PER_MS));
}

static void failure_of_a_call_from_before_it_opened_changes_nothing(void **state)
{
    struct breaker b = fresh();
    (void)state;
    for (int i = 0; i < 3; i++)
        (void)breaker_bad(&b, 0, 512);
    assert_false(breaker_bad(&b, 500 * NS_PER_MS, 512));
    assert_int_equal(b.until_ns, 1000 * NS_PER_MS);
}

static void backoff_doubles_is_bounded_and_jitters_by_a_quarter(void **state)
{
    (void)state;
    assert_int_equal(upstream_backoff_ms(0, 1000, 60000, 512), 1000);
    assert_int_equal(upstream_backoff_ms(3, 1000, 60000, 512), 8000);
    assert_int_equal(upstream_backoff_ms(1000000, 1000, 60000, 512), 60000);
    assert_int_equal(upstream_backoff_ms(0, 1000, 60000, 0), 750);
    assert_true(upstream_backoff_ms(0, 1000, 60000, 1023) < 1250);
    assert_int_equal(upstream_backoff_ms(0, 1000, 500, 512), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it_and_one_success_between_does_not),
        cmocka_unit_test(one_probe_passes_when_it_was_open_long_enough),
        cmocka_unit_test(probe_that_fails_opens_it_for_longer_up_to_the_most),
        cmocka_unit_test(probe_that_tells_nothing_leaves_the_place_to_the_next),
        cmocka_unit_test(failure_of_a_call_from_before_it_opened_changes_nothing),
        cmocka_unit_test(backoff_doubles_is_bounded_and_jitters_by_a_quarter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
