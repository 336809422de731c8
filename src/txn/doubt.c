/* Settling a doubt (灰记录) by evidence, never by guessing and never by the clock (R3, R4).
 *
 *   counter still the intent's ──────────────────────────────► VOIDED   counter
 *   counter moved: PROVE's TAC is ours, recomputed ───────────► POSTED   prove
 *     else the log's record with that counter is ours ────────► POSTED   log     (not where the proof was wrong, R5)
 *     else the log's record with that counter is another's ───► VOIDED   counter_other
 *     else ───────────────────────────────────────────────────► IN_DOUBT, with what was seen
 *
 * A CAPP purchase of nothing shares its counter with the next transaction (R16), so the counter says nothing about it:
 *   its record lies on the card (and the proof was not wrong) ► POSTED   capp_record
 *   the record is as it was before the intent ────────────────► VOIDED   capp_record
 *   overwritten or unreadable ────────────────────────────────► IN_DOUBT
 *
 * A moved counter alone proves nothing, nor does the balance. */
#include "txn/dialogue.h"

#include <string.h>

struct finding {
    enum oc_txn_state to;
    enum evidence evidence;
    uint16_t counter; /* what INITIALIZE reports now */
    bool has_counter;
    uint8_t tac[4];
    bool has_tac;
    const char *note;
};

/* MAC1 comes from a session key over the online counter: where it is right, so is the counter. */
static CO_FN int load_counter(struct dialogue *d, const struct op_intent *in, uint16_t *ret)
{
    struct init_load_answer a;
    struct custody_card card;
    int rc = chip_co_before(d);
    if (rc != 0)
        return rc;
    rc = AT_CARD(d, purse_co_init_load(d->session, in->amount, d->term->t.sam, &a));
    if (rc != 0)
        return rc;
    struct pboc_load l = {.counter = a.online_counter,
                          .type = in->card_type,
                          .balance_before = (uint32_t)a.balance,
                          .amount = (uint32_t)in->amount};
    memcpy(l.random, a.random, sizeof l.random);
    memcpy(l.sam, d->term->t.sam, sizeof l.sam);
    rc = auth_key(d, KEY_LOAD, a.key_version, a.alg, &card);
    if (rc == 0)
        rc = custody_card_mac1_verify_load(d->env->custody, &card, &l, a.mac1);
    if (rc != 0)
        return rc;
    d->proven = true;
    (void)chip_balance(d, a.balance);
    *ret = a.online_counter;
    return 0;
}

/* An amount of 0 asks without touching sufficiency; some cards take it only for CAPP, or not at all. */
static CO_FN int debit_counter(struct dialogue *d, const struct op_intent *in, uint16_t *ret)
{
    const struct card_profile *p = d->session->profile;
    const struct {
        bool capp;
        fen_t amount;
    } tries[] = {{in->card_type == p->purse.type_capp, 0}, {p->capp.present, 0}, {false, in->amount}};
    struct init_purchase_answer a;
    int rc = chip_co_before(d);
    if (rc != 0)
        return rc;
    rc = OC_ECARD_SW;
    for (size_t i = 0; i < ARRAY_LEN(tries) && rc == OC_ECARD_SW; i++)
        rc = AT_CARD(d, purse_co_init_purchase(d->session, tries[i].capp, tries[i].amount, d->term->t.sam, &a));
    if (rc != 0)
        return rc;
    (void)chip_balance(d, a.balance);
    *ret = a.offline_counter;
    return 0;
}

/* A CAPP purchase of nothing leaves its record as the only trace: ours there, it happened; as it was before, it did not;
 * anything else (overwritten, unreadable) proves nothing. */
static CO_FN int read_record_back(struct dialogue *d, const struct txn_row *row, struct finding *f)
{
    const struct op_intent *in = &row->in;
    uint8_t record[CAPP_RECORD_MAX], known = 0, hash[8] = {0};
    size_t len = 0;
    int rc = chip_co_record(d, record, &len, &known, hash);
    if (rc != 0)
        return rc;
    bool ours = known == 2 && len == in->capp_len && memcmp(record, in->capp, len) == 0;
    bool as_before = known != 0 && known == in->capp_before_known &&
                     (known == 1 || memcmp(hash, in->capp_before, sizeof hash) == 0);
    if (ours && row->suspense)
        f->note = "the record is there, but the card's proof was wrong";
    else if (ours && as_before)
        f->note = "the record is the same as before: it proves nothing";
    else if (ours || as_before) {
        f->to = ours ? OC_TXN_POSTED : OC_TXN_VOIDED;
        f->evidence = EV_CAPP_RECORD;
    } else {
        f->note = known == 0 ? "the journey record cannot be read back" : "the journey record was overwritten";
    }
    return 0;
}

