/* Certificates of our own authority: what they say, what the openssl program thinks of them, and
 * requests from outside that are refused. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW_MS INT64_C(1795312800000) /* 2026-11-22 02:00 UTC */
#define DAY_MS INT64_C(86400000)

static const char *const server_names[] = {"switch.example", "127.0.0.1", "::1", NULL};

static struct {
    struct x509_bytes ca_key, ca_cert, key, csr;
    char dir[64];
} rig;

static int make_rig(void **state)
{
    (void)state;
    snprintf(rig.dir, sizeof rig.dir, ONECARD_SCRATCH "/test-x509.XXXXXX");
    if (!mkdtemp(rig.dir) || x509_key_new(&rig.ca_key) || x509_key_new(&rig.key) ||
        x509_authority_new(&rig.ca_key, "City terminals", NOW_MS, 3650, &rig.ca_cert) ||
        x509_request_new(&rig.key, "whatever", &rig.csr))
        return -1;
    return 0;
}

static int drop_rig(void **state)
{
    char command[128];
    (void)state;
    secret_wipe(&rig.ca_key, sizeof rig.ca_key);
    secret_wipe(&rig.key, sizeof rig.key);
    snprintf(command, sizeof command, "rm -rf '%s'", rig.dir);
    return system(command);
}

static struct x509_issue wish(enum x509_use use)
{
    return (struct x509_issue){.authority_key = &rig.ca_key,
                               .authority_cert = &rig.ca_cert,
                               .csr = rig.csr.data,
                               .csr_len = rig.csr.len,
                               .name = "gate-17",
                               .use = use,
                               .dns = use == X509_SERVER ? server_names : NULL,
                               .now_ms = NOW_MS,
                               .days = 400};
}

static void save(const char *name, const struct x509_bytes *der, const char *what)
{
    char path[128];
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(x509_to_pem(der, what, &text), 0);
    snprintf(path, sizeof path, "%s/%s", rig.dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.data, 1, text.len, f), text.len);
    fclose(f);
    buf_fini(&text);
}

/* Runs the openssl program in the rig's folder; its status, its output in `ret`. */
static int openssl(const char *args, char *ret, size_t cap)
{
    char command[512];
    snprintf(command, sizeof command, "cd '%s' && { openssl %s; } 2>/dev/null", rig.dir, args);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t len = fread(ret, 1, cap - 1, f);
    ret[len] = '\0';
    return pclose(f);
}

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void issued_certificate_says_what_was_wished(void **state)
{
    static struct x509_bytes cert;
    struct x509_info info;
    uint8_t pin[X509_PIN_LEN];
    (void)state;
    struct x509_issue w = wish(X509_TERMINAL);
    assert_int_equal(x509_issue(&w, &cert), 0);
    assert_int_equal(x509_read(cert.data, cert.len, &info), 0);
    assert_string_equal(info.name, "gate-17");
    assert_false(info.authority);
    assert_true(info.not_before_ms == NOW_MS - 300000);
    assert_true(info.not_after_ms == NOW_MS + 400 * DAY_MS);
    /* A box whose clock is weeks behind believes the switch, made anew today, all the same. */
    static struct x509_bytes server;
    struct x509_info authority;
    w = wish(X509_SERVER);
    w.now_ms = NOW_MS + 20 * DAY_MS;
    assert_int_equal(x509_issue(&w, &server), 0);
    assert_int_equal(x509_read(server.data, server.len, &info), 0);
    assert_int_equal(x509_read(rig.ca_cert.data, rig.ca_cert.len, &authority), 0);
    assert_true(authority.not_before_ms <= NOW_MS - 30 * DAY_MS);
    assert_true(info.not_before_ms == authority.not_before_ms);
    assert_int_equal(x509_read(cert.data, cert.len, &info), 0);
    assert_int_equal(x509_request_check(rig.csr.data, rig.csr.len, pin), 0);
    assert_memory_equal(pin, info.pin, X509_PIN_LEN);
    assert_int_equal(x509_read(rig.ca_cert.data, rig.ca_cert.len, &info), 0);
    assert_string_equal(info.name, "City terminals");
    assert_true(info.authority);
}

