/* Records of offline terminals, page by page. */
#include "ledger/query.h"

#define HELD "result NOT IN (1, 2, 9)"

static const char *const questions[2][2] = {
    {"SELECT " ROW_OFFLINE
     " FROM offline_record WHERE shard = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
     "SELECT " ROW_OFFLINE " FROM offline_record WHERE shard = ?1 AND seq > ?2 AND " HELD
     " ORDER BY seq LIMIT ?3"},
    {"SELECT " ROW_OFFLINE
     " FROM offline_record INDEXED BY offline_card WHERE shard = ?1 AND seq > ?2 "
     "AND card = ?4 AND card <> 0 ORDER BY seq LIMIT ?3",
     "SELECT " ROW_OFFLINE
     " FROM offline_record INDEXED BY offline_card WHERE shard = ?1 AND seq > ?2 "
     "AND card = ?4 AND card <> 0 AND " HELD " ORDER BY seq LIMIT ?3"},
};

/* num[0]: after; filter.card, filter.open_only: which. */
static WORKER_FN int records(struct query *q, struct db *db)
{
    struct db_q s;
    struct offline_row *r;
    db_q(&s, db, questions[q->filter.card != 0][q->filter.open_only]);
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->cap);
    if (q->filter.card)
        db_put_i64(&s, q->filter.card);
    while (db_row(&s) && (r = query_row(q)))
        row_offline(&s, r);
    return db_end(&s);
}

int ledger_co_offline(struct ledger *l, int64_t after_seq, int64_t card_or_0, bool held,
                      struct offline_row *rows, unsigned cap, unsigned *ret_n)
{
    struct query *q = query_new(l, records, sizeof *rows, cap);
    if (q) {
        q->num[0] = after_seq;
        q->filter.card = card_or_0;
        q->filter.open_only = held;
    }
    return query_co_list(q, rows, ret_n);
}
