/* A person's shift at this terminal (班结). The totals that are sent at its end are those of the
 * answers kept here; the switch says whether the ledger has the same. */
#include "terminal/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 15000

void shift_init(struct agent *a)
{
    flow_mutex_init(&a->shift.lock);
    flow_cond_init(&a->shift.answered);
}

void shift_fini(struct agent *a)
{
    json_decref(a->shift.off);
    a->shift.off = NULL;
}

json_t *shift_json(const struct agent *a)
{
    const struct store_shift *s = &a->shift.now;
    if (!s->person[0])
        return json_null();
    return json_pack("{s:s, s:I, s:I, s:i}", "person", s->person, "first_request",
                     (json_int_t)s->first, "since_ms", (json_int_t)s->since_ms, "business_date",
                     (int)s->business_date);
}

static void answered(struct shift *s, bool good, const char *trouble)
{
    s->waiting = false;
    s->good = good;
    (void)snprintf(s->trouble, sizeof s->trouble, "%s", trouble);
    text_trim_utf8(s->trouble);
    flow_cond_broadcast(&s->answered);
}

void shift_signed_on(struct agent *a, const pb_signed_on *m)
{
    struct shift *s = &a->shift;
    if (!s->waiting)
        return;
    s->first = m->first_request;
    s->business_date = m->business_date;
    answered(s, true, "");
}

static json_t *totals_json(pb_total *const *totals, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "service", totals[i]->service,
                                              "count", (json_int_t)totals[i]->count, "amount_fen",
                                              (json_int_t)totals[i]->amount_fen));
    return list;
}

void shift_signed_off(struct agent *a, const pb_signed_off *m)
{
    struct shift *s = &a->shift;
    if (!s->waiting)
        return;
    json_decref(s->off);
    s->off = json_pack("{s:b, s:{s:s, s:s}, s:i, s:o}", "agrees", m->agrees, "text", "en",
                       m->text_en, "zh", m->text_zh, "in_doubt", (int)m->open, "ledger",
                       totals_json(m->totals, m->n_totals));
    answered(s, s->off != NULL, "no memory");
}

bool shift_error(struct agent *a, const pb_error *e)
{
    if (!a->shift.waiting)
        return false;
    answered(&a->shift, false, e->message);
    return true;
}

void shift_disconnected(struct agent *a)
{
    if (a->shift.waiting)
        answered(&a->shift, false, "the connection to the switch broke: try again");
}

static json_t *trouble(const char *text)
{
    return json_string(text);
}

/* Sends and waits for the answer. */
static CO_FN int ask(struct agent *a, pb_to_switch *m, json_t **ret)
{
    struct shift *s = &a->shift;
    int64_t until = flow_deadline_ms(ANSWER_MS);
    int rc = 0;
    s->waiting = true;
    s->good = false;
    s->trouble[0] = '\0';
    if (!link_up(a) || !link_send(a, m)) {
        s->waiting = false;
        *ret = trouble("there is no connection to the switch");
        return OC_ECLOSED;
    }
    while (rc == 0 && s->waiting)
        rc = flow_co_wait(&s->answered, until);
    s->waiting = false;
    if (rc != 0 || s->good)
        return rc;
    *ret = trouble(s->trouble);
    return OC_EPERM;
}

static CO_FN int sign_on(struct agent *a, char *person, json_t **ret)
{
    struct shift *s = &a->shift;
    pb_sign_on on = ONECARD__TERMINAL__V1__SIGN_ON__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    if (s->now.person[0]) {
        *ret = trouble("somebody is signed on: sign off first");
        return OC_ESTATE;
    }
    on.person = person;
    m.message_case = (int)TO_SWITCH_SIGN_ON;
    m.sign_on = &on;
    int rc = ask(a, &m, ret);
    if (rc != 0)
        return rc;
    struct store_shift now = {.since_ms = agent_wall_ms(a), .business_date = s->business_date};
    now.first = a->requests.last_number + 1 > s->first ? a->requests.last_number + 1 : s->first;
    (void)snprintf(now.person, sizeof now.person, "%s", person);
    rc = store_co_shift(a->store, &now);
    if (rc != 0)
        return rc;
    s->now = now;
    *ret = shift_json(a);
    events_tell(a, "shift", json_pack("{s:s, s:b}", "person", person, "on", true));
    return 0;
}

