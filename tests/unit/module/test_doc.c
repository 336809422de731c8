/* Documents: read, built, printed; what is not sound goes nowhere. */
#include "module/doc.h"
#include "module/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena a;
static struct plan p;

static int setup(void **state)
{
    (void)state;
    arena_fini(&a);
    plan_init(&p, &a, "test");
    return 0;
}

static struct onecard_doc *read(const char *json)
{
    return doc_read(&a, json, strlen(json), NULL);
}

static const char *text(const struct onecard_doc *d)
{
    size_t len;
    const char *t = doc_text(d, &a, 65535, &len);
    return t ? t : "(none)";
}

static void every_kind_of_value_is_read_and_printed_again(void **state)
{
    (void)state;
    static const char all[] = "{\"a\":[1,-2,9223372036854775807,0.5,true,false,null,\"x\\\"y\",{}],"
                              "\"红\":\"\\u0001\",\"e\":[]}";
    const struct onecard_doc *d = read(all);
    int64_t n = 0;
    const char *name = NULL;
    assert_non_null(d);
    assert_string_equal(text(d), all);
    const struct onecard_doc *list = doc_get(d, "a");
    assert_int_equal(doc_count(list), 9);
    assert_int_equal(doc_as_int(doc_at(list, 1, NULL), &n), 0);
    assert_int_equal(n, -2);
    assert_int_equal(doc_as_int(doc_at(list, 3, NULL), &n), OC_EINVAL);
    assert_int_equal(doc_as_int(doc_at(list, 9, NULL), &n), OC_ENOENT);
    assert_true(doc_as_bool(doc_at(list, 4, NULL), false));
    assert_true(doc_as_bool(doc_at(list, 6, NULL), true));
    assert_string_equal(doc_as_text(doc_at(list, 7, NULL)), "x\"y");
    assert_non_null(doc_at(d, 1, &name));
    assert_string_equal(name, "红");
    assert_null(doc_get(list, "a"));
    assert_null(doc_get(NULL, "a"));
}

static void text_that_is_no_document_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {{"", "column"},
                 {"{", "column"},
                 {"{\"a\":1,\"a\":2}", "duplicate"},
                 {"[1]x", "column"},
                 {"[1e999]", "column"},
                 {"[99999999999999999999]", "column"},
                 {"\"\\u0000\"", "column"},
                 {"\"\\ud800\"", "surrogate"},
                 {"\"\\ud800\\u0041\"", "surrogate"},
                 {"\"\\udc00\"", "surrogate"},
                 {"\"\\x\"", "escape"},
                 {"\"\\u12g4\"", "hexadecimal"},
                 {"\"a\nb\"", "control"},
                 {"\"\xc0\xaf\"", "UTF-8"},
                 {"\"\xe4\xb8\"", "UTF-8"},
                 {"\"\\", "end"},
                 {"\"abc", "end"},
                 {"01", "begins with 0"},
                 {"-", "digits"},
                 {"1.", "digits"},
                 {"1e+", "digits"},
                 {"+1", "value"},
                 {"nul", "word"},
                 {"[1,]", "value"},
                 {"[1 2]", "column 4"},
                 {"{\"a\" 1}", "':'"},
                 {"{\"a\":1,}", "name"},
                 {"{a:1}", "name"},
                 {"[1", "missing"},
                 {"{\"a\":1", "missing"},
                 {"\n\n [x]", "line 3, column 3"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = "";
        assert_null(doc_read(&a, cases[i].json, strlen(cases[i].json), &why));
        if (!strstr(why, cases[i].words)) {
            fail_msg("case %zu: %s", i, why);
        }
    }
}

static void escapes_and_numbers_mean_what_the_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *json, *prints;
    } cases[] = {
        {" \"\\\"\\\\\\/\\b\\f\\n\\r\\t\" ", "\"\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009\""},
        {"\"\\u5200\\u00e9\\u0041\\ud83d\\ude00!\"", "\"刀éA😀!\""},
        {"\"刀\\u0041\"", "\"刀A\""},
        {"[9223372036854775807,-9223372036854775808,-0,0]",
         "[9223372036854775807,-9223372036854775808,0,0]"},
        {"[0.5,-2E2,1e-400,-0e0]", "[0.5,-200,0,0]"},
        {"\t{ \"\" : [ ] , \"b\" : { } }\r\n", "{\"\":[],\"b\":{}}"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct onecard_doc *d = read(cases[i].json);
        assert_non_null(d);
        assert_string_equal(text(d), cases[i].prints);
    }
}

