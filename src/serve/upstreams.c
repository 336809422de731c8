/* Routes to institutions, as the configuration has them: their files are read at the start and by a
 * reload, on a worker. Also the key that this site signs its messages with: it follows from the key
 * store, so that a backup of that has it too. */
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
struct upstream_set {
    size_t count;
    struct pems *pems;
    struct upstream_route *routes;
};

static WORKER_FN int read_pem(const char *to, const char *path, struct buf *b, struct buf *errors,
                              const char **ret)
{
    if (path == NULL || path[0] == '\0')
        return 0;
    int rc = file_read(path, b);
    if (rc != 0)
        buf_printf(errors, "upstreams.%s: %s: %s\n", to, path, oc_strerror(rc));
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

static WORKER_FN int fill_route(const struct serve_upstream *c, struct pems *p, struct buf *errors,
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
    int rc = read_pem(c->name, c->ca, &p->ca, errors, &r->ca);
    if (rc == 0)
        rc = read_pem(c->name, c->certificate, &p->certificate, errors, &r->certificate);
    if (rc == 0 && (rc = serve_check_key_file("upstreams: key", c->key)) != 0)
        buf_printf(errors, "upstreams.%s: %s may be read by everybody: set its mode to 0600\n",
                   c->name, c->key);
    return rc != 0 ? rc : read_pem(c->name, c->key, &p->key, errors, &r->key);
}

static struct upstream_set *set_new(size_t count)
{
    struct upstream_set *set = calloc(1, sizeof *set);
    if (!set)
        return NULL;
    set->pems = calloc(count + 1, sizeof *set->pems);
    set->routes = calloc(count + 1, sizeof *set->routes);
    for (size_t i = 0; set->pems && i < count; i++) {
        buf_init(&set->pems[i].ca, PEM_MAX);
        buf_init(&set->pems[i].certificate, PEM_MAX);
        buf_init(&set->pems[i].key, PEM_MAX);
        set->count++;
    }
    if (!set->pems || !set->routes)
        upstreams_drop(&set);
    return set;
}

int upstreams_read(const struct serve_config *c, struct buf *errors, struct upstream_set **ret)
{
    const struct serve_upstream *items = c->upstreams.items;
    struct upstream_set *set = set_new(c->upstreams.count);
    int rc = set ? 0 : OC_ENOMEM;
    for (size_t i = 0; rc == 0 && i < set->count; i++)
        rc = fill_route(&items[i], &set->pems[i], errors, &set->routes[i]);
    if (rc != 0)
        upstreams_drop(&set);
    *ret = set;
    return rc;
}

void upstreams_drop(struct upstream_set **ref)
{
    struct upstream_set *set = *ref;
    *ref = NULL;
    if (!set)
        return;
    for (size_t i = 0; set->pems && i < set->count; i++) {
        buf_fini(&set->pems[i].ca);
        buf_fini(&set->pems[i].certificate);
        buf_fini(&set->pems[i].key);
    }
    free(set->pems);
    free(set->routes);
    free(set);
}

int upstreams_adopt(struct serve *s, const struct upstream_set *set)
{
    if (s->opts.world) /* its routes are its own */
        return 0;
    return upstream_change(s->upstream, set->routes, set->count);
}

static WORKER_FN int open_routes(struct serve *s, const struct upstream_set *set)
{
    uint8_t seed[ED25519_LEN];
    char name[SIGNED_NAME_MAX + 1];
    int rc = site_seed(s, seed);
    site_message_name(s, name);
    struct upstream_opts o = {.loop = s->loop,
                              .clock = &clock_system,
                              .metrics = s->metrics,
                              .crypto = s->crypto,
                              .rng = &rng_system,
                              .seed = seed,
                              .from = name,
                              .routes = set->routes,
                              .route_count = set->count};
    if (rc == 0)
        rc = upstream_open(&o, &s->upstream);
    secret_wipe(seed, sizeof seed);
    return rc;
}

/* A simulator's: what an institution answers is a function call. */
static int open_simulated(struct serve *s, const struct serve_world *w)
{
    uint8_t seed[ED25519_LEN];
    char name[SIGNED_NAME_MAX + 1];
    if (!w->co_exchange)
        return 0;
    int rc = site_seed(s, seed);
    site_message_name(s, name);
    struct upstream_opts o = {.loop = s->loop,
                              .clock = w->clock,
                              .metrics = s->metrics,
                              .crypto = s->crypto,
                              .rng = w->rng,
                              .seed = seed,
                              .from = name,
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
    struct upstream_set *set = NULL;
    struct buf errors;
    buf_init(&errors, 64 * 1024);
    int rc = upstreams_read(s->fixed, &errors, &set);
    if (rc == 0)
        rc = open_routes(s, set);
    upstreams_drop(&set);
    if (rc != 0)
        log_error("serve", "routes to institutions: %s%s%s", oc_strerror(rc),
                  errors.len > 0 ? ": " : "", buf_cstr(&errors));
    buf_fini(&errors);
    return rc;
}
