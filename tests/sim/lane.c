/* A terminal over the network, in the sense of docs/PROTOCOL.md: it connects, tells its card, runs
 * what it was armed with and the lists it is sent, keeps each request until it has its result, and
 * connects again when the wire has gone. The switch's end is the real session. */
#include "city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_MS    4000
#define PATIENCE_S 90
#define ANSWER_MAX 260

struct sim_lane {
    struct till *till;
    struct sim_wire *wire;
    struct stream *stream; /* NULL: not connected */
    struct inflow in;
    struct arena arena, arm_arena;
    pb_to_terminal *m;
    pb_arm *arm; /* what stands for the next card */
    uint64_t arrival;
    uint64_t last_list;
    bool welcome, got; /* got: the result of t->req */
};

void lane_pin(const struct till *t, uint8_t ret[TLS_PIN_LEN])
{
    memset(ret, 0x40, TLS_PIN_LEN);
    ret[0] = (uint8_t)(t->index + 1);
}

static uint64_t mono_ms(const struct till *t)
{
    return (uint64_t)(t->city->machine.now_ns / NS_PER_MS) + 1000000ULL * (t->index + 1);
}

/* ---- frames ---- */

static CO_FN int send_message(struct sim_lane *l, const pb_to_switch *m)
{
    struct buf b;
    if (!l->stream)
        return OC_ECLOSED;
    buf_init(&b, 2 * FRAME_MAX);
    frame_put_to_switch(&b, m);
    int rc = b.err ? b.err : stream_co_write(l->stream, b.data, b.len, FLOW_FOREVER);
    buf_fini(&b);
    return rc;
}

void lane_hang_up(struct till *t)
{
    struct sim_lane *l = t->lane;
    stream_close(&l->stream);
    inflow_fini(&l->in);
    l->in = (struct inflow){0};
    l->wire = NULL;
    l->welcome = false;
    l->arm = NULL;
}

/* ---- cards ---- */

struct answers {
    pb_answer items[FRAME_LIST_MAX], *order[FRAME_LIST_MAX];
    uint8_t bytes[FRAME_LIST_MAX][ANSWER_MAX];
};

static bool accepted(const pb_command *c, const pb_answer *a)
{
    const uint8_t *end = a->bytes.data + a->bytes.len;
    uint32_t sw = (uint32_t)end[-2] << 8 | end[-1];
    if (c->n_accept == 0)
        return sw == 0x9000;
    for (size_t i = 0; i < c->n_accept; i++)
        if (c->accept[i] == sw)
            return true;
    return false;
}

static void put_state(pb_answer *p, enum pb_answer_state state)
{
    p->state = (Onecard__Terminal__V1__Answer__State)state;
}

/* One command; false: the list ends here. */
static CO_FN bool execute_one(struct sim_lane *l, const pb_command *c, pb_answer *p, uint8_t *bytes,
                              uint64_t arrival, uint64_t deadline_ms)
{
    struct till *t = l->till;
    size_t len = 0;
    (void)!till_co_pass(t, sim_range(&t->rand, 1, 5 * NS_PER_MS), FLOW_FOREVER);
    bool late = deadline_ms != 0 && mono_ms(t) > deadline_ms;
    if (t->lies < 0 || l->arrival != arrival || late || !l->stream || t->city->dead)
        return false;
    int err = card_transmit(t->city, t->lies, c->apdu.data, c->apdu.len, bytes, ANSWER_MAX, &len);
    int64_t slow = (int64_t)cardsim_take_delay_ms(t->city->cards[t->lies].chip) * NS_PER_MS;
    if (err != 0) {
        put_state(p, PB_ANSWER_LOST);
        if (err == CARDSIM_MUTE)
            (void)!till_co_pass(t, 1500 * NS_PER_MS, FLOW_FOREVER);
        else
            till_co_torn(t);
        return false;
    }
    if (slow > 0)
        (void)!till_co_pass(t, slow, FLOW_FOREVER);
    put_state(p, PB_ANSWER_ANSWERED);
    p->bytes = (ProtobufCBinaryData){len, bytes};
    return true;
}

