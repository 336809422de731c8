/*
 * Keys: finding and writing them, challenges, external and internal authentication.
 * Retry counters: high digit the most tries, low digit those left; success refills (FMCOS 2.0,
 * WRITE KEY).
 */
#include "card.h"

#include <openssl/crypto.h>
#include <string.h>

struct key *cs_key_find(struct cardsim *c, uint8_t df, uint8_t type, uint8_t id)
{
    for (size_t i = 0; i < MAX_KEYS; i++) {
        struct key *k = &c->keys[i];
        if (k->used && k->df == df && k->type == type && k->id == id)
            return k;
    }
    return NULL;
}

int cs_key_add(struct cardsim *c, const struct key *k)
{
    for (size_t i = 0; i < MAX_KEYS; i++) {
        if (c->keys[i].used)
            continue;
        c->keys[i] = *k;
        c->keys[i].used = 1;
        c->changed = true;
        return 0;
    }
    return CARDSIM_EFULL;
}

bool cs_key_locked(const struct key *k)
{
    return (k->b & 15) == 0;
}

unsigned cs_key_failed(struct cardsim *c, struct key *k)
{
    if (!cs_key_locked(k)) {
        k->b--;
        c->changed = true;
    }
    return k->b & 15;
}

void cs_key_succeeded(struct cardsim *c, struct key *k)
{
    uint8_t full = (uint8_t)((k->b & 0xF0) | k->b >> 4);
    c->changed |= full != k->b;
    k->b = full;
}

uint16_t cs_cmd_challenge(struct cardsim *c, const struct apdu *a, struct out *o)
{
    if (a->p1 != 0 || a->p2 != 0)
        return SW_P1P2;
    if (a->lc != 0 || !a->has_le || (a->le != 4 && a->le != 8))
        return SW_LENGTH;
    cs_random(c, c->challenge, a->le);
    c->challenge_len = a->le;
    cs_emit(o, c->challenge, a->le);
    return SW_OK;
}

uint16_t cs_cmd_external(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    uint8_t want[8];
    bool session = c->opt.profile >= CARDSIM_SSC && a->lc != 8;
    if (a->p1 != 0)
        return SW_P1P2;
    if (session ? a->lc != (c->opt.profile == CARDSIM_SSC ? 0x10 : 0x11) : a->lc != 8)
        return SW_LENGTH;
    struct key *k = cs_key_find(c, c->df, KEY_EXTERNAL, a->p2);
    if (!k)
        return SW_NO_KEY;
    if (!cs_access(c, k->use))
        return SW_SECURITY;
    if (cs_key_locked(k))
        return SW_BLOCKED;
    if (c->iv_len == 0)
        return SW_RANDOM;
    if (session) { /* the challenge diversifies the key, which enciphers the terminal's bytes */
        uint8_t once[16];
        if (k->len != 16 || c->iv_len != 8)
            return SW_CONDITIONS;
        cs_diversify(k->value, c->iv, once);
        cs_ecb(once, 16, true, a->data + 8, want, 8);
        OPENSSL_cleanse(once, sizeof once);
    } else {
        cs_ecb(k->value, k->len, true, c->iv, want, 8);
    }
    if (!cs_equal(want, a->data, 8))
        return (uint16_t)(0x63C0 | cs_key_failed(c, k));
    cs_key_succeeded(c, k);
    cs_state_set(c, k->a & 15);
    return SW_OK;
}

uint16_t cs_cmd_internal(struct cardsim *c, const struct apdu *a, struct out *o)
{
    static const uint8_t zero[8];
    uint8_t result[256];
    if (a->p1 > 2)
        return SW_P1P2;
    if (a->lc == 0 || (a->p1 < 2 && a->lc % 8 != 0))
        return SW_LENGTH;
    struct key *k = cs_key_find(c, c->df, (uint8_t)(0x30 + a->p1), a->p2);
    if (!k && a->p1 == 0)
        k = cs_key_find(c, c->df, KEY_TAC, a->p2);
    if (!k)
        return SW_NO_KEY;
    if (!cs_access(c, k->use))
        return SW_SECURITY;
    if (a->p1 == 0 && k->type == KEY_INTERNAL && k->b == ALG_SM4) {
        if (a->lc != 8 || k->len != 16)
            return SW_LENGTH;
        cs_sm4_folded(k->value, a->data, result);
        cs_emit(o, result, 8);
        return SW_OK;
    }
    if (a->p1 == 2) {
        cs_mac_retail(k->value, k->len, zero, a->data, a->lc, result);
        cs_emit(o, result, 4);
        return SW_OK;
    }
    cs_ecb(k->value, k->len, a->p1 == 0, a->data, result, a->lc);
    cs_emit(o, result, a->lc);
    return SW_OK;
}

