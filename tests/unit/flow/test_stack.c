/* Stacks: sizes, the guard page, the measure of depth. */
#include "flow_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void stack_is_rounded_up_and_zero(void **state)
{
    struct stack s;
    (void)state;
    assert_int_equal(stack_map(&s, 10000, false), 0);
    assert_true(s.size >= 10000 && s.size % 4096 == 0);
    const unsigned char *bytes = s.base;
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[s.size - 1], 0);
    stack_unmap(&s);
    assert_null(s.base);
}

static void write_below_the_stack_kills(void **state)
{
    struct stack s;
    int status = 0;
    (void)state;
    assert_int_equal(stack_map(&s, 16384, false), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        ((volatile char *)s.base)[-1] = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    stack_unmap(&s);
}

static void peak_counts_from_the_top(void **state)
{
    struct stack s;
    (void)state;
    assert_int_equal(stack_map(&s, 65536, true), 0);
    assert_int_equal(stack_peak(&s), 0);
    ((unsigned char *)s.base)[s.size - 1000] = 7;
    assert_int_equal(stack_peak(&s), 1000);
    stack_unmap(&s);
}

__attribute__((noinline)) CO_FN static int use_stack(void *arg)
{
    volatile unsigned char block[256];
    unsigned deep = (unsigned)(uintptr_t)arg;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = 0x5a;
    int rc = deep > 0 ? use_stack((void *)(uintptr_t)(deep - 1)) : flow_co_yield();
    return block[7] == 0x5a ? rc : OC_EINTERNAL;
}

static void loop_tells_the_peak_of_measured_stacks(void **state)
{
    struct loop *l = test_loop(&(struct loop_opts){.measure_stacks = true});
    (void)state;
    assert_int_equal(loop_run_flow(l, "deep", use_stack, (void *)(uintptr_t)20), 0);
    assert_true(loop_stack_peak(l) > 5 * 1024);
    assert_true(loop_stack_peak(l) < stack_default_size());
    loop_free(&l);
}

static void limit_of_flows_follows_the_kernel(void **state)
{
    (void)state;
    assert_true(stack_max_count() > 1000);
    struct loop *l = test_loop(&(struct loop_opts){.max_flows = UINT32_MAX});
    assert_int_equal(loop_max_flows(l), stack_max_count());
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_is_rounded_up_and_zero),
        cmocka_unit_test(write_below_the_stack_kills),
        cmocka_unit_test(peak_counts_from_the_top),
        cmocka_unit_test(loop_tells_the_peak_of_measured_stacks),
        cmocka_unit_test(limit_of_flows_follows_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
