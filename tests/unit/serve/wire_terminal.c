#include "wire_terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 8000

/* ---- flows of one step ---- */

struct step {
    struct wire_terminal *t;
    int (*fn)(struct step *s);
    const char *alpn;
    const void *bytes;
    size_t len;
    int ms;
};

static int run_step(void *arg)
{
    struct step *s = arg;
    return s->fn(s);
}

static int do_step(struct wire_terminal *t, struct step s)
{
    s.t = t;
    return loop_run_flow(t->loop, "terminal", run_step, &s);
}

/* ---- connecting ---- */

static int dial(struct step *s) CO_FN;
static int dial(struct step *s)
{
    struct wire_terminal *t = s->t;
    const char *const alpn[] = {s->alpn, NULL};
    const struct tls_blob authority = {t->authority.data, t->authority.len};
    struct tls_opts o = {.alpn = alpn, .authorities = &authority, .authority_count = 1};
    struct tls_ctx *ctx = NULL;
    struct stream *raw = NULL;
    if (t->cert.len > 0) {
        o.certificate = (struct tls_blob){t->cert.data, t->cert.len};
        o.key = (struct tls_blob){t->key.data, t->key.len};
    }
    int rc = tls_ctx_new(&o, &ctx);
    if (rc == 0)
        rc = sock_co_connect_tcp("127.0.0.1", serve_terminal_port(t->site->serve),
                                 flow_deadline_ms(PATIENCE_MS), &raw);
    if (rc == 0)
        rc = tls_co_connect(ctx, NULL, raw, "127.0.0.1", t->session, flow_deadline_ms(PATIENCE_MS),
                            &t->stream, &t->peer, &t->failure);
    tls_ctx_put(&ctx);
    return rc;
}

int wt_dial(struct wire_terminal *t, const char *alpn)
{
    wt_hang_up(t);
    return do_step(t, (struct step){.fn = dial, .alpn = alpn});
}

void wt_hang_up(struct wire_terminal *t)
{
    stream_close(&t->stream);
    buf_reset(&t->in);
    t->error[0] = '\0';
    t->fatal = t->drained = false;
    t->busy_ms = 0;
}

/* ---- messages ---- */

static int write_bytes(struct step *s) CO_FN;
static int write_bytes(struct step *s)
{
    return stream_co_write(s->t->stream, s->bytes, s->len, flow_deadline_ms(PATIENCE_MS));
}

int wt_send_bytes(struct wire_terminal *t, const void *bytes, size_t len)
{
    if (!t->stream)
        return OC_ECLOSED;
    return do_step(t, (struct step){.fn = write_bytes, .bytes = bytes, .len = len});
}

int wt_send(struct wire_terminal *t, const pb_to_switch *m)
{
    struct buf b;
    buf_init(&b, 2 * FRAME_MAX);
    frame_put_to_switch(&b, m);
    int rc = b.err != 0 ? b.err : wt_send_bytes(t, b.data, b.len);
    buf_fini(&b);
    return rc;
}

static int read_frame(struct step *s) CO_FN;
static int read_frame(struct step *s)
{
    struct wire_terminal *t = s->t;
    int64_t deadline = flow_deadline_ms(s->ms);
    for (;;) {
        uint8_t part[1400];
        size_t head = 0, len = 0, got = 0;
        int rc = t->in.len > 0 ? frame_peek(t->in.data, t->in.len, &head, &len) : OC_EBUSY;
        if (rc == 0) {
            arena_fini(&t->arena);
            arena_init(&t->arena, 0);
            rc = frame_get_to_terminal(t->in.data + head, len, &t->arena, &t->m, NULL);
            memmove(t->in.data, t->in.data + head + len, t->in.len - head - len);
            t->in.len -= head + len;
            return rc;
        }
        if (rc != OC_EBUSY)
            return rc;
        rc = stream_co_read(t->stream, part, sizeof part, &got, deadline);
        if (rc != 0)
            return rc;
        buf_put(&t->in, part, got);
    }
}

static void keep_arm(struct wire_terminal *t, const pb_arm *arm)
{
    size_t n = onecard__terminal__v1__arm__get_packed_size(arm);
    uint8_t *bytes = malloc(n + 1);
    (void)onecard__terminal__v1__arm__pack(arm, bytes);
    if (t->arm)
        onecard__terminal__v1__arm__free_unpacked(t->arm, NULL);
    t->arm = onecard__terminal__v1__arm__unpack(NULL, n, bytes);
    free(bytes);
    t->arms++;
}

