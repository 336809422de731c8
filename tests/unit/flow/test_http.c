/* The HTTP server, asked by raw bytes over its sockets from flows of the same loop. */
#include "flow_test.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64];
static char path[128];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, ONECARD_SCRATCH "/onecard-http-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/s", dir);
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
    bool deny;
    int slow_rc; /* how the sleep of /slow ended; 1: has not */
    bool saw_gone;
};

CO_FN static int slow(struct http_req *req, struct site *site)
{
    http_cancel_when_gone(req);
    site->slow_rc = 2;
    site->slow_rc = flow_co_sleep_ms(300);
    site->saw_gone = http_gone(req);
    if (site->slow_rc)
        return site->slow_rc;
    http_reply(req, 200, "text/plain", "slow", 4);
    return 0;
}

CO_FN static int handler(struct http_req *req, void *arg)
{
    char out[1024];
    size_t len;
    const char *body = http_body(req, &len);
    const char *name = http_query(req, "name"), *header = http_header(req, "x-test");
    if (strcmp(http_path(req), "/slow") == 0)
        return slow(req, arg);
    if (strcmp(http_path(req), "/silent") == 0)
        return OC_EIO;
    int n = snprintf(out, sizeof out, "%s %s name=%s x=%s body=%zu:%.20s uid=%d pid=%d",
                     http_method(req), http_path(req), name ? name : "-", header ? header : "-",
                     len, body, (int)http_peer_uid(req), http_peer_pid(req) == getpid());
    int rc = http_reply_header(req, "X-Reply", "yes");
    if (rc == 0 && http_reply_header(req, "X-Bad", "a\r\nb") != OC_EINVAL)
        rc = OC_EINTERNAL;
    http_reply(req, 200, "text/plain", out, (size_t)n);
    return rc;
}

static bool allow(void *arg, uid_t uid, gid_t gid)
{
    const struct site *s = arg;
    (void)gid;
    return !s->deny && uid == getuid();
}

static void open_site(struct site *s, struct http_opts o)
{
    *s = (struct site){.loop = test_loop(NULL), .slow_rc = 1};
    o.co_handler = handler;
    o.allow = allow;
    o.arg = s;
    o.unix_path = o.unix_path ? o.unix_path : path;
    assert_int_equal(http_server_open(s->loop, &o, &s->server), 0);
}

static void close_site(struct site *s)
{
    struct stat st;
    loop_stop(s->loop, 3000);
    assert_int_equal(loop_run(s->loop), 0);
    http_server_close(&s->server);
    loop_free(&s->loop);
    assert_int_not_equal(stat(path, &st), 0);
}

struct call {
    const char *text;
    int port;           /* 0: Unix */
    int64_t hang_up_ms; /* closes after so long without reading */
    char answer[4096];
};

CO_FN static int call(void *arg)
{
    struct call *c = arg;
    struct stream *s;
    size_t got = 0, at = 0;
    int64_t deadline = flow_deadline_ms(5000);
    int rc = c->port ? sock_co_connect_tcp("127.0.0.1", c->port, deadline, &s)
                     : sock_co_connect_unix(path, deadline, &s);
    if (rc)
        return rc;
    rc = stream_co_write(s, c->text, strlen(c->text), deadline);
    if (rc == 0 && c->hang_up_ms)
        rc = flow_co_sleep_ms(c->hang_up_ms);
    while (rc == 0 && !c->hang_up_ms && at < sizeof c->answer - 1) {
        rc = stream_co_read(s, c->answer + at, sizeof c->answer - 1 - at, &got, deadline);
        at += rc == 0 ? got : 0;
    }
    stream_close(&s);
    return rc == OC_ECLOSED ? 0 : rc;
}

static struct call *ask(struct site *s, const char *text)
{
    static struct call c;
    c = (struct call){.text = text};
    assert_int_equal(loop_run_flow(s->loop, "call", call, &c), 0);
    return &c;
}

#define CLOSE "Host: x\r\nConnection: close\r\n"

static void assert_has(const struct call *c, const char *part)
{
    if (!strstr(c->answer, part))
        fail_msg("'%s' is not in: %s", part, c->answer);
}

