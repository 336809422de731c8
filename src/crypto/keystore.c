/* The key-encryption key: made once, opened at start, used by label. Invariant: it lies only in
 * secret_alloc'd memory and, while a file is read or written, in a structure that is wiped. */
#include "crypto/keystore.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include "crypto/keystore_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEK_LEN = 32, FILE_MAX = 1024 };

struct keystore {
    uint8_t *kek;
};

int keystore_aes_wrap(struct crypto *x, const uint8_t kek[32], const uint8_t key[32],
                      uint8_t ret[KEYSTORE_WRAPPED_LEN])
{
    EVP_CIPHER_CTX *ctx = x->cipher_ctx[CIPHER_WRAP];
    uint8_t out[KEYSTORE_WRAPPED_LEN + 8];
    int n = 0;
    if (EVP_CipherInit_ex2(ctx, NULL, kek, NULL, 1, NULL) != 1 ||
        EVP_CipherUpdate(ctx, out, &n, key, KEK_LEN) != 1 || n != KEYSTORE_WRAPPED_LEN)
        return crypto_fail("AES key wrap");
    memcpy(ret, out, KEYSTORE_WRAPPED_LEN);
    return 0;
}

int keystore_aes_unwrap(struct crypto *x, const uint8_t kek[32],
                        const uint8_t wrapped[KEYSTORE_WRAPPED_LEN], uint8_t ret[32])
{
    EVP_CIPHER_CTX *ctx = x->cipher_ctx[CIPHER_WRAP];
    uint8_t out[KEYSTORE_WRAPPED_LEN + 8];
    int n = 0;
    if (EVP_CipherInit_ex2(ctx, NULL, kek, NULL, 0, NULL) != 1)
        return crypto_fail("AES key wrap");
    bool good = EVP_CipherUpdate(ctx, out, &n, wrapped, KEYSTORE_WRAPPED_LEN) == 1 && n == KEK_LEN;
    if (good)
        memcpy(ret, out, KEK_LEN);
    secret_wipe(out, sizeof out);
    return good ? 0 : OC_ESEAL;
}

static int protect(struct crypto *x, const uint8_t kek[KEK_LEN], const char *passphrase,
                   struct keystore_file *f) WORKER_FN;
static int protect(struct crypto *x, const uint8_t kek[KEK_LEN], const char *passphrase,
                   struct keystore_file *f)
{
    uint8_t pass_key[32];
    f->passphrase = passphrase != NULL;
    if (!passphrase) {
        memcpy(f->key, kek, KEK_LEN);
        return 0;
    }
    /* 32 MiB and some 100 ms: paid once at each start. */
    f->cost = (struct kdf_cost){.log2_n = 15, .r = 8, .p = 1};
    int err = crypto_random(x, f->cost.salt, sizeof f->cost.salt);
    if (!err)
        err = kdf_passphrase(passphrase, &f->cost, pass_key);
    if (!err)
        err = keystore_aes_wrap(x, pass_key, kek, f->key);
    secret_wipe(pass_key, sizeof pass_key);
    return err;
}

static int io_fail(const char *what, const char *path)
{
    int err = errno;
    log_error("keystore", "cannot %s %s: %s", what, path, strerror(err));
    return err == ENOSPC ? OC_ENOSPC : OC_EIO;
}

static int sync_folder(const char *path)
{
    char folder[512];
    const char *slash = strrchr(path, '/');
    int n = slash ? snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path)
                  : snprintf(folder, sizeof folder, ".");
    if (n < 0 || (size_t)n >= sizeof folder)
        return OC_ELIMIT;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_fail("open", folder);
    int err = fsync(fd) ? io_fail("sync", folder) : 0;
    (void)close(fd);
    return err;
}

/** Writes a whole new file beside `path` and links it there: whoever comes second fails, nobody
 * sees half of it. */
static int write_new(const char *path, const struct buf *text) WORKER_FN;
static int write_new(const char *path, const struct buf *text)
{
    char beside[512];
    int n = snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof beside)
        return OC_ELIMIT;
    int err = file_write_atomic(beside, text->data, text->len, 0600);
    if (err)
        return err;
    if (link(beside, path))
        err = errno == EEXIST ? OC_EEXIST : io_fail("make", path);
    (void)unlink(beside);
    return err ? err : sync_folder(path);
}

static int create(struct crypto *x, const char *path, const char *passphrase) WORKER_FN;
static int create(struct crypto *x, const char *path, const char *passphrase)
{
    struct keystore_file f = {0};
    struct buf text;
    uint8_t kek[KEK_LEN];
    buf_init(&text, FILE_MAX);
    int err = crypto_random(x, kek, sizeof kek);
    if (!err)
        err = protect(x, kek, passphrase, &f);
    if (!err)
        err = keystore_file_print(x, &f, &text);
    if (!err)
        err = write_new(path, &text);
    buf_fini(&text);
    secret_wipe(kek, sizeof kek);
    secret_wipe(&f, sizeof f);
    return err;
}

int keystore_create(const char *path, const char *passphrase, const struct rng *rng)
{
    struct crypto *x = NULL;
    if (passphrase && !*passphrase)
        return OC_EINVAL;
    int err = crypto_new(rng, &x);
    if (!err)
        err = create(x, path, passphrase);
    crypto_free(&x);
    return err;
}

