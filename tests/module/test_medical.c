/* Medical: schedules, registering, appointments. */
#include "medical_city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEIKE "hospital", "h1", "department", "neike", "practitioner", "w"
#define DAY23 "neike/20261123/w"

static void put_schedule(void)
{
    at("h1");
    document(schedule_w);
    done("medical.schedule_put", NULL);
    document(NULL);
}

static void schedule_is_found_by_hospital_department_and_free_slot(void **state)
{
    (void)state;
    put_schedule();
    assert_int_equal(ask("medical.departments", NULL), 0);
    assert_string_equal(reply("hospitals.0.name"), "第一人民医院");
    assert_int_equal(ask("medical.departments", "hospital", "h1", NULL), 0);
    assert_string_equal(reply("departments.0.id"), "neike");
    assert_int_equal(
        ask("medical.slots", "hospital", "h1", "department", "neike", "day", "20261123", NULL), 0);
    assert_string_equal(reply("schedule.0.slot.0.free"), "2");
    assert_string_equal(reply("schedule.0.fee_fen"), "1500");
    assert_string_equal(reply("next"), "");
    on(20261123, 830); /* the slot that begins now is over for new ones */
    assert_int_equal(
        ask("medical.slots", "hospital", "h1", "department", "neike", "day", "20261123", NULL), 0);
    assert_string_equal(reply("schedule.0.slot.0.start"), "900");
}

static void schedule_with_a_wrong_member_is_refused_naming_it(void **state)
{
    (void)state;
    document("{\"serviceType\":\"neike\",\"serviceTypeDisplay\":\"x\",\"actor\":\"w\","
             "\"actorDisplay\":\"y\",\"date\":20261131,\"fee_fen\":0}");
    refused(OC_R_PARAMETER, "medical.schedule_put", NULL);
    assert_non_null(strstr(f.plan.detail, "date"));
    document("{\"serviceType\":\"neike\",\"serviceTypeDisplay\":\"x\",\"actor\":\"w\","
             "\"actorDisplay\":\"y\",\"date\":20261123,\"fee_fen\":0,"
             "\"slot\":[{\"start\":900,\"capacity\":1},{\"start\":860,\"capacity\":1}]}");
    refused(OC_R_PARAMETER, "medical.schedule_put", NULL);
    assert_non_null(strstr(f.plan.detail, "slot 2"));
    document("[]");
    refused(OC_R_PARAMETER, "medical.schedule_put", NULL);
}

static void schedule_put_again_keeps_the_places_that_are_taken(void **state)
{
    (void)state;
    put_schedule();
    holder("c1", OC_PRESENTED_CODE);
    done("medical.book", NEIKE, "day", "20261123", "slot", "900", NULL);
    document("{\"serviceType\":\"neike\",\"serviceTypeDisplay\":\"内科\",\"actor\":\"w\","
             "\"actorDisplay\":\"y\",\"date\":20261123,\"fee_fen\":1500,"
             "\"slot\":[{\"start\":1000,\"capacity\":4}]}");
    done("medical.schedule_put", NULL);
    assert_string_equal(reply("kept"), "1");
    assert_string_equal(kept("slot:h1", DAY23, "slot.1.start"), "900");
    assert_string_equal(kept("slot:h1", DAY23, "slot.1.booked"), "1");
    document(NULL);
    holder("c2", OC_PRESENTED_CODE);
    refused(OC_R_FULL, "medical.book", NEIKE, "day", "20261123", "slot", "900", NULL);
}

static void two_hospitals_book_the_last_slot_at_the_same_moment_one_gets_it(void **state)
{
    (void)state;
    put_schedule();
    at("h2");
    holder("c1", OC_PRESENTED_CODE);
    assert_int_equal(ask("medical.book", NEIKE, "day", "20261123", "slot", "900", NULL), 0);
    static struct onecard_plan first, second;
    first = f.plan;
    at("h3");
    holder("c2", OC_PRESENTED_CODE); /* decided before the other is committed */
    assert_int_equal(ask("medical.book", NEIKE, "day", "20261123", "slot", "900", NULL), 0);
    second = f.plan;
    f.plan = first;
    assert_int_equal(fake_commit(&f), 0);
    f.plan = second;
    assert_int_equal(fake_commit(&f), OC_ECONFLICT); /* stale_record: asked again */
    refused(OC_R_FULL, "medical.book", NEIKE, "day", "20261123", "slot", "900", NULL);
    assert_string_equal(kept("slot:h1", DAY23, "slot.1.booked"), "1");
}

