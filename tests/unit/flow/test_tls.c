/* TLS handshakes: who is let in, who is not and what is said about it; resumption. */
#include "tls_world.h"

#include <openssl/ssl.h>
#include <stdlib.h>

static struct talk between(struct tls_opts server, struct tls_opts client)
{
    return (struct talk){.server = ctx_of(server), .client = ctx_of(client)};
}

static void end(struct talk *t)
{
    tls_ctx_put(&t->server);
    tls_ctx_put(&t->client);
    tls_session_free(&t->session);
}

static void assert_good(const struct talk *t)
{
    assert_int_equal(t->server_rc, 0);
    assert_int_equal(t->client_rc, 0);
    assert_int_equal(t->talk_rc, 0);
    assert_int_equal(t->server_end, OC_ECLOSED);
}

static void assert_refused(const struct talk *t, const char *why)
{
    assert_int_equal(t->server_rc, OC_EPERM);
    assert_string_equal(t->server_why.why, why);
    assert_int_not_equal(t->client_rc == 0 ? t->talk_rc : t->client_rc, 0);
}

static void mutual_handshake_proves_both_names(void **state)
{
    struct talk t = between(server_opts(), client_opts(&w.terminal));
    (void)state;
    t.rounds = 10;
    talk_run(&t);
    assert_good(&t);
    assert_true(t.server_peer.has_certificate);
    assert_string_equal(t.server_peer.name, "gate-7");
    assert_string_equal(t.server_peer.alpn, PROTO);
    assert_string_equal(t.client_peer.name, "the switch");
    assert_false(t.server_peer.resumed);
    int64_t left = t.server_peer.not_after_ms - clock_wall_ms(&clock_system);
    assert_true(left > 86000 * 1000 && left < 86500 * 1000);
    uint8_t pin[32];
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(w.terminal.key, &der);
    assert_int_equal(EVP_Digest(der, (size_t)len, pin, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    assert_memory_equal(t.server_peer.pin, pin, 32);
    end(&t);
}

/* An authority that is not ours may put anything there: one reads "gate-7", another what follows.
 */
static void rename_and_sign(struct identity *i, const char *name, int len)
{
    unsigned char *der = NULL;
    void *old;
    X509_NAME *subject = X509_NAME_new();
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)"gate-7", -1,
                               -1, 0);
    if (len < 0) /* instead of the first */
        X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, abs(len),
                               -1, 0);
    assert_int_equal(X509_set_subject_name(i->cert, subject), 1);
    X509_NAME_free(subject);
    assert_true(X509_sign(i->cert, w.authority.key, EVP_sha256()) > 0);
    memcpy(&old, &i->der.bytes, sizeof old);
    OPENSSL_free(old);
    int n = i2d_X509(i->cert, &der);
    i->der = (struct tls_blob){der, (size_t)n};
}

static void name_that_reads_in_two_ways_is_none(void **state)
{
    const struct {
        const char *name;
        int len; /* negative: alone; else behind another */
    } names[] = {{"gate-8", 6}, {"gate-7\0.evil", -12}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct identity who;
        identity_make(&who, "gate-7", &w.authority, END_CLIENT, -60, 3600);
        rename_and_sign(&who, names[i].name, names[i].len);
        struct talk t = between(server_opts(), client_opts(&who));
        talk_run(&t);
        assert_good(&t);
        assert_true(t.server_peer.has_certificate);
        assert_string_equal(t.server_peer.name, "");
        identity_free(&who);
        end(&t);
    }
}

static void handshake_runs_in_every_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct loop_opts o = {.seed = seed, .always_yield = seed % 2 == 0};
        struct talk t = between(server_opts(), client_opts(&w.terminal));
        t.loop = test_loop(&o);
        talk_run(&t);
        assert_good(&t);
        loop_free(&t.loop);
        end(&t);
    }
}

static void handshake_on_the_flow_fits_its_stack(void **state)
{
    struct loop_opts o = {.measure_stacks = true};
    struct talk t = between(server_opts(), client_opts(&w.terminal));
    (void)state;
    t.loop = test_loop(&o);
    assert_int_equal(pool_new_inline(&t.pool, "inline", t.loop), 0);
    talk_run(&t);
    assert_good(&t);
    struct pool *pool = t.pool;
    t.pool = NULL;
    t.co_client = NULL;
    pool_free(&pool);
    loop_free(&t.loop);
    end(&t);
}

