/* Tables: every type filled, every mistake named. */
#include "city_table.h"
#include "conf_test.h"

static int fill(struct fixture *f, const char *text, struct city *c)
{
    int rc = conf_tree_parse("etc/x.yaml", text, strlen(text), &f->arena, &f->errors, &f->tree);

    return rc ? rc : conf_fill(&f->tree, f->tree.root, &city_schema, &f->arena, c, &f->errors);
}

static void defaults_fill_what_is_absent(void **state)
{
    struct fixture f;
    struct city c;

    (void)state;
    fixture_init(&f);
    assert_int_equal(fill(&f, "name: 郑州\n", &c), 0);
    assert_string_equal(c.name, "郑州");
    assert_string_equal(c.store, "etc/ledger.db");
    assert_null(c.password);
    assert_int_equal(c.port, 8080);
    assert_int_equal(c.offset, 480);
    assert_false(c.test);
    assert_int_equal(c.ceiling, 100000);
    assert_int_equal(c.idle, 30000);
    assert_int_equal(c.cache, 65536);
    assert_int_equal(c.night, 150);
    assert_memory_equal(c.region, "\x41\0\0\0", 4);
    assert_int_equal(c.fid, 0x15);
    assert_int_equal(c.aids.count, 2);
    assert_int_equal(c.aids.items[1].len, 6);
    assert_int_equal(c.mode, MODE_STRICT);
    assert_int_equal(c.readers.count, 2);
    assert_string_equal(c.readers.items[1], "two");
    assert_string_equal(c.route.host, "localhost");
    assert_null(c.backup);
    assert_int_equal(c.gates.count, 0);
    assert_null(c.modules);
    fixture_fini(&f);
}

static const char full[] = "name: x\n"
                           "store: /var/lib/x.db\n"
                           "password: secret\n"
                           "port: 0x1F\n"
                           "offset: -300\n"
                           "test: yes\n"
                           "ceiling: 12.50\n"
                           "idle: 2m\n"
                           "cache: 2 MiB\n"
                           "night: 23:59\n"
                           "region: 31000001\n"
                           "fid: 3F00\n"
                           "seed: 01 02\n"
                           "aids: [A000000001]\n"
                           "mode: open\n"
                           "readers: Reader 1\n"
                           "labels: {a: 1, b: two}\n"
                           "route: {host: h, retry: 1m}\n"
                           "backup:\n"
                           "  folder: copy\n"
                           "gates:\n"
                           "  north: {lane: 3, fare: 2}\n"
                           "  south: {fare: 0.5}\n"
                           "spare:\n"
                           "  - {host: s1}\n"
                           "  - {host: s2}\n"
                           "modules:\n"
                           "  transit: {fare: 2}\n";

static void every_type_is_filled(void **state)
{
    struct fixture f;
    struct city c;

    (void)state;
    fixture_init(&f);
    assert_int_equal(fill(&f, full, &c), 0);
    assert_string_equal(c.store, "/var/lib/x.db");
    assert_int_equal(c.port, 31);
    assert_int_equal(c.offset, -300);
    assert_true(c.test);
    assert_int_equal(c.ceiling, 1250);
    assert_int_equal(c.idle, 120000);
    assert_int_equal(c.cache, 2 << 20);
    assert_int_equal(c.night, 1439);
    assert_int_equal(c.fid, 0x3F00);
    assert_int_equal(c.seed.len, 2);
    assert_int_equal(c.mode, MODE_OPEN);
    assert_int_equal(c.readers.count, 1);
    assert_string_equal(c.labels.items[1].value, "two");
    assert_string_equal(c.backup->folder, "etc/copy");
    const struct gate *g = c.gates.items;
    assert_int_equal(c.gates.count, 2);
    assert_string_equal(g[1].name, "south");
    assert_int_equal(g[1].fare, 50);
    assert_int_equal(g[1].lane, 1);
    const struct route *r = c.spare.items;
    assert_string_equal(r[1].host, "s2");
    assert_string_equal(conf_child(conf_child(c.modules, "transit"), "fare")->text, "2");
    fixture_fini(&f);
}

