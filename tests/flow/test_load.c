/* Loads, refunds and account plans over whole dialogues (R6, R7). */
#include "city.h"

#include <string.h>

static struct city c;

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}
static void fault(const char *spec)
{
    assert_int_equal(cardsim_fault_add(c.card[0], spec), 0);
}
static struct txn_result *run(const char *service, const char *term, fen_t amount, const char *name, const char *value)
{
    struct txn_request q = city_request(service, term, amount);
    if (name != NULL)
        city_param(&q, name, value);
    return city_run(&c, &q);
}

static void R7_cash_load_is_owed_by_the_terminals_participant(void **state)
{
    (void)state;
    city_do(&c, "payment.load", 5000, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_posted, 5000);
    city_agrees(&c, 0, 5000);
}

static void R7_load_over_the_quota_is_refused(void **state)
{
    (void)state;
    static struct ledger_op op;
    memset(&op, 0, sizeof op);
    op.type = LOP_PARTICIPANT;
    snprintf(op.who, sizeof op.who, "test");
    snprintf(op.participant.id, sizeof op.participant.id, "bank");
    snprintf(op.participant.name, sizeof op.participant.name, "bank");
    op.participant.load_quota = 6000;
    assert_int_equal(city_op(&c, &op), 0);
    city_do(&c, "payment.load", 5000, OC_POSTED, OC_R_NONE);
    city_do(&c, "payment.load", 5000, OC_REFUSED, OC_R_LOAD_QUOTA);
    city_agrees(&c, 0, 5000);
}

static void R1_load_over_the_ceiling_is_refused(void **state)
{
    (void)state;
    city_do(&c, "payment.load", 500000, OC_POSTED, OC_R_NONE);
    city_do(&c, "payment.load", 1, OC_REFUSED, OC_R_OVER_CEILING);
    city_agrees(&c, 0, 500000);
}

static void load_with_wrong_mac1_is_refused_before_anything_is_reserved(void **state)
{
    (void)state;
    fault("wrong-mac1");
    city_do(&c, "payment.load", 5000, OC_REFUSED, OC_R_LOAD_MAC1);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 0);
    city_agrees(&c, 0, 0);
}

static void R3_load_answer_lost_then_proved_is_posted(void **state)
{
    (void)state;
    fault("torn-after@52");
    int64_t id = city_do(&c, "payment.load", 5000, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    reader_sim_return(c.sim);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_PROVE);
    city_agrees(&c, 0, 5000);
}

static void R7_load_never_executed_is_voided_and_funding_given_back(void **state)
{
    (void)state;
    fault("torn-before@52");
    int64_t id = city_do(&c, "payment.load", 5000, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 5000);
    reader_sim_return(c.sim);
    city_do(&c, "payment.load", 3000, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 0);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_posted, 3000);
    city_agrees(&c, 0, 3000);
}

static void R5_load_with_wrong_tac_is_in_suspense_until_proved(void **state)
{
    (void)state;
    fault("wrong-tac");
    int64_t id = city_do(&c, "payment.load", 5000, OC_IN_DOUBT, OC_R_WRONG_PROOF)->txn;
    assert_int_equal(city_txn(&c, id)->suspense, 1);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 5000);
}

static void R5_card_that_rejects_mac2_is_refused_and_funding_given_back(void **state)
{
    (void)state;
    fault("sw:9302@52");
    city_do(&c, "payment.load", 5000, OC_REFUSED, OC_R_CARD_MAC);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 0);
    city_agrees(&c, 0, 0);
}

static void load_on_a_used_up_counter_is_refused(void **state)
{
    (void)state;
    assert_int_equal(cardsim_purse_set(c.card[0], 0, 0, 0xFFFF, 0), 0);
    city_do(&c, "payment.load", 5000, OC_REFUSED, OC_R_COUNTER_MAX);
}

static void R7_load_on_a_counter_that_was_used_is_refused_as_a_copy(void **state)
{
    (void)state;
    city_do(&c, "payment.load", 5000, OC_POSTED, OC_R_NONE);
    assert_int_equal(cardsim_purse_set(c.card[0], 0, 0, 0, 0), 0); /* the same card as it was before the load */
    city_do(&c, "payment.load", 5000, OC_REFUSED, OC_R_NOT_GENUINE);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_posted, 5000);
}