static void large_object_with_a_member_twice_is_refused(void **state)
{
    (void)state;
    char json[1024] = "{";
    size_t at = 1;
    for (int i = 0; i < 40; i++) {
        at += (size_t)snprintf(json + at, sizeof(json) - at, "%s\"m%d\":%d", i ? "," : "", i, i);
    }
    snprintf(json + at, sizeof(json) - at, "}");
    assert_non_null(read(json));
    snprintf(json + at, sizeof(json) - at, ",\"m3\":0}");
    const char *why = "";
    assert_null(doc_read(&a, json, strlen(json), &why));
    assert_non_null(strstr(why, "duplicate"));
}

static void text_is_read_to_its_length_and_no_further(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":[1,\"\\u5200x\",true,-1.5e3,\"刀\"]}", "[null]",
                                        "12"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t whole = strlen(texts[i]);
        for (size_t len = 0; len <= whole; len++) {
            char *exact = malloc(len + 1); /* the sanitizer watches its end */
            assert_non_null(exact);
            memcpy(exact, texts[i], len);
            exact = realloc(exact, len ? len : 1);
            const struct onecard_doc *d = doc_read(&a, exact, len, NULL);
            assert_int_equal(d != NULL, len == whole || (i == 2 && len > 0));
            free(exact);
        }
    }
}

static void nesting_and_number_of_values_are_bounded(void **state)
{
    (void)state;
    char deep[2 * DOC_DEPTH + 3] = "";
    memset(deep, '[', DOC_DEPTH);
    memset(deep + DOC_DEPTH, ']', DOC_DEPTH);
    assert_non_null(read(deep));
    memset(deep, '[', DOC_DEPTH + 1);
    memset(deep + DOC_DEPTH + 1, ']', DOC_DEPTH + 1);
    assert_null(read(deep));
    char *wide = arena_alloc(&a, 2 * DOC_NODES + 8);
    for (size_t i = 0; i < DOC_NODES; i++) {
        memcpy(wide + 2 * i, i ? ",0" : "[0", 2);
    }
    const char *why = "";
    wide[2 * DOC_NODES] = ']';
    assert_null(doc_read(&a, wide, strlen(wide), &why));
    assert_string_equal(why, "too many values");
    struct onecard_doc *d = doc_new(&a, DOC_ARRAY);
    for (int i = 0; i < DOC_DEPTH; i++) {
        struct onecard_doc *outer = doc_new(&a, DOC_ARRAY);
        doc_put(outer, NULL, d);
        d = outer;
    }
    assert_string_equal(text(d), "(none)");
}

static void document_is_built_changed_and_printed(void **state)
{
    (void)state;
    struct onecard_doc *d = doc_new(&a, DOC_OBJECT), *list = doc_new(&a, DOC_ARRAY);
    doc_put_text(d, "who", "c\"1");
    doc_put_int(d, "n", 1);
    doc_put_int(d, "n", 2);
    doc_put_bool(d, "gone", true);
    doc_drop(d, "gone");
    doc_drop(d, "never");
    for (int i = 0; i < 20; i++) {
        doc_put_int(list, NULL, i % 2);
    }
    doc_put(d, "list", list);
    assert_string_equal(
        text(d), "{\"who\":\"c\\\"1\",\"n\":2,\"list\":[0,1,0,1,0,1,0,1,0,1,0,1,0,1,0,1,0,1,0,1]}");
    assert_string_equal(text(doc_copy(&a, d)), text(d));
}

static void mistake_in_a_part_spoils_the_whole(void **state)
{
    (void)state;
    static const char *const json = "{\"a\":{\"b\":[]}}";
    struct onecard_doc *d = read(json), *other = read("{}");
    doc_put_int(doc_get(doc_get(d, "a"), "b"), "member", 1); /* a member of an array */
    assert_true(doc_is_spoilt(d));
    assert_string_equal(text(d), "(none)");
    d = read(json);
    doc_put(other, "x", doc_get(d, "a")); /* part of another already */
    assert_true(doc_is_spoilt(other));
    assert_false(doc_is_spoilt(d));
    doc_put(doc_get(d, "a"), "self", d); /* no tree any more */
    assert_true(doc_is_spoilt(d));
    d = read(json);
    doc_put_text(d, "x", NULL);
    assert_true(doc_is_spoilt(d));
    doc_put_text(NULL, "x", "y");
    assert_true(doc_is_spoilt(doc_copy(&a, d)));
}

