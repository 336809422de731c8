/* R17: the fare as tables of cases. Prices and expectations in fen; the computation stands beside
 * what is not obvious. */
#include "modules/transit/fare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- the tables ---- */

/* Everything at once: 2.00, line 9 costs 3.50. */
static struct fare_table bus = {
    .name = "bus",
    .from = 20260101,
    .kind = FARE_FLAT,
    .flat = 200,
    .lines = {{9, 350}},
    .line_count = 1,
    .hours = {{.days = 0x1F, .from = 9 * 3600, .to = 16 * 3600, .percent = 90}},
    .hours_count = 1,
    .concessions = {{"student", {{{"education", true, 100}}, 1}, 50, 0, FARE_PER_YEAR, 100},
                    {"elder", {{{"civil", true, 100}}, 1}, 0, 3, FARE_PER_YEAR, 100},
                    {"veteran", {{{"civil", true, 100}}, 1}, 33, 2, FARE_PER_MONTH, 66},
                    {"worker", {{{"civil", true, 100}}, 1}, 75, 1, FARE_PER_DAY, 100}},
    .concession_count = 4,
    .transfer = {.window = 5400,
                 .off = 100,
                 .most = 2,
                 .after = {"metro", "bus"},
                 .after_count = 2,
                 .borne = {{{"", false, 50}, {"metro", false, 30}, {"treasury", true, 20}}, 3}},
    .day_cap = 600,
    .month_cap = 5000,
    .caps_shared = true,
    .steps = {{2000, 80}, {3000, 50}},
    .step_count = 2,
    .passes = {{.id = "month", .days = 30}, {.id = "ten", .days = 90, .rides = 10, .up_to = 200}},
    .pass_count = 2,
};

static fare_time at(int32_t date, int32_t time)
{
    return fare_time_of(date, time);
}

/* ---- one rule at a time ---- */

enum { FRI = 20261120, SAT = 20261121, SUN = 20261122, MON = 20261123 };

/* `sums` in one text: day, day_fen, month, month_fen, minutes since the last ride's end (-1: none),
 * its table, its line, transfers, quota_period, quota_used. */
struct row {
    int32_t date, time;
    uint32_t line;
    const char *category, *sums;
    fen_t gross, citizen;
    int cut; /* the only or the last one; 0: none */
};

