/* Names to addresses, on a worker: getaddrinfo blocks. */
#ifndef TERMINAL_RESOLVE_H
#define TERMINAL_RESOLVE_H

#include "flow/flow.h"

#define RESOLVED_MAX 6
struct resolved {
    char items[RESOLVED_MAX][48]; /* numeric */
    unsigned count;
};
/** OC_ENOENT: not known; OC_ETIMEDOUT, OC_ECANCELED, OC_EBUSY, OC_ENOMEM. */
int resolve_co(struct pool *pool, const char *host, int64_t deadline_ns,
               struct resolved *ret) CO_FN MUST_USE;

#endif