static void refused(const char *words)
{
    if (p.err != OC_EMODULE || !strstr(p.detail, words)) {
        fail_msg("\"%s\" does not say \"%s\"", p.detail, words);
    }
    plan_init(&p, &a, "test");
}

static void only_sound_objects_go_into_a_plan(void **state)
{
    (void)state;
    struct onecard_doc *good = read("{\"a\":1}"), *bad = read("{}");
    doc_put_text(bad, "x", NULL);
    plan_add_doc(&p, "citizen:c1", "k", 0, good);
    assert_string_equal(p.records[0].doc, "{\"a\":1}");
    assert_string_equal(p.records[0].scope, "test");
    assert_int_equal(p.records[0].doc_len, 7);
    plan_add_doc(&p, "o", "k", 0, bad);
    refused("built wrongly");
    plan_add_doc(&p, "o", "k", 0, read("[]"));
    refused("no object");
    plan_add_doc(&p, "o", "k", 0, NULL);
    refused("no object");
    plan_remove_doc(&p, "o", "k", 0);
    refused("cannot be removed");
    plan_add_message(&p, "bank", "x", NULL, NULL);
    refused("no object");
    plan_add_message(&p, "bank", "confirm", NULL, good);
    refused("the switch's own");
    plan_set_hold(&p, "bank", "load", 5, good, bad);
    refused("built wrongly");
    plan_set_hold(&p, "bank", "load", -1, good, NULL);
    refused("not allowed");
    plan_set_hold(&p, "bank", "load", 5, good, NULL);
    plan_set_hold(&p, "bank", "load", 5, good, NULL);
    refused("one hold at most");
}

static struct onecard_doc *large(size_t len)
{
    struct onecard_doc *d = doc_new(&a, DOC_OBJECT);
    char *t = arena_alloc(&a, len + 1);
    memset(t, 'x', len);
    doc_put_text(d, "t", t);
    return d;
}

static void documents_of_a_plan_are_bounded_each_and_in_all(void **state)
{
    (void)state;
    plan_add_doc(&p, "o", "k", 0, large(ONECARD_DOC_BYTES));
    refused("longer than");
    plan_set_kind(&p, OC_PLAN_NOTE, 0);
    plan_add_doc(&p, "o", "1", 0, large(ONECARD_DOC_BYTES - 8));
    plan_add_doc(&p, "o", "2", 0, large(ONECARD_DOC_BYTES - 8));
    assert_int_equal(plan_finish(&p), 0);
    plan_add_message(&p, "bank", "m", "c1", large(100));
    assert_int_equal(plan_finish(&p), OC_EMODULE);
    refused("documents are longer");
}

static void note_needs_something_to_note_and_moves_nothing(void **state)
{
    (void)state;
    plan_set_kind(&p, OC_PLAN_NOTE, 0);
    (void)!plan_finish(&p);
    refused("without a record");
    plan_set_kind(&p, OC_PLAN_NOTE, 0);
    plan_add_doc(&p, "o", "1", 0, read("{}"));
    plan_add_leg(&p, OC_ACCT_MERCHANT, "m", 1);
    (void)!plan_finish(&p);
    refused("moves nothing");
    plan_set_kind(&p, OC_PLAN_NOTE, 0);
    plan_add_message(&p, "bank", "m", "", read("{}"));
    plan_set_link(&p, "T-1");
    assert_int_equal(plan_finish(&p), 0);
    assert_int_equal(p.leg_count, 0);
    plan_init(&p, &a, "test");
    plan_set_hold(&p, "bank", "load", 5, read("{}"), NULL);
    (void)!plan_finish(&p);
    refused("nothing moves");
}

