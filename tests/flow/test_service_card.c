/* Cards without a purse in a whole city: issued, known, genuine by internal authentication alone
 * (R9), a PIN verified by the chip (R21); no money ever moves on them. */
#include "city.h"

#include <onecard/module.h>

#include <stdlib.h>
#include <string.h>

extern const struct onecard_module onecard_module; /* cardtest */

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

static void load_module(void)
{
    static const struct onecard_module *const modules[] = {&onecard_module, NULL};
    static const char *const names[] = {"cardtest"};
    struct conf_errors errors;
    struct modules_opts mo = {.names = names, .count = 1, .tree = &c.tree};
    module_set_free(&c.env.modules);
    conf_errors_init(&errors);
    assert_int_equal(module_set_static(&mo, modules, &errors, &c.env.modules), 0);
    conf_errors_fini(&errors);
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

/* pin "": one is drawn, where the profile has one. */
static uint8_t number; /* of the next card, 0: the next free one */
static const struct txn_result *issue_with(const char *pin)
{
    memset(&run, 0, sizeof run);
    snprintf(run.what.terminal, sizeof run.what.terminal, "desk");
    snprintf(run.what.profile, sizeof run.what.profile, "%s", profile);
    snprintf(run.what.who, sizeof run.what.who, "clerk");
    memcpy(run.what.issuer, city_card_row(&c, 0)->issuer, sizeof run.what.issuer);
    run.what.kind = CARD_NAMED;
    snprintf(run.what.citizen, sizeof run.what.citizen, "c1");
    run.what.activate = true;
    run.what.wait_ms = 300;
    run.what.serial[8] = number != 0 ? 0x77 : 0;
    run.what.serial[9] = (uint8_t)((number / 10) << 4 | number % 10);
    if (kind == CARDSIM_SSC)
        memcpy(run.what.pin, pin, run.what.pin_len = (uint8_t)strlen(pin));
    snprintf(run.what.holder_name, sizeof run.what.holder_name, "LI LEI");
    snprintf(run.what.holder_id, sizeof run.what.holder_id, "371700199003074477");
    assert_int_equal(loop_run_flow(c.loop, "issue", run_issue, &run), 0);
    return &run.res;
}

static const struct txn_result *issue(void)
{
    return issue_with("123456");
}

/* A chip of that kind, blank, in the place of card 2. */
static void blank(void)
{
    struct cardsim_options o = {.profile = kind};
    reader_sim_remove(c.sim);
    cardsim_free(&c.card[2]);
    assert_int_equal(cardsim_new(&c.card[2], &o), 0);
    cardsim_set_seed(c.card[2], 5);
    reader_sim_insert(c.sim, c.card[2]);
}

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    load_module();
    blank();
    const struct txn_result *r = issue();
    if (r->outcome != OC_POSTED)
        fail_msg("%s: %s", oc_reason_code(r->reason), r->detail);
    assert_false(r->has_balance);
    c.card_id[2] = r->card_id;
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static struct txn_result *ask(const char *service, const char *pin)
{
    struct txn_request r = city_request(service, "desk", 0);
    r.pin_len = (uint8_t)strlen(pin);
    memcpy(r.pin, pin, r.pin_len);
    return city_run(&c, &r);
}

static void expect(const struct txn_result *r, enum oc_outcome outcome, enum oc_reason reason)
{
    if (r->outcome != outcome || r->reason != reason)
        fail_msg("%s %s %s", oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail);
}

static void says(const struct txn_result *r, const char *text)
{
    if (strstr(r->reply, text) == NULL)
        fail_msg("no %s in %s", text, r->reply);
}

static void R9_card_without_a_purse_serves_by_internal_authentication(void **state)
{
    (void)state;
    const struct txn_result *r = ask("cardtest.who", "");
    expect(r, OC_POSTED, OC_R_NONE);
    says(r, "\"strength\":3"); /* the chip proved itself */
    says(r, "\"citizen\":\"c1\"");
    assert_false(r->has_balance);
    expect(ask("cardtest.note", ""), OC_POSTED, OC_R_NONE);
    r = ask("cardtest.note", "");
    expect(r, OC_POSTED, OC_R_NONE);
    says(r, "\"visits\":"); /* over the version that the first one wrote */
    assert_int_equal(city_card_row(&c, 2)->purse, 0);
    city_agrees(&c, 0, 0);
}

static void money_and_journeys_are_refused_before_any_row(void **state)
{
    (void)state;
    struct txn_request buy = city_request("cardtest.buy", "desk", 100);
    unsigned before = reader_sim_commands(c.sim);
    expect(city_run(&c, &buy), OC_REFUSED, OC_R_UNSUPPORTED_CARD);
    expect(ask("cardtest.balance", ""), OC_REFUSED, OC_R_UNSUPPORTED_CARD);
    expect(ask("cardtest.entry", ""), OC_REFUSED, OC_R_UNSUPPORTED_CARD);
    assert_true(reader_sim_commands(c.sim) - before < 60);
    assert_int_equal(city_card_row(&c, 2)->open_txn, 0);
}

static void R9_copy_of_its_records_on_another_chip_is_not_genuine(void **state)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(cardsim_state_get(c.card[2], &bytes, &len), 0);
    reader_sim_remove(c.sim);
    assert_int_equal(cardsim_state_set(c.card[2], bytes, len), 0);
    free(bytes);
    struct cardsim_options *o = cardsim_options(c.card[2]);
    o->atr[o->atr_len - 2] ^= 1; /* another chip's number, */
    o->atr[o->atr_len - 1] ^= 1; /* and the check byte */
    reader_sim_insert(c.sim, c.card[2]);
    expect(ask("cardtest.who", ""), OC_REFUSED, OC_R_NOT_GENUINE);
    cardsim_fault_clear(c.card[2]);
}

