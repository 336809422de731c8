/* The life of a flow: started, cancelled, shielded, joined, ended. */
#include "flow_test.h"

static struct trace_text trace;

CO_FN static int say(void *arg)
{
    trace_add(&trace, arg);
    return 0;
}

CO_FN static int start_another(void *arg)
{
    (void)arg;
    trace_add(&trace, "a1");
    int rc = flow_start(flow_loop(), "b", say, word("b"), NULL);
    trace_add(&trace, "a2");
    return rc ? rc : flow_co_yield();
}

static void start_queues_and_never_switches(void **state)
{
    struct loop *l = test_loop(NULL);
    (void)state;
    trace = (struct trace_text){0};
    assert_int_equal(loop_run_flow(l, "a", start_another, NULL), 0);
    assert_string_equal(trace.text, "a1 a2 b ");
    loop_free(&l);
}

CO_FN static int answer(void *arg)
{
    (void)arg;
    return 42;
}

static void result_is_the_bodys(void **state)
{
    struct loop *l = test_loop(NULL);
    (void)state;
    assert_int_equal(loop_run_flow(l, "x", answer, NULL), 42);
    assert_int_equal(loop_flows(l), 0);
    assert_null(flow_self());
    loop_free(&l);
}

struct victim {
    int rc1, rc2, rc_shielded;
    bool cleaned;
    struct flow_cond cond;
};

static void clean(void *arg)
{
    ((struct victim *)arg)->cleaned = true;
}

CO_FN static int wait_twice(void *arg)
{
    struct victim *v = arg;
    flow_defer(clean, v);
    v->rc1 = flow_co_wait(&v->cond, FLOW_FOREVER);
    v->rc2 = flow_co_sleep_ms(1000);
    return v->rc1;
}

CO_FN static int cancel_it(void *arg)
{
    struct flow *f = arg;
    int rc = flow_co_yield(), result = 0;
    flow_cancel(f);
    if (rc == 0)
        rc = flow_co_join(f, &result, FLOW_FOREVER);
    return rc ? rc : result;
}

static void cancel_is_a_return_code_at_this_and_each_next_suspension(void **state)
{
    struct loop *l = test_loop(NULL);
    struct victim v = {0};
    struct flow *f;
    (void)state;
    flow_cond_init(&v.cond);
    assert_int_equal(flow_start(l, "victim", wait_twice, &v, &f), 0);
    assert_int_equal(loop_run_flow(l, "killer", cancel_it, f), OC_ECANCELED);
    assert_int_equal(v.rc1, OC_ECANCELED);
    assert_int_equal(v.rc2, OC_ECANCELED);
    assert_true(v.cleaned);
    assert_true(flow_done(f));
    flow_cancel(f);
    flow_put(f);
    flow_cond_fini(&v.cond);
    loop_free(&l);
}

CO_FN static int shielded(void *arg)
{
    struct victim *v = arg;
    flow_shield();
    flow_shield();
    v->rc_shielded = flow_co_sleep_ms(20);
    flow_unshield();
    v->rc1 = flow_co_yield();
    flow_unshield();
    v->cleaned = flow_cancelled();
    v->rc2 = flow_co_yield();
    return 0;
}

static void shield_holds_a_cancellation_back_until_it_is_lifted(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    struct victim v = {0};
    struct flow *f;
    (void)state;
    assert_int_equal(flow_start(l, "victim", shielded, &v, &f), 0);
    assert_int_equal(loop_run_flow(l, "killer", cancel_it, f), 0);
    assert_int_equal(v.rc_shielded, 0);
    assert_int_equal(v.rc1, 0);
    assert_true(v.cleaned);
    assert_int_equal(v.rc2, OC_ECANCELED);
    flow_put(f);
    loop_free(&l);
}

CO_FN static int signal_then_cancel(void *arg)
{
    struct victim *v = arg;
    struct flow *f;
    int rc = flow_start(flow_loop(), "victim", wait_twice, v, &f);
    if (rc == 0)
        rc = flow_co_yield();
    flow_cond_signal(&v->cond);
    flow_cancel(f);
    if (rc == 0)
        rc = flow_co_join(f, NULL, FLOW_FOREVER);
    flow_put(f);
    return rc;
}

static void signal_is_not_lost_to_a_later_cancellation(void **state)
{
    struct loop *l = test_loop(NULL);
    struct victim v = {.rc1 = 1};
    (void)state;
    flow_cond_init(&v.cond);
    assert_int_equal(loop_run_flow(l, "killer", signal_then_cancel, &v), 0);
    assert_int_equal(v.rc1, 0);
    assert_int_equal(v.rc2, OC_ECANCELED);
    loop_free(&l);
}

CO_FN static int runs_although_cancelled(void *arg)
{
    *(int *)arg = flow_co_yield();
    return 7;
}

static void flow_cancelled_before_it_began_still_runs_to_its_first_suspension(void **state)
{
    struct loop *l = test_loop(NULL);
    struct flow *f;
    int rc = 0;
    (void)state;
    assert_int_equal(flow_start(l, "x", runs_although_cancelled, &rc, &f), 0);
    flow_cancel(f);
    assert_int_equal(loop_run_flow(l, "y", answer, NULL), 42);
    assert_true(flow_done(f));
    assert_int_equal(rc, OC_ECANCELED);
    flow_put(f);
    loop_free(&l);
}

struct ending {
    struct trace_text trace;
    unsigned char *secret;
    bool secret_there; /* when the deferred calls ran */
};
static struct ending ending;

