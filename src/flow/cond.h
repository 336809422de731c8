/* Conditions and a mutex for flows of one loop. Waking queues the waiter and never switches, so a
 * waiter always looks again:   while (!thing) { rc = flow_co_wait(&c, deadline); if (rc) return rc;
 * } Not for threads: another thread comes in through loop_post(). */
#ifndef FLOW_COND_H
#define FLOW_COND_H

#include "base/base.h"
#include <stdint.h>

struct flow;
struct flow_cond {
    struct list waiters;
};

void flow_cond_init(struct flow_cond *c);
/** Nobody may be waiting (checked). */
void flow_cond_fini(struct flow_cond *c);
/** Suspends until signalled. 0; OC_ETIMEDOUT when `deadline_ns` (monotonic, FLOW_FOREVER: none)
 * passes or has passed; OC_ECANCELED when the flow is or was cancelled outside a shield. The first
 * of them to happen is the answer: a signal is never lost to a cancellation that comes after it. */
int flow_co_wait(struct flow_cond *c, int64_t deadline_ns) CO_FN MUST_USE;
/** Queues the waiter that waited longest, if any. */
void flow_cond_signal(struct flow_cond *c);
/** Queues all waiters. */
void flow_cond_broadcast(struct flow_cond *c);

/** Fair: unlocking hands over to the flow that waited longest. Not recursive. */
struct flow_mutex {
    struct flow *owner;
    struct flow_cond cond;
};
void flow_mutex_init(struct flow_mutex *m);
/** Must be unlocked (checked). */
void flow_mutex_fini(struct flow_mutex *m);
/** 0: locked. OC_ETIMEDOUT, OC_ECANCELED: not locked. */
int flow_co_lock(struct flow_mutex *m, int64_t deadline_ns) CO_FN MUST_USE;
/** By the owner only (checked). */
void flow_unlock(struct flow_mutex *m);

#endif
