/* Hospitals push who is on duty; desks and citizens look for places. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

static const struct field head[] = {
    {"serviceType", F_ID, true, 1, 12, NULL}, {"serviceTypeDisplay", F_TEXT, true, 1, 64, NULL},
    {"actor", F_ID, true, 1, 16, NULL},       {"actorDisplay", F_TEXT, true, 1, 64, NULL},
    {"date", F_DATE, true, 0, 0, NULL},       {"fee_fen", F_INT, true, 0, 1000000, NULL},
};
static const struct field slot_fields[] = {
    {"start", F_TIME, true, 0, 0, NULL},
    {"capacity", F_INT, true, 0, 200, NULL},
};

/* A place that somebody has stays, also where the hospital took it away: *kept counts those. */
static void add_slot(const struct onecard_request *req, struct onecard_doc *list,
                     struct onecard_doc *slot, int64_t booked, int64_t *kept)
{
    if (doc_int(req, slot, "capacity") < booked) {
        *kept += booked - doc_int(req, slot, "capacity");
        req->host->doc_set_int(slot, "capacity", booked);
    }
    req->host->doc_set_int(slot, "booked", booked);
    req->host->doc_set(list, NULL, slot);
}

static int fresh_slots(const struct onecard_request *req, struct onecard_plan *plan,
                       const struct slot_day *old, struct onecard_doc *list, int64_t *kept)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *from = h->doc_get(req->document, "slot");
    size_t n = h->doc_count(from);
    int64_t last = -1;
    if (n > SLOTS_MAX) {
        return h->refuse(plan, OC_R_PARAMETER, "more than %d slots in one day", SLOTS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        struct onecard_doc *s = h->doc_object(req);
        char where[24];
        snprintf(where, sizeof(where), "slot %zu", i + 1);
        int rc = shape_copy(req, plan, h->doc_at(from, i, NULL), s, slot_fields, 2, where);
        if (rc) {
            return rc;
        }
        if (doc_int(req, s, "start") <= last) {
            return h->refuse(plan, OC_R_PARAMETER, "%s does not begin after the one before", where);
        }
        last = doc_int(req, s, "start");
        const struct onecard_doc *was = old->doc ? slot_at(req, old, last) : NULL;
        add_slot(req, list, s, was ? doc_int(req, was, "booked") : 0, kept);
    }
    return 0;
}

/* Slots with people in them that the new schedule lacks stay, closed, at the end. */
static void keep_taken(const struct onecard_request *req, const struct slot_day *old,
                       const struct slot_day *fresh, struct onecard_doc *list, int64_t *kept)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *from = h->doc_get(old->doc, "slot");
    for (size_t i = 0; i < h->doc_count(from) && h->doc_count(list) < 2 * SLOTS_MAX; i++) {
        const struct onecard_doc *was = h->doc_at(from, i, NULL);
        if (doc_int(req, was, "booked") > 0 && !slot_at(req, fresh, doc_int(req, was, "start"))) {
            struct onecard_doc *s = h->doc_object(req);
            h->doc_set_int(s, "start", doc_int(req, was, "start"));
            h->doc_set_int(s, "capacity", 0);
            add_slot(req, list, s, doc_int(req, was, "booked"), kept);
        }
    }
}

/* The lists by which departments are found; written only where something is new. */
static int list_department(const struct onecard_request *req, struct onecard_plan *plan,
                           const char *owner, const char *key, const char *resource, const char *id,
                           const char *name)
{
    uint32_t version = 0;
    struct onecard_doc *d = NULL;
    int rc = maybe_doc(req, owner, key, &version, &d);
    if (rc || (d && doc_is(req, d, "name", name))) {
        return rc;
    }
    d = doc_new(req, resource);
    req->host->doc_set_text(d, "id", id);
    req->host->doc_set_text(d, "name", name);
    req->host->plan_doc(plan, owner, key, version, d);
    return 0;
}

static int list_place(const struct onecard_request *req, struct onecard_plan *plan,
                      const struct onecard_doc *doc)
{
    char owner[MEDICAL_OWNER], key[MEDICAL_KEY];
    const char *hospital = req->terminal.participant;
    const char *name = doc_text(req, req->document, "managingOrganization");
    snprintf(key, sizeof(key), "hosp/%.31s", hospital);
    int rc = list_department(req, plan, "city", key, "Organization", hospital,
                             *name && strlen(name) <= 96 ? name : hospital);
    if (rc) {
        return rc;
    }
    named_owner("hosp", hospital, owner);
    own_key("dept", doc_text(req, doc, "serviceType"), key);
    return list_department(req, plan, owner, key, "HealthcareService",
                           doc_text(req, doc, "serviceType"),
                           doc_text(req, doc, "serviceTypeDisplay"));
}