static void openssl_verifies_terminal_and_server_each_for_its_own_use(void **state)
{
    static struct x509_bytes cert;
    static char text[8192];
    (void)state;
    save("ca.pem", &rig.ca_cert, "CERTIFICATE");
    struct x509_issue w = wish(X509_TERMINAL);
    assert_int_equal(x509_issue(&w, &cert), 0);
    save("terminal.pem", &cert, "CERTIFICATE");
    w = wish(X509_SERVER);
    assert_int_equal(x509_issue(&w, &cert), 0);
    save("server.pem", &cert, "CERTIFICATE");
#define VERIFY "verify -x509_strict -attime 1795312900 -CAfile ca.pem "
    assert_int_equal(openssl(VERIFY "-purpose sslclient terminal.pem", text, sizeof text), 0);
    assert_int_not_equal(openssl(VERIFY "-purpose sslserver terminal.pem", text, sizeof text), 0);
    assert_int_equal(openssl(VERIFY "-purpose sslserver -verify_hostname switch.example server.pem",
                             text, sizeof text),
                     0);
    assert_int_equal(
        openssl(VERIFY "-purpose sslserver -verify_ip 127.0.0.1 server.pem", text, sizeof text), 0);
    assert_int_equal(openssl(VERIFY "-verify_ip ::1 server.pem", text, sizeof text), 0);
    assert_int_not_equal(openssl(VERIFY "-verify_ip 127.0.0.2 server.pem", text, sizeof text), 0);
    assert_int_not_equal(openssl(VERIFY "-purpose sslclient server.pem", text, sizeof text), 0);
    /* A certificate signed with a terminal's key is nobody's. */
    save("terminal.key", &rig.key, "PRIVATE KEY");
    assert_int_equal(openssl("req -new -key terminal.key -subj /CN=x -out x.csr && openssl x509 "
                             "-req -in x.csr -CA terminal.pem -CAkey terminal.key -out x.pem",
                             text, sizeof text),
                     0);
    assert_int_not_equal(
        openssl("verify -CAfile ca.pem -untrusted terminal.pem x.pem", text, sizeof text), 0);
}

static void extensions_are_critical_where_they_bind(void **state)
{
    static struct x509_bytes cert;
    static char text[8192];
    (void)state;
    struct x509_issue w = wish(X509_SERVER);
    assert_int_equal(x509_issue(&w, &cert), 0);
    save("s.pem", &cert, "CERTIFICATE");
    save("ca.pem", &rig.ca_cert, "CERTIFICATE");
    assert_int_equal(openssl("x509 -in s.pem -noout -text", text, sizeof text), 0);
    expect_text(text, "X509v3 Basic Constraints: critical\n                CA:FALSE");
    expect_text(text, "X509v3 Key Usage: critical\n                Digital Signature\n");
    expect_text(text, "TLS Web Server Authentication\n");
    expect_text(text, "DNS:switch.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect_text(text, "X509v3 Subject Key Identifier");
    expect_text(text, "X509v3 Authority Key Identifier");
    expect_text(text, "Version: 3");
    assert_int_equal(openssl("x509 -in ca.pem -noout -text", text, sizeof text), 0);
    expect_text(text, "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0");
    expect_text(text, "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n");
}

static void request_of_the_openssl_program_is_taken_and_its_wishes_are_not(void **state)
{
    static struct x509_bytes csr, cert;
    struct x509_info info;
    static char text[8192];
    (void)state;
    assert_int_equal(
        openssl("ecparam -name secp384r1 -genkey -noout -out k.pem && openssl req -new -key k.pem "
                "-subj /CN=root -addext basicConstraints=critical,CA:TRUE -out k.csr",
                text, sizeof text),
        0);
    assert_int_equal(openssl("req -in k.csr -outform PEM", text, sizeof text), 0);
    assert_int_equal(x509_from_pem(text, strlen(text), "CERTIFICATE REQUEST", &csr), 0);
    struct x509_issue w = wish(X509_TERMINAL);
    w.csr = csr.data;
    w.csr_len = csr.len;
    assert_int_equal(x509_issue(&w, &cert), 0);
    assert_int_equal(x509_read(cert.data, cert.len, &info), 0);
    assert_string_equal(info.name, "gate-17");
    assert_false(info.authority);
}

static void request_with_a_key_of_another_kind_is_not_supported(void **state)
{
    static const char *const makers[] = {
        "ecparam -name secp256k1 -genkey -noout",
        "ecparam -name prime256v1 -param_enc explicit -genkey -noout",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
        "genpkey -algorithm ed25519",
    };
    static char text[8192];
    char command[256];
    uint8_t pin[X509_PIN_LEN];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        static struct x509_bytes csr;
        snprintf(command, sizeof command,
                 "%s -out o.pem && openssl req -new -key o.pem -subj /CN=x", makers[i]);
        assert_int_equal(openssl(command, text, sizeof text), 0);
        assert_int_equal(x509_from_pem(text, strlen(text), "CERTIFICATE REQUEST", &csr), 0);
        assert_int_equal(x509_request_check(csr.data, csr.len, pin), OC_ENOTSUP);
    }
}

