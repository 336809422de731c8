/* Cards and lists at a desk. */
#include "agent_rig.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static CO_FN int insert(struct rig *r, uint64_t *ret_arrival)
{
    pb_to_switch *m;
    reader_sim_insert(r->sim, r->card);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m));
    RIG_NEED(r, m->card->reader == 1 && m->card->arrival != 0 && m->card->atr.len > 0);
    *ret_arrival = m->card->arrival;
    return 0;
}

/* Readers, then whatever the test wants. */
static CO_FN int begin(struct rig *r, uint64_t *ret_arrival)
{
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    return insert(r, ret_arrival);
}

static int list_play(struct rig *r) CO_FN;
static int list_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    RIG_TRY(rig_co_list(r, 7, arrival, 3, 2000));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_ANSWERS, &m));
    RIG_NEED(r, m->answers->list == 7 && m->answers->n_answers == 3);
    for (int i = 0; i < 3; i++)
        RIG_NEED(r, (int)m->answers->answers[i]->state == PB_ANSWER_ANSWERED &&
                        m->answers->answers[i]->bytes.len >= 2);
    RIG_NEED(r, reader_sim_commands(r->sim) == 3);
    reader_sim_remove(r->sim);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD_REMOVED, &m));
    RIG_NEED(r, m->card_removed->arrival == arrival);
    return 0;
}
static void list_is_executed_and_each_command_answered(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, list_play);
    rig_fini(&r);
}

static CO_FN int none_sent(struct rig *r)
{
    pb_to_switch *m;
    RIG_TRY(rig_co_expect(r, TO_SWITCH_ANSWERS, &m));
    for (size_t i = 0; i < m->answers->n_answers; i++)
        RIG_NEED(r, (int)m->answers->answers[i]->state == PB_ANSWER_NOT_SENT);
    RIG_NEED(r, m->answers->n_answers == 2 && reader_sim_commands(r->sim) == 0);
    return 0;
}

static int late_play(struct rig *r) CO_FN;
static int late_play(struct rig *r)
{
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    RIG_TRY(rig_co_list(r, 1, arrival, 2, -1));
    return none_sent(r);
}
static void R4_list_past_its_deadline_is_not_begun(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, late_play);
    rig_fini(&r);
}

/* So long the machine was asleep: the kernel's two clocks part there. */
static int64_t asleep_ms;

int clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, id, t);
    if (rc == 0 && id == CLOCK_BOOTTIME) {
        int64_t ns = t->tv_nsec + asleep_ms * NS_PER_MS;
        t->tv_sec += (time_t)(ns / NS_PER_S);
        t->tv_nsec = (long)(ns % NS_PER_S);
    }
    return rc;
}

static void sleep_at_first(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    (void)sim;
    (void)cmd;
    (void)len;
    (void)arg;
    asleep_ms = 2500; /* less than three heartbeats: the connection stands */
}

static int asleep_play(struct rig *r) CO_FN;
static int asleep_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    reader_sim_hook(r->sim, sleep_at_first, NULL);
    RIG_TRY(rig_co_list(r, 9, arrival, 3, 2000));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_ANSWERS, &m));
    RIG_NEED(r, m->answers->n_answers == 3 && reader_sim_commands(r->sim) == 1);
    for (int i = 1; i < 3; i++)
        RIG_NEED(r, (int)m->answers->answers[i]->state == PB_ANSWER_NOT_SENT);
    return 0;
}
static void R4_time_asleep_counts_towards_a_lists_deadline(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, asleep_play);
    rig_fini(&r);
    asleep_ms = 0;
}

static int other_play(struct rig *r) CO_FN;
static int other_play(struct rig *r)
{
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    RIG_TRY(rig_co_list(r, 1, arrival + 1, 2, 1000));
    return none_sent(r);
}
static void list_for_another_arrival_is_not_begun(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, other_play);
    rig_fini(&r);
}

