/* The payment module against the fake host: what each service plans, posts and refuses. */
#include "fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fake f;
static void *ctx;

static int setup(void **state)
{
    (void)state;
    static const struct onecard_conf conf = {
        .module = &onecard_module,
        .values = {{"purchase_max", "100"},
                   {"load_min", "1"},
                   {"load_max", "500"},
                   {"deposit_max", "1000"}},
    };
    fake_init(&f);
    return fake_load(&onecard_module, &conf, &ctx);
}

static int teardown(void **state)
{
    (void)state;
    onecard_module.unload(ctx);
    return 0;
}

static int ask(const char *service, fen_t amount)
{
    f.req.amount_fen = amount;
    return fake_decide(&onecard_module, ctx, service, &f);
}

static void param(const char *name, const char *value)
{
    f.params[0] = (struct fake_pair){name, value};
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

static void R1_purchase_pays_the_merchant_and_leaves_sufficiency_to_the_chip(void **state)
{
    (void)state;
    f.card.balance_fen = 1;
    sound(ask("payment.purchase", 1250), OC_PLAN_DEBIT, 1250);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "shop"), 1250);
    assert_int_equal(f.plan.capp_count, 0);
}

static void purchase_over_single_max_is_refused_limit(void **state)
{
    (void)state;
    sound(ask("payment.purchase", 10000), OC_PLAN_DEBIT, 10000);
    refused(ask("payment.purchase", 10001), OC_R_LIMIT);
}

static void R7_cash_load_is_owed_by_the_participant(void **state)
{
    (void)state;
    sound(ask("payment.load", 5000), OC_PLAN_CREDIT, 5000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "shop"), -5000);
    assert_string_equal(fake_reply(&f.plan, "source"), "cash");
    param("source", "cash");
    sound(ask("payment.load", 5000), OC_PLAN_CREDIT, 5000);
}

static void cash_load_without_amount_or_below_the_least_is_refused(void **state)
{
    (void)state;
    refused(ask("payment.load", 0), OC_R_AMOUNT);
    refused(ask("payment.load", 99), OC_R_AMOUNT);
    refused(ask("payment.load", 50001), OC_R_LIMIT);
}

static void R6_pending_load_without_amount_takes_all_that_waits(void **state)
{
    (void)state;
    param("source", "pending");
    f.card.pending_load_fen = 730;
    sound(ask("payment.load", 0), OC_PLAN_CREDIT, 730);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), -730);
    sound(ask("payment.load", 30), OC_PLAN_CREDIT, 30);
    refused(ask("payment.load", 731), OC_R_FUNDS);
    f.card.pending_load_fen = 0;
    refused(ask("payment.load", 0), OC_R_FUNDS);
}

static void R7_account_load_needs_a_citizen_with_the_money(void **state)
{
    (void)state;
    param("source", "account");
    sound(ask("payment.load", 3000), OC_PLAN_CREDIT, 3000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), -3000);
    refused(ask("payment.load", 3001), OC_R_FUNDS);
    refused(ask("payment.load", 0), OC_R_AMOUNT);
    f.card.citizen = "";
    refused(ask("payment.load", 100), OC_R_FUNDS);
}

static void load_from_an_unknown_source_is_refused_parameter(void **state)
{
    (void)state;
    param("source", "bank");
    refused(ask("payment.load", 100), OC_R_PARAMETER);
}

static void deposit_moves_cash_to_the_citizens_account(void **state)
{
    (void)state;
    sound(ask("payment.deposit", 2000), OC_PLAN_ACCOUNT, 2000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "shop"), -2000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), 2000);
    assert_string_equal(fake_reply(&f.plan, "account_fen"), "5000");
    refused(ask("payment.deposit", 100001), OC_R_LIMIT);
    f.card.citizen = "";
    refused(ask("payment.deposit", 2000), OC_R_PARAMETER);
}

static void original(const char *service, fen_t amount, fen_t refunded)
{
    f.original = (struct onecard_original){sizeof(f.original), "0ABCDEF", service, amount,
                                           refunded,           "kiosk",   20261120};
    f.req.original = &f.original;
    f.req.card = NULL;
}

static void R6_refund_goes_from_the_seller_to_the_pending_load_without_a_card(void **state)
{
    (void)state;
    original("payment.purchase", 1000, 400);
    sound(ask("payment.refund", 0), OC_PLAN_ACCOUNT, 600);
    assert_true(f.plan.refund);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "kiosk"), -600);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 600);
    assert_string_equal(fake_reply(&f.plan, "original_left_fen"), "0");
    sound(ask("payment.refund", 100), OC_PLAN_ACCOUNT, 100);
}

static void R6_refund_over_what_is_left_is_refused(void **state)
{
    (void)state;
    original("payment.purchase", 1000, 400);
    refused(ask("payment.refund", 601), OC_R_OVER_ORIGINAL);
    original("payment.purchase", 1000, 1000);
    refused(ask("payment.refund", 0), OC_R_OVER_ORIGINAL);
}

static void refund_of_a_load_a_refund_or_a_ride_is_refused(void **state)
{
    (void)state;
    original("payment.load", 1000, 0);
    refused(ask("payment.refund", 0), OC_R_ORIGINAL_UNKNOWN);
    original("payment.refund", 1000, 0);
    refused(ask("payment.refund", 0), OC_R_ORIGINAL_UNKNOWN);
    original("payment.purchas", 1000, 0);
    refused(ask("payment.refund", 0), OC_R_ORIGINAL_UNKNOWN);
    original("transit.ride", 200, 0); /* a concession's bearer has a part in it (R14) */
    refused(ask("payment.refund", 0), OC_R_ORIGINAL_UNKNOWN);
}