CO_FN static int connect_without_pool(struct talk *t, struct stream *raw)
{
    struct stream *s;
    int rc =
        tls_co_connect(t->client, NULL, raw, SERVER, NULL, flow_deadline_ms(5000), &s, NULL, NULL);
    if (rc)
        return rc;
    rc = stream_co_write(s, "x", 1, flow_deadline_ms(5000));
    stream_close(&s);
    return rc;
}

static void client_without_a_pool_fits_the_stack_of_a_flow(void **state)
{
    struct loop_opts o = {.measure_stacks = true};
    struct talk t = between(server_opts(), client_opts(&w.terminal));
    (void)state;
    t.loop = test_loop(&o);
    t.co_client = connect_without_pool;
    talk_run(&t);
    assert_int_equal(t.client_rc, 0);
    assert_int_equal(t.server_rc, 0);
    size_t peak = loop_stack_peak(t.loop);
    assert_true(peak < stack_default_size() * 3 / 4);
    loop_free(&t.loop);
    end(&t);
}

static void client_without_certificate_is_refused(void **state)
{
    struct talk t = between(server_opts(), client_opts(NULL));
    (void)state;
    talk_run(&t);
    assert_refused(&t, "no certificate");
    assert_int_equal(t.talk_rc, OC_EPERM);
    assert_string_equal(t.talk_why.why, "no certificate");
    assert_true(t.talk_why.alert);
    end(&t);
}

static void client_without_certificate_may_enrol_and_gets_no_ticket(void **state)
{
    struct tls_opts o = client_opts(NULL);
    (void)state;
    o.alpn = enrol_protocol;
    struct talk t = between(server_opts(), o);
    t.session = tls_session_new();
    for (unsigned i = 0; i < 2; i++) {
        talk_run(&t);
        assert_good(&t);
        assert_false(t.server_peer.has_certificate);
        assert_false(t.server_peer.resumed);
        assert_string_equal(t.server_peer.alpn, ENROL);
    }
    /* And what it has does not open the other door. */
    o.alpn = main_protocol;
    tls_ctx_put(&t.client);
    t.client = ctx_of(o);
    talk_run(&t);
    assert_refused(&t, "no certificate");
    end(&t);
}

static void client_that_enrols_may_show_its_certificate(void **state)
{
    struct tls_opts o = client_opts(&w.terminal);
    (void)state;
    o.alpn = enrol_protocol;
    struct talk t = between(server_opts(), o);
    talk_run(&t);
    assert_good(&t);
    assert_string_equal(t.server_peer.name, "gate-7");
    end(&t);
}

static void certificate_of_an_unknown_authority_is_refused(void **state)
{
    struct talk t = between(server_opts(), client_opts(&w.foreign));
    (void)state;
    talk_run(&t);
    assert_refused(&t, "unknown authority");
    assert_string_equal(t.talk_why.why, "unknown authority");
    end(&t);
}

static void expired_certificate_is_refused(void **state)
{
    struct talk t = between(server_opts(), client_opts(&w.expired));
    (void)state;
    talk_run(&t);
    assert_refused(&t, "certificate expired");
    end(&t);
}

static void server_certificate_is_no_clients(void **state)
{
    struct talk t = between(server_opts(), client_opts(&w.server));
    (void)state;
    talk_run(&t);
    assert_refused(&t, "certificate of another purpose");
    end(&t);
}

static void protocols_that_do_not_meet_are_refused(void **state)
{
    static const char *const other[] = {"h2", NULL};
    struct tls_opts o = client_opts(&w.terminal);
    (void)state;
    o.alpn = other;
    struct talk t = between(server_opts(), o);
    talk_run(&t);
    assert_refused(&t, "no common protocol");
    assert_int_equal(t.client_rc, OC_EPERM);
    assert_string_equal(t.client_why.why, "no common protocol");
    assert_true(t.client_why.alert);
    end(&t);
}

static void clients_first_choice_is_spoken(void **state)
{
    static const char *const both[] = {"h2", ENROL, PROTO, NULL};
    struct tls_opts o = client_opts(&w.terminal);
    (void)state;
    o.alpn = both;
    struct talk t = between(server_opts(), o);
    talk_run(&t);
    assert_good(&t);
    assert_string_equal(t.client_peer.alpn, ENROL);
    end(&t);
}

static void server_of_another_name_is_refused_by_the_client(void **state)
{
    struct talk t = between(server_opts(), client_opts(&w.terminal));
    (void)state;
    t.name = "other.test";
    talk_run(&t);
    assert_int_equal(t.client_rc, OC_EPERM);
    assert_string_equal(t.client_why.why, "certificate of another name");
    assert_int_not_equal(t.server_rc, 0);
    t.name = "127.0.0.1";
    talk_run(&t);
    assert_good(&t);
    t.name = "127.0.0.2";
    talk_run(&t);
    assert_string_equal(t.client_why.why, "certificate of another name");
    end(&t);
}

