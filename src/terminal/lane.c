/* A lane is one reader with the card on it, and the one flow that deals with both. Others (the
 * link, requests, the registry of readers) leave a wish in the lane and wake the flow; it looks at
 * everything there is to do, does it, and waits.
 *
 * R4: what the switch asked for counts on its own connection only; a list past its deadline is not
 * begun, and a connection that ends moves the session's deadline into the past, so that no further
 * command of a list that runs leaves. R8: a gate makes one request for one arrival, and none for a
 * card that lay there before. */
#include "terminal/internal.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRIVAL_RUN 32 /* an arrival is run << ARRIVAL_RUN | the reader's own count */
#define RETRY_MS    500
#define GATE_WAIT   1000

uint64_t lane_arrival(const struct lane *l)
{
    return l->shown ? l->agent->start.run << ARRIVAL_RUN | l->shown : 0;
}

bool lane_here(const struct lane *l)
{
    return l->shown && l->reader->arrival == l->shown && l->reader->state == READER_CARD;
}

struct lane *lane_get(struct agent *a, uint32_t number)
{
    for (unsigned i = 0; i < a->lane_count; i++)
        if (a->lanes[i].conf->number == number)
            return &a->lanes[i];
    return NULL;
}

void lanes_wake(struct agent *a)
{
    for (unsigned i = 0; i < a->lane_count; i++)
        flow_cond_signal(&a->lanes[i].wake);
}

void lanes_disconnected(struct agent *a)
{
    for (unsigned i = 0; i < a->lane_count; i++) {
        struct lane *l = &a->lanes[i];
        l->session.deadline_ns = 0; /* no command leaves any more */
        l->list_id = 0;
        l->script = 0;
        l->now = l->release = false;
        l->told = 0;
        flow_cond_signal(&l->wake);
    }
}

static void tell_card(struct lane *l, const char *type)
{
    events_tell(l->agent, type,
                json_pack("{s:i, s:I, s:b, s:s}", "reader", (int)l->conf->number, "arrival",
                          (json_int_t)lane_arrival(l), "mute", l->muted, "atr", l->atr));
}

/* ---- a card comes and goes ---- */

static void send_removed(struct lane *l)
{
    pb_card_removed r = ONECARD__TERMINAL__V1__CARD_REMOVED__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    r.reader = l->conf->number;
    r.arrival = lane_arrival(l);
    m.message_case = (int)TO_SWITCH_CARD_REMOVED;
    m.card_removed = &r;
    (void)link_send(l->agent, &m);
}

static CO_FN void gone(struct lane *l)
{
    card_co_close(&l->session);
    if (l->told != 0 && l->told == l->agent->link.epoch)
        send_removed(l);
    tell_card(l, "card_off");
    l->shown = l->told = 0;
    l->warm = l->cold = l->stale = l->asked = l->muted = false;
    l->retry_ns = 0;
    l->atr[0] = '\0';
}

static void arrives(struct lane *l)
{
    struct reader *r = l->reader;
    l->shown = l->last = r->arrival;
    l->stale = l->seen ==
               READER_GONE; /* it lay there when the agent began, or when its reader came back */
    l->muted = r->state == READER_MUTE;
    if (l->stale && l->conf->mode == LANE_GATE)
        log_info("lane", "reader %u: a card lies there already: it must be lifted and presented",
                 l->conf->number);
    tell_card(l, "card_on");
}

/* ---- telling the switch ---- */

static void send_card(struct lane *l, uint64_t script)
{
    pb_card card;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    lane_fill_card(l, script, &card);
    m.message_case = (int)TO_SWITCH_CARD;
    m.card = &card;
    if (link_send(l->agent, &m))
        l->told = l->agent->link.epoch;
}

/* Makes the row of a gate's request durable while the card is being read. */
struct gate_row {
    struct lane *lane;
    struct treq *made;
    int rc;
};
static int gate_row_flow(void *arg) CO_FN;
static int gate_row_flow(void *arg)
{
    struct gate_row *g = arg;
    struct request_ask ask = {.service = "",
                              .ref = "",
                              .person = g->lane->agent->shift.now.person,
                              .gate = true,
                              .reader = g->lane->conf->number,
                              .arrival = lane_arrival(g->lane),
                              .wait_ms = GATE_WAIT};
    g->rc = request_co_new(g->lane->agent, &ask, &g->made);
    return 0;
}

