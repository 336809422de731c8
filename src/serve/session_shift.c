/* What a terminal says beside its requests: that it lives, who works at it, and that its
 * certificate grows old. */
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOTALS_MAX 64

bool shift_person_ok(const char *person)
{
    size_t len = strlen(person);
    if (len == 0 || len > 24)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = person[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && !strchr("._-", c))
            return false;
    }
    return true;
}

void shift_on_heartbeat(struct session *se, const pb_heartbeat *m)
{
    pb_heartbeat_ack a = ONECARD__TERMINAL__V1__HEARTBEAT_ACK__INIT;
    pb_to_terminal out = TO_TERMINAL_INIT;
    if (m->mono_ms > (UINT64_C(1) << 53)) {
        session_end(se, "bad_frame", "mono_ms makes no sense");
        return;
    }
    session_clock(se, m->mono_ms);
    a.mono_ms = m->mono_ms;
    a.wall_ms = serve_now_ms(se->t->serve);
    a.offset_ms = se->wall_off_ms;
    out.message_case = SAYS(HEARTBEAT_ACK);
    out.heartbeat_ack = &a;
    session_put(se, &out);
}

/* ---- shifts ---- */

/* A row that says who, where and what (R20). */
static CO_FN int event(struct session *se, const char *kind, const char *person, const char *more)
{
    struct ledger_op *op = calloc(1, sizeof *op);
    if (!op)
        return OC_ENOMEM;
    op->type = LOP_EVENT;
    (void)snprintf(op->who, sizeof op->who, "clerk:%.25s", person);
    memcpy(op->event.terminal, se->station->row.t.id, sizeof op->event.terminal);
    (void)snprintf(op->event.item.kind, sizeof op->event.item.kind, "%s", kind);
    (void)snprintf(op->event.item.text, sizeof op->event.item.text, "{\"person\":\"%s\"%s%s}",
                   person, more[0] != '\0' ? "," : "", more);
    int rc = ledger_co_submit(se->t->serve->ledger, op);
    free(op);
    return rc;
}

static CO_FN int first_request(struct session *se, uint64_t *ret)
{
    struct terminal_row *row = malloc(sizeof *row);
    int rc = row ? ledger_co_terminal(se->t->serve->ledger, se->station->row.t.id, row) : OC_ENOMEM;
    if (rc == 0)
        *ret = row->next_request > 0 ? (uint64_t)row->next_request : 1;
    free(row);
    return rc;
}

void shift_co_on_sign_on(struct session *se, const pb_sign_on *m)
{
    pb_signed_on r = ONECARD__TERMINAL__V1__SIGNED_ON__INIT;
    pb_to_terminal out = TO_TERMINAL_INIT;
    struct serve *s = se->t->serve;
    uint64_t first = 0;
    if (!shift_person_ok(m->person)) {
        session_error(se, "bad_frame", "\"person\" has up to 24 letters, digits, '.', '_', '-'", 0);
        return;
    }
    int rc = first_request(se, &first);
    if (rc == 0)
        rc = event(se, "sign_on", m->person, "");
    if (rc != 0) {
        session_error(se, "internal", "the ledger takes no changes now: try again", 0);
        return;
    }
    (void)snprintf(se->person, sizeof se->person, "%s", m->person);
    r.person = se->person;
    r.first_request = first;
    r.business_date = city_date(serve_now_ms(s), s->env.city_offset_min);
    out.message_case = SAYS(SIGNED_ON);
    out.signed_on = &r;
    session_put(se, &out);
}

struct closing {
    struct terminal_total ours[TOTALS_MAX];
    pb_total totals[TOTALS_MAX], *order[TOTALS_MAX];
    unsigned count, posted, open;
    bool agrees;
};

static const pb_total *theirs(const pb_sign_off *m, const char *service)
{
    for (size_t i = 0; i < m->n_totals; i++)
        if (strcmp(m->totals[i]->service, service) == 0)
            return m->totals[i];
    return NULL;
}

/* Their totals are ours, service by service, and they have none that we have not. */
static void compare(struct closing *c, const pb_sign_off *m)
{
    c->agrees = true;
    for (unsigned i = 0; i < c->count; i++) {
        struct terminal_total *o = &c->ours[i];
        const pb_total *t = theirs(m, o->service);
        c->open += o->open;
        if ((t ? t->count : 0) != o->posted || (t ? t->amount_fen : 0) != o->amount)
            c->agrees = false;
        if (o->posted == 0)
            continue;
        pb_total *p = c->order[c->posted] = &c->totals[c->posted];
        c->posted++;
        onecard__terminal__v1__total__init(p);
        p->service = o->service;
        p->count = o->posted;
        p->amount_fen = o->amount;
    }
    for (size_t i = 0; i < m->n_totals; i++) {
        bool ours = m->totals[i]->count == 0 && m->totals[i]->amount_fen == 0;
        for (unsigned k = 0; k < c->count && !ours; k++)
            ours = strcmp(c->ours[k].service, m->totals[i]->service) == 0;
        c->agrees = c->agrees && ours;
    }
}

