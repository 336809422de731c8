/* Requests of a desk: durable before they leave, asked again until they are answered. */
#include "agent_rig.h"

static int again_play(struct rig *r) CO_FN;
static int again_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t number = 0;
    struct store_row row;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(rig_co_ask(r, "payment.purchase", 300, "sale-1", &number));
    RIG_NEED(r, store_co_get(r->agent->store, number, NULL, &row) == 0 && row.state == STORE_OPEN);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->number == number && m->request->amount_fen == 300);
    uint64_t trace = m->request->trace;
    rig_cut(r);
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->number == number && m->request->trace == trace &&
                    m->request->amount_fen == 300);
    RIG_TRY(rig_co_quiet(r, 200)); /* somebody still waits: no Cancel */
    RIG_TRY(rig_co_result(r, number, PB_POSTED, "T1"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0 && store_co_flush(r->agent->store) == 0);
    RIG_NEED(r, store_co_get(r->agent->store, number, NULL, &row) == 0 && row.state == STORE_DONE);
    RIG_NEED(r, row.result && strstr(row.result, "\"posted\"") != NULL);
    rig_cut(r);
    RIG_TRY(rig_co_welcome(r));
    return rig_co_quiet(r, 200); /* answered: not asked again */
}
static void request_is_durable_before_it_leaves_and_asked_again_until_answered(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, again_play);
    rig_fini(&r);
}

static int crash_play(struct rig *r) CO_FN;
static int crash_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t number = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(rig_co_ask(r, "payment.load", 5000, "load-1", &number));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    r->last_request = number;
    rig_cut(r);
    return 0;
}
static int restart_play(struct rig *r) CO_FN;
static int restart_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t number = r->last_request, next = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->number == number && m->request->amount_fen == 5000);
    RIG_NEED(r, m->request->presentation->chip->arrival == 1); /* no card will do: nothing begins */
    RIG_TRY(rig_co_quiet(r, 100));
    RIG_TRY(rig_co_result(r, number, PB_POSTED, "T7"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    struct treq *t = request_by_ref(r->agent, "load-1");
    RIG_NEED(r, t && t->row.number == number && t->row.state == STORE_DONE);
    RIG_TRY(rig_co_ask(r, "payment.load", 1, "load-2", &next));
    RIG_NEED(r, next > number);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    return rig_co_result(r, next, PB_REFUSED, "");
}
static void restart_asks_what_became_of_it_and_begins_nothing(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, crash_play);
    rig_run(&r, restart_play);
    rig_fini(&r);
}

/* Without a chip no arrival can keep it from beginning. */
static int number_crash_play(struct rig *r) CO_FN;
static int number_crash_play(struct rig *r)
{
    r->number = "3100000000000017";
    int rc = crash_play(r);
    r->number = NULL;
    return rc;
}
static int number_restart_play(struct rig *r) CO_FN;
static int number_restart_play(struct rig *r)
{
    pb_to_switch *m;
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->number == r->last_request && m->request->only_answer);
    RIG_NEED(r, m->request->amount_fen == 5000);
    if (r->minor == 0) {
        RIG_TRY(rig_co_expect(r, TO_SWITCH_CANCEL, &m));
        RIG_NEED(r, m->cancel->number == r->last_request);
    }
    RIG_TRY(rig_co_quiet(r, 100));
    return rig_co_result(r, r->last_request, PB_REFUSED, "");
}
static void late_question_without_a_chip_is_only_to_be_answered(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, number_crash_play);
    r.minor = 1;
    rig_run(&r, number_restart_play);
    rig_fini(&r);
}
static void switch_that_does_not_know_only_answer_gets_a_cancel_too(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, number_crash_play);
    rig_run(&r, number_restart_play);
    rig_fini(&r);
}

static int number_play(struct rig *r) CO_FN;
static int number_play(struct rig *r)
{
    uint64_t number = 0;
    r->last_request = 5000;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(rig_co_ask(r, "payment.balance", 0, "", &number));
    RIG_NEED(r, number == 5001);
    return 0;
}
static void numbers_go_on_above_what_the_ledger_has(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, number_play);
    rig_fini(&r);
}