static void R9_card_that_will_not_prove_itself_is_refused(void **state)
{
    static const char *const faults[] = {"sw:6A88@88", "sw:6982@88", "sw:6D00@88", "garbage@88"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        city_fault(&c, 2, faults[i]);
        expect(ask("cardtest.who", ""), OC_REFUSED, OC_R_NOT_GENUINE);
        cardsim_fault_clear(c.card[2]);
    }
}

static void torn_anywhere_it_is_refused_and_works_when_it_is_back(void **state)
{
    (void)state;
    for (int nth = 1; nth < 40; nth++) {
        char fault[32];
        snprintf(fault, sizeof fault, "torn-%s:%d", nth % 2 ? "before" : "after", nth);
        city_fault(&c, 2, fault);
        const struct txn_result *r = ask("cardtest.note", "");
        bool reached = r->outcome != OC_POSTED;
        if (reached)
            expect(r, OC_REFUSED, OC_R_CARD_REMOVED);
        cardsim_fault_clear(c.card[2]);
        reader_sim_remove(c.sim);
        reader_sim_insert(c.sim, c.card[2]);
        expect(ask("cardtest.who", ""), OC_POSTED, OC_R_NONE);
        if (!reached && nth > 12)
            break;
    }
}

/* ---- the PIN ---- */

static struct mine {
    struct txn_request req;
    struct txn_result res;
} mine;
static CO_FN int run_mine(void *arg)
{
    struct mine *m = arg;
    return txn_co_run(&c.env, reader_sim_reader(c.sim), &m->req, &m->res);
}

static void R21_pin_is_verified_by_the_chip_and_wiped(void **state)
{
    static const uint8_t none[sizeof mine.req.pin];
    (void)state;
    if (kind == CARDSIM_HEALTH) {
        expect(ask("cardtest.pin", "123456"), OC_REFUSED, OC_R_UNSUPPORTED_CARD);
        return;
    }
    const struct txn_result *a = ask("cardtest.pin", "123456");
    expect(a, OC_POSTED, OC_R_NONE);
    says(a, "\"strength\":4");
    expect(ask("cardtest.pin", ""), OC_REFUSED, OC_R_PIN_WRONG);
    mine.req = city_request("cardtest.pin", "desk", 0);
    memcpy(mine.req.pin, "123456", mine.req.pin_len = 6);
    assert_int_equal(loop_run_flow(c.loop, "pin", run_mine, &mine), 0);
    expect(&mine.res, OC_POSTED, OC_R_NONE);
    assert_memory_equal(mine.req.pin, none, sizeof none);
    assert_int_equal(mine.req.pin_len, 0);
    mine.req =
        city_request("cardtest.pin", "nowhere", 0); /* refused before any card was looked at */
    memcpy(mine.req.pin, "123456", mine.req.pin_len = 6);
    assert_int_equal(loop_run_flow(c.loop, "pin", run_mine, &mine), 0);
    assert_memory_equal(mine.req.pin, none, sizeof none);
}

