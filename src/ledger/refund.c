/* What follows a posted transaction and gives back is bounded by it, account by account (R6):
 * whatever a module plans, an account gets back at most what the transaction took from it and gives
 * back at most what it got, all refunds, cancellations and deductions of that transaction together,
 * those that wait for an institution included.
 *
 *    moved by the transaction        may be moved back, in all
 *    −100  (it paid)                 0 … +100
 *    +100  (it was paid)             −100 … 0
 *       0  (it had no part)          0
 *
 * The card's purse and pending load are one, for a refund goes to the pending load; so are the
 * tills (load receivables), for another desk may pay out the cash. One thing more may happen: a
 * ride that is given back may have made later rides of the card cheaper, and what is kept of it for
 * that goes to those who bore it. So a merchant or bearer may get back what it bore of later
 * transactions of the card of which nothing was given back. */
#include "ledger/fold.h"
#include <stdlib.h>

#define FOLLOWERS_MAX 256 /* refunds of one transaction */
#define LATER_MAX     64  /* later transactions of the card that are looked through */
#define PLACES_MAX    64  /* accounts that a transaction and all that follows it touch */

struct place {
    uint8_t kind;
    char owner[LEDGER_ID];
    fen_t first, back; /* moved by the transaction; moved back */
    fen_t bore;        /* of the card's later transactions */
    bool now;          /* the plan that is asked about moves it */
};
struct bound {
    struct fold *f;
    struct ledger_op *op;
    const struct txn_full *first;
    struct place places[PLACES_MAX];
    unsigned n;
    bool full;
    int64_t ids[FOLLOWERS_MAX + 1];
    unsigned ids_n;
};

/* ---- accounts ---- */

static struct place *place_of(struct bound *b, const struct leg *leg, bool make)
{
    uint8_t kind = leg->kind == ACCT_PURSE ? ACCT_PENDING_LOAD : leg->kind;
    const char *owner = kind == ACCT_LOAD_RECEIVABLE ? "" : leg->owner;
    for (unsigned i = 0; i < b->n; i++) {
        if (b->places[i].kind == kind && strcmp(b->places[i].owner, owner) == 0)
            return &b->places[i];
    }
    if (!make || b->n == PLACES_MAX) {
        b->full = b->full || make;
        return NULL;
    }
    struct place *p = &b->places[b->n++];
    *p = (struct place){.kind = kind};
    snprintf(p->owner, sizeof p->owner, "%s", owner);
    return p;
}

static void add_first(struct bound *b, const struct op_intent *in)
{
    for (unsigned i = 0; i < in->leg_count; i++) {
        struct place *p = place_of(b, &in->legs[i], true);
        if (p)
            p->first += in->legs[i].amount;
    }
}

static void add_back(struct bound *b, const struct op_intent *in, bool now)
{
    for (unsigned i = 0; i < in->leg_count; i++) {
        struct place *p = place_of(b, &in->legs[i], true);
        if (p) {
            p->back += in->legs[i].amount;
            p->now = p->now || now;
        }
    }
}

/* ---- what followed ---- */

static WORKER_FN int find(struct bound *b, const char *sql, int64_t key, int64_t after,
                          unsigned most)
{
    struct db_q q;
    db_q(&q, b->f->db, sql);
    db_put_i64(&q, b->f->site.shard);
    db_put_i64(&q, key);
    db_put_i64(&q, after);
    db_put_i64(&q, most);
    b->ids_n = 0;
    while (b->ids_n < most && db_row(&q))
        b->ids[b->ids_n++] = db_get_i64(&q);
    return db_end(&q);
}

static WORKER_FN int intent_of(struct bound *b, int64_t id, const struct op_intent **ret)
{
    struct txn_full t;
    int rc = txn_load(b->f, id, &t);
    if (!rc)
        rc = txn_intent(b->f, &t);
    *ret = &b->f->intent->intent;
    return rc == OC_ENOENT ? OC_EINTERNAL : rc;
}

static WORKER_FN int add_followers(struct bound *b)
{
    int rc = find(b,
                  "SELECT id FROM txn WHERE shard = ?1 AND link = ?2 AND link <> 0 AND id > ?3 AND "
                  "state IN (1, 2, 4) "
                  "ORDER BY id LIMIT ?4",
                  b->first->id, b->first->id, FOLLOWERS_MAX + 1);
    if (!rc && b->ids_n > FOLLOWERS_MAX)
        return refuse(b->op, OC_R_LIMIT, "it was given back in %d parts already", FOLLOWERS_MAX);
    for (unsigned i = 0; i < b->ids_n && !rc; i++) {
        const struct op_intent *in;
        rc = intent_of(b, b->ids[i], &in);
        if (!rc && refund_of(in))
            add_back(b, in, false);
    }
    return rc;
}

/* ---- later transactions of the card ---- */

static bool bears(const struct place *p)
{
    return p->kind == ACCT_MERCHANT || p->kind == ACCT_BEARER;
}

static bool beyond(const struct place *p)
{
    return p->now && bears(p) && p->back > (p->first < 0 ? -p->first : 0);
}

