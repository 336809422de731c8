/* Whole files. Invariant of file_write_atomic: at every instant `path` is the complete old or the
 * complete new file. */
#include "base/file.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <onecard/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Says what failed and turns errno into our number; the one place that sees it. */
static int failed(const char *verb, const char *path)
{
    int saved = errno;
    log_error("file", "cannot %s %s: %s", verb, path, strerror(saved));
    return saved == ENOSPC || saved == EDQUOT ? OC_ENOSPC : saved == ENOMEM ? OC_ENOMEM : OC_EIO;
}

static int read_all(int fd, const char *path, struct buf *b)
{
    uint8_t chunk[1024];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("read", path);
        if (n == 0)
            break;
        buf_put(b, chunk, (size_t)n);
        if (b->err)
            break;
    }
    explicit_bzero(chunk, sizeof(chunk)); /* key files pass through here */
    return b->err;
}

int file_read(const char *path, struct buf *b)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? OC_ENOENT : failed("open", path);
    int err = read_all(fd, path, b);
    close(fd);
    return err;
}

static int write_all(int fd, const char *path, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("write", path);
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int fill_and_sync(int fd, const char *path, const void *data, size_t len, mode_t mode)
{
    if (fchmod(fd, mode) != 0)
        return failed("set the mode of", path);
    int err = write_all(fd, path, data, len);
    if (err)
        return err;
    return fsync(fd) == 0 ? 0 : failed("sync", path);
}

static int sync_folder_of(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return OC_ENOMEM;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd >= 0 && fsync(fd) == 0 ? 0 : failed("sync the folder of", path);
    if (fd >= 0)
        close(fd);
    free(folder);
    return err;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode)
{
    char *temporary;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return OC_ENOMEM;
    int fd = mkostemp(temporary, O_CLOEXEC);
    int err = fd < 0 ? failed("create", path) : fill_and_sync(fd, path, data, len, mode);
    if (fd >= 0 && close(fd) != 0 && !err)
        err = failed("close", path);
    if (!err && rename(temporary, path) != 0)
        err = failed("rename onto", path);
    if (err && fd >= 0)
        unlink(temporary);
    free(temporary);
    return err ? err : sync_folder_of(path);
}

static int make_one(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return failed("make the folder", path);
}

int file_mkdirs(const char *path, mode_t mode)
{
    char *part = strdup(path);
    if (!part)
        return OC_ENOMEM;
    int err = 0;
    for (char *p = part + (*part == '/'); !err && (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        err = make_one(part, mode);
        if (err)
            break;
    }
    if (!err)
        err = make_one(part, mode);
    free(part);
    return err;
}
