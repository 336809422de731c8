/* A reader over a wire: what is known of DEBIT and CREDIT for everything that a terminal can say or
 * leave unsaid, and how the reader ends. The link answers as it is told. */
#include "wire_rig.h"

/* ---- DEBIT with its journey record, and alone; CREDIT ---- */

#define MAC2_TAC "0102030405060708 9000"

static const uint8_t record[CAPP_RECORD_MAX], date[4] = {0x20, 0x26, 0x11, 0x21}, at[3] = {8, 0, 0},
                                              mac[4] = {1, 2, 3, 4};

enum what { DEBIT_WITH_RECORD, DEBIT_ALONE, CREDIT };

static CO_FN int move(struct rig *r, enum what what)
{
    struct purse_debit d = {.sam_seq = 7};
    struct debit_answer a;
    struct credit_answer c;
    r->s.profile = profile_get(r->set, "mohurd");
    memcpy(d.date, date, 4);
    memcpy(d.time, at, 3);
    if (what == CREDIT)
        return purse_co_credit_load(&r->s, date, at, mac, &c);
    if (what == DEBIT_WITH_RECORD) {
        d.capp = record;
        d.capp_len = r->s.profile->capp.length;
    }
    return purse_co_debit(&r->s, &d, &a);
}

struct expected {
    int rc;
    enum card_moved moved;
};
static const struct expected moved = {0, CARD_MOVED}, refused = {OC_ECARD_SW, CARD_NOT_MOVED},
                             senseless = {OC_ECARD_DATA, CARD_UNKNOWN},
                             lost = {OC_ECARD_LOST, CARD_UNKNOWN},
                             unsent = {OC_ECARD_GONE, CARD_NOT_MOVED},
                             cache = {OC_ECARD_CACHE, CARD_NOT_MOVED};

/* One dialogue with a card that just came: does the result say what was expected, once, and is the
 * session as it must be? */
static CO_FN bool holds(struct rig *r, enum what what, const struct expected *want)
{
    struct wire *w = wire_of(r);
    unsigned runs = w->runs;
    if (tell(w, r->reader->arrival + 1) || card_co_open(&r->s, r->reader, 0, FLOW_FOREVER))
        return false;
    r->rc = move(r, what);
    bool alive = want->rc == 0 || want->rc == OC_ECARD_SW || want->rc == OC_ECARD_DATA ||
                 want->rc == OC_ECARD_CACHE;
    bool ok = r->rc == want->rc && card_moved(r->s.profile, r->rc, r->s.sw) == want->moved &&
              w->runs == runs + 1 && card_present(&r->s) == alive;
    card_co_close(&r->s);
    return ok;
}

static CO_FN int every_pair(struct rig *r)
{
    static const char *const first[] = {"9000", "6985", "90", "NOT_SENT", "LOST", "SKIPPED", "?"};
    static const char *const second[] = {MAC2_TAC,  "9302", "90", "NOT_SENT",
                                         "SKIPPED", "LOST", "?"};
    const struct expected *const want[ARRAY_LEN(first)][ARRAY_LEN(second)] = {
        {&moved, &refused, &senseless, &unsent, &lost, &lost, &lost},   /* 9000 */
        {&moved, &refused, &senseless, &cache, &cache, &lost, &lost},   /* 6985 */
        {&moved, &refused, &senseless, &cache, &lost, &lost, &lost},    /* no status word */
        {&moved, &refused, &senseless, &unsent, &unsent, &lost, &lost}, /* NOT_SENT */
        {&moved, &refused, &senseless, &unsent, &unsent, &lost, &lost}, /* LOST */
        {&moved, &refused, &senseless, &unsent, &lost, &lost, &lost},   /* SKIPPED */
        {&moved, &refused, &senseless, &unsent, &lost, &lost, &lost},   /* nonsense */
    };
    struct wire *w = wire_of(r);
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        for (size_t j = 0; j < ARRAY_LEN(second); j++) {
            w->says[0] = first[i];
            w->says[1] = second[j];
            if (!holds(r, DEBIT_WITH_RECORD, want[i][j])) {
                printf("record %s, debit %s: %d\n", first[i], second[j], r->rc);
                r->line = __LINE__;
            }
        }
    }
    return 0;
}

static void R3_debit_behind_its_record_is_known_from_both_answers(void **state)
{
    (void)state;
    run(every_pair);
}

static CO_FN int every_single(struct rig *r)
{
    static const char *const says[] = {"9302", "90", "NOT_SENT", "SKIPPED", "LOST", "?"};
    const struct expected *const want[ARRAY_LEN(says)] = {&refused, &senseless, &unsent,
                                                          &lost,    &lost,      &lost};
    struct wire *w = wire_of(r);
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        w->says[0] = says[i];
        STEP(holds(r, DEBIT_ALONE, want[i]));
        STEP(holds(r, CREDIT, want[i]));
    }
    w->says[0] = MAC2_TAC;
    STEP(holds(r, DEBIT_ALONE, &moved));
    w->says[0] = "01020304 9000";
    STEP(holds(r, CREDIT, &moved));
    return 0;
}

