/* Cards: by number, by identity, by what a person typed, and all of them page by page. */
#include "ledger/query.h"

#define CARD_ROW                                                                                   \
    ROW_CARD ", coalesce(a.category, ''), coalesce(a.from_day, 0), coalesce(a.to_day, 0)"
#define CARD_FROM                                                                                  \
    " FROM card LEFT JOIN card_app a ON a.shard = card.shard AND a.card = card.id"                 \
    " AND a.app = 'transit' AND a.closed = 0 "

static WORKER_FN bool push(struct query *q, struct db_q *s)
{
    struct card_full full;
    struct card_row *r = query_row(q);
    if (!r)
        return false;
    row_card(s, &full);
    *r = full.r;
    db_get_text(s, r->category, sizeof r->category);
    r->category_from = (date_t)db_get_i64(s);
    r->category_to = (date_t)db_get_i64(s);
    return true;
}

static WORKER_FN int collect(struct query *q, struct db_q *s)
{
    while (q->n < q->cap && db_row(s) && push(q, s))
        ;
    return db_end(s);
}

static WORKER_FN int by_id(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT " CARD_ROW CARD_FROM "WHERE card.id = ?1 AND card.shard = ?2");
    db_put_i64(&s, q->num[0]);
    db_put_i64(&s, q->l->shard);
    return collect(q, &s);
}

static WORKER_FN int by_identity(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT " CARD_ROW CARD_FROM
         "WHERE card.shard = ?1 AND card.serial = ?2 AND card.issuer = ?3");
    db_put_i64(&s, q->l->shard);
    db_put_blob(&s, q->serial, sizeof q->serial);
    db_put_blob(&s, q->issuer, sizeof q->issuer);
    return collect(q, &s);
}

int query_card(struct query *q, struct db *db)
{
    return by_identity(q, db);
}

int ledger_co_card_id(struct ledger *l, int64_t card, struct card_row *ret)
{
    struct query *q = query_new(l, by_id, sizeof *ret, 1);
    if (q)
        q->num[0] = card;
    return query_co_one(q, ret);
}

int ledger_co_card(struct ledger *l, const uint8_t issuer[OC_ISSUER_LEN],
                   const uint8_t serial[OC_SERIAL_LEN], struct card_row *ret)
{
    struct query *q = query_new(l, by_identity, sizeof *ret, 1);
    if (q) {
        memcpy(q->issuer, issuer, sizeof q->issuer);
        memcpy(q->serial, serial, sizeof q->serial);
    }
    return query_co_one(q, ret);
}

/* ---- slots ---- */

static WORKER_FN int slots_of(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db,
         "SELECT app, category, from_day, to_day, closed FROM card_app WHERE shard = ?1 AND card = "
         "?2 ORDER BY app");
    db_put_i64(&s, q->l->shard);
    db_put_i64(&s, q->num[0]);
    while (q->n < q->cap && db_row(&s)) {
        struct slot_row *r = query_row(q);
        if (!r)
            break;
        db_get_text(&s, r->app, sizeof r->app);
        db_get_text(&s, r->category, sizeof r->category);
        r->from = (date_t)db_get_i64(&s);
        r->to = (date_t)db_get_i64(&s);
        r->closed = (uint8_t)db_get_i64(&s);
    }
    return db_end(&s);
}

int ledger_co_slots(struct ledger *l, int64_t card, struct slot_row *rows, unsigned cap,
                    unsigned *ret_n)
{
    struct query *q = query_new(l, slots_of, sizeof *rows, cap);
    if (q)
        q->num[0] = card;
    return query_co_list(q, rows, ret_n);
}

/* ---- what a person typed ---- */

/* Notes the id of each card that fits; two different ones are too many. */
static WORKER_FN int note_id(struct query *q, struct db_q *s)
{
    int rc = 0;
    while (!rc && db_row(s)) {
        int64_t id = db_get_i64(s);
        if (q->num[0] && q->num[0] != id)
            rc = OC_ECONFLICT;
        q->num[0] = id;
    }
    int err = db_end(s);
    return err ? err : rc;
}

