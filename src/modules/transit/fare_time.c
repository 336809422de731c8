/* Days are counted from 1970-01-01 by the usual shift of the year to March. */
#include "fare_time.h"

#include <stdio.h>
#include <string.h>

static int64_t days_of(int32_t date)
{
    int64_t y = date / 10000, m = date / 100 % 100, d = date % 100;
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int32_t date_of(int64_t days)
{
    days += 719468;
    int64_t era = days / 146097, doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153, d = doy - (153 * mp + 2) / 5 + 1;
    int64_t m = mp < 10 ? mp + 3 : mp - 9, y = yoe + era * 400 + (m <= 2);
    return (int32_t)(y * 10000 + m * 100 + d);
}

static int32_t seconds_of(int32_t time)
{
    return time / 10000 * 3600 + time / 100 % 100 * 60 + time % 100;
}

fare_time fare_time_of(int32_t date, int32_t time)
{
    return days_of(date) * FARE_DAY + seconds_of(time);
}

fare_time fare_time_now(int64_t now_ms, int32_t city_time)
{
    int64_t utc = now_ms / 1000;
    int64_t ahead = seconds_of(city_time) - utc % FARE_DAY;
    if (ahead < -12 * 3600) {
        ahead += FARE_DAY;
    } else if (ahead > 14 * 3600) {
        ahead -= FARE_DAY;
    }
    return utc + ahead;
}

int32_t fare_date(fare_time t)
{
    return date_of(t / FARE_DAY);
}

int32_t fare_month(fare_time t)
{
    return fare_date(t) / 100;
}

int32_t fare_second(fare_time t)
{
    return (int32_t)(t % FARE_DAY);
}

unsigned fare_weekday(fare_time t)
{
    return (unsigned)((t / FARE_DAY + 3) % 7); /* 1970-01-01 was a Thursday */
}

void fare_stamp(fare_time t, char ret[15])
{
    int32_t s = fare_second(t), date = fare_date(t);
    if (t < 0 || date > 99991231) {
        strcpy(ret, "19700101000000");
        return;
    }
    snprintf(ret, 15, "%08u%02u%02u%02u", (unsigned)date % 100000000U, (unsigned)s / 3600U % 24U,
             (unsigned)s / 60U % 60U, (unsigned)s % 60U);
}

/* The digits of a text, at most `max` of them; -1 where another character comes first. */
static int64_t digits(const char *text, size_t count)
{
    int64_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        n = n * 10 + (text[i] - '0');
    }
    return n;
}

bool fare_date_ok(int32_t date)
{
    int32_t y = date / 10000, m = date / 100 % 100, d = date % 100;
    return y >= 1970 && y <= 9999 && m >= 1 && m <= 12 && d >= 1 && date_of(days_of(date)) == date;
}

int32_t fare_date_add(int32_t date, int days)
{
    return date_of(days_of(date) + days);
}

static bool time_ok(int64_t time)
{
    return time >= 0 && time / 10000 < 24 && time / 100 % 100 < 60 && time % 100 < 60;
}

bool fare_stamp_read(const char *text, fare_time *ret)
{
    if (strlen(text) != 14) {
        return false;
    }
    int64_t date = digits(text, 8), time = digits(text + 8, 6);
    if (date < 0 || !fare_date_ok((int32_t)date) || !time_ok(time)) {
        return false;
    }
    *ret = fare_time_of((int32_t)date, (int32_t)time);
    return true;
}

bool fare_date_read(const char *text, int32_t *ret)
{
    int64_t date = -1;
    if (strlen(text) == 8) {
        date = digits(text, 8);
    } else if (strlen(text) == 10 && text[4] == '-' && text[7] == '-' && digits(text, 4) >= 0 &&
               digits(text + 5, 2) >= 0 && digits(text + 8, 2) >= 0) {
        date = digits(text, 4) * 10000 + digits(text + 5, 2) * 100 + digits(text + 8, 2);
    }
    if (date < 0 || !fare_date_ok((int32_t)date)) {
        return false;
    }
    *ret = (int32_t)date;
    return true;
}

bool fare_time_read(const char *text, fare_time *ret)
{
    char day[11] = "";
    int32_t date;
    size_t len = strlen(text);
    if (len != 10 && len != 16 && len != 19) {
        return false;
    }
    memcpy(day, text, 10);
    if (!fare_date_read(day, &date)) {
        return false;
    }
    int64_t h = 0, m = 0, s = 0;
    if (len > 10) {
        bool between = (text[10] == ' ' || text[10] == 'T') && text[13] == ':';
        h = digits(text + 11, 2);
        m = digits(text + 14, 2);
        s = len == 19 ? digits(text + 17, 2) : 0;
        if (!between || (len == 19 && text[16] != ':') || h < 0 || m < 0 || s < 0 ||
            !time_ok(h * 10000 + m * 100 + s)) {
            return false;
        }
    }
    *ret = fare_time_of(date, (int32_t)(h * 10000 + m * 100 + s));
    return true;
}
