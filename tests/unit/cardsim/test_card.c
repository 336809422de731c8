/* A ready card: published numbers, whole transactions, torn cards, faults, blocking, the state
 * file. */
#include "peer.h"

#define assert_hex(text, data, len)                                                                \
    do {                                                                                           \
        uint8_t want_[300];                                                                        \
        assert_int_equal(unhex(text, want_), len);                                                 \
        assert_memory_equal(data, want_, len);                                                     \
    } while (0)

/* The published load on a real FM1208 (vector H): one card, its keys, its challenge. */
static struct cardsim *vector_card(const char *purchase, const char *load, const char *tac,
                                   const char *random, struct script *script)
{
    struct cardsim *c = NULL;
    struct cardsim_personal p;
    cardsim_personal_init(&p, CARDSIM_PBOC);
    const struct {
        enum cardsim_key_use use;
        const char *hex;
    } keys[] = {{CARDSIM_KEY_PURCHASE, purchase}, {CARDSIM_KEY_LOAD, load}, {CARDSIM_KEY_TAC, tac}};
    for (size_t i = 0; i < 3; i++) {
        p.keys[keys[i].use] = (struct cardsim_key){.set = true};
        unhex(keys[i].hex, p.keys[keys[i].use].value);
    }
    unhex(random, script->bytes);
    script->at = 0;
    if (cardsim_new(&c, NULL) != 0 || cardsim_personalise(c, &p) != 0)
        abort();
    cardsim_set_random(c, scripted, script);
    cardsim_power_on(c);
    (void)send_hex(c, "00A40000023F01");
    return c;
}

static void load_of_a_real_card_gives_its_published_numbers(void **state)
{
    (void)state;
    struct script script;
    const char *key = "3F3F3F3F3F3F3F3F1122334455667788";
    struct cardsim *c =
        vector_card(key, key, "34343434343434341122334455667788", "4E066548", &script);
    struct reply init = send_hex(c, "805000020B000000001066666666666610");
    struct reply credit = send_hex(c, "805200000B20240411212121097E98FE04");
    struct reply balance = send_hex(c, "805C000204");
    struct reply log = send_hex(c, "00B201C417");
    struct reply prove = send_hex(c, "805A000202000108");
    cardsim_free(&c);
    assert_hex("000000000000"
               "00004E0665480D39ADBB",
               init.data, init.len);
    assert_int_equal(credit.sw, 0x9000);
    assert_hex("A802863E", credit.data, credit.len);
    assert_hex("00000010", balance.data, balance.len);
    assert_hex("0001000000000000100266666666666620240411212121", log.data, log.len);
    assert_int_equal(prove.sw, 0x9000);
    assert_memory_equal(prove.data + 4, credit.data, 4);
}

static void purchase_of_a_real_card_gives_its_published_numbers(void **state)
{
    (void)state;
    struct script script;
    const char *key = "00112233445566778899AABBCCDDEEFF";
    struct cardsim *c = vector_card(key, key, key, "584633C9", &script);
    (void)cardsim_purse_set(c, 100, 0, 0, 0);
    struct reply init = send_hex(c, "805001020B00000000010011223344550F");
    struct reply debit = send_hex(c, "805401000F0000000020161216134600D45737C508");
    cardsim_free(&c);
    assert_hex("0000006400000000000000584633C9", init.data, init.len);
    assert_int_equal(debit.sw, 0x9000);
    assert_hex("8AF270DC66B54A6B", debit.data, debit.len);
}

static void master_key_is_diversified_with_the_serial_number(void **state)
{
    (void)state;
    struct cardsim_personal p;
    struct cardsim *c = NULL;
    struct debit debit;
    struct reply last;
    uint8_t card_key[16];
    cardsim_personal_init(&p, CARDSIM_PBOC);
    p.keys[CARDSIM_KEY_PURCHASE] = (struct cardsim_key){.set = true, .master = true, .id = 1};
    unhex("00112233445566778899AABBCCDDEEFF", p.keys[CARDSIM_KEY_PURCHASE].value);
    give_key(&p, CARDSIM_KEY_TAC, key_tac);
    unhex("00001122334455667788", p.serial);
    p.balance_fen = 10;
    assert_int_equal(cardsim_new(&c, NULL), 0);
    assert_int_equal(cardsim_personalise(c, &p), 0);
    cardsim_power_on(c);
    (void)send_hex(c, "00A40000023F01");
    unhex("496BD7A3513644533100B54E71196528", card_key);
    int step = do_debit(c, 1, 1, card_key, key_tac, NULL, NULL, &debit, &last);
    cardsim_free(&c);
    assert_int_equal(step, 0);
}

