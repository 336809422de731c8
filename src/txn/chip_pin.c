/* The holder's PIN, changed or unblocked on the chip: what a plan asks for with plan_pin(). Invariants:
 * - the digits are in the request alone, wiped as soon as the command may have left, and in no row;
 * - the command is sent once: a lost answer is told as what it is, either PIN may hold;
 * - the note in the ledger says that it was done, never before it was. That a PIN is blocked is
 *   recorded wherever it is found out. */
#include "txn/dialogue.h"

#include <string.h>

static void wipe(struct txn_request *req)
{
    secret_wipe(req->pin, sizeof req->pin);
    secret_wipe(req->new_pin, sizeof req->new_pin);
    req->pin_len = req->new_pin_len = 0;
}

static int document(const struct dialogue *d, const char *state, struct op_doc *ret)
{
    char *mem = arena_alloc(flow_arena(), 256);
    struct buf b;
    if (mem == NULL)
        return OC_ENOMEM;
    buf_over(&b, mem, 256);
    buf_printf(&b, "{\"state\":\"%s\",\"at_ms\":%lld,\"terminal\":", state,
               (long long)clock_wall_ms(d->env->clock));
    plan_json_text(&b, d->term->t.id);
    buf_puts(&b, ",\"service\":");
    plan_json_text(&b, service_name(d->service));
    buf_puts(&b, "}");
    *ret = (struct op_doc){mem, (uint32_t)b.len};
    return b.err;
}

/* The record as it is now, with what it shall say. */
static CO_FN int record(struct dialogue *d, const char *state, struct op_record *ret)
{
    struct op_record r = {.scope = TXN_CARD_SCOPE, .key = "pin"};
    struct record_row row;
    (void)snprintf(r.owner, sizeof r.owner, "card:%lld", (long long)d->card->id);
    int rc = ledger_co_record(d->env->ledger, r.scope, r.owner, r.key, flow_arena(), &row);
    if (rc != 0 && rc != OC_ENOENT)
        return rc;
    r.version_read = rc == 0 ? row.version : 0;
    rc = document(d, state, &r.doc);
    if (rc == 0)
        *ret = r;
    return rc;
}

void chip_pin_co_blocked(struct dialogue *d)
{
    struct op_record r;
    if (!d->has_card || d->show != NULL || record(d, "blocked", &r) != 0)
        return;
    struct op_intent *in = &dialogue_op(d, LOP_INTENT)->intent;
    in->records[0] = r;
    in->event_count = 1;
    (void)snprintf(in->events[0].kind, sizeof in->events[0].kind, "pin_blocked");
    (void)snprintf(in->events[0].text, sizeof in->events[0].text, "card %.40s: no tries are left",
                   d->card->number);
    int rc = intent_fill_note(d, in, "card.pin");
    if (rc == 0)
        rc = dialogue_co_submit(d);
    if (rc != 0)
        log_warn("txn", "card %lld: its PIN is blocked, and that was not recorded: %s",
                 (long long)d->card->id, oc_strerror(rc));
}

static int check(struct dialogue *d)
{
    const struct txn_request *req = d->req;
    const struct profile_pin *p = &d->session->profile->pin;
    bool change = d->plan->pin_job == OC_PIN_CHANGE;
    uint8_t bytes[6];
    size_t len;
    if (!p->present)
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "this card has no PIN");
    if (req->new_pin_len == 0)
        return dialogue_refuse(d, OC_R_PARAMETER, "the new PIN is missing: the old one holds");
    if (change && req->pin_len == 0)
        return dialogue_refuse(d, OC_R_PIN_WRONG,
                               "the PIN must be typed in for this; the card was not asked");
    int rc = profile_pin_bytes(p, req->new_pin, req->new_pin_len, bytes, &len);
    secret_wipe(bytes, sizeof bytes);
    if (rc != 0)
        return dialogue_refuse(d, OC_R_PARAMETER,
                               "the new PIN has %u to %u digits; the card was not asked", p->min,
                               p->max);
    return 0;
}

/* What the chip answered. */
static CO_FN int refused(struct dialogue *d, int rc, unsigned left)
{
    if (rc == OC_ECARD_LOST)
        return dialogue_refuse(d, OC_R_ANSWER_LOST,
                               "the card left: try the new PIN first, then the old one");
    if (d->plan->pin_job == OC_PIN_CHANGE)
        return chip_pin_co_refused(d, rc, left, "CHANGE PIN");
    if (rc == OC_ENOKEY)
        return dialogue_refuse(d, OC_R_NO_KEY,
                               "no key of purpose pin-unblock for this card, or none on it");
    if (rc == OC_ESTATE)
        return dialogue_refuse(d, OC_R_CARD_ERROR,
                               "the card's unblock key is blocked: replace the card");
    return dialogue_card_failed(d, rc, "PIN UNBLOCK");
}

static CO_FN int command(struct dialogue *d)
{
    struct txn_request *req = d->req;
    struct bytes old_pin = {req->pin, req->pin_len}, new_pin = {req->new_pin, req->new_pin_len};
    unsigned left = 0;
    d->session->asked.ended = true;
    int rc = d->plan->pin_job == OC_PIN_CHANGE
                 ? AT_CARD(d, ident_co_change_pin(d->session, old_pin, new_pin, &left))
                 : AT_CARD(d, ident_co_unblock_pin(d->session, d->env->custody, new_pin));
    if (rc != OC_ECARD_GONE && rc != OC_ETIMEDOUT &&
        rc != OC_ECANCELED) /* it never left: the card may come back */
        wipe(req);
    d->pin_written = rc == 0;
    return rc == 0 ? 0 : refused(d, rc, left);
}

int chip_pin_co_execute(struct dialogue *d)
{
    struct plan *p = d->plan;
    struct op_record r;
    if (p->pin_job == 0)
        return 0;
    if (d->session == NULL)
        return dialogue_refuse(d, OC_R_NEEDS_CHIP, "only the card itself can take a PIN");
    if (p->record_count == ONECARD_RECORDS_MAX)
        return dialogue_refuse(d, OC_R_MODULE, "a plan with a PIN has room for %d records",
                               ONECARD_RECORDS_MAX - 1);
    int rc = record(d, p->pin_job == OC_PIN_CHANGE ? "changed" : "unblocked", &r);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    if (!d->pin_written) { /* decided anew after another transaction: the chip has it already */
        rc = check(d);
        if (rc == 0)
            rc = command(d);
    }
    if (rc != 0)
        return rc;
    struct plan_record *to = &p->records[p->record_count++];
    *to = (struct plan_record){
        .version_read = r.version_read, .doc = r.doc.text, .doc_len = r.doc.len};
    memcpy(to->scope, r.scope, sizeof to->scope);
    memcpy(to->owner, r.owner, sizeof to->owner);
    memcpy(to->key, r.key, sizeof to->key);
    return 0;
}
