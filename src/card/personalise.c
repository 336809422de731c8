/* The order of personalisation. Invariants:
 *   the transport key is in force until everything but the last byte is written, so a torn card can
 * be done again; file 0015 says "not enabled" until the very end: that is the mark of an unfinished
 * card; an application that says "enabled" is never touched, and not even tried with the transport
 * key.
 *
 *   blank ──erase, key file──► MF with transport key ──DF, keys, files──► application, flag 00
 *      ▲                                │                                       │ MF's own keys
 *      └────── torn: authenticate ──────┘                                       ▼
 *                                         finished ◄──flag 01── application, flag 00, own main key
 */
#include "card/personalise.h"
#include "card/ident_intern.h"
#include "card/personalise_intern.h"
#include "card/profile_intern.h"

#include <string.h>

#define NOT_ENABLED   0x00
#define FILE_TYPE_DF  0x38
#define FILE_TYPE_KEY 0x3F
#define KEY_MAIN_TYPE 0x39
#define FIRST_STATE   0xAA /* the security state that the transport key opens, as on blank cards */

static CO_FN int select_mf(struct issuing *w)
{
    struct apdu cmd;
    apdu_select_fid(&cmd, w->plan->mf);
    return issuing_co_send(w, &cmd, "SELECT MF");
}

static CO_FN int select_application(struct issuing *w, struct rapdu *ret)
{
    struct apdu cmd;
    int rc = apdu_select_aid(&cmd, w->plan->aid.bytes, w->plan->aid.len);
    return rc ? rc : transmit_co_ok(w->s, &cmd, ret);
}

static const struct profile_file *identity_file(const struct issuing *w)
{
    for (size_t i = 0; i < w->plan->file_count; i++) {
        if (!strcmp(w->plan->files[i].content, "identity"))
            return &w->plan->files[i];
    }
    return NULL;
}

static bool is_pieces(const struct issuing *w)
{
    return w->profile->identity.piece_count != 0;
}

/* ---- is it ours to write? ---- */
enum found {
    FOUND_NO_APPLICATION,
    FOUND_NOTHING,  /* an application whose file 0015 was never written */
    FOUND_MARKED,   /* flag 00, another card's identity */
    FOUND_SAME,     /* flag 00, the identity we are to write: maybe only the flag is missing */
    FOUND_FINISHED, /* enabled */
};

static enum found judge(const struct issuing *w, const uint8_t *raw, size_t len, bool marked)
{
    static const uint8_t none[OC_SERIAL_LEN];
    struct card_identity id;
    if (profile_identity(w->profile, raw, len, &id))
        return FOUND_FINISHED; /* something else under this name: not ours */
    if (!memcmp(id.serial, none, sizeof(none)))
        return FOUND_NOTHING;
    if (marked || id.app_flag != NOT_ENABLED || (id.enabled && !is_pieces(w)))
        return FOUND_FINISHED;
    bool same = !memcmp(id.serial, w->data->serial, sizeof(id.serial)) &&
                !memcmp(id.issuer, w->data->issuer, sizeof(id.issuer));
    return same ? FOUND_SAME : FOUND_MARKED;
}

/** A card whose identity is pieces may lack the record that is written last. */
static CO_FN int look_unmarked(struct issuing *w, uint8_t raw[PROFILE_IDENTITY_MAX],
                               size_t *ret_len)
{
    const struct profile_identity_file *id = &w->profile->identity;
    const struct profile_file *f = identity_file(w);
    size_t mark = profile_piece_of(id->pieces, id->piece_count, f, profile_mark(w->profile));
    struct ident_image image = {
        .pieces = id->pieces, .count = id->piece_count, .without = &id->pieces[mark - 1]};
    memcpy(raw, w->file, w->file_len);
    return ident_co_image(w->s, &image, raw, PROFILE_IDENTITY_MAX, ret_len);
}

static CO_FN int look(struct issuing *w, enum found *ret)
{
    uint8_t raw[PROFILE_IDENTITY_MAX];
    size_t len = 0;
    struct rapdu answer;
    int rc = select_application(w, &answer);
    if (rc == OC_ECARD_SW) {
        /* Blocked is finished too. */
        *ret = sw_class(w->s->sw) == SW_CLASS_LOCKED ? FOUND_FINISHED : FOUND_NO_APPLICATION;
        return 0;
    }
    if (rc)
        return rc;
    rc = ident_co_raw(w->s, w->profile, raw, &len);
    bool marked = !rc && is_pieces(w);
    if (rc == OC_ECARD_SW && is_pieces(w))
        rc = look_unmarked(w, raw, &len);
    if (rc && rc != OC_ECARD_SW)
        return rc;
    *ret = rc ? FOUND_NOTHING : judge(w, raw, len, marked);
    return 0;
}

