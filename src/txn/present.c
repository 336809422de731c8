/* The presentations of a card that one request takes: what happens while it is there, and the wait for it to come back
 * after it was torn out. Whatever comes back, the citizen is charged once (R8). */
#include "txn/dialogue.h"

#include <string.h>

#define PRESENTATIONS_MAX 8   /* of a torn card within one dialogue */
#define LINGER_MS         800 /* a reader may notice a removal late: look again after this */

/* ---- one presentation ---- */

/* A doubt that ended as posted, and was this very purchase: the citizen gets what she paid for, once (R8). */
static void finish_earlier(struct dialogue *d)
{
    const struct txn_row *row = d->row;
    struct txn_result *r = d->res;
    dialogue_posted(d);
    r->txn = row->id;
    r->amount = row->in.amount;
    r->gross = row->in.gross;
    r->business_date = row->in.business_date;
    snprintf(r->reply, sizeof r->reply, "%s", row->in.reply);
    r->replayed = false;
    d->torn = 0;
}

static bool is_this_ride(const struct dialogue *d)
{
    return d->req->gate && strcmp(d->row->in.terminal, d->term->t.id) == 0 &&
           strcmp(d->row->in.service, service_name(d->service)) == 0;
}

/* The row and the application's state are stale after evidence was read: both are taken anew. */
static CO_FN int refresh(struct dialogue *d)
{
    int rc = AT_CARD(d, card_co_reselect(d->session));
    if (rc != 0)
        return dialogue_card_failed(d, rc, "SELECT");
    rc = auth_co_look(d);
    return rc != 0 ? dialogue_ledger_failed(d, rc) : 0;
}

/* This dialogue's own attempt came to nothing: the next one begins as if it were the first, and links to it. */
static void begin_anew(struct dialogue *d)
{
    d->previous = d->torn;
    d->torn = 0;
    d->res->replayed = false;
    timing_again(d);
    timing_mark(d, STEP_CARD);
    (void)dialogue_refuse(d, OC_R_CARD_ERROR, "the first attempt came to nothing");
}

/* The attempt came to nothing, and nobody waits for another one. */
static int ends_voided(struct dialogue *d, int64_t txn)
{
    d->torn = 0;
    d->res->txn = txn;
    d->res->outcome = OC_VOIDED;
    d->res->reason = OC_R_CARD_REMOVED;
    d->res->replayed = false;
    snprintf(d->res->detail, sizeof d->res->detail, "the card proves that nothing moved");
    return 1;
}

/* While we waited for the torn card, another terminal saw it and settled our transaction: its end is our answer. */
static CO_FN int settled_elsewhere(struct dialogue *d)
{
    int rc = ledger_co_txn(d->env->ledger, d->torn, d->row);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    dialogue_settled(d, d->row, d->row->state, d->row->evidence);
    if (d->row->state == OC_TXN_POSTED) {
        finish_earlier(d);
        return 1;
    }
    if (d->row->state != OC_TXN_VOIDED)
        return dialogue_refuse(d, OC_R_DOUBT_OPEN, "the transaction is still in doubt");
    if (d->answer_only)
        return ends_voided(d, d->torn);
    begin_anew(d);
    return 0;
}

/* 0: go on; 1: the dialogue is answered by the doubt's end. */
static CO_FN int settle_open(struct dialogue *d)
{
    int64_t open = d->card->open_txn;
    enum oc_txn_state state;
    char id[IDENT_TEXT];
    int rc = d->torn != 0 && open != d->torn ? settled_elsewhere(d) : 0;
    if (rc != 0 || open == 0)
        return rc;
    if (d->show != NULL)
        return dialogue_refuse(d, OC_R_DOUBT_OPEN, "transaction %s is in doubt; a plan settles nothing", ident_text(open, id));
    rc = doubt_co_settle(d, open, &state);
    if (rc != 0)
        return rc;
    if (state == OC_TXN_POSTED && (open == d->torn || is_this_ride(d))) {
        finish_earlier(d);
        return 1;
    }
    if (state == OC_TXN_IN_DOUBT)
        return dialogue_refuse(d, OC_R_DOUBT_OPEN, "transaction %s is still in doubt", ident_text(open, id));
    if (open == d->torn && d->answer_only)
        return ends_voided(d, open);
    if (open == d->torn)
        begin_anew(d);
    return refresh(d);
}

static CO_FN int execute(struct dialogue *d)
{
    bool chip = d->plan->kind == OC_PLAN_DEBIT || d->plan->kind == OC_PLAN_CREDIT;
    if (chip && d->session == NULL)
        return dialogue_refuse(d, OC_R_NEEDS_CHIP, "%s moves money on the card", d->res->service);
    int rc = chip_slot_named(d);
    if (rc != 0)
        return rc;
    if (d->show != NULL) {
        plan_json(d->plan, false, d->show);
        dialogue_posted(d);
        return d->show->err;
    }
    rc = chip_slot_co_mark(d);
    if (rc == 0)
        rc = chip_pin_co_execute(d);
    if (rc == 0)
        rc = vault_doc_co_seal_plan(d);
    if (rc != 0)
        return rc;
    switch (d->plan->kind) {
    case OC_PLAN_DEBIT:
        return purchase_co_execute(d);
    case OC_PLAN_CREDIT:
        return load_co_execute(d);
    case OC_PLAN_ACCOUNT:
    case OC_PLAN_NOTE:
        return account_co_execute(d);
    default:
        dialogue_posted(d);
        snprintf(d->res->reply, sizeof d->res->reply, "%s", d->plan->reply);
        return 0;
    }
}

