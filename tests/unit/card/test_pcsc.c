/* PC/SC readers over a fake winscard: hot-plug, tearing, restarts of pcscd, hanging readers. Real
 * threads, real time. */
#include "card_test.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLOTS 3
#define PNP   "\\\\?PnP?\\Notification"

enum mode { MODE_ANSWER, MODE_HANG, MODE_TEAR };
struct fake_slot {
    const char *name;
    bool there, present, mute, hang_connect;
    enum mode transmit;
    unsigned events, connects, disconnects;
};
/* One fake pcscd; the C API has no place for a pointer to it. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool up, cancelled;
    long generation;
    unsigned transmits;
    struct fake_slot slots[SLOTS];
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- what the test does to it ---- */
#define FAKE(stmt)                                                                                 \
    do {                                                                                           \
        pthread_mutex_lock(&fake.lock);                                                            \
        stmt;                                                                                      \
        pthread_cond_broadcast(&fake.changed);                                                     \
        pthread_mutex_unlock(&fake.lock);                                                          \
    } while (0)

static void plug(int i, bool there)
{
    FAKE(fake.slots[i].there = there);
}

static void put(int i, bool present)
{
    FAKE({
        fake.slots[i].present = present;
        fake.slots[i].events++;
    });
}

static void fake_reset(void)
{
    static const char *const names[SLOTS] = {"Reader A 00 00", "Reader B 00 00", "Reader C 00 00"};
    FAKE({
        memset(fake.slots, 0, sizeof(fake.slots));
        for (int i = 0; i < SLOTS; i++)
            fake.slots[i].name = names[i];
        fake.up = true;
        fake.cancelled = false;
        fake.generation++;
        fake.transmits = 0;
    });
}

/* ---- the API ---- */
static bool alive(long ctx)
{
    return fake.up && ctx == fake.generation;
}

static struct fake_slot *slot_named(const char *name)
{
    for (int i = 0; i < SLOTS; i++) {
        if (fake.slots[i].there && !strcmp(fake.slots[i].name, name))
            return &fake.slots[i];
    }
    return NULL;
}

