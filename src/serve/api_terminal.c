/* Terminals: adding, changing, showing. A row that could never work is refused here with the word
 * that is wrong; the station follows the row at once. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {"desk", "bus", "metro", "hall", "pos", "system", NULL};
#define PARAMS_MAX 16

static json_t *terminal_json(const struct serve *s, const struct terminal_row *row)
{
    const struct op_terminal *t = &row->t;
    json_t *j =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "id", json_text(t->id), "kind",
                  json_text(t->kind), "participant", json_text(t->participant), "sam",
                  json_hex(t->sam, sizeof t->sam), "reader", json_text_or_null(t->reader),
                  "services", json_text(t->services), "gate", json_text_or_null(t->gate), "params",
                  json_raw(t->params), "closed", t->closed);
    if (!j)
        return json_null();
    json_object_set_new(j, "next_seq", json_integer(row->next_seq));
    json_object_set_new(j, "next_request", json_integer(row->next_request));
    json_object_set_new(j, "created", json_time(s, row->created_ms));
    return j;
}

static int get_terminals(struct api_call *c) CO_FN;
static int get_terminals(struct api_call *c)
{
    const char *after = http_query(c->req, "after");
    unsigned limit = 0, n = 0;
    int rc = api_limit(c, &limit);
    if (rc != 0)
        return rc;
    struct terminal_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_terminals(c->s->ledger, after ? after : "", rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "terminals");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, terminal_json(c->s, &rows[i]));
    c->reply = api_page(list, n == limit ? json_text(rows[n - 1].t.id) : json_null());
    return 0;
}

static int get_terminal(struct api_call *c) CO_FN;
static int get_terminal(struct api_call *c)
{
    struct terminal_row *row = arena_alloc(flow_arena(), sizeof *row);
    char what[80];
    (void)snprintf(what, sizeof what, "terminal \"%.40s\"", c->vars[0]);
    int rc = row ? ledger_co_terminal(c->s->ledger, c->vars[0], row) : OC_ENOMEM;
    if (rc != 0)
        return api_failed(c, rc, what);
    c->reply = terminal_json(c->s, row);
    struct session_info session;
    json_object_set_new(c->reply, "identity", api_co_identity(c, row->t.id));
    if (session_of(c->s, row->t.id, &session))
        json_object_set_new(c->reply, "session", api_session(c->s, &session));
    struct station *st = station_get(c->s, row->t.id);
    if (st && st->lane)
        json_object_set_new(c->reply, "reader_state",
                            json_string(reader_state_name(st->lane->reader->state)));
    if (st && st->last)
        json_object_set_new(c->reply, "last", result_json(c->s, st->last));
    return 0;
}

/* ---- services ---- */

static bool module_known(const struct modules *set, const char *word, size_t len)
{
    for (size_t i = 0; i < module_service_count(set); i++) {
        const char *name = service_module(module_service_at(set, i))->name;
        if (strlen(name) == len && strncmp(name, word, len) == 0)
            return true;
    }
    return false;
}

/* Writes the full name of one word of the list. */
static int put_service(struct api_call *c, const char *word, struct buf *out)
{
    const char *hint = NULL;
    size_t len = strlen(word);
    if (len == 0)
        return 0;
    bool all = strcmp(word, "*") == 0;
    bool module =
        len > 2 && strcmp(word + len - 2, ".*") == 0 && module_known(c->s->modules, word, len - 2);
    struct service *svc =
        all || module ? NULL : module_service(c->s->modules, word, flow_arena(), &hint);
    if (!all && !module && !svc)
        return api_fail(c, 400, "unknown_service", "there is no service \"%.60s\"%s%s", word,
                        hint ? ": " : "", hint ? hint : "");
    buf_printf(out, "%s%s", out->len > 0 ? "," : "", svc ? service_name(svc) : word);
    return 0;
}

static int put_services(struct api_call *c, const char *list, struct buf *out)
{
    int rc = 0;
    while (rc == 0 && *list) {
        list += strspn(list, ", ");
        size_t len = strcspn(list, ", ");
        char *word = arena_printf(flow_arena(), "%.*s", (int)len, list);
        rc = word ? put_service(c, word, out) : api_no_memory(c);
        list += len;
    }
    return rc;
}

