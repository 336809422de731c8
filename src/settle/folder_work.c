/* The worker's side of a day's folder: everything that blocks. Errors are logged here, where their
 * cause is known. */
#include "settle/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM (SETTLE_PATH + FOLDER_NAME + 1)

void folder_fault(struct folder *f, const char *fmt, ...)
{
    if (f->faults++)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->first_fault, sizeof f->first_fault, fmt, ap);
    va_end(ap);
}

static int failed(const char *what, const char *path)
{
    int no = errno;
    log_error("settle", "cannot %s %s: %s", what, path, strerror(no));
    return no == ENOSPC || no == EDQUOT ? OC_ENOSPC : no == ENOMEM ? OC_ENOMEM : OC_EIO;
}

static const char *path_of(const struct folder *f, const char *name, char out[PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/%s", f->compare ? f->final : f->temp, name);
    return out;
}

static bool dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The folder holds files only; what is deeper is not ours and stays. */
static int remove_folder(const char *path) WORKER_FN;
static int remove_folder(const char *path)
{
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? 0 : failed("open", path);
    const struct dirent *e;
    while ((e = readdir(d)))
        if (!dots(e->d_name))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    return rmdir(path) ? failed("remove", path) : 0;
}

static int sync_path(const char *path, int flags) WORKER_FN;
static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return failed("open", path);
    int rc = fsync(fd) ? failed("sync", path) : 0;
    close(fd);
    return rc;
}

/* ---- open ---- */

static int add_present(struct folder *f, const char *name)
{
    if (strlen(name) >= FOLDER_NAME) {
        folder_fault(f, "%.80s is not part of the settlement", name);
        return 0;
    }
    char(*grown)[FOLDER_NAME] = realloc(f->present, (f->present_n + 1) * sizeof *grown);
    if (!grown)
        return OC_ENOMEM;
    f->present = grown;
    memcpy(f->present[f->present_n++], name, strlen(name) + 1);
    return 0;
}

static int list_present(struct folder *f) WORKER_FN;
static int list_present(struct folder *f)
{
    DIR *d = opendir(f->final);
    if (!d)
        return failed("open", f->final);
    int rc = 0;
    const struct dirent *e;
    while (!rc && (e = readdir(d)))
        if (!dots(e->d_name))
            rc = add_present(f, e->d_name);
    closedir(d);
    return rc;
}

int folder_work_open(struct folder *f)
{
    struct stat st;
    f->compare = f->want != FOLDER_PREVIEW && stat(f->final, &st) == 0;
    if (f->compare)
        return list_present(f);
    if (f->want == FOLDER_VERIFY)
        return OC_ENOENT;
    int rc = file_mkdirs(f->parent, 0750);
    if (!rc)
        rc = remove_folder(f->temp);
    if (!rc && mkdir(f->temp, 0750))
        rc = failed("make", f->temp);
    return rc;
}

int folder_work_remove(struct folder *f)
{
    return remove_folder(f->temp);
}

/* ---- bytes ---- */

