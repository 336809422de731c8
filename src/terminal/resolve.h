/* Names to addresses, on a worker: getaddrinfo blocks. */
#ifndef TERMINAL_RESOLVE_H
#define TERMINAL_RESOLVE_H

#include "flow/flow.h"

#define RESOLVED_MAX 6
struct resolved {
    char items[RESOLVED_MAX][48]; /* numeric */
    unsigned count;
};
/** Until when to try address `at`: an equal share of what is left, so that one which swallows what
 * is sent to it (IPv6 without a way out) leaves time for the others. */
int64_t resolved_share_ns(const struct resolved *r, unsigned at, int64_t now_ns,
                          int64_t deadline_ns);
/** OC_ENOENT: not known; OC_ETIMEDOUT, OC_ECANCELED, OC_EBUSY, OC_ENOMEM. */
int resolve_co(struct pool *pool, const char *host, int64_t deadline_ns,
               struct resolved *ret) CO_FN MUST_USE;

#endif
