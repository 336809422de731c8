/* Terminals over the network: enrolment, sales, gates, cuts, replays; over real TLS on loopback. */
#include "wire_terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    site_open(&site, "terminals: {listen: [\"127.0.0.1:0\"], heartbeat: 5s, max_requests: 2}\n");
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
    till.lists = gate.lists = 0;
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

/* ---- what works ---- */

static void purchase_at_a_till_takes_three_round_trips_and_prints_a_slip(void **state)
{
    (void)state;
    int64_t before = chip(0);
    wt_insert(&till, site.card[0]);
    struct wire_result r = wt_ask(&till, purchase(300));
    check(r, PB_POSTED, "");
    assert_int_equal(r.balance, before - 300);
    assert_int_equal(chip(0), before - 300);
    assert_true(r.lists <=
                2); /* the request and the first list, that list and the next, the result */
    assert_true(r.slip >= 6);
    assert_int_equal(strlen(r.txn), 13);
    assert_false(r.replayed);
}

static void gate_tap_with_a_learned_fare_takes_two_round_trips(void **state)
{
    (void)state;
    int64_t before = chip(1);
    struct wire_ask tap = {.gate = true};
    for (int i = 0; i < 3; i++) {
        wt_insert(&gate, site.card[1]);
        struct wire_result r = wt_ask(&gate, tap);
        check(r, PB_POSTED, "");
        if (i > 0)
            assert_int_equal(r.lists, 1);
        wt_remove(&gate);
    }
    assert_int_equal(chip(1), before - 600);
}

static void card_by_number_is_answered_without_a_chip(void **state)
{
    (void)state;
    struct wire_ask a = {.service = "payment.account", .card_number = "00000000000000000001"};
    struct wire_result r = wt_ask(&till, a);
    check(r, PB_POSTED, "");
    assert_int_equal(r.lists, 0);
    a = purchase(100);
    a.card_number = "00000000000000000001";
    r = wt_ask(&till, a);
    assert_int_equal(r.outcome, PB_REFUSED);
}

/* ---- codes ---- */

/* A new dynamic code of card 0, as its holder's app has it. */
static void new_code(char ret[128])
{
    json_t *j = site_expect(&site, 201, "POST", "/v1/codes", "{\"card\":\"1\"}");
    (void)snprintf(ret, 128, "%s", text_of(j, "code"));
    json_decref(j);
    assert_int_equal(strncmp(ret, "oc2:", 4), 0);
}

static struct wire_result show_code(const char *code, uint64_t number)
{
    return wt_ask(&till, (struct wire_ask){
                             .service = "payment.account", .code = code, .number = number});
}

static void R21_dynamic_code_is_good_once_and_its_request_again_the_same_answer(void **state)
{
    char code[128];
    (void)state;
    new_code(code);
    struct wire_result r = show_code(code, 0);
    check(r, PB_POSTED, "");
    assert_int_equal(r.lists, 0);
    struct wire_result again = show_code(code, r.number);
    assert_int_equal(again.number, r.number);
    check(again, PB_POSTED, "");
    check(show_code(code, 0), PB_REFUSED, "parameter");
}

static void R21_codes_that_were_not_made_here_are_refused(void **state)
{
    char code[128];
    (void)state;
    new_code(code);
    size_t last = strlen(code) - 1;
    code[last] = code[last] == '0' ? '1' : '0';
    check(show_code(code, 0), PB_REFUSED, "parameter");
    code[last] = '\0';
    check(show_code(code, 0), PB_REFUSED, "parameter");
    check(show_code("oc2:", 0), PB_REFUSED, "parameter");
    check(show_code("oc3:00000000000000000001", 0), PB_REFUSED, "parameter");
}

/* Printed on the card or copied from it: it says who, and proves nothing. */
static void R21_static_code_is_the_number(void **state)
{
    (void)state;
    check(show_code("oc1:00000000000000000001", 0), PB_POSTED, "");
    check(show_code("oc1:00000000000000000099", 0), PB_REFUSED, "unknown_card");
    check(show_code("oc1:", 0), PB_REFUSED, "parameter");
}

static void R21_code_takes_the_chips_place_nowhere(void **state)
{
    char code[128];
    (void)state;
    int64_t before = chip(0);
    new_code(code);
    struct wire_ask a = purchase(100);
    a.code = code;
    struct wire_result r = wt_ask(&till, a);
    check(r, PB_REFUSED, "needs_chip");
    assert_int_equal(chip(0), before);
}

