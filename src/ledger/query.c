/* The readers: threads with read-only connections, and the jobs that carry questions to them. A
 * flow that stops waiting leaves its job behind; what the reader then writes goes into the job's
 * own memory and is dropped with it. */
#include "ledger/query.h"
#include <stdlib.h>

#define MAX_READERS 16
#define MAX_QUEUE                                                                                  \
    32768 /* more than a loop has flows, so that it bounds memory and refuses nobody in practice   \
           */
#define MAX_LONG 8

struct query_pool {
    struct pool *readers, *longs;
    pthread_mutex_t mu;
    unsigned count, idle; /* connections in all; of them nobody's at the moment: db[0 … idle-1] */
    struct db *db[MAX_READERS];
};

static WORKER_FN void close_all(struct query_pool *p)
{
    for (unsigned i = 0; i < p->idle; i++)
        db_close(&p->db[i]);
    (void)pthread_mutex_destroy(&p->mu);
    free(p);
}

static WORKER_FN int open_all(struct query_pool *p, const char *path)
{
    while (p->idle < p->count) {
        int rc = db_open(path, DB_READ, &p->db[p->idle]);
        if (rc)
            return rc;
        p->idle++;
    }
    return 0;
}

int query_start(struct ledger *l)
{
    struct query_pool *p = calloc(1, sizeof *p);
    if (!p)
        return OC_ENOMEM;
    (void)pthread_mutex_init(&p->mu, NULL);
    p->count = l->reader_count < 1             ? 1
               : l->reader_count > MAX_READERS ? MAX_READERS
                                               : l->reader_count;
    int rc = open_all(p, l->path);
    if (!rc)
        rc = pool_new(&p->readers, "ledger-read", p->count, MAX_QUEUE, NULL, NULL);
    if (!rc)
        rc = pool_new(&p->longs, "ledger-long", 1, MAX_LONG, NULL, NULL);
    if (rc) {
        pool_free(&p->readers);
        close_all(p);
        return rc;
    }
    l->query = p;
    return 0;
}

void query_stop(struct ledger *l)
{
    struct query_pool *p = l->query;
    if (!p)
        return;
    l->query = NULL;
    pool_free(&p->longs);
    pool_free(&p->readers);
    CHECK(p->idle == p->count);
    close_all(p);
}

/* As many connections as threads: one is always there. */
static struct db *take(struct query_pool *p)
{
    (void)pthread_mutex_lock(&p->mu);
    CHECK(p->idle > 0);
    struct db *db = p->db[--p->idle];
    (void)pthread_mutex_unlock(&p->mu);
    return db;
}

static void give(struct query_pool *p, struct db *db)
{
    (void)pthread_mutex_lock(&p->mu);
    p->db[p->idle++] = db;
    (void)pthread_mutex_unlock(&p->mu);
}

static WORKER_FN int look(struct query *q, struct db *db)
{
    int rc = q->look(q, db);
    return rc ? rc : q->err;
}

static void run(struct offload_job *job)
{
    struct query *q = CONTAINER_OF(job, struct query, job);
    ROLE_ENTER_WORKER();
    struct query_pool *p = q->pool;
    struct db *db = take(p);
    job->result = look(q, db);
    give(p, db);
}

static void destroy(struct offload_job *job)
{
    struct query *q = CONTAINER_OF(job, struct query, job);
    free(q->rows);
    free(q->op);
}

struct query *query_new(struct ledger *l, int (*ask)(struct query *, struct db *), size_t row_size,
                        unsigned cap)
{
    struct query *q = offload_job_new(sizeof *q, run, destroy);
    if (!q)
        return NULL;
    q->job.droppable = true;
    q->l = l;
    q->look = ask;
    q->row_size = row_size;
    q->cap = cap;
    return q;
}

bool query_text(struct query *q, unsigned which, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= sizeof q->text[which])
        return false;
    if (len)
        memcpy(q->text[which], text, len);
    return true;
}

static bool grow(struct query *q)
{
    unsigned room = q->room ? q->room * 2 : 4;
    if (room > q->cap)
        room = q->cap;
    char *rows = reallocarray(q->rows, room, q->row_size);
    if (!rows) {
        q->err = OC_ENOMEM;
        return false;
    }
    q->rows = rows;
    q->room = room;
    return true;
}

void *query_row(struct query *q)
{
    if (q->n == q->cap || (q->n == q->room && !grow(q)))
        return NULL;
    void *row = q->rows + (size_t)q->n++ * q->row_size;
    memset(row, 0, q->row_size);
    return row;
}

void query_drop(struct query *q)
{
    CHECK(q->n > 0);
    q->n--;
}

static CO_FN int ask(struct query *q)
{
    q->pool = q->l->query;
    if (!q->pool)
        return OC_ECLOSED;
    int rc = flow_co_offload(q->pool->readers, &q->job, FLOW_FOREVER);
    return rc ? rc : q->job.result;
}

int query_co_one(struct query *q, void *ret)
{
    if (!q)
        return OC_ENOMEM;
    int rc = ask(q);
    if (!rc && q->n == 0)
        rc = OC_ENOENT;
    if (!rc)
        memcpy(ret, q->rows, q->row_size);
    offload_job_put(&q->job);
    return rc;
}

int query_co_list(struct query *q, void *rows, unsigned *ret_n)
{
    if (!q)
        return OC_ENOMEM;
    int rc = ask(q);
    if (!rc) {
        if (q->n)
            memcpy(rows, q->rows, (size_t)q->n * q->row_size);
        *ret_n = q->n;
    }
    offload_job_put(&q->job);
    return rc;
}

int query_co_long(struct ledger *l, struct offload_job *job)
{
    if (!l->query)
        return OC_ECLOSED;
    int rc = flow_co_offload(l->query->longs, job, FLOW_FOREVER);
    return rc ? rc : job->result;
}
