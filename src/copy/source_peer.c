/* One follower at the daemon: who it is, where it stands, and what it is sent.
 *
 *   Hello ─ is its last row ours? ─ Welcome ─┬─ this flow: reads bundles, sends them
 *                                            └─ another:   takes acknowledgements
 *
 * A follower whose last row is not in this journal, or is another one there, has another past: of a
 * ledger that was restored, or of another site. It is told so and sent away; nothing is ever taken
 * back from a copy. A name is connected once: the newer connection wins, the older one may be half
 * dead. */
#include "copy/internal.h"

#include <stdio.h>
#include <string.h>

#define ON_THE_WAY INT64_C(4096) /* rows that are sent and not acknowledged; at least one bundle   \
                                  */

/* ---- places ---- */

static struct peer *find_place(struct copy_source *s, const char *name)
{
    struct peer *free = NULL, *oldest = NULL;
    for (unsigned i = 0; i < COPY_PEERS; i++) {
        struct peer *p = &s->peers[i];
        if (p->source && strcmp(p->name, name) == 0)
            return p;
        if (!p->source)
            free = free ? free : p;
        else if (!p->flow && (!oldest || p->since_ms < oldest->since_ms))
            oldest = p;
    }
    return free ? free : oldest;
}

static void name_metrics(struct copy_source *s, struct peer *p)
{
    char label[64];
    (void)snprintf(label, sizeof label, "copy=\"%s\"", p->name);
    p->m_rows = metric_gauge(s->o.metrics, "onecard_copy_behind_rows", label,
                             "Journal rows that this copy does not have yet.");
    p->m_ms = metric_gauge(s->o.metrics, "onecard_copy_behind_ms", label,
                           "Age of the oldest of them in milliseconds.");
    p->m_connected = metric_gauge(s->o.metrics, "onecard_copy_connected", label,
                                  "1 while this copy is connected.");
}

/* NULL: four others are connected. */
static CO_FN struct peer *take_place(struct copy_source *s, const struct hello *h)
{
    struct peer *p = find_place(s, h->name);
    while (p && p->flow) {
        p->ending = true;
        flow_cancel(p->flow);
        if (flow_co_wait(&p->moved, flow_deadline_ms(COPY_SILENCE_MS)) != 0)
            return NULL;
        p = find_place(s, h->name);
    }
    if (!p)
        return NULL;
    if (!p->source || strcmp(p->name, h->name) != 0) {
        p->source = s;
        (void)snprintf(p->name, sizeof p->name, "%s", h->name);
        lag_init(&p->lag, h->row);
        if (s->o.metrics)
            name_metrics(s, p);
    } else if (h->row < p->lag.acked) { /* its file was moved away: it begins anew */
        lag_init(&p->lag, h->row);
    }
    p->ending = false;
    p->sent = h->row;
    lag_acked(&p->lag, h->row);
    return p;
}

/* Answers wait for the furthest of those that are connected. */
static void tell_ledger(const struct copy_source *s)
{
    const struct peer *best = NULL;
    for (unsigned i = 0; i < COPY_PEERS; i++) {
        const struct peer *p = &s->peers[i];
        if (p->stream && (!best || p->lag.acked > best->lag.acked))
            best = p;
    }
    if (best)
        ledger_copied(s->o.ledger, best->lag.acked);
    else
        ledger_copy_gone(s->o.ledger);
}

/* ---- looking ---- */

static void look(struct copy_source *s, struct peer *p, int64_t head, int64_t now)
{
    lag_head(&p->lag, head, now);
    if (!s->o.metrics)
        return;
    metric_set(p->m_rows, lag_rows(&p->lag));
    metric_set(p->m_ms, lag_ms(&p->lag, now));
    metric_set(p->m_connected, p->stream != NULL);
}

void peers_look(struct copy_source *s)
{
    struct ledger_stats st;
    int64_t now = loop_now_ns(s->o.loop);
    ledger_stats(s->o.ledger, &st);
    for (unsigned i = 0; i < COPY_PEERS; i++)
        if (s->peers[i].source)
            look(s, &s->peers[i], st.journal_seq, now);
}

/* ---- acknowledgements ---- */

static CO_FN int take_acks(struct peer *p)
{
    struct buf b;
    enum copy_kind kind;
    int rc = 0;
    buf_init(&b, COPY_SMALL_MAX);
    while (!rc) {
        rc = message_co_read(p->stream, COPY_SMALL_MAX, &b, &kind);
        int64_t row = !rc ? (int64_t)buf_get_u64(&b) : 0;
        if (!rc && (kind != COPY_ACK || b.err || buf_left(&b) > 0 || row > p->sent))
            rc = OC_EPARSE;
        if (rc)
            break;
        lag_acked(&p->lag, row);
        tell_ledger(p->source);
        flow_cond_broadcast(&p->moved);
    }
    buf_fini(&b);
    return rc;
}

static int ack_flow(void *arg) CO_FN;
static int ack_flow(void *arg)
{
    struct peer *p = arg;
    int rc = take_acks(p);
    p->ending = true;
    flow_cond_broadcast(&p->moved);
    return rc;
}

/* ---- bundles ---- */

static CO_FN int send_beat(struct peer *p, struct buf *out)
{
    struct ledger_stats st;
    ledger_stats(p->source->o.ledger, &st);
    message_begin(out, COPY_BEAT);
    buf_put_u64(out, (uint64_t)st.journal_seq);
    message_end(out);
    return message_co_write(p->stream, out);
}