static CO_FN int ask_proof(struct dialogue *d, const struct op_intent *in, struct finding *f)
{
    struct prove_answer p;
    int rc = AT_CARD(d, purse_co_prove(d->session, in->card_type, in->counter, &p));
    if (rc == 0)
        rc = proof_prove(d, in, &p, f->tac);
    if (rc == 0) {
        f->to = OC_TXN_POSTED;
        f->evidence = EV_PROVE;
        f->has_tac = true;
        return 0;
    }
    f->note = rc == OC_EMAC     ? "the counter moved; the proof's TAC is not ours"
              : rc == OC_ENOKEY ? "the counter moved; no TAC key to check the proof with"
                                : "the counter moved; the card gives no proof";
    return rc == OC_EMAC || rc == OC_ENOKEY || rc == OC_ENOENT || rc == OC_EPROFILE || rc == OC_ECARD_SW ||
                   rc == OC_ECARD_DATA
               ? 0
               : rc;
}

static CO_FN int read_log(struct dialogue *d, const struct txn_row *row, struct finding *f)
{
    bool load = row->in.plan_kind == OC_PLAN_CREDIT;
    struct purse_log *log = arena_alloc(flow_arena(), sizeof *log);
    if (log == NULL)
        return OC_ENOMEM;
    int rc = AT_CARD(d, purse_co_log(d->session, load, log));
    if (rc == OC_ECARD_SW || rc == OC_ECARD_DATA || rc == OC_EPROFILE || rc == OC_ENOENT)
        return 0; /* unreadable: the doubt stays */
    if (rc != 0)
        return rc;
    const struct ep_log *record = purse_log_find(d->session->profile, log, load, row->in.counter);
    if (record == NULL)
        return 0; /* overwritten */
    if (!proof_log_is_ours(&row->in, record)) {
        f->to = OC_TXN_VOIDED;
        f->evidence = EV_COUNTER_OTHER;
    } else if (row->suspense) {
        f->note = "the log shows this transaction, but the card's proof was wrong";
    } else {
        f->to = OC_TXN_POSTED;
        f->evidence = EV_LOG;
    }
    return 0;
}

/* What the card still knows of a counter that was used. */
static CO_FN int ask_card(struct dialogue *d, const struct txn_row *row, struct finding *f)
{
    int rc = ask_proof(d, &row->in, f);
    return rc == 0 && f->to == OC_TXN_IN_DOUBT ? read_log(d, row, f) : rc;
}

static CO_FN int ask_record(struct dialogue *d, const struct txn_row *row, struct finding *f)
{
    int rc = f->counter > row->in.counter ? ask_proof(d, &row->in, f) : 0;
    return rc == 0 && f->to == OC_TXN_IN_DOUBT ? read_record_back(d, row, f) : rc;
}

static CO_FN int find_evidence(struct dialogue *d, const struct txn_row *row, struct finding *f)
{
    const struct op_intent *in = &row->in;
    bool credit = in->plan_kind == OC_PLAN_CREDIT;
    bool shared = !credit && in->amount == 0 && !d->session->profile->capp.zero_moves_counter; /* the counter is (R16) */
    *f = (struct finding){.to = OC_TXN_IN_DOUBT};
    int rc = credit ? load_counter(d, in, &f->counter) : debit_counter(d, in, &f->counter);
    f->has_counter = rc == 0;
    if (rc == OC_ECARD_SW) /* INITIALIZE is refused (a full purse, an empty one): proof and log can still be asked */
        return shared ? read_record_back(d, row, f) : ask_card(d, row, f);
    if (rc != 0)
        return rc;
    if (f->counter < in->counter) {
        f->note = "the card's counter lies before the transaction's: is this the same card?";
        return 0;
    }
    if (shared)
        return ask_record(d, row, f);
    if (f->counter > in->counter)
        return ask_card(d, row, f);
    f->to = OC_TXN_VOIDED;
    f->evidence = EV_COUNTER;
    return 0;
}

