/* See faults.h. Also a library for LD_PRELOAD:
 *
 *   FAULTS=own:17     the seventeenth allocation of our own code fails; own memory files net
 *   FAULTS=files:3+   that call, and each one after it
 *   FAULTS_SEEN=FILE  at the end "struck own memory files net", how many there were, is written
 * there
 *
 * Under a sanitizer the real functions are its own, so that it sees what it would see otherwise. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* glibc's inner names */

#define RANGES 32
#define FRAMES 24

struct range {
    uintptr_t from, to;
};
static struct range own[RANGES], libc[RANGES];
static unsigned own_count, libc_count;
static _Atomic bool armed;
static _Atomic unsigned kinds;
static _Atomic bool goes_on, begun;
static _Atomic unsigned long at, calls, struck;
static _Atomic unsigned long met[4]; /* own, memory, files, net: whether they were to fail or not */
static void *frames[FRAMES];
static int frame_count;
static _Thread_local unsigned held __attribute__((tls_model("initial-exec")));

/* ---- whose call ---- */

static bool within(const struct range *r, unsigned n, const void *where)
{
    for (unsigned i = 0; i < n; i++)
        if ((uintptr_t)where >= r[i].from && (uintptr_t)where < r[i].to)
            return true;
    return false;
}

static void add(struct range *r, unsigned *n, const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum && *n < RANGES; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0) {
            r[*n].from = info->dlpi_addr + p->p_vaddr;
            r[*n].to = r[*n].from + p->p_memsz;
            ++*n;
        }
    }
}

static int look(struct dl_phdr_info *info, size_t size, void *first)
{
    const char *name = info->dlpi_name ? info->dlpi_name : "";
    (void)size;
    if (*(bool *)first || strstr(name, "/onecard/"))
        add(own, &own_count, info);
    else if (strstr(name, "/libc.so") || strstr(name, "/ld-linux") || strstr(name, "libgcc_s"))
        add(libc, &libc_count, info);
    *(bool *)first = false; /* the program itself is the first */
    return 0;
}

/* ---- when ---- */

/* Whether it is a call that is counted at all. */
static bool counts(const void *caller)
{
    if (!atomic_load_explicit(&armed, memory_order_acquire) || held > 0 ||
        within(libc, libc_count, caller))
        return false;
    if (atomic_load(&begun))
        return true;
    if (!within(own, own_count, caller)) /* what libraries do before main() is theirs */
        return false;
    atomic_store(&begun, true);
    return true;
}

/* Of memory that is asked for by us both are met. */
static void meet(unsigned kind, const void *caller)
{
    bool memory = (kind & (FAULTS_OWN | FAULTS_MEMORY)) != 0;
    atomic_fetch_add(&met[memory ? 1 : kind == FAULTS_FILES ? 2 : 3], 1);
    if (memory && within(own, own_count, caller))
        atomic_fetch_add(&met[0], 1);
}

static bool strikes(unsigned kind, const void *caller)
{
    if (!counts(caller))
        return false;
    meet(kind, caller);
    if ((atomic_load(&kinds) & kind) == 0)
        return false;
    unsigned long n = atomic_fetch_add(&calls, 1) + 1, from = atomic_load(&at);
    if (n < from || (n > from && !atomic_load(&goes_on)))
        return false;
    if (atomic_fetch_add(&struck, 1) == 0) {
        held++;
        frame_count = backtrace(frames, FRAMES);
        held--;
    }
    return true;
}

static bool no_memory(const void *caller)
{
    unsigned kind = FAULTS_MEMORY;
    if ((atomic_load(&kinds) & FAULTS_OWN) != 0 && within(own, own_count, caller))
        kind = FAULTS_OWN;
    if (!strikes(kind, caller))
        return false;
    errno = ENOMEM;
    return true;
}

static bool refused(unsigned kind, int error, const void *caller)
{
    if (!strikes(kind, caller))
        return false;
    errno = error;
    return true;
}

static bool is(int fd, mode_t type)
{
    struct stat st;
    int before = errno;
    bool yes = fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type;
    errno = before;
    return yes;
}

