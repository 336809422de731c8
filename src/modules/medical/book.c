/* Appointments at any hospital of the city: booked, cancelled, checked in, missed.
 *
 *          book            checkin             register
 *   (none) ────► booked ──────────► arrived ──────────► fulfilled
 *                  │  │ cancel                            ▲
 *                  │  └────► cancelled                    │ register
 *                  │ its day is over                      │
 *                  └────────► noshow          booked ─────┘
 *
 * Written together: the schedule's place, the Appointment, the citizen's index "appts" (what lies
 * ahead, days that were missed), and an entry "day:<day>" without a name in it, by which the night
 * finds who did not come. The index makes one citizen's bookings wait for one another. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

/* So many missed in so many days: nothing new for a while. */
static int missed_check(const struct medical *m, const struct onecard_request *req,
                        struct onecard_plan *plan, const struct appointments *x)
{
    const struct onecard_host *h = req->host;
    int64_t count = 0;
    int32_t first = 0;
    for (size_t i = 0; i < h->doc_count(x->missed); i++) {
        int32_t day = (int32_t)doc_int(req, h->doc_at(x->missed, i, NULL), "date");
        if (date_days(day, req->business_date) <= m->missed_days) {
            first = first ? first : day;
            count++;
        }
    }
    if (m->missed_max && count >= m->missed_max) {
        return h->refuse(plan, OC_R_LIMIT, "%lld appointments were missed: book again from %d",
                         (long long)count, date_add(first, m->missed_days + 1));
    }
    return 0;
}

static int ahead_check(const struct medical *m, const struct onecard_request *req,
                       struct onecard_plan *plan, const struct appointments *x,
                       const struct visit *v)
{
    const struct onecard_host *h = req->host;
    size_t n = h->doc_count(x->open);
    if (n >= (size_t)m->open_max) {
        return h->refuse(plan, OC_R_LIMIT, "%zu appointments lie ahead already", n);
    }
    for (size_t i = 0; i < n; i++) {
        const struct onecard_doc *e = h->doc_at(x->open, i, NULL);
        if (doc_int(req, e, "date") != v->date) {
            continue;
        }
        if (doc_int(req, e, "start") == v->start) {
            return h->refuse(plan, OC_R_DUPLICATE, "another appointment is at that time");
        }
        if (doc_is(req, e, "hospital", v->day.hospital) &&
            doc_is(req, e, "serviceType", doc_text(req, v->day.doc, "serviceType"))) {
            return h->refuse(plan, OC_R_DUPLICATE, "an appointment there is booked for that day");
        }
    }
    return 0;
}

static int book_visit(const struct medical *m, const struct onecard_request *req,
                      struct onecard_plan *plan, struct visit *ret)
{
    const struct onecard_host *h = req->host;
    int rc = visit_take(req, plan, minutes_of(req->city_time / 100), ret);
    if (rc) {
        return rc;
    }
    int64_t days = date_days(req->business_date, ret->date);
    if (days < 0) {
        return h->refuse(plan, OC_R_TOO_LATE, "that day is over");
    }
    if (days > m->book_days) {
        return h->refuse(plan, OC_R_TOO_EARLY, "at most %lld days ahead", (long long)m->book_days);
    }
    return 0;
}

static void book_write(const struct onecard_request *req, struct onecard_plan *plan,
                       const struct visit *v, struct appointments *x, const char *owner)
{
    const struct onecard_host *h = req->host;
    char id[MEDICAL_ID], key[MEDICAL_KEY], day[MEDICAL_OWNER];
    struct onecard_doc *a = doc_new(req, "Appointment"), *e = h->doc_object(req);
    struct onecard_doc *night = h->doc_object(req);
    own_id(req, v->date, "appt", id);
    own_key("appt", id, key);
    h->doc_set_text(a, "id", id);
    h->doc_set_text(a, "status", "booked");
    visit_describe(req, v, a);
    h->doc_set_int(a, "created_ms", req->now_ms);
    h->doc_set_text(e, "id", id);
    h->doc_set_text(e, "hospital", v->day.hospital);
    h->doc_set_text(e, "serviceType", doc_text(req, v->day.doc, "serviceType"));
    h->doc_set_int(e, "date", v->date);
    h->doc_set_int(e, "start", v->start);
    h->doc_set(x->open, NULL, e);
    h->doc_set_text(night, "citizen", req->citizen);
    day_owner(v->date, day);
    h->plan_note(plan);
    slot_day_write(req, plan, &v->day);
    h->plan_doc(plan, owner, key, 0, a);
    index_write(req, plan, owner, x);
    h->plan_doc(plan, day, id, 0, night);
    h->plan_message(plan, v->day.hospital, "medical.booked", req->citizen, a);
    h->plan_reply_text(plan, "appointment", id);
    h->plan_reply_text(plan, "hospital", v->day.hospital);
    h->plan_reply_int(plan, "day", v->date);
    h->plan_reply_int(plan, "slot", v->start);
}

SERVICE(medical_book)
{
    const struct medical *m = ctx;
    char owner[MEDICAL_OWNER];
    struct appointments x;
    struct visit v;
    citizen_owner(req, owner);
    int rc = index_read(req, owner, &x);
    rc = rc ? rc : index_close_missed(req, plan, owner, &x);
    rc = rc ? rc : missed_check(m, req, plan, &x);
    rc = rc ? rc : book_visit(m, req, plan, &v);
    rc = rc ? rc : ahead_check(m, req, plan, &x, &v);
    if (rc == 0) {
        book_write(req, plan, &v, &x, owner);
    }
    return rc;
}

