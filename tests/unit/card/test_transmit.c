/* 61xx, 6Cxx, deadlines and lost answers, byte by byte. */
#include "card_test.h"
#include "reader_script.h"

/* Plays a script with one body and wants it played to its end. */
static void play(const char *script, int (*body)(struct rig *r))
{
    struct rig *r = rig_new();
    struct reader_script *s;
    assert_int_equal(reader_script_new(r->rs, "script", "inline", script, &s), 0);
    r->reader = reader_script_reader(s);
    rig_run(r, body);
    assert_string_equal(reader_script_verdict(s), "");
    rig_free(r);
}

static CO_FN int send_balance(struct rig *r, struct rapdu *a)
{
    struct apdu cmd;
    apdu_get_balance(&cmd, 0);
    return transmit_co(&r->s, &cmd, a);
}

static CO_FN int send_debit(struct rig *r, struct rapdu *a)
{
    static const uint8_t date[4] = {0x20, 0x26, 0x11, 0x21}, time[3] = {8, 0, 0},
                         mac1[4] = {1, 1, 1, 1};
    struct apdu cmd;
    apdu_debit(&cmd, 7, date, time, mac1);
    return transmit_co(&r->s, &cmd, a);
}

static CO_FN int balance_is_100(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_balance(r, &a), 0);
    STEP(a.sw == 0x9000 && a.len == 4 && be32(a.data) == 100);
    STEP(r->s.sw == 0x9000);
    return 0;
}

static void more_data_is_fetched_by_get_response(void **state)
{
    (void)state;
    play("protocol T0\n> 805C000204\n< 6104\n> 00C0000004\n< 00000064 9000\n", balance_is_100);
}

static void more_data_in_pieces_is_put_together(void **state)
{
    (void)state;
    play("> 805C000204\n< 0000 6102\n> 00C0000002\n< 00 6101\n> 00C0000001\n< 64 9000",
         balance_is_100);
}

static void get_response_with_wrong_le_is_repeated(void **state)
{
    (void)state;
    play("> 805C000204\n< 6100\n> 00C0000000\n< 6C04\n> 00C0000004\n< 00000064 9000",
         balance_is_100);
}

static void wrong_le_is_repeated_with_the_right_one(void **state)
{
    (void)state;
    play("> 805C000204\n< 6C08\n> 805C000208\n< 00000064 9000", balance_is_100);
}

static CO_FN int answer_is_6c(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_balance(r, &a), 0);
    STEP(a.sw == 0x6C05);
    return 0;
}

static void wrong_le_for_ever_ends(void **state)
{
    (void)state;
    play("> 805C000204\n< 6C05\n> 805C000205\n< 6C05\n> 805C000205\n< 6C05", answer_is_6c);
}

static CO_FN int debit_is_refused_by_6c(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_debit(r, &a), 0);
    STEP(a.sw == 0x6C10);
    STEP(card_moved(NULL, OC_ECARD_SW, a.sw) == CARD_NOT_MOVED);
    return 0;
}

static void R3_debit_with_wrong_le_is_never_sent_twice(void **state)
{
    (void)state;
    play("> 805401000F*\n< 6C10", debit_is_refused_by_6c);
}

static CO_FN int debit_t0(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_debit(r, &a), 0);
    STEP(a.sw == 0x9000 && a.len == 8 && a.data[7] == 8);
    return 0;
}

static void t0_sends_no_le_and_fetches_the_answer(void **state)
{
    (void)state;
    play("protocol T0\n> 805401000F 00000007 20261121 080000 01010101\n< 6108\n> 00C0000008\n< "
         "0102030405060708 9000",
         debit_t0);
}

static void t1_sends_le_and_has_the_answer_at_once(void **state)
{
    (void)state;
    play("> 805401000F 00000007 20261121 080000 01010101 08\n< 0102030405060708 9000", debit_t0);
}

static CO_FN int debit_is_lost(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_debit(r, &a), OC_ECARD_LOST);
    STEP(card_moved(NULL, r->rc, r->s.sw) == CARD_UNKNOWN);
    STEP(!card_present(&r->s));
    EXPECT(send_balance(r, &a), OC_ECARD_GONE);
    return 0;
}

