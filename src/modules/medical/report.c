/* Reports of examinations (DiagnosticReport): pushed by the hospital that made them, read as
 * audit.c says. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

#define RESULTS_MAX 100

static const struct field head[] = {
    {"id", F_ID, true, 1, 32, NULL},
    {"status", F_WORD, true, 0, 0, "preliminary final amended cancelled"},
    {"date", F_DATE, true, 0, 0, NULL},
    {"category", F_WORD, true, 0, 0, "LAB RAD PAT CUS OTH"},
    {"code", F_ID, true, 1, 24, NULL},
    {"display", F_TEXT, true, 1, 96, NULL},
    {"performer", F_TEXT, false, 1, 64, NULL},
    {"conclusion", F_TEXT, false, 1, 1500, NULL},
    {"imagingStudy", F_TEXT, false, 1, 200, NULL},
};
static const struct field result_fields[] = {
    {"code", F_ID, true, 1, 24, NULL},
    {"display", F_TEXT, true, 1, 64, NULL},
    {"value", F_TEXT, true, 1, 64, NULL},
    {"unit", F_TEXT, false, 1, 24, NULL},
    {"referenceRange", F_TEXT, false, 1, 48, NULL},
    {"interpretation", F_WORD, false, 0, 0, "N H L HH LL A"},
};

SERVICE(medical_report_put)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = doc_new(req, "DiagnosticReport"), *old = NULL;
    char key[MEDICAL_KEY];
    uint32_t version;
    h->doc_set_text(d, "hospital", req->terminal.participant);
    int rc = pusher_ok(ctx, req, plan);
    rc =
        rc ? rc : shape_copy(req, plan, req->document, d, head, sizeof(head) / sizeof(head[0]), "");
    rc = rc ? rc
            : shape_copy_list(req, plan, "result", result_fields,
                              sizeof(result_fields) / sizeof(result_fields[0]), RESULTS_MAX, d);
    if (rc) {
        return rc;
    }
    rc = pushed_place(req, plan, "rep", d, key, &version, &old);
    if (rc) {
        return rc;
    }
    if (old && same_content(req, old, d)) {
        return unchanged(req, plan);
    }
    h->doc_set_int(d, "received_ms", req->now_ms);
    h->doc_set_int(d, "revision", old ? doc_int(req, old, "revision") + 1 : 1);
    h->plan_note(plan);
    keep_doc(req, plan, key, version, d);
    h->plan_reply_text(plan, "report", doc_text(req, d, "id"));
    h->plan_reply_int(plan, "revision", doc_int(req, d, "revision"));
    return 0;
}

/* ---- reading ---- */

static void add_recognition(const struct medical *m, const struct onecard_request *req,
                            const struct onecard_doc *report, struct onecard_doc *to)
{
    const struct onecard_host *h = req->host;
    const char *rule = h->conf_map(m->conf, "recognition", doc_text(req, report, "code"));
    struct recognition r =
        recognise(rule, (int32_t)doc_int(req, report, "date"), doc_text(req, report, "hospital"),
                  req->terminal.participant, req->business_date);
    bool final = doc_is(req, report, "status", "final") || doc_is(req, report, "status", "amended");
    h->doc_set_bool(to, "recognised", r.yes && final);
    if (r.yes && final) {
        h->doc_set_int(to, "recognised_until", r.until);
    } else {
        h->doc_set_text(to, "not_recognised", r.yes ? "not final" : r.why);
    }
}

int read_report(const struct medical *m, const struct onecard_request *req,
                struct onecard_plan *plan, const struct onecard_doc *event)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = NULL, *list = h->doc_array(req);
    uint32_t version;
    int64_t i = *param(req, "from") ? number_of(param(req, "from"), RESULTS_MAX) : 0;
    int rc =
        find_doc(req, plan, doc_text(req, event, "entity"), "the report is gone", &version, &d);
    if (rc) {
        return rc;
    }
    if (i < 0) {
        return h->refuse(plan, OC_R_PARAMETER, "from is the member next of the page before");
    }
    struct onecard_doc *page = doc_copy(req, d);
    const struct onecard_doc *from = h->doc_get(d, "result");
    h->doc_remove(page, "result");
    h->doc_remove(page, "content");
    add_recognition(m, req, d, page);
    const char *text = h->doc_text_of(req, page);
    size_t used = text ? strlen(text) : 0;
    int64_t n = (int64_t)h->doc_count(from);
    while (i < n && list_add(req, list, &used, doc_copy(req, h->doc_at(from, (size_t)i, NULL)),
                             REPLY_ROOM)) {
        i++;
    }
    h->doc_set(page, "result", list);
    h->plan_reply_doc(plan, "report", page);
    h->plan_reply_int(plan, "next", i < n ? i : 0);
    return 0;
}

static struct onecard_doc *brief(const struct medical *m, const struct onecard_request *req,
                                 struct onecard_doc *d)
{
    static const char *const texts[] = {"hospital", "id", "status", "category", "code", "display"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *b = h->doc_object(req);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        h->doc_set_text(b, texts[i], doc_text(req, d, texts[i]));
    }
    h->doc_set_int(b, "date", doc_int(req, d, "date"));
    add_recognition(m, req, d, b);
    return b;
}

int read_reports(const struct medical *m, const struct onecard_request *req,
                 struct onecard_plan *plan, const struct onecard_doc *event)
{
    (void)event;
    char owner[MEDICAL_OWNER];
    citizen_owner(req, owner);
    return page_docs(m, req, plan, owner, "rep/", param(req, "from"), brief, "reports");
}
