/* Calls over a transport of the test's, in virtual time: lanes, breaker, deadlines, what is signed.
 */
#include "upstream_test.h"

#include <stdlib.h>

struct rig {
    struct test_clock clock;
    struct loop *loop;
    struct crypto *crypto;
    struct upstream *u;
    /* the institution */
    int rc, status;
    int64_t takes_ms;
    unsigned calls, now, most;
    struct upstream_exchange last;
    char path[64], key[80], date[24], signature[96], body[64];
    int64_t deadline_ns;
};

static int exchange(void *arg, const struct upstream_exchange *e,
                    struct upstream_answer *ret) CO_FN;
static int exchange(void *arg, const struct upstream_exchange *e, struct upstream_answer *ret)
{
    struct rig *r = arg;
    r->calls++;
    r->now++;
    r->most = r->now > r->most ? r->now : r->most;
    (void)snprintf(r->path, sizeof r->path, "%s", e->path);
    (void)snprintf(r->key, sizeof r->key, "%s", e->key);
    (void)snprintf(r->date, sizeof r->date, "%s", e->date);
    (void)snprintf(r->signature, sizeof r->signature, "%s", e->signature);
    (void)snprintf(r->body, sizeof r->body, "%.*s", (int)e->len, e->json);
    r->deadline_ns = e->deadline_ns;
    int rc = r->takes_ms > 0 ? flow_co_sleep_ms(r->takes_ms) : 0;
    r->now--;
    ret->status = r->status;
    ret->body = arena_strdup(e->arena, "{}");
    ret->len = 2;
    return rc != 0 ? rc : r->rc;
}

static struct upstream_route bank_route(void)
{
    return (struct upstream_route){.participant = "bank",
                                   .url = "https://bank.test:8443/onecard/",
                                   .lanes = 2,
                                   .failures = 2,
                                   .open_ms = 1000,
                                   .open_max_ms = 1000,
                                   .slow_ms = 3000,
                                   .timeout_ms = 8000,
                                   .lane_wait_ms = 500};
}

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof *r);
    struct upstream_route route = bank_route();
    r->clock = (struct test_clock){.clock = {test_wall, test_now}, .now_ns = NS_PER_S};
    r->status = 200;
    struct loop_opts lo = {.clock = &r->clock.clock, .idle = test_idle, .idle_arg = &r->clock};
    assert_int_equal(loop_new(&r->loop, &lo), 0);
    assert_int_equal(crypto_new(NULL, &r->crypto), 0);
    struct upstream_opts o = {.loop = r->loop,
                              .clock = &r->clock.clock,
                              .crypto = r->crypto,
                              .rng = &rng_system,
                              .seed = test_seed,
                              .from = "site-1000000000000001-0",
                              .routes = &route,
                              .route_count = 1,
                              .co_exchange = exchange,
                              .arg = r};
    assert_int_equal(upstream_open(&o, &r->u), 0);
    return r;
}

static void rig_free(struct rig *r)
{
    upstream_close(&r->u);
    loop_free(&r->loop);
    crypto_free(&r->crypto);
    free(r);
}

struct one {
    struct rig *r;
    const char *to, *path, *key;
    int rc;
    struct upstream_answer answer;
    int64_t deadline_ms;
    struct flow *flow;
};

static int post_flow(void *arg) CO_FN;
static int post_flow(void *arg)
{
    struct one *o = arg;
    int64_t deadline = flow_deadline_ms(o->deadline_ms > 0 ? o->deadline_ms : 60000);
    o->rc = upstream_co_post(o->r->u, o->to ? o->to : "bank", o->path ? o->path : "hold",
                             o->key ? o->key : "k1", "{\"a\":1}", 7, deadline, flow_arena(),
                             &o->answer);
    return o->rc;
}

static int post(struct rig *r)
{
    struct one o = {.r = r};
    return loop_run_flow(r->loop, "post", post_flow, &o);
}

static int sleep_flow(void *arg) CO_FN;
static int sleep_flow(void *arg)
{
    return flow_co_sleep_ms(*(const int64_t *)arg);
}

static void sleep_for(struct rig *r, int64_t ms)
{
    assert_int_equal(loop_run_flow(r->loop, "sleep", sleep_flow, &ms), 0);
}

static void message_is_signed_with_both_names_path_key_date_and_body(void **state)
{
    struct rig *r = rig_new();
    uint8_t key[32];
    (void)state;
    assert_int_equal(post(r), 0);
    assert_string_equal(r->path, "/onecard/hold");
    assert_string_equal(r->body, "{\"a\":1}");
    struct signed_message m = {.from = "site-1000000000000001-0",
                               .to = "bank",
                               .method = "POST",
                               .path = r->path,
                               .key = r->key,
                               .date = r->date,
                               .body = {r->body, strlen(r->body)}};
    assert_int_equal(ed25519_public(test_seed, key), 0);
    assert_int_equal(signed_message_verify(r->crypto, key, &m, r->signature), 0);
    m.to = "hospital";
    assert_int_equal(signed_message_verify(r->crypto, key, &m, r->signature), OC_EMAC);
    rig_free(r);
}

