/* Descriptors and alarms for libraries that bring an event machine of their own (libcurl): they are
 * called back on the loop, outside of flows. Flows have sock.h and deadlines instead. */
#ifndef FLOW_POLL_H
#define FLOW_POLL_H

#include "base/base.h"
#include "flow/loop.h"
#include <stdbool.h>
#include <stdint.h>

struct loop_fd;
struct loop_fd_opts {
    int fd; /* stays the caller's: he closes it, after loop_fd_free */
    bool read, write;
    /** On the loop, never inside a flow, as long as the descriptor is ready (level-triggered). May
     * set or free its own watch. Must not suspend or block. */
    void (*ready)(void *arg, int fd, bool can_read, bool can_write);
    void *arg;
};
/** Watches a descriptor. Loop thread, in or out of flows. OC_ENOMEM, OC_EIO. */
int loop_fd_new(struct loop *loop, const struct loop_fd_opts *o, struct loop_fd **ret) MUST_USE;
/** Watches for something else from now on. OC_EIO: it is watched for nothing any more. */
int loop_fd_set(struct loop_fd *w, bool read, bool write) MUST_USE;
/** Ends the watch; before the descriptor is closed and before loop_free. NULL is fine. */
void loop_fd_free(struct loop_fd **w);

struct loop_alarm;
/** Something that rings: `fn` is called on the loop, outside of flows. By the machine's clock, not
 * the loop's own: what stands behind it is real. OC_ENOMEM. */
int loop_alarm_new(struct loop *loop, void (*fn)(void *arg), void *arg,
                   struct loop_alarm **ret) MUST_USE;
/** Rings once in `ms` from now (0: at the loop's next turn) instead of when it was set to;
 * negative: not at all. */
void loop_alarm_set(struct loop_alarm *a, int64_t ms);
/** Before loop_free. NULL is fine. */
void loop_alarm_free(struct loop_alarm **a);

#endif
