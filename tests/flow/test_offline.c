/* What offline terminals debited comes in through the switch: real chips, real TACs, doubts. */
#include "city.h"
#include "failing_store.h"

#include <stdio.h>
#include <string.h>

static struct city c;
static struct ledger_op op;

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    return 0;
}

/* A purchase of 1.00 here: the switch sees the chip's counters. */
static void buy(void)
{
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static struct op_offline *record(const struct txn_row *t)
{
    return city_record(&op, t);
}

static enum offline_result result(void)
{
    int rc = city_bring(&c, &op);
    if (rc != 0)
        fail_msg("record: %s %s", oc_strerror(rc), op.detail);
    return (enum offline_result)op.offline.result;
}

static void R1_R16_three_debits_elsewhere_come_in_backwards_and_the_law_holds(void **state)
{
    (void)state;
    struct txn_row rows[3];
    buy();
    for (int i = 0; i < 3; i++)
        rows[i] = *city_elsewhere(&c, 0, "payment.purchase", 100 * (i + 1));
    buy();
    fen_t purse = city_card_row(&c, 0)->purse;
    assert_int_equal(city_card_row(&c, 0)->awaiting, 3);
    for (int i = 2; i >= 0; i--) {
        record(&rows[i]);
        assert_int_equal(result(), OFFLINE_POSTED);
        record(&rows[i]);
        assert_int_equal(result(), OFFLINE_DUPLICATE);
        assert_int_equal(city_card_row(&c, 0)->awaiting, i);
    }
    city_agrees(&c, 0, purse - 600);
}

static void R16_an_altered_record_has_a_wrong_tac_and_one_without_is_grey(void **state)
{
    (void)state;
    buy();
    struct txn_row first = *city_elsewhere(&c, 0, "payment.purchase", 100);
    struct txn_row second = *city_elsewhere(&c, 0, "payment.purchase", 250);
    buy();
    record(&first)->amount = 900;
    assert_int_equal(result(), OFFLINE_TAC_WRONG);
    memset(record(&second)->tac, 0, 4);
    assert_int_equal(result(), OFFLINE_GREY);
    assert_int_equal(city_card_row(&c, 0)->awaiting, 2);
    record(&first);
    assert_int_equal(result(), OFFLINE_POSTED);
    memset(record(&second)->tac, 0, 4);
    assert_int_equal(result(), OFFLINE_POSTED); /* the chain proves it now */
    city_agrees(&c, 0, city_chip(&c, 0));
}

static CO_FN int again_flow(void *arg)
{
    return txn_co_offline_again(&c.env, c.card_id[0], "clerk", arg);
}

static void R16_held_records_post_when_they_are_asked_anew(void **state)
{
    (void)state;
    unsigned counts[OFFLINE_IMPOSSIBLE + 1] = {0};
    buy();
    struct txn_row t = *city_elsewhere(&c, 0, "payment.purchase", 100);
    memset(record(&t)->tac, 0, 4);
    assert_int_equal(result(), OFFLINE_GREY); /* the chip was not seen yet */
    assert_int_equal(loop_run_flow(c.loop, "again", again_flow, counts), 0);
    assert_int_equal(counts[OFFLINE_GREY] + counts[OFFLINE_POSTED], 0);
    buy();
    assert_int_equal(loop_run_flow(c.loop, "again", again_flow, counts), 0);
    assert_int_equal(counts[OFFLINE_POSTED], 1);
    city_agrees(&c, 0, city_chip(&c, 0));
}

static void R16_what_such_cards_cannot_do_is_refused_and_not_kept(void **state)
{
    (void)state;
    struct txn_row t = *city_elsewhere(&c, 0, "payment.purchase", 100);
    record(&t)->type = 5;
    assert_int_equal(city_bring(&c, &op), OC_EREFUSED);
    assert_int_equal(op.reason, OC_R_PARAMETER);
    record(&t)->amount = 0;
    assert_int_equal(city_bring(&c, &op), OC_EREFUSED);
    assert_int_equal(op.reason, OC_R_AMOUNT);
}

/* ---- doubts (R3) ---- */

static int64_t torn(const char *spec)
{
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
    city_fault(&c, 0, spec);
    q.retap_ms = 0;
    int64_t txn = city_run(&c, &q)->txn;
    cardsim_fault_clear(c.card[0]);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_IN_DOUBT);
    return txn;
}

/* The TAC that the chip made and nobody heard. */
static void unheard_tac(const struct txn_row *t, uint8_t ret[4])
{
    struct custody_card card = {.levels = 1, .key_version = 1, .alg = PBOC_3DES};
    struct pboc_purchase p = {
        .type = t->in.card_type, .amount = (uint32_t)t->in.amount, .sam_seq = t->in.terminal_seq};
    struct pboc_key key;
    struct pboc_session session;
    memcpy(card.issuer, t->issuer, sizeof card.issuer);
    memcpy(card.factors[0], t->serial + 2, 8);
    memcpy(p.sam, t->in.sam, sizeof p.sam);
    memcpy(p.date, t->in.card_date, sizeof p.date);
    memcpy(p.time, t->in.card_time, sizeof p.time);
    assert_int_equal(custody_derive_for_personalisation(c.env.custody, KEY_TAC, &card, &key), 0);
    assert_int_equal(pboc_tac_key(&key, &session), 0);
    assert_int_equal(pboc_purchase_tac(c.env.crypto, &session, &p, ret), 0);
}

