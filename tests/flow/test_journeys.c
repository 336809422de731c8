/* Journeys over whole dialogues: entry and exit with the record on the chip and in the ledger (R3, R8, R14, R17), on each
 * kind of card. */
#include "city.h"

#include <string.h>
#include <sys/stat.h>

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

static const char metro_table[] = "name: metro\nfrom: 2000-01-01\nkind: zones\n"
                                  "stations: [{id: 101, zone: 1}, {id: 102, zone: 1}, {id: 103, zone: 2}]\n"
                                  "bands: [{up_to: 1, fare: 2.00}, {fare: 3.50}]\n"
                                  "concessions: {student: {pays: 50%, borne: treasury}}\n"
                                  "transfer: {minutes: 60, off: 1.00, after: [bus], borne: {operator.bus: 50%, operator.metro: 50%}}\n"
                                  "same_station: {minutes: 10, fare: 0}\npass_back_seconds: 60\n";
static const char bus_table[] = "name: bus\nfrom: 2000-01-01\nkind: flat\nflat: 2.00\n"
                                "passes: {ten: {price: 5.00, days: 30, rides: 10}}\n";

static void write_table(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/fares/%s.yaml", c.dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* The same modules once more, with fare tables. */
static void load_modules(void)
{
    static const char *const names[] = {"payment", "transit"};
    struct conf_errors errors;
    struct buf text;
    char conf[256];
    ROLE_ENTER_WORKER();
    snprintf(conf, sizeof conf, "%s/fares", c.dir);
    assert_int_equal(mkdir(conf, 0700), 0);
    write_table("metro", metro_table);
    write_table("bus", bus_table);
    int len = snprintf(conf, sizeof conf, "modules: {transit: {fares: %s/fares, same_card_seconds: 1}}", c.dir);
    conf_errors_init(&errors);
    module_set_free(&c.env.modules);
    assert_int_equal(conf_tree_parse("test", conf, (size_t)len, &c.arena, &errors, &c.tree), 0);
    if (module_set_load(&(struct modules_opts){.dir = ONECARD_BINARY_DIR "/lib/onecard/modules", .names = names, .count = 2, .tree = &c.tree,
                                                .conf = conf_subtree(&c.tree, "modules")},
                        &errors, &c.env.modules) != 0) {
        buf_init(&text, 0);
        conf_errors_print(&errors, &text);
        fail_msg("%s", buf_cstr(&text));
    }
    conf_errors_fini(&errors);
}

static void add_gate(const char *id, const char *participant, uint8_t sam, const char *params)
{
    static struct ledger_op op;
    op = (struct ledger_op){.type = LOP_TERMINAL, .who = "test"};
    struct op_terminal *t = &op.terminal;
    snprintf(t->id, sizeof t->id, "%s", id);
    snprintf(t->kind, sizeof t->kind, "metro");
    snprintf(t->participant, sizeof t->participant, "%s", participant);
    snprintf(t->reader, sizeof t->reader, "sim");
    snprintf(t->services, sizeof t->services, "transit.*");
    snprintf(t->params, sizeof t->params, "%s", params);
    memset(t->sam, 0x40, sizeof t->sam);
    t->sam[5] = sam;
    assert_int_equal(city_op(&c, &op), 0);
}

static void add_participant(const char *id)
{
    static struct ledger_op op;
    op = (struct ledger_op){.type = LOP_PARTICIPANT, .who = "test"};
    snprintf(op.participant.id, sizeof op.participant.id, "%s", id);
    snprintf(op.participant.name, sizeof op.participant.name, "%s", id);
    assert_int_equal(city_op(&c, &op), 0);
}

static int setup(void **state)
{
    (void)state;
    city_open(&c, kind, profile);
    load_modules();
    add_participant("metro");
    add_gate("m101", "metro", 11, "{\"table\":\"metro\",\"station\":\"101\",\"line\":\"1\"}");
    add_gate("m102", "metro", 12, "{\"table\":\"metro\",\"station\":\"102\",\"line\":\"1\"}");
    add_gate("m103", "metro", 13, "{\"table\":\"metro\",\"station\":\"103\",\"line\":\"1\"}");
    add_gate("b7", "bus", 14, "{\"table\":\"bus\",\"line\":\"7\"}");
    for (int i = 0; i < 2; i++) {
        reader_sim_insert(c.sim, c.card[i]);
        city_do(&c, "payment.load", 2000, OC_POSTED, OC_R_NONE);
        reader_sim_remove(c.sim);
    }
    return 0;
}
static int teardown(void **state)
{
    char path[160];
    static const char *const names[] = {"metro", "bus"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/fares/%s.yaml", c.dir, names[i]);
        (void)remove(path);
    }
    snprintf(path, sizeof path, "%s/fares", c.dir);
    (void)remove(path);
    city_close(&c);
    return 0;
}

/* The card is put down at that gate, a minute later than whatever came before. */
static struct txn_result *tap_with(int card, const char *service, const char *gate, const char *name, const char *value)
{
    struct txn_request q = city_request(service, gate, 0);
    c.clock.ahead_ms += 60000;
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[card]);
    if (name != NULL)
        city_param(&q, name, value);
    q.gate = name == NULL; /* a card with a doubt from this gate finishes that ride (R8) */
    q.arrival = q.gate ? reader_sim_reader(c.sim)->arrival : 0;
    return city_run(&c, &q);
}
static struct txn_result *tap(int card, const char *gate)
{
    return tap_with(card, *gate == 'b' ? "transit.ride" : "transit.gate", gate, NULL, NULL);
}