static CO_FN int send_bundle(struct peer *p, struct buf *out)
{
    struct ledger *l = p->source->o.ledger;
    struct ledger_bundle what;
    struct ledger_stats st;
    struct buf bundle;
    buf_init(&bundle, 0);
    int rc = ledger_co_bundle(l, p->sent, &bundle, &what);
    ledger_stats(l, &st);
    if (!rc && what.last > p->sent) {
        message_begin(out, COPY_BUNDLE);
        buf_put_u64(out, (uint64_t)st.journal_seq);
        buf_put(out, bundle.data, bundle.len);
        message_end(out);
        p->sent = what.last; /* before it is acknowledged */
        rc = message_co_write(p->stream, out);
    }
    buf_fini(&bundle);
    return rc;
}

static CO_FN int send_rows(struct peer *p)
{
    struct buf out;
    int rc = 0;
    buf_init(&out, COPY_MESSAGE_MAX);
    while (!rc && !p->ending) {
        if (p->sent - p->lag.acked >= ON_THE_WAY) {
            rc = flow_co_wait(&p->moved, flow_deadline_ms(COPY_BEAT_MS));
            rc = rc == OC_ETIMEDOUT ? send_beat(p, &out) : rc;
            continue;
        }
        rc = ledger_co_grown(p->source->o.ledger, p->sent, flow_deadline_ms(COPY_BEAT_MS));
        if (rc == OC_ETIMEDOUT)
            rc = send_beat(p, &out);
        else if (!rc)
            rc = send_bundle(p, &out);
    }
    buf_fini(&out);
    return rc;
}

/* ---- a connection ---- */

static CO_FN void refuse(struct stream *stream, const char *from, const char *words)
{
    struct buf b;
    log_error("copy", "follower at %s is sent away: %s", from, words);
    buf_init(&b, COPY_SMALL_MAX);
    message_begin(&b, COPY_REFUSED);
    buf_puts(&b, words);
    message_end(&b);
    int rc = message_co_write(stream, &b);
    if (rc)
        log_debug("copy", "it did not hear it: %s", oc_strerror(rc));
    buf_fini(&b);
}

static CO_FN int welcome(struct copy_source *s, struct stream *stream)
{
    struct ledger_stats st;
    struct buf b;
    ledger_stats(s->o.ledger, &st);
    buf_init(&b, COPY_SMALL_MAX);
    message_begin(&b, COPY_WELCOME);
    buf_put_u8(&b, COPY_VERSION);
    buf_put_u64(&b, (uint64_t)st.journal_seq);
    message_end(&b);
    int rc = message_co_write(stream, &b);
    buf_fini(&b);
    return rc;
}

/* The name, or why it may not follow. */
static CO_FN int receive(struct copy_source *s, struct stream *stream, const char *from,
                         struct hello *ret)
{
    struct buf b;
    enum copy_kind kind;
    buf_init(&b, COPY_SMALL_MAX);
    int rc = message_co_read(stream, COPY_SMALL_MAX, &b, &kind);
    if (!rc)
        rc = kind == COPY_HELLO ? hello_get(&b, ret) : OC_EPARSE;
    buf_fini(&b);
    if (rc == OC_ENOTSUP)
        refuse(stream, from, "it speaks another version: install the same programs on both sides");
    if (rc)
        return rc;
    rc = ledger_co_journal_has(s->o.ledger, ret->row, ret->mac);
    if (rc == OC_ENOENT)
        refuse(stream, from,
               "the copy has rows that this ledger does not: was this one restored? See which "
               "of the two is right, then begin the other anew");
    else if (rc == OC_ECONFLICT)
        refuse(stream, from,
               "the copy is of another past, or of another site: move its file away to begin anew");
    return rc;
}

static CO_FN void serve(struct copy_source *s, struct peer *p)
{
    struct flow *acks = NULL;
    int rc = welcome(s, p->stream);
    if (!rc)
        rc = flow_start(s->o.loop, "copy acks", ack_flow, p, &acks);
    if (rc)
        return;
    log_info("copy", "%s follows from %s, from row %lld on", p->name, p->from, (long long)p->sent);
    rc = send_rows(p);
    flow_shield();
    flow_cancel(acks);
    int why = 0;
    int joined = flow_co_join(acks, &why, FLOW_FOREVER);
    CHECK(joined == 0);
    flow_unshield();
    flow_put(acks);
    log_warn("copy", "%s has gone at row %lld: %s", p->name, (long long)p->lag.acked,
             oc_strerror(rc && rc != OC_ECANCELED ? rc : why));
}

static void leave(struct copy_source *s, struct peer *p)
{
    p->stream = NULL;
    p->flow = NULL;
    p->since_ms = clock_wall_ms(&clock_system);
    peers_look(s);
    tell_ledger(s);
    flow_cond_broadcast(&p->moved);
}

void peer_co_serve(struct copy_source *s, struct stream *stream, const char *from)
{
    struct hello h;
    int rc = receive(s, stream, from, &h);
    if (rc) {
        log_info("copy", "no follower at %s: %s", from, oc_strerror(rc));
        stream_close(&stream);
        return;
    }
    struct peer *p = take_place(s, &h);
    if (p && !s->stopping) {
        p->stream = stream;
        p->flow = flow_self();
        p->since_ms = clock_wall_ms(&clock_system);
        (void)snprintf(p->from, sizeof p->from, "%s", from);
        tell_ledger(s);
        serve(s, p);
        leave(s, p);
    } else if (!p) {
        refuse(stream, from, "four other copies are connected");
    }
    stream_close(&stream);
}
