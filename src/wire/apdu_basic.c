/* The ISO 7816-4 commands that every card knows (facts §1.1). */
#include "wire/apdu.h"

#include "base/base.h"
#include <string.h>

/** For commands whose lengths are right by construction. */
static void make(struct apdu *ret, struct apdu_head head, const void *data, size_t lc, int le)
{
    int err = apdu_make(ret, head, data, lc, le);
    CHECK(err == 0);
}

void apdu_get_response(struct apdu *ret, int le)
{
    make(ret, APDU_HEAD(0x00, 0xC0, 0, 0), NULL, 0, le);
}

void apdu_select_fid(struct apdu *ret, uint16_t fid)
{
    uint8_t data[2];
    put_be16(data, fid);
    make(ret, APDU_HEAD(0x00, 0xA4, 0x00, 0x00), data, sizeof data, 0);
}

int apdu_select_aid(struct apdu *ret, const void *aid, size_t len)
{
    if (len < 1 || len > 16)
        return OC_EINVAL;
    return apdu_make(ret, APDU_HEAD(0x00, 0xA4, 0x04, 0x00), aid, len, 0);
}

void apdu_read_binary_sfi(struct apdu *ret, uint8_t sfi, uint8_t offset, int le)
{
    make(ret, APDU_HEAD(0x00, 0xB0, 0x80 | (sfi & 0x1F), offset), NULL, 0, le);
}

void apdu_read_binary(struct apdu *ret, uint16_t offset, int le)
{
    make(ret, APDU_HEAD(0x00, 0xB0, (offset >> 8) & 0x7F, offset & 0xFF), NULL, 0, le);
}

void apdu_read_record(struct apdu *ret, uint8_t sfi, uint8_t record, int le)
{
    apdu_read_record_p2(ret, record, (uint8_t)((sfi << 3) | 4), le);
}

void apdu_read_record_p2(struct apdu *ret, uint8_t p1, uint8_t p2, int le)
{
    make(ret, APDU_HEAD(0x00, 0xB2, p1, p2), NULL, 0, le);
}

void apdu_get_challenge(struct apdu *ret, uint8_t len)
{
    make(ret, APDU_HEAD(0x00, 0x84, 0, 0), NULL, 0, len);
}

int apdu_external_auth(struct apdu *ret, uint8_t kid, const void *cryptogram, size_t len)
{
    if (len == 0)
        return OC_EINVAL;
    return apdu_make(ret, APDU_HEAD(0x00, 0x82, 0x00, kid), cryptogram, len, APDU_NO_LE);
}

int apdu_internal_auth(struct apdu *ret, uint8_t p1, uint8_t kid, const void *data, size_t len)
{
    if (len == 0)
        return OC_EINVAL;
    return apdu_make(ret, APDU_HEAD(0x00, 0x88, p1, kid), data, len, 0);
}

int apdu_change_pin(struct apdu *ret, uint8_t kid, const uint8_t *old_pin, size_t old_len,
                    const uint8_t *new_pin, size_t new_len)
{
    uint8_t data[6 + 1 + 6];
    if (old_len < 2 || old_len > 6 || new_len < 2 || new_len > 6)
        return OC_EINVAL;
    memcpy(data, old_pin, old_len);
    data[old_len] = 0xFF;
    memcpy(data + old_len + 1, new_pin, new_len);
    int err = apdu_make(ret, APDU_HEAD(0x80, 0x5E, 0x01, kid), data, old_len + 1 + new_len,
                        APDU_NO_LE);
    secret_wipe(data, sizeof(data));
    return err;
}

int apdu_unblock_pin(struct apdu *ret, uint8_t kid, const void *cipher, size_t len)
{
    if (len < 8 || len > 32)
        return OC_EINVAL;
    return apdu_make(ret, APDU_HEAD(0x84, 0x24, 0x00, kid), cipher, len, APDU_NO_LE);
}

int apdu_verify_pin(struct apdu *ret, uint8_t kid, const void *pin, size_t len)
{
    if (len < 2 || len > 6)
        return OC_EINVAL;
    return apdu_make(ret, APDU_HEAD(0x00, 0x20, 0x00, kid), pin, len, APDU_NO_LE);
}
