/* A breaker keeps a sick institution from holding lanes and clerks: see internal.h for its states.
 */
#include "upstream/internal.h"

const char *breaker_state_name(enum breaker_state s)
{
    static const char *const names[] = {"closed", "open", "half_open"};
    return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

bool breaker_may(struct breaker *b, int64_t now_ns)
{
    if (b->state == BREAKER_CLOSED)
        return true;
    if (b->state == BREAKER_HALF_OPEN || now_ns < b->until_ns)
        return false;
    b->state = BREAKER_HALF_OPEN;
    return true;
}

void breaker_good(struct breaker *b)
{
    b->state = BREAKER_CLOSED;
    b->failures = b->opened = 0;
}

bool breaker_bad(struct breaker *b, int64_t now_ns, uint32_t random)
{
    b->failures++;
    if (b->state == BREAKER_OPEN || (b->state == BREAKER_CLOSED && b->failures < b->limit))
        return false; /* one that began before it opened changes nothing */
    b->state = BREAKER_OPEN;
    b->until_ns =
        now_ns + upstream_backoff_ms(b->opened++, b->open_ms, b->open_max_ms, random) * NS_PER_MS;
    return true;
}

void breaker_nothing(struct breaker *b)
{
    if (b->state == BREAKER_HALF_OPEN)
        b->state = BREAKER_OPEN;
}

int64_t upstream_backoff_ms(unsigned tries, int64_t first_ms, int64_t max_ms, uint32_t random)
{
    int64_t ms = first_ms;
    for (unsigned i = 0; i < tries && ms < max_ms; i++)
        ms *= 2;
    if (ms > max_ms)
        ms = max_ms;
    return ms - ms / 4 + (int64_t)(random % 1024) * (ms / 2) / 1024;
}