static CO_FN int write_finding(struct dialogue *d, const struct txn_row *row, const struct finding *f)
{
    struct op_outcome *o = outcome_begin(d, row->id, f->to, f->evidence);
    bool credit = row->in.plan_kind == OC_PLAN_CREDIT;
    if (f->has_tac) {
        o->tac_verdict = TAC_OK;
        memcpy(o->tac, f->tac, sizeof o->tac);
    }
    if (f->to == OC_TXN_IN_DOUBT) {
        o->reason = row->reason != OC_R_NONE ? row->reason : (uint8_t)OC_R_ANSWER_LOST;
        o->suspense = row->suspense;
    }
    if (d->has_chip_balance && f->has_counter)
        o->seen = chip_seen(d, credit ? SEEN_ONLINE : SEEN_OFFLINE, f->counter);
    if (f->note != NULL)
        snprintf(o->note, sizeof o->note, "%s", f->note);
    if (f->to == OC_TXN_POSTED)
        memcpy(o->reply, row->in.reply, sizeof o->reply);
    if (row->id == d->torn && !d->resumed) { /* the end of this very dialogue's transaction */
        timing_mark(d, STEP_OUTCOME);
        o->timeline = d->res->timeline;
    }
    flow_shield();
    int rc = outcome_co_write_doubt(d);
    flow_unshield();
    return rc;
}

static int settle_failed(struct dialogue *d, int rc)
{
    if (rc == OC_EMAC)
        return dialogue_refuse(d, OC_R_LOAD_MAC1, "the card's MAC1 is wrong: its counter proves nothing");
    if (rc == OC_ENOKEY)
        return dialogue_refuse(d, OC_R_NO_KEY, "no load key to check the card's counter with");
    if (rc == OC_EREFUSED || rc == OC_ECANCELED)
        return rc;
    return dialogue_card_failed(d, rc, "reading the evidence for a doubt");
}

int doubt_co_settle(struct dialogue *d, int64_t txn, enum oc_txn_state *ret_state)
{
    struct finding f;
    char id[IDENT_TEXT];
    if (dialogue_runs_elsewhere(d, txn))
        return dialogue_refuse(d, OC_R_DOUBT_OPEN, "transaction %s of this card is running at another terminal",
                               ident_text(txn, id));
    int rc = ledger_co_txn(d->env->ledger, txn, d->row);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    *ret_state = (enum oc_txn_state)d->row->state;
    if (d->row->state != OC_TXN_INTENDED && d->row->state != OC_TXN_IN_DOUBT)
        return 0;
    if (recover_may_void(d->env, d->row)) { /* no card command ever left (R4) */
        rc = recover_co_void(d->env, d->row);
        if (rc == 0)
            *ret_state = OC_TXN_VOIDED;
        return rc == 0 ? 0 : dialogue_ledger_failed(d, rc);
    }
    if (d->row->in.plan_kind != OC_PLAN_DEBIT && d->row->in.plan_kind != OC_PLAN_CREDIT)
        return dialogue_refuse(d, OC_R_DOUBT_OPEN, "transaction %s of this card is not at its end", ident_text(txn, id));
    d->doubted = true;
    rc = find_evidence(d, d->row, &f);
    if (rc != 0)
        return settle_failed(d, rc);
    rc = write_finding(d, d->row, &f);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    log_info("txn", "doubt txn=%s state=%s evidence=%s %s", ident_text(txn, id), oc_txn_state_name(f.to),
             evidence_name(f.evidence), f.note != NULL ? f.note : "");
    *ret_state = f.to;
    if (f.to != OC_TXN_IN_DOUBT)
        dialogue_settled(d, d->row, (uint8_t)f.to, (uint8_t)f.evidence);
    return 0;
}

/* R5: the answer's proof was wrong, so the card is asked at once; what it says is kept as evidence. This dialogue stays in
 * doubt either way: goods are not released on the word of a card that has just given a wrong one. */
void doubt_co_ask_proof(struct dialogue *d, const struct op_intent *in)
{
    struct finding f = {.to = OC_TXN_IN_DOUBT};
    if (!card_present(d->session) || ask_proof(d, in, &f) != 0)
        return;
    struct op_outcome *o = outcome_begin(d, in->txn, OC_TXN_IN_DOUBT, EV_NONE);
    o->reason = OC_R_WRONG_PROOF;
    o->suspense = 1;
    o->timeline = d->res->timeline;
    snprintf(o->note, sizeof o->note, "%s", f.has_tac ? "asked at once, the card proved its TAC" : f.note);
    if (outcome_co_write_doubt(d) != 0)
        log_warn("txn", "what the card said about its wrong proof was not recorded");
}