/* "services": a text with commas, or a list of texts. */
static int read_services(struct api_call *c, json_t *v, struct op_terminal *t)
{
    struct buf out;
    int rc = 0;
    buf_over(&out, t->services, sizeof t->services - 1);
    memset(t->services, 0, sizeof t->services);
    if (json_is_string(v))
        rc = put_services(c, json_string_value(v), &out);
    for (size_t i = 0; rc == 0 && i < json_array_size(v); i++) {
        const char *word = json_string_value(json_array_get(v, i));
        rc = word ? put_services(c, word, &out) : OC_EINVAL;
    }
    if (rc == OC_EINVAL || (!json_is_string(v) && !json_is_array(v)))
        return api_fail(c, 400, "bad_field",
                        "\"services\" must be names, as a list or with commas");
    if (rc == 0 && out.err)
        return api_fail(c, 400, "bad_field", "\"services\" is too long: use \"module.*\" or \"*\"");
    return rc;
}

static int check_gate(struct api_call *c, struct op_terminal *t)
{
    const char *hint = NULL;
    if (t->gate[0] == '\0')
        return 0;
    struct service *svc = module_service(c->s->modules, t->gate, flow_arena(), &hint);
    if (!svc)
        return api_fail(c, 400, "unknown_service", "there is no service \"%s\"%s%s", t->gate,
                        hint ? ": " : "", hint ? hint : "");
    (void)snprintf(t->gate, sizeof t->gate, "%s", service_name(svc));
    if (service_abi(svc)->needs & (OC_NEEDS_OPERATOR | OC_NEEDS_AMOUNT | OC_NEEDS_ORIGINAL))
        return api_fail(c, 400, "bad_field", "%s cannot be a gate's service: an operator must ask",
                        t->gate);
    if (!service_in_list(svc, t->services))
        return api_fail(c, 400, "bad_field", "the gate's service %s is not among \"services\"",
                        t->gate);
    if (t->reader[0] == '\0' && c->s->fixed->terminals.listen.count == 0)
        return api_fail(c, 400, "bad_field",
                        "a gate needs a \"reader\", or terminals.listen and a reader of its own");
    if (t->reader[0] == '\0')
        return 0;
    LIST_EACH(at, &c->s->stations)
    {
        const struct op_terminal *o = &CONTAINER_OF(at, struct station, link)->row.t;
        if (!o->closed && o->gate[0] != '\0' && strcmp(o->reader, t->reader) == 0 &&
            strcmp(o->id, t->id) != 0 && !t->closed)
            return api_fail(c, 409, "conflict", "terminal %s is the gate on reader \"%s\" already",
                            o->id, t->reader);
    }
    return 0;
}

/* ---- the rest of the row ---- */

static int read_params(struct api_call *c, json_t *params, struct op_terminal *t)
{
    const char *name;
    json_t *v;
    struct buf out;
    if (json_object_size(params) > PARAMS_MAX)
        return api_fail(c, 400, "bad_field", "\"params\" has more than %d members", PARAMS_MAX);
    memset(t->params, 0, sizeof t->params);
    buf_over(&out, t->params, sizeof t->params - 1);
    json_object_foreach(params, name, v)
    {
        if (!json_is_string(v))
            return api_fail(c, 400, "bad_field", "parameter \"%.40s\" must be a text", name);
        buf_puts(&out, out.len > 0 ? "," : "{");
        plan_json_text(&out, name);
        buf_puts(&out, ":");
        plan_json_text(&out, json_string_value(v));
    }
    buf_puts(&out, out.len > 0 ? "}" : "{}");
    return out.err ? api_fail(c, 400, "bad_field", "\"params\" is too long") : 0;
}

static int check_sam(struct api_call *c, const struct op_terminal *t, bool move)
{
    static const uint8_t none[OC_SAM_LEN];
    if (move || memcmp(t->sam, none, sizeof none) == 0)
        return 0;
    LIST_EACH(at, &c->s->stations)
    {
        const struct op_terminal *o = &CONTAINER_OF(at, struct station, link)->row.t;
        if (strcmp(o->id, t->id) != 0 && memcmp(o->sam, t->sam, sizeof none) == 0)
            return api_fail(c, 409, "conflict",
                            "this SAM is in terminal %s: say \"move\":true if it was moved", o->id);
    }
    return 0;
}

/* A name beyond what the registry remembers must not come into the ledger. */
static int check_reader(struct api_call *c, const struct op_terminal *t)
{
    struct lane *lane;
    int rc = t->reader[0] != '\0' ? lane_get(c->s, t->reader, &lane) : 0;
    if (rc == OC_EINVAL)
        return api_fail(c, 400, "bad_field", "\"reader\" is longer than %d bytes", READER_NAME_MAX);
    if (rc == OC_ELIMIT)
        return api_fail(c, 409, "conflict",
                        "more than %d reader names are in use: those that no terminal has any more "
                        "are forgotten when the daemon starts again",
                        READERS_MAX);
    return api_failed(c, rc, "reader");
}

