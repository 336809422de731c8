/* What SQLite asks of a simulated disk. One thread; locks are kept all the same, so that
 * connections which would wait for each other on a real machine do not pass here. */
#include "disk_file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct handle {
    sqlite3_file base; /* first */
    struct sim_disk *disk;
    struct disk_file *file;
    bool temporary;
    int level;                    /* SQLITE_LOCK_… */
    unsigned shm_shared, shm_own; /* a bit a slot */
};

static struct sim_disk *mounted;
static struct sim_rand sqlite_rand;

struct sim_disk *disk_mounted(void)
{
    return mounted;
}

static struct handle *handle_of(sqlite3_file *f)
{
    return (struct handle *)(void *)f;
}

/* ---- content ---- */

static int vfs_read(sqlite3_file *base, void *to, int n, sqlite3_int64 at)
{
    const struct disk_file *f = handle_of(base)->file;
    size_t have = (size_t)at < f->size ? f->size - (size_t)at : 0;
    size_t got = have < (size_t)n ? have : (size_t)n;
    if (got)
        memcpy(to, f->now + at, got);
    if (got == (size_t)n)
        return SQLITE_OK;
    memset((uint8_t *)to + got, 0, (size_t)n - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int refused(struct handle *h, enum disk_op op, bool grows)
{
    if (h->temporary)
        return SQLITE_OK;
    switch (disk_ask(h->disk, op)) {
    case DISK_FAILS:
        return op == DISK_SYNC ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
    case DISK_FULL:
        return grows ? SQLITE_FULL : SQLITE_OK;
    case DISK_FULL_ALL:
        return op == DISK_WRITE ? SQLITE_FULL : SQLITE_OK;
    default:
        return SQLITE_OK;
    }
}

static int vfs_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 at)
{
    struct handle *h = handle_of(base);
    int rc = refused(h, DISK_WRITE, (size_t)at + (size_t)n > h->file->size);
    if (rc != SQLITE_OK)
        return rc;
    return disk_write(h->file, from, (size_t)n, (size_t)at) ? SQLITE_OK : SQLITE_NOMEM;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return disk_truncate(handle_of(base)->file, (size_t)size) ? SQLITE_OK : SQLITE_NOMEM;
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    struct handle *h = handle_of(base);
    (void)flags;
    int rc = refused(h, DISK_SYNC, false);
    if (rc == SQLITE_OK)
        disk_sync(h->file);
    return rc;
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)handle_of(base)->file->size;
    return SQLITE_OK;
}

/* ---- locks ---- */

