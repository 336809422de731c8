/* Answers that come along with a card: when they are taken, and when they are not. */
#include "wire_rig.h"

#define MAC2_TAC "0102030405060708 9000"

/* ---- answers that came along ---- */

static int tell_script(struct wire *w, uint64_t arrival, const char *const *commands,
                       const char *const *says)
{
    struct card_list *l = calloc(1, sizeof(*l));
    struct card_answers *a = calloc(1, sizeof(*a));
    struct remote_card card = {
        .arrival = arrival, .atr = atr, .atr_len = sizeof(atr), .script = l, .answers = a};
    if (!l || !a)
        abort();
    for (; commands[l->count]; l->count++) {
        struct apdu *to = &l->commands[l->count].apdu;
        if (hex_decode_any(commands[l->count], to->bytes, sizeof(to->bytes), &to->len))
            abort();
        answer(says[l->count], &a->items[l->count]);
    }
    a->count = (unsigned)((int)l->count + w->count_off);
    int rc = reader_remote_card(w->remote, &card);
    free(l);
    free(a);
    return rc;
}

static CO_FN int ask(struct rig *r, const char *hex, struct rapdu *ret)
{
    struct apdu cmd;
    int rc = hex_decode_any(hex, cmd.bytes, sizeof(cmd.bytes), &cmd.len);
    return rc ? rc : transmit_co(&r->s, &cmd, ret);
}

#define SELECT_A "00A4040002AAAA00"
#define SELECT_B "00A4040002BBBB00"
#define BALANCE  "805C000204"

static CO_FN int open_with(struct rig *r, const char *const *commands, const char *const *says)
{
    struct wire *w = wire_of(r);
    int rc = tell_script(w, r->reader->arrival + 1, commands, says);
    w->runs = 0;
    return rc ? rc : card_co_open(&r->s, r->reader, 0, FLOW_FOREVER);
}

static CO_FN int taken(struct rig *r)
{
    static const char *const asks[] = {SELECT_A, BALANCE, NULL}, *const says[] = {"9000",
                                                                                  "00000064 9000"};
    struct wire *w = wire_of(r);
    struct rapdu a;
    EXPECT(open_with(r, asks, says), 0);
    EXPECT(ask(r, SELECT_A, &a), 0);
    EXPECT(ask(r, BALANCE, &a), 0);
    STEP(w->runs == 0 && a.len == 4 && a.data[3] == 0x64 && r->s.sw == 0x9000 && r->s.apdus == 0);
    w->says[0] = "00000063 9000";
    EXPECT(ask(r, BALANCE, &a), 0);
    STEP(w->runs == 1 && a.data[3] == 0x63);
    card_co_close(&r->s);
    return 0;
}

static CO_FN int not_taken(struct rig *r)
{
    static const char *const asks[] = {SELECT_A, BALANCE, NULL}, *const says[] = {"9000",
                                                                                  "00000064 9000"};
    struct wire *w = wire_of(r);
    struct rapdu a;
    EXPECT(open_with(r, asks, says), 0);
    w->says[0] = "9000";
    EXPECT(ask(r, SELECT_B, &a), 0);
    STEP(w->runs == 1);
    w->says[0] = "00000063 9000";
    EXPECT(ask(r, BALANCE, &a), 0);
    STEP(w->runs == 2 && a.data[3] == 0x63);
    card_co_close(&r->s);
    return 0;
}

static void answers_that_came_along_are_taken_once_and_only_for_the_same_bytes(void **state)
{
    (void)state;
    run(taken);
    run(not_taken);
}

static CO_FN int unbelieved(struct rig *r)
{
    static const char *const asks[] = {SELECT_A, BALANCE, NULL};
    static const char *const bad[] = {"NOT_SENT", "SKIPPED", "LOST", "?", "90", "6104", "6C04", ""};
    struct wire *w = wire_of(r);
    struct rapdu a;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *const says[] = {"9000", bad[i]};
        int rc = open_with(r, asks, says);
        if (!strcmp(bad[i], "?")) {
            STEP(rc == OC_EINVAL);
            continue;
        }
        EXPECT(rc, 0);
        EXPECT(ask(r, SELECT_A, &a), 0);
        STEP(w->runs == 0);
        w->says[0] = "00000063 9000";
        EXPECT(ask(r, BALANCE, &a), 0);
        STEP(w->runs == 1 && a.data[3] == 0x63);
        card_co_close(&r->s);
    }
    return 0;
}

static void answers_missing_or_half_are_not_believed(void **state)
{
    (void)state;
    run(unbelieved);
}

