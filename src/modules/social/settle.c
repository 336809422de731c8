/* social.split, social.split_cancel, social.presettle: a bill is read, what holds for it is
 * gathered, it is decided here or by the bureau, and the legs and records go into the asker's plan.
 * Nothing is written where it is only shown.
 *
 *            split                        split_cancel
 *   (none) ─────────► settled ───────────────────────────► cancelled
 *                        │  split with replaces=
 *                        └──────────────────────────────► replaced (by a new settlement) */
#include "settle.h"

#include <stdlib.h>
#include <string.h>

/* Whoever has no insurance on that day pays himself; what is in his personal account is still his.
 */
static const struct split_rules nobody = {
    .ratios = {{SPLIT_ANY, SPLIT_ANY, SPLIT_ANY, SPLIT_ANY, 0}},
    .ratio_count = 1,
    .personal_all = true,
};

static bool yes(const struct onecard_request *req, const char *name, bool dflt)
{
    const char *v = req->host->param_text(req, name);
    return v && *v ? strcmp(v, "yes") == 0 || strcmp(v, "true") == 0 : dflt;
}

static bool here(const struct settlement *t)
{
    return t->rules && !t->rules->upstream;
}

/* The request's own word as a settlement's id: keys of records and the bureau's lists take letters,
 * digits and a few marks only. */
static void name_it(char to[SOCIAL_KEY], const char *hint)
{
    size_t i = 0;
    for (; hint[i] && i < SOCIAL_ID - 1; i++) {
        char one[2] = {hint[i], '\0'};
        to[i] = social_word(one, 1) ? hint[i] : '.';
    }
    to[i] = '\0';
}

/* ---- what is asked ------------------------------------------------------------------------------
 */

static int begin(struct settlement *t, const struct social *s, const struct onecard_request *req,
                 struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *citizen = whose(req), *hospital = h->param_text(req, "hospital");
    const char *hint = req->txn_hint ? req->txn_hint : "";
    hospital = hospital && *hospital ? hospital : req->terminal.participant;
    t->req = req;
    t->plan = plan;
    t->s = s;
    t->use_personal = yes(req, "personal", true);
    t->use_family = yes(req, "family", false);
    if (!social_word(citizen, SOCIAL_ID - 1)) {
        return h->refuse(plan, OC_R_NO_CITIZEN, "whose bill is it? citizen=ID");
    }
    if (!hospital || strlen(hospital) >= SOCIAL_ID) {
        return h->refuse(plan, OC_R_PARAMETER, "hospital: a participant's id");
    }
    strcpy(t->citizen, citizen);
    strcpy(t->hospital, hospital);
    name_it(t->sid, hint);
    social_owner(t->owner, citizen);
    return 0;
}

static int only_asked(const struct onecard_request *req, struct onecard_plan *plan)
{
    if (req->asked_by) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT,
                             "only a settlement asks this: medical.settle, or social.presettle");
}

/* ---- what holds ---------------------------------------------------------------------------------
 */

static int co_find_old(struct settlement *t, const char *sid)
{
    const struct onecard_host *h = t->req->host;
    char key[SOCIAL_KEY];
    if (!social_key(key, "settle/", sid)) {
        return h->refuse(t->plan, OC_R_NOT_FOUND, "there is no such settlement");
    }
    strcpy(t->old_sid, sid);
    int rc = h->co_doc(t->req, t->owner, key, &t->old.version, &t->old.doc);
    if (rc == OC_ENOENT) {
        return h->refuse(t->plan, OC_R_NOT_FOUND, "this citizen has no such settlement");
    }
    if (rc == 0 && strcmp(get_text(t->req, t->old.doc, "state", ""), "settled") != 0) {
        return h->refuse(t->plan, OC_R_WRONG_STATE, "the settlement is %.16s already",
                         get_text(t->req, t->old.doc, "state", "closed"));
    }
    return rc;
}

/* One plan writes one year and one admission: a settlement that would move to another is not
 * replaced but cancelled and made anew. */
static int same_place(struct settlement *t)
{
    const struct onecard_doc *o = t->old.doc;
    if (strcmp(get_text(t->req, o, "insurance", ""), t->who.insurance) == 0 &&
        strcmp(get_text(t->req, o, "admission", ""), t->admission.name) == 0 &&
        strcmp(get_text(t->req, o, "hospital", ""), t->hospital) == 0 &&
        get_int(t->req, o, "year", 0) == t->year) {
        return 0;
    }
    return t->req->host->refuse(t->plan, OC_R_WRONG_STATE,
                                "insurance, stay or year differ: cancel it and settle anew");
}

