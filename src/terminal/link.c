/* The connection to the switch: one after the other, for ever.
 *
 *   DOWN ──dial──► CONNECTING ──Hello, Welcome──► UP ──Drain──► DRAINING
 *     ▲                │                           │               │
 *     └── pause ◄──────┴───────────────────────────┴───────────────┘
 *
 * While a connection is there a reading flow takes frames and a writing flow sends what is queued
 * and the heartbeats; when either ends, both end. `epoch` counts connections: whatever the switch
 * asked for on one is void with it (R4). */
#include "terminal/internal.h"

#include <stdio.h>
#include <string.h>

#define OUT_MAX      ((size_t)1024 * 1024)
#define READ_STEP    8192
#define SLOW_MS      60000 /* between tries when the switch will not have us */
#define GOOD_MS      10000 /* a connection that held so long was a good one */
#define SILENCES     3     /* heartbeats without a word */
#define HEARTBEAT_MS 15000 /* before Welcome says */

const char *link_state_name(enum link_state s)
{
    static const char *const names[] = {"down", "connecting", "up", "draining"};
    return (unsigned)s < ARRAY_LEN(names) ? names[s] : "?";
}

bool link_up(const struct agent *a)
{
    return a->link.state == LINK_UP && !a->link.ended;
}

bool link_talks(const struct agent *a)
{
    return (a->link.state == LINK_UP || a->link.state == LINK_DRAINING) && !a->link.ended;
}

static void tell_link(struct agent *a)
{
    struct link *l = &a->link;
    l->since_ms = agent_wall_ms(a);
    events_tell(a, "link",
                json_pack("{s:s, s:s, s:s, s:I}", "state", link_state_name(l->state), "address",
                          a->config->sw.addresses.items[l->at], "why", l->why, "since_ms",
                          (json_int_t)l->since_ms));
}

static void set_state(struct agent *a, enum link_state s)
{
    if (a->link.state == s)
        return;
    a->link.state = s;
    tell_link(a);
}

static void set_why(struct link *l, const char *why)
{
    (void)snprintf(l->why, sizeof l->why, "%s", why);
    text_trim_utf8(l->why);
}

/* ---- out ---- */

static void end(struct link *l)
{
    l->ended = true;
    flow_cond_broadcast(&l->changed);
    flow_cond_broadcast(&l->wake_out);
}

void link_cut(struct agent *a, const char *why)
{
    struct link *l = &a->link;
    if (l->ended || !l->stream)
        return;
    set_why(l, why);
    end(l);
}

static bool queued(struct agent *a)
{
    struct link *l = &a->link;
    if (l->out.err != 0) {
        link_cut(a, "the switch takes nothing any more");
        return false;
    }
    flow_cond_signal(&l->wake_out);
    return true;
}

bool link_send(struct agent *a, pb_to_switch *m)
{
    if (!link_talks(a))
        return false;
    frame_put_to_switch(&a->link.out, m);
    return queued(a);
}

bool link_send_frame(struct agent *a, const uint8_t *frame, size_t len)
{
    if (!link_talks(a))
        return false;
    buf_put(&a->link.out, frame, len);
    return queued(a);
}

static void put_heartbeat(struct agent *a)
{
    pb_heartbeat h = ONECARD__TERMINAL__V1__HEARTBEAT__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    h.mono_ms = (uint64_t)(agent_now_ns(a) / NS_PER_MS);
    h.wall_ms = agent_wall_ms(a);
    m.message_case = (int)TO_SWITCH_HEARTBEAT;
    m.heartbeat = &h;
    (void)link_send(a, &m);
}

