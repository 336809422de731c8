/* Loading from files: sound modules get in, each kind of wrong one is refused with the file's name
 * and the reason. */
#include "module/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

static struct conf_errors errors;
static struct arena arena;
static struct modules *set;
static char said[8192];

static int setup(void **state)
{
    (void)state;
    conf_errors_init(&errors);
    arena_init(&arena, 0);
    set = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    module_set_free(&set);
    conf_errors_fini(&errors);
    arena_fini(&arena);
    return 0;
}

/* Loads `names` (at most two) from `dir` with this configuration text; what was said is in `said`.
 */
static int load(const char *dir, const char *one, const char *two, const char *yaml)
{
    ROLE_ENTER_WORKER();
    struct conf_tree tree;
    const char *names[] = {one, two};
    struct modules_opts o = {.dir = dir, .names = names, .count = two ? 2 : 1};
    if (yaml) {
        int rc = conf_tree_parse("d.yaml", yaml, strlen(yaml), &arena, &errors, &tree);
        if (rc) {
            return rc;
        }
        o.tree = &tree;
        o.conf = conf_subtree(&tree, "modules");
    }
    int rc = module_set_load(&o, &errors, &set);
    struct buf b;
    buf_over(&b, said, sizeof(said) - 1);
    conf_errors_print(&errors, &b);
    said[b.len] = '\0';
    return rc;
}

static void says(const char *words)
{
    if (!strstr(said, words)) {
        fail_msg("it said \"%s\", not \"%s\"", said, words);
    }
}

static void sound_module_is_loaded(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "good", NULL, NULL), 0);
    assert_int_equal(module_service_count(set), 2);
    assert_string_equal(said, "");
}

static void module_of_an_older_minor_is_loaded(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "older", NULL, NULL), 0);
    assert_int_equal(module_service_count(set), 2);
}

static void wrong_modules_are_refused_with_file_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int rc;
        const char *words;
    } cases[] = {
        {"major", OC_EABI, "/major.so: built for module ABI 2.3; this program has 1.3"},
        {"minor", OC_EABI, "/minor.so: built for module ABI 1.7; this program has 1.3"},
        {"short", OC_EABI, "/short.so: its onecard_module says 40 bytes"},
        {"long", OC_EABI, "/long.so: its onecard_module is shorter than it says"},
#ifndef __SANITIZE_ADDRESS__ /* its red zones belong to the symbol: nothing is short any more */
        {"tiny", OC_EABI, "/tiny.so: its onecard_module is too short"},
#endif
        {"hidden", OC_EABI, "/hidden.so: it exports no symbol onecard_module"},
        {"misnamed", OC_EMODULE, "/misnamed.so: the module in it is named other"},
        {"twice", OC_EEXIST, "/twice.so: the service twice.hello is there twice"},
        {"foreign", OC_EMODULE, "/foreign.so: the service name \"payment.purchase\""},
        {"number", OC_EMODULE, "number.hello takes a card by its number and needs what only a"},
        {"absent", OC_ENOENT, "/absent.so: there is no such file"},
        {"../good", OC_EINVAL, "a module's name is 1 to 15"},
        {"", OC_EINVAL, "a module's name is 1 to 15"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(NULL);
        int rc = load(BAD_DIR, cases[i].name, NULL, NULL);
        if (rc != cases[i].rc || set) {
            fail_msg("%s gave %d: %s", cases[i].name, rc, said);
        }
        says(cases[i].words);
        teardown(NULL);
    }
    setup(NULL);
}

static void all_mistakes_are_said_at_once_and_nothing_is_loaded(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "major", "absent", NULL), OC_EABI);
    assert_null(set);
    says("major.so");
    says("absent.so");
}

static void module_named_twice_is_refused(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "good", "good", NULL), OC_EEXIST);
    says("a module named good is loaded already");
}

static void configuration_mistake_has_its_place(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "good", NULL, "modules:\n  good:\n    answr: 3\n"), OC_EINVAL);
    says("d.yaml:3:");
    says("answer");
}

static void configuration_out_of_range_is_refused(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "good", NULL, "modules:\n  good: {answer: 101}\n"), OC_EINVAL);
    says("d.yaml:2:");
}

static void section_of_a_module_that_is_not_loaded_is_a_mistake(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "good", NULL, "modules:\n  good:\n  goood: {answer: 1}\n"),
                     OC_EINVAL);
    says("d.yaml:3:3: no module named goood is loaded");
}

static void failing_load_keeps_the_set_from_being_made(void **state)
{
    (void)state;
    assert_int_equal(load(BAD_DIR, "good", NULL, "modules:\n  good: {answer: 13}\n"), OC_EMODULE);
    says("good.so: its load() failed");
    assert_null(set);
}

#ifdef HAVE_MODULES
static void payment_and_transit_are_loaded_and_print_their_sample(void **state)
{
    (void)state;
    int rc = load(MODULE_DIR, "payment", "transit",
                  "modules:\n  transit:\n    fare: 3.00\n    concessions: {elder: free}\n");
    if (rc) {
        fail_msg("%d: %s", rc, said);
    }
    assert_non_null(module_service(set, "payment.purchase", &arena, NULL));
    assert_non_null(module_service(set, "ride", &arena, NULL));
    struct buf b;
    buf_init(&b, 0);
    module_set_sample(set, &b);
    assert_non_null(strstr(buf_cstr(&b), "same_card_seconds"));
    buf_fini(&b);
}

static void transit_without_a_bearer_is_refused_at_load(void **state)
{
    (void)state;
    assert_int_equal(
        load(MODULE_DIR, "transit", NULL, "modules:\n  transit: {concessions: {elder: half}}\n"),
        OC_EMODULE);
    says("transit.so: its load() failed");
}
#endif

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(sound_module_is_loaded),
        TEST(module_of_an_older_minor_is_loaded),
        TEST(wrong_modules_are_refused_with_file_and_reason),
        TEST(all_mistakes_are_said_at_once_and_nothing_is_loaded),
        TEST(module_named_twice_is_refused),
        TEST(configuration_mistake_has_its_place),
        TEST(configuration_out_of_range_is_refused),
        TEST(section_of_a_module_that_is_not_loaded_is_a_mistake),
        TEST(failing_load_keeps_the_set_from_being_made),
#ifdef HAVE_MODULES
        TEST(payment_and_transit_are_loaded_and_print_their_sample),
        TEST(transit_without_a_bearer_is_refused_at_load),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
