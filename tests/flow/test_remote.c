/* Dialogues with a terminal at the other end of a wire, which is cut at every place where that
 * makes a difference: before the intent, before the money command left, while it was on its way,
 * before its answer came. Then the terminal comes back and asks again with the same number, and the
 * citizen is charged once (R3, R4, R8). */
#include "city.h"
#include "reader_remote_sim.h"

#include <string.h>

static struct city c;
static enum cardsim_profile kind;
static const char *profile;
static struct remote_sim *wire;
static struct script_book *book;

static void wire_new(void)
{
    remote_sim_free(&wire);
    assert_int_equal(remote_sim_new(c.loop, "wire", &wire), 0);
}

static void put(int card)
{
    struct reader_sim *there = remote_sim_terminal(wire);
    reader_sim_remove(there);
    reader_sim_insert(there, c.card[card]);
}

static int setup(void **state)
{
    (void)state;
    city_open(&c, kind, profile);
    reader_sim_insert(c.sim, c.card[0]);
    city_do(&c, "payment.load", 10000, OC_POSTED, OC_R_NONE);
    reader_sim_remove(c.sim);
    assert_int_equal(script_book_new(c.env.profiles, &book), 0);
    wire_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remote_sim_free(&wire);
    script_book_free(&book);
    city_close(&c);
    return 0;
}

/* What is sold over the wire. `moves`: what it does to the chip. */
static const struct sale {
    const char *service, *term;
    fen_t amount, moves;
    bool gate;
} sales[] = {
    {"payment.purchase", "shop", 500, -500, false},
    {"payment.load", "desk", 700, 700, false},
    {"transit.ride", "bus", 0, -200, true},
};
static int64_t next_number = 1000;

static struct txn_request request(const struct sale *s)
{
    struct txn_request q = city_request(s->service, s->term, s->amount);
    c.clock.ahead_ms += 2000;
    q.gate = s->gate;
    q.arrival = s->gate ? 1 : 0;
    q.request_no = ++next_number;
    q.retap_ms = 4000;
    q.scripts = book;
    return q;
}

static const struct txn_result *run(const struct txn_request *q)
{
    return city_run_reader(&c, remote_sim_reader(wire), q);
}

/* The list that carries the money command, counted from now. */
static unsigned money_list(const struct sale *s)
{
    put(0);
    unsigned before = remote_sim_lists(wire);
    struct txn_request q = request(s);
    const struct txn_result *r = run(&q);
    if (r->outcome != OC_POSTED)
        fail_msg("%s: %s %s (%s)", s->service, oc_outcome_name(r->outcome),
                 oc_reason_code(r->reason), r->detail);
    unsigned lists = remote_sim_lists(wire) - before;
    wire_new();
    put(0);
    return lists;
}

static void expect(const char *what, const struct sale *s, const struct txn_result *r,
                   enum oc_outcome outcome, enum oc_reason reason)
{
    if (r->outcome != outcome || r->reason != reason)
        fail_msg("%s, %s: %s/%s (%s), not %s/%s", what, s->service, oc_outcome_name(r->outcome),
                 oc_reason_code(r->reason), r->detail, oc_outcome_name(outcome),
                 oc_reason_code(reason));
}

static void R2_wire_cut_before_the_intent_is_refused_and_moves_nothing(void **state)
{
    static const enum remote_cut cuts[] = {REMOTE_CUT_UNSENT, REMOTE_CUT_BEFORE, REMOTE_CUT_AFTER};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sales); i++)
        for (size_t k = 0; k < ARRAY_LEN(cuts); k++) {
            (void)money_list(&sales[i]);
            fen_t before = city_chip(&c, 0);
            struct txn_request q = request(&sales[i]);
            remote_sim_cut(wire, 1, cuts[k], true);
            const struct txn_result *r = run(&q);
            expect("cut before the intent", &sales[i], r, OC_REFUSED, OC_R_READER);
            assert_int_equal(city_txn(&c, r->txn)->state, OC_TXN_REFUSED);
            assert_true(r->total_ns < 2 * NS_PER_S);
            wire_new();
            put(0);
            r = run(&q); /* nobody was told: the number is free still */
            expect("again", &sales[i], r, OC_POSTED, OC_R_NONE);
            assert_false(r->replayed);
            assert_true(run(&q)->replayed);
            city_agrees(&c, 0, before + sales[i].moves);
            wire_new();
        }
}

