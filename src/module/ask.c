/* Services that ask one another, through the host and never by linking. The asked one writes a plan
 * of its own, in the scope of its own module; what it may add is taken over when it agrees. */
#include "module/host_table.h"
#include "module/internal.h"

#include "flow/flow.h"

#include <stdio.h>
#include <string.h>

static struct service *find(const struct modules *set, const char *name)
{
    for (size_t i = 0; i < set->service_count; i++) {
        struct service *s = set->services[i];
        if (strcmp(s->abi->name, name) == 0) {
            return service_needs(s) & OC_ASKABLE ? s : NULL;
        }
    }
    return NULL;
}

static bool goes_in_circle(const struct decision *d, const struct service *s)
{
    unsigned depth = 1;
    for (; d; d = d->up, depth++) {
        if (d->service == s) {
            return true;
        }
    }
    return depth > ONECARD_ASK_DEPTH;
}

static struct onecard_doc *refusal_doc(struct arena *a, const struct plan *p)
{
    struct onecard_doc *d = doc_new(a, DOC_OBJECT);
    doc_put_text(d, "reason", oc_reason_code(p->refused));
    doc_put_text(d, "detail", p->detail);
    return d;
}

/* It refused: so is the plan of who asked, with its words. */
static int pass_refusal(struct decision *d, struct plan *to, const struct plan *from,
                        struct onecard_doc **ret_reply)
{
    if (to && to->refused == OC_R_NONE) {
        to->refused = from->refused;
        memcpy(to->detail, from->detail, sizeof(to->detail));
    }
    *ret_reply = refusal_doc(d->arena, from);
    d->co_err = OC_EREFUSED;
    d->refused = from->refused;
    memcpy(d->detail, from->detail, sizeof(d->detail));
    return OC_EREFUSED;
}

static int answer(struct decision *d, struct plan *to, struct plan *from, int rc,
                  struct onecard_doc **ret_reply)
{
    if (!from->err && from->refused != OC_R_NONE && (rc == 0 || rc == OC_EREFUSED)) {
        return pass_refusal(d, to, from, ret_reply);
    }
    if (rc == 0 && !from->err) {
        *ret_reply = doc_read(d->arena, from->reply, strlen(from->reply), NULL);
        if (to) {
            plan_merge(to, from);
        }
        return *ret_reply ? 0 : OC_ENOMEM;
    }
    if (to) {
        plan_wrong(to, "%s: %.70s", from->scope,
                   from->err ? from->detail : "the service that was asked failed");
    }
    log_error("module", "a service that %s asked failed: %s (%d)", d->service->abi->name,
              from->err ? from->detail : "", rc);
    return OC_EMODULE;
}

/* The asked one's view of the request: the same card and terminal, its own parameters. */
static int view(struct decision *sub, const struct onecard_request *req,
                const struct onecard_doc *params, struct onecard_request *r, struct plan *p)
{
    const char *why = NULL;
    int rc = params_from_doc(params, ONECARD_DOC_BYTES, sub->arena, &sub->params, &why);
    rc = rc ? rc : params_check(&sub->params, sub->service->abi, sub->arena, &why);
    if (rc == OC_EPARSE || rc == OC_EREFUSED) {
        return decision_refuse(p, OC_R_PARAMETER, why);
    }
    *r = *req;
    r->service = sub->service->abi->name;
    r->opaque = sub;
    r->asked_by = sub->up->service->abi->name;
    const char *citizen = params_get(&sub->params, "citizen");
    r->citizen = citizen ? citizen : r->citizen;
    return rc;
}

/* Whom the asking module named must be known. */
static int check_citizen(const struct decision *sub, const struct onecard_request *asking,
                         const struct onecard_request *r, struct plan *p)
{
    if (!(service_needs(sub->service) & OC_NEEDS_CITIZEN) ||
        strcmp(asking->citizen, r->citizen) == 0) {
        return 0;
    }
    int rc = host_co_citizen(asking, r->citizen);
    return rc == OC_ENOENT ? decision_refuse(p, OC_R_NO_CITIZEN, NULL) : rc;
}

static int ask(struct decision *d, const struct onecard_request *req, struct service *s,
               const struct onecard_doc *params, struct plan *p)
{
    struct onecard_request *r = arena_alloc(d->arena, sizeof(*r));
    struct decision *sub = arena_alloc(d->arena, sizeof(*sub));
    if (!r || !sub) {
        return OC_ENOMEM;
    }
    *sub = (struct decision){.service = s,
                             .arena = d->arena,
                             .terminal_params = d->terminal_params,
                             .facts = d->facts,
                             .facts_arg = d->facts_arg,
                             .given = d->given,
                             .up = d,
                             .slow = d->slow};
    int rc = view(sub, req, params, r, p);
    rc = rc ? rc : needs_check(sub, r, p);
    rc = rc ? rc : check_citizen(sub, req, r, p);
    if (rc) {
        return rc;
    }
    sub->mark_ns = d->mark_ns;
    sub->ctx = ctx_get(s->module->now);
    rc = decision_ask(sub, r, p);
    ctx_put(&sub->ctx);
    d->mark_ns = sub->mark_ns;
    d->slow = sub->slow;
    if (rc < 0 && rc == sub->co_err) {
        d->co_err = rc; /* nobody's fault here: the store's, or an institution's */
        d->refused = sub->refused;
        memcpy(d->detail, sub->detail, sizeof(d->detail));
    }
    return rc;
}

int host_co_ask(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                const struct onecard_doc *params, struct onecard_doc **ret_reply)
{
    struct decision *d = decision_of(req);
    if (service_needs(d->service) & OC_BLOCKING) {
        return OC_ENOTSUP;
    }
    if (!service || !ret_reply || (params && doc_is_spoilt(params))) {
        return OC_EINVAL;
    }
    struct service *s = find(d->service->set, service);
    if (!s || service_disabled(s)) {
        return OC_ENOENT;
    }
    if (goes_in_circle(d, s)) {
        d->co_err = OC_ELOOP;
        d->refused = OC_R_ASKED_AGAIN;
        snprintf(d->detail, sizeof(d->detail), "%.40s asks %.40s", d->service->abi->name, service);
        return OC_ELOOP;
    }
    struct plan *own = plan_new(d->arena);
    if (!own) {
        return OC_ENOMEM;
    }
    plan_init(own, d->arena, s->module->abi->name);
    own->asked = true;
    if (s->decisions) {
        metric_add(s->decisions, 1);
    }
    int rc = ask(d, req, s, params, own);
    if (rc < 0 && rc == d->co_err && own->refused == OC_R_NONE) {
        return rc;
    }
    return answer(d, (struct plan *)(void *)plan, own, rc, ret_reply);
}
