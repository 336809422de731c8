/* Slots on the chip. Invariants: a record that is not laid out as the profile says is never
 * written; no command is sent whose MAC could not be made by a key of this card; nothing is sent
 * twice. */
#include "card/slot.h"

#include "card/ident_intern.h"

#include <string.h>

#define NO_RECORD 0x6A83 /* the file is there, the record is not yet */

static CO_FN int read_record(struct card_session *s, const struct profile_slot *slot,
                             struct slot_chip *chip)
{
    struct apdu cmd;
    struct rapdu answer;
    apdu_read_record_p2(&cmd, slot->tag, (uint8_t)(slot->sfi << 3), slot->length);
    int rc = transmit_co_ok(s, &cmd, &answer);
    if (rc == OC_ECARD_SW && sw_class(s->sw) == SW_CLASS_NOT_FOUND) {
        chip->record = s->sw == NO_RECORD ? SLOT_RECORD_ABSENT : SLOT_RECORD_NONE;
        return 0;
    }
    if (rc)
        return rc;
    rc = profile_slot_decode(s->profile, slot, answer.data, answer.len, &chip->word);
    chip->record = rc == 0 || rc == OC_ENOENT ? SLOT_RECORD_THERE : SLOT_RECORD_STRANGE;
    if (chip->record == SLOT_RECORD_THERE)
        memcpy(chip->bytes, answer.data, answer.len);
    return 0;
}

static CO_FN int read_identity(struct card_session *s)
{
    struct card_identity id;
    uint8_t raw[PROFILE_IDENTITY_MAX];
    size_t len = 0;
    int rc = ident_co_raw(s, s->profile, raw, &len);
    if (!rc)
        rc = profile_identity(s->profile, raw, len, &id);
    if (!rc)
        s->identity = id;
    return rc;
}

int slot_co_read(struct card_session *s, const struct profile_slot *slot, struct slot_chip *ret)
{
    struct slot_chip chip = {.record = SLOT_RECORD_NONE};
    if (!s->profile || !s->identified)
        return OC_EPROFILE;
    int rc = slot->sfi ? read_record(s, slot, &chip) : 0;
    if (!rc && slot->in_identity)
        rc = read_identity(s);
    if (!rc)
        *ret = chip;
    return rc;
}

/** What the record shall be; false: it is not to be written. */
static bool record_of(const struct card_session *s, const struct profile_slot *slot,
                      const struct slot_chip *chip, const struct slot_want *want,
                      uint8_t ret[PROFILE_SLOT_RECORD_MAX])
{
    static const struct slot_chip none;
    if (chip->record == SLOT_RECORD_NONE || profile_slot_encode(s->profile, slot, &want->word, ret))
        return false;
    const uint8_t *now = chip->record == SLOT_RECORD_THERE ? chip->bytes : none.bytes;
    return memcmp(ret + 2, now + 2, slot->length - 2U) != 0;
}

/** What the code in file 0015 shall be; false: it is that, or has no place there. */
static bool code_of(const struct card_session *s, const struct profile_slot *slot,
                    const struct slot_want *want, uint8_t ret[4], size_t *ret_len)
{
    const char *category = want->in_force ? want->word.category : "";
    struct profile_slice at = s->profile->identity.category;
    if (!slot->in_identity || profile_slot_code(s->profile, slot, category, ret, ret_len))
        return false;
    /* A card that says nothing we know says nothing. */
    if (!*category && !*s->identity.category)
        return false;
    return memcmp(ret, s->identity.raw + at.offset, at.length) != 0;
}

bool slot_says(const struct card_session *s, const struct profile_slot *slot,
               const struct slot_chip *chip, const struct slot_want *want)
{
    uint8_t record[PROFILE_SLOT_RECORD_MAX], code[4];
    size_t len = 0;
    if (profile_slot_code(s->profile, slot, want->word.category, code, &len))
        return false;
    return !record_of(s, slot, chip, want, record) && !code_of(s, slot, want, code, &len);
}

int slot_may(const struct card_session *s, struct custody *c, const struct profile_slot *slot,
             const struct slot_chip *chip, const struct slot_want *want)
{
    struct custody_card card;
    uint8_t code[4];
    size_t len = 0;
    int rc = profile_slot_code(s->profile, slot, want->word.category, code, &len);
    if (!rc && chip->record == SLOT_RECORD_STRANGE)
        rc = OC_EEXIST;
    if (!rc)
        rc = card_custody_newest(c, KEY_MAINTENANCE, s->profile, &s->identity, 0, &card);
    return rc;
}

static CO_FN int write_record(struct card_session *s, struct custody *c,
                              const struct profile_slot *slot, const struct slot_chip *chip,
                              const uint8_t *record)
{
    struct apdu cmd;
    int rc = chip->record == SLOT_RECORD_ABSENT
                 ? apdu_append_record(&cmd, slot->sfi, record, slot->length)
                 : apdu_update_record_tag(&cmd, slot->sfi, slot->tag, record, slot->length);
    return rc ? rc : ident_co_send_authorised(s, c, KEY_MAINTENANCE, &cmd);
}

static CO_FN int write_code(struct card_session *s, struct custody *c, const uint8_t *code,
                            size_t len)
{
    const struct profile_identity_file *f = &s->profile->identity;
    struct apdu cmd;
    int rc = apdu_update_binary_sfi(&cmd, f->sfi, f->category.offset, code, len);
    return rc ? rc : ident_co_send_authorised(s, c, KEY_MAINTENANCE, &cmd);
}

int slot_co_write(struct card_session *s, struct custody *c, const struct profile_slot *slot,
                  const struct slot_chip *chip, const struct slot_want *want)
{
    uint8_t record[PROFILE_SLOT_RECORD_MAX], code[4];
    size_t len = 0;
    int rc = slot_may(s, c, slot, chip, want);
    if (!rc && record_of(s, slot, chip, want, record))
        rc = write_record(s, c, slot, chip, record);
    if (!rc && code_of(s, slot, want, code, &len))
        rc = write_code(s, c, code, len);
    return rc;
}
