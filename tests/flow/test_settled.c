/* Torn cards that come back to a world that went on meanwhile: settled elsewhere, other cards,
 * copies of a chip (R3, R8). */
#include "city.h"

#include <stdlib.h>
#include <string.h>

static struct city c;
static struct reader_sim *second;
static struct cardsim *second_card;
static struct city_side a;
static struct txn_request q;
static struct txn_result *b;
static bool comes_back;

static int setup(void **state)
{
    (void)state;
    comes_back = true;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    city_lane(&c, 1, &second, &second_card);
    reader_sim_remove(second);
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    cardsim_free(&second_card);
    city_close(&c);
    return 0;
}

/* A's card is torn; the second terminal sees the card first; then it comes back to A. */
static CO_FN int seen_at_second(void *arg)
{
    int *rc_of_b = arg;
    static struct txn_result result;
    int rc = city_side_start(&a);
    if (rc != 0)
        return rc;
    rc = city_co_side_phase(&a, TXN_PHASE_WAIT_RETURN);
    reader_sim_insert(second, c.card[0]);
    *rc_of_b = txn_co_run(&c.env, reader_sim_reader(second), &q, &result);
    b = &result;
    reader_sim_remove(second);
    if (comes_back)
        reader_sim_return(c.sim);
    int ended = city_co_side_end(&a);
    return rc != 0 ? rc : ended;
}

static void run_both(const char *service, const char *term, fen_t amount, const char *spec)
{
    int rc = -1;
    struct txn_request r = city_request(service, term, amount);
    r.retap_ms = 5000;
    city_side_init(&a, &c, c.sim, &r);
    q = city_request("payment.balance", "lane1", 0);
    city_fault(&c, 0, spec);
    assert_int_equal(loop_run_flow(c.loop, "both", seen_at_second, &rc), 0);
    assert_int_equal(rc, 0);
    assert_int_equal(a.rc, 0);
    if (b->outcome != OC_POSTED || b->settled_count != 1)
        fail_msg("the second terminal settled %u: %s", b->settled_count, b->detail);
    if (a.res.outcome != OC_POSTED)
        fail_msg("the first terminal: %s %s", oc_outcome_name(a.res.outcome), a.res.detail);
}

static void R8_purchase_posted_at_another_terminal_is_not_charged_again(void **state)
{
    (void)state;
    run_both("payment.purchase", "shop", 500, "torn-after@54");
    assert_int_equal(b->settled[0].state, OC_TXN_POSTED);
    assert_int_equal(a.res.txn, b->settled[0].txn);
    assert_int_equal(a.res.reason, OC_R_NONE);
    assert_int_equal(a.res.amount, 500);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 500);
    city_agrees(&c, 0, 9500);
}

static void R7_cash_load_posted_at_another_terminal_is_not_loaded_again(void **state)
{
    (void)state;
    run_both("payment.load", "desk", 700, "torn-after@52");
    assert_int_equal(b->settled[0].state, OC_TXN_POSTED);
    assert_int_equal(a.res.txn, b->settled[0].txn);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_posted, 10700);
    city_agrees(&c, 0, 10700);
}

static void R8_purchase_voided_at_another_terminal_goes_on_once(void **state)
{
    (void)state;
    run_both("payment.purchase", "shop", 500, "torn-before@54");
    assert_int_equal(b->settled[0].state, OC_TXN_VOIDED);
    assert_int_not_equal(a.res.txn, b->settled[0].txn);
    assert_int_equal(city_txn(&c, a.res.txn)->in.link, b->settled[0].txn);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 500);
    city_agrees(&c, 0, 9500);
}

static void R7_cash_load_voided_at_another_terminal_goes_on_once(void **state)
{
    (void)state;
    run_both("payment.load", "desk", 700, "torn-before@52");
    assert_int_equal(b->settled[0].state, OC_TXN_VOIDED);
    assert_int_not_equal(a.res.txn, b->settled[0].txn);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_posted, 10700);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 0);
    city_agrees(&c, 0, 10700);
}

static void R8_ride_posted_at_another_terminal_opens_the_gate_without_a_second_fare(void **state)
{
    (void)state;
    int rc = -1;
    struct txn_request r = city_request("transit.ride", "bus", 0);
    r.gate = true;
    r.arrival = reader_sim_reader(c.sim)->arrival;
    r.retap_ms = 5000;
    city_side_init(&a, &c, c.sim, &r);
    q = city_request("payment.balance", "lane1", 0);
    city_fault(&c, 0, "torn-after@54");
    assert_int_equal(loop_run_flow(c.loop, "both", seen_at_second, &rc), 0);
    assert_int_equal(a.res.outcome, OC_POSTED);
    assert_int_equal(a.res.txn, b->settled[0].txn);
    assert_int_equal(a.res.amount, 200);
    city_agrees(&c, 0, 9800);
}

