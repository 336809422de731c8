/* Requests and gates at readers with software cards. */
#include "site.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PURCHASE                                                                                   \
    "{\"service\":\"payment.purchase\",\"terminal\":\"desk\",\"amount_fen\":300,\"retap_ms\":0,"   \
    "\"wait_ms\":20000"

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

static void check_result(json_t *r, const char *outcome, const char *reason)
{
    if (strcmp(text_of(r, "outcome"), outcome) != 0 || strcmp(text_of(r, "reason"), reason) != 0) {
        char *text = json_dumps(r, 0);
        print_error("%s\n", text ? text : "?");
        free(text);
    }
    assert_string_equal(text_of(r, "outcome"), outcome);
    assert_string_equal(text_of(r, "reason"), reason);
    json_decref(r);
}

static bool waits_for_card(const char *id)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/v1/requests/%s", id);
    return site_wait(&site, path, "state", "waiting_card");
}

static void purchase_with_a_card_that_comes_is_posted(void **state)
{
    char id[32];
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_request(&site, PURCHASE "}", id);
    assert_true(waits_for_card(id));
    site_insert(&site, 0, 0);
    json_t *r = site_result(&site, id);
    assert_int_equal(number_of(r, "balance_fen"), before - 300);
    assert_int_equal(strlen(text_of(r, "txn")), 13);
    check_result(r, "posted", "none");
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before - 300);
    json_t *card = site_expect(&site, 200, "GET", "/v1/cards/1", NULL);
    assert_int_equal(number_of(card, "purse_fen"), before - 300);
    json_decref(card);
}

static void R8_lease_that_ran_out_does_not_charge_the_next_card(void **state)
{
    char id[32];
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_request(&site, PURCHASE ",\"lease_ms\":500}", id);
    (void)usleep(900000); /* the client has vanished */
    site_insert(&site, 0, 0);
    (void)usleep(300000);
    check_result(site_result(&site, id), "refused", "cancelled");
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before);
}

static void R8_client_that_hangs_up_disarms_at_once(void **state)
{
    char id[32], path[64];
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_request(&site, PURCHASE "}", id);
    assert_true(waits_for_card(id));
    (void)snprintf(path, sizeof path, "/v1/requests/%s?wait_ms=5000", id);
    site_hang_up(&site, path, 300);
    (void)usleep(200000);
    site_insert(&site, 0, 0);
    (void)usleep(300000);
    check_result(site_result(&site, id), "refused", "cancelled");
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before);
}

static void polls_keep_the_lease(void **state)
{
    char id[32], path[64];
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_request(&site, PURCHASE ",\"lease_ms\":600}", id);
    (void)snprintf(path, sizeof path, "/v1/requests/%s?wait_ms=400", id);
    for (int i = 0; i < 5; i++)
        json_decref(site_expect(&site, 200, "GET", path, NULL));
    site_insert(&site, 0, 0);
    check_result(site_result(&site, id), "posted", "none");
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before - 300);
}

static void cancel_before_the_card_moves_nothing(void **state)
{
    char id[32], path[64];
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_request(&site, PURCHASE "}", id);
    assert_true(waits_for_card(id));
    (void)snprintf(path, sizeof path, "/v1/requests/%s", id);
    json_t *j = site_expect(&site, 200, "DELETE", path, NULL);
    assert_true(json_is_true(json_object_get(j, "cancelled")));
    json_decref(j);
    site_insert(&site, 0, 0);
    (void)usleep(300000);
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before);
    j = site_expect(&site, 200, "DELETE", path, NULL); /* the same answer again */
    assert_true(json_is_true(json_object_get(j, "cancelled")));
    json_decref(j);
}

static void cancel_after_the_end_tells_the_outcome(void **state)
{
    char id[32], path[64];
    (void)state;
    site_request(&site, PURCHASE "}", id);
    site_insert(&site, 0, 0);
    check_result(site_result(&site, id), "posted", "none");
    site_remove(&site, 0);
    (void)snprintf(path, sizeof path, "/v1/requests/%s", id);
    json_t *j = site_expect(&site, 200, "DELETE", path, NULL);
    assert_false(json_is_true(json_object_get(j, "cancelled")));
    assert_string_equal(text_of(json_object_get(j, "result"), "outcome"), "posted");
    json_decref(j);
}

