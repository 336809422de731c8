/* Asking a module: the request goes in, a checked plan comes out. Whatever a module does wrong ends
 * here as OC_EMODULE with a line in the log; what it may read is what stands in the request and
 * what co_record gives. */
#ifndef MODULE_HOST_H
#define MODULE_HOST_H

#include "module/load.h"
#include "module/plan.h"

struct pool;

struct decide_input {
    /* The facts; host and opaque are filled here, sizes where they are 0. Texts that are NULL read
     * as "". */
    struct onecard_request req;
    const char *params; /* the requester's parameters: JSON object text; NULL or "": none */
    const char *terminal_params; /* of the terminal's row: likewise */
    /** Reads a module record: as host->co_record, `scope` is the module's name. NULL: there are
     * none. Runs in this flow. */
    int (*co_record)(void *arg, const char *scope, const char *owner, const char *key,
                     uint32_t *ret_version, char *doc, size_t cap);
    void *arg;
    struct arena *arena; /* NULL: the flow's */
    /* For services that block: */
    struct pool *workers; /* NULL: they are refused, MODULE */
    int64_t deadline_ns;  /* when to stop waiting; 0: FLOW_FOREVER. A late answer is dropped */
};

/** Checks the parameters against the service's table and needs against the request, asks the
 * module, checks its plan. Result 0: the plan stands. OC_EREFUSED: plan->refused and plan->detail
 * say why (PARAMETER, AMOUNT, NO_CARD, ORIGINAL_UNKNOWN before the module is asked; its own reason
 * after). OC_EMODULE: the module failed or answered nonsense, plan->refused is MODULE and
 * plan->detail says what. OC_ECANCELED, OC_ETIMEDOUT, OC_EBUSY as they came out of a wait. Over 5
 * ms between two suspensions is counted and logged. Suspends where the module does. */
int module_co_decide(struct service *s, struct decide_input *in,
                     struct plan *ret_plan) CO_FN MUST_USE;

/** The table that modules get: a newer minor only adds at its end. */
const struct onecard_host *module_host(void);

#endif