static CO_FN int settled_result(struct rig *r, uint64_t number, const char *txn)
{
    char id[32], service[] = "payment.balance";
    pb_settled s = ONECARD__TERMINAL__V1__SETTLED__INIT;
    pb_settled *list[] = {&s};
    pb_result res = ONECARD__TERMINAL__V1__RESULT__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    (void)snprintf(id, sizeof id, "%s", txn);
    s.txn = id;
    s.outcome = (Onecard__Terminal__V1__Outcome)PB_POSTED;
    s.amount_fen = 300;
    res.number = number;
    res.outcome = (Onecard__Terminal__V1__Outcome)PB_POSTED;
    res.service = service;
    res.n_settled = 1;
    res.settled = list;
    to.message_case = (int)TO_TERMINAL_RESULT;
    to.result = &res;
    return rig_co_send(r, &to);
}

static int doubt_play(struct rig *r) CO_FN;
static int doubt_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t first = 0, second = 0;
    static struct store_total totals[STORE_TOTALS];
    unsigned n = 0, doubts = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(rig_co_ask(r, "payment.purchase", 300, "", &first));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_TRY(rig_co_result(r, first, PB_IN_DOUBT, "TX9"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_NEED(r, request_get(r->agent, first)->row.state == STORE_DOUBT);
    RIG_NEED(r, store_co_totals(r->agent->store, 1, 1000, totals, &n, &doubts) == 0 && n == 0 &&
                    doubts == 1);
    RIG_TRY(rig_co_ask(r, "payment.balance", 0, "", &second));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_TRY(settled_result(r, second, "TX9"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    struct treq *t = request_get(r->agent, first);
    RIG_NEED(r, t->row.state == STORE_DONE && strstr(t->result, "settled_later") != NULL);
    RIG_NEED(r, store_co_totals(r->agent->store, 1, 1000, totals, &n, &doubts) == 0 && n == 2 &&
                    doubts == 0);
    RIG_NEED(r, strcmp(totals[1].service, "payment.purchase") == 0 && totals[1].amount_fen == 300);
    return 0;
}
static void R3_doubt_that_its_card_settles_later_is_posted_here_too(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, doubt_play);
    rig_fini(&r);
}

static int put_back_play(struct rig *r) CO_FN;
static int put_back_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t number = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(rig_co_ask(r, "payment.purchase", 300, "", &number));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_TRY(rig_co_result(r, number, PB_IN_DOUBT, "TX9"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    request_again(r->agent, request_get(r->agent, number), 5000);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->number == number && m->request->amount_fen == 300);
    RIG_TRY(rig_co_quiet(r, 100)); /* no Cancel: the person is putting the card back */
    RIG_TRY(rig_co_result(r, number, PB_REFUSED, "")); /* another card, say: proves nothing */
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_NEED(r, request_get(r->agent, number)->row.state == STORE_DOUBT);
    request_again(r->agent, request_get(r->agent, number), 5000);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_TRY(rig_co_result(r, number, PB_POSTED, "TX9"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_NEED(r, request_get(r->agent, number)->row.state == STORE_DONE);
    return 0;
}
static void R3_doubt_is_asked_again_with_its_number_when_the_card_is_put_back(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, put_back_play);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_is_durable_before_it_leaves_and_asked_again_until_answered),
        cmocka_unit_test(restart_asks_what_became_of_it_and_begins_nothing),
        cmocka_unit_test(late_question_without_a_chip_is_only_to_be_answered),
        cmocka_unit_test(switch_that_does_not_know_only_answer_gets_a_cancel_too),
        cmocka_unit_test(numbers_go_on_above_what_the_ledger_has),
        cmocka_unit_test(R3_doubt_that_its_card_settles_later_is_posted_here_too),
        cmocka_unit_test(R3_doubt_is_asked_again_with_its_number_when_the_card_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
