/* Dates and times of day in the city, as plain numbers: fares know no other clock. */
#ifndef TRANSIT_FARE_TIME_H
#define TRANSIT_FARE_TIME_H

#include <stdbool.h>
#include <stdint.h>

/** Seconds of the city's own clock since 1970-01-01 00:00 there. 0: never. */
typedef int64_t fare_time;

#define FARE_DAY 86400

/** `date` YYYYMMDD, `time` HHMMSS, both of the calendar: see fare_date_ok(). */
fare_time fare_time_of(int32_t date, int32_t time);
/** The city's clock when it shows `city_time` (HHMMSS) at `now_ms` (UTC): the offset is what brings
 * them together, -12 to +14 hours. */
fare_time fare_time_now(int64_t now_ms, int32_t city_time);
/** YYYYMMDD, YYYYMM, seconds since midnight; Monday is 0. */
int32_t fare_date(fare_time t);
int32_t fare_month(fare_time t);
int32_t fare_second(fare_time t);
unsigned fare_weekday(fare_time t);
/** "20261121083000" of the moment, and back. False: no such moment. */
void fare_stamp(fare_time t, char ret[15]);
bool fare_stamp_read(const char *text, fare_time *ret);
/** A day of the calendar, 1970 … 9999. */
bool fare_date_ok(int32_t date);
/** `date` and so many days. */
int32_t fare_date_add(int32_t date, int days);
/** "2026-12-01", "2026-12-01 08:30", "2026-12-01T08:30:15". False: neither. */
bool fare_time_read(const char *text, fare_time *ret);
/** "20261201" or "2026-12-01". */
bool fare_date_read(const char *text, int32_t *ret);

#endif
