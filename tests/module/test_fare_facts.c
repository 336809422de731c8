/* R17: what a fare is made of: ways and their prices, claims, the table in force, moments. */
#include "modules/transit/fare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static fare_time at(int32_t date, int32_t time)
{
    return fare_time_of(date, time);
}

/* Rings 1-4; 1-zone 2.00, 2 zones 3.00, 3 or more 5.00; 11 to 41 is a pair of its own. */
static struct fare_pair zone_pairs[] = {{11, 41, 450}};
static struct fare_table zones = {
    .name = "zones",
    .from = 20260101,
    .kind = FARE_ZONES,
    .stations =
        {{11, 1, "a"}, {12, 1, "b"}, {21, 2, "c"}, {31, 3, "d"}, {41, 4, "e"}, {42, 4, "f"}},
    .station_count = 6,
    .bands = {{1, 200}, {2, 300}, {INT64_MAX, 500}},
    .band_count = 3,
    .pairs = zone_pairs,
    .pair_count = 1,
};
/* Up to 4 km 2.00, 8 km 3.00, 12 km 4.00, then 5.00. */
static int32_t metres[25];
static struct fare_table distance = {
    .name = "distance",
    .from = 20260101,
    .kind = FARE_DISTANCE,
    .stations = {{1, 0, ""}, {2, 0, ""}, {3, 0, ""}, {4, 0, ""}, {5, 0, ""}},
    .station_count = 5,
    .metres = metres,
    .bands = {{4000, 200}, {8000, 300}, {12000, 400}, {INT64_MAX, 500}},
    .band_count = 4,
};
/* ---- ways ---- */

static void zone_fares_go_by_zones_crossed_either_way_and_pairs_win(void **state)
{
    (void)state;
    static const uint32_t ids[] = {11, 12, 21, 31, 41, 42};
    static const fen_t want[6][6] = {
        {200, 200, 300, 500, 450, 500}, {200, 200, 300, 500, 500, 500},
        {300, 300, 200, 300, 500, 500}, {500, 500, 300, 200, 300, 300},
        {450, 500, 500, 300, 200, 200}, {500, 500, 500, 300, 200, 200},
    };
    for (size_t i = 0; i < 36; i++) {
        fen_t fare = -1;
        assert_true(fare_base(&zones, 0, ids[i / 6], ids[i % 6], &fare));
        if (fare != want[i / 6][i % 6]) {
            fail_msg("%u to %u: %lld", ids[i / 6], ids[i % 6], (long long)fare);
        }
    }
}

/* 1 -3.0km- 2 -1.0km- 3 -4.1km- 4 -9.0km- 5 */
static void distance_fares_change_right_after_each_bound(void **state)
{
    (void)state;
    static const int32_t place[] = {0, 3000, 4000, 8100, 17100};
    static const fen_t want[5][5] = {
        {200, 200, 200, 400, 500}, /* 0, 3.0, 4.0 (still 2.00), 8.1, 17.1 km */
        {200, 200, 200, 300, 500}, /* 3.0, 0, 1.0, 5.1, 14.1 */
        {200, 200, 200, 300, 500}, /* 4.0, 1.0, 0, 4.1, 13.1 */
        {400, 300, 300, 200, 400}, /* 8.1, 5.1, 4.1, 0, 9.0 */
        {500, 500, 500, 400, 200},
    };
    for (size_t i = 0; i < 25; i++) {
        metres[i] = abs(place[i / 5] - place[i % 5]);
    }
    for (size_t i = 0; i < 25; i++) {
        fen_t fare = -1;
        assert_true(fare_base(&distance, 0, (uint32_t)(i / 5 + 1), (uint32_t)(i % 5 + 1), &fare));
        if (fare != want[i / 5][i % 5]) {
            fail_msg("%zu to %zu: %lld", i / 5 + 1, i % 5 + 1, (long long)fare);
        }
    }
}

