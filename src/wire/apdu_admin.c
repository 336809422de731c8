/* Commands that change a card's files, keys and state (facts §1.1, §6.1; FMCOS dialect). */
#include "wire/apdu_admin.h"

#include "base/base.h"

static void make(struct apdu *ret, struct apdu_head head)
{
    int err = apdu_make(ret, head, NULL, 0, APDU_NO_LE);
    CHECK(err == 0);
}

static int make_data(struct apdu *ret, struct apdu_head head, const void *data, size_t len)
{
    if (len == 0)
        return OC_EINVAL;
    return apdu_make(ret, head, data, len, APDU_NO_LE);
}

void apdu_app_block(struct apdu *ret, bool permanent)
{
    make(ret, APDU_HEAD(0x84, 0x1E, 0x00, permanent ? 0x01 : 0x00));
}

void apdu_app_unblock(struct apdu *ret)
{
    make(ret, APDU_HEAD(0x84, 0x18, 0x00, 0x00));
}

int apdu_create_file(struct apdu *ret, uint16_t fid, const void *info, size_t len)
{
    return make_data(ret, APDU_HEAD(0x80, 0xE0, fid >> 8, fid & 0xFF), info, len);
}

int apdu_write_key(struct apdu *ret, uint8_t p1, uint8_t kid, const void *record, size_t len)
{
    return make_data(ret, APDU_HEAD(0x80, 0xD4, p1, kid), record, len);
}

int apdu_update_binary_sfi(struct apdu *ret, uint8_t sfi, uint8_t offset, const void *data,
                           size_t len)
{
    return make_data(ret, APDU_HEAD(0x00, 0xD6, 0x80 | (sfi & 0x1F), offset), data, len);
}

int apdu_update_binary(struct apdu *ret, uint16_t offset, const void *data, size_t len)
{
    return make_data(ret, APDU_HEAD(0x00, 0xD6, (offset >> 8) & 0x7F, offset & 0xFF), data, len);
}

int apdu_update_record(struct apdu *ret, uint8_t sfi, uint8_t record, const void *data, size_t len)
{
    return make_data(ret, APDU_HEAD(0x00, 0xDC, record, (sfi << 3) | 4), data, len);
}

int apdu_update_record_tag(struct apdu *ret, uint8_t sfi, uint8_t tag, const void *data, size_t len)
{
    return make_data(ret, APDU_HEAD(0x00, 0xDC, tag, sfi << 3), data, len);
}

int apdu_append_record(struct apdu *ret, uint8_t sfi, const void *data, size_t len)
{
    return make_data(ret, APDU_HEAD(0x00, 0xE2, 0x00, sfi << 3), data, len);
}

void apdu_erase_df(struct apdu *ret)
{
    make(ret, APDU_HEAD(0x80, 0x0E, 0x00, 0x00));
}
