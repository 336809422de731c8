/*
 * A ready card without the dialogue: the same files and keys that the dialogues of README.md write,
 * laid directly into memory.
 */
#include "card.h"

#include <string.h>

static const uint8_t aid_pboc[] = {0xA0, 0, 0, 0, 3, 0x86, 0x98, 0x07, 0x01};
static const uint8_t aid_tunion[] = {0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x05};

/* Per use: key type, identifier on a PBOC or T-Union card, identifier on a city card; b: its last
 * head byte. */
static const struct {
    uint8_t type, id, b;
} key_uses[CARDSIM_KEY_USES] = {
    [CARDSIM_KEY_MAIN] = {KEY_EXTERNAL, 0, 0x33},
    [CARDSIM_KEY_MAINTENANCE] = {KEY_FILE, 0, 0x33},
    [CARDSIM_KEY_PURCHASE] = {KEY_PURCHASE, 1, 0},
    [CARDSIM_KEY_LOAD] = {KEY_LOAD, 1, 0},
    [CARDSIM_KEY_TAC] = {KEY_TAC, 0, 0},
    [CARDSIM_KEY_UNLOAD] = {KEY_UNLOAD, 1, 0},
    [CARDSIM_KEY_OVERDRAFT] = {KEY_OVERDRAFT, 1, 0},
    [CARDSIM_KEY_INTERNAL] = {KEY_INTERNAL, 0, 0},
    [CARDSIM_KEY_PIN_UNBLOCK] = {KEY_PIN_UNBLOCK, 0, 0x33},
    [CARDSIM_KEY_PIN_RELOAD] = {KEY_PIN_RELOAD, 0, 0x33},
    [CARDSIM_KEY_LOCK] = {KEY_LOCK, 0, 0x33},
    [CARDSIM_KEY_UNLOCK] = {KEY_UNLOCK, 0, 0x33},
    [CARDSIM_KEY_EXTERNAL] = {KEY_EXTERNAL, 7, 0x33},
};

void cardsim_personal_init(struct cardsim_personal *p, enum cardsim_profile profile)
{
    memset(p, 0, sizeof *p);
    p->profile = profile;
    p->app_flag = profile == CARDSIM_TUNION ? 2 : 1;
    p->app_version = 1;
    memcpy(p->start, (uint8_t[]){0x20, 0x20, 0x01, 0x01}, 4);
    memcpy(p->expiry, (uint8_t[]){0x20, 0x50, 0x12, 0x31}, 4);
    for (size_t i = 0; i < CARDSIM_KEY_USES; i++) {
        p->keys[i].id = key_uses[i].id;
        p->keys[i].version = 1;
    }
    if (profile == CARDSIM_HEALTH)
        p->keys[CARDSIM_KEY_EXTERNAL].id = 4;
}

static void card_key(const struct cardsim *c, const struct cardsim_personal *p,
                     const struct cardsim_key *k, uint8_t out[16])
{
    memcpy(out, k->value, 16);
    if (!k->master)
        return;
    void (*diversify)(const uint8_t *, const uint8_t *, uint8_t *) =
        k->algorithm == ALG_SM4 ? cs_sm4_diversify : cs_diversify;
    if (p->profile >= CARDSIM_SSC) {
        uint8_t atr[CARDSIM_ATR_MAX], region[8];
        size_t len = cardsim_atr(c, atr); /* … historical bytes, TCK */
        cs_record_region(p, region);
        diversify(out, region, out);
        diversify(out, atr + len - 9, out);
        return;
    }
    if (p->has_outer_factor)
        diversify(out, p->outer_factor, out);
    diversify(out, p->serial + 2, out);
}

static int put_keys(struct cardsim *c, uint8_t df, const struct cardsim_personal *p)
{
    for (size_t i = 0; i < CARDSIM_KEY_USES; i++) {
        const struct cardsim_key *from = &p->keys[i];
        struct key k = {.df = df,
                        .type = key_uses[i].type,
                        .id = from->id,
                        .use = 0xF0,
                        .change = 0xEF,
                        .len = 16};
        bool counted = key_uses[i].b != 0;
        if (!from->set)
            continue;
        k.a = counted ? (k.type == KEY_EXTERNAL ? (k.id ? 0x42 : 0x44) : 0xFF) : from->version;
        k.b = counted ? key_uses[i].b : from->algorithm;
        if (k.type == KEY_LOAD && p->pin_to_load)
            k.use = 0xF1;
        card_key(c, p, from, k.value);
        int err = cs_key_add(c, &k);
        if (err)
            return err;
    }
    if (p->pin_len == 0)
        return 0;
    struct key pin = {.df = df,
                      .type = KEY_PIN,
                      .use = 0xF0,
                      .change = 0xEF,
                      .a = 1,
                      .b = 0x33,
                      .len = (uint8_t)p->pin_len};
    memcpy(pin.value, p->pin, p->pin_len);
    return cs_key_add(c, &pin);
}

