/* Watches for others' event machines. */
#include "flow_test.h"

#include <sys/socket.h>
#include <unistd.h>

struct seen {
    struct loop *loop;
    struct loop_fd *watch;
    struct loop_alarm *alarm;
    unsigned reads, writes, rings;
    bool in_flow;
    struct flow_cond cond;
};

static void on_ready(void *arg, int fd, bool can_read, bool can_write)
{
    struct seen *s = arg;
    char c;
    s->in_flow |= flow_self() != NULL;
    if (can_write) {
        s->writes++;
        if (loop_fd_set(s->watch, true, false) != 0)
            s->writes = 999;
    }
    if (can_read && read(fd, &c, 1) == 1) {
        s->reads++;
        loop_fd_free(&s->watch);
        flow_cond_signal(&s->cond);
    }
}

static int writer(void *arg) CO_FN;
static int writer(void *arg)
{
    const int *fd = arg;
    int rc = flow_co_sleep_ms(5);
    return rc != 0 ? rc : write(*fd, "x", 1) == 1 ? 0 : OC_EIO;
}

static int waiter(void *arg) CO_FN;
static int waiter(void *arg)
{
    struct seen *s = arg;
    return flow_co_wait(&s->cond, flow_deadline_ms(5000));
}

static void watch_tells_what_it_is_set_to_and_may_free_itself(void **state)
{
    int fd[2];
    struct seen s = {.loop = test_loop(NULL)};
    (void)state;
    flow_cond_init(&s.cond);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    struct loop_fd_opts o = {.fd = fd[0], .write = true, .ready = on_ready, .arg = &s};
    assert_int_equal(loop_fd_new(s.loop, &o, &s.watch), 0);
    assert_int_equal(flow_start(s.loop, "writer", writer, &fd[1], NULL), 0);
    assert_int_equal(loop_run_flow(s.loop, "waiter", waiter, &s), 0);
    assert_int_equal(s.writes, 1);
    assert_int_equal(s.reads, 1);
    assert_false(s.in_flow);
    assert_null(s.watch);
    flow_cond_fini(&s.cond);
    loop_free(&s.loop);
    (void)close(fd[0]);
    (void)close(fd[1]);
}

static void on_ring(void *arg)
{
    struct seen *s = arg;
    s->in_flow |= flow_self() != NULL;
    if (++s->rings < 3)
        loop_alarm_set(s->alarm, s->rings == 1 ? 0 : 3);
    else
        flow_cond_signal(&s->cond);
}

static void alarm_rings_once_each_time_it_is_set(void **state)
{
    struct seen s = {.loop = test_loop(NULL)};
    (void)state;
    flow_cond_init(&s.cond);
    assert_int_equal(loop_alarm_new(s.loop, on_ring, &s, &s.alarm), 0);
    loop_alarm_set(s.alarm, 1);
    assert_int_equal(loop_run_flow(s.loop, "waiter", waiter, &s), 0);
    assert_int_equal(s.rings, 3);
    assert_false(s.in_flow);
    loop_alarm_set(s.alarm, 1000);
    loop_alarm_set(s.alarm, -1);
    loop_alarm_free(&s.alarm);
    flow_cond_fini(&s.cond);
    loop_free(&s.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch_tells_what_it_is_set_to_and_may_free_itself),
        cmocka_unit_test(alarm_rings_once_each_time_it_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
