/* What a plan carries beside money: records, messages, the hold, the transaction it follows; and
 * plans of services that were asked, taken over into the plan of who asked. */
#include "module/doc.h"
#include "module/plan.h"

#include <stdio.h>
#include <string.h>

#define OWNER_CITIZEN "citizen:"

bool plan_owner_sealed(const char *owner)
{
    return strncmp(owner, OWNER_CITIZEN, strlen(OWNER_CITIZEN)) == 0 &&
           owner[strlen(OWNER_CITIZEN)] != '\0';
}

static bool is_twice(struct plan *p, const char *scope, const char *owner, const char *key)
{
    for (unsigned i = 0; i < p->record_count; i++) {
        const struct plan_record *r = &p->records[i];
        if (strcmp(r->scope, scope) == 0 && strcmp(r->owner, owner) == 0 &&
            strcmp(r->key, key) == 0) {
            plan_wrong(p, "the record %s %s is written twice", owner, key);
            return true;
        }
    }
    return false;
}

/* The next record, not counted yet. */
static struct plan_record *record_slot(struct plan *p, const char *owner, const char *key,
                                       uint32_t version_read)
{
    if (p->record_count == ONECARD_RECORDS_MAX) {
        plan_wrong(p, "more than %d records", ONECARD_RECORDS_MAX);
        return NULL;
    }
    struct plan_record *r = &p->records[p->record_count];
    if (!plan_copy_text(p, r->owner, sizeof(r->owner), owner, false, "a record's owner") ||
        !plan_copy_text(p, r->key, sizeof(r->key), key, false, "a record's key") ||
        is_twice(p, p->scope, r->owner, r->key)) {
        return NULL;
    }
    memcpy(r->scope, p->scope, sizeof(r->scope));
    r->version_read = version_read;
    r->remove = false;
    r->doc = NULL;
    r->doc_len = 0;
    return r;
}

void plan_add_record(struct plan *p, const char *owner, const char *key, uint32_t version_read,
                     const char *doc)
{
    struct plan_record *r = record_slot(p, owner, key, version_read);
    if (!r) {
        return;
    }
    if (!doc || !*doc) {
        plan_wrong(p, "a record's document is empty");
    } else if (strlen(doc) >= ONECARD_DOC_MAX) {
        plan_wrong(p, "a record's document is longer than %d bytes", ONECARD_DOC_MAX - 1);
    } else {
        r->doc = p->arena ? arena_strdup(p->arena, doc) : NULL;
        r->doc_len = strlen(doc);
        if (r->doc) {
            p->record_count++;
        } else {
            plan_wrong(p, "no memory for a record's document");
        }
    }
}

/* A document that goes somewhere: an object, sound, within bounds. */
static const char *object_text(struct plan *p, const struct onecard_doc *doc, bool sealed,
                               const char *what, size_t *ret_len)
{
    if (!doc || doc->kind != DOC_OBJECT) {
        plan_wrong(p, "%s is no object", what);
        return NULL;
    }
    if (doc_is_spoilt(doc)) {
        plan_wrong(p, "%s was built wrongly", what);
        return NULL;
    }
    size_t max = sealed ? PLAN_SEALED_BYTES : ONECARD_DOC_BYTES;
    const char *text = p->arena ? doc_text(doc, p->arena, max, ret_len) : NULL;
    if (!text) {
        plan_wrong(p, "%s is longer than %zu bytes, or nested deeper than %d", what, max,
                   DOC_DEPTH);
    }
    return text;
}

void plan_add_doc(struct plan *p, const char *owner, const char *key, uint32_t version_read,
                  const struct onecard_doc *doc)
{
    struct plan_record *r = record_slot(p, owner, key, version_read);
    if (r) {
        r->doc =
            object_text(p, doc, plan_owner_sealed(r->owner), "a record's document", &r->doc_len);
        p->record_count += r->doc ? 1 : 0;
    }
}

void plan_remove_doc(struct plan *p, const char *owner, const char *key, uint32_t version_read)
{
    struct plan_record *r = record_slot(p, owner, key, version_read);
    if (r && version_read == 0) {
        plan_wrong(p, "a record that is not there cannot be removed");
    } else if (r) {
        r->remove = true;
        p->record_count++;
    }
}

void plan_set_hold(struct plan *p, const char *to, const char *kind, fen_t amount,
                   const struct onecard_doc *doc, const struct onecard_doc *expect)
{
    struct plan_hold h = {.amount = amount};
    if (p->hold.to[0]) {
        plan_wrong(p, "a plan has one hold at most");
        return;
    }
    if (amount < 0 || amount > ONECARD_AMOUNT_MAX) {
        plan_wrong(p, "a hold of %lld fen is not allowed", (long long)amount);
        return;
    }
    bool ok = plan_copy_text(p, h.to, sizeof(h.to), to, false, "a hold's participant") &&
              plan_copy_text(p, h.kind, sizeof(h.kind), kind, false, "a hold's kind");
    h.doc = ok ? object_text(p, doc, false, "a hold's document", &h.doc_len) : NULL;
    if (h.doc && expect) {
        h.expect = object_text(p, expect, false, "what a hold expects", &h.expect_len);
    }
    if (h.doc && (h.expect || !expect)) {
        p->hold = h;
    }
}

