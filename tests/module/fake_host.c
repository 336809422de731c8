/* See fake_host.h. Everything is kept as it came, in fixed room; what does not fit shows as
 * `overrun`. */
#include "fake_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *fake_find(const struct fake_pair *pairs, const char *name)
{
    for (size_t i = 0; i < FAKE_PAIRS && pairs[i].name; i++) {
        if (strcmp(pairs[i].name, name) == 0) {
            return pairs[i].value;
        }
    }
    return NULL;
}

void fake_mistake(struct onecard_plan *p, const char *what)
{
    if (!p->overrun) {
        fprintf(stderr, "fake host: %s\n", what);
        p->mistake = what;
    }
    p->overrun = true;
}

bool fake_keep(struct onecard_plan *p, char *dst, size_t cap, const char *src)
{
    size_t len = src ? strlen(src) : cap;
    if (len >= cap) {
        fake_mistake(p, "a text is missing or too long");
        return false;
    }
    memcpy(dst, src, len + 1);
    return true;
}

bool fake_room(struct onecard_plan *p, size_t count, size_t max)
{
    if (count >= max) {
        fake_mistake(p, "more of something than the ABI allows");
    }
    return count < max;
}

const struct frame *fake_frame(const struct onecard_request *req)
{
    return req->opaque;
}

void fake_scope(const struct frame *fr, char ret[16])
{
    snprintf(ret, 16, "%.*s", (int)strcspn(fr->service->name, "."), fr->service->name);
}

static const char *h_param(const struct onecard_request *req, const char *name)
{
    return fake_find(fake_frame(req)->params, name);
}

static const char *h_terminal_param(const struct onecard_request *req, const char *name)
{
    return fake_find(fake_frame(req)->f->terminal_params, name);
}

int fake_parse_fen(const char *yuan, fen_t *ret)
{
    char *end;
    long long whole = strtoll(yuan, &end, 10);
    long long part = 0;
    if (end == yuan || whole < 0) {
        return OC_EINVAL;
    }
    if (*end == '.') {
        size_t digits = strspn(end + 1, "0123456789");
        if (digits < 1 || digits > 2) {
            return OC_EINVAL;
        }
        part = strtoll(end + 1, &end, 10) * (digits == 1 ? 10 : 1);
    }
    if (*end) {
        return OC_EINVAL;
    }
    *ret = whole * 100 + part;
    return 0;
}

static void set_kind(struct onecard_plan *p, int kind, fen_t amount)
{
    p->kind = p->kind == OC_PLAN_NONE ? kind : -1;
    p->amount = amount;
    p->overrun = p->overrun || amount < 0 || amount > ONECARD_AMOUNT_MAX;
}

static void h_debit(struct onecard_plan *p, fen_t amount)
{
    set_kind(p, OC_PLAN_DEBIT, amount);
}

static void h_credit(struct onecard_plan *p, fen_t amount)
{
    set_kind(p, OC_PLAN_CREDIT, amount);
}

static void h_account(struct onecard_plan *p, fen_t amount)
{
    set_kind(p, OC_PLAN_ACCOUNT, amount);
}

static void h_leg(struct onecard_plan *p, enum onecard_account account, const char *owner,
                  fen_t amount)
{
    if (fake_room(p, p->leg_count, ONECARD_LEGS_MAX) &&
        fake_keep(p, p->legs[p->leg_count].owner, sizeof(p->legs[0].owner), owner)) {
        p->legs[p->leg_count].account = (int)account;
        p->legs[p->leg_count++].amount = amount;
    }
}

static void h_gross(struct onecard_plan *p, fen_t gross)
{
    p->gross = gross;
}

static void h_capp_text(struct onecard_plan *p, const char *field, const char *value)
{
    if (fake_room(p, p->capp_count, FAKE_PAIRS) &&
        fake_keep(p, p->capp[p->capp_count].name, sizeof(p->capp[0].name), field) &&
        fake_keep(p, p->capp[p->capp_count].text, sizeof(p->capp[0].text), value)) {
        p->capp_count++;
    }
}

static void h_capp_int(struct onecard_plan *p, const char *field, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    h_capp_text(p, field, text);
}

