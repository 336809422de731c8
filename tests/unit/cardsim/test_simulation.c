/* What the simulation adds to a card: T=0 answers on order, faults, the state file. */
#include "peer.h"

#include <unistd.h>

static void t0_card_answers_61_and_gives_the_data_on_get_response(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 10);
    cardsim_options(c)->t0 = true;
    struct reply init = send_hex(c, "805001020B0100000001112233445566");
    struct reply wrong = send_hex(c, "00C0000005"), got = send_hex(c, "00C000000F"),
                 gone = send_hex(c, "00C000000F");
    struct reply balance = send_hex(c, "805C000200");
    cardsim_free(&c);
    assert_int_equal(init.sw, 0x610F);
    assert_int_equal(init.len, 0);
    assert_int_equal(wrong.sw, 0x6C0F);
    assert_int_equal(got.sw, 0x9000);
    assert_int_equal(got.len, 15);
    assert_int_equal(gone.sw, 0x6985);
    assert_int_equal(balance.sw, 0x6C04);
}

static void faults_do_what_they_are_named_for(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_PBOC, 1000);
    struct reply last, sw, once, proveless, mute, slow, cut;
    struct debit debit;
    static const char *const bad[] = {"",
                                      "tor",
                                      "sw",
                                      "sw@54",
                                      "slow",
                                      "slow:x",
                                      "mute@zz",
                                      "torn-before@54#0",
                                      "wrong-tac:1",
                                      "mute@54x"};
    int accepted = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        accepted += cardsim_fault_add(c, bad[i]) == 0;
    (void)cardsim_fault_add(c, "wrong-mac2");
    int mac2 = do_debit(c, 1, 1, key_purchase, key_tac, NULL, NULL, &debit, &last);
    bool tac_right = memcmp(last.data, debit.tac, 4) == 0;
    (void)cardsim_fault_add(c, "wrong-mac1");
    int mac1 = do_load(c, 1, key_load, key_tac, &last);
    (void)cardsim_fault_add(c, "wrong-tac");
    int tac = do_load(c, 1, key_load, key_tac, &last);
    (void)cardsim_fault_add(c, "sw:6985@5C#2");
    (void)send_hex(c, "805C000204");
    sw = send_hex(c, "805C000204");
    once = send_hex(c, "805C000204");
    (void)cardsim_fault_add(c, "no-prove");
    proveless = send_hex(c, "805A000602000108");
    (void)cardsim_fault_add(c, "short-answer@5C");
    cut = send_hex(c, "805C000204");
    (void)cardsim_fault_add(c, "slow:25@5C");
    slow = send_hex(c, "805C000204");
    unsigned delay = cardsim_take_delay_ms(c);
    (void)cardsim_fault_add(c, "mute@5C");
    mute = send_hex(c, "805C000204");
    struct reply still = send_hex(c, "0084000004");
    cardsim_fault_clear(c);
    cardsim_reset(c);
    struct reply alive = send_hex(c, "0084000004");
    cardsim_free(&c);
    assert_int_equal(accepted, 0);
    assert_int_equal(mac2, 4);
    assert_true(tac_right);
    assert_int_equal(mac1, 2);
    assert_int_equal(tac, 4);
    assert_int_equal(sw.sw, 0x6985);
    assert_int_equal(once.sw, 0x9000);
    assert_int_equal(proveless.sw, 0x9406);
    assert_int_equal(cut.len, 3);
    assert_int_equal(slow.sw, 0x9000);
    assert_int_equal(delay, 25);
    assert_int_equal(mute.err, CARDSIM_MUTE);
    assert_int_equal(still.err, CARDSIM_MUTE);
    assert_int_equal(alive.sw, 0x9000);
}

static void state_file_brings_the_same_card_back(void **state)
{
    (void)state;
    char path[] = ONECARD_SCRATCH "/cardsim-test-XXXXXX";
    struct cardsim *c = ready_card(CARDSIM_MOHURD, 1000), *again = NULL;
    struct reply last;
    struct debit debit;
    uint8_t *bytes = NULL, *bytes2 = NULL;
    size_t len = 0, len2 = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)cardsim_fault_add(c, "torn-after@54");
    struct reply code = send_hex(c, "80CA000009");
    (void)do_debit(c, 1, 300, key_purchase, key_tac, NULL, code.data, &debit, &last);
    int saved = cardsim_state_save(c, path);
    bool changed = cardsim_take_changed(c);
    assert_int_equal(cardsim_new(&again, NULL), 0);
    int loaded = cardsim_state_load(again, path);
    cardsim_power_on(again);
    (void)send_hex(again, "00A40000023F01");
    struct reply prove = send_hex(again, "805A000602000108");
    int got = cardsim_state_get(c, &bytes, &len), got2 = cardsim_state_get(again, &bytes2, &len2);
    bool same = len == len2 && memcmp(bytes, bytes2, len) == 0;
    int refused = 0;
    for (size_t i = 0; i < len; i += 97) {
        bytes[i] ^= 1;
        refused += cardsim_state_set(again, bytes, len) == CARDSIM_EFORMAT;
        bytes[i] ^= 1;
    }
    int short_one = cardsim_state_set(again, bytes, len - 1);
    cardsim_free(&c);
    cardsim_free(&again);
    free(bytes);
    free(bytes2);
    (void)unlink(path);
    assert_int_equal(saved, 0);
    assert_false(changed);
    assert_int_equal(loaded, 0);
    assert_int_equal(prove.sw, 0x9000);
    assert_memory_equal(prove.data + 4, debit.tac, 4);
    assert_int_equal(got | got2, 0);
    assert_true(same);
    assert_int_equal(refused, (len + 96) / 97);
    assert_int_equal(short_one, CARDSIM_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t0_card_answers_61_and_gives_the_data_on_get_response),
        cmocka_unit_test(faults_do_what_they_are_named_for),
        cmocka_unit_test(state_file_brings_the_same_card_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