static CO_FN void execute(struct sim_lane *l, pb_command **commands, size_t n, struct answers *a,
                          uint64_t arrival, uint64_t deadline_ms)
{
    size_t i = 0;
    for (size_t k = 0; k < n; k++) {
        onecard__terminal__v1__answer__init(&a->items[k]);
        a->order[k] = &a->items[k];
    }
    while (i < n) {
        pb_answer *p = &a->items[i];
        if (!execute_one(l, commands[i], p, a->bytes[i], arrival, deadline_ms)) {
            for (size_t k = i; k < n; k++)
                if (a->items[k].state == (Onecard__Terminal__V1__Answer__State)PB_ANSWER_SKIPPED)
                    put_state(&a->items[k], PB_ANSWER_NOT_SENT);
            return;
        }
        if (accepted(commands[i], p))
            i++;
        else if (commands[i]->otherwise > i)
            i = commands[i]->otherwise;
        else
            return;
    }
}

/* Tells the card that lies there, with what it answered to the script. */
static CO_FN int tell_card(struct sim_lane *l)
{
    struct till *t = l->till;
    struct answers *a = calloc(1, sizeof *a);
    uint8_t atr[CARDSIM_ATR_MAX];
    pb_card card = ONECARD__TERMINAL__V1__CARD__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    CHECK(a);
    card.reader = 1;
    card.arrival = l->arrival;
    card.atr = (ProtobufCBinaryData){cardsim_atr(t->city->cards[t->lies].chip, atr), atr};
    if (l->arm) {
        pb_arm *arm = l->arm;
        l->arm = NULL; /* used once */
        card.script = arm->script;
        card.n_answers = arm->n_commands;
        card.answers = a->order;
        execute(l, arm->commands, arm->n_commands, a, card.arrival, 0);
    }
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CARD;
    m.card = &card;
    int rc = t->lies >= 0 ? send_message(l, &m) : 0;
    free(a);
    return rc;
}

void lane_co_card_came(struct till *t)
{
    t->lane->arrival++;
    if (t->lane->welcome)
        (void)!tell_card(t->lane);
}

void lane_co_card_left(struct till *t)
{
    pb_card_removed r = ONECARD__TERMINAL__V1__CARD_REMOVED__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    r.reader = 1;
    r.arrival = t->lane->arrival;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CARD_REMOVED;
    m.card_removed = &r;
    if (t->lane->welcome)
        (void)!send_message(t->lane, &m);
}

static CO_FN int on_list(struct sim_lane *l, const pb_list *list)
{
    struct answers *a = calloc(1, sizeof *a);
    pb_list_answers la = ONECARD__TERMINAL__V1__LIST_ANSWERS__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    CHECK(a);
    execute(l, list->commands, list->n_commands, a, list->arrival, list->deadline_mono_ms);
    la.list = list->list;
    la.n_answers = list->n_commands;
    la.answers = a->order;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_ANSWERS;
    m.answers = &la;
    int rc = send_message(l, &m);
    free(a);
    return rc;
}

/* ---- what the switch says ---- */

static enum oc_reason reason_of(const char *code)
{
    for (int i = 0; i < 256; i++)
        if (strcmp(oc_reason_code((enum oc_reason)i), code) == 0)
            return (enum oc_reason)i;
    return OC_R_NONE;
}

static void take_result(struct sim_lane *l, const pb_result *p)
{
    struct txn_result *r = &l->till->res;
    if (p->number != (uint64_t)l->till->req.request_no)
        return;
    r->outcome = p->outcome == (Onecard__Terminal__V1__Outcome)PB_POSTED    ? OC_POSTED
                 : p->outcome == (Onecard__Terminal__V1__Outcome)PB_REFUSED ? OC_REFUSED
                 : p->outcome == (Onecard__Terminal__V1__Outcome)PB_VOIDED  ? OC_VOIDED
                                                                            : OC_IN_DOUBT;
    r->reason = reason_of(p->reason);
    r->txn = 0;
    if (p->txn[0] != '\0')
        (void)!ident_parse(p->txn, &r->txn);
    r->amount = p->amount_fen;
    r->business_date = p->business_date;
    r->replayed = p->replayed;
    l->got = true;
}

