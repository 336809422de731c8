/* Fair admission: terminals take turns, whoever would wait too long is told so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "serve/admit.h"

static struct loop *loop;
static struct metrics *metrics;
static struct admit admit;
static struct admit_lane lanes[3];
static char order[64];
static uint32_t retry_ms;
static int last_rc;

static int set_up_with(const struct loop_opts *o)
{
    metrics = metrics_new();
    assert_int_equal(loop_new(&loop, o), 0);
    admit_init(&admit, loop, metrics);
    for (int i = 0; i < 3; i++)
        admit_lane_init(&lanes[i]);
    memset(order, 0, sizeof order);
    retry_ms = 0;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

static int tear_down(void **state)
{
    (void)state;
    admit_fini(&admit);
    loop_free(&loop);
    metrics_free(&metrics);
    return 0;
}

static int work(void *arg) CO_FN;
static int work(void *arg)
{
    const char *name = arg;
    struct admit_place p = {0};
    last_rc = admit_co_enter(&admit, &lanes[name[0] - 'a'], &p, &retry_ms);
    if (last_rc != 0)
        return last_rc;
    order[strlen(order)] = name[0];
    int rc = flow_co_yield();
    admit_leave(&p);
    return rc;
}

static int all(void *arg) CO_FN;
static int all(void *arg)
{
    const char *names = arg;
    struct flow *f[16];
    size_t n = strlen(names);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        static const char *const lane[] = {"a", "b", "c"};
        union {
            const char *c;
            void *m;
        } name = {.c = lane[names[i] - 'a']};
        rc = flow_start(loop, "work", work, name.m, &f[i]);
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = flow_co_join(f[i], NULL, FLOW_FOREVER);
        flow_put(f[i]);
    }
    return rc;
}

static int run_all(const char *names)
{
    union {
        const char *c;
        void *m;
    } arg = {.c = names};
    return loop_run_flow(loop, "all", all, arg.m);
}

static void terminals_take_turns(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 100);
    assert_int_equal(run_all("aaaabbc"), 0);
    assert_string_equal(order, "aabcaba");
    assert_int_equal(admit.active, 0);
    assert_int_equal(admit.waiting, 0);
}

static void places_are_used_to_the_last(void **state)
{
    (void)state;
    admit_limits(&admit, 3, 100);
    assert_int_equal(run_all("aabbcc"), 0);
    assert_int_equal(strlen(order), 6);
    assert_int_equal(admit.active, 0);
}

static void full_queue_is_busy_with_a_time(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 2);
    assert_int_equal(run_all("aaab"), 0);
    assert_int_equal(strlen(order), 3);
    assert_true(retry_ms >= 100);
}

static void long_wait_is_not_begun(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 100);
    admit.hold_ns = (ADMIT_WAIT_MAX_MS + 1) * NS_PER_MS;
    assert_int_equal(run_all("ab"), 0);
    assert_int_equal(strlen(order), 1);
    assert_true(retry_ms > ADMIT_WAIT_MAX_MS);
}

static void wait_within_patience_is_begun(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 100);
    admit.hold_ns = ADMIT_WAIT_MAX_MS * NS_PER_MS;
    assert_int_equal(run_all("ab"), 0);
    assert_string_equal(order, "ab");
    assert_int_equal(retry_ms, 0);
}

static int few_flows(void **state)
{
    const struct loop_opts o = {.max_flows = 16};
    (void)state;
    return set_up_with(&o);
}

/* 16 flows: of one that starts them and 15 that come, the last may not wait. */
static void waiting_leaves_flows_to_others(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 100);
    assert_int_equal(run_all("aaaaaaaaaaaaa"), 0); /* 14 flows: all wait */
    assert_int_equal(strlen(order), 13);
    memset(order, 0, sizeof order);
    assert_int_equal(run_all("aaaaaaaaaaaaaaa"), 0);
    assert_true(strlen(order) < 15);
    assert_true(strlen(order) >= 13);
    assert_true(retry_ms > 0);
}

static int at_once(void *arg) CO_FN;
static int at_once(void *arg)
{
    struct admit_place first = {0}, second = {0};
    (void)arg;
    int rc = admit_co_enter(&admit, &lanes[0], &first, &retry_ms);
    if (rc == 0)
        rc = admit_co_enter(&admit, &lanes[1], &second, &retry_ms);
    admit_leave(&first);
    return rc;
}

/* ---- in virtual time ---- */

