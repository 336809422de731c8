/* Frames: the length before them, and what is refused before it is unpacked. */
#include "cmocka_all.h"

struct rig {
    struct arena a;
    struct buf b;
    const char *why;
};

static int rig_up(void **state)
{
    static struct rig rig;
    rig = (struct rig){0};
    arena_init(&rig.a, FRAME_MEMORY_MAX);
    buf_init(&rig.b, 2 * FRAME_MAX);
    *state = &rig;
    return 0;
}

static int rig_down(void **state)
{
    struct rig *r = *state;
    buf_fini(&r->b);
    arena_fini(&r->a);
    return 0;
}

static int get_hex(struct rig *r, const char *hex, pb_to_switch **ret)
{
    static uint8_t bytes[512];
    size_t len = unhex(hex, bytes, sizeof bytes);
    r->why = NULL;
    return frame_get_to_switch(bytes, len, &r->a, ret, &r->why);
}

static void expect_refused(struct rig *r, const char *hex, const char *why)
{
    pb_to_switch *m = NULL;
    assert_int_equal(get_hex(r, hex, &m), OC_EPARSE);
    assert_null(m);
    assert_string_equal(r->why, why);
}

static void request_comes_back_as_it_was_put(void **state)
{
    struct rig *r = *state;
    static char service[] = "payment.purchase", person[] = "李";
    pb_request q = ONECARD__TERMINAL__V1__REQUEST__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT, *got;
    q.number = 42;
    q.service = service;
    q.amount_fen = -5;
    q.person = person;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_REQUEST;
    m.request = &q;
    frame_put_to_switch(&r->b, &m);
    assert_int_equal(r->b.err, 0);
    size_t head, len;
    assert_int_equal(frame_peek(r->b.data, r->b.len, &head, &len), 0);
    assert_int_equal(head + len, r->b.len);
    assert_int_equal(frame_get_to_switch(r->b.data + head, len, &r->a, &got, NULL), 0);
    assert_int_equal(got->message_case, TO_SWITCH_REQUEST);
    assert_string_equal(frame_to_switch_name(got), "request");
    assert_int_equal(got->request->number, 42);
    assert_int_equal(got->request->amount_fen, -5);
    assert_string_equal(got->request->service, "payment.purchase");
    assert_string_equal(got->request->person, "李");
    assert_string_equal(got->request->params ? "some" : "none", "none");
}

static void message_over_the_limit_is_an_error_of_the_buffer(void **state)
{
    struct rig *r = *state;
    static char text[FRAME_MAX];
    memset(text, 'x', sizeof text - 1);
    pb_error e = ONECARD__TERMINAL__V1__ERROR__INIT;
    pb_to_terminal m = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    e.message = text;
    m.message_case = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_ERROR;
    m.error = &e;
    frame_put_to_terminal(&r->b, &m);
    assert_int_equal(r->b.err, OC_ELIMIT);
    assert_int_equal(r->b.len, 0);
    /* The longest that fits: 65,536 bytes with the tags and lengths around the text. */
    buf_reset(&r->b);
    text[FRAME_MAX - 8] = '\0';
    frame_put_to_terminal(&r->b, &m);
    assert_int_equal(r->b.err, 0);
    assert_int_equal(r->b.len, FRAME_HEAD_MAX + FRAME_MAX);
    size_t head, len;
    assert_int_equal(frame_peek(r->b.data, r->b.len, &head, &len), 0);
    assert_int_equal(len, FRAME_MAX);
}

