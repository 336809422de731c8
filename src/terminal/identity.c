/* See identity.h. The file is PEM: certificate, authority, key, in this order. */
#include "terminal/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (32 * 1024)

struct identity *identity_new(void)
{
    return secret_alloc(sizeof(struct identity));
}

void identity_free(struct identity **id)
{
    if (*id)
        secret_free(*id, sizeof(struct identity));
    *id = NULL;
}

char *state_path(const char *state, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", state, name) < 0 ? NULL : path;
}

int state_folder(const char *path)
{
    struct stat st;
    int rc = file_mkdirs(path, 0700);
    if (rc != 0)
        return rc;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 0077) != 0) {
        log_error("terminal",
                  "state folder %s must be this user's and nobody else's to read (chmod 700)",
                  path);
        return OC_EPERM;
    }
    return 0;
}

int state_lock(const char *state, int *ret_fd)
{
    char *path = state_path(state, "lock");
    if (!path)
        return OC_ENOMEM;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(path);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int rc = fd >= 0 && errno == EWOULDBLOCK ? OC_EBUSY : OC_EIO;
    if (fd >= 0)
        (void)close(fd);
    log_error("terminal", "state folder %s: %s", state,
              rc == OC_EBUSY ? "an onecard-terminal uses it: stop that first"
                             : "no lock can be made");
    return rc;
}

static int private_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? OC_ENOENT : OC_EIO;
    if ((st.st_mode & 0077) != 0 || st.st_uid != geteuid()) {
        log_error(
            "terminal",
            "%s holds a private key: it must be this user's and nobody else's to read (chmod 600)",
            path);
        return OC_EPERM;
    }
    return 0;
}

/* ---- PEM, block by block ---- */

/* The next block of that kind from *at on; *at moves behind it. */
static int take_block(const char **at, const char *what, struct x509_bytes *ret)
{
    char begin[64], end[64];
    (void)snprintf(begin, sizeof begin, "-----BEGIN %s-----", what);
    (void)snprintf(end, sizeof end, "-----END %s-----", what);
    const char *from = strstr(*at, begin);
    const char *to = from ? strstr(from, end) : NULL;
    if (!to)
        return OC_EPARSE;
    to += strlen(end);
    *at = to;
    return x509_from_pem(from, (size_t)(to - from), what, ret);
}

static int parse(const char *text, struct identity *id)
{
    const char *at = text;
    int rc = take_block(&at, "CERTIFICATE", &id->certificate);
    if (rc == 0)
        rc = take_block(&at, "CERTIFICATE", &id->authority);
    if (rc == 0)
        rc = take_block(&at, "PRIVATE KEY", &id->key);
    if (rc == 0)
        rc = x509_read(id->certificate.data, id->certificate.len, &id->info);
    return rc;
}

static WORKER_FN int load_from(const char *path, struct identity *id)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    int rc = file_read(path, &text);
    if (rc == 0)
        rc = parse(buf_cstr(&text), id);
    buf_fini(&text);
    if (rc != 0)
        log_error("terminal", "identity %s: %s", path, oc_strerror(rc));
    return rc;
}

int identity_load(const char *state, const char *name, struct identity **ret)
{
    char *path = state_path(state, name);
    struct identity *id = identity_new();
    int rc = path && id ? private_file(path) : OC_ENOMEM;
    if (rc == 0)
        rc = load_from(path, id);
    free(path);
    if (rc != 0) {
        identity_free(&id);
        return rc;
    }
    *ret = id;
    return 0;
}

static WORKER_FN int load_one(const char *path, const char *what, struct x509_bytes *ret)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    int rc = file_read(path, &text);
    const char *at = buf_cstr(&text);
    if (rc == 0)
        rc = take_block(&at, what, ret);
    buf_fini(&text);
    if (rc != 0)
        log_error("terminal", "identity file %s: %s", path,
                  rc == OC_EPARSE ? "no PEM of the kind it must have" : oc_strerror(rc));
    return rc;
}

int identity_load_foreign(const struct terminal_identity *c, struct identity **ret)
{
    struct identity *id = identity_new();
    if (!id)
        return OC_ENOMEM;
    id->foreign = true;
    int rc = private_file(c->key);
    if (rc == OC_ENOENT)
        log_error("terminal", "identity file %s is not there", c->key);
    if (rc == 0)
        rc = load_one(c->certificate, "CERTIFICATE", &id->certificate);
    if (rc == 0)
        rc = load_one(c->authority, "CERTIFICATE", &id->authority);
    if (rc == 0)
        rc = load_one(c->key, "PRIVATE KEY", &id->key);
    if (rc == 0)
        rc = x509_read(id->certificate.data, id->certificate.len, &id->info);
    if (rc != 0) {
        identity_free(&id);
        return rc;
    }
    *ret = id;
    return 0;
}

int identity_save(const struct identity *id, const char *state, const char *name)
{
    char *path = state_path(state, name);
    struct buf text;
    if (!path)
        return OC_ENOMEM;
    buf_init(&text, FILE_MAX);
    int rc = x509_to_pem(&id->certificate, "CERTIFICATE", &text);
    if (rc == 0)
        rc = x509_to_pem(&id->authority, "CERTIFICATE", &text);
    if (rc == 0)
        rc = x509_to_pem(&id->key, "PRIVATE KEY", &text);
    if (rc == 0)
        rc = text.err;
    if (rc == 0)
        rc = file_write_atomic(path, text.data, text.len, 0600);
    buf_fini(&text);
    free(path);
    return rc;
}

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : OC_EIO;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int identity_promote(const char *state)
{
    char *from = state_path(state, IDENTITY_NEXT), *to = state_path(state, IDENTITY_FILE);
    int rc = from && to ? 0 : OC_ENOMEM;
    if (rc == 0 && rename(from, to) != 0) {
        log_error("terminal", "%s cannot take the place of %s: errno %d", from, to, errno);
        rc = OC_EIO;
    }
    free(from);
    free(to);
    return rc != 0 ? rc : sync_folder(state);
}

void identity_drop_next(const char *state)
{
    char *path = state_path(state, IDENTITY_NEXT);
    if (path && unlink(path) != 0 && errno != ENOENT)
        log_warn("terminal", "%s cannot be removed: errno %d", path, errno);
    free(path);
}

bool identity_due(const struct identity *id, int64_t now_ms)
{
    int64_t life = id->info.not_after_ms - id->info.not_before_ms;
    return !id->foreign && now_ms > id->info.not_after_ms - life / 3;
}
