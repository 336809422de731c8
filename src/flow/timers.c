/* The timer heap. Equal deadlines fire in the order they were armed, so that a seeded run is the
 * same every time. */
#include "flow/core.h"

#include <stdlib.h>

int timers_reserve(struct timers *t, size_t count)
{
    if (count <= t->cap)
        return 0;
    size_t cap = t->cap ? t->cap * 2 : 64;
    while (cap < count)
        cap *= 2;
    struct flow **heap = realloc(t->heap, cap * sizeof(struct flow *));
    if (!heap)
        return OC_ENOMEM;
    t->heap = heap;
    t->cap = cap;
    return 0;
}

void timers_fini(struct timers *t)
{
    free(t->heap);
    *t = (struct timers){0};
}

static bool before(const struct flow *a, const struct flow *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->timer_seq < b->timer_seq;
}

static void place(struct timers *t, size_t at, struct flow *f)
{
    t->heap[at] = f;
    f->timer = at + 1;
}

static void sift_up(struct timers *t, size_t at, struct flow *f)
{
    while (at > 0 && before(f, t->heap[(at - 1) / 2])) {
        place(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(t, at, f);
}

static void sift_down(struct timers *t, size_t at, struct flow *f)
{
    for (size_t child; (child = 2 * at + 1) < t->count; at = child) {
        if (child + 1 < t->count && before(t->heap[child + 1], t->heap[child]))
            child++;
        if (!before(t->heap[child], f))
            break;
        place(t, at, t->heap[child]);
    }
    place(t, at, f);
}

void timers_add(struct timers *t, struct flow *f, int64_t deadline_ns)
{
    CHECK(f->timer == 0 && t->count < t->cap);
    f->deadline_ns = deadline_ns;
    f->timer_seq = t->seq++;
    sift_up(t, t->count++, f);
}

void timers_del(struct timers *t, struct flow *f)
{
    if (f->timer == 0)
        return;
    size_t at = f->timer - 1;
    struct flow *last = t->heap[--t->count];
    f->timer = 0;
    if (last == f)
        return;
    if (at > 0 && before(last, t->heap[(at - 1) / 2]))
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

struct flow *timers_first(const struct timers *t)
{
    return t->count ? t->heap[0] : NULL;
}
