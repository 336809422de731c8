/* The journey record between texts and bytes, by the profile's layout. Encoding writes fields in
 * any order and the CRC last; decoding is its inverse and refuses what encoding could not have
 * written. */
#include "card/profile.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint16_t reflect(uint16_t v, unsigned bits)
{
    uint16_t r = 0;

    for (unsigned i = 0; i < bits; i++)
        r = (uint16_t)(r | (uint16_t)(((v >> i) & 1) << (bits - 1 - i)));
    return r;
}

uint16_t capp_crc16(const struct capp_crc *c, const uint8_t *bytes, size_t len)
{
    uint16_t crc = c->init;

    for (size_t i = 0; i < len; i++) {
        uint16_t byte = c->reflect ? reflect(bytes[i], 8) : bytes[i];
        crc = (uint16_t)(crc ^ (uint16_t)(byte << 8));
        for (int k = 0; k < 8; k++)
            crc = (uint16_t)(crc & 0x8000 ? (uint16_t)(crc << 1) ^ c->poly : crc << 1);
    }
    return (uint16_t)((c->reflect ? reflect(crc, 16) : crc) ^ c->xorout);
}

static int put_be(const char *text, uint8_t *out, size_t len)
{
    size_t digits = strlen(text);

    if (digits == 0 || strspn(text, "0123456789") != digits)
        return OC_EINVAL;
    if (digits > 18)
        return OC_ELIMIT;
    uint64_t v = strtoull(text, NULL, 10);
    if (len < 8 && v >> (8 * len))
        return OC_ELIMIT;
    for (size_t i = len; i > 0; i--) {
        out[i - 1] = (uint8_t)v;
        v >>= 8;
    }
    return 0;
}

/* Digits right-aligned after zeros; `bcd` takes decimal ones only. */
static int put_digits(const char *text, bool bcd, uint8_t *out, size_t len)
{
    char padded[2 * CAPP_RECORD_MAX + 1];
    size_t digits = strlen(text);

    if (strspn(text, bcd ? "0123456789" : "0123456789abcdefABCDEF") != digits)
        return OC_EINVAL;
    if (digits > 2 * len)
        return OC_ELIMIT;
    memset(padded, '0', 2 * len);
    memcpy(padded + 2 * len - digits, text, digits);
    padded[2 * len] = '\0';
    return hex_decode(padded, out, len);
}

static bool time_ok(const uint8_t t[3])
{
    return t[0] <= 0x23 && t[1] <= 0x59 && t[2] <= 0x59;
}

/* The parts of a date and time must be one: a clearing house refuses the rest. */
static bool moment_ok(enum capp_encoding e, const uint8_t *p)
{
    switch (e) {
    case CAPP_BCD_DATETIME:
        return date_from_bcd(p) != 0 && time_ok(p + 4);
    case CAPP_BCD_DATE:
        return date_from_bcd(p) != 0;
    case CAPP_BCD_TIME:
        return time_ok(p);
    default:
        return true;
    }
}

static int put_moment(const struct capp_field *f, const char *text, uint8_t *out)
{
    if (strlen(text) != 2 * (size_t)f->length || put_digits(text, true, out, f->length) != 0)
        return OC_EINVAL;
    return moment_ok(f->encoding, out) ? 0 : OC_EINVAL;
}

static int put_ascii(const char *text, uint8_t *out, size_t len)
{
    size_t have = strlen(text);

    if (have > len)
        return OC_ELIMIT;
    for (size_t i = 0; i < have; i++) {
        if (!isprint((unsigned char)text[i]))
            return OC_EINVAL;
    }
    memset(out, 0, len);
    memcpy(out, text, have);
    return 0;
}

static int put_field(const struct capp_field *f, const char *text, uint8_t *out)
{
    switch (f->encoding) {
    case CAPP_BE:
        return put_be(text, out, f->length);
    case CAPP_BCD:
    case CAPP_HEX:
        return put_digits(text, f->encoding == CAPP_BCD, out, f->length);
    case CAPP_ASCII:
        return put_ascii(text, out, f->length);
    case CAPP_BCD_DATETIME:
    case CAPP_BCD_DATE:
    case CAPP_BCD_TIME:
        return put_moment(f, text, out);
    default:
        return 0; /* constants stay, the CRC comes last */
    }
}