static void request_is_told_decoded_and_with_its_peer(void **state)
{
    struct site s;
    char expected[64];
    (void)state;
    open_site(&s, (struct http_opts){0});
    struct call *c = ask(&s, "POST /a//./b%20c/?name=%E5%8D%A1+x&z=1 HTTP/1.1\r\n" CLOSE
                             "X-Test: one\r\nContent-Length: 5\r\n\r\nhello");
    assert_has(c, "HTTP/1.1 200 OK\r\n");
    assert_has(c, "X-Reply: yes\r\n");
    assert_has(c, "Content-Type: text/plain\r\n");
    assert_has(c, "POST /a/b c name=卡 x x=one body=5:hello");
    (void)snprintf(expected, sizeof expected, "uid=%d pid=1", (int)getuid());
    assert_has(c, expected);
    close_site(&s);
}

static void root_and_missing_parts(void **state)
{
    struct site s;
    (void)state;
    open_site(&s, (struct http_opts){0});
    assert_has(ask(&s, "GET / HTTP/1.1\r\n" CLOSE "\r\n"), "GET / name=- x=- body=0: ");
    close_site(&s);
}

static void malformed_targets_are_refused(void **state)
{
    struct site s;
    (void)state;
    open_site(&s, (struct http_opts){0});
    assert_has(ask(&s, "GET /a/../b HTTP/1.1\r\n" CLOSE "\r\n"), " 400 ");
    assert_has(ask(&s, "GET /a%00b HTTP/1.1\r\n" CLOSE "\r\n"), " 400 ");
    assert_has(ask(&s, "GET /%2e%2e/b HTTP/1.1\r\n" CLOSE "\r\n"), " 400 ");
    assert_has(ask(&s, "GET //a/b HTTP/1.1\r\n" CLOSE "\r\n"), " 400 ");
    assert_has(ask(&s, "nonsense\r\n\r\n"), " 400 ");
    close_site(&s);
}

static void peer_that_is_not_allowed_gets_403(void **state)
{
    struct site s;
    (void)state;
    open_site(&s, (struct http_opts){0});
    s.deny = true;
    struct call *c = ask(&s, "GET / HTTP/1.1\r\n" CLOSE "\r\n");
    assert_has(c, " 403 ");
    assert_has(c, "{\"error\":\"forbidden\"");
    close_site(&s);
}

static void handler_without_reply_is_500(void **state)
{
    struct site s;
    (void)state;
    open_site(&s, (struct http_opts){0});
    log_set_level(LOG_ERROR);
    assert_has(ask(&s, "GET /silent HTTP/1.1\r\n" CLOSE "\r\n"), " 500 ");
    log_set_level(LOG_WARN);
    close_site(&s);
}

static void body_over_the_limit_is_refused(void **state)
{
    struct site s;
    (void)state;
    open_site(&s, (struct http_opts){.max_body = 100});
    static char text[600000];
    int n =
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" CLOSE "Content-Length: 500000\r\n\r\n");
    memset(text + n, 'a', 500000); /* more than lies in a socket: it is read before the answer */
    assert_has(ask(&s, text), " 413 ");
    close_site(&s);
}

static void request_beyond_the_limit_is_told_to_come_again(void **state)
{
    struct site s;
    static struct call first;
    (void)state;
    first = (struct call){.text = "GET /slow HTTP/1.1\r\n" CLOSE "\r\n"};
    open_site(&s, (struct http_opts){.max_requests = 1});
    assert_int_equal(flow_start(s.loop, "first", call, &first, NULL), 0);
    static struct call waited;
    waited = (struct call){.text = "GET /", .hang_up_ms = 50};
    assert_int_equal(loop_run_flow(s.loop, "wait", call, &waited), 0);
    struct call *c = ask(&s, "GET / HTTP/1.1\r\n" CLOSE "\r\n");
    assert_has(c, " 503 ");
    assert_has(c, "Retry-After: 1");
    close_site(&s);
    assert_has(&first, "slow"); /* draining waited for it */
    assert_int_equal(s.slow_rc, 0);
}