static CO_FN int never_value(struct rig *r)
{
    static const char *const asks[] = {"805401000F00000007202611210800000000000008", NULL},
                             *const says[] = {MAC2_TAC};
    struct wire *w = wire_of(r);
    struct purse_debit d = {.sam_seq = 7, .date = {0x20, 0x26, 0x11, 0x21}, .time = {8, 0, 0}};
    struct debit_answer a;
    EXPECT(open_with(r, asks, says), 0);
    r->s.profile = profile_get(r->set, "mohurd");
    w->says[0] = "9302";
    EXPECT(purse_co_debit(&r->s, &d, &a), OC_ECARD_SW);
    STEP(w->runs == 1);
    card_co_close(&r->s);
    return 0;
}

static void R2_debit_is_never_answered_by_a_script(void **state)
{
    (void)state;
    run(never_value);
}

static CO_FN int elsewhere(struct rig *r)
{
    static const char *const asks[] = {SELECT_A, BALANCE, SELECT_B, NULL}, *const says[] = {
                                                                               "9000",
                                                                               "00000064 9000",
                                                                               "9000"};
    struct wire *w = wire_of(r);
    struct rapdu a;
    EXPECT(open_with(r, asks, says), 0);
    EXPECT(ask(r, SELECT_A, &a), 0);
    w->says[0] = "9000";
    EXPECT(ask(r, "00B095001E", &a), 0);
    STEP(w->runs == 2); /* the card lay at B: A again, then the file */
    STEP(w->last.commands[0].apdu.bytes[1] == 0xB0);
    card_co_close(&r->s);
    EXPECT(open_with(r, asks, says), 0);
    EXPECT(ask(r, SELECT_A, &a), 0);
    w->says[0] = "6A82";
    EXPECT(ask(r, "00B095001E", &a), OC_ECARD_GONE);
    STEP(w->runs == 1 && !card_present(&r->s));
    card_co_close(&r->s);
    return 0;
}

static void card_that_a_script_left_elsewhere_is_brought_back(void **state)
{
    (void)state;
    run(elsewhere);
}

static CO_FN int stale(struct rig *r)
{
    static const char *const asks[] = {SELECT_A, NULL}, *const says[] = {"9000"};
    struct wire *w = wire_of(r);
    struct rapdu a;
    w->says[0] = "9000";
    EXPECT(tell(w, 1), 0);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    EXPECT(tell_script(w, 1, asks, says), 0); /* asked anew while a dialogue is open … */
    EXPECT(ask(r, BALANCE, &a), 0);           /* … that goes on asking */
    STEP(!r->reader->known);
    EXPECT(tell_script(w, 1, asks, says), 0);
    card_co_close(&r->s);
    STEP(!r->reader->known); /* released: powered down */
    EXPECT(tell_script(w, 1, asks, says), 0);
    STEP(r->reader->known && r->reader->arrival == 1);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    w->runs = 0;
    EXPECT(ask(r, SELECT_A, &a), 0);
    STEP(w->runs == 0);
    EXPECT(tell_script(w, 2, asks, says), 0); /* the next card's answers stay the next card's */
    card_co_close(&r->s);
    STEP(r->reader->known && r->reader->arrival == 2);
    reader_remote_removed(w->remote, 2);
    STEP(!r->reader->known);
    return 0;
}

static void answers_are_forgotten_as_soon_as_the_card_is_asked_otherwise(void **state)
{
    (void)state;
    run(stale);
}

static CO_FN int misfits(struct rig *r)
{
    static const char *const asks[] = {SELECT_A, BALANCE, NULL}, *const says[] = {"9000", "9000"};
    struct wire *w = wire_of(r);
    w->count_off = -1;
    EXPECT(tell_script(w, 1, asks, says), OC_EINVAL);
    w->count_off = 1;
    EXPECT(tell_script(w, 1, asks, says), OC_EINVAL);
    w->count_off = 0;
    static const char *const none[] = {"00A4", NULL};
    EXPECT(tell_script(w, 1, none, says), OC_EINVAL);
    STEP(r->reader->state == READER_GONE && r->reader->arrival == 0);
    return 0;
}

static void answers_that_do_not_fit_the_script_are_refused(void **state)
{
    (void)state;
    run(misfits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_that_came_along_are_taken_once_and_only_for_the_same_bytes),
        cmocka_unit_test(answers_missing_or_half_are_not_believed),
        cmocka_unit_test(R2_debit_is_never_answered_by_a_script),
        cmocka_unit_test(card_that_a_script_left_elsewhere_is_brought_back),
        cmocka_unit_test(answers_are_forgotten_as_soon_as_the_card_is_asked_otherwise),
        cmocka_unit_test(answers_that_do_not_fit_the_script_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
