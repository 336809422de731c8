/* The card's own log as evidence (R3). Invariant: counters leave here as intents have them, before
 * the increment, whatever the card writes. */
#include "card/purse.h"

#include <string.h>

/** The bytes of a slice, right-aligned into `out`; zeros where the record is too short. */
static void slice(const struct rapdu *a, struct profile_slice at, uint8_t *out, size_t len)
{
    memset(out, 0, len);
    if (at.length <= len && (size_t)at.offset + at.length <= a->len)
        memcpy(out + len - at.length, a->data + at.offset, at.length);
}

static bool is_empty(const struct rapdu *a)
{
    for (size_t i = 1; i < a->len; i++) {
        if (a->data[i] != a->data[0])
            return false;
    }
    return !a->len || a->data[0] == 0 || a->data[0] == 0xFF;
}

static void parse(const struct profile_log *l, const struct rapdu *a, struct ep_log *ret)
{
    uint8_t number[4];
    memset(ret, 0, sizeof(*ret));
    slice(a, l->seq, number, sizeof(number));
    ret->counter = (uint16_t)(be32(number) - (l->counter == PROFILE_COUNTER_AFTER ? 1 : 0));
    slice(a, l->overdraft, number, sizeof(number));
    ret->overdraft = be32(number);
    slice(a, l->amount, number, sizeof(number));
    ret->amount = be32(number);
    slice(a, l->type, &ret->type, 1);
    slice(a, l->sam, ret->sam, sizeof(ret->sam));
    slice(a, l->date, ret->date, sizeof(ret->date));
    slice(a, l->time, ret->time, sizeof(ret->time));
}

/** Reads record `number`. OC_ENOENT: there is none. */
static CO_FN int read_record(struct card_session *s, uint8_t sfi, uint8_t number, struct rapdu *ret)
{
    struct apdu cmd;
    apdu_read_record(&cmd, sfi, number, s->profile->log.record_length);
    int rc = transmit_co_ok(s, &cmd, ret);
    if (rc == OC_ECARD_SW && sw_class(s->sw) == SW_CLASS_NOT_FOUND)
        return OC_ENOENT;
    return rc;
}

int purse_co_log(struct card_session *s, bool loads, struct purse_log *ret)
{
    struct rapdu answer;
    if (!s->profile)
        return OC_ESTATE;
    const struct profile_log *l = &s->profile->log;
    uint8_t sfi = loads && l->load_sfi ? l->load_sfi : l->sfi;
    if (!sfi || !s->profile->purse.present)
        return OC_EPROFILE;
    ret->count = 0;
    ret->complete = true;
    for (unsigned number = 1; number <= l->records; number++) {
        if (ret->count == PURSE_LOG_MAX) {
            ret->complete = false;
            break;
        }
        int rc = read_record(s, sfi, (uint8_t)number, &answer);
        if (rc == OC_ENOENT)
            break;
        if (rc == OC_ECARD_SW && number > 1) {
            ret->complete = false;
            continue;
        }
        if (rc)
            return rc;
        if (is_empty(&answer))
            continue;
        if (answer.len < l->record_length) {
            ret->complete = false;
            continue;
        }
        parse(l, &answer, &ret->records[ret->count++]);
    }
    return 0;
}

/** Loads and overdraft updates count online, purchases offline (facts §3). Records of the electronic deposit (01, 03, 04,
 * 05), which may stand in the same file, count on that purse's own counters. */
static bool counts_online(const struct card_profile *p, uint8_t type)
{
    return type == p->purse.type_load || type == EP_TYPE_OVERDRAFT;
}
static bool counts_offline(const struct card_profile *p, uint8_t type)
{
    return type == p->purse.type_purchase || type == p->purse.type_capp;
}

const struct ep_log *purse_log_find(const struct card_profile *p, const struct purse_log *log,
                                    bool load, uint16_t counter)
{
    for (size_t i = 0; i < log->count; i++) {
        const struct ep_log *r = &log->records[i];
        if (r->counter == counter && (load ? counts_online(p, r->type) : counts_offline(p, r->type)))
            return r;
    }
    return NULL;
}
