/* The purse's commands byte for byte, its answers, and the real proof exchange W-PROVE. */
#include "cmocka_all.h"

static const uint8_t sam[6] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55};
static const uint8_t date[4] = {0x20, 0x16, 0x12, 0x16}, hms[3] = {0x13, 0x46, 0x00};

static void purse_commands_are_as_the_standard_has_them(void **state)
{
    struct apdu a;
    (void)state;
    apdu_get_balance(&a, 3);
    assert_apdu(&a, "805C030204");
    assert_int_equal(apdu_init_load(&a, 1, 0x2000, sam), 0);
    assert_apdu(&a, "805000020B010000200000112233445510");
    assert_int_equal(apdu_init_purchase(&a, 1, 1, sam), 0);
    assert_apdu(&a, "805001020B01000000010011223344550F");
    assert_int_equal(apdu_init_capp(&a, 1, 0, sam), 0);
    assert_apdu(&a, "805003020B01000000000011223344550F");
    apdu_credit_load(&a, date, hms, (const uint8_t *)"\x3A\x84\x5B\xF0");
    assert_apdu(&a, "805200000B201612161346003A845BF004");
    assert_int_equal(apdu_update_capp(&a, 2, 0xB8, "\x02\x2E", 2), 0);
    assert_apdu(&a, "80DC02B802022E");
    apdu_debit(&a, 0x01020304, date, hms, (const uint8_t *)"\xD4\x57\x37\xC5");
    assert_apdu(&a, "805401000F0102030420161216134600D45737C508");
    apdu_prove(&a, EP_TYPE_CAPP, 0x0028);
    assert_apdu(&a, "805A000902002808");
    apdu_security_code(&a);
    assert_apdu(&a, "80CA000009");
}

static void impossible_amounts_and_records_are_refused(void **state)
{
    struct apdu a;
    uint8_t big[256] = {0};
    (void)state;
    assert_int_equal(apdu_init_load(&a, 1, -1, sam), OC_EINVAL);
    assert_int_equal(apdu_init_purchase(&a, 1, INT64_C(1) << 32, sam), OC_EINVAL);
    assert_int_equal(apdu_init_capp(&a, 1, UINT32_MAX, sam), 0);
    assert_int_equal(apdu_update_capp(&a, 2, 0xB8, big, 0), OC_EINVAL);
    assert_int_equal(apdu_update_capp(&a, 2, 0xB8, big, 256), OC_EINVAL);
}

static void load_answer_is_taken_apart(void **state)
{
    uint8_t b[16];
    struct init_load_answer a;
    struct credit_answer c;
    (void)state;
    unhex("00000010 0003 01 00 4E066548 0D39ADBB", b, sizeof b);
    assert_int_equal(apdu_parse_init_load(b, 16, &a), 0);
    assert_int_equal(a.balance, 16);
    assert_int_equal(a.online_counter, 3);
    assert_int_equal(a.key_version, 1);
    assert_int_equal(a.alg, 0);
    assert_memory_equal(a.random, "\x4E\x06\x65\x48", 4);
    assert_memory_equal(a.mac1, "\x0D\x39\xAD\xBB", 4);
    assert_int_equal(apdu_parse_credit((const uint8_t *)"\xA8\x02\x86\x3E", 4, &c), 0);
    assert_memory_equal(c.tac, "\xA8\x02\x86\x3E", 4);
}

static void debit_answer_has_the_tac_first(void **state)
{
    uint8_t b[8];
    struct debit_answer d;
    (void)state;
    unhex("8AF270DC66B54A6B", b, sizeof b);
    assert_int_equal(apdu_parse_debit(b, 8, &d), 0);
    assert_memory_equal(d.tac, "\x8A\xF2\x70\xDC", 4);
    assert_memory_equal(d.mac2, "\x66\xB5\x4A\x6B", 4);
}

