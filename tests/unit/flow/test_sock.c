/* Streams over Unix and TCP sockets. */
#include "flow_test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG ((size_t)3 * 1024 * 1024)

static char dir[64];
static char path[128];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, ONECARD_SCRATCH "/onecard-sock-XXXXXX");
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

struct talk {
    struct sock_listener *listener;
    int port; /* 0: Unix */
    int server_rc, client_rc, after_close;
    uid_t uid;
    size_t echoed;
    bool same;
};

/* Sends back what it gets until the other end closes. */
CO_FN static int echo(void *arg)
{
    struct talk *t = arg;
    struct stream *s;
    char block[1024];
    size_t got;
    gid_t gid;
    pid_t pid;
    int rc = sock_co_accept(t->listener, flow_deadline_ms(5000), &s);
    if (rc)
        return t->server_rc = rc;
    if (!t->port)
        rc = sock_peer(sock_fd(s), &t->uid, &gid, &pid);
    while (rc == 0) {
        rc = stream_co_read(s, block, sizeof block, &got, flow_deadline_ms(5000));
        if (rc == 0) {
            t->echoed += got;
            rc = stream_co_write(s, block, got, flow_deadline_ms(5000));
        }
    }
    stream_close(&s);
    return t->server_rc = rc;
}

CO_FN static int dial(struct talk *t, struct stream **ret)
{
    if (t->port)
        return sock_co_connect_tcp("127.0.0.1", t->port, flow_deadline_ms(5000), ret);
    return sock_co_connect_unix(path, flow_deadline_ms(5000), ret);
}

CO_FN static int client(void *arg)
{
    struct talk *t = arg;
    struct stream *s;
    char in[6] = {0};
    int rc = dial(t, &s);
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = stream_co_write(s, "hello", 5, flow_deadline_ms(5000));
        if (rc == 0)
            rc = stream_co_read_full(s, in, 5, flow_deadline_ms(5000));
        t->same = memcmp(in, "hello", 5) == 0;
    }
    if (rc == 0)
        stream_close(&s);
    if (rc == 0)
        rc = flow_co_sleep_ms(5);
    return t->client_rc = rc;
}

static void echo_over(struct talk *t)
{
    struct loop *l = test_loop(NULL);
    if (t->port) {
        assert_int_equal(sock_listen_tcp(l, "127.0.0.1", 0, &t->listener), 0);
        t->port = sock_listener_port(t->listener);
        assert_true(t->port > 0);
    } else {
        assert_int_equal(sock_listen_unix(l, path, 0600, &t->listener), 0);
    }
    assert_int_equal(flow_start(l, "server", echo, t, NULL), 0);
    assert_int_equal(loop_run_flow(l, "client", client, t), 0);
    loop_stop(l, 1000);
    assert_int_equal(loop_run(l), 0);
    assert_int_equal(t->server_rc, OC_ECLOSED);
    assert_int_equal(t->echoed, 15);
    assert_true(t->same);
    sock_listener_close(&t->listener);
    loop_free(&l);
}

static void echo_over_unix_tells_the_peer_and_removes_its_file(void **state)
{
    struct talk t = {.uid = (uid_t)-1};
    struct stat st;
    (void)state;
    echo_over(&t);
    assert_int_equal(t.uid, getuid());
    assert_int_not_equal(stat(path, &st), 0);
}

static void echo_over_tcp(void **state)
{
    struct talk t = {.port = 1};
    (void)state;
    echo_over(&t);
}

CO_FN static int flood(void *arg)
{
    struct talk *t = arg;
    struct stream *s;
    unsigned char *out = arena_alloc(flow_arena(), BIG);
    int rc = out ? dial(t, &s) : OC_ENOMEM;
    if (rc)
        return rc;
    for (size_t i = 0; i < BIG; i++)
        out[i] = (unsigned char)(i * 31 >> 3);
    rc = stream_co_write(s, out, BIG, flow_deadline_ms(20000));
    stream_close(&s);
    return rc;
}

CO_FN static int drink(void *arg)
{
    struct talk *t = arg;
    struct stream *s;
    unsigned char *in = arena_alloc(flow_arena(), BIG);
    int rc = in ? sock_co_accept(t->listener, flow_deadline_ms(5000), &s) : OC_ENOMEM;
    if (rc)
        return t->server_rc = rc;
    rc = stream_co_read_full(s, in, BIG, flow_deadline_ms(20000));
    t->same = rc == 0;
    for (size_t i = 0; i < BIG && t->same; i++)
        t->same = in[i] == (unsigned char)(i * 31 >> 3);
    stream_close(&s);
    return t->server_rc = rc;
}

