/* How far behind: never told less than it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "copy/internal.h"
#include <string.h>

#define MS NS_PER_MS

static void level_is_zero(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l, 10);
    assert_int_equal(lag_rows(&l), 0);
    assert_int_equal(lag_ms(&l, 5000 * MS), 0);
    lag_head(&l, 20, 6000 * MS);
    lag_acked(&l, 20);
    assert_int_equal(lag_rows(&l), 0);
    assert_int_equal(lag_ms(&l, 9000 * MS), 0);
}

static void oldest_missing_row_counts(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l, 0);
    lag_head(&l, 5, 100 * MS);
    lag_head(&l, 9, 200 * MS);
    assert_int_equal(lag_rows(&l), 9);
    assert_int_equal(lag_ms(&l, 300 * MS), 200);
    lag_acked(&l, 5);
    assert_int_equal(lag_rows(&l), 4);
    assert_int_equal(lag_ms(&l, 300 * MS), 100);
    lag_acked(&l, 3); /* an old one: changes nothing */
    assert_int_equal(lag_rows(&l), 4);
}

static void after_very_many_marks_it_is_never_told_less_and_hardly_more(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l, 0);
    for (int64_t row = 1; row <= 10000; row++)
        lag_head(&l, row, row * MS);
    for (int64_t acked = 1; acked < 10000; acked += 37) {
        lag_acked(&l, acked);
        int64_t truth = 10000 - (acked + 1), told = lag_ms(&l, 10000 * MS);
        assert_in_range(told, truth, truth + 10000 / 30);
        assert_int_equal(lag_rows(&l), 10000 - acked);
    }
}

static void absent_copy_grows_older(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l, 0);
    lag_head(&l, 1, 1000 * MS);
    for (int64_t row = 2; row <= 5000; row++)
        lag_head(&l, row, (1000 + row) * MS);
    assert_int_equal(lag_ms(&l, 61000 * MS), 60000);
}

static void grain_is_fine_again_when_the_copy_is_level(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l, 0);
    for (int64_t row = 1; row <= 5000; row++)
        lag_head(&l, row, row * MS);
    lag_acked(&l, 5000);
    lag_head(&l, 5001, 6000 * MS);
    lag_head(&l, 5002, 6020 * MS);
    lag_acked(&l, 5001);
    assert_int_equal(lag_ms(&l, 6030 * MS), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(level_is_zero),
        cmocka_unit_test(oldest_missing_row_counts),
        cmocka_unit_test(after_very_many_marks_it_is_never_told_less_and_hardly_more),
        cmocka_unit_test(absent_copy_grows_older),
        cmocka_unit_test(grain_is_fine_again_when_the_copy_is_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
