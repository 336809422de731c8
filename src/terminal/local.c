/* The local interface: one table of paths over a Unix socket and, where configured, a loopback port
 * (guard.c). */
#include "terminal/internal.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX 65536
#define RECENT   30
#define POLICY                                                                                     \
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src "      \
    "'self'; base-uri 'none'; "                                                                    \
    "form-action 'none'; frame-ancestors 'none'"

static const char page[] =
#include "terminal_page.inc"
    ;

void local_fail(struct local_call *c, int status, const char *code, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    text_trim_utf8(text);
    json_decref(c->reply);
    c->reply = json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", text);
    c->status = status;
}

/* ---- status ---- */

static json_t *lane_json(const struct lane *l)
{
    json_t *j = json_pack("{s:i, s:s, s:s, s:b, s:s}", "reader", (int)l->conf->number, "mode",
                          l->conf->mode == LANE_GATE ? "gate" : "desk", "name",
                          l->reader ? l->reader->name : "", "present",
                          l->reader && l->reader->state != READER_GONE, "state",
                          l->reader ? reader_state_name(l->reader->state) : "gone");
    if (j && l->shown)
        json_object_set_new(j, "card",
                            json_pack("{s:I, s:b, s:s}", "arrival", (json_int_t)lane_arrival(l),
                                      "mute", l->muted, "atr", l->atr));
    return j;
}

static json_t *link_json(const struct agent *a)
{
    const struct link *l = &a->link;
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:I}", "state", link_state_name(l->state),
                     "address", a->config->sw.addresses.items[l->at], "why", l->why, "since_ms",
                     (json_int_t)l->since_ms, "switch", l->software, "clock_offset_ms",
                     (json_int_t)l->clock_offset_ms, "certificate_until_ms",
                     (json_int_t)(a->identity ? a->identity->info.not_after_ms : l->until_ms));
}

static json_t *recent_json(struct agent *a)
{
    json_t *list = json_array();
    unsigned n = 0;
    for (struct list *at = a->requests.all.prev; at != &a->requests.all && n < RECENT;
         at = at->prev, n++) {
        struct treq *t = CONTAINER_OF(at, struct treq, link);
        json_array_append_new(list, request_json(&t->row, t));
    }
    return list;
}

