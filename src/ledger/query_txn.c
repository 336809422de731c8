/* Transactions. A row of txn says where its words stand in the journal: the intent (or refusal) and
 * the last outcome.
 *
 * A list is found in two steps, ids first and whole transactions after, in pieces: so a filter
 * without an index (a terminal, a state) may look through years of rows and still holds no snapshot
 * for longer than one piece. What changed between the steps is looked at again. */
#include "ledger/query.h"
#include <stdlib.h>

#define PIECE 1024 /* rows one statement looks at */
#define FOUND 128  /* of them, ids kept */

/* ---- one ---- */

static WORKER_FN int load_row(struct query *q, struct db *db, int64_t id, struct txn_full *ret)
{
    struct db_q s;
    db_q(&s, db, "SELECT " ROW_TXN " FROM txn WHERE id = ?1 AND shard = ?2");
    db_put_i64(&s, id);
    db_put_i64(&s, q->l->shard);
    bool found = db_row(&s);
    if (found)
        row_txn(&s, ret);
    int rc = db_end(&s);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

static WORKER_FN int load_card(struct query *q, struct db *db, struct txn_row *r)
{
    struct db_q s;
    db_q(&s, db, "SELECT issuer, serial FROM card WHERE id = ?1 AND shard = ?2");
    db_put_i64(&s, r->in.card);
    db_put_i64(&s, q->l->shard);
    if (db_row(&s)) {
        db_get_fixed(&s, r->issuer, sizeof r->issuer);
        db_get_fixed(&s, r->serial, sizeof r->serial);
    }
    return db_end(&s);
}

static WORKER_FN int load_op(struct query *q, struct db *db, int64_t seq)
{
    if (!q->op)
        q->op = malloc(sizeof *q->op);
    if (!q->op)
        return OC_ENOMEM;
    int rc = journal_read(db, q->l->shard, seq, &q->op_bytes, q->op);
    if (rc != OC_ENOENT && rc != OC_EPARSE)
        return rc;
    log_error("ledger", "journal row %lld is missing or damaged", (long long)seq);
    return OC_ECHAIN;
}

static void fill_refusal(const struct op_refusal *f, struct txn_row *r)
{
    struct op_intent *in = &r->in;
    in->txn = f->txn;
    in->trace = f->trace;
    memcpy(in->service, f->service, sizeof in->service);
    in->card = f->card;
    memcpy(in->terminal, f->terminal, sizeof in->terminal);
    memcpy(in->participant, f->participant, sizeof in->participant);
    in->request_no = f->request_no;
    memcpy(in->request_hash, f->request_hash, sizeof in->request_hash);
    in->business_date = f->business_date;
    in->amount = f->amount;
    in->seen = f->seen;
    memcpy(r->issuer, f->issuer, sizeof r->issuer);
    memcpy(r->serial, f->serial, sizeof r->serial);
    r->reason = f->reason;
    memcpy(r->note, f->detail, sizeof f->detail);
    in->presented = f->presented;
    in->timeline = f->timeline;
}

static void fill_outcome(const struct op_outcome *o, struct txn_row *r)
{
    r->reason = o->reason;
    r->evidence = o->evidence;
    r->tac_verdict = o->tac_verdict;
    r->sw = o->sw;
    memcpy(r->mac2, o->mac2, sizeof r->mac2);
    memcpy(r->tac, o->tac, sizeof r->tac);
    r->after = o->seen;
    memcpy(r->note, o->note, sizeof r->note);
    memcpy(r->reply, o->reply, sizeof r->reply);
    if (o->timeline.received_us)
        r->timeline = o->timeline;
}

/* The bytes they stand in end with the look. */
static void drop_docs(struct op_intent *in)
{
    for (unsigned i = 0; i < in->record_count; i++)
        in->records[i].doc = (struct op_doc){0};
    for (unsigned i = 0; i < in->message_count; i++)
        in->messages[i].doc = (struct op_doc){0};
    in->hold.doc = in->hold.expect = (struct op_doc){0};
}

static int fill_first(struct query *q, struct txn_row *r)
{
    const struct ledger_op *op = q->op;
    memcpy(r->who, op->who, sizeof r->who);
    if (op->type == LOP_INTENT) {
        r->in = op->intent;
        drop_docs(&r->in);
        r->message_count = op->intent.message_count;
        r->held = op->intent.hold.to[0] != '\0';
        memcpy(r->reply, op->intent.reply, sizeof r->reply);
    } else if (op->type == LOP_REFUSAL) {
        fill_refusal(&op->refusal, r);
    } else if (op->type == LOP_OFFLINE) {
        offline_intent(&op->offline, &r->in);
        r->evidence = EV_CLEARING;
        r->tac_verdict = op->offline.tac_verdict;
        memcpy(r->tac, op->offline.tac, sizeof r->tac);
    } else if (op->type == LOP_REPLACED) {
        replaced_intent(&op->replaced, &r->in);
    } else {
        return OC_EBOOKS;
    }
    r->trace = r->in.trace;
    r->presented = r->in.presented;
    r->timeline = r->in.timeline;
    return r->in.txn == r->id ? 0 : OC_EBOOKS;
}

static WORKER_FN int fill(struct query *q, struct db *db, const struct txn_full *t,
                          struct txn_row *r)
{
    r->id = t->id;
    r->state = t->state;
    r->created_ms = t->created_ms;
    r->decided_ms = t->decided_ms;
    r->suspense = t->suspense;
    r->clearing_date = t->clearing_date;
    r->refunded = t->refunded;
    r->tries = t->tries;
    int rc = load_op(q, db, t->intent_seq);
    if (!rc)
        rc = fill_first(q, r);
    if (!rc && r->in.card)
        rc = load_card(q, db, r);
    if (rc || !t->outcome_seq)
        return rc;
    rc = load_op(q, db, t->outcome_seq);
    if (rc)
        return rc;
    if (q->op->type != LOP_OUTCOME || q->op->outcome.txn != t->id)
        return OC_EBOOKS;
    fill_outcome(&q->op->outcome, r);
    return 0;
}

static WORKER_FN int push_txn(struct query *q, struct db *db, const struct txn_full *t)
{
    struct txn_row *r = query_row(q);
    if (!r)
        return q->err;
    int rc = fill(q, db, t, r);
    if (rc == OC_EBOOKS)
        log_error("ledger", "transaction %lld points to a journal row that is not its own",
                  (long long)t->id);
    return rc;
}

static WORKER_FN int by_id(struct query *q, struct db *db)
{
    struct txn_full t;
    int rc = load_row(q, db, q->num[0], &t);
    return rc ? rc : push_txn(q, db, &t);
}

int ledger_co_txn(struct ledger *l, int64_t txn, struct txn_row *ret)
{
    struct query *q = query_new(l, by_id, sizeof *ret, 1);
    if (q)
        q->num[0] = txn;
    return query_co_one(q, ret);
}

static WORKER_FN int load_request(struct query *q, struct db *db, int64_t request_no,
                                  struct txn_full *ret)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT " ROW_TXN " FROM txn WHERE shard = ?1 AND terminal = ?2 AND request_no = ?3");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_i64(&s, request_no);
    bool found = db_row(&s);
    if (found)
        row_txn(&s, ret);
    int rc = db_end(&s);
    return rc ? rc : found ? 0 : OC_ENOENT;
}

