/* An agent in this process, a switch that a test plays on the other end of a socket pair, and
 * software readers. The test's flow runs on the agent's loop; it notes what differs and stops, the
 * test asserts after the loop. */
#ifndef AGENT_RIG_H
#define AGENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reader_sim.h"
#include "terminal/internal.h"

#include <cardsim.h>

#include <stdio.h>
#include <string.h>

struct rig {
    char dir[64];
    const char *config; /* text */
    struct agent *agent;
    struct reader_sim *sim;
    struct cardsim *card;
    int (*play)(struct rig *r); /* CO_FN */
    /* the switch's end */
    struct stream *near; /* waits to be taken */
    struct stream *s;
    struct buf in;
    struct arena arena; /* of the last message */
    struct flow_cond dialled;
    bool refuse;
    unsigned dials;
    uint64_t last_request;
    unsigned minor;     /* what Welcome says; 0: an old switch */
    const char *number; /* rig_co_ask() presents this card number, no chip; NULL: the chip */
    /* what happened */
    int rc;
    char wrong[200];
};

#define RIG_DESK                                                                                   \
    "switch: {addresses: [\"switch.test:1\"], retry_min: 50ms, retry_max: 100ms}\nstate: "         \
    "state\nlocal: {socket: local.sock}\nlog: {level: error}\nreaders:\n  - {number: 1, hold: "    \
    "300ms}\n"
#define RIG_GATE                                                                                   \
    "switch: {addresses: [\"switch.test:1\"], retry_min: 50ms, retry_max: 100ms}\nstate: "         \
    "state\nlocal: {socket: local.sock}\nlog: {level: error}\nreaders:\n  - {number: 1, mode: "    \
    "gate, hold: 2s}\n"

/** A new folder and a card. */
void rig_init(struct rig *r, const char *config);
/** Runs the agent until play() returns, in the same folder as before: a second call is a restart.
 * `clean`: as after SIGTERM. */
void rig_run(struct rig *r, int (*play)(struct rig *r));
void rig_fini(struct rig *r);

/* For play(). All give 0, or an error after noting in r->wrong what was not as it should be. */
/** Takes the next connection and answers its Hello. */
int rig_co_welcome(struct rig *r) CO_FN MUST_USE;
int rig_co_accept(struct rig *r) CO_FN MUST_USE;
/** The next message that is no heartbeat. It lives until the next call. */
int rig_co_next(struct rig *r, pb_to_switch **ret) CO_FN MUST_USE;
/** The same, and it must be of that kind. */
int rig_co_expect(struct rig *r, enum pb_to_switch_case kind, pb_to_switch **ret) CO_FN MUST_USE;
/** Nothing but heartbeats comes for so long. */
int rig_co_quiet(struct rig *r, int64_t ms) CO_FN MUST_USE;
int rig_co_send(struct rig *r, pb_to_terminal *m) CO_FN MUST_USE;
/** Cuts the connection. */
void rig_cut(struct rig *r);
int rig_co_result(struct rig *r, uint64_t number, enum pb_outcome outcome,
                  const char *txn) CO_FN MUST_USE;
/** A list of `count` SELECTs of file 3F00. */
int rig_co_list(struct rig *r, uint64_t list, uint64_t arrival, unsigned count,
                int64_t deadline_ms) CO_FN MUST_USE;
/** A request as the clerk's software makes it; its number. */
int rig_co_ask(struct rig *r, const char *service, int64_t fen, const char *ref,
               uint64_t *ret_number) CO_FN MUST_USE;
int rig_wrong(struct rig *r, const char *fmt, ...) PRINTF_FN(2, 3);

#define RIG_NEED(r, cond)                                                                          \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return rig_wrong(r, "line %d: not true: %s", __LINE__, #cond);                         \
    } while (0)
#define RIG_TRY(call)                                                                              \
    do {                                                                                           \
        int rig_rc_ = (call);                                                                      \
        if (rig_rc_ != 0)                                                                          \
            return rig_rc_;                                                                        \
    } while (0)

#endif
