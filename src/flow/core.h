/* What the files of this folder share: the insides of a loop and of a flow. Private to this folder.
 *
 * Invariants. A flow is in exactly one of: the ready queue (READY), a condition's list (WAITING),
 * entered (RUNNING; at most one a loop), over (ENDED). Only flow_wake_() takes a flow from WAITING
 * to READY, and it takes it off the condition and the timer heap at once, so the first reason to
 * wake is the only one. Only enter in loop.c makes RUNNING of READY. */
#ifndef FLOW_CORE_H
#define FLOW_CORE_H

#include "base/base.h"
#include "flow/flow.h"
#include "flow/switch.h"

#include <stdatomic.h>

struct event;
struct event_base;

enum flow_state { FLOW_READY, FLOW_RUNNING, FLOW_WAITING, FLOW_ENDED };

struct flow_call {
    struct flow_call *next;
    void (*fn)(void *arg);
    void *arg;
};

struct flow {
    struct loop *loop;
    struct fiber *fiber;
    flow_fn fn;
    void *arg;
    int result;
    int wake_code; /* what the suspension in progress will return */
    enum flow_state state;
    unsigned refs;
    unsigned shield;
    bool cancelled, background, deferring;
    struct list all;   /* in loop->flows */
    struct list queue; /* in loop->ready or in a condition */
    size_t timer;      /* place in the timer heap + 1; 0: none */
    int64_t deadline_ns;
    uint64_t timer_seq;
    int64_t started_ns;
    struct arena arena;
    struct flow_call *calls; /* deferred, last first */
    struct flow_cond ended;
    char name[32];
    char note[64];
};

/* A binary heap by (deadline, order of arming). Room for every flow is reserved when it starts. */
struct timers {
    struct flow **heap;
    size_t count, cap;
    uint64_t seq;
};
int timers_reserve(struct timers *t, size_t count) MUST_USE;
void timers_fini(struct timers *t);
void timers_add(struct timers *t, struct flow *f, int64_t deadline_ns);
void timers_del(struct timers *t, struct flow *f);
struct flow *timers_first(const struct timers *t);

struct loop_sig {
    struct loop_sig *next;
    struct event *ev;
    void (*fn)(int signo, void *arg);
    void *arg;
};

struct loop {
    struct event_base *base;
    const struct clock *clock;
    struct loop_opts opts;
    struct fiber_pool fibers;
    struct arena_pool arenas; /* of its flows */
    struct flow *running;
    struct list ready, flows;
    struct flow **seeded; /* the ready flows when opts.seed is set, any order */
    size_t ready_count;
    uint64_t random;
    unsigned flow_count, max_flows;
    struct timers timers;
    int64_t refusal_logged_ns;
    /* Posting: a stack that threads push to; the loop takes it whole. */
    _Atomic(struct loop_task *) posted;
    atomic_bool asleep;
    int wake_fd, timer_fd;
    struct event *wake_ev, *timer_ev;
    int64_t armed_ns; /* the deadline the timer is set to, 0: not set */
    struct loop_sig *sigs;
    bool stopping, cancelled;
    int64_t drain_ns; /* when flows are cancelled, then when the loop gives up on them */
    struct loop_task *hooks;
    uint64_t stalls;
    struct metric *m_flows, *m_started, *m_refused, *m_stalls;
};

/** Enters a ready flow until it suspends or ends. Loop only. */
void flow_enter_(struct flow *f);
/** Makes a waiting flow ready; its suspension returns `code`. */
void flow_wake_(struct flow *f, int code);
void loop_ready_push_(struct loop *l, struct flow *f);
struct flow *loop_ready_pop_(struct loop *l);
/** Runs what was posted; was there anything? */
bool loop_run_posted_(struct loop *l);
/** Before an operation that may not need to suspend: delivers a cancellation, suspends in the
 * always-yield mode. */
int flow_co_checkpoint_(void) CO_FN MUST_USE;
/** Frees a flow whose loop ends. */
void flow_abandon_(struct flow *f);
/** Counts and logs when more than 50 ms have gone by since `since_ns` (machine time); returns now.
 */
int64_t loop_watch_(struct loop *l, int64_t since_ns, const char *what, const char *note);

#endif
