/* Who pays, as legs. Several parts that one account pays are one leg; what a settlement takes and
 * what the one it replaces gives back are one leg, too, so that a partial refund moves only the
 * difference. */
#include "settle.h"

#include <string.h>

void leg_add(struct settlement *t, enum onecard_account account, const char *owner, fen_t fen)
{
    if (fen == 0) {
        return;
    }
    for (size_t i = 0; i < t->leg_count; i++) {
        if (t->legs[i].account == account && strcmp(t->legs[i].owner, owner) == 0) {
            t->legs[i].fen += fen;
            return;
        }
    }
    if (t->leg_count == sizeof(t->legs) / sizeof(t->legs[0])) {
        return; /* legs_plan() finds that the sum is not there */
    }
    struct leg *l = &t->legs[t->leg_count++];
    l->account = account;
    strcpy(l->owner, owner);
    l->fen = fen;
}

/* Where the bureau keeps the personal accounts, its fund stands for them. */
static void personal_leg(struct settlement *t)
{
    if (t->rules && t->rules->personal_upstream) {
        leg_add(t, OC_ACCT_FUND, t->rules->fund[FUND_PERSONAL], t->personal_fen);
    } else {
        leg_add(t, OC_ACCT_PERSONAL, t->citizen, t->personal_fen);
    }
}

size_t legs_of_result(struct settlement *t)
{
    size_t before = t->leg_count;
    for (int f = 0; f < FUND_PAID && t->rules; f++) {
        leg_add(t, OC_ACCT_FUND, t->rules->fund[f], t->fund[f]);
    }
    personal_leg(t);
    for (unsigned i = 0; i < t->bill.family_count; i++) {
        leg_add(t, OC_ACCT_PERSONAL, t->payers[i].owner, t->result.family[i]);
    }
    return t->leg_count - before;
}

void legs_of_old(struct settlement *t, const struct onecard_doc *old)
{
    const struct onecard_host *h = t->req->host;
    const struct onecard_doc *legs = h->doc_get(old, "legs");
    for (size_t i = 0; i < h->doc_count(legs); i++) {
        const struct onecard_doc *l = h->doc_at(legs, i, NULL);
        const char *owner = get_text(t->req, l, "owner", "");
        bool fund = strcmp(get_text(t->req, l, "account", ""), "fund") == 0;
        if (*owner && strlen(owner) < SOCIAL_ID) {
            leg_add(t, fund ? OC_ACCT_FUND : OC_ACCT_PERSONAL, owner,
                    -get_int(t->req, l, "fen", 0));
        }
    }
}

int legs_plan(struct settlement *t, fen_t *ret_sum)
{
    size_t n = 0;
    fen_t sum = 0;
    for (size_t i = 0; i < t->leg_count; i++) {
        n += t->legs[i].fen != 0;
    }
    if (n > SOCIAL_LEGS) {
        return t->req->host->refuse(t->plan, OC_R_LIMIT,
                                    "too many payers in one settlement: ask with family=no");
    }
    for (size_t i = 0; i < t->leg_count; i++) {
        if (t->legs[i].fen != 0) {
            t->req->host->plan_leg(t->plan, t->legs[i].account, t->legs[i].owner, -t->legs[i].fen);
            sum += t->legs[i].fen;
        }
    }
    *ret_sum = sum;
    return 0;
}