/* Of two that read the same version of a record the later one wrote nothing: it is decided anew, with what the first one left,
 * so that it hears why it comes too late (the last place is gone, the bill is paid) and not only that it does. One that a card
 * command still holds is waited for a moment. */
int present_co_decide(struct dialogue *d)
{
    static const int64_t pauses_ms[] = {0, 50, 200, 500};
    for (unsigned i = 0;; i++) {
        int rc = decide_co_plan(d);
        if (rc == 0)
            rc = execute(d);
        if (rc != OC_EREFUSED || d->res->reason != OC_R_STALE || i == ARRAY_LEN(pauses_ms))
            return rc;
        if (pauses_ms[i] > 0 && flow_co_sleep_ms(pauses_ms[i]) != 0)
            return OC_ECANCELED;
    }
}

/* What the chip showed is kept even where nothing else is written (R1). */
static CO_FN void note_seen(struct dialogue *d)
{
    const struct card_seen *last = &d->card->last;
    if (d->show != NULL || d->plan->kind != OC_PLAN_NONE || !d->has_chip_balance ||
        ((last->has & SEEN_BALANCE) != 0 && last->balance == d->chip_balance))
        return;
    struct op_seen *s = &dialogue_op(d, LOP_SEEN)->seen;
    s->card = d->card->id;
    memcpy(s->terminal, d->term->t.id, sizeof s->terminal);
    s->seen = chip_seen(d, 0, 0);
    int rc = dialogue_co_submit(d);
    if (rc != 0)
        log_warn("txn", "last state seen was not recorded: %s", oc_strerror(rc));
}

static CO_FN int present(struct dialogue *d)
{
    int rc = auth_co_identify(d);
    if (rc != 0)
        return rc;
    rc = settle_open(d);
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    rc = auth_co_standing(d);
    if (rc != 0)
        return rc;
    timing_mark(d, STEP_GENUINE);
    rc = present_co_decide(d);
    if (rc == 0)
        note_seen(d);
    if (rc == 0)
        chip_slot_co_follow(d);
    return rc;
}

/* The card answered the money command with a word that proves nothing, and is still there: it is asked at once. */
static CO_FN void settle_at_once(struct dialogue *d)
{
    enum oc_txn_state state;
    if (d->torn == 0 || d->res->reason != OC_R_ANSWER_LOST || !card_present(d->session) ||
        AT_CARD(d, card_co_reselect(d->session)) != 0 || doubt_co_settle(d, d->torn, &state) != 0)
        return;
    if (state == OC_TXN_POSTED) {
        finish_earlier(d);
    } else if (state == OC_TXN_VOIDED) {
        d->torn = 0;
        d->res->outcome = OC_VOIDED;
        d->res->reason = OC_R_CARD_ERROR;
        snprintf(d->res->detail, sizeof d->res->detail, "the card reported an error and did nothing");
    }
}

/* What a terminal was asked up to INITIALIZE, or for a look at the card, it can be sent ahead the next time. Evidence for
 * a doubt is another dialogue than the next card's. */
static void learn(struct dialogue *d, int rc)
{
    char kind[SCRIPT_KIND_LEN];
    bool looked = rc == 0 && d->plan != NULL && d->plan->kind == OC_PLAN_NONE;
    if (d->req->scripts == NULL || !reader_has_lists(d->reader) || d->doubted || d->show != NULL ||
        (!d->initialized && !looked))
        return;
    snprintf(kind, sizeof kind, d->req->gate ? "%s@%s" : "%s", service_name(d->service), d->req->terminal);
    script_learn(d->req->scripts, kind, d->req->gate, d->session);
}

static CO_FN void close_session(struct dialogue *d)
{
    timing_wait(d);
    card_co_close(d->session);
    timing_waited(d, true);
}

static CO_FN int attempt(struct dialogue *d)
{
    struct card_session *s = d->session != NULL ? d->session : arena_alloc(flow_arena(), sizeof *s);
    if (s == NULL)
        return dialogue_ledger_failed(d, OC_ENOMEM);
    d->session = s;
    d->has_chip_balance = d->other = d->proven = d->doubted = d->initialized = false;
    timing_again(d);
    if (d->res->outcome == OC_VOIDED) { /* the command never left: the next attempt links to that one */
        d->previous = d->res->txn;
        if (ledger_co_txn(d->env->ledger, d->previous, d->row) == 0)
            dialogue_settled(d, d->row, d->row->state, d->row->evidence);
    }
    dialogue_phase(d, TXN_PHASE_CARD);
    int rc = present(d);
    if (rc == 0)
        settle_at_once(d);
    if (d->has_chip_balance && !d->other) {
        d->res->has_balance = true;
        d->res->balance = d->chip_balance;
    }
    if (s->identified && !d->other)
        d->awaited = true;
    learn(d, rc);
    close_session(d);
    return rc;
}

