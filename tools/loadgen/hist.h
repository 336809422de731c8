/* Durations counted in buckets a 64th wide, from a nanosecond to days: percentiles to 1.6 %. */
#ifndef LOADGEN_HIST_H
#define LOADGEN_HIST_H

#include <stdint.h>

#define HIST_BUCKETS (52 * 64)

struct hist {
    uint64_t count;
    int64_t max_ns;
    double sum_ns;
    uint32_t buckets[HIST_BUCKETS];
};
void hist_add(struct hist *h, int64_t ns);
void hist_merge(struct hist *to, const struct hist *from);
/** The duration that `part` (0 … 1) of all do not exceed; 0 where nothing was counted. */
int64_t hist_at(const struct hist *h, double part);

#endif
