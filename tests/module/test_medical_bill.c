/* Medical: bills, settlements, stays in hospital. */
#include "medical_city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_bill(void)
{
    at("h1");
    named("c1");
    document(invoice_b1);
    done("medical.bill_put", NULL);
    document(NULL);
    holder("c1", OC_PRESENTED_CHIP);
}

static void bill_put_again_changes_nothing(void **state)
{
    (void)state;
    put_bill();
    document(invoice_b1);
    assert_int_equal(ask("medical.bill_put", NULL), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NONE);
    assert_string_equal(reply("unchanged"), "true");
}

static void bill_whose_lines_are_not_its_total_is_refused(void **state)
{
    (void)state;
    document("{\"id\":\"B2\",\"date\":20261121,\"type\":\"outpatient\",\"lineItem\":[{\"code\":"
             "\"X1\",\"display\":\"CT\",\"class\":\"A\",\"amount_fen\":100}],"
             "\"totalGross_fen\":101}");
    refused(OC_R_AMOUNT, "medical.bill_put", NULL);
    document("{\"id\":\"B2\",\"date\":20261121,\"type\":\"outpatient\",\"lineItem\":[{\"code\":"
             "\"X1\",\"display\":\"CT\",\"class\":\"D\",\"amount_fen\":100}],"
             "\"totalGross_fen\":100}");
    refused(OC_R_PARAMETER, "medical.bill_put", NULL);
    assert_non_null(strstr(f.plan.detail, "lineItem 1.class"));
    document("{\"id\":\"B2\",\"date\":20261121,\"type\":\"outpatient\",\"lineItem\":[],"
             "\"totalGross_fen\":0}");
    refused(OC_R_PARAMETER, "medical.bill_put", NULL);
}

static void documents_come_from_hospitals_only_where_these_are_named(void **state)
{
    static const struct onecard_conf conf = {.module = &onecard_module,
                                             .values = {{"hospitals", "h1 h2"}}};
    (void)state;
    onecard_module.unload(ctx);
    assert_int_equal(fake_load(&onecard_module, &conf, &ctx), 0);
    put_bill();
    at("shop");
    document(invoice_b1);
    static const char *const services[] = {"medical.bill_put", "medical.schedule_put",
                                           "medical.report_put", "medical.dispense_put",
                                           "medical.admit"};
    for (size_t i = 0; i < 5; i++) {
        refused(OC_R_TERMINAL_MAY_NOT, services[i], NULL);
    }
}

static void bill_changed_while_open_is_replaced_and_can_be_cancelled(void **state)
{
    (void)state;
    put_bill();
    document("{\"id\":\"B1\",\"date\":20261121,\"type\":\"outpatient\",\"lineItem\":[{\"code\":"
             "\"X1\",\"display\":\"CT\",\"class\":\"A\",\"amount_fen\":100}],"
             "\"totalGross_fen\":100}");
    done("medical.bill_put", NULL);
    assert_string_equal(kept("citizen:c1", ref("bill", "h1", "B1"), "totalGross_fen"), "100");
    document("{\"id\":\"B1\",\"cancelled\":true,\"date\":20261121,\"type\":\"outpatient\","
             "\"lineItem\":[{\"code\":\"X1\",\"display\":\"CT\",\"class\":\"A\","
             "\"amount_fen\":100}],\"totalGross_fen\":100}");
    done("medical.bill_put", NULL);
    document(NULL);
    refused(OC_R_WRONG_STATE, "medical.settle", "bill", "B1", NULL);
    assert_int_equal(ask("medical.bills", NULL), 0);
    assert_null(reply("bills.0"));
}

static void bills_of_other_hospitals_are_seen_only_with_the_holder_there(void **state)
{
    (void)state;
    put_bill();
    assert_int_equal(ask("medical.bills", NULL), 0);
    assert_string_equal(reply("bills.0.total_fen"), "18000");
    at("h2");
    assert_int_equal(ask("medical.bills", NULL), 0);
    assert_string_equal(reply("bills.0.id"), "B1");
    named("c1");
    assert_int_equal(ask("medical.bills", NULL), 0);
    assert_null(reply("bills.0"));
}

