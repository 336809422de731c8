/* Requests from their making to their answer. A row is durable before its first frame leaves; it is
 * asked again with the same number and content on each new connection until there is an answer.
 * Where nobody waits any more (its time is over, or it is of a run before) it is asked so that it
 * can only be answered, not begun.
 *
 *   new ──durable──► open ──Request──► answered: done
 *                     ▲      │ Busy, or connection lost     └─► in doubt ──card seen again──► done
 *                     └──────┘ */
#include "terminal/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_ARRIVAL        1   /* arrivals of a run are above 2^32 (lane.c) */
#define MINOR_ONLY_ANSWER 1   /* Welcome.minor from which on Request.only_answer is known */
#define KEPT_HERE         500 /* answered ones that need no look into the store */
#define BUSY_LEAST        50
#define BUSY_MOST         30000

void requests_init(struct agent *a)
{
    list_init(&a->requests.all);
    flow_cond_init(&a->requests.changed);
}

void treq_free(struct treq *t)
{
    list_del(&t->link);
    free(t->frame);
    free(t->result);
    secret_wipe(t->pin, sizeof t->pin);
    secret_wipe(t->new_pin, sizeof t->new_pin);
    free(t);
}

void requests_fini(struct agent *a)
{
    if (!a->requests.all.next)
        return;
    while (!list_empty(&a->requests.all))
        treq_free(CONTAINER_OF(a->requests.all.next, struct treq, link));
}

static struct treq *treq_at(struct list *at)
{
    return CONTAINER_OF(at, struct treq, link);
}

struct treq *request_get(struct agent *a, uint64_t number)
{
    LIST_EACH(at, &a->requests.all)
    if (treq_at(at)->row.number == number)
        return treq_at(at);
    return NULL;
}

struct treq *request_by_ref(struct agent *a, const char *ref)
{
    LIST_EACH(at, &a->requests.all)
    if (ref[0] && strcmp(treq_at(at)->row.ref, ref) == 0)
        return treq_at(at);
    return NULL;
}

bool request_ended(const struct treq *t)
{
    return t->row.state != STORE_OPEN;
}

struct treq *request_of_arrival(struct agent *a, unsigned reader, uint64_t arrival)
{
    LIST_EACH(at, &a->requests.all)
    {
        struct treq *t = treq_at(at);
        if (t->row.gate && t->row.reader == reader && t->row.arrival == arrival &&
            !request_ended(t))
            return t;
    }
    return NULL;
}

struct treq *request_at_gate(struct agent *a, unsigned reader)
{
    LIST_EACH(at, &a->requests.all)
    {
        struct treq *t = treq_at(at);
        if (t->row.gate && t->row.reader == reader && !request_ended(t))
            return t;
    }
    return NULL;
}

unsigned requests_open(const struct agent *a)
{
    unsigned n = 0;
    LIST_EACH(at, &a->requests.all)
    n += !request_ended(treq_at(at));
    return n;
}

bool requests_need(const struct agent *a, unsigned reader)
{
    LIST_EACH(at, &a->requests.all)
    {
        const struct treq *t = treq_at(at);
        if (!request_ended(t) && t->row.reader == reader && t->sent_epoch == a->link.epoch)
            return true;
    }
    return false;
}

/* ---- memory ---- */

void requests_forget(struct agent *a)
{
    LIST_EACH_SAFE(at, next, &a->requests.all)
    {
        if (a->requests.count <= KEPT_HERE)
            return;
        if (treq_at(at)->row.state == STORE_DONE && !treq_at(at)->asking) {
            treq_free(treq_at(at));
            a->requests.count--;
        }
    }
}

struct treq *treq_new(struct agent *a, const struct store_row *row)
{
    struct treq *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->row = *row;
    t->frame = malloc(row->frame_len + 1);
    t->result = row->result ? strdup(row->result) : NULL;
    list_init(&t->link);
    if (!t->frame || (row->result && !t->result)) {
        treq_free(t);
        return NULL;
    }
    memcpy(t->frame, row->frame, row->frame_len);
    t->row.frame = t->frame;
    t->row.result = t->result;
    list_add_tail(&a->requests.all, &t->link);
    a->requests.count++;
    return t;
}

/* Where an answer's transaction stands, for doubts that end later. */
static void read_txn(struct treq *t)
{
    json_t *r = t->result ? json_loads(t->result, 0, NULL) : NULL;
    const char *txn = json_string_value(json_object_get(r, "txn"));
    if (txn)
        (void)snprintf(t->txn, sizeof t->txn, "%s", txn);
    json_decref(r);
}

