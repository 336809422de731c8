/* What every service of the module needs: owners, keys, parameters, reading and keeping documents.
 */
#include "medical.h"

#include <stdio.h>
#include <string.h>

void named_owner(const char *prefix, const char *id, char ret[MEDICAL_OWNER])
{
    snprintf(ret, MEDICAL_OWNER, "%s:%.31s", prefix, id);
}

void citizen_owner(const struct onecard_request *req, char ret[MEDICAL_OWNER])
{
    named_owner("citizen", req->citizen, ret);
}

void ref_key(const char *kind, const char *hospital, const char *id, char ret[MEDICAL_KEY])
{
    char hash[14];
    text_hash(hospital, id, hash);
    snprintf(ret, MEDICAL_KEY, "%.12s/%s", kind, hash);
}

void own_key(const char *kind, const char *id, char ret[MEDICAL_KEY])
{
    snprintf(ret, MEDICAL_KEY, "%.12s/%.25s", kind, id);
}

void own_id(const struct onecard_request *req, int32_t date, const char *salt, char ret[MEDICAL_ID])
{
    char hash[14];
    text_hash(req->txn_hint ? req->txn_hint : "", salt, hash);
    snprintf(ret, MEDICAL_ID, "%06d-%s", date % 1000000, hash);
}

const char *param(const struct onecard_request *req, const char *name)
{
    const char *v = req->host->param_text(req, name);
    return v ? v : "";
}

int hospital_of(const struct onecard_request *req, struct onecard_plan *plan, const char **ret)
{
    const char *named = param(req, "hospital");
    if (*named && !id_ok(named, HOSPITAL_ID - 1)) {
        return req->host->refuse(plan, OC_R_PARAMETER, "hospital is a participant's id");
    }
    *ret = *named ? named : req->terminal.participant;
    return 0;
}

int day_of(const struct onecard_request *req, struct onecard_plan *plan, const char *name,
           int32_t *ret)
{
    const char *text = param(req, name);
    int64_t v = *text ? number_of(text, 29991231) : req->business_date;
    if (!date_ok(v)) {
        return req->host->refuse(plan, OC_R_PARAMETER, "%.16s is a date, YYYYMMDD", name);
    }
    *ret = (int32_t)v;
    return 0;
}

int id_param(const struct onecard_request *req, struct onecard_plan *plan, const char *name,
             const char **ret)
{
    const char *text = param(req, name);
    if (!id_ok(text, 32)) {
        return req->host->refuse(plan, OC_R_PARAMETER,
                                 "%.16s is a number: 1 to 32 of A-Z a-z 0-9 . _ -", name);
    }
    *ret = text;
    return 0;
}

int maybe_doc(const struct onecard_request *req, const char *owner, const char *key,
              uint32_t *ret_version, struct onecard_doc **ret)
{
    struct onecard_doc *d = NULL;
    uint32_t version = 0;
    int rc = req->host->co_doc(req, owner, key, &version, &d);
    if (rc && rc != OC_ENOENT) {
        return rc;
    }
    *ret_version = rc ? 0 : version;
    *ret = rc ? NULL : d;
    return 0;
}

int find_doc(const struct onecard_request *req, struct onecard_plan *plan, const char *key,
             const char *what, uint32_t *ret_version, struct onecard_doc **ret)
{
    char owner[MEDICAL_OWNER];
    citizen_owner(req, owner);
    int rc = maybe_doc(req, owner, key, ret_version, ret);
    if (rc == 0 && !*ret) {
        return req->host->refuse(plan, OC_R_NOT_FOUND, "%s", what);
    }
    return rc;
}

void keep_doc(const struct onecard_request *req, struct onecard_plan *plan, const char *key,
              uint32_t version, const struct onecard_doc *doc)
{
    char owner[MEDICAL_OWNER];
    citizen_owner(req, owner);
    req->host->plan_doc(plan, owner, key, version, doc);
}

#define PAGE_LOOKS 256 /* records that one page looks at */

/* In place of a document that fills no page. */
static struct onecard_doc *title_of(const struct onecard_request *req, const struct onecard_doc *d)
{
    struct onecard_doc *s = doc_new(req, doc_text(req, d, "resourceType"));
    req->host->doc_set_text(s, "id", doc_text(req, d, "id"));
    req->host->doc_set_text(s, "hospital", doc_text(req, d, "hospital"));
    req->host->doc_set_bool(s, "too_long", true);
    return s;
}

