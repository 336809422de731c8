/* The readers: threads with read-only connections, and the jobs that carry questions to them. A
 * flow that stops waiting leaves its job behind; what the reader then writes goes into the job's
 * own memory and is dropped with it. */
#include "ledger/query.h"
#include <stdlib.h>

#define MAX_READERS 16
#define MAX_QUEUE                                                                                  \
    32768 /* more than a loop has flows, so that it bounds memory and refuses nobody in practice   \
           */
#define MAX_LONG     8
#define LIST_READERS 2

struct readers {
    struct pool *pool;
    pthread_mutex_t mu;
    unsigned count, idle; /* connections in all; of them nobody's at the moment: db[0 … idle-1] */
    struct db *db[MAX_READERS];
};

struct query_pool {
    struct readers rows, lists;
    struct pool *longs;
};

/* As many connections as threads: one is always there. */
static WORKER_FN int readers_start(struct readers *r, const struct ledger *l, const char *name,
                                   unsigned count)
{
    r->count = count < 1 ? 1 : count > MAX_READERS ? MAX_READERS : count;
    while (r->idle < r->count) {
        int rc = db_open(l->path, DB_READ, &r->db[r->idle]);
        if (rc)
            return rc;
        r->idle++;
    }
    return threading_pool(l->threading, name, r->count, MAX_QUEUE, &r->pool);
}

static WORKER_FN void readers_stop(struct readers *r)
{
    if (r->pool) {
        pool_free(&r->pool);
        CHECK(r->idle == r->count);
    }
    for (unsigned i = 0; i < r->idle; i++)
        db_close(&r->db[i]);
    (void)pthread_mutex_destroy(&r->mu);
}

static WORKER_FN void pool_stop(struct query_pool *p)
{
    pool_free(&p->longs);
    readers_stop(&p->lists);
    readers_stop(&p->rows);
    free(p);
}

int query_start(struct ledger *l)
{
    struct query_pool *p = calloc(1, sizeof *p);
    if (!p)
        return OC_ENOMEM;
    (void)pthread_mutex_init(&p->rows.mu, NULL);
    (void)pthread_mutex_init(&p->lists.mu, NULL);
    int rc = readers_start(&p->rows, l, "ledger-read", l->reader_count);
    if (!rc)
        rc = readers_start(&p->lists, l, "ledger-list", LIST_READERS);
    if (!rc)
        rc = threading_pool(l->threading, "ledger-long", 1, MAX_LONG, &p->longs);
    if (rc) {
        pool_stop(p);
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
    atomic_store(&l->closing, true);
    pool_stop(p);
}

static struct db *take(struct readers *r)
{
    (void)pthread_mutex_lock(&r->mu);
    CHECK(r->idle > 0);
    struct db *db = r->db[--r->idle];
    (void)pthread_mutex_unlock(&r->mu);
    return db;
}

static void give(struct readers *r, struct db *db)
{
    (void)pthread_mutex_lock(&r->mu);
    r->db[r->idle++] = db;
    (void)pthread_mutex_unlock(&r->mu);
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
    struct db *db = take(q->readers);
    job->result = look(q, db);
    give(q->readers, db);
}

static void destroy(struct offload_job *job)
{
    struct query *q = CONTAINER_OF(job, struct query, job);
    free(q->rows);
    free(q->op);
    free(q->extra);
    buf_fini(&q->op_bytes);
    buf_fini(&q->docs);
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
    buf_init(&q->op_bytes, OP_BYTES_MAX);
    buf_init(&q->docs, (size_t)cap * (LEDGER_DOC_MAX + 1));
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

static CO_FN int ask(struct query *q, struct readers *readers)
{
    q->readers = readers;
    int rc = flow_co_offload(readers->pool, &q->job, FLOW_FOREVER);
    return rc ? rc : q->job.result;
}

/* A job is run once: what is asked and what was found go on in another one. */
static struct query *next_turn(struct query *q)
{
    struct query *n = query_new(q->l, q->look, q->row_size, q->cap);
    if (n) {
        buf_fini(&n->op_bytes);
        buf_fini(&n->docs);
        memcpy((char *)n + sizeof n->job, (char *)q + sizeof q->job, sizeof *n - sizeof n->job);
        n->more = false;
        if (n->filter.terminal)
            n->filter.terminal = n->text[0];
        if (n->filter.citizen)
            n->filter.citizen = n->text[1];
        q->rows = NULL;
        q->op = NULL;
        q->extra = NULL;
        buf_init(&q->op_bytes, 0);
        buf_init(&q->docs, 0);
    }
    offload_job_put(&q->job);
    return n;
}

int query_co_ask(struct query *q)
{
    return q->l->query ? ask(q, &q->l->query->rows) : OC_ECLOSED;
}

int query_co_ask_list(struct query *q)
{
    return q->l->query ? ask(q, &q->l->query->lists) : OC_ECLOSED;
}

int query_co_one(struct query *q, void *ret)
{
    if (!q)
        return OC_ENOMEM;
    int rc = query_co_ask(q);
    if (!rc && q->n == 0)
        rc = OC_ENOENT;
    if (!rc)
        memcpy(ret, q->rows, q->row_size);
    offload_job_put(&q->job);
    return rc;
}

/* All turns; gives the last one's job, NULL: no memory. */
static CO_FN struct query *list(struct query *q, int *ret_err)
{
    bool more = true;
    *ret_err = 0;
    while (q && !*ret_err && more) {
        *ret_err = q->l->query ? ask(q, &q->l->query->lists) : OC_ECLOSED;
        more = !*ret_err && q->more;
        if (more)
            q = next_turn(q);
    }
    return q;
}

static void give_rows(const struct query *q, void *rows, unsigned *ret_n)
{
    if (q->n)
        memcpy(rows, q->rows, (size_t)q->n * q->row_size);
    *ret_n = q->n;
}

int query_co_list(struct query *q, void *rows, unsigned *ret_n)
{
    int rc;
    q = list(q, &rc);
    if (!q)
        return OC_ENOMEM;
    if (!rc)
        give_rows(q, rows, ret_n);
    offload_job_put(&q->job);
    return rc;
}

int query_co_list_docs(struct query *q, struct arena *a, void (*place)(void *row, char **at),
                       void *rows, unsigned *ret_n)
{
    int rc;
    q = list(q, &rc);
    if (!q)
        return OC_ENOMEM;
    char *docs = !rc && q->n ? arena_copy(a, q->docs.data, q->docs.len) : NULL;
    if (!rc && q->n && !docs)
        rc = OC_ENOMEM;
    if (!rc) {
        give_rows(q, rows, ret_n);
        for (unsigned i = 0; i < q->n; i++)
            place((char *)rows + i * q->row_size, &docs);
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
