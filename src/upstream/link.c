/* libcurl on the loop. Each route has a multi handle of its own, so that a connection is never
 * shared between institutions. libcurl's work (handshakes, parsing) runs from the loop's look at
 * descriptors and from an alarm, never on a flow's stack; a flow only adds a transfer, waits, and
 * takes it out again.
 *
 * "Sent" is what libcurl's PREREQ callback says: it is called when the connection stands and before
 * the first byte of the request. A call that ends before it did not leave. */
#include "upstream/internal.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX ((size_t)64 * 1024)

struct link {
    const struct route *route;
    struct loop *loop;
    CURLM *multi;
    struct loop_alarm *alarm;
    struct list calls; /* transfers of flows that have not taken them out */
    char *ca, *certificate, *key;
    size_t key_len;
    bool global;
};

struct transfer {
    struct list link;
    struct link *line;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    size_t header_bytes;
    bool in_multi, done, sent, too_large;
    CURLcode code;
    struct flow_cond cond;
    char error[CURL_ERROR_SIZE];
};

/* ---- libcurl's callbacks ---- */

static void collect(struct link *l)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(l->multi, &left)) != NULL) {
        struct transfer *t = NULL;
        CURL *easy = msg->easy_handle;
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result; /* msg goes with the handle */
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)(void *)&t);
        (void)curl_multi_remove_handle(l->multi, easy);
        t->in_multi = false;
        t->done = true;
        t->code = code;
        flow_cond_signal(&t->cond);
    }
}

static void on_fd(void *arg, int fd, bool can_read, bool can_write)
{
    struct link *l = arg;
    int running;
    int what = (can_read ? CURL_CSELECT_IN : 0) | (can_write ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(l->multi, fd, what, &running);
    collect(l);
}

static void on_alarm(void *arg)
{
    struct link *l = arg;
    int running;
    (void)curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(l);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    const struct link *l = arg;
    (void)multi;
    loop_alarm_set(l->alarm, ms);
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
    struct link *l = arg;
    struct loop_fd *w = watch;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        loop_fd_free(&w);
        return 0;
    }
    bool in = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
    bool out = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    if (w)
        return loop_fd_set(w, in, out) == 0 ? 0 : -1;
    struct loop_fd_opts o = {.fd = fd, .read = in, .write = out, .ready = on_fd, .arg = l};
    if (loop_fd_new(l->loop, &o, &w) != 0)
        return -1;
    return curl_multi_assign(l->multi, fd, w) == CURLM_OK ? 0 : -1;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    buf_put(&t->body, data, size * n);
    t->too_large |= t->body.err == OC_ELIMIT;
    return t->body.err == 0 ? size * n : 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    (void)data;
    t->header_bytes += size * n;
    t->too_large |= t->header_bytes > HEADERS_MAX;
    return t->too_large ? 0 : size * n;
}

static int on_prereq(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct transfer *t = arg;
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    t->sent = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- a transfer ---- */

static bool set_header(struct transfer *t, const char *name, const char *value)
{
    char line[256];
    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *more = curl_slist_append(t->headers, line);
    if (more)
        t->headers = more;
    return more != NULL;
}

static bool set_headers(struct transfer *t, const struct upstream_exchange *e)
{
    return set_header(t, "Content-Type", "application/json") &&
           set_header(t, "Accept", "application/json") && set_header(t, "Expect", "") &&
           set_header(t, SIGNED_HEADER_FROM, e->from) &&
           set_header(t, SIGNED_HEADER_TO, e->participant) &&
           set_header(t, SIGNED_HEADER_KEY, e->key) && set_header(t, SIGNED_HEADER_DATE, e->date) &&
           set_header(t, SIGNED_HEADER_SIGNATURE, e->signature);
}

static struct curl_blob blob(char *text, size_t len)
{
    return (struct curl_blob){.data = text, .len = len, .flags = CURL_BLOB_NOCOPY};
}

#define SET(option, value) ok = ok && curl_easy_setopt(t->easy, option, value) == CURLE_OK

static bool set_tls(struct transfer *t, const struct link *l)
{
    bool ok = true;
    struct curl_blob ca = blob(l->ca, strlen(l->ca));
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAINFO_BLOB, &ca);
    if (l->certificate) {
        struct curl_blob certificate = blob(l->certificate, strlen(l->certificate));
        struct curl_blob key = blob(l->key, strlen(l->key));
        SET(CURLOPT_SSLCERT_BLOB, &certificate);
        SET(CURLOPT_SSLKEY_BLOB, &key);
    }
    return ok;
}

static bool set_options(struct transfer *t, const struct upstream_exchange *e, const char *url)
{
    bool ok = true;
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_PROXY, ""); /* nor one from the environment */
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that hangs keeps a thread, not the loop */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)t->line->route->o.connect_ms);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_POSTFIELDS, e->json);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->len);
    SET(CURLOPT_HTTPHEADER, t->headers);
    SET(CURLOPT_USERAGENT, "onecard/" ONECARD_VERSION);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_PREREQFUNCTION, on_prereq);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_PRIVATE, t);
    return ok && set_tls(t, t->line);
}

static void transfer_free(struct transfer *t)
{
    if (t->in_multi)
        (void)curl_multi_remove_handle(t->line->multi, t->easy);
    list_del(&t->link);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_fini(&t->body);
    free(t);
}

/* Bare host and port of the route; the exchange's path has the rest. */
static bool make_url(const struct route *r, const char *path, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%.*s%s", (int)(r->path - r->url), r->url, path);
    return n > 0 && (size_t)n < cap;
}

