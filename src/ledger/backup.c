/* Copies of a ledger: made while it works, proved, and put back.
 *
 * Invariants:
 *   1. Under the name that was asked for stands a whole copy that is on the disk, or nothing, and
 * no file that lay there before is touched.
 *   2. A restore never leaves a ledger without its log: the old file and its log get second names
 * before either loses its first, and the new file has no log when it gets its name. The ledger's
 * lock is held from before the first look to after the last renaming. A crash in between leaves the
 * old ledger, or none under `path` and the old one whole beside it; the restore can then be started
 * again.
 *   3. What is installed is what was verified: the copy is proved, not the file it came from. */
#include "ledger/query.h"
#include "ledger/verify.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB         ((int64_t)1024 * 1024)
#define SPARE_BYTES (64 * MIB)

static const char *const TAILS[] = {"", "-wal", "-shm"};

static int disk_error(const char *what, const char *path)
{
    int rc = errno == EEXIST   ? OC_EEXIST
             : errno == ENOENT ? OC_ENOENT
             : errno == ENOSPC ? OC_EDB_FULL
                               : OC_EIO;
    log_error("ledger", "%s %s: %s", what, path, strerror(errno));
    return rc;
}

static WORKER_FN int sync_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return disk_error("cannot open", path);
    int rc = fsync(fd) ? disk_error("cannot sync", path) : 0;
    (void)close(fd);
    return rc;
}

static WORKER_FN int sync_folder(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return OC_ENOMEM;
    int rc = sync_file(dirname(copy), O_RDONLY | O_DIRECTORY);
    free(copy);
    return rc;
}

/* A file, its log and its index; what is not there is no error. */
static WORKER_FN void remove_all(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(TAILS); i++) {
        char *name = verify_path(path, TAILS[i]);
        if (name)
            (void)unlink(name);
        free(name);
    }
}

/* ---- a copy ---- */

/* Files are made here, so that nobody else can read them; VACUUM INTO takes an empty one. */
static WORKER_FN int made(int fd, const char *path)
{
    if (fd < 0)
        return disk_error("cannot make", path);
    (void)close(fd);
    return 0;
}

static WORKER_FN int vacuum_into(struct db *db, const char *to)
{
    struct db_q q;
    db_q(&q, db, "VACUUM INTO ?1");
    db_put_text(&q, to);
    return db_end(&q);
}

static WORKER_FN int64_t size_of(const char *path, const char *tail)
{
    struct stat st;
    char *name = verify_path(path, tail);
    int64_t size = name && stat(name, &st) == 0 ? st.st_size : 0;
    free(name);
    return size;
}

/* Before it fills the disk that the ledger may stand on, too. */
static WORKER_FN int check_space(const char *from, const char *to)
{
    struct statvfs fs;
    int64_t want = size_of(from, "") + size_of(from, "-wal") + SPARE_BYTES;
    if (statvfs(to, &fs))
        return disk_error("cannot look at the file system of", to);
    uint64_t have = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (have >= (uint64_t)want)
        return 0;
    log_error("ledger", "no space for a copy as %s: it may need %lld MiB, %llu MiB are free", to,
              (long long)(want / MIB), (unsigned long long)(have / (uint64_t)MIB));
    return OC_EDB_FULL;
}

static WORKER_FN int fill(const char *from, const char *to, const atomic_bool *stop)
{
    struct db *db = NULL;
    int rc = check_space(from, to);
    if (!rc)
        rc = verify_open(from, &db);
    if (rc)
        return rc;
    db_stop_when(db, stop);
    rc = stop && atomic_load(stop) ? OC_ECANCELED : vacuum_into(db, to);
    db_close(&db);
    if (!rc)
        rc = sync_file(to, O_RDONLY);
    return rc == OC_ECANCELED ? OC_ECLOSED : rc;
}

/* link() refuses where the name is taken; rename() would replace. */
static WORKER_FN int give_name(const char *part, const char *to)
{
    if (link(part, to))
        return disk_error("cannot make", to);
    if (unlink(part))
        return disk_error("cannot remove", part);
    return sync_folder(to);
}

/** A whole copy of the ledger at `from` under the free name `to`, which an operator gave: what else
 * lies in that folder is not ours, so the name before is one that was never there. */
static WORKER_FN int copy_ledger(const char *from, const char *to, const atomic_bool *stop)
{
    if (access(to, F_OK) == 0)
        return OC_EEXIST;
    if (access(from, F_OK) != 0)
        return OC_ENOENT;
    char *part = verify_path(to, ".part-XXXXXX");
    int rc = part ? made(mkostemp(part, O_CLOEXEC), part) : OC_ENOMEM;
    if (!rc) {
        rc = fill(from, part, stop);
        if (!rc)
            rc = give_name(part, to);
        if (rc)
            (void)unlink(part);
    }
    free(part);
    return rc;
}