static void length_is_a_shortest_varint_within_bounds(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[4];
        size_t have;
        int err;
        size_t len;
    } rows[] = {
        {{0}, 0, OC_EBUSY, 0},
        {{0x80}, 1, OC_EBUSY, 0},
        {{0x02, 1}, 2, OC_EBUSY, 2},
        {{0x02, 1, 2, 3}, 4, 0, 2},
        {{0x80, 0x80, 0x04}, 3, OC_EBUSY, 65536},
        {{0x81, 0x80, 0x04}, 3, OC_ELIMIT, 0},
        {{0xFF, 0xFF, 0x7F}, 3, OC_ELIMIT, 0},
        {{0x80, 0x80, 0x80, 1}, 4, OC_ELIMIT, 0},
        {{0x00, 1}, 2, OC_EPARSE, 0},
        {{0x80, 0x00}, 2, OC_EPARSE, 0},
        {{0x82, 0x00, 1, 2}, 4, OC_EPARSE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t head = 0, len = 0;
        assert_int_equal(frame_peek(rows[i].bytes, rows[i].have, &head, &len), rows[i].err);
        assert_int_equal(len, rows[i].len);
    }
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    struct rig *r = *state;
    pb_to_switch *m;
    static const char *const bad[] = {
        "4A030A0100",       /* NUL */
        "4A030A0180",       /* no beginning */
        "4A040A02C080",     /* overlong */
        "4A050A03E08080",   /* overlong */
        "4A050A03EDA080",   /* a surrogate */
        "4A060A04F4908080", /* beyond Unicode */
        "4A040A02E69D",     /* cut */
        "4A030A01FF",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_refused(r, bad[i], "a text is not UTF-8");
    assert_int_equal(get_hex(r, "4A060A04F09F9A8C", &m), 0);
    assert_int_equal(get_hex(r, "4A050A03E69D8E", &m), 0);
    assert_string_equal(m->sign_on->person, "李");
}

static void damage_and_repetition_are_refused_by_name(void **state)
{
    struct rig *r = *state;
    expect_refused(r, "", "the message has an impossible length");
    expect_refused(r, "42", "a field is damaged");
    expect_refused(r, "420508", "a field is damaged");
    expect_refused(r, "4303", "a field is damaged");     /* a group */
    expect_refused(r, "00", "a field's tag is damaged"); /* field 0 */
    expect_refused(r, "FFFFFFFFFFFFFFFFFFFF01", "a field's tag is damaged");
    expect_refused(r, "42020D01", "a field is damaged");            /* fixed32 cut */
    expect_refused(r, "4005", "a field has another type");          /* heartbeat as a number */
    expect_refused(r, "420408010802", "a field stands twice");      /* mono_ms */
    expect_refused(r, "420208014200", "a field stands twice");      /* heartbeat */
    expect_refused(r, "420032020801", "a field stands twice");      /* two of the oneof */
    expect_refused(r, "42020A00", "a field has another type");      /* mono_ms as bytes */
    expect_refused(r, "0A040A02FFFF", "a packed field is damaged"); /* hello.versions */
}

static void unknown_kind_is_told_apart_and_unknown_fields_are_skipped(void **state)
{
    struct rig *r = *state;
    pb_to_switch *m = NULL;
    assert_int_equal(get_hex(r, "FA01020801", &m), OC_ENOTSUP);
    assert_null(m);
    assert_string_equal(r->why, "unknown or missing message");
    assert_int_equal(get_hex(r, "42070807F0010199010102030405060708", &m), OC_EPARSE);
    assert_int_equal(get_hex(r, "42050807F00101", &m), 0);
    assert_int_equal(m->heartbeat->mono_ms, 7);
}

/* Fills a Readers message with `n` empty readers. */
static int get_readers(struct rig *r, size_t n)
{
    static uint8_t body[8 + 2 * FRAME_ELEMENTS_MAX + 8];
    size_t len = 2 * n, at = 0;
    pb_to_switch *m;
    body[at++] = 0x12;
    for (; len > 0x7F; len >>= 7)
        body[at++] = (uint8_t)(0x80 | (len & 0x7F));
    body[at++] = (uint8_t)len;
    for (size_t i = 0; i < n; i++) {
        body[at++] = 0x0A;
        body[at++] = 0x00;
    }
    return frame_get_to_switch(body, at, &r->a, &m, &r->why);
}

static void elements_are_counted(void **state)
{
    struct rig *r = *state;
    assert_int_equal(get_readers(r, FRAME_ELEMENTS_MAX), 0);
    assert_int_equal(get_readers(r, FRAME_ELEMENTS_MAX + 1), OC_EPARSE);
    assert_string_equal(r->why, "too many elements");
}

static void fields_are_counted_and_memory_stays_bounded(void **state)
{
    struct rig *r = *state;
    static uint8_t body[FRAME_MAX];
    pb_to_switch *m;
    /* Unknown fields cost most: each is kept. */
    for (size_t i = 0; i + 3 <= sizeof body; i += 3)
        memcpy(body + i, "\xF8\x01\x01", 3);
    size_t len = 3 * (size_t)FRAME_FIELDS_MAX;
    assert_int_equal(frame_get_to_switch(body, len, &r->a, &m, &r->why), OC_ENOTSUP);
    assert_true(r->a.used <= FRAME_MEMORY_MAX);
    assert_int_equal(frame_get_to_switch(body, len + 3, &r->a, &m, &r->why), OC_EPARSE);
    assert_string_equal(r->why, "too many fields");
}

static void full_arena_is_told_as_such(void **state)
{
    struct rig *r = *state;
    pb_to_switch *m = NULL;
    arena_fini(&r->a);
    arena_init(&r->a, 64);
    assert_int_equal(get_hex(r, "4A050A03E69D8E", &m), OC_ELIMIT);
    assert_null(m);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        T(request_comes_back_as_it_was_put),
        T(message_over_the_limit_is_an_error_of_the_buffer),
        T(length_is_a_shortest_varint_within_bounds),
        T(text_that_is_not_utf8_is_refused),
        T(damage_and_repetition_are_refused_by_name),
        T(unknown_kind_is_told_apart_and_unknown_fields_are_skipped),
        T(elements_are_counted),
        T(fields_are_counted_and_memory_stays_bounded),
        T(full_arena_is_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