json_t *local_status(struct agent *a)
{
    unsigned doubts = 0;
    json_t *lanes = json_array();
    LIST_EACH(at, &a->requests.all)
    doubts += CONTAINER_OF(at, struct treq, link)->row.state == STORE_DOUBT;
    for (unsigned i = 0; i < a->lane_count; i++)
        json_array_append_new(lanes, lane_json(&a->lanes[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:I, s:b, s:o}", "terminal",
                     a->link.terminal[0] ? a->link.terminal
                     : a->identity       ? a->identity->info.name
                                         : "",
                     "kind", a->link.kind, "gate_service", a->link.gate_service, "software",
                     SOFTWARE, "link", link_json(a), "readers", lanes, "shift", shift_json(a),
                     "open", (int)requests_open(a), "in_doubt", (int)doubts, "last_event",
                     (json_int_t)(a->events.next - 1), "pcscd", a->pcsc && pcsc_connected(a->pcsc),
                     "recent", recent_json(a));
}

/* ---- paths ---- */

static CO_FN void get_page(struct local_call *c)
{
    if (http_reply_header(c->req, "Content-Security-Policy", POLICY) != 0 ||
        http_reply_header(c->req, "X-Content-Type-Options", "nosniff") != 0 ||
        http_reply_header(c->req, "Referrer-Policy", "no-referrer") != 0)
        log_warn("terminal", "no memory for a header");
    http_reply(c->req, 200, "text/html; charset=utf-8", page, sizeof page - 1);
}

static CO_FN void get_status(struct local_call *c)
{
    c->reply = local_status(c->agent);
}

static CO_FN void get_requests(struct local_call *c)
{
    c->reply = json_pack("{s:o}", "requests", recent_json(c->agent));
}

static CO_FN void get_events(struct local_call *c)
{
    int rc = events_co_serve(c->agent, c->req);
    if (rc != 0)
        log_debug("terminal", "a listener left: %s", oc_strerror(rc));
}

static void shift_reply(struct local_call *c, int rc, json_t *answer)
{
    if (rc == 0) {
        c->reply = answer;
        return;
    }
    const char *text = json_is_string(answer) ? json_string_value(answer) : oc_strerror(rc);
    int status = rc == OC_ESTATE || rc == OC_EPERM ? 409 : rc == OC_ENOMEM ? 500 : 503;
    local_fail(c, status,
               rc == OC_ESTATE    ? "wrong_state"
               : rc == OC_EPERM   ? "refused"
               : rc == OC_ECLOSED ? "no_link"
                                  : "failed",
               "%s", text);
    json_decref(answer);
}

static CO_FN void post_signon(struct local_call *c)
{
    json_t *answer = NULL;
    const char *person = json_string_value(json_object_get(c->body, "person"));
    if (!person || !*person || strlen(person) >= STORE_PERSON) {
        local_fail(c, 400, "bad_field", "\"person\" must be a text of 1 to %d bytes",
                   STORE_PERSON - 1);
        return;
    }
    int rc = shift_co_on(c->agent, person, &answer);
    shift_reply(c, rc, answer);
}

static CO_FN void post_signoff(struct local_call *c)
{
    json_t *answer = NULL;
    int rc = shift_co_off(c->agent, &answer);
    shift_reply(c, rc, answer);
}

static const struct route {
    const char *method, *path;
    bool open; /* without token */
    void (*co_handle)(struct local_call *c);
} routes[] = {
    {"GET", "/", true, get_page},
    {"GET", "/v1/status", false, get_status},
    {"GET", "/v1/requests", false, get_requests},
    {"POST", "/v1/requests", false, local_requests_post},
    {"GET", "/v1/events", false, get_events},
    {"POST", "/v1/signon", false, post_signon},
    {"POST", "/v1/signoff", false, post_signoff},
};

/* "/v1/requests/N" and "/v1/requests/N/again". */
static bool request_path(const char *path, uint64_t *ret_number, bool *ret_again)
{
    static const char head[] = "/v1/requests/";
    char *end = NULL;
    if (strncmp(path, head, sizeof head - 1) != 0)
        return false;
    const char *digits = path + sizeof head - 1;
    if (*digits < '1' || *digits > '9' || strlen(digits) > 24)
        return false;
    errno = 0;
    *ret_number = strtoull(digits, &end, 10);
    *ret_again = strcmp(end, "/again") == 0;
    return errno == 0 && (*end == '\0' || *ret_again);
}

static CO_FN void one_request(struct local_call *c, uint64_t number, bool again)
{
    if (again && strcmp(c->method, "POST") == 0)
        local_request_again(c, number);
    else if (!again && strcmp(c->method, "GET") == 0)
        local_request_get(c, number);
    else if (!again && strcmp(c->method, "DELETE") == 0)
        local_request_delete(c, number);
    else
        local_fail(c, 405, "wrong_method", "%s does not go with %.100s", c->method, c->path);
}

static bool read_body(struct local_call *c)
{
    size_t len;
    json_error_t e;
    const char *text = http_body(c->req, &len);
    if (strcmp(c->method, "POST") != 0 || len == 0) {
        c->body = json_object();
        return c->body != NULL;
    }
    if (!text_depth_ok(text, len, TEXT_DEPTH_MAX)) {
        local_fail(c, 400, "bad_json", "the body nests too deep");
        return false;
    }
    c->body = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (!c->body || !json_is_object(c->body)) {
        if (c->body)
            local_fail(c, 400, "bad_json", "the body must be a JSON object: {…}");
        else
            local_fail(c, 400, "bad_json", "line %d column %d: %s", e.line, e.column, e.text);
        return false;
    }
    return true;
}

static CO_FN void dispatch(struct local_call *c)
{
    uint64_t number = 0;
    bool again = false, found = false;
    const struct route *r = NULL;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, c->path) != 0)
            continue;
        found = true;
        if (strcmp(routes[i].method, c->method) == 0)
            r = &routes[i];
    }
    const char *why = guard_look(c->agent, c->req, !r || !r->open);
    if (why)
        local_fail(c, 403, "forbidden", "%s", why);
    else if (!read_body(c))
        return;
    else if (r)
        r->co_handle(c);
    else if (!found && request_path(c->path, &number, &again))
        one_request(c, number, again);
    else
        local_fail(c, found ? 405 : 404, found ? "wrong_method" : "no_such_path",
                   "%s %.100s: see docs/TERMINAL.md", c->method, c->path);
}

