/* The one writer: a queue, a thread, group commit.
 *
 *   take up to max_batch jobs ─► BEGIN IMMEDIATE ─► each: prepare ─► encode ─► journal + MAC ─►
 * apply ─► flush, head, COMMIT │ refused: the job gets its reason, the batch goes on wake all (one
 * loop_post)                          ▼ the store fails: ROLLBACK, every job of the batch gets the
 * error
 *
 * A job is a heap object with two owners, the submitter and the queue; nothing here points into a
 * flow's stack. After a failure the hot rows are read again and a write of no consequence is tried
 * every second until it succeeds. */
#include "ledger/fold.h"
#include "ledger/job.h"
#include <stdlib.h>

/* A page that many commits change is copied once a pass: so passes are few. What a start must read
 * is bounded by the log's size. */
#define WAL_OWN  (INT64_C(64) << 20) /* the writer makes the last pass itself */
#define PASS_MS  5000                /* the checkpointer wakes by itself */
#define PROBE_MS 1000

/* ---- one batch ---- */

struct batch {
    struct ledger *l;
    struct db_tx tx;
    int64_t seq;
    uint8_t mac[32];
    unsigned applied, refused;
    unsigned keys; /* citizens' keys kept: no operations */
};

static WORKER_FN int journal_and_apply(struct batch *b, const struct ledger_op *op)
{
    struct ledger *l = b->l;
    struct buf *bytes = &l->bytes;
    uint8_t shard = op->type == LOP_SITE ? op->site.shard : l->fold.site.shard;
    buf_reset(bytes);
    op_encode(op, bytes);
    if (bytes->err)
        return bytes->err;
    const struct bytes blob = {bytes->data, bytes->len};
    b->seq++;
    int rc = chain_mac(&l->chain, b->mac, shard, b->seq, blob, b->mac);
    if (!rc)
        rc = chain_write_row(l->db, shard, b->seq, blob, b->mac);
    return rc ? rc : fold_apply(&l->fold, op, b->seq, b->mac);
}

/* What the ledger allots means nothing until it is committed: the number of a request that goes
 * again must not look as if its terminal had asked for it. */
static void forget_allotted(struct ledger_job *j)
{
    if (!j->op)
        return;
    if (j->op->type == LOP_INTENT) {
        j->op->intent.request_no = j->asked_no;
        j->op->intent.txn = 0;
    } else if (j->op->type == LOP_REFUSAL) {
        j->op->refusal.txn = 0;
    }
}

static WORKER_FN int run_key(struct batch *b, struct ledger_job *j)
{
    struct ledger *l = b->l;
    j->rc = citizen_key_put(&l->fold, j->key->citizen, j->key->what, j->key->row,
                            clock_wall_ms(l->clock));
    b->keys += j->rc == 0;
    return j->rc == OC_EEXIST || j->rc == OC_ESTATE ? 0 : j->rc;
}

/* 0: goes on (the job has its result); else the batch has failed. */
static WORKER_FN int run_job(struct batch *b, struct ledger_job *j)
{
    struct ledger *l = b->l;
    if (j->key)
        return run_key(b, j);
    forget_allotted(j);
    j->rc = fold_prepare(&l->fold, j->op, clock_wall_ms(l->clock));
    if (b->tx.err)
        return b->tx.err;
    if (j->rc) {
        if (j->rc == LEDGER_NOTHING)
            j->rc = 0;
        else
            b->refused++;
        return 0;
    }
    int rc = journal_and_apply(b, j->op);
    b->applied += !rc;
    return rc;
}

static WORKER_FN int finish(struct batch *b)
{
    struct ledger *l = b->l;
    if (b->applied + b->keys == 0) {
        db_tx_rollback(&b->tx);
        return 0;
    }
    int rc = fold_flush(&l->fold);
    if (!rc)
        rc = chain_write_head(&l->chain, l->db, l->fold.site.shard, b->seq, b->mac);
    if (!rc && l->before_commit)
        rc = l->before_commit(l->hook_arg, b->applied);
    if (rc)
        return rc;
    return db_tx_commit(&b->tx);
}

static const char *why_of(int rc)
{
    switch (rc) {
    case OC_EDB_FULL:
    case OC_ENOSPC:
        return "no space left for the ledger";
    case OC_EDB_CORRUPT:
        return "the ledger file is damaged";
    default:
        return "the ledger's store fails";
    }
}

/* Errors that are nobody's fault in the batch. Any other may be one operation's own. */
static bool store_fails(int rc)
{
    static const int errors[] = {OC_EDB_FULL, OC_ENOSPC, OC_EDB_CORRUPT,
                                 OC_EIO,      OC_EBUSY,  OC_ENOMEM};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (rc == errors[i])
            return true;
    }
    return false;
}

