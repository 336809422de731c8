/* TLS connections in trouble, under load, and with much to carry. */
#include "tls_world.h"

#include "flow/tls_core.h"

#include <stdlib.h>
#include <sys/socket.h>

#define BIG ((size_t)2 * 1024 * 1024)

static void end(struct talk *t)
{
    tls_ctx_put(&t->server);
    tls_ctx_put(&t->client);
}

static struct talk with_client(int (*co_client)(struct talk *t, struct stream *raw))
{
    return (struct talk){.server = ctx_of(server_opts()),
                         .client = ctx_of(client_opts(&w.terminal)),
                         .co_client = co_client};
}

CO_FN static int connect_as(struct talk *t, struct stream *raw, struct stream **ret)
{
    return tls_co_connect(t->client, t->pool, raw, SERVER, NULL, flow_deadline_ms(20000), ret, NULL,
                          NULL);
}

/* --- peers that go wrong --- */

CO_FN static int silent(struct talk *t, struct stream *raw)
{
    char byte;
    size_t got;
    (void)t;
    int rc = stream_co_read(raw, &byte, 1, &got, flow_deadline_ms(5000));
    stream_close(&raw);
    return rc;
}

static void silent_peer_times_out(void **state)
{
    struct talk t = with_client(silent);
    (void)state;
    t.timeout_ms = 50;
    talk_run(&t);
    assert_int_equal(t.server_rc, OC_ETIMEDOUT);
    assert_string_equal(t.server_why.why, "timed out");
    assert_int_equal(t.client_rc, OC_ECLOSED);
    end(&t);
}

CO_FN static int stops_within_a_message(struct talk *t, struct stream *raw)
{
    int rc = stream_co_write(raw, "\x16\x03\x01\x02\x00\x01", 6, flow_deadline_ms(1000));
    return rc ? rc : silent(t, raw);
}

static void peer_that_falls_silent_is_given_up_before_the_deadline(void **state)
{
    struct tls_opts o = server_opts();
    (void)state;
    o.silence_ms = 50;
    struct talk t = {.server = ctx_of(o),
                     .client = ctx_of(client_opts(&w.terminal)),
                     .co_client = stops_within_a_message};
    int64_t began = clock_mono_ns(&clock_system);
    talk_run(&t);
    assert_int_equal(t.server_rc, OC_ETIMEDOUT);
    assert_true(clock_mono_ns(&clock_system) - began < 4 * NS_PER_S);
    end(&t);
}

CO_FN static int garbage(struct talk *t, struct stream *raw)
{
    int rc = stream_co_write(raw, "GET / HTTP/1.1\r\nHost: a.very.long.name\r\n\r\n", 42,
                             flow_deadline_ms(1000));
    return rc ? rc : silent(t, raw);
}

CO_FN static int noise(struct talk *t, struct stream *raw)
{
    unsigned char bytes[600];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 167 + 13);
    int rc = stream_co_write(raw, bytes, sizeof bytes, flow_deadline_ms(1000));
    return rc ? rc : silent(t, raw);
}

static void garbage_is_refused_as_not_tls(void **state)
{
    struct talk t = with_client(garbage);
    (void)state;
    talk_run(&t);
    assert_int_equal(t.server_rc, OC_EPERM);
    assert_string_equal(t.server_why.why, "not TLS");
    t.co_client = noise;
    talk_run(&t);
    assert_int_equal(t.server_rc, OC_EPERM);
    assert_string_equal(t.server_why.why, "not TLS");
    end(&t);
}

CO_FN static int leaves_at_once(struct talk *t, struct stream *raw)
{
    (void)t;
    int rc = stream_co_write(raw, "\x16\x03\x01\x02\x00\x01", 6, flow_deadline_ms(1000));
    stream_close(&raw);
    return rc;
}

static void peer_that_leaves_during_the_handshake_has_closed(void **state)
{
    struct talk t = with_client(leaves_at_once);
    (void)state;
    talk_run(&t);
    assert_int_equal(t.server_rc, OC_ECLOSED);
    assert_string_equal(t.server_why.why, "closed by peer");
    end(&t);
}