/* FMCOS form: type use change a b value. A PIN is 2..8 bytes, any other key 8 or 16. */
static uint16_t parse_key(const uint8_t *d, size_t len, struct key *k)
{
    if (len < 7 || len > 5 + 16)
        return SW_LENGTH;
    k->type = d[0] & 0x3F;
    k->prot = d[0] & 0xC0;
    k->use = d[1];
    k->change = d[2];
    k->a = d[3];
    k->b = d[4];
    k->len = (uint8_t)(len - 5);
    memcpy(k->value, d + 5, k->len);
    if (k->type == KEY_PIN)
        return k->len <= 8 ? SW_OK : SW_LENGTH;
    if (k->type < 0x30)
        return SW_DATA;
    return k->len == 8 || k->len == 16 ? SW_OK : SW_LENGTH;
}

/* City card form (MOHURD): version algorithm retries state key16, the type in P1. */
static uint16_t parse_city_key(uint8_t p1, const uint8_t *d, struct key *k)
{
    static const uint8_t types[][2] = {
        {0x04, KEY_PIN_UNBLOCK}, {0x05, KEY_PIN_RELOAD}, {0x06, KEY_PURCHASE},  {0x07, KEY_LOAD},
        {0x08, KEY_TAC},         {0x09, KEY_UNLOAD},     {0x0A, KEY_OVERDRAFT}, {0x33, KEY_LOCK},
        {0x34, KEY_UNLOCK},      {0x36, KEY_FILE},       {0x39, KEY_EXTERNAL},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i][0] != p1)
            continue;
        k->type = types[i][1];
        k->use = 0xF0;
        k->change = 0xEF;
        k->prot = 0xC0;
        bool counted = k->type == KEY_EXTERNAL ||
                       (k->type >= KEY_FILE && k->type <= KEY_PIN_RELOAD) || k->type == KEY_LOCK ||
                       k->type == KEY_UNLOCK;
        k->a = counted ? d[3] : d[0];
        k->b = counted ? d[2] : d[1];
        k->len = 16;
        memcpy(k->value, d + 4, 16);
        return SW_OK;
    }
    return SW_DATA;
}

static uint16_t key_replace(struct cardsim *c, const struct apdu *a, struct key *old,
                            const struct key *k)
{
    if (!(a->cla & 4) && old->prot)
        return SW_MAC_MISSING;
    if (!(a->cla & 4) && !cs_access(c, old->change))
        return SW_SECURITY;
    if (old->len != k->len && old->type != KEY_PIN)
        return SW_LENGTH;
    *old = *k;
    old->used = 1;
    c->changed = true;
    return SW_OK;
}

static uint16_t key_store(struct cardsim *c, const struct apdu *a, struct key *k, bool city)
{
    struct key *old = cs_key_find(c, c->df, k->type, k->id);
    if (city)
        return old ? key_replace(c, a, old, k) : cs_key_add(c, k) ? SW_SPACE : SW_OK;
    if (a->p1 != 1) {
        if ((a->p1 & 0x3F) != k->type)
            return SW_DATA;
        return old ? key_replace(c, a, old, k) : SW_NO_KEY;
    }
    uint8_t right = 0xEF;
    for (uint8_t i = 1; i < MAX_NODES; i++)
        if (c->nodes[i].used && c->nodes[i].parent == c->df && c->nodes[i].kind == KIND_KEYS)
            right = c->nodes[i].access1;
    if (!cs_access(c, right))
        return SW_SECURITY;
    if (old)
        return SW_DATA;
    return cs_key_add(c, k) ? SW_SPACE : SW_OK;
}

uint16_t cs_cmd_write_key(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct out plain = {.len = 0};
    struct key k = {.df = c->df, .id = a->p2};
    uint16_t sw = SW_OK;
    if (!cs_has_key_file(c, c->df))
        return SW_NO_FILE;
    if (a->p2 == 0xFF)
        return SW_P1P2;
    if (a->cla & 4) {
        struct key *master = cs_key_find(c, c->df, KEY_EXTERNAL, 0);
        if (!master) /* the first key of a directory comes under the one above */
            master = cs_key_find(c, c->nodes[c->df].parent, KEY_EXTERNAL, 0);
        sw = master ? cs_sm_open(c, a, master, true, &plain) : SW_NO_KEY;
    } else {
        cs_emit(&plain, a->data, a->lc);
    }
    if (sw != SW_OK)
        return sw;
    bool city = (a->cla & 4) && plain.len == 20;
    sw = city ? parse_city_key(a->p1, plain.buf, &k) : parse_key(plain.buf, plain.len, &k);
    return sw == SW_OK ? key_store(c, a, &k, city) : sw;
}