static void lists_longer_than_a_page_go_on(void **state)
{
    (void)state;
    char json[400], after[40] = "";
    int seen = 0, pages = 0;
    for (int i = 0; i < 60; i++) {
        snprintf(json, sizeof(json),
                 "{\"id\":\"N%d\",\"date\":20261121,\"type\":\"outpatient\",\"lineItem\":[{"
                 "\"code\":\"X1\",\"display\":\"CT\",\"class\":\"A\",\"amount_fen\":100}],"
                 "\"totalGross_fen\":100}",
                 i);
        document(json);
        done("medical.bill_put", NULL);
    }
    document(NULL);
    do {
        char path[24];
        assert_int_equal(ask("medical.bills", "after", after, NULL), 0);
        int i = 0;
        for (snprintf(path, sizeof(path), "bills.%d", i); reply(path);
             snprintf(path, sizeof(path), "bills.%d", ++i)) {
        }
        assert_true(strlen(reply("bills")) < 4096);
        seen += i;
        pages++;
        snprintf(after, sizeof(after), "%s", reply("next"));
    } while (*after && pages < 50);
    assert_int_equal(seen, 60);
    assert_true(pages > 1);
}

/* ---- settling ---- */

static void R13_one_settlement_is_one_transaction_of_fund_personal_account_and_purse(void **state)
{
    (void)state;
    put_bill();
    at("h2");
    done("medical.settle", "hospital", "h1", "bill", "B1", NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(f.plan.amount, 6200);
    assert_int_equal(f.plan.gross, 18000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), -10800);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c1"), -1000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "h1"), 18000);
    assert_string_equal(kept("citizen:c1", ref("bill", "h1", "B1"), "status"), "balanced");
    const char *m = fake_message(&f.plan, "h1", "medical.settled");
    assert_string_equal(fake_at(m, "resourceType"), "ClaimResponse");
    assert_string_equal(reply("slip_en"), "Total 180.00 Fund 108.00 Personal account 10.00 "
                                          "Own part 62.00");
    assert_string_equal(reply("slip_zh"),
                        "合计 180.00 统筹支付 108.00 个人账户 10.00 个人自付 62.00");
}

static void the_same_bill_paid_at_two_desks_is_paid_once(void **state)
{
    (void)state;
    static struct onecard_plan first;
    put_bill();
    assert_int_equal(ask("medical.settle", "bill", "B1", NULL), 0);
    first = f.plan;
    at("h2"); /* a relative pays elsewhere at the same moment */
    holder("c1", OC_PRESENTED_CODE);
    assert_int_equal(ask("medical.settle", "hospital", "h1", "bill", "B1", "pay", "cash", NULL), 0);
    commit();
    f.plan = first;
    assert_int_equal(fake_commit(&f), OC_ECONFLICT);
    at("h1");
    refused(OC_R_DUPLICATE, "medical.settle", "bill", "B1", NULL);
}

static void a_settlement_is_planned_whole_and_given_up_whole(void **state)
{
    (void)state;
    put_bill();
    /* Voided: the plan is given up whole, the bill is open as before. */
    assert_int_equal(ask("medical.settle", "bill", "B1", NULL), 0);
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_string_equal(kept("citizen:c1", ref("bill", "h1", "B1"), "status"), "issued");
    /* The legs of fund and account, the bill and the chip's debit are one plan: posted together. */
    done("medical.settle", "bill", "B1", NULL);
    assert_int_equal(f.plan.leg_count, 3);
    assert_int_equal(f.plan.record_count, 2);
}

static void R21_a_number_alone_spends_neither_fund_nor_personal_account(void **state)
{
    (void)state;
    put_bill();
    holder("c1", OC_PRESENTED_NUMBER);
    refused(OC_R_NEEDS_PRESENCE, "medical.settle", "bill", "B1", "pay", "cash", NULL);
    assert_int_equal(f.asked, 0);
    done("medical.settle", "bill", "B1", "pay", "cash", "insurance", "no", NULL);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "h1"), -18000);
}

