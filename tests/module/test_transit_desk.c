/* The station desk: passes, corrections, refunds, questions. */
#include "modules/transit/transit.h"
#include "transit_rider.h"

static int desk(const char *service, const char *station, const char *when)
{
    at_gate("desk-1", "metro", "metro", station, when);
    return ask(service);
}

/* ---- passes ---- */

static int buy(const char *pass, const char *when, const char *how)
{
    at_gate("desk-1", "buses", "bus", "", when);
    param("pass", pass);
    if (how) {
        param("pay", how);
    }
    return ask("transit.pass");
}

static void R14_a_pass_is_sold_and_rides_on_it_are_borne_by_the_operator(void **state)
{
    (void)state;
    paid(buy("ten", "2026-11-21 08:00", NULL), 1500, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(f.plan.capp_count, 0);
    assert_string_equal(fake_reply(&f.plan, "until"), "20270218");
    for (int i = 0; i < 10; i++) {
        char line[8];
        snprintf(line, sizeof(line), "%d", i + 1);
        paid(bus(line, "2026-11-22 08:00"), 0, i + 1 == 9 ? 350 : 200);
        assert_string_equal(fake_reply(&f.plan, "pass"), "ten");
        assert_int_equal(f.plan.leg_count, 2);
        assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "buses"), 0);
    }
    paid(bus("11", "2026-11-23 08:00"), 200, 200);
}

static void a_pass_for_cash_debits_the_desks_receivable(void **state)
{
    (void)state;
    paid(buy("ten", "2026-11-21 08:00", "cash"), 1500, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_ACCOUNT);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "buses"), -1500);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "buses"), 1500);
}

static void passes_are_sold_to_the_entitled_and_once(void **state)
{
    (void)state;
    refused(buy("nothing", "2026-11-21 08:00", NULL), OC_R_PARAMETER);
    refused(buy("ten", "2026-11-21 08:00", "promise"), OC_R_PARAMETER);
    refused(buy("school", "2026-11-21 08:00", NULL), OC_R_NOT_ELIGIBLE);
    claim = "student";
    paid(buy("school", "2026-11-21 08:00", NULL), 3000, 0);
    refused(buy("school", "2026-11-21 08:00", NULL), OC_R_DUPLICATE);
    at_gate("desk-1", "buses", "bus", "", "2026-11-21 08:00");
    param("pass", "school");
    param("from", "2026-12-21");
    paid(ask("transit.pass"), 3000, 0);
    at_gate("desk-1", "buses", "bus", "", "2026-11-21 08:00");
    param("pass", "ten");
    param("from", "2026-11-20");
    refused(ask("transit.pass"), OC_R_PARAMETER);
}

static void social_security_confirms_who_may_buy(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum oc_reason refused, want;
    } cases[] = {{"{\"eligible\":true}", 0, 0},
                 {"{\"eligible\":false}", 0, OC_R_NOT_ELIGIBLE},
                 {NULL, OC_R_NO_CITIZEN, OC_R_NOT_ELIGIBLE}};
    refused(buy("old", "2026-11-21 08:00", NULL), OC_R_NOT_ELIGIBLE); /* nobody answers */
    for (size_t i = 3; i-- > 0;) {
        at_gate("desk-1", "buses", "bus", "", "2026-11-21 08:00");
        param("pass", "old");
        f.asks[0] = (struct fake_ask){
            .service = "social.eligible", .reply = cases[i].reply, .refused = cases[i].refused};
        int rc = ask("transit.pass");
        if (cases[i].want) {
            refused(rc, cases[i].want);
        } else {
            paid(rc, 500, 0);
        }
    }
}

/* ---- concessions ---- */

static int renew(const char *what, const char *reply, enum oc_reason refused)
{
    at_gate("desk-1", "buses", "bus", "", "2026-11-21 08:00");
    param("what", what);
    f.asks[0] = (struct fake_ask){.service = "social.eligible", .reply = reply, .refused = refused};
    return ask("transit.renew");
}