static int transfer_new(struct link *l, const struct upstream_exchange *e, struct transfer **ret)
{
    char url[640];
    struct transfer *t = calloc(1, sizeof *t);
    if (!t)
        return OC_ENOMEM;
    t->line = l;
    flow_cond_init(&t->cond);
    buf_init(&t->body, UPSTREAM_ANSWER_MAX);
    list_add_tail(&l->calls, &t->link);
    t->easy = curl_easy_init();
    if (!t->easy || !make_url(l->route, e->path, url, sizeof url) || !set_headers(t, e) ||
        !set_options(t, e, url) || curl_multi_add_handle(l->multi, t->easy) != CURLM_OK) {
        transfer_free(t);
        return OC_ENOMEM;
    }
    t->in_multi = true;
    *ret = t;
    return 0;
}

/* ---- what its end means ---- */

static int failed(const struct transfer *t, char *why, size_t cap)
{
    const char *text = t->error[0] != '\0' ? t->error : curl_easy_strerror(t->code);
    (void)snprintf(why, cap, "%s", t->too_large ? "the answer is too large" : text);
    if (t->too_large)
        return OC_ELIMIT;
    if (!t->sent)
        return t->code == CURLE_OUT_OF_MEMORY ? OC_ENOMEM : OC_EIO;
    return t->code == CURLE_OPERATION_TIMEDOUT ? OC_ETIMEDOUT : OC_ECLOSED;
}

static bool says_json(const char *type)
{
    static const char json[] = "application/json";
    size_t len = sizeof json - 1;
    return type && strncasecmp(type, json, len) == 0 && strchr("; ", type[len]) != NULL;
}

static int take_answer(struct transfer *t, struct arena *a, struct upstream_answer *ret, char *why,
                       size_t cap)
{
    long status = 0;
    char *type = NULL;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    if (!says_json(type) || t->body.len == 0) {
        (void)snprintf(why, cap, "answered %ld without JSON", status);
        return OC_ECLOSED;
    }
    char *body = arena_alloc(a, t->body.len + 1);
    if (!body) { /* it was sent all the same */
        (void)snprintf(why, cap, "no memory for the answer");
        return OC_ELIMIT;
    }
    memcpy(body, t->body.data, t->body.len);
    *ret = (struct upstream_answer){.status = (int)status, .body = body, .len = t->body.len};
    return 0;
}

int link_co_exchange(struct link *l, const struct upstream_exchange *e, struct upstream_answer *ret,
                     char *why, size_t cap)
{
    struct transfer *t = NULL;
    int rc = transfer_new(l, e, &t);
    if (rc != 0)
        return rc;
    while (rc == 0 && !t->done)
        rc = flow_co_wait(&t->cond, e->deadline_ns);
    if (t->done) {
        rc = t->code == CURLE_OK ? take_answer(t, e->arena, ret, why, cap) : failed(t, why, cap);
    } else if (rc == OC_ETIMEDOUT) {
        (void)snprintf(why, cap, "%s", t->sent ? "no answer in time" : "no connection in time");
        rc = t->sent ? OC_ETIMEDOUT : OC_EIO;
    }
    transfer_free(t);
    return rc;
}

/* ---- the line ---- */

static bool make_multi(struct link *l)
{
    l->multi = curl_multi_init();
    return l->multi &&
           curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)l->route->o.lanes) == CURLM_OK;
}

static int copy_pems(struct link *l, const struct upstream_route *o)
{
    if (!o->ca || strstr(o->ca, "-----BEGIN CERTIFICATE-----") == NULL) {
        log_error("upstream", "to=%s: the CA file holds no certificate (PEM)",
                  l->route->participant);
        return OC_EINVAL;
    }
    if (!o->certificate != !o->key) {
        log_error("upstream", "to=%s: certificate and key go together", l->route->participant);
        return OC_EINVAL;
    }
    l->ca = strdup(o->ca);
    if (!l->ca)
        return OC_ENOMEM;
    if (!o->certificate)
        return 0;
    l->certificate = strdup(o->certificate);
    l->key_len = strlen(o->key) + 1;
    l->key = secret_alloc(l->key_len);
    if (!l->certificate || !l->key)
        return OC_ENOMEM;
    memcpy(l->key, o->key, l->key_len);
    return 0;
}

int link_new(const struct upstream *u, struct route *r, const struct upstream_route *o,
             struct link **ret)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return OC_ENOMEM;
    l->route = r;
    l->loop = u->o.loop;
    list_init(&l->calls);
    l->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    int rc = copy_pems(l, o);
    if (rc == 0)
        rc = loop_alarm_new(l->loop, on_alarm, l, &l->alarm);
    if (rc == 0 && (!l->global || !make_multi(l)))
        rc = OC_ENOMEM;
    if (rc != 0) {
        link_free(&l);
        return rc;
    }
    *ret = l;
    return 0;
}

void link_free(struct link **ref)
{
    struct link *l = *ref;
    *ref = NULL;
    if (!l)
        return;
    LIST_EACH_SAFE(pos, tmp, &l->calls)
    {
        transfer_free(CONTAINER_OF(pos, struct transfer, link));
    }
    if (l->multi)
        (void)curl_multi_cleanup(l->multi);
    loop_alarm_free(&l->alarm);
    if (l->global)
        curl_global_cleanup();
    free(l->ca);
    free(l->certificate);
    secret_free(l->key, l->key_len);
    free(l);
}
