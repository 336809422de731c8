/* The site's folder as the tool sees it: the same keys of onecardd.yaml that the daemon reads, and
 * its defaults. */
#include "site.h"

#include "conf/conf.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIR "/etc/onecard"

static void put(char out[CTL_PATH], const char *dir, const char *path)
{
    if (path[0] == '/' || path[0] == '\0')
        (void)snprintf(out, CTL_PATH, "%s", path);
    else
        (void)snprintf(out, CTL_PATH, "%s/%s", dir, path);
}

static void take(const struct conf_tree *t, const char *key, const char *dir, char out[CTL_PATH])
{
    const struct conf_node *n = conf_subtree(t, key);
    if (n && n->kind == CONF_SCALAR && !conf_is_null(n))
        put(out, dir, n->text);
}

/* Keys that are there win over the defaults; a file that cannot be read or is wrong leaves them
 * (the daemon tells). */
static void read_config(struct site_paths *s) WORKER_FN;
static void read_config(struct site_paths *s)
{
    struct arena a;
    struct conf_errors errors;
    struct conf_tree tree;
    arena_init(&a, 0);
    conf_errors_init(&errors);
    if (conf_tree_read(s->config, &a, &errors, &tree) == 0) {
        take(&tree, "api.socket", s->dir, s->socket);
        take(&tree, "paths.ledger", s->dir, s->ledger);
        take(&tree, "paths.keystore", s->dir, s->keystore);
        take(&tree, "paths.settlement", s->dir, s->settlement);
        take(&tree, "paths.passphrase_file", s->dir, s->passphrase_file);
    }
    conf_errors_fini(&errors);
    arena_fini(&a);
}

int site_find(struct ctl *c, struct site_paths *ret)
{
    struct stat st;
    const char *dir = c->dir;
    ROLE_ENTER_WORKER();
    if (!dir && access(SYSTEM_DIR "/onecardd.yaml", F_OK) == 0)
        dir = SYSTEM_DIR;
    if (!dir)
        return ctl_usage(
            c,
            "which site? Give --dir DIR or set ONECARD_DIR (a new one: onecardctl init --dir DIR)");
    if (strlen(dir) > CTL_PATH / 2)
        return ctl_usage(c, "the path of --dir is too long");
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return ctl_fail(c, "there is no site at %s: 'onecardctl init --dir %s' makes one", dir,
                        dir);
    *ret = (struct site_paths){0};
    (void)snprintf(ret->dir, sizeof ret->dir, "%s", dir);
    put(ret->config, dir, "onecardd.yaml");
    put(ret->socket, dir, "run/onecardd.sock");
    put(ret->ledger, dir, "ledger.db");
    put(ret->keystore, dir, "keystore");
    put(ret->settlement, dir, "settlement");
    read_config(ret);
    return CTL_DONE;
}

/* Gives what was read, less than `cap`; -1: the reason is in errno. */
static ssize_t read_all(int fd, char *ret, size_t cap)
{
    size_t have = 0;
    while (have < cap - 1) {
        ssize_t n = read(fd, ret + have, cap - 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    ret[have] = '\0';
    return (ssize_t)have;
}

static int first_line(struct ctl *c, const char *file, char *ret, size_t cap)
{
    size_t len = strcspn(ret, "\r\n");
    if (len == 0)
        return ctl_fail(c, "the first line of the passphrase file %s is empty", file);
    if (len == cap - 1)
        return ctl_fail(c, "the first line of the passphrase file %s is too long", file);
    secret_wipe(ret + len, cap - len);
    return CTL_DONE;
}

int site_passphrase(struct ctl *c, const char *file, char *ret, size_t cap)
{
    struct stat st;
    ssize_t n = -1;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool open_to_all = fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IRWXO) != 0;
    if (fd >= 0 && !open_to_all)
        n = read_all(fd, ret, cap);
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    int rc = CTL_FAILED;
    if (open_to_all)
        (void)ctl_fail(c, "every user may use the passphrase file %s: chmod 600 %s", file, file);
    else if (n < 0)
        (void)ctl_fail(c, "the passphrase file %s: %s", file,
                       why == ENOENT ? "there is no such file" : strerror(why));
    else
        rc = first_line(c, file, ret, cap);
    if (rc != CTL_DONE)
        secret_wipe(ret, cap);
    return rc;
}

static int open_keystore(struct ctl *c, const struct site_paths *s, const char *file,
                         struct keystore **ret) WORKER_FN;
static int open_keystore(struct ctl *c, const struct site_paths *s, const char *file,
                         struct keystore **ret)
{
    char pass[512] = "";
    bool wanted = false;
    int rc = keystore_needs_passphrase(s->keystore, &wanted);
    if (rc == 0 && wanted && !file)
        return ctl_fail(c, "the key store %s wants a passphrase: give --passphrase-file",
                        s->keystore);
    if (rc == 0 && wanted && site_passphrase(c, file, pass, sizeof pass) != CTL_DONE)
        return CTL_FAILED;
    if (rc == 0)
        rc = keystore_open(s->keystore, wanted ? pass : NULL, ret);
    secret_wipe(pass, sizeof pass);
    return rc == 0 ? CTL_DONE : ctl_fail(c, "the key store %s: %s", s->keystore, oc_strerror(rc));
}

int site_chain_key(struct ctl *c, const struct site_paths *s, const char *passphrase_file,
                   uint8_t ret[32])
{
    struct keystore *ks = NULL;
    struct crypto *x = NULL;
    const char *file = passphrase_file                 ? passphrase_file
                       : s->passphrase_file[0] != '\0' ? s->passphrase_file
                                                       : NULL;
    int status = open_keystore(c, s, file, &ks);
    if (status != CTL_DONE)
        return status;
    int rc = crypto_new(NULL, &x);
    if (rc == 0)
        rc = keystore_key(ks, x, "journal", ret);
    crypto_free(&x);
    keystore_close(&ks);
    return rc == 0 ? CTL_DONE : ctl_fail(c, "the key of the journal: %s", oc_strerror(rc));
}

int site_at_rest(struct ctl *c, const struct site_paths *s, const char *what)
{
    if (api_probe(c->socket ? c->socket : s->socket) == 0)
        return ctl_fail(c, "onecardd is at work on this site: stop it first, then %s", what);
    return CTL_DONE;
}

int site_with(struct ctl *c, const struct cli_args *a,
                     int (*what)(struct ctl *c, const struct site_paths *s,
                                 const struct cli_args *a))
{
    struct site_paths *s = malloc(sizeof *s);
    int rc = s ? site_find(c, s) : ctl_fail(c, "out of memory");
    if (rc == CTL_DONE)
        rc = what(c, s, a);
    free(s);
    return rc;
}
