/* The key-encryption key (KEK) of a site: one file, mode 0600. Everything else that is secret on
 * disk is under it. With a passphrase the KEK is wrapped under scrypt(passphrase); without, the
 * file itself must be guarded (the demo, or a site whose disk is encrypted). The file is text: a
 * version line, a few `name value` lines, and a check over the whole. The KEK lives in locked
 * memory and is never given out: callers get keys by label. */
#ifndef CRYPTO_KEYSTORE_H
#define CRYPTO_KEYSTORE_H

#include "base/base.h"
#include "crypto/mac.h"
#include <stdbool.h>

#define KEYSTORE_WRAPPED_LEN 40 /* 32 bytes of key under AES key wrap */

struct keystore;

/** Makes a new file with a random KEK. `passphrase` NULL: unprotected. OC_EEXIST: there is such a
 * file already (never overwritten); OC_EINVAL: empty passphrase; OC_EIO, OC_ENOSPC, OC_ECRYPTO.
 * Blocks. */
int keystore_create(const char *path, const char *passphrase,
                    const struct rng *rng) MUST_USE WORKER_FN;
/** Opens. OC_ENOENT; OC_EPERM: readable by others than its owner, another user's
 * (root's may be), or no file; OC_EPARSE: damaged (the log says
 * how); OC_ESEAL: wrong passphrase, or one is needed and none was given; OC_ENOMEM: no locked
 * memory. Blocks. Close with keystore_close. */
int keystore_open(const char *path, const char *passphrase,
                  struct keystore **ret) MUST_USE WORKER_FN;
/** Wipes and frees. */
void keystore_close(struct keystore **ks);
/** Whether the file at `path` wants a passphrase. OC_ENOENT, OC_EPARSE. Blocks. */
int keystore_needs_passphrase(const char *path, bool *ret) MUST_USE WORKER_FN;
/** The site's key for a label ("journal", "seal", "search", "manifest", …): always the same for the
 * same KEK. The caller wipes. OC_ECRYPTO. Any thread with its own context. */
int keystore_key(const struct keystore *ks, struct crypto *x, const char *label,
                 uint8_t ret[32]) MUST_USE;
/** Wraps a data key under the KEK (AES key wrap, RFC 3394). */
int keystore_wrap(const struct keystore *ks, struct crypto *x, const uint8_t key[32],
                  uint8_t ret[KEYSTORE_WRAPPED_LEN]) MUST_USE;
/** Unwraps. OC_ESEAL: another KEK or damaged. The caller wipes. */
int keystore_unwrap(const struct keystore *ks, struct crypto *x,
                    const uint8_t wrapped[KEYSTORE_WRAPPED_LEN], uint8_t ret[32]) MUST_USE;

#endif
