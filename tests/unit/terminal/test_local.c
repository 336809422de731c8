/* The local interface: who may ask over a loopback port, and what comes back. */
#include "agent_rig.h"

#include <stdlib.h>

#define CONFIG                                                                                     \
    "switch: {addresses: [\"switch.test:1\"], retry_min: 50ms, retry_max: 100ms}\nstate: "         \
    "state\nlocal: {socket: "                                                                      \
    "local.sock, listen: \"127.0.0.1:0\"}\nlog: {level: error}\nreaders:\n  - {number: 1}\n"

static char answer[16384];

/* One request over TCP; the status, and the whole reply in `answer`. */
static CO_FN int ask(struct rig *r, const char *line, const char *headers, const char *body)
{
    struct stream *s = NULL;
    struct buf out;
    size_t got = 0, len = 0;
    int64_t until = flow_deadline_ms(5000);
    int rc = sock_co_connect_tcp("127.0.0.1", agent_local_port(r->agent), until, &s);
    if (rc != 0)
        return rig_wrong(r, "no connection");
    buf_init(&out, 0);
    buf_printf(&out, "%s HTTP/1.1\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", line,
               headers, strlen(body), body);
    rc = stream_co_write(s, out.data, out.len, until);
    buf_fini(&out);
    while (rc == 0 && len < sizeof answer - 1) {
        rc = stream_co_read(s, answer + len, sizeof answer - 1 - len, &got, until);
        len += rc == 0 ? got : 0;
    }
    answer[len] = '\0';
    stream_close(&s);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : rig_wrong(r, "no reply");
}

static const char *headers(struct rig *r, const char *host, const char *more, bool token)
{
    static char text[400];
    (void)snprintf(text, sizeof text, "Host: %s:%d\r\n%s%s%s%s", host, agent_local_port(r->agent),
                   more, token ? "Authorization: Bearer " : "", token ? r->agent->token : "",
                   token ? "\r\n" : "");
    return text;
}

static int guard_play(struct rig *r) CO_FN;
static int guard_play(struct rig *r)
{
    char origin[100];
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, strlen(r->agent->token) == TOKEN_LEN);
    RIG_NEED(r, ask(r, "GET /v1/status", headers(r, "127.0.0.1", "", true), "") == 200);
    RIG_NEED(r, ask(r, "GET /v1/status", headers(r, "localhost", "", true), "") == 200);
    RIG_NEED(r, ask(r, "GET /v1/status", headers(r, "127.0.0.1", "", false), "") == 403);
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", false), "{}") == 403);
    RIG_NEED(r, ask(r, "GET /v1/status", headers(r, "evil.example", "", true), "") == 403);
    RIG_NEED(r, ask(r, "GET /", headers(r, "evil.example", "", false), "") == 403);
    /* a name that only looks like an address can be made to point here */
    RIG_NEED(r, ask(r, "GET /", headers(r, "127.evil.example", "", false), "") == 403);
    RIG_NEED(r, ask(r, "GET /", headers(r, "127.0.0.1.evil.example", "", false), "") == 403);
    RIG_NEED(r,
             ask(r, "GET /v1/status", headers(r, "127.0.0.1.evil.example", "", true), "") == 403);
    RIG_NEED(r, ask(r, "GET /v1/status",
                    headers(r, "127.0.0.1", "Origin: http://evil.example\r\n", true), "") == 403);
    RIG_NEED(r, ask(r, "GET /v1/status", headers(r, "127.0.0.1", "Origin: null\r\n", true), "") ==
                    403);
    RIG_NEED(r, ask(r, "GET /v1/status",
                    headers(r, "127.0.0.1", "Sec-Fetch-Site: cross-site\r\n", true), "") == 403);
    RIG_NEED(r, ask(r, "GET /v1/status",
                    headers(r, "127.0.0.1", "Sec-Fetch-Site: same-site\r\n", true), "") == 403);
    (void)snprintf(origin, sizeof origin,
                   "Origin: http://127.0.0.1:%d\r\nSec-Fetch-Site: same-origin\r\n",
                   agent_local_port(r->agent));
    RIG_NEED(r, ask(r, "GET /v1/status", headers(r, "127.0.0.1", origin, true), "") == 200);
    RIG_NEED(r, ask(r, "GET /", headers(r, "127.0.0.1", "", false), "") == 200 &&
                    strstr(answer, "Content-Security-Policy"));
    RIG_NEED(r, strstr(answer, r->agent->token) == NULL);
    return 0;
}
static void other_pages_and_other_users_are_kept_out(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, CONFIG);
    rig_run(&r, guard_play);
    rig_fini(&r);
}

