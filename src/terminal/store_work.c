/* What the disk thread does with the store. */
#include "terminal/store_intern.h"

#include <stdlib.h>
#include <string.h>

#define PRUNE_STEP 500
#define PASS_EVERY 256 /* writes between two passes over the log */

static WORKER_FN int commit(struct store *s, struct db_tx *tx)
{
    int rc = db_tx_commit(tx);
    db_wal_finish(s->wal, s->db, rc == 0);
    if (++s->writes % PASS_EVERY == 0 && db_wal_pass(s->wal, s->db) < 0)
        log_warn("terminal", "the store's log cannot be copied back now");
    return rc;
}

int store_begin(struct store *s, struct db_tx *tx)
{
    db_wal_begin(s->wal);
    int rc = db_tx_begin(tx, s->db);
    if (rc != 0)
        db_wal_finish(s->wal, s->db, false);
    return rc;
}

/* The sticky error of a transaction covers statements' own. */
int store_end(struct db_tx *tx, struct store *s, int rc)
{
    int end = commit(s, tx);
    return rc != 0 ? rc : end;
}

static WORKER_FN bool taken(struct store *s, const struct store_row *r)
{
    struct db_q q;
    db_q(&q, s->db, "SELECT 1 FROM request WHERE number = ?1 OR (ref IS NOT NULL AND ref = ?2)");
    db_put_i64(&q, (int64_t)r->number);
    db_put_text(&q, r->ref[0] ? r->ref : NULL);
    bool yes = db_row(&q);
    return db_end(&q) == 0 && yes;
}

int store_do_add(struct store_job *j)
{
    struct store_row *r = &j->row;
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    if (taken(j->store, r))
        return OC_EEXIST;
    int rc = store_begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "INSERT INTO request(number, state, gate, reader, arrival, created_ms, amount, service, "
         "ref, person, frame)"
         " VALUES(?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    db_put_i64(&q, (int64_t)r->number);
    db_put_i64(&q, r->gate);
    db_put_i64(&q, r->reader);
    db_put_i64(&q, (int64_t)r->arrival);
    db_put_i64(&q, r->created_ms);
    db_put_i64(&q, r->amount_fen);
    db_put_text(&q, r->service);
    db_put_text(&q, r->ref[0] ? r->ref : NULL);
    db_put_text(&q, r->person);
    db_put_blob(&q, r->frame, r->frame_len);
    return store_end(&tx, j->store, db_end(&q));
}

int store_do_result(struct store_job *j)
{
    const struct store_result *r = &j->result;
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    int rc = store_begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "UPDATE request SET state = ?2, posted = ?3, paid = ?4, did = ?5, txn = ?6, ended_ms = "
         "?7, result = ?8"
         " WHERE number = ?1 AND state <> 1");
    db_put_i64(&q, (int64_t)r->number);
    db_put_i64(&q, (int64_t)r->state);
    db_put_i64(&q, r->posted);
    db_put_i64(&q, r->paid_fen);
    db_put_text(&q, r->service);
    db_put_text(&q, r->txn);
    db_put_i64(&q, r->ended_ms);
    db_put_text(&q, j->json);
    rc = store_end(&tx, j->store, db_end(&q));
    if (rc != 0)
        log_error("terminal", "the answer of request %llu is not kept: it will be asked again: %s",
                  (unsigned long long)r->number, oc_strerror(rc));
    return rc;
}

int store_do_nothing(struct store_job *j)
{
    (void)j;
    return 0;
}

