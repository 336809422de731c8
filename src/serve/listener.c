/* The doors for terminals: accepting, handshakes, and who is sent away. A connection is one flow
 * from its first byte to its last. Handshakes cost milliseconds of computing and run on threads of
 * their own; so many at one time, the others wait in turn.
 *
 *   accepted ─ its first byte ─ a place ─ handshake ─ a session, or enrolment
 *
 * Who says nothing takes no place from those who do, and who falls silent within its handshake
 * loses its place early (authority.c); so silence keeps nobody out. Who waits for a place is sent
 * away while it is still there to hear it: one that has given up costs no handshake. */
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ACCEPT_AGAIN_MS 200
#define ACCEPTS_A_TURN  32          /* then other flows run */
#define SEND_BUFFER     (32 * 1024) /* the kernel doubles it */

void refused(struct terminals *t, const char *from, const char *why, const char *detail)
{
    char labels[96];
    (void)snprintf(labels, sizeof labels, "why=\"%s\"", why);
    metric_add(metric_counter(t->serve->metrics, "onecard_terminal_refused_total", labels,
                              "Connections of terminals that were refused."),
               1);
    if (lines_may(&t->refusals, why))
        log_warn("terminal", "refused %s: %s%s%s", from, why, detail[0] != '\0' ? ", " : "",
                 detail);
}

struct arrival {
    struct terminals *t;
    struct stream *raw;
    bool shaking; /* it has a place among the handshakes */
    char from[SOCK_PEER_TEXT];
};

/* To the one that has waited longest, if there is one: it is counted already then. */
static void give_place(struct arrival *a)
{
    struct terminals *t = a->t;
    if (!a->shaking)
        return;
    a->shaking = false;
    if (list_empty(&t->handshake_free.waiters))
        t->handshaking--;
    else
        flow_cond_signal(&t->handshake_free);
}

static void arrival_free(void *arg)
{
    struct arrival *a = arg;
    give_place(a);
    stream_close(&a->raw);
    a->t->connections--;
    free(a);
}

static CO_FN int take_place(struct arrival *a)
{
    struct terminals *t = a->t;
    int rc = 0;
    if (t->handshaking < t->config->handshakes)
        t->handshaking++;
    else
        rc = flow_co_wait(&t->handshake_free, flow_deadline_ms(t->config->handshake_ms / 2));
    a->shaking = rc == 0;
    if (rc == 0 && sock_hung_up(a->raw))
        rc = OC_ECLOSED;
    return rc;
}

/* Until it may begin. */
static CO_FN int await_turn(struct arrival *a, struct tls_failure *why)
{
    int rc = sock_co_readable(a->raw, flow_deadline_ms(a->t->config->handshake_ms));
    why->why = rc == OC_ETIMEDOUT ? "silent" : "closed";
    if (rc != 0)
        return rc;
    rc = take_place(a);
    why->why = rc == OC_ETIMEDOUT ? "too many handshakes" : "closed";
    return rc;
}

/* The stream, or NULL: it was refused and said so. */
static CO_FN struct stream *shake_hands(struct arrival *a, struct tls_peer *peer)
{
    struct terminals *t = a->t;
    struct stream *stream = NULL, *raw = a->raw;
    struct tls_failure failure = {0};
    int rc = await_turn(a, &failure);
    if (rc == 0) {
        struct tls_ctx *ctx = tls_ctx_get(t->tls); /* it may be replaced meanwhile */
        a->raw = NULL;
        rc = tls_co_accept(ctx, t->pool, raw, flow_deadline_ms(t->config->handshake_ms), &stream,
                           peer, &failure);
        tls_ctx_put(&ctx);
    }
    give_place(a);
    if (rc == 0)
        return stream;
    if (rc != OC_ECANCELED)
        refused(t, a->from, failure.why ? failure.why : oc_strerror(rc),
                failure.alert ? "says the terminal" : "");
    return NULL;
}