static LONG fake_establish(DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT ctx)
{
    (void)scope, (void)r1, (void)r2;
    pthread_mutex_lock(&fake.lock);
    LONG rv = fake.up ? SCARD_S_SUCCESS : SCARD_E_NO_SERVICE;
    *ctx = fake.generation;
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_release(SCARDCONTEXT ctx)
{
    (void)ctx;
    return SCARD_S_SUCCESS;
}

static LONG fake_list(SCARDCONTEXT ctx, LPCSTR groups, LPSTR names, LPDWORD len)
{
    (void)groups, (void)len;
    size_t at = 0;
    pthread_mutex_lock(&fake.lock);
    LONG rv = alive(ctx) ? SCARD_S_SUCCESS : SCARD_E_SERVICE_STOPPED;
    for (int i = 0; i < SLOTS && !rv; i++) {
        if (!fake.slots[i].there)
            continue;
        strcpy(names + at, fake.slots[i].name);
        at += strlen(names + at) + 1;
    }
    names[at] = 0;
    pthread_mutex_unlock(&fake.lock);
    return rv ? rv : at ? rv : SCARD_E_NO_READERS_AVAILABLE;
}

/* Fills the states; whether one differs from what the caller knew. The lock is held. */
static bool look(SCARD_READERSTATE *states, DWORD count, unsigned readers)
{
    bool changed = false;
    unsigned now = 0;
    for (int i = 0; i < SLOTS; i++)
        now += fake.slots[i].there;
    for (DWORD i = 0; i < count; i++) {
        SCARD_READERSTATE *s = &states[i];
        if (!strcmp(s->szReader, PNP)) {
            changed |= now != readers;
            continue;
        }
        const struct fake_slot *slot = slot_named(s->szReader);
        if (!slot)
            s->dwEventState = SCARD_STATE_UNKNOWN;
        else
            s->dwEventState = (DWORD)slot->events << 16 |
                              (slot->present ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY) |
                              (slot->present && slot->mute ? SCARD_STATE_MUTE : 0);
        if (s->dwEventState != s->dwCurrentState) {
            s->dwEventState |= SCARD_STATE_CHANGED;
            changed = true;
        }
    }
    return changed;
}

static LONG fake_status_change(SCARDCONTEXT ctx, DWORD timeout_ms, SCARD_READERSTATE *states,
                               DWORD count)
{
    struct timespec until;
    LONG rv = SCARD_S_SUCCESS;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += (time_t)(timeout_ms / 1000) + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&fake.lock);
    fake.cancelled = false;
    for (;;) {
        if (!alive(ctx))
            rv = SCARD_E_SERVICE_STOPPED;
        else if (fake.cancelled)
            rv = SCARD_E_CANCELLED;
        else if (!look(states, count, (unsigned)count - 1) && !rv) {
            if (pthread_cond_timedwait(&fake.changed, &fake.lock, &until))
                rv = SCARD_E_TIMEOUT;
            if (!rv)
                continue;
        }
        break;
    }
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_cancel(SCARDCONTEXT ctx)
{
    (void)ctx;
    FAKE(fake.cancelled = true);
    return SCARD_S_SUCCESS;
}

static LONG fake_connect(SCARDCONTEXT ctx, LPCSTR reader, DWORD share, DWORD protocols,
                         LPSCARDHANDLE card, LPDWORD protocol)
{
    (void)protocols;
    LONG rv = share == SCARD_SHARE_EXCLUSIVE ? SCARD_S_SUCCESS : SCARD_E_INVALID_VALUE;
    pthread_mutex_lock(&fake.lock);
    struct fake_slot *slot = slot_named(reader);
    while (slot && slot->hang_connect)
        pthread_cond_wait(&fake.changed, &fake.lock);
    if (!alive(ctx))
        rv = SCARD_E_INVALID_HANDLE;
    else if (!slot)
        rv = SCARD_E_UNKNOWN_READER;
    else if (!slot->present)
        rv = SCARD_E_NO_SMARTCARD;
    else if (slot->mute)
        rv = SCARD_W_UNRESPONSIVE_CARD;
    if (!rv) {
        slot->connects++;
        *card = slot - fake.slots + 1 + 16 * fake.generation;
        *protocol = SCARD_PROTOCOL_T1;
    }
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_status(SCARDHANDLE card, LPSTR name, LPDWORD name_len, LPDWORD state,
                        LPDWORD protocol, LPBYTE atr, LPDWORD atr_len)
{
    (void)card, (void)name, (void)name_len;
    *state = 0;
    *protocol = SCARD_PROTOCOL_T1;
    atr[0] = 0x3B;
    atr[1] = 0;
    *atr_len = 2;
    return SCARD_S_SUCCESS;
}

static LONG fake_transmit(SCARDHANDLE card, const SCARD_IO_REQUEST *pci, LPCBYTE cmd, DWORD len,
                          SCARD_IO_REQUEST *recv, LPBYTE answer, LPDWORD answer_len)
{
    (void)pci, (void)cmd, (void)len, (void)recv;
    LONG rv = SCARD_S_SUCCESS;
    pthread_mutex_lock(&fake.lock);
    struct fake_slot *slot = &fake.slots[card % 16 - 1];
    fake.transmits++;
    while (slot->transmit == MODE_HANG)
        pthread_cond_wait(&fake.changed, &fake.lock);
    if (card / 16 != fake.generation)
        rv = SCARD_E_INVALID_HANDLE;
    else if (!slot->present)
        rv = SCARD_W_REMOVED_CARD;
    else if (slot->transmit == MODE_TEAR) {
        slot->present = slot->there = false;
        slot->events++;
        rv = SCARD_E_NOT_TRANSACTED;
        pthread_cond_broadcast(&fake.changed);
    }
    answer[0] = 0x90;
    answer[1] = 0;
    *answer_len = 2;
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_disconnect(SCARDHANDLE card, DWORD disposition)
{
    (void)disposition;
    FAKE(fake.slots[card % 16 - 1].disconnects++);
    return SCARD_S_SUCCESS;
}

static const struct pcsc_api fake_api = {
    .establish = fake_establish,
    .release = fake_release,
    .list_readers = fake_list,
    .status_change = fake_status_change,
    .cancel = fake_cancel,
    .connect = fake_connect,
    .status = fake_status,
    .transmit = fake_transmit,
    .disconnect = fake_disconnect,
};

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
    plug(0, true);
    EXPECT(until_state(r, "Reader A 00 00", READER_EMPTY), 0);
    EXPECT(card_co_open(&r->s, a, 0, SOON), OC_ECARD_GONE);
    put(0, true);
    EXPECT(reader_co_wait_arrival(a, 0, SOON, &arrival), 0);
    STEP(arrival == 1);
    EXPECT(dialogue(r, a->name), 0);
    STEP(r->s.card.atr_len == 2 && r->s.card.protocol == CARD_T1);
    put(0, false);
    EXPECT(reader_co_wait_empty(a, arrival, SOON), 0);
    plug(1, true);
    EXPECT(until_state(r, "Reader B 00 00", READER_EMPTY), 0);
    plug(0, false);
    EXPECT(until_state(r, "Reader A 00 00", READER_GONE), 0);
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
    EXPECT(reader_co_wait_arrival(a, 1, SOON, &arrival), 0);
    EXPECT(dialogue(r, a->name), 0);
    return 0;
}

static void R3_reader_pulled_out_in_the_middle_is_lost(void **state)
{
    (void)state;
    fake_reset();
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    plug(1, true);
    put(0, true);
    put(1, true);
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
    plug(0, true);
    FAKE(fake.slots[0].mute = true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
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
    plug(0, true);
    put(0, true);
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
