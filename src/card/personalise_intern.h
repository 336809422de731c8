/* Inside personalisation: the order of things is in personalise.c, how each command is protected in
 * personalise_write.c. */
#ifndef CARD_PERSONALISE_INTERN_H
#define CARD_PERSONALISE_INTERN_H

#include "card/personalise.h"

/** One personalisation. Holds keys: wiped when it is over. */
struct issuing {
    struct card_session *s;
    const struct card_profile *profile;
    const struct profile_personalise *plan;
    const struct personalise_data *data;
    struct custody *custody;
    struct crypto *crypto;
    struct card_identity id;            /* of the new card */
    uint8_t file[PROFILE_IDENTITY_MAX]; /* its file 0015 */
    size_t file_len;
    struct pboc_key transport;
    struct pboc_key master; /* the key that protects WRITE KEY in the directory we are in */
};

/** Sends a command of which 9000 is expected; logs a refusal by `what`. */
int issuing_co_send(struct issuing *w, const struct apdu *cmd, const char *what) CO_FN MUST_USE;
/** Sends a command with data under a MAC (and enciphered) by a key that is at hand. */
int issuing_co_send_sealed(struct issuing *w, const struct pboc_key *key, bool encipher,
                           struct apdu *cmd, const char *what) CO_FN MUST_USE;
/** EXTERNAL AUTHENTICATE by the transport key. OC_EMAC: the card does not take it; OC_ENOENT: it
 * has no such key. */
int issuing_co_authenticate(struct issuing *w) CO_FN MUST_USE;
/** The master key slot that a key of the profile comes from, for this card. OC_ENOKEY, OC_EPROFILE.
 */
int issuing_key_card(struct issuing *w, const struct profile_key *k,
                     struct custody_card *ret) MUST_USE;
/** Writes one key: added, or in place of the one that is there (added where there is none). */
int issuing_co_write_key(struct issuing *w, const struct profile_key *k,
                         bool replace) CO_FN MUST_USE;
/** The key of the profile's list with that type and number in the application. OC_ENOKEY. */
int issuing_card_key(struct issuing *w, uint8_t type, uint8_t kid, struct pboc_key *ret) MUST_USE;
/** A record of that file as it is to be written, with what is known of card and holder laid over
 * the template: its length into `ret`, 0: it does not fit. */
#define RECORD_MAX 128
size_t issuing_record(const struct issuing *w, const struct profile_file *f,
                      const struct conf_bytes *record, uint8_t ret[RECORD_MAX]);
/** Sends a command that writes into a file, protected as the file wants it. */
int issuing_co_write(struct issuing *w, const struct profile_file *f,
                     struct apdu *cmd) CO_FN MUST_USE;

#endif
