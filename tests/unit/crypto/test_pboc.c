/* Rules of the purse's cryptography that a single vector does not show, and wrong inputs. */
#include "cmocka_all.h"

static struct pboc_key key3(void)
{
    struct pboc_key k;
    uint8_t b[16];
    unhex("11223344556677888877665544332211", b, 16);
    assert_int_equal(pboc_key_set(&k, PBOC_3DES, b, 16), 0);
    return k;
}

static void session_key_takes_only_the_low_half_of_the_terminal_sequence(void **state)
{
    struct pboc_key k = key3();
    struct pboc_purchase p = {.random = {1, 2, 3, 4}, .counter = 7, .sam_seq = 0x00010002};
    struct pboc_session a, b;
    uint8_t tac_a[4], tac_b[4];
    assert_int_equal(pboc_purchase_session(*state, &k, &p, &a), 0);
    struct pboc_purchase q = p;
    q.sam_seq = 0x00FF0002;
    assert_int_equal(pboc_purchase_session(*state, &k, &q, &b), 0);
    assert_memory_equal(a.bytes, b.bytes, 8);
    assert_int_equal(pboc_purchase_tac(*state, &a, &p, tac_a), 0);
    assert_int_equal(pboc_purchase_tac(*state, &a, &q, tac_b), 0);
    assert_memory_not_equal(tac_a, tac_b, 4);
}

static void security_code_changes_mac1_and_nothing_else(void **state)
{
    struct pboc_key k = key3();
    struct pboc_purchase p = {.amount = 100, .type = 9}, q = p;
    struct pboc_session s;
    uint8_t a[4], b[4];
    unhex("8588D32B7688D32B76", q.code, 9);
    q.code_len = 9;
    assert_int_equal(pboc_purchase_session(*state, &k, &p, &s), 0);
    assert_int_equal(pboc_purchase_mac1(*state, &s, &p, a), 0);
    assert_int_equal(pboc_purchase_mac1(*state, &s, &q, b), 0);
    assert_memory_not_equal(a, b, 4);
    assert_int_equal(pboc_purchase_mac2(*state, &s, &p, a), 0);
    assert_int_equal(pboc_purchase_mac2(*state, &s, &q, b), 0);
    assert_memory_equal(a, b, 4);
    assert_int_equal(pboc_purchase_tac(*state, &s, &p, a), 0);
    assert_int_equal(pboc_purchase_tac(*state, &s, &q, b), 0);
    assert_memory_equal(a, b, 4);
    q.code_len = PBOC_CODE_MAX + 1;
    assert_int_equal(pboc_purchase_mac1(*state, &s, &q, b), OC_EINVAL);
}

static void levels_are_applied_one_after_another(void **state)
{
    struct pboc_key k = key3(), one, two, both;
    uint8_t f[2][8];
    unhex("0371FF0000000000", f[0], 8);
    unhex("0000000012345678", f[1], 8);
    assert_int_equal(pboc_diversify(*state, &k, f[0], &one), 0);
    assert_int_equal(pboc_diversify(*state, &one, f[1], &two), 0);
    assert_int_equal(pboc_diversify_n(*state, &k, (const uint8_t(*)[8])f, 2, &both), 0);
    assert_memory_equal(both.bytes, two.bytes, 16);
    assert_int_equal(pboc_diversify_n(*state, &k, NULL, 0, &both), 0);
    assert_memory_equal(both.bytes, k.bytes, 16);
    assert_int_equal(pboc_diversify_n(*state, &k, (const uint8_t(*)[8])f, 5, &both), OC_EINVAL);
}

static void short_challenge_is_filled_with_zeros(void **state)
{
    struct pboc_key k = key3();
    uint8_t c[8] = {1, 2, 3, 4}, a[8], b[8];
    assert_int_equal(pboc_external_auth(*state, &k, c, 4, a), 0);
    assert_int_equal(pboc_external_auth(*state, &k, c, 8, b), 0);
    assert_memory_equal(a, b, 8);
    assert_int_equal(pboc_external_auth(*state, &k, c, 5, a), OC_EINVAL);
}

