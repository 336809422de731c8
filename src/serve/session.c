/* One connection of a terminal. Its flow reads messages and hands each to its function; requests
 * are flows of their own. Who the terminal is was proven by the handshake; that it still is one is
 * looked up here.
 *
 *   identify ─ Hello … Welcome ─ messages, until the wire goes, a limit is broken, or somebody ends
 *   it ─ readers say that the wire has gone ─ the requests' flows end ─ everything is given back
 *
 * session_end() may be called by anybody at any time: it says why, once, and wakes this flow. */
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENT_BEATS  3
#define REST_MS       1000
#define LAST_WORDS_MS 1000
#define LINGER_MS     500
#define LINGER_BYTES  (256 * 1024)
#define OFFSET_SPAN   (5 * 60 * NS_PER_S) /* clocks drift: older measurements are dropped */
#define MONO_MAX      (UINT64_C(1) << 53)
#define WALL_WARN_MS  60000

/* ---- life ---- */

struct session *session_get(struct session *se)
{
    se->refs++;
    return se;
}

void session_put_ref(struct session *se)
{
    if (--se->refs > 0)
        return;
    CHECK(list_empty(&se->asked) && se->stream == NULL);
    flow_put(se->flow);
    flow_cond_fini(&se->idle);
    buf_fini(&se->out);
    free(se);
}

static void put_error(struct session *se, const char *code, const char *message, uint64_t number,
                      bool fatal)
{
    pb_error e = ONECARD__TERMINAL__V1__ERROR__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    e.code = pb_text(code);
    e.message = pb_text(message);
    e.number = number;
    e.fatal = fatal;
    m.message_case = SAYS(ERROR);
    m.error = &e;
    session_put(se, &m);
}

void session_error(struct session *se, const char *code, const char *message, uint64_t number)
{
    if (!se->ended)
        put_error(se, code, message, number, false);
}

void session_end(struct session *se, const char *code, const char *message)
{
    char labels[64];
    if (se->ended)
        return;
    se->ended = true;
    se->why = code;
    (void)snprintf(labels, sizeof labels, "why=\"%s\"", code);
    metric_add(metric_counter(se->t->serve->metrics, "onecard_terminal_closed_total", labels,
                              "Ended sessions of terminals."),
               1);
    if (lines_may(&se->t->ends, code))
        log_info("terminal", "terminal=%s session %016llx ends: %s%s%s", se->station->row.t.id,
                 (unsigned long long)se->id, code, message[0] != '\0' ? ", " : "", message);
    if (card_take_back(se)) /* and they must not leave after this (R4) */
        session_drop(se);
    if (strcmp(code, "closed") != 0)
        put_error(se, code, message, 0, true);
    se->mute = true;
    flow_cancel(se->flow);
}

/* ---- clocks ---- */

void session_clock(struct session *se, uint64_t mono_ms)
{
    int64_t now = loop_now_ns(se->t->serve->loop);
    int64_t off = now / NS_PER_MS - (int64_t)mono_ms;
    if (se->off_since_ns == 0 || now - se->off_since_ns > OFFSET_SPAN) {
        se->off_min[1] = se->off_since_ns == 0 ? off : se->off_min[0];
        se->off_min[0] = off;
        se->off_since_ns = now;
    } else if (off < se->off_min[0]) {
        se->off_min[0] = off;
    }
}

/* The least offset still holds the quickest message's way; so the result is early, never late. */
int64_t session_terminal_ms(const struct session *se, int64_t switch_ns)
{
    int64_t off = se->off_min[0] < se->off_min[1] ? se->off_min[0] : se->off_min[1];
    int64_t ms = switch_ns / NS_PER_MS - off;
    return ms > 0 ? ms : 1;
}

/* ---- hello ---- */

static bool speaks(const pb_hello *h)
{
    for (size_t i = 0; i < h->n_versions; i++)
        if (h->versions[i] == 1)
            return true;
    return false;
}

static void put_welcome(struct session *se, uint64_t last_request)
{
    pb_welcome w = ONECARD__TERMINAL__V1__WELCOME__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    struct serve *s = se->t->serve;
    struct op_terminal *row = &se->station->row.t;
    w.version = 1;
    w.terminal = row->id;
    w.kind = row->kind;
    w.gate_service = row->gate;
    w.wall_ms = serve_now_ms(s);
    w.utc_offset_min = s->env.city_offset_min;
    w.heartbeat_ms = (uint32_t)se->t->config->heartbeat_ms;
    w.max_requests = se->t->config->max_requests;
    w.last_request = last_request;
    w.certificate_until_ms = se->certificate_until_ms;
    w.switch_software = pb_text("onecardd " ONECARD_VERSION);
    w.session = se->id;
    w.minor = FRAME_MINOR;
    m.message_case = SAYS(WELCOME);
    m.welcome = &w;
    session_put(se, &m);
}