CO_FN static int leaves_without_farewell(struct talk *t, struct stream *raw)
{
    struct stream *s;
    char back[4];
    int rc = connect_as(t, raw, &s);
    if (rc)
        return rc;
    rc = stream_co_write(s, "ping", 4, flow_deadline_ms(5000));
    if (rc == 0)
        rc = stream_co_read_full(s, back, 4, flow_deadline_ms(5000));
    (void)shutdown(tls_fd(s), SHUT_RDWR);
    stream_close(&s);
    return rc;
}

CO_FN static int is_cut_off(struct talk *t, struct stream *raw)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    struct stream *s;
    char much[1024] = {0};
    int rc = connect_as(t, raw, &s);
    for (unsigned i = 0; rc == 0 && i < 40; i++)
        rc = stream_co_write(s, much, sizeof much, flow_deadline_ms(5000));
    (void)setsockopt(tls_fd(s), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    stream_close(&s);
    return rc;
}

static void peer_that_closes_without_farewell_has_closed(void **state)
{
    struct talk t = with_client(leaves_without_farewell);
    (void)state;
    talk_run(&t);
    assert_int_equal(t.client_rc, 0);
    assert_int_equal(t.server_end, OC_ECLOSED);
    t.co_client = is_cut_off;
    talk_run(&t);
    assert_int_equal(t.client_rc, 0);
    assert_int_equal(t.server_end, OC_ECLOSED);
    end(&t);
}

CO_FN static int spoils_a_record(struct talk *t, struct stream *raw)
{
    static const unsigned char bad[] = {0x17, 3,  3,  0,  20, 1,  2,  3,  4,  5,  6,  7, 8,
                                        9,    10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    struct stream *s;
    size_t got;
    char byte;
    int rc = connect_as(t, raw, &s);
    if (rc)
        return rc;
    if (send(tls_fd(s), bad, sizeof bad, MSG_NOSIGNAL) != (ssize_t)sizeof bad)
        rc = OC_EIO;
    if (rc == 0)
        rc = stream_co_read(s, &byte, 1, &got, flow_deadline_ms(5000));
    stream_close(&s);
    return rc;
}

static void record_that_was_spoilt_ends_the_connection(void **state)
{
    struct talk t = with_client(spoils_a_record);
    (void)state;
    talk_run(&t);
    assert_int_equal(t.server_end, OC_EIO);
    assert_int_equal(t.client_rc, OC_EPERM); /* the server's alert */
    end(&t);
}

/* --- flows that go --- */

struct cancelled {
    struct talk talk;
    struct flow *server;
    struct stream *raw;
    int rc;
    struct tls_failure why;
};

CO_FN static int accept_one(void *arg)
{
    struct cancelled *c = arg;
    struct stream *raw, *s;
    c->rc = sock_co_accept(c->talk.listener, flow_deadline_ms(5000), &raw);
    if (c->rc == 0)
        c->rc = tls_co_accept(c->talk.server, c->talk.pool, raw, FLOW_FOREVER, &s, NULL, &c->why);
    return 0;
}

CO_FN static int cancel_mid_handshake(void *arg)
{
    struct cancelled *c = arg;
    int rc = sock_listen_tcp(flow_loop(), "127.0.0.1", 0, &c->talk.listener);
    if (rc == 0)
        rc = flow_start(flow_loop(), "server", accept_one, c, &c->server);
    if (rc == 0)
        rc = sock_co_connect_tcp("127.0.0.1", sock_listener_port(c->talk.listener), FLOW_FOREVER,
                                 &c->raw);
    if (rc == 0)
        rc = flow_co_sleep_ms(20);
    flow_cancel(c->server);
    if (rc == 0)
        rc = flow_co_join(c->server, NULL, flow_deadline_ms(1000));
    flow_put(c->server);
    stream_close(&c->raw);
    sock_listener_close(&c->talk.listener);
    return rc;
}

static void cancelled_handshake_ends_at_once(void **state)
{
    struct cancelled c = {.talk = {.server = ctx_of(server_opts())}, .rc = 1};
    (void)state;
    struct loop *l = test_loop(NULL);
    assert_int_equal(pool_new(&c.talk.pool, "tls", 1, 4, NULL, NULL), 0);
    assert_int_equal(loop_run_flow(l, "cancel", cancel_mid_handshake, &c), 0);
    pool_free(&c.talk.pool);
    loop_free(&l);
    assert_int_equal(c.rc, OC_ECANCELED);
    assert_string_equal(c.why.why, "cancelled");
    end(&c.talk);
}

static void full_pool_is_busy(void **state)
{
    struct talk t = {.server = ctx_of(server_opts()), .client = ctx_of(client_opts(&w.terminal))};
    struct pool *p;
    (void)state;
    assert_int_equal(pool_new(&p, "tls", 1, 0, NULL, NULL), 0);
    t.pool = p;
    talk_run(&t);
    pool_free(&p);
    assert_int_equal(t.client_rc, OC_EBUSY);
    assert_string_equal(t.client_why.why, "busy");
    end(&t);
}

/* --- many at once --- */

struct crowd {
    struct tls_ctx *server, *client;
    struct pool *pool;
    int64_t limit_us; /* deadlines of handshakes are spread up to here; 0: all 60 s */
    unsigned count, good, failed, wrong;
};
static struct crowd crowd;

CO_FN static int one_of_many(void *arg)
{
    struct talk t = {.server = crowd.server, .client = crowd.client, .pool = crowd.pool};
    unsigned n = (unsigned)(uintptr_t)arg;
    t.timeout_ms =
        crowd.limit_us ? 1 + (int64_t)n * crowd.limit_us / 1000 / (int64_t)crowd.count : 60000;
    int rc = talk_co_run(&t);
    if (rc)
        crowd.wrong++;
    else if (t.server_rc == 0 && t.client_rc == 0 && t.talk_rc == 0)
        crowd.good++;
    else
        crowd.failed++;
    return rc;
}

CO_FN static int all_of_them(void *arg)
{
    struct flow **flows = arg;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < crowd.count; i++)
        rc = flow_start(flow_loop(), "one", one_of_many, (void *)(uintptr_t)i, &flows[i]);
    for (unsigned i = 0; i < crowd.count && flows[i]; i++) {
        int joined = flow_co_join(flows[i], NULL, flow_deadline_ms(60000));
        rc = rc ? rc : joined;
        flow_put(flows[i]);
    }
    return rc;
}