static void R4_money_command_that_never_left_is_voided_not_sent(void **state)
{
    static const enum remote_cut cuts[] = {REMOTE_CUT_UNSENT, REMOTE_CUT_NOT_SENT};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sales); i++)
        for (size_t k = 0; k < ARRAY_LEN(cuts); k++) {
            unsigned at = money_list(&sales[i]);
            bool close = cuts[k] == REMOTE_CUT_UNSENT;
            fen_t before = city_chip(&c, 0);
            struct txn_request q = request(&sales[i]);
            q.retap_ms = 0;
            remote_sim_cut(wire, at, cuts[k], close);
            const struct txn_result *r = run(&q);
            int64_t id = r->txn;
            expect("not sent", &sales[i], r, OC_VOIDED, close ? OC_R_READER : OC_R_CARD_REMOVED);
            assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
            assert_int_equal(city_txn(&c, id)->evidence, EV_NOT_SENT);
            wire_new();
            put(0);
            r = run(&q);
            expect("again", &sales[i], r, OC_VOIDED, close ? OC_R_READER : OC_R_CARD_REMOVED);
            assert_true(r->replayed);
            assert_int_equal(r->txn, id);
            city_agrees(&c, 0, before);
            wire_new();
        }
}

/* Loses the money command's list; the row is in doubt and nobody waits on a wire that has gone. */
static int64_t lose(const struct sale *s, struct txn_request *q, enum remote_cut cut)
{
    unsigned at = money_list(s);
    *q = request(s);
    remote_sim_cut(wire, at, cut, true);
    const struct txn_result *r = run(q);
    expect("list lost", s, r, OC_IN_DOUBT, OC_R_ANSWER_LOST);
    assert_true(r->total_ns < 2 * NS_PER_S);
    assert_false(r->replayed);
    assert_int_equal(city_txn(&c, r->txn)->state, OC_TXN_IN_DOUBT);
    int64_t id = r->txn;
    wire_new();
    return id;
}

static void R3_list_lost_after_the_card_paid_is_posted_when_asked_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sales); i++) {
        const struct sale *s = &sales[i];
        struct txn_request q;
        int64_t id = lose(s, &q, REMOTE_CUT_AFTER);
        fen_t after = city_chip(&c, 0);
        put(0);
        const struct txn_result *r = run(&q);
        expect("asked again", s, r, OC_POSTED, OC_R_NONE);
        assert_int_equal(r->txn, id);
        assert_false(r->replayed);
        assert_int_equal(r->settled_count, 1);
        assert_int_equal(city_txn(&c, id)->evidence, EV_PROVE);
        r = run(&q);
        expect("and again", s, r, OC_POSTED, OC_R_NONE);
        assert_true(r->replayed);
        assert_int_equal(r->txn, id);
        city_agrees(&c, 0, after);
    }
}

static void R3_list_lost_before_the_card_is_voided_and_charged_once_when_asked_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sales); i++) {
        const struct sale *s = &sales[i];
        struct txn_request q;
        int64_t id = lose(s, &q, REMOTE_CUT_BEFORE);
        fen_t before = city_chip(&c, 0);
        put(0);
        const struct txn_result *r = run(&q);
        expect("asked again", s, r, OC_POSTED, OC_R_NONE);
        int64_t second = r->txn;
        assert_int_not_equal(second, id);
        assert_int_equal(city_txn(&c, id)->state, OC_TXN_VOIDED);
        assert_int_equal(city_txn(&c, id)->evidence, EV_COUNTER);
        assert_int_equal(city_txn(&c, second)->in.link, id);
        r = run(&q);
        expect("and again", s, r, OC_POSTED, OC_R_NONE);
        assert_int_equal(r->txn, second);
        city_agrees(&c, 0, before + s->moves);
    }
}

