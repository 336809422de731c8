/* Matching is pure: from what a card has shown to the profiles that nothing speaks against. */
#include "card/profile_intern.h"

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

size_t profile_piece_offset(const struct profile_piece *pieces, size_t i)
{
    size_t at = 0;

    for (size_t k = 0; k < i; k++)
        at += (size_t)pieces[k].length + pieces[k].historical;
    return at;
}

bool profile_reads_alike(const struct card_profile *a, const struct card_profile *b)
{
    const struct profile_identity_file *x = &a->identity, *y = &b->identity;

    if (x->piece_count != y->piece_count)
        return false;
    if (!x->piece_count)
        return x->sfi == y->sfi && x->fid == y->fid;
    for (size_t i = 0; i < x->piece_count; i++) {
        const struct profile_piece *p = &x->pieces[i], *q = &y->pieces[i];
        if (p->fid != q->fid || p->record != q->record || p->p2 != q->p2 || p->tag != q->tag ||
            p->length != q->length || p->historical != q->historical)
            return false;
    }
    return true;
}

bool profile_piece_in(const struct profile_piece *piece, const struct profile_file *f)
{
    if (piece->historical)
        return false;
    return piece->fid ? piece->fid == f->fid : piece->p2 >> 3 == (f->fid & 0x1F);
}

size_t profile_piece_of(const struct profile_piece *pieces, size_t count,
                        const struct profile_file *f, const struct conf_bytes *record)
{
    for (size_t i = 0; i < count; i++) {
        if (profile_piece_in(&pieces[i], f) && record->len == 2U + pieces[i].length &&
            record->bytes[0] == pieces[i].tag)
            return i + 1;
    }
    return 0;
}

const struct conf_bytes *profile_mark(const struct card_profile *p)
{
    const struct profile_identity_file *id = &p->identity;

    for (size_t i = 0; i < p->personalise.file_count; i++) {
        const struct profile_file *f = &p->personalise.files[i];
        if (strcmp(f->content, "identity") != 0 || !f->records.count)
            continue;
        const struct conf_bytes *last = &f->records.items[f->records.count - 1];
        return profile_piece_of(id->pieces, id->piece_count, f, last) ? last : NULL;
    }
    return NULL;
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
    /* Found by file id, the application's own name is whatever its issuer chose; where a profile
     * has no names at all, a card that took one is another. */
    bool by_name = p->match.adf == 0 || !p->match.aids.count;
    if (e->aid_len && by_name && !has_aid(p, e->aid, e->aid_len))
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
