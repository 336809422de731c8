/* libcurl on the loop, against a server of ours in the same process: mutual TLS, what was sent and
 * what was not, what is too much. */
#include "upstream_test.h"

#include <stdlib.h>
#include <unistd.h>

enum mode { ANSWER, SILENT, CLOSE, HTML, TOO_LARGE, TOO_MANY_HEADERS, REDIRECT, NO_CONTENT_TYPE };

/* Certificates, once. */
static struct x509_bytes ca_key, ca_cert, other_key, other_cert;
static struct pem {
    struct buf ca, other_ca, certificate, key, stranger;
} pem;
static struct x509_bytes server_key, server_cert;

static struct world {
    struct loop *loop;
    struct crypto *crypto;
    struct upstream *u;
    struct pool *pool;
    struct tls_ctx *tls;
    struct sock_listener *listener;
    struct flow *server;
    enum mode mode;
    unsigned connections, requests, handshakes_failed;
    char client[64];
    char head[2048];
    char body[4096];
} * w;

static void issue(enum x509_use use, const struct x509_bytes *by_key, const struct x509_bytes *by,
                  const char *name, struct x509_bytes *ret_key, struct x509_bytes *ret_cert)
{
    static const char *const names[] = {"bank.test", "127.0.0.1", NULL};
    static struct x509_bytes csr;
    assert_int_equal(x509_key_new(ret_key), 0);
    assert_int_equal(x509_request_new(ret_key, name, &csr), 0);
    struct x509_issue i = {.authority_key = by_key,
                           .authority_cert = by,
                           .csr = csr.data,
                           .csr_len = csr.len,
                           .name = name,
                           .use = use,
                           .dns = use == X509_SERVER ? names : NULL,
                           .now_ms = clock_wall_ms(&clock_system),
                           .days = 30};
    assert_int_equal(x509_issue(&i, ret_cert), 0);
}

static void to_pem(const struct x509_bytes *der, const char *what, struct buf *out)
{
    buf_init(out, 0);
    assert_int_equal(x509_to_pem(der, what, out), 0);
    (void)buf_cstr(out);
}

static int set_up_all(void **state)
{
    int64_t now = clock_wall_ms(&clock_system);
    static struct x509_bytes key, cert;
    (void)state;
    log_set_level(LOG_ERROR);
    assert_int_equal(x509_key_new(&ca_key), 0);
    assert_int_equal(x509_authority_new(&ca_key, "bank authority", now, 300, &ca_cert), 0);
    assert_int_equal(x509_key_new(&other_key), 0);
    assert_int_equal(x509_authority_new(&other_key, "another", now, 300, &other_cert), 0);
    to_pem(&ca_cert, "CERTIFICATE", &pem.ca);
    to_pem(&other_cert, "CERTIFICATE", &pem.other_ca);
    issue(X509_SERVER, &ca_key, &ca_cert, "bank.test", &server_key, &server_cert);
    issue(X509_TERMINAL, &ca_key, &ca_cert, "city", &key, &cert);
    to_pem(&cert, "CERTIFICATE", &pem.certificate);
    to_pem(&key, "PRIVATE KEY", &pem.key);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    buf_fini(&pem.ca);
    buf_fini(&pem.other_ca);
    buf_fini(&pem.certificate);
    buf_fini(&pem.key);
    return 0;
}

/* ---- the server ---- */