static CO_FN int last_request(struct session *se, uint64_t *ret)
{
    struct terminal_row row;
    int rc = ledger_co_terminal(se->t->serve->ledger, se->station->row.t.id, &row);
    if (rc == 0)
        *ret = row.next_request > 0 ? (uint64_t)row.next_request - 1 : 0;
    return rc;
}

/* The same terminal again: it knows better than we that the old wire is dead. */
static void take_over(struct session *se)
{
    struct station *st = se->station;
    if (st->session)
        session_end(st->session, "replaced", "this terminal connected again");
    st->session = se;
}

static void wall_clock(struct session *se, int64_t wall_ms)
{
    int64_t off = wall_ms - serve_now_ms(se->t->serve);
    bool far = off > WALL_WARN_MS || off < -WALL_WARN_MS;
    se->wall_off_ms = off;
    if (far && !se->told_wall)
        log_warn("terminal", "terminal=%s its clock is off by %lld s", se->station->row.t.id,
                 (long long)(off / 1000));
    se->told_wall = far;
}

static CO_FN void on_hello(struct session *se, const pb_hello *h)
{
    uint64_t last = 0;
    if (se->greeted || h->mono_ms > MONO_MAX) {
        session_end(se, se->greeted ? "bad_order" : "bad_hello",
                    se->greeted ? "Hello is the first message only" : "mono_ms makes no sense");
        return;
    }
    if (!speaks(h)) {
        session_end(se, "version", "this switch speaks version 1");
        return;
    }
    int rc = last_request(se, &last);
    if (rc != 0) {
        if (rc != OC_ECANCELED)
            session_end(se, "internal", "the ledger could not be read: try again");
        return;
    }
    if (se->ended) /* while the ledger was looked at: it must not take a good one's place */
        return;
    session_clock(se, h->mono_ms);
    wall_clock(se, h->wall_ms);
    (void)snprintf(se->software, sizeof se->software, "%.63s", h->software);
    (void)text_trim_utf8(se->software);
    take_over(se);
    se->greeted = true;
    metric_set(se->t->m_connected, ++se->t->count);
    put_welcome(se, last);
    if (card_on_readers(se, h->readers, h->n_readers) != 0) {
        session_end(se, "bad_hello", "readers have numbers 1 to 4, each once");
        return;
    }
    log_info("terminal", "terminal=%s connected from %s: %.40s%s", se->station->row.t.id, se->peer,
             se->software, se->resumed ? " (resumed)" : "");
}

/* ---- messages ---- */

/* A connection does not outlive what it was opened with; what runs may end first. */
static void check_certificate(struct session *se)
{
    if (se->asked_count == 0 && serve_now_ms(se->t->serve) > se->certificate_until_ms)
        session_end(se, "wrong_certificate",
                    "this terminal's certificate has ended: renew it, or enrol the terminal again");
}

static CO_FN void dispatch(struct session *se, const pb_to_switch *m)
{
    if (!se->greeted && m->message_case != (int)TO_SWITCH_HELLO) {
        session_end(se, "bad_order", "Hello comes first");
        return;
    }
    switch ((enum pb_to_switch_case)m->message_case) {
    case TO_SWITCH_HELLO:
        on_hello(se, m->hello);
        break;
    case TO_SWITCH_READERS:
        if (card_on_readers(se, m->readers->readers, m->readers->n_readers) != 0)
            session_end(se, "bad_frame", "readers have numbers 1 to 4, each once");
        break;
    case TO_SWITCH_CARD:
        card_on_card(se, m->card);
        break;
    case TO_SWITCH_CARD_REMOVED:
        card_on_removed(se, m->card_removed);
        break;
    case TO_SWITCH_REQUEST:
        request_on_request(se, m->request);
        break;
    case TO_SWITCH_CANCEL:
        request_on_cancel(se, m->cancel);
        break;
    case TO_SWITCH_ANSWERS:
        card_on_answers(se, m->answers);
        break;
    case TO_SWITCH_HEARTBEAT:
        wall_clock(se, m->heartbeat->wall_ms);
        shift_on_heartbeat(se, m->heartbeat);
        check_certificate(se);
        break;
    case TO_SWITCH_SIGN_ON:
        shift_co_on_sign_on(se, m->sign_on);
        break;
    case TO_SWITCH_SIGN_OFF:
        shift_co_on_sign_off(se, m->sign_off);
        break;
    case TO_SWITCH_RENEW:
        shift_co_on_renew(se, m->renew);
        break;
    case TO_SWITCH_ENROLL:
        session_end(se, "bad_order", "Enroll has a protocol of its own");
        break;
    }
}

