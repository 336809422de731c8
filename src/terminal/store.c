/* See store.h. Jobs carry copies; the thread of the pool `disk` alone uses the connection. */
#include "terminal/store.h"

#include "db/db.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE       4096
#define PRUNE_STEP  500
#define PASS_EVERY  256 /* writes between two passes over the log */

struct store {
    struct db *db;
    struct db_wal *wal;
    struct pool *disk;
    unsigned writes; /* disk thread */
};

static const struct db_step steps[] = {
    {1, "CREATE TABLE meta(k TEXT PRIMARY KEY, v INTEGER NOT NULL) STRICT;"
        "CREATE TABLE request("
        " number INTEGER PRIMARY KEY, state INTEGER NOT NULL, gate INTEGER NOT NULL, reader INTEGER NOT NULL,"
        " arrival INTEGER NOT NULL, created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0,"
        " amount INTEGER NOT NULL, service TEXT NOT NULL, ref TEXT, person TEXT NOT NULL, frame BLOB NOT NULL,"
        " posted INTEGER NOT NULL DEFAULT 0, paid INTEGER NOT NULL DEFAULT 0, did TEXT NOT NULL DEFAULT '',"
        " txn TEXT NOT NULL DEFAULT '', result TEXT) STRICT;"
        "CREATE UNIQUE INDEX request_ref ON request(ref) WHERE ref IS NOT NULL;"
        "CREATE INDEX request_open ON request(state) WHERE state <> 1;"
        "CREATE TABLE shift(id INTEGER PRIMARY KEY CHECK (id = 1), person TEXT NOT NULL, first INTEGER NOT NULL,"
        " since_ms INTEGER NOT NULL, business_date INTEGER NOT NULL) STRICT;"},
};

#define COLUMNS "number, state, gate, reader, arrival, created_ms, ended_ms, amount, service, ref, person, frame, result"

/* ---- jobs ---- */

struct store_job {
    struct offload_job job;
    struct store *store;
    int (*fn)(struct store_job *j);
    struct store_row row;
    struct store_result result;
    struct store_shift shift;
    struct store_total totals[STORE_TOTALS];
    unsigned count, doubts;
    uint64_t first, last;
    unsigned keep;
    char *mem, *json; /* of the row's bytes; of the result */
};

static void job_destroy(struct offload_job *job)
{
    struct store_job *j = CONTAINER_OF(job, struct store_job, job);
    free(j->mem);
    free(j->json);
}

/* The one place where a job's own function is called: on the disk thread. */
static WORKER_FN void run_body(struct offload_job *job)
{
    struct store_job *j = CONTAINER_OF(job, struct store_job, job);
    job->result = j->fn(j);
}
static void job_run(struct offload_job *job)
{
    ROLE_ENTER_WORKER();
    run_body(job);
}

static struct store_job *job_new(struct store *s, int (*fn)(struct store_job *j))
{
    struct offload_job *job = offload_job_new(sizeof(struct store_job), job_run, job_destroy);
    struct store_job *j = job ? CONTAINER_OF(job, struct store_job, job) : NULL;
    if (j) {
        j->store = s;
        j->fn = fn;
    }
    return j;
}

static void drop_job(void *arg)
{
    offload_job_put(arg);
}

/* Runs the job and keeps it until the flow ends. */
static CO_FN int co_run(struct store *s, struct store_job *j)
{
    flow_defer(drop_job, &j->job);
    int rc = flow_co_offload(s->disk, &j->job, FLOW_FOREVER);
    return rc != 0 ? rc : j->job.result;
}

/* ---- on the disk thread ---- */

static WORKER_FN int commit(struct store *s, struct db_tx *tx)
{
    int rc = db_tx_commit(tx);
    db_wal_finish(s->wal, s->db, rc == 0);
    if (++s->writes % PASS_EVERY == 0 && db_wal_pass(s->wal, s->db) < 0)
        log_warn("terminal", "the store's log cannot be copied back now");
    return rc;
}

static WORKER_FN int begin(struct store *s, struct db_tx *tx)
{
    db_wal_begin(s->wal);
    int rc = db_tx_begin(tx, s->db);
    if (rc != 0)
        db_wal_finish(s->wal, s->db, false);
    return rc;
}

/* The sticky error of a transaction covers statements' own. */
static WORKER_FN int one(struct db_tx *tx, struct store *s, int rc)
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

static int do_add(struct store_job *j)
{
    struct store_row *r = &j->row;
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    if (taken(j->store, r))
        return OC_EEXIST;
    int rc = begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "INSERT INTO request(number, state, gate, reader, arrival, created_ms, amount, service, ref, person, frame)"
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
    return one(&tx, j->store, db_end(&q));
}

