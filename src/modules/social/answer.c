/* What a settlement leaves: its record, its line in the day's list for the bureau, and the answer
 * to whoever asked. */
#include "settle.h"

#include <stdio.h>
#include <string.h>

#define LINES_SHOWN 25 /* an answer has four kilobytes; the settlement's record has every line */

static const char *const whats[FUND_PAID] = {"basic", "serious", "civil", "assistance"};

static const char *authority(const struct settlement *t)
{
    return t->rules && t->rules->upstream ? "upstream" : "here";
}

static struct onecard_doc *fund_list(const struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *list = h->doc_array(t->req);
    for (int f = 0; f < FUND_PAID && t->rules; f++) {
        if (t->fund[f] > 0) {
            struct onecard_doc *d = h->doc_object(t->req);
            h->doc_set_text(d, "owner", t->rules->fund[f]);
            h->doc_set_text(d, "what", whats[f]);
            h->doc_set_int(d, "fen", t->fund[f]);
            h->doc_set(list, NULL, d);
        }
    }
    return list;
}

static struct onecard_doc *family_list(const struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *list = h->doc_array(t->req);
    for (unsigned i = 0; i < t->bill.family_count; i++) {
        if (t->result.family[i] > 0) {
            struct onecard_doc *d = h->doc_object(t->req);
            h->doc_set_text(d, "owner", t->payers[i].owner);
            h->doc_set_int(d, "fen", t->result.family[i]);
            h->doc_set(list, NULL, d);
        }
    }
    return list;
}

static struct onecard_doc *line_list(const struct settlement *t)
{
    static const char *const classes[] = {"A", "B", "C"};
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *list = h->doc_array(t->req);
    for (size_t i = 0; i < t->bill.line_count; i++) {
        const struct split_part *p = &t->result.lines[i];
        struct onecard_doc *d = h->doc_object(t->req);
        h->doc_set_text(d, "class", classes[t->lines[i].cls]);
        h->doc_set_int(d, "fund_fen", p->amount - p->personal - p->family - p->cash);
        h->doc_set_int(d, "personal_fen", p->personal);
        h->doc_set_int(d, "family_fen", p->family);
        h->doc_set_int(d, "cash_fen", p->cash);
        h->doc_set(list, NULL, d);
    }
    return list;
}

struct sum {
    const char *name;
    fen_t fen;
};

void answer_settlement(struct settlement *t, fen_t credit)
{
    const struct onecard_host *h = t->req->host;
    const struct split_part *p = &t->result.total;
    const struct sum sums[] = {
        {"total_fen", t->total_fen},
        {"fund_fen", t->fund_fen},
        {"personal_fen", t->personal_fen},
        {"family_fen", t->family_fen},
        {"cash_fen", t->cash_fen},
        {"credit_fen", credit},
        {"deductible_fen", p->deductible},
        {"own_first_fen", p->own_first},
        {"over_limit_fen", p->over_limit},
        {"excluded_fen", p->excluded},
        {"over_ceiling_fen", t->result.over_ceiling},
    };
    h->plan_reply_text(t->plan, "settlement_id", t->show_only ? "" : t->sid);
    h->plan_reply_text(t->plan, "authority", authority(t));
    h->plan_reply_text(t->plan, "insurance", t->who.insurance);
    h->plan_reply_int(t->plan, "year", t->year);
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        h->plan_reply_fen(t->plan, sums[i].name, sums[i].fen);
    }
    h->plan_reply_doc(t->plan, "fund", fund_list(t));
    if (t->family_fen > 0) {
        h->plan_reply_doc(t->plan, "family", family_list(t));
    }
    if (t->bill.line_count <= LINES_SHOWN) {
        h->plan_reply_doc(t->plan, "lines", line_list(t));
    }
}

void answer_old(struct settlement *t, const struct onecard_doc *old, struct onecard_doc *to)
{
    static const char *const names[] = {"total_fen", "fund_fen", "personal_fen", "family_fen",
                                        "cash_fen"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fen_t fen = get_int(t->req, old, names[i], 0);
        if (to) {
            t->req->host->doc_set_int(to, names[i], fen);
        } else {
            t->req->host->plan_reply_fen(t->plan, names[i], fen);
        }
    }
}

/* ---- records ------------------------------------------------------------------------------------
 */

