/* The door for institutions: who asks is proven by a signature over both names, method, target,
 * idempotency key, date and body. What is for another site is sent away, and so is a date that is
 * more than five minutes off. A writing call may come again, because its effect is known by its own
 * number; a reading one may not: its signature is remembered while its date is good. That memory
 * begins with the process, so a reading call whose date could have been let in before the start is
 * refused; as it may be half a minute ahead at most, that is over after as long. Rates count only
 * what was signed and is no replay, and what must be remembered is counted for each: nobody uses up
 * another's. */
#include "serve/partner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX    ((size_t)256 * 1024)
#define WINDOW_MS   (5 * 60 * INT64_C(1000))
#define AHEAD_MS    (30 * INT64_C(1000)) /* of reading calls */
#define SEEN_MAX    32768 /* signatures of one's reading calls: 50 a second while they are good */
#define PEM_MAX     ((size_t)256 * 1024)
#define TIMEOUT_S   30
#define THOUSAND    1000
#define KEY_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"

struct seen {
    struct list link; /* in partners.order, the oldest first */
    struct partner *partner;
    int64_t until_ms;
    char signature[SIGNED_SIGNATURE_TEXT];
};
struct partners {
    struct serve *serve;
    struct http_server *http;
    struct buf certificate, key, ca;
    struct map by_id;   /* struct partner */
    struct map by_mark; /* struct seen */
    struct list order;
    char name[SIGNED_NAME_MAX + 1]; /* of this site */
    int64_t fresh_ms;               /* no reading call of this date was let in before the start */
};

/* ---- who ---- */

static int unauthorised(struct api_call *c, const char *why)
{
    return api_fail(c, 401, "not_signed", "%s (docs/UPSTREAM.md shows how requests are signed)",
                    why);
}

static bool reads(const struct api_call *c)
{
    return strcmp(http_method(c->req), "GET") == 0;
}

static int again_in(struct api_call *c, int64_t seconds)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)seconds);
    return http_reply_header(c->req, "Retry-After", text);
}

static int too_early(struct api_call *c, int64_t ms)
{
    if (again_in(c, ms / 1000 + 1) != 0)
        log_warn("partner", "no memory for a header");
    return api_fail(c, 425, "too_early",
                    "the switch started just now and cannot know whether it saw this request: sign "
                    "a new one in %lld s",
                    (long long)(ms / 1000 + 1));
}

static int check_date(struct api_call *c, const char *date)
{
    const struct partners *p = c->s->partners;
    int64_t ms = 0, now = serve_now_ms(c->s), ahead = reads(c) ? AHEAD_MS : WINDOW_MS;
    if (signed_date_parse(date, &ms) != 0)
        return unauthorised(c, SIGNED_HEADER_DATE " must look like 2026-11-22T05:31:07Z");
    if (ms < now - WINDOW_MS || ms > now + ahead)
        return api_fail(c, 401, "wrong_date",
                        "%s is %lld s %s, more than the %lld that are good: set the clock",
                        SIGNED_HEADER_DATE, (long long)((ms > now ? ms - now : now - ms) / 1000),
                        ms > now ? "ahead" : "behind",
                        (long long)((ms > now ? ahead : WINDOW_MS) / 1000));
    return reads(c) && ms < p->fresh_ms ? too_early(c, p->fresh_ms - ms) : 0;
}

static int check_to(struct api_call *c, const char *to)
{
    const char *name = c->s->partners->name;
    return strcmp(to, name) == 0
               ? 0
               : api_fail(c, 421, "other_site",
                          SIGNED_HEADER_TO " names \"%.31s\", and this site is \"%s\"", to, name);
}

struct claim {
    const char *from, *signature;
    struct signed_message message;
};

