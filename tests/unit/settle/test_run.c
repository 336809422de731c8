/* Runs: what is published, when, and what is not. */
#include "city.h"

#define DAY1 FIXTURE_DAY
#define DAY2 date_add(DAY1, 1)
#define DAY3 date_add(DAY1, 2)

static int purchase(struct city *c, unsigned card, fen_t amount, enum oc_txn_state to)
{
    ROLE_ENTER_WORKER();
    (void)fixture_purchase(&c->f, card, amount);
    return fixture_run(&c->f, card, to) ? 0 : OC_ESTATE;
}

static void empty_day_settles_with_zeros_for_each_participant(void **state)
{
    struct city *c = *state;
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(city_close_day(c, DAY2), 0);
    assert_int_equal(city_run(c, DAY2), 0);
    assert_int_equal(c->rep.postings, 0);
    assert_int_equal(c->rep.participants, 2);
    assert_true(c->rep.recorded);
    assert_true(c->rep.purses_checked);
    assert_string_equal(
        city_read(c, "@2/summary.csv"),
        "participant,service,postings,elsewhere,gross_yuan,borne_yuan,net_yuan,merchant_yuan,"
        "load_receivable_yuan,position_yuan\r\n"
        "P1,(all),0,0,0.00,0.00,0.00,0.00,0.00,0.00\r\n"
        "P2,(all),0,0,0.00,0.00,0.00,0.00,0.00,0.00\r\n"
        "(all),(all),0,0,0.00,0.00,0.00,0.00,0.00,0.00\r\n");
    assert_non_null(strstr(city_read(c, "@2/P1.csv"), "business_date,clearing_date,txn"));
    assert_int_equal(city_verify(c, DAY2), 0);
    assert_int_equal(c->rep.faults, 0);
}

