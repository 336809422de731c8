/* Readers and cards of a terminal: what it tells about them, the lists that dialogues have executed
 * there, and the script for the next card.
 *
 * A list that was put into the queue and whose bytes were never handed to the socket provably never
 * left; in every other case in which no answers come, what the card did is open (R3). Its deadline
 * is told on the terminal's own clock, never later than it is here (R4). */
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_MS  3000 /* where a command does not say */
#define LIST_MS     30000
#define ON_WAY_MS   2000 /* answers on their way, beyond the last command's patience */
#define FIRST_GUESS "payment.purchase" /* of a desk that nothing is known about */

/* ---- readers ---- */

static int co_run(void *arg, uint64_t arrival, const struct card_list *list,
                  struct card_answers *ret, int64_t deadline_ns) CO_FN;

static void release(void *arg, uint64_t arrival)
{
    struct remote *rm = arg;
    pb_release r = ONECARD__TERMINAL__V1__RELEASE__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    r.reader = rm->number;
    r.arrival = arrival;
    m.message_case = SAYS(RELEASE);
    m.release = &r;
    session_put_later(rm->session, &m); /* the result, or a word to the person, comes behind it */
}

static struct remote *remote_new(struct session *se, unsigned number)
{
    char name[READER_NAME_MAX + 1];
    struct remote *rm = calloc(1, sizeof *rm);
    if (!rm)
        return NULL;
    struct remote_link link = {.co_run = co_run, .release = release, .arg = rm};
    (void)snprintf(name, sizeof name, "%s/%u", se->station->row.t.id, number);
    rm->session = se;
    rm->number = number;
    flow_mutex_init(&rm->lane);
    if (reader_remote_new(name, &link, &rm->reader) != 0) {
        free(rm);
        return NULL;
    }
    se->readers[number - 1] = rm;
    return rm;
}

struct remote *card_remote(struct session *se, uint32_t number)
{
    return number >= 1 && number <= SESSION_READERS ? se->readers[number - 1] : NULL;
}

int card_on_readers(struct session *se, pb_reader **readers, size_t n)
{
    bool present[SESSION_READERS] = {0}, named[SESSION_READERS] = {0};
    for (size_t i = 0; i < n; i++) {
        uint32_t at = readers[i]->number - 1;
        if (at >= SESSION_READERS || named[at])
            return OC_EINVAL;
        named[at] = true;
        present[at] = readers[i]->present;
    }
    for (unsigned i = 0; i < SESSION_READERS; i++) {
        struct remote *rm = se->readers[i];
        bool is_new = !rm && named[i];
        if (is_new && !(rm = remote_new(se, i + 1)))
            return OC_ENOMEM;
        if (rm)
            reader_remote_plugged(rm->reader, present[i]);
        if (is_new)
            card_arm(rm, true);
    }
    return 0;
}

/* ---- scripts ---- */

static void script_kind(const struct remote *rm, char kind[SCRIPT_KIND_LEN])
{
    const struct session *se = rm->session;
    const struct op_terminal *t = &se->station->row.t;
    if (t->gate[0] != '\0')
        (void)snprintf(kind, SCRIPT_KIND_LEN, "%s@%s", t->gate, t->id);
    else
        (void)snprintf(kind, SCRIPT_KIND_LEN, "%s",
                       se->last_service[0] != '\0' ? se->last_service : FIRST_GUESS);
}

/* The list's commands as the protocol has them, in scratch memory: to be packed at once. */
static void put_commands(struct terminals *t, const struct card_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        const struct card_command *c = &list->commands[i];
        pb_command *p = &t->pb.commands[i];
        union {
            const uint8_t *c;
            uint8_t *m;
        } bytes = {.c = c->apdu.bytes};
        onecard__terminal__v1__command__init(p);
        p->apdu = (ProtobufCBinaryData){c->apdu.len, bytes.m};
        p->n_accept = c->accept_count;
        p->accept = t->pb.accept[i];
        for (unsigned k = 0; k < c->accept_count && k < CARD_ACCEPT_MAX; k++)
            t->pb.accept[i][k] = c->accept[k];
        p->otherwise = c->otherwise;
        p->timeout_ms = c->timeout_ms;
        t->pb.order[i] = p;
    }
}

static void disarm(struct remote *rm)
{
    free(rm->armed);
    rm->armed = NULL;
    rm->armed_len = 0;
    rm->script = 0;
    rm->now = rm->unsure = false;
}

/* What was sent is kept as it was sent: it is small, and seldom looked at. */
static void keep_armed(struct remote *rm, const struct buf *frame, uint64_t script)
{
    size_t head = 0, len = 0;
    disarm(rm);
    if (frame_peek(frame->data, frame->len, &head, &len) != 0)
        return;
    rm->armed = malloc(len);
    if (!rm->armed)
        return;
    memcpy(rm->armed, frame->data + head, len);
    rm->armed_len = len;
    rm->script = script;
}

