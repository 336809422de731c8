/* What the switch says: one function a message, a table says which. */
#include "terminal/internal.h"

#include <stdio.h>
#include <string.h>

#define HEARTBEAT_MIN_MS 500
#define HEARTBEAT_MAX_MS 600000
#define CLOCK_OFF_MS     60000
#define NUMBER_MAX       (UINT64_C(1) << 53)

static void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from ? from : "");
    text_trim_utf8(to);
}

static CO_FN int on_welcome(struct agent *a, const pb_to_terminal *m)
{
    const pb_welcome *w = m->welcome;
    struct link *l = &a->link;
    if (l->state != LINK_CONNECTING)
        return OC_EPARSE;
    copy_text(l->terminal, sizeof l->terminal, w->terminal);
    copy_text(l->kind, sizeof l->kind, w->kind);
    copy_text(l->gate_service, sizeof l->gate_service, w->gate_service);
    copy_text(l->software, sizeof l->software, w->switch_software);
    l->heartbeat_ms = w->heartbeat_ms < HEARTBEAT_MIN_MS   ? HEARTBEAT_MIN_MS
                      : w->heartbeat_ms > HEARTBEAT_MAX_MS ? HEARTBEAT_MAX_MS
                                                           : (int64_t)w->heartbeat_ms;
    l->until_ms = w->certificate_until_ms;
    l->utc_offset_min = w->utc_offset_min;
    l->max_requests = w->max_requests > 0 ? w->max_requests : 1;
    l->session = w->session;
    l->minor = w->minor;
    l->clock_offset_ms = agent_wall_ms(a) - w->wall_ms;
    if (w->last_request > a->requests.last_number && w->last_request < NUMBER_MAX)
        a->requests.last_number = w->last_request;
    l->up_ns = agent_now_ns(a);
    l->why[0] = '\0';
    l->state = LINK_UP;
    log_info("link", "terminal=%s welcomed by %s (%s), connection %llu, session %016llx",
             l->terminal, a->config->sw.addresses.items[l->at], l->software,
             (unsigned long long)l->epoch, (unsigned long long)l->session);
    l->since_ms = agent_wall_ms(a);
    events_tell(a, "link",
                json_pack("{s:s, s:s, s:s, s:s, s:I}", "state", "up", "address",
                          a->config->sw.addresses.items[l->at], "why", "", "terminal", l->terminal,
                          "since_ms", (json_int_t)l->since_ms));
    flow_cond_broadcast(&l->wake_out);
    flow_cond_broadcast(&a->requests.changed);
    renew_co_worked(a);
    renew_look(a);
    requests_pump(a);
    lanes_wake(a);
    return 0;
}

static CO_FN int on_arm(struct agent *a, const pb_to_terminal *m)
{
    const pb_arm *arm = m->arm;
    struct lane *l = lane_get(a, arm->reader);
    if (!l)
        return 0;
    l->script = 0;
    if (arm->n_commands > 0) { /* none: nothing is armed any more */
        int rc = lane_read_list(arm->commands, arm->n_commands, &l->armed);
        if (rc != 0)
            return rc;
        if (!card_list_harmless(&l->armed)) {
            log_error("link", "an Arm would change the card: it is not taken");
            return 0;
        }
        l->script = arm->script;
    }
    l->now = arm->now;
    l->epoch = a->link.epoch;
    flow_cond_signal(&l->wake);
    return 0;
}

/* A list that this terminal cannot begin. */
static void refuse_list(struct agent *a, const pb_list *list)
{
    pb_answer none = ONECARD__TERMINAL__V1__ANSWER__INIT;
    pb_answer *pointers[CARD_LIST_MAX];
    pb_list_answers answers = ONECARD__TERMINAL__V1__LIST_ANSWERS__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    size_t n = list->n_commands < CARD_LIST_MAX ? list->n_commands : CARD_LIST_MAX;
    none.state = (Onecard__Terminal__V1__Answer__State)PB_ANSWER_NOT_SENT;
    for (size_t i = 0; i < n; i++)
        pointers[i] = &none;
    answers.list = list->list;
    answers.n_answers = n;
    answers.answers = pointers;
    m.message_case = (int)TO_SWITCH_ANSWERS;
    m.answers = &answers;
    (void)link_send(a, &m);
}

static CO_FN int on_list(struct agent *a, const pb_to_terminal *m)
{
    const pb_list *list = m->list;
    struct lane *l = lane_get(a, list->reader);
    if (!l || l->list_id != 0 || list->list == 0) {
        log_warn("link", "list %llu for reader %u cannot begin: %s", (unsigned long long)list->list,
                 list->reader, l ? "another one is at work" : "no such reader");
        refuse_list(a, list);
        return 0;
    }
    int rc = lane_read_list(list->commands, list->n_commands, &l->list);
    if (rc != 0)
        return rc;
    int64_t most = INT64_MAX / NS_PER_MS;
    l->list_deadline_ns = list->deadline_mono_ms < (uint64_t)most
                              ? (int64_t)list->deadline_mono_ms * NS_PER_MS
                              : FLOW_FOREVER;
    l->list_arrival = list->arrival;
    l->list_id = list->list;
    l->now = false; /* a dialogue builds on what the card was asked: it is not read anew */
    l->epoch = a->link.epoch;
    flow_cond_signal(&l->wake);
    return 0;
}

