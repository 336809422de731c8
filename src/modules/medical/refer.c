/* Two-way referral (双向转诊) and joint consultation (协同会诊): ServiceRequests between hospitals,
 * in the citizen's records; each step is told to the other side by a message.
 *
 *   refer        referral_answer by the receiving hospital
 *   ────► active ──► accepted ──► arrived ──► returned
 *            ├─────► declined
 *            └─────► revoked (by the referring hospital, also while accepted)
 *
 *   consult      consult_answer by each hospital that was asked
 *   ────► active ──────────────────────────► completed, when all have answered or declined */
#include "medical.h"

#include <stdio.h>
#include <string.h>

/* The parameter, or the document's text where it is longer than a parameter may be. */
static int request_text(const struct onecard_request *req, struct onecard_plan *plan,
                        const char *member, size_t max, const char **ret)
{
    const char *long_one = doc_text(req, req->document, "text");
    const char *text = *long_one ? long_one : param(req, member);
    if (strlen(text) < 2 || strlen(text) > max) {
        return req->host->refuse(plan, OC_R_PARAMETER, "%.16s=… or a document with text, %zu bytes",
                                 member, max);
    }
    *ret = text;
    return 0;
}

/* What is told of a citizen goes to nobody else. */
static int other_hospital(const struct medical *m, const struct onecard_request *req,
                          struct onecard_plan *plan, const char *to)
{
    if (!id_ok(to, HOSPITAL_ID - 1) || strcmp(to, req->terminal.participant) == 0) {
        return req->host->refuse(plan, OC_R_PARAMETER, "to is another hospital's id");
    }
    if (!is_hospital(m, to)) {
        return req->host->refuse(plan, OC_R_PARAMETER, "%.31s is none of the hospitals", to);
    }
    return 0;
}

/* ---- referral ---- */

SERVICE(medical_refer)
{
    const struct medical *m = ctx;
    const struct onecard_host *h = req->host;
    const char *to = param(req, "to"), *direction = param(req, "direction");
    const char *text;
    char id[MEDICAL_ID], key[MEDICAL_KEY];
    int rc = other_hospital(m, req, plan, to);
    rc = rc ? rc : request_text(req, plan, "reason", 1000, &text);
    if (rc) {
        return rc;
    }
    if (strcmp(direction, "up") != 0 && strcmp(direction, "down") != 0) {
        return h->refuse(plan, OC_R_PARAMETER, "direction is up 上转 or down 下转");
    }
    struct onecard_doc *d = doc_new(req, "ServiceRequest");
    own_id(req, req->business_date, "ref", id);
    own_key("ref", id, key);
    h->doc_set_text(d, "id", id);
    h->doc_set_text(d, "category", "referral");
    h->doc_set_text(d, "status", "active");
    h->doc_set_text(d, "direction", direction);
    h->doc_set_text(d, "requester", req->terminal.participant);
    h->doc_set_text(d, "performer", to);
    h->doc_set_text(d, "performerType", param(req, "department"));
    h->doc_set_text(d, "reason", text);
    h->doc_set_int(d, "authoredOn", req->business_date);
    h->plan_note(plan);
    keep_doc(req, plan, key, 0, d);
    audit_add(m, req, plan, "referral", key, "");
    h->plan_message(plan, to, "medical.referral", req->citizen, d);
    h->plan_reply_text(plan, "referral", id);
    h->plan_reply_text(plan, "status", "active");
    return 0;
}

static const struct step {
    const char *from, *to, *by;
} steps[] = {
    {"active", "accepted", "performer"},   {"active", "declined", "performer"},
    {"accepted", "declined", "performer"}, {"accepted", "arrived", "performer"},
    {"arrived", "returned", "performer"},  {"active", "revoked", "requester"},
    {"accepted", "revoked", "requester"},
};

static const struct step *step_to(const struct onecard_request *req, const struct onecard_doc *d,
                                  const char *to)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (doc_is(req, d, "status", steps[i].from) && strcmp(steps[i].to, to) == 0) {
            return &steps[i];
        }
    }
    return NULL;
}

static bool is_state(const char *to)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(steps[i].to, to) == 0) {
            return true;
        }
    }
    return false;
}

