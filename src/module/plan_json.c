/* Plans as text: the reply's members while a module writes them, and the whole plan for people and
 * for the ledger's evidence. Written by hand, because what is printed here is flat and must come
 * out in the same order every time. */
#include "module/doc.h"
#include "module/plan.h"

#include "flow/flow.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* How many of the next bytes stand for themselves: nearly all of any text. */
static size_t plain_len(const unsigned char *s)
{
    size_t n = 0;
    while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\') {
        n++;
    }
    return n;
}

void plan_json_text(struct buf *out, const char *s)
{
    buf_put_u8(out, '"');
    for (const unsigned char *c = (const unsigned char *)s;;) {
        size_t plain = plain_len(c);
        buf_put(out, c, plain);
        c += plain;
        if (!*c) {
            break;
        }
        size_t n = text_utf8_len((const char *)c, 4);
        if (n == 0) {
            buf_put_u8(out, '?');
            n = 1;
        } else if (*c == '"' || *c == '\\') {
            buf_put_u8(out, '\\');
            buf_put_u8(out, *c);
        } else if (*c < 0x20) {
            buf_printf(out, "\\u%04x", *c);
        } else {
            buf_put(out, c, n);
        }
        c += n;
    }
    buf_put_u8(out, '"');
}

static void reply_wrong(struct plan *p, const char *what)
{
    if (!p->err) {
        p->err = OC_EMODULE;
        snprintf(p->detail, sizeof(p->detail), "%s", what);
    }
}

/* Opens "{…,"key":" at the end of the reply so far; the caller puts the value, reply_close() the
 * brace. */
static bool reply_open(struct plan *p, struct buf *b, const char *key)
{
    size_t len = strlen(p->reply);
    if (!key || !*key) {
        reply_wrong(p, "a member of the reply has no name");
        return false;
    }
    buf_over(b, p->reply, sizeof(p->reply));
    b->len = len - 1;
    if (len > 2) {
        buf_put_u8(b, ',');
    }
    plan_json_text(b, key);
    buf_put_u8(b, ':');
    return true;
}

static void reply_close(struct plan *p, struct buf *b, size_t old_len)
{
    buf_put_u8(b, '}');
    buf_put_u8(b, '\0');
    if (b->err) {
        p->reply[old_len - 1] = '}';
        p->reply[old_len] = '\0';
        reply_wrong(p, "the reply is too long");
    }
}

void plan_add_reply_text(struct plan *p, const char *key, const char *value)
{
    struct buf b;
    size_t len = strlen(p->reply);
    if (reply_open(p, &b, key)) {
        plan_json_text(&b, value ? value : "");
        reply_close(p, &b, len);
    }
}

void plan_add_reply_int(struct plan *p, const char *key, int64_t value)
{
    struct buf b;
    size_t len = strlen(p->reply);
    if (reply_open(p, &b, key)) {
        buf_put_dec(&b, value);
        reply_close(p, &b, len);
    }
}

static bool json_well_formed(const char *json)
{
    size_t len = json ? strlen(json) : 0;
    if (len == 0 || !text_depth_ok(json, len, TEXT_DEPTH_MAX)) {
        return false;
    }
    json_t *v = json_loadb(json, len, JSON_DECODE_ANY, NULL);
    json_decref(v);
    return v != NULL;
}

void plan_add_reply_raw(struct plan *p, const char *key, const char *json)
{
    struct buf b;
    size_t len = strlen(p->reply);
    if (!json_well_formed(json)) {
        reply_wrong(p, "a member of the reply is no JSON");
        return;
    }
    if (reply_open(p, &b, key)) {
        buf_puts(&b, json);
        reply_close(p, &b, len);
    }
}

void plan_add_reply_doc(struct plan *p, const char *key, const struct onecard_doc *doc)
{
    struct buf b;
    size_t len = strlen(p->reply);
    if (!doc || doc_is_spoilt(doc)) {
        reply_wrong(p, "a member of the reply is no document, or was built wrongly");
        return;
    }
    if (reply_open(p, &b, key)) {
        int rc = doc_print(doc, &b);
        b.err = b.err ? b.err : rc;
        reply_close(p, &b, len);
    }
}

static const char *account_name(int kind)
{
    static const char *const names[] = {
        [OC_ACCT_PURSE] = "purse",       [OC_ACCT_PENDING_LOAD] = "pending_load",
        [OC_ACCT_CITIZEN] = "citizen",   [OC_ACCT_MERCHANT] = "merchant",
        [OC_ACCT_BEARER] = "bearer",     [OC_ACCT_LOAD_RECEIVABLE] = "load_receivable",
        [OC_ACCT_FEE] = "fee",           [OC_ACCT_FUND] = "fund",
        [OC_ACCT_PERSONAL] = "personal", [OC_ACCT_DEPOSIT] = "deposit",
    };
    return kind > 0 && (size_t)kind < ARRAY_LEN(names) && names[kind] ? names[kind] : "unknown";
}

static const char *kind_name(enum oc_plan_kind kind)
{
    static const char *const names[] = {"none", "debit", "credit", "account", "note"};
    return (unsigned)kind < ARRAY_LEN(names) ? names[kind] : "unknown";
}

