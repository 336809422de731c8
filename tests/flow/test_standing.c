/* Cards that may not be served, cards that nobody proved, and plans that must change nothing (R9,
 * R15). */
#include "city.h"

#include <string.h>

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

static int setup(void **state)
{
    (void)state;
    city_open(&c, kind, profile);
    reader_sim_insert(c.sim, c.card[0]);
    return 0;
}
static int setup_loaded(void **state)
{
    setup(state);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

/* ---- the deny list ---- */

/* action 1: refuse, 2: lock, 0: take off */
static void list_card(int card, uint8_t action)
{
    static struct ledger_op op;
    struct cardsim_status s;
    const struct card_row *any = city_card_row(&c, 0);
    memset(&op, 0, sizeof op);
    op.type = LOP_DENY;
    snprintf(op.who, sizeof op.who, "test");
    cardsim_status(c.card[card], &s);
    memcpy(op.deny.issuer, any->issuer, sizeof op.deny.issuer);
    memcpy(op.deny.serial, s.serial, sizeof op.deny.serial);
    op.deny.action = action == 0 ? 1 : action;
    op.deny.remove = action == 0;
    snprintf(op.deny.why, sizeof op.deny.why, "stolen");
    assert_int_equal(city_op(&c, &op), 0);
}

static bool chip_is_locked(int card)
{
    struct cardsim_status s;
    cardsim_status(c.card[card], &s);
    return s.app_blocked != 0;
}

static void R15_lock_order_reaches_the_chip(void **state)
{
    (void)state;
    list_card(0, 2);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_DENIED);
    assert_true(chip_is_locked(0));
    assert_int_equal(city_chip(&c, 0), 10000);
}

static void R15_lock_order_reaches_the_chip_of_a_lost_card(void **state)
{
    (void)state;
    list_card(0, 2);
    city_card_state(&c, 0, CARD_LOST);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_LOST);
    assert_true(chip_is_locked(0));
    assert_int_equal(city_chip(&c, 0), 10000);
}

static void R15_refuse_order_does_not_lock(void **state)
{
    (void)state;
    list_card(0, 1);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_DENIED);
    assert_false(chip_is_locked(0));
    list_card(0, 0);
    city_do(&c, "payment.purchase", 100, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 9900);
}

static void R15_listed_card_that_is_not_ours_is_refused_as_denied(void **state)
{
    (void)state;
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[2]);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_UNKNOWN_CARD);
    list_card(2, 1);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_DENIED);
    assert_false(chip_is_locked(2));
    list_card(2, 2);
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_DENIED);
    assert_true(chip_is_locked(2));
}

static void R15_doubt_of_a_listed_card_is_settled_before_it_is_locked(void **state)
{
    (void)state;
    city_fault(&c, 0, "torn-after@54");
    int64_t id = city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    list_card(0, 2);
    reader_sim_return(c.sim);
    const struct txn_result *r = city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_DENIED);
    assert_int_equal(r->settled_count, 1);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_POSTED);
    assert_true(chip_is_locked(0));
    city_agrees(&c, 0, 9500);
}

/* ---- plans ---- */

struct plan_run {
    struct txn_request req;
    struct txn_result res;
    struct buf out;
};
static CO_FN int run_plan(void *arg)
{
    struct plan_run *p = arg;
    return txn_co_plan(&c.env, reader_sim_reader(c.sim), &p->req, &p->res, &p->out);
}

static struct txn_result *plan(const char *service, const char *term, fen_t amount)
{
    static struct plan_run p;
    memset(&p, 0, sizeof p);
    p.req = city_request(service, term, amount);
    assert_int_equal(txn_request_hash(c.env.crypto, &p.req, p.req.request_hash), 0);
    buf_init(&p.out, 64 * 1024);
    assert_int_equal(loop_run_flow(c.loop, "plan", run_plan, &p), 0);
    assert_true((p.res.outcome == OC_POSTED) == (p.out.len > 0));
    buf_fini(&p.out);
    return &p.res;
}

static void R3_plan_for_a_card_with_a_doubt_changes_nothing(void **state)
{
    (void)state;
    city_fault(&c, 0, "torn-after@54");
    int64_t id = city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_ANSWER_LOST)->txn;
    reader_sim_return(c.sim);
    int64_t journal = city_journal(&c);
    const struct txn_result *r = plan("payment.purchase", "shop", 100);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_DOUBT_OPEN);
    assert_int_equal(city_journal(&c), journal);
    assert_int_equal(city_txn(&c, id)->state, OC_TXN_IN_DOUBT);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    city_agrees(&c, 0, 9500);
}

