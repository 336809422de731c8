/* A ledger's life: made, opened with its chain's end proved, closed. */
#include "ledger/fold.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define TAIL_ROWS      64 /* rows of the chain proved at every start */
#define CLOCK_SLACK_MS 5000
#define DEFAULT_BATCH  4096

const struct db_step ledger_schema[] = {
    {
        1,
#include "ledger_schema.inc"
    },
    {
        2,
#include "ledger_schema2.inc"
    },
    {
        3,
#include "ledger_schema3.inc"
    },
    {
        4,
#include "ledger_schema4.inc"
    },
};
const size_t ledger_schema_len = ARRAY_LEN(ledger_schema);

/* ---- the chain's end ---- */

static int tail_row(struct ledger *l, struct db_q *q, int64_t want, uint8_t prev[32], bool known)
{
    int64_t seq = db_get_i64(q);
    size_t len;
    const void *p = db_get_blob(q, &len);
    const struct bytes op = {p, len};
    uint8_t mac[32], computed[32];
    db_get_fixed(q, mac, sizeof mac);
    if (q->err)
        return q->err;
    int rc = chain_mac(&l->chain, prev, l->fold.site.shard, seq, op, computed);
    if (rc)
        return rc;
    if (seq != want || (known && !secret_equal(mac, computed, sizeof mac)))
        return OC_ECHAIN;
    memcpy(prev, mac, sizeof mac);
    return 0;
}

/* The row before the tail is taken as it stands; each one after it must follow from the one before.
 */
static WORKER_FN int check_tail(struct ledger *l, int64_t last, uint8_t ret_mac[32])
{
    int64_t from = last > TAIL_ROWS ? last - TAIL_ROWS : 1;
    uint8_t prev[32] = {0};
    struct db_q q;
    db_q(&q, l->db, "SELECT seq, op, mac FROM journal WHERE shard = ?1 AND seq >= ?2 ORDER BY seq");
    db_put_i64(&q, l->fold.site.shard);
    db_put_i64(&q, from);
    int rc = 0;
    int64_t want = from;
    while (!rc && db_row(&q)) {
        rc = tail_row(l, &q, want, prev, want == 1 || want > from);
        want++;
    }
    int err = db_end(&q);
    if (err)
        return err;
    if (rc || want != last + 1)
        return rc ? rc : OC_ECHAIN;
    memcpy(ret_mac, prev, sizeof prev);
    return 0;
}

int ledger_check_head(struct ledger *l, int64_t *ret_seq)
{
    uint8_t mac[32] = {0}, tag[32] = {0}, computed[32], last[32];
    int64_t seq = 0;
    struct db_q q;
    db_q(&q, l->db, "SELECT seq, mac, tag FROM head WHERE shard = ?1");
    db_put_i64(&q, l->fold.site.shard);
    if (db_row(&q)) {
        seq = db_get_i64(&q);
        db_get_fixed(&q, mac, sizeof mac);
        db_get_fixed(&q, tag, sizeof tag);
    }
    int rc = db_end(&q);
    if (!rc)
        rc = chain_tag(&l->chain, l->fold.site.shard, seq, mac, computed);
    if (rc)
        return rc;
    if (seq < 1 || !secret_equal(tag, computed, sizeof tag))
        return OC_ECHAIN;
    rc = check_tail(l, seq, last);
    if (!rc && !secret_equal(last, mac, sizeof mac))
        rc = OC_ECHAIN;
    if (rc)
        return rc;
    memcpy(l->head, mac, sizeof mac);
    *ret_seq = seq;
    return 0;
}

/* ---- open and close ---- */

/* Two writers would each chain a journal of their own onto the same file. SQLite's locks keep
 * single commits apart, not processes, so a file beside the ledger is locked for as long as it is
 * open; the kernel lets go when we die. It is never removed: who waits at the old one and who makes
 * a new one would both have the ledger. */
