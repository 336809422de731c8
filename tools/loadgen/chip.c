/* The half of a light card that is computed. See chip.h. Libcrypto's DES functions are called
 * directly: setting up an EVP context costs ten times the block. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "chip_intern.h"

#include <cardsim.h>
#include <stdlib.h>
#include <string.h>

enum { TRANS_NONE, TRANS_LOAD, TRANS_PURCHASE, TRANS_CAPP };

/* ---- ciphers ---- */

static void schedule(struct chip_kind *k, const uint8_t key[8], DES_key_schedule *ret)
{
    const_DES_cblock b;
    memcpy(b, key, 8);
    DES_set_key_unchecked(&b, ret);
    k->count.schedules++;
}

static void triple_set(struct chip_kind *k, const uint8_t key[16], struct triple *ret)
{
    schedule(k, key, &ret->a);
    schedule(k, key + 8, &ret->b);
}

static void triple_block(struct chip_kind *k, struct triple *t, const uint8_t in[8], uint8_t out[8])
{
    DES_LONG d[2];
    memcpy(d, in, 8);
    DES_encrypt3(d, &t->a, &t->b, &t->a);
    memcpy(out, d, 8);
    k->count.blocks += 3;
}

/* E(MK, factor) ‖ E(MK, NOT factor) */
static void diversify(struct chip_kind *k, struct triple *master,
                      const uint8_t serial[CHIP_SERIAL_LEN], uint8_t out[16])
{
    uint8_t not [8];
    for (size_t i = 0; i < 8; i++)
        not [i] = (uint8_t)~serial[2 + i];
    triple_block(k, master, serial + 2, out);
    triple_block(k, master, not, out + 8);
}

static void mac(struct chip_kind *k, const uint8_t key[8], const uint8_t *data, size_t len,
                uint8_t ret[4])
{
    DES_key_schedule s;
    DES_cblock last = {0}, out;
    schedule(k, key, &s);
    for (size_t at = 0; at <= len; at += 8) {
        for (size_t i = 0; i < 8 && at + i <= len; i++)
            last[i] ^= at + i < len ? data[at + i] : 0x80;
        DES_ecb_encrypt(&last, &out, &s, DES_ENCRYPT);
        memcpy(last, out, 8);
        k->count.blocks++;
    }
    memcpy(ret, last, 4);
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}
static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- what is computed ---- */

static size_t status(uint8_t *ret, unsigned sw)
{
    put16(ret, sw);
    return 2;
}

static void rnd(struct chip_kind *k, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        k->seed ^= k->seed << 13;
        k->seed ^= k->seed >> 7;
        k->seed ^= k->seed << 17;
        out[i] = (uint8_t)(k->seed >> 32);
    }
}

/* random ‖ counter ‖ two bytes, under the card's key */
static void session(struct chip_kind *k, const struct chip *c, struct triple *master,
                    const uint8_t last2[2], uint8_t ret[8])
{
    uint8_t key[16], in[8];
    struct triple t;
    diversify(k, master, c->serial, key);
    triple_set(k, key, &t);
    memcpy(in, c->random, 4);
    put16(in + 4, c->counter);
    memcpy(in + 6, last2, 2);
    triple_block(k, &t, in, ret);
}

static void tac_of(struct chip_kind *k, const struct chip *c, const uint8_t *text, size_t len,
                   uint8_t ret[4])
{
    uint8_t key[16];
    diversify(k, &k->master_tac, c->serial, key);
    for (size_t i = 0; i < 8; i++)
        key[i] ^= key[i + 8];
    mac(k, key, text, len, ret);
}

static size_t body(uint8_t *text, const struct chip *c)
{
    put32(text, c->amount);
    text[4] = c->type;
    memcpy(text + 5, c->sam, 6);
    return 11;
}

static uint32_t shown(const struct chip *c)
{
    return c->store->balance > 0 ? (uint32_t)c->store->balance : 0;
}

static size_t internal_auth(struct chip_kind *k, const struct chip *c, const uint8_t *cmd,
                            uint8_t *ret)
{
    uint8_t key[16];
    struct triple t;
    diversify(k, &k->master_internal, c->serial, key);
    triple_set(k, key, &t);
    for (size_t i = 0; i < cmd[4]; i += 8)
        triple_block(k, &t, cmd + 5 + i, ret + i);
    put16(ret + cmd[4], 0x9000);
    return cmd[4] + 2U;
}

static size_t balance(const struct chip *c, uint8_t *ret)
{
    put32(ret, shown(c));
    put16(ret + 4, 0x9000);
    return 6;
}

