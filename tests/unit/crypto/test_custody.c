/* Custody: which key serves whom, what it computes, and what it refuses. */
#include "cmocka_all.h"

static const uint8_t issuer_a[8] = {1, 1, 1, 1, 1, 1, 1, 1};
static const uint8_t master[16] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
                                   0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};

static struct custody *custody_with(bool software_sam, unsigned purposes)
{
    struct custody *c = NULL;
    assert_int_equal(custody_new(software_sam, &c), 0);
    for (int p = KEY_PURCHASE; p <= KEY_PURPOSE_LAST; p++) {
        struct custody_slot slot = {
            .purpose = (enum key_purpose)p, .version = 1, .all_issuers = true};
        if (purposes & (1u << p))
            assert_int_equal(custody_add(c, &slot, master), 0);
    }
    return c;
}

static struct custody_card card_a(void)
{
    struct custody_card card = {.levels = 1, .key_version = 1, .alg = PBOC_3DES};
    unhex("1122334455667788", card.factors[0], 8);
    memcpy(card.issuer, issuer_a, 8);
    return card;
}

/** The card's key and what it computes, by the functions beneath. */
static struct pboc_key card_key(struct crypto *x)
{
    struct custody_card card = card_a();
    struct pboc_key mk, k;
    assert_int_equal(pboc_key_set(&mk, PBOC_3DES, master, 16), 0);
    assert_int_equal(pboc_diversify(x, &mk, card.factors[0], &k), 0);
    return k;
}

static void load_is_verified_and_answered(void **state)
{
    struct custody *c = custody_with(false, 1u << KEY_LOAD | 1u << KEY_TAC);
    struct custody_card card = card_a();
    struct pboc_load l = {
        .random = {9, 8, 7, 6}, .counter = 3, .type = 2, .amount = 500, .balance_after = 500};
    struct pboc_key k = card_key(*state);
    struct pboc_session s;
    uint8_t mac[4], ours[4];
    assert_int_equal(pboc_load_session(*state, &k, &l, &s), 0);
    assert_int_equal(pboc_load_mac1(*state, &s, &l, mac), 0);
    assert_int_equal(custody_card_mac1_verify_load(c, &card, &l, mac), 0);
    mac[3] ^= 1;
    assert_int_equal(custody_card_mac1_verify_load(c, &card, &l, mac), OC_EMAC);
    assert_int_equal(pboc_load_mac2(*state, &s, &l, mac), 0);
    assert_int_equal(custody_load_mac2(c, &card, &l, ours), 0);
    assert_memory_equal(mac, ours, 4);
    assert_int_equal(pboc_tac_key(&k, &s), 0);
    assert_int_equal(pboc_load_tac(*state, &s, &l, mac), 0);
    assert_int_equal(custody_load_tac_verify(c, &card, &l, mac), 0);
    l.counter++;
    assert_int_equal(custody_load_tac_verify(c, &card, &l, mac), OC_EMAC);
    custody_free(&c);
    assert_null(c);
}

static void R5_purchase_mac2_and_tac_are_verified(void **state)
{
    struct custody *c = custody_with(false, 1u << KEY_PURCHASE | 1u << KEY_TAC);
    struct custody_card card = card_a();
    struct pboc_purchase p = {.random = {1}, .counter = 8, .type = 6, .amount = 200, .sam_seq = 77};
    struct pboc_key k = card_key(*state);
    struct pboc_session s;
    uint8_t mac[4];
    assert_int_equal(pboc_purchase_session(*state, &k, &p, &s), 0);
    assert_int_equal(pboc_purchase_mac2(*state, &s, &p, mac), 0);
    assert_int_equal(custody_purchase_mac2_verify(c, &card, &p, mac), 0);
    mac[0] ^= 0x80;
    assert_int_equal(custody_purchase_mac2_verify(c, &card, &p, mac), OC_EMAC);
    assert_int_equal(pboc_tac_key(&k, &s), 0);
    assert_int_equal(pboc_purchase_tac(*state, &s, &p, mac), 0);
    assert_int_equal(custody_purchase_tac_verify(c, &card, &p, mac), 0);
    p.amount++;
    assert_int_equal(custody_purchase_tac_verify(c, &card, &p, mac), OC_EMAC);
    custody_free(&c);
}

