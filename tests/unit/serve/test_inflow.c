/* Frames in: what a message carried is gone when its reader asks for the next one. */
#include "serve/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIN "735192648613"

/* Gives its bytes in pieces; then nothing comes any more. */
struct pieces {
    struct stream stream;
    const uint8_t *data;
    size_t len, at, piece;
};

static int co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len,
                   int64_t deadline_ns) CO_FN;
static int co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len, int64_t deadline_ns)
{
    struct pieces *p = CONTAINER_OF(s, struct pieces, stream);
    size_t n = p->len - p->at;
    (void)deadline_ns;
    n = n < p->piece ? n : p->piece;
    n = n < cap ? n : cap;
    if (n == 0)
        return OC_ETIMEDOUT;
    memcpy(buf, p->data + p->at, n);
    p->at += n;
    *ret_len = n;
    return 0;
}
static const struct stream_ops ops = {.co_read = co_read};

static void put_request(struct buf *b, const char *pin, uint64_t number)
{
    char digits[32], service[] = "medical.reports";
    pb_request r = ONECARD__TERMINAL__V1__REQUEST__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    (void)snprintf(digits, sizeof digits, "%s", pin);
    r.number = number;
    r.service = service;
    r.pin = digits;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_REQUEST;
    m.request = &r;
    frame_put_to_switch(b, &m);
}

struct look {
    size_t piece;
    int first, second;
    bool given, kept;
};

static bool holds(const struct inflow *in)
{
    return memmem(in->data, in->cap, PIN, 4) != NULL;
}

static int read_two(void *arg) CO_FN;
static int read_two(void *arg)
{
    struct look *l = arg;
    struct buf b;
    const uint8_t *bytes;
    size_t len;
    buf_init(&b, 4096);
    put_request(&b, PIN, 1);
    struct pieces p = {.stream = {&ops}, .data = b.data, .len = b.len, .piece = l->piece};
    struct inflow in = {.stream = &p.stream};
    l->first = inflow_co_next(&in, &bytes, &len, 0);
    l->given = l->first == 0 && memmem(bytes, len, PIN, strlen(PIN)) != NULL;
    l->second = inflow_co_next(&in, &bytes, &len, 0);
    l->kept = holds(&in);
    inflow_fini(&in);
    buf_fini(&b);
    return 0;
}

static void pin_in_a_frame_is_gone_at_the_next_call(void **state)
{
    static const size_t pieces[] = {4096, 7, 1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct loop *loop = NULL;
        struct look l = {.piece = pieces[i]};
        assert_int_equal(loop_new(&loop, NULL), 0);
        assert_int_equal(loop_run_flow(loop, "frames", read_two, &l), 0);
        loop_free(&loop);
        assert_int_equal(l.first, 0);
        assert_true(l.given);
        assert_int_equal(l.second, OC_ETIMEDOUT);
        assert_false(l.kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pin_in_a_frame_is_gone_at_the_next_call)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