static CO_FN int on_release(struct agent *a, const pb_to_terminal *m)
{
    struct lane *l = lane_get(a, m->release->reader);
    if (!l)
        return 0;
    l->release = true;
    l->release_arrival = m->release->arrival;
    flow_cond_signal(&l->wake);
    return 0;
}

static CO_FN int on_progress(struct agent *a, const pb_to_terminal *m)
{
    request_progress(a, m->progress);
    return 0;
}

static CO_FN int on_result(struct agent *a, const pb_to_terminal *m)
{
    request_result(a, m->result);
    return 0;
}

static CO_FN int on_busy(struct agent *a, const pb_to_terminal *m)
{
    request_busy(a, m->busy);
    return 0;
}

static CO_FN int on_heartbeat_ack(struct agent *a, const pb_to_terminal *m)
{
    int64_t off = m->heartbeat_ack->offset_ms;
    bool was = a->link.clock_offset_ms > CLOCK_OFF_MS || a->link.clock_offset_ms < -CLOCK_OFF_MS;
    bool is = off > CLOCK_OFF_MS || off < -CLOCK_OFF_MS;
    a->link.clock_offset_ms = off;
    if (is && !was)
        log_warn("link", "this machine's clock is %lld ms off the switch's", (long long)off);
    renew_look(a);
    return 0;
}

static CO_FN int on_signed_on(struct agent *a, const pb_to_terminal *m)
{
    shift_signed_on(a, m->signed_on);
    return 0;
}

static CO_FN int on_signed_off(struct agent *a, const pb_to_terminal *m)
{
    shift_signed_off(a, m->signed_off);
    return 0;
}

static CO_FN int on_renewed(struct agent *a, const pb_to_terminal *m)
{
    return renew_co_take(a, m->renewed);
}

static CO_FN int on_drain(struct agent *a, const pb_to_terminal *m)
{
    struct link *l = &a->link;
    uint32_t ms = m->drain->reconnect_after_ms;
    l->drain_ms = ms < 600000 ? (int64_t)ms : 600000;
    if (l->state != LINK_UP)
        return 0;
    l->state = LINK_DRAINING;
    (void)snprintf(l->why, sizeof l->why, "the switch is stopping");
    log_info("link", "the switch is stopping: it wants us back after %lld ms",
             (long long)l->drain_ms);
    l->since_ms = agent_wall_ms(a);
    events_tell(a, "link", json_pack("{s:s, s:s}", "state", "draining", "why", l->why));
    return 0;
}

static CO_FN int on_error(struct agent *a, const pb_to_terminal *m)
{
    const pb_error *e = m->error;
    struct link *l = &a->link;
    char code[32], text[TEXT_LEN];
    copy_text(code, sizeof code, e->code);
    copy_text(text, sizeof text, e->message);
    log_warn("link", "the switch says %s: %s", code, text);
    if (e->number != 0 && !e->fatal) {
        request_failed(a, e->number, code, text);
        return 0;
    }
    if (!e->fatal) {
        (void)shift_error(a, e);
        if (strcmp(code, "renew_refused") == 0) {
            identity_free(&l->renewing);
            l->renew_again_ns = agent_now_ns(a) + 24 * INT64_C(3600) * NS_PER_S;
        }
        return 0;
    }
    memcpy(l->fatal, code, sizeof l->fatal);
    if (strcmp(code, "wrong_certificate") == 0)
        renew_refused(a);
    char why[TEXT_LEN + 40];
    (void)snprintf(why, sizeof why, "%s: %s", code, text);
    link_cut(a, why);
    return 0;
}

static const struct handler {
    enum pb_to_terminal_case message;
    bool early; /* may come before Welcome */
    int (*co_take)(struct agent *a, const pb_to_terminal *m);
} handlers[] = {
    {TO_TERMINAL_WELCOME, true, on_welcome},
    {TO_TERMINAL_ARM, false, on_arm},
    {TO_TERMINAL_LIST, false, on_list},
    {TO_TERMINAL_RELEASE, false, on_release},
    {TO_TERMINAL_PROGRESS, false, on_progress},
    {TO_TERMINAL_RESULT, false, on_result},
    {TO_TERMINAL_BUSY, false, on_busy},
    {TO_TERMINAL_HEARTBEAT_ACK, false, on_heartbeat_ack},
    {TO_TERMINAL_SIGNED_ON, false, on_signed_on},
    {TO_TERMINAL_SIGNED_OFF, false, on_signed_off},
    {TO_TERMINAL_RENEWED, false, on_renewed},
    {TO_TERMINAL_DRAIN, true, on_drain},
    {TO_TERMINAL_ERROR, true, on_error},
};

int link_take(struct agent *a, const pb_to_terminal *m)
{
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        const struct handler *h = &handlers[i];
        if ((int)h->message != (int)m->message_case)
            continue;
        if (!h->early && a->link.state == LINK_CONNECTING) {
            log_warn("link", "%s came before the welcome", frame_to_terminal_name(m));
            return OC_EPARSE;
        }
        log_debug("link", "< %s", frame_to_terminal_name(m));
        return h->co_take(a, m);
    }
    return 0;
}
