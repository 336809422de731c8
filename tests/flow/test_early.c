/* What is found out before the intent: by the card's own word, by a key that is not there. Nothing
 * is reserved, nothing moves, no row is open, and the card works again when the reason has gone
 * (R2). */
#include "city.h"

#include <string.h>

static struct city c;

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 5000, OC_POSTED, OC_R_NONE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

/* Refused for that reason with these words, and all is as it was. */
static void refused(const char *service, fen_t amount, enum oc_reason reason, const char *words)
{
    const struct txn_result *r = city_do(&c, service, amount, OC_REFUSED, reason);
    if (strstr(r->detail, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", r->detail, words);
    city_agrees(&c, 0, 5000);
}

static void works_again(void)
{
    cardsim_fault_clear(c.card[0]);
    city_do(&c, "payment.purchase", 1000, OC_POSTED, OC_R_NONE);
    city_do(&c, "payment.load", 500, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 4500);
}

static void R1_card_that_refuses_to_initialize_is_told_why(void **state)
{
    static const struct {
        const char *service, *fault, *words;
        enum oc_reason reason;
    } cases[] = {
        {"payment.purchase", "sw:9401@50", "9401", OC_R_INSUFFICIENT},
        {"payment.purchase", "sw:9402@50", "9402", OC_R_COUNTER_MAX},
        {"payment.purchase", "sw:9403@50", "no purchase key 01", OC_R_NO_KEY},
        {"payment.purchase", "sw:6A81@50", "6A81", OC_R_BLOCKED},
        {"payment.purchase", "sw:6F00@50", "INITIALIZE FOR PURCHASE: 6F00", OC_R_CARD_ERROR},
        {"payment.load", "sw:9402@50", "9402", OC_R_COUNTER_MAX},
        {"payment.load", "sw:9403@50", "no load key 01", OC_R_NO_KEY},
        {"payment.load", "sw:6A81@50", "6A81", OC_R_BLOCKED},
        {"payment.load", "sw:6F00@50", "INITIALIZE FOR LOAD: 6F00", OC_R_CARD_ERROR}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        city_fault(&c, 0, cases[i].fault);
        refused(cases[i].service, 100, cases[i].reason, cases[i].words);
        cardsim_fault_clear(c.card[0]);
    }
    works_again();
}

static void R2_key_that_is_missing_is_found_before_the_intent(void **state)
{
    (void)state;
    city_keys(&c, true, KEY_PURCHASE);
    refused("payment.purchase", 100, OC_R_NO_KEY, "no purchase key of version 1");
    city_keys(&c, true, KEY_TAC);
    refused("payment.purchase", 100, OC_R_NO_KEY, "no TAC key");
    refused("payment.load", 100, OC_R_NO_KEY, "no TAC key");
    city_keys(&c, true, KEY_LOAD);
    refused("payment.load", 100, OC_R_NO_KEY, "no load key of version 1");
    city_keys(&c, true, 0);
    works_again();
}

static void R10_purchase_without_a_sam_in_software_is_refused_and_a_load_is_not(void **state)
{
    (void)state;
    city_keys(&c, false, 0);
    refused("payment.purchase", 100, OC_R_SAM_MISSING, "sam.software");
    city_do(&c, "payment.load", 100, OC_POSTED, OC_R_NONE);
    city_agrees(&c, 0, 5100);
}

static void R7_load_with_a_wrong_mac1_prints_nothing(void **state)
{
    (void)state;
    city_fault(&c, 0, "wrong-mac1");
    refused("payment.load", 100, OC_R_LOAD_MAC1, "MAC1");
    works_again();
}

static void R9_counters_at_their_end_take_no_more(void **state)
{
    (void)state;
    assert_int_equal(cardsim_purse_set(c.card[0], 5000, 0, 0xFFFF, 0xFFFF), 0);
    (void)city_do(&c, "payment.purchase", 100, OC_REFUSED, OC_R_COUNTER_MAX);
    (void)city_do(&c, "payment.load", 100, OC_REFUSED, OC_R_COUNTER_MAX);
    assert_int_equal(city_chip(&c, 0), 5000);
    assert_int_equal(city_card_row(&c, 0)->purse, 5000);
    assert_int_equal(city_card_row(&c, 0)->open_txn, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R1_card_that_refuses_to_initialize_is_told_why),
        T(R2_key_that_is_missing_is_found_before_the_intent),
        T(R10_purchase_without_a_sam_in_software_is_refused_and_a_load_is_not),
        T(R7_load_with_a_wrong_mac1_prints_nothing),
        T(R9_counters_at_their_end_take_no_more),
    };
    return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
