/* Dynamic codes (R21): good in their minute and the next, once, of this run only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <onecard/module.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/code.h"

static struct serve *s;
static struct card_row card, other;
static int64_t now_ms;
static char dir[64], path[96];

static int64_t wall(const struct clock *c)
{
    (void)c;
    return now_ms;
}
static int64_t mono(const struct clock *c)
{
    (void)c;
    return now_ms * NS_PER_MS;
}
static const struct clock fake = {.wall_ms = wall, .mono_ns = mono};

static int open_codes(void **state)
{
    (void)state;
    ROLE_ENTER_WORKER();
    (void)snprintf(dir, sizeof dir, ONECARD_SCRATCH "/onecard-code.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/keystore", dir);
    now_ms = INT64_C(1763790000000) / 60000 * 60000;
    s = calloc(1, sizeof *s);
    card = (struct card_row){.id = 7, .number = "00000000000000000077", .serial = {7}};
    other = (struct card_row){.id = 8, .number = "00000000000000000088", .serial = {8}};
    s->env.clock = &fake;
    if (keystore_create(path, NULL, &rng_system) != 0 || keystore_open(path, NULL, &s->keystore))
        return -1;
    return crypto_new(NULL, &s->crypto) != 0 ? -1 : codes_open(s);
}

static int close_codes(void **state)
{
    (void)state;
    ROLE_ENTER_WORKER();
    codes_close(s);
    crypto_free(&s->crypto);
    keystore_close(&s->keystore);
    free(s);
    (void)unlink(path);
    return rmdir(dir);
}

static void make(char ret[CODE_TEXT])
{
    int64_t until = 0;
    assert_int_equal(code_make(s, &card, ret, &until), 0);
    assert_true(until > now_ms + 59000 && until <= now_ms + 120000);
}

/* Shows the code at a terminal; NULL: it counts. */
static const char *show(const struct card_row *of, const char *code, const char *terminal,
                        int64_t number)
{
    static struct txn_request r;
    r = (struct txn_request){.presented = PRESENTED_CODE, .request_no = number};
    (void)snprintf(r.presented_text, sizeof r.presented_text, "%s", code);
    (void)snprintf(r.terminal, sizeof r.terminal, "%s", terminal);
    const char *why = code_take(s, of, &r);
    assert_int_equal(r.strength, why ? 0 : OC_STRENGTH_CODE);
    return why;
}

static void R21_code_counts_in_its_minute_and_the_next(void **state)
{
    char a[CODE_TEXT], b[CODE_TEXT], c[CODE_TEXT];
    (void)state;
    make(a);
    make(b);
    make(c);
    assert_null(show(&card, a, "t", 1));
    now_ms += 119000;
    assert_null(show(&card, b, "t", 2));
    now_ms += 1000;
    assert_non_null(strstr(show(&card, c, "t", 3), "too old"));
}

static void R21_code_counts_once_and_again_for_the_same_request_only(void **state)
{
    char a[CODE_TEXT], b[CODE_TEXT];
    (void)state;
    make(a);
    assert_null(show(&card, a, "t", 5));
    assert_null(show(&card, a, "t", 5));
    assert_non_null(strstr(show(&card, a, "t", 6), "used already"));
    assert_non_null(strstr(show(&card, a, "u", 5), "used already"));
    make(b);
    assert_null(show(&card, b, "t", 0)); /* not numbered: never the same */
    assert_non_null(strstr(show(&card, b, "t", 0), "used already"));
}

static void R21_code_that_was_changed_or_is_anothers_is_none(void **state)
{
    char a[CODE_TEXT], changed[CODE_TEXT];
    (void)state;
    make(a);
    assert_non_null(show(&other, a, "t", 1));
    memcpy(changed, a, sizeof changed);
    char *last = changed + strlen(changed) - 1;
    *last = *last == '0' ? '1' : '0';
    assert_non_null(strstr(show(&card, changed, "t", 1), "not genuine"));
    static const char *const senseless[] = {"oc2:",
                                            "oc2:.",
                                            "oc2:1",
                                            "oc2:00000000000000000077.1",
                                            "oc2:77.1.0",
                                            "oc2:77..",
                                            "oc2:00000000000000000077.99999999999999999999.00",
                                            "oc2:00000000000000000077.-1.00112233445566778899"};
    for (size_t i = 0; i < ARRAY_LEN(senseless); i++)
        assert_non_null(show(&card, senseless[i], "t", 1));
    assert_null(show(&card, a, "t", 1));
}

static void R21_code_of_another_run_is_none(void **state)
{
    char a[CODE_TEXT], b[CODE_TEXT];
    (void)state;
    make(a);
    codes_close(s);
    assert_int_equal(codes_open(s), 0);
    assert_non_null(show(&card, a, "t", 1));
    make(b);
    assert_string_not_equal(a, b);
    assert_non_null(strstr(show(&card, a, "t", 1), "not genuine"));
    assert_null(show(&card, b, "t", 1));
}

static void eight_a_minute_are_enough(void **state)
{
    char a[CODE_TEXT];
    int64_t until;
    (void)state;
    for (int i = 0; i < CODE_A_MINUTE; i++)
        make(a);
    assert_int_equal(code_make(s, &card, a, &until), OC_ELIMIT);
    assert_int_equal(code_make(s, &other, a, &until), 0);
    now_ms += 60000;
    make(a);
}

int main(void)
{
#define CODE_TEST(f) cmocka_unit_test_setup_teardown(f, open_codes, close_codes)
    const struct CMUnitTest tests[] = {
        CODE_TEST(R21_code_counts_in_its_minute_and_the_next),
        CODE_TEST(R21_code_counts_once_and_again_for_the_same_request_only),
        CODE_TEST(R21_code_that_was_changed_or_is_anothers_is_none),
        CODE_TEST(R21_code_of_another_run_is_none),
        CODE_TEST(eight_a_minute_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
