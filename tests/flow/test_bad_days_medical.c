/* Bad days at hospitals: the last place, the torn card, the ceiling, two desks, a year that ended.
 * A table of all bad days is in docs/services/README.md. */
#include "bad_city.h"

#define FUND_CEILING 600000 /* of outpatients, a year: conf/bureau */

/* ---- the last place ---- */

static void schedule(const char *practitioner, date_t day)
{
    push("", "medical.schedule_put", H1,
         "{\"serviceType\":\"neike\",\"serviceTypeDisplay\":\"内科\",\"actor\":\"%s\","
         "\"actorDisplay\":\"医生\",\"date\":%d,\"fee_fen\":0,\"slot\":[{\"start\":830,"
         "\"capacity\":1}]}",
         practitioner, (int)day);
}

static struct txn_request booking(const char *term, const char *practitioner, date_t day)
{
    static char text[9];
    snprintf(text, sizeof text, "%d", (int)day);
    return with("medical.book", term, 0, "hospital", H1, "department", "neike", "practitioner",
                practitioner, "day", text, "slot", "0830", NULL);
}

/* Each round another day, so that nobody's own bookings are in the way. */
static void R2_the_last_place_is_given_once_to_two_who_ask_at_one_moment(void **state)
{
    static struct city_side a, b;
    (void)state;
    lay(0);
    reader_sim_insert(second, c.card[1]);
    for (int i = 1; i <= 3; i++) {
        char who[8];
        date_t day = date_add(today(), i);
        snprintf(who, sizeof who, "w%d", i);
        schedule(who, day);
        struct txn_request q = booking(H1, who, day);
        city_side_init(&a, &c, c.sim, &q);
        q = booking(H2, who, day);
        city_side_init(&b, &c, second, &q);
        at_once(&a, &b);
        bool first = a.res.outcome == OC_POSTED;
        const struct txn_result *lost = first ? &b.res : &a.res;
        assert_int_equal((first ? &a.res : &b.res)->outcome, OC_POSTED);
        no(OC_R_FULL, lost);
        assert_int_equal(city_txn(&c, lost->txn)->state, OC_TXN_REFUSED);
    }
    reader_sim_remove(second);
    books_close();
    assert_int_equal(outside.told, 3); /* the hospital was told of each place once */
}

/* ---- the torn card ---- */

/* 1,000.00 of class A: 200.00 deductible, 65 % of 800.00 by the fund; of the rest 80.00 from the
 * personal account and 400.00 from the purse. */
static void nothing_settled(void)
{
    assert_int_equal(holds(ACCT_MERCHANT, H2), 0);
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -8000);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 8000);
    assert_true(invoice_is(H2, "B1", "issued"));
}

static void all_settled(void)
{
    assert_int_equal(holds(ACCT_MERCHANT, H2), 100000);
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -8000 - 52000);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 0);
    assert_true(invoice_is(H2, "B1", "balanced"));
    city_agrees(&c, 0, 60000);
}

static int64_t torn_settlement(const char *when)
{
    insure(8000);
    invoice(H2, "B1", today(), 60000, 40000, 0);
    city_fault(&c, 0, when);
    const struct txn_result *r = chip(with("medical.settle", H2, 0, "bill", "B1", NULL));
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    int64_t txn = r->txn;
    nothing_settled();
    /* Each part is kept for it: nobody else can spend it meanwhile (R2). */
    assert_int_equal(reserved(ACCT_FUND, "fund-employee"), 52000);
    assert_int_equal(reserved(ACCT_PERSONAL, "c1"), 8000);
    assert_int_equal(reserved(ACCT_MERCHANT, H2), 100000);
    assert_int_equal(city_card_row(&c, 0)->open_txn, txn);
    cardsim_fault_clear(c.card[0]);
    return txn;
}

