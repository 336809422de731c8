/* Bad days of institutions: bank, bureau and hospital that answer after their time-out; the bank
 * that was debited while the card was not credited; the doubt that ends after the night of its day.
 */
#include "bad_city.h"

#include "settle/settle.h"

#include <sys/stat.h>

/* ---- the bank ---- */

static const struct txn_result *load_from_bank(void)
{
    return chip(with("payment.load", "desk", 5000, "source", "bank", "bank", "bank", NULL));
}

static fen_t owed_by_bank(void)
{
    return holds(ACCT_LOAD_RECEIVABLE, "bank");
}

static void
R12_a_bank_that_answers_after_its_time_out_is_reversed_and_the_chip_keeps_out(void **state)
{
    static const enum mood moods[] = {LATE, LATE_ACTS};
    (void)state;
    fen_t before = owed_by_bank();
    for (unsigned i = 0; i < ARRAY_LEN(moods); i++) {
        outside.hold = moods[i];
        const struct txn_result *r = load_from_bank();
        assert_int_equal(r->outcome, OC_VOIDED);
        assert_int_equal(r->reason, OC_R_UPSTREAM_AWAY);
        int64_t txn = r->txn;
        all_delivered();
        assert_int_equal(hold_state_of(txn), HOLD_REVERSED);
        assert_int_equal(outside.count, i + 1);
        assert_true(outside.holds[i].reversed);
        assert_false(outside.holds[i].held);
    }
    assert_int_equal(owed_by_bank(), before);
    city_agrees(&c, 0, 100000);
    outside.hold = GOOD;
    good(load_from_bank());
    city_agrees(&c, 0, 105000);
    assert_int_equal(owed_by_bank(), before - 5000);
    books_close();
}

/* Held there, and the answer of CREDIT is lost: only the card knows. */
static int64_t lost_credit(const char *when)
{
    city_fault(&c, 0, when);
    const struct txn_result *r = load_from_bank();
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    int64_t txn = r->txn;
    cardsim_fault_clear(c.card[0]);
    all_delivered();
    assert_int_equal(hold_state_of(txn), HOLD_HELD); /* neither confirmed nor given back */
    assert_true(hold_at("bank")->held);
    return txn;
}

static void R7_R12_bank_debited_and_the_card_proves_its_credit(void **state)
{
    (void)state;
    int64_t txn = lost_credit("torn-after@52");
    good(city_look(&c, 0));
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_POSTED);
    all_delivered();
    assert_true(hold_at("bank")->confirmed);
    city_agrees(&c, 0, 105000);
    books_close();
}

static void R7_R12_bank_debited_and_the_card_shows_that_it_was_not_credited(void **state)
{
    (void)state;
    fen_t before = owed_by_bank();
    int64_t txn = lost_credit("torn-before@52");
    good(city_look(&c, 0));
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    all_delivered();
    assert_true(hold_at("bank")->reversed);
    assert_int_equal(owed_by_bank(), before);
    city_agrees(&c, 0, 100000);
    books_close();
}

static void R4_a_restart_between_hold_and_credit_leaves_it_to_the_card(void **state)
{
    static const char *const when[] = {"torn-before@52", "torn-after@52"};
    unsigned n = 0;
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(when); i++) {
        memset(&outside.holds, 0, sizeof outside.holds);
        outside.count = 0;
        int64_t txn = lost_credit(when[i]);
        city_restart(&c, &n);
        all_delivered();
        assert_int_equal(hold_state_of(txn), HOLD_HELD);
        good(city_look(&c, 0));
        books_close();
        city_agrees(&c, 0, 100000 + (i == 1 ? 5000 : 0));
    }
}

/* ---- the bureau ---- */

/* 1,000.00: 520.00 by the fund, 80.00 from the personal account, 400.00 from the purse. */
static void bureau_says(fen_t fund)
{
    snprintf(outside.presettle, sizeof outside.presettle,
             "{\"total_fen\":100000,\"basic_fen\":%lld,\"serious_fen\":0,\"civil_fen\":0,"
             "\"assistance_fen\":0,\"fund_fen\":%lld,\"personal_fen\":8000,\"cash_fen\":%lld,"
             "\"lines\":[{\"fund_fen\":%lld,\"personal_fen\":8000,\"cash_fen\":%lld}]}",
             (long long)fund, (long long)fund, 92000LL - fund, (long long)fund, 92000LL - fund);
}