static int co_gather_year(struct settlement *t, const char *replaces)
{
    char name[BILL_ID];
    strcpy(name, here(t) ? t->admission.name : "");
    int rc = here(t) ? year_co_read(t) : 0;
    rc = rc ? rc : admission_co_read(t, name);
    if (rc || !*replaces) {
        return rc;
    }
    rc = co_find_old(t, replaces);
    rc = rc ? rc : same_place(t);
    if (rc == 0 && here(t)) {
        year_restore(t, t->old.doc);
    }
    return rc;
}

/* Read with the insurance, which says whether they are needed: of nearly every bill they are. */
static void want_what_follows(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    year_key(t, split_year(t->date, 101));
    h->want_doc(t->req, t->owner, t->year_key);
    if (t->use_personal) {
        h->want_account(t->req, OC_ACCT_PERSONAL, t->citizen);
    }
}

static int co_gather(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    const char *replaces = t->show_only ? NULL : h->param_text(t->req, "replaces");
    int rc = bill_read(t);
    if (rc == 0) {
        want_what_follows(t);
    }
    rc = rc ? rc : insured_co_find(t->req, t->citizen, t->date, &t->who);
    if (rc) {
        return rc;
    }
    if (*t->who.insurance) {
        t->rules = book_rules(&t->s->book, t->who.insurance, t->date);
        if (!t->rules) {
            return h->refuse(t->plan, OC_R_NOT_FOUND, "no rules of %.15s are in force on %d",
                             t->who.insurance, (int)t->date);
        }
    }
    t->year = split_year(t->date, t->rules ? t->rules->year_starts : 101);
    if (!here(t)) {
        t->admission.name[0] = '\0'; /* counted by the bureau, or by nobody */
    }
    rc = co_gather_year(t, replaces ? replaces : "");
    rc = rc ? rc : accounts_co_read(t);
    return rc || !t->old.doc ? rc : accounts_co_restore(t, t->old.doc);
}

/* ---- the decision -------------------------------------------------------------------------------
 */

static int decide_here(struct settlement *t)
{
    const struct split_rules *rules = t->rules ? &t->rules->split : &nobody;
    const struct split_part *sum = &t->result.total;
    if (t->rules && t->bill.level == 0) {
        return t->req->host->refuse(t->plan, OC_R_PARAMETER,
                                    "bill: level: 1, 2 or 3, or a hospital that the list names");
    }
    t->bill.level = t->bill.level ? t->bill.level : 1;
    int rc = split_bill(rules, &t->who.split, &t->used,
                        *t->admission.name ? &t->admission.is : NULL, &t->bill, &t->result);
    if (rc) {
        return t->req->host->refuse(t->plan, rc == OC_ELIMIT ? OC_R_AMOUNT : OC_R_PARAMETER,
                                    rc == OC_ELIMIT ? "the bill is over 10,000,000 yuan"
                                                    : "the rules have no place for this bill");
    }
    const fen_t funds[FUND_PAID] = {sum->fund, sum->serious, sum->civil, sum->assistance};
    memcpy(t->fund, funds, sizeof(funds));
    return 0;
}

static void add_up(struct settlement *t)
{
    const struct split_part *sum = &t->result.total;
    t->fund_fen = 0;
    for (int f = 0; f < FUND_PAID; f++) {
        t->fund_fen += t->fund[f];
    }
    t->total_fen = sum->amount;
    t->personal_fen = sum->personal;
    t->family_fen = sum->family;
    t->cash_fen = sum->cash;
}

/* A plan has few legs: where the funds take many, fewer relatives pay. */
static int co_decide(struct settlement *t)
{
    if (t->rules && t->rules->upstream) {
        t->bill.family_count = 0;
        int rc = asked_co_presettle(t);
        add_up(t);
        return rc ? rc : (legs_of_result(t), 0);
    }
    for (;;) {
        int rc = decide_here(t);
        if (rc) {
            return rc;
        }
        add_up(t);
        t->leg_count = 0;
        if (legs_of_result(t) <= SOCIAL_LEGS || t->bill.family_count == 0) {
            return 0;
        }
        t->bill.family_count--;
    }
}

/* ---- what is left behind ------------------------------------------------------------------------
 */

static int leave(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    fen_t sum = 0;
    settlement_write(t);
    if (here(t)) {
        split_used_add(&t->used, &t->result.used, 1);
        t->admission.is = t->result.admission;
        t->admission.bills += *t->admission.name ? 1 : 0;
        year_write(t);
    }
    if (t->old.doc) {
        legs_of_old(t, t->old.doc);
        struct onecard_doc *was = h->doc_object(t->req);
        answer_old(t, t->old.doc, was);
        h->plan_reply_doc(t->plan, "replaced", was);
        old_write(t, "replaced");
    }
    accounts_count(t);
    if (t->rules && t->rules->upstream) {
        asked_hold(t);
    }
    int rc = legs_plan(t, &sum);
    answer_settlement(t, sum);
    return rc;
}

