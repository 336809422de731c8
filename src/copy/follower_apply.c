/* The follower's copy: opened with the chain key that it may have, fed on a worker thread. The
 * chain key alone is here: with it a row can be proved, and nothing that is sealed can be opened.
 */
#include "copy/internal.h"

#include <stdlib.h>
#include <string.h>

#define PASSPHRASE 1024

/* ---- the chain key ---- */

int follower_chain_write(const char *path, const struct keystore *ks, const uint8_t chain_key[32])
{
    struct crypto *x = NULL;
    uint8_t wrapped[KEYSTORE_WRAPPED_LEN];
    char hex[2 * KEYSTORE_WRAPPED_LEN + 2];
    int rc = crypto_new(NULL, &x);
    if (!rc)
        rc = keystore_wrap(ks, x, chain_key, wrapped);
    crypto_free(&x);
    if (rc)
        return rc;
    (void)hex_encode(wrapped, sizeof wrapped, hex);
    (void)strcat(hex, "\n");
    return file_write_atomic(path, hex, strlen(hex), 0600);
}

static WORKER_FN int read_passphrase(const struct follower_config *c, struct buf *b)
{
    if (!c->passphrase_file) {
        log_error("copy", "key store %s needs a passphrase: set passphrase_file", c->keystore);
        return OC_ENOENT;
    }
    int rc = file_read(c->passphrase_file, b);
    if (!rc)
        b->len = strcspn(buf_cstr(b), "\r\n");
    return rc;
}

static WORKER_FN int open_keystore(const struct follower_config *c, struct keystore **ret)
{
    bool wanted = false;
    struct buf pass;
    buf_init(&pass, PASSPHRASE);
    int rc = keystore_needs_passphrase(c->keystore, &wanted);
    if (!rc && wanted)
        rc = read_passphrase(c, &pass);
    if (!rc)
        rc = keystore_open(c->keystore, wanted ? buf_cstr(&pass) : NULL, ret);
    buf_fini(&pass);
    if (rc)
        log_error("copy", "key store %s: %s", c->keystore, oc_strerror(rc));
    return rc;
}

static WORKER_FN int unwrap(const char *path, struct keystore *ks, uint8_t ret[32])
{
    struct crypto *x = NULL;
    uint8_t wrapped[KEYSTORE_WRAPPED_LEN];
    struct buf b;
    buf_init(&b, 256);
    int rc = file_read(path, &b);
    if (!rc) {
        b.len = strcspn(buf_cstr(&b), "\r\n");
        rc = hex_decode(buf_cstr(&b), wrapped, sizeof wrapped);
    }
    buf_fini(&b);
    if (!rc)
        rc = crypto_new(NULL, &x);
    if (!rc)
        rc = keystore_unwrap(ks, x, wrapped, ret);
    crypto_free(&x);
    if (rc)
        log_error("copy", "chain key %s: %s", path,
                  rc == OC_ESEAL ? "it was made for another key store" : oc_strerror(rc));
    return rc;
}

int follower_open(struct follower *f)
{
    struct keystore *ks = NULL;
    uint8_t key[32] = {0};
    int rc = open_keystore(f->c, &ks);
    if (!rc)
        rc = unwrap(f->c->chain, ks, key);
    keystore_close(&ks);
    if (!rc) {
        rc = ledger_copy_open(f->c->ledger, key, &f->copy);
        if (rc)
            log_error("copy", "copy %s: %s", f->c->ledger, oc_strerror(rc));
    }
    secret_wipe(key, sizeof key);
    if (!rc)
        f->row = ledger_copy_head(f->copy, f->mac);
    return rc;
}

/* ---- bundles ---- */

struct apply_job {
    struct offload_job job;
    struct ledger_copy *copy;
    struct buf bundle;
    size_t at;
};

static void apply_run(struct offload_job *job)
{
    struct apply_job *j = CONTAINER_OF(job, struct apply_job, job);
    ROLE_ENTER_WORKER();
    job->result = ledger_copy_apply(j->copy, j->bundle.data + j->at, j->bundle.len - j->at);
}

static void apply_destroy(struct offload_job *job)
{
    buf_fini(&CONTAINER_OF(job, struct apply_job, job)->bundle);
}

int follower_co_apply(struct follower *f, struct buf *bundle, size_t at)
{
    struct offload_job *job = offload_job_new(sizeof(struct apply_job), apply_run, apply_destroy);
    if (!job)
        return OC_ENOMEM;
    struct apply_job *j = CONTAINER_OF(job, struct apply_job, job);
    j->copy = f->copy;
    j->at = at;
    j->bundle = *bundle;
    buf_init(bundle, COPY_MESSAGE_MAX);
    flow_shield();
    int rc = flow_co_offload(f->pool, job, FLOW_FOREVER);
    flow_unshield();
    if (!rc)
        rc = job->result;
    offload_job_put(job);
    if (!rc)
        f->row = ledger_copy_head(f->copy, f->mac);
    return rc;
}
