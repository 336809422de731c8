/* The schedule of a doctor's day: one record with all its slots, so that its version decides who
 * gets the last place. It holds numbers only: who comes stands in that citizen's own records. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

int slot_day_read(const struct onecard_request *req, struct onecard_plan *plan,
                  const char *hospital, const char *department, int32_t day, const char *actor,
                  struct slot_day *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->hospital = hospital;
    named_owner("slot", hospital, ret->owner);
    snprintf(ret->key, sizeof(ret->key), "%.12s/%08d/%.16s", department, (int)day, actor);
    int rc = maybe_doc(req, ret->owner, ret->key, &ret->version, &ret->doc);
    if (rc == 0 && !ret->doc) {
        return req->host->refuse(plan, OC_R_NOT_FOUND, "nobody is on duty there on that day: %.39s",
                                 ret->key);
    }
    return rc;
}

static bool has_place(const struct onecard_request *req, const struct onecard_doc *slot)
{
    return doc_int(req, slot, "booked") < doc_int(req, slot, "capacity");
}

static struct onecard_doc *slot_item(const struct onecard_request *req, const struct slot_day *d,
                                     size_t i)
{
    return req->host->doc_at(req->host->doc_get(d->doc, "slot"), i, NULL);
}

struct onecard_doc *slot_at(const struct onecard_request *req, const struct slot_day *d,
                            int64_t start)
{
    struct onecard_doc *s;
    for (size_t i = 0; (s = slot_item(req, d, i)) != NULL; i++) {
        if (doc_int(req, s, "start") == start) {
            return s;
        }
    }
    return NULL;
}

struct onecard_doc *slot_free(const struct onecard_request *req, const struct slot_day *d,
                              int64_t after)
{
    struct onecard_doc *s;
    for (size_t i = 0; (s = slot_item(req, d, i)) != NULL; i++) {
        if (minutes_of(doc_int(req, s, "start")) > after && has_place(req, s)) {
            return s;
        }
    }
    return NULL;
}

bool slot_take(const struct onecard_request *req, struct onecard_doc *slot)
{
    if (!has_place(req, slot)) {
        return false;
    }
    req->host->doc_set_int(slot, "booked", doc_int(req, slot, "booked") + 1);
    return true;
}

void slot_give(const struct onecard_request *req, struct onecard_doc *slot)
{
    int64_t booked = doc_int(req, slot, "booked");
    req->host->doc_set_int(slot, "booked", booked > 0 ? booked - 1 : 0);
}

void slot_day_write(const struct onecard_request *req, struct onecard_plan *plan,
                    const struct slot_day *d)
{
    req->host->plan_doc(plan, d->owner, d->key, d->version, d->doc);
}

int slot_return(const struct onecard_request *req, struct onecard_plan *plan,
                const struct onecard_doc *visit)
{
    struct slot_day d = {.hospital = doc_text(req, visit, "hospital")};
    named_owner("slot", d.hospital, d.owner);
    snprintf(d.key, sizeof(d.key), "%.12s/%08d/%.16s", doc_text(req, visit, "serviceType"),
             (int)doc_int(req, visit, "date"), doc_text(req, visit, "actor"));
    int rc = maybe_doc(req, d.owner, d.key, &d.version, &d.doc);
    struct onecard_doc *slot = d.doc ? slot_at(req, &d, doc_int(req, visit, "start")) : NULL;
    if (rc == 0 && slot) {
        slot_give(req, slot);
        slot_day_write(req, plan, &d);
    }
    return rc;
}

/* department and practitioner as they stand in keys. */
static int read_place(const struct onecard_request *req, struct onecard_plan *plan,
                      struct visit *ret)
{
    const char *hospital;
    int rc = hospital_of(req, plan, &hospital);
    if (rc) {
        return rc;
    }
    const char *department = param(req, "department"), *actor = param(req, "practitioner");
    if (!id_ok(department, 12) || !id_ok(actor, 16)) {
        return req->host->refuse(plan, OC_R_PARAMETER,
                                 "name department and practitioner as medical.slots lists them");
    }
    rc = day_of(req, plan, "day", &ret->date);
    return rc ? rc : slot_day_read(req, plan, hospital, department, ret->date, actor, &ret->day);
}

static int named_slot(const struct onecard_request *req, struct onecard_plan *plan, int64_t after,
                      const struct visit *v, struct onecard_doc **ret)
{
    int64_t start = number_of(param(req, "slot"), 2359);
    *ret = start < 0 ? NULL : slot_at(req, &v->day, start);
    if (!*ret) {
        return req->host->refuse(plan, OC_R_NOT_FOUND, "there is no such slot; write 0830");
    }
    if (minutes_of(start) <= after) {
        return req->host->refuse(plan, OC_R_TOO_LATE, "that slot has begun already");
    }
    return 0;
}

int visit_take(const struct onecard_request *req, struct onecard_plan *plan, int64_t after,
               struct visit *ret)
{
    struct onecard_doc *slot = NULL;
    int rc = read_place(req, plan, ret);
    if (rc) {
        return rc;
    }
    after = ret->date == req->business_date ? after : -1;
    if (*param(req, "slot")) {
        rc = named_slot(req, plan, after, ret, &slot);
    } else {
        slot = slot_free(req, &ret->day, after);
    }
    if (rc) {
        return rc;
    }
    if (!slot || !slot_take(req, slot)) {
        return req->host->refuse(plan, OC_R_FULL, "no place is left there on that day");
    }
    ret->start = doc_int(req, slot, "start");
    ret->fee = doc_int(req, ret->day.doc, "fee_fen");
    return 0;
}

void visit_describe(const struct onecard_request *req, const struct visit *v,
                    struct onecard_doc *doc)
{
    static const char *const texts[] = {"serviceType", "serviceTypeDisplay", "actor",
                                        "actorDisplay"};
    const struct onecard_host *h = req->host;
    h->doc_set_text(doc, "hospital", v->day.hospital);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        h->doc_set_text(doc, texts[i], doc_text(req, v->day.doc, texts[i]));
    }
    h->doc_set_int(doc, "date", v->date);
    h->doc_set_int(doc, "start", v->start);
}
