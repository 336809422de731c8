/* Reading who a card is: from a file, or from records (and the ATR) laid one behind the other to an
 * image. Invariant: an image is whole or it is not taken; nothing is guessed for a record that is
 * missing or of another length. */
#include "card/ident_intern.h"

#include <string.h>

static CO_FN int select_fid(struct card_session *s, uint16_t fid)
{
    struct apdu cmd;
    struct rapdu answer;
    apdu_select_fid(&cmd, fid);
    return transmit_co_ok(s, &cmd, &answer);
}

int ident_co_file(struct card_session *s, uint8_t sfi, uint16_t fid, uint8_t len, struct rapdu *ret)
{
    struct apdu cmd;
    int rc;
    if (sfi) {
        apdu_read_binary_sfi(&cmd, sfi, 0, len);
        rc = transmit_co_ok(s, &cmd, ret);
        if (rc != OC_ECARD_SW || !fid)
            return rc;
    }
    rc = select_fid(s, fid);
    if (rc)
        return rc;
    apdu_read_binary(&cmd, 0, len);
    return transmit_co_ok(s, &cmd, ret);
}

int ident_historical(const struct card_session *s, size_t len, uint8_t *ret)
{
    if (s->atr.historical_len < len)
        return OC_ECARD_DATA;
    memcpy(ret, s->atr.historical + s->atr.historical_len - len, len);
    return 0;
}

static CO_FN int read_piece(struct card_session *s, const struct profile_piece *p, uint8_t *ret)
{
    struct apdu cmd;
    struct rapdu answer;
    apdu_read_record_p2(&cmd, p->record, p->p2, p->length + 2);
    int rc = transmit_co_ok(s, &cmd, &answer);
    if (rc)
        return rc;
    bool its =
        answer.len == 2U + p->length && answer.data[0] == p->tag && answer.data[1] == p->length;
    if (its)
        memcpy(ret, answer.data + 2, p->length);
    secret_wipe(&answer, sizeof(answer));
    return its ? 0 : OC_ECARD_DATA;
}

int ident_co_image(struct card_session *s, const struct ident_image *i, uint8_t *ret, size_t cap,
                   size_t *ret_len)
{
    size_t at = 0, len = profile_piece_offset(i->pieces, i->count);
    uint16_t in = 0;
    int rc = len > cap ? OC_ELIMIT : 0;
    for (size_t k = 0; !rc && k < i->count; k++) {
        const struct profile_piece *p = &i->pieces[k];
        if (p->historical) {
            rc = ident_historical(s, p->historical, ret + at);
        } else if (p != i->without) {
            if (p->fid && p->fid != in)
                rc = select_fid(s, p->fid);
            in = p->fid;
            if (!rc)
                rc = read_piece(s, p, ret + at);
        }
        at += (size_t)p->length + p->historical;
    }
    if (!rc)
        *ret_len = len;
    return rc;
}

int ident_co_raw(struct card_session *s, const struct card_profile *p,
                 uint8_t ret[PROFILE_IDENTITY_MAX], size_t *ret_len)
{
    const struct profile_identity_file *f = &p->identity;
    struct ident_image image = {.pieces = f->pieces, .count = f->piece_count};
    struct rapdu answer;
    if (f->piece_count)
        return ident_co_image(s, &image, ret, PROFILE_IDENTITY_MAX, ret_len);
    int rc = ident_co_file(s, f->sfi, f->fid, f->min_len, &answer);
    if (rc)
        return rc;
    *ret_len = answer.len < PROFILE_IDENTITY_MAX ? answer.len : PROFILE_IDENTITY_MAX;
    memcpy(ret, answer.data, *ret_len);
    return 0;
}
