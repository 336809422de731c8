/* Names that outlive readers, arrivals, and one dialogue at a time. */
#include "sim_rig.h"

static const struct kind kind = {"pboc-ep", CARDSIM_PBOC, false};

static void a_name_is_one_reader_for_ever(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct reader *a, *b;
    struct reader_sim *sim;
    char name[READER_NAME_MAX + 2];
    assert_null(readers_get(r->rs, "x"));
    assert_int_equal(readers_bind(r->rs, "x", &a), 0);
    assert_int_equal(a->state, READER_GONE);
    assert_int_equal(readers_bind(r->rs, "x", &b), 0);
    assert_ptr_equal(a, b);
    assert_int_equal(reader_sim_new(r->rs, "x", &sim), 0);
    assert_ptr_equal(reader_sim_reader(sim), a);
    assert_int_equal(a->state, READER_EMPTY);
    assert_int_equal(reader_sim_new(r->rs, "x", &sim), OC_EEXIST);
    assert_int_equal(readers_bind(r->rs, "", &b), OC_EINVAL);
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = 0;
    assert_int_equal(readers_bind(r->rs, name, &b), OC_EINVAL);
    int rc = 0;
    for (unsigned i = 0; i < READERS_MAX && !rc; i++) {
        (void)snprintf(name, sizeof(name), "reader %u", i);
        rc = readers_bind(r->rs, name, &b);
    }
    assert_int_equal(rc, OC_ELIMIT);
    assert_string_equal(reader_state_name(READER_MUTE), "mute");
    rig_free(r);
}

static CO_FN int arrivals_body(struct rig *r)
{
    struct sim *x = sim_of(r);
    uint64_t arrival;
    EXPECT(reader_co_wait_arrival(r->reader, 0, 0, &arrival), 0);
    STEP(arrival == 1);
    EXPECT(reader_co_wait_arrival(r->reader, arrival, flow_deadline_ms(1000), &arrival),
           OC_ETIMEDOUT);
    EXPECT(reader_co_wait_empty(r->reader, arrival, flow_deadline_ms(1000)), OC_ETIMEDOUT);
    reader_sim_remove(x->reader);
    EXPECT(reader_co_wait_empty(r->reader, arrival, flow_deadline_ms(1000)), 0);
    EXPECT(reader_co_wait_arrival(r->reader, arrival, flow_deadline_ms(1000), &arrival),
           OC_ETIMEDOUT);
    reader_sim_plug(x->reader, false);
    STEP(r->reader->state == READER_GONE);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), OC_EREADER);
    reader_sim_plug(x->reader, true);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), OC_ECARD_GONE);
    reader_sim_return(x->reader);
    EXPECT(reader_co_wait_arrival(r->reader, arrival, flow_deadline_ms(1000), &arrival), 0);
    STEP(arrival == 2);
    return 0;
}

static void R8_a_card_left_on_the_reader_is_one_arrival(void **state)
{
    (void)state;
    struct sim *x = sim_new(&kind, false);
    rig_run_bare(x->r, arrivals_body);
    sim_free(x);
}

static CO_FN int second_dialogue(void *arg)
{
    struct rig *r = arg;
    struct card_session s;
    int rc = card_co_open(&s, r->reader, 0, flow_deadline_ms(5000));
    if (!rc)
        card_co_close(&s);
    return rc;
}

static CO_FN int busy_body(struct rig *r)
{
    struct card_session other;
    struct flow *f;
    int result = -1;
    EXPECT(flow_start(flow_loop(), "second", second_dialogue, r, &f), 0);
    EXPECT(flow_co_sleep_ms(1000), 0);
    STEP(!flow_done(f));
    card_co_close(&r->s);
    card_co_close(&r->s); /* harmless */
    r->rc = flow_co_join(f, &result, flow_deadline_ms(1000));
    flow_put(f);
    STEP(r->rc == 0 && result == 0);
    EXPECT(card_co_open(&other, r->reader, 7, FLOW_FOREVER), OC_ECARD_GONE);
    return 0;
}

static void one_dialogue_at_a_time(void **state)
{
    (void)state;
    struct sim *x = sim_new(&kind, false);
    rig_run(x->r, busy_body);
    sim_free(x);
}

static CO_FN int torn_returns_body(struct rig *r)
{
    struct sim *x = sim_of(r);
    uint64_t arrival;
    fen_t balance;
    reader_sim_return_after(x->reader, 500);
    STEP(cardsim_fault_add(x->card, "torn-before@5C") == 0);
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(purse_co_balance(&r->s, &balance), OC_ECARD_LOST);
    STEP(r->reader->state == READER_EMPTY);
    EXPECT(reader_co_wait_arrival(r->reader, r->s.arrival, flow_deadline_ms(1000), &arrival), 0);
    EXPECT(purse_co_balance(&r->s, &balance), OC_ECARD_GONE);
    return 0;
}

static void R8_a_torn_card_that_returns_is_another_arrival(void **state)
{
    (void)state;
    struct sim *x = sim_new(&kind, false);
    rig_run(x->r, torn_returns_body);
    sim_free(x);
}

static CO_FN int slow_body(struct rig *r)
{
    struct sim *x = sim_of(r);
    fen_t balance;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    reader_sim_latency(x->reader, 10);
    int64_t began = loop_now_ns(flow_loop());
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(loop_now_ns(flow_loop()) - began == 10 * NS_PER_MS);
    STEP(cardsim_fault_add(x->card, "slow:5000@5C") == 0);
    EXPECT(purse_co_balance(&r->s, &balance), OC_ECARD_LOST);
    return 0;
}

static void a_card_slower_than_its_deadline_is_lost(void **state)
{
    (void)state;
    struct sim *x = sim_new(&kind, false);
    rig_run(x->r, slow_body);
    sim_free(x);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_one_reader_for_ever),
        cmocka_unit_test(R8_a_card_left_on_the_reader_is_one_arrival),
        cmocka_unit_test(one_dialogue_at_a_time),
        cmocka_unit_test(R8_a_torn_card_that_returns_is_another_arrival),
        cmocka_unit_test(a_card_slower_than_its_deadline_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
