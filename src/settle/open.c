/* What a published day leaves to be paid (R18): its items, and the day's payments.csv. The file is
 * made from the day's own postings alone, so that it is the same whenever it is made (R11): what is
 * to be paid for the day, what came back in it and is to be paid anew, and what the bank was heard
 * of in it. */
#include "settle/internal.h"
#include "settle/item.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE (LEDGER_RECORDS - 1) /* items of one commit, beside their group */

/* ---- the day's own items ---- */

struct day_items {
    struct settle_item *v;
    unsigned n, cap;
};

static int add(struct day_items *d, const char *group, const char *payee, enum acct_kind account,
               fen_t amount)
{
    if (amount == 0)
        return 0;
    if (d->n == d->cap) {
        unsigned cap = d->cap ? 2 * d->cap : 32;
        struct settle_item *grown = realloc(d->v, cap * sizeof *grown);
        if (!grown)
            return OC_ENOMEM;
        d->v = grown;
        d->cap = cap;
    }
    struct settle_item *it = &d->v[d->n++];
    *it = (struct settle_item){.amount = amount, .state = ITEM_OPEN};
    memcpy(it->id.group, group, strlen(group) + 1);
    memcpy(it->id.payee, payee, strlen(payee) + 1);
    it->id.account = (uint8_t)account;
    it->id.attempt = 1;
    return 0;
}

/* In the order of the sums: by participant. */
static int of_day(const struct run *r, struct day_items *d)
{
    char group[11];
    int rc = 0;
    date_text(r->day.date, group);
    for (unsigned i = 0; i < r->tally.n && rc == 0; i++) {
        const struct tally_member *m = r->tally.members[i];
        rc = add(d, group, m->id, ACCT_MERCHANT, m->all.merchant);
        if (rc == 0)
            rc = add(d, group, m->id, ACCT_LOAD_RECEIVABLE, m->all.receivable);
    }
    return rc;
}

/* ---- what the bank was heard of in the day ---- */

static int grow(struct own_postings *o)
{
    if (o->n < o->cap)
        return 0;
    unsigned cap = o->cap ? 2 * o->cap : 32;
    struct own_posting *grown = realloc(o->v, cap * sizeof *grown);
    if (!grown)
        return OC_ENOMEM;
    o->v = grown;
    o->cap = cap;
    return 0;
}

static fen_t moved(const struct op_intent *in)
{
    for (unsigned i = 0; i < in->leg_count; i++)
        if (in->legs[i].kind == ACCT_RESERVE)
            return in->legs[i].amount;
    return 0;
}

int open_take(struct run *r, const struct txn_row *t)
{
    struct own_postings *o = &r->own;
    const char *what = t->in.service + sizeof LEDGER_HOUSE - 1;
    struct own_posting p = {.txn = t->id, .link = t->in.link, .amount = moved(&t->in)};
    if (strlen(what) >= sizeof p.what)
        return 0;
    memcpy(p.what, what, strlen(what) + 1);
    for (unsigned i = 0; i < t->in.record_count; i++) {
        const struct op_record *rec = &t->in.records[i];
        struct settle_item_id id;
        if (item_of_record(rec->owner, rec->key, &id) != 0)
            continue;
        if (rec->version_read)
            p.item = id;
        else
            p.again = id;
    }
    int rc = grow(o);
    if (rc == 0)
        o->v[o->n++] = p;
    return rc;
}

bool open_is_own(const struct txn_row *t)
{
    return item_service(&t->in);
}

/* ---- payments.csv ---- */

static void line(struct buf *b, const char *what, const struct settle_item_id *id,
                 const fen_t *amount, const struct own_posting *p)
{
    struct csv c = {b, false};
    char text[SETTLE_ITEM];
    csv_text(&c, what);
    csv_text(&c, settle_item_text(id, text));
    csv_text(&c, id->payee);
    csv_text(&c, acct_kind_name((enum acct_kind)id->account));
    if (amount)
        csv_fen(&c, *amount);
    else
        csv_text(&c, "");
    csv_id(&c, p ? p->txn : 0);
    csv_id(&c, p ? p->link : 0);
    csv_end(&c);
}