static WORKER_FN int find_serial(struct query *q, struct db *db)
{
    if (hex_decode(q->text[0], q->serial, sizeof q->serial))
        return 0;
    struct db_q s;
    db_q(&s, db, "SELECT id FROM card WHERE shard = ?1 AND serial = ?2 LIMIT 2");
    db_put_i64(&s, q->l->shard);
    db_put_blob(&s, q->serial, sizeof q->serial);
    return note_id(q, &s);
}

static WORKER_FN int find_number(struct query *q, struct db *db)
{
    struct db_q s;
    db_q(&s, db, "SELECT id FROM card WHERE shard = ?1 AND number = ?2 AND number <> '' LIMIT 2");
    db_put_i64(&s, q->l->shard);
    db_put_text(&s, q->text[0]);
    return note_id(q, &s);
}

/* "issuer16hex-serial20hex" */
static bool is_identity(struct query *q)
{
    char *dash = strchr(q->text[0], '-');
    if (!dash || dash - q->text[0] != 2 * OC_ISSUER_LEN)
        return false;
    char issuer[2 * OC_ISSUER_LEN + 1] = {0};
    memcpy(issuer, q->text[0], sizeof issuer - 1);
    return !hex_decode(issuer, q->issuer, sizeof q->issuer) &&
           !hex_decode(dash + 1, q->serial, sizeof q->serial);
}

static WORKER_FN int by_words(struct query *q, struct db *db)
{
    if (is_identity(q))
        return by_identity(q, db);
    int rc = find_serial(q, db);
    if (!rc)
        rc = find_number(q, db);
    if (rc || !q->num[0])
        return rc;
    return by_id(q, db);
}

int ledger_co_card_find(struct ledger *l, const char *text, struct card_row *ret)
{
    struct query *q = query_new(l, by_words, sizeof *ret, 1);
    if (q && !query_text(q, 0, text)) {
        offload_job_put(&q->job);
        return OC_ENOENT;
    }
    return query_co_one(q, ret);
}

/* ---- all of them ---- */

/* In pieces, so that looking for the few cards of one state among a million holds no snapshot for
 * long. */
#define PIECE 2048

static WORKER_FN int next_piece(struct query *q, struct db *db, int64_t *after, unsigned *ret_seen)
{
    struct db_q s;
    unsigned seen = 0;
    db_q(&s, db, "SELECT " CARD_ROW CARD_FROM "WHERE card.id > ?1 ORDER BY card.id LIMIT ?2");
    db_put_i64(&s, *after);
    db_put_i64(&s, q->num[1] ? PIECE : (int64_t)(q->cap - q->n));
    while (q->n < q->cap && db_row(&s) && push(q, &s)) {
        struct card_row *r = (struct card_row *)(void *)q->rows + (q->n - 1);
        seen++;
        *after = r->id;
        if (q->num[1] && r->state != q->num[1])
            query_drop(q);
    }
    *ret_seen = seen;
    return db_end(&s);
}

static WORKER_FN int all_cards(struct query *q, struct db *db)
{
    unsigned seen = 1;
    int rc = 0;
    for (unsigned i = 0; !rc && !q->err && seen && q->n < q->cap && i < QUERY_TURN; i++)
        rc = next_piece(q, db, &q->num[0], &seen);
    q->more = seen && q->n < q->cap;
    return rc;
}

int ledger_co_cards(struct ledger *l, int64_t after_id, uint8_t state_or_0, struct card_row *rows,
                    unsigned cap, unsigned *ret_n)
{
    struct query *q = query_new(l, all_cards, sizeof *rows, cap);
    if (q) {
        q->num[0] = after_id;
        q->num[1] = state_or_0;
    }
    return query_co_list(q, rows, ret_n);
}
