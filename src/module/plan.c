/* Building and checking plans. The first mistake of a module stays in the plan; plan_finish() is
 * the only judge, so that a module need not look at anything while it writes. */
#include "module/plan.h"

#include <stdio.h>
#include <string.h>

static void wrong(struct plan *p, const char *fmt, ...) PRINTF_FN(2, 3);
static void wrong(struct plan *p, const char *fmt, ...)
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

/* Copies a text that must fit; an empty one only where `empty` allows it. */
static bool copy_text(struct plan *p, char *dst, size_t cap, const char *src, bool empty,
                      const char *what)
{
    if (!src || (!*src && !empty)) {
        wrong(p, "%s is empty", what);
        return false;
    }
    if (strlen(src) >= cap) {
        wrong(p, "%s is longer than %zu bytes", what, cap - 1);
        return false;
    }
    memcpy(dst, src, strlen(src) + 1);
    return true;
}

/* 16 KiB, most of them texts that only count up to their NUL, in rows that only count up to their
 * number: those stay as they are. */
void plan_init(struct plan *p, const char *scope)
{
    p->kind = OC_PLAN_NONE;
    p->amount = p->gross = 0;
    p->refund = false;
    p->leg_count = p->capp_count = p->record_count = p->event_count = 0;
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
        plan_init(p, "");
    }
    return p;
}

void plan_set_kind(struct plan *p, enum oc_plan_kind kind, fen_t amount)
{
    if (p->kind != OC_PLAN_NONE) {
        wrong(p, "the plan has its kind already");
    } else if (amount < 0 || amount > ONECARD_AMOUNT_MAX ||
               (amount == 0 && kind != OC_PLAN_DEBIT)) {
        wrong(p, "an amount of %lld fen is not allowed", (long long)amount);
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
        return true;
    default:
        return false;
    }
}

void plan_add_leg(struct plan *p, int account, const char *owner, fen_t amount)
{
    bool own = account == OC_ACCT_PENDING_LOAD;
    if (!leg_account_ok(account)) {
        wrong(p, "a leg may not name account kind %d", account);
    } else if (amount == 0 || amount > ONECARD_AMOUNT_MAX || amount < -ONECARD_AMOUNT_MAX) {
        wrong(p, "a leg of %lld fen is not allowed", (long long)amount);
    } else if (p->leg_count == ONECARD_LEGS_MAX) {
        wrong(p, "more than %d legs", ONECARD_LEGS_MAX);
    } else if (own && owner && *owner) {
        wrong(p, "a pending load belongs to the card: the leg names no owner");
    } else {
        struct plan_leg *leg = &p->legs[p->leg_count];
        if (copy_text(p, leg->owner, sizeof(leg->owner), owner ? owner : "", own,
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
        wrong(p, "a gross of %lld fen is not allowed", (long long)gross);
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
        wrong(p, "more than %d journey values", PLAN_CAPP_MAX);
        return NULL;
    }
    struct plan_capp *c = &p->capp[p->capp_count];
    if (!copy_text(p, c->name, sizeof(c->name), field, false, "a journey field's name")) {
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
        copy_text(p, c->text, sizeof(c->text), value, true, "a journey value");
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

void plan_add_record(struct plan *p, const char *owner, const char *key, uint32_t version_read,
                     const char *doc)
{
    if (p->record_count == ONECARD_RECORDS_MAX) {
        wrong(p, "more than %d records", ONECARD_RECORDS_MAX);
        return;
    }
    struct plan_record *r = &p->records[p->record_count];
    if (copy_text(p, r->owner, sizeof(r->owner), owner, false, "a record's owner") &&
        copy_text(p, r->key, sizeof(r->key), key, false, "a record's key") &&
        copy_text(p, r->doc, sizeof(r->doc), doc, false, "a record's document")) {
        for (unsigned i = 0; i < p->record_count; i++) {
            if (strcmp(p->records[i].owner, r->owner) == 0 &&
                strcmp(p->records[i].key, r->key) == 0) {
                wrong(p, "the record %s %s is written twice", r->owner, r->key);
                return;
            }
        }
        r->version_read = version_read;
        p->record_count++;
    }
}

void plan_add_event(struct plan *p, const char *kind, const char *text)
{
    if (p->event_count == ONECARD_EVENTS_MAX) {
        wrong(p, "more than %d events", ONECARD_EVENTS_MAX);
        return;
    }
    struct plan_event *e = &p->events[p->event_count];
    if (copy_text(p, e->kind, sizeof(e->kind), kind, false, "an event's kind") &&
        copy_text(p, e->text, sizeof(e->text), text, true, "an event's text")) {
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
        wrong(p, "refused with the unknown reason %d", (int)reason);
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
        p->refund) {
        wrong(p, "nothing moves, yet the plan has legs, records, events or journey values");
    }
}

static void check_moving(struct plan *p)
{
    if (p->capp_count && p->kind != OC_PLAN_DEBIT) {
        wrong(p, "journey values travel with a debit only");
    }
    if (p->kind == OC_PLAN_DEBIT && p->amount == 0 && !p->capp_count) {
        wrong(p, "a debit of nothing without a journey record");
    }
    if (p->refund && p->kind != OC_PLAN_ACCOUNT) {
        wrong(p, "a refund moves accounts only (R6)");
    }
    if (p->gross && p->gross < p->amount && p->kind == OC_PLAN_DEBIT) {
        wrong(p, "the chip pays more than the gross amount");
    }
    if (p->kind == OC_PLAN_ACCOUNT && p->leg_count < 2) {
        wrong(p, "an account plan has two legs at least");
    }
    if (strlen(p->reply) > PLAN_REPLY_MOVES) {
        wrong(p, "the reply is longer than %d bytes", PLAN_REPLY_MOVES);
    }
}

/* The purse's own leg goes first: an executor finds it there. */
static void add_purse_leg(struct plan *p)
{
    if (p->kind == OC_PLAN_ACCOUNT || p->amount == 0) {
        return;
    }
    if (p->leg_count == ONECARD_LEGS_MAX) {
        wrong(p, "more than %d legs with the purse's", ONECARD_LEGS_MAX);
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
        wrong(p, "the legs sum to %lld fen, not to zero", (long long)sum);
    }
    if (!p->err && p->gross == 0) {
        p->gross = p->amount;
    }
    return p->err;
}