static int co_own(struct run *r, struct buf *b, const struct own_posting *p) CO_FN;
static int co_own(struct run *r, struct buf *b, const struct own_posting *p)
{
    struct settle_item again;
    uint32_t version;
    if (p->item.attempt)
        line(b, p->what, &p->item, p->amount ? &p->amount : NULL, p);
    if (!p->again.attempt || strcmp(p->what, "listed") == 0)
        return 0;
    int rc = item_co_load(r->env, &p->again, &again, &version);
    if (rc == 0)
        line(b, strcmp(p->what, "answered") == 0 ? "pay" : "again", &again.id, &again.amount, p);
    return rc == OC_ENOENT ? OC_EBOOKS : rc;
}

int open_co_sheet(struct run *r, struct buf *b)
{
    struct day_items d = {NULL, 0, 0};
    int rc = of_day(r, &d);
    csv_header(b, "what,item,payee,account,amount_yuan,txn,link");
    for (unsigned i = 0; i < d.n && rc == 0; i++) {
        line(b, "pay", &d.v[i].id, &d.v[i].amount, NULL);
        r->rep->pay += d.v[i].amount > 0 ? d.v[i].amount : 0;
        r->rep->collect -= d.v[i].amount < 0 ? d.v[i].amount : 0;
    }
    r->rep->items = d.n;
    for (unsigned i = 0; i < r->own.n && rc == 0; i++)
        rc = co_own(r, b, &r->own.v[i]);
    free(d.v);
    return rc;
}

/* ---- rows ---- */

/* Which of them stand already: a run that was broken off goes on. */
static int co_there(struct run *r, const struct settle_item *v, unsigned n, bool *there) CO_FN;
static int co_there(struct run *r, const struct settle_item *v, unsigned n, bool *there)
{
    char owner[ITEM_NAME];
    char(*keys)[ITEM_NAME] = calloc(n, sizeof *keys);
    struct ledger_look *looks = calloc(n, sizeof *looks);
    int rc = keys && looks ? 0 : OC_ENOMEM;
    item_owner(v[0].id.group, owner);
    for (unsigned i = 0; i < n && rc == 0; i++)
        looks[i] = (struct ledger_look){
            .scope = ITEM_SCOPE, .owner = owner, .key = item_key(&v[i].id, keys[i])};
    if (rc == 0)
        rc = ledger_co_looks(r->env->ledger, looks, n, flow_arena());
    for (unsigned i = 0; i < n && rc == 0; i++)
        there[i] = looks[i].rc == 0;
    free(keys);
    free(looks);
    return rc;
}

static int co_some(struct run *r, const struct settle_item *v, unsigned n) CO_FN;
static int co_some(struct run *r, const struct settle_item *v, unsigned n)
{
    bool there[AT_ONCE] = {false};
    struct settle_group g;
    uint32_t version = 0;
    int rc = co_there(r, v, n, there);
    if (rc == 0)
        rc = item_co_group(r->env, v[0].id.group, &g, &version);
    struct booking *b = rc == 0 ? booking_new(r->env, LEDGER_HOUSE "listed", 0) : NULL;
    if (!b)
        return rc ? rc : OC_ENOMEM;
    b->op.intent.request_no = REQUEST_NONE; /* nobody asks for it by number */
    for (unsigned i = 0; i < n; i++) {
        if (there[i])
            continue;
        g.items++;
        g.open++;
        booking_item(b, &v[i], 0);
    }
    if (b->op.intent.record_count > 0) {
        booking_group(b, v[0].id.group, &g, version);
        rc = booking_co_submit(r->env, b);
        if (rc)
            (void)run_wrong(r, rc, "the items of payment could not be recorded: %.100s",
                            *b->op.detail ? b->op.detail : oc_strerror(rc));
    }
    free(b);
    return rc;
}

int open_co_items(struct run *r)
{
    struct day_items d = {NULL, 0, 0};
    int rc = r->pays ? of_day(r, &d) : 0;
    for (unsigned i = 0; i < d.n && rc == 0; i += AT_ONCE)
        rc = co_some(r, d.v + i, d.n - i < AT_ONCE ? d.n - i : AT_ONCE);
    free(d.v);
    return rc;
}