/* 0: *ret is the step; 1: it is in that state already. */
static int referral_step(const struct onecard_request *req, struct onecard_plan *plan,
                         const struct onecard_doc *d, const char *to)
{
    const struct onecard_host *h = req->host;
    if (!is_state(to)) {
        return h->refuse(plan, OC_R_PARAMETER,
                         "state is accepted, declined, arrived, returned or revoked");
    }
    const struct step *s = step_to(req, d, to);
    const char *by = strcmp(to, "revoked") == 0 ? "requester" : "performer";
    int rc = only_hospital(req, plan, doc_text(req, d, by));
    if (rc) {
        return rc;
    }
    if (doc_is(req, d, "status", to)) {
        return 1;
    }
    if (!s) {
        return h->refuse(plan, OC_R_WRONG_STATE, "the referral is %.16s",
                         doc_text(req, d, "status"));
    }
    return 0;
}

SERVICE(medical_referral_answer)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const char *id, *to = param(req, "state"), *note = param(req, "note");
    char key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *d = NULL;
    int rc = id_param(req, plan, "referral", &id);
    own_key("ref", rc ? "" : id, key);
    rc = rc ? rc : find_doc(req, plan, key, "this citizen has no such referral", &version, &d);
    rc = rc ? rc : referral_step(req, plan, d, to);
    if (rc) {
        return rc == 1 ? unchanged(req, plan) : rc;
    }
    h->doc_set_text(d, "status", to);
    h->doc_set_int(d, "changed_ms", req->now_ms);
    if (*note) {
        h->doc_set_text(d, "note", note);
    }
    const char *other = strcmp(to, "revoked") == 0 ? "performer" : "requester";
    h->plan_note(plan);
    keep_doc(req, plan, key, version, d);
    h->plan_message(plan, doc_text(req, d, other), "medical.referral_answer", req->citizen, d);
    h->plan_reply_text(plan, "referral", id);
    h->plan_reply_text(plan, "status", to);
    return 0;
}

/* Who is no side of it learns of it from the holder only. */
static struct onecard_doc *referral_shown(const struct medical *m,
                                          const struct onecard_request *req, struct onecard_doc *d)
{
    (void)m;
    const char *here = req->terminal.participant;
    bool side = doc_is(req, d, "requester", here) || doc_is(req, d, "performer", here);
    return side || req->strength >= OC_STRENGTH_CODE ? doc_copy(req, d) : NULL;
}

SERVICE(medical_referrals)
{
    char owner[MEDICAL_OWNER];
    citizen_owner(req, owner);
    return page_docs(ctx, req, plan, owner, "ref/", param(req, "after"), referral_shown,
                     "referrals");
}

/* ---- consultation ---- */

/* The hospitals that are asked, each once, with their answers to come. */
static int performers(const struct medical *m, const struct onecard_request *req,
                      struct onecard_plan *plan, struct onecard_doc *list)
{
    const struct onecard_host *h = req->host;
    const char *at = param(req, "to");
    char to[HOSPITAL_ID];
    while (next_word(&at, to, sizeof(to))) {
        int rc = other_hospital(m, req, plan, to);
        for (size_t i = 0; rc == 0 && i < h->doc_count(list); i++) {
            if (doc_is(req, h->doc_at(list, i, NULL), "actor", to)) {
                return h->refuse(plan, OC_R_PARAMETER, "%.31s is asked twice", to);
            }
        }
        if (rc) {
            return rc;
        }
        struct onecard_doc *p = h->doc_object(req);
        h->doc_set_text(p, "actor", to);
        h->doc_set_text(p, "status", "requested");
        h->doc_set(list, NULL, p);
    }
    size_t n = h->doc_count(list);
    if (!at || n == 0 || n > ONECARD_MESSAGES_MAX) {
        return h->refuse(plan, OC_R_PARAMETER, "to names 1 to %d hospitals", ONECARD_MESSAGES_MAX);
    }
    return 0;
}

/* Reports of this hospital that go along: to=h2 reports=R1,R2. */
static int attach(const struct onecard_request *req, struct onecard_plan *plan,
                  struct onecard_doc *message)
{
    const struct onecard_host *h = req->host;
    const char *at = param(req, "reports");
    char id[33], key[MEDICAL_KEY];
    struct onecard_doc *list = h->doc_array(req), *d = NULL;
    size_t used = 0;
    uint32_t version;
    while (next_word(&at, id, sizeof(id))) {
        ref_key("rep", req->terminal.participant, id, key);
        int rc = find_doc(req, plan, key, "there is no such report of this hospital", &version, &d);
        if (rc) {
            return rc;
        }
        if (!list_add(req, list, &used, doc_copy(req, d), ONECARD_DOC_BYTES / 4)) {
            return h->refuse(plan, OC_R_PARAMETER, "the reports are too long for one request");
        }
    }
    h->doc_set(message, "supportingInfo", list);
    return 0;
}

