/* Percentiles are right to a 64th. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hist.h"

static struct hist h, other;

static void percentiles_are_right_to_a_64th(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= 100000; i++)
        hist_add(&h, i * 1000);
    const double parts[] = {0.5, 0.9, 0.99, 0.999};
    for (unsigned i = 0; i < 4; i++) {
        double want = parts[i] * 1e8, got = (double)hist_at(&h, parts[i]);
        assert_true(got >= want && got <= want * (1 + 1.0 / 64) + 1);
    }
    assert_int_equal(hist_at(&h, 1), 100000000);
    assert_int_equal(h.max_ns, 100000000);
}

static void small_and_huge_durations_have_a_bucket(void **state)
{
    (void)state;
    hist_add(&other, 0);
    assert_int_equal(hist_at(&other, 0.5), 0);
    hist_add(&other, INT64_MAX);
    assert_int_equal(other.count, 2);
    assert_int_equal(hist_at(&other, 1), INT64_MAX);
    hist_merge(&h, &other);
    assert_int_equal(h.count, 100002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_right_to_a_64th),
        cmocka_unit_test(small_and_huge_durations_have_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
