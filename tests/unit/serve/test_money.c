/* Money over the network where things cross: requests that are taken back, asked about late, or
 * asked twice; and what a purchase costs in round trips whatever happened to the card before. Over
 * real TLS on loopback. */
#include "wire_terminal.h"

#include <stdlib.h>
#include <string.h>

static struct site site;
static struct wire_terminal till, gate;

static void add_terminal(const char *id, const char *more)
{
    char body[400];
    (void)snprintf(body, sizeof body, "{\"id\":\"%s\",\"participant\":\"bus\",%s}", id, more);
    json_decref(site_expect(&site, 201, "POST", "/v1/terminals", body));
}

static int open_site(void **state)
{
    (void)state;
    site_open(&site, "terminals: {listen: [\"127.0.0.1:0\"], heartbeat: 5s, max_requests: 3}\n");
    site_furnish(&site, false);
    add_terminal("till", "\"kind\":\"pos\",\"sam\":\"100000000011\",\"services\":[\"payment.*\"]");
    add_terminal("gate", "\"kind\":\"bus\",\"sam\":\"100000000012\",\"services\":[\"transit.*\"],"
                         "\"gate\":\"transit.ride\",\"params\":{\"fare\":\"2.00\",\"line\":\"12\","
                         "\"same_card_seconds\":\"0\",\"retap\":\"1\"}");
    wt_open(&till, &site, "till");
    wt_open(&gate, &site, "gate");
    return wt_enrol(&till) != 0 || wt_enrol(&gate) != 0;
}

static int close_site(void **state)
{
    (void)state;
    wt_close(&till);
    wt_close(&gate);
    site_close(&site);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    wt_remove(&till);
    wt_remove(&gate);
    till.cut = gate.cut = CUT_NEVER;
    cardsim_fault_clear(site.card[0]);
    if (wt_connect(&till) != 0 || wt_connect(&gate) != 0)
        return -1;
    wt_rest(&till, 100); /* the first scripts */
    wt_rest(&gate, 100);
    return 0;
}

static int64_t chip(int card)
{
    struct cardsim_status st;
    cardsim_status(site.card[card], &st);
    return st.balance_fen;
}

static struct wire_ask purchase(int64_t amount)
{
    return (struct wire_ask){.service = "payment.purchase", .amount = amount};
}

static void check(struct wire_result r, int outcome, const char *reason)
{
    if (r.outcome != outcome || strcmp(r.reason, reason) != 0)
        print_error("outcome %d %s (error %s, %s)\n", r.outcome, r.reason, till.error, gate.error);
    assert_int_equal(r.outcome, outcome);
    assert_string_equal(r.reason, reason);
}

static struct wire_result ask_and_take_back(struct wire_ask a)
{
    assert_int_equal(wt_send_ask(&till, &a), 0);
    assert_int_equal(wt_cancel(&till, a.number), 0);
    return wt_wait(&till, a.number);
}

/* A purchase whose wire was cut at the list with the money command; connected again. */
static struct wire_ask cut_purchase(enum wire_cut cut)
{
    struct wire_ask a = purchase(100);
    wt_insert(&till, site.card[0]);
    till.cut = cut;
    till.cut_at = till.lists + 1;
    a.number = wt_ask(&till, a).number;
    till.cut = CUT_NEVER;
    assert_int_equal(wt_connect(&till), 0);
    wt_rest(&till, 300); /* and the dialogue has ended that was cut */
    return a;
}

static void R6_posted_request_for_a_reader_that_went_is_answered(void **state)
{
    (void)state;
    int64_t before = chip(0);
    struct wire_ask a = purchase(50);
    wt_insert(&till, site.card[0]);
    struct wire_result r = wt_ask(&till, a);
    check(r, PB_POSTED, "");
    a.number = r.number;
    a.reader = 3;
    a.apart = true;
    r = wt_ask(&till, a);
    check(r, PB_POSTED, "");
    assert_true(r.replayed);
    a.number = 0;
    assert_int_equal(wt_ask(&till, a).outcome, -1);
    assert_string_equal(till.error, "unknown_reader");
    assert_int_equal(chip(0), before - 50);
}