int requests_restore(void *agent, const struct store_row *row)
{
    struct agent *a = agent;
    struct treq *t = treq_new(a, row);
    if (!t)
        return OC_ENOMEM;
    t->durable = t->sent = true; /* it may have been sent by the run before */
    t->cancel = true;            /* nobody waits for it any more */
    read_txn(t);
    return 0;
}

/* ---- sending ---- */

static void send_cancel(struct agent *a, const struct treq *t)
{
    pb_cancel c = ONECARD__TERMINAL__V1__CANCEL__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    c.number = t->row.number;
    m.message_case = (int)TO_SWITCH_CANCEL;
    m.cancel = &c;
    (void)link_send(a, &m);
}

/* The frame that was stored, as a message again. */
static int unpack(const struct treq *t, struct arena *arena, pb_to_switch **ret)
{
    size_t head, len;
    int rc = frame_peek(t->row.frame, t->row.frame_len, &head, &len);
    if (rc == 0)
        rc = frame_get_to_switch(t->row.frame + head, len, arena, ret, NULL);
    if (rc == 0 && (*ret)->message_case != ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_REQUEST)
        rc = OC_EPARSE;
    if (rc != 0)
        log_error("terminal", "request %llu cannot be read again: %s",
                  (unsigned long long)t->row.number, oc_strerror(rc));
    return rc;
}

static bool at_work(const struct agent *a, const struct treq *t)
{
    return t->sent_epoch == a->link.epoch && t->asking;
}

static bool has_card_here(struct agent *a, const struct treq *t)
{
    struct lane *l = t->row.gate ? lane_get(a, t->row.reader) : NULL;
    return l && lane_here(l) && lane_arrival(l) == t->row.arrival;
}

/* May it be sent now by the pump? A gate's whose card is here goes with its card, by the lane. */
static bool to_send(struct agent *a, const struct treq *t)
{
    return t->durable && t->row.state != STORE_DONE && t->sent_epoch != a->link.epoch &&
           agent_now_ns(a) >= t->pause_ns &&
           !(t->row.gate && !request_ended(t) && has_card_here(a, t));
}

static void mark_sent(struct agent *a, struct treq *t)
{
    t->sent_epoch = a->link.epoch;
    t->asking = t->sent = true;
}

/* Asks what became of a request that nobody waits for any more, so that nothing new is begun by it.
 * One with a chip names an arrival that does not exist: a doubt is settled all the same where its
 * card is there. The others say so; a switch that is too old to know that gets a Cancel right
 * behind. */
static void send_late(struct agent *a, struct treq *t)
{
    struct arena arena;
    pb_to_switch *m = NULL;
    arena_init(&arena, FRAME_MEMORY_MAX);
    if (unpack(t, &arena, &m) == 0) {
        bool chip = m->request->presentation && m->request->presentation->what_case ==
                                                    ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CHIP;
        if (chip) {
            m->request->presentation->chip->arrival = NO_ARRIVAL;
            m->request->wait_ms = m->request->retap_ms = 1;
        }
        m->request->only_answer = !chip;
        if (link_send(a, m))
            mark_sent(a, t);
        if (!chip && a->link.minor < MINOR_ONLY_ANSWER)
            send_cancel(a, t);
    }
    arena_fini(&arena);
}

/* The frame on disk has no PIN. It goes along as long as the request waits for its card: no chip
 * can have seen it then. */
static bool send_with_pin(struct agent *a, struct treq *t)
{
    struct arena arena;
    pb_to_switch *m = NULL;
    bool sent = false;
    arena_init(&arena, FRAME_MEMORY_MAX);
    if (unpack(t, &arena, &m) == 0) {
        char *none = m->request->pin, *no_new = m->request->new_pin;
        m->request->pin = t->pin;
        m->request->new_pin = t->new_pin;
        sent = link_send(a, m);
        m->request->pin = none;
        m->request->new_pin = no_new;
    }
    arena_fini(&arena);
    return sent;
}

static void send_one(struct agent *a, struct treq *t)
{
    bool late = t->cancel || t->row.gate || agent_now_ns(a) >= t->until_ns;
    t->cancel = late;
    if (late)
        send_late(a, t);
    else if (t->pin[0] || t->new_pin[0] ? send_with_pin(a, t) : link_send_frame(a, t->row.frame, t->row.frame_len))
        mark_sent(a, t);
}

