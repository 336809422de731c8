/* Whoever looks at a medical document leaves an AuditEvent in the citizen's own records, written
 * before anything is shown: the request that opens is a transaction, medical.read shows what it
 * opened, at that participant's terminals and for some minutes only. So contents never stand in a
 * transaction, and nothing is read that the citizen cannot see was read. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

static struct onecard_doc *event_of(const struct medical *m, const struct onecard_request *req,
                                    const char *what, const char *entity, const char *emergency)
{
    static const char *const strengths[] = {"none", "number", "code", "chip", "pin"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *e = doc_new(req, "AuditEvent");
    unsigned strength = (unsigned)req->strength < 5 ? (unsigned)req->strength : 0;
    h->doc_set_text(e, "what", what);
    h->doc_set_text(e, "entity", entity);
    h->doc_set_text(e, "participant", req->terminal.participant);
    h->doc_set_text(e, "terminal", req->terminal.id);
    h->doc_set_text(e, "who", req->who ? req->who : "");
    h->doc_set_text(e, "strength", strengths[strength]);
    h->doc_set_int(e, "at_ms", req->now_ms);
    h->doc_set_int(e, "until_ms", req->now_ms + m->access_minutes * 60000);
    if (*emergency) {
        h->doc_set_text(e, "emergency", emergency);
    }
    return e;
}

void audit_add(const struct medical *m, const struct onecard_request *req,
               struct onecard_plan *plan, const char *what, const char *entity,
               const char *emergency)
{
    const struct onecard_host *h = req->host;
    char id[MEDICAL_ID], key[MEDICAL_KEY], text[160];
    struct onecard_doc *e = event_of(m, req, what, entity, emergency);
    own_id(req, req->business_date, what, id);
    own_key("acc", id, key);
    h->doc_set_text(e, "id", id);
    if (*param(req, "check")) {
        h->doc_set_text(e, "check", param(req, "check"));
    }
    keep_doc(req, plan, key, 0, e);
    if (*emergency) { /* why stands in the citizen's record: it may say something of health */
        snprintf(text, sizeof(text), "%.31s at %.31s opened %.16s of %.31s: %s",
                 req->who ? req->who : "", req->terminal.participant, what, req->citizen, id);
        h->plan_event(plan, "emergency_access", text);
    }
    h->plan_reply_text(plan, "access", id);
    h->plan_reply_int(plan, "until_ms", req->now_ms + m->access_minutes * 60000);
}

/* ---- opening ---- */

struct what {
    const char *name;
    audit_reader *read;
};
static const struct what whats[] = {
    {"report", read_report},
    {"reports", read_reports},
    {"medication", read_medication},
};

/* A report is named by its hospital and that hospital's number. *ret: its key in the records. */
static int report_entity(const struct onecard_request *req, struct onecard_plan *plan,
                         char ret[MEDICAL_KEY])
{
    const char *hospital, *id;
    uint32_t version;
    struct onecard_doc *d = NULL;
    int rc = hospital_of(req, plan, &hospital);
    rc = rc ? rc : id_param(req, plan, "report", &id);
    if (rc) {
        return rc;
    }
    ref_key("rep", hospital, id, ret);
    return find_doc(req, plan, ret, "this citizen has no such report there", &version, &d);
}

static int open_what(const struct medical *m, const struct onecard_request *req,
                     struct onecard_plan *plan, const char *what, const char *emergency)
{
    char entity[MEDICAL_KEY] = "";
    int rc = strcmp(what, "report") == 0 ? report_entity(req, plan, entity) : 0;
    if (rc) {
        return rc;
    }
    req->host->plan_note(plan);
    audit_add(m, req, plan, what, entity, emergency);
    req->host->plan_reply_text(plan, "citizen", req->citizen);
    return 0;
}

SERVICE(medical_report)
{
    return open_what(ctx, req, plan, "report", "");
}

SERVICE(medical_reports)
{
    return open_what(ctx, req, plan, "reports", "");
}

SERVICE(medical_medication)
{
    return open_what(ctx, req, plan, "medication", "");
}

SERVICE(medical_emergency)
{
    const char *reason = param(req, "reason");
    const char *what = *param(req, "what") ? param(req, "what") : "reports";
    if (strlen(reason) < 4) {
        return req->host->refuse(plan, OC_R_NO_CONSENT, "write down the emergency: reason=…");
    }
    for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
        if (strcmp(whats[i].name, what) == 0) {
            return open_what(ctx, req, plan, what, reason);
        }
    }
    return req->host->refuse(plan, OC_R_PARAMETER, "what is report, reports or medication");
}

/* ---- reading ---- */

static int may_read(const struct onecard_request *req, struct onecard_plan *plan,
                    const struct onecard_doc *e)
{
    const struct onecard_host *h = req->host;
    if (!doc_is(req, e, "participant", req->terminal.participant)) {
        return h->refuse(plan, OC_R_NO_CONSENT, "it was opened for another institution");
    }
    if (req->now_ms > doc_int(req, e, "until_ms")) {
        return h->refuse(plan, OC_R_NO_CONSENT, "the time to read is over: open it again");
    }
    return 0;
}

SERVICE(medical_read)
{
    const char *id;
    char key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *e = NULL;
    int rc = id_param(req, plan, "access", &id);
    own_key("acc", rc ? "" : id, key);
    rc = rc ? rc : find_doc(req, plan, key, "nothing was opened under that number", &version, &e);
    rc = rc ? rc : may_read(req, plan, e);
    for (size_t i = 0; rc == 0 && i < sizeof(whats) / sizeof(whats[0]); i++) {
        if (doc_is(req, e, "what", whats[i].name)) {
            return whats[i].read(ctx, req, plan, e);
        }
    }
    return rc ? rc : req->host->refuse(plan, OC_R_WRONG_STATE, "it was shared, not opened");
}

SERVICE(medical_access_log)
{
    char owner[MEDICAL_OWNER];
    citizen_owner(req, owner);
    return page_docs(ctx, req, plan, owner, "acc/", param(req, "after"), NULL, "accesses");
}