/** The same under a name that is the ledger's own: what a crash left there goes. */
static WORKER_FN int copy_own(const char *from, const char *to, const atomic_bool *stop)
{
    if (access(from, F_OK) != 0)
        return OC_ENOENT;
    remove_all(to);
    int rc = made(open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), to);
    if (rc)
        return rc;
    rc = fill(from, to, stop);
    if (rc)
        remove_all(to);
    return rc;
}

/* ---- for flows ---- */

struct copy_job {
    struct offload_job job;
    char *path, *to;
    uint8_t key[32];
    const atomic_bool *stop; /* the ledger's, which waits for its jobs */
    struct ledger_report report;
};

static void destroy_copy(struct offload_job *job)
{
    struct copy_job *c = CONTAINER_OF(job, struct copy_job, job);
    secret_wipe(c->key, sizeof c->key);
    free(c->path);
    free(c->to);
}

static void run_backup(struct offload_job *job)
{
    struct copy_job *c = CONTAINER_OF(job, struct copy_job, job);
    ROLE_ENTER_WORKER();
    job->result = copy_ledger(c->path, c->to, c->stop);
}

static void run_verify(struct offload_job *job)
{
    struct copy_job *c = CONTAINER_OF(job, struct copy_job, job);
    ROLE_ENTER_WORKER();
    int rc = copy_own(c->path, c->to, c->stop);
    if (!rc)
        rc = verify_until(c->to, c->key, c->stop, &c->report);
    remove_all(c->to);
    job->result = rc;
}

static struct copy_job *copy_job_new(struct ledger *l, void (*run)(struct offload_job *),
                                     const char *to, const char *tail)
{
    struct copy_job *c = offload_job_new(sizeof *c, run, destroy_copy);
    if (!c)
        return NULL;
    c->job.droppable = true;
    c->stop = &l->closing;
    c->path = strdup(l->path);
    c->to = verify_path(to, tail);
    memcpy(c->key, l->chain.key, sizeof c->key);
    if (c->path && c->to)
        return c;
    offload_job_put(&c->job);
    return NULL;
}

int ledger_co_backup(struct ledger *l, const char *to)
{
    struct copy_job *c = copy_job_new(l, run_backup, to, "");
    if (!c)
        return OC_ENOMEM;
    int rc = query_co_long(l, &c->job);
    offload_job_put(&c->job);
    return rc;
}

int ledger_co_verify(struct ledger *l, struct ledger_report *ret)
{
    struct copy_job *c = copy_job_new(l, run_verify, l->path, ".verify");
    if (!c)
        return OC_ENOMEM;
    int rc = query_co_long(l, &c->job);
    if (!rc)
        *ret = c->report;
    offload_job_put(&c->job);
    return rc;
}

/* ---- putting one back ---- */

/* Through the writer, so that the jump stands in the journal and in the chain. */
static WORKER_FN int jump_forward(const char *path, const uint8_t key[32],
                                  const struct ledger_restore_opts *how, const char *from)
{
    struct ledger *l = NULL;
    const struct ledger_opts o = {.path = path, .chain_key = key};
    struct ledger_op *op = calloc(1, sizeof *op);
    if (!op)
        return OC_ENOMEM;
    int rc = ledger_open(&o, &l);
    if (!rc) {
        const char *base = strrchr(from, '/');
        op->type = LOP_RESTORED;
        op->restored.jump = how->jump;
        op->restored.behind = 1;
        op->restored.published = how->published;
        (void)snprintf(op->who, sizeof op->who, "restore");
        (void)snprintf(op->restored.from, sizeof op->restored.from, "%.63s",
                       base ? base + 1 : from);
        rc = ledger_submit(l, op);
        if (rc && op->detail[0])
            log_error("ledger", "%s is not put in place: %s", from, op->detail);
        ledger_close(&l);
    }
    free(op);
    return rc;
}

/* Everything into the file itself. Nobody else has it open, so one pass copies all. */
static WORKER_FN int drop_log(const char *path)
{
    struct db *db = NULL;
    struct db_wal *wal = NULL;
    int rc = db_open(path, DB_WRITE, &db);
    if (!rc)
        rc = db_wal_new(&wal);
    if (!rc) {
        rc = db_wal_pass(wal, db);
        rc = rc == 1 ? 0 : rc ? rc : OC_EBUSY;
    }
    db_wal_free(&wal);
    db_close(&db);
    for (size_t i = 1; !rc && i < ARRAY_LEN(TAILS); i++) {
        char *name = verify_path(path, TAILS[i]);
        if (!name || (unlink(name) && errno != ENOENT))
            rc = name ? disk_error("cannot remove", name) : OC_ENOMEM;
        free(name);
    }
    return rc ? rc : sync_file(path, O_RDONLY);
}

