/* The doors for followers: a Unix socket for this host's own user, TLS for one key from elsewhere.
 */
#include "copy/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX      ((size_t)64 * 1024)
#define CONNECTIONS  16 /* at one time, those that have not said who they are included */
#define AGAIN_MS     200
#define LOOK_MS      50
#define HANDSHAKE_MS 5000

int copy_read_pem(const char *path, const char *what, struct x509_bytes *ret)
{
    struct buf b;
    buf_init(&b, PEM_MAX);
    int rc = file_read(path, &b);
    if (!rc)
        rc = x509_from_pem(buf_cstr(&b), b.len, what, ret);
    if (rc)
        log_error("copy", "%s: %s", path,
                  rc == OC_EPARSE ? "no PEM of the right kind is in it" : oc_strerror(rc));
    buf_fini(&b);
    return rc;
}

/* ---- made and freed ---- */

struct pems {
    struct x509_bytes certificate, key, authority, follower;
};

static WORKER_FN int read_pems(const struct copy_source_opts *o, struct pems *p)
{
    int rc = copy_read_pem(o->certificate, "CERTIFICATE", &p->certificate);
    if (!rc)
        rc = copy_read_pem(o->key, "PRIVATE KEY", &p->key);
    if (!rc)
        rc = copy_read_pem(o->authority, "CERTIFICATE", &p->authority);
    return rc ? rc : copy_read_pem(o->follower, "CERTIFICATE", &p->follower);
}

static WORKER_FN int make_tls(struct copy_source *s, struct pems *p)
{
    static const char *const alpn[] = {COPY_ALPN, NULL};
    struct x509_info info;
    int rc = read_pems(&s->o, p);
    if (!rc)
        rc = x509_read(p->follower.data, p->follower.len, &info);
    if (rc)
        return rc;
    memcpy(s->pin, info.pin, sizeof s->pin);
    const struct tls_blob authority = {p->authority.data, p->authority.len};
    const struct tls_opts t = {.server = true,
                               .certificate = {p->certificate.data, p->certificate.len},
                               .key = {p->key.data, p->key.len},
                               .authorities = &authority,
                               .authority_count = 1,
                               .alpn = alpn};
    return tls_ctx_new(&t, &s->tls);
}

int copy_source_new(const struct copy_source_opts *o, struct copy_source **ret)
{
    struct copy_source *s = calloc(1, sizeof *s);
    struct pems *p = secret_alloc(sizeof *p);
    int rc = s && p ? 0 : OC_ENOMEM;
    if (!rc) {
        s->o = *o;
        s->started_ns = loop_now_ns(o->loop);
        for (unsigned i = 0; i < COPY_PEERS; i++)
            flow_cond_init(&s->peers[i].moved);
    }
    if (!rc && o->host)
        rc = make_tls(s, p);
    secret_free(p, sizeof *p);
    if (rc)
        free(s);
    else
        *ret = s;
    return rc;
}

void copy_source_free(struct copy_source **source)
{
    struct copy_source *s = *source;
    *source = NULL;
    if (!s)
        return;
    sock_listener_close(&s->local);
    sock_listener_close(&s->remote);
    tls_ctx_put(&s->tls);
    free(s);
}

/* ---- arrivals ---- */

struct arrival {
    struct copy_source *source;
    struct stream *raw;
    bool local;
};

static void arrival_free(void *arg)
{
    struct arrival *a = arg;
    stream_close(&a->raw);
    a->source->connections--;
    free(a);
}

/* Only the daemon's own user and root read the whole ledger. */
static bool local_may(const struct stream *raw)
{
    uid_t uid;
    gid_t gid;
    pid_t pid;
    return sock_peer(sock_fd(raw), &uid, &gid, &pid) == 0 && (uid == 0 || uid == geteuid());
}

static CO_FN struct stream *let_in(struct arrival *a, const char *from)
{
    struct copy_source *s = a->source;
    struct stream *stream = a->raw;
    struct tls_failure why = {0};
    struct tls_peer peer;
    a->raw = NULL;
    if (a->local) {
        if (!local_may(stream)) {
            log_warn("copy", "refused on the socket: another user");
            stream_close(&stream);
        }
        return stream;
    }
    int rc = tls_co_accept(s->tls, s->o.pool, stream, flow_deadline_ms(HANDSHAKE_MS), &stream,
                           &peer, &why);
    if (rc) {
        log_warn("copy", "refused %s: %s", from, why.why ? why.why : oc_strerror(rc));
        return NULL;
    }
    if (!peer.has_certificate || !secret_equal(peer.pin, s->pin, sizeof s->pin)) {
        log_warn("copy", "refused %s: its key is not the one of copy.follower", from);
        stream_close(&stream);
    }
    return stream;
}