int wt_next(struct wire_terminal *t, int ms)
{
    if (!t->stream)
        return OC_ECLOSED;
    int rc = do_step(t, (struct step){.fn = read_frame, .ms = ms});
    if (rc != 0)
        return rc;
    if (t->m->message_case == (int)TO_TERMINAL_ERROR) {
        (void)snprintf(t->error, sizeof t->error, "%s", t->m->error->code);
        t->error_number = t->m->error->number;
        t->fatal = t->m->error->fatal;
    } else if (t->m->message_case == (int)TO_TERMINAL_DRAIN) {
        t->drained = true;
    } else if (t->m->message_case == (int)TO_TERMINAL_ARM) {
        keep_arm(t, t->m->arm);
    }
    return 0;
}

int wt_drain(struct wire_terminal *t, int ms)
{
    int rc = 0;
    while (rc == 0)
        rc = wt_next(t, ms);
    return rc;
}

/* ---- cards ---- */

static bool accepted(const pb_command *c, const pb_answer *a)
{
    uint32_t sw = (uint32_t)a->bytes.data[a->bytes.len - 2] << 8 | a->bytes.data[a->bytes.len - 1];
    if (c->n_accept == 0)
        return sw == 0x9000;
    for (size_t i = 0; i < c->n_accept; i++)
        if (c->accept[i] == sw)
            return true;
    return false;
}

struct answers {
    pb_answer items[FRAME_LIST_MAX], *order[FRAME_LIST_MAX];
    uint8_t bytes[FRAME_LIST_MAX][260];
};

static void execute(struct wire_terminal *t, pb_command **commands, size_t n, struct answers *a)
{
    for (size_t i = 0; i < n; i++) {
        onecard__terminal__v1__answer__init(&a->items[i]);
        a->order[i] = &a->items[i];
    }
    for (size_t i = 0; i < n;) {
        pb_answer *p = &a->items[i];
        size_t len = 0;
        int rc = t->card ? cardsim_transmit(t->card, commands[i]->apdu.data, commands[i]->apdu.len,
                                            a->bytes[i], sizeof a->bytes[i], &len)
                         : CARDSIM_EOFF;
        if (rc != 0) {
            for (size_t k = i; k < n; k++)
                a->items[k].state = (Onecard__Terminal__V1__Answer__State)PB_ANSWER_NOT_SENT;
            p->state =
                (Onecard__Terminal__V1__Answer__State)(rc == CARDSIM_TORN ? PB_ANSWER_LOST
                                                                          : PB_ANSWER_NOT_SENT);
            return;
        }
        p->state = (Onecard__Terminal__V1__Answer__State)PB_ANSWER_ANSWERED;
        p->bytes = (ProtobufCBinaryData){len, a->bytes[i]};
        if (accepted(commands[i], p))
            i++;
        else if (commands[i]->otherwise > i)
            i = commands[i]->otherwise;
        else
            return;
    }
}

/* Runs the script that stands and fills the message. */
static void present(struct wire_terminal *t, pb_card *c, struct answers *a, uint8_t atr[64])
{
    onecard__terminal__v1__card__init(c);
    c->reader = 1;
    c->arrival = t->arrival;
    c->atr = (ProtobufCBinaryData){cardsim_atr(t->card, atr), atr};
    if (!t->arm)
        return;
    execute(t, t->arm->commands, t->arm->n_commands, a);
    c->script = t->arm->script;
    c->n_answers = t->arm->n_commands;
    c->answers = a->order;
}

static void arm_used(struct wire_terminal *t)
{
    if (t->arm)
        onecard__terminal__v1__arm__free_unpacked(t->arm, NULL);
    t->arm = NULL;
}

int wt_tell(struct wire_terminal *t)
{
    struct answers *a = calloc(1, sizeof *a);
    uint8_t atr[64];
    pb_card c;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    present(t, &c, a, atr);
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CARD;
    m.card = &c;
    int rc = wt_send(t, &m);
    arm_used(t);
    free(a);
    return rc;
}

void wt_rest(struct wire_terminal *t, int ms)
{
    do {
        if (!t->arm || !t->arm->now || !t->card)
            continue;
        cardsim_power_on(t->card);
        (void)wt_tell(t);
    } while (wt_next(t, ms) == 0);
}

int wt_cancel(struct wire_terminal *t, uint64_t number)
{
    pb_cancel c = ONECARD__TERMINAL__V1__CANCEL__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    c.number = number;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CANCEL;
    m.cancel = &c;
    return wt_send(t, &m);
}

void wt_insert(struct wire_terminal *t, struct cardsim *card)
{
    t->card = card;
    t->arrival++;
    cardsim_power_on(card);
}

void wt_remove(struct wire_terminal *t)
{
    pb_card_removed r = ONECARD__TERMINAL__V1__CARD_REMOVED__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    if (t->card)
        cardsim_power_off(t->card);
    t->card = NULL;
    r.reader = 1;
    r.arrival = t->arrival;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CARD_REMOVED;
    m.card_removed = &r;
    if (t->stream)
        (void)wt_send(t, &m);
}

