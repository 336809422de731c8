/*
 * The purse up to the moment money moves: balances, the INITIALIZE commands, the cache of the
 * compound purchase, GET TRANSACTION PROVE and the city card's security code.
 *
 * INITIALIZE opens c->trans; any command but the expected next one closes it (see the table in
 * card.c).
 */
#include "record.h"

#include <string.h>

/* What the wire calls balance: never below zero; the overdraft in use has its own code. */
uint32_t cs_reported(const struct purse *p)
{
    return p->value > 0 ? (uint32_t)p->value : 0;
}

uint8_t cs_purse_node(const struct cardsim *c, uint8_t which)
{
    uint8_t at = which == 1 || which == 2 ? cs_find_child(c, c->df, which) : NONE;
    return at != NONE && c->nodes[at].kind == KIND_PURSE ? at : NONE;
}

struct init_form {
    uint8_t p1, lc, key_type;
    enum trans_kind kind;
    uint8_t ed_type, ep_type; /* transaction type by P2 = 01, 02; 0 = not for that purse */
};

static const struct init_form forms[] = {
    {0x00, 11, KEY_LOAD, TRANS_LOAD, 0x01, 0x02},
    {0x01, 11, KEY_PURCHASE, TRANS_PURCHASE, 0x05, 0x06},
    {0x02, 11, KEY_PURCHASE, TRANS_CASH, 0x04, 0},
    {0x03, 11, KEY_PURCHASE, TRANS_CAPP, 0, 0x09},
    {0x04, 7, KEY_OVERDRAFT, TRANS_LIMIT, 0x07, 0x07},
    {0x05, 11, KEY_UNLOAD, TRANS_UNLOAD, 0x03, 0x03},
};

static const struct init_form *form_of(uint8_t p1)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].p1 == p1)
            return &forms[i];
    return NULL;
}

static bool is_online(enum trans_kind kind)
{
    return kind == TRANS_LOAD || kind == TRANS_UNLOAD || kind == TRANS_LIMIT;
}

static uint16_t affordable(const struct purse *p, const struct trans *t)
{
    if (t->seq == 0xFFFF)
        return SW_COUNTER;
    if (t->kind == TRANS_LOAD && p->value + (int64_t)t->amount > INT64_C(0x7FFFFFFF))
        return SW_CONDITIONS; /* the top bit of a balance is a flag to many readers */
    if (t->kind == TRANS_LOAD || t->kind == TRANS_LIMIT)
        return SW_OK;
    int64_t limit = t->kind == TRANS_UNLOAD ? 0 : (int64_t)p->limit;
    return p->value + limit >= (int64_t)t->amount ? SW_OK : SW_BALANCE;
}

/* balance seq [limit] version algorithm random [MAC1] */
static void emit_init(struct cardsim *c, const struct purse *p, const struct trans *t,
                      struct out *o)
{
    static const uint8_t zero[8];
    const struct key *k = &c->keys[t->key];
    uint8_t head[4 + 2 + 3], tail[6], sk[8], in[8], text[15], mac[4];
    size_t head_len = 6;
    cs_put32(head, cs_reported(p));
    cs_put16(head + 4, t->seq);
    if (t->kind != TRANS_LOAD && t->kind != TRANS_UNLOAD) {
        cs_put24(head + 6, p->limit);
        head_len = 9;
    }
    cs_emit(o, head, head_len);
    memcpy(tail, (uint8_t[]){k->a, k->b}, 2);
    memcpy(tail + 2, t->random, 4);
    cs_emit(o, tail, 6);
    if (!is_online(t->kind))
        return;
    memcpy(in, t->random, 4);
    memcpy(in + 4, head + 4, 2);
    memcpy(in + 6, (uint8_t[]){0x80, 0}, 2);
    cs_ecb(k->value, k->len, true, in, sk, 8);
    size_t n = t->kind == TRANS_LIMIT ? 3 : 4;
    memcpy(text, head, 4);
    if (t->kind == TRANS_LIMIT)
        cs_put24(text + 4, p->limit);
    else
        cs_put32(text + 4, t->amount);
    text[4 + n] = t->type;
    memcpy(text + 5 + n, t->terminal, 6);
    cs_mac_des(sk, zero, text, 11 + n, mac);
    cs_fault_spoil(c, FAULT_MAC1, mac);
    cs_emit(o, mac, 4);
}

uint16_t cs_cmd_initialize(struct cardsim *c, const struct apdu *a, struct out *o)
{
    const struct init_form *f = form_of(a->p1);
    uint8_t at = cs_purse_node(c, a->p2);
    if (!f || (a->p2 != 1 && a->p2 != 2))
        return SW_P1P2;
    if (a->lc != f->lc)
        return SW_LENGTH;
    if (at == NONE)
        return SW_NO_FILE;
    struct trans t = {.kind = f->kind, .node = at, .type = a->p2 == 1 ? f->ed_type : f->ep_type};
    if (t.type == 0)
        return SW_P1P2;
    const struct key *k = cs_key_find(c, c->df, f->key_type, a->data[0]);
    if (!k)
        return SW_KEY_INDEX;
    if (!cs_access(c, k->use) || !cs_access(c, c->nodes[at].access1))
        return SW_SECURITY;
    const struct purse *p = c->nodes[at].purse;
    t.key = (uint8_t)(k - c->keys);
    t.seq = is_online(t.kind) ? p->online : p->offline;
    t.amount = f->lc == 11 ? cs_get32(a->data + 1) : 0;
    memcpy(t.terminal, a->data + a->lc - 6, 6);
    uint16_t sw = affordable(p, &t);
    if (sw != SW_OK)
        return sw;
    cs_random(c, t.random, 4);
    c->trans = t;
    emit_init(c, p, &t, o);
    return SW_OK;
}

