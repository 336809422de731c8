/* Runners: a turn for each wake-up, rests, and an end that leaves nothing undone. */
#include "flow_test.h"

#include <semaphore.h>
#include <stdatomic.h>

struct worker {
    atomic_int todo, done, turns;
    atomic_llong rest;
    sem_t turned;
};

static int64_t work(void *arg)
{
    struct worker *w = arg;
    bool did = atomic_load(&w->todo) > 0;
    if (did) {
        (void)atomic_fetch_sub(&w->todo, 1);
        (void)atomic_fetch_add(&w->done, 1);
    }
    (void)atomic_fetch_add(&w->turns, 1);
    (void)sem_post(&w->turned);
    return did ? RUNNER_AGAIN : atomic_load(&w->rest);
}

static struct runner *start(struct worker *w, int64_t rest)
{
    struct runner *r = NULL;
    memset(w, 0, sizeof *w);
    atomic_store(&w->rest, rest);
    (void)sem_init(&w->turned, 0, 0);
    assert_int_equal(runner_start(NULL, "runner", work, w, &r), 0);
    (void)sem_wait(&w->turned); /* the first turn comes at once */
    return r;
}

static void a_wake_makes_turns_until_one_rests(void **state)
{
    struct worker w;
    ROLE_ENTER_WORKER();
    (void)state;
    struct runner *r = start(&w, RUNNER_REST);
    atomic_store(&w.todo, 3);
    runner_wake(r);
    for (int i = 0; i < 4; i++)
        (void)sem_wait(&w.turned);
    assert_int_equal(atomic_load(&w.done), 3);
    runner_stop(&r);
    assert_null(r);
}

static void no_wake_is_lost_between_a_turn_and_its_rest(void **state)
{
    struct worker w;
    ROLE_ENTER_WORKER();
    (void)state;
    struct runner *r = start(&w, RUNNER_REST);
    for (int i = 1; i <= 2000; i++) {
        atomic_store(&w.todo, 1);
        runner_wake(r);
        while (atomic_load(&w.done) < i)
            (void)sem_wait(&w.turned);
    }
    runner_stop(&r);
    assert_int_equal(atomic_load(&w.done), 2000);
}

static void a_rest_ends_by_itself(void **state)
{
    struct worker w;
    ROLE_ENTER_WORKER();
    (void)state;
    struct runner *r = start(&w, 1);
    for (int i = 0; i < 3; i++)
        (void)sem_wait(&w.turned);
    runner_stop(&r);
    assert_true(atomic_load(&w.turns) >= 4);
}

static void stop_leaves_nothing_undone(void **state)
{
    struct worker w;
    ROLE_ENTER_WORKER();
    (void)state;
    struct runner *r = start(&w, RUNNER_REST);
    atomic_store(&w.todo, 500);
    runner_stop(&r);
    assert_int_equal(atomic_load(&w.done), 500);
    runner_stop(&r); /* of nothing */
}

/* ---- another source ---- */

struct fake {
    struct threading threading;
    struct executor executor;
    struct runner runner;
    int executors, runners, wakes, stops, freed;
};

static void fake_free(struct executor *x)
{
    CONTAINER_OF(x, struct fake, executor)->freed++;
}
static int fake_executor(const struct threading *t, const char *name, unsigned threads,
                         size_t max_queue, struct executor **ret)
{
    struct fake *f = (struct fake *)(uintptr_t)t;
    (void)name, (void)threads, (void)max_queue;
    f->executors++;
    *ret = &f->executor;
    return 0;
}
static int fake_runner(const struct threading *t, const char *name, runner_turn turn, void *arg,
                       struct runner **ret)
{
    struct fake *f = (struct fake *)(uintptr_t)t;
    (void)name, (void)turn, (void)arg;
    f->runners++;
    *ret = &f->runner;
    return 0;
}
static void fake_wake(struct runner *r)
{
    CONTAINER_OF(r, struct fake, runner)->wakes++;
}
static void fake_stop(struct runner *r)
{
    CONTAINER_OF(r, struct fake, runner)->stops++;
}

static void another_source_makes_both(void **state)
{
    struct pool *p = NULL;
    struct runner *r = NULL;
    ROLE_ENTER_WORKER();
    (void)state;
    struct fake f = {.threading = {.executor = fake_executor, .runner = fake_runner},
                     .executor = {.free = fake_free},
                     .runner = {.wake = fake_wake, .stop = fake_stop}};
    assert_int_equal(threading_pool(&f.threading, "p", 3, 8, &p), 0);
    assert_int_equal(runner_start(&f.threading, "r", work, NULL, &r), 0);
    runner_wake(r);
    runner_stop(&r);
    pool_free(&p);
    assert_int_equal(f.executors, 1);
    assert_int_equal(f.runners, 1);
    assert_int_equal(f.wakes, 1);
    assert_int_equal(f.stops, 1);
    assert_int_equal(f.freed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_makes_turns_until_one_rests),
        cmocka_unit_test(no_wake_is_lost_between_a_turn_and_its_rest),
        cmocka_unit_test(a_rest_ends_by_itself),
        cmocka_unit_test(stop_leaves_nothing_undone),
        cmocka_unit_test(another_source_makes_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
