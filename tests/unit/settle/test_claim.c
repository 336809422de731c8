/* The monthly claim on a fund (R18): what is in it, that it never changes, and that a change is
 * found. */
#include "city.h"

#include <stdio.h>
#include <stdlib.h>

struct asked {
    struct city *c;
    const char *fund;
    date_t month;
    bool verify;
    struct settle_claim claim;
};

static CO_FN int claim_flow(void *arg)
{
    struct asked *a = arg;
    return settle_co_claim(&a->c->env, a->fund, a->month, a->verify, &a->claim);
}

static int claim(struct asked *a, struct city *c, const char *fund, date_t month, bool verify)
{
    *a = (struct asked){.c = c, .fund = fund, .month = month, .verify = verify};
    return fixture_flow(&c->f, claim_flow, a);
}

/* `fund` pays `amount` of a bill of P1 (negative: it gets back). */
static WORKER_FN int64_t bill(struct city *c, const char *fund, fen_t amount, int64_t link)
{
    struct op_intent *in = fixture_refund(&c->f, 0, link, amount > 0 ? amount : -amount);
    in->refund = link != 0;
    in->card = 0;
    in->leg_count = 2;
    memset(in->legs, 0, sizeof in->legs);
    in->legs[0] = (struct leg){.kind = ACCT_FUND, .amount = -amount};
    (void)snprintf(in->legs[0].owner, sizeof in->legs[0].owner, "%s", fund);
    in->legs[1] = (struct leg){.kind = ACCT_MERCHANT, .owner = "P1", .amount = amount};
    (void)snprintf(in->service, sizeof in->service,
                   link ? "medical.settle_cancel" : "medical.settle");
    return fixture_do(&c->f) ? 0 : c->f.op->intent.txn;
}

static WORKER_FN void close_month(struct city *c, date_t from)
{
    for (date_t d = from; d / 100 == from / 100; d = date_add(d, 1))
        assert_int_equal(city_close_day(c, d), 0);
}

static void R18_claim_has_what_the_funds_account_moved_in_the_months_closed_days(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    struct asked *a = calloc(1, sizeof *a);
    int64_t first = bill(c, "fund1", 50000, 0);
    assert_true(first != 0);
    assert_true(bill(c, "fund2", 700, 0) != 0); /* another's */
    assert_int_equal(city_close_day(c, FIXTURE_DAY), 0);
    assert_true(bill(c, "fund1", -20000, first) != 0);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false), OC_ESTATE); /* a day is open */
    assert_false(city_there(c, "claim-fund1-2025-03"));
    close_month(c, date_add(FIXTURE_DAY, 1));
    assert_true(bill(c, "fund1", 999, 0) != 0); /* April's */
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY + 3, false), 0);
    assert_int_equal(a->claim.lines, 2);
    assert_int_equal(a->claim.amount, 30000);
    assert_int_equal(a->claim.first, FIXTURE_DAY);
    assert_int_equal(a->claim.last, 20250331);
    assert_string_equal(city_read(c, "claim-fund1-2025-03/summary.csv"),
                        "payee,count,amount_yuan\r\nP1,2,300.00\r\nTOTAL,2,300.00\r\n");
    assert_non_null(strstr(city_read(c, "claim-fund1-2025-03/claim.csv"),
                           ",medical.settle,P1,P1,500.00,500.00\r\n"));
    assert_non_null(strstr(city_read(c, "claim-fund1-2025-03/claim.csv"), ",-200.00\r\n"));
    assert_int_equal(claim(a, c, "fund2", FIXTURE_DAY, false), 0);
    assert_int_equal(a->claim.amount, 700);
    assert_int_equal(claim(a, c, "fund1", 20250401, false), OC_ESTATE);
    assert_int_equal(claim(a, c, "fund1", 20250201, false), OC_ENOENT); /* before the site began */
    assert_int_equal(claim(a, c, "", FIXTURE_DAY, false), OC_EINVAL);
    free(a);
}

