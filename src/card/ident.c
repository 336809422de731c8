/* Finding the application and reading who the card is. Invariants: profiles are tried in their
 * order; nothing is written; s->profile and s->identity are set together, and only from file 0015
 * (or the same bytes in a locked application's FCI). */
#include "card/ident_intern.h"

#include <string.h>

/** One attempt at selection. */
struct search {
    struct card_session *s;
    const struct profile_set *set;
    struct card_evidence known;
    uint16_t adf;     /* selected by this file id, 0: by name */
    uint16_t lock_sw; /* the status word of a blocked application */
    uint8_t raw[PROFILE_IDENTITY_MAX];
    size_t raw_len;
    struct rapdu fci;
};

static void forget(struct card_session *s)
{
    s->profile = NULL;
    s->identified = false;
    s->locked = false;
    s->aid_len = 0;
}

static bool is_locked(uint16_t sw)
{
    return sw_class(sw) == SW_CLASS_LOCKED;
}

/** SELECTs one name. 0: it is there (maybe blocked); OC_ENOENT: it is not. */
static CO_FN int try_aid(struct search *f, struct conf_bytes aid)
{
    struct apdu cmd;
    int rc = apdu_select_aid(&cmd, aid.bytes, aid.len);
    if (rc)
        return OC_EPROFILE;
    rc = transmit_co(f->s, &cmd, &f->fci);
    if (rc)
        return rc;
    if (is_locked(f->fci.sw)) {
        /* Without an FCI it may as well mean that this card selects nothing by name. */
        f->lock_sw = f->fci.sw;
        if (!f->fci.len)
            return OC_ENOENT;
    } else if (f->fci.sw != SW_OK) {
        return OC_ENOENT;
    } else {
        f->lock_sw = 0;
    }
    memcpy(f->s->aid, aid.bytes, aid.len);
    f->s->aid_len = aid.len;
    f->known.aid = f->s->aid;
    f->known.aid_len = aid.len;
    return 0;
}

static CO_FN int select_fid(struct card_session *s, uint16_t fid, struct rapdu *ret)
{
    struct apdu cmd;
    apdu_select_fid(&cmd, fid);
    return transmit_co(s, &cmd, ret);
}

static CO_FN int try_adfs(struct search *f)
{
    uint16_t tried = 0;
    const struct card_profile *p;
    for (size_t i = 0; (p = profile_match(f->set, &f->known, i)); i++) {
        if (!p->match.adf || p->match.adf == tried)
            continue;
        tried = p->match.adf;
        int rc = select_fid(f->s, tried, &f->fci);
        if (rc)
            return rc;
        if (f->fci.sw == SW_OK || (is_locked(f->fci.sw) && f->fci.len)) {
            f->lock_sw = f->fci.sw == SW_OK ? 0 : f->fci.sw;
            f->adf = tried;
            return 0;
        }
    }
    return OC_ENOENT;
}

/** Finds the application: by each name, then by file id. */
static CO_FN int find_application(struct search *f)
{
    struct conf_bytes aid;
    const struct card_evidence only_atr = f->known;
    for (size_t i = 0; profile_next_aid(f->set, &only_atr, i, &aid); i++) {
        if (!aid.len || aid.len > TLV_AID_MAX)
            continue;
        int rc = try_aid(f, aid);
        if (rc != OC_ENOENT)
            return rc;
    }
    int rc = try_adfs(f);
    if (rc != OC_ENOENT)
        return rc;
    f->s->locked = f->lock_sw != 0;
    f->s->sw = f->lock_sw;
    return f->lock_sw ? OC_ECARD_SW : OC_EPROFILE;
}

static void take_raw(struct search *f, const uint8_t *data, size_t len)
{
    f->raw_len = len < sizeof(f->raw) ? len : sizeof(f->raw);
    memcpy(f->raw, data, f->raw_len);
    f->known.identity = f->raw;
    f->known.identity_len = f->raw_len;
}

/** File 0015 as the profile finds it. A blocked application may still show it inside the FCI (tag
 * 9F0C). */
static CO_FN int read_identity(struct search *f, const struct card_profile *p)
{
    struct fci fci;
    uint8_t raw[PROFILE_IDENTITY_MAX];
    size_t len;
    if (f->lock_sw && !p->identity.piece_count && !fci_parse(f->fci.data, f->fci.len, &fci) &&
        fci.issuer_len >= p->identity.min_len) {
        take_raw(f, fci.issuer,
                 fci.issuer_len < p->identity.max_len ? fci.issuer_len : p->identity.max_len);
        return 0;
    }
    int rc = ident_co_raw(f->s, p, raw, &len);
    if (!rc)
        take_raw(f, raw, len);
    return rc;
}

static bool may_be(const struct search *f, const struct card_profile *p)
{
    return !f->adf || p->match.adf == f->adf;
}

/** The first profile that fits everything known, file 0015 included. */
static int choose(struct search *f, const struct card_profile *read_by)
{
    const struct card_profile *p;
    int rc = OC_EPROFILE;
    for (size_t i = 0; (p = profile_match(f->set, &f->known, i)); i++) {
        if (!may_be(f, p) || !profile_reads_alike(p, read_by))
            continue;
        rc = profile_identity(p, f->raw, f->raw_len, &f->s->identity);
        if (!rc) {
            f->s->profile = p;
            f->s->identified = true;
            return 0;
        }
    }
    return rc;
}

