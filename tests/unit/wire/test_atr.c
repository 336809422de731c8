/* Answers to reset of contact, contactless and memory cards, and malformed ones. */
#include "cmocka_all.h"

static int parse(const char *hex, struct atr *a)
{
    uint8_t b[64];
    return atr_parse(b, unhex(hex, b, sizeof b), a);
}

static void contact_card_without_tck_is_read(void **state)
{
    struct atr a;
    (void)state;
    assert_int_equal(parse("3B65 0000 9C11010103", &a), 0);
    assert_int_equal(a.kind, ATR_CONTACT);
    assert_int_equal(a.protocols, 1);
    assert_false(a.has_tck);
    assert_int_equal(a.historical_len, 5);
    assert_memory_equal(a.historical, "\x9C\x11\x01\x01\x03", 5);
    assert_int_equal(parse("3F65 2508 2205680AB0", &a), 0);
    assert_true(a.inverse);
    assert_int_equal(parse("3B12 95 9000", &a), 0);
    assert_int_equal(a.ta1, 0x95);
}

static void card_with_t1_has_its_check_byte(void **state)
{
    struct atr a;
    (void)state;
    /* T0 F8: TA1 TB1 TC1 TD1=81, then TD1 announces TD2=31 which announces TA3 TB3. */
    assert_int_equal(parse("3BF8130000 8131FE45 4A434F5076323431 B7", &a), 0);
    assert_int_equal(a.protocols, 1u << 1);
    assert_true(a.has_tck);
    assert_int_equal(a.ta1, 0x13);
    assert_memory_equal(a.historical, "JCOPv241", 8);
    assert_int_equal(parse("3BF8130000 8131FE45 4A434F5076323431 B6", &a), OC_EPARSE);
    assert_int_equal(parse("3BF8130000 8131FE45 4A434F5076323431", &a), OC_EPARSE);
}

static void contactless_card_shows_the_historical_bytes_of_its_ats(void **state)
{
    struct atr a;
    (void)state;
    assert_int_equal(parse("3B 81 80 01 80 80", &a), 0);
    assert_int_equal(a.kind, ATR_CONTACTLESS);
    assert_int_equal(a.protocols, 3);
    assert_int_equal(a.historical_len, 1);
    assert_int_equal(a.historical[0], 0x80);
}

static void memory_card_is_named(void **state)
{
    struct atr a;
    (void)state;
    assert_int_equal(parse("3B8F8001 804F0CA000000306 03 0001 00000000 6A", &a), 0);
    assert_int_equal(a.kind, ATR_STORAGE);
    assert_int_equal(a.storage_standard, 3);
    assert_int_equal(a.storage_name, 1);
}

static void malformed_answers_to_reset_are_refused(void **state)
{
    static const char *const bad[] = {"3B",   "3C00",   "0000",   "3B01",        "3B00AA",
                                      "3BF0", "3B8080", "3B9F95", "3B80F0F0F0F0"};
    uint8_t loop[ATR_MAX + 1];
    struct atr a = {.ta1 = 7};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parse(bad[i], &a), OC_EPARSE);
    memset(loop, 0x80, sizeof loop); /* every TD announces one more */
    loop[0] = 0x3B;
    assert_int_equal(atr_parse(loop, ATR_MAX, &a), OC_EPARSE);
    assert_int_equal(atr_parse(loop, sizeof loop, &a), OC_EPARSE);
    assert_int_equal(atr_parse(loop, 0, &a), OC_EPARSE);
    assert_int_equal(a.ta1, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contact_card_without_tck_is_read),
        cmocka_unit_test(card_with_t1_has_its_check_byte),
        cmocka_unit_test(contactless_card_shows_the_historical_bytes_of_its_ats),
        cmocka_unit_test(memory_card_is_named),
        cmocka_unit_test(malformed_answers_to_reset_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