static void encryption_adds_nothing_to_whole_blocks(void **state)
{
    struct pboc_key k = key3();
    uint8_t mem[64], data[15] = {0};
    struct buf out;
    buf_over(&out, mem, sizeof mem);
    assert_int_equal(pboc_sm_encrypt(*state, &k, (struct bytes){data, 7}, &out), 0);
    assert_int_equal(out.len, 8);
    assert_int_equal(pboc_sm_encrypt(*state, &k, (struct bytes){data, 8}, &out), 0);
    assert_int_equal(out.len, 8 + 16);
    assert_int_equal(mac_des_ecb_decrypt(*state, (struct bytes){k.bytes, 16}, mem, 24, mem), 0);
    assert_int_equal(mem[0], 7);
    assert_int_equal(mem[8], 8);
    assert_int_equal(mem[8 + 9], 0x80);
    assert_int_equal(pboc_sm_encrypt(*state, &k, (struct bytes){data, 255}, &out), OC_EINVAL);
}

static void key_lengths_must_fit_their_algorithm(void **state)
{
    struct pboc_key k = key3(), out;
    uint8_t b[16] = {1};
    assert_int_equal(pboc_key_set(&out, PBOC_3DES, b, 8), OC_EINVAL);
    assert_int_equal(pboc_key_set(&out, PBOC_SM4, b, 8), OC_EINVAL);
    assert_int_equal(pboc_key_set(&out, PBOC_DES, b, 16), 0);
    assert_int_equal(out.len, 8);
    k.len = 8;
    struct pboc_session s;
    assert_int_equal(pboc_diversify(*state, &k, b, &out), OC_EINVAL);
    assert_int_equal(pboc_tac_key(&k, &s), OC_EINVAL);
    assert_int_equal(pboc_sm_mac(*state, &k, b, (struct bytes){b, 1}, b), OC_EINVAL);
    s = (struct pboc_session){.alg = PBOC_3DES, .len = 16};
    assert_int_equal(pboc_mac(*state, &s, (struct bytes){b, 1}, b), OC_EINVAL);
}

static void check_value_is_the_head_of_enciphered_zeros(void **state)
{
    struct pboc_key k = key3();
    uint8_t zeros[8] = {0}, kcv[3];
    assert_int_equal(pboc_kcv(*state, &k, kcv), 0);
    assert_int_equal(mac_des_ecb(*state, (struct bytes){k.bytes, 16}, zeros, 8, zeros), 0);
    assert_memory_equal(kcv, zeros, 3);
}

static void wiped_key_is_zeros(void **state)
{
    struct pboc_key k = key3(), zero;
    struct pboc_session s = {.len = 8, .bytes = {1}}, none;
    (void)state;
    memset(&zero, 0, sizeof zero);
    memset(&none, 0, sizeof none);
    pboc_key_wipe(&k);
    pboc_session_wipe(&s);
    assert_memory_equal(&k, &zero, sizeof k);
    assert_memory_equal(&s, &none, sizeof s);
}

static void initial_value_is_the_random_filled_with_zeros(void **state)
{
    uint8_t r[8] = {1, 2, 3, 4, 5, 6, 7, 8}, iv[8], want[8] = {1, 2, 3, 4};
    (void)state;
    assert_int_equal(pboc_sm_iv(r, 4, iv), 0);
    assert_memory_equal(iv, want, 8);
    assert_int_equal(pboc_sm_iv(r, 8, iv), 0);
    assert_memory_equal(iv, r, 8);
    assert_int_equal(pboc_sm_iv(r, 0, iv), OC_EINVAL);
    assert_int_equal(pboc_sm_iv(r, 16, iv), OC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_key_takes_only_the_low_half_of_the_terminal_sequence),
        cmocka_unit_test(security_code_changes_mac1_and_nothing_else),
        cmocka_unit_test(levels_are_applied_one_after_another),
        cmocka_unit_test(short_challenge_is_filled_with_zeros),
        cmocka_unit_test(encryption_adds_nothing_to_whole_blocks),
        cmocka_unit_test(key_lengths_must_fit_their_algorithm),
        cmocka_unit_test(check_value_is_the_head_of_enciphered_zeros),
        cmocka_unit_test(wiped_key_is_zeros),
        cmocka_unit_test(initial_value_is_the_random_filled_with_zeros),
    };
    return cmocka_run_group_tests(tests, setup_crypto, teardown_crypto);
}
