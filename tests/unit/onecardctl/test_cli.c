/* The command line: what is taken, what is refused, and that each refusal helps. */
#include "ctl_test.h"

#include "crypto/crypto.h"

static void expect_usage(struct said s, const char *words)
{
    if (s.status != CTL_USAGE || !strstr(s.err, words))
        print_error("status %d, said: %s", s.status, s.err);
    assert_int_equal(s.status, CTL_USAGE);
    assert_non_null(strstr(s.err, words));
    assert_string_equal(s.out, "");
    assert_ptr_equal(strchr(s.err, '\n'), s.err + strlen(s.err) - 1); /* one line */
    said_fini(&s);
}

static void misspelt_words_are_suggested(void **state)
{
    (void)state;
    expect_usage(SAY("crad", "list"), "did you mean 'card'");
    expect_usage(SAY("card", "lits"), "did you mean 'list'");
    expect_usage(SAY("txn", "run", "x", "--terminl", "t"), "did you mean '--terminal'");
    expect_usage(SAY("key", "generate", "--purpose", "purchse", "--version", "1"),
                 "did you mean 'purchase'");
}

static void amounts_that_are_none_are_refused_before_anything_is_sent(void **state)
{
    (void)state;
    static const char *const bad[] = {"10,5", "10.555", "-1", "0", "", "1e3", "10元", ".5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_usage(SAY("txn", "run", "payment.load", "--terminal", "t", "--amount", bad[i]),
                     "--amount");
}

static void values_are_checked_by_kind(void **state)
{
    (void)state;
    expect_usage(SAY("terminal", "add", "--id", "t", "--sam", "12"), "12 hexadecimal digits");
    expect_usage(SAY("terminal", "add", "--id", "t", "--sam", "10000000000g"), "hexadecimal");
    expect_usage(SAY("terminal", "add", "--id", "t", "--param", "fare"), "name=value");
    expect_usage(SAY("terminal", "add", "--id", "t", "--param", "a=1", "--param", "a=2"), "twice");
    expect_usage(SAY("terminal", "add", "--id", "t", "--id", "u"), "twice");
    expect_usage(SAY("settle", "run", "--date", "2026-13-01"), "2026-11-21");
    expect_usage(SAY("txn", "run", "x", "--terminal", "t", "--wait", "soon"), "seconds");
    expect_usage(SAY("txn", "list", "--limit", "501"), "1 to 500");
    expect_usage(SAY("txn", "list", "--state", "done"), "posted");
    expect_usage(SAY("card", "issue", "--terminal", "t", "--profile", "p", "--holder-phone", "1"),
                 "--holder");
    expect_usage(SAY("citizen", "add", "--name", "n", "--id", "410102199001010021"),
                 "--id takes -");
}

static void a_reader_name_without_quotes_is_explained(void **state)
{
    (void)state;
    expect_usage(SAY("terminal", "add", "--id", "t", "--reader", "Virtual", "PCD", "00"), "quotes");
}

static void missing_words_and_options_are_named(void **state)
{
    (void)state;
    expect_usage(SAY("txn"), "--help");
    expect_usage(SAY("txn", "run"), "SERVICE");
    expect_usage(SAY("txn", "run", "x"), "--terminal T is missing");
    expect_usage(SAY("txn", "run", "x", "--terminal"), "needs a value");
    expect_usage(SAY("txn", "run", "x", "--terminal", "--json"), "needs a value");
    expect_usage(SAY("status", "--json=yes"), "takes no value");
}

static void help_is_on_every_level(void **state)
{
    (void)state;
    size_t n;
    const struct cli_noun *const *nouns = cli_nouns(&n);
    struct said all = SAY("help");
    assert_int_equal(all.status, CTL_DONE);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(strstr(all.out, nouns[i]->name));
        for (size_t k = 0; k < nouns[i]->command_count; k++) {
            const char *verb = nouns[i]->commands[k].name;
            struct said s =
                verb ? SAY(nouns[i]->name, verb, "--help") : SAY("help", nouns[i]->name);
            assert_int_equal(s.status, CTL_DONE);
            assert_non_null(strstr(s.out, "usage: onecardctl"));
            said_fini(&s);
        }
    }
    said_fini(&all);
}

static json_t *body_of(const char *const *words, size_t n)
{
    char *argv[ARGS_MAX] = {NULL};
    struct cli_globals g;
    struct cli_args a;
    for (size_t i = 0; i < n; i++)
        argv[i] = strdup(words[i]);
    json_t *j = cli_parse((int)n, argv, stderr, &g, &a) == 0 ? cli_body(&a) : NULL;
    cli_args_fini(&a);
    for (size_t i = 0; i < n; i++)
        free(argv[i]);
    return j;
}