static int on_list(struct wire_terminal *t)
{
    struct answers *a = calloc(1, sizeof *a);
    pb_list_answers la = ONECARD__TERMINAL__V1__LIST_ANSWERS__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    const pb_list *l = t->m->list;
    bool now = t->cut != CUT_NEVER && t->lists == t->cut_at;
    t->lists++;
    if (now && t->cut == CUT_AT_LIST) {
        wt_hang_up(t);
        free(a);
        return OC_ECLOSED;
    }
    if (now && t->cut == CUT_LATE) { /* as one that came after its deadline */
        struct cardsim *card = t->card;
        t->card = NULL;
        execute(t, l->commands, l->n_commands, a);
        t->card = card;
    } else {
        execute(t, l->commands, l->n_commands, a);
    }
    la.list = l->list;
    la.n_answers = l->n_commands;
    la.answers = a->order;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_ANSWERS;
    m.answers = &la;
    int rc = 0;
    if (now && t->cut == CUT_AFTER_LIST) {
        wt_hang_up(t);
        rc = OC_ECLOSED;
    } else {
        rc = wt_send(t, &m);
    }
    free(a);
    return rc;
}

/* ---- requests ---- */

int wt_send_ask(struct wire_terminal *t, struct wire_ask *w)
{
    struct answers *a = calloc(1, sizeof *a);
    uint8_t atr[64];
    pb_request r = ONECARD__TERMINAL__V1__REQUEST__INIT;
    pb_presentation p = ONECARD__TERMINAL__V1__PRESENTATION__INIT;
    pb_presentation_chip chip = ONECARD__TERMINAL__V1__PRESENTATION__CHIP__INIT;
    pb_card c;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    char service[64], number[64], code[128], pin[32], document[256];
    if (w->number == 0)
        w->number = ++t->last_request;
    (void)snprintf(service, sizeof service, "%s", w->service ? w->service : "");
    r.number = w->number;
    r.service = service;
    r.amount_fen = w->amount;
    r.gate = w->gate;
    r.wait_ms = w->wait_ms;
    r.only_answer = w->only_answer;
    (void)snprintf(pin, sizeof pin, "%s", w->pin ? w->pin : "");
    (void)snprintf(document, sizeof document, "%s", w->document ? w->document : "");
    r.pin = pin;
    r.document = document;
    chip.reader = w->reader ? w->reader : 1;
    p.what_case = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CHIP;
    p.chip = &chip;
    if (w->card_number) {
        (void)snprintf(number, sizeof number, "%s", w->card_number);
        p.what_case = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_NUMBER;
        p.number = number;
    } else if (w->code) {
        (void)snprintf(code, sizeof code, "%s", w->code);
        p.what_case = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CODE;
        p.code = code;
    }
    if (!w->no_chip)
        r.presentation = &p;
    chip.arrival = w->arrival;
    if (t->card && !w->card_number && !w->code && !w->no_chip && !w->apart) {
        present(t, &c, a, atr);
        r.card = &c;
    }
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_REQUEST;
    m.request = &r;
    int rc = wt_send(t, &m);
    if (r.card)
        arm_used(t);
    free(a);
    return rc;
}

static void take_result(const pb_result *p, struct wire_result *r)
{
    r->outcome = (int)p->outcome;
    (void)snprintf(r->reason, sizeof r->reason, "%s", p->reason);
    (void)snprintf(r->txn, sizeof r->txn, "%s", p->txn);
    r->balance = p->has_balance ? p->balance_fen : -1;
    r->amount = p->amount_fen;
    r->replayed = p->replayed;
    r->slip = (unsigned)p->n_slip;
}

struct wire_result wt_wait(struct wire_terminal *t, uint64_t number)
{
    struct wire_result r = {.number = number, .outcome = -1};
    unsigned before = t->lists;
    while (r.outcome < 0) {
        int rc = wt_next(t, PATIENCE_MS);
        if (rc == 0 && t->m->message_case == (int)TO_TERMINAL_LIST)
            rc = on_list(t);
        else if (rc == 0 && t->m->message_case == (int)TO_TERMINAL_RESULT &&
                 t->m->result->number == number)
            take_result(t->m->result, &r);
        else if (rc == 0 && t->m->message_case == (int)TO_TERMINAL_BUSY) {
            t->busy_ms = t->m->busy->retry_after_ms;
            break;
        } else if (rc == 0 && t->m->message_case == (int)TO_TERMINAL_ERROR &&
                   (t->fatal || t->error_number == number))
            break;
        if (rc != 0)
            break;
    }
    r.lists = t->lists - before;
    /* What belongs to it comes behind it: the next script. */
    if (r.outcome >= 0)
        while (t->in.len > 0 && wt_next(t, 1) == 0)
            continue;
    return r;
}

