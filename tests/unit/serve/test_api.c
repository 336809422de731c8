#include "site.h"

#include <stdlib.h>
#include <string.h>

static struct site site;

static int open_site(void **state)
{
    (void)state;
    site_open(&site, NULL);
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    site_close(&site);
    return 0;
}

static void check_error(int status, const char *method, const char *path, const char *body,
                        const char *code, const char *words)
{
    json_t *j = site_expect(&site, status, method, path, body);
    const json_t *e = json_object_get(j, "error");
    assert_string_equal(text_of(e, "code"), code);
    if (!strstr(text_of(e, "message"), words))
        fail_msg("\"%s\" does not say \"%s\"", text_of(e, "message"), words);
    json_decref(j);
}

static void unknown_path_and_wrong_method_are_told_apart(void **state)
{
    (void)state;
    check_error(404, "GET", "/v1/nonsense", NULL, "no_such_path", "/v1/nonsense");
    check_error(404, "GET", "/v1/terminals/a/b/c", NULL, "no_such_path", "docs/API.md");
    check_error(400, "GET", "/v1/terminals/%FF%C3", NULL, "bad_request", "UTF-8");
    check_error(404, "GET",
                "/v1/terminals/"
                "1%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%"
                "AC%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%AC%E5%85%AC",
                NULL, "not_found", "terminal");
    check_error(405, "DELETE", "/v1/status", NULL, "wrong_method", "DELETE");
    check_error(404, "GET", "/v1/terminals/none", NULL, "not_found", "terminal \"none\"");
}

static void malformed_json_is_told_with_its_place(void **state)
{
    char deep[300];
    (void)state;
    check_error(400, "POST", "/v1/participants", "{\"id\":\n \"x\",,}", "bad_json", "line 2");
    check_error(400, "POST", "/v1/participants", "[1]", "bad_json", "object");
    check_error(400, "POST", "/v1/participants", "{\"id\":\"a\",\"id\":\"b\"}", "bad_json",
                "duplicate");
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    check_error(400, "POST", "/v1/participants", deep, "bad_json", "32 levels");
}

static void body_over_a_mebibyte_is_refused(void **state)
{
    size_t len = (size_t)2 << 20;
    int status = 0;
    char *body = malloc(len + 1);
    (void)state;
    memset(body, ' ', len);
    body[len] = '\0';
    json_decref(site_call(&site, "POST", "/v1/participants", body, &status));
    free(body);
    assert_int_equal(status, 413);
}

static void unknown_and_wrong_fields_are_named(void **state)
{
    (void)state;
    check_error(400, "POST", "/v1/participants", "{\"id\":\"a\",\"nmae\":\"x\"}", "unknown_field",
                "did you mean \"name\"?");
    check_error(400, "POST", "/v1/participants", "{\"name\":\"x\"}", "missing_field", "\"id\"");
    check_error(400, "POST", "/v1/participants", "{\"id\":5}", "bad_field", "\"id\"");
    check_error(400, "POST", "/v1/participants", "{\"id\":\"a b\",\"name\":\"x\"}", "bad_field",
                "letters");
    check_error(400, "POST", "/v1/requests",
                "{\"service\":\"s\",\"terminal\":\"t\",\"amount_fen\":1.5}", "bad_field",
                "whole number");
}

static void status_says_who_and_how(void **state)
{
    json_t *j = site_expect(&site, 200, "GET", "/v1/status", NULL);
    (void)state;
    assert_string_equal(text_of(j, "site"), "Test");
    assert_true(json_is_true(json_object_get(j, "ready")));
    assert_true(json_is_true(json_object_get(j, "healthy")));
    assert_int_equal(json_array_size(json_object_get(j, "modules")), 3);
    assert_true(number_of(j, "memory_kib") > 0);
    json_decref(j);
}

static void services_tell_needs_and_parameters(void **state)
{
    json_t *j = site_expect(&site, 200, "GET", "/v1/services", NULL);
    bool found = false;
    size_t i;
    json_t *item;
    (void)state;
    json_array_foreach(json_object_get(j, "items"), i, item)
    {
        found = found || strcmp(text_of(item, "name"), "payment.purchase") == 0;
    }
    assert_true(found);
    json_decref(j);
}

