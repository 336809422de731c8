/* The store: what was said to be durable is there after a kill at any instant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "terminal/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
    unsigned open, doubt, done, total;
    uint64_t last;
    bool disorder;
};
static int note(void *arg, const struct store_row *row)
{
    struct seen *s = arg;
    s->open += row->state == STORE_OPEN;
    s->doubt += row->state == STORE_DOUBT;
    s->done += row->state == STORE_DONE;
    s->disorder = s->disorder || row->number <= s->last || row->frame_len != 4;
    s->last = row->number;
    s->total++;
    return 0;
}

struct rig {
    char dir[64], path[96];
    struct store *store;
    struct store_start start;
    struct seen seen;
    struct loop *loop;
    int rc;
};
static void rig_open(struct rig *r)
{
    ROLE_ENTER_WORKER();
    if (!r->dir[0]) {
        (void)snprintf(r->dir, sizeof r->dir, ONECARD_SCRATCH "/onecard-store-XXXXXX");
        assert_non_null(mkdtemp(r->dir));
        (void)snprintf(r->path, sizeof r->path, "%s/requests.db", r->dir);
    }
    memset(&r->seen, 0, sizeof r->seen);
    assert_int_equal(store_open(r->path, 100, note, &r->seen, &r->start, &r->store), 0);
    assert_int_equal(loop_new(&r->loop, NULL), 0);
}
static void rig_close(struct rig *r)
{
    ROLE_ENTER_WORKER();
    store_close(&r->store);
    loop_free(&r->loop);
}
static void rig_end(struct rig *r)
{
    char command[128];
    rig_close(r);
    (void)snprintf(command, sizeof command, "rm -rf %s", r->dir);
    assert_int_equal(system(command), 0);
}

static CO_FN int add(struct store *s, uint64_t number, const char *ref)
{
    static const uint8_t frame[4] = {3, 1, 2, 3};
    struct store_row row = {.number = number,
                            .frame = frame,
                            .frame_len = 4,
                            .amount_fen = 100,
                            .created_ms = 1,
                            .reader = 1};
    (void)snprintf(row.service, sizeof row.service, "payment.purchase");
    (void)snprintf(row.ref, sizeof row.ref, "%s", ref);
    return store_co_add(s, &row);
}

static void result(struct store *s, uint64_t number, enum store_state state, bool posted)
{
    struct store_result r = {.number = number,
                             .state = state,
                             .posted = posted,
                             .paid_fen = posted ? 100 : 0,
                             .ended_ms = 2};
    (void)snprintf(r.service, sizeof r.service, "payment.purchase");
    (void)snprintf(r.txn, sizeof r.txn, "T%llu", (unsigned long long)number);
    store_result(s, &r, "{\"outcome\":\"x\"}", 15);
}

static int fill(void *arg) CO_FN;
static int fill(void *arg)
{
    struct rig *r = arg;
    int rc = add(r->store, 1, "a");
    if (rc == 0)
        rc = add(r->store, 2, "");
    if (rc == 0)
        rc = add(r->store, 5, "");
    if (rc != 0)
        return rc;
    if (add(r->store, 5, "") != OC_EEXIST || add(r->store, 6, "a") != OC_EEXIST)
        return OC_EINTERNAL;
    result(r->store, 1, STORE_DONE, true);
    result(r->store, 2, STORE_DOUBT, false);
    return store_co_flush(r->store);
}
static void rows_and_answers_are_there_after_a_restart(void **state)
{
    struct rig r = {.dir = ""};
    (void)state;
    rig_open(&r);
    assert_int_equal(r.start.run, 1);
    assert_int_equal(loop_run_flow(r.loop, "t", fill, &r), 0);
    rig_close(&r);
    rig_open(&r);
    assert_int_equal(r.start.run, 2);
    assert_int_equal(r.start.last_number, 5);
    assert_int_equal(r.seen.open, 1);
    assert_int_equal(r.seen.doubt, 1);
    assert_int_equal(r.seen.done, 1);
    assert_false(r.seen.disorder);
    rig_end(&r);
}

static int settle(void *arg) CO_FN;
static int settle(void *arg)
{
    struct rig *r = arg;
    static struct store_total totals[STORE_TOTALS];
    struct store_row row;
    unsigned n = 0, doubts = 9;
    result(r->store, 2, STORE_DONE, true);
    result(r->store, 2, STORE_DOUBT, false); /* what is done stays done */
    int rc = store_co_totals(r->store, 1, 5, totals, &n, &doubts);
    if (rc != 0 || n != 1 || totals[0].count != 2 || totals[0].amount_fen != 200 || doubts != 1)
        return OC_EINTERNAL;
    rc = store_co_get(r->store, 0, "a", &row);
    if (rc != 0 || row.number != 1 || !row.result ||
        strcmp(row.result, "{\"outcome\":\"x\"}") != 0 || row.frame_len != 4)
        return OC_EINTERNAL;
    return store_co_get(r->store, 99, NULL, &row) == OC_ENOENT ? 0 : OC_EINTERNAL;
}
static void answered_rows_stay_answered_and_are_summed(void **state)
{
    struct rig r = {.dir = ""};
    (void)state;
    rig_open(&r);
    assert_int_equal(loop_run_flow(r.loop, "t", fill, &r), 0);
    assert_int_equal(loop_run_flow(r.loop, "t", settle, &r), 0);
    rig_end(&r);
}