static void R14_a_renewed_concession_is_the_slot_of_the_card_from_its_commit_on(void **state)
{
    (void)state;
    static const char yes[] = "{\"eligible\":true,\"category\":\"student\",\"until\":20270630}";
    assert_int_equal(renew("student", yes, 0), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    assert_string_equal(f.plan.slot.app, "transit");
    assert_string_equal(f.plan.slot.category, "student");
    assert_int_equal(f.plan.slot.from, 20261121);
    assert_int_equal(f.plan.slot.until, 20270630);
    assert_int_equal(fake_commit(&f), 0);
    assert_string_equal(f.card.ledger_category, "student");
    claim = "student";
    paid(bus("7", "2026-11-21 09:00"), 100, 200);
    claim = "elder"; /* in force, and no longer what the holder is entitled to */
    assert_int_equal(renew("student", yes, 0), 0);
    assert_string_equal(fake_reply(&f.plan, "before"), "elder");
}

static void a_concession_is_renewed_only_where_social_security_confirms_it(void **state)
{
    (void)state;
    at_gate("desk-1", "buses", "bus", "", "2026-11-21 08:00");
    param("what", "student");
    refused(ask("transit.renew"), OC_R_UNKNOWN_SERVICE);
    refused(renew("student", "{\"eligible\":false,\"category\":\"\",\"until\":0}", 0),
            OC_R_NOT_ELIGIBLE);
    refused(renew("student", NULL, OC_R_NOT_FOUND), OC_R_NOT_FOUND);
    claim = "student";
    assert_int_equal(renew("none", NULL, 0), 0);
    assert_int_equal(f.asked, 0);
    assert_string_equal(f.plan.slot.app, "transit");
    assert_string_equal(f.plan.slot.category, "");
}

/* ---- corrections ---- */

static void never_let_out_pays_the_way_at_the_desk(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-12-01 08:00"), 0, 0);
    at_gate("desk-1", "metro", "metro", "101", "2026-12-02 08:00");
    param("exit", "大学城"); /* a name of the table of the entry's day: there it has none */
    refused(ask("transit.correct"), OC_R_PARAMETER);
    at_gate("desk-1", "metro", "metro", "101", "2026-12-02 08:00");
    param("exit", "人民广场");
    paid(ask("transit.correct"), 300, 300);
    assert_string_equal(fake_capp(&f.plan, "type"), "4");
    paid(metro("transit.entry", "101", "2026-12-02 08:10"), 0, 0);
}

static void never_let_in_gets_an_entry_and_the_exit_gate_charges(void **state)
{
    (void)state;
    refused(desk("transit.correct", "103", "2026-12-01 08:00"), OC_R_NO_ENTRY);
    at_gate("desk-1", "metro", "metro", "103", "2026-12-01 08:00");
    param("entry", "101");
    paid(ask("transit.correct"), 0, 0);
    assert_string_equal(fake_capp(&f.plan, "type"), "3");
    assert_string_equal(fake_capp(&f.plan, "station"), "101");
    paid(metro("transit.exit", "103", "2026-12-01 08:02"), 400, 400);
}

static void never_let_in_may_pay_the_whole_way_at_once(void **state)
{
    (void)state;
    at_gate("desk-1", "metro", "metro", "103", "2026-12-01 08:00");
    param("entry", "101");
    param("exit", "103");
    paid(ask("transit.correct"), 400, 400);
    assert_string_equal(fake_reply(&f.plan, "correction"), "way");
    assert_null(fake_at(fake_get(&f, "transit", "card:1", "state"), "open"));
}

static void too_long_pays_and_the_time_begins_anew(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-30 22:30"), 0, 0);
    refused(desk("transit.correct", "103", "2026-11-30 23:00"), OC_R_PARAMETER); /* in time */
    paid(desk("transit.correct", "103", "2026-12-01 00:40"), 300, 300);
    assert_string_equal(fake_capp(&f.plan, "type"), "3");
    paid(metro("transit.exit", "103", "2026-12-01 00:45"), 300, 300); /* the entry's table holds */
    assert_null(fake_reply(&f.plan, "surcharge_fen"));
    assert_int_equal(f.plan.event_count, 0);
}

static void a_waived_journey_ends_for_nothing_and_leaves_an_event(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-12-01 08:00"), 0, 0);
    at_gate("desk-1", "metro", "metro", "101", "2026-12-01 08:20");
    param("waive", "yes");
    paid(ask("transit.correct"), 0, 0);
    assert_string_equal(f.plan.events[0].kind, "journey_waived");
    paid(metro("transit.entry", "101", "2026-12-01 08:30"), 0, 0);
    at_gate("desk-1", "metro", "metro", "101", "2026-12-01 08:40");
    param("waive", "please");
    refused(ask("transit.correct"), OC_R_PARAMETER);
}

/* ---- refunds ---- */

static int refund(const char *txn, const char *service, const char *op, fen_t amount)
{
    at_gate("desk-1", op, "bus", "", "2026-11-21 18:00");
    param("txn", txn);
    f.original = (struct onecard_original){.size = sizeof(f.original),
                                           .txn = txn,
                                           .service = service,
                                           .amount_fen = amount,
                                           .participant = op,
                                           .business_date = 20261121};
    f.req.original = &f.original;
    return ask("transit.refund");
}

static char first[32], second[32], third[32];

static void ride_three(void)
{
    paid(bus("7", "2026-11-21 08:00"), 200, 200);
    strcpy(first, f.committed);
    paid(bus("8", "2026-11-21 08:30"), 100, 200);
    strcpy(second, f.committed);
    paid(bus("9", "2026-11-21 12:00"), 300, 350); /* 0.50 by the day's cap */
    strcpy(third, f.committed);
}

static void
R14_a_refund_of_a_ride_that_gave_a_transfer_discount_keeps_the_discount_back(void **state)
{
    (void)state;
    ride_three();
    /* Without the first: the second 2.00 (1.00 more), the third 3.50 (0.50 more): 2.00 - 1.50. */
    paid(refund(first, "transit.ride", "buses", 200), 50, 0);
    assert_true(f.plan.refund);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 50);
    /* the first ride's 2.00 taken back; of the 1.00 the second's bearers get 40, 40 and 20, of the
     * 0.50 the operator all */
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "buses"), -200 + 40 + 50);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "metro"), 40);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_BEARER, "treasury"), 20);
    assert_string_equal(fake_reply(&f.plan, "kept_fen"), "150");
}

