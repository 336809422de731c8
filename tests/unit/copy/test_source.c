/* The daemon's side, spoken to by hand: who may follow, what is sent, what is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "copy/internal.h"
#include "ledger_fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct ledger_fixture f;
    struct copy_source *source;
    struct metrics *metrics;
    char path[160], copy_path[160];
    struct ledger_copy *copy;
    struct hello hello;
    struct buf in;
    enum copy_kind kind;
    int rc;
    struct copy_state rows[COPY_PEERS];
    unsigned n;
    bool waits;
};

static void quiet(void)
{
    static FILE *null;
    if (!null)
        null = fopen("/dev/null", "w");
    log_set_stream(null);
}

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = calloc(1, sizeof *t);
    if (!t)
        return -1;
    *state = t;
    quiet();
    buf_init(&t->in, COPY_MESSAGE_MAX);
    t->metrics = metrics_new();
    int rc = fixture_open(&t->f);
    (void)fixture_path(&t->f, "copy.sock", t->path);
    (void)fixture_path(&t->f, "copy.db", t->copy_path);
    const struct copy_source_opts o = {.loop = t->f.loop,
                                       .ledger = t->f.l,
                                       .metrics = t->metrics,
                                       .socket = t->path,
                                       .wait_ms = 2000};
    if (!rc)
        rc = copy_source_new(&o, &t->source);
    if (!rc)
        rc = copy_source_start(t->source);
    (void)snprintf(t->hello.name, sizeof t->hello.name, "one");
    return rc ? rc : fixture_busy_day(&t->f);
}

static CO_FN int settle_down(void *arg)
{
    struct stage *t = arg;
    copy_source_stop(t->source);
    loop_stop(t->f.loop, 0);
    return 0;
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    struct flow *f = NULL;
    int rc = flow_start(t->f.loop, "end", settle_down, t, &f);
    if (!rc)
        rc = loop_run(t->f.loop);
    flow_put(f);
    log_set_stream(NULL);
    copy_source_free(&t->source);
    ledger_copy_close(&t->copy);
    fixture_close(&t->f);
    metrics_free(&t->metrics);
    buf_fini(&t->in);
    free(t);
    return rc;
}

/* ---- a follower by hand ---- */

static CO_FN int connect_and_greet(struct stage *t, struct stream **ret)
{
    struct buf b;
    buf_init(&b, COPY_SMALL_MAX);
    int rc = sock_co_connect_unix(t->path, flow_deadline_ms(2000), ret);
    if (!rc) {
        hello_put(&b, &t->hello);
        rc = message_co_write(*ret, &b);
    }
    buf_fini(&b);
    return rc;
}

static CO_FN int acknowledge(struct stream *s, int64_t row)
{
    struct buf b;
    buf_init(&b, COPY_SMALL_MAX);
    message_begin(&b, COPY_ACK);
    buf_put_u64(&b, (uint64_t)row);
    message_end(&b);
    int rc = message_co_write(s, &b);
    buf_fini(&b);
    return rc;
}

/* The first message that is no beat. */
static CO_FN int next_message(struct stage *t, struct stream *s)
{
    int rc;
    do
        rc = message_co_read(s, COPY_MESSAGE_MAX, &t->in, &t->kind);
    while (!rc && t->kind == COPY_BEAT);
    return rc;
}

static CO_FN int first_answer(void *arg)
{
    struct stage *t = arg;
    struct stream *s = NULL;
    int rc = connect_and_greet(t, &s);
    if (!rc)
        rc = next_message(t, s);
    stream_close(&s);
    return rc;
}

static CO_FN int follow_once(void *arg)
{
    struct stage *t = arg;
    struct stream *s = NULL;
    uint8_t mac[32];
    ROLE_ENTER_WORKER(); /* the copy is applied on the loop here: nothing else is at work */
    int rc = connect_and_greet(t, &s);
    if (!rc)
        rc = next_message(t, s);
    if (!rc)
        rc = t->kind == COPY_WELCOME ? next_message(t, s) : OC_EPERM;
    if (!rc)
        rc = t->kind == COPY_BUNDLE ? 0 : OC_EPARSE;
    if (!rc)
        rc = ledger_copy_apply(t->copy, t->in.data + t->in.pos + 8, t->in.len - t->in.pos - 8);
    if (!rc)
        rc = acknowledge(s, ledger_copy_head(t->copy, mac));
    if (!rc)
        rc = flow_co_sleep_ms(100);
    t->n = copy_source_list(t->source, t->rows);
    t->waits = ledger_copy_waits(t->f.l);
    stream_close(&s);
    return rc ? rc : flow_co_sleep_ms(100);
}

static void new_copy_gets_every_row_and_answers_wait_while_it_is_near(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    uint8_t mac[32];
    struct ledger_stats st;
    assert_int_equal(ledger_copy_open(t->copy_path, t->f.key, &t->copy), 0);
    assert_int_equal(fixture_flow(&t->f, follow_once, t), 0);
    ledger_stats(t->f.l, &st);
    assert_int_equal(ledger_copy_head(t->copy, mac), st.journal_seq);
    assert_int_equal(t->n, 1);
    assert_string_equal(t->rows[0].name, "one");
    assert_true(t->rows[0].connected);
    assert_int_equal(t->rows[0].row, st.journal_seq);
    assert_int_equal(t->rows[0].behind_rows, 0);
    assert_true(t->waits);
    /* Gone: nobody waits, and that it was here is remembered. */
    assert_false(ledger_copy_waits(t->f.l));
    assert_int_equal(copy_source_list(t->source, t->rows), 1);
    assert_false(t->rows[0].connected);
}

