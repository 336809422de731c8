/* Inside identification: what the files ident*.c and personalise.c share. */
#ifndef CARD_IDENT_INTERN_H
#define CARD_IDENT_INTERN_H

#include "card/ident.h"

/** READ BINARY by short file id, or else the file selected and read. Errors of transmit_co_ok(). */
int ident_co_file(struct card_session *s, uint8_t sfi, uint16_t fid, uint8_t len,
                  struct rapdu *ret) CO_FN MUST_USE;
/** Reads pieces into their image: *ret_len bytes into `ret`, room for `cap`. `without`: a record
 * that is left out, its place is left as it was (NULL: none). OC_ECARD_SW: the card has not all of
 * them. OC_ECARD_DATA: a record is not what its piece says. Errors of transmit_co(). */
struct ident_image {
    const struct profile_piece *pieces;
    size_t count;
    const struct profile_piece *without;
};
int ident_co_image(struct card_session *s, const struct ident_image *i, uint8_t *ret, size_t cap,
                   size_t *ret_len) CO_FN MUST_USE;
/** What tells who the card is, by the profile: file 0015 or the image of its pieces. The same
 * errors. */
int ident_co_raw(struct card_session *s, const struct card_profile *p,
                 uint8_t ret[PROFILE_IDENTITY_MAX], size_t *ret_len) CO_FN MUST_USE;
/** The last `len` historical bytes of the ATR. OC_ECARD_DATA: there are not so many. */
int ident_historical(const struct card_session *s, size_t len, uint8_t *ret) MUST_USE;
/** Sends a command under secure messaging: a fresh challenge, MAC by the newest key of that purpose,
 * by the maintenance key where the custody has none. Once. OC_ESTATE, OC_ENOKEY (nothing was sent),
 * OC_ECARD_SW, errors of transmit_co(). */
int ident_co_send_authorised(struct card_session *s, struct custody *c, enum key_purpose purpose,
                             struct apdu *cmd) CO_FN MUST_USE;

#endif