static int arrival_flow(void *arg) CO_FN;
static int arrival_flow(void *arg)
{
    struct arrival *a = arg;
    char from[SOCK_PEER_TEXT];
    flow_defer(arrival_free, a);
    flow_set_background(true);
    (void)sock_peer_text(sock_fd(a->raw), from);
    struct stream *stream = let_in(a, from);
    if (stream)
        peer_co_serve(a->source, stream, from);
    return 0;
}

static void welcome(struct copy_source *s, struct stream *raw, bool local)
{
    struct arrival *a = s->connections < CONNECTIONS ? calloc(1, sizeof *a) : NULL;
    if (!a) {
        log_warn("copy", "refused: too many connections");
        stream_close(&raw);
        return;
    }
    *a = (struct arrival){s, raw, local};
    s->connections++;
    if (flow_start(s->o.loop, "copy", arrival_flow, a, NULL) != 0)
        arrival_free(a);
}

static CO_FN int accept_all(struct copy_source *s, struct sock_listener *l, bool local)
{
    for (;;) {
        struct stream *raw = NULL;
        int rc = sock_co_accept(l, FLOW_FOREVER, &raw);
        if (rc == 0)
            welcome(s, raw, local);
        else if (rc == OC_ECANCELED || rc == OC_ECLOSED || flow_co_sleep_ms(AGAIN_MS) != 0)
            return rc;
    }
}

static int local_flow(void *arg) CO_FN;
static int local_flow(void *arg)
{
    struct copy_source *s = arg;
    flow_set_background(true);
    return accept_all(s, s->local, true);
}

static int remote_flow(void *arg) CO_FN;
static int remote_flow(void *arg)
{
    struct copy_source *s = arg;
    flow_set_background(true);
    return accept_all(s, s->remote, false);
}

static int look_flow(void *arg) CO_FN;
static int look_flow(void *arg)
{
    struct copy_source *s = arg;
    flow_set_background(true);
    for (;;) {
        peers_look(s);
        int rc = flow_co_sleep_ms(LOOK_MS);
        if (rc)
            return rc;
    }
}

int copy_source_start(struct copy_source *s)
{
    int rc = 0;
    ledger_copy_wait(s->o.ledger, s->o.wait_ms);
    if (s->o.socket)
        rc = sock_listen_unix(s->o.loop, s->o.socket, 0600, &s->local);
    if (!rc && s->local)
        rc = flow_start(s->o.loop, "copy door", local_flow, s, NULL);
    if (!rc && s->o.host)
        rc = sock_listen_tcp(s->o.loop, s->o.host, s->o.port, &s->remote);
    if (!rc && s->remote)
        rc = flow_start(s->o.loop, "copy door", remote_flow, s, NULL);
    return rc ? rc : flow_start(s->o.loop, "copy look", look_flow, s, NULL);
}

void copy_source_stop(struct copy_source *s)
{
    s->stopping = true;
    if (s->local)
        sock_listener_stop(s->local);
    if (s->remote)
        sock_listener_stop(s->remote);
}

int copy_source_port(const struct copy_source *s)
{
    return s->remote ? sock_listener_port(s->remote) : 0;
}

/* ---- what is told ---- */

unsigned copy_source_list(const struct copy_source *s, struct copy_state *rows)
{
    unsigned n = 0;
    int64_t now = loop_now_ns(s->o.loop);
    for (unsigned i = 0; i < COPY_PEERS; i++) {
        const struct peer *p = &s->peers[i];
        if (!p->source)
            continue;
        struct copy_state *r = &rows[n++];
        *r = (struct copy_state){.connected = p->stream != NULL,
                                 .since_ms = p->since_ms,
                                 .row = p->lag.acked,
                                 .behind_rows = lag_rows(&p->lag),
                                 .behind_ms = lag_ms(&p->lag, now)};
        (void)snprintf(r->name, sizeof r->name, "%s", p->name);
        (void)snprintf(r->peer, sizeof r->peer, "%s", p->from);
    }
    return n;
}

int64_t copy_source_behind_ms(const struct copy_source *s)
{
    struct copy_state rows[COPY_PEERS];
    unsigned n = copy_source_list(s, rows);
    int64_t least = (loop_now_ns(s->o.loop) - s->started_ns) / NS_PER_MS;
    for (unsigned i = 0; i < n; i++)
        if (i == 0 || rows[i].behind_ms < least)
            least = rows[i].behind_ms;
    return least;
}
