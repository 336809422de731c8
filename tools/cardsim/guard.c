/*
 * Secure messaging, PINs and the blocking commands. A wrong MAC costs the key a try; a file key
 * (36) out of tries locks its application for good (9303), as the purse standard wants it.
 */
#include "card.h"

#include <string.h>

void cs_state_set(struct cardsim *c, uint8_t state)
{
    c->df_state = state;
    if (c->df == 0)
        c->mf_state = state;
}

static uint16_t mac_refused(struct cardsim *c, struct key *k)
{
    if (cs_key_failed(c, k) > 0)
        return SW_SM_MAC;
    if (k->type != KEY_FILE || k->df == 0)
        return SW_SM_MAC;
    c->nodes[k->df].block = 2;
    c->changed = true;
    return SW_LOCKED;
}

/* The last four bytes of the data are the MAC over the header, Lc and what precedes it. */
uint16_t cs_sm_check(struct cardsim *c, const struct apdu *a, struct key *k)
{
    uint8_t text[5 + 255], mac[4];
    bool counted = k->type != KEY_LOCK && k->type != KEY_UNLOCK;
    if (a->lc < 4)
        return SW_MAC_MISSING;
    if (!cs_access(c, k->use))
        return SW_SECURITY;
    if (counted && cs_key_locked(k))
        return SW_BLOCKED;
    if (c->iv_len == 0)
        return SW_RANDOM;
    memcpy(text, (uint8_t[]){a->cla, a->ins, a->p1, a->p2, (uint8_t)a->lc}, 5);
    memcpy(text + 5, a->data, a->lc - 4);
    cs_mac_retail(k->value, k->len, c->iv, text, a->lc + 1, mac);
    if (!cs_equal(mac, a->data + a->lc - 4, 4))
        return mac_refused(c, k);
    cs_key_succeeded(c, k);
    return SW_OK;
}

uint16_t cs_sm_open(struct cardsim *c, const struct apdu *a, struct key *k, bool encrypted,
                    struct out *plain)
{
    uint8_t text[256];
    uint16_t sw = cs_sm_check(c, a, k);
    if (sw != SW_OK)
        return sw;
    size_t len = a->lc - 4;
    plain->len = 0;
    if (!encrypted) {
        cs_emit(plain, a->data, len);
        return SW_OK;
    }
    if (len == 0 || len % 8 != 0)
        return SW_LENGTH;
    cs_ecb(k->value, k->len, false, a->data, text, len);
    if (text[0] + 1U > len)
        return SW_DATA;
    cs_emit(plain, text + 1, text[0]);
    return SW_OK;
}

static bool pin_equals(const struct key *k, const uint8_t *pin, size_t len)
{
    size_t have = k->len;
    while (have > 1 && k->value[have - 1] == 0xFF)
        have--;
    while (len > 1 && pin[len - 1] == 0xFF)
        len--;
    return have == len && cs_equal(k->value, pin, len);
}

static uint16_t pin_check(struct cardsim *c, struct key *k, const uint8_t *pin, size_t len)
{
    if (cs_key_locked(k))
        return SW_BLOCKED;
    if (!pin_equals(k, pin, len))
        return (uint16_t)(0x63C0 | cs_key_failed(c, k));
    cs_key_succeeded(c, k);
    return SW_OK;
}

static void pin_put(struct cardsim *c, struct key *k, const uint8_t *pin, size_t len)
{
    memset(k->value, 0, sizeof k->value);
    memcpy(k->value, pin, len);
    k->len = (uint8_t)len;
    c->changed = true;
    cs_key_succeeded(c, k);
}

uint16_t cs_cmd_verify(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (a->p1 != 0)
        return SW_P1P2;
    if (a->lc < 1 || a->lc > 8)
        return SW_LENGTH;
    struct key *k = cs_key_find(c, c->df, KEY_PIN, a->p2);
    if (!k)
        return SW_KEY_INDEX;
    if (!cs_access(c, k->use))
        return SW_SECURITY;
    uint16_t sw = pin_check(c, k, a->data, a->lc);
    if (sw == SW_OK)
        cs_state_set(c, k->a & 15);
    return sw;
}