static void refund_elsewhere_is_refused_where_the_city_says_so(void **state)
{
    (void)state;
    static const struct onecard_conf conf = {
        .module = &onecard_module,
        .values = {{"refund_same_participant", "true"}},
    };
    void *own;
    assert_int_equal(fake_load(&onecard_module, &conf, &own), 0);
    original("payment.purchase", 1000, 0);
    int elsewhere = fake_decide(&onecard_module, own, "payment.refund", &f);
    enum oc_reason reason = f.plan.refused;
    f.req.terminal.participant = "kiosk";
    int there = fake_decide(&onecard_module, own, "payment.refund", &f);
    onecard_module.unload(own);
    assert_int_equal(elsewhere, OC_EREFUSED);
    assert_int_equal(reason, OC_R_TERMINAL_MAY_NOT);
    assert_int_equal(there, 0);
}

static void balance_tells_what_waits_and_moves_nothing(void **state)
{
    (void)state;
    f.card.pending_load_fen = 70;
    f.card.ceiling_fen = 100000;
    sound(ask("payment.balance", 0), OC_PLAN_NONE, 0);
    assert_int_equal(f.plan.leg_count, 0);
    assert_string_equal(fake_reply(&f.plan, "pending_load_fen"), "70");
    assert_string_equal(fake_reply(&f.plan, "account_fen"), "3000");
    assert_string_equal(fake_reply(&f.plan, "ceiling_fen"), "100000");
    f.card.citizen = "";
    assert_int_equal(ask("payment.balance", 0), 0);
    assert_null(fake_reply(&f.plan, "account_fen"));
}

static void history_shows_the_cards_log(void **state)
{
    (void)state;
    static const struct onecard_log_entry log[] = {
        {6, 17, 1250, "112233445566", 20261121, 83000},
        {2, 3, 5000, NULL, 20261120, 0},
    };
    f.req.log = log;
    f.req.log_count = 2;
    sound(ask("payment.history", 0), OC_PLAN_NONE, 0);
    assert_string_equal(fake_reply(&f.plan, "log"),
                        "[{\"kind\":\"purchase\",\"counter\":17,\"amount_fen\":1250,\"sam\":"
                        "\"112233445566\",\"date\":\"2026-11-21\","
                        "\"time\":\"08:30:00\"},{\"kind\":\"load\",\"counter\":3,\"amount_fen\":5000,"
                        "\"sam\":\"\",\"date\":\"2026-11-20\","
                        "\"time\":\"00:00:00\"}]");
    param("count", "1");
    assert_int_equal(ask("payment.history", 0), 0);
    assert_null(strstr(fake_reply(&f.plan, "log"), "load"));
    param("count", "0");
    refused(ask("payment.history", 0), OC_R_PARAMETER);
    param("count", "3x");
    refused(ask("payment.history", 0), OC_R_PARAMETER);
}

static void R21_account_tells_the_holder_what_it_keeps_from_who_knows_the_number(void **state)
{
    (void)state;
    f.card.last_ms = 1795220000000;
    f.card.last_service = "payment.purchase";
    f.card.last_terminal = "shop-1";
    f.card.pending_load_fen = 700;
    sound(ask("payment.account", 0), OC_PLAN_NONE, 0);
    assert_string_equal(fake_reply(&f.plan, "state"), "active");
    assert_string_equal(fake_reply(&f.plan, "doubt_open"), "false");
    assert_string_equal(fake_reply(&f.plan, "pending_load_fen"), "700");
    assert_string_equal(fake_reply(&f.plan, "account_fen"), "3000");
    assert_string_equal(fake_reply(&f.plan, "last_terminal"), "shop-1");
    f.req.presented = OC_PRESENTED_NUMBER;
    f.card.has_balance = false;
    f.card.doubt_open = true;
    sound(ask("payment.account", 0), OC_PLAN_NONE, 0);
    assert_null(fake_reply(&f.plan, "account_fen"));
    assert_string_equal(fake_reply(&f.plan, "doubt_open"), "true");
    assert_string_equal(fake_reply(&f.plan, "pending_load_fen"), "700");
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(R1_purchase_pays_the_merchant_and_leaves_sufficiency_to_the_chip),
        TEST(purchase_over_single_max_is_refused_limit),
        TEST(R7_cash_load_is_owed_by_the_participant),
        TEST(cash_load_without_amount_or_below_the_least_is_refused),
        TEST(R6_pending_load_without_amount_takes_all_that_waits),
        TEST(R7_account_load_needs_a_citizen_with_the_money),
        TEST(load_from_an_unknown_source_is_refused_parameter),
        TEST(deposit_moves_cash_to_the_citizens_account),
        TEST(R6_refund_goes_from_the_seller_to_the_pending_load_without_a_card),
        TEST(R6_refund_over_what_is_left_is_refused),
        TEST(refund_of_a_load_a_refund_or_a_ride_is_refused),
        TEST(refund_elsewhere_is_refused_where_the_city_says_so),
        TEST(balance_tells_what_waits_and_moves_nothing),
        TEST(history_shows_the_cards_log),
        TEST(R21_account_tells_the_holder_what_it_keeps_from_who_knows_the_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