static void a_hospitals_own_system_settles_with_a_code_from_the_account(void **state)
{
    (void)state;
    put_bill();
    f.req.institution = true;
    holder("c1", OC_PRESENTED_CODE);
    refused(OC_R_NEEDS_CHIP, "medical.settle", "bill", "B1", NULL);
    refused(OC_R_PARAMETER, "medical.settle", "bill", "B1", "pay", "cash", NULL);
    done("medical.settle", "bill", "B1", "pay", "account", NULL);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), -6200);
}

static void settling_without_insurance_is_the_citizens_own(void **state)
{
    (void)state;
    put_bill();
    done("medical.settle", "bill", "B1", "insurance", "no", "pay", "account", NULL);
    assert_int_equal(f.asked, 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), -18000);
}

static void settling_where_social_security_is_not_loaded_says_what_to_do(void **state)
{
    (void)state;
    put_bill();
    f.asks[0].service = NULL;
    refused(OC_R_UNKNOWN_SERVICE, "medical.settle", "bill", "B1", NULL);
    assert_non_null(strstr(f.plan.detail, "insurance=no"));
}

static void a_split_whose_parts_are_not_the_bill_is_not_posted(void **state)
{
    (void)state;
    put_bill();
    f.asks[0].module = NULL;
    f.asks[0].reply = "{\"settlement_id\":\"S1\",\"total_fen\":18000,\"fund_fen\":20000,"
                      "\"personal_fen\":0,\"family_fen\":0,\"cash_fen\":-2000}";
    refused(OC_R_MODULE, "medical.settle", "bill", "B1", NULL);
    f.asks[0].reply = "{\"settlement_id\":\"S1\",\"total_fen\":18001,\"fund_fen\":0,"
                      "\"personal_fen\":0,\"family_fen\":0,\"cash_fen\":18001}";
    refused(OC_R_MODULE, "medical.settle", "bill", "B1", NULL);
    f.asks[0].refused = OC_R_NOT_ELIGIBLE;
    refused(OC_R_NOT_ELIGIBLE, "medical.settle", "bill", "B1", NULL);
}

static char settled_txn[32];

static void settle_b1(const char *pay)
{
    put_bill();
    done("medical.settle", "bill", "B1", "pay", pay, NULL);
    snprintf(settled_txn, sizeof(settled_txn), "%s", f.committed);
    original(settled_txn, "medical.settle", f.plan.amount, 0);
}

static void R13_cancelling_gives_every_part_back_to_where_it_came_from(void **state)
{
    (void)state;
    settle_b1("purse");
    done("medical.settle_cancel", "txn", settled_txn, NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_ACCOUNT);
    assert_true(f.plan.refund);
    assert_int_equal(f.plan.amount, 6200); /* what the chip paid */
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), 10800);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c1"), 1000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 6200);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "h1"), -18000);
    assert_string_equal(kept("citizen:c1", ref("bill", "h1", "B1"), "status"), "issued");
    assert_non_null(fake_message(&f.plan, "h1", "medical.settle_cancelled"));
    refused(OC_R_WRONG_STATE, "medical.settle_cancel", "txn", settled_txn, NULL);
    original(f.committed, "medical.settle_cancel", 6200, 0);
    refused(OC_R_ORIGINAL_UNKNOWN, "medical.settle_cancel", "txn", f.committed, NULL);
    done("medical.settle", "bill", "B1", NULL); /* and it may be settled again */
}

static void a_settlement_that_was_cancelled_does_not_stand_for_the_one_after_it(void **state)
{
    (void)state;
    settle_b1("purse");
    done("medical.settle_cancel", "txn", settled_txn, NULL);
    done("medical.settle", "bill", "B1", NULL);
    original(settled_txn, "medical.settle", 6200, 6200); /* the first once more */
    refused(OC_R_WRONG_STATE, "medical.settle_cancel", "txn", settled_txn, NULL);
    refused(OC_R_WRONG_STATE, "medical.refund_lines", "txn", settled_txn, "lines", "3", NULL);
}

