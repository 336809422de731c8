/* The five insurances 五险 of a citizen: what the bureau pushes, what the citizen sees, what a
 * settlement takes from it. One record; each push replaces one insurance and says how new it is, so
 * that pushes that come twice or out of order change nothing. */
#include "social.h"

#include <string.h>

static const char *const kinds[SOCIAL_INSURANCES] = {"pension", "medical", "unemployment", "injury",
                                                     "maternity"};

static bool known_kind(const char *kind)
{
    for (int i = 0; i < SOCIAL_INSURANCES; i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return true;
        }
    }
    return false;
}

int insured_co_find(const struct onecard_request *req, const char *citizen, int32_t date,
                    struct insured *ret)
{
    char owner[SOCIAL_OWNER];
    uint32_t version;
    struct onecard_doc *d = NULL;
    memset(ret, 0, sizeof(*ret));
    int rc = co_optional(req, social_owner(owner, citizen), "insured", &version, &d);
    const struct onecard_doc *m = rc == 0 && d ? req->host->doc_get(d, "medical") : NULL;
    int64_t until = get_int(req, m, "until", 0);
    if (rc || !m || get_int(req, m, "from", 0) > date || (until && until < date) ||
        strcmp(get_text(req, m, "state", ""), "paying") != 0) {
        return rc;
    }
    const char *insurance = get_text(req, m, "insurance", "");
    const char *aid = get_text(req, m, "assistance", "");
    if (strlen(insurance) < sizeof(ret->insurance) && strlen(aid) < sizeof(ret->split.aid)) {
        strcpy(ret->insurance, insurance);
        strcpy(ret->split.aid, aid);
    }
    ret->split.civil = req->host->doc_as_bool(req->host->doc_get(m, "civil"), false);
    ret->split.status = strcmp(get_text(req, m, "status", "working"), "retired") == 0
                            ? SPLIT_RETIRED
                            : SPLIT_WORKING;
    return 0;
}

/* ---- social.insured_put -------------------------------------------------------------------------
 */

static int bad(const struct onecard_request *req, struct onecard_plan *plan, const char *what)
{
    return req->host->refuse(plan, OC_R_PARAMETER, "%s", what);
}

static int check_push(const struct onecard_request *req, struct onecard_plan *plan,
                      const struct onecard_doc *d)
{
    static const char *const states[] = {"paying", "paused", "ended"};
    const char *state = get_text(req, d, "state", "");
    int64_t from = get_int(req, d, "from", 0), until = get_int(req, d, "until", 0);
    bool known = false;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        known = known || strcmp(states[i], state) == 0;
    }
    if (!known_kind(get_text(req, d, "kind", ""))) {
        return bad(req, plan, "kind is pension, medical, unemployment, injury or maternity");
    }
    if (!known) {
        return bad(req, plan, "state is paying, paused or ended");
    }
    if (date_check(from) || (until && (date_check(until) || until < from))) {
        return bad(req, plan, "from and until are days, YYYYMMDD, until not before from");
    }
    if (get_int(req, d, "serial", 0) <= 0) {
        return bad(req, plan, "serial: the bureau's ascending number of this change");
    }
    return 0;
}

static int check_medical(const struct onecard_request *req, struct onecard_plan *plan,
                         const struct onecard_doc *d)
{
    const char *status = get_text(req, d, "status", "working");
    if (strcmp(get_text(req, d, "kind", ""), "medical") != 0) {
        return 0;
    }
    if (!social_word(get_text(req, d, "insurance", ""), 15)) {
        return bad(req, plan, "insurance: which one, such as employee or resident");
    }
    if (strcmp(status, "working") != 0 && strcmp(status, "retired") != 0) {
        return bad(req, plan, "status is working or retired");
    }
    if (strlen(get_text(req, d, "assistance", "")) > 15) {
        return bad(req, plan, "assistance: a category of at most 15 characters");
    }
    return 0;
}

/* A copy of what is known by name: a document that stays small whatever is pushed. */
static struct onecard_doc *kept(const struct onecard_request *req, const struct onecard_doc *d)
{
    static const char *const texts[] = {"state",      "insurance", "status",
                                        "assistance", "person",    "employer"};
    static const char *const numbers[] = {"from", "until", "serial", "months"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *to = h->doc_object(req);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = get_text(req, d, texts[i], NULL);
        if (text && strlen(text) <= 95) {
            h->doc_set_text(to, texts[i], text);
        }
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int64_t n = get_int(req, d, numbers[i], 0);
        if (n) {
            h->doc_set_int(to, numbers[i], n);
        }
    }
    if (h->doc_as_bool(h->doc_get(d, "civil"), false)) {
        h->doc_set_bool(to, "civil", true);
    }
    return to;
}

int social_insured_put(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct social *s = ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_doc *d = req->document;
    char owner[SOCIAL_OWNER];
    uint32_t version;
    struct onecard_doc *all;
    int rc = only_bureau(s, req, plan);
    rc = rc ? rc : check_push(req, plan, d);
    rc = rc ? rc : check_medical(req, plan, d);
    rc = rc ? rc : co_optional(req, social_owner(owner, req->citizen), "insured", &version, &all);
    if (rc) {
        return rc;
    }
    all = all ? all : h->doc_object(req);
    const char *kind = get_text(req, d, "kind", "");
    int64_t before = get_int(req, h->doc_get(all, kind), "serial", 0);
    if (get_int(req, d, "serial", 0) <= before) {
        h->plan_reply_text(plan, "changed", "no");
        h->plan_reply_int(plan, "serial", before);
        return 0;
    }
    h->doc_set(all, kind, kept(req, d));
    h->plan_note(plan);
    h->plan_doc(plan, owner, "insured", version, all);
    h->plan_reply_text(plan, "changed", "yes");
    h->plan_reply_int(plan, "serial", get_int(req, d, "serial", 0));
    return 0;
}

/* ---- social.status ------------------------------------------------------------------------------
 */

static void show(const struct onecard_request *req, const struct onecard_doc *from,
                 struct onecard_doc *to)
{
    static const char *const texts[] = {"state", "insurance", "status"};
    static const char *const numbers[] = {"from", "until", "months"};
    const struct onecard_host *h = req->host;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = get_text(req, from, texts[i], NULL);
        if (text) {
            h->doc_set_text(to, texts[i], text);
        }
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int64_t n = get_int(req, from, numbers[i], 0);
        if (n) {
            h->doc_set_int(to, numbers[i], n);
        }
    }
}

int social_status(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    static const char *const titles[SOCIAL_INSURANCES] = {"养老", "医疗", "失业", "工伤", "生育"};
    const struct onecard_host *h = req->host;
    char owner[SOCIAL_OWNER];
    uint32_t version;
    struct onecard_doc *all;
    (void)ctx;
    int rc = co_optional(req, social_owner(owner, req->citizen), "insured", &version, &all);
    if (rc) {
        return rc;
    }
    for (int i = 0; i < SOCIAL_INSURANCES; i++) {
        struct onecard_doc *d = h->doc_object(req);
        const struct onecard_doc *from = h->doc_get(all, kinds[i]);
        h->doc_set_text(d, "title", titles[i]);
        if (from) {
            show(req, from, d);
        } else {
            h->doc_set_text(d, "state", "none");
        }
        h->plan_reply_doc(plan, kinds[i], d);
    }
    return 0;
}
