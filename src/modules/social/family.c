/* Family sharing 家庭共济: who may pay medical bills from whose personal account, up to how much a
 * calendar year. The owner consents with card and PIN. Two records, one on each side, written and
 * removed together; the owner's one counts what was used, so two hospitals that spend the last of a
 * limit at the same moment collide in its version. */
#include "social.h"

#include <string.h>

static int32_t year_now(const struct onecard_request *req)
{
    return req->business_date / 10000;
}

static fen_t used_in(const struct onecard_request *req, const struct onecard_doc *d, int32_t year)
{
    return get_int(req, d, "year", 0) == year ? get_int(req, d, "used_fen", 0) : 0;
}

int family_co_payer(const struct onecard_request *req, const char *citizen, const char *owner,
                    struct payer *ret)
{
    const struct onecard_host *h = req->host;
    char of[SOCIAL_OWNER], key[SOCIAL_KEY];
    struct payer p = {0};
    fen_t holds = 0;
    if (!social_word(owner, SOCIAL_ID - 1) || !social_key(key, "family/", citizen)) {
        return OC_ENOENT;
    }
    int rc = h->co_doc(req, social_owner(of, owner), key, &p.version, &p.doc);
    rc = rc ? rc : h->co_account(req, OC_ACCT_PERSONAL, owner, &holds);
    if (rc) {
        return rc;
    }
    fen_t limit = get_int(req, p.doc, "limit_fen", 0);
    fen_t left = limit - used_in(req, p.doc, year_now(req));
    left = left > 0 ? left : 0;
    p.can = limit > 0 && left < holds ? left : holds;
    strcpy(p.owner, owner);
    *ret = p;
    return 0;
}

int family_co_payers(const struct onecard_request *req, const char *citizen, struct payer *ret,
                     unsigned cap, unsigned *ret_count)
{
    char owner[SOCIAL_OWNER], key[SOCIAL_KEY] = "";
    unsigned n = 0;
    social_owner(owner, citizen);
    while (n < cap) {
        uint32_t version;
        struct onecard_doc *d;
        int rc = req->host->co_next_doc(req, owner, "payer/", key, &version, &d);
        if (rc == OC_ENOENT) {
            break;
        }
        rc = rc ? rc : family_co_payer(req, citizen, key + strlen("payer/"), &ret[n]);
        if (rc == OC_ENOENT || rc == OC_ESTATE) { /* unbound meanwhile, or erased */
            continue;
        }
        if (rc) {
            return rc;
        }
        n += ret[n].can > 0;
    }
    *ret_count = n;
    return 0;
}

void family_count(const struct onecard_request *req, struct onecard_plan *plan, const char *citizen,
                  const struct payer *p, fen_t amount)
{
    const struct onecard_host *h = req->host;
    char of[SOCIAL_OWNER], key[SOCIAL_KEY];
    fen_t used = used_in(req, p->doc, year_now(req)) + amount;
    if (amount == 0 || !social_key(key, "family/", citizen)) {
        return;
    }
    h->doc_set_int(p->doc, "year", year_now(req));
    h->doc_set_int(p->doc, "used_fen", used > 0 ? used : 0);
    h->plan_doc(plan, social_owner(of, p->owner), key, p->version, p->doc);
}

/* ---- services -----------------------------------------------------------------------------------
 */

/* The member by citizen id, or by the printed number of a card. */
static int co_member(const struct onecard_request *req, struct onecard_plan *plan,
                     char ret[SOCIAL_ID])
{
    const struct onecard_host *h = req->host;
    const char *id = h->param_text(req, "member"), *card = h->param_text(req, "member_card");
    int rc = OC_ENOENT;
    if (id && *id && social_word(id, SOCIAL_ID - 1)) {
        rc = h->co_citizen(req, id);
        strcpy(ret, id);
    } else if (card && *card) {
        rc = h->co_holder(req, card, ret);
    } else {
        return h->refuse(plan, OC_R_PARAMETER, "member: whose bills? a citizen, or member_card");
    }
    if (rc == OC_ENOENT) {
        return h->refuse(plan, OC_R_NO_CITIZEN, "no such member is registered");
    }
    if (rc == 0 && strcmp(ret, req->citizen) == 0) {
        return h->refuse(plan, OC_R_PARAMETER, "the member is the owner: nothing has to be bound");
    }
    return rc;
}

static int co_count_members(const struct onecard_request *req, const char *owner, int64_t *ret)
{
    char key[SOCIAL_KEY] = "";
    uint32_t version;
    struct onecard_doc *d;
    int64_t n = 0;
    int rc;
    while ((rc = req->host->co_next_doc(req, owner, "family/", key, &version, &d)) == 0) {
        n++;
    }
    *ret = n;
    return rc == OC_ENOENT ? 0 : rc;
}

static int limit_of(const struct onecard_request *req, struct onecard_plan *plan, fen_t *ret)
{
    const char *text = req->host->param_text(req, "limit");
    *ret = 0;
    if (text && *text && (req->host->parse_fen(text, ret) || *ret <= 0)) {
        return req->host->refuse(plan, OC_R_PARAMETER, "limit: yuan a year, such as 2000");
    }
    return 0;
}

static bool relation_known(const char *relation)
{
    static const char *const known[] = {"spouse", "parent", "child", "grandparent", "sibling"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (relation && strcmp(known[i], relation) == 0) {
            return true;
        }
    }
    return false;
}

