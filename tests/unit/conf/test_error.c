/* The list of mistakes and the nearest word. */
#include "conf_test.h"

static void nearest_word_is_found_by_one_slip(void **state)
{
    static const char *const words[] = {"listen", "profiles", "log", "settle", NULL};

    (void)state;
    assert_string_equal(conf_nearest("lissten", words), "listen");
    assert_string_equal(conf_nearest("lsiten", words), "listen");
    assert_string_equal(conf_nearest("Listen", words), "listen");
    assert_string_equal(conf_nearest("profile", words), "profiles");
    assert_string_equal(conf_nearest("lgo", words), "log");
}

static void nearest_word_is_none_when_far_or_odd(void **state)
{
    static const char *const words[] = {"listen", "log", NULL};
    char huge[200];

    (void)state;
    memset(huge, 'a', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    assert_null(conf_nearest("database", words));
    assert_null(conf_nearest("", words));
    assert_null(conf_nearest(huge, words));
    assert_null(conf_nearest("xyz", words));
}

static void errors_are_sorted_by_place_and_keep_order_within(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    conf_errors_add(&f.errors, "b.yaml", 1, 1, "b1");
    conf_errors_add(&f.errors, "a.yaml", 9, 2, "late");
    conf_errors_add(&f.errors, "a.yaml", 2, 5, "first of two");
    conf_errors_add(&f.errors, "a.yaml", 2, 5, "second of two");
    conf_errors_add(&f.errors, "a.yaml", 0, 0, "no place");
    assert_string_equal(mistakes(&f), "a.yaml: no place\n"
                                      "a.yaml:2:5: first of two\n"
                                      "a.yaml:2:5: second of two\n"
                                      "a.yaml:9:2: late\n"
                                      "b.yaml:1:1: b1\n");
    fixture_fini(&f);
}

static void errors_past_the_bound_are_counted(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (int i = 0; i < 250; i++)
        conf_errors_add(&f.errors, "a", i + 1, 1, "x");
    assert_int_equal(f.errors.kept, CONF_ERRORS_MAX);
    assert_int_equal(f.errors.count, 250);
    assert_non_null(strstr(mistakes(&f), "and 150 more"));
    fixture_fini(&f);
}

static void control_characters_cannot_forge_lines(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    conf_errors_add(&f.errors, "a\nb", 1, 1, "one\ntwo\x1b[2J");
    assert_string_equal(mistakes(&f), "a?b:1:1: one?two?[2J\n");
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_word_is_found_by_one_slip),
        cmocka_unit_test(nearest_word_is_none_when_far_or_odd),
        cmocka_unit_test(errors_are_sorted_by_place_and_keep_order_within),
        cmocka_unit_test(errors_past_the_bound_are_counted),
        cmocka_unit_test(control_characters_cannot_forge_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