/* ---- idempotency ---- */

static void same_number_again_is_the_first_answer_and_other_content_is_a_conflict(void **state)
{
    (void)state;
    int64_t before = chip(0);
    wt_insert(&till, site.card[0]);
    struct wire_result first = wt_ask(&till, purchase(200));
    check(first, PB_POSTED, "");
    struct wire_ask again = purchase(200);
    again.number = first.number;
    struct wire_result r = wt_ask(&till, again);
    check(r, PB_POSTED, "");
    assert_true(r.replayed);
    assert_string_equal(r.txn, first.txn);
    again.amount = 201;
    assert_int_equal(wt_ask(&till, again).outcome, -1);
    assert_string_equal(till.error, "conflict");
    assert_false(till.fatal);
    assert_int_equal(chip(0), before - 200);
}

static void number_that_runs_asked_with_other_content_is_an_error(void **state)
{
    (void)state;
    struct wire_ask a = purchase(100), b = purchase(150);
    a.wait_ms = 5000;
    assert_int_equal(wt_send_ask(&till, &a), 0);
    b.number = a.number;
    struct wire_result r = wt_ask(&till, b);
    assert_int_equal(r.outcome, -1);
    assert_string_equal(till.error, "conflict");
    assert_false(till.fatal);
}

static void R8_arrival_that_was_served_is_not_charged_again(void **state)
{
    (void)state;
    int64_t before = chip(1);
    struct wire_ask tap = {.gate = true};
    wt_insert(&gate, site.card[1]);
    check(wt_ask(&gate, tap), PB_POSTED, "");
    struct wire_result r = wt_ask(&gate, tap);
    assert_int_equal(r.outcome, PB_REFUSED);
    assert_int_equal(chip(1), before - 200);
}

/* ---- the network is cut ---- */

static void cut_and_ask_again(enum wire_cut cut, unsigned at, int64_t taken)
{
    int64_t before = chip(0);
    wt_insert(&till, site.card[0]);
    till.cut = cut;
    till.cut_at = at;
    struct wire_result r = wt_ask(&till, purchase(100));
    assert_int_equal(r.outcome, -1);
    till.cut = CUT_NEVER;
    assert_int_equal(wt_connect(&till), 0);
    struct wire_ask again = purchase(100);
    again.number = r.number;
    struct wire_result second = wt_ask(&till, again);
    check(second, PB_POSTED, "");
    assert_int_equal(chip(0), before - taken);
    check(wt_ask(&till, (struct wire_ask){.service = "payment.balance"}), PB_POSTED, "");
    assert_int_equal(chip(0), before - taken);
}

static void R2_cut_before_the_intent_leaves_the_number_free(void **state)
{
    (void)state;
    cut_and_ask_again(CUT_AFTER_LIST, 0, 100);
}

static void R3_cut_before_the_debit_is_executed_is_settled_and_charged_once(void **state)
{
    (void)state;
    cut_and_ask_again(CUT_AT_LIST, 1, 100);
}

static void R3_cut_after_the_debit_is_settled_and_charged_once(void **state)
{
    (void)state;
    cut_and_ask_again(CUT_AFTER_LIST, 1, 100);
}

static void R4_list_that_came_too_late_moves_nothing(void **state)
{
    (void)state;
    int64_t before = chip(0);
    wt_insert(&till, site.card[0]);
    till.cut = CUT_LATE;
    till.cut_at = 1;
    struct wire_result r = wt_ask(&till, purchase(100));
    till.cut = CUT_NEVER;
    assert_int_not_equal(r.outcome, PB_IN_DOUBT);
    assert_int_equal(chip(0), before - (r.outcome == PB_POSTED ? 100 : 0));
}

static void R3_gate_cut_after_the_debit_opens_for_the_same_card_without_a_second_fare(void **state)
{
    (void)state;
    int64_t before = chip(1);
    struct wire_ask tap = {.gate = true};
    wt_insert(&gate, site.card[1]);
    gate.cut = CUT_AFTER_LIST;
    gate.cut_at = 0; /* learned before: the only list is the debit's */
    struct wire_result r = wt_ask(&gate, tap);
    assert_int_equal(r.outcome, -1);
    gate.cut = CUT_NEVER;
    wt_remove(&gate);
    assert_int_equal(wt_connect(&gate), 0);
    wt_insert(&gate, site.card[1]);
    check(wt_ask(&gate, tap), PB_POSTED, "");
    assert_int_equal(chip(1), before - 200);
    tap.number = r.number; /* and the first request has its answer */
    check(wt_ask(&gate, tap), PB_POSTED, "");
    assert_int_equal(chip(1), before - 200);
}

