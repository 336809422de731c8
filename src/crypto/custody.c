/* The slots of custody. Invariants: slots[0..count) are distinct; keys[i] belongs to slots[i];
 * unused keys are zeros. */
#include "crypto/custody.h"

#include "base/base.h"
#include "crypto/custody_priv.h"
#include <stdlib.h>
#include <string.h>

static size_t keys_size(void)
{
    return (size_t)CUSTODY_SLOTS_MAX * CUSTODY_KEY_LEN;
}

int custody_new(bool software_sam, struct custody **ret)
{
    struct custody *c = calloc(1, sizeof *c);
    if (!c)
        return OC_ENOMEM;
    c->software_sam = software_sam;
    (void)pthread_mutex_init(&c->lock, NULL);
    c->keys = secret_alloc(keys_size());
    int err = c->keys ? crypto_new(NULL, &c->crypto) : OC_ENOMEM;
    if (err) {
        custody_free(&c);
        return err;
    }
    *ret = c;
    return 0;
}

void custody_free(struct custody **pc)
{
    struct custody *c = *pc;
    if (!c)
        return;
    crypto_free(&c->crypto);
    secret_free(c->keys, keys_size());
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
    *pc = NULL;
}

bool custody_software_sam(const struct custody *c)
{
    return c->software_sam;
}

static bool slot_same(const struct custody_slot *a, const struct custody_slot *b)
{
    return a->purpose == b->purpose && a->alg == b->alg && a->version == b->version &&
           a->all_issuers == b->all_issuers &&
           (a->all_issuers || memcmp(a->issuer, b->issuer, OC_ISSUER_LEN) == 0);
}

/** Index of exactly this slot, or count. */
static size_t slot_find(const struct custody *c, const struct custody_slot *slot)
{
    size_t i = 0;
    while (i < c->count && !slot_same(&c->slots[i], slot))
        i++;
    return i;
}

/** Index of the slot that serves a card, its issuer's own before one for all; count when none does.
 */
static size_t slot_for(const struct custody *c, enum key_purpose purpose,
                       const struct custody_card *card)
{
    struct custody_slot want = {.purpose = purpose, .alg = card->alg, .version = card->key_version};
    memcpy(want.issuer, card->issuer, OC_ISSUER_LEN);
    size_t i = slot_find(c, &want);
    if (i == c->count) {
        want.all_issuers = true;
        i = slot_find(c, &want);
    }
    return i;
}

static int slot_add(struct custody *c, const struct custody_slot *slot,
                    const uint8_t key[CUSTODY_KEY_LEN])
{
    size_t i = slot_find(c, slot);
    if (i < c->count)
        return secret_equal(c->keys[i], key, CUSTODY_KEY_LEN) ? 0 : OC_EEXIST;
    if (c->count == CUSTODY_SLOTS_MAX)
        return OC_ELIMIT;
    c->slots[i] = *slot;
    memcpy(c->keys[i], key, CUSTODY_KEY_LEN);
    c->count++;
    return 0;
}

int custody_add(struct custody *c, const struct custody_slot *slot, const uint8_t key[16])
{
    if ((int)slot->purpose < KEY_PURCHASE || slot->purpose > KEY_PURPOSE_LAST ||
        (slot->alg != PBOC_3DES && slot->alg != PBOC_DES && slot->alg != PBOC_SM4))
        return OC_EINVAL;
    pthread_mutex_lock(&c->lock);
    int err = slot_add(c, slot, key);
    pthread_mutex_unlock(&c->lock);
    return err;
}

int custody_remove(struct custody *c, const struct custody_slot *slot)
{
    int err = OC_ENOENT;
    pthread_mutex_lock(&c->lock);
    size_t i = slot_find(c, slot);
    if (i < c->count) {
        size_t last = --c->count;
        c->slots[i] = c->slots[last];
        memmove(c->keys[i], c->keys[last], CUSTODY_KEY_LEN);
        secret_wipe(c->keys[last], CUSTODY_KEY_LEN);
        err = 0;
    }
    pthread_mutex_unlock(&c->lock);
    return err;
}

bool custody_has(struct custody *c, enum key_purpose purpose, const struct custody_card *card)
{
    pthread_mutex_lock(&c->lock);
    bool has = slot_for(c, purpose, card) < c->count;
    pthread_mutex_unlock(&c->lock);
    return has;
}

int custody_kcv(struct custody *c, const struct custody_slot *slot, uint8_t ret[3])
{
    struct pboc_key k;
    int err = OC_ENOKEY;
    pthread_mutex_lock(&c->lock);
    size_t i = slot_find(c, slot);
    if (i < c->count) {
        err = pboc_key_set(&k, slot->alg, c->keys[i], CUSTODY_KEY_LEN);
        if (!err)
            err = pboc_kcv(c->crypto, &k, ret);
        pboc_key_wipe(&k);
    }
    pthread_mutex_unlock(&c->lock);
    return err;
}

bool custody_next(struct custody *c, size_t *cursor, struct custody_slot *ret)
{
    pthread_mutex_lock(&c->lock);
    bool more = *cursor < c->count;
    if (more)
        *ret = c->slots[(*cursor)++];
    pthread_mutex_unlock(&c->lock);
    return more;
}

int custody_card_key(struct custody *c, enum key_purpose purpose, const struct custody_card *card,
                     struct pboc_key *ret)
{
    struct pboc_key mk;
    if (card->levels > PBOC_LEVELS_MAX)
        return OC_EINVAL;
    size_t i = slot_for(c, purpose, card);
    if (i == c->count)
        return OC_ENOKEY;
    int err = pboc_key_set(&mk, card->alg, c->keys[i], CUSTODY_KEY_LEN);
    if (!err)
        err = pboc_diversify_n(c->crypto, &mk, card->factors, card->levels, ret);
    pboc_key_wipe(&mk);
    return err;
}
