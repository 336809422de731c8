/* Stacks: sizes, the guard page, the measure of depth. */
#include "flow_test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TRIMS_NOTHING true
#else
#define TRIMS_NOTHING false
#endif

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

static size_t resident(const struct stack *s)
{
    unsigned char pages[64] = {0};
    size_t n = 0;
    if (mincore(s->base, s->size, pages) != 0)
        return 0;
    for (size_t i = 0; i < s->size / 4096 && i < sizeof pages; i++)
        n += pages[i] & 1;
    return n;
}

static void trim_gives_back_what_lies_below(void **state)
{
    struct stack s;
    (void)state;
    assert_int_equal(stack_map(&s, 65536, true), 0);
    memset((char *)s.base + 8, 1, s.size - 8);
    assert_int_equal(resident(&s), 16);
    stack_trim(&s, (char *)s.base + s.size - 3000);
    assert_in_range(resident(&s), 1, 2); /* the top, and the canary's */
    assert_int_equal(((char *)s.base)[s.size - 3000], 1);
    assert_int_equal(stack_peak(&s), 4096);
    stack_trim(&s, s.base); /* nothing there: nothing happens */
    assert_int_equal(stack_peak(&s), 4096);
    stack_unmap(&s);
}

struct trim {
    uintptr_t inside; /* of the flow's stack, far down */
    int left, rc;
};

__attribute__((noinline)) static void dirty(struct trim *t)
{
    volatile char block[1024];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = 1;
    t->inside = (uintptr_t)block;
}

__attribute__((noinline)) static void go_deep(struct trim *t, unsigned n)
{
    volatile char block[1024];
    block[0] = (char)n;
    if (n > 0)
        go_deep(t, n - 1);
    else
        dirty(t);
    block[1] = block[0];
}

CO_FN static int deep_then_trim(void *arg)
{
    struct trim *t = arg;
    volatile char kept[64];
    for (size_t i = 0; i < sizeof kept; i++)
        kept[i] = (char)i;
    go_deep(t, 20);
    flow_trim_stack();
    int rc = flow_co_yield();
    for (size_t i = 0; i < sizeof kept; i++)
        rc = kept[i] == (char)i ? rc : OC_EINTERNAL;
    unsigned char page = 1;
    t->rc = mincore((void *)(t->inside & ~(uintptr_t)4095), 4096, &page);
    t->left = page & 1;
    return rc;
}

static void flow_that_trims_keeps_what_it_uses(void **state)
{
    (void)state;
    for (int measured = 0; measured <= 1; measured++) {
        struct loop *l = test_loop(&(struct loop_opts){.measure_stacks = measured == 1});
        struct trim t = {.left = -1, .rc = -1};
        assert_int_equal(loop_run_flow(l, "trim", deep_then_trim, &t), 0);
        if (stack_default_size() == 65536)
            assert_int_equal(t.rc, 0);
        if (measured && !TRIMS_NOTHING)
            assert_true(loop_stack_peak(l) > 20000); /* also what was trimmed */
        if (!measured && t.rc == 0 && !TRIMS_NOTHING)
            assert_int_equal(t.left, 0);
        loop_free(&l);
    }
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
        cmocka_unit_test(trim_gives_back_what_lies_below),
        cmocka_unit_test(flow_that_trims_keeps_what_it_uses),
        cmocka_unit_test(limit_of_flows_follows_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
