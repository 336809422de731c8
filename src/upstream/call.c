/* One call: breaker, lane, signature, exchange, and what its end means for the next ones. */
#include "upstream/internal.h"

#include <stdio.h>
#include <string.h>

static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

bool upstream_unsent(int rc)
{
    return rc == OC_ENOENT || rc == OC_EBUSY || rc == OC_EIO || rc == OC_EINVAL ||
           rc == OC_ENOMEM || rc == OC_ECRYPTO;
}

static bool words_ok(const char *s, char extra, size_t max)
{
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++)
        if (s[i] != extra && strchr(word, s[i]) == NULL)
            return false;
    return len > 0 && len <= max;
}

static bool path_ok(const char *path)
{
    return words_ok(path, '/', 100) && path[0] != '/' && path[0] != '.' &&
           strstr(path, "//") == NULL && strstr(path, "/.") == NULL;
}

static void count(struct route *r, enum outcome out)
{
    if (r->m_outcome[out])
        metric_add(r->m_outcome[out], 1);
}

static void show(struct route *r)
{
    if (r->m_breaker)
        metric_set(r->m_breaker, (int64_t)r->breaker.state);
    if (r->m_busy)
        metric_set(r->m_busy, (int64_t)r->busy);
}

/* ---- lanes ---- */

static CO_FN int take_lane(struct upstream *u, struct route *r, int64_t deadline_ns)
{
    int64_t until = loop_now_ns(u->o.loop) + r->o.lane_wait_ms * NS_PER_MS;
    if (until > deadline_ns)
        until = deadline_ns;
    int rc = 0;
    r->waiting++;
    while (rc == 0 && r->busy >= r->o.lanes)
        rc = flow_co_wait(&r->free, until);
    r->waiting--;
    if (rc == 0)
        r->busy++;
    return rc == OC_ETIMEDOUT ? OC_EBUSY : rc;
}

static void give_lane(struct route *r)
{
    r->busy--;
    flow_cond_signal(&r->free);
}

/* ---- what the end means ---- */

static enum outcome outcome_of(int rc, const struct upstream_answer *a)
{
    switch (rc) {
    case 0:
        return a->status >= 500 ? OUT_SERVER_ERROR : OUT_OK;
    case OC_ETIMEDOUT:
        return OUT_TIMED_OUT;
    case OC_ELIMIT:
        return OUT_TOO_LARGE;
    default:
        return upstream_unsent(rc) ? OUT_NOT_SENT : OUT_LOST;
    }
}

static void note_bad(struct upstream *u, struct route *r, const char *why)
{
    uint32_t random = 512;
    if (rng_fill(u->o.rng, &random, sizeof random) != 0)
        random = 512; /* without jitter then */
    r->failed++;
    (void)snprintf(r->last_error, sizeof r->last_error, "%s", why);
    if (breaker_bad(&r->breaker, loop_now_ns(u->o.loop), random))
        log_warn("upstream", "to=%s breaker open for %lld ms after %u failures: %s", r->participant,
                 (long long)((r->breaker.until_ns - loop_now_ns(u->o.loop)) / NS_PER_MS),
                 r->breaker.failures, why);
}

static void note_good(struct upstream *u, struct route *r)
{
    if (r->breaker.state != BREAKER_CLOSED)
        log_info("upstream", "to=%s answers again", r->participant);
    breaker_good(&r->breaker);
    r->last_error[0] = '\0';
    r->last_good_ms = clock_wall_ms(u->o.clock);
}

