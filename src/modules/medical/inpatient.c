/* A stay in hospital (住院): admitted, a deposit taken (预交金), discharged, its one invoice
 * settled against the deposit.
 *
 *   admit          deposit …           discharge            inpatient_settle
 *   ────► in-progress ────► in-progress ────────► finished ───────────────► invoice balanced
 *            │ discharge with cancelled=true                                deposit 0
 *            └──────────────────────► cancelled ── deposit_return
 *
 * The deposit is an account of its own; its owner is made from hospital and number of the stay. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

void deposit_owner(const char *hospital, const char *admission, char ret[32])
{
    char hash[14];
    text_hash(hospital, admission, hash);
    snprintf(ret, 32, "%s/%.17s", hash, hospital);
}

static const struct field admit_fields[] = {
    {"id", F_ID, true, 1, 32, NULL},
    {"date", F_DATE, true, 0, 0, NULL},
    {"serviceType", F_TEXT, true, 1, 64, NULL},
    {"bed", F_TEXT, false, 1, 32, NULL},
    {"diagnosis", F_TEXT, false, 1, 200, NULL},
};

SERVICE(medical_admit)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = doc_new(req, "Encounter"), *old = NULL;
    char owner[MEDICAL_OWNER], key[MEDICAL_KEY];
    uint32_t version;
    h->doc_set_text(d, "class", "IMP");
    h->doc_set_text(d, "hospital", req->terminal.participant);
    int rc = pusher_ok(ctx, req, plan);
    rc = rc ? rc
            : shape_copy(req, plan, req->document, d, admit_fields,
                         sizeof(admit_fields) / sizeof(admit_fields[0]), "");
    if (rc) {
        return rc;
    }
    seal_content(req, d);
    citizen_owner(req, owner);
    ref_key("adm", req->terminal.participant, doc_text(req, d, "id"), key);
    rc = maybe_doc(req, owner, key, &version, &old);
    if (rc) {
        return rc;
    }
    if (old) {
        return same_content(req, old, d)
                   ? unchanged(req, plan)
                   : h->refuse(plan, OC_R_CONFLICT, "another stay has this number");
    }
    h->doc_set_text(d, "status", "in-progress");
    h->plan_note(plan);
    keep_doc(req, plan, key, 0, d);
    h->plan_reply_text(plan, "admission", doc_text(req, d, "id"));
    h->plan_reply_text(plan, "status", "in-progress");
    return 0;
}

struct stay {
    const char *hospital, *id;
    char key[MEDICAL_KEY], deposit[32];
    uint32_t version;
    struct onecard_doc *doc;
};

static int find_stay(const struct onecard_request *req, struct onecard_plan *plan, struct stay *ret)
{
    int rc = hospital_of(req, plan, &ret->hospital);
    rc = rc ? rc : id_param(req, plan, "admission", &ret->id);
    if (rc) {
        return rc;
    }
    ref_key("adm", ret->hospital, ret->id, ret->key);
    deposit_owner(ret->hospital, ret->id, ret->deposit);
    return find_doc(req, plan, ret->key, "this citizen has no such stay there", &ret->version,
                    &ret->doc);
}

SERVICE(medical_discharge)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    struct stay s;
    bool cancelled = strcmp(param(req, "cancelled"), "yes") == 0;
    const char *to = cancelled ? "cancelled" : "finished";
    int rc = find_stay(req, plan, &s);
    rc = rc ? rc : only_hospital(req, plan, s.hospital);
    if (rc) {
        return rc;
    }
    if (doc_is(req, s.doc, "status", to)) {
        return unchanged(req, plan);
    }
    if (!doc_is(req, s.doc, "status", "in-progress") ||
        (cancelled && *doc_text(req, s.doc, "invoice"))) {
        return h->refuse(plan, OC_R_WRONG_STATE, "the stay is %.16s or has an invoice",
                         doc_text(req, s.doc, "status"));
    }
    h->doc_set_text(s.doc, "status", to);
    h->doc_set_int(s.doc, "ended", req->business_date);
    h->plan_note(plan);
    keep_doc(req, plan, s.key, s.version, s.doc);
    h->plan_reply_text(plan, "admission", s.id);
    h->plan_reply_text(plan, "status", to);
    return 0;
}

SERVICE(medical_deposit)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    struct stay s;
    enum pay_source pay;
    int rc = find_stay(req, plan, &s);
    rc = rc ? rc : pay_param(req, plan, PAY_PURSE, &pay);
    if (rc) {
        return rc;
    }
    if (!doc_is(req, s.doc, "status", "in-progress")) {
        return h->refuse(plan, OC_R_WRONG_STATE, "the stay is over: settle it");
    }
    fen_t before = 0;
    rc = h->co_account(req, OC_ACCT_DEPOSIT, s.deposit, &before);
    rc = rc ? rc : pay_take(req, plan, pay, req->amount_fen, req->amount_fen);
    if (rc) {
        return rc;
    }
    struct onecard_doc *told = h->doc_object(req);
    h->doc_set_text(told, "admission", s.id);
    h->doc_set_int(told, "amount_fen", req->amount_fen);
    h->plan_leg(plan, OC_ACCT_DEPOSIT, s.deposit, req->amount_fen);
    h->plan_message(plan, s.hospital, "medical.deposited", req->citizen, told);
    h->plan_reply_text(plan, "admission", s.id);
    h->plan_reply_fen(plan, "deposit_fen", before + req->amount_fen);
    return 0;
}

/* Where the money of a deposit goes: it has no purse to go back into but the pending load. */
static int back_param(const struct onecard_request *req, struct onecard_plan *plan,
                      enum pay_source *ret)
{
    int rc = pay_param(req, plan, req->card ? PAY_PENDING : PAY_ACCOUNT, ret);
    if (rc) {
        return rc;
    }
    if ((*ret == PAY_PENDING || *ret == PAY_PURSE) && !req->card) {
        return req->host->refuse(plan, OC_R_NO_CARD, "onto which card? Present it");
    }
    if (*ret == PAY_CASH && req->strength < OC_STRENGTH_CODE) {
        return req->host->refuse(plan, OC_R_NEEDS_PRESENCE, "cash is paid to the holder, present");
    }
    return 0;
}