static const struct row rows[] = {
    /* the plain price */
    {SAT, 83000, 0, "", "", 200, 200, 0},
    {SAT, 83000, 9, "", "", 350, 350, 0},
    {SAT, 83000, 8, "", "", 200, 200, 0},
    {SAT, 0, 0, "", "", 200, 200, 0},
    {SAT, 235959, 0, "", "", 200, 200, 0},
    {SAT, 83000, 0, "adult", "", 200, 200, 0},
    {SAT, 83000, 0, "nobody", "", 200, 200, 0},
    /* hours: 9:00 to 16:00 on weekdays pay 90% */
    {FRI, 85959, 0, "", "", 200, 200, 0},
    {FRI, 90000, 0, "", "", 200, 180, FARE_CUT_HOURS},
    {FRI, 120000, 0, "", "", 200, 180, FARE_CUT_HOURS},
    {FRI, 155959, 0, "", "", 200, 180, FARE_CUT_HOURS},
    {FRI, 160000, 0, "", "", 200, 200, 0},
    {SAT, 120000, 0, "", "", 200, 200, 0},
    {SUN, 120000, 0, "", "", 200, 200, 0},
    {MON, 120000, 0, "", "", 200, 180, FARE_CUT_HOURS},
    {MON, 120000, 9, "", "", 350, 315, FARE_CUT_HOURS},
    /* concessions */
    {SAT, 83000, 0, "student", "", 200, 100, FARE_CUT_CONCESSION},
    {SAT, 83000, 9, "student", "", 350, 175, FARE_CUT_CONCESSION},
    {FRI, 120000, 0, "student", "", 200, 90, FARE_CUT_CONCESSION},
    {FRI, 120000, 9, "student", "", 350, 158, FARE_CUT_CONCESSION}, /* 315 / 2 = 157.5 */
    {SAT, 83000, 0, "elder", "", 200, 0, FARE_CUT_CONCESSION},
    {SAT, 83000, 0, "veteran", "", 200, 66, FARE_CUT_CONCESSION},
    {SAT, 83000, 9, "veteran", "", 350, 116, FARE_CUT_CONCESSION}, /* 115.5 */
    /* quotas: elder 3 a year, veteran 2 a month then 66%, worker 1 a day */
    {SAT, 83000, 0, "elder", "0 0 0 0 -1 - 0 0 2026 2", 200, 0, FARE_CUT_CONCESSION},
    {SAT, 83000, 0, "elder", "0 0 0 0 -1 - 0 0 2026 3", 200, 200, 0},
    {SAT, 83000, 0, "elder", "0 0 0 0 -1 - 0 0 2026 99", 200, 200, 0},
    {SAT, 83000, 0, "elder", "0 0 0 0 -1 - 0 0 2025 3", 200, 0, FARE_CUT_CONCESSION},
    {20270101, 0, 0, "elder", "0 0 0 0 -1 - 0 0 2026 3", 200, 0, FARE_CUT_CONCESSION},
    {20261231, 235959, 0, "elder", "0 0 0 0 -1 - 0 0 2026 3", 200, 200, 0},
    {SAT, 83000, 0, "veteran", "0 0 0 0 -1 - 0 0 202611 1", 200, 66, FARE_CUT_CONCESSION},
    {SAT, 83000, 0, "veteran", "0 0 0 0 -1 - 0 0 202611 2", 200, 132, FARE_CUT_CONCESSION},
    {20261201, 83000, 0, "veteran", "0 0 0 0 -1 - 0 0 202611 2", 200, 66, FARE_CUT_CONCESSION},
    {SAT, 83000, 0, "worker", "0 0 0 0 -1 - 0 0 20261121 0", 200, 150, FARE_CUT_CONCESSION},
    {SAT, 83000, 0, "worker", "0 0 0 0 -1 - 0 0 20261121 1", 200, 200, 0},
    {SUN, 83000, 0, "worker", "0 0 0 0 -1 - 0 0 20261121 1", 200, 150, FARE_CUT_CONCESSION},
    {SAT, 83000, 0, "student", "0 0 0 0 -1 - 0 0 2026 99", 200, 100, FARE_CUT_CONCESSION},
    /* the month's steps: over 20.00 80%, over 30.00 50% */
    {SAT, 83000, 0, "", "0 0 202611 1999 -1 - 0 0 0 0", 200, 200, 0},
    {SAT, 83000, 0, "", "0 0 202611 2000 -1 - 0 0 0 0", 200, 200, 0},
    {SAT, 83000, 0, "", "0 0 202611 2001 -1 - 0 0 0 0", 200, 160, FARE_CUT_STEP},
    {SAT, 83000, 0, "", "0 0 202611 3000 -1 - 0 0 0 0", 200, 160, FARE_CUT_STEP},
    {SAT, 83000, 0, "", "0 0 202611 3001 -1 - 0 0 0 0", 200, 100, FARE_CUT_STEP},
    {SAT, 83000, 0, "", "0 0 202610 3001 -1 - 0 0 0 0", 200, 200, 0},
    {20261201, 0, 0, "", "0 0 202611 3001 -1 - 0 0 0 0", 200, 200, 0},
    {SAT, 83000, 0, "student", "0 0 202611 2001 -1 - 0 0 0 0", 200, 80, FARE_CUT_STEP},
    {FRI, 120000, 9, "", "0 0 202611 3001 -1 - 0 0 0 0", 350, 158, FARE_CUT_STEP},
    /* transfers: 1.00 less within 90 minutes of the last ride's end, twice in a row */
    {SAT, 83000, 0, "", "0 0 0 0 0 metro 1 0 0 0", 200, 100, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "", "0 0 0 0 89 metro 1 0 0 0", 200, 100, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "", "0 0 0 0 90 metro 1 0 0 0", 200, 100, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "", "0 0 0 0 91 metro 1 0 0 0", 200, 200, 0},
    {SAT, 83000, 0, "", "0 0 0 0 -5 metro 1 0 0 0", 200, 200,
     0}, /* it ended later: a clock is wrong */
    {SAT, 83000, 0, "", "0 0 0 0 10 metro 1 1 0 0", 200, 100, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "", "0 0 0 0 10 metro 1 2 0 0", 200, 200, 0},
    {SAT, 83000, 0, "", "0 0 0 0 10 ferry 1 0 0 0", 200, 200, 0},
    {SAT, 83000, 7, "", "0 0 0 0 10 bus 8 0 0 0", 200, 100, FARE_CUT_TRANSFER},
    {SAT, 83000, 7, "", "0 0 0 0 10 bus 7 0 0 0", 200, 200, 0}, /* back on the same line */
    {SAT, 83000, 7, "", "0 0 0 0 10 metro 7 0 0 0", 200, 100, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "", "0 0 0 0 10 bus 0 0 0 0", 200, 100, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "student", "0 0 0 0 10 metro 1 0 0 0", 200, 0, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "veteran", "0 0 0 0 10 metro 1 0 0 0", 200, 0, FARE_CUT_TRANSFER},
    {SAT, 83000, 0, "elder", "0 0 0 0 10 metro 1 0 0 0", 200, 0, FARE_CUT_CONCESSION},
    {SAT, 83000, 9, "student", "0 0 0 0 10 metro 1 0 0 0", 350, 75, FARE_CUT_TRANSFER},
    {SAT, 500, 0, "", "20261120 200 202611 200 30 metro 1 0 0 0", 200, 100, FARE_CUT_TRANSFER},
    /* caps: 6.00 a day, 50.00 a month */
    {SAT, 83000, 0, "", "20261121 400 0 0 -1 - 0 0 0 0", 200, 200, 0},
    {SAT, 83000, 0, "", "20261121 401 0 0 -1 - 0 0 0 0", 200, 199, FARE_CUT_CAP},
    {SAT, 83000, 0, "", "20261121 500 0 0 -1 - 0 0 0 0", 200, 100, FARE_CUT_CAP},
    {SAT, 83000, 0, "", "20261121 599 0 0 -1 - 0 0 0 0", 200, 1, FARE_CUT_CAP},
    {SAT, 83000, 0, "", "20261121 600 0 0 -1 - 0 0 0 0", 200, 0, FARE_CUT_CAP},
    {SAT, 83000, 0, "", "20261121 900 0 0 -1 - 0 0 0 0", 200, 0, FARE_CUT_CAP},
    {SAT, 83000, 0, "", "20261120 600 0 0 -1 - 0 0 0 0", 200, 200, 0},
    {SUN, 0, 0, "", "20261121 600 0 0 -1 - 0 0 0 0", 200, 200, 0},
    {SAT, 83000, 0, "", "0 0 202611 4950 -1 - 0 0 0 0", 200, 50,
     FARE_CUT_CAP}, /* 100 by the step */
    {SAT, 83000, 0, "", "0 0 202611 5000 -1 - 0 0 0 0", 200, 0, FARE_CUT_CAP},
    {SAT, 83000, 0, "", "20261121 550 202611 4970 -1 - 0 0 0 0", 200, 30, FARE_CUT_CAP},
    {SAT, 83000, 0, "", "20261121 580 202611 4900 -1 - 0 0 0 0", 200, 20, FARE_CUT_CAP},
    {SAT, 83000, 0, "student", "20261121 560 0 0 -1 - 0 0 0 0", 200, 40, FARE_CUT_CAP},
    /* all of it: 350 -> 315 (hours) -> 158 (student) -> 126 (steps 80%) -> 26 (transfer) -> 20
       (cap) */
    {FRI, 120000, 9, "student", "20261120 580 202611 2500 10 metro 1 0 0 0", 350, 20, FARE_CUT_CAP},
};