static int read_claim(struct api_call *c, struct claim *ret)
{
    size_t len = 0;
    const char *body = http_body(c->req, &len);
    ret->from = http_header(c->req, SIGNED_HEADER_FROM);
    ret->signature = http_header(c->req, SIGNED_HEADER_SIGNATURE);
    ret->message = (struct signed_message){.from = ret->from,
                                           .to = http_header(c->req, SIGNED_HEADER_TO),
                                           .method = http_method(c->req),
                                           .path = http_target(c->req),
                                           .key = http_header(c->req, SIGNED_HEADER_KEY),
                                           .date = http_header(c->req, SIGNED_HEADER_DATE),
                                           .body = {body, len}};
    if (!ret->from || !ret->signature || !ret->message.to || !ret->message.key ||
        !ret->message.date)
        return unauthorised(c, "the headers " SIGNED_HEADER_FROM ", " SIGNED_HEADER_TO
                               ", " SIGNED_HEADER_KEY ", " SIGNED_HEADER_DATE
                               " and " SIGNED_HEADER_SIGNATURE " are needed");
    size_t key = strlen(ret->message.key);
    if (!api_id_ok(ret->from))
        return unauthorised(c, SIGNED_HEADER_FROM " is no participant's id");
    if (key == 0 || key > SIGNED_KEY_MAX || strspn(ret->message.key, KEY_LETTERS) != key)
        return unauthorised(c,
                            SIGNED_HEADER_KEY " has 1 to 64 letters, digits, '.', '_', ':', '-'");
    int rc = check_to(c, ret->message.to);
    return rc == 0 ? check_date(c, ret->message.date) : rc;
}

/* Unknown, without key and wrongly signed are one answer: who has no key learns nothing. */
static CO_FN int check_signature(struct api_call *c, const struct claim *m)
{
    static const uint8_t none[ED25519_LEN];
    uint8_t key[ED25519_LEN] = {0};
    int rc = ledger_co_participant_key(c->s->ledger, m->from, key);
    if (rc != 0 && rc != OC_ENOENT)
        return api_failed(c, rc, "key");
    bool known = rc == 0 && memcmp(key, none, sizeof none) != 0;
    rc = signed_message_verify(c->s->crypto, key, &m->message, m->signature);
    if (rc == OC_ECRYPTO)
        return api_failed(c, rc, "signature");
    if (known && rc == 0)
        return 0;
    log_info("partner", "a request in the name of %s is not signed by its key", m->from);
    return unauthorised(c, "the signature is not this participant's");
}

static CO_FN int check_open(struct api_call *c, const char *id)
{
    struct participant_row *row = arena_alloc(flow_arena(), sizeof *row);
    int rc = row ? ledger_co_participant(c->s->ledger, id, row) : OC_ENOMEM;
    if (rc != 0)
        return api_failed(c, rc, "participant");
    return row->closed ? api_fail(c, 403, "closed", "participant %s is closed", id) : 0;
}

/* ---- once ---- */

static void forget_old(struct partners *p)
{
    int64_t now = serve_now_ms(p->serve);
    while (!list_empty(&p->order)) {
        struct seen *old = CONTAINER_OF(p->order.next, struct seen, link);
        if (old->until_ms > now)
            return;
        (void)map_del_str(&p->by_mark, old->signature);
        list_del(&old->link);
        old->partner->seen--;
        free(old);
    }
}

static int check_fresh(struct api_call *c, const char *signature)
{
    struct partners *p = c->s->partners;
    forget_old(p);
    if (!reads(c) || !map_get_str(&p->by_mark, signature))
        return 0;
    return api_fail(c, 409, "replayed",
                    "this very request was seen: sign a new one, with another " SIGNED_HEADER_KEY);
}

/* Only what is let in: what was sent away may come again as it is. */
static int remember(struct api_call *c, struct partner *one, const char *signature)
{
    struct partners *p = c->s->partners;
    if (!reads(c))
        return 0;
    if (one->seen >= SEEN_MAX)
        return api_fail(c, 503, "busy", "too many requests in ten minutes: try again later");
    struct seen *new = calloc(1, sizeof *new);
    if (!new)
        return api_no_memory(c);
    (void)snprintf(new->signature, sizeof new->signature, "%s", signature);
    new->partner = one;
    new->until_ms = serve_now_ms(c->s) + 2 * WINDOW_MS;
    if (map_put_str(&p->by_mark, new->signature, new) != 0) {
        free(new);
        return api_no_memory(c);
    }
    list_add_tail(&p->order, &new->link);
    one->seen++;
    return 0;
}

/* ---- how much ---- */

