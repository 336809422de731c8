/* Conditions and the mutex. */
#include "flow_test.h"

static struct trace_text trace;
static struct flow_cond cond;
static struct flow_mutex mutex;
static bool open_now;

CO_FN static int waiter(void *arg)
{
    while (!open_now) {
        int rc = flow_co_wait(&cond, FLOW_FOREVER);
        if (rc)
            return rc;
    }
    trace_add(&trace, arg);
    return 0;
}

CO_FN static int signaller(void *arg)
{
    bool all = arg != NULL;
    int rc = flow_co_yield();
    open_now = true;
    trace_add(&trace, "s1");
    if (all)
        flow_cond_broadcast(&cond);
    else
        flow_cond_signal(&cond);
    trace_add(&trace, "s2");
    return rc ? rc : flow_co_yield();
}

static void reset(void)
{
    trace = (struct trace_text){0};
    open_now = false;
    flow_cond_init(&cond);
    flow_mutex_init(&mutex);
}

static struct loop *three_waiters(struct flow *f[3])
{
    static const char *const names[] = {"a", "b", "c"};
    reset();
    struct loop *l = test_loop(NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(flow_start(l, names[i], waiter, word(names[i]), &f[i]), 0);
    return l;
}

static void finish(struct loop *l, struct flow *f[3])
{
    loop_stop(l, 0);
    assert_int_equal(loop_run(l), 0);
    for (int i = 0; i < 3; i++)
        flow_put(f[i]);
    loop_free(&l);
    flow_cond_fini(&cond);
}

static void signal_queues_the_one_that_waited_longest_and_never_switches(void **state)
{
    struct flow *f[3];
    struct loop *l = three_waiters(f);
    (void)state;
    assert_int_equal(loop_run_flow(l, "s", signaller, NULL), 0);
    assert_string_equal(trace.text, "s1 s2 a ");
    assert_false(flow_done(f[1]));
    finish(l, f);
}

static void broadcast_queues_all_in_order(void **state)
{
    struct flow *f[3];
    struct loop *l = three_waiters(f);
    (void)state;
    assert_int_equal(loop_run_flow(l, "s", signaller, word("all")), 0);
    assert_string_equal(trace.text, "s1 s2 a b c ");
    finish(l, f);
}

static void signal_without_waiters_is_forgotten(void **state)
{
    (void)state;
    reset();
    flow_cond_signal(&cond);
    flow_cond_broadcast(&cond);
    flow_cond_fini(&cond);
}

struct waits {
    int before, at;
    int64_t took_ms;
};

CO_FN static int wait_deadlines(void *arg)
{
    struct waits *w = arg;
    int64_t now = loop_now_ns(flow_loop());
    w->before = flow_co_wait(&cond, now - 1);
    w->at = flow_co_wait(&cond, now + 40 * NS_PER_MS);
    w->took_ms = (loop_now_ns(flow_loop()) - now) / NS_PER_MS;
    return 0;
}

static void wait_ends_at_its_deadline(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    struct waits w = {0};
    (void)state;
    reset();
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    assert_int_equal(loop_run_flow(l, "w", wait_deadlines, &w), 0);
    assert_int_equal(w.before, OC_ETIMEDOUT);
    assert_int_equal(w.at, OC_ETIMEDOUT);
    assert_int_equal(w.took_ms, 40);
    assert_true(list_empty(&cond.waiters));
    loop_free(&l);
}

CO_FN static int hold(void *arg)
{
    int rc = flow_co_lock(&mutex, FLOW_FOREVER);
    if (rc)
        return rc;
    trace_add(&trace, arg);
    rc = flow_co_sleep_ms(10);
    flow_unlock(&mutex);
    /* Asks again at once: the others come first all the same. */
    if (rc == 0)
        rc = flow_co_lock(&mutex, FLOW_FOREVER);
    if (rc)
        return rc;
    trace_add(&trace, arg);
    flow_unlock(&mutex);
    return 0;
}

static void mutex_goes_to_the_one_that_waited_longest(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    (void)state;
    reset();
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    assert_int_equal(flow_start(l, "a", hold, word("a"), NULL), 0);
    assert_int_equal(flow_start(l, "b", hold, word("b"), NULL), 0);
    assert_int_equal(flow_start(l, "c", hold, word("c"), NULL), 0);
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), 0);
    assert_string_equal(trace.text, "a b c a b c ");
    flow_mutex_fini(&mutex);
    loop_free(&l);
}

CO_FN static int lock_late(void *arg)
{
    int *rcs = arg;
    rcs[0] = flow_co_lock(&mutex, flow_deadline_ms(5));
    rcs[1] = flow_co_lock(&mutex, flow_deadline_ms(500));
    if (rcs[1] == 0)
        flow_unlock(&mutex);
    return 0;
}

static void lock_that_timed_out_is_not_held(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    int rcs[2] = {1, 1};
    (void)state;
    reset();
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    assert_int_equal(flow_start(l, "a", hold, word("a"), NULL), 0);
    assert_int_equal(loop_run_flow(l, "b", lock_late, rcs), 0);
    assert_int_equal(rcs[0], OC_ETIMEDOUT);
    assert_int_equal(rcs[1], 0);
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), 0);
    flow_mutex_fini(&mutex);
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signal_queues_the_one_that_waited_longest_and_never_switches),
        cmocka_unit_test(broadcast_queues_all_in_order),
        cmocka_unit_test(signal_without_waiters_is_forgotten),
        cmocka_unit_test(wait_ends_at_its_deadline),
        cmocka_unit_test(mutex_goes_to_the_one_that_waited_longest),
        cmocka_unit_test(lock_that_timed_out_is_not_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
