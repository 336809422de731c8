/* Purse debit: purchase, or CAPP purchase where a journey record travels with it. No path reaches DEBIT before the intent
 * is durable (R2); after it only the store can fail. The states are drawn in txn.h. */
#include "txn/dialogue.h"

#include <string.h>

struct debit {
    bool capp;
    uint8_t code[EP_CODE_LEN]; /* what MAC1 ends with on some cards */
    size_t code_len;
    struct init_purchase_answer init;
    uint32_t raw_balance;
    uint8_t record[CAPP_RECORD_MAX];
    uint8_t before_known, before[8]; /* the record as it was, where only it can tell whether a free ride happened (R3) */
    struct op_intent *in; /* as it became durable */
};

static int init_refused(struct dialogue *d)
{
    uint16_t sw = d->session->sw;
    switch (sw_class(sw)) {
    case SW_CLASS_INSUFFICIENT:
        return dialogue_refuse(d, OC_R_INSUFFICIENT, "the card says %04X", sw);
    case SW_CLASS_COUNTER_MAX:
        return dialogue_refuse(d, OC_R_COUNTER_MAX, "the card says %04X", sw);
    case SW_CLASS_NO_KEY:
        return dialogue_refuse(d, OC_R_NO_KEY, "the card has no purchase key %02X (%04X)",
                               d->session->profile->purse.kid_purchase, sw);
    case SW_CLASS_LOCKED:
        return dialogue_refuse(d, OC_R_BLOCKED, "the card says %04X: %s", sw, sw_text(sw));
    default:
        return dialogue_refuse(d, OC_R_CARD_ERROR, "INITIALIZE FOR PURCHASE: %04X %s", sw, sw_text(sw));
    }
}

/* Whether the amount moves the counter: a CAPP purchase of nothing need not (R3, R16). */
static bool moves_counter(const struct dialogue *d, const struct debit *b, fen_t amount)
{
    return amount > 0 || !b->capp || d->session->profile->capp.zero_moves_counter;
}

/* The record that a free ride will replace; what the decision was made on is not asked for again. */
static CO_FN int record_before(struct dialogue *d, struct debit *b)
{
    uint8_t record[CAPP_RECORD_MAX], digest[SHA256_LEN];
    size_t len = 0;
    const struct journey *j = d->journey;
    if (j == NULL)
        return chip_co_record(d, record, &len, &b->before_known, b->before);
    if (j->len != 0 && hash_sha256(d->env->crypto, (struct bytes){j->bytes, j->len}, digest) != 0)
        return 0;
    if (j->len != 0)
        memcpy(b->before, digest, sizeof b->before);
    b->before_known = j->len != 0 ? 2 : 1;
    return 0;
}

/* All that must be asked before INITIALIZE: any other command after it drops the card to idle. */
static CO_FN int ask_before(struct dialogue *d, struct debit *b)
{
    int rc = chip_co_before(d);
    if (rc == 0 && !moves_counter(d, b, d->plan->amount)) {
        rc = record_before(d, b);
        if (rc != 0)
            return dialogue_card_failed(d, rc, "reading the journey record");
    }
    if (rc != 0)
        return rc;
    rc = AT_CARD(d, purse_co_security_code(d->session, b->capp, b->code, &b->code_len));
    return rc != 0 ? dialogue_card_failed(d, rc, "GET SECURITY CODE") : 0;
}

/* The chip is the authority on sufficiency (R1): it is asked, and its answer is looked at before anything is reserved. */
static CO_FN int initialize(struct dialogue *d, struct debit *b)
{
    const struct card_profile *p = d->session->profile;
    int rc = ask_before(d, b);
    if (rc != 0)
        return rc;
    rc = AT_CARD(d, purse_co_init_purchase(d->session, b->capp, d->plan->amount, d->term->t.sam, &b->init));
    if (rc == OC_ECARD_SW)
        return init_refused(d);
    if (rc != 0)
        return dialogue_card_failed(d, rc, "INITIALIZE FOR PURCHASE");
    d->initialized = true;
    timing_mark(d, STEP_INIT);
    b->raw_balance = chip_balance(d, b->init.balance);
    if (d->chip_balance < d->plan->amount && !(p->purse.overdraft && b->init.overdraft > 0))
        return dialogue_refuse(d, OC_R_INSUFFICIENT, "the card holds less than the amount");
    if (b->init.offline_counter == 0xFFFF)
        return dialogue_refuse(d, OC_R_COUNTER_MAX, "offline counter FFFF");
    return 0;
}

