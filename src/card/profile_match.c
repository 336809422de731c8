/* Matching is pure: from what a card has shown to the profiles that nothing speaks against. */
#include "card/profile.h"

#include <ctype.h>
#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* -1: any */
}

bool profile_pattern(const char *pattern, const uint8_t *bytes, size_t len)
{
    size_t nibble = 0;

    for (; *pattern; pattern++) {
        if (*pattern == ' ')
            continue;
        if (nibble / 2 >= len)
            return false;
        int have = nibble % 2 ? bytes[nibble / 2] & 15 : bytes[nibble / 2] >> 4;
        int want = digit(*pattern);
        if (want >= 0 && want != have)
            return false;
        nibble++;
    }
    return true;
}

static bool same(struct conf_bytes a, const uint8_t *b, size_t len)
{
    return a.len == len && memcmp(a.bytes, b, len) == 0;
}

static bool has_aid(const struct card_profile *p, const uint8_t *aid, size_t len)
{
    for (size_t i = 0; i < p->match.aids.count; i++) {
        if (same(p->match.aids.items[i], aid, len))
            return true;
    }
    return false;
}

bool profile_fits(const struct card_profile *p, const struct card_evidence *e)
{
    /* Found by file id, the application's own name is whatever its issuer chose. */
    if (e->aid_len && p->match.adf == 0 && !has_aid(p, e->aid, e->aid_len))
        return false;
    if (e->historical_len && !profile_pattern(p->match.atr, e->historical, e->historical_len))
        return false;
    return !e->identity_len ||
           (e->identity_len >= p->identity.min_len && e->identity_len <= p->identity.max_len &&
            profile_pattern(p->match.identity, e->identity, e->identity_len));
}

const struct card_profile *profile_match(const struct profile_set *set,
                                         const struct card_evidence *e, size_t i)
{
    for (size_t k = 0; k < profile_count(set); k++) {
        const struct card_profile *p = profile_at(set, k);
        if (profile_fits(p, e) && i-- == 0)
            return p;
    }
    return NULL;
}

/* Whether a profile tried earlier, or an earlier place of this one, has the name already. */
static bool seen_before(const struct profile_set *set, const struct card_evidence *e, size_t k,
                        size_t a)
{
    struct conf_bytes name = profile_at(set, k)->match.aids.items[a];

    for (size_t x = 0; x < k; x++) {
        const struct card_profile *p = profile_at(set, x);
        if (profile_fits(p, e) && has_aid(p, name.bytes, name.len))
            return true;
    }
    for (size_t x = 0; x < a; x++) {
        if (same(profile_at(set, k)->match.aids.items[x], name.bytes, name.len))
            return true;
    }
    return false;
}

bool profile_next_aid(const struct profile_set *set, const struct card_evidence *e, size_t i,
                      struct conf_bytes *ret_aid)
{
    for (size_t k = 0; k < profile_count(set); k++) {
        const struct card_profile *p = profile_at(set, k);
        for (size_t a = 0; profile_fits(p, e) && a < p->match.aids.count; a++) {
            if (seen_before(set, e, k, a))
                continue;
            if (i-- == 0) {
                *ret_aid = p->match.aids.items[a];
                return true;
            }
        }
    }
    return false;
}