static uint16_t pin_change(struct cardsim *c, const struct apdu *a, struct key *k)
{
    const uint8_t *mark = memchr(a->data, 0xFF, a->lc);
    if (!mark)
        return SW_DATA;
    size_t old_len = (size_t)(mark - a->data), len = a->lc - old_len - 1;
    if (old_len < 1 || len < 2 || len > 6)
        return SW_LENGTH;
    uint16_t sw = pin_check(c, k, a->data, old_len);
    if (sw == SW_OK)
        pin_put(c, k, mark + 1, len);
    return sw;
}

static uint16_t pin_reload(struct cardsim *c, const struct apdu *a, struct key *k)
{
    static const uint8_t zero[8];
    uint8_t folded[8], mac[4];
    struct key *reload = cs_key_find(c, c->df, KEY_PIN_RELOAD, 0);
    if (!reload)
        return SW_KEY_INDEX;
    if (a->lc < 6 || a->lc > 10)
        return SW_LENGTH;
    if (cs_key_locked(reload))
        return SW_BLOCKED;
    cs_fold(reload->value, reload->len, folded);
    cs_mac_des(folded, zero, a->data, a->lc - 4, mac);
    if (!cs_equal(mac, a->data + a->lc - 4, 4)) {
        cs_key_failed(c, reload);
        return 0x9302;
    }
    cs_key_succeeded(c, reload);
    pin_put(c, k, a->data, a->lc - 4);
    return SW_OK;
}

uint16_t cs_cmd_pin(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct key *k = cs_key_find(c, c->df, KEY_PIN, a->p2);
    if (!k)
        return SW_KEY_INDEX;
    if (a->p1 > 1)
        return SW_P1P2;
    if (a->lc == 0)
        return SW_LENGTH;
    return a->p1 == 1 ? pin_change(c, a, k) : pin_reload(c, a, k);
}

uint16_t cs_cmd_pin_unblock(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct out plain;
    struct key *unblock = cs_key_find(c, c->df, KEY_PIN_UNBLOCK, 0);
    struct key *k = cs_key_find(c, c->df, KEY_PIN, a->p2);
    if (!k) /* the manual's own example names the PIN wrongly and still unblocks 00 */
        k = cs_key_find(c, c->df, KEY_PIN, 0);
    if (!unblock || !k)
        return SW_KEY_INDEX;
    uint16_t sw = cs_sm_open(c, a, unblock, true, &plain);
    if (sw != SW_OK)
        return sw;
    if (plain.len < 2 || plain.len > 8)
        return SW_LENGTH;
    pin_put(c, k, plain.buf, plain.len);
    return SW_OK;
}

/* The key of a blocking command: the application's own for it (city cards), else file key 00. */
static uint16_t block_check(struct cardsim *c, const struct apdu *a, uint8_t type)
{
    struct key *k = cs_key_find(c, c->df, type, 0);
    if (!k)
        k = cs_key_find(c, c->df, KEY_FILE, 0);
    if (!k)
        return SW_NO_KEY;
    if (a->lc != 4)
        return a->lc < 4 ? SW_MAC_MISSING : SW_LENGTH;
    return cs_sm_check(c, a, k);
}

uint16_t cs_cmd_app_block(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (a->p1 != 0 || a->p2 > 1)
        return SW_P1P2;
    uint16_t sw = block_check(c, a, KEY_LOCK);
    if (sw != SW_OK)
        return sw;
    struct node *df = &c->nodes[c->df];
    if (df->block != 2)
        df->block = (uint8_t)(a->p2 + 1);
    c->changed = true;
    return SW_OK;
}

uint16_t cs_cmd_app_unblock(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct node *df = &c->nodes[c->df];
    if (a->p1 != 0 || a->p2 != 0)
        return SW_P1P2;
    if (df->block == 2)
        return SW_LOCKED;
    uint16_t sw = block_check(c, a, KEY_UNLOCK);
    if (sw == SW_SM_MAC || sw == SW_LOCKED) {
        df->unblock_failures++;
        if (df->unblock_failures >= 3)
            df->block = 2;
        c->changed = true;
        return df->block == 2 ? SW_LOCKED : sw;
    }
    if (sw != SW_OK)
        return sw;
    df->block = 0;
    df->unblock_failures = 0;
    c->changed = true;
    return SW_OK;
}

uint16_t cs_cmd_card_block(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (a->p1 != 0 || a->p2 != 0)
        return SW_P1P2;
    uint16_t sw = block_check(c, a, KEY_FILE);
    if (sw == SW_OK) {
        c->card_blocked = true;
        c->changed = true;
    }
    return sw;
}