static const struct txn_result *settle_asked(void)
{
    return chip(with("medical.settle", H2, 0, "bill", "B1", NULL));
}

static void R12_R13_a_bureau_that_answers_after_its_time_out_settles_nothing(void **state)
{
    (void)state;
    insure(8000);
    invoice(H2, "B1", today(), 100000, 0);
    bureau_says(52000);
    outside.hold = LATE;
    unsigned before = reader_sim_commands(c.sim);
    const struct txn_result *r = settle_asked();
    assert_int_equal(r->outcome, OC_VOIDED);
    assert_int_equal(r->reason, OC_R_UPSTREAM_AWAY);
    int64_t txn = r->txn;
    assert_true(reader_sim_commands(c.sim) > before);
    all_delivered();
    assert_int_equal(hold_state_of(txn), HOLD_REVERSED);
    assert_int_equal(holds(ACCT_MERCHANT, H2), 0);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 8000);
    assert_true(invoice_is(H2, "B1", "issued"));
    city_agrees(&c, 0, 100000);
    outside.hold = GOOD;
    r = good(settle_asked());
    assert_int_equal(r->amount, 40000);
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -8000 - 52000);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 0);
    assert_int_equal(holds(ACCT_MERCHANT, H2), 100000);
    city_agrees(&c, 0, 60000);
    books_close();
}

static void
R12_R13_a_bill_held_by_the_bureau_and_torn_is_confirmed_or_reversed_by_the_card(void **state)
{
    static const char *const when[] = {"torn-before@54", "torn-after@54"};
    (void)state;
    insure(8000);
    invoice(H2, "B1", today(), 100000, 0);
    bureau_says(52000);
    for (unsigned i = 0; i < ARRAY_LEN(when); i++) {
        city_fault(&c, 0, when[i]);
        const struct txn_result *r = settle_asked();
        assert_int_equal(r->outcome, OC_IN_DOUBT);
        int64_t txn = r->txn;
        cardsim_fault_clear(c.card[0]);
        all_delivered();
        assert_int_equal(hold_state_of(txn), HOLD_HELD);
        good(city_look(&c, 0));
        all_delivered();
        assert_int_equal(hold_state_of(txn), i == 0 ? HOLD_REVERSED : HOLD_CONFIRMED);
        assert_true(invoice_is(H2, "B1", i == 0 ? "issued" : "balanced"));
    }
    assert_int_equal(holds(ACCT_MERCHANT, H2), 100000);
    city_agrees(&c, 0, 60000);
    books_close();
}

/* ---- the utility ---- */

static struct txn_request water(const char *term)
{
    return with("payment.bill_pay", term, 4210, "utility", "bank", "account", "A-17", "bill", "W1",
                NULL);
}

static void R2_R12_a_bill_of_a_utility_paid_at_two_desks_at_one_moment_is_paid_once(void **state)
{
    static struct city_side a, b;
    (void)state;
    reader_sim_insert(second, c.card[1]);
    struct txn_request q = water("shop");
    city_side_init(&a, &c, c.sim, &q);
    q = water("desk");
    city_side_init(&b, &c, second, &q);
    at_once(&a, &b);
    bool first = a.res.outcome == OC_POSTED;
    good(first ? &a.res : &b.res);
    no(OC_R_DUPLICATE, first ? &b.res : &a.res);
    assert_int_equal(outside.count, 1);
    city_agrees(&c, 0, first ? 100000 - 4210 : 100000);
    city_agrees(&c, 1, first ? 100000 : 100000 - 4210);
    reader_sim_remove(second);
    books_close();
}

/* ---- the hospital ---- */

static void R12_a_hospital_that_answers_after_its_time_out_hears_the_same_once(void **state)
{
    (void)state;
    insure(0);
    invoice(H2, "B1", today(), 100000, 0);
    outside.bad = 3; /* it has each; its answers come too late */
    good(chip(with("medical.settle", H2, 0, "bill", "B1", NULL)));
    assert_true(invoice_is(H2, "B1", "balanced")); /* nobody waits for it */
    all_delivered();
    assert_int_equal(outside.heard, 1); /* under one key */
    assert_int_equal(outside.told, 1);
    assert_string_equal(outside.kinds, "medical.settled>" H2 " ");
    assert_non_null(strstr(outside.last_document, "\"B1\""));
    books_close();
}

