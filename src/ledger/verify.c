/* Proves a ledger file: that nobody changed, dropped or added a row of the journal (chain), that
 * the tables are what the journal makes of nothing (replay), and that the books hold
 * (verify_books.c).
 *
 * Order matters: an operation whose MAC is wrong is not replayed, because it is not ours. So a
 * broken chain ends the replay before it begins; the books are looked at in any case. */
#include "ledger/verify.h"
#include <stdlib.h>
#include <unistd.h>

#define PROGRESS_ROWS 1024
#define REPLAY_BATCH  512
#define MEMORY_ROWS   200000 /* a longer journal is replayed into a file, not into memory */

/* ---- faults ---- */

void verify_fault(struct verify *v, const char *fmt, ...)
{
    char *text = v->report->first_fault;
    if (v->report->faults < UINT32_MAX)
        v->report->faults++;
    if (text[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof v->report->first_fault, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p == 0x7f)
            *p = '?';
}

int verify_finding(struct verify *v, int rc, const char *what)
{
    if (rc != OC_EDB_CORRUPT)
        return rc;
    verify_fault(v, "%s: the database file is damaged there", what);
    return 0;
}

char *verify_path(const char *path, const char *tail)
{
    char *name;
    return asprintf(&name, "%s%s", path, tail) < 0 ? NULL : name;
}

static void step(struct verify *v)
{
    v->done++;
    if (v->progress && v->done % PROGRESS_ROWS == 0)
        v->progress(v->arg, v->done, 2 * v->rows);
}

/* ---- chain ---- */

struct link {
    int64_t seq, at_ms;
    uint8_t mac[32];
};

static void check_legs(struct verify *v, int64_t seq, const struct leg *legs, unsigned count)
{
    fen_t sum = 0;
    bool over = false;
    for (unsigned i = 0; i < count; i++)
        over |= __builtin_add_overflow(sum, legs[i].amount, &sum);
    if (over || sum)
        verify_fault(v, "journal row %lld: its legs do not sum to zero",
                     (long long)seq);
}

/* Words of a row that carries the right MAC were written by us: what is wrong here is our own
 * fault, and told as well. */
static void check_op(struct verify *v, struct bytes op, struct link *at)
{
    int rc = op_decode(op.data, op.len, v->op);
    if (rc) {
        verify_fault(v, "journal row %lld: its operation cannot be read (%s)", (long long)at->seq,
                     oc_strerror(rc));
        return;
    }
    if ((at->seq == 1) != (v->op->type == LOP_SITE))
        verify_fault(v, "journal row %lld: the site's operation is not the first and only one",
                     (long long)at->seq);
    if (v->op->at_ms < at->at_ms)
        verify_fault(v, "journal row %lld: its time lies before the row above", (long long)at->seq);
    at->at_ms = v->op->at_ms;
    if (v->op->type == LOP_INTENT)
        check_legs(v, at->seq, v->op->intent.legs, v->op->intent.leg_count);
    if (v->op->type == LOP_OFFLINE)
        check_legs(v, at->seq, v->op->offline.legs, v->op->offline.leg_count);
}

static WORKER_FN int check_row(struct verify *v, struct db_q *q, struct link *at)
{
    uint8_t have[32], want[32];
    struct bytes op;
    int64_t shard = db_get_i64(q);
    int64_t seq = db_get_i64(q);
    op.data = db_get_blob(q, &op.len);
    db_get_fixed(q, have, sizeof have);
    if (q->err)
        return 0;
    if (shard != v->shard)
        verify_fault(v, "journal row %lld: of another shard", (long long)seq);
    if (seq != at->seq + 1)
        verify_fault(v, "journal row %lld: missing", (long long)at->seq + 1);
    at->seq = seq;
    int rc = chain_mac(&v->chain, at->mac, v->shard, seq, op, want);
    if (rc)
        return rc;
    if (!secret_equal(have, want, sizeof want))
        verify_fault(v,
                     "journal row %lld: its MAC is wrong (the row was changed, one before it is "
                     "missing, or the key is another)",
                     (long long)seq);
    else
        check_op(v, op, at);
    /* Goes on from what stands there, so that one changed row counts once. */
    memcpy(at->mac, have, sizeof at->mac);
    step(v);
    return 0;
}

static WORKER_FN int check_head(struct verify *v, const struct link *at)
{
    struct db_q q;
    uint8_t mac[32], tag[32], want[32];
    db_q(&q, v->src, "SELECT seq, mac, tag FROM head WHERE shard = ?1");
    db_put_i64(&q, v->shard);
    bool found = db_row(&q);
    int64_t seq = found ? db_get_i64(&q) : 0;
    if (found) {
        db_get_fixed(&q, mac, sizeof mac);
        db_get_fixed(&q, tag, sizeof tag);
    }
    int rc = db_end(&q);
    if (rc)
        return verify_finding(v, rc, "table head");
    if (!found) {
        verify_fault(v, "the journal's head is missing");
        return 0;
    }
    rc = chain_tag(&v->chain, v->shard, seq, mac, want);
    if (rc)
        return rc;
    if (!secret_equal(tag, want, sizeof want))
        verify_fault(v, "the journal's head was changed");
    else if (seq != at->seq)
        verify_fault(v, "the journal ends at row %lld, its head says %lld", (long long)at->seq,
                     (long long)seq);
    else if (!secret_equal(mac, at->mac, sizeof mac))
        verify_fault(v, "the journal's last row is not the one its head says");
    return 0;
}

static WORKER_FN int check_chain(struct verify *v)
{
    struct db_q q;
    struct link at = {0};
    int rc = 0;
    db_q(&q, v->src, "SELECT shard, seq, op, mac FROM journal ORDER BY shard, seq");
    while (!rc && db_row(&q))
        rc = check_row(v, &q, &at);
    int err = db_end(&q);
    if (rc)
        return rc;
    v->report->ops = at.seq;
    memcpy(v->report->head, at.mac, sizeof at.mac);
    if (err)
        return verify_finding(v, err, "table journal");
    return check_head(v, &at);
}

/* ---- replay ---- */

static WORKER_FN int flush(struct verify *v, struct fold *f, bool more)
{
    int rc = fold_flush(f);
    if (!rc)
        rc = db_exec(v->copy, "COMMIT");
    if (!rc && more)
        rc = db_exec(v->copy, "BEGIN");
    return rc;
}

static WORKER_FN int replay_row(struct verify *v, struct fold *f, struct db_q *q)
{
    uint8_t mac[32];
    size_t len;
    int64_t seq = db_get_i64(q);
    const void *p = db_get_blob(q, &len);
    int rc = q->err ? q->err : op_decode(p, len, v->op);
    if (rc)
        return rc;
    db_get_fixed(q, mac, sizeof mac);
    if (q->err)
        return q->err;
    if (v->stop && atomic_load(v->stop))
        return OC_ECANCELED;
    rc = fold_apply(f, v->op, seq, mac);
    step(v);
    if (!rc && seq % REPLAY_BATCH == 0)
        rc = flush(v, f, true);
    if (rc == OC_EINTERNAL || rc == OC_EDB || rc == OC_EDB_CORRUPT) {
        const char *name = op_name(v->op->type);
        verify_fault(v, "journal row %lld: its operation (%s) does not fit the rows before it",
                     (long long)seq, name ? name : "unknown");
        return OC_EBOOKS;
    }
    return rc;
}

static WORKER_FN int replay_rows(struct verify *v, struct fold *f)
{
    struct db_q q;
    int rc = db_exec(v->copy, "BEGIN");
    if (rc)
        return rc;
    db_q(&q, v->src, "SELECT seq, op, mac FROM journal WHERE shard = ?1 ORDER BY seq");
    db_put_i64(&q, v->shard);
    while (!rc && db_row(&q))
        rc = replay_row(v, f, &q);
    int err = db_end(&q);
    if (!rc)
        rc = err ? err : flush(v, f, false);
    return rc;
}

/* 0: the copy is whole. OC_EBOOKS: a fault was noted, there is nothing to compare with. */
static WORKER_FN int replay(struct verify *v)
{
    struct fold f;
    int rc = fold_init(&f, v->copy, v->src);
    if (rc)
        return rc;
    rc = replay_rows(v, &f);
    fold_fini(&f);
    return rc;
}

/* ---- the stores ---- */

int verify_open(const char *path, struct db **ret)
{
    return db_open(path, db_has_log(path) ? DB_READ : DB_IMMUTABLE, ret);
}

static void remove_beside(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; path && i < ARRAY_LEN(tails); i++) {
        char *name = verify_path(path, tails[i]);
        if (name)
            (void)unlink(name);
        free(name);
    }
}

