/* Personal accounts in a settlement: the patient's own, then those of relatives who bound theirs.
 */
#include "settle.h"

#include <string.h>

int accounts_co_read(struct settlement *t)
{
    unsigned n = 0;
    int rc = 0;
    if (t->rules && t->rules->personal_upstream) { /* the bureau knows what they hold */
        return 0;
    }
    if (t->use_personal) {
        rc = t->req->host->co_account(t->req, OC_ACCT_PERSONAL, t->citizen, &t->bill.personal);
    }
    if (rc == 0 && t->use_family) {
        rc = family_co_payers(t->req, t->citizen, t->payers, SPLIT_FAMILY_MAX, &n);
    }
    t->payer_count = n;
    t->bill.family_count = n;
    for (unsigned i = 0; i < n; i++) {
        t->bill.family[i].can = t->payers[i].can;
    }
    return rc;
}

static int co_give_back(struct settlement *t, const char *owner, fen_t fen, bool same_year)
{
    struct payer p;
    unsigned i = 0;
    while (i < t->payer_count && strcmp(t->payers[i].owner, owner) != 0) {
        i++;
    }
    if (i == t->payer_count) {
        int rc = family_co_payer(t->req, t->citizen, owner, &p);
        if (rc || i == sizeof(t->payers) / sizeof(t->payers[0])) {
            return rc == OC_ENOENT || rc == OC_ESTATE ? 0 : rc; /* unbound: nothing is counted */
        }
        t->payers[t->payer_count++] = p;
    }
    if (i < t->bill.family_count) {
        fen_t can = t->payers[i].can + (same_year ? fen : 0);
        t->bill.family[i].can = can < fen ? can : fen;
    }
    t->counts[i] -= same_year ? fen : 0;
    return 0;
}

/* What comes in the place of a settlement is bounded by it (R6): nobody pays who did not, and
 * nobody more. */
int accounts_co_restore(struct settlement *t, const struct onecard_doc *old)
{
    const struct onecard_host *h = t->req->host;
    const struct onecard_doc *legs = h->doc_get(old, "legs");
    int64_t year = get_int(t->req, old, "settled_on", 0) / 10000;
    int rc = 0;
    t->bill.personal = 0;
    for (unsigned i = 0; i < t->bill.family_count; i++) {
        t->bill.family[i].can = 0;
    }
    for (size_t i = 0; i < h->doc_count(legs) && rc == 0; i++) {
        const struct onecard_doc *l = h->doc_at(legs, i, NULL);
        const char *owner = get_text(t->req, l, "owner", "");
        fen_t fen = get_int(t->req, l, "fen", 0);
        if (strcmp(get_text(t->req, l, "account", ""), "personal") != 0) {
            continue;
        }
        if (strcmp(owner, t->citizen) == 0) {
            t->bill.personal += t->use_personal ? fen : 0;
        } else {
            rc = co_give_back(t, owner, fen, year == t->req->business_date / 10000);
        }
    }
    return rc;
}

void accounts_count(struct settlement *t)
{
    for (unsigned i = 0; i < t->payer_count; i++) {
        fen_t pays = i < t->bill.family_count ? t->result.family[i] : 0;
        family_count(t->req, t->plan, t->citizen, &t->payers[i], t->counts[i] + pays);
    }
}