/* ---- shifts ---- */

static int sign_off(uint64_t first, uint64_t last, int64_t amount)
{
    pb_sign_off s = ONECARD__TERMINAL__V1__SIGN_OFF__INIT;
    pb_total total = ONECARD__TERMINAL__V1__TOTAL__INIT, *totals = &total;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    char person[] = "wang", service[] = "payment.purchase";
    s.person = person;
    s.first_request = first;
    s.last_request = last;
    total.service = service;
    total.count = 1;
    total.amount_fen = amount;
    s.n_totals = 1;
    s.totals = &totals;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_SIGN_OFF;
    m.sign_off = &s;
    int rc = wt_send(&till, &m);
    while (rc == 0 && (rc = wt_next(&till, 5000)) == 0)
        if (till.m->message_case == (int)TO_TERMINAL_SIGNED_OFF)
            return till.m->signed_off->agrees ? 1 : 2;
    return rc;
}

static void shift_is_compared_with_the_ledger(void **state)
{
    (void)state;
    pb_sign_on s = ONECARD__TERMINAL__V1__SIGN_ON__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    char person[] = "wang";
    s.person = person;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_SIGN_ON;
    m.sign_on = &s;
    assert_int_equal(wt_send(&till, &m), 0);
    do
        assert_int_equal(wt_next(&till, 5000), 0);
    while (till.m->message_case != (int)TO_TERMINAL_SIGNED_ON);
    uint64_t first = till.m->signed_on->first_request;
    assert_int_equal(first, till.last_request + 1);
    wt_insert(&till, site.card[0]);
    check(wt_ask(&till, purchase(120)), PB_POSTED, "");
    assert_int_equal(sign_off(first, till.last_request, 120), 1);
    assert_int_equal(sign_off(first, till.last_request, 121), 2);
}

/* ---- identity ---- */

static int renew(struct wire_terminal *t, struct x509_bytes *key, struct x509_bytes *cert)
{
    pb_renew r = ONECARD__TERMINAL__V1__RENEW__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    int rc = x509_key_new(key);
    if (rc == 0)
        rc = x509_request_new(key, t->id, &t->csr);
    r.csr = (ProtobufCBinaryData){t->csr.len, t->csr.data};
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_RENEW;
    m.renew = &r;
    if (rc == 0)
        rc = wt_send(t, &m);
    while (rc == 0 && (rc = wt_next(t, 5000)) == 0)
        if (t->m->message_case == (int)TO_TERMINAL_RENEWED) {
            cert->len = t->m->renewed->certificate.len;
            memcpy(cert->data, t->m->renewed->certificate.data, cert->len);
            return 0;
        }
    return rc;
}

static void renewed_key_replaces_the_old_one_when_it_is_first_used(void **state)
{
    struct x509_bytes *b = calloc(4, sizeof *b);
    (void)state;
    b[2] = till.key;
    b[3] = till.cert;
    assert_int_equal(renew(&till, &b[0], &b[1]), 0);
    assert_int_equal(wt_connect(&till), 0); /* the old one still works */
    till.key = b[0];
    till.cert = b[1];
    tls_session_free(&till.session);
    till.session = tls_session_new();
    assert_int_equal(wt_connect(&till), 0);
    till.key = b[2];
    till.cert = b[3];
    tls_session_free(&till.session);
    till.session = tls_session_new();
    assert_int_equal(wt_connect(&till), OC_EPERM);
    assert_string_equal(till.error, "wrong_certificate");
    till.key = b[0];
    till.cert = b[1];
    tls_session_free(&till.session);
    till.session = tls_session_new();
    assert_int_equal(wt_connect(&till), 0);
    free(b);
}

