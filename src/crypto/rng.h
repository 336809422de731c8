/* Randomness behind a small table, so that a simulator can replay a run from its seed. */
#ifndef CRYPTO_RNG_H
#define CRYPTO_RNG_H

#include "base/base.h"
#include <stddef.h>
#include <stdint.h>

struct rng {
    /** Fills `len` bytes; 0 or OC_ECRYPTO. */
    int (*fill)(const struct rng *r, void *ret, size_t len);
};
/** The operating system's, through OpenSSL's generator. Any thread. */
extern const struct rng rng_system;
/** Fills `len` bytes at ret. OC_ECRYPTO: the source failed, the bytes are zeros. */
int rng_fill(const struct rng *r, void *ret, size_t len) MUST_USE;

/** A repeatable source for simulators and tests. NOT random: never give it to a site. One thread.
 */
struct rng_seeded {
    struct rng rng; /* pass this; stays the first member */
    uint64_t *state;
    uint64_t seed_state;
};
/** `s` must not move afterwards. */
void rng_seeded_init(struct rng_seeded *s, uint64_t seed);

#endif