static void request_cut_damaged_or_followed_by_bytes_is_refused(void **state)
{
    uint8_t pin[X509_PIN_LEN];
    static struct x509_bytes bad, cert;
    (void)state;
    for (size_t len = 0; len < rig.csr.len; len++)
        assert_int_equal(x509_request_check(rig.csr.data, len, pin), OC_EPARSE);
    for (size_t i = 0; i < rig.csr.len; i++) {
        bad = rig.csr;
        bad.data[i] ^= 0x01;
        assert_int_not_equal(x509_request_check(bad.data, bad.len, pin), 0);
    }
    bad = rig.csr;
    bad.data[bad.len++] = 0;
    assert_int_equal(x509_request_check(bad.data, bad.len, pin), OC_EPARSE);
    /* Signed by another key than the one it asks for: the last bytes are the signature's. */
    bad = rig.csr;
    bad.data[bad.len - 1] ^= 0x01;
    assert_int_equal(x509_request_check(bad.data, bad.len, pin), OC_EPARSE);
    struct x509_issue w = wish(X509_TERMINAL);
    w.csr = bad.data;
    assert_int_equal(x509_issue(&w, &cert), OC_EPARSE);
}

static void wish_without_sense_is_refused(void **state)
{
    static const char *const bad_names[] = {"ok.example", "not ok", NULL};
    static const char *const none[] = {NULL};
    static struct x509_bytes cert, other;
    (void)state;
    struct x509_issue w = wish(X509_TERMINAL);
    w.name = "";
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
    w.name = "a name of more than sixty-three bytes, which is what one may have at most";
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
    w = wish(X509_TERMINAL);
    w.days = 0;
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
    w = wish(X509_TERMINAL);
    w.dns = server_names;
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
    w = wish(X509_SERVER);
    w.dns = bad_names;
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
    w.dns = none;
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
    w = wish(X509_TERMINAL);
    w.authority_key = &rig.key; /* not the authority's */
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
    w = wish(X509_TERMINAL);
    assert_int_equal(x509_issue(&w, &other), 0);
    w.authority_cert = &other; /* no authority */
    w.authority_key = &rig.key;
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
}

static void certificate_ends_with_its_authority(void **state)
{
    static struct x509_bytes ca, cert;
    struct x509_info info;
    (void)state;
    assert_int_equal(x509_authority_new(&rig.ca_key, "short", NOW_MS, 10, &ca), 0);
    struct x509_issue w = wish(X509_TERMINAL);
    w.authority_cert = &ca;
    assert_int_equal(x509_issue(&w, &cert), 0);
    assert_int_equal(x509_read(cert.data, cert.len, &info), 0);
    assert_true(info.not_after_ms == NOW_MS + 10 * DAY_MS);
    w.now_ms = NOW_MS + 11 * DAY_MS;
    assert_int_equal(x509_issue(&w, &cert), OC_EINVAL);
}

