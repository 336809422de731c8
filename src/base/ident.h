/* Transaction ids: 64 bits that sort by time and carry a shard; printed as 13 characters that survive a telephone call.
 *   bits 63..21 milliseconds since 1970 (43 bits)  | 20..13 shard (8) | 12..0 counter (13)
 * The next id is max(clock, last + 1): never reused, even when the clock steps back. */
#ifndef BASE_IDENT_H
#define BASE_IDENT_H

#include "base/role.h"
#include <stdint.h>

#define IDENT_TEXT 14 /* 13 characters of Crockford's base 32 and NUL */

/** The id that follows `last` at wall time `ms` on `shard`. */
int64_t ident_next(int64_t last, int64_t ms, uint8_t shard);
/** Milliseconds since 1970 inside an id. */
int64_t ident_ms(int64_t id);
uint8_t ident_shard(int64_t id);
/** Text of an id; returns out. */
const char *ident_text(int64_t id, char out[IDENT_TEXT]);
/** Reads an id's text: lower case, blanks and hyphens, and I L O for 1 1 0 are forgiven. OC_EINVAL. */
int ident_parse(const char *text, int64_t *ret_id) MUST_USE;

#endif
