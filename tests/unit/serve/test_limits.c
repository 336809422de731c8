/* What a terminal may not do, and what it is told; a switch that has more to do than it can. */
#include "wire_terminal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct site site;
static struct wire_terminal till, other;

static int furnish(const char *handshake)
{
    char conf[300];
    (void)snprintf(conf, sizeof conf,
                   "terminals: {listen: [\"127.0.0.1:0\"], heartbeat: 300ms, handshake: %s, "
                   "write: 500ms, max_requests: 2, frames_per_second: 100, burst: 150, "
                   "max_active: 1, queue: 0, max_connections: 8, handshakes: 2}\n",
                   handshake);
    site_open(&site, conf);
    site_furnish(&site, false);
    const char *const ids[] = {"till", "other"};
    for (int i = 0; i < 2; i++) {
        char body[200];
        (void)snprintf(body, sizeof body,
                       "{\"id\":\"%s\",\"participant\":\"bus\",\"kind\":\"pos\",\"sam\":"
                       "\"10000000001%d\",\"services\":[\"payment.*\"]}",
                       ids[i], i);
        json_decref(site_expect(&site, 201, "POST", "/v1/terminals", body));
    }
    wt_open(&till, &site, "till");
    wt_open(&other, &site, "other");
    return wt_enrol(&till) != 0 || wt_enrol(&other) != 0;
}

static int open_site(void **state)
{
    (void)state;
    return furnish("1s");
}

static int close_site(void **state)
{
    (void)state;
    wt_close(&till);
    wt_close(&other);
    site_close(&site);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    wt_remove(&till);
    wt_remove(&other);
    return wt_connect(&till) != 0;
}

static void ends_with(const char *code)
{
    assert_int_equal(wt_drain(&till, 5000), OC_ECLOSED);
    assert_string_equal(till.error, code);
    assert_true(till.fatal);
}

/* Places for handshakes are not for those who say nothing. */
static void silent_connections_keep_nobody_out(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)serve_terminal_port(site.serve))};
    int fds[4];
    (void)state;
    wt_hang_up(&till);
    for (int i = 0; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
    }
    int64_t began = clock_mono_ns(&clock_system);
    assert_int_equal(wt_connect(&till), 0);
    assert_true(clock_mono_ns(&clock_system) - began < 800 * NS_PER_MS);
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
}

static void open_enrolment(struct wire_terminal *t)
{
    wt_open(t, &site, "till");
    assert_int_equal(wt_dial(t, "onecard-enroll/1"), 0);
}

/* A quarter of eight connections. */
static void enrolments_at_one_time_are_bounded_and_leave_sessions_alone(void **state)
{
    static struct wire_terminal silent[2], late;
    (void)state;
    for (int i = 0; i < 2; i++)
        open_enrolment(&silent[i]);
    wt_open(&late, &site, "other");
    assert_int_equal(wt_enrol_with(&late, "other.x"), OC_EPERM);
    assert_string_equal(late.error, "busy");
    assert_int_equal(wt_connect(&other), 0);
    wt_hang_up(&silent[0]);
    wt_rest(&other, 200);
    assert_int_equal(wt_enrol_with(&late, "other.x"), OC_EPERM);
    assert_string_equal(late.error, "enroll_refused");
    for (int i = 0; i < 2; i++)
        wt_close(&silent[i]);
    wt_close(&late);
    wt_hang_up(&other);
}

static int beat(void)
{
    pb_heartbeat h = ONECARD__TERMINAL__V1__HEARTBEAT__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    h.mono_ms = 5;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_HEARTBEAT;
    m.heartbeat = &h;
    return wt_send(&till, &m);
}

static void silent_terminal_is_cut(void **state)
{
    (void)state;
    ends_with("silent");
}

static void heartbeat_is_answered_and_keeps_the_session(void **state)
{
    (void)state;
    assert_int_equal(beat(), 0);
    int rc;
    while ((rc = wt_next(&till, 2000)) == 0 &&
           till.m->message_case != (int)TO_TERMINAL_HEARTBEAT_ACK)
        continue;
    assert_int_equal(rc, 0);
    assert_int_equal(till.m->heartbeat_ack->mono_ms, 5);
}

static void flooding_terminal_is_cut(void **state)
{
    (void)state;
    for (int i = 0; i < 400 && beat() == 0; i++)
        continue;
    (void)wt_drain(&till, 5000);
    assert_string_equal(till.error, "flood");
}

static void garbage_is_a_bad_frame(void **state)
{
    (void)state;
    assert_int_equal(wt_send_bytes(&till, "\x05\xff\xff\xff\xff\xff", 6), 0);
    ends_with("bad_frame");
}

static void length_over_the_limit_is_a_bad_frame(void **state)
{
    (void)state;
    assert_int_equal(wt_send_bytes(&till, "\xff\xff\x7f", 3), 0);
    ends_with("bad_frame");
}

static void enrolment_of_more_than_a_request_is_a_bad_frame(void **state)
{
    (void)state;
    assert_int_equal(wt_dial(&till, "onecard-enroll/1"), 0);
    assert_int_equal(wt_send_bytes(&till, "\x80\x80\x01\x0a", 4), 0); /* 16 KiB are promised */
    assert_int_equal(wt_drain(&till, 5000), OC_ECLOSED);
    assert_string_equal(till.error, "bad_frame");
}

