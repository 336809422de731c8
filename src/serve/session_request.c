/* Requests of terminals. Each is a flow: it waits for its turn on the reader, for a place at work,
 * runs, and tells the result. The number is the idempotency key: txn answers one that is known with
 * its first answer. What still runs of a session that was replaced is waited for here.
 *
 * R8: a gate's request is for one arrival. Where that card has gone, or a dialogue has dealt with
 * it already, no other card is taken for it. */
#include "serve/code.h"
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX    (UINT64_C(1) << 53)
#define WAIT_MS       60000 /* for a card, where the request does not say */
#define WAIT_MOST_MS  600000
#define OLDER_MS      15000 /* for requests of a session before */
#define LANE_RETRY_MS 1000
#define DRAIN_MS      2000

/* ---- on the way ---- */

/* A place at work is not held while a person is waited for; a gate says only what its passenger
 * must do. */
static void told(struct txn_request *req, void *arg)
{
    struct asked *a = arg;
    enum txn_phase phase = req->phase;
    bool lies = a->remote && reader_remote_reader(a->remote->reader)->state == READER_CARD;
    if (phase == TXN_PHASE_WAIT_RETURN || (phase == TXN_PHASE_WAIT_CARD && a->remote && !lies))
        admit_leave(&a->place);
    else if (phase != TXN_PHASE_DONE)
        admit_again(&a->place);
    bool tell = phase == TXN_PHASE_WAIT_CARD ? !lies : true;
    if (tell && (!req->gate || phase == TXN_PHASE_WAIT_RETURN))
        asked_put_progress(a, phase);
}

/* ---- its flow ---- */

/* What a session before this one began comes to its end first: it may be this very request, or a
 * doubt about this very card. */
static struct asked *older(const struct asked *a)
{
    LIST_EACH(at, &a->session->station->asked)
    {
        struct asked *o = CONTAINER_OF(at, struct asked, known);
        if (o->session != a->session)
            return o;
    }
    return NULL;
}

static CO_FN int wait_older(struct asked *a)
{
    int64_t deadline = flow_deadline_ms(OLDER_MS);
    struct asked *o;
    int rc = 0;
    while (rc == 0 && (o = older(a)) != NULL) {
        struct flow *f = flow_get(o->flow);
        rc = flow_co_join(f, NULL, deadline);
        flow_put(f);
    }
    return rc == OC_ETIMEDOUT ? OC_EBUSY : rc;
}

/* R8: which arrival, by the reader's own count, this gate's request may take. False: none that lies
 * there, nor one that comes. */
static bool aim(struct asked *a)
{
    const struct remote *rm = a->remote;
    const struct reader *r = reader_remote_reader(rm->reader);
    bool lies = r->state == READER_CARD && r->arrival > rm->served;
    bool its = lies && (a->arrival == 0 || a->arrival == rm->arrival);
    a->req.only_arrival = a->arrival;
    if (!a->req.gate)
        return false;
    a->req.arrival = its ? r->arrival : r->arrival + 1;
    if (its || a->arrival == 0)
        return true;
    a->req.wait_ms = 0; /* a known request is answered all the same */
    return false;
}

static CO_FN void run_txn(struct asked *a)
{
    struct serve *s = a->session->t->serve;
    struct reader *reader = NULL;
    bool serves = false;
    if (a->remote) {
        serves = aim(a);
        reader = reader_remote_reader(a->remote->reader);
    }
    a->begun = true;
    const char *why = code_co_take(s, &a->req);
    int rc = txn_co_run(&s->env, reader, &a->req, &a->res);
    code_explain(why, &a->res);
    if (rc != 0 && rc != OC_ECANCELED)
        asked_refuse(a, OC_R_STORE, oc_strerror(rc));
    if (serves && a->req.arrival > a->remote->served)
        a->remote->served = a->req.arrival < reader->arrival ? a->req.arrival : reader->arrival;
}

/* Taken back before its turn. The ledger is looked at all the same: the number may be known, and
 * its answer is not "refused" then. Where it is not, the refusal is durable: a copy of this request
 * that comes later begins nothing. Nobody is told where the wire has gone: the number stays as it
 * was. */
static CO_FN void run_cancelled(struct asked *a)
{
    if (a->session->ended)
        return;
    int rc = txn_co_run(&a->session->t->serve->env, NULL, &a->req, &a->res);
    if (rc == 0 || rc == OC_ECANCELED)
        asked_put_result(a);
}

/* A flow that is cancelled begins nothing: what is known is told, what is not is refused for good.
 * That only counts where it is durable. */