static void application_block_and_unblock_take_the_published_macs(void **state)
{
    (void)state;
    struct script script = {.at = 0};
    struct cardsim_personal p;
    struct cardsim *c = NULL;
    unhex("1EA2B2E6DBCF515E", script.bytes);
    cardsim_personal_init(&p, CARDSIM_MOHURD);
    p.keys[CARDSIM_KEY_LOCK].set = p.keys[CARDSIM_KEY_UNLOCK].set = true;
    unhex("6474215EF549707831BB8DB9895FD48A", p.keys[CARDSIM_KEY_LOCK].value);
    unhex("A2F237922142D1605DDD33113E617823", p.keys[CARDSIM_KEY_UNLOCK].value);
    assert_int_equal(cardsim_new(&c, NULL), 0);
    assert_int_equal(cardsim_personalise(c, &p), 0);
    cardsim_set_random(c, scripted, &script);
    cardsim_power_on(c);
    (void)send_hex(c, "00A40000023F01");
    (void)send_hex(c, "0084000004");
    struct reply block = send_hex(c, "841E000004A86CC6A8");
    struct reply balance = send_hex(c, "805C000204");
    cardsim_reset(c);
    struct reply select = send_hex(c, "00A4040009A0000000038698070100");
    (void)send_hex(c, "0084000004");
    struct reply unblock = send_hex(c, "84180000042BDCFB5E");
    struct reply balance2 = send_hex(c, "805C000204");
    cardsim_free(&c);
    assert_int_equal(block.sw, 0x9000);
    assert_int_equal(balance.sw, 0x6A81);
    assert_int_equal(select.sw, 0x6A81);
    assert_true(select.len > 30 && select.data[0] == 0x6F);
    assert_int_equal(unblock.sw, 0x9000);
    assert_int_equal(balance2.sw, 0x9000);
}

static void load_then_purchase_move_the_purse_and_the_counters(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 100);
    struct cardsim_status st;
    struct reply last;
    struct debit debit;
    int load = do_load(c, 5000, key_load, key_tac, &last);
    int purchase = do_debit(c, 1, 1200, key_purchase, key_tac, NULL, NULL, &debit, &last);
    struct reply log1 = send_hex(c, "00B201C400"), log2 = send_hex(c, "00B202C400"),
                 log3 = send_hex(c, "00B203C400");
    cardsim_status(c, &st);
    cardsim_free(&c);
    assert_int_equal(load, 0);
    assert_int_equal(purchase, 0);
    assert_int_equal(st.balance_fen, 3900);
    assert_int_equal(st.online, 1);
    assert_int_equal(st.offline, 1);
    assert_hex("0001000000000004B00611223344556620261121123456", log1.data, log1.len);
    assert_hex("0001000000000013880211223344556620261121123456", log2.data, log2.len);
    assert_int_equal(log3.sw, 0x6A83);
}

static void R3_purchase_torn_before_leaves_the_counter_and_no_proof(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 1000);
    struct reply last;
    struct debit debit, again;
    assert_int_equal(cardsim_fault_add(c, "torn-before@54"), 0);
    int step = do_debit(c, 1, 300, key_purchase, key_tac, NULL, NULL, &debit, &last);
    struct reply off = send_hex(c, "805C000204");
    cardsim_power_on(c);
    (void)send_hex(c, "00A40000023F01");
    struct reply prove = send_hex(c, "805A000602000108"), log = send_hex(c, "00B201C400");
    int step2 = do_debit(c, 1, 300, key_purchase, key_tac, NULL, NULL, &again, &last);
    cardsim_free(&c);
    assert_int_equal(step, 3);
    assert_int_equal(off.err, CARDSIM_EOFF);
    assert_int_equal(prove.sw, 0x9406);
    assert_int_equal(log.sw, 0x6A83);
    assert_int_equal(step2, 0);
    assert_memory_equal(debit.seq, again.seq, 2);
}

