/* Durable states as a table of allowed moves. */
#ifndef BASE_SM_H
#define BASE_SM_H

#include <stdbool.h>
#include <stddef.h>

struct sm_edge {
    int from, to;
};
struct sm {
    const char *name;
    const struct sm_edge *edges;
    size_t count;
};
bool sm_allowed(const struct sm *sm, int from, int to);

#endif
