/* The payment module at a desk: cancelling, shifts, bills, money from a bank, the two histories. */
#include "fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE 60000

static struct fake f;
static void *ctx;

static int setup(void **state)
{
    (void)state;
    static const struct onecard_conf conf = {
        .module = &onecard_module,
        .values = {{"cancel_minutes", "30"}, {"bank", "citybank"}, {"load_min", "1"}},
    };
    fake_init(&f);
    return fake_load(&onecard_module, &conf, &ctx);
}

static int teardown(void **state)
{
    (void)state;
    onecard_module.unload(ctx);
    fake_reset();
    return 0;
}

static int ask(const char *service, fen_t amount)
{
    f.req.amount_fen = amount;
    return fake_decide(&onecard_module, ctx, service, &f);
}

static void params(const char *a, const char *av, const char *b, const char *bv)
{
    memset(f.params, 0, sizeof(f.params));
    f.params[0] = (struct fake_pair){a, av};
    f.params[1] = (struct fake_pair){b, bv};
}

static void refused(int rc, enum oc_reason reason)
{
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(f.plan.refused, reason);
}

static void sound(int rc, int kind, fen_t amount)
{
    assert_int_equal(rc, 0);
    assert_int_equal(f.plan.kind, kind);
    assert_int_equal(f.plan.amount, amount);
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_false(f.plan.overrun);
}

/* ---- cancelling ---- */

static char first_txn[400];

static void bought(const char *service, fen_t amount, int64_t minutes_ago, const char *card)
{
    f.original = (struct onecard_original){.size = sizeof(f.original),
                                           .txn = "FIRST",
                                           .service = service,
                                           .amount_fen = amount,
                                           .participant = "shop"};
    f.req.original = &f.original;
    snprintf(first_txn, sizeof(first_txn),
             "{\"id\":\"FIRST\",\"service\":\"%s\",\"at_ms\":%lld,\"card\":\"%s\","
             "\"reply\":{\"source\":\"cash\"}}",
             service, (long long)(f.req.now_ms - minutes_ago * MINUTE), card);
    f.txns[0] = (struct fake_pair){"FIRST", first_txn};
    params("txn", "FIRST", NULL, NULL);
}

static void R6_cancelled_purchase_goes_to_the_pending_load(void **state)
{
    (void)state;
    bought("payment.purchase", 1250, 29, "card:1");
    sound(ask("payment.cancel", 0), OC_PLAN_ACCOUNT, 1250);
    assert_true(f.plan.refund);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "shop"), -1250);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 1250);
}

static void cancel_after_its_window_or_elsewhere_or_of_a_part_is_refused(void **state)
{
    (void)state;
    bought("payment.purchase", 1250, 31, "card:1");
    refused(ask("payment.cancel", 0), OC_R_TOO_LATE);
    bought("payment.purchase", 1250, 1, "card:1");
    f.original.refunded_fen = 1;
    refused(ask("payment.cancel", 0), OC_R_DUPLICATE);
    bought("payment.purchase", 1250, 1, "card:1");
    f.original.participant = "other";
    refused(ask("payment.cancel", 0), OC_R_TERMINAL_MAY_NOT);
    bought("transit.ride", 200, 1, "card:1");
    refused(ask("payment.cancel", 0), OC_R_ORIGINAL_UNKNOWN);
}

static void R6_load_for_cash_is_undone_by_a_debit_once(void **state)
{
    (void)state;
    bought("payment.load", 100000, 5, f.card.record_owner);
    sound(ask("payment.unload", 0), OC_PLAN_DEBIT, 100000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "shop"), 100000);
    assert_string_equal(f.plan.link, "FIRST");
    assert_int_equal(fake_commit(&f), 0);
    refused(ask("payment.unload", 0), OC_R_DUPLICATE);
}

static void unload_of_another_card_or_of_no_cash_is_refused(void **state)
{
    (void)state;
    bought("payment.load", 100, 5, "card:77");
    refused(ask("payment.unload", 0), OC_R_OTHER_CARD);
    bought("payment.purchase", 100, 5, f.card.record_owner);
    refused(ask("payment.unload", 0), OC_R_ORIGINAL_UNKNOWN);
    bought("payment.load", 100, 5, f.card.record_owner);
    f.txns[0].value = "{\"id\":\"FIRST\",\"at_ms\":99999999999999,\"card\":\"card:1\","
                      "\"reply\":{\"source\":\"pending\"}}";
    refused(ask("payment.unload", 0), OC_R_ORIGINAL_UNKNOWN);
}

/* ---- a bank ---- */

