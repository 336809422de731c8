/* Where everything that happens in a simulated city comes from: one seed, a stream of numbers for
 * each purpose, so that a change in one part moves no other. Nothing here is secret. */
#ifndef TESTS_SIM_RAND_H
#define TESTS_SIM_RAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_rand {
    uint64_t state;
};

/** The stream `name` of a seed. */
void sim_rand_init(struct sim_rand *r, uint64_t seed, const char *name);
uint64_t sim_u64(struct sim_rand *r);
/** 0 … n-1; n > 0. */
unsigned sim_pick(struct sim_rand *r, unsigned n);
/** low … high, both included. */
int64_t sim_range(struct sim_rand *r, int64_t low, int64_t high);
/** True in `n` of `of` cases. */
bool sim_chance(struct sim_rand *r, unsigned n, unsigned of);
void sim_bytes(struct sim_rand *r, void *ret, size_t len);

/* What happened, as one number: the same seed gives the same, byte for byte. */
struct sim_trace {
    uint64_t hash;
    uint64_t events;
    bool print; /* each event's line on standard output */
};
void sim_trace_init(struct sim_trace *t, bool print);
/** One event at virtual time `ns`. */
void sim_trace_put(struct sim_trace *t, int64_t ns, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** Bytes that belong to it. */
void sim_trace_bytes(struct sim_trace *t, const void *bytes, size_t len);

#endif
