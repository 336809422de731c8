#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void yuan_texts_become_fen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        fen_t fen;
    } good[] = {{"12", 1200},
                {"12.3", 1230},
                {"12.34", 1234},
                {"-0.05", -5},
                {"0", 0},
                {"00.10", 10},
                {"100000000000", INT64_C(10000000000000)},
                {"-100000000000.00", -INT64_C(10000000000000)}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        fen_t fen = -1;
        if (fen_parse(good[i].text, &fen) != 0 || fen != good[i].fen)
            fail_msg("%s gives %ld", good[i].text, (long)fen);
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",    "-",  "+1",  ".5",  "1.",   "1.234",           "1,000",
        " 1",  "1 ", "1e3", "--1", "0x10", "100000000000.01", "99999999999999999999999",
        "1.-5"};
    fen_t fen = 7;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (fen_parse(wrong[i], &fen) != OC_EINVAL)
            fail_msg("\"%s\" taken", wrong[i]);
    assert_int_equal(fen, 7);
}

static void fen_become_texts(void **state)
{
    (void)state;
    char out[FEN_TEXT];
    assert_string_equal(fen_text(123450, out), "1,234.50");
    assert_string_equal(fen_text(0, out), "0.00");
    assert_string_equal(fen_text(-5, out), "-0.05");
    assert_string_equal(fen_text(99999, out), "999.99");
    assert_string_equal(fen_text(-100000000, out), "-1,000,000.00");
    assert_string_equal(fen_text(INT64_MIN, out), "-92,233,720,368,547,758.08");
    assert_string_equal(fen_plain(123450, out), "1234.50");
    assert_string_equal(fen_plain(-7, out), "-0.07");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yuan_texts_become_fen),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(fen_become_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