static struct fake_record *add_record(struct onecard_plan *p, const char *owner, const char *key,
                                      uint32_t version_read)
{
    if (!fake_room(p, p->record_count, ONECARD_RECORDS_MAX)) {
        return NULL;
    }
    struct fake_record *r = &p->records[p->record_count];
    if (!fake_keep(p, r->owner, sizeof(r->owner), owner) ||
        !fake_keep(p, r->key, sizeof(r->key), key)) {
        return NULL;
    }
    for (size_t i = 0; i < p->record_count; i++) {
        if (strcmp(p->records[i].owner, owner) == 0 && strcmp(p->records[i].key, key) == 0) {
            fake_mistake(p, "a record is written twice");
        }
    }
    memcpy(r->scope, p->scope, sizeof(r->scope));
    r->version_read = version_read;
    p->record_count++;
    return r;
}

static void h_record(struct onecard_plan *p, const char *owner, const char *key,
                     uint32_t version_read, const char *doc)
{
    struct fake_record *r = add_record(p, owner, key, version_read);
    if (r) {
        r->doc = fake_strdup(doc);
        p->overrun = p->overrun || strlen(doc) >= ONECARD_DOC_MAX;
    }
}

static void h_plan_doc(struct onecard_plan *p, const char *owner, const char *key,
                       uint32_t version_read, const struct onecard_doc *doc)
{
    struct fake_record *r = add_record(p, owner, key, version_read);
    if (r) {
        r->doc = fake_doc_text(p, doc, "a record's document is no object");
    }
}

static void h_plan_doc_remove(struct onecard_plan *p, const char *owner, const char *key,
                              uint32_t version_read)
{
    add_record(p, owner, key, version_read);
}

static void h_note(struct onecard_plan *p)
{
    set_kind(p, OC_PLAN_NOTE, 0);
}

static void h_hold(struct onecard_plan *p, const char *participant, const char *kind, fen_t amount,
                   const struct onecard_doc *doc, const struct onecard_doc *expect)
{
    if (p->hold.to[0] || amount < 0 || amount > ONECARD_AMOUNT_MAX) {
        fake_mistake(p, "a second hold, or one of an amount that is not allowed");
        return;
    }
    fake_keep(p, p->hold.to, sizeof(p->hold.to), participant);
    fake_keep(p, p->hold.kind, sizeof(p->hold.kind), kind);
    p->hold.amount = amount;
    p->hold.doc = fake_doc_text(p, doc, "a hold's document is no object");
    p->hold.expect = expect ? fake_doc_text(p, expect, "what a hold expects is no object") : NULL;
}

static void h_message(struct onecard_plan *p, const char *participant, const char *kind,
                      const char *citizen, const struct onecard_doc *doc)
{
    if (strcmp(kind, "confirm") == 0 || strcmp(kind, "reverse") == 0) {
        fake_mistake(p, "a message of that kind is the switch's own");
    }
    if (fake_room(p, p->message_count, ONECARD_MESSAGES_MAX)) {
        struct fake_message *m = &p->messages[p->message_count++];
        fake_keep(p, m->to, sizeof(m->to), participant);
        fake_keep(p, m->kind, sizeof(m->kind), kind);
        fake_keep(p, m->citizen, sizeof(m->citizen), citizen ? citizen : "");
        m->doc = fake_doc_text(p, doc, "a message's document is no object");
    }
}

static void h_link(struct onecard_plan *p, const char *txn)
{
    fake_keep(p, p->link, sizeof(p->link), txn);
}

static void h_slot(struct onecard_plan *p, const char *app, const char *category, int32_t from,
                   int32_t until)
{
    if (p->slot.app[0] || !*app) {
        fake_mistake(p, "a second slot, or one without a name");
        return;
    }
    fake_keep(p, p->slot.app, sizeof(p->slot.app), app);
    fake_keep(p, p->slot.category, sizeof(p->slot.category), category);
    p->slot.from = from;
    p->slot.until = until;
}

static void h_pin(struct onecard_plan *p, enum onecard_pin_job job)
{
    if (p->pin_job) {
        fake_mistake(p, "the PIN twice");
    }
    p->pin_job = job;
}

static void h_event(struct onecard_plan *p, const char *kind, const char *text)
{
    if (fake_room(p, p->event_count, ONECARD_EVENTS_MAX) &&
        fake_keep(p, p->events[p->event_count].kind, sizeof(p->events[0].kind), kind) &&
        fake_keep(p, p->events[p->event_count].text, sizeof(p->events[0].text), text)) {
        p->event_count++;
    }
}

