/* What is refused, by its name, before anything moves: requests, terminals, cards and their
 * evidence (R1, R3, R9). After each the card works as before. */
#include "city.h"

#include <string.h>

static struct city c;

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static void lay(void)
{
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
}

static void expect(const struct txn_result *r, enum oc_reason why, const char *words)
{
    if (r->outcome != OC_REFUSED || r->reason != why || strstr(r->detail, words) == NULL)
        fail_msg("%s/%s (%s), expected %s: %s", oc_outcome_name(r->outcome),
                 oc_reason_code(r->reason), r->detail, oc_reason_code(why), words);
}

static struct txn_result *run(const char *service, const char *term, fen_t amount, const char *name,
                              const char *value)
{
    struct txn_request q = city_request(service, term, amount);
    if (name != NULL)
        city_param(&q, name, value);
    return city_run(&c, &q);
}

/* ---- requests and terminals ---- */

static void original_that_is_not_named_or_not_posted_is_refused(void **state)
{
    char id[IDENT_TEXT];
    (void)state;
    expect(run("payment.refund", "shop", 100, NULL, NULL), OC_R_PARAMETER, "txn");
    expect(run("payment.refund", "shop", 100, "txn", "nonsense"), OC_R_PARAMETER,
           "no transaction id");
    city_fault(&c, 0, "torn-before@54");
    int64_t txn = city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    lay();
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    expect(run("payment.refund", "shop", 100, "txn", ident_text(txn, id)), OC_R_ORIGINAL_UNKNOWN,
           "not posted");
    city_agrees(&c, 0, 10000);
}

static void terminal_runs_what_it_may(const char *services)
{
    static struct ledger_op op;
    memset(&op, 0, sizeof op);
    op.type = LOP_TERMINAL;
    snprintf(op.who, sizeof op.who, "test");
    struct op_terminal *t = &op.terminal;
    snprintf(t->id, sizeof t->id, "shop");
    snprintf(t->kind, sizeof t->kind, "pos");
    snprintf(t->participant, sizeof t->participant, "shop");
    t->sam[0] = 0x10;
    t->sam[5] = 2;
    snprintf(t->reader, sizeof t->reader, "sim");
    snprintf(t->services, sizeof t->services, "%s", services);
    snprintf(t->params, sizeof t->params, "{}");
    assert_int_equal(city_op(&c, &op), 0);
}

static void terminal_that_may_not_run_a_service_is_told_what_it_may(void **state)
{
    (void)state;
    terminal_runs_what_it_may("payment.balance");
    expect(run("payment.purchase", "shop", 100, NULL, NULL), OC_R_TERMINAL_MAY_NOT,
           "payment.balance");
    terminal_runs_what_it_may("");
    expect(run("payment.purchase", "shop", 100, NULL, NULL), OC_R_TERMINAL_MAY_NOT, "nothing");
    terminal_runs_what_it_may("*");
    assert_int_equal(run("payment.purchase", "shop", 100, NULL, NULL)->outcome, OC_POSTED);
    city_agrees(&c, 0, 9900);
}

static void gate_runs_nothing_that_needs_an_operator(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.refund", "shop", 100);
    q.gate = true;
    q.arrival = reader_sim_reader(c.sim)->arrival;
    expect(city_run(&c, &q), OC_R_TERMINAL_MAY_NOT, "operator");
    city_agrees(&c, 0, 10000);
}

static void terminal_without_a_reader_is_told_so(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 100);
    expect(city_run_reader(&c, NULL, &q), OC_R_READER, "no reader");
    city_agrees(&c, 0, 10000);
}

/* ---- cards ---- */