static void server_of_an_unknown_authority_is_refused_by_the_client(void **state)
{
    struct tls_opts o = client_opts(&w.terminal);
    (void)state;
    o.authorities = &w.stranger.der;
    struct talk t = between(server_opts(), o);
    talk_run(&t);
    assert_int_equal(t.client_rc, OC_EPERM);
    assert_string_equal(t.client_why.why, "unknown authority");
    assert_int_equal(t.server_rc, OC_EPERM);
    assert_string_equal(t.server_why.why, "unknown authority");
    assert_true(t.server_why.alert);
    end(&t);
}

static void authority_may_be_known_by_its_fingerprint(void **state)
{
    struct tls_opts o = client_opts(NULL);
    (void)state;
    o.alpn = enrol_protocol;
    o.authorities = NULL;
    o.authority_count = 0;
    for (unsigned i = 0; i < 3; i++) {
        o.authority_pin = i < 2 ? w.authority.fingerprint : w.stranger.fingerprint;
        o.authority_pin_len = i == 1 ? 32 : 16;
        struct talk t = between(server_opts(), o);
        talk_run(&t);
        if (i < 2) {
            assert_good(&t);
        } else {
            assert_int_equal(t.client_rc, OC_EPERM);
            assert_string_equal(t.client_why.why, "unknown authority");
        }
        end(&t);
    }
    /* Not the end's own fingerprint, and the name still counts. */
    o.authority_pin = w.server.fingerprint;
    struct talk t = between(server_opts(), o);
    talk_run(&t);
    assert_string_equal(t.client_why.why, "unknown authority");
    end(&t);
    o.authority_pin = w.authority.fingerprint;
    t = between(server_opts(), o);
    t.name = "other.test";
    talk_run(&t);
    assert_string_equal(t.client_why.why, "certificate of another name");
    end(&t);
}

/* --- resumption --- */

static void second_connection_is_resumed(void **state)
{
    struct talk t = between(server_opts(), client_opts(&w.terminal));
    (void)state;
    t.session = tls_session_new();
    for (unsigned i = 0; i < 4; i++) {
        talk_run(&t);
        assert_good(&t);
        assert_int_equal(t.server_peer.resumed, i > 0);
        assert_int_equal(t.client_peer.resumed, i > 0);
        assert_true(t.server_peer.has_certificate);
        assert_string_equal(t.server_peer.name, "gate-7");
        assert_string_equal(t.client_peer.name, "the switch");
    }
    end(&t);
}

static void restart_server(struct talk *t, struct tls_opts o)
{
    tls_ctx_put(&t->server);
    t->server = ctx_of(o);
}

static void session_outlives_a_restart_with_the_same_key(void **state)
{
    struct tls_opts o = server_opts();
    struct talk t = between(o, client_opts(&w.terminal));
    (void)state;
    t.session = tls_session_new();
    talk_run(&t);
    restart_server(&t, o);
    talk_run(&t);
    assert_good(&t);
    assert_true(t.server_peer.resumed);
    /* The key moves on: tickets of the one before still count, once more after that they do not. */
    o.ticket_key_old = o.ticket_key;
    o.ticket_key = w.other_key;
    restart_server(&t, o);
    talk_run(&t);
    assert_true(t.server_peer.resumed);
    o.ticket_key_old = NULL;
    restart_server(&t, o);
    talk_run(&t);
    assert_true(t.server_peer.resumed); /* renewed under the new key */
    o.ticket_key = w.ticket_key;
    restart_server(&t, o);
    talk_run(&t);
    assert_good(&t);
    assert_false(t.server_peer.resumed);
    assert_string_equal(t.server_peer.name, "gate-7");
    end(&t);
}

/* A switch makes its key and certificate anew at each start. */
static void session_outlives_a_new_certificate_of_the_server(void **state)
{
    struct tls_opts o = server_opts();
    struct talk t = between(o, client_opts(&w.terminal));
    struct identity next;
    (void)state;
    identity_make(&next, "the switch", &w.authority, END_SERVER, -60, 3600);
    t.session = tls_session_new();
    talk_run(&t);
    o.certificate = next.der;
    o.key = next.key_der;
    restart_server(&t, o);
    talk_run(&t);
    assert_good(&t);
    assert_true(t.server_peer.resumed);
    identity_free(&next);
    end(&t);
}