static void R13_partial_refund_settles_the_rest_again_in_one_transaction(void **state)
{
    (void)state;
    settle_b1("purse");
    done("medical.refund_lines", "txn", settled_txn, "lines", "2,3", NULL);
    /* The rest of 100.00: fund 60, account 10, own 30; before 108, 10, 62. */
    assert_true(f.plan.refund);
    assert_int_equal(f.plan.amount, 3200);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), 4800);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c1"), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 3200);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "h1"), -8000);
    assert_string_equal(kept("citizen:c1", ref("bill", "h1", "B1"), "totalGross_fen"), "10000");
    assert_string_equal(kept("citizen:c1", ref("bill", "h1", "B1"), "refundedItem.1.sequence"),
                        "3");
    assert_string_equal(kept("citizen:c1", ref("bill", "h1", "B1"), "status"), "balanced");
    /* Then the rest is cancelled: exactly what is left of the first transaction. */
    original(settled_txn, "medical.settle", 6200, 3200);
    done("medical.settle_cancel", "txn", settled_txn, NULL);
    assert_int_equal(f.plan.amount, 3000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 3000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_FUND, "fund-employee"), 6000);
    assert_int_equal(fake_holds(&f, OC_ACCT_MERCHANT, "h1"), 0);
    assert_int_equal(fake_holds(&f, OC_ACCT_FUND, "fund-employee"), 0);
}

static void a_partial_refund_after_the_years_end_names_the_first_bills_date(void **state)
{
    (void)state;
    settle_b1("purse");
    on(20270105, 900);
    done("medical.refund_lines", "txn", settled_txn, "lines", "3", NULL);
    assert_int_equal(split_asked.date, 20261121); /* that year's accumulators, by social's rule */
    assert_string_equal(split_asked.replaces, "S1");
}

static void refunding_all_or_no_or_unknown_lines_is_refused(void **state)
{
    (void)state;
    settle_b1("purse");
    refused(OC_R_WRONG_STATE, "medical.refund_lines", "txn", settled_txn, "lines", "1,2,3", NULL);
    refused(OC_R_PARAMETER, "medical.refund_lines", "txn", settled_txn, "lines", "4", NULL);
    refused(OC_R_PARAMETER, "medical.refund_lines", "txn", settled_txn, "lines", "2,2", NULL);
    refused(OC_R_PARAMETER, "medical.refund_lines", "txn", settled_txn, "lines", "x", NULL);
    refused(OC_R_PARAMETER, "medical.refund_lines", "txn", settled_txn, "lines",
            "99999999999999999", NULL);
}

static void lines_that_were_refunded_are_not_refunded_again(void **state)
{
    (void)state;
    settle_b1("account");
    assert_int_equal(f.plan.amount, 18000); /* of a transfer all of it counts */
    done("medical.refund_lines", "txn", settled_txn, "lines", "3", NULL);
    assert_int_equal(f.plan.amount, 3000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_CITIZEN, "c1"), 1200);
    original(settled_txn, "medical.settle", 18000, 3000);
    refused(OC_R_PARAMETER, "medical.refund_lines", "txn", settled_txn, "lines", "3", NULL);
    document(invoice_b1); /* the hospital's system sends it once more */
    assert_int_equal(ask("medical.bill_put", NULL), 0);
    assert_string_equal(reply("unchanged"), "true");
    document("{\"id\":\"B1\",\"date\":20261121,\"type\":\"outpatient\",\"lineItem\":[{\"code\":"
             "\"X1\",\"display\":\"CT\",\"class\":\"A\",\"amount_fen\":100}],"
             "\"totalGross_fen\":100}");
    refused(OC_R_WRONG_STATE, "medical.bill_put", NULL);
}