/* Whatever could keep us from computing MAC1 or checking the answer is found before the intent. */
static int check_keys(struct dialogue *d, const struct debit *b)
{
    struct custody_card card;
    if (!custody_software_sam(d->env->custody))
        return dialogue_refuse(d, OC_R_SAM_MISSING, "sam.software is off in the configuration");
    if (auth_key(d, KEY_PURCHASE, b->init.key_version, b->init.alg, &card) != 0)
        return dialogue_refuse(d, OC_R_NO_KEY, "no purchase key of version %u, algorithm %u", b->init.key_version, b->init.alg);
    if (auth_key(d, KEY_TAC, b->init.key_version, b->init.alg, &card) != 0)
        return dialogue_refuse(d, OC_R_NO_KEY, "no TAC key for this card (algorithm %u)", b->init.alg);
    return 0;
}

/* The journey record by the card's layout; what the switch knows better than the module is filled in here. */
static int journey_record(struct dialogue *d, struct debit *b, struct op_intent *in)
{
    const struct card_profile *p = d->session->profile;
    struct capp_values *v = arena_alloc(flow_arena(), sizeof *v);
    if (v == NULL)
        return dialogue_ledger_failed(d, OC_ENOMEM);
    char when[15];
    capp_values_init(v);
    capp_put_number(v, "amount", in->amount);
    fen_t left = d->chip_balance - in->amount;
    capp_put_number(v, "balance", left > 0 ? left : 0); /* layouts have no sign for overdraft */
    capp_put_bytes(v, "terminal", in->sam, sizeof in->sam);
    capp_put_bytes(v, "sam", in->sam, sizeof in->sam);
    hex_encode(in->card_date, sizeof in->card_date, when);
    capp_put(v, "date", when);
    hex_encode(in->card_time, sizeof in->card_time, when + 8);
    capp_put(v, "time", when + 8);
    capp_put(v, "datetime", when);
    for (unsigned i = 0; i < d->plan->capp_count; i++)
        capp_put(v, d->plan->capp[i].name, d->plan->capp[i].text);
    int rc = profile_capp_encode(p, v, b->record);
    if (rc != 0)
        return dialogue_refuse(d, OC_R_MODULE, "the journey record does not fit the layout of %s (%s)", p->name,
                               v->err != 0 ? oc_strerror(v->err) : oc_strerror(rc));
    in->capp_len = p->capp.length;
    memcpy(in->capp, b->record, in->capp_len);
    in->capp_before_known = b->before_known;
    memcpy(in->capp_before, b->before, sizeof in->capp_before);
    return 0;
}

static CO_FN int write_intent(struct dialogue *d, struct debit *b)
{
    struct op_intent *in = &dialogue_op(d, LOP_INTENT)->intent;
    const struct profile_purse *purse = &d->session->profile->purse;
    int rc = intent_fill(d, in, b->capp ? purse->type_capp : purse->type_purchase);
    if (rc != 0)
        return rc;
    in->counter = b->init.offline_counter;
    in->key_version = b->init.key_version;
    in->alg = b->init.alg;
    memcpy(in->random, b->init.random, sizeof in->random);
    in->raw_balance = b->raw_balance;
    in->seen = chip_seen(d, SEEN_OFFLINE, b->init.offline_counter);
    if (b->capp && (rc = journey_record(d, b, in)) != 0)
        return rc;
    return intent_co_write(d, &b->in);
}

static CO_FN int posted(struct dialogue *d, const struct debit *b, const struct debit_answer *a)
{
    struct op_outcome *o = outcome_begin(d, b->in->txn, OC_TXN_POSTED, EV_ANSWER);
    o->tac_verdict = TAC_OK;
    memcpy(o->mac2, a->mac2, sizeof o->mac2);
    memcpy(o->tac, a->tac, sizeof o->tac);
    d->proven = true;
    d->chip_balance -= b->in->amount;
    o->seen = chip_seen(d, moves_counter(d, b, b->in->amount) ? SEEN_OFFLINE : 0, (uint16_t)(b->in->counter + 1));
    memcpy(o->reply, b->in->reply, sizeof o->reply);
    return outcome_co_write(d);
}

