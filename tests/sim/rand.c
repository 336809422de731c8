#include "rand.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FNV_BASIS UINT64_C(1469598103934665603)
#define FNV_PRIME UINT64_C(1099511628211)

static uint64_t fnv(uint64_t h, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * FNV_PRIME;
    return h;
}

/* ---- numbers: splitmix64 ---- */

void sim_rand_init(struct sim_rand *r, uint64_t seed, const char *name)
{
    r->state = fnv(FNV_BASIS ^ (seed * UINT64_C(0x9E3779B97F4A7C15)), name, strlen(name));
}

uint64_t sim_u64(struct sim_rand *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

unsigned sim_pick(struct sim_rand *r, unsigned n)
{
    return (unsigned)((sim_u64(r) >> 32) * n >> 32);
}

int64_t sim_range(struct sim_rand *r, int64_t low, int64_t high)
{
    return low + (int64_t)(sim_u64(r) % (uint64_t)(high - low + 1));
}

bool sim_chance(struct sim_rand *r, unsigned n, unsigned of)
{
    return sim_pick(r, of) < n;
}

void sim_bytes(struct sim_rand *r, void *ret, size_t len)
{
    uint8_t *p = ret;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t v = sim_u64(r);
        memcpy(p + i, &v, len - i < 8 ? len - i : 8);
    }
}

/* ---- the trace ---- */

void sim_trace_init(struct sim_trace *t, bool print)
{
    *t = (struct sim_trace){.hash = FNV_BASIS, .print = print};
}

void sim_trace_bytes(struct sim_trace *t, const void *bytes, size_t len)
{
    t->hash = fnv(t->hash, bytes, len);
}

void sim_trace_put(struct sim_trace *t, int64_t ns, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    t->events++;
    sim_trace_bytes(t, &ns, sizeof ns);
    sim_trace_bytes(t, line, len);
    if (t->print)
        printf("%12.6f %s\n", (double)ns / 1e9, line);
}
