#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void ids_ascend_while_the_clock_stands_runs_and_steps_back(void **state)
{
    (void)state;
    int64_t last = 0, ms = INT64_C(1795190400000);
    for (int i = 0; i < 30000; i++) {
        if (i == 10000)
            ms += 5;
        if (i == 20000)
            ms -= 3600000;
        int64_t id = ident_next(last, ms, 3);
        if (id <= last || ident_shard(id) != 3)
            fail_msg("id %d does not follow", i);
        last = id;
    }
    /* 8192 ids a millisecond; the clock has not been left by more than what they need. */
    assert_in_range(ident_ms(last), 1795190400000, 1795190400000 + 10);
}

static void ids_ascend_after_an_id_of_another_shard(void **state)
{
    (void)state;
    const uint8_t shards[] = {0, 255, 7, 255, 0, 8};
    int64_t last = 0;
    for (size_t i = 0; i < 60; i++) {
        int64_t id = ident_next(last, 1000, shards[i % ARRAY_LEN(shards)]);
        if (id <= last || ident_shard(id) != shards[i % ARRAY_LEN(shards)])
            fail_msg("id %d does not follow", (int)i);
        last = id;
    }
}

static void ids_carry_their_time(void **state)
{
    (void)state;
    int64_t id = ident_next(0, INT64_C(1795190400123), 9);
    assert_true(ident_ms(id) == INT64_C(1795190400123));
    assert_true(ident_next(0, -5, 0) > 0);
}

static void text_reads_back_and_forgives_what_people_do(void **state)
{
    (void)state;
    const int64_t ids[] = {0, 1, INT64_MAX, INT64_C(0x123456789ABCDEF)};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        char text[IDENT_TEXT];
        int64_t back = -1;
        assert_int_equal(ident_parse(ident_text(ids[i], text), &back), 0);
        assert_true(back == ids[i]);
    }
    int64_t a, b;
    assert_int_equal(ident_parse("0110ABCDE-FGH J", &a), 0);
    assert_int_equal(ident_parse("oilo abcdefghj", &b), 0);
    assert_true(a == b);
}

static void wrong_texts_are_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {"",
                                 "0",
                                 "000000000000",
                                 "00000000000000",
                                 "000000000000U",
                                 "8000000000000",
                                 "00000000*0000"};
    int64_t id = 5;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (ident_parse(wrong[i], &id) != OC_EINVAL)
            fail_msg("\"%s\" taken", wrong[i]);
    assert_int_equal(id, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_ascend_while_the_clock_stands_runs_and_steps_back),
        cmocka_unit_test(ids_ascend_after_an_id_of_another_shard),
        cmocka_unit_test(ids_carry_their_time),
        cmocka_unit_test(text_reads_back_and_forgives_what_people_do),
        cmocka_unit_test(wrong_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