static bool file_refused(int fd, int error, const void *caller)
{
    return atomic_load(&armed) && is(fd, S_IFREG) && refused(FAULTS_FILES, error, caller);
}

static bool either_refused(int fd, int file, int net, const void *caller)
{
    if (!atomic_load(&armed))
        return false;
    if (is(fd, S_IFSOCK))
        return refused(FAULTS_NET, net, caller);
    return file_refused(fd, file, caller);
}

void faults_hold(void)
{
    held++;
}

void faults_release(void)
{
    held--;
}

void faults_arm(const struct faults *f)
{
    bool first = true;
    held++;
    (void)backtrace(frames, FRAMES); /* it loads a library the first time */
    own_count = libc_count = 0;
    dl_iterate_phdr(look, &first);
    held--;
    frame_count = 0;
    atomic_store(&kinds, f->kinds);
    atomic_store(&goes_on, f->on);
    atomic_store(&at, f->at);
    atomic_store(&calls, 0);
    atomic_store(&struck, 0);
    for (unsigned i = 0; i < 4; i++)
        atomic_store(&met[i], 0);
    atomic_store(&begun, true);
    atomic_store_explicit(&armed, true, memory_order_release);
}

struct faults_seen faults_disarm(void)
{
    atomic_store(&armed, false);
    return (struct faults_seen){atomic_load(&calls), atomic_load(&struck)};
}

void faults_print(void)
{
    if (frame_count > 0)
        backtrace_symbols_fd(frames, frame_count, STDERR_FILENO);
}

/* ---- the real ones ---- */

#define CALLER __builtin_return_address(0)

