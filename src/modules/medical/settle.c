/* Settling an invoice (结算): fund, personal account and the citizen's own part in one transaction
 * to the hospital (R13). Two desks settle the same invoice: the version of its record lets one
 * through, the other reads it again and finds it balanced. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

int invoice_read(const struct onecard_request *req, struct onecard_plan *plan, const char *hospital,
                 const char *id, const char *status, struct settled *ret)
{
    ref_key("bill", hospital, id, ret->invoice_key);
    int rc = find_doc(req, plan, ret->invoice_key, "this citizen has no such bill there",
                      &ret->invoice_version, &ret->invoice);
    if (rc) {
        return rc;
    }
    if (!doc_is(req, ret->invoice, "status", status)) {
        const char *now = doc_text(req, ret->invoice, "status");
        bool paid = strcmp(now, "balanced") == 0;
        return req->host->refuse(
            plan, paid ? OC_R_DUPLICATE : OC_R_WRONG_STATE,
            paid ? "the bill is settled already%.0s" : "the bill is %.16s: nothing to settle", now);
    }
    return 0;
}

/* ---- the slip ---- */

static int slip_part(char *at, size_t cap, const char *label, fen_t fen)
{
    if (fen == 0) {
        return 0;
    }
    int n =
        snprintf(at, cap, " %s %lld.%02lld", label, (long long)(fen / 100), (long long)(fen % 100));
    return n > 0 && (size_t)n < cap ? n : 0;
}

/* One line, in the clerk's words: what is printed under the bill. */
static void slip(const struct onecard_request *req, struct onecard_plan *plan,
                 const struct settled *s, const char *key, const char *const words[7])
{
    char text[200];
    const fen_t parts[] = {s->split.total, s->split.fund, s->split.personal, s->split.family,
                           s->split.cash,  s->deposit,    s->returned};
    size_t n = 0;
    for (size_t i = 0; i < 7; i++) {
        n += (size_t)slip_part(text + n, sizeof(text) - n, words[i], parts[i]);
    }
    req->host->plan_reply_text(plan, key, n > 0 ? text + 1 : "");
}

static void tell(const struct onecard_request *req, struct onecard_plan *plan,
                 const struct settled *s)
{
    static const char *const zh[] = {"合计",     "统筹支付",   "个人账户", "家庭共济",
                                     "个人自付", "预交金支付", "退还"};
    static const char *const en[] = {
        "Total", "Fund", "Personal account", "Family", "Own part", "From the deposit", "Returned"};
    const struct onecard_host *h = req->host;
    h->plan_reply_text(plan, "settlement", s->id);
    h->plan_reply_text(plan, "bill", doc_text(req, s->invoice, "id"));
    h->plan_reply_text(plan, "hospital", doc_text(req, s->invoice, "hospital"));
    h->plan_reply_fen(plan, "total_fen", s->split.total);
    h->plan_reply_fen(plan, "fund_fen", s->split.fund);
    h->plan_reply_fen(plan, "personal_fen", s->split.personal);
    h->plan_reply_fen(plan, "family_fen", s->split.family);
    h->plan_reply_fen(plan, "cash_fen", s->split.cash);
    slip(req, plan, s, "slip_zh", zh);
    slip(req, plan, s, "slip_en", en);
}

/* ---- what is kept ---- */

static struct onecard_doc *claim_of(const struct onecard_request *req, const struct settled *s)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *c = doc_new(req, "ClaimResponse");
    h->doc_set_text(c, "id", s->id);
    h->doc_set_text(c, "status", "active");
    h->doc_set_text(c, "first", s->first);
    h->doc_set_text(c, "settlement_id", s->split.settlement);
    h->doc_set_text(c, "hospital", doc_text(req, s->invoice, "hospital"));
    h->doc_set_text(c, "invoice", doc_text(req, s->invoice, "id"));
    h->doc_set_int(c, "date", req->business_date);
    h->doc_set_int(c, "total_fen", s->split.total);
    h->doc_set_int(c, "fund_fen", s->split.fund);
    h->doc_set_int(c, "personal_fen", s->split.personal);
    h->doc_set_int(c, "family_fen", s->split.family);
    h->doc_set_int(c, "cash_fen", s->split.cash);
    h->doc_set_int(c, "deposit_fen", s->deposit);
    h->doc_set_int(c, "returned_fen", s->returned);
    h->doc_set_text(c, "pay", pay_name(s->pay));
    h->doc_set_bool(c, "chip", s->chip);
    h->doc_set_text(c, "paid_at", req->terminal.participant);
    const struct onecard_doc *lines = h->doc_get(s->split.reply, "lines");
    if (lines) {
        h->doc_set(c, "item", doc_copy(req, lines));
    }
    return c;
}

