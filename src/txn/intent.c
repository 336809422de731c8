/* The intent: everything that can be refused is decided and reserved in one commit (R2), the last moment at which a
 * request may be cancelled. */
#include "txn/dialogue.h"

#include <string.h>

_Static_assert((int)OC_ACCT_PURSE == (int)ACCT_PURSE && (int)OC_ACCT_PENDING_LOAD == (int)ACCT_PENDING_LOAD &&
                   (int)OC_ACCT_CITIZEN == (int)ACCT_CITIZEN && (int)OC_ACCT_MERCHANT == (int)ACCT_MERCHANT &&
                   (int)OC_ACCT_LOAD_RECEIVABLE == (int)ACCT_LOAD_RECEIVABLE && (int)OC_ACCT_BEARER == (int)ACCT_BEARER &&
                   (int)OC_ACCT_FEE == (int)ACCT_FEE && (int)OC_ACCT_FUND == (int)ACCT_FUND &&
                   (int)OC_ACCT_PERSONAL == (int)ACCT_PERSONAL && (int)OC_ACCT_DEPOSIT == (int)ACCT_DEPOSIT,
               "the module ABI and the ledger number accounts alike");
_Static_assert(ONECARD_LEGS_MAX <= LEDGER_LEGS && ONECARD_RECORDS_MAX <= LEDGER_RECORDS &&
                   ONECARD_EVENTS_MAX <= LEDGER_EVENTS && ONECARD_DOC_BYTES <= LEDGER_DOC_MAX &&
                   ONECARD_DOCS_BYTES <= LEDGER_DOCS_MAX && ONECARD_MESSAGES_MAX <= LEDGER_MESSAGES,
               "what a module may plan fits into an intent");

/* Both ends hold it: plans are checked. Only what counts is copied, these are kilobytes. */
static void copy_text(char *to, const char *from)
{
    memcpy(to, from, strlen(from) + 1);
}

/* What institutions will be asked and told. */
static void copy_outside(const struct plan *p, struct op_intent *in)
{
    in->message_count = (uint8_t)p->message_count;
    for (unsigned i = 0; i < p->message_count; i++) {
        struct op_message *m = &in->messages[i];
        memcpy(m->to, p->messages[i].to, sizeof m->to);
        memcpy(m->kind, p->messages[i].kind, sizeof m->kind);
        memcpy(m->citizen, p->messages[i].citizen, sizeof m->citizen);
        m->doc = (struct op_doc){p->messages[i].doc, (uint32_t)p->messages[i].doc_len};
    }
    if (p->hold.to[0] == '\0')
        return;
    memcpy(in->hold.to, p->hold.to, sizeof in->hold.to);
    memcpy(in->hold.kind, p->hold.kind, sizeof in->hold.kind);
    in->hold.amount = p->hold.amount;
    in->hold.doc = (struct op_doc){p->hold.doc, (uint32_t)p->hold.doc_len};
    if (p->hold.expect != NULL)
        in->hold.expect = (struct op_doc){p->hold.expect, (uint32_t)p->hold.expect_len};
}

static void copy_plan(const struct plan *p, struct op_intent *in)
{
    in->leg_count = (uint8_t)p->leg_count;
    for (unsigned i = 0; i < p->leg_count; i++) {
        in->legs[i].kind = p->legs[i].kind;
        in->legs[i].amount = p->legs[i].amount;
        memcpy(in->legs[i].owner, p->legs[i].owner, sizeof in->legs[i].owner);
    }
    in->record_count = (uint8_t)p->record_count;
    for (unsigned i = 0; i < p->record_count; i++) {
        struct op_record *r = &in->records[i];
        memcpy(r->scope, p->records[i].scope, sizeof r->scope);
        memcpy(r->owner, p->records[i].owner, sizeof r->owner);
        memcpy(r->key, p->records[i].key, sizeof r->key);
        r->doc = (struct op_doc){p->records[i].doc, (uint32_t)p->records[i].doc_len};
        r->remove = p->records[i].remove;
        r->version_read = p->records[i].version_read;
    }
    in->event_count = (uint8_t)p->event_count;
    for (unsigned i = 0; i < p->event_count; i++) {
        memcpy(in->events[i].kind, p->events[i].kind, sizeof in->events[i].kind);
        memcpy(in->events[i].text, p->events[i].text, sizeof in->events[i].text);
    }
    copy_outside(p, in);
    memcpy(in->slot.app, p->slot.app, sizeof in->slot.app);
    if (p->slot.app[0] != '\0') {
        memcpy(in->slot.category, p->slot.category, sizeof in->slot.category);
        in->slot.from = p->slot.from;
        in->slot.to = p->slot.until;
    }
}

