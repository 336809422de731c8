/* What is kept and told of doubts: cards that refuse INITIALIZE, wrong proofs, results after a
 * retap (R3, R5, R8). */
#include "city.h"

#include <string.h>

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

static int setup(void **state)
{
    (void)state;
    city_open(&c, kind, profile);
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

static int64_t lose(fen_t amount, const char *spec)
{
    city_fault(&c, 0, spec);
    return city_do(&c, "payment.purchase", amount, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
}

/* ---- the card refuses every INITIALIZE ---- */

static void R3_empty_card_that_refuses_initialize_is_settled_by_its_proof(void **state)
{
    (void)state;
    int64_t id = lose(10000, "torn-after@54");
    city_fault(&c, 0, "sw:9401@50!");
    const struct txn_result *r = city_look(&c, 0);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->settled_count, 1);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_PROVE);
    cardsim_fault_clear(c.card[0]);
    city_do(&c, "payment.load", 700, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 700);
}

static void R3_empty_card_that_refuses_initialize_is_settled_by_its_log(void **state)
{
    (void)state;
    int64_t id = lose(10000, "torn-after@54");
    city_fault(&c, 0, "sw:6A80@50!");
    city_fault(&c, 0, "no-prove");
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_LOG);
    cardsim_fault_clear(c.card[0]);
    city_look(&c, 0);
    city_agrees(&c, 0, 0);
}

static void R3_card_that_refuses_initialize_and_shows_no_trace_stays_in_doubt(void **state)
{
    (void)state;
    int64_t id = lose(9000, "torn-before@54");
    city_fault(&c, 0, "sw:9401@50!");
    (void)city_look(&c, 0);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_IN_DOUBT);
    cardsim_fault_clear(c.card[0]);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_COUNTER);
    city_agrees(&c, 0, 10000);
}

static void R3_load_whose_initialize_is_refused_later_is_settled_by_its_proof(void **state)
{
    (void)state;
    city_fault(&c, 0, "torn-after@52");
    int64_t id = city_do(&c, "payment.load", 700, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    city_fault(&c, 0, "sw:9402@50!"); /* as a card that is full does */
    (void)city_look(&c, 0);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    cardsim_fault_clear(c.card[0]);
    city_look(&c, 0);
    city_agrees(&c, 0, 10700);
}

/* ---- wrong proofs ---- */

static void R5_evidence_of_a_wrong_tac_outlives_later_taps(void **state)
{
    uint8_t tac[4], mac2[4];
    (void)state;
    city_fault(&c, 0, "wrong-tac");
    int64_t id = city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_WRONG_PROOF)->txn;
    const struct txn_row *row = city_txn(&c, id);
    assert_int_equal(row->tac_verdict, TAC_WRONG);
    memcpy(tac, row->tac, sizeof tac);
    memcpy(mac2, row->mac2, sizeof mac2);
    assert_memory_not_equal(tac, "\0\0\0\0", 4);
    assert_int_equal(city_card_row(&c, 0)->alarm, 3);
    /* Taps that learn nothing … */
    city_fault(&c, 0, "no-prove");
    for (int i = 0; i < 2; i++) {
        (void)city_look(&c, 0);
        row = city_txn(&c, id);
        assert_int_equal(row->state, OC_TXN_IN_DOUBT);
        assert_int_equal(row->suspense, 1);
        assert_int_equal(row->tac_verdict, TAC_WRONG);
        assert_memory_equal(row->tac, tac, sizeof tac);
        assert_memory_equal(row->mac2, mac2, sizeof mac2);
    }
    assert_int_equal(city_card_row(&c, 0)->alarm, 3);
    /* … and the one at which the card proves it after all. */
    cardsim_fault_clear(c.card[0]);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_PROVE);
    city_agrees(&c, 0, 9500);
}

static void R5_wrong_tac_of_a_load_flags_the_card(void **state)
{
    (void)state;
    city_fault(&c, 0, "wrong-tac");
    int64_t id = city_do(&c, "payment.load", 500, OC_IN_DOUBT, OC_R_WRONG_PROOF)->txn;
    assert_int_equal(city_txn(&c, id)->tac_verdict, TAC_WRONG);
    assert_int_equal(city_card_row(&c, 0)->alarm, 3);
}

/* ---- results after a retap ---- */

static struct txn_result *retap(const char *service, const char *term, fen_t amount,
                                const char *spec)
{
    struct txn_request q = city_request(service, term, amount);
    q.retap_ms = 3000;
    city_fault(&c, 0, spec);
    reader_sim_return_after(c.sim, 20);
    struct txn_result *r = city_run(&c, &q);
    cardsim_fault_clear(c.card[0]);
    return r;
}

static void R8_balance_after_a_retap_is_the_chips(void **state)
{
    static const char *const tears[] = {"torn-after@54", "torn-before@54", "torn-after@50",
                                        "torn-before@50"};
    static const char *const loads[] = {"torn-after@52", "torn-before@52", "torn-after@50",
                                        "torn-before@50"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tears); i++) {
        const struct txn_result *r = retap("payment.purchase", "shop", 500, tears[i]);
        assert_int_equal(r->outcome, OC_POSTED);
        assert_true(r->has_balance);
        assert_int_equal(r->balance, city_chip(&c, 0));
        assert_string_equal(r->detail, "");
        r = retap("payment.load", "desk", 700, loads[i]);
        assert_int_equal(r->outcome, OC_POSTED);
        assert_true(r->has_balance);
        assert_int_equal(r->balance, city_chip(&c, 0));
    }
    city_agrees(&c, 0, 10000 + 4 * 200);
}

static void refusal_after_a_void_in_one_dialogue_has_a_row_of_its_own(void **state)
{
    (void)state;
    city_fault(&c, 0,
               "sw:9401@50#3"); /* the purchase's own; the doubt asks; then the second attempt's */
    struct txn_result *r = retap("payment.purchase", "shop", 500, "torn-before@54");
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_INSUFFICIENT);
    assert_int_equal(r->settled_count, 1);
    assert_int_equal(r->settled[0].state, OC_TXN_VOIDED);
    int64_t refused = r->txn, voided = r->settled[0].txn;
    assert_int_not_equal(refused, 0);
    assert_int_not_equal(refused, voided);
    assert_int_equal(city_txn(&c, refused)->state, OC_TXN_REFUSED);
    assert_int_equal(city_txn(&c, refused)->reason, OC_R_INSUFFICIENT);
    assert_int_equal(city_txn(&c, voided)->state, OC_TXN_VOIDED);
    city_agrees(&c, 0, 10000);
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R3_empty_card_that_refuses_initialize_is_settled_by_its_proof),
        T(R3_empty_card_that_refuses_initialize_is_settled_by_its_log),
        T(R3_card_that_refuses_initialize_and_shows_no_trace_stays_in_doubt),
        T(R3_load_whose_initialize_is_refused_later_is_settled_by_its_proof),
        T(R5_evidence_of_a_wrong_tac_outlives_later_taps),
        T(R5_wrong_tac_of_a_load_flags_the_card),
        T(R8_balance_after_a_retap_is_the_chips),
        T(refusal_after_a_void_in_one_dialogue_has_a_row_of_its_own),
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