static void put_signed_off(struct session *se, const pb_sign_off *m, struct closing *c)
{
    pb_signed_off r = ONECARD__TERMINAL__V1__SIGNED_OFF__INIT;
    pb_to_terminal out = TO_TERMINAL_INIT;
    r.person = m->person;
    r.n_totals = c->posted;
    r.totals = c->order;
    r.agrees = c->agrees;
    r.text_en = pb_text(c->agrees ? "the shift's totals agree"
                                  : "the totals differ from the ledger's: the ledger's count");
    r.text_zh = pb_text(c->agrees ? "班结相符" : "班结不符，以账本为准");
    r.open = c->open;
    out.message_case = SAYS(SIGNED_OFF);
    out.signed_off = &r;
    session_put(se, &out);
}

void shift_co_on_sign_off(struct session *se, const pb_sign_off *m)
{
    struct serve *s = se->t->serve;
    char more[96];
    if (!shift_person_ok(m->person)) {
        session_error(se, "bad_frame", "\"person\" has up to 24 letters, digits, '.', '_', '-'", 0);
        return;
    }
    struct closing *c = calloc(1, sizeof *c);
    int rc = c ? 0 : OC_ENOMEM;
    if (rc == 0 && m->first_request > 0 && m->last_request >= m->first_request &&
        m->last_request <= INT64_MAX)
        rc = ledger_co_terminal_totals(s->ledger, se->station->row.t.id, (int64_t)m->first_request,
                                       (int64_t)m->last_request, c->ours, TOTALS_MAX, &c->count);
    if (rc == 0) {
        compare(c, m);
        (void)snprintf(more, sizeof more, "\"first\":%llu,\"last\":%llu,\"agrees\":%s",
                       (unsigned long long)m->first_request, (unsigned long long)m->last_request,
                       c->agrees ? "true" : "false");
        rc = event(se, "sign_off", m->person, more);
    }
    if (rc == 0) {
        se->person[0] = '\0';
        put_signed_off(se, m, c);
    } else {
        session_error(se, "internal",
                      rc == OC_ELIMIT ? "too many requests for one shift"
                                      : "the ledger cannot answer now: try again",
                      0);
    }
    free(c);
}

/* ---- renewal ---- */

static CO_FN int renew(struct session *se, const pb_renew *m, struct x509_bytes *cert,
                       struct ledger_op *op)
{
    struct terminals *t = se->t;
    struct op_terminal_key *k = &op->terminal_key;
    struct x509_info info;
    if (t->external.len > 0)
        return OC_ENOTSUP;
    int rc = x509_request_check(m->csr.data, m->csr.len, k->next_pin);
    if (rc == 0)
        rc = authority_issue(t, m->csr.data, m->csr.len, se->station->row.t.id, cert);
    if (rc == 0)
        rc = x509_read(cert->data, cert->len, &info);
    if (rc != 0)
        return rc;
    op->type = LOP_TERMINAL_KEY;
    (void)snprintf(op->who, sizeof op->who, "onecardd");
    memcpy(k->terminal, se->station->row.t.id, sizeof k->terminal);
    k->action = TERMINAL_KEY_RENEW;
    memcpy(k->pin, se->pin, sizeof k->pin);
    k->not_after_ms = info.not_after_ms;
    return ledger_co_submit(t->serve->ledger, op);
}

void shift_co_on_renew(struct session *se, const pb_renew *m)
{
    pb_renewed r = ONECARD__TERMINAL__V1__RENEWED__INIT;
    pb_to_terminal out = TO_TERMINAL_INIT;
    struct x509_bytes *cert = calloc(1, sizeof *cert);
    struct ledger_op *op = calloc(1, sizeof *op);
    int rc = cert && op ? renew(se, m, cert, op) : OC_ENOMEM;
    if (rc == 0) {
        r.certificate = (ProtobufCBinaryData){cert->len, cert->data};
        r.certificate_until_ms = op->terminal_key.not_after_ms;
        out.message_case = SAYS(RENEWED);
        out.renewed = &r;
        session_put(se, &out);
        log_info("terminal", "terminal=%s renewed its certificate", se->station->row.t.id);
    } else {
        log_warn("terminal", "terminal=%s its certificate was not renewed: %s",
                 se->station->row.t.id, oc_strerror(rc));
        session_error(se, "renew_refused",
                      rc == OC_ENOTSUP && se->t->external.len > 0
                          ? "this site's terminals have certificates of the city's own authority"
                      : rc == OC_EPARSE || rc == OC_ENOTSUP ? "the request is not good"
                                                            : "not now: try again",
                      0);
    }
    free(op);
    free(cert);
}