static void all_mistakes_come_at_once_with_their_places(void **state)
{
    static const char text[] = "nmae: x\n"
                               "port: 70000\n"
                               "offset: east\n"
                               "test: flase\n"
                               "ceiling: 5000.01\n"
                               "idle: 10\n"
                               "cache: 5 MB\n"
                               "night: 24:00\n"
                               "region: 41\n"
                               "fid: 15\n"
                               "seed: 0102030405\n"
                               "aids: [A0, A000000003]\n"
                               "mode: stirct\n"
                               "readers: [a, b, c, d]\n"
                               "labels: x\n"
                               "route: {retry: 2m}\n"
                               "backup: {}\n"
                               "gates:\n"
                               "  north: {lane: 0}\n"
                               "spare: {host: x}\n"
                               "zzz: 1\n"
                               "password: {}\n";
    struct fixture f;
    struct city c;

    (void)state;
    fixture_init(&f);
    assert_int_equal(fill(&f, text, &c), OC_EINVAL);
    assert_string_equal(
        mistakes(&f),
        "etc/x.yaml:1:1: unknown key 'nmae': did you mean 'name'?\n"
        "etc/x.yaml:1:1: 'name' is missing: the city's name\n"
        "etc/x.yaml:2:7: 'port' must be a number from 1 to 65535, not '70000'\n"
        "etc/x.yaml:3:9: 'offset' must be a number from -720 to 840, not 'east'\n"
        "etc/x.yaml:4:7: 'test' must be true or false, not 'flase': did you mean 'false'?\n"
        "etc/x.yaml:5:10: 'ceiling' must be an amount in yuan such as 12.50 from 0.00 to 5000.00, "
        "not '5000.01'\n"
        "etc/x.yaml:6:7: 'idle' must be a duration such as 250ms, 10s, 5m, 2h or 2d from 1s to 1h, "
        "not '10'\n"
        "etc/x.yaml:7:8: 'cache' must be a size such as 512B, 64KiB, 8MiB or 2GiB, not '5 MB'\n"
        "etc/x.yaml:8:8: 'night' must be a time of day such as 02:30, not '24:00'\n"
        "etc/x.yaml:9:9: 'region' must be 8 hexadecimal digits, not '41'\n"
        "etc/x.yaml:10:6: 'fid' must be 4 hexadecimal digits, not '15'\n"
        "etc/x.yaml:11:7: 'seed' must be hexadecimal text of 1 to 4 bytes, not '0102030405'\n"
        "etc/x.yaml:12:8: 'aids' must be hexadecimal text of 5 to 16 bytes, not 'A0'\n"
        "etc/x.yaml:13:7: 'mode' must be one of open, strict, not 'stirct': did you mean "
        "'strict'?\n"
        "etc/x.yaml:14:10: 'readers' must have 0 to 3 entries, not 4\n"
        "etc/x.yaml:15:9: 'labels' must be a section of word: value lines\n"
        "etc/x.yaml:16:16: waiting over a minute is a mistake\n"
        "etc/x.yaml:17:9: 'folder' is missing: the folder\n"
        "etc/x.yaml:19:10: 'fare' is missing: the fare in yuan\n"
        "etc/x.yaml:19:17: 'lane' must be a number from 1 to 20, not '0'\n"
        "etc/x.yaml:20:8: 'spare' must be a list of sections\n"
        "etc/x.yaml:21:1: unknown key 'zzz'\n"
        "etc/x.yaml:22:11: 'password' must be a single value, not a section\n");
    fixture_fini(&f);
}

static void unknown_keys_of_a_short_section_name_the_known_ones(void **state)
{
    struct fixture f;
    struct city c;

    (void)state;
    fixture_init(&f);
    assert_int_equal(fill(&f, "name: x\nroute: {colour: red}\n", &c), OC_EINVAL);
    assert_string_equal(mistakes(&f),
                        "etc/x.yaml:2:9: unknown key 'colour' (known here: host, retry)\n");
    fixture_fini(&f);
}

