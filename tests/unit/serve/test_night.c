/* Which clock the nightly close believes. */
#include "serve/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct hands {
    struct clock clock;
    int64_t wall_ms, mono_ns;
};

static int64_t wall(const struct clock *c)
{
    return ((const struct hands *)(const void *)c)->wall_ms;
}

static int64_t mono(const struct clock *c)
{
    return ((const struct hands *)(const void *)c)->mono_ns;
}

static struct hands hands;
static struct serve serve; /* its clock and its night only */

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    memset(&serve, 0, sizeof serve);
    hands = (struct hands){.clock = {.wall_ms = wall, .mono_ns = mono},
                           .wall_ms = city_ms(20261121, 720, 480),
                           .mono_ns = 77 * NS_PER_S};
    serve.env.clock = &hands.clock;
    serve.env.city_offset_min = 480;
    night_init(&serve);
    return 0;
}

static void pass(int64_t ms)
{
    hands.wall_ms += ms;
    hands.mono_ns += ms * NS_PER_MS;
}

static void clock_that_runs_or_is_set_a_little_is_believed(void **state)
{
    (void)state;
    pass(90 * MS_PER_DAY);
    assert_true(night_clock_good(&serve));
    hands.wall_ms += 540000;
    assert_true(night_clock_good(&serve));
}

static void R11_clock_that_jumps_is_not_believed_until_it_is_right(void **state)
{
    (void)state;
    hands.wall_ms += 365 * MS_PER_DAY;
    assert_false(night_clock_good(&serve));
    pass(MS_PER_DAY);
    assert_false(night_clock_good(&serve));
    hands.wall_ms -= 365 * MS_PER_DAY;
    assert_true(night_clock_good(&serve));
    hands.wall_ms -= 2 * MS_PER_DAY;
    assert_false(night_clock_good(&serve));
}

static void day_before_its_cutover_has_begun_by_the_date(void **state)
{
    static struct serve_config config;
    (void)state;
    serve.config = &config;
    config.settlement.cutover = 23 * 60;
    assert_int_equal(night_latest_begun(&serve), 20261121);
    pass(660 * 60000); /* 23:00 */
    assert_int_equal(night_latest_begun(&serve), 20261122);
    config.settlement.cutover = 120;
    assert_int_equal(night_latest_begun(&serve), 20261121);
    pass(3600000); /* 00:00, two hours before the cut-over */
    assert_int_equal(night_latest_begun(&serve), 20261122);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(clock_that_runs_or_is_set_a_little_is_believed, set_up),
        cmocka_unit_test_setup(R11_clock_that_jumps_is_not_believed_until_it_is_right, set_up),
        cmocka_unit_test_setup(day_before_its_cutover_has_begun_by_the_date, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
