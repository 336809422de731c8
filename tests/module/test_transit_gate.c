/* Journeys through gates: the chip's record, the ledger's record, and what both say of one another.
 */
#include "transit_rider.h"

static void entry_is_a_free_capp_and_exit_charges_the_way(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_string_equal(fake_capp(&f.plan, "type"), "3");
    assert_string_equal(fake_capp(&f.plan, "station"), "101");
    assert_string_equal(fake_capp(&f.plan, "datetime"), "20261121080000");
    assert_string_equal(fake_at(fake_get(&f, "transit", "card:1", "state"), "open.station"), "101");
    /* 3.0 + 5.0 km by way of 102: 3.00 */
    paid(metro("transit.exit", "103", "2026-11-21 08:25"), 300, 300);
    assert_string_equal(fake_capp(&f.plan, "type"), "4");
    assert_string_equal(fake_capp(&f.plan, "entry_station"), "101");
    assert_string_equal(fake_capp(&f.plan, "day_sum"), "300");
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "metro"), 300);
    assert_null(fake_at(fake_get(&f, "transit", "card:1", "state"), "open"));
    assert_int_equal(f.plan.event_count, 0);
}

static void R17_each_way_of_the_network_costs_what_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        fen_t fare;
    } ways[] = {{"101", "102", 200}, {"102", "103", 300},  {"101", "103", 300},
                {"103", "201", 700}, {"101", "201", 1000}, {"201", "101", 1000},
                {"102", "201", 700}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char in[32], out[32];
        snprintf(in, sizeof(in), "2026-11-%02zu 08:00", i + 1);
        snprintf(out, sizeof(out), "2026-11-%02zu 08:40", i + 1);
        paid(metro("transit.gate", ways[i].from, in), 0, 0);
        paid(metro("transit.gate", ways[i].to, out), ways[i].fare, ways[i].fare);
    }
}

static void
R17_a_ride_that_began_before_midnight_and_before_the_fare_change_ends_after(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-30 23:50"), 0, 0);
    paid(metro("transit.exit", "103", "2026-12-01 00:20"), 300, 300); /* not 4.00 */
    assert_string_equal(fake_at(fake_reply(&f.plan, "ride"), "at"), "20261130235000");
    paid(metro("transit.entry", "101", "2026-12-01 00:30"), 0, 0);
    paid(metro("transit.exit", "103", "2026-12-01 00:50"), 400, 400);
}

static void R14_a_concession_that_expired_yesterday_pays_in_full(void **state)
{
    (void)state;
    claim = "student";
    paid(metro("transit.entry", "101", "2026-11-21 23:50"), 0, 0);
    at_gate("m-102", "metro", "metro", "102", "2026-11-22 00:10");
    f.card.card_category_until = 20261121;
    f.card.ledger_category_until = 20261121;
    paid(ask("transit.exit"), 100, 200); /* it was valid when the journey began */
    paid(metro("transit.entry", "101", "2026-11-22 08:00"), 0, 0);
    at_gate("m-102", "metro", "metro", "102", "2026-11-22 08:10");
    f.card.card_category_until = 20261121;
    f.card.ledger_category_until = 20261121;
    paid(ask("transit.exit"), 200, 200);
    assert_int_equal(f.plan.event_count, 0);
    paid(metro("transit.entry", "101", "2026-11-22 09:30"), 0, 0);
    at_gate("m-102", "metro", "metro", "102", "2026-11-22 09:40");
    f.card.card_category_until = 20261121; /* renewed in the ledger, the chip not yet written */
    paid(ask("transit.exit"), 100, 200);
    assert_int_equal(f.plan.event_count, 0);
    paid(metro("transit.entry", "101", "2026-11-22 10:30"), 0, 0);
    at_gate("m-102", "metro", "metro", "102", "2026-11-22 10:40");
    f.card.ledger_category_until = 20261121; /* the chip's does not end: somebody should look */
    paid(ask("transit.exit"), 200, 200);
    assert_string_equal(f.plan.events[0].kind, "category_mismatch");
}