static int schedule_slots(const struct onecard_request *req, struct onecard_plan *plan,
                          struct slot_day *d, struct onecard_doc *doc, int64_t *ret_kept)
{
    const struct onecard_host *h = req->host;
    int rc = maybe_doc(req, d->owner, d->key, &d->version, &d->doc);
    struct onecard_doc *list = h->doc_array(req);
    if (rc == 0) {
        rc = fresh_slots(req, plan, d, list, ret_kept);
    }
    h->doc_set(doc, "slot", list);
    if (rc == 0 && d->doc) {
        struct slot_day fresh = {.doc = doc};
        keep_taken(req, d, &fresh, list, ret_kept);
    }
    d->doc = doc;
    return rc;
}

SERVICE(medical_schedule_put)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *doc = doc_new(req, "Schedule");
    struct slot_day d = {.hospital = req->terminal.participant};
    int64_t kept = 0;
    int rc = pusher_ok(ctx, req, plan);
    rc = rc ? rc
            : shape_copy(req, plan, req->document, doc, head, sizeof(head) / sizeof(head[0]), "");
    if (rc) {
        return rc;
    }
    if (doc_int(req, doc, "date") < req->business_date) {
        return h->refuse(plan, OC_R_TOO_LATE, "that day is over");
    }
    named_owner("slot", d.hospital, d.owner);
    snprintf(d.key, sizeof(d.key), "%.12s/%08d/%.16s", doc_text(req, doc, "serviceType"),
             (int)doc_int(req, doc, "date"), doc_text(req, doc, "actor"));
    rc = schedule_slots(req, plan, &d, doc, &kept);
    rc = rc ? rc : list_place(req, plan, doc);
    if (rc) {
        return rc;
    }
    h->plan_note(plan);
    slot_day_write(req, plan, &d);
    h->plan_reply_int(plan, "slots", (int64_t)h->doc_count(h->doc_get(doc, "slot")));
    h->plan_reply_int(plan, "kept", kept);
    return 0;
}

/* ---- looking ---- */

SERVICE(medical_departments)
{
    const char *hospital = param(req, "hospital");
    char owner[MEDICAL_OWNER] = "city";
    if (*hospital) {
        named_owner("hosp", hospital, owner);
    }
    return page_docs(ctx, req, plan, owner, *hospital ? "dept/" : "hosp/", param(req, "after"),
                     NULL, *hospital ? "departments" : "hospitals");
}

#define FREE_MAX 100 /* slots of one doctor that one page shows */

/* The slots with places that begin after `after`. */
static struct onecard_doc *free_places(const struct onecard_request *req,
                                       const struct onecard_doc *day, int64_t after)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *list = h->doc_array(req);
    const struct onecard_doc *slots = h->doc_get(day, "slot");
    for (size_t i = 0; i < h->doc_count(slots) && h->doc_count(list) < FREE_MAX; i++) {
        const struct onecard_doc *s = h->doc_at(slots, i, NULL);
        int64_t left = doc_int(req, s, "capacity") - doc_int(req, s, "booked");
        if (left > 0 && minutes_of(doc_int(req, s, "start")) > after) {
            struct onecard_doc *item = h->doc_object(req);
            h->doc_set_int(item, "start", doc_int(req, s, "start"));
            h->doc_set_int(item, "free", left);
            h->doc_set(list, NULL, item);
        }
    }
    return list;
}

/* One doctor's day as people look for it. */
static struct onecard_doc *day_shown(const struct medical *m, const struct onecard_request *req,
                                     struct onecard_doc *day)
{
    (void)m;
    static const char *const texts[] = {"serviceType", "actor", "actorDisplay"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = h->doc_object(req);
    bool today = doc_int(req, day, "date") == req->business_date;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        h->doc_set_text(d, texts[i], doc_text(req, day, texts[i]));
    }
    h->doc_set_int(d, "date", doc_int(req, day, "date"));
    h->doc_set_int(d, "fee_fen", doc_int(req, day, "fee_fen"));
    h->doc_set(d, "slot", free_places(req, day, today ? minutes_of(req->city_time / 100) : -1));
    return d;
}

SERVICE(medical_slots)
{
    const char *hospital, *department = param(req, "department");
    char owner[MEDICAL_OWNER], prefix[40];
    int32_t day;
    int rc = hospital_of(req, plan, &hospital);
    rc = rc ? rc : day_of(req, plan, "day", &day);
    if (rc) {
        return rc;
    }
    if (!id_ok(department, 12)) {
        return req->host->refuse(plan, OC_R_PARAMETER, "department is one of medical.departments");
    }
    named_owner("slot", hospital, owner);
    snprintf(prefix, sizeof(prefix), "%.12s/%08d/%.16s", department, (int)day,
             param(req, "practitioner"));
    return page_docs(ctx, req, plan, owner, prefix, param(req, "after"), day_shown, "schedule");
}