static void R3_debit_answer_lost_is_lost_and_the_session_dead(void **state)
{
    (void)state;
    play("> 8054*\n! lost", debit_is_lost);
}

static void R3_debit_unanswered_until_the_deadline_is_lost(void **state)
{
    (void)state;
    play("> 8054*\n! unanswered", debit_is_lost);
}

static void R3_debit_done_but_gone_before_get_response_is_lost(void **state)
{
    (void)state;
    play("protocol T0\n> 8054*\n< 6108\n> 00C0000008\n! removed", debit_is_lost);
}

static void R3_debit_done_but_get_response_refused_is_lost(void **state)
{
    (void)state;
    play("protocol T0\n> 8054*\n< 6108\n> 00C0000008\n< 6F00", debit_is_lost);
}

static CO_FN int debit_is_gone(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_debit(r, &a), OC_ECARD_GONE);
    STEP(card_moved(NULL, r->rc, r->s.sw) == CARD_NOT_MOVED);
    return 0;
}

static void debit_never_sent_is_gone(void **state)
{
    (void)state;
    play("> 8054*\n! removed", debit_is_gone);
}

static CO_FN int balance_repeated_is_gone(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_balance(r, &a), OC_ECARD_GONE);
    return 0;
}

static void card_leaves_before_the_repetition_is_gone(void **state)
{
    (void)state;
    play("> 805C*\n< 6C04\n> 805C000204\n! removed", balance_repeated_is_gone);
}

static CO_FN int answer_is_garbage(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_balance(r, &a), OC_ECARD_DATA);
    STEP(card_moved(NULL, r->rc, r->s.sw) == CARD_UNKNOWN);
    return 0;
}

static void answer_without_status_word_is_data_error(void **state)
{
    (void)state;
    play("> 805C000204\n< 90", answer_is_garbage);
}

static void answer_without_anything_is_data_error(void **state)
{
    (void)state;
    play("> 805C000204\n<", answer_is_garbage);
}

static CO_FN int deadline_passed(struct rig *r)
{
    struct rapdu a;
    r->s.deadline_ns = loop_now_ns(flow_loop());
    EXPECT(send_debit(r, &a), OC_ETIMEDOUT);
    STEP(card_moved(NULL, r->rc, r->s.sw) == CARD_NOT_MOVED);
    STEP(r->s.apdus == 0);
    return 0;
}

static void R4_debit_past_its_deadline_is_never_sent(void **state)
{
    (void)state;
    play("# nothing is sent\n", deadline_passed);
}

static CO_FN int another_arrival(struct rig *r)
{
    struct rapdu a;
    EXPECT(send_balance(r, &a), OC_ECARD_LOST);
    STEP(r->reader->state == READER_CARD && r->reader->arrival == 2);
    EXPECT(send_balance(r, &a), OC_ECARD_GONE);
    card_co_close(&r->s);
    EXPECT(card_co_open(&r->s, r->reader, 1, FLOW_FOREVER), OC_ECARD_GONE);
    EXPECT(card_co_open(&r->s, r->reader, 2, FLOW_FOREVER), 0);
    EXPECT(send_balance(r, &a), 0);
    return 0;
}

static void R8_card_put_back_is_another_arrival(void **state)
{
    (void)state;
    play("> 805C*\n! lost\n+\n> 805C*\n< 00000000 9000", another_arrival);
}

/* ---- cancellation ---- */
static CO_FN int cancelled_before(struct rig *r)
{
    struct rapdu a;
    flow_cancel(flow_self());
    EXPECT(send_debit(r, &a), OC_ECANCELED);
    flow_shield();
    EXPECT(send_balance(r, &a), 0);
    flow_unshield();
    return 0;
}

static void cancelled_flow_sends_only_inside_a_shield(void **state)
{
    (void)state;
    play("> 805C*\n< 00000000 9000", cancelled_before);
}

static CO_FN int cancel_later(void *arg)
{
    int rc = flow_co_sleep_ms(100);
    flow_cancel(arg);
    return rc;
}

static CO_FN int cancelled_meanwhile(struct rig *r)
{
    struct flow *f;
    struct rapdu a;
    STEP(flow_start(flow_loop(), "cancels", cancel_later, flow_self(), &f) == 0);
    flow_put(f);
    /* Ends by its own deadline of 3 s, not by the cancellation after 100 ms. */
    int64_t began = loop_now_ns(flow_loop());
    EXPECT(send_debit(r, &a), OC_ECARD_LOST);
    STEP(loop_now_ns(flow_loop()) - began == 3 * NS_PER_S);
    return 0;
}

