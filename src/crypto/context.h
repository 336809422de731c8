/* The cryptographic context: algorithms fetched once, contexts kept, the source of randomness. One
 * per thread: a fetch per operation would cost more than an 8-byte block does. Only src/crypto sees
 * OpenSSL. */
#ifndef CRYPTO_CONTEXT_H
#define CRYPTO_CONTEXT_H

#include "base/base.h"
#include "crypto/rng.h"
#include <stddef.h>

struct crypto;

/** Makes a context; `rng` NULL means rng_system and must outlive it otherwise. OC_ENOMEM,
 * OC_ECRYPTO (an algorithm is missing in this OpenSSL; logged). Free with crypto_free. Not for
 * sharing between threads. */
int crypto_new(const struct rng *rng, struct crypto **ret) MUST_USE;
/** Frees, wiping what keys its contexts hold. NULL inside is fine. */
void crypto_free(struct crypto **x);
/** Random bytes from the context's source. OC_ECRYPTO. */
int crypto_random(struct crypto *x, void *ret, size_t len) MUST_USE;

#endif
