/* Secrets in memory: wiped after use, compared in constant time, kept out of core dumps and swap where they live long. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/role.h"
#include <stdbool.h>
#include <stddef.h>

/** Overwrites; never optimised away. */
void secret_wipe(void *p, size_t len);
/** Equal or not, in time that depends on `len` only. */
bool secret_equal(const void *a, const void *b, size_t len);
/** Zeroed memory that is locked and left out of core dumps and children. NULL: none to be had. */
void *secret_alloc(size_t len) MUST_USE;
/** Wipes and frees what secret_alloc(len) gave. NULL is fine. */
void secret_free(void *p, size_t len);
/** Forbids core dumps and ptrace of this process. Called once at start. */
void secret_harden_process(void);

#endif
