/* The same small world under many orders: flows that lock, wait, sleep, offload and are cancelled
 * at any point. What must hold in every order: the mutex excludes, nothing is lost, everything
 * ends, the same seed gives the same run. */
#include "../unit/flow/flow_test.h"

#include <stdlib.h>

#define SEEDS  150
#define ACTORS 8
#define ROUNDS 6

struct world {
    struct loop *loop;
    struct pool *pool;
    struct flow_mutex mutex;
    struct flow_cond cond;
    struct flow *actors[ACTORS];
    uint64_t random;
    unsigned inside, broken, ended, cancelled, jobs, tokens;
    uint64_t print; /* a fingerprint of the run */
};

static unsigned pick(struct world *w, unsigned n)
{
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (unsigned)(w->random >> 33) % n;
}

static void mark(struct world *w, unsigned what)
{
    w->print = (w->print ^ what) * UINT64_C(1099511628211);
}

struct unit_job {
    struct offload_job base;
    struct world *world;
};

static void run_unit(struct offload_job *base)
{
    base->result = 7;
}

CO_FN static int offload_once(struct world *w)
{
    struct unit_job *j = offload_job_new(sizeof *j, run_unit, NULL);
    if (!j)
        return OC_ENOMEM;
    int rc = flow_co_offload(w->pool, &j->base, flow_deadline_ms(10000));
    if (rc == 0 && j->base.result != 7)
        w->broken++;
    w->jobs += rc == 0;
    offload_job_put(&j->base);
    return rc;
}

CO_FN static int critical(struct world *w)
{
    int rc = flow_co_lock(&w->mutex, flow_deadline_ms(10000));
    if (rc)
        return rc;
    flow_shield();
    if (w->inside++ != 0)
        w->broken++;
    rc = flow_co_sleep_ms(pick(w, 3));
    if (rc != 0 || w->inside-- != 1)
        w->broken++;
    flow_unshield();
    flow_unlock(&w->mutex);
    return 0;
}

CO_FN static int take_token(struct world *w)
{
    int64_t deadline = flow_deadline_ms(5);
    while (w->tokens == 0) {
        int rc = flow_co_wait(&w->cond, deadline);
        if (rc == OC_ETIMEDOUT)
            return 0;
        if (rc)
            return rc;
    }
    w->tokens--;
    return 0;
}

CO_FN static int act(struct world *w)
{
    switch (pick(w, 6)) {
    case 0:
        return critical(w);
    case 1:
        return take_token(w);
    case 2:
        w->tokens++;
        flow_cond_signal(&w->cond);
        return flow_co_yield();
    case 3:
        return offload_once(w);
    case 4:
        flow_cancel(w->actors[pick(w, ACTORS)]);
        return 0;
    default:
        return flow_co_sleep_ms(pick(w, 4));
    }
}

CO_FN static int actor(void *arg)
{
    struct world *w = arg;
    int rc = 0;
    for (int i = 0; i < ROUNDS && rc == 0; i++) {
        rc = act(w);
        mark(w, (unsigned)-rc + 1000 * (unsigned)i);
    }
    w->ended++;
    w->cancelled += rc == OC_ECANCELED;
    return rc == OC_ECANCELED ? 0 : rc;
}

static uint64_t run_world(uint64_t seed, bool yield, bool threads, unsigned *ret_cancelled)
{
    struct loop_opts o = {.seed = seed, .always_yield = yield};
    struct test_clock c;
    struct world w = {.random = seed, .print = 1469598103934665603U};
    test_clock_init(&c, &o);
    if (threads) { /* their time is the machine's */
        o.clock = NULL;
        o.idle = NULL;
    }
    w.loop = test_loop(&o);
    flow_mutex_init(&w.mutex);
    flow_cond_init(&w.cond);
    assert_int_equal(threads ? pool_new(&w.pool, "unit", 2, ACTORS, NULL, NULL)
                             : pool_new_inline(&w.pool, "unit", w.loop),
                     0);
    for (int i = 0; i < ACTORS; i++)
        assert_int_equal(flow_start(w.loop, "actor", actor, &w, &w.actors[i]), 0);
    loop_stop(w.loop, 60000);
    assert_int_equal(loop_run(w.loop), 0);
    assert_int_equal(w.broken, 0);
    assert_int_equal(w.ended, ACTORS);
    pool_free(&w.pool);
    for (int i = 0; i < ACTORS; i++)
        flow_put(w.actors[i]);
    flow_mutex_fini(&w.mutex);
    flow_cond_fini(&w.cond);
    loop_free(&w.loop);
    *ret_cancelled += w.cancelled;
    return w.print;
}

static void rules_hold_in_every_order_and_a_seed_repeats(void **state)
{
    unsigned cancelled = 0, different = 0;
    uint64_t last = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool yield = seed % 2 == 0;
        uint64_t print = run_world(seed, yield, false, &cancelled);
        assert_int_equal(print, run_world(seed, yield, false, &cancelled));
        different += print != last;
        last = print;
    }
    assert_true(different > SEEDS * 9 / 10);
    assert_true(cancelled > SEEDS);
}

static void rules_hold_with_threads(void **state)
{
    unsigned cancelled = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        (void)run_world(seed, seed % 2 == 0, true, &cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_hold_in_every_order_and_a_seed_repeats),
        cmocka_unit_test(rules_hold_with_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
