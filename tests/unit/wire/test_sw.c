/* Status words by meaning. */
#include "cmocka_all.h"

static void words_have_their_class(void **state)
{
    static const struct {
        uint16_t sw;
        enum sw_class class;
    } want[] = {
        {0x9000, SW_CLASS_OK},           {0x6100, SW_CLASS_MORE},
        {0x61FF, SW_CLASS_MORE},         {0x6C17, SW_CLASS_WRONG_LE},
        {0x63C0, SW_CLASS_TRIES_LEFT},   {0x63CF, SW_CLASS_TRIES_LEFT},
        {0x6300, SW_CLASS_WARNING},      {0x6282, SW_CLASS_WARNING},
        {0x9401, SW_CLASS_INSUFFICIENT}, {0x9301, SW_CLASS_INSUFFICIENT},
        {0x9402, SW_CLASS_COUNTER_MAX},  {0x9403, SW_CLASS_NO_KEY},
        {0x9303, SW_CLASS_LOCKED},       {0x6A81, SW_CLASS_LOCKED},
        {0x9406, SW_CLASS_NO_PROOF},     {0x6A82, SW_CLASS_NOT_FOUND},
        {0x6A83, SW_CLASS_NOT_FOUND},    {0x6985, SW_CLASS_STATE},
        {0x6901, SW_CLASS_STATE},        {0x6D00, SW_CLASS_UNSUPPORTED},
        {0x6E00, SW_CLASS_UNSUPPORTED},  {0x6700, SW_CLASS_OTHER},
        {0x1234, SW_CLASS_OTHER},        {0x9001, SW_CLASS_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(sw_class(want[i].sw), want[i].class);
}

static void R5_all_three_words_for_a_rejected_mac_are_known(void **state)
{
    (void)state;
    assert_int_equal(sw_class(0x6982), SW_CLASS_MAC_REJECTED);
    assert_int_equal(sw_class(0x6988), SW_CLASS_MAC_REJECTED);
    assert_int_equal(sw_class(0x9302), SW_CLASS_MAC_REJECTED);
}

static void R3_missing_proof_is_told_from_other_errors(void **state)
{
    (void)state;
    assert_true(sw_no_proof(0x9406));
    assert_true(sw_no_proof(0x6A88));
    assert_false(sw_no_proof(0x6985));
    assert_false(sw_no_proof(0x9000));
}

static void every_word_has_a_text_and_tries_are_counted(void **state)
{
    unsigned without = 0;
    (void)state;
    for (uint32_t sw = 0; sw <= 0xFFFF; sw++)
        without += !sw_text((uint16_t)sw)[0];
    assert_int_equal(without, 0);
    assert_int_equal(sw_tries_left(0x63C2), 2);
    assert_int_equal(sw_tries_left(0x63C0), 0);
    assert_int_equal(sw_tries_left(0x6300), -1);
    assert_int_equal(sw_tries_left(0x9000), -1);
    assert_string_equal(sw_text(0x9402), "transaction counter at its maximum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_their_class),
        cmocka_unit_test(R5_all_three_words_for_a_rejected_mac_are_known),
        cmocka_unit_test(R3_missing_proof_is_told_from_other_errors),
        cmocka_unit_test(every_word_has_a_text_and_tries_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