/* key id 1, amount 4, SAM 6 */
static size_t initialize(struct chip_kind *k, struct chip *c, const uint8_t *cmd, uint8_t *ret)
{
    bool load = cmd[2] == 0;
    const struct chip_store *s = c->store;
    if (cmd[5] != 1)
        return status(ret, 0x9403);
    c->amount = get32(cmd + 6);
    memcpy(c->sam, cmd + 10, 6);
    c->counter = load ? s->online : s->offline;
    c->type = load ? 2 : cmd[2] == 1 ? 6 : 9;
    if (c->counter == 0xFFFF)
        return status(ret, 0x9402);
    if (load && (int64_t)s->balance + c->amount > INT32_MAX)
        return status(ret, 0x6985);
    if (!load && s->balance < (int64_t)c->amount)
        return status(ret, 0x9401);
    rnd(k, c->random, 4);
    c->trans = load ? TRANS_LOAD : cmd[2] == 1 ? TRANS_PURCHASE : TRANS_CAPP;
    c->cached = 0;
    put32(ret, shown(c));
    put16(ret + 4, c->counter);
    size_t n = 6;
    if (!load) {
        memset(ret + n, 0, 3); /* no overdraft */
        n += 3;
    }
    ret[n++] = 1; /* key version, algorithm */
    ret[n++] = 0;
    memcpy(ret + n, c->random, 4);
    n += 4;
    if (load) {
        uint8_t key[8], text[15];
        session(k, c, &k->master_load, (const uint8_t[]){0x80, 0}, key);
        put32(text, shown(c));
        body(text + 4, c);
        mac(k, key, text, sizeof text, ret + n);
        n += 4;
    }
    put16(ret + n, 0x9000);
    return n + 2;
}

static void keep_proof(struct chip *c, unsigned which, const uint8_t mac2[4], const uint8_t tac[4])
{
    struct chip_proof *p = &c->store->proof[which];
    *p = (struct chip_proof){.valid = 1, .type = c->type, .counter = c->counter};
    memcpy(p->mac, mac2, 4);
    memcpy(p->tac, tac, 4);
}

/* terminal sequence 4, date 4, time 3, MAC1 4 */
static size_t debit(struct chip_kind *k, struct chip *c, const uint8_t *data, uint8_t *ret)
{
    uint8_t key[8], text[32], m[4], tac[4];
    session(k, c, &k->master_purchase, data + 2, key);
    size_t n = body(text, c);
    memcpy(text + n, data + 4, 7);
    mac(k, key, text, n + 7, m);
    if (memcmp(m, data + 11, 4) != 0)
        return status(ret, 0x9302);
    memcpy(text + n, data, 11);
    tac_of(k, c, text, n + 11, tac);
    mac(k, key, text, 4, m);
    struct chip_store *s = c->store;
    if (c->cached) {
        memcpy(s->capp, c->capp, sizeof s->capp);
        s->has_capp = 1;
    }
    if (c->trans != TRANS_CAPP || c->amount > 0) {
        keep_proof(c, 1, m, tac);
        s->balance -= (int32_t)c->amount;
        s->offline++;
        s->moves++;
    }
    memcpy(ret, tac, 4);
    memcpy(ret + 4, m, 4);
    put16(ret + 8, 0x9000);
    return 10;
}

/* date 4, time 3, MAC2 4 */
static size_t credit(struct chip_kind *k, struct chip *c, const uint8_t *data, uint8_t *ret)
{
    uint8_t key[8], text[32], m[4], tac[4];
    session(k, c, &k->master_load, (const uint8_t[]){0x80, 0}, key);
    size_t n = body(text, c);
    memcpy(text + n, data, 7);
    mac(k, key, text, n + 7, m);
    if (memcmp(m, data + 7, 4) != 0)
        return status(ret, 0x9302);
    struct chip_store *s = c->store;
    s->balance += (int32_t)c->amount;
    s->online++;
    s->moves++;
    put32(text, shown(c));
    put16(text + 4, c->counter);
    n = 6 + body(text + 6, c);
    memcpy(text + n, data, 7);
    tac_of(k, c, text, n + 7, tac);
    keep_proof(c, 0, m, tac);
    memcpy(ret, tac, 4);
    put16(ret + 4, 0x9000);
    return 6;
}

static size_t cache(struct chip *c, const uint8_t *cmd, uint8_t *ret)
{
    if (c->trans != TRANS_CAPP)
        return status(ret, 0x6985);
    memcpy(c->capp, cmd + 5, sizeof c->capp);
    c->cached = 1;
    return status(ret, 0x9000);
}

static size_t prove(const struct chip *c, const uint8_t *cmd, uint8_t *ret)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct chip_proof *p = &c->store->proof[i];
        if (!p->valid || p->type != cmd[3] || (uint16_t)(p->counter + 1) != (cmd[5] << 8 | cmd[6]))
            continue;
        memcpy(ret, p->mac, 4);
        memcpy(ret + 4, p->tac, 4);
        put16(ret + 8, 0x9000);
        return 10;
    }
    return status(ret, 0x9406);
}

static size_t journey(const struct chip *c, uint8_t *ret)
{
    memcpy(ret, c->store->capp, CHIP_CAPP_LEN);
    put16(ret + CHIP_CAPP_LEN, 0x9000);
    return CHIP_CAPP_LEN + 2;
}

