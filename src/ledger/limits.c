/* What limits are about, and what the day's sums of card and terminal count (R2).
 *
 * A purchase and a load count what the chip moves. Of a plan without a card command counts what
 * leaves the citizen's own money: the citizen's account and the card's pending load, less what
 * comes back to them in the same plan. Cash is no card's, a deposit counted when it was paid in,
 * and of insurance money (funds, personal accounts) the bureau says how much there is (R13): none
 * of them counts. What is given back, or paid out by others, counts nothing. */
#include "ledger/fold.h"

static bool moves_chip(const struct op_intent *in)
{
    return in->plan_kind == OC_PLAN_DEBIT || in->plan_kind == OC_PLAN_CREDIT;
}

fen_t limits_counted(const struct op_intent *in)
{
    fen_t left = 0;
    if (moves_chip(in))
        return in->amount;
    for (unsigned i = 0; i < in->leg_count; i++) {
        const struct leg *leg = &in->legs[i];
        if (leg->kind == ACCT_CITIZEN || leg->kind == ACCT_PENDING_LOAD)
            left -= leg->amount;
    }
    return left > 0 && !in->refund ? left : 0;
}

bool limits_count_card(const struct op_intent *in)
{
    return in->card && (moves_chip(in) || (in->reckoned && in->counted > 0));
}

fen_t limits_sum(const struct op_intent *in)
{
    return in->reckoned ? in->counted : in->amount;
}

static fen_t *day_sum(struct card_full *c, const struct op_intent *in)
{
    return in->plan_kind == OC_PLAN_CREDIT ? &c->r.day_credits : &c->r.day_debits;
}

void limits_count(struct card_full *c, const struct op_intent *in)
{
    if (in->card_day != c->r.day) {
        c->r.day = in->card_day;
        c->r.day_debits = c->r.day_credits = 0;
        c->r.day_count = 0;
    }
    c->r.day_count++;
    *day_sum(c, in) += limits_sum(in);
}

/* Given back to the sums that counted it (R2): once they were cleared for a later day there is
 * nothing to give back to. */
void limits_uncount(struct card_full *c, const struct op_intent *in)
{
    if (c->r.day != in->card_day)
        return;
    c->r.day_count--;
    *day_sum(c, in) -= limits_sum(in);
}

static int ask_card(const struct card_row *c, const struct op_intent *in, fen_t counts,
                    struct ledger_op *op)
{
    const struct op_limits *l = &in->limits;
    bool same_day = in->business_date <= c->day;
    uint32_t count = same_day ? c->day_count : 0;
    fen_t sum = !same_day ? 0 : in->plan_kind == OC_PLAN_CREDIT ? c->day_credits : c->day_debits;
    if (l->card_day_max && sum + counts > l->card_day_max)
        return refuse(op, OC_R_LIMIT, "card's day: %lld of %lld fen", (long long)sum,
                      (long long)l->card_day_max);
    if (l->card_day_count && count >= l->card_day_count)
        return refuse(op, OC_R_LIMIT, "card's day: %u transactions", count);
    return 0;
}

int limits_ask(const struct card_row *c, const struct terminal_full *t, struct ledger_op *op)
{
    const struct op_intent *in = &op->intent;
    const struct op_limits *l = &in->limits;
    fen_t counts = limits_counted(in);
    if (!moves_chip(in) && counts == 0)
        return 0;
    if (l->single_max && counts > l->single_max)
        return refuse(op, OC_R_LIMIT, "at most %lld fen at a time", (long long)l->single_max);
    int rc = in->card ? ask_card(c, in, counts, op) : 0;
    if (rc)
        return rc;
    fen_t sum = in->business_date <= t->day ? t->day_sum : 0;
    if (l->terminal_day_max && sum + counts > l->terminal_day_max)
        return refuse(op, OC_R_LIMIT, "terminal's day: %lld of %lld fen", (long long)sum,
                      (long long)l->terminal_day_max);
    return 0;
}
