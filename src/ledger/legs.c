/* Legs of a transaction on their accounts, in two phases (docs/LEDGER.md has the table). */
#include "ledger/fold.h"

/* Where an account keeps its four sums: in the card's row or in a hot account. */
struct sums {
    fen_t *debits_pending, *debits_posted, *credits_pending, *credits_posted;
};

bool leg_on_card(const struct leg *leg)
{
    return leg->kind == ACCT_PURSE || leg->kind == ACCT_PENDING_LOAD;
}

static WORKER_FN int find_sums(struct fold *f, struct card_full *c, const struct leg *leg,
                               struct sums *ret)
{
    if (leg_on_card(leg) && !c)
        return OC_EINTERNAL;
    if (leg->kind == ACCT_PURSE) {
        *ret = (struct sums){&c->r.purse_debits_pending, &c->purse_debits,
                             &c->r.purse_credits_pending, &c->purse_credits};
        return 0;
    }
    if (leg->kind == ACCT_PENDING_LOAD) {
        *ret = (struct sums){&c->load_debits_pending, &c->load_debits, &c->load_credits_pending,
                             &c->load_credits};
        return 0;
    }
    int rc = 0;
    struct hot_account *h = hot_account(f, leg->kind, leg->owner, &rc);
    if (!h)
        return rc;
    h->dirty = true;
    struct account_row *a = &h->row;
    *ret = (struct sums){&a->debits_pending, &a->debits_posted, &a->credits_pending,
                         &a->credits_posted};
    return 0;
}

static WORKER_FN int leg_move(struct fold *f, struct card_full *c, const struct leg *leg,
                              enum leg_move how)
{
    struct sums s = {0};
    int rc = find_sums(f, c, leg, &s);
    if (rc)
        return rc;
    bool debit = leg->amount < 0;
    fen_t amount = debit ? -leg->amount : leg->amount;
    fen_t *pending = debit ? s.debits_pending : s.credits_pending;
    fen_t *posted = debit ? s.debits_posted : s.credits_posted;
    if (how == LEGS_RESERVE)
        *pending += amount;
    if (how == LEGS_POST || how == LEGS_RELEASE)
        *pending -= amount;
    if (how == LEGS_POST || how == LEGS_DIRECT)
        *posted += amount;
    return *pending < 0 ? OC_EINTERNAL : 0;
}

int legs_move(struct fold *f, struct card_full *c, const struct leg *legs, unsigned count,
              enum leg_move how)
{
    for (unsigned i = 0; i < count; i++) {
        int rc = leg_move(f, c, &legs[i], how);
        if (rc)
            return rc;
    }
    if (c) {
        c->r.purse = c->purse_credits - c->purse_debits;
        c->r.pending_load = c->load_credits - c->load_debits;
        c->r.pending_load_reserved = c->load_debits_pending;
    }
    return 0;
}

fen_t legs_purse(const struct leg *legs, unsigned count)
{
    fen_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        if (legs[i].kind == ACCT_PURSE)
            sum += legs[i].amount;
    }
    return sum;
}

int legs_doubt(struct fold *f, const struct op_intent *in, uint8_t suspense, int sign)
{
    fen_t sum = 0;
    for (unsigned i = 0; i < in->leg_count; i++) {
        if (in->legs[i].amount > 0)
            sum += in->legs[i].amount;
    }
    if (sum == 0)
        return 0;
    int rc = 0;
    struct hot_account *h = hot_account(f, suspense ? ACCT_SUSPENSE : ACCT_IN_TRANSIT, "", &rc);
    if (!h)
        return rc;
    h->row.debits_pending += sign * sum;
    h->row.credits_pending += sign * sum;
    h->dirty = true;
    return h->row.debits_pending < 0 ? OC_EINTERNAL : 0;
}
