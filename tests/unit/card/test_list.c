/* Lists of commands: their shape, and what a terminal does with them, byte by byte. */
#include "card_test.h"
#include "reader_script.h"

struct run {
    struct rig *r;
    struct card_list list;
    struct card_answers answers;
};

static void add(struct card_list *l, const char *hex)
{
    struct card_command *c = &l->commands[l->count++];
    memset(c, 0, sizeof(*c));
    assert_int_equal(hex_decode_any(hex, c->apdu.bytes, sizeof(c->apdu.bytes), &c->apdu.len), 0);
}

/* SELECT a, or else SELECT b; then GET BALANCE of whichever it was. */
static void branching(struct card_list *l)
{
    l->count = 0;
    add(l, "00A4040002AAAA00");
    add(l, "805C000204");
    add(l, "00A4040002BBBB00");
    add(l, "805C010204");
    l->commands[0].otherwise = 2;
    l->commands[1].accept[0] = 0xFFFF;
    l->commands[1].accept_count = 1;
}

static void play(const char *script, void (*make)(struct card_list *l), int (*body)(struct rig *r))
{
    struct run *x = calloc(1, sizeof(*x));
    struct reader_script *s;
    assert_non_null(x);
    x->r = rig_new();
    x->r->arg = x;
    make(&x->list);
    assert_int_equal(reader_script_new(x->r->rs, "script", "inline", script, &s), 0);
    x->r->reader = reader_script_reader(s);
    rig_run(x->r, body);
    assert_string_equal(reader_script_verdict(s), "");
    rig_free(x->r);
    free(x);
}

static struct run *run_of(struct rig *r)
{
    return (struct run *)(uintptr_t)r->arg;
}

static CO_FN const char *states(struct rig *r, char ret[CARD_LIST_MAX + 1])
{
    struct run *x = run_of(r);
    memset(&x->answers, 0xEE, sizeof(x->answers));
    card_list_co_run(&r->s, &x->list, &x->answers);
    for (unsigned i = 0; i < x->answers.count; i++)
        ret[i] = "SANL"[x->answers.items[i].state];
    ret[x->answers.count] = 0;
    return ret;
}

#define BODY(name, want)                                                                           \
    static CO_FN int name(struct rig *r)                                                           \
    {                                                                                              \
        char got[CARD_LIST_MAX + 1];                                                               \
        STEP(!strcmp(states(r, got), want));                                                       \
        return 0;                                                                                  \
    }
BODY(is_aass, "AASS")
BODY(is_asaa, "ASAA")
BODY(is_asas, "ASAS")
BODY(is_alnn, "ALNN")
BODY(is_annn, "ANNN")
BODY(is_nnnn, "NNNN")

static void list_ends_where_nothing_is_accepted(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 9000\n> 805C000204\n< 00000001 9000", branching, is_aass);
}

static void list_goes_on_where_another_word_leads(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 6A82\n> 00A4040002BBBB00\n< 9000\n> 805C010204\n< 00000001 9000",
         branching, is_asaa);
}

static void list_ends_at_an_unexpected_word(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 6A82\n> 00A4040002BBBB00\n< 6A82", branching, is_asas);
}

static void answer_lost_ends_the_list(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 9000\n> 805C000204\n! lost", branching, is_alnn);
}

static void answer_without_status_word_counts_as_lost(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 9000\n> 805C000204\n< 90", branching, is_alnn);
}

static void command_that_never_left_is_not_sent(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 9000\n> 805C000204\n! removed", branching, is_annn);
}

static CO_FN int past_deadline(struct rig *r)
{
    r->s.deadline_ns = loop_now_ns(flow_loop());
    return is_nnnn(r);
}

static void R4_list_past_its_deadline_is_not_sent(void **state)
{
    (void)state;
    play("# nothing\n", branching, past_deadline);
}

static CO_FN int cancelled(struct rig *r)
{
    flow_cancel(flow_self());
    return is_aass(r);
}

static void list_that_began_is_not_cancelled(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 9000\n> 805C000204\n< 00000001 9000", branching, cancelled);
}

static void bad_jump(struct card_list *l)
{
    branching(l);
    l->commands[2].otherwise = 1;
}

static void list_that_is_none_is_not_sent(void **state)
{
    (void)state;
    play("# nothing\n", bad_jump, is_nnnn);
}

static CO_FN int answers_are_whole(struct rig *r)
{
    char got[CARD_LIST_MAX + 1];
    struct run *x = run_of(r);
    STEP(!strcmp(states(r, got), "AASS"));
    STEP(x->answers.items[1].len == 6 && x->answers.items[1].bytes[3] == 0x64);
    STEP(be16(x->answers.items[1].bytes + 4) == 0x9000);
    STEP(x->answers.items[2].len == 0);
    return 0;
}