static WORKER_FN int by_request(struct query *q, struct db *db)
{
    struct txn_full t;
    int rc = load_request(q, db, q->num[0], &t);
    return rc ? rc : push_txn(q, db, &t);
}

int query_request(struct query *q, struct db *db, int64_t request_no)
{
    struct txn_full t;
    int rc = load_request(q, db, request_no, &t);
    if (rc)
        return rc == OC_ENOENT ? 0 : rc;
    q->extra = calloc(1, sizeof(struct txn_row));
    return q->extra ? fill(q, db, &t, q->extra) : OC_ENOMEM;
}

int ledger_co_txn_request(struct ledger *l, const char *terminal, int64_t request_no,
                          struct txn_row *ret)
{
    struct query *q = query_new(l, by_request, sizeof *ret, 1);
    if (q && !query_text(q, 0, terminal)) {
        offload_job_put(&q->job);
        return OC_ENOENT;
    }
    if (q)
        q->num[0] = request_no;
    return query_co_one(q, ret);
}

/* ---- many ---- */

static bool is_open(uint8_t state)
{
    return state == OC_TXN_INTENDED || state == OC_TXN_IN_DOUBT;
}

static bool fits(const struct txn_filter *f, const struct txn_full *t)
{
    return (!f->card || t->card == f->card) &&
           (!f->terminal || strcmp(t->terminal, f->terminal) == 0) &&
           (!f->state || t->state == f->state) &&
           (!f->clearing || t->clearing_date == f->clearing) &&
           (!f->open_only || is_open(t->state));
}

#define CANDIDATE "SELECT id, state, coalesce(card, 0), terminal, clearing_date FROM txn "