static const char *book(const char *citizen, const char *slot)
{
    holder(citizen, OC_PRESENTED_CODE);
    done("medical.book", NEIKE, "day", "20261123", "slot", slot, NULL);
    static char id[32];
    snprintf(id, sizeof(id), "%s", reply("appointment"));
    return id;
}

static void booking_tells_the_hospital_and_nothing_of_it_stands_in_the_reply(void **state)
{
    (void)state;
    put_schedule();
    at("h2");
    book("c1", "830");
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    const char *m = fake_message(&f.plan, "h1", "medical.booked");
    assert_string_equal(fake_at(m, "resourceType"), "Appointment");
    assert_string_equal(fake_at(m, "status"), "booked");
    for (size_t i = 0; i < f.plan.reply_count; i++) {
        assert_null(strstr(f.plan.reply[i].value, "neike"));
        assert_null(strstr(f.plan.reply[i].value, "内科"));
    }
}

static void booking_twice_at_one_time_or_place_is_refused_duplicate(void **state)
{
    (void)state;
    put_schedule();
    book("c1", "830");
    refused(OC_R_DUPLICATE, "medical.book", NEIKE, "day", "20261123", "slot", "830", NULL);
    refused(OC_R_DUPLICATE, "medical.book", NEIKE, "day", "20261123", "slot", "900", NULL);
}

static void booking_too_far_ahead_or_behind_is_refused(void **state)
{
    (void)state;
    put_schedule();
    holder("c1", OC_PRESENTED_CODE);
    on(20261101, 800);
    refused(OC_R_TOO_EARLY, "medical.book", NEIKE, "day", "20261123", NULL);
    on(20261124, 800);
    refused(OC_R_TOO_LATE, "medical.book", NEIKE, "day", "20261123", NULL);
    on(20261123, 845);
    refused(OC_R_TOO_LATE, "medical.book", NEIKE, "day", "20261123", "slot", "830", NULL);
    refused(OC_R_NOT_FOUND, "medical.book", NEIKE, "day", "20261122", NULL);
}

static void cancelling_gives_the_place_back_until_an_hour_before(void **state)
{
    (void)state;
    put_schedule();
    const char *id = book("c1", "900");
    on(20261123, 801);
    refused(OC_R_TOO_LATE, "medical.cancel", "appointment", id, NULL);
    on(20261123, 800);
    done("medical.cancel", "appointment", id, NULL);
    assert_string_equal(kept("slot:h1", DAY23, "slot.1.booked"), "0");
    assert_non_null(fake_message(&f.plan, "h1", "medical.cancelled"));
    refused(OC_R_WRONG_STATE, "medical.cancel", "appointment", id, NULL);
    book("c2", "900");
}

static void a_citizens_appointment_is_not_found_by_another(void **state)
{
    (void)state;
    put_schedule();
    const char *id = book("c1", "900");
    named("c2");
    refused(OC_R_NOT_FOUND, "medical.cancel", "appointment", id, NULL);
}

static void check_in_is_at_its_hospital_on_its_day_and_not_too_late(void **state)
{
    (void)state;
    put_schedule();
    const char *id = book("c1", "830");
    at("h2");
    refused(OC_R_TERMINAL_MAY_NOT, "medical.checkin", "appointment", id, NULL);
    at("h1");
    refused(OC_R_TOO_EARLY, "medical.checkin", "appointment", id, NULL);
    on(20261123, 931);
    refused(OC_R_TOO_LATE, "medical.checkin", "appointment", id, NULL);
    on(20261123, 815);
    done("medical.checkin", "appointment", id, NULL);
    assert_string_equal(reply("status"), "arrived");
    on(20261124, 100);
    assert_int_equal(ask("medical.sweep", NULL), 0); /* nobody is missed who came */
    assert_string_equal(reply("missed"), "0");
}

static void offer(int32_t day)
{
    char json[512];
    snprintf(json, sizeof(json),
             "{\"serviceType\":\"neike\",\"serviceTypeDisplay\":\"x\",\"actor\":\"w\","
             "\"actorDisplay\":\"y\",\"date\":%d,\"fee_fen\":0,"
             "\"slot\":[{\"start\":900,\"capacity\":9}]}",
             day);
    at("h1");
    document(json);
    done("medical.schedule_put", NULL);
    document(NULL);
}

static void miss(int32_t day)
{
    char date[16];
    snprintf(date, sizeof(date), "%d", day);
    on(day, 700);
    offer(day);
    holder("c1", OC_PRESENTED_CODE);
    done("medical.book", NEIKE, "day", date, NULL);
}