static void R3_debit_and_credit_alone_are_known_from_their_answer(void **state)
{
    (void)state;
    run(every_single);
}

static CO_FN int every_failure(struct rig *r)
{
    static const int fails[] = {OC_ECLOSED,    OC_ETIMEDOUT,   OC_EIO,
                                OC_ECANCELED,  OC_ENOMEM,      OC_EINTERNAL,
                                OC_ECARD_LOST, OC_ECARD_CACHE, 1};
    struct wire *w = wire_of(r);
    w->says[0] = "9000";
    w->says[1] = MAC2_TAC;
    for (int what = DEBIT_WITH_RECORD; what <= CREDIT; what++) {
        for (size_t i = 0; i < ARRAY_LEN(fails); i++) {
            w->rc = fails[i];
            STEP(holds(r, (enum what)what, &lost));
        }
        w->rc = OC_ECARD_GONE;
        STEP(holds(r, (enum what)what, &unsent));
        w->rc = 0;
        w->count_off = -1;
        STEP(holds(r, (enum what)what, &lost));
        w->count_off = 1;
        STEP(holds(r, (enum what)what, &lost));
        w->count_off = 0;
    }
    return 0;
}

static void R3_list_lost_as_a_whole_is_a_doubt_unless_it_never_left(void **state)
{
    (void)state;
    run(every_failure);
}

static CO_FN int more_data(struct rig *r)
{
    struct wire *w = wire_of(r);
    struct rapdu a;
    struct apdu balance;
    STEP(tell(w, 1) == 0);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    apdu_get_balance(&balance, 0);
    w->says[0] = "6104";
    EXPECT(transmit_co(&r->s, &balance, &a), OC_ECARD_DATA); /* always more, for ever */
    STEP(w->runs == 9 && w->last.commands[0].apdu.bytes[1] == 0xC0);
    card_co_close(&r->s);
    return 0;
}

static void terminal_that_leaves_get_response_to_us_is_served(void **state)
{
    (void)state;
    run(more_data);
}

/* ---- what a list carries ---- */

static CO_FN int list_is_bounded(struct rig *r)
{
    struct wire *w = wire_of(r);
    struct apdu balance;
    struct rapdu a;
    STEP(tell(w, 5) == 0);
    EXPECT(card_co_open(&r->s, r->reader, 5, FLOW_FOREVER), 0);
    apdu_get_balance(&balance, 0);
    int64_t now = loop_now_ns(flow_loop());
    w->says[0] = "00000064 9000";
    EXPECT(transmit_co(&r->s, &balance, &a), 0);
    STEP(a.len == 4 && a.data[3] == 0x64);
    STEP(w->last_arrival == 5 && w->last.count == 1 && card_list_valid(&w->last));
    STEP(w->last_deadline == now + 3000 * NS_PER_MS && w->last.commands[0].timeout_ms == 3000);
    r->s.deadline_ns = now + 700 * NS_PER_MS;
    EXPECT(transmit_co(&r->s, &balance, &a), 0);
    STEP(w->last_deadline == r->s.deadline_ns);
    w->says[0] = "9000";
    w->says[1] = MAC2_TAC;
    EXPECT(move(r, DEBIT_WITH_RECORD), 0);
    STEP(w->last.count == 2 && w->last_deadline == r->s.deadline_ns && card_list_valid(&w->last));
    STEP(w->last.commands[0].accept_count == 0 && w->last.commands[0].otherwise == 0);
    r->s.deadline_ns = now;
    unsigned runs = w->runs;
    EXPECT(move(r, DEBIT_WITH_RECORD), OC_ETIMEDOUT);
    STEP(w->runs == runs);
    card_co_close(&r->s);
    STEP(w->releases == 1 && w->last_release == 5);
    return 0;
}

static void R4_list_carries_arrival_and_deadline(void **state)
{
    (void)state;
    run(list_is_bounded);
}

/* ---- the reader ---- */

static CO_FN int arrivals(struct rig *r)
{
    struct wire *w = wire_of(r);
    struct remote_card card = {.arrival = 3, .atr = atr, .atr_len = ATR_MAX + 1};
    uint64_t arrival = 0;
    STEP(r->reader->state == READER_GONE);
    reader_remote_plugged(w->remote, true);
    STEP(r->reader->state == READER_EMPTY);
    EXPECT(reader_remote_card(w->remote, &card), OC_EINVAL);
    EXPECT(tell(w, 0), OC_EINVAL);
    EXPECT(tell(w, 3), 0);
    EXPECT(reader_co_wait_arrival(r->reader, 0, FLOW_FOREVER, &arrival), 0);
    STEP(arrival == 3 && r->reader->state == READER_CARD);
    EXPECT(tell(w, 2), OC_EINVAL);
    EXPECT(tell(w, 3), 0);
    STEP(r->reader->arrival == 3);
    reader_remote_removed(w->remote, 2);
    STEP(r->reader->state == READER_CARD);
    reader_remote_removed(w->remote, 3);
    STEP(r->reader->state == READER_EMPTY);
    EXPECT(tell(w, 3), OC_EINVAL);
    EXPECT(tell(w, UINT64_MAX), 0);
    STEP(r->reader->arrival == UINT64_MAX);
    reader_remote_plugged(w->remote, false);
    STEP(r->reader->state == READER_GONE);
    return 0;
}

