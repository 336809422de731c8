/* A concession from the bureau's grant to the fare, through the whole switch: granted, renewed at a
 * desk, ridden on, run out, taken away. */
#include "bad_city.h"

static const struct txn_result *ride(int card, int minutes)
{
    struct txn_request q = with("transit.ride", "b7", 0, NULL);
    c.clock.ahead_ms += minutes * 60000;
    lay(card);
    q.gate = true;
    q.arrival = reader_sim_reader(c.sim)->arrival;
    return chip(q);
}

static void grant(const char *who, const char *until, const char *revoke)
{
    good(bare(with("social.concession_grant", "bureau", 0, "citizen", who, "what", "student",
                   "until", until, "revoke", revoke, NULL)));
}

static const struct txn_result *renew(int card, const char *what)
{
    lay(card);
    return chip(with("transit.renew", "desk", 0, "what", what, NULL));
}

static void R14_a_granted_concession_is_renewed_at_a_desk_and_borne_from_then_on(void **state)
{
    (void)state;
    char until[12];
    date_t last = date_add(today(), 200);
    snprintf(until, sizeof until, "%d", (int)last);
    no(OC_R_NOT_ELIGIBLE, renew(0, "student"));
    grant("c1", until, "no");
    assert_int_equal(good(ride(0, 0))->amount, 200); /* a right is no slot */
    int64_t txn = good(renew(0, "student"))->txn;
    assert_int_equal(city_txn(&c, txn)->in.plan_kind, OC_PLAN_NOTE);
    assert_string_equal(city_card_row(&c, 0)->category, "student");
    assert_int_equal(city_card_row(&c, 0)->category_to, last);
    const struct txn_result *r = good(ride(0, 30));
    assert_int_equal(r->amount, 100);
    assert_int_equal(r->gross, 200);
    assert_int_equal(holds(ACCT_BEARER, "treasury"), -100);
    assert_int_equal(events("category_mismatch"), 0);
    grant("c1", until, "yes");
    no(OC_R_NOT_ELIGIBLE, renew(0, "student"));
    good(renew(0, "none"));
    assert_string_equal(city_card_row(&c, 0)->category, "");
    assert_int_equal(good(ride(0, 30))->amount, 200);
    city_agrees(&c, 0, 100000 - 500);
    books_close();
}

static void R14_a_chip_that_contradicts_the_slot_pays_in_full(void **state)
{
    (void)state;
    city_fault(&c, 1, "sw:6988@D6"); /* it does not take our MAC: the chip goes on saying "student" */
    good(renew(1, "none"));
    assert_int_equal(cardsim_fault_count(c.card[1]), 0);
    assert_int_equal(good(ride(1, 0))->amount, 200);
    assert_int_equal(events("category_mismatch"), 1);
    grant("c2", "20991231", "no");
    good(renew(1, "student"));
    assert_int_equal(good(ride(1, 30))->amount, 100);
    assert_int_equal(events("category_mismatch"), 1);
    city_agrees(&c, 1, 100000 - 300);
    books_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAD(R14_a_granted_concession_is_renewed_at_a_desk_and_borne_from_then_on),
        BAD(R14_a_chip_that_contradicts_the_slot_pays_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
