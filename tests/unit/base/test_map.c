#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <stdio.h>
#include <string.h>

static void map_agrees_with_a_plain_array_over_many_changes(void **state)
{
    (void)state;
    enum { KEYS = 500 };
    static char values[KEYS];
    bool there[KEYS] = {false};
    struct map m;
    map_init(&m, 42);
    uint32_t random = 1;
    size_t count = 0;
    for (int step = 0; step < 50000; step++) {
        random = random * 1664525 + 1013904223;
        size_t k = random >> 8 & 511;
        if (k >= KEYS)
            continue;
        char key[16];
        snprintf(key, sizeof(key), "key%zu", k);
        if (random >> 30) {
            if (map_put_str(&m, key, &values[k]))
                fail_msg("put");
            count += !there[k];
            there[k] = true;
        } else {
            if (map_del_str(&m, key) != (there[k] ? &values[k] : NULL))
                fail_msg("delete of %s", key);
            count -= there[k];
            there[k] = false;
        }
        random = random * 1664525 + 1013904223;
        k = (random >> 8) % KEYS;
        snprintf(key, sizeof(key), "key%zu", k);
        if (map_get_str(&m, key) != (there[k] ? &values[k] : NULL) || m.count != count)
            fail_msg("after step %d %s is wrong", step, key);
    }
    size_t cursor = 0, seen = 0;
    for (char *v; (v = map_next(&m, &cursor)); seen++)
        assert_true(there[v - values]);
    assert_int_equal(seen, count);
    map_clear(&m);
    assert_int_equal(m.count, 0);
    cursor = 0;
    assert_null(map_next(&m, &cursor));
    map_fini(&m);
}

static void keys_are_bytes_of_up_to_255(void **state)
{
    (void)state;
    struct map m;
    map_init(&m, 0);
    static int one, two, three;
    uint8_t key[256] = {0};
    assert_null(map_get(&m, key, 3));
    assert_null(map_del(&m, key, 3));
    assert_int_equal(map_put(&m, key, 3, &one), 0);
    assert_int_equal(map_put(&m, key, 4, &two), 0);
    assert_int_equal(map_put(&m, key, 0, &three), 0);
    assert_ptr_equal(map_get(&m, key, 3), &one);
    assert_ptr_equal(map_get(&m, key, 4), &two);
    assert_ptr_equal(map_get(&m, key, 0), &three);
    assert_int_equal(map_put(&m, key, 255, &one), 0);
    assert_int_equal(map_put(&m, key, 256, &one), OC_ELIMIT);
    assert_null(map_get(&m, key, 256));
    assert_int_equal(map_put(&m, key, 3, &two), 0);
    assert_ptr_equal(map_get(&m, key, 3), &two);
    assert_int_equal(m.count, 4);
    map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_agrees_with_a_plain_array_over_many_changes),
        cmocka_unit_test(keys_are_bytes_of_up_to_255),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