static void a_refund_of_the_later_ride_gives_what_was_paid(void **state)
{
    (void)state;
    ride_three();
    /* Without the second the day holds 2.00 when the third begins: 3.50, 0.50 more than it paid. */
    paid(refund(second, "transit.ride", "buses", 100), 50, 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_BEARER, "treasury"), 20);
    paid(refund(third, "transit.ride", "buses", 300), 300, 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "buses"), -300);
}

static void a_refund_is_never_more_than_was_paid_and_never_less_than_something(void **state)
{
    (void)state;
    paid(bus("7", "2026-11-21 08:00"), 200, 200);
    strcpy(first, f.committed);
    paid(bus("8", "2026-11-21 08:30"), 100, 200);
    paid(bus("9", "2026-11-21 12:00"), 300, 350);
    paid(bus("1", "2026-11-21 15:00"), 0, 200); /* the cap was reached */
    /* without the first the later ones cost 2.00 + 3.50 + 0.50, 2.00 more */
    refused(refund(first, "transit.ride", "buses", 200), OC_R_WRONG_STATE);
}

static void refunds_of_what_is_no_ride_or_too_old_are_refused(void **state)
{
    (void)state;
    ride_three();
    refused(refund(third, "payment.purchase", "buses", 300), OC_R_ORIGINAL_UNKNOWN);
    refused(refund(third, "transit.pass", "buses", 300), OC_R_ORIGINAL_UNKNOWN);
    refused(refund(third, "transit.ride", "buses", 0), OC_R_AMOUNT);
    refused(refund(third, "transit.ride", "buses", 301), OC_R_WRONG_STATE);
    strcpy(history, "[]");
    refused(refund(third, "transit.ride", "buses", 300), OC_R_TOO_LATE);
    at_gate("desk-1", "buses", "bus", "", "2026-11-29 18:00");
    f.original = (struct onecard_original){.size = sizeof(f.original),
                                           .txn = third,
                                           .service = "transit.ride",
                                           .amount_fen = 300,
                                           .participant = "buses",
                                           .business_date = 20261121};
    f.req.original = &f.original;
    refused(ask("transit.refund"), OC_R_TOO_LATE);
}

