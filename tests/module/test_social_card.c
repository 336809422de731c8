/* Social security in the real switch: modules as they are loaded, sealed records in a real ledger,
 * the software card; and what a real answer and a real record have room for. */
#include "city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSPITAL "hospital-2" /* of level 2 in conf/bureau */
#define EMPLOYEE                                                                                   \
    "{\"kind\":\"medical\",\"state\":\"paying\",\"insurance\":\"employee\",\"from\":20200101,"     \
    "\"serial\":1}"

static struct city c;
static char text[65536];

static void add_place(const char *id, uint8_t sam)
{
    city_participant(&c, id);
    city_terminal(&c, id, id, sam, "{}");
}

static int setup(void **state)
{
    static const char *const names[] = {"payment", "medical", "social"};
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_modules(&c, names, ARRAY_LEN(names),
                 "modules: {social: {rules: " ONECARD_SOURCE_DIR "/conf/bureau}}");
    city_vault(&c);
    add_place(HOSPITAL, 40);
    add_place("bureau", 41);
    city_citizen(&c, "c1");
    city_citizen(&c, "c2");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

/* ---- asking ---- */

static const struct txn_result *good(const struct txn_result *r)
{
    if (r->outcome != OC_POSTED)
        fail_msg("%s (%s)", oc_reason_code(r->reason), r->detail);
    return r;
}

static struct txn_request bureau(const char *service, fen_t amount)
{
    return city_request(service, "bureau", amount);
}

static const struct txn_result *put(const char *service, const char *term, const char *document)
{
    struct txn_request q = city_request(service, term, 0);
    city_param(&q, "citizen", "c1");
    q.document = document;
    q.document_len = strlen(document);
    return city_run_reader(&c, NULL, &q);
}

static void credit(const char *line, fen_t amount)
{
    struct txn_request q = bureau("social.personal_credit", amount);
    city_param(&q, "batch", "m11");
    city_param(&q, "line", line);
    city_param(&q, "fund", "fund-employee");
    city_param(&q, "citizen", "c1");
    good(city_run_reader(&c, NULL, &q));
}

static fen_t holds(enum acct_kind kind, const char *owner)
{
    const struct account_row *a = city_account(&c, kind, owner);
    return a->credits_posted - a->debits_posted;
}

/* `list`: the member's name that the asked service gives to lines. */
static const char *bill(const char *list, unsigned lines, int64_t fen, const char *more)
{
    size_t n = (size_t)snprintf(text, sizeof text, "{\"id\":\"B1\",%s\"%s\":[", more, list);
    for (unsigned i = 0; i < lines; i++)
        n += (size_t)snprintf(
            text + n, sizeof text - n,
            "%s{\"sequence\":%u,\"code\":\"Z%u\",\"display\":\"x\",\"class\":\"%s\","
            "\"amount_fen\":%lld}",
            i ? "," : "", i + 1, i, i % 2 ? "B" : "A", (long long)fen);
    snprintf(text + n, sizeof text - n, "]}");
    return text;
}

static void issue(unsigned lines, int64_t fen)
{
    char more[160];
    snprintf(more, sizeof more, "\"type\":\"outpatient\",\"date\":%d,\"totalGross_fen\":%lld,",
             (int)city_date(clock_wall_ms(&clock_system), 480), (long long)fen * lines);
    good(put("medical.bill_put", HOSPITAL, bill("lineItem", lines, fen, more)));
}

/* ---- tests ---- */

static void identity_and_status_are_answered_to_the_card_not_to_its_number(void **state)
{
    (void)state;
    good(put("social.insured_put", "bureau", EMPLOYEE));
    struct txn_request q = city_request("social.identity", "desk", 0);
    city_param(&q, "ask", "insured,student");
    const struct txn_result *r = good(city_run(&c, &q));
    assert_non_null(strstr(r->reply, "\"insured\":true"));
    assert_non_null(strstr(r->reply, "\"student\":false"));
    q = city_request("social.status", "desk", 0);
    assert_non_null(strstr(good(city_run(&c, &q))->reply, "\"employee\""));
    q = city_request("social.identity", "desk", 0);
    city_param(&q, "ask", "insured");
    q.presented = PRESENTED_NUMBER;
    snprintf(q.presented_text, sizeof q.presented_text, "%s", city_card_row(&c, 0)->number);
    r = city_run_reader(&c, NULL, &q);
    assert_int_equal(r->outcome, OC_REFUSED);
    assert_int_equal(r->reason, OC_R_NEEDS_PRESENCE);
}

static void R13_personal_account_is_credited_once_and_pays_at_a_hospital(void **state)
{
    (void)state;
    good(put("social.insured_put", "bureau", EMPLOYEE));
    credit("1", 8000);
    credit("1", 8000);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 8000);
    struct txn_request q = city_request("social.personal_pay", HOSPITAL, 3000);
    good(city_run(&c, &q));
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 5000);
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 3000);
    q = city_request("social.personal_pay", "shop", 3000);
    assert_int_equal(city_run(&c, &q)->reason, OC_R_NOT_ELIGIBLE);
}

