/* How often a dialogue looks into the ledger, each look being a hop to a reader's thread and back:
 * the linker puts counters around the functions that do (--wrap). And that one look is enough: who
 * is put on the deny list after it is refused by the intent itself (R15). */
#include "city.h"

#include <string.h>

static struct city c;
static unsigned looks, admissions, standings;
static bool away; /* nothing can be read */

#define WRAP(name, params, args, count)                                                            \
    int __real_##name params CO_FN;                                                                \
    int __wrap_##name params CO_FN;                                                                \
    int __wrap_##name params                                                                       \
    {                                                                                              \
        count++;                                                                                   \
        looks++;                                                                                   \
        if (away)                                                                                  \
            return OC_EBUSY;                                                                       \
        return __real_##name args;                                                                 \
    }
static unsigned others;
WRAP(ledger_co_admission,
     (struct ledger * l, const char *t, int64_t no, struct terminal_row *rt, struct txn_row *rx,
      bool *f),
     (l, t, no, rt, rx, f), admissions)
WRAP(ledger_co_card_standing,
     (struct ledger * l, const uint8_t i[OC_ISSUER_LEN], const uint8_t s[OC_SERIAL_LEN],
      struct card_row *c1, struct deny_row *d, bool *denied),
     (l, i, s, c1, d, denied), standings)
WRAP(ledger_co_card,
     (struct ledger * l, const uint8_t i[OC_ISSUER_LEN], const uint8_t s[OC_SERIAL_LEN],
      struct card_row *r),
     (l, i, s, r), others)
WRAP(ledger_co_card_id, (struct ledger * l, int64_t id, struct card_row *r), (l, id, r), others)
WRAP(ledger_co_card_find, (struct ledger * l, const char *t, struct card_row *r), (l, t, r), others)
WRAP(ledger_co_denied,
     (struct ledger * l, const uint8_t i[OC_ISSUER_LEN], const uint8_t s[OC_SERIAL_LEN],
      struct deny_row *r),
     (l, i, s, r), others)
WRAP(ledger_co_terminal, (struct ledger * l, const char *id, struct terminal_row *r), (l, id, r),
     others)
WRAP(ledger_co_account, (struct ledger * l, enum acct_kind k, const char *o, struct account_row *r),
     (l, k, o, r), others)
WRAP(ledger_co_txn, (struct ledger * l, int64_t id, struct txn_row *r), (l, id, r), others)
WRAP(ledger_co_txn_request, (struct ledger * l, const char *t, int64_t no, struct txn_row *r),
     (l, t, no, r), others)
WRAP(ledger_co_record,
     (struct ledger * l, const char *s, const char *o, const char *k, struct arena *a,
      struct record_row *r),
     (l, s, o, k, a, r), others)
WRAP(ledger_co_looks, (struct ledger * l, struct ledger_look *k, unsigned n, struct arena *a),
     (l, k, n, a), others)

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    looks = admissions = standings = others = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static void purchase_looks_twice_into_the_ledger(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 5;
    assert_int_equal(city_run(&c, &q)->outcome, OC_POSTED);
    assert_int_equal(admissions, 1);
    assert_int_equal(standings, 1);
    assert_int_equal(looks, 2);
}

static void ride_looks_twice_into_the_ledger(void **state)
{
    (void)state;
    assert_int_equal(city_tap(&c, 0, 0)->outcome, OC_POSTED);
    assert_int_equal(looks, 2);
}

static void balance_of_a_named_card_looks_at_the_account_too(void **state)
{
    (void)state;
    city_do(&c, "payment.balance", 0, OC_POSTED, OC_R_NONE);
    assert_int_equal(looks, 3);
}

static void replay_looks_once_and_for_the_cards_number(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 5;
    assert_int_equal(city_run(&c, &q)->outcome, OC_POSTED);
    looks = 0;
    assert_int_equal(city_run(&c, &q)->outcome, OC_POSTED);
    assert_int_equal(looks, 2);
}

/* "Refused" would be a lie: the number was posted. */
static void R6_known_number_that_cannot_be_looked_up_is_not_refused(void **state)
{
    (void)state;
    struct txn_request q = city_request("payment.purchase", "shop", 500);
    q.request_no = 5;
    assert_int_equal(city_run(&c, &q)->outcome, OC_POSTED);
    away = true;
    const struct txn_result *r = city_run(&c, &q);
    away = false;
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    assert_int_equal(r->reason, OC_R_BUSY);
    r = city_run(&c, &q);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_true(r->replayed);
    city_agrees(&c, 0, 9500);
}

/* Between the look and the intent the card is put on the list. */
static bool listed;
static void deny_at_initialize(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    static struct ledger_op op;
    (void)sim, (void)arg;
    if (listed || len < 2 || cmd[1] != 0x50)
        return;
    listed = true;
    memset(&op, 0, sizeof op);
    op.type = LOP_DENY;
    snprintf(op.who, sizeof op.who, "test");
    memcpy(op.deny.issuer, (const uint8_t[]){0x10, 0x20, 0x30, 0x40, 0, 0, 0, 1}, OC_ISSUER_LEN);
    op.deny.serial[2] = 0x31;
    op.deny.serial[9] = 1;
    op.deny.action = 1;
    snprintf(op.deny.why, sizeof op.deny.why, "stolen");
    listed = city_op(&c, &op) == 0;
}

static void R15_card_denied_after_the_look_is_refused_by_the_intent(void **state)
{
    (void)state;
    listed = false;
    reader_sim_hook(c.sim, deny_at_initialize, NULL);
    city_do(&c, "payment.purchase", 500, OC_REFUSED, OC_R_DENIED);
    reader_sim_hook(c.sim, NULL, NULL);
    assert_true(listed);
    city_agrees(&c, 0, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(purchase_looks_twice_into_the_ledger),
        T(ride_looks_twice_into_the_ledger),
        T(balance_of_a_named_card_looks_at_the_account_too),
        T(replay_looks_once_and_for_the_cards_number),
        T(R6_known_number_that_cannot_be_looked_up_is_not_refused),
        T(R15_card_denied_after_the_look_is_refused_by_the_intent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