/** Reads file 0015 by the profiles that are still possible, then chooses among them. */
static CO_FN int identify(struct search *f)
{
    const struct card_evidence selected = f->known;
    const struct card_profile *p, *tried = NULL;
    int rc = OC_EPROFILE;
    for (size_t i = 0; (p = profile_match(f->set, &selected, i)); i++) {
        if (!may_be(f, p) || (tried && profile_reads_alike(p, tried)))
            continue;
        tried = p;
        rc = read_identity(f, p);
        if (!rc)
            return choose(f, p);
        if (rc != OC_ECARD_SW)
            return rc;
    }
    return rc;
}

int card_co_select(struct card_session *s, const struct profile_set *set, struct card_identity *ret)
{
    struct search f = {
        .s = s,
        .set = set,
        .known = {.historical = s->atr.historical, .historical_len = s->atr.historical_len},
    };
    forget(s);
    int rc = find_application(&f);
    if (rc)
        return rc;
    rc = identify(&f);
    if (f.lock_sw && (!rc || rc == OC_ECARD_SW || rc == OC_ECARD_DATA || rc == OC_EPROFILE)) {
        s->locked = true;
        s->sw = f.lock_sw;
        return OC_ECARD_SW;
    }
    if (!rc && ret)
        *ret = s->identity;
    return rc;
}

static CO_FN int select_again(struct card_session *s)
{
    struct apdu cmd;
    struct rapdu answer;
    if (!s->aid_len) {
        int rc = select_fid(s, s->profile->match.adf, &answer);
        return rc ? rc : answer.sw == SW_OK ? 0 : OC_ECARD_SW;
    }
    int rc = apdu_select_aid(&cmd, s->aid, s->aid_len);
    return rc ? rc : transmit_co_ok(s, &cmd, &answer);
}

int card_co_reselect(struct card_session *s)
{
    struct card_identity now;
    uint8_t raw[PROFILE_IDENTITY_MAX];
    size_t len;
    if (!s->profile || !s->identified)
        return OC_ESTATE;
    int rc = select_again(s);
    if (rc == OC_ECARD_SW)
        s->locked = is_locked(s->sw);
    if (!rc)
        rc = ident_co_raw(s, s->profile, raw, &len);
    if (!rc)
        rc = profile_identity(s->profile, raw, len, &now);
    if (rc)
        return rc;
    if (memcmp(now.issuer, s->identity.issuer, sizeof(now.issuer)) ||
        memcmp(now.serial, s->identity.serial, sizeof(now.serial)))
        return OC_EPROFILE;
    s->identity = now;
    return 0;
}

int card_use_profile(struct card_session *s, const struct card_profile *profile)
{
    struct card_identity id;
    if (!s->identified)
        return OC_ESTATE;
    struct card_evidence e = {
        .historical = s->atr.historical,
        .historical_len = s->atr.historical_len,
        .aid = s->aid,
        .aid_len = s->aid_len,
        .identity = s->identity.raw,
        .identity_len = s->identity.raw_len,
    };
    if ((s->profile && !profile_reads_alike(profile, s->profile)) || !profile_fits(profile, &e) ||
        profile_identity(profile, s->identity.raw, s->identity.raw_len, &id))
        return OC_EPROFILE;
    s->identity = id;
    s->profile = profile;
    return 0;
}

static uint8_t slice_byte(const struct rapdu *a, struct profile_slice at)
{
    return at.length && at.offset < a->len ? a->data[at.offset] : 0;
}

/** Text of a slice without the filling at its end. */
static void slice_text(const struct rapdu *a, struct profile_slice at, char *out, size_t cap)
{
    size_t len = at.length < cap ? at.length : cap - 1;
    if (at.offset + len > a->len)
        len = 0;
    while (len && (a->data[at.offset + len - 1] == 0 || a->data[at.offset + len - 1] == 0xFF ||
                   a->data[at.offset + len - 1] == ' '))
        len--;
    memcpy(out, a->data + at.offset, len);
    out[len] = 0;
}

static CO_FN int read_holder(struct card_session *s, const struct profile_holder_file *file,
                             struct rapdu *ret)
{
    struct ident_image image = {.pieces = file->pieces, .count = file->piece_count};
    if (!file->piece_count)
        return ident_co_file(s, file->sfi, file->fid, file->min_len, ret);
    return ident_co_image(s, &image, ret->data, sizeof(ret->data), &ret->len);
}

static void take_holder(const struct profile_holder_file *file, const struct rapdu *answer,
                        struct ep_holder *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->type = slice_byte(answer, file->type);
    ret->staff = slice_byte(answer, file->staff);
    ret->id_type = slice_byte(answer, file->id_type);
    slice_text(answer, file->name, ret->name, sizeof(ret->name));
    slice_text(answer, file->id, ret->id, sizeof(ret->id));
}

int ident_co_holder(struct card_session *s, struct ep_holder *ret)
{
    struct rapdu answer = {.len = 0};
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_holder_file *file = &s->profile->holder;
    if (!file->present || file->pin)
        return OC_ENOENT;
    int rc = read_holder(s, file, &answer);
    if (!rc && answer.len < file->min_len)
        rc = OC_ECARD_DATA;
    if (!rc)
        take_holder(file, &answer, ret);
    secret_wipe(&answer, sizeof(answer)); /* also what was read before a failure */
    return rc == OC_ECARD_SW ? OC_ENOENT : rc;
}
