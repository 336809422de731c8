/* Lists, a page at a time by key. A page is one statement. */
#include "ledger/query.h"

static WORKER_FN int participants(struct query *q, struct db *db)
{
    struct db_q s;
    struct participant_row *r;
    db_q(&s, db,
         "SELECT " ROW_PARTICIPANT
         " FROM participant WHERE shard = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_i64(&s, q->cap);
    while (db_row(&s) && (r = query_row(q)))
        row_participant(&s, r);
    return db_end(&s);
}

/* No id is longer than LEDGER_ID, so what follows a longer one is what follows its beginning. */
static struct query *after_text(struct ledger *l, int (*ask)(struct query *, struct db *),
                                size_t row_size, unsigned cap, const char *after)
{
    struct query *q = query_new(l, ask, row_size, cap);
    if (q && !query_text(q, 0, after))
        memcpy(q->text[0], after, sizeof q->text[0] - 1);
    return q;
}

int ledger_co_participants(struct ledger *l, const char *after, struct participant_row *rows,
                           unsigned cap, unsigned *ret_n)
{
    return query_co_list(after_text(l, participants, sizeof *rows, cap, after), rows, ret_n);
}

static WORKER_FN int terminals(struct query *q, struct db *db)
{
    struct db_q s;
    struct terminal_full full;
    struct terminal_row *r;
    db_q(&s, db,
         "SELECT " ROW_TERMINAL
         " FROM terminal t LEFT JOIN sam s ON s.shard = t.shard AND s.sam = t.sam"
         " WHERE t.shard = ?1 AND t.id > ?2 ORDER BY t.id LIMIT ?3");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    db_put_i64(&s, q->cap);
    while (db_row(&s) && (r = query_row(q))) {
        row_terminal(&s, &full);
        *r = full.r;
    }
    return db_end(&s);
}

int ledger_co_terminals(struct ledger *l, const char *after, struct terminal_row *rows,
                        unsigned cap, unsigned *ret_n)
{
    return query_co_list(after_text(l, terminals, sizeof *rows, cap, after), rows, ret_n);
}

static WORKER_FN int keys(struct query *q, struct db *db)
{
    struct db_q s;
    struct key_row *r;
    db_q(&s, db,
         "SELECT " ROW_KEY
         " FROM key WHERE shard = ?1 ORDER BY purpose, alg, version, issuer LIMIT ?2");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->cap);
    while (db_row(&s) && (r = query_row(q)))
        row_key(&s, r);
    return db_end(&s);
}

int ledger_co_keys(struct ledger *l, struct key_row *rows, unsigned cap, unsigned *ret_n)
{
    return query_co_list(query_new(l, keys, sizeof *rows, cap), rows, ret_n);
}

static WORKER_FN int accounts(struct query *q, struct db *db)
{
    struct db_q s;
    struct account_row *r;
    db_q(&s, db,
         "SELECT " ROW_ACCOUNT " FROM account WHERE shard = ?1 AND (kind, owner) > (?3, ?4) ORDER BY "
         "kind, owner LIMIT ?2");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->cap);
    db_put_i64(&s, q->num[0]);
    db_put_text(&s, q->text[0]);
    while (db_row(&s) && (r = query_row(q)))
        row_account(&s, r);
    return db_end(&s);
}

int ledger_co_accounts(struct ledger *l, uint8_t after_kind, const char *after_owner,
                       struct account_row *rows, unsigned cap, unsigned *ret_n)
{
    struct query *q = after_text(l, accounts, sizeof *rows, cap, after_owner);
    if (q)
        q->num[0] = after_kind;
    return query_co_list(q, rows, ret_n);
}

static struct query *after_number(struct ledger *l, int (*ask)(struct query *, struct db *),
                                  size_t row_size, unsigned cap, int64_t after)
{
    struct query *q = query_new(l, ask, row_size, cap);
    if (q)
        q->num[0] = after;
    return q;
}

static WORKER_FN int days(struct query *q, struct db *db)
{
    struct db_q s;
    struct day_row *r;
    db_q(&s, db,
         "SELECT " ROW_DAY " FROM day WHERE shard = ?1 AND date < ?2 ORDER BY date DESC LIMIT ?3");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0] ? q->num[0] : INT64_MAX);
    db_put_i64(&s, q->cap);
    while (db_row(&s) && (r = query_row(q)))
        row_day(&s, r);
    return db_end(&s);
}

int ledger_co_days(struct ledger *l, date_t before, struct day_row *rows, unsigned cap,
                   unsigned *ret_n)
{
    return query_co_list(after_number(l, days, sizeof *rows, cap, before), rows, ret_n);
}

/* Rows with action 0 are given as well: a terminal that has an older list must learn who left it.
 */
static WORKER_FN int deny_list(struct query *q, struct db *db)
{
    struct db_q s;
    struct deny_row *r;
    db_q(&s, db,
         "SELECT " ROW_DENY
         " FROM denylist WHERE shard = ?1 AND epoch > ?2 ORDER BY epoch LIMIT ?3");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->cap);
    while (db_row(&s) && (r = query_row(q)))
        row_deny(&s, r);
    return db_end(&s);
}

int ledger_co_deny_list(struct ledger *l, int64_t after_epoch, struct deny_row *rows, unsigned cap,
                        unsigned *ret_n)
{
    return query_co_list(after_number(l, deny_list, sizeof *rows, cap, after_epoch), rows, ret_n);
}

static WORKER_FN int events(struct query *q, struct db *db)
{
    struct db_q s;
    struct event_row *r;
    db_q(&s, db,
         "SELECT " ROW_EVENT " FROM event WHERE shard = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->cap);
    while (db_row(&s) && (r = query_row(q)))
        row_event(&s, r);
    return db_end(&s);
}

int ledger_co_events(struct ledger *l, int64_t after_seq, struct event_row *rows, unsigned cap,
                     unsigned *ret_n)
{
    return query_co_list(after_number(l, events, sizeof *rows, cap, after_seq), rows, ret_n);
}