static void large_write_waits_for_the_reader_and_arrives_whole(void **state)
{
    struct loop *l = test_loop(NULL);
    struct talk t = {.server_rc = 1};
    (void)state;
    assert_int_equal(sock_listen_unix(l, path, 0600, &t.listener), 0);
    assert_int_equal(flow_start(l, "server", drink, &t, NULL), 0);
    assert_int_equal(loop_run_flow(l, "client", flood, &t), 0);
    loop_stop(l, 5000);
    assert_int_equal(loop_run(l), 0);
    assert_int_equal(t.server_rc, 0);
    assert_true(t.same);
    sock_listener_close(&t.listener);
    loop_free(&l);
}

CO_FN static int read_silence(void *arg)
{
    struct talk *t = arg;
    struct stream *s, *peer;
    char c;
    size_t got;
    int rc = dial(t, &s);
    if (rc)
        return rc;
    rc = sock_co_accept(t->listener, FLOW_FOREVER, &peer);
    t->client_rc = stream_co_read(s, &c, 1, &got, flow_deadline_ms(20));
    stream_close(&peer);
    t->after_close = stream_co_read(s, &c, 1, &got, flow_deadline_ms(2000));
    t->server_rc = sock_co_accept(t->listener, flow_deadline_ms(10), &peer);
    stream_close(&s);
    return rc;
}

static void silence_ends_at_the_deadline_and_a_closed_end_is_seen(void **state)
{
    struct loop *l = test_loop(NULL);
    struct talk t = {0};
    (void)state;
    assert_int_equal(sock_listen_unix(l, path, 0600, &t.listener), 0);
    assert_int_equal(loop_run_flow(l, "client", read_silence, &t), 0);
    assert_int_equal(t.client_rc, OC_ETIMEDOUT);
    assert_int_equal(t.after_close, OC_ECLOSED);
    assert_int_equal(t.server_rc, OC_ETIMEDOUT);
    sock_listener_close(&t.listener);
    loop_free(&l);
}

CO_FN static int accept_forever(void *arg)
{
    struct talk *t = arg;
    struct stream *s;
    return t->server_rc = sock_co_accept(t->listener, FLOW_FOREVER, &s);
}

CO_FN static int stop_listener(void *arg)
{
    struct talk *t = arg;
    int rc = flow_co_yield();
    sock_listener_stop(t->listener);
    return rc ? rc : flow_co_yield();
}

static void stopped_listener_ends_the_wait(void **state)
{
    struct loop *l = test_loop(NULL);
    struct talk t = {0};
    (void)state;
    assert_int_equal(sock_listen_unix(l, path, 0600, &t.listener), 0);
    assert_int_equal(flow_start(l, "server", accept_forever, &t, NULL), 0);
    assert_int_equal(loop_run_flow(l, "stop", stop_listener, &t), 0);
    loop_stop(l, 100);
    assert_int_equal(loop_run(l), 0);
    assert_int_equal(t.server_rc, OC_ECLOSED);
    sock_listener_close(&t.listener);
    loop_free(&l);
}

