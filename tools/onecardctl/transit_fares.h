/* Fare tables without a daemon: read by the transit module's own code, over a host that has nothing
 * but YAML. So what this program says of a table is what the gates will charge. */
#ifndef ONECARDCTL_TRANSIT_FARES_H
#define ONECARDCTL_TRANSIT_FARES_H

#include "ctl.h"

#include "modules/transit/fare.h"

struct fares;

/** The tables that the site's configuration names, or those of `folder` where it is not NULL.
 * CTL_USAGE, CTL_FAILED: it was said why, with places. Blocks. */
int fares_open(struct ctl *c, const char *folder, struct fares **ret) MUST_USE WORKER_FN;
/** None at all: for fares_file(). */
int fares_none(struct ctl *c, struct fares **ret) MUST_USE WORKER_FN;
void fares_close(struct fares **f);
const struct fare_set *fares_set(const struct fares *f);
/** Name of the table where nobody names one; "": none. */
const char *fares_default(const struct fares *f);
/** The city's clock now. */
fare_time fares_now(const struct fares *f);
/** One more table, from a file; it lives as long as `f`. CTL_FAILED: it was said why, with places.
 * *ret_faults (may be NULL): how many mistakes it has. */
int fares_file(struct fares *f, const char *path, const struct fare_table **ret) MUST_USE WORKER_FN;

#endif
