/* A new request: its number, its content, and the row that is durable before anything is sent. The
 * frame that is made here is the one that is sent each time, byte for byte. */
#include "terminal/internal.h"

#include <stdlib.h>
#include <string.h>


static char *text_of(struct arena *arena, const char *s)
{
    return arena_strdup(arena, s ? s : "");
}

/* Proto messages want texts that may be written to: copies in the arena of the call. */
struct request_parts {
    pb_request r;
    pb_presentation p;
    pb_presentation_chip chip;
};
static int fill(struct arena *arena, const struct request_ask *ask, uint64_t number,
                struct request_parts *ret)
{
    pb_request *r = &ret->r;
    *r = (pb_request)ONECARD__TERMINAL__V1__REQUEST__INIT;
    ret->p = (pb_presentation)ONECARD__TERMINAL__V1__PRESENTATION__INIT;
    ret->chip = (pb_presentation_chip)ONECARD__TERMINAL__V1__PRESENTATION__CHIP__INIT;
    r->number = number;
    r->service = text_of(arena, ask->service);
    r->person = text_of(arena, ask->person);
    r->amount_fen = ask->amount_fen;
    r->gate = ask->gate;
    r->wait_ms = (uint32_t)ask->wait_ms;
    r->retap_ms = (uint32_t)ask->retap_ms;
    if (rng_fill(&rng_system, &r->trace, sizeof r->trace) != 0)
        r->trace = 0; /* the switch makes one */
    if (ask->code || ask->number) {
        ret->p.what_case = ask->code ? ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CODE
                                     : ONECARD__TERMINAL__V1__PRESENTATION__WHAT_NUMBER;
        ret->p.code = text_of(arena, ask->code ? ask->code : ask->number); /* a union */
        r->presentation = &ret->p;
        if (!ret->p.code)
            return OC_ENOMEM;
    } else if (ask->reader) {
        ret->chip.reader = ask->reader;
        ret->chip.arrival = ask->arrival;
        ret->p.what_case = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CHIP;
        ret->p.chip = &ret->chip;
        r->presentation = &ret->p;
    }
    if (ask->document)
        r->document = text_of(arena, ask->document);
    return r->service && r->person && r->document ? 0 : OC_ENOMEM;
}

static int fill_params(struct arena *arena, const struct request_ask *ask, pb_request *r)
{
    if (ask->param_count == 0)
        return 0;
    pb_param *items = arena_copy(arena, ask->params, ask->param_count * sizeof *items);
    pb_param **pointers = arena_alloc(arena, ask->param_count * sizeof *pointers);
    if (!items || !pointers)
        return OC_ENOMEM;
    for (size_t i = 0; i < ask->param_count; i++)
        pointers[i] = &items[i];
    r->n_params = ask->param_count;
    r->params = pointers;
    return 0;
}

static int fill_row(struct agent *a, const struct request_ask *ask, struct store_row *row)
{
    const char *ref = ask->ref ? ask->ref : "", *person = ask->person ? ask->person : "";
    if (strlen(ask->service) >= sizeof row->service || strlen(ref) >= sizeof row->ref ||
        strlen(person) >= sizeof row->person)
        return OC_ELIMIT;
    memcpy(row->service, ask->service, strlen(ask->service) + 1);
    memcpy(row->ref, ref, strlen(ref) + 1);
    memcpy(row->person, person, strlen(person) + 1);
    row->number = ++a->requests.last_number;
    row->gate = ask->gate;
    row->reader = ask->reader;
    row->arrival = ask->arrival;
    row->amount_fen = ask->amount_fen;
    row->created_ms = agent_wall_ms(a);
    return 0;
}

/* Its content stands: in memory, and in the frame that will be sent each time. */
static int make(struct agent *a, const struct request_ask *ask, struct treq **ret)
{
    struct store_row row = {.number = 0};
    struct request_parts *parts = arena_alloc(flow_arena(), sizeof *parts);
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    struct buf frame;
    int rc = parts ? fill_row(a, ask, &row) : OC_ENOMEM;
    if (rc == 0)
        rc = fill(flow_arena(), ask, row.number, parts);
    if (rc == 0)
        rc = fill_params(flow_arena(), ask, &parts->r);
    if (rc != 0)
        return rc;
    m.message_case = (int)TO_SWITCH_REQUEST;
    m.request = &parts->r;
    buf_init(&frame, FRAME_MAX + FRAME_HEAD_MAX);
    frame_put_to_switch(&frame, &m);
    rc = frame.err;
    if (rc == 0) {
        row.frame = frame.data;
        row.frame_len = frame.len;
        *ret = treq_new(a, &row);
        rc = *ret ? 0 : OC_ENOMEM;
    }
    buf_fini(&frame);
    return rc;
}

int request_co_new(struct agent *a, const struct request_ask *ask, struct treq **ret)
{
    struct treq *t = NULL;
    int rc = make(a, ask, &t);
    if (rc != 0)
        return rc;
    t->until_ns = agent_now_ns(a) + (ask->wait_ms + REQUEST_GRACE_MS) * NS_PER_MS;
    t->phase = PB_PHASE_WAIT_CARD;
    memcpy(t->pin, ask->pin, sizeof t->pin);
    memcpy(t->new_pin, ask->new_pin, sizeof t->new_pin);
    t->asking = true; /* stays in memory */
    flow_shield();
    rc = store_co_add(a->store, &t->row);
    flow_unshield();
    t->asking = false;
    if (rc != 0) { /* it never left */
        treq_free(t);
        a->requests.count--;
        return rc;
    }
    t->durable = true;
    requests_forget(a);
    *ret = t;
    return 0;
}