/* The record must fit now: at the DEBIT nothing but the MAC may refuse it. */
uint16_t cs_cmd_capp_cache(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct trans *t = &c->trans;
    if (t->kind != TRANS_CAPP)
        return SW_CONDITIONS;
    uint8_t sfi = a->p2 >> 3;
    uint8_t at = cs_find_sfi(c, sfi);
    uint8_t mode = a->p2 & 7;
    uint16_t sw = at == NONE ? (sfi ? SW_NO_FILE : SW_NO_EF) : SW_OK;
    if (sw == SW_OK && mode != 0 && mode != 4)
        sw = SW_P1P2;
    if (sw == SW_OK && a->lc == 0)
        sw = SW_LENGTH;
    struct record_place where = {.p1 = a->p1, .mode = mode, .capp = true};
    if (sw == SW_OK)
        sw = cs_record_put(c, &c->nodes[at], &where, a->data, a->lc, true);
    if (sw == SW_OK && t->n_caches == MAX_CACHES)
        sw = SW_SPACE;
    if (sw != SW_OK) {
        t->kind = TRANS_NONE;
        return sw;
    }
    struct cache *cache = &t->caches[t->n_caches++];
    cache->node = at;
    cache->p1 = a->p1;
    cache->by_number = mode == 4;
    cache->len = (uint8_t)a->lc;
    memcpy(cache->data, a->data, a->lc);
    return SW_OK;
}

/* P1 = 00 everywhere; 01 limit, 02 overdraft in use, 03 balance only on T-Union cards (JT/T 978).
 */
uint16_t cs_cmd_balance(struct cardsim *c, const struct apdu *a, struct out *o)
{
    uint8_t at = cs_purse_node(c, a->p2), buf[4];
    if (a->p1 > (c->opt.profile == CARDSIM_TUNION ? 3 : 0) || (a->p2 != 1 && a->p2 != 2))
        return SW_P1P2;
    if (at == NONE)
        return SW_NO_FILE;
    if (!cs_access(c, c->nodes[at].access1))
        return SW_SECURITY;
    const struct purse *p = c->nodes[at].purse;
    uint32_t value = cs_reported(p);
    if (a->p1 == 1)
        value = p->limit;
    else if (a->p1 == 2)
        value = p->value < 0 ? (uint32_t)-p->value : 0;
    cs_put32(buf, value);
    cs_emit(o, buf, 4);
    return SW_OK;
}

static bool type_is_online(uint8_t type)
{
    return type <= 3 || type == 7;
}

uint16_t cs_cmd_prove(struct cardsim *c, const struct apdu *a, struct out *o)
{
    if (a->p1 != 0)
        return SW_P1P2;
    if (a->lc != 2)
        return SW_LENGTH;
    if (cs_fault_take(c, FAULT_NO_PROVE, a->ins))
        return SW_NO_PROVE;
    for (uint8_t which = 1; which <= 2; which++) {
        uint8_t at = cs_purse_node(c, which);
        if (at == NONE)
            continue;
        const struct proof *p = &c->nodes[at].purse->proofs[type_is_online(a->p2) ? 0 : 1];
        uint16_t seq = (uint16_t)(p->seq_before + (c->opt.prove_before ? 0 : 1));
        if (!p->valid || p->type != a->p2 || seq != cs_get16(a->data))
            continue;
        cs_emit(o, c->opt.prove_tac_first ? p->tac : p->mac, 4);
        cs_emit(o, c->opt.prove_tac_first ? p->mac : p->tac, 4);
        return SW_OK;
    }
    return SW_NO_PROVE;
}

void cs_security_code(const struct cardsim *c, uint8_t out[CARDSIM_SECURITY_CODE])
{
    if (c->opt.has_security_code) {
        memcpy(out, c->opt.security_code, CARDSIM_SECURITY_CODE);
        return;
    }
    uint8_t at = cs_find_child(c, c->df, 0x15);
    memset(out, 0, CARDSIM_SECURITY_CODE);
    out[0] = 0x85;
    if (at != NONE && c->nodes[at].size >= 20) {
        memcpy(out + 1, c->nodes[at].body + 16, 4);
        memcpy(out + 5, c->nodes[at].body + 16, 4);
    }
}

uint16_t cs_cmd_security_code(struct cardsim *c, const struct apdu *a, struct out *o)
{
    uint8_t code[CARDSIM_SECURITY_CODE];
    if (c->opt.profile != CARDSIM_MOHURD)
        return SW_INS;
    if (a->p1 != 0 || a->p2 != 0)
        return SW_P1P2;
    cs_security_code(c, code);
    cs_emit(o, code, sizeof code);
    return SW_OK;
}
