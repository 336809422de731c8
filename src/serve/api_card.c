/* Cards: showing, registering, states, categories. */
#include "serve/api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names of cards ---- */

int serial_parse(const char *text, uint8_t ret[OC_SERIAL_LEN])
{
    char digits[2 * OC_SERIAL_LEN + 1];
    size_t len = strlen(text);
    bool decimal = len > 0 && strspn(text, "0123456789") == len;
    if (len == 0 || len > 2 * OC_SERIAL_LEN)
        return OC_EINVAL;
    if (len != 2 * OC_SERIAL_LEN && len != 16 && !decimal)
        return OC_EINVAL;
    memset(digits, '0', sizeof digits - 1 - len);
    memcpy(digits + sizeof digits - 1 - len, text, len + 1);
    return hex_decode(digits, ret, OC_SERIAL_LEN);
}

/* "c123": the ledger's own number. */
static bool internal_id(const char *ref, int64_t *ret)
{
    char *end;
    if (ref[0] != 'c' || !isdigit((unsigned char)ref[1]))
        return false;
    errno = 0;
    *ret = strtoll(ref + 1, &end, 10);
    return errno == 0 && *end == '\0';
}

int api_co_card(struct api_call *c, const char *ref, struct card_row **ret)
{
    struct card_row *row = arena_alloc(flow_arena(), sizeof *row);
    uint8_t serial[OC_SERIAL_LEN];
    char what[80], hex[2 * OC_SERIAL_LEN + 1];
    int64_t id = 0;
    if (!row)
        return api_no_memory(c);
    int rc = internal_id(ref, &id) ? ledger_co_card_id(c->s->ledger, id, row)
                                   : ledger_co_card_find(c->s->ledger, ref, row);
    if ((rc == OC_ENOENT || rc == OC_EINVAL) && id == 0 && serial_parse(ref, serial) == 0)
        rc = ledger_co_card_find(c->s->ledger, hex_encode(serial, sizeof serial, hex), row);
    (void)snprintf(what, sizeof what, "card \"%.48s\"", ref);
    *ret = row;
    return api_failed(c, rc == OC_EINVAL ? OC_ENOENT : rc, what);
}

/* ---- showing ---- */

static const char *const states[] = {"issued",  "active",    "suspended", "lost",
                                     "blocked", "cancelled", NULL};

static int state_of(struct api_call *c, uint8_t *ret)
{
    const char *text = http_query(c->req, "state");
    *ret = 0;
    if (!text || *text == '\0')
        return 0;
    for (int i = CARD_ISSUED; i <= CARD_CANCELLED; i++) {
        const char *name = card_state_name((enum card_state)i);
        if (name && strcmp(name, text) == 0)
            *ret = (uint8_t)i;
    }
    if (*ret == 0)
        return api_fail(c, 400, "bad_query", "?state= knows no \"%.30s\"%s", text,
                        api_hint(text, states));
    return 0;
}

static int get_cards(struct api_call *c) CO_FN;
static int get_cards(struct api_call *c)
{
    unsigned limit = 0, n = 0;
    uint8_t state = 0;
    int64_t after = 0;
    const char *text = http_query(c->req, "after");
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = state_of(c, &state);
    if (rc == 0 && text && *text && !internal_id(text, &after))
        rc = api_fail(c, 400, "bad_query", "?after= must be what \"next\" said");
    if (rc != 0)
        return rc;
    struct card_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_cards(c->s->ledger, after, state, rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "cards");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, card_json(c->s, &rows[i]));
    json_t *next = n == limit ? json_sprintf("c%lld", (long long)rows[n - 1].id) : json_null();
    c->reply = api_page(list, next);
    return 0;
}

