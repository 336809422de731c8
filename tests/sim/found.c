/* What a city begins with: participants, terminals, cards with their keys. */
#include "box.h"

#include <stdio.h>
#include <string.h>

const uint8_t found_issuer[OC_ISSUER_LEN] = {0x10, 0x20, 0x30, 0x40, 0, 0, 0, 1};

static void key_of(enum key_purpose purpose, uint8_t ret[16])
{
    for (int i = 0; i < 16; i++)
        ret[i] = (uint8_t)(0x11 * (int)purpose + 2 * i);
}

static void put_key(struct cardsim_personal *p, enum cardsim_key_use use, enum key_purpose purpose,
                    uint8_t id)
{
    struct cardsim_key *k = &p->keys[use];
    *k = (struct cardsim_key){.set = true, .master = true, .id = id, .version = 1};
    key_of(purpose, k->value);
}

void found_keys(struct city *c)
{
    for (int p = 1; p <= KEY_PURPOSE_LAST; p++) {
        struct custody_slot slot = {
            .purpose = (enum key_purpose)p, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
        uint8_t key[16];
        key_of(slot.purpose, key);
        CHECK(custody_add(c->serve->custody, &slot, key) == 0);
    }
}

/* Whose serial number it has. */
static int original(int chip)
{
    return chip < CITY_CARDS     ? chip
           : chip == CITY_FORGED ? FORGED_OF
                                 : COPIED_FROM + chip - CITY_FORGED - 1;
}

void found_cards(struct city *c)
{
    for (int chip = 0; chip < CITY_CHIPS; chip++) {
        int i = original(chip);
        struct city_card *card = &c->cards[chip];
        struct cardsim_options o = {.profile = CARDSIM_PBOC, .t0 = i % 3 == 2};
        struct cardsim_personal p;
        cardsim_personal_init(&p, CARDSIM_PBOC);
        memcpy(p.issuer, found_issuer, sizeof found_issuer);
        card->serial[2] = 0x31;
        card->serial[9] = (uint8_t)((i + 1) / 10 * 16 + (i + 1) % 10);
        memcpy(p.serial, card->serial, sizeof p.serial);
        p.app_flag = 1;
        CHECK(hex_decode("20200101", p.start, 4) == 0 && hex_decode("20491231", p.expiry, 4) == 0);
        put_key(&p, CARDSIM_KEY_MAIN, KEY_MAIN, 0);
        put_key(&p, CARDSIM_KEY_MAINTENANCE, KEY_MAINTENANCE, 0);
        put_key(&p, CARDSIM_KEY_PURCHASE, KEY_PURCHASE, 1);
        put_key(&p, CARDSIM_KEY_LOAD, KEY_LOAD, 1);
        put_key(&p, CARDSIM_KEY_TAC, KEY_TAC, 0);
        put_key(&p, CARDSIM_KEY_INTERNAL, KEY_INTERNAL, 0);
        for (int k = 0; chip == CITY_FORGED && k < CARDSIM_KEY_USES; k++)
            p.keys[k].value[0] ^= 0x5A; /* who forges has no keys */
        p.balance_fen = chip == CITY_FORGED ? 90000 : 0;
        p.offline = i == CITY_CARDS - 1 ? 0xFFFF - 25 : 0; /* it will be used up */
        p.online = i == CITY_CARDS - 2 ? 0xFFFF - 12 : 0;
        CHECK(cardsim_new(&card->chip, &o) == 0);
        cardsim_set_seed(card->chip, c->plan.seed * 100 + (uint64_t)chip);
        CHECK(cardsim_personalise(card->chip, &p) == 0);
        card->balance = p.balance_fen;
    }
}

static struct ledger_op *fresh(struct ledger_op *op, enum ledger_op_type type)
{
    memset(op, 0, sizeof *op);
    op->type = (uint8_t)type;
    (void)snprintf(op->who, sizeof op->who, "founder");
    return op;
}

static CO_FN int submit(struct city *c, struct ledger_op *op)
{
    int rc = ledger_co_submit(c->serve->ledger, op);
    if (rc != 0)
        fprintf(stderr, "founding: %s: %s %s\n", op_name(op->type), oc_strerror(rc), op->detail);
    return rc;
}

static CO_FN int participants(struct city *c, struct ledger_op *op)
{
    static const char *const ids[] = {"bank", "shop", "bus"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(ids); i++) {
        struct op_participant *p = &fresh(op, LOP_PARTICIPANT)->participant;
        (void)snprintf(p->id, sizeof p->id, "%s", ids[i]);
        (void)snprintf(p->name, sizeof p->name, "%s", ids[i]);
        p->load_quota = BANK_QUOTA;
        rc = submit(c, op);
    }
    return rc;
}

static CO_FN int terminals(struct city *c, struct ledger_op *op)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < CITY_TILLS; i++) {
        struct op_terminal *t = &fresh(op, LOP_TERMINAL)->terminal;
        const char *kind = strncmp(c->tills[i].id, "bus", 3) == 0 ? "bus" : "desk";
        (void)snprintf(t->id, sizeof t->id, "%s", c->tills[i].id);
        (void)snprintf(t->kind, sizeof t->kind, "%s", kind);
        (void)snprintf(t->participant, sizeof t->participant, "%.*s",
                       (int)strcspn(t->id, "0123456789"), t->id);
        t->sam[0] = 0x10;
        t->sam[5] = (uint8_t)(i + 1);
        if (!c->tills[i].net)
            (void)snprintf(t->reader, sizeof t->reader, "%s", t->id);
        (void)snprintf(t->services, sizeof t->services, "*");
        (void)snprintf(t->params, sizeof t->params,
                       "{\"table\":\"bus\",\"line\":\"%u\",\"same_card_seconds\":\"0\"}",
                       i % 2 + 12);
        rc = submit(c, op);
    }
    return rc;
}