static struct partner *partner_get(struct partners *p, const char *id)
{
    struct partner *one = map_get_str(&p->by_id, id);
    if (one || !(one = calloc(1, sizeof *one)))
        return one;
    (void)snprintf(one->id, sizeof one->id, "%s", id);
    one->tokens = (int64_t)p->serve->fixed->institutions.burst * THOUSAND;
    one->tokens_at_ns = loop_now_ns(p->serve->loop);
    if (map_put_str(&p->by_id, one->id, one) == 0)
        return one;
    free(one);
    return NULL;
}

static int too_much(struct api_call *c, const char *why)
{
    if (again_in(c, 1) != 0)
        log_warn("partner", "no memory for a header");
    return api_fail(c, 429, "too_many", "%s: try again", why);
}

static int enter(struct api_call *c, struct partner *one)
{
    const struct serve_institutions *cfg = &c->s->fixed->institutions;
    int64_t now = loop_now_ns(c->s->loop), most = (int64_t)cfg->burst * THOUSAND;
    int64_t passed_ms = (now - one->tokens_at_ns) / NS_PER_MS;
    one->tokens_at_ns += passed_ms * NS_PER_MS;
    passed_ms = passed_ms < most ? passed_ms : most; /* a bucket is full long before */
    one->tokens += passed_ms * (int64_t)cfg->per_second;
    one->tokens = one->tokens < most ? one->tokens : most;
    if (one->tokens < THOUSAND)
        return too_much(c, "more requests a second than this institution may send");
    if (one->at_once >= cfg->at_once)
        return too_much(c, "too many requests of this institution are at work");
    one->tokens -= THOUSAND;
    one->at_once++;
    return 0;
}

static void leave(void *arg)
{
    struct partner *one = arg;
    one->at_once--;
}

static CO_FN int admit(struct partner_call *pc)
{
    struct api_call *c = &pc->call;
    struct claim claim;
    int rc = read_claim(c, &claim);
    if (rc == 0)
        rc = check_signature(c, &claim);
    if (rc == 0)
        rc = check_open(c, claim.from);
    if (rc == 0)
        rc = check_fresh(c, claim.signature);
    if (rc != 0)
        return rc;
    pc->partner = partner_get(c->s->partners, claim.from);
    if (!pc->partner)
        return api_no_memory(c);
    rc = enter(c, pc->partner);
    if (rc != 0)
        return rc;
    flow_defer(leave, pc->partner);
    rc = remember(c, pc->partner, claim.signature);
    if (rc != 0)
        return rc;
    c->who = strlen(claim.from) < LEDGER_ID - sizeof "participant:" + 1 /* never cut (R20) */
                 ? arena_printf(flow_arena(), "participant:%s", claim.from)
                 : arena_strdup(flow_arena(), claim.from);
    return c->who ? 0 : api_no_memory(c);
}

/* ---- which call ---- */

static const struct api_route *find(struct api_call *c, bool *other_method)
{
    static const struct api_route *const tables[] = {partner_ask_routes, partner_box_routes};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct api_route *r = tables[t]; r->method; r++) {
            if (!api_match(r->pattern, http_path(c->req), c))
                continue;
            if (strcmp(r->method, http_method(c->req)) == 0)
                return r;
            *other_method = true;
        }
    return NULL;
}

static void count_refused(const struct api_call *c)
{
    char label[48];
    const json_t *code = json_object_get(json_object_get(c->reply, "error"), "code");
    (void)snprintf(label, sizeof label, "code=\"%s\"",
                   json_is_string(code) ? json_string_value(code) : "failed");
    metric_add(metric_counter(c->s->metrics, "onecard_institution_refused_total", label,
                              "Institutions' requests that were not let in."),
               1);
}

static CO_FN void dispatch(struct partner_call *pc)
{
    struct api_call *c = &pc->call;
    bool other_method = false;
    const struct api_route *r = NULL;
    if (admit(pc) != 0) {
        count_refused(c);
        return;
    }
    r = find(c, &other_method);
    if (!r)
        (void)api_fail(c, other_method ? 405 : 404, other_method ? "wrong_method" : "no_such_path",
                       "this door has no %s %.100s: see docs/API.md", http_method(c->req),
                       http_path(c->req));
    else if (api_query_known(c, r->query) == 0 &&
             (strcmp(http_method(c->req), "POST") != 0 || api_parse_body(c) == 0))
        (void)r->co_handle(c);
}

