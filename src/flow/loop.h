/* The event loop: one thread that enters flows, fires deadlines and watches descriptors. Everything
 * that belongs to a loop hangs off `struct loop`; a process may have several, each on a thread of
 * its own. Loops are never nested. */
#ifndef FLOW_LOOP_H
#define FLOW_LOOP_H

#include "base/base.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct metrics;
struct loop;

/** "No deadline": every deadline here is monotonic nanoseconds of the loop's clock. */
#define FLOW_FOREVER INT64_MAX

struct loop_opts {
    const struct clock *clock; /* NULL: clock_system */
    struct metrics *metrics;   /* NULL: nothing is counted */
    uint64_t
        seed; /* 0: ready flows run in order; else in an order that follows from the seed (tests) */
    bool always_yield;   /* every call that may suspend does (tests) */
    bool measure_stacks; /* canary and greatest depth of each stack (tests; costs memory) */
    size_t stack_size;   /* bytes; 0: 64 KiB, 256 KiB under AddressSanitizer */
    unsigned max_flows;  /* 0: 10,000; clamped to what the kernel's map count allows, with a line in
                            the log */
    /* Called when nothing is ready: `next_ns` is the nearest deadline (FLOW_FOREVER: none). A
     * simulator moves its clock there and returns true; false, or NULL here: the loop sleeps until
     * something happens. */
    bool (*idle)(void *arg, int64_t next_ns);
    void *idle_arg;
    bool no_descriptors; /* with idle: sockets and signals are never looked at (a simulator has
                            none, and looking is a system call a turn) */
};

/** Something to be run once on the loop's thread. Belongs to the caller, who keeps it alive until
 * fn was called; from then on it may be freed or posted again, also inside fn. fn never suspends or
 * blocks. */
struct loop_task {
    void (*fn)(struct loop_task *task);
    struct loop_task *next; /* the loop's while queued */
};

/** Makes a loop. `o` NULL: defaults. SIGPIPE is ignored from here on. OC_ENOMEM, OC_EIO (logged).
 *  The clock, the metrics and idle_arg must outlive the loop. */
int loop_new(struct loop **ret, const struct loop_opts *o) MUST_USE;
/** Runs what was posted and still waits, then frees. Not inside loop_run. Flows that are still
 * suspended are dropped with their stacks and arenas (logged): their deferred calls do not run.
 * Pools that send results here must be freed before. */
void loop_free(struct loop **loop);
/** Runs on this thread until loop_stop() and no flow is left. 0, or OC_EBUSY when flows that were
 * cancelled after the drain time still had not ended 5 s later (each is logged). */
int loop_run(struct loop *loop) MUST_USE;
/** For tests and tools: starts a flow and runs until it has ended, gives its result. Other flows
 * may stay suspended; may be called again. Errors of flow_start(). */
int loop_run_flow(struct loop *loop, const char *name, int (*fn)(void *arg), void *arg) MUST_USE;
/** Asks for the end; loop thread only (elsewhere: loop_post). The stop hooks run, background flows
 * are cancelled, the others have `drain_ms` to end before they are cancelled as well. A second call
 * may only shorten the time. */
void loop_stop(struct loop *loop, int64_t drain_ms);
bool loop_stopping(const struct loop *loop);
/** Has `hook->fn` called on the loop when loop_stop() is called (a server stops accepting). At once
 * if it was already. */
void loop_on_stop(struct loop *loop, struct loop_task *hook);
/** Takes a stop hook back that has not run yet. */
void loop_off_stop(struct loop *loop, struct loop_task *hook);
/** Queues a task. Thread-safe, never blocks; many posts before the loop looks cost one wake-up.
 * Tasks of one thread run in the order they were posted. */
void loop_post(struct loop *loop, struct loop_task *task);
/** Calls fn(signo, arg) on the loop for each signal. One loop a process may ask for signals. Ends
 * with the loop. OC_EIO. */
int loop_signal(struct loop *loop, int signo, void (*fn)(int signo, void *arg), void *arg) MUST_USE;

const struct clock *loop_clock(const struct loop *loop);
/** Monotonic now in nanoseconds, the scale of all deadlines. */
int64_t loop_now_ns(const struct loop *loop);
/** Times one flow or task kept the loop for more than 50 ms (also the metric
 * onecard_loop_stalls_total). */
uint64_t loop_stalls(const struct loop *loop);
/** Flows that have not ended. */
unsigned loop_flows(const struct loop *loop);
/** The limit after clamping. */
unsigned loop_max_flows(const struct loop *loop);
/** Greatest stack use so far in bytes; 0 without measure_stacks. */
size_t loop_stack_peak(const struct loop *loop);

#endif