static void half_a_frame_is_silence(void **state)
{
    (void)state;
    assert_int_equal(wt_send_bytes(&till, "\x20\x0a", 2), 0);
    ends_with("silent");
}

static void message_before_hello_is_out_of_order(void **state)
{
    (void)state;
    assert_int_equal(wt_dial(&till, "onecard/1"), 0);
    assert_int_equal(beat(), 0);
    ends_with("bad_order");
}

static void hello_that_never_comes_is_silence(void **state)
{
    (void)state;
    assert_int_equal(wt_dial(&till, "onecard/1"), 0);
    ends_with("silent");
}

static void reader_never_told_is_an_error_about_the_request(void **state)
{
    pb_request r = ONECARD__TERMINAL__V1__REQUEST__INIT;
    pb_presentation p = ONECARD__TERMINAL__V1__PRESENTATION__INIT;
    pb_presentation_chip chip = ONECARD__TERMINAL__V1__PRESENTATION__CHIP__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    char service[] = "payment.purchase";
    (void)state;
    chip.reader = 3;
    p.what_case = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CHIP;
    p.chip = &chip;
    r.number = ++till.last_request;
    r.service = service;
    r.presentation = &p;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_REQUEST;
    m.request = &r;
    assert_int_equal(wt_send(&till, &m), 0);
    assert_int_equal(wt_wait(&till, r.number).outcome, -1);
    assert_string_equal(till.error, "unknown_reader");
    assert_false(till.fatal);
}

static void more_requests_than_agreed_are_an_error(void **state)
{
    struct wire_ask a = {.service = "payment.purchase", .amount = 100, .wait_ms = 2000}, b = a,
                    c = a;
    (void)state;
    assert_int_equal(wt_send_ask(&till, &a), 0);
    assert_int_equal(wt_send_ask(&till, &b), 0);
    assert_int_equal(wt_ask(&till, c).outcome, -1);
    assert_string_equal(till.error, "too_many_requests");
    assert_int_equal(till.error_number, till.last_request);
}

static void request_beyond_the_places_is_busy_and_served_later(void **state)
{
    struct wire_ask a = {.service = "payment.purchase", .amount = 100};
    (void)state;
    wt_insert(&till, site.card[0]);
    assert_int_equal(wt_send_ask(&till, &a), 0);
    do
        assert_int_equal(wt_next(&till, 3000), 0);
    while (till.m->message_case != (int)TO_TERMINAL_LIST); /* it is at work, and we keep it there */
    assert_int_equal(wt_connect(&other), 0);
    wt_insert(&other, site.card[1]);
    struct wire_ask b = a;
    b.number = 0;
    struct wire_result r = wt_ask(&other, b);
    assert_int_equal(r.outcome, -1);
    assert_true(other.busy_ms >= 100);
    wt_hang_up(&till);
    for (int i = 0; i < 20 && r.outcome < 0; i++) {
        (void)usleep(other.busy_ms * 1000);
        b.number = r.number = other.last_request;
        if (!other.stream)
            assert_int_equal(wt_connect(&other), 0);
        r = wt_ask(&other, b);
    }
    assert_int_equal(r.outcome, PB_POSTED);
}

static void connections_over_the_limit_are_closed(void **state)
{
    struct wire_terminal *more = calloc(12, sizeof *more);
    int refused = 0;
    (void)state;
    for (int i = 0; i < 12; i++) {
        wt_open(&more[i], &site, "till");
        more[i].key = till.key;
        more[i].cert = till.cert;
        refused += wt_dial(&more[i], "onecard/1") != 0;
    }
    for (int i = 0; i < 12; i++)
        wt_close(&more[i]);
    free(more);
    assert_true(refused >= 4);
}

/* Whoever says nothing has two minutes here. */
static void switch_that_ends_does_not_wait_for_who_says_nothing(void **state)
{
    assert_int_equal(close_site(state), 0);
    assert_int_equal(furnish("120s"), 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)serve_terminal_port(site.serve))};
    wt_hang_up(&till);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    (void)usleep(50000);
    int64_t began = clock_mono_ns(&clock_system);
    site_stop(&site);
    assert_true(clock_mono_ns(&clock_system) - began < 60000 * NS_PER_MS);
    (void)close(fd);
}

#define T(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(silent_terminal_is_cut),
        T(silent_connections_keep_nobody_out),
        T(heartbeat_is_answered_and_keeps_the_session),
        T(flooding_terminal_is_cut),
        T(garbage_is_a_bad_frame),
        T(length_over_the_limit_is_a_bad_frame),
        T(enrolment_of_more_than_a_request_is_a_bad_frame),
        T(half_a_frame_is_silence),
        T(message_before_hello_is_out_of_order),
        T(hello_that_never_comes_is_silence),
        T(reader_never_told_is_an_error_about_the_request),
        T(more_requests_than_agreed_are_an_error),
        T(request_beyond_the_places_is_busy_and_served_later),
        T(connections_over_the_limit_are_closed),
        T(enrolments_at_one_time_are_bounded_and_leave_sessions_alone),
        T(switch_that_ends_does_not_wait_for_who_says_nothing),
    };
    return cmocka_run_group_tests_name("limits", tests, open_site, close_site);
}