static struct fare_sums sums_of(const struct row *r)
{
    struct fare_sums s = {.day = 0};
    long long day = 0, month = 0;
    int minutes = -1;
    if (*r->sums) {
        int n = sscanf(r->sums, "%d %lld %d %lld %d %31s %u %u %d %u", &s.day, &day, &s.month,
                       &month, &minutes, s.last_table, &s.last_line, &s.transfers, &s.quota_period,
                       &s.quota_used);
        assert_int_equal(n, 10);
    }
    s.day_fen = day;
    s.month_fen = month;
    s.last_end = minutes == -1 ? 0 : at(r->date, r->time) - minutes * 60;
    return s;
}

static fen_t sum_of(const struct fare *f, const char *op)
{
    struct fare_leg legs[FARE_LEGS_MAX];
    unsigned n = fare_legs(f, op, legs);
    fen_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += legs[i].amount;
    }
    return sum;
}

static void R17_R14_fare_of_each_row_is_as_tabled_and_every_fen_has_a_bearer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *r = &rows[i];
        struct fare_sums s = sums_of(r);
        struct fare_ride ride = {.at = at(r->date, r->time),
                                 .end = at(r->date, r->time),
                                 .line = r->line,
                                 .category = r->category};
        struct fare f;
        fen_t cuts = 0;
        assert_true(fare_quote(&bus, &ride, &s, &f));
        for (unsigned k = 0; k < f.cut_count; k++) {
            cuts += f.cuts[k].amount;
        }
        int last = f.cut_count ? (int)f.cuts[f.cut_count - 1].kind : 0;
        if (f.gross != r->gross || f.citizen != r->citizen || last != r->cut ||
            f.citizen + cuts != f.gross || sum_of(&f, "op") != f.citizen) {
            fail_msg("row %zu: gross %lld, citizen %lld, last cut %d", i, (long long)f.gross,
                     (long long)f.citizen, last);
        }
    }
}

