/* Hexadecimal text and packed BCD. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/role.h"
#include <stddef.h>
#include <stdint.h>

/** Upper-case hex of `len` bytes into `out` (2*len+1 bytes); returns out. */
char *hex_encode(const void *src, size_t len, char *out);
/** Decodes exactly `len` bytes from text of exactly 2*len digits. OC_EINVAL. */
int hex_decode(const char *text, void *ret_bytes, size_t len) MUST_USE;
/** Decodes text of any even length up to `cap` bytes; blanks between bytes are allowed. OC_EINVAL, OC_ELIMIT. */
int hex_decode_any(const char *text, void *ret_bytes, size_t cap, size_t *ret_len) MUST_USE;

#endif
