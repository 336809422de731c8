/* Routes: made, found, changed, looked at, ended. */
#include "upstream/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct route *find(const struct list *routes, const char *participant)
{
    LIST_EACH(pos, routes)
    {
        struct route *r = CONTAINER_OF(pos, struct route, link);
        if (strcmp(r->participant, participant) == 0)
            return r;
    }
    return NULL;
}

struct route *upstream_route_(const struct upstream *u, const char *participant)
{
    return u ? find(&u->routes, participant) : NULL;
}

bool upstream_has(const struct upstream *u, const char *participant)
{
    return upstream_route_(u, participant) != NULL;
}

bool upstream_delivery(const struct upstream *u, const char *participant,
                       struct upstream_delivery *ret)
{
    const struct route *r = upstream_route_(u, participant);
    if (!r)
        return false;
    *ret = (struct upstream_delivery){.lanes = r->o.lanes,
                                      .attempts = r->o.attempts,
                                      .retry_ms = r->o.retry_ms,
                                      .retry_max_ms = r->o.retry_max_ms};
    return true;
}

const char *upstream_why(const struct upstream *u, const char *participant)
{
    const struct route *r = upstream_route_(u, participant);
    return r ? r->last_error : "";
}

int64_t upstream_rest_ms(const struct upstream *u, const char *participant)
{
    const struct route *r = upstream_route_(u, participant);
    if (!r || r->breaker.state == BREAKER_CLOSED)
        return 0;
    int64_t left = (r->breaker.until_ns - loop_now_ns(u->o.loop) + NS_PER_MS - 1) / NS_PER_MS;
    if (r->breaker.state == BREAKER_HALF_OPEN)
        return left > 1 ? left : 100;
    return left > 0 ? left : 0;
}

/* ---- making ---- */

/* https://host[:port][/path], nothing else: no user, no query, no fragment. */
static bool url_ok(const char *url)
{
    static const char scheme[] = "https://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0 || strlen(url) > 400)
        return false;
    const char *host = url + sizeof scheme - 1;
    if (host[strspn(
            host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]/")] != '\0')
        return false;
    return strcspn(host, "/") > 0 && host[0] != ':' && strstr(host, "//") == NULL &&
           strstr(host, "/.") == NULL;
}

static int copy_url(struct route *r, const char *url)
{
    if (!url_ok(url)) {
        log_error("upstream", "route to=%s: \"%.200s\" must look like https://host:port/path",
                  r->participant, url);
        return OC_EINVAL;
    }
    r->url = strdup(url);
    if (!r->url)
        return OC_ENOMEM;
    size_t len = strlen(r->url);
    while (len > 0 && r->url[len - 1] == '/')
        r->url[--len] = '\0';
    r->path = strchr(r->url + strlen("https://"), '/');
    if (!r->path)
        r->path = r->url + len;
    return 0;
}

static void fill_numbers(struct route *r, const struct upstream_route *o)
{
    r->o = (struct upstream_route){
        .connect_ms = o->connect_ms ? o->connect_ms : 3000,
        .timeout_ms = o->timeout_ms ? o->timeout_ms : 8000,
        .lane_wait_ms = o->lane_wait_ms ? o->lane_wait_ms : 1000,
        .slow_ms = o->slow_ms ? o->slow_ms : 5000,
        .lanes = o->lanes ? o->lanes : 4,
        .attempts = o->attempts ? o->attempts : 20,
        .retry_ms = o->retry_ms ? o->retry_ms : 1000,
        .retry_max_ms = o->retry_max_ms ? o->retry_max_ms : 300000,
    };
    r->breaker = (struct breaker){.limit = o->failures ? o->failures : 5,
                                  .open_ms = o->open_ms ? o->open_ms : 2000,
                                  .open_max_ms = o->open_max_ms ? o->open_max_ms : 60000};
}

static void make_metrics(struct route *r, struct metrics *m)
{
    static const char *const outcomes[OUT_COUNT] = {[OUT_OK] = "ok",
                                                    [OUT_SERVER_ERROR] = "server_error",
                                                    [OUT_NOT_SENT] = "not_sent",
                                                    [OUT_TIMED_OUT] = "timed_out",
                                                    [OUT_LOST] = "lost",
                                                    [OUT_TOO_LARGE] = "too_large",
                                                    [OUT_BUSY] = "busy"};
    char label[96];
    if (!m)
        return;
    for (unsigned i = 0; i < OUT_COUNT; i++) {
        (void)snprintf(label, sizeof label, "to=\"%s\",outcome=\"%s\"", r->participant,
                       outcomes[i]);
        r->m_outcome[i] = metric_counter(m, "onecard_upstream_calls_total", label,
                                         "Calls to institutions by what became of them.");
    }
    (void)snprintf(label, sizeof label, "to=\"%s\"", r->participant);
    r->m_seconds =
        metric_histogram(m, "onecard_upstream_seconds", label, "Time institutions took to answer.");
    r->m_breaker =
        metric_gauge(m, "onecard_upstream_breaker", label, "0 closed, 1 open, 2 half open.");
    r->m_busy = metric_gauge(m, "onecard_upstream_busy", label, "Lanes in use.");
}

static void route_free(struct route *r)
{
    link_free(&r->line);
    flow_cond_fini(&r->free);
    free(r->url);
    free(r);
}

static int mark_of(const struct upstream *u, const struct upstream_route *o,
                   uint8_t ret[SHA256_LEN])
{
    const char *const texts[] = {o->url, o->ca, o->certificate, o->key};
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%lld %lld %lld %lld %u %u %lld %lld %u %lld %lld", (long long)o->connect_ms,
               (long long)o->timeout_ms, (long long)o->lane_wait_ms, (long long)o->slow_ms,
               o->lanes, o->failures, (long long)o->open_ms, (long long)o->open_max_ms, o->attempts,
               (long long)o->retry_ms, (long long)o->retry_max_ms);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        buf_put_u8(&b, 0);
        buf_puts(&b, texts[i] ? texts[i] : "");
    }
    int rc = b.err ? b.err : hash_sha256(u->o.crypto, (struct bytes){b.data, b.len}, ret);
    if (b.data)
        secret_wipe(b.data, b.len);
    buf_fini(&b);
    return rc;
}

