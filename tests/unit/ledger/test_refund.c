/* What gives back is bounded account by account by what it follows (R6), whatever a module plans;
 * and what limits count where no chip moves (R2). */
#include "book.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SET(field, text) snprintf((field), sizeof(field), "%s", (text))

static WORKER_FN void refused(struct book *b, enum oc_reason reason)
{
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    assert_int_equal(book_do(b), OC_EREFUSED);
    assert_string_equal(oc_reason_code(b->op->reason), oc_reason_code(reason));
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
}

static struct op_intent *plan(struct book *b, fen_t amount)
{
    struct op_intent *in = book_refund(b, 0, amount);
    in->refund = 0;
    in->leg_count = 0;
    in->card = 0;
    return in;
}

static void leg(struct op_intent *in, enum acct_kind kind, const char *owner, fen_t amount)
{
    struct leg *l = &in->legs[in->leg_count++];
    l->kind = (uint8_t)kind;
    SET(l->owner, owner);
    l->amount = amount;
}

static WORKER_FN int64_t posted(struct book *b)
{
    assert_int_equal(book_do(b), 0);
    return b->op->intent.txn;
}

static WORKER_FN void give_citizen(struct book *b, const char *citizen, fen_t amount)
{
    struct op_intent *in = plan(b, amount);
    leg(in, ACCT_BEARER, "treasury", -amount);
    leg(in, ACCT_CITIZEN, citizen, amount);
    (void)posted(b);
}

/* A bill of 700: 500 of fund F1, 200 of the citizen's account, to the hospital P1. */
static WORKER_FN int64_t bill(struct book *b)
{
    give_citizen(b, "C1", 1000);
    struct op_intent *in = plan(b, 700);
    leg(in, ACCT_FUND, "F1", -500);
    leg(in, ACCT_CITIZEN, "C1", -200);
    leg(in, ACCT_MERCHANT, "P1", 700);
    return posted(b);
}

static struct op_intent *back(struct book *b, int64_t first, fen_t merchant, fen_t fund,
                              fen_t citizen)
{
    struct op_intent *in = plan(b, merchant);
    in->link = first;
    in->refund = 1;
    leg(in, ACCT_MERCHANT, "P1", -merchant);
    if (fund)
        leg(in, ACCT_FUND, "F1", fund);
    if (citizen)
        leg(in, ACCT_CITIZEN, "C1", citizen);
    return in;
}

/* The card's own limits hold, and the citizen gets what the fund paid. */
static void R6_module_that_sends_the_funds_part_to_the_citizen_is_refused(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t first = bill(b);
    back(b, first, 700, 0, 700);
    refused(b, OC_R_OVER_ORIGINAL);
    assert_non_null(strstr(b->op->detail, "citizen C1: -200 fen moved, 700 back"));
    back(b, first, 300, 99, 201);
    refused(b, OC_R_OVER_ORIGINAL);
    back(b, first, 700, 500, 200);
    assert_int_equal(book_do(b), 0);
    assert_int_equal(book_account(b, ACCT_CITIZEN, "C1").credits_posted, 1200);
}

static void R6_partial_refunds_together_are_bounded_leg_by_leg(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t first = bill(b);
    back(b, first, 300, 150, 150);
    (void)posted(b);
    back(b, first, 100, 49, 51); /* 201 in all to the citizen */
    refused(b, OC_R_OVER_ORIGINAL);
    back(b, first, 401, 351, 50);
    refused(b, OC_R_OVER_ORIGINAL);
    back(b, first, 400, 350, 50);
    (void)posted(b);
    back(b, first, 1, 1, 0);
    refused(b, OC_R_OVER_ORIGINAL);
}

static void R6_refund_from_an_account_that_got_nothing_is_refused(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t first = bill(b);
    struct op_intent *in = back(b, first, 100, 0, 100);
    SET(in->legs[0].owner, "P2");
    refused(b, OC_R_OVER_ORIGINAL);
    in = back(b, first, 100, 0, 100);
    SET(in->legs[1].owner, "C2"); /* another citizen is paid */
    refused(b, OC_R_OVER_ORIGINAL);
    in = back(b, first, 100, 100, 0);
    in->legs[0].amount = 100; /* the fund pays once more */
    in->legs[1].amount = -100;
    refused(b, OC_R_OVER_ORIGINAL);
}

static void R6_refund_that_waits_for_an_institution_counts_until_it_is_voided(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t first = bill(b);
    struct op_intent *in = back(b, first, 500, 400, 100);
    SET(in->hold.to, "BUREAU");
    SET(in->hold.kind, "cancel");
    in->hold.amount = 400;
    in->hold.doc = in->hold.expect = (struct op_doc){"{}", 2};
    int64_t waits = posted(b);
    back(b, first, 101, 101, 0);
    refused(b, OC_R_OVER_ORIGINAL);
    assert_int_equal(book_outcome(b, waits, OC_TXN_VOIDED, EV_NONE), 0);
    back(b, first, 500, 400, 100);
    assert_int_equal(book_do(b), 0);
}

