/* See hist.h. */
#include "hist.h"

static unsigned bucket(int64_t ns)
{
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    if (v < 128)
        return (unsigned)v;
    unsigned shift =
        57U - (unsigned)__builtin_clzll(v); /* leaves seven bits, the first of them 1 */
    unsigned at = (shift + 1) * 64 + (unsigned)(v >> shift) - 64;
    return at < HIST_BUCKETS ? at : HIST_BUCKETS - 1;
}

static int64_t upper(unsigned at)
{
    if (at < 128)
        return (int64_t)at;
    if (at == HIST_BUCKETS - 1)
        return INT64_MAX;
    unsigned shift = at / 64 - 1;
    return (int64_t)(((uint64_t)(at % 64) + 65) << shift) - 1;
}

void hist_add(struct hist *h, int64_t ns)
{
    h->buckets[bucket(ns)]++;
    h->count++;
    h->sum_ns += (double)ns;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

void hist_merge(struct hist *to, const struct hist *from)
{
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
    to->count += from->count;
    to->sum_ns += from->sum_ns;
    if (from->max_ns > to->max_ns)
        to->max_ns = from->max_ns;
}

int64_t hist_at(const struct hist *h, double part)
{
    double wanted = part * (double)h->count, seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->buckets[i];
        if (h->buckets[i] && seen >= wanted)
            return upper(i) < h->max_ns ? upper(i) : h->max_ns;
    }
    return h->max_ns;
}
