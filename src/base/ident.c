/* Transaction ids. Invariant: ident_next(last, …) > last, whatever the clock does. */
#include "base/ident.h"

#include <onecard/err.h>

#define SHARD_SHIFT  13
#define MS_SHIFT     21
#define COUNTER_MASK INT64_C(0x1FFF)
#define MS_MAX       (INT64_MAX >> MS_SHIFT)

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int64_t make(int64_t ms, uint8_t shard, int64_t counter)
{
    return (int64_t)((uint64_t)ms << MS_SHIFT) | (int64_t)shard << SHARD_SHIFT | counter;
}

int64_t ident_next(int64_t last, int64_t ms, uint8_t shard)
{
    if (ms < 0)
        ms = 0;
    if (ms > MS_MAX)
        ms = MS_MAX;
    int64_t by_clock = make(ms, shard, 0);
    if (by_clock > last)
        return by_clock;
    /* The counter must not run over into the shard, and `last` may be of another shard. */
    int64_t counter = (last & COUNTER_MASK) + 1;
    if (counter <= COUNTER_MASK && make(ident_ms(last), shard, counter) > last)
        return make(ident_ms(last), shard, counter);
    return make(ident_ms(last) + 1, shard, 0);
}

int64_t ident_ms(int64_t id)
{
    return id >> MS_SHIFT;
}

uint8_t ident_shard(int64_t id)
{
    return (uint8_t)(id >> SHARD_SHIFT);
}

const char *ident_text(int64_t id, char out[IDENT_TEXT])
{
    uint64_t v = (uint64_t)id;
    for (int i = IDENT_TEXT - 2; i >= 0; i--) {
        out[i] = alphabet[v & 31];
        v >>= 5;
    }
    out[IDENT_TEXT - 1] = '\0';
    return out;
}

static int value_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'I' || c == 'L')
        return 1;
    if (c == 'O')
        return 0;
    for (int i = 0; i < 32; i++)
        if (alphabet[i] == c)
            return i;
    return -1;
}

int ident_parse(const char *text, int64_t *ret_id)
{
    uint64_t v = 0;
    int n = 0;
    for (const char *p = text; *p; p++) {
        if (*p == ' ' || *p == '-' || *p == '\t')
            continue;
        int d = value_of(*p);
        if (d < 0 || n == IDENT_TEXT - 1)
            return OC_EINVAL;
        if (n == 0 && d > 7) /* ids are never negative */
            return OC_EINVAL;
        v = v << 5 | (uint64_t)d;
        n++;
    }
    if (n != IDENT_TEXT - 1)
        return OC_EINVAL;
    *ret_id = (int64_t)v;
    return 0;
}
