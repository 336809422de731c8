/* Lines, masks, names: what is computed without a ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "settle/tally.h"
#include <stdlib.h>
#include <string.h>

static char mem[4096];

static const char *field(const char *text)
{
    struct buf b;
    buf_over(&b, mem, sizeof mem);
    struct csv c = {&b, false};
    csv_text(&c, text);
    return buf_cstr(&b);
}

static void texts_are_quoted_only_where_needed(void **state)
{
    (void)state;
    assert_string_equal(field("P1"), "P1");
    assert_string_equal(field("a,b"), "\"a,b\"");
    assert_string_equal(field("say \"hi\""), "\"say \"\"hi\"\"\"");
    assert_string_equal(field("two\r\nlines"), "\"two\r\nlines\"");
    assert_string_equal(field(""), "");
}

static void formulas_from_outside_are_made_harmless(void **state)
{
    (void)state;
    assert_string_equal(field("=1+1"), "'=1+1");
    assert_string_equal(field("@SUM(A1)"), "'@SUM(A1)");
    assert_string_equal(field("-x"), "'-x");
    assert_string_equal(field("+x,y"), "\"'+x,y\"");
    assert_string_equal(field("\tx"), "'\tx");
}

static void bytes_that_are_no_utf8_become_question_marks(void **state)
{
    (void)state;
    assert_string_equal(field("公交"), "公交");
    assert_string_equal(field("a\xff"
                              "b"),
                        "a?b");
    assert_string_equal(field("\xe5\x85"), "??");
    assert_string_equal(field("\xed\xa0\x80"), "???");
    assert_string_equal(field("\xc0\xaf"), "??");
}

static void numbers_show_six_and_four_and_short_ones_less(void **state)
{
    (void)state;
    char out[POSTING_MASKED];
    assert_string_equal(posting_mask("6217001234567890123", out), "621700*********0123");
    assert_string_equal(posting_mask("8800001234", out), "******1234");
    assert_string_equal(posting_mask("880012", out), "****12");
    assert_string_equal(posting_mask("1234", out), "****");
    assert_string_equal(posting_mask("", out), "");
}

static void file_names_stay_inside_the_folder_and_apart_from_ours(void **state)
{
    (void)state;
    char out[112];
    assert_string_equal(tally_file_name("P1", out, sizeof out), "P1.csv");
    assert_string_equal(tally_file_name("../x", out, sizeof out), "%2E.%2Fx.csv");
    assert_string_equal(tally_file_name("summary", out, sizeof out), "%73ummary.csv");
    assert_string_equal(tally_file_name("doubts", out, sizeof out), "%64oubts.csv");
    assert_string_equal(tally_file_name("a%b", out, sizeof out), "a%25b.csv");
    assert_string_equal(tally_file_name("", out, sizeof out), "%.csv");
    assert_string_equal(
        tally_file_name("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                        out, sizeof out),
        "%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF"
        "%FF.csv");
}

static void add_leg(struct txn_row *t, uint8_t kind, const char *owner, fen_t amount)
{
    struct leg *l = &t->in.legs[t->in.leg_count++];
    l->kind = kind;
    l->amount = amount;
    memcpy(l->owner, owner, strlen(owner) + 1);
}

static int setup(void **state)
{
    struct txn_row *t = calloc(1, sizeof *t);
    *state = t;
    if (!t)
        return -1;
    t->in.plan_kind = OC_PLAN_DEBIT;
    memcpy(t->in.participant, "P2", 3);
    memcpy(t->in.service, "transit.ride", 13);
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void R14_gross_is_what_others_bear_and_the_citizen_pays(void **state)
{
    struct txn_row *t = *state;
    struct posting p;
    t->in.gross = 200;
    t->in.amount = 100;
    add_leg(t, ACCT_PURSE, "", -100);
    add_leg(t, ACCT_MERCHANT, "P2", 150);
    add_leg(t, ACCT_MERCHANT, "P3", 50);
    add_leg(t, ACCT_BEARER, "treasury", -60);
    add_leg(t, ACCT_BEARER, "civil", -40);
    assert_int_equal(posting_read(t, &p), 0);
    assert_int_equal(p.gross, 200);
    assert_int_equal(p.borne, 100);
    assert_int_equal(p.net, 100);
    assert_int_equal(p.purse, -100);
    assert_string_equal(p.bearers, "treasury;civil");
}

static void R13_fund_bears_its_part_of_a_split_bill_and_gets_it_back(void **state)
{
    struct txn_row *t = *state;
    struct posting p;
    t->in.gross = 1000;
    t->in.amount = 200;
    add_leg(t, ACCT_PURSE, "", -200);
    add_leg(t, ACCT_FUND, "pool", -600);
    add_leg(t, ACCT_PERSONAL, "C1", -200);
    add_leg(t, ACCT_MERCHANT, "P2", 1000);
    assert_int_equal(posting_read(t, &p), 0);
    assert_int_equal(p.gross, 1000);
    assert_int_equal(p.borne, 600);
    assert_int_equal(p.net, 400);
    assert_string_equal(p.bearers, "pool");
    for (int refund = 0; refund < 2; refund++) { /* counted against the original, or only linked */
        t->in = (struct op_intent){.plan_kind = OC_PLAN_ACCOUNT,
                                   .refund = refund != 0,
                                   .amount = refund ? 200 : 1000,
                                   .gross = refund ? 200 : 1000};
        add_leg(t, ACCT_MERCHANT, "P2", -1000);
        add_leg(t, ACCT_FUND, "pool", 600);
        add_leg(t, ACCT_PERSONAL, "C1", 200);
        add_leg(t, ACCT_PENDING_LOAD, "", 200);
        assert_int_equal(posting_read(t, &p), 0);
        assert_int_equal(p.gross, -1000);
        assert_int_equal(p.borne, -600);
        assert_int_equal(p.net, -400);
    }
}