static void a_refund_of_a_student_s_ride_gives_the_bearer_its_part(void **state)
{
    (void)state;
    claim = "student";
    paid(bus("7", "2026-11-21 08:00"), 100, 200);
    strcpy(first, f.committed);
    paid(refund(first, "transit.ride", "buses", 100), 100, 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_BEARER, "education"), 100);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "buses"), -200);
    /* counted as if it had never been: no transfer from it */
    paid(bus("8", "2026-11-21 08:30"), 100, 200);
    assert_null(fake_reply(&f.plan, "transfer_fen"));
}

static void a_refund_with_more_bearers_than_legs_is_still_whole(void **state)
{
    (void)state;
    claim = "student";
    for (int i = 0; i < 2; i++) {
        at_gate("ferry-1", "ferries", "ferry", "", i ? "2026-11-21 08:30" : "2026-11-21 08:00");
        paid(ask("transit.ride"), i ? 400 : 500, 1000);
        strcpy(i ? second : first, f.committed);
    }
    paid(refund(first, "transit.ride", "ferries", 500), 400, 0); /* 1.00 was the second's */
    assert_int_equal(f.plan.leg_count, 8);
}

static void sums_of_tables_of_their_own_are_read_back_as_written(void **state)
{
    (void)state;
    struct fare_sums s = {.day = 20261121, .day_fen = 450, .month = 202611, .month_fen = 900};
    struct fare_own own = {"tram", 20261121, 202611, 200, 700};
    struct fare_sums back = {.day = 0};
    char text[SUMS_TEXT];
    fare_own_put(&s, &own);
    sums_text(&s, NULL, text); /* no last table */
    assert_true(sums_read(text, &back));
    assert_memory_equal(&back, &s, sizeof(s));
    strcpy(s.last_table, "metro");
    strcpy(own.table, "bus");
    fare_own_put(&s, &own);
    sums_text(&s, NULL, text);
    assert_true(sums_read(text, &back));
    assert_string_equal(back.last_table, "metro");
    assert_int_equal(fare_own(&back, "bus")->month_fen, 700);
    sums_text(&s, "bus", text); /* what a ride by bus tells of before */
    assert_true(sums_read(text, &back));
    assert_null(fare_own(&back, "tram"));
    assert_true(
        sums_read("20261121 450 202611 900 0 0 0 0 0 metro", &back)); /* as before there were any */
    assert_null(fare_own(&back, "bus"));
    assert_int_equal(back.month_fen, 900);
}

static void after_a_refund_the_chips_sums_are_no_difference(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    paid(metro("transit.exit", "102", "2026-11-21 08:20"), 200, 200);
    strcpy(first, f.committed);
    paid(refund(first, "transit.exit", "metro", 200), 200, 0);
    paid(metro("transit.entry", "101", "2026-11-21 18:30"), 0, 0);
    assert_int_equal(f.plan.event_count, 0);
    assert_string_equal(fake_capp(&f.plan, "day_sum"), "0");
}

/* ---- questions ---- */

