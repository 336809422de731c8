/* Who vouches for terminals, and for the switch towards them. The site's own authority stands in
 * the ledger, its key sealed; it is made once. The switch's certificate and its key live in memory
 * only and are made anew each day, as are the keys of session tickets, which follow from the key
 * store and the day: so tickets survive a restart, and one of the day before is still good. */
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE       "authority:key"
#define SERVER_DAYS 90
#define NAMES_MAX   48
#define TICKET_KEY  48
#define LOOK_MS     60000
#define PEM_MAX     65536

static const char *const protocols[] = {"onecard/1", "onecard-enroll/1", NULL};

int authority_read_external(struct terminals *t)
{
    const char *path = t->config->authority;
    struct x509_info info;
    struct buf b;
    if (!path)
        return 0;
    buf_init(&b, PEM_MAX);
    int rc = file_read(path, &b);
    if (rc == 0)
        rc = x509_from_pem(buf_cstr(&b), b.len, "CERTIFICATE", &t->external);
    if (rc == 0)
        rc = x509_read(t->external.data, t->external.len, &info);
    if (rc == 0 && !info.authority)
        rc = OC_EINVAL;
    buf_fini(&b);
    if (rc != 0)
        log_error("terminal", "terminals.authority %s: %s", path,
                  rc == OC_EINVAL   ? "this certificate may not sign others"
                  : rc == OC_EPARSE ? "no certificate in PEM"
                                    : oc_strerror(rc));
    else
        log_info("terminal", "certificates of \"%s\" are taken as well", info.name);
    return rc;
}

/* ---- the authority's key ---- */

/* Two blobs of this size do not fit on a flow's stack. */
struct making {
    struct x509_bytes key, cert, csr;
};
static struct making *making_new(void)
{
    return secret_alloc(sizeof(struct making));
}
static void making_free(struct making *m)
{
    secret_free(m, sizeof *m);
}

static int open_key(struct terminals *t, struct x509_bytes *ret)
{
    struct buf b;
    buf_over(&b, ret->data, sizeof ret->data);
    int rc =
        vault_unseal(t->serve, PLACE, (struct bytes){t->sealed->sealed, t->sealed->sealed_len}, &b);
    ret->len = b.len;
    return rc;
}

static int adopt(struct terminals *t, const struct op_authority *a)
{
    t->sealed = malloc(sizeof *t->sealed);
    if (!t->sealed || a->cert_len > sizeof t->authority.data)
        return OC_ENOMEM;
    *t->sealed = *a;
    memcpy(t->authority.data, a->cert, a->cert_len);
    t->authority.len = a->cert_len;
    return 0;
}

static int fill(struct terminals *t, struct making *m, struct op_authority *a)
{
    char name[X509_NAME_LEN];
    struct buf b;
    (void)snprintf(name, sizeof name, "onecard %.40s", t->serve->fixed->site.name);
    (void)text_trim_utf8(name);
    int rc = x509_key_new(&m->key);
    if (rc == 0)
        rc = x509_authority_new(&m->key, name, serve_now_ms(t->serve), t->config->authority_days,
                                &m->cert);
    if (rc == 0 && m->cert.len > sizeof a->cert)
        rc = OC_ELIMIT;
    if (rc != 0)
        return rc;
    memcpy(a->cert, m->cert.data, m->cert.len);
    a->cert_len = (uint16_t)m->cert.len;
    buf_over(&b, a->sealed, sizeof a->sealed);
    rc = vault_seal(t->serve, PLACE, (struct bytes){m->key.data, m->key.len}, &b);
    a->sealed_len = (uint16_t)b.len;
    return rc;
}

static CO_FN int make(struct terminals *t)
{
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    struct making *m = making_new();
    if (!m || !op) {
        making_free(m);
        return OC_ENOMEM;
    }
    op->type = LOP_AUTHORITY;
    (void)snprintf(op->who, sizeof op->who, "onecardd");
    int rc = fill(t, m, &op->authority);
    making_free(m);
    if (rc == 0)
        rc = ledger_co_submit(t->serve->ledger, op);
    if (rc == 0)
        log_info("terminal", "the site's authority for terminals was made");
    return rc == 0 ? adopt(t, &op->authority) : rc;
}

int authority_co_open(struct terminals *t)
{
    char print[33] = "";
    struct op_authority *a = arena_alloc(flow_arena(), sizeof *a);
    int rc = a ? ledger_co_authority(t->serve->ledger, a) : OC_ENOMEM;
    rc = rc == OC_ENOENT ? make(t) : rc == 0 ? adopt(t, a) : rc;
    if (rc == 0)
        rc = authority_fingerprint(t, print);
    if (rc == 0)
        log_info("terminal", "authority %s", print);
    else
        log_error("terminal", "authority for terminals: %s", oc_strerror(rc));
    return rc;
}

int authority_fingerprint(struct terminals *t, char ret[33])
{
    uint8_t digest[32];
    char hex[65];
    int rc =
        hash_sha256(t->serve->crypto, (struct bytes){t->authority.data, t->authority.len}, digest);
    if (rc != 0)
        return rc;
    (void)hex_encode(digest, sizeof digest, hex);
    for (size_t i = 0; i < 32; i++)
        ret[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + 32 : hex[i]);
    ret[32] = '\0';
    return 0;
}

int authority_issue(struct terminals *t, const void *csr, size_t len, const char *name,
                    struct x509_bytes *ret)
{
    struct making *m = making_new();
    int rc = m ? open_key(t, &m->key) : OC_ENOMEM;
    if (rc == 0) {
        struct x509_issue w = {.authority_key = &m->key,
                               .authority_cert = &t->authority,
                               .csr = csr,
                               .csr_len = len,
                               .name = name,
                               .use = X509_TERMINAL,
                               .now_ms = serve_now_ms(t->serve),
                               .days = t->config->certificate_days};
        rc = x509_issue(&w, ret);
    }
    making_free(m);
    return rc;
}

