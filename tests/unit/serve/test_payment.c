/* The bank's result file and a fund's answer over the API (R18). */
#include "site.h"

#include <stdio.h>
#include <string.h>

static struct site site;
static char day[16];

/* A day with one purchase of 3 yuan is closed and published. */
static int open_site(void **state)
{
    char id[32], body[64];
    (void)state;
    site_open(&site, NULL);
    site_furnish(&site, false);
    site_insert(&site, 0, 0);
    site_request(&site,
                 "{\"service\":\"payment.purchase\",\"terminal\":\"desk\",\"amount_fen\":300}", id);
    json_t *r = site_result(&site, id);
    assert_string_equal(text_of(r, "outcome"), "posted");
    json_decref(r);
    site_remove(&site, 0);
    json_t *j = site_expect(&site, 200, "GET", "/v1/status", NULL);
    (void)snprintf(day, sizeof day, "%s", text_of(j, "open_day"));
    json_decref(j);
    (void)snprintf(body, sizeof body, "{\"date\":\"%s\"}", day);
    json_decref(site_expect(&site, 200, "POST", "/v1/day/close", body));
    j = site_expect(&site, 200, "POST", "/v1/settle/run", body);
    assert_int_equal(number_of(json_object_get(j, "payments"), "pay_fen"), 300);
    json_decref(j);
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    site_close(&site);
    return 0;
}

static void check_day(const char *state)
{
    json_t *j = site_expect(&site, 200, "GET", "/v1/days", NULL), *d;
    bool found = false;
    size_t i;
    json_array_foreach(json_object_get(j, "items"), i, d)
    {
        if (strcmp(text_of(d, "date"), day) == 0) {
            found = true;
            assert_string_equal(text_of(d, "state"), state);
        }
    }
    assert_true(found);
    json_decref(j);
}

static json_t *bring(const char *line)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"file\":\"bank.csv\",\"items\":[%s]}", line);
    return site_expect(&site, 200, "POST", "/v1/settle/result", body);
}

static char *line_of(const char *result, const char *reference, int64_t fen, unsigned attempt)
{
    static char line[400];
    (void)snprintf(line, sizeof line,
                   "{\"line\":4,\"item\":\"%s/bank/m/%u\",\"payee\":\"bank\",\"amount_fen\":%lld,"
                   "\"result\":\"%s\",\"date\":\"%s\",\"reference\":\"%s\"}",
                   day, attempt, (long long)fen, result, day, reference);
    return line;
}

static void check_counts(const char *line, const char *name, const char *why)
{
    json_t *j = bring(line), *errors = json_object_get(j, "errors");
    if (name)
        assert_int_equal(number_of(json_object_get(j, "results"), name), 1);
    assert_int_equal(json_array_size(errors), why ? 1 : 0);
    if (why && !strstr(text_of(json_array_get(errors, 0), "message"), why))
        fail_msg("%s", text_of(json_array_get(errors, 0), "message"));
    json_decref(j);
}

static void R18_day_is_published_until_the_bank_says_paid(void **state)
{
    (void)state;
    check_day("published");
    check_counts(line_of("paid", "A1", 301, 1), NULL, "3.00 yuan, not 3.01");
    check_counts(line_of("lost", "A1", 300, 1), NULL, "paid, returned or failed");
    check_counts("{\"item\":\"x\"}", NULL, "missing");
    check_counts("7", NULL, "not an object");
    check_counts(line_of("paid", "A1", 300, 1), "paid", NULL);
    check_day("settled");
    check_counts(line_of("paid", "A1", 300, 1), "unchanged", NULL);
    check_counts(line_of("returned", "R1", 300, 1), "returned", NULL);
    check_day("published");
}

static void items_say_who_was_paid_when_and_by_which_transaction(void **state)
{
    char path[96];
    (void)state;
    (void)snprintf(path, sizeof path, "/v1/settle/items?state=all&group=%s", day);
    json_t *j = site_expect(&site, 200, "GET", path, NULL), *items = json_object_get(j, "items");
    assert_int_equal(json_array_size(items), 2);
    json_t *first = json_array_get(items, 0);
    assert_string_equal(text_of(first, "state"), "returned");
    assert_int_equal(strlen(text_of(json_object_get(first, "paid"), "txn")), 13);
    assert_string_equal(text_of(json_object_get(first, "back"), "reference"), "R1");
    (void)snprintf(path, sizeof path, "/v1/txns/%s",
                   text_of(json_object_get(first, "paid"), "txn"));
    json_t *txn = site_expect(&site, 200, "GET", path, NULL);
    assert_string_equal(text_of(txn, "service"), "settle.paid");
    json_decref(txn);
    assert_string_equal(text_of(json_array_get(items, 1), "state"), "open");
    json_decref(j);
    j = site_expect(&site, 200, "GET", "/v1/settle/items?limit=1", NULL);
    assert_string_equal(text_of(json_array_get(json_object_get(j, "items"), 0), "state"), "open");
    json_decref(j);
    json_decref(site_expect(&site, 400, "GET", "/v1/settle/items?state=gone", NULL));
    json_decref(site_expect(&site, 400, "GET", "/v1/settle/items?group=monday", NULL));
    json_decref(site_expect(&site, 400, "GET", "/v1/settle/items?after=x", NULL));
}

static void R18_answer_to_a_claim_that_was_never_made_is_refused(void **state)
{
    (void)state;
    json_decref(site_expect(&site, 404, "POST", "/v1/settle/deduct",
                            "{\"fund\":\"ybj\",\"month\":\"2020-01\",\"claimed_fen\":5,"
                            "\"accepted_fen\":5,\"deducted_fen\":0,\"items\":[],\"last\":true}"));
    json_decref(site_expect(&site, 400, "POST", "/v1/settle/deduct",
                            "{\"fund\":\"ybj\",\"month\":\"2020-13\",\"claimed_fen\":5,"
                            "\"accepted_fen\":5,\"deducted_fen\":0,\"items\":[],\"last\":true}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R18_day_is_published_until_the_bank_says_paid),
        cmocka_unit_test(items_say_who_was_paid_when_and_by_which_transaction),
        cmocka_unit_test(R18_answer_to_a_claim_that_was_never_made_is_refused),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
