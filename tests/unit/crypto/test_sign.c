/* Manifest signatures and SM2 verification. */
#include "cmocka_all.h"

#include <jansson.h>

static void manifest_signature_verifies_and_a_changed_one_does_not(void **state)
{
    uint8_t key[32] = {1}, hash[32] = {2}, sig[32], other[32] = {3};
    assert_int_equal(sign_hmac(*state, key, hash, sig), 0);
    assert_int_equal(sign_hmac_verify(*state, key, hash, sig), 0);
    assert_int_equal(sign_hmac_verify(*state, key, other, sig), OC_EMAC);
    assert_int_equal(sign_hmac_verify(*state, other, hash, sig), OC_EMAC);
    sig[31] ^= 1;
    assert_int_equal(sign_hmac_verify(*state, key, hash, sig), OC_EMAC);
}

/** U-ROOT: 16 bytes of header, 64 of public key, 64 of signature over the first 80. */
static int root_record(uint8_t record[144])
{
    json_error_t e;
    json_t *all = json_load_file(ONECARD_SOURCE_DIR "/tests/vectors/card.json", 0, &e), *v;
    size_t i;
    int err = OC_ENOENT;
    json_array_foreach(all, i, v)
    {
        if (strcmp(json_string_value(json_object_get(v, "id")), "U-ROOT") == 0)
            err = hex_decode(
                json_string_value(json_object_get(json_object_get(v, "inputs"), "record")), record,
                144);
    }
    json_decref(all);
    return err;
}

static void transport_root_record_verifies_under_its_own_key(void **state)
{
    uint8_t r[144];
    (void)state;
    assert_int_equal(root_record(r), 0);
    assert_int_equal(sign_sm2_verify(r + 16, (struct bytes){r, 80}, r + 80, NULL), 0);
    assert_int_equal(sign_sm2_verify(r + 16, (struct bytes){r, 80}, r + 80, "1234567812345678"), 0);
}

static void changed_root_record_does_not_verify(void **state)
{
    uint8_t r[144];
    (void)state;
    assert_int_equal(root_record(r), 0);
    assert_int_equal(sign_sm2_verify(r + 16, (struct bytes){r, 79}, r + 80, NULL), OC_EMAC);
    assert_int_equal(sign_sm2_verify(r + 16, (struct bytes){r, 80}, r + 80, "another"), OC_EMAC);
    r[80] ^= 1;
    assert_int_equal(sign_sm2_verify(r + 16, (struct bytes){r, 80}, r + 80, NULL), OC_EMAC);
    memset(r + 80, 0, 64);
    assert_int_equal(sign_sm2_verify(r + 16, (struct bytes){r, 80}, r + 80, NULL), OC_EMAC);
    r[16] ^= 1;
    assert_int_equal(sign_sm2_verify(r + 16, (struct bytes){r, 80}, r + 80, NULL), OC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifest_signature_verifies_and_a_changed_one_does_not),
        cmocka_unit_test(transport_root_record_verifies_under_its_own_key),
        cmocka_unit_test(changed_root_record_does_not_verify),
    };
    return cmocka_run_group_tests(tests, setup_crypto, teardown_crypto);
}