static void R3_R13_a_card_torn_out_after_the_debit_of_a_split_bill_posts_every_leg(void **state)
{
    (void)state;
    int64_t txn = torn_settlement("torn-after@54");
    good(city_look(&c, 0));
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, txn)->evidence, EV_PROVE);
    all_settled();
    assert_int_equal(fund_would_pay(today(), 100000), 65000); /* the deductible is borne */
    books_close();
    assert_non_null(strstr(outside.kinds, "medical.settled>" H2));
}

static void R3_R13_a_card_torn_out_before_the_debit_of_a_split_bill_posts_no_leg(void **state)
{
    (void)state;
    int64_t txn = torn_settlement("torn-before@54");
    good(city_look(&c, 0));
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    nothing_settled();
    assert_int_equal(reserved(ACCT_FUND, "fund-employee"), 0);
    assert_int_equal(reserved(ACCT_PERSONAL, "c1"), 0);
    assert_int_equal(fund_would_pay(today(), 100000), 52000); /* and so is the year */
    city_agrees(&c, 0, 100000);
    books_close();
    assert_null(strstr(outside.kinds, "medical.settled"));
    good(chip(with("medical.settle", H2, 0, "bill", "B1", NULL)));
    all_settled();
    books_close();
}

static void R4_the_daemon_dies_with_the_torn_bill_and_the_card_still_decides(void **state)
{
    unsigned n = 0;
    (void)state;
    int64_t txn = torn_settlement("torn-after@54");
    city_restart(&c, &n);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_IN_DOUBT);
    nothing_settled();
    good(city_look(&c, 0));
    all_settled();
    books_close();
}

/* ---- the ceiling ---- */

static void R13_the_funds_ceiling_is_crossed_within_one_bill(void **state)
{
    (void)state;
    insure(0);
    good(chip(with("payment.load", "desk", 320000, NULL)));
    /* 65 % of 9,600.00 would be 6,240.00: 240.00 of it over the year's 6,000.00. */
    invoice(H2, "B1", today(), 500000, 480000, 0);
    const struct txn_result *r = good(chip(with("medical.settle", H2, 0, "bill", "B1", NULL)));
    assert_int_equal(told(r, "fund_fen"), FUND_CEILING);
    assert_int_equal(r->amount, 980000 - FUND_CEILING);
    assert_int_equal(r->gross, 980000);
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -FUND_CEILING);
    char id[IDENT_TEXT];
    ident_text(r->txn, id);
    assert_int_equal(fund_would_pay(today(), 10000), 0); /* the year has none left */
    /* Line 2 is given back: 65 % of 4,800.00 is below the ceiling again. */
    r = good(
        bare(with("medical.refund_lines", H2, 0, "citizen", "c1", "txn", id, "lines", "2", NULL)));
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -312000);
    assert_int_equal(holds(ACCT_MERCHANT, H2), 500000);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 380000 - 188000);
    assert_int_equal(fund_would_pay(today(), 1000000), FUND_CEILING - 312000);
    books_close();
}

/* ---- one bill, two desks ---- */

static void one_settled(const struct city_side *a, const struct city_side *b)
{
    const struct city_side *won = a->res.outcome == OC_POSTED ? a : b;
    no(OC_R_DUPLICATE, won == a ? &b->res : &a->res);
    assert_int_equal(won->res.outcome, OC_POSTED);
    assert_int_equal(holds(ACCT_MERCHANT, H2), 100000);
    assert_true(invoice_is(H2, "B1", "balanced"));
}

/* The holder pays with the card, somebody else of the family in cash at the next counter. */
static void R2_one_bill_paid_at_two_desks_at_one_moment_is_paid_once(void **state)
{
    static struct city_side a, b;
    (void)state;
    insure(0);
    invoice(H2, "B1", today(), 100000, 0);
    struct txn_request q = with("medical.settle", H2, 0, "bill", "B1", NULL);
    city_side_init(&a, &c, c.sim, &q);
    q = with("medical.settle", "hall", 0, "bill", "B1", "pay", "cash", "insurance", "no", NULL);
    q.presented = PRESENTED_NUMBER;
    snprintf(q.presented_text, sizeof q.presented_text, "%s", city_card_row(&c, 0)->number);
    city_side_init(&b, &c, second, &q);
    at_once(&a, &b);
    one_settled(&a, &b);
    books_close();
}