/* ---- passes, surcharge, plain ---- */

static void a_pass_covers_rides_in_its_days_up_to_its_price_and_counts_them(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int32_t from, until, left, date;
        uint32_t line;
        fen_t citizen;
        int32_t left_after;
    } cases[] = {
        {"month", 20261101, 20261130, -1, 20261121, 0, 0, -1},
        {"month", 20261101, 20261130, -1, 20261121, 9, 0, -1},
        {"month", 20261101, 20261130, -1, 20261101, 0, 0, -1},
        {"month", 20261101, 20261130, -1, 20261130, 0, 0, -1},
        {"month", 20261101, 20261130, -1, 20261031, 0, 200, -1},
        {"month", 20261101, 20261130, -1, 20261201, 0, 200, -1},
        {"ten", 20261101, 20270129, 10, 20261121, 0, 0, 9},
        {"ten", 20261101, 20270129, 1, 20261121, 0, 0, 0},
        {"ten", 20261101, 20270129, 0, 20261121, 0, 200, 0},
        {"ten", 20261101, 20270129, 5, 20261121, 9, 350, 5}, /* dearer than it covers */
        {"gone", 20261101, 20270129, 5, 20261121, 0, 200, 5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fare_sums s = {.day = 0};
        strcpy(s.passes[1].id, cases[i].id);
        strcpy(s.passes[1].table, "bus");
        s.passes[1].from = cases[i].from;
        s.passes[1].until = cases[i].until;
        s.passes[1].left = cases[i].left;
        struct fare_ride ride = {.at = at(cases[i].date, 80000), .line = cases[i].line};
        struct fare f;
        assert_true(fare_quote(&bus, &ride, &s, &f));
        fare_count(&bus, &ride, &f, &s);
        if (f.citizen != cases[i].citizen || s.passes[1].left != cases[i].left_after ||
            sum_of(&f, "op") != f.citizen) {
            fail_msg("case %zu: %lld, left %d", i, (long long)f.citizen, s.passes[1].left);
        }
    }
}

