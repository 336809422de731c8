/* What is on its way to institutions: messages, holds, routes. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

#define RETRY_PAGE 32 /* messages of one bulk call: its client shows progress and asks again */
#define LIST_PAGE  8  /* rows with documents of up to 64 KiB */

/* ---- messages ---- */

static json_t *message_json(const struct serve *s, const struct message_row *m, bool full)
{
    json_t *j = json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I}", "id", json_txn_id(m->id), "state",
        message_state_name((enum message_state)m->state), "to", json_text(m->to), "kind",
        json_text(m->kind), "txn", json_txn_id(m->txn), "created", json_time(s, ident_ms(m->id)),
        "age_s", json_integer((serve_now_ms(s) - m->due_ms) / 1000), "tries",
        (json_int_t)m->tries, "note", json_text_or_null(m->note), "bytes", (json_int_t)m->doc_len);
    if (full) /* documents about somebody stay sealed here */
        json_object_set_new(j, "document",
                            m->citizen[0] == '\0' && m->doc_len > 0 ? json_raw(m->doc)
                                                                    : json_null());
    json_object_set_new(j, "route", json_boolean(upstream_has(s->upstream, m->to)));
    return j;
}

static const char *const message_states[] = {"due", "dead", NULL};

static int query_state(struct api_call *c, uint8_t *ret)
{
    const char *text = http_query(c->req, "state");
    *ret = 0;
    if (!text || *text == '\0')
        return 0;
    if (strcmp(text, "due") != 0 && strcmp(text, "dead") != 0)
        return api_fail(c, 400, "bad_query", "?state= knows no \"%.30s\"%s", text,
                        api_hint(text, message_states));
    *ret = strcmp(text, "dead") == 0 ? MESSAGE_DEAD : MESSAGE_DUE;
    return 0;
}

static const char *query_to(struct api_call *c)
{
    const char *to = http_query(c->req, "to");
    return to && *to ? to : NULL;
}

static void drop(void *arg)
{
    json_decref(arg);
}

/* One page of rows in a flow of its own: documents end with it. */
struct page {
    struct serve *s;
    json_t *list;
    int64_t after;
    uint8_t state;
    const char *to;
    unsigned want, got;
};

static int page_flow(void *arg) CO_FN;
static int page_flow(void *arg)
{
    struct page *p = arg;
    struct message_row *rows = arena_alloc(flow_arena(), LIST_PAGE * sizeof *rows);
    if (!rows)
        return OC_ENOMEM;
    int rc = ledger_co_messages(p->s->ledger, p->after, p->state, p->to, flow_arena(), rows,
                                p->want, &p->got);
    for (unsigned i = 0; rc == 0 && i < p->got; i++) {
        json_array_append_new(p->list, message_json(p->s, &rows[i], false));
        p->after = rows[i].id;
    }
    return rc;
}

static CO_FN int list_page(struct page *p)
{
    struct flow *f;
    int result = 0, rc = flow_start(p->s->loop, "outbox list", page_flow, p, &f);
    if (rc != 0)
        return rc;
    flow_shield(); /* it writes into *p */
    rc = flow_co_join(f, &result, FLOW_FOREVER);
    flow_unshield();
    flow_put(f);
    return rc != 0 ? rc : result;
}

static int get_messages(struct api_call *c) CO_FN;
static int get_messages(struct api_call *c)
{
    unsigned limit = 0, got = 0;
    struct page *p = arena_alloc(flow_arena(), sizeof *p);
    if (!p)
        return api_no_memory(c);
    *p = (struct page){.s = c->s, .to = query_to(c)};
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = query_state(c, &p->state);
    if (rc == 0)
        rc = api_query_txn(c, "after", &p->after);
    if (rc != 0)
        return rc;
    p->list = json_array();
    flow_defer(drop, p->list);
    do {
        p->want = limit - got < LIST_PAGE ? limit - got : LIST_PAGE;
        rc = list_page(p);
        got += rc == 0 ? p->got : 0;
    } while (rc == 0 && p->got == p->want && got < limit);
    if (rc != 0)
        return api_failed(c, rc, "messages");
    c->reply = api_page(json_incref(p->list), got == limit ? json_txn_id(p->after) : json_null());
    return 0;
}

static int read_id(struct api_call *c, int64_t *ret)
{
    return ident_parse(c->vars[0], ret) == 0
               ? 0
               : api_fail(c, 400, "bad_request", "\"%.20s\" is no message id", c->vars[0]);
}

static CO_FN int find(struct api_call *c, struct message_row **ret)
{
    struct message_row *m = arena_alloc(flow_arena(), sizeof *m);
    int64_t id = 0;
    int rc = m ? read_id(c, &id) : api_no_memory(c);
    if (rc == 0)
        rc = api_failed(c, ledger_co_message(c->s->ledger, id, flow_arena(), m),
                        "message that waits (it was sent, or dropped)");
    *ret = m;
    return rc;
}

