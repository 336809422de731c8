/* Time behind a small interface, so that a simulator can replace it. Wall time is milliseconds since 1970 UTC;
 * deadlines are always monotonic nanoseconds. The city's offset from UTC is configuration, never TZ. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/role.h"
#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(const struct clock *c);
    int64_t (*mono_ns)(const struct clock *c);
};
/** The machine's clock. */
extern const struct clock clock_system;
int64_t clock_wall_ms(const struct clock *c);
int64_t clock_mono_ns(const struct clock *c);

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define MS_PER_DAY INT64_C(86400000)

/** A civil date as the number YYYYMMDD (20261121); 0 means none. */
typedef int32_t date_t;

/** The civil date in the city at wall time `ms`, `offset_min` minutes east of UTC. */
date_t city_date(int64_t ms, int offset_min);
/** Date (4 bytes) and time (3 bytes HHMMSS) in the city as packed BCD, as cards want them. */
void city_bcd(int64_t ms, int offset_min, uint8_t ret_date[4], uint8_t ret_time[3]);
/** Wall time of the city's `date` at `minute` minutes after midnight. */
int64_t city_ms(date_t date, int minute, int offset_min);
/** "2026-11-21 08:30:05" in the city, into `out` of at least 20 bytes; returns out. */
const char *city_text(int64_t ms, int offset_min, char out[20]);
bool date_valid(date_t d);
date_t date_add(date_t d, int days);
/** "2026-11-21" or "20261121" to a date. OC_EINVAL. */
int date_parse(const char *s, date_t *ret_date) MUST_USE;
/** "2026-11-21" into `out` of at least 11 bytes ("-" for 0); returns out. */
const char *date_text(date_t d, char out[11]);
/** Four bytes of packed BCD to a date; 0 where they are no valid date (cards hold 00000000, FFFFFFFF). */
date_t date_from_bcd(const uint8_t bcd[4]);

#endif