static void a_bill_is_settled_with_money_that_waits_for_the_card(void **state)
{
    (void)state;
    put_bill();
    holder("c1", OC_PRESENTED_NUMBER);
    refused(OC_R_NEEDS_PRESENCE, "medical.settle", "bill", "B1", "pay", "pending", NULL);
    holder("c1", OC_PRESENTED_CODE);
    done("medical.settle", "bill", "B1", "pay", "pending", NULL);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), -6200);
}

/* ---- stays ---- */

static void admit(void)
{
    at("h1");
    named("c1");
    document("{\"id\":\"A1\",\"date\":20261120,\"serviceType\":\"waike\",\"bed\":\"3-12\"}");
    done("medical.admit", NULL);
    document(NULL);
    holder("c1", OC_PRESENTED_CHIP);
}

static void deposit(fen_t amount)
{
    f.req.amount_fen = amount;
    done("medical.deposit", "admission", "A1", NULL);
    f.req.amount_fen = 0;
}

static void bill_a1(void)
{
    document("{\"id\":\"B7\",\"date\":20261121,\"type\":\"inpatient\",\"admission\":\"A1\","
             "\"lineItem\":[{\"code\":\"X1\",\"display\":\"op\",\"class\":\"A\","
             "\"amount_fen\":500000}],\"totalGross_fen\":500000}");
    done("medical.bill_put", NULL);
    document(NULL);
    done("medical.discharge", "admission", "A1", NULL);
}

static const char *account_a1(void)
{
    for (size_t i = 0; i < f.plan.leg_count; i++) {
        if (f.plan.legs[i].account == OC_ACCT_DEPOSIT) {
            return f.plan.legs[i].owner;
        }
    }
    return "";
}

static void a_deposit_is_taken_and_more_of_it(void **state)
{
    (void)state;
    admit();
    deposit(100000);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_string_equal(reply("deposit_fen"), "100000");
    assert_non_null(fake_message(&f.plan, "h1", "medical.deposited"));
    deposit(50000);
    assert_string_equal(reply("deposit_fen"), "150000");
    f.req.amount_fen = 100;
    refused(OC_R_NOT_FOUND, "medical.deposit", "admission", "A2", NULL);
    document("{\"id\":\"A1\",\"date\":20261120,\"serviceType\":\"waike\",\"bed\":\"3-12\"}");
    assert_int_equal(ask("medical.admit", NULL), 0);
    assert_string_equal(reply("unchanged"), "true");
    document("{\"id\":\"A1\",\"date\":20261119,\"serviceType\":\"waike\"}");
    refused(OC_R_CONFLICT, "medical.admit", NULL);
}

static void a_stay_that_cost_less_than_its_deposit_returns_the_rest(void **state)
{
    (void)state;
    admit();
    deposit(300000);
    refused(OC_R_WRONG_STATE, "medical.inpatient_settle", "admission", "A1", NULL);
    bill_a1(); /* 5,000: fund 3,000, account 10, own 1,990 */
    done("medical.inpatient_settle", "admission", "A1", NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_ACCOUNT);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_DEPOSIT, account_a1()), -300000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "h1"), 500000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 101000);
    assert_string_equal(reply("returned_fen"), "101000");
    assert_non_null(strstr(reply("slip_zh"), "退还 1010.00"));
    refused(OC_R_DUPLICATE, "medical.inpatient_settle", "admission", "A1", NULL);
    refused(OC_R_FUNDS, "medical.deposit_return", "admission", "A1", NULL);
}

static void a_stay_that_cost_more_than_its_deposit_takes_the_difference(void **state)
{
    (void)state;
    admit();
    deposit(100000);
    bill_a1();
    done("medical.inpatient_settle", "admission", "A1", NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(f.plan.amount, 99000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_DEPOSIT, account_a1()), -100000);
}

