/* The log. A line is put together in memory of the thread (flows have small stacks and cannot
 * suspend in here) and leaves in one write, so lines of threads never mix. Nothing from outside can
 * end a line or move a cursor. */
#include "base/log.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <onecard/err.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LINE_MOST 2048

static _Atomic(enum log_level) threshold = LOG_INFO;

/* Taken around the write alone: a line and its flush are one for every kind of stream. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static FILE *destination; /* under `writing`; NULL: stderr */

/* When a disk is full each request has the same to complain of, and the log may lie on that disk.
 * So one place in the source has a bounded number of warnings a second; the next one that is let
 * through says how many were not. */
#define PLACES 64
static struct place {
    const char *fmt;
    int64_t second;
    unsigned said, left_out;
} places[PLACES]; /* under `writing` */

static const char *const level_names[] = {"ERROR", "WARN", "INFO", "DEBUG"};

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, level);
}

void log_set_stream(FILE *stream)
{
    pthread_mutex_lock(&writing);
    destination = stream;
    pthread_mutex_unlock(&writing);
}

int log_level_parse(const char *s, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcasecmp(s, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return OC_EINVAL;
}

/* Bytes of the character at `s`, or 0 where it is a control character or no UTF-8. */
static size_t printable(const unsigned char *s)
{
    if (s[0] >= 0x20 && s[0] < 0x7F)
        return 1;
    size_t more = s[0] >= 0xF0 ? 3 : s[0] >= 0xE0 ? 2 : 1;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if (s[0] == 0xC2 && s[1] < 0xA0) /* the C1 controls: terminals obey them too */
        return 0;
    return more + 1;
}

/* Appends `text` with everything unprintable as \xNN; stops where a whole character does not fit.
 */
static size_t escape(char *line, size_t at, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t n = printable(s);
        if (at + (n ? n : 4) >= LINE_MOST)
            break;
        if (n) {
            memcpy(line + at, s, n);
            at += n;
            s += n;
        } else {
            line[at++] = '\\';
            line[at++] = 'x';
            line[at++] = digits[*s >> 4];
            line[at++] = digits[*s & 0xF];
            s++;
        }
    }
    return at;
}

static size_t head(char *line, enum log_level level, const char *area)
{
    int64_t ms = clock_wall_ms(&clock_system);
    char when[20];
    city_text(ms, 0, when);
    when[10] = 'T';
    int n = snprintf(line, 128, "%s.%03dZ %s %.64s: ", when, (int)(ms % 1000), level_names[level],
                     area);
    return n < 0 ? 0 : n < 128 ? (size_t)n : 127;
}

/* The place's own entry, else one that has nothing to tell any more; NULL: all are at work. */
static struct place *place_of(const char *fmt, int64_t second)
{
    struct place *free = NULL;
    for (unsigned i = 0; i < PLACES; i++) {
        struct place *p = &places[i];
        if (p->fmt == fmt)
            return p;
        if (!free && p->second != second && p->left_out == 0)
            free = p;
    }
    if (free)
        *free = (struct place){.fmt = fmt, .second = second};
    return free;
}

/* False: enough of these within this second. `ret_left_out`: how many were left out before. */
static bool may_say(enum log_level level, const char *fmt, unsigned *ret_left_out)
{
    *ret_left_out = 0;
    if (level > LOG_WARN)
        return true;
    int64_t second = clock_mono_ns(&clock_system) / NS_PER_S;
    struct place *p = place_of(fmt, second);
    if (!p)
        return true;
    if (p->second != second) {
        *ret_left_out = p->left_out;
        *p = (struct place){.fmt = fmt, .second = second};
    }
    if (p->said >= LOG_BURST) {
        p->left_out++;
        return false;
    }
    p->said++;
    return true;
}

static void put_left_out(FILE *out, unsigned n)
{
    char line[160];
    size_t len = head(line, LOG_WARN, "log");
    int more =
        snprintf(line + len, sizeof line - len, "%u lines like the next one were left out\n", n);
    fwrite(line, 1, len + (size_t)(more > 0 ? more : 0), out);
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
    static _Thread_local char raw[LINE_MOST], line[LINE_MOST];
    if (level > atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    size_t len = escape(line, head(line, level, area), raw);
    line[len++] = '\n';
    pthread_mutex_lock(&writing);
    FILE *out = destination ? destination : stderr;
    unsigned left_out;
    if (may_say(level, fmt, &left_out)) {
        if (left_out)
            put_left_out(out, left_out);
        fwrite(line, 1, len, out);
        fflush(out);
    }
    pthread_mutex_unlock(&writing);
    errno = saved;
}