void requests_pump(struct agent *a)
{
    unsigned busy = 0;
    if (!link_up(a))
        return;
    LIST_EACH(at, &a->requests.all)
    busy += at_work(a, treq_at(at));
    LIST_EACH(at, &a->requests.all)
    {
        struct treq *t = treq_at(at);
        if (busy >= a->link.max_requests)
            return;
        if (!to_send(a, t))
            continue;
        send_one(a, t);
        busy++;
    }
}

void request_send_gate(struct agent *a, struct treq *t, pb_card *card)
{
    struct arena arena;
    pb_to_switch *m = NULL;
    arena_init(&arena, FRAME_MEMORY_MAX);
    if (unpack(t, &arena, &m) == 0) {
        m->request->card = card;
        if (link_send(a, m))
            mark_sent(a, t);
    }
    arena_fini(&arena);
}

/* ---- answers ---- */

static void tell(struct agent *a, const char *type, struct treq *t)
{
    events_tell(a, type, request_json(&t->row, t));
    flow_cond_broadcast(&a->requests.changed);
}

/* Puts an answer in its place: memory, store, listeners. Takes over `json`. */
static void put_result(struct agent *a, struct treq *t, struct store_result *r, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    t->asking = false;
    secret_wipe(t->pin, sizeof t->pin);
    secret_wipe(t->new_pin, sizeof t->new_pin);
    if (!text) {
        log_error("terminal", "no memory for the answer of request %llu: it is asked again",
                  (unsigned long long)t->row.number);
        t->sent_epoch = 0;
        return;
    }
    bool same = t->result && t->row.state == r->state && strcmp(t->result, text) == 0;
    free(t->result);
    t->row.result = t->result = text;
    t->row.state = r->state;
    t->cancel = r->state == STORE_DOUBT; /* asked about from now on, not begun anew */
    t->row.ended_ms = r->ended_ms;
    t->phase = PB_PHASE_UNKNOWN;
    (void)snprintf(t->txn, sizeof t->txn, "%s", r->txn);
    if (!same) {
        store_result(a->store, r, text, strlen(text));
        tell(a, "result", t);
    }
}

/* An outcome that this version does not know is treated as a doubt. */
static bool is_final(Onecard__Terminal__V1__Outcome outcome)
{
    return (int)outcome == (int)PB_POSTED || (int)outcome == (int)PB_REFUSED ||
           (int)outcome == (int)PB_VOIDED;
}

/* An earlier doubt that ended on the way (R3). */
static void settle(struct agent *a, const pb_settled *s)
{
    LIST_EACH(at, &a->requests.all)
    {
        struct treq *t = treq_at(at);
        if (t->row.state != STORE_DOUBT || !s->txn[0] || strcmp(t->txn, s->txn) != 0 ||
            !is_final(s->outcome))
            continue;
        bool posted = (int)s->outcome == (int)PB_POSTED;
        json_t *json = json_loads(t->result, 0, NULL);
        const char *service = json_string_value(json_object_get(json, "service"));
        struct store_result r = {.number = t->row.number,
                                 .state = STORE_DONE,
                                 .posted = posted,
                                 .paid_fen = posted ? s->amount_fen : 0,
                                 .ended_ms = agent_wall_ms(a)};
        (void)snprintf(r.service, sizeof r.service, "%s", service ? service : t->row.service);
        memcpy(r.txn, t->txn, sizeof r.txn);
        if (json) {
            json_object_set_new(json, "outcome", json_string(posted ? "posted" : "voided"));
            json_object_set_new(json, "reason", json_string(""));
            json_object_set_new(json, "settled_later", json_true());
            put_result(a, t, &r, json);
        }
        return;
    }
}

void request_result(struct agent *a, const pb_result *p)
{
    struct treq *t = request_get(a, p->number);
    for (size_t i = 0; i < p->n_settled; i++)
        settle(a, p->settled[i]);
    if (!t || t->row.state == STORE_DONE) {
        log_debug("terminal", "an answer for request %llu, which waits for none",
                  (unsigned long long)p->number);
        return;
    }
    if (t->row.state == STORE_DOUBT && (int)p->outcome == (int)PB_REFUSED) {
        t->asking = false; /* a refusal proves nothing about it (R3) */
        log_info("terminal", "request %llu stays in doubt: %s", (unsigned long long)p->number,
                 p->reason);
        return;
    }
    struct store_result r = {.number = p->number,
                             .state = is_final(p->outcome) ? STORE_DONE : STORE_DOUBT,
                             .posted = (int)p->outcome == (int)PB_POSTED,
                             .paid_fen = p->amount_fen,
                             .ended_ms = agent_wall_ms(a)};
    (void)snprintf(r.service, sizeof r.service, "%s", p->service);
    (void)snprintf(r.txn, sizeof r.txn, "%s", p->txn);
    put_result(a, t, &r, request_result_json(p));
    log_info("terminal", "request %llu: %s%s%s", (unsigned long long)p->number,
             r.state == STORE_DOUBT ? "in doubt"
             : r.posted             ? "posted"
                                    : "not done",
             p->reason[0] ? ", " : "", p->reason);
    requests_pump(a);
    lanes_wake(a);
}

