/* Medication (用药跟踪): what was dispensed anywhere in the city, and warnings from it. A dispense
 * is a fact when it is told: it is kept, whatever speaks against it; the warning goes to the
 * hospital. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

#define ITEMS_MAX 8  /* a prescription has at most five; all of them fit on one page */
#define MEDS_MAX  64 /* substances whose last supply is remembered */

static const struct field head[] = {
    {"id", F_ID, true, 1, 32, NULL},
    {"whenHandedOver", F_DATE, true, 0, 0, NULL},
    {"bill", F_ID, false, 1, 32, NULL},
    {"authorizingPrescription", F_ID, false, 1, 32, NULL},
};
static const struct field item_fields[] = {
    {"code", F_ID, true, 1, 16, NULL},          {"display", F_TEXT, true, 1, 96, NULL},
    {"quantity", F_INT, true, 1, 100000, NULL}, {"unit", F_TEXT, false, 1, 16, NULL},
    {"daysSupply", F_INT, true, 1, 365, NULL},  {"dosageInstruction", F_TEXT, false, 1, 120, NULL},
};

static int copy_items(const struct onecard_request *req, struct onecard_plan *plan,
                      struct onecard_doc *d)
{
    if (req->host->doc_count(req->host->doc_get(req->document, "medication")) == 0) {
        return req->host->refuse(plan, OC_R_PARAMETER, "medication has 1 to %d items", ITEMS_MAX);
    }
    return shape_copy_list(req, plan, "medication", item_fields,
                           sizeof(item_fields) / sizeof(item_fields[0]), ITEMS_MAX, d);
}

/* ---- the last supply of each substance ---- */

static struct onecard_doc *supply(const struct onecard_request *req, const struct onecard_doc *d,
                                  const struct onecard_doc *item, const char *key)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *s = h->doc_object(req);
    int32_t date = (int32_t)doc_int(req, d, "whenHandedOver");
    h->doc_set_text(s, "code", doc_text(req, item, "code"));
    h->doc_set_text(s, "hospital", doc_text(req, d, "hospital"));
    h->doc_set_text(s, "key", key);
    h->doc_set_int(s, "date", date);
    h->doc_set_int(s, "until", date_add(date, doc_int(req, item, "daysSupply") - 1));
    return s;
}

static const struct onecard_doc *item_of(const struct onecard_request *req,
                                         const struct onecard_doc *items, const char *code)
{
    const struct onecard_host *h = req->host;
    for (size_t i = 0; i < h->doc_count(items); i++) {
        if (doc_is(req, h->doc_at(items, i, NULL), "code", code)) {
            return h->doc_at(items, i, NULL);
        }
    }
    return NULL;
}

/* How many of the kept ones end before: those go first where there is no room. */
static size_t ends_after(const struct onecard_request *req, const struct onecard_doc *items,
                         int64_t until)
{
    size_t n = 0;
    for (size_t i = 0; i < req->host->doc_count(items); i++) {
        n += doc_int(req, req->host->doc_at(items, i, NULL), "until") > until;
    }
    return n;
}

/* The record with this dispense's substances in place of the same dispense's and substances'
 * older ones. A supply that ends later than the new one stays. */
static struct onecard_doc *meds_with(const struct onecard_request *req,
                                     const struct onecard_doc *meds, const struct onecard_doc *d,
                                     const char *key)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *old = h->doc_get(meds, "item"), *fresh = h->doc_get(d, "medication");
    struct onecard_doc *m = h->doc_object(req), *list = h->doc_array(req);
    size_t room = MEDS_MAX - h->doc_count(fresh);
    for (size_t i = 0; i < h->doc_count(fresh); i++) {
        h->doc_set(list, NULL, supply(req, d, h->doc_at(fresh, i, NULL), key));
    }
    for (size_t i = 0; i < h->doc_count(old); i++) {
        const struct onecard_doc *o = h->doc_at(old, i, NULL);
        const struct onecard_doc *mine = item_of(req, list, doc_text(req, o, "code"));
        bool longer = mine && doc_int(req, o, "until") > doc_int(req, mine, "until");
        if (!doc_is(req, o, "key", key) && (!mine || longer) &&
            ends_after(req, old, doc_int(req, o, "until")) < room) {
            h->doc_set(list, NULL, doc_copy(req, o));
        }
    }
    h->doc_set(m, "item", list);
    return m;
}