static void run_crowd(unsigned count, int64_t limit_us)
{
    struct flow **flows = calloc(count, sizeof(struct flow *));
    assert_non_null(flows);
    crowd = (struct crowd){.server = ctx_of(server_opts()),
                           .client = ctx_of(client_opts(&w.terminal)),
                           .limit_us = limit_us,
                           .count = count};
    struct loop *l = test_loop(NULL);
    assert_int_equal(pool_new(&crowd.pool, "tls", 2, 1000, NULL, NULL), 0);
    assert_int_equal(loop_run_flow(l, "all", all_of_them, flows), 0);
    pool_free(&crowd.pool);
    loop_free(&l);
    tls_ctx_put(&crowd.server);
    tls_ctx_put(&crowd.client);
    free(flows);
}

static void two_hundred_handshakes_over_two_threads(void **state)
{
    (void)state;
    run_crowd(200, 0);
    assert_int_equal(crowd.good, 200);
}

/* Those that give up leave their streams to the workers that are at them. */
static void handshakes_given_up_under_a_workers_hands_are_freed(void **state)
{
    (void)state;
    run_crowd(150, 120000);
    assert_int_equal(crowd.good + crowd.failed, 150);
    assert_int_equal(crowd.wrong, 0);
    assert_true(crowd.failed > 0);
}

/* --- much to carry --- */

struct transfer {
    struct stream *s;
    bool writes;
    int rc;
    size_t bad;
};