/* `real` within a function of that name: the sanitizer's, or the next library's. */
#define REAL(type, name, ...)                                                                      \
    extern type __interceptor_##name(__VA_ARGS__) __attribute__((weak));                           \
    static type (*real_##name)(__VA_ARGS__);                                                       \
    static void find_##name(void)                                                                  \
    {                                                                                              \
        if (!real_##name) {                                                                        \
            held++;                                                                                \
            real_##name = __interceptor_##name                                                     \
                              ? __interceptor_##name                                               \
                              : (type(*)(__VA_ARGS__))(uintptr_t)dlsym(RTLD_NEXT, #name);          \
            held--;                                                                                \
        }                                                                                          \
    }

/* ---- memory ---- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));

static void *uncounted(size_t n)
{
    return __interceptor_malloc ? __interceptor_malloc(n) : __libc_malloc(n);
}

void *malloc(size_t n)
{
    return no_memory(CALLER) ? NULL : uncounted(n);
}

void *calloc(size_t n, size_t size)
{
    if (no_memory(CALLER))
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(n, size) : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    if (n > 0 && no_memory(CALLER))
        return NULL;
    return __interceptor_realloc ? __interceptor_realloc(p, n) : __libc_realloc(p, n);
}

char *strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = no_memory(CALLER) ? NULL : uncounted(n);
    return copy ? memcpy(copy, text, n) : NULL;
}

char *strndup(const char *text, size_t max)
{
    size_t n = strnlen(text, max);
    char *copy = no_memory(CALLER) ? NULL : uncounted(n + 1);
    if (copy) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

static int print(char **ret, const char *format, va_list ap, bool fails)
{
    char *text = NULL;
    size_t n = 0;
    if (fails)
        return -1;
    held++;
    FILE *f = open_memstream(&text, &n);
    int printed = f ? vfprintf(f, format, ap) : -1;
    if (f)
        (void)fclose(f);
    held--;
    if (printed >= 0)
        *ret = text;
    else
        free(text);
    return printed;
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
int vasprintf(char **ret, const char *format, va_list ap)
{
    return print(ret, format, ap, no_memory(CALLER));
}

int asprintf(char **ret, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = print(ret, format, ap, no_memory(CALLER));
    va_end(ap);
    return n;
}

int __vasprintf_chk(char **ret, int flag, const char *format, va_list ap)
{
    (void)flag;
    return print(ret, format, ap, no_memory(CALLER));
}

int __asprintf_chk(char **ret, int flag, const char *format, ...)
{
    va_list ap;
    (void)flag;
    va_start(ap, format);
    int n = print(ret, format, ap, no_memory(CALLER));
    va_end(ap);
    return n;
}

REAL(void *, mmap, void *, size_t, int, int, int, off_t)
void *mmap(void *where, size_t n, int protection, int flags, int fd, off_t from)
{
    find_mmap();
    unsigned kind = fd >= 0 ? FAULTS_FILES : FAULTS_OWN | FAULTS_MEMORY;
    if (refused(kind, ENOMEM, CALLER))
        return MAP_FAILED;
    return real_mmap(where, n, protection, flags, fd, from);
}

void *mmap64(void *where, size_t n, int protection, int flags, int fd, off_t from)
{
    find_mmap();
    unsigned kind = fd >= 0 ? FAULTS_FILES : FAULTS_OWN | FAULTS_MEMORY;
    if (refused(kind, ENOMEM, CALLER))
        return MAP_FAILED;
    return real_mmap(where, n, protection, flags, fd, from);
}

/* ---- files ---- */

static int open_as(const char *path, int flags, va_list ap, const void *caller)
{
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(ap, unsigned) : 0;
    if (refused(FAULTS_FILES, (flags & O_CREAT) != 0 ? ENOSPC : EMFILE, caller))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int fd = open_as(path, flags, ap, CALLER);
    va_end(ap);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int fd = open_as(path, flags, ap, CALLER);
    va_end(ap);
    return fd;
}

int __open_2(const char *path, int flags)
{
    return refused(FAULTS_FILES, EMFILE, CALLER)
               ? -1
               : (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, 0);
}

int __open64_2(const char *path, int flags)
{
    return refused(FAULTS_FILES, EMFILE, CALLER)
               ? -1
               : (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, 0);
}

REAL(FILE *, fopen, const char *, const char *)
FILE *fopen(const char *path, const char *mode)
{
    find_fopen();
    return refused(FAULTS_FILES, EMFILE, CALLER) ? NULL : real_fopen(path, mode);
}

REAL(FILE *, fopen64, const char *, const char *)
FILE *fopen64(const char *path, const char *mode)
{
    find_fopen64();
    return refused(FAULTS_FILES, EMFILE, CALLER) ? NULL : real_fopen64(path, mode);
}

/* What was written last did not fit. */
REAL(int, fclose, FILE *)
int fclose(FILE *f)
{
    find_fclose();
    bool bad = __fwritable(f) && fileno(f) > 2 && refused(FAULTS_FILES, ENOSPC, CALLER);
    int rc = real_fclose(f);
    if (!bad)
        return rc;
    errno = ENOSPC;
    return EOF;
}

REAL(ssize_t, read, int, void *, size_t)
ssize_t read(int fd, void *to, size_t n)
{
    find_read();
    return either_refused(fd, EIO, ECONNRESET, CALLER) ? -1 : real_read(fd, to, n);
}

REAL(ssize_t, write, int, const void *, size_t)
ssize_t write(int fd, const void *from, size_t n)
{
    find_write();
    return either_refused(fd, ENOSPC, EPIPE, CALLER) ? -1 : real_write(fd, from, n);
}

REAL(ssize_t, pread64, int, void *, size_t, off64_t)
ssize_t pread64(int fd, void *to, size_t n, off64_t from)
{
    find_pread64();
    return file_refused(fd, EIO, CALLER) ? -1 : real_pread64(fd, to, n, from);
}

ssize_t pread(int fd, void *to, size_t n, off_t from)
{
    find_pread64();
    return file_refused(fd, EIO, CALLER) ? -1 : real_pread64(fd, to, n, from);
}

REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t to)
{
    find_pwrite64();
    return file_refused(fd, ENOSPC, CALLER) ? -1 : real_pwrite64(fd, from, n, to);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t to)
{
    find_pwrite64();
    return file_refused(fd, ENOSPC, CALLER) ? -1 : real_pwrite64(fd, from, n, to);
}

int fsync(int fd)
{
    return refused(FAULTS_FILES, EIO, CALLER) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return refused(FAULTS_FILES, EIO, CALLER) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t n)
{
    return refused(FAULTS_FILES, EIO, CALLER) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int ftruncate(int fd, off_t n)
{
    return refused(FAULTS_FILES, EIO, CALLER) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int rename(const char *from, const char *to)
{
    return refused(FAULTS_FILES, EIO, CALLER) ? -1 : (int)syscall(SYS_rename, from, to);
}

int link(const char *from, const char *to)
{
    return refused(FAULTS_FILES, ENOSPC, CALLER) ? -1 : (int)syscall(SYS_link, from, to);
}

int mkdir(const char *path, mode_t mode)
{
    return refused(FAULTS_FILES, ENOSPC, CALLER) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

REAL(int, mkstemp64, char *)
int mkstemp(char *path)
{
    find_mkstemp64();
    return refused(FAULTS_FILES, ENOSPC, CALLER) ? -1 : real_mkstemp64(path);
}

int mkstemp64(char *path)
{
    find_mkstemp64();
    return refused(FAULTS_FILES, ENOSPC, CALLER) ? -1 : real_mkstemp64(path);
}

/* ---- sockets, threads ---- */

int socket(int domain, int type, int protocol)
{
    return refused(FAULTS_NET, EMFILE, CALLER) ? -1
                                               : (int)syscall(SYS_socket, domain, type, protocol);
}

REAL(int, connect, int, const struct sockaddr *, socklen_t)
int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    find_connect();
    return refused(FAULTS_NET, ECONNREFUSED, CALLER) ? -1 : real_connect(fd, to, n);
}

REAL(ssize_t, send, int, const void *, size_t, int)
ssize_t send(int fd, const void *from, size_t n, int flags)
{
    find_send();
    return refused(FAULTS_NET, EPIPE, CALLER) ? -1 : real_send(fd, from, n, flags);
}

REAL(ssize_t, recv, int, void *, size_t, int)
ssize_t recv(int fd, void *to, size_t n, int flags)
{
    find_recv();
    return refused(FAULTS_NET, ECONNRESET, CALLER) ? -1 : real_recv(fd, to, n, flags);
}

REAL(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)
int pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    find_pthread_create();
    return strikes(FAULTS_NET, CALLER) ? EAGAIN : real_pthread_create(ret, attr, fn, arg);
}

/* ---- by the environment ---- */

static void write_seen(void)
{
    const char *path = getenv("FAULTS_SEEN");
    char text[128];
    struct faults_seen s = faults_disarm();
    int n = snprintf(text, sizeof text, "%lu %lu %lu %lu %lu\n", s.struck, atomic_load(&met[0]),
                     atomic_load(&met[1]), atomic_load(&met[2]), atomic_load(&met[3]));
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd < 0)
        return;
    if (write(fd, text, (size_t)n) != n)
        fprintf(stderr, "faults: cannot write %s\n", path);
    close(fd);
}

__attribute__((destructor)) static void tear_down(void)
{
    if (atomic_load(&armed) && getenv("FAULTS"))
        write_seen();
}

__attribute__((constructor)) static void set_up(void)
{
    static const struct {
        const char *word;
        unsigned kind;
    } words[] = {{"own", FAULTS_OWN},
                 {"memory", FAULTS_MEMORY | FAULTS_OWN},
                 {"files", FAULTS_FILES},
                 {"net", FAULTS_NET}};
    const char *text = getenv("FAULTS");
    char word[16] = "", plus[2] = "";
    struct faults f = {0};
    if (!text || sscanf(text, "%15[a-z]:%lu%1[+]", word, &f.at, plus) < 2)
        return;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i].word) == 0)
            f.kinds = words[i].kind;
    f.on = plus[0] == '+';
    faults_arm(&f);
    atomic_store(&begun, false);
}