/* What the switch itself keeps of a card under that key, or null. */
static CO_FN json_t *own_record(struct api_call *c, const struct card_row *row, const char *key)
{
    char owner[40];
    struct record_row r;
    (void)snprintf(owner, sizeof owner, "card:%lld", (long long)row->id);
    if (ledger_co_record(c->s->ledger, TXN_CARD_SCOPE, owner, key, flow_arena(), &r) != 0)
        return json_null();
    json_t *j = json_raw(r.doc);
    json_t *at = json_object_get(j, "at_ms");
    json_object_set_new(j, "at", json_time(c->s, json_integer_value(at)));
    json_object_del(j, "at_ms");
    return j;
}

/* One slot: the ledger's word, and what became of it on the chip. */
static CO_FN json_t *slot_json(struct api_call *c, const struct card_row *row,
                               const struct slot_row *slot)
{
    char key[32];
    (void)snprintf(key, sizeof key, "slot.%.15s", slot->app);
    json_t *mark = own_record(c, row, key);
    const char *open = slot->closed ? "" : slot->category;
    json_t *j = json_pack("{s:s, s:o, s:o, s:o, s:O?, s:O?, s:O?}", "app", slot->app, "category",
                          json_text_or_null(open), "from", json_date(slot->from), "until",
                          json_date(slot->to), "chip", json_object_get(mark, "state"), "chip_at",
                          json_object_get(mark, "at"), "chip_why", json_object_get(mark, "why"));
    json_decref(mark);
    return j;
}

static int get_card(struct api_call *c) CO_FN;
static int get_card(struct api_call *c)
{
    struct card_row *row;
    struct slot_row slots[PROFILE_SLOTS_MAX];
    unsigned n = 0;
    int rc = api_co_card(c, c->vars[0], &row);
    if (rc == 0)
        rc = api_failed(c, ledger_co_slots(c->s->ledger, row->id, slots, ARRAY_LEN(slots), &n),
                        "the card's slots");
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, slot_json(c, row, &slots[i]));
    c->reply = card_json(c->s, row);
    json_object_set_new(c->reply, "held_records", api_co_held_records(c, row->id));
    json_object_set_new(c->reply, "slots", list);
    json_object_set_new(c->reply, "pin", own_record(c, row, "pin"));
    return 0;
}

/* ---- profiles, holders ---- */

static int profile_unknown(struct api_call *c, const char *name)
{
    const char *names[33];
    size_t n = 0;
    for (; n < profile_count(c->s->profiles) && n < ARRAY_LEN(names) - 1; n++)
        names[n] = profile_at(c->s->profiles, n)->name;
    names[n] = NULL;
    return api_fail(c, 400, "bad_field", "there is no card profile \"%.40s\"%s", name,
                    api_hint(name, names));
}

int profile_check(struct api_call *c, const char *profile, const char *category)
{
    const struct card_profile *p = profile_get(c->s->profiles, profile);
    const char *names[33];
    if (!p)
        return profile_unknown(c, profile);
    const struct conf_map *m = &p->identity.categories;
    size_t n = 0;
    for (; n < m->count && n < ARRAY_LEN(names) - 1; n++) {
        names[n] = m->items[n].value;
        if (strcmp(names[n], category) == 0)
            return 0;
    }
    names[n] = NULL;
    if (category[0] == '\0')
        return 0;
    return api_fail(c, 400, "bad_field", "cards of profile %s have no category \"%s\"%s", profile,
                    category, api_hint(category, names));
}

int api_card_kind(struct api_call *c, const char *text, bool holder, uint8_t *ret)
{
    if (strcmp(text, "named") == 0 || (text[0] == '\0' && holder))
        *ret = CARD_NAMED;
    else if (strcmp(text, "anonymous") == 0 || text[0] == '\0')
        *ret = CARD_ANONYMOUS;
    else
        return api_fail(c, 400, "bad_field", "\"kind\" must be named or anonymous");
    if (*ret == CARD_ANONYMOUS && holder)
        return api_fail(c, 400, "bad_field", "an anonymous card has no \"holder\"");
    return 0;
}

