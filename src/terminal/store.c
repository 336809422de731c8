/* See store.h. Jobs carry copies; the thread of the pool `disk` alone uses the connection. */
#include "terminal/store_intern.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE 4096

static const struct db_step steps[] = {
    {1,
     "CREATE TABLE meta(k TEXT PRIMARY KEY, v INTEGER NOT NULL) STRICT;"
     "CREATE TABLE request("
     " number INTEGER PRIMARY KEY, state INTEGER NOT NULL, gate INTEGER NOT NULL, reader INTEGER "
     "NOT NULL,"
     " arrival INTEGER NOT NULL, created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0,"
     " amount INTEGER NOT NULL, service TEXT NOT NULL, ref TEXT, person TEXT NOT NULL, frame BLOB "
     "NOT NULL,"
     " posted INTEGER NOT NULL DEFAULT 0, paid INTEGER NOT NULL DEFAULT 0, did TEXT NOT NULL "
     "DEFAULT '',"
     " txn TEXT NOT NULL DEFAULT '', result TEXT) STRICT;"
     "CREATE UNIQUE INDEX request_ref ON request(ref) WHERE ref IS NOT NULL;"
     "CREATE INDEX request_open ON request(state) WHERE state <> 1;"
     "CREATE TABLE shift(id INTEGER PRIMARY KEY CHECK (id = 1), person TEXT NOT NULL, first "
     "INTEGER NOT NULL,"
     " since_ms INTEGER NOT NULL, business_date INTEGER NOT NULL) STRICT;"},
};

/* ---- jobs ---- */

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

/* ---- for flows ---- */

int store_co_add(struct store *s, const struct store_row *row)
{
    struct store_job *j = job_new(s, store_do_add);
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
    struct store_job *j = job_new(s, store_do_result);
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
        log_error("terminal", "the answer of request %llu is not kept now: %s",
                  (unsigned long long)r->number, oc_strerror(rc));
    if (j)
        offload_job_put(&j->job);
}

int store_co_flush(struct store *s)
{
    struct store_job *j = job_new(s, store_do_nothing);
    return j ? co_run(s, j) : OC_ENOMEM;
}

int store_co_get(struct store *s, uint64_t number, const char *ref, struct store_row *ret)
{
    struct store_job *j = job_new(s, store_do_get);
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

int store_co_totals(struct store *s, uint64_t first, uint64_t last, struct store_total *ret,
                    unsigned *ret_n, unsigned *ret_doubts)
{
    struct store_job *j = job_new(s, store_do_totals);
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
    struct store_job *j = job_new(s, store_do_shift);
    if (!j)
        return OC_ENOMEM;
    j->shift = *shift;
    return co_run(s, j);
}

int store_co_prune(struct store *s, unsigned keep)
{
    struct store_job *j = job_new(s, store_do_prune);
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
    int rc = store_begin(s, &tx);
    if (rc != 0)
        return rc;
    start->run++;
    db_q(&q, s->db, "INSERT INTO meta(k, v) VALUES('run', ?1) ON CONFLICT(k) DO UPDATE SET v = ?1");
    db_put_i64(&q, (int64_t)start->run);
    return store_end(&tx, s, db_end(&q));
}

static WORKER_FN int give_rows(struct store *s, unsigned recent,
                               int (*fn)(void *arg, const struct store_row *row), void *arg)
{
    struct store_row row;
    struct db_q q;
    int rc = 0;
    db_q(&q, s->db,
         "SELECT " COLUMNS " FROM request WHERE state <> 1 OR number IN (SELECT number FROM "
         "request ORDER BY number DESC LIMIT ?1)"
         " ORDER BY number");
    db_put_i64(&q, recent);
    while (rc == 0 && db_row(&q)) {
        char *mem = NULL;
        rc = store_read_row(&q, &row, &mem);
        if (rc == 0)
            rc = fn(arg, &row);
        free(mem);
    }
    int end = db_end(&q);
    return rc != 0 ? rc : end;
}

int store_open(const char *path, unsigned recent, int (*fn)(void *arg, const struct store_row *row),
               void *arg, struct store_start *ret_start, struct store **ret)
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
