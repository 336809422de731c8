/* Purchases over whole dialogues: happy, each command refused, each answer lost, torn before and after, the store failing. */
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

static void fault(const char *spec)
{
    assert_int_equal(cardsim_fault_add(c.card[0], spec), 0);
}

static void purchase_with_right_proofs_is_posted(void **state)
{
    (void)state;
    const struct txn_result *r = city_do(&c, "payment.purchase", 1250, OC_POSTED, OC_R_NONE);
    assert_true(r->has_balance);
    assert_int_equal(r->balance, 8750);
    const struct txn_row *row = city_txn(&c, r->txn);
    assert_int_equal(row->state, OC_TXN_POSTED);
    assert_int_equal(row->evidence, EV_ANSWER);
    assert_int_equal(row->tac_verdict, TAC_OK);
    assert_int_equal(row->in.terminal_seq, 1);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 1250);
    city_agrees(&c, 0, 8750);
}

static void R10_each_debit_takes_the_next_terminal_sequence(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 3; i++) {
        const struct txn_result *r = city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
        assert_int_equal(city_txn(&c, r->txn)->in.terminal_seq, i);
    }
    city_agrees(&c, 0, 9700);
}

static void purchase_over_the_balance_is_refused_by_the_chip(void **state)
{
    (void)state;
    city_do(&c, "payment.purchase", 10001, OC_REFUSED, OC_R_INSUFFICIENT);
    city_agrees(&c, 0, 10000);
}

static void each_command_refused_moves_nothing(void **state)
{
    static const char *const faults[] = {"sw:6A82@A4",  "sw:6A82@B0#1!", "sw:6985@50", "sw:9403@50", "sw:9402@50",
                                         "sw:6985@54", "sw:9302@54",   "sw:6982@54", "sw:6988@54", "sw:9401@54"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        fault(faults[i]);
        struct txn_request q = city_request("payment.purchase", "shop", 100);
        const struct txn_result *r = city_run(&c, &q);
        if (r->outcome == OC_POSTED && i >= 2)
            fail_msg("%s was not noticed", faults[i]);
        if (r->outcome != OC_POSTED && r->outcome != OC_REFUSED)
            fail_msg("%s gave %s", faults[i], oc_outcome_name(r->outcome));
        fen_t left = city_chip(&c, 0);
        cardsim_fault_clear(c.card[0]);
        city_agrees(&c, 0, left);
    }
}

static void R5_card_that_rejects_our_mac_is_refused_and_nothing_moved(void **state)
{
    (void)state;
    fault("sw:9302@54");
    const struct txn_result *r = city_do(&c, "payment.purchase", 500, OC_REFUSED, OC_R_CARD_MAC);
    assert_int_equal(city_txn(&c, r->txn)->state, OC_TXN_VOIDED);
    city_agrees(&c, 0, 10000);
}

static int64_t lose(const char *spec)
{
    fault(spec);
    const struct txn_result *r = city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_ANSWER_LOST);
    const struct txn_row *row = city_txn(&c, r->txn);
    assert_int_equal(row->state, OC_TXN_IN_DOUBT);
    assert_int_equal(city_card_row(&c, 0)->open_txn, r->txn);
    return r->txn;
}

static void R3_purchase_answer_lost_then_proved_is_posted(void **state)
{
    (void)state;
    int64_t id = lose("torn-after@54");
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 0);
    reader_sim_return(c.sim);
    const struct txn_result *r = city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(r->settled_count, 1);
    assert_int_equal(r->settled[0].txn, id);
    assert_int_equal(r->settled[0].state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_PROVE);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 500);
    city_agrees(&c, 0, 9500);
}

static void R3_debit_never_executed_is_voided_by_the_counter(void **state)
{
    (void)state;
    int64_t id = lose("torn-before@54");
    reader_sim_return(c.sim);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_COUNTER);
    city_agrees(&c, 0, 10000);
}

static void R3_without_a_proof_the_cards_log_settles(void **state)
{
    (void)state;
    int64_t id = lose("torn-after@54");
    reader_sim_return(c.sim);
    fault("no-prove");
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_LOG);
    cardsim_fault_clear(c.card[0]);
    city_agrees(&c, 0, 9500);
}