static CO_FN void gate_card(struct lane *l)
{
    struct gate_row *g = arena_alloc(flow_arena(), sizeof *g);
    struct flow *flow = NULL;
    pb_card card;
    if (!g)
        return;
    *g = (struct gate_row){.lane = l, .rc = OC_ENOMEM};
    l->asked = true;
    int rc = flow_start(l->agent->loop, "gate row", gate_row_flow, g, &flow);
    uint64_t script = lane_co_script(l);
    if (rc == 0) {
        flow_shield();
        rc = flow_co_join(flow, NULL, FLOW_FOREVER);
        flow_unshield();
    }
    flow_put(flow);
    if (rc == 0)
        rc = g->rc;
    if (rc != 0) {
        log_error("lane", "reader %u: this card cannot be served: %s", l->conf->number,
                  oc_strerror(rc));
        return;
    }
    lane_fill_card(l, script, &card);
    request_send_gate(l->agent, g->made, &card);
    l->told = l->agent->link.epoch;
}

/* A gate's request that the switch was too busy for goes again. */
static bool again(const struct lane *l)
{
    struct agent *a = l->agent;
    const struct treq *t = l->conf->mode == LANE_GATE && l->asked
                               ? request_of_arrival(a, l->conf->number, lane_arrival(l))
                               : NULL;
    return t && t->durable && t->sent_epoch != a->link.epoch && agent_now_ns(a) >= t->pause_ns &&
           link_up(a);
}

/* It does not answer: the switch is told by an ATR that is empty. */
static void present_mute(struct lane *l, int rc)
{
    log_info("lane", "reader %u: %s", l->conf->number, oc_strerror(rc));
    if (!l->muted) {
        l->muted = true;
        tell_card(l, "card_on");
    }
    l->session.card.atr_len = 0;
    send_card(l, 0);
}

/* The card is powered: a gate's new arrival becomes a request, everything else is told. While a
 * gate's request is open, what comes is the card that was torn out, or one in its stead: told,
 * never charged anew (R8). */
static CO_FN void present_powered(struct lane *l)
{
    struct agent *a = l->agent;
    bool gate = l->conf->mode == LANE_GATE;
    struct treq *open = gate ? request_at_gate(a, l->conf->number) : NULL;
    pb_card card;
    if (gate && !open && !l->stale && !l->asked && link_up(a)) {
        gate_card(l);
        return;
    }
    bool ours = open && again(l);
    l->asked = l->asked || open;
    uint64_t script = lane_co_script(l);
    if (!ours) {
        send_card(l, script);
        return;
    }
    lane_fill_card(l, script, &card);
    request_send_gate(a, open, &card);
    l->told = a->link.epoch;
}

/* Tells the switch of the card that lies there. */
static CO_FN void present(struct lane *l)
{
    struct agent *a = l->agent;
    struct treq *open = l->conf->mode == LANE_GATE ? request_at_gate(a, l->conf->number) : NULL;
    if (open && open->cancel && open->row.arrival != lane_arrival(l))
        return; /* an old one is just being ended: this card is next */
    if (l->now)
        card_co_close(&l->session); /* powered up anew */
    l->now = false;
    int rc = lane_co_power(l, flow_deadline_ms(5000));
    bool later = rc == OC_EBUSY || rc == OC_ECARD_GONE;
    l->retry_ns = later ? agent_now_ns(a) + RETRY_MS * NS_PER_MS : 0;
    if (rc == 0)
        present_powered(l);
    else if (!later && rc != OC_ECANCELED)
        present_mute(l, rc);
}

/* ---- one look ---- */

static CO_FN void release(struct lane *l)
{
    l->release = false;
    if (l->release_arrival != lane_arrival(l))
        return;
    card_co_close(&l->session);
    l->warm = l->cold = false;
}

static bool due(const struct lane *l, int64_t *next)
{
    if (!l->session.open || l->list_id != 0 || requests_need(l->agent, l->conf->number))
        return false;
    int64_t at = l->used_ns + l->conf->hold_ms * NS_PER_MS;
    if (agent_now_ns(l->agent) >= at)
        return true;
    if (at < *next)
        *next = at;
    return false;
}

