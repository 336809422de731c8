#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <string.h>

static void text_and_bytes_are_inverse(void **state)
{
    (void)state;
    char text[9];
    uint8_t bytes[4];
    assert_string_equal(hex_encode("\x00\x9A\xBC\xFF", 4, text), "009ABCFF");
    assert_int_equal(hex_decode("009abcff", bytes, 4), 0);
    assert_memory_equal(bytes, "\x00\x9A\xBC\xFF", 4);
    assert_string_equal(hex_encode("", 0, text), "");
}

static void wrong_text_is_refused_and_writes_nothing(void **state)
{
    (void)state;
    uint8_t bytes[2] = {7, 7};
    const char *const wrong[] = {"", "0", "012", "01234", "01 2", "01g2", "0123 "};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (hex_decode(wrong[i], bytes, 2) != OC_EINVAL)
            fail_msg("\"%s\" taken", wrong[i]);
    assert_int_equal(bytes[0], 7);
    size_t len = 99;
    assert_int_equal(hex_decode_any("01 0", bytes, 2, &len), OC_EINVAL);
    assert_int_equal(hex_decode_any("01 02 03", bytes, 2, &len), OC_ELIMIT);
    assert_int_equal(hex_decode_any("0 1", bytes, 2, &len), OC_EINVAL);
    assert_int_equal(bytes[0], 7);
    assert_int_equal(len, 99);
}

static void blanks_between_bytes_are_allowed(void **state)
{
    (void)state;
    uint8_t bytes[8];
    size_t len;
    assert_int_equal(hex_decode_any(" A0 00\n0003\t86 ", bytes, sizeof(bytes), &len), 0);
    assert_int_equal(len, 5);
    assert_memory_equal(bytes, "\xA0\x00\x00\x03\x86", 5);
    assert_int_equal(hex_decode_any("", bytes, 0, &len), 0);
    assert_int_equal(len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_bytes_are_inverse),
        cmocka_unit_test(wrong_text_is_refused_and_writes_nothing),
        cmocka_unit_test(blanks_between_bytes_are_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
