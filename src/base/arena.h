/* An arena: allocations that end together, wiped when they end. Each flow has one. Not for threads. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/role.h"
#include <stdarg.h>
#include <stddef.h>

struct arena_block;
#define ARENA_CLASSES 5 /* blocks of 4 to 64 KiB */
/** Wiped blocks for the next arena, so that short-lived arenas cost neither the system's zeroing nor its bookkeeping. Belongs
 *  to one thread. Under AddressSanitizer it keeps nothing, so that a use after the end is seen. */
struct arena_pool {
    struct arena_block *free[ARENA_CLASSES];
    size_t kept;  /* bytes */
    size_t limit; /* bytes at most */
};
struct arena {
    struct arena_block *blocks;
    struct arena_pool *pool; /* where blocks come from and go to; NULL: the system */
    size_t used;  /* bytes handed out in all */
    size_t limit; /* bytes at most, 0 for no limit */
};

/** An empty pool that keeps at most `limit` bytes. */
void arena_pool_init(struct arena_pool *p, size_t limit);
/** Gives its blocks back to the system. Arenas that came from it must have ended. */
void arena_pool_fini(struct arena_pool *p);

/** Makes an empty arena; `limit` bytes at most (0: none). */
void arena_init(struct arena *a, size_t limit);
/** The same over a pool, which outlives it. */
void arena_init_pooled(struct arena *a, size_t limit, struct arena_pool *pool);
/** Wipes and gives back everything. The arena is empty and usable again. */
void arena_fini(struct arena *a);
/** `size` zeroed bytes, aligned for any type, or NULL: no memory or over the limit. Ends with the arena. */
void *arena_alloc(struct arena *a, size_t size) MUST_USE;
/** A copy of `size` bytes at `src`, or NULL. */
void *arena_copy(struct arena *a, const void *src, size_t size) MUST_USE;
/** A copy of the text, or NULL. NULL in gives NULL. */
char *arena_strdup(struct arena *a, const char *s) MUST_USE;
/** printf into the arena, or NULL. */
char *arena_printf(struct arena *a, const char *fmt, ...) MUST_USE PRINTF_FN(2, 3);

#endif
