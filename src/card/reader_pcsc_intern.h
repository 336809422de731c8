/* Inside the PC/SC readers: what crosses between the loop and the threads. Not for other folders.
 *
 * Two kinds of thread, each with an object of its own that is counted, because a thread can hang in
 * the library for longer than we live: `worker` (one a reader) and `monitor`. Whoever stops them
 * takes `loop` away under the lock; a thread that comes back later finds no loop, posts nothing and
 * frees what is left. */
#ifndef CARD_READER_PCSC_INTERN_H
#define CARD_READER_PCSC_INTERN_H

#include "card/reader_pcsc.h"
#include <pthread.h>
#include <stdatomic.h>

/* ---- worker
 * -------------------------------------------------------------------------------------------------
 */
enum pcsc_op { PCSC_CONNECT, PCSC_TRANSMIT, PCSC_DISCONNECT };

struct pcsc_slot;
struct pcsc_worker;
/** One call for a worker. Two references: the loop's side, the thread's. */
struct pcsc_job {
    enum pcsc_op op;
    struct pcsc_worker *worker; /* a reference */
    atomic_uint refs;
    uint8_t cmd[APDU_MAX]; /* in: PCSC_TRANSMIT */
    size_t cmd_len;
    int result; /* out, all three: read after `done` */
    struct reader_card card;
    struct reader_answer answer;
    bool done;     /* the loop's: it is back */
    bool given_up; /* the loop's: nobody waits for it */
    struct flow_cond cond;
    struct loop_task task;
};
struct pcsc_worker {
    const struct pcsc_api *api;
    char name[READER_NAME_MAX + 1];
    atomic_uint refs;
    struct pcsc_slot *slot; /* the loop's; NULL once the slot has gone */
    pthread_mutex_t lock;   /* over the four below */
    pthread_cond_t wake;
    struct pcsc_job *job; /* handed over */
    struct loop *loop;    /* NULL: nobody listens any more */
    bool stop, exited;
    /* the thread's own */
    SCARDCONTEXT ctx;
    SCARDHANDLE card;
    DWORD protocol;
    bool has_ctx, has_card;
};

/** Starts the thread of one reader. OC_ENOMEM, OC_EIO. */
int pcsc_worker_new(const struct pcsc_api *api, const char *name, struct loop *loop,
                    struct pcsc_slot *slot, struct pcsc_worker **ret) MUST_USE;
/** Tells it to end and to post nothing more. */
void pcsc_worker_stop(struct pcsc_worker *w);
/** Waits for its end until the monotonic `until_ns`, then gives the reference back in any case. */
void pcsc_worker_put(struct pcsc_worker **w, int64_t until_ns);
/** A job for the worker; its task is run on the loop when it is done. NULL: no memory. The caller
 * puts it. */
struct pcsc_job *pcsc_job_new(struct pcsc_worker *w, enum pcsc_op op) MUST_USE;
void pcsc_job_put(struct pcsc_job *j);
/** Hands it over; the worker must be idle (checked). */
void pcsc_worker_submit(struct pcsc_worker *w, struct pcsc_job *j);
/** The loop's side of a finished job (reader_pcsc.c). */
void pcsc_job_back(struct loop_task *task);

/** Waits until *flag, at most until the monotonic `until_ns`; the lock is held. */
void pcsc_wait_flag(pthread_mutex_t *lock, pthread_cond_t *cond, const bool *flag,
                    int64_t until_ns);
/** A mutex and a condition on the monotonic clock; a detached thread. false: the system has none to
 * give. */
bool pcsc_sync_init(pthread_mutex_t *lock, pthread_cond_t *cond);
bool pcsc_thread(void *(*fn)(void *), void *arg, const char *name);

/* ---- monitor
 * ------------------------------------------------------------------------------------------------
 */
/** What the monitor saw of one reader. */
struct pcsc_seen {
    char name[READER_NAME_MAX + 1];
    enum reader_state state;
    unsigned events; /* pcscd's count of insertions and removals */
};
struct pcsc_monitor;
/** A report to the loop: everything there is now. */
struct pcsc_report {
    struct loop_task task;
    struct pcsc_monitor *monitor; /* a reference */
    bool connected;               /* pcscd answers */
    size_t count;
    struct pcsc_seen seen[READERS_MAX];
};
int pcsc_monitor_new(const struct pcsc_opts *o, struct loop *loop, struct pcsc *owner,
                     struct pcsc_monitor **ret) MUST_USE;
/** Tells it to end and waits until `until_ns`, then gives it up. */
void pcsc_monitor_stop(struct pcsc_monitor **m, int64_t until_ns);
/** The loop's side of a report (reader_pcsc.c). */
void pcsc_take_report(struct pcsc *p, const struct pcsc_report *r);

#endif