static int many(void *arg) CO_FN;
static int many(void *arg)
{
    struct rig *r = arg;
    int rc = 0;
    for (uint64_t n = 1; rc == 0 && n <= 40; n++) {
        rc = add(r->store, n, "");
        if (n != 7)
            result(r->store, n, STORE_DONE, true);
    }
    return rc != 0 ? rc : store_co_prune(r->store, 10);
}
static void pruning_leaves_the_newest_and_everything_open(void **state)
{
    struct rig r = {.dir = ""};
    (void)state;
    rig_open(&r);
    assert_int_equal(loop_run_flow(r.loop, "t", many, &r), 0);
    rig_close(&r);
    rig_open(&r);
    assert_int_equal(r.seen.total, 11);
    assert_int_equal(r.seen.open, 1);
    assert_int_equal(r.start.last_number, 40);
    rig_end(&r);
}

/* A child adds rows and says each number when it was told that it is durable; it is killed in the
 * middle. */
struct child {
    struct rig *r;
    int fd;
};
static int add_for_ever(void *arg) CO_FN;
static int add_for_ever(void *arg)
{
    struct child *c = arg;
    int rc = 0;
    for (uint64_t n = c->r->start.last_number + 1; rc == 0; n++) {
        rc = add(c->r->store, n, "");
        if (rc == 0 && write(c->fd, &n, sizeof n) != sizeof n)
            rc = OC_EIO;
        result(c->r->store, n, n % 3 ? STORE_DONE : STORE_DOUBT, true);
    }
    return rc;
}

static uint64_t kill_after(struct rig *r, unsigned us)
{
    int fds[2];
    uint64_t last = 0, n;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct child c = {.r = r, .fd = fds[1]};
        (void)close(fds[0]);
        rig_open(r);
        _exit(loop_run_flow(r->loop, "child", add_for_ever, &c) == 0 ? 0 : 1);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &last, sizeof last), sizeof last); /* it works */
    (void)usleep(us);
    (void)kill(pid, SIGKILL);
    while (read(fds[0], &n, sizeof n) == sizeof n)
        last = n;
    (void)close(fds[0]);
    (void)waitpid(pid, NULL, 0);
    return last;
}
static void killed_at_any_instant_no_durable_number_is_forgotten(void **state)
{
    struct rig r = {.dir = ""};
    (void)state;
    rig_open(&r);
    rig_close(&r);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t said = kill_after(&r, 500 + i * 3700);
        rig_open(&r);
        assert_true(r.start.last_number >= said);
        assert_true(r.start.last_number <= said + 1);
        assert_false(r.seen.disorder);
        rig_close(&r);
    }
    rig_open(&r);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_answers_are_there_after_a_restart),
        cmocka_unit_test(answered_rows_stay_answered_and_are_summed),
        cmocka_unit_test(pruning_leaves_the_newest_and_everything_open),
        cmocka_unit_test(killed_at_any_instant_no_durable_number_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