static CO_FN void run_only_answer(struct asked *a)
{
    int rc = wait_older(a);
    bool store = false;
    if (a->session->ended)
        return;
    if (rc == 0 || rc == OC_ECANCELED) {
        flow_cancel(a->flow);
        rc = txn_co_run(&a->session->t->serve->env, NULL, &a->req, &a->res);
        store = a->res.txn == 0 && a->res.reason != OC_R_CONFLICT;
    }
    if ((rc != 0 && rc != OC_ECANCELED) || store)
        asked_put_busy(a->session, a->number, LANE_RETRY_MS);
    else
        asked_put_result(a);
}

static CO_FN int enter(struct asked *a, uint32_t *retry_ms)
{
    struct session *se = a->session;
    int rc = wait_older(a);
    *retry_ms = LANE_RETRY_MS;
    if (rc == 0 && a->remote) {
        int64_t wait = a->req.wait_ms > LANE_RETRY_MS ? a->req.wait_ms : LANE_RETRY_MS;
        rc = flow_co_lock(&a->remote->lane, flow_deadline_ms(wait));
        if (rc != 0)
            return rc == OC_ETIMEDOUT ? OC_EBUSY : rc;
    }
    if (rc == 0) {
        rc = admit_co_enter(&se->t->serve->admit, &se->station->turn, &a->place, retry_ms);
        if (rc != 0 && a->remote)
            flow_unlock(&a->remote->lane);
    }
    return rc;
}

/* It names a reader that was not told: one that went while the answer was on its way, perhaps. */
static CO_FN int look_for_reader(struct asked *a)
{
    struct txn_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (!a->no_reader || !row)
        return row ? 0 : OC_ENOMEM;
    return ledger_co_txn_request(a->session->t->serve->ledger, a->req.terminal, a->req.request_no,
                                 row);
}

static CO_FN void run(struct asked *a)
{
    struct session *se = a->session;
    uint32_t retry_ms = 0;
    int rc = enter(a, &retry_ms);
    int look = rc == 0 ? look_for_reader(a) : 0;
    if (rc == 0 && look != 0) {
        admit_leave(&a->place);
        if (look == OC_ENOENT)
            session_error(se, "unknown_reader", "a reader that you have not told", a->number);
        else
            asked_put_busy(se, a->number, LANE_RETRY_MS);
    } else if (rc == OC_ECANCELED && a->cancelled) {
        run_cancelled(a);
    } else if (rc != 0) {
        asked_put_busy(se, a->number, retry_ms);
    } else {
        run_txn(a);
        admit_leave(&a->place);
        if (a->remote)
            flow_unlock(&a->remote->lane);
        if (a->res.service[0] != '\0')
            memcpy(se->last_service, a->res.service, sizeof se->last_service);
        asked_put_result(a);
        if (a->remote)
            card_arm_next(a->remote);
    }
}

static void asked_free(struct asked *a)
{
    union {
        const char *shown;
        char *own; /* the document is this request's (read_document) */
    } document = {.shown = a->req.document};
    if (document.own)
        secret_wipe(document.own, a->req.document_len);
    free(document.own);
    secret_wipe(a->req.pin, sizeof a->req.pin);
    secret_wipe(a->req.new_pin, sizeof a->req.new_pin);
    free(a);
}

static void asked_end(void *arg)
{
    struct asked *a = arg;
    struct session *se = a->session;
    list_del(&a->link);
    list_del(&a->known);
    se->asked_count--;
    flow_put(a->flow);
    session_drained(se);
    flow_cond_broadcast(&se->idle);
    asked_free(a);
    session_put_ref(se);
}

static int asked_flow(void *arg) CO_FN;
static int asked_flow(void *arg)
{
    struct asked *a = arg;
    flow_defer(asked_end, a);
    flow_set_note(a->req.terminal);
    if (a->only_answer)
        run_only_answer(a);
    else
        run(a);
    session_co_flush(a->session);
    return 0;
}

/* ---- what a terminal asks ---- */

static bool copy(char *to, size_t size, const char *from)
{
    int n = snprintf(to, size, "%s", from);
    return n >= 0 && (size_t)n < size;
}

static bool read_params(struct txn_request *r, const pb_request *m)
{
    if (m->n_params > TXN_PARAMS)
        return false;
    for (size_t i = 0; i < m->n_params; i++)
        if (!copy(r->params[i].name, sizeof r->params[i].name, m->params[i]->name) ||
            !copy(r->params[i].value, sizeof r->params[i].value, m->params[i]->value))
            return false;
    r->param_count = (unsigned)m->n_params;
    return true;
}