static void sealed_documents_show_their_size_only(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    plan_set_kind(&p, OC_PLAN_NOTE, 0);
    plan_add_doc(&p, "citizen:c1", "report", 0, read("{\"illness\":\"x\"}"));
    plan_add_doc(&p, "slot:1", "day", 2, read("{\"left\":3}"));
    plan_add_message(&p, "hospital", "Report", "c1", read("{\"illness\":\"x\"}"));
    plan_remove_doc(&p, "slot:2", "day", 1);
    plan_set_hold(&p, "bank", "load", 5, read("{\"h\":\"illness\"}"), read("{\"e\":2}"));
    assert_int_equal(plan_finish(&p), 0);
    plan_json(&p, false, &b);
    const char *t = buf_cstr(&b);
    assert_null(strstr(t, "illness"));
    assert_non_null(strstr(t, "\"bytes\":15"));
    assert_non_null(strstr(t, "{\"left\":3}"));
    assert_non_null(strstr(t, "\"remove\":true"));
    assert_non_null(strstr(t, "\"kind\":\"load\",\"amount_fen\":5"));
    assert_null(strstr(t, "expect"));
    assert_non_null(strstr(t, "\"kind\":\"note\""));
    assert_non_null(read(t));
    buf_fini(&b);
}

static void plan_of_the_asked_is_taken_over_within_the_bounds_of_one_plan(void **state)
{
    (void)state;
    static struct plan sub;
    plan_set_kind(&p, OC_PLAN_ACCOUNT, 5);
    plan_add_leg(&p, OC_ACCT_MERCHANT, "m", 5);
    plan_init(&sub, &a, "social");
    sub.asked = true;
    plan_add_leg(&sub, OC_ACCT_FUND, "f", -5);
    plan_add_doc(&sub, "citizen:c1", "year", 1, read("{}"));
    plan_add_event(&sub, "k", "t");
    plan_set_hold(&sub, "bureau", "settle", 5, read("{}"), NULL);
    plan_merge(&p, &sub);
    assert_int_equal(plan_finish(&p), 0);
    assert_string_equal(p.records[0].scope, "social");
    assert_string_equal(p.hold.to, "bureau");
    plan_merge(&p, &sub);
    refused("written twice");
    plan_set_kind(&sub, OC_PLAN_ACCOUNT, 5);
    plan_merge(&p, &sub);
    refused("may not choose");
    plan_init(&sub, &a, "social");
    plan_set_gross(&sub, 5);
    plan_merge(&p, &sub);
    refused("adds legs");
}

static void configuration_becomes_a_document_that_never_changes(void **state)
{
    (void)state;
    static const char yaml[] =
        "from: 20260101\nquoted: \"12\"\ncode: 007\non: true\nnone: ~\nmany: [1, -2, a]\n";
    struct conf_errors errors;
    struct conf_tree tree;
    int64_t n = 0;
    conf_errors_init(&errors);
    assert_int_equal(conf_tree_parse("f.yaml", yaml, strlen(yaml), &a, &errors, &tree), 0);
    conf_errors_fini(&errors);
    struct onecard_doc *d = doc_from_conf(&tree, &a);
    assert_int_equal(doc_as_int(doc_get(d, "from"), &n), 0);
    assert_int_equal(n, 20260101);
    assert_string_equal(doc_get(d, "from")->place, "f.yaml:1:7");
    doc_put_int(d, "from", 1);
    doc_drop(d, "from");
    assert_string_equal(
        text(d), "{\"from\":20260101,\"quoted\":\"12\",\"code\":\"007\",\"on\":true,\"none\":null,"
                 "\"many\":[1,-2,\"a\"]}");
    struct onecard_doc *own = doc_new(&a, DOC_OBJECT);
    doc_put(own, "x", doc_get(d, "many"));
    assert_true(doc_is_spoilt(own));
    assert_false(doc_is_spoilt(d));
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup(x, setup)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_value_is_read_and_printed_again),
        TEST(text_that_is_no_document_is_refused_with_a_reason),
        TEST(escapes_and_numbers_mean_what_the_standard_says),
        TEST(large_object_with_a_member_twice_is_refused),
        TEST(text_is_read_to_its_length_and_no_further),
        TEST(nesting_and_number_of_values_are_bounded),
        TEST(document_is_built_changed_and_printed),
        TEST(mistake_in_a_part_spoils_the_whole),
        TEST(only_sound_objects_go_into_a_plan),
        TEST(documents_of_a_plan_are_bounded_each_and_in_all),
        TEST(note_needs_something_to_note_and_moves_nothing),
        TEST(sealed_documents_show_their_size_only),
        TEST(plan_of_the_asked_is_taken_over_within_the_bounds_of_one_plan),
        TEST(configuration_becomes_a_document_that_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