static void R3_a_doubts_own_record_posts_it_by_clearing(void **state)
{
    (void)state;
    int64_t txn = torn("torn-after@54");
    struct txn_row row = *city_txn(&c, txn);
    unheard_tac(&row, row.tac);
    memcpy(record(&row)->terminal, "shop", 5);
    op.offline.amount++; /* another's numbers end nothing */
    assert_int_equal(result(), OFFLINE_TAC_WRONG);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_IN_DOUBT);
    memcpy(record(&row)->terminal, "shop", 5);
    assert_int_equal(result(), OFFLINE_POSTED);
    assert_int_equal(op.offline.txn, txn);
    const struct txn_row *t = city_txn(&c, txn);
    assert_int_equal(t->state, OC_TXN_POSTED);
    assert_int_equal(t->evidence, EV_CLEARING);
    assert_int_equal(t->tac_verdict, TAC_OK);
    memcpy(record(&row)->terminal, "shop", 5);
    assert_int_equal(result(), OFFLINE_DUPLICATE);
    city_look(&c, 0);
    city_agrees(&c, 0, 9500);
}

static void R3_a_record_under_the_doubts_counter_voids_it(void **state)
{
    (void)state;
    int64_t txn = torn("torn-before@54"); /* the chip did nothing, which nobody knows */
    struct txn_row t = *city_elsewhere(&c, 0, "payment.purchase", 300);
    record(&t);
    assert_int_equal(result(), OFFLINE_POSTED);
    const struct txn_row *row = city_txn(&c, txn);
    assert_int_equal(row->state, OC_TXN_VOIDED);
    assert_int_equal(row->evidence, EV_CLEARING);
    city_look(&c, 0);
    city_agrees(&c, 0, city_chip(&c, 0));
}

/* ---- the store fails ---- */

/* The same record until none of its statements fails any more; gives the number of tries. */
static unsigned bring_until_it_is_in(const struct txn_row *row, const char *terminal)
{
    unsigned n = 0;
    bool struck = true;
    log_set_stream(fopen("/dev/null", "w"));
    while (struck) {
        snprintf(record(row)->terminal, sizeof op.offline.terminal, "%s", terminal);
        failing_arm(++n, OC_EDB);
        int rc = city_bring(&c, &op);
        struck = failing_disarm();
        assert_int_equal(rc, struck ? OC_EDB : 0);
    }
    log_set_stream(NULL);
    return n;
}

static void R3_R16_a_doubts_record_comes_again_after_any_failure_and_ends_it_once(void **state)
{
    (void)state;
    int64_t txn = torn("torn-after@54");
    struct txn_row row = *city_txn(&c, txn);
    unheard_tac(&row, row.tac);
    assert_true(bring_until_it_is_in(&row, "shop") > 8);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_POSTED);
    assert_int_equal(city_txn(&c, txn)->evidence, EV_CLEARING);
    city_look(&c, 0);
    city_agrees(&c, 0, 9500);
}

static void R3_R16_a_record_under_the_doubts_counter_voids_it_after_any_failure(void **state)
{
    (void)state;
    int64_t txn = torn("torn-before@54");
    struct txn_row t = *city_elsewhere(&c, 0, "payment.purchase", 300);
    assert_true(bring_until_it_is_in(&t, "desk") > 8);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    city_look(&c, 0);
    city_agrees(&c, 0, 9700);
}

static void R16_held_records_are_asked_anew_after_any_failure(void **state)
{
    (void)state;
    unsigned n = 0, counts[OFFLINE_IMPOSSIBLE + 1] = {0};
    buy();
    struct txn_row t = *city_elsewhere(&c, 0, "payment.purchase", 100);
    memset(record(&t)->tac, 0, 4);
    assert_int_equal(result(), OFFLINE_GREY);
    buy();
    bool struck = true;
    log_set_stream(fopen("/dev/null", "w"));
    while (struck) {
        failing_arm(++n, OC_EDB);
        int rc = loop_run_flow(c.loop, "again", again_flow, counts);
        struck = failing_disarm();
        assert_true(rc == 0 || (struck && rc == OC_EDB)); /* one that fails is left, the others go on */
    }
    log_set_stream(NULL);
    assert_true(n > 4);
    assert_true(counts[OFFLINE_POSTED] <= 1); /* not counted where it was posted and the next look failed */
    city_agrees(&c, 0, city_chip(&c, 0));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R1_R16_three_debits_elsewhere_come_in_backwards_and_the_law_holds),
        T(R16_an_altered_record_has_a_wrong_tac_and_one_without_is_grey),
        T(R16_held_records_post_when_they_are_asked_anew),
        T(R16_what_such_cards_cannot_do_is_refused_and_not_kept),
        T(R3_a_doubts_own_record_posts_it_by_clearing),
        T(R3_a_record_under_the_doubts_counter_voids_it),
        T(R3_R16_a_doubts_record_comes_again_after_any_failure_and_ends_it_once),
        T(R3_R16_a_record_under_the_doubts_counter_voids_it_after_any_failure),
        T(R16_held_records_are_asked_anew_after_any_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
