/* Who runs what must not run on the loop. Everything in this program that would have a thread of
 * its own asks here for one of two things, and a simulator that runs both at virtual times of its
 * own choosing, on one thread, replaces them all:
 *
 *   a pool     jobs that flows hand over and wait for (offload.h): workers, the ledger's readers
 *   a runner   one function that is called when there is something to do: writer, checkpointer
 *
 * Where a `const struct threading *` is NULL, the operating system's threads do it. */
#ifndef FLOW_THREADING_H
#define FLOW_THREADING_H

#include "base/base.h"
#include "flow/offload.h"
#include <stddef.h>
#include <stdint.h>

/** What a runner's turn returns: call again now, or rest until it is woken. */
#define RUNNER_AGAIN INT64_C(0)
#define RUNNER_REST  INT64_MAX

/** Does some of what there is to do; RUNNER_AGAIN where more may be left, else for how many
 * milliseconds it may rest unless it is woken. Never two turns at a time. May block. */
typedef int64_t (*runner_turn)(void *arg);

struct runner {
    void (*wake)(struct runner *r);
    void (*stop)(struct runner *r);
};

/** A source of pools and runners. */
struct threading {
    /** An executor of so many threads with at most `max_queue` jobs that have not begun. Errors of
     * pool_new(). */
    int (*executor)(const struct threading *t, const char *name, unsigned threads, size_t max_queue,
                    struct executor **ret);
    /** A runner; errors of runner_start(). */
    int (*runner)(const struct threading *t, const char *name, runner_turn turn, void *arg,
                  struct runner **ret);
};

/** A pool from that source. OC_ENOMEM, OC_EIO (thread not to be had; logged). */
int threading_pool(const struct threading *t, const char *name, unsigned threads, size_t max_queue,
                   struct pool **ret) MUST_USE;
/** Starts a runner, which rests until it is woken first or, where `turn` says so, by itself: its
 * first turn comes at once. `name` (up to 15 characters) names the thread. OC_ENOMEM, OC_EIO. */
int runner_start(const struct threading *t, const char *name, runner_turn turn, void *arg,
                 struct runner **ret) MUST_USE;
/** There is something to do: a turn that begins after this call sees it. Any thread; cheap, but not
 * free: wake for the first thing in a queue, not for each. */
void runner_wake(struct runner *r);
/** Has it make turns until one of them wants to rest, then ends and frees it. NULL inside is fine.
 * Blocks. */
void runner_stop(struct runner **r) WORKER_FN;

#endif
