/* Plans as text: always JSON, whatever a module put in. */
#include "module/module.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plan p;
static struct arena arena; /* the plan's documents' */

static int setup(void **state)
{
    (void)state;
    arena_fini(&arena);
    plan_init(&p, &arena, "test");
    return 0;
}

static void quoted_is(const char *text, const char *json)
{
    char mem[128];
    struct buf b;
    buf_over(&b, mem, sizeof(mem));
    plan_json_text(&b, text);
    assert_string_equal(buf_cstr(&b), json);
}

static void texts_are_escaped_and_bad_utf8_is_replaced(void **state)
{
    (void)state;
    quoted_is("", "\"\"");
    quoted_is("a\"b\\c\n", "\"a\\\"b\\\\c\\u000a\"");
    quoted_is("乘车", "\"乘车\"");
    quoted_is("\xf0\x9f\x9a\x8c", "\"\xf0\x9f\x9a\x8c\"");
    quoted_is("\xff\xc0\xaf", "\"???\"");
    quoted_is("\xed\xa0\x80", "\"???\"");
    quoted_is("\xe4\xb9", "\"??\"");
}

static void reply_is_an_object_after_every_member(void **state)
{
    (void)state;
    assert_string_equal(p.reply, "{}");
    plan_add_reply_text(&p, "a", "x");
    assert_string_equal(p.reply, "{\"a\":\"x\"}");
    plan_add_reply_int(&p, "b", -7);
    plan_add_reply_raw(&p, "c", "[1,{\"d\":null}]");
    assert_string_equal(p.reply, "{\"a\":\"x\",\"b\":-7,\"c\":[1,{\"d\":null}]}");
    assert_int_equal(p.err, 0);
}

static void reply_that_is_too_long_keeps_what_it_had(void **state)
{
    (void)state;
    static char big[PLAN_REPLY];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    plan_add_reply_int(&p, "a", 1);
    plan_add_reply_text(&p, "b", big);
    assert_int_equal(p.err, OC_EMODULE);
    assert_string_equal(p.reply, "{\"a\":1}");
}

static void raw_member_that_is_no_json_is_nonsense(void **state)
{
    (void)state;
    static char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 99);
    static const char *const bad[] = {"", "{", "[1,]", "nope", "1 2", deep, NULL};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        plan_init(&p, &arena, "test");
        plan_add_reply_raw(&p, "x", bad[i]);
        assert_int_equal(p.err, OC_EMODULE);
        assert_string_equal(p.reply, "{}");
    }
}

static void fill(void)
{
    plan_set_kind(&p, OC_PLAN_DEBIT, 100);
    plan_set_gross(&p, 200);
    plan_add_leg(&p, OC_ACCT_MERCHANT, "bu\"ses", 200);
    plan_add_leg(&p, OC_ACCT_BEARER, "treasury", -100);
    plan_add_capp_text(&p, "line", "0007");
    plan_add_capp_int(&p, "gross", 200);
    plan_add_record(&p, "card:1", "rides", 2, "{\"n\":3}");
    plan_add_event(&p, "category_mismatch", "the card says \"student\"");
    plan_add_reply_text(&p, "category", "student");
}

static void whole_plan_prints_as_json(void **state)
{
    (void)state;
    fill();
    assert_int_equal(plan_finish(&p), 0);
    struct buf b;
    buf_init(&b, 0);
    plan_json(&p, false, &b);
    json_t *j = json_loads(buf_cstr(&b), 0, NULL);
    assert_non_null(j);
    const char *kind, *account, *owner, *line, *key, *event, *category;
    json_int_t amount, gross, purse, version, n;
    int rc = json_unpack(
        j, "{s:s,s:I,s:I,s:[{s:s,s:I},{s:s}],s:{s:s},s:[{s:s,s:I,s:{s:I}}],s:[{s:s}],s:{s:s}}", "kind",
        &kind, "amount_fen", &amount, "gross_fen", &gross, "legs", "account", &account,
        "amount_fen", &purse, "owner", &owner, "journey", "line", &line, "records", "key", &key,
        "version_read", &version, "doc", "n", &n, "events", "text", &event, "reply", "category",
        &category);
    assert_int_equal(rc, 0);
    assert_string_equal(kind, "debit");
    assert_int_equal(amount, 100);
    assert_int_equal(gross, 200);
    assert_string_equal(account, "purse");
    assert_int_equal(purse, -100);
    assert_string_equal(owner, "bu\"ses");
    assert_string_equal(line, "0007");
    assert_int_equal(n, 3);
    assert_int_equal(version, 2);
    assert_string_equal(event, "the card says \"student\"");
    assert_string_equal(category, "student");
    json_decref(j);
    buf_fini(&b);
}

static void brief_plan_leaves_documents_and_reply_out(void **state)
{
    (void)state;
    fill();
    assert_int_equal(plan_finish(&p), 0);
    struct buf b;
    buf_init(&b, 0);
    plan_json(&p, true, &b);
    assert_null(strstr(buf_cstr(&b), "\"doc\""));
    assert_null(strstr(buf_cstr(&b), "\"reply\""));
    buf_fini(&b);
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup(x, setup)
    const struct CMUnitTest tests[] = {
        TEST(texts_are_escaped_and_bad_utf8_is_replaced),
        TEST(reply_is_an_object_after_every_member),
        TEST(reply_that_is_too_long_keeps_what_it_had),
        TEST(raw_member_that_is_no_json_is_nonsense),
        TEST(whole_plan_prints_as_json),
        TEST(brief_plan_leaves_documents_and_reply_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