static void cut_at_second(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    struct rig *r = arg;
    (void)cmd;
    (void)len;
    if (reader_sim_commands(sim) == 1)
        link_cut(r->agent, "the test cuts");
}

static int cut_play(struct rig *r) CO_FN;
static int cut_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    reader_sim_latency(r->sim, 30);
    reader_sim_hook(r->sim, cut_at_second, r);
    RIG_TRY(rig_co_list(r, 9, arrival, 6, 5000));
    RIG_NEED(r, flow_co_sleep_ms(1000) == 0); /* the list is over, on a busy machine too */
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(
        rig_co_expect(r, TO_SWITCH_CARD, &m)); /* told anew, same arrival; the answers never come */
    RIG_NEED(r, m->card->arrival == arrival);
    RIG_TRY(rig_co_quiet(r, 200));
    if (reader_sim_commands(r->sim) != 2)
        return rig_wrong(r, "%u commands", reader_sim_commands(r->sim));
    return 0;
}
static void R4_list_of_a_connection_that_ended_sends_no_further_command(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, cut_play);
    rig_fini(&r);
}

static void tear(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    (void)cmd;
    (void)len;
    (void)arg;
    if (reader_sim_commands(sim) == 1)
        reader_sim_remove(sim);
}

static int torn_play(struct rig *r) CO_FN;
static int torn_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    reader_sim_hook(r->sim, tear, r);
    RIG_TRY(rig_co_list(r, 9, arrival, 3, 5000));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_ANSWERS, &m));
    RIG_NEED(r, (int)m->answers->answers[0]->state == PB_ANSWER_ANSWERED);
    RIG_NEED(r, (int)m->answers->answers[1]->state == PB_ANSWER_NOT_SENT);
    RIG_NEED(r, (int)m->answers->answers[2]->state == PB_ANSWER_NOT_SENT);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD_REMOVED, &m));
    return 0;
}
static void card_that_left_before_the_command_is_not_sent(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, torn_play);
    rig_fini(&r);
}

static CO_FN int arm(struct rig *r, uint64_t script, bool now, uint8_t ins)
{
    uint8_t apdu[] = {0x00, ins, 0x00, 0x00, 0x02, 0x3F, 0x00, 0x00};
    pb_command c = ONECARD__TERMINAL__V1__COMMAND__INIT;
    pb_command *commands[] = {&c, &c};
    pb_arm a = ONECARD__TERMINAL__V1__ARM__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    uint32_t accept[] = {0x9000, 0x6A82, 0x6A81};
    c.apdu.data = apdu;
    c.apdu.len = sizeof apdu;
    c.accept = accept;
    c.n_accept = ARRAY_LEN(accept);
    a.reader = 1;
    a.script = script;
    a.now = now;
    a.n_commands = 2;
    a.commands = commands;
    to.message_case = (int)TO_TERMINAL_ARM;
    to.arm = &a;
    return rig_co_send(r, &to);
}

static int armed_play(struct rig *r) CO_FN;
static int armed_play(struct rig *r)
{
    pb_to_switch *m;
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(arm(r, 11, false, 0xA4));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    reader_sim_insert(r->sim, r->card);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m));
    RIG_NEED(r, m->card->script == 11 && m->card->n_answers == 2);
    uint64_t arrival = m->card->arrival;
    RIG_TRY(arm(r, 12, true, 0xA4)); /* for the card that lies there */
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m));
    RIG_NEED(r, m->card->script == 12 && m->card->arrival == arrival);
    /* nothing is asked for a while: it is powered down, and the switch told that nothing holds any
     * more */
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m));
    RIG_NEED(r, m->card->script == 0 && m->card->arrival == arrival && m->card->n_answers == 0);
    RIG_NEED(r, !r->agent->lanes[0].session.open);
    return 0;
}
static void armed_script_is_executed_once_before_anybody_asks(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, armed_play);
    rig_fini(&r);
}