static int writer_flow(void *arg) CO_FN;
static int writer_flow(void *arg)
{
    struct agent *a = arg;
    struct link *l = &a->link;
    struct buf now;
    int64_t beat = agent_now_ns(a) + l->heartbeat_ms * NS_PER_MS;
    int rc = 0;
    buf_init(&now, OUT_MAX);
    while (rc == 0 && !l->ended) {
        if (agent_now_ns(a) >= beat) {
            put_heartbeat(a);
            beat = agent_now_ns(a) + l->heartbeat_ms * NS_PER_MS;
        }
        if (l->out.len == 0) {
            rc = flow_co_wait(&l->wake_out, beat);
            rc = rc == OC_ETIMEDOUT ? 0 : rc;
            if (beat - agent_now_ns(a) > l->heartbeat_ms * NS_PER_MS)
                beat = agent_now_ns(a) +
                       l->heartbeat_ms * NS_PER_MS; /* Welcome wants them more often */
            continue;
        }
        struct buf full = l->out;
        l->out = now;
        now = full;
        rc = stream_co_write(l->stream, now.data, now.len,
                             flow_deadline_ms(SILENCES * l->heartbeat_ms));
        buf_reset(&now);
    }
    buf_fini(&now);
    if (rc != 0 && rc != OC_ECANCELED)
        link_cut(a,
                 rc == OC_ETIMEDOUT ? "the switch takes nothing any more" : "the connection broke");
    return rc;
}

/* ---- in ---- */

static CO_FN int take_frame(struct agent *a, const uint8_t *bytes, size_t len)
{
    struct arena arena;
    pb_to_terminal *m = NULL;
    const char *why = NULL;
    arena_init(&arena, FRAME_MEMORY_MAX);
    int rc = frame_get_to_terminal(bytes, len, &arena, &m, &why);
    if (rc == 0)
        rc = link_take(a, m);
    else if (rc == OC_ENOTSUP)
        rc = 0; /* of a newer version: skipped */
    else
        log_warn("link", "a frame makes no sense: %s", why ? why : oc_strerror(rc));
    arena_fini(&arena);
    return rc;
}

/* Takes every whole frame out of `in`. */
static CO_FN int take_frames(struct agent *a, struct buf *in)
{
    size_t head, len;
    int rc = 0;
    while (rc == 0 && !a->link.ended) {
        rc = frame_peek(in->data + in->pos, in->len - in->pos, &head, &len);
        if (rc == 0) {
            size_t at = in->pos + head;
            in->pos = at + len;
            rc = take_frame(a, in->data + at, len);
        }
    }
    if (in->pos > 0) {
        memmove(in->data, in->data + in->pos, in->len - in->pos);
        in->len -= in->pos;
        in->pos = 0;
    }
    return rc == OC_EBUSY ? 0 : rc;
}

static CO_FN int read_all(struct agent *a, struct buf *in, uint8_t *step)
{
    struct link *l = &a->link;
    int64_t patience = a->config->sw.connect_ms;
    int rc = 0;
    while (rc == 0 && !l->ended) {
        size_t got = 0;
        if (l->state != LINK_CONNECTING)
            patience = SILENCES * l->heartbeat_ms;
        rc = stream_co_read(l->stream, step, READ_STEP, &got, flow_deadline_ms(patience));
        if (rc == 0) {
            buf_put(in, step, got);
            rc = in->err != 0 ? in->err : take_frames(a, in);
        }
    }
    return rc;
}

/* In TLS 1.3 the switch sees our certificate when our side of the handshake is over: what it has
 * against it comes as the first thing read. */
static void refused_by_switch(struct agent *a)
{
    struct tls_failure f;
    char why[TEXT_LEN];
    if (a->opts.dial || a->link.ended || !tls_refusal(a->link.stream, &f))
        return;
    (void)snprintf(why, sizeof why, "the switch refuses this terminal's certificate: %s%s", f.why,
                   strcmp(f.why, "certificate expired") == 0 ? ": enrol it again" : "");
    log_warn("link", "%s", why);
    a->link.refused = true;
    renew_refused(a);
    link_cut(a, why);
}

static int reader_flow(void *arg) CO_FN;
static int reader_flow(void *arg)
{
    struct agent *a = arg;
    struct buf in;
    uint8_t *step = arena_alloc(flow_arena(), READ_STEP);
    buf_init(&in, FRAME_MAX + FRAME_HEAD_MAX + READ_STEP);
    int rc = step ? read_all(a, &in, step) : OC_ENOMEM;
    buf_fini(&in);
    if (rc == OC_EPERM)
        refused_by_switch(a);
    if (rc != 0 && rc != OC_ECANCELED)
        link_cut(a, rc == OC_ETIMEDOUT ? "the switch is silent"
                    : rc == OC_ECLOSED ? "the switch closed the connection"
                    : rc == OC_EPARSE  ? "the switch sent something that makes no sense"
                                       : "the connection broke");
    return rc;
}

