#include "serve/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct conf_snapshot *parse(const char *text, struct buf *errors)
{
    struct conf_errors e;
    struct conf_snapshot *s = NULL;
    conf_errors_init(&e);
    (void)!conf_snapshot_parse("city/onecardd.yaml", text, strlen(text), serve_config_schema(), &e,
                               &s);
    if (errors)
        conf_errors_print(&e, errors);
    conf_errors_fini(&e);
    return s;
}

static void minimal_file_gets_every_default(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 0);
    serve_config_minimal(&text);
    struct conf_snapshot *s = parse(buf_cstr(&text), NULL);
    assert_non_null(s);
    const struct serve_config *c = conf_snapshot_value(s);
    assert_int_equal(c->city.offset_min, 480);
    assert_int_equal(c->settlement.at, 120);
    assert_int_equal(c->api.mode_bits, 0660);
    assert_int_equal(c->policy.ceiling.anonymous, 100000);
    assert_int_equal(c->policy.ceiling.named, 500000);
    assert_int_equal(c->policy.load_quota, 10000000);
    assert_false(c->keys.allow_clear);
    assert_false(c->sam.software);
    assert_int_equal(c->module_count, 3);
    conf_snapshot_put(&s);
    buf_fini(&text);
}

static void mistakes_come_all_at_once_with_place_and_suggestion(void **state)
{
    struct buf errors;
    (void)state;
    buf_init(&errors, 0);
    struct conf_snapshot *s = parse("site:\n"
                                    "  nam: x\n"
                                    "  issuer: \"00\"\n"
                                    "city:\n"
                                    "  utc_offset: \"+8:000\"\n"
                                    "settlement: {cutover: \"25:00\"}\n"
                                    "api: {mode: \"0666\"}\n"
                                    "log: {level: infos}\n"
                                    "modules: payment\n",
                                    &errors);
    assert_null(s);
    assert_string_equal(
        buf_cstr(&errors),
        "city/onecardd.yaml:2:3: unknown key 'nam': did you mean 'name'?\n"
        "city/onecardd.yaml:2:3: 'name' is missing: Name of the site, for people.\n"
        "city/onecardd.yaml:3:11: 'issuer' must be 16 hexadecimal digits, not '00'\n"
        "city/onecardd.yaml:5:15: 'utc_offset' must look like \"+08:00\", up to 14 hours\n"
        "city/onecardd.yaml:6:23: 'cutover' must be a time of day such as 02:30, not '25:00'\n"
        "city/onecardd.yaml:7:13: 'mode' must be four octal digits such as \"0660\", with nothing "
        "for others\n"
        "city/onecardd.yaml:8:14: 'level' must be one of error, warn, info, debug, not 'infos': "
        "did you mean 'info'?\n");
    buf_fini(&errors);
}

static void name_that_no_certificate_can_have_is_a_mistake(void **state)
{
    struct buf errors;
    (void)state;
    assert_true(serve_name_ok("switch.example") && serve_name_ok("10.0.0.1"));
    assert_true(serve_name_ok("2001:db8::1"));
    assert_false(serve_name_ok("10.0.0.1:7443") || serve_name_ok("交换") || serve_name_ok("a b"));
    buf_init(&errors, 0);
    assert_null(parse("site: {name: x, issuer: \"0011223344556677\"}\n"
                      "terminals: {names: [\"switch.example:7443\"]}\n",
                      &errors));
    assert_non_null(strstr(buf_cstr(&errors), "without a port"));
    buf_fini(&errors);
}

static void utc_offset_west_is_negative(void **state)
{
    (void)state;
    struct conf_snapshot *s = parse("site: {name: x, issuer: \"1020304000000001\"}\n"
                                    "city: {utc_offset: \"-03:30\"}\n",
                                    NULL);
    assert_non_null(s);
    assert_int_equal(((const struct serve_config *)conf_snapshot_value(s))->city.offset_min, -210);
    conf_snapshot_put(&s);
}

static void modules_as_list_and_with_sections_name_the_same(void **state)
{
    static const char *const texts[] = {"modules: [transit]\n",
                                        "modules:\n  transit:\n    fare: 3.00\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "site: {name: x, issuer: \"1020304000000001\"}\n%s",
                       texts[i]);
        struct conf_snapshot *s = parse(text, NULL);
        assert_non_null(s);
        const struct serve_config *c = conf_snapshot_value(s);
        assert_int_equal(c->module_count, 1);
        assert_string_equal(c->module_names[0], "transit");
        assert_int_equal(serve_module_conf(c) != NULL, i == 1);
        conf_snapshot_put(&s);
    }
}

static void relative_paths_count_from_the_file(void **state)
{
    (void)state;
    struct conf_snapshot *s = parse("site: {name: x, issuer: \"1020304000000001\"}\n", NULL);
    assert_non_null(s);
    assert_string_equal(((const struct serve_config *)conf_snapshot_value(s))->paths.ledger,
                        "city/ledger.db");
    conf_snapshot_put(&s);
}

static WORKER_FN void compare_with_sample(const char *path)
{
    struct buf sample, file;
    buf_init(&sample, 0);
    buf_init(&file, 0);
    serve_config_sample(&sample);
    assert_int_equal(file_read(path, &file), 0);
    /* differs: onecardd --sample > conf/onecardd.yaml */
    assert_string_equal(buf_cstr(&file), buf_cstr(&sample));
    buf_fini(&file);
    buf_fini(&sample);
}

static void sample_file_in_the_tree_is_what_the_tables_print(void **state)
{
    (void)state;
    ROLE_ENTER_WORKER();
    compare_with_sample(ONECARD_SOURCE_DIR "/conf/onecardd.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimal_file_gets_every_default),
        cmocka_unit_test(mistakes_come_all_at_once_with_place_and_suggestion),
        cmocka_unit_test(name_that_no_certificate_can_have_is_a_mistake),
        cmocka_unit_test(utc_offset_west_is_negative),
        cmocka_unit_test(modules_as_list_and_with_sections_name_the_same),
        cmocka_unit_test(sample_file_in_the_tree_is_what_the_tables_print),
        cmocka_unit_test(relative_paths_count_from_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
