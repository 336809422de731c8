/* Requests: a service, or issuing, at a local terminal. Created here, asked about, cancelled. */
#include "serve/api.h"
#include "serve/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_MS 600000
#define POLL_MAX_MS 60000

int api_read_params(struct api_call *c, json_t *params, struct txn_request *r)
{
    const char *name;
    json_t *v;
    json_object_foreach(params, name, v)
    {
        struct txn_param *p = &r->params[r->param_count];
        const char *text = json_string_value(v);
        char number[32];
        if (json_is_integer(v)) {
            (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
            text = number;
        } else if (json_is_boolean(v)) {
            text = json_is_true(v) ? "true" : "false";
        }
        if (r->param_count >= TXN_PARAMS)
            return api_fail(c, 400, "bad_field", "\"params\" has more than %d members", TXN_PARAMS);
        if (!text || strlen(text) >= sizeof p->value || strlen(name) >= sizeof p->name)
            return api_fail(c, 400, "bad_field",
                            "parameter \"%.40s\" must be a text of at most %zu "
                            "bytes",
                            name, sizeof p->value - 1);
        (void)snprintf(p->name, sizeof p->name, "%s", name);
        (void)snprintf(p->value, sizeof p->value, "%s", text);
        r->param_count++;
    }
    return 0;
}

int api_read_document(struct api_call *c, json_t *document, struct txn_request *r)
{
    char *text = json_dumps(document, JSON_COMPACT);
    if (!text)
        return api_no_memory(c);
    if (strlen(text) > ONECARD_DOC_BYTES) {
        free(text);
        return api_fail(c, 400, "bad_field", "\"document\" is longer than %d bytes",
                        ONECARD_DOC_BYTES);
    }
    r->document = text;
    r->document_len = strlen(text);
    return 0;
}

/* The PIN stands nowhere but in the request, until the chip has seen it: api_drop() wipes it in the
 * parsed body, http_req_free() in the text. */
static int read_pin(struct api_call *c, const char *name, const char *pin, uint8_t ret[12],
                    uint8_t *ret_len)
{
    size_t len = strlen(pin);
    bool fits = len >= 4 && len <= 12 && strspn(pin, "0123456789") == len;
    if (len > 0 && fits) {
        memcpy(ret, pin, len);
        *ret_len = (uint8_t)len;
    }
    return len == 0 || fits ? 0 : api_fail(c, 400, "bad_field", "\"%s\" is 4 to 12 digits", name);
}

/* In place of a card on the reader: what is printed on it, or a code (R21). */
static int read_presentation(struct api_call *c, const char *card, const char *code,
                             struct txn_request *r)
{
    if (card[0] != '\0' && code[0] != '\0')
        return api_fail(c, 400, "bad_field", "\"card\" or \"code\", not both");
    if (card[0] == '\0' && code[0] == '\0')
        return 0;
    r->presented = (uint8_t)(code[0] != '\0' ? PRESENTED_CODE : PRESENTED_NUMBER);
    (void)snprintf(r->presented_text, sizeof r->presented_text, "%s", code[0] ? code : card);
    return 0;
}

struct waits {
    int64_t wait_ms, lease_ms;
};

static int read_request(struct api_call *c, struct txn_request *r, struct waits *w)
{
    json_t *params = NULL, *document = NULL;
    char pin[sizeof r->pin + 2] = "", new_pin[sizeof r->new_pin + 2] = "", card[64] = "", code[sizeof r->presented_text] = "";
    const struct field fields[] = {
        {.name = "service",
         .kind = FIELD_TEXT,
         .out = r->service,
         .size = sizeof r->service,
         .required = true},
        {.name = "terminal",
         .kind = FIELD_TEXT,
         .out = r->terminal,
         .size = sizeof r->terminal,
         .required = true},
        {.name = "amount_fen",
         .kind = FIELD_INT,
         .out = &r->amount,
         .min = 1,
         .max = ONECARD_AMOUNT_MAX},
        {.name = "params", .kind = FIELD_OBJECT, .out = &params},
        {.name = "document", .kind = FIELD_OBJECT, .out = &document},
        {.name = "pin", .kind = FIELD_TEXT, .out = pin, .size = sizeof pin},
        {.name = "new_pin", .kind = FIELD_TEXT, .out = new_pin, .size = sizeof new_pin},
        {.name = "card", .kind = FIELD_TEXT, .out = card, .size = sizeof card},
        {.name = "code", .kind = FIELD_TEXT, .out = code, .size = sizeof code},
        {.name = "wait_ms", .kind = FIELD_INT, .out = &w->wait_ms, .max = WAIT_MAX_MS},
        {.name = "retap_ms", .kind = FIELD_INT, .out = &r->retap_ms, .max = WAIT_MAX_MS},
        {.name = "request_no",
         .kind = FIELD_INT,
         .out = &r->request_no,
         .min = 1,
         .max = INT64_MAX},
        {.name = "lease_ms",
         .kind = FIELD_INT,
         .out = &w->lease_ms,
         .min = 500,
         .max = WAIT_MAX_MS}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = read_pin(c, "pin", pin, r->pin, &r->pin_len);
    if (rc == 0)
        rc = read_pin(c, "new_pin", new_pin, r->new_pin, &r->new_pin_len);
    secret_wipe(pin, sizeof pin);
    secret_wipe(new_pin, sizeof new_pin);
    if (rc == 0)
        rc = read_presentation(c, card, code, r);
    if (rc == 0 && params)
        rc = api_read_params(c, params, r);
    return rc == 0 && document ? api_read_document(c, document, r) : rc;
}

/* Starts a filled request; gives up the caller's reference. */
static int start(struct api_call *c, struct request *r, const char *terminal, const struct waits *w)
{
    struct station *st = station_get(c->s, terminal);
    char id[REQUEST_ID];
    r->lane = st ? st->lane : NULL; /* an unknown terminal is refused, and recorded, by txn */
    memcpy(id, r->id, sizeof id);
    int rc = request_start(r, w->wait_ms, w->lease_ms);
    if (rc != 0)
        return api_fail(c, 503, "busy", "too many requests at work: try again");
    c->status = 202;
    c->reply = json_pack("{s:s, s:I, s:I}", "request", id, "lease_ms", (json_int_t)w->lease_ms,
                         "wait_ms", (json_int_t)w->wait_ms);
    return 0;
}

/* A request with a number may be known: then it is answered, whatever has become of its code. */
static CO_FN int take_code(struct api_call *c, struct request *r)
{
    const char *why = r->kind == REQUEST_TXN ? code_co_take(c->s, &r->req) : NULL;
    return why && r->req.request_no == 0 ? api_fail(c, 409, "bad_code", "%s", why) : 0;
}

static CO_FN int create(struct api_call *c, enum request_kind kind)
{
    const struct serve_config *cfg = c->s->config;
    struct waits w = {.wait_ms = cfg->desk.wait_ms, .lease_ms = cfg->requests.lease_ms};
    struct request *r = request_new(c->s, kind);
    if (!r)
        return api_no_memory(c);
    r->req.retap_ms = cfg->desk.retap_ms;
    (void)snprintf(r->req.who, sizeof r->req.who, "%s", c->who);
    int rc = read_request(c, &r->req, &w);
    if (rc == 0)
        rc = take_code(c, r);
    if (rc != 0) {
        request_put(r);
        return rc;
    }
    return start(c, r, r->req.terminal, &w);
}

static int post_request(struct api_call *c) CO_FN;
static int post_request(struct api_call *c)
{
    return create(c, REQUEST_TXN);
}

static int post_plan(struct api_call *c) CO_FN;
static int post_plan(struct api_call *c)
{
    return create(c, REQUEST_PLAN);
}

/* ---- issuing ---- */

struct issue_body {
    struct waits waits;
    char serial[24], kind[12];
    json_t *holder;
    char pin[14];
    bool activate;
};

static int read_issue(struct api_call *c, struct txn_issue *i, struct issue_body *b)
{
    const struct field fields[] = {
        {.name = "terminal",
         .kind = FIELD_TEXT,
         .out = i->terminal,
         .size = sizeof i->terminal,
         .required = true},
        {.name = "profile",
         .kind = FIELD_TEXT,
         .out = i->profile,
         .size = sizeof i->profile,
         .required = true},
        {.name = "kind", .kind = FIELD_TEXT, .out = b->kind, .size = sizeof b->kind},
        {.name = "holder", .kind = FIELD_OBJECT, .out = &b->holder},
        {.name = "category", .kind = FIELD_TEXT, .out = i->category, .size = sizeof i->category},
        {.name = "category_until", .kind = FIELD_DATE, .out = &i->category_to},
        {.name = "valid_from", .kind = FIELD_DATE, .out = &i->valid_from},
        {.name = "valid_to", .kind = FIELD_DATE, .out = &i->valid_to},
        {.name = "serial", .kind = FIELD_TEXT, .out = b->serial, .size = sizeof b->serial},
        {.name = "pin", .kind = FIELD_TEXT, .out = b->pin, .size = sizeof b->pin},
        {.name = "activate", .kind = FIELD_BOOL, .out = &b->activate},
        {.name = "wait_ms", .kind = FIELD_INT, .out = &b->waits.wait_ms, .max = WAIT_MAX_MS},
        {.name = "lease_ms",
         .kind = FIELD_INT,
         .out = &b->waits.lease_ms,
         .min = 500,
         .max = WAIT_MAX_MS}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    i->activate = b->activate;
    if (rc == 0)
        rc = read_pin(c, "pin", b->pin, i->pin, &i->pin_len);
    secret_wipe(b->pin, sizeof b->pin);
    if (rc == 0)
        rc = api_card_kind(c, b->kind, b->holder != NULL, &i->kind);
    if (rc == 0 && b->serial[0] != '\0' && serial_parse(b->serial, i->serial) != 0)
        rc = api_fail(c, 400, "bad_field", SERIAL_WORDS);
    return rc;
}

static CO_FN int add_holder(struct api_call *c, struct txn_issue *i, json_t *object)
{
    struct holder *h = arena_alloc(flow_arena(), sizeof *h);
    int rc = h ? api_co_holder(c, object, h, i->citizen) : api_no_memory(c);
    if (rc != 0)
        return rc;
    (void)snprintf(i->holder_name, sizeof i->holder_name, "%.40s", h->name);
    (void)text_trim_utf8(i->holder_name);
    (void)snprintf(i->holder_id, sizeof i->holder_id, "%s", h->id);
    return 0;
}

static int post_issue(struct api_call *c) CO_FN;
static int post_issue(struct api_call *c)
{
    const struct serve_config *cfg = c->s->config;
    struct issue_body b = {
        .activate = true,
        .waits = {.wait_ms = cfg->desk.wait_ms, .lease_ms = cfg->requests.lease_ms}};
    struct request *r = request_new(c->s, REQUEST_ISSUE);
    if (!r)
        return api_no_memory(c);
    struct txn_issue *i = &r->issue;
    (void)snprintf(i->who, sizeof i->who, "%s", c->who);
    memcpy(i->issuer, c->s->fixed->site.issuer, sizeof i->issuer);
    int rc = read_issue(c, i, &b);
    if (rc == 0 && !station_get(c->s, i->terminal))
        rc = api_fail(c, 404, "not_found", "there is no terminal \"%s\"", i->terminal);
    if (rc == 0)
        rc = profile_check(c, i->profile, i->category);
    if (rc == 0 && b.holder)
        rc = add_holder(c, i, b.holder);
    if (rc != 0) {
        request_put(r);
        return rc;
    }
    return start(c, r, i->terminal, &b.waits);
}

/* ---- asking, cancelling ---- */

static struct request *find(struct api_call *c)
{
    struct request *r = request_find(c->s, c->vars[0]);
    if (!r)
        (void)api_fail(c, 404, "not_found",
                       "there is no request \"%.32s\": results are kept for "
                       "some minutes only",
                       c->vars[0]);
    return r;
}

/* A PIN that was drawn is told to the first who asks, and to nobody after. */
static void tell_pin(struct request *r, json_t *result)
{
    if (r->res.pin[0] == '\0')
        return;
    json_object_set_new(result, "pin", json_string(r->res.pin));
    secret_wipe(r->res.pin, sizeof r->res.pin);
}

static json_t *request_json(const struct request *r)
{
    json_t *result = json_null();
    if (r->done) {
        result = result_json(r->serve, &r->res);
        if (r->kind == REQUEST_PLAN && r->plan.len > 0) {
            char *text =
                arena_printf(flow_arena(), "%.*s", (int)r->plan.len, (const char *)r->plan.data);
            json_object_set_new(result, "plan", json_raw(text));
        }
    }
    return json_pack("{s:s, s:s, s:o}", "request", r->id, "state", request_state(r), "result",
                     result);
}

static int get_request(struct api_call *c) CO_FN;
static int get_request(struct api_call *c)
{
    int64_t wait;
    int rc = api_query_int(c, "wait_ms", 0, &wait);
    if (rc != 0)
        return rc;
    struct request *r = find(c);
    if (!r)
        return OC_ENOENT;
    rc = request_co_poll(r, flow_deadline_ms(wait < POLL_MAX_MS ? wait : POLL_MAX_MS));
    if (rc == 0)
        c->reply = request_json(r);
    if (rc == 0 && r->done)
        tell_pin(r, json_object_get(c->reply, "result"));
    request_put(r);
    return rc;
}

static int delete_request(struct api_call *c) CO_FN;
static int delete_request(struct api_call *c)
{
    struct request *r = find(c);
    if (!r)
        return OC_ENOENT;
    bool cancelled = request_co_cancel(r);
    json_t *j = request_json(r);
    json_object_set_new(j, "cancelled", json_boolean(cancelled));
    c->reply = j;
    request_put(r);
    return 0;
}

static int get_requests(struct api_call *c) CO_FN;
static int get_requests(struct api_call *c)
{
    json_t *list = json_array();
    LIST_EACH(at, &c->s->requests.active)
    json_array_append_new(list, request_json(CONTAINER_OF(at, struct request, link)));
    c->reply = api_page(list, json_null());
    return 0;
}

const struct api_route api_request_routes[] = {
    {"POST", "/v1/requests", post_request, NULL},
    {"GET", "/v1/requests", get_requests, NULL},
    {"GET", "/v1/requests/*", get_request, API_QUERY("wait_ms")},
    {"DELETE", "/v1/requests/*", delete_request, NULL},
    {"POST", "/v1/plan", post_plan, NULL},
    {"POST", "/v1/cards/issue", post_issue, NULL},
    {NULL, NULL, NULL, NULL}};