/* A bucket of messages: so many a second for long, so many at once. */
static bool within_rate(struct session *se)
{
    const struct serve_terminals *c = se->t->config;
    int64_t full = (int64_t)c->burst * 1000;
    int64_t more = (se->heard_ns - se->tokens_at_ns) / NS_PER_MS;
    if (more > 0) {
        more = more > 3600000 ? 3600000 : more;
        se->tokens += more * c->frames_per_second;
        se->tokens = se->tokens > full ? full : se->tokens;
        se->tokens_at_ns = se->heard_ns;
    }
    se->tokens -= 1000;
    return se->tokens >= 0;
}

static CO_FN void on_frame(struct session *se, const uint8_t *bytes, size_t len)
{
    struct arena a;
    const char *why = "";
    pb_to_switch *m = NULL;
    se->heard_ns = loop_now_ns(se->t->serve->loop);
    se->frames++;
    metric_add(se->t->m_frames, 1);
    if (!within_rate(se)) {
        session_end(se, "flood", "too many messages: terminals.frames_per_second");
        return;
    }
    arena_init(&a, FRAME_MEMORY_MAX);
    int rc = frame_get_to_switch(bytes, len, &a, &m, &why);
    if (rc == 0)
        dispatch(se, m);
    else if (rc != OC_ENOTSUP) /* of a later version: skipped */
        session_end(se, "bad_frame", why ? why : "");
    arena_fini(&a);
}

static CO_FN void read_on(struct session *se)
{
    const struct serve_terminals *c = se->t->config;
    struct inflow in = {.stream = se->stream};
    const uint8_t *bytes;
    size_t len;
    while (!se->ended) {
        int64_t patience = se->greeted ? SILENT_BEATS * c->heartbeat_ms : c->handshake_ms;
        int64_t deadline = se->heard_ns + patience * NS_PER_MS, soon = flow_deadline_ms(REST_MS);
        int rc = inflow_co_next(&in, &bytes, &len, soon < deadline ? soon : deadline);
        if (rc == OC_ETIMEDOUT && soon < deadline) { /* it rests */
            flow_trim_stack();
            rc = inflow_co_next(&in, &bytes, &len, deadline);
        }
        if (rc == 0 && se->out_frames > SESSION_OUT_FRAMES / 2)
            session_co_flush(se); /* it sends quicker than answers leave */
        if (rc == 0)
            on_frame(se, bytes, len);
        else if (rc == OC_ETIMEDOUT)
            session_end(se, "silent", "nothing was heard of you");
        else if (rc == OC_EPARSE || rc == OC_ELIMIT)
            session_end(se, "bad_frame", "not a message of this protocol");
        else if (rc == OC_ECANCELED)
            session_end(se, "drain", "the switch ends");
        else
            session_end(se, "closed", "");
    }
    inflow_fini(&in);
}

/* ---- is it one of ours? ---- */

static CO_FN int confirm(struct session *se, const struct terminal_key_row *row)
{
    struct ledger_op *op = calloc(1, sizeof *op);
    if (!op)
        return OC_ENOMEM;
    op->type = LOP_TERMINAL_KEY;
    (void)snprintf(op->who, sizeof op->who, "onecardd");
    memcpy(op->terminal_key.terminal, row->terminal, sizeof op->terminal_key.terminal);
    op->terminal_key.action = TERMINAL_KEY_CONFIRM;
    memcpy(op->terminal_key.pin, se->pin, sizeof op->terminal_key.pin);
    op->terminal_key.not_after_ms = se->certificate_until_ms;
    int rc = ledger_co_submit(se->t->serve->ledger, op);
    free(op);
    if (rc == OC_EREFUSED) /* another connection of this terminal was quicker, or an operator */
        rc = OC_EPERM;
    return rc;
}

