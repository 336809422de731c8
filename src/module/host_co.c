/* The host's co_ functions: each asks the table of facts, and does not count the wait as the
 * module's. An error of a fact that the module gives back is not the module's failure. */
#include "module/host_table.h"
#include "module/internal.h"

#include "flow/flow.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct decide_facts no_facts;

int host_co_begin(struct decision *d)
{
    if (service_needs(d->service) & OC_BLOCKING) {
        return OC_ENOTSUP;
    }
    decision_pause(d);
    return 0;
}

int host_co_end(struct decision *d, int rc, int expected)
{
    decision_resume(d);
    if (rc < 0 && rc != expected) {
        d->co_err = rc;
        d->refused = OC_R_NONE;
    }
    return rc;
}

static const struct decide_facts *facts_of(const struct decision *d)
{
    return d->facts ? d->facts : &no_facts;
}

static const char *scope_of(const struct decision *d)
{
    return d->service->module->abi->name;
}

int host_co_take(struct decision *d, const struct fact_text *t, struct onecard_doc **ret)
{
    const char *why = "";
    struct onecard_doc *doc = t->json ? doc_read(d->arena, t->json, t->len, &why) : NULL;
    if (!doc) {
        log_error("module", "%s was given no document: %s", d->service->abi->name, why);
        d->co_err = OC_EPARSE;
        d->refused = OC_R_NONE;
        return OC_EPARSE;
    }
    *ret = doc;
    return 0;
}

int host_co_next_doc(const struct onecard_request *req, const char *owner, const char *prefix,
                     char key[40], uint32_t *ret_version, struct onecard_doc **ret_doc)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    struct fact_text t = {0};
    int rc = owner && key ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_next_doc ? f->co_next_doc(d->facts_arg, scope_of(d), owner, prefix ? prefix : "",
                                         key, ret_version, &t)
                        : OC_ENOENT;
    rc = host_co_end(d, rc, OC_ENOENT);
    return rc == 0 ? host_co_take(d, &t, ret_doc) : rc;
}

/* ---- institutions ---------------------------------------------------------------------------- */

/* What is to be told where the module only passes the failure on. */
static void note_call(struct decision *d, int rc, const char *participant, const char *why)
{
    d->co_err = rc;
    d->refused = rc == OC_ECANCELED ? OC_R_NONE : OC_R_UPSTREAM_AWAY;
    if (rc == OC_EREFUSED) {
        d->refused = OC_R_UPSTREAM_REFUSED;
        snprintf(d->detail, sizeof(d->detail), "%.31s: %.60s", participant, why ? why : "refused");
    } else {
        snprintf(d->detail, sizeof(d->detail), "%.31s: %s", participant,
                 rc == OC_ENOENT ? "there is no route to it" : oc_strerror(rc));
    }
    text_trim_utf8(d->detail);
}

int host_co_call(const struct onecard_request *req, const char *participant, const char *kind,
                 const struct onecard_doc *doc, struct onecard_doc **ret_answer)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    struct fact_text q = {"{}", 2}, t = {0};
    if (!participant || !kind || !ret_answer) {
        return OC_EINVAL;
    }
    if (doc) {
        q.json = doc_text(doc, d->arena, ONECARD_DOC_BYTES, &q.len);
    }
    int rc = q.json ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_call ? f->co_call(d->facts_arg, participant, kind, &q, &t) : OC_ENOENT;
    rc = host_co_end(d, rc, 0);
    struct onecard_doc *answer = NULL;
    if (t.json && (rc == 0 || rc == OC_EREFUSED)) {
        answer = doc_read(d->arena, t.json, t.len, NULL);
    }
    if (rc == 0 && !answer) {
        rc = OC_EIO; /* it said something that is no document: as if it had said nothing */
    }
    if (answer) {
        *ret_answer = answer;
    }
    if (rc) {
        const char *why = doc_as_text(doc_get(answer, "detail"));
        note_call(d, rc, participant, why ? why : doc_as_text(doc_get(answer, "reason")));
    }
    return rc;
}

/* ---- the ledger ------------------------------------------------------------------------------ */

int host_co_holder(const struct onecard_request *req, const char *number, char ret_citizen[32])
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    int rc = number ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_holder ? f->co_holder(d->facts_arg, number, ret_citizen) : OC_ENOENT;
    return host_co_end(d, rc, OC_ENOENT);
}