static void plans_move_and_write_nothing(void **state)
{
    (void)state;
    int64_t journal = city_journal(&c);
    assert_int_equal(plan("payment.purchase", "shop", 100)->outcome, OC_POSTED);
    assert_int_equal(plan("payment.load", "desk", 100)->outcome, OC_POSTED);
    assert_int_equal(plan("payment.balance", "shop", 0)->outcome, OC_POSTED);
    assert_int_equal(plan("transit.ride", "bus", 0)->outcome, OC_POSTED);
    assert_int_equal(plan("payment.purchase", "nowhere", 100)->outcome, OC_REFUSED);
    assert_int_equal(city_journal(&c), journal);
    city_agrees(&c, 0, 10000);
}

static void R15_plan_for_a_listed_card_does_not_lock_it(void **state)
{
    (void)state;
    list_card(0, 2);
    int64_t journal = city_journal(&c);
    assert_int_equal(plan("payment.purchase", "shop", 100)->outcome, OC_REFUSED);
    assert_false(chip_is_locked(0));
    assert_int_equal(city_journal(&c), journal);
}

/* ---- cards that did not prove themselves ---- */

static void claims(fen_t fen)
{
    struct cardsim_status s;
    cardsim_status(c.card[0], &s);
    assert_int_equal(cardsim_purse_set(c.card[0], fen, 0, s.online, s.offline), 0);
}

static void R9_unproven_card_makes_no_opening_entry(void **state)
{
    (void)state;
    claims(2000000000);
    city_fault(&c, 0, "sw:6D00@88!"); /* no internal key, it says */
    city_fault(&c, 0, "wrong-mac1");
    city_do(&c, "payment.load", 100, OC_REFUSED, OC_R_LOAD_MAC1);
    assert_int_equal(city_card_row(&c, 0)->purse, 0);
    assert_int_equal(city_account(&c, ACCT_OPENING, "")->debits_posted, 0);
    struct txn_request q = city_request("payment.balance", "shop", 0);
    (void)city_run(&c, &q);
    assert_int_equal(city_card_row(&c, 0)->purse, 0);
}

static void R9_proven_card_brings_its_money_along(void **state)
{
    (void)state;
    claims(4200);
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_account(&c, ACCT_OPENING, "")->debits_posted, 4200);
    city_agrees(&c, 0, 4200);
}

static void R9_right_mac1_proves_a_card_without_an_internal_key(void **state)
{
    (void)state;
    claims(4200);
    city_fault(&c, 0, "sw:6D00@88!");
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(city_card_row(&c, 0)->purse, 0);
    city_do(&c, "payment.load", 100, OC_POSTED, OC_R_NONE);
    cardsim_fault_clear(c.card[0]);
    city_agrees(&c, 0, 4300);
}

static void R9_purchase_whose_proofs_are_right_proves_the_card(void **state)
{
    (void)state;
    claims(4200);
    city_fault(&c, 0, "sw:6D00@88!");
    city_do(&c, "payment.purchase", 200, OC_POSTED, OC_R_NONE);
    cardsim_fault_clear(c.card[0]);
    city_agrees(&c, 0, 4000);
}

static void R9_refusal_of_an_unproven_card_teaches_nothing(void **state)
{
    (void)state;
    claims(99);
    city_fault(&c, 0, "sw:6D00@88!");
    city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_INSUFFICIENT);
    const struct card_row *row = city_card_row(&c, 0);
    assert_int_equal(row->alarm, 0);
    assert_int_equal(row->purse, 10000);
    assert_int_equal(row->last.balance, 10000);
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup_loaded, teardown)
#define N(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R15_lock_order_reaches_the_chip),
        T(R15_lock_order_reaches_the_chip_of_a_lost_card),
        T(R15_refuse_order_does_not_lock),
        T(R15_listed_card_that_is_not_ours_is_refused_as_denied),
        T(R15_doubt_of_a_listed_card_is_settled_before_it_is_locked),
        T(R3_plan_for_a_card_with_a_doubt_changes_nothing),
        T(plans_move_and_write_nothing),
        T(R15_plan_for_a_listed_card_does_not_lock_it),
        N(R9_unproven_card_makes_no_opening_entry),
        N(R9_proven_card_brings_its_money_along),
        N(R9_right_mac1_proves_a_card_without_an_internal_key),
        N(R9_purchase_whose_proofs_are_right_proves_the_card),
        T(R9_refusal_of_an_unproven_card_teaches_nothing),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_profile(CARDSIM_PBOC, "pboc-ep") + run_profile(CARDSIM_MOHURD, "mohurd") +
           run_profile(CARDSIM_TUNION, "tunion");
}