/* ---- one connection ---- */

void link_fill_readers(struct agent *a, struct reader_list *ret)
{
    static char none[] = "";
    ret->count = a->lane_count;
    for (unsigned i = 0; i < a->lane_count; i++) {
        struct lane *l = &a->lanes[i];
        pb_reader *r = &ret->items[i];
        *r = (pb_reader)ONECARD__TERMINAL__V1__READER__INIT;
        r->number = l->conf->number;
        r->name = l->reader ? l->reader->name : none;
        r->technology = (Onecard__Terminal__V1__Technology)l->conf->technology;
        r->present = l->reader && l->reader->state != READER_GONE;
        ret->pointers[i] = r;
    }
}

static void put_hello(struct agent *a)
{
    static char software[] = SOFTWARE;
    uint32_t versions[] = {1};
    struct reader_list readers;
    pb_hello h = ONECARD__TERMINAL__V1__HELLO__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    link_fill_readers(a, &readers);
    h.n_versions = ARRAY_LEN(versions);
    h.versions = versions;
    h.software = software;
    h.instance = a->instance;
    h.mono_ms = (uint64_t)(agent_now_ns(a) / NS_PER_MS);
    h.wall_ms = agent_wall_ms(a);
    h.n_readers = readers.count;
    h.readers = readers.pointers;
    m.message_case = (int)TO_SWITCH_HELLO;
    m.hello = &h;
    frame_put_to_switch(&a->link.out, &m);
}

void link_send_readers(struct agent *a)
{
    struct reader_list readers;
    pb_readers r = ONECARD__TERMINAL__V1__READERS__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    link_fill_readers(a, &readers);
    r.n_readers = readers.count;
    r.readers = readers.pointers;
    m.message_case = (int)TO_SWITCH_READERS;
    m.readers = &r;
    (void)link_send(a, &m);
}

static CO_FN void join(struct flow *f)
{
    if (!f)
        return;
    flow_cancel(f);
    int rc = flow_co_join(f, NULL, FLOW_FOREVER);
    if (rc != 0)
        log_error("link", "a flow of the connection cannot be waited for: %s", oc_strerror(rc));
    flow_put(f);
}

/* Nobody is left inside when this returns. */
static CO_FN void close_connection(struct agent *a, struct flow *reader, struct flow *writer)
{
    struct link *l = &a->link;
    end(l);
    flow_shield();
    join(reader);
    join(writer);
    flow_unshield();
    stream_close(&l->stream);
    buf_reset(&l->out);
    l->good = l->state != LINK_CONNECTING && agent_now_ns(a) - l->up_ns > GOOD_MS * NS_PER_MS;
    if (l->good)
        l->failures = 0;
    log_info("link", "connection %llu to %s ended: %s", (unsigned long long)l->epoch,
             a->config->sw.addresses.items[l->at], l->why[0] ? l->why : "stopping");
    set_state(a, LINK_DOWN);
    lanes_disconnected(a);
    shift_disconnected(a);
    flow_cond_broadcast(&a->requests.changed);
}

static CO_FN int talk(struct agent *a)
{
    struct link *l = &a->link;
    struct flow *reader = NULL, *writer = NULL;
    l->epoch++;
    l->ended = false;
    l->fatal[0] = '\0';
    l->drain_ms = -1;
    l->heartbeat_ms = HEARTBEAT_MS;
    put_hello(a);
    int rc = flow_start(a->loop, "link in", reader_flow, a, &reader);
    if (rc == 0)
        rc = flow_start(a->loop, "link out", writer_flow, a, &writer);
    while (rc == 0 && !l->ended)
        rc = flow_co_wait(&l->changed, FLOW_FOREVER);
    close_connection(a, reader, writer);
    return rc;
}