static void R12_load_from_a_bank_is_held_there_first(void **state)
{
    (void)state;
    params("source", "bank", NULL, NULL);
    sound(ask("payment.load", 5000), OC_PLAN_CREDIT, 5000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "citybank"), -5000);
    assert_string_equal(f.plan.hold.to, "citybank");
    assert_string_equal(f.plan.hold.kind, "load");
    assert_int_equal(f.plan.hold.amount, 5000);
    assert_string_equal(fake_at(f.plan.hold.expect, "amount_fen"), "5000");
    params("source", "bank", "bank", "other");
    sound(ask("payment.load", 5000), OC_PLAN_CREDIT, 5000);
    assert_string_equal(f.plan.hold.to, "other");
    refused(ask("payment.load", 0), OC_R_AMOUNT);
    f.card.citizen = "";
    refused(ask("payment.load", 5000), OC_R_NO_CITIZEN);
}

/* ---- bills ---- */

static void bills_are_what_the_utility_says(void **state)
{
    (void)state;
    params("utility", "water", "account", "A-17");
    f.calls[0] = (struct fake_call){"water", "bills", 0,
                                    "{\"bills\":[{\"bill\":\"B1\",\"amount_fen\":4210}]}"};
    sound(ask("payment.bills", 0), OC_PLAN_NONE, 0);
    assert_string_equal(fake_at(fake_reply(&f.plan, "bills"), "0.amount_fen"), "4210");
    assert_string_equal(fake_at(f.called_doc, "account"), "A-17");
    f.calls[0].result = OC_ETIMEDOUT;
    refused(ask("payment.bills", 0), OC_R_UPSTREAM_AWAY);
    f.calls[0].result = OC_EREFUSED;
    f.calls[0].answer = "{\"detail\":\"no such customer\"}";
    refused(ask("payment.bills", 0), OC_R_UPSTREAM_REFUSED);
    params("utility", "water", "account", "A 17");
    refused(ask("payment.bills", 0), OC_R_PARAMETER);
}

static void this_bill(const char *source)
{
    params("utility", "water", "account", "A-17");
    f.params[2] = (struct fake_pair){"bill", "B1"};
    f.params[3] = (struct fake_pair){"source", source};
}

static void R12_same_bill_at_two_desks_is_paid_once(void **state)
{
    (void)state;
    this_bill("purse");
    sound(ask("payment.bill_pay", 4210), OC_PLAN_DEBIT, 4210);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "water"), 4210);
    assert_string_equal(f.plan.hold.kind, "bill");
    assert_string_equal(fake_at(f.plan.hold.expect, "bill"), "B1");
    static struct fake other;
    other = f; /* decided at the same moment, committed later */
    assert_int_equal(fake_commit(&f), 0);
    assert_int_equal(fake_commit(&other), OC_ECONFLICT);
    refused(ask("payment.bill_pay", 4210), OC_R_DUPLICATE);
}

static void bill_is_paid_from_the_account_where_it_suffices(void **state)
{
    (void)state;
    this_bill("account");
    sound(ask("payment.bill_pay", 3000), OC_PLAN_ACCOUNT, 3000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), -3000);
    refused(ask("payment.bill_pay", 3001), OC_R_FUNDS);
    this_bill("pocket");
    refused(ask("payment.bill_pay", 1), OC_R_PARAMETER);
}

/* ---- shifts ---- */

static const char sums[] =
    "{\"services\":[{\"service\":\"payment.load\",\"posted\":3,\"open\":1,\"amount_fen\":9000}],"
    "\"cash_taken_fen\":8000,\"cash_given_fen\":500,\"next\":41}";

static void open_shift(void)
{
    f.totals[0] = (struct fake_pair){f.req.terminal.id, sums};
    params("float", "200.00", NULL, NULL);
    sound(ask("payment.shift_open", 0), OC_PLAN_NOTE, 0);
    assert_string_equal(fake_reply(&f.plan, "shift"), "1");
    assert_int_equal(fake_commit(&f), 0);
}

