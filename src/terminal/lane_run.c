/* What a lane does with its card: power it, execute commands, say what happened. */
#include "terminal/internal.h"

#include <string.h>

#define INS_SELECT 0xA4

int lane_read_list(pb_command *const *commands, size_t count, struct card_list *ret)
{
    memset(ret, 0, sizeof *ret);
    if (count == 0 || count > CARD_LIST_MAX)
        return OC_EPARSE;
    for (size_t i = 0; i < count; i++) {
        const pb_command *from = commands[i];
        struct card_command *to = &ret->commands[i];
        if (from->apdu.len == 0 || from->apdu.len > sizeof to->apdu.bytes ||
            from->n_accept > CARD_ACCEPT_MAX || from->otherwise >= CARD_LIST_MAX)
            return OC_EPARSE;
        memcpy(to->apdu.bytes, from->apdu.data, from->apdu.len);
        to->apdu.len = from->apdu.len;
        for (size_t k = 0; k < from->n_accept; k++)
            to->accept[k] = (uint16_t)from->accept[k];
        to->accept_count = (uint8_t)from->n_accept;
        to->otherwise = (uint8_t)from->otherwise;
        to->timeout_ms = from->timeout_ms;
    }
    ret->count = (unsigned)count;
    return card_list_valid(ret) ? 0 : OC_EPARSE;
}

int lane_co_power(struct lane *l, int64_t deadline_ns)
{
    if (l->session.open && !l->session.dead)
        return 0;
    card_co_close(&l->session);
    int rc = card_co_open(&l->session, l->reader, l->shown, deadline_ns);
    if (rc == 0) {
        hex_encode(l->session.card.atr, l->session.card.atr_len, l->atr);
        l->used_ns = agent_now_ns(l->agent);
    }
    return rc;
}

void lane_co_power_down(struct lane *l)
{
    card_co_close(&l->session);
    if (l->warm)
        l->cold = true;
    l->warm = false;
}

/* ---- answers ---- */

static void fill_answers(struct lane *l, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct card_answer *from = &l->answers.items[i];
        pb_answer *to = &l->pb_answers[i];
        *to = (pb_answer)ONECARD__TERMINAL__V1__ANSWER__INIT;
        to->state = (Onecard__Terminal__V1__Answer__State)from->state;
        to->bytes.data = from->bytes;
        to->bytes.len = from->state == CARD_ANSWERED ? from->len : 0;
        to->micros = from->micros;
        l->pb_pointers[i] = to;
    }
}

void lane_fill_card(struct lane *l, uint64_t script, pb_card *ret)
{
    *ret = (pb_card)ONECARD__TERMINAL__V1__CARD__INIT;
    ret->reader = l->conf->number;
    ret->arrival = lane_arrival(l);
    ret->atr.data = l->session.card.atr;
    ret->atr.len = l->session.card.atr_len;
    ret->technology = (Onecard__Terminal__V1__Technology)l->conf->technology;
    ret->script = script;
    if (script) {
        fill_answers(l, l->answers.count);
        ret->n_answers = l->answers.count;
        ret->answers = l->pb_pointers;
    }
}

static void send_answers(struct lane *l, uint64_t id, unsigned count)
{
    pb_list_answers a = ONECARD__TERMINAL__V1__LIST_ANSWERS__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    fill_answers(l, count);
    a.list = id;
    a.n_answers = count;
    a.answers = l->pb_pointers;
    m.message_case = (int)TO_SWITCH_ANSWERS;
    m.answers = &a;
    (void)link_send(l->agent, &m);
}

static void none_sent(struct lane *l, unsigned count)
{
    memset(&l->answers, 0, sizeof l->answers);
    l->answers.count = count;
    for (unsigned i = 0; i < count; i++)
        l->answers.items[i].state = CARD_NOT_SENT;
}

/* ---- lists ---- */

/* A card that was powered down has forgotten what it was asked: a list can then only begin with a
 * SELECT. */
static bool can_begin(const struct lane *l)
{
    return l->list_arrival == lane_arrival(l) && lane_here(l) &&
           agent_now_ns(l->agent) < l->list_deadline_ns &&
           (!l->cold || l->list.commands[0].apdu.bytes[1] == INS_SELECT);
}

static CO_FN void run(struct lane *l, uint64_t epoch)
{
    l->session.deadline_ns = l->list_deadline_ns;
    if (l->agent->link.epoch != epoch || !link_talks(l->agent))
        l->session.deadline_ns = 0;
    l->warm = true;
    l->cold = false;
    l->work = l->list; /* the next one may come in while this one runs */
    card_list_co_run(&l->session, &l->work, &l->answers);
    l->session.deadline_ns = FLOW_FOREVER;
    l->used_ns = agent_now_ns(l->agent);
}

void lane_co_list(struct lane *l)
{
    uint64_t epoch = l->epoch, id = l->list_id;
    unsigned count = l->list.count;
    bool dead = l->session.open && l->session.dead;
    none_sent(l, count);
    if (dead) {
        card_co_close(&l->session);
        l->cold = l->warm;
        l->warm = false;
    }
    if (l->shown && can_begin(l)) {
        int rc = lane_co_power(l, l->list_deadline_ns);
        if (rc == 0)
            run(l, epoch);
        else
            log_info("lane", "reader %u: a list cannot begin: %s", l->conf->number,
                     oc_strerror(rc));
    } else {
        log_info("lane", "reader %u: a list cannot begin: its card has gone, or its time is over",
                 l->conf->number);
    }
    if (l->list_id == id && l->epoch == epoch)
        l->list_id = 0;
    if (l->agent->link.epoch == epoch)
        send_answers(l, id, count);
    secret_wipe(&l->answers, sizeof l->answers);
}

uint64_t lane_co_script(struct lane *l)
{
    uint64_t id = l->script, epoch = l->agent->link.epoch;
    if (id == 0 || l->epoch != epoch || !l->session.open)
        return 0;
    l->script = 0; /* used once */
    l->session.deadline_ns = FLOW_FOREVER;
    memset(&l->answers, 0, sizeof l->answers);
    l->work = l->armed;
    card_list_co_run(&l->session, &l->work, &l->answers);
    l->answers.count = l->work.count;
    l->used_ns = agent_now_ns(l->agent);
    l->warm = true;
    l->cold = false;
    return l->agent->link.epoch == epoch ? id : 0;
}