static void R19_float_rolls_forward(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    (void)fixture_load(&c->f, 0, 1000);
    assert_true(fixture_run(&c->f, 0, OC_TXN_POSTED) != 0);
    assert_int_equal(purchase(c, 0, 250, OC_TXN_POSTED), 0);
    assert_int_equal(purchase(c, 0, 70, OC_TXN_VOIDED), 0);
    assert_int_equal(purchase(c, 1, 30, OC_TXN_IN_DOUBT), 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_string_equal(city_read(c, "@1/float.csv"), "item,count,amount_yuan\r\n"
                                                      "opening,,0.00\r\n"
                                                      "loads,,10.00\r\n"
                                                      "purchases,,-2.50\r\n"
                                                      "adjustments,,70.00\r\n"
                                                      "closing,,77.50\r\n"
                                                      "postings,2,7.50\r\n"
                                                      "difference,,0.00\r\n"
                                                      "doubts_loads,0,0.00\r\n"
                                                      "doubts_purchases,1,-0.30\r\n"
                                                      "oldest_doubt_minutes,1,\r\n");
    assert_int_equal(c->rep.doubts, 1);
    assert_int_equal(c->rep.from_postings, 750);
}

static void R14_concession_is_shown_with_its_bearer(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    assert_int_equal(purchase(c, 1, 500, OC_TXN_POSTED), 0);
    (void)city_ride(c, 0, 200, 120);
    assert_true(fixture_run(&c->f, 0, OC_TXN_POSTED) != 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(c->rep.gross, 700);
    assert_int_equal(c->rep.borne, 120);
    assert_int_equal(c->rep.net, 580);
    const char *ride = city_read(c, "@1/P2.csv");
    assert_non_null(strstr(ride, ",*****00,1111111111111111,T3,000000000003,"));
    assert_non_null(
        strstr(ride, ",100,capp,transit.ride,2.00,treasury,1.20,0.80,ok,answer,,P2,2.00\r\n"));
    assert_null(strstr(ride, "8800000"));
    const char *sum = city_read(c, "@1/summary.csv");
    assert_non_null(strstr(sum, "P1,payment.purchase,1,0,5.00,0.00,5.00,5.00,0.00,5.00\r\n"));
    assert_non_null(strstr(sum, "P2,transit.ride,1,0,2.00,1.20,0.80,2.00,0.00,2.00\r\n"));
    assert_non_null(strstr(sum, "(all),(all),2,0,7.00,1.20,5.80,7.00,0.00,7.00\r\n"));
}

static void R6_refund_at_anothers_desk_stands_with_both(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    (void)city_ride(c, 0, 200, 0);
    int64_t ride = fixture_run(&c->f, 0, OC_TXN_POSTED);
    assert_true(ride != 0);
    struct op_intent *in = fixture_refund(&c->f, 0, ride, 150);
    memcpy(in->legs[0].owner, "P2", 3);
    assert_true(fixture_run(&c->f, 0, OC_TXN_POSTED) != 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(city_run(c, DAY1), 0);
    const char *sum = city_read(c, "@1/summary.csv");
    assert_non_null(strstr(sum, "P1,payment.refund,1,0,-1.50,0.00,-1.50,0.00,0.00,0.00\r\n"));
    assert_non_null(strstr(sum, "P2,payment.refund,0,1,0.00,0.00,0.00,-1.50,0.00,-1.50\r\n"));
    assert_non_null(strstr(sum, "P2,(all),1,1,2.00,0.00,2.00,0.50,0.00,0.50\r\n"));
    assert_non_null(strstr(city_read(c, "@1/P2.csv"), ",P1,-1.50\r\n"));
}

static void R11_same_day_again_gives_the_same_bytes(void **state)
{
    struct city *c = *state;
    uint8_t first[SHA256_LEN];
    assert_int_equal(purchase(c, 0, 250, OC_TXN_POSTED), 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_false(c->rep.already);
    memcpy(first, c->rep.manifest_sha256, sizeof first);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_true(c->rep.already);
    city_forget(c, "@1");
    assert_int_equal(city_run(c, DAY1), 0);
    assert_false(c->rep.already);
    assert_memory_equal(c->rep.manifest_sha256, first, sizeof first);
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_int_equal(c->rep.faults, 0);
}

/* The doubt ends as `to`, a day late; the closed day's files stay, whenever they are made. */
static void doubt_ends_late(struct city *c, enum oc_txn_state to)
{
    ROLE_ENTER_WORKER();
    uint8_t first[SHA256_LEN];
    (void)fixture_purchase(&c->f, 0, 70);
    int64_t txn = fixture_run(&c->f, 0, OC_TXN_IN_DOUBT);
    assert_true(txn != 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(c->rep.doubts, 1);
    memcpy(first, c->rep.manifest_sha256, sizeof first);
    (void)fixture_outcome(&c->f, txn, to, to == OC_TXN_POSTED ? EV_PROVE : EV_COUNTER);
    assert_int_equal(fixture_do(&c->f), 0);
    assert_int_equal(city_verify(c, DAY1), 0);
    assert_int_equal(c->rep.faults, 0);
    assert_int_equal(city_close_day(c, DAY2), 0);
    assert_int_equal(city_run(c, DAY2), 0);
    assert_int_equal(c->rep.doubts, 0);
    assert_int_equal(c->rep.postings, to == OC_TXN_POSTED);
    city_forget(c, "@1");
    assert_int_equal(city_run(c, DAY1), 0);
    assert_memory_equal(c->rep.manifest_sha256, first, sizeof first);
}

static void R11_doubt_that_posts_late_leaves_the_closed_day_alone(void **state)
{
    struct city *c = *state;
    char expect[64];
    doubt_ends_late(c, OC_TXN_POSTED);
    assert_non_null(strstr(city_read(c, "@2/P1.csv"), city_days("\r\n@1,@2,", expect)));
    assert_null(strstr(city_read(c, "@1/P1.csv"), "payment.purchase"));
}

static void R11_doubt_that_is_voided_late_leaves_the_closed_day_alone(void **state)
{
    doubt_ends_late(*state, OC_TXN_VOIDED);
}

/* Both wait for an institution when the day closes. */
static void R11_plan_that_waits_is_listed_and_a_note_that_moves_nothing_is_not(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct op_intent *in = fixture_refund(&c->f, 0, 0, 250);
        in->refund = 0;
        in->card = 0;
        in->plan_kind = i ? OC_PLAN_ACCOUNT : OC_PLAN_NOTE;
        in->amount = in->gross = i ? 250 : 0;
        in->leg_count = i ? 2 : 0;
        in->legs[0] = (struct leg){.kind = ACCT_FUND, .owner = "F", .amount = -250};
        in->legs[1] = (struct leg){.kind = ACCT_MERCHANT, .owner = "P1", .amount = 250};
        (void)snprintf(in->service, sizeof in->service, i ? "medical.settle" : "medical.register");
        (void)snprintf(in->hold.to, sizeof in->hold.to, "P2");
        (void)snprintf(in->hold.kind, sizeof in->hold.kind, "settle");
        in->hold.doc = in->hold.expect = (struct op_doc){"{}", 2};
        assert_int_equal(fixture_do(&c->f), 0);
    }
    assert_int_equal(city_close_day(c, FIXTURE_DAY), 0);
    assert_int_equal(city_run(c, FIXTURE_DAY), 0);
    assert_int_equal(c->rep.doubts, 1);
    assert_int_equal(c->rep.doubts_amount, 250);
    assert_non_null(strstr(city_read(c, "@1/doubts.csv"), ",account,medical.settle,2.50\r\n"));
    assert_null(strstr(city_read(c, "@1/doubts.csv"), "medical.register"));
    assert_int_equal(city_verify(c, FIXTURE_DAY), 0);
    assert_int_equal(c->rep.faults, 0);
}

static void R11_old_doubt_is_listed_each_day_with_its_age(void **state)
{
    struct city *c = *state;
    uint8_t day3[SHA256_LEN];
    char expect[64];
    assert_int_equal(purchase(c, 0, 70, OC_TXN_IN_DOUBT), 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(purchase(c, 1, 60, OC_TXN_IN_DOUBT), 0);
    assert_int_equal(city_close_day(c, DAY2), 0);
    assert_int_equal(city_close_day(c, DAY3), 0);
    for (date_t d = DAY1; d <= DAY3; d = date_add(d, 1))
        assert_int_equal(city_run(c, d), 0);
    assert_int_equal(c->rep.doubts, 2);
    assert_int_equal(c->rep.doubts_amount, 130);
    assert_int_equal(c->rep.oldest_doubt_ms, (1 + 2 * 121) * 60000);
    memcpy(day3, c->rep.manifest_sha256, sizeof day3);
    assert_non_null(
        strstr(city_read(c, "@3/doubts.csv"), city_days(",@1,@1 10:00:00,243,P1,", expect)));
    /* without yesterday's list the whole history is read: the same */
    city_forget(c, "@2");
    city_forget(c, "@3");
    assert_int_equal(city_run(c, DAY3), 0);
    assert_memory_equal(c->rep.manifest_sha256, day3, sizeof day3);
}

static void many_postings_are_read_page_by_page(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    for (unsigned i = 0; i < 150; i++)
        assert_int_equal(purchase(c, 0, 1 + i % 3, OC_TXN_POSTED), 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(c->rep.postings, 150);
    assert_int_equal(c->rep.gross, 300);
    assert_true(c->progress >= 3);
}

static void cancelled_run_leaves_nothing_visible(void **state)
{
    struct city *c = *state;
    assert_int_equal(purchase(c, 0, 70, OC_TXN_POSTED), 0);
    assert_int_equal(city_close_day(c, DAY1), 0);
    c->progress_cancel = 1;
    assert_int_equal(city_run(c, DAY1), OC_ECANCELED);
    assert_false(city_there(c, "@1"));
    assert_false(city_there(c, ".@1.tmp"));
    assert_int_equal(city_run(c, DAY1), 0);
}

static void open_day_is_only_previewed_and_never_recorded(void **state)
{
    struct city *c = *state;
    assert_int_equal(purchase(c, 0, 70, OC_TXN_POSTED), 0);
    assert_int_equal(city_run(c, DAY1), OC_ESTATE);
    assert_non_null(strstr(c->rep.first_fault, "still open"));
    assert_int_equal(city_preview(c, DAY1), 0);
    assert_int_equal(c->rep.postings, 1);
    assert_false(c->rep.recorded);
    assert_int_equal(purchase(c, 0, 80, OC_TXN_POSTED), 0);
    assert_int_equal(purchase(c, 1, 90, OC_TXN_IN_DOUBT), 0);
    assert_int_equal(city_preview(c, DAY1), 0);
    assert_int_equal(c->rep.postings, 2);
    assert_int_equal(c->rep.doubts, 1);
    assert_non_null(strstr(city_read(c, "@1.preview/manifest.json"), "\"preview\": true"));
    assert_false(city_there(c, "@1"));
    assert_false(city_there(c, ".@1.preview.tmp"));
    assert_int_equal(city_verify(c, DAY1), OC_ESTATE);
}

static void days_that_never_were_are_refused_clearly(void **state)
{
    struct city *c = *state;
    assert_int_equal(city_run(c, date_add(DAY1, 99)), OC_ENOENT);
    assert_non_null(strstr(c->rep.first_fault, "lies ahead"));
    assert_int_equal(city_preview(c, DAY2), OC_ENOENT);
    assert_int_equal(city_run(c, date_add(DAY1, -99)), OC_ENOENT);
    assert_non_null(strstr(c->rep.first_fault, "never"));
    assert_int_equal(city_run(c, 20261399), OC_EINVAL);
    assert_false(city_there(c, "."));
}

static void due_days_are_the_oldest_closed_and_unsettled(void **state)
{
    struct city *c = *state;
    assert_int_equal(city_due(c, 4), 0);
    assert_int_equal(c->due_n, 0);
    for (date_t d = DAY1; d <= DAY3; d = date_add(d, 1))
        assert_int_equal(city_close_day(c, d), 0);
    assert_int_equal(city_due(c, 2), 0);
    assert_int_equal(c->due_n, 2);
    assert_int_equal(c->due[0], DAY1);
    assert_int_equal(c->due[1], DAY2);
    assert_int_equal(city_run(c, DAY1), 0);
    assert_int_equal(city_due(c, 4), 0);
    assert_int_equal(c->due_n, 2);
    assert_int_equal(c->due[0], DAY2);
    assert_int_equal(c->due[1], DAY3);
}

#define CITY_TEST(t) cmocka_unit_test_setup_teardown(t, city_setup, city_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CITY_TEST(empty_day_settles_with_zeros_for_each_participant),
        CITY_TEST(R19_float_rolls_forward),
        CITY_TEST(R14_concession_is_shown_with_its_bearer),
        CITY_TEST(R6_refund_at_anothers_desk_stands_with_both),
        CITY_TEST(R11_same_day_again_gives_the_same_bytes),
        CITY_TEST(R11_doubt_that_posts_late_leaves_the_closed_day_alone),
        CITY_TEST(R11_doubt_that_is_voided_late_leaves_the_closed_day_alone),
        CITY_TEST(R11_plan_that_waits_is_listed_and_a_note_that_moves_nothing_is_not),
        CITY_TEST(R11_old_doubt_is_listed_each_day_with_its_age),
        CITY_TEST(many_postings_are_read_page_by_page),
        CITY_TEST(cancelled_run_leaves_nothing_visible),
        CITY_TEST(open_day_is_only_previewed_and_never_recorded),
        CITY_TEST(days_that_never_were_are_refused_clearly),
        CITY_TEST(due_days_are_the_oldest_closed_and_unsettled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
