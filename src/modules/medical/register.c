/* Registering for a visit (挂号) and giving it back (退号). The fee goes from the citizen to the
 * hospital; a visit without a fee is a note. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

/* The number under which people are called: how many registered with this doctor today. */
static int64_t next_in_queue(const struct onecard_request *req, struct onecard_doc *day)
{
    int64_t n = doc_int(req, day, "arrived") + 1;
    req->host->doc_set_int(day, "arrived", n);
    return n;
}

/* The place was taken when the appointment was booked. */
static int from_appointment(const struct onecard_request *req, struct onecard_plan *plan,
                            struct visit *v)
{
    const char *id;
    struct onecard_doc *a = NULL;
    int rc = id_param(req, plan, "appointment", &id);
    rc = rc ? rc : appointment_fulfil(req, plan, id, &a);
    if (rc) {
        return rc;
    }
    v->date = (int32_t)doc_int(req, a, "date");
    v->start = doc_int(req, a, "start");
    rc = slot_day_read(req, plan, doc_text(req, a, "hospital"), doc_text(req, a, "serviceType"),
                       v->date, doc_text(req, a, "actor"), &v->day);
    if (rc == 0) {
        v->fee = doc_int(req, v->day.doc, "fee_fen");
    }
    return rc;
}

static int find_visit(const struct medical *m, const struct onecard_request *req,
                      struct onecard_plan *plan, struct visit *v)
{
    int64_t now = minutes_of(req->city_time / 100) - m->late_register_minutes;
    int rc =
        *param(req, "appointment") ? from_appointment(req, plan, v) : visit_take(req, plan, now, v);
    if (rc == 0 && v->date != req->business_date) {
        return req->host->refuse(plan,
                                 v->date > req->business_date ? OC_R_TOO_EARLY : OC_R_TOO_LATE,
                                 "one registers on the day of the visit, %d", v->date);
    }
    return rc;
}

static struct onecard_doc *encounter(const struct onecard_request *req, const struct visit *v,
                                     const char *id, enum pay_source pay)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *e = doc_new(req, "Encounter");
    h->doc_set_text(e, "id", id);
    h->doc_set_text(e, "status", "arrived");
    h->doc_set_text(e, "class", "AMB");
    visit_describe(req, v, e);
    h->doc_set_int(e, "queue", next_in_queue(req, v->day.doc));
    h->doc_set_int(e, "fee_fen", v->fee);
    h->doc_set_text(e, "pay", v->fee ? pay_name(pay) : "");
    h->doc_set_text(e, "paid_at", req->terminal.participant);
    if (*param(req, "appointment")) {
        h->doc_set_text(e, "appointment", param(req, "appointment"));
    }
    return e;
}

static void tell(const struct onecard_request *req, struct onecard_plan *plan,
                 const struct onecard_doc *e)
{
    const struct onecard_host *h = req->host;
    h->plan_reply_text(plan, "encounter", doc_text(req, e, "id"));
    h->plan_reply_text(plan, "hospital", doc_text(req, e, "hospital"));
    h->plan_reply_int(plan, "queue", doc_int(req, e, "queue"));
    h->plan_reply_int(plan, "slot", doc_int(req, e, "start"));
    h->plan_reply_fen(plan, "fee_fen", doc_int(req, e, "fee_fen"));
}

SERVICE(medical_register)
{
    const struct medical *m = ctx;
    const struct onecard_host *h = req->host;
    struct visit v;
    enum pay_source pay;
    char id[MEDICAL_ID], key[MEDICAL_KEY];
    int rc = pay_param(req, plan, PAY_PURSE, &pay);
    rc = rc ? rc : find_visit(m, req, plan, &v);
    if (rc) {
        return rc;
    }
    if (v.fee == 0) {
        h->plan_note(plan);
    } else {
        rc = pay_take(req, plan, pay, v.fee, v.fee);
        if (rc) {
            return rc;
        }
        h->plan_leg(plan, OC_ACCT_MERCHANT, v.day.hospital, v.fee);
    }
    own_id(req, v.date, "enc", id);
    own_key("enc", id, key);
    struct onecard_doc *e = encounter(req, &v, id, pay);
    slot_day_write(req, plan, &v.day);
    keep_doc(req, plan, key, 0, e);
    h->plan_message(plan, v.day.hospital, "medical.registered", req->citizen, e);
    tell(req, plan, e);
    return 0;
}

static int may_return(const struct medical *m, const struct onecard_request *req,
                      struct onecard_plan *plan, const struct onecard_doc *e)
{
    const struct onecard_host *h = req->host;
    int64_t age = date_days((int32_t)doc_int(req, e, "date"), req->business_date);
    if (!doc_is(req, e, "status", "arrived")) {
        return h->refuse(plan, OC_R_WRONG_STATE, "the registration is %.16s",
                         doc_text(req, e, "status"));
    }
    if (age > m->unregister_days) {
        return h->refuse(plan, OC_R_TOO_LATE, "the visit was %lld days ago", (long long)age);
    }
    if (req->original->refunded_fen != 0) {
        return h->refuse(plan, OC_R_OVER_ORIGINAL, "its fee was given back already");
    }
    return 0;
}

static int give_fee_back(const struct medical *m, const struct onecard_request *req,
                         struct onecard_plan *plan, const struct onecard_doc *e)
{
    const struct onecard_host *h = req->host;
    fen_t fee = doc_int(req, e, "fee_fen");
    enum pay_source pay = pay_named(doc_text(req, e, "pay"));
    if (fee == 0) {
        h->plan_note(plan);
        h->plan_link(plan, req->original->txn);
        return 0;
    }
    int rc = pay_give_ok(m, req, plan, pay, doc_text(req, e, "paid_at"));
    if (rc) {
        return rc;
    }
    h->plan_account(plan, fee);
    h->plan_leg(plan, OC_ACCT_MERCHANT, doc_text(req, e, "hospital"), -fee);
    pay_give(req, plan, pay, fee);
    h->plan_refund_of_original(plan);
    return 0;
}

SERVICE(medical_unregister)
{
    const struct medical *m = ctx;
    const struct onecard_host *h = req->host;
    char id[MEDICAL_ID], key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *e = NULL;
    int rc = original_word(req, plan, "medical.register", "encounter", id, sizeof(id));
    own_key("enc", rc ? "" : id, key);
    rc = rc ? rc : find_doc(req, plan, key, "that registration is another citizen's", &version, &e);
    rc = rc ? rc : may_return(m, req, plan, e);
    rc = rc ? rc : slot_return(req, plan, e);
    rc = rc ? rc : give_fee_back(m, req, plan, e);
    if (rc) {
        return rc;
    }
    h->doc_set_text(e, "status", "cancelled");
    keep_doc(req, plan, key, version, e);
    h->plan_message(plan, doc_text(req, e, "hospital"), "medical.unregistered", req->citizen, e);
    h->plan_reply_text(plan, "encounter", id);
    h->plan_reply_fen(plan, "returned_fen", doc_int(req, e, "fee_fen"));
    return 0;
}
