/* PC/SC readers over a fake winscard: hot-plug, tearing, restarts of pcscd, hanging readers. Real
 * threads, real time. */
#include "card_test.h"
#include "fake_winscard.h"

/* ---- the rig: real time ---- */
static const struct pcsc_opts opts = {
    .api = &fake_api, .connect_ms = 150, .retry_min_ms = 20, .retry_max_ms = 40, .poll_ms = 300};

static struct rig *start(void)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct pcsc *p;
    assert_non_null(r);
    assert_int_equal(loop_new(&r->loop, NULL), 0);
    assert_int_equal(readers_new(&r->rs), 0);
    assert_int_equal(pcsc_new(r->rs, r->loop, &opts, &p), 0);
    r->arg = p;
    return r;
}

static void end(struct rig *r)
{
    struct pcsc *p = (struct pcsc *)(uintptr_t)r->arg;
    pcsc_free(&p);
    rig_free(r);
}

static void run(int (*body)(struct rig *r))
{
    struct rig *r = start();
    rig_run_bare(r, body);
    end(r);
}

#define SOON flow_deadline_ms(5000)

static CO_FN int until_state(struct rig *r, const char *name, enum reader_state state)
{
    struct reader *reader;
    int rc = readers_bind(r->rs, name, &reader);
    int64_t deadline = SOON;
    while (!rc && reader->state != state)
        rc = flow_co_wait(&reader->changed, deadline);
    return rc;
}

static CO_FN int select_something(struct card_session *s)
{
    struct apdu cmd;
    struct rapdu a;
    apdu_select_fid(&cmd, 0x3F00);
    return transmit_co(s, &cmd, &a);
}

/* Opens the card on a reader, sends one command, closes. */
static CO_FN int dialogue(struct rig *r, const char *name)
{
    struct reader *reader = readers_get(r->rs, name);
    int rc = card_co_open(&r->s, reader, 0, SOON);
    if (rc)
        return rc;
    rc = select_something(&r->s);
    card_co_close(&r->s);
    return rc;
}

static CO_FN int hot_plug_body(struct rig *r)
{
    struct reader *a;
    uint64_t arrival;
    EXPECT(readers_bind(r->rs, "Reader A 00 00", &a), 0);
    EXPECT(card_co_open(&r->s, a, 0, SOON), OC_EREADER);
    EXPECT(reader_co_wait_arrival(a, 0, flow_deadline_ms(60), &arrival), OC_ETIMEDOUT);
    fake_plug(0, true);
    EXPECT(until_state(r, "Reader A 00 00", READER_EMPTY), 0);
    EXPECT(card_co_open(&r->s, a, 0, SOON), OC_ECARD_GONE);
    fake_put(0, true);
    EXPECT(reader_co_wait_arrival(a, 0, SOON, &arrival), 0);
    STEP(arrival == 1);
    EXPECT(dialogue(r, a->name), 0);
    STEP(r->s.card.atr_len == 2 && r->s.card.protocol == CARD_T1);
    fake_put(0, false);
    EXPECT(reader_co_wait_empty(a, arrival, SOON), 0);
    fake_plug(1, true);
    EXPECT(until_state(r, "Reader B 00 00", READER_EMPTY), 0);
    fake_plug(0, false);
    EXPECT(until_state(r, "Reader A 00 00", READER_GONE), 0);
    fake_plug(0, true);
    fake_put(0, true);
    EXPECT(reader_co_wait_arrival(a, arrival, SOON, &arrival), 0);
    STEP(arrival == 2);
    EXPECT(dialogue(r, a->name), 0);
    return 0;
}

static void reader_bound_before_it_exists_is_used_when_plugged_in(void **state)
{
    (void)state;
    fake_reset();
    run(hot_plug_body);
}

static CO_FN int swapped_body(struct rig *r)
{
    struct reader *a;
    uint64_t arrival;
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    a = readers_get(r->rs, "Reader A 00 00");
    arrival = a->arrival;
    /* Out and in again between two looks. */
    FAKE(fake.slots[0].events += 2);
    EXPECT(reader_co_wait_arrival(a, arrival, SOON, &arrival), 0);
    STEP(arrival == 2);
    return 0;
}

static void R8_card_exchanged_unseen_is_another_arrival(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    run(swapped_body);
}

