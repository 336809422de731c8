/* The operators' door to what is on its way to institutions, and the section that names them. */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct site site;
static char ca[64];

/* An authority's certificate in a file: routes need one. */
static void make_ca(void)
{
    static struct x509_bytes key, cert;
    struct buf pem;
    FILE *f = NULL;
    int fd;
    (void)snprintf(ca, sizeof ca, ONECARD_SCRATCH "/onecard-ca.XXXXXX");
    fd = mkstemp(ca);
    assert_true(fd >= 0);
    buf_init(&pem, 0);
    assert_int_equal(x509_key_new(&key), 0);
    assert_int_equal(x509_authority_new(&key, "test", clock_wall_ms(&clock_system), 30, &cert), 0);
    assert_int_equal(x509_to_pem(&cert, "CERTIFICATE", &pem), 0);
    f = fdopen(fd, "w");
    assert_non_null(f);
    assert_true(fputs(buf_cstr(&pem), f) >= 0);
    assert_int_equal(fclose(f), 0);
    buf_fini(&pem);
}

static int open_site(void **state)
{
    char extra[256];
    (void)state;
    make_ca();
    (void)snprintf(
        extra, sizeof extra,
        "upstreams:\n  bank:\n    url: https://127.0.0.1:1/x\n    ca: %s\n    lanes: 7\n", ca);
    site_open(&site, extra);
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    site_close(&site);
    (void)unlink(ca);
    return 0;
}

static void check_error(int status, const char *method, const char *path, const char *body,
                        const char *code)
{
    json_t *j = site_expect(&site, status, method, path, body);
    assert_string_equal(text_of(json_object_get(j, "error"), "code"), code);
    json_decref(j);
}

static size_t items(const char *path)
{
    json_t *j = site_expect(&site, 200, "GET", path, NULL);
    size_t n = json_array_size(json_object_get(j, "items"));
    assert_true(json_is_null(json_object_get(j, "next")));
    json_decref(j);
    return n;
}

static void nothing_waits_in_a_new_site(void **state)
{
    (void)state;
    assert_int_equal(items("/v1/outbox"), 0);
    assert_int_equal(items("/v1/outbox?state=dead&to=bank&limit=3"), 0);
    assert_int_equal(items("/v1/holds?state=reverse_due"), 0);
    json_t *j = site_expect(&site, 200, "POST", "/v1/outbox/retry", "{\"to\":\"bank\"}");
    assert_int_equal(number_of(j, "retried"), 0);
    json_decref(j);
}

static void what_is_not_there_or_not_said_is_refused(void **state)
{
    (void)state;
    check_error(404, "GET", "/v1/outbox/38G0EB8620000", NULL, "not_found");
    check_error(404, "GET", "/v1/holds/38G0EB8620000", NULL, "not_found");
    check_error(400, "GET", "/v1/outbox/!!", NULL, "bad_request");
    check_error(400, "GET", "/v1/outbox?state=sent", NULL, "bad_query");
    check_error(400, "GET", "/v1/holds?state=none", NULL, "bad_query");
    check_error(400, "POST", "/v1/outbox/38G0EB8620000/drop", "{}", "missing_field");
    check_error(400, "POST", "/v1/outbox/38G0EB8620000/drop", "{\"why\":\"\"}", "bad_field");
    check_error(404, "POST", "/v1/outbox/38G0EB8620000/drop", "{\"why\":\"x\"}", "not_found");
    check_error(404, "POST", "/v1/outbox/38G0EB8620000/retry", "{}", "not_found");
    check_error(400, "POST", "/v1/outbox/retry", "{\"after\":\"?\"}", "bad_field");
}

static void routes_are_listed_with_their_breakers(void **state)
{
    (void)state;
    json_t *j = site_expect(&site, 200, "GET", "/v1/upstreams", NULL);
    const json_t *u = json_array_get(json_object_get(j, "items"), 0);
    assert_string_equal(text_of(u, "to"), "bank");
    assert_string_equal(text_of(u, "breaker"), "closed");
    assert_int_equal(number_of(u, "lanes"), 7);
    json_decref(j);
}

static size_t routes_after(const char *extra, int status, const char *words)
{
    static char text[sizeof site.text + 256];
    ROLE_ENTER_WORKER();
    (void)snprintf(text, sizeof text, "%s%s", site.text, extra);
    assert_int_equal(file_write_atomic(site.config, text, strlen(text), 0600), 0);
    json_t *j = site_expect(&site, status, "POST", "/v1/reload", "{}");
    char *told = json_dumps(j, JSON_COMPACT);
    if (strstr(told, words) == NULL)
        fail_msg("nothing of \"%s\" in %s", words, told);
    free(told);
    json_decref(j);
    return items("/v1/upstreams");
}

static void a_reload_changes_routes_or_says_what_is_wrong_with_one(void **state)
{
    char more[200];
    (void)state;
    (void)snprintf(more, sizeof more, "  bureau:\n    url: https://127.0.0.1:1/y\n    ca: %s\n", ca);
    assert_int_equal(routes_after(more, 200, "\"restart_for\":[]"), 2);
    assert_int_equal(routes_after("  tax:\n    url: https://127.0.0.1:1/z\n    ca: /none\n", 409,
                                  "upstreams.tax: /none"),
                     2);
    assert_int_equal(routes_after("", 200, "true"), 1);
}

static void the_sites_key_stays_the_same_over_a_restart(void **state)
{
    uint8_t key[32];
    (void)state;
    json_t *a = site_expect(&site, 200, "GET", "/v1/upstreams/key", NULL);
    site_stop(&site);
    site_start(&site);
    json_t *b = site_expect(&site, 200, "GET", "/v1/upstreams/key", NULL);
    assert_true(json_equal(a, b));
    assert_int_equal(ed25519_parse_public(text_of(a, "pem"), key), 0);
    json_decref(a);
    json_decref(b);
}

static void mistakes_in_a_route_are_told_with_their_place(void **state)
{
    static const struct {
        const char *route, *words;
    } cases[] = {
        {"ca: x", "'url' is missing"},
        {"{url: \"https://b\"}", "'ca' is missing"},
        {"{url: \"http://bank.test\", ca: x}", "must begin with https://"},
        {"{url: \"https://b\", ca: x, key: y}", "go together"},
        {"{url: \"https://b\", ca: x, retry: 10m}", "retry_max"},
        {"{url: \"https://b\", ca: x, lanes: 0}", "'lanes'"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        struct conf_errors errors;
        struct conf_snapshot *s = NULL;
        struct buf out;
        (void)snprintf(
            text, sizeof text,
            "site: {name: x, issuer: \"1000000000000001\"}\nupstreams:\n  bank:\n    %s\n",
            cases[i].route);
        conf_errors_init(&errors);
        buf_init(&out, 0);
        assert_int_equal(
            conf_snapshot_parse("f", text, strlen(text), serve_config_schema(), &errors, &s),
            OC_EINVAL);
        conf_errors_print(&errors, &out);
        if (!strstr(buf_cstr(&out), cases[i].words))
            fail_msg("\"%s\" does not say \"%s\"", buf_cstr(&out), cases[i].words);
        buf_fini(&out);
        conf_errors_fini(&errors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_waits_in_a_new_site),
        cmocka_unit_test(what_is_not_there_or_not_said_is_refused),
        cmocka_unit_test(routes_are_listed_with_their_breakers),
        cmocka_unit_test(a_reload_changes_routes_or_says_what_is_wrong_with_one),
        cmocka_unit_test(the_sites_key_stays_the_same_over_a_restart),
        cmocka_unit_test(mistakes_in_a_route_are_told_with_their_place),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
