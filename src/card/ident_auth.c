/* Proofs between card and switch: internal and external authentication, blocking and unblocking the
 * application. Invariant: nothing that counts tries on the card is ever repeated here. */
#include "card/ident_intern.h"

#include "card/known.h"

#include <string.h>

void card_custody(const struct card_profile *p, const struct card_identity *id, uint8_t key_version,
                  uint8_t alg, struct custody_card *ret)
{
    _Static_assert(PROFILE_LEVELS_MAX <= PBOC_LEVELS_MAX, "a profile's levels fit the custody");
    memset(ret, 0, sizeof(*ret));
    ret->levels = profile_factors(p, id, ret->factors);
    memcpy(ret->issuer, id->issuer, sizeof(ret->issuer));
    ret->key_version = key_version;
    ret->alg = (enum pboc_alg)alg;
}

/** The greatest (version, algorithm) below `below` among the custody's keys for this issuer; 0:
 * none. */
static unsigned next_below(struct custody *c, enum key_purpose purpose, const uint8_t *issuer,
                           unsigned below)
{
    struct custody_slot slot;
    size_t cursor = 0;
    unsigned best = 0;
    while (custody_next(c, &cursor, &slot)) {
        unsigned rank = ((unsigned)slot.version << 8 | (unsigned)slot.alg) + 1;
        if (slot.purpose != purpose ||
            (!slot.all_issuers && memcmp(slot.issuer, issuer, OC_ISSUER_LEN)))
            continue;
        if (rank < below && rank > best)
            best = rank;
    }
    return best;
}

int card_custody_newest(struct custody *c, enum key_purpose purpose, const struct card_profile *p,
                        const struct card_identity *id, unsigned skip, struct custody_card *ret)
{
    unsigned rank = 0x10001;
    for (unsigned i = 0; i <= skip; i++) {
        rank = next_below(c, purpose, id->issuer, rank);
        if (!rank)
            return OC_ENOKEY;
    }
    card_custody(p, id, (uint8_t)((rank - 1) >> 8), (uint8_t)(rank - 1), ret);
    return 0;
}

/** INTERNAL AUTHENTICATE with a fresh challenge. The one inside a script was drawn for that script
 * alone, so where the card's answer to it came along, it is as fresh. */
static int challenge_card(const struct card_session *s, const struct rng *rng, uint8_t challenge[8],
                          struct apdu *ret)
{
    const struct profile_keys *keys = &s->profile->keys;
    memset(challenge, 0, 8);
    int rc = apdu_internal_auth(ret, keys->internal_p1, keys->internal_kid, challenge, 8);
    if (!rc && !card_known_challenge(s->known, ret, challenge))
        rc = rng_fill(rng, challenge, 8);
    return rc ? rc : apdu_internal_auth(ret, keys->internal_p1, keys->internal_kid, challenge, 8);
}

int ident_co_internal_auth(struct card_session *s, struct custody *c, const struct rng *rng)
{
    struct custody_card card;
    struct apdu cmd;
    struct rapdu answer;
    uint8_t challenge[8];
    if (!s->profile)
        return OC_ESTATE;
    if (s->profile->keys.internal == PROFILE_AUTH_NEVER)
        return OC_EPROFILE;
    int rc = card_custody_newest(c, KEY_INTERNAL, s->profile, &s->identity, 0, &card);
    if (!rc)
        rc = challenge_card(s, rng, challenge, &cmd);
    if (!rc)
        rc = transmit_co_ok(s, &cmd, &answer);
    if (rc)
        return rc;
    if (answer.len != sizeof(challenge))
        return OC_EMAC;
    rc = custody_internal_auth(c, &card, challenge, answer.data);
    for (unsigned skip = 1; rc == OC_EMAC && skip < 16; skip++) {
        if (card_custody_newest(c, KEY_INTERNAL, s->profile, &s->identity, skip, &card))
            break;
        rc = custody_internal_auth(c, &card, challenge, answer.data);
    }
    return rc;
}

static CO_FN int get_challenge(struct card_session *s, uint8_t len, struct rapdu *ret)
{
    struct apdu cmd;
    apdu_get_challenge(&cmd, len);
    int rc = transmit_co_ok(s, &cmd, ret);
    if (rc)
        return rc;
    return ret->len == len ? 0 : OC_ECARD_DATA;
}