static void R20_shift_is_closed_against_what_was_counted(void **state)
{
    (void)state;
    char owner[40];
    open_shift();
    params("float", "0", NULL, NULL);
    refused(ask("payment.shift_open", 0), OC_R_WRONG_STATE);
    params("counted", "274.50", NULL, NULL);
    sound(ask("payment.shift_close", 0), OC_PLAN_NOTE, 0);
    assert_string_equal(fake_reply(&f.plan, "expected_fen"), "27500");
    assert_string_equal(fake_reply(&f.plan, "difference_fen"), "-50");
    assert_string_equal(fake_reply(&f.plan, "open"), "1");
    assert_int_equal(f.plan.event_count, 1);
    assert_string_equal(f.plan.events[0].kind, "shift_difference");
    assert_int_equal(fake_commit(&f), 0);
    snprintf(owner, sizeof(owner), "terminal:%s", f.req.terminal.id);
    const char *closed = fake_get(&f, "payment", owner, "closed/0000000001");
    assert_non_null(closed);
    assert_string_equal(fake_at(closed, "counted_fen"), "27450");
    assert_string_equal(fake_at(fake_get(&f, "payment", owner, "shift"), "next"), "41");
    refused(ask("payment.shift_close", 0), OC_R_WRONG_STATE);
    params("number", "1", NULL, NULL);
    sound(ask("payment.shift_show", 0), OC_PLAN_NONE, 0);
    assert_string_equal(fake_at(fake_reply(&f.plan, "shift"), "difference_fen"), "-50");
    params("float", "0", NULL, NULL);
    sound(ask("payment.shift_open", 0), OC_PLAN_NOTE, 0);
    assert_string_equal(fake_reply(&f.plan, "shift"), "2");
    assert_int_equal(fake_commit(&f), 0);
    assert_string_equal(fake_at(fake_get(&f, "payment", owner, "shift"), "first"), "41");
}

static void shift_that_fits_leaves_no_event_and_can_be_looked_at_before(void **state)
{
    (void)state;
    open_shift();
    params(NULL, NULL, NULL, NULL);
    sound(ask("payment.shift_show", 0), OC_PLAN_NONE, 0);
    assert_string_equal(fake_at(fake_reply(&f.plan, "shift"), "expected_fen"), "27500");
    params("number", "1", NULL, NULL);
    refused(ask("payment.shift_show", 0), OC_R_NOT_FOUND);
    params("counted", "275", NULL, NULL);
    sound(ask("payment.shift_close", 0), OC_PLAN_NOTE, 0);
    assert_int_equal(f.plan.event_count, 0);
    params("counted", "much", NULL, NULL);
    refused(ask("payment.shift_close", 0), OC_R_PARAMETER);
}

/* ---- history ---- */

static void history_stands_beside_the_ledgers(void **state)
{
    (void)state;
    static const struct onecard_log_entry log[] = {
        {6, 18, 300, "112233445566", 20261121, 83000},
        {6, 17, 1250, "112233445566", 20261121, 82000},
        {2, 3, 5000, "112233445566", 20261120, 0},
    };
    f.req.log = log;
    f.req.log_count = 3;
    f.history =
        "[{\"txn\":\"D\",\"service\":\"payment.purchase\",\"state\":\"in_doubt\",\"kind\":1,"
        "\"counter\":18,\"amount_fen\":77},"
        "{\"txn\":\"C\",\"service\":\"payment.purchase\",\"state\":\"refused\",\"kind\":1,"
        "\"counter\":17,\"amount_fen\":1},"
        "{\"txn\":\"B\",\"service\":\"payment.purchase\",\"state\":\"posted\",\"kind\":1,"
        "\"counter\":16,\"amount_fen\":1250},"
        "{\"txn\":\"A\",\"service\":\"payment.load\",\"state\":\"posted\",\"kind\":2,"
        "\"counter\":2,\"amount_fen\":5000}]";
    params(NULL, NULL, NULL, NULL);
    sound(ask("payment.history", 0), OC_PLAN_NONE, 0);
    const char *lines = fake_reply(&f.plan, "log");
    assert_null(fake_at(lines, "0.txn")); /* an offline purchase that has not come yet */
    assert_string_equal(fake_at(lines, "1.txn"), "B");
    assert_string_equal(fake_at(lines, "2.txn"), "A");
    assert_string_equal(fake_at(lines, "2.state"), "posted");
    const char *only = fake_reply(&f.plan, "ledger_only");
    assert_string_equal(fake_at(only, "0.txn"), "D");
    assert_null(fake_at(only, "1.txn"));
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(R6_cancelled_purchase_goes_to_the_pending_load),
        TEST(cancel_after_its_window_or_elsewhere_or_of_a_part_is_refused),
        TEST(R6_load_for_cash_is_undone_by_a_debit_once),
        TEST(unload_of_another_card_or_of_no_cash_is_refused),
        TEST(R12_load_from_a_bank_is_held_there_first),
        TEST(bills_are_what_the_utility_says),
        TEST(R12_same_bill_at_two_desks_is_paid_once),
        TEST(bill_is_paid_from_the_account_where_it_suffices),
        TEST(R20_shift_is_closed_against_what_was_counted),
        TEST(shift_that_fits_leaves_no_event_and_can_be_looked_at_before),
        TEST(history_stands_beside_the_ledgers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
