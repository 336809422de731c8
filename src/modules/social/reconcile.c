/* Daily reconciliation 日对账: the bureau's list of a day against our books. The list comes in
 * pieces in ascending order of the settlement's id; a piece speaks for every id after the one
 * before it up to its own last, so that what is missing on either side shows. Every difference is
 * one item; nothing is corrected by itself: corrections are new transactions (R6). */
#include "social.h"

#include <stdio.h>
#include <string.h>

#define PIECE_MAX       500
#define DIFFERENCES_MAX 300 /* kept of one piece */
#define SHOWN_AT_ONCE   4
#define SHOWN_A_PAGE    25
#define OURS_MAX        2000 /* of our lines in one piece */

struct compared {
    const struct onecard_request *req;
    struct onecard_plan *plan;
    char owner[SOCIAL_OWNER], after[SOCIAL_KEY], upto[SOCIAL_KEY];
    bool last;
    const struct onecard_doc *items;
    struct onecard_doc *differences;
    int64_t agreed, differ;
};

static int wrong(struct compared *c, const char *what)
{
    return c->req->host->refuse(c->plan, OC_R_PARAMETER, "list: %.80s", what);
}

static void differ(struct compared *c, const char *sid, const char *what, fen_t ours, fen_t theirs)
{
    const struct onecard_host *h = c->req->host;
    if (++c->differ > DIFFERENCES_MAX) {
        return;
    }
    struct onecard_doc *d = h->doc_object(c->req);
    h->doc_set_text(d, "settlement_id", sid);
    h->doc_set_text(d, "what", what);
    h->doc_set_int(d, "ours_fen", ours);
    h->doc_set_int(d, "theirs_fen", theirs);
    h->doc_set(c->differences, NULL, d);
}

static const char *sid_at(const struct compared *c, size_t i)
{
    const struct onecard_host *h = c->req->host;
    return get_text(c->req, h->doc_at(c->items, i, NULL), "settlement_id", "");
}

static int read_list(struct compared *c)
{
    const struct onecard_request *req = c->req;
    const struct onecard_host *h = req->host;
    const struct onecard_doc *d = req->document;
    const char *insurance = get_text(req, d, "insurance", ""),
               *before = get_text(req, d, "after", "");
    int64_t date = get_int(req, d, "date", 0);
    c->items = h->doc_get(d, "items");
    c->last = h->doc_as_bool(h->doc_get(d, "last"), false);
    size_t n = h->doc_count(c->items);
    if (!social_word(insurance, 15) || date_check(date)) {
        return wrong(c, "insurance and date (YYYYMMDD) say which day");
    }
    if (n > PIECE_MAX || (n == 0 && !c->last) || strlen(before) >= sizeof(c->after)) {
        return wrong(c, "1 to 500 items a piece, with last: true at the end");
    }
    strcpy(c->after, before);
    for (size_t i = 0; i < n; i++) {
        const char *sid = sid_at(c, i);
        if (!social_word(sid, SOCIAL_KEY - 1) || strcmp(sid, before) <= 0) {
            return wrong(c, "settlement_id ascends from item to item, after \"after\"");
        }
        before = sid;
    }
    strcpy(c->upto, before);
    snprintf(c->owner, sizeof(c->owner), "day:%s/%08lld", insurance, (long long)date);
    return 0;
}

static void compare(struct compared *c, const char *sid, const struct onecard_doc *ours,
                    const struct onecard_doc *theirs)
{
    static const char *const members[] = {"fund_fen", "personal_fen"};
    static const char *const whats[] = {"fund_differs", "personal_differs"};
    bool same = true;
    for (int i = 0; i < 2; i++) {
        fen_t a = get_int(c->req, ours, members[i], 0), b = get_int(c->req, theirs, members[i], 0);
        if (a != b) {
            same = false;
            differ(c, sid, whats[i], a, b);
        }
    }
    c->agreed += same;
}

static void only_theirs(struct compared *c, size_t *at, const char *before)
{
    size_t n = c->req->host->doc_count(c->items);
    while (*at < n && (!before || strcmp(sid_at(c, *at), before) < 0)) {
        const struct onecard_doc *d = c->req->host->doc_at(c->items, *at, NULL);
        differ(c, sid_at(c, *at), "missing_here", 0, get_int(c->req, d, "fund_fen", 0));
        (*at)++;
    }
}

/* Two ascending lists side by side. */
static int co_walk(struct compared *c)
{
    const struct onecard_host *h = c->req->host;
    size_t at = 0, n = h->doc_count(c->items), seen = 0;
    char key[SOCIAL_KEY];
    strcpy(key, c->after);
    for (;;) {
        uint32_t version;
        struct onecard_doc *ours;
        int rc = h->co_next_doc(c->req, c->owner, "", key, &version, &ours);
        if (rc == OC_ENOENT || (rc == 0 && !c->last && strcmp(key, c->upto) > 0)) {
            break;
        }
        if (rc || ++seen > OURS_MAX) {
            return rc ? rc : h->refuse(c->plan, OC_R_LIMIT, "too far apart: send smaller pieces");
        }
        only_theirs(c, &at, key);
        if (at < n && strcmp(sid_at(c, at), key) == 0) {
            compare(c, key, ours, h->doc_at(c->items, at, NULL));
            at++;
        } else {
            differ(c, key, "missing_there", get_int(c->req, ours, "fund_fen", 0), 0);
        }
    }
    only_theirs(c, &at, NULL);
    return 0;
}