int api_co_holder(struct api_call *c, json_t *object, struct holder *h, char ret_id[LEDGER_ID])
{
    const struct field fields[] = {
        {.name = "name",
         .kind = FIELD_TEXT,
         .out = h->name,
         .size = sizeof h->name,
         .required = true},
        {.name = "id", .kind = FIELD_TEXT, .out = h->id, .size = sizeof h->id},
        {.name = "phone", .kind = FIELD_TEXT, .out = h->phone, .size = sizeof h->phone}};
    int rc = api_object_fields(c, object, "holder", fields, ARRAY_LEN(fields));
    if (rc != 0)
        return rc;
    struct ledger_op *op = api_op(c, LOP_CITIZEN);
    if (!op)
        return OC_ENOMEM;
    rc = vault_co_citizen(c->s, h, c->who, op, ret_id);
    return rc != 0 ? api_submit_failed(c, rc, op) : 0;
}

/* ---- registering ---- */

struct register_body {
    char serial[24], kind[12];
    int64_t opening;
    json_t *holder;
    bool active, has_issuer;
};

/* The printed number follows from file 0015, of which issuer and serial are known. */
static void number_of(const struct card_profile *p, const struct op_card_add *a, char ret[24])
{
    uint8_t file[PROFILE_IDENTITY_MAX] = {0};
    struct card_identity id;
    const struct profile_identity_file *f = &p->identity;
    if ((size_t)f->issuer.offset + OC_ISSUER_LEN > sizeof file ||
        (size_t)f->serial.offset + OC_SERIAL_LEN > sizeof file || f->max_len > sizeof file)
        return;
    memcpy(file + f->issuer.offset, a->issuer, OC_ISSUER_LEN);
    memcpy(file + f->serial.offset, a->serial, OC_SERIAL_LEN);
    if (profile_identity(p, file, f->max_len, &id) == 0)
        memcpy(ret, id.number, sizeof id.number);
}

static int read_register(struct api_call *c, struct op_card_add *a, struct register_body *b)
{
    const struct field fields[] = {
        {.name = "serial",
         .kind = FIELD_TEXT,
         .out = b->serial,
         .size = sizeof b->serial,
         .required = true},
        {.name = "issuer",
         .kind = FIELD_HEX,
         .out = a->issuer,
         .size = sizeof a->issuer,
         .present = &b->has_issuer},
        {.name = "profile",
         .kind = FIELD_TEXT,
         .out = a->profile,
         .size = sizeof a->profile,
         .required = true},
        {.name = "opening_fen", .kind = FIELD_INT, .out = &b->opening, .max = 100000000},
        {.name = "kind", .kind = FIELD_TEXT, .out = b->kind, .size = sizeof b->kind},
        {.name = "holder", .kind = FIELD_OBJECT, .out = &b->holder},
        {.name = "category", .kind = FIELD_TEXT, .out = a->category, .size = sizeof a->category},
        {.name = "category_until", .kind = FIELD_DATE, .out = &a->category_to},
        {.name = "valid_from", .kind = FIELD_DATE, .out = &a->valid_from},
        {.name = "valid_to", .kind = FIELD_DATE, .out = &a->valid_to},
        {.name = "active", .kind = FIELD_BOOL, .out = &b->active},
        {.name = "number", .kind = FIELD_TEXT, .out = a->number, .size = sizeof a->number}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0 && serial_parse(b->serial, a->serial) != 0)
        rc = api_fail(c, 400, "bad_field", SERIAL_WORDS);
    if (rc == 0)
        rc = profile_check(c, a->profile, a->category);
    /* Somebody issued this card to a citizen, elsewhere: it can be reported lost unless we are told
     * otherwise (R15). */
    const char *kind = b->kind[0] != '\0' ? b->kind : "named";
    return rc == 0 ? api_card_kind(c, kind, b->holder != NULL, &a->kind) : rc;
}