static int sell_play(struct rig *r) CO_FN;
static int sell_play(struct rig *r)
{
    pb_to_switch *m;
    const char *sale = "{\"service\":\"payment.purchase\",\"amount\":\"3.00\",\"ref\":\"till-1-"
                       "0001\",\"params\":{\"goods\":\"tea\"}}";
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true), sale) ==
                    503); /* no connection yet: nothing is begun */
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true), sale) == 202 &&
                    strstr(answer, "\"number\":1,"));
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true), sale) == 200 &&
                    strstr(answer, "\"number\":1,"));
    RIG_NEED(
        r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true),
               "{\"service\":\"payment.purchase\",\"amount\":\"4.00\",\"ref\":\"till-1-0001\"}") ==
               409);
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true),
                    "{\"service\":\"x\",\"amuont\":\"4\"}") == 400 &&
                    strstr(answer, "did you mean"));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, m->request->amount_fen == 300 && m->request->n_params == 1 &&
                    strcmp(m->request->params[0]->value, "tea") == 0);
    RIG_TRY(rig_co_quiet(r, 100)); /* once */
    RIG_TRY(rig_co_result(r, 1, PB_POSTED, "T1"));
    RIG_NEED(r, ask(r, "GET /v1/requests/1?wait=5", headers(r, "127.0.0.1", "", true), "") == 200 &&
                    strstr(answer, "\"posted\""));
    RIG_NEED(r, ask(r, "GET /v1/requests/77", headers(r, "127.0.0.1", "", true), "") == 404);
    RIG_NEED(r, ask(r, "PUT /v1/requests/1", headers(r, "127.0.0.1", "", true), "") == 405);
    RIG_NEED(r, ask(r, "GET /v1/nothing", headers(r, "127.0.0.1", "", true), "") == 404);
    return 0;
}
static void same_ref_is_the_same_request(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, CONFIG);
    rig_run(&r, sell_play);
    rig_fini(&r);
}

#define WITH_PIN                                                                                   \
    "{\"service\":\"social.window\",\"ref\":\"w-1\",\"pin\":\"908172\",\"document\":{\"bill\":"    \
    "\"B-7\"}}"

static int pin_play(struct rig *r) CO_FN;
static int pin_play(struct rig *r)
{
    pb_to_switch *m;
    r->minor = 1;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true), WITH_PIN) == 503 &&
                    strstr(answer, "old_switch"));
    rig_cut(r);
    r->minor = 2;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true),
                    "{\"service\":\"x\",\"pin\":\"12 34\"}") == 400);
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true), WITH_PIN) == 202 &&
                    !strstr(answer, "908172"));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, strcmp(m->request->pin, "908172") == 0);
    RIG_NEED(r, strcmp(m->request->document, "{\"bill\":\"B-7\"}") == 0);
    struct treq *t = request_by_ref(r->agent, "w-1");
    RIG_NEED(r, t && !memmem(t->row.frame, t->row.frame_len, "908172", 6));
    rig_cut(r); /* before a card: it goes along again */
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, strcmp(m->request->pin, "908172") == 0);
    RIG_TRY(rig_co_result(r, 1, PB_POSTED, "T1"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    t = request_by_ref(r->agent, "w-1");
    RIG_NEED(r, t && t->pin[0] == '\0');
    return 0;
}
static void pin_goes_to_the_switch_and_nowhere_else(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, CONFIG);
    rig_run(&r, pin_play);
    rig_fini(&r);
}