struct layout {
    uint8_t profiles; /* bit per enum cardsim_profile */
    uint16_t fid;
    uint8_t kind, prot, write;
    uint8_t rec_max, rec_len;
    uint16_t size;
};

enum { P = 1 << CARDSIM_PBOC, M = 1 << CARDSIM_MOHURD, T = 1 << CARDSIM_TUNION };

static const struct layout files[] = {
    {P | M | T, 0x15, KIND_BINARY, PROT_MAC, 0xF0, 0, 0, 30},
    {P | M | T, 0x16, KIND_BINARY, PROT_MAC, 0xF0, 0, 0, 55},
    {P, 0x17, KIND_FIXED, 0, 0xF0, 2, 48, 96},
    {M, 0x17, KIND_VARIABLE, PROT_MAC, 0xF0, 0, 0, 512},
    {T, 0x17, KIND_FIXED, 0, 0xF0, 2, 60, 120},
    {P | M | T, 0x18, KIND_CYCLIC, 0, 0xEF, 10, 23, 230},
    {P | T, 0x19, KIND_VARIABLE, PROT_MAC, 0xF0, 0, 0, 512},
    {M, 0x10, KIND_CYCLIC, 0, 0xEF, 10, 23, 230},
    {M, 0x1A, KIND_CYCLIC, 0, 0xEF, 10, 23, 230},
    {T, 0x1E, KIND_CYCLIC, 0, 0xEF, 10, 48, 480},
    {P | M | T, 0x02, KIND_PURSE, 0, 0, 0, 0, 0},
};

static int put_files(struct cardsim *c, uint8_t df, enum cardsim_profile profile)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const struct layout *l = &files[i];
        struct node n = {.kind = l->kind,
                         .fid = l->fid,
                         .prot = l->prot,
                         .access1 = 0xF0,
                         .access2 = l->write,
                         .tail = l->kind == KIND_PURSE ? 0x18 : 0xFF,
                         .rec_max = l->rec_max,
                         .rec_len = l->rec_len,
                         .size = l->size};
        if (l->profiles & 1U << profile && cs_node_add(c, df, &n) == NONE)
            return CARDSIM_EFULL;
    }
    return 0;
}

/* The compound records a gate expects to find: empty ones of the right length. */
static int put_capp(struct cardsim *c, uint8_t df, enum cardsim_profile profile)
{
    static const uint8_t city[][2] = {{0x01, 0x2E}, {0x02, 0x2E}, {0x03, 0x2E}, {0x04, 0x2E},
                                      {0x05, 0x2E}, {0x09, 0x2E}, {0x11, 0x10}};
    static const uint8_t lane[][2] = {{0xAA, 0x29}};
    bool is_city = profile == CARDSIM_MOHURD;
    uint8_t at = cs_find_child(c, df, is_city ? 0x17 : 0x19), rec[48];
    size_t count = is_city ? sizeof city / sizeof city[0] : 1;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *head = is_city ? city[i] : lane[i];
        memset(rec, 0, sizeof rec);
        memcpy(rec, head, 2);
        if (cs_record_append(c, &c->nodes[at], rec, 2U + head[1]) != SW_OK)
            return CARDSIM_EFULL;
    }
    return 0;
}

static void put_identity(struct cardsim *c, uint8_t df, const struct cardsim_personal *p)
{
    uint8_t *d = c->nodes[cs_find_child(c, df, 0x15)].body;
    memcpy(d, p->issuer, 8);
    d[8] = p->app_flag;
    d[9] = p->app_version;
    memcpy(d + 10, p->serial, 10);
    memcpy(d + 20, p->start, 4);
    memcpy(d + 24, p->expiry, 4);
    memcpy(d + 28, p->category, 2);
    memcpy(c->nodes[cs_find_child(c, df, 0x16)].body, p->holder, sizeof p->holder);
}