static void R8_another_card_is_sent_away_and_the_doubt_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sales); i++) {
        struct txn_request q;
        int64_t id = lose(&sales[i], &q, REMOTE_CUT_AFTER);
        fen_t after = city_chip(&c, 0), other = city_chip(&c, 1);
        q.retap_ms = 300;
        put(1);
        const struct txn_result *r = run(&q);
        expect("another card", &sales[i], r, OC_IN_DOUBT, OC_R_ANSWER_LOST);
        assert_int_equal(r->txn, id);
        assert_true(r->replayed);
        assert_int_equal(city_chip(&c, 1), other);
        put(0);
        q.arrival = sales[i].gate ? 2 : 0;
        expect("that card", &sales[i], run(&q), OC_POSTED, OC_R_NONE);
        city_agrees(&c, 0, after);
        wire_new();
    }
}

static void R8_without_a_card_the_first_answer_comes_again(void **state)
{
    (void)state;
    struct txn_request q;
    int64_t id = lose(&sales[0], &q, REMOTE_CUT_AFTER);
    const struct txn_result *r = run(&q);
    expect("no card", &sales[0], r, OC_IN_DOUBT, OC_R_ANSWER_LOST);
    assert_int_equal(r->txn, id);
    assert_true(r->replayed);
    remote_sim_cut(wire, 1, REMOTE_CUT_UNSENT, true);
    put(0);
    expect("cut again", &sales[0], run(&q), OC_IN_DOUBT, OC_R_ANSWER_LOST);
    wire_new();
    q.amount++;
    expect("another content", &sales[0], run(&q), OC_REFUSED, OC_R_CONFLICT);
    q.amount--;
    city_look(&c, 0); /* another terminal sees the card */
    r = run(&q);
    expect("settled elsewhere", &sales[0], r, OC_POSTED, OC_R_NONE);
    assert_int_equal(r->txn, id);
}

static void R4_doubt_after_a_restart_is_gone_on_with(void **state)
{
    (void)state;
    struct txn_request q = request(&sales[0]);
    put(0);
    c.store_ok = 1; /* the intent's commit is good, the outcome's never comes */
    c.store_bad = 100;
    const struct txn_result *r = run(&q);
    expect("store away", &sales[0], r, OC_IN_DOUBT, OC_R_STORE);
    int64_t id = r->txn;
    c.store_bad = 0;
    unsigned recovered = 0;
    city_restart(&c, &recovered);
    assert_int_equal(recovered, 1);
    wire_new();
    put(0);
    r = run(&q);
    expect("after the restart", &sales[0], r, OC_POSTED, OC_R_NONE);
    assert_int_equal(r->txn, id);
    city_agrees(&c, 0, 9500);
}

static void R3_list_without_an_answer_in_time_is_in_doubt_and_settled_by_the_card(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sales); i++) {
        unsigned at = money_list(&sales[i]);
        fen_t before = city_chip(&c, 0);
        struct txn_request q = request(&sales[i]);
        remote_sim_cut(wire, at, REMOTE_CUT_AFTER, false);
        q.retap_ms = 3000; /* the card lies there still: it is asked */
        const struct txn_result *r = run(&q);
        expect("late", &sales[i], r, OC_POSTED, OC_R_NONE);
        assert_int_equal(r->settled_count, 1);
        city_agrees(&c, 0, before + sales[i].moves);
        wire_new();
    }
}

static void journey_record_that_is_refused_is_voided_not_sent(void **state)
{
    (void)state;
    const struct sale *s = &sales[2];
    (void)money_list(s);
    fen_t before = city_chip(&c, 0);
    city_fault(&c, 0, "sw:6985@DC");
    struct txn_request q = request(s);
    const struct txn_result *r = run(&q);
    expect("cache refused", s, r, OC_VOIDED, OC_R_CARD_ERROR);
    assert_int_equal(city_txn(&c, r->txn)->evidence, EV_NOT_SENT);
    cardsim_fault_clear(c.card[0]);
    city_agrees(&c, 0, before);
}