/* ---- the switch's own certificate ---- */

struct names {
    const char *items[NAMES_MAX + 1];
    size_t count;
    char host[256], listen[SERVE_LISTEN_MAX][64];
};

static void add_name(struct names *n, const char *name)
{
    if (name[0] == '\0' || n->count == NAMES_MAX)
        return;
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->items[i], name) == 0)
            return;
    n->items[n->count++] = name;
}

static void collect_names(const struct terminals *t, struct names *n)
{
    const struct serve_terminals *c = t->config;
    memset(n, 0, sizeof *n);
    for (size_t i = 0; i < c->names.count; i++)
        add_name(n, c->names.items[i]);
    if (gethostname(n->host, sizeof n->host - 1) == 0 && serve_name_ok(n->host))
        add_name(n, n->host);
    add_name(n, "localhost");
    add_name(n, "127.0.0.1");
    add_name(n, "::1");
    for (size_t i = 0; i < c->listen.count && i < SERVE_LISTEN_MAX; i++) {
        struct serve_address a;
        if (serve_listen_parse(c->listen.items[i], &a) != 0 || strcmp(a.host, "0.0.0.0") == 0 ||
            strcmp(a.host, "::") == 0)
            continue;
        memcpy(n->listen[i], a.host, sizeof a.host);
        add_name(n, n->listen[i]);
    }
}

/* m->key becomes the new key, m->cert its certificate. */
static int issue_server(struct terminals *t, struct making *m)
{
    struct names names;
    collect_names(t, &names);
    const char *name = t->config->names.count > 0 ? t->config->names.items[0] : "localhost";
    struct x509_bytes *authority = secret_alloc(sizeof *authority);
    int rc = authority ? open_key(t, authority) : OC_ENOMEM;
    if (rc == 0)
        rc = x509_key_new(&m->key);
    if (rc == 0 && strlen(name) >= X509_NAME_LEN)
        name = "onecard switch";
    if (rc == 0)
        rc = x509_request_new(&m->key, name, &m->csr);
    if (rc == 0) {
        struct x509_issue w = {.authority_key = authority,
                               .authority_cert = &t->authority,
                               .csr = m->csr.data,
                               .csr_len = m->csr.len,
                               .name = name,
                               .use = X509_SERVER,
                               .dns = names.items,
                               .now_ms = serve_now_ms(t->serve),
                               .days = SERVER_DAYS};
        rc = x509_issue(&w, &m->cert);
    }
    secret_free(authority, sizeof *authority);
    return rc;
}

static int ticket_key(struct serve *s, int64_t day, uint8_t ret[TICKET_KEY])
{
    char label[40];
    uint8_t half[32];
    (void)snprintf(label, sizeof label, "tickets:%lld:1", (long long)day);
    int rc = keystore_key(s->keystore, s->crypto, label, ret);
    label[strlen(label) - 1] = '2';
    if (rc == 0)
        rc = keystore_key(s->keystore, s->crypto, label, half);
    memcpy(ret + 32, half, TICKET_KEY - 32);
    secret_wipe(half, sizeof half);
    return rc;
}

static int make_ctx(struct terminals *t, const struct making *m, struct tls_ctx **ret)
{
    struct serve *s = t->serve;
    int64_t day = serve_now_ms(s) / MS_PER_DAY;
    uint8_t now[TICKET_KEY], old[TICKET_KEY];
    const struct tls_blob authorities[] = {{t->authority.data, t->authority.len},
                                           {t->external.data, t->external.len}};
    struct tls_opts o = {.server = true,
                         .certificate = {m->cert.data, m->cert.len},
                         .key = {m->key.data, m->key.len},
                         .authorities = authorities,
                         .authority_count = t->external.len > 0 ? 2 : 1,
                         .alpn = protocols,
                         .alpn_without_certificate = protocols[1],
                         .ticket_key = now,
                         .ticket_key_old = old,
                         .silence_ms = t->config->handshake_ms / 4,
                         .metrics = s->metrics};
    int rc = ticket_key(s, day, now);
    if (rc == 0)
        rc = ticket_key(s, day - 1, old);
    if (rc == 0)
        rc = tls_ctx_new(&o, ret);
    secret_wipe(now, sizeof now);
    secret_wipe(old, sizeof old);
    return rc;
}

int authority_server(struct terminals *t)
{
    struct tls_ctx *ctx = NULL;
    struct making *m = making_new();
    int rc = m ? issue_server(t, m) : OC_ENOMEM;
    if (rc == 0)
        rc = make_ctx(t, m, &ctx);
    making_free(m);
    if (rc != 0) {
        log_error("terminal", "the switch's own certificate: %s", oc_strerror(rc));
        return rc;
    }
    tls_ctx_put(&t->tls);
    t->tls = ctx;
    return 0;
}

static int keep_flow(void *arg) CO_FN;
static int keep_flow(void *arg)
{
    struct terminals *t = arg;
    int64_t day = serve_now_ms(t->serve) / MS_PER_DAY;
    int rc = 0;
    flow_set_background(true);
    while (rc == 0) {
        flow_trim_stack();
        rc = flow_co_sleep_ms(LOOK_MS);
        int64_t now = serve_now_ms(t->serve) / MS_PER_DAY;
        if (rc == 0 && now != day && authority_server(t) == 0)
            day = now;
    }
    return rc;
}

int authority_keep(struct terminals *t)
{
    return flow_start(t->serve->loop, "certificate", keep_flow, t, NULL);
}