static void terminal_that_cannot_work_is_refused_with_a_suggestion(void **state)
{
    (void)state;
    check_error(404, "POST", "/v1/terminals",
                "{\"id\":\"t\",\"kind\":\"desk\",\"participant\":\"nobody\",\"services\":\"*\"}",
                "not_found", "nobody");
    json_decref(site_expect(&site, 201, "POST", "/v1/participants",
                            "{\"id\":\"p\",\"name\":\"P\",\"load_quota_fen\":100}"));
    check_error(400, "POST", "/v1/terminals",
                "{\"id\":\"t\",\"kind\":\"dsek\",\"participant\":\"p\"}", "bad_field",
                "did you mean \"desk\"?");
    check_error(400, "POST", "/v1/terminals",
                "{\"id\":\"t\",\"kind\":\"desk\",\"participant\":\"p\",\"services\":\"payment."
                "purchas\"}",
                "unknown_service", "payment.purchase");
    json_decref(site_expect(&site, 201, "POST", "/v1/terminals",
                            "{\"id\":\"t\",\"kind\":\"desk\",\"participant\":\"p\",\"sam\":"
                            "\"0102030405A6\",\"services\":\"purchase,load\"}"));
    check_error(409, "POST", "/v1/terminals",
                "{\"id\":\"u\",\"kind\":\"desk\",\"participant\":\"p\",\"sam\":\"0102030405A6\"}",
                "conflict", "terminal t");
    json_t *j = site_expect(&site, 200, "POST", "/v1/terminals",
                            "{\"id\":\"t\",\"params\":{\"retap\":\"4\"}}");
    assert_string_equal(text_of(j, "services"), "payment.purchase,payment.load");
    assert_string_equal(text_of(j, "sam"), "0102030405A6");
    json_decref(j);
}

static void keys_are_told_by_their_check_value_only(void **state)
{
    (void)state;
    json_t *j = site_expect(&site, 201, "POST", "/v1/keys/import",
                            "{\"purpose\":\"purchase\",\"alg\":\"3des\",\"version\":7,\"clear\":"
                            "\"000102030405060708090A0B0C0D0E0F\"}");
    assert_int_equal(strlen(text_of(j, "kcv")), 6);
    assert_null(json_object_get(j, "clear"));
    json_decref(j);
    check_error(409, "POST", "/v1/keys/import",
                "{\"purpose\":\"purchase\",\"version\":7,\"clear\":"
                "\"FF0102030405060708090A0B0C0D0E0F\"}",
                "exists", "another version");
    check_error(400, "POST", "/v1/keys/generate", "{\"purpose\":\"purchse\",\"version\":8}",
                "bad_field", "did you mean \"purchase\"?");
    json_decref(site_expect(&site, 201, "POST", "/v1/keys/generate",
                            "{\"purpose\":\"load\",\"version\":8}"));
    j = site_expect(&site, 200, "GET", "/v1/keys", NULL);
    assert_int_equal(json_array_size(json_object_get(j, "items")), 2);
    json_decref(j);
}

static void keys_come_back_after_a_restart(void **state)
{
    (void)state;
    json_t *j = site_expect(&site, 200, "GET", "/v1/keys", NULL);
    size_t before = json_array_size(json_object_get(j, "items"));
    json_decref(j);
    site_stop(&site);
    site_start(&site);
    json_decref(site_expect(&site, 409, "POST", "/v1/keys/import",
                            "{\"purpose\":\"purchase\",\"version\":7,\"clear\":"
                            "\"FF0102030405060708090A0B0C0D0E0F\"}"));
    j = site_expect(&site, 200, "GET", "/v1/keys", NULL);
    assert_int_equal(json_array_size(json_object_get(j, "items")), before);
    json_decref(j);
}

