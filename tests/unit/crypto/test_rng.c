/* Sources of randomness: the system's differs, the seeded one repeats, a failing one gives zeros
 * and an error. */
#include "cmocka_all.h"

static void system_bytes_differ(void **state)
{
    uint8_t a[32], b[32];
    (void)state;
    assert_int_equal(rng_fill(&rng_system, a, 32), 0);
    assert_int_equal(rng_fill(&rng_system, b, 32), 0);
    assert_memory_not_equal(a, b, 32);
}

static void seeded_bytes_repeat(void **state)
{
    struct rng_seeded a, b, c;
    uint8_t x[13], y[13], z[13];
    (void)state;
    rng_seeded_init(&a, 5);
    rng_seeded_init(&b, 5);
    rng_seeded_init(&c, 6);
    assert_int_equal(rng_fill(&a.rng, x, sizeof x), 0);
    assert_int_equal(rng_fill(&b.rng, y, sizeof y), 0);
    assert_int_equal(rng_fill(&c.rng, z, sizeof z), 0);
    assert_memory_equal(x, y, sizeof x);
    assert_memory_not_equal(x, z, sizeof x);
}

static int fail_fill(const struct rng *r, void *ret, size_t len)
{
    (void)r;
    memset(ret, 0x55, len);
    return OC_ECRYPTO;
}

static void failing_source_gives_an_error_and_zeros(void **state)
{
    const struct rng broken = {fail_fill};
    struct crypto *x = NULL;
    uint8_t b[8], zero[8] = {0};
    (void)state;
    assert_int_equal(crypto_new(&broken, &x), 0);
    assert_int_equal(crypto_random(x, b, sizeof b), OC_ECRYPTO);
    assert_memory_equal(b, zero, sizeof b);
    struct seal_key key = {.id = 1};
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(seal_wrap(x, &key, (struct bytes){"", 0}, (struct bytes){"a", 1}, &out),
                     OC_ECRYPTO);
    assert_int_equal(out.len, 0);
    buf_fini(&out);
    crypto_free(&x);
    assert_null(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_bytes_differ),
        cmocka_unit_test(seeded_bytes_repeat),
        cmocka_unit_test(failing_source_gives_an_error_and_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