/* ---- what is kept, and shown ---- */

static void list_owner(char to[SOCIAL_OWNER], const char *insurance, int64_t date)
{
    snprintf(to, SOCIAL_OWNER, "reday:%.15s/%08lld", insurance, (long long)date);
}

static struct onecard_doc *some(const struct onecard_request *req, const struct onecard_doc *all,
                                size_t from, size_t count)
{
    static const char *const texts[] = {"settlement_id", "what"};
    static const char *const numbers[] = {"ours_fen", "theirs_fen"};
    const struct onecard_host *h = req->host;
    struct onecard_doc *list = h->doc_array(req);
    for (size_t i = from; i < from + count && i < h->doc_count(all); i++) {
        struct onecard_doc *d = h->doc_object(req);
        for (size_t k = 0; k < 2; k++) {
            h->doc_set_text(d, texts[k], get_text(req, h->doc_at(all, i, NULL), texts[k], ""));
            h->doc_set_int(d, numbers[k], get_int(req, h->doc_at(all, i, NULL), numbers[k], 0));
        }
        h->doc_set(list, NULL, d);
    }
    return list;
}

static int co_keep(struct compared *c, const char *owner, const char *key)
{
    const struct onecard_host *h = c->req->host;
    char text[160];
    uint32_t version;
    struct onecard_doc *d;
    int rc = co_optional(c->req, owner, key, &version, &d);
    if (rc) {
        return rc;
    }
    h->plan_reply_doc(c->plan, "differences", some(c->req, c->differences, 0, SHOWN_AT_ONCE));
    d = h->doc_object(c->req);
    h->doc_set_text(d, "after", c->after);
    h->doc_set_int(d, "agreed", c->agreed);
    h->doc_set_int(d, "different", c->differ);
    h->doc_set_int(d, "on", c->req->business_date);
    h->doc_set(d, "differences", c->differences);
    h->plan_note(c->plan);
    h->plan_doc(c->plan, owner, key, version, d);
    if (c->differ > 0) {
        snprintf(text, sizeof(text), "%s: %lld agree, %lld differ", c->owner, (long long)c->agreed,
                 (long long)c->differ);
        h->plan_event(c->plan, "reconcile_differs", text);
    }
    return 0;
}

int social_reconcile(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct compared c = {.req = req, .plan = plan, .differences = req->host->doc_array(req)};
    char owner[SOCIAL_OWNER];
    int rc = only_bureau(ctx, req, plan);
    rc = rc ? rc : read_list(&c);
    rc = rc ? rc : co_walk(&c);
    if (rc) {
        return rc;
    }
    list_owner(owner, get_text(req, req->document, "insurance", ""),
               get_int(req, req->document, "date", 0));
    rc = co_keep(&c, owner, *c.upto ? c.upto : "end");
    req->host->plan_reply_int(plan, "agreed", c.agreed);
    req->host->plan_reply_int(plan, "different", c.differ);
    req->host->plan_reply_text(plan, "piece", *c.upto ? c.upto : "end");
    return rc;
}

/* The differences of a day, piece by piece and page by page. */
int social_differences(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *insurance = h->param_text(req, "insurance"), *piece = h->param_text(req, "piece");
    char owner[SOCIAL_OWNER], key[SOCIAL_KEY] = "";
    int32_t date;
    int64_t from = 0;
    uint32_t version;
    struct onecard_doc *d = NULL;
    int rc = only_bureau(ctx, req, plan);
    if (rc) {
        return rc;
    }
    if (param_date(req, "date", req->business_date, &date) ||
        param_int(req, "from", &from) == OC_EINVAL || !social_word(insurance, 15) ||
        (piece && strlen(piece) >= sizeof(key))) {
        return h->refuse(plan, OC_R_PARAMETER, "insurance, date, piece, from: which page");
    }
    list_owner(owner, insurance, date);
    rc = piece && *piece ? h->co_doc(req, owner, piece, &version, &d)
                         : h->co_next_doc(req, owner, "", key, &version, &d);
    if (rc == OC_ENOENT) {
        return h->refuse(plan, OC_R_NOT_FOUND, "no list of that day was compared");
    }
    if (rc) {
        return rc;
    }
    const struct onecard_doc *all = h->doc_get(d, "differences");
    h->plan_reply_text(plan, "piece", piece && *piece ? piece : key);
    h->plan_reply_int(plan, "agreed", get_int(req, d, "agreed", 0));
    h->plan_reply_int(plan, "different", get_int(req, d, "different", 0));
    h->plan_reply_doc(plan, "differences", some(req, all, (size_t)from, SHOWN_A_PAGE));
    if ((size_t)from + SHOWN_A_PAGE < h->doc_count(all)) {
        h->plan_reply_int(plan, "next_from", from + SHOWN_A_PAGE);
    }
    return 0;
}
