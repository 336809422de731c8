/* Who the card is, whether it is genuine, and whether it may (R9). Doubts are settled between the second and the third:
 * a card that was reported lost still tells how its last transaction ended, but no new money moves (R15). */
#include "txn/dialogue.h"

#include <string.h>

static int select_failed(struct dialogue *d, int rc)
{
    if (d->session->locked)
        return dialogue_refuse(d, OC_R_BLOCKED, "the application on the card is blocked (6A81)");
    if (rc == OC_EPROFILE)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "none of the card profiles fits");
    if (rc == OC_ECARD_DATA)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "file 0015 of the card cannot be read as its profile says");
    return dialogue_card_failed(d, rc, "SELECT");
}

static void note_identity(struct dialogue *d)
{
    const struct card_identity *id = &d->session->identity;
    memcpy(d->res->issuer, id->issuer, sizeof d->res->issuer);
    memcpy(d->res->serial, id->serial, sizeof d->res->serial);
    memcpy(d->res->card, id->number, sizeof d->res->card);
}

/* A torn card is awaited: anything else that is put on the reader is sent away and the doubt stays (R8). */
static bool is_awaited(const struct dialogue *d)
{
    const struct card_identity *id = &d->session->identity;
    return !d->awaited || (memcmp(id->issuer, d->res->issuer, sizeof id->issuer) == 0 &&
                           memcmp(id->serial, d->res->serial, sizeof id->serial) == 0);
}

static enum oc_reason standing_reason(uint8_t state)
{
    switch (state) {
    case CARD_ACTIVE:
        return OC_R_NONE;
    case CARD_ISSUED:
        return OC_R_NOT_ACTIVE;
    case CARD_SUSPENDED:
        return OC_R_SUSPENDED;
    case CARD_LOST:
        return OC_R_LOST;
    case CARD_BLOCKED:
        return OC_R_BLOCKED;
    default:
        return OC_R_CANCELLED;
    }
}

/* Where the list says "lock", the chip itself is told; it refuses from then on wherever it is used. */
static CO_FN const char *lock_chip(struct dialogue *d, const struct deny_row *deny)
{
    if (deny->action != 2 || d->show != NULL)
        return deny->why;
    return AT_CARD(d, ident_co_block(d->session, d->env->custody, false)) == 0 ? "the card was locked" : "locking the card failed";
}

/* A card of ours that is lost or blocked is listed too; its state is what people are told. */
static CO_FN int refuse_denied(struct dialogue *d)
{
    const char *what = lock_chip(d, &d->deny);
    enum oc_reason state = d->has_card ? standing_reason(d->card->state) : OC_R_NONE;
    if (state != OC_R_NONE)
        return dialogue_refuse(d, state, "state of card %s in the ledger: %s; on the deny list: %.60s", d->card->number,
                               card_state_name((enum card_state)d->card->state), what);
    return dialogue_refuse(d, OC_R_DENIED, "on the deny list: %.60s", what);
}

int auth_co_look(struct dialogue *d)
{
    const struct card_identity *id = &d->session->identity;
    d->denied = false;
    return ledger_co_card_standing(d->env->ledger, id->issuer, id->serial, d->card, &d->deny, &d->denied);
}

static CO_FN int find_in_ledger(struct dialogue *d)
{
    int rc = auth_co_look(d);
    if (rc == OC_ENOENT && d->denied) /* the deny list knows cards that are not ours, too */
        return refuse_denied(d);
    if (rc == OC_ENOENT)
        return dialogue_refuse(d, OC_R_UNKNOWN_CARD, "card %s is not registered here", d->session->identity.number);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    d->has_card = true;
    d->res->card_id = d->card->id;
    const struct card_profile *p = profile_get(d->env->profiles, d->card->profile);
    if (p == NULL)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "the profile %s it was registered with is not loaded",
                               d->card->profile);
    if (p != d->session->profile && card_use_profile(d->session, p) != 0)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "it does not look like the profile %s it was registered with",
                               d->card->profile);
    return 0;
}

/* A card issued here carries the internal key that its profile lists: one that says it has none is not that card. */
static bool we_wrote_the_key(const struct dialogue *d)
{
    const struct profile_personalise *p = &d->session->profile->personalise;
    for (size_t i = 0; !d->card->registered && i < p->key_count; i++)
        if (strcmp(p->keys[i].purpose, "internal") == 0)
            return true;
    return false;
}

/* Cards without an internal key prove themselves by the transaction's own MACs (R9); a profile may insist. A wrong answer
 * is never forgiven. */