static void copy_request(const struct dialogue *d, struct op_intent *in)
{
    in->trace = d->req->trace;
    in->presented = d->presented;
    in->card = d->has_card ? d->card->id : 0;
    in->request_no = d->req->request_no;
    memcpy(in->request_hash, d->req->request_hash, sizeof in->request_hash);
    snprintf(in->service, sizeof in->service, "%s", service_name(d->service));
    memcpy(in->terminal, d->term->t.id, sizeof in->terminal);
    memcpy(in->participant, d->term->t.participant, sizeof in->participant);
    memcpy(in->sam, d->term->t.sam, sizeof in->sam);
    in->business_date = d->business_date;
    d->res->business_date = d->business_date; /* what went on from a doubt told the earlier one's */
    city_bcd(clock_wall_ms(d->env->clock), d->env->city_offset_min, in->card_date, in->card_time);
}

static void set_limits(const struct txn_policy *p, struct op_limits *l)
{
    l->single_max = p->single_max;
    l->card_day_max = p->card_day_max;
    l->card_day_count = p->card_day_count;
    l->terminal_day_max = p->terminal_day_max;
}

int intent_fill(struct dialogue *d, struct op_intent *in, uint8_t card_type)
{
    const struct plan *p = d->plan;
    struct buf text;
    in->plan_kind = (uint8_t)p->kind;
    in->card_type = card_type;
    in->amount = p->amount;
    in->gross = p->gross;
    in->refund = p->refund;
    in->link = p->refund ? d->row->id : d->previous != 0 ? d->previous : d->link; /* a second attempt takes its number over */
    copy_request(d, in);
    copy_plan(p, in);
    if (d->citizen != NULL && d->citizen[0] != '\0') {
        in->concerned_count = 1;
        snprintf(in->concerned[0].citizen, sizeof in->concerned[0].citizen, "%s", d->citizen);
    }
    if (p->kind == OC_PLAN_DEBIT || p->kind == OC_PLAN_ACCOUNT) /* limits are on spending; loads have the ceiling and their quota */
        set_limits(&d->env->policy, &in->limits);
    _Static_assert(PLAN_REPLY_MOVES <= LEDGER_REPLY, "the reply of a plan that moves something fits into its row");
    copy_text(in->reply, p->reply);
    buf_over(&text, in->plan, sizeof in->plan - 1);
    plan_json(p, true, &text);
    if (text.err != 0) /* a plan is evidence for people; the legs above are what counts */
        snprintf(in->plan, sizeof in->plan, "{}");
    return 0;
}

int intent_fill_note(struct dialogue *d, struct op_intent *in, const char *service)
{
    copy_request(d, in);
    in->card = 0;
    in->request_no = REQUEST_NONE; /* the next one may be the very request that this is beside */
    in->plan_kind = OC_PLAN_NOTE;
    in->record_count = 1;
    snprintf(in->service, sizeof in->service, "%s", service);
    snprintf(in->plan, sizeof in->plan, "{}");
    snprintf(in->reply, sizeof in->reply, "{}");
    return rng_fill(d->env->rng, in->request_hash, sizeof in->request_hash);
}

int intent_co_write(struct dialogue *d, struct op_intent **ret)
{
    struct op_intent *in = &d->row->in;
    if (flow_cancelled())
        return OC_ECANCELED;
    int rc = hold_check(d, &d->op->intent.hold);
    if (rc != 0)
        return rc;
    dialogue_phase(d, TXN_PHASE_COMMITTED);
    d->op->intent.timeline = d->res->timeline;
    if (d->session != NULL)
        d->session->deadline_ns = flow_deadline_ms(COMMAND_WITHIN_MS);
    flow_shield();
    int64_t before = d->res->ledger_ns;
    rc = dialogue_co_submit(d);
    d->intent_ns += d->res->ledger_ns - before;
    if (rc != 0) {
        flow_unshield();
        dialogue_phase(d, TXN_PHASE_CARD);
        return dialogue_ledger_failed(d, rc);
    }
    timing_mark(d, STEP_INTENT);
    memcpy(in, &d->op->intent, offsetof(struct op_intent, leg_count));
    copy_text(in->reply, d->op->intent.reply);
    d->hold = d->op->intent.hold;
    d->tell_count = d->op->intent.message_count;
    for (unsigned i = 0; i < d->tell_count; i++)
        memcpy(d->tell[i], d->op->intent.messages[i].to, sizeof d->tell[i]);
    d->running = in->txn;
    list_add_tail(&d->env->live, &d->live);
    d->res->txn = in->txn;
    d->res->amount = in->amount;
    d->res->gross = in->gross;
    *ret = in;
    return 0;
}

void intent_end(struct dialogue *d)
{
    bool chip = d->plan->kind == OC_PLAN_DEBIT || d->plan->kind == OC_PLAN_CREDIT;
    if (d->res->outcome == OC_IN_DOUBT && chip) /* the card can tell how it ended */
        d->torn = d->running;
    if (d->session != NULL)
        d->session->deadline_ns = FLOW_FOREVER;
    list_del(&d->live);
    d->running = 0;
    flow_cond_broadcast(&d->env->ended);
    flow_unshield();
}
