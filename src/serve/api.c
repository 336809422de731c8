/* The dispatcher: which handler a request is for, its body as JSON, the reply or one clear error.
 */
#include "serve/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BODY_MAX  ((size_t)1024 * 1024)
#define PATH_MAX_ 512

static const struct api_route *const tables[] = {
    api_status_routes,  api_participant_routes, api_terminal_routes, api_key_routes,
    api_offline_routes, api_card_routes,    api_denylist_routes,    api_request_routes,  api_txn_routes,
    api_account_routes, api_settle_routes,      api_ledger_routes,   api_remote_routes,
    api_outbox_routes,  api_citizen_routes,     api_code_routes,     api_copy_routes,
    api_doubt_routes,   api_payment_routes};

/* ---- errors ---- */

static int fail_va(struct api_call *c, int status, const char *code, const char *reason,
                   const char *text)
{
    json_t *error = json_pack("{s:s, s:o}", "code", code, "message", json_text(text));
    if (reason)
        json_object_set_new(error, "reason", json_string(reason));
    json_decref(c->reply);
    c->reply = json_pack("{s:o}", "error", error);
    c->status = status;
    return OC_EREFUSED;
}

int api_fail(struct api_call *c, int status, const char *code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fail_va(c, status, code, NULL, text);
}

int api_no_memory(struct api_call *c)
{
    return api_fail(c, 503, "busy", "no memory for this now: try again");
}

int api_failed(struct api_call *c, int rc, const char *what)
{
    switch (rc) {
    case 0:
        return 0;
    case OC_ENOENT:
        return api_fail(c, 404, "not_found", "there is no %s", what);
    case OC_ECONFLICT:
        return api_fail(c, 409, "ambiguous", "%s: several fit; name it with its issuer", what);
    case OC_EINVAL:
        return api_fail(c, 400, "bad_request", "%s: not in the form it has", what);
    case OC_ECANCELED:
        return api_fail(c, 503, "stopping", "%s: the daemon is stopping", what);
    case OC_ENOMEM:
        return api_no_memory(c);
    case OC_EDB_FULL:
    case OC_EDB:
    case OC_EDB_CORRUPT:
        return fail_va(c, 503, "store_unavailable", "store_unavailable", oc_strerror(rc));
    default:
        return api_fail(c, 500, "failed", "%s: %s", what, oc_strerror(rc));
    }
}

int api_submit_failed(struct api_call *c, int rc, const struct ledger_op *op)
{
    char text[256];
    if (rc != OC_EREFUSED)
        return api_failed(c, rc, op_name((enum ledger_op_type)op->type));
    enum oc_reason why = (enum oc_reason)op->reason;
    (void)snprintf(text, sizeof text, "%s%s%s", oc_reason_en(why), op->detail[0] ? ": " : "",
                   op->detail);
    return fail_va(c, 409, "refused", oc_reason_code(why), text);
}

/* ---- routes ---- */

bool api_match(const char *pattern, const char *path, struct api_call *c)
{
    unsigned vars = 0;
    while (*pattern && *path) {
        size_t plen = strcspn(pattern + 1, "/") + 1, len = strcspn(path + 1, "/") + 1;
        bool var = plen == 2 && pattern[1] == '*';
        if (!var && (plen != len || strncmp(pattern, path, len) != 0))
            return false;
        if (var && vars < API_VARS)
            c->vars[vars++] = arena_printf(flow_arena(), "%.*s", (int)(len - 1), path + 1);
        pattern += plen;
        path += len;
    }
    return *pattern == '\0' && *path == '\0';
}

static const struct api_route *find(struct api_call *c, const char *method, const char *path,
                                    bool *other_method)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct api_route *r = tables[t]; r->method; r++) {
            if (!api_match(r->pattern, path, c))
                continue;
            if (strcmp(r->method, method) == 0)
                return r;
            *other_method = true;
        }
    return NULL;
}

/* ---- the body ---- */

int api_parse_body(struct api_call *c)
{
    size_t len;
    const char *text = http_body(c->req, &len);
    json_error_t e;
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    if (len == 0) {
        c->body = json_object();
        return 0;
    }
    if (!text_depth_ok(text, len, TEXT_DEPTH_MAX))
        return api_fail(c, 400, "bad_json", "the body nests deeper than %d levels", TEXT_DEPTH_MAX);
    c->body = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (!c->body && json_missed() != c->missed)
        return api_no_memory(c);
    if (!c->body)
        return api_fail(c, 400, "bad_json", "line %d column %d: %s", e.line, e.column, e.text);
    if (!json_is_object(c->body))
        return api_fail(c, 400, "bad_json", "the body must be a JSON object: {…}");
    return 0;
}

static bool has_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
}

/* ---- one request ---- */

