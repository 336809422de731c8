/* What the chip holds, as far as it can be trusted: the balance (R1), the journey record (R3). */
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
