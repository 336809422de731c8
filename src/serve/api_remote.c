/* Terminals over the network, as operators see them: tokens for enrolment, revocation, who is
 * connected, the authority's certificate. */
#include "serve/api.h"
#include "serve/enroll.h"

#include <stdio.h>
#include <string.h>

/* ---- how a terminal proves itself ---- */

json_t *api_co_identity(struct api_call *c, const char *id)
{
    struct terminal_key_row *row = arena_alloc(flow_arena(), sizeof *row);
    int rc = row ? ledger_co_terminal_key(c->s->ledger, id, row) : OC_ENOMEM;
    if (rc != 0)
        return json_null();
    const struct serve *s = c->s;
    const char *state = row->revoked       ? "revoked"
                        : row->renewing    ? "renewing"
                        : row->pinned      ? "enrolled"
                        : row->token_waits ? "token_waits"
                                           : "none";
    json_t *j = json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", state, "key",
                          row->pinned ? json_hex(row->pin, sizeof row->pin) : json_null(),
                          "certificate_until", json_time(s, row->not_after_ms), "enrolled",
                          json_time(s, row->enrolled_ms), "token_until",
                          json_time(s, row->token_waits ? row->token_until_ms : 0));
    return j ? j : json_null();
}

json_t *api_session(const struct serve *s, const struct session_info *r)
{
    char session[TRACE_TEXT];
    int64_t silent_ms = serve_now_ms(s) - r->heard_ms;
    json_t *j = json_pack(
        "{s:o, s:s, s:o, s:I, s:o, s:I, s:i, s:i, s:I, s:I, s:b, s:s}", "terminal",
        json_text(r->terminal), "peer", r->peer, "since", json_time(s, r->since_ms), "heard_s",
        (json_int_t)(silent_ms > 0 ? silent_ms / 1000 : 0), "software", json_text(r->software),
        "offset_ms", (json_int_t)r->wall_off_ms, "readers", (int)r->readers, "open", (int)r->open,
        "requests", (json_int_t)r->requests, "frames", (json_int_t)r->frames, "resumed", r->resumed,
        "session", trace_text(r->session, session));
    return j ? j : json_null();
}

static CO_FN int known_terminal(struct api_call *c, struct terminal_row **ret)
{
    struct terminal_row *row = arena_alloc(flow_arena(), sizeof *row);
    char what[80];
    (void)snprintf(what, sizeof what, "terminal \"%.40s\"", c->vars[0]);
    int rc = row ? ledger_co_terminal(c->s->ledger, c->vars[0], row) : OC_ENOMEM;
    *ret = row;
    return api_failed(c, rc, what);
}

static int no_door(struct api_call *c)
{
    return api_fail(c, 409, "conflict",
                    "this site has no door for terminals over the network: set terminals.listen "
                    "and start the daemon again");
}

static int post_enroll(struct api_call *c) CO_FN;
static int post_enroll(struct api_call *c)
{
    struct terminal_row *row;
    char token[TERMINAL_TOKEN_TEXT];
    int64_t until_ms = 0;
    struct ledger_op *op = api_op(c, LOP_TERMINAL_KEY);
    int rc = op ? api_fields(c, NULL, 0) : api_no_memory(c);
    if (rc == 0)
        rc = known_terminal(c, &row);
    if (rc != 0)
        return rc;
    if (row->t.closed)
        return api_fail(c, 409, "conflict", "terminal %s is closed", row->t.id);
    if (!c->s->terminals)
        return no_door(c);
    rc = terminals_co_token(c->s, row->t.id, c->who, op, token, &until_ms);
    if (rc == OC_ESTATE)
        return no_door(c);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    c->reply = json_pack("{s:s, s:s, s:o}", "terminal", row->t.id, "token", token, "until",
                         json_time(c->s, until_ms));
    secret_wipe(token, sizeof token);
    c->status = 201;
    return 0;
}

static int post_revoke(struct api_call *c) CO_FN;
static int post_revoke(struct api_call *c)
{
    struct terminal_row *row;
    struct ledger_op *op = api_op(c, LOP_TERMINAL_KEY);
    if (!op)
        return api_no_memory(c);
    struct op_terminal_key *k = &op->terminal_key;
    const struct field fields[] = {
        {.name = "why", .kind = FIELD_TEXT, .out = k->why, .size = sizeof k->why}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = known_terminal(c, &row);
    if (rc != 0)
        return rc;
    memcpy(k->terminal, row->t.id, sizeof k->terminal);
    k->action = TERMINAL_KEY_REVOKE;
    rc = ledger_co_submit(c->s->ledger, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    struct station *st = station_get(c->s, row->t.id);
    if (st && c->s->terminals)
        enroll_end_sessions(c->s->terminals, st, "this terminal's key was revoked: enrol it again");
    c->reply =
        json_pack("{s:s, s:o}", "terminal", row->t.id, "identity", api_co_identity(c, row->t.id));
    return 0;
}

/* ---- who is connected ---- */

static int get_sessions(struct api_call *c) CO_FN;
static int get_sessions(struct api_call *c)
{
    int64_t skip = 0;
    unsigned limit = 0;
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = api_query_int(c, "after", 0, &skip);
    if (rc == 0 && (skip < 0 || skip > UINT32_MAX))
        rc = api_fail(c, 400, "bad_query", "?after= is the cursor that the last page gave");
    struct session_info *rows = rc == 0 ? arena_alloc(flow_arena(), limit * sizeof *rows) : NULL;
    if (rc != 0)
        return rc;
    if (!rows)
        return api_no_memory(c);
    unsigned n = sessions_list(c->s, (unsigned)skip, rows, limit);
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, api_session(c->s, &rows[i]));
    c->reply = api_page(list, n == limit ? json_integer(skip + n) : json_null());
    return 0;
}

/* ---- the authority ---- */

static int get_authority(struct api_call *c) CO_FN;
static int get_authority(struct api_call *c)
{
    const struct x509_bytes *cert = terminals_authority(c->s);
    struct x509_info info;
    struct buf pem;
    if (!cert)
        return no_door(c);
    buf_init(&pem, (size_t)16 * 1024);
    int rc = x509_read(cert->data, cert->len, &info);
    if (rc == 0)
        rc = x509_to_pem(cert, "CERTIFICATE", &pem);
    if (rc == 0)
        c->reply = json_pack("{s:o, s:s, s:o, s:o}", "name", json_text(info.name), "fingerprint",
                             info.fingerprint, "until", json_time(c->s, info.not_after_ms),
                             "certificate", json_text(buf_cstr(&pem)));
    buf_fini(&pem);
    return api_failed(c, rc, "authority");
}

const struct api_route api_remote_routes[] = {
    {"POST", "/v1/terminals/*/enroll", post_enroll, NULL},
    {"POST", "/v1/terminals/*/revoke", post_revoke, NULL},
    {"GET", "/v1/sessions", get_sessions, API_QUERY("limit", "after")},
    {"GET", "/v1/authority", get_authority, NULL},
    {NULL, NULL, NULL, NULL}};
