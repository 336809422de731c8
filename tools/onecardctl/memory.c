/* See memory.h. Of the process, not of a call: so is jansson's allocator. */
#include "memory.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_bool missed;

static void *take(size_t n)
{
    void *p = malloc(n);
    if (!p)
        memory_miss();
    return p;
}

void memory_watch(void)
{
    atomic_store(&missed, false);
    json_set_alloc_funcs(take, free);
}

bool memory_missed(void)
{
    return atomic_load(&missed);
}

void memory_miss(void)
{
    atomic_store(&missed, true);
}