static void T0_terminal_fetches_the_whole_answer(void **state)
{
    (void)state;
    play("protocol T0\n> 00A4040002AAAA\n< 9000\n> 805C000204\n< 6C04\n> 805C000204\n< 6104\n> "
         "00C0000004\n< 00000064 9000",
         branching, answers_are_whole);
}

static CO_FN int patience_is_the_command_s(struct rig *r)
{
    struct run *x = run_of(r);
    int64_t began = loop_now_ns(flow_loop());
    x->list.commands[1].timeout_ms = 120;
    char got[CARD_LIST_MAX + 1];
    STEP(!strcmp(states(r, got), "ALNN"));
    STEP(loop_now_ns(flow_loop()) - began == 120 * NS_PER_MS);
    STEP(x->answers.items[1].micros == 120000);
    STEP(r->s.command_ms == 3000);
    return 0;
}

static void command_has_a_patience_of_its_own(void **state)
{
    (void)state;
    play("> 00A4040002AAAA00\n< 9000\n> 805C000204\n! unanswered", branching,
         patience_is_the_command_s);
}

/* ---- shape ---- */

static void validity_is_length_jumps_and_apdus(void **state)
{
    (void)state;
    struct card_list *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    assert_false(card_list_valid(l));
    branching(l);
    assert_true(card_list_valid(l));
    l->commands[0].otherwise = 4;
    assert_false(card_list_valid(l));
    l->commands[0].otherwise = 0;
    l->commands[3].accept_count = CARD_ACCEPT_MAX + 1;
    assert_false(card_list_valid(l));
    l->commands[3].accept_count = 0;
    l->commands[3].apdu.len = 3;
    assert_false(card_list_valid(l));
    branching(l);
    l->count = CARD_LIST_MAX + 1;
    assert_false(card_list_valid(l));
    free(l);
}

static void next_never_goes_back(void **state)
{
    (void)state;
    struct card_list *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    branching(l);
    assert_int_equal(card_list_next(l, 0, 0x9000), 1);
    assert_int_equal(card_list_next(l, 0, 0x6A82), 2);
    assert_int_equal(card_list_next(l, 1, 0x9000), 4);
    assert_int_equal(card_list_next(l, 3, 0x9000), 4);
    assert_int_equal(card_list_next(l, 9, 0x9000), 4);
    l->commands[2].otherwise = 1;
    assert_int_equal(card_list_next(l, 2, 0x6A82), 4);
    free(l);
}

static void R2_what_moves_or_writes_is_not_harmless(void **state)
{
    static const char *const harmless[] = {
        "00A4040002AAAA00", "00B095001E",       "00B2010C17", "008800010811223344556677 8808",
        "805C000204",       "805A000602000108", "80CA000009", "8050000200",
        "8050010200",       "8050030200",
    };
    static const char *const harmful[] = {
        "8052000000", "8054010000", "80DC000000", "00DC010C00", "04D6000000", "0020000000",
        "0082000000", "80E0000000", "8050020200", "8050040200", "841E000000", "80A4040000",
        "04B0950000", "00C0000000", "00D6000000", "8058000000", "00",
    };
    (void)state;
    struct card_list *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        add(l, harmless[i]);
    assert_true(card_list_harmless(l));
    for (size_t i = 0; i < ARRAY_LEN(harmful); i++) {
        l->count = 1;
        add(l, harmful[i]);
        assert_false(card_list_harmless(l));
    }
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_ends_where_nothing_is_accepted),
        cmocka_unit_test(list_goes_on_where_another_word_leads),
        cmocka_unit_test(list_ends_at_an_unexpected_word),
        cmocka_unit_test(answer_lost_ends_the_list),
        cmocka_unit_test(answer_without_status_word_counts_as_lost),
        cmocka_unit_test(command_that_never_left_is_not_sent),
        cmocka_unit_test(R4_list_past_its_deadline_is_not_sent),
        cmocka_unit_test(list_that_began_is_not_cancelled),
        cmocka_unit_test(list_that_is_none_is_not_sent),
        cmocka_unit_test(T0_terminal_fetches_the_whole_answer),
        cmocka_unit_test(command_has_a_patience_of_its_own),
        cmocka_unit_test(validity_is_length_jumps_and_apdus),
        cmocka_unit_test(next_never_goes_back),
        cmocka_unit_test(R2_what_moves_or_writes_is_not_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
