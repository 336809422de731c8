/* Replies that go on: they arrive piece by piece, wait for a slow client and end with a client that
 * goes. */
#include "flow_test.h"

#include <stdlib.h>
#include <unistd.h>

#define HEAD "Host: x\r\n\r\n"

static char dir[64];
static char path[128];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, ONECARD_SCRATCH "/onecard-httpst-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/h", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

struct site {
    struct loop *loop;
    struct http_server *server;
    int begin_rc, write_rc; /* how the stream went on; 1: not known yet */
    size_t written;
    unsigned served;
};

CO_FN static int say_twice(struct http_req *req, struct site *s, int64_t pause_ms)
{
    s->write_rc = http_stream_co_write(req, "data: one\n\n", 11, flow_deadline_ms(1000));
    int rc = flow_co_sleep_ms(pause_ms);
    if (rc)
        return rc;
    s->write_rc = http_stream_co_write(req, "data: two\n\n", 11, flow_deadline_ms(1000));
    return s->write_rc;
}

CO_FN static int say_much(struct http_req *req, struct site *s)
{
    static char block[16384];
    memset(block, 'x', sizeof block);
    while (s->written < (size_t)64 * 1024 * 1024) {
        s->write_rc = http_stream_co_write(req, block, sizeof block, flow_deadline_ms(300));
        if (s->write_rc)
            return s->write_rc;
        s->written += sizeof block;
    }
    return 0;
}

CO_FN static int say_until_gone(struct http_req *req, struct site *s)
{
    flow_set_background(true);
    while (s->write_rc == 1 || s->write_rc == 0) {
        s->write_rc = http_stream_co_write(req, ":\n", 2, flow_deadline_ms(1000));
        if (s->write_rc == 0)
            s->write_rc = flow_co_sleep_ms(60000);
    }
    return s->write_rc;
}

CO_FN static int handler(struct http_req *req, void *arg)
{
    struct site *s = arg;
    s->served++;
    if (strcmp(http_path(req), "/plain") == 0) {
        http_reply(req, 200, "text/plain", "plain", 5);
        return 0;
    }
    s->begin_rc = http_stream_begin(req, "text/event-stream");
    if (s->begin_rc)
        return s->begin_rc;
    if (strcmp(http_path(req), "/much") == 0)
        return say_much(req, s);
    if (strcmp(http_path(req), "/endless") == 0)
        return say_until_gone(req, s);
    int rc = say_twice(req, s, strcmp(http_path(req), "/slow") == 0 ? 2200 : 30);
    http_stream_end(req);
    return rc;
}

static void open_site(struct site *s)
{
    struct http_opts o = {.unix_path = path, .co_handler = handler, .arg = s, .timeout_s = 1};
    *s = (struct site){.loop = test_loop(NULL), .begin_rc = 1, .write_rc = 1};
    assert_int_equal(http_server_open(s->loop, &o, &s->server), 0);
}

static void close_site(struct site *s)
{
    loop_stop(s->loop, 500);
    assert_int_equal(loop_run(s->loop), 0);
    http_server_close(&s->server);
    loop_free(&s->loop);
}

struct call {
    const char *text;
    int64_t hang_up_ms; /* closes after so long without reading; 0: reads to the end */
    char answer[700];
    unsigned reads;
};

CO_FN static int call(void *arg)
{
    struct call *c = arg;
    struct stream *s;
    size_t got = 0, at = 0;
    int rc = sock_co_connect_unix(path, flow_deadline_ms(1000), &s);
    if (rc)
        return rc;
    rc = stream_co_write(s, c->text, strlen(c->text), flow_deadline_ms(1000));
    if (rc == 0 && c->hang_up_ms)
        rc = flow_co_sleep_ms(c->hang_up_ms);
    while (rc == 0 && !c->hang_up_ms && at < sizeof c->answer - 1) {
        rc = stream_co_read(s, c->answer + at, sizeof c->answer - 1 - at, &got,
                            flow_deadline_ms(5000));
        at += rc == 0 ? got : 0;
        c->reads++;
    }
    stream_close(&s);
    return rc == OC_ECLOSED ? 0 : rc;
}