/* Takes a row apart; its bytes go to one new block. */
int store_read_row(struct db_q *q, struct store_row *r, char **ret_mem)
{
    size_t frame_len, result_len;
    r->number = (uint64_t)db_get_i64(q);
    r->state = (enum store_state)db_get_i64(q);
    r->gate = db_get_i64(q) != 0;
    r->reader = (unsigned)db_get_i64(q);
    r->arrival = (uint64_t)db_get_i64(q);
    r->created_ms = db_get_i64(q);
    r->ended_ms = db_get_i64(q);
    r->amount_fen = db_get_i64(q);
    db_get_text(q, r->service, sizeof r->service);
    db_get_text(q, r->ref, sizeof r->ref);
    db_get_text(q, r->person, sizeof r->person);
    const void *frame = db_get_blob(q, &frame_len);
    const void *result = db_get_blob(q, &result_len);
    char *mem = calloc(1, frame_len + result_len + 2);
    if (!mem)
        return OC_ENOMEM;
    if (frame_len)
        memcpy(mem, frame, frame_len);
    if (result_len)
        memcpy(mem + frame_len, result, result_len);
    r->frame = (const uint8_t *)mem;
    r->frame_len = frame_len;
    r->result = result_len ? mem + frame_len : NULL;
    *ret_mem = mem;
    return 0;
}

int store_do_get(struct store_job *j)
{
    struct db_q q;
    char ref[STORE_REF];
    uint64_t number = j->row.number;
    ROLE_ENTER_WORKER();
    memcpy(ref, j->row.ref, sizeof ref);
    db_q(&q, j->store->db,
         "SELECT " COLUMNS " FROM request WHERE (?1 > 0 AND number = ?1) OR (?1 = 0 AND ref IS NOT "
         "NULL AND ref = ?2)");
    db_put_i64(&q, (int64_t)number);
    db_put_text(&q, ref);
    int rc = OC_ENOENT;
    if (db_row(&q))
        rc = store_read_row(&q, &j->row, &j->mem);
    int end = db_end(&q);
    return end != 0 ? end : rc;
}

int store_do_totals(struct store_job *j)
{
    struct db_q q;
    ROLE_ENTER_WORKER();
    db_q(&q, j->store->db,
         "SELECT did, count(*), sum(paid) FROM request WHERE number BETWEEN ?1 AND ?2 AND posted = "
         "1 GROUP BY did ORDER BY did");
    db_put_i64(&q, (int64_t)j->first);
    db_put_i64(&q, (int64_t)j->last);
    int rc = 0;
    while (rc == 0 && db_row(&q)) {
        struct store_total *t = &j->totals[j->count];
        if (j->count == STORE_TOTALS) {
            rc = OC_ELIMIT;
            continue;
        }
        db_get_text(&q, t->service, sizeof t->service);
        t->count = (unsigned)db_get_i64(&q);
        t->amount_fen = db_get_i64(&q);
        j->count++;
    }
    int end = db_end(&q);
    if (rc == 0 && end == 0) {
        db_q(&q, j->store->db,
             "SELECT count(*) FROM request WHERE number BETWEEN ?1 AND ?2 AND state <> 1");
        db_put_i64(&q, (int64_t)j->first);
        db_put_i64(&q, (int64_t)j->last);
        if (db_row(&q))
            j->doubts = (unsigned)db_get_i64(&q);
        end = db_end(&q);
    }
    return rc != 0 ? rc : end;
}

int store_do_shift(struct store_job *j)
{
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    int rc = store_begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "INSERT INTO shift(id, person, first, since_ms, business_date) VALUES(1, ?1, ?2, ?3, ?4) "
         "ON CONFLICT(id) DO UPDATE SET"
         " person = ?1, first = ?2, since_ms = ?3, business_date = ?4");
    db_put_text(&q, j->shift.person);
    db_put_i64(&q, (int64_t)j->shift.first);
    db_put_i64(&q, j->shift.since_ms);
    db_put_i64(&q, j->shift.business_date);
    return store_end(&tx, j->store, db_end(&q));
}

int store_do_prune(struct store_job *j)
{
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    int rc = store_begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "DELETE FROM request WHERE number IN (SELECT number FROM request WHERE state = 1 AND "
         "number <="
         " (SELECT number FROM request ORDER BY number DESC LIMIT 1 OFFSET ?1) ORDER BY number "
         "LIMIT ?2)");
    db_put_i64(&q, j->keep);
    db_put_i64(&q, PRUNE_STEP);
    return store_end(&tx, j->store, db_end(&q));
}
