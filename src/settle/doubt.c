/* What was open when the day closed. The answer must stay the same when those doubts end (R11), so
 * it rests on three facts: when the intent was written, and, once it has ended, its clearing date
 * or the time it was voided. */
#include "settle/internal.h"

#include <stdlib.h>
#include <string.h>

bool doubt_open_at(const struct txn_row *t, date_t date, int64_t close_ms)
{
    if (t->created_ms > close_ms)
        return false;
    switch (t->state) {
    case OC_TXN_INTENDED:
    case OC_TXN_IN_DOUBT:
        return true;
    case OC_TXN_POSTED:
        return t->clearing_date > date;
    case OC_TXN_VOIDED:
        return t->decided_ms >= close_ms;
    default:
        return false;
    }
}

static struct doubt *room(struct doubts *d)
{
    if (d->n == d->cap) {
        unsigned cap = d->cap ? 2 * d->cap : 32;
        struct doubt *grown = realloc(d->v, cap * sizeof *grown);
        if (!grown)
            return NULL;
        d->v = grown;
        d->cap = cap;
    }
    struct doubt *at = &d->v[d->n++];
    memset(at, 0, sizeof *at);
    return at;
}

static int co_take(struct run *r, const struct txn_row *t) CO_FN;
static int co_take(struct run *r, const struct txn_row *t)
{
    if (!doubt_open_at(t, r->day.date, r->close_ms))
        return 0;
    if (t->in.plan_kind == OC_PLAN_NOTE) /* waits for an institution, but nothing of it is money */
        return 0;
    struct doubt *d = room(&r->doubts);
    if (!d)
        return OC_ENOMEM;
    const struct op_intent *in = &t->in;
    d->txn = t->id;
    d->created_ms = t->created_ms;
    d->business_date = in->business_date;
    d->amount = in->amount;
    posting_at(t, &d->at);
    memcpy(d->participant, in->participant, sizeof d->participant);
    return run_co_mask(r, t, d->card);
}

/* ---- where to look ---- */

/* Ids sort by time, so what was begun by the close lies below this. Ids may run a little ahead of
 * the clock. */
static int64_t first_id_after(int64_t ms)
{
    return ident_next(0, ms + 60 * 1000, 0);
}

static int co_scan(struct run *r, int64_t since_ms) CO_FN;
static int co_scan(struct run *r, int64_t since_ms)
{
    struct txn_filter f = {.before = first_id_after(r->close_ms)};
    unsigned n = RUN_PAGE;
    bool back = true;
    int rc = 0;
    while (!rc && back && n == RUN_PAGE) {
        rc = ledger_co_txns(r->env->ledger, &f, r->rows, RUN_PAGE, &n);
        for (unsigned i = 0; i < n && !rc && back; i++) {
            f.before = r->rows[i].id;
            back = r->rows[i].created_ms >= since_ms;
            if (back)
                rc = co_take(r, &r->rows[i]);
        }
    }
    return rc;
}

static int co_carried(struct run *r, const int64_t *ids, unsigned n) CO_FN;
static int co_carried(struct run *r, const int64_t *ids, unsigned n)
{
    int rc = 0;
    for (unsigned i = 0; i < n && !rc; i++) {
        rc = ledger_co_txn(r->env->ledger, ids[i], r->rows);
        if (!rc)
            rc = co_take(r, r->rows);
    }
    return rc == OC_ENOENT
               ? run_wrong(r, OC_EBOOKS, "a doubt of the day before is not in the ledger")
               : rc;
}

static int co_closed(struct run *r) CO_FN;
static int co_closed(struct run *r)
{
    int64_t *ids = NULL;
    unsigned n = 0;
    int64_t since_ms = INT64_MIN;
    int rc = carry_co_read(r, &ids, &n, &since_ms);
    if (rc == OC_ENOENT)
        rc = 0;
    if (!rc)
        rc = co_carried(r, ids, n);
    free(ids);
    return rc ? rc : co_scan(r, since_ms);
}

static int co_open(struct run *r) CO_FN;
static int co_open(struct run *r)
{
    struct txn_filter f = {.open_only = true};
    unsigned n = RUN_PAGE;
    int rc = 0;
    while (!rc && n == RUN_PAGE) {
        rc = ledger_co_txns(r->env->ledger, &f, r->rows, RUN_PAGE, &n);
        for (unsigned i = 0; i < n && !rc; i++) {
            f.before = r->rows[i].id;
            rc = co_take(r, &r->rows[i]);
        }
    }
    return rc;
}

static int by_id(const void *a, const void *b)
{
    const struct doubt *x = a, *y = b;
    return x->txn < y->txn ? -1 : x->txn > y->txn;
}

/* What was begun in the very millisecond of yesterday's close may have been found twice. */
static void sort_once(struct doubts *d)
{
    unsigned n = 0;
    if (d->n)
        qsort(d->v, d->n, sizeof *d->v, by_id);
    for (unsigned i = 0; i < d->n; i++)
        if (n == 0 || d->v[n - 1].txn != d->v[i].txn)
            d->v[n++] = d->v[i];
    d->n = n;
}

int doubt_co_collect(struct run *r)
{
    int rc = r->day.state == 1 ? co_open(r) : co_closed(r);
    if (rc)
        return rc;
    sort_once(&r->doubts);
    for (unsigned i = 0; i < r->doubts.n; i++) {
        int64_t age = r->close_ms - r->doubts.v[i].created_ms;
        r->rep->doubts_amount += r->doubts.v[i].amount;
        if (age > r->rep->oldest_doubt_ms)
            r->rep->oldest_doubt_ms = age;
    }
    r->rep->doubts = r->doubts.n;
    return 0;
}