static void R18_claim_made_again_is_the_same_bytes_and_a_change_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    struct asked *a = calloc(1, sizeof *a);
    uint8_t manifest[SHA256_LEN];
    assert_true(bill(c, "fund1", 50000, 0) != 0);
    close_month(c, FIXTURE_DAY);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, true), OC_ENOENT); /* nothing published */
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false), 0);
    assert_false(a->claim.already);
    memcpy(manifest, a->claim.manifest_sha256, sizeof manifest);
    assert_true(bill(c, "fund1", 10, 0) != 0); /* a later month's changes nothing */
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false), 0);
    assert_true(a->claim.already);
    assert_memory_equal(a->claim.manifest_sha256, manifest, sizeof manifest);
    city_forget(c, "claim-fund1-2025-03");
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false), 0);
    assert_memory_equal(a->claim.manifest_sha256, manifest, sizeof manifest);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, true), 0);
    assert_int_equal(a->claim.faults, 0);
    assert_int_equal(city_write(c, "claim-fund1-2025-03/claim.csv", "x", "a"), 0);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, true), 0);
    assert_true(a->claim.faults > 0);
    assert_non_null(strstr(a->claim.first_fault, "claim.csv"));
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false),
                     OC_EEXIST); /* and nothing was touched */
    free(a);
}

/* ---- the fund's answer ---- */

struct answered {
    struct city *c;
    struct settle_answer a;
    struct settle_cut lines[4];
    struct settle_item items[4];
    unsigned items_n;
    struct account_row fund, hospital;
    struct txn_row txn;
    int64_t id;
};

static CO_FN int answer_flow(void *arg)
{
    struct answered *w = arg;
    return settle_co_answer(&w->c->env, &w->a);
}

static CO_FN int look_flow(void *arg)
{
    struct answered *w = arg;
    const struct settle_filter f = {.group = "", .after = ""};
    int rc = ledger_co_account(w->c->f.l, ACCT_FUND, "fund1", &w->fund);
    if (rc == 0)
        rc = ledger_co_account(w->c->f.l, ACCT_MERCHANT, "P1", &w->hospital);
    if (rc == 0)
        rc = settle_co_items(&w->c->env, &f, w->items, ARRAY_LEN(w->items), &w->items_n);
    if (rc == 0 && w->id)
        rc = ledger_co_txn(w->c->f.l, w->id, &w->txn);
    return rc;
}

static CO_FN int paid_flow(void *arg)
{
    struct answered *w = arg;
    struct settle_line l = {.amount = -48000, .result = ITEM_PAID, .on = 20250410};
    strcpy(l.item, "2025-03/fund1/f/1");
    strcpy(l.payee, "fund1");
    strcpy(l.reference, "G1");
    int rc = settle_co_results(&w->c->env, "bank.csv", &l, 1);
    return rc ? rc : l.outcome == LINE_DONE ? 0 : OC_EREFUSED;
}

static fen_t balance(const struct account_row *a)
{
    return a->credits_posted - a->debits_posted;
}

/* Answers with these deductions of the lines `ids`. */
static int answer(struct answered *w, fen_t accepted, fen_t deducted)
{
    struct settle_cut *lines = w->lines;
    strcpy(w->a.fund, "fund1");
    strcpy(w->a.month, "2025-03");
    strcpy(w->a.file, "fund.csv");
    w->a.claimed = 50000;
    w->a.accepted = accepted;
    w->a.deducted = deducted;
    w->a.lines = lines;
    w->a.last = true;
    return fixture_flow(&w->c->f, answer_flow, w);
}

static void cut(struct answered *w, int64_t txn, fen_t claimed, fen_t deducted)
{
    char id[IDENT_TEXT];
    struct settle_cut *l = &w->lines[w->a.n++];
    *l = (struct settle_cut){.claimed = claimed, .deducted = deducted};
    (void)snprintf(l->txn, sizeof l->txn, "%s", ident_text(txn, id));
    (void)snprintf(l->reason, sizeof l->reason, "over the price limit");
}

