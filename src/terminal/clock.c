/* The terminal's monotonic clock. A box that was put to sleep with a list under way must not go on
 * with it when it wakes (R4): its clock counts the time asleep, which CLOCK_MONOTONIC leaves out.
 * Timers of the loop count time awake; they ring late after a sleep, and whoever they wake looks at
 * this clock. */
#include "terminal/internal.h"

#include <time.h>

static int64_t wall_ms(const struct clock *c)
{
    (void)c;
    return clock_wall_ms(&clock_system);
}

static int64_t mono_ns(const struct clock *c)
{
    struct timespec t;
    (void)c;
    if (clock_gettime(CLOCK_BOOTTIME, &t) != 0) /* a kernel that has none never has one */
        return clock_mono_ns(&clock_system);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

const struct clock agent_clock = {.wall_ms = wall_ms, .mono_ns = mono_ns};
