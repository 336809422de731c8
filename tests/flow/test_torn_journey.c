/* Entry for nothing and exit for a fare, read from the chip's record alone, torn out at every
 * single command on each kind of card: whatever happens, one entry and one fare (R3, R8, R16). */
#include "city.h"

#include <onecard/module.h>

#include <string.h>

#define COMMANDS_MAX 40

extern const struct onecard_module onecard_module; /* cardtest */

static struct city c;
static enum cardsim_profile kind;
static const char *profile;
static fen_t chip;

static int setup(void **state)
{
    static const struct onecard_module *const modules[] = {&onecard_module, NULL};
    static const char *const names[] = {"cardtest"};
    struct conf_errors errors;
    (void)state;
    city_open(&c, kind, profile);
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", chip = 20000, OC_POSTED, OC_R_NONE);
    struct modules_opts mo = {.names = names, .count = 1, .tree = &c.tree};
    module_set_free(&c.env.modules);
    conf_errors_init(&errors);
    assert_int_equal(module_set_static(&mo, modules, &errors, &c.env.modules), 0);
    conf_errors_fini(&errors);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static struct txn_result *do_at(const char *service, int64_t retap_ms)
{
    struct txn_request r = city_request(service, "desk", 0);
    c.clock.ahead_ms += 2000; /* records tell journeys apart by the second */
    r.retap_ms = retap_ms;
    return city_run(&c, &r);
}

static void must(const struct txn_result *r, enum oc_outcome outcome, enum oc_reason reason,
                 const char *when)
{
    if (r->outcome != outcome || r->reason != reason)
        fail_msg("%s: %s %s %s", when, oc_outcome_name(r->outcome), oc_reason_code(r->reason),
                 r->detail);
}

static void put_back(void)
{
    cardsim_fault_clear(c.card[0]);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
}

/* The service, torn at command `nth`; the card is put back for the next question, which is asked
 * until it is clear what happened. True: the tear was reached. */
static bool torn(const char *service, const char *when, int nth)
{
    char fault[32];
    snprintf(fault, sizeof fault, "%s:%d", when, nth);
    put_back();
    city_fault(&c, 0, fault);
    const struct txn_result *r = do_at(service, 0);
    bool reached = r->outcome != OC_POSTED;
    enum oc_reason done = strcmp(service, "cardtest.entry") == 0 ? OC_R_ENTRY_OPEN : OC_R_NO_ENTRY;
    put_back();
    if (!reached)
        return false;
    if (r->outcome == OC_REFUSED || r->outcome == OC_VOIDED)
        assert_int_equal(r->reason, OC_R_CARD_REMOVED);
    r = do_at(service, 0); /* settles; then it is done, or was done already */
    if (r->outcome != OC_POSTED)
        must(r, OC_REFUSED, done, fault);
    must(do_at(service, 0), OC_REFUSED, done, fault); /* and never twice */
    return true;
}

static void rides(const char *when)
{
    bool entry = true, out = true;
    for (int nth = 1; (entry || out) && nth < COMMANDS_MAX; nth++) {
        entry = torn("cardtest.entry", when, nth);
        out = torn("cardtest.exit", when, nth);
        chip -= 200;
        city_agrees(&c, 0, chip);
    }
    assert_false(entry || out); /* each command of both had its turn */
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "bank")->credits_posted, 20000 - chip);
}

static void R3_R16_torn_before_any_command_is_one_journey(void **state)
{
    (void)state;
    rides("torn-before");
}

static void R3_R16_torn_after_any_command_is_one_journey(void **state)
{
    (void)state;
    rides("torn-after");
}

/* The card comes back within the dialogue. */
static void R8_torn_and_put_back_is_one_journey(void **state)
{
    static const char *const tears[] = {"torn-before", "torn-after"};
    (void)state;
    reader_sim_return_after(c.sim, 10);
    for (size_t i = 0; i < ARRAY_LEN(tears); i++) {
        for (int nth = 1; nth < 16; nth++) {
            char fault[32];
            snprintf(fault, sizeof fault, "%s:%d", tears[i], nth);
            for (int exits = 0; exits < 2; exits++) {
                put_back();
                city_fault(&c, 0, fault);
                must(do_at(exits ? "cardtest.exit" : "cardtest.entry", 3000), OC_POSTED, OC_R_NONE,
                     fault);
                cardsim_fault_clear(c.card[0]);
            }
            chip -= 200;
            city_agrees(&c, 0, chip);
        }
    }
}

/* The record is read once: what was decided on is also what a free ride's doubt is compared with.
 */
static void journey_is_read_once_in_a_presentation(void **state)
{
    (void)state;
    must(do_at("cardtest.entry", 0), OC_POSTED, OC_R_NONE, "entry");
    must(do_at("cardtest.exit", 0), OC_POSTED, OC_R_NONE, "exit");
    city_fault(&c, 0, "sw:6982@B2#2"); /* a second READ RECORD would be refused */
    must(do_at("cardtest.entry", 0), OC_POSTED, OC_R_NONE, "entry, read once");
    cardsim_fault_clear(c.card[0]);
    must(do_at("cardtest.exit", 0), OC_POSTED, OC_R_NONE, "exit");
    city_agrees(&c, 0, chip - 400);
}

static void R17_record_that_cannot_be_read_is_not_taken_for_none(void **state)
{
    (void)state;
    must(do_at("cardtest.entry", 0), OC_POSTED, OC_R_NONE, "entry");
    city_fault(&c, 0, "sw:6982@B2!");
    must(do_at("cardtest.entry", 0), OC_REFUSED, OC_R_CARD_ERROR, "unreadable");
    must(do_at("cardtest.exit", 0), OC_REFUSED, OC_R_CARD_ERROR, "unreadable");
    cardsim_fault_clear(c.card[0]);
    must(do_at("cardtest.exit", 0), OC_POSTED, OC_R_NONE, "exit");
    city_agrees(&c, 0, chip - 200);
}

static int run_kind(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R3_R16_torn_before_any_command_is_one_journey),
        T(R3_R16_torn_after_any_command_is_one_journey),
        T(R8_torn_and_put_back_is_one_journey),
        T(journey_is_read_once_in_a_presentation),
        T(R17_record_that_cannot_be_read_is_not_taken_for_none),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_kind(CARDSIM_PBOC, "pboc-ep") + run_kind(CARDSIM_MOHURD, "mohurd") +
           run_kind(CARDSIM_TUNION, "tunion");
}
