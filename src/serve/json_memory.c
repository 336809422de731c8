/* An answer must not lack a member because there was no memory for it: each place that adds one
 * could look, and the one that forgets would be found by nobody. So it is counted where jansson
 * takes its memory, and looked at where an answer leaves (api_send). The count is of the process,
 * as jansson's allocator is; nothing depends on whose call it was, only that all were whole. */
#include "serve/api.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_uint missed;

static void *take(size_t n)
{
    void *p = malloc(n);
    if (!p)
        atomic_fetch_add(&missed, 1);
    return p;
}

void json_watch_memory(void)
{
    json_set_alloc_funcs(take, free);
}

unsigned json_missed(void)
{
    return atomic_load(&missed);
}
