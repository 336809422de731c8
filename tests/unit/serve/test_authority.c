/* Terminals with certificates of the city's own authority, and what pins them. */
#include "wire_terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct site site;
static struct wire_terminal till;
static struct x509_bytes key, cert; /* the city's authority */
static char path[64];

static int write_authority(void)
{
    struct buf pem;
    ROLE_ENTER_WORKER();
    buf_init(&pem, 0);
    int rc = x509_key_new(&key);
    if (rc == 0)
        rc = x509_authority_new(&key, "city", clock_wall_ms(&clock_system), 30, &cert);
    if (rc == 0)
        rc = x509_to_pem(&cert, "CERTIFICATE", &pem);
    (void)snprintf(path, sizeof path, ONECARD_SCRATCH "/onecard-authority.%d.pem", (int)getpid());
    if (rc == 0)
        rc = file_write_atomic(path, buf_cstr(&pem), pem.len, 0600);
    buf_fini(&pem);
    return rc;
}

static int open_site(void **state)
{
    char more[200];
    (void)state;
    assert_int_equal(write_authority(), 0);
    (void)snprintf(more, sizeof more,
                   "terminals: {listen: [\"127.0.0.1:0\"], token_hours: 1, authority: \"%s\"}\n",
                   path);
    site_open(&site, more);
    site_furnish(&site, false);
    json_decref(site_expect(&site, 201, "POST", "/v1/terminals",
                            "{\"id\":\"till\",\"participant\":\"bus\",\"kind\":\"pos\",\"sam\":"
                            "\"100000000011\",\"services\":[\"payment.*\"]}"));
    wt_open(&till, &site, "till");
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    wt_close(&till);
    site_close(&site);
    (void)unlink(path);
    return 0;
}

/* A key and the city's certificate for it. */
static void certify(const char *name, int64_t now_ms, unsigned days)
{
    assert_int_equal(x509_key_new(&till.key), 0);
    assert_int_equal(x509_request_new(&till.key, name, &till.csr), 0);
    struct x509_issue w = {.authority_key = &key,
                           .authority_cert = &cert,
                           .csr = till.csr.data,
                           .csr_len = till.csr.len,
                           .name = name,
                           .use = X509_TERMINAL,
                           .now_ms = now_ms,
                           .days = days};
    assert_int_equal(x509_issue(&w, &till.cert), 0);
    tls_session_free(&till.session);
    till.session = tls_session_new();
}

static int enrol_with_certificate(const char *token)
{
    pb_enroll e = ONECARD__TERMINAL__V1__ENROLL__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    char text[160];
    int rc = wt_dial(&till, "onecard-enroll/1");
    (void)snprintf(text, sizeof text, "%s", token);
    e.token = text;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_ENROLL;
    m.enroll = &e;
    if (rc == 0)
        rc = wt_send(&till, &m);
    if (rc == 0)
        rc = wt_next(&till, 5000);
    if (rc == 0 && till.m->message_case != (int)TO_TERMINAL_ENROLLED)
        rc = OC_EPERM;
    return rc;
}

static void certificate_of_the_city_is_pinned_by_a_token_and_sells(void **state)
{
    char token[128];
    (void)state;
    certify("till", clock_wall_ms(&clock_system), 10);
    assert_int_equal(wt_connect(&till), OC_EPERM); /* it is not pinned yet */
    assert_string_equal(till.error, "wrong_certificate");
    wt_token(&till, token);
    assert_int_equal(enrol_with_certificate(token), 0);
    assert_int_equal(till.m->enrolled->certificate.len, 0);
    assert_int_equal(wt_connect(&till), 0);
    wt_insert(&till, site.card[0]);
    struct wire_result r =
        wt_ask(&till, (struct wire_ask){.service = "payment.purchase", .amount = 100});
    assert_int_equal(r.outcome, PB_POSTED);
    wt_remove(&till);
}

static void another_certificate_of_the_same_name_is_not_pinned(void **state)
{
    (void)state;
    certify("till", clock_wall_ms(&clock_system), 10);
    assert_int_equal(wt_connect(&till), OC_EPERM);
    assert_string_equal(till.error, "wrong_certificate");
}

static void certificate_of_another_name_cannot_enrol_this_terminal(void **state)
{
    char token[128];
    (void)state;
    certify("desk", clock_wall_ms(&clock_system), 10);
    wt_token(&till, token);
    assert_int_equal(enrol_with_certificate(token), OC_EPERM);
    assert_string_equal(till.error, "enroll_refused");
}

static void expired_certificate_is_refused_by_the_handshake(void **state)
{
    unsigned before = till.welcomes;
    (void)state;
    certify("till", clock_wall_ms(&clock_system) - 5 * MS_PER_DAY, 2);
    assert_int_not_equal(wt_connect(&till), 0);
    assert_int_equal(till.welcomes, before);
}

static void request_for_a_certificate_is_refused_where_the_city_certifies(void **state)
{
    (void)state;
    assert_int_equal(wt_enrol(&till), OC_EPERM);
    assert_string_equal(till.error, "enroll_refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_of_the_city_is_pinned_by_a_token_and_sells),
        cmocka_unit_test(another_certificate_of_the_same_name_is_not_pinned),
        cmocka_unit_test(certificate_of_another_name_cannot_enrol_this_terminal),
        cmocka_unit_test(expired_certificate_is_refused_by_the_handshake),
        cmocka_unit_test(request_for_a_certificate_is_refused_where_the_city_certifies),
    };
    return cmocka_run_group_tests_name("authority", tests, open_site, close_site);
}