static int route_new(const struct upstream *u, const struct upstream_route *o,
                     const uint8_t mark[SHA256_LEN], struct list *into)
{
    struct route *r = calloc(1, sizeof *r);
    if (!r)
        return OC_ENOMEM;
    flow_cond_init(&r->free);
    memcpy(r->mark, mark, sizeof r->mark);
    (void)snprintf(r->participant, sizeof r->participant, "%s", o->participant);
    fill_numbers(r, o);
    int rc = copy_url(r, o->url);
    if (rc == 0 && !u->o.co_exchange)
        rc = link_new(u, r, o, &r->line);
    if (rc != 0) {
        route_free(r);
        return rc;
    }
    make_metrics(r, u->o.metrics);
    list_add_tail(into, &r->link);
    return 0;
}

/* ---- changing ---- */

void upstream_leave_(struct route *r)
{
    if (!r->retired || r->busy > 0 || r->waiting > 0)
        return;
    list_del(&r->link);
    route_free(r);
}

static void free_all(struct list *routes)
{
    while (!list_empty(routes))
        route_free(CONTAINER_OF(list_pop(routes), struct route, link));
}

/* Into `fresh`, unless it is there already and reads the same. */
static int take(struct upstream *u, const struct upstream_route *o, struct list *fresh)
{
    uint8_t mark[SHA256_LEN];
    struct route *old = find(&u->routes, o->participant);
    if (strlen(o->participant) >= UPSTREAM_PARTICIPANT || find(fresh, o->participant) ||
        (old && old->kept)) {
        log_error("upstream", "route to=%.40s: named twice, or too long a name", o->participant);
        return OC_EINVAL;
    }
    int rc = mark_of(u, o, mark);
    if (rc != 0)
        return rc;
    if (!old || memcmp(old->mark, mark, sizeof mark) != 0)
        return route_new(u, o, mark, fresh);
    old->kept = true;
    return 0;
}

static void settle(struct upstream *u, bool changed, struct list *fresh)
{
    LIST_EACH_SAFE(pos, tmp, &u->routes)
    {
        struct route *r = CONTAINER_OF(pos, struct route, link);
        bool goes = changed && !r->kept;
        r->kept = false;
        if (!goes)
            continue;
        list_del(&r->link);
        list_add_tail(&u->retired, &r->link);
        r->retired = true;
        upstream_leave_(r);
    }
    while (changed && !list_empty(fresh))
        list_add_tail(&u->routes, list_pop(fresh));
    free_all(fresh);
}

int upstream_change(struct upstream *u, const struct upstream_route *routes, size_t count)
{
    struct list fresh;
    int rc = 0;
    list_init(&fresh);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = take(u, &routes[i], &fresh);
    settle(u, rc == 0, &fresh);
    return rc;
}

int upstream_open(const struct upstream_opts *o, struct upstream **ret)
{
    struct upstream *u = calloc(1, sizeof *u);
    if (!u)
        return OC_ENOMEM;
    list_init(&u->routes);
    list_init(&u->retired);
    u->o = *o;
    u->o.routes = NULL;
    u->seed = secret_alloc(ED25519_LEN);
    int rc = u->seed ? 0 : OC_ENOMEM;
    if (rc == 0)
        memcpy(u->seed, o->seed, ED25519_LEN);
    (void)snprintf(u->from, sizeof u->from, "%s", o->from);
    if (rc == 0)
        rc = upstream_change(u, o->routes, o->route_count);
    if (rc != 0) {
        upstream_close(&u);
        return rc;
    }
    *ret = u;
    return 0;
}

void upstream_close(struct upstream **ref)
{
    struct upstream *u = *ref;
    *ref = NULL;
    if (!u)
        return;
    free_all(&u->routes);
    free_all(&u->retired);
    secret_free(u->seed, ED25519_LEN);
    free(u);
}

bool upstream_state_at(const struct upstream *u, size_t i, struct upstream_state *ret)
{
    if (!u)
        return false;
    LIST_EACH(pos, &u->routes)
    {
        const struct route *r = CONTAINER_OF(pos, struct route, link);
        if (i-- > 0)
            continue;
        int64_t left = r->breaker.until_ns - loop_now_ns(u->o.loop);
        *ret = (struct upstream_state){
            .participant = r->participant,
            .url = r->url,
            .breaker = r->breaker.state,
            .open_ms = r->breaker.state == BREAKER_OPEN && left > 0 ? left / NS_PER_MS : 0,
            .lanes = r->o.lanes,
            .busy = r->busy,
            .waiting = r->waiting,
            .failures = r->breaker.failures,
            .calls = r->calls,
            .failed = r->failed,
            .mean_us = r->mean_ns / 1000,
            .last_us = r->last_ns / 1000,
            .last_good_ms = r->last_good_ms,
            .last_error = r->last_error};
        return true;
    }
    return false;
}