/* Two bills, 300 and 200 yuan; the month is closed and claimed. */
static void claimed_month(struct answered *w, struct city *c, int64_t ids[2])
{
    ROLE_ENTER_WORKER();
    struct asked *a = calloc(1, sizeof *a);
    w->c = c;
    ids[0] = bill(c, "fund1", 30000, 0);
    ids[1] = bill(c, "fund1", 20000, 0);
    close_month(c, FIXTURE_DAY);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false), 0);
    assert_true(a->claim.recorded && !a->claim.answered);
    free(a);
}

static void R18_deduction_is_booked_once_on_the_hospital_and_the_fund_pays_the_rest(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    struct answered *w = calloc(1, sizeof *w);
    struct asked *a = calloc(1, sizeof *a);
    int64_t ids[2];
    claimed_month(w, c, ids);
    cut(w, ids[0], 30000, 2000);
    cut(w, ids[1], 20000, 0); /* accepted whole */
    assert_int_equal(answer(w, 48000, 2000), 0);
    assert_int_equal(w->lines[0].outcome, LINE_DONE);
    assert_int_equal(w->lines[1].outcome, LINE_UNCHANGED);
    assert_true(w->a.answered);
    w->id = w->lines[0].posted;
    assert_int_equal(fixture_flow(&c->f, look_flow, w), 0);
    assert_int_equal(w->txn.in.link, ids[0]); /* a new transaction, linked (R6) */
    assert_int_equal(balance(&w->fund), -48000);
    assert_int_equal(balance(&w->hospital), 48000);
    assert_int_equal(w->items_n, 1);
    assert_string_equal(w->items[0].id.payee, "fund1");
    assert_int_equal(w->items[0].amount, -48000); /* collected */
    assert_int_equal(answer(w, 48000, 2000), 0);  /* the same answer again */
    assert_int_equal(w->lines[0].outcome, LINE_UNCHANGED);
    assert_int_equal(answer(w, 47000, 3000), OC_ECONFLICT);
    assert_non_null(strstr(w->a.why, "answered already"));
    assert_int_equal(fixture_flow(&c->f, paid_flow, w), 0);
    assert_int_equal(fixture_flow(&c->f, look_flow, w), 0);
    assert_int_equal(balance(&w->fund), 0);
    assert_int_equal(balance(&w->hospital), 48000);
    assert_int_equal(w->items[0].state, ITEM_PAID);
    /* the hospital's next position is smaller by it, and the next claim is not */
    date_t april = 20250401;
    assert_int_equal(city_close_day(c, april), 0);
    assert_int_equal(city_run(c, april), 0);
    assert_int_equal(c->rep.collect, 2000);
    assert_int_equal(c->rep.items, 1);
    close_month(c, date_add(april, 1));
    assert_int_equal(claim(a, c, "fund1", april, false), 0);
    assert_int_equal(a->claim.amount, 0);
    assert_int_equal(a->claim.lines, 0);
    free(a);
    free(w);
}

static void R18_answer_whose_totals_do_not_agree_with_the_claim_books_nothing(void **state)
{
    struct city *c = *state;
    struct answered *w = calloc(1, sizeof *w);
    int64_t ids[2];
    claimed_month(w, c, ids);
    cut(w, ids[0], 30000, 2000);
    assert_int_equal(answer(w, 48001, 2000), OC_ECONFLICT);
    assert_non_null(strstr(w->a.why, "not together what was claimed"));
    strcpy(w->a.fund, "fund9");
    w->a.claimed = 49999;
    assert_int_equal(fixture_flow(&c->f, answer_flow, w), OC_ENOENT);
    strcpy(w->a.fund, "fund1");
    assert_int_equal(fixture_flow(&c->f, answer_flow, w), OC_ECONFLICT);
    assert_non_null(strstr(w->a.why, "the claim is of 500.00 yuan, the answer says 499.99"));
    assert_int_equal(fixture_flow(&c->f, look_flow, w), 0);
    assert_int_equal(balance(&w->fund), -50000);
    assert_int_equal(w->items_n, 0);
    free(w);
}

