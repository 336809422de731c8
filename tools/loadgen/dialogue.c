/* One terminal: hello, cards, requests, lists, results. It does what docs/PROTOCOL.md asks of a
 * terminal, but for keeping its open request on disk: it lives as long as this process. Every
 * result is compared with what the card went through. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARM_WAIT_NS (20 * NS_PER_MS) /* nobody changes cards faster */
#define TRIES_MAX   20
#define LOOK_NS     (100 * NS_PER_MS)

static struct arena scratch;

/* ---- sending ---- */

static void say(struct term *t, pb_to_switch *m)
{
    frame_put_to_switch(&t->out, m);
    t->load->all.frames_out++;
    if (t->out.err)
        report_error(t->load, "%s: a frame does not fit: %s", t->id, oc_strerror(t->out.err));
}

static pb_to_switch to_switch(enum pb_to_switch_case which)
{
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    m.message_case = (__typeof__(m.message_case))which;
    return m;
}

static void say_hello(struct term *t)
{
    static uint32_t versions[] = {1};
    char software[] = "loadgen " ONECARD_VERSION, name[] = "card";
    pb_hello hello = ONECARD__TERMINAL__V1__HELLO__INIT;
    pb_reader reader = ONECARD__TERMINAL__V1__READER__INIT, *readers[] = {&reader};
    reader.number = 1;
    reader.name = name;
    reader.technology = (__typeof__(reader.technology))PB_TECHNOLOGY_CONTACTLESS;
    reader.present = 1;
    hello.n_versions = 1;
    hello.versions = versions;
    hello.software = software;
    hello.instance = load_random(t->load) | 1;
    hello.mono_ms = load_mono_ms(t->load);
    hello.wall_ms = clock_wall_ms(&clock_system);
    hello.n_readers = 1;
    hello.readers = readers;
    pb_to_switch m = to_switch(TO_SWITCH_HELLO);
    m.hello = &hello;
    say(t, &m);
}

static void say_removed(struct term *t)
{
    pb_card_removed removed = ONECARD__TERMINAL__V1__CARD_REMOVED__INIT;
    pb_to_switch m = to_switch(TO_SWITCH_CARD_REMOVED);
    removed.reader = 1;
    removed.arrival = t->removed;
    m.card_removed = &removed;
    if (t->removed)
        say(t, &m);
    t->removed = 0;
}

/* ---- cards ---- */

static void power_up(struct term *t)
{
    uint64_t card = t->call.card;
    t->tap_commands = 0;
    chip_on(&t->chip, t->load->kind, card, &t->load->site.stores[card]);
    list_begin(0);
    if (t->arm_script)
        list_run(t, t->arm->commands, t->arm->n_commands, 0);
}

static void put_card(struct term *t)
{
    t->arrival++;
    t->card_on = true;
    power_up(t);
}

static void fill_card(const struct term *t, uint8_t atr[33], pb_card *ret)
{
    onecard__terminal__v1__card__init(ret);
    ret->reader = 1;
    ret->arrival = t->arrival;
    ret->atr.data = atr;
    ret->atr.len = chip_atr(t->load->kind, atr);
    ret->technology = (__typeof__(ret->technology))PB_TECHNOLOGY_CONTACTLESS;
    ret->script = t->arm_script;
    ret->n_answers = list_answers.count;
    ret->answers = list_answers.each;
}

static void say_card(struct term *t)
{
    uint8_t atr[33];
    pb_card card;
    pb_to_switch m = to_switch(TO_SWITCH_CARD);
    fill_card(t, atr, &card);
    m.card = &card;
    say(t, &m);
    t->arm_script = 0;
}

static void take_card_away(struct term *t)
{
    if (t->card_on)
        t->removed = t->arrival;
    t->card_on = false;
    if (t->tap_commands)
        t->last_commands = t->tap_commands;
}

/* ---- requests ---- */

static void say_request(struct term *t)
{
    struct call *c = &t->call;
    uint8_t atr[33];
    struct work_text text;
    pb_card card;
    pb_request r = ONECARD__TERMINAL__V1__REQUEST__INIT;
    pb_presentation p = ONECARD__TERMINAL__V1__PRESENTATION__INIT;
    pb_presentation_chip chip = ONECARD__TERMINAL__V1__PRESENTATION__CHIP__INIT;
    pb_to_switch m = to_switch(TO_SWITCH_REQUEST);
    bool gate = t->place != PLACE_DESK;
    work_fill(t, &text, &r);
    chip.reader = 1;
    chip.arrival = t->arrival;
    p.what_case = (__typeof__(p.what_case))PB_PRESENTATION_CHIP;
    p.chip = &chip;
    r.number = c->number;
    r.amount_fen = c->amount;
    r.presentation = work_cardless(t) ? NULL : &p;
    r.gate = gate;
    r.wait_ms = 5000;
    r.retap_ms = 2000;
    if (gate) {
        fill_card(t, atr, &card);
        r.card = &card;
        t->arm_script = 0;
    }
    m.request = &r;
    say(t, &m);
    c->sent = true;
}