static CO_FN int take(struct sim_lane *l, const uint8_t *bytes, size_t len)
{
    const pb_to_terminal *m = l->m;
    pb_to_terminal *kept = NULL;
    switch ((enum pb_to_terminal_case)m->message_case) {
    case TO_TERMINAL_WELCOME:
        l->welcome = true;
        return l->till->lies >= 0 ? tell_card(l) : 0;
    case TO_TERMINAL_ARM:
        arena_fini(&l->arm_arena);
        arena_init(&l->arm_arena, 0);
        CHECK(frame_get_to_terminal(bytes, len, &l->arm_arena, &kept, NULL) == 0);
        l->arm = kept->arm;
        return l->arm->now && l->till->lies >= 0 ? tell_card(l) : 0;
    case TO_TERMINAL_LIST:
        return on_list(l, m->list);
    case TO_TERMINAL_RESULT:
        take_result(l, m->result);
        return 0;
    case TO_TERMINAL_BUSY:
        if (m->busy->number == (uint64_t)l->till->req.request_no) {
            l->till->res = (struct txn_result){.outcome = OC_REFUSED, .reason = OC_R_BUSY};
            l->got = true;
        }
        return 0;
    case TO_TERMINAL_ERROR:
        sim_trace_put(&l->till->city->trace, l->till->city->machine.now_ns, "%s error %s",
                      l->till->id, m->error->code);
        return m->error->fatal ? OC_ECLOSED : 0;
    default:
        return 0;
    }
}

/* One frame, taken. OC_ETIMEDOUT: none came. */
static CO_FN int next(struct sim_lane *l, int64_t ms)
{
    const uint8_t *bytes = NULL;
    size_t len = 0;
    if (!l->stream)
        return OC_ECLOSED;
    int rc = inflow_co_next(&l->in, &bytes, &len, flow_deadline_ms(ms));
    if (rc != 0)
        return rc;
    arena_fini(&l->arena);
    arena_init(&l->arena, 0);
    rc = frame_get_to_terminal(bytes, len, &l->arena, &l->m, NULL);
    return rc == 0 ? take(l, bytes, len) : OC_ECLOSED;
}

static CO_FN int beat(struct sim_lane *l)
{
    pb_heartbeat h = ONECARD__TERMINAL__V1__HEARTBEAT__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    h.mono_ms = mono_ms(l->till);
    h.wall_ms = city_now_ms(l->till->city);
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_HEARTBEAT;
    m.heartbeat = &h;
    return send_message(l, &m);
}

/* ---- connecting ---- */

struct served {
    struct city *city;
    struct stream *stream;
    struct tls_peer peer;
};

static CO_FN int session_flow(void *arg)
{
    struct served *s = arg;
    flow_defer(free, s);
    session_co_serve(s->city->serve->terminals, s->stream, &s->peer, "simulated");
    return 0;
}

static int listen_to(struct sim_lane *l, struct stream *theirs)
{
    struct till *t = l->till;
    struct served *s = calloc(1, sizeof *s);
    CHECK(s);
    *s = (struct served){.city = t->city, .stream = theirs};
    s->peer.has_certificate = true;
    s->peer.not_after_ms = city_now_ms(t->city) + 100 * MS_PER_DAY;
    (void)snprintf(s->peer.name, sizeof s->peer.name, "%s", t->id);
    lane_pin(t, s->peer.pin);
    int rc = flow_start(t->city->serve->loop, "session", session_flow, s, NULL);
    if (rc != 0) {
        stream_close(&theirs);
        free(s);
    }
    return rc;
}

static CO_FN int hello(struct sim_lane *l)
{
    pb_hello h = ONECARD__TERMINAL__V1__HELLO__INIT;
    pb_reader reader = ONECARD__TERMINAL__V1__READER__INIT, *readers = &reader;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    uint32_t version = 1;
    char software[] = "simulated 1", name[] = "slot";
    h.n_versions = 1;
    h.versions = &version;
    h.software = software;
    h.mono_ms = mono_ms(l->till);
    h.wall_ms = city_now_ms(l->till->city);
    reader.number = 1;
    reader.name = name;
    reader.present = true;
    h.n_readers = 1;
    h.readers = &readers;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_HELLO;
    m.hello = &h;
    return send_message(l, &m);
}

static CO_FN int connect_lane(struct sim_lane *l)
{
    struct stream *theirs = NULL;
    lane_hang_up(l->till);
    l->wire = wire_new(l->till->city, &theirs, &l->stream);
    l->in.stream = l->stream;
    int rc = listen_to(l, theirs);
    if (rc == 0)
        rc = hello(l);
    while (rc == 0 && !l->welcome)
        rc = next(l, 5000);
    if (rc != 0)
        lane_hang_up(l->till);
    return rc == OC_ECANCELED ? rc : rc == 0 ? 0 : OC_ECLOSED;
}