static int find_appointment(const struct onecard_request *req, struct onecard_plan *plan,
                            struct onecard_doc **ret)
{
    const char *id;
    char key[MEDICAL_KEY];
    uint32_t version;
    int rc = id_param(req, plan, "appointment", &id);
    if (rc) {
        return rc;
    }
    own_key("appt", id, key);
    rc = find_doc(req, plan, key, "this citizen has no such appointment", &version, ret);
    if (rc == 0 && !doc_is(req, *ret, "status", "booked")) {
        return req->host->refuse(plan, OC_R_WRONG_STATE, "the appointment is %.16s",
                                 doc_text(req, *ret, "status"));
    }
    return rc;
}

/* Minutes from now to the appointment's time; days count whole. */
static int64_t minutes_until(const struct onecard_request *req, const struct onecard_doc *a)
{
    int64_t days = date_days(req->business_date, (int32_t)doc_int(req, a, "date"));
    return days * 1440 + minutes_of(doc_int(req, a, "start")) - minutes_of(req->city_time / 100);
}

static int end_appointment(const struct onecard_request *req, struct onecard_plan *plan,
                           const struct onecard_doc *a, const char *status, const char *message)
{
    const struct onecard_host *h = req->host;
    char owner[MEDICAL_OWNER], id[MEDICAL_ID];
    struct appointments x;
    struct onecard_doc *told = doc_copy(req, a);
    citizen_owner(req, owner);
    snprintf(id, sizeof(id), "%s", doc_text(req, a, "id"));
    int rc = index_read(req, owner, &x);
    rc = rc ? rc : appointment_end(req, plan, owner, &x, id, status);
    if (rc) {
        return rc;
    }
    index_write(req, plan, owner, &x);
    h->doc_set_text(told, "status", status);
    h->plan_note(plan);
    h->plan_message(plan, doc_text(req, a, "hospital"), message, req->citizen, told);
    h->plan_reply_text(plan, "appointment", id);
    h->plan_reply_text(plan, "status", status);
    return 0;
}

SERVICE(medical_cancel)
{
    const struct medical *m = ctx;
    struct onecard_doc *a = NULL;
    int rc = find_appointment(req, plan, &a);
    if (rc) {
        return rc;
    }
    if (minutes_until(req, a) < m->cancel_minutes) {
        return req->host->refuse(plan, OC_R_TOO_LATE, "to be cancelled %lld minutes before",
                                 (long long)m->cancel_minutes);
    }
    rc = slot_return(req, plan, a);
    return rc ? rc : end_appointment(req, plan, a, "cancelled", "medical.cancelled");
}

SERVICE(medical_checkin)
{
    const struct medical *m = ctx;
    struct onecard_doc *a = NULL;
    int rc = find_appointment(req, plan, &a);
    rc = rc ? rc : only_hospital(req, plan, doc_text(req, a, "hospital"));
    if (rc) {
        return rc;
    }
    int32_t day = (int32_t)doc_int(req, a, "date");
    if (day > req->business_date) {
        return req->host->refuse(plan, OC_R_TOO_EARLY, "it is for %d", day);
    }
    if (minutes_until(req, a) < -m->late_minutes) {
        return req->host->refuse(plan, OC_R_TOO_LATE, "its time is over: register at the desk");
    }
    return end_appointment(req, plan, a, "arrived", "medical.arrived");
}

SERVICE(medical_appointments)
{
    char owner[MEDICAL_OWNER];
    citizen_owner(req, owner);
    return page_docs(ctx, req, plan, owner, "appt/", param(req, "after"), NULL, "appointments");
}

/* ---- the night ---- */

/* One entry of the night's list: its appointment was missed. Where the citizen's documents are
 * erased only the entry goes. */
static int sweep_one(const struct onecard_request *req, struct onecard_plan *plan,
                     const char *citizen, int32_t day, const char *id)
{
    char owner[MEDICAL_OWNER], key[MEDICAL_KEY];
    struct appointments x;
    struct onecard_doc *a = NULL;
    uint32_t version = 0;
    named_owner("citizen", citizen, owner);
    own_key("appt", id, key);
    int rc = maybe_doc(req, owner, key, &version, &a);
    if (rc == 0 && (!a || !doc_is(req, a, "status", "booked"))) {
        return day_forget(req, plan, day, id);
    }
    rc = rc ? rc : index_read(req, owner, &x);
    rc = rc ? rc : appointment_end(req, plan, owner, &x, id, "noshow");
    if (rc == 0) {
        index_write(req, plan, owner, &x);
    }
    return rc;
}

SERVICE(medical_sweep)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    char owner[MEDICAL_OWNER], id[40] = "";
    struct onecard_doc *d = NULL;
    uint32_t version;
    int32_t day = date_add(req->business_date, -1);
    int rc = *param(req, "day") ? day_of(req, plan, "day", &day) : 0;
    if (rc) {
        return rc;
    }
    if (day >= req->business_date) {
        return h->refuse(plan, OC_R_TOO_EARLY, "that day is not over");
    }
    day_owner(day, owner);
    rc = h->co_next_doc(req, owner, "", id, &version, &d);
    if (rc == OC_ENOENT) {
        h->plan_reply_int(plan, "missed", 0);
        return 0;
    }
    rc = rc ? rc : sweep_one(req, plan, doc_text(req, d, "citizen"), day, id);
    if (rc == 0) {
        h->plan_note(plan);
        h->plan_reply_int(plan, "missed", 1);
    }
    return rc;
}
