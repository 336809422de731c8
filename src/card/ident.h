/* Who a card is (R9): selection by profile, file 0015, the holder's file, and the proofs that go
 * both ways. Matching is pure and tries profiles in order; only the application that was found is
 * read. */
#ifndef CARD_IDENT_H
#define CARD_IDENT_H

#include "card/session.h"
#include "card/transmit.h"
#include "crypto/crypto.h"

/** Selects the application, reads file 0015, chooses the profile: s->profile, s->identity,
 * s->locked, *ret (may be NULL). Selecting again is allowed: it resets the application's security
 * state. OC_EPROFILE: no profile fits. OC_ECARD_SW: s->sw says why; 6A81 with s->locked: the
 * application is blocked, and where the card still told who it is, s->profile, s->identified and
 * s->identity are set. OC_ECARD_DATA: file 0015 is malformed. Errors of transmit_co(). */
int card_co_select(struct card_session *s, const struct profile_set *set,
                   struct card_identity *ret) CO_FN MUST_USE;
/** Selects the application of the profile that is already known once more, as after a doubt on the
 * same card. The same errors; OC_EPROFILE also when another card answers than s->identity. */
int card_co_reselect(struct card_session *s) CO_FN MUST_USE;
/** Changes to another profile of the same card (the one the ledger has registered). OC_EPROFILE: it
 * does not fit what the card has shown. OC_ESTATE: not identified yet. Pure. */
int card_use_profile(struct card_session *s, const struct card_profile *profile) MUST_USE;

/** Names the card to the custody: factors and issuer by profile, key version and algorithm as
 * INITIALIZE or a slot says. */
void card_custody(const struct card_profile *p, const struct card_identity *id, uint8_t key_version,
                  uint8_t alg, struct custody_card *ret);
/** The newest key of a purpose that the custody has for this card (the card's own issuer before
 * "all issuers"), skipping `skip` of them: fills ret->key_version and alg too. OC_ENOKEY. */
int card_custody_newest(struct custody *c, enum key_purpose purpose, const struct card_profile *p,
                        const struct card_identity *id, unsigned skip,
                        struct custody_card *ret) MUST_USE;

/** INTERNAL AUTHENTICATE with a fresh challenge, verified under each key version the custody has,
 * newest first. 0: genuine. OC_EMAC: not genuine. OC_ENOKEY: we have no key (profile: if_key → the
 * caller goes on). OC_EPROFILE: the profile says never. OC_ECARD_SW: the card refused, as one
 * without such a key does. */
int ident_co_internal_auth(struct card_session *s, struct custody *c,
                           const struct rng *rng) CO_FN MUST_USE;
/** EXTERNAL AUTHENTICATE in the application with the profile's key id and KEY_EXTERNAL. 0;
 * OC_ENOKEY; OC_EPROFILE: never; OC_ECARD_SW: 63Cx and fewer tries left, 6983 blocked: never repeat
 * it blindly. */
int ident_co_external_auth(struct card_session *s, struct custody *c) CO_FN MUST_USE;
/** File 0016. OC_ENOENT: the profile has none or it wants a PIN, or the card keeps it shut.
 * OC_ECARD_DATA. */
int ident_co_holder(struct card_session *s, struct ep_holder *ret) CO_FN MUST_USE;

/** VERIFY with the profile's key id and form: `digits` as typed, `len` of them; they are the
 * caller's to wipe, what is made of them here is wiped. 0: right. OC_EINVAL: not digits, or not as
 * many as the profile takes; nothing was sent. OC_EPROFILE: this kind of card has no PIN. OC_EMAC:
 * wrong, *ret_left tries are left (0: blocked now). OC_ESTATE: blocked before. OC_ENOKEY: this card
 * has none. OC_ECARD_SW. Never repeated: a wrong try counts on the card. */
int ident_co_verify_pin(struct card_session *s, const uint8_t *digits, size_t len,
                        unsigned *ret_left) CO_FN MUST_USE;
/** CHANGE PIN: the chip takes the new PIN where the old one is right. Both as typed, the caller's to
 * wipe. 0; as ident_co_verify_pin(): a wrong old one costs a try, and nothing is repeated; OC_EINVAL:
 * one of them is none that the profile takes, nothing was sent. OC_ECARD_LOST: either may hold. */
int ident_co_change_pin(struct card_session *s, struct bytes old_pin, struct bytes new_pin,
                        unsigned *ret_left) CO_FN MUST_USE;
/** PIN UNBLOCK under KEY_PIN_UNBLOCK: the chip takes that PIN, and has all its tries again (facts
 * §1.1). 0; OC_EINVAL, OC_EPROFILE, OC_ENOKEY (nothing was sent; or the card has no such key);
 * OC_ESTATE: the unblock key itself is blocked; OC_ECARD_SW: 6988, our MAC is wrong: it cost that key
 * a try, never repeat it blindly; OC_ECARD_LOST. */
int ident_co_unblock_pin(struct card_session *s, struct custody *c,
                         struct bytes new_pin) CO_FN MUST_USE;
/** The bytes of VERIFY for these digits: at most 6 into `ret`. OC_EINVAL, OC_EPROFILE. Pure. */
int profile_pin_bytes(const struct profile_pin *p, const uint8_t *digits, size_t len,
                      uint8_t ret[6], size_t *ret_len) MUST_USE;

/** APPLICATION BLOCK (temporary, or for ever), authorised by KEY_LOCK where the custody has it and
 * the card takes it, else KEY_MAINTENANCE. 0; OC_ENOKEY; OC_ECARD_SW (6988: our MAC is wrong);
 * OC_ECARD_LOST. The application answers 6A81 from the next SELECT on. */
int ident_co_block(struct card_session *s, struct custody *c, bool permanent) CO_FN MUST_USE;
/** APPLICATION UNBLOCK by KEY_UNLOCK, else KEY_MAINTENANCE. Three wrong MACs lock the application
 * for ever (9303): never repeat it blindly. */
int ident_co_unblock(struct card_session *s, struct custody *c) CO_FN MUST_USE;

#endif