static CO_FN int torn_body(struct rig *r)
{
    struct reader *a;
    uint64_t arrival;
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    a = readers_get(r->rs, "Reader A 00 00");
    FAKE(fake.slots[0].transmit = MODE_TEAR);
    EXPECT(dialogue(r, a->name), OC_ECARD_LOST);
    EXPECT(until_state(r, "Reader A 00 00", READER_GONE), 0);
    FAKE(fake.slots[0].transmit = MODE_ANSWER);
    fake_plug(0, true);
    fake_put(0, true);
    EXPECT(reader_co_wait_arrival(a, 1, SOON, &arrival), 0);
    EXPECT(dialogue(r, a->name), 0);
    return 0;
}

static void R3_reader_pulled_out_in_the_middle_is_lost(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    run(torn_body);
}

static CO_FN int unsent_body(struct rig *r)
{
    struct reader *a;
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    a = readers_get(r->rs, "Reader A 00 00");
    EXPECT(card_co_open(&r->s, a, 0, SOON), 0);
    /* The monitor has not seen it, pcscd has: it says so before anything is sent. */
    pthread_mutex_lock(&fake.lock);
    fake.slots[0].present = false;
    pthread_mutex_unlock(&fake.lock);
    r->rc = select_something(&r->s);
    card_co_close(&r->s);
    STEP(r->rc == OC_ECARD_GONE);
    return 0;
}

static void card_that_left_before_is_gone_not_lost(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    run(unsent_body);
}

static CO_FN int restart_body(struct rig *r)
{
    struct pcsc *p = (struct pcsc *)(uintptr_t)r->arg;
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    STEP(pcsc_connected(p));
    EXPECT(dialogue(r, "Reader A 00 00"), 0);
    FAKE({
        fake.up = false;
        fake.generation++;
    });
    EXPECT(until_state(r, "Reader A 00 00", READER_GONE), 0);
    STEP(!pcsc_connected(p));
    EXPECT(dialogue(r, "Reader A 00 00"), OC_EREADER);
    FAKE(fake.up = true);
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    EXPECT(dialogue(r, "Reader A 00 00"), 0);
    return 0;
}

static void restart_of_pcscd_is_survived(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    run(restart_body);
}

static CO_FN int absent_body(struct rig *r)
{
    EXPECT(flow_co_sleep_ms(80), 0);
    STEP(!pcsc_connected((struct pcsc *)(uintptr_t)r->arg));
    FAKE(fake.up = true);
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    return 0;
}

static void pcscd_may_start_after_us(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    FAKE(fake.up = false);
    run(absent_body);
}

static CO_FN int hang_flow(void *arg)
{
    struct rig *r = arg;
    struct card_session s;
    return card_co_open(&s, readers_get(r->rs, "Reader A 00 00"), 0, SOON);
}

static CO_FN int hanging_body(struct rig *r)
{
    struct flow *f;
    int result;
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    EXPECT(until_state(r, "Reader B 00 00", READER_CARD), 0);
    struct reader *a = readers_get(r->rs, "Reader A 00 00");
    EXPECT(flow_start(flow_loop(), "hangs", hang_flow, r, &f), 0);
    EXPECT(flow_co_yield(), 0);
    int64_t began = loop_now_ns(flow_loop());
    EXPECT(dialogue(r, "Reader B 00 00"), 0);
    STEP(loop_now_ns(flow_loop()) - began < 100 * NS_PER_MS);
    r->rc = flow_co_join(f, &result, SOON);
    flow_put(f);
    STEP(r->rc == 0 && result == OC_ECARD_MUTE && a->state == READER_MUTE);
    EXPECT(dialogue(r, "Reader A 00 00"), OC_ECARD_MUTE);
    EXPECT(dialogue(r, "Reader B 00 00"), 0);
    FAKE(fake.slots[0].hang_connect = false);
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    STEP(a->arrival == 1);
    EXPECT(dialogue(r, "Reader A 00 00"), 0);
    return 0;
}

static void hanging_reader_is_marked_mute_and_does_not_hold_up_the_other(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_plug(1, true);
    fake_put(0, true);
    fake_put(1, true);
    FAKE(fake.slots[0].hang_connect = true);
    run(hanging_body);
}