/* ---- writing ---- */
static CO_FN int create_key_file(struct issuing *w, uint16_t size, uint8_t app, uint8_t add)
{
    const uint8_t info[] = {FILE_TYPE_KEY, (uint8_t)(size >> 8), (uint8_t)size, app, add, 0xFF,
                            0xFF};
    struct apdu cmd;
    int rc = apdu_create_file(&cmd, 0x0000, info, sizeof(info));
    return rc ? rc : issuing_co_send(w, &cmd, "CREATE key file");
}

/** The transport key again, as the maker wrote it: from here on the card can be torn. */
static CO_FN int put_transport_key(struct issuing *w)
{
    uint8_t record[5 + 16] = {KEY_MAIN_TYPE, 0xF0, 0xF0, FIRST_STATE, 0xFF};
    struct apdu cmd;
    memcpy(record + 5, w->transport.bytes, 16);
    int rc = apdu_write_key(&cmd, 0x01, w->plan->transport_kid, record, sizeof(record));
    return rc ? rc : issuing_co_send(w, &cmd, "transport key");
}

static CO_FN int make_mf_keys(struct issuing *w)
{
    int rc = create_key_file(w, w->plan->mf_key_size, w->plan->mf_key_app, w->plan->mf_key_add);
    return rc ? rc : put_transport_key(w);
}

/** Empties what an earlier attempt left. The application alone where it lets us: then the transport
 * key is in force all the time. Otherwise the whole card, with a moment in which it has no key.
 * *ret_there: the directory is there, selected. */
static CO_FN int erase(struct issuing *w, bool *ret_there)
{
    struct apdu cmd;
    struct rapdu answer;
    apdu_erase_df(&cmd);
    int rc = select_application(w, &answer);
    *ret_there = !rc;
    if (!rc)
        rc = transmit_co_ok(w->s, &cmd, &answer);
    if (rc != OC_ECARD_SW)
        return rc;
    *ret_there = false;
    rc = select_mf(w);
    if (!rc)
        rc = issuing_co_authenticate(w);
    if (!rc)
        rc = issuing_co_send(w, &cmd, "ERASE");
    return rc ? rc : make_mf_keys(w);
}

static CO_FN int create_application(struct issuing *w)
{
    const struct profile_personalise *p = w->plan;
    uint8_t info[8 + TLV_AID_MAX] = {FILE_TYPE_DF,
                                     (uint8_t)(p->adf_size >> 8),
                                     (uint8_t)p->adf_size,
                                     p->adf_create,
                                     p->adf_erase,
                                     p->adf_app_id,
                                     0xFF,
                                     0xFF};
    struct apdu cmd;
    struct rapdu answer;
    if (p->aid.len > TLV_AID_MAX)
        return OC_EPROFILE;
    memcpy(info + 8, p->aid.bytes, p->aid.len);
    int rc = apdu_create_file(&cmd, p->adf, info, 8 + p->aid.len);
    if (!rc)
        rc = issuing_co_send(w, &cmd, "CREATE application");
    return rc ? rc : select_application(w, &answer);
}

static CO_FN int write_keys(struct issuing *w, bool in_mf)
{
    for (size_t i = 0; i < w->plan->key_count; i++) {
        const struct profile_key *k = &w->plan->keys[i];
        if (k->in_mf != in_mf)
            continue;
        int rc = issuing_co_write_key(w, k, in_mf);
        if (rc)
            return rc;
    }
    return 0;
}

static CO_FN int create_file(struct issuing *w, const struct profile_file *f)
{
    const uint8_t info[] = {
        f->type, (uint8_t)(f->size >> 8), (uint8_t)f->size, f->read, f->write, f->b6, f->b7};
    struct apdu cmd;
    int rc = apdu_create_file(&cmd, f->fid, info, sizeof(info));
    return rc ? rc : issuing_co_send(w, &cmd, f->name);
}