static void ways_that_the_table_does_not_know_have_no_fare(void **state)
{
    (void)state;
    static const struct {
        const struct fare_table *t;
        uint32_t from, to;
    } rows[] = {{&zones, 11, 13}, {&zones, 0, 11}, {&distance, 1, 6}, {&distance, 99, 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        fen_t fare = 777;
        assert_false(fare_base(rows[i].t, 0, rows[i].from, rows[i].to, &fare));
    }
    fen_t fare;
    static struct fare_table no_way;
    no_way = distance;
    int32_t none[25];
    memset(none, 0xFF, sizeof(none));
    no_way.metres = none;
    assert_false(fare_base(&no_way, 0, 1, 2, &fare));
    assert_int_equal(fare_dearest(&zones), 500);
    assert_int_equal(fare_cheapest(&zones), 200);
}

/* ---- claims ---- */

#define TODAY 20261121
static void R17_a_claim_of_the_ledger_counts_unless_the_card_contradicts(void **state)
{
    (void)state;
    static const struct {
        struct fare_claim card, ledger;
        const char *category;
        bool mismatch;
    } cases[] = {
        {{"", 0, 0}, {"", 0, 0}, "", false},
        {{"adult", 0, 0}, {"", 0, 0}, "", false},
        {{"adult", 0, 20300101}, {"adult", 0, 0}, "", false},
        {{"student", 0, 20270630}, {"student", 20260901, 20270630}, "student", false},
        {{"student", 0, 0}, {"student", 0, 0}, "student", false},
        {{"student", 0, TODAY}, {"student", TODAY, TODAY}, "student", false},
        {{"student", 0, 0}, {"", 0, 0}, "", true},
        /* renewed at a desk, or a card without a place for it: the chip was not written */
        {{"", 0, 0}, {"student", 0, 0}, "student", false},
        {{"adult", 0, 0}, {"student", 0, 0}, "student", false},
        {{"student", 0, 20261120}, {"elder", 0, 0}, "elder", false},
        {{"", 0, 0}, {"student", 0, 20261120}, "", false},
        {{"student", 0, 0}, {"elder", 0, 0}, "", true},
        {{"student", 0, 20261120}, {"student", 0, 0}, "student", false},
        {{"student", 0, 0}, {"student", 0, 20261120}, "", true},
        {{"student", 0, 0}, {"student", 20261122, 0}, "", true},
        /* both ran out yesterday: they agree that there is none */
        {{"student", 0, 20261120}, {"student", 0, 20261120}, "", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool mismatch = !cases[i].mismatch;
        const char *c = fare_category(&cases[i].card, &cases[i].ledger, TODAY, &mismatch);
        if (strcmp(c, cases[i].category) != 0 || mismatch != cases[i].mismatch) {
            fail_msg("case %zu: \"%s\"", i, c);
        }
    }
}

/* ---- tables in force ---- */

static void R17_the_table_in_force_is_the_newest_that_has_begun(void **state)
{
    (void)state;
    static struct fare_table a = {.name = "m", .from = 20260101},
                             b = {.name = "m", .from = 20261201},
                             c = {.name = "m", .from = 20270101, .until = 20270131},
                             other = {.name = "n", .from = 20270101};
    struct fare_table *list[] = {&a, &b, &c, &other};
    struct fare_set set = {list, 4};
    assert_null(fare_table_at(&set, "m", at(20251231, 235959)));
    assert_ptr_equal(fare_table_at(&set, "m", at(20260101, 0)), &a);
    assert_ptr_equal(fare_table_at(&set, "m", at(20261130, 235959)), &a);
    assert_ptr_equal(fare_table_at(&set, "m", at(20261201, 0)), &b);
    assert_ptr_equal(fare_table_at(&set, "m", at(20270131, 235959)), &c);
    assert_ptr_equal(fare_table_at(&set, "m", at(20270201, 0)), &b);
    assert_null(fare_table_at(&set, "x", at(20270201, 0)));
}

/* ---- the calendar ---- */

static void moments_go_there_and_back(void **state)
{
    (void)state;
    static const int32_t days[] = {19700101, 19991231, 20000229, 20240229,
                                   20260301, 20261121, 21000228};
    for (size_t i = 0; i < COUNT(days); i++) {
        fare_time t = fare_time_of(days[i], 235959), back = 0;
        char stamp[15];
        assert_int_equal(fare_date(t), days[i]);
        assert_int_equal(fare_second(t), 86399);
        fare_stamp(t, stamp);
        assert_true(fare_stamp_read(stamp, &back));
        assert_int_equal(back, t);
    }
    assert_int_equal(fare_weekday(fare_time_of(20261121, 0)), 5); /* a Saturday */
    assert_int_equal(fare_date_add(20261231, 1), 20270101);
    assert_int_equal(fare_date_add(20240228, 1), 20240229);
    assert_false(fare_date_ok(20260229));
    assert_false(fare_date_ok(20261301));
    /* 2026-11-21 00:30 UTC is 08:30 in the city, or 19:30 of the day before elsewhere */
    fare_time utc = fare_time_of(20261121, 3000);
    assert_int_equal(fare_time_now(utc * 1000, 83000), fare_time_of(20261121, 83000));
    assert_int_equal(fare_time_now(utc * 1000, 193000), fare_time_of(20261120, 193000));
    assert_int_equal(fare_time_now(fare_time_of(20261121, 233000) * 1000, 73000),
                     fare_time_of(20261122, 73000));
}

static void moments_in_words_are_read_or_refused(void **state)
{
    (void)state;
    fare_time t = 0;
    assert_true(fare_time_read("2026-12-01 08:30", &t));
    assert_int_equal(t, fare_time_of(20261201, 83000));
    assert_true(fare_time_read("2026-12-01T08:30:15", &t));
    assert_int_equal(t, fare_time_of(20261201, 83015));
    assert_true(fare_time_read("2026-12-01", &t));
    static const char *const bad[] = {"",
                                      "today",
                                      "2026-02-30",
                                      "2026-12-01 24:00",
                                      "2026-12-01 08-30",
                                      "2026-12-01 08:61",
                                      "2026-12-01x08:30",
                                      "2026-12-01 08:30:",
                                      "2026-1-01 008:30",
                                      "2026-12-01 0a:30"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(fare_time_read(bad[i], &t));
    }
}

static void percent_texts_are_read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int percent; /* -1: refused */
    } cases[] = {{"50%", 50},  {"50", 50}, {"free", 0},         {"0%", 0},    {"100%", 100},
                 {"101%", -1}, {"", -1},   {"%", -1},           {"half", -1}, {"5 0", -1},
                 {"50%%", -1}, {"-1", -1}, {"99999999999", -1}, {"50.5%", -1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned percent = 777;
        bool ok = fare_percent(cases[i].text, &percent);
        if (ok != (cases[i].percent >= 0) || percent != (ok ? (unsigned)cases[i].percent : 777)) {
            fail_msg("\"%s\" gave %u", cases[i].text, percent);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_fares_go_by_zones_crossed_either_way_and_pairs_win),
        cmocka_unit_test(distance_fares_change_right_after_each_bound),
        cmocka_unit_test(ways_that_the_table_does_not_know_have_no_fare),
        cmocka_unit_test(R17_a_claim_of_the_ledger_counts_unless_the_card_contradicts),
        cmocka_unit_test(R17_the_table_in_force_is_the_newest_that_has_begun),
        cmocka_unit_test(moments_go_there_and_back),
        cmocka_unit_test(moments_in_words_are_read_or_refused),
        cmocka_unit_test(percent_texts_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