static void R10_purchase_mac1_is_refused_without_a_software_sam(void **state)
{
    struct custody *without = custody_with(false, 1u << KEY_PURCHASE),
                   *with = custody_with(true, 1u << KEY_PURCHASE);
    struct custody_card card = card_a();
    struct pboc_purchase p = {.type = 6, .amount = 200};
    struct pboc_key k = card_key(*state);
    struct pboc_session s;
    uint8_t mac[4] = {0}, want[4], untouched[4] = {0};
    assert_false(custody_software_sam(without));
    assert_int_equal(custody_purchase_mac1(without, &card, &p, mac), OC_EPERM);
    assert_memory_equal(mac, untouched, 4);
    assert_int_equal(custody_purchase_mac1(with, &card, &p, mac), 0);
    assert_int_equal(pboc_purchase_session(*state, &k, &p, &s), 0);
    assert_int_equal(pboc_purchase_mac1(*state, &s, &p, want), 0);
    assert_memory_equal(mac, want, 4);
    custody_free(&without);
    custody_free(&with);
}

static void R9_key_of_another_version_or_algorithm_is_no_key(void **state)
{
    struct custody *c = custody_with(true, 1u << KEY_PURCHASE);
    struct custody_card card = card_a(), other = card_a();
    struct pboc_purchase p = {0};
    struct pboc_load l = {0};
    uint8_t mac[4] = {0};
    (void)state;
    assert_true(custody_has(c, KEY_PURCHASE, &card));
    assert_false(custody_has(c, KEY_LOAD, &card));
    other.key_version = 2;
    assert_int_equal(custody_purchase_mac1(c, &other, &p, mac), OC_ENOKEY);
    other = card;
    other.alg = PBOC_SM4;
    assert_int_equal(custody_purchase_mac1(c, &other, &p, mac), OC_ENOKEY);
    assert_int_equal(custody_load_mac2(c, &card, &l, mac), OC_ENOKEY);
    assert_int_equal(custody_purchase_tac_verify(c, &card, &p, mac), OC_ENOKEY);
    other = card;
    other.levels = PBOC_LEVELS_MAX + 1;
    assert_int_equal(custody_purchase_mac1(c, &other, &p, mac), OC_EINVAL);
    custody_free(&c);
}

static void key_of_the_issuer_goes_before_the_key_for_all(void **state)
{
    struct custody *c = custody_with(true, 1u << KEY_LOAD);
    struct custody_slot own = {.purpose = KEY_LOAD, .version = 1};
    struct custody_card card = card_a(), stranger = card_a();
    struct pboc_key key, theirs;
    uint8_t other[16] = {5};
    memcpy(own.issuer, issuer_a, 8);
    assert_int_equal(custody_add(c, &own, other), 0);
    memset(stranger.issuer, 2, 8);
    assert_int_equal(custody_derive_for_personalisation(c, KEY_LOAD, &card, &key), 0);
    assert_int_equal(custody_derive_for_personalisation(c, KEY_LOAD, &stranger, &theirs), 0);
    assert_memory_not_equal(key.bytes, theirs.bytes, 16);
    struct pboc_key want = card_key(*state);
    assert_memory_equal(theirs.bytes, want.bytes, 16);
    assert_int_equal(custody_remove(c, &own), 0);
    assert_int_equal(custody_remove(c, &own), OC_ENOENT);
    assert_int_equal(custody_derive_for_personalisation(c, KEY_LOAD, &card, &key), 0);
    assert_memory_equal(key.bytes, want.bytes, 16);
    custody_free(&c);
}

static void slot_takes_the_same_key_again_but_no_other(void **state)
{
    struct custody *c = custody_with(false, 1u << KEY_TAC);
    struct custody_slot slot = {.purpose = KEY_TAC, .version = 1, .all_issuers = true}, got;
    uint8_t other[16] = {5}, kcv[3], want[3];
    struct pboc_key k;
    size_t cursor = 0;
    assert_int_equal(custody_add(c, &slot, master), 0);
    assert_int_equal(custody_add(c, &slot, other), OC_EEXIST);
    assert_true(custody_next(c, &cursor, &got));
    assert_int_equal(got.purpose, KEY_TAC);
    assert_false(custody_next(c, &cursor, &got));
    assert_int_equal(pboc_key_set(&k, PBOC_3DES, master, 16), 0);
    assert_int_equal(pboc_kcv(*state, &k, want), 0);
    assert_int_equal(custody_kcv(c, &slot, kcv), 0);
    assert_memory_equal(kcv, want, 3);
    slot.version = 9;
    assert_int_equal(custody_kcv(c, &slot, kcv), OC_ENOKEY);
    slot.purpose = (enum key_purpose)0;
    assert_int_equal(custody_add(c, &slot, master), OC_EINVAL);
    custody_free(&c);
}

static void full_custody_takes_no_more(void **state)
{
    struct custody *c = NULL;
    unsigned added = 0;
    int err = 0;
    (void)state;
    assert_int_equal(custody_new(false, &c), 0);
    while (!err && added < 5000) {
        struct custody_slot slot = {.purpose = KEY_TAC, .version = 1};
        put_be32(slot.issuer, added);
        err = custody_add(c, &slot, master);
        added += !err;
    }
    assert_int_equal(err, OC_ELIMIT);
    assert_int_equal(added, 1024);
    custody_free(&c);
}