static void card_lives_through_its_states(void **state)
{
    (void)state;
    json_t *j = site_expect(&site, 201, "POST", "/v1/cards/register",
                            "{\"serial\":\"3100000000000077\",\"profile\":\"pboc-ep\","
                            "\"opening_fen\":1234,\"active\":false,\"holder\":{\"name\":\"王小明\","
                            "\"id\":\"110101199001011234\"}}");
    assert_string_equal(text_of(j, "state"), "issued");
    assert_string_equal(text_of(j, "kind"), "named");
    assert_string_equal(text_of(j, "serial"), "00003100000000000077");
    assert_int_equal(number_of(j, "purse_fen"), 1234);
    json_decref(j);
    check_error(409, "POST", "/v1/cards/register",
                "{\"serial\":\"3100000000000077\",\"profile\":\"pboc-ep\"}", "refused", "");
    check_error(409, "POST", "/v1/cards/3100000000000077/unblock", "{}", "refused", "issued");
    json_decref(site_expect(&site, 200, "POST", "/v1/cards/3100000000000077/activate", "{}"));
    j = site_expect(&site, 200, "POST", "/v1/cards/3100000000000077/report-loss",
                    "{\"why\":\"by telephone\"}");
    assert_string_equal(text_of(j, "state"), "lost");
    assert_true(strlen(text_of(j, "loss_effective")) > 20);
    json_decref(j);
    check_error(404, "POST", "/v1/cards/3100000000000077/activte", "{}", "no_such_path",
                "did you mean \"activate\"?");
    check_error(404, "GET", "/v1/cards/99", NULL, "not_found", "card \"99\"");
    check_error(400, "POST", "/v1/cards/register", "{\"serial\":\"XY\",\"profile\":\"pboc-ep\"}",
                "bad_field", "serial");
    check_error(400, "POST", "/v1/cards/register", "{\"serial\":\"1\",\"profile\":\"pboc\"}",
                "bad_field", "profile");
}

static void denylist_import_takes_the_good_and_reports_the_bad(void **state)
{
    (void)state;
    json_t *j = site_expect(&site, 200, "POST", "/v1/denylist/import",
                            "{\"items\":[{\"issuer\":\"1111111111111111\",\"serial\":\"5\"},"
                            "{\"serial\":\"zz\",\"line\":7},{\"issuer\":\"1111111111111111\","
                            "\"serial\":\"6\",\"action\":\"lock\",\"why\":\"stolen\"}]}");
    assert_int_equal(number_of(j, "added"), 2);
    const json_t *errors = json_object_get(j, "errors");
    assert_int_equal(json_array_size(errors), 1);
    assert_int_equal(number_of(json_array_get(errors, 0), "line"), 7);
    json_decref(j);
    json_decref(site_expect(&site, 200, "DELETE",
                            "/v1/denylist/1111111111111111-00000000000000000005", NULL));
    j = site_expect(&site, 200, "GET", "/v1/denylist", NULL);
    size_t i, locks = 0;
    json_t *item;
    json_array_foreach(json_object_get(j, "items"), i, item)
    {
        assert_string_not_equal(text_of(item, "serial"), "00000000000000000005");
        locks += strcmp(text_of(item, "action"), "lock") == 0;
    }
    assert_int_equal(locks, 1);
    json_decref(j);
}

static void check_next_day_has_not_begun(void)
{
    char body[64];
    json_t *j = site_expect(&site, 200, "GET", "/v1/status", NULL);
    (void)snprintf(body, sizeof body, "{\"date\":\"%s\"}", text_of(j, "open_day"));
    json_decref(j);
    check_error(409, "POST", "/v1/day/close", body, "not_begun", "has not begun");
}

static void R11_day_closes_and_settles_over_the_api(void **state)
{
    char body[64], day[16];
    (void)state;
    json_t *j = site_expect(&site, 200, "GET", "/v1/status", NULL);
    (void)snprintf(day, sizeof day, "%s", text_of(j, "open_day"));
    json_decref(j);
    (void)snprintf(body, sizeof body, "{\"date\":\"%s\"}", day);
    check_error(409, "POST", "/v1/settle/run", body, "day_open", "");
    check_error(400, "POST", "/v1/day/close", "{}", "missing_field", "date");
    json_decref(site_expect(&site, 200, "POST", "/v1/day/close", body));
    check_error(409, "POST", "/v1/day/close", body, "other_day", "the open day is");
    check_next_day_has_not_begun();
    j = site_expect(&site, 200, "POST", "/v1/settle/run", body);
    assert_string_equal(text_of(j, "date"), day);
    json_decref(j);
    j = site_expect(&site, 200, "POST", "/v1/settle/verify", body);
    assert_int_equal(number_of(j, "faults"), 0);
    json_decref(j);
}

