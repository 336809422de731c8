#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void wiped_memory_is_zero(void **state)
{
    (void)state;
    char key[16] = "0123456789abcde";
    secret_wipe(key, sizeof(key));
    for (size_t i = 0; i < sizeof(key); i++)
        assert_int_equal(key[i], 0);
    secret_wipe(NULL, 0);
}

static void equality_sees_each_byte(void **state)
{
    (void)state;
    uint8_t a[16] = {0}, b[16] = {0};
    assert_true(secret_equal(a, b, 16));
    for (size_t i = 0; i < 16; i++) {
        b[i] = 0x80;
        assert_false(secret_equal(a, b, 16));
        b[i] = 0;
    }
    assert_true(secret_equal(a, NULL, 0));
}

static void child_sees_no_secret(void **state)
{
    (void)state;
    uint8_t *p = secret_alloc(5000);
    assert_non_null(p);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(p[i], 0);
    memset(p, 0xAA, 5000);
    pid_t child = fork();
    if (child == 0) {
        int left = 0;
        for (size_t i = 0; i < 5000; i++)
            left |= p[i];
        _exit(left != 0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(p[4999], 0xAA);
    secret_free(p, 5000);
    secret_free(NULL, 5);
    assert_null(secret_alloc(SIZE_MAX));
}

static void hardened_process_dumps_no_core(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        secret_harden_process();
        struct rlimit limit = {1, 1};
        getrlimit(RLIMIT_CORE, &limit);
        _exit(limit.rlim_cur != 0 || limit.rlim_max != 0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wiped_memory_is_zero),
        cmocka_unit_test(equality_sees_each_byte),
        cmocka_unit_test(child_sees_no_secret),
        cmocka_unit_test(hardened_process_dumps_no_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
