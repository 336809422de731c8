/* Identity with minimum disclosure, and what citizens are eligible for. Whoever asks learns yes or
 * no to the questions that he names and nothing else: no name, no birthday. What the register does
 * not know is refused, never answered "no". */
#include "social.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- questions about a person -------------------------------------------------------------------
 */

struct person {
    const struct onecard_request *req;
    const struct social *s;
    const char *citizen;
    struct onecard_doc *doc; /* read once, where a question needs it */
    bool read;
};

static int co_person(struct person *p)
{
    if (p->read) {
        return p->doc ? 0 : OC_ENOENT;
    }
    int rc = p->req->host->co_person(p->req, p->citizen, &p->doc);
    if (rc) {
        p->doc = NULL;
    }
    p->read = rc == 0 || rc == OC_ENOENT;
    return rc;
}

/* A citizen's number 公民身份号码 of 18 digits holds the day of birth in its places 7 to 14. */
static int32_t born(const struct person *p)
{
    const char *text = get_text(p->req, p->doc, "born", "");
    const char *number = get_text(p->req, p->doc, "number", "");
    int64_t date = get_int(p->req, p->doc, "born", 0);
    char part[9] = "";
    if (strlen(number) == 18 && strspn(number, "0123456789") >= 17) {
        memcpy(part, number + 6, 8);
    }
    date = date ? date : strlen(text) == 8 ? strtol(text, NULL, 10) : 0;
    date = date ? date : strtol(part, NULL, 10);
    return date_check(date) ? 0 : (int32_t)date;
}

/* 0: *ret is the answer; OC_ENOENT: the register does not know. */
static int co_over(struct person *p, int years, bool *ret)
{
    int rc = co_person(p);
    int32_t day = rc ? 0 : born(p);
    if (rc || day == 0) {
        return rc ? rc : OC_ENOENT;
    }
    *ret = p->req->business_date - day >= years * 10000;
    return 0;
}

static int co_resident(struct person *p, bool *ret)
{
    const struct onecard_host *h = p->req->host;
    int rc = co_person(p);
    if (rc) {
        return rc;
    }
    const struct onecard_doc *member = h->doc_get(p->doc, "resident");
    const char *text = h->doc_as_text(member), *address = get_text(p->req, p->doc, "address", "");
    if (member) {
        *ret =
            h->doc_as_bool(member, text && (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0));
        return 0;
    }
    if (!p->s->city || !*p->s->city || !*address) {
        return OC_ENOENT;
    }
    *ret = strncmp(address, p->s->city, strlen(p->s->city)) == 0;
    return 0;
}

static int co_insured(struct person *p, bool *ret)
{
    struct insured who;
    int rc = insured_co_find(p->req, p->citizen, p->req->business_date, &who);
    *ret = rc == 0 && *who.insurance;
    return rc;
}

/* ---- eligibility --------------------------------------------------------------------------------
 */

struct entitled {
    bool yes;
    int32_t until; /* 0: open */
    char category[16];
};

/* All grants of a citizen are one sealed document: a record's key is readable, and that somebody is
 * disabled is nobody's business. */
#define GRANTS "eligibility"

static int co_granted(struct person *p, const char *what, struct entitled *ret)
{
    char owner[SOCIAL_OWNER];
    uint32_t version;
    struct onecard_doc *all;
    int rc = co_optional(p->req, social_owner(owner, p->citizen), GRANTS, &version, &all);
    const struct onecard_doc *d = rc == 0 ? p->req->host->doc_get(all, what) : NULL;
    int32_t today = p->req->business_date;
    int64_t until = get_int(p->req, d, "until", 0);
    if (d && get_int(p->req, d, "from", 0) <= today && (!until || until >= today)) {
        ret->yes = true;
        ret->until = (int32_t)until;
    }
    return rc;
}

