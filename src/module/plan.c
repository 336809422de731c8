/* Building and checking plans. The first mistake of a module stays in the plan; plan_finish() is
 * the only judge, so that a module need not look at anything while it writes. */
#include "module/plan.h"

#include <stdio.h>
#include <string.h>

void plan_wrong(struct plan *p, const char *fmt, ...)
{
    if (p->err) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
    va_end(ap);
    p->err = OC_EMODULE;
}

bool plan_copy_text(struct plan *p, char *dst, size_t cap, const char *src, bool empty,
                    const char *what)
{
    if (!src || (!*src && !empty)) {
        plan_wrong(p, "%s is empty", what);
        return false;
    }
    if (strlen(src) >= cap) {
        plan_wrong(p, "%s is longer than %zu bytes", what, cap - 1);
        return false;
    }
    memcpy(dst, src, strlen(src) + 1);
    return true;
}

/* 12 KiB, most of them texts that only count up to their NUL, in rows that only count up to their
 * number: those stay as they are. */
void plan_init(struct plan *p, struct arena *a, const char *scope)
{
    p->arena = a;
    p->kind = OC_PLAN_NONE;
    p->asked = false;
    p->amount = p->gross = 0;
    p->refund = false;
    p->leg_count = p->capp_count = p->record_count = p->event_count = p->message_count = 0;
    p->hold.to[0] = p->link[0] = p->slot.app[0] = '\0';
    p->pin_job = 0;
    p->hold.expect = NULL;
    p->refused = OC_R_NONE;
    p->detail[0] = '\0';
    p->err = 0;
    snprintf(p->scope, sizeof(p->scope), "%s", scope);
    memcpy(p->reply, "{}", 3);
}

struct plan *plan_new(struct arena *a)
{
    struct plan *p = arena_alloc(a, sizeof(*p));
    if (p) {
        plan_init(p, a, "");
    }
    return p;
}

void plan_set_kind(struct plan *p, enum oc_plan_kind kind, fen_t amount)
{
    if (p->asked) {
        plan_wrong(p, "a service that is asked may not choose what the plan does");
    } else if (p->kind != OC_PLAN_NONE) {
        plan_wrong(p, "the plan has its kind already");
    } else if (amount < 0 || amount > ONECARD_AMOUNT_MAX ||
               (amount == 0 && kind != OC_PLAN_DEBIT && kind != OC_PLAN_NOTE)) {
        plan_wrong(p, "an amount of %lld fen is not allowed", (long long)amount);
    } else {
        p->kind = kind;
        p->amount = amount;
    }
}

static bool leg_account_ok(int account)
{
    switch (account) {
    case OC_ACCT_PENDING_LOAD:
    case OC_ACCT_CITIZEN:
    case OC_ACCT_MERCHANT:
    case OC_ACCT_LOAD_RECEIVABLE:
    case OC_ACCT_BEARER:
    case OC_ACCT_FEE:
    case OC_ACCT_FUND:
    case OC_ACCT_PERSONAL:
    case OC_ACCT_DEPOSIT:
        return true;
    default:
        return false;
    }
}

void plan_add_leg(struct plan *p, int account, const char *owner, fen_t amount)
{
    bool own = account == OC_ACCT_PENDING_LOAD;
    if (!leg_account_ok(account)) {
        plan_wrong(p, "a leg may not name account kind %d", account);
    } else if (amount == 0 || amount > ONECARD_AMOUNT_MAX || amount < -ONECARD_AMOUNT_MAX) {
        plan_wrong(p, "a leg of %lld fen is not allowed", (long long)amount);
    } else if (p->leg_count == ONECARD_LEGS_MAX) {
        plan_wrong(p, "more than %d legs", ONECARD_LEGS_MAX);
    } else if (own && owner && *owner) {
        plan_wrong(p, "a pending load belongs to the card: the leg names no owner");
    } else {
        struct plan_leg *leg = &p->legs[p->leg_count];
        if (plan_copy_text(p, leg->owner, sizeof(leg->owner), owner ? owner : "", own,
                           "a leg's owner")) {
            leg->kind = (uint8_t)account;
            leg->amount = amount;
            p->leg_count++;
        }
    }
}

void plan_set_gross(struct plan *p, fen_t gross)
{
    if (gross <= 0 || gross > ONECARD_AMOUNT_MAX) {
        plan_wrong(p, "a gross of %lld fen is not allowed", (long long)gross);
    } else {
        p->gross = gross;
    }
}

static struct plan_capp *capp_slot(struct plan *p, const char *field)
{
    for (unsigned i = 0; field && i < p->capp_count; i++) {
        if (strcmp(p->capp[i].name, field) == 0) {
            return &p->capp[i];
        }
    }
    if (p->capp_count == PLAN_CAPP_MAX) {
        plan_wrong(p, "more than %d journey values", PLAN_CAPP_MAX);
        return NULL;
    }
    struct plan_capp *c = &p->capp[p->capp_count];
    if (!plan_copy_text(p, c->name, sizeof(c->name), field, false, "a journey field's name")) {
        return NULL;
    }
    p->capp_count++;
    return c;
}

void plan_add_capp_int(struct plan *p, const char *field, int64_t value)
{
    struct plan_capp *c = capp_slot(p, field);
    if (c) {
        c->is_int = true;
        c->number = value;
        snprintf(c->text, sizeof(c->text), "%lld", (long long)value);
    }
}

void plan_add_capp_text(struct plan *p, const char *field, const char *value)
{
    struct plan_capp *c = capp_slot(p, field);
    if (c) {
        c->is_int = false;
        c->number = 0;
        plan_copy_text(p, c->text, sizeof(c->text), value, true, "a journey value");
    }
}

