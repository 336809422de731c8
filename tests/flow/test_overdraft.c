/* T-Union cards that are overdrawn: INITIALIZE shows nothing, GET BALANCE and the TAC know better
 * (R1, R3). */
#include "city.h"

#include <string.h>

static struct city c;

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_TUNION, "tunion");
    reader_sim_insert(c.sim, c.card[0]);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

/* The card comes with that on it, and may be overdrawn by ten yuan. */
static void holds(fen_t fen)
{
    struct cardsim_status s;
    cardsim_status(c.card[0], &s);
    assert_int_equal(cardsim_purse_set(c.card[0], fen, 1000, s.online, s.offline), 0);
    const struct txn_result *r = city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(r->balance, fen);
    city_agrees(&c, 0, fen);
}

static void R1_overdrawn_card_brings_its_debt_along(void **state)
{
    (void)state;
    holds(-50);
}

static void R1_load_onto_an_overdrawn_card_is_posted(void **state)
{
    (void)state;
    holds(-50);
    const struct txn_result *r = city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
    assert_int_equal(r->balance, 950);
    city_agrees(&c, 0, 950);
}

static void R1_load_that_does_not_lift_the_card_above_zero_is_posted(void **state)
{
    (void)state;
    holds(-800);
    assert_int_equal(city_do(&c, "payment.load", 300, OC_POSTED, OC_R_NONE)->balance, -500);
    assert_int_equal(city_do(&c, "payment.load", 500, OC_POSTED, OC_R_NONE)->balance, 0);
    city_agrees(&c, 0, 0);
}

static void R3_load_onto_an_overdrawn_card_answer_lost_then_proved_is_posted(void **state)
{
    (void)state;
    holds(-50);
    city_fault(&c, 0, "torn-after@52");
    int64_t id = city_do(&c, "payment.load", 1000, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    assert_int_equal(city_look(&c, 0)->balance, 950);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, id)->evidence, EV_PROVE);
    city_agrees(&c, 0, 950);
}

static void R3_load_onto_an_overdrawn_card_that_never_happened_is_voided(void **state)
{
    (void)state;
    holds(-50);
    city_fault(&c, 0, "torn-before@52");
    int64_t id = city_do(&c, "payment.load", 1000, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    assert_int_equal(city_look(&c, 0)->balance, -50);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
    city_agrees(&c, 0, -50);
}

static void R1_ride_into_overdraft_is_posted_and_raises_no_alarm(void **state)
{
    (void)state;
    holds(100);
    const struct txn_result *r = city_tap(&c, 0, 0);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->balance, -100);
    city_agrees(&c, 0, -100);
}

static void R1_ride_torn_into_overdraft_is_one_ride(void **state)
{
    static const char *const tears[] = {"torn-after@54", "torn-before@54"};
    (void)state;
    holds(100);
    reader_sim_return_after(c.sim, 20);
    for (int i = 0; i < 2; i++) {
        city_fault(&c, 0, tears[i]);
        const struct txn_result *r = city_tap(&c, 0, 3000);
        assert_int_equal(r->outcome, OC_POSTED);
        assert_int_equal(r->balance, -100 - 200 * i);
        cardsim_fault_clear(c.card[0]);
        city_agrees(&c, 0, -100 - 200 * i);
    }
}

static void R1_purchases_of_an_overdrawn_card_agree_to_the_fen(void **state)
{
    (void)state;
    holds(100);
    for (int i = 1; i <= 3; i++) {
        struct txn_request q = city_request("payment.purchase", "shop", 150);
        const struct txn_result *r = city_run(&c, &q);
        if (r->outcome == OC_IN_DOUBT)
            fail_msg("purchase %d in doubt: %s", i, r->detail);
        city_agrees(&c, 0, city_chip(&c, 0));
    }
    assert_true(city_chip(&c, 0) < 0);
    city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, city_chip(&c, 0));
}

static void R1_debit_beyond_the_overdraft_is_refused_by_the_chip(void **state)
{
    (void)state;
    holds(-950);
    const struct txn_result *r = city_tap(&c, 0, 0);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_INSUFFICIENT);
    city_agrees(&c, 0, -950);
}

static void R1_money_missing_from_an_overdrawn_card_raises_an_alarm(void **state)
{
    struct cardsim_status s;
    (void)state;
    holds(-50);
    cardsim_status(c.card[0], &s);
    assert_int_equal(cardsim_purse_set(c.card[0], -150, 1000, s.online, s.offline), 0);
    city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
    assert_int_not_equal(city_card_row(&c, 0)->alarm, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R1_overdrawn_card_brings_its_debt_along),
        T(R1_load_onto_an_overdrawn_card_is_posted),
        T(R1_load_that_does_not_lift_the_card_above_zero_is_posted),
        T(R3_load_onto_an_overdrawn_card_answer_lost_then_proved_is_posted),
        T(R3_load_onto_an_overdrawn_card_that_never_happened_is_voided),
        T(R1_ride_into_overdraft_is_posted_and_raises_no_alarm),
        T(R1_ride_torn_into_overdraft_is_one_ride),
        T(R1_purchases_of_an_overdrawn_card_agree_to_the_fen),
        T(R1_debit_beyond_the_overdraft_is_refused_by_the_chip),
        T(R1_money_missing_from_an_overdrawn_card_raises_an_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