static void socket_file_left_behind_is_replaced_and_a_live_one_is_not(void **state)
{
    int fd, fd2;
    struct stat st;
    FILE *quiet = fopen("/dev/null", "w");
    (void)state;
    log_set_stream(quiet);
    assert_int_equal(sock_bind_unix(path, 0640, &fd), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(sock_bind_unix(path, 0600, &fd2), OC_EEXIST);
    (void)close(fd);
    assert_int_equal(sock_bind_unix(path, 0600, &fd2), 0);
    (void)close(fd2);
    (void)unlink(path);
    FILE *plain = fopen(path, "w");
    assert_non_null(plain);
    (void)fclose(plain);
    assert_int_equal(sock_bind_unix(path, 0600, &fd), OC_EEXIST);
    log_set_stream(NULL);
    (void)fclose(quiet);
}

CO_FN static int bad_addresses(void *arg)
{
    struct stream *s;
    int *rcs = arg;
    char longer[300];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    rcs[0] = sock_co_connect_tcp("localhost", 80, FLOW_FOREVER, &s);
    rcs[1] = sock_co_connect_tcp("127.0.0.1", 70000, FLOW_FOREVER, &s);
    rcs[2] = sock_co_connect_unix(longer, FLOW_FOREVER, &s);
    rcs[3] = sock_co_connect_unix("/nonexistent/socket", FLOW_FOREVER, &s);
    return 0;
}

static void bad_addresses_are_refused(void **state)
{
    struct loop *l = test_loop(NULL);
    int rcs[4] = {0};
    (void)state;
    assert_int_equal(loop_run_flow(l, "bad", bad_addresses, rcs), 0);
    assert_int_equal(rcs[0], OC_EINVAL);
    assert_int_equal(rcs[1], OC_EINVAL);
    assert_int_equal(rcs[2], OC_EINVAL);
    assert_int_equal(rcs[3], OC_ENOENT);
    loop_free(&l);
}

struct pause {
    struct sock_listener *listener;
    struct stream *here, *there;
    int first_rc, closed_rc;
    size_t got;
    char text[2][SOCK_PEER_TEXT], short_text[3][SOCK_PEER_TEXT], end_text[8];
};

CO_FN static int pause_and_go_on(void *arg)
{
    struct pause *p = arg;
    size_t got;
    int rc = sock_listen_tcp(flow_loop(), "127.0.0.1", 0, &p->listener);
    if (rc)
        return rc;
    sock_listener_pause(p->listener, true);
    rc = sock_co_connect_tcp("127.0.0.1", sock_listener_port(p->listener), flow_deadline_ms(1000),
                             &p->here);
    p->first_rc = sock_co_accept(p->listener, flow_deadline_ms(20), &p->there);
    sock_listener_pause(p->listener, false);
    if (rc == 0)
        rc = sock_co_accept(p->listener, flow_deadline_ms(1000), &p->there);
    if (rc)
        return rc;
    (void)sock_peer_text(sock_fd(p->here), p->text[0]);
    (void)sock_peer_text(sock_fd(p->there), p->text[1]);
    (void)sock_peer_text(-1, p->short_text[0]);
    /* Bytes and the end in one edge: both are seen, although the first read came up short. */
    rc = stream_co_write(p->here, "bye", 3, flow_deadline_ms(1000));
    stream_close(&p->here);
    if (rc == 0)
        rc = flow_co_sleep_ms(20);
    if (rc == 0)
        rc = stream_co_read(p->there, p->end_text, sizeof p->end_text, &p->got,
                            flow_deadline_ms(1000));
    p->closed_rc = stream_co_read(p->there, p->end_text + 4, 4, &got, flow_deadline_ms(1000));
    stream_close(&p->there);
    sock_listener_close(&p->listener);
    return rc;
}

static void paused_listener_takes_nothing_until_it_goes_on(void **state)
{
    struct pause p = {.first_rc = 1, .closed_rc = 1};
    (void)state;
    struct loop *l = test_loop(NULL);
    assert_int_equal(loop_run_flow(l, "pause", pause_and_go_on, &p), 0);
    loop_free(&l);
    assert_int_equal(p.first_rc, OC_ETIMEDOUT);
    assert_int_equal(strncmp(p.text[0], "127.0.0.1:", 10), 0);
    assert_int_equal(strncmp(p.text[1], "127.0.0.1:", 10), 0);
    assert_string_not_equal(p.text[0], p.text[1]);
    assert_string_equal(p.short_text[0], "?");
    assert_int_equal(p.got, 3);
    assert_int_equal(p.closed_rc, OC_ECLOSED);
}

/* Each message comes up short of the buffer, and none is missed for it. */
CO_FN static int late_writer(void *arg)
{
    struct pause *p = arg;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < 200; i++) {
        if (i % 3)
            rc = flow_co_yield();
        if (rc == 0)
            rc = stream_co_write(p->here, "abc", 1 + i % 3, flow_deadline_ms(1000));
    }
    return rc;
}

CO_FN static int short_reads(void *arg)
{
    struct pause *p = arg;
    char block[16];
    size_t total = 0, got;
    int rc = sock_listen_tcp(flow_loop(), "127.0.0.1", 0, &p->listener);
    if (rc == 0)
        rc = sock_co_connect_tcp("127.0.0.1", sock_listener_port(p->listener),
                                 flow_deadline_ms(1000), &p->here);
    if (rc == 0)
        rc = sock_co_accept(p->listener, flow_deadline_ms(1000), &p->there);
    if (rc == 0)
        rc = flow_start(flow_loop(), "writer", late_writer, p, NULL);
    while (rc == 0 && total < 399) {
        rc = stream_co_read(p->there, block, sizeof block, &got, flow_deadline_ms(1000));
        total += rc == 0 ? got : 0;
    }
    p->got = total;
    stream_close(&p->here);
    stream_close(&p->there);
    sock_listener_close(&p->listener);
    return rc;
}

static void short_reads_miss_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct pause p = {.first_rc = 1};
        struct loop *l =
            test_loop(&(struct loop_opts){.seed = seed, .always_yield = seed % 2 == 1});
        assert_int_equal(loop_run_flow(l, "short", short_reads, &p), 0);
        loop_free(&l);
        assert_int_equal(p.got, 399);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echo_over_unix_tells_the_peer_and_removes_its_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(echo_over_tcp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_write_waits_for_the_reader_and_arrives_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(silence_ends_at_the_deadline_and_a_closed_end_is_seen,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_listener_ends_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(socket_file_left_behind_is_replaced_and_a_live_one_is_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_addresses_are_refused, set_up, tear_down),
        cmocka_unit_test(paused_listener_takes_nothing_until_it_goes_on),
        cmocka_unit_test(short_reads_miss_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