/* "<path>.replaced-<n>", the first n whose names are free. */
static WORKER_FN char *kept_name(const char *path)
{
    char tail[32];
    for (unsigned n = 1; n < 10000; n++) {
        (void)snprintf(tail, sizeof tail, ".replaced-%u", n);
        char *name = verify_path(path, tail);
        char *log = name ? verify_path(name, "-wal") : NULL;
        bool is_free = log && access(name, F_OK) && access(log, F_OK);
        free(log);
        if (is_free || !name)
            return name;
        free(name);
    }
    return NULL;
}

static WORKER_FN int second_name(const char *path, const char *kept, const char *tail)
{
    char *from = verify_path(path, tail);
    char *to = verify_path(kept, tail);
    int rc = from && to ? 0 : OC_ENOMEM;
    if (!rc && link(from, to) && errno != ENOENT)
        rc = disk_error("cannot keep", from);
    free(from);
    free(to);
    return rc;
}

static WORKER_FN int keep_old(const char *path)
{
    char *kept = kept_name(path);
    if (!kept)
        return OC_ENOMEM;
    int rc = second_name(path, kept, "");
    if (!rc)
        rc = second_name(path, kept, "-wal");
    if (!rc)
        rc = sync_folder(path);
    if (!rc) {
        remove_all(path);
        rc = sync_folder(path);
        log_info("ledger", "the old ledger is kept as %s", kept);
    }
    free(kept);
    return rc;
}

/* Who restores may be root; who opens the ledger afterwards is not. */
static WORKER_FN int like_old(const char *copy, const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return 0;
    if (chown(copy, st.st_uid, st.st_gid) || chmod(copy, st.st_mode & 07777))
        return disk_error("cannot give owner and mode to", copy);
    return 0;
}

static WORKER_FN int install(const char *copy, const char *path)
{
    int rc = like_old(copy, path);
    if (!rc)
        rc = keep_old(path);
    if (rc)
        return rc;
    if (rename(copy, path))
        return disk_error("cannot install", path);
    return sync_folder(path);
}

/* In WAL mode a connection holds a shared lock on the file for as long as it is open; F_GETLK sees
 * that of another process. */
static WORKER_FN bool in_use(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};
    bool used = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return used;
}

static WORKER_FN int prepare_copy(const char *from, const char *copy, const uint8_t key[32],
                                  const struct ledger_restore_opts *o, struct ledger_report *ret)
{
    int rc = copy_own(from, copy, NULL);
    if (!rc)
        rc = ledger_verify_file(copy, key, NULL, NULL, ret);
    if (!rc && ret->faults) {
        log_error("ledger", "%s does not verify and is not installed: %s", from, ret->first_fault);
        rc = OC_ECHAIN;
    }
    if (!rc)
        rc = jump_forward(copy, key, o, from);
    return rc ? rc : drop_log(copy);
}

/* The copy's own lock may go: nobody opens the copy but who has the lock of the ledger. */
static WORKER_FN void remove_copy(const char *copy)
{
    char *lock = verify_path(copy, ".lock");
    remove_all(copy);
    if (lock)
        (void)unlink(lock);
    free(lock);
}

/* A lock that root made here must open for who opens the ledger afterwards. */
static WORKER_FN int lock_path(const char *path, int *ret_fd)
{
    struct stat st;
    int fd = -1;
    int rc = ledger_lock(path, &fd);
    if (rc)
        return rc;
    if (geteuid() == 0 && stat(path, &st) == 0 && fchown(fd, st.st_uid, st.st_gid))
        rc = disk_error("cannot give its owner to the lock of", path);
    if (!rc && in_use(path)) {
        log_error("ledger", "%s is in use: stop the daemon first", path);
        rc = OC_EBUSY;
    }
    if (rc)
        (void)close(fd);
    else
        *ret_fd = fd;
    return rc;
}

/* A copy that a program still follows with is not at its end. Backups have no lock. */
static WORKER_FN int lock_from(const char *from, int *ret_fd)
{
    char *lock = verify_path(from, ".lock");
    int rc = lock ? 0 : OC_ENOMEM;
    if (lock && access(lock, F_OK) == 0)
        rc = ledger_lock(from, ret_fd);
    free(lock);
    return rc;
}

int ledger_restore(const char *from, const char *path, const uint8_t chain_key[32],
                   const struct ledger_restore_opts *o, struct ledger_report *ret)
{
    int lock = -1, follower = -1;
    char *copy = verify_path(path, ".restoring");
    int rc = copy ? lock_path(path, &lock) : OC_ENOMEM;
    if (!rc)
        rc = lock_from(from, &follower);
    if (!rc) {
        rc = prepare_copy(from, copy, chain_key, o, ret);
        if (!rc)
            rc = install(copy, path);
        remove_copy(copy);
    }
    if (follower >= 0)
        (void)close(follower);
    if (lock >= 0)
        (void)close(lock);
    free(copy);
    return rc;
}