/* A plan that is linked only gives back as well: no way round the bound. */
static void R6_linked_account_plan_is_bounded_like_a_refund(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t first = bill(b);
    back(b, first, 300, 300, 0)->refund = 0;
    (void)posted(b);
    assert_int_equal(book_txn(b, first).refunded, 0);
    back(b, first, 300, 201, 99)->refund = 0;
    refused(b, OC_R_OVER_ORIGINAL);
    back(b, first, 300, 300, 0);
    refused(b, OC_R_OVER_ORIGINAL);
    back(b, first, 400, 200, 200);
    (void)posted(b);
}

static void R6_purse_comes_back_as_pending_load_and_no_further(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t buy = book_buy(b, 1000);
    struct op_intent *in = book_refund(b, buy, 100);
    in->legs[1].kind = ACCT_CITIZEN; /* out of the card's money into somebody's account */
    SET(in->legs[1].owner, "C1");
    refused(b, OC_R_OVER_ORIGINAL);
    in = book_refund(b, buy, 1000);
    in->amount = 1; /* so that 999 would stay to be given back */
    refused(b, OC_R_OVER_ORIGINAL);
    in = book_refund(b, buy, 10);
    in->amount = 11;
    refused(b, OC_R_OVER_ORIGINAL);
    book_refund(b, buy, 1000);
    assert_int_equal(book_do(b), 0);
}

/* Another desk may pay the cash out: the tills are one. */
static void R6_cash_comes_back_at_another_till_but_not_more_of_it(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    struct op_intent *in = plan(b, 300);
    leg(in, ACCT_LOAD_RECEIVABLE, "P1", -300);
    leg(in, ACCT_MERCHANT, "P1", 300);
    int64_t first = posted(b);
    in = plan(b, 300);
    in->link = first;
    in->refund = 1;
    leg(in, ACCT_MERCHANT, "P1", -300);
    leg(in, ACCT_LOAD_RECEIVABLE, "P2", 300);
    assert_int_equal(book_do(b), 0);
    in->request_no = 0;
    in->amount = 1;
    in->legs[0].amount = -1;
    in->legs[1].amount = 1;
    refused(b, OC_R_OVER_ORIGINAL);
}

/* A bus for 200, then the metro for 200 less 100, which bus and metro bear by halves. */
static WORKER_FN int64_t two_rides(struct book *b)
{
    int64_t bus = book_buy(b, 200);
    struct op_intent *in = book_purchase(b, 100);
    in->gross = 200;
    in->leg_count = 1;
    leg(in, ACCT_MERCHANT, "METRO", 200);
    leg(in, ACCT_MERCHANT, "METRO", -50);
    leg(in, ACCT_MERCHANT, "P1", -50);
    int64_t metro = posted(b);
    assert_int_equal(book_outcome(b, metro, OC_TXN_POSTED, EV_ANSWER), 0);
    return bus;
}

static struct op_intent *ride_back(struct book *b, int64_t bus, fen_t card, fen_t metro,
                                   fen_t other)
{
    struct op_intent *in = book_refund(b, bus, card);
    in->leg_count = 0;
    leg(in, ACCT_PENDING_LOAD, "", card);
    leg(in, ACCT_MERCHANT, "P1", -card - metro - other);
    if (metro)
        leg(in, ACCT_MERCHANT, "METRO", metro);
    if (other)
        leg(in, ACCT_MERCHANT, "OTHER", other);
    return in;
}

static void R14_bearer_of_a_later_ride_gets_back_what_it_bore_and_no_more(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t bus = two_rides(b);
    ride_back(b, bus, 100, 51, 0);
    refused(b, OC_R_OVER_ORIGINAL);
    ride_back(b, bus, 100, 0, 1); /* who bore nothing */
    refused(b, OC_R_OVER_ORIGINAL);
    ride_back(b, bus, 100, 50, 0);
    assert_int_equal(book_do(b), 0);
    ride_back(b, bus, 1, 1, 0);
    refused(b, OC_R_OVER_ORIGINAL);
}

static void R14_what_a_later_ride_gave_back_itself_is_borne_by_nobody(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    int64_t bus = two_rides(b), metro = book_card(b)->r.last_txn;
    struct op_intent *in = book_refund(b, metro, 100);
    in->leg_count = 0;
    leg(in, ACCT_PENDING_LOAD, "", 100);
    leg(in, ACCT_MERCHANT, "METRO", -150);
    leg(in, ACCT_MERCHANT, "P1", 50);
    assert_int_equal(book_do(b), 0);
    ride_back(b, bus, 100, 50, 0);
    refused(b, OC_R_OVER_ORIGINAL);
    ride_back(b, bus, 200, 0, 0);
    assert_int_equal(book_do(b), 0);
}

/* ---- limits where no chip moves ---- */