static CO_FN int write_identity(struct issuing *w, const struct profile_file *f)
{
    uint8_t file[PROFILE_IDENTITY_MAX];
    struct apdu cmd;
    memcpy(file, w->file, w->file_len);
    if (w->profile->identity.app_flag >= 0)
        file[w->profile->identity.app_flag] = NOT_ENABLED;
    int rc = apdu_update_binary_sfi(&cmd, w->profile->identity.sfi, 0, file, w->file_len);
    return rc ? rc : issuing_co_write(w, f, &cmd);
}

static CO_FN int write_holder(struct issuing *w, const struct profile_file *f)
{
    uint8_t file[EP_HOLDER_MOHURD_LEN];
    size_t len = f->size >= EP_HOLDER_MOHURD_LEN ? EP_HOLDER_MOHURD_LEN : EP_HOLDER_LEN;
    struct apdu cmd;
    if (!w->data->holder)
        return 0;
    int rc = ep_holder_build(w->data->holder, file, len);
    if (!rc)
        rc = apdu_update_binary_sfi(&cmd, w->profile->holder.sfi, 0, file, len);
    if (!rc)
        rc = issuing_co_write(w, f, &cmd);
    secret_wipe(file, sizeof(file));
    secret_wipe(&cmd, sizeof(cmd));
    return rc;
}

static CO_FN int write_records(struct issuing *w, const struct profile_file *f)
{
    uint8_t record[RECORD_MAX];
    struct apdu cmd;
    const struct conf_bytes *mark = is_pieces(w) ? profile_mark(w->profile) : NULL;
    int rc = 0;
    for (size_t i = 0; !rc && i < f->records.count; i++) {
        if (&f->records.items[i] == mark)
            continue; /* at the very end */
        size_t len = issuing_record(w, f, &f->records.items[i], record);
        rc = len ? apdu_append_record(&cmd, (uint8_t)(f->fid & 0x1F), record, len) : OC_EPROFILE;
        if (!rc)
            rc = issuing_co_write(w, f, &cmd);
        secret_wipe(record, sizeof(record)); /* who holds the card */
        secret_wipe(&cmd, sizeof(cmd));
    }
    return rc;
}

static CO_FN int fill_file(struct issuing *w, const struct profile_file *f)
{
    if (!strcmp(f->content, "identity") && !is_pieces(w))
        return write_identity(w, f);
    if (!strcmp(f->content, "holder") && !w->profile->holder.piece_count)
        return write_holder(w, f);
    return write_records(w, f);
}

static CO_FN int write_files(struct issuing *w, bool in_mf)
{
    for (size_t i = 0; i < w->plan->file_count; i++) {
        const struct profile_file *f = &w->plan->files[i];
        if (f->in_mf != in_mf)
            continue;
        int rc = create_file(w, f);
        if (!rc)
            rc = fill_file(w, f);
        if (rc)
            return rc;
    }
    return 0;
}

/** The last record, which makes it a card. */
static CO_FN int write_mark(struct issuing *w, const struct profile_file *f)
{
    uint8_t record[RECORD_MAX];
    struct apdu cmd;
    size_t len = issuing_record(w, f, profile_mark(w->profile), record);
    int rc = len ? apdu_append_record(&cmd, (uint8_t)(f->fid & 0x1F), record, len) : OC_EPROFILE;
    return rc ? rc : issuing_co_write(w, f, &cmd);
}

/** The last byte: the application's flag. */
static CO_FN int enable(struct issuing *w)
{
    const struct profile_file *f = identity_file(w);
    struct rapdu answer;
    struct apdu cmd;
    int rc = select_application(w, &answer);
    if (rc || is_pieces(w))
        return rc ? rc : write_mark(w, f);
    uint8_t at = (uint8_t)w->profile->identity.app_flag;
    if (!rc && w->file[at] != NOT_ENABLED) {
        rc = apdu_update_binary_sfi(&cmd, w->profile->identity.sfi, at, &w->file[at], 1);
        if (!rc)
            rc = issuing_co_write(w, f, &cmd);
    }
    return rc;
}

/** The application from its key file on. We stand in it, and it is empty. */
static CO_FN int fill_application(struct issuing *w)
{
    int rc = create_key_file(w, w->plan->key_size, w->plan->key_app, w->plan->key_add);
    w->master = w->transport;
    if (!rc)
        rc = write_keys(w, false);
    return rc ? rc : write_files(w, false);
}

