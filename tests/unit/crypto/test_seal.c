/* Sealed blobs: what was sealed comes back, and nothing else does. */
#include "cmocka_all.h"

static const struct seal_key key = {.id = 0x01020304, .bytes = {42}};
static const struct bytes aad = {"citizen/name/7", 14};

static void sealed_text_comes_back(void **state)
{
    struct buf blob, plain;
    uint32_t id = 0;
    buf_init(&blob, 0);
    buf_init(&plain, 0);
    assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &blob), 0);
    assert_int_equal(blob.len, 6 + SEAL_OVERHEAD);
    assert_int_equal(seal_key_id((struct bytes){blob.data, blob.len}, &id), 0);
    assert_int_equal(id, 0x01020304);
    buf_puts(&plain, "> ");
    assert_int_equal(seal_unwrap(*state, &key, aad, (struct bytes){blob.data, blob.len}, &plain),
                     0);
    assert_string_equal(buf_cstr(&plain), "> secret");
    buf_fini(&blob);
    buf_fini(&plain);
}

static void empty_text_can_be_sealed(void **state)
{
    struct buf blob, plain;
    buf_init(&blob, 0);
    buf_init(&plain, 0);
    assert_int_equal(
        seal_wrap(*state, &key, (struct bytes){NULL, 0}, (struct bytes){NULL, 0}, &blob), 0);
    assert_int_equal(seal_unwrap(*state, &key, (struct bytes){NULL, 0},
                                 (struct bytes){blob.data, blob.len}, &plain),
                     0);
    assert_int_equal(plain.len, 0);
    buf_fini(&blob);
    buf_fini(&plain);
}

static void same_text_seals_differently_each_time(void **state)
{
    struct buf a, b;
    buf_init(&a, 0);
    buf_init(&b, 0);
    assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &a), 0);
    assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &b), 0);
    assert_memory_not_equal(a.data, b.data, a.len);
    buf_fini(&a);
    buf_fini(&b);
}

static void no_nonce_comes_twice(void **state)
{
    enum { MANY = 200 };
    static uint8_t nonces[MANY][12];
    struct buf b;
    for (unsigned i = 0; i < MANY; i++) {
        buf_init(&b, 0);
        assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &b), 0);
        memcpy(nonces[i], b.data + 5, 12);
        buf_fini(&b);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(nonces[i], nonces[j], 12);
    }
}

static void what_does_not_fit_leaves_nothing_behind(void **state)
{
    uint8_t memory[64] = {0};
    struct buf small, blob;
    buf_init(&blob, 0);
    buf_over(&small, memory, 40);
    buf_puts(&small, "> ");
    assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &small), OC_ELIMIT);
    assert_int_equal(small.len, 2);
    for (unsigned i = 2; i < sizeof memory; i++)
        assert_int_equal(memory[i], 0);
    assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &blob), 0);
    buf_over(&small, memory, 4);
    assert_int_equal(
        seal_unwrap(*state, &key, aad, (struct bytes){blob.data, blob.len}, &small), OC_ELIMIT);
    assert_int_equal(small.len, 0);
    buf_fini(&blob);
}

static void every_changed_byte_is_noticed(void **state)
{
    struct buf blob, plain;
    unsigned opened = 0;
    buf_init(&blob, 0);
    buf_init(&plain, 0);
    assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &blob), 0);
    for (size_t i = 0; i < blob.len; i++) {
        blob.data[i] ^= 1;
        if (seal_unwrap(*state, &key, aad, (struct bytes){blob.data, blob.len}, &plain) != OC_ESEAL)
            opened++;
        blob.data[i] ^= 1;
    }
    for (size_t len = 0; len < blob.len; len++) {
        if (seal_unwrap(*state, &key, aad, (struct bytes){blob.data, len}, &plain) != OC_ESEAL)
            opened++;
    }
    assert_int_equal(opened, 0);
    assert_int_equal(plain.len, 0);
    buf_fini(&blob);
    buf_fini(&plain);
}

static void other_key_and_other_place_do_not_open(void **state)
{
    struct seal_key other = key, renamed = key;
    struct buf blob, plain;
    other.bytes[31] = 1;
    renamed.id = 9;
    buf_init(&blob, 0);
    buf_init(&plain, 0);
    assert_int_equal(seal_wrap(*state, &key, aad, (struct bytes){"secret", 6}, &blob), 0);
    struct bytes b = {blob.data, blob.len};
    assert_int_equal(seal_unwrap(*state, &other, aad, b, &plain), OC_ESEAL);
    assert_int_equal(seal_unwrap(*state, &renamed, aad, b, &plain), OC_ESEAL);
    assert_int_equal(seal_unwrap(*state, &key, (struct bytes){"citizen/name/8", 14}, b, &plain),
                     OC_ESEAL);
    assert_int_equal(seal_unwrap(*state, &key, aad, b, &plain), 0);
    buf_fini(&blob);
    buf_fini(&plain);
}

static void search_hash_keeps_domains_apart(void **state)
{
    uint8_t k[32] = {1}, a[16], b[16], c[16];
    assert_int_equal(seal_search(*state, k, "id", (struct bytes){"110101", 6}, a), 0);
    assert_int_equal(seal_search(*state, k, "id", (struct bytes){"110101", 6}, b), 0);
    assert_int_equal(seal_search(*state, k, "id1", (struct bytes){"10101", 5}, c), 0);
    assert_memory_equal(a, b, 16);
    assert_memory_not_equal(a, c, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_text_comes_back),
        cmocka_unit_test(empty_text_can_be_sealed),
        cmocka_unit_test(same_text_seals_differently_each_time),
        cmocka_unit_test(no_nonce_comes_twice),
        cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(other_key_and_other_place_do_not_open),
        cmocka_unit_test(search_hash_keeps_domains_apart),
    };
    return cmocka_run_group_tests(tests, setup_crypto, teardown_crypto);
}