static void R3_purchase_torn_after_is_proved_and_logged(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 1000);
    struct reply last;
    struct debit debit;
    assert_int_equal(cardsim_fault_add(c, "torn-after@54"), 0);
    int step = do_debit(c, 1, 300, key_purchase, key_tac, NULL, NULL, &debit, &last);
    cardsim_power_on(c);
    (void)send_hex(c, "00A40000023F01");
    struct reply init = send_hex(c, "805001020B01000000001122334455660F");
    struct reply prove = send_hex(c, "805A000602000108"), before = send_hex(c, "805A000602000008");
    struct reply log = send_hex(c, "00B201C400");
    cardsim_options(c)->prove_tac_first = true;
    cardsim_options(c)->prove_before = true;
    struct reply other = send_hex(c, "805A000602000008");
    cardsim_free(&c);
    assert_int_equal(step, 3);
    assert_int_equal(last.err, CARDSIM_TORN);
    assert_hex("000002BC0001", init.data, 6);
    assert_int_equal(prove.sw, 0x9000);
    assert_memory_equal(prove.data, debit.mac2, 4);
    assert_memory_equal(prove.data + 4, debit.tac, 4);
    assert_int_equal(before.sw, 0x9406);
    assert_hex("00010000000000012C0611223344556620261121123456", log.data, log.len);
    assert_memory_equal(other.data, debit.tac, 4);
}

static void R3_load_torn_after_is_proved(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 0);
    struct reply last;
    assert_int_equal(cardsim_fault_add(c, "torn-after:3"), 0);
    int step = do_load(c, 700, key_load, key_tac, &last); /* SELECT was the first command */
    cardsim_power_on(c);
    (void)send_hex(c, "00A40000023F01");
    struct reply prove = send_hex(c, "805A000202000108"), balance = send_hex(c, "805C000204");
    cardsim_free(&c);
    assert_int_equal(step, 3);
    assert_int_equal(prove.sw, 0x9000);
    assert_hex("000002BC", balance.data, balance.len);
}

static void wrong_mac_is_refused_and_nothing_moves(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 1000);
    struct reply last;
    struct debit debit;
    struct cardsim_status st;
    int wrong = do_debit(c, 1, 1, key_tac, key_tac, NULL, NULL, &debit, &last);
    unsigned sw = last.sw;
    cardsim_options(c)->sw_mac = 0x6988;
    (void)do_debit(c, 1, 1, key_tac, key_tac, NULL, NULL, &debit, &last);
    cardsim_status(c, &st);
    cardsim_free(&c);
    assert_int_equal(wrong, 3);
    assert_int_equal(sw, 0x9302);
    assert_int_equal(last.sw, 0x6988);
    assert_int_equal(st.balance_fen, 1000);
    assert_int_equal(st.offline, 0);
}

static void command_between_initialize_and_debit_drops_to_idle(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 1000);
    struct reply init = send_hex(c, "805001020B01000000011122334455660F");
    (void)send_hex(c, "805C000204");
    struct reply debit = send_hex(c, "805401000F000000012026112112345600000000");
    struct reply none = send_hex(c, "805200000B2026112112345600000000");
    cardsim_free(&c);
    assert_int_equal(init.sw, 0x9000);
    assert_int_equal(debit.sw, 0x6901);
    assert_int_equal(none.sw, 0x6901);
}

static void initialize_refuses_what_cannot_be_done(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 10);
    struct reply poor = send_hex(c, "805001020B010000000B1122334455660F");
    struct reply no_key = send_hex(c, "805001020B09000000011122334455660F");
    struct reply le = send_hex(c, "805001020B010000000111223344556605");
    struct reply lc = send_hex(c, "805001020A01000000011122334455");
    (void)cardsim_purse_set(c, 10, 0, 0xFFFF, 0xFFFF);
    struct reply worn = send_hex(c, "805001020B01000000011122334455660F");
    cardsim_free(&c);
    assert_int_equal(poor.sw, 0x9401);
    assert_int_equal(no_key.sw, 0x9403);
    assert_int_equal(le.sw, 0x6C0F);
    assert_int_equal(lc.sw, 0x6700);
    assert_int_equal(worn.sw, 0x9402);
}

