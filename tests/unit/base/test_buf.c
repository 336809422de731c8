#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <string.h>

static void what_is_put_comes_back_big_endian(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_put_u8(&b, 0x01);
    buf_put_u16(&b, 0x0203);
    buf_put_u32(&b, 0x04050607);
    buf_put_u64(&b, UINT64_C(0x08090A0B0C0D0E0F));
    assert_int_equal(b.err, 0);
    assert_int_equal(b.len, 15);
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.data[i], i + 1);
    assert_int_equal(buf_get_u8(&b), 0x01);
    assert_int_equal(buf_get_u16(&b), 0x0203);
    assert_int_equal(buf_get_u32(&b), 0x04050607);
    assert_true(buf_get_u64(&b) == UINT64_C(0x08090A0B0C0D0E0F));
    assert_int_equal(buf_left(&b), 0);
    buf_fini(&b);
}

static void read_past_the_end_is_a_parse_error_that_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_from(&b, "\x12\x34\x56", 3);
    assert_int_equal(buf_get_u16(&b), 0x1234);
    assert_int_equal(buf_get_u16(&b), 0);
    assert_int_equal(b.err, OC_EPARSE);
    assert_int_equal(buf_get_u8(&b), 0);
    assert_int_equal(buf_left(&b), 0);
    uint8_t zeros[2] = {1, 1};
    buf_get(&b, zeros, 2);
    assert_int_equal(zeros[0] | zeros[1], 0);
    assert_null(buf_take(&b, 0));
}

static void write_past_the_limit_is_a_limit_error_that_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_put(&b, "abcd", 4);
    assert_string_equal(buf_cstr(&b), "abcd");
    buf_put_u8(&b, 'e');
    assert_int_equal(b.err, OC_ELIMIT);
    assert_int_equal(b.len, 4);
    assert_string_equal(buf_cstr(&b), "");
    buf_reset(&b);
    assert_int_equal(b.err, 0);
    buf_printf(&b, "%s", "wxyz");
    assert_string_equal(buf_cstr(&b), "wxyz");
    buf_printf(&b, "%d", 1);
    assert_int_equal(b.err, OC_ELIMIT);
    buf_fini(&b);
}

static void memory_of_the_caller_does_not_grow_and_is_not_wiped(void **state)
{
    (void)state;
    char mem[8] = {0};
    struct buf b;
    buf_over(&b, mem, sizeof(mem));
    buf_printf(&b, "%s", "1234567");
    assert_string_equal(buf_cstr(&b), "1234567");
    buf_put(&b, "8", 1);
    assert_int_equal(b.err, 0);
    buf_put(&b, "9", 1);
    assert_int_equal(b.err, OC_ELIMIT);
    buf_fini(&b);
    assert_memory_equal(mem, "12345678", 8);
}

static void memory_to_read_is_never_written(void **state)
{
    (void)state;
    const char text[] = "constant";
    struct buf b;
    buf_from(&b, text, 8);
    buf_put_u8(&b, 1);
    assert_int_equal(b.err, OC_ELIMIT);
    buf_reset(&b);
    buf_put_u8(&b, 1);
    assert_int_equal(b.err, OC_ELIMIT);
    assert_string_equal(text, "constant");
    buf_from(&b, NULL, 0);
    assert_non_null(buf_take(&b, 0));
    assert_int_equal(b.err, 0);
}

static void growth_keeps_the_content(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    for (int i = 0; i < 10000; i++)
        buf_printf(&b, "%04d,", i);
    assert_int_equal(b.err, 0);
    assert_int_equal(b.len, 50000);
    assert_memory_equal(b.data + 49995, "9999,", 5);
    assert_memory_equal(buf_take(&b, 5), "0000,", 5);
    buf_fini(&b);
    buf_puts(&b, "again");
    assert_string_equal(buf_cstr(&b), "again");
    buf_fini(&b);
}

static void fixed_layout_helpers_are_inverse(void **state)
{
    (void)state;
    uint8_t m[4];
    put_be32(m, 0xFEDCBA98);
    assert_int_equal(be32(m), 0xFEDCBA98);
    put_be16(m, 0xFEDC);
    assert_int_equal(be16(m), 0xFEDC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_back_big_endian),
        cmocka_unit_test(read_past_the_end_is_a_parse_error_that_sticks),
        cmocka_unit_test(write_past_the_limit_is_a_limit_error_that_sticks),
        cmocka_unit_test(memory_of_the_caller_does_not_grow_and_is_not_wiped),
        cmocka_unit_test(memory_to_read_is_never_written),
        cmocka_unit_test(growth_keeps_the_content),
        cmocka_unit_test(fixed_layout_helpers_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
