/* transit.refund: a ride is given back. A later ride may have cost less because of it (transfer,
 * caps, steps): all rides after it that were not given back are counted twice, with it and as if it
 * had never been, and what they would have cost more is kept back, for those who bore it. Both
 * times without those that were given back, so that of two such rides each keeps what the other has
 * not. Never more than was paid is given. What was kept is free when those later rides have been
 * given back as well: the first is then asked for once more. */
#include "transit.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY 50

/* A ride as its transaction tells it. */
struct told {
    const struct fare_table *table;
    struct fare_ride ride;
    char category[FARE_NAME];
    fen_t paid;
    struct fare_sums before;
};

static int64_t num(const struct onecard_host *h, const struct onecard_doc *d, const char *name)
{
    int64_t n = 0;
    return h->doc_as_int(h->doc_get(d, name), &n) == 0 ? n : 0;
}

static bool moment(const struct onecard_host *h, const struct onecard_doc *d, const char *name,
                   fare_time *ret)
{
    const char *text = h->doc_as_text(h->doc_get(d, name));
    return text && fare_stamp_read(text, ret);
}

/* False: it is no ride of ours, or one of before there were tables. */
static bool read_told(const struct tap *p, const struct onecard_doc *txn, struct told *ret)
{
    const struct onecard_host *h = p->req->host;
    const struct onecard_doc *reply = h->doc_get(txn, "reply"), *d = h->doc_get(reply, "ride");
    const char *table = h->doc_as_text(h->doc_get(d, "table"));
    const char *category = h->doc_as_text(h->doc_get(d, "category"));
    const char *before = h->doc_as_text(h->doc_get(reply, "before"));
    struct told x = {0};
    if (!table || (before && !sums_read(before, &x.before)) || !moment(h, d, "at", &x.ride.at) ||
        !moment(h, d, "end", &x.ride.end)) {
        return false;
    }
    x.table = *table ? fare_table_at(&p->t->set, table, x.ride.at) : p->t->plain;
    x.ride.line = (uint32_t)num(h, d, "line");
    x.ride.from = (uint32_t)num(h, d, "from");
    x.ride.to = (uint32_t)num(h, d, "to");
    x.ride.priced = h->doc_get(d, "price") != NULL;
    x.ride.price = num(h, d, "price");
    x.ride.surcharge = num(h, d, "surcharge");
    x.ride.plain = h->doc_as_bool(h->doc_get(d, "plain"), false);
    strncat(x.category, category ? category : "", sizeof(x.category) - 1);
    x.paid = num(h, txn, "amount_fen");
    *ret = x;
    ret->ride.category = ret->category;
    return x.table != NULL;
}

/* One amount an owner, whatever its sign. */
struct net {
    struct fare_leg legs[32];
    unsigned count;
};

/* What is put together while a refund is decided: too much for a flow's stack. */
struct refund {
    struct tap p;
    struct told first, later;
    struct fare f, with, without;
    struct fare_leg legs[FARE_LEGS_MAX];
    fen_t more;            /* what later rides would have cost more */
    struct net bore;       /* who bore that */
    struct net all;        /* legs of the plan */
    struct fare_sums sums; /* as if the ride had never been */
    struct fare_sums had;  /* with it */
    const char *op;        /* who got the ride's fare */
};

static void net_add(struct net *n, const struct fare_leg *x, int sign)
{
    for (unsigned i = 0; i < n->count; i++) {
        if (n->legs[i].bearer == x->bearer && strcmp(n->legs[i].owner, x->owner) == 0) {
            n->legs[i].amount += sign * x->amount;
            return;
        }
    }
    if (n->count < sizeof(n->legs) / sizeof(n->legs[0])) {
        n->legs[n->count] = *x;
        n->legs[n->count++].amount *= sign;
    }
}

static void net_fare(struct refund *r, struct net *n, const struct fare *f, const char *op,
                     int sign)
{
    unsigned count = fare_legs(f, op, r->legs);
    for (unsigned i = 0; i < count; i++) {
        net_add(n, &r->legs[i], sign);
    }
}

/* Who got the fare: for a missing exit the operator of the entry, wherever it was charged. */
static const char *operator_of(const struct onecard_host *h, const struct onecard_doc *txn)
{
    const struct onecard_doc *legs = h->doc_get(txn, "legs");
    for (size_t i = 0; i < h->doc_count(legs); i++) {
        const struct onecard_doc *d = h->doc_at(legs, i, NULL);
        if (num(h, d, "account") == OC_ACCT_MERCHANT && num(h, d, "amount_fen") > 0) {
            return h->doc_as_text(h->doc_get(d, "owner"));
        }
    }
    return h->doc_as_text(h->doc_get(txn, "participant"));
}

/* Before the first ride of that table since the one given back its own sums are what that ride
 * says. */
static void begin_own(const struct told *x, const struct fare_pass *passes, struct fare_sums *s)
{
    const struct fare_own *own = fare_own(&x->before, x->table->name);
    memcpy(s->passes, passes, sizeof(s->passes));
    if (own && !fare_own(s, x->table->name)) {
        fare_own_put(s, own);
    }
}