static void R9_internal_authentication_tells_the_genuine_card(void **state)
{
    struct custody *c = custody_with(false, 1u << KEY_INTERNAL);
    struct custody_card card = card_a();
    struct pboc_key k = card_key(*state);
    uint8_t challenge[8] = {1, 2, 3}, answer[8];
    assert_int_equal(pboc_internal_auth(*state, &k, challenge, 8, answer), 0);
    assert_int_equal(custody_internal_auth(c, &card, challenge, answer), 0);
    answer[7] ^= 1;
    assert_int_equal(custody_internal_auth(c, &card, challenge, answer), OC_EMAC);
    custody_free(&c);
}

static void secure_messaging_works_under_maintenance_keys_only(void **state)
{
    struct custody *c = custody_with(true, 0x3FFE);
    struct custody_card card = card_a();
    struct pboc_key k = card_key(*state);
    struct custody_sm sm = {
        .purpose = KEY_MAINTENANCE, .iv = {1, 2, 3, 4}, .data = {"\x84\x1E\x00\x00\x04", 5}};
    uint8_t mac[4], want[4], crypt[8], want8[8];
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(custody_sm_mac(c, &card, &sm, mac), 0);
    assert_int_equal(pboc_sm_mac(*state, &k, sm.iv, sm.data, want), 0);
    assert_memory_equal(mac, want, 4);
    assert_int_equal(custody_sm_encrypt(c, KEY_MAIN, &card, (struct bytes){"abc", 3}, &out), 0);
    assert_int_equal(out.len, 8);
    struct bytes challenge = {"\1\2\3\4", 4};
    assert_int_equal(custody_external_auth(c, KEY_EXTERNAL, &card, challenge, crypt), 0);
    assert_int_equal(pboc_external_auth(*state, &k, challenge.data, 4, want8), 0);
    assert_memory_equal(crypt, want8, 8);
    sm.purpose = KEY_PURCHASE;
    assert_int_equal(custody_sm_mac(c, &card, &sm, mac), OC_EPERM);
    assert_int_equal(custody_sm_encrypt(c, KEY_TAC, &card, (struct bytes){"abc", 3}, &out),
                     OC_EPERM);
    assert_int_equal(custody_external_auth(c, KEY_LOAD, &card, challenge, crypt), OC_EPERM);
    assert_int_equal(custody_external_auth(c, KEY_INTERNAL, &card, challenge, crypt), OC_EPERM);
    buf_fini(&out);
    custody_free(&c);
}

static void names_of_purposes_and_algorithms_go_both_ways(void **state)
{
    (void)state;
    for (int i = KEY_PURCHASE; i <= KEY_PURPOSE_LAST; i++) {
        enum key_purpose p;
        assert_int_equal(key_purpose_parse(key_purpose_name((enum key_purpose)i), &p), 0);
        assert_int_equal(p, i);
    }
    enum key_purpose p;
    enum pboc_alg alg;
    assert_int_equal(key_purpose_parse("?", &p), OC_EINVAL);
    assert_string_equal(key_purpose_name((enum key_purpose)0), "?");
    assert_string_equal(key_purpose_name((enum key_purpose)99), "?");
    assert_int_equal(pboc_alg_parse("3des", &alg), 0);
    assert_int_equal(alg, PBOC_3DES);
    assert_int_equal(pboc_alg_parse(pboc_alg_name(PBOC_SM4), &alg), 0);
    assert_int_equal(alg, PBOC_SM4);
    assert_int_equal(pboc_alg_parse("aes", &alg), OC_EINVAL);
    assert_string_equal(pboc_alg_name((enum pboc_alg)2), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_is_verified_and_answered),
        cmocka_unit_test(R5_purchase_mac2_and_tac_are_verified),
        cmocka_unit_test(R10_purchase_mac1_is_refused_without_a_software_sam),
        cmocka_unit_test(R9_key_of_another_version_or_algorithm_is_no_key),
        cmocka_unit_test(key_of_the_issuer_goes_before_the_key_for_all),
        cmocka_unit_test(slot_takes_the_same_key_again_but_no_other),
        cmocka_unit_test(full_custody_takes_no_more),
        cmocka_unit_test(R9_internal_authentication_tells_the_genuine_card),
        cmocka_unit_test(secure_messaging_works_under_maintenance_keys_only),
        cmocka_unit_test(names_of_purposes_and_algorithms_go_both_ways),
    };
    return cmocka_run_group_tests(tests, setup_crypto, teardown_crypto);
}
