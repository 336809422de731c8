#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <string.h>

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    for (size_t i = 1; i < 3000; i += 7) {
        unsigned char *p = arena_alloc(&a, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xFF, i);
    }
    arena_fini(&a);
    assert_null(a.blocks);
}

static void what_comes_back_from_a_pool_is_zero_and_the_pool_is_bounded(void **state)
{
    (void)state;
    struct arena_pool pool;
    arena_pool_init(&pool, (size_t)64 * 1024);
    for (size_t round = 0; round < 50; round++) {
        struct arena a;
        arena_init_pooled(&a, 0, &pool);
        for (size_t i = 1; i < 3000; i += 97) {
            unsigned char *p = arena_alloc(&a, i + round);
            assert_non_null(p);
            for (size_t k = 0; k < i + round; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xA5, i + round);
        }
        assert_non_null(arena_alloc(&a, (size_t)200 * 1024));
        arena_fini(&a);
        assert_true(pool.kept <= pool.limit);
    }
    arena_pool_fini(&pool);
    assert_int_equal(pool.kept, 0);
}

static void beyond_the_limit_is_null_and_fini_gives_room_again(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024);
    assert_non_null(arena_alloc(&a, 1000));
    assert_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX / 2));
    arena_fini(&a);
    assert_non_null(arena_alloc(&a, 1000));
    arena_fini(&a);
}

static void texts_and_copies_are_copies(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    char text[] = "balance";
    char *copy = arena_strdup(&a, text);
    text[0] = 'X';
    assert_string_equal(copy, "balance");
    assert_null(arena_strdup(&a, NULL));
    assert_string_equal(arena_printf(&a, "%d-%s", 12, "ab"), "12-ab");
    char *large = arena_printf(&a, "%05000d", 7);
    assert_int_equal(strlen(large), 5000);
    assert_non_null(arena_copy(&a, NULL, 0));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
        cmocka_unit_test(what_comes_back_from_a_pool_is_zero_and_the_pool_is_bounded),
        cmocka_unit_test(beyond_the_limit_is_null_and_fini_gives_room_again),
        cmocka_unit_test(texts_and_copies_are_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
