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

static void number_of_a_doubt_answers_as_it_stands(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 77;
    city_fault(&c, 0, "torn-after@54");
    const struct txn_result *r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    int64_t id = r->txn;
    reader_sim_return(c.sim);
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    assert_int_equal(r->txn, id);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, id);
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

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R8_number_of_a_purchase_proved_after_a_retap_answers_posted),
        T(R8_number_of_a_purchase_voided_and_done_again_answers_posted),
        T(R8_number_of_a_load_voided_and_done_again_answers_posted),
        T(R8_number_of_a_purchase_torn_before_anything_moved_answers_posted),
        T(number_taken_over_conflicts_with_another_content),
        T(number_of_a_doubt_answers_as_it_stands),
        T(number_of_a_void_answers_voided_and_moves_nothing),
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