static void missed_appointments_are_counted_at_the_next_booking_and_limited(void **state)
{
    (void)state;
    put_schedule();
    miss(20261101);
    miss(20261102); /* the first is found missed here, and the second below */
    on(20261121, 830);
    refused(OC_R_LIMIT, "medical.book", NEIKE, "day", "20261123", NULL);
    assert_non_null(strstr(f.plan.detail, "20270101")); /* 2026-11-01 and 61 days */
}

static void missed_appointments_count_no_longer_after_their_days(void **state)
{
    (void)state;
    put_schedule();
    miss(20260901);
    miss(20260902);
    on(20261121, 830);
    done("medical.book", NEIKE, "day", "20261123", NULL);
    assert_string_equal(kept("citizen:c1", "appts", "missed.1.date"), "20260902");
    assert_int_equal(f.plan.record_count, 6); /* the second's state and entry with the new one's */
}

static void the_night_counts_who_did_not_come(void **state)
{
    (void)state;
    miss(20261101);
    holder("c2", OC_PRESENTED_CODE);
    done("medical.book", NEIKE, "day", "20261101", NULL);
    refused(OC_R_TOO_EARLY, "medical.sweep", "day", "20261101", NULL);
    on(20261102, 30);
    named("");
    done("medical.sweep", NULL);
    assert_string_equal(reply("missed"), "1");
    done("medical.sweep", NULL);
    assert_int_equal(ask("medical.sweep", NULL), 0);
    assert_string_equal(reply("missed"), "0");
    assert_int_equal(f.plan.kind, OC_PLAN_NONE);
    assert_string_equal(kept("citizen:c1", "appts", "missed.0.date"), "20261101");
    assert_string_equal(kept("citizen:c2", "appts", "missed.0.date"), "20261101");
}

static void appointments_ahead_are_limited(void **state)
{
    (void)state;
    on(20261110, 800);
    for (int32_t day = 20261110; day < 20261113; day++) {
        offer(day);
    }
    put_schedule();
    holder("c2", OC_PRESENTED_CODE);
    const char *days[] = {"20261110", "20261111", "20261112"};
    for (int i = 0; i < 3; i++) {
        done("medical.book", NEIKE, "day", days[i], NULL);
    }
    refused(OC_R_LIMIT, "medical.book", NEIKE, "day", "20261123", NULL);
    assert_non_null(strstr(f.plan.detail, "3 appointments lie ahead"));
}

/* ---- registering ---- */

static void registering_pays_the_hospital_from_the_purse(void **state)
{
    (void)state;
    put_schedule();
    at("h2"); /* the city's desk stands anywhere */
    on(20261123, 800);
    done("medical.register", NEIKE, NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(f.plan.amount, 1500);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "h1"), 1500);
    assert_string_equal(reply("queue"), "1");
    assert_string_equal(reply("slot"), "830");
    const char *m = fake_message(&f.plan, "h1", "medical.registered");
    assert_string_equal(fake_at(m, "resourceType"), "Encounter");
    holder("c2", OC_PRESENTED_CHIP);
    done("medical.register", NEIKE, NULL);
    assert_string_equal(reply("queue"), "2");
}

static void R21_a_number_alone_neither_pays_from_purse_nor_account(void **state)
{
    (void)state;
    put_schedule();
    on(20261123, 800);
    holder("c1", OC_PRESENTED_NUMBER);
    refused(OC_R_NEEDS_CHIP, "medical.register", NEIKE, NULL);
    refused(OC_R_NEEDS_PRESENCE, "medical.register", NEIKE, "pay", "account", NULL);
    holder("c1", OC_PRESENTED_CODE);
    refused(OC_R_NEEDS_CHIP, "medical.register", NEIKE, NULL);
    done("medical.register", NEIKE, "pay", "account", NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_ACCOUNT);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), -1500);
    refused(OC_R_PARAMETER, "medical.register", NEIKE, "pay", "shells", NULL);
}

static void registering_an_appointment_takes_no_second_place(void **state)
{
    (void)state;
    put_schedule();
    char id[32];
    snprintf(id, sizeof(id), "%s", book("c1", "900"));
    holder("c1", OC_PRESENTED_CHIP);
    refused(OC_R_TOO_EARLY, "medical.register", "appointment", id, NULL);
    on(20261123, 850);
    done("medical.checkin", "appointment", id, NULL);
    done("medical.register", "appointment", id, NULL);
    assert_string_equal(kept("slot:h1", DAY23, "slot.1.booked"), "1");
    assert_int_equal(f.plan.amount, 1500);
    refused(OC_R_WRONG_STATE, "medical.register", "appointment", id, NULL);
    on(20261124, 30);
    assert_int_equal(ask("medical.sweep", NULL), 0);
    assert_string_equal(reply("missed"), "0");
}

