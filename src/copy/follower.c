/* onecard-copy: connects, says where its copy stands, takes what comes after, and again after every
 * interruption. What the network or the daemon does is tried again; what is wrong with the copy
 * itself ends it, because trying again would not make it right. */
#include "copy/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 5000
#define FIRST_MS   100
#define LONGEST_MS 5000
#define DRAIN_MS   5000
#define WORKERS    2 /* one applies, the other shakes hands */
#define WORK_QUEUE 8

/* ---- a connection ---- */

static CO_FN int dial(struct follower *f, struct stream **ret)
{
    const struct follower_config *c = f->c;
    int64_t until = flow_deadline_ms(CONNECT_MS);
    struct tls_failure why = {0};
    struct stream *raw = NULL;
    if (c->host[0] == '\0')
        return sock_co_connect_unix(c->connect, until, ret);
    int rc = sock_co_connect_tcp(c->host, c->port, until, &raw);
    if (!rc)
        rc = tls_co_connect(f->tls, f->pool, raw, COPY_HOST, NULL, until, ret, NULL, &why);
    if (rc == OC_EPERM)
        log_error("copy", "%s: %s%s", c->connect, why.why ? why.why : "refused",
                  why.alert ? ", says the daemon" : "");
    return rc;
}

static CO_FN int acknowledge(struct follower *f, struct stream *s)
{
    uint8_t mem[64];
    struct buf b;
    buf_over(&b, mem, sizeof mem);
    message_begin(&b, COPY_ACK);
    buf_put_u64(&b, (uint64_t)f->row);
    message_end(&b);
    return message_co_write(s, &b);
}

static CO_FN int say_hello(struct follower *f, struct stream *s)
{
    uint8_t mem[COPY_SMALL_MAX];
    struct hello h = {.row = f->row};
    struct buf b;
    (void)snprintf(h.name, sizeof h.name, "%s", f->c->name);
    memcpy(h.mac, f->mac, sizeof h.mac);
    buf_over(&b, mem, sizeof mem);
    hello_put(&b, &h);
    return message_co_write(s, &b);
}

/* The copy is wrong, or this program is too old for it: nothing that comes later helps. */
static bool for_good(int rc)
{
    static const int errors[] = {OC_ECHAIN, OC_EINTERNAL, OC_ENOTSUP, OC_EDB_CORRUPT, OC_EDB};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (rc == errors[i])
            return true;
    return false;
}

static CO_FN int take_bundle(struct follower *f, struct buf *b)
{
    (void)buf_get_u64(b); /* the daemon's last row */
    if (b->err)
        return OC_EPARSE;
    int rc = follower_co_apply(f, b, b->pos);
    if (for_good(rc)) {
        log_error("copy", "%s stops at row %lld: %s", f->c->ledger, (long long)f->row,
                  oc_strerror(rc));
        f->fatal = rc;
    }
    return rc;
}

static CO_FN int take_one(struct follower *f, struct stream *s, struct buf *b)
{
    enum copy_kind kind;
    int rc = message_co_read(s, COPY_MESSAGE_MAX, b, &kind);
    if (rc)
        return rc;
    switch (kind) {
    case COPY_WELCOME:
        log_info("copy", "connected to %s: it is at row %lld, this copy at %lld", f->c->connect,
                 buf_get_u8(b) == COPY_VERSION ? (long long)buf_get_u64(b) : -1, (long long)f->row);
        f->told = 0;
        return 0;
    case COPY_BUNDLE:
        rc = take_bundle(f, b);
        return rc ? rc : acknowledge(f, s);
    case COPY_BEAT:
        return acknowledge(f, s);
    case COPY_REFUSED:
        buf_put_u8(b, 0);
        log_error("copy", "%s refuses this copy: %.300s", f->c->connect,
                  (const char *)b->data + b->pos);
        return OC_EPERM;
    default:
        return OC_EPARSE;
    }
}

static CO_FN int follow(struct follower *f)
{
    struct stream *s = NULL;
    struct buf b;
    int rc = dial(f, &s);
    if (rc)
        return rc;
    buf_init(&b, COPY_MESSAGE_MAX);
    rc = say_hello(f, s);
    while (!rc)
        rc = take_one(f, s, &b);
    buf_fini(&b);
    stream_close(&s);
    return rc;
}

static int follow_flow(void *arg) CO_FN;
static int follow_flow(void *arg)
{
    struct follower *f = arg;
    int64_t pause = FIRST_MS, before = f->row;
    flow_set_background(true);
    for (;;) {
        int rc = follow(f);
        if (f->fatal) {
            loop_stop(f->loop, 0);
            return f->fatal;
        }
        if (rc == OC_ECANCELED)
            return rc;
        if (rc != f->told)
            log_warn("copy", "%s: %s; trying again, the copy is at row %lld", f->c->connect,
                     oc_strerror(rc), (long long)f->row);
        f->told = rc;
        pause = f->row > before ? FIRST_MS : pause * 2 < LONGEST_MS ? pause * 2 : LONGEST_MS;
        before = f->row;
        rc = flow_co_sleep_ms(pause);
        if (rc)
            return rc;
    }
}

/* ---- the program ---- */

static WORKER_FN int make_tls(struct follower *f)
{
    static const char *const alpn[] = {COPY_ALPN, NULL};
    struct {
        struct x509_bytes certificate, key, authority;
    } *p = secret_alloc(sizeof *p);
    if (!p)
        return OC_ENOMEM;
    int rc = copy_read_pem(f->c->certificate, "CERTIFICATE", &p->certificate);
    if (!rc)
        rc = copy_read_pem(f->c->key, "PRIVATE KEY", &p->key);
    if (!rc)
        rc = copy_read_pem(f->c->authority, "CERTIFICATE", &p->authority);
    const struct tls_blob authority = {p->authority.data, p->authority.len};
    const struct tls_opts t = {.certificate = {p->certificate.data, p->certificate.len},
                               .key = {p->key.data, p->key.len},
                               .authorities = &authority,
                               .authority_count = 1,
                               .alpn = alpn};
    if (!rc)
        rc = tls_ctx_new(&t, &f->tls);
    secret_free(p, sizeof *p);
    return rc;
}

static void on_signal(int signo, void *arg)
{
    struct follower *f = arg;
    (void)signo;
    loop_stop(f->loop, DRAIN_MS);
}

static WORKER_FN int open_all(struct follower *f)
{
    int rc = follower_open(f);
    if (!rc && f->c->host[0] != '\0')
        rc = make_tls(f);
    if (!rc)
        rc = loop_new(&f->loop, NULL);
    if (!rc)
        rc = pool_new(&f->pool, "copy", WORKERS, WORK_QUEUE, NULL, NULL);
    if (!rc)
        rc = loop_signal(f->loop, SIGTERM, on_signal, f);
    if (!rc)
        rc = loop_signal(f->loop, SIGINT, on_signal, f);
    return rc ? rc : flow_start(f->loop, "follow", follow_flow, f, NULL);
}

int follower_run(const struct follower_config *c, void (*ready)(int64_t row))
{
    struct follower f = {.c = c};
    int rc = open_all(&f);
    if (!rc && ready)
        ready(f.row);
    if (!rc)
        rc = loop_run(f.loop);
    pool_free(&f.pool);
    loop_free(&f.loop);
    tls_ctx_put(&f.tls);
    ledger_copy_close(&f.copy);
    return f.fatal ? f.fatal : rc;
}
