/* The end of a transaction whose intent is durable. Only the store can fail here (R2); then the row stays INTENDED, the
 * requester is told "in doubt", and the card's proof settles it at the next tap: nothing is guessed. */
#include "txn/dialogue.h"

#include <string.h>

#define OUTCOME_TRIES    4
#define OUTCOME_PAUSE_MS 500

struct op_outcome *outcome_begin(struct dialogue *d, int64_t txn, enum oc_txn_state to, enum evidence ev)
{
    struct ledger_op *op = dialogue_op(d, LOP_OUTCOME);
    op->outcome.txn = txn;
    op->outcome.to = (uint8_t)to;
    op->outcome.evidence = (uint8_t)ev;
    op->outcome.sw = d->session != NULL ? d->session->sw : 0;
    return &op->outcome;
}

static CO_FN int submit_patiently(struct dialogue *d)
{
    int rc = OC_EINTERNAL;
    for (int i = 0; i < OUTCOME_TRIES; i++) {
        rc = dialogue_co_submit(d);
        if (rc == 0 || rc == OC_ESTATE || rc == OC_ENOENT || rc == OC_EREFUSED)
            break;
        char id[IDENT_TEXT];
        log_error("txn", "outcome not written txn=%s err=%d (%s), try %d", ident_text(d->op->outcome.txn, id), rc,
                  oc_strerror(rc), i + 1);
        if (i + 1 < OUTCOME_TRIES && flow_co_sleep_ms(OUTCOME_PAUSE_MS) != 0)
            break;
    }
    return rc;
}

static enum oc_outcome outcome_of(const struct op_outcome *o)
{
    switch (o->to) {
    case OC_TXN_POSTED:
        return OC_POSTED;
    case OC_TXN_IN_DOUBT:
        return OC_IN_DOUBT;
    default:
        return o->evidence == EV_CARD_REFUSED ? OC_REFUSED : OC_VOIDED;
    }
}

int outcome_co_write(struct dialogue *d)
{
    struct txn_result *res = d->res;
    int64_t before = res->ledger_ns;
    timing_mark(d, STEP_OUTCOME);
    d->op->outcome.timeline = res->timeline;
    int rc = submit_patiently(d);
    if (rc == 0)
        hold_tell_outbox(d);
    d->outcome_ns += res->ledger_ns - before;
    const struct op_outcome *o = &d->op->outcome;
    res->txn = o->txn;
    res->outcome = outcome_of(o);
    res->reason = (enum oc_reason)o->reason;
    memcpy(res->detail, o->note, sizeof o->note);
    if (rc != 0) {
        res->outcome = OC_IN_DOUBT;
        res->reason = OC_R_STORE;
        snprintf(res->detail, sizeof res->detail, "the ledger could not take the outcome: the card's proof will settle it");
    }
    if (rc == 0 && o->to == OC_TXN_POSTED && o->reply[0] != '\0')
        memcpy(res->reply, o->reply, sizeof o->reply);
    if (o->seen.has & SEEN_BALANCE) {
        res->has_balance = true;
        res->balance = o->seen.balance;
    }
    return rc;
}

int outcome_co_not_sent(struct dialogue *d, int64_t txn, enum oc_reason why, const char *note)
{
    struct op_outcome *o = outcome_begin(d, txn, OC_TXN_VOIDED, EV_NOT_SENT);
    o->reason = (uint8_t)why;
    snprintf(o->note, sizeof o->note, "%s", note);
    return outcome_co_write(d);
}

int outcome_co_away(struct dialogue *d, int64_t txn, const char *what)
{
    char note[96];
    bool wire = d->reader->closed;
    snprintf(note, sizeof note, "the %s left before the %s was sent", wire ? "terminal" : "card", what);
    return outcome_co_not_sent(d, txn, wire ? OC_R_READER : OC_R_CARD_REMOVED, note);
}

static enum oc_reason reason_of_sw(const struct dialogue *d)
{
    if (profile_mac_refused(d->session->profile, d->session->sw))
        return OC_R_CARD_MAC;
    return sw_class(d->session->sw) == SW_CLASS_INSUFFICIENT ? OC_R_INSUFFICIENT : OC_R_CARD_ERROR;
}

int outcome_co_card_refused(struct dialogue *d, int64_t txn, const char *what)
{
    struct op_outcome *o = outcome_begin(d, txn, OC_TXN_VOIDED, EV_CARD_REFUSED);
    o->reason = (uint8_t)reason_of_sw(d);
    snprintf(o->note, sizeof o->note, "%s: %04X %s", what, d->session->sw, sw_text(d->session->sw));
    return outcome_co_write(d);
}

int outcome_co_lost(struct dialogue *d, int64_t txn)
{
    struct op_outcome *o = outcome_begin(d, txn, OC_TXN_IN_DOUBT, EV_NONE);
    o->reason = OC_R_ANSWER_LOST;
    snprintf(o->note, sizeof o->note, "%s", oc_reason_en(OC_R_ANSWER_LOST));
    return outcome_co_write(d);
}

int outcome_co_wrong_proof(struct dialogue *d, int64_t txn, const uint8_t *mac2, const uint8_t *tac)
{
    struct op_outcome *o = outcome_begin(d, txn, OC_TXN_IN_DOUBT, EV_NONE);
    char id[IDENT_TEXT];
    log_warn("txn", "wrong proof after 9000 txn=%s", ident_text(txn, id));
    o->reason = OC_R_WRONG_PROOF;
    o->suspense = 1;
    o->tac_verdict = TAC_WRONG;
    if (mac2 != NULL)
        memcpy(o->mac2, mac2, sizeof o->mac2);
    memcpy(o->tac, tac, sizeof o->tac);
    snprintf(o->note, sizeof o->note, "%s", oc_reason_en(OC_R_WRONG_PROOF));
    o->event_count = 1;
    snprintf(o->events[0].kind, sizeof o->events[0].kind, "wrong_proof");
    snprintf(o->events[0].text, sizeof o->events[0].text, "9000 with a wrong MAC2 or TAC: is this card genuine?");
    return outcome_co_write(d);
}

int outcome_co_write_doubt(struct dialogue *d)
{
    int rc = submit_patiently(d);
    if (rc == 0 && (d->row->held || d->row->message_count > 0))
        txn_outbox_kick(d->env, NULL);
    return rc;
}