static void a_surcharge_is_lessened_by_nothing_and_counts_in_no_cap(void **state)
{
    (void)state;
    struct fare_sums s = {.day = SAT, .day_fen = 600};
    struct fare_ride ride = {
        .at = at(SAT, 80000), .end = at(SAT, 130000), .surcharge = 300, .category = "student"};
    struct fare f;
    assert_true(fare_quote(&bus, &ride, &s, &f));
    assert_int_equal(f.gross, 500);
    assert_int_equal(f.citizen, 300);
    fare_count(&bus, &ride, &f, &s);
    assert_int_equal(s.day_fen, 600);
    assert_int_equal(s.last_end, at(SAT, 130000));
}

static void a_companion_pays_in_full_and_counts_for_nothing(void **state)
{
    (void)state;
    struct fare_sums s = {.day = SAT, .day_fen = 600}, before = s;
    struct fare_ride ride = {.at = at(SAT, 80000), .category = "elder", .plain = true};
    struct fare f;
    assert_true(fare_quote(&bus, &ride, &s, &f));
    assert_int_equal(f.citizen, 200);
    fare_count(&bus, &ride, &f, &s);
    assert_memory_equal(&s, &before, sizeof(s));
}

static void a_price_of_its_own_may_be_nothing(void **state)
{
    (void)state;
    struct fare_sums s = {.day = 0};
    struct fare_ride ride = {.at = at(SAT, 80000), .priced = true};
    struct fare f;
    assert_true(fare_quote(&bus, &ride, &s, &f));
    assert_int_equal(f.gross, 0);
    assert_int_equal(f.citizen, 0);
    ride.price = 599;
    assert_true(fare_quote(&bus, &ride, &s, &f));
    assert_int_equal(f.citizen, 599);
}

/* ---- days ---- */

static fen_t ride_at(struct fare_sums *s, fare_time begin, fare_time end)
{
    struct fare_ride ride = {.at = begin, .end = end};
    struct fare f;
    assert_true(fare_quote(&bus, &ride, s, &f));
    fare_count(&bus, &ride, &f, s);
    return f.citizen;
}

static void caps_fill_over_a_day_and_begin_anew_after_midnight(void **state)
{
    (void)state;
    struct fare_sums s = {.day = 0};
    static const fen_t want[] = {200, 200, 200, 0, 0, 200};
    static const int32_t when[][2] = {{SAT, 60000},  {SAT, 80000},  {SAT, 100000},
                                      {SAT, 120000}, {SAT, 235959}, {SUN, 20000}};
    for (size_t i = 0; i < COUNT(want); i++) {
        fare_time t = at(when[i][0], when[i][1]);
        assert_int_equal(ride_at(&s, t, t), want[i]);
    }
    assert_int_equal(s.day, SUN);
    assert_int_equal(s.day_fen, 200);
    assert_int_equal(s.month_fen, 800);
}

static const struct fare_table metro = {
    .name = "metro", .title = "Metro", .from = 20260101, .kind = FARE_FLAT, .flat = 450};

static fen_t ride_by(const struct fare_table *t, struct fare_sums *s, fare_time when)
{
    struct fare_ride ride = {.at = when, .end = when, .price = t->flat, .priced = true};
    struct fare f;
    assert_true(fare_quote(t, &ride, s, &f));
    fare_count(t, &ride, &f, s);
    s->last_end = 0; /* no transfers here */
    return f.citizen;
}

static void R17_a_tables_caps_count_its_own_fares_only(void **state)
{
    (void)state;
    static struct fare_table own;
    struct fare_sums s = {.day = 0};
    own = metro;
    strcpy(own.name, "tram");
    own.flat = 200;
    own.day_cap = 500;
    own.month_cap = 800;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ride_by(&metro, &s, at(SAT, 60000 + i)), 450);
    }
    static const fen_t saturday[] = {200, 200, 100, 0};
    for (size_t i = 0; i < COUNT(saturday); i++) {
        assert_int_equal(ride_by(&own, &s, at(SAT, 80000 + (int32_t)i)), saturday[i]);
    }
    assert_int_equal(ride_by(&own, &s, at(SUN, 80000)), 200);
    assert_int_equal(ride_by(&own, &s, at(SUN, 80001)), 100); /* the month's */
    assert_int_equal(ride_by(&own, &s, at(SUN, 80002)), 0);
    assert_int_equal(ride_by(&own, &s, at(20261201, 80000)), 200);
    assert_null(fare_own(&s, "metro")); /* has no caps */
    assert_int_equal(s.month_fen, 200); /* of all tables, as steps and shared caps count */
}