/** A real exchange: the proof is asked with the counter that the new INITIALIZE reports. */
static void R3_real_proof_exchange_is_read_as_it_stands(void **state)
{
    uint8_t init[17], cmd[16], proof[10];
    struct init_purchase_answer p;
    struct apdu_answer a;
    struct prove_answer pr;
    struct apdu_view v;
    struct apdu ask;
    (void)state;
    assert_int_equal(
        apdu_parse(cmd, unhex("805003020B0100000000014400019C8B", cmd, sizeof cmd), &v), 0);
    assert_int_equal(v.head.p1, 3);
    assert_int_equal(v.lc, 11);
    assert_int_equal(
        apdu_answer_split(init, unhex("11E1A2D900280000000100C7B137229000", init, sizeof init), &a),
        0);
    assert_int_equal(a.sw, SW_OK);
    assert_int_equal(apdu_parse_init_purchase(a.data, a.len, &p), 0);
    assert_int_equal(p.balance, 0x11E1A2D9);
    assert_int_equal(p.offline_counter, 0x28);
    assert_int_equal(p.overdraft, 0);
    assert_int_equal(p.key_version, 1);
    assert_int_equal(p.alg, 0);
    apdu_prove(&ask, EP_TYPE_CAPP, p.offline_counter);
    apdu_set_le(&ask, APDU_NO_LE);
    assert_apdu(&ask, "805A0009020028");
    assert_int_equal(
        apdu_answer_split(proof, unhex("0410385D807979F89000", proof, sizeof proof), &a), 0);
    assert_int_equal(apdu_parse_prove(a.data, a.len, &pr), 0);
    assert_memory_equal(pr.first, "\x04\x10\x38\x5D", 4);
    assert_memory_equal(pr.second, "\x80\x79\x79\xF8", 4);
}

static void overdraft_limit_has_three_bytes(void **state)
{
    uint8_t b[15];
    struct init_purchase_answer p;
    (void)state;
    unhex("00000001 00FF 0102FF 02 01 01020304", b, sizeof b);
    assert_int_equal(apdu_parse_init_purchase(b, 15, &p), 0);
    assert_int_equal(p.overdraft, 0x0102FF);
    assert_int_equal(p.offline_counter, 0xFF);
    assert_int_equal(p.key_version, 2);
    assert_int_equal(p.alg, 1);
}

static void answers_of_another_length_are_refused_and_nothing_is_written(void **state)
{
    const uint8_t b[32] = {1};
    struct init_load_answer load = {.balance = 7};
    struct init_purchase_answer purchase;
    struct debit_answer debit;
    struct credit_answer credit;
    struct prove_answer prove;
    uint8_t code[9];
    fen_t balance = 7;
    unsigned taken = 0;
    (void)state;
    for (size_t len = 0; len < sizeof b; len++) {
        taken += len != 4 && !apdu_parse_balance(b, len, &balance);
        taken += len != 16 && !apdu_parse_init_load(b, len, &load);
        taken += len != 15 && !apdu_parse_init_purchase(b, len, &purchase);
        taken += len != 8 && !apdu_parse_debit(b, len, &debit);
        taken += len != 8 && !apdu_parse_prove(b, len, &prove);
        taken += len != 4 && !apdu_parse_credit(b, len, &credit);
        taken += len != 9 && !apdu_parse_security_code(b, len, code);
    }
    assert_int_equal(taken, 0);
    assert_int_equal(balance, 7);
    assert_int_equal(load.balance, 7);
    assert_int_equal(apdu_parse_balance((const uint8_t *)"\x80\x00\x00\x01", 4, &balance), 0);
    assert_true(balance == INT64_C(0x80000001)); /* masking is the profile's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purse_commands_are_as_the_standard_has_them),
        cmocka_unit_test(impossible_amounts_and_records_are_refused),
        cmocka_unit_test(load_answer_is_taken_apart),
        cmocka_unit_test(debit_answer_has_the_tac_first),
        cmocka_unit_test(R3_real_proof_exchange_is_read_as_it_stands),
        cmocka_unit_test(overdraft_limit_has_three_bytes),
        cmocka_unit_test(answers_of_another_length_are_refused_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