static char *beside(const struct verify *v, const char *what)
{
    char tail[40];
    (void)snprintf(tail, sizeof tail, ".%s-%ld", what, (long)getpid());
    char *name = verify_path(v->path, tail);
    remove_beside(name);
    return name;
}

/* A ledger of an earlier schema is proved in a copy that has gone through this program's steps: what
 * they leave must be what the replay makes, and the file itself is not touched. */
static WORKER_FN int migrate_beside(struct verify *v)
{
    v->old_path = beside(v, "migrated");
    if (!v->old_path)
        return OC_ENOMEM;
    int rc = db_copy_to(v->src, v->old_path);
    db_close(&v->src);
    if (!rc)
        rc = db_open(v->old_path, DB_WRITE, &v->src);
    if (rc)
        return rc;
    db_stop_when(v->src, v->stop);
    rc = db_exec(v->src, "PRAGMA synchronous=OFF");
    return rc ? rc : db_migrate(v->src, ledger_schema, ledger_schema_len);
}

static WORKER_FN int open_source(struct verify *v)
{
    int newest = ledger_schema[ledger_schema_len - 1].version;
    int64_t version;
    int rc = verify_open(v->path, &v->src);
    if (rc)
        return rc;
    db_stop_when(v->src, v->stop);
    rc = db_version(v->src, &version);
    if (rc)
        return rc;
    if (version > newest) {
        db_refuse_newer(v->src, v->path, version, newest);
        return OC_EDB_SCHEMA;
    }
    if (version >= 1 && version < newest)
        rc = migrate_beside(v);
    return rc ? rc : db_exec(v->src, "BEGIN");
}