void settle_write(const struct onecard_request *req, struct onecard_plan *plan, struct settled *s)
{
    const struct onecard_host *h = req->host;
    char key[MEDICAL_KEY];
    own_id(req, req->business_date, "settle", s->id);
    own_key("settle", s->id, key);
    if (!*s->first) {
        snprintf(s->first, sizeof(s->first), "%s", s->id);
    }
    struct onecard_doc *claim = claim_of(req, s);
    h->doc_set_text(s->invoice, "status", "balanced");
    h->doc_set_text(s->invoice, "settlement", s->id);
    keep_doc(req, plan, s->invoice_key, s->invoice_version, s->invoice);
    keep_doc(req, plan, key, 0, claim);
    h->plan_message(plan, doc_text(req, s->invoice, "hospital"), "medical.settled", req->citizen,
                    claim);
    tell(req, plan, s);
}

/* ---- the services ---- */

SERVICE(medical_settle)
{
    (void)ctx;
    struct settled s = {0};
    const char *hospital, *id;
    int rc = hospital_of(req, plan, &hospital);
    rc = rc ? rc : id_param(req, plan, "bill", &id);
    rc = rc ? rc : pay_param(req, plan, PAY_PURSE, &s.pay);
    rc = rc ? rc : invoice_read(req, plan, hospital, id, "issued", &s);
    if (rc) {
        return rc;
    }
    if (*doc_text(req, s.invoice, "admission")) {
        return req->host->refuse(plan, OC_R_WRONG_STATE,
                                 "a stay's bill is settled by medical.inpatient_settle");
    }
    rc = split_ask(req, plan, s.invoice, "", &s.split);
    rc = rc ? rc : pay_take(req, plan, s.pay, s.split.cash, s.split.total);
    if (rc == 0) {
        s.chip = s.pay == PAY_PURSE && s.split.cash > 0;
        req->host->plan_leg(plan, OC_ACCT_MERCHANT, hospital, s.split.total);
        settle_write(req, plan, &s);
    }
    return rc;
}

/* The settlement that the original transaction made, or that took its place since, with its
 * invoice. */
static int find_claim(const struct medical *m, const struct onecard_request *req,
                      struct onecard_plan *plan, struct settled *s, char key[MEDICAL_KEY],
                      uint32_t *version, struct onecard_doc **claim)
{
    char bill[40], hospital[40];
    const char *service = strcmp(req->original->service, "medical.inpatient_settle") == 0
                              ? "medical.inpatient_settle"
                              : "medical.settle";
    int rc = original_word(req, plan, service, "bill", bill, sizeof(bill));
    rc = rc ? rc : original_word(req, plan, service, "hospital", hospital, sizeof(hospital));
    rc = rc ? rc : original_word(req, plan, service, "settlement", s->first, sizeof(s->first));
    rc = rc ? rc : invoice_read(req, plan, hospital, bill, "balanced", s);
    if (rc) {
        return rc;
    }
    own_key("settle", doc_text(req, s->invoice, "settlement"), key);
    rc = find_doc(req, plan, key, "there is no such settlement", version, claim);
    if (rc) {
        return rc;
    }
    if (!doc_is(req, *claim, "first", s->first)) {
        return req->host->refuse(plan, OC_R_WRONG_STATE,
                                 "it was cancelled, and the bill settled anew: name that one");
    }
    s->pay = pay_named(doc_text(req, *claim, "pay"));
    return pay_give_ok(m, req, plan, s->pay, doc_text(req, *claim, "paid_at"));
}

/* What the ledger counts against the original: of a purchase what the chip paid, of a transfer
 * between accounts all of it. Where that is nothing the plan is only linked. */
static void refund_kind(const struct onecard_request *req, struct onecard_plan *plan, fen_t counted,
                        fen_t told)
{
    const struct onecard_host *h = req->host;
    fen_t left = req->original->amount_fen - req->original->refunded_fen;
    counted = counted < left ? counted : left;
    h->plan_account(plan, counted > 0 ? counted : told);
    if (counted > 0) {
        h->plan_refund_of_original(plan);
    } else {
        h->plan_link(plan, req->original->txn);
    }
}

/* Money goes back to where it came from: first what was paid beside a stay's deposit. */
static fen_t beside_deposit(const struct onecard_request *req, const struct onecard_doc *claim,
                            fen_t own)
{
    fen_t beside = doc_int(req, claim, "cash_fen") - doc_int(req, claim, "deposit_fen");
    return own < beside ? own : beside;
}

/* s->deposit: what the deposit paid of what stays settled. */
static void own_part_back(const struct onecard_request *req, struct onecard_plan *plan,
                          struct settled *s, const struct onecard_doc *claim, fen_t own)
{
    fen_t beside = beside_deposit(req, claim, own);
    char owner[32];
    if (own > beside) {
        deposit_owner(doc_text(req, claim, "hospital"), doc_text(req, s->invoice, "admission"),
                      owner);
        req->host->plan_leg(plan, OC_ACCT_DEPOSIT, owner, own - beside);
    }
    pay_give(req, plan, s->pay, beside);
    s->deposit = doc_int(req, claim, "deposit_fen") - (own - beside);
}

