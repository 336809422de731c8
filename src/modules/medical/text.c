/* Dates, numbers and words: no host, no state. */
#include "medical.h"

#include <string.h>

/* Days since 0000-03-01 of the proleptic Gregorian calendar. */
static int64_t day_number(int32_t date)
{
    int64_t y = date / 10000, m = date / 100 % 100, d = date % 100;
    y -= m <= 2;
    int64_t shifted = (m + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + d - 1;
}

static int32_t date_of(int64_t n)
{
    int64_t y = (10000 * n + 14780) / 3652425;
    int64_t rest = n - (365 * y + y / 4 - y / 100 + y / 400);
    if (rest < 0) {
        y--;
        rest = n - (365 * y + y / 4 - y / 100 + y / 400);
    }
    int64_t m = (100 * rest + 52) / 3060;
    int64_t day = rest - (m * 306 + 5) / 10 + 1;
    int64_t month = (m + 2) % 12 + 1;
    y += m >= 10;
    return (int32_t)(y * 10000 + month * 100 + day);
}

int64_t date_days(int32_t from, int32_t to)
{
    return day_number(to) - day_number(from);
}

int32_t date_add(int32_t date, int64_t days)
{
    return date_of(day_number(date) + days);
}

bool date_ok(int64_t date)
{
    return date >= 19000101 && date <= 29991231 && date_of(day_number((int32_t)date)) == date;
}

int64_t minutes_of(int64_t hhmm)
{
    return hhmm / 100 * 60 + hhmm % 100;
}

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool id_ok(const char *text, size_t max)
{
    size_t n = 0;
    while (text[n] && n <= max && id_char(text[n])) {
        n++;
    }
    return n > 0 && n <= max && !text[n];
}

static uint64_t mix(uint64_t h, const char *s)
{
    for (; *s; s++) {
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    }
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

/* A name, no proof: whoever reads a document by it looks whose it is. */
void text_hash(const char *a, const char *b, char ret[14])
{
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint64_t h = mix(mix(UINT64_C(14695981039346656037), a), b);
    h ^= h >> 29;
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    h ^= h >> 32;
    for (int i = 0; i < 13; i++) {
        ret[i] = letters[h & 31];
        h >>= 5;
    }
    ret[13] = '\0';
}

int64_t number_of(const char *text, int64_t max)
{
    int64_t n = 0;
    if (!*text) {
        return -1;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        n = n * 10 + (*text - '0');
        if (n > max) {
            return -1;
        }
    }
    return n;
}

bool next_word(const char **at, char *ret, size_t cap)
{
    if (!*at) {
        return false;
    }
    const char *s = *at + strspn(*at, ", ");
    size_t n = strcspn(s, ", ");
    if (n == 0) {
        *at = s;
        return false;
    }
    if (n >= cap) {
        *at = NULL;
        return false;
    }
    memcpy(ret, s, n);
    ret[n] = '\0';
    *at = s + n;
    return true;
}
