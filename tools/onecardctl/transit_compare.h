/* Two fare tables over the rides of the ledger. */
#ifndef ONECARDCTL_TRANSIT_COMPARE_H
#define ONECARDCTL_TRANSIT_COMPARE_H

#include "ctl.h"

#include "modules/transit/fare.h"

struct compare_ask {
    const struct fare_table *old, *new;
    int32_t from, to; /* clearing days */
    int64_t most;     /* rides */
    size_t pairs;     /* rows of the second list */
};
/** Asks the daemon for the rides, counts them by both, prints. CTL_…; it was said why. Blocks. */
int compare_tables(struct ctl *c, const struct compare_ask *ask) MUST_USE;

#endif