static void h_refund(struct onecard_plan *p)
{
    p->refund = true;
}

static void reply(struct onecard_plan *p, const char *key, const char *value, bool json)
{
    for (size_t i = 0; i < p->reply_count; i++) {
        if (strcmp(p->reply[i].key, key) == 0) {
            fake_mistake(p, "a member of the reply is there twice");
        }
    }
    if (fake_room(p, p->reply_count, FAKE_PAIRS) &&
        fake_keep(p, p->reply[p->reply_count].key, sizeof(p->reply[0].key), key)) {
        p->reply[p->reply_count].json = json;
        p->reply[p->reply_count++].value = fake_strdup(value ? value : "");
    }
}

static void h_reply_text(struct onecard_plan *p, const char *key, const char *value)
{
    reply(p, key, value, false);
}

static void h_reply_int(struct onecard_plan *p, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    reply(p, key, text, true);
}

static void h_reply_raw(struct onecard_plan *p, const char *key, const char *json)
{
    if (!fake_doc_new(json)) {
        fake_mistake(p, "a member of the reply is no JSON");
        return;
    }
    reply(p, key, json, true);
}

static void h_reply_doc(struct onecard_plan *p, const char *key, const struct onecard_doc *doc)
{
    if (!doc) {
        fake_mistake(p, "a member of the reply is no document");
        return;
    }
    reply(p, key, fake_dump(fake_json(doc)), true);
}

static int h_refuse(struct onecard_plan *p, enum oc_reason reason, const char *fmt, ...)
    ONECARD_PRINTF(3, 4);
static int h_refuse(struct onecard_plan *p, enum oc_reason reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
    va_end(ap);
    p->refused = reason;
    return OC_EREFUSED;
}

static int h_doc_int(const char *doc, const char *member, int64_t *ret)
{
    const json_t *root = fake_json(fake_doc_new(doc));
    const json_t *v = json_object_get(root, member);
    if (!json_is_object(root) || (v && !json_is_integer(v))) {
        return OC_EINVAL;
    }
    *ret = v ? (int64_t)json_integer_value(v) : *ret;
    return v ? 0 : OC_ENOENT;
}

static int h_doc_text(const char *doc, const char *member, char *ret, size_t cap)
{
    const json_t *root = fake_json(fake_doc_new(doc));
    const json_t *v = json_object_get(root, member);
    if (!json_is_object(root) || (v && !json_is_string(v))) {
        return OC_EINVAL;
    }
    if (v && json_string_length(v) >= cap) {
        return OC_ELIMIT;
    }
    if (v) {
        memcpy(ret, json_string_value(v), json_string_length(v) + 1);
    }
    return v ? 0 : OC_ENOENT;
}

static void h_log(const char *module, enum onecard_log_level level, const char *text)
{
    fprintf(stderr, "%s: %d: %s\n", module, (int)level, text);
}

static struct onecard_host table = {
    .size = sizeof(struct onecard_host),
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .param_text = h_param,
    .terminal_param = h_terminal_param,
    .parse_fen = fake_parse_fen,
    .plan_debit = h_debit,
    .plan_credit = h_credit,
    .plan_account = h_account,
    .plan_leg = h_leg,
    .plan_gross = h_gross,
    .plan_capp_int = h_capp_int,
    .plan_capp_text = h_capp_text,
    .plan_record = h_record,
    .plan_event = h_event,
    .plan_refund_of_original = h_refund,
    .plan_reply_text = h_reply_text,
    .plan_reply_int = h_reply_int,
    .plan_reply_fen = h_reply_int,
    .plan_reply_raw = h_reply_raw,
    .refuse = h_refuse,
    .doc_int = h_doc_int,
    .doc_text = h_doc_text,
    .log = h_log,
    .plan_doc = h_plan_doc,
    .plan_doc_remove = h_plan_doc_remove,
    .plan_note = h_note,
    .plan_hold = h_hold,
    .plan_message = h_message,
    .plan_reply_doc = h_reply_doc,
    .plan_link = h_link,
    .plan_slot = h_slot,
    .plan_pin = h_pin,
    .co_ask = fake_co_ask,
};

