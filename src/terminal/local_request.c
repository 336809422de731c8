/* Requests of the clerk's software. `ref` is the caller's own idempotency text: the same ref again
 * gives the same request. */
#include "terminal/internal.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MOST_S  60
#define DOCUMENT_MAX 60000 /* with the rest it must fit into a frame */

static bool text_field(struct local_call *c, const char *name, size_t size, const char **ret)
{
    const json_t *v = json_object_get(c->body, name);
    if (!v || json_is_null(v))
        return true;
    const char *s = json_string_value(v);
    bool good = s && strlen(s) < size && strlen(s) == json_string_length(v);
    for (const char *at = s; good && *at; at++)
        good = (unsigned char)*at >= 0x20 && *at != 0x7f;
    if (!good)
        local_fail(c, 400, "bad_field", "\"%s\" must be a text of at most %zu bytes", name,
                   size - 1);
    else
        *ret = s;
    return good;
}

static bool int_field(struct local_call *c, const char *name, int64_t max, int64_t *ret)
{
    const json_t *v = json_object_get(c->body, name);
    if (!v || json_is_null(v))
        return true;
    int64_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    if (n < 0 || n > max) {
        local_fail(c, 400, "bad_field", "\"%s\" must be a whole number from 0 to %lld", name,
                   (long long)max);
        return false;
    }
    *ret = n;
    return true;
}

static bool amount_field(struct local_call *c, int64_t *ret)
{
    const char *yuan = NULL;
    fen_t fen = 0;
    if (!int_field(c, "amount_fen", INT64_C(10000000000000), ret) ||
        !text_field(c, "amount", FEN_TEXT, &yuan))
        return false;
    if (!yuan)
        return true;
    if (fen_parse(yuan, &fen) != 0 || fen < 0 || (*ret != 0 && *ret != fen)) {
        local_fail(c, 400, "bad_field",
                   "\"amount\" must be yuan such as \"12.34\", and the same as \"amount_fen\" "
                   "where both are given");
        return false;
    }
    *ret = fen;
    return true;
}

static bool params_field(struct local_call *c, struct request_ask *ask)
{
    json_t *params = json_object_get(c->body, "params");
    size_t n = json_object_size(params), i = 0;
    if (params && !json_is_object(params)) {
        local_fail(c, 400, "bad_field", "\"params\" must be an object of texts");
        return false;
    }
    pb_param *items = arena_alloc(flow_arena(), (n + 1) * sizeof *items);
    if (n > FRAME_PARAMS_MAX || !items) {
        local_fail(c, 400, "bad_field", "at most %d params", FRAME_PARAMS_MAX);
        return false;
    }
    const char *key;
    json_t *v;
    json_object_foreach(params, key, v)
    {
        const char *s = json_string_value(v);
        items[i] = (pb_param)ONECARD__TERMINAL__V1__PARAM__INIT;
        items[i].name = arena_strdup(flow_arena(), key);
        items[i].value = arena_strdup(flow_arena(), s);
        if (!s || strlen(key) > 31 || strlen(s) > 127 || strlen(s) != json_string_length(v) ||
            !items[i].name || !items[i].value) {
            local_fail(c, 400, "bad_field", "params: \"%.40s\" must be a text of at most 127 bytes",
                       key);
            return false;
        }
        i++;
    }
    ask->params = items;
    ask->param_count = n;
    return true;
}

/* The PIN leaves the parsed body at once. */
static bool pin_field(struct local_call *c, const char *name, char ret[REQUEST_PIN + 1])
{
    json_t *v = json_object_get(c->body, name);
    union {
        const char *shown;
        char *own;
    } text = {.shown = json_string_value(v)};
    size_t len = json_string_length(v);
    bool good = !v || json_is_null(v) || (text.own && len >= 4 && len <= REQUEST_PIN);
    for (size_t i = 0; good && i < len; i++)
        good = text.own[i] >= '0' && text.own[i] <= '9';
    if (good && len > 0)
        memcpy(ret, text.own, len);
    if (text.own)
        secret_wipe(text.own, len);
    if (!good)
        local_fail(c, 400, "bad_field", "\"%s\" must be 4 to %d digits", name, REQUEST_PIN);
    return good;
}

