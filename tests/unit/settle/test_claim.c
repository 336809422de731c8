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

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CITY_TEST(R18_claim_has_what_the_funds_account_moved_in_the_months_closed_days),
        CITY_TEST(R18_claim_made_again_is_the_same_bytes_and_a_change_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