static void R6_cancelling_a_stays_settlement_gives_each_part_back_where_it_came_from(void **state)
{
    (void)state;
    admit();
    deposit(100000);
    bill_a1();
    done("medical.inpatient_settle", "admission", "A1", NULL);
    char owner[32];
    snprintf(owner, sizeof(owner), "%s", account_a1());
    original(f.committed, "medical.inpatient_settle", 99000, 0);
    done("medical.settle_cancel", "txn", f.committed, NULL);
    assert_int_equal(f.plan.amount, 99000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PENDING_LOAD, ""), 99000);
    assert_int_equal(fake_holds(&f, OC_ACCT_DEPOSIT, owner), 100000);
    refused(OC_R_WRONG_STATE, "medical.deposit_return", "admission", "A1", NULL);
    done("medical.inpatient_settle", "admission", "A1", NULL);
    assert_int_equal(f.plan.kind, OC_PLAN_DEBIT);
    assert_int_equal(f.plan.amount, 99000);
    assert_int_equal(fake_holds(&f, OC_ACCT_DEPOSIT, owner), 0);
}

static void the_deposit_of_a_stay_that_did_not_take_place_is_returned(void **state)
{
    (void)state;
    admit();
    deposit(100000);
    refused(OC_R_WRONG_STATE, "medical.deposit_return", "admission", "A1", NULL);
    done("medical.discharge", "admission", "A1", "cancelled", "yes", NULL);
    f.req.amount_fen = 100001;
    refused(OC_R_FUNDS, "medical.deposit_return", "admission", "A1", NULL);
    f.req.amount_fen = 0;
    done("medical.deposit_return", "admission", "A1", "pay", "cash", NULL);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_LOAD_RECEIVABLE, "h1"), 100000);
    assert_string_equal(reply("deposit_fen"), "0");
}

static void a_stays_bill_is_not_settled_as_an_outpatients(void **state)
{
    (void)state;
    admit();
    bill_a1();
    refused(OC_R_WRONG_STATE, "medical.settle", "bill", "B7", NULL);
    document("{\"id\":\"B8\",\"date\":20261121,\"type\":\"inpatient\",\"admission\":\"A1\","
             "\"lineItem\":[{\"code\":\"X1\",\"display\":\"op\",\"class\":\"A\","
             "\"amount_fen\":500000}],\"totalGross_fen\":500000}");
    refused(OC_R_DUPLICATE, "medical.bill_put", NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, city_setup, city_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(bill_put_again_changes_nothing),
        T(bill_whose_lines_are_not_its_total_is_refused),
        T(documents_come_from_hospitals_only_where_these_are_named),
        T(bill_changed_while_open_is_replaced_and_can_be_cancelled),
        T(bills_of_other_hospitals_are_seen_only_with_the_holder_there),
        T(lists_longer_than_a_page_go_on),
        T(R13_one_settlement_is_one_transaction_of_fund_personal_account_and_purse),
        T(the_same_bill_paid_at_two_desks_is_paid_once),
        T(a_settlement_is_planned_whole_and_given_up_whole),
        T(R21_a_number_alone_spends_neither_fund_nor_personal_account),
        T(a_hospitals_own_system_settles_with_a_code_from_the_account),
        T(settling_without_insurance_is_the_citizens_own),
        T(settling_where_social_security_is_not_loaded_says_what_to_do),
        T(a_split_whose_parts_are_not_the_bill_is_not_posted),
        T(R13_cancelling_gives_every_part_back_to_where_it_came_from),
        T(a_settlement_that_was_cancelled_does_not_stand_for_the_one_after_it),
        T(R13_partial_refund_settles_the_rest_again_in_one_transaction),
        T(a_partial_refund_after_the_years_end_names_the_first_bills_date),
        T(refunding_all_or_no_or_unknown_lines_is_refused),
        T(lines_that_were_refunded_are_not_refunded_again),
        T(a_bill_is_settled_with_money_that_waits_for_the_card),
        T(a_deposit_is_taken_and_more_of_it),
        T(a_stay_that_cost_less_than_its_deposit_returns_the_rest),
        T(a_stay_that_cost_more_than_its_deposit_takes_the_difference),
        T(R6_cancelling_a_stays_settlement_gives_each_part_back_where_it_came_from),
        T(the_deposit_of_a_stay_that_did_not_take_place_is_returned),
        T(a_stays_bill_is_not_settled_as_an_outpatients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