static CO_FN void serve_arrival(struct arrival *a)
{
    struct tls_peer peer;
    memset(&peer, 0, sizeof peer);
    flow_set_background(true); /* a switch that ends does not wait for who has not come in yet */
    struct stream *stream = shake_hands(a, &peer);
    flow_set_background(false);
    if (!stream)
        return;
    if (strcmp(peer.alpn, "onecard-enroll/1") == 0) {
        enroll_co_serve(a->t, stream, &peer, a->from);
        stream_close(&stream);
    } else if (!peer.has_certificate) {
        refused(a->t, a->from, "no certificate", "");
        stream_close(&stream);
    } else {
        session_co_serve(a->t, stream, &peer, a->from);
    }
}

static int arrival_flow(void *arg) CO_FN;
static int arrival_flow(void *arg)
{
    struct arrival *a = arg;
    flow_defer(arrival_free, a);
    flow_set_note(a->from);
    serve_arrival(a);
    return 0;
}

/* What a terminal does not read must wait here, where it is counted, not in megabytes of the
 * kernel's. */
static void bound_buffer(const struct stream *raw)
{
    int size = SEND_BUFFER;
    if (setsockopt(sock_fd(raw), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) != 0)
        log_debug("terminal", "send buffer: %m");
}

static void welcome(struct terminals *t, struct stream *raw)
{
    struct arrival *a = calloc(1, sizeof *a);
    if (!a) {
        stream_close(&raw);
        return;
    }
    a->t = t;
    a->raw = raw;
    t->connections++;
    bound_buffer(raw);
    (void)sock_peer_text(sock_fd(raw), a->from);
    if (t->connections > t->connections_max)
        refused(t, a->from, "too many connections", "terminals.max_connections");
    else if (flow_start(t->serve->loop, "terminal", arrival_flow, a, NULL) == 0)
        return;
    else
        refused(t, a->from, "too much at work", "");
    arrival_free(a);
}

struct door {
    struct terminals *t;
    struct sock_listener *listener;
};

static int door_flow(void *arg) CO_FN;
static int door_flow(void *arg)
{
    struct door *d = arg;
    flow_defer(free, d);
    flow_set_background(true);
    for (unsigned n = 1;; n++) {
        struct stream *raw = NULL;
        int rc = n % ACCEPTS_A_TURN == 0 ? flow_co_yield() : 0;
        if (rc == 0)
            rc = sock_co_accept(d->listener, FLOW_FOREVER, &raw);
        if (rc == 0) {
            welcome(d->t, raw);
        } else if (rc == OC_ECANCELED || rc == OC_ECLOSED) {
            return rc;
        } else {
            log_warn("terminal", "accepting: %s", oc_strerror(rc));
            rc = flow_co_sleep_ms(ACCEPT_AGAIN_MS);
            if (rc != 0)
                return rc;
        }
    }
}

static int open_door(struct terminals *t, const char *text)
{
    struct serve_address a;
    struct sock_listener *l = NULL;
    int rc = serve_listen_parse(text, &a);
    if (rc == 0)
        rc = sock_listen_tcp(t->serve->loop, a.host, a.port, &l);
    if (rc != 0)
        return rc;
    t->listeners[t->listener_count++] = l;
    log_info("terminal", "listening on %s, port %d", a.host, sock_listener_port(l));
    struct door *d = malloc(sizeof *d);
    if (!d)
        return OC_ENOMEM;
    *d = (struct door){t, l};
    rc = flow_start(t->serve->loop, "door", door_flow, d, NULL);
    if (rc != 0)
        free(d);
    return rc;
}

int listener_open(struct terminals *t)
{
    const struct conf_list *l = &t->config->listen;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->count && i < SERVE_LISTEN_MAX; i++) {
        if (l->items[i][0] != '\0')
            rc = open_door(t, l->items[i]);
        if (rc != 0)
            log_error("terminal", "terminals.listen \"%s\": %s", l->items[i], oc_strerror(rc));
    }
    return rc;
}

void listener_stop(struct terminals *t)
{
    for (unsigned i = 0; i < t->listener_count; i++)
        sock_listener_stop(t->listeners[i]);
}