static WORKER_FN int open_copy_file(struct verify *v)
{
    v->copy_path = beside(v, "replay");
    if (!v->copy_path)
        return OC_ENOMEM;
    int rc = db_open(v->copy_path, DB_CREATE, &v->copy);
    return rc ? rc : db_exec(v->copy, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF");
}

static WORKER_FN int open_copy(struct verify *v)
{
    int rc = v->rows > MEMORY_ROWS ? open_copy_file(v) : db_open(NULL, DB_MEMORY, &v->copy);
    return rc ? rc : db_migrate(v->copy, ledger_schema, ledger_schema_len);
}

/* ---- all of it ---- */

static WORKER_FN int count(struct verify *v, const char *sql, int64_t *ret)
{
    return verify_finding(v, db_number(v->src, sql, ret), "a table");
}

static WORKER_FN int look_first(struct verify *v)
{
    int64_t shard = 0;
    int rc = count(v, "SELECT count(*) FROM journal", &v->rows);
    if (!rc)
        rc = count(v, "SELECT shard FROM journal LIMIT 1", &shard);
    if (rc == OC_ENOENT) {
        verify_fault(v, "the journal is empty");
        rc = 0;
    }
    v->shard = (uint8_t)shard;
    if (!rc)
        rc = count(v, "SELECT count(*) FROM card", &v->report->cards);
    if (!rc)
        rc = count(v, "SELECT count(*) FROM txn", &v->report->txns);
    if (!rc)
        rc = count(v, "SELECT count(*) FROM txn WHERE +state IN (1, 4)", &v->report->open_txns);
    return rc;
}

static WORKER_FN int replay_and_compare(struct verify *v)
{
    int rc = replay(v);
    if (rc == OC_EBOOKS)
        return 0;
    if (rc)
        return verify_finding(v, rc, "table journal");
    return verify_tables(v);
}

static WORKER_FN int run(struct verify *v)
{
    int rc = open_source(v);
    if (!rc)
        rc = look_first(v);
    if (!rc)
        rc = open_copy(v);
    if (!rc)
        rc = verify_shape(v);
    unsigned before = v->report->faults;
    if (!rc)
        rc = check_chain(v);
    if (!rc && v->report->faults == before)
        rc = replay_and_compare(v);
    if (!rc)
        rc = verify_books(v);
    if (!rc && v->progress)
        v->progress(v->arg, 2 * v->rows, 2 * v->rows);
    return rc;
}

static WORKER_FN int verify(struct verify *v, const uint8_t chain_key[32],
                            struct ledger_report *ret)
{
    struct ledger_report report = {0};
    v->report = &report;
    int rc = chain_init(&v->chain, chain_key);
    if (rc)
        return rc;
    v->op = malloc(sizeof *v->op);
    rc = v->op ? run(v) : OC_ENOMEM;
    db_close(&v->src);
    db_close(&v->copy);
    remove_beside(v->copy_path);
    remove_beside(v->old_path);
    free(v->copy_path);
    free(v->old_path);
    free(v->op);
    chain_fini(&v->chain);
    if (!rc)
        *ret = report;
    return rc == OC_ECANCELED ? OC_ECLOSED : rc;
}

int ledger_verify_file(const char *path, const uint8_t chain_key[32],
                       void (*progress)(void *arg, int64_t done, int64_t all), void *arg,
                       struct ledger_report *ret)
{
    struct verify v = {.path = path, .progress = progress, .arg = arg};
    return verify(&v, chain_key, ret);
}

int verify_until(const char *path, const uint8_t chain_key[32], const atomic_bool *stop,
                 struct ledger_report *ret)
{
    struct verify v = {.path = path, .stop = stop};
    return verify(&v, chain_key, ret);
}
