/* Writes that fail. The log's frames are handed on late and many at a time (src/db/vfs.c): whatever
 * write or sync of a commit fails, and however much of it reached the disk, the committer is told,
 * what was acknowledged is there after a crash, and nothing else, not even by halves.
 *
 * The faults are the kernel's (RLIMIT_FSIZE: a write is cut, the next one fails) or stand where
 * SQLite calls it: pwrite() by SQLite's own table of system calls, fdatasync() by this program's
 * function of that name. Each case runs in a child that ends without closing anything. */
#include "db/db.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS      70 /* of 4,000 bytes a transaction: twice what is kept back, and a rest */
#define ROW_BYTES 4000
#define BEFORE    2 /* transactions before the fault */
#define UNDER     2 /* … and while it may strike */
#define AFTER     2 /* … and after it has gone */

enum fault { FAULT_NONE, FAULT_FULL, FAULT_ONCE, FAULT_SHORT, FAULT_IO, FAULT_SYNC, FAULT_LIMIT };

/* What the child leaves behind. */
struct told {
    unsigned acknowledged[BEFORE + UNDER + AFTER], count; /* transactions, by number */
    unsigned failed, struck, odd;
    int error; /* the first one */
    bool setup_failed;
};
static struct told *told;

/* ---- the fault ---- */

static enum fault fault;
static unsigned calls_left; /* until it strikes; from then on it does each time, but for _ONCE */

static bool strikes(void)
{
    if (fault == FAULT_NONE || fault == FAULT_LIMIT)
        return false;
    if (fault == FAULT_ONCE && told->struck > 0)
        return false;
    if (calls_left > 0) {
        calls_left--;
        return false;
    }
    told->struck++;
    return true;
}

static ssize_t bad_pwrite(int fd, const void *p, size_t n, off64_t at)
{
    if (fault == FAULT_SYNC || !strikes())
        return pwrite64(fd, p, n, at);
    if (fault == FAULT_SHORT && n > 1 && told->struck == 1)
        return pwrite64(fd, p, n / 2, at);
    errno = fault == FAULT_IO ? EIO : ENOSPC;
    return -1;
}

int fdatasync(int fd)
{
    if (fault != FAULT_SYNC || !strikes())
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

static bool install(void)
{
    sqlite3_vfs *v = sqlite3_vfs_find("unix");
    union {
        ssize_t (*f)(int, const void *, size_t, off64_t);
        sqlite3_syscall_ptr p;
    } u = {.f = bad_pwrite};
    bool done = false;
    if (!v || v->iVersion < 3)
        return false;
    if (v->xGetSystemCall(v, "pwrite64"))
        done = v->xSetSystemCall(v, "pwrite64", u.p) == SQLITE_OK;
    if (v->xGetSystemCall(v, "pwrite")) /* the same on 64 bits */
        done = v->xSetSystemCall(v, "pwrite", u.p) == SQLITE_OK || done;
    return done;
}

/* ---- the child ---- */

static WORKER_FN int commit(struct db *db, unsigned number)
{
    struct db_tx tx;
    int rc = db_tx_begin(&tx, db);
    if (rc)
        return rc;
    for (unsigned i = 0; i < ROWS && !rc; i++) {
        struct db_q q;
        db_q(&q, db, "INSERT INTO t (txn, part, b) VALUES (?1, ?2, zeroblob(?3))");
        db_put_i64(&q, number);
        db_put_i64(&q, i);
        db_put_i64(&q, ROW_BYTES);
        rc = db_end(&q);
    }
    if (!rc)
        return db_tx_commit(&tx);
    db_tx_rollback(&tx);
    return rc;
}

static WORKER_FN void some(struct db *db, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        unsigned before = told->struck;
        int rc = commit(db, i);
        if (rc == 0) {
            told->acknowledged[told->count++] = i;
            told->odd += told->struck != before; /* something failed, and nobody was told */
        } else {
            told->failed++;
            told->error = told->error ? told->error : rc;
        }
    }
}

static void limit_file(const char *path, unsigned more)
{
    char wal[128];
    struct rlimit r = {0};
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    FILE *f = fopen(wal, "rb");
    long size = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : 0;
    if (f)
        (void)fclose(f);
    (void)getrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = (rlim_t)size + more;
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)setrlimit(RLIMIT_FSIZE, &r);
}

static void lift_limit(void)
{
    struct rlimit r = {0};
    (void)getrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_FSIZE, &r);
}

static WORKER_FN void child(const char *path, enum fault kind, unsigned at, bool goes_on)
{
    struct db *db = NULL;
    log_set_stream(fopen("/dev/null", "w"));
    told->setup_failed =
        db_open(path, DB_CREATE, &db) != 0 || !install() ||
        db_exec(db, "CREATE TABLE t (txn INTEGER, part INTEGER, b BLOB, PRIMARY KEY (txn, part)) "
                    "STRICT") != 0;
    if (told->setup_failed)
        return;
    some(db, 0, BEFORE);
    fault = kind;
    calls_left = at;
    if (kind == FAULT_LIMIT)
        limit_file(path, at);
    some(db, BEFORE, UNDER);
    fault = FAULT_NONE;
    lift_limit();
    if (goes_on)
        some(db, BEFORE + UNDER, AFTER);
}

/* ---- after the crash ---- */