static int harmful_play(struct rig *r) CO_FN;
static int harmful_play(struct rig *r)
{
    pb_to_switch *m;
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(arm(r, 11, false, 0xD6)); /* UPDATE BINARY */
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    reader_sim_insert(r->sim, r->card);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m));
    RIG_NEED(r, m->card->script == 0 && reader_sim_commands(r->sim) == 0);
    return 0;
}
static void script_that_would_change_the_card_is_not_taken(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, harmful_play);
    rig_fini(&r);
}

static int cold_play(struct rig *r) CO_FN;
static int cold_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    RIG_TRY(rig_co_list(r, 1, arrival, 1, 1000));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_ANSWERS, &m));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m)); /* powered down after 300 ms */
    RIG_TRY(rig_co_list(r, 2, arrival, 1, 1000));  /* begins with SELECT: powered up again */
    RIG_TRY(rig_co_expect(r, TO_SWITCH_ANSWERS, &m));
    RIG_NEED(r, (int)m->answers->answers[0]->state == PB_ANSWER_ANSWERED);
    return 0;
}
static void card_that_was_powered_down_begins_anew_with_a_select(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, cold_play);
    rig_fini(&r);
}

static int cut_at_power_play(struct rig *r) CO_FN;
static int cut_at_power_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    RIG_TRY(rig_co_list(r, 1, arrival, 1, 1000));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_ANSWERS, &m));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m)); /* powered down after 300 ms */
    reader_sim_latency(r->sim, 300);               /* so long it takes to be up again */
    RIG_TRY(rig_co_list(r, 2, arrival, 2, 5000));
    RIG_NEED(r, flow_co_sleep_ms(100) == 0);
    link_cut(r->agent, "the test cuts");
    RIG_NEED(r, flow_co_sleep_ms(1500) == 0);
    if (reader_sim_commands(r->sim) != 1)
        return rig_wrong(r, "%u commands", reader_sim_commands(r->sim));
    return 0;
}
static void R4_list_whose_connection_ends_while_its_card_is_powered_up_is_not_begun(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, cut_at_power_play);
    rig_fini(&r);
}

static int unplug_play(struct rig *r) CO_FN;
static int unplug_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t arrival = 0;
    RIG_TRY(begin(r, &arrival));
    reader_sim_plug(r->sim, false);
    RIG_TRY(rig_co_next(r, &m));
    bool removed = m->message_case == (int)TO_SWITCH_CARD_REMOVED;
    RIG_NEED(r, removed || m->message_case == (int)TO_SWITCH_READERS);
    RIG_TRY(rig_co_expect(r, removed ? TO_SWITCH_READERS : TO_SWITCH_CARD_REMOVED, &m));
    reader_sim_plug(r->sim, true);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_READERS, &m));
    RIG_NEED(r, m->readers->readers[0]->present);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m));
    RIG_NEED(r, m->card->arrival > arrival);
    return 0;
}
static void reader_that_is_unplugged_and_comes_back_is_told(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, unplug_play);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_is_executed_and_each_command_answered),
        cmocka_unit_test(R4_list_past_its_deadline_is_not_begun),
        cmocka_unit_test(R4_time_asleep_counts_towards_a_lists_deadline),
        cmocka_unit_test(list_for_another_arrival_is_not_begun),
        cmocka_unit_test(R4_list_of_a_connection_that_ended_sends_no_further_command),
        cmocka_unit_test(card_that_left_before_the_command_is_not_sent),
        cmocka_unit_test(armed_script_is_executed_once_before_anybody_asks),
        cmocka_unit_test(script_that_would_change_the_card_is_not_taken),
        cmocka_unit_test(card_that_was_powered_down_begins_anew_with_a_select),
        cmocka_unit_test(R4_list_whose_connection_ends_while_its_card_is_powered_up_is_not_begun),
        cmocka_unit_test(reader_that_is_unplugged_and_comes_back_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
