/* Enrolling: one conversation with the switch. The token says the id, a secret that works once, and
 * the fingerprint of the authority: the chain that the switch shows must end there before the
 * secret is sent (tls.h, authority_pin). The key never leaves this machine. */
#include "terminal/internal.h"
#include "terminal/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_LEN 26
#define PRINT_LEN  32 /* hexadecimal digits */
#define ANSWER_MS  30000

struct enrol {
    const struct terminal_config *config;
    const char *token;
    char id[TERMINAL_ID];
    uint8_t pin[PRINT_LEN / 2];
    struct identity *identity; /* being made; with a foreign one: the one shown */
    struct x509_bytes csr;
    struct loop *loop;
    struct pool *pool;
    struct buf *out;
    struct buf frame;
    int lock_fd;
};

/* ---- the token ---- */

/* From its end: an id may hold dots. */
static int read_token(struct enrol *e)
{
    size_t len = strlen(e->token), tail = 1 + SECRET_LEN + 1 + PRINT_LEN;
    size_t id = len > tail ? len - tail : 0;
    const char *print = e->token + len - (len < PRINT_LEN ? len : PRINT_LEN);
    if (id == 0 || id >= sizeof e->id || e->token[id] != '.' ||
        e->token[id + 1 + SECRET_LEN] != '.' || hex_decode(print, e->pin, sizeof e->pin) != 0) {
        buf_puts(e->out, "the token must be ID.SECRET.FINGERPRINT, whole, as `onecardctl terminal "
                         "enroll` printed it\n");
        return OC_EINVAL;
    }
    memcpy(e->id, e->token, id);
    e->id[id] = '\0';
    return 0;
}

/* ---- the conversation ---- */

static CO_FN int dial(struct enrol *e, struct tls_ctx *ctx, const char *address,
                      int64_t deadline_ns, struct stream **ret)
{
    char host[HOST_MAX];
    struct resolved found;
    struct tls_failure failure = {.why = NULL};
    int port = 0;
    int rc = address_split(address, false, host, &port);
    if (rc == 0)
        rc = resolve_co(e->pool, host, deadline_ns, &found);
    for (unsigned i = 0; rc == 0 && i < found.count; i++) {
        struct stream *raw = NULL;
        int64_t until = resolved_share_ns(&found, i, loop_now_ns(flow_loop()), deadline_ns);
        rc = sock_co_connect_tcp(found.items[i], port, until, &raw);
        if (rc == 0) {
            rc = tls_co_connect(ctx, e->pool, raw, e->config->sw.name ? e->config->sw.name : host,
                                NULL, deadline_ns, ret, NULL, &failure);
            break;
        }
        if (i + 1 < found.count)
            rc = 0;
    }
    if (rc != 0)
        buf_printf(e->out, "%s: %s\n", address, failure.why ? failure.why : oc_strerror(rc));
    return rc;
}

static void put_enroll(struct enrol *e, struct arena *arena, struct buf *out)
{
    static char software[] = SOFTWARE;
    pb_enroll m = ONECARD__TERMINAL__V1__ENROLL__INIT;
    pb_to_switch to = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
    m.token = arena_strdup(arena, e->token);
    m.csr.data = e->csr.data;
    m.csr.len = e->csr.len;
    m.software = software;
    to.message_case = (int)TO_SWITCH_ENROLL;
    to.enroll = &m;
    if (!m.token)
        out->err = OC_ENOMEM;
    else
        frame_put_to_switch(out, &to);
}

static CO_FN int read_frame(struct stream *s, struct buf *in, int64_t deadline_ns,
                            struct arena *arena, pb_to_terminal **ret)
{
    size_t head = 0, len = 0, got = 0;
    uint8_t *step = arena_alloc(arena, 4096);
    int rc = step ? OC_EBUSY : OC_ENOMEM;
    while (rc == OC_EBUSY) {
        rc = stream_co_read(s, step, 4096, &got, deadline_ns);
        if (rc == 0) {
            buf_put(in, step, got);
            rc = in->err != 0 ? in->err : frame_peek(in->data, in->len, &head, &len);
        }
    }
    return rc != 0 ? rc : frame_get_to_terminal(in->data + head, len, arena, ret, NULL);
}

static int copy_der(const ProtobufCBinaryData *from, struct x509_bytes *to)
{
    if (from->len == 0 || from->len > sizeof to->data)
        return OC_EPARSE;
    memcpy(to->data, from->data, from->len);
    to->len = from->len;
    return 0;
}

/* What came must fit what was asked: our id, our key, the authority of the token. */
static int take(struct enrol *e, const pb_enrolled *m)
{
    struct identity *id = e->identity;
    struct x509_info authority;
    uint8_t pin[X509_PIN_LEN], print[32];
    int rc = copy_der(&m->authority, &id->authority);
    if (rc == 0)
        rc = x509_read(id->authority.data, id->authority.len, &authority);
    if (rc == 0)
        rc = hex_decode(authority.fingerprint, print, sizeof print);
    if (rc == 0 && memcmp(print, e->pin, sizeof e->pin) != 0)
        rc = OC_EPERM;
    if (rc == 0 && !id->foreign)
        rc = copy_der(&m->certificate, &id->certificate);
    if (rc == 0 && !id->foreign)
        rc = x509_read(id->certificate.data, id->certificate.len, &id->info);
    if (rc == 0 && !id->foreign)
        rc = x509_request_check(e->csr.data, e->csr.len, pin);
    if (rc == 0 && !id->foreign && memcmp(pin, id->info.pin, sizeof pin) != 0)
        rc = OC_EPERM;
    if (rc == 0 && (strcmp(m->terminal, e->id) != 0 || strcmp(id->info.name, e->id) != 0))
        rc = OC_EPERM;
    if (rc != 0)
        buf_puts(e->out,
                 "the switch's answer does not fit the token or our key: nothing was kept\n");
    return rc;
}

