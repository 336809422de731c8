/* Bad days on the way: midnight with a change of fares, refunds of rides that were part of a
 * discount, a concession that ended yesterday. */
#include "bad_city.h"

/* That card at a gate, so many minutes after whatever came before. */
static const struct txn_result *gate(int card, const char *where, int minutes)
{
    struct txn_request q = with(*where == 'b' ? "transit.ride" : "transit.gate", where, 0, NULL);
    *(c.clock.stopped_ms != 0 ? &c.clock.stopped_ms : &c.clock.ahead_ms) += minutes * 60000;
    lay(card);
    q.gate = true;
    q.arrival = reader_sim_reader(c.sim)->arrival;
    return chip(q);
}

static void paid(const struct txn_result *r, fen_t citizen, fen_t gross)
{
    good(r);
    assert_int_equal(r->amount, citizen);
    assert_int_equal(r->gross, gross);
}

static void close_day(date_t day)
{
    static struct ledger_op op;
    op = (struct ledger_op){.type = LOP_DAY_CLOSE, .who = "test", .day_close.date = day};
    assert_int_equal(city_op(&c, &op), 0);
}

static void R17_a_ride_from_before_midnight_and_the_fare_change_pays_the_old_fare(void **state)
{
    (void)state;
    date_t day = today();
    stop_at(day, 23, 50);
    paid(gate(0, "m101", 0), 0, 0);
    int64_t entry = city_card_row(&c, 0)->last_txn;
    close_day(day); /* the night's work meanwhile */
    const struct txn_result *r = gate(0, "m103", 25);
    paid(r, 350, 350); /* not 5.00 */
    const struct txn_row *row = city_txn(&c, r->txn);
    assert_int_equal(row->in.business_date, date_add(day, 1)); /* R11 */
    assert_int_equal(row->clearing_date, date_add(day, 1));
    assert_int_equal(city_txn(&c, entry)->clearing_date, day);
    paid(gate(0, "m101", 5), 0, 0);
    paid(gate(0, "m103", 20), 500, 500); /* the next one is the new day's */
    city_agrees(&c, 0, 100000 - 850);
    assert_int_equal(holds(ACCT_MERCHANT, "metro"), 850);
    books_close();
}

static void R17_a_torn_exit_after_midnight_keeps_the_old_fare(void **state)
{
    (void)state;
    date_t day = today();
    stop_at(day, 23, 50);
    paid(gate(0, "m101", 0), 0, 0);
    city_fault(&c, 0, "torn-after@54");
    assert_int_equal(gate(0, "m103", 25)->outcome, OC_IN_DOUBT);
    cardsim_fault_clear(c.card[0]);
    const struct txn_result *r = gate(0, "m103", 2); /* it finishes that ride (R8) */
    good(r);
    assert_int_equal(holds(ACCT_MERCHANT, "metro"), 350);
    city_agrees(&c, 0, 100000 - 350);
    books_close();
}

static const struct txn_result *give_back(int64_t ride)
{
    char id[IDENT_TEXT];
    c.clock.ahead_ms += 60000;
    return chip(with("transit.refund", "b7", 0, "txn", ident_text(ride, id), NULL));
}

static void R14_a_ride_whose_transfer_discount_others_got_is_refunded_less_that(void **state)
{
    (void)state;
    paid(gate(0, "b7", 1), 200, 200);
    int64_t ride = city_card_row(&c, 0)->last_txn;
    paid(gate(0, "m101", 10), 0, 0);
    paid(gate(0, "m102", 10), 100, 200); /* 1.00 off, borne by halves */
    int64_t metro = city_card_row(&c, 0)->last_txn;
    assert_int_equal(holds(ACCT_MERCHANT, "bus"), 150);
    assert_int_equal(holds(ACCT_MERCHANT, "metro"), 150);
    paid(give_back(ride), 100, 100);
    assert_int_equal(holds(ACCT_MERCHANT, "bus"), 0);
    assert_int_equal(holds(ACCT_MERCHANT, "metro"), 200);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 100);
    no(OC_R_DUPLICATE, give_back(ride)); /* what was kept is the metro's */
    /* The other one back, too: what was kept of the first is free then, and nobody has any. */
    paid(give_back(metro), 100, 100);
    paid(give_back(ride), 100, 100);
    assert_int_equal(holds(ACCT_MERCHANT, "bus"), 0);
    assert_int_equal(holds(ACCT_MERCHANT, "metro"), 0);
    no(OC_R_DUPLICATE, give_back(ride));
    no(OC_R_DUPLICATE, give_back(metro));
    assert_int_equal(city_card_row(&c, 0)->pending_load, 300);
    lay(0);
    good(chip(with("payment.load", "desk", 0, "source", "pending", NULL)));
    city_agrees(&c, 0, 100000);
    books_close();
}