static void consult_send(const struct onecard_request *req, struct onecard_plan *plan,
                         const struct onecard_doc *asked, const struct onecard_doc *message)
{
    const struct onecard_host *h = req->host;
    for (size_t i = 0; i < h->doc_count(asked); i++) {
        h->plan_message(plan, doc_text(req, h->doc_at(asked, i, NULL), "actor"), "medical.consult",
                        req->citizen, message);
    }
}

SERVICE(medical_consult)
{
    const struct medical *m = ctx;
    const struct onecard_host *h = req->host;
    const char *text;
    char id[MEDICAL_ID], key[MEDICAL_KEY];
    struct onecard_doc *d = doc_new(req, "ServiceRequest"), *asked = h->doc_array(req);
    int rc = performers(m, req, plan, asked);
    rc = rc ? rc : request_text(req, plan, "question", 2000, &text);
    if (rc) {
        return rc;
    }
    own_id(req, req->business_date, "cons", id);
    own_key("cons", id, key);
    h->doc_set_text(d, "id", id);
    h->doc_set_text(d, "category", "consultation");
    h->doc_set_text(d, "status", "active");
    h->doc_set_text(d, "requester", req->terminal.participant);
    h->doc_set_text(d, "reason", text);
    h->doc_set_int(d, "authoredOn", req->business_date);
    struct onecard_doc *message = doc_copy(req, d);
    h->doc_set(d, "performer", asked);
    rc = attach(req, plan, message);
    if (rc) {
        return rc;
    }
    h->plan_note(plan);
    keep_doc(req, plan, key, 0, d);
    audit_add(m, req, plan, "consult", key, "");
    consult_send(req, plan, asked, message);
    h->plan_reply_text(plan, "consult", id);
    h->plan_reply_int(plan, "asked", (int64_t)h->doc_count(asked));
    return 0;
}

static struct onecard_doc *my_part(const struct onecard_request *req, const struct onecard_doc *d,
                                   const char *hospital)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *list = h->doc_get(d, "performer");
    for (size_t i = 0; i < h->doc_count(list); i++) {
        if (doc_is(req, h->doc_at(list, i, NULL), "actor", hospital)) {
            return h->doc_at(list, i, NULL);
        }
    }
    return NULL;
}

static bool all_answered(const struct onecard_request *req, const struct onecard_doc *d)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *list = h->doc_get(d, "performer");
    for (size_t i = 0; i < h->doc_count(list); i++) {
        if (doc_is(req, h->doc_at(list, i, NULL), "status", "requested")) {
            return false;
        }
    }
    return true;
}

static int consult_find(const struct onecard_request *req, struct onecard_plan *plan,
                        char key[MEDICAL_KEY], uint32_t *version, struct onecard_doc **ret,
                        struct onecard_doc **ret_part)
{
    const char *id;
    int rc = id_param(req, plan, "consult", &id);
    own_key("cons", rc ? "" : id, key);
    rc = rc ? rc : find_doc(req, plan, key, "this citizen has no such consultation", version, ret);
    if (rc) {
        return rc;
    }
    *ret_part = my_part(req, *ret, req->terminal.participant);
    if (!*ret_part) {
        return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT, "this hospital was not asked");
    }
    return 0;
}

SERVICE(medical_consult_answer)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    bool declined = strcmp(param(req, "declined"), "yes") == 0;
    const char *text;
    char key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *d = NULL, *mine = NULL;
    int rc = consult_find(req, plan, key, &version, &d, &mine);
    rc = rc ? rc : request_text(req, plan, "answer", 4000, &text);
    if (rc) {
        return rc;
    }
    if (!doc_is(req, mine, "status", "requested")) {
        return doc_is(req, mine, "answer", text)
                   ? unchanged(req, plan)
                   : h->refuse(plan, OC_R_DUPLICATE, "this hospital has answered already");
    }
    h->doc_set_text(mine, "status", declined ? "declined" : "answered");
    h->doc_set_text(mine, "answer", text);
    h->doc_set_int(mine, "at_ms", req->now_ms);
    h->doc_set_text(d, "status", all_answered(req, d) ? "completed" : "active");
    struct onecard_doc *told = doc_copy(req, mine);
    h->doc_set_text(told, "consult", doc_text(req, d, "id"));
    h->plan_note(plan);
    keep_doc(req, plan, key, version, d);
    h->plan_message(plan, doc_text(req, d, "requester"), "medical.consult_answer", req->citizen,
                    told);
    h->plan_reply_text(plan, "consult", doc_text(req, d, "id"));
    h->plan_reply_text(plan, "status", doc_text(req, d, "status"));
    return 0;
}
