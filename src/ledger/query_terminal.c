/* What a terminal's session asks: its key, and what a request needs to know in one look. */
#include "ledger/query.h"
#include <stdlib.h>

#define NUMBERS_MAX 100000

static WORKER_FN int terminal_key(struct query *q, struct db *db)
{
    struct db_q s;
    struct terminal_key_full full;
    db_q(&s, db,
         "SELECT " ROW_TERMINAL_KEY " FROM terminal_key WHERE shard = ?1 AND terminal = ?2");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    struct terminal_key_row *r = db_row(&s) ? query_row(q) : NULL;
    if (r) {
        row_terminal_key(&s, &full);
        *r = full.r;
    }
    return db_end(&s);
}

/* A text too long for its column is the key of no row. */
static struct query *about(struct ledger *l, int (*look)(struct query *, struct db *),
                           size_t row_size, const char *terminal, int *ret_err)
{
    struct query *q = query_new(l, look, row_size, 1);
    *ret_err = q ? OC_ENOENT : OC_ENOMEM;
    if (q && !query_text(q, 0, terminal)) {
        offload_job_put(&q->job);
        q = NULL;
    }
    return q;
}

int ledger_co_terminal_key(struct ledger *l, const char *terminal, struct terminal_key_row *ret)
{
    int rc;
    struct query *q = about(l, terminal_key, sizeof *ret, terminal, &rc);
    return q ? query_co_one(q, ret) : rc;
}

static WORKER_FN int authority(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT " ROW_AUTHORITY " FROM authority WHERE shard = ?1");
    db_put_i64(&s, q->l->shard);
    struct op_authority *r = db_row(&s) ? query_row(q) : NULL;
    if (r)
        row_authority(&s, r);
    return db_end(&s);
}

int ledger_co_authority(struct ledger *l, struct op_authority *ret)
{
    return query_co_one(query_new(l, authority, sizeof *ret, 1), ret);
}

/* ---- admission ---- */

static WORKER_FN int admission(struct query *q, struct db *db)
{
    int rc = query_terminal(q, db);
    return rc || !q->n || !q->num[0] ? rc : query_request(q, db, q->num[0]);
}

int ledger_co_admission(struct ledger *l, const char *terminal, int64_t request_no,
                        struct terminal_row *ret_terminal, struct txn_row *ret_txn, bool *ret_found)
{
    int rc;
    struct front_mark began = front_mark(l);
    if (front_answers(l, terminal, request_no, ret_terminal)) {
        *ret_found = false;
        return 0;
    }
    struct query *q = about(l, admission, sizeof *ret_terminal, terminal, &rc);
    if (!q)
        return rc;
    q->num[0] = request_no;
    rc = query_co_ask(q);
    if (!rc && !q->n)
        rc = OC_ENOENT;
    if (!rc) {
        memcpy(ret_terminal, q->rows, sizeof *ret_terminal);
        if (q->extra)
            memcpy(ret_txn, q->extra, sizeof *ret_txn);
        *ret_found = q->extra != NULL;
        front_keep(l, began, ret_terminal);
    }
    offload_job_put(&q->job);
    return rc;
}

/* ---- a card's standing ---- */

struct denied {
    bool listed;
    struct deny_row row;
};

static WORKER_FN int deny(struct query *q, struct db *db, struct denied *ret)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT " ROW_DENY
         " FROM denylist WHERE shard = ?1 AND issuer = ?2 AND serial = ?3 AND action <> 0");
    db_put_i64(&s, q->l->shard);
    db_put_blob(&s, q->issuer, sizeof q->issuer);
    db_put_blob(&s, q->serial, sizeof q->serial);
    ret->listed = db_row(&s);
    if (ret->listed)
        row_deny(&s, &ret->row);
    return db_end(&s);
}

/* The list first: a card added to it between the two statements shows in its own row. */
static WORKER_FN int standing(struct query *q, struct db *db)
{
    struct denied *d = calloc(1, sizeof *d);
    q->extra = d;
    int rc = d ? deny(q, db, d) : OC_ENOMEM;
    return rc ? rc : query_card(q, db);
}

int ledger_co_card_standing(struct ledger *l, const uint8_t issuer[OC_ISSUER_LEN],
                            const uint8_t serial[OC_SERIAL_LEN], struct card_row *ret_card,
                            struct deny_row *ret_deny, bool *ret_denied)
{
    struct query *q = query_new(l, standing, sizeof *ret_card, 1);
    if (!q)
        return OC_ENOMEM;
    memcpy(q->issuer, issuer, sizeof q->issuer);
    memcpy(q->serial, serial, sizeof q->serial);
    int rc = query_co_ask(q);
    if (!rc) {
        const struct denied *d = q->extra;
        *ret_denied = d->listed;
        if (d->listed)
            *ret_deny = d->row;
        if (q->n)
            memcpy(ret_card, q->rows, sizeof *ret_card);
        else
            rc = OC_ENOENT;
    }
    offload_job_put(&q->job);
    return rc;
}

