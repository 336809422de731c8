/* The writer's log in few large writes. SQLite writes each frame of the write-ahead log with two
 * system calls, several hundred of them a commit; between SQLite and the operating system's own VFS
 * this file keeps what is written one after another and hands it on at once.
 *
 * What makes that safe: the log's content counts only after xSync() (synchronous=FULL: at every
 * commit), and only then the shared index says that there are new frames. So the buffer is emptied
 * first thing in xSync(), and before anything else that could see the file: reads, its size,
 * truncation, closing. An error of a write that was put off is the xSync()'s, which makes the
 * commit fail as the write's own would. Where the sync itself fails, the frames lie in the file as
 * if they had been committed, until the next commit is written over them: a process that ends
 * before that would find the transaction that it called failed. So they are spoilt at once. (Where the
 * power goes as well before the next commit, a disk that refused to sync may have kept either.) Only
 * connections opened for writing have this; readers and the checkpointer read the log as it is. */
#include "db/private.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The operating system's VFS writes less than 128 KiB at a time and takes more for a full disk. */
#define KEPT_MAX (124 * 1024)

struct log_file {
    sqlite3_file base; /* first: pMethods is log_methods */
    sqlite3_int64 at;  /* where the kept bytes belong */
    size_t kept;
    sqlite3_int64 handed; /* the last piece that no sync has proved yet; -1: none */
    unsigned char *bytes;
    sqlite3_file *real; /* the operating system's, behind this struct */
};

static sqlite3_vfs log_vfs;

static sqlite3_vfs *real_vfs(sqlite3_vfs *v)
{
    return v->pAppData;
}

static struct log_file *log_of(sqlite3_file *f)
{
    return (struct log_file *)(void *)f;
}

/* After an error the bytes are gone: SQLite takes the whole transaction back. */
static int hand_on(struct log_file *l)
{
    size_t n = l->kept;
    l->kept = 0;
    if (n)
        l->handed = l->at;
    return n ? l->real->pMethods->xWrite(l->real, l->bytes, (int)n, l->at) : SQLITE_OK;
}

static int log_close(sqlite3_file *f)
{
    struct log_file *l = log_of(f);
    int rc = hand_on(l);
    int closed = l->real->pMethods->xClose(l->real);
    free(l->bytes);
    l->bytes = NULL;
    return rc != SQLITE_OK ? rc : closed;
}

static int log_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    struct log_file *l = log_of(f);
    int rc = hand_on(l);
    return rc != SQLITE_OK ? rc : l->real->pMethods->xRead(l->real, to, n, at);
}

static int log_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct log_file *l = log_of(f);
    bool follows = l->kept && at == l->at + (sqlite3_int64)l->kept;
    if (!follows || l->kept + (size_t)n > KEPT_MAX) {
        int rc = hand_on(l);
        if (rc != SQLITE_OK)
            return rc;
    }
    if ((size_t)n > KEPT_MAX)
        return l->real->pMethods->xWrite(l->real, from, n, at);
    if (!l->kept)
        l->at = at;
    memcpy(l->bytes + l->kept, from, (size_t)n);
    l->kept += (size_t)n;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct log_file *l = log_of(f);
    int rc = hand_on(l);
    return rc != SQLITE_OK ? rc : l->real->pMethods->xTruncate(l->real, size);
}

/* A frame whose header is empty ends the log for whoever reads it after a crash; the page of a log
 * that was to begin anew, all of it. */
static void spoil(struct log_file *l)
{
    static const unsigned char nothing[24];
    if (l->handed >= 0 &&
        l->real->pMethods->xWrite(l->real, nothing, sizeof nothing, l->handed) != SQLITE_OK)
        log_error("db", "the log took a commit that failed and cannot be mended: do not end this "
                        "process before the store works again");
}

static int log_sync(sqlite3_file *f, int flags)
{
    struct log_file *l = log_of(f);
    int rc = hand_on(l);
    if (rc == SQLITE_OK)
        rc = l->real->pMethods->xSync(l->real, flags);
    if (rc != SQLITE_OK)
        spoil(l);
    l->handed = -1;
    return rc;
}