static void ledger_verifies_and_is_copied(void **state)
{
    char body[160];
    (void)state;
    json_t *j = site_expect(&site, 200, "POST", "/v1/ledger/verify", "");
    assert_true(json_is_true(json_object_get(j, "good")));
    json_decref(j);
    (void)snprintf(body, sizeof body, "{\"path\":\"%s/copy.db\"}", site.dir);
    json_decref(site_expect(&site, 200, "POST", "/v1/ledger/backup", body));
    check_error(409, "POST", "/v1/ledger/backup", body, "exists", "already");
    check_error(400, "POST", "/v1/ledger/backup", "{\"path\":\"x\"}", "bad_field", "absolute");
}

static void lists_and_reload_answer(void **state)
{
    static const char *const paths[] = {
        "/v1/participants", "/v1/terminals", "/v1/cards?limit=1", "/v1/txns",  "/v1/doubts",
        "/v1/accounts",     "/v1/days",      "/v1/events",        "/v1/flows", "/v1/requests"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        json_t *j = site_expect(&site, 200, "GET", paths[i], NULL);
        assert_true(json_is_array(json_object_get(j, "items")));
        assert_non_null(json_object_get(j, "next"));
        json_decref(j);
    }
    json_decref(site_expect(&site, 200, "POST", "/v1/reload", "{}"));
    json_decref(site_expect(&site, 200, "GET", "/metrics", NULL));
    check_error(400, "GET", "/v1/cards?limit=0", NULL, "bad_query", "1 to 500");
    check_error(400, "GET", "/v1/cards?sate=active", NULL, "bad_query", "did you mean \"state\"");
    check_error(400, "GET", "/v1/cards?limit=1&limit=2", NULL, "bad_query", "there twice");
    check_error(400, "GET", "/v1/status?verbose=1", NULL, "bad_query", "\"verbose\"");
    check_error(400, "POST", "/v1/reload?now=1", "{}", "bad_query", "\"now\"");
    check_error(400, "GET", "/v1/accounts?after=nothing:x", NULL, "bad_query", "\"next\"");
    check_error(400, "GET", "/v1/cards?state=actve", NULL, "bad_query", "active");
}

/* The sections that the answer names, blanks between. */
static const char *reloaded(void)
{
    static char names[200];
    size_t i;
    const json_t *name;
    names[0] = '\0';
    json_t *j = site_expect(&site, 200, "POST", "/v1/reload", "{}");
    assert_true(json_is_true(json_object_get(j, "reloaded")));
    json_array_foreach(json_object_get(j, "restart_for"), i, name)
    {
        (void)snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                       i > 0 ? " " : "", json_string_value(name));
    }
    json_decref(j);
    return names;
}

static void reload_leaves_the_sites_issuer_and_the_keys_switch_as_they_were(void **state)
{
    static char text[sizeof site.text];
    (void)state;
    ROLE_ENTER_WORKER();
    memcpy(text, site.text, sizeof text);
    char *issuer = strstr(text, "1020304000000001"), *clear = strstr(text, "allow_clear: true");
    assert_true(issuer && clear);
    memcpy(issuer, "9999999999999999", 16);
    memcpy(clear, "allow_clear: off ", 17);
    assert_int_equal(file_write_atomic(site.config, text, strlen(text), 0600), 0);
    assert_string_equal(reloaded(), "site keys");
    json_t *j = site_expect(&site, 200, "GET", "/v1/status", NULL);
    assert_string_equal(text_of(j, "issuer"), "1020304000000001");
    json_decref(j);
    json_decref(site_expect(&site, 201, "POST", "/v1/keys/import",
                            "{\"purpose\":\"tac\",\"version\":77,\"clear\":"
                            "\"000102030405060708090A0B0C0D0E0F\"}"));
    j = site_expect(&site, 201, "POST", "/v1/denylist", "{\"serial\":\"77\"}");
    assert_string_equal(text_of(j, "issuer"), "1020304000000001");
    json_decref(j);
    assert_int_equal(file_write_atomic(site.config, site.text, strlen(site.text), 0600), 0);
    assert_string_equal(reloaded(), "");
}