static void
R18_bad_lines_of_an_answer_are_refused_and_it_is_not_done_before_they_are_mended(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    struct answered *w = calloc(1, sizeof *w);
    int64_t ids[2];
    claimed_month(w, c, ids);
    int64_t later = bill(c, "fund1", 100, 0); /* April's */
    cut(w, ids[0], 30000, 1000);
    cut(w, ids[1], 20001, 1000);
    cut(w, later, 100, 50);
    cut(w, ids[1], 20000, 20001);
    assert_int_equal(answer(w, 48000, 2000), 0);
    assert_int_equal(w->lines[0].outcome, LINE_DONE);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(w->lines[i].outcome, LINE_REFUSED);
    assert_non_null(strstr(w->lines[1].why, "claimed with 200.00 yuan, not 200.01"));
    assert_non_null(strstr(w->lines[2].why, "no line of that claim"));
    assert_non_null(strstr(w->lines[3].why, "cannot be deducted"));
    assert_false(w->a.answered);
    assert_non_null(strstr(w->a.why, "10.00 of 20.00 yuan"));
    assert_int_equal(fixture_flow(&c->f, look_flow, w), 0);
    assert_int_equal(w->items_n, 0); /* nothing to be paid before */
    w->a.n = 0;
    cut(w, ids[0], 30000, 999); /* another amount than before */
    cut(w, ids[1], 20000, 1000);
    assert_int_equal(answer(w, 48000, 2000), 0);
    assert_int_equal(w->lines[0].outcome, LINE_REFUSED);
    assert_non_null(strstr(w->lines[0].why, "10.00 yuan were deducted already"));
    assert_int_equal(w->lines[1].outcome, LINE_DONE);
    assert_true(w->a.answered);
    free(w);
}

static void R6_deduction_and_what_was_given_back_are_together_bounded_by_the_bill(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    struct answered *w = calloc(1, sizeof *w);
    int64_t ids[2];
    claimed_month(w, c, ids);
    assert_true(bill(c, "fund1", -29000, ids[0]) != 0); /* cancelled in April */
    cut(w, ids[0], 30000, 2000);
    assert_int_equal(answer(w, 48000, 2000), 0);
    assert_int_equal(w->lines[0].outcome, LINE_REFUSED);
    assert_non_null(strstr(w->lines[0].why, "not booked"));
    free(w);
}

static void R18_claims_manifest_is_in_the_ledger(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    struct asked *a = calloc(1, sizeof *a);
    struct answered *w = calloc(1, sizeof *w);
    int64_t ids[2];
    claimed_month(w, c, ids);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, true), 0);
    assert_true(a->claim.recorded);
    assert_int_equal(a->claim.faults, 0);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false), 0); /* again */
    assert_true(a->claim.already && a->claim.recorded);
    /* signed again under another sum: the ledger knows the one that was published */
    assert_int_equal(city_sql(c, "UPDATE record SET doc = json_set(doc, '$.manifest', "
                                 "printf('%064d', 0)) WHERE owner = 'claims'"),
                     0);
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, true), 0);
    assert_int_equal(a->claim.faults, 1);
    assert_non_null(strstr(a->claim.first_fault, "recorded another claim"));
    assert_int_equal(claim(a, c, "fund1", FIXTURE_DAY, false), OC_EEXIST);
    free(w);
    free(a);
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CITY_TEST(R18_claim_has_what_the_funds_account_moved_in_the_months_closed_days),
        CITY_TEST(R18_claim_made_again_is_the_same_bytes_and_a_change_is_found),
        CITY_TEST(R18_deduction_is_booked_once_on_the_hospital_and_the_fund_pays_the_rest),
        CITY_TEST(R18_answer_whose_totals_do_not_agree_with_the_claim_books_nothing),
        CITY_TEST(R18_bad_lines_of_an_answer_are_refused_and_it_is_not_done_before_they_are_mended),
        CITY_TEST(R6_deduction_and_what_was_given_back_are_together_bounded_by_the_bill),
        CITY_TEST(R18_claims_manifest_is_in_the_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
