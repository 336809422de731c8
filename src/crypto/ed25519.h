/* Ed25519 (RFC 8032) for messages between this site and institutions, and what of a message is
 * signed. Keys are 32 bytes: the private one a seed, a secret. */
#ifndef CRYPTO_ED25519_H
#define CRYPTO_ED25519_H

#include "crypto/mac.h"

#define ED25519_LEN           32 /* of seeds and public keys */
#define ED25519_SIGNATURE_LEN 64

/** The public key of a seed. OC_ECRYPTO. */
int ed25519_public(const uint8_t seed[ED25519_LEN], uint8_t ret[ED25519_LEN]) MUST_USE;
/** Signs a message; some 60 µs. OC_ECRYPTO. */
int ed25519_sign(const uint8_t seed[ED25519_LEN], struct bytes message,
                 uint8_t ret[ED25519_SIGNATURE_LEN]) MUST_USE;
/** OC_EMAC: not the signature, or no key. OC_ECRYPTO. */
int ed25519_verify(const uint8_t key[ED25519_LEN], struct bytes message,
                   const uint8_t signature[ED25519_SIGNATURE_LEN]) MUST_USE;

/** A public key from text: 64 hexadecimal digits, base64 of the 32 bytes (with or without padding),
 * or PEM ("BEGIN PUBLIC KEY"). OC_EINVAL: none of them, or of another algorithm. */
int ed25519_parse_public(const char *text, uint8_t ret[ED25519_LEN]) MUST_USE;
/** A private key from PEM (PKCS#8, no passphrase). The caller wipes. OC_EINVAL. */
int ed25519_parse_private(const char *pem, uint8_t ret_seed[ED25519_LEN]) MUST_USE;
/** The public key as PEM, for institutions; buf errors come back. OC_ECRYPTO. */
int ed25519_public_pem(const uint8_t key[ED25519_LEN], struct buf *out) MUST_USE;

/* A signed HTTP message (docs/UPSTREAM.md): the same in both directions. The text that is signed:
 *
 *     onecard-message-2 \n FROM \n TO \n METHOD \n PATH \n KEY \n DATE \n HEX(SHA-256 of the body) \n
 *
 * without the blanks; the digits are upper case. It names both ends, so that whoever gets a message
 * cannot show it to somebody else who trusts the same sender. */
#define SIGNED_HEADER_FROM      "Onecard-From"      /* who signs: a participant's id, a site's name */
#define SIGNED_HEADER_TO        "Onecard-To"        /* whom it is for: likewise */
#define SIGNED_HEADER_KEY       "Idempotency-Key"   /* 1 to 64 characters of A-Z a-z 0-9 . _ : - */
#define SIGNED_HEADER_DATE      "Onecard-Date"      /* 2026-11-22T05:31:07Z */
#define SIGNED_HEADER_SIGNATURE "Onecard-Signature" /* base64 of 64 bytes, padded */
#define SIGNED_NAME_MAX         31 /* of both ends */
#define SIGNED_KEY_MAX          64
#define SIGNED_DATE_TEXT        21 /* with NUL */
#define SIGNED_SIGNATURE_TEXT   89 /* with NUL */

struct signed_message {
    const char *from, *to;
    const char *method, *path; /* the path as it stands in the request line, its query included */
    const char *key, *date;    /* of the headers above */
    struct bytes body;         /* may be empty */
};
/** A moment as the header has it. */
void signed_date(int64_t ms, char ret[SIGNED_DATE_TEXT]);
/** Reads it back. OC_EINVAL. How old is too old is the caller's to say (five minutes). */
int signed_date_parse(const char *text, int64_t *ret_ms) MUST_USE;
/** The signature's header for a message. OC_ELIMIT: a name, path or key too long; OC_EINVAL: one of
 * the texts is empty or has a blank or line break; OC_ECRYPTO. */
int signed_message_sign(struct crypto *x, const uint8_t seed[ED25519_LEN],
                        const struct signed_message *m, char ret[SIGNED_SIGNATURE_TEXT]) MUST_USE;
/** Checks one. OC_EMAC: it is not its sender's; OC_EINVAL, OC_ELIMIT: no such message is ever
 * signed. */
int signed_message_verify(struct crypto *x, const uint8_t key[ED25519_LEN],
                          const struct signed_message *m, const char *signature) MUST_USE;

/** Base64 (RFC 4648, padded), appended as text; errors in out->err. */
void base64_encode(const void *data, size_t len, struct buf *out);
/** Appends the bytes of `len` characters of base64, padding optional. OC_EINVAL: a character that
 * is none, bits left over; then nothing was appended. Buf errors come back. */
int base64_decode(const char *text, size_t len, struct buf *out) MUST_USE;

#endif