static void set_why(struct ledger *l, const char *why)
{
    pthread_mutex_lock(&l->mu);
    bool changed = (l->why == NULL) != (why == NULL);
    l->why = why;
    pthread_mutex_unlock(&l->mu);
    if (changed && why)
        log_error("ledger", "%s: transactions stop until it is mended", why);
    else if (changed)
        log_warn("ledger", "the store works again: transactions go on"); /* as loud as the failure */
}

static WORKER_FN int refresh(struct ledger *l)
{
    if (!l->stale)
        return 0;
    int rc = fold_reload(&l->fold);
    if (!rc)
        l->stale = false;
    return rc;
}

static void publish(struct ledger *l, const struct batch *b)
{
    l->fold.seq = b->seq;
    memcpy(l->fold.mac, b->mac, sizeof b->mac);
    atomic_store(&l->seq, b->seq);
    atomic_fetch_add(&l->ops, b->applied);
    atomic_fetch_add(&l->batches, b->applied ? 1 : 0);
    atomic_store(&l->open_txns, l->fold.open_txns);
    atomic_store(&l->cards, l->fold.site.cards);
    atomic_store(&l->serials, l->fold.site.cards + l->fold.site.deny_epoch);
    atomic_store(&l->outbox, l->fold.outbox);
    atomic_store(&l->open_day, l->fold.day.date);
    if (!l->m_ops)
        return;
    metric_add(l->m_ops, b->applied);
    metric_add(l->m_batches, b->applied ? 1 : 0);
    metric_add(l->m_refused, b->refused);
    if (!b->applied)
        return;
    metric_set(l->m_batch, b->applied);
    if (b->applied > metric_value(l->m_largest))
        metric_set(l->m_largest, b->applied);
}

static WORKER_FN int run_jobs(struct batch *b, struct ledger_job *jobs)
{
    struct ledger *l = b->l;
    int rc = refresh(l);
    if (!rc)
        rc = db_tx_begin(&b->tx, l->db);
    for (struct ledger_job *j = jobs; j && !rc; j = j->next)
        rc = run_job(b, j);
    return rc ? rc : finish(b);
}

static void observe_queue(struct ledger *l, const struct ledger_job *jobs, int64_t now_ns)
{
    for (const struct ledger_job *j = jobs; l->m_queue && j; j = j->next)
        metric_observe_ns(l->m_queue, now_ns - j->queued_ns);
}

static WORKER_FN int run_batch(struct ledger *l, struct ledger_job *jobs)
{
    struct batch b = {.l = l, .seq = atomic_load(&l->seq)};
    memcpy(b.mac, l->head, sizeof b.mac);
    int64_t start = clock_mono_ns(&clock_system);
    db_wal_begin(l->wal);
    int rc = run_jobs(&b, jobs);
    db_tx_rollback(&b.tx);
    db_wal_finish(l->wal, l->db, rc == 0 && b.applied + b.keys > 0);
    if (rc) {
        l->stale = true;
        int again = refresh(l);
        (void)again; /* tried again before the next batch */
        if (l->m_failed)
            metric_add(l->m_failed, 1);
        return rc;
    }
    memcpy(l->head, b.mac, sizeof b.mac);
    publish(l, &b);
    if (b.applied + b.keys) {
        set_why(l, NULL);
        if (l->m_commit)
            metric_observe_ns(l->m_commit, clock_mono_ns(&clock_system) - start);
    }
    return 0;
}

static WORKER_FN int probe(struct ledger *l)
{
    struct batch b = {.l = l};
    int rc = refresh(l);
    db_wal_begin(l->wal);
    if (!rc)
        rc = db_tx_begin(&b.tx, l->db);
    if (!rc)
        rc = chain_write_head(&l->chain, l->db, l->fold.site.shard, atomic_load(&l->seq), l->head);
    if (!rc && l->before_commit)
        rc = l->before_commit(l->hook_arg, 0);
    if (!rc)
        rc = db_tx_commit(&b.tx);
    db_tx_rollback(&b.tx);
    db_wal_finish(l->wal, l->db, rc == 0);
    return rc;
}

static void fail_all(struct ledger *l, struct ledger_job *jobs, int rc)
{
    set_why(l, why_of(rc));
    for (struct ledger_job *j = jobs; j; j = j->next) {
        forget_allotted(j);
        j->rc = rc;
    }
}

/* An operation alone did not go in. Where a write of no consequence does, the fault is its own: it
 * gets its error and the ledger stays healthy. False: the store fails. */
static WORKER_FN bool own_fault(struct ledger *l, struct ledger_job *j, int rc)
{
    if (store_fails(rc) || probe(l))
        return false;
    set_why(l, NULL);
    log_error("ledger", "operation %s does not fit the tables (%s): it was not applied",
              j->op ? op_name(j->op->type) : "citizen's key", oc_strerror(rc));
    forget_allotted(j);
    if (j->op)
        snprintf(j->op->detail, sizeof j->op->detail,
                 "the ledger's own rules do not hold: see the log");
    j->rc = rc;
    return true;
}