static int64_t virtual_ns;

static int64_t virtual_mono(const struct clock *c)
{
    (void)c;
    return virtual_ns;
}

static bool skip_to(void *arg, int64_t next_ns)
{
    (void)arg;
    if (next_ns == FLOW_FOREVER)
        return false;
    virtual_ns = next_ns;
    return true;
}

static int virtual_time(void **state)
{
    static const struct clock clock = {.mono_ns = virtual_mono};
    const struct loop_opts o = {.clock = &clock, .idle = skip_to};
    (void)state;
    virtual_ns = NS_PER_S;
    return set_up_with(&o);
}

/* The place is never given back while the second one waits: its time is bounded all the same. */
static void wait_that_was_estimated_too_short_ends(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 100);
    int64_t began = virtual_ns;
    assert_int_equal(loop_run_flow(loop, "one", at_once, NULL), OC_EBUSY);
    assert_int_equal((virtual_ns - began) / NS_PER_MS, 2 * ADMIT_WAIT_MAX_MS);
    assert_true(retry_ms > 0);
    assert_true(list_empty(&admit.ring));
    assert_int_equal(admit.waiting, 0);
    assert_int_equal(admit.active, 0);
}

/* Not all at one moment, at half the pace of the work, and nobody later than half a minute. */
static void who_is_sent_away_comes_again_one_by_one(void **state)
{
    (void)state;
    admit_limits(&admit, 2, 100);
    admit.hold_ns = 100 * NS_PER_MS;
    uint32_t before = admit_retry_ms(&admit);
    for (int i = 0; i < 50; i++) {
        uint32_t next = admit_retry_ms(&admit);
        assert_true(next == before + 100 || (next == 200 && before == 200));
        before = next;
    }
    for (int i = 0; i < 1000; i++)
        before = admit_retry_ms(&admit);
    assert_int_equal(before, 30000);
    virtual_ns += 60 * NS_PER_S;
    assert_true(admit_retry_ms(&admit) <= 200);
}

static int leave_and_again(void *arg) CO_FN;
static int leave_and_again(void *arg)
{
    struct admit_place p = {0};
    (void)arg;
    int rc = admit_co_enter(&admit, &lanes[0], &p, &retry_ms);
    admit_leave(&p);
    admit_leave(&p);
    int after = (int)admit.active;
    admit_again(&p);
    admit_again(&p);
    int again = (int)admit.active;
    admit_leave(&p);
    return rc * 100 + after * 10 + again;
}

static void place_given_back_for_a_person_is_taken_again(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 0);
    assert_int_equal(loop_run_flow(loop, "one", leave_and_again, NULL), 1);
    assert_int_equal(admit.active, 0);
}

static int canceled(void *arg) CO_FN;
static int canceled(void *arg)
{
    struct admit_place p = {0};
    struct flow *f;
    (void)arg;
    union {
        const char *c;
        void *m;
    } b = {.c = "b"};
    int rc = admit_co_enter(&admit, &lanes[0], &p, &retry_ms);
    if (rc == 0)
        rc = flow_start(loop, "work", work, b.m, &f);
    if (rc == 0)
        rc = flow_co_yield();
    if (rc != 0)
        return rc;
    flow_cancel(f);
    rc = flow_co_join(f, NULL, FLOW_FOREVER);
    flow_put(f);
    int waiting = (int)admit.waiting;
    admit_leave(&p);
    return rc + waiting;
}

static void waiter_that_is_cancelled_leaves_no_trace(void **state)
{
    (void)state;
    admit_limits(&admit, 1, 10);
    assert_int_equal(loop_run_flow(loop, "one", canceled, NULL), 0);
    assert_int_equal(last_rc, OC_ECANCELED);
    assert_true(list_empty(&admit.ring));
    assert_int_equal(admit.active, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(terminals_take_turns),
        T(places_are_used_to_the_last),
        T(full_queue_is_busy_with_a_time),
        T(long_wait_is_not_begun),
        T(wait_within_patience_is_begun),
        cmocka_unit_test_setup_teardown(waiting_leaves_flows_to_others, few_flows, tear_down),
        cmocka_unit_test_setup_teardown(wait_that_was_estimated_too_short_ends, virtual_time,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_sent_away_comes_again_one_by_one, virtual_time,
                                        tear_down),
        T(place_given_back_for_a_person_is_taken_again),
        T(waiter_that_is_cancelled_leaves_no_trace),
    };
    return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