void plan_add_message(struct plan *p, const char *to, const char *kind, const char *citizen,
                      const struct onecard_doc *doc)
{
    if (p->message_count == ONECARD_MESSAGES_MAX) {
        plan_wrong(p, "more than %d messages", ONECARD_MESSAGES_MAX);
        return;
    }
    if (kind && (strcmp(kind, "confirm") == 0 || strcmp(kind, "reverse") == 0)) {
        plan_wrong(p, "a message of kind %s is the switch's own", kind);
        return;
    }
    struct plan_message *m = &p->messages[p->message_count];
    if (plan_copy_text(p, m->to, sizeof(m->to), to, false, "a message's participant") &&
        plan_copy_text(p, m->kind, sizeof(m->kind), kind, false, "a message's kind") &&
        plan_copy_text(p, m->citizen, sizeof(m->citizen), citizen ? citizen : "", true,
                       "a message's citizen")) {
        m->doc = object_text(p, doc, m->citizen[0] != '\0', "a message's document", &m->doc_len);
        p->message_count += m->doc ? 1 : 0;
    }
}

void plan_set_link(struct plan *p, const char *txn)
{
    plan_copy_text(p, p->link, sizeof(p->link), txn, false, "the transaction that a plan follows");
}

void plan_set_slot(struct plan *p, const char *app, const char *category, int32_t from,
                   int32_t until)
{
    struct plan_slot s = {.from = from, .until = until};
    if (p->slot.app[0]) {
        plan_wrong(p, "a plan changes one slot at most");
        return;
    }
    if ((from && !date_valid(from)) || (until && !date_valid(until)) ||
        (from && until && until < from)) {
        plan_wrong(p, "a slot from %d until %d is not possible", from, until);
        return;
    }
    if (plan_copy_text(p, s.app, sizeof(s.app), app, false, "a slot's application") &&
        plan_copy_text(p, s.category, sizeof(s.category), category, true, "a slot's category")) {
        p->slot = s;
    }
}

void plan_set_pin(struct plan *p, int job)
{
    if (p->pin_job || (job != OC_PIN_CHANGE && job != OC_PIN_UNBLOCK)) {
        plan_wrong(p, "a plan changes or unblocks the PIN, once");
        return;
    }
    p->pin_job = (uint8_t)job;
}

/* ---- plans of asked services ----------------------------------------------------------------- */

static void merge_records(struct plan *to, const struct plan *from)
{
    for (unsigned i = 0; i < from->record_count; i++) {
        const struct plan_record *r = &from->records[i];
        if (to->record_count == ONECARD_RECORDS_MAX) {
            plan_wrong(to, "more than %d records", ONECARD_RECORDS_MAX);
        } else if (!is_twice(to, r->scope, r->owner, r->key)) {
            to->records[to->record_count++] = *r;
        }
    }
}

void plan_merge(struct plan *to, const struct plan *from)
{
    if (from->err) {
        plan_wrong(to, "%s: %.70s", from->scope, from->detail);
        return;
    }
    if (from->capp_count || from->gross || from->refund || from->link[0] || from->pin_job) {
        plan_wrong(to, "%s: who is asked adds legs, records, events, messages, hold and slot only",
                   from->scope);
    }
    for (unsigned i = 0; i < from->leg_count; i++) {
        plan_add_leg(to, from->legs[i].kind, from->legs[i].owner, from->legs[i].amount);
    }
    merge_records(to, from);
    for (unsigned i = 0; i < from->event_count; i++) {
        plan_add_event(to, from->events[i].kind, from->events[i].text);
    }
    for (unsigned i = 0; i < from->message_count; i++) {
        if (to->message_count == ONECARD_MESSAGES_MAX) {
            plan_wrong(to, "more than %d messages", ONECARD_MESSAGES_MAX);
        } else {
            to->messages[to->message_count++] = from->messages[i];
        }
    }
    if (from->hold.to[0] && to->hold.to[0]) {
        plan_wrong(to, "a plan has one hold at most");
    } else if (from->hold.to[0]) {
        to->hold = from->hold;
    }
    if (from->slot.app[0]) {
        plan_set_slot(to, from->slot.app, from->slot.category, from->slot.from, from->slot.until);
    }
}

/* ---- copies ---------------------------------------------------------------------------------- */

static bool own(struct arena *a, const char **text)
{
    if (*text) {
        *text = arena_strdup(a, *text);
        return *text != NULL;
    }
    return true;
}

int plan_copy(struct plan *to, const struct plan *from, struct arena *a)
{
    memcpy(to, from, sizeof(*to));
    to->arena = a;
    bool ok = true;
    for (unsigned i = 0; i < to->record_count; i++) {
        ok = own(a, &to->records[i].doc) && ok;
    }
    for (unsigned i = 0; i < to->message_count; i++) {
        ok = own(a, &to->messages[i].doc) && ok;
    }
    if (to->hold.to[0]) {
        ok = own(a, &to->hold.doc) && own(a, &to->hold.expect) && ok;
    }
    return ok ? 0 : OC_ENOMEM;
}