/* ---- totals ---- */

static WORKER_FN int totals(struct query *q, struct db *db)
{
    struct db_q s;
    struct terminal_total *t;
    db_q(&s, db,
         "SELECT service, sum(state = 2), sum(state IN (1, 4)), "
         "sum(CASE state WHEN 2 THEN amount ELSE 0 END) FROM txn INDEXED BY txn_request "
         "WHERE shard = ?1 AND terminal = ?2 AND request_no BETWEEN ?3 AND ?4 "
         "GROUP BY service ORDER BY service");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->num[1]);
    bool fits = true;
    while (fits && db_row(&s)) {
        t = query_row(q);
        fits = t != NULL;
        if (!t)
            continue;
        db_get_text(&s, t->service, sizeof t->service);
        t->posted = (uint32_t)db_get_i64(&s);
        t->open = (uint32_t)db_get_i64(&s);
        t->amount = db_get_i64(&s);
    }
    int rc = db_end(&s);
    return rc || fits ? rc : OC_ELIMIT;
}

int ledger_co_terminal_totals(struct ledger *l, const char *terminal, int64_t first, int64_t last,
                              struct terminal_total *rows, unsigned cap, unsigned *ret_n)
{
    *ret_n = 0;
    if (last < first)
        return 0;
    if (first < 0 || last - first >= NUMBERS_MAX)
        return OC_ELIMIT;
    int rc;
    struct query *q = about(l, totals, sizeof *rows, terminal, &rc);
    if (!q)
        return rc == OC_ENOENT ? 0 : rc;
    q->cap = cap;
    q->num[0] = first;
    q->num[1] = last;
    return query_co_list(q, rows, ret_n);
}

/* ---- cash ---- */

#define CASH_PIECE 128 /* transactions found by one statement */

/* Journal rows of the posted transactions from request number *from on; *from moves behind the
 * last. */
static WORKER_FN int posted_after(struct query *q, struct db *db, int64_t *from, int64_t *seqs,
                                  unsigned *ret_n)
{
    struct db_q s;
    unsigned n = 0;
    db_q(&s, db,
         "SELECT request_no, intent_seq FROM txn INDEXED BY txn_request WHERE shard = ?1 AND "
         "terminal = ?2 AND request_no BETWEEN ?3 AND ?4 AND state = 2 ORDER BY request_no LIMIT "
         "?5");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_i64(&s, *from);
    db_put_i64(&s, q->num[1]);
    db_put_i64(&s, CASH_PIECE);
    while (n < CASH_PIECE && db_row(&s)) {
        *from = db_get_i64(&s) + 1;
        seqs[n++] = db_get_i64(&s);
    }
    *ret_n = n;
    return db_end(&s);
}

/* What a participant owes for cash moves with the cash: money taken is a debit there. */
static void count_cash(const struct op_intent *in, struct terminal_cash *sum)
{
    for (unsigned i = 0; i < in->leg_count; i++) {
        const struct leg *leg = &in->legs[i];
        bool held = strcmp(leg->owner, in->hold.to) == 0; /* there, in an account */
        if (leg->kind != ACCT_LOAD_RECEIVABLE || held || strcmp(leg->owner, in->participant) != 0)
            continue;
        if (leg->amount < 0)
            sum->taken -= leg->amount;
        else
            sum->given += leg->amount;
    }
}

static WORKER_FN int cash(struct query *q, struct db *db)
{
    struct terminal_cash *sum = query_row(q);
    int64_t from = q->num[0], seqs[CASH_PIECE];
    unsigned n = CASH_PIECE;
    int rc = sum ? 0 : OC_ENOMEM;
    q->op = rc ? NULL : malloc(sizeof *q->op);
    if (!rc && !q->op)
        rc = OC_ENOMEM;
    while (!rc && n == CASH_PIECE) {
        rc = posted_after(q, db, &from, seqs, &n);
        for (unsigned i = 0; i < n && !rc; i++) {
            rc = journal_read(db, q->l->shard, seqs[i], &q->op_bytes, q->op);
            if (!rc && q->op->type == LOP_INTENT)
                count_cash(&q->op->intent, sum);
            else if (!rc || rc == OC_ENOENT || rc == OC_EPARSE)
                rc = OC_ECHAIN;
        }
    }
    return rc;
}

int ledger_co_terminal_cash(struct ledger *l, const char *terminal, int64_t first, int64_t last,
                            struct terminal_cash *ret)
{
    int rc;
    *ret = (struct terminal_cash){0};
    if (last < first)
        return 0;
    if (first < 0 || last - first >= NUMBERS_MAX)
        return OC_ELIMIT;
    struct query *q = about(l, cash, sizeof *ret, terminal, &rc);
    if (!q)
        return rc == OC_ENOENT ? 0 : rc;
    unsigned n = 0;
    q->num[0] = first;
    q->num[1] = last;
    return query_co_list(q, ret, &n);
}