/* ---- as people have it ---- */

static CO_FN int send_request(struct sim_lane *l)
{
    const struct txn_request *q = &l->till->req;
    pb_request r = ONECARD__TERMINAL__V1__REQUEST__INIT;
    pb_presentation p = ONECARD__TERMINAL__V1__PRESENTATION__INIT;
    pb_presentation_chip chip = ONECARD__TERMINAL__V1__PRESENTATION__CHIP__INIT;
    pb_param params[TXN_PARAMS], *order[TXN_PARAMS];
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    struct txn_request copy = *q; /* protobuf-c wants texts that it could change */
    for (unsigned i = 0; i < copy.param_count; i++) {
        onecard__terminal__v1__param__init(&params[i]);
        params[i].name = copy.params[i].name;
        params[i].value = copy.params[i].value;
        order[i] = &params[i];
    }
    r.number = (uint64_t)copy.request_no;
    r.service = copy.service;
    r.amount_fen = copy.amount;
    r.params = order;
    r.n_params = copy.param_count;
    r.wait_ms = (uint32_t)copy.wait_ms;
    r.retap_ms = (uint32_t)copy.retap_ms;
    chip.reader = 1;
    chip.arrival = l->till->lies >= 0 ? l->arrival : 0;
    p.what_case = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CHIP;
    p.chip = &chip;
    r.presentation = l->till->wants_card ? &p : NULL;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_REQUEST;
    m.request = &r;
    return send_message(l, &m);
}

int lane_co_ask(struct till *t)
{
    struct sim_lane *l = t->lane;
    int64_t until = flow_deadline_ms(PATIENCE_S * 1000);
    int rc = l->stream ? 0 : connect_lane(l);
    l->got = false;
    if (rc == 0)
        rc = send_request(l);
    while (rc == 0 && !l->got && t->city->machine.now_ns < until) {
        rc = next(l, BEAT_MS);
        if (rc == OC_ETIMEDOUT)
            rc = beat(l);
    }
    if (rc == 0 && l->got)
        return 0;
    lane_hang_up(t);
    return rc == OC_ECANCELED ? rc : OC_ECLOSED;
}

int lane_co_rest(struct till *t, int64_t ms)
{
    struct sim_lane *l = t->lane;
    int64_t until = flow_deadline_ms(ms);
    int rc = 0;
    while (rc != OC_ECANCELED && t->city->machine.now_ns < until) {
        int64_t left = (until - t->city->machine.now_ns) / NS_PER_MS + 1;
        if (!l->stream) {
            rc = flow_co_sleep_ms(left < 200 ? left : 200);
            if (rc == 0)
                rc = connect_lane(l);
            continue;
        }
        rc = next(l, left < BEAT_MS ? left : BEAT_MS);
        if (rc == OC_ETIMEDOUT)
            rc = beat(l);
        if (rc != 0)
            lane_hang_up(t);
    }
    return rc == OC_ECANCELED ? rc : 0;
}

/* ---- life ---- */

void lanes_init(struct city *c)
{
    for (unsigned i = CITY_LOCAL; i < CITY_TILLS; i++) {
        struct sim_lane *l = calloc(1, sizeof *l);
        CHECK(l);
        l->till = &c->tills[i];
        arena_init(&l->arena, 0);
        arena_init(&l->arm_arena, 0);
        c->tills[i].lane = l;
    }
}

void lanes_fini(struct city *c)
{
    for (unsigned i = CITY_LOCAL; i < CITY_TILLS; i++) {
        struct sim_lane *l = c->tills[i].lane;
        c->tills[i].lane = NULL;
        if (!l)
            continue;
        CHECK(!l->stream);
        arena_fini(&l->arena);
        arena_fini(&l->arm_arena);
        free(l);
    }
}

void lanes_cut(struct city *c)
{
    for (unsigned i = CITY_LOCAL; i < CITY_TILLS; i++)
        if (c->tills[i].lane && c->tills[i].lane->wire)
            wire_cut(c->tills[i].lane->wire);
}
