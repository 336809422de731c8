/* Whether memory ran out. What jansson has no memory for it leaves out of an object, and answers
 * are printed cell by cell: a line that lacks something must neither be sent nor pass for whole.
 * Each place could look; one that forgets would be found by nobody. */
#ifndef ONECARDCTL_MEMORY_H
#define ONECARDCTL_MEMORY_H

#include <stdbool.h>

/** From now on jansson's allocations are watched; nothing was missed so far. The program's first
 * step. */
void memory_watch(void);
/** Something is missing in what was read, made or printed since. */
bool memory_missed(void);
/** Notes that something is. */
void memory_miss(void);

#endif