static void paid(const struct txn_result *r, fen_t citizen, fen_t gross)
{
    if (r->outcome != OC_POSTED || r->amount != citizen || r->gross != gross)
        fail_msg("%s %s %s: %lld of %lld", oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail, (long long)r->amount,
                 (long long)r->gross);
}

static void R17_entry_and_exit_charge_the_way_between(void **state)
{
    (void)state;
    paid(tap(0, "m101"), 0, 0);
    city_agrees(&c, 0, 2000);
    paid(tap(0, "m103"), 350, 350);
    city_agrees(&c, 0, 1650);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "metro")->credits_posted, 350);
    paid(tap(0, "m103"), 0, 0); /* in again */
    paid(tap(0, "m103"), 0, 0); /* and out at once: free */
    city_agrees(&c, 0, 1650);
}

static void R14_student_and_transfer_have_their_bearers(void **state)
{
    (void)state;
    paid(tap(1, "b7"), 200, 200); /* this table has no concession: the module's configuration has none here */
    paid(tap(1, "m101"), 0, 0);
    paid(tap(1, "m103"), 75, 350); /* 1.75 by half, 1.00 off */
    assert_int_equal(city_account(&c, ACCT_BEARER, "treasury")->debits_posted, 175);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "bus")->debits_posted, 50);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "metro")->credits_posted, 350);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "metro")->debits_posted, 50);
    city_agrees(&c, 1, 2000 - 200 - 75);
}

static void R3_a_torn_entry_is_settled_by_its_record_and_no_second_one(void **state)
{
    static const char *const when[] = {"torn-before@54", "torn-after@54"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(when); i++) {
        city_fault(&c, 0, when[i]);
        const struct txn_result *r = tap(0, "m101");
        assert_int_equal(r->outcome, OC_IN_DOUBT);
        cardsim_fault_clear(c.card[0]);
        r = tap(0, "m101"); /* settles the doubt; what was torn before is asked anew */
        assert_int_equal(r->outcome, OC_POSTED);
        paid(tap(0, "m102"), 200, 200);
    }
    city_agrees(&c, 0, 1600);
}

