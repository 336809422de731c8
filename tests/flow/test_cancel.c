/* A request may be cancelled at any moment. What it then says is true: cancelled before anything
 * moved, or the outcome as it came to be; the store is never blamed (R2, R4). */
#include "city.h"

#include <string.h>

static struct city c;
static struct city_side a;

static int setup(void **state)
{
    (void)state;
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 100000, OC_POSTED, OC_R_NONE);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static const struct kind {
    const char *service, *term;
    fen_t amount;
    fen_t moves;
} kinds[] = {{"payment.purchase", "shop", 100, -100},
             {"payment.load", "desk", 100, 100},
             {"transit.ride", "bus", 0, -200}};

static const char *const faults[] = {NULL,
                                     "torn-before@54#1",
                                     "torn-after@54#1",
                                     "torn-before@52#1",
                                     "torn-after@52#1",
                                     "torn-before@50#1",
                                     "sw:6985@50#1",
                                     "sw:9302@54#1"};

static void begin(const struct kind *k, const char *fault, bool retap)
{
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
    struct txn_request q = city_request(k->service, k->term, k->amount);
    c.clock.ahead_ms += 2000;
    q.gate = k->amount == 0;
    q.arrival = reader_sim_reader(c.sim)->arrival;
    q.retap_ms = retap ? 60 : 0;
    reader_sim_return_after(c.sim, retap ? 3 : -1);
    city_side_init(&a, &c, c.sim, &q);
    if (fault != NULL)
        city_fault(&c, 0, fault);
}

/* What was said is so; then the card settles what is open, and chip and ledger agree. */
static void judge(const struct kind *k, const char *fault, int at, fen_t before)
{
    const char *wrong = NULL;
    fen_t moved = city_chip(&c, 0) - before;
    const struct txn_result r = a.res;
    cardsim_fault_clear(c.card[0]);
    reader_sim_return_after(c.sim, -1);
    if (a.rc != 0 && a.rc != OC_ECANCELED)
        wrong = "a result that is neither";
    else if (r.reason == OC_R_STORE)
        wrong = "the store was blamed";
    else if (r.reason == OC_R_CANCELED && a.rc != OC_ECANCELED)
        wrong = "cancelled, and yet 0";
    else if ((r.outcome == OC_REFUSED || r.outcome == OC_VOIDED) && moved != 0)
        wrong = "moved though refused";
    else if (r.outcome == OC_POSTED && moved != k->moves)
        wrong = "posted, not moved";
    else if (r.outcome == OC_POSTED && city_txn(&c, r.txn)->state != OC_TXN_POSTED)
        wrong = "posted, its row not";
    else if (moved != 0 && moved != k->moves)
        wrong = "moved twice";
    else if (!list_empty(&c.env.live))
        wrong = "still live";
    else if (city_look(&c, 0)->outcome != OC_POSTED || city_card_row(&c, 0)->open_txn != 0)
        wrong = "stuck";
    else if (city_card_row(&c, 0)->purse != city_chip(&c, 0) || city_card_row(&c, 0)->alarm != 0)
        wrong = "chip and ledger differ";
    if (wrong != NULL)
        fail_msg("%s: %s %s cancelled at %d: %s/%s (%s), moved %lld", wrong, k->service,
                 fault != NULL ? fault : "", at, oc_outcome_name(r.outcome),
                 oc_reason_code(r.reason), r.detail, (long long)moved);
}

/* ---- at each time the others get a turn ---- */

static CO_FN int cancel_after_turns(void *arg)
{
    int *turns = arg, left = *turns;
    int rc = city_side_start(&a);
    if (rc != 0)
        return rc;
    while (left > 0 && !flow_done(a.flow) && rc == 0) {
        left--;
        rc = flow_co_yield();
    }
    if (flow_done(a.flow))
        *turns = -1;
    flow_cancel(a.flow);
    int ended = city_co_side_end(&a);
    return rc != 0 ? rc : ended;
}

static unsigned cancel_at; /* the command before which the request is cancelled */
static void count_command(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    unsigned *n = arg;
    (void)sim, (void)cmd, (void)len;
    if (++*n == cancel_at)
        flow_cancel(a.flow);
}

static CO_FN int run_a(void *arg)
{
    (void)arg;
    int rc = city_side_start(&a);
    return rc != 0 ? rc : city_co_side_end(&a);
}

static void R4_cancelled_at_each_command_tells_the_truth(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
            unsigned n = 0;
            for (cancel_at = 1; n >= cancel_at - 1; cancel_at++) {
                n = 0;
                begin(&kinds[k], faults[f], cancel_at % 2 != 0);
                fen_t before = city_chip(&c, 0);
                reader_sim_hook(c.sim, count_command, &n);
                assert_int_equal(loop_run_flow(c.loop, "a", run_a, NULL), 0);
                reader_sim_hook(c.sim, NULL, NULL);
                judge(&kinds[k], faults[f], (int)cancel_at, before);
            }
        }
    }
}

static uint64_t dice = 88172645463325252U;
static unsigned roll(unsigned n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 11) % n;
}

static void R4_cancelled_at_any_moment_tells_the_truth(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        const struct kind *k = &kinds[roll(ARRAY_LEN(kinds))];
        const char *fault = faults[roll(ARRAY_LEN(faults))];
        int turns = (int)roll(roll(2) != 0 ? 4000 : 40);
        begin(k, fault, roll(2) != 0);
        fen_t before = city_chip(&c, 0);
        assert_int_equal(loop_run_flow(c.loop, "cancel", cancel_after_turns, &turns), 0);
        judge(k, fault, turns, before);
    }
    city_agrees(&c, 0, city_chip(&c, 0));
}

static CO_FN int cancel_while_awaited(void *arg)
{
    (void)arg;
    int rc = city_side_start(&a);
    if (rc == 0)
        rc = city_co_side_phase(&a, TXN_PHASE_WAIT_RETURN);
    flow_cancel(a.flow);
    int ended = city_co_side_end(&a);
    return rc != 0 ? rc : ended;
}

static void R4_cancelled_while_the_torn_card_is_awaited_stays_in_doubt(void **state)
{
    (void)state;
    begin(&kinds[0], "torn-after@54", false);
    a.req.retap_ms = 5000;
    assert_int_equal(loop_run_flow(c.loop, "cancel", cancel_while_awaited, NULL), 0);
    assert_int_equal(a.rc, OC_ECANCELED);
    assert_int_equal(a.res.outcome, OC_IN_DOUBT);
    assert_int_equal(a.res.reason, OC_R_ANSWER_LOST);
    assert_int_equal(city_txn(&c, a.res.txn)->state, OC_TXN_IN_DOUBT);
    assert_int_equal(city_look(&c, 0)->outcome, OC_POSTED);
    city_agrees(&c, 0, 99900);
}

static void cancelled_while_waiting_after_a_harmless_tear_is_cancelled(void **state)
{
    (void)state;
    begin(&kinds[0], "torn-before@50", false);
    a.req.retap_ms = 5000;
    assert_int_equal(loop_run_flow(c.loop, "cancel", cancel_while_awaited, NULL), 0);
    assert_int_equal(a.rc, OC_ECANCELED);
    assert_int_equal(a.res.outcome, OC_REFUSED);
    assert_int_equal(a.res.reason, OC_R_CANCELED);
    city_agrees(&c, 0, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R4_cancelled_at_each_command_tells_the_truth),
        T(R4_cancelled_at_any_moment_tells_the_truth),
        T(R4_cancelled_while_the_torn_card_is_awaited_stays_in_doubt),
        T(cancelled_while_waiting_after_a_harmless_tear_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
