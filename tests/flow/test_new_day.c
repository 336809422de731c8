/* The first request of a new date and the clearing day before it. */
#include "city.h"

static struct city c;
static unsigned asked;
static int verdict;

static int co_new_day(void *night) CO_FN;
static int co_new_day(void *night)
{
    asked += night == &c;
    return verdict;
}

static int set_up(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    c.env.co_new_day = co_new_day;
    c.env.night = &c;
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 5000, OC_POSTED, OC_R_NONE);
    asked = 0;
    verdict = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static void nobody_is_asked_on_the_open_day(void **state)
{
    (void)state;
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    assert_int_equal(asked, 0);
}

static void R11_a_request_of_a_later_date_has_the_day_closed_first(void **state)
{
    (void)state;
    c.clock.ahead_ms += MS_PER_DAY;
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    assert_int_equal(asked, 1);
}

static void R11_a_day_that_cannot_be_closed_refuses_what_comes_after_it(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 100);
    q.request_no = 70;
    city_run(&c, &q);
    c.clock.ahead_ms += MS_PER_DAY;
    verdict = OC_EDB;
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_STORE);
    assert_int_equal(asked, 1);
    assert_int_equal(city_chip(&c, 0), 4900);
    const struct txn_result *r = city_run(&c, &q); /* what is known already is told all the same */
    assert_int_equal(r->outcome, OC_POSTED);
    assert_true(r->replayed);
    assert_int_equal(asked, 1);
}

static void R11_a_second_attempt_on_a_later_date_tells_its_own(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 100);
    q.request_no = 71;
    city_fault(&c, 0, "torn-before@54");
    const struct txn_result *r = city_run(&c, &q);
    int64_t first = r->txn;
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    reader_sim_insert(c.sim, c.card[0]);
    c.clock.ahead_ms += MS_PER_DAY;
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_true(r->txn != first);
    date_t told = r->business_date;
    assert_int_equal(city_txn(&c, first)->state, OC_TXN_VOIDED);
    assert_int_equal(city_txn(&c, r->txn)->in.business_date, told);
    assert_int_equal(city_txn(&c, first)->in.business_date, date_add(told, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_asked_on_the_open_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(R11_a_request_of_a_later_date_has_the_day_closed_first,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(R11_a_second_attempt_on_a_later_date_tells_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(R11_a_day_that_cannot_be_closed_refuses_what_comes_after_it,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
