/* Rides by CAPP over whole dialogues: fares, concessions, the journey record, free rides, gates (R3, R8, R14, R17). */
#include "city.h"

#include <string.h>

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

static int setup(void **state)
{
    (void)state;
    city_open(&c, kind, profile);
    for (int i = 0; i < 2; i++) {
        reader_sim_insert(c.sim, c.card[i]);
        city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
        reader_sim_remove(c.sim);
    }
    return 0;
}
static int setup_free(void **state)
{
    city_student_pays = "free";
    int rc = setup(state);
    city_student_pays = "50%";
    return rc;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}
static void fault(int card, const char *spec)
{
    assert_int_equal(cardsim_fault_add(c.card[card], spec), 0);
}

/* One arrival at the gate of the bus. */
static struct txn_result *tap(int card, int64_t retap_ms)
{
    struct txn_request q = city_request("transit.ride", "bus", 0);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[card]);
    q.gate = true;
    q.arrival = reader_sim_reader(c.sim)->arrival;
    q.retap_ms = retap_ms;
    return city_run(&c, &q);
}

static void R14_adult_pays_the_full_fare(void **state)
{
    (void)state;
    const struct txn_result *r = tap(0, 0);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->amount, 200);
    const struct txn_row *row = city_txn(&c, r->txn);
    assert_int_equal(row->in.card_type, 0x09);
    assert_true(row->in.capp_len > 0);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "bus")->credits_posted, 200);
    city_agrees(&c, 0, 800);
}

static void R14_student_pays_a_part_and_the_bearer_the_rest(void **state)
{
    (void)state;
    const struct txn_result *r = tap(1, 0);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->amount, 100);
    assert_int_equal(r->gross, 200);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "bus")->credits_posted, 200);
    city_agrees(&c, 1, 900);
}

static void ride_answer_lost_then_proved_is_that_ride_and_no_second_fare(void **state)
{
    (void)state;
    fault(0, "torn-after@54");
    const struct txn_result *r = tap(0, 0);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    int64_t id = r->txn;
    r = tap(0, 0);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, id);
    city_agrees(&c, 0, 800);
}

static void R8_ride_torn_before_the_debit_is_charged_once(void **state)
{
    (void)state;
    fault(0, "torn-before@54");
    assert_int_equal(tap(0, 0)->outcome, OC_IN_DOUBT);
    assert_int_equal(tap(0, 0)->outcome, OC_POSTED);
    city_agrees(&c, 0, 800);
}

static void torn_at_each_command_and_put_back_is_one_ride(void **state)
{
    static const char *const where[] = {"A4", "B0", "50", "DC", "54", "CA"};
    char spec[32];
    (void)state;
    fen_t left = 1000;
    reader_sim_return_after(c.sim, 30);
    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        for (int after = 0; after < 2; after++) {
            snprintf(spec, sizeof spec, "torn-%s@%s", after ? "after" : "before", where[i]);
            fault(0, spec);
            if (left < 200) {
                city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
                left += 1000;
            }
            const struct txn_result *r = tap(0, 3000);
            if (r->outcome != OC_POSTED)
                fail_msg("%s: %s %s %s", spec, oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail);
            left -= 200;
            cardsim_fault_clear(c.card[0]);
            city_agrees(&c, 0, left);
        }
        if (left < 400) {
            reader_sim_remove(c.sim);
            reader_sim_insert(c.sim, c.card[0]);
            city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
            left += 1000;
        }
    }
}

static void not_enough_on_the_card_is_refused(void **state)
{
    (void)state;
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.purchase", 900, OC_POSTED, OC_R_NONE);
    const struct txn_result *r = tap(0, 0);
    assert_int_equal(r->reason, OC_R_INSUFFICIENT);
    city_agrees(&c, 0, 100);
}

static void R3_free_ride_whose_answer_was_lost_is_read_back_from_its_record(void **state)
{
    (void)state;
    fault(1, "torn-after@54");
    const struct txn_result *r = tap(1, 0);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    int64_t id = r->txn;
    r = tap(1, 0);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_int_equal(r->txn, id);
    assert_int_equal(city_txn(&c, id)->evidence, EV_CAPP_RECORD);
    assert_int_equal(city_account(&c, ACCT_BEARER, "treasury")->debits_posted, 200);
    city_agrees(&c, 1, 1000);
}

static void R3_free_ride_that_never_happened_is_voided(void **state)
{
    (void)state;
    fault(1, "torn-before@54");
    int64_t id = tap(1, 0)->txn;
    reader_sim_return(c.sim);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
    assert_int_equal(city_account(&c, ACCT_BEARER, "treasury")->debits_pending, 0);
    city_agrees(&c, 1, 1000);
}

static void R1_a_debit_elsewhere_after_a_free_ride_is_awaited(void **state)
{
    (void)state;
    assert_int_equal(tap(1, 0)->outcome, OC_POSTED);
    (void)city_elsewhere(&c, 1, "payment.purchase", 100);
    assert_int_equal(tap(1, 0)->outcome, OC_POSTED);
    assert_int_equal(city_card_row(&c, 1)->awaiting, 1);
    assert_int_equal(city_card_row(&c, 1)->alarm, ALARM_NONE);
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define F(name) cmocka_unit_test_setup_teardown(name, setup_free, teardown)
        T(R14_adult_pays_the_full_fare),
        T(R14_student_pays_a_part_and_the_bearer_the_rest),
        T(ride_answer_lost_then_proved_is_that_ride_and_no_second_fare),
        T(R8_ride_torn_before_the_debit_is_charged_once),
        T(torn_at_each_command_and_put_back_is_one_ride),
        T(not_enough_on_the_card_is_refused),
        F(R3_free_ride_whose_answer_was_lost_is_read_back_from_its_record),
        F(R3_free_ride_that_never_happened_is_voided),
        F(R1_a_debit_elsewhere_after_a_free_ride_is_awaited),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_profile(CARDSIM_MOHURD, "mohurd") + run_profile(CARDSIM_PBOC, "pboc-ep") + run_profile(CARDSIM_TUNION, "tunion");
}