struct bond {
    char owner[SOCIAL_OWNER], member[SOCIAL_OWNER];
    char down[SOCIAL_KEY], up[SOCIAL_KEY]; /* family/MEMBER, payer/OWNER */
    uint32_t down_version, up_version;
    struct onecard_doc *down_doc, *up_doc;
};

static int co_bond(const struct onecard_request *req, const char *owner, const char *member,
                   struct bond *b)
{
    memset(b, 0, sizeof(*b));
    social_owner(b->owner, owner);
    social_owner(b->member, member);
    if (!social_key(b->down, "family/", member) || !social_key(b->up, "payer/", owner)) {
        return OC_EINVAL;
    }
    int rc = co_optional(req, b->owner, b->down, &b->down_version, &b->down_doc);
    return rc ? rc : co_optional(req, b->member, b->up, &b->up_version, &b->up_doc);
}

int social_family_bind(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct social *s = ctx;
    const struct onecard_host *h = req->host;
    const char *relation = h->param_text(req, "relation");
    char member[SOCIAL_ID];
    struct bond b;
    fen_t limit;
    int64_t bound = 0;
    int rc = co_member(req, plan, member);
    rc = rc ? rc : limit_of(req, plan, &limit);
    rc = rc ? rc : co_bond(req, req->citizen, member, &b);
    rc = rc ? rc : co_count_members(req, b.owner, &bound);
    if (rc) {
        return rc;
    }
    if (!relation_known(relation)) {
        return h->refuse(plan, OC_R_PARAMETER,
                         "relation is spouse, parent, child, grandparent or sibling");
    }
    if (!b.down_doc && bound >= s->family_max) {
        return h->refuse(plan, OC_R_LIMIT, "at most %lld relatives: unbind one first",
                         (long long)s->family_max);
    }
    b.down_doc = b.down_doc ? b.down_doc : h->doc_object(req);
    b.up_doc = b.up_doc ? b.up_doc : h->doc_object(req);
    h->doc_set_text(b.down_doc, "member", member);
    h->doc_set_text(b.down_doc, "relation", relation);
    h->doc_set_int(b.down_doc, "limit_fen", limit);
    h->doc_set_int(b.down_doc, "since", req->business_date);
    h->doc_set_text(b.up_doc, "owner", req->citizen);
    h->doc_set_text(b.up_doc, "relation", relation);
    h->doc_set_int(b.up_doc, "since", req->business_date);
    h->plan_note(plan);
    h->plan_doc(plan, b.owner, b.down, b.down_version, b.down_doc);
    h->plan_doc(plan, b.member, b.up, b.up_version, b.up_doc);
    h->plan_reply_text(plan, "member", member);
    h->plan_reply_fen(plan, "limit_fen", limit);
    return 0;
}

/* The owner takes his consent back (member=), or the member leaves (owner=). */
int social_family_unbind(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *member = h->param_text(req, "member"), *owner = h->param_text(req, "owner");
    struct bond b;
    (void)ctx;
    bool leaves = owner && *owner;
    if (leaves == (member && *member)) {
        return h->refuse(plan, OC_R_PARAMETER, "member (taken off) or owner (left), one of them");
    }
    int rc = co_bond(req, leaves ? owner : req->citizen, leaves ? req->citizen : member, &b);
    if (rc == OC_EINVAL || (rc == 0 && !b.down_doc)) {
        return h->refuse(plan, OC_R_NOT_FOUND, "these two are not bound");
    }
    if (rc) {
        return rc;
    }
    h->plan_note(plan);
    h->plan_doc_remove(plan, b.owner, b.down, b.down_version);
    if (b.up_doc) {
        h->plan_doc_remove(plan, b.member, b.up, b.up_version);
    }
    return 0;
}

#define LISTED 12 /* of each side: an answer has four kilobytes */

static int co_list(const struct onecard_request *req, const char *prefix, struct onecard_doc *to)
{
    static const char *const texts[] = {"member", "owner", "relation"};
    static const char *const numbers[] = {"limit_fen", "year", "used_fen", "since"};
    const struct onecard_host *h = req->host;
    char owner[SOCIAL_OWNER], key[SOCIAL_KEY] = "";
    uint32_t version;
    struct onecard_doc *d;
    int rc = 0;
    social_owner(owner, req->citizen);
    while (h->doc_count(to) < LISTED &&
           (rc = h->co_next_doc(req, owner, prefix, key, &version, &d)) == 0) {
        struct onecard_doc *row = h->doc_object(req);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            const char *text = get_text(req, d, texts[i], NULL);
            if (text) {
                h->doc_set_text(row, texts[i], text);
            }
        }
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            if (h->doc_get(d, numbers[i])) {
                h->doc_set_int(row, numbers[i], get_int(req, d, numbers[i], 0));
            }
        }
        h->doc_set(to, NULL, row);
    }
    return rc == OC_ENOENT ? 0 : rc;
}

int social_family_list(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct onecard_doc *members = req->host->doc_array(req), *payers = req->host->doc_array(req);
    (void)ctx;
    int rc = co_list(req, "family/", members);
    rc = rc ? rc : co_list(req, "payer/", payers);
    if (rc) {
        return rc;
    }
    req->host->plan_reply_doc(plan, "members", members);
    req->host->plan_reply_doc(plan, "payers", payers);
    return 0;
}
