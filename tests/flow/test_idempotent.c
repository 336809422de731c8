/* Request numbers: the same request is answered once, whatever happened to the card in between
 * (R8). */
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

static void once(const char *service, const char *term, const char *spec, fen_t after)
{
    struct txn_request q = city_request(service, term, 500);
    q.request_no = 77;
    q.retap_ms = 3000;
    reader_sim_return_after(c.sim, 20);
    city_fault(&c, 0, spec);
    const struct txn_result *r = city_run(&c, &q);
    if (r->outcome != OC_POSTED)
        fail_msg("%s: %s %s (%s)", spec, oc_outcome_name(r->outcome), oc_reason_code(r->reason),
                 r->detail);
    int64_t id = r->txn;
    cardsim_fault_clear(c.card[0]);
    for (int i = 0; i < 2; i++) {
        r = city_run(&c, &q);
        if (r->outcome != OC_POSTED || r->txn != id)
            fail_msg("again: %s %s (%s)", oc_outcome_name(r->outcome), oc_reason_code(r->reason),
                     r->detail);
    }
    city_agrees(&c, 0, after);
}

static void R8_number_of_a_purchase_proved_after_a_retap_answers_posted(void **state)
{
    (void)state;
    once("payment.purchase", "shop", "torn-after@54", 9500);
}
static void R8_number_of_a_purchase_voided_and_done_again_answers_posted(void **state)
{
    (void)state;
    once("payment.purchase", "shop", "torn-before@54", 9500);
}
static void R8_number_of_a_load_voided_and_done_again_answers_posted(void **state)
{
    (void)state;
    once("payment.load", "desk", "torn-before@52", 10500);
}
static void R8_number_of_a_purchase_torn_before_anything_moved_answers_posted(void **state)
{
    (void)state;
    once("payment.purchase", "shop", "torn-before@50", 9500);
}

static void number_taken_over_conflicts_with_another_content(void **state)
{
    (void)state;
    once("payment.purchase", "shop", "torn-before@54", 9500);
    struct txn_request q = city_request("payment.purchase", "shop", 600);
    q.request_no = 77;
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_CONFLICT);
    city_agrees(&c, 0, 9500);
}

static int64_t doubt(struct txn_request *q, const char *spec)
{
    *q = city_request("payment.purchase", "shop", 500);
    q->request_no = 77;
    city_fault(&c, 0, spec);
    const struct txn_result *r = city_run(&c, q);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    assert_false(r->replayed);
    return r->txn;
}

/* The card left without a trace of us; the clerk asks again. */
static void number_of_a_doubt_without_its_card_answers_as_it_stands(void **state)
{
    (void)state;
    struct txn_request q;
    int64_t id = doubt(&q, "torn-after@54");
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    assert_int_equal(r->txn, id);
    assert_true(r->replayed);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, id);
    assert_true(r->replayed);
    city_agrees(&c, 0, 9500);
}

static void R3_number_of_a_doubt_with_its_card_ends_that_transaction(void **state)
{
    (void)state;
    struct txn_request q;
    int64_t id = doubt(&q, "torn-after@54");
    reader_sim_return(c.sim);
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, id);
    assert_false(r->replayed);
    city_agrees(&c, 0, 9500);
}

static void R3_number_of_a_doubt_that_came_to_nothing_is_charged_once(void **state)
{
    (void)state;
    struct txn_request q;
    int64_t id = doubt(&q, "torn-before@54");
    reader_sim_return(c.sim);
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_not_equal(r->txn, id);
    int64_t second = r->txn;
    assert_int_equal(city_txn(&c, second)->in.link, id);
    assert_int_equal(city_run(&c, &q)->txn, second);
    city_agrees(&c, 0, 9500);
}

