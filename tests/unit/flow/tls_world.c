#include "tls_world.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct world w;
const char *const both_protocols[] = {PROTO, ENROL, NULL};
const char *const main_protocol[] = {PROTO, NULL};
const char *const enrol_protocol[] = {ENROL, NULL};

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CHECK(e && X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static void extend_all(X509 *x, X509 *issuer, enum identity_kind kind)
{
    if (kind == AUTHORITY) {
        extend(x, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
        extend(x, issuer, NID_key_usage, "critical,keyCertSign");
        return;
    }
    extend(x, issuer, NID_key_usage, "critical,digitalSignature");
    extend(x, issuer, NID_ext_key_usage, kind == END_SERVER ? "serverAuth" : "clientAuth");
    if (kind == END_SERVER)
        extend(x, issuer, NID_subject_alt_name, "DNS:" SERVER ",IP:127.0.0.1");
}

void identity_make(struct identity *i, const char *name, const struct identity *issuer,
                   enum identity_kind kind, long from_s, long to_s)
{
    static long serial = 1;
    unsigned char *der = NULL, *key = NULL;
    *i = (struct identity){.key = EVP_EC_gen("P-256"), .cert = X509_new()};
    X509 *x = i->cert;
    CHECK(i->key && x);
    CHECK(X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x), from_s) &&
          X509_gmtime_adj(X509_getm_notAfter(x), to_s));
    CHECK(X509_set_pubkey(x, i->key) == 1);
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                     (const unsigned char *)name, -1, -1, 0) == 1);
    X509 *by = issuer ? issuer->cert : x;
    CHECK(X509_set_issuer_name(x, X509_get_subject_name(by)) == 1);
    extend_all(x, by, kind);
    CHECK(X509_sign(x, issuer ? issuer->key : i->key, EVP_sha256()) > 0);
    int len = i2d_X509(x, &der), key_len = i2d_PrivateKey(i->key, &key);
    CHECK(len > 0 && key_len > 0);
    i->der = (struct tls_blob){der, (size_t)len};
    i->key_der = (struct tls_blob){key, (size_t)key_len};
    CHECK(X509_digest(x, EVP_sha256(), i->fingerprint, NULL) == 1);
}

static void release(struct tls_blob *b)
{
    void *p;
    memcpy(&p, &b->bytes, sizeof p);
    OPENSSL_free(p);
    *b = (struct tls_blob){0};
}

void identity_free(struct identity *i)
{
    EVP_PKEY_free(i->key);
    X509_free(i->cert);
    release(&i->der);
    release(&i->key_der);
}

int world_set_up(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    identity_make(&w.authority, "city", NULL, AUTHORITY, -3600, 86400);
    identity_make(&w.stranger, "stranger", NULL, AUTHORITY, -3600, 86400);
    identity_make(&w.server, "the switch", &w.authority, END_SERVER, -3600, 86400);
    identity_make(&w.terminal, "gate-7", &w.authority, END_CLIENT, -3600, 86400);
    identity_make(&w.expired, "gate-8", &w.authority, END_CLIENT, -3600, -60);
    identity_make(&w.foreign, "gate-9", &w.stranger, END_CLIENT, -3600, 86400);
    memset(w.ticket_key, 0x11, sizeof w.ticket_key);
    memset(w.other_key, 0x22, sizeof w.other_key);
    return 0;
}

int world_tear_down(void **state)
{
    (void)state;
    struct identity *all[] = {&w.authority, &w.stranger, &w.server,
                              &w.terminal,  &w.expired,  &w.foreign};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        identity_free(all[i]);
    return 0;
}

struct tls_opts server_opts(void)
{
    return (struct tls_opts){.server = true,
                             .certificate = w.server.der,
                             .key = w.server.key_der,
                             .authorities = &w.authority.der,
                             .authority_count = 1,
                             .alpn = both_protocols,
                             .alpn_without_certificate = ENROL,
                             .ticket_key = w.ticket_key};
}