static void R3_a_bill_in_doubt_at_one_desk_is_not_paid_at_another(void **state)
{
    (void)state;
    insure(0);
    invoice(H2, "B1", today(), 100000, 0);
    city_fault(&c, 0, "torn-after@54");
    assert_int_equal(chip(with("medical.settle", H2, 0, "bill", "B1", NULL))->outcome, OC_IN_DOUBT);
    cardsim_fault_clear(c.card[0]);
    struct txn_request q =
        with("medical.settle", "hall", 0, "bill", "B1", "pay", "cash", "insurance", "no", NULL);
    q.presented = PRESENTED_NUMBER;
    snprintf(q.presented_text, sizeof q.presented_text, "%s", city_card_row(&c, 0)->number);
    no(OC_R_STALE, bare(q));
    assert_int_equal(holds(ACCT_MERCHANT, H2), 0);
    good(city_look(&c, 0));
    no(OC_R_DUPLICATE, bare(q));
    assert_int_equal(holds(ACCT_MERCHANT, H2), 100000);
    assert_int_equal(holds(ACCT_LOAD_RECEIVABLE, H2), 0);
    books_close();
}

/* ---- a year that ended ---- */

static void R13_a_partial_refund_in_january_restores_the_year_of_the_bill(void **state)
{
    char id[IDENT_TEXT];
    (void)state;
    insure(0);
    date_t then = today(), january = (then / 10000 + 1) * 10000 + 108;
    invoice(H2, "B1", then, 100000, 60000, 0);
    const struct txn_result *r = good(chip(with("medical.settle", H2, 0, "bill", "B1", NULL)));
    assert_int_equal(told(r, "fund_fen"), 91000); /* 65 % of 1,400.00 */
    ident_text(r->txn, id);
    stop_at(january, 9, 0);
    assert_int_equal(fund_would_pay(january, 100000), 52000); /* a new deductible */
    r = good(
        bare(with("medical.refund_lines", H2, 0, "citizen", "c1", "txn", id, "lines", "2", NULL)));
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -52000); /* 65 % of 800.00 */
    assert_int_equal(holds(ACCT_MERCHANT, H2), 100000);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 69000 - 48000);
    assert_int_equal(fund_would_pay(january, 100000), 52000);
    assert_int_equal(fund_would_pay(then, 100000), 65000); /* that year's deductible stays borne */
    /* What was left of the ceiling is what line 1 alone would have left. */
    assert_int_equal(fund_would_pay(then, 2000000), FUND_CEILING - 52000);
    r = good(bare(with("medical.settle_cancel", H2, 0, "citizen", "c1", "txn", id, NULL)));
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), 0);
    assert_int_equal(fund_would_pay(then, 100000), 52000); /* as if it had never been */
    assert_int_equal(city_card_row(&c, 0)->pending_load, 69000);
    books_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAD(R2_the_last_place_is_given_once_to_two_who_ask_at_one_moment),
        BAD(R3_R13_a_card_torn_out_after_the_debit_of_a_split_bill_posts_every_leg),
        BAD(R3_R13_a_card_torn_out_before_the_debit_of_a_split_bill_posts_no_leg),
        BAD(R4_the_daemon_dies_with_the_torn_bill_and_the_card_still_decides),
        BAD(R13_the_funds_ceiling_is_crossed_within_one_bill),
        BAD(R2_one_bill_paid_at_two_desks_at_one_moment_is_paid_once),
        BAD(R3_a_bill_in_doubt_at_one_desk_is_not_paid_at_another),
        BAD(R13_a_partial_refund_in_january_restores_the_year_of_the_bill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
