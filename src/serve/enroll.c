/* Enrolment: a terminal that has a token and a new key gets its certificate, and the ledger pins
 * the key. One message in, one out. A token is good once; the writer decides, so two that come at
 * one time are one and a refusal. */
#include "serve/enroll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRONG_MS     1000 /* so long a wrong token waits for its answer */
#define SECRET_CHARS 26
#define PRINT_CHARS  32
#define MESSAGE_MAX  (X509_DER_MAX + 1024) /* bytes: a token, a request, a name */
#define MESSAGE_MS   3000 /* it is one message, and whoever sends it has just shaken hands */
#define AT_ONE_TIME  64 /* whoever enrols takes no more than this from those who are at work … */
#define OF_ALL       4  /* … nor more than one of so many connections */

struct enrolment {
    struct terminals *t;
    struct stream *stream;
    const struct tls_peer *peer;
    const char *from;
    char id[LEDGER_ID];
    char secret[SECRET_CHARS + 1];
    struct x509_bytes cert;
    struct ledger_op op;
    uint8_t in[MESSAGE_MAX];
};

static CO_FN void answer(struct enrolment *e, const pb_to_terminal *m)
{
    struct buf b;
    buf_init(&b, FRAME_MAX + FRAME_HEAD_MAX);
    frame_put_to_terminal(&b, m);
    int rc = b.err;
    if (rc == 0)
        rc = stream_co_write(e->stream, b.data, b.len, flow_deadline_ms(e->t->config->write_ms));
    if (rc != 0)
        log_info("terminal", "%s did not take the answer to its enrolment: %s", e->from,
                 oc_strerror(rc));
    buf_fini(&b);
}

static CO_FN void say_error(struct enrolment *e, const char *code, const char *message)
{
    pb_error err = ONECARD__TERMINAL__V1__ERROR__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    err.code = pb_text(code);
    err.message = pb_text(message);
    err.fatal = true;
    m.message_case = SAYS(ERROR);
    m.error = &err;
    answer(e, &m);
}

static CO_FN void refuse(struct enrolment *e, const char *code, const char *message)
{
    refused(e->t, e->from, code, message);
    if (flow_co_sleep_ms(WRONG_MS) == 0)
        say_error(e, code, message);
}

/* "ID.SECRET.FINGERPRINT"; the id may have dots itself. */
static int take_apart(struct enrolment *e, const char *token)
{
    size_t len = strlen(token);
    if (len < 1 + 1 + SECRET_CHARS + 1 + PRINT_CHARS)
        return OC_EINVAL;
    size_t id = len - (1 + SECRET_CHARS + 1 + PRINT_CHARS);
    if (id >= sizeof e->id || token[id] != '.' || token[id + 1 + SECRET_CHARS] != '.')
        return OC_EINVAL;
    memcpy(e->id, token, id);
    memcpy(e->secret, token + id + 1, SECRET_CHARS);
    return 0;
}

/* Looks before anything is signed or written: wrong tokens cost little. */
static CO_FN int look(struct enrolment *e, uint8_t hash[32])
{
    struct terminal_key_row row;
    struct serve *s = e->t->serve;
    struct station *st = station_get(s, e->id);
    int rc = hash_sha256(s->crypto, (struct bytes){e->secret, SECRET_CHARS}, hash);
    if (rc == 0)
        rc = st && !st->row.t.closed ? ledger_co_terminal_key(s->ledger, e->id, &row) : OC_ENOENT;
    if (rc == 0 && (!row.token_waits || !secret_equal(row.token_hash, hash, 32)))
        rc = OC_EPERM;
    if (rc == 0 && row.token_until_ms < serve_now_ms(s))
        rc = OC_ETIMEDOUT;
    return rc;
}

void enroll_end_sessions(struct terminals *t, const struct station *st, const char *message)
{
    LIST_EACH_SAFE(at, tmp, &t->sessions)
    {
        struct session *se = CONTAINER_OF(at, struct session, link);
        if (se->station == st)
            session_end(se, "revoked", message);
    }
}

/* The key: from the request it sent, or of the certificate it showed. */
static int take_key(struct enrolment *e, const pb_enroll *m, struct op_terminal_key *k)
{
    struct x509_info info;
    int rc = OC_EINVAL;
    if (m->csr.len == 0) {
        if (!e->peer->has_certificate || strcmp(e->peer->name, e->id) != 0)
            return OC_EINVAL;
        memcpy(k->pin, e->peer->pin, sizeof k->pin);
        k->not_after_ms = e->peer->not_after_ms;
        return 0;
    }
    if (e->t->external.len > 0)
        return OC_ENOTSUP;
    rc = x509_request_check(m->csr.data, m->csr.len, k->pin);
    if (rc == 0)
        rc = authority_issue(e->t, m->csr.data, m->csr.len, e->id, &e->cert);
    if (rc == 0)
        rc = x509_read(e->cert.data, e->cert.len, &info);
    if (rc == 0)
        k->not_after_ms = info.not_after_ms;
    return rc;
}

