/* The flow's side of a day's folder: names, buffers, hashes, and the jobs handed to worker threads.
 */
#include "settle/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_AT (512 * 1024)
#define SMALL    (16 * 1024 * 1024)

struct folder_job {
    struct offload_job job;
    struct folder *f;
    int (*work)(struct folder *f);
};

static void run(struct offload_job *job)
{
    ROLE_ENTER_WORKER();
    struct folder_job *j = (struct folder_job *)(void *)job;
    job->result = j->work(j->f);
}

/* A full queue is a matter of moments. */
static int co_submit(struct pool *pool, struct offload_job *job) CO_FN;
static int co_submit(struct pool *pool, struct offload_job *job)
{
    int rc = OC_EBUSY;
    for (unsigned i = 0; i < 500 && rc == OC_EBUSY; i++) {
        flow_shield();
        rc = flow_co_offload(pool, job, FLOW_FOREVER);
        flow_unshield();
        if (rc == OC_EBUSY) {
            int stop = flow_co_sleep_ms(20);
            if (stop)
                return stop;
        }
    }
    return rc;
}

static int co_work(struct folder *f, int (*work)(struct folder *)) CO_FN;
static int co_work(struct folder *f, int (*work)(struct folder *))
{
    struct folder_job *j = offload_job_new(sizeof *j, run, NULL);
    if (!j)
        return OC_ENOMEM;
    j->f = f;
    j->work = work;
    int rc = co_submit(f->pool, &j->job);
    if (!rc)
        rc = j->job.result;
    offload_job_put(&j->job);
    return rc;
}

static int set_paths(struct folder *f, const struct settle_env *env, const char *name)
{
    const char *suffix = f->want == FOLDER_PREVIEW ? ".preview" : "";
    if (strlen(env->dir) >= sizeof f->parent) {
        log_error("settle", "the settlement folder's path is too long");
        return OC_EINVAL;
    }
    snprintf(f->parent, sizeof f->parent, "%s", env->dir);
    snprintf(f->final, sizeof f->final, "%s/%s%s", f->parent, name, suffix);
    snprintf(f->temp, sizeof f->temp, "%s/.%s%s.tmp", f->parent, name, suffix);
    return 0;
}

static void forget(struct folder *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        hash_free(&f->files[i]->hash);
        buf_fini(&f->files[i]->out);
        free(f->files[i]);
    }
    free(f->files);
    free(f->present);
    free(f);
}

int folder_co_open(const struct settle_env *env, const char *name, enum folder_want want,
                   struct folder **ret)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f)
        return OC_ENOMEM;
    f->pool = env->pool;
    f->crypto = env->crypto;
    f->want = want;
    int rc = set_paths(f, env, name);
    if (!rc)
        rc = co_work(f, folder_work_open);
    if (rc)
        forget(f);
    else
        *ret = f;
    return rc;
}

void folder_co_close(struct folder **f)
{
    struct folder *gone = *f;
    *f = NULL;
    if (!gone)
        return;
    if (!gone->compare && !gone->published) {
        flow_shield();
        if (co_work(gone, folder_work_remove))
            log_warn("settle", "%s stays until the next run", gone->temp);
        flow_unshield();
    }
    forget(gone);
}

bool folder_has(const struct folder *f, const char *name)
{
    for (unsigned i = 0; i < f->present_n; i++)
        if (strcmp(f->present[i], name) == 0)
            return true;
    return false;
}

static int grow(struct folder *f)
{
    if (f->n < f->cap)
        return 0;
    unsigned cap = f->cap ? 2 * f->cap : 16;
    struct folder_file **files = realloc(f->files, cap * sizeof *files);
    if (!files)
        return OC_ENOMEM;
    f->files = files;
    f->cap = cap;
    return 0;
}

int folder_add(struct folder *f, const char *name, unsigned *ret_file)
{
    struct folder_file *file = calloc(1, sizeof *file);
    int rc = file ? grow(f) : OC_ENOMEM;
    if (!rc)
        rc = hash_new(f->crypto, &file->hash);
    if (rc) {
        free(file);
        return rc;
    }
    CHECK(strlen(name) < sizeof file->name);
    memcpy(file->name, name, strlen(name) + 1);
    buf_init(&file->out, 0);
    f->files[f->n] = file;
    *ret_file = f->n++;
    return 0;
}

struct buf *folder_out(struct folder *f, unsigned file)
{
    return &f->files[file]->out;
}

int folder_co_flush(struct folder *f, bool all)
{
    size_t pending = 0;
    for (unsigned i = 0; i < f->n; i++) {
        if (f->files[i]->out.err)
            return f->files[i]->out.err;
        pending += f->files[i]->out.len;
    }
    if (pending < FLUSH_AT && !all)
        return 0;
    int rc = 0;
    for (unsigned i = 0; i < f->n && !rc; i++)
        if (f->files[i]->out.len)
            rc = hash_update(f->files[i]->hash, f->files[i]->out.data, f->files[i]->out.len);
    return rc ? rc : co_work(f, folder_work_flush);
}

int folder_seal(struct folder *f, unsigned file)
{
    CHECK(f->files[file]->out.len == 0);
    return hash_final(&f->files[file]->hash, f->files[file]->sha256);
}

int folder_co_finish(struct folder *f)
{
    return co_work(f, folder_work_finish);
}

int folder_co_publish(struct folder *f)
{
    int rc = co_work(f, folder_work_publish);
    f->published = rc == 0;
    return rc;
}

/* ---- reading ---- */

struct read_job {
    struct offload_job job;
    char path[SETTLE_PATH];
    struct buf b;
};

static void read_run(struct offload_job *job)
{
    ROLE_ENTER_WORKER();
    struct read_job *j = (struct read_job *)(void *)job;
    job->result = file_read(j->path, &j->b);
}

static void read_destroy(struct offload_job *job)
{
    buf_fini(&((struct read_job *)(void *)job)->b);
}

int folder_co_read(const struct settle_env *env, date_t date, const char *name, struct buf *ret)
{
    char day[11];
    struct read_job *j = offload_job_new(sizeof *j, read_run, read_destroy);
    if (!j)
        return OC_ENOMEM;
    buf_init(&j->b, SMALL);
    snprintf(j->path, sizeof j->path, "%s/%s/%s", env->dir, date_text(date, day), name);
    int rc = co_submit(env->pool, &j->job);
    if (!rc)
        rc = j->job.result;
    if (!rc) {
        buf_put(ret, j->b.data, j->b.len);
        rc = ret->err;
    }
    offload_job_put(&j->job);
    return rc;
}