static void R14_a_transfer_discount_is_posted_as_shared(void **state)
{
    (void)state;
    paid(bus("7", "2026-11-21 08:00"), 200, 200);
    paid(metro("transit.entry", "101", "2026-11-21 08:30"), 0, 0);
    paid(metro("transit.exit", "102", "2026-11-21 09:30"), 100,
         200); /* 30 minutes to the entry count */
    assert_string_equal(fake_reply(&f.plan, "transfer_fen"), "100");
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "metro"), 200 - 50);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "buses"), -50);
    paid(bus("7", "2026-11-21 09:40"), 200, 200); /* most: 1 in a row */
    paid(bus("7", "2026-11-21 09:50"), 100, 200); /* the same line; 2 + 1 + 2 of the day's 6.00 */
    assert_null(fake_reply(&f.plan, "transfer_fen"));
    assert_string_equal(fake_reply(&f.plan, "cap_fen"), "100");
    paid(bus("8", "2026-11-21 10:00"), 0, 200);
}

static void caps_quotas_and_passes_come_from_the_cards_record(void **state)
{
    (void)state;
    claim = "elder";
    paid(bus("1", "2026-11-21 08:00"), 0, 200);
    assert_string_equal(fake_reply(&f.plan, "quota_left"), "1");
    paid(bus("2", "2026-11-21 10:00"), 0, 200);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_BEARER, "civil"), -200);
    paid(bus("3", "2026-11-21 12:00"), 200, 200);
    assert_string_equal(fake_reply(&f.plan, "quota_left"), "0");
    paid(bus("4", "2027-01-01 12:00"), 0, 200);
}

static void R8_pass_back_and_a_second_tap_are_refused(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    at_gate("m-101b", "metro", "metro", "101", "2026-11-21 08:02"); /* the friend behind */
    refused(ask("transit.entry"), OC_R_SAME_CARD);
    refused(metro("transit.gate", "101", "2026-11-21 08:00:03"), OC_R_SAME_CARD);
    paid(metro("transit.gate", "102", "2026-11-21 08:10"), 200, 200);
    refused(metro("transit.gate", "102", "2026-11-21 08:10:04"), OC_R_SAME_CARD);
    refused(metro("transit.exit", "102", "2026-11-21 08:10:04"), OC_R_SAME_CARD);
}

static void out_at_the_same_station_is_free_for_ten_minutes(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    paid(metro("transit.exit", "101", "2026-11-21 08:10"), 0, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    paid(metro("transit.entry", "101", "2026-11-21 09:00"), 0, 0);
    paid(metro("transit.exit", "101", "2026-11-21 09:10:01"), 200, 200);
}

static void too_long_a_journey_pays_more_or_goes_to_the_desk(void **state)
{
    (void)state;
    claim = "student";
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    paid(metro("transit.exit", "102", "2026-11-21 10:00:01"), 400, 500); /* 1.00 + 3.00 */
    assert_string_equal(fake_reply(&f.plan, "surcharge_fen"), "300");
    paid(metro("transit.entry", "101", "2026-12-02 08:00"), 0, 0);
    refused(metro("transit.exit", "102", "2026-12-02 10:00:01"), OC_R_OVER_TIME);
    assert_non_null(strstr(f.plan.detail, "120"));
}

static void missing_exit_is_charged_at_the_next_entry_or_goes_to_the_desk(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    paid(metro("transit.entry", "103", "2026-11-22 08:00"), 700, 700);
    assert_string_equal(fake_reply(&f.plan, "missing"), "exit");
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "metro"), 700);
    assert_string_equal(fake_capp(&f.plan, "type"), "3");
    assert_string_equal(fake_capp(&f.plan, "station"), "103");
    paid(metro("transit.exit", "102", "2026-11-22 08:20"), 300, 300);
    paid(metro("transit.entry", "101", "2026-12-01 08:00"), 0, 0);
    refused(metro("transit.entry", "103", "2026-12-02 08:00"), OC_R_ENTRY_OPEN);
}

static void missing_entry_is_charged_at_the_exit_or_goes_to_the_desk(void **state)
{
    (void)state;
    paid(metro("transit.exit", "102", "2026-11-21 08:00"), 700, 700);
    assert_string_equal(fake_reply(&f.plan, "missing"), "entry");
    refused(metro("transit.exit", "102", "2026-12-02 08:00"), OC_R_NO_ENTRY);
}

