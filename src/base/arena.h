/* An arena: allocations that end together, wiped when they end. Each flow has one. Not for threads. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/role.h"
#include <stdarg.h>
#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used;  /* bytes handed out in all */
    size_t limit; /* bytes at most, 0 for no limit */
};

/** Makes an empty arena; `limit` bytes at most (0: none). */
void arena_init(struct arena *a, size_t limit);
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