static void token_is_good_once_and_only_itself(void **state)
{
    struct wire_terminal *t = calloc(1, sizeof *t);
    char token[128], wrong[128];
    (void)state;
    add_terminal("till-2", "\"kind\":\"pos\",\"sam\":\"100000000013\",\"services\":[\"*\"]");
    wt_open(t, &site, "till-2");
    wt_token(t, token);
    memcpy(wrong, token, sizeof wrong);
    wrong[strlen("till-2.") + 3] = wrong[strlen("till-2.") + 3] == '0' ? '1' : '0';
    assert_int_equal(wt_enrol_with(t, wrong), OC_EPERM);
    assert_string_equal(t->error, "enroll_refused");
    assert_int_equal(wt_enrol_with(t, "nonsense"), OC_EPERM);
    assert_int_equal(wt_enrol_with(t, token), 0);
    assert_true(t->until_ms > clock_wall_ms(&clock_system) + 399 * MS_PER_DAY);
    assert_int_equal(wt_connect(t), 0);
    struct x509_bytes *old = calloc(2, sizeof *old);
    old[0] = t->key;
    old[1] = t->cert;
    assert_int_equal(wt_enrol_with(t, token), OC_EPERM);
    t->key = old[0];
    t->cert = old[1];
    assert_int_equal(wt_connect(t), 0);
    free(old);
    wt_close(t);
    free(t);
}

static void connection_of_the_same_terminal_replaces_the_first(void **state)
{
    struct wire_terminal *twin = calloc(1, sizeof *twin);
    (void)state;
    wt_open(twin, &site, "till");
    twin->key = till.key;
    twin->cert = till.cert;
    assert_int_equal(wt_connect(twin), 0);
    assert_int_equal(wt_drain(&till, 5000), OC_ECLOSED);
    assert_string_equal(till.error, "replaced");
    assert_true(till.fatal);
    wt_insert(twin, site.card[0]);
    check(wt_ask(twin, purchase(100)), PB_POSTED, "");
    wt_close(twin);
    free(twin);
}

static void second_connection_is_resumed_and_checked_again(void **state)
{
    (void)state;
    assert_int_equal(wt_connect(&till), 0);
    assert_int_equal(wt_connect(&till), 0);
    assert_true(till.peer.resumed);
    json_t *j = site_expect(&site, 200, "GET", "/v1/sessions", NULL);
    assert_int_equal(json_array_size(json_object_get(j, "items")), 2);
    json_decref(j);
}

static void R15_revoked_terminal_is_cut_at_once_and_not_let_in_again(void **state)
{
    struct wire_terminal *t = calloc(1, sizeof *t);
    (void)state;
    add_terminal("till-3", "\"kind\":\"pos\",\"sam\":\"100000000014\",\"services\":[\"*\"]");
    wt_open(t, &site, "till-3");
    assert_int_equal(wt_enrol(t), 0);
    assert_int_equal(wt_connect(t), 0);
    json_decref(
        site_expect(&site, 200, "POST", "/v1/terminals/till-3/revoke", "{\"why\":\"stolen\"}"));
    assert_int_equal(wt_drain(t, 5000), OC_ECLOSED);
    assert_string_equal(t->error, "revoked");
    assert_int_equal(wt_connect(t), OC_EPERM);
    assert_string_equal(t->error, "revoked");
    wt_close(t);
    free(t);
}

static void R15_connection_that_waits_at_the_door_is_revoked_too(void **state)
{
    struct wire_terminal *t = calloc(1, sizeof *t);
    (void)state;
    add_terminal("till-5", "\"kind\":\"pos\",\"sam\":\"100000000016\",\"services\":[\"*\"]");
    wt_open(t, &site, "till-5");
    assert_int_equal(wt_enrol(t), 0);
    assert_int_equal(wt_connect(t), 0);
    assert_int_equal(wt_dial(t, "onecard/1"), 0); /* and no Hello */
    assert_int_equal(usleep(300000), 0);
    json_decref(
        site_expect(&site, 200, "POST", "/v1/terminals/till-5/revoke", "{\"why\":\"lost\"}"));
    assert_int_equal(wt_drain(t, 5000), OC_ECLOSED);
    assert_string_equal(t->error, "revoked");
    wt_close(t);
    free(t);
}

static void closed_terminal_is_cut_at_once(void **state)
{
    struct wire_terminal *t = calloc(1, sizeof *t);
    (void)state;
    add_terminal("till-4", "\"kind\":\"pos\",\"sam\":\"100000000015\",\"services\":[\"*\"]");
    wt_open(t, &site, "till-4");
    assert_int_equal(wt_enrol(t), 0);
    assert_int_equal(wt_connect(t), 0);
    json_decref(
        site_expect(&site, 200, "POST", "/v1/terminals", "{\"id\":\"till-4\",\"closed\":true}"));
    assert_int_equal(wt_drain(t, 5000), OC_ECLOSED);
    assert_string_equal(t->error, "closed_terminal");
    assert_int_equal(wt_connect(t), OC_EPERM);
    assert_string_equal(t->error, "closed_terminal");
    wt_close(t);
    free(t);
}

