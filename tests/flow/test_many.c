/* Ten thousand flows at once: suspended, woken, ended; what they cost. */
#include "../unit/flow/flow_test.h"

#include <stdlib.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define FLOWS 2000 /* the stacks are four times larger there */
#elif defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define FLOWS 500 /* a fiber counts as a thread there */
#else
#define FLOWS   10000
#define MEASURE 1
#endif

static struct flow_cond gate;
static unsigned waiting, woken;
static bool open_now;

CO_FN static int wait_at_gate(void *arg)
{
    (void)arg;
    waiting++;
    while (!open_now) {
        int rc = flow_co_wait(&gate, flow_deadline_ms(600000));
        if (rc)
            return rc;
    }
    woken++;
    return 0;
}

CO_FN static int count(void *arg)
{
    (void)arg;
    return flow_co_yield();
}

static size_t resident_kib(void)
{
    unsigned long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%lu %lu", &total, &resident) != 2)
            resident = 0;
        (void)fclose(f);
    }
    return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void ten_thousand_suspended_flows_end_when_woken(void **state)
{
    struct loop *l = test_loop(&(struct loop_opts){.max_flows = FLOWS + 10});
    size_t before = resident_kib();
    (void)state;
    flow_cond_init(&gate);
    for (int i = 0; i < FLOWS; i++)
        assert_int_equal(flow_start(l, "gate", wait_at_gate, NULL, NULL), 0);
    for (int i = 0; i < FLOWS / 100 && waiting < FLOWS; i++)
        assert_int_equal(loop_run_flow(l, "count", count, NULL), 0);
    assert_int_equal(waiting, FLOWS);
    size_t kib = resident_kib() - before;
    print_message("%d suspended flows: %zu MiB\n", FLOWS, kib / 1024);
#ifdef MEASURE
    assert_true(kib / 1024 < 100);
#endif
    open_now = true;
    flow_cond_broadcast(&gate);
    loop_stop(l, 10000);
    assert_int_equal(loop_run(l), 0);
    assert_int_equal(woken, FLOWS);
    loop_free(&l);
}

CO_FN static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

CO_FN static int start_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        int rc = flow_start(flow_loop(), "short", nothing, NULL, NULL);
        if (rc == 0)
            rc = flow_co_yield();
        if (rc)
            return rc;
    }
    return 0;
}

static void short_flows_use_the_same_stacks_again(void **state)
{
    struct loop *l = test_loop(NULL);
    size_t before = resident_kib();
    (void)state;
    assert_int_equal(loop_run_flow(l, "start", start_many, NULL), 0);
#ifdef MEASURE
    assert_true(resident_kib() - before < 4096);
#else
    (void)before;
#endif
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), 0);
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_suspended_flows_end_when_woken),
        cmocka_unit_test(short_flows_use_the_same_stacks_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