static void R2_R7_load_whose_intent_is_not_durable_prints_nothing(void **state)
{
    static const int errors[] = {OC_EDB_FULL, OC_EIO, OC_EDB};
    struct cardsim_status s;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        static struct ledger_op op;
        c.store_error = errors[i];
        c.store_bad = 2; /* the intent, and the refusal's record */
        city_do(&c, "payment.load", 5000, OC_REFUSED, OC_R_STORE);
        c.store_bad = c.store_error = 0;
        cardsim_status(c.card[0], &s);
        assert_int_equal(s.online, 0);
        assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 0);
        city_agrees(&c, 0, 0);
        memset(&op, 0, sizeof op);
        op.type = LOP_EVENT; /* a write that succeeds: money goes on */
        snprintf(op.who, sizeof op.who, "test");
        snprintf(op.event.item.kind, sizeof op.event.item.kind, "note");
        assert_int_equal(city_op(&c, &op), 0);
    }
    city_do(&c, "payment.load", 5000, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 5000);
}

static void R6_refund_waits_for_the_chip_and_follows_by_a_load(void **state)
{
    char id[IDENT_TEXT];
    (void)state;
    city_do(&c, "payment.load", 5000, OC_POSTED, OC_R_NONE);
    ident_text(city_do(&c, "payment.purchase", 2000, OC_POSTED, OC_R_NONE)->txn, id);
    assert_int_equal(run("payment.refund", "shop", 500, "txn", id)->outcome, OC_POSTED);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 500);
    city_agrees(&c, 0, 3000);
    assert_int_equal(run("payment.refund", "shop", 1501, "txn", id)->reason, OC_R_OVER_ORIGINAL);
    assert_int_equal(run("payment.load", "desk", 501, "source", "pending")->reason, OC_R_FUNDS);
    assert_int_equal(run("payment.load", "desk", 0, "source", "pending")->outcome, OC_POSTED);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 0);
    city_agrees(&c, 0, 3500);
    assert_int_equal(run("payment.refund", "shop", 100, "txn", "0000000000000")->reason, OC_R_ORIGINAL_UNKNOWN);
}

static void citizens_account_is_filled_and_spent(void **state)
{
    (void)state;
    assert_int_equal(run("payment.load", "desk", 700, "source", "account")->reason, OC_R_FUNDS);
    assert_int_equal(run("payment.deposit", "desk", 700, NULL, NULL)->outcome, OC_POSTED);
    assert_int_equal(run("payment.load", "desk", 700, "source", "account")->outcome, OC_POSTED);
    const struct account_row *a = city_account(&c, ACCT_CITIZEN, "c1");
    assert_int_equal(a->credits_posted - a->debits_posted, 0);
    city_agrees(&c, 0, 700);
}

static void R8_torn_load_put_back_is_loaded_once(void **state)
{
    static const char *const tears[] = {"torn-before@52", "torn-after@52", "torn-after@50#1", "torn-before@50#1"};
    (void)state;
    fen_t have = 0;
    reader_sim_return_after(c.sim, 50);
    for (size_t i = 0; i < ARRAY_LEN(tears); i++) {
        fault(tears[i]);
        struct txn_request q = city_request("payment.load", "desk", 1000);
        q.retap_ms = 3000;
        const struct txn_result *r = city_run(&c, &q);
        if (r->outcome != OC_POSTED)
            fail_msg("%s: %s", tears[i], r->detail);
        have += 1000;
        cardsim_fault_clear(c.card[0]);
        city_agrees(&c, 0, have);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R7_cash_load_is_owed_by_the_terminals_participant),
        T(R7_load_over_the_quota_is_refused),
        T(R1_load_over_the_ceiling_is_refused),
        T(load_with_wrong_mac1_is_refused_before_anything_is_reserved),
        T(R3_load_answer_lost_then_proved_is_posted),
        T(R7_load_never_executed_is_voided_and_funding_given_back),
        T(R5_load_with_wrong_tac_is_in_suspense_until_proved),
        T(R5_card_that_rejects_mac2_is_refused_and_funding_given_back),
        T(load_on_a_used_up_counter_is_refused),
        T(R7_load_on_a_counter_that_was_used_is_refused_as_a_copy),
        T(R2_R7_load_whose_intent_is_not_durable_prints_nothing),
        T(R6_refund_waits_for_the_chip_and_follows_by_a_load),
        T(citizens_account_is_filled_and_spent),
        T(R8_torn_load_put_back_is_loaded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