static void no_route_and_wrong_words_send_nothing(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    struct one cases[] = {{.to = "nobody"},  {.path = "../x"}, {.path = "a b"}, {.path = ""},
                          {.path = "/hold"}, {.key = ""},      {.key = "a b"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cases[i].r = r;
        int rc = loop_run_flow(r->loop, "post", post_flow, &cases[i]);
        assert_int_equal(rc, i == 0 ? OC_ENOENT : OC_EINVAL);
        assert_true(upstream_unsent(rc));
    }
    assert_int_equal(r->calls, 0);
    assert_false(upstream_has(NULL, "bank"));
    assert_true(upstream_has(r->u, "bank"));
    rig_free(r);
}

static void lanes_bound_what_runs_at_one_time_and_the_rest_waits(void **state)
{
    struct rig *r = rig_new();
    struct one o[4];
    (void)state;
    r->takes_ms = 300;
    for (int i = 0; i < 4; i++) {
        o[i] = (struct one){.r = r};
        assert_int_equal(flow_start(r->loop, "post", post_flow, &o[i], &o[i].flow), 0);
    }
    sleep_for(r, 2000);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(o[i].rc, 0);
        flow_put(o[i].flow);
    }
    assert_int_equal(r->calls, 4);
    assert_int_equal(r->most, 2);
    rig_free(r);
}

static void lanes_taken_for_too_long_are_busy_and_nothing_was_sent(void **state)
{
    struct rig *r = rig_new();
    struct one o[3];
    (void)state;
    r->takes_ms = 2000;
    for (int i = 0; i < 3; i++) {
        o[i] = (struct one){.r = r};
        assert_int_equal(flow_start(r->loop, "post", post_flow, &o[i], &o[i].flow), 0);
    }
    sleep_for(r, 4000);
    for (int i = 0; i < 3; i++)
        flow_put(o[i].flow);
    assert_int_equal(o[2].rc, OC_EBUSY);
    assert_int_equal(r->calls, 2);
    rig_free(r);
}

static void failures_open_the_breaker_and_a_probe_closes_it(void **state)
{
    struct rig *r = rig_new();
    struct upstream_state s;
    (void)state;
    r->rc = OC_EIO;
    assert_int_equal(post(r), OC_EIO);
    assert_int_equal(post(r), OC_EIO);
    assert_int_equal(post(r), OC_EBUSY);
    assert_int_equal(r->calls, 2);
    assert_true(upstream_state_at(r->u, 0, &s));
    assert_int_equal(s.breaker, BREAKER_OPEN);
    assert_true(s.open_ms > 0);
    assert_string_not_equal(s.last_error, "");
    sleep_for(r, 1500);
    r->rc = 0;
    assert_int_equal(post(r), 0);
    assert_int_equal(post(r), 0);
    assert_true(upstream_state_at(r->u, 0, &s));
    assert_int_equal(s.breaker, BREAKER_CLOSED);
    assert_string_equal(s.last_error, "");
    assert_int_equal(s.failed, 2);
    assert_false(upstream_state_at(r->u, 1, &s));
    rig_free(r);
}

static void server_errors_and_slow_answers_count_as_failures(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    r->status = 503;
    assert_int_equal(post(r), 0);
    r->status = 200;
    r->takes_ms = 3500;
    assert_int_equal(post(r), 0);
    assert_int_equal(post(r), OC_EBUSY);
    rig_free(r);
}

static void refusals_of_the_institution_are_no_failures(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    r->status = 409;
    for (int i = 0; i < 5; i++)
        assert_int_equal(post(r), 0);
    rig_free(r);
}

static void route_bounds_the_deadline_and_a_nearer_one_of_the_caller_wins(void **state)
{
    struct rig *r = rig_new();
    struct one o = {.r = r, .deadline_ms = 100};
    (void)state;
    assert_int_equal(post(r), 0);
    assert_int_equal(r->deadline_ns, r->clock.now_ns + 8000 * NS_PER_MS);
    assert_int_equal(loop_run_flow(r->loop, "post", post_flow, &o), 0);
    assert_int_equal(r->deadline_ns, r->clock.now_ns + 100 * NS_PER_MS);
    rig_free(r);
}

static void cancelled_call_gives_its_lane_back_and_counts_nothing(void **state)
{
    struct rig *r = rig_new();
    struct one o = {.r = r};
    struct upstream_state s;
    (void)state;
    r->takes_ms = 2000;
    assert_int_equal(flow_start(r->loop, "post", post_flow, &o, &o.flow), 0);
    sleep_for(r, 10);
    flow_cancel(o.flow);
    sleep_for(r, 10);
    assert_int_equal(o.rc, OC_ECANCELED);
    flow_put(o.flow);
    assert_true(upstream_state_at(r->u, 0, &s));
    assert_int_equal(s.busy, 0);
    assert_int_equal(s.failures, 0);
    rig_free(r);
}