SERVICE(medical_settle_cancel)
{
    const struct medical *m = ctx;
    const struct onecard_host *h = req->host;
    struct settled s = {0};
    char key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *claim = NULL;
    int rc = find_claim(m, req, plan, &s, key, &version, &claim);
    rc = rc ? rc : split_undo(req, plan, claim, &s.split);
    if (rc) {
        return rc;
    }
    refund_kind(req, plan, req->original->amount_fen, s.split.total);
    h->plan_leg(plan, OC_ACCT_MERCHANT, doc_text(req, claim, "hospital"), -s.split.total);
    own_part_back(req, plan, &s, claim, s.split.cash);
    h->doc_set_text(claim, "status", "cancelled");
    h->doc_set_text(s.invoice, "status", "issued");
    h->doc_remove(s.invoice, "settlement");
    keep_doc(req, plan, key, version, claim);
    keep_doc(req, plan, s.invoice_key, s.invoice_version, s.invoice);
    h->plan_message(plan, doc_text(req, claim, "hospital"), "medical.settle_cancelled",
                    req->citizen, claim);
    h->plan_reply_text(plan, "settlement", doc_text(req, claim, "id"));
    h->plan_reply_fen(plan, "total_fen", s.split.total);
    h->plan_reply_fen(plan, "fund_fen", s.split.fund);
    h->plan_reply_fen(plan, "personal_fen", s.split.personal);
    h->plan_reply_fen(plan, "returned_fen", s.split.cash);
    return 0;
}

/* ---- lines are given back ---- */

static bool line_named(const char *lines, int64_t sequence)
{
    char word[8];
    while (next_word(&lines, word, sizeof(word))) {
        if (number_of(word, LINES_MAX) == sequence) {
            return true;
        }
    }
    return false;
}

/* Moves the named lines to refundedItem. *ret_count: how many words there were, each a line. */
static int move_lines(const struct onecard_request *req, struct onecard_plan *plan,
                      struct onecard_doc *invoice, const char *lines, fen_t *ret_back)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *from = h->doc_get(invoice, "lineItem");
    struct onecard_doc *rest = h->doc_array(req), *gone = h->doc_array(req);
    const struct onecard_doc *before = h->doc_get(invoice, "refundedItem");
    size_t moved = 0, words = 0;
    const char *at = lines;
    char word[8];
    while (next_word(&at, word, sizeof(word))) {
        words++;
    }
    for (size_t i = 0; i < h->doc_count(before); i++) {
        h->doc_set(gone, NULL, doc_copy(req, h->doc_at(before, i, NULL)));
    }
    for (size_t i = 0; i < h->doc_count(from); i++) {
        const struct onecard_doc *line = h->doc_at(from, i, NULL);
        bool named = line_named(lines, doc_int(req, line, "sequence"));
        moved += named;
        *ret_back += named ? doc_int(req, line, "amount_fen") : 0;
        h->doc_set(named ? gone : rest, NULL, doc_copy(req, line));
    }
    if (!at || moved == 0 || moved != words) {
        return h->refuse(plan, OC_R_PARAMETER, "lines are line numbers of the bill: 2,3");
    }
    h->doc_set(invoice, "lineItem", rest);
    h->doc_set(invoice, "refundedItem", gone);
    h->doc_set_int(invoice, "totalGross_fen", doc_int(req, invoice, "totalGross_fen") - *ret_back);
    return 0;
}

/* The rest is settled again in the place of the first settlement, in the first one's year. */
static int settle_rest(const struct onecard_request *req, struct onecard_plan *plan,
                       struct settled *s, const struct onecard_doc *claim, fen_t *ret_own)
{
    const char *was = doc_text(req, claim, "settlement_id");
    fen_t before = doc_int(req, claim, "cash_fen");
    int rc = 0;
    if (*was) {
        rc = split_ask(req, plan, s->invoice, was, &s->split);
    } else {
        s->split.total = s->split.cash = doc_int(req, s->invoice, "totalGross_fen");
    }
    if (rc == 0 && s->split.cash > before) {
        return req->host->refuse(
            plan, OC_R_AMOUNT, "the rest alone costs more: cancel the settlement and settle anew");
    }
    *ret_own = before - s->split.cash;
    return rc;
}

SERVICE(medical_refund_lines)
{
    const struct medical *m = ctx;
    const struct onecard_host *h = req->host;
    struct settled s = {0};
    char key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *claim = NULL;
    fen_t back = 0, own = 0;
    int rc = find_claim(m, req, plan, &s, key, &version, &claim);
    rc = rc ? rc : move_lines(req, plan, s.invoice, param(req, "lines"), &back);
    if (rc == 0 && doc_int(req, s.invoice, "totalGross_fen") == 0) {
        return h->refuse(plan, OC_R_WRONG_STATE, "that is all of it: medical.settle_cancel");
    }
    rc = rc ? rc : settle_rest(req, plan, &s, claim, &own);
    if (rc) {
        return rc;
    }
    s.chip = h->doc_as_bool(h->doc_get(claim, "chip"), false);
    refund_kind(req, plan, s.chip ? beside_deposit(req, claim, own) : back, back);
    h->plan_leg(plan, OC_ACCT_MERCHANT, doc_text(req, claim, "hospital"), -back);
    own_part_back(req, plan, &s, claim, own);
    h->doc_set_text(claim, "status", "replaced");
    keep_doc(req, plan, key, version, claim);
    settle_write(req, plan, &s);
    h->plan_reply_fen(plan, "returned_fen", own);
    return 0;
}