static void R3_a_moved_counter_alone_stays_in_doubt(void **state)
{
    (void)state;
    int64_t id = lose("torn-before@54");
    struct cardsim_status s;
    cardsim_status(c.card[0], &s);
    /* Somebody moved the counter, and neither proof nor log tells who: overwritten. */
    assert_int_equal(cardsim_purse_set(c.card[0], 9500, 0, s.online, (uint16_t)(s.offline + 1)), 0);
    reader_sim_return(c.sim);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_DOUBT_OPEN);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_IN_DOUBT);
    assert_int_equal(city_chip(&c, 0), 9500);
}

static void R3_counter_used_by_another_transaction_is_voided(void **state)
{
    static struct city other;
    (void)state;
    int64_t id = lose("torn-before@54");
    /* Another operator's switch, with a SAM of its own, takes the card and its counter. */
    city_open(&other, kind, profile);
    cardsim_free(&other.card[0]);
    reader_sim_insert(other.sim, c.card[0]);
    struct txn_request q = city_request("payment.purchase", "bus", 300);
    assert_int_equal(city_run(&other, &q)->outcome, OC_POSTED);
    reader_sim_remove(other.sim);
    city_close(&other);
    reader_sim_return(c.sim);
    fault("no-prove");
    struct txn_request b = city_request("payment.balance", "shop", 0);
    const struct txn_result *r = city_run(&c, &b);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_COUNTER_OTHER);
    assert_int_equal(city_chip(&c, 0), 9700);
    /* R1: the record of the other operator is awaited, no alarm. */
    assert_int_equal(city_card_row(&c, 0)->awaiting, 1);
    assert_int_equal(city_card_row(&c, 0)->alarm, 0);
    cardsim_fault_clear(c.card[0]);
}

static void R3_open_doubt_is_settled_before_any_other_purchase(void **state)
{
    (void)state;
    int64_t id = lose("torn-after@54");
    reader_sim_return(c.sim);
    const struct txn_result *r = city_do(&c, "payment.purchase", 700, OC_POSTED, OC_R_NONE);
    assert_int_not_equal(r->txn, id);
    assert_int_equal(r->settled_count, 1);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    city_agrees(&c, 0, 8800);
}

static void R4_restart_turns_an_intent_into_a_doubt_and_the_card_settles_it(void **state)
{
    (void)state;
    /* The intent's commit is good, the outcome's never comes: the row stays INTENDED. */
    c.store_ok = 1;
    c.store_bad = 100;
    const struct txn_result *r = city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_STORE);
    int64_t id = r->txn;
    assert_int_equal(city_chip(&c, 0), 9500);
    c.store_bad = 0;
    unsigned recovered = 0;
    city_restart(&c, &recovered);
    assert_int_equal(recovered, 1);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_IN_DOUBT);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    city_agrees(&c, 0, 9500);
}

/* A write that succeeds: money goes on. */
static void works_again(void)
{
    static struct ledger_op op;
    memset(&op, 0, sizeof op);
    op.type = LOP_EVENT;
    snprintf(op.who, sizeof op.who, "test");
    snprintf(op.event.item.kind, sizeof op.event.item.kind, "note");
    assert_int_equal(city_op(&c, &op), 0);
    assert_true(ledger_healthy(c.ledger, NULL));
}

static void R2_intent_that_is_not_durable_sends_nothing(void **state)
{
    static const int errors[] = {OC_EDB_FULL, OC_ENOSPC, OC_EIO, OC_EDB, OC_ENOMEM};
    struct cardsim_status s;
    (void)state;
    cardsim_status(c.card[0], &s);
    unsigned before = s.offline;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        c.store_error = errors[i];
        c.store_bad = 2; /* the intent, and the refusal's record */
        city_do(&c, "payment.purchase", 500, OC_REFUSED, OC_R_STORE);
        c.store_bad = 0;
        cardsim_status(c.card[0], &s);
        assert_int_equal(s.offline, before);
        city_agrees(&c, 0, 10000);
        works_again();
    }
    c.store_error = 0;
    city_do(&c, "payment.purchase", 500, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 9500);
}

static void R5_wrong_mac2_after_9000_stays_in_suspense_until_proved(void **state)
{
    (void)state;
    fault("wrong-mac2");
    const struct txn_result *r = city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_WRONG_PROOF);
    int64_t id = r->txn;
    const struct txn_row *row = city_txn(&c, id);
    assert_int_equal(row->state, OC_TXN_IN_DOUBT);
    assert_int_equal(row->suspense, 1);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 0);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_PROVE);
    city_agrees(&c, 0, 9500);
}

static void R5_wrong_tac_after_9000_stays_in_suspense(void **state)
{
    (void)state;
    fault("wrong-tac");
    city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_WRONG_PROOF);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 9500);
}