static void R14_refund_of_a_shared_ride_is_the_ride_with_signs_turned(void **state)
{
    struct txn_row *t = *state;
    struct posting p;
    t->in.plan_kind = OC_PLAN_ACCOUNT;
    t->in.refund = true;
    t->in.amount = t->in.gross = 90; /* as the host fills it */
    add_leg(t, ACCT_MERCHANT, "P2", -200);
    add_leg(t, ACCT_MERCHANT, "P3", 50); /* an operator that shared in it */
    add_leg(t, ACCT_BEARER, "treasury", 60);
    add_leg(t, ACCT_PENDING_LOAD, "", 90);
    assert_int_equal(posting_read(t, &p), 0);
    assert_int_equal(p.gross, -200);
    assert_int_equal(p.borne, -60);
    assert_int_equal(p.net, -140);
}

static void R14_shared_posting_counts_once_and_stands_with_both(void **state)
{
    struct txn_row *t = *state;
    struct posting p;
    struct tally y;
    t->in.amount = 100;
    add_leg(t, ACCT_PURSE, "", -100);
    add_leg(t, ACCT_MERCHANT, "P2", 60);
    add_leg(t, ACCT_MERCHANT, "P3", 40);
    assert_int_equal(posting_read(t, &p), 0);
    tally_init(&y);
    assert_int_equal(tally_add(&y, "P3", 1), 0);
    assert_int_equal(tally_add(&y, "P2", 0), 0);
    assert_int_equal(tally_count(&y, tally_find(&y, "P2"), t, &p), 0);
    assert_int_equal(tally_count(&y, tally_find(&y, "P3"), t, &p), 0);
    tally_sort(&y);
    assert_string_equal(y.members[0]->id, "P2");
    assert_int_equal(y.members[0]->all.count, 1);
    assert_int_equal(y.members[0]->all.gross, 100);
    assert_int_equal(y.members[0]->all.merchant, 60);
    assert_int_equal(y.members[1]->all.count, 0);
    assert_int_equal(y.members[1]->all.elsewhere, 1);
    assert_int_equal(y.members[1]->all.merchant, 40);
    assert_int_equal(y.all.gross, 100);
    tally_fini(&y);
}

static void R6_refund_has_negative_figures(void **state)
{
    struct txn_row *t = *state;
    struct posting p;
    t->in.plan_kind = OC_PLAN_ACCOUNT;
    t->in.refund = 1;
    t->in.amount = t->in.gross = 70;
    add_leg(t, ACCT_MERCHANT, "P1", -70);
    add_leg(t, ACCT_PENDING_LOAD, "", 70);
    assert_int_equal(posting_read(t, &p), 0);
    assert_int_equal(p.gross, -70);
    assert_int_equal(p.net, -70);
    const char *ids[POSTING_CONCERNED];
    assert_int_equal(posting_concerned(t, ids), 2);
    assert_string_equal(ids[0], "P2");
    assert_string_equal(ids[1], "P1");
}

static void legs_that_do_not_sum_to_zero_are_an_error(void **state)
{
    struct txn_row *t = *state;
    struct posting p;
    add_leg(t, ACCT_PURSE, "", -100);
    add_leg(t, ACCT_MERCHANT, "P2", 99);
    assert_int_equal(posting_read(t, &p), OC_EBOOKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_quoted_only_where_needed),
        cmocka_unit_test(formulas_from_outside_are_made_harmless),
        cmocka_unit_test(bytes_that_are_no_utf8_become_question_marks),
        cmocka_unit_test(numbers_show_six_and_four_and_short_ones_less),
        cmocka_unit_test(file_names_stay_inside_the_folder_and_apart_from_ours),
        cmocka_unit_test_setup_teardown(R14_gross_is_what_others_bear_and_the_citizen_pays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(R13_fund_bears_its_part_of_a_split_bill_and_gets_it_back,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(R14_refund_of_a_shared_ride_is_the_ride_with_signs_turned,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(R14_shared_posting_counts_once_and_stands_with_both, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(R6_refund_has_negative_figures, setup, teardown),
        cmocka_unit_test_setup_teardown(legs_that_do_not_sum_to_zero_are_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