static bool read_presentation(struct asked *a, const pb_request *m, uint32_t *ret_reader)
{
    const pb_presentation *p = m->presentation;
    struct txn_request *r = &a->req;
    *ret_reader = m->card ? m->card->reader : 0;
    a->arrival = m->card ? m->card->arrival : 0;
    if (!p)
        return true;
    switch ((enum pb_presentation_case)p->what_case) {
    case PB_PRESENTATION_CHIP:
        *ret_reader = p->chip->reader;
        a->arrival = p->chip->arrival != 0 ? p->chip->arrival : a->arrival;
        return true;
    case PB_PRESENTATION_CODE:
        r->presented = PRESENTED_CODE;
        return copy(r->presented_text, sizeof r->presented_text, p->code);
    case PB_PRESENTATION_NUMBER:
        r->presented = PRESENTED_NUMBER;
        return copy(r->presented_text, sizeof r->presented_text, p->number);
    }
    return true;
}

static bool read_who(struct asked *a, const pb_request *m)
{
    struct txn_request *r = &a->req;
    if (m->person[0] != '\0')
        return shift_person_ok(m->person) &&
               snprintf(r->who, sizeof r->who, "clerk:%.25s", m->person) > 0;
    if (strlen(r->terminal) <= 22)
        (void)snprintf(r->who, sizeof r->who, "terminal:%.22s", r->terminal);
    else /* never cut: a long one stands alone (R20) */
        memcpy(r->who, r->terminal, sizeof r->who);
    return true;
}

/* NULL, or what is wrong. The PIN's digits leave the message at once, whatever comes of them. */
static const char *read_pin(char *pin, uint8_t ret[12], uint8_t *ret_len)
{
    size_t len = strlen(pin);
    bool fits = len == 0 || (len >= 4 && len <= 12 && strspn(pin, "0123456789") == len);
    if (fits) {
        memcpy(ret, pin, len);
        *ret_len = (uint8_t)len;
    }
    secret_wipe(pin, len);
    return fits ? NULL : "a PIN is 4 to 12 digits";
}

/* What it says is the module's business; that it can be read at all is not. */
static const char *read_document(struct txn_request *r, const char *text)
{
    size_t len = strlen(text);
    if (len == 0)
        return NULL;
    if (len > ONECARD_DOC_BYTES || text[0] != '{' || !text_depth_ok(text, len, TEXT_DEPTH_MAX))
        return "the document is no JSON object of bounded size and depth";
    r->document = strdup(text);
    r->document_len = len;
    return r->document ? NULL : "no memory for the document";
}

static int64_t patience(const struct asked *a, const pb_request *m)
{
    if (m->wait_ms == 0)
        return a->req.gate && a->arrival != 0 ? 0 : WAIT_MS;
    return m->wait_ms < WAIT_MOST_MS ? m->wait_ms : WAIT_MOST_MS;
}

static int64_t retap(const struct asked *a, const pb_request *m)
{
    const struct serve *s = a->session->t->serve;
    if (m->retap_ms != 0)
        return m->retap_ms < WAIT_MOST_MS ? m->retap_ms : WAIT_MOST_MS;
    if (!a->req.gate)
        return s->config->desk.retap_ms;
    return station_param_ms(a->session->station, "retap", s->config->gate.retap_ms);
}

/* NULL, or what is wrong with it. */
static const char *read_request(struct asked *a, const pb_request *m, uint32_t *ret_reader)
{
    struct session *se = a->session;
    const struct op_terminal *row = &se->station->row.t;
    struct txn_request *r = &a->req;
    a->number = m->number;
    r->request_no = (int64_t)m->number;
    r->gate = m->gate;
    r->amount = m->amount_fen;
    r->trace = m->trace;
    r->received_ns = se->heard_ns;
    r->scripts = se->t->scripts;
    r->told = told;
    r->told_arg = a;
    memcpy(r->terminal, row->id, sizeof r->terminal);
    if (r->trace == 0 && rng_fill(se->t->serve->env.rng, &r->trace, sizeof r->trace) != 0)
        r->trace = se->id ^ m->number;
    if (!copy(r->service, sizeof r->service, m->service[0] != '\0' ? m->service : row->gate))
        return "the service's name is too long";
    if (r->service[0] == '\0')
        return "no service is named, and this terminal is no gate";
    if (!read_params(r, m))
        return "too many parameters, or one is too long";
    if (!read_presentation(a, m, ret_reader))
        return "the code or number is too long";
    const char *wrong = read_pin(m->pin, r->pin, &r->pin_len);
    if (!wrong)
        wrong = read_pin(m->new_pin, r->new_pin, &r->new_pin_len);
    if (!wrong)
        wrong = read_document(r, m->document);
    if (wrong)
        return wrong;
    if (!read_who(a, m))
        return "\"person\" has up to 24 letters, digits, '.', '_' and '-'";
    r->wait_ms = patience(a, m);
    r->retap_ms = retap(a, m);
    return NULL;
}

