/* The sheets beside the participants' files: summary, float, doubts. Pure. */
#include "settle/internal.h"

/* ---- summary.csv ---- */

static void summary_row(struct buf *b, const char *id, const char *service,
                        const struct tally_sum *s)
{
    struct csv c = {b, false};
    csv_text(&c, id);
    csv_text(&c, service);
    csv_int(&c, s->count);
    csv_int(&c, s->elsewhere);
    csv_fen(&c, s->gross);
    csv_fen(&c, s->borne);
    csv_fen(&c, s->net);
    csv_fen(&c, s->merchant);
    csv_fen(&c, s->receivable);
    csv_fen(&c, s->merchant + s->receivable);
    csv_end(&c);
}

void sheet_summary(struct buf *b, const struct tally *t)
{
    csv_header(
        b, "participant,service,postings,elsewhere,gross_yuan,borne_yuan,net_yuan,merchant_yuan,"
           "load_receivable_yuan,position_yuan");
    for (unsigned i = 0; i < t->n; i++) {
        const struct tally_member *m = t->members[i];
        for (unsigned k = 0; k < m->n; k++)
            summary_row(b, m->id, m->services[k].service, &m->services[k].sum);
        summary_row(b, m->id, "(all)", &m->all);
    }
    summary_row(b, "(all)", "(all)", &t->all);
}

/* ---- float.csv ---- */

static void float_row(struct buf *b, const char *item, int64_t count, fen_t amount)
{
    struct csv c = {b, false};
    csv_text(&c, item);
    if (count >= 0)
        csv_int(&c, count);
    else
        csv_text(&c, "");
    csv_fen(&c, amount);
    csv_end(&c);
}

struct doubt_sum {
    int64_t count;
    fen_t amount;
};
static struct doubt_sum sum_doubts(const struct doubts *d, uint8_t plan_kind)
{
    struct doubt_sum s = {0};
    for (unsigned i = 0; i < d->n; i++) {
        s.count += d->v[i].at.plan_kind == plan_kind;
        s.amount += d->v[i].at.plan_kind == plan_kind ? d->v[i].amount : 0;
    }
    return s;
}

void sheet_float(struct buf *b, const struct run *r)
{
    const struct day_row *d = &r->day;
    struct doubt_sum loads = sum_doubts(&r->doubts, OC_PLAN_CREDIT),
                     debits = sum_doubts(&r->doubts, OC_PLAN_DEBIT);
    fen_t replaced = r->tally.replaced;
    fen_t postings = r->tally.loads - r->tally.purchases + r->tally.other_purse + replaced;
    fen_t closing = d->float_opening + d->loads - d->purchases + d->adjustments;
    struct csv c = {b, false};
    csv_header(b, "item,count,amount_yuan");
    float_row(b, "opening", -1, d->float_opening);
    float_row(b, "loads", -1, d->loads);
    float_row(b, "purchases", -1, -d->purchases);
    float_row(b, "adjustments", -1, d->adjustments);
    float_row(b, "closing", -1, closing);
    float_row(b, "postings", r->rep->postings, postings);
    float_row(b, "difference", -1, d->loads - d->purchases + replaced - postings);
    float_row(b, "doubts_loads", loads.count, loads.amount);
    float_row(b, "doubts_purchases", debits.count, -debits.amount);
    csv_text(&c, "oldest_doubt_minutes");
    csv_int(&c, r->rep->oldest_doubt_ms / 60000);
    csv_text(&c, "");
    csv_end(&c);
}

/* ---- doubts.csv ---- */

static void doubt_row(struct buf *b, const struct run *r, const struct doubt *d)
{
    char since[20];
    struct csv c = {b, false};
    csv_id(&c, d->txn);
    csv_date(&c, d->business_date);
    csv_text(&c, city_text(d->created_ms, r->env->city_offset_min, since));
    csv_int(&c, (r->close_ms - d->created_ms) / 60000);
    csv_text(&c, d->participant);
    csv_text(&c, d->card);
    posting_where(&c, &d->at);
    csv_fen(&c, d->amount);
    csv_end(&c);
}

void sheet_doubts(struct buf *b, const struct run *r)
{
    csv_header(b, "txn,business_date,since,age_minutes,participant,card,issuer,terminal,sam,sam_"
                  "seq,counter,type,service,"
                  "amount_yuan");
    for (unsigned i = 0; i < r->doubts.n; i++)
        doubt_row(b, r, &r->doubts.v[i]);
}
