/* Flows: straight-line C that waits. The public face of this folder; docs/FLOW.md tells how to
 * write and read flow code.
 *
 * Rules: a wake-up queues and never switches; only the loop enters flows. Functions that may
 * suspend have `_co_` in their names and CO_FN in their prototypes. Cancellation and deadlines are
 * return codes at the next suspension, never an unwind. Nothing on a flow's stack (64 KiB) is given
 * to another thread. A flow stays on its loop. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/base.h"
#include "flow/cond.h"
#include "flow/depth.h"
#include "flow/http.h"
#include "flow/loop.h"
#include "flow/offload.h"
#include "flow/poll.h"
#include "flow/sock.h"
#include "flow/stack.h"
#include "flow/threading.h"
#include "flow/tls.h"
#include <stdint.h>

struct flow;
/** The body of a flow; mark the function CO_FN. Its result goes to who joins. */
typedef int (*flow_fn)(void *arg);

/** Queues a new flow; never switches, so the body runs after the caller returns to the loop or
 * suspends. `name` is copied (31 characters). ret may be NULL; otherwise the caller owns a
 * reference (flow_put). Loop thread only, inside or outside of flows. OC_ELIMIT: too many flows,
 * OC_ENOMEM: no stack, OC_ECANCELED: the loop has cancelled its flows. */
int flow_start(struct loop *loop, const char *name, flow_fn fn, void *arg,
               struct flow **ret) MUST_USE;
/** Gives a reference back; the flow goes on. NULL is fine. */
void flow_put(struct flow *f);
/** Another reference. */
struct flow *flow_get(struct flow *f);
/** Asks a flow to stop: its present or next suspension outside a shield, and every one after that,
 * ends with OC_ECANCELED. A flow that has not begun still runs up to there. Harmless on one that
 * ended. */
void flow_cancel(struct flow *f);
bool flow_done(const struct flow *f);
/** Waits for the end of another flow. ret_result may be NULL. OC_ETIMEDOUT, OC_ECANCELED (of the
 * caller). */
int flow_co_join(struct flow *f, int *ret_result, int64_t deadline_ns) CO_FN MUST_USE;

/* Inside a flow (all abort outside of one, but flow_self). */
/** The running flow of this thread, NULL outside. */
struct flow *flow_self(void);
struct loop *flow_loop(void);
/** Ends with the flow, wiped. At most 16 MiB. */
struct arena *flow_arena(void);
/** Has fn(arg) called when the flow ends, the last first, before the arena is wiped. fn must not
 * suspend. */
void flow_defer(void (*fn)(void *arg), void *arg);
/** Lets the other ready flows run. OC_ECANCELED. */
int flow_co_yield(void) CO_FN MUST_USE;
/** 0 after `ms`; OC_ECANCELED. */
int flow_co_sleep_ms(int64_t ms) CO_FN MUST_USE;
/** Until the matching unshield (they nest) cancellation is not delivered: it waits. Covers "command
 * sent … outcome written". Deadlines still count. */
void flow_shield(void);
void flow_unshield(void);
/** Has this flow been cancelled? Also true inside a shield. */
bool flow_cancelled(void);
/** A background flow (a gate that waits for a card) is cancelled as soon as loop_stop() is called,
 * without drain time. */
void flow_set_background(bool on);
/** What it is doing, for lists (copied, 63 characters); NULL: nothing. */
void flow_set_note(const char *note);
/** Gives the kernel back the pages of this flow's stack that lie below the caller: to be called
 * before a wait that may be long, by a flow that was deep before (a handshake, a statement). Costs
 * a system call and a page fault for each page that is used again. Does nothing under the
 * sanitizers. Never suspends. */
void flow_trim_stack(void);
/** The deadline that lies `ms` ahead, on this flow's loop. */
int64_t flow_deadline_ms(int64_t ms);

/** Calls fn for each flow that has not ended, oldest first. state is "ready", "running", "waiting",
 * with ", shielded" or
 *  ", cancelled" after it where so. fn must not start or end flows. Loop thread only. */
void flow_list(struct loop *loop,
               void (*fn)(const char *name, const char *note, int64_t age_ms, const char *state,
                          void *arg),
               void *arg);

#endif