static bool is_utf8(const char *text)
{
    json_t *j = json_string(text);
    bool yes = j != NULL;
    json_decref(j);
    return yes;
}

static CO_FN void dispatch(struct api_call *c)
{
    const char *method = http_method(c->req), *path = http_path(c->req);
    bool other_method = false;
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    const struct api_route *r = find(c, method, path, &other_method);
    bool utf8 = is_utf8(path);
    if (json_missed() != c->missed)
        (void)api_no_memory(c);
    else if (!utf8)
        (void)api_fail(c, 400, "bad_request", "the path is not UTF-8");
    else if (!r && other_method)
        (void)api_fail(c, 405, "wrong_method", "%s does not go with %.200s", method, path);
    else if (!r)
        (void)api_fail(c, 404, "no_such_path", "there is no %.200s: see docs/API.md", path);
    else if (api_query_known(c, r->query) == 0 && (!has_body(method) || api_parse_body(c) == 0)) {
        if (strcmp(method, "GET") == 0)
            http_cancel_when_gone(c->req); /* nobody reads the answer: the ledger is for others */
        (void)r->co_handle(c);
    }
}

static const char no_memory_get[] =
    "{\"error\":{\"code\":\"busy\",\"message\":\"no memory for this now: try again\"}}";
static const char no_memory_done[] =
    "{\"error\":{\"code\":\"no_answer\",\"message\":\"memory ran out while the answer was made: "
    "what was asked may be done. Look before asking again\"}}";

static void send_constant(struct api_call *c)
{
    bool get = strcmp(http_method(c->req), "GET") == 0 || strcmp(http_method(c->req), "HEAD") == 0;
    const char *text = get || c->status >= 400 ? no_memory_get : no_memory_done;
    http_reply(c->req, text == no_memory_get ? 503 : 500, "application/json; charset=utf-8", text,
               strlen(text));
}

void api_send(struct api_call *c)
{
    if (c->text) {
        http_reply(c->req, c->status, "text/plain; version=0.0.4; charset=utf-8", c->text,
                   strlen(c->text));
        return;
    }
    if (!c->reply)
        (void)api_fail(c, 500, "failed", "no answer was made");
    if (c->status == 503 && http_reply_header(c->req, "Retry-After", "1") != 0)
        log_warn("serve", "no memory for a header");
    char *text = c->reply ? json_dumps(c->reply, JSON_COMPACT) : NULL;
    if (!text || json_missed() != c->missed)
        send_constant(c);
    else
        http_reply(c->req, c->status, "application/json; charset=utf-8", text, strlen(text));
    free(text);
}

/* One that no handler took, as another member was wrong. */
static void wipe_pin(json_t *body, const char *member)
{
    union {
        const char *shown;
        char *own;
    } pin = {.shown = json_string_value(json_object_get(body, member))};
    if (pin.own)
        secret_wipe(pin.own, json_string_length(json_object_get(body, member)));
}

void api_drop(void *arg)
{
    struct api_call *c = arg;
    wipe_pin(c->body, "pin");
    wipe_pin(c->body, "new_pin");
    json_decref(c->body);
    json_decref(c->reply);
}

static int handle(struct http_req *req, void *arg) CO_FN;
static int handle(struct http_req *req, void *arg)
{
    struct api_call *c = arena_alloc(flow_arena(), sizeof *c);
    if (!c)
        return OC_ENOMEM;
    c->s = arg;
    c->req = req;
    c->status = 200;
    c->missed = json_missed();
    flow_defer(api_drop, c);
    c->who = peers_co_name(c->s, http_peer_uid(req));
    if (!c->who)
        return OC_ENOMEM;
    dispatch(c);
    api_send(c);
    return 0;
}

/* ---- opening ---- */

static int make_socket_dir(const char *path)
{
    char dir[PATH_MAX_];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof dir)
        return 0;
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    return mkdir(dir, 0755) == 0 || errno == EEXIST ? 0 : OC_EIO;
}

int api_open(struct serve *s)
{
    const struct serve_api *api = &s->fixed->api;
    struct http_opts o = {.unix_path = api->socket,
                          .mode = (mode_t)api->mode_bits,
                          .max_body = BODY_MAX,
                          .max_requests = api->max_requests,
                          .allow = peers_allow,
                          .co_handler = handle,
                          .arg = s};
    int rc = make_socket_dir(api->socket);
    if (rc == 0)
        rc = http_server_open(s->loop, &o, &s->http);
    if (rc == 0)
        rc = peers_open_socket(s);
    if (rc != 0)
        log_error("serve", "socket %s: %s%s", api->socket, oc_strerror(rc),
                  rc == OC_EEXIST ? ": another onecardd serves this site" : "");
    return rc;
}