/* The card is put down (anew) and the request is sent, for the first time or again. */
static void present(struct term *t)
{
    say_removed(t);
    list_begin(0);
    if (!work_cardless(t)) {
        put_card(t);
        if (t->place == PLACE_DESK)
            say_card(t);
    }
    say_request(t);
    list_send(t);
}

/* The switch was busy, and the card still lies there: a desk asks again, a gate reads it anew and
 * asks. */
static void ask_again(struct term *t)
{
    if (t->place != PLACE_DESK)
        power_up(t);
    else
        list_begin(0);
    say_request(t);
    list_send(t);
}

void dialogue_begin(struct term *t, enum service service, int64_t intended_ns)
{
    struct load *l = t->load;
    struct call *c = &t->call, chosen = {.service = service};
    struct chip probe;
    if (!work_choose(t, service, &chosen)) {
        l->all.dry++;
        work_set(t, WORK_LOOK, l->now_ns + LOOK_NS);
        return;
    }
    chip_on(&probe, l->kind, chosen.card, &l->site.stores[chosen.card]);
    *c = (struct call){.open = true,
                       .service = service,
                       .card = chosen.card,
                       .amount = chosen.amount,
                       .intended_ns = intended_ns,
                       .began_ns = l->now_ns,
                       .measured = l->measuring && intended_ns >= l->measure_ns,
                       .moves = probe.store->moves,
                       .balance = probe.store->balance,
                       .reconnecting = l->was_all_up && l->up < l->term_count};
    c->number = ++t->last_request;
    l->open_calls++;
    l->all.begun++;
    if (!t->arm_script && t->arm_comes && !work_cardless(t))
        work_set(t, WORK_ARM, l->now_ns + ARM_WAIT_NS);
    else
        present(t);
}

static void end_call(struct term *t)
{
    t->call.open = false;
    t->load->open_calls--;
    timer_stop(t->load, &t->work);
    take_card_away(t);
}

/* ---- results ---- */

static void on_result(struct term *t, const pb_result *r)
{
    struct call *c = &t->call;
    if (!c->open || r->number != c->number)
        return;
    if ((unsigned)r->outcome == (unsigned)PB_IN_DOUBT) {
        t->load->all.doubts += !c->doubted;
        c->doubted = true;
        if (c->tries++ < TRIES_MAX) {
            take_card_away(t);
            work_set(t, WORK_AGAIN, t->load->now_ns + 200 * NS_PER_MS);
            return;
        }
        t->load->all.unanswered++;
        report_error(t->load, "%s request %" PRIu64 " stays in doubt", t->id, c->number);
    } else {
        result_check(t, r);
        result_count(t, r);
    }
    end_call(t);
}

static void on_busy(struct term *t, const pb_busy *b)
{
    if (!t->call.open || b->number != t->call.number)
        return;
    t->load->all.busy++;
    work_set(t, WORK_AGAIN,
             t->load->now_ns + (int64_t)(b->retry_after_ms ? b->retry_after_ms : 1) * NS_PER_MS);
}

static void on_list(struct term *t, const pb_list *list)
{
    pb_list_answers reply = ONECARD__TERMINAL__V1__LIST_ANSWERS__INIT;
    pb_to_switch m = to_switch(TO_SWITCH_ANSWERS);
    t->call.lists++;
    if (t->card_on && list->arrival == t->arrival && list->reader == 1)
        list_run(t, list->commands, list->n_commands, list->deadline_mono_ms);
    else
        list_not_sent(list->n_commands);
    reply.list = list->list;
    reply.n_answers = list_answers.count;
    reply.answers = list_answers.each;
    m.answers = &reply;
    say(t, &m);
    list_send(t);
}

/* The message stays where it was unpacked: the arena changes hands. */
static void on_arm(struct term *t, pb_arm *arm)
{
    arena_fini(&t->arm_arena);
    t->arm_arena = scratch;
    arena_init(&scratch, 0);
    t->arm = arm;
    t->arm_script = arm->script;
    t->arm_comes = true;
    if (t->call.open && !t->call.sent && t->work.place && t->work_what == WORK_ARM) {
        timer_stop(t->load, &t->work);
        present(t);
    } else if (arm->now && t->card_on && !t->call.open) {
        say_card(t);
    }
}

