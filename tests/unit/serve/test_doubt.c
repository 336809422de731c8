/* A doubt that no evidence will end is decided by two people, and by nobody alone (R3). */
#include "site.h"

#include "base/base.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANOTHER 1 /* user daemon, whom every system has */

static struct site site;
static char doubt[32];

/* Of this thread only: the socket asks who has connected. */
static void as_user(uid_t uid)
{
    assert_int_equal(syscall(SYS_setresuid, -1, (long)uid, -1), 0);
    (void)syscall(SYS_setfsuid, 0L); /* the folder stays its owner's */
}

/* The card is torn out behind the debit and does not come back. */
static int open_site(void **state)
{
    char id[32];
    (void)state;
    site_open(&site, "api: {users: [daemon]}\n");
    site_furnish(&site, false);
    assert_int_equal(cardsim_fault_add(site.card[0], "torn-after@54"), 0);
    site_request(&site,
                 "{\"service\":\"payment.purchase\",\"terminal\":\"desk\",\"amount_fen\":300,"
                 "\"retap_ms\":0}",
                 id);
    site_insert(&site, 0, 0);
    json_t *r = site_result(&site, id);
    assert_string_equal(text_of(r, "outcome"), "in_doubt");
    (void)snprintf(doubt, sizeof doubt, "%s", text_of(r, "txn"));
    json_decref(r);
    site_remove(&site, 0);
    cardsim_fault_clear(site.card[0]);
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    as_user(0);
    site_close(&site);
    return 0;
}

static json_t *ask(const char *verb, const char *body, int status)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/v1/doubts/%s/%s", doubt, verb);
    return site_expect(&site, status, "POST", path, body);
}

static void refused(const char *verb, const char *body, int status, const char *code)
{
    json_t *j = ask(verb, body, status);
    assert_string_equal(text_of(json_object_get(j, "error"), "code"), code);
    json_decref(j);
}

static const char *state_now(void)
{
    static char state[16];
    char path[96];
    (void)snprintf(path, sizeof path, "/v1/txns/%s", doubt);
    json_t *j = site_expect(&site, 200, "GET", path, NULL);
    (void)snprintf(state, sizeof state, "%s", text_of(j, "state"));
    json_decref(j);
    return state;
}

static void books_are_good(void)
{
    json_t *j = site_expect(&site, 200, "POST", "/v1/ledger/verify", "{}");
    assert_true(json_is_true(json_object_get(j, "good")));
    assert_int_equal(number_of(j, "open_txns"), 0);
    json_decref(j);
}

static bool event_is_there(const char *kind, const char *name)
{
    json_t *e, *j = site_expect(&site, 200, "GET", "/v1/events?limit=500", NULL);
    size_t i;
    bool found = false;
    json_array_foreach(json_object_get(j, "items"), i, e)
    {
        found |= strcmp(text_of(e, "kind"), kind) == 0 && strstr(text_of(e, "text"), name) != NULL;
    }
    json_decref(j);
    return found;
}

#define POSTED "{\"to\":\"posted\",\"why\":\"the card burnt, slip 12\"}"

static void R3_one_person_decides_nothing(void **state)
{
    (void)state;
    refused("confirm", "{\"to\":\"posted\"}", 409, "not_proposed");
    refused("propose", "{\"to\":\"posted\"}", 400, "missing_field");
    refused("propose", "{\"to\":\"posted\",\"why\":\"\"}", 400, "bad_field");
    refused("propose", "{\"to\":\"gone\",\"why\":\"x\"}", 400, "bad_field");
    json_decref(ask("propose", POSTED, 201));
    refused("confirm", "{\"to\":\"posted\"}", 409, "same_person");
    assert_string_equal(state_now(), "in_doubt");
    assert_true(event_is_there("doubt_proposed", "root"));
}