static struct op_intent *spend(struct book *b, fen_t amount)
{
    struct op_intent *in = plan(b, amount);
    in->card = b->card;
    leg(in, ACCT_CITIZEN, "C1", -amount);
    leg(in, ACCT_MERCHANT, "P1", amount);
    return in;
}

static void R2_limits_hold_where_the_citizens_account_pays(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    give_citizen(b, "C1", 5000);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 0);
    spend(b, 500)->limits.single_max = 499;
    refused(b, OC_R_LIMIT);
    spend(b, 400)->limits.single_max = 499;
    (void)posted(b);
    assert_int_equal(book_card(b)->r.day_debits, 400);
    assert_int_equal(book_card(b)->r.day_count, 1);
    spend(b, 101)->limits.card_day_max = 500;
    refused(b, OC_R_LIMIT);
    spend(b, 1)->limits.card_day_count = 1;
    refused(b, OC_R_LIMIT);
    spend(b, 101)->limits.terminal_day_max = 500;
    refused(b, OC_R_LIMIT);
    book_purchase(b, 101)->limits.card_day_max = 500; /* purse and account are one sum */
    refused(b, OC_R_LIMIT);
    struct op_intent *in = spend(b, 101);
    in->card = 0; /* nobody's card: no card's limit */
    in->limits.card_day_max = 500;
    in->limits.single_max = 101;
    (void)posted(b);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 501);
}

static void R2_only_what_leaves_the_citizens_own_money_counts(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    static const struct {
        enum acct_kind from, to;
        fen_t counts;
    } cases[] = {{ACCT_FUND, ACCT_MERCHANT, 0},           {ACCT_LOAD_RECEIVABLE, ACCT_MERCHANT, 0},
                 {ACCT_BEARER, ACCT_CITIZEN, 0},          {ACCT_CITIZEN, ACCT_DEPOSIT, 100},
                 {ACCT_DEPOSIT, ACCT_MERCHANT, 0},        {ACCT_CITIZEN, ACCT_PENDING_LOAD, 0},
                 {ACCT_PENDING_LOAD, ACCT_MERCHANT, 100}, {ACCT_FUND, ACCT_PERSONAL, 0},
                 {ACCT_PERSONAL, ACCT_MERCHANT, 0}};
    give_citizen(b, "X", 5000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fen_t before = book_card(b)->r.day_debits;
        struct op_intent *in = plan(b, 100);
        in->card = b->card;
        in->limits.single_max = cases[i].counts ? 100 : 1;
        leg(in, cases[i].from,
            cases[i].from == ACCT_PENDING_LOAD      ? ""
            : cases[i].from == ACCT_LOAD_RECEIVABLE ? "P1"
                                                    : "X",
            -100);
        leg(in, cases[i].to, cases[i].to == ACCT_PENDING_LOAD ? "" : "X", 100);
        (void)posted(b);
        assert_int_equal(book_card(b)->r.day_debits - before, cases[i].counts);
    }
}

static void R2_voided_account_plan_gives_its_limits_back(void **s)
{
    ROLE_ENTER_WORKER();
    struct book *b = *s;
    give_citizen(b, "C1", 5000);
    struct op_intent *in = spend(b, 400);
    SET(in->hold.to, "UTILITY");
    SET(in->hold.kind, "bill");
    in->hold.amount = 400;
    in->hold.doc = in->hold.expect = (struct op_doc){"{}", 2};
    int64_t txn = posted(b);
    assert_int_equal(book_card(b)->r.day_debits, 400); /* reserved by the intent */
    spend(b, 101)->limits.card_day_max = 500;
    refused(b, OC_R_LIMIT);
    assert_int_equal(book_outcome(b, txn, OC_TXN_VOIDED, EV_NONE), 0);
    assert_int_equal(book_card(b)->r.day_debits, 0);
    assert_int_equal(book_card(b)->r.day_count, 0);
    assert_int_equal(book_number(b, "SELECT day_sum FROM terminal WHERE id = 'T1'"), 0);
    spend(b, 500)->limits.card_day_max = 500;
    (void)posted(b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R6_module_that_sends_the_funds_part_to_the_citizen_is_refused),
        T(R6_partial_refunds_together_are_bounded_leg_by_leg),
        T(R6_refund_from_an_account_that_got_nothing_is_refused),
        T(R6_refund_that_waits_for_an_institution_counts_until_it_is_voided),
        T(R6_linked_account_plan_is_bounded_like_a_refund),
        T(R6_purse_comes_back_as_pending_load_and_no_further),
        T(R6_cash_comes_back_at_another_till_but_not_more_of_it),
        T(R14_bearer_of_a_later_ride_gets_back_what_it_bore_and_no_more),
        T(R14_what_a_later_ride_gave_back_itself_is_borne_by_nobody),
        T(R2_limits_hold_where_the_citizens_account_pays),
        T(R2_only_what_leaves_the_citizens_own_money_counts),
        T(R2_voided_account_plan_gives_its_limits_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