static void certificate_cut_or_of_garbage_is_not_read(void **state)
{
    struct x509_info info;
    uint8_t garbage[512];
    (void)state;
    for (size_t len = 0; len < rig.ca_cert.len; len++)
        assert_int_equal(x509_read(rig.ca_cert.data, len, &info), OC_EPARSE);
    memset(garbage, 0x30, sizeof garbage);
    assert_int_equal(x509_read(garbage, sizeof garbage, &info), OC_EPARSE);
}

static void name_that_stands_twice_is_not_read(void **state)
{
    static struct x509_bytes cert;
    struct x509_info info;
    static char text[8192];
    (void)state;
    assert_int_equal(openssl("ecparam -name prime256v1 -genkey -noout -out t.pem && openssl req "
                             "-x509 -new -key t.pem -subj /CN=gate-1/CN=gate-2",
                             text, sizeof text),
                     0);
    assert_int_equal(x509_from_pem(text, strlen(text), "CERTIFICATE", &cert), 0);
    assert_int_equal(x509_read(cert.data, cert.len, &info), OC_EPARSE);
}

static void pem_comes_back_and_other_blocks_are_passed_over(void **state)
{
    struct buf text;
    static struct x509_bytes got;
    (void)state;
    buf_init(&text, 0);
    assert_int_equal(x509_to_pem(&rig.csr, "CERTIFICATE REQUEST", &text), 0);
    assert_int_equal(x509_to_pem(&rig.key, "PRIVATE KEY", &text), 0);
    assert_int_equal(x509_from_pem((const char *)text.data, text.len, "PRIVATE KEY", &got), 0);
    assert_int_equal(got.len, rig.key.len);
    assert_memory_equal(got.data, rig.key.data, got.len);
    assert_int_equal(x509_from_pem((const char *)text.data, text.len, "CERTIFICATE", &got),
                     OC_EPARSE);
    assert_int_equal(x509_from_pem("nothing", 7, "CERTIFICATE", &got), OC_EPARSE);
    assert_int_equal(x509_from_pem("", 0, "CERTIFICATE", &got), OC_EPARSE);
    buf_fini(&text);
    secret_wipe(&got, sizeof got);
}

#define LLVMFuzzerTestOneInput fuzz_x509
#include "../../fuzz/fuzz_x509_request.c"
#undef LLVMFuzzerTestOneInput

static void fuzzer_survives_its_corpus(void **state)
{
    static const char *const names[] = {"p256", "p384",     "k1",       "rsa",         "rsa1024",
                                        "ed",   "explicit", "p256_san", "certificate", "pem"};
    static uint8_t bytes[4096];
    char path[256];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/x509_request/%s", ONECARD_SOURCE_DIR,
                 names[i]);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        size_t len = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        fuzz_x509(bytes, len);
        fuzz_x509(bytes, len / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issued_certificate_says_what_was_wished),
        cmocka_unit_test(openssl_verifies_terminal_and_server_each_for_its_own_use),
        cmocka_unit_test(extensions_are_critical_where_they_bind),
        cmocka_unit_test(request_of_the_openssl_program_is_taken_and_its_wishes_are_not),
        cmocka_unit_test(request_with_a_key_of_another_kind_is_not_supported),
        cmocka_unit_test(request_cut_damaged_or_followed_by_bytes_is_refused),
        cmocka_unit_test(wish_without_sense_is_refused),
        cmocka_unit_test(certificate_ends_with_its_authority),
        cmocka_unit_test(certificate_cut_or_of_garbage_is_not_read),
        cmocka_unit_test(name_that_stands_twice_is_not_read),
        cmocka_unit_test(pem_comes_back_and_other_blocks_are_passed_over),
        cmocka_unit_test(fuzzer_survives_its_corpus),
    };
    return cmocka_run_group_tests(tests, make_rig, drop_rig);
}
