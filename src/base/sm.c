/* Durable states as a table of allowed moves. */
#include "base/sm.h"

bool sm_allowed(const struct sm *sm, int from, int to)
{
    for (size_t i = 0; i < sm->count; i++)
        if (sm->edges[i].from == from && sm->edges[i].to == to)
            return true;
    return false;
}