static CO_FN int read_request(struct stream *s)
{
    char *p = w->head;
    size_t have = 0, n = 0, need = 0;
    char *end = NULL;
    while (end == NULL || have < need) {
        if (have + 1 >= sizeof w->head)
            return OC_ELIMIT;
        int rc = stream_co_read(s, p + have, sizeof w->head - 1 - have, &n, FLOW_FOREVER);
        if (rc != 0)
            return rc;
        have += n;
        p[have] = '\0';
        end = strstr(p, "\r\n\r\n");
        const char *length = strstr(p, "Content-Length: ");
        if (end != NULL)
            need = (size_t)(end + 4 - p) + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
    (void)snprintf(w->body, sizeof w->body, "%s", end + 4);
    w->requests++;
    return 0;
}

static CO_FN int say(struct stream *s, const char *text)
{
    return stream_co_write(s, text, strlen(text), FLOW_FOREVER);
}

static CO_FN int say_much(struct stream *s, bool headers)
{
    static char kib[1025];
    memset(kib, 'x', 1024);
    int rc = say(s, headers ? "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            : "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    for (int i = 0; rc == 0 && i < 1200; i++) {
        if (headers)
            rc = say(s, "X-Much: ");
        if (rc == 0)
            rc = say(s, kib);
        if (rc == 0 && headers)
            rc = say(s, "\r\n");
    }
    return rc;
}

static CO_FN int respond(struct stream *s)
{
    switch (w->mode) {
    case ANSWER:
        return say(s, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
                      "Content-Length: 11\r\n\r\n{\"held\":{}}");
    case HTML:
        return say(s, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n"
                      "\r\n<html>");
    case NO_CONTENT_TYPE:
        return say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    case REDIRECT:
        return say(s, "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://127.0.0.1:1/\r\n"
                      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    case TOO_LARGE:
        return say_much(s, false);
    case TOO_MANY_HEADERS:
        return say_much(s, true);
    case SILENT:
        return flow_co_sleep_ms(60000);
    default:
        return OC_ECLOSED;
    }
}

struct conn {
    struct stream *raw;
};

static int conn_flow(void *arg) CO_FN;
static int conn_flow(void *arg)
{
    struct conn *c = arg;
    struct stream *s = NULL;
    struct tls_peer peer;
    struct tls_failure why;
    flow_set_background(true);
    int rc = tls_co_accept(w->tls, w->pool, c->raw, flow_deadline_ms(5000), &s, &peer, &why);
    free(c);
    if (rc != 0) {
        w->handshakes_failed++;
        return 0;
    }
    w->connections++;
    (void)snprintf(w->client, sizeof w->client, "%s", peer.name);
    while (rc == 0) {
        rc = read_request(s);
        if (rc == 0)
            rc = respond(s);
    }
    stream_close(&s);
    return 0;
}

static int server_flow(void *arg) CO_FN;
static int server_flow(void *arg)
{
    (void)arg;
    flow_set_background(true);
    for (;;) {
        struct conn *c = calloc(1, sizeof *c);
        int rc = c ? sock_co_accept(w->listener, FLOW_FOREVER, &c->raw) : OC_ENOMEM;
        if (rc != 0) {
            free(c);
            return rc;
        }
        if (flow_start(w->loop, "conn", conn_flow, c, NULL) != 0)
            return OC_ENOMEM;
    }
}

static const char *const http[] = {"http/1.1", NULL};

static void world_open(void)
{
    w = calloc(1, sizeof *w);
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    assert_int_equal(crypto_new(NULL, &w->crypto), 0);
    assert_int_equal(pool_new(&w->pool, "tls", 1, 64, NULL, NULL), 0);
    struct tls_blob authority = {ca_cert.data, ca_cert.len};
    struct tls_opts to = {.server = true,
                          .certificate = {server_cert.data, server_cert.len},
                          .key = {server_key.data, server_key.len},
                          .authorities = &authority,
                          .authority_count = 1,
                          .alpn = http};
    assert_int_equal(tls_ctx_new(&to, &w->tls), 0);
    assert_int_equal(sock_listen_tcp(w->loop, "127.0.0.1", 0, &w->listener), 0);
    assert_int_equal(flow_start(w->loop, "server", server_flow, NULL, &w->server), 0);
}

static struct upstream_route good_route(char *url, size_t cap)
{
    (void)snprintf(url, cap, "https://127.0.0.1:%d/onecard", sock_listener_port(w->listener));
    return (struct upstream_route){.participant = "bank",
                                   .url = url,
                                   .ca = buf_cstr(&pem.ca),
                                   .certificate = buf_cstr(&pem.certificate),
                                   .key = buf_cstr(&pem.key),
                                   .timeout_ms = 500,
                                   .connect_ms = 400,
                                   .failures = 100};
}

static void open_route(const struct upstream_route *route)
{
    struct upstream_opts o = {.loop = w->loop,
                              .clock = &clock_system,
                              .crypto = w->crypto,
                              .rng = &rng_system,
                              .seed = test_seed,
                              .from = "site-1000000000000001-0",
                              .routes = route,
                              .route_count = 1};
    assert_int_equal(upstream_open(&o, &w->u), 0);
}

static int end_flow(void *arg) CO_FN;
static int end_flow(void *arg)
{
    (void)arg;
    return flow_co_sleep_ms(1);
}

static void world_close(void)
{
    upstream_close(&w->u);
    flow_cancel(w->server);
    loop_stop(w->loop, 100);
    int rc = loop_run_flow(w->loop, "end", end_flow, NULL);
    assert_true(rc == 0 || rc == OC_ECANCELED);
    assert_int_equal(loop_run(w->loop), 0);
    flow_put(w->server);
    pool_free(&w->pool);
    sock_listener_close(&w->listener);
    tls_ctx_put(&w->tls);
    loop_free(&w->loop);
    crypto_free(&w->crypto);
    free(w);
}

struct one {
    int rc;
    struct upstream_answer a;
    char text[64], why[160];
};

static int post_flow(void *arg) CO_FN;
static int post_flow(void *arg)
{
    struct one *o = arg;
    o->rc = upstream_co_post(w->u, "bank", "hold", "hold-1", "{\"id\":\"1\"}", 10, FLOW_FOREVER,
                             flow_arena(), &o->a);
    if (o->rc == 0)
        (void)snprintf(o->text, sizeof o->text, "%.60s", o->a.body);
    (void)snprintf(o->why, sizeof o->why, "%s", upstream_why(w->u, "bank"));
    return o->rc;
}

static struct one post(void)
{
    struct one o = {0};
    int rc = loop_run_flow(w->loop, "post", post_flow, &o);
    assert_int_equal(rc, o.rc);
    return o;
}

/* ---- the tests ---- */

static void call_is_answered_over_mutual_tls_and_the_connection_is_kept(void **state)
{
    char url[64];
    (void)state;
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    open_route(&r);
    for (int i = 0; i < 3; i++) {
        struct one o = post();
        assert_int_equal(o.rc, 0);
        assert_int_equal(o.a.status, 200);
        assert_string_equal(o.text, "{\"held\":{}}");
    }
    assert_int_equal(w->requests, 3);
    assert_int_equal(w->connections, 1);
    assert_string_equal(w->client, "city");
    assert_string_equal(w->body, "{\"id\":\"1\"}");
    assert_non_null(strstr(w->head, "POST /onecard/hold HTTP/1.1\r\n"));
    assert_non_null(strstr(w->head, "Idempotency-Key: hold-1\r\n"));
    assert_non_null(strstr(w->head, "Onecard-From: site-1000000000000001-0\r\n"));
    assert_non_null(strstr(w->head, "Onecard-To: bank\r\n"));
    assert_non_null(strstr(w->head, "Onecard-Signature: "));
    assert_null(strstr(w->head, "Expect"));
    world_close();
}

static void R12_no_answer_is_unknown_and_the_next_call_is_good(void **state)
{
    char url[64];
    (void)state;
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    open_route(&r);
    w->mode = SILENT;
    assert_int_equal(post().rc, OC_ETIMEDOUT);
    w->mode = ANSWER;
    assert_int_equal(post().rc, 0);
    world_close();
}

static void R12_connection_closed_after_the_request_is_unknown(void **state)
{
    char url[64];
    (void)state;
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    open_route(&r);
    w->mode = CLOSE;
    struct one o = post();
    assert_int_equal(o.rc, OC_ECLOSED);
    assert_false(upstream_unsent(o.rc));
    assert_true(w->requests >= 1);
    world_close();
}

static void R12_nobody_there_or_nobody_trusted_means_nothing_was_sent(void **state)
{
    char url[64];
    (void)state;
    for (int i = 0; i < 4; i++) {
        world_open();
        struct upstream_route r = good_route(url, sizeof url);
        if (i == 0)
            r.url = "https://127.0.0.1:1/x";
        else if (i == 1)
            r.ca = buf_cstr(&pem.other_ca);
        else if (i == 2) /* the certificate names 127.0.0.1 and bank.test */
            (void)snprintf(url, sizeof url, "https://127.0.0.2:%d/x",
                           sock_listener_port(w->listener));
        else
            r.url = "https://no-such-host.invalid/x";
        open_route(&r);
        struct one o = post();
        assert_int_equal(o.rc, OC_EIO);
        assert_true(upstream_unsent(o.rc));
        assert_string_not_equal(o.why, "");
        assert_int_equal(w->requests, 0);
        world_close();
    }
}

static void server_that_wants_a_certificate_gets_no_request_without_one(void **state)
{
    char url[64];
    (void)state;
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    r.certificate = r.key = NULL;
    open_route(&r);
    assert_true(post().rc < 0);
    assert_int_equal(w->requests, 0);
    world_close();
}

static void answer_that_is_no_json_is_unknown(void **state)
{
    const enum mode modes[] = {HTML, NO_CONTENT_TYPE};
    char url[64];
    (void)state;
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    open_route(&r);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        w->mode = modes[i];
        assert_int_equal(post().rc, OC_ECLOSED);
    }
    world_close();
}

static void answer_that_is_too_large_is_cut_off(void **state)
{
    const enum mode modes[] = {TOO_LARGE, TOO_MANY_HEADERS};
    char url[64];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        world_open();
        struct upstream_route r = good_route(url, sizeof url);
        r.timeout_ms = 5000;
        open_route(&r);
        w->mode = modes[i];
        assert_int_equal(post().rc, OC_ELIMIT);
        world_close();
    }
}

static void redirect_is_not_followed(void **state)
{
    char url[64];
    (void)state;
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    open_route(&r);
    w->mode = REDIRECT;
    struct one o = post();
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.a.status, 307);
    assert_int_equal(w->requests, 1);
    world_close();
}