/* One that was not taken, as another member was wrong. */
static void wipe_pin(json_t *body, const char *member)
{
    union {
        const char *shown;
        char *own;
    } pin = {.shown = json_string_value(json_object_get(body, member))};
    if (pin.own)
        secret_wipe(pin.own, json_string_length(json_object_get(body, member)));
}

static void drop(void *arg)
{
    struct local_call *c = arg;
    wipe_pin(c->body, "pin");
    wipe_pin(c->body, "new_pin");
    json_decref(c->body);
    json_decref(c->reply);
}

static int handle(struct http_req *req, void *arg) CO_FN;
static int handle(struct http_req *req, void *arg)
{
    struct local_call *c = arena_alloc(flow_arena(), sizeof *c);
    if (!c)
        return OC_ENOMEM;
    *c = (struct local_call){.agent = arg,
                             .req = req,
                             .status = 200,
                             .method = http_method(req),
                             .path = http_path(req)};
    flow_defer(drop, c);
    dispatch(c);
    char *text = c->reply ? json_dumps(c->reply, JSON_COMPACT) : NULL;
    if (text) {
        if (http_reply_header(req, "Cache-Control", "no-store") != 0)
            log_warn("terminal", "no memory for a header");
        http_reply(req, c->status, "application/json; charset=utf-8", text, strlen(text));
    }
    free(text);
    return 0;
}

/* ---- opening ---- */

static int give_group(const struct terminal_local *l)
{
    const struct group *g = l->group ? getgrnam(l->group) : NULL;
    if (!l->group || !*l->socket)
        return 0;
    if (!g) {
        log_error("terminal", "local.group: there is no group \"%s\"", l->group);
        return OC_EINVAL;
    }
    if (chown(l->socket, (uid_t)-1, g->gr_gid) != 0) {
        log_error("terminal",
                  "socket %s cannot be given to group \"%s\": be a member of it (errno %d)",
                  l->socket, l->group, errno);
        return OC_EPERM;
    }
    return 0;
}

static void make_socket_dir(const char *path)
{
    char dir[128];
    const char *slash = strrchr(path, '/');
    if (slash && slash != path && (size_t)(slash - path) < sizeof dir) {
        memcpy(dir, path, (size_t)(slash - path));
        dir[slash - path] = '\0';
        (void)mkdir(dir, 0755);
    }
}

int local_open(struct agent *a)
{
    const struct terminal_local *l = &a->config->local;
    struct http_opts o = {.unix_path = *l->socket ? l->socket : NULL,
                          .mode = (mode_t)l->mode_bits,
                          .tcp_addr = *l->listen ? l->host : NULL,
                          .tcp_port = l->port,
                          .allow_tcp = true,
                          .max_body = BODY_MAX,
                          .max_requests = l->max_requests,
                          .co_handler = handle,
                          .arg = a};
    make_socket_dir(l->socket);
    int rc = http_server_open(a->loop, &o, &a->http);
    if (rc == 0)
        rc = give_group(l);
    if (rc != 0)
        log_error("terminal", "local interface: %s%s", oc_strerror(rc),
                  rc == OC_EEXIST ? ": another agent serves there" : "");
    return rc;
}

void local_close(struct agent *a)
{
    a->events.closing = true;
    flow_cond_broadcast(&a->events.changed);
    http_server_close(&a->http);
}