static void registering_directly_from_a_booking_closes_it(void **state)
{
    (void)state;
    put_schedule();
    char id[32], key[48];
    snprintf(id, sizeof(id), "%s", book("c1", "900"));
    holder("c1", OC_PRESENTED_CHIP);
    on(20261123, 850);
    done("medical.register", "appointment", id, NULL);
    snprintf(key, sizeof(key), "appt/%s", id);
    assert_string_equal(kept("citizen:c1", key, "status"), "fulfilled");
    assert_null(kept("citizen:c1", "appts", "open.0"));
    assert_null(fake_get(&f, "medical", "day:20261123", id));
}

static void R6_giving_a_registration_back_refunds_to_the_pending_load(void **state)
{
    (void)state;
    put_schedule();
    on(20261123, 800);
    done("medical.register", NEIKE, NULL);
    original(f.committed, "medical.register", 1500, 0);
    done("medical.unregister", "txn", f.committed, NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_ACCOUNT);
    assert_true(f.plan.refund);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "h1"), -1500);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 1500);
    assert_string_equal(kept("slot:h1", DAY23, "slot.0.booked"), "0");
    assert_non_null(fake_message(&f.plan, "h1", "medical.unregistered"));
    refused(OC_R_WRONG_STATE, "medical.unregister", "txn", "T2", NULL);
}

static void giving_back_too_late_or_for_another_citizen_is_refused(void **state)
{
    (void)state;
    put_schedule();
    on(20261123, 800);
    done("medical.register", NEIKE, NULL);
    original(f.committed, "medical.register", 1500, 0);
    named("c2");
    refused(OC_R_NOT_FOUND, "medical.unregister", "txn", "T2", NULL);
    named("c1");
    on(20261124, 800);
    refused(OC_R_TOO_LATE, "medical.unregister", "txn", "T2", NULL);
    original(f.committed, "payment.purchase", 1500, 0);
    refused(OC_R_ORIGINAL_UNKNOWN, "medical.unregister", "txn", "T2", NULL);
}

static void cash_fee_is_given_back_where_it_was_taken(void **state)
{
    (void)state;
    put_schedule();
    at("h2");
    on(20261123, 800);
    done("medical.register", NEIKE, "pay", "cash", NULL);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "h2"), -1500);
    at("h1");
    original(f.committed, "medical.register", 1500, 0);
    refused(OC_R_TERMINAL_MAY_NOT, "medical.unregister", "txn", "T2", NULL);
    at("h2");
    done("medical.unregister", "txn", "T2", NULL);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "h2"), 1500);
}

static void a_free_registration_is_a_note_and_its_return_is_linked(void **state)
{
    (void)state;
    miss(20261123);
    on(20261123, 800);
    done("medical.register", NEIKE, NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    original(f.committed, "medical.register", 0, 0);
    char txn[32];
    snprintf(txn, sizeof(txn), "%s", f.committed);
    done("medical.unregister", "txn", txn, NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    assert_string_equal(f.plan.link, txn);
}

#define T(name) cmocka_unit_test_setup_teardown(name, city_setup, city_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(schedule_is_found_by_hospital_department_and_free_slot),
        T(schedule_with_a_wrong_member_is_refused_naming_it),
        T(schedule_put_again_keeps_the_places_that_are_taken),
        T(two_hospitals_book_the_last_slot_at_the_same_moment_one_gets_it),
        T(booking_tells_the_hospital_and_nothing_of_it_stands_in_the_reply),
        T(booking_twice_at_one_time_or_place_is_refused_duplicate),
        T(booking_too_far_ahead_or_behind_is_refused),
        T(cancelling_gives_the_place_back_until_an_hour_before),
        T(a_citizens_appointment_is_not_found_by_another),
        T(check_in_is_at_its_hospital_on_its_day_and_not_too_late),
        T(missed_appointments_are_counted_at_the_next_booking_and_limited),
        T(missed_appointments_count_no_longer_after_their_days),
        T(the_night_counts_who_did_not_come),
        T(appointments_ahead_are_limited),
        T(registering_pays_the_hospital_from_the_purse),
        T(R21_a_number_alone_neither_pays_from_purse_nor_account),
        T(registering_an_appointment_takes_no_second_place),
        T(registering_directly_from_a_booking_closes_it),
        T(R6_giving_a_registration_back_refunds_to_the_pending_load),
        T(giving_back_too_late_or_for_another_citizen_is_refused),
        T(cash_fee_is_given_back_where_it_was_taken),
        T(a_free_registration_is_a_note_and_its_return_is_linked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