/* ---- the doubt and the night ---- */

static struct settle_env night;
static struct settle_report report;
static date_t settled_day;
static int settle_flow(void *arg) CO_FN;
static int settle_flow(void *arg)
{
    return arg ? settle_co_verify(&night, settled_day, &report)
               : settle_co_run(&night, settled_day, false, &report);
}

static void settle_day(date_t day, bool verify)
{
    settled_day = day;
    memset(&report, 0, sizeof report);
    int rc = loop_run_flow(c.loop, "settle", settle_flow, verify ? &report : NULL);
    if (rc != 0 || report.faults != 0)
        fail_msg("%d: %d, %u faults: %s", (int)day, rc, report.faults, report.first_fault);
}

static void close_day(date_t day)
{
    static struct ledger_op op;
    op = (struct ledger_op){.type = LOP_DAY_CLOSE, .who = "test", .day_close.date = day};
    assert_int_equal(city_op(&c, &op), 0);
}

static void R11_a_doubt_that_ends_after_the_night_of_its_day_belongs_to_the_next(void **state)
{
    static char dir[128];
    uint8_t manifest[SHA256_LEN];
    (void)state;
    ROLE_ENTER_WORKER();
    struct pool *pool = NULL;
    assert_int_equal(pool_new(&pool, "settle", 2, 16, NULL, NULL), 0);
    snprintf(dir, sizeof dir, "%s/settlement", c.dir);
    night = (struct settle_env){.ledger = c.ledger,
                                .pool = pool,
                                .crypto = c.env.crypto,
                                .clock = &clock_system,
                                .dir = dir,
                                .city_offset_min = 480};
    date_t day = today();
    insure(0); /* a note: it moves nothing, and no participant's file tells of it */
    good(chip(with("payment.purchase", "shop", 300, NULL)));
    city_fault(&c, 0, "torn-after@54");
    const struct txn_result *r = chip(with("payment.purchase", "shop", 500, NULL));
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    int64_t txn = r->txn;
    cardsim_fault_clear(c.card[0]);
    close_day(day);
    settle_day(day, false);
    assert_int_equal(report.doubts, 1);
    assert_int_equal(report.doubts_amount, 500);
    int64_t postings = report.postings;
    assert_int_equal(postings, 3); /* two loads, one purchase */
    memcpy(manifest, report.manifest_sha256, sizeof manifest);
    good(city_look(&c, 0)); /* the next morning */
    const struct txn_row *row = city_txn(&c, txn);
    assert_int_equal(row->state, OC_TXN_POSTED);
    assert_int_equal(row->in.business_date, day);
    assert_int_equal(row->clearing_date, date_add(day, 1));
    settle_day(day, true); /* byte for byte */
    settle_day(day, false);
    assert_true(report.already);
    assert_int_equal(report.postings, postings);
    assert_memory_equal(report.manifest_sha256, manifest, sizeof manifest);
    close_day(date_add(day, 1));
    settle_day(date_add(day, 1), false);
    assert_int_equal(report.doubts, 0);
    assert_int_equal(report.postings, 1);
    assert_int_equal(report.gross, 500);
    pool_free(&pool);
    city_agrees(&c, 0, 100000 - 800);
    books_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAD(R12_a_bank_that_answers_after_its_time_out_is_reversed_and_the_chip_keeps_out),
        BAD(R7_R12_bank_debited_and_the_card_proves_its_credit),
        BAD(R7_R12_bank_debited_and_the_card_shows_that_it_was_not_credited),
        BAD(R4_a_restart_between_hold_and_credit_leaves_it_to_the_card),
        ASKED(R12_R13_a_bureau_that_answers_after_its_time_out_settles_nothing),
        ASKED(R12_R13_a_bill_held_by_the_bureau_and_torn_is_confirmed_or_reversed_by_the_card),
        BAD(R2_R12_a_bill_of_a_utility_paid_at_two_desks_at_one_moment_is_paid_once),
        BAD(R12_a_hospital_that_answers_after_its_time_out_hears_the_same_once),
        BAD(R11_a_doubt_that_ends_after_the_night_of_its_day_belongs_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