/* Of the file that is read, not of its name: that can be another one a moment later. */
static int check_guard(int fd, const char *path) WORKER_FN;
static int check_guard(int fd, const char *path)
{
    struct stat st;
    uid_t me = geteuid();
    if (fstat(fd, &st))
        return io_fail("look at", path);
    if (!S_ISREG(st.st_mode)) {
        log_error("keystore", "%s is not a file", path);
        return OC_EPERM;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        log_error("keystore", "%s may be read by others: set its mode to 0600", path);
        return OC_EPERM;
    }
    if (me != 0 && st.st_uid != me && st.st_uid != 0) {
        log_error("keystore", "%s belongs to another user", path);
        return OC_EPERM;
    }
    return 0;
}

static int read_file(int fd, const char *path, struct buf *text) WORKER_FN;
static int read_file(int fd, const char *path, struct buf *text)
{
    uint8_t part[FILE_MAX + 1];
    size_t have = 0;
    ssize_t n = 1;
    while (n > 0 && have < sizeof part) {
        n = read(fd, part + have, sizeof part - have);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            have += (size_t)n;
    }
    int err = n < 0 ? io_fail("read", path) : 0;
    if (!err && have > FILE_MAX) {
        log_error("keystore", "%s is damaged: it is too long", path);
        err = OC_EPARSE;
    }
    if (!err) {
        buf_put(text, part, have);
        err = text->err;
    }
    secret_wipe(part, sizeof part);
    return err;
}

static int load_file(struct crypto *x, const char *path, struct keystore_file *ret) WORKER_FN;
static int load_file(struct crypto *x, const char *path, struct keystore_file *ret)
{
    struct buf text;
    /* Not to wait where somebody made it a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? OC_ENOENT : io_fail("open", path);
    buf_init(&text, FILE_MAX);
    int err = check_guard(fd, path);
    if (!err)
        err = read_file(fd, path, &text);
    (void)close(fd);
    if (!err)
        err = keystore_file_parse(x, path, &text, ret);
    buf_fini(&text);
    return err;
}

static int unprotect(struct crypto *x, const struct keystore_file *f, const char *passphrase,
                     uint8_t *ret_kek) WORKER_FN;
static int unprotect(struct crypto *x, const struct keystore_file *f, const char *passphrase,
                     uint8_t *ret_kek)
{
    uint8_t pass_key[32];
    if (!f->passphrase) {
        memcpy(ret_kek, f->key, KEK_LEN);
        return 0;
    }
    if (!passphrase || !*passphrase)
        return OC_ESEAL;
    int err = kdf_passphrase(passphrase, &f->cost, pass_key);
    if (!err)
        err = keystore_aes_unwrap(x, pass_key, f->key, ret_kek);
    secret_wipe(pass_key, sizeof pass_key);
    return err == OC_EINVAL ? OC_EPARSE : err;
}

static int open_with(struct crypto *x, const char *path, const char *passphrase,
                     struct keystore *ks) WORKER_FN;
static int open_with(struct crypto *x, const char *path, const char *passphrase,
                     struct keystore *ks)
{
    struct keystore_file f;
    int err = load_file(x, path, &f);
    if (err)
        return err;
    ks->kek = secret_alloc(KEK_LEN);
    err = ks->kek ? unprotect(x, &f, passphrase, ks->kek) : OC_ENOMEM;
    secret_wipe(&f, sizeof f);
    return err;
}

int keystore_open(const char *path, const char *passphrase, struct keystore **ret)
{
    struct crypto *x = NULL;
    struct keystore *ks = calloc(1, sizeof *ks);
    if (!ks)
        return OC_ENOMEM;
    int err = crypto_new(NULL, &x);
    if (!err)
        err = open_with(x, path, passphrase, ks);
    crypto_free(&x);
    if (err)
        keystore_close(&ks);
    else
        *ret = ks;
    return err;
}

void keystore_close(struct keystore **ks)
{
    if (!*ks)
        return;
    secret_free((*ks)->kek, KEK_LEN);
    free(*ks);
    *ks = NULL;
}

int keystore_needs_passphrase(const char *path, bool *ret)
{
    struct crypto *x = NULL;
    struct keystore_file f = {0};
    int err = crypto_new(NULL, &x);
    if (!err)
        err = load_file(x, path, &f);
    if (!err)
        *ret = f.passphrase;
    secret_wipe(&f, sizeof f);
    crypto_free(&x);
    return err;
}

int keystore_key(const struct keystore *ks, struct crypto *x, const char *label, uint8_t ret[32])
{
    return kdf_label(x, ks->kek, label, ret);
}

int keystore_wrap(const struct keystore *ks, struct crypto *x, const uint8_t key[32],
                  uint8_t ret[KEYSTORE_WRAPPED_LEN])
{
    return keystore_aes_wrap(x, ks->kek, key, ret);
}

int keystore_unwrap(const struct keystore *ks, struct crypto *x,
                    const uint8_t wrapped[KEYSTORE_WRAPPED_LEN], uint8_t ret[32])
{
    return keystore_aes_unwrap(x, ks->kek, wrapped, ret);
}