static bool to_tell(const struct lane *l, int64_t *next)
{
    const struct agent *a = l->agent;
    if (!(lane_here(l) || (l->muted && l->shown)) || !link_talks(a))
        return false;
    if (l->told == a->link.epoch && !l->now && !again(l))
        return false;
    if (agent_now_ns(a) >= l->retry_ns)
        return true;
    if (l->retry_ns < *next)
        *next = l->retry_ns;
    return false;
}

int64_t lane_co_turn(struct lane *l)
{
    int64_t next = FLOW_FOREVER;
    struct reader *r = l->reader;
    if (!r)
        return next;
    if (l->shown &&
        (r->arrival != l->shown || (r->state != READER_CARD && r->state != READER_MUTE)))
        gone(l);
    if (!l->shown && (r->state == READER_CARD || r->state == READER_MUTE) && r->arrival > l->last)
        arrives(l);
    l->seen = r->state;
    if (l->list_id != 0)
        lane_co_list(l);
    if (l->release)
        release(l);
    if (to_tell(l, &next))
        present(l);
    if (due(l, &next)) {
        bool warm = l->warm;
        lane_co_power_down(l);
        if (warm && lane_here(l) && link_talks(l->agent))
            send_card(l, 0); /* what was asked of it does not hold any more */
    }
    if (l->list_id != 0 || l->release || (l->shown && r->arrival != l->shown))
        return 0; /* came meanwhile */
    return next;
}

static int lane_flow(void *arg) CO_FN;
static int lane_flow(void *arg)
{
    struct lane *l = arg;
    int rc = 0;
    flow_set_background(true);
    flow_set_note(l->conf->match);
    while (rc == 0) {
        int64_t next = lane_co_turn(l);
        rc = next == 0 ? flow_co_yield() : flow_co_wait(&l->wake, next);
        rc = rc == OC_ETIMEDOUT ? 0 : rc;
    }
    card_co_close(&l->session);
    return rc;
}

/* ---- readers by name ---- */

static bool is_taken(const struct agent *a, const struct reader *r)
{
    for (unsigned i = 0; i < a->lane_count; i++)
        if (a->lanes[i].reader == r)
            return true;
    return false;
}

static void bind_one(struct reader *r, void *arg)
{
    struct agent *a = arg;
    for (unsigned i = 0; i < a->lane_count && r->ops && !is_taken(a, r); i++) {
        struct lane *l = &a->lanes[i];
        if (l->reader || fnmatch(l->conf->match, r->name, 0) != 0)
            continue;
        l->reader = r;
        l->seen = READER_GONE;
        log_info("lane", "reader %u is \"%s\"", l->conf->number, r->name);
    }
}

static bool changed(struct agent *a, bool *present)
{
    bool yes = false;
    for (unsigned i = 0; i < a->lane_count; i++) {
        struct lane *l = &a->lanes[i];
        bool is = l->reader && l->reader->state != READER_GONE;
        if (is == present[i])
            continue;
        yes = true;
        present[i] = is;
        log_info("lane", "reader %u is %s", l->conf->number, is ? "there" : "gone");
        events_tell(a, "reader",
                    json_pack("{s:i, s:b, s:s}", "reader", (int)l->conf->number, "present", is,
                              "name", l->reader ? l->reader->name : ""));
    }
    return yes;
}

static int watch_flow(void *arg) CO_FN;
static int watch_flow(void *arg)
{
    struct agent *a = arg;
    bool present[LANES_MAX] = {false};
    int rc = 0;
    flow_set_background(true);
    while (rc == 0) {
        readers_each(a->readers, bind_one, a);
        if (changed(a, present))
            link_send_readers(a);
        lanes_wake(a);
        rc = flow_co_wait(readers_changed(a->readers), FLOW_FOREVER);
    }
    return rc;
}

int lanes_start(struct agent *a)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < a->lane_count; i++)
        rc = flow_start(a->loop, "lane", lane_flow, &a->lanes[i], &a->lanes[i].flow);
    return rc != 0 ? rc : flow_start(a->loop, "readers", watch_flow, a, &a->watch);
}

void lanes_fini(struct agent *a)
{
    for (unsigned i = 0; i < a->lane_count; i++) {
        flow_put(a->lanes[i].flow);
        secret_wipe(&a->lanes[i].answers, sizeof a->lanes[i].answers);
    }
    flow_put(a->watch);
    free(a->lanes);
    a->lanes = NULL;
    a->lane_count = 0;
}
