/* Taking back what was just done (R6): a new transaction that follows the first. A purchase goes to
 * the card's pending load; a load for cash is undone by paying the chip's money out again, for only
 * a load raises a chip and only a debit lowers it. */
#include "payment.h"

#include <stdio.h>
#include <string.h>

#define MS_PER_MINUTE 60000

static const char *text_of(const struct onecard_host *h, const struct onecard_doc *d,
                           const char *member)
{
    const char *text = h->doc_as_text(h->doc_get(d, member));
    return text ? text : "";
}

/* Same participant, whole, and within the window. */
static int may_cancel(const struct payment *p, const struct onecard_request *req,
                      struct onecard_plan *plan, const struct onecard_doc *first)
{
    const struct onecard_host *h = req->host;
    const struct onecard_original *o = req->original;
    int64_t at_ms = 0;
    if (strcmp(o->participant, req->terminal.participant) != 0) {
        return h->refuse(plan, OC_R_TERMINAL_MAY_NOT, "only %.32s cancels this", o->participant);
    }
    if (o->refunded_fen) {
        return h->refuse(plan, OC_R_DUPLICATE, "%lld.%02lld yuan of it were given back already",
                         (long long)(o->refunded_fen / 100), (long long)(o->refunded_fen % 100));
    }
    if (h->doc_as_int(h->doc_get(first, "at_ms"), &at_ms) ||
        req->now_ms - at_ms > p->cancel_minutes * MS_PER_MINUTE) {
        return h->refuse(plan, OC_R_TOO_LATE,
                         "cancelled within %lld minutes only: give it back by payment.refund",
                         (long long)p->cancel_minutes);
    }
    return 0;
}

static int first_of(const struct payment *p, const struct onecard_request *req,
                    struct onecard_plan *plan, struct onecard_doc **ret)
{
    int rc = req->host->co_txn(req, req->original->txn, ret);
    if (rc) {
        return rc == OC_ENOENT
                   ? req->host->refuse(plan, OC_R_ORIGINAL_UNKNOWN, "there is no such transaction")
                   : rc;
    }
    return may_cancel(p, req, plan, *ret);
}

int payment_cancel(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct payment *p = ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_original *o = req->original;
    struct onecard_doc *first = NULL;
    if (!payment_in_words(p->refundable, o->service)) {
        return h->refuse(plan, OC_R_ORIGINAL_UNKNOWN, "a %.40s is not cancelled here%s", o->service,
                         strcmp(o->service, "payment.load") == 0 ? ": see payment.unload" : "");
    }
    int rc = first_of(p, req, plan, &first);
    if (rc) {
        return rc;
    }
    h->plan_account(plan, o->amount_fen);
    h->plan_leg(plan, OC_ACCT_MERCHANT, o->participant, -o->amount_fen);
    h->plan_leg(plan, OC_ACCT_PENDING_LOAD, "", o->amount_fen);
    h->plan_refund_of_original(plan);
    h->plan_reply_text(plan, "cancelled", o->txn);
    return 0;
}

/* A load is undone once: the record stands in the same commit, and its key is the load's id. */
static int once(const struct onecard_request *req, struct onecard_plan *plan, const char *txn)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *doc = NULL;
    char key[40];
    uint32_t version = 0;
    snprintf(key, sizeof(key), "unload/%.31s", txn);
    int rc = h->co_doc(req, req->card->record_owner, key, &version, &doc);
    if (rc == 0) {
        return h->refuse(plan, OC_R_DUPLICATE, "this load was undone already");
    }
    if (rc != OC_ENOENT) {
        return rc;
    }
    doc = h->doc_object(req);
    h->doc_set_text(doc, "terminal", req->terminal.id);
    h->doc_set_text(doc, "by", req->who);
    h->plan_doc(plan, req->card->record_owner, key, version, doc);
    return 0;
}

int payment_unload(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct payment *p = ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_original *o = req->original;
    struct onecard_doc *first = NULL;
    int rc = first_of(p, req, plan, &first);
    if (rc) {
        return rc;
    }
    if (strcmp(o->service, "payment.load") != 0 ||
        strcmp(text_of(h, h->doc_get(first, "reply"), "source"), "cash") != 0) {
        return h->refuse(plan, OC_R_ORIGINAL_UNKNOWN, "only a load for cash is paid out again");
    }
    if (strcmp(text_of(h, first, "card"), req->card->record_owner) != 0) {
        return h->refuse(plan, OC_R_OTHER_CARD, "that load went to another card");
    }
    rc = once(req, plan, o->txn);
    if (rc) {
        return rc;
    }
    h->plan_debit(plan, o->amount_fen);
    h->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, req->terminal.participant, o->amount_fen);
    h->plan_link(plan, o->txn);
    h->plan_reply_text(plan, "cancelled", o->txn);
    h->plan_reply_fen(plan, "pay_out_fen", o->amount_fen);
    return 0;
}