/* ---- pushed ---- */

static struct onecard_doc *warnings(const struct medical *m, const struct onecard_request *req,
                                    const struct onecard_doc *meds, const struct onecard_doc *d,
                                    const char *key)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *list = h->doc_array(req);
    const struct onecard_doc *items = h->doc_get(d, "medication");
    for (size_t i = 0; i < h->doc_count(items); i++) {
        warn_add(m, req, meds, doc_text(req, h->doc_at(items, i, NULL), "code"), key, list);
    }
    return list;
}

static int dispense_write(const struct medical *m, const struct onecard_request *req,
                          struct onecard_plan *plan, const char *key, uint32_t version,
                          struct onecard_doc *d)
{
    const struct onecard_host *h = req->host;
    char owner[MEDICAL_OWNER];
    uint32_t meds_version;
    struct onecard_doc *meds = NULL;
    citizen_owner(req, owner);
    int rc = maybe_doc(req, owner, "meds", &meds_version, &meds);
    if (rc) {
        return rc;
    }
    struct onecard_doc *list = warnings(m, req, meds, d, key);
    int64_t count = (int64_t)h->doc_count(list);
    h->plan_note(plan);
    keep_doc(req, plan, key, version, d);
    keep_doc(req, plan, "meds", meds_version, meds_with(req, meds, d, key));
    if (count > 0) {
        struct onecard_doc *told = doc_new(req, "DetectedIssue");
        h->doc_set_text(told, "dispense", doc_text(req, d, "id"));
        h->doc_set(told, "issue", list);
        h->plan_message(plan, req->terminal.participant, "medical.medication_warning", req->citizen,
                        told);
    }
    h->plan_reply_text(plan, "dispense", doc_text(req, d, "id"));
    h->plan_reply_int(plan, "warnings", count);
    return 0;
}

SERVICE(medical_dispense_put)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = doc_new(req, "MedicationDispense"), *old = NULL;
    char key[MEDICAL_KEY];
    uint32_t version;
    h->doc_set_text(d, "hospital", req->terminal.participant);
    int rc = pusher_ok(ctx, req, plan);
    rc =
        rc ? rc : shape_copy(req, plan, req->document, d, head, sizeof(head) / sizeof(head[0]), "");
    rc = rc ? rc : copy_items(req, plan, d);
    if (rc) {
        return rc;
    }
    rc = pushed_place(req, plan, "disp", d, key, &version, &old);
    if (rc) {
        return rc;
    }
    if (old && same_content(req, old, d)) {
        return unchanged(req, plan);
    }
    return dispense_write(ctx, req, plan, key, version, d);
}

/* ---- read ---- */

static int add_check(const struct medical *m, const struct onecard_request *req,
                     struct onecard_plan *plan, const char *codes)
{
    char owner[MEDICAL_OWNER], code[17];
    uint32_t version;
    struct onecard_doc *meds = NULL, *list = req->host->doc_array(req);
    citizen_owner(req, owner);
    int rc = maybe_doc(req, owner, "meds", &version, &meds);
    if (rc) {
        return rc;
    }
    while (next_word(&codes, code, sizeof(code))) {
        warn_add(m, req, meds, code, "", list);
    }
    req->host->plan_reply_doc(plan, "warnings", list);
    return 0;
}

static struct onecard_doc *without_mark(const struct medical *m, const struct onecard_request *req,
                                        struct onecard_doc *d)
{
    (void)m;
    req->host->doc_remove(d, "content");
    return doc_copy(req, d);
}

int read_medication(const struct medical *m, const struct onecard_request *req,
                    struct onecard_plan *plan, const struct onecard_doc *event)
{
    const struct onecard_host *h = req->host;
    const char *check = doc_text(req, event, "check"), *from = param(req, "from");
    char owner[MEDICAL_OWNER];
    if (*check && !*from) { /* the warnings first, the history on the pages that follow */
        h->plan_reply_text(plan, "next", "disp/");
        return add_check(m, req, plan, check);
    }
    citizen_owner(req, owner);
    return page_docs(m, req, plan, owner, "disp/", from, without_mark, "dispenses");
}
