/* Participants: who runs terminals, is owed for goods and rides, and owes for cash taken; and the
 * keys that their systems sign with. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

static json_t *participant_json(const struct op_participant *p)
{
    return json_pack("{s:o, s:o, s:I, s:b}", "id", json_text(p->id), "name", json_text(p->name),
                     "load_quota_fen", (json_int_t)p->load_quota, "closed", p->closed);
}

static int get_participants(struct api_call *c) CO_FN;
static int get_participants(struct api_call *c)
{
    const char *after = http_query(c->req, "after");
    unsigned limit = 0, n = 0;
    int rc = api_limit(c, &limit);
    if (rc != 0)
        return rc;
    struct participant_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_participants(c->s->ledger, after ? after : "", rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "participants");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++) {
        struct op_participant p = {.load_quota = rows[i].load_quota, .closed = rows[i].closed};
        memcpy(p.id, rows[i].id, sizeof p.id);
        memcpy(p.name, rows[i].name, sizeof p.name);
        json_array_append_new(list, participant_json(&p));
    }
    c->reply = api_page(list, n == limit ? json_text(rows[n - 1].id) : json_null());
    return 0;
}

static int post_participant(struct api_call *c) CO_FN;
static int post_participant(struct api_call *c)
{
    struct op_participant p = {.load_quota = c->s->config->policy.load_quota};
    int64_t quota = 0;
    bool closed = false, has_quota, has_name, has_closed;
    const struct field fields[] = {
        {.name = "id", .kind = FIELD_TEXT, .out = p.id, .size = sizeof p.id, .required = true},
        {.name = "name",
         .kind = FIELD_TEXT,
         .out = p.name,
         .size = sizeof p.name,
         .present = &has_name},
        {.name = "load_quota_fen",
         .kind = FIELD_INT,
         .out = &quota,
         .max = INT64_C(10000000000000),
         .present = &has_quota},
        {.name = "closed", .kind = FIELD_BOOL, .out = &closed, .present = &has_closed}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc != 0)
        return rc;
    if (!api_id_ok(p.id))
        return api_fail(c, 400, "bad_field", "\"id\" has letters, digits, '.', '_' and '-' only");
    struct ledger_op *op = api_op(c, LOP_PARTICIPANT);
    struct participant_row *old = arena_alloc(flow_arena(), sizeof *old);
    if (!op || !old)
        return api_no_memory(c);
    rc = ledger_co_participant(c->s->ledger, p.id, old);
    if (rc != 0 && rc != OC_ENOENT)
        return api_failed(c, rc, "participant");
    bool is_new = rc == OC_ENOENT;
    if (is_new && !has_name)
        return api_fail(c, 400, "missing_field", "\"name\" is missing: a new participant has one");
    if (!has_name)
        memcpy(p.name, old->name, sizeof p.name);
    p.load_quota = has_quota ? quota : is_new ? p.load_quota : old->load_quota;
    p.closed = (uint8_t)(has_closed ? closed : !is_new && old->closed);
    op->participant = p;
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    c->reply = participant_json(&p);
    c->status = is_new ? 201 : 200;
    return 0;
}

/* ---- the key that it signs with ---- */

static CO_FN int check_participant(struct api_call *c, struct participant_row *row)
{
    char what[64];
    (void)snprintf(what, sizeof what, "participant \"%.31s\"", c->vars[0]);
    return api_failed(c, ledger_co_participant(c->s->ledger, c->vars[0], row), what);
}

/* For people who compare: the beginning of the key's SHA-256, as well as the key. */
static int reply_key(struct api_call *c, const uint8_t key[ED25519_LEN], bool any)
{
    struct buf pem;
    uint8_t hash[SHA256_LEN];
    int rc = 0;
    buf_init(&pem, 4096);
    if (any)
        rc = hash_sha256(c->s->crypto, (struct bytes){key, ED25519_LEN}, hash);
    if (rc == 0 && any)
        rc = ed25519_public_pem(key, &pem);
    if (rc == 0)
        c->reply = json_pack("{s:o, s:o, s:o}", "participant", json_text(c->vars[0]), "key",
                             any ? json_text(buf_cstr(&pem)) : json_null(), "fingerprint",
                             any ? json_hex(hash, 8) : json_null());
    buf_fini(&pem);
    return api_failed(c, rc, "key");
}

static int get_key(struct api_call *c) CO_FN;
static int get_key(struct api_call *c)
{
    uint8_t key[ED25519_LEN] = {0};
    static const uint8_t none[ED25519_LEN];
    struct participant_row *row = arena_alloc(flow_arena(), sizeof *row);
    int rc = row ? check_participant(c, row) : api_no_memory(c);
    if (rc != 0)
        return rc;
    rc = ledger_co_participant_key(c->s->ledger, c->vars[0], key);
    if (rc != 0 && rc != OC_ENOENT)
        return api_failed(c, rc, "key");
    return reply_key(c, key, rc == 0 && memcmp(key, none, sizeof none) != 0);
}

/* Null takes the key away: the institution is not believed any more. */
static int post_key(struct api_call *c) CO_FN;
static int post_key(struct api_call *c)
{
    json_t *text = json_object_get(c->body, "key");
    char why[64] = "";
    const struct field fields[] = {
        {.name = "key", .kind = FIELD_JSON, .out = &text},
        {.name = "why", .kind = FIELD_TEXT, .out = why, .size = sizeof why}};
    struct participant_row *row = arena_alloc(flow_arena(), sizeof *row);
    struct ledger_op *op = api_op(c, LOP_PARTICIPANT_KEY);
    if (!row || !op)
        return api_no_memory(c);
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0 && !text)
        rc = api_fail(c, 400, "missing_field", "\"key\" is missing: PEM, or null for none");
    if (rc == 0 && !json_is_null(text) &&
        (!json_is_string(text) ||
         ed25519_parse_public(json_string_value(text), op->participant_key.key) != 0))
        rc = api_fail(c, 400, "bad_field",
                      "\"key\" must be an Ed25519 public key: PEM, or 64 hexadecimal digits");
    if (rc == 0)
        rc = check_participant(c, row);
    if (rc != 0)
        return rc;
    memcpy(op->participant_key.participant, row->id, sizeof row->id);
    memcpy(op->participant_key.why, why, sizeof why);
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    return reply_key(c, op->participant_key.key, !json_is_null(text));
}

const struct api_route api_participant_routes[] = {
    {"GET", "/v1/participants", get_participants, API_QUERY("limit", "after")},
    {"POST", "/v1/participants", post_participant, NULL},
    {"GET", "/v1/participants/*/key", get_key, NULL},
    {"POST", "/v1/participants/*/key", post_key, NULL},
    {NULL, NULL, NULL, NULL}};