static void two_requests_on_one_reader_go_one_after_the_other(void **state)
{
    char a[32], b[32];
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_request(&site, PURCHASE "}", a);
    site_request(&site, PURCHASE "}", b);
    site_insert(&site, 0, 0);
    check_result(site_result(&site, a), "posted", "none");
    check_result(site_result(&site, b), "posted", "none");
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before - 600);
}

static void same_request_number_gives_the_same_answer(void **state)
{
    char id[32], txn[16];
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_insert(&site, 0, 0);
    site_request(&site, PURCHASE ",\"request_no\":4711}", id);
    json_t *r = site_result(&site, id);
    (void)snprintf(txn, sizeof txn, "%s", text_of(r, "txn"));
    check_result(r, "posted", "none");
    site_request(&site, PURCHASE ",\"request_no\":4711}", id);
    r = site_result(&site, id);
    assert_string_equal(text_of(r, "txn"), txn);
    check_result(r, "posted", "none");
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before - 300);
}

static void plan_is_shown_and_nothing_moves(void **state)
{
    int64_t before = site_chip(&site, 0);
    (void)state;
    site_insert(&site, 0, 0);
    json_t *j = site_expect(&site, 202, "POST", "/v1/plan",
                            "{\"service\":\"purchase\",\"terminal\":\"desk\",\"amount_fen\":100}");
    json_t *r = site_result(&site, text_of(j, "request"));
    assert_true(json_is_object(json_object_get(r, "plan")));
    assert_true(json_is_null(json_object_get(r, "txn")));
    json_decref(r);
    json_decref(j);
    site_remove(&site, 0);
    assert_int_equal(site_chip(&site, 0), before);
}

static void unknown_words_are_refused_and_recorded(void **state)
{
    char id[32];
    (void)state;
    site_request(&site, "{\"service\":\"payment.purchas\",\"terminal\":\"desk\"}", id);
    check_result(site_result(&site, id), "refused", "unknown_service");
    site_request(&site, "{\"service\":\"payment.purchase\",\"terminal\":\"nowhere\"}", id);
    check_result(site_result(&site, id), "refused", "terminal_unknown");
}

static bool chip_is(int card, int64_t fen)
{
    for (int i = 0; i < 60; i++) {
        if (site_chip(&site, card) == fen)
            return true;
        (void)usleep(50000);
    }
    return false;
}

static void R8_gate_serves_each_arrival_once(void **state)
{
    int64_t before = site_chip(&site, 1);
    (void)state;
    site_insert(&site, 1, 1);
    assert_true(chip_is(1, before - 200));
    (void)usleep(1200000); /* it stays where it is */
    assert_int_equal(site_chip(&site, 1), before - 200);
    site_remove(&site, 1);
    site_insert(&site, 1, 1);
    assert_true(chip_is(1, before - 400));
    site_remove(&site, 1);
    json_t *j = site_expect(&site, 200, "GET", "/v1/terminals/bus", NULL);
    assert_string_equal(text_of(json_object_get(j, "last"), "outcome"), "posted");
    json_decref(j);
}

static void desk_request_on_a_gates_reader_takes_the_next_card(void **state)
{
    char id[32];
    int64_t before = site_chip(&site, 1);
    (void)state;
    json_decref(site_expect(&site, 201, "POST", "/v1/terminals",
                            "{\"id\":\"helper\",\"kind\":\"desk\",\"participant\":\"bus\",\"sam\":"
                            "\"100000000003\",\"reader\":\"right\",\"services\":\"*\"}"));
    site_request(&site,
                 "{\"service\":\"payment.balance\",\"terminal\":\"helper\",\"wait_ms\":9000}", id);
    assert_true(waits_for_card(id));
    site_insert(&site, 1, 1);
    check_result(site_result(&site, id), "posted", "none");
    (void)usleep(400000);
    site_remove(&site, 1);
    assert_int_equal(site_chip(&site, 1), before);
}