static bool page_add(const struct onecard_request *req, struct onecard_doc *list, size_t *used,
                     struct onecard_doc *item)
{
    return list_add(req, list, used, item, REPLY_ROOM) ||
           (*used == 0 && list_add(req, list, used, title_of(req, item), REPLY_ROOM));
}

int page_docs(const struct medical *m, const struct onecard_request *req, struct onecard_plan *plan,
              const char *owner, const char *prefix, const char *from, page_item *item,
              const char *name)
{
    const struct onecard_host *h = req->host;
    char key[40], last[40];
    struct onecard_doc *list = h->doc_array(req), *d = NULL;
    size_t used = 0;
    uint32_t version;
    int rc = 0;
    snprintf(key, sizeof(key), "%.39s", from);
    snprintf(last, sizeof(last), "%s", key);
    for (int looks = 0; looks < PAGE_LOOKS; looks++) {
        rc = h->co_next_doc(req, owner, prefix, key, &version, &d);
        if (rc) {
            break;
        }
        struct onecard_doc *shown = item ? item(m, req, d) : doc_copy(req, d);
        if (shown && !page_add(req, list, &used, shown)) {
            break;
        }
        snprintf(last, sizeof(last), "%s", key);
    }
    if (rc && rc != OC_ENOENT) {
        return rc;
    }
    h->plan_reply_doc(plan, name, list);
    h->plan_reply_text(plan, "next", rc == OC_ENOENT ? "" : last);
    return 0;
}

void seal_content(const struct onecard_request *req, struct onecard_doc *fresh)
{
    char hash[14];
    const char *text = req->host->doc_text_of(req, fresh);
    text_hash(text ? text : "", "content", hash);
    req->host->doc_set_text(fresh, "content", hash);
}

bool same_content(const struct onecard_request *req, const struct onecard_doc *old,
                  const struct onecard_doc *fresh)
{
    return doc_is(req, old, "content", doc_text(req, fresh, "content"));
}

int original_word(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                  const char *member, char *ret, size_t cap)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *txn = NULL;
    if (strcmp(req->original->service, service) != 0) {
        return h->refuse(plan, OC_R_ORIGINAL_UNKNOWN, "that is a %.32s: name the first %.32s",
                         req->original->service, service);
    }
    int rc = h->co_txn(req, req->original->txn, &txn);
    if (rc) {
        return rc;
    }
    snprintf(ret, cap, "%s", doc_text(req, h->doc_get(txn, "reply"), member));
    return 0;
}

int only_hospital(const struct onecard_request *req, struct onecard_plan *plan,
                  const char *hospital)
{
    if (strcmp(req->terminal.participant, hospital) == 0) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT, "only at a terminal of %.32s", hospital);
}

bool is_hospital(const struct medical *m, const char *participant)
{
    const char *words = m->hospitals;
    char w[HOSPITAL_ID];
    if (!words || !*words) {
        return true;
    }
    while (next_word(&words, w, sizeof(w))) {
        if (strcmp(w, participant) == 0) {
            return true;
        }
    }
    return false;
}

int pusher_ok(const struct medical *m, const struct onecard_request *req, struct onecard_plan *plan)
{
    if (is_hospital(m, req->terminal.participant)) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT, "%.31s is none of the hospitals",
                             req->terminal.participant);
}

int unchanged(const struct onecard_request *req, struct onecard_plan *plan)
{
    req->host->plan_reply_raw(plan, "unchanged", "true");
    return 0;
}

int pushed_place(const struct onecard_request *req, struct onecard_plan *plan, const char *kind,
                 struct onecard_doc *d, char ret_key[MEDICAL_KEY], uint32_t *ret_version,
                 struct onecard_doc **ret_old)
{
    char owner[MEDICAL_OWNER];
    const char *hospital = doc_text(req, d, "hospital"), *id = doc_text(req, d, "id");
    seal_content(req, d);
    citizen_owner(req, owner);
    ref_key(kind, hospital, id, ret_key);
    int rc = maybe_doc(req, owner, ret_key, ret_version, ret_old);
    if (rc || !*ret_old) {
        return rc;
    }
    if (!doc_is(req, *ret_old, "hospital", hospital) || !doc_is(req, *ret_old, "id", id)) {
        return req->host->refuse(plan, OC_R_CONFLICT,
                                 "this number cannot be taken: give it another");
    }
    return 0;
}