struct off_parts {
    struct store_total rows[STORE_TOTALS];
    pb_total totals[STORE_TOTALS];
    pb_total *pointers[STORE_TOTALS];
    unsigned count, doubts;
};

static CO_FN int send_off(struct agent *a, struct off_parts *p, uint64_t last, json_t **ret)
{
    struct shift *s = &a->shift;
    pb_sign_off off = ONECARD__TERMINAL__V1__SIGN_OFF__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    for (unsigned i = 0; i < p->count; i++) {
        p->totals[i] = (pb_total)ONECARD__TERMINAL__V1__TOTAL__INIT;
        p->totals[i].service = p->rows[i].service;
        p->totals[i].count = p->rows[i].count;
        p->totals[i].amount_fen = p->rows[i].amount_fen;
        p->pointers[i] = &p->totals[i];
    }
    off.person = s->now.person;
    off.first_request = s->now.first;
    off.last_request = last;
    off.n_totals = p->count;
    off.totals = p->pointers;
    m.message_case = (int)TO_SWITCH_SIGN_OFF;
    m.sign_off = &off;
    return ask(a, &m, ret);
}

static CO_FN int sign_off(struct agent *a, json_t **ret)
{
    struct shift *s = &a->shift;
    static const struct store_shift nobody;
    struct off_parts *p = arena_alloc(flow_arena(), sizeof *p);
    uint64_t last = a->requests.last_number;
    if (!p)
        return OC_ENOMEM;
    if (!s->now.person[0] || requests_open(a) > 0) {
        *ret = trouble(s->now.person[0] ? "requests are still open: wait for their answers"
                                        : "nobody is signed on");
        return OC_ESTATE;
    }
    int rc = store_co_totals(a->store, s->now.first, last, p->rows, &p->count, &p->doubts);
    if (rc == 0)
        rc = send_off(a, p, last, ret);
    if (rc != 0)
        return rc;
    json_t *ours = totals_json(p->pointers, p->count);
    json_t *off = s->off;
    s->off = NULL;
    json_object_set_new(off, "ours", ours);
    json_object_set_new(off, "person", json_string(s->now.person));
    json_object_set_new(off, "first_request", json_integer((json_int_t)s->now.first));
    json_object_set_new(off, "last_request", json_integer((json_int_t)last));
    *ret = off;
    rc = store_co_shift(a->store, &nobody);
    if (rc != 0)
        log_error("terminal", "the end of the shift is not kept: %s", oc_strerror(rc));
    events_tell(a, "shift",
                json_pack("{s:s, s:b, s:b}", "person", s->now.person, "on", false, "agrees",
                          json_is_true(json_object_get(off, "agrees"))));
    s->now = nobody;
    return 0;
}

static void unlock(void *arg)
{
    flow_unlock(arg);
}

static CO_FN int lock(struct agent *a)
{
    int rc = flow_co_lock(&a->shift.lock, flow_deadline_ms(ANSWER_MS));
    if (rc == 0)
        flow_defer(unlock, &a->shift.lock);
    return rc;
}

int shift_co_on(struct agent *a, const char *person, json_t **ret)
{
    char *text = arena_strdup(flow_arena(), person);
    int rc = text ? lock(a) : OC_ENOMEM;
    return rc != 0 ? rc : sign_on(a, text, ret);
}

int shift_co_off(struct agent *a, json_t **ret)
{
    int rc = lock(a);
    return rc != 0 ? rc : sign_off(a, ret);
}
