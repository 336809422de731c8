/* Invoices: hospitals push them line by line; they are listed until they are settled.
 *
 *   bill_put          settle
 *   ───────► issued ─────────► balanced
 *             ▲  │  bill_put      │ settle_cancel, refund_lines (rest is left)
 *             │  └───► cancelled  │
 *             └───────────────────┘                                                             */
#include "medical.h"

#include <stdio.h>
#include <string.h>

static const struct field head[] = {
    {"id", F_ID, true, 1, 32, NULL},
    {"date", F_DATE, true, 0, 0, NULL},
    {"type", F_WORD, true, 0, 0, "outpatient chronic inpatient"},
    {"referral", F_WORD, false, 0, 0, "local referred unreferred emergency"},
    {"admission", F_ID, false, 1, 32, NULL},
    {"encounter", F_ID, false, 1, 32, NULL},
    {"serviceType", F_TEXT, false, 1, 64, NULL},
    {"diagnosis", F_TEXT, false, 1, 200, NULL},
};
static const struct field line_fields[] = {
    {"code", F_ID, true, 1, 32, NULL},
    {"display", F_TEXT, true, 1, 96, NULL},
    {"class", F_WORD, true, 0, 0, "A B C"},
    {"quantity", F_INT, false, 1, 100000, NULL},
    {"amount_fen", F_INT, true, 1, ONECARD_AMOUNT_MAX, NULL},
    {"own_first", F_INT, false, 0, 10000, NULL},
    {"limit_fen", F_INT, false, 0, ONECARD_AMOUNT_MAX, NULL},
};

static int copy_lines(const struct onecard_request *req, struct onecard_plan *plan,
                      struct onecard_doc *list, fen_t *total)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *from = h->doc_get(req->document, "lineItem");
    size_t n = h->doc_count(from);
    if (n == 0 || n > LINES_MAX) {
        return h->refuse(plan, OC_R_PARAMETER, "lineItem has 1 to %d lines", LINES_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        struct onecard_doc *line = h->doc_object(req);
        char where[24];
        snprintf(where, sizeof(where), "lineItem %zu", i + 1);
        h->doc_set_int(line, "sequence", (int64_t)i + 1);
        int rc = shape_copy(req, plan, h->doc_at(from, i, NULL), line, line_fields,
                            sizeof(line_fields) / sizeof(line_fields[0]), where);
        if (rc) {
            return rc;
        }
        *total += doc_int(req, line, "amount_fen");
        h->doc_set(list, NULL, line);
    }
    return 0;
}

/* The invoice as it is kept, from the document. */
static int read_invoice(const struct onecard_request *req, struct onecard_plan *plan,
                        struct onecard_doc **ret)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = doc_new(req, "Invoice"), *lines = h->doc_array(req);
    fen_t total = 0;
    int64_t told = -1;
    h->doc_set_text(d, "hospital", req->terminal.participant);
    int rc = shape_copy(req, plan, req->document, d, head, sizeof(head) / sizeof(head[0]), "");
    rc = rc ? rc : copy_lines(req, plan, lines, &total);
    if (rc) {
        return rc;
    }
    h->doc_as_int(h->doc_get(req->document, "totalGross_fen"), &told);
    if (told != total || total > ONECARD_AMOUNT_MAX) {
        return h->refuse(plan, OC_R_AMOUNT, "the lines sum to %lld fen, totalGross_fen is %lld",
                         (long long)total, (long long)told);
    }
    if (doc_is(req, d, "type", "inpatient") != (*doc_text(req, d, "admission") != '\0')) {
        return h->refuse(plan, OC_R_PARAMETER,
                         "an inpatient invoice names its admission, no other");
    }
    h->doc_set(d, "lineItem", lines);
    h->doc_set_int(d, "totalGross_fen", total);
    seal_content(req, d);
    *ret = d;
    return 0;
}

/* An inpatient's invoice is known to its stay. */
static int tie_admission(const struct onecard_request *req, struct onecard_plan *plan,
                         const struct onecard_doc *invoice)
{
    const struct onecard_host *h = req->host;
    const char *admission = doc_text(req, invoice, "admission");
    char key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *a = NULL;
    if (!*admission) {
        return 0;
    }
    ref_key("adm", doc_text(req, invoice, "hospital"), admission, key);
    int rc = find_doc(req, plan, key, "the admission is unknown: admit first", &version, &a);
    if (rc) {
        return rc;
    }
    const char *other = doc_text(req, a, "invoice");
    if (*other && strcmp(other, doc_text(req, invoice, "id")) != 0) {
        return h->refuse(plan, OC_R_DUPLICATE, "the stay has the invoice %.32s already", other);
    }
    if (!*other) {
        h->doc_set_text(a, "invoice", doc_text(req, invoice, "id"));
        keep_doc(req, plan, key, version, a);
    }
    return 0;
}