/* By age, where the book says so; residency where it is wanted, too. */
static int co_entitled_by_age(struct person *p, const struct social_entitlement *e,
                              struct entitled *ret)
{
    bool old = false, resident = true;
    int rc = co_over(p, e->age, &old);
    if (rc == 0 && old && e->resident) {
        rc = co_resident(p, &resident);
    }
    ret->yes = rc == 0 && old && resident;
    return rc;
}

static int co_entitled(struct person *p, const char *what, struct entitled *ret)
{
    const struct social_entitlement *e = book_entitlement(&p->s->book, what);
    memset(ret, 0, sizeof(*ret));
    snprintf(ret->category, sizeof(ret->category), "%s", e ? e->category : what);
    if (strcmp(what, "insured") == 0) {
        return co_insured(p, &ret->yes);
    }
    if (strcmp(what, "resident") == 0) {
        return co_resident(p, &ret->yes);
    }
    if (!e) {
        return OC_EINVAL;
    }
    int rc = co_granted(p, what, ret);
    if (rc == 0 && !ret->yes && e->age > 0) {
        rc = co_entitled_by_age(p, e, ret);
    }
    return rc;
}

int social_eligible(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *what = h->param_text(req, "what");
    struct person p = {.req = req, .s = ctx, .citizen = whose(req)};
    struct entitled e;
    if (!*p.citizen) {
        return h->refuse(plan, OC_R_NO_CITIZEN, "who? citizen=ID, or a card that a citizen holds");
    }
    if (!req->asked_by && req->strength < OC_STRENGTH_CODE &&
        strcmp(req->terminal.participant, p.s->bureau) != 0) {
        return h->refuse(plan, OC_R_NEEDS_PRESENCE, "the holder must be there: card or fresh code");
    }
    int rc = co_entitled(&p, what ? what : "", &e);
    if (rc == OC_EINVAL) {
        return h->refuse(plan, OC_R_PARAMETER, "nobody keeps a list of \"%.16s\"",
                         what ? what : "");
    }
    if (rc == OC_ENOENT) {
        return h->refuse(plan, OC_R_NOT_FOUND, "the register does not say: bring the paper");
    }
    if (rc) {
        return rc;
    }
    h->plan_reply_raw(plan, "eligible", e.yes ? "true" : "false");
    h->plan_reply_int(plan, "until", e.until);
    h->plan_reply_text(plan, "category", e.yes ? e.category : "");
    return 0;
}

struct grant {
    const char *what, *category;
    char owner[SOCIAL_OWNER];
    uint32_t version;
    struct onecard_doc *all;
    int32_t from, until;
};

static int co_read_grant(const struct social *s, const struct onecard_request *req,
                         struct onecard_plan *plan, struct grant *g)
{
    const struct onecard_host *h = req->host;
    g->what = h->param_text(req, "what");
    const struct social_entitlement *e = book_entitlement(&s->book, g->what ? g->what : "");
    if (!e) {
        return h->refuse(plan, OC_R_PARAMETER, "nobody keeps a list of \"%.16s\"",
                         g->what ? g->what : "");
    }
    g->category = e->category;
    if (param_date(req, "from", req->business_date, &g->from) ||
        param_date(req, "until", 0, &g->until) || (g->until && g->until < g->from)) {
        return h->refuse(plan, OC_R_PARAMETER, "from and until are days, until not before from");
    }
    social_owner(g->owner, req->citizen);
    return co_optional(req, g->owner, GRANTS, &g->version, &g->all);
}

static void leave_grant(const struct onecard_request *req, struct onecard_plan *plan,
                        const struct grant *g, const char *kind)
{
    char event[160];
    snprintf(event, sizeof(event), "%s: renew the card's transit slot", req->citizen);
    req->host->plan_note(plan);
    req->host->plan_doc(plan, g->owner, GRANTS, g->version, g->all);
    req->host->plan_event(plan, kind, event);
    req->host->plan_reply_text(plan, "category", g->category);
}

/* The transit slot on the card is a card operation of the issuer's desk: here the right is written,
 * and the desk is told by an event. */
