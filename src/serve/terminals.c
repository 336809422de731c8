/* Terminals over the network as a whole: opening and closing the doors, drain, who is connected,
 * and what ends a session from outside: revocation, a terminal that was closed. */
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HANDSHAKE_THREADS 2
#define HANDSHAKE_NICE    5
#define FLOWS_KEPT        4096 /* for dialogues, when connections are clamped */
#define DRAIN_RETRY_MS    2000
#define SECRET_CHARS      26

/* Handshakes must not keep taps waiting: a thousand terminals that come back wait for each other.
 */
static void be_modest(void *arg, unsigned idx)
{
    (void)arg;
    (void)idx;
    if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), HANDSHAKE_NICE) != 0)
        log_debug("terminal", "handshakes run at the usual priority: %m");
}

static struct terminals *terminals_new(struct serve *s)
{
    struct terminals *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->serve = s;
    t->config = &s->fixed->terminals;
    list_init(&t->sessions);
    list_init(&t->dirty);
    flow_cond_init(&t->handshake_free);
    lines_init(&t->refusals, s->loop, "connections were refused");
    lines_init(&t->ends, s->loop, "sessions ended");
    flow_cond_init(&t->dirty_kick);
    t->m_connected = metric_gauge(s->metrics, "onecard_terminals_connected", NULL,
                                  "Terminals connected over the network.");
    t->m_frames = metric_counter(s->metrics, "onecard_terminal_frames_total", NULL,
                                 "Messages from terminals.");
    t->m_lists = metric_counter(s->metrics, "onecard_terminal_lists_total", NULL,
                                "Lists of commands sent to terminals.");
    return t;
}

int terminals_open(struct serve *s)
{
    if (s->fixed->terminals.listen.count == 0 && !s->opts.world)
        return 0;
    struct terminals *t = s->terminals = terminals_new(s);
    if (!t)
        return OC_ENOMEM;
    int rc = authority_read_external(t);
    if (rc == 0)
        rc = script_book_new(s->profiles, &t->scripts);
    if (rc == 0 && !s->opts.world)
        rc = pool_new(&t->pool, "handshake", HANDSHAKE_THREADS, t->config->handshakes + 64U,
                      be_modest, NULL);
    if (rc != 0)
        log_error("terminal", "terminals over the network: %s", oc_strerror(rc));
    return rc;
}

/* ---- drain ---- */

void session_drained(struct session *se)
{
    if (se->draining && list_empty(&se->asked))
        session_end(se, "drain", "the switch ends");
}

static void drain(struct session *se)
{
    pb_drain d = ONECARD__TERMINAL__V1__DRAIN__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    se->draining = true;
    d.reconnect_after_ms = DRAIN_RETRY_MS;
    m.message_case = SAYS(DRAIN);
    m.drain = &d;
    if (se->greeted)
        session_put(se, &m);
    request_drain(se);
    session_drained(se);
}

static void on_stop(struct loop_task *task)
{
    struct terminals *t = CONTAINER_OF(task, struct terminals, on_stop);
    t->draining = true;
    listener_stop(t);
    LIST_EACH_SAFE(at, tmp, &t->sessions)
    drain(CONTAINER_OF(at, struct session, link));
}

static CO_FN int open_doors(struct terminals *t)
{
    int rc = authority_co_open(t);
    if (rc == 0)
        rc = authority_server(t);
    if (rc == 0)
        rc = authority_keep(t);
    return rc == 0 ? listener_open(t) : rc;
}

int terminals_co_start(struct serve *s)
{
    struct terminals *t = s->terminals;
    if (!t)
        return 0;
    unsigned flows = loop_max_flows(s->loop);
    t->connections_max = t->config->max_connections;
    if (flows < t->connections_max + FLOWS_KEPT)
        t->connections_max = flows > 2 * FLOWS_KEPT ? flows - FLOWS_KEPT : flows / 2;
    int rc = s->opts.world ? 0 : open_doors(t);
    if (rc == 0)
        rc = out_start(t);
    t->on_stop.fn = on_stop;
    if (rc == 0)
        loop_on_stop(s->loop, &t->on_stop);
    return rc;
}

void terminals_stop(struct serve *s)
{
    if (s->terminals)
        pool_free(&s->terminals->pool);
}

void terminals_free(struct serve *s)
{
    struct terminals *t = s->terminals;
    if (!t)
        return;
    s->terminals = NULL;
    for (unsigned i = 0; i < t->listener_count; i++)
        sock_listener_close(&t->listeners[i]);
    tls_ctx_put(&t->tls);
    script_book_free(&t->scripts);
    free(t->sealed);
    free(t);
}

