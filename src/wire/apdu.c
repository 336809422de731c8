/* The frame of short APDUs: building, taking apart, Le, and the shape that secure messaging gives a
 * command. Invariant: a->len is 4, 5, 5+Lc or 6+Lc, and bytes[4] says which. */
#include "wire/apdu.h"

#include "base/base.h"
#include <string.h>

enum { HEAD_LEN = 4, SM_MAC_LEN = 4 };

int apdu_make(struct apdu *ret, struct apdu_head head, const void *data, size_t lc, int le)
{
    if (lc > APDU_DATA_MAX || le < APDU_NO_LE || le > 256)
        return OC_EINVAL;
    struct apdu a = {.bytes = {head.cla, head.ins, head.p1, head.p2}, .len = HEAD_LEN};
    if (lc) {
        a.bytes[a.len++] = (uint8_t)lc;
        memcpy(a.bytes + a.len, data, lc);
        a.len += lc;
    }
    if (le >= 0)
        a.bytes[a.len++] = (uint8_t)le;
    *ret = a;
    return 0;
}

int apdu_parse(const uint8_t *bytes, size_t len, struct apdu_view *ret)
{
    if (len < HEAD_LEN || len > APDU_MAX)
        return OC_EPARSE;
    struct apdu_view v = {.head = {bytes[0], bytes[1], bytes[2], bytes[3]}, .le = APDU_NO_LE};
    if (len > HEAD_LEN + 1) {
        v.lc = bytes[4];
        /* Lc 00 followed by more would be an extended length. */
        if (v.lc == 0 || (len != 5 + v.lc && len != 6 + v.lc))
            return OC_EPARSE;
        v.data = bytes + 5;
    }
    if (len == HEAD_LEN + 1 || (v.lc && len == 6 + v.lc))
        v.le = bytes[len - 1] ? bytes[len - 1] : 256;
    *ret = v;
    return 0;
}

int apdu_answer_split(const uint8_t *bytes, size_t len, struct apdu_answer *ret)
{
    if (len < 2 || len > APDU_ANSWER_MAX)
        return OC_ECARD_DATA;
    *ret = (struct apdu_answer){.data = bytes, .len = len - 2, .sw = be16(bytes + len - 2)};
    return 0;
}

/** Where a command's Le stands or would stand. */
static size_t le_at(const struct apdu *a)
{
    return a->len <= HEAD_LEN + 1 ? HEAD_LEN : 5u + a->bytes[4];
}

void apdu_set_le(struct apdu *a, int le)
{
    CHECK(a->len >= HEAD_LEN && a->len <= APDU_MAX);
    a->len = le_at(a);
    if (le != APDU_NO_LE)
        a->bytes[a->len++] = (uint8_t)le;
}

int apdu_sm_open(struct apdu *a)
{
    size_t end = le_at(a);
    size_t lc = end > HEAD_LEN ? a->bytes[4] : 0;
    if (lc + SM_MAC_LEN > APDU_DATA_MAX)
        return OC_EINVAL;
    a->bytes[0] = (uint8_t)((a->bytes[0] & 0xF0) | 0x04);
    a->bytes[4] = (uint8_t)(lc + SM_MAC_LEN);
    a->len = 5 + lc;
    return 0;
}

void apdu_sm_close(struct apdu *a, const uint8_t mac[4], int le)
{
    CHECK(a->len + SM_MAC_LEN == 5u + a->bytes[4]);
    memcpy(a->bytes + a->len, mac, SM_MAC_LEN);
    a->len += SM_MAC_LEN;
    if (le != APDU_NO_LE)
        a->bytes[a->len++] = (uint8_t)le;
}