static void arrivals_are_the_terminal_s(void **state)
{
    (void)state;
    run(arrivals);
}

static void other_card_comes(struct wire *w)
{
    (void)tell(w, 9);
}

static CO_FN int another_card(struct rig *r)
{
    struct wire *w = wire_of(r);
    STEP(tell(w, 1) == 0);
    EXPECT(card_co_open(&r->s, r->reader, 2, FLOW_FOREVER), OC_ECARD_GONE);
    EXPECT(card_co_open(&r->s, r->reader, 1, FLOW_FOREVER), 0);
    w->meanwhile = other_card_comes;
    w->says[0] = "LOST";
    EXPECT(move(r, DEBIT_ALONE), OC_ECARD_LOST);
    w->meanwhile = NULL;
    EXPECT(move(r, DEBIT_ALONE), OC_ECARD_GONE);
    STEP(w->runs == 1);
    card_co_close(&r->s);
    STEP(w->last_release == 1);
    return 0;
}

static void R8_another_arrival_gets_nothing_of_this_dialogue(void **state)
{
    (void)state;
    run(another_card);
}

static void wire_goes(struct wire *w)
{
    reader_remote_close(w->remote);
}

static CO_FN int closed_within(struct rig *r)
{
    struct wire *w = wire_of(r);
    uint64_t arrival;
    STEP(tell(w, 1) == 0);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    w->meanwhile = wire_goes;
    w->rc = OC_ECLOSED;
    EXPECT(move(r, DEBIT_WITH_RECORD), OC_ECARD_LOST);
    EXPECT(move(r, DEBIT_WITH_RECORD), OC_ECARD_GONE);
    card_co_close(&r->s);
    STEP(w->releases == 0 && w->runs == 1);
    EXPECT(reader_co_wait_arrival(r->reader, 0, FLOW_FOREVER, &arrival), OC_ECLOSED);
    EXPECT(reader_co_wait_empty(r->reader, 1, FLOW_FOREVER), OC_ECLOSED);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), OC_EREADER);
    return 0;
}

static CO_FN int closed_before(struct rig *r)
{
    struct wire *w = wire_of(r);
    STEP(tell(w, 1) == 0);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    reader_remote_close(w->remote);
    EXPECT(move(r, DEBIT_WITH_RECORD), OC_ECARD_GONE);
    STEP(w->runs == 0);
    card_co_close(&r->s);
    EXPECT(tell(w, 2), OC_EINVAL);
    reader_remote_plugged(w->remote, true);
    STEP(r->reader->state == READER_GONE);
    return 0;
}

static CO_FN int close_soon(void *arg)
{
    struct rig *r = arg;
    int rc = flow_co_sleep_ms(50);
    reader_remote_close(wire_of(r)->remote);
    return rc;
}

static CO_FN int closed_while_waiting(struct rig *r)
{
    uint64_t arrival;
    reader_remote_plugged(wire_of(r)->remote, true);
    EXPECT(flow_start(flow_loop(), "close", close_soon, r, NULL), 0);
    EXPECT(reader_co_wait_arrival(r->reader, 0, FLOW_FOREVER, &arrival), OC_ECLOSED);
    return 0;
}

static void closed_reader_ends_every_wait_and_sends_nothing(void **state)
{
    (void)state;
    run(closed_before);
    run(closed_while_waiting);
}

static void R3_reader_closed_inside_a_list_is_a_doubt(void **state)
{
    (void)state;
    run(closed_within);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R3_debit_behind_its_record_is_known_from_both_answers),
        cmocka_unit_test(R3_debit_and_credit_alone_are_known_from_their_answer),
        cmocka_unit_test(R3_list_lost_as_a_whole_is_a_doubt_unless_it_never_left),
        cmocka_unit_test(terminal_that_leaves_get_response_to_us_is_served),
        cmocka_unit_test(R4_list_carries_arrival_and_deadline),
        cmocka_unit_test(arrivals_are_the_terminal_s),
        cmocka_unit_test(R8_another_arrival_gets_nothing_of_this_dialogue),
        cmocka_unit_test(closed_reader_ends_every_wait_and_sends_nothing),
        cmocka_unit_test(R3_reader_closed_inside_a_list_is_a_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
