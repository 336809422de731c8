/* The daemon's life: open in order, run, close in the opposite order. */
#ifndef SERVE_BOOT_H
#define SERVE_BOOT_H

#include "base/base.h"
#include "card/card.h"
#include "crypto/crypto.h"
#include "flow/flow.h"
#include "serve/config.h"

struct serve;
struct onecard_module;
struct upstream_answer;
struct upstream_exchange;
struct upstream_route;

/** What the daemon stands on instead of this machine: a simulator's. Must outlive it. */
struct serve_world {
    const struct clock *clock;
    const struct rng *rng;
    const struct threading *threading;
    struct loop_opts loop; /* clock, order, idle; how many flows and the metrics are the daemon's */
    /** Instead of HTTP to institutions; NULL: there are none. */
    int (*co_exchange)(void *arg, const struct upstream_exchange *e, struct upstream_answer *ret);
    void *arg;
    const struct upstream_route *routes;
    size_t route_count;
};

struct serve_opts {
    const char *file; /* configuration file */
    const char *text; /* its text instead of the file's (tests); NULL: read it */
    bool no_signals;  /* several daemons in one process (tests): nobody asks for signals */
    const struct onecard_module *const
        *modules; /* linked-in ones instead (tests), NULL-terminated */
    const struct serve_world *world; /* NULL: this machine. Else nothing is listened to: neither the
                                        API nor terminals nor institutions have a door */
    /** Called on the loop when everything serves. NULL: nothing. */
    void (*ready)(struct serve *s, void *arg);
    void *arg;
};

/** Reads the configuration and opens key store, ledger, profiles, modules and readers. Each failure
 * is one line in the log: what, where, what to do. Errors of what failed. Blocks. */
int serve_open(const struct serve_opts *o, struct serve **ret) MUST_USE WORKER_FN;
/** Recovers, starts stations and the API, and runs until it is told to stop. 0 after an orderly
 * end; else what kept it from starting. Blocks. */
int serve_run(struct serve *s) MUST_USE WORKER_FN;
/** Asks it to stop: takes nothing new, lets dialogues end. Loop thread. */
void serve_stop(struct serve *s);
/** Closes everything. NULL inside is fine. Blocks. */
void serve_close(struct serve **s) WORKER_FN;

/** Appends what a person wants to know at the start: site, ledger, modules, socket. */
void serve_describe(const struct serve *s, struct buf *out);

/** For tests: its loop, its readers. */
struct loop *serve_loop(struct serve *s);
struct readers *serve_readers(struct serve *s);
/** The port of the first of terminals.listen; 0: none. */
int serve_terminal_port(const struct serve *s);
/** The port of institutions.listen; 0: none. */
int serve_institution_port(const struct serve *s);

#endif