void card_arm(struct remote *rm, bool now)
{
    struct session *se = rm->session;
    struct terminals *t = se->t;
    char kind[SCRIPT_KIND_LEN];
    pb_arm arm = ONECARD__TERMINAL__V1__ARM__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    struct buf frame;
    if (se->ended)
        return;
    script_kind(rm, kind);
    int rc = script_build(t->scripts, kind, t->serve->env.rng, &t->list);
    if (rc != 0) {
        log_warn("terminal", "terminal=%s has no script: %s", se->station->row.t.id,
                 oc_strerror(rc));
        t->list.count = 0;
    }
    if (t->list.count == 0 && !now)
        return;
    put_commands(t, &t->list);
    arm.reader = rm->number;
    arm.script = ++t->last_script;
    arm.n_commands = t->list.count;
    arm.commands = t->pb.order;
    arm.now = now;
    m.message_case = SAYS(ARM);
    m.arm = &arm;
    buf_init(&frame, FRAME_MAX + FRAME_HEAD_MAX);
    frame_put_to_terminal(&frame, &m);
    if (frame.err == 0) {
        keep_armed(rm, &frame, arm.script);
        rm->now = now;
        rm->unsure = false;
        session_put_frame(se, frame.data, frame.len);
    }
    buf_fini(&frame);
}

static void arm_if_none(struct remote *rm)
{
    if (rm->script == 0 || rm->unsure)
        card_arm(rm, false);
}

static bool awaited(const struct remote *rm)
{
    LIST_EACH(at, &rm->session->asked)
    {
        const struct asked *a = CONTAINER_OF(at, struct asked, link);
        if (a->remote == rm && !a->begun)
            return true;
    }
    return false;
}

/* At a desk the same card may well pay again: it is read anew while nobody waits. Never while
 * another dialogue may begin with it: the card would forget what that one asked. */
void card_arm_next(struct remote *rm)
{
    bool desk = rm->session->station->row.t.gate[0] == '\0';
    if (desk && reader_remote_reader(rm->reader)->state == READER_CARD && !awaited(rm))
        card_arm(rm, true);
    else
        arm_if_none(rm);
}

/* The script that stands, as a list again. */
static int armed_list(struct remote *rm, struct card_list *ret)
{
    struct arena a;
    const char *why = NULL;
    pb_to_terminal *m = NULL;
    arena_init(&a, FRAME_MEMORY_MAX);
    int rc = frame_get_to_terminal(rm->armed, rm->armed_len, &a, &m, &why);
    if (rc == 0 && m->message_case != SAYS(ARM))
        rc = OC_EINTERNAL;
    ret->count = 0;
    for (size_t i = 0; rc == 0 && i < m->arm->n_commands && i < CARD_LIST_MAX; i++) {
        const pb_command *p = m->arm->commands[i];
        struct card_command *c = &ret->commands[ret->count++];
        memset(c, 0, sizeof *c);
        memcpy(c->apdu.bytes, p->apdu.data, p->apdu.len);
        c->apdu.len = p->apdu.len;
        c->accept_count = (uint8_t)p->n_accept;
        for (size_t k = 0; k < p->n_accept && k < CARD_ACCEPT_MAX; k++)
            c->accept[k] = (uint16_t)p->accept[k];
        c->otherwise = (uint8_t)p->otherwise;
        c->timeout_ms = p->timeout_ms;
    }
    arena_fini(&a);
    return rc;
}

/* ---- answers ---- */

static bool take_answer(const pb_answer *p, struct card_answer *ret)
{
    static const enum card_answer_state states[] = {[PB_ANSWER_SKIPPED] = CARD_SKIPPED,
                                                    [PB_ANSWER_ANSWERED] = CARD_ANSWERED,
                                                    [PB_ANSWER_NOT_SENT] = CARD_NOT_SENT,
                                                    [PB_ANSWER_LOST] = CARD_LOST_ANSWER};
    if ((size_t)p->state >= ARRAY_LEN(states) || p->bytes.len > sizeof ret->bytes ||
        (p->state == (int)PB_ANSWER_ANSWERED) != (p->bytes.len >= 2))
        return false;
    ret->state = states[p->state];
    if (p->bytes.len > 0)
        memcpy(ret->bytes, p->bytes.data, p->bytes.len);
    ret->len = p->bytes.len;
    ret->micros = p->micros;
    return true;
}

static bool take_answers(pb_answer **answers, size_t n, unsigned count, struct card_answers *ret)
{
    if (n != count || count > CARD_LIST_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!take_answer(answers[i], &ret->items[i]))
            return false;
    ret->count = count;
    return true;
}

void card_on_card(struct session *se, const pb_card *c)
{
    struct terminals *t = se->t;
    struct remote *rm = card_remote(se, c->reader);
    struct remote_card card = {.arrival = c->arrival, .atr = c->atr.data, .atr_len = c->atr.len};
    if (!rm) {
        session_error(se, "unknown_reader", "a card on a reader that you have not told", 0);
        return;
    }
    bool scripted = c->script != 0 && c->script == rm->script && rm->armed;
    bool again = c->arrival == rm->arrival;
    if (scripted && armed_list(rm, &t->list) == 0) {
        if (!take_answers(c->answers, c->n_answers, t->list.count, &t->answers)) {
            session_end(se, "list_mismatch", "answers do not fit the script");
            return;
        }
        card.script = &t->list;
        card.answers = &t->answers;
    }
    if (scripted)
        disarm(rm); /* a script is used once */
    else
        rm->unsure = true;
    if (c->arrival == 0 || reader_remote_card(rm->reader, &card) != 0) {
        session_end(se, "bad_frame", "a card's arrival or ATR makes no sense");
        return;
    }
    rm->arrival = c->arrival;
    if (scripted && again)
        card_arm(rm, false); /* for the next card: this one was read already */
}