static void foreign_certificate_and_none_are_refused(void **state)
{
    struct wire_terminal *t = calloc(1, sizeof *t);
    struct x509_bytes *a = calloc(2, sizeof *a);
    (void)state;
    wt_open(t, &site, "till");
    assert_int_equal(x509_key_new(&a[0]), 0);
    assert_int_equal(
        x509_authority_new(&a[0], "elsewhere", clock_wall_ms(&clock_system), 30, &a[1]), 0);
    assert_int_equal(x509_key_new(&t->key), 0);
    assert_int_equal(x509_request_new(&t->key, "till", &t->csr), 0);
    struct x509_issue w = {.authority_key = &a[0],
                           .authority_cert = &a[1],
                           .csr = t->csr.data,
                           .csr_len = t->csr.len,
                           .name = "till",
                           .use = X509_TERMINAL,
                           .now_ms = clock_wall_ms(&clock_system),
                           .days = 30};
    assert_int_equal(x509_issue(&w, &t->cert), 0);
    assert_int_not_equal(wt_connect(t), 0);
    assert_int_equal(t->welcomes, 0);
    t->cert.len = 0;
    assert_int_not_equal(wt_connect(t), 0);
    assert_int_equal(t->welcomes, 0);
    wt_close(t);
    free(a);
    free(t);
}

/* ---- the switch ends ---- */

static void R4_daemon_that_ends_drains_and_a_restart_goes_on(void **state)
{
    (void)state;
    struct wire_ask a = purchase(100);
    a.wait_ms = 20000;
    assert_int_equal(wt_send_ask(&till, &a), 0);
    assert_int_equal(wt_next(&till, 5000), 0); /* it waits for a card */
    site_stop(&site);
    struct wire_result r = wt_wait(&till, a.number);
    assert_int_equal(r.outcome, PB_REFUSED);
    assert_true(till.drained);
    assert_int_equal(wt_drain(&till, 5000), OC_ECLOSED);
    site_start(&site);
    assert_int_equal(wt_connect(&till), 0);
    assert_true(till.peer.resumed);
    assert_int_equal(wt_connect(&gate), 0);
    wt_insert(&till, site.card[0]);
    check(wt_ask(&till, purchase(100)), PB_POSTED, "");
}

#define T(f) cmocka_unit_test_setup(f, begin)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(purchase_at_a_till_takes_three_round_trips_and_prints_a_slip),
        T(gate_tap_with_a_learned_fare_takes_two_round_trips),
        T(card_by_number_is_answered_without_a_chip),
        T(same_number_again_is_the_first_answer_and_other_content_is_a_conflict),
        T(number_that_runs_asked_with_other_content_is_an_error),
        T(R21_dynamic_code_is_good_once_and_its_request_again_the_same_answer),
        T(R21_codes_that_were_not_made_here_are_refused),
        T(R21_static_code_is_the_number),
        T(R21_code_takes_the_chips_place_nowhere),
        T(R8_arrival_that_was_served_is_not_charged_again),
        T(R2_cut_before_the_intent_leaves_the_number_free),
        T(R3_cut_before_the_debit_is_executed_is_settled_and_charged_once),
        T(R3_cut_after_the_debit_is_settled_and_charged_once),
        T(R4_list_that_came_too_late_moves_nothing),
        T(R3_gate_cut_after_the_debit_opens_for_the_same_card_without_a_second_fare),
        T(shift_is_compared_with_the_ledger),
        T(renewed_key_replaces_the_old_one_when_it_is_first_used),
        T(token_is_good_once_and_only_itself),
        T(connection_of_the_same_terminal_replaces_the_first),
        T(second_connection_is_resumed_and_checked_again),
        T(R15_revoked_terminal_is_cut_at_once_and_not_let_in_again),
        T(R15_connection_that_waits_at_the_door_is_revoked_too),
        T(closed_terminal_is_cut_at_once),
        T(foreign_certificate_and_none_are_refused),
        T(R4_daemon_that_ends_drains_and_a_restart_goes_on),
    };
    return cmocka_run_group_tests_name("session", tests, open_site, close_site);
}
