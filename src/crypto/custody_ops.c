/* What is done with master keys. Each operation takes the lock, makes the card's key, uses it and
 * wipes it; what comes out is a MAC to send, or a verdict on the card's. */
#include "crypto/custody.h"

#include "base/base.h"
#include "crypto/custody_priv.h"
#include <string.h>

/** A card's key in use: between op_begin and op_end the lock is held. */
struct op {
    struct custody *custody;
    struct crypto *x;
    struct pboc_key key;
    struct pboc_session session;
};

static int op_begin(struct op *op, struct custody *c, enum key_purpose purpose,
                    const struct custody_card *card)
{
    memset(op, 0, sizeof *op);
    op->custody = c;
    op->x = c->crypto;
    pthread_mutex_lock(&c->lock);
    return custody_card_key(c, purpose, card, &op->key);
}

static void op_end(struct op *op)
{
    struct custody *c = op->custody;
    secret_wipe(op, sizeof *op);
    pthread_mutex_unlock(&c->lock);
}

/** The verdict on a MAC of the card's, ours having been computed with `err`. */
static int verdict(int err, const uint8_t ours[4], const uint8_t theirs[4])
{
    if (err)
        return err;
    return secret_equal(ours, theirs, PBOC_MAC_LEN) ? 0 : OC_EMAC;
}

int custody_card_mac1_verify_load(struct custody *c, const struct custody_card *card,
                                  const struct pboc_load *l, const uint8_t mac1[4])
{
    struct op op;
    uint8_t ours[PBOC_MAC_LEN] = {0};
    int err = op_begin(&op, c, KEY_LOAD, card);
    if (!err)
        err = pboc_load_session(op.x, &op.key, l, &op.session);
    if (!err)
        err = pboc_load_mac1(op.x, &op.session, l, ours);
    op_end(&op);
    return verdict(err, ours, mac1);
}

int custody_load_mac2(struct custody *c, const struct custody_card *card, const struct pboc_load *l,
                      uint8_t ret[4])
{
    struct op op;
    int err = op_begin(&op, c, KEY_LOAD, card);
    if (!err)
        err = pboc_load_session(op.x, &op.key, l, &op.session);
    if (!err)
        err = pboc_load_mac2(op.x, &op.session, l, ret);
    op_end(&op);
    return err;
}

int custody_load_tac_verify(struct custody *c, const struct custody_card *card,
                            const struct pboc_load *l, const uint8_t tac[4])
{
    struct op op;
    uint8_t ours[PBOC_MAC_LEN] = {0};
    int err = op_begin(&op, c, KEY_TAC, card);
    if (!err)
        err = pboc_tac_key(&op.key, &op.session);
    if (!err)
        err = pboc_load_tac(op.x, &op.session, l, ours);
    op_end(&op);
    return verdict(err, ours, tac);
}

int custody_purchase_mac1(struct custody *c, const struct custody_card *card,
                          const struct pboc_purchase *p, uint8_t ret[4])
{
    struct op op;
    if (!c->software_sam)
        return OC_EPERM;
    int err = op_begin(&op, c, KEY_PURCHASE, card);
    if (!err)
        err = pboc_purchase_session(op.x, &op.key, p, &op.session);
    if (!err)
        err = pboc_purchase_mac1(op.x, &op.session, p, ret);
    op_end(&op);
    return err;
}

int custody_purchase_mac2_verify(struct custody *c, const struct custody_card *card,
                                 const struct pboc_purchase *p, const uint8_t mac2[4])
{
    struct op op;
    uint8_t ours[PBOC_MAC_LEN] = {0};
    int err = op_begin(&op, c, KEY_PURCHASE, card);
    if (!err)
        err = pboc_purchase_session(op.x, &op.key, p, &op.session);
    if (!err)
        err = pboc_purchase_mac2(op.x, &op.session, p, ours);
    op_end(&op);
    return verdict(err, ours, mac2);
}

int custody_purchase_tac_verify(struct custody *c, const struct custody_card *card,
                                const struct pboc_purchase *p, const uint8_t tac[4])
{
    struct op op;
    uint8_t ours[PBOC_MAC_LEN] = {0};
    int err = op_begin(&op, c, KEY_TAC, card);
    if (!err)
        err = pboc_tac_key(&op.key, &op.session);
    if (!err)
        err = pboc_purchase_tac(op.x, &op.session, p, ours);
    op_end(&op);
    return verdict(err, ours, tac);
}

int custody_internal_auth(struct custody *c, const struct custody_card *card,
                          const uint8_t challenge[8], const uint8_t answer[8])
{
    struct op op;
    uint8_t ours[8] = {0};
    int err = op_begin(&op, c, KEY_INTERNAL, card);
    /* The SM4 form over 8 bytes is the folded block of the external authentication (facts §5). */
    if (!err && op.key.alg == PBOC_SM4)
        err = pboc_external_auth(op.x, &op.key, challenge, sizeof ours, ours);
    else if (!err)
        err = pboc_internal_auth(op.x, &op.key, challenge, sizeof ours, ours);
    op_end(&op);
    if (err)
        return err;
    return secret_equal(ours, answer, sizeof ours) ? 0 : OC_EMAC;
}

/** Keys that move money are for money only: authentication or secure messaging under them would be
 * an oracle. */
static bool moves_money(enum key_purpose purpose)
{
    return purpose == KEY_PURCHASE || purpose == KEY_LOAD || purpose == KEY_TAC ||
           purpose == KEY_UNLOAD || purpose == KEY_OVERDRAFT;
}

int custody_external_auth(struct custody *c, enum key_purpose purpose,
                          const struct custody_card *card, struct bytes challenge, uint8_t ret[8])
{
    struct op op;
    if (moves_money(purpose) || purpose == KEY_INTERNAL)
        return OC_EPERM;
    int err = op_begin(&op, c, purpose, card);
    if (!err)
        err = pboc_external_auth(op.x, &op.key, challenge.data, challenge.len, ret);
    op_end(&op);
    return err;
}

int custody_sm_mac(struct custody *c, const struct custody_card *card, const struct custody_sm *sm,
                   uint8_t ret[4])
{
    struct op op;
    if (moves_money(sm->purpose))
        return OC_EPERM;
    int err = op_begin(&op, c, sm->purpose, card);
    if (!err)
        err = pboc_sm_mac(op.x, &op.key, sm->iv, sm->data, ret);
    op_end(&op);
    return err;
}

int custody_sm_encrypt(struct custody *c, enum key_purpose purpose, const struct custody_card *card,
                       struct bytes data, struct buf *ret)
{
    struct op op;
    if (moves_money(purpose))
        return OC_EPERM;
    int err = op_begin(&op, c, purpose, card);
    if (!err)
        err = pboc_sm_encrypt(op.x, &op.key, data, ret);
    op_end(&op);
    return err;
}

int custody_derive_for_personalisation(struct custody *c, enum key_purpose purpose,
                                       const struct custody_card *card, struct pboc_key *ret)
{
    struct op op;
    int err = op_begin(&op, c, purpose, card);
    if (!err)
        *ret = op.key;
    op_end(&op);
    return err;
}