static void one_later(struct refund *r, const struct onecard_doc *txn)
{
    const struct onecard_host *h = r->p.req->host;
    const char *op = operator_of(h, txn);
    struct told *x = &r->later;
    if (num(h, txn, "refunded_fen") > 0 || !read_told(&r->p, txn, x)) {
        return;
    }
    begin_own(x, r->p.s.sums.passes, &r->sums);
    begin_own(x, r->p.s.sums.passes, &r->had);
    if (!fare_quote(x->table, &x->ride, &x->before, &r->with) ||
        !fare_quote(x->table, &x->ride, &r->sums, &r->without)) {
        return;
    }
    bool understood = x->paid == r->with.citizen;
    (void)fare_quote(x->table, &x->ride, &r->had, &r->with);
    if (understood && r->without.citizen != r->with.citizen) {
        r->more += r->without.citizen - r->with.citizen;
        /* what its bearers bore of it, less what they would have borne */
        net_fare(r, &r->bore, &r->without, op ? op : "", 1);
        net_fare(r, &r->bore, &r->with, op ? op : "", -1);
    }
    fare_count(x->table, &x->ride, &r->without, &r->sums);
    fare_count(x->table, &x->ride, &r->with, &r->had);
}

static bool posted(const struct onecard_host *h, const struct onecard_doc *row)
{
    const char *state = h->doc_as_text(h->doc_get(row, "state"));
    return state && strcmp(state, "posted") == 0;
}

/* What an earlier refund of the same ride moved is moved already. */
static void one_refund(struct refund *r, const struct onecard_doc *txn)
{
    const struct onecard_host *h = r->p.req->host;
    const struct onecard_doc *legs = h->doc_get(txn, "legs");
    const char *link = h->doc_as_text(h->doc_get(txn, "link"));
    if (!link || strcmp(link, r->p.req->original->txn) != 0) {
        return;
    }
    for (size_t i = 0; i < h->doc_count(legs); i++) {
        const struct onecard_doc *d = h->doc_at(legs, i, NULL);
        const char *owner = h->doc_as_text(h->doc_get(d, "owner"));
        int64_t account = num(h, d, "account");
        struct fare_leg leg = {.bearer = account == OC_ACCT_BEARER,
                               .amount = num(h, d, "amount_fen")};
        if ((leg.bearer || account == OC_ACCT_MERCHANT) && owner) {
            strncat(leg.owner, owner, sizeof(leg.owner) - 1);
            net_add(&r->all, &leg, -1);
        }
    }
}

static bool is_ride(const char *service)
{
    return service && strncmp(service, "transit.", 8) == 0 &&
           strcmp(service, "transit.pass") != 0 && strcmp(service, "transit.refund") != 0;
}

/* All rides after the original, the oldest first. */
static int count_again(struct refund *r)
{
    const struct tap *p = &r->p;
    const struct onecard_host *h = p->req->host;
    const char *original = p->req->original->txn;
    struct onecard_doc *rows = NULL, *txn = NULL;
    int rc = h->co_history(p->req, HISTORY, &rows);
    size_t first = 0;
    while (rc == 0 && first < h->doc_count(rows)) {
        const char *id = h->doc_as_text(h->doc_get(h->doc_at(rows, first, NULL), "txn"));
        if (id && strcmp(id, original) == 0) {
            break;
        }
        first++;
    }
    if (rc == 0 && first == h->doc_count(rows)) {
        return h->refuse(p->plan, OC_R_TOO_LATE, "it is none of this card's last %d transactions",
                         HISTORY);
    }
    for (size_t i = first; rc == 0 && i > 0; i--) {
        const struct onecard_doc *row = h->doc_at(rows, i - 1, NULL);
        const char *service = h->doc_as_text(h->doc_get(row, "service"));
        bool back =
            p->req->original->refunded_fen > 0 && service && strcmp(service, "transit.refund") == 0;
        if (!posted(h, row) || (!is_ride(service) && !back)) {
            continue;
        }
        rc = h->co_txn(p->req, h->doc_as_text(h->doc_get(row, "txn")), &txn);
        if (rc == 0) {
            (back ? one_refund : one_later)(r, txn);
        }
    }
    return rc;
}

/* A plan has room for so many legs; what would be one more is the operator's, whose leg is the
 * first. */
static void fit(struct net *n)
{
    unsigned used = 0;
    for (unsigned i = 0; i < n->count; i++) {
        bool over = n->legs[i].amount && used == FARE_LEGS_MAX;
        used += n->legs[i].amount && !over;
        if (over) {
            n->legs[0].amount += n->legs[i].amount;
            n->legs[i].amount = 0;
        }
    }
}

/* Of later rides others would have borne more instead: nobody is charged for a ride of another day,
 * so those who bore them get so much less, the last ones first. */
