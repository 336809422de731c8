/* Every dialogue once for each statement of the ledger that can fail in it, reads and commits
 * alike. Whatever failed, what the requester hears is true of the chip, and once the store works
 * and the card was looked at, chip and ledger agree, nothing is open or reserved, and the card goes
 * on (R1-R4, R8). */
#include "failing_store.h"
#include "scenes.h"

#include <string.h>

static struct city c;

static int setup(void **state)
{
    (void)state;
    scenes_open(&c, CARDSIM_PBOC, "pboc-ep");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scenes_close();
    return 0;
}

/* The n-th statement fails. Whether there was one. */
static bool fails_at(const struct scene *s, unsigned n)
{
    scene_begin(s);
    failing_arm(n, OC_EDB);
    scene_run();
    bool struck = failing_disarm();
    const char *wrong = scene_wrong();
    if (wrong != NULL)
        scene_fail(s, "statement", n, wrong);
    return struck;
}

static void R1_R2_R3_dialogues_are_true_whichever_statement_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < scene_count; i++) {
        unsigned n = 1;
        while (fails_at(&scenes[i], n))
            n++;
        assert_true(n > 4); /* each has statements */
    }
    city_agrees(&c, 0, city_chip(&c, 0));
}

/* ---- what is no dialogue ---- */

static CO_FN int recover_flow(void *arg)
{
    return txn_co_recover(&c.env, arg);
}

/* A start that could not end its open rows says so, and the next one ends them. */
static void R4_recovery_whose_store_fails_ends_no_row_by_halves(void **state)
{
    (void)state;
    c.store_ok = 1;
    c.store_bad = 100;
    city_do(&c, "payment.purchase", 500, OC_IN_DOUBT, OC_R_STORE);
    int64_t txn = city_card_row(&c, 0)->open_txn;
    c.store_ok = c.store_bad = 0;
    bool struck = true;
    unsigned n = 1, count = 0;
    for (; struck; n++) {
        count = 0;
        failing_arm(n, OC_EDB);
        int rc = loop_run_flow(c.loop, "recover", recover_flow, &count);
        struck = failing_disarm();
        assert_int_equal(rc, struck ? OC_EDB : 0);
        assert_int_equal(city_txn(&c, txn)->state, struck ? OC_TXN_INTENDED : OC_TXN_IN_DOUBT);
    }
    assert_true(n > 3);
    assert_int_equal(count, 1);
    scene_lay();
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    city_agrees(&c, 0, 399500);
}

struct issue_run {
    struct txn_issue what;
    struct txn_result res;
};
static CO_FN int issue_flow(void *arg)
{
    struct issue_run *i = arg;
    return txn_co_issue(&c.env, reader_sim_reader(c.sim), &i->what, &i->res);
}

static bool issue_fails_at(unsigned n)
{
    static struct issue_run i;
    const struct card_row *any = city_card_row(&c, 0);
    memset(&i, 0, sizeof i);
    snprintf(i.what.terminal, sizeof i.what.terminal, "desk");
    snprintf(i.what.profile, sizeof i.what.profile, "%s", c.profile);
    snprintf(i.what.who, sizeof i.what.who, "clerk");
    memcpy(i.what.issuer, any->issuer, sizeof i.what.issuer);
    i.what.kind = CARD_NAMED;
    i.what.activate = true;
    i.what.wait_ms = 300;
    city_blank(&c);
    failing_arm(n, OC_EDB);
    assert_int_equal(loop_run_flow(c.loop, "issue", issue_flow, &i), 0);
    bool struck = failing_disarm();
    assert_int_equal(i.res.outcome == OC_POSTED, !struck);
    if (struck)
        assert_int_not_equal(i.res.reason, OC_R_NONE);
    else
        c.card_id[2] = i.res.card_id;
    return struck;
}

/* The card's row that a failed issue left was never active: the chip is nobody's card. */
static void issue_whose_store_fails_is_told_and_makes_no_active_card(void **state)
{
    (void)state;
    c.env.policy.ceiling_named = 500000;
    unsigned n = 1;
    while (issue_fails_at(n))
        n++;
    assert_true(n > 3);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[2]);
    city_do(&c, "payment.load", 700, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 2, 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R1_R2_R3_dialogues_are_true_whichever_statement_fails),
        T(R4_recovery_whose_store_fails_ends_no_row_by_halves),
        T(issue_whose_store_fails_is_told_and_makes_no_active_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
