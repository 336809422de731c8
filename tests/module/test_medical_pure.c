/* Medical: dates, numbers, recognition and interactions as functions. */
#include "medical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void days_between_dates_know_the_calendar(void **state)
{
    (void)state;
    assert_int_equal(date_days(20261121, 20261121), 0);
    assert_int_equal(date_days(20261231, 20270101), 1);
    assert_int_equal(date_days(20240228, 20240301), 2);
    assert_int_equal(date_days(20260228, 20260301), 1);
    assert_int_equal(date_days(20000101, 21000101), 36525);
    assert_int_equal(date_add(20240228, 1), 20240229);
    assert_int_equal(date_add(20261231, 1), 20270101);
    assert_int_equal(date_add(20270101, -1), 20261231);
    int32_t day = 19991231;
    for (int i = 0; i < 40000; i++) {
        int32_t next = date_add(day, 1);
        assert_true(next > day && date_ok(next) && date_days(day, next) == 1);
        day = next;
    }
}

static void dates_that_are_none_are_told(void **state)
{
    (void)state;
    static const int64_t wrong[] = {0,        20260229, 20261301, 20260001, 20260100,
                                    20260132, 2026112,  99999999, -5,       202611210};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(date_ok(wrong[i]));
    }
    assert_true(date_ok(20240229));
}

static void numbers_and_words_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(number_of("0830", 2359), 830);
    assert_int_equal(number_of("", 10), -1);
    assert_int_equal(number_of("-1", 10), -1);
    assert_int_equal(number_of("11", 10), -1);
    assert_int_equal(number_of("99999999999999999999", 29991231), -1);
    const char *at = " a, bb  ccc";
    char w[4];
    assert_true(next_word(&at, w, sizeof(w)) && strcmp(w, "a") == 0);
    assert_true(next_word(&at, w, sizeof(w)) && strcmp(w, "bb") == 0);
    assert_true(next_word(&at, w, sizeof(w)) && strcmp(w, "ccc") == 0);
    assert_false(next_word(&at, w, sizeof(w)));
    assert_non_null(at);
    at = "dddd";
    assert_false(next_word(&at, w, sizeof(w)));
    assert_null(at);
    assert_true(id_ok("B-1_x.2", 32));
    assert_false(id_ok("", 32));
    assert_false(id_ok("a/b", 32));
    assert_false(id_ok("12345", 4));
}

static void a_number_stands_for_hospital_and_id_together(void **state)
{
    (void)state;
    char a[14], b[14], c[14];
    text_hash("h1", "B1", a);
    text_hash("h1", "B1", b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 13);
    text_hash("h", "1B1", b);
    text_hash("h1", "B2", c);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
}

static void recognition_asks_which_how_old_made_where_and_read_where(void **state)
{
    (void)state;
    struct recognition r = recognise("30", 20261101, "h1", "h2", 20261201);
    assert_true(r.yes);
    assert_int_equal(r.until, 20261201);
    assert_false(recognise("30", 20261101, "h1", "h2", 20261202).yes);
    assert_false(recognise("30", 20261203, "h1", "h2", 20261202).yes); /* of tomorrow */
    assert_false(recognise(NULL, 20261101, "h1", "h2", 20261101).yes);
    assert_true(recognise("30 from h1,h2", 20261101, "h2", "h9", 20261101).yes);
    assert_false(recognise("30 from h1,h2", 20261101, "h3", "h9", 20261101).yes);
    assert_true(recognise("30 from h1 at h3", 20261101, "h1", "h3", 20261101).yes);
    assert_false(recognise("30 from h1 at h3", 20261101, "h3", "h3", 20261101).yes);
    assert_false(recognise("30 from h1 at h3", 20261101, "h1", "h1", 20261101).yes);
    assert_true(recognise("30 at h3", 20261101, "h7", "h3", 20261101).yes);
    assert_true(recognise("0", 20261101, "h7", "h3", 20261101).yes);
}

static void recognition_rules_of_another_form_are_told(void **state)
{
    (void)state;
    static const char *const right[] = {"30", "0", "90 from h1", "90 from h1,h2 at h3", "7 at a,b"};
    static const char *const wrong[] = {
        "", "x", "30 h1", "30 from", "30 from at", "30 from h1 at", "99999", "30 at from h1"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        assert_true(recognise_rule_ok(right[i]));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(recognise_rule_ok(wrong[i]));
    }
}

static void an_interaction_fits_in_either_order_by_beginnings(void **state)
{
    (void)state;
    assert_true(interaction_fits("B01A+N02BA", "B01AA03", "N02BA01"));
    assert_true(interaction_fits("B01A+N02BA", "N02BA01", "B01AA03"));
    assert_false(interaction_fits("B01A+N02BA", "B01AA03", "B01AA03"));
    assert_false(interaction_fits("B01A", "B01AA03", "N02BA01"));
    assert_false(interaction_fits("+N02BA", "B01AA03", "N02BA01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_between_dates_know_the_calendar),
        cmocka_unit_test(dates_that_are_none_are_told),
        cmocka_unit_test(numbers_and_words_are_bounded),
        cmocka_unit_test(a_number_stands_for_hospital_and_id_together),
        cmocka_unit_test(recognition_asks_which_how_old_made_where_and_read_where),
        cmocka_unit_test(recognition_rules_of_another_form_are_told),
        cmocka_unit_test(an_interaction_fits_in_either_order_by_beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