static int get_message(struct api_call *c) CO_FN;
static int get_message(struct api_call *c)
{
    struct message_row *m;
    int rc = find(c, &m);
    if (rc == 0)
        c->reply = message_json(c->s, m, true);
    return rc;
}

static CO_FN int move(struct api_call *c, struct ledger_op *op, int64_t id, enum message_state to,
                      const char *note)
{
    memset(&op->message, 0, sizeof op->message);
    op->message.message = id;
    op->message.to = (uint8_t)to;
    (void)snprintf(op->message.note, sizeof op->message.note, "%s", note);
    text_trim_utf8(op->message.note);
    return ledger_co_submit(c->s->ledger, op);
}

static int post_retry(struct api_call *c) CO_FN;
static int post_retry(struct api_call *c)
{
    struct message_row *m;
    struct ledger_op *op = api_op(c, LOP_MESSAGE);
    int rc = op ? api_fields(c, NULL, 0) : OC_ENOMEM;
    if (rc == 0)
        rc = find(c, &m);
    if (rc != 0)
        return rc;
    if (m->state == MESSAGE_DEAD) {
        rc = move(c, op, m->id, MESSAGE_DUE, "");
        if (rc != 0)
            return api_submit_failed(c, rc, op);
        m->state = MESSAGE_DUE;
    }
    txn_outbox_retry(&c->s->env, m->to);
    c->reply = message_json(c->s, m, false);
    return 0;
}

static int post_drop(struct api_call *c) CO_FN;
static int post_drop(struct api_call *c)
{
    char why[96] = "", note[128];
    struct message_row *m;
    const struct field fields[] = {
        {.name = "why", .kind = FIELD_TEXT, .out = why, .size = sizeof why, .required = true}};
    struct ledger_op *op = api_op(c, LOP_MESSAGE);
    int rc = op ? api_fields(c, fields, ARRAY_LEN(fields)) : OC_ENOMEM;
    if (rc == 0 && why[0] == '\0')
        rc = api_fail(c, 400, "bad_field", "\"why\" must say why: it stays in the journal");
    if (rc == 0)
        rc = find(c, &m);
    if (rc != 0)
        return rc;
    (void)snprintf(note, sizeof note, "%s", why);
    rc = move(c, op, m->id, MESSAGE_DROPPED, note);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    log_warn("outbox", "message=%s to=%s kind=%s dropped by %s: %s", c->vars[0], m->to, m->kind,
             c->who, why);
    m->state = MESSAGE_DROPPED;
    c->reply = message_json(c->s, m, false);
    return 0;
}

/* ---- many at once: the dead of a page, then the client asks for the next ---- */

static CO_FN int retry_page(struct api_call *c, struct page *p, struct ledger_op *op,
                            unsigned *moved)
{
    size_t i;
    json_t *m;
    int rc = 0;
    json_array_foreach(p->list, i, m)
    {
        int64_t id = 0;
        if (ident_parse(json_string_value(json_object_get(m, "id")), &id) != 0)
            continue;
        rc = move(c, op, id, MESSAGE_DUE, "");
        if (rc == 0)
            ++*moved;
        else if (rc != OC_ENOENT && rc != OC_ESTATE) /* somebody else was faster */
            return api_submit_failed(c, rc, op);
    }
    return 0;
}

static int post_retry_all(struct api_call *c) CO_FN;
static int post_retry_all(struct api_call *c)
{
    char to[LEDGER_ID] = "", after[IDENT_TEXT + 8] = "";
    unsigned moved = 0;
    struct ledger_op *op = api_op(c, LOP_MESSAGE);
    struct page *p = arena_alloc(flow_arena(), sizeof *p);
    if (!op || !p)
        return api_no_memory(c);
    *p = (struct page){.s = c->s, .state = MESSAGE_DEAD};
    const struct field fields[] = {
        {.name = "to", .kind = FIELD_TEXT, .out = to, .size = sizeof to},
        {.name = "after", .kind = FIELD_TEXT, .out = after, .size = sizeof after}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0 && after[0] != '\0' && ident_parse(after, &p->after) != 0)
        rc = api_fail(c, 400, "bad_field", "\"after\" is what the last answer's \"next\" said");
    if (rc != 0)
        return rc;
    p->to = to[0] != '\0' ? to : NULL;
    p->list = json_array();
    flow_defer(drop, p->list);
    do {
        p->want = LIST_PAGE;
        rc = list_page(p);
    } while (rc == 0 && p->got == LIST_PAGE && json_array_size(p->list) < RETRY_PAGE);
    if (rc != 0)
        return api_failed(c, rc, "messages");
    rc = retry_page(c, p, op, &moved);
    txn_outbox_retry(&c->s->env, p->to);
    if (rc == 0)
        c->reply = json_pack("{s:I, s:o}", "retried", (json_int_t)moved, "next",
                             p->got == LIST_PAGE ? json_txn_id(p->after) : json_null());
    return rc;
}

/* ---- holds ---- */