int social_concession_grant(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *revoke = h->param_text(req, "revoke");
    struct grant g;
    int rc = only_bureau(ctx, req, plan);
    rc = rc ? rc : co_read_grant(ctx, req, plan, &g);
    if (rc) {
        return rc;
    }
    if (revoke && strcmp(revoke, "yes") == 0) {
        if (!h->doc_get(g.all, g.what)) {
            return h->refuse(plan, OC_R_NOT_FOUND, "that was never granted");
        }
        h->doc_remove(g.all, g.what);
        leave_grant(req, plan, &g, "concession_revoked");
        return 0;
    }
    struct onecard_doc *d = h->doc_object(req);
    h->doc_set_int(d, "from", g.from);
    h->doc_set_int(d, "until", g.until);
    h->doc_set_text(d, "by", req->who ? req->who : "");
    g.all = g.all ? g.all : h->doc_object(req);
    h->doc_set(g.all, g.what, d);
    leave_grant(req, plan, &g, "concession_granted");
    h->plan_reply_int(plan, "from", g.from);
    h->plan_reply_int(plan, "until", g.until);
    return 0;
}

/* ---- social.identity ----------------------------------------------------------------------------
 */

/* "over_65" → 65; -1: no such question. */
static int years_of(const char *question)
{
    const char *digits = question + strlen("over_");
    if (strncmp(question, "over_", strlen("over_")) != 0 || strlen(digits) > 3 || !*digits ||
        strspn(digits, "0123456789") != strlen(digits)) {
        return -1;
    }
    return (int)strtol(digits, NULL, 10);
}

static int co_answer(struct person *p, const char *question, bool *ret)
{
    struct entitled e;
    int years = years_of(question);
    if (years >= 0) {
        return co_over(p, years, ret);
    }
    const char *what = strncmp(question, "is_", 3) == 0 ? question + 3 : question;
    int rc = co_entitled(p, what, &e);
    *ret = e.yes;
    return rc;
}

static int strong_enough(const struct person *p, struct onecard_plan *plan)
{
    int wanted = p->s->identity_strength;
    if ((int)p->req->strength >= wanted) {
        return 0;
    }
    return p->req->host->refuse(plan, OC_R_NEEDS_PRESENCE,
                                wanted == OC_STRENGTH_PIN
                                    ? "the card's PIN is wanted here: social.identity_pin"
                                    : "the card itself is wanted here, a code does not do");
}

static int co_one(struct person *p, struct onecard_plan *plan, const char *question)
{
    const struct onecard_host *h = p->req->host;
    bool yes = false;
    int rc = co_answer(p, question, &yes);
    if (rc == OC_EINVAL) {
        return h->refuse(plan, OC_R_PARAMETER, "there is no question \"%.24s\"", question);
    }
    if (rc == OC_ENOENT) {
        return h->refuse(plan, OC_R_NOT_FOUND, "the register does not say \"%.24s\"", question);
    }
    if (rc == 0) {
        h->plan_reply_raw(plan, question, yes ? "true" : "false");
    }
    return rc;
}

int social_identity(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct person p = {.req = req, .s = ctx, .citizen = req->citizen};
    const char *ask = req->host->param_text(req, "ask");
    int rc = strong_enough(&p, plan), n = 0;
    while (rc == 0 && ask && *ask) {
        char question[24];
        size_t len = strcspn(ask, ",");
        if (len == 0 || len >= sizeof(question) || ++n > SOCIAL_ASKS_MAX) {
            break;
        }
        memcpy(question, ask, len);
        question[len] = '\0';
        ask += len + (ask[len] == ',');
        rc = co_one(&p, plan, question);
    }
    if (rc == 0 && (n == 0 || n > SOCIAL_ASKS_MAX || *ask)) {
        return req->host->refuse(plan, OC_R_PARAMETER,
                                 "ask=is_resident,over_65,insured …: 1 to %d questions",
                                 SOCIAL_ASKS_MAX);
    }
    return rc;
}