static void R8_end_that_another_terminal_found_is_told_when_the_card_stays_away(void **state)
{
    static const struct {
        const char *spec;
        enum oc_outcome outcome;
        fen_t left;
    } cases[] = {{"torn-after@54", OC_POSTED, 9500}, {"torn-before@54", OC_VOIDED, 9500}};
    (void)state;
    comes_back = false;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rc = -1;
        struct txn_request r = city_request("payment.purchase", "shop", 500);
        r.retap_ms = 600;
        reader_sim_insert(c.sim, c.card[0]);
        city_side_init(&a, &c, c.sim, &r);
        q = city_request("payment.balance", "lane1", 0);
        city_fault(&c, 0, cases[i].spec);
        assert_int_equal(loop_run_flow(c.loop, "both", seen_at_second, &rc), 0);
        assert_int_equal(a.res.outcome, cases[i].outcome);
        assert_int_equal(a.res.txn, b->settled[0].txn);
        city_agrees(&c, 0, cases[i].left);
    }
}

static void gate_with(const char *spec)
{
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
    reader_sim_return_after(c.sim, 20);
    struct txn_request r = city_request("transit.ride", "bus", 0);
    uint64_t first = reader_sim_reader(c.sim)->arrival;
    r.gate = true;
    r.arrival = first;
    r.retap_ms = 3000;
    city_side_init(&a, &c, c.sim, &r);
    city_fault(&c, 0, spec);
}
static CO_FN int run_a(void *arg)
{
    (void)arg;
    int rc = city_side_start(&a);
    return rc != 0 ? rc : city_co_side_end(&a);
}

static void R8_arrival_of_a_torn_card_that_came_back_counts_as_served(void **state)
{
    static const char *const tears[] = {"torn-after@54", "torn-before@54", "torn-before@50"};
    fen_t left = 10000;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tears); i++) {
        gate_with(tears[i]);
        uint64_t first = a.req.arrival;
        assert_int_equal(loop_run_flow(c.loop, "a", run_a, NULL), 0);
        assert_int_equal(a.res.outcome, OC_POSTED);
        left -= 200;
        assert_int_equal(a.req.arrival, reader_sim_reader(c.sim)->arrival);
        assert_int_equal(a.req.arrival, first + 1);
        cardsim_fault_clear(c.card[0]);
        city_agrees(&c, 0, left);
    }
}

/* ---- another card lies there ---- */

static CO_FN int other_card(void *arg)
{
    int64_t *ret_ms = arg;
    int rc = city_side_start(&a);
    if (rc != 0)
        return rc;
    rc = city_co_side_phase(&a, TXN_PHASE_WAIT_RETURN);
    int64_t t0 = loop_now_ns(c.loop);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[1]);
    int ended = city_co_side_end(&a);
    *ret_ms = (loop_now_ns(c.loop) - t0) / NS_PER_MS;
    return rc != 0 ? rc : ended;
}

static int64_t left_there(const char *spec)
{
    struct cardsim_status before, after;
    int64_t ms = 0;
    cardsim_status(c.card[1], &before);
    struct txn_request r = city_request("payment.purchase", "shop", 500);
    r.retap_ms = 1200;
    city_side_init(&a, &c, c.sim, &r);
    city_fault(&c, 0, spec);
    assert_int_equal(loop_run_flow(c.loop, "other", other_card, &ms), 0);
    cardsim_status(c.card[1], &after);
    assert_int_equal(after.balance_fen, before.balance_fen);
    assert_int_equal(after.offline, before.offline);
    return ms;
}

static void R8_another_card_left_there_is_not_charged_and_the_wait_goes_on(void **state)
{
    (void)state;
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[1]);
    city_do(&c, "payment.load", 3000, OC_POSTED, OC_R_NONE);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
    assert_true(left_there("torn-after@54") >= 1000);
    assert_int_equal(a.res.outcome, OC_IN_DOUBT);
    assert_int_equal(a.res.reason, OC_R_ANSWER_LOST);
    assert_int_equal(city_card_row(&c, 0)->open_txn, a.res.txn);
    int64_t id = a.res.txn;
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    city_agrees(&c, 0, 9500);
    city_agrees(&c, 1, 3000);
}

static void R8_another_card_left_there_before_anything_moved_is_not_charged(void **state)
{
    (void)state;
    assert_true(left_there("torn-before@50") >= 1000);
    assert_int_equal(a.res.outcome, OC_REFUSED);
    assert_int_equal(a.res.reason, OC_R_CARD_REMOVED);
    city_agrees(&c, 0, 10000);
    city_agrees(&c, 1, 0);
}

