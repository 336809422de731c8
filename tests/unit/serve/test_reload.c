/* A new configuration beside what is in force: modules load it anew, decisions that run keep the
 * old one, and what is wrong changes nothing. */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct site site;
static char plain[sizeof site.text]; /* the configuration without modules */

static void write_table(const char *fare)
{
    char path[128], text[200];
    (void)snprintf(path, sizeof path, "%s/fares/bus.yaml", site.dir);
    int n =
        snprintf(text, sizeof text, "name: bus\nfrom: 2000-01-01\nkind: flat\nflat: %s\n", fare);
    ROLE_ENTER_WORKER();
    assert_int_equal(file_write_atomic(path, text, (size_t)n, 0600), 0);
}

static void configure(const char *modules)
{
    static char text[sizeof plain + 400];
    int n = snprintf(text, sizeof text, "%s%s", plain, modules);
    ROLE_ENTER_WORKER();
    assert_int_equal(file_write_atomic(site.config, text, (size_t)n, 0600), 0);
}

#define FARES "modules: {payment: {}, transit: {fares: fares, table: bus}}\n"

static int open_site(void **state)
{
    char path[96];
    (void)state;
    site_open(&site, NULL);
    memcpy(plain, site.text, sizeof plain);
    (void)snprintf(path, sizeof path, "%s/fares", site.dir);
    if (mkdir(path, 0700) != 0)
        return -1;
    site_furnish(&site, false);
    write_table("2.00");
    configure(FARES);
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    site_close(&site);
    return 0;
}

/* What a ride costs by the modules that are in force. */
static int64_t fare(void)
{
    char id[32];
    site_request(&site, "{\"service\":\"transit.fare\",\"terminal\":\"desk\"}", id);
    json_t *r = site_result(&site, id);
    assert_non_null(r);
    int64_t fen = number_of(json_object_get(r, "reply"), "fare_fen");
    if (fen == 0)
        print_error("%s %s\n", text_of(r, "reason"), text_of(r, "detail"));
    json_decref(r);
    return fen;
}

static void refused_with(const char *words)
{
    json_t *j = site_expect(&site, 409, "POST", "/v1/reload", "{}");
    const json_t *e = json_object_get(j, "error");
    assert_string_equal(text_of(e, "code"), "bad_configuration");
    if (!strstr(text_of(e, "message"), words))
        fail_msg("\"%s\" does not say \"%s\"", text_of(e, "message"), words);
    json_decref(j);
}

static void modules_take_their_new_files_at_a_reload_and_not_before(void **state)
{
    (void)state;
    assert_int_equal(fare(), 200);
    write_table("3.50");
    assert_int_equal(fare(), 200);
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
    assert_int_equal(fare(), 350);
    write_table("2.00");
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
    assert_int_equal(fare(), 200);
}

static void a_file_that_a_module_does_not_take_leaves_the_old_one_in_force(void **state)
{
    (void)state;
    write_table("free of charge");
    refused_with("transit");
    assert_int_equal(fare(), 200);
    write_table("2.00");
}

static void a_section_that_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    configure("modules: {payment: {cancel_minutes: often}, transit: {fares: fares, table: bus}}\n");
    refused_with("cancel_minutes");
    configure("modules: {payment: {}, transit: {fares: nowhere, table: bus}}\n");
    refused_with("transit");
    configure("modules: {payment: {}, transit: {fares: fares, table: tram}}\n");
    refused_with("transit");
    assert_int_equal(fare(), 200);
    configure(FARES);
}

/* The other module loaded well before transit did not: neither gets its new part. */
static void either_all_modules_take_their_parts_or_none(void **state)
{
    (void)state;
    configure("modules: {payment: {cancel_minutes: 0}, transit: {fares: nowhere, table: bus}}\n");
    refused_with("transit");
    configure(
        "policy: {card_day_count: 7}\nmodules: {payment: {}, transit: {table: x, fares: fares}}\n");
    refused_with("transit");
    assert_int_equal(fare(), 200);
    configure(FARES);
}

static void a_module_that_is_new_waits_for_a_restart(void **state)
{
    (void)state;
    configure("modules: {payment: {}, transit: {fares: fares, table: bus}, social: {}}\n");
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
    json_t *j = site_expect(&site, 200, "GET", "/v1/services", NULL);
    char *text = json_dumps(j, 0);
    assert_non_null(strstr(text, "transit.fare"));
    assert_null(strstr(text, "social."));
    free(text);
    json_decref(j);
    configure(FARES);
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
}

static void a_request_that_waits_for_its_card_outlives_a_reload(void **state)
{
    char id[32];
    (void)state;
    site_remove(&site, 0);
    site_request(
        &site,
        "{\"service\":\"payment.load\",\"terminal\":\"desk\",\"amount_fen\":500,\"wait_ms\":9000}",
        id);
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
    int64_t before = site_chip(&site, 0);
    site_insert(&site, 0, 0);
    json_t *r = site_result(&site, id);
    assert_string_equal(text_of(r, "outcome"), "posted");
    json_decref(r);
    assert_int_equal(site_chip(&site, 0), before + 500);
    site_remove(&site, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_take_their_new_files_at_a_reload_and_not_before),
        cmocka_unit_test(a_file_that_a_module_does_not_take_leaves_the_old_one_in_force),
        cmocka_unit_test(a_section_that_is_wrong_is_told_with_its_place),
        cmocka_unit_test(either_all_modules_take_their_parts_or_none),
        cmocka_unit_test(a_module_that_is_new_waits_for_a_restart),
        cmocka_unit_test(a_request_that_waits_for_its_card_outlives_a_reload),
    };
    return cmocka_run_group_tests_name("reload", tests, open_site, close_site);
}