/* As if each had enrolled: a token, and its key. */
static CO_FN int terminal_keys(struct city *c, struct ledger_op *op)
{
    int rc = 0;
    for (unsigned i = CITY_LOCAL; rc == 0 && i < CITY_TILLS; i++) {
        for (uint8_t action = TERMINAL_KEY_TOKEN; rc == 0 && action <= TERMINAL_KEY_PIN; action++) {
            struct op_terminal_key *k = &fresh(op, LOP_TERMINAL_KEY)->terminal_key;
            (void)snprintf(k->terminal, sizeof k->terminal, "%s", c->tills[i].id);
            k->action = action;
            memset(k->token_hash, (int)(i + 1), sizeof k->token_hash);
            k->token_until_ms = city_now_ms(c) + MS_PER_DAY;
            if (action == TERMINAL_KEY_PIN) {
                lane_pin(&c->tills[i], k->pin);
                k->not_after_ms = city_now_ms(c) + 400 * MS_PER_DAY;
            }
            rc = submit(c, op);
        }
    }
    return rc;
}

static CO_FN int citizens(struct city *c, struct ledger_op *op)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < CITY_CARDS; i++) {
        struct op_citizen *p = &fresh(op, LOP_CITIZEN)->citizen;
        (void)snprintf(p->id, sizeof p->id, "c%d", i + 1);
        p->search[0] = (uint8_t)(i + 1);
        p->sealed_len = 8;
        rc = submit(c, op);
    }
    return rc;
}

static CO_FN int cards(struct city *c, struct ledger_op *op)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < CITY_CARDS; i++) {
        struct op_card_add *a = &fresh(op, LOP_CARD_ADD)->card_add;
        memcpy(a->issuer, found_issuer, sizeof found_issuer);
        memcpy(a->serial, c->cards[i].serial, sizeof a->serial);
        (void)snprintf(a->number, sizeof a->number, "3100000000000%05d", i + 1);
        (void)snprintf(a->profile, sizeof a->profile, "pboc-ep");
        a->kind = CARD_NAMED;
        a->state = CARD_ACTIVE;
        a->registered = 1;
        a->ceiling = CARD_CEILING;
        (void)snprintf(a->citizen, sizeof a->citizen, "c%d", i + 1);
        rc = submit(c, op);
        for (int chip = 0; chip < CITY_CHIPS; chip++)
            c->cards[chip].id = original(chip) == i ? op->card_add.card : c->cards[chip].id;
    }
    return rc;
}

int found_co_city(struct city *c)
{
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    int rc = op ? participants(c, op) : OC_ENOMEM;
    if (rc == 0)
        rc = terminals(c, op);
    if (rc == 0)
        rc = terminal_keys(c, op);
    if (rc == 0)
        rc = boxes_co_found(c, op);
    if (rc == 0)
        rc = citizens(c, op);
    return rc == 0 ? cards(c, op) : rc;
}
