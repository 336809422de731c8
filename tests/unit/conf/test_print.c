/* The sample file loads, and a dump loads to the same dump. */
#include "city_table.h"
#include "conf_test.h"

static void dump_loads_again_to_the_same_dump(void **state)
{
    static const char text[] = "name: \"a \\\"quoted\\\" name\\n\"\n"
                               "password: secret\n"
                               "seed: 0A\n"
                               "labels: {\"01\": x, plain: \"y: z\"}\n"
                               "backup: {folder: /copy}\n"
                               "gates: {north: {fare: 2}}\n"
                               "spare: [{host: s1}, {retry: 250ms}]\n"
                               "modules: {transit: {list: [1, {a: ~}], empty: []}}\n";
    struct fixture f, g;
    struct city c;

    (void)state;
    fixture_init(&f);
    fixture_init(&g);
    assert_int_equal(parse(&f, text), 0);
    assert_int_equal(conf_fill(&f.tree, f.tree.root, &city_schema, &f.arena, &c, &f.errors), 0);
    conf_dump(&city_schema, &c, 0, &f.text);
    assert_null(strstr(buf_cstr(&f.text), "secret"));
    assert_non_null(strstr(buf_cstr(&f.text), "# password: (set)\n"));
    assert_int_equal(parse(&g, buf_cstr(&f.text)), 0);
    assert_int_equal(conf_fill(&g.tree, g.tree.root, &city_schema, &g.arena, &c, &g.errors), 0);
    c.password = "secret";
    conf_dump(&city_schema, &c, 0, &g.text);
    assert_string_equal(buf_cstr(&f.text), buf_cstr(&g.text));
    fixture_fini(&f);
    fixture_fini(&g);
}

static void sample_has_every_key_and_loads_when_the_required_are_filled_in(void **state)
{
    struct fixture f;
    struct city c;

    (void)state;
    fixture_init(&f);
    conf_sample(&city_schema, 0, &f.text);
    for (size_t i = 0; i < city_schema.count; i++) {
        char line[64] = "";
        strcat(strcat(line, city_schema.items[i].key), ":");
        assert_non_null(strstr(buf_cstr(&f.text), line));
        assert_non_null(strstr(buf_cstr(&f.text), city_schema.items[i].help));
    }
    const char *text = arena_strdup(&f.arena, buf_cstr(&f.text));
    assert_int_equal(parse(&f, text), 0);
    assert_int_equal(conf_fill(&f.tree, f.tree.root, &city_schema, &f.arena, &c, &f.errors),
                     OC_EINVAL);
    assert_int_equal(f.errors.count, 1);
    assert_non_null(strstr(mistakes(&f), "'name' is missing"));
    fixture_fini(&f);
}

static void sample_reads_as_written(void **state)
{
    static const struct conf_item items[] = {
        {.key = "port",
         .type = CONF_INT,
         .width = 2,
         .min = 1,
         .max = 9,
         .dflt = "8",
         .help = "Port."},
        {.key = "name", .type = CONF_STRING, .width = 8, .required = true, .help = "Name."},
        {.key = "key", .type = CONF_STRING, .width = 8, .help = "Key."},
    };
    static const struct conf_schema schema = {
        .items = items, .count = ARRAY_LEN(items), .size = 24};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    conf_sample(&schema, 2, &f.text);
    assert_string_equal(buf_cstr(&f.text), "  # Port. (a number from 1 to 9)\n"
                                           "  port: 8\n"
                                           "  # Name. Required.\n"
                                           "  name:\n"
                                           "  # Key.\n"
                                           "  #key:\n");
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dump_loads_again_to_the_same_dump),
        cmocka_unit_test(sample_has_every_key_and_loads_when_the_required_are_filled_in),
        cmocka_unit_test(sample_reads_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