static int fare(const char *table, const char *from, const char *to, const char *category,
                const char *at)
{
    at_gate("desk-1", "metro", table, "", "2026-11-21 08:00");
    param("from", from);
    param("to", to);
    param("category", category);
    if (at) {
        param("at", at);
    }
    f.req.card = NULL;
    return ask("transit.fare");
}

static void fares_are_quoted_by_name_category_and_time(void **state)
{
    (void)state;
    assert_int_equal(fare("metro", "火车站", "大学城", "", NULL), 0);
    assert_string_equal(fake_reply(&f.plan, "fare_fen"), "300");
    assert_int_equal(fare("metro", "101", "103", "student", "2026-12-01 08:00"), 0);
    assert_string_equal(fake_reply(&f.plan, "fare_fen"), "200");
    assert_string_equal(fake_reply(&f.plan, "gross_fen"), "400");
    assert_string_equal(fake_reply(&f.plan, "table_from"), "20261201");
    refused(fare("metro", "nowhere", "103", "", NULL), OC_R_PARAMETER);
    refused(fare("metro", "", "103", "", NULL), OC_R_PARAMETER);
    refused(fare("metro", "101", "103", "king", NULL), OC_R_PARAMETER);
    refused(fare("metro", "101", "103", "", "tomorrow"), OC_R_PARAMETER);
    refused(fare("tram", "101", "103", "", NULL), OC_R_TERMINAL_MAY_NOT);
}

static void the_open_journey_and_the_passes_are_told(void **state)
{
    (void)state;
    assert_int_equal(desk("transit.journey", "", "2026-11-21 07:00"), 0);
    assert_string_equal(fake_reply(&f.plan, "journey"), "none");
    paid(buy("ten", "2026-11-21 07:30", NULL), 1500, 0);
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    assert_int_equal(desk("transit.journey", "", "2026-11-21 08:45"), 0);
    assert_string_equal(fake_reply(&f.plan, "journey"), "open");
    assert_string_equal(fake_reply(&f.plan, "station"), "101");
    assert_string_equal(fake_reply(&f.plan, "minutes"), "45");
    assert_string_equal(fake_at(fake_reply(&f.plan, "passes"), "0.rides_left"), "10");
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, rider_setup, rider_teardown)
    const struct CMUnitTest tests[] = {
        TEST(R14_a_pass_is_sold_and_rides_on_it_are_borne_by_the_operator),
        TEST(a_pass_for_cash_debits_the_desks_receivable),
        TEST(passes_are_sold_to_the_entitled_and_once),
        TEST(social_security_confirms_who_may_buy),
        TEST(R14_a_renewed_concession_is_the_slot_of_the_card_from_its_commit_on),
        TEST(a_concession_is_renewed_only_where_social_security_confirms_it),
        TEST(never_let_out_pays_the_way_at_the_desk),
        TEST(never_let_in_gets_an_entry_and_the_exit_gate_charges),
        TEST(never_let_in_may_pay_the_whole_way_at_once),
        TEST(too_long_pays_and_the_time_begins_anew),
        TEST(a_waived_journey_ends_for_nothing_and_leaves_an_event),
        TEST(R14_a_refund_of_a_ride_that_gave_a_transfer_discount_keeps_the_discount_back),
        TEST(a_refund_of_the_later_ride_gives_what_was_paid),
        TEST(a_refund_is_never_more_than_was_paid_and_never_less_than_something),
        TEST(refunds_of_what_is_no_ride_or_too_old_are_refused),
        TEST(a_refund_of_a_student_s_ride_gives_the_bearer_its_part),
        TEST(a_refund_with_more_bearers_than_legs_is_still_whole),
        TEST(sums_of_tables_of_their_own_are_read_back_as_written),
        TEST(after_a_refund_the_chips_sums_are_no_difference),
        TEST(fares_are_quoted_by_name_category_and_time),
        TEST(the_open_journey_and_the_passes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