static void numbers_that_overflow_are_refused(void **state)
{
    static const char *const bad[] = {
        "port: 99999999999999999999",
        "port: -1",
        "port: 1x",
        "port: 0x",
        "idle: 999999999999999999d",
        "cache: 99999999999GiB",
        "idle: -5s",
        "idle: s",
        "ceiling: 1.234",
        "night: \"2:3\"",
        "night: \"1:2:3\"",
        "test: 1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fixture f;
        struct city c;
        char text[100] = "name: x\n";
        fixture_init(&f);
        strcat(text, bad[i]);
        assert_int_equal(fill(&f, text, &c), OC_EINVAL);
        assert_int_equal(f.errors.count, 1);
        fixture_fini(&f);
    }
}

static void secrets_are_not_echoed(void **state)
{
    static const struct conf_item items[] = {
        {.key = "pin", .type = CONF_INT, .width = 8, .max = 9, .secret = true, .min = 1}};
    static const struct conf_schema schema = {.items = items, .count = 1, .size = 8};
    struct fixture f;
    int64_t v;

    (void)state;
    fixture_init(&f);
    assert_int_equal(parse(&f, "pin: 123456\n"), 0);
    assert_int_equal(conf_fill(&f.tree, f.tree.root, &schema, &f.arena, &v, &f.errors), OC_EINVAL);
    assert_string_equal(mistakes(&f), "x.yaml:1:6: 'pin' must be a number from 1 to 9\n");
    fixture_fini(&f);
}

static void tables_made_at_run_time_check_a_module_section(void **state)
{
    struct conf_item items[] = {
        {.key = "fare", .type = CONF_FEN, .max = 10000, .dflt = "2", .help = "Fare."},
        {.key = "city", .type = CONF_STRING, .help = "City."},
        {.key = "night", .type = CONF_BOOL, .dflt = "true", .help = "Night."},
        {.key = "rates", .type = CONF_MAP, .help = "Rates."},
    };
    struct conf_schema schema = {.items = items, .count = ARRAY_LEN(items)};
    const struct conf_item *row = NULL;
    struct fixture f;
    fen_t fare;

    (void)state;
    fixture_init(&f);
    schema.size = conf_layout(items, ARRAY_LEN(items));
    void *value = arena_alloc(&f.arena, schema.size);
    assert_non_null(value);
    assert_int_equal(
        parse(&f, "modules:\n  transit: {city: x, rates: {student: 50}}\n  bad: {frae: 1}\n"), 0);
    const struct conf_node *n = conf_subtree(&f.tree, "modules.transit");
    assert_int_equal(conf_fill(&f.tree, n, &schema, &f.arena, value, &f.errors), 0);
    memcpy(&fare, conf_value(&schema, value, "fare", &row), sizeof(fare));
    assert_int_equal(fare, 200);
    assert_int_equal(row->type, CONF_FEN);
    assert_null(conf_value(&schema, value, "absent", NULL));
    n = conf_subtree(&f.tree, "modules.bad");
    assert_int_equal(conf_fill(&f.tree, n, &schema, &f.arena, value, &f.errors), OC_EINVAL);
    assert_string_equal(mistakes(&f), "x.yaml:3:9: unknown key 'frae': did you mean 'fare'?\n");
    assert_int_equal(conf_fill(&f.tree, NULL, &schema, &f.arena, value, &f.errors), 0);
    fixture_fini(&f);
}

static void memory_that_runs_out_is_an_error_not_a_crash(void **state)
{
    int rc = OC_ENOMEM;

    (void)state;
    for (size_t limit = 64; limit < 1 << 20 && rc != 0; limit += limit / 8) {
        struct fixture f;
        struct city c;
        fixture_init(&f);
        f.arena.limit = limit;
        rc = fill(&f, full, &c);
        assert_true(rc == OC_ENOMEM || rc == 0);
        fixture_fini(&f);
    }
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_absent),
        cmocka_unit_test(every_type_is_filled),
        cmocka_unit_test(all_mistakes_come_at_once_with_their_places),
        cmocka_unit_test(unknown_keys_of_a_short_section_name_the_known_ones),
        cmocka_unit_test(numbers_that_overflow_are_refused),
        cmocka_unit_test(secrets_are_not_echoed),
        cmocka_unit_test(tables_made_at_run_time_check_a_module_section),
        cmocka_unit_test(memory_that_runs_out_is_an_error_not_a_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