static int return_ok(const struct onecard_request *req, struct onecard_plan *plan,
                     const struct stay *s)
{
    struct settled invoice = {0};
    const char *id = doc_text(req, s->doc, "invoice");
    if (doc_is(req, s->doc, "status", "in-progress")) {
        return req->host->refuse(plan, OC_R_WRONG_STATE, "the stay is not over");
    }
    return *id ? invoice_read(req, plan, s->hospital, id, "balanced", &invoice) : 0;
}

SERVICE(medical_deposit_return)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    struct stay s;
    enum pay_source to;
    fen_t holds = 0;
    int rc = find_stay(req, plan, &s);
    rc = rc ? rc : only_hospital(req, plan, s.hospital);
    rc = rc ? rc : return_ok(req, plan, &s);
    rc = rc ? rc : back_param(req, plan, &to);
    rc = rc ? rc : h->co_account(req, OC_ACCT_DEPOSIT, s.deposit, &holds);
    if (rc) {
        return rc;
    }
    fen_t amount = req->amount_fen ? req->amount_fen : holds;
    if (amount == 0 || amount > holds) {
        return h->refuse(plan, OC_R_FUNDS, "the deposit holds %lld.%02lld yuan",
                         (long long)(holds / 100), (long long)(holds % 100));
    }
    h->plan_account(plan, amount);
    h->plan_leg(plan, OC_ACCT_DEPOSIT, s.deposit, -amount);
    pay_give(req, plan, to, amount);
    h->plan_reply_text(plan, "admission", s.id);
    h->plan_reply_text(plan, "to", to == PAY_PURSE ? "pending" : pay_name(to));
    h->plan_reply_fen(plan, "deposit_fen", holds - amount);
    return 0;
}

/* The deposit pays first; what it lacks is paid now, what is over goes back. */
static int pay_stay(const struct onecard_request *req, struct onecard_plan *plan,
                    const struct stay *stay, struct settled *s, fen_t holds)
{
    const struct onecard_host *h = req->host;
    fen_t short_of = s->split.cash > holds ? s->split.cash - holds : 0;
    int rc = 0;
    s->deposit = s->split.cash - short_of;
    s->returned = holds - s->deposit;
    if (s->returned > 0) {
        rc = back_param(req, plan, &s->pay);
    }
    rc = rc ? rc : pay_take(req, plan, s->pay, short_of, s->split.total);
    if (rc) {
        return rc;
    }
    s->chip = s->pay == PAY_PURSE && short_of > 0;
    if (holds > 0) {
        h->plan_leg(plan, OC_ACCT_DEPOSIT, stay->deposit, -holds);
    }
    pay_give(req, plan, s->pay, s->returned);
    h->plan_leg(plan, OC_ACCT_MERCHANT, stay->hospital, s->split.total);
    return 0;
}

SERVICE(medical_inpatient_settle)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    struct stay stay;
    struct settled s = {0};
    fen_t holds = 0;
    int rc = find_stay(req, plan, &stay);
    rc = rc ? rc : pay_param(req, plan, PAY_PURSE, &s.pay);
    if (rc) {
        return rc;
    }
    if (!doc_is(req, stay.doc, "status", "finished") || !*doc_text(req, stay.doc, "invoice")) {
        return h->refuse(plan, OC_R_WRONG_STATE, "the hospital has not sent discharge and bill");
    }
    rc = invoice_read(req, plan, stay.hospital, doc_text(req, stay.doc, "invoice"), "issued", &s);
    rc = rc ? rc : h->co_account(req, OC_ACCT_DEPOSIT, stay.deposit, &holds);
    rc = rc ? rc : split_ask(req, plan, s.invoice, "", &s.split);
    rc = rc ? rc : pay_stay(req, plan, &stay, &s, holds);
    if (rc == 0) {
        settle_write(req, plan, &s);
        h->plan_reply_fen(plan, "deposit_fen", s.deposit);
        h->plan_reply_fen(plan, "returned_fen", s.returned);
    }
    return rc;
}
