/* Items of payment: their names, their documents, the bookings that carry them. See item.h. */
#include "settle/item.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

static const struct {
    const char *name;
    enum settle_state state;
} states[] = {
    {"open", ITEM_OPEN}, {"paid", ITEM_PAID}, {"returned", ITEM_RETURNED}, {"failed", ITEM_FAILED}};

const char *settle_state_name(enum settle_state s)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (states[i].state == s)
            return states[i].name;
    return NULL;
}

enum settle_state settle_result_parse(const char *word)
{
    for (size_t i = 1; i < ARRAY_LEN(states); i++)
        if (strcmp(states[i].name, word) == 0)
            return states[i].state;
    return 0;
}

static const struct {
    char letter;
    uint8_t account;
} accounts[] = {{'m', ACCT_MERCHANT}, {'r', ACCT_LOAD_RECEIVABLE}, {'f', ACCT_FUND}};

static char letter_of(uint8_t account)
{
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
        if (accounts[i].account == account)
            return accounts[i].letter;
    return '?';
}

static bool own(const struct op_intent *in)
{
    return in->terminal[0] == '\0' &&
           strncmp(in->service, LEDGER_HOUSE, sizeof LEDGER_HOUSE - 1) == 0;
}

bool item_deduction(const struct op_intent *in)
{
    return own(in) && strcmp(in->service, LEDGER_HOUSE "deducted") == 0;
}

bool item_service(const struct op_intent *in)
{
    return own(in) && !item_deduction(in);
}

/* ---- names ---- */

const char *item_owner(const char *group, char out[ITEM_NAME])
{
    (void)snprintf(out, ITEM_NAME, ITEM_OWNER "%.11s", group);
    return out;
}

const char *item_key(const struct settle_item_id *id, char out[ITEM_NAME])
{
    (void)snprintf(out, ITEM_NAME, "%.31s/%c/%u", id->payee, letter_of(id->account),
                   id->attempt % 100);
    return out;
}

const char *settle_item_text(const struct settle_item_id *id, char out[SETTLE_ITEM])
{
    char key[ITEM_NAME];
    (void)snprintf(out, SETTLE_ITEM, "%.11s/%s", id->group, item_key(id, key));
    return out;
}

bool settle_group_ok(const char *group)
{
    char day[16];
    date_t d;
    size_t len = strlen(group);
    if (len != 10 && len != 7)
        return false;
    (void)snprintf(day, sizeof day, "%s%s", group, len == 7 ? "-01" : "");
    return date_parse(day, &d) == 0;
}

static int parse_key(const char *key, struct settle_item_id *id)
{
    const char *slash = strchr(key, '/');
    size_t len = slash ? (size_t)(slash - key) : 0;
    if (len == 0 || len >= sizeof id->payee)
        return OC_EINVAL;
    memcpy(id->payee, key, len);
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
        if (slash[1] == accounts[i].letter)
            id->account = accounts[i].account;
    const char *n = slash + 2;
    if (id->account == 0 || *n++ != '/' || *n < '1' || *n > '9' || strspn(n, "0123456789") > 2 ||
        n[strspn(n, "0123456789")] != '\0')
        return OC_EINVAL;
    id->attempt = (unsigned)strtoul(n, NULL, 10);
    return 0;
}

static int parse(const char *group, size_t len, const char *key, struct settle_item_id *ret)
{
    struct settle_item_id id = {.attempt = 0};
    if (len >= sizeof id.group)
        return OC_EINVAL;
    memcpy(id.group, group, len);
    int rc = settle_group_ok(id.group) ? parse_key(key, &id) : OC_EINVAL;
    if (rc == 0 && (id.account == ACCT_FUND) != (len == 7))
        rc = OC_EINVAL;
    if (rc == 0)
        *ret = id;
    return rc;
}

int settle_item_parse(const char *text, struct settle_item_id *ret)
{
    const char *slash = strchr(text, '/');
    return slash ? parse(text, (size_t)(slash - text), slash + 1, ret) : OC_EINVAL;
}

int item_of_record(const char *owner, const char *key, struct settle_item_id *ret)
{
    size_t head = sizeof ITEM_OWNER - 1;
    if (strncmp(owner, ITEM_OWNER, head) != 0)
        return OC_EINVAL;
    return parse(owner + head, strlen(owner + head), key, ret);
}

/* ---- documents ---- */