static CO_FN int wrong_proof(struct dialogue *d, const struct debit *b, const struct debit_answer *a)
{
    int rc = outcome_co_wrong_proof(d, b->in->txn, a->mac2, a->tac);
    doubt_co_ask_proof(d, b->in);
    return rc;
}

/* The card answered 9000: MAC2 and TAC decide whether it was the card we think (R5). */
static CO_FN int check_answer(struct dialogue *d, const struct debit *b, const struct debit_answer *a)
{
    if (proof_mac2(d, b->in, a->mac2) == 0 && proof_tac(d, b->in, a->tac) == 0)
        return posted(d, b, a);
    return wrong_proof(d, b, a);
}

static int mac1(struct dialogue *d, const struct debit *b, uint8_t ret[4])
{
    struct pboc_purchase p;
    struct custody_card card;
    proof_purchase(b->in, &p);
    memcpy(p.code, b->code, b->code_len);
    p.code_len = (uint8_t)b->code_len;
    int rc = auth_key(d, KEY_PURCHASE, b->in->key_version, b->in->alg, &card);
    return rc != 0 ? rc : custody_purchase_mac1(d->env->custody, &card, &p, ret);
}

static CO_FN int debit(struct dialogue *d, const struct debit *b, const struct purse_debit *cmd)
{
    struct debit_answer a = {0};
    timing_mark(d, STEP_SENT);
    int rc = AT_CARD(d, purse_co_debit(d->session, cmd, &a));
    timing_mark(d, STEP_ANSWERED);
    switch (card_moved(d->session->profile, rc, d->session->sw)) {
    case CARD_MOVED:
        return check_answer(d, b, &a);
    case CARD_NOT_MOVED:
        if (rc == OC_ECARD_SW)
            return outcome_co_card_refused(d, b->in->txn, "DEBIT");
        if (rc == OC_ECARD_CACHE)
            return outcome_co_not_sent(d, b->in->txn, OC_R_CARD_ERROR,
                                       "the journey record could not be written: nothing was debited");
        return outcome_co_away(d, b->in->txn, "debit");
    default:
        if (rc == OC_ECARD_DATA && d->session->sw == SW_OK)
            return wrong_proof(d, b, &a);
        return outcome_co_lost(d, b->in->txn);
    }
}

static CO_FN int command(struct dialogue *d, const struct debit *b)
{
    struct purse_debit cmd = {.sam_seq = b->in->terminal_seq};
    memcpy(cmd.date, b->in->card_date, sizeof cmd.date);
    memcpy(cmd.time, b->in->card_time, sizeof cmd.time);
    if (mac1(d, b, cmd.mac1) != 0)
        return outcome_co_not_sent(d, b->in->txn, OC_R_NO_KEY, "MAC1 could not be computed: nothing was sent");
    if (b->capp) { /* written just before, in the same list where the reader takes lists */
        cmd.capp = b->record;
        cmd.capp_len = b->in->capp_len;
    }
    return debit(d, b, &cmd);
}

int purchase_co_execute(struct dialogue *d)
{
    struct debit *b = arena_alloc(flow_arena(), sizeof *b);
    if (b == NULL)
        return dialogue_ledger_failed(d, OC_ENOMEM);
    if (!d->session->profile->purse.present)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "cards of profile %s have no purse", d->session->profile->name);
    b->capp = d->plan->capp_count > 0;
    if (b->capp && !d->session->profile->capp.present)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "cards of profile %s carry no journey record",
                               d->session->profile->name);
    int rc = initialize(d, b);
    if (rc == 0)
        rc = check_keys(d, b);
    if (rc == 0)
        rc = write_intent(d, b);
    if (rc != 0)
        return rc;
    rc = hold_co_ask(d, b->in->txn);
    rc = rc == 0 ? command(d, b) : 0;
    intent_end(d);
    return rc;
}