static void R17_an_entry_at_an_offline_gate_is_read_off_the_chip(void **state)
{
    (void)state;
    paid(bus("7", "2026-11-21 07:00"), 200, 200);
    chip[0] = (struct fake_pair){"type", "3"};
    chip[1] = (struct fake_pair){"station", "101"};
    chip[2] = (struct fake_pair){"datetime", "20261121100000"};
    chip[3] = (struct fake_pair){"day_sum", "450"};
    chip[4] = (struct fake_pair){NULL, NULL};
    paid(metro("transit.exit", "103", "2026-11-21 10:30"), 300, 300);
    assert_string_equal(f.plan.events[0].kind, "journey_mismatch");
    assert_string_equal(fake_capp(&f.plan, "day_sum"), "750");
}

static void R17_an_exit_at_an_offline_gate_ends_the_journey(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    chip[0] = (struct fake_pair){"type", "4"};
    chip[1] = (struct fake_pair){"datetime", "20261121083000"};
    chip[2] = (struct fake_pair){NULL, NULL};
    paid(metro("transit.entry", "102", "2026-11-21 09:00"), 0, 0);
    assert_string_equal(f.plan.events[0].kind, "journey_mismatch");
    assert_null(fake_reply(&f.plan, "missing"));
}

static void R17_sums_that_differ_are_reported_and_the_card_counts(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    for (int i = 0; i < FAKE_PAIRS && chip[i].name; i++) {
        if (strcmp(chip[i].name, "day_sum") == 0) {
            chip[i].value = "77";
        }
    }
    paid(metro("transit.exit", "102", "2026-11-21 08:30"), 200, 200);
    assert_string_equal(f.plan.events[0].kind, "journey_mismatch");
    assert_string_equal(fake_capp(&f.plan, "day_sum"), "277");
}

static void an_older_record_on_the_chip_is_reported_and_the_ledger_counts(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    static struct fake_pair old[FAKE_PAIRS];
    memcpy(old, chip, sizeof(old));
    static char kept[FAKE_PAIRS][40], names[FAKE_PAIRS][16];
    for (size_t i = 0; old[i].name; i++) {
        strcpy(kept[i], old[i].value);
        strcpy(names[i], old[i].name);
        old[i] = (struct fake_pair){names[i], kept[i]};
    }
    paid(metro("transit.exit", "102", "2026-11-21 08:30"), 200, 200);
    memcpy(chip, old, sizeof(old)); /* a copy of the card as it was */
    paid(metro("transit.entry", "102", "2026-11-21 09:00"), 0, 0);
    assert_non_null(strstr(f.plan.events[0].text, "older"));
    assert_null(fake_reply(&f.plan, "missing"));
}

static void a_record_of_another_city_is_not_ours(void **state)
{
    (void)state;
    chip[0] = (struct fake_pair){"type", "3"};
    chip[1] = (struct fake_pair){"station", "101"};
    chip[2] = (struct fake_pair){"datetime", "20261121070000"};
    chip[3] = (struct fake_pair){"city", "3100"};
    chip[4] = (struct fake_pair){NULL, NULL};
    at_gate("m-101", "metro", "metro", "101", "2026-11-21 08:00");
    gate_param("city", "4500");
    paid(ask("transit.entry"), 0, 0);
    assert_null(fake_reply(&f.plan, "missing"));
}

