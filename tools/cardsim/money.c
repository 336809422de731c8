/*
 * The commands that move money: CREDIT FOR LOAD, DEBIT (purchase, compound purchase, cash, unload)
 * and UPDATE OVERDRAW LIMIT. Each checks its MAC with the session key of the counter before the
 * increment, then does all of its changes, and only then answers; so a card torn from the field is
 * either as it was or wholly changed, with the proof kept for GET TRANSACTION PROVE.
 */
#include "record.h"

#include <string.h>

static const uint8_t zero[8];

static uint16_t sw_state(const struct cardsim *c)
{
    return c->opt.sw_state ? c->opt.sw_state : 0x6901;
}

static uint16_t sw_mac(const struct cardsim *c)
{
    return c->opt.sw_mac ? c->opt.sw_mac : 0x9302;
}

/* last2: 80 00 online, the low half of the terminal's sequence offline (facts §4.2) */
static void session_key(const struct cardsim *c, const struct trans *t, const uint8_t last2[2],
                        uint8_t sk[8])
{
    const struct key *k = &c->keys[t->key];
    uint8_t in[8];
    memcpy(in, t->random, 4);
    cs_put16(in + 4, t->seq);
    memcpy(in + 6, last2, 2);
    cs_ecb(k->value, k->len, true, in, sk, 8);
}

static void tac_of(struct cardsim *c, const uint8_t *text, size_t len, uint8_t tac[4])
{
    uint8_t folded[8];
    const struct key *k = cs_key_find(c, c->df, KEY_TAC, 0);
    for (unsigned id = 1; !k && id < 0xFF; id++)
        k = cs_key_find(c, c->df, KEY_TAC, (uint8_t)id);
    memset(tac, 0, 4);
    if (!k)
        return; /* a card without a TAC key proves nothing */
    cs_fold(k->value, k->len, folded);
    cs_mac_des(folded, zero, text, len, tac);
}

/* amount type terminal, the kernel of every text */
static size_t put_body(uint8_t *text, const struct trans *t)
{
    cs_put32(text, t->amount);
    text[4] = t->type;
    memcpy(text + 5, t->terminal, 6);
    return 11;
}

/* seq3.. of the record: counter after the increment, overdraft, amount type terminal date time */
static void write_log(struct cardsim *c, const struct trans *t, const struct purse *p,
                      const uint8_t when[7])
{
    uint8_t rec[23], sfi = c->nodes[t->node].tail;
    bool load = t->kind == TRANS_LOAD && c->opt.profile == CARDSIM_MOHURD;
    uint8_t at = load ? cs_find_child(c, c->df, 0x1A) : NONE;
    if (at == NONE)
        at = cs_find_child(c, c->df, sfi & 0x1F);
    if (at == NONE || c->nodes[at].kind != KIND_CYCLIC || c->nodes[at].rec_len != sizeof rec)
        return;
    cs_put16(rec, t->seq + 1U);
    cs_put24(rec + 2, p->limit);
    put_body(rec + 5, t);
    memcpy(rec + 16, when, 7);
    (void)cs_record_append(c, &c->nodes[at], rec, sizeof rec);
}

static void keep_proof(struct purse *p, const struct trans *t, bool online, const uint8_t mac[4],
                       const uint8_t tac[4])
{
    struct proof *proof = &p->proofs[online ? 0 : 1];
    proof->valid = 1;
    proof->type = t->type;
    proof->seq_before = t->seq;
    memcpy(proof->mac, mac, 4);
    memcpy(proof->tac, tac, 4);
}

uint16_t cs_cmd_credit(struct cardsim *c, const struct apdu *a, struct out *o)
{
    const struct trans t = c->trans;
    uint8_t sk[8], text[32], mac[4], tac[4];
    c->trans.kind = TRANS_NONE;
    if (a->p1 != 0 || a->p2 != 0)
        return SW_P1P2;
    if (a->lc != 11)
        return SW_LENGTH;
    if (t.kind != TRANS_LOAD)
        return sw_state(c);
    session_key(c, &t, (const uint8_t[]){0x80, 0}, sk);
    size_t n = put_body(text, &t);
    memcpy(text + n, a->data, 7);
    cs_mac_des(sk, zero, text, n + 7, mac);
    if (!cs_equal(mac, a->data + 7, 4))
        return sw_mac(c);
    struct purse *p = c->nodes[t.node].purse;
    p->value += t.amount;
    p->online++;
    cs_put32(text, cs_reported(p));
    cs_put16(text + 4, t.seq);
    n = 6 + put_body(text + 6, &t);
    memcpy(text + n, a->data, 7);
    tac_of(c, text, n + 7, tac);
    keep_proof(p, &t, true, mac, tac);
    write_log(c, &t, p, a->data);
    c->changed = true;
    cs_fault_spoil(c, FAULT_TAC, tac);
    cs_emit(o, tac, 4);
    return SW_OK;
}

static bool wants_suffix(const struct cardsim *c, enum trans_kind kind)
{
    switch (c->opt.suffix) {
    case CARDSIM_SUFFIX_NONE:
        return false;
    case CARDSIM_SUFFIX_CAPP:
        return kind == TRANS_CAPP;
    case CARDSIM_SUFFIX_ALL:
        return kind == TRANS_CAPP || kind == TRANS_PURCHASE;
    case CARDSIM_SUFFIX_PROFILE:
    default:
        return c->opt.profile == CARDSIM_MOHURD && (kind == TRANS_CAPP || kind == TRANS_PURCHASE);
    }
}