static void wrong_pins_are_counted_by_the_chip_until_it_is_blocked(void **state)
{
    static const char *const left[] = {"2 tries left", "1 try left"};
    (void)state;
    if (kind == CARDSIM_HEALTH)
        return;
    for (size_t i = 0; i < 2; i++) {
        const struct txn_result *r = ask("cardtest.pin", "000000");
        expect(r, OC_REFUSED, OC_R_PIN_WRONG);
        assert_string_equal(r->detail, left[i]);
    }
    expect(ask("cardtest.pin", "12"), OC_REFUSED, OC_R_PIN_WRONG); /* the card was not asked */
    expect(ask("cardtest.pin", "123456"), OC_POSTED, OC_R_NONE);   /* which gives all tries back */
    for (size_t i = 0; i < 2; i++)
        expect(ask("cardtest.pin", "000000"), OC_REFUSED, OC_R_PIN_WRONG);
    expect(ask("cardtest.pin", "000000"), OC_REFUSED, OC_R_PIN_BLOCKED);
    expect(ask("cardtest.pin", "123456"), OC_REFUSED, OC_R_PIN_BLOCKED);
    expect(ask("cardtest.who", ""), OC_POSTED, OC_R_NONE); /* the card itself is not */
}

static struct txn_result *ask_new(const char *service, const char *pin, const char *new_pin)
{
    struct txn_request r = city_request(service, "desk", 0);
    memcpy(r.pin, pin, r.pin_len = (uint8_t)strlen(pin));
    memcpy(r.new_pin, new_pin, r.new_pin_len = (uint8_t)strlen(new_pin));
    return city_run(&c, &r);
}

static char kept[300];
static CO_FN int read_kept(void *arg)
{
    struct record_row row;
    char owner[40];
    (void)arg;
    (void)snprintf(owner, sizeof owner, "card:%lld", (long long)c.card_id[2]);
    int rc = ledger_co_record(c.ledger, TXN_CARD_SCOPE, owner, "pin", flow_arena(), &row);
    (void)snprintf(kept, sizeof kept, "%s", rc == 0 ? row.doc : "");
    return 0;
}
static void recorded(const char *state)
{
    char text[48];
    (void)snprintf(text, sizeof text, "\"state\":\"%s\"", state);
    assert_int_equal(loop_run_flow(c.loop, "kept", read_kept, NULL), 0);
    if (strstr(kept, text) == NULL)
        fail_msg("not %s: %s", state, kept);
    assert_null(strstr(kept, "123456"));
}

static void R21_pin_is_changed_by_who_knows_it(void **state)
{
    (void)state;
    if (kind == CARDSIM_HEALTH) {
        expect(ask_new("cardtest.change", "123456", "654321"), OC_REFUSED, OC_R_UNSUPPORTED_CARD);
        return;
    }
    const struct txn_result *r = ask_new("cardtest.change", "000000", "654321");
    expect(r, OC_REFUSED, OC_R_PIN_WRONG);
    assert_true(r->has_pin_left);
    assert_int_equal(r->pin_left, 2);
    expect(ask_new("cardtest.change", "", "654321"), OC_REFUSED, OC_R_PIN_WRONG);
    expect(ask_new("cardtest.change", "123456", ""), OC_REFUSED, OC_R_PARAMETER);
    expect(ask_new("cardtest.change", "123456", "1234"), OC_REFUSED, OC_R_PARAMETER);
    expect(ask_new("cardtest.change", "123456", "654321"), OC_POSTED, OC_R_NONE);
    recorded("changed");
    expect(ask("cardtest.pin", "123456"), OC_REFUSED, OC_R_PIN_WRONG);
    expect(ask("cardtest.pin", "654321"), OC_POSTED, OC_R_NONE);
}

static void R21_blocked_pin_is_recorded_and_unblocked_with_another(void **state)
{
    (void)state;
    if (kind == CARDSIM_HEALTH)
        return;
    for (size_t i = 0; i < 2; i++)
        expect(ask("cardtest.pin", "000000"), OC_REFUSED, OC_R_PIN_WRONG);
    expect(ask("cardtest.pin", "000000"), OC_REFUSED, OC_R_PIN_BLOCKED);
    recorded("blocked");
    expect(ask_new("cardtest.change", "123456", "654321"), OC_REFUSED, OC_R_PIN_BLOCKED);
    expect(ask_new("cardtest.unblock", "", "777777"), OC_POSTED, OC_R_NONE);
    recorded("unblocked");
    expect(ask("cardtest.pin", "777777"), OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 0);
}

