/* cmocka wants these four before itself. */
#ifndef TESTS_WIRE_CMOCKA_ALL_H
#define TESTS_WIRE_CMOCKA_ALL_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/wire.h"
#include <string.h>

/** Bytes of hex text that the test is sure of; returns how many. */
static inline size_t unhex(const char *text, uint8_t *ret, size_t cap)
{
    size_t len = 0;
    assert_int_equal(hex_decode_any(text, ret, cap, &len), 0);
    return len;
}

static inline void assert_apdu(const struct apdu *a, const char *hex)
{
    char text[2 * APDU_MAX + 1];
    assert_string_equal(hex_encode(a->bytes, a->len, text), hex);
}
#endif