static void status_word_that_proves_nothing_is_asked_about_at_once(void **state)
{
    (void)state;
    fault("sw:6581@54");
    const struct txn_result *r = city_do(&c, "payment.purchase", 500, OC_VOIDED, OC_R_CARD_ERROR);
    assert_int_equal(city_txn(&c, r->txn)->evidence, EV_COUNTER);
    city_agrees(&c, 0, 10000);
}

static void R8_torn_card_put_back_is_charged_once_in_the_same_dialogue(void **state)
{
    static const char *const tears[] = {"torn-before@54", "torn-after@54", "torn-before@50#1", "torn-after@50#1",
                                        "torn-after@A4",  "torn-before@B0", "torn-before@88"};
    (void)state;
    fen_t left = 10000;
    reader_sim_return_after(c.sim, 50);
    for (size_t i = 0; i < ARRAY_LEN(tears); i++) {
        fault(tears[i]);
        struct txn_request q = city_request("payment.purchase", "shop", 500);
        q.retap_ms = 3000;
        const struct txn_result *r = city_run(&c, &q);
        if (r->outcome != OC_POSTED)
            fail_msg("%s: %s %s %s", tears[i], oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail);
        left -= 500;
        cardsim_fault_clear(c.card[0]);
        city_agrees(&c, 0, left);
    }
}


struct swap {
    struct city *c;
    int64_t id;
};

/* While the torn card is awaited another one is put down, then the right one. */
static CO_FN int swap_cards(void *arg)
{
    struct swap *s = arg;
    int rc = flow_co_sleep_ms(150);
    reader_sim_insert(s->c->sim, s->c->card[1]);
    if (rc == 0)
        rc = flow_co_sleep_ms(400);
    reader_sim_remove(s->c->sim);
    reader_sim_insert(s->c->sim, s->c->card[0]);
    return rc;
}

static void R8_another_card_is_sent_away_and_the_doubt_stays(void **state)
{
    (void)state;
    struct swap s = {&c, 0};
    fault("torn-after@54");
    assert_int_equal(flow_start(c.loop, "swap", swap_cards, &s, NULL), 0);
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.retap_ms = 3000;
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    city_agrees(&c, 0, 9500);
    assert_int_equal(city_chip(&c, 1), 0);
}

static void without_retap_a_torn_card_is_not_waited_for(void **state)
{
    (void)state;
    reader_sim_return_after(c.sim, 10);
    fault("torn-after@54");
    city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_ANSWER_LOST);
}

static void same_request_number_gets_the_first_answer(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    int64_t first = city_run(&c, &q)->txn;
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, first);
    q.amount = 600;
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_CONFLICT);
    city_agrees(&c, 0, 9500);
}

static void R9_each_bad_standing_is_refused_by_its_name(void **state)
{
    (void)state;
    static const struct {
        enum card_state to;
        enum oc_reason why;
    } cases[] = {{CARD_SUSPENDED, OC_R_SUSPENDED}, {CARD_LOST, OC_R_LOST}, {CARD_BLOCKED, OC_R_BLOCKED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        city_card_state(&c, 0, cases[i].to);
        city_do(&c, "payment.purchase", 100, OC_REFUSED, cases[i].why);
        city_card_state(&c, 0, CARD_ACTIVE);
    }
    city_card_state(&c, 0, CARD_CANCELLED);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_CANCELLED);
    city_agrees(&c, 0, 10000);
}

static void R15_lost_card_still_tells_how_its_doubt_ended(void **state)
{
    (void)state;
    int64_t id = lose("torn-after@54");
    city_card_state(&c, 0, CARD_LOST);
    reader_sim_return(c.sim);
    const struct txn_result *r = city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_LOST);
    assert_int_equal(r->settled_count, 1);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_chip(&c, 0), 9500);
}

static void R9_unknown_card_is_refused(void **state)
{
    (void)state;
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[2]);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_UNKNOWN_CARD);
}

static void no_card_and_no_reader_are_told_apart(void **state)
{
    (void)state;
    reader_sim_remove(c.sim);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_NO_CARD);
    reader_sim_plug(c.sim, false);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_READER);
}

