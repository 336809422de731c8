/* The loop: posting from threads, deadlines, orders, signals, stalls. */
#include "flow_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POSTS 20000

struct poster {
    struct loop *loop;
    struct count_task *tasks;
};
struct count_task {
    struct loop_task task;
    int number;
    int *last; /* of this thread: order is kept */
    bool *ordered;
    int *left;
    struct flow_cond *done;
};

static void count_one(struct loop_task *task)
{
    struct count_task *t = CONTAINER_OF(task, struct count_task, task);
    if (t->number != *t->last + 1)
        *t->ordered = false;
    *t->last = t->number;
    if (--*t->left == 0)
        flow_cond_broadcast(t->done);
}

static void *post_all(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < POSTS; i++)
        loop_post(p->loop, &p->tasks[i].task);
    return NULL;
}

struct wait_all {
    int left;
    struct flow_cond done;
};

CO_FN static int wait_all(void *arg)
{
    struct wait_all *w = arg;
    while (w->left > 0) {
        int rc = flow_co_wait(&w->done, flow_deadline_ms(30000));
        if (rc)
            return rc;
    }
    return 0;
}

static void posts_of_threads_all_arrive_in_their_order(void **state)
{
    enum { THREADS = 3 };
    struct loop *l = test_loop(NULL);
    struct wait_all w = {.left = THREADS * POSTS};
    struct poster p[THREADS];
    pthread_t threads[THREADS];
    int last[THREADS];
    bool ordered = true;
    (void)state;
    flow_cond_init(&w.done);
    for (int t = 0; t < THREADS; t++) {
        p[t] = (struct poster){l, calloc(POSTS, sizeof(struct count_task))};
        assert_non_null(p[t].tasks);
        last[t] = -1;
        for (int i = 0; i < POSTS; i++)
            p[t].tasks[i] =
                (struct count_task){{count_one, NULL}, i, &last[t], &ordered, &w.left, &w.done};
        assert_int_equal(pthread_create(&threads[t], NULL, post_all, &p[t]), 0);
    }
    assert_int_equal(loop_run_flow(l, "all", wait_all, &w), 0);
    for (int t = 0; t < THREADS; t++) {
        (void)pthread_join(threads[t], NULL);
        free(p[t].tasks);
    }
    assert_true(ordered);
    loop_free(&l);
}

static void *post_late(void *arg)
{
    const struct timespec t = {0, 30 * 1000 * 1000};
    struct poster *p = arg;
    (void)nanosleep(&t, NULL);
    loop_post(p->loop, &p->tasks[0].task);
    return NULL;
}

static void post_wakes_a_sleeping_loop(void **state)
{
    struct loop *l = test_loop(NULL);
    struct wait_all w = {.left = 1};
    int last = -1;
    bool ordered = true;
    struct count_task task = {{count_one, NULL}, 0, &last, &ordered, &w.left, &w.done};
    struct poster p = {l, &task};
    pthread_t thread;
    (void)state;
    flow_cond_init(&w.done);
    assert_int_equal(pthread_create(&thread, NULL, post_late, &p), 0);
    assert_int_equal(loop_run_flow(l, "all", wait_all, &w), 0);
    (void)pthread_join(thread, NULL);
    loop_free(&l);
}

static struct trace_text trace;

struct sleeper {
    int64_t ms;
    const char *name;
};

CO_FN static int sleeper(void *arg)
{
    const struct sleeper *s = arg;
    int rc = flow_co_sleep_ms(s->ms);
    trace_add(&trace, s->name);
    return rc;
}

static void deadlines_fire_in_order_and_equal_ones_in_the_order_of_arming(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    struct sleeper s[] = {{30, "a"}, {10, "b"}, {20, "c"}, {10, "d"}, {30, "e"}, {5, "f"}};
    (void)state;
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    trace = (struct trace_text){0};
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        assert_int_equal(flow_start(l, "s", sleeper, &s[i], NULL), 0);
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), 0);
    assert_string_equal(trace.text, "f b d c a e ");
    assert_int_equal(c.jumps, 4);
    loop_free(&l);
}

CO_FN static int sleep_real(void *arg)
{
    int64_t *took = arg, since = loop_now_ns(flow_loop());
    int rc = flow_co_sleep_ms(15);
    *took = loop_now_ns(flow_loop()) - since;
    return rc;
}

static void sleeping_by_the_machines_clock_takes_its_time(void **state)
{
    struct loop *l = test_loop(NULL);
    int64_t took = 0;
    (void)state;
    assert_int_equal(loop_run_flow(l, "s", sleep_real, &took), 0);
    assert_true(took >= 15 * NS_PER_MS);
    assert_true(took < 5 * NS_PER_S);
    loop_free(&l);
}

CO_FN static int say_thrice(void *arg)
{
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        trace_add(&trace, arg);
        rc = flow_co_yield();
    }
    return rc;
}

static void run_order(uint64_t seed, char *out, size_t cap)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct loop *l = test_loop(&(struct loop_opts){.seed = seed});
    trace = (struct trace_text){0};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(flow_start(l, names[i], say_thrice, word(names[i]), NULL), 0);
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), 0);
    loop_free(&l);
    (void)snprintf(out, cap, "%s", trace.text);
}

