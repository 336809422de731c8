/* transit.pass: a period pass, bought at a desk. It stands in the ledger's record of the card: no
 * journey record has room for it, so offline gates do not know it. */
#include "transit.h"

#include <string.h>

#define AHEAD_DAYS 60 /* a pass may begin that much later */

static int first_day(struct tap *p, int32_t *ret)
{
    const struct onecard_host *h = p->req->host;
    int32_t today = fare_date(p->now);
    const char *text = h->param_text(p->req, "from");
    *ret = today;
    if (text &&
        (!fare_date_read(text, ret) || *ret < today || *ret > fare_date_add(today, AHEAD_DAYS))) {
        return h->refuse(p->plan, OC_R_PARAMETER, "from is a day from today to %d days on",
                         AHEAD_DAYS);
    }
    return 0;
}

/* Sold to those only who are entitled: by the claim of card and ledger, or as social security says.
 */
static int entitled(struct tap *p, const struct fare_pass_kind *k)
{
    const struct onecard_host *h = p->req->host;
    if (*k->category && strcmp(tap_category(p, p->now), k->category) != 0) {
        return h->refuse(p->plan, OC_R_NOT_ELIGIBLE, "this pass is for %.31s, by card and ledger",
                         k->category);
    }
    if (!*k->eligible) {
        return 0;
    }
    struct onecard_doc *params = h->doc_object(p->req), *reply = NULL;
    h->doc_set_text(params, "what", k->eligible);
    int rc = h->co_ask(p->req, NULL, "social.eligible", params, &reply);
    if (rc == OC_ENOENT || rc == OC_ELOOP || rc == OC_EREFUSED) {
        return h->refuse(p->plan, OC_R_NOT_ELIGIBLE, "social security does not confirm %.31s",
                         k->eligible);
    }
    if (rc == 0 && !h->doc_as_bool(h->doc_get(reply, "eligible"), false)) {
        return h->refuse(p->plan, OC_R_NOT_ELIGIBLE, "not entitled as %.31s", k->eligible);
    }
    return rc;
}

/* A place for it: one that is free or has ended; the same pass held already is followed by the new
 * one only when that begins after it. */
static int place(struct tap *p, const struct fare_table *t, const struct fare_pass_kind *k,
                 int32_t from, struct fare_pass **ret)
{
    int32_t today = fare_date(p->now);
    *ret = NULL;
    for (int i = 0; i < FARE_HELD_MAX; i++) {
        struct fare_pass *x = &p->s.sums.passes[i];
        if (*x->id && (x->until < today || x->left == 0)) {
            *x = (struct fare_pass){0};
        }
        if (*x->id && strcmp(x->id, k->id) == 0 && strcmp(x->table, t->name) == 0 &&
            from <= x->until) {
            return p->req->host->refuse(p->plan, OC_R_DUPLICATE, "it is held until %d already",
                                        x->until);
        }
        if (!*x->id && !*ret) {
            *ret = x;
        }
    }
    return *ret ? 0
                : p->req->host->refuse(p->plan, OC_R_LIMIT, "a card holds at most %d passes",
                                       FARE_HELD_MAX);
}

static int pay(struct tap *p, const struct fare_pass_kind *k)
{
    const struct onecard_host *h = p->req->host;
    const char *how = h->param_text(p->req, "pay"), *op = p->req->terminal.participant;
    if (!how || strcmp(how, "card") == 0) {
        h->plan_debit(p->plan, k->price);
    } else if (strcmp(how, "cash") == 0) {
        h->plan_account(p->plan, k->price);
        h->plan_leg(p->plan, OC_ACCT_LOAD_RECEIVABLE, op, -k->price);
    } else {
        return h->refuse(p->plan, OC_R_PARAMETER, "pay is card or cash");
    }
    h->plan_leg(p->plan, OC_ACCT_MERCHANT, op, k->price);
    return 0;
}

static void give(struct tap *p, const struct fare_table *t, const struct fare_pass_kind *k,
                 int32_t from, struct fare_pass *x)
{
    const struct onecard_host *h = p->req->host;
    strcpy(x->id, k->id);
    strcpy(x->table, t->name);
    x->from = from;
    x->until = fare_date_add(from, (int)k->days - 1);
    x->left = k->rides ? (int32_t)k->rides : -1;
    state_write(p->req, p->plan, &p->s);
    h->plan_reply_text(p->plan, "pass", k->id);
    h->plan_reply_text(p->plan, "title", k->title);
    h->plan_reply_int(p->plan, "from", x->from);
    h->plan_reply_int(p->plan, "until", x->until);
    if (k->rides) {
        h->plan_reply_int(p->plan, "rides", k->rides);
    }
}

int transit_pass(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct tap p;
    int32_t from = 0;
    int rc = tap_co_begin(ctx, req, plan, false, &p);
    if (rc) {
        return rc;
    }
    const char *name = req->host->param_text(req, "table"),
               *id = req->host->param_text(req, "pass");
    rc = first_day(&p, &from);
    const struct fare_table *t =
        rc ? NULL : tap_table(&p, name ? name : p.table, fare_time_of(from, 0), &rc);
    if (!t) {
        return rc;
    }
    const struct fare_pass_kind *k = fare_pass_kind(t, id ? id : "");
    if (!k || !p.recorded) {
        return req->host->refuse(plan, OC_R_PARAMETER, "table %.31s sells no pass \"%.31s\"",
                                 t->name, id ? id : "");
    }
    struct fare_pass *x = NULL;
    rc = entitled(&p, k);
    rc = rc ? rc : place(&p, t, k, from, &x);
    rc = rc ? rc : pay(&p, k);
    if (rc == 0) {
        give(&p, t, k, from, x);
    }
    return rc;
}