static void torn_at_change_is_told_as_unknown_and_either_pin_holds(void **state)
{
    static const char *const how[] = {"torn-before@5E", "torn-after@5E"};
    static const char *const holds[] = {"123456", "654321"};
    (void)state;
    if (kind == CARDSIM_HEALTH)
        return;
    for (size_t i = 0; i < 2; i++) {
        city_fault(&c, 2, how[i]);
        expect(ask_new("cardtest.change", "123456", "654321"), OC_REFUSED, OC_R_ANSWER_LOST);
        reader_sim_return(c.sim);
        expect(ask("cardtest.pin", holds[i]), OC_POSTED, OC_R_NONE);
    }
}

static void R21_first_pin_is_drawn_for_each_card_and_told_once(void **state)
{
    char first[13];
    (void)state;
    if (kind == CARDSIM_HEALTH)
        return;
    blank();
    const struct txn_result *r = issue_with("");
    expect(r, OC_POSTED, OC_R_NONE);
    assert_int_equal(strspn(r->pin, "0123456789"), 6);
    memcpy(first, r->pin, sizeof first);
    c.card_id[2] = r->card_id;
    expect(ask("cardtest.pin", first), OC_POSTED, OC_R_NONE);
    blank();
    r = issue_with("");
    expect(r, OC_POSTED, OC_R_NONE);
    assert_string_not_equal(r->pin, first); /* once in a million it is */
    blank();
    assert_string_equal(issue_with("424242")->pin, ""); /* whoever gave it knows it */
    expect(ask("cardtest.pin", "424242"), OC_POSTED, OC_R_NONE);
}

/* Torn late the first attempt's PIN is on the chip, and nobody was told: the second one's holds. */
static void R21_card_torn_while_issued_has_the_pin_that_is_told(void **state)
{
    (void)state;
    if (kind == CARDSIM_HEALTH)
        return;
    for (unsigned nth = 1; nth < 100; nth++) {
        char fault[32];
        blank();
        number = (uint8_t)nth;
        (void)snprintf(fault, sizeof fault, "torn-%s:%u", nth % 2 ? "after" : "before", nth);
        city_fault(&c, 2, fault);
        const struct txn_result *r = issue_with("");
        if (r->outcome == OC_POSTED) {
            number = 0;
            return;
        }
        cardsim_fault_clear(c.card[2]);
        reader_sim_return(c.sim);
        r = issue_with("");
        if (r->outcome != OC_POSTED)
            fail_msg("%u: %s %s", nth, oc_reason_code(r->reason), r->detail);
        c.card_id[2] = r->card_id;
        char pin[13];
        memcpy(pin, r->pin, sizeof pin);
        expect(ask("cardtest.pin", pin), OC_POSTED, OC_R_NONE);
    }
    fail_msg("no end was reached");
}

static void torn_at_the_pin_costs_no_second_try(void **state)
{
    (void)state;
    if (kind == CARDSIM_HEALTH)
        return;
    city_fault(&c, 2, "torn-after@20");
    reader_sim_return_after(c.sim, 20);
    struct txn_request r = city_request("cardtest.pin", "desk", 0);
    r.retap_ms = 2000;
    memcpy(r.pin, "000000", r.pin_len = 6);
    expect(city_run(&c, &r), OC_REFUSED, OC_R_PIN_WRONG); /* back again, but the digits are gone */
    cardsim_fault_clear(c.card[2]);
    const struct txn_result *a = ask("cardtest.pin", "000000");
    assert_string_equal(a->detail, "1 try left");
}

static int run_kind(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R9_card_without_a_purse_serves_by_internal_authentication),
        T(money_and_journeys_are_refused_before_any_row),
        T(R9_copy_of_its_records_on_another_chip_is_not_genuine),
        T(R9_card_that_will_not_prove_itself_is_refused),
        T(torn_anywhere_it_is_refused_and_works_when_it_is_back),
        T(R21_pin_is_verified_by_the_chip_and_wiped),
        T(wrong_pins_are_counted_by_the_chip_until_it_is_blocked),
        T(torn_at_the_pin_costs_no_second_try),
        T(R21_pin_is_changed_by_who_knows_it),
        T(R21_blocked_pin_is_recorded_and_unblocked_with_another),
        T(torn_at_change_is_told_as_unknown_and_either_pin_holds),
        T(R21_first_pin_is_drawn_for_each_card_and_told_once),
        T(R21_card_torn_while_issued_has_the_pin_that_is_told),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_kind(CARDSIM_SSC, "ssc") + run_kind(CARDSIM_HEALTH, "health");
}