static void R9_card_outside_its_days_is_refused(void **state)
{
    (void)state;
    const struct {
        date_t day;
        enum oc_reason why;
    } cases[] = {{20241231, OC_R_NOT_YET_VALID}, {20410101, OC_R_EXPIRED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        lay();
        c.clock.stopped_ms = city_ms(cases[i].day, 600, 480);
        expect(run("payment.purchase", "shop", 100, NULL, NULL), cases[i].why, "valid");
    }
    c.clock.stopped_ms = 0;
    city_agrees(&c, 0, 10000);
}

static void R9_card_that_turns_mute_is_told(void **state)
{
    (void)state;
    city_fault(&c, 0, "mute@50");
    const struct txn_result *r = run("payment.purchase", "shop", 100, NULL, NULL);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_true(r->reason == OC_R_CARD_MUTE || r->reason == OC_R_CARD_REMOVED);
    cardsim_fault_clear(c.card[0]);
    lay();
    city_agrees(&c, 0, 10000);
}

static void R9_card_of_a_profile_that_is_gone_is_refused(void **state)
{
    static struct ledger_op op;
    (void)state;
    struct card_row row = *city_card_row(&c, 0);
    memset(&op, 0, sizeof op);
    op.type = LOP_CARD_ADD;
    snprintf(op.who, sizeof op.who, "test");
    struct op_card_add *a = &op.card_add;
    memcpy(a->issuer, row.issuer, sizeof a->issuer);
    memcpy(a->serial, row.serial, sizeof a->serial);
    a->serial[9] = 3; /* the third card, which nobody knows yet */
    snprintf(a->number, sizeof a->number, "99");
    snprintf(a->profile, sizeof a->profile, "forgotten");
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    a->registered = 1;
    assert_int_equal(city_op(&c, &op), 0);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[2]);
    expect(run("payment.balance", "shop", 0, NULL, NULL), OC_R_UNSUPPORTED_CARD, "forgotten");
    lay();
    city_agrees(&c, 0, 10000);
}

/* ---- evidence that is none (R3) ---- */

static int64_t torn(const char *spec, const char *service)
{
    lay();
    city_fault(&c, 0, spec);
    int64_t txn = city_do(&c, service, 500, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    cardsim_fault_clear(c.card[0]);
    lay();
    return txn;
}

static void R3_counter_of_a_wrong_mac1_ends_no_doubt(void **state)
{
    (void)state;
    int64_t txn = torn("torn-before@52", "payment.load");
    city_fault(&c, 0, "wrong-mac1");
    expect(run("payment.balance", "shop", 0, NULL, NULL), OC_R_LOAD_MAC1, "proves nothing");
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_IN_DOUBT);
    cardsim_fault_clear(c.card[0]);
    city_keys(&c, true, KEY_LOAD);
    lay();
    expect(run("payment.balance", "shop", 0, NULL, NULL), OC_R_NO_KEY, "load key");
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_IN_DOUBT);
    city_keys(&c, true, 0);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    city_agrees(&c, 0, 10000);
}

static void R3_counter_before_the_doubts_ends_nothing(void **state)
{
    (void)state;
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    int64_t txn = torn("torn-before@54", "payment.purchase");
    const struct op_intent in = city_txn(&c, txn)->in;
    assert_int_equal(cardsim_purse_set(c.card[0], 9900, 0, 1, (uint16_t)(in.counter - 1)), 0);
    (void)city_look(&c, 0);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_IN_DOUBT);
    assert_int_equal(cardsim_purse_set(c.card[0], 9900, 0, 1, in.counter), 0);
    (void)city_look(&c, 0);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    assert_int_equal(city_txn(&c, txn)->evidence, EV_COUNTER);
}

static void R3_doubt_without_proof_and_readable_log_stays(void **state)
{
    (void)state;
    int64_t txn = torn("torn-after@54", "payment.purchase");
    city_fault(&c, 0, "no-prove");
    city_fault(&c, 0, "sw:6982@B2!");
    (void)run("payment.balance", "shop", 0, NULL, NULL);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_IN_DOUBT);
    cardsim_fault_clear(c.card[0]);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_POSTED);
    city_agrees(&c, 0, 9500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(original_that_is_not_named_or_not_posted_is_refused),
        T(terminal_that_may_not_run_a_service_is_told_what_it_may),
        T(gate_runs_nothing_that_needs_an_operator),
        T(terminal_without_a_reader_is_told_so),
        T(R9_card_outside_its_days_is_refused),
        T(R9_card_that_turns_mute_is_told),
        T(R9_card_of_a_profile_that_is_gone_is_refused),
        T(R3_counter_of_a_wrong_mac1_ends_no_doubt),
        T(R3_counter_before_the_doubts_ends_nothing),
        T(R3_doubt_without_proof_and_readable_log_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
