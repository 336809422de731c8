/* An application's slot on the chip: reading what it says of the holder, and writing the issuer's
 * word over it under secure messaging (facts §4.4). Which word is right is not known here. */
#ifndef CARD_SLOT_H
#define CARD_SLOT_H

#include "card/session.h"
#include "card/transmit.h"
#include "crypto/crypto.h"

/** The slot's record as it lies on the chip. */
enum slot_record {
    SLOT_RECORD_NONE, /* the profile has no place for one */
    SLOT_RECORD_ABSENT /* a place, and no record there yet: it can be appended */,
    SLOT_RECORD_THERE,  /* zeros, or laid out as the profile says */
    SLOT_RECORD_STRANGE /* another system's: never written */
};
struct slot_chip {
    enum slot_record record;
    uint8_t bytes[PROFILE_SLOT_RECORD_MAX]; /* of a record that is THERE */
    struct slot_word word;                  /* … what it says; empty where it was never written */
};
/** What the chip shall say: the record in full, the code in file 0015 while `in_force`. */
struct slot_want {
    struct slot_word word;
    bool in_force; /* today lies within its days */
};

/** Reads the slot's record, and file 0015 anew where the slot stands there too (s->identity). 0;
 * OC_EPROFILE: no profile yet; OC_ECARD_SW; errors of transmit_co(). Moves nothing. */
int slot_co_read(struct card_session *s, const struct profile_slot *slot,
                 struct slot_chip *ret) CO_FN MUST_USE;
/** Does the chip, as read last, say it? Pure. A category that this profile has no code for is never
 * said. */
bool slot_says(const struct card_session *s, const struct profile_slot *slot,
               const struct slot_chip *chip, const struct slot_want *want);
/** Can such a word be written there? OC_EINVAL: the profile has no code for the category;
 * OC_EEXIST: the record is another system's; OC_ENOKEY: no maintenance key for this card. Pure. */
int slot_may(const struct card_session *s, struct custody *c, const struct profile_slot *slot,
             const struct slot_chip *chip, const struct slot_want *want) MUST_USE;
/** Writes what differs: first the record (UPDATE RECORD by its tag 04 DC, or APPEND RECORD 04 E2),
 * then the code in file 0015 (UPDATE BINARY 04 D6), each with the MAC of KEY_MAINTENANCE. The
 * record names its category, so in between the two contradict each other and a gate that knows both
 * grants nothing. Nothing is repeated: a wrong MAC costs the card's key a try. 0; as slot_may();
 * OC_ECARD_SW (6982, 6987, 6988: our MAC is wrong; 9303: the application is locked now);
 * OC_ECARD_LOST: read it back; errors of transmit_co(). */
int slot_co_write(struct card_session *s, struct custody *c, const struct profile_slot *slot,
                  const struct slot_chip *chip, const struct slot_want *want) CO_FN MUST_USE;

#endif