CO_FN static int move(void *arg)
{
    struct transfer *x = arg;
    unsigned char block[1777];
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < BIG;) {
        size_t n = BIG - at < sizeof block ? BIG - at : sizeof block;
        if (x->writes) {
            for (size_t i = 0; i < n; i++)
                block[i] = (unsigned char)((at + i) * 31 / 7);
            rc = stream_co_write(x->s, block, n, flow_deadline_ms(30000));
        } else {
            rc = stream_co_read(x->s, block, n, &n, flow_deadline_ms(30000));
            for (size_t i = 0; rc == 0 && i < n; i++)
                x->bad += block[i] != (unsigned char)((at + i) * 31 / 7);
        }
        at += rc ? 0 : n;
    }
    return x->rc = rc;
}

/* The server echoes, so both ways are full at once; in blocks larger than a record, too. */
CO_FN static int both_ways(struct talk *t, struct stream *raw)
{
    struct stream *s;
    struct flow *in = NULL, *out = NULL;
    static struct transfer reading, writing;
    int rc = connect_as(t, raw, &s);
    if (rc)
        return rc;
    reading = (struct transfer){.s = s};
    writing = (struct transfer){.s = s, .writes = true};
    rc = flow_start(flow_loop(), "out", move, &writing, &out);
    if (rc == 0)
        rc = flow_start(flow_loop(), "in", move, &reading, &in);
    if (rc == 0)
        rc = flow_co_join(out, NULL, FLOW_FOREVER);
    if (rc == 0)
        rc = flow_co_join(in, NULL, FLOW_FOREVER);
    flow_put(in);
    flow_put(out);
    stream_close(&s);
    if (rc == 0)
        rc = reading.rc ? reading.rc : writing.rc;
    return rc ? rc : (reading.bad ? OC_EINTERNAL : 0);
}

CO_FN static int one_big_write(struct talk *t, struct stream *raw)
{
    struct stream *s;
    struct flow *in = NULL;
    static struct transfer reading;
    unsigned char *big = malloc(BIG);
    int rc = big ? connect_as(t, raw, &s) : OC_ENOMEM;
    if (rc) {
        free(big);
        return rc;
    }
    for (size_t i = 0; i < BIG; i++)
        big[i] = (unsigned char)(i * 31 / 7);
    reading = (struct transfer){.s = s};
    rc = flow_start(flow_loop(), "in", move, &reading, &in);
    if (rc == 0)
        rc = stream_co_write(s, big, BIG, flow_deadline_ms(30000));
    if (rc == 0)
        rc = flow_co_join(in, NULL, FLOW_FOREVER);
    flow_put(in);
    stream_close(&s);
    free(big);
    return rc ? rc : reading.rc ? reading.rc : (reading.bad ? OC_EINTERNAL : 0);
}

static void big_transfers_both_ways_arrive_whole(void **state)
{
    int (*const ways[])(struct talk *, struct stream *) = {both_ways, one_big_write};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct loop_opts o = {.seed = seed, .always_yield = seed == 2};
            struct talk t = with_client(ways[i]);
            t.loop = test_loop(&o);
            talk_run(&t);
            loop_free(&t.loop);
            assert_int_equal(t.client_rc, 0);
            assert_int_equal(t.server_end, OC_ECLOSED);
            end(&t);
        }
}

/* A write that was given up leaves half a record: the stream is good for nothing more. */
CO_FN static int writes_without_a_reader(struct talk *t, struct stream *raw)
{
    struct stream *s;
    unsigned char block[1000] = {0};
    int rc = connect_as(t, raw, &s);
    if (rc)
        return rc;
    for (unsigned i = 0; rc == 0 && i < 100000; i++)
        rc = stream_co_write(s, block, sizeof block, flow_deadline_ms(100));
    if (rc == OC_ETIMEDOUT)
        rc = stream_co_write(s, block, 1, flow_deadline_ms(100)) == OC_EIO ? 0 : OC_EINTERNAL;
    stream_close(&s);
    return rc;
}

static void stream_is_broken_after_a_write_that_timed_out(void **state)
{
    struct talk t = with_client(writes_without_a_reader);
    (void)state;
    talk_run(&t);
    assert_int_equal(t.client_rc, 0);
    end(&t);
}

/* Records that carry nothing cost the reader computing all the same: whoever sends them without end
 * must not keep the others from their turns. */
