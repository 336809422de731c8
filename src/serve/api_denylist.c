/* The deny list: cards of ours and of others that are refused, or locked where they show up. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

#define IMPORT_MAX 10000

static const char *action_name(uint8_t action)
{
    return action == 2 ? "lock" : "refuse";
}

static json_t *deny_json(const struct serve *s, const struct deny_row *d)
{
    return json_pack(
        "{s:o, s:o, s:s, s:o, s:I, s:o}", "issuer", json_hex(d->issuer, sizeof d->issuer), "serial",
        json_hex(d->serial, sizeof d->serial), "action", action_name(d->action), "why",
        json_text(d->why), "epoch", (json_int_t)d->epoch, "at", json_time(s, d->at_ms));
}

static int get_list(struct api_call *c) CO_FN;
static int get_list(struct api_call *c)
{
    unsigned limit = 0, n = 0;
    int64_t after = 0;
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = api_query_int(c, "after", 0, &after);
    if (rc != 0)
        return rc;
    struct deny_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_deny_list(c->s->ledger, after, rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "deny list");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        if (rows[i].action != 0) /* 0: taken off */
            json_array_append_new(list, deny_json(c->s, &rows[i]));
    c->reply = api_page(list, n == limit ? json_integer(rows[n - 1].epoch) : json_null());
    return 0;
}

static int read_item(struct api_call *c, json_t *object, const char *where, struct op_deny *d)
{
    char serial[24] = "", action[8] = "refuse";
    int64_t line;
    bool has_issuer;
    const struct field fields[] = {
        {.name = "issuer",
         .kind = FIELD_HEX,
         .out = d->issuer,
         .size = sizeof d->issuer,
         .present = &has_issuer},
        {.name = "serial",
         .kind = FIELD_TEXT,
         .out = serial,
         .size = sizeof serial,
         .required = true},
        {.name = "action", .kind = FIELD_TEXT, .out = action, .size = sizeof action},
        {.name = "why", .kind = FIELD_TEXT, .out = d->why, .size = sizeof d->why},
        {.name = "line", .kind = FIELD_INT, .out = &line, .max = INT64_MAX}};
    int rc = api_object_fields(c, object, where, fields, ARRAY_LEN(fields) - (where ? 0 : 1));
    if (rc == 0 && serial_parse(serial, d->serial) != 0)
        rc = api_fail(c, 400, "bad_field", SERIAL_WORDS);
    if (rc == 0 && strcmp(action, "refuse") != 0 && strcmp(action, "lock") != 0)
        rc = api_fail(c, 400, "bad_field", "\"action\" must be refuse or lock");
    if (!has_issuer)
        memcpy(d->issuer, c->s->fixed->site.issuer, sizeof d->issuer);
    d->action = strcmp(action, "lock") == 0 ? 2 : 1;
    return rc;
}

static CO_FN int reply_row(struct api_call *c, const struct op_deny *d)
{
    struct deny_row *row = arena_alloc(flow_arena(), sizeof *row);
    int rc = row ? ledger_co_denied(c->s->ledger, d->issuer, d->serial, row) : OC_ENOMEM;
    if (rc == 0)
        c->reply = deny_json(c->s, row);
    return api_failed(c, rc, "entry");
}

static int post_entry(struct api_call *c) CO_FN;
static int post_entry(struct api_call *c)
{
    struct ledger_op *op = api_op(c, LOP_DENY);
    if (!op)
        return OC_ENOMEM;
    int rc = read_item(c, c->body, NULL, &op->deny);
    if (rc != 0)
        return rc;
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    c->status = 201;
    return reply_row(c, &op->deny);
}

static int delete_entry(struct api_call *c) CO_FN;
static int delete_entry(struct api_call *c)
{
    struct ledger_op *op = api_op(c, LOP_DENY);
    struct deny_row *row = arena_alloc(flow_arena(), sizeof *row);
    const char *text = c->vars[0], *dash = strchr(text, '-');
    char issuer[2 * OC_ISSUER_LEN + 1];
    if (!op || !row)
        return api_no_memory(c);
    if (!dash || dash - text != 2 * OC_ISSUER_LEN)
        return api_fail(c, 400, "bad_request",
                        "name the card as ISSUER-SERIAL: 16 digits, '-', 20 "
                        "digits");
    (void)snprintf(issuer, sizeof issuer, "%s", text);
    if (hex_decode(issuer, op->deny.issuer, OC_ISSUER_LEN) != 0 ||
        serial_parse(dash + 1, op->deny.serial) != 0)
        return api_fail(c, 400, "bad_request", "issuer and serial are hexadecimal");
    int rc = ledger_co_denied(c->s->ledger, op->deny.issuer, op->deny.serial, row);
    if (rc != 0)
        return api_failed(c, rc, "such card on the deny list");
    op->deny.remove = 1;
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    c->reply = json_pack("{s:b, s:I}", "removed", 1, "epoch", (json_int_t)op->deny.epoch);
    return 0;
}

/* ---- import: good ones are taken, each bad one is reported ---- */

static CO_FN int import_one(struct api_call *c, json_t *item, struct ledger_op *op)
{
    uint8_t type = op->type;
    char who[LEDGER_ID];
    memcpy(who, op->who, sizeof who);
    memset(op, 0, sizeof *op);
    op->type = type;
    memcpy(op->who, who, sizeof op->who);
    int rc = json_is_object(item) ? read_item(c, item, "this line", &op->deny)
                                  : api_fail(c, 400, "bad_field", "not an object");
    if (rc == 0) {
        rc = ledger_co_submit(c->s->ledger, op);
        rc = rc != 0 ? api_submit_failed(c, rc, op) : 0;
    }
    return rc;
}

/* The error that the last one left becomes a line of the report. */
static void report(struct api_call *c, json_t *item, size_t index, json_t *errors)
{
    const json_t *line = json_object_get(item, "line");
    const char *message =
        json_string_value(json_object_get(json_object_get(c->reply, "error"), "message"));
    json_array_append_new(
        errors, json_pack("{s:I, s:o}", "line",
                          json_is_integer(line) ? json_integer_value(line) : (json_int_t)index + 1,
                          "message", json_text_or_null(message)));
    json_decref(c->reply);
    c->reply = NULL;
    c->status = 200;
}

static void drop(void *arg)
{
    json_decref(arg);
}

static int post_import(struct api_call *c) CO_FN;
static int post_import(struct api_call *c)
{
    json_t *items = NULL;
    const struct field fields[] = {
        {.name = "items", .kind = FIELD_ARRAY, .out = &items, .required = true}};
    struct ledger_op *op = api_op(c, LOP_DENY);
    int rc = op ? api_fields(c, fields, ARRAY_LEN(fields)) : OC_ENOMEM;
    if (rc != 0)
        return rc;
    if (json_array_size(items) > IMPORT_MAX)
        return api_fail(c, 400, "bad_field", "at most %d items at one time", IMPORT_MAX);
    json_t *errors = json_array();
    flow_defer(drop, errors);
    size_t added = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        if (import_one(c, item, op) == 0)
            added++;
        else
            report(c, item, i, errors);
    }
    c->reply = json_pack("{s:I, s:O}", "added", (json_int_t)added, "errors", errors);
    return 0;
}

const struct api_route api_denylist_routes[] = {
    {"GET", "/v1/denylist", get_list, API_QUERY("limit", "after")},
    {"POST", "/v1/denylist", post_entry, NULL},
    {"POST", "/v1/denylist/import", post_import, NULL},
    {"DELETE", "/v1/denylist/*", delete_entry, NULL},
    {NULL, NULL, NULL, NULL}};