static CO_FN int check_participant(struct api_call *c, const struct op_terminal *t)
{
    struct participant_row *p = arena_alloc(flow_arena(), sizeof *p);
    char what[128];
    (void)snprintf(what, sizeof what, "participant \"%s\": add it first", t->participant);
    int rc = p ? ledger_co_participant(c->s->ledger, t->participant, p) : OC_ENOMEM;
    if (rc == 0 && p->closed && !t->closed)
        return api_fail(c, 409, "conflict", "participant %s is closed", t->participant);
    return api_failed(c, rc, what);
}

struct terminal_body {
    json_t *services, *params;
    bool closed, move, has_closed;
};

static int read_body(struct api_call *c, struct op_terminal *t, struct terminal_body *b)
{
    const struct field fields[] = {
        {.name = "id", .kind = FIELD_TEXT, .out = t->id, .size = sizeof t->id, .required = true},
        {.name = "kind", .kind = FIELD_TEXT, .out = t->kind, .size = sizeof t->kind},
        {.name = "participant",
         .kind = FIELD_TEXT,
         .out = t->participant,
         .size = sizeof t->participant},
        {.name = "sam", .kind = FIELD_HEX, .out = t->sam, .size = sizeof t->sam},
        {.name = "reader", .kind = FIELD_TEXT, .out = t->reader, .size = sizeof t->reader},
        {.name = "gate", .kind = FIELD_TEXT, .out = t->gate, .size = sizeof t->gate},
        {.name = "services", .kind = FIELD_JSON, .out = &b->services},
        {.name = "params", .kind = FIELD_OBJECT, .out = &b->params},
        {.name = "closed", .kind = FIELD_BOOL, .out = &b->closed, .present = &b->has_closed},
        {.name = "move", .kind = FIELD_BOOL, .out = &b->move}};
    return api_fields(c, fields, ARRAY_LEN(fields));
}

static CO_FN int check_row(struct api_call *c, struct op_terminal *t, struct terminal_body *b)
{
    int rc = 0;
    bool kind_ok = false;
    for (size_t i = 0; kinds[i]; i++)
        kind_ok = kind_ok || strcmp(kinds[i], t->kind) == 0;
    if (!api_id_ok(t->id))
        return api_fail(c, 400, "bad_field", "\"id\" has letters, digits, '.', '_' and '-' only");
    if (!kind_ok)
        return api_fail(c, 400, "bad_field", "\"kind\" must be desk, bus, metro, hall, pos or system%s",
                        api_hint(t->kind, kinds));
    if (t->participant[0] == '\0')
        return api_fail(c, 400, "missing_field", "\"participant\" is missing: who runs it");
    if (b->services)
        rc = read_services(c, b->services, t);
    if (rc == 0 && b->params)
        rc = read_params(c, b->params, t);
    if (rc == 0)
        rc = check_gate(c, t);
    if (rc == 0)
        rc = check_sam(c, t, b->move);
    if (rc == 0)
        rc = check_participant(c, t);
    return rc == 0 ? check_reader(c, t) : rc;
}

static int post_terminal(struct api_call *c) CO_FN;
static int post_terminal(struct api_call *c)
{
    struct terminal_body b = {0};
    struct terminal_row *row = arena_alloc(flow_arena(), sizeof *row);
    struct ledger_op *op = api_op(c, LOP_TERMINAL);
    if (!row || !op)
        return api_no_memory(c);
    const char *id = json_string_value(json_object_get(c->body, "id"));
    int rc = id ? ledger_co_terminal(c->s->ledger, id, row) : OC_ENOENT;
    if (rc != 0 && rc != OC_ENOENT)
        return api_failed(c, rc, "terminal");
    bool is_new = rc == OC_ENOENT;
    struct op_terminal *t = &op->terminal;
    if (!is_new)
        *t = row->t; /* what the body does not say stays */
    rc = read_body(c, t, &b);
    if (rc == 0 && b.has_closed)
        t->closed = b.closed;
    if (rc == 0)
        rc = check_row(c, t, &b);
    if (rc != 0)
        return rc;
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    rc = ledger_co_terminal(c->s->ledger, t->id, row);
    if (rc == 0) {
        stations_sam_moved(c->s, &row->t);
        rc = station_update(c->s, row);
    }
    if (rc != 0)
        return api_failed(c, rc, "station");
    c->reply = terminal_json(c->s, row);
    c->status = is_new ? 201 : 200;
    return 0;
}

const struct api_route api_terminal_routes[] = {{"GET", "/v1/terminals", get_terminals, API_QUERY("limit", "after")},
                                                {"GET", "/v1/terminals/*", get_terminal, NULL},
                                                {"POST", "/v1/terminals", post_terminal, NULL},
                                                {NULL, NULL, NULL, NULL}};
