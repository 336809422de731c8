/* A reader over a wire: what is known of DEBIT and CREDIT for everything that a terminal can say or
 * leave unsaid, and how the reader ends. The link answers as it is told. */
#include "card_test.h"

struct wire {
    struct rig *r;
    struct reader_remote *remote;
    int rc;        /* the link's */
    int count_off; /* added to the number of answers */
    const char *
        says[4]; /* for each command: "9000" hex of an answer, "NOT_SENT", "SKIPPED", "LOST", "?" */
    unsigned runs, releases;
    struct card_list last;
    int64_t last_deadline;
    uint64_t last_arrival, last_release;
    void (*meanwhile)(struct wire *w);
};

static const uint8_t atr[] = {0x3B, 0x00};

static struct wire *wire_of(struct rig *r)
{
    return (struct wire *)(uintptr_t)r->arg;
}

static void answer(const char *says, struct card_answer *a)
{
    memset(a, 0, sizeof(*a));
    if (!strcmp(says, "NOT_SENT"))
        a->state = CARD_NOT_SENT;
    else if (!strcmp(says, "LOST"))
        a->state = CARD_LOST_ANSWER;
    else if (!strcmp(says, "?"))
        a->state = (enum card_answer_state)7;
    else if (strcmp(says, "SKIPPED") != 0) {
        a->state = CARD_ANSWERED;
        if (hex_decode_any(says, a->bytes, sizeof(a->bytes), &a->len))
            a->len = 0;
    }
}

static CO_FN int wire_co_run(void *arg, uint64_t arrival, const struct card_list *list,
                             struct card_answers *ret, int64_t deadline_ns)
{
    struct wire *w = arg;
    w->runs++;
    w->last = *list;
    w->last_arrival = arrival;
    w->last_deadline = deadline_ns;
    if (w->meanwhile)
        w->meanwhile(w);
    if (w->rc)
        return w->rc;
    for (unsigned i = 0; i < list->count; i++)
        answer(w->says[i] ? w->says[i] : "6F00", &ret->items[i]);
    ret->count = (unsigned)((int)list->count + w->count_off);
    return 0;
}

static void wire_release(void *arg, uint64_t arrival)
{
    struct wire *w = arg;
    w->releases++;
    w->last_release = arrival;
}

static int tell(struct wire *w, uint64_t arrival)
{
    struct remote_card card = {.arrival = arrival, .atr = atr, .atr_len = sizeof(atr)};
    return reader_remote_card(w->remote, &card);
}

static struct wire *wire_new(void)
{
    struct wire *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    struct remote_link link = {.co_run = wire_co_run, .release = wire_release, .arg = w};
    w->r = rig_new();
    w->r->arg = w;
    rig_profiles(w->r);
    assert_int_equal(reader_remote_new("gate-17/1", &link, &w->remote), 0);
    w->r->reader = reader_remote_reader(w->remote);
    return w;
}

static void wire_free(struct wire *w)
{
    reader_remote_close(w->remote);
    reader_remote_free(&w->remote);
    rig_free(w->r);
    free(w);
}

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

static void run(int (*body)(struct rig *r))
{
    struct wire *w = wire_new();
    rig_run_bare(w->r, body);
    wire_free(w);
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
        cmocka_unit_test(R3_debit_behind_its_record_is_known_from_both_answers),
        cmocka_unit_test(R3_debit_and_credit_alone_are_known_from_their_answer),
        cmocka_unit_test(R3_list_lost_as_a_whole_is_a_doubt_unless_it_never_left),
        cmocka_unit_test(terminal_that_leaves_get_response_to_us_is_served),
        cmocka_unit_test(R4_list_carries_arrival_and_deadline),
        cmocka_unit_test(arrivals_are_the_terminal_s),
        cmocka_unit_test(R8_another_arrival_gets_nothing_of_this_dialogue),
        cmocka_unit_test(closed_reader_ends_every_wait_and_sends_nothing),
        cmocka_unit_test(R3_reader_closed_inside_a_list_is_a_doubt),
        cmocka_unit_test(answers_that_came_along_are_taken_once_and_only_for_the_same_bytes),
        cmocka_unit_test(answers_missing_or_half_are_not_believed),
        cmocka_unit_test(R2_debit_is_never_answered_by_a_script),
        cmocka_unit_test(card_that_a_script_left_elsewhere_is_brought_back),
        cmocka_unit_test(answers_are_forgotten_as_soon_as_the_card_is_asked_otherwise),
        cmocka_unit_test(answers_that_do_not_fit_the_script_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