static int cancel_play(struct rig *r) CO_FN;
static int cancel_play(struct rig *r)
{
    pb_to_switch *m;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_NEED(r, ask(r, "POST /v1/requests", headers(r, "127.0.0.1", "", true),
                    "{\"service\":\"payment.balance\"}") == 202);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_NEED(r, ask(r, "DELETE /v1/requests/1", headers(r, "127.0.0.1", "", true), "") == 202);
    RIG_TRY(rig_co_expect(r, TO_SWITCH_CANCEL, &m));
    RIG_NEED(r, m->cancel->number == 1);
    RIG_TRY(rig_co_result(r, 1, PB_REFUSED, ""));
    RIG_NEED(r, ask(r, "GET /v1/requests/1?wait=5", headers(r, "127.0.0.1", "", true), "") == 200 &&
                    strstr(answer, "\"done\""));
    return 0;
}
static void request_is_taken_back_and_the_switch_says_what_became_of_it(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, CONFIG);
    rig_run(&r, cancel_play);
    rig_fini(&r);
}

static CO_FN int shift_switch(struct rig *r, bool off)
{
    pb_to_switch *m;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    pb_signed_on on = ONECARD__TERMINAL__V1__SIGNED_ON__INIT;
    pb_signed_off bye = ONECARD__TERMINAL__V1__SIGNED_OFF__INIT;
    RIG_TRY(rig_co_expect(r, off ? TO_SWITCH_SIGN_OFF : TO_SWITCH_SIGN_ON, &m));
    on.first_request = 1;
    on.business_date = 20261122;
    bye.agrees = true;
    if (off)
        RIG_NEED(r, m->sign_off->n_totals == 1 && m->sign_off->totals[0]->count == 1 &&
                        m->sign_off->totals[0]->amount_fen == 300);
    to.message_case = off ? ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_SIGNED_OFF
                          : ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_SIGNED_ON;
    if (off)
        to.signed_off = &bye;
    else
        to.signed_on = &on;
    return rig_co_send(r, &to);
}

struct shifting {
    struct rig *r;
    bool off;
    int rc;
};
static int shift_flow(void *arg) CO_FN;
static int shift_flow(void *arg)
{
    struct shifting *s = arg;
    json_t *j = NULL;
    s->rc = s->off ? shift_co_off(s->r->agent, &j) : shift_co_on(s->r->agent, "wang", &j);
    json_decref(j);
    return 0;
}

static CO_FN int shift_once(struct rig *r, bool off)
{
    struct shifting s = {.r = r, .off = off};
    struct flow *f = NULL;
    struct shifting *on_heap = arena_copy(flow_arena(), &s, sizeof s);
    RIG_NEED(r, on_heap && flow_start(flow_loop(), "shift", shift_flow, on_heap, &f) == 0);
    int rc = shift_switch(r, off);
    int joined = flow_co_join(f, NULL, flow_deadline_ms(5000));
    flow_put(f);
    RIG_TRY(rc);
    RIG_NEED(r, joined == 0 && on_heap->rc == 0);
    return 0;
}

static int shift_play(struct rig *r) CO_FN;
static int shift_play(struct rig *r)
{
    pb_to_switch *m;
    uint64_t number = 0;
    RIG_TRY(rig_co_welcome(r));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(shift_once(r, false));
    RIG_NEED(r, strcmp(r->agent->shift.now.person, "wang") == 0);
    RIG_TRY(rig_co_ask(r, "payment.purchase", 300, "", &number));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_REQUEST, &m));
    RIG_TRY(rig_co_result(r, number, PB_POSTED, "T1"));
    RIG_NEED(r, flow_co_sleep_ms(50) == 0);
    RIG_TRY(shift_once(r, true));
    RIG_NEED(r, r->agent->shift.now.person[0] == '\0');
    return 0;
}
static void shift_ends_with_the_totals_of_what_was_posted(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, CONFIG);
    rig_run(&r, shift_play);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_pages_and_other_users_are_kept_out),
        cmocka_unit_test(same_ref_is_the_same_request),
        cmocka_unit_test(pin_goes_to_the_switch_and_nowhere_else),
        cmocka_unit_test(request_is_taken_back_and_the_switch_says_what_became_of_it),
        cmocka_unit_test(shift_ends_with_the_totals_of_what_was_posted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