static CO_FN const char *identify(struct session *se)
{
    struct terminal_key_row row;
    const struct op_terminal *t = &se->station->row.t;
    if (t->closed)
        return "closed_terminal";
    int rc = ledger_co_terminal_key(se->t->serve->ledger, t->id, &row);
    if (rc == 0 && row.revoked)
        return "revoked";
    if (rc == 0 && row.pinned && secret_equal(row.pin, se->pin, sizeof row.pin))
        return NULL;
    if (rc == 0 && row.renewing && secret_equal(row.next_pin, se->pin, sizeof row.pin))
        rc = confirm(se, &row);
    else if (rc == 0 || rc == OC_ENOENT)
        rc = OC_EPERM;
    if (rc == 0)
        return NULL;
    return rc == OC_EPERM ? "wrong_certificate" : rc == OC_ECANCELED ? "drain" : "internal";
}

static const char *why_not(const char *code)
{
    static const struct {
        const char *code, *message;
    } words[] = {{"closed_terminal", "this terminal is closed"},
                 {"revoked", "this terminal's key was revoked: enrol it again"},
                 {"wrong_certificate", "this certificate's key is not the one enrolled"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].code, code) == 0)
            return words[i].message;
    return "try again";
}

/* ---- the whole ---- */

static void session_close(struct session *se)
{
    struct station *st = se->station;
    if (st->session == se)
        st->session = NULL;
    list_del(&se->link);
    card_close(se);
    request_close(se);
}

/* A socket that is closed over unread bytes resets the connection, and the last word is lost with
 * it: what the terminal still sends is read and dropped, for a moment. */
static CO_FN void let_read(struct session *se)
{
    uint8_t bin[512];
    size_t got, all = 0;
    int64_t deadline = flow_deadline_ms(LINGER_MS);
    if (se->broken || strcmp(se->why, "closed") == 0)
        return;
    stream_shut(se->stream, false);
    while (all < LINGER_BYTES && stream_co_read(se->stream, bin, sizeof bin, &got, deadline) == 0)
        all += got;
}

/* Cancellation has no say here: what has begun must end first. */
static CO_FN void finish(struct session *se)
{
    struct terminals *t = se->t;
    flow_shield();
    session_close(se);
    int64_t deadline = flow_deadline_ms(LAST_WORDS_MS);
    if (se->writing == 0)
        session_co_flush(se);
    while (se->writing > 0 && flow_co_wait(&se->idle, deadline) == 0)
        continue;
    if (se->writing == 0)
        let_read(se);
    while (se->asked_count > 0 || se->writing > 0) {
        if (flow_co_wait(&se->idle, flow_deadline_ms(LAST_WORDS_MS)) == OC_ETIMEDOUT &&
            se->writing > 0)
            stream_shut(se->stream, true);
    }
    se->broken = true;
    list_del(&se->dirty);
    card_free(se);
    stream_close(&se->stream);
    if (se->greeted)
        metric_set(t->m_connected, --t->count);
    flow_unshield();
}

static struct session *session_new(struct terminals *t, struct stream *stream,
                                   const struct tls_peer *peer, struct station *st,
                                   const char *from)
{
    struct session *se = calloc(1, sizeof *se);
    if (!se)
        return NULL;
    se->t = t;
    se->refs = 1;
    se->station = st;
    se->stream = stream;
    se->flow = flow_get(flow_self());
    se->certificate_until_ms = peer->not_after_ms;
    se->resumed = peer->resumed;
    se->since_ms = serve_now_ms(t->serve);
    se->heard_ns = se->tokens_at_ns = loop_now_ns(t->serve->loop);
    se->tokens = (int64_t)t->config->burst * 1000;
    memcpy(se->pin, peer->pin, sizeof se->pin);
    (void)snprintf(se->peer, sizeof se->peer, "%s", from);
    if (rng_fill(t->serve->env.rng, &se->id, sizeof se->id) != 0)
        se->id = (uint64_t)se->heard_ns;
    list_init(&se->asked);
    list_init(&se->dirty);
    flow_cond_init(&se->idle);
    buf_init(&se->out, SESSION_OUT_MAX + FRAME_MAX);
    list_add_tail(&t->sessions, &se->link);
    return se;
}

void session_co_serve(struct terminals *t, struct stream *stream, const struct tls_peer *peer,
                      const char *from)
{
    struct station *st = station_get(t->serve, peer->name);
    struct session *se = st ? session_new(t, stream, peer, st, from) : NULL;
    if (!se) {
        refused(t, from, st ? "no memory" : "wrong_certificate",
                st ? "" : "no terminal of this name");
        stream_close(&stream);
        return;
    }
    flow_set_note(st->row.t.id);
    const char *no = t->draining ? "drain" : identify(se);
    if (no) {
        refused(t, from, no, st->row.t.id);
        session_end(se, no, why_not(no));
    }
    read_on(se);
    finish(se);
    session_put_ref(se);
}
