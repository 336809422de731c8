/* The half of a light card that is learned: one whole card of cardsim, the model, is brought into
 * the state that a card is in and asked once. States are what was selected. See chip.h. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "chip_intern.h"

#include <cardsim.h>
#include <string.h>

static const uint8_t model_serial[CHIP_SERIAL_LEN] = {0x31, 0x41, 0x59, 0x26, 0x53,
                                                      0x58, 0x97, 0x93, 0x23, 0x84};

static void own_key(struct cardsim_personal *p, enum cardsim_key_use use, const uint8_t value[16])
{
    struct cardsim_key *key = &p->keys[use];
    key->set = key->master = true;
    memcpy(key->value, value, 16);
}

static int model_new(struct chip_kind *k)
{
    struct cardsim_personal p;
    struct cardsim_options o = {.profile = CARDSIM_PBOC};
    cardsim_personal_init(&p, CARDSIM_PBOC);
    memcpy(p.issuer, k->site.issuer, sizeof p.issuer);
    memcpy(p.serial, model_serial, sizeof p.serial);
    memcpy(p.start, "\x20\x25\x01\x01", 4);
    memcpy(p.expiry, "\x20\x45\x12\x31", 4);
    own_key(&p, CARDSIM_KEY_MAIN, k->site.main);
    own_key(&p, CARDSIM_KEY_MAINTENANCE, k->site.maintenance);
    own_key(&p, CARDSIM_KEY_PURCHASE, k->site.purchase);
    own_key(&p, CARDSIM_KEY_LOAD, k->site.load);
    own_key(&p, CARDSIM_KEY_TAC, k->site.tac);
    own_key(&p, CARDSIM_KEY_INTERNAL, k->site.internal);
    int rc = cardsim_new(&k->model, &o);
    return rc ? rc : cardsim_personalise(k->model, &p);
}

/* The model is brought into a state, and asked. */
static size_t ask_model(struct chip_kind *k, const struct path *p, const uint8_t *cmd, size_t len,
                        uint8_t ret[CHIP_ANSWER_MAX])
{
    size_t n = 0;
    cardsim_power_on(k->model);
    for (unsigned i = 0; i < p->count; i++)
        if (cardsim_transmit(k->model, p->cmd[i], p->len[i], ret, CHIP_ANSWER_MAX, &n) != 0)
            return 0;
    return cardsim_transmit(k->model, cmd, len, ret, CHIP_ANSWER_MAX, &n) == 0 ? n : 0;
}

static bool has_purse(struct chip_kind *k, const struct path *p)
{
    static const uint8_t balance[] = {0x80, 0x5C, 0x00, 0x02, 0x04};
    uint8_t out[CHIP_ANSWER_MAX];
    size_t n = ask_model(k, p, balance, sizeof balance, out);
    return n == 6 && out[4] == 0x90;
}

/* SELECT by name from the root or anywhere gives the same state: a path of one command. By file id
 * it may hang on where one was. */
static uint8_t state_after(struct chip_kind *k, uint8_t from, const uint8_t *cmd, size_t len)
{
    struct path p = {0};
    if (!(cmd[2] & 4))
        p = k->states[from];
    if (p.count == PATH_MAX_CMDS)
        return from;
    p.len[p.count] = (uint8_t)len;
    memcpy(p.cmd[p.count++], cmd, len);
    for (unsigned i = 0; i < k->state_count; i++)
        if (k->states[i].count == p.count && memcmp(k->states[i].len, p.len, sizeof p.len) == 0 &&
            memcmp(k->states[i].cmd, p.cmd, sizeof p.cmd) == 0)
            return (uint8_t)i;
    if (k->state_count == STATES_MAX)
        return from;
    p.purse = has_purse(k, &p);
    k->states[k->state_count] = p;
    return (uint8_t)k->state_count++;
}

static struct learned *place(struct chip_kind *k, uint8_t state, const uint8_t *cmd, size_t len)
{
    uint32_t h = 2166136261U ^ state;
    for (size_t i = 0; i < len; i++)
        h = (h ^ cmd[i]) * 16777619U;
    for (unsigned i = 0; i < LEARNED_MAX; i++) {
        struct learned *l = &k->learned[(h + i) % LEARNED_MAX];
        if (!l->used || (l->state == state && l->cmd_len == len && memcmp(l->cmd, cmd, len) == 0))
            return l;
    }
    return NULL;
}

static int16_t find_serial(const uint8_t *at, size_t len)
{
    const uint8_t *hit = memmem(at, len, model_serial, sizeof model_serial);
    return hit ? (int16_t)(hit - at) : -1;
}

size_t chip_plain(struct chip_kind *k, struct chip *c, const uint8_t *cmd, size_t len, uint8_t *ret)
{
    struct learned *l =
        len <= CMD_MAX && k->count.learned < LEARNED_MAX - 1 ? place(k, c->state, cmd, len) : NULL;
    if (!l) {
        ret[0] = 0x6F;
        ret[1] = 0x00;
        return 2;
    }
    if (!l->used) {
        size_t n = ask_model(k, &k->states[c->state], cmd, len, l->answer);
        *l = (struct learned){.used = n >= 2,
                              .state = c->state,
                              .next = c->state,
                              .cmd_len = (uint8_t)len,
                              .len = (uint16_t)n,
                              .serial_at = -1};
        memcpy(l->cmd, cmd, len);
        n = ask_model(k, &k->states[c->state], cmd, len, l->answer);
        l->serial_at = find_serial(l->answer, n);
        if (n >= 2 && l->answer[n - 2] == 0x90 && cmd[1] == 0xA4)
            l->next = state_after(k, c->state, cmd, len);
        k->count.learned++;
    }
    memcpy(ret, l->answer, l->len);
    if (l->serial_at >= 0)
        memcpy(ret + l->serial_at, c->serial, CHIP_SERIAL_LEN);
    c->state = l->next;
    return l->len;
}

int chip_learn_init(struct chip_kind *k)
{
    int rc = model_new(k);
    if (rc == 0)
        k->states[0].purse = has_purse(k, &k->states[0]);
    return rc;
}