/* ---- presentations until there is an answer ---- */

static bool wants_return(const struct dialogue *d)
{
    const struct txn_result *r = d->res;
    if (d->req->retap_ms <= 0 || (d->answer_only && d->torn == 0 && !d->other))
        return false;
    if (d->other)
        return true;
    return (d->torn != 0 && (d->resumed || r->reason == OC_R_ANSWER_LOST)) ||
           (r->reason == OC_R_CARD_REMOVED && (r->outcome == OC_REFUSED || r->outcome == OC_VOIDED));
}

/* Waits for a card to come (back). A reader may still show the card that has gone; then it is tried once more. */
static CO_FN int look_for_return(struct dialogue *d, int64_t deadline)
{
    for (;;) {
        int64_t now = loop_now_ns(d->env->loop), soon = now + LINGER_MS * NS_PER_MS;
        if (now >= deadline)
            return OC_ETIMEDOUT;
        int rc = reader_co_wait_arrival(d->reader, d->arrival, soon < deadline ? soon : deadline, &d->arrival);
        if (rc != OC_ETIMEDOUT)
            return rc;
        if (!d->other && d->reader->state == READER_CARD && d->reader->arrival == d->arrival)
            return 0;
    }
}

static CO_FN int wait_return(struct dialogue *d, int64_t deadline)
{
    dialogue_phase(d, TXN_PHASE_WAIT_RETURN);
    timing_wait(d);
    int rc = look_for_return(d, deadline);
    timing_waited(d, false);
    return rc;
}

/* A desk named its card, and that one does not lie there. */
static bool not_the_one(const struct dialogue *d)
{
    uint64_t only = d->req->gate ? 0 : d->req->only_arrival;
    return only != 0 && (d->reader->arrival != only || d->reader->state == READER_EMPTY || d->reader->state == READER_GONE);
}

static CO_FN int wait_card(struct dialogue *d)
{
    uint64_t after = d->req->gate ? d->req->arrival - 1 : 0;
    d->answer_only = not_the_one(d);
    if (d->answer_only && !d->resumed && !d->reader->closed)
        return dialogue_refuse(d, OC_R_CARD_REMOVED, "the card named has gone");
    dialogue_phase(d, d->resumed ? TXN_PHASE_WAIT_RETURN : TXN_PHASE_WAIT_CARD);
    timing_wait(d);
    int rc = reader_co_wait_arrival(d->reader, after, flow_deadline_ms(d->req->wait_ms), &d->arrival);
    timing_waited(d, false);
    if (rc == OC_ECLOSED)
        return dialogue_refuse(d, OC_R_READER, "the terminal is not connected");
    if (rc == OC_ETIMEDOUT && d->reader->state == READER_GONE)
        return dialogue_refuse(d, OC_R_READER, "reader \"%.80s\" is not plugged in", d->reader->name);
    if (rc == OC_ETIMEDOUT)
        return dialogue_refuse(d, OC_R_NO_CARD, "nobody put a card on \"%.80s\"", d->reader->name);
    return rc;
}

/* The wait for the torn card is over; another terminal may have seen it meanwhile. What the ledger knows is the answer. */
static CO_FN void look_again(struct dialogue *d)
{
    if (d->torn == 0 || ledger_co_txn(d->env->ledger, d->torn, d->row) != 0)
        return;
    if (d->row->state == OC_TXN_POSTED) {
        finish_earlier(d);
    } else if (d->row->state == OC_TXN_VOIDED) {
        d->torn = 0;
        d->res->outcome = OC_VOIDED;
        d->res->reason = OC_R_CARD_REMOVED;
        snprintf(d->res->detail, sizeof d->res->detail, "another terminal saw the card: nothing moved");
    }
}

int present_co_answer(struct dialogue *d)
{
    if (d->reader == NULL)
        return dialogue_refuse(d, OC_R_READER, "terminal %s has no reader", d->term->t.id);
    int rc = wait_card(d);
    if (rc != 0) {
        look_again(d);
        return rc;
    }
    int64_t deadline = 0;
    for (unsigned seen = 0; seen < PRESENTATIONS_MAX;) {
        rc = attempt(d);
        if (rc == OC_ECANCELED || !wants_return(d))
            break;
        if (deadline == 0 || (d->session->identified && !d->other)) {
            deadline = flow_deadline_ms(d->req->retap_ms);
            seen++;
        }
        int waited = wait_return(d, deadline);
        if (waited != 0) {
            rc = waited == OC_ECANCELED ? waited : rc;
            break;
        }
    }
    look_again(d);
    return rc;
}