static void crc_bytes(const struct profile_capp *c, const struct capp_field *f,
                      const uint8_t *record, uint8_t out[2])
{
    uint16_t crc = capp_crc16(&c->crc, record + c->crc.from, (size_t)f->offset - c->crc.from);

    put_be16(out, c->crc.little ? (uint16_t)(crc << 8 | crc >> 8) : crc);
}

static void put_crcs(const struct profile_capp *c, uint8_t *record)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (c->fields[i].encoding == CAPP_CRC16)
            crc_bytes(c, &c->fields[i], record, record + c->fields[i].offset);
    }
}

int profile_capp_encode(const struct card_profile *p, const struct capp_values *v, uint8_t *ret)
{
    const struct profile_capp *c = &p->capp;
    uint8_t record[CAPP_RECORD_MAX] = {0};

    if (!c->present)
        return OC_EPROFILE;
    if (v->err)
        return OC_EINVAL;
    if (c->head.len)
        memcpy(record, c->head.bytes, c->head.len);
    for (size_t i = 0; i < c->field_count; i++) {
        const struct capp_field *f = &c->fields[i];
        const char *text = capp_get(v, f->name);
        if (f->dflt.len)
            memcpy(record + f->offset, f->dflt.bytes, f->length);
        int rc = text ? put_field(f, text, record + f->offset) : 0;
        if (rc != 0)
            return rc;
    }
    put_crcs(c, record);
    memcpy(ret, record, c->length);
    return 0;
}

static int get_be(struct capp_values *v, const struct capp_field *f, const uint8_t *p)
{
    uint64_t n = 0;

    for (size_t i = 0; i < f->length; i++)
        n = n << 8 | p[i];
    capp_put_number(v, f->name, (int64_t)n);
    return 0;
}

static bool all_zero(const uint8_t *p, size_t len)
{
    while (len && *p == 0) {
        p++;
        len--;
    }
    return len == 0;
}

/* A field of zeros is one that was never written: an empty card's record is full of them. */
static int get_digits(struct capp_values *v, const struct capp_field *f, const uint8_t *p)
{
    char text[2 * CAPP_RECORD_MAX + 1];

    (void)hex_encode(p, f->length, text);
    if (f->encoding != CAPP_HEX && strspn(text, "0123456789") != 2 * (size_t)f->length)
        return OC_ECARD_DATA;
    if (!all_zero(p, f->length) && !moment_ok(f->encoding, p))
        return OC_ECARD_DATA;
    capp_put(v, f->name, text);
    return 0;
}

static int get_ascii(struct capp_values *v, const struct capp_field *f, const uint8_t *p)
{
    char text[CAPP_VALUE_TEXT] = {0};
    size_t len = strnlen((const char *)p, f->length);

    if (!all_zero(p + len, f->length - len))
        return OC_ECARD_DATA;
    for (size_t i = 0; i < len; i++) {
        if (!isprint(p[i]))
            return OC_ECARD_DATA;
    }
    memcpy(text, p, len);
    capp_put(v, f->name, text);
    return 0;
}

static int get_field(const struct profile_capp *c, const struct capp_field *f,
                     const uint8_t *record, struct capp_values *v)
{
    const uint8_t *p = record + f->offset;
    uint8_t crc[2];

    switch (f->encoding) {
    case CAPP_CONST:
        return memcmp(p, f->dflt.bytes, f->length) == 0 ? 0 : OC_ECARD_DATA;
    case CAPP_CRC16:
        crc_bytes(c, f, record, crc);
        return memcmp(p, crc, 2) == 0 ? 0 : OC_ECARD_DATA;
    case CAPP_BE:
        return get_be(v, f, p);
    case CAPP_ASCII:
        return get_ascii(v, f, p);
    default:
        return get_digits(v, f, p);
    }
}

int profile_capp_decode(const struct card_profile *p, const uint8_t *record, size_t len,
                        struct capp_values *ret)
{
    const struct profile_capp *c = &p->capp;
    struct capp_values v;

    if (!c->present)
        return OC_EPROFILE;
    if (len != c->length || (c->head.len && memcmp(record, c->head.bytes, c->head.len) != 0))
        return OC_ECARD_DATA;
    if (all_zero(record + c->head.len, len - c->head.len))
        return OC_ENOENT;
    capp_values_init(&v);
    for (size_t i = 0; i < c->field_count; i++) {
        int rc = get_field(c, &c->fields[i], record, &v);
        if (rc != 0)
            return rc;
    }
    if (v.err)
        return OC_ECARD_DATA;
    *ret = v;
    return 0;
}