static int co_split(struct settlement *t, const struct social *s, const struct onecard_request *req,
                    struct onecard_plan *plan)
{
    const char *text = req->host->param_text(req, "bill");
    int rc = begin(t, s, req, plan);
    if (rc) {
        return rc;
    }
    t->bill_text = text && *text   ? text
                   : req->document ? req->host->doc_text_of(req, req->document)
                                   : NULL;
    if (!t->bill_text) {
        return req->host->refuse(plan, OC_R_PARAMETER, "the bill is missing");
    }
    rc = co_gather(t);
    rc = rc ? rc : co_decide(t);
    if (rc || !t->show_only) {
        return rc ? rc : leave(t);
    }
    answer_settlement(t, t->fund_fen + t->personal_fen + t->family_fen);
    return 0;
}

int social_split(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    int rc = only_asked(req, plan);
    struct settlement *t = rc ? NULL : calloc(1, sizeof(*t));
    if (!t) {
        return rc ? rc : no_memory(req, plan);
    }
    rc = co_split(t, ctx, req, plan);
    free(t);
    return rc;
}

int social_presettle(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct settlement *t = calloc(1, sizeof(*t));
    if (!t) {
        return no_memory(req, plan);
    }
    t->show_only = true;
    int rc = co_split(t, ctx, req, plan);
    free(t);
    return rc;
}

/* ---- cancelling ---------------------------------------------------------------------------------
 */

static int co_restore_year(struct settlement *t)
{
    const struct onecard_doc *o = t->old.doc;
    char name[BILL_ID];
    const char *admission = get_text(t->req, o, "admission", "");
    t->year = (int32_t)get_int(t->req, o, "year", 0);
    if (!t->req->host->doc_get(o, "used")) {
        return 0;
    }
    memcpy(name, admission, strnlen(admission, sizeof(name) - 1) + 1);
    name[sizeof(name) - 1] = '\0';
    int rc = year_co_read(t);
    rc = rc ? rc : admission_co_read(t, name);
    if (rc == 0) {
        year_restore(t, o);
        year_write(t);
    }
    return rc;
}

static int cancel_upstream(struct settlement *t)
{
    const struct onecard_doc *o = t->old.doc;
    const char *insurance = get_text(t->req, o, "insurance", "");
    if (strcmp(get_text(t->req, o, "authority", ""), "upstream") != 0) {
        return 0;
    }
    const struct social_rules *rules =
        book_rules(&t->s->book, insurance, (int32_t)get_int(t->req, o, "date", 0));
    if (!rules) {
        return t->req->host->refuse(t->plan, OC_R_NOT_FOUND, "no rules of %.15s: who is asked?",
                                    insurance);
    }
    asked_cancel(t, rules, o);
    return 0;
}

static int co_cancel(struct settlement *t, const struct social *s,
                     const struct onecard_request *req, struct onecard_plan *plan)
{
    const char *sid = req->host->param_text(req, "settlement_id");
    fen_t sum = 0;
    int rc = begin(t, s, req, plan);
    rc = rc ? rc : co_find_old(t, sid ? sid : "");
    if (rc) {
        return rc;
    }
    const char *hospital = get_text(req, t->old.doc, "hospital", "");
    memset(t->hospital, 0, sizeof(t->hospital));
    memcpy(t->hospital, hospital, strnlen(hospital, sizeof(t->hospital) - 1));
    rc = cancel_upstream(t);
    rc = rc ? rc : co_restore_year(t);
    rc = rc ? rc : accounts_co_restore(t, t->old.doc);
    if (rc) {
        return rc;
    }
    accounts_count(t);
    legs_of_old(t, t->old.doc);
    rc = legs_plan(t, &sum);
    answer_old(t, t->old.doc, NULL);
    req->host->plan_reply_fen(plan, "credit_fen", sum);
    req->host->plan_reply_text(plan, "hospital", t->hospital);
    req->host->plan_reply_text(plan, "bill", get_text(req, t->old.doc, "bill", ""));
    old_write(t, "cancelled");
    return rc;
}

int social_split_cancel(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    int rc = only_asked(req, plan);
    struct settlement *t = rc ? NULL : calloc(1, sizeof(*t));
    if (!t) {
        return rc ? rc : no_memory(req, plan);
    }
    rc = co_cancel(t, ctx, req, plan);
    free(t);
    return rc;
}
