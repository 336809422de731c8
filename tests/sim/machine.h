/* The machine that a simulated daemon stands on: a clock that jumps to whatever happens next, and
 * pools and runners whose work is done on the one thread there is, at virtual times drawn from the
 * seed. What happens between two looks of the loop at its clock happens at one virtual moment. */
#ifndef TESTS_SIM_MACHINE_H
#define TESTS_SIM_MACHINE_H

#include "base/base.h"
#include "flow/flow.h"
#include "rand.h"

struct sim_event {
    int64_t at_ns;
    uint64_t order;
    void (*fn)(void *arg);
    void *arg;
};

struct sim_machine {
    struct clock clock;
    struct threading threading;
    int64_t now_ns;
    int64_t wall_ms; /* at virtual time 0 */
    struct sim_rand rand;
    struct sim_event *heap;
    size_t count, cap;
    uint64_t order;
    uint64_t steps; /* events and deadlines so far */
    /** Called before each of them; what it does may end the daemon. NULL: nobody looks. */
    void (*step)(void *arg);
    void *step_arg;
    /** Nothing will ever happen again though somebody waits. */
    void (*stuck)(void *arg);
};

void sim_machine_init(struct sim_machine *m, uint64_t seed, int64_t wall_ms);
void sim_machine_fini(struct sim_machine *m);
/** Calls fn(arg) outside of flows, `in_ns` from now. */
void sim_after(struct sim_machine *m, int64_t in_ns, void (*fn)(void *arg), void *arg);
/** Takes back what was to be called with `arg`; whether there was any. */
bool sim_forget(struct sim_machine *m, void (*fn)(void *arg), const void *arg);
/** For struct loop_opts: idle and its argument, the machine. */
bool sim_idle(void *arg, int64_t next_ns);

#endif