static int do_result(struct store_job *j)
{
    const struct store_result *r = &j->result;
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    int rc = begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "UPDATE request SET state = ?2, posted = ?3, paid = ?4, did = ?5, txn = ?6, ended_ms = ?7, result = ?8"
         " WHERE number = ?1 AND state <> 1");
    db_put_i64(&q, (int64_t)r->number);
    db_put_i64(&q, (int64_t)r->state);
    db_put_i64(&q, r->posted);
    db_put_i64(&q, r->paid_fen);
    db_put_text(&q, r->service);
    db_put_text(&q, r->txn);
    db_put_i64(&q, r->ended_ms);
    db_put_text(&q, j->json);
    rc = one(&tx, j->store, db_end(&q));
    if (rc != 0)
        log_error("terminal", "the answer of request %llu is not kept: it will be asked again: %s",
                  (unsigned long long)r->number, oc_strerror(rc));
    return rc;
}

static int do_nothing(struct store_job *j)
{
    (void)j;
    return 0;
}

/* Takes a row apart; its bytes go to one new block. */
static WORKER_FN int read_row(struct db_q *q, struct store_row *r, char **ret_mem)
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

static int do_get(struct store_job *j)
{
    struct db_q q;
    char ref[STORE_REF];
    uint64_t number = j->row.number;
    ROLE_ENTER_WORKER();
    memcpy(ref, j->row.ref, sizeof ref);
    db_q(&q, j->store->db,
         "SELECT " COLUMNS " FROM request WHERE (?1 > 0 AND number = ?1) OR (?1 = 0 AND ref IS NOT NULL AND ref = ?2)");
    db_put_i64(&q, (int64_t)number);
    db_put_text(&q, ref);
    int rc = OC_ENOENT;
    if (db_row(&q))
        rc = read_row(&q, &j->row, &j->mem);
    int end = db_end(&q);
    return end != 0 ? end : rc;
}

static int do_totals(struct store_job *j)
{
    struct db_q q;
    ROLE_ENTER_WORKER();
    db_q(&q, j->store->db,
         "SELECT did, count(*), sum(paid) FROM request WHERE number BETWEEN ?1 AND ?2 AND posted = 1 GROUP BY did ORDER BY did");
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
        db_q(&q, j->store->db, "SELECT count(*) FROM request WHERE number BETWEEN ?1 AND ?2 AND state <> 1");
        db_put_i64(&q, (int64_t)j->first);
        db_put_i64(&q, (int64_t)j->last);
        if (db_row(&q))
            j->doubts = (unsigned)db_get_i64(&q);
        end = db_end(&q);
    }
    return rc != 0 ? rc : end;
}

static int do_shift(struct store_job *j)
{
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    int rc = begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "INSERT INTO shift(id, person, first, since_ms, business_date) VALUES(1, ?1, ?2, ?3, ?4) ON CONFLICT(id) DO UPDATE SET"
         " person = ?1, first = ?2, since_ms = ?3, business_date = ?4");
    db_put_text(&q, j->shift.person);
    db_put_i64(&q, (int64_t)j->shift.first);
    db_put_i64(&q, j->shift.since_ms);
    db_put_i64(&q, j->shift.business_date);
    return one(&tx, j->store, db_end(&q));
}

static int do_prune(struct store_job *j)
{
    struct db_tx tx;
    struct db_q q;
    ROLE_ENTER_WORKER();
    int rc = begin(j->store, &tx);
    if (rc != 0)
        return rc;
    db_q(&q, j->store->db,
         "DELETE FROM request WHERE number IN (SELECT number FROM request WHERE state = 1 AND number <="
         " (SELECT number FROM request ORDER BY number DESC LIMIT 1 OFFSET ?1) ORDER BY number LIMIT ?2)");
    db_put_i64(&q, j->keep);
    db_put_i64(&q, PRUNE_STEP);
    return one(&tx, j->store, db_end(&q));
}

/* ---- for flows ---- */

int store_co_add(struct store *s, const struct store_row *row)
{
    struct store_job *j = job_new(s, do_add);
    if (!j)
        return OC_ENOMEM;
    j->row = *row;
    j->row.result = NULL;
    j->mem = malloc(row->frame_len + 1);
    if (!j->mem) {
        offload_job_put(&j->job);
        return OC_ENOMEM;
    }
    memcpy(j->mem, row->frame, row->frame_len);
    j->row.frame = (const uint8_t *)j->mem;
    return co_run(s, j);
}

void store_result(struct store *s, const struct store_result *r, const char *json, size_t len)
{
    struct store_job *j = job_new(s, do_result);
    int rc = j ? 0 : OC_ENOMEM;
    if (j) {
        j->result = *r;
        j->json = calloc(1, len + 1);
        rc = j->json ? 0 : OC_ENOMEM;
    }
    if (rc == 0) {
        memcpy(j->json, json, len);
        rc = pool_submit(s->disk, &j->job);
    }
    if (rc != 0)
        log_error("terminal", "the answer of request %llu is not kept now: %s", (unsigned long long)r->number,
                  oc_strerror(rc));
    if (j)
        offload_job_put(&j->job);
}

int store_co_flush(struct store *s)
{
    struct store_job *j = job_new(s, do_nothing);
    return j ? co_run(s, j) : OC_ENOMEM;
}