static void mohurd_capp_wants_the_security_code_and_writes_its_record(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_MOHURD, 1000);
    struct reply last, code = send_hex(c, "80CA000009");
    struct debit debit;
    char capp[2 * 53 + 1] = "80DC02B830022E";
    for (size_t i = strlen(capp); i < 2 * 53; i++)
        capp[i] = '7';
    int without = do_debit(c, 3, 200, key_purchase, key_tac, capp, NULL, &debit, &last);
    struct reply before = send_hex(c, "00B202BC00");
    int with = do_debit(c, 3, 200, key_purchase, key_tac, capp, code.data, &debit, &last);
    struct reply record = send_hex(c, "00B202B800"), log = send_hex(c, "00B201C400");
    int load = do_load(c, 50, key_load, key_tac, &last);
    struct reply load_log = send_hex(c, "00B201D400");
    cardsim_free(&c);
    assert_int_equal(code.sw, 0x9000);
    assert_hex("859012345690123456", code.data, code.len);
    assert_int_equal(without, 3);
    assert_int_equal(before.data[2], 0);
    assert_int_equal(with, 0);
    assert_int_equal(record.len, 48);
    assert_int_equal(record.data[2], 0x77);
    assert_int_equal(log.data[9], 0x09);
    assert_int_equal(load, 0);
    assert_int_equal(load_log.len, 23);
}

static void capp_of_nothing_writes_its_record_but_does_not_count(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_TUNION, 1000);
    struct cardsim_status st;
    struct reply last;
    struct debit debit;
    char capp[2 * 53 + 1] = "80DC00F030";
    for (size_t i = strlen(capp); i < 2 * 53; i++)
        capp[i] = '3';
    int step = do_debit(c, 3, 0, key_purchase, key_tac, capp, NULL, &debit, &last);
    struct reply record = send_hex(c, "00B201F430"), log = send_hex(c, "00B201C400");
    cardsim_options(c)->capp_zero_moves = true;
    int step2 = do_debit(c, 3, 0, key_purchase, key_tac, NULL, NULL, &debit, &last);
    cardsim_status(c, &st);
    cardsim_free(&c);
    assert_int_equal(step, 0);
    assert_int_equal(record.sw, 0x9000);
    assert_int_equal(record.data[0], 0x33);
    assert_int_equal(log.sw, 0x6A83);
    assert_int_equal(step2, 0);
    assert_int_equal(st.offline, 1);
}

static void tunion_overdraft_is_told_by_its_balance_codes(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_TUNION, 1000);
    struct reply r[4], last;
    struct debit debit;
    (void)cardsim_purse_set(c, 100, 500, 0, 0);
    int step = do_debit(c, 1, 300, key_purchase, key_tac, NULL, NULL, &debit, &last);
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t cmd[5] = {0x80, 0x5C, (uint8_t)i, 2, 4};
        r[i] = send_bytes(c, cmd, 5);
    }
    cardsim_free(&c);
    assert_int_equal(step, 0);
    assert_hex("00000000", r[0].data, 4);
    assert_hex("000001F4", r[1].data, 4);
    assert_hex("000000C8", r[2].data, 4);
    assert_hex("00000000", r[3].data, 4);
}

static void file_key_out_of_tries_locks_the_application(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 10);
    struct reply r[3];
    for (size_t i = 0; i < 3; i++)
        r[i] = send_secure(c, "04D69500", key_main, 2, key_main, false);
    struct reply balance = send_hex(c, "805C000204");
    cardsim_free(&c);
    assert_int_equal(r[0].sw, 0x6988);
    assert_int_equal(r[1].sw, 0x6988);
    assert_int_equal(r[2].sw, 0x9303);
    assert_int_equal(balance.sw, 0x9303);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_of_a_real_card_gives_its_published_numbers),
        cmocka_unit_test(purchase_of_a_real_card_gives_its_published_numbers),
        cmocka_unit_test(master_key_is_diversified_with_the_serial_number),
        cmocka_unit_test(application_block_and_unblock_take_the_published_macs),
        cmocka_unit_test(load_then_purchase_move_the_purse_and_the_counters),
        cmocka_unit_test(R3_purchase_torn_before_leaves_the_counter_and_no_proof),
        cmocka_unit_test(R3_purchase_torn_after_is_proved_and_logged),
        cmocka_unit_test(R3_load_torn_after_is_proved),
        cmocka_unit_test(wrong_mac_is_refused_and_nothing_moves),
        cmocka_unit_test(command_between_initialize_and_debit_drops_to_idle),
        cmocka_unit_test(initialize_refuses_what_cannot_be_done),
        cmocka_unit_test(mohurd_capp_wants_the_security_code_and_writes_its_record),
        cmocka_unit_test(capp_of_nothing_writes_its_record_but_does_not_count),
        cmocka_unit_test(tunion_overdraft_is_told_by_its_balance_codes),
        cmocka_unit_test(file_key_out_of_tries_locks_the_application),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