void request_failed(struct agent *a, uint64_t number, const char *code, const char *text)
{
    struct treq *t = request_get(a, number);
    if (t && request_ended(t))
        t->asking = false; /* what is known of it stays */
    if (!t || request_ended(t))
        return;
    if (strcmp(code, "too_many_requests") == 0) {
        pb_busy b = ONECARD__TERMINAL__V1__BUSY__INIT;
        b.number = number;
        b.retry_after_ms = 1000;
        request_busy(a, &b);
        return;
    }
    struct store_result r = {.number = number, .state = STORE_DONE, .ended_ms = agent_wall_ms(a)};
    (void)snprintf(r.service, sizeof r.service, "%s", t->row.service);
    put_result(a, t, &r,
               json_pack("{s:I, s:s, s:s, s:{s:s, s:s}, s:s, s:b}", "number", (json_int_t)number,
                         "outcome", "refused", "reason", code, "text", "en", text, "zh",
                         "请求未受理", "service", t->row.service, "local", true));
}

void request_progress(struct agent *a, const pb_progress *p)
{
    struct treq *t = request_get(a, p->number);
    if (!t || request_ended(t))
        return;
    t->phase = (enum pb_phase)p->phase;
    if (t->phase != PB_PHASE_WAIT_CARD) {
        /* The chip may have seen it: a wrong one costs one try, not two. */
        secret_wipe(t->pin, sizeof t->pin);
        secret_wipe(t->new_pin, sizeof t->new_pin);
    }
    (void)snprintf(t->en, sizeof t->en, "%s", p->text_en);
    (void)snprintf(t->zh, sizeof t->zh, "%s", p->text_zh);
    text_trim_utf8(t->en);
    text_trim_utf8(t->zh);
    tell(a, "progress", t);
}

/* ---- busy ---- */

struct again {
    struct agent *agent;
    uint64_t number;
    int64_t ms;
};
static int again_flow(void *arg) CO_FN;
static int again_flow(void *arg)
{
    struct again *g = arg;
    flow_defer(free, g);
    flow_set_background(true);
    int rc = flow_co_sleep_ms(g->ms);
    if (rc == 0) {
        requests_pump(g->agent);
        lanes_wake(g->agent);
    }
    return rc;
}

void request_busy(struct agent *a, const pb_busy *b)
{
    struct treq *t = request_get(a, b->number);
    if (!t || t->row.state == STORE_DONE)
        return;
    int64_t ms = b->retry_after_ms < BUSY_LEAST  ? BUSY_LEAST
                 : b->retry_after_ms > BUSY_MOST ? BUSY_MOST
                                                 : b->retry_after_ms;
    struct again *g = calloc(1, sizeof *g);
    t->asking = false;
    t->sent_epoch = 0; /* it was not taken */
    t->pause_ns = agent_now_ns(a) + ms * NS_PER_MS;
    if (!request_ended(t)) {
        (void)snprintf(t->en, sizeof t->en, "the switch is busy: one moment");
        (void)snprintf(t->zh, sizeof t->zh, "系统忙，请稍候");
        tell(a, "progress", t);
    }
    if (!g)
        return;
    *g = (struct again){.agent = a, .number = b->number, .ms = ms};
    if (flow_start(a->loop, "again", again_flow, g, NULL) != 0) {
        free(g);
        log_warn("terminal", "request %llu is asked again on the next connection",
                 (unsigned long long)b->number);
    }
}

void request_again(struct agent *a, struct treq *t, int64_t wait_ms)
{
    if (t->row.state == STORE_DONE || at_work(a, t))
        return;
    t->cancel = false;
    t->sent_epoch = 0;
    t->until_ns = agent_now_ns(a) + (wait_ms + REQUEST_GRACE_MS) * NS_PER_MS;
    requests_pump(a);
}

void request_cancel(struct agent *a, struct treq *t)
{
    if (request_ended(t))
        return;
    t->cancel = true;
    if (at_work(a, t))
        send_cancel(a, t);
    else if (!t->sent)
        request_failed(a, t->row.number, "cancelled", "taken back before it was sent");
}
