/* The door for records of offline terminals, and for a lost card's purse: what is taken, told line
 * by line, listed, asked anew, and refused. */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct site site;

static int open_site(void **state)
{
    (void)state;
    site_open(&site, NULL);
    site_furnish(&site, true);
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    site_close(&site);
    return 0;
}

static void check_error(int status, const char *method, const char *path, const char *body,
                        const char *words)
{
    json_t *j = site_expect(&site, status, method, path, body);
    const char *message = text_of(json_object_get(j, "error"), "message");
    if (!strstr(message, words))
        fail_msg("\"%s\" does not say \"%s\"", message, words);
    json_decref(j);
}

/* A record of the card at the gate's SAM; `more`: further members. */
static const char *record(const char *serial, int counter, const char *more)
{
    static char text[4][400];
    static unsigned at;
    char *t = text[at++ % 4];
    int n =
        snprintf(t, sizeof text[0],
                 "{\"serial\":\"%s\",\"type\":\"06\",\"counter\":%d,\"amount_fen\":200,\"sam\":"
                 "\"100000000002\",\"sam_seq\":%d,\"date\":\"2026-11-21\",\"time\":\"08:30:05\"%s}",
                 serial, counter, 900 + counter, more);
    assert_in_range(n, 1, (int)sizeof text[0] - 1);
    return t;
}

static json_t *import(const char *terminal, const char *items)
{
    static char body[2048];
    (void)snprintf(body, sizeof body, "{\"terminal\":\"%s\",\"items\":[%s]}", terminal, items);
    return site_expect(&site, 200, "POST", "/v1/offline/import", body);
}

static const json_t *line(const json_t *answer, const char *list, size_t i, int number)
{
    const json_t *e = json_array_get(json_object_get(answer, list), i);
    assert_int_equal(number_of(e, "line"), number);
    return e;
}

static size_t held(const char *query)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/v1/offline?state=held%s", query);
    json_t *j = site_expect(&site, 200, "GET", path, NULL);
    size_t n = json_array_size(json_object_get(j, "items"));
    json_decref(j);
    return n;
}

static void R16_every_line_of_an_import_gets_its_result_or_its_reason(void **state)
{
    static char items[1800];
    (void)state;
    (void)snprintf(items, sizeof items, "%s,%s,%s,{\"serial\":\"1\",\"line\":77},7,%s",
                   record("1", 1, ",\"tac\":\"DEADBEEF\""), record("999", 1, ""),
                   record("2", 1, ",\"line\":40"), record("1", 2, ",\"algorithm\":\"rot13\""));
    json_t *j = import("bus", items);
    const json_t *results = json_object_get(j, "results");
    assert_int_equal(json_object_size(results), 3);
    assert_int_equal(number_of(results, "tac_wrong"), 1);
    assert_int_equal(number_of(results, "unknown_card"), 1);
    assert_int_equal(number_of(results, "grey"), 1);
    assert_int_equal(json_array_size(json_object_get(j, "lines")), 3);
    assert_string_equal(text_of(line(j, "lines", 0, 1), "result"), "tac_wrong");
    assert_string_equal(text_of(line(j, "lines", 2, 40), "result"), "grey");
    assert_int_equal(json_array_size(json_object_get(j, "errors")), 3);
    assert_non_null(strstr(text_of(line(j, "errors", 0, 77), "message"), "\"type\""));
    assert_non_null(strstr(text_of(line(j, "errors", 1, 5), "message"), "not an object"));
    assert_non_null(strstr(text_of(line(j, "errors", 2, 6), "message"), "\"algorithm\""));
    json_decref(j);
    assert_int_equal(held(""), 3);
    assert_int_equal(held("&card=1"), 1);
    j = site_expect(&site, 200, "GET", "/v1/cards/1", NULL);
    assert_int_equal(number_of(j, "purse_fen"), 5000); /* nothing moved */
    json_decref(j);
}

static void held_records_come_in_pages_with_what_they_say(void **state)
{
    (void)state;
    json_decref(import("bus", record("2", 7, ",\"balance_fen\":4800")));
    json_t *j = site_expect(&site, 200, "GET", "/v1/offline?state=held&limit=1", NULL);
    assert_int_equal(json_array_size(json_object_get(j, "items")), 1);
    char path[96];
    (void)snprintf(path, sizeof path, "/v1/offline?state=held&after=%lld",
                   (long long)number_of(j, "next"));
    json_decref(j);
    size_t all = held("");
    j = site_expect(&site, 200, "GET", path, NULL);
    const json_t *items = json_object_get(j, "items");
    assert_int_equal(json_array_size(items), all - 1);
    const json_t *last = json_array_get(items, all - 2);
    assert_string_equal(text_of(last, "result"), "grey");
    assert_string_equal(text_of(last, "serial"), "00000000000000000002");
    assert_int_equal(number_of(last, "counter"), 7);
    assert_int_equal(number_of(last, "balance_fen"), 4800);
    assert_string_equal(text_of(last, "business_date"), "2026-11-21");
    assert_true(json_is_null(json_object_get(last, "txn")));
    json_decref(j);
    check_error(400, "GET", "/v1/offline?state=lost", NULL, "held or all");
    check_error(404, "GET", "/v1/offline?card=77", NULL, "77");
}

static void R16_what_is_held_is_asked_anew_and_the_same_again_writes_nothing(void **state)
{
    (void)state;
    json_t *j = import("bus", record("4711", 3, ""));
    assert_int_equal(number_of(json_object_get(j, "results"), "unknown_card"), 1);
    json_decref(j);
    size_t before = held("");
    json_decref(import("bus", record("4711", 3, "")));
    assert_int_equal(held(""), before);
    json_decref(site_expect(&site, 201, "POST", "/v1/cards/register",
                            "{\"serial\":\"4711\",\"profile\":\"pboc-ep\",\"opening_fen\":5000}"));
    j = site_expect(&site, 200, "POST", "/v1/offline/retry", NULL);
    assert_int_equal(number_of(json_object_get(j, "results"), "grey"), 1); /* it has no TAC */
    json_decref(j);
    assert_int_equal(held("&card=4711"), 1);
}

static void an_import_that_cannot_be_one_is_refused_whole(void **state)
{
    (void)state;
    check_error(400, "POST", "/v1/offline/import", "{}", "items");
    check_error(400, "POST", "/v1/offline/import", "{\"items\":{}}", "items");
    char *body = malloc(8192);
    assert_non_null(body);
    strcpy(body, "{\"items\":[0");
    for (int i = 0; i < 1000; i++)
        strcat(body, ",0");
    strcat(body, "]}");
    check_error(400, "POST", "/v1/offline/import", body, "at most 1000");
    free(body);
}

static void R15_the_purse_of_a_card_in_use_stays(void **state)
{
    (void)state;
    check_error(400, "POST", "/v1/cards/1/replace", "{\"to\":\"1\"}", "another card");
    check_error(404, "POST", "/v1/cards/1/replace", "{\"to\":\"99\"}", "99");
    check_error(409, "POST", "/v1/cards/1/replace", "{\"to\":\"2\"}", "not lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R16_every_line_of_an_import_gets_its_result_or_its_reason),
        cmocka_unit_test(held_records_come_in_pages_with_what_they_say),
        cmocka_unit_test(R16_what_is_held_is_asked_anew_and_the_same_again_writes_nothing),
        cmocka_unit_test(an_import_that_cannot_be_one_is_refused_whole),
        cmocka_unit_test(R15_the_purse_of_a_card_in_use_stays),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
