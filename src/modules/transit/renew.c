/* transit.renew: a concession at a desk. Social security says what the holder is entitled to, and the
 * card's slot in the ledger follows in the same commit. The chip follows the slot by itself: the switch
 * writes it after the commit, or at the next desk where the card is presented. */
#include "transit.h"

#include <string.h>

struct right {
    const char *category; /* "": none */
    int64_t until;        /* 0: open */
};

static int co_entitled(const struct onecard_request *req, struct onecard_plan *plan,
                       const char *what, struct right *ret)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *params = h->doc_object(req), *reply = NULL;
    h->doc_set_text(params, "what", what);
    int rc = h->co_ask(req, plan, "social.eligible", params, &reply);
    if (rc == OC_ENOENT) {
        return h->refuse(plan, OC_R_UNKNOWN_SERVICE, "social security is not connected");
    }
    if (rc) {
        return rc;
    }
    ret->category = h->doc_as_text(h->doc_get(reply, "category"));
    if (!h->doc_as_bool(h->doc_get(reply, "eligible"), false) || !ret->category ||
        !*ret->category) {
        return h->refuse(plan, OC_R_NOT_ELIGIBLE, "not entitled as %.31s; what=none ends the slot",
                         what);
    }
    rc = h->doc_as_int(h->doc_get(reply, "until"), &ret->until);
    return rc == OC_ENOENT ? 0 : rc;
}

int transit_renew(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_card *c = req->card;
    const char *what = h->param_text(req, "what");
    struct right r = {.category = ""};
    bool ends = what && strcmp(what, "none") == 0;
    int rc = ends ? 0 : co_entitled(req, plan, what ? what : "", &r);
    if (rc) {
        return rc;
    }
    int32_t from = ends ? 0 : req->business_date;
    bool same = strcmp(c->ledger_category, r.category) == 0;
    if (same && !ends && c->ledger_category_from && c->ledger_category_from < from) {
        from = c->ledger_category_from; /* without a gap, and a journey under way keeps its claim */
    } else if (same && !ends && !c->ledger_category_from) {
        from = 0;
    }
    h->plan_note(plan);
    h->plan_slot(plan, "transit", r.category, from, (int32_t)r.until);
    h->plan_reply_text(plan, "category", r.category);
    h->plan_reply_text(plan, "before", c->ledger_category);
    h->plan_reply_int(plan, "from", from);
    h->plan_reply_int(plan, "until", r.until);
    return 0;
}