int host_co_citizen(const struct onecard_request *req, const char *citizen)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    int rc = citizen ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_citizen && *citizen ? f->co_citizen(d->facts_arg, citizen) : OC_ENOENT;
    return host_co_end(d, rc, OC_ENOENT);
}

int host_co_person(const struct onecard_request *req, const char *citizen,
                   struct onecard_doc **ret_person)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    struct fact_text t = {0};
    if (!(service_needs(d->service) & OC_SEES_PERSON)) {
        log_error("module", "%s asks for personal data and lacks OC_SEES_PERSON",
                  d->service->abi->name);
        return OC_EPERM;
    }
    int rc = citizen && ret_person ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_person ? f->co_person(d->facts_arg, d->service->abi->name, citizen, &t) : OC_ENOENT;
    rc = host_co_end(d, rc, OC_ENOENT);
    return rc == 0 ? host_co_take(d, &t, ret_person) : rc;
}

int host_co_slot(const struct onecard_request *req, const char *app, struct onecard_doc **ret_slot)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    struct fact_text t = {0};
    int rc = app && ret_slot ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_slot ? f->co_slot(d->facts_arg, req->citizen, app, &t) : OC_ENOENT;
    if (rc == OC_EPROFILE) {
        log_warn("module", "%s asks for slot \"%.15s\", which cards of this profile do not have",
                 d->service->abi->name, app);
    }
    rc = host_co_end(d, rc, rc == OC_EPROFILE ? OC_EPROFILE : OC_ENOENT);
    return rc == 0 ? host_co_take(d, &t, ret_slot) : rc;
}

int host_co_totals(const struct onecard_request *req, const char *terminal, int64_t first,
                   struct onecard_doc **ret_totals)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    struct fact_text t = {0};
    int rc = terminal && ret_totals ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_totals ? f->co_totals(d->facts_arg, terminal, first, &t) : OC_ENOENT;
    rc = host_co_end(d, rc, OC_ENOENT);
    return rc == 0 ? host_co_take(d, &t, ret_totals) : rc;
}

#define HISTORY_MAX 50

int host_co_history(const struct onecard_request *req, unsigned count,
                    struct onecard_doc **ret_rows)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    struct fact_text t = {"[]", 2};
    int rc = ret_rows ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_history ? f->co_history(d->facts_arg, count < HISTORY_MAX ? count : HISTORY_MAX, &t)
                       : 0;
    rc = host_co_end(d, rc, 0);
    return rc == 0 ? host_co_take(d, &t, ret_rows) : rc;
}

int host_co_txn(const struct onecard_request *req, const char *txn, struct onecard_doc **ret_txn)
{
    struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    struct fact_text t = {0};
    int rc = txn && ret_txn ? host_co_begin(d) : OC_EINVAL;
    if (rc) {
        return rc;
    }
    rc = f->co_txn ? f->co_txn(d->facts_arg, txn, &t) : OC_ENOENT;
    rc = host_co_end(d, rc, OC_ENOENT);
    return rc == 0 ? host_co_take(d, &t, ret_txn) : rc;
}

/* ---- the chip -------------------------------------------------------------------------------- */

static const char *journey(const struct onecard_request *req, const char *field)
{
    const struct decision *d = decision_of(req);
    const struct decide_facts *f = facts_of(d);
    bool may = field && f->journey && (service_needs(d->service) & OC_NEEDS_JOURNEY);
    return may ? f->journey(d->facts_arg, field) : NULL;
}

int host_journey_text(const struct onecard_request *req, const char *field, char *ret_text,
                      size_t cap)
{
    const char *text = journey(req, field);
    if (!text) {
        return OC_ENOENT;
    }
    if (strlen(text) >= cap) {
        return OC_ELIMIT;
    }
    memcpy(ret_text, text, strlen(text) + 1);
    return 0;
}

int host_journey_int(const struct onecard_request *req, const char *field, int64_t *ret_value)
{
    const char *text = journey(req, field);
    if (!text) {
        return OC_ENOENT;
    }
    char *rest;
    long long n = strtoll(text, &rest, 10);
    if (rest == text || *rest || n == LLONG_MAX || n == LLONG_MIN) {
        return OC_EINVAL;
    }
    *ret_value = n;
    return 0;
}