/* Torn out again while it is asked: the doubt stays, and the next time it is settled. */
static void R3_number_of_a_doubt_torn_again_is_settled_the_next_time(void **state)
{
    (void)state;
    struct txn_request q;
    int64_t id = doubt(&q, "torn-after@54#1");
    reader_sim_return(c.sim);
    city_fault(&c, 0, "torn-before@50#1");
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    assert_int_equal(r->txn, id);
    cardsim_fault_clear(c.card[0]);
    reader_sim_return(c.sim);
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, id);
    city_agrees(&c, 0, 9500);
}

static void number_at_a_closed_terminal_answers_as_the_first_time(void **state)
{
    (void)state;
    static struct ledger_op op;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    int64_t id = city_run(&c, &q)->txn;
    memset(&op, 0, sizeof op);
    op.type = LOP_TERMINAL;
    snprintf(op.who, sizeof op.who, "test");
    snprintf(op.terminal.id, sizeof op.terminal.id, "shop");
    snprintf(op.terminal.kind, sizeof op.terminal.kind, "pos");
    snprintf(op.terminal.participant, sizeof op.terminal.participant, "shop");
    op.terminal.sam[0] = 0x10;
    op.terminal.sam[5] = 2;
    op.terminal.closed = 1;
    assert_int_equal(city_op(&c, &op), 0);
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, id);
    assert_true(r->replayed);
    assert_true(r->card[0] != '\0');
    q.request_no = 78;
    assert_int_equal(city_run(&c, &q)->reason, OC_R_NOT_OPEN);
}

/* ---- the same request at once ---- */

static struct city_side first, second;

static CO_FN int both(void *arg)
{
    (void)arg;
    int rc = city_side_start(&first);
    while (rc == 0 && list_empty(&c.env.live)) /* its intent is durable */
        rc = flow_co_sleep_ms(1);
    if (rc == 0)
        rc = city_side_start(&second);
    int one = rc == 0 ? city_co_side_end(&first) : rc;
    int two = rc == 0 ? city_co_side_end(&second) : rc;
    return one != 0 ? one : two;
}

static void R8_same_request_while_it_runs_waits_for_its_end(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    reader_sim_latency(c.sim, 40);
    city_side_init(&first, &c, c.sim, &q);
    city_side_init(&second, &c, c.sim, &q);
    assert_int_equal(loop_run_flow(c.loop, "both", both, NULL), 0);
    reader_sim_latency(c.sim, 0);
    assert_int_equal(first.res.outcome, OC_POSTED);
    assert_int_equal(second.res.outcome, OC_POSTED);
    assert_int_equal(second.res.txn, first.res.txn);
    assert_true(second.res.replayed);
    city_agrees(&c, 0, 9500);
}

/* "Refused" would be a lie: the first one is posted in the end. */
static void slow_debit(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    (void)arg;
    reader_sim_latency(sim, len > 1 && cmd[1] == 0x54 ? 5600 : 0);
}

static void R3_same_request_that_runs_for_long_is_in_doubt_and_busy(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    c.env.policy.command_ms = 8000;
    reader_sim_hook(c.sim, slow_debit, NULL);
    city_side_init(&first, &c, c.sim, &q);
    city_side_init(&second, &c, c.sim, &q);
    assert_int_equal(loop_run_flow(c.loop, "both", both, NULL), 0);
    reader_sim_hook(c.sim, NULL, NULL);
    assert_int_equal(second.res.outcome, OC_IN_DOUBT);
    assert_int_equal(second.res.reason, OC_R_BUSY);
    assert_int_equal(second.res.txn, first.res.txn);
    assert_int_equal(first.res.outcome, OC_POSTED);
    city_agrees(&c, 0, 9500);
}

/* The second one finds no row and waits for the card; then it must not say "refused". */
static CO_FN int one_early(void *arg)
{
    (void)arg;
    int rc = city_side_start(&first);
    if (rc == 0)
        rc = city_co_side_phase(&first, TXN_PHASE_CARD);
    if (rc == 0)
        rc = city_side_start(&second);
    int one = rc == 0 ? city_co_side_end(&first) : rc;
    int two = rc == 0 ? city_co_side_end(&second) : rc;
    return one != 0 ? one : two;
}

