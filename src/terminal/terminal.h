/* The public face of terminal: the agent that owns the readers of a desk PC, a gate or a POS box,
 * speaks with the switch over the terminal protocol (include/onecard/terminal.proto,
 * docs/PROTOCOL.md) and gives the clerk's software a local interface. It knows nothing of money: it
 * executes lists of card commands and remembers what it asked until it knows the answer. */
#ifndef TERMINAL_TERMINAL_H
#define TERMINAL_TERMINAL_H

#include "base/base.h"
#include "card/card.h"
#include "flow/flow.h"

struct agent;

/** Opens connections to the switch: TCP and TLS, or a test's. */
struct agent_dial {
    /** A stream on which frames can be written at once. `address` is one of the configured texts.
     * OC_EPERM: refused, and why in `why` (static text); any other error: nobody there now. */
    int (*co_dial)(void *arg, const char *address, int64_t deadline_ns, struct stream **ret,
                   const char **ret_why);
    void *arg;
};

struct agent_opts {
    const char *file;                          /* configuration */
    const char *text;                          /* its content, NULL: read the file */
    bool no_signals;                           /* tests */
    bool no_pcsc;                              /* readers come from elsewhere: agent_readers() */
    const struct agent_dial *dial;             /* NULL: TCP and TLS */
    void (*ready)(struct agent *a, void *arg); /* in a flow; NULL */
    void *arg;
};

/** Reads configuration, identity and store, makes the loop. Each mistake is one line on stderr or
 * in the log. OC_ENOENT: no configuration, or never enrolled; OC_EBUSY: another agent uses the
 * state folder; others. Blocks. */
int agent_open(const struct agent_opts *o, struct agent **ret) MUST_USE WORKER_FN;
/** Runs until SIGTERM, SIGINT or agent_stop(). 0, or why it could not go on. */
int agent_run(struct agent *a) MUST_USE;
/** What was begun with a card may end (10 s), then the loop stops. Loop thread. */
void agent_stop(struct agent *a);
/** NULL inside is fine. Blocks. */
void agent_close(struct agent **a) WORKER_FN;
/** One line for the log: who this is and where it connects. */
void agent_describe(const struct agent *a, struct buf *out);

/* For tests. */
struct loop *agent_loop(struct agent *a);
struct readers *agent_readers(struct agent *a);
/** TCP port of the local interface, 0: none. */
int agent_local_port(const struct agent *a);

/** Enrols: key and request are made here, the certificate comes from the switch, both are kept in
 * the state folder. What happened is printed to `out`. `token`: "ID.SECRET.FINGERPRINT". `again`:
 * also where there is an identity already. OC_EEXIST, OC_EINVAL (configuration or token), OC_EPERM
 * (refused; `out` says why), others. Blocks. */
int terminal_enroll(const char *file, const char *token, bool again,
                    struct buf *out) MUST_USE WORKER_FN;
/** Appends the address of the local page with its token. OC_ENOENT: no TCP address is configured,
 * or the agent never ran. Blocks. */
int terminal_page_link(const char *file, struct buf *out) MUST_USE WORKER_FN;

/* Configuration as onecardd has it. */
/** Prints each mistake, 0 or OC_EINVAL. Blocks. */
int terminal_config_check(const char *file, struct buf *out) MUST_USE WORKER_FN;
int terminal_config_dump(const char *file, struct buf *out) MUST_USE WORKER_FN;
void terminal_config_sample(struct buf *out);
void terminal_config_minimal(struct buf *out);

#endif