static void server_without_ticket_key_resumes_nothing(void **state)
{
    struct tls_opts o = server_opts();
    (void)state;
    o.ticket_key = NULL;
    struct talk t = between(o, client_opts(&w.terminal));
    t.session = tls_session_new();
    for (unsigned i = 0; i < 2; i++) {
        talk_run(&t);
        assert_good(&t);
        assert_false(t.server_peer.resumed);
    }
    end(&t);
}

static void change_of_authorities_ends_sessions(void **state)
{
    const struct tls_blob two[] = {w.authority.der, w.stranger.der};
    struct tls_opts o = server_opts();
    struct talk t = between(o, client_opts(&w.terminal));
    (void)state;
    t.session = tls_session_new();
    talk_run(&t);
    o.authorities = two;
    o.authority_count = 2;
    restart_server(&t, o);
    talk_run(&t);
    assert_good(&t);
    assert_false(t.server_peer.resumed);
    end(&t);
}

static void new_certificate_is_shown_and_not_the_old_session(void **state)
{
    struct talk t = between(server_opts(), client_opts(&w.terminal));
    struct identity next;
    (void)state;
    identity_make(&next, "gate-7b", &w.authority, END_CLIENT, -60, 3600);
    t.session = tls_session_new();
    talk_run(&t);
    tls_ctx_put(&t.client);
    t.client = ctx_of(client_opts(&next));
    talk_run(&t);
    assert_good(&t);
    assert_false(t.server_peer.resumed);
    assert_string_equal(t.server_peer.name, "gate-7b");
    identity_free(&next);
    end(&t);
}

CO_FN static int pause(void *arg)
{
    (void)arg;
    return flow_co_sleep_ms(2500);
}

static void session_ends_with_its_certificate(void **state)
{
    struct identity brief;
    (void)state;
    identity_make(&brief, "brief", &w.authority, END_CLIENT, -60, 2);
    struct talk t = between(server_opts(), client_opts(&brief));
    t.session = tls_session_new();
    talk_run(&t);
    assert_good(&t);
    struct loop *l = test_loop(NULL);
    assert_int_equal(loop_run_flow(l, "pause", pause, NULL), 0);
    loop_free(&l);
    talk_run(&t);
    assert_refused(&t, "certificate expired");
    identity_free(&brief);
    end(&t);
}

/* --- clients of another kind: OpenSSL by itself, over memory --- */

struct strange {
    int version;
    bool alpn;
};
static struct strange strange;

CO_FN static int pump(SSL *ssl, struct stream *raw)
{
    char block[1500];
    size_t got;
    int rc = 0;
    for (unsigned i = 0; i < 20; i++) {
        int n = SSL_do_handshake(ssl);
        int out = BIO_read(SSL_get_wbio(ssl), block, sizeof block);
        if (out > 0)
            rc = stream_co_write(raw, block, (size_t)out, flow_deadline_ms(5000));
        if (n == 1 || rc)
            return rc;
        if (SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ)
            return OC_EPERM;
        rc = stream_co_read(raw, block, sizeof block, &got, flow_deadline_ms(5000));
        if (rc)
            return rc;
        (void)BIO_write(SSL_get_rbio(ssl), block, (int)got);
    }
    return OC_EINTERNAL;
}

CO_FN static int strange_client(struct talk *t, struct stream *raw)
{
    (void)t;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    (void)SSL_CTX_set_max_proto_version(ctx, strange.version);
    (void)SSL_CTX_use_certificate(ctx, w.terminal.cert);
    (void)SSL_CTX_use_PrivateKey(ctx, w.terminal.key);
    SSL *ssl = SSL_new(ctx);
    if (strange.alpn)
        (void)SSL_set_alpn_protos(ssl, (const unsigned char *)"\x9" PROTO, 10);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    int rc = pump(ssl, raw);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    stream_close(&raw);
    return rc;
}

static void tls_1_2_is_refused(void **state)
{
    struct talk t = {.server = ctx_of(server_opts()), .co_client = strange_client};
    (void)state;
    strange = (struct strange){.version = TLS1_2_VERSION, .alpn = true};
    talk_run(&t);
    assert_int_equal(t.server_rc, OC_EPERM);
    assert_string_equal(t.server_why.why, "protocol version");
    assert_int_equal(t.client_rc, OC_EPERM);
    end(&t);
}