static void R3_two_people_post_it_and_both_stand_in_the_journal(void **state)
{
    char path[96];
    (void)state;
    if (geteuid() != 0)
        skip(); /* another person needs another user */
    json_decref(ask("propose", POSTED, 201));
    (void)snprintf(path, sizeof path, "/v1/doubts/%s", doubt);
    json_t *j = site_expect(&site, 200, "GET", path, NULL);
    assert_string_equal(text_of(json_object_get(j, "proposal"), "by"), "root");
    json_decref(j);
    as_user(ANOTHER);
    refused("confirm", "{\"to\":\"voided\"}", 409, "differs");
    j = ask("confirm", "{\"to\":\"posted\"}", 200);
    assert_string_equal(text_of(j, "evidence"), "manual");
    assert_non_null(strstr(text_of(j, "note"), "root and daemon: the card burnt"));
    json_decref(j);
    refused("confirm", "{\"to\":\"posted\"}", 409, "no_doubt");
    as_user(0);
    assert_string_equal(state_now(), "posted");
    assert_true(event_is_there("doubt_decided", "root and daemon"));
    books_are_good();
}

/* R6, R1: the card comes back after all. It was debited, so nothing is off. */
static void R1_R6_a_card_that_agrees_with_the_decision_goes_on(void **state)
{
    char id[32];
    (void)state;
    if (geteuid() != 0)
        skip();
    json_decref(ask("propose", POSTED, 201));
    as_user(ANOTHER);
    json_decref(ask("confirm", "{\"to\":\"posted\"}", 200));
    as_user(0);
    site_insert(&site, 0, 0);
    site_request(&site,
                 "{\"service\":\"payment.purchase\",\"terminal\":\"desk\",\"amount_fen\":100}", id);
    json_t *r = site_result(&site, id);
    assert_string_equal(text_of(r, "outcome"), "posted");
    assert_int_equal(number_of(r, "balance_fen"), 5000 - 300 - 100);
    json_decref(r);
    site_remove(&site, 0);
    assert_false(event_is_there("balance_mismatch", ""));
    assert_false(event_is_there("offline_counter_back", ""));
    books_are_good();
}

/* One that contradicts it is seen, and what was decided stays: corrections are new transactions. */
static void R1_R6_a_card_that_contradicts_the_decision_is_an_event(void **state)
{
    char id[32];
    (void)state;
    if (geteuid() != 0)
        skip();
    json_decref(ask("propose", "{\"to\":\"voided\",\"why\":\"not debited, says she\"}", 201));
    as_user(ANOTHER);
    json_decref(ask("confirm", "{\"to\":\"voided\"}", 200));
    as_user(0);
    site_insert(&site, 0, 0);
    site_request(&site,
                 "{\"service\":\"payment.purchase\",\"terminal\":\"desk\",\"amount_fen\":100}", id);
    json_decref(site_result(&site, id));
    site_remove(&site, 0);
    assert_string_equal(state_now(), "voided");
    assert_true(event_is_there("awaiting_records", "1"));
    books_are_good();
}

/* What was proposed before the card was looked at again does not count. */
static void R3_a_look_at_the_card_outranks_the_proposal(void **state)
{
    char id[32];
    (void)state;
    json_decref(ask("propose", "{\"to\":\"voided\",\"why\":\"not debited, says she\"}", 201));
    site_insert(&site, 0, 0);
    site_request(&site, "{\"service\":\"payment.balance\",\"terminal\":\"desk\"}", id);
    json_decref(site_result(&site, id));
    site_remove(&site, 0);
    assert_string_equal(state_now(), "posted");
    if (geteuid() == 0)
        as_user(ANOTHER);
    refused("confirm", "{\"to\":\"voided\"}", 409, "no_doubt");
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R3_one_person_decides_nothing),
        T(R3_two_people_post_it_and_both_stand_in_the_journal),
        T(R1_R6_a_card_that_agrees_with_the_decision_goes_on),
        T(R1_R6_a_card_that_contradicts_the_decision_is_an_event),
        T(R3_a_look_at_the_card_outranks_the_proposal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