static uint32_t dump(json_t *j, bool whole, char out[ITEM_DOC])
{
    size_t len = j && whole ? json_dumpb(j, out, ITEM_DOC, JSON_COMPACT | JSON_SORT_KEYS) : 0;
    json_decref(j);
    return len <= ITEM_DOC ? (uint32_t)len : 0;
}

static bool add_said(json_t *j, const char *name, const struct settle_said *s)
{
    return s->reference[0] == '\0' ||
           json_object_set_new(j, name,
                               json_pack("{s:I, s:i, s:s, s:s, s:s}", "number",
                                         (json_int_t)s->number, "on", (int)s->on, "reference",
                                         s->reference, "reason", s->reason, "file", s->file)) == 0;
}

uint32_t item_write(const struct settle_item *it, char out[ITEM_DOC])
{
    json_t *j = json_pack("{s:I, s:s?}", "amount_fen", (json_int_t)it->amount, "state",
                          settle_state_name((enum settle_state)it->state));
    bool whole = j && add_said(j, "paid", &it->paid) && add_said(j, "back", &it->back);
    return dump(j, whole, out);
}

uint32_t item_group_write(const struct settle_group *g, char out[ITEM_DOC])
{
    json_t *j = json_pack("{s:i, s:i, s:i, s:i, s:i}", "items", (int)g->items, "open", (int)g->open,
                          "returned", (int)g->returned, "failed", (int)g->failed, "bookings",
                          (int)g->bookings);
    return dump(j, true, out);
}

int item_load(const char *doc, size_t len, json_t **ret)
{
    json_error_t e;
    *ret = json_loadb(doc, len, 0, &e);
    if (*ret)
        return 0;
    return json_error_code(&e) == json_error_out_of_memory ? OC_ENOMEM : OC_EBOOKS;
}

static int read_said(const json_t *j, struct settle_said *s)
{
    const char *reference = "", *reason = "", *file = "";
    json_int_t number = 0;
    int on = 0;
    if (!j)
        return 0;
    if (json_unpack((json_t *)(uintptr_t)j, "{s:I, s:i, s:s, s:s, s:s}", "number", &number, "on",
                    &on, "reference", &reference, "reason", &reason, "file", &file) != 0)
        return OC_EBOOKS;
    s->number = number;
    s->on = on;
    (void)snprintf(s->reference, sizeof s->reference, "%s", reference);
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    (void)snprintf(s->file, sizeof s->file, "%s", file);
    return 0;
}

int item_read(const char *doc, size_t len, struct settle_item *ret)
{
    json_int_t amount = 0;
    const char *state = "";
    json_t *j;
    struct settle_item it = {.id = ret->id};
    int rc = item_load(doc, len, &j);
    if (rc == 0 && json_unpack(j, "{s:I, s:s}", "amount_fen", &amount, "state", &state) != 0)
        rc = OC_EBOOKS;
    if (rc == 0) {
        it.amount = amount;
        it.state = (uint8_t)(strcmp(state, "open") == 0 ? ITEM_OPEN : settle_result_parse(state));
        rc = it.state ? read_said(json_object_get(j, "paid"), &it.paid) : OC_EBOOKS;
    }
    if (rc == 0)
        rc = read_said(json_object_get(j, "back"), &it.back);
    json_decref(j);
    if (rc == 0)
        *ret = it;
    return rc;
}

int item_group_read(const char *doc, size_t len, struct settle_group *ret)
{
    int n[5] = {0};
    json_t *j;
    int rc = item_load(doc, len, &j);
    if (rc == 0 && json_unpack(j, "{s:i, s:i, s:i, s:i, s:i}", "items", &n[0], "open", &n[1],
                               "returned", &n[2], "failed", &n[3], "bookings", &n[4]) != 0)
        rc = OC_EBOOKS;
    for (size_t i = 0; i < ARRAY_LEN(n) && rc == 0; i++)
        rc = n[i] < 0 ? OC_EBOOKS : 0;
    json_decref(j);
    if (rc == 0)
        *ret = (struct settle_group){(uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2], (uint32_t)n[3],
                                     (uint32_t)n[4]};
    return rc;
}

/* ---- records ---- */

int item_co_load(struct settle_env *env, const struct settle_item_id *id, struct settle_item *ret,
                 uint32_t *ret_version)
{
    char owner[ITEM_NAME], key[ITEM_NAME];
    struct record_row row;
    int rc = ledger_co_record(env->ledger, ITEM_SCOPE, item_owner(id->group, owner),
                              item_key(id, key), flow_arena(), &row);
    if (rc)
        return rc;
    ret->id = *id;
    *ret_version = row.version;
    return item_read(row.doc, row.doc_len, ret);
}