static void note(void *arg)
{
    trace_add(&ending.trace, arg);
}

static void look(void *arg)
{
    (void)arg;
    ending.secret_there = ending.secret && ending.secret[0] == 0xa5;
}

CO_FN static int with_arena(void *arg)
{
    (void)arg;
    ending.secret = arena_alloc(flow_arena(), 64);
    if (!ending.secret)
        return OC_ENOMEM;
    memset(ending.secret, 0xa5, 64);
    flow_defer(look, NULL);
    flow_defer(note, word("first"));
    flow_defer(note, word("second"));
    return flow_co_yield();
}

static void deferred_calls_run_last_first_before_the_arena_goes(void **state)
{
    struct loop *l = test_loop(NULL);
    (void)state;
    ending = (struct ending){0};
    assert_int_equal(loop_run_flow(l, "x", with_arena, NULL), 0);
    assert_string_equal(ending.trace.text, "second first ");
    assert_true(ending.secret_there);
    loop_free(&l);
}

CO_FN static int join_with_deadline(void *arg)
{
    return flow_co_join(arg, NULL, flow_deadline_ms(30));
}

CO_FN static int sleep_long(void *arg)
{
    (void)arg;
    return flow_co_sleep_ms(100);
}

static void join_gives_up_at_its_deadline(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    struct flow *f;
    (void)state;
    assert_int_equal(flow_start(l, "long", sleep_long, NULL, &f), 0);
    assert_int_equal(loop_run_flow(l, "x", join_with_deadline, f), OC_ETIMEDOUT);
    assert_false(flow_done(f));
    assert_int_equal(c.now_ns, NS_PER_S + 30 * NS_PER_MS);
    flow_cancel(f);
    assert_int_equal(loop_run_flow(l, "y", answer, NULL), 42);
    assert_true(flow_done(f));
    flow_put(f);
    loop_free(&l);
}

static void too_many_flows_are_refused(void **state)
{
    struct metrics *m = metrics_new();
    struct loop *l = test_loop(&(struct loop_opts){.max_flows = 2, .metrics = m});
    (void)state;
    assert_int_equal(flow_start(l, "a", answer, NULL, NULL), 0);
    assert_int_equal(flow_start(l, "b", answer, NULL, NULL), 0);
    assert_int_equal(flow_start(l, "c", answer, NULL, NULL), OC_ELIMIT);
    assert_int_equal(metric_value(metric_counter(m, "onecard_flows_refused_total", NULL, "")), 1);
    assert_int_equal(metric_value(metric_gauge(m, "onecard_flows", NULL, "")), 2);
    loop_stop(l, 0);
    assert_int_equal(loop_run(l), 0);
    assert_int_equal(metric_value(metric_gauge(m, "onecard_flows", NULL, "")), 0);
    loop_free(&l);
    metrics_free(&m);
}

struct listing {
    char text[512];
};

static void list_one(const char *name, const char *what, int64_t age_ms, const char *st, void *arg)
{
    struct listing *list = arg;
    size_t at = strlen(list->text);
    (void)snprintf(list->text + at, sizeof list->text - at, "%s|%s|%lld|%s;", name, what,
                   (long long)age_ms, st);
}

CO_FN static int noted(void *arg)
{
    (void)arg;
    flow_set_note("waits for a card");
    flow_shield();
    int rc = flow_co_sleep_ms(60);
    flow_unshield();
    return rc;
}

CO_FN static int list_them(void *arg)
{
    int rc = flow_co_sleep_ms(25);
    flow_list(flow_loop(), list_one, arg);
    return rc;
}

static void list_tells_name_note_age_and_state(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    struct listing list = {0};
    (void)state;
    assert_int_equal(flow_start(l, "gate 7", noted, NULL, NULL), 0);
    assert_int_equal(loop_run_flow(l, "lister", list_them, &list), 0);
    assert_string_equal(list.text,
                        "gate 7|waits for a card|25|waiting, shielded;lister||25|running;");
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), 0);
    loop_free(&l);
}

static void loop_freed_with_suspended_flows_frees_them(void **state)
{
    struct loop *l = test_loop(NULL);
    struct victim v = {0};
    struct flow *f;
    (void)state;
    flow_cond_init(&v.cond);
    log_set_level(LOG_ERROR);
    assert_int_equal(flow_start(l, "victim", wait_twice, &v, &f), 0);
    assert_int_equal(loop_run_flow(l, "y", answer, NULL), 42);
    loop_free(&l);
    assert_true(flow_done(f));
    flow_put(f);
    flow_cond_fini(&v.cond);
    log_set_level(LOG_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_queues_and_never_switches),
        cmocka_unit_test(result_is_the_bodys),
        cmocka_unit_test(cancel_is_a_return_code_at_this_and_each_next_suspension),
        cmocka_unit_test(shield_holds_a_cancellation_back_until_it_is_lifted),
        cmocka_unit_test(signal_is_not_lost_to_a_later_cancellation),
        cmocka_unit_test(flow_cancelled_before_it_began_still_runs_to_its_first_suspension),
        cmocka_unit_test(deferred_calls_run_last_first_before_the_arena_goes),
        cmocka_unit_test(join_gives_up_at_its_deadline),
        cmocka_unit_test(too_many_flows_are_refused),
        cmocka_unit_test(list_tells_name_note_age_and_state),
        cmocka_unit_test(loop_freed_with_suspended_flows_frees_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
