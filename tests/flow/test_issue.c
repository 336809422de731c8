/* Cards issued onto blank chips, torn on the way, and issued again; then they load, buy and ride
 * like any other (R1, R9). */
#include "city.h"

#include <string.h>

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

static int setup(void **state)
{
    (void)state;
    city_open(&c, kind, profile);
    c.env.policy.ceiling_anonymous = 100000;
    c.env.policy.ceiling_named = 500000;
    city_blank(&c);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

struct issue_run {
    struct txn_issue what;
    struct txn_result res;
};
static struct issue_run run;
static CO_FN int run_issue(void *arg)
{
    struct issue_run *r = arg;
    return txn_co_issue(&c.env, reader_sim_reader(c.sim), &r->what, &r->res);
}

/* serial 0: the next free one */
static struct txn_result *issue(uint8_t serial)
{
    const struct card_row *any = city_card_row(&c, 0);
    memset(&run, 0, sizeof run);
    snprintf(run.what.terminal, sizeof run.what.terminal, "desk");
    snprintf(run.what.profile, sizeof run.what.profile, "%s", profile);
    snprintf(run.what.who, sizeof run.what.who, "clerk");
    memcpy(run.what.issuer, any->issuer, sizeof run.what.issuer);
    run.what.serial[2] = serial != 0 ? 0x77 : 0;
    run.what.serial[9] = serial;
    run.what.kind = CARD_NAMED;
    run.what.activate = true;
    run.what.wait_ms = 300;
    snprintf(run.what.holder_name, sizeof run.what.holder_name, "LI LEI");
    snprintf(run.what.holder_id, sizeof run.what.holder_id, "110101199003074477");
    assert_int_equal(loop_run_flow(c.loop, "issue", run_issue, &run), 0);
    return &run.res;
}

static void must_be_issued(const struct txn_result *r)
{
    if (r->outcome != OC_POSTED)
        fail_msg("%s: %s", oc_reason_code(r->reason), r->detail);
    c.card_id[2] = r->card_id;
}

static void works_like_any_other(void)
{
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[2]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    city_do(&c, "payment.purchase", 1250, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_tap(&c, 2, 0)->outcome, OC_POSTED);
    city_agrees(&c, 2, 8550);
}

static void R1_issued_card_loads_buys_and_rides(void **state)
{
    (void)state;
    must_be_issued(issue(0));
    const struct card_row *row = city_card_row(&c, 2);
    assert_int_equal(row->state, CARD_ACTIVE);
    assert_int_equal(row->registered, 0);
    assert_int_equal(row->ceiling, 500000);
    works_like_any_other();
}

static void card_that_is_not_blank_is_not_issued_again(void **state)
{
    (void)state;
    must_be_issued(issue(0));
    city_do(&c, "payment.load", 700, OC_POSTED, OC_R_NONE);
    const struct txn_result *r = issue(0);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_CARD_STATE);
    assert_int_equal(city_chip(&c, 2), 700);
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 2, 600);
}

static void number_that_is_in_use_is_refused(void **state)
{
    (void)state;
    must_be_issued(issue(9));
    city_blank(&c);
    const struct txn_result *r = issue(9);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_CARD_EXISTS);
    must_be_issued(issue(8));
    works_like_any_other();
}

/* ---- what cannot be issued, by its name; no card becomes active ---- */

static void expect(enum oc_reason why, const char *words)
{
    const struct txn_result *r = &run.res;
    if (r->outcome != OC_REFUSED || r->reason != why || strstr(r->detail, words) == NULL)
        fail_msg("%s/%s (%s), expected %s: %s", oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail,
                 oc_reason_code(why), words);
}

/* Once more what was asked last, changed by the caller. */
static void again(enum oc_reason why, const char *words)
{
    assert_int_equal(loop_run_flow(c.loop, "issue", run_issue, &run), 0);
    expect(why, words);
}

static CO_FN int run_without_reader(void *arg)
{
    struct issue_run *r = arg;
    return txn_co_issue(&c.env, NULL, &r->what, &r->res);
}

static void what_cannot_be_issued_is_refused_by_its_name(void **state)
{
    (void)state;
    reader_sim_remove(c.sim);
    (void)issue(0);
    expect(OC_R_NO_CARD, "nobody put a card");
    assert_int_equal(loop_run_flow(c.loop, "issue", run_without_reader, &run), 0);
    expect(OC_R_READER, "has no reader");
    snprintf(run.what.profile, sizeof run.what.profile, "wizards");
    again(OC_R_PARAMETER, "no card profile");
    snprintf(run.what.profile, sizeof run.what.profile, "%s", profile);
    run.what.pin_len = 1;
    run.what.pin[0] = '7';
    again(OC_R_PARAMETER, "PIN");
    run.what.pin_len = 0;
    city_blank(&c);
    snprintf(run.what.category, sizeof run.what.category, "wizard");
    again(OC_R_PARAMETER, "category");
    run.what.category[0] = '\0';
    city_keys(&c, true, KEY_TAC);
    again(OC_R_NO_KEY, "is missing");
    city_keys(&c, true, 0);
    city_fault(&c, 2, "sw:6F00@E0#2");
    again(OC_R_CARD_ERROR, "6F00");
    city_fault(&c, 2, "mute@E0");
    assert_int_equal(loop_run_flow(c.loop, "issue", run_issue, &run), 0);
    assert_int_equal(run.res.outcome, OC_REFUSED);
    city_blank(&c);
    must_be_issued(issue(0));
    works_like_any_other();
}

