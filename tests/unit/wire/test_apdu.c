/* The frame of commands and answers, basic and administrative commands, and secure messaging's
 * shape. */
#include "cmocka_all.h"

static void four_cases_are_framed(void **state)
{
    struct apdu a;
    (void)state;
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0xA4, 1, 2), NULL, 0, APDU_NO_LE), 0);
    assert_apdu(&a, "00A40102");
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0xA4, 1, 2), NULL, 0, 256), 0);
    assert_apdu(&a, "00A4010200");
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0xA4, 1, 2), "\x3F", 1, APDU_NO_LE), 0);
    assert_apdu(&a, "00A40102013F");
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0xA4, 1, 2), "\x3F", 1, 0), 0);
    assert_apdu(&a, "00A40102013F00");
}

static void lengths_beyond_a_short_apdu_are_refused(void **state)
{
    struct apdu a = {.len = 77};
    uint8_t data[256] = {0};
    (void)state;
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0, 0, 0), data, 256, APDU_NO_LE), OC_EINVAL);
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0, 0, 0), data, 1, 257), OC_EINVAL);
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0, 0, 0), data, 1, -2), OC_EINVAL);
    assert_int_equal(a.len, 77);
    assert_int_equal(apdu_make(&a, APDU_HEAD(0, 0, 0, 0), data, 255, 256), 0);
    assert_int_equal(a.len, APDU_MAX);
}

static void malformed_commands_do_not_parse(void **state)
{
    static const char *const bad[] = {"",
                                      "00A401",
                                      "00A40000020011223344",
                                      "00A400000211",
                                      "00B0000000010000",
                                      "00A4000003112233445566"};
    uint8_t b[32];
    struct apdu_view v;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t len = bad[i][0] ? unhex(bad[i], b, sizeof b) : 0;
        assert_int_equal(apdu_parse(b, len, &v), OC_EPARSE);
    }
}

static void answers_split_into_data_and_status(void **state)
{
    uint8_t b[260] = {0x12, 0x34, 0x90, 0x00};
    struct apdu_answer a;
    (void)state;
    assert_int_equal(apdu_answer_split(b, 4, &a), 0);
    assert_int_equal(a.len, 2);
    assert_int_equal(a.sw, SW_OK);
    assert_int_equal(apdu_answer_split(b + 2, 2, &a), 0);
    assert_int_equal(a.len, 0);
    assert_int_equal(apdu_answer_split(b, 1, &a), OC_ECARD_DATA);
    assert_int_equal(apdu_answer_split(b, 259, &a), OC_ECARD_DATA);
}

static void le_is_put_changed_and_taken_away(void **state)
{
    struct apdu a;
    (void)state;
    apdu_get_balance(&a, 0);
    apdu_set_le(&a, 256);
    assert_apdu(&a, "805C000200");
    apdu_set_le(&a, APDU_NO_LE);
    assert_apdu(&a, "805C0002");
    apdu_select_fid(&a, 0x3F00);
    apdu_set_le(&a, APDU_NO_LE);
    assert_apdu(&a, "00A40000023F00");
    apdu_set_le(&a, 0x1E);
    assert_apdu(&a, "00A40000023F001E");
}

static void basic_commands_are_as_the_standard_has_them(void **state)
{
    struct apdu a;
    (void)state;
    apdu_select_fid(&a, 0x1001);
    assert_apdu(&a, "00A4000002100100");
    assert_int_equal(apdu_select_aid(&a, "\xA0\x00\x00\x03\x86\x98\x07\x01", 8), 0);
    assert_apdu(&a, "00A4040008A00000038698070100");
    assert_int_equal(apdu_select_aid(&a, "", 0), OC_EINVAL);
    assert_int_equal(apdu_select_aid(&a, "12345678901234567", 17), OC_EINVAL);
    apdu_read_binary_sfi(&a, 0x15, 0, 0x1E);
    assert_apdu(&a, "00B095001E");
    apdu_read_binary(&a, 0x0102, 0);
    assert_apdu(&a, "00B0010200");
    apdu_read_record(&a, 0x18, 1, 0x17);
    assert_apdu(&a, "00B201C417");
    apdu_read_record_p2(&a, 2, 0xB8, 0x30);
    assert_apdu(&a, "00B202B830");
    apdu_get_challenge(&a, 4);
    assert_apdu(&a, "0084000004");
    apdu_get_response(&a, 0x0F);
    assert_apdu(&a, "00C000000F");
    assert_int_equal(apdu_external_auth(&a, 0, "\1\2\3\4\5\6\7\10", 8), 0);
    assert_apdu(&a, "00820000080102030405060708");
    assert_int_equal(apdu_internal_auth(&a, 0, 2, "\1\2\3\4\5\6\7\10", 8), 0);
    assert_apdu(&a, "0088000208010203040506070800");
    assert_int_equal(apdu_verify_pin(&a, 0, "\x12\x34\x56", 3), 0);
    assert_apdu(&a, "0020000003123456");
    assert_int_equal(apdu_verify_pin(&a, 0, "\x12", 1), OC_EINVAL);
}