static CO_FN int other_cards(void *arg)
{
    (void)arg;
    int rc = city_side_start(&a);
    if (rc != 0)
        return rc;
    rc = city_co_side_phase(&a, TXN_PHASE_WAIT_RETURN);
    for (int i = 0; i < 12 && rc == 0; i++) {
        reader_sim_insert(c.sim, c.card[1]);
        rc = flow_co_sleep_ms(25);
        reader_sim_remove(c.sim);
    }
    reader_sim_insert(c.sim, c.card[0]);
    int ended = city_co_side_end(&a);
    return rc != 0 ? rc : ended;
}

static void R8_other_cards_put_down_again_and_again_do_not_end_the_wait(void **state)
{
    static const char *const tears[] = {"torn-after@54", "torn-before@54", "torn-before@50"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct txn_request r = city_request("payment.purchase", "shop", 500);
        r.retap_ms = 3000;
        city_side_init(&a, &c, c.sim, &r);
        city_fault(&c, 0, tears[i]);
        assert_int_equal(loop_run_flow(c.loop, "others", other_cards, NULL), 0);
        if (a.res.outcome != OC_POSTED)
            fail_msg("%s: %s (%s)", tears[i], oc_outcome_name(a.res.outcome), a.res.detail);
        cardsim_fault_clear(c.card[0]);
        city_agrees(&c, 0, 10000 - 500 * (i + 1));
        city_agrees(&c, 1, 0);
    }
}

/* ---- a copy of the chip ---- */

static struct cardsim *copy;
static struct city_side twin;

static void at_the_debit(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    int *rc = arg;
    if (len < 2 || cmd[1] != 0x54)
        return;
    reader_sim_hook(sim, NULL, NULL);
    reader_sim_latency(
        sim, 250); /* the debit takes its time: the copy is done before the answer comes */
    *rc = city_side_start(&twin);
}

static CO_FN int run_twins(void *arg)
{
    (void)arg;
    int rc = city_side_start(&a);
    if (rc == 0)
        rc = city_co_side_end(&a);
    return rc == 0 && twin.flow != NULL ? city_co_side_end(&twin) : rc;
}

static void R3_copy_of_the_chip_cannot_settle_what_runs_at_another_terminal(void **state)
{
    uint8_t *image = NULL;
    size_t len = 0;
    int rc = -1;
    (void)state;
    assert_int_equal(cardsim_new(&copy, &(struct cardsim_options){.profile = CARDSIM_PBOC}), 0);
    assert_int_equal(cardsim_state_get(c.card[0], &image, &len), 0);
    assert_int_equal(cardsim_state_set(copy, image, len), 0);
    free(image);
    reader_sim_insert(second, copy);
    struct txn_request r = city_request("payment.purchase", "shop", 500);
    city_side_init(&a, &c, c.sim, &r);
    r = city_request("payment.purchase", "lane1", 300);
    city_side_init(&twin, &c, second, &r);
    reader_sim_hook(c.sim, at_the_debit, &rc);
    assert_int_equal(loop_run_flow(c.loop, "twins", run_twins, NULL), 0);
    assert_int_equal(rc, 0);
    reader_sim_latency(c.sim, 0);
    reader_sim_remove(second);
    cardsim_free(&copy);
    assert_int_equal(twin.res.outcome, OC_REFUSED);
    assert_int_equal(twin.res.reason, OC_R_DOUBT_OPEN);
    assert_int_equal(twin.res.settled_count, 0);
    assert_int_equal(a.res.outcome, OC_POSTED);
    assert_int_equal(city_txn(&c, a.res.txn)->evidence, EV_ANSWER);
    city_agrees(&c, 0, 9500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R8_purchase_posted_at_another_terminal_is_not_charged_again),
        T(R7_cash_load_posted_at_another_terminal_is_not_loaded_again),
        T(R8_purchase_voided_at_another_terminal_goes_on_once),
        T(R7_cash_load_voided_at_another_terminal_goes_on_once),
        T(R8_ride_posted_at_another_terminal_opens_the_gate_without_a_second_fare),
        T(R8_end_that_another_terminal_found_is_told_when_the_card_stays_away),
        T(R8_arrival_of_a_torn_card_that_came_back_counts_as_served),
        T(R8_another_card_left_there_is_not_charged_and_the_wait_goes_on),
        T(R8_another_card_left_there_before_anything_moved_is_not_charged),
        T(R8_other_cards_put_down_again_and_again_do_not_end_the_wait),
        T(R3_copy_of_the_chip_cannot_settle_what_runs_at_another_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