const struct onecard_host *fake_host(void)
{
    fake_conf_table(&table);
    fake_doc_table(&table);
    fake_facts_table(&table);
    return &table;
}

void fake_init(struct fake *f)
{
    memset(f, 0, sizeof(*f));
    f->store = fake_store_new();
    f->card = (struct onecard_card){
        .size = sizeof(f->card),
        .record_owner = "card:1",
        .number = "0000000000000001",
        .profile = "pboc-ep",
        .named = true,
        .has_balance = true,
        .has_capp = true,
        .balance_fen = 5000,
        .citizen = "c1",
        .citizen_fen = 3000,
        .card_category = "",
        .ledger_category = "",
        .last_service = "",
        .last_terminal = "",
        .state = "active",
    };
    f->req = (struct onecard_request){
        .size = sizeof(f->req),
        .host = fake_host(),
        .now_ms = INT64_C(1795220000000),
        .business_date = 20261121,
        .city_time = 83000,
        .terminal = {"desk-1", "desk", "shop"},
        .card = &f->card,
        .presented = OC_PRESENTED_CHIP,
        .strength = OC_STRENGTH_CHIP,
        .citizen = "c1",
        .who = "operator",
        .txn_hint = "desk-1/1",
    };
}

int fake_load(const struct onecard_module *module, const struct onecard_conf *conf, void **ret_ctx)
{
    static struct onecard_conf none;
    none.module = module;
    *ret_ctx = NULL;
    return module->load ? module->load(fake_host(), conf ? conf : &none, ret_ctx) : 0;
}

int fake_decide(const struct onecard_module *module, void *ctx, const char *service, struct fake *f)
{
    for (size_t i = 0; i < module->service_count; i++) {
        const struct onecard_service *s = module->services[i];
        if (strcmp(s->name, service) == 0) {
            struct frame fr = {.f = f, .service = s, .params = f->params};
            memset(&f->plan, 0, sizeof(f->plan));
            fake_scope(&fr, f->plan.scope);
            f->req.service = s->name;
            f->req.opaque = &fr;
            f->req.document = f->document ? fake_doc_new(f->document) : f->req.document;
            int rc = s->decide(ctx, &f->req, &f->plan);
            if (fake_doc_spoilt()) {
                fake_mistake(&f->plan, "a document was built wrongly");
            }
            f->req.opaque = NULL;
            return rc;
        }
    }
    return OC_ENOENT;
}

fen_t fake_sum(const struct onecard_plan *p)
{
    fen_t sum = p->kind == OC_PLAN_DEBIT ? -p->amount : p->kind == OC_PLAN_CREDIT ? p->amount : 0;
    for (size_t i = 0; i < p->leg_count; i++) {
        sum += p->legs[i].amount;
    }
    return sum;
}

fen_t fake_leg(const struct onecard_plan *p, int account, const char *owner)
{
    fen_t sum = 0;
    for (size_t i = 0; i < p->leg_count; i++) {
        if (p->legs[i].account == account && strcmp(p->legs[i].owner, owner) == 0) {
            sum += p->legs[i].amount;
        }
    }
    return sum;
}

const char *fake_capp(const struct onecard_plan *p, const char *name)
{
    for (size_t i = 0; i < p->capp_count; i++) {
        if (strcmp(p->capp[i].name, name) == 0) {
            return p->capp[i].text;
        }
    }
    return NULL;
}

const char *fake_reply(const struct onecard_plan *p, const char *key)
{
    for (size_t i = 0; i < p->reply_count; i++) {
        if (strcmp(p->reply[i].key, key) == 0) {
            return p->reply[i].value;
        }
    }
    return NULL;
}

const char *fake_record(const struct onecard_plan *p, const char *owner, const char *key)
{
    for (size_t i = 0; i < p->record_count; i++) {
        if (strcmp(p->records[i].owner, owner) == 0 && strcmp(p->records[i].key, key) == 0) {
            return p->records[i].doc;
        }
    }
    return NULL;
}

const char *fake_message(const struct onecard_plan *p, const char *to, const char *kind)
{
    for (size_t i = 0; i < p->message_count; i++) {
        if (strcmp(p->messages[i].to, to) == 0 && strcmp(p->messages[i].kind, kind) == 0) {
            return p->messages[i].doc;
        }
    }
    return NULL;
}