static struct onecard_doc *legs_doc(const struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *list = h->doc_array(t->req);
    for (size_t i = 0; i < t->leg_count; i++) {
        const struct leg *l = &t->legs[i];
        struct onecard_doc *d = h->doc_object(t->req);
        h->doc_set_text(d, "account", l->account == OC_ACCT_FUND ? "fund" : "personal");
        h->doc_set_text(d, "owner", l->owner);
        h->doc_set_int(d, "fen", l->fen);
        h->doc_set(list, NULL, d);
    }
    return list;
}

static void set_sums(const struct settlement *t, struct onecard_doc *d)
{
    const struct sum sums[] = {{"total_fen", t->total_fen},
                               {"fund_fen", t->fund_fen},
                               {"personal_fen", t->personal_fen},
                               {"family_fen", t->family_fen},
                               {"cash_fen", t->cash_fen}};
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        t->req->host->doc_set_int(d, sums[i].name, sums[i].fen);
    }
}

static void set_used(struct settlement *t, struct onecard_doc *d)
{
    const struct onecard_host *h = t->req->host;
    struct onecard_doc *used = h->doc_object(t->req);
    used_doc(t->req, used, &t->result.used);
    h->doc_set(d, "used", used);
    if (*t->admission.name) {
        h->doc_set_text(d, "admission", t->admission.name);
        h->doc_set_int(d, "admission_deductible_fen", t->result.total.deductible);
    }
}

/* A line for the bureau's daily list: what our books say of a settlement, or of its cancellation.
 */
static void day_write(struct settlement *t, const char *insurance, const char *sid, int sign,
                      const struct sum of[2])
{
    const struct onecard_host *h = t->req->host;
    char owner[SOCIAL_OWNER], key[SOCIAL_KEY];
    struct onecard_doc *d = h->doc_object(t->req);
    if (!*insurance) {
        return;
    }
    snprintf(owner, sizeof(owner), "day:%s/%08d", insurance, (int)t->req->business_date);
    snprintf(key, sizeof(key), "%.36s%s", sid, sign < 0 ? "-c" : "");
    for (int i = 0; i < 2; i++) {
        h->doc_set_int(d, of[i].name, sign * of[i].fen);
    }
    h->doc_set_text(d, "hospital", t->hospital);
    h->plan_doc(t->plan, owner, key, 0, d);
}

void settlement_write(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    char key[SOCIAL_KEY];
    struct onecard_doc *d = h->doc_object(t->req);
    const struct sum sums[2] = {{"fund_fen", t->fund_fen},
                                {"personal_fen", t->personal_fen + t->family_fen}};
    snprintf(key, sizeof(key), "settle/%.32s", t->sid);
    h->doc_set_text(d, "state", "settled");
    h->doc_set_text(d, "bill", t->bill_id);
    h->doc_set_text(d, "hospital", t->hospital);
    h->doc_set_text(d, "insurance", t->who.insurance);
    h->doc_set_text(d, "authority", authority(t));
    h->doc_set_int(d, "date", t->date);
    h->doc_set_int(d, "year", t->year);
    h->doc_set_int(d, "settled_on", t->req->business_date);
    if (*t->old_sid) {
        h->doc_set_text(d, "replaces", t->old_sid);
    }
    set_sums(t, d);
    if (t->rules && !t->rules->upstream) {
        set_used(t, d);
    }
    h->doc_set(d, "legs", legs_doc(t));
    h->doc_set(d, "lines", line_list(t));
    h->plan_doc(t->plan, t->owner, key, 0, d);
    day_write(t, t->who.insurance, t->sid, 1, sums);
}

void old_write(struct settlement *t, const char *state)
{
    const struct onecard_host *h = t->req->host;
    char key[SOCIAL_KEY];
    fen_t personal = get_int(t->req, t->old.doc, "personal_fen", 0) +
                     get_int(t->req, t->old.doc, "family_fen", 0);
    const struct sum sums[2] = {{"fund_fen", get_int(t->req, t->old.doc, "fund_fen", 0)},
                                {"personal_fen", personal}};
    snprintf(key, sizeof(key), "settle/%.32s", t->old_sid);
    day_write(t, get_text(t->req, t->old.doc, "insurance", ""), t->old_sid, -1, sums);
    h->doc_set_text(t->old.doc, "state", state);
    h->doc_set_int(t->old.doc, "closed_on", t->req->business_date);
    h->plan_doc(t->plan, t->owner, key, t->old.version, t->old.doc);
}
