/* What is asked of social security for an invoice (R13). The split is posted as it is returned;
 * only that its parts make up the whole is looked at here. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

static struct onecard_doc *bill_line(const struct onecard_request *req,
                                     const struct onecard_doc *line)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = h->doc_object(req);
    int64_t quantity = doc_int(req, line, "quantity");
    h->doc_set_text(d, "code", doc_text(req, line, "code"));
    h->doc_set_text(d, "name", doc_text(req, line, "display"));
    h->doc_set_text(d, "class", doc_text(req, line, "class"));
    h->doc_set_int(d, "quantity", quantity ? quantity : 1);
    h->doc_set_int(d, "amount_fen", doc_int(req, line, "amount_fen"));
    return d;
}

/* The invoice in the words of social.split. */
static const char *bill_text(const struct onecard_request *req, const struct onecard_doc *invoice)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = h->doc_object(req), *lines = h->doc_array(req);
    const struct onecard_doc *from = h->doc_get(invoice, "lineItem");
    const char *referral = doc_text(req, invoice, "referral");
    h->doc_set_text(d, "id", doc_text(req, invoice, "id"));
    h->doc_set_text(d, "kind", doc_text(req, invoice, "type"));
    h->doc_set_int(d, "date", doc_int(req, invoice, "date"));
    h->doc_set_text(d, "referral", *referral ? referral : "local");
    if (*doc_text(req, invoice, "admission")) {
        h->doc_set_text(d, "admission", doc_text(req, invoice, "admission"));
    }
    for (size_t i = 0; i < h->doc_count(from); i++) {
        h->doc_set(lines, NULL, bill_line(req, h->doc_at(from, i, NULL)));
    }
    h->doc_set(d, "lines", lines);
    return h->doc_text_of(req, d);
}

static void read_parts(const struct onecard_request *req, const struct onecard_doc *reply,
                       struct split *s)
{
    s->total = doc_int(req, reply, "total_fen");
    s->fund = doc_int(req, reply, "fund_fen");
    s->personal = doc_int(req, reply, "personal_fen");
    s->family = doc_int(req, reply, "family_fen");
    s->cash = doc_int(req, reply, "cash_fen");
}

static bool parts_ok(const struct split *s, fen_t total)
{
    return s->total == total && s->fund >= 0 && s->personal >= 0 && s->family >= 0 &&
           s->cash >= 0 && s->fund + s->personal + s->family + s->cash == total;
}

static int asked(const struct onecard_request *req, struct onecard_plan *plan, int rc)
{
    if (rc == OC_ENOENT) {
        return req->host->refuse(plan, OC_R_UNKNOWN_SERVICE,
                                 "social security is not connected here: insurance=no pays all");
    }
    if (rc == OC_ELOOP) {
        return req->host->refuse(plan, OC_R_ASKED_AGAIN, "social security asked for this itself");
    }
    return rc;
}

static int ask(const struct onecard_request *req, struct onecard_plan *plan,
               const struct onecard_doc *invoice, const char *replaces, struct onecard_doc **ret)
{
    static const char *const passed[] = {"personal", "family"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *p = h->doc_object(req);
    const char *bill = bill_text(req, invoice);
    if (!bill) {
        return OC_ENOMEM;
    }
    h->doc_set_text(p, "bill", bill);
    h->doc_set_text(p, "citizen", req->citizen);
    h->doc_set_text(p, "hospital", doc_text(req, invoice, "hospital"));
    if (*replaces) {
        h->doc_set_text(p, "replaces", replaces);
    }
    for (size_t i = 0; i < 2; i++) {
        if (*param(req, passed[i])) {
            h->doc_set_text(p, passed[i], param(req, passed[i]));
        }
    }
    return asked(req, plan, h->co_ask(req, plan, "social.split", p, ret));
}

/* Who asks for the fund's money, and the personal account's, shows the card (持卡结算): a number is
 * known to many. What is given back asks for nothing. */
static int insured_there(const struct onecard_request *req, struct onecard_plan *plan,
                         const char *replaces)
{
    if (*replaces || req->presented == OC_PRESENTED_CHIP || req->strength >= OC_STRENGTH_CODE) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_NEEDS_PRESENCE,
                             "insurance pays with card or fresh code; insurance=no pays all");
}

int split_ask(const struct onecard_request *req, struct onecard_plan *plan,
              const struct onecard_doc *invoice, const char *replaces, struct split *ret)
{
    fen_t total = doc_int(req, invoice, "totalGross_fen");
    memset(ret, 0, sizeof(*ret));
    if (strcmp(param(req, "insurance"), "no") == 0) {
        ret->total = ret->cash = total;
        return 0;
    }
    int rc = insured_there(req, plan, replaces);
    rc = rc ? rc : ask(req, plan, invoice, replaces, &ret->reply);
    if (rc) {
        return rc;
    }
    read_parts(req, ret->reply, ret);
    const char *id = doc_text(req, ret->reply, "settlement_id");
    snprintf(ret->settlement, sizeof(ret->settlement), "%s", id);
    if (!parts_ok(ret, total) || strlen(id) >= sizeof(ret->settlement)) {
        return req->host->refuse(plan, OC_R_MODULE, "the parts of the split are not the bill");
    }
    return 0;
}

int split_undo(const struct onecard_request *req, struct onecard_plan *plan,
               const struct onecard_doc *claim, struct split *ret)
{
    const struct onecard_host *h = req->host;
    const char *id = doc_text(req, claim, "settlement_id");
    memset(ret, 0, sizeof(*ret));
    read_parts(req, claim, ret);
    if (!*id) {
        return 0;
    }
    struct onecard_doc *p = h->doc_object(req), *reply = NULL;
    struct split had;
    h->doc_set_text(p, "settlement_id", id);
    h->doc_set_text(p, "citizen", req->citizen);
    int rc = asked(req, plan, h->co_ask(req, plan, "social.split_cancel", p, &reply));
    if (rc) {
        return rc;
    }
    read_parts(req, reply, &had);
    if (!parts_ok(&had, ret->total) || had.cash != ret->cash) {
        return h->refuse(plan, OC_R_MODULE, "what comes back is not what was settled");
    }
    return 0;
}
