/* cmocka wants these four before itself. */
#ifndef TESTS_CRYPTO_CMOCKA_ALL_H
#define TESTS_CRYPTO_CMOCKA_ALL_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include <string.h>

/** Bytes of hex text that the test is sure of. */
static inline void unhex(const char *text, void *ret, size_t len)
{
    assert_int_equal(hex_decode(text, ret, len), 0);
}

static inline int setup_crypto(void **state)
{
    return crypto_new(NULL, (struct crypto **)state);
}

static inline int teardown_crypto(void **state)
{
    crypto_free((struct crypto **)state);
    return 0;
}
#endif