const char *plan_capp_get(const struct plan *p, const char *field)
{
    for (unsigned i = 0; i < p->capp_count; i++) {
        if (strcmp(p->capp[i].name, field) == 0) {
            return p->capp[i].text;
        }
    }
    return NULL;
}

void plan_add_event(struct plan *p, const char *kind, const char *text)
{
    if (p->event_count == ONECARD_EVENTS_MAX) {
        plan_wrong(p, "more than %d events", ONECARD_EVENTS_MAX);
        return;
    }
    struct plan_event *e = &p->events[p->event_count];
    if (plan_copy_text(p, e->kind, sizeof(e->kind), kind, false, "an event's kind") &&
        plan_copy_text(p, e->text, sizeof(e->text), text, true, "an event's text")) {
        p->event_count++;
    }
}

void plan_set_refund(struct plan *p)
{
    p->refund = true;
}

int plan_refuse(struct plan *p, enum oc_reason reason, const char *fmt, va_list ap)
{
    if ((int)reason <= OC_R_NONE || (int)reason >= OC_R_COUNT) {
        plan_wrong(p, "refused with the unknown reason %d", (int)reason);
        return OC_EREFUSED;
    }
    if (!p->err && p->refused == OC_R_NONE) {
        p->refused = reason;
        p->detail[0] = '\0';
        if (fmt) {
            vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
            text_trim_utf8(p->detail);
        }
    }
    return OC_EREFUSED;
}

static void check_still(struct plan *p)
{
    if (p->leg_count || p->capp_count || p->record_count || p->event_count || p->gross ||
        p->refund || p->message_count || p->hold.to[0] || p->link[0] || p->slot.app[0]) {
        plan_wrong(p, "nothing moves, yet the plan has legs, records, events, messages, a hold, "
                      "a slot or journey values");
    }
}

static void check_note(struct plan *p)
{
    if (p->leg_count || p->gross) {
        plan_wrong(p, "a note moves nothing, yet the plan has legs or a gross amount");
    }
    if (p->record_count == 0 && p->message_count == 0 && !p->hold.to[0] && !p->slot.app[0] &&
        !p->pin_job) {
        plan_wrong(p, "a note without a record, a message, a slot, a PIN or a hold");
    }
}

/* Bytes in the ledger: sealing adds a little, and a third for being text. */
static size_t as_kept(size_t len, bool sealed)
{
    return sealed ? len + len / 3 + 64 : len;
}

static void check_docs(struct plan *p)
{
    size_t total = 0;
    for (unsigned i = 0; i < p->record_count; i++) {
        total += as_kept(p->records[i].doc_len, plan_owner_sealed(p->records[i].owner));
    }
    for (unsigned i = 0; i < p->message_count; i++) {
        total += as_kept(p->messages[i].doc_len, p->messages[i].citizen[0] != '\0');
    }
    total += p->hold.to[0] ? p->hold.doc_len : 0;
    total += p->hold.to[0] && p->hold.expect ? p->hold.expect_len : 0;
    if (total > ONECARD_DOCS_BYTES) {
        plan_wrong(p, "the plan's documents are longer than %d bytes", ONECARD_DOCS_BYTES);
    }
}

static void check_moving(struct plan *p)
{
    if (p->capp_count && p->kind != OC_PLAN_DEBIT) {
        plan_wrong(p, "journey values travel with a debit only");
    }
    if (p->kind == OC_PLAN_DEBIT && p->amount == 0 && !p->capp_count) {
        plan_wrong(p, "a debit of nothing without a journey record");
    }
    if (p->refund && p->kind != OC_PLAN_ACCOUNT) {
        plan_wrong(p, "a refund moves accounts only (R6)");
    }
    if (p->refund && p->link[0]) {
        plan_wrong(p, "a refund follows the original already");
    }
    if (p->gross && p->gross < p->amount && p->kind == OC_PLAN_DEBIT) {
        plan_wrong(p, "the chip pays more than the gross amount");
    }
    if (p->kind == OC_PLAN_ACCOUNT && p->leg_count < 2) {
        plan_wrong(p, "an account plan has two legs at least");
    }
    if (strlen(p->reply) > PLAN_REPLY_MOVES) {
        plan_wrong(p, "the reply is longer than %d bytes", PLAN_REPLY_MOVES);
    }
    if (p->kind == OC_PLAN_NOTE) {
        check_note(p);
    }
    check_docs(p);
}

/* The purse's own leg goes first: an executor finds it there. */
static void add_purse_leg(struct plan *p)
{
    if (p->kind == OC_PLAN_ACCOUNT || p->kind == OC_PLAN_NOTE || p->amount == 0) {
        return;
    }
    if (p->leg_count == ONECARD_LEGS_MAX) {
        plan_wrong(p, "more than %d legs with the purse's", ONECARD_LEGS_MAX);
        return;
    }
    memmove(&p->legs[1], &p->legs[0], p->leg_count * sizeof(p->legs[0]));
    memset(&p->legs[0], 0, sizeof(p->legs[0]));
    p->legs[0].kind = OC_ACCT_PURSE;
    p->legs[0].amount = p->kind == OC_PLAN_DEBIT ? -p->amount : p->amount;
    p->leg_count++;
}

int plan_finish(struct plan *p)
{
    if (p->err) {
        return p->err;
    }
    if (p->kind == OC_PLAN_NONE) {
        check_still(p);
        return p->err;
    }
    check_moving(p);
    if (!p->err) {
        add_purse_leg(p);
    }
    fen_t sum = 0;
    for (unsigned i = 0; i < p->leg_count; i++) {
        sum += p->legs[i].amount;
    }
    if (sum != 0) {
        plan_wrong(p, "the legs sum to %lld fen, not to zero", (long long)sum);
    }
    if (!p->err && p->gross == 0) {
        p->gross = p->amount;
    }
    return p->err;
}