static void request_that_waits_when_the_switch_ends_is_busy(void **state)
{
    (void)state;
    struct wire_ask first = purchase(100), second = purchase(120);
    first.wait_ms = second.wait_ms = 20000;
    assert_int_equal(wt_send_ask(&till, &first), 0);
    assert_int_equal(wt_next(&till, 5000), 0); /* it waits for a card, and has the reader */
    assert_int_equal(wt_send_ask(&till, &second), 0);
    site_stop(&site);
    till.busy_ms = 0;
    struct wire_result r = wt_wait(&till, second.number);
    assert_int_equal(r.outcome, -1);
    assert_true(till.busy_ms > 0);
    site_start(&site);
    assert_int_equal(wt_connect(&till), 0);
    wt_insert(&till, site.card[0]);
    check(wt_ask(&till, second), PB_POSTED, "");
}

/* ---- taken back ---- */

static void R6_posted_request_asked_again_and_taken_back_is_posted(void **state)
{
    (void)state;
    int64_t before = chip(0);
    struct wire_ask a = purchase(200);
    wt_insert(&till, site.card[0]);
    struct wire_result first = wt_ask(&till, a);
    check(first, PB_POSTED, "");
    a.number = first.number;
    struct wire_result r = ask_and_take_back(a);
    check(r, PB_POSTED, "");
    assert_true(r.replayed);
    assert_string_equal(r.txn, first.txn);
    assert_int_equal(chip(0), before - 200);
}

static void R3_doubt_asked_about_and_taken_back_is_not_refused(void **state)
{
    (void)state;
    int64_t before = chip(0);
    struct wire_ask a = cut_purchase(CUT_AFTER_LIST);
    a.apart = true; /* no card is told */
    struct wire_result r = ask_and_take_back(a);
    assert_int_equal(r.outcome, PB_IN_DOUBT);
    assert_string_not_equal(r.txn, "");
    a.apart = false;
    check(wt_ask(&till, a), PB_POSTED, "");
    assert_int_equal(chip(0), before - 100);
}

static void R3_doubt_behind_another_request_taken_back_is_not_refused(void **state)
{
    (void)state;
    int64_t before = chip(0);
    struct wire_ask a = cut_purchase(CUT_AFTER_LIST), waits = purchase(300);
    a.apart = waits.apart = true;
    waits.wait_ms = 3000;
    assert_int_equal(wt_send_ask(&till, &waits), 0); /* holds the reader until a card comes */
    struct wire_result r = ask_and_take_back(a);
    assert_int_equal(r.outcome, PB_IN_DOUBT);
    assert_int_equal(wt_cancel(&till, waits.number), 0);
    check(wt_wait(&till, waits.number), PB_REFUSED, "cancelled");
    a.apart = false;
    check(wt_ask(&till, a), PB_POSTED, "");
    assert_int_equal(chip(0), before - 100);
}

static void new_request_taken_back_is_refused_for_good(void **state)
{
    (void)state;
    int64_t before = chip(0);
    wt_insert(&till, site.card[0]);
    struct wire_ask a = purchase(100);
    assert_int_equal(wt_send_ask(&till, &a), 0);
    assert_int_equal(wt_cancel(&till, a.number), 0);
    struct wire_result r = wt_wait(&till, a.number);
    check(r, PB_REFUSED, "cancelled");
    r = wt_ask(&till, a); /* a copy that comes late begins nothing */
    check(r, PB_REFUSED, "cancelled");
    assert_true(r.replayed);
    assert_int_equal(chip(0), before);
}

/* ---- only to be answered ---- */

static void question_only_to_be_answered_begins_nothing_then_or_later(void **state)
{
    (void)state;
    int64_t before = chip(0);
    struct wire_ask a = {.service = "payment.account",
                         .card_number = "00000000000000000001",
                         .only_answer = true};
    struct wire_result r = wt_ask(&till, a);
    check(r, PB_REFUSED, "cancelled");
    assert_false(r.replayed);
    a.number = r.number;
    a.only_answer = false;
    r = wt_ask(&till, a); /* the first one, which was on its way all the time */
    check(r, PB_REFUSED, "cancelled");
    assert_true(r.replayed);
    wt_insert(&till, site.card[0]);
    a = purchase(100);
    a.only_answer = true;
    check(wt_ask(&till, a), PB_REFUSED, "cancelled");
    assert_int_equal(chip(0), before);
}