static struct asked *running(const struct session *se, uint64_t number)
{
    LIST_EACH(at, &se->asked)
    {
        struct asked *a = CONTAINER_OF(at, struct asked, link);
        if (a->number == number)
            return a;
    }
    return NULL;
}

static void start(struct asked *a)
{
    struct session *se = session_get(a->session);
    list_add_tail(&se->asked, &a->link);
    list_add_tail(&se->station->asked, &a->known);
    se->asked_count++;
    se->requests++;
    if (flow_start(se->t->serve->loop, "request", asked_flow, a, &a->flow) == 0)
        return;
    asked_put_busy(se, a->number, LANE_RETRY_MS);
    asked_end(a);
}

/* The same number again while the first one runs: the first one's result answers both. */
static bool known(struct asked *a)
{
    struct session *se = a->session;
    const struct asked *first = running(se, a->number);
    if (!first)
        return false;
    if (memcmp(first->req.request_hash, a->req.request_hash, sizeof a->req.request_hash) != 0)
        session_error(se, "conflict", "this number runs with another content", a->number);
    return true;
}

/* True: taken over by its flow. */
static bool take(struct asked *a, const pb_request *m)
{
    struct session *se = a->session;
    uint32_t reader = 0;
    const char *wrong = read_request(a, m, &reader);
    int rc = wrong ? 0 : txn_request_hash(se->t->serve->crypto, &a->req, a->req.request_hash);
    if (wrong) {
        asked_refuse(a, OC_R_PARAMETER, wrong);
        asked_put_result(a);
        return false;
    }
    if (rc != 0) { /* is it known? Nobody can say */
        asked_put_busy(se, a->number, LANE_RETRY_MS);
        return false;
    }
    if (known(a))
        return false;
    if (se->asked_count >= se->t->config->max_requests) {
        session_error(se, "too_many_requests", "as many requests are open as Welcome allows",
                      a->number);
        return false;
    }
    a->only_answer = m->only_answer;
    a->remote = a->only_answer ? NULL : card_remote(se, reader);
    a->no_reader = !a->only_answer && reader != 0 && !a->remote;
    start(a);
    return true;
}

void request_on_request(struct session *se, const pb_request *m)
{
    if (m->number == 0 || m->number > NUMBER_MAX) {
        session_end(se, "bad_frame", "request numbers go from 1 to 2^53");
        return;
    }
    if (m->card)
        card_on_card(se, m->card);
    if (se->ended)
        return;
    if (se->draining) {
        asked_put_busy(se, m->number, DRAIN_MS);
        return;
    }
    struct admit *places = &se->t->serve->admit;
    if (se->asked_count == 0 && admit_full(places)) { /* before anything is made for it */
        asked_put_busy(se, m->number, admit_retry_ms(places));
        return;
    }
    struct asked *a = calloc(1, sizeof *a);
    if (!a) {
        asked_put_busy(se, m->number, LANE_RETRY_MS);
        return;
    }
    a->session = se;
    list_init(&a->link);
    list_init(&a->known);
    if (!take(a, m))
        asked_free(a);
}

void request_on_cancel(struct session *se, const pb_cancel *m)
{
    struct asked *a = running(se, m->number);
    if (!a || a->req.phase == TXN_PHASE_COMMITTED)
        return; /* its result is on its way */
    a->cancelled = true;
    flow_cancel(a->flow);
}

void request_drain(struct session *se)
{
    LIST_EACH(at, &se->asked)
    {
        struct asked *a = CONTAINER_OF(at, struct asked, link);
        if (!a->begun || a->req.phase == TXN_PHASE_WAIT_CARD)
            flow_cancel(a->flow);
    }
}

void request_close(struct session *se)
{
    LIST_EACH(at, &se->asked)
    {
        struct asked *a = CONTAINER_OF(at, struct asked, link);
        if (!a->begun)
            flow_cancel(a->flow);
    }
}
