/* Blocking work on threads, and the jobs nobody waits for any more. */
#include "flow_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int destroyed, ran;

struct job {
    struct offload_job base;
    sem_t *enter, *leave; /* NULL: does not wait */
    int in, out;
    pthread_t thread;
};

static void run_job(struct offload_job *base)
{
    struct job *j = CONTAINER_OF(base, struct job, base);
    if (j->enter)
        (void)sem_post(j->enter);
    if (j->leave)
        (void)sem_wait(j->leave);
    j->out = j->in * 2;
    j->thread = pthread_self();
    base->result = offload_job_abandoned(base) ? OC_ECANCELED : 0;
    (void)atomic_fetch_add(&ran, 1);
}

static void destroy_job(struct offload_job *base)
{
    (void)base;
    (void)atomic_fetch_add(&destroyed, 1);
}

static struct job *job_new(int in)
{
    struct job *j = offload_job_new(sizeof *j, run_job, destroy_job);
    assert_non_null(j);
    j->in = in;
    return j;
}

static void reset(void)
{
    atomic_store(&destroyed, 0);
    atomic_store(&ran, 0);
}

struct ask {
    struct pool *pool;
    struct job *job;
    int64_t deadline_ms; /* 0: none */
    int rc, out;
};

CO_FN static int ask(void *arg)
{
    struct ask *a = arg;
    int64_t deadline = a->deadline_ms ? flow_deadline_ms(a->deadline_ms) : FLOW_FOREVER;
    a->rc = flow_co_offload(a->pool, &a->job->base, deadline);
    if (a->rc == 0)
        a->out = a->job->out;
    return a->rc;
}

static void result_comes_back_from_another_thread(void **state)
{
    struct loop *l = test_loop(NULL);
    struct ask a = {.job = job_new(21)};
    (void)state;
    reset();
    assert_int_equal(pool_new(&a.pool, "test", 2, 8, NULL, NULL), 0);
    assert_int_equal(loop_run_flow(l, "ask", ask, &a), 0);
    assert_int_equal(a.out, 42);
    assert_false(pthread_equal(a.job->thread, pthread_self()));
    offload_job_put(&a.job->base);
    pool_free(&a.pool);
    assert_int_equal(atomic_load(&destroyed), 1);
    loop_free(&l);
}

static void late_result_is_dropped_after_the_deadline(void **state)
{
    struct loop *l = test_loop(NULL);
    sem_t leave;
    struct ask a = {.job = job_new(1), .deadline_ms = 20};
    (void)state;
    reset();
    (void)sem_init(&leave, 0, 0);
    a.job->leave = &leave;
    assert_int_equal(pool_new(&a.pool, "test", 1, 8, NULL, NULL), 0);
    assert_int_equal(loop_run_flow(l, "ask", ask, &a), OC_ETIMEDOUT);
    offload_job_put(&a.job->base);
    assert_int_equal(atomic_load(&destroyed), 0);
    (void)sem_post(&leave);
    pool_free(&a.pool);
    assert_int_equal(atomic_load(&ran), 1);
    loop_free(&l);
    assert_int_equal(atomic_load(&destroyed), 1);
    (void)sem_destroy(&leave);
}

struct cancel {
    struct flow *flow;
    sem_t *enter;
};

CO_FN static int cancel_when_entered(void *arg)
{
    struct cancel *c = arg;
    while (sem_trywait(c->enter) != 0) {
        int rc = flow_co_sleep_ms(1);
        if (rc)
            return rc;
    }
    flow_cancel(c->flow);
    return flow_co_join(c->flow, NULL, FLOW_FOREVER);
}

static void cancelled_flow_leaves_while_the_job_goes_on(void **state)
{
    struct loop *l = test_loop(NULL);
    sem_t enter, leave;
    struct cancel c = {.enter = &enter};
    struct ask a = {.job = job_new(1)};
    (void)state;
    reset();
    (void)sem_init(&enter, 0, 0);
    (void)sem_init(&leave, 0, 0);
    a.job->enter = &enter;
    a.job->leave = &leave;
    assert_int_equal(pool_new(&a.pool, "test", 1, 8, NULL, NULL), 0);
    assert_int_equal(flow_start(l, "ask", ask, &a, &c.flow), 0);
    assert_int_equal(loop_run_flow(l, "cancel", cancel_when_entered, &c), 0);
    assert_int_equal(a.rc, OC_ECANCELED);
    assert_int_equal(atomic_load(&ran), 0);
    (void)sem_post(&leave);
    pool_free(&a.pool);
    assert_int_equal(a.job->base.result, OC_ECANCELED);
    offload_job_put(&a.job->base);
    flow_put(c.flow);
    loop_free(&l);
    assert_int_equal(atomic_load(&destroyed), 1);
}

CO_FN static int fill_queue(void *arg)
{
    struct ask *a = arg;
    a[0].rc = pool_submit(a[0].pool, &a[0].job->base);
    while (sem_trywait(a[0].job->enter) != 0)
        if (flow_co_sleep_ms(1) != 0)
            return OC_EINTERNAL;
    a[1].rc = pool_submit(a[0].pool, &a[1].job->base);
    a[2].rc = flow_co_offload(a[0].pool, &a[2].job->base, FLOW_FOREVER);
    a[2].out = (int)pool_queued(a[0].pool);
    (void)sem_post(a[0].job->leave);
    return 0;
}

