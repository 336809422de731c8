/* Routes to institutions, as the configuration has them: files read once at the start, opened,
 * ended. Also the key that this site signs its messages with: it follows from the key store, so
 * that a backup of that has it too. */
#include "serve/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PEM_MAX ((size_t)256 * 1024)

static int site_seed(const struct serve *s, uint8_t ret[ED25519_LEN])
{
    return keystore_key(s->keystore, s->crypto, "messages", ret);
}

void site_message_name(const struct serve *s, char ret[SIGNED_NAME_MAX + 1])
{
    char issuer[2 * OC_ISSUER_LEN + 1];
    (void)snprintf(ret, SIGNED_NAME_MAX + 1, "site-%s-%u",
                   hex_encode(s->fixed->site.issuer, OC_ISSUER_LEN, issuer),
                   (unsigned)s->fixed->site.shard);
}

int site_public_key(const struct serve *s, uint8_t ret[ED25519_LEN])
{
    uint8_t seed[ED25519_LEN];
    int rc = site_seed(s, seed);
    if (rc == 0)
        rc = ed25519_public(seed, ret);
    secret_wipe(seed, sizeof seed);
    return rc;
}

/* The texts of one route; wiped with the buffers. */
struct pems {
    struct buf ca, certificate, key;
};

static WORKER_FN int read_pem(const char *to, const char *path, struct buf *b, const char **ret)
{
    if (path == NULL || path[0] == '\0')
        return 0;
    int rc = file_read(path, b);
    if (rc != 0)
        log_error("serve", "upstreams.%s: %s: %s", to, path, oc_strerror(rc));
    *ret = buf_cstr(b);
    return rc;
}

int serve_check_key_file(const char *place, const char *path)
{
    struct stat st;
    if (path == NULL || path[0] == '\0' || stat(path, &st) != 0)
        return 0; /* reading it says why */
    if ((st.st_mode & S_IRWXO) == 0)
        return 0;
    log_error("serve", "%s: %s may be read by everybody: set its mode to 0600", place, path);
    return OC_EPERM;
}

static WORKER_FN int fill_route(const struct serve_upstream *c, struct pems *p,
                                struct upstream_route *r)
{
    *r = (struct upstream_route){.participant = c->name,
                                 .url = c->url,
                                 .connect_ms = c->connect_ms,
                                 .timeout_ms = c->timeout_ms,
                                 .lane_wait_ms = c->lane_wait_ms,
                                 .slow_ms = c->slow_ms,
                                 .lanes = c->lanes,
                                 .failures = c->failures,
                                 .open_ms = c->open_ms,
                                 .open_max_ms = c->open_max_ms,
                                 .attempts = c->attempts,
                                 .retry_ms = c->retry_ms,
                                 .retry_max_ms = c->retry_max_ms};
    int rc = read_pem(c->name, c->ca, &p->ca, &r->ca);
    if (rc == 0)
        rc = read_pem(c->name, c->certificate, &p->certificate, &r->certificate);
    if (rc == 0)
        rc = serve_check_key_file("upstreams: key", c->key);
    return rc != 0 ? rc : read_pem(c->name, c->key, &p->key, &r->key);
}

static WORKER_FN int open_routes(struct serve *s, struct pems *pems, struct upstream_route *routes)
{
    const struct conf_array *conf = &s->fixed->upstreams;
    const struct serve_upstream *items = conf->items;
    uint8_t seed[ED25519_LEN];
    char name[SIGNED_NAME_MAX + 1];
    int rc = site_seed(s, seed);
    site_message_name(s, name);
    for (size_t i = 0; rc == 0 && i < conf->count; i++)
        rc = fill_route(&items[i], &pems[i], &routes[i]);
    struct upstream_opts o = {.loop = s->loop,
                              .clock = &clock_system,
                              .metrics = s->metrics,
                              .crypto = s->crypto,
                              .rng = &rng_system,
                              .seed = seed,
                              .from = name,
                              .routes = routes,
                              .route_count = conf->count};
    if (rc == 0)
        rc = upstream_open(&o, &s->upstream);
    secret_wipe(seed, sizeof seed);
    return rc;
}

/* A simulator's: what an institution answers is a function call. */
static int open_simulated(struct serve *s, const struct serve_world *w)
{
    uint8_t seed[ED25519_LEN];
    if (!w->co_exchange)
        return 0;
    int rc = site_seed(s, seed);
    struct upstream_opts o = {.loop = s->loop,
                              .clock = w->clock,
                              .metrics = s->metrics,
                              .crypto = s->crypto,
                              .rng = w->rng,
                              .seed = seed,
                              .routes = w->routes,
                              .route_count = w->route_count,
                              .co_exchange = w->co_exchange,
                              .arg = w->arg};
    if (rc == 0)
        rc = upstream_open(&o, &s->upstream);
    secret_wipe(seed, sizeof seed);
    return rc;
}

int upstreams_open(struct serve *s)
{
    if (s->opts.world)
        return open_simulated(s, s->opts.world);
    size_t count = s->fixed->upstreams.count;
    if (count == 0)
        return 0;
    struct pems *pems = calloc(count, sizeof *pems);
    struct upstream_route *routes = calloc(count, sizeof *routes);
    for (size_t i = 0; pems && i < count; i++) {
        buf_init(&pems[i].ca, PEM_MAX);
        buf_init(&pems[i].certificate, PEM_MAX);
        buf_init(&pems[i].key, PEM_MAX);
    }
    int rc = pems && routes ? open_routes(s, pems, routes) : OC_ENOMEM;
    for (size_t i = 0; pems && i < count; i++) {
        buf_fini(&pems[i].ca);
        buf_fini(&pems[i].certificate);
        buf_fini(&pems[i].key);
    }
    free(pems);
    free(routes);
    if (rc != 0)
        log_error("serve", "routes to institutions: %s (section upstreams)", oc_strerror(rc));
    return rc;
}