static void complete(struct api_call *c, struct op_card_add *a, const struct register_body *b)
{
    const struct serve_config *cfg = c->s->config;
    const struct card_profile *p = profile_get(c->s->profiles, a->profile);
    const struct serve_ceiling *ceiling = &cfg->policy.ceiling;
    if (!b->has_issuer)
        memcpy(a->issuer, c->s->fixed->site.issuer, sizeof a->issuer);
    if (a->number[0] == '\0')
        number_of(p, a, a->number);
    a->registered = 1;
    a->state = b->active ? CARD_ACTIVE : CARD_ISSUED;
    a->ceiling = a->kind == CARD_NAMED ? ceiling->named : ceiling->anonymous;
    /* How far it may go below zero is the card's own affair (R1); the books only keep a bound. */
    a->floor = p->purse.overdraft ? -a->ceiling : 0;
    a->opening = b->opening;
}

static int post_register(struct api_call *c) CO_FN;
static int post_register(struct api_call *c)
{
    struct register_body b = {.active = true};
    struct ledger_op *op = api_op(c, LOP_CARD_ADD);
    struct card_row *row = arena_alloc(flow_arena(), sizeof *row);
    struct holder *h = arena_alloc(flow_arena(), sizeof *h);
    if (!op || !row || !h)
        return api_no_memory(c);
    struct op_card_add *a = &op->card_add;
    int rc = read_register(c, a, &b);
    if (rc == 0 && b.holder)
        rc = api_co_holder(c, b.holder, h, a->citizen);
    if (rc != 0)
        return rc;
    complete(c, a, &b);
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    rc = ledger_co_card_id(c->s->ledger, op->card_add.card, row);
    if (rc != 0)
        return api_failed(c, rc, "card");
    c->reply = card_json(c->s, row);
    c->status = 201;
    return 0;
}

/* ---- states ---- */

static const struct action {
    const char *name;
    enum card_state to;
    unsigned from; /* bits of states; 0: whatever the ledger allows */
} actions[] = {{"activate", CARD_ACTIVE, 1U << CARD_ISSUED},
               {"suspend", CARD_SUSPENDED, 0},
               {"resume", CARD_ACTIVE, (1U << CARD_SUSPENDED) | (1U << CARD_LOST)},
               {"report-loss", CARD_LOST, 0},
               {"block", CARD_BLOCKED, 0},
               {"unblock", CARD_ACTIVE, 1U << CARD_BLOCKED},
               {"cancel", CARD_CANCELLED, 0}};

static const struct action *find_action(struct api_call *c)
{
    const char *names[ARRAY_LEN(actions) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        names[i] = actions[i].name;
        if (strcmp(names[i], c->vars[1]) == 0)
            return &actions[i];
    }
    (void)api_fail(c, 404, "no_such_path", "cards know no action \"%.40s\"%s", c->vars[1],
                   api_hint(c->vars[1], names));
    return NULL;
}

static int wrong_state(struct api_call *c, const struct card_row *row, const struct action *a)
{
    int rc = api_fail(c, 409, "refused", "%s does not go with a card that is %s", a->name,
                      card_state_name((enum card_state)row->state));
    json_object_set_new(json_object_get(c->reply, "error"), "reason",
                        json_string(oc_reason_code(OC_R_CARD_STATE)));
    return rc;
}