static void gate_closed_at_run_time_serves_no_more(void **state)
{
    int64_t before = site_chip(&site, 1);
    (void)state;
    json_decref(
        site_expect(&site, 200, "POST", "/v1/terminals", "{\"id\":\"bus\",\"closed\":true}"));
    site_insert(&site, 1, 1);
    (void)usleep(400000);
    site_remove(&site, 1);
    assert_int_equal(site_chip(&site, 1), before);
    json_decref(
        site_expect(&site, 200, "POST", "/v1/terminals", "{\"id\":\"bus\",\"closed\":false}"));
    site_insert(&site, 1, 1);
    assert_true(chip_is(1, before - 200));
    site_remove(&site, 1);
}

static void R8_card_that_lay_there_at_the_start_is_not_charged_again(void **state)
{
    int64_t before = site_chip(&site, 1);
    (void)state;
    site_stop(&site);
    site.early = 1;
    site_start(&site);
    site.early = -1;
    (void)usleep(700000);
    assert_int_equal(site_chip(&site, 1), before);
    site_remove(&site, 1);
    site_insert(&site, 1, 1);
    assert_true(chip_is(1, before - 200));
    site_remove(&site, 1);
}

static void lists_of_transactions_page_to_their_end(void **state)
{
    size_t whole, pieces = 0;
    char path[64] = "/v1/txns?limit=1", last[16] = "";
    (void)state;
    for (int i = 0; i < 8; i++) {
        char id[32];
        site_request(&site, "{\"service\":\"none\",\"terminal\":\"desk\"}", id);
        json_decref(site_result(&site, id));
    }
    json_t *j = site_expect(&site, 200, "GET", "/v1/txns?limit=500", NULL);
    whole = json_array_size(json_object_get(j, "items"));
    assert_true(whole > 17);
    json_decref(j);
    for (; pieces <= whole; pieces++) {
        j = site_expect(&site, 200, "GET", path, NULL);
        const json_t *item = json_array_get(json_object_get(j, "items"), 0);
        if (!item)
            break;
        assert_string_not_equal(text_of(item, "txn"), last);
        (void)snprintf(last, sizeof last, "%s", text_of(item, "txn"));
        (void)snprintf(path, sizeof path, "/v1/txns?limit=1&before=%s", last);
        json_decref(j);
        j = NULL;
    }
    json_decref(j);
    assert_int_equal(pieces, whole);
}

static void books_agree_with_the_chips_at_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/v1/cards/%d", i + 1);
        json_t *j = site_expect(&site, 200, "GET", path, NULL);
        assert_int_equal(number_of(j, "purse_fen"), site_chip(&site, i));
        json_decref(j);
    }
    json_t *j = site_expect(&site, 200, "POST", "/v1/ledger/verify", "{}");
    assert_int_equal(number_of(j, "faults"), 0);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purchase_with_a_card_that_comes_is_posted),
        cmocka_unit_test(R8_lease_that_ran_out_does_not_charge_the_next_card),
        cmocka_unit_test(R8_client_that_hangs_up_disarms_at_once),
        cmocka_unit_test(polls_keep_the_lease),
        cmocka_unit_test(cancel_before_the_card_moves_nothing),
        cmocka_unit_test(cancel_after_the_end_tells_the_outcome),
        cmocka_unit_test(two_requests_on_one_reader_go_one_after_the_other),
        cmocka_unit_test(same_request_number_gives_the_same_answer),
        cmocka_unit_test(plan_is_shown_and_nothing_moves),
        cmocka_unit_test(unknown_words_are_refused_and_recorded),
        cmocka_unit_test(R8_gate_serves_each_arrival_once),
        cmocka_unit_test(desk_request_on_a_gates_reader_takes_the_next_card),
        cmocka_unit_test(gate_closed_at_run_time_serves_no_more),
        cmocka_unit_test(R8_card_that_lay_there_at_the_start_is_not_charged_again),
        cmocka_unit_test(lists_of_transactions_page_to_their_end),
        cmocka_unit_test(books_agree_with_the_chips_at_the_end),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