static void add_bore(struct bound *b, const struct op_intent *in)
{
    for (unsigned i = 0; i < in->leg_count; i++) {
        const struct leg *leg = &in->legs[i];
        struct place *p = leg->amount < 0 ? place_of(b, leg, false) : NULL;
        if (p)
            p->bore -= leg->amount;
    }
}

static WORKER_FN int add_later(struct bound *b)
{
    bool any = false;
    for (unsigned i = 0; i < b->n; i++)
        any = any || beyond(&b->places[i]);
    if (!any || !b->first->card)
        return 0;
    int rc = find(b,
                  "SELECT id FROM txn WHERE shard = ?1 AND card = ?2 AND id > ?3 AND state = 2 AND "
                  "refunded = 0 ORDER BY id LIMIT ?4",
                  b->first->card, b->first->id, LATER_MAX);
    for (unsigned i = 0; i < b->ids_n && !rc; i++) {
        const struct op_intent *in;
        rc = intent_of(b, b->ids[i], &in);
        if (!rc && !refund_of(in))
            add_bore(b, in);
    }
    return rc;
}

/* ---- the answer ---- */

static bool fits(const struct place *p)
{
    fen_t least = p->first > 0 ? -p->first : 0, most = p->first < 0 ? -p->first : 0;
    fen_t bore = bears(p) && p->bore > 0 ? p->bore : 0;
    return !p->now || (p->back >= least && p->back <= most + bore);
}

static int judge(struct bound *b)
{
    if (b->full)
        return refuse(b->op, OC_R_LIMIT, "it and what followed it touch more than %d accounts",
                      PLACES_MAX);
    for (unsigned i = 0; i < b->n; i++) {
        const struct place *p = &b->places[i];
        if (!fits(p))
            return refuse(b->op, OC_R_OVER_ORIGINAL, "%s %s: %lld fen moved, %lld back",
                          acct_kind_name(p->kind), p->owner, (long long)p->first,
                          (long long)p->back);
    }
    return 0;
}

static WORKER_FN int bounded(struct fold *f, struct ledger_op *op, const struct txn_full *first)
{
    struct bound *b = calloc(1, sizeof *b);
    const struct op_intent *in;
    if (!b)
        return OC_ENOMEM;
    b->f = f;
    b->op = op;
    b->first = first;
    int rc = intent_of(b, first->id, &in);
    if (!rc) {
        add_first(b, in);
        rc = add_followers(b);
    }
    if (!rc) {
        add_back(b, &op->intent, true);
        rc = add_later(b);
    }
    if (!rc)
        rc = judge(b);
    free(b);
    return rc;
}

/* What is counted against the transaction is what the card gets back at least, and what moves at
 * most. */
static int amount_fits(struct ledger_op *op, const struct txn_full *first)
{
    const struct op_intent *in = &op->intent;
    fen_t left = first->amount - first->refunded, card = 0, moves = 0;
    for (unsigned i = 0; i < in->leg_count; i++) {
        const struct leg *leg = &in->legs[i];
        card += leg_on_card(leg) ? leg->amount : 0;
        moves += leg->amount > 0 ? leg->amount : 0;
    }
    if (in->amount > left)
        return refuse(op, OC_R_OVER_ORIGINAL, "%lld fen are left", (long long)left);
    if (in->amount < card || in->amount > moves)
        return refuse(op, OC_R_OVER_ORIGINAL,
                      "it gives back %lld fen, its legs %lld to the card, %lld in all",
                      (long long)in->amount, (long long)card, (long long)moves);
    return 0;
}

bool refund_of(const struct op_intent *in)
{
    return in->link != 0 && (in->refund || in->plan_kind == OC_PLAN_ACCOUNT);
}

static bool touches_card(const struct op_intent *in)
{
    for (unsigned i = 0; i < in->leg_count; i++) {
        if (leg_on_card(&in->legs[i]))
            return true;
    }
    return false;
}

int refund_ask(struct fold *f, struct ledger_op *op)
{
    const struct op_intent *in = &op->intent;
    struct txn_full first = {0};
    if (!in->refund && !refund_of(in)) /* a refund of nothing is one, too: it is refused */
        return 0;
    int rc = txn_load(f, in->link, &first);
    if (rc && rc != OC_ENOENT)
        return rc;
    if (!rc && !in->refund && first.state == OC_TXN_VOIDED) /* a second attempt */
        return 0;
    if (rc || first.state != OC_TXN_POSTED)
        return refuse(op, OC_R_ORIGINAL_UNKNOWN, "%s",
                      rc ? "no such transaction" : "it was not posted");
    if (first.refund)
        return refuse(op, OC_R_ORIGINAL_UNKNOWN, "it is a refund itself");
    if (first.card != in->card && (in->refund || touches_card(in)))
        return refuse(op, OC_R_ORIGINAL_UNKNOWN, "it is another card's");
    rc = in->refund ? amount_fits(op, &first) : 0;
    return rc ? rc : bounded(f, op, &first);
}