struct wire_result wt_ask(struct wire_terminal *t, struct wire_ask a)
{
    if (wt_send_ask(t, &a) != 0)
        return (struct wire_result){.number = a.number, .outcome = -1};
    return wt_wait(t, a.number);
}

/* ---- who it is ---- */

void wt_token(struct wire_terminal *t, char ret[128])
{
    char path[80];
    (void)snprintf(path, sizeof path, "/v1/terminals/%s/enroll", t->id);
    json_t *j = site_expect(t->site, 201, "POST", path, "{}");
    (void)snprintf(ret, 128, "%s", text_of(j, "token"));
    json_decref(j);
}

int wt_enrol_with(struct wire_terminal *t, const char *token)
{
    pb_enroll e = ONECARD__TERMINAL__V1__ENROLL__INIT;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    char text[160];
    t->cert.len = 0;
    int rc = x509_key_new(&t->key);
    if (rc == 0)
        rc = x509_request_new(&t->key, "whatever", &t->csr);
    if (rc == 0)
        rc = wt_dial(t, "onecard-enroll/1");
    (void)snprintf(text, sizeof text, "%s", token);
    e.token = text;
    e.csr = (ProtobufCBinaryData){t->csr.len, t->csr.data};
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_ENROLL;
    m.enroll = &e;
    if (rc == 0)
        rc = wt_send(t, &m);
    if (rc == 0)
        rc = wt_next(t, PATIENCE_MS);
    if (rc == 0 && t->m->message_case != (int)TO_TERMINAL_ENROLLED)
        return OC_EPERM;
    if (rc == 0) {
        const pb_enrolled *r = t->m->enrolled;
        memcpy(t->cert.data, r->certificate.data, r->certificate.len);
        t->cert.len = r->certificate.len;
        t->until_ms = r->certificate_until_ms;
    }
    wt_hang_up(t);
    return rc;
}

int wt_enrol(struct wire_terminal *t)
{
    char token[128];
    wt_token(t, token);
    return wt_enrol_with(t, token);
}

int wt_connect(struct wire_terminal *t)
{
    pb_hello h = ONECARD__TERMINAL__V1__HELLO__INIT;
    pb_reader reader = ONECARD__TERMINAL__V1__READER__INIT, *readers = &reader;
    pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    uint32_t version = 1;
    char software[] = "test 1", name[] = "slot";
    int rc = wt_dial(t, "onecard/1");
    if (rc != 0)
        return rc;
    h.n_versions = 1;
    h.versions = &version;
    h.software = software;
    h.mono_ms = (uint64_t)(clock_mono_ns(&clock_system) / NS_PER_MS) + 1000000;
    h.wall_ms = clock_wall_ms(&clock_system);
    reader.number = 1;
    reader.name = name;
    reader.present = true;
    h.n_readers = 1;
    h.readers = &readers;
    m.message_case = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_HELLO;
    m.hello = &h;
    arm_used(t);
    rc = wt_send(t, &m);
    while (rc == 0) {
        rc = wt_next(t, PATIENCE_MS);
        if (rc == 0 && t->m->message_case == (int)TO_TERMINAL_ERROR)
            return OC_EPERM;
        if (rc == 0 && t->m->message_case == (int)TO_TERMINAL_WELCOME) {
            if (t->m->welcome->last_request > t->last_request)
                t->last_request = t->m->welcome->last_request;
            t->welcomes++;
        }
        if (t->arm) /* the script comes behind Welcome */
            break;
    }
    if (rc == 0 && t->card)
        rc = wt_tell(t);
    return rc;
}

void wt_open(struct wire_terminal *t, struct site *site, const char *id)
{
    memset(t, 0, sizeof *t);
    t->site = site;
    (void)snprintf(t->id, sizeof t->id, "%s", id);
    assert_int_equal(loop_new(&t->loop, NULL), 0);
    buf_init(&t->in, 0);
    arena_init(&t->arena, 0);
    t->session = tls_session_new();
    json_t *j = site_expect(site, 200, "GET", "/v1/authority", NULL);
    const char *pem = text_of(j, "certificate");
    assert_int_equal(x509_from_pem(pem, strlen(pem), "CERTIFICATE", &t->authority), 0);
    json_decref(j);
}

void wt_close(struct wire_terminal *t)
{
    wt_hang_up(t);
    arm_used(t);
    buf_fini(&t->in);
    arena_fini(&t->arena);
    tls_session_free(&t->session);
    secret_wipe(&t->key, sizeof t->key);
    loop_free(&t->loop);
}
