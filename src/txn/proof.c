/* What proves a transaction: its TAC recomputed from the row, or the card's log record that carries its numbers (R3, R5). */
#include "txn/dialogue.h"

#include <string.h>

void proof_purchase(const struct op_intent *in, struct pboc_purchase *ret)
{
    memset(ret, 0, sizeof *ret);
    memcpy(ret->random, in->random, sizeof ret->random);
    ret->counter = in->counter;
    ret->type = in->card_type;
    ret->amount = (uint32_t)in->amount;
    ret->sam_seq = in->terminal_seq;
    memcpy(ret->sam, in->sam, sizeof ret->sam);
    memcpy(ret->date, in->card_date, sizeof ret->date);
    memcpy(ret->time, in->card_time, sizeof ret->time);
}

/* The row keeps the balance as the card showed it: MAC1 and TAC are over those four bytes. Of an overdrawn card, which shows
 * 0 then, it keeps the true one; what it tells after the load is again never below 0. */
static uint32_t balance_after(const struct dialogue *d, const struct op_intent *in)
{
    int64_t overdrawn = (int32_t)in->raw_balance;
    if (d->session->profile->purse.balance != PROFILE_BALANCE_TUNION || overdrawn >= 0)
        return in->raw_balance + (uint32_t)in->amount;
    return overdrawn + in->amount > 0 ? (uint32_t)(overdrawn + in->amount) : 0;
}

void proof_load(const struct dialogue *d, const struct op_intent *in, struct pboc_load *ret)
{
    memset(ret, 0, sizeof *ret);
    memcpy(ret->random, in->random, sizeof ret->random);
    ret->counter = in->counter;
    ret->type = in->card_type;
    ret->balance_before = in->raw_balance;
    ret->amount = (uint32_t)in->amount;
    ret->balance_after = balance_after(d, in);
    memcpy(ret->sam, in->sam, sizeof ret->sam);
    memcpy(ret->date, in->card_date, sizeof ret->date);
    memcpy(ret->time, in->card_time, sizeof ret->time);
}

int proof_tac(struct dialogue *d, const struct op_intent *in, const uint8_t tac[4])
{
    struct custody_card card;
    int rc = auth_key(d, KEY_TAC, in->key_version, in->alg, &card);
    if (rc != 0)
        return rc;
    if (in->plan_kind == OC_PLAN_CREDIT) {
        struct pboc_load l;
        proof_load(d, in, &l);
        return custody_load_tac_verify(d->env->custody, &card, &l, tac);
    }
    struct pboc_purchase p;
    proof_purchase(in, &p);
    return custody_purchase_tac_verify(d->env->custody, &card, &p, tac);
}

int proof_mac2(struct dialogue *d, const struct op_intent *in, const uint8_t mac2[4])
{
    struct custody_card card;
    int rc = auth_key(d, KEY_PURCHASE, in->key_version, in->alg, &card);
    if (rc != 0)
        return rc;
    struct pboc_purchase p;
    proof_purchase(in, &p);
    return custody_purchase_mac2_verify(d->env->custody, &card, &p, mac2);
}

int proof_prove(struct dialogue *d, const struct op_intent *in, const struct prove_answer *p, uint8_t ret_tac[4])
{
    enum profile_prove_order order = d->session->profile->purse.prove_order;
    int rc = OC_EMAC;
    if (order != PROFILE_PROVE_TAC_MAC) {
        rc = proof_tac(d, in, p->second);
        if (rc == 0)
            memcpy(ret_tac, p->second, 4);
    }
    if (rc == OC_EMAC && order != PROFILE_PROVE_MAC_TAC) {
        rc = proof_tac(d, in, p->first);
        if (rc == 0)
            memcpy(ret_tac, p->first, 4);
    }
    return rc;
}

bool proof_log_is_ours(const struct op_intent *in, const struct ep_log *log)
{
    return log->type == in->card_type && log->amount == in->amount && memcmp(log->sam, in->sam, sizeof log->sam) == 0 &&
           memcmp(log->date, in->card_date, sizeof log->date) == 0 &&
           memcmp(log->time, in->card_time, sizeof log->time) == 0;
}