static void R13_presettlement_of_many_lines_fits_its_answer(void **state)
{
    (void)state;
    static const unsigned counts[] = {1, 25, 26, 200};
    good(put("social.insured_put", "bureau", EMPLOYEE));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct txn_request q = city_request("social.presettle", HOSPITAL, 0);
        q.document = bill("lines", counts[i], 4999999, "");
        q.document_len = strlen(q.document);
        const struct txn_result *r = good(city_run(&c, &q));
        assert_true((strstr(r->reply, "\"lines\"") != NULL) == (counts[i] <= 25));
        assert_int_equal(holds(ACCT_FUND, "fund-employee"), 0);
    }
}

static void R13_a_bill_of_two_hundred_lines_is_settled_and_taken_back(void **state)
{
    (void)state;
    char id[IDENT_TEXT];
    good(put("social.insured_put", "bureau", EMPLOYEE));
    credit("1", 800000);
    issue(200, 500);
    struct txn_request q = city_request("medical.settle", HOSPITAL, 0);
    city_param(&q, "bill", "B1");
    ident_text(good(city_run(&c, &q))->txn, id);
    /* A: 500.00; B: 10 % first of 500.00; in scope 950.00, deductible 200.00, 65 % of 750.00 =
     * 487.50; the personal account pays the rest of 1000.00 */
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -800000 - 48750);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 800000 - 51250);
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 100000);
    q = city_request("medical.settle_cancel", HOSPITAL, 0);
    city_param(&q, "citizen", "c1");
    city_param(&q, "txn", id);
    good(city_run_reader(&c, NULL, &q));
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -800000);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 800000);
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 0);
}

static void R13_partial_refund_settles_the_rest_in_one_transaction(void **state)
{
    (void)state;
    char id[IDENT_TEXT];
    good(put("social.insured_put", "bureau", EMPLOYEE));
    credit("1", 800000);
    issue(2, 50000);
    struct txn_request q = city_request("medical.settle", HOSPITAL, 0);
    city_param(&q, "bill", "B1");
    ident_text(good(city_run(&c, &q))->txn, id);
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -800000 - 48750);
    q = city_request("medical.refund_lines", HOSPITAL, 0);
    city_param(&q, "citizen", "c1");
    city_param(&q, "txn", id);
    city_param(&q, "lines", "2");
    good(city_run_reader(&c, NULL, &q));
    /* 500.00 of class A: 65 % of 300.00 */
    assert_int_equal(holds(ACCT_FUND, "fund-employee"), -800000 - 19500);
    assert_int_equal(holds(ACCT_PERSONAL, "c1"), 800000 - 30500);
    assert_int_equal(holds(ACCT_MERCHANT, HOSPITAL), 50000);
}

