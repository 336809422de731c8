/* Civil time of the city by arithmetic alone: no TZ, no locale, no leap seconds (UTC as Unix counts
 * it). Times outside the years 1 to 9999 are taken as the nearest inside: cards and files have four
 * digits. */
#include "base/clock.h"

#include <onecard/err.h>
#include <string.h>
#include <time.h>

#define DAY_FIRST INT64_C(-719162) /* 0001-01-01 */
#define DAY_LAST  INT64_C(2932896) /* 9999-12-31 */

static int64_t system_wall_ms(const struct clock *c)
{
    (void)c;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / NS_PER_MS;
}

static int64_t system_mono_ns(const struct clock *c)
{
    (void)c;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

const struct clock clock_system = {.wall_ms = system_wall_ms, .mono_ns = system_mono_ns};

int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}

int64_t clock_mono_ns(const struct clock *c)
{
    return c->mono_ns(c);
}

/* Days since 1970-01-01 of a civil date, years counted from March so that the leap day comes last.
 */
static int64_t days_of(date_t date)
{
    int64_t y = date / 10000, m = date / 100 % 100, d = date % 100;
    y -= m <= 2;
    int64_t era = y / 400, year = y % 400;
    int64_t day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

static date_t date_of(int64_t days)
{
    if (days < DAY_FIRST)
        days = DAY_FIRST;
    if (days > DAY_LAST)
        days = DAY_LAST;
    days += 719468;
    int64_t era = days / 146097, in_era = days % 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t day = in_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day + 2) / 153;
    int64_t d = day - (153 * month + 2) / 5 + 1;
    int64_t m = month < 10 ? month + 3 : month - 9;
    return (date_t)((era * 400 + year + (m <= 2)) * 10000 + m * 100 + d);
}

/* Milliseconds of the city's wall clock, held inside the years we can write. */
static int64_t local_ms(int64_t ms, int offset_min)
{
    const int64_t least = DAY_FIRST * MS_PER_DAY, most = (DAY_LAST + 1) * MS_PER_DAY - 1;
    if (ms < least)
        ms = least;
    if (ms > most)
        ms = most;
    ms += (int64_t)offset_min * 60000;
    if (ms < least)
        return least;
    return ms > most ? most : ms;
}

static int64_t floor_days(int64_t local)
{
    return local / MS_PER_DAY - (local % MS_PER_DAY < 0);
}

date_t city_date(int64_t ms, int offset_min)
{
    return date_of(floor_days(local_ms(ms, offset_min)));
}

/* Seconds since the city's midnight. */
static int city_second(int64_t ms, int offset_min)
{
    int64_t local = local_ms(ms, offset_min);
    return (int)((local - floor_days(local) * MS_PER_DAY) / 1000);
}

static uint8_t bcd2(int v)
{
    return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

void city_bcd(int64_t ms, int offset_min, uint8_t ret_date[4], uint8_t ret_time[3])
{
    date_t d = city_date(ms, offset_min);
    int s = city_second(ms, offset_min);
    ret_date[0] = bcd2(d / 1000000);
    ret_date[1] = bcd2(d / 10000 % 100);
    ret_date[2] = bcd2(d / 100 % 100);
    ret_date[3] = bcd2(d % 100);
    ret_time[0] = bcd2(s / 3600);
    ret_time[1] = bcd2(s / 60 % 60);
    ret_time[2] = bcd2(s % 60);
}

int64_t city_ms(date_t date, int minute, int offset_min)
{
    return days_of(date) * MS_PER_DAY + ((int64_t)minute - offset_min) * 60000;
}

static char *digits(char *p, int v, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        p[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return p + count;
}

const char *date_text(date_t d, char out[11])
{
    if (d == 0)
        return strcpy(out, "-");
    char *p = digits(out, d / 10000, 4);
    *p++ = '-';
    p = digits(p, d / 100 % 100, 2);
    *p++ = '-';
    *digits(p, d % 100, 2) = '\0';
    return out;
}

const char *city_text(int64_t ms, int offset_min, char out[20])
{
    int s = city_second(ms, offset_min);
    date_text(city_date(ms, offset_min), out);
    char *p = out + 10;
    *p++ = ' ';
    p = digits(p, s / 3600, 2);
    *p++ = ':';
    p = digits(p, s / 60 % 60, 2);
    *p++ = ':';
    *digits(p, s % 60, 2) = '\0';
    return out;
}

bool date_valid(date_t d)
{
    if (d < 10101 || d > 99991231)
        return false;
    return date_of(days_of(d)) == d && d / 100 % 100 >= 1 && d / 100 % 100 <= 12;
}

date_t date_add(date_t d, int days)
{
    return date_valid(d) ? date_of(days_of(d) + days) : 0;
}

int date_parse(const char *s, date_t *ret_date)
{
    size_t len = strnlen(s, 11);
    bool hyphens = len == 10 && s[4] == '-' && s[7] == '-';
    if (!hyphens && len != 8)
        return OC_EINVAL;
    date_t d = 0;
    for (size_t i = 0; i < len; i++) {
        if (hyphens && (i == 4 || i == 7))
            continue;
        if (s[i] < '0' || s[i] > '9')
            return OC_EINVAL;
        d = d * 10 + (s[i] - '0');
    }
    if (!date_valid(d))
        return OC_EINVAL;
    *ret_date = d;
    return 0;
}

date_t date_from_bcd(const uint8_t bcd[4])
{
    date_t d = 0;
    for (int i = 0; i < 4; i++) {
        if (bcd[i] >> 4 > 9 || (bcd[i] & 0xF) > 9)
            return 0;
        d = d * 100 + (bcd[i] >> 4) * 10 + (bcd[i] & 0xF);
    }
    return date_valid(d) ? d : 0;
}
