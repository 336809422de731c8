/* The connection: Hello first, silence, errors, coming back. */
#include "agent_rig.h"

static int hello_play(struct rig *r) CO_FN;
static int hello_play(struct rig *r)
{
    pb_to_switch *m;
    RIG_TRY(rig_co_accept(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_HELLO, &m));
    RIG_NEED(r, m->hello->n_versions == 1 && m->hello->versions[0] == 1);
    RIG_NEED(r, m->hello->n_readers == 1 && m->hello->readers[0]->number == 1);
    RIG_NEED(r, m->hello->instance != 0);
    return rig_co_quiet(r, 300);
}
static void nothing_but_hello_before_the_welcome(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, hello_play);
    rig_fini(&r);
}

static int early_play(struct rig *r) CO_FN;
static int early_play(struct rig *r)
{
    pb_to_switch *m;
    RIG_TRY(rig_co_accept(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_HELLO, &m));
    RIG_TRY(rig_co_list(r, 1, 1, 1, 1000));
    RIG_TRY(rig_co_welcome(r)); /* the first connection is given up, another comes */
    RIG_NEED(r, r->dials == 2);
    return 0;
}
static void list_before_the_welcome_ends_the_connection(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, early_play);
    rig_fini(&r);
}

static int silence_play(struct rig *r) CO_FN;
static int silence_play(struct rig *r)
{
    int64_t began = loop_now_ns(flow_loop());
    RIG_TRY(rig_co_welcome(r)); /* heartbeat_ms 1,000 */
    RIG_NEED(r, link_up(r->agent) || flow_co_sleep_ms(50) == 0);
    struct stream *old = r->s;
    r->s = NULL;
    int rc = rig_co_accept(r);
    int64_t ms = (loop_now_ns(flow_loop()) - began) / NS_PER_MS;
    stream_close(&old);
    RIG_TRY(rc);
    RIG_NEED(r, ms > 2500 && ms < 4500);
    return 0;
}
static void silent_switch_is_left_after_three_heartbeats(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, silence_play);
    rig_fini(&r);
}

static CO_FN int send_error(struct rig *r, const char *code)
{
    char text[32];
    pb_error e = ONECARD__TERMINAL__V1__ERROR__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    (void)snprintf(text, sizeof text, "%s", code);
    e.code = text;
    e.message = text;
    e.fatal = true;
    to.message_case = (int)TO_TERMINAL_ERROR;
    to.error = &e;
    return rig_co_send(r, &to);
}

static int revoked_play(struct rig *r) CO_FN;
static int revoked_play(struct rig *r)
{
    for (int i = 0; i < 2; i++) {
        RIG_TRY(rig_co_welcome(r));
        RIG_TRY(send_error(r, "revoked"));
    }
    RIG_NEED(r, flow_co_sleep_ms(600) == 0);
    RIG_NEED(r, r->dials == 2 && !r->near);
    RIG_NEED(r, strstr(r->agent->link.why, "revoked") != NULL);
    return 0;
}
static void revoked_terminal_tries_again_slowly_and_says_why(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, revoked_play);
    rig_fini(&r);
}

static int heartbeat_play(struct rig *r) CO_FN;
static int heartbeat_play(struct rig *r)
{
    pb_to_switch *m = NULL;
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_quiet(r, 2500)); /* skips them, but the connection holds */
    RIG_NEED(r, link_up(r->agent));
    (void)m;
    return 0;
}
static void heartbeats_go_on_while_nothing_happens(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, heartbeat_play);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_hello_before_the_welcome),
        cmocka_unit_test(list_before_the_welcome_ends_the_connection),
        cmocka_unit_test(silent_switch_is_left_after_three_heartbeats),
        cmocka_unit_test(revoked_terminal_tries_again_slowly_and_says_why),
        cmocka_unit_test(heartbeats_go_on_while_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