static CO_FN int try_once(struct agent *a)
{
    struct link *l = &a->link;
    const struct agent_dial *d = a->opts.dial ? a->opts.dial : &link_dial_tls;
    const char *address = a->config->sw.addresses.items[l->at], *why = NULL;
    void *arg = a->opts.dial ? d->arg : a;
    l->refused = l->good = false;
    l->drain_ms = -1;
    set_state(a, LINK_CONNECTING);
    int rc = d->co_dial(arg, address, flow_deadline_ms(a->config->sw.connect_ms), &l->stream, &why);
    if (rc == OC_ECANCELED)
        return rc;
    if (rc != 0) {
        l->refused = rc == OC_EPERM;
        if (l->refused)
            renew_refused(a);
        (void)snprintf(l->why, sizeof l->why, "%.80s: %.100s", address,
                       why ? why : oc_strerror(rc));
        if (l->failures == 0 || l->refused)
            log_warn("link", "no connection: %s", l->why);
        set_state(a, LINK_DOWN);
        return 0;
    }
    return talk(a);
}

/* ---- how long to wait ---- */

static int64_t jittered(int64_t ms)
{
    uint32_t r = 0;
    if (rng_fill(&rng_system, &r, sizeof r) != 0)
        return ms;
    return ms / 2 + (int64_t)(r % (uint32_t)(ms / 2 + 1));
}

/* Errors that do not go away by themselves in a second. */
static bool unwanted(const struct agent *a)
{
    const struct link *l = &a->link;
    static const char *const codes[] = {"revoked", "wrong_certificate", "closed_terminal",
                                        "version", "bad_hello",         "replaced"};
    if (a->next)
        return false; /* there is another key to try */
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(l->fatal, codes[i]) == 0)
            return true;
    return l->refused;
}

static int64_t pause_ms(struct agent *a)
{
    struct link *l = &a->link;
    const struct terminal_switch *sw = &a->config->sw;
    size_t count = sw->addresses.count;
    if (l->drain_ms >= 0) {
        l->failures = 0;
        l->at = (l->at + 1) % count;
        return count > 1 ? jittered(sw->retry_min_ms) : l->drain_ms + jittered(sw->retry_min_ms);
    }
    if (l->failures < 30)
        l->failures++;
    l->at = (l->at + 1) % count;
    if (unwanted(a) && l->failures > (unsigned)count)
        return jittered(sw->retry_max_ms > SLOW_MS ? sw->retry_max_ms : 2 * SLOW_MS);
    int64_t ms = sw->retry_min_ms;
    for (unsigned i = (unsigned)count; i < l->failures && ms < sw->retry_max_ms; i++)
        ms *= 2;
    return jittered(ms < sw->retry_max_ms ? ms : sw->retry_max_ms);
}

static int link_flow(void *arg) CO_FN;
static int link_flow(void *arg)
{
    struct agent *a = arg;
    int rc = 0;
    flow_set_background(true);
    while (rc == 0) {
        size_t before = a->link.at;
        rc = try_once(a);
        int64_t ms = pause_ms(a);
        if (a->link.good && a->link.drain_ms < 0)
            a->link.at = before; /* the one that worked comes first */
        if (rc == 0)
            rc = flow_co_sleep_ms(ms);
    }
    return rc;
}

int link_start(struct agent *a)
{
    struct link *l = &a->link;
    buf_init(&l->out, OUT_MAX);
    flow_cond_init(&l->wake_out);
    flow_cond_init(&l->changed);
    l->ended = true;
    l->drain_ms = -1;
    l->since_ms = agent_wall_ms(a);
    for (size_t i = 0; i < a->config->sw.addresses.count; i++)
        l->sessions[i] = tls_session_new();
    return flow_start(a->loop, "link", link_flow, a, &l->flow);
}

void link_fini(struct agent *a)
{
    struct link *l = &a->link;
    if (!l->flow)
        return;
    flow_put(l->flow);
    l->flow = NULL;
    buf_fini(&l->out);
    identity_free(&l->renewing);
    for (size_t i = 0; i < ADDRESSES_MAX; i++)
        tls_session_free(&l->sessions[i]);
}