/* A card whose row never became active serves nobody. */
static void R9_card_that_was_issued_and_not_activated_is_refused(void **state)
{
    (void)state;
    (void)issue(7);
    city_blank(&c);
    run.what.serial[9] = 6;
    run.what.activate = false;
    assert_int_equal(loop_run_flow(c.loop, "issue", run_issue, &run), 0);
    must_be_issued(&run.res);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[2]);
    city_do(&c, "payment.load", 700, OC_REFUSED, OC_R_NOT_ACTIVE);
    city_agrees(&c, 2, 0);
}

static void R9_issued_card_that_denies_its_internal_key_is_refused(void **state)
{
    (void)state;
    must_be_issued(issue(0));
    city_fault(&c, 2, "sw:6D00@88!");
    struct txn_request q = city_request("payment.load", "desk", 700);
    assert_int_equal(city_run(&c, &q)->outcome, OC_REFUSED);
    cardsim_fault_clear(c.card[2]);
    city_agrees(&c, 2, 0);
}

static unsigned commands_of_an_issue(void)
{
    unsigned before = reader_sim_commands(c.sim);
    must_be_issued(issue(0));
    return reader_sim_commands(c.sim) - before;
}

/* The card leaves the field at command `at`; put down again it is issued from the beginning. */
static void torn(const char *how, unsigned at, uint8_t serial)
{
    char spec[32];
    city_blank(&c);
    snprintf(spec, sizeof spec, "%s:%u", how, at);
    city_fault(&c, 2, spec);
    const struct txn_result *r = issue(serial);
    cardsim_fault_clear(c.card[2]);
    if (r->outcome == OC_POSTED)
        fail_msg("%s was not noticed", spec);
    if (r->outcome != OC_REFUSED || r->reason != OC_R_CARD_REMOVED)
        fail_msg("%s: %s %s (%s)", spec, oc_outcome_name(r->outcome), oc_reason_code(r->reason),
                 r->detail);
    reader_sim_return(c.sim);
    r = issue(serial);
    if (r->outcome != OC_POSTED)
        fail_msg("issued again after %s: %s (%s)", spec, oc_reason_code(r->reason), r->detail);
    c.card_id[2] = r->card_id;
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[2]);
    city_do(&c, "payment.load", 100, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_card_row(&c, 2)->purse, 100);
}

/* The last four commands: the MF's main key replaces the transport key; SELECT, GET CHALLENGE, the
 * flag "enabled". */
#define TAIL 4

static void card_torn_at_each_fifth_command_is_issued_the_second_time(void **state)
{
    (void)state;
    unsigned n = commands_of_an_issue();
    assert_true(n > 20);
    for (unsigned at = 1; at <= n - TAIL; at += 5)
        torn(at % 2 != 0 ? "torn-before" : "torn-after", at, 0);
}

static void chosen_number_torn_at_each_fifth_command_is_issued_the_second_time(void **state)
{
    (void)state;
    unsigned n = commands_of_an_issue();
    uint8_t serial = 10;
    for (unsigned at = 3; at <= n - TAIL; at += 5)
        torn(at % 2 != 0 ? "torn-after" : "torn-before", at, serial++);
}

static void chosen_number_torn_at_each_of_the_last_commands_is_issued_the_second_time(void **state)
{
    (void)state;
    unsigned n = commands_of_an_issue();
    uint8_t serial = 10;
    for (unsigned at = n - TAIL + 1; at <= n; at++)
        torn("torn-before", at, serial++);
    for (unsigned at = n - TAIL + 1; at <= n; at++)
        torn("torn-after", at, serial++);
}

/* Then only the flag is missing, and the chip takes no other number than the one it has. */
static void card_torn_at_each_of_the_last_commands_is_issued_the_second_time(void **state)
{
    (void)state;
    unsigned n = commands_of_an_issue();
    for (unsigned at = n - TAIL + 1; at <= n; at++)
        torn("torn-before", at, 0);
    for (unsigned at = n - TAIL + 1; at <= n; at++)
        torn("torn-after", at, 0);
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R1_issued_card_loads_buys_and_rides),
        T(card_that_is_not_blank_is_not_issued_again),
        T(number_that_is_in_use_is_refused),
        T(what_cannot_be_issued_is_refused_by_its_name),
        T(R9_card_that_was_issued_and_not_activated_is_refused),
        T(R9_issued_card_that_denies_its_internal_key_is_refused),
        T(card_torn_at_each_fifth_command_is_issued_the_second_time),
        T(chosen_number_torn_at_each_fifth_command_is_issued_the_second_time),
        T(chosen_number_torn_at_each_of_the_last_commands_is_issued_the_second_time),
        T(card_torn_at_each_of_the_last_commands_is_issued_the_second_time),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_profile(CARDSIM_PBOC, "pboc-ep") + run_profile(CARDSIM_MOHURD, "mohurd") +
           run_profile(CARDSIM_TUNION, "tunion");
}