static void a_card_without_journey_record_rides_by_the_ledger_alone(void **state)
{
    (void)state;
    has_capp = false;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    assert_int_equal(f.plan.capp_count, 0);
    paid(metro("transit.exit", "102", "2026-11-21 08:30"), 200, 200);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    paid(metro("transit.entry", "101", "2026-11-21 09:00"), 0, 0);
    paid(metro("transit.exit", "101", "2026-11-21 09:05"), 0, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
}

static void a_bus_between_entry_and_exit_leaves_the_journey_open(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    paid(bus("7", "2026-11-21 08:10"), 200, 200); /* writes over the chip's entry */
    paid(metro("transit.gate", "102", "2026-11-21 08:30"), 200, 200);
    assert_int_equal(f.plan.event_count, 0);
}

static void two_gates_that_decide_on_the_same_state_are_not_both_right(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    at_gate("m-102", "metro", "metro", "102", "2026-11-21 08:30");
    static struct fake first;
    first = f;
    assert_int_equal(fake_decide(&onecard_module, ctx, "transit.exit", &first), 0);
    paid(metro("transit.exit", "103", "2026-11-21 08:30"), 300, 300);
    assert_int_equal(fake_commit(&first), OC_ECONFLICT);
}

static void gates_that_lack_what_they_need_say_so(void **state)
{
    (void)state;
    at_gate("m-1", "metro", "metro", "", "2026-11-21 08:00");
    refused(ask("transit.entry"), OC_R_TERMINAL_MAY_NOT);
    at_gate("m-1", "metro", "", "101", "2026-11-21 08:00");
    refused(ask("transit.entry"), OC_R_TERMINAL_MAY_NOT);
    at_gate("m-1", "metro", "tram", "101", "2026-11-21 08:00");
    refused(ask("transit.entry"), OC_R_TERMINAL_MAY_NOT);
    at_gate("m-1", "metro", "metro", "999", "2026-11-21 08:00");
    refused(ask("transit.entry"), OC_R_TERMINAL_MAY_NOT);
    at_gate("m-1", "metro", "metro", "101", "2025-11-21 08:00");
    refused(ask("transit.entry"), OC_R_TERMINAL_MAY_NOT);
    at_gate("m-1", "metro", "metro", "101", "2026-11-21 08:00");
    gate_param("direction", "up");
    refused(ask("transit.gate"), OC_R_TERMINAL_MAY_NOT);
    at_gate("m-1", "metro", "metro", "101", "2026-11-21 08:00");
    f.card.balance_fen = 199;
    refused(ask("transit.entry"), OC_R_INSUFFICIENT);
    at_gate("bus-1", "buses", "metro", "", "2026-11-21 08:00");
    refused(ask("transit.ride"), OC_R_TERMINAL_MAY_NOT);
}

static void a_gates_direction_goes_before_the_open_journey(void **state)
{
    (void)state;
    paid(metro("transit.entry", "101", "2026-11-21 08:00"), 0, 0);
    at_gate("m-103", "metro", "metro", "103", "2026-11-21 08:30");
    gate_param("direction", "entry");
    paid(ask("transit.gate"), 700, 700);
    at_gate("m-103", "metro", "metro", "103", "2026-11-21 08:50");
    gate_param("direction", "exit");
    paid(ask("transit.gate"), 200, 200);
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, rider_setup, rider_teardown)
    const struct CMUnitTest tests[] = {
        TEST(entry_is_a_free_capp_and_exit_charges_the_way),
        TEST(R17_each_way_of_the_network_costs_what_the_table_says),
        TEST(R17_a_ride_that_began_before_midnight_and_before_the_fare_change_ends_after),
        TEST(R14_a_concession_that_expired_yesterday_pays_in_full),
        TEST(R14_a_transfer_discount_is_posted_as_shared),
        TEST(caps_quotas_and_passes_come_from_the_cards_record),
        TEST(R8_pass_back_and_a_second_tap_are_refused),
        TEST(out_at_the_same_station_is_free_for_ten_minutes),
        TEST(too_long_a_journey_pays_more_or_goes_to_the_desk),
        TEST(missing_exit_is_charged_at_the_next_entry_or_goes_to_the_desk),
        TEST(missing_entry_is_charged_at_the_exit_or_goes_to_the_desk),
        TEST(R17_an_entry_at_an_offline_gate_is_read_off_the_chip),
        TEST(R17_an_exit_at_an_offline_gate_ends_the_journey),
        TEST(R17_sums_that_differ_are_reported_and_the_card_counts),
        TEST(an_older_record_on_the_chip_is_reported_and_the_ledger_counts),
        TEST(a_record_of_another_city_is_not_ours),
        TEST(a_card_without_journey_record_rides_by_the_ledger_alone),
        TEST(a_bus_between_entry_and_exit_leaves_the_journey_open),
        TEST(two_gates_that_decide_on_the_same_state_are_not_both_right),
        TEST(gates_that_lack_what_they_need_say_so),
        TEST(a_gates_direction_goes_before_the_open_journey),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
