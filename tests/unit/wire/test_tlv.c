/* TLV, FCI and directory records: real answers, and every way of being malformed. */
#include "cmocka_all.h"

#define FCI_PURSE                                                                                  \
    "6F32 8409 A00000038698070100 A525 9F080102 9F0C1E"                                            \
    "01011000FFFFFFFF 0201 03105170010170000001 20190806 20401231 0000"

static void purse_answer_to_select_is_read(void **state)
{
    uint8_t b[64];
    struct fci f;
    struct ep_app app;
    (void)state;
    assert_int_equal(fci_parse(b, unhex(FCI_PURSE, b, sizeof b), &f), 0);
    assert_int_equal(f.name_len, 9);
    assert_int_equal(f.version, 2);
    assert_int_equal(f.sfi, 0);
    assert_int_equal(f.issuer_len, 30);
    assert_int_equal(ep_app_parse(f.issuer, f.issuer_len, &app), 0);
    assert_int_equal(app.serial[1], 0x10);
}

static void directory_and_social_security_answers_are_read(void **state)
{
    uint8_t b[64];
    struct fci f;
    (void)state;
    size_t len = unhex("6F15 840E 315041592E5359532E4444463031 A503 880101", b, sizeof b);
    assert_int_equal(fci_parse(b, len, &f), 0);
    assert_memory_equal(f.name, "1PAY.SYS.DDF01", 14);
    assert_int_equal(f.sfi, 1);
    len = unhex("6F16 840F 7378312E73682EC9E7BBE1B1A3D5CF A503 88011E", b, sizeof b);
    assert_int_equal(fci_parse(b, len, &f), 0);
    assert_int_equal(f.name_len, 15);
    assert_int_equal(f.sfi, 0x1E);
    assert_int_equal(f.issuer_len, 0);
}

static void answer_with_nothing_but_a_name_is_read(void **state)
{
    uint8_t b[16];
    struct fci f;
    (void)state;
    assert_int_equal(fci_parse(b, unhex("6F04 8402 3F00", b, sizeof b), &f), 0);
    assert_int_equal(f.name_len, 2);
    assert_int_equal(fci_parse(b, unhex("6F00", b, sizeof b), &f), 0);
    assert_int_equal(f.name_len, 0);
}

static void malformed_answers_to_select_are_refused(void **state)
{
    static const char *const bad[] = {
        "61024F00",
        "6F048405AABB",
        "6F",
        "6F80",
        "6F05A5039F0C05",
        "6F04A5028805",
        "6F0484019F0C",
        "6F1384110102030405060708090A0B0C0D0E0F1011",
    };
    uint8_t b[64];
    struct fci f = {.version = 7};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(fci_parse(b, unhex(bad[i], b, sizeof b), &f), OC_ECARD_DATA);
    assert_int_equal(fci_parse(b, 0, &f), OC_ECARD_DATA);
    assert_int_equal(f.version, 7);
}

static void directory_records_are_read_bare_and_wrapped(void **state)
{
    uint8_t b[64];
    struct dir_record d;
    (void)state;
    size_t len = unhex("6112 4F09 A00000038698070100 5005 5055525345 0000", b, sizeof b);
    assert_int_equal(dir_record_parse(b, len, &d), 0);
    assert_int_equal(d.aid_len, 9);
    assert_string_equal(d.label, "PURSE");
    len = unhex("7007 6105 4F03 010203", b, sizeof b);
    assert_int_equal(dir_record_parse(b, len, &d), 0);
    assert_int_equal(d.aid_len, 3);
    assert_string_equal(d.label, "");
    assert_int_equal(dir_record_parse(b, unhex("6103500141", b, sizeof b), &d), OC_ECARD_DATA);
    assert_int_equal(dir_record_parse(b, unhex("61024F00", b, sizeof b), &d), OC_ECARD_DATA);
    assert_int_equal(dir_record_parse(b, unhex("FFFFFF", b, sizeof b), &d), OC_ECARD_DATA);
}

static void reader_gives_objects_and_skips_filling(void **state)
{
    uint8_t b[32];
    struct tlv_reader r;
    struct tlv t;
    (void)state;
    size_t len = unhex("00 FF 5A01AA 00 BF0C03 4F01BB FF", b, sizeof b);
    tlv_reader_init(&r, b, len);
    assert_int_equal(tlv_next(&r, &t), 1);
    assert_int_equal(t.tag, 0x5A);
    assert_false(t.constructed);
    assert_int_equal(tlv_next(&r, &t), 1);
    assert_int_equal(t.tag, 0xBF0C);
    assert_true(t.constructed);
    assert_int_equal(t.len, 3);
    assert_int_equal(tlv_next(&r, &t), 0);
    assert_int_equal(tlv_next(&r, &t), 0);
}

static void long_lengths_are_read_and_impossible_ones_refused(void **state)
{
    static uint8_t b[400] = {0x5A, 0x82, 0x01, 0x00};
    struct tlv_reader r;
    struct tlv t;
    (void)state;
    tlv_reader_init(&r, b, sizeof b);
    assert_int_equal(tlv_next(&r, &t), 1);
    assert_int_equal(t.len, 256);
    b[1] = 0x83;
    tlv_reader_init(&r, b, sizeof b);
    assert_int_equal(tlv_next(&r, &t), OC_EPARSE);
    b[1] = 0x80;
    tlv_reader_init(&r, b, sizeof b);
    assert_int_equal(tlv_next(&r, &t), OC_EPARSE);
    memcpy(b, "\x9F\x81\x81\x01", 4);
    tlv_reader_init(&r, b, sizeof b);
    assert_int_equal(tlv_next(&r, &t), OC_EPARSE);
}

/** `levels` templates, each the whole value of the one before. */
static size_t nest(uint8_t *b, unsigned levels)
{
    for (unsigned i = 0; i < levels; i++) {
        b[2 * i] = 0x61;
        b[2 * i + 1] = (uint8_t)(2 * (levels - 1 - i));
    }
    return 2 * (size_t)levels;
}

static void trees_are_taken_to_depth_eight(void **state)
{
    uint8_t b[64];
    struct tlv t;
    static const uint32_t path[9] = {0x61, 0x61, 0x61, 0x61, 0x61, 0x61, 0x61, 0x61, 0x61};
    (void)state;
    assert_int_equal(tlv_check(b, nest(b, 7)), 0);
    assert_int_equal(tlv_check(b, nest(b, 8)), OC_ELIMIT);
    assert_int_equal(tlv_check(b, nest(b, 20)), OC_ELIMIT);
    assert_int_equal(tlv_find_path(b, 40, path, 8, &t), 0);
    assert_int_equal(tlv_find_path(b, 40, path, 9, &t), OC_ELIMIT);
    assert_int_equal(tlv_check(b, unhex("61045A0211", b, sizeof b)), OC_EPARSE);
    assert_int_equal(
        tlv_find_path(b, unhex("5A024F00", b, sizeof b), (const uint32_t[]){0x5A, 0x4F}, 2, &t),
        OC_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purse_answer_to_select_is_read),
        cmocka_unit_test(directory_and_social_security_answers_are_read),
        cmocka_unit_test(answer_with_nothing_but_a_name_is_read),
        cmocka_unit_test(malformed_answers_to_select_are_refused),
        cmocka_unit_test(directory_records_are_read_bare_and_wrapped),
        cmocka_unit_test(reader_gives_objects_and_skips_filling),
        cmocka_unit_test(long_lengths_are_read_and_impossible_ones_refused),
        cmocka_unit_test(trees_are_taken_to_depth_eight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