static int vfs_lock(sqlite3_file *base, int level)
{
    struct handle *h = handle_of(base);
    struct disk_file *f = h->file;
    if (h->level >= level)
        return SQLITE_OK;
    if (f->exclusive && f->exclusive != h)
        return SQLITE_BUSY;
    if (h->level == SQLITE_LOCK_NONE)
        f->shared++;
    h->level = h->level < SQLITE_LOCK_SHARED ? SQLITE_LOCK_SHARED : h->level;
    if (level == SQLITE_LOCK_SHARED)
        return SQLITE_OK;
    if (f->reserved && f->reserved != h)
        return SQLITE_BUSY;
    f->reserved = h;
    h->level = SQLITE_LOCK_RESERVED;
    if (level == SQLITE_LOCK_RESERVED)
        return SQLITE_OK;
    h->level = SQLITE_LOCK_PENDING;
    if (f->shared > 1)
        return SQLITE_BUSY;
    f->exclusive = h;
    h->level = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int vfs_unlock(sqlite3_file *base, int level)
{
    struct handle *h = handle_of(base);
    struct disk_file *f = h->file;
    if (h->level <= level)
        return SQLITE_OK;
    if (f->exclusive == h)
        f->exclusive = NULL;
    if (f->reserved == h)
        f->reserved = NULL;
    if (level == SQLITE_LOCK_NONE)
        f->shared--;
    h->level = level;
    return SQLITE_OK;
}

static int vfs_reserved(sqlite3_file *base, int *ret)
{
    *ret = handle_of(base)->file->reserved != NULL;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int op, void *arg)
{
    (void)base, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}
static int vfs_sector(sqlite3_file *base)
{
    (void)base;
    return SECTOR;
}
static int vfs_device(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- the shared index ---- */

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret)
{
    struct disk_file *f = handle_of(base)->file;
    CHECK(size == SHM_REGION);
    *ret = NULL;
    if (region >= SHM_REGIONS)
        return SQLITE_FULL;
    if (!f->shm[region] && extend)
        f->shm[region] = calloc(1, SHM_REGION);
    *ret = f->shm[region];
    return f->shm[region] || !extend ? SQLITE_OK : SQLITE_NOMEM;
}

static bool shm_free(const struct handle *h, unsigned slot, bool exclusive)
{
    const struct disk_file *f = h->file;
    unsigned others = f->shm_shared[slot] - ((h->shm_shared >> slot) & 1);
    bool taken = f->shm_exclusive[slot] && f->shm_exclusive[slot] != h;
    return !taken && (!exclusive || others == 0);
}

static void shm_change(struct handle *h, unsigned slot, bool lock, bool exclusive)
{
    struct disk_file *f = h->file;
    unsigned bit = 1U << slot;
    if (exclusive) {
        f->shm_exclusive[slot] = lock ? h : NULL;
        h->shm_own = lock ? h->shm_own | bit : h->shm_own & ~bit;
    } else if (lock != ((h->shm_shared & bit) != 0)) {
        f->shm_shared[slot] += lock ? 1U : -1U;
        h->shm_shared ^= bit;
    }
}

static int shm_lock(sqlite3_file *base, int first, int n, int flags)
{
    struct handle *h = handle_of(base);
    bool lock = flags & SQLITE_SHM_LOCK, exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    for (int i = first; lock && i < first + n; i++)
        if (!shm_free(h, (unsigned)i, exclusive))
            return SQLITE_BUSY;
    for (int i = first; i < first + n; i++)
        shm_change(h, (unsigned)i, lock, exclusive);
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base)
{
    (void)base;
}

static int shm_unmap(sqlite3_file *base, int delete)
{
    struct handle *h = handle_of(base);
    (void)delete;
    for (unsigned i = 0; i < SHM_SLOTS; i++) {
        if (h->shm_own & (1U << i))
            shm_change(h, i, false, true);
        shm_change(h, i, false, false);
    }
    return SQLITE_OK;
}

static int vfs_close(sqlite3_file *base)
{
    struct handle *h = handle_of(base);
    (void)shm_unmap(base, 0);
    (void)vfs_unlock(base, SQLITE_LOCK_NONE);
    if (h->temporary)
        disk_delete(h->disk, h->file);
    disk_closed(h->disk, h->file);
    base->pMethods = NULL;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = vfs_close,
                                           .xRead = vfs_read,
                                           .xWrite = vfs_write,
                                           .xTruncate = vfs_truncate,
                                           .xSync = vfs_sync,
                                           .xFileSize = vfs_size,
                                           .xLock = vfs_lock,
                                           .xUnlock = vfs_unlock,
                                           .xCheckReservedLock = vfs_reserved,
                                           .xFileControl = vfs_control,
                                           .xSectorSize = vfs_sector,
                                           .xDeviceCharacteristics = vfs_device,
                                           .xShmMap = shm_map,
                                           .xShmLock = shm_lock,
                                           .xShmBarrier = shm_barrier,
                                           .xShmUnmap = shm_unmap};

/* ---- names ---- */

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    struct handle *h = handle_of(base);
    (void)v;
    *h = (struct handle){.disk = mounted, .temporary = name == NULL};
    h->file = name ? disk_find(mounted, name) : NULL;
    if (!h->file && (flags & SQLITE_OPEN_CREATE))
        h->file = disk_make(mounted, name ? name : "");
    if (!h->file)
        return SQLITE_CANTOPEN;
    h->file->open++;
    base->pMethods = &methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync)
{
    struct disk_file *f = disk_find(mounted, name);
    (void)v, (void)sync;
    if (!f)
        return SQLITE_IOERR_DELETE_NOENT;
    disk_delete(mounted, f);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
    const struct disk_file *f = mounted ? disk_find(mounted, name) : NULL;
    (void)v;
    *ret = f && (flags != SQLITE_ACCESS_EXISTS || f->size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *v, const char *name, int n, char *ret)
{
    (void)v;
    (void)snprintf(ret, (size_t)n, "%s", name);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *v, int n, char *ret)
{
    (void)v;
    sim_bytes(&sqlite_rand, ret, (size_t)n);
    return n;
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
    (void)v;
    return us;
}

static int vfs_time64(sqlite3_vfs *v, sqlite3_int64 *ret)
{
    (void)v;
    *ret = INT64_C(212000000000000);
    return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *v, double *ret)
{
    (void)v;
    *ret = 2453735.5;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *ret)
{
    (void)v;
    if (n > 0)
        ret[0] = '\0';
    return 0;
}

static sqlite3_vfs vfs = {.iVersion = 2,
                          .szOsFile = sizeof(struct handle),
                          .mxPathname = 512,
                          .zName = "simulated",
                          .xOpen = vfs_open,
                          .xDelete = vfs_delete,
                          .xAccess = vfs_access,
                          .xFullPathname = vfs_full_path,
                          .xRandomness = vfs_randomness,
                          .xSleep = vfs_sleep,
                          .xCurrentTime = vfs_time,
                          .xGetLastError = vfs_last_error,
                          .xCurrentTimeInt64 = vfs_time64};

void sim_disk_mount(struct sim_disk *d)
{
    static bool registered;
    mounted = d;
    if (registered)
        return;
    registered = true;
    CHECK(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
    CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
    CHECK(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void sim_disk_seed_sqlite(uint64_t seed)
{
    sim_rand_init(&sqlite_rand, seed, "sqlite");
    (void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(seed & 0x7fffffff), NULL);
}