static void only_gains(struct net *n)
{
    fen_t less = 0;
    for (unsigned i = 0; i < n->count; i++) {
        if (n->legs[i].amount < 0) {
            less -= n->legs[i].amount;
            n->legs[i].amount = 0;
        }
    }
    for (unsigned i = n->count; i > 0 && less > 0; i--) {
        fen_t part = n->legs[i - 1].amount < less ? n->legs[i - 1].amount : less;
        n->legs[i - 1].amount -= part;
        less -= part;
    }
}

/* The legs of the ride turned round, and what the later bearers get. */
static int give_back(struct refund *r, fen_t back)
{
    struct tap *p = &r->p;
    const struct onecard_host *h = p->req->host;
    const struct onecard_original *o = p->req->original;
    net_fare(r, &r->all, &r->f, r->op ? r->op : o->participant, -1);
    only_gains(&r->bore);
    for (unsigned i = 0; i < r->bore.count && r->more > 0; i++) {
        net_add(&r->all, &r->bore.legs[i], 1);
    }
    fit(&r->all);
    h->plan_account(p->plan, back);
    h->plan_leg(p->plan, OC_ACCT_PENDING_LOAD, "", back);
    for (unsigned i = 0; i < r->all.count; i++) {
        const struct fare_leg *leg = &r->all.legs[i];
        if (leg->amount) {
            h->plan_leg(p->plan, leg->bearer ? OC_ACCT_BEARER : OC_ACCT_MERCHANT, leg->owner,
                        leg->amount);
        }
    }
    h->plan_refund_of_original(p->plan);
    if (p->recorded) {
        memcpy(r->sums.passes, p->s.sums.passes, sizeof(r->sums.passes));
        for (int i = 0; i < FARE_OWN_MAX; i++) { /* of tables that nothing was ridden by since */
            const struct fare_own *own = &p->s.sums.own[i];
            if (*own->table && !fare_own(&r->sums, own->table)) {
                fare_own_put(&r->sums, own);
            }
        }
        p->s.sums = r->sums;
        p->s.adjusted = true;
        state_write(p->req, p->plan, &p->s);
    }
    h->plan_reply_text(p->plan, "original", o->txn);
    h->plan_reply_fen(p->plan, "paid_fen", o->amount_fen);
    h->plan_reply_fen(p->plan, "kept_fen", o->amount_fen - o->refunded_fen - back);
    const char *reason = h->param_text(p->req, "reason");
    if (reason && *reason) {
        h->plan_reply_text(p->plan, "reason_given", reason);
    }
    return 0;
}

static int may_refund(struct tap *p)
{
    const struct onecard_original *o = p->req->original;
    const struct onecard_host *h = p->req->host;
    if (!is_ride(o->service)) {
        return h->refuse(p->plan, OC_R_ORIGINAL_UNKNOWN, "a %.40s is no ride", o->service);
    }
    if (o->amount_fen > 0 && o->refunded_fen >= o->amount_fen) {
        return h->refuse(p->plan, OC_R_DUPLICATE, "the ride was given back already");
    }
    if (o->amount_fen == 0) {
        return h->refuse(p->plan, OC_R_AMOUNT, "nothing was paid for the ride");
    }
    if (p->t->refund_days &&
        fare_date(p->now) > fare_date_add(o->business_date, (int)p->t->refund_days)) {
        return h->refuse(p->plan, OC_R_TOO_LATE, "rides are given back for %lld days",
                         (long long)p->t->refund_days);
    }
    return 0;
}

static int decide(struct refund *r)
{
    struct tap *p = &r->p;
    const struct onecard_host *h = p->req->host;
    struct onecard_doc *txn = NULL;
    int rc = may_refund(p);
    rc = rc ? rc : h->co_txn(p->req, p->req->original->txn, &txn);
    if (rc) {
        return rc;
    }
    const struct told *x = &r->first;
    if (!read_told(p, txn, &r->first) || !fare_quote(x->table, &x->ride, &x->before, &r->f) ||
        r->f.citizen != p->req->original->amount_fen) {
        return h->refuse(p->plan, OC_R_WRONG_STATE,
                         "its fare cannot be counted again: the table of its day has changed");
    }
    r->op = operator_of(h, txn);
    r->sums = r->had = x->before;
    fare_count(x->table, &x->ride, &r->f, &r->had);
    rc = count_again(r);
    if (rc) {
        return rc;
    }
    fen_t given = p->req->original->refunded_fen;
    fen_t back = r->f.citizen - (r->more > 0 ? r->more : 0) - given;
    if (back <= 0 && given > 0) {
        return h->refuse(p->plan, OC_R_DUPLICATE,
                         "the ride was given back; the rest stands for later rides");
    }
    if (back <= 0) {
        return h->refuse(p->plan, OC_R_WRONG_STATE,
                         "without it the later rides would have cost as much more");
    }
    return give_back(r, back);
}

int transit_refund(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct refund *r = calloc(1, sizeof(*r));
    if (!r) {
        return OC_ENOMEM;
    }
    int rc = tap_co_begin(ctx, req, plan, false, &r->p);
    rc = rc ? rc : decide(r);
    free(r);
    return rc;
}
