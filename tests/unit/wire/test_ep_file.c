/* Files 0015, 0016 and 0018, with the real log record H-LOG. */
#include "cmocka_all.h"

/** H-LOG: read back after a load during which the counter was 0000. */
static void R3_real_log_record_carries_the_counter_after_the_increment(void **state)
{
    uint8_t b[23], again[23];
    struct ep_log l;
    (void)state;
    unhex("0001000000000000100266666666666620240411212121", b, sizeof b);
    assert_int_equal(ep_log_parse(b, 23, &l), 0);
    assert_int_equal(l.counter, 1);
    assert_int_equal(l.overdraft, 0);
    assert_int_equal(l.amount, 0x10);
    assert_int_equal(l.type, EP_TYPE_LOAD);
    assert_memory_equal(l.sam, "\x66\x66\x66\x66\x66\x66", 6);
    assert_memory_equal(l.date, "\x20\x24\x04\x11", 4);
    assert_memory_equal(l.time, "\x21\x21\x21", 3);
    assert_int_equal(ep_log_build(&l, again), 0);
    assert_memory_equal(again, b, 23);
}

static void empty_log_records_are_told_from_malformed_ones(void **state)
{
    uint8_t b[24];
    struct ep_log l = {.counter = 7};
    (void)state;
    memset(b, 0xFF, sizeof b);
    assert_int_equal(ep_log_parse(b, 23, &l), OC_ENOENT);
    memset(b, 0, sizeof b);
    assert_int_equal(ep_log_parse(b, 23, &l), OC_ENOENT);
    assert_int_equal(ep_log_parse(b, 22, &l), OC_ECARD_DATA);
    assert_int_equal(ep_log_parse(b, 24, &l), OC_ECARD_DATA);
    assert_int_equal(l.counter, 7);
}

static void log_keeps_every_bit_of_overdraft_and_counter(void **state)
{
    struct ep_log l = {.counter = 0xFFFE, .overdraft = 0xABCDEF, .amount = UINT32_MAX, .type = 9},
                  got;
    uint8_t b[23];
    (void)state;
    assert_int_equal(ep_log_build(&l, b), 0);
    assert_int_equal(ep_log_parse(b, 23, &got), 0);
    assert_int_equal(got.counter, 0xFFFE);
    assert_int_equal(got.overdraft, 0xABCDEF);
    assert_true(got.amount == UINT32_MAX);
    l.overdraft = 0x1000000;
    assert_int_equal(ep_log_build(&l, b), OC_EINVAL);
    l.overdraft = 0;
    l.amount = -1;
    assert_int_equal(ep_log_build(&l, b), OC_EINVAL);
}

static void public_data_are_read_and_built(void **state)
{
    uint8_t b[30], again[30];
    struct ep_app a;
    (void)state;
    unhex("01011000FFFFFFFF 02 01 03105170010170000001 20190806 20401231 0102", b, sizeof b);
    assert_int_equal(ep_app_parse(b, 30, &a), 0);
    assert_memory_equal(a.issuer, b, 8);
    assert_int_equal(a.type_flag, 2);
    assert_int_equal(a.version, 1);
    assert_memory_equal(a.serial, b + 10, 10);
    assert_memory_equal(a.start, "\x20\x19\x08\x06", 4);
    assert_memory_equal(a.expiry, "\x20\x40\x12\x31", 4);
    assert_int_equal(a.fci[1], 2);
    ep_app_build(&a, again);
    assert_memory_equal(again, b, 30);
    assert_int_equal(ep_app_parse(b, 29, &a), OC_ECARD_DATA);
    assert_int_equal(ep_app_parse(b, 31, &a), OC_ECARD_DATA);
}

static void toll_card_with_a_number_plate_is_read(void **state)
{
    uint8_t b[43];
    struct ep_app a;
    (void)state;
    unhex("B1B1BEA900010001 16 10 1101 0102030405060708 20200101 20300101 BEA941323334350000000000 "
          "010203",
          b, sizeof b);
    assert_int_equal(ep_app_parse(b, 43, &a), 0);
    assert_int_equal(a.type_flag, 0x16);
    assert_memory_equal(a.serial, b + 10, 10);
    assert_memory_equal(a.expiry, "\x20\x30\x01\x01", 4);
    assert_memory_equal(a.plate, b + 28, 12);
    assert_int_equal(a.fci[0], 0);
}

static void holder_is_read_and_built_in_both_forms(void **state)
{
    struct ep_holder h = {.type = 1,
                          .staff = 2,
                          .name = "Zhang San",
                          .id = "1101011980010100",
                          .id_type = 3},
                     got;
    uint8_t b[55];
    (void)state;
    assert_int_equal(ep_holder_build(&h, b, 39), 0);
    assert_int_equal(ep_holder_parse(b, 39, &got), 0);
    assert_string_equal(got.name, "Zhang San");
    assert_string_equal(got.id, "1101011980010100");
    assert_int_equal(got.id_type, 3);
    memcpy(h.id, "110101198001010012", 19);
    assert_int_equal(ep_holder_build(&h, b, 39), OC_EINVAL);
    assert_int_equal(ep_holder_build(&h, b, 55), 0);
    assert_int_equal(ep_holder_parse(b, 55, &got), 0);
    assert_string_equal(got.id, "110101198001010012");
    assert_int_equal(ep_holder_parse(b, 40, &got), OC_ECARD_DATA);
    assert_int_equal(ep_holder_build(&h, b, 40), OC_EINVAL);
}

static void holder_texts_lose_their_filling(void **state)
{
    uint8_t b[39];
    struct ep_holder h;
    (void)state;
    memset(b, 0xFF, sizeof b);
    memcpy(b + 2, "Li  ", 4);
    memset(b + 6, 0, 16);
    assert_int_equal(ep_holder_parse(b, 39, &h), 0);
    assert_string_equal(h.name, "Li");
    assert_string_equal(h.id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R3_real_log_record_carries_the_counter_after_the_increment),
        cmocka_unit_test(empty_log_records_are_told_from_malformed_ones),
        cmocka_unit_test(log_keeps_every_bit_of_overdraft_and_counter),
        cmocka_unit_test(public_data_are_read_and_built),
        cmocka_unit_test(toll_card_with_a_number_plate_is_read),
        cmocka_unit_test(holder_is_read_and_built_in_both_forms),
        cmocka_unit_test(holder_texts_lose_their_filling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
