/* The two sources of randomness: the system's, and a repeatable one for simulators. */
#include "crypto/rng.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include <limits.h>
#include <openssl/rand.h>
#include <string.h>

static int system_fill(const struct rng *r, void *ret, size_t len)
{
    (void)r;
    if (len > INT_MAX || RAND_bytes(ret, (int)len) != 1)
        return crypto_fail("random bytes");
    return 0;
}

const struct rng rng_system = {.fill = system_fill};

int rng_fill(const struct rng *r, void *ret, size_t len)
{
    int err = r->fill(r, ret, len);
    if (err)
        memset(ret, 0, len);
    return err;
}

/* SplitMix64: a counter through a mixing function; passes the usual statistics, predicts nothing
 * secret. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static int seeded_fill(const struct rng *r, void *ret, size_t len)
{
    const struct rng_seeded *s = (const struct rng_seeded *)(const void *)r;
    uint8_t *out = ret;
    while (len) {
        uint64_t v = next(s->state);
        size_t n = len < sizeof v ? len : sizeof v;
        memcpy(out, &v, n);
        out += n;
        len -= n;
    }
    return 0;
}

void rng_seeded_init(struct rng_seeded *s, uint64_t seed)
{
    s->rng.fill = seeded_fill;
    s->seed_state = seed;
    s->state = &s->seed_state;
}
