/* The purse's commands by profile. Each function: build, send, look at the length of the answer.
 * Nothing here decides. */
#include "card/purse.h"

#include <string.h>

fen_t purse_fen(const struct card_profile *p, fen_t raw)
{
    return profile_balance(p, (uint32_t)raw, 0);
}

static CO_FN int send_ok(struct card_session *s, const struct apdu *cmd, struct rapdu *ret)
{
    if (s->profile && !s->profile->purse.present)
        return OC_EPROFILE;
    return s->profile ? transmit_co_ok(s, cmd, ret) : OC_ESTATE;
}

static CO_FN int ask_balance(struct card_session *s, uint8_t p1, uint32_t *ret)
{
    struct apdu cmd;
    struct rapdu answer;
    fen_t value;
    apdu_get_balance(&cmd, p1);
    cmd.bytes[3] = s->profile->purse.p2;
    int rc = send_ok(s, &cmd, &answer);
    if (!rc)
        rc = apdu_parse_balance(answer.data, answer.len, &value);
    if (!rc)
        *ret = (uint32_t)value;
    return rc;
}

int purse_co_balance(struct card_session *s, fen_t *ret)
{
    uint32_t value, used = 0;
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_purse *purse = &s->profile->purse;
    int rc = ask_balance(s, purse->balance_p1, &value);
    if (!rc && purse->balance == PROFILE_BALANCE_TUNION && !(value & purse->balance_mask))
        rc = ask_balance(s, purse->balance_used_p1, &used);
    if (!rc)
        *ret = profile_balance(s->profile, value, used);
    return rc;
}

int purse_co_init_load(struct card_session *s, fen_t amount, const uint8_t sam[OC_SAM_LEN],
                       struct init_load_answer *ret)
{
    struct apdu cmd;
    struct rapdu answer;
    if (!s->profile)
        return OC_ESTATE;
    int rc = apdu_init_load(&cmd, s->profile->purse.kid_load, amount, sam);
    if (rc)
        return rc;
    cmd.bytes[3] = s->profile->purse.p2;
    rc = send_ok(s, &cmd, &answer);
    return rc ? rc : apdu_parse_init_load(answer.data, answer.len, ret);
}

int purse_co_credit_load(struct card_session *s, const uint8_t date[4], const uint8_t time[3],
                         const uint8_t mac2[4], struct credit_answer *ret)
{
    struct apdu cmd;
    struct rapdu answer;
    apdu_credit_load(&cmd, date, time, mac2);
    int rc = send_ok(s, &cmd, &answer);
    return rc ? rc : apdu_parse_credit(answer.data, answer.len, ret);
}

int purse_co_init_purchase(struct card_session *s, bool capp, fen_t amount,
                           const uint8_t sam[OC_SAM_LEN], struct init_purchase_answer *ret)
{
    struct apdu cmd;
    struct rapdu answer;
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_purse *purse = &s->profile->purse;
    if (capp && !s->profile->capp.present)
        return OC_EPROFILE;
    int rc = capp ? apdu_init_capp(&cmd, purse->kid_purchase, amount, sam)
                  : apdu_init_purchase(&cmd, purse->kid_purchase, amount, sam);
    if (rc)
        return rc;
    cmd.bytes[3] = purse->p2;
    rc = send_ok(s, &cmd, &answer);
    return rc ? rc : apdu_parse_init_purchase(answer.data, answer.len, ret);
}

int purse_co_security_code(struct card_session *s, bool capp, uint8_t ret_code[EP_CODE_LEN],
                           size_t *ret_len)
{
    struct apdu cmd;
    struct rapdu answer;
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_purse *purse = &s->profile->purse;
    if (!purse->security_code || !(capp ? purse->code_in_capp : purse->code_in_purchase)) {
        *ret_len = 0;
        return 0;
    }
    apdu_security_code(&cmd);
    int rc = send_ok(s, &cmd, &answer);
    if (!rc)
        rc = apdu_parse_security_code(answer.data, answer.len, ret_code);
    if (!rc)
        *ret_len = EP_CODE_LEN;
    return rc;
}

static int make_capp_update(const struct card_session *s, const uint8_t *record, size_t len,
                            struct apdu *ret)
{
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_capp *capp = &s->profile->capp;
    if (!capp->present)
        return OC_EPROFILE;
    return apdu_update_capp(ret, capp->update_p1, capp->update_p2, record, len);
}

/** One way to read the record. OC_ENOENT: nothing of ours there. */
static CO_FN int read_capp(struct card_session *s, struct conf_bytes way, uint8_t *ret)
{
    const struct profile_capp *capp = &s->profile->capp;
    struct apdu cmd;
    struct rapdu answer;
    if (way.len != 2)
        return OC_EPROFILE;
    apdu_read_record_p2(&cmd, way.bytes[0], way.bytes[1], capp->length);
    int rc = send_ok(s, &cmd, &answer);
    if (rc == OC_ECARD_SW && sw_class(s->sw) == SW_CLASS_NOT_FOUND)
        return OC_ENOENT;
    if (rc)
        return rc;
    if (answer.len < capp->length || capp->head.len > answer.len || capp->length > CAPP_RECORD_MAX)
        return OC_ENOENT;
    if (capp->head.len && memcmp(answer.data, capp->head.bytes, capp->head.len))
        return OC_ENOENT;
    memcpy(ret, answer.data, capp->length);
    return 0;
}

int purse_co_capp_read(struct card_session *s, uint8_t *ret, size_t *ret_len)
{
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_capp *capp = &s->profile->capp;
    if (!capp->present)
        return OC_EPROFILE;
    int result = OC_ENOENT;
    for (size_t i = 0; i < capp->reads.count; i++) {
        int rc = read_capp(s, capp->reads.items[i], ret);
        if (!rc) {
            *ret_len = capp->length;
            return 0;
        }
        /* One way refused says nothing about the next; a lost card does. */
        if (rc != OC_ENOENT && rc != OC_ECARD_SW)
            return rc;
        if (rc == OC_ECARD_SW)
            result = rc;
    }
    return result;
}

static CO_FN int debit_with_record(struct card_session *s, const struct purse_debit *d,
                                   const struct apdu *debit, struct rapdu *ret)
{
    struct apdu update;
    int rc = make_capp_update(s, d->capp, d->capp_len, &update);
    if (!rc)
        rc = transmit_pair_co(s, &update, debit, ret);
    if (rc)
        return rc;
    return ret->sw == SW_OK ? 0 : OC_ECARD_SW;
}

int purse_co_debit(struct card_session *s, const struct purse_debit *d, struct debit_answer *ret)
{
    struct apdu cmd;
    struct rapdu answer;
    apdu_debit(&cmd, d->sam_seq, d->date, d->time, d->mac1);
    int rc = d->capp ? debit_with_record(s, d, &cmd, &answer) : send_ok(s, &cmd, &answer);
    return rc ? rc : apdu_parse_debit(answer.data, answer.len, ret);
}

int purse_co_prove(struct card_session *s, uint8_t type, uint16_t counter, struct prove_answer *ret)
{
    struct apdu cmd;
    struct rapdu answer;
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_purse *purse = &s->profile->purse;
    if (!purse->prove)
        return OC_EPROFILE;
    if (purse->prove_counter == PROFILE_COUNTER_AFTER)
        counter++;
    apdu_prove(&cmd, type, counter);
    int rc = send_ok(s, &cmd, &answer);
    if (rc == OC_ECARD_SW && sw_no_proof(s->sw))
        return OC_ENOENT;
    return rc ? rc : apdu_parse_prove(answer.data, answer.len, ret);
}