static void R17_shared_caps_count_the_fares_of_all_tables(void **state)
{
    (void)state;
    struct fare_sums s = {.day = 0};
    assert_int_equal(ride_by(&metro, &s, at(SAT, 60000)), 450);
    assert_int_equal(ride_at(&s, at(SAT, 80000), at(SAT, 80000)), 150); /* of 600 a day */
    assert_null(fare_own(&s, "bus"));
}

static void of_five_tables_the_longest_unused_loses_its_sum(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct fare_sums s = {.day = 0};
    for (int i = 0; i < 5; i++) {
        struct fare_own o = {.day = SAT + i, .day_fen = i + 1};
        strcpy(o.table, names[i]);
        fare_own_put(&s, &o);
    }
    assert_null(fare_own(&s, "a"));
    for (int i = 1; i < 5; i++) {
        assert_int_equal(fare_own(&s, names[i])->day_fen, i + 1);
    }
}

static void R17_a_journey_over_midnight_counts_on_the_day_it_began(void **state)
{
    (void)state;
    struct fare_sums s = {.day = SAT, .day_fen = 550};
    assert_int_equal(ride_at(&s, at(SAT, 235000), at(SUN, 1500)), 50);
    assert_int_equal(s.day, SAT);
    assert_int_equal(s.day_fen, 600);
    /* a bus past midnight, then another journey of before it: that adds nothing to Sunday */
    s.last_end = 0;
    assert_int_equal(ride_at(&s, at(SUN, 3000), at(SUN, 3000)), 200);
    s.last_end = 0;
    assert_int_equal(ride_at(&s, at(SAT, 235900), at(SUN, 4000)), 200);
    assert_int_equal(s.day, SUN);
    assert_int_equal(s.day_fen, 200);
}

static void R17_the_month_and_the_year_turn_with_the_calendar(void **state)
{
    (void)state;
    struct fare_sums s = {.month = 202612, .month_fen = 4990};
    assert_int_equal(ride_at(&s, at(20261231, 200000), at(20261231, 200000)), 10);
    s.last_end = 0;
    assert_int_equal(ride_at(&s, at(20270101, 0), at(20270101, 0)), 200);
    assert_int_equal(s.month, 202701);
    assert_int_equal(s.month_fen, 200);
}

static void transfers_in_a_row_end_after_the_second(void **state)
{
    (void)state;
    struct fare_sums s = {.day = 0};
    static const fen_t want[] = {200, 100, 100, 200, 0, 0}; /* 6.00 are reached at the fourth */
    for (int i = 0; i < 6; i++) {
        fare_time t = at(SAT, 80000) + i * 1200;
        assert_int_equal(ride_at(&s, t, t), want[i]);
    }
}

/* ---- rounding ---- */

static void each_percentage_of_each_price_rounds_half_up_and_leaves_no_fen(void **state)
{
    (void)state;
    static struct fare_table t = {
        .name = "t",
        .kind = FARE_FLAT,
        .flat = 1,
        .concessions = {{"x", {{{"b", true, 100}}, 1}, 0, 0, FARE_PER_DAY, 100}},
        .concession_count = 1};
    struct fare_sums s = {.day = 0};
    struct fare_ride ride = {.at = at(SAT, 80000), .category = "x"};
    for (unsigned percent = 0; percent <= 100; percent++) {
        for (fen_t price = 1; price <= 301; price += 3) {
            struct fare f;
            t.flat = price;
            t.concessions[0].percent = percent;
            assert_true(fare_quote(&t, &ride, &s, &f));
            fen_t twice = 2 * (fen_t)percent * price; /* half up: c - 0.5 <= exact < c + 0.5 */
            assert_true(200 * f.citizen - 100 <= twice && twice < 200 * f.citizen + 100);
            assert_int_equal(sum_of(&f, "op"), f.citizen);
        }
    }
}