static void client_that_names_no_protocol_speaks_the_first(void **state)
{
    struct talk t = {.server = ctx_of(server_opts()), .co_client = strange_client};
    (void)state;
    strange = (struct strange){.version = TLS1_3_VERSION};
    talk_run(&t);
    assert_int_equal(t.server_rc, 0);
    assert_int_equal(t.client_rc, 0);
    assert_string_equal(t.server_peer.alpn, PROTO);
    assert_string_equal(t.server_peer.name, "gate-7");
    end(&t);
}

/* --- contexts --- */

static void context_that_makes_no_sense_is_refused(void **state)
{
    static const char *const none[] = {NULL};
    static const uint8_t garbage[] = {0x30, 0x03, 1, 2, 3};
    struct tls_ctx *c = NULL;
    struct tls_opts good = server_opts(), o = good;
    (void)state;
    FILE *quiet = fopen("/dev/null", "w");
    log_set_stream(quiet);
    o.key = w.terminal.key_der;
    assert_int_equal(tls_ctx_new(&o, &c), OC_EINVAL);
    o = good;
    o.certificate = (struct tls_blob){garbage, sizeof garbage};
    assert_int_equal(tls_ctx_new(&o, &c), OC_EINVAL);
    o = good;
    o.key = (struct tls_blob){garbage, sizeof garbage};
    assert_int_equal(tls_ctx_new(&o, &c), OC_EINVAL);
    o = good;
    o.alpn = none;
    assert_int_equal(tls_ctx_new(&o, &c), OC_EINVAL);
    o = client_opts(NULL);
    o.authority_pin = w.authority.fingerprint;
    o.authority_pin_len = 15;
    assert_int_equal(tls_ctx_new(&o, &c), OC_EINVAL);
    log_set_stream(NULL);
    (void)fclose(quiet);
    assert_null(c);
}

static void handshakes_are_counted_by_result(void **state)
{
    struct metrics *m = metrics_new();
    struct tls_opts o = server_opts();
    (void)state;
    o.metrics = m;
    struct talk t = between(o, client_opts(&w.terminal));
    t.session = tls_session_new();
    talk_run(&t);
    talk_run(&t);
    tls_ctx_put(&t.client);
    t.client = ctx_of(client_opts(&w.expired));
    talk_run(&t);
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_print(m, &out);
    const char *text = buf_cstr(&out);
    assert_non_null(
        strstr(text, "onecard_tls_handshakes_total{side=\"server\",result=\"ok\"} 1\n"));
    assert_non_null(
        strstr(text, "onecard_tls_handshakes_total{side=\"server\",result=\"resumed\"} 1\n"));
    assert_non_null(strstr(
        text, "onecard_tls_handshakes_total{side=\"server\",result=\"certificate expired\"} 1\n"));
    buf_fini(&out);
    end(&t);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_handshake_proves_both_names),
        cmocka_unit_test(name_that_reads_in_two_ways_is_none),
        cmocka_unit_test(handshake_runs_in_every_order),
        cmocka_unit_test(handshake_on_the_flow_fits_its_stack),
        cmocka_unit_test(client_without_a_pool_fits_the_stack_of_a_flow),
        cmocka_unit_test(client_without_certificate_is_refused),
        cmocka_unit_test(client_without_certificate_may_enrol_and_gets_no_ticket),
        cmocka_unit_test(client_that_enrols_may_show_its_certificate),
        cmocka_unit_test(certificate_of_an_unknown_authority_is_refused),
        cmocka_unit_test(expired_certificate_is_refused),
        cmocka_unit_test(server_certificate_is_no_clients),
        cmocka_unit_test(protocols_that_do_not_meet_are_refused),
        cmocka_unit_test(clients_first_choice_is_spoken),
        cmocka_unit_test(server_of_another_name_is_refused_by_the_client),
        cmocka_unit_test(server_of_an_unknown_authority_is_refused_by_the_client),
        cmocka_unit_test(authority_may_be_known_by_its_fingerprint),
        cmocka_unit_test(second_connection_is_resumed),
        cmocka_unit_test(session_outlives_a_restart_with_the_same_key),
        cmocka_unit_test(session_outlives_a_new_certificate_of_the_server),
        cmocka_unit_test(server_without_ticket_key_resumes_nothing),
        cmocka_unit_test(change_of_authorities_ends_sessions),
        cmocka_unit_test(new_certificate_is_shown_and_not_the_old_session),
        cmocka_unit_test(session_ends_with_its_certificate),
        cmocka_unit_test(tls_1_2_is_refused),
        cmocka_unit_test(client_that_names_no_protocol_speaks_the_first),
        cmocka_unit_test(context_that_makes_no_sense_is_refused),
        cmocka_unit_test(handshakes_are_counted_by_result),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
