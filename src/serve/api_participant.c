/* Participants: who runs terminals, is owed for goods and rides, and owes for cash taken. */
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

const struct api_route api_participant_routes[] = {{"GET", "/v1/participants", get_participants},
                                                   {"POST", "/v1/participants", post_participant},
                                                   {NULL, NULL, NULL}};