static void print_legs(const struct plan *p, struct buf *out)
{
    buf_puts(out, ",\"legs\":[");
    for (unsigned i = 0; i < p->leg_count; i++) {
        buf_printf(out, "%s{\"account\":\"%s\",\"owner\":", i ? "," : "",
                   account_name(p->legs[i].kind));
        plan_json_text(out, p->legs[i].owner);
        buf_printf(out, ",\"amount_fen\":%lld}", (long long)p->legs[i].amount);
    }
    buf_puts(out, "]");
}

static void print_capp(const struct plan *p, struct buf *out)
{
    buf_puts(out, ",\"journey\":{");
    for (unsigned i = 0; i < p->capp_count; i++) {
        buf_puts(out, i ? "," : "");
        plan_json_text(out, p->capp[i].name);
        buf_puts(out, ":");
        if (p->capp[i].is_int) {
            buf_puts(out, p->capp[i].text);
        } else {
            plan_json_text(out, p->capp[i].text);
        }
    }
    buf_puts(out, "}");
}

/* What is sealed in the store is not shown here either. */
static void print_doc(const char *doc, size_t len, bool sealed, struct buf *out)
{
    buf_printf(out, ",\"bytes\":%zu", len);
    if (!sealed) {
        buf_puts(out, ",\"doc\":");
        if (json_well_formed(doc)) { /* plan_record() takes any text */
            buf_puts(out, doc);
        } else {
            plan_json_text(out, doc);
        }
    }
}

static void print_records(const struct plan *p, bool brief, struct buf *out)
{
    buf_puts(out, ",\"records\":[");
    for (unsigned i = 0; i < p->record_count; i++) {
        const struct plan_record *r = &p->records[i];
        buf_printf(out, "%s{\"scope\":", i ? "," : "");
        plan_json_text(out, r->scope);
        buf_puts(out, ",\"owner\":");
        plan_json_text(out, r->owner);
        buf_puts(out, ",\"key\":");
        plan_json_text(out, r->key);
        buf_printf(out, ",\"version_read\":%u", r->version_read);
        if (r->remove) {
            buf_puts(out, ",\"remove\":true");
        } else if (!brief) {
            print_doc(r->doc, r->doc_len, plan_owner_sealed(r->owner), out);
        }
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

static void print_messages(const struct plan *p, bool brief, struct buf *out)
{
    buf_puts(out, ",\"messages\":[");
    for (unsigned i = 0; i < p->message_count; i++) {
        const struct plan_message *m = &p->messages[i];
        buf_printf(out, "%s{\"to\":", i ? "," : "");
        plan_json_text(out, m->to);
        buf_puts(out, ",\"kind\":");
        plan_json_text(out, m->kind);
        if (!brief) {
            print_doc(m->doc, m->doc_len, m->citizen[0] != '\0', out);
        }
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

static void print_hold(const struct plan_hold *h, bool brief, struct buf *out)
{
    buf_puts(out, ",\"hold\":{\"to\":");
    plan_json_text(out, h->to);
    buf_puts(out, ",\"kind\":");
    plan_json_text(out, h->kind);
    buf_printf(out, ",\"amount_fen\":%lld", (long long)h->amount);
    if (!brief) {
        print_doc(h->doc, h->doc_len, true, out); /* of what is sealed, mostly */
    }
    buf_puts(out, "}");
}

static void print_slot(const struct plan_slot *s, struct buf *out)
{
    buf_puts(out, ",\"slot\":{\"app\":");
    plan_json_text(out, s->app);
    buf_puts(out, ",\"category\":");
    plan_json_text(out, s->category);
    buf_printf(out, ",\"from\":%d,\"until\":%d}", (int)s->from, (int)s->until);
}

static void print_events(const struct plan *p, struct buf *out)
{
    buf_puts(out, ",\"events\":[");
    for (unsigned i = 0; i < p->event_count; i++) {
        buf_printf(out, "%s{\"kind\":", i ? "," : "");
        plan_json_text(out, p->events[i].kind);
        buf_puts(out, ",\"text\":");
        plan_json_text(out, p->events[i].text);
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

void plan_json(const struct plan *p, bool brief, struct buf *out)
{
    buf_printf(out, "{\"kind\":\"%s\",\"amount_fen\":%lld,\"gross_fen\":%lld", kind_name(p->kind),
               (long long)p->amount, (long long)p->gross);
    if (p->refund) {
        buf_puts(out, ",\"refund\":true");
    }
    if (p->refused != OC_R_NONE) {
        buf_printf(out, ",\"refused\":\"%s\",\"detail\":", oc_reason_code(p->refused));
        plan_json_text(out, p->detail);
    }
    if (p->leg_count) {
        print_legs(p, out);
    }
    if (p->capp_count) {
        print_capp(p, out);
    }
    if (p->record_count) {
        print_records(p, brief, out);
    }
    if (p->event_count) {
        print_events(p, out);
    }
    if (p->message_count) {
        print_messages(p, brief, out);
    }
    if (p->hold.to[0]) {
        print_hold(&p->hold, brief, out);
    }
    if (p->slot.app[0]) {
        print_slot(&p->slot, out);
    }
    if (p->pin_job) {
        buf_printf(out, ",\"pin\":\"%s\"", p->pin_job == OC_PIN_CHANGE ? "change" : "unblock");
    }
    if (p->link[0]) {
        buf_puts(out, ",\"follows\":");
        plan_json_text(out, p->link);
    }
    if (!brief) {
        buf_printf(out, ",\"reply\":%s", p->reply);
    }
    buf_puts(out, "}");
}
