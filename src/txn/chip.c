/* What the chip holds, as far as it can be trusted: the balance (R1), the journey record (R3, R17); and what only it can say:
 * whether the PIN is right (R21). */
#include "txn/dialogue.h"

#include <string.h>

int chip_co_before(struct dialogue *d)
{
    d->has_due_balance = false;
    if (d->session->profile->purse.balance != PROFILE_BALANCE_TUNION)
        return 0;
    int rc = AT_CARD(d, purse_co_balance(d->session, &d->due_balance));
    if (rc == OC_ECARD_SW || rc == OC_ECARD_DATA)
        return 0; /* then INITIALIZE's word counts */
    if (rc != 0)
        return dialogue_card_failed(d, rc, "GET BALANCE");
    d->has_due_balance = true;
    return 0;
}

uint32_t chip_balance(struct dialogue *d, fen_t raw)
{
    d->chip_balance = purse_fen(d->session->profile, raw);
    d->has_chip_balance = true;
    if (!d->has_due_balance || d->chip_balance != 0 || d->due_balance >= 0)
        return (uint32_t)raw;
    d->chip_balance = d->due_balance;
    return (uint32_t)d->due_balance;
}

struct card_seen chip_seen(const struct dialogue *d, unsigned counter_bit, uint16_t counter)
{
    return (struct card_seen){.has = (uint8_t)(SEEN_BALANCE | counter_bit | (d->proven ? SEEN_PROVEN : 0)),
                              .balance = d->chip_balance,
                              .online = counter,
                              .offline = counter};
}

static CO_FN int read_journey(struct dialogue *d, struct journey *j)
{
    size_t len = 0;
    int rc = AT_CARD(d, purse_co_capp_read(d->session, j->bytes, &len));
    if (rc == OC_ENOENT || rc == OC_EPROFILE) {
        j->known = JOURNEY_NONE;
        return 0;
    }
    if (rc != 0)
        return rc;
    j->len = (uint8_t)len;
    rc = profile_capp_decode(d->session->profile, j->bytes, len, j->values);
    j->known = rc == 0 ? JOURNEY_THERE : rc == OC_ENOENT ? JOURNEY_NONE : JOURNEY_STRANGE;
    if (j->known == JOURNEY_STRANGE)
        log_warn("txn", "card %lld: the journey record does not read as the layout of %s", (long long)d->card->id,
                 d->session->profile->name);
    return 0;
}

int chip_co_journey(struct dialogue *d)
{
    if (d->session == NULL || d->journey != NULL)
        return 0;
    struct journey *j = arena_alloc(flow_arena(), sizeof *j);
    if (j == NULL || (j->values = arena_alloc(flow_arena(), sizeof *j->values)) == NULL)
        return dialogue_ledger_failed(d, OC_ENOMEM);
    int rc = read_journey(d, j);
    if (rc != 0) /* what cannot be read is not "no journey": somebody may be on one */
        return dialogue_card_failed(d, rc, "reading the journey record");
    d->journey = j;
    return 0;
}

const char *chip_journey_text(const struct dialogue *d, const char *field)
{
    return d->journey != NULL && d->journey->known == JOURNEY_THERE ? capp_get(d->journey->values, field) : NULL;
}

/* ---- the holder's PIN ---- */

static void wipe_pin(struct txn_request *req)
{
    secret_wipe(req->pin, sizeof req->pin);
    req->pin_len = 0;
}

int chip_pin_co_refused(struct dialogue *d, int rc, unsigned left, const char *what)
{
    d->res->has_pin_left = rc == OC_EMAC || rc == OC_ESTATE;
    d->res->pin_left = (uint8_t)(rc == OC_EMAC ? left : 0);
    if (d->res->has_pin_left && d->res->pin_left == 0)
        chip_pin_co_blocked(d);
    switch (rc) {
    case OC_EMAC:
        if (left == 0)
            return dialogue_refuse(d, OC_R_PIN_BLOCKED, "that was the last try: the PIN is blocked");
        return dialogue_refuse(d, OC_R_PIN_WRONG, "%u %s left", left, left == 1 ? "try" : "tries");
    case OC_ESTATE:
        return dialogue_refuse(d, OC_R_PIN_BLOCKED, "no tries are left: it must be unblocked at a window");
    case OC_EINVAL:
        return dialogue_refuse(d, OC_R_PIN_WRONG, "the PIN has %u to %u digits; the card was not asked", d->session->profile->pin.min,
                               d->session->profile->pin.max);
    case OC_EPROFILE:
    case OC_ENOKEY:
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "this card has no PIN");
    default:
        return dialogue_card_failed(d, rc, what);
    }
}

int chip_co_pin(struct dialogue *d)
{
    unsigned left = 0;
    if (d->session == NULL)
        return dialogue_refuse(d, OC_R_NEEDS_CHIP, "only the card itself can verify its PIN");
    if (d->pin_verified)
        return 0;
    if (!d->session->profile->pin.present)
        return chip_pin_co_refused(d, OC_EPROFILE, 0, "VERIFY");
    if (d->req->pin_len == 0)
        return dialogue_refuse(d, OC_R_PIN_WRONG, "the PIN must be typed in for this; the card was not asked");
    int rc = AT_CARD(d, ident_co_verify_pin(d->session, d->req->pin, d->req->pin_len, &left));
    if (rc != OC_ECARD_GONE && rc != OC_ETIMEDOUT && rc != OC_ECANCELED) /* it never left: the card may come back */
        wipe_pin(d->req);
    d->pin_verified = rc == 0;
    return rc == 0 ? 0 : chip_pin_co_refused(d, rc, left, "VERIFY");
}

int chip_co_record(struct dialogue *d, uint8_t *ret, size_t *ret_len, uint8_t *ret_known, uint8_t ret_hash[8])
{
    uint8_t digest[SHA256_LEN];
    int rc = AT_CARD(d, purse_co_capp_read(d->session, ret, ret_len));
    *ret_known = 0;
    if (rc == OC_ENOENT) {
        *ret_known = 1;
        return 0;
    }
    if (rc == OC_ECARD_SW || rc == OC_ECARD_DATA)
        return 0;
    if (rc != 0)
        return rc;
    rc = hash_sha256(d->env->crypto, (struct bytes){ret, *ret_len}, digest);
    if (rc != 0)
        return 0;
    memcpy(ret_hash, digest, 8);
    *ret_known = 2;
    return 0;
}