void card_on_removed(struct session *se, const pb_card_removed *c)
{
    struct remote *rm = card_remote(se, c->reader);
    if (!rm) {
        session_error(se, "unknown_reader", "no card was told on that reader", 0);
        return;
    }
    reader_remote_removed(rm->reader, c->arrival);
    arm_if_none(rm); /* nobody asked for that card, or it was torn out */
}

static void end_list(struct at_work *w, int rc)
{
    if (w->done)
        return;
    w->done = true;
    w->rc = rc;
    flow_cond_signal(&w->answered);
}

void card_on_answers(struct session *se, const pb_list_answers *a)
{
    for (unsigned i = 0; i < SESSION_READERS; i++) {
        struct at_work *w = se->readers[i] ? se->readers[i]->list : NULL;
        if (!w || w->id != a->list || w->done)
            continue;
        if (!take_answers(a->answers, a->n_answers, w->ret->count, w->ret)) {
            session_end(se, "list_mismatch", "answers do not fit the list");
            return;
        }
        end_list(w, 0);
        return;
    }
    log_info("terminal", "terminal=%s answers of list %llu came too late and were dropped",
             se->station->row.t.id, (unsigned long long)a->list);
}

/* ---- lists ---- */

static int64_t patience_ns(const struct card_list *list)
{
    uint32_t longest = COMMAND_MS;
    for (unsigned i = 0; i < list->count; i++)
        if (list->commands[i].timeout_ms > longest)
            longest = list->commands[i].timeout_ms;
    return ((int64_t)longest + ON_WAY_MS) * NS_PER_MS;
}

static void put_list(struct remote *rm, uint64_t arrival, const struct card_list *list, uint64_t id,
                     int64_t deadline_ns)
{
    struct session *se = rm->session;
    pb_list l = ONECARD__TERMINAL__V1__LIST__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    put_commands(se->t, list);
    l.list = id;
    l.reader = rm->number;
    l.arrival = arrival;
    l.n_commands = list->count;
    l.commands = se->t->pb.order;
    l.deadline_mono_ms = (uint64_t)session_terminal_ms(se, deadline_ns);
    m.message_case = SAYS(LIST);
    m.list = &l;
    session_put(se, &m);
}

bool card_take_back(struct session *se)
{
    bool any = false;
    for (unsigned i = 0; i < SESSION_READERS; i++) {
        struct at_work *w = se->readers[i] ? se->readers[i]->list : NULL;
        if (!w || w->done || w->mark < se->handed)
            continue;
        end_list(w, OC_ECARD_GONE);
        any = true;
    }
    return any;
}

static int co_run(void *arg, uint64_t arrival, const struct card_list *list,
                  struct card_answers *ret, int64_t deadline_ns)
{
    struct remote *rm = arg;
    struct session *se = rm->session;
    int64_t most = flow_deadline_ms(LIST_MS);
    if (deadline_ns > most)
        deadline_ns = most;
    if (rm->list)
        return OC_EBUSY;
    if (rm->now)
        card_arm(rm, false); /* takes `now` back: the card must not be read anew from here on */
    if (se->ended || se->broken)
        return OC_ECARD_GONE;
    struct at_work w = {.id = ++se->t->last_list, .mark = se->put, .ret = ret};
    ret->count = list->count;
    flow_cond_init(&w.answered);
    rm->list = &w;
    put_list(rm, arrival, list, w.id, deadline_ns);
    metric_add(se->t->m_lists, 1);
    flow_shield();
    session_co_flush(se);
    int rc = 0;
    while (!w.done && rc == 0)
        rc = flow_co_wait(&w.answered, deadline_ns + patience_ns(list));
    flow_unshield();
    rm->list = NULL;
    flow_cond_fini(&w.answered);
    return w.done ? w.rc : rc;
}

/* ---- the end ---- */

void card_close(struct session *se)
{
    for (unsigned i = 0; i < SESSION_READERS; i++) {
        struct remote *rm = se->readers[i];
        if (!rm)
            continue;
        reader_remote_close(rm->reader);
        if (rm->list)
            end_list(rm->list, OC_ECLOSED);
    }
}

void card_free(struct session *se)
{
    for (unsigned i = 0; i < SESSION_READERS; i++) {
        struct remote *rm = se->readers[i];
        if (!rm)
            continue;
        se->readers[i] = NULL;
        reader_remote_free(&rm->reader);
        flow_mutex_fini(&rm->lane);
        disarm(rm);
        free(rm);
    }
}
