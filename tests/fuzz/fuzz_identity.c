/* The terminal's identity file: what reads is a certificate, an authority and a key of a size, and
 * writes back as a file that reads the same; the key store's file likewise. */
#include "crypto/keystore_priv.h"
#include "terminal/identity.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char folder[] = "/dev/shm/onecard-fuzz.XXXXXX";
static struct crypto *x;

static void remove_folder(void)
{
    char path[64];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, i ? IDENTITY_NEXT : IDENTITY_FILE);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    ROLE_ENTER_WORKER();
    log_set_stream(fopen("/dev/null", "we"));
    CHECK(mkdtemp(folder) && atexit(remove_folder) == 0 && crypto_new(NULL, &x) == 0);
    return 0;
}

static void put_file(const uint8_t *data, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, IDENTITY_FILE);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static void same(const struct x509_bytes *a, const struct x509_bytes *b)
{
    CHECK(a->len == b->len && a->len > 0 && memcmp(a->data, b->data, a->len) == 0);
}

static void identity(const uint8_t *data, size_t size) WORKER_FN;
static void identity(const uint8_t *data, size_t size)
{
    struct identity *id = NULL, *back = NULL;
    put_file(data, size);
    int rc = identity_load(folder, IDENTITY_FILE, &id);
    CHECK(rc == 0 || !id);
    if (rc)
        return;
    CHECK(identity_save(id, folder, IDENTITY_NEXT) == 0);
    CHECK(identity_load(folder, IDENTITY_NEXT, &back) == 0);
    same(&id->certificate, &back->certificate);
    same(&id->authority, &back->authority);
    same(&id->key, &back->key);
    (void)identity_due(id, INT64_C(1795312800000));
    identity_free(&id);
    identity_free(&back);
}

static void keystore(const uint8_t *data, size_t size)
{
    struct keystore_file f, again;
    struct buf text, print;
    buf_init(&text, 0);
    buf_init(&print, 0);
    buf_put(&text, data, size);
    if (keystore_file_parse(x, "fuzz", &text, &f) == 0) {
        CHECK(keystore_file_print(x, &f, &print) == 0);
        CHECK(keystore_file_parse(x, "again", &print, &again) == 0);
        CHECK(again.passphrase == f.passphrase && memcmp(again.key, f.key, 32) == 0);
    }
    buf_fini(&text);
    buf_fini(&print);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ROLE_ENTER_WORKER();
    if (size > 0 && data[0] == 'o')
        keystore(data, size);
    else
        identity(data, size);
    return 0;
}
