#include "agent_rig.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 5000

int rig_wrong(struct rig *r, const char *fmt, ...)
{
    va_list ap;
    if (r->wrong[0])
        return OC_EINTERNAL;
    va_start(ap, fmt);
    (void)vsnprintf(r->wrong, sizeof r->wrong, fmt, ap);
    va_end(ap);
    return OC_EINTERNAL;
}

void rig_init(struct rig *r, const char *config)
{
    memset(r, 0, sizeof *r);
    r->config = config;
    (void)snprintf(r->dir, sizeof r->dir, ONECARD_SCRATCH "/onecard-agent-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(cardsim_new(&r->card, NULL), 0);
    log_set_level(getenv("RIG_LOG") ? LOG_DEBUG : LOG_ERROR);
}

void rig_fini(struct rig *r)
{
    char command[128];
    cardsim_free(&r->card);
    (void)snprintf(command, sizeof command, "rm -rf %s", r->dir);
    assert_int_equal(system(command), 0);
}

static int co_dial(void *arg, const char *address, int64_t deadline_ns, struct stream **ret,
                   const char **ret_why) CO_FN;
static int co_dial(void *arg, const char *address, int64_t deadline_ns, struct stream **ret,
                   const char **ret_why)
{
    struct rig *r = arg;
    int fds[2];
    (void)address;
    (void)deadline_ns;
    r->dials++;
    if (r->refuse || r->near) {
        *ret_why = "refused by the test";
        return OC_ECLOSED;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return OC_EIO;
    int rc = sock_stream(flow_loop(), fds[0], ret);
    if (rc == 0)
        rc = sock_stream(flow_loop(), fds[1], &r->near);
    flow_cond_broadcast(&r->dialled);
    return rc;
}

static int player(void *arg) CO_FN;
static int player(void *arg)
{
    struct rig *r = arg;
    r->rc = r->play(r);
    stream_close(&r->s);
    stream_close(&r->near);
    r->refuse = true;
    agent_stop(r->agent);
    return 0;
}

static void ready(struct agent *a, void *arg)
{
    if (flow_start(agent_loop(a), "player", player, arg, NULL) != 0)
        abort();
}

void rig_run(struct rig *r, int (*play)(struct rig *r))
{
    char file[96];
    struct agent_dial dial = {.co_dial = co_dial, .arg = r};
    (void)snprintf(file, sizeof file, "%s/terminal.yaml", r->dir);
    struct agent_opts o = {.file = file,
                           .text = r->config,
                           .no_signals = true,
                           .no_pcsc = true,
                           .dial = &dial,
                           .ready = ready,
                           .arg = r};
    ROLE_ENTER_WORKER();
    r->play = play;
    r->wrong[0] = '\0';
    r->refuse = false;
    flow_cond_init(&r->dialled);
    buf_init(&r->in, 0);
    arena_init(&r->arena, 0);
    assert_int_equal(agent_open(&o, &r->agent), 0);
    assert_int_equal(reader_sim_new(agent_readers(r->agent), "Test reader", &r->sim), 0);
    assert_int_equal(agent_run(r->agent), 0);
    agent_close(&r->agent);
    arena_fini(&r->arena);
    buf_fini(&r->in);
    assert_string_equal(r->wrong, "");
    assert_int_equal(r->rc, 0);
}

/* ---- the switch's end ---- */

int rig_co_accept(struct rig *r)
{
    int64_t until = flow_deadline_ms(PATIENCE_MS);
    stream_close(&r->s);
    buf_reset(&r->in);
    while (!r->near)
        if (flow_co_wait(&r->dialled, until) != 0)
            return rig_wrong(r, "the agent does not connect");
    r->s = r->near;
    r->near = NULL;
    return 0;
}

static CO_FN int read_one(struct rig *r, pb_to_switch **ret, int64_t deadline_ns)
{
    uint8_t step[1024];
    size_t head, len, got;
    int rc;
    while ((rc = frame_peek(r->in.data, r->in.len, &head, &len)) == OC_EBUSY) {
        rc = stream_co_read(r->s, step, sizeof step, &got, deadline_ns);
        if (rc != 0)
            return rc;
        buf_put(&r->in, step, got);
    }
    if (rc != 0)
        return rc;
    arena_fini(&r->arena);
    arena_init(&r->arena, 0);
    rc = frame_get_to_switch(r->in.data + head, len, &r->arena, ret, NULL);
    memmove(r->in.data, r->in.data + head + len, r->in.len - head - len);
    r->in.len -= head + len;
    return rc;
}

static CO_FN int next_until(struct rig *r, pb_to_switch **ret, int64_t deadline_ns)
{
    int rc;
    do
        rc = read_one(r, ret, deadline_ns);
    while (rc == 0 && (*ret)->message_case == (int)TO_SWITCH_HEARTBEAT);
    return rc;
}

int rig_co_next(struct rig *r, pb_to_switch **ret)
{
    int rc = next_until(r, ret, flow_deadline_ms(PATIENCE_MS));
    return rc == 0 ? 0 : rig_wrong(r, "no message: %s", oc_strerror(rc));
}

int rig_co_expect(struct rig *r, enum pb_to_switch_case kind, pb_to_switch **ret)
{
    int rc = rig_co_next(r, ret);
    if (rc == 0 && (int)(*ret)->message_case != (int)kind) {
        pb_to_switch wanted = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
        wanted.message_case = (Onecard__Terminal__V1__ToSwitch__MessageCase)kind;
        return rig_wrong(r, "%s instead of %s", frame_to_switch_name(*ret),
                         frame_to_switch_name(&wanted));
    }
    return rc;
}

int rig_co_quiet(struct rig *r, int64_t ms)
{
    pb_to_switch *m = NULL;
    int rc = next_until(r, &m, flow_deadline_ms(ms));
    return rc == OC_ETIMEDOUT ? 0
           : rc == 0 ? rig_wrong(r, "%s where nothing should come", frame_to_switch_name(m))
                     : rig_wrong(r, "cut");
}

int rig_co_send(struct rig *r, pb_to_terminal *m)
{
    struct buf b;
    buf_init(&b, 0);
    frame_put_to_terminal(&b, m);
    int rc =
        b.err != 0 ? b.err : stream_co_write(r->s, b.data, b.len, flow_deadline_ms(PATIENCE_MS));
    buf_fini(&b);
    return rc == 0 ? 0 : rig_wrong(r, "cannot send: %s", oc_strerror(rc));
}

void rig_cut(struct rig *r)
{
    stream_close(&r->s);
}

int rig_co_welcome(struct rig *r)
{
    static char id[] = "desk-1", kind[] = "desk", none[] = "", software[] = "test";
    pb_to_switch *m;
    pb_welcome w = ONECARD__TERMINAL__V1__WELCOME__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    RIG_TRY(rig_co_accept(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_HELLO, &m));
    w.version = 1;
    w.terminal = id;
    w.kind = kind;
    w.gate_service = none;
    w.switch_software = software;
    w.heartbeat_ms = 1000;
    w.wall_ms = clock_wall_ms(&clock_system);
    w.max_requests = 4;
    w.last_request = r->last_request;
    w.minor = r->minor;
    to.message_case = (int)TO_TERMINAL_WELCOME;
    to.welcome = &w;
    return rig_co_send(r, &to);
}

int rig_co_result(struct rig *r, uint64_t number, enum pb_outcome outcome, const char *txn)
{
    static char service[] = "payment.purchase";
    char id[32];
    pb_result res = ONECARD__TERMINAL__V1__RESULT__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    (void)snprintf(id, sizeof id, "%s", txn);
    res.number = number;
    res.outcome = (Onecard__Terminal__V1__Outcome)outcome;
    res.txn = id;
    res.service = service;
    res.amount_fen = outcome == PB_POSTED ? 300 : 0;
    to.message_case = (int)TO_TERMINAL_RESULT;
    to.result = &res;
    return rig_co_send(r, &to);
}

int rig_co_list(struct rig *r, uint64_t list, uint64_t arrival, unsigned count, int64_t deadline_ms)
{
    static uint8_t select[] = {0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00, 0x00};
    static uint32_t accept[] = {0x9000, 0x6A82, 0x6A81, 0x6999};
    pb_command c = ONECARD__TERMINAL__V1__COMMAND__INIT;
    pb_command *commands[CARD_LIST_MAX];
    pb_list l = ONECARD__TERMINAL__V1__LIST__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    c.apdu.data = select;
    c.apdu.len = sizeof select;
    c.accept = accept;
    c.n_accept = ARRAY_LEN(accept);
    for (unsigned i = 0; i < count; i++)
        commands[i] = &c;
    l.list = list;
    l.reader = 1;
    l.arrival = arrival;
    l.n_commands = count;
    l.commands = commands;
    l.deadline_mono_ms = (uint64_t)(loop_now_ns(flow_loop()) / NS_PER_MS + deadline_ms);
    to.message_case = (int)TO_TERMINAL_LIST;
    to.list = &l;
    return rig_co_send(r, &to);
}

int rig_co_ask(struct rig *r, const char *service, int64_t fen, const char *ref,
               uint64_t *ret_number)
{
    struct request_ask ask = {.service = service,
                              .ref = ref,
                              .person = "",
                              .amount_fen = fen,
                              .number = r->number,
                              .reader = r->number ? 0 : 1,
                              .wait_ms = 5000};
    struct treq *t = NULL;
    int rc = request_co_new(r->agent, &ask, &t);
    if (rc != 0)
        return rig_wrong(r, "no request: %s", oc_strerror(rc));
    *ret_number = t->row.number;
    requests_pump(r->agent);
    lanes_wake(r->agent);
    return 0;
}
