/* What the night asks modules to do, as an operator would: the day's missed appointments are
 * counted. It is asked by the terminal "night" of participant "site", which is made when first
 * needed; so who did it stands in the journal (R20).
 *
 * A day is asked for until nothing is left, some hundred at a look: each is a transaction of its
 * own, and a night that is broken off goes on where it was. */
#include "serve/console.h"

#include <onecard/module.h>

#include <stdio.h>
#include <string.h>

#define SERVICE  "medical.sweep"
#define TERMINAL "night"
#define AT_ONCE  200 /* of one look: what a flow allocates stays until its end */
#define DAYS     7   /* before today; earlier ones are found at the next booking */

static CO_FN int find_terminal(struct serve *s)
{
    struct terminal_row *t = arena_alloc(flow_arena(), sizeof *t);
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    return t && op ? site_co_terminal(s, TERMINAL, SERVICE, op, t) : OC_ENOMEM;
}

/* One appointment of that day. 0: *ret_more says whether there was one. */
static CO_FN int sweep_one(struct serve *s, date_t day, struct txn_request *req,
                           struct txn_result *res, bool *ret_more)
{
    memset(req, 0, sizeof *req);
    memset(res, 0, sizeof *res);
    (void)snprintf(req->service, sizeof req->service, SERVICE);
    (void)snprintf(req->terminal, sizeof req->terminal, TERMINAL);
    (void)snprintf(req->who, sizeof req->who, "onecardd");
    (void)snprintf(req->params[0].name, sizeof req->params[0].name, "day");
    (void)snprintf(req->params[0].value, sizeof req->params[0].value, "%08d", (int)day);
    req->param_count = 1;
    int rc = rng_fill(s->env.rng, &req->trace, sizeof req->trace);
    rc = rc ? rc : txn_co_run(&s->env, NULL, req, res);
    if (rc == 0 && res->outcome != OC_POSTED) {
        log_error("night", SERVICE " of %08d: %s", (int)day, res->detail);
        rc = OC_EREFUSED;
    }
    *ret_more = rc == 0 && res->txn != 0; /* what only was shown has no row */
    return rc;
}

static CO_FN int sweep_day(struct serve *s, date_t day, unsigned *left)
{
    struct txn_request *req = arena_alloc(flow_arena(), sizeof *req);
    struct txn_result *res = arena_alloc(flow_arena(), sizeof *res);
    unsigned missed = 0;
    bool more = true;
    int rc = req && res ? 0 : OC_ENOMEM;
    while (rc == 0 && more && *left > 0) {
        --*left;
        rc = sweep_one(s, day, req, res, &more);
        missed += more;
    }
    if (missed > 0)
        log_info("night", "%u missed appointments of %08d counted", missed, (int)day);
    return rc == 0 && more ? OC_EBUSY : rc;
}

int night_co_sweep(struct serve *s, date_t from, date_t to)
{
    const char *hint;
    unsigned left = AT_ONCE;
    if (!module_service(s->modules, SERVICE, flow_arena(), &hint))
        return 0;
    date_t earliest = date_add(to, 1 - DAYS);
    int rc = find_terminal(s);
    for (date_t d = from > earliest ? from : earliest; rc == 0 && d <= to; d = date_add(d, 1))
        rc = sweep_day(s, d, &left);
    return rc;
}