static size_t move(struct chip_kind *k, struct chip *c, const uint8_t *cmd, uint8_t *ret)
{
    uint8_t trans = c->trans;
    c->trans = TRANS_NONE;
    bool load = cmd[1] == 0x52;
    if (load ? trans != TRANS_LOAD : trans != TRANS_PURCHASE && trans != TRANS_CAPP)
        return status(ret, 0x6901);
    c->trans = trans;
    size_t n = load ? credit(k, c, cmd + 5, ret) : debit(k, c, cmd + 5, ret);
    c->trans = TRANS_NONE;
    return n;
}

static unsigned head(const uint8_t *cmd)
{
    return (unsigned)cmd[0] << 8 | cmd[1];
}

/* Commands without Le or with any: cardsim takes both where the answer fits; 6Cxx is the model's
 * business. */
static bool le_fits(const uint8_t *cmd, size_t len, size_t lc, unsigned answer)
{
    return len == 5 + lc || (len == 6 + lc && (cmd[5 + lc] == 0 || cmd[5 + lc] == answer));
}

static size_t computed(struct chip_kind *k, struct chip *c, const uint8_t *cmd, size_t len,
                       uint8_t *ret)
{
    unsigned p = (unsigned)cmd[2] << 8 | cmd[3];
    switch (head(cmd)) {
    case 0x0088:
        return p == 0 && len > 5 && cmd[4] % 8 == 0 && cmd[4] && len >= 5U + cmd[4]
                   ? internal_auth(k, c, cmd, ret)
                   : 0;
    case 0x805C:
        return p == 2 && len == 5 && (cmd[4] == 4 || cmd[4] == 0) ? balance(c, ret) : 0;
    case 0x8050:
        return (p == 2 || p == 0x0102 || p == 0x0302) && cmd[4] == 11 &&
                       le_fits(cmd, len, 11, p == 2 ? 16 : 15)
                   ? initialize(k, c, cmd, ret)
                   : 0;
    case 0x8054:
        return p == 0x0100 && cmd[4] == 15 && le_fits(cmd, len, 15, 8) ? move(k, c, cmd, ret) : 0;
    case 0x8052:
        return p == 0 && cmd[4] == 11 && le_fits(cmd, len, 11, 4) ? move(k, c, cmd, ret) : 0;
    case 0x80DC:
        return p == 0xAAC8 && cmd[4] == CHIP_CAPP_LEN && len >= 5 + CHIP_CAPP_LEN && cmd[5] == 0xAA
                   ? cache(c, cmd, ret)
                   : 0;
    case 0x805A:
        return cmd[2] == 0 && cmd[4] == 2 && le_fits(cmd, len, 2, 8) ? prove(c, cmd, ret) : 0;
    case 0x00B2:
        return (p == 0xAAC8 || p == 0x01CC) && c->store->has_capp && len == 5 ? journey(c, ret) : 0;
    default:
        return 0;
    }
}

size_t chip_transmit(struct chip_kind *k, struct chip *c, const uint8_t *cmd, size_t len,
                     uint8_t ret[CHIP_ANSWER_MAX])
{
    if (len < 5)
        return chip_plain(k, c, cmd, len, ret);
    unsigned h = head(cmd);
    if (h != 0x8054 && h != 0x8052 && h != 0x80DC)
        c->trans = TRANS_NONE;
    size_t n = k->states[c->state].purse ? computed(k, c, cmd, len, ret) : 0;
    return n ? n : chip_plain(k, c, cmd, len, ret);
}

void chip_serial(uint64_t index, uint8_t ret[CHIP_SERIAL_LEN])
{
    memset(ret, 0, CHIP_SERIAL_LEN);
    ret[2] = 0x77;
    for (int i = CHIP_SERIAL_LEN - 1; i > 3 && index; i--, index /= 100)
        ret[i] = (uint8_t)(index / 10 % 10 << 4 | index % 10);
}

size_t chip_atr(const struct chip_kind *k, uint8_t *ret)
{
    return cardsim_atr(k->model, ret);
}

void chip_on(struct chip *c, const struct chip_kind *k, uint64_t index, struct chip_store *store)
{
    *c = (struct chip){.store = store};
    chip_serial(index, c->serial);
    if (store->used)
        return;
    store->balance = k->site.opening;
    store->online = k->site.online;
    store->offline = k->site.offline;
    store->used = 1;
}

struct chip_kind *chip_kind_new(const struct chip_site *site)
{
    struct chip_kind *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->site = *site;
    k->seed = UINT64_C(0x9E3779B97F4A7C15);
    k->state_count = 1;
    triple_set(k, site->purchase, &k->master_purchase);
    triple_set(k, site->load, &k->master_load);
    triple_set(k, site->tac, &k->master_tac);
    triple_set(k, site->internal, &k->master_internal);
    if (chip_learn_init(k) != 0)
        chip_kind_free(&k);
    return k;
}

void chip_kind_free(struct chip_kind **k)
{
    if (!*k)
        return;
    cardsim_free(&(*k)->model);
    free(*k);
    *k = NULL;
}

struct chip_count chip_count(const struct chip_kind *k)
{
    return k->count;
}