static CO_FN int prove_genuine(struct dialogue *d)
{
    int rc = AT_CARD(d, ident_co_internal_auth(d->session, d->env->custody, d->env->rng));
    enum profile_auth mode = d->session->profile->keys.internal;
    d->proven = rc == 0;
    if (rc == 0 || rc == OC_EPROFILE)
        return 0;
    if ((rc == OC_ENOKEY || (rc == OC_ECARD_SW && !we_wrote_the_key(d))) && mode != PROFILE_AUTH_REQUIRED) {
        log_debug("txn", "no internal authentication on this card: its transaction MACs must prove it");
        return 0;
    }
    if (rc == OC_ENOKEY)
        return dialogue_refuse(d, OC_R_NO_KEY, "no key of purpose internal for this card");
    if (rc == OC_EMAC)
        return dialogue_refuse(d, OC_R_NOT_GENUINE, "internal authentication failed");
    if (rc == OC_ECARD_SW)
        return dialogue_refuse(d, OC_R_NOT_GENUINE, "the card refused internal authentication (%04X: %s)", d->session->sw,
                               sw_text(d->session->sw));
    return dialogue_card_failed(d, rc, "INTERNAL AUTHENTICATE");
}

int auth_co_identify(struct dialogue *d)
{
    d->journey = NULL; /* of another presentation */
    d->pin_verified = d->pin_written = false;
    int rc = AT_CARD(d, card_co_open(d->session, d->reader, d->arrival, flow_deadline_ms(5000)));
    if (rc != 0)
        return dialogue_card_failed(d, rc, "connecting");
    if (d->env->policy.command_ms > 0)
        d->session->command_ms = d->env->policy.command_ms;
    rc = AT_CARD(d, card_co_select(d->session, d->env->profiles, NULL));
    if (rc != 0 && d->session->identified && is_awaited(d))
        note_identity(d);
    if (rc != 0)
        return select_failed(d, rc);
    d->other = !is_awaited(d);
    if (d->other)
        return dialogue_refuse(d, OC_R_OTHER_CARD, "card %s is not the one that was torn out", d->session->identity.number);
    note_identity(d);
    rc = find_in_ledger(d);
    if (rc != 0)
        return rc;
    timing_mark(d, STEP_CARD);
    return prove_genuine(d);
}

static int check_dates(struct dialogue *d, date_t from, date_t to)
{
    const struct card_row *c = d->card;
    char text[11];
    from = from > c->valid_from ? from : c->valid_from;
    to = c->valid_to == 0 || (to != 0 && to < c->valid_to) ? to : c->valid_to;
    if (from != 0 && d->business_date < from)
        return dialogue_refuse(d, OC_R_NOT_YET_VALID, "valid from %s", date_text(from, text));
    if (to != 0 && d->business_date > to)
        return dialogue_refuse(d, OC_R_EXPIRED, "valid until %s", date_text(to, text));
    return 0;
}

int auth_row_standing(struct dialogue *d, date_t from, date_t to)
{
    enum oc_reason why = standing_reason(d->card->state);
    if (why != OC_R_NONE)
        return dialogue_refuse(d, why, "state of card %s in the ledger: %s", d->card->number,
                               card_state_name((enum card_state)d->card->state));
    return check_dates(d, from, to);
}

int auth_co_standing(struct dialogue *d)
{
    const struct card_identity *id = &d->session->identity;
    if (d->denied)
        return refuse_denied(d);
    if (standing_reason(d->card->state) == OC_R_NONE && !id->enabled)
        return dialogue_refuse(d, OC_R_APP_NOT_ENABLED, "application flag %02X in file 0015", id->app_flag);
    return auth_row_standing(d, id->start, id->expiry);
}

int auth_key(struct dialogue *d, enum key_purpose purpose, uint8_t version, uint8_t alg, struct custody_card *ret)
{
    return auth_key_of(d->env->custody, d->session->profile, &d->session->identity, purpose, version, alg, ret);
}

int auth_key_of(struct custody *custody, const struct card_profile *p, const struct card_identity *id, enum key_purpose purpose,
                uint8_t version, uint8_t alg, struct custody_card *ret)
{
    card_custody(p, id, version, alg, ret);
    if (custody_has(custody, purpose, ret))
        return 0;
    /* INITIALIZE names the version of the purchase or load key. TAC keys are often versioned on their own: where a site
     * has exactly one, it is that one. */
    struct custody_card other;
    if (purpose == KEY_TAC && card_custody_newest(custody, purpose, p, id, 0, ret) == 0 &&
        card_custody_newest(custody, purpose, p, id, 1, &other) == OC_ENOKEY)
        return 0;
    return OC_ENOKEY;
}
