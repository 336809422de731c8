/* The nesting guard before recursive parsers. */
#include "flow_test.h"

static bool ok(const char *s, unsigned max)
{
    return text_depth_ok(s, strlen(s), max);
}

static void depth_at_the_limit_passes_and_above_is_refused(void **state)
{
    (void)state;
    assert_true(ok("[[[]]]", 3));
    assert_false(ok("[[[[]]]]", 3));
    assert_true(ok("{\"a\":[{\"b\":1}]}", 3));
    assert_false(ok("{\"a\":[{\"b\":[]}]}", 3));
    assert_true(ok("", 0));
}

static void siblings_do_not_add_up(void **state)
{
    (void)state;
    assert_true(ok("[[],[],[],[],{}]", 2));
}

static void brackets_in_strings_do_not_count(void **state)
{
    (void)state;
    assert_true(ok("[\"[[[[{{{{\"]", 1));
    assert_true(ok("[\"a\\\"[[[[\"]", 1));
    assert_false(ok("[\"a\\\\\"[[", 2));
}

static void malformed_text_is_scanned_within_bounds(void **state)
{
    (void)state;
    assert_true(ok("]]]]}}}}", 0));
    assert_false(ok("]]][[", 1));
    assert_true(ok("\"\\", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_at_the_limit_passes_and_above_is_refused),
        cmocka_unit_test(siblings_do_not_add_up),
        cmocka_unit_test(brackets_in_strings_do_not_count),
        cmocka_unit_test(malformed_text_is_scanned_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