static void administrative_commands_are_as_the_standard_has_them(void **state)
{
    struct apdu a;
    uint8_t big[256] = {0};
    (void)state;
    assert_int_equal(apdu_create_file(&a, 0x0015, "\x28\x00\x1E", 3), 0);
    assert_apdu(&a, "80E000150328001E");
    assert_int_equal(apdu_write_key(&a, 1, 2, "\x3E", 1), 0);
    assert_apdu(&a, "80D40102013E");
    assert_int_equal(apdu_update_binary_sfi(&a, 0x15, 4, "\x01", 1), 0);
    assert_apdu(&a, "00D695040101");
    assert_int_equal(apdu_update_binary(&a, 0x0104, "\x01", 1), 0);
    assert_apdu(&a, "00D601040101");
    assert_int_equal(apdu_update_record(&a, 0x17, 2, "\x01", 1), 0);
    assert_apdu(&a, "00DC02BC0101");
    assert_int_equal(apdu_append_record(&a, 0x18, "\x01", 1), 0);
    assert_apdu(&a, "00E200C00101");
    apdu_erase_df(&a);
    assert_apdu(&a, "800E0000");
    assert_int_equal(apdu_update_binary(&a, 0, big, 0), OC_EINVAL);
    assert_int_equal(apdu_update_binary(&a, 0, big, 256), OC_EINVAL);
}

/** Vectors K and N: what the MAC is over, and the command as it was sent. */
static void secure_messaging_opens_to_the_mac_input_and_closes_with_the_mac(void **state)
{
    struct apdu a;
    uint8_t record[16];
    (void)state;
    apdu_app_block(&a, false);
    assert_int_equal(apdu_sm_open(&a), 0);
    assert_apdu(&a, "841E000004");
    apdu_sm_close(&a, (const uint8_t *)"\xA8\x6C\xC6\xA8", APDU_NO_LE);
    assert_apdu(&a, "841E000004A86CC6A8");
    apdu_app_unblock(&a);
    assert_int_equal(apdu_sm_open(&a), 0);
    assert_apdu(&a, "8418000004");
    unhex("7C87BC23140021B3AFEA67E6359DDCFE", record, sizeof record);
    assert_int_equal(apdu_write_key(&a, 1, 2, record, 16), 0);
    assert_int_equal(apdu_sm_open(&a), 0);
    assert_apdu(&a, "84D40102147C87BC23140021B3AFEA67E6359DDCFE");
    apdu_sm_close(&a, (const uint8_t *)"\xD7\xC9\x43\xF6", APDU_NO_LE);
    assert_apdu(&a, "84D40102147C87BC23140021B3AFEA67E6359DDCFED7C943F6");
    apdu_read_binary(&a, 0, 0x1E);
    assert_int_equal(apdu_sm_open(&a), 0);
    assert_apdu(&a, "04B0000004");
    apdu_sm_close(&a, (const uint8_t *)"\xF0\x9C\x8A\x19", 0x1E);
    assert_apdu(&a, "04B0000004F09C8A191E");
}

static void mac_that_does_not_fit_is_refused(void **state)
{
    struct apdu a;
    uint8_t data[252] = {0};
    (void)state;
    assert_int_equal(apdu_update_binary(&a, 0, data, 252), 0);
    assert_int_equal(apdu_sm_open(&a), OC_EINVAL);
    assert_int_equal(a.len, 257);
    assert_int_equal(apdu_update_binary(&a, 0, data, 251), 0);
    assert_int_equal(apdu_sm_open(&a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_cases_are_framed),
        cmocka_unit_test(lengths_beyond_a_short_apdu_are_refused),
        cmocka_unit_test(malformed_commands_do_not_parse),
        cmocka_unit_test(answers_split_into_data_and_status),
        cmocka_unit_test(le_is_put_changed_and_taken_away),
        cmocka_unit_test(basic_commands_are_as_the_standard_has_them),
        cmocka_unit_test(administrative_commands_are_as_the_standard_has_them),
        cmocka_unit_test(secure_messaging_opens_to_the_mac_input_and_closes_with_the_mac),
        cmocka_unit_test(mac_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
