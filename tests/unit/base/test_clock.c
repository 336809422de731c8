#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <string.h>

#define CHINA 480

static void dates_agree_with_known_days(void **state)
{
    (void)state;
    assert_int_equal(city_date(0, 0), 19700101);
    assert_int_equal(city_date(-1, 0), 19691231);
    assert_int_equal(city_date(INT64_C(951782400000), 0), 20000229);
    assert_int_equal(city_date(INT64_C(4107542400000), 0), 21000301);
    assert_int_equal(city_date(INT64_C(4107542399999), 0), 21000228);
    /* 2026-11-20 16:00 UTC is midnight of the 21st in the city. */
    assert_int_equal(city_date(INT64_C(1795190399999), CHINA), 20261120);
    assert_int_equal(city_date(INT64_C(1795190400000), CHINA), 20261121);
}

static void every_day_follows_the_one_before(void **state)
{
    (void)state;
    date_t d = 18991230;
    for (int64_t day = -25568; day < 60000; day++) {
        date_t now = city_date(day * MS_PER_DAY, 0);
        if (!date_valid(now) || now != date_add(d, 1) || city_ms(now, 0, 0) != day * MS_PER_DAY)
            fail_msg("day %d gives %d after %d", (int)day, now, d);
        d = now;
    }
}

static void city_ms_is_the_inverse_of_city_date(void **state)
{
    (void)state;
    int64_t ms = city_ms(20261121, 8 * 60 + 30, CHINA);
    char out[20];
    assert_string_equal(city_text(ms, CHINA, out), "2026-11-21 08:30:00");
    assert_string_equal(city_text(ms + 5999, 0, out), "2026-11-21 00:30:05");
    uint8_t date[4], time[3];
    city_bcd(ms + 59000, CHINA, date, time);
    assert_memory_equal(date, "\x20\x26\x11\x21", 4);
    assert_memory_equal(time, "\x08\x30\x59", 3);
}

static void times_out_of_range_are_held_at_its_ends(void **state)
{
    (void)state;
    char out[20];
    assert_string_equal(city_text(INT64_MAX, CHINA, out), "9999-12-31 23:59:59");
    assert_string_equal(city_text(INT64_MIN, -CHINA, out), "0001-01-01 00:00:00");
    assert_int_equal(date_add(99991231, 1), 99991231);
    assert_int_equal(date_add(20260230, 1), 0);
}

static void impossible_dates_are_not_valid(void **state)
{
    (void)state;
    const date_t wrong[] = {0,        -20260101, 20260001, 20261301, 20260100,
                            20260132, 20260229,  21000229, 20260431, 100000101};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (date_valid(wrong[i]))
            fail_msg("%d taken as valid", wrong[i]);
    assert_true(date_valid(20240229));
    assert_true(date_valid(20000229));
}

static void date_texts_are_read_in_both_forms_and_refused_otherwise(void **state)
{
    (void)state;
    date_t d = 0;
    assert_int_equal(date_parse("2026-11-21", &d), 0);
    assert_int_equal(d, 20261121);
    assert_int_equal(date_parse("20240229", &d), 0);
    assert_int_equal(d, 20240229);
    const char *const wrong[] = {"",         "2026-1-21", "2026/11/21",
                                 "20261131", "2026112",   "2026-11-211",
                                 "20a61121", "-",         "2026-11 21"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (date_parse(wrong[i], &d) != OC_EINVAL)
            fail_msg("\"%s\" taken", wrong[i]);
    assert_int_equal(d, 20240229);
    char out[11];
    assert_string_equal(date_text(20240229, out), "2024-02-29");
    assert_string_equal(date_text(0, out), "-");
}

static void dates_on_cards_that_are_no_dates_are_none(void **state)
{
    (void)state;
    assert_int_equal(date_from_bcd((const uint8_t *)"\x20\x26\x11\x21"), 20261121);
    assert_int_equal(date_from_bcd((const uint8_t *)"\x00\x00\x00\x00"), 0);
    assert_int_equal(date_from_bcd((const uint8_t *)"\xFF\xFF\xFF\xFF"), 0);
    assert_int_equal(date_from_bcd((const uint8_t *)"\x20\x26\x13\x01"), 0);
    assert_int_equal(date_from_bcd((const uint8_t *)"\x20\x2A\x11\x01"), 0);
}

static void the_machine_clock_runs(void **state)
{
    (void)state;
    int64_t mono = clock_mono_ns(&clock_system);
    assert_true(clock_wall_ms(&clock_system) > INT64_C(1700000000000));
    assert_true(clock_mono_ns(&clock_system) >= mono);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_agree_with_known_days),
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(city_ms_is_the_inverse_of_city_date),
        cmocka_unit_test(times_out_of_range_are_held_at_its_ends),
        cmocka_unit_test(impossible_dates_are_not_valid),
        cmocka_unit_test(date_texts_are_read_in_both_forms_and_refused_otherwise),
        cmocka_unit_test(dates_on_cards_that_are_no_dates_are_none),
        cmocka_unit_test(the_machine_clock_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