static void cancellation_does_not_interrupt_what_was_sent(void **state)
{
    (void)state;
    play("> 8054*\n! unanswered", cancelled_meanwhile);
}

/* ---- what a status word proves ---- */
static void R5_status_words_prove_what_the_standard_says(void **state)
{
    static const uint16_t not_moved[] = {0x9302, 0x6982, 0x6988, 0x9401, 0x9402,
                                         0x6901, 0x6985, 0x6700, 0x6D00, 0x6400};
    static const uint16_t unknown[] = {0x6581, 0x6F00, 0x6281, 0x63C1, 0x6108, 0x9100};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_moved); i++)
        assert_int_equal(card_moved(NULL, OC_ECARD_SW, not_moved[i]), CARD_NOT_MOVED);
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_int_equal(card_moved(NULL, OC_ECARD_SW, unknown[i]), CARD_UNKNOWN);
    assert_int_equal(card_moved(NULL, 0, 0x9000), CARD_MOVED);
    assert_int_equal(card_moved(NULL, OC_ECANCELED, 0), CARD_NOT_MOVED);
    assert_int_equal(card_moved(NULL, OC_ECARD_DATA, 0x9000), CARD_UNKNOWN);
}

/* ---- the script itself ---- */
static CO_FN int send_other(struct rig *r)
{
    struct rapdu a;
    r->rc = send_balance(r, &a);
    return 0;
}

static void script_says_what_differed(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct reader_script *s;
    assert_int_equal(reader_script_new(r->rs, "a", "x.card", "\n> 805C010204\n< 9000", &s), 0);
    r->reader = reader_script_reader(s);
    rig_run(r, send_other);
    assert_string_equal(reader_script_verdict(s),
                        "x.card:2: expected > 805C010204, got > 805C000204");
    assert_int_equal(reader_script_new(r->rs, "b", "y.card", "> 00\n> 01\n< 9000\n", &s),
                     OC_EPARSE);
    assert_int_equal(reader_script_new(r->rs, "c", "y.card", "? 00\n", &s), OC_EPARSE);
    assert_int_equal(reader_script_new(r->rs, "d", "y.card", "> 805C*\n< 9000\n", &s), 0);
    assert_string_equal(reader_script_verdict(s), "y.card:1: never came: > 805C*");
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_data_is_fetched_by_get_response),
        cmocka_unit_test(more_data_in_pieces_is_put_together),
        cmocka_unit_test(get_response_with_wrong_le_is_repeated),
        cmocka_unit_test(wrong_le_is_repeated_with_the_right_one),
        cmocka_unit_test(wrong_le_for_ever_ends),
        cmocka_unit_test(R3_debit_with_wrong_le_is_never_sent_twice),
        cmocka_unit_test(t0_sends_no_le_and_fetches_the_answer),
        cmocka_unit_test(t1_sends_le_and_has_the_answer_at_once),
        cmocka_unit_test(R3_debit_answer_lost_is_lost_and_the_session_dead),
        cmocka_unit_test(R3_debit_unanswered_until_the_deadline_is_lost),
        cmocka_unit_test(R3_debit_done_but_gone_before_get_response_is_lost),
        cmocka_unit_test(R3_debit_done_but_get_response_refused_is_lost),
        cmocka_unit_test(debit_never_sent_is_gone),
        cmocka_unit_test(card_leaves_before_the_repetition_is_gone),
        cmocka_unit_test(answer_without_status_word_is_data_error),
        cmocka_unit_test(answer_without_anything_is_data_error),
        cmocka_unit_test(R4_debit_past_its_deadline_is_never_sent),
        cmocka_unit_test(R8_card_put_back_is_another_arrival),
        cmocka_unit_test(cancelled_flow_sends_only_inside_a_shield),
        cmocka_unit_test(cancellation_does_not_interrupt_what_was_sent),
        cmocka_unit_test(R5_status_words_prove_what_the_standard_says),
        cmocka_unit_test(script_says_what_differed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
