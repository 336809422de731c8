/* File 0015 by the profile: who the card is, how its keys are derived, and what a new one says. */
#include "card/profile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static void read_number(const struct profile_identity_file *f, const uint8_t *bytes,
                        char out[CARD_NUMBER_TEXT])
{
    char digits[2 * PROFILE_IDENTITY_MAX + 1] = {0};

    if (f->number_ascii)
        memcpy(digits, bytes + f->number.offset, f->number.length);
    else
        (void)hex_encode(bytes + f->number.offset, f->number.length, digits);
    const char *from = digits + f->number_skip;
    size_t len = strlen(from);
    for (size_t i = 0; i < len;
         i++) { /* a card may say anything; this goes into texts and tables */
        if (!isalnum((unsigned char)from[i]))
            digits[f->number_skip + i] = '?';
    }
    CHECK(len < CARD_NUMBER_TEXT); /* checked when the profile was loaded */
    memcpy(out, from, len + 1);
}

static void read_category(const struct profile_identity_file *f, const uint8_t *bytes,
                          struct card_identity *id)
{
    id->category = "";
    if (f->category.length == 0)
        return;
    (void)hex_encode(bytes + f->category.offset, f->category.length, id->category_code);
    for (size_t i = 0; i < f->categories.count; i++) {
        if (strcasecmp(f->categories.items[i].key, id->category_code) == 0)
            id->category = f->categories.items[i].value;
    }
    if (f->category_until >= 0)
        id->category_until = date_from_bcd(bytes + f->category_until);
}

int profile_identity(const struct card_profile *p, const uint8_t *bytes, size_t len,
                     struct card_identity *ret_identity)
{
    const struct profile_identity_file *f = &p->identity;
    struct card_identity id = {0};

    if (len < f->min_len || len > f->max_len)
        return OC_ECARD_DATA;
    memcpy(id.issuer, bytes + f->issuer.offset, OC_ISSUER_LEN);
    memcpy(id.serial, bytes + f->serial.offset, OC_SERIAL_LEN);
    read_number(f, bytes, id.number);
    id.app_flag = f->app_flag < 0 ? 0 : bytes[f->app_flag];
    id.enabled =
        f->app_flag < 0 || memchr(f->app_enabled.bytes, id.app_flag, f->app_enabled.len) != NULL;
    id.version = bytes[f->version];
    id.start = date_from_bcd(bytes + f->start);
    id.expiry = date_from_bcd(bytes + f->expiry);
    read_category(f, bytes, &id);
    memcpy(id.raw, bytes, len);
    id.raw_len = (uint8_t)len;
    *ret_identity = id;
    return 0;
}

static bool inside(const struct profile_slice *s, const struct profile_slice *of)
{
    return s->offset >= of->offset && s->offset + s->length <= of->offset + of->length;
}

int profile_identity_known(const struct card_profile *p, const uint8_t issuer[OC_ISSUER_LEN],
                           const uint8_t serial[OC_SERIAL_LEN], struct card_identity *ret_identity)
{
    const struct profile_identity_file *f = &p->identity;
    uint8_t file[PROFILE_IDENTITY_MAX] = {0};

    for (size_t i = 0; i < p->keys.levels; i++) {
        const struct profile_slice *s = &p->keys.factors[i].from;
        if (!inside(s, &f->issuer) && !inside(s, &f->serial))
            return OC_EPROFILE;
    }
    memcpy(file + f->issuer.offset, issuer, OC_ISSUER_LEN);
    memcpy(file + f->serial.offset, serial, OC_SERIAL_LEN);
    return profile_identity(p, file, f->max_len, ret_identity);
}

static void put_text_digits(struct buf *b, const uint8_t *bytes, size_t len)
{
    char digits[2 * 8 + 1];

    CHECK(len <= 4); /* a factor has 8 bytes: checked when the profile was loaded */
    (void)hex_encode(bytes, len, digits);
    buf_put(b, digits, 2 * len);
}