static bool document_field(struct local_call *c, struct request_ask *ask)
{
    json_t *v = json_object_get(c->body, "document");
    if (!v || json_is_null(v))
        return true;
    char *text = json_is_object(v) ? json_dumps(v, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    ask->document = text && len <= DOCUMENT_MAX ? arena_strdup(flow_arena(), text) : NULL;
    free(text);
    if (!ask->document)
        local_fail(c, 400, "bad_field", "\"document\" must be an object of at most %d bytes",
                   DOCUMENT_MAX);
    return ask->document != NULL;
}

static unsigned desk_lane(const struct agent *a)
{
    for (unsigned i = 0; i < a->lane_count; i++)
        if (a->lanes[i].conf->mode == LANE_DESK)
            return a->lanes[i].conf->number;
    return a->lane_count > 0 ? a->lanes[0].conf->number : 0;
}

static bool names_known(struct local_call *c)
{
    static const char *const names[] = {"service",     "amount_fen", "amount",   "params", "person",
                                        "ref",         "wait_ms",    "retap_ms", "reader", "code",
                                        "card_number", "pin",        "new_pin",  "document", NULL};
    const char *key;
    json_t *v;
    json_object_foreach(c->body, key, v)
    {
        bool known = false;
        for (size_t i = 0; names[i]; i++)
            known = known || strcmp(names[i], key) == 0;
        if (!known) {
            const char *near = conf_nearest(key, names);
            local_fail(c, 400, "unknown_field", "unknown field \"%.60s\"%s%s%s", key,
                       near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
            return false;
        }
    }
    return true;
}

bool local_read_ask(struct local_call *c, struct request_ask *ask)
{
    const struct agent *a = c->agent;
    int64_t reader = (int64_t)desk_lane(a);
    ask->ref = "";
    ask->person = a->shift.now.person;
    ask->wait_ms = a->config->desk.wait_ms;
    ask->retap_ms = a->config->desk.retap_ms;
    if (!names_known(c) || !text_field(c, "service", STORE_SERVICE, &ask->service) ||
        !amount_field(c, &ask->amount_fen) || !params_field(c, ask) ||
        !text_field(c, "person", STORE_PERSON, &ask->person) ||
        !text_field(c, "ref", STORE_REF, &ask->ref) ||
        !int_field(c, "wait_ms", 600000, &ask->wait_ms) ||
        !int_field(c, "retap_ms", 600000, &ask->retap_ms) ||
        !int_field(c, "reader", LANES_MAX, &reader) || !text_field(c, "code", 128, &ask->code) ||
        !text_field(c, "card_number", 40, &ask->number) || !pin_field(c, "pin", ask->pin) ||
        !pin_field(c, "new_pin", ask->new_pin) || !document_field(c, ask))
        return false;
    if (!ask->service || !*ask->service || (ask->code && ask->number)) {
        local_fail(c, 400, "bad_field", "%s",
                   ask->code && ask->number ? "\"code\" or \"card_number\", not both"
                                            : "\"service\" is missing");
        return false;
    }
    ask->reader = ask->code || ask->number ? 0 : (unsigned)reader;
    if (ask->reader && !lane_get(c->agent, ask->reader)) {
        local_fail(c, 400, "bad_field", "there is no reader %u here", ask->reader);
        return false;
    }
    return true;
}

static void reply_row(struct local_call *c, const struct store_row *row, const struct treq *live,
                      int status)
{
    c->reply = request_json(row, live);
    c->status = status;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_params(const pb_request *r, const struct request_ask *ask)
{
    if (r->n_params != ask->param_count)
        return false;
    for (size_t i = 0; i < r->n_params; i++)
        if (!same_text(r->params[i]->name, ask->params[i].name) ||
            !same_text(r->params[i]->value, ask->params[i].value))
            return false;
    return true;
}

/* Is what is asked now what was asked then? The frame that was sent says it whole. */
static bool same_content(const struct store_row *row, const struct request_ask *ask)
{
    size_t head = 0, len = 0;
    const char *why = NULL;
    pb_to_switch *m = NULL;
    if (strcmp(row->service, ask->service) != 0 || row->amount_fen != ask->amount_fen)
        return false;
    if (!row->frame || frame_peek(row->frame, row->frame_len, &head, &len) != 0 ||
        frame_get_to_switch(row->frame + head, len, flow_arena(), &m, &why) != 0 ||
        m->message_case != (int)TO_SWITCH_REQUEST)
        return true; /* nothing more is known of it */
    const pb_presentation *p = m->request->presentation;
    const char *code = p && p->what_case == (int)PB_PRESENTATION_CODE ? p->code : NULL;
    const char *number = p && p->what_case == (int)PB_PRESENTATION_NUMBER ? p->number : NULL;
    return same_params(m->request, ask) && same_text(m->request->person, ask->person) &&
           same_text(code, ask->code) && same_text(number, ask->number) &&
           same_text(m->request->document, ask->document);
}

/* The request that has this ref already; false: there is none. */
static CO_FN bool known_ref(struct local_call *c, const struct request_ask *ask)
{
    struct store_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (!*ask->ref || !row)
        return false;
    struct treq *t = request_by_ref(c->agent, ask->ref);
    if (!t && store_co_get(c->agent->store, 0, ask->ref, row) != 0)
        return false;
    if (t)
        *row = t->row;
    if (!same_content(row, ask))
        local_fail(c, 409, "conflict", "ref \"%.60s\" is request %llu, with another content",
                   ask->ref, (unsigned long long)row->number);
    else
        reply_row(c, row, t, 200);
    return true;
}

void local_requests_post(struct local_call *c)
{
    struct agent *a = c->agent;
    struct request_ask *ask = arena_alloc(flow_arena(), sizeof *ask);
    struct treq *t = NULL;
    if (!ask || !local_read_ask(c, ask) || known_ref(c, ask))
        return;
    if (a->stopping || !link_up(a)) {
        local_fail(c, 503, "no_link", "no connection to the switch: nothing was begun (%s)",
                   a->link.why);
        return;
    }
    if (ask->new_pin[0] && a->link.minor < REQUEST_MINOR_NEW_PIN) {
        local_fail(c, 503, "old_switch", "this switch takes no \"new_pin\" yet");
        return;
    }
    if ((ask->pin[0] || ask->document) && a->link.minor < REQUEST_MINOR_DOCUMENT) {
        local_fail(c, 503, "old_switch", "this switch takes no \"pin\" and no \"document\" yet");
        return;
    }
    if (requests_open(a) >= a->link.max_requests) {
        local_fail(c, 503, "busy", "%u requests are open: nothing was begun", requests_open(a));
        return;
    }
    int rc = request_co_new(a, ask, &t);
    if (rc == OC_EEXIST && known_ref(c, ask))
        return;
    if (rc != 0) {
        local_fail(c, rc == OC_ELIMIT ? 400 : 503, "store", "nothing was begun: %s",
                   oc_strerror(rc));
        return;
    }
    requests_pump(a);
    lanes_wake(a);
    events_tell(a, "request", request_json(&t->row, t));
    reply_row(c, &t->row, t, 202);
}

void local_request_get(struct local_call *c, uint64_t number)
{
    struct agent *a = c->agent;
    const char *wait = http_query(c->req, "wait");
    char *end = NULL;
    long s = wait ? strtol(wait, &end, 10) : 0;
    if (wait && (end == wait || *end != '\0' || s < 0 || s > WAIT_MOST_S)) {
        local_fail(c, 400, "bad_field", "\"wait\" must be a whole number of seconds up to %d",
                   WAIT_MOST_S);
        return;
    }
    int64_t until = flow_deadline_ms(s * 1000);
    struct treq *t = request_get(a, number);
    http_cancel_when_gone(c->req);
    while (t && !request_ended(t) && flow_co_wait(&a->requests.changed, until) == 0)
        t = request_get(a, number);
    t = request_get(a, number);
    if (t) {
        reply_row(c, &t->row, t, 200);
        return;
    }
    struct store_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (row && store_co_get(a->store, number, NULL, row) == 0)
        reply_row(c, row, NULL, 200);
    else
        local_fail(c, 404, "not_found", "there is no request %llu", (unsigned long long)number);
}

void local_request_delete(struct local_call *c, uint64_t number)
{
    struct treq *t = request_get(c->agent, number);
    if (!t) {
        local_fail(c, 404, "not_found", "there is no open request %llu",
                   (unsigned long long)number);
        return;
    }
    request_cancel(c->agent, t);
    reply_row(c, &t->row, t, request_ended(t) ? 200 : 202);
}

void local_request_again(struct local_call *c, uint64_t number)
{
    struct treq *t = request_get(c->agent, number);
    if (!t || t->row.state != STORE_DOUBT) {
        local_fail(c, t ? 409 : 404, t ? "wrong_state" : "not_found",
                   "request %llu is not in doubt", (unsigned long long)number);
        return;
    }
    if (!link_up(c->agent)) {
        local_fail(c, 503, "no_link", "no connection to the switch");
        return;
    }
    request_again(c->agent, t, c->agent->config->desk.wait_ms);
    reply_row(c, &t->row, t, 202);
}
