/* Purse credit: a load prints money (R7). MAC2 is computed only after intent and funding are durable, with the host's date
 * and time; one at a time per card and online counter, which the ledger's one-open-transaction rule gives. */
#include "txn/dialogue.h"

#include <string.h>

struct credit {
    struct init_load_answer init;
    uint32_t raw_balance; /* what the TAC's new balance continues from */
    struct op_intent *in;
};

static int init_refused(struct dialogue *d)
{
    uint16_t sw = d->session->sw;
    switch (sw_class(sw)) {
    case SW_CLASS_COUNTER_MAX:
        return dialogue_refuse(d, OC_R_COUNTER_MAX, "the card says %04X", sw);
    case SW_CLASS_NO_KEY:
        return dialogue_refuse(d, OC_R_NO_KEY, "the card has no load key %02X (%04X)", d->session->profile->purse.kid_load, sw);
    case SW_CLASS_LOCKED:
        return dialogue_refuse(d, OC_R_BLOCKED, "the card says %04X: %s", sw, sw_text(sw));
    default:
        return dialogue_refuse(d, OC_R_CARD_ERROR, "INITIALIZE FOR LOAD: %04X %s", sw, sw_text(sw));
    }
}

/* MAC1 proves that a card with our load key answered; without it nothing is reserved and nothing is printed. */
static int verify_mac1(struct dialogue *d, const struct credit *c)
{
    struct custody_card card;
    struct pboc_load l = {.counter = c->init.online_counter,
                          .type = d->session->profile->purse.type_load,
                          .balance_before = (uint32_t)c->init.balance,
                          .amount = (uint32_t)d->plan->amount};
    memcpy(l.random, c->init.random, sizeof l.random);
    memcpy(l.sam, d->term->t.sam, sizeof l.sam);
    if (auth_key(d, KEY_LOAD, c->init.key_version, c->init.alg, &card) != 0)
        return dialogue_refuse(d, OC_R_NO_KEY, "no load key of version %u, algorithm %u", c->init.key_version, c->init.alg);
    int rc = custody_card_mac1_verify_load(d->env->custody, &card, &l, c->init.mac1);
    if (rc != 0)
        return dialogue_refuse(d, OC_R_LOAD_MAC1, "%s", rc == OC_EMAC ? "MAC1 is not what the card's load key gives"
                                                                      : oc_strerror(rc));
    if (auth_key(d, KEY_TAC, c->init.key_version, c->init.alg, &card) != 0)
        return dialogue_refuse(d, OC_R_NO_KEY, "no TAC key for this card (algorithm %u)", c->init.alg);
    return 0;
}

static CO_FN int initialize(struct dialogue *d, struct credit *c)
{
    int rc = chip_co_before(d);
    if (rc != 0)
        return rc;
    rc = AT_CARD(d, purse_co_init_load(d->session, d->plan->amount, d->term->t.sam, &c->init));
    if (rc == OC_ECARD_SW)
        return init_refused(d);
    if (rc != 0)
        return dialogue_card_failed(d, rc, "INITIALIZE FOR LOAD");
    rc = verify_mac1(d, c);
    if (rc != 0)
        return rc;
    d->proven = d->initialized = true;
    timing_mark(d, STEP_INIT);
    c->raw_balance = chip_balance(d, c->init.balance);
    if (c->init.online_counter == 0xFFFF)
        return dialogue_refuse(d, OC_R_COUNTER_MAX, "online counter FFFF");
    /* One MAC2 for each counter (R7): a card whose counter lies before one that was used already is a copy. */
    if ((d->card->last.has & SEEN_ONLINE) != 0 && c->init.online_counter < d->card->last.online)
        return dialogue_refuse(d, OC_R_NOT_GENUINE, "online counter %u was used already (%u is due): is this a copy?",
                               c->init.online_counter, d->card->last.online);
    return 0;
}

static CO_FN int write_intent(struct dialogue *d, struct credit *c)
{
    struct op_intent *in = &dialogue_op(d, LOP_INTENT)->intent;
    int rc = intent_fill(d, in, d->session->profile->purse.type_load);
    if (rc != 0)
        return rc;
    in->counter = c->init.online_counter;
    in->key_version = c->init.key_version;
    in->alg = c->init.alg;
    memcpy(in->random, c->init.random, sizeof in->random);
    in->raw_balance = c->raw_balance;
    in->seen = chip_seen(d, SEEN_ONLINE, c->init.online_counter);
    return intent_co_write(d, &c->in);
}

static CO_FN int wrong_proof(struct dialogue *d, const struct credit *c, const struct credit_answer *a)
{
    int rc = outcome_co_wrong_proof(d, c->in->txn, NULL, a->tac);
    doubt_co_ask_proof(d, c->in);
    return rc;
}

static CO_FN int check_answer(struct dialogue *d, const struct credit *c, const struct credit_answer *a)
{
    if (proof_tac(d, c->in, a->tac) != 0)
        return wrong_proof(d, c, a);
    struct op_outcome *o = outcome_begin(d, c->in->txn, OC_TXN_POSTED, EV_ANSWER);
    o->tac_verdict = TAC_OK;
    memcpy(o->tac, a->tac, sizeof o->tac);
    d->chip_balance += c->in->amount;
    o->seen = chip_seen(d, SEEN_ONLINE, (uint16_t)(c->in->counter + 1));
    memcpy(o->reply, c->in->reply, sizeof o->reply);
    return outcome_co_write(d);
}

static int mac2(struct dialogue *d, const struct credit *c, uint8_t ret[4])
{
    struct custody_card card;
    struct pboc_load l;
    proof_load(d, c->in, &l);
    int rc = auth_key(d, KEY_LOAD, c->in->key_version, c->in->alg, &card);
    return rc != 0 ? rc : custody_load_mac2(d->env->custody, &card, &l, ret);
}

static CO_FN int command(struct dialogue *d, const struct credit *c)
{
    uint8_t mac[4];
    struct credit_answer a = {{0}};
    if (mac2(d, c, mac) != 0)
        return outcome_co_not_sent(d, c->in->txn, OC_R_NO_KEY, "MAC2 could not be computed: nothing was sent");
    timing_mark(d, STEP_SENT);
    int rc = AT_CARD(d, purse_co_credit_load(d->session, c->in->card_date, c->in->card_time, mac, &a));
    timing_mark(d, STEP_ANSWERED);
    switch (card_moved(d->session->profile, rc, d->session->sw)) {
    case CARD_MOVED:
        return check_answer(d, c, &a);
    case CARD_NOT_MOVED:
        if (rc == OC_ECARD_SW)
            return outcome_co_card_refused(d, c->in->txn, "CREDIT FOR LOAD");
        return outcome_co_away(d, c->in->txn, "credit");
    default:
        if (rc == OC_ECARD_DATA && d->session->sw == SW_OK)
            return wrong_proof(d, c, &a);
        return outcome_co_lost(d, c->in->txn);
    }
}

int load_co_execute(struct dialogue *d)
{
    struct credit *c = arena_alloc(flow_arena(), sizeof *c);
    if (c == NULL)
        return dialogue_ledger_failed(d, OC_ENOMEM);
    if (!d->session->profile->purse.present)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "cards of profile %s have no purse", d->session->profile->name);
    int rc = initialize(d, c);
    if (rc == 0)
        rc = write_intent(d, c);
    if (rc != 0)
        return rc;
    rc = hold_co_ask(d, c->in->txn);
    rc = rc == 0 ? command(d, c) : 0;
    intent_end(d);
    return rc;
}