static void ready_order_follows_from_the_seed(void **state)
{
    char plain[256], one[256], again[256], other[256];
    unsigned differ = 0;
    (void)state;
    run_order(0, plain, sizeof plain);
    assert_string_equal(plain, "a b c d a b c d a b c d ");
    run_order(1, one, sizeof one);
    run_order(1, again, sizeof again);
    assert_string_equal(one, again);
    for (uint64_t seed = 2; seed < 10; seed++) {
        run_order(seed, other, sizeof other);
        differ += strcmp(other, one) != 0;
    }
    assert_true(differ >= 6);
}

static struct flow_mutex mutex;

CO_FN static int lock_unlock(void *arg)
{
    int rc = flow_co_lock(&mutex, FLOW_FOREVER);
    if (rc)
        return rc;
    flow_unlock(&mutex);
    trace_add(&trace, arg);
    return 0;
}

CO_FN static int run_two(void *arg)
{
    int rc = flow_start(flow_loop(), "x", lock_unlock, word("x"), NULL);
    (void)arg;
    if (rc == 0)
        rc = flow_co_lock(&mutex, FLOW_FOREVER);
    if (rc)
        return rc;
    flow_unlock(&mutex);
    trace_add(&trace, "main");
    rc = flow_co_lock(&mutex, FLOW_FOREVER);
    if (rc == 0)
        flow_unlock(&mutex);
    trace_add(&trace, "end");
    return rc;
}

static void always_yield_suspends_where_nothing_has_to_be_awaited(void **state)
{
    (void)state;
    for (int yield = 0; yield <= 1; yield++) {
        struct loop *l = test_loop(&(struct loop_opts){.always_yield = yield == 1});
        trace = (struct trace_text){0};
        flow_mutex_init(&mutex);
        assert_int_equal(loop_run_flow(l, "m", run_two, NULL), 0);
        loop_stop(l, 100);
        assert_int_equal(loop_run(l), 0);
        assert_string_equal(trace.text, yield ? "main x end " : "main end x ");
        loop_free(&l);
    }
}

struct sig_seen {
    int signo;
    struct flow_cond cond;
};

static void on_signal(int signo, void *arg)
{
    struct sig_seen *s = arg;
    s->signo = signo;
    flow_cond_broadcast(&s->cond);
}

CO_FN static int await_signal(void *arg)
{
    struct sig_seen *s = arg;
    (void)kill(getpid(), SIGUSR1);
    while (!s->signo) {
        int rc = flow_co_wait(&s->cond, flow_deadline_ms(5000));
        if (rc)
            return rc;
    }
    return 0;
}

static void signal_is_told_on_the_loop(void **state)
{
    struct loop *l = test_loop(NULL);
    struct sig_seen s = {0};
    (void)state;
    flow_cond_init(&s.cond);
    assert_int_equal(loop_signal(l, SIGUSR1, on_signal, &s), 0);
    assert_int_equal(loop_run_flow(l, "s", await_signal, &s), 0);
    assert_int_equal(s.signo, SIGUSR1);
    loop_free(&l);
}

static void sigpipe_is_ignored(void **state)
{
    struct loop *l = test_loop(NULL);
    struct sigaction sa;
    (void)state;
    assert_int_equal(sigaction(SIGPIPE, NULL, &sa), 0);
    assert_true(sa.sa_handler == SIG_IGN);
    loop_free(&l);
}

CO_FN static int hold_the_loop(void *arg)
{
    const struct timespec t = {0, 70 * 1000 * 1000};
    (void)arg;
    (void)nanosleep(&t, NULL);
    return 0;
}

static void flow_that_holds_the_loop_is_counted(void **state)
{
    struct metrics *m = metrics_new();
    struct loop *l = test_loop(&(struct loop_opts){.metrics = m});
    (void)state;
    log_set_level(LOG_ERROR);
    assert_int_equal(loop_run_flow(l, "held", hold_the_loop, NULL), 0);
    log_set_level(LOG_WARN);
    assert_int_equal(loop_stalls(l), 1);
    assert_int_equal(metric_value(metric_counter(m, "onecard_loop_stalls_total", NULL, "")), 1);
    loop_free(&l);
    metrics_free(&m);
}

static void free_runs_what_was_posted(void **state)
{
    struct loop *l = test_loop(NULL);
    struct wait_all w = {.left = 1};
    int last = -1;
    bool ordered = true;
    struct count_task task = {{count_one, NULL}, 0, &last, &ordered, &w.left, &w.done};
    (void)state;
    flow_cond_init(&w.done);
    loop_post(l, &task.task);
    loop_free(&l);
    assert_int_equal(w.left, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_of_threads_all_arrive_in_their_order),
        cmocka_unit_test(post_wakes_a_sleeping_loop),
        cmocka_unit_test(deadlines_fire_in_order_and_equal_ones_in_the_order_of_arming),
        cmocka_unit_test(sleeping_by_the_machines_clock_takes_its_time),
        cmocka_unit_test(ready_order_follows_from_the_seed),
        cmocka_unit_test(always_yield_suspends_where_nothing_has_to_be_awaited),
        cmocka_unit_test(signal_is_told_on_the_loop),
        cmocka_unit_test(sigpipe_is_ignored),
        cmocka_unit_test(flow_that_holds_the_loop_is_counted),
        cmocka_unit_test(free_runs_what_was_posted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