static void commit_caches(struct cardsim *c, const struct trans *t)
{
    for (size_t i = 0; i < t->n_caches; i++) {
        const struct cache *cache = &t->caches[i];
        struct record_place where = {
            .p1 = cache->p1, .mode = cache->by_number ? 4 : 0, .capp = true};
        (void)cs_record_put(c, &c->nodes[cache->node], &where, cache->data, cache->len, false);
    }
}

/* data: terminal sequence 4, date 4, time 3, MAC1 4 */
static uint16_t debit_purchase(struct cardsim *c, const struct trans *t, const uint8_t *data,
                               struct out *o)
{
    uint8_t sk[8], text[32], mac[4], tac[4];
    session_key(c, t, data + 2, sk);
    size_t n = put_body(text, t);
    memcpy(text + n, data + 4, 7);
    n += 7;
    if (wants_suffix(c, t->kind)) {
        cs_security_code(c, text + n);
        n += CARDSIM_SECURITY_CODE;
    }
    cs_mac_des(sk, zero, text, n, mac);
    if (!cs_equal(mac, data + 11, 4))
        return sw_mac(c);
    struct purse *p = c->nodes[t->node].purse;
    n = put_body(text, t);
    memcpy(text + n, data, 11);
    tac_of(c, text, n + 11, tac);
    cs_mac_des(sk, zero, text, 4, mac);
    commit_caches(c, t);
    if (t->kind != TRANS_CAPP || t->amount > 0 || c->opt.capp_zero_moves) {
        p->value -= t->amount;
        p->offline++;
        keep_proof(p, t, false, mac, tac);
        write_log(c, t, p, data + 4);
    }
    c->changed = true;
    cs_fault_spoil(c, FAULT_TAC, tac);
    cs_fault_spoil(c, FAULT_MAC2, mac);
    cs_emit(o, tac, 4);
    cs_emit(o, mac, 4);
    return SW_OK;
}

/* data: date 4, time 3, MAC2 4; the answer is MAC3 over the new balance */
static uint16_t debit_unload(struct cardsim *c, const struct trans *t, const uint8_t *data,
                             struct out *o)
{
    uint8_t sk[8], text[32], mac[4];
    session_key(c, t, (const uint8_t[]){0x80, 0}, sk);
    size_t n = put_body(text, t);
    memcpy(text + n, data, 7);
    cs_mac_des(sk, zero, text, n + 7, mac);
    if (!cs_equal(mac, data + 7, 4))
        return sw_mac(c);
    struct purse *p = c->nodes[t->node].purse;
    p->value -= t->amount;
    p->online++;
    cs_put32(text, cs_reported(p));
    cs_put16(text + 4, t->seq);
    n = 6 + put_body(text + 6, t);
    memcpy(text + n, data, 7);
    cs_mac_des(sk, zero, text, n + 7, mac);
    keep_proof(p, t, true, mac, zero);
    write_log(c, t, p, data);
    c->changed = true;
    cs_fault_spoil(c, FAULT_MAC2, mac);
    cs_emit(o, mac, 4);
    return SW_OK;
}

uint16_t cs_cmd_debit(struct cardsim *c, const struct apdu *a, struct out *o)
{
    const struct trans t = c->trans;
    bool unload = a->p1 == 3;
    c->trans.kind = TRANS_NONE;
    if ((a->p1 != 1 && a->p1 != 3) || a->p2 != 0)
        return SW_P1P2;
    if (a->lc != (unload ? 11 : 15))
        return SW_LENGTH;
    if (unload)
        return t.kind == TRANS_UNLOAD ? debit_unload(c, &t, a->data, o) : sw_state(c);
    if (t.kind != TRANS_PURCHASE && t.kind != TRANS_CAPP && t.kind != TRANS_CASH)
        return sw_state(c);
    return debit_purchase(c, &t, a->data, o);
}

/* data: new limit 3, date 4, time 3, MAC2 4 (PBOC 2.0 ED, UPDATE OVERDRAW LIMIT) */
uint16_t cs_cmd_limit(struct cardsim *c, const struct apdu *a, struct out *o)
{
    const struct trans t = c->trans;
    uint8_t sk[8], text[32], mac[4], tac[4];
    c->trans.kind = TRANS_NONE;
    if (a->p1 != 0 || a->p2 != 0)
        return SW_P1P2;
    if (a->lc != 14)
        return SW_LENGTH;
    if (t.kind != TRANS_LIMIT)
        return sw_state(c);
    session_key(c, &t, (const uint8_t[]){0x80, 0}, sk);
    memcpy(text, a->data, 3);
    text[3] = t.type;
    memcpy(text + 4, t.terminal, 6);
    memcpy(text + 10, a->data + 3, 7);
    cs_mac_des(sk, zero, text, 17, mac);
    if (!cs_equal(mac, a->data + 10, 4))
        return sw_mac(c);
    struct purse *p = c->nodes[t.node].purse;
    if (p->value + (int64_t)cs_get24(a->data) < 0)
        return SW_BALANCE;
    p->limit = cs_get24(a->data);
    p->online++;
    memmove(text + 6, text, 17);
    cs_put32(text, cs_reported(p));
    cs_put16(text + 4, t.seq);
    tac_of(c, text, 23, tac);
    keep_proof(p, &t, true, mac, tac);
    write_log(c, &t, p, a->data + 3);
    c->changed = true;
    cs_fault_spoil(c, FAULT_TAC, tac);
    cs_emit(o, tac, 4);
    return SW_OK;
}