static void reload_with(const char *lines)
{
    static char text[sizeof site.text + 512];
    const char *modules = strstr(site.text, "\nmodules:");
    ROLE_ENTER_WORKER();
    (void)snprintf(text, sizeof text, "%s%s", site.text, lines);
    assert_null(modules); /* they would be there twice */
    assert_int_equal(file_write_atomic(site.config, text, strlen(text), 0600), 0);
}

static void reload_names_each_section_that_counts_after_a_restart_only(void **state)
{
    (void)state;
    ROLE_ENTER_WORKER();
    reload_with("institutions: {burst: 300}\nmodules: [payment]\n"
                "terminals: {heartbeat: 3s}\nwatch: {doubt_age: 2h}\n");
    assert_string_equal(reloaded(), "institutions terminals modules");
    reload_with("terminals: {queue: 3, max_active: 2}\nmodules:\n  payment:\n  transit:\n  card:\n");
    assert_string_equal(reloaded(), "");
    assert_int_equal(file_write_atomic(site.config, site.text, strlen(site.text), 0600), 0);
    assert_string_equal(reloaded(), "");
}

#define HALL "\"kind\":\"hall\",\"participant\":\"cardco\",\"sam\":\"100000000099\""
static void R10_sam_that_moved_is_in_the_new_terminal_alone(void **state)
{
    (void)state;
    int status = 0;
    json_decref(site_call(&site, "POST", "/v1/participants", "{\"id\":\"cardco\",\"name\":\"C\"}",
                          &status));
    json_decref(site_expect(&site, 201, "POST", "/v1/terminals", "{\"id\":\"h1\"," HALL "}"));
    check_error(409, "POST", "/v1/terminals", "{\"id\":\"h2\"," HALL "}", "conflict", "move");
    json_decref(
        site_expect(&site, 201, "POST", "/v1/terminals", "{\"id\":\"h2\"," HALL ",\"move\":true}"));
    json_decref(
        site_expect(&site, 200, "POST", "/v1/terminals", "{\"id\":\"h2\",\"kind\":\"desk\"}"));
    check_error(409, "POST", "/v1/terminals", "{\"id\":\"h1\"," HALL "}", "conflict", "h2");
    check_error(400, "POST", "/v1/terminals", "{\"id\":\".h3\"," HALL "}", "bad_field", "id");
}

static void reader_name_over_the_limit_is_refused_and_not_kept(void **state)
{
    char body[160];
    int status = 200;
    (void)state;
    for (int i = 0; i < READERS_MAX + 1 && status == 200; i++) {
        (void)snprintf(body, sizeof body, "{\"id\":\"h2\",\"reader\":\"slot %d\"}", i);
        json_decref(site_call(&site, "POST", "/v1/terminals", body, &status));
    }
    assert_int_equal(status, 409);
    json_t *j = site_expect(&site, 200, "GET", "/v1/terminals/h2", NULL);
    assert_null(strstr(body, text_of(j, "reader")));
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_path_and_wrong_method_are_told_apart),
        cmocka_unit_test(malformed_json_is_told_with_its_place),
        cmocka_unit_test(body_over_a_mebibyte_is_refused),
        cmocka_unit_test(unknown_and_wrong_fields_are_named),
        cmocka_unit_test(status_says_who_and_how),
        cmocka_unit_test(services_tell_needs_and_parameters),
        cmocka_unit_test(terminal_that_cannot_work_is_refused_with_a_suggestion),
        cmocka_unit_test(keys_are_told_by_their_check_value_only),
        cmocka_unit_test(keys_come_back_after_a_restart),
        cmocka_unit_test(card_lives_through_its_states),
        cmocka_unit_test(denylist_import_takes_the_good_and_reports_the_bad),
        cmocka_unit_test(R11_day_closes_and_settles_over_the_api),
        cmocka_unit_test(ledger_verifies_and_is_copied),
        cmocka_unit_test(lists_and_reload_answer),
        cmocka_unit_test(R10_sam_that_moved_is_in_the_new_terminal_alone),
        cmocka_unit_test(reader_name_over_the_limit_is_refused_and_not_kept),
        cmocka_unit_test(reload_leaves_the_sites_issuer_and_the_keys_switch_as_they_were),
        cmocka_unit_test(reload_names_each_section_that_counts_after_a_restart_only),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
