/* Arenas. Invariants: a block is zeroed when it is made and never handed out twice; every byte that
 * was handed out is wiped before its block is freed. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LEAST 4096
#define BLOCK_MOST  ((size_t)BLOCK_LEAST << (ARENA_CLASSES - 1)) /* of those that are kept */

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS false
#endif
#endif
#ifndef KEEPS
#define KEEPS true
#endif

struct arena_block {
    struct arena_block *next;
    size_t size, used; /* of data */
    alignas(max_align_t) unsigned char data[];
};

/* ---- blocks and where they come from ---- */

static size_t whole(const struct arena_block *b)
{
    return sizeof *b + b->size;
}

/* The class of a block of so many bytes in all, ARENA_CLASSES where it has none. */
static unsigned class_of(size_t bytes)
{
    unsigned c = 0;
    for (size_t size = BLOCK_LEAST; c < ARENA_CLASSES && size < bytes; size *= 2)
        c++;
    return c;
}

static struct arena_block *block_new(struct arena_pool *pool, size_t bytes)
{
    unsigned c = class_of(bytes);
    size_t size = c < ARENA_CLASSES ? (size_t)BLOCK_LEAST << c : bytes;
    struct arena_block *b = pool && c < ARENA_CLASSES ? pool->free[c] : NULL;
    if (b) {
        pool->free[c] = b->next;
        pool->kept -= size;
        return b;
    }
    b = calloc(1, size);
    if (b)
        b->size = size - sizeof *b;
    return b;
}

/* Wiped bytes are zero bytes: a block that comes back is as good as a new one. */
static void block_free(struct arena_pool *pool, struct arena_block *b)
{
    size_t size = whole(b);
    unsigned c = class_of(size);
    explicit_bzero(b->data, b->used);
    b->used = 0;
    if (!KEEPS || !pool || c == ARENA_CLASSES || size > pool->limit ||
        pool->kept > pool->limit - size) {
        free(b);
        return;
    }
    b->next = pool->free[c];
    pool->free[c] = b;
    pool->kept += size;
}

void arena_pool_init(struct arena_pool *p, size_t limit)
{
    *p = (struct arena_pool){.limit = limit};
}

void arena_pool_fini(struct arena_pool *p)
{
    for (unsigned c = 0; c < ARENA_CLASSES; c++) {
        struct arena_block *next;
        for (struct arena_block *b = p->free[c]; b; b = next) {
            next = b->next;
            free(b);
        }
        p->free[c] = NULL;
    }
    p->kept = 0;
}

/* ---- arenas ---- */

void arena_init(struct arena *a, size_t limit)
{
    arena_init_pooled(a, limit, NULL);
}

void arena_init_pooled(struct arena *a, size_t limit, struct arena_pool *pool)
{
    *a = (struct arena){.limit = limit, .pool = pool};
}

void arena_fini(struct arena *a)
{
    struct arena_block *next;
    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        block_free(a->pool, b);
    }
    a->blocks = NULL;
    a->used = 0;
}

/* Blocks double, so that an arena of many kilobytes has few of them. */
static struct arena_block *block_for(struct arena *a, size_t size)
{
    if (a->blocks && a->blocks->size - a->blocks->used >= size)
        return a->blocks;
    size_t bytes = a->blocks ? 2 * whole(a->blocks) : BLOCK_LEAST;
    if (bytes > BLOCK_MOST)
        bytes = BLOCK_MOST;
    if (size + sizeof(struct arena_block) > bytes)
        bytes = size + sizeof(struct arena_block);
    struct arena_block *b = block_new(a->pool, bytes);
    if (!b)
        return NULL;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = size ? (size + align - 1) / align * align : align;
    if (a->limit && (size > a->limit || a->used > a->limit - size))
        return NULL;
    struct arena_block *b = block_for(a, size);
    if (!b)
        return NULL;
    void *p = b->data + b->used;
    b->used += size;
    a->used += size;
    return p;
}

void *arena_copy(struct arena *a, const void *src, size_t size)
{
    void *p = arena_alloc(a, size);
    if (p && size)
        memcpy(p, src, size);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_copy(a, s, strlen(s) + 1) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}
