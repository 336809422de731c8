/* The protected commands of personalisation (facts §4.4; FMCOS). Invariant: no key leaves in clear,
 * and every copy of one is wiped before a function returns. */
#include "card/personalise_intern.h"
#include "card/profile_intern.h"

#include "card/ident.h"

#include <string.h>

#define TYPE_MASK       0x3F
#define TYPE_PROTECTION 0xC0 /* 80: with MAC; C0: enciphered and with MAC */
#define KEY_TYPE_MAIN   0x39
#define KEY_TYPE_LINE   0x36
#define KEY_TYPE_PIN    0x3A
#define KEY_RECORD_MAX  (5 + 16)

int issuing_co_send(struct issuing *w, const struct apdu *cmd, const char *what)
{
    struct rapdu answer;
    int rc = transmit_co_ok(w->s, cmd, &answer);
    if (rc == OC_ECARD_SW)
        log_warn("card", "personalising: %s refused: %04X %s", what, w->s->sw, sw_text(w->s->sw));
    else if (rc)
        log_warn("card", "personalising: %s: %s", what, oc_strerror(rc));
    return rc;
}

static CO_FN int challenge(struct issuing *w, uint8_t len, struct rapdu *ret)
{
    struct apdu cmd;
    apdu_get_challenge(&cmd, len);
    int rc = transmit_co_ok(w->s, &cmd, ret);
    if (rc)
        return rc;
    return ret->len == len ? 0 : OC_ECARD_DATA;
}

/** Puts the data of a command into cipher. */
static int encipher_data(struct issuing *w, const struct pboc_key *key, struct apdu *cmd)
{
    uint8_t mem[APDU_DATA_MAX + 1];
    struct apdu_view v;
    struct buf out;
    int rc = apdu_parse(cmd->bytes, cmd->len, &v);
    buf_over(&out, mem, sizeof(mem));
    if (!rc)
        rc = pboc_sm_encrypt(w->crypto, key, (struct bytes){v.data, v.lc}, &out);
    if (!rc)
        rc = out.err;
    if (!rc)
        rc = apdu_make(cmd, v.head, out.data, out.len, APDU_NO_LE);
    return rc;
}

int issuing_co_send_sealed(struct issuing *w, const struct pboc_key *key, bool encipher,
                           struct apdu *cmd, const char *what)
{
    struct rapdu random;
    uint8_t iv[8], mac[PBOC_MAC_LEN];
    int rc = encipher ? encipher_data(w, key, cmd) : 0;
    if (!rc)
        rc = challenge(w, 4, &random);
    if (!rc)
        rc = pboc_sm_iv(random.data, random.len, iv);
    if (!rc)
        rc = apdu_sm_open(cmd);
    if (!rc)
        rc = pboc_sm_mac(w->crypto, key, iv, (struct bytes){cmd->bytes, cmd->len}, mac);
    if (rc)
        return rc;
    apdu_sm_close(cmd, mac, APDU_NO_LE);
    return issuing_co_send(w, cmd, what);
}

int issuing_co_authenticate(struct issuing *w)
{
    struct apdu cmd;
    struct rapdu answer;
    uint8_t cryptogram[8];
    int rc = challenge(w, 8, &answer);
    if (!rc)
        rc = pboc_external_auth(w->crypto, &w->transport, answer.data, answer.len, cryptogram);
    if (!rc)
        rc = apdu_external_auth(&cmd, w->plan->transport_kid, cryptogram, sizeof(cryptogram));
    if (!rc)
        rc = transmit_co_ok(w->s, &cmd, &answer);
    if (rc != OC_ECARD_SW)
        return rc;
    enum sw_class class = sw_class(w->s->sw);
    return class == SW_CLASS_NO_KEY || class == SW_CLASS_NOT_FOUND ? OC_ENOENT : OC_EMAC;
}

/** The card's own first PIN. */
static int first_pin(const struct issuing *w, struct pboc_key *ret)
{
    const struct profile_pin *p = &w->profile->pin;
    uint8_t bytes[6];
    size_t len = 0;
    int rc = profile_pin_bytes(p, w->data->pin.data, w->data->pin.len, bytes, &len);
    if (rc)
        return rc;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->bytes, bytes, len);
    ret->len = (uint8_t)len;
    secret_wipe(bytes, sizeof(bytes));
    return 0;
}

int issuing_key_card(struct issuing *w, const struct profile_key *k, struct custody_card *ret)
{
    enum key_purpose purpose;
    if ((k->type & TYPE_MASK) == KEY_TYPE_PIN) {
        struct pboc_key pin;
        memset(ret, 0, sizeof(*ret));
        int rc = first_pin(w, &pin);
        pboc_key_wipe(&pin);
        return rc;
    }
    if (key_purpose_parse(k->purpose, &purpose))
        return OC_EPROFILE;
    int rc = card_custody_newest(w->custody, purpose, w->profile, &w->id, 0, ret);
    if (rc)
        log_warn("card", "personalising: no %s key for %s", k->purpose, k->name);
    if (!k->diversified)
        ret->levels = 0;
    return rc;
}