/** Over the challenge itself; or the challenge as one more factor of the key, and the key over
 * bytes of ours (any will do: the end of the serial number), which follow (facts §8, §9). */
static int make_cryptogram(const struct card_session *s, struct custody *c,
                           struct custody_card *card, const uint8_t challenge[8], struct buf *ret)
{
    const struct profile_keys *k = &s->profile->keys;
    const uint8_t *over = challenge;
    uint8_t out[8];
    if (k->external_session) {
        if (card->levels == PBOC_LEVELS_MAX)
            return OC_EPROFILE;
        memcpy(card->factors[card->levels++], challenge, 8);
        over = s->identity.serial + OC_SERIAL_LEN - 8;
    }
    int rc = custody_external_auth(c, KEY_EXTERNAL, card, (struct bytes){over, 8}, out);
    if (rc)
        return rc;
    buf_put(ret, out, sizeof(out));
    if (k->external_session)
        buf_put(ret, over, 8);
    buf_put(ret, k->external_suffix.bytes, k->external_suffix.len);
    secret_wipe(out, sizeof(out));
    return ret->err;
}

int ident_co_external_auth(struct card_session *s, struct custody *c)
{
    struct custody_card card;
    struct apdu cmd;
    struct rapdu answer;
    uint8_t cryptogram[8 + 8 + 4];
    struct buf b;
    buf_over(&b, cryptogram, sizeof(cryptogram));
    if (!s->profile)
        return OC_ESTATE;
    if (s->profile->keys.external == PROFILE_AUTH_NEVER)
        return OC_EPROFILE;
    int rc = card_custody_newest(c, KEY_EXTERNAL, s->profile, &s->identity, 0, &card);
    if (!rc)
        rc = get_challenge(s, 8, &answer);
    if (!rc)
        rc = make_cryptogram(s, c, &card, answer.data, &b);
    if (!rc)
        rc = apdu_external_auth(&cmd, s->profile->keys.external_kid, b.data, b.len);
    if (!rc)
        rc = transmit_co_ok(s, &cmd, &answer);
    secret_wipe(cryptogram, sizeof(cryptogram));
    return rc;
}

/** Sends a command under secure messaging: MAC over it, started from the card's random. */
static CO_FN int send_with_mac(struct card_session *s, struct custody *c, enum key_purpose purpose,
                               const struct custody_card *card, struct apdu *cmd)
{
    struct custody_sm sm = {.purpose = purpose};
    struct rapdu answer;
    uint8_t mac[PBOC_MAC_LEN];
    int rc = get_challenge(s, 4, &answer);
    if (!rc)
        rc = pboc_sm_iv(answer.data, answer.len, sm.iv);
    if (!rc)
        rc = apdu_sm_open(cmd);
    if (rc)
        return rc;
    sm.data = (struct bytes){cmd->bytes, cmd->len};
    rc = custody_sm_mac(c, card, &sm, mac);
    if (rc)
        return rc;
    apdu_sm_close(cmd, mac, APDU_NO_LE);
    return transmit_co_ok(s, cmd, &answer);
}

int ident_co_send_authorised(struct card_session *s, struct custody *c, enum key_purpose purpose,
                             struct apdu *cmd)
{
    struct custody_card card;
    if (!s->profile || !s->identified)
        return OC_ESTATE;
    int rc = card_custody_newest(c, purpose, s->profile, &s->identity, 0, &card);
    if (rc == OC_ENOKEY) {
        purpose = KEY_MAINTENANCE;
        rc = card_custody_newest(c, purpose, s->profile, &s->identity, 0, &card);
    }
    return rc ? rc : send_with_mac(s, c, purpose, &card, cmd);
}

int ident_co_block(struct card_session *s, struct custody *c, bool permanent)
{
    struct apdu cmd;
    apdu_app_block(&cmd, permanent);
    int rc = ident_co_send_authorised(s, c, KEY_LOCK, &cmd);
    if (rc != OC_ECARD_SW)
        return rc;
    /* Cards without a lock key of their own take the maintenance key; unlike UNBLOCK a wrong try
     * costs nothing. */
    apdu_app_block(&cmd, permanent);
    return ident_co_send_authorised(s, c, KEY_MAINTENANCE, &cmd);
}

int ident_co_unblock(struct card_session *s, struct custody *c)
{
    struct apdu cmd;
    apdu_app_unblock(&cmd);
    return ident_co_send_authorised(s, c, KEY_UNLOCK, &cmd);
}