/* ---- bearers ---- */

static fen_t leg_of(const struct fare_leg *legs, unsigned n, const char *owner, bool bearer,
                    int sign)
{
    for (unsigned i = 0; i < n; i++) {
        if (legs[i].bearer == bearer && strcmp(legs[i].owner, owner) == 0 &&
            (legs[i].amount > 0) == (sign > 0)) {
            return legs[i].amount;
        }
    }
    return 0;
}

static void R14_a_shared_discount_is_shared_and_the_first_bears_what_is_left_over(void **state)
{
    (void)state;
    struct fare_sums s = {.last_end = at(SAT, 75500), .last_table = "metro"};
    struct fare_ride ride = {.at = at(SAT, 80000), .priced = true, .price = 99};
    struct fare f;
    struct fare_leg legs[FARE_LEGS_MAX];
    assert_true(fare_quote(&bus, &ride, &s, &f)); /* 99 off: 50% 30% 20% = 49.5 29.7 19.8 */
    assert_int_equal(f.citizen, 0);
    unsigned n = fare_legs(&f, "bus-1", legs);
    assert_int_equal(leg_of(legs, n, "bus-1", false, 1), 99);
    assert_int_equal(leg_of(legs, n, "metro", false, -1), -29);
    assert_int_equal(leg_of(legs, n, "treasury", true, -1), -19);
    assert_int_equal(leg_of(legs, n, "bus-1", false, -1), -51);
}

static void R14_more_bearers_than_legs_fall_to_the_operator(void **state)
{
    (void)state;
    struct fare_sharing four[2];
    struct fare f = {.gross = 1000, .citizen = 200, .cut_count = 2};
    struct fare_leg legs[FARE_LEGS_MAX];
    for (unsigned i = 0; i < 8; i++) {
        struct fare_share *x = &four[i / 4].items[i % 4];
        snprintf(x->owner, sizeof(x->owner), "b%u", i);
        x->bearer = true;
        x->percent = 25;
        four[i / 4].count = 4;
    }
    f.cuts[0] = (struct fare_cut){FARE_CUT_CONCESSION, 400, &four[0]};
    f.cuts[1] = (struct fare_cut){FARE_CUT_CAP, 400, &four[1]};
    unsigned n = fare_legs(&f, "op", legs);
    assert_int_equal(n, FARE_LEGS_MAX);
    assert_int_equal(sum_of(&f, "op"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R17_R14_fare_of_each_row_is_as_tabled_and_every_fen_has_a_bearer),
        cmocka_unit_test(a_pass_covers_rides_in_its_days_up_to_its_price_and_counts_them),
        cmocka_unit_test(a_surcharge_is_lessened_by_nothing_and_counts_in_no_cap),
        cmocka_unit_test(a_companion_pays_in_full_and_counts_for_nothing),
        cmocka_unit_test(a_price_of_its_own_may_be_nothing),
        cmocka_unit_test(caps_fill_over_a_day_and_begin_anew_after_midnight),
        cmocka_unit_test(R17_a_tables_caps_count_its_own_fares_only),
        cmocka_unit_test(R17_shared_caps_count_the_fares_of_all_tables),
        cmocka_unit_test(of_five_tables_the_longest_unused_loses_its_sum),
        cmocka_unit_test(R17_a_journey_over_midnight_counts_on_the_day_it_began),
        cmocka_unit_test(R17_the_month_and_the_year_turn_with_the_calendar),
        cmocka_unit_test(transfers_in_a_row_end_after_the_second),
        cmocka_unit_test(each_percentage_of_each_price_rounds_half_up_and_leaves_no_fen),
        cmocka_unit_test(R14_a_shared_discount_is_shared_and_the_first_bears_what_is_left_over),
        cmocka_unit_test(R14_more_bearers_than_legs_fall_to_the_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