/** The MF's own keys in place of the maker's. */
static CO_FN int close_mf(struct issuing *w)
{
    w->master = w->transport;
    int rc = select_mf(w);
    if (!rc)
        rc = issuing_co_authenticate(w);
    return rc ? rc : write_keys(w, true);
}

/** Everything between the transport key and the card's own main key. `bare`: there is no key at
 * all. */
static CO_FN int write_card(struct issuing *w, enum found found, bool bare)
{
    bool there = false;
    int rc = bare ? make_mf_keys(w) : 0;
    if (!rc && found != FOUND_NO_APPLICATION)
        rc = erase(w, &there);
    if (!rc && !there) {
        rc = write_files(w, true);
        if (!rc)
            rc = create_application(w);
    }
    if (!rc)
        rc = fill_application(w);
    return rc ? rc : close_mf(w);
}

static CO_FN int run(struct issuing *w)
{
    enum found found;
    int rc = look(w, &found);
    if (rc)
        return rc;
    if (found == FOUND_FINISHED || (found != FOUND_NO_APPLICATION && !w->plan->erase))
        return OC_ESTATE;
    rc = select_mf(w);
    if (rc)
        return rc;
    rc = issuing_co_authenticate(w);
    if (rc == OC_EMAC && found == FOUND_SAME)
        return enable(w); /* torn after its main key had been replaced */
    if (rc == OC_EMAC)
        return OC_ESTATE;
    if (rc && rc != OC_ENOENT)
        return rc;
    rc = write_card(w, found, rc == OC_ENOENT);
    return rc ? rc : enable(w);
}

/* ---- before and after ---- */
static int check_keys(struct issuing *w)
{
    struct custody_card card;
    for (size_t i = 0; i < w->plan->key_count; i++) {
        int rc = issuing_key_card(w, &w->plan->keys[i], &card);
        if (rc)
            return rc;
    }
    return 0;
}

/** File 0015 and what follows from it. */
static int make_identity(struct issuing *w)
{
    struct card_identity from;
    const struct personalise_data *d = w->data;
    memset(&from, 0, sizeof(from));
    memcpy(from.issuer, d->issuer, sizeof(from.issuer));
    memcpy(from.serial, d->serial, sizeof(from.serial));
    from.start = d->start;
    from.expiry = d->expiry;
    from.category = d->category ? d->category : "";
    from.category_until = d->category_until;
    int rc = profile_identity_make(w->profile, &from, w->file, &w->file_len);
    const struct profile_piece *p = w->profile->identity.pieces;
    for (size_t i = 0; !rc && i < w->profile->identity.piece_count; i++) {
        if (p[i].historical)
            rc = ident_historical(w->s, p[i].historical, w->file + profile_piece_offset(p, i));
    }
    return rc ? rc : profile_identity(w->profile, w->file, w->file_len, &w->id);
}

static int prepare(struct issuing *w)
{
    const struct conf_bytes *key = &w->plan->transport_key;
    if (!w->plan->present || !identity_file(w))
        return OC_EPROFILE;
    int rc = pboc_key_set(&w->transport, PBOC_3DES, key->bytes, key->len);
    if (!rc)
        rc = make_identity(w);
    if (!rc)
        rc = crypto_new(NULL, &w->crypto);
    return rc ? rc : check_keys(w);
}

static void take_over(struct issuing *w, struct card_identity *ret)
{
    struct card_session *s = w->s;
    s->profile = w->profile;
    s->identity = w->id;
    s->identified = true;
    s->locked = false;
    s->aid_len =
        w->profile->match.aids.count ? w->plan->aid.len : 0; /* else found by its file id */
    memcpy(s->aid, w->plan->aid.bytes, s->aid_len);
    if (ret)
        *ret = w->id;
}

int personalise_co(struct card_session *s, const struct card_profile *profile, struct custody *c,
                   const struct personalise_data *data, struct card_identity *ret)
{
    struct issuing w = {
        .s = s,
        .profile = profile,
        .plan = &profile->personalise,
        .data = data,
        .custody = c,
    };
    int rc = prepare(&w);
    if (!rc)
        rc = run(&w);
    if (!rc)
        take_over(&w, ret);
    crypto_free(&w.crypto);
    secret_wipe(&w, sizeof(w));
    return rc;
}