int ledger_lock(const char *path, int *ret_fd)
{
    char *name = NULL;
    if (asprintf(&name, "%s.lock", path) < 0)
        return OC_ENOMEM;
    int rc = 0;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        log_error("ledger", "%s cannot be opened: is its folder there and ours?", name);
        rc = OC_EIO;
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        log_error("ledger", "%s is open in another process: end that one first", path);
        (void)close(fd);
        rc = OC_EBUSY;
    } else {
        *ret_fd = fd;
    }
    free(name);
    return rc;
}

static void init_locks(struct ledger *l)
{
    pthread_mutex_init(&l->mu, NULL);
    pthread_cond_init(&l->done, NULL);
}

static void init_metrics(struct ledger *l, struct metrics *m)
{
    if (!m)
        return;
    l->m_ops = metric_counter(m, "onecard_ledger_operations_total", NULL, "Operations committed");
    l->m_batches = metric_counter(m, "onecard_ledger_commits_total", NULL, "Commits");
    l->m_refused =
        metric_counter(m, "onecard_ledger_refused_total", NULL, "Operations refused by the ledger");
    l->m_failed = metric_counter(m, "onecard_ledger_failed_commits_total", NULL,
                                 "Batches that the store refused");
    l->m_commit = metric_histogram(m, "onecard_ledger_commit_seconds", NULL,
                                   "Time of a batch, commit included");
    l->m_queue = metric_histogram(m, "onecard_ledger_queue_seconds", NULL,
                                  "Time an operation waits for its batch to begin");
    l->m_batch = metric_gauge(m, "onecard_ledger_batch_operations", NULL,
                              "Operations of the last commit");
    l->m_largest = metric_gauge(m, "onecard_ledger_largest_batch_operations", NULL,
                                "Operations of the largest commit since the start");
}

struct ledger *ledger_new(const struct ledger_opts *o)
{
    struct ledger *l = calloc(1, sizeof *l);
    char *path = strdup(o->path);
    if (!l || !path) {
        free(l);
        free(path);
        return NULL;
    }
    l->path = path;
    l->lock_fd = -1;
    l->loop = o->loop;
    l->threading = o->threading;
    l->clock = o->clock ? o->clock : &clock_system;
    l->max_batch = o->max_batch ? o->max_batch : DEFAULT_BATCH;
    l->reader_count = o->readers ? o->readers : 1;
    l->before_commit = o->before_commit;
    l->hook_arg = o->hook_arg;
    l->last = &l->first;
    l->copy_late = true;
    flow_cond_init(&l->grew);
    flow_cond_init(&l->copied_more);
    buf_init(&l->bytes, OP_BYTES_MAX);
    init_locks(l);
    init_metrics(l, o->metrics);
    return l;
}

int ledger_open_store(struct ledger *l, const struct ledger_opts *o, enum db_mode mode)
{
    if (mode != DB_CREATE && !db_exists(l->path))
        return OC_ENOENT; /* and leaves no lock beside it */
    int rc = chain_init(&l->chain, o->chain_key);
    if (!rc)
        rc = db_wal_new(&l->wal);
    /* Before the file: a restore that has the lock puts another file under this name. */
    if (!rc)
        rc = ledger_lock(l->path, &l->lock_fd);
    if (!rc)
        rc = db_open(l->path, mode, &l->db);
    if (!rc)
        db_wal_found(l->wal, l->db);
    if (!rc)
        rc = db_migrate(l->db, ledger_schema, ledger_schema_len);
    if (!rc) /* a citizen's key that is deleted must be gone from its page (R20) */
        rc = db_exec(l->db, "PRAGMA secure_delete=ON");
    if (!rc)
        rc = fold_init(&l->fold, l->db, NULL);
    if (!rc)
        l->shard = l->fold.site.shard;
    return rc;
}

void ledger_close(struct ledger **ledger)
{
    struct ledger *l = *ledger;
    if (!l)
        return;
    *ledger = NULL;
    query_stop(l);
    front_free(&l->front);
    writer_stop(l);
    if (l->fold.db)
        fold_fini(&l->fold);
    db_close(&l->ckpt_db);
    db_close(&l->db);
    db_wal_free(&l->wal);
    chain_fini(&l->chain);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    pthread_mutex_destroy(&l->mu);
    pthread_cond_destroy(&l->done);
    buf_fini(&l->bytes);
    free(l->path);
    free(l);
}