struct ticker {
    int64_t longest_ns, all_ns; /* between two turns; altogether */
    bool end;
};
CO_FN static int tick(void *arg)
{
    struct ticker *k = arg;
    int64_t now, began = clock_mono_ns(&clock_system), last = began;
    int rc = 0;
    for (; rc == 0 && !k->end; last = now) {
        rc = flow_co_yield();
        now = clock_mono_ns(&clock_system);
        k->longest_ns = now - last > k->longest_ns ? now - last : k->longest_ns;
        k->all_ns = now - began;
    }
    return rc;
}

static struct ticker ticker;

CO_FN static int answered_within(struct stream *s, struct flow **ret)
{
    char back[4];
    ticker = (struct ticker){0};
    int rc = flow_start(flow_loop(), "ticker", tick, &ticker, ret);
    if (rc == 0)
        rc = stream_co_write(s, "ping", 4, flow_deadline_ms(5000));
    if (rc == 0)
        rc = stream_co_read_full(s, back, 4, flow_deadline_ms(20000));
    ticker.end = true;
    return rc;
}

CO_FN static int moves_its_keys_on(struct talk *t, struct stream *raw)
{
    struct stream *s;
    struct flow *f = NULL;
    int rc = connect_as(t, raw, &s);
    if (rc)
        return rc;
    struct tls_stream *tls = CONTAINER_OF(s, struct tls_stream, s);
    for (unsigned i = 0; i < 6000; i++)
        if (SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
            SSL_do_handshake(tls->ssl) != 1)
            rc = OC_EIO;
    if (rc == 0)
        rc = answered_within(s, &f);
    if (f)
        rc = flow_co_join(f, NULL, FLOW_FOREVER) ? OC_EINTERNAL : rc;
    flow_put(f);
    stream_close(&s);
    return rc;
}

CO_FN static int sends_crumbs(struct talk *t, struct stream *raw)
{
    struct stream *s;
    struct flow *f = NULL;
    char back[4000];
    int rc = connect_as(t, raw, &s);
    if (rc)
        return rc;
    struct tls_stream *tls = CONTAINER_OF(s, struct tls_stream, s);
    for (unsigned i = 0; i < sizeof back; i++)
        if (SSL_write(tls->ssl, "x", 1) != 1)
            rc = OC_EIO;
    if (rc == 0)
        rc = answered_within(s, &f);
    if (f)
        rc = flow_co_join(f, NULL, FLOW_FOREVER) ? OC_EINTERNAL : rc;
    flow_put(f);
    stream_close(&s);
    return rc;
}

/* A busy machine keeps us from the processor now and then, which looks like a turn that was not
 * given: of several floods one must show the turns. Where turns are not given none does. */
static void peer_that_floods_with_records_lets_others_have_their_turns(void **state)
{
    int (*const ways[])(struct talk *, struct stream *) = {moves_its_keys_on, sends_crumbs};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        bool turns = false;
        for (int tries = 0; tries < 8 && !turns; tries++) {
            struct talk t = with_client(ways[i]);
            talk_run(&t);
            assert_int_equal(t.client_rc, 0);
            turns = ticker.longest_ns < ticker.all_ns / 3;
            end(&t);
        }
        assert_true(turns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_peer_times_out),
        cmocka_unit_test(peer_that_falls_silent_is_given_up_before_the_deadline),
        cmocka_unit_test(garbage_is_refused_as_not_tls),
        cmocka_unit_test(peer_that_leaves_during_the_handshake_has_closed),
        cmocka_unit_test(peer_that_closes_without_farewell_has_closed),
        cmocka_unit_test(record_that_was_spoilt_ends_the_connection),
        cmocka_unit_test(cancelled_handshake_ends_at_once),
        cmocka_unit_test(full_pool_is_busy),
        cmocka_unit_test(two_hundred_handshakes_over_two_threads),
        cmocka_unit_test(handshakes_given_up_under_a_workers_hands_are_freed),
        cmocka_unit_test(big_transfers_both_ways_arrive_whole),
        cmocka_unit_test(stream_is_broken_after_a_write_that_timed_out),
        cmocka_unit_test(peer_that_floods_with_records_lets_others_have_their_turns),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