/* ---- from outside ---- */

void terminals_changed(struct station *st, const struct op_terminal *is)
{
    const struct op_terminal *was = &st->row.t;
    if (!st->session)
        return;
    if (is->closed)
        session_end(st->session, "closed_terminal", "this terminal was closed");
    else if (strcmp(is->gate, was->gate) != 0 || strcmp(is->kind, was->kind) != 0)
        session_end(st->session, "drain", "this terminal's settings changed: connect again");
}

static int64_t wall_of(const struct serve *s, int64_t mono_ns)
{
    return serve_now_ms(s) - (loop_now_ns(s->loop) - mono_ns) / NS_PER_MS;
}

static void inform(const struct session *se, struct session_info *r)
{
    const struct serve *s = se->t->serve;
    *r = (struct session_info){.since_ms = se->since_ms,
                               .heard_ms = wall_of(s, se->heard_ns),
                               .certificate_until_ms = se->certificate_until_ms,
                               .resumed = se->resumed,
                               .wall_off_ms = se->wall_off_ms,
                               .open = se->asked_count,
                               .requests = se->requests,
                               .frames = se->frames,
                               .session = se->id};
    (void)snprintf(r->terminal, sizeof r->terminal, "%s", se->station->row.t.id);
    (void)snprintf(r->peer, sizeof r->peer, "%s", se->peer);
    (void)snprintf(r->software, sizeof r->software, "%s", se->software);
    for (unsigned i = 0; i < SESSION_READERS; i++)
        r->readers += se->readers[i] != NULL;
}

unsigned sessions_list(const struct serve *s, unsigned skip, struct session_info *rows,
                       unsigned cap)
{
    unsigned n = 0;
    if (!s->terminals)
        return 0;
    LIST_EACH(at, &s->terminals->sessions)
    {
        const struct session *se = CONTAINER_OF(at, struct session, link);
        if (!se->greeted)
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        if (n == cap)
            break;
        inform(se, &rows[n++]);
    }
    return n;
}

bool session_of(const struct serve *s, const char *terminal, struct session_info *ret)
{
    const struct station *st = map_get_str(&s->by_id, terminal);
    if (!st || !st->session || !st->session->greeted)
        return false;
    inform(st->session, ret);
    return true;
}

/* ---- tokens ---- */

const struct x509_bytes *terminals_authority(const struct serve *s)
{
    return s->terminals && s->terminals->authority.len > 0 ? &s->terminals->authority : NULL;
}

/* Letters and digits that cannot be mistaken for each other. */
static int draw_secret(struct serve *s, char ret[SECRET_CHARS + 1])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t random[SECRET_CHARS];
    int rc = rng_fill(s->env.rng, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        ret[i] = digits[random[i] & 31];
    ret[SECRET_CHARS] = '\0';
    secret_wipe(random, sizeof random);
    return rc;
}

int terminals_co_token(struct serve *s, const char *id, const char *who, struct ledger_op *op,
                       char ret[TERMINAL_TOKEN_TEXT], int64_t *ret_until_ms)
{
    char secret[SECRET_CHARS + 1], print[33];
    struct op_terminal_key *k = &op->terminal_key;
    if (!terminals_authority(s))
        return OC_ESTATE;
    memset(op, 0, sizeof *op);
    op->type = LOP_TERMINAL_KEY;
    (void)snprintf(op->who, sizeof op->who, "%s", who);
    (void)snprintf(k->terminal, sizeof k->terminal, "%s", id);
    k->action = TERMINAL_KEY_TOKEN;
    k->token_until_ms = serve_now_ms(s) + (int64_t)s->fixed->terminals.token_hours * 3600 * 1000;
    int64_t until = k->token_until_ms;
    int rc = draw_secret(s, secret);
    if (rc == 0)
        rc = hash_sha256(s->crypto, (struct bytes){secret, SECRET_CHARS}, k->token_hash);
    if (rc == 0)
        rc = authority_fingerprint(s->terminals, print);
    if (rc == 0)
        rc = ledger_co_submit(s->ledger, op);
    if (rc == 0) {
        (void)snprintf(ret, TERMINAL_TOKEN_TEXT, "%s.%s.%s", id, secret, print);
        *ret_until_ms = until;
    }
    secret_wipe(secret, sizeof secret);
    return rc;
}