static void R3_same_request_that_found_no_card_tells_how_the_other_one_stands(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    c.env.policy.command_ms = 8000;
    reader_sim_hook(c.sim, slow_debit, NULL);
    city_side_init(&first, &c, c.sim, &q);
    city_side_init(&second, &c, c.sim, &q);
    assert_int_equal(loop_run_flow(c.loop, "both", one_early, NULL), 0);
    reader_sim_hook(c.sim, NULL, NULL);
    assert_int_equal(first.res.outcome, OC_POSTED);
    assert_int_equal(second.res.outcome, OC_POSTED);
    assert_int_equal(second.res.txn, first.res.txn);
    city_agrees(&c, 0, 9500);
}

static CO_FN int at_once(void *arg)
{
    (void)arg;
    int rc = city_side_start(&first);
    if (rc == 0)
        rc = city_side_start(&second);
    int one = rc == 0 ? city_co_side_end(&first) : rc;
    int two = rc == 0 ? city_co_side_end(&second) : rc;
    return one != 0 ? one : two;
}

static void R8_same_request_twice_at_once_is_charged_once(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    city_side_init(&first, &c, c.sim, &q);
    city_side_init(&second, &c, c.sim, &q);
    assert_int_equal(loop_run_flow(c.loop, "both", at_once, NULL), 0);
    assert_int_equal(first.res.outcome, OC_POSTED);
    assert_int_equal(second.res.outcome, OC_POSTED);
    assert_int_equal(second.res.txn, first.res.txn);
    city_agrees(&c, 0, 9500);
}

static void number_of_a_void_answers_voided_and_moves_nothing(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    city_fault(&c, 0, "torn-before@54");
    int64_t id = city_run(&c, &q)->txn;
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_VOIDED);
    assert_int_equal(r->txn, id);
    city_agrees(&c, 0, 10000);
}

static void number_beyond_all_numbers_is_refused_and_harms_nobody(void **state)
{
    const char *why = NULL;
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = INT64_MAX;
    assert_int_equal(city_run(&c, &q)->outcome, OC_REFUSED);
    assert_true(ledger_healthy(c.ledger, &why));
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 9900);
}

/* The ledger numbers a request of the API; the terminal counts up to the same number with the same content. */
static void number_that_the_ledger_allotted_is_not_the_terminals_replay(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    int64_t number = city_txn(&c, r->txn)->in.request_no;
    assert_true(number > 0);
    q = city_request("payment.purchase", "shop", 500);
    q.request_no = number;
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_CONFLICT);
    assert_false(r->replayed);
    city_agrees(&c, 0, 9500);
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R8_number_of_a_purchase_proved_after_a_retap_answers_posted),
        T(R8_number_of_a_purchase_voided_and_done_again_answers_posted),
        T(R8_number_of_a_load_voided_and_done_again_answers_posted),
        T(R8_number_of_a_purchase_torn_before_anything_moved_answers_posted),
        T(number_taken_over_conflicts_with_another_content),
        T(number_of_a_doubt_without_its_card_answers_as_it_stands),
        T(R3_number_of_a_doubt_with_its_card_ends_that_transaction),
        T(R3_number_of_a_doubt_that_came_to_nothing_is_charged_once),
        T(R3_number_of_a_doubt_torn_again_is_settled_the_next_time),
        T(number_at_a_closed_terminal_answers_as_the_first_time),
        T(R8_same_request_while_it_runs_waits_for_its_end),
        T(R3_same_request_that_runs_for_long_is_in_doubt_and_busy),
        T(R3_same_request_that_found_no_card_tells_how_the_other_one_stands),
        T(R8_same_request_twice_at_once_is_charged_once),
        T(number_of_a_void_answers_voided_and_moves_nothing),
        T(number_that_the_ledger_allotted_is_not_the_terminals_replay),
        T(number_beyond_all_numbers_is_refused_and_harms_nobody),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_profile(CARDSIM_PBOC, "pboc-ep") + run_profile(CARDSIM_TUNION, "tunion");
}