/* The metro's discount stood on the second bus alone. It is kept once, whichever is given back
 * first. */
static void R14_two_rides_given_back_keep_a_later_rides_discount_once(void **state)
{
    (void)state;
    date_t day = today();
    for (int first = 0; first < 2; first++) {
        int64_t ride[2];
        stop_at(day, 2 + 12 * first, 0);
        for (int i = 0; i < 2; i++) {
            paid(gate(0, "b7", 180), 200, 200);
            ride[i] = city_card_row(&c, 0)->last_txn;
        }
        paid(gate(0, "m101", 10), 0, 0);
        paid(gate(0, "m102", 10), 100, 200);
        for (int i = 0; i < 2; i++) {
            int which = i ^ first;
            fen_t back = which ? 100 : 200;
            paid(give_back(ride[which]), back, back);
        }
        assert_int_equal(city_card_row(&c, 0)->pending_load, 300 * (first + 1));
    }
    assert_int_equal(holds(ACCT_MERCHANT, "bus"), 0);
    assert_int_equal(holds(ACCT_MERCHANT, "metro"), 400); /* as if there had been no bus */
    books_close();
}

/* Ends the student's claim in the ledger; the chip goes on saying "student". */
static void claim_until(int card, date_t last)
{
    static struct ledger_op op;
    op = (struct ledger_op){
        .type = LOP_SLOT, .who = "test", .slot.card = c.card_id[card], .slot.to = last};
    snprintf(op.slot.app, sizeof op.slot.app, "transit");
    snprintf(op.slot.category, sizeof op.slot.category, "student");
    assert_int_equal(city_op(&c, &op), 0);
}

static void R14_a_concession_that_ended_yesterday_pays_in_full_until_it_is_renewed(void **state)
{
    (void)state;
    date_t day = today();
    claim_until(1, day);
    stop_at(day, 12, 0);
    paid(gate(1, "b7", 0), 100, 200);
    stop_at(day, 23, 55);
    paid(gate(1, "m101", 0), 0, 0);
    paid(gate(1, "m102", 15), 100, 200); /* it was valid when the journey began */
    assert_int_equal(holds(ACCT_BEARER, "treasury"), -200);
    assert_int_equal(events("category_mismatch"), 0);
    stop_at(date_add(day, 1), 8, 0);
    paid(gate(1, "b7", 0), 200, 200);
    assert_int_equal(holds(ACCT_BEARER, "treasury"), -200); /* nobody bears anything */
    assert_int_equal(events("category_mismatch"), 1);
    claim_until(1, date_add(day, 365));
    paid(gate(1, "b7", 180), 100, 200);
    assert_int_equal(holds(ACCT_BEARER, "treasury"), -300);
    assert_int_equal(holds(ACCT_MERCHANT, "bus"), 600);
    assert_int_equal(holds(ACCT_MERCHANT, "metro"), 200);
    city_agrees(&c, 1, 100000 - 500);
    books_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAD(R17_a_ride_from_before_midnight_and_the_fare_change_pays_the_old_fare),
        BAD(R17_a_torn_exit_after_midnight_keeps_the_old_fare),
        BAD(R14_a_ride_whose_transfer_discount_others_got_is_refunded_less_that),
        BAD(R14_two_rides_given_back_keep_a_later_rides_discount_once),
        BAD(R14_a_concession_that_ended_yesterday_pays_in_full_until_it_is_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