struct found {
    unsigned whole, halves, missing;
    char integrity[64];
    int rc;
};

static WORKER_FN unsigned parts(struct db *db, unsigned txn)
{
    struct db_q q;
    db_q(&q, db, "SELECT count(*) FROM t WHERE txn = ?1 AND length(b) = ?2");
    db_put_i64(&q, txn);
    db_put_i64(&q, ROW_BYTES);
    unsigned n = db_row(&q) ? (unsigned)db_get_i64(&q) : 0;
    return db_end(&q) == 0 ? n : 0;
}

static WORKER_FN void look(const char *path, struct found *f)
{
    struct db *db = NULL;
    struct db_q q;
    f->rc = db_open(path, DB_WRITE, &db);
    if (f->rc)
        return;
    db_q(&q, db, "PRAGMA integrity_check");
    if (db_row(&q))
        db_get_text(&q, f->integrity, sizeof f->integrity);
    while (db_row(&q))
        ;
    f->rc = db_end(&q);
    for (unsigned i = 0; i < BEFORE + UNDER + AFTER; i++) {
        unsigned n = parts(db, i);
        f->whole += n == ROWS;
        f->halves += n != 0 && n != ROWS;
    }
    for (unsigned i = 0; i < told->count; i++)
        f->missing += parts(db, told->acknowledged[i]) != ROWS;
    if (!f->rc)
        f->rc = commit(db, 1000); /* and it can be written to */
    db_close(&db);
}

static const char *wrong(const struct found *f, bool goes_on)
{
    if (told->setup_failed)
        return "cannot be set up";
    if (f->rc != 0)
        return "does not open again, or takes nothing";
    if (strcmp(f->integrity, "ok") != 0)
        return "is damaged";
    if (told->odd > 0)
        return "a failing write was told to nobody";
    if (f->missing > 0)
        return "something acknowledged is lost";
    if (f->halves > 0)
        return "something is there by halves";
    if (f->whole > told->count)
        return "something is there that was refused";
    if (goes_on && told->count < BEFORE + AFTER)
        return "it does not go on after the fault";
    return NULL;
}

/* False: the fault did not strike any more, so there is nothing later to look at. */
static WORKER_FN bool one(enum fault kind, unsigned at, bool goes_on, int error)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char dir[64] = ONECARD_SCRATCH "/onecard-fail-XXXXXX", path[96];
    struct found found = {0};
    int status = 0;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/t.db", dir);
    memset(told, 0, sizeof *told);
    pid_t pid = fork();
    if (pid == 0) {
        child(path, kind, at, goes_on);
        _exit(0);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    look(path, &found);
    const char *why = wrong(&found, goes_on);
    if (why)
        fail_msg("fault %d at %u%s: %s (%u acknowledged, %u failed, %u whole, rc %d, %s)",
                 (int)kind, at, goes_on ? "" : ", crash", why, told->count, told->failed,
                 found.whole, found.rc, found.integrity);
    if (told->failed > 0)
        assert_int_equal(told->error, error);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(dir);
    return told->failed > 0;
}

/* Each call of the transactions under fault, until none is left to fail. */
static WORKER_FN void each(enum fault kind, int error)
{
    unsigned n = 0;
    while (one(kind, n, false, error)) {
        (void)one(kind, n, true, error);
        n++;
    }
    assert_true(n >= (kind == FAULT_SYNC ? UNDER : 2 * UNDER)); /* more than one write a commit */
}

static void R2_full_disk_at_each_write_is_told_and_loses_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    each(FAULT_FULL, OC_EDB_FULL);
}

/* Somebody makes room at once: what followed is written, what was to be before it is not. */
static void R2_disk_that_is_full_for_one_write_is_told_and_loses_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    each(FAULT_ONCE, OC_EDB_FULL);
}

static void R2_write_cut_short_by_a_full_disk_is_told_and_loses_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    each(FAULT_SHORT, OC_EDB_FULL);
}

static void R2_write_error_at_each_write_is_told_and_loses_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    each(FAULT_IO, OC_EDB);
}

static void R2_failing_sync_of_each_commit_is_told_and_loses_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    each(FAULT_SYNC, OC_EDB);
}

/* The kernel cuts the write that goes over the limit and refuses the next one. */
static void R2_file_that_may_not_grow_further_is_told_and_loses_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    unsigned n = 0, struck = 0;
    while (n < 30 && (one(FAULT_LIMIT, n * 34567, false, OC_EDB) || n < 4)) {
        struck += told->failed > 0;
        (void)one(FAULT_LIMIT, n * 34567, true, OC_EDB);
        n++;
    }
    assert_true(struck > 4);
}

static int setup(void **state)
{
    (void)state;
    void *p = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    told = p == MAP_FAILED ? NULL : p;
    log_set_level(LOG_ERROR);
    return told ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R2_full_disk_at_each_write_is_told_and_loses_nothing),
        cmocka_unit_test(R2_disk_that_is_full_for_one_write_is_told_and_loses_nothing),
        cmocka_unit_test(R2_write_cut_short_by_a_full_disk_is_told_and_loses_nothing),
        cmocka_unit_test(R2_write_error_at_each_write_is_told_and_loses_nothing),
        cmocka_unit_test(R2_failing_sync_of_each_commit_is_told_and_loses_nothing),
        cmocka_unit_test(R2_file_that_may_not_grow_further_is_told_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