static int handle(struct http_req *req, void *arg) CO_FN;
static int handle(struct http_req *req, void *arg)
{
    struct partner_call *pc = arena_alloc(flow_arena(), sizeof *pc);
    if (!pc)
        return OC_ENOMEM;
    pc->call = (struct api_call){.s = arg, .req = req, .status = 200, .missed = json_missed()};
    flow_defer(api_drop, &pc->call);
    dispatch(pc);
    api_send(&pc->call);
    return 0;
}

/* ---- its life ---- */

static WORKER_FN int read_pem(const char *what, const char *path, struct buf *b)
{
    int rc = path ? file_read(path, b) : 0;
    if (rc != 0)
        log_error("serve", "institutions.%s: %s: %s", what, path, oc_strerror(rc));
    return rc;
}

int partners_open(struct serve *s)
{
    const struct serve_institutions *cfg = &s->fixed->institutions;
    if (!cfg->listen)
        return 0;
    struct partners *p = calloc(1, sizeof *p);
    if (!p)
        return OC_ENOMEM;
    s->partners = p;
    p->serve = s;
    p->fresh_ms = serve_now_ms(s) + AHEAD_MS;
    site_message_name(s, p->name);
    list_init(&p->order);
    map_init(&p->by_id, (uint64_t)s->started_ns);
    map_init(&p->by_mark, (uint64_t)s->started_ns);
    buf_init(&p->certificate, PEM_MAX);
    buf_init(&p->key, PEM_MAX);
    buf_init(&p->ca, PEM_MAX);
    int rc = read_pem("certificate", cfg->certificate, &p->certificate);
    if (rc == 0)
        rc = serve_check_key_file("institutions.key", cfg->key);
    if (rc == 0)
        rc = read_pem("key", cfg->key, &p->key);
    return rc == 0 ? read_pem("ca", cfg->ca, &p->ca) : rc;
}

static void drop_texts(struct partners *p)
{
    if (p->key.data)
        secret_wipe(p->key.data, p->key.len);
    buf_fini(&p->certificate);
    buf_fini(&p->key);
    buf_fini(&p->ca);
}

int partners_start(struct serve *s)
{
    struct partners *p = s->partners;
    const struct serve_institutions *cfg = &s->fixed->institutions;
    struct serve_address at;
    if (!p)
        return 0;
    int rc = serve_listen_parse(cfg->listen, &at);
    if (rc != 0)
        return rc;
    const struct http_tls tls = {.certificate = buf_cstr(&p->certificate),
                                 .key = buf_cstr(&p->key),
                                 .authorities = cfg->ca ? buf_cstr(&p->ca) : NULL,
                                 .connections = cfg->connections};
    const struct http_opts o = {.tcp_addr = at.host,
                                .tcp_port = at.port,
                                .tls = &tls,
                                .max_body = BODY_MAX,
                                .max_requests = cfg->max_requests,
                                .timeout_s = TIMEOUT_S,
                                .allow_tcp = true,
                                .co_handler = handle,
                                .arg = s};
    rc = http_server_open(s->loop, &o, &p->http);
    drop_texts(p);
    if (rc != 0)
        log_error("serve", "institutions.listen %s: %s", cfg->listen, oc_strerror(rc));
    return rc;
}

int serve_institution_port(const struct serve *s)
{
    return s->partners && s->partners->http ? http_server_port(s->partners->http) : 0;
}

void partners_close(struct serve *s)
{
    if (s->partners)
        http_server_close(&s->partners->http);
}

void partners_free(struct serve *s)
{
    struct partners *p = s->partners;
    size_t at = 0;
    void *one;
    if (!p)
        return;
    s->partners = NULL;
    while ((one = map_next(&p->by_id, &at)) != NULL)
        free(one);
    while (!list_empty(&p->order))
        free(CONTAINER_OF(list_pop(&p->order), struct seen, link));
    map_fini(&p->by_id);
    map_fini(&p->by_mark);
    drop_texts(p);
    free(p);
}
