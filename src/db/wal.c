/* When a checkpoint may run (db.h, "the write-ahead log"). Two flags carry the rule:
 *
 *   pass copied everything ──► full = true ──► no pass begins
 *   writer begins a transaction: saw_full = full        (this one may reset the log)
 *   it commits, and saw_full ──► full = false ──► passes may begin again
 *
 * A commit that began before the full pass does not lift the ban: it did not reset the log, the
 * next one will. `pass_mu` is held for a whole pass, so passes never overlap; `mu` only for the
 * flags, so the writer never waits for a pass beside it. */
#include "db/private.h"
#include <pthread.h>
#include <stdlib.h>

#define FRAME_HEADER 24

struct db_wal {
    pthread_mutex_t pass_mu;
    pthread_mutex_t mu;
    bool full;
    bool saw_full;
    int64_t bytes;
    int64_t full_ns;
    int64_t waits_ns; /* since when `bytes` is not 0 */
};

int db_wal_new(struct db_wal **ret)
{
    struct db_wal *w = calloc(1, sizeof *w);
    if (!w)
        return OC_ENOMEM;
    pthread_mutex_init(&w->pass_mu, NULL);
    pthread_mutex_init(&w->mu, NULL);
    *ret = w;
    return 0;
}

void db_wal_free(struct db_wal **w)
{
    if (!*w)
        return;
    pthread_mutex_destroy(&(*w)->pass_mu);
    pthread_mutex_destroy(&(*w)->mu);
    free(*w);
    *w = NULL;
}

void db_wal_begin(struct db_wal *w)
{
    pthread_mutex_lock(&w->mu);
    w->saw_full = w->full;
    pthread_mutex_unlock(&w->mu);
}

void db_wal_finish(struct db_wal *w, struct db *writer, bool committed)
{
    pthread_mutex_lock(&w->mu);
    if (committed && w->saw_full)
        w->full = false;
    w->saw_full = false;
    if (committed && w->bytes == 0)
        w->waits_ns = clock_mono_ns(&clock_system);
    if (committed && writer)
        w->bytes = writer->wal_pages * (writer->page_size + FRAME_HEADER);
    pthread_mutex_unlock(&w->mu);
}

bool db_wal_may(struct db_wal *w)
{
    pthread_mutex_lock(&w->mu);
    bool may = !w->full;
    pthread_mutex_unlock(&w->mu);
    return may;
}

static void note_full(struct db_wal *w, bool copied)
{
    pthread_mutex_lock(&w->mu);
    w->full = true;
    if (copied)
        w->bytes = 0; /* the next commit begins at the log's beginning */
    w->full_ns = clock_mono_ns(&clock_system);
    pthread_mutex_unlock(&w->mu);
}

int db_wal_pass(struct db_wal *w, struct db *db)
{
    pthread_mutex_lock(&w->pass_mu);
    int ret = 0;
    if (db_wal_may(w)) {
        int in_log = -1, copied = -1;
        int rc =
            sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
        if (rc == SQLITE_BUSY)
            ret = 0;
        else if (rc != SQLITE_OK)
            ret = db_error(db, rc, "checkpoint");
        else if (in_log >= 0 && in_log == copied)
            ret = 1;
        /* An error may come after everything was copied (the last fsync): then too the log may be
         * reset. */
        if (ret != 0 || (in_log >= 0 && in_log == copied))
            note_full(w, ret == 1);
    }
    pthread_mutex_unlock(&w->pass_mu);
    return ret;
}

int64_t db_wal_bytes(struct db_wal *w)
{
    pthread_mutex_lock(&w->mu);
    int64_t n = w->bytes;
    pthread_mutex_unlock(&w->mu);
    return n;
}

void db_wal_found(struct db_wal *w, struct db *db)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    int rc = sqlite3_file_control(db->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (rc != SQLITE_OK || !log || !log->pMethods || log->pMethods->xFileSize(log, &size))
        return;
    pthread_mutex_lock(&w->mu);
    w->bytes = size;
    w->waits_ns = clock_mono_ns(&clock_system);
    pthread_mutex_unlock(&w->mu);
}

int64_t db_wal_age_ns(struct db_wal *w)
{
    pthread_mutex_lock(&w->mu);
    int64_t since = w->bytes ? w->waits_ns : 0;
    pthread_mutex_unlock(&w->mu);
    return since ? clock_mono_ns(&clock_system) - since : 0;
}

int64_t db_wal_full_ns(struct db_wal *w)
{
    pthread_mutex_lock(&w->mu);
    int64_t n = w->full_ns;
    pthread_mutex_unlock(&w->mu);
    return n;
}
