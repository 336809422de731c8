/* A rig with a card in software on its reader, under known master keys that the custody has too. */
#ifndef SIM_RIG_H
#define SIM_RIG_H

#include "card_test.h"
#include "reader_sim.h"

#include <cardsim.h>

struct kind {
    const char *name; /* of the profile */
    enum cardsim_profile sim;
    bool t0;
};
struct sim {
    const struct kind *kind;
    struct rig *r;
    struct reader_sim *reader;
    struct cardsim *card;
};

static const uint8_t sim_serial[10] = {0x03, 0x10, 0x44, 0x03, 0, 0, 0, 0, 0x12, 0x34};
static const uint8_t sim_issuer[8] = {0x44, 0x03, 0x75, 0x51, 0xFF, 0xFF, 0xFF, 0xFF};

static inline void sim_master(enum key_purpose p, uint8_t key[16])
{
    for (size_t i = 0; i < 16; i++)
        key[i] = (uint8_t)(0x10 * (unsigned)p + i + 1);
}

static inline void sim_add_key(struct rig *r, enum key_purpose purpose, uint8_t version)
{
    struct custody_slot slot = {
        .purpose = purpose, .alg = PBOC_3DES, .version = version, .all_issuers = true};
    uint8_t key[16];
    sim_master(purpose, key);
    assert_int_equal(custody_add(r->custody, &slot, key), 0);
}

static inline void sim_set_key(struct cardsim_personal *p, enum cardsim_key_use use,
                               enum key_purpose purpose)
{
    p->keys[use].set = p->keys[use].master = true;
    sim_master(purpose, p->keys[use].value);
}

static inline void sim_ready_card(struct sim *x)
{
    struct cardsim_personal p;
    cardsim_personal_init(&p, x->kind->sim);
    memcpy(p.issuer, sim_issuer, sizeof(p.issuer));
    memcpy(p.serial, sim_serial, sizeof(p.serial));
    sim_set_key(&p, CARDSIM_KEY_PURCHASE, KEY_PURCHASE);
    sim_set_key(&p, CARDSIM_KEY_LOAD, KEY_LOAD);
    sim_set_key(&p, CARDSIM_KEY_TAC, KEY_TAC);
    sim_set_key(&p, CARDSIM_KEY_INTERNAL, KEY_INTERNAL);
    sim_set_key(&p, CARDSIM_KEY_MAINTENANCE, KEY_MAINTENANCE);
    p.balance_fen = 10000;
    p.online = 7;
    p.offline = 40;
    assert_int_equal(cardsim_personalise(x->card, &p), 0);
}

/* `blank`: as the maker ships it; else ready for use with 100 yuan. */
static inline struct sim *sim_new(const struct kind *kind, bool blank)
{
    struct sim *x = calloc(1, sizeof(*x));
    struct cardsim_options o = {.profile = kind->sim, .t0 = kind->t0};
    assert_non_null(x);
    x->kind = kind;
    x->r = rig_new();
    x->r->arg = x;
    rig_profiles(x->r);
    assert_int_equal(custody_new(true, &x->r->custody), 0);
    for (int p = KEY_PURCHASE; p <= KEY_MAINTENANCE; p++)
        sim_add_key(x->r, (enum key_purpose)p, 1);
    assert_int_equal(cardsim_new(&x->card, &o), 0);
    cardsim_set_seed(x->card, 1);
    if (!blank)
        sim_ready_card(x);
    assert_int_equal(reader_sim_new(x->r->rs, "sim", &x->reader), 0);
    x->r->reader = reader_sim_reader(x->reader);
    reader_sim_insert(x->reader, x->card);
    return x;
}

static inline void sim_free(struct sim *x)
{
    rig_free(x->r);
    cardsim_free(&x->card);
    free(x);
}

static inline struct sim *sim_of(struct rig *r)
{
    return (struct sim *)(uintptr_t)r->arg;
}

#endif