static CO_FN int mute_body(struct rig *r)
{
    uint64_t arrival;
    EXPECT(until_state(r, "Reader A 00 00", READER_MUTE), 0);
    struct reader *a = readers_get(r->rs, "Reader A 00 00");
    EXPECT(reader_co_wait_arrival(a, 0, SOON, &arrival), 0);
    EXPECT(dialogue(r, "Reader A 00 00"), OC_ECARD_MUTE);
    return 0;
}

static void mute_card_arrives_and_is_mute(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    FAKE(fake.slots[0].mute = true);
    fake_put(0, true);
    run(mute_body);
}

static CO_FN int slow_body(struct rig *r)
{
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    struct reader *a = readers_get(r->rs, "Reader A 00 00");
    FAKE(fake.slots[0].transmit = MODE_HANG);
    EXPECT(card_co_open(&r->s, a, 0, SOON), 0);
    r->s.command_ms = 60;
    r->rc = select_something(&r->s);
    card_co_close(&r->s);
    STEP(r->rc == OC_ECARD_LOST && a->state == READER_MUTE);
    FAKE(fake.slots[0].transmit = MODE_ANSWER);
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    STEP(a->arrival == 1);
    EXPECT(dialogue(r, "Reader A 00 00"), 0);
    pthread_mutex_lock(&fake.lock);
    unsigned connects = fake.slots[0].connects;
    unsigned transmits = fake.transmits;
    pthread_mutex_unlock(&fake.lock);
    STEP(connects == 2 && transmits == 2);
    return 0;
}

static void R3_answer_after_its_deadline_is_lost_and_the_card_let_go(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    run(slow_body);
    assert_true(fake.slots[0].disconnects >= 2);
}

static CO_FN int give_up_body(struct rig *r)
{
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    EXPECT(dialogue(r, "Reader A 00 00"), OC_ECARD_MUTE);
    return 0;
}

static void stopping_leaves_a_hanging_thread_behind(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    FAKE(fake.slots[0].hang_connect = true);
    int64_t began = clock_mono_ns(&clock_system);
    run(give_up_body);
    assert_in_range((clock_mono_ns(&clock_system) - began) / NS_PER_MS, 1000, 3000);
    FAKE(fake.slots[0].hang_connect = false);
    struct timespec moment = {.tv_nsec = 50 * 1000 * 1000};
    nanosleep(&moment, NULL); /* it ends without us */
}

static CO_FN int busy_flow(void *arg)
{
    return dialogue(arg, "Reader A 00 00");
}

static CO_FN int cancel_body(struct rig *r)
{
    struct flow *f;
    int result;
    EXPECT(until_state(r, "Reader A 00 00", READER_CARD), 0);
    EXPECT(flow_start(flow_loop(), "cancelled", busy_flow, r, &f), 0);
    EXPECT(flow_co_sleep_ms(20), 0);
    flow_cancel(f);
    r->rc = flow_co_join(f, &result, SOON);
    flow_put(f);
    STEP(r->rc == 0 && result == OC_ECANCELED);
    STEP(readers_get(r->rs, "Reader A 00 00")->state == READER_CARD);
    FAKE(fake.slots[0].hang_connect = false);
    EXPECT(dialogue(r, "Reader A 00 00"), 0);
    return 0;
}

static void cancelled_connect_leaves_the_reader_usable(void **state)
{
    (void)state;
    fake_reset();
    fake_plug(0, true);
    fake_put(0, true);
    FAKE(fake.slots[0].hang_connect = true);
    run(cancel_body);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_bound_before_it_exists_is_used_when_plugged_in),
        cmocka_unit_test(R8_card_exchanged_unseen_is_another_arrival),
        cmocka_unit_test(R3_reader_pulled_out_in_the_middle_is_lost),
        cmocka_unit_test(card_that_left_before_is_gone_not_lost),
        cmocka_unit_test(restart_of_pcscd_is_survived),
        cmocka_unit_test(pcscd_may_start_after_us),
        cmocka_unit_test(hanging_reader_is_marked_mute_and_does_not_hold_up_the_other),
        cmocka_unit_test(mute_card_arrives_and_is_mute),
        cmocka_unit_test(R3_answer_after_its_deadline_is_lost_and_the_card_let_go),
        cmocka_unit_test(stopping_leaves_a_hanging_thread_behind),
        cmocka_unit_test(cancelled_connect_leaves_the_reader_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