/* MF: its own main and maintenance keys, the directory file, and 0005 on a city card. */
static int put_mf(struct cardsim *c, const struct cardsim_personal *p, const struct node *app)
{
    struct node dir = {.kind = KIND_FIXED,
                       .fid = 1,
                       .access1 = 0xF0,
                       .access2 = 0xFA,
                       .tail = 0xFF,
                       .rec_max = 2,
                       .rec_len = 0x13,
                       .size = 2 * 0x13};
    struct node issuer = {.kind = KIND_BINARY,
                          .fid = 5,
                          .access1 = 0xF0,
                          .access2 = 0xFA,
                          .tail = 0xFF,
                          .size = 0x28};
    uint8_t entry[0x13] = {0x61, (uint8_t)(2 + app->name_len + 6), 0x4F, app->name_len};
    for (size_t i = 0; i < MAX_KEYS; i++) {
        struct key *k = &c->keys[i];
        const struct cardsim_key *own =
            &p->keys[k->type == KEY_EXTERNAL ? CARDSIM_KEY_MAIN : CARDSIM_KEY_MAINTENANCE];
        if (k->used && k->df == 0 && own->set)
            card_key(c, p, own, k->value);
    }
    uint8_t at = cs_node_add(c, 0, &dir);
    if (at == NONE)
        return CARDSIM_EFULL;
    memcpy(entry + 4, app->name, app->name_len > 9 ? 9 : app->name_len);
    if (app->name_len <= 9) {
        memcpy(entry + 4 + app->name_len, "\x50\x04PBOC", 6);
        (void)cs_record_append(c, &c->nodes[at], entry, sizeof entry);
    }
    if (p->profile != CARDSIM_MOHURD)
        return 0;
    at = cs_node_add(c, 0, &issuer);
    if (at == NONE)
        return CARDSIM_EFULL;
    uint8_t *d = c->nodes[at].body;
    memcpy(d, p->issuer, 6);
    memcpy(d + 8, p->serial + 2, 8);
    memcpy(d + 16, p->category, 2);
    memcpy(d + 18, p->start, 4);
    memcpy(d + 30, p->start, 4);
    memcpy(d + 34, p->expiry, 4);
    return 0;
}

static void describe_app(const struct cardsim_personal *p, struct node *app)
{
    const uint8_t *aid = p->profile == CARDSIM_TUNION ? aid_tunion : aid_pboc;
    size_t len = p->profile == CARDSIM_TUNION ? sizeof aid_tunion : sizeof aid_pboc;
    if (p->aid_len) {
        aid = p->aid;
        len = p->aid_len;
    }
    if (p->profile >= CARDSIM_SSC) {
        cs_record_app(p, app);
        return;
    }
    *app = (struct node){
        .kind = KIND_DF, .fid = 0x3F01, .access1 = 0xF0, .access2 = 0xEF, .tail = 0x95};
    app->name_len = (uint8_t)len;
    memcpy(app->name, aid, len);
}

int cardsim_personalise(struct cardsim *c, const struct cardsim_personal *p)
{
    struct node app, keys = {.kind = KIND_KEYS, .access1 = 0xEF, .tail = 0xFF};
    if (p->profile >= CARDSIM_PROFILES || p->pin_len > sizeof p->pin || p->aid_len > sizeof p->aid)
        return CARDSIM_EINVAL;
    int err = cs_blank(c);
    if (err)
        return err;
    c->opt.profile = p->profile;
    cardsim_power_off(c);
    if (p->profile >= CARDSIM_SSC && c->opt.atr_len == 0)
        cs_own_atr(c);
    if (p->profile >= CARDSIM_SSC && c->opt.atr_len < 2 + 9)
        return CARDSIM_EINVAL; /* no room for the chip's number and the check byte */
    describe_app(p, &app);
    err = put_mf(c, p, &app);
    if (err)
        return err;
    uint8_t df = cs_node_add(c, 0, &app);
    if (df == NONE || cs_node_add(c, df, &keys) == NONE)
        return CARDSIM_EFULL;
    err = put_keys(c, df, p);
    if (!err && p->profile >= CARDSIM_SSC)
        return cs_record_card(c, df, p);
    if (!err)
        err = put_files(c, df, p->profile);
    if (!err)
        err = put_capp(c, df, p->profile);
    if (err)
        return err;
    put_identity(c, df, p);
    return cardsim_purse_set(c, p->balance_fen, p->overdraft_fen, p->online, p->offline);
}