static void client_that_hangs_up_cancels_its_flow(void **state)
{
    struct site s;
    static struct call c;
    (void)state;
    c = (struct call){.text = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", .hang_up_ms = 40};
    open_site(&s, (struct http_opts){0});
    assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
    assert_int_equal(s.slow_rc, 2);
    assert_has(ask(&s, "GET / HTTP/1.1\r\n" CLOSE "\r\n"), " 200 ");
    assert_int_equal(s.slow_rc, OC_ECANCELED);
    assert_true(s.saw_gone);
    close_site(&s);
}

static void connection_serves_one_request_after_the_other(void **state)
{
    struct site s;
    (void)state;
    open_site(&s, (struct http_opts){0});
    struct call *c =
        ask(&s, "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\n" CLOSE "\r\n");
    assert_has(c, "GET /one");
    assert_has(c, "GET /two");
    close_site(&s);
}

static void tcp_is_refused_unless_allowed(void **state)
{
    struct site s;
    (void)state;
    for (int ok = 0; ok <= 1; ok++) {
        static struct call c;
        open_site(&s, (struct http_opts){.tcp_addr = "127.0.0.1", .allow_tcp = ok == 1});
        c = (struct call){.text = "GET /t HTTP/1.1\r\n" CLOSE "\r\n",
                          .port = http_server_port(s.server)};
        assert_true(c.port > 0);
        assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
        assert_has(&c, ok ? "GET /t name=- x=- body=0: uid=-1 pid=0" : " 403 ");
        close_site(&s);
    }
}

static void second_server_at_the_same_place_is_refused(void **state)
{
    struct site s;
    struct http_server *second = NULL;
    struct http_opts o = {.unix_path = path, .co_handler = handler};
    (void)state;
    open_site(&s, (struct http_opts){0});
    FILE *quiet = fopen("/dev/null", "w");
    log_set_stream(quiet);
    assert_int_equal(http_server_open(s.loop, &o, &second), OC_EEXIST);
    log_set_stream(NULL);
    (void)fclose(quiet);
    assert_null(second);
    assert_has(ask(&s, "GET / HTTP/1.1\r\n" CLOSE "\r\n"), " 200 ");
    close_site(&s);
}

CO_FN static int close_server(void *arg)
{
    struct site *s = arg;
    int rc = flow_co_sleep_ms(50);
    http_server_close(&s->server);
    return rc;
}

static void server_closed_while_a_request_runs_still_answers_it(void **state)
{
    struct site s;
    static struct call c;
    (void)state;
    c = (struct call){.text = "GET /slow HTTP/1.1\r\n" CLOSE "\r\n"};
    open_site(&s, (struct http_opts){0});
    assert_int_equal(flow_start(s.loop, "close", close_server, &s, NULL), 0);
    assert_int_equal(loop_run_flow(s.loop, "call", call, &c), 0);
    assert_has(&c, "slow");
    close_site(&s);
}

struct shortage {
    char answer[512];
    ssize_t early, late; /* what the client got while none was free, and after */
};

CO_FN static int call_without_descriptors(void *arg)
{
    static const char text[] = "GET / HTTP/1.1\r\n" CLOSE "\r\n";
    struct shortage *t = arg;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct rlimit old, none;
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) ||
        write(fd, text, sizeof text - 1) < 0 || getrlimit(RLIMIT_NOFILE, &old))
        return OC_EIO;
    none = old;
    none.rlim_cur = 3; /* what is open stays open */
    (void)setrlimit(RLIMIT_NOFILE, &none);
    int rc = flow_co_sleep_ms(1500);
    t->early = recv(fd, t->answer, sizeof t->answer - 1, MSG_DONTWAIT);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    t->late = -1;
    for (unsigned i = 0; rc == 0 && i < 30 && t->late < 0; i++) {
        rc = flow_co_sleep_ms(100);
        t->late = recv(fd, t->answer, sizeof t->answer - 1, MSG_DONTWAIT);
    }
    (void)close(fd);
    return rc;
}

static void lack_of_descriptors_is_told_once_and_waited_for(void **state)
{
    struct site s;
    struct shortage t = {0};
    char *text = NULL;
    size_t len = 0;
    (void)state;
    open_site(&s, (struct http_opts){0});
    FILE *lines = open_memstream(&text, &len);
    log_set_stream(lines);
    int rc = loop_run_flow(s.loop, "call", call_without_descriptors, &t);
    log_set_stream(NULL);
    (void)fclose(lines);
    unsigned n = 0;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        n++;
    free(text);
    assert_int_equal(rc, 0);
    assert_int_equal(t.early, -1);
    assert_true(t.late > 0);
    assert_non_null(strstr(t.answer, " 200 "));
    assert_int_equal(n, 1);
    close_site(&s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(request_is_told_decoded_and_with_its_peer),
        T(root_and_missing_parts),
        T(malformed_targets_are_refused),
        T(peer_that_is_not_allowed_gets_403),
        T(handler_without_reply_is_500),
        T(body_over_the_limit_is_refused),
        T(request_beyond_the_limit_is_told_to_come_again),
        T(client_that_hangs_up_cancels_its_flow),
        T(connection_serves_one_request_after_the_other),
        T(tcp_is_refused_unless_allowed),
        T(second_server_at_the_same_place_is_refused),
        T(server_closed_while_a_request_runs_still_answers_it),
        T(lack_of_descriptors_is_told_once_and_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