static const struct txn_result *line(const char *number, const char *citizen, fen_t amount)
{
    struct txn_request q = bureau("social.benefit_line", amount);
    city_param(&q, "batch", "p11");
    city_param(&q, "line", number);
    city_param(&q, "citizen", citizen);
    return city_run_reader(&c, NULL, &q);
}

static void R14_a_benefit_is_paid_once_and_collected_in_cash_with_the_card(void **state)
{
    (void)state;
    struct txn_request q = bureau("social.benefit_batch", 0);
    city_param(&q, "batch", "p11");
    city_param(&q, "fund", "fund-pension");
    city_param(&q, "count", "3");
    city_param(&q, "total", "300");
    good(city_run_reader(&c, NULL, &q));
    good(line("1", "c1", 10000));
    good(line("1", "c1", 10000));
    assert_int_equal(line("2", "c1", 10000)->reason, OC_R_DUPLICATE);
    assert_int_equal(line("2", "nobody", 10000)->reason, OC_R_NO_CITIZEN);
    assert_int_equal(line("2", "c2", 20001)->reason, OC_R_LIMIT);
    good(line("2", "c2", 20000));
    assert_int_equal(holds(ACCT_CITIZEN, "c1"), 10000);
    assert_int_equal(holds(ACCT_BEARER, "fund-pension"), -30000);
    q = city_request("social.collect", "desk", 4000);
    good(city_run(&c, &q));
    assert_int_equal(holds(ACCT_CITIZEN, "c1"), 6000);
}

static void grants_are_sealed_and_found_again(void **state)
{
    (void)state;
    struct txn_request q = bureau("social.concession_grant", 0);
    city_param(&q, "what", "disabled");
    city_param(&q, "citizen", "c1");
    good(city_run_reader(&c, NULL, &q));
    q = city_request("social.eligible", "desk", 0);
    city_param(&q, "what", "disabled");
    assert_non_null(strstr(good(city_run(&c, &q))->reply, "\"eligible\":true"));
}

/* 500 items that nobody here knows: an answer of few, a record of many, pages of it. */
static void R13_a_long_list_of_differences_is_kept_and_paged(void **state)
{
    (void)state;
    size_t n =
        (size_t)snprintf(text, sizeof text,
                         "{\"insurance\":\"employee\",\"date\":20261120,\"last\":true,\"items\":[");
    for (int i = 0; i < 500; i++)
        n += (size_t)snprintf(
            text + n, sizeof text - n,
            "%s{\"settlement_id\":\"r0123456789abcdef01234%03d\",\"fund_fen\":123456789}",
            i ? "," : "", i);
    snprintf(text + n, sizeof text - n, "]}");
    struct txn_request q = bureau("social.reconcile", 0);
    q.document = text;
    q.document_len = strlen(text);
    const struct txn_result *r = good(city_run_reader(&c, NULL, &q));
    assert_non_null(strstr(r->reply, "\"different\":500"));
    q = bureau("social.differences", 0);
    city_param(&q, "insurance", "employee");
    city_param(&q, "date", "2026-11-20");
    city_param(&q, "from", "25");
    r = good(city_run_reader(&c, NULL, &q));
    assert_non_null(strstr(r->reply, "\"next_from\":50"));
    assert_non_null(strstr(r->reply, "01234049"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(identity_and_status_are_answered_to_the_card_not_to_its_number),
        T(R13_personal_account_is_credited_once_and_pays_at_a_hospital),
        T(R13_presettlement_of_many_lines_fits_its_answer),
        T(R13_a_bill_of_two_hundred_lines_is_settled_and_taken_back),
        T(R13_partial_refund_settles_the_rest_in_one_transaction),
        T(R14_a_benefit_is_paid_once_and_collected_in_cash_with_the_card),
        T(grants_are_sealed_and_found_again),
        T(R13_a_long_list_of_differences_is_kept_and_paged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
