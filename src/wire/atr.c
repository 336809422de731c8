/* ATR: TS T0 {TA TB TC TD}… historical bytes [TCK]. Invariant while reading: the cursor of the
 * buffer never passes the end (sticky error), so one look at the end suffices. */
#include "wire/atr.h"

#include "base/base.h"
#include <string.h>

static const uint8_t storage_id[] = {0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06};

/** Reads the interface bytes that `y` announces and those they announce in turn; fills the TD bytes
 * met. */
static unsigned read_interface(struct buf *b, uint8_t t0, struct atr *a, uint8_t td[2])
{
    unsigned y = t0 >> 4, count = 0;
    for (unsigned i = 1; y && !b->err; i++) {
        if (y & 1) {
            uint8_t ta = buf_get_u8(b);
            if (i == 1)
                a->ta1 = ta;
        }
        if (y & 2)
            (void)buf_get_u8(b);
        if (y & 4)
            (void)buf_get_u8(b);
        if (!(y & 8))
            break;
        uint8_t t = buf_get_u8(b);
        if (count < 2)
            td[count] = t;
        count++;
        if ((t & 0x0F) != 15) /* T=15 is no protocol: global interface bytes follow */
            a->protocols |= (uint16_t)(1u << (t & 0x0F));
        else
            a->has_tck = true;
        y = t >> 4;
    }
    return count;
}

static void find_kind(struct atr *a, const uint8_t *bytes, unsigned td_count, const uint8_t td[2])
{
    if (bytes[0] != 0x3B || (bytes[1] & 0xF0) != 0x80 || td_count != 2 || td[0] != 0x80 ||
        td[1] != 0x01)
        return;
    a->kind = ATR_CONTACTLESS;
    if (a->historical_len == 15 && memcmp(a->historical, storage_id, sizeof storage_id) == 0) {
        a->kind = ATR_STORAGE;
        a->storage_standard = a->historical[8];
        a->storage_name = be16(a->historical + 9);
    }
}

static bool tck_right(const uint8_t *bytes, size_t len)
{
    uint8_t x = 0;
    for (size_t i = 1; i < len; i++)
        x ^= bytes[i];
    return x == 0;
}

int atr_parse(const uint8_t *bytes, size_t len, struct atr *ret)
{
    struct atr a = {.ta1 = 0x11};
    uint8_t td[2] = {0};
    struct buf b;
    if (len < 2 || len > ATR_MAX || (bytes[0] != 0x3B && bytes[0] != 0x3F))
        return OC_EPARSE;
    buf_from(&b, bytes, len);
    a.inverse = buf_get_u8(&b) == 0x3F;
    uint8_t t0 = buf_get_u8(&b);
    unsigned td_count = read_interface(&b, t0, &a, td);
    a.historical_len = t0 & 0x0F;
    buf_get(&b, a.historical, a.historical_len);
    if (a.protocols == 0)
        a.protocols = 1;
    /* TCK stands whenever anything but T=0 was named (ISO 7816-3 §8.2.5). */
    a.has_tck = a.has_tck || a.protocols != 1;
    if (a.has_tck)
        (void)buf_get_u8(&b);
    if (b.err || buf_left(&b) != 0 || (a.has_tck && !tck_right(bytes, len)))
        return OC_EPARSE;
    find_kind(&a, bytes, td_count, td);
    *ret = a;
    return 0;
}