struct tls_opts client_opts(const struct identity *who)
{
    return (struct tls_opts){.certificate = who ? who->der : (struct tls_blob){0},
                             .key = who ? who->key_der : (struct tls_blob){0},
                             .authorities = &w.authority.der,
                             .authority_count = 1,
                             .alpn = main_protocol};
}

struct tls_ctx *ctx_of(struct tls_opts o)
{
    struct tls_ctx *c = NULL;
    CHECK(tls_ctx_new(&o, &c) == 0);
    return c;
}

/* --- one connection --- */

CO_FN static int echo(struct stream *s)
{
    char block[1500];
    size_t got;
    int rc = 0;
    while (rc == 0) {
        rc = stream_co_read(s, block, sizeof block, &got, flow_deadline_ms(20000));
        if (rc == 0)
            rc = stream_co_write(s, block, got, flow_deadline_ms(20000));
    }
    return rc;
}

CO_FN static int serve(void *arg)
{
    struct talk *t = arg;
    struct stream *raw, *s;
    int rc = sock_co_accept(t->listener, flow_deadline_ms(20000), &raw);
    if (rc == 0)
        rc = tls_co_accept(t->server, t->pool, raw, flow_deadline_ms(t->timeout_ms), &s,
                           &t->server_peer, &t->server_why);
    t->server_rc = rc;
    if (rc)
        return rc;
    t->server_end = echo(s);
    stream_close(&s);
    return 0;
}

CO_FN static int ping(struct talk *t, struct stream *s)
{
    char back[4];
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < t->rounds; i++) {
        rc = stream_co_write(s, "ping", 4, flow_deadline_ms(20000));
        if (rc == 0)
            rc = stream_co_read_full(s, back, 4, flow_deadline_ms(20000));
        if (rc == 0 && memcmp(back, "ping", 4) != 0)
            rc = OC_EINTERNAL;
    }
    return rc;
}

CO_FN static int call(void *arg)
{
    struct talk *t = arg;
    struct stream *raw, *s;
    int rc = sock_co_connect_tcp("127.0.0.1", sock_listener_port(t->listener),
                                 flow_deadline_ms(5000), &raw);
    if (rc)
        return t->client_rc = rc;
    if (t->co_client)
        return t->client_rc = t->co_client(t, raw);
    rc = tls_co_connect(t->client, t->pool, raw, t->name ? t->name : SERVER, t->session,
                        flow_deadline_ms(t->timeout_ms), &s, &t->client_peer, &t->client_why);
    t->client_rc = rc;
    if (rc)
        return rc;
    t->talk_rc = ping(t, s);
    (void)tls_refusal(s, &t->talk_why);
    stream_close(&s);
    return 0;
}

int talk_co_run(struct talk *t)
{
    struct flow *server = NULL, *client = NULL;
    t->timeout_ms = t->timeout_ms ? t->timeout_ms : 20000;
    t->rounds = t->rounds ? t->rounds : 1;
    t->server_rc = t->client_rc = t->talk_rc = t->server_end = 1;
    int rc = sock_listen_tcp(flow_loop(), "127.0.0.1", 0, &t->listener);
    if (rc == 0)
        rc = flow_start(flow_loop(), "server", serve, t, &server);
    if (rc == 0)
        rc = flow_start(flow_loop(), "client", call, t, &client);
    if (server)
        rc = flow_co_join(server, NULL, flow_deadline_ms(30000));
    if (client)
        rc = flow_co_join(client, NULL, flow_deadline_ms(30000));
    flow_put(server);
    flow_put(client);
    sock_listener_close(&t->listener);
    return rc;
}

CO_FN static int run(void *arg)
{
    return talk_co_run(arg);
}

void talk_run(struct talk *t)
{
    bool own = !t->loop, own_pool = !t->pool;
    if (own)
        t->loop = test_loop(NULL);
    if (own_pool)
        assert_int_equal(pool_new(&t->pool, "tls", 2, 64, NULL, NULL), 0);
    int rc = loop_run_flow(t->loop, "talk", run, t);
    if (own_pool)
        pool_free(&t->pool);
    if (own)
        loop_free(&t->loop);
    assert_int_equal(rc, 0);
}