static int append(const struct folder *f, const struct folder_file *file) WORKER_FN;
static int append(const struct folder *f, const struct folder_file *file)
{
    char path[PATH_ROOM];
    int fd = open(path_of(f, file->name, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return failed("open", path);
    int rc = 0;
    for (size_t at = 0; at < file->out.len && !rc;) {
        ssize_t n = write(fd, file->out.data + at, file->out.len - at);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR)
            rc = failed("write", path);
    }
    if (close(fd) && !rc)
        rc = failed("close", path);
    return rc;
}

static int64_t count_lines(const uint8_t *p, size_t len)
{
    int64_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += p[i] == '\n';
    return lines;
}

static void judge(struct folder *f, struct folder_file *file, const uint8_t *have, size_t len)
{
    const uint8_t *want = file->out.data;
    size_t at = 0;
    while (at < len && have[at] == want[at])
        at++;
    if (at == file->out.len)
        return;
    file->faulty = true;
    long long line = file->lines + count_lines(want, at) + 1;
    if (at < len)
        folder_fault(f, "%s differs from the ledger in line %lld", file->name, line);
    else
        folder_fault(f, "%s ends too early, in line %lld", file->name, line);
}

/* What is there must begin, from where the last piece ended, with what the ledger says. */
static int compare(struct folder *f, struct folder_file *file) WORKER_FN;
static int compare(struct folder *f, struct folder_file *file)
{
    if (file->faulty)
        return 0;
    char path[PATH_ROOM];
    int fd = open(path_of(f, file->name, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return failed("open", path);
    if (fd < 0) {
        file->faulty = true;
        folder_fault(f, "%s is missing", file->name);
        return 0;
    }
    uint8_t *have = malloc(file->out.len);
    int rc = have ? 0 : OC_ENOMEM;
    size_t len = 0;
    while (!rc && len < file->out.len) {
        ssize_t n = pread(fd, have + len, file->out.len - len, (off_t)(file->size + (int64_t)len));
        if (n == 0)
            break;
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            rc = failed("read", path);
    }
    if (!rc)
        judge(f, file, have, len);
    free(have);
    close(fd);
    return rc;
}

int folder_work_flush(struct folder *f)
{
    int rc = 0;
    for (unsigned i = 0; i < f->n && !rc; i++) {
        struct folder_file *file = f->files[i];
        if (!file->out.len)
            continue;
        rc = f->compare ? compare(f, file) : append(f, file);
        file->lines += count_lines(file->out.data, file->out.len);
        file->size += (int64_t)file->out.len;
        buf_reset(&file->out);
    }
    return rc;
}

/* ---- the end ---- */

static bool ours(const struct folder *f, const char *name)
{
    for (unsigned i = 0; i < f->n; i++)
        if (strcmp(f->files[i]->name, name) == 0)
            return true;
    return false;
}

static int finish_compare(struct folder *f) WORKER_FN;
static int finish_compare(struct folder *f)
{
    char path[PATH_ROOM];
    struct stat st;
    for (unsigned i = 0; i < f->n; i++) {
        const struct folder_file *file = f->files[i];
        if (file->faulty)
            continue;
        if (stat(path_of(f, file->name, path), &st))
            return failed("look at", path);
        if (st.st_size != file->size)
            folder_fault(f, "%s has %lld bytes too many", file->name,
                         (long long)(st.st_size - file->size));
    }
    for (unsigned i = 0; i < f->present_n; i++)
        if (!ours(f, f->present[i]))
            folder_fault(f, "%s is not part of the settlement", f->present[i]);
    return 0;
}

int folder_work_finish(struct folder *f)
{
    if (f->compare)
        return finish_compare(f);
    char path[PATH_ROOM];
    int rc = 0;
    for (unsigned i = 0; i < f->n && !rc; i++)
        rc = sync_path(path_of(f, f->files[i]->name, path), O_RDONLY);
    return rc ? rc : sync_path(f->temp, O_RDONLY | O_DIRECTORY);
}

/* The old preview and the new one change places where the file system can do that. */
static int replace(const struct folder *f) WORKER_FN;
static int replace(const struct folder *f)
{
    if (renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->final, RENAME_EXCHANGE) == 0)
        return remove_folder(f->temp);
    int rc = errno == ENOENT ? 0 : remove_folder(f->final);
    if (!rc && rename(f->temp, f->final))
        rc = failed("publish", f->final);
    return rc;
}

/* Never onto a folder that is there, were it empty. */
static int place(const struct folder *f) WORKER_FN;
static int place(const struct folder *f)
{
    if (renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->final, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EEXIST)
        return OC_EEXIST;
    struct stat st;
    if (errno == EINVAL && stat(f->final, &st) && rename(f->temp, f->final) == 0)
        return 0;
    return failed("publish", f->final);
}

int folder_work_publish(struct folder *f)
{
    int rc = f->want == FOLDER_PREVIEW ? replace(f) : place(f);
    return rc ? rc : sync_path(f->parent, O_RDONLY | O_DIRECTORY);
}