/* Warm: the card was asked everything up to INITIALIZE before anybody knew that it would come. */
static void warm_terminal_is_asked_twice_at_a_desk_and_once_at_a_gate(void **state)
{
    static const unsigned warm[] = {2, 2, 1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sales); i++) {
        const struct sale *s = &sales[i];
        char text[SCRIPT_KIND_LEN];
        snprintf(text, sizeof text, s->gate ? "%s@%s" : "%s", s->service, s->term);
        (void)money_list(s);
        remote_sim_learn(wire, book, text, &rng_system);
        put(0);
        unsigned before = remote_sim_lists(wire);
        struct txn_request q = request(s);
        expect("warm", s, run(&q), OC_POSTED, OC_R_NONE);
        unsigned lists = remote_sim_lists(wire) - before;
        if (lists > warm[i])
            fail_msg("%s took %u lists, not %u", s->service, lists, warm[i]);
        wire_new();
    }
}

static enum txn_phase phases[16];
static unsigned phase_count;
static void note_phase(struct txn_request *req, void *arg)
{
    (void)arg;
    if (phase_count < ARRAY_LEN(phases))
        phases[phase_count++] = req->phase;
}

static void who_waits_is_told_each_phase_and_the_steps_are_timed(void **state)
{
    static const enum txn_phase want[] = {TXN_PHASE_WAIT_CARD, TXN_PHASE_CARD, TXN_PHASE_COMMITTED,
                                          TXN_PHASE_DONE};
    (void)state;
    struct txn_request q = request(&sales[0]);
    q.told = note_phase;
    q.received_ns = clock_mono_ns(&clock_system) - 50 * NS_PER_MS;
    phase_count = 0;
    remote_sim_latency(wire, 20);
    put(0);
    const struct txn_result *r = run(&q);
    expect("timed", &sales[0], r, OC_POSTED, OC_R_NONE);
    assert_int_equal(phase_count, ARRAY_LEN(want));
    assert_memory_equal(phases, want, sizeof want);
    assert_true(r->timeline.received_us > 0);
    assert_true(r->timeline.at_us[STEP_ADMITTED] >= 50000);
    for (unsigned i = 1; i < STEP_COUNT; i++)
        assert_true(r->timeline.at_us[i] >= r->timeline.at_us[i - 1]);
    assert_true(r->card_ns >= 40 * NS_PER_MS);
    assert_true(r->own_ns >= 50 * NS_PER_MS && r->own_ns <= r->total_ns - r->card_ns);
    struct timeline told = r->timeline;
    const struct txn_row *row = city_txn(&c, r->txn);
    assert_memory_equal(&row->timeline, &told, sizeof told);
    assert_int_equal(row->presented, PRESENTED_CHIP);
}

static CO_FN int close_soon(void *arg)
{
    int rc = flow_co_sleep_ms(30);
    (void)arg;
    reader_remote_close(remote_sim_remote(wire));
    return rc;
}

static void terminal_that_leaves_while_a_card_is_awaited_is_refused_at_once(void **state)
{
    struct flow *f = NULL;
    (void)state;
    struct txn_request q = request(&sales[0]);
    q.wait_ms = 5000;
    assert_int_equal(flow_start(c.loop, "close", close_soon, NULL, &f), 0);
    const struct txn_result *r = run(&q);
    flow_put(f);
    expect("left", &sales[0], r, OC_REFUSED, OC_R_READER);
    assert_true(r->total_ns < 2 * NS_PER_S);
    assert_non_null(strstr(r->detail, "not connected"));
}

static int run_profile(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(R2_wire_cut_before_the_intent_is_refused_and_moves_nothing),
        T(R4_money_command_that_never_left_is_voided_not_sent),
        T(R3_list_lost_after_the_card_paid_is_posted_when_asked_again),
        T(R3_list_lost_before_the_card_is_voided_and_charged_once_when_asked_again),
        T(R8_another_card_is_sent_away_and_the_doubt_stays),
        T(R8_without_a_card_the_first_answer_comes_again),
        T(R4_doubt_after_a_restart_is_gone_on_with),
        T(R3_list_without_an_answer_in_time_is_in_doubt_and_settled_by_the_card),
        T(journey_record_that_is_refused_is_voided_not_sent),
        T(warm_terminal_is_asked_twice_at_a_desk_and_once_at_a_gate),
        T(who_waits_is_told_each_phase_and_the_steps_are_timed),
        T(terminal_that_leaves_while_a_card_is_awaited_is_refused_at_once),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return run_profile(CARDSIM_PBOC, "pboc-ep") + run_profile(CARDSIM_TUNION, "tunion");
}