/* The same number again: the same content is no news, an open one is replaced. */
static int again(const struct onecard_request *req, struct onecard_plan *plan,
                 const struct onecard_doc *old, const struct onecard_doc *fresh)
{
    const struct onecard_host *h = req->host;
    if (!doc_is(req, old, "hospital", doc_text(req, fresh, "hospital")) ||
        !doc_is(req, old, "id", doc_text(req, fresh, "id"))) {
        return h->refuse(plan, OC_R_CONFLICT, "this number cannot be taken: give it another");
    }
    if (!doc_is(req, old, "status", "issued")) {
        return h->refuse(plan, OC_R_WRONG_STATE,
                         "the invoice is %.16s: cancel the settlement first",
                         doc_text(req, old, "status"));
    }
    if (h->doc_count(h->doc_get(old, "refundedItem")) > 0) {
        return h->refuse(plan, OC_R_WRONG_STATE, "lines of it were refunded: it stays as it is");
    }
    return 0;
}

static void bill_write(const struct onecard_request *req, struct onecard_plan *plan,
                       const char *key, uint32_t version, struct onecard_doc *d)
{
    const struct onecard_host *h = req->host;
    bool cancelled = h->doc_as_bool(h->doc_get(req->document, "cancelled"), false);
    h->doc_set_text(d, "status", cancelled ? "cancelled" : "issued");
    h->plan_note(plan);
    keep_doc(req, plan, key, version, d);
    h->plan_reply_text(plan, "bill", doc_text(req, d, "id"));
    h->plan_reply_text(plan, "status", doc_text(req, d, "status"));
    h->plan_reply_fen(plan, "total_fen", doc_int(req, d, "totalGross_fen"));
}

SERVICE(medical_bill_put)
{
    char owner[MEDICAL_OWNER], key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *fresh = NULL, *old = NULL;
    bool cancel = req->host->doc_as_bool(req->host->doc_get(req->document, "cancelled"), false);
    int rc = pusher_ok(ctx, req, plan);
    rc = rc ? rc : read_invoice(req, plan, &fresh);
    if (rc) {
        return rc;
    }
    citizen_owner(req, owner);
    ref_key("bill", req->terminal.participant, doc_text(req, fresh, "id"), key);
    rc = maybe_doc(req, owner, key, &version, &old);
    if (rc) {
        return rc;
    }
    if (old && same_content(req, old, fresh) && cancel == doc_is(req, old, "status", "cancelled")) {
        return unchanged(req, plan);
    }
    rc = old ? again(req, plan, old, fresh) : 0;
    rc = rc ? rc : tie_admission(req, plan, fresh);
    if (rc == 0) {
        bill_write(req, plan, key, version, fresh);
    }
    return rc;
}

/* ---- the list ---- */

static struct onecard_doc *brief(const struct onecard_request *req, const struct onecard_doc *d)
{
    static const char *const texts[] = {"hospital", "id", "type", "status", "settlement"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *b = h->doc_object(req);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (*doc_text(req, d, texts[i])) {
            h->doc_set_text(b, texts[i], doc_text(req, d, texts[i]));
        }
    }
    h->doc_set_int(b, "date", doc_int(req, d, "date"));
    h->doc_set_int(b, "lines", (int64_t)h->doc_count(h->doc_get(d, "lineItem")));
    h->doc_set_int(b, "total_fen", doc_int(req, d, "totalGross_fen"));
    return b;
}

/* Who stands at the desk without the holder sees the bills of that hospital only. */
static struct onecard_doc *listed(const struct medical *m, const struct onecard_request *req,
                                  struct onecard_doc *d)
{
    (void)m;
    bool all = strcmp(param(req, "all"), "yes") == 0;
    bool theirs =
        req->strength >= OC_STRENGTH_CODE || doc_is(req, d, "hospital", req->terminal.participant);
    return theirs && (all || doc_is(req, d, "status", "issued")) ? brief(req, d) : NULL;
}

SERVICE(medical_bills)
{
    char owner[MEDICAL_OWNER];
    citizen_owner(req, owner);
    return page_docs(ctx, req, plan, owner, "bill/", param(req, "after"), listed, "bills");
}
