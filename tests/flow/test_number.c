/* A card presented by its printed number or by a code (R21): what such a presentation may do, what
 * it may not, and that the card's standing counts all the same (R15). */
#include "city.h"

#include <string.h>

static struct city c;
static char number[24];

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    snprintf(number, sizeof number, "%s", city_card_row(&c, 0)->number);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static struct txn_request by(enum presented how, const char *text, const char *service)
{
    struct txn_request q = city_request(service, "desk", 0);
    q.presented = (uint8_t)how;
    snprintf(q.presented_text, sizeof q.presented_text, "%s", text);
    return q;
}

static const struct txn_result *ask(struct txn_request *q, enum oc_outcome outcome,
                                    enum oc_reason reason)
{
    const struct txn_result *r = city_run_reader(&c, NULL, q); /* no reader, no chip */
    if (r->outcome != outcome || r->reason != reason)
        fail_msg("%s by %d \"%s\": %s/%s (%s)", q->service, q->presented, q->presented_text,
                 oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail);
    return r;
}

static void R21_account_is_shown_by_number_and_by_code_without_a_chip(void **state)
{
    char code[64], groups[64];
    (void)state;
    snprintf(code, sizeof code, "oc1:%s", number);
    snprintf(groups, sizeof groups, " %.4s %s", number, number + 4);
    struct txn_request q = by(PRESENTED_NUMBER, number, "payment.account");
    const struct txn_result *r = ask(&q, OC_POSTED, OC_R_NONE);
    assert_int_equal(r->card_id, c.card_id[0]);
    assert_string_equal(r->card, number);
    assert_false(r->has_balance);
    assert_non_null(strstr(r->reply, "\"state\":\"active\""));
    assert_null(strstr(r->reply, "account_fen")); /* a number proves nobody */
    q = by(PRESENTED_NUMBER, groups, "payment.account");
    ask(&q, OC_POSTED, OC_R_NONE);
    q = by(PRESENTED_CODE, code, "payment.account");
    ask(&q, OC_POSTED, OC_R_NONE);
    struct txn_request chip = city_request("payment.account", "desk", 0);
    r = city_run(&c, &chip);
    assert_int_equal(r->outcome, OC_POSTED);
    assert_non_null(strstr(r->reply, "account_fen"));
}

static void R21_no_card_is_found_by_what_is_not_printed_on_it(void **state)
{
    static const char *const wrong[] = {"3100000000000099999", "31000000000000000001", "1",
                                        "00003100000000000001", "' OR 1=1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct txn_request q = by(PRESENTED_NUMBER, wrong[i], "payment.account");
        ask(&q, OC_REFUSED, OC_R_UNKNOWN_CARD);
    }
    struct txn_request q = by(PRESENTED_NUMBER, "", "payment.account");
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
    q = by(PRESENTED_NUMBER, "310000000000000000000000000000001", "payment.account");
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
    q = by(PRESENTED_CODE, number, "payment.account"); /* a number is no code */
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
    q = by(PRESENTED_CODE, "oc2:3100000000000000001", "payment.account");
    ask(&q, OC_REFUSED, OC_R_PARAMETER);
}

static void R21_service_that_needs_the_chip_refuses_a_number(void **state)
{
    static const char *const services[] = {"payment.purchase", "payment.load", "payment.balance",
                                           "transit.ride"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        struct txn_request q = by(PRESENTED_NUMBER, number, services[i]);
        q.amount = 100;
        const struct txn_result *r = ask(&q, OC_REFUSED, OC_R_NEEDS_CHIP);
        const struct txn_row *row = city_txn(&c, r->txn);
        assert_int_equal(row->state, OC_TXN_REFUSED);
    }
    city_agrees(&c, 0, 10000);
}

static void R15_standing_counts_however_the_card_is_presented(void **state)
{
    (void)state;
    struct txn_request q = by(PRESENTED_NUMBER, number, "payment.account");
    city_card_state(&c, 0, CARD_SUSPENDED);
    ask(&q, OC_REFUSED, OC_R_SUSPENDED);
    city_card_state(&c, 0, CARD_ACTIVE);
    ask(&q, OC_POSTED, OC_R_NONE);
    city_card_state(&c, 0, CARD_LOST);
    const struct txn_result *r = ask(&q, OC_REFUSED, OC_R_LOST);
    assert_int_equal(r->card_id, c.card_id[0]);
}

static void R21_R6_refund_may_name_the_card_that_paid_by_its_number(void **state)
{
    char id[IDENT_TEXT];
    (void)state;
    const struct txn_result *r = city_do(&c, "payment.purchase", 1000, OC_POSTED, OC_R_NONE);
    ident_text(r->txn, id);
    char other[24];
    snprintf(other, sizeof other, "%s", city_card_row(&c, 1)->number);
    struct txn_request q = by(PRESENTED_NUMBER, other, "payment.refund");
    city_param(&q, "txn", id);
    ask(&q, OC_REFUSED, OC_R_ORIGINAL_UNKNOWN);
    q = by(PRESENTED_NUMBER, number, "payment.refund");
    city_param(&q, "txn", id);
    r = ask(&q, OC_POSTED, OC_R_NONE);
    int64_t refund = r->txn;
    assert_int_equal(city_txn(&c, refund)->presented, PRESENTED_NUMBER);
    assert_int_equal(city_card_row(&c, 0)->pending_load, 1000);
    assert_int_equal(city_card_row(&c, 1)->pending_load, 0);
    q = by(PRESENTED_NUMBER, number, "payment.refund");
    city_param(&q, "txn", id);
    ask(&q, OC_REFUSED, OC_R_OVER_ORIGINAL);
}

static void same_number_for_another_card_is_a_conflict(void **state)
{
    (void)state;
    struct txn_request q = by(PRESENTED_NUMBER, "1", "payment.account");
    q.request_no = 5;
    ask(&q, OC_REFUSED, OC_R_UNKNOWN_CARD);
    ask(&q, OC_REFUSED, OC_R_UNKNOWN_CARD);
    q = by(PRESENTED_NUMBER, number, "payment.account");
    q.request_no = 5;
    ask(&q, OC_REFUSED, OC_R_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R21_account_is_shown_by_number_and_by_code_without_a_chip),
        T(R21_no_card_is_found_by_what_is_not_printed_on_it),
        T(R21_service_that_needs_the_chip_refuses_a_number),
        T(R15_standing_counts_however_the_card_is_presented),
        T(R21_R6_refund_may_name_the_card_that_paid_by_its_number),
        T(same_number_for_another_card_is_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