static void options_become_the_body(void **state)
{
    (void)state;
    static const char *const words[] = {
        "onecardctl",  "card",    "register",  "--serial=00ab", "--issuer", "10203040000000ab",
        "--profile",   "pboc-ep", "--opening", "20.5",          "--holder", "王芳",
        "--holder-id", "-"};
    char line[] = "4101\n";
    FILE *was = stdin;
    stdin = fmemopen(line, sizeof line - 1, "r");
    json_t *j = body_of(words, ARRAY_LEN(words));
    assert_null(body_of(words, ARRAY_LEN(words))); /* there was one line */
    (void)fclose(stdin);
    stdin = was;
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "serial")), "00AB");
    assert_string_equal(json_string_value(json_object_get(j, "issuer")), "10203040000000AB");
    assert_int_equal(json_integer_value(json_object_get(j, "opening_fen")), 2050);
    assert_string_equal(json_string_value(out_member(j, "holder.name")), "王芳");
    assert_string_equal(json_string_value(out_member(j, "holder.id")), "4101");
    json_decref(j);
}

static void seconds_become_milliseconds_and_pairs_an_object(void **state)
{
    (void)state;
    static const char *const words[] = {"onecardctl", "--json",  "txn",    "run",     "x",
                                        "--terminal", "t",       "--wait", "1.25",    "--retap",
                                        "0",          "--param", "a=b=c",  "--param", "d="};
    json_t *j = body_of(words, ARRAY_LEN(words));
    assert_non_null(j);
    assert_int_equal(json_integer_value(json_object_get(j, "wait_ms")), 1250);
    assert_int_equal(json_integer_value(json_object_get(j, "retap_ms")), 0);
    assert_string_equal(json_string_value(out_member(j, "params.a")), "b=c");
    assert_string_equal(json_string_value(out_member(j, "params.d")), "");
    json_decref(j);
}

static void version_of_a_key_is_not_the_programs(void **state)
{
    (void)state;
    static const char *const words[] = {"onecardctl", "key",  "generate",  "--purpose", "tac",
                                        "--alg",      "3des", "--version", "7"};
    json_t *j = body_of(words, ARRAY_LEN(words));
    assert_non_null(j);
    assert_int_equal(json_integer_value(json_object_get(j, "version")), 7);
    json_decref(j);
    struct said s = SAY("--version");
    assert_int_equal(s.status, CTL_DONE);
    assert_memory_equal(s.out, "onecardctl ", 11);
    said_fini(&s);
}

static void key_purposes_are_those_of_the_custody(void **state)
{
    (void)state;
    const struct cli_option *o = &noun_key.commands[0].options[0];
    enum key_purpose p;
    assert_string_equal(o->name, "purpose");
    for (const char *const *w = o->words; *w; w++)
        assert_int_equal(key_purpose_parse(*w, &p), 0);
}

/* The page without the backslashes of its dashes. */
static char *man_page(void)
{
    struct buf b, plain;
    char *path = NULL;
    ROLE_ENTER_WORKER();
    buf_init(&b, 0);
    buf_init(&plain, 0);
    if (asprintf(&path, "%s/docs/man/man1/onecardctl.1", ONECARD_SOURCE_DIR) < 0 ||
        file_read(path, &b) != 0)
        return NULL;
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] != '\\')
            buf_put_u8(&plain, b.data[i]);
    char *text = strdup(buf_cstr(&plain));
    buf_fini(&b);
    buf_fini(&plain);
    free(path);
    return text;
}

/* The part of the page about one command: from its heading to the next. */
static bool documented(const char *page, const struct cli_noun *n, const struct cli_command *c)
{
    char heading[96], option[64];
    (void)snprintf(heading, sizeof heading, "\n.SS %s%s%s", n->name, c->name ? " " : "",
                   c->name ? c->name : "");
    const char *at = strstr(page, heading), *end = at ? strstr(at + 4, "\n.S") : NULL;
    bool all = at && end;
    for (size_t i = 0; all && i < c->option_count; i++) {
        (void)snprintf(option, sizeof option, "\n.BI --%s", c->options[i].name);
        const char *found = strstr(at, option);
        all = found && found < end;
    }
    if (!all)
        print_error("docs/man/man1/onecardctl.1 does not tell all about%s\n", heading + 4);
    return all;
}

static void the_manual_page_names_every_command_and_option(void **state)
{
    (void)state;
    size_t n;
    const struct cli_noun *const *nouns = cli_nouns(&n);
    char *page = man_page();
    bool all = page != NULL;
    for (size_t i = 0; page && i < n; i++)
        for (size_t k = 0; k < nouns[i]->command_count; k++)
            all &= documented(page, nouns[i], &nouns[i]->commands[k]);
    free(page);
    assert_true(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misspelt_words_are_suggested),
        cmocka_unit_test(amounts_that_are_none_are_refused_before_anything_is_sent),
        cmocka_unit_test(values_are_checked_by_kind),
        cmocka_unit_test(a_reader_name_without_quotes_is_explained),
        cmocka_unit_test(missing_words_and_options_are_named),
        cmocka_unit_test(help_is_on_every_level),
        cmocka_unit_test(options_become_the_body),
        cmocka_unit_test(seconds_become_milliseconds_and_pairs_an_object),
        cmocka_unit_test(version_of_a_key_is_not_the_programs),
        cmocka_unit_test(key_purposes_are_those_of_the_custody),
        cmocka_unit_test(the_manual_page_names_every_command_and_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
