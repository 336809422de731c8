/* The holder's PIN. Invariants: it is sent once, whatever comes back; no copy of it is left here;
 * nothing of it is logged or learned by scripts (VERIFY is not harmless, card/list.h). */
#include "card/ident_intern.h"

#include <string.h>

static void put_digit(const struct profile_pin *p, uint8_t *out, size_t i, uint8_t digit)
{
    if (p->form == PROFILE_PIN_ASCII)
        out[i] = digit;
    else if (i % 2 == 0)
        out[i / 2] = (uint8_t)((digit & 15) << 4 | 0x0F);
    else
        out[i / 2] = (uint8_t)((out[i / 2] & 0xF0) | (digit & 15));
}

/** The PIN as it is stored: as VERIFY has it, without filling. */
static int pin_plain(const struct profile_pin *p, struct bytes digits, uint8_t ret[6],
                     size_t *ret_len)
{
    int rc = profile_pin_bytes(p, digits.data, digits.len, ret, ret_len);
    if (!rc)
        *ret_len = p->form == PROFILE_PIN_ASCII ? digits.len : (digits.len + 1) / 2;
    return rc;
}

int profile_pin_bytes(const struct profile_pin *p, const uint8_t *digits, size_t len,
                      uint8_t ret[6], size_t *ret_len)
{
    if (!p->present)
        return OC_EPROFILE;
    size_t bytes = p->form == PROFILE_PIN_ASCII ? len : (len + 1) / 2;
    if (len < p->min || len > p->max || bytes > 6)
        return OC_EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return OC_EINVAL;
    }
    memset(ret, 0xFF, 6);
    for (size_t i = 0; i < len; i++)
        put_digit(p, ret, i, digits[i]);
    *ret_len = bytes < p->pad_to ? p->pad_to : bytes;
    return 0;
}

static int verdict(struct card_session *s, unsigned *ret_left)
{
    int left = sw_tries_left(s->sw);
    if (left >= 0) {
        *ret_left = (unsigned)left;
        return OC_EMAC;
    }
    switch (sw_class(s->sw)) {
    case SW_CLASS_LOCKED: /* 6983 */
        return OC_ESTATE;
    case SW_CLASS_NO_KEY:
    case SW_CLASS_NOT_FOUND:
        return OC_ENOKEY;
    default:
        return OC_ECARD_SW;
    }
}

int ident_co_verify_pin(struct card_session *s, const uint8_t *digits, size_t len,
                        unsigned *ret_left)
{
    struct apdu cmd;
    struct rapdu answer;
    uint8_t pin[6];
    size_t pin_len = 0;
    if (!s->profile)
        return OC_ESTATE;
    int rc = profile_pin_bytes(&s->profile->pin, digits, len, pin, &pin_len);
    if (!rc)
        rc = apdu_verify_pin(&cmd, s->profile->pin.kid, pin, pin_len);
    secret_wipe(pin, sizeof(pin));
    if (rc)
        return rc;
    rc = transmit_co_ok(s, &cmd, &answer);
    secret_wipe(&cmd, sizeof(cmd));
    return rc == OC_ECARD_SW ? verdict(s, ret_left) : rc;
}

int ident_co_change_pin(struct card_session *s, struct bytes old_pin, struct bytes new_pin,
                        unsigned *ret_left)
{
    struct apdu cmd;
    struct rapdu answer;
    uint8_t from[6], to[6];
    size_t from_len = 0, to_len = 0;
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_pin *p = &s->profile->pin;
    int rc = pin_plain(p, old_pin, from, &from_len);
    if (!rc)
        rc = pin_plain(p, new_pin, to, &to_len);
    if (!rc)
        rc = apdu_change_pin(&cmd, p->kid, from, from_len, to, to_len);
    secret_wipe(from, sizeof(from));
    secret_wipe(to, sizeof(to));
    if (rc)
        return rc;
    rc = transmit_co_ok(s, &cmd, &answer);
    secret_wipe(&cmd, sizeof(cmd));
    return rc == OC_ECARD_SW ? verdict(s, ret_left) : rc;
}

/** The new PIN under the card's unblock key, and the command with it. */
static int make_unblock(struct card_session *s, struct custody *c, struct bytes new_pin,
                        struct apdu *ret)
{
    struct custody_card card;
    struct buf b;
    uint8_t plain[6], cipher[32];
    size_t len = 0;
    buf_over(&b, cipher, sizeof(cipher));
    int rc = pin_plain(&s->profile->pin, new_pin, plain, &len);
    if (!rc)
        rc = card_custody_newest(c, KEY_PIN_UNBLOCK, s->profile, &s->identity, 0, &card);
    if (!rc)
        rc = custody_sm_encrypt(c, KEY_PIN_UNBLOCK, &card, (struct bytes){plain, len}, &b);
    if (!rc)
        rc = apdu_unblock_pin(ret, s->profile->pin.kid, b.data, b.len);
    secret_wipe(plain, sizeof(plain));
    return rc;
}

int ident_co_unblock_pin(struct card_session *s, struct custody *c, struct bytes new_pin)
{
    struct apdu cmd;
    unsigned left = 0;
    if (!s->profile || !s->identified)
        return OC_ESTATE;
    int rc = make_unblock(s, c, new_pin, &cmd);
    if (!rc)
        rc = ident_co_send_authorised(s, c, KEY_PIN_UNBLOCK, &cmd);
    if (rc != OC_ECARD_SW)
        return rc;
    rc = verdict(s, &left);
    return rc == OC_EMAC ? OC_ECARD_SW : rc;
}