static void on_welcome(struct term *t, const pb_welcome *w)
{
    struct load *l = t->load;
    l->connecting--;
    l->up++;
    t->phase = PHASE_UP;
    t->back_off_ms = 0;
    t->heartbeat_ms = w->heartbeat_ms;
    if (w->last_request > t->last_request)
        t->last_request = w->last_request;
    if (t->heartbeat_ms)
        timer_set(l, &t->beat, l->now_ns + (int64_t)(load_random(l) % t->heartbeat_ms) * NS_PER_MS);
    if (l->up == l->term_count) {
        if (l->was_all_up && l->down_since_ns)
            l->last_back_ms = (l->now_ns - l->down_since_ns) / NS_PER_MS;
        l->was_all_up = true;
    }
    if (t->call.open)
        present(t);
}

static void on_error(struct term *t, const pb_error *e)
{
    struct load *l = t->load;
    l->all.errors++;
    report_error(l, "%s: the switch says %s: %s", t->id, e->code, e->message);
    if (e->number && t->call.open && e->number == t->call.number && !e->fatal) {
        l->all.unanswered++;
        end_call(t);
    }
}

static void on_drain(struct term *t, const pb_drain *d)
{
    t->back_off_ms = d->reconnect_after_ms > 10 ? d->reconnect_after_ms / 2 : 0;
}

static void dispatch(struct term *t, const pb_to_terminal *m)
{
    switch ((unsigned)m->message_case) {
    case TO_TERMINAL_WELCOME:
        on_welcome(t, m->welcome);
        break;
    case TO_TERMINAL_ARM:
        on_arm(t, m->arm);
        break;
    case TO_TERMINAL_LIST:
        on_list(t, m->list);
        break;
    case TO_TERMINAL_RESULT:
        on_result(t, m->result);
        break;
    case TO_TERMINAL_BUSY:
        on_busy(t, m->busy);
        break;
    case TO_TERMINAL_DRAIN:
        on_drain(t, m->drain);
        break;
    case TO_TERMINAL_ERROR:
        on_error(t, m->error);
        break;
    default:
        break;
    }
}

void dialogue_frame(struct term *t, const void *bytes, size_t len)
{
    pb_to_terminal *m = NULL;
    const char *why = "";
    t->load->all.frames_in++;
    int rc = frame_get_to_terminal(bytes, len, &scratch, &m, &why);
    if (rc == 0)
        dispatch(t, m);
    else if (rc != OC_ENOTSUP)
        report_error(t->load, "%s: a frame of the switch is wrong: %s", t->id, why);
    arena_fini(&scratch);
}

void dialogue_read_end(struct term *t)
{
    if (t->phase == PHASE_UP && !t->call.open && !t->idle)
        pace_free(t);
}

/* ---- the connection ---- */

void dialogue_up(struct term *t)
{
    t->arm_script = 0;
    say_hello(t);
    link_flush(t);
}

void dialogue_down(struct term *t)
{
    t->arm_script = 0;
    t->card_on = false; /* powered down: what was begun is forgotten by the card, not by us */
    t->removed = 0;
    timer_stop(t->load, &t->work);
}

void dialogue_beat(struct term *t)
{
    pb_heartbeat beat = ONECARD__TERMINAL__V1__HEARTBEAT__INIT;
    pb_to_switch m = to_switch(TO_SWITCH_HEARTBEAT);
    struct load *l = t->load;
    if (t->phase != PHASE_UP)
        return;
    beat.mono_ms = load_mono_ms(l);
    beat.wall_ms = clock_wall_ms(&clock_system);
    m.heartbeat = &beat;
    timer_set(l, &t->beat, l->now_ns + (int64_t)t->heartbeat_ms * NS_PER_MS);
    if (t->work.place && t->work_what == WORK_HELD)
        return; /* what is held must not leave before its time */
    say(t, &m);
    link_flush(t);
}

void dialogue_timer(struct term *t, enum work what)
{
    switch (what) {
    case WORK_CONNECT:
        t->load->next_connect = t->index < t->load->next_connect ? t->index : t->load->next_connect;
        break;
    case WORK_HELD:
        link_flush(t);
        break;
    case WORK_ARM:
        t->arm_comes = false;
        if (t->phase == PHASE_UP && t->call.open)
            present(t);
        break;
    case WORK_LOOK:
        pace_free(t);
        break;
    case WORK_AGAIN:
        if (t->phase != PHASE_UP || !t->call.open)
            break;
        if (t->card_on)
            ask_again(t);
        else
            present(t);
        break;
    }
}