/* Oldest first for what is worked off in order (a day, the open ones), else newest first. */
static WORKER_FN void ask_ids(struct query *q, struct db *db, struct db_q *s, int64_t cursor)
{
    const struct txn_filter *f = &q->filter;
    int64_t key = f->clearing ? f->clearing : f->card;
    if (f->citizen) {
        db_q(
            s, db,
            "SELECT t.id, t.state, coalesce(t.card, 0), t.terminal, t.clearing_date FROM "
            "txn_citizen x "
            "CROSS JOIN txn t ON t.id = x.txn WHERE x.shard = ?1 AND x.txn < ?2 AND x.citizen = ?4 "
            "ORDER BY x.txn DESC LIMIT ?3");
        db_put_i64(s, q->l->shard);
        db_put_i64(s, cursor);
        db_put_i64(s, PIECE);
        db_put_text(s, f->citizen);
        return;
    }
    if (f->open_only)
        db_q(s, db,
             CANDIDATE "WHERE shard = ?1 AND id > ?2 AND state IN (1, 4) ORDER BY id LIMIT ?3");
    else if (f->clearing)
        db_q(s, db,
             CANDIDATE "WHERE shard = ?1 AND id > ?2 AND state = 2 AND clearing_date = ?4 ORDER BY "
                       "id LIMIT ?3");
    else if (f->card)
        db_q(s, db,
             CANDIDATE "WHERE shard = ?1 AND id < ?2 AND card = ?4 ORDER BY id DESC LIMIT ?3");
    else
        db_q(s, db, CANDIDATE "WHERE +shard = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    db_put_i64(s, q->l->shard);
    db_put_i64(s, cursor);
    db_put_i64(s, PIECE);
    if (!f->open_only && key)
        db_put_i64(s, key);
}

struct found {
    int64_t cursor; /* last id looked at */
    unsigned n;
    bool more;
    int64_t id[FOUND];
};

static WORKER_FN int scan(struct query *q, struct db *db, struct found *at)
{
    struct db_q s;
    struct txn_full t = {0};
    unsigned seen = 0;
    unsigned want = q->cap - q->n < FOUND ? q->cap - q->n : FOUND;
    at->n = 0;
    ask_ids(q, db, &s, at->cursor);
    while (at->n < want && db_row(&s)) {
        t.id = db_get_i64(&s);
        t.state = (uint8_t)db_get_i64(&s);
        t.card = db_get_i64(&s);
        db_get_text(&s, t.terminal, sizeof t.terminal);
        t.clearing_date = (date_t)db_get_i64(&s);
        at->cursor = t.id;
        seen++;
        if (fits(&q->filter, &t))
            at->id[at->n++] = t.id;
    }
    at->more = seen == PIECE || (want && at->n == want);
    return db_end(&s);
}

static WORKER_FN int take_found(struct query *q, struct db *db, const struct found *at)
{
    struct txn_full t;
    for (unsigned i = 0; i < at->n; i++) {
        int rc = load_row(q, db, at->id[i], &t);
        if (rc)
            return rc;
        if (!fits(&q->filter, &t))
            continue;
        rc = push_txn(q, db, &t);
        if (rc)
            return rc;
    }
    return 0;
}

static WORKER_FN int list_txns(struct query *q, struct db *db)
{
    struct found at = {.more = true, .cursor = q->filter.before};
    if (!at.cursor && !q->filter.open_only && !q->filter.clearing)
        at.cursor = INT64_MAX;
    int rc = 0;
    for (unsigned i = 0; !rc && at.more && q->n < q->cap && i < QUERY_TURN; i++) {
        rc = scan(q, db, &at);
        if (!rc)
            rc = take_found(q, db, &at);
    }
    q->more = at.more && q->n < q->cap;
    q->filter.before = at.cursor;
    return rc;
}

int ledger_co_txns(struct ledger *l, const struct txn_filter *f, struct txn_row *rows, unsigned cap,
                   unsigned *ret_n)
{
    struct query *q = query_new(l, list_txns, sizeof *rows, cap);
    if (q && (!query_text(q, 0, f->terminal) || !query_text(q, 1, f->citizen))) {
        offload_job_put(&q->job);
        *ret_n = 0;
        return 0;
    }
    if (q) {
        q->filter = *f;
        q->filter.terminal = f->terminal ? q->text[0] : NULL;
        q->filter.citizen = f->citizen ? q->text[1] : NULL;
    }
    return query_co_list(q, rows, ret_n);
}
