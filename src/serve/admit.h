/* Fair admission: so many dialogues work at one time; the others wait in their terminals' own
 * queues, from which they are taken in turn, a terminal after the other. Whoever would wait too
 * long is told so at once. Local gates and desks go through here as well. Loop thread. */
#ifndef SERVE_ADMIT_H
#define SERVE_ADMIT_H

#include "base/base.h"
#include "flow/flow.h"

/* A longer wait than this is not begun. Who waits costs memory; who is sent away and asks again
 * costs core time, both sides, of which there is none to spare just then. */
#define ADMIT_WAIT_MAX_MS 5000

/** One queue: a terminal's. */
struct admit_lane {
    struct list link; /* in admit.ring while somebody waits in it */
    struct list waiters;
};
struct admit {
    struct loop *loop;
    unsigned max_active, max_waiting;
    unsigned active, waiting;
    int64_t hold_ns;  /* how long a place is held, smoothed */
    int64_t again_ns; /* when the next one who is sent away may be asked again */
    struct list ring; /* lanes in which somebody waits, the next one first */
    struct metric *m_wait, *m_active, *m_waiting, *m_busy;
};
/** A place at work, for its whole dialogue; in the caller's memory, zeroed before it is entered. */
struct admit_place {
    struct admit *admit;
    bool held;
    int64_t since_ns;
};

void admit_init(struct admit *a, struct loop *loop, struct metrics *metrics);
/** Nobody may wait (checked). */
void admit_fini(struct admit *a);
/** Takes effect at once; places that are held stay. */
void admit_limits(struct admit *a, unsigned max_active, unsigned max_waiting);
void admit_lane_init(struct admit_lane *l);
/** Waits for a place, at most twice ADMIT_WAIT_MAX_MS. OC_EBUSY: *ret_retry_ms says when to ask
 * again; OC_ECANCELED. */
int admit_co_enter(struct admit *a, struct admit_lane *lane, struct admit_place *ret,
                   uint32_t *ret_retry_ms) CO_FN MUST_USE;
/** Would who enters now be sent away? An eighth of the loop's flows is kept from those who wait.
 * Counted as busy if so: to be asked before anything is made for a request. */
bool admit_full(struct admit *a);
/** Gives the place back; harmless when it was given back already. */
void admit_leave(struct admit_place *p);
/** Takes a place again that was given back while a person was waited for: never waits, may go over
 * the limit for a moment. */
void admit_again(struct admit_place *p);
/** When a request that is sent away now should be asked again: its own moment, at most 30 s off. */
uint32_t admit_retry_ms(struct admit *a);

#endif