static CO_FN int connect_and_look(void *arg)
{
    struct stage *t = arg;
    struct stream *s = NULL;
    int rc = connect_and_greet(t, &s);
    if (!rc)
        rc = next_message(t, s);
    if (!rc)
        rc = flow_co_sleep_ms(100);
    t->n = copy_source_list(t->source, t->rows);
    stream_close(&s);
    return rc ? rc : flow_co_sleep_ms(100);
}

/* Its file was moved away: under the old name it has nothing. */
static void copy_that_begins_anew_is_told_as_far_as_it_is(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    struct ledger_stats st;
    assert_int_equal(ledger_copy_open(t->copy_path, t->f.key, &t->copy), 0);
    assert_int_equal(fixture_flow(&t->f, follow_once, t), 0);
    assert_int_equal(t->rows[0].behind_rows, 0);
    assert_int_equal(t->hello.row, 0);
    assert_int_equal(fixture_flow(&t->f, connect_and_look, t), 0);
    ledger_stats(t->f.l, &st);
    assert_int_equal(t->n, 1);
    assert_int_equal(t->rows[0].row, 0);
    assert_int_equal(t->rows[0].behind_rows, st.journal_seq);
    assert_true(t->rows[0].behind_ms > 0);
}

static void copy_of_another_past_is_sent_away_and_told_why(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    t->hello.row = 3;
    memset(t->hello.mac, 7, sizeof t->hello.mac);
    assert_int_equal(fixture_flow(&t->f, first_answer, t), 0);
    assert_int_equal(t->kind, COPY_REFUSED);
    t->hello.row = 1000000;
    assert_int_equal(fixture_flow(&t->f, first_answer, t), 0);
    assert_int_equal(t->kind, COPY_REFUSED);
    assert_int_equal(copy_source_list(t->source, t->rows), 0);
}

static CO_FN int says_nonsense(void *arg)
{
    struct stage *t = arg;
    static const uint8_t nonsense[] = {0, 0, 0, 40, COPY_HELLO, 1, 31, 'a', 'b'};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, COPY_HELLO};
    struct stream *s = NULL;
    for (int i = 0; i < 2; i++) {
        int rc = sock_co_connect_unix(t->path, flow_deadline_ms(2000), &s);
        if (!rc)
            rc = stream_co_write(s, i ? huge : nonsense, i ? sizeof huge : sizeof nonsense,
                                 flow_deadline_ms(1000));
        if (!rc && i == 0) { /* the rest of its 40 bytes: no name, no row */
            uint8_t rest[36] = {0};
            rc = stream_co_write(s, rest, sizeof rest, flow_deadline_ms(1000));
        }
        if (!rc)
            t->rc = message_co_read(s, COPY_SMALL_MAX, &t->in, &t->kind);
        stream_close(&s);
        if (rc || t->rc != OC_ECLOSED)
            return rc ? rc : OC_EINTERNAL;
    }
    return 0;
}

static void nonsense_ends_the_connection(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    assert_int_equal(fixture_flow(&t->f, says_nonsense, t), 0);
}

static CO_FN int acknowledges_too_much(void *arg)
{
    struct stage *t = arg;
    struct stream *s = NULL;
    int rc = connect_and_greet(t, &s);
    if (!rc)
        rc = next_message(t, s);
    if (!rc)
        rc = next_message(t, s);
    if (!rc)
        rc = acknowledge(s, 1000000);
    while (!rc)
        rc = next_message(t, s);
    stream_close(&s);
    return rc;
}

static void row_that_was_never_sent_is_not_believed(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    assert_int_equal(fixture_flow(&t->f, acknowledges_too_much, t), OC_ECLOSED);
    assert_false(ledger_copy_waits(t->f.l));
}

static CO_FN int connects_twice(void *arg)
{
    struct stage *t = arg;
    struct stream *first = NULL, *second = NULL;
    int rc = connect_and_greet(t, &first);
    if (!rc)
        rc = next_message(t, first);
    if (!rc)
        rc = connect_and_greet(t, &second);
    if (!rc)
        rc = next_message(t, second);
    if (!rc && t->kind != COPY_WELCOME)
        rc = OC_EPERM;
    for (t->rc = 0; !rc && !t->rc;)
        t->rc = next_message(t, first);
    t->n = copy_source_list(t->source, t->rows);
    stream_close(&first);
    stream_close(&second);
    return rc;
}

static void newer_connection_of_a_name_wins(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    assert_int_equal(fixture_flow(&t->f, connects_twice, t), 0);
    assert_int_equal(t->rc, OC_ECLOSED);
    assert_int_equal(t->n, 1);
}

static CO_FN int five_connect(void *arg)
{
    struct stage *t = arg;
    struct stream *s[COPY_PEERS + 1] = {NULL};
    int rc = 0;
    for (unsigned i = 0; i <= COPY_PEERS && !rc; i++) {
        (void)snprintf(t->hello.name, sizeof t->hello.name, "c%u", i);
        rc = connect_and_greet(t, &s[i]);
        if (!rc)
            rc = next_message(t, s[i]);
    }
    for (unsigned i = 0; i <= COPY_PEERS; i++)
        stream_close(&s[i]);
    return rc;
}

static void fifth_copy_is_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct stage *t = *state;
    assert_int_equal(fixture_flow(&t->f, five_connect, t), 0);
    assert_int_equal(t->kind, COPY_REFUSED);
    assert_int_equal(copy_source_list(t->source, t->rows), COPY_PEERS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(new_copy_gets_every_row_and_answers_wait_while_it_is_near),
        T(copy_that_begins_anew_is_told_as_far_as_it_is),
        T(copy_of_another_past_is_sent_away_and_told_why),
        T(nonsense_ends_the_connection),
        T(row_that_was_never_sent_is_not_believed),
        T(newer_connection_of_a_name_wins),
        T(fifth_copy_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