/* One operation that does not fit must not fail its neighbours: each runs in a commit of its own.
 * Gives the jobs that are left when the store itself fails. */
static WORKER_FN struct ledger_job *run_singly(struct ledger *l, struct ledger_job *jobs,
                                               int *ret_err)
{
    while (jobs) {
        struct ledger_job *j = jobs, *rest = j->next;
        j->next = NULL;
        int rc = run_batch(l, j);
        bool done = rc == 0 || own_fault(l, j, rc);
        j->next = rest;
        if (!done) {
            *ret_err = rc;
            return j;
        }
        jobs = rest;
    }
    return NULL;
}

static WORKER_FN void run(struct ledger *l, struct ledger_job *jobs)
{
    int rc = run_batch(l, jobs);
    if (rc == 0)
        return;
    if (!jobs->next && own_fault(l, jobs, rc))
        return;
    if (jobs->next && !store_fails(rc))
        jobs = run_singly(l, jobs, &rc);
    if (jobs)
        fail_all(l, jobs, rc);
}

int writer_run_one(struct ledger *l, struct ledger_op *op)
{
    struct ledger_job *j = job_new(op);
    if (!j)
        return OC_ENOMEM;
    run(l, j);
    job_put(j);
    return job_answer(j);
}

/* ---- the runners ---- */

static struct ledger_job *take(struct ledger *l)
{
    struct ledger_job *jobs = l->first, **end = &l->first;
    for (unsigned n = 0; *end && n < l->max_batch; n++) {
        end = &(*end)->next;
        l->queued--;
    }
    l->first = *end;
    *end = NULL;
    if (!l->first)
        l->last = &l->first;
    return jobs;
}

static WORKER_FN void keep_log_short(struct ledger *l)
{
    int64_t bytes = db_wal_bytes(l->wal);
    if (bytes > WAL_OWN) {
        int rc = db_wal_pass(l->wal, l->db);
        (void)rc; /* logged there; tried again after the next commit */
    } else if (bytes > LEDGER_WAL_PASS) {
        runner_wake(l->checkpointer);
    }
}

/* How long the writer may rest: a store that fails is tried again, whether it was woken or not. */
static WORKER_FN int64_t try_store(struct ledger *l, bool tried)
{
    int64_t now = clock_mono_ns(l->clock);
    if (ledger_healthy(l, NULL))
        return RUNNER_REST;
    if (tried) {
        l->probe_ns = now + PROBE_MS * NS_PER_MS;
    } else if (now >= l->probe_ns) {
        if (probe(l) == 0) {
            set_why(l, NULL);
            return RUNNER_REST;
        }
        l->probe_ns = now + PROBE_MS * NS_PER_MS;
    }
    return (l->probe_ns - now) / NS_PER_MS + 1;
}

/* The writer: a batch a turn. */
static int64_t writer_turn(void *arg)
{
    ROLE_ENTER_WORKER();
    struct ledger *l = arg;
    pthread_mutex_lock(&l->mu);
    struct ledger_job *jobs = take(l);
    bool more = l->first != NULL, stopping = l->stopping;
    pthread_mutex_unlock(&l->mu);
    if (jobs) {
        observe_queue(l, jobs, clock_mono_ns(&clock_system));
        run(l, jobs);
        job_wake_all(l, jobs);
    }
    int64_t rest = stopping ? RUNNER_REST : try_store(l, jobs != NULL);
    keep_log_short(l);
    return more ? RUNNER_AGAIN : rest;
}

/* The checkpointer: passes beside the writer, so that the writer's own are short. */
static int64_t checkpointer_turn(void *arg)
{
    ROLE_ENTER_WORKER();
    struct ledger *l = arg;
    pthread_mutex_lock(&l->mu);
    bool now = !l->stopping && l->checkpointing;
    l->checkpointing = true;
    pthread_mutex_unlock(&l->mu);
    int rc = now && db_wal_bytes(l->wal) > 0 ? db_wal_pass(l->wal, l->ckpt_db) : 0;
    (void)rc; /* logged there; tried again at the next turn */
    return PASS_MS;
}

int writer_start(struct ledger *l)
{
    /* The writer wakes the checkpointer, so that one is there first. */
    int rc = runner_start(l->threading, "ledger-ckpt", checkpointer_turn, l, &l->checkpointer);
    if (rc)
        return rc;
    return runner_start(l->threading, "ledger-write", writer_turn, l, &l->writer);
}

void writer_stop(struct ledger *l)
{
    pthread_mutex_lock(&l->mu);
    l->stopping = true;
    pthread_mutex_unlock(&l->mu);
    runner_stop(&l->writer);
    runner_stop(&l->checkpointer);
}

bool ledger_healthy(struct ledger *l, const char **ret_why)
{
    pthread_mutex_lock(&l->mu);
    const char *why = l->why;
    pthread_mutex_unlock(&l->mu);
    if (ret_why)
        *ret_why = why ? why : "";
    return why == NULL;
}
