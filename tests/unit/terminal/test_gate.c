/* A gate: one arrival, one request (R8). */
#include "agent_rig.h"

static CO_FN int tap(struct rig *r, pb_to_switch **m, uint64_t *ret_number)
{
    reader_sim_insert(r->sim, r->card);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, m));
    const pb_request *q = (*m)->request;
    RIG_NEED(r, q->gate && q->service[0] == '\0' && q->card && q->card->atr.len > 0);
    RIG_NEED(r, q->presentation && q->presentation->chip &&
                    q->presentation->chip->arrival == q->card->arrival);
    *ret_number = q->number;
    return 0;
}

static int once_play(struct rig *r) CO_FN;
static int once_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t first = 0, second = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(tap(r, &m, &first));
    RIG_TRY(rig_co_result(r, first, PB_POSTED, "T1"));
    RIG_TRY(rig_co_quiet(r, 300)); /* it lies there: nothing more */
    reader_sim_remove(r->sim);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD_REMOVED, &m));
    RIG_TRY(tap(r, &m, &second));
    RIG_NEED(r, second > first);
    return rig_co_result(r, second, PB_REFUSED, "");
}
static void R8_card_that_lies_there_is_asked_about_once(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_GATE);
    rig_run(&r, once_play);
    rig_fini(&r);
}

static int torn_play(struct rig *r) CO_FN;
static int torn_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t first = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(tap(r, &m, &first));
    reader_sim_remove(r->sim);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD_REMOVED, &m));
    reader_sim_insert(r->sim, r->card); /* while the number is open: a card, no request */
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CARD, &m));
    RIG_TRY(rig_co_result(r, first, PB_POSTED, "T1"));
    return rig_co_quiet(r, 300); /* the one that came back was served */
}
static void R8_card_that_comes_back_while_the_number_is_open_is_no_new_request(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_GATE);
    rig_run(&r, torn_play);
    rig_fini(&r);
}

static int cut_play(struct rig *r) CO_FN;
static int cut_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t first = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(tap(r, &m, &first));
    uint64_t arrival = m->request->card->arrival;
    rig_cut(r);
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m)); /* the card is still here: with it */
    RIG_NEED(r, m->request->number == first && m->request->card &&
                    m->request->card->arrival == arrival);
    rig_cut(r);
    reader_sim_remove(r->sim);
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(
        rig_co_expect(r, TO_SWITCH_REQUEST, &m)); /* it has gone: asked about, no other is taken */
    RIG_NEED(r, m->request->number == first && !m->request->card &&
                    m->request->presentation->chip->arrival == 1);
    RIG_TRY(rig_co_quiet(r, 100));
    return rig_co_result(r, first, PB_REFUSED, "");
}
static void R8_tap_whose_connection_was_cut_keeps_its_number(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_GATE);
    rig_run(&r, cut_play);
    rig_fini(&r);
}

static int busy_play(struct rig *r) CO_FN;
static int busy_play(struct rig *r)
{
    pb_to_switch *m;
    pb_busy b = ONECARD__TERMINAL__V1__BUSY__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    uint64_t first = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(tap(r, &m, &first));
    b.number = first;
    b.retry_after_ms = 300;
    to.message_case = (int)TO_TERMINAL_BUSY;
    to.busy = &b;
    RIG_TRY(rig_co_send(r, &to));
    RIG_TRY(rig_co_quiet(r, 200));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->number == first && m->request->card);
    return rig_co_result(r, first, PB_POSTED, "T");
}
static void busy_switch_is_asked_again_with_the_same_number_and_not_before_the_time(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_GATE);
    rig_run(&r, busy_play);
    rig_fini(&r);
}

static int offline_play(struct rig *r) CO_FN;
static int offline_play(struct rig *r)
{
    pb_to_switch *m;
    r->refuse = true;
    RIG_NEED(r, flow_co_sleep_ms(100) == 0);
    reader_sim_insert(r->sim, r->card);
    RIG_NEED(r, flow_co_sleep_ms(200) == 0);
    RIG_NEED(r, requests_open(r->agent) == 0);
    r->refuse = false;
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m)); /* the person still stands there */
    return rig_co_result(r, m->request->number, PB_POSTED, "T");
}
static void card_is_served_when_the_connection_comes_back_while_it_lies_there(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_GATE);
    rig_run(&r, offline_play);
    rig_fini(&r);
}

static uint64_t tapped;

static int crash_play(struct rig *r) CO_FN;
static int crash_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t first = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(tap(r, &m, &first));
    r->last_request = first;
    tapped = m->request->card->arrival;
    rig_cut(r);
    return 0;
}
static int after_play(struct rig *r) CO_FN;
static int after_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t first = r->last_request, second = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->number == first && m->request->gate);
    RIG_TRY(rig_co_result(r, first, PB_IN_DOUBT, "T1"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(
        tap(r, &m, &second)); /* the same card: a new number; the switch finishes the first ride */
    RIG_NEED(r, second > first && m->request->card->arrival != tapped);
    return rig_co_result(r, second, PB_POSTED, "T1");
}
static void R8_restart_asks_about_the_old_tap_and_never_gives_its_arrival_to_another(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_GATE);
    rig_run(&r, crash_play);
    rig_run(&r, after_play);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R8_card_that_lies_there_is_asked_about_once),
        cmocka_unit_test(R8_card_that_comes_back_while_the_number_is_open_is_no_new_request),
        cmocka_unit_test(R8_tap_whose_connection_was_cut_keeps_its_number),
        cmocka_unit_test(busy_switch_is_asked_again_with_the_same_number_and_not_before_the_time),
        cmocka_unit_test(card_is_served_when_the_connection_comes_back_while_it_lies_there),
        cmocka_unit_test(R8_restart_asks_about_the_old_tap_and_never_gives_its_arrival_to_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