static int log_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    struct log_file *l = log_of(f);
    int rc = hand_on(l);
    return rc != SQLITE_OK ? rc : l->real->pMethods->xFileSize(l->real, ret);
}

static int log_lock(sqlite3_file *f, int level)
{
    return log_of(f)->real->pMethods->xLock(log_of(f)->real, level);
}

static int log_unlock(sqlite3_file *f, int level)
{
    return log_of(f)->real->pMethods->xUnlock(log_of(f)->real, level);
}

static int log_reserved(sqlite3_file *f, int *ret)
{
    return log_of(f)->real->pMethods->xCheckReservedLock(log_of(f)->real, ret);
}

static int log_control(sqlite3_file *f, int op, void *arg)
{
    return log_of(f)->real->pMethods->xFileControl(log_of(f)->real, op, arg);
}

static int log_sector(sqlite3_file *f)
{
    return log_of(f)->real->pMethods->xSectorSize(log_of(f)->real);
}

static int log_device(sqlite3_file *f)
{
    return log_of(f)->real->pMethods->xDeviceCharacteristics(log_of(f)->real);
}

/* Version 1: a log is neither mapped nor does it carry the shared index (the database file does).
 */
static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_device,
};

static int open_log(sqlite3_vfs *v, const char *name, struct log_file *l, int flags, int *ret_flags)
{
    unsigned char *bytes = malloc(KEPT_MAX);
    if (!bytes)
        return SQLITE_NOMEM;
    *l = (struct log_file){.bytes = bytes, .handed = -1, .real = (sqlite3_file *)(void *)(l + 1)};
    int rc = real_vfs(v)->xOpen(real_vfs(v), name, l->real, flags, ret_flags);
    if (rc == SQLITE_OK) {
        l->base.pMethods = &log_methods;
        return rc;
    }
    if (l->real->pMethods)
        l->real->pMethods->xClose(l->real);
    free(bytes);
    *l = (struct log_file){0};
    return rc;
}

/* Every other file is the operating system's from its first byte. */
static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    if (flags & SQLITE_OPEN_WAL)
        return open_log(v, name, log_of(f), flags, ret_flags);
    return real_vfs(v)->xOpen(real_vfs(v), name, f, flags, ret_flags);
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync)
{
    return real_vfs(v)->xDelete(real_vfs(v), name, sync);
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
    return real_vfs(v)->xAccess(real_vfs(v), name, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *v, const char *name, int n, char *ret)
{
    return real_vfs(v)->xFullPathname(real_vfs(v), name, n, ret);
}

static int vfs_randomness(sqlite3_vfs *v, int n, char *ret)
{
    return real_vfs(v)->xRandomness(real_vfs(v), n, ret);
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
    return real_vfs(v)->xSleep(real_vfs(v), us);
}

static int vfs_time(sqlite3_vfs *v, double *ret)
{
    return real_vfs(v)->xCurrentTime(real_vfs(v), ret);
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *ret)
{
    return real_vfs(v)->xGetLastError(real_vfs(v), n, ret);
}

static int vfs_time64(sqlite3_vfs *v, sqlite3_int64 *ret)
{
    return real_vfs(v)->xCurrentTimeInt64(real_vfs(v), ret);
}

static void register_once(void)
{
    /* Counting every allocation takes a lock; nobody reads the sum. Too late where SQLite was used
     * before: then it counts. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    if (!real)
        return;
    log_vfs = (sqlite3_vfs){.iVersion = real->iVersion < 2 ? 1 : 2,
                            .szOsFile = real->szOsFile + (int)sizeof(struct log_file),
                            .mxPathname = real->mxPathname,
                            .zName = "onecard",
                            .pAppData = real,
                            .xOpen = vfs_open,
                            .xDelete = vfs_delete,
                            .xAccess = vfs_access,
                            .xFullPathname = vfs_full_path,
                            .xRandomness = vfs_randomness,
                            .xSleep = vfs_sleep,
                            .xCurrentTime = vfs_time,
                            .xGetLastError = vfs_last_error,
                            .xCurrentTimeInt64 = vfs_time64};
    if (sqlite3_vfs_register(&log_vfs, 0) != SQLITE_OK)
        log_vfs.zName = NULL;
}

const char *db_log_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, register_once);
    return log_vfs.zName;
}