CO_FN static int rest(void *arg)
{
    (void)arg;
    return flow_co_sleep_ms(100);
}

static void events_arrive_when_they_are_written(void **state)
{
    struct site s;
    struct call c = {.text = "GET /events HTTP/1.1\r\n" HEAD};
    (void)state;
    open_site(&s);
    assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
    assert_int_equal(s.write_rc, 0);
    assert_non_null(strstr(c.answer, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(c.answer, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(c.answer, "b\r\ndata: one\n\n\r\n"));
    assert_non_null(strstr(c.answer, "b\r\ndata: two\n\n\r\n0\r\n\r\n"));
    assert_true(c.reads >= 3);
    close_site(&s);
}

static void client_of_http_1_0_gets_no_chunks(void **state)
{
    struct site s;
    struct call c = {.text = "GET /events HTTP/1.0\r\n\r\n"};
    (void)state;
    open_site(&s);
    assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
    assert_non_null(strstr(c.answer, "\r\n\r\ndata: one\n\ndata: two\n\n"));
    close_site(&s);
}

static void client_that_only_listens_is_not_timed_out(void **state)
{
    struct site s;
    struct call c = {.text = "GET /slow HTTP/1.1\r\n" HEAD};
    (void)state;
    open_site(&s);
    assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
    assert_non_null(strstr(c.answer, "data: two\n\n"));
    close_site(&s);
}

static void client_that_goes_cancels_the_stream(void **state)
{
    struct site s;
    struct call c = {.text = "GET /endless HTTP/1.1\r\n" HEAD, .hang_up_ms = 30};
    struct call plain = {.text = "GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"};
    (void)state;
    open_site(&s);
    assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
    assert_int_equal(loop_run_flow(s.loop, "rest", rest, NULL), 0);
    assert_int_equal(s.write_rc, OC_ECANCELED);
    assert_int_equal(loop_flows(s.loop), 0);
    assert_int_equal(loop_run_flow(s.loop, "plain", call, &plain), 0);
    assert_non_null(strstr(plain.answer, "plain"));
    close_site(&s);
}

static void slow_client_is_waited_for_and_bounds_what_is_kept(void **state)
{
    struct site s;
    struct call c = {.text = "GET /much HTTP/1.1\r\n" HEAD, .hang_up_ms = 600};
    (void)state;
    open_site(&s);
    FILE *quiet = fopen("/dev/null", "w");
    log_set_stream(quiet);
    assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
    assert_int_equal(loop_run_flow(s.loop, "rest", rest, NULL), 0);
    log_set_stream(NULL);
    (void)fclose(quiet);
    assert_int_equal(s.write_rc, OC_ETIMEDOUT);
    assert_true(s.written > 0 && s.written < (size_t)2 * 1024 * 1024);
    close_site(&s);
}

CO_FN static int stop_soon(void *arg)
{
    struct site *s = arg;
    int rc = flow_co_sleep_ms(50);
    loop_stop(s->loop, 2000);
    return rc;
}

static void endless_stream_ends_with_the_loop(void **state)
{
    struct site s;
    struct call c = {.text = "GET /endless HTTP/1.1\r\n" HEAD};
    (void)state;
    open_site(&s);
    assert_int_equal(flow_start(s.loop, "call", call, &c, NULL), 0);
    assert_int_equal(flow_start(s.loop, "stop", stop_soon, &s, NULL), 0);
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.write_rc, OC_ECANCELED);
    assert_non_null(strstr(c.answer, "0\r\n\r\n")); /* told its end */
    http_server_close(&s.server);
    loop_free(&s.loop);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(events_arrive_when_they_are_written),
        T(client_of_http_1_0_gets_no_chunks),
        T(client_that_only_listens_is_not_timed_out),
        T(client_that_goes_cancels_the_stream),
        T(slow_client_is_waited_for_and_bounds_what_is_kept),
        T(endless_stream_ends_with_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