static void full_queue_is_busy_and_begins_nothing(void **state)
{
    struct loop *l = test_loop(NULL);
    sem_t enter, leave;
    struct ask a[3] = {{.job = job_new(1)}, {.job = job_new(2)}, {.job = job_new(3)}};
    (void)state;
    reset();
    (void)sem_init(&enter, 0, 0);
    (void)sem_init(&leave, 0, 0);
    a[0].job->enter = &enter;
    a[0].job->leave = &leave;
    assert_int_equal(pool_new(&a[0].pool, "test", 1, 1, NULL, NULL), 0);
    assert_int_equal(loop_run_flow(l, "fill", fill_queue, a), 0);
    pool_free(&a[0].pool);
    assert_int_equal(a[0].rc, 0);
    assert_int_equal(a[1].rc, 0);
    assert_int_equal(a[2].rc, OC_EBUSY);
    assert_int_equal(a[2].out, 1);
    assert_int_equal(atomic_load(&ran), 2);
    for (int i = 0; i < 3; i++)
        offload_job_put(&a[i].job->base);
    assert_int_equal(atomic_load(&destroyed), 3);
    loop_free(&l);
}

static void abandoned_droppable_job_never_begins(void **state)
{
    struct loop *l = test_loop(NULL);
    sem_t leave;
    struct job *blocker = job_new(1);
    struct ask a = {.job = job_new(2), .deadline_ms = 10};
    (void)state;
    reset();
    (void)sem_init(&leave, 0, 0);
    blocker->leave = &leave;
    a.job->base.droppable = true;
    assert_int_equal(pool_new(&a.pool, "test", 1, 4, NULL, NULL), 0);
    assert_int_equal(pool_submit(a.pool, &blocker->base), 0);
    assert_int_equal(loop_run_flow(l, "ask", ask, &a), OC_ETIMEDOUT);
    (void)sem_post(&leave);
    pool_free(&a.pool);
    assert_int_equal(atomic_load(&ran), 1);
    offload_job_put(&blocker->base);
    offload_job_put(&a.job->base);
    loop_free(&l);
    assert_int_equal(atomic_load(&destroyed), 2);
}

static void init_thread(void *arg, unsigned idx)
{
    atomic_int *seen = arg;
    (void)atomic_fetch_or(&seen[0], 1 << idx);
}

static void thread_init_runs_on_each_thread_with_its_number(void **state)
{
    struct pool *p;
    atomic_int seen = 0;
    (void)state;
    assert_int_equal(pool_new(&p, "init", 3, 4, init_thread, &seen), 0);
    pool_free(&p);
    assert_int_equal(atomic_load(&seen), 7);
    pool_free(&p);
}

static void inline_pool_runs_on_the_loop_in_virtual_time(void **state)
{
    struct loop_opts o = {0};
    struct test_clock c;
    struct ask a = {.job = job_new(5)};
    (void)state;
    reset();
    test_clock_init(&c, &o);
    struct loop *l = test_loop(&o);
    assert_int_equal(pool_new_inline(&a.pool, "inline", l), 0);
    assert_int_equal(loop_run_flow(l, "ask", ask, &a), 0);
    assert_int_equal(a.out, 10);
    assert_true(pthread_equal(a.job->thread, pthread_self()));
    assert_int_equal(c.jumps, 0);
    offload_job_put(&a.job->base);
    struct job *left = job_new(6);
    assert_int_equal(pool_submit(a.pool, &left->base), 0);
    pool_free(&a.pool);
    assert_int_equal(left->out, 12);
    offload_job_put(&left->base);
    loop_free(&l);
    assert_int_equal(atomic_load(&destroyed), 2);
}

#define CALLERS 20
#define CALLS   200

CO_FN static int call_often(void *arg)
{
    struct pool *p = arg;
    for (int i = 0; i < CALLS; i++) {
        struct job *j = offload_job_new(sizeof *j, run_job, destroy_job);
        if (!j)
            return OC_ENOMEM;
        j->in = i;
        int rc = flow_co_offload(p, &j->base, flow_deadline_ms(20000));
        int out = j->out;
        offload_job_put(&j->base);
        if (rc || out != 2 * i)
            return rc ? rc : OC_EINTERNAL;
    }
    return 0;
}

CO_FN static int join_all(void *arg)
{
    struct flow **f = arg;
    int rc = 0;
    for (int i = 0; i < CALLERS && rc == 0; i++) {
        int result = 0;
        rc = flow_co_join(f[i], &result, FLOW_FOREVER);
        rc = rc ? rc : result;
    }
    return rc;
}

static void many_flows_share_a_pool(void **state)
{
    struct loop *l = test_loop(NULL);
    struct pool *p;
    struct flow *f[CALLERS];
    (void)state;
    reset();
    assert_int_equal(pool_new(&p, "many", 4, CALLERS, NULL, NULL), 0);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(flow_start(l, "caller", call_often, p, &f[i]), 0);
    assert_int_equal(loop_run_flow(l, "join", join_all, f), 0);
    pool_free(&p);
    for (int i = 0; i < CALLERS; i++)
        flow_put(f[i]);
    loop_free(&l);
    assert_int_equal(atomic_load(&destroyed), CALLERS * CALLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_comes_back_from_another_thread),
        cmocka_unit_test(late_result_is_dropped_after_the_deadline),
        cmocka_unit_test(cancelled_flow_leaves_while_the_job_goes_on),
        cmocka_unit_test(full_queue_is_busy_and_begins_nothing),
        cmocka_unit_test(abandoned_droppable_job_never_begins),
        cmocka_unit_test(thread_init_runs_on_each_thread_with_its_number),
        cmocka_unit_test(inline_pool_runs_on_the_loop_in_virtual_time),
        cmocka_unit_test(many_flows_share_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