static void urls_that_make_no_sense_are_refused(void **state)
{
    struct rig *r = rig_new();
    const char *bad[] = {"http://bank.test", "https://",    "https://user@bank.test",
                         "https://b/x?y=1",  "https:///x",  "https://b//x",
                         "https://b/../x",   "https://b/#f"};
    struct upstream *u = NULL;
    (void)state;
    log_set_level(LOG_ERROR);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct upstream_route route = bank_route();
        route.url = bad[i];
        struct upstream_opts o = {.loop = r->loop,
                                  .clock = &r->clock.clock,
                                  .crypto = r->crypto,
                                  .rng = &rng_system,
                                  .seed = test_seed,
                                  .from = "site-1000000000000001-0",
                                  .routes = &route,
                                  .route_count = 1,
                                  .co_exchange = exchange,
                                  .arg = r};
        assert_int_equal(upstream_open(&o, &u), OC_EINVAL);
    }
    rig_free(r);
}

static void lanes_are(struct rig *r, unsigned lanes, enum breaker_state breaker)
{
    struct upstream_state s;
    assert_true(upstream_state_at(r->u, 0, &s));
    assert_int_equal(s.lanes, lanes);
    assert_int_equal(s.breaker, breaker);
    assert_false(upstream_state_at(r->u, 1, &s));
}

static void routes_that_read_the_same_go_on_and_others_begin_anew(void **state)
{
    struct rig *r = rig_new();
    struct upstream_route route = bank_route();
    (void)state;
    r->rc = OC_EIO;
    assert_int_equal(post(r), OC_EIO);
    assert_int_equal(post(r), OC_EIO);
    assert_int_equal(upstream_change(r->u, &route, 1), 0);
    lanes_are(r, 2, BREAKER_OPEN);
    route.lanes = 3;
    assert_int_equal(upstream_change(r->u, &route, 1), 0);
    lanes_are(r, 3, BREAKER_CLOSED);
    r->rc = 0;
    assert_int_equal(post(r), 0);
    rig_free(r);
}

static void call_at_work_on_a_route_that_goes_ends_as_it_is(void **state)
{
    struct rig *r = rig_new();
    struct one o[4]; /* two work, two wait for their lanes */
    (void)state;
    r->takes_ms = 300;
    for (int i = 0; i < 4; i++) {
        o[i] = (struct one){.r = r, .rc = OC_EINTERNAL};
        assert_int_equal(flow_start(r->loop, "post", post_flow, &o[i], &o[i].flow), 0);
    }
    sleep_for(r, 10);
    assert_int_equal(upstream_change(r->u, NULL, 0), 0);
    assert_false(upstream_has(r->u, "bank"));
    assert_int_equal(post(r), OC_ENOENT);
    sleep_for(r, 2000);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(o[i].rc, 0);
        flow_put(o[i].flow);
    }
    assert_int_equal(r->calls, 4);
    rig_free(r);
}

static void route_that_makes_no_sense_changes_none(void **state)
{
    struct rig *r = rig_new();
    struct upstream_route routes[] = {bank_route(), bank_route()};
    (void)state;
    routes[0].lanes = 3;
    assert_int_equal(upstream_change(r->u, routes, 2), OC_EINVAL); /* named twice */
    lanes_are(r, 2, BREAKER_CLOSED);
    routes[1].participant = "hospital";
    routes[1].url = "http://hospital.test";
    assert_int_equal(upstream_change(r->u, routes, 2), OC_EINVAL);
    lanes_are(r, 2, BREAKER_CLOSED);
    routes[0].lanes = 2;
    assert_int_equal(upstream_change(r->u, &routes[0], 1), 0);
    lanes_are(r, 2, BREAKER_CLOSED);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_is_signed_with_both_names_path_key_date_and_body),
        cmocka_unit_test(no_route_and_wrong_words_send_nothing),
        cmocka_unit_test(lanes_bound_what_runs_at_one_time_and_the_rest_waits),
        cmocka_unit_test(lanes_taken_for_too_long_are_busy_and_nothing_was_sent),
        cmocka_unit_test(failures_open_the_breaker_and_a_probe_closes_it),
        cmocka_unit_test(server_errors_and_slow_answers_count_as_failures),
        cmocka_unit_test(refusals_of_the_institution_are_no_failures),
        cmocka_unit_test(route_bounds_the_deadline_and_a_nearer_one_of_the_caller_wins),
        cmocka_unit_test(cancelled_call_gives_its_lane_back_and_counts_nothing),
        cmocka_unit_test(urls_that_make_no_sense_are_refused),
        cmocka_unit_test(routes_that_read_the_same_go_on_and_others_begin_anew),
        cmocka_unit_test(call_at_work_on_a_route_that_goes_ends_as_it_is),
        cmocka_unit_test(route_that_makes_no_sense_changes_none),
    };
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