static void wrong_words_are_refused_by_name(void **state)
{
    (void)state;
    city_do(&c, "payment.purchas", 100, OC_REFUSED, OC_R_UNKNOWN_SERVICE);
    city_do(&c, "payment.purchase", 0, OC_REFUSED, OC_R_AMOUNT);
    city_do(&c, "payment.purchase", -5, OC_REFUSED, OC_R_AMOUNT);
    struct txn_request q = city_request("payment.purchase", "nowhere", 100);
    assert_int_equal(city_run(&c, &q)->reason, OC_R_TERMINAL_UNKNOWN);
    q = city_request("payment.purchase", "shop", 100);
    city_param(&q, "colour", "red");
    assert_int_equal(city_run(&c, &q)->reason, OC_R_PARAMETER);
    city_agrees(&c, 0, 10000);
}

struct cancel {
    struct flow *f;
    struct city *c;
    struct txn_request req;
    struct txn_result res;
    int rc;
};
static CO_FN int cancelled_run(void *arg)
{
    struct cancel *x = arg;
    x->rc = txn_co_run(&x->c->env, reader_sim_reader(x->c->sim), &x->req, &x->res);
    return 0;
}
static CO_FN int cancel_it(void *arg)
{
    struct cancel *x = arg;
    int rc = flow_co_sleep_ms(60);
    flow_cancel(x->f);
    if (rc == 0)
        rc = flow_co_join(x->f, NULL, flow_deadline_ms(2000));
    flow_put(x->f);
    return rc;
}

static void cancelled_while_waiting_the_next_card_is_not_charged(void **state)
{
    static struct cancel x;
    (void)state;
    reader_sim_remove(c.sim);
    x = (struct cancel){.c = &c, .req = city_request("payment.purchase", "shop", 500)};
    x.req.wait_ms = 5000;
    assert_int_equal(flow_start(c.loop, "request", cancelled_run, &x, &x.f), 0);
    assert_int_equal(loop_run_flow(c.loop, "cancel", cancel_it, &x), 0);
    assert_int_equal(x.rc, OC_ECANCELED);
    assert_int_equal(x.res.outcome, OC_REFUSED);
    assert_int_equal(x.res.reason, OC_R_CANCELED);
    reader_sim_insert(c.sim, c.card[0]);
    city_agrees(&c, 0, 10000);
}

static void R1_balance_that_differs_without_a_gap_raises_an_alarm(void **state)
{
    (void)state;
    struct cardsim_status s;
    cardsim_status(c.card[0], &s);
    assert_int_equal(cardsim_purse_set(c.card[0], 9000, 0, s.online, s.offline), 0);
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    assert_int_not_equal(city_card_row(&c, 0)->alarm, 0);
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(purchase_with_right_proofs_is_posted),
        T(R10_each_debit_takes_the_next_terminal_sequence),
        T(purchase_over_the_balance_is_refused_by_the_chip),
        T(each_command_refused_moves_nothing),
        T(R5_card_that_rejects_our_mac_is_refused_and_nothing_moved),
        T(R3_purchase_answer_lost_then_proved_is_posted),
        T(R3_debit_never_executed_is_voided_by_the_counter),
        T(R3_without_a_proof_the_cards_log_settles),
        T(R3_a_moved_counter_alone_stays_in_doubt),
        T(R3_counter_used_by_another_transaction_is_voided),
        T(R3_open_doubt_is_settled_before_any_other_purchase),
        T(R4_restart_turns_an_intent_into_a_doubt_and_the_card_settles_it),
        T(R2_intent_that_is_not_durable_sends_nothing),
        T(R5_wrong_mac2_after_9000_stays_in_suspense_until_proved),
        T(R5_wrong_tac_after_9000_stays_in_suspense),
        T(status_word_that_proves_nothing_is_asked_about_at_once),
        T(R8_torn_card_put_back_is_charged_once_in_the_same_dialogue),
        T(R8_another_card_is_sent_away_and_the_doubt_stays),
        T(without_retap_a_torn_card_is_not_waited_for),
        T(same_request_number_gets_the_first_answer),
        T(R9_each_bad_standing_is_refused_by_its_name),
        T(R15_lost_card_still_tells_how_its_doubt_ended),
        T(R9_unknown_card_is_refused),
        T(no_card_and_no_reader_are_told_apart),
        T(wrong_words_are_refused_by_name),
        T(cancelled_while_waiting_the_next_card_is_not_charged),
        T(R1_balance_that_differs_without_a_gap_raises_an_alarm),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_profile(CARDSIM_PBOC, "pboc-ep") + run_profile(CARDSIM_MOHURD, "mohurd") + run_profile(CARDSIM_TUNION, "tunion");
}