static void proxy_of_the_environment_is_not_used(void **state)
{
    char url[64];
    (void)state;
    assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    open_route(&r);
    assert_int_equal(post().rc, 0);
    world_close();
    (void)unsetenv("https_proxy");
    (void)unsetenv("ALL_PROXY");
}

static void calls_run_side_by_side(void **state)
{
    char url[64];
    struct one o[4] = {{0}};
    struct flow *f[4];
    (void)state;
    world_open();
    struct upstream_route r = good_route(url, sizeof url);
    r.timeout_ms = 5000;
    open_route(&r);
    for (int i = 0; i < 4; i++)
        assert_int_equal(flow_start(w->loop, "post", post_flow, &o[i], &f[i]), 0);
    struct one last = post(); /* waits for a lane */
    for (int i = 0; i < 4; i++) {
        while (!flow_done(f[i]))
            assert_int_equal(loop_run_flow(w->loop, "end", end_flow, NULL), 0);
        assert_int_equal(o[i].rc, 0);
        flow_put(f[i]);
    }
    assert_int_equal(last.rc, 0);
    assert_int_equal(w->requests, 5);
    assert_true(w->connections <= 4);
    world_close();
}

static void wrong_pem_is_refused_at_the_start(void **state)
{
    char url[64];
    struct upstream *u = NULL;
    (void)state;
    world_open();
    for (int i = 0; i < 2; i++) {
        struct upstream_route r = good_route(url, sizeof url);
        if (i == 0)
            r.ca = "no certificate";
        else
            r.key = NULL;
        struct upstream_opts o = {.loop = w->loop,
                                  .clock = &clock_system,
                                  .crypto = w->crypto,
                                  .rng = &rng_system,
                                  .seed = test_seed,
                                  .from = "site-1000000000000001-0",
                                  .routes = &r,
                                  .route_count = 1};
        assert_int_equal(upstream_open(&o, &u), OC_EINVAL);
    }
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_is_answered_over_mutual_tls_and_the_connection_is_kept),
        cmocka_unit_test(R12_no_answer_is_unknown_and_the_next_call_is_good),
        cmocka_unit_test(R12_connection_closed_after_the_request_is_unknown),
        cmocka_unit_test(R12_nobody_there_or_nobody_trusted_means_nothing_was_sent),
        cmocka_unit_test(server_that_wants_a_certificate_gets_no_request_without_one),
        cmocka_unit_test(answer_that_is_no_json_is_unknown),
        cmocka_unit_test(answer_that_is_too_large_is_cut_off),
        cmocka_unit_test(redirect_is_not_followed),
        cmocka_unit_test(proxy_of_the_environment_is_not_used),
        cmocka_unit_test(calls_run_side_by_side),
        cmocka_unit_test(wrong_pem_is_refused_at_the_start),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
