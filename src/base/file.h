/* Files read and written whole: bounded, atomic, with the reason when they fail. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/role.h"
#include <stddef.h>
#include <sys/types.h>

/** Appends the file's bytes to `b`. OC_ENOENT, OC_ELIMIT (over b->max), OC_EIO (logged). Blocks. */
int file_read(const char *path, struct buf *b) MUST_USE WORKER_FN;
/** Writes a new file beside `path`, syncs it, renames it over `path` and syncs the folder: the file is the old one
 *  or the new one, never half. OC_ENOSPC, OC_EIO (logged). Blocks. */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode) MUST_USE WORKER_FN;
/** Makes the folder and its parents. OC_EIO (logged). Blocks. */
int file_mkdirs(const char *path, mode_t mode) MUST_USE WORKER_FN;

#endif
