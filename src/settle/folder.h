/* A day's folder: written whole and then renamed into place, or compared byte for byte with the one
 * that is there. The flow formats and hashes; worker threads do what blocks (folder_work.c).
 * Private to this folder.
 *
 *    .2026-11-21.tmp/  ── files written, synced ──►  rename  ──►  2026-11-21/      (never touched
 * again)
 *
 * Invariants: nothing is visible before every byte of it is durable; a temporary folder that a
 * crash left behind is removed by the next run. While a job runs, the flow waits under a shield:
 * the folder belongs to one of them at a time. */
#ifndef SETTLE_FOLDER_H
#define SETTLE_FOLDER_H

#include "settle/settle.h"

#define FOLDER_NAME   112 /* a file's name with NUL */
#define FOLDER_PARENT 400

enum folder_want {
    FOLDER_PUBLISH, /* compare where it is there already, write otherwise */
    FOLDER_VERIFY,  /* it must be there */
    FOLDER_PREVIEW  /* "<date>.preview", replaced */
};

struct folder_file {
    char name[FOLDER_NAME];
    struct buf out; /* not yet handed over */
    struct hash *hash;
    uint8_t sha256[SHA256_LEN];
    int64_t size, lines; /* handed over */
    bool faulty;         /* a difference was noted: one a file is enough */
};

struct folder {
    struct pool *pool;
    struct crypto *crypto;
    enum folder_want want;
    bool compare, published;
    char parent[FOLDER_PARENT], final[SETTLE_PATH], temp[SETTLE_PATH];
    struct folder_file **files;
    unsigned n, cap;
    size_t pending;
    char (*present)[FOLDER_NAME]; /* compare: what lies there */
    unsigned present_n;
    uint32_t faults;
    char first_fault[SETTLE_TEXT];
};

/** Looks what is there and makes the temporary folder; `name`: "2026-11-21", of a few dozen bytes that a path may have. OC_ENOENT (FOLDER_VERIFY: nothing
 * published), OC_EINVAL (path too long), OC_ENOSPC, OC_EIO (logged), OC_ENOMEM, OC_EBUSY,
 * OC_ECLOSED. */
int folder_co_open(const struct settle_env *env, const char *name, enum folder_want want,
                   struct folder **ret) MUST_USE CO_FN;
/** Removes the temporary folder where it was not published; frees. NULL is fine. */
void folder_co_close(struct folder **f) CO_FN;

/** Is a file of that name in the folder that is compared with? */
bool folder_has(const struct folder *f, const char *name);
/** A new file; its number. OC_ENOMEM, OC_ECRYPTO. */
int folder_add(struct folder *f, const char *name, unsigned *ret_file) MUST_USE;
/** Where the file's next bytes are put. */
struct buf *folder_out(struct folder *f, unsigned file);
/** Hands over what was put, where it is much or `all` is asked. The errors of writing. */
int folder_co_flush(struct folder *f, bool all) MUST_USE CO_FN;
/** No more bytes for the file: its hash is final. After folder_co_flush(all). */
int folder_seal(struct folder *f, unsigned file) MUST_USE;
/** Compare: looks for files missing, longer or too many. Write: syncs everything. */
int folder_co_finish(struct folder *f) MUST_USE CO_FN;
/** Makes the written folder visible. OC_EEXIST: one has appeared meanwhile. */
int folder_co_publish(struct folder *f) MUST_USE CO_FN;

/** A small file of another day, whole, at most 16 MiB: for the doubts carried over. OC_ENOENT,
 * OC_EIO, OC_ELIMIT. */
int folder_co_read(const struct settle_env *env, date_t date, const char *name,
                   struct buf *ret) MUST_USE CO_FN;

/* ---- folder_work.c: on worker threads ---- */
int folder_work_open(struct folder *f) MUST_USE WORKER_FN;
int folder_work_flush(struct folder *f) MUST_USE WORKER_FN;
int folder_work_finish(struct folder *f) MUST_USE WORKER_FN;
int folder_work_publish(struct folder *f) MUST_USE WORKER_FN;
int folder_work_remove(struct folder *f) MUST_USE WORKER_FN;
/** Counts a difference; the first one's words are kept. */
void folder_fault(struct folder *f, const char *fmt, ...) PRINTF_FN(2, 3);

#endif