int item_co_group(struct settle_env *env, const char *group, struct settle_group *ret,
                  uint32_t *ret_version)
{
    struct record_row row;
    int rc = ledger_co_record(env->ledger, ITEM_SCOPE, ITEM_GROUPS, group, flow_arena(), &row);
    *ret = (struct settle_group){0};
    *ret_version = rc ? 0 : row.version;
    return rc == OC_ENOENT ? 0 : rc ? rc : item_group_read(row.doc, row.doc_len, ret);
}

/* ---- bookings ---- */

struct booking *booking_new(const struct settle_env *env, const char *service, fen_t amount)
{
    struct booking *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    struct op_intent *in = &b->op.intent;
    b->op.type = LOP_INTENT;
    (void)snprintf(b->op.who, sizeof b->op.who, "%s", env->who ? env->who : "onecardd");
    (void)snprintf(in->service, sizeof in->service, "%s", service);
    in->plan_kind = amount ? OC_PLAN_ACCOUNT : OC_PLAN_NOTE;
    in->amount = in->gross = amount < 0 ? -amount : amount;
    in->business_date = city_date(clock_wall_ms(env->clock), env->city_offset_min);
    return b;
}

#define NUMBERS INT64_C(1000000) /* of one group */

/* 20261121 and 202611 as the first digits: no two groups share numbers. */
void booking_number(struct booking *b, const char *group, struct settle_group *g)
{
    int64_t n = 0;
    for (; *group; group++)
        n = *group == '-' ? n : n * 10 + (*group - '0');
    b->op.intent.request_no = n * NUMBERS + ++g->bookings % NUMBERS;
}

int settle_co_booking(struct settle_env *env, const struct settle_said *said, int64_t *ret_txn)
{
    struct txn_row *row = calloc(1, sizeof *row);
    int rc = row ? ledger_co_txn_request(env->ledger, "", said->number, row) : OC_ENOMEM;
    if (rc == 0)
        *ret_txn = row->id;
    free(row);
    return rc;
}

char *booking_doc(struct booking *b)
{
    return b->docs[b->op.intent.record_count];
}

void booking_record(struct booking *b, const char *owner, const char *key, uint32_t version,
                    uint32_t len)
{
    struct op_intent *in = &b->op.intent;
    CHECK(in->record_count < LEDGER_RECORDS);
    if (len == 0) { /* no memory for the document */
        b->err = OC_ENOMEM;
        return;
    }
    struct op_record *r = &in->records[in->record_count];
    (void)snprintf(r->scope, sizeof r->scope, ITEM_SCOPE);
    (void)snprintf(r->owner, sizeof r->owner, "%s", owner);
    (void)snprintf(r->key, sizeof r->key, "%s", key);
    r->version_read = version;
    r->doc = (struct op_doc){b->docs[in->record_count++], len};
}

int booking_co_submit(struct settle_env *env, struct booking *b)
{
    return b->err ? b->err : ledger_co_submit(env->ledger, &b->op);
}

void booking_item(struct booking *b, const struct settle_item *it, uint32_t version)
{
    char owner[ITEM_NAME], key[ITEM_NAME];
    uint32_t len = item_write(it, booking_doc(b));
    booking_record(b, item_owner(it->id.group, owner), item_key(&it->id, key), version, len);
}

void booking_group(struct booking *b, const char *group, const struct settle_group *g,
                   uint32_t version)
{
    uint32_t len = item_group_write(g, booking_doc(b));
    booking_record(b, ITEM_GROUPS, group, version, len);
}

void booking_leg(struct booking *b, enum acct_kind kind, const char *owner, fen_t amount)
{
    struct op_intent *in = &b->op.intent;
    CHECK(in->leg_count < LEDGER_LEGS);
    struct leg *leg = &in->legs[in->leg_count++];
    leg->kind = (uint8_t)kind;
    leg->amount = amount;
    (void)snprintf(leg->owner, sizeof leg->owner, "%s", owner);
}

void booking_event(struct booking *b, const char *kind, const char *fmt, ...)
{
    struct op_intent *in = &b->op.intent;
    CHECK(in->event_count < LEDGER_EVENTS);
    struct op_event_item *e = &in->events[in->event_count++];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    (void)snprintf(e->kind, sizeof e->kind, "%s", kind);
}
