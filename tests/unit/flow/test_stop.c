/* The end of a loop: hooks, background flows, drain time, flows that will not go. */
#include "flow_test.h"

static struct trace_text trace;

CO_FN static int sleep_100(void *arg)
{
    int rc = flow_co_sleep_ms(100);
    trace_add(&trace, rc == 0 ? arg : "cancelled");
    return rc;
}

CO_FN static int gate(void *arg)
{
    struct flow_cond never;
    (void)arg;
    flow_cond_init(&never);
    flow_set_background(true);
    int rc = flow_co_wait(&never, FLOW_FOREVER);
    trace_add(&trace, rc == OC_ECANCELED ? "gate-cancelled" : "?");
    return rc;
}

CO_FN static int stop_after_10(void *arg)
{
    int rc = flow_co_sleep_ms(10);
    loop_stop(flow_loop(), *(int64_t *)arg);
    trace_add(&trace, "stop");
    return rc;
}

static void hook(struct loop_task *task)
{
    (void)task;
    trace_add(&trace, "hook");
}

static void run_stop(int64_t drain_ms, const char *expected, int64_t ended_ms)
{
    struct loop_opts o = {0};
    struct test_clock c;
    struct loop_task h = {hook, NULL}, removed = {hook, NULL};
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    trace = (struct trace_text){0};
    loop_on_stop(l, &h);
    loop_on_stop(l, &removed);
    loop_off_stop(l, &removed);
    assert_int_equal(flow_start(l, "work", sleep_100, word("worked"), NULL), 0);
    assert_int_equal(flow_start(l, "gate", gate, NULL, NULL), 0);
    assert_int_equal(flow_start(l, "stop", stop_after_10, &drain_ms, NULL), 0);
    assert_int_equal(loop_run(l), 0);
    assert_string_equal(trace.text, expected);
    assert_int_equal((c.now_ns - NS_PER_S) / NS_PER_MS, ended_ms);
    loop_free(&l);
}

static void stop_lets_work_end_and_cancels_background_flows_at_once(void **state)
{
    (void)state;
    run_stop(1000, "hook stop gate-cancelled worked ", 100);
}

static void work_is_cancelled_when_the_drain_time_is_over(void **state)
{
    (void)state;
    run_stop(20, "hook stop gate-cancelled cancelled ", 30);
}

CO_FN static int stubborn(void *arg)
{
    (void)arg;
    flow_shield();
    int rc = flow_co_sleep_ms(60000);
    flow_unshield();
    return rc;
}

static void loop_gives_up_on_a_flow_that_will_not_end(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    (void)state;
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    FILE *quiet = fopen("/dev/null", "w");
    log_set_stream(quiet);
    assert_int_equal(flow_start(l, "stubborn", stubborn, NULL, NULL), 0);
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), OC_EBUSY);
    assert_int_equal(c.now_ns, NS_PER_S + 6 * NS_PER_S);
    assert_int_equal(flow_start(l, "late", stubborn, NULL, NULL), OC_ECANCELED);
    loop_free(&l);
    log_set_stream(NULL);
    (void)fclose(quiet);
}

static void hook_of_a_stopped_loop_runs_at_once(void **state)
{
    struct loop *l = test_loop(NULL);
    struct loop_task h = {hook, NULL};
    (void)state;
    trace = (struct trace_text){0};
    loop_stop(l, 0);
    loop_on_stop(l, &h);
    assert_string_equal(trace.text, "hook ");
    assert_true(loop_stopping(l));
    assert_int_equal(loop_run(l), 0);
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_lets_work_end_and_cancels_background_flows_at_once),
        cmocka_unit_test(work_is_cancelled_when_the_drain_time_is_over),
        cmocka_unit_test(loop_gives_up_on_a_flow_that_will_not_end),
        cmocka_unit_test(hook_of_a_stopped_loop_runs_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
