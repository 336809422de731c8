/* Arenas. Invariants: a block is zeroed when it is made and never handed out twice; every byte that
 * was handed out is wiped before its block is freed. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LEAST 4096

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

void arena_fini(struct arena *a)
{
    struct arena_block *next;
    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        explicit_bzero(b->data, b->used);
        free(b);
    }
    a->blocks = NULL;
    a->used = 0;
}

static struct arena_block *block_for(struct arena *a, size_t size)
{
    if (a->blocks && a->blocks->size - a->blocks->used >= size)
        return a->blocks;
    size_t room = BLOCK_LEAST - sizeof(struct arena_block);
    if (size > room)
        room = size;
    struct arena_block *b = calloc(1, sizeof(*b) + room);
    if (!b)
        return NULL;
    b->size = room;
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
