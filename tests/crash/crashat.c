/* LD_PRELOAD=libcrashat.so CRASHAT=log-write:17: the process is killed (-9) at the seventeenth
 * write of the log. What a kill from outside meets by chance, this meets each time: the places
 * between two system calls at which something has reached the disk or a peer and something else has
 * not.
 *
 *   log-write db-write        before a write to the log, to the database file
 *   log-written db-written    after it
 *   log-torn                  half of it is written
 *   log-sync db-sync          before the sync
 *   log-synced db-synced      after it
 *   send sent                 before and after something goes out by a socket
 *   rename renamed            before and after a file gets its name
 *
 * With +SECONDS it counts only from then on: log-write:17+2. CLOCKAT=FILE: the wall clock is off by
 * as many seconds as the file says, read again each 100 ms. READONLYAT=FILE: while that file
 * exists, log and database refuse to be written. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static char wanted[24];
static long left_from;
static _Atomic long left = -1;
static struct timespec begin;
static _Atomic long long off_s, read_ns;

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void set_up(void)
{
    const char *at = getenv("CRASHAT");
    long n = 0;
    double after = 0;
    real_clock = (int (*)(clockid_t, struct timespec *))(uintptr_t)next("clock_gettime");
    if (!at || sscanf(at, "%23[a-z-]:%ld+%lf", wanted, &n, &after) < 2)
        return;
    real_clock(CLOCK_MONOTONIC, &begin);
    begin.tv_sec += (time_t)after;
    begin.tv_nsec += (long)((after - (double)(long)after) * 1e9);
    left_from = n;
    atomic_store(&left, n);
}

static int begun(void)
{
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    return now.tv_sec > begin.tv_sec ||
           (now.tv_sec == begin.tv_sec && now.tv_nsec >= begin.tv_nsec);
}

static int is_due(const char *point)
{
    return left_from > 0 && strcmp(point, wanted) == 0 && begun() &&
           atomic_fetch_sub(&left, 1) == 1;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void at(const char *point)
{
    if (is_due(point))
        die();
}

/* ---- which file ---- */

enum kind { OTHER, LOG, DATABASE };

static int ends(const char *text, const char *with)
{
    size_t n = strlen(text), m = strlen(with);
    return n >= m && strcmp(text + n - m, with) == 0;
}

static enum kind kind_of(int fd)
{
    char link[40], path[512];
    if (left_from <= 0 && !getenv("READONLYAT"))
        return OTHER;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return OTHER;
    path[n] = '\0';
    return ends(path, "ledger.db-wal") ? LOG : ends(path, "ledger.db") ? DATABASE : OTHER;
}

static int refused(enum kind k)
{
    const char *flag = getenv("READONLYAT");
    if (!flag || (k != LOG && k != DATABASE) || access(flag, F_OK) != 0)
        return 0;
    errno = EROFS;
    return 1;
}

/* ---- calls ---- */

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t to)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t, off64_t))(uintptr_t)next("pwrite64");
    enum kind k = kind_of(fd);
    if (refused(k))
        return -1;
    if (k == LOG && is_due("log-torn")) {
        (void)real(fd, from, n / 2, to);
        die();
    }
    if (k == LOG || k == DATABASE)
        at(k == LOG ? "log-write" : "db-write");
    ssize_t done = real(fd, from, n, to);
    if (k == LOG || k == DATABASE)
        at(k == LOG ? "log-written" : "db-written");
    return done;
}

static int synced(const char *name, int fd)
{
    int (*real)(int) = (int (*)(int))(uintptr_t)next(name);
    enum kind k = kind_of(fd);
    if (refused(k))
        return -1;
    if (k == LOG || k == DATABASE)
        at(k == LOG ? "log-sync" : "db-sync");
    int rc = real(fd);
    if (k == LOG || k == DATABASE)
        at(k == LOG ? "log-synced" : "db-synced");
    return rc;
}

int fsync(int fd)
{
    return synced("fsync", fd);
}

int fdatasync(int fd)
{
    return synced("fdatasync", fd);
}

/* By which the daemon's streams leave, TLS or not. */
ssize_t send(int fd, const void *from, size_t n, int flags)
{
    static ssize_t (*real)(int, const void *, size_t, int);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t, int))(uintptr_t)next("send");
    at("send");
    ssize_t done = real(fd, from, n, flags);
    at("sent");
    return done;
}

int rename(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    if (!real)
        real = (int (*)(const char *, const char *))(uintptr_t)next("rename");
    at("rename");
    int rc = real(from, to);
    at("renamed");
    return rc;
}

/* ---- the wall clock ---- */

static void read_off(int64_t now_ns)
{
    const char *path = getenv("CLOCKAT");
    if (!path || now_ns - atomic_load(&read_ns) < NS_PER_S / 10)
        return;
    atomic_store(&read_ns, now_ns);
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, text, sizeof text - 1) > 0)
        atomic_store(&off_s, strtoll(text, NULL, 10));
    close(fd);
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
    if (!real_clock)
        real_clock = (int (*)(clockid_t, struct timespec *))(uintptr_t)next("clock_gettime");
    int rc = real_clock(which, ret);
    if (rc != 0 || which != CLOCK_REALTIME)
        return rc;
    struct timespec mono;
    real_clock(CLOCK_MONOTONIC, &mono);
    read_off((int64_t)mono.tv_sec * NS_PER_S + mono.tv_nsec);
    ret->tv_sec += (time_t)atomic_load(&off_s);
    return 0;
}
