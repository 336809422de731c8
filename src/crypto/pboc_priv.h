/* Helpers that the purse files of this folder share. */
#ifndef CRYPTO_PBOC_PRIV_H
#define CRYPTO_PBOC_PRIV_H

#include "crypto/pboc.h"

/** Algorithm known and length right for it. */
bool pboc_key_fits(const struct pboc_key *k);
/** ECB by the key's algorithm. OC_EINVAL, OC_ECRYPTO. */
int pboc_encipher(struct crypto *x, const struct pboc_key *k, const uint8_t *in, size_t len,
                  uint8_t *ret) MUST_USE;

#endif