static int derive(struct issuing *w, const struct profile_key *k, struct custody_card *card,
                  struct pboc_key *ret)
{
    enum key_purpose purpose;
    int rc = issuing_key_card(w, k, card);
    if (!rc && (k->type & TYPE_MASK) == KEY_TYPE_PIN)
        return first_pin(w, ret);
    if (!rc)
        rc = key_purpose_parse(k->purpose, &purpose);
    return rc ? rc : custody_derive_for_personalisation(w->custody, purpose, card, ret);
}

/** Sends WRITE KEY with a record under the directory's master key. */
static CO_FN int send_key(struct issuing *w, const struct profile_key *k, uint8_t p1,
                          const uint8_t *record, size_t len)
{
    struct apdu cmd;
    int rc = apdu_write_key(&cmd, p1, k->kid, record, len);
    if (!rc)
        rc = issuing_co_send_sealed(w, &w->master, true, &cmd, k->name);
    secret_wipe(&cmd, sizeof(cmd));
    return rc;
}

int issuing_co_write_key(struct issuing *w, const struct profile_key *k, bool replace)
{
    struct custody_card card;
    struct pboc_key key;
    uint8_t record[KEY_RECORD_MAX];
    int rc = derive(w, k, &card, &key);
    if (rc)
        return rc;
    record[0] = k->type;
    record[1] = k->use;
    record[2] = k->change;
    record[3] = k->versioned ? card.key_version : k->b4;
    record[4] = k->versioned ? (uint8_t)card.alg : k->b5;
    memcpy(record + 5, key.bytes, key.len);
    rc = send_key(w, k, replace ? k->type & TYPE_MASK : 0x01, record, 5u + key.len);
    if (replace && rc == OC_ECARD_SW && sw_class(w->s->sw) == SW_CLASS_NO_KEY)
        rc = send_key(w, k, 0x01, record, 5u + key.len);
    if (!rc && (k->type & TYPE_MASK) == KEY_TYPE_MAIN && k->kid == 0)
        w->master = key;
    secret_wipe(record, sizeof(record));
    pboc_key_wipe(&key);
    return rc;
}

int issuing_card_key(struct issuing *w, uint8_t type, uint8_t kid, struct pboc_key *ret)
{
    struct custody_card card;
    for (size_t i = 0; i < w->plan->key_count; i++) {
        const struct profile_key *k = &w->plan->keys[i];
        if (!k->in_mf && (k->type & TYPE_MASK) == type && k->kid == kid)
            return derive(w, k, &card, ret);
    }
    return OC_ENOKEY;
}

/** Text of the holder for a piece, filled with zeros. */
static void lay_holder(const struct issuing *w, size_t piece, uint8_t *value, size_t len)
{
    const struct profile_holder_file *h = &w->profile->holder;
    size_t at = profile_piece_offset(h->pieces, piece);
    const char *text = at == h->name.offset && h->name.length ? w->data->holder->name
                       : at == h->id.offset && h->id.length   ? w->data->holder->id
                                                              : NULL;
    if (!text)
        return;
    memset(value, 0, len);
    memcpy(value, text, strnlen(text, len));
}

/** A slot's record says what the card is issued with. */
static void lay_slot(const struct issuing *w, const struct profile_file *f, uint8_t *record)
{
    struct slot_word word = {.from = w->data->start, .until = w->data->category_until};
    for (size_t i = 0; i < w->profile->slot_count; i++) {
        const struct profile_slot *s = &w->profile->slots[i];
        bool its = s->in_identity && s->sfi == (f->fid & 0x1F) && s->tag == record[0];
        if (!its || !w->data->category || !*w->data->category)
            continue;
        (void)snprintf(word.category, sizeof(word.category), "%s", w->data->category);
        if (profile_slot_encode(w->profile, s, &word, record))
            log_warn("card", "personalising: slot %s stays empty", s->app);
    }
}

size_t issuing_record(const struct issuing *w, const struct profile_file *f,
                      const struct conf_bytes *record, uint8_t ret[RECORD_MAX])
{
    const struct profile_identity_file *id = &w->profile->identity;
    const struct profile_holder_file *h = &w->profile->holder;
    size_t len = f->record_length ? f->record_length : record->len;
    if (record->len > len || len > RECORD_MAX)
        return 0;
    memset(ret, 0, RECORD_MAX);
    memcpy(ret, record->bytes, record->len);
    size_t i = profile_piece_of(id->pieces, id->piece_count, f, record);
    if (i)
        memcpy(ret + 2, w->file + profile_piece_offset(id->pieces, i - 1),
               id->pieces[i - 1].length);
    i = profile_piece_of(h->pieces, h->piece_count, f, record);
    if (i && w->data->holder)
        lay_holder(w, i - 1, ret + 2, h->pieces[i - 1].length);
    lay_slot(w, f, ret);
    return len;
}

int issuing_co_write(struct issuing *w, const struct profile_file *f, struct apdu *cmd)
{
    struct pboc_key line;
    if (!(f->type & TYPE_PROTECTION))
        return issuing_co_send(w, cmd, f->name);
    /* The file's control byte names the key by its complement in the low two bits: 11 is key 00. */
    int rc = issuing_card_key(w, KEY_TYPE_LINE, (uint8_t)(3 - (f->b7 & 3)), &line);
    if (rc)
        return rc;
    rc = issuing_co_send_sealed(w, &line, (f->type & TYPE_PROTECTION) == TYPE_PROTECTION, cmd,
                                f->name);
    pboc_key_wipe(&line);
    return rc;
}