int store_co_get(struct store *s, uint64_t number, const char *ref, struct store_row *ret)
{
    struct store_job *j = job_new(s, do_get);
    if (!j)
        return OC_ENOMEM;
    j->row.number = number;
    if (ref && strlen(ref) < sizeof j->row.ref)
        memcpy(j->row.ref, ref, strlen(ref) + 1);
    int rc = co_run(s, j);
    if (rc == 0)
        *ret = j->row; /* its bytes go with the job, when the flow ends */
    return rc;
}

int store_co_totals(struct store *s, uint64_t first, uint64_t last, struct store_total *ret, unsigned *ret_n,
                    unsigned *ret_doubts)
{
    struct store_job *j = job_new(s, do_totals);
    if (!j)
        return OC_ENOMEM;
    j->first = first;
    j->last = last;
    int rc = co_run(s, j);
    if (rc != 0)
        return rc;
    memcpy(ret, j->totals, j->count * sizeof *ret);
    *ret_n = j->count;
    *ret_doubts = j->doubts;
    return 0;
}

int store_co_shift(struct store *s, const struct store_shift *shift)
{
    struct store_job *j = job_new(s, do_shift);
    if (!j)
        return OC_ENOMEM;
    j->shift = *shift;
    return co_run(s, j);
}

int store_co_prune(struct store *s, unsigned keep)
{
    struct store_job *j = job_new(s, do_prune);
    if (!j)
        return OC_ENOMEM;
    j->keep = keep;
    return co_run(s, j);
}

/* ---- opening ---- */

static WORKER_FN int read_start(struct store *s, struct store_start *ret)
{
    struct db_q q;
    int64_t last = 0, run = 0;
    int rc = db_number(s->db, "SELECT max(number) FROM request", &last);
    if (rc == 0 || rc == OC_ENOENT)
        rc = db_number(s->db, "SELECT v FROM meta WHERE k = 'run'", &run);
    if (rc != 0 && rc != OC_ENOENT)
        return rc;
    ret->last_number = (uint64_t)last;
    ret->run = (uint64_t)run;
    db_q(&q, s->db, "SELECT person, first, since_ms, business_date FROM shift");
    if (db_row(&q)) {
        db_get_text(&q, ret->shift.person, sizeof ret->shift.person);
        ret->shift.first = (uint64_t)db_get_i64(&q);
        ret->shift.since_ms = db_get_i64(&q);
        ret->shift.business_date = (int32_t)db_get_i64(&q);
    }
    return db_end(&q);
}

static WORKER_FN int count_run(struct store *s, struct store_start *start)
{
    struct db_tx tx;
    struct db_q q;
    int rc = begin(s, &tx);
    if (rc != 0)
        return rc;
    start->run++;
    db_q(&q, s->db, "INSERT INTO meta(k, v) VALUES('run', ?1) ON CONFLICT(k) DO UPDATE SET v = ?1");
    db_put_i64(&q, (int64_t)start->run);
    return one(&tx, s, db_end(&q));
}

static WORKER_FN int give_rows(struct store *s, unsigned recent, int (*fn)(void *arg, const struct store_row *row), void *arg)
{
    struct store_row row;
    struct db_q q;
    int rc = 0;
    db_q(&q, s->db,
         "SELECT " COLUMNS " FROM request WHERE state <> 1 OR number IN (SELECT number FROM request ORDER BY number DESC LIMIT ?1)"
         " ORDER BY number");
    db_put_i64(&q, recent);
    while (rc == 0 && db_row(&q)) {
        char *mem = NULL;
        rc = read_row(&q, &row, &mem);
        if (rc == 0)
            rc = fn(arg, &row);
        free(mem);
    }
    int end = db_end(&q);
    return rc != 0 ? rc : end;
}

int store_open(const char *path, unsigned recent, int (*fn)(void *arg, const struct store_row *row), void *arg,
               struct store_start *ret_start, struct store **ret)
{
    struct store_start start = {.run = 0};
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return OC_ENOMEM;
    int rc = db_open(path, DB_WRITE, &s->db);
    if (rc == OC_ENOENT)
        rc = db_open(path, DB_CREATE, &s->db);
    if (rc == 0)
        rc = db_wal_new(&s->wal);
    if (rc == 0)
        rc = db_migrate(s->db, steps, ARRAY_LEN(steps));
    if (rc == 0)
        rc = read_start(s, &start);
    if (rc == 0)
        rc = count_run(s, &start);
    if (rc == 0)
        rc = give_rows(s, recent, fn, arg);
    if (rc == 0)
        rc = pool_new(&s->disk, "store", 1, QUEUE, NULL, NULL);
    if (rc != 0) {
        store_close(&s);
        return rc;
    }
    *ret_start = start;
    *ret = s;
    return 0;
}

void store_close(struct store **ref)
{
    struct store *s = *ref;
    *ref = NULL;
    if (!s)
        return;
    pool_free(&s->disk);
    if (s->db && s->wal && db_wal_pass(s->wal, s->db) < 0)
        log_warn("terminal", "the store's log is copied back at the next start");
    db_close(&s->db);
    db_wal_free(&s->wal);
    free(s);
}
