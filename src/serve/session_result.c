/* What a terminal is told about its requests: where they stand, what became of them, or that they
 * were not taken. */
#include "serve/session.h"

#include <stdio.h>
#include <string.h>

#define ASK_AGAIN_MS 1000

void asked_put_busy(struct session *se, uint64_t number, uint32_t retry_ms)
{
    pb_busy b = ONECARD__TERMINAL__V1__BUSY__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    b.number = number;
    b.retry_after_ms = retry_ms;
    m.message_case = SAYS(BUSY);
    m.busy = &b;
    session_put(se, &m);
}

static int outcome_word(int outcome)
{
    switch (outcome) {
    case OC_POSTED:
        return PB_POSTED;
    case OC_REFUSED:
        return PB_REFUSED;
    case OC_VOIDED:
        return PB_VOIDED;
    default:
        return PB_IN_DOUBT;
    }
}

static int state_word(uint8_t state)
{
    switch ((enum oc_txn_state)state) {
    case OC_TXN_POSTED:
        return PB_POSTED;
    case OC_TXN_REFUSED:
        return PB_REFUSED;
    case OC_TXN_VOIDED:
        return PB_VOIDED;
    default:
        return PB_IN_DOUBT;
    }
}

struct settled_words {
    pb_settled items[TXN_SETTLED], *order[TXN_SETTLED];
    char ids[TXN_SETTLED][IDENT_TEXT];
};

static void say_settled(const struct txn_result *r, struct settled_words *w)
{
    for (unsigned i = 0; i < r->settled_count; i++) {
        pb_settled *p = w->order[i] = &w->items[i];
        onecard__terminal__v1__settled__init(p);
        p->txn = pb_text(ident_text(r->settled[i].txn, w->ids[i]));
        p->outcome = (Onecard__Terminal__V1__Outcome)state_word(r->settled[i].state);
        p->amount_fen = r->settled[i].amount;
    }
}

static void say_result(const struct asked *a, pb_result *p)
{
    const struct txn_result *r = &a->res;
    p->number = a->number;
    p->outcome = (Onecard__Terminal__V1__Outcome)outcome_word((int)r->outcome);
    p->reason = pb_text(r->outcome == OC_POSTED ? "" : oc_reason_code(r->reason));
    p->text_en = pb_text(oc_reason_en(r->reason));
    p->text_zh = pb_text(oc_reason_zh(r->reason));
    p->detail = pb_text(r->detail);
    p->service = pb_text(r->service);
    p->card = pb_text(r->card);
    p->amount_fen = r->amount;
    p->gross_fen = r->gross;
    p->has_balance = r->has_balance;
    p->balance_fen = r->balance;
    p->business_date = r->business_date;
    p->at_ms = r->at_ms;
    p->reply = pb_text(r->reply);
    p->trace = a->req.trace;
    p->replayed = r->replayed;
}

void asked_put_result(struct asked *a)
{
    struct session *se = a->session;
    struct txn_result *r = &a->res;
    char id[IDENT_TEXT];
    struct settled_words settled;
    pb_result p = ONECARD__TERMINAL__V1__RESULT__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    if (r->outcome == OC_REFUSED && r->reason == OC_R_CONFLICT) {
        session_error(se, "conflict", "this number was used with another content", a->number);
        return;
    }
    if (r->outcome == OC_IN_DOUBT && r->reason == OC_R_BUSY) {
        asked_put_busy(se, a->number, ASK_AGAIN_MS); /* what became of it is not known yet */
        return;
    }
    (void)text_trim_utf8(r->detail);
    (void)text_trim_utf8(r->service);
    say_result(a, &p);
    if (r->txn != 0)
        p.txn = pb_text(ident_text(r->txn, id));
    say_settled(r, &settled);
    p.n_settled = r->settled_count;
    p.settled = settled.order;
    if (r->txn != 0 && !a->req.gate) {
        slip_write(se->t->serve, r, &se->t->slip);
        p.n_slip = se->t->slip.count;
        p.slip = se->t->slip.order;
    }
    m.message_case = SAYS(RESULT);
    m.result = &p;
    session_put(se, &m);
}

void asked_refuse(struct asked *a, enum oc_reason reason, const char *detail)
{
    struct txn_result *r = &a->res;
    memset(r, 0, sizeof *r);
    r->outcome = OC_REFUSED;
    r->reason = reason;
    (void)snprintf(r->detail, sizeof r->detail, "%s", detail);
    (void)snprintf(r->service, sizeof r->service, "%s", a->req.service);
    r->amount = a->req.amount;
    r->at_ms = serve_now_ms(a->session->t->serve);
    r->business_date = city_date(r->at_ms, a->session->t->serve->env.city_offset_min);
}

/* ---- on the way ---- */

static const struct {
    int phase;
    const char *en, *zh;
} phases[] = {
    [TXN_PHASE_WAIT_CARD] = {PB_PHASE_WAIT_CARD, "present the card", "请刷卡"},
    [TXN_PHASE_CARD] = {PB_PHASE_CARD, "leave the card there", "请勿移卡"},
    [TXN_PHASE_COMMITTED] = {PB_PHASE_COMMITTED, "leave the card there", "请勿移卡"},
    [TXN_PHASE_WAIT_RETURN] = {PB_PHASE_WAIT_RETURN, "put the same card back", "请放回原卡"},
};

void asked_put_progress(struct asked *a, enum txn_phase phase)
{
    pb_progress p = ONECARD__TERMINAL__V1__PROGRESS__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    if ((size_t)phase >= ARRAY_LEN(phases) || !phases[phase].en)
        return;
    p.number = a->number;
    p.phase = (Onecard__Terminal__V1__Progress__Phase)phases[phase].phase;
    p.text_en = pb_text(phases[phase].en);
    p.text_zh = pb_text(phases[phase].zh);
    m.message_case = SAYS(PROGRESS);
    m.progress = &p;
    if (phase == TXN_PHASE_WAIT_CARD || phase == TXN_PHASE_WAIT_RETURN)
        session_put(a->session, &m);
    else
        session_put_later(a->session, &m); /* a list is about to leave */
}
