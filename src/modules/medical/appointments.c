/* A citizen's index of appointments, and how one ends. The index ("appts") holds what lies ahead
 * and which days were missed; it is small and makes one citizen's bookings wait for one another. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

int index_read(const struct onecard_request *req, const char *owner, struct appointments *ret)
{
    const struct onecard_host *h = req->host;
    int rc = maybe_doc(req, owner, "appts", &ret->version, &ret->doc);
    if (rc) {
        return rc;
    }
    if (!ret->doc) {
        ret->doc = h->doc_object(req);
        h->doc_set(ret->doc, "open", h->doc_array(req));
        h->doc_set(ret->doc, "missed", h->doc_array(req));
    }
    ret->open = h->doc_get(ret->doc, "open");
    ret->missed = h->doc_get(ret->doc, "missed");
    return 0;
}

/* The list without the appointment `id`. */
static void index_close(const struct onecard_request *req, struct appointments *x, const char *id)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *rest = h->doc_array(req);
    for (size_t i = 0; i < h->doc_count(x->open); i++) {
        const struct onecard_doc *e = h->doc_at(x->open, i, NULL);
        if (!doc_is(req, e, "id", id)) {
            h->doc_set(rest, NULL, doc_copy(req, e));
        }
    }
    h->doc_set(x->doc, "open", rest);
    x->open = rest;
}

static void index_missed(const struct onecard_request *req, struct appointments *x, int32_t day)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *list = h->doc_array(req), *d = h->doc_object(req);
    size_t n = h->doc_count(x->missed);
    for (size_t i = n >= MISSED_MAX ? n - MISSED_MAX + 1 : 0; i < n; i++) {
        h->doc_set(list, NULL, doc_copy(req, h->doc_at(x->missed, i, NULL)));
    }
    h->doc_set_int(d, "date", day);
    h->doc_set(list, NULL, d);
    h->doc_set(x->doc, "missed", list);
    x->missed = list;
}

void index_write(const struct onecard_request *req, struct onecard_plan *plan, const char *owner,
                 const struct appointments *x)
{
    req->host->plan_doc(plan, owner, "appts", x->version, x->doc);
}

void day_owner(int64_t day, char ret[MEDICAL_OWNER])
{
    snprintf(ret, MEDICAL_OWNER, "day:%08d", (int)day);
}

/* The night need not look at it any more. */
int day_forget(const struct onecard_request *req, struct onecard_plan *plan, int64_t day,
               const char *id)
{
    char owner[MEDICAL_OWNER];
    uint32_t version = 0;
    struct onecard_doc *d = NULL;
    day_owner(day, owner);
    int rc = maybe_doc(req, owner, id, &version, &d);
    if (rc == 0 && d) {
        req->host->plan_doc_remove(plan, owner, id, version);
    }
    return rc;
}

/* An appointment ends: its state, the index, the night's entry. */
int appointment_end(const struct onecard_request *req, struct onecard_plan *plan, const char *owner,
                    struct appointments *x, const char *id, const char *status)
{
    char key[MEDICAL_KEY];
    uint32_t version = 0;
    struct onecard_doc *a = NULL;
    own_key("appt", id, key);
    int rc = maybe_doc(req, owner, key, &version, &a);
    if (rc) {
        return rc;
    }
    if (!a) { /* erased meanwhile */
        index_close(req, x, id);
        return 0;
    }
    int32_t day = (int32_t)doc_int(req, a, "date");
    req->host->doc_set_text(a, "status", status);
    req->host->plan_doc(plan, owner, key, version, a);
    index_close(req, x, id);
    if (strcmp(status, "noshow") == 0) {
        index_missed(req, x, day);
    }
    return day_forget(req, plan, day, id);
}

int appointment_fulfil(const struct onecard_request *req, struct onecard_plan *plan, const char *id,
                       struct onecard_doc **ret)
{
    char owner[MEDICAL_OWNER], key[MEDICAL_KEY];
    struct appointments x;
    uint32_t version;
    citizen_owner(req, owner);
    own_key("appt", id, key);
    int rc = find_doc(req, plan, key, "this citizen has no such appointment", &version, ret);
    if (rc) {
        return rc;
    }
    bool booked = doc_is(req, *ret, "status", "booked");
    if (!booked && !doc_is(req, *ret, "status", "arrived")) {
        return req->host->refuse(plan, OC_R_WRONG_STATE, "the appointment is %.16s",
                                 doc_text(req, *ret, "status"));
    }
    if (!booked) { /* it left the index when it was checked in */
        req->host->doc_set_text(*ret, "status", "fulfilled");
        req->host->plan_doc(plan, owner, key, version, *ret);
        return 0;
    }
    rc = index_read(req, owner, &x);
    rc = rc ? rc : appointment_end(req, plan, owner, &x, id, "fulfilled");
    if (rc == 0) {
        index_write(req, plan, owner, &x);
    }
    return rc;
}

/* Whatever of the index lies behind was missed. */
int index_close_missed(const struct onecard_request *req, struct onecard_plan *plan,
                       const char *owner, struct appointments *x)
{
    const struct onecard_host *h = req->host;
    size_t i = 0;
    int rc = 0;
    while (rc == 0 && i < h->doc_count(x->open)) {
        const struct onecard_doc *e = h->doc_at(x->open, i, NULL);
        char id[MEDICAL_ID];
        snprintf(id, sizeof(id), "%s", doc_text(req, e, "id"));
        if (doc_int(req, e, "date") >= req->business_date) {
            i++;
            continue;
        }
        size_t before = h->doc_count(x->open);
        rc = appointment_end(req, plan, owner, x, id, "noshow");
        i += rc == 0 && h->doc_count(x->open) == before;
    }
    return rc;
}