static void question_only_to_be_answered_gets_the_answer_that_is_known(void **state)
{
    (void)state;
    struct wire_ask a = purchase(100);
    wt_insert(&till, site.card[0]);
    struct wire_result first = wt_ask(&till, a);
    check(first, PB_POSTED, "");
    a.number = first.number;
    a.only_answer = true;
    wt_remove(&till);
    struct wire_result r = wt_ask(&till, a);
    check(r, PB_POSTED, "");
    assert_true(r.replayed);
    assert_string_equal(r.txn, first.txn);
    a.amount = 7;
    (void)wt_ask(&till, a);
    assert_string_equal(till.error, "conflict");
}

static void R3_doubt_only_to_be_answered_stays_one(void **state)
{
    (void)state;
    int64_t before = chip(0);
    struct wire_ask a = cut_purchase(CUT_AFTER_LIST);
    a.only_answer = true;
    assert_int_equal(wt_ask(&till, a).outcome, PB_IN_DOUBT); /* though its card lies there */
    a.only_answer = false;
    check(wt_ask(&till, a), PB_POSTED, "");
    assert_int_equal(chip(0), before - 100);
}

/* ---- a PIN and a document ---- */

static void document_makes_another_request_and_a_pin_does_not(void **state)
{
    (void)state;
    struct wire_ask a = purchase(100);
    a.document = "{\"bill\":\"B-7\"}";
    a.pin = "123456";
    wt_insert(&till, site.card[0]);
    struct wire_result first = wt_ask(&till, a);
    check(first, PB_POSTED, "");
    a.number = first.number;
    a.pin = "654321";
    struct wire_result r = wt_ask(&till, a);
    check(r, PB_POSTED, "");
    assert_true(r.replayed);
    a.document = "{\"bill\":\"B-8\"}";
    (void)wt_ask(&till, a);
    assert_string_equal(till.error, "conflict");
}

static void malformed_pin_or_document_is_refused_and_nothing_begins(void **state)
{
    static const struct {
        const char *pin, *document;
    } bad[] = {{"123", NULL},          {"12345a", NULL},  {"1234567890123", NULL},
               {NULL, "[\"no object\"]"}, {NULL, "{\"a\":"}, {NULL, "x"}};
    (void)state;
    int64_t before = chip(0);
    wt_insert(&till, site.card[0]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct wire_ask a = purchase(100);
        a.pin = bad[i].pin;
        a.document = bad[i].document;
        struct wire_result r = wt_ask(&till, a);
        assert_int_equal(r.outcome, PB_REFUSED);
    }
    assert_int_equal(chip(0), before);
}

/* ---- asked about, for a card that has gone ---- */

static void R3_doubt_of_an_arrival_that_has_gone_ends_without_a_new_attempt(void **state)
{
    (void)state;
    int64_t before = chip(0);
    struct wire_ask a = cut_purchase(CUT_AT_LIST);
    a.arrival = 1; /* of a run before */
    struct wire_result r = wt_ask(&till, a);
    assert_int_equal(r.outcome, PB_VOIDED);
    assert_int_equal(chip(0), before);
    assert_int_equal(wt_ask(&till, a).outcome, PB_VOIDED);
    assert_int_equal(chip(0), before);
    wt_remove(&till);
    wt_insert(&till, site.card[0]);
    check(wt_ask(&till, purchase(100)), PB_POSTED, "");
    assert_int_equal(chip(0), before - 100);
}

static void desk_that_names_a_card_takes_no_other(void **state)
{
    (void)state;
    int64_t before = chip(0);
    wt_insert(&till, site.card[0]);
    struct wire_ask a = purchase(100);
    a.arrival = till.arrival - 1;
    check(wt_ask(&till, a), PB_REFUSED, "card_removed");
    assert_int_equal(chip(0), before);
}

/* ---- what it costs ---- */

/* Request and first list, that list and the next, the result. */
static void costs_three(bool apart)
{
    struct wire_ask a = purchase(10);
    a.apart = apart;
    struct wire_result r = wt_ask(&till, a);
    check(r, PB_POSTED, "");
    assert_true(r.lists <= 2);
}

static void warm_up(void)
{
    wt_insert(&till, site.card[0]);
    check(wt_ask(&till, purchase(10)), PB_POSTED, "");
    wt_remove(&till);
    wt_rest(&till, 100);
}