static int check_clock(struct ledger *l)
{
    int64_t now = clock_wall_ms(l->clock);
    if (now >= l->fold.site.last_at_ms - CLOCK_SLACK_MS)
        return 0;
    log_error("ledger", "the clock is %lld s before the last journal row: set it first",
              (long long)((l->fold.site.last_at_ms - now) / 1000));
    return OC_ESTATE;
}

static WORKER_FN int open_checked(struct ledger *l, const struct ledger_opts *o)
{
    int rc = ledger_open_store(l, o, DB_WRITE);
    if (rc)
        return rc;
    if (!l->fold.site.exists)
        return OC_ESTATE;
    int64_t seq;
    rc = ledger_check_head(l, &seq);
    if (rc == OC_ECHAIN)
        log_error("ledger", "the end of the audit chain of %s does not verify", l->path);
    if (!rc)
        rc = check_clock(l);
    if (rc)
        return rc;
    atomic_store(&l->seq, seq);
    l->fold.seq = seq;
    atomic_store(&l->open_txns, l->fold.open_txns);
    atomic_store(&l->cards, l->fold.site.cards);
    atomic_store(&l->serials, l->fold.site.cards + l->fold.site.deny_epoch);
    atomic_store(&l->outbox, l->fold.outbox);
    atomic_store(&l->open_day, l->fold.day.date);
    rc = db_open(l->path, DB_WRITE, &l->ckpt_db);
    if (!rc)
        rc = writer_start(l);
    if (!rc)
        rc = front_new(&l->front);
    return rc ? rc : query_start(l);
}

int ledger_open(const struct ledger_opts *o, struct ledger **ret)
{
    struct ledger *l = ledger_new(o);
    if (!l)
        return OC_ENOMEM;
    int rc = open_checked(l, o);
    if (rc) {
        ledger_close(&l);
        return rc;
    }
    *ret = l;
    return 0;
}

static WORKER_FN int first_operation(struct ledger *l, const struct op_site *site)
{
    struct ledger_op *op = calloc(1, sizeof *op);
    if (!op)
        return OC_ENOMEM;
    op->type = LOP_SITE;
    op->site = *site;
    snprintf(op->who, sizeof op->who, "init");
    int rc = writer_run_one(l, op);
    free(op);
    return rc;
}

static void remove_file(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char *name = NULL;
        if (asprintf(&name, "%s%s", path, ends[i]) < 0)
            continue;
        unlink(name);
        free(name);
    }
}

int ledger_create(const struct ledger_opts *o, const struct op_site *site)
{
    if (db_exists(o->path))
        return OC_EEXIST;
    struct ledger *l = ledger_new(o);
    if (!l)
        return OC_ENOMEM;
    int rc = ledger_open_store(l, o, DB_CREATE);
    if (!rc)
        rc = first_operation(l, site);
    bool ours = l->lock_fd >= 0; /* without the lock it is another's that is being made */
    ledger_close(&l);
    if (rc && rc != OC_EEXIST && ours)
        remove_file(o->path);
    return rc;
}

void ledger_stats(struct ledger *l, struct ledger_stats *ret)
{
    *ret = (struct ledger_stats){.journal_seq = atomic_load(&l->seq),
                                 .ops = atomic_load(&l->ops),
                                 .batches = atomic_load(&l->batches),
                                 .open_txns = atomic_load(&l->open_txns),
                                 .cards = atomic_load(&l->cards),
                                 .serials = atomic_load(&l->serials),
                                 .outbox = atomic_load(&l->outbox),
                                 .open_day = (date_t)atomic_load(&l->open_day),
                                 .wal_bytes = db_wal_bytes(l->wal),
                                 .checkpoint_age_ms = db_wal_age_ns(l->wal) / NS_PER_MS};
    pthread_mutex_lock(&l->mu);
    ret->queue = l->queued;
    pthread_mutex_unlock(&l->mu);
}
