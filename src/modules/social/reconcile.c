/* Daily reconciliation 日对账: the bureau's list of a day against our books. The list comes in
 * pieces in ascending order of the settlement's id; a piece speaks for every id after the one
 * before it up to its own last, so that what is missing on either side shows. Every difference is
 * one item; nothing is corrected by itself: corrections are new transactions (R6). */
#include "social.h"

#include <stdio.h>
#include <string.h>

#define PIECE_MAX       500
#define DIFFERENCES_MAX 100
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

static int co_keep(struct compared *c)
{
    const struct onecard_host *h = c->req->host;
    char key[SOCIAL_KEY], text[160], owner[SOCIAL_OWNER];
    uint32_t version;
    struct onecard_doc *d;
    snprintf(owner, sizeof(owner), "re%.37s", c->owner); /* reday:INSURANCE/DATE */
    snprintf(key, sizeof(key), "%s", *c->upto ? c->upto : "end");
    int rc = co_optional(c->req, owner, key, &version, &d);
    if (rc) {
        return rc;
    }
    d = h->doc_object(c->req);
    h->doc_set_text(d, "after", c->after);
    h->doc_set_int(d, "agreed", c->agreed);
    h->doc_set_int(d, "different", c->differ);
    h->doc_set_int(d, "on", c->req->business_date);
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
    int rc = only_bureau(ctx, req, plan);
    rc = rc ? rc : read_list(&c);
    rc = rc ? rc : co_walk(&c);
    rc = rc ? rc : co_keep(&c);
    if (rc) {
        return rc;
    }
    req->host->plan_reply_int(plan, "agreed", c.agreed);
    req->host->plan_reply_int(plan, "different", c.differ);
    req->host->plan_reply_doc(plan, "differences", c.differences);
    req->host->plan_reply_text(plan, "next", c.upto);
    return 0;
}
