/* Asking a module: the request goes in, a checked plan comes out. Whatever a module does wrong ends
 * here as OC_EMODULE with a line in the log; what it may read is what stands in the request and
 * what the table of facts gives. */
#ifndef MODULE_HOST_H
#define MODULE_HOST_H

#include "module/load.h"
#include "module/plan.h"

struct pool;

/** JSON text of a fact, in the decision's arena. */
struct fact_text {
    const char *json;
    size_t len;
};

/** One of the rows that a service asks for: a record of its module, or an account. */
struct fact_look {
    int account; /* enum onecard_account; 0: a record */
    const char *owner, *key; /* key: of a record */
    int rc;      /* [out] 0; OC_ENOENT: an account holds nothing then; or why this one cannot be read */
    uint32_t version;     /* [out] of a record, and it, unsealed */
    struct fact_text doc;
    fen_t fen; /* [out] what an account holds, free of reservations */
};

/** What the host's co_ functions ask; each runs in the flow that decides, and may suspend. `arg` is
 * decide_input's. A member that is NULL: there is no such thing (OC_ENOENT; balances are 0). Errors
 * are as of the host table's function; texts live in the decision's arena. */
struct decide_facts {
    /** Several at once. `scope` is the module's name. 0: each look has its own answer. */
    int (*co_look)(void *arg, const char *scope, struct fact_look *looks, unsigned n);
    int (*co_next_doc)(void *arg, const char *scope, const char *owner, const char *prefix,
                       char key[40], uint32_t *ret_version, struct fact_text *ret);
    /** OC_EREFUSED: *ret says why, where it said so (json NULL: it did not). */
    int (*co_call)(void *arg, const char *participant, const char *kind,
                   const struct fact_text *doc, struct fact_text *ret);
    int (*co_holder)(void *arg, const char *card_number, char ret_citizen[32]);
    int (*co_citizen)(void *arg, const char *citizen);
    /** `service` looks at the personal data: it is noted for the citizen. */
    int (*co_person)(void *arg, const char *service, const char *citizen, struct fact_text *ret);
    int (*co_slot)(void *arg, const char *citizen, const char *app, struct fact_text *ret);
    int (*co_totals)(void *arg, const char *terminal, int64_t first, struct fact_text *ret);
    int (*co_history)(void *arg, unsigned count, struct fact_text *ret);
    int (*co_txn)(void *arg, const char *txn, struct fact_text *ret);
    /** A field of the journey record as text, in the decision's arena; NULL: not there. Never
     * suspends. */
    const char *(*journey)(void *arg, const char *field);
};

struct decide_input {
    /* The facts; host, opaque and document are filled here, sizes where they are 0. Texts that are
     * NULL read as "". */
    struct onecard_request req;
    const char *params; /* the requester's parameters: JSON object text; NULL or "": none */
    const char *terminal_params; /* of the terminal's row: likewise */
    const char *document;        /* sent with the request: JSON object text; NULL: none */
    size_t document_len;
    const struct decide_facts *facts; /* NULL: there are none */
    void *arg;
    unsigned given; /* of OC_NEEDS_LOG, _ACCOUNT, _JOURNEY: what is there, also for services that
                       are asked */
    struct arena *arena; /* NULL: the flow's */
    /* For services that block: */
    struct pool *workers; /* NULL: they are refused, MODULE */
    int64_t deadline_ns;  /* when to stop waiting; 0: FLOW_FOREVER. A late answer is dropped */
};

/** Checks the parameters against the service's table and needs against the request, asks the
 * module, checks its plan. Result 0: the plan stands. OC_EREFUSED: plan->refused and plan->detail
 * say why (PARAMETER, AMOUNT, NO_CARD, ORIGINAL_UNKNOWN, NO_CITIZEN, NEEDS_PRESENCE … before the
 * module is asked; its own reason after; ASKED_AGAIN, UPSTREAM_AWAY and UPSTREAM_REFUSED where it
 * gave back what co_ask() or co_call() said). OC_EMODULE: the module failed or answered nonsense,
 * plan->refused is MODULE and plan->detail says what. OC_ECANCELED, OC_ETIMEDOUT, OC_EBUSY as they
 * came out of a wait. Over 5 ms between two suspensions is counted and logged. Suspends where the
 * module does. */
int module_co_decide(struct service *s, struct decide_input *in,
                     struct plan *ret_plan) CO_FN MUST_USE;

/** The table that modules get: a newer minor only adds at its end. */
const struct onecard_host *module_host(void);

#endif