static CO_FN int converse(struct enrol *e, struct stream *s, int64_t deadline_ns)
{
    struct arena *arena = flow_arena();
    pb_to_terminal *m = NULL;
    struct buf out;
    buf_init(&out, FRAME_MAX + FRAME_HEAD_MAX);
    put_enroll(e, arena, &out);
    int rc = out.err != 0 ? out.err : stream_co_write(s, out.data, out.len, deadline_ns);
    if (out.data)
        secret_wipe(out.data, out.len); /* the token */
    buf_fini(&out);
    if (rc == 0)
        rc = read_frame(s, &e->frame, deadline_ns, arena, &m);
    if (rc != 0) {
        buf_printf(e->out, "no answer from the switch: %s\n", oc_strerror(rc));
        return rc;
    }
    if (m->message_case == (int)TO_TERMINAL_ENROLLED)
        return take(e, m->enrolled);
    if (m->message_case == (int)TO_TERMINAL_ERROR)
        buf_printf(e->out, "refused by the switch: %.40s: %.200s\n", m->error->code,
                   m->error->message);
    else
        buf_puts(e->out, "the switch answered something else\n");
    return OC_EPERM;
}

static int new_ctx(struct enrol *e, struct tls_ctx **ret)
{
    static const char *const alpn[] = {"onecard-enroll/1", NULL};
    struct tls_opts o = {.authority_pin = e->pin, .authority_pin_len = sizeof e->pin, .alpn = alpn};
    if (e->identity->foreign) {
        o.certificate =
            (struct tls_blob){e->identity->certificate.data, e->identity->certificate.len};
        o.key = (struct tls_blob){e->identity->key.data, e->identity->key.len};
    }
    return tls_ctx_new(&o, ret);
}

static int enrol_flow(void *arg) CO_FN;
static int enrol_flow(void *arg)
{
    struct enrol *e = arg;
    struct tls_ctx *ctx = NULL;
    struct stream *s = NULL;
    int rc = new_ctx(e, &ctx);
    if (rc != 0)
        return rc;
    rc = OC_ENOENT;
    for (size_t i = 0; rc != 0 && i < e->config->sw.addresses.count; i++)
        rc = dial(e, ctx, e->config->sw.addresses.items[i],
                  flow_deadline_ms(e->config->sw.connect_ms), &s);
    if (rc == 0)
        rc = converse(e, s, flow_deadline_ms(ANSWER_MS));
    stream_close(&s);
    tls_ctx_put(&ctx);
    return rc;
}

/* ---- round it ---- */

static WORKER_FN int prepare(struct enrol *e, bool again)
{
    const struct terminal_config *c = e->config;
    struct identity *old = NULL;
    int rc = state_folder(c->state);
    if (rc == 0 && c->identity.certificate)
        return identity_load_foreign(&c->identity, &e->identity);
    if (rc == 0)
        rc = state_lock(c->state, &e->lock_fd);
    if (rc == 0 && !again && identity_load(c->state, IDENTITY_FILE, &old) != OC_ENOENT) {
        buf_printf(e->out, "%s has an identity already: say --again to replace it\n", c->state);
        rc = OC_EEXIST;
    }
    identity_free(&old);
    if (rc == 0) {
        e->identity = identity_new();
        rc = e->identity ? x509_key_new(&e->identity->key) : OC_ENOMEM;
    }
    return rc != 0 ? rc : x509_request_new(&e->identity->key, e->id, &e->csr);
}

static WORKER_FN int keep(struct enrol *e)
{
    char until[20];
    if (!e->identity->foreign) {
        identity_drop_next(e->config->state);
        int rc = identity_save(e->identity, e->config->state, IDENTITY_FILE);
        if (rc != 0)
            return rc;
    }
    buf_printf(e->out, "enrolled: terminal %s, certificate until %s UTC\n", e->id,
               city_text(e->identity->info.not_after_ms, 0, until));
    return 0;
}

static WORKER_FN int talk(struct enrol *e)
{
    int rc = loop_new(&e->loop, NULL);
    if (rc == 0)
        rc = pool_new(&e->pool, "enroll", 1, 8, NULL, NULL);
    if (rc == 0)
        rc = loop_run_flow(e->loop, "enroll", enrol_flow, e);
    pool_free(&e->pool);
    loop_free(&e->loop);
    return rc;
}

int terminal_enroll(const char *file, const char *token, bool again, struct buf *out)
{
    struct conf_snapshot *s = NULL;
    struct conf_errors errors;
    struct enrol *e = calloc(1, sizeof *e);
    if (!e)
        return OC_ENOMEM;
    e->token = token;
    e->out = out;
    e->lock_fd = -1;
    buf_init(&e->frame, FRAME_MAX + FRAME_HEAD_MAX + 4096);
    conf_errors_init(&errors);
    int rc = conf_snapshot_open(file, terminal_config_schema(), &errors, &s);
    conf_errors_print(&errors, out);
    conf_errors_fini(&errors);
    if (rc == 0) {
        e->config = conf_snapshot_value(s);
        rc = read_token(e);
    }
    if (rc == 0)
        rc = prepare(e, again);
    if (rc == 0)
        rc = talk(e);
    if (rc == 0)
        rc = keep(e);
    identity_free(&e->identity);
    buf_fini(&e->frame);
    if (e->lock_fd >= 0)
        (void)close(e->lock_fd);
    conf_snapshot_put(&s);
    free(e);
    return rc;
}
