/* MACs and hashes: known answers from their standards, block borders, wrong lengths. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void des_is_3des_with_one_key(void **state)
{
    uint8_t key[16], in[8], out8[8], out16[8], want[8];
    unhex("133457799BBCDFF1133457799BBCDFF1", key, 16);
    unhex("0123456789ABCDEF", in, 8);
    unhex("85E813540F0AB405", want, 8); /* the classic DES example */
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 8}, in, 8, out8), 0);
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 16}, in, 8, out16), 0);
    assert_memory_equal(out8, want, 8);
    assert_memory_equal(out16, want, 8);
    assert_int_equal(mac_des_ecb_decrypt(*state, (struct bytes){key, 8}, out8, 8, out8), 0);
    assert_memory_equal(out8, in, 8);
}

static void deciphering_gives_every_block_back(void **state)
{
    uint8_t key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, in[24], out[24];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)i;
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 16}, in, 24, out), 0);
    assert_int_equal(mac_des_ecb_decrypt(*state, (struct bytes){key, 16}, out, 24, out), 0);
    assert_memory_equal(out, in, 24);
}

static void lengths_that_are_no_blocks_are_refused(void **state)
{
    uint8_t key[16] = {0}, b[32] = {0};
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 16}, b, 7, b), OC_EINVAL);
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 15}, b, 8, b), OC_EINVAL);
    assert_int_equal(mac_des_ecb_decrypt(*state, (struct bytes){key, 24}, b, 8, b), OC_EINVAL);
    assert_int_equal(mac_sm4_ecb(*state, key, b, 8, b), OC_EINVAL);
    assert_int_equal(mac_hmac_sha256(*state, (struct bytes){key, 0}, (struct bytes){b, 1}, b),
                     OC_EINVAL);
}

/** A whole last block gets a block of filling more: MAC(data) is then not MAC(data ‖ 80 00…) but
 * one step further. */
static void full_block_is_padded_too(void **state)
{
    uint8_t key[8] = {7, 6, 5, 4, 3, 2, 1}, data[8] = {1, 2, 3}, mac[8], step[8];
    assert_int_equal(mac_des_cbc(*state, key, NULL, (struct bytes){data, 8}, mac), 0);
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 8}, data, 8, step), 0);
    step[0] ^= 0x80;
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 8}, step, 8, step), 0);
    assert_memory_equal(mac, step, 8);
}

static void empty_data_is_one_block_of_filling(void **state)
{
    uint8_t key[8] = {7, 6, 5}, mac[8], block[8] = {0x80};
    assert_int_equal(mac_des_cbc(*state, key, NULL, (struct bytes){NULL, 0}, mac), 0);
    assert_int_equal(mac_des_ecb(*state, (struct bytes){key, 8}, block, 8, block), 0);
    assert_memory_equal(mac, block, 8);
}

static void hmac_and_hash_give_known_answers(void **state)
{
    uint8_t want[32], got[32], key[20];
    memset(key, 0x0b, sizeof key); /* RFC 4231, case 1 */
    unhex("B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7", want, 32);
    assert_int_equal(
        mac_hmac_sha256(*state, (struct bytes){key, 20}, (struct bytes){"Hi There", 8}, got), 0);
    assert_memory_equal(got, want, 32);
    struct bytes parts[] = {{"Hi ", 3}, {NULL, 0}, {"There", 5}};
    assert_int_equal(mac_hmac_sha256_parts(*state, (struct bytes){key, 20}, parts, 3, got), 0);
    assert_memory_equal(got, want, 32);
    unhex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", want, 32);
    assert_int_equal(hash_sha256(*state, (struct bytes){"abc", 3}, got), 0);
    assert_memory_equal(got, want, 32);
}

static void hash_in_pieces_and_of_a_file_is_the_whole_hash(void **state)
{
    ROLE_ENTER_WORKER();
    static char data[5000];
    char path[] = ONECARD_SCRATCH "/onecard-hash-XXXXXX";
    uint8_t whole[32], got[32];
    struct hash *h = NULL;
    memset(data, 'x', sizeof data);
    assert_int_equal(hash_sha256(*state, (struct bytes){data, sizeof data}, whole), 0);
    assert_int_equal(hash_new(*state, &h), 0);
    assert_int_equal(hash_update(h, data, 1), 0);
    assert_int_equal(hash_update(h, data, sizeof data - 1), 0);
    assert_int_equal(hash_final(&h, got), 0);
    assert_null(h);
    assert_memory_equal(got, whole, 32);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, sizeof data), sizeof data);
    close(fd);
    memset(got, 0, sizeof got);
    int err = hash_sha256_file(*state, path, got);
    unlink(path);
    assert_int_equal(err, 0);
    assert_memory_equal(got, whole, 32);
    assert_int_equal(hash_sha256_file(*state, path, got), OC_ENOENT);
    assert_int_equal(hash_sha256_file(*state, "/", got), OC_EIO);
}

static void label_keys_are_hkdf_expand(void **state)
{
    /* One block of HKDF-Expand is HMAC(key, info, 01). */
    uint8_t key[32], a[32], b[32], again[32], direct[32];
    memset(key, 9, sizeof key);
    assert_int_equal(kdf_label(*state, key, "journal", a), 0);
    assert_int_equal(kdf_label(*state, key, "search", b), 0);
    assert_int_equal(kdf_label(*state, key, "journal", again), 0);
    assert_int_equal(
        mac_hmac_sha256(*state, (struct bytes){key, 32}, (struct bytes){"journal\x01", 8}, direct),
        0);
    assert_memory_equal(a, again, 32);
    assert_memory_equal(a, direct, 32);
    assert_memory_not_equal(a, b, 32);
    assert_int_equal(kdf_label(*state, key, "", a), OC_EINVAL);
}

static void passphrase_key_is_scrypt(void **state)
{
    ROLE_ENTER_WORKER();
    struct kdf_cost cost = {.log2_n = 10, .r = 8, .p = 1};
    uint8_t a[32], b[32];
    (void)state;
    assert_int_equal(kdf_passphrase("correct horse", &cost, a), 0);
    assert_int_equal(kdf_passphrase("correct horse", &cost, b), 0);
    assert_memory_equal(a, b, 32);
    cost.salt[0] = 1;
    assert_int_equal(kdf_passphrase("correct horse", &cost, b), 0);
    assert_memory_not_equal(a, b, 32);
    cost.log2_n = 9;
    assert_int_equal(kdf_passphrase("correct horse", &cost, b), OC_EINVAL);
    cost.log2_n = 21;
    assert_int_equal(kdf_passphrase("correct horse", &cost, b), OC_EINVAL);
    cost.log2_n = 10;
    assert_int_equal(kdf_passphrase("", &cost, b), OC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(des_is_3des_with_one_key),
        cmocka_unit_test(deciphering_gives_every_block_back),
        cmocka_unit_test(lengths_that_are_no_blocks_are_refused),
        cmocka_unit_test(full_block_is_padded_too),
        cmocka_unit_test(empty_data_is_one_block_of_filling),
        cmocka_unit_test(hmac_and_hash_give_known_answers),
        cmocka_unit_test(hash_in_pieces_and_of_a_file_is_the_whole_hash),
        cmocka_unit_test(label_keys_are_hkdf_expand),
        cmocka_unit_test(passphrase_key_is_scrypt),
    };
    return cmocka_run_group_tests(tests, setup_crypto, teardown_crypto);
}