static CO_FN void enrolled(struct enrolment *e, int64_t until_ms)
{
    pb_enrolled r = ONECARD__TERMINAL__V1__ENROLLED__INIT;
    pb_to_terminal m = TO_TERMINAL_INIT;
    r.terminal = e->id;
    r.certificate = (ProtobufCBinaryData){e->cert.len, e->cert.data};
    r.authority = (ProtobufCBinaryData){e->t->authority.len, e->t->authority.data};
    r.certificate_until_ms = until_ms;
    m.message_case = SAYS(ENROLLED);
    m.enrolled = &r;
    answer(e, &m);
}

static CO_FN void enrol(struct enrolment *e, const pb_enroll *m)
{
    struct op_terminal_key *k = &e->op.terminal_key;
    int rc = take_apart(e, m->token);
    if (rc == 0)
        rc = look(e, k->token_hash);
    if (rc != 0) {
        refuse(e, "enroll_refused",
               rc == OC_ETIMEDOUT ? "this token has expired: ask the operator for a new one"
                                  : "this token is not good: ask the operator for one");
        return;
    }
    rc = take_key(e, m, k);
    if (rc != 0) {
        refuse(e, "enroll_refused",
               rc == OC_ENOTSUP && e->t->external.len > 0
                   ? "this site's terminals show certificates of the city's own authority: send no "
                     "request, show the certificate"
               : m->csr.len == 0 ? "neither a request nor a certificate with this terminal's name"
                                 : "the request for a certificate is not good");
        return;
    }
    e->op.type = LOP_TERMINAL_KEY;
    k->action = TERMINAL_KEY_PIN;
    memcpy(k->terminal, e->id, sizeof k->terminal);
    (void)snprintf(e->op.who, sizeof e->op.who, "onecardd");
    int64_t until = k->not_after_ms;
    rc = ledger_co_submit(e->t->serve->ledger, &e->op);
    if (rc == OC_EREFUSED) {
        refuse(e, "enroll_refused", "this token is not good: ask the operator for one");
    } else if (rc != 0) {
        log_error("terminal", "terminal=%s cannot be enrolled: %s", e->id, oc_strerror(rc));
        refuse(e, "internal", "the ledger takes no changes now: try again");
    } else {
        log_info("terminal", "terminal=%s was enrolled from %s with %.40s", e->id, e->from,
                 m->software);
        struct station *st = station_get(e->t->serve, e->id);
        if (st)
            enroll_end_sessions(e->t, st, "another key was enrolled for this terminal");
        enrolled(e, until);
    }
}

static void enrolment_free(void *arg)
{
    struct enrolment *e = arg;
    e->t->enrolling--;
    secret_wipe(e->secret, sizeof e->secret);
    secret_wipe(e->in, sizeof e->in);
    free(e);
}

/* The one message of this protocol is small, and whoever sends it is nobody yet. */
static CO_FN int read_message(struct enrolment *e, size_t *ret_head, size_t *ret_len)
{
    int64_t patience = e->t->config->handshake_ms;
    int64_t deadline = flow_deadline_ms(patience < MESSAGE_MS ? patience : MESSAGE_MS);
    size_t have = 0;
    int rc = OC_EBUSY;
    while (rc == OC_EBUSY) {
        size_t got = 0;
        rc = stream_co_read(e->stream, e->in + have, sizeof e->in - have, &got, deadline);
        if (rc != 0)
            return rc;
        have += got;
        rc = frame_peek(e->in, have, ret_head, ret_len);
        if (rc == OC_EBUSY && *ret_len > sizeof e->in - FRAME_HEAD_MAX)
            rc = OC_ELIMIT;
    }
    return rc;
}

/* Told at once and let go: waiting would cost what is short. */
static CO_FN bool too_many(struct enrolment *e)
{
    struct terminals *t = e->t;
    unsigned most = t->connections_max / OF_ALL;
    if (most < 1 || most > AT_ONE_TIME)
        most = most < 1 ? 1 : AT_ONE_TIME;
    if (t->enrolling <= most)
        return false;
    refused(t, e->from, "too many enrolments", "");
    say_error(e, "busy", "too many terminals enrol at one time: try again in a few seconds");
    return true;
}

void enroll_co_serve(struct terminals *t, struct stream *stream, const struct tls_peer *peer,
                     const char *from)
{
    const char *why = "";
    size_t head = 0, len = 0;
    pb_to_switch *m = NULL;
    struct enrolment *e = calloc(1, sizeof *e);
    if (!e)
        return;
    t->enrolling++;
    e->t = t;
    e->stream = stream;
    e->peer = peer;
    e->from = from;
    flow_defer(enrolment_free, e);
    if (too_many(e))
        return;
    int rc = read_message(e, &head, &len);
    if (rc == 0)
        rc = frame_get_to_switch(e->in + head, len, flow_arena(), &m, &why);
    if (rc == 0 && m->message_case == ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_ENROLL)
        enrol(e, m->enroll);
    else if (rc == 0)
        refuse(e, "bad_order", "only Enroll can be said here");
    else if (rc == OC_EPARSE || rc == OC_ELIMIT || rc == OC_ENOTSUP)
        refuse(e, "bad_frame", why && why[0] ? why : "not a message of this protocol");
    else if (rc != OC_ECANCELED)
        refused(t, from, rc == OC_ETIMEDOUT ? "silent" : "closed", "enrolment");
}