static void card_that_came_and_went_leaves_the_next_one_warm(void **state)
{
    (void)state;
    warm_up();
    for (int i = 0; i < 2; i++) {
        wt_insert(&till, site.card[i == 0 ? 0 : 2]);
        assert_int_equal(wt_tell(&till), 0);
        wt_rest(&till, 100);
        wt_remove(&till);
        wt_rest(&till, 100);
        wt_insert(&till, site.card[0]);
        assert_int_equal(wt_tell(&till), 0);
        costs_three(true);
        wt_remove(&till);
        wt_rest(&till, 100);
    }
}

static void card_that_stays_pays_again_in_three_round_trips(void **state)
{
    (void)state;
    warm_up();
    wt_insert(&till, site.card[0]);
    assert_int_equal(wt_tell(&till), 0);
    for (int i = 0; i < 3; i++) {
        costs_three(true);
        unsigned arms = till.arms;
        wt_rest(&till, 200);
        assert_true(till.arms - arms <= 2); /* it comes to rest */
    }
    wt_remove(&till);
    wt_rest(&till, 100);
    wt_insert(&till, site.card[1]);
    assert_int_equal(wt_tell(&till), 0);
    costs_three(true);
}

static void card_is_not_read_anew_once_a_dialogue_began(void **state)
{
    (void)state;
    warm_up();
    wt_insert(&till, site.card[0]);
    assert_int_equal(wt_tell(&till), 0);
    costs_three(true); /* its script for the card that lies there stays unread */
    struct wire_ask a = purchase(10);
    a.apart = true;
    unsigned arms = till.arms;
    check(wt_ask(&till, a), PB_POSTED, "");
    assert_true(till.arms > arms); /* taken back before the first list, and sent again at the end */
}

static void torn_card_leaves_the_next_one_warm(void **state)
{
    (void)state;
    warm_up();
    int64_t before = chip(0);
    struct wire_ask a = purchase(10);
    wt_insert(&till, site.card[0]);
    assert_int_equal(wt_tell(&till), 0);
    a.apart = true;
    assert_int_equal(cardsim_fault_add(site.card[0], "torn-after@54"), 0);
    assert_int_equal(wt_send_ask(&till, &a), 0);
    struct wire_result r = wt_wait(&till, a.number);
    assert_int_equal(r.outcome, PB_IN_DOUBT);
    wt_remove(&till);
    wt_rest(&till, 100);
    cardsim_fault_clear(site.card[0]);
    wt_insert(&till, site.card[1]);
    assert_int_equal(wt_tell(&till), 0);
    costs_three(true);
    wt_remove(&till);
    wt_rest(&till, 100);
    wt_insert(&till, site.card[0]);
    assert_int_equal(wt_tell(&till), 0);
    check(wt_ask(&till, a), PB_POSTED, "");
    assert_int_equal(chip(0), before - 10);
}

#define T(f) cmocka_unit_test_setup(f, begin)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R6_posted_request_for_a_reader_that_went_is_answered),
        T(request_that_waits_when_the_switch_ends_is_busy),
        T(R6_posted_request_asked_again_and_taken_back_is_posted),
        T(R3_doubt_asked_about_and_taken_back_is_not_refused),
        T(R3_doubt_behind_another_request_taken_back_is_not_refused),
        T(new_request_taken_back_is_refused_for_good),
        T(question_only_to_be_answered_begins_nothing_then_or_later),
        T(question_only_to_be_answered_gets_the_answer_that_is_known),
        T(R3_doubt_only_to_be_answered_stays_one),
        T(document_makes_another_request_and_a_pin_does_not),
        T(malformed_pin_or_document_is_refused_and_nothing_begins),
        T(R3_doubt_of_an_arrival_that_has_gone_ends_without_a_new_attempt),
        T(desk_that_names_a_card_takes_no_other),
        T(card_that_came_and_went_leaves_the_next_one_warm),
        T(card_that_stays_pays_again_in_three_round_trips),
        T(card_is_not_read_anew_once_a_dialogue_began),
        T(torn_card_leaves_the_next_one_warm),
    };
    return cmocka_run_group_tests_name("money", tests, open_site, close_site);
}
