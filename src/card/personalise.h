/* Issuing: makes a blank FMCOS-style card a card of a profile (facts §4.4, §6.1; docs/CARD.md tells
 * the dialogue). Keys come from the custody, go onto the card diversified, and are wiped.
 *
 * Restartable: the transport key stays in force until everything else is written, so a card torn in
 * the middle answers to it and is erased and written again. The last command replaces it by the
 * card's main key; a card that no longer takes the transport key is never touched. */
#ifndef CARD_PERSONALISE_H
#define CARD_PERSONALISE_H

#include "card/session.h"
#include "card/transmit.h"
#include "crypto/crypto.h"

struct personalise_data {
    uint8_t issuer[OC_ISSUER_LEN];
    uint8_t serial[OC_SERIAL_LEN];
    date_t start;                   /* first day */
    date_t expiry;                  /* last day; 0: start + the profile's years */
    const char *category;           /* a name of the profile's, or "" or NULL */
    date_t category_until;          /* 0: none */
    const struct ep_holder *holder; /* NULL: file 0016 stays empty */
    struct bytes pin; /* digits of the holder's first PIN, where the profile has one; else empty */
};

/** Personalises the card of the session. ret (may be NULL): who it is now. On success the session
 * stands in the new application: s->profile and s->identity are set. OC_ESTATE: not a blank card
 * and not one left unfinished by us; nothing was changed. OC_EPROFILE: the profile cannot.
 *  OC_ENOKEY: a key of the profile's list is missing (the log names it); asked before the card is
 * touched. OC_EINVAL: no such category, or a PIN that the profile does not take. OC_ECARD_SW: the card refused a step (logged by name;
 * s->sw). Errors of transmit_co(). */
int personalise_co(struct card_session *s, const struct card_profile *profile, struct custody *c,
                   const struct personalise_data *data, struct card_identity *ret) CO_FN MUST_USE;

#endif
