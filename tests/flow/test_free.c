/* CAPP purchases of nothing share their counter with the next transaction (R16): only the record on
 * the card tells (R3). */
#include "city.h"

#include <string.h>

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

/* Student (card 1) rides free; one ride has been made, so that the card has a journey record. */
static int setup(void **state)
{
    (void)state;
    city_student_pays = "free";
    city_open(&c, kind, profile);
    reader_sim_insert(c.sim, c.card[1]);
    city_do(&c, "payment.load", 1000, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_tap(&c, 1, 0)->outcome, OC_POSTED);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_student_pays = "50%";
    city_close(&c);
    return 0;
}

static int64_t lose(const char *spec)
{
    city_fault(&c, 1, spec);
    const struct txn_result *r = city_tap(&c, 1, 0);
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    return r->txn;
}

static void expect(int64_t txn, enum oc_txn_state state, enum evidence evidence, fen_t treasury)
{
    const struct txn_row *row = city_txn(&c, txn);
    if (row->state != state || row->evidence != evidence)
        fail_msg("%s by %s (%s)", oc_txn_state_name((enum oc_txn_state)row->state),
                 evidence_name((enum evidence)row->evidence), row->note);
    assert_int_equal(city_account(&c, ACCT_BEARER, "treasury")->debits_posted, treasury);
    assert_int_equal(city_card_row(&c, 1)->open_txn, state == OC_TXN_IN_DOUBT ? txn : 0);
}

static void R3_counter_used_by_a_purchase_elsewhere_and_our_record_is_there_is_posted(void **state)
{
    (void)state;
    int64_t id = lose("torn-after@54");
    city_elsewhere(&c, 1, "payment.purchase", 100);
    assert_int_equal(city_look(&c, 1)->outcome, OC_POSTED);
    expect(id, OC_TXN_POSTED, EV_CAPP_RECORD, 400);
    assert_int_equal(city_card_row(&c, 1)->alarm, 0);
}

static void R3_counter_used_elsewhere_and_the_record_as_before_is_voided(void **state)
{
    (void)state;
    int64_t id = lose("torn-before@54");
    city_elsewhere(&c, 1, "payment.purchase", 100);
    assert_int_equal(city_look(&c, 1)->outcome, OC_POSTED);
    expect(id, OC_TXN_VOIDED, EV_CAPP_RECORD, 200);
}

static void R3_record_overwritten_elsewhere_stays_in_doubt(void **state)
{
    static const char *const lost[] = {"torn-after@54", "torn-before@54"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        int64_t id = lose(lost[i]);
        city_elsewhere(&c, 1, "transit.ride", 0);
        (void)city_look(&c, 1);
        expect(id, OC_TXN_IN_DOUBT, EV_NONE, 200);
        assert_int_equal(
            city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_DOUBT_OPEN)->settled_count, 0);
    }
}

static void R3_record_that_cannot_be_read_back_stays_in_doubt(void **state)
{
    static const char *const refusals[] = {"sw:6A83@B2!", "sw:6A82@B2!", "sw:6981@B2!",
                                           "sw:6985@B2!"};
    (void)state;
    int64_t id = lose("torn-after@54");
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        city_fault(&c, 1, refusals[i]);
        (void)city_look(&c, 1);
        expect(id, OC_TXN_IN_DOUBT, EV_NONE, 200);
        cardsim_fault_clear(c.card[1]);
    }
    assert_int_equal(city_look(&c, 1)->outcome, OC_POSTED);
    expect(id, OC_TXN_POSTED, EV_CAPP_RECORD, 400);
    city_agrees(&c, 1, 1000);
}

static void R5_record_behind_a_wrong_tac_never_posts(void **state)
{
    (void)state;
    city_fault(&c, 1, "no-prove");
    int64_t id = lose("wrong-tac");
    assert_int_equal(city_txn(&c, id)->suspense, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(city_tap(&c, 1, 0)->outcome, OC_POSTED);
        expect(id, OC_TXN_IN_DOUBT, EV_NONE, 200);
        assert_int_equal(city_txn(&c, id)->suspense, 1);
    }
}

static void R3_ride_that_never_happened_is_voided_by_its_record(void **state)
{
    (void)state;
    int64_t id = lose("torn-before@54");
    assert_int_equal(city_look(&c, 1)->outcome, OC_POSTED);
    expect(id, OC_TXN_VOIDED, EV_CAPP_RECORD, 200);
    city_agrees(&c, 1, 1000);
}

