/* The key store file as a structure, between its reader and writer and the store itself. */
#ifndef CRYPTO_KEYSTORE_PRIV_H
#define CRYPTO_KEYSTORE_PRIV_H

#include "base/base.h"
#include "crypto/kdf.h"
#include "crypto/keystore.h"

struct keystore_file {
    bool passphrase;      /* key holds the wrapped KEK; else the KEK in its first 32 bytes */
    struct kdf_cost cost; /* when passphrase */
    uint8_t key[KEYSTORE_WRAPPED_LEN];
};

/** The file's text, with its check. A secret when there is no passphrase. */
int keystore_file_print(struct crypto *x, const struct keystore_file *f, struct buf *ret) MUST_USE;
/** OC_EPARSE, with the log saying what is wrong; `path` is for the log. */
int keystore_file_parse(struct crypto *x, const char *path, struct buf *text,
                        struct keystore_file *ret) MUST_USE;
/** AES key wrap of 32 bytes (RFC 3394) and back (OC_ESEAL). */
int keystore_aes_wrap(struct crypto *x, const uint8_t kek[32], const uint8_t key[32],
                      uint8_t ret[KEYSTORE_WRAPPED_LEN]) MUST_USE;
int keystore_aes_unwrap(struct crypto *x, const uint8_t kek[32],
                        const uint8_t wrapped[KEYSTORE_WRAPPED_LEN], uint8_t ret[32]) MUST_USE;

#endif