static int post_action(struct api_call *c) CO_FN;
static int post_action(struct api_call *c)
{
    char why[64] = "";
    const struct field fields[] = {
        {.name = "why", .kind = FIELD_TEXT, .out = why, .size = sizeof why}};
    const struct action *a = find_action(c);
    struct card_row *row;
    int rc = a ? api_fields(c, fields, ARRAY_LEN(fields)) : OC_EREFUSED;
    if (rc == 0)
        rc = api_co_card(c, c->vars[0], &row);
    if (rc != 0)
        return rc;
    if (a->from != 0 && (a->from & (1U << row->state)) == 0)
        return wrong_state(c, row, a);
    struct ledger_op *op = api_op(c, LOP_CARD_STATE);
    if (!op)
        return OC_ENOMEM;
    op->card_state.card = row->id;
    op->card_state.to = (uint8_t)a->to;
    memcpy(op->card_state.why, why, sizeof why);
    if (a->to == CARD_LOST)
        op->card_state.effective_ms = serve_now_ms(c->s) + c->s->config->policy.loss_effective_ms;
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    rc = ledger_co_card_id(c->s->ledger, row->id, row);
    if (rc == 0)
        c->reply = card_json(c->s, row);
    return api_failed(c, rc, "card");
}

/* Whether cards of that profile have such a slot, and such a category in it. */
static int slot_check(struct api_call *c, const char *profile, const struct op_slot *want)
{
    const struct card_profile *p = profile_get(c->s->profiles, profile);
    const struct profile_slot *slot = p ? profile_slot(p, want->app) : NULL;
    const char *names[33];
    size_t n = 0;
    if (!p || (!slot && strcmp(want->app, "transit") == 0))
        return profile_check(c, profile, want->category);
    if (!slot) {
        for (; n < p->slot_count; n++)
            names[n] = p->slots[n].app;
        names[n] = NULL;
        return api_fail(c, 400, "bad_field", "cards of profile %s have no slot \"%s\"%s", profile,
                        want->app, api_hint(want->app, names));
    }
    const struct conf_map *m = profile_slot_categories(p, slot);
    for (; n < m->count && n < ARRAY_LEN(names) - 1; n++) {
        names[n] = m->items[n].value;
        if (strcmp(names[n], want->category) == 0)
            return 0;
    }
    names[n] = NULL;
    return want->category[0] == '\0'
               ? 0
               : api_fail(c, 400, "bad_field", "slot %s of profile %s has no category \"%s\"%s",
                          want->app, profile, want->category, api_hint(want->category, names));
}

static int post_category(struct api_call *c) CO_FN;
static int post_category(struct api_call *c)
{
    struct card_row *row;
    struct ledger_op *op = api_op(c, LOP_SLOT);
    if (!op)
        return OC_ENOMEM;
    struct op_slot *slot = &op->slot;
    (void)snprintf(slot->app, sizeof slot->app, "transit");
    const struct field fields[] = {
        {.name = "slot", .kind = FIELD_TEXT, .out = slot->app, .size = sizeof slot->app},
        {.name = "category",
         .kind = FIELD_TEXT,
         .out = slot->category,
         .size = sizeof slot->category},
        {.name = "from", .kind = FIELD_DATE, .out = &slot->from},
        {.name = "until", .kind = FIELD_DATE, .out = &slot->to}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = api_co_card(c, c->vars[0], &row);
    if (strcmp(slot->category, "none") == 0)
        slot->category[0] = '\0';
    if (rc == 0)
        rc = slot_check(c, row->profile, slot);
    if (rc == 0)
        rc = api_failed(c, txn_co_slot_due(&c->s->env, row, slot, &slot->record), "the card's slot");
    if (rc != 0)
        return rc;
    slot->card = row->id;
    slot->closed = slot->category[0] == '\0';
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    rc = ledger_co_card_id(c->s->ledger, row->id, row);
    if (rc == 0)
        c->reply = card_json(c->s, row);
    return api_failed(c, rc, "card");
}

const struct api_route api_card_routes[] = {
    {"GET", "/v1/cards", get_cards, API_QUERY("state", "limit", "after")},
    {"POST", "/v1/cards/register", post_register, NULL},
    {"GET", "/v1/cards/*", get_card, NULL},
    {"POST", "/v1/cards/*/category", post_category, NULL},
    {"POST", "/v1/cards/*/*", post_action, NULL},
    {NULL, NULL, NULL, NULL}};