unsigned profile_factors(const struct card_profile *p, const struct card_identity *id,
                         uint8_t ret_factors[PROFILE_LEVELS_MAX][8])
{
    for (size_t i = 0; i < p->keys.levels; i++) {
        const struct profile_factor *f = &p->keys.factors[i];
        struct buf b;
        buf_over(&b, ret_factors[i], 8);
        buf_put(&b, f->prefix.bytes, f->prefix.len);
        if (f->digits)
            put_text_digits(&b, id->raw + f->from.offset, f->from.length);
        else
            buf_put(&b, id->raw + f->from.offset, f->from.length);
        buf_put(&b, f->suffix.bytes, f->suffix.len);
        CHECK(!b.err && b.len == 8); /* checked when the profile was loaded */
    }
    return (unsigned)p->keys.levels;
}

static void put_date(date_t d, uint8_t *out)
{
    for (int i = 3; i >= 0; i--) {
        out[i] = (uint8_t)(d / 10 % 10 << 4 | d % 10);
        d /= 100;
    }
}

static date_t years_later(date_t d, int years)
{
    date_t later = d + years * 10000;

    return date_valid(later) ? later : later - 1; /* 29 February */
}

static int lay_category(const struct card_profile *p, const struct card_identity *from,
                        uint8_t *file)
{
    const struct profile_identity_file *f = &p->identity;

    if (!from->category || !*from->category)
        return 0;
    for (size_t i = 0; i < f->categories.count; i++) {
        if (strcmp(f->categories.items[i].value, from->category) == 0)
            return hex_decode(f->categories.items[i].key, file + f->category.offset,
                              f->category.length);
    }
    return OC_EINVAL;
}

/* A number that is text is the end of the serial number. */
static void lay_number(const struct profile_identity_file *f, const uint8_t *serial, uint8_t *file)
{
    char digits[2 * OC_SERIAL_LEN + 1];
    size_t len = f->number.length < 2 * OC_SERIAL_LEN ? f->number.length : 2 * OC_SERIAL_LEN;

    if (!f->number_ascii)
        return;
    (void)hex_encode(serial, OC_SERIAL_LEN, digits);
    memcpy(file + f->number.offset, digits + 2 * OC_SERIAL_LEN - len, len);
}

int profile_identity_make(const struct card_profile *p, const struct card_identity *from,
                          uint8_t *ret, size_t *ret_len)
{
    const struct profile_identity_file *f = &p->identity;
    uint8_t file[PROFILE_IDENTITY_MAX] = {0};

    if (!p->personalise.present)
        return OC_EPROFILE;
    memcpy(file, p->personalise.identity.bytes, p->personalise.identity.len);
    memcpy(file + f->issuer.offset, from->issuer, OC_ISSUER_LEN);
    memcpy(file + f->serial.offset, from->serial, OC_SERIAL_LEN);
    lay_number(f, from->serial, file);
    date_t expiry = from->expiry || !from->start
                        ? from->expiry
                        : years_later(from->start, p->personalise.valid_years);
    if (from->start)
        put_date(from->start, file + f->start);
    if (expiry)
        put_date(expiry, file + f->expiry);
    int rc = lay_category(p, from, file);
    if (rc != 0)
        return rc;
    /* Where the category has a date of its own, it must not overwrite the card's last day. */
    if (f->category_until >= 0 && f->category_until != f->expiry && from->category_until)
        put_date(from->category_until, file + f->category_until);
    memcpy(ret, file, p->personalise.identity.len);
    *ret_len = p->personalise.identity.len;
    return 0;
}

fen_t profile_balance(const struct card_profile *p, uint32_t value, uint32_t used)
{
    value &= p->purse.balance_mask;
    used &= p->purse.balance_mask;
    if (p->purse.balance == PROFILE_BALANCE_TUNION && value == 0)
        return -(fen_t)used;
    return value;
}

bool profile_mac_refused(const struct card_profile *p, uint16_t sw)
{
    for (size_t i = 0; i < p->purse.refused_sw.count; i++) {
        if (be16(p->purse.refused_sw.items[i].bytes) == sw)
            return true;
    }
    return false;
}