static void R3_first_ride_that_never_happened_is_voided_by_the_missing_record(void **state)
{
    (void)state;
    teardown(state);
    city_student_pays = "free";
    city_open(&c, kind, profile);
    int64_t id = lose("torn-before@54");
    assert_int_equal(city_look(&c, 1)->outcome, OC_POSTED);
    expect(id, OC_TXN_VOIDED, EV_CAPP_RECORD, 0);
    id = lose("torn-after@54");
    assert_int_equal(city_look(&c, 1)->outcome, OC_POSTED);
    expect(id, OC_TXN_POSTED, EV_CAPP_RECORD, 200);
    city_agrees(&c, 1, 0);
}

/* A second ride (a companion's) within the second writes the very record that lies there already:
 * it tells nothing. */
static void R3_record_like_the_one_before_proves_nothing(void **state)
{
    (void)state;
    c.clock.stopped_ms = clock_wall_ms(&c.clock.clock) + 5000;
    assert_int_equal(city_tap(&c, 1, 0)->outcome, OC_POSTED);
    int64_t id = lose("torn-before@54");
    c.clock.stopped_ms = 0;
    (void)city_look(&c, 1);
    const struct txn_row *row = city_txn(&c, id);
    assert_int_not_equal(row->state, OC_TXN_POSTED);
    assert_int_equal(city_account(&c, ACCT_BEARER, "treasury")->debits_posted, 400);
}

static void R8_free_ride_torn_and_put_back_is_one_ride(void **state)
{
    static const char *const tears[] = {"torn-after@54", "torn-before@54", "torn-after@DC",
                                        "torn-before@50", "torn-after@50"};
    fen_t treasury = 200;
    (void)state;
    reader_sim_return_after(c.sim, 20);
    for (size_t i = 0; i < ARRAY_LEN(tears); i++) {
        city_fault(&c, 1, tears[i]);
        const struct txn_result *r = city_tap(&c, 1, 3000);
        if (r->outcome != OC_POSTED)
            fail_msg("%s: %s %s", tears[i], oc_outcome_name(r->outcome), r->detail);
        cardsim_fault_clear(c.card[1]);
        treasury += 200;
        assert_int_equal(city_account(&c, ACCT_BEARER, "treasury")->debits_posted, treasury);
        city_agrees(&c, 1, 1000);
    }
}

static void R1_free_rides_that_move_the_counter_after_all_await_nothing(void **state)
{
    struct cardsim_status s;
    (void)state;
    cardsim_options(c.card[1])->capp_zero_moves = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(city_tap(&c, 1, 0)->outcome, OC_POSTED);
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 1, 900);
    /* Nothing is awaited, so money that vanishes from the chip without a gap is noticed. */
    cardsim_status(c.card[1], &s);
    assert_int_equal(cardsim_purse_set(c.card[1], 300, 0, s.online, s.offline), 0);
    city_do(&c, "payment.purchase", 1, OC_POSTED, OC_R_NONE);
    assert_int_not_equal(city_card_row(&c, 1)->alarm, 0);
}

/* Let in for nothing here, debited elsewhere, and seen here again before the record comes. */
static void R1_R16_a_debit_elsewhere_after_a_free_ride_is_awaited_and_paid(void **state)
{
    static struct ledger_op op;
    (void)state;
    struct txn_row row = *city_elsewhere(&c, 1, "payment.purchase", 300);
    reader_sim_insert(c.sim, c.card[1]);
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_card_row(&c, 1)->awaiting, 1);
    assert_int_equal(city_card_row(&c, 1)->alarm, 0);
    city_record(&op, &row);
    assert_int_equal(city_bring(&c, &op), 0);
    assert_int_equal(op.offline.result, OFFLINE_POSTED);
    assert_int_equal(city_card_row(&c, 1)->awaiting, 0);
    city_agrees(&c, 1, 600);
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R3_counter_used_by_a_purchase_elsewhere_and_our_record_is_there_is_posted),
        T(R3_counter_used_elsewhere_and_the_record_as_before_is_voided),
        T(R3_record_overwritten_elsewhere_stays_in_doubt),
        T(R3_record_that_cannot_be_read_back_stays_in_doubt),
        T(R5_record_behind_a_wrong_tac_never_posts),
        T(R3_ride_that_never_happened_is_voided_by_its_record),
        T(R3_first_ride_that_never_happened_is_voided_by_the_missing_record),
        T(R3_record_like_the_one_before_proves_nothing),
        T(R8_free_ride_torn_and_put_back_is_one_ride),
        T(R1_free_rides_that_move_the_counter_after_all_await_nothing),
        T(R1_R16_a_debit_elsewhere_after_a_free_ride_is_awaited_and_paid),
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