static void account(struct upstream *u, struct route *r, int rc, const struct upstream_answer *a,
                    int64_t took, const char *why)
{
    char text[160];
    r->calls++;
    if (rc == OC_ECANCELED || rc == OC_ENOMEM) {
        breaker_nothing(&r->breaker);
        return;
    }
    enum outcome out = outcome_of(rc, a);
    count(r, out);
    r->last_ns = took;
    r->mean_ns += r->mean_ns == 0 ? took : (took - r->mean_ns) / 16;
    if (r->m_seconds)
        metric_observe_ns(r->m_seconds, took);
    if (out == OUT_OK && took <= r->o.slow_ms * NS_PER_MS) {
        note_good(u, r);
        return;
    }
    if (rc == 0)
        (void)snprintf(text, sizeof text, "answered %d after %lld ms", a->status,
                       (long long)(took / NS_PER_MS));
    else
        (void)snprintf(text, sizeof text, "%s", why[0] != '\0' ? why : oc_strerror(rc));
    note_bad(u, r, text);
}

/* ---- the call ---- */

static CO_FN int exchange(struct upstream *u, struct route *r, struct upstream_exchange *e,
                          struct upstream_answer *ret)
{
    char date[SIGNED_DATE_TEXT], signature[SIGNED_SIGNATURE_TEXT], why[160] = "";
    int64_t t0 = loop_now_ns(u->o.loop);
    signed_date(clock_wall_ms(u->o.clock), date);
    struct signed_message m = {.from = e->from,
                               .to = r->participant,
                               .method = "POST",
                               .path = e->path,
                               .key = e->key,
                               .date = date,
                               .body = {e->json, e->len}};
    int64_t until = t0 + r->o.timeout_ms * NS_PER_MS;
    if (e->deadline_ns > until)
        e->deadline_ns = until;
    e->date = date;
    e->signature = signature;
    int rc = signed_message_sign(u->o.crypto, u->seed, &m, signature);
    if (rc != 0) {
        breaker_nothing(&r->breaker);
        return rc;
    }
    rc = r->line ? link_co_exchange(r->line, e, ret, why, sizeof why)
                 : u->o.co_exchange(u->o.arg, e, ret);
    account(u, r, rc, ret, loop_now_ns(u->o.loop) - t0, why);
    if (rc != 0)
        log_info("upstream", "to=%s path=%s key=%s: %s%s%s", r->participant, e->path, e->key,
                 oc_strerror(rc), why[0] != '\0' ? ": " : "", why);
    return rc;
}

static CO_FN int call(struct upstream *u, struct route *r, struct upstream_exchange *e,
                      struct upstream_answer *ret)
{
    if (r->breaker.state != BREAKER_CLOSED && loop_now_ns(u->o.loop) < r->breaker.until_ns) {
        count(r, OUT_BUSY);
        return OC_EBUSY;
    }
    int rc = take_lane(u, r, e->deadline_ns);
    if (rc == 0 && !breaker_may(&r->breaker, loop_now_ns(u->o.loop))) {
        give_lane(r);
        rc = OC_EBUSY;
    }
    if (rc != 0) {
        count(r, OUT_BUSY);
        upstream_leave_(r);
        return rc;
    }
    show(r);
    rc = exchange(u, r, e, ret);
    give_lane(r);
    show(r);
    upstream_leave_(r);
    return rc;
}

int upstream_co_post(struct upstream *u, const char *participant, const char *path,
                     const char *idempotency_key, const char *json, size_t len, int64_t deadline_ns,
                     struct arena *a, struct upstream_answer *ret)
{
    struct route *r = upstream_route_(u, participant);
    if (!r)
        return OC_ENOENT;
    if (!path_ok(path) || !words_ok(idempotency_key, ':', SIGNED_KEY_MAX))
        return OC_EINVAL;
    char *full = arena_printf(a, "%s/%s", r->path, path);
    struct upstream_answer *answer = arena_alloc(a, sizeof *answer);
    if (!full || !answer)
        return OC_ENOMEM;
    struct upstream_exchange e = {.from = u->from,
                                  .participant = r->participant,
                                  .path = full,
                                  .key = idempotency_key,
                                  .json = json,
                                  .len = len,
                                  .deadline_ns = deadline_ns,
                                  .arena = a};
    int rc = call(u, r, &e, answer);
    if (rc == 0)
        *ret = *answer;
    return rc;
}