static json_t *hold_json(const struct serve *s, const struct hold_row *h)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:o}", "txn", json_txn_id(h->txn),
                     "state", hold_state_name((enum hold_state)h->state), "to", json_text(h->to),
                     "kind", json_text(h->kind), "amount_fen", (json_int_t)h->amount, "reference",
                     json_text_or_null(h->reference), "note", json_text_or_null(h->note), "changed",
                     json_time(s, h->changed_ms));
}

static int query_hold_state(struct api_call *c, uint8_t *ret)
{
    const char *text = http_query(c->req, "state");
    *ret = 0;
    for (int i = HOLD_ASKED; text && *text && i <= HOLD_REVERSED; i++)
        if (strcmp(hold_state_name((enum hold_state)i), text) == 0)
            *ret = (uint8_t)i;
    return text && *text && *ret == 0
               ? api_fail(c, 400, "bad_query", "?state= knows no \"%.30s\"", text)
               : 0;
}

static int get_holds(struct api_call *c) CO_FN;
static int get_holds(struct api_call *c)
{
    unsigned limit = 0, n = 0;
    int64_t after = 0;
    uint8_t state = 0;
    int rc = api_limit(c, &limit);
    if (rc == 0)
        rc = query_hold_state(c, &state);
    if (rc == 0)
        rc = api_query_txn(c, "after", &after);
    if (rc != 0)
        return rc;
    struct hold_row *rows = arena_alloc(flow_arena(), limit * sizeof *rows);
    if (!rows)
        return api_no_memory(c);
    rc = ledger_co_holds(c->s->ledger, after, state, rows, limit, &n);
    if (rc != 0)
        return api_failed(c, rc, "holds");
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, hold_json(c->s, &rows[i]));
    c->reply = api_page(list, n == limit ? json_txn_id(rows[n - 1].txn) : json_null());
    return 0;
}

static int get_hold(struct api_call *c) CO_FN;
static int get_hold(struct api_call *c)
{
    int64_t txn = 0;
    struct hold_row *h = arena_alloc(flow_arena(), sizeof *h);
    if (!h)
        return api_no_memory(c);
    if (ident_parse(c->vars[0], &txn) != 0)
        return api_fail(c, 400, "bad_request", "\"%.20s\" is no transaction id", c->vars[0]);
    int rc = ledger_co_hold(c->s->ledger, txn, h);
    if (rc == 0)
        c->reply = hold_json(c->s, h);
    return api_failed(c, rc, "hold of that transaction");
}

/* ---- routes ---- */

static int get_upstreams(struct api_call *c) CO_FN;
static int get_upstreams(struct api_call *c)
{
    struct upstream_state u;
    json_t *list = json_array();
    for (size_t i = 0; upstream_state_at(c->s->upstream, i, &u); i++)
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:o, s:o}",
                      "to", u.participant, "url", u.url, "breaker", breaker_state_name(u.breaker),
                      "open_ms", (json_int_t)u.open_ms, "lanes", (int)u.lanes, "busy", (int)u.busy,
                      "waiting", (int)u.waiting, "failures", (int)u.failures, "calls",
                      (json_int_t)u.calls, "failed", (json_int_t)u.failed, "mean_us",
                      (json_int_t)u.mean_us, "last_us", (json_int_t)u.last_us, "last_good",
                      json_time(c->s, u.last_good_ms), "last_error",
                      json_text_or_null(u.last_error)));
    c->reply = api_page(list, json_null());
    return 0;
}

/* What institutions know this site by, and check its signatures with. */
static int get_key(struct api_call *c) CO_FN;
static int get_key(struct api_call *c)
{
    uint8_t key[ED25519_LEN];
    char hex[2 * ED25519_LEN + 1], name[SIGNED_NAME_MAX + 1];
    struct buf pem;
    site_message_name(c->s, name);
    buf_init(&pem, 4096);
    int rc = site_public_key(c->s, key);
    if (rc == 0)
        rc = ed25519_public_pem(key, &pem);
    if (rc == 0)
        c->reply = json_pack("{s:s, s:s, s:s, s:s}", "name", name, "algorithm", "Ed25519", "hex",
                             hex_encode(key, sizeof key, hex), "pem", buf_cstr(&pem));
    buf_fini(&pem);
    return api_failed(c, rc, "key");
}

const struct api_route api_outbox_routes[] = {
    {"GET", "/v1/outbox", get_messages, API_QUERY("to", "state", "limit", "after")},
    {"GET", "/v1/outbox/*", get_message, NULL},
    {"POST", "/v1/outbox/retry", post_retry_all, NULL},
    {"POST", "/v1/outbox/*/retry", post_retry, NULL},
    {"POST", "/v1/outbox/*/drop", post_drop, NULL},
    {"GET", "/v1/holds", get_holds, API_QUERY("state", "limit", "after")},
    {"GET", "/v1/holds/*", get_hold, NULL},
    {"GET", "/v1/upstreams", get_upstreams, NULL},
    {"GET", "/v1/upstreams/key", get_key, NULL},
    {NULL, NULL, NULL, NULL},
};
