/* How far behind: marks of when the journal's end was first seen where, at least a grain of time
 * apart. The first mark behind the acknowledged row says since when something is missing. A mark
 * stands for all rows up to its own under the time of the first of them, so nothing is told younger
 * than it is. When there is no room the grain doubles and two marks become one. */
#include "copy/internal.h"

#include <string.h>

#define GRAIN_NS (10 * NS_PER_MS)

void lag_init(struct lag *l, int64_t acked)
{
    l->count = 0;
    l->grain_ns = GRAIN_NS;
    l->acked = acked;
}

static void thin(struct lag *l)
{
    for (unsigned i = 0; i < LAG_MARKS / 2; i++)
        l->marks[i] = (struct lag_mark){l->marks[2 * i + 1].row, l->marks[2 * i].at_ns};
    l->count = LAG_MARKS / 2;
    l->grain_ns *= 2;
}

void lag_head(struct lag *l, int64_t head, int64_t now_ns)
{
    struct lag_mark *last = l->count > 0 ? &l->marks[l->count - 1] : NULL;
    if (head <= (last ? last->row : l->acked))
        return;
    if (last && now_ns - last->at_ns < l->grain_ns) {
        last->row = head;
        return;
    }
    if (l->count == LAG_MARKS)
        thin(l);
    l->marks[l->count++] = (struct lag_mark){head, now_ns};
}

void lag_acked(struct lag *l, int64_t row)
{
    unsigned gone = 0;
    if (row > l->acked)
        l->acked = row;
    while (gone < l->count && l->marks[gone].row <= l->acked)
        gone++;
    memmove(l->marks, l->marks + gone, (l->count - gone) * sizeof l->marks[0]);
    l->count -= gone;
    if (l->count <= 1)
        l->grain_ns = GRAIN_NS;
}

int64_t lag_rows(const struct lag *l)
{
    return l->count > 0 ? l->marks[l->count - 1].row - l->acked : 0;
}

int64_t lag_ms(const struct lag *l, int64_t now_ns)
{
    return l->count > 0 ? (now_ns - l->marks[0].at_ns) / NS_PER_MS : 0;
}