static void R3_a_torn_exit_is_that_exit_and_no_second_fare(void **state)
{
    (void)state;
    paid(tap(0, "m101"), 0, 0);
    city_fault(&c, 0, "torn-after@54");
    assert_int_equal(tap(0, "m103")->outcome, OC_IN_DOUBT);
    cardsim_fault_clear(c.card[0]);
    const struct txn_result *r = tap(0, "m103");
    assert_int_equal(r->outcome, OC_POSTED);
    city_agrees(&c, 0, 1650);
    paid(tap(0, "m101"), 0, 0); /* the journey is closed: this is an entry */
}

static void an_exit_without_money_leaves_the_journey_open(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 1900);
    reader_sim_insert(c.sim, c.card[0]);
    assert_int_equal(city_run(&c, &q)->outcome, OC_POSTED);
    paid(tap(0, "m101"), 0, 0);
    const struct txn_result *r = tap(0, "m103");
    if (r->outcome == OC_POSTED) /* an overdraft of the card's own */
        return;
    assert_int_equal(r->reason, OC_R_INSUFFICIENT);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
    paid(tap(0, "m103"), 350, 350);
    city_agrees(&c, 0, 750);
}

static void pass_correction_and_refund_at_the_desk(void **state)
{
    (void)state;
    paid(tap_with(0, "transit.pass", "b7", "pass", "ten"), 500, 500);
    paid(tap(0, "b7"), 0, 200);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "bus")->debits_posted, 200);
    city_agrees(&c, 0, 1500);
    paid(tap(0, "m101"), 0, 0);
    paid(tap_with(0, "transit.correct", "m101", "exit", "103"), 250, 350); /* 1.00 off: the bus was before */
    const struct txn_result *r = tap_with(0, "transit.journey", "m101", NULL, NULL);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_non_null(strstr(r->reply, "\"journey\":\"none\""));
    assert_non_null(strstr(r->reply, "\"rides_left\":9"));
    city_agrees(&c, 0, 1250);
}

static void R14_a_refund_goes_to_the_pending_load_less_what_the_next_ride_owes_it(void **state)
{
    char id[32];
    (void)state;
    paid(tap(0, "b7"), 200, 200);
    ident_text(c.env.loop != NULL ? city_card_row(&c, 0)->last_txn : 0, id);
    paid(tap(0, "m101"), 0, 0);
    paid(tap(0, "m102"), 100, 200);
    paid(tap_with(0, "transit.refund", "b7", "txn", id), 100, 100);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 100);
    /* bus: -2.00 for the ride, and neither bears the discount any more */
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "metro")->credits_posted - city_account(&c, ACCT_MERCHANT, "metro")->debits_posted, 200);
    const struct account_row *bus = city_account(&c, ACCT_MERCHANT, "bus");
    assert_int_equal(bus->credits_posted - bus->debits_posted, 0);
}

#define TESTS                                                                                                                   \
    cmocka_unit_test_setup_teardown(R17_entry_and_exit_charge_the_way_between, setup, teardown),                               \
        cmocka_unit_test_setup_teardown(R14_student_and_transfer_have_their_bearers, setup, teardown),                         \
        cmocka_unit_test_setup_teardown(R3_a_torn_entry_is_settled_by_its_record_and_no_second_one, setup, teardown),          \
        cmocka_unit_test_setup_teardown(R3_a_torn_exit_is_that_exit_and_no_second_fare, setup, teardown),                      \
        cmocka_unit_test_setup_teardown(an_exit_without_money_leaves_the_journey_open, setup, teardown),                       \
        cmocka_unit_test_setup_teardown(pass_correction_and_refund_at_the_desk, setup, teardown),                              \
        cmocka_unit_test_setup_teardown(R14_a_refund_goes_to_the_pending_load_less_what_the_next_ride_owes_it, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS};
    static const struct {
        enum cardsim_profile kind;
        const char *name;
    } kinds[] = {{CARDSIM_PBOC, "pboc-ep"}, {CARDSIM_MOHURD, "mohurd"}, {CARDSIM_TUNION, "tunion"}};
    int failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        kind = kinds[i].kind;
        profile = kinds[i].name;
        failed += cmocka_run_group_tests_name(profile, tests, NULL, NULL);
    }
    return failed;
}
