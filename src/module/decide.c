/* One decision: check what came from outside, ask the module, judge its answer. The module's words
 * reach nobody before plan_finish() has looked at them. A blocking service works on a copy of
 * everything, on a worker, and its plan is copied back only when the flow is still there to take
 * it. */
#include "module/internal.h"

#include "flow/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The request is constant to the module; what hangs off it is ours. */
struct decision *decision_of(const struct onecard_request *req)
{
    union {
        const void *c;
        void *m;
    } p = {.c = req->opaque};
    return p.m;
}

void decision_pause(struct decision *d)
{
    int64_t held = clock_mono_ns(d->service->set->clock) - d->mark_ns;
    d->slow = d->slow || held > MODULE_SLOW_NS;
}

void decision_resume(struct decision *d)
{
    d->mark_ns = clock_mono_ns(d->service->set->clock);
}

static void note_speed(struct service *s, bool slow)
{
    if (!slow) {
        atomic_store_explicit(&s->streak, 0, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&s->slow, 1, memory_order_relaxed);
    if (s->slow_total) {
        metric_add(s->slow_total, 1);
    }
    unsigned streak = atomic_fetch_add_explicit(&s->streak, 1, memory_order_relaxed) + 1;
    log_warn("module", "%s held the loop for over 5 ms", s->abi->name);
    if (s->set->slow_limit && streak >= s->set->slow_limit) {
        atomic_store_explicit(&s->disabled, true, memory_order_relaxed);
        log_error("module", "%s is disabled: slow %u times in a row", s->abi->name, streak);
    }
}

int decision_refuse(struct plan *p, enum oc_reason reason, const char *detail)
{
    p->refused = reason;
    snprintf(p->detail, sizeof(p->detail), "%s", detail ? detail : "");
    return OC_EREFUSED;
}

static int fail(struct service *s, struct plan *p, const char *what)
{
    char text[sizeof(p->detail)];
    snprintf(text, sizeof(text), "%s", what);
    log_error("module", "%s: %s", s->abi->name, text);
    if (s->failures) {
        metric_add(s->failures, 1);
    }
    plan_init(p, p->arena,
              s->module->abi->name); /* nothing of a failed plan may be executed by mistake */
    p->refused = OC_R_MODULE;
    memcpy(p->detail, text, sizeof(text));
    return OC_EMODULE;
}

static int check_params(struct decision *d, const struct decide_input *in, struct plan *p)
{
    const char *why = NULL;
    int rc = params_parse(in->params, d->arena, &d->params, &why);
    if (rc == OC_EPARSE) {
        return decision_refuse(p, OC_R_PARAMETER, why);
    }
    if (rc) {
        return rc;
    }
    rc = params_check(&d->params, d->service->abi, d->arena, &why);
    if (rc) {
        return decision_refuse(p, OC_R_PARAMETER, why);
    }
    rc = params_parse(in->terminal_params, d->arena, &d->terminal_params, &why);
    if (rc == OC_EPARSE) {
        log_error("module", "parameters of terminal %s: %s", in->req.terminal.id, why ? why : "");
        return decision_refuse(p, OC_R_TERMINAL_MAY_NOT,
                               "the terminal's own parameters are malformed");
    }
    return rc;
}

/* Texts that the caller left NULL read as "": modules compare without looking. */
static void no_nulls(const char **texts[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!*texts[i]) {
            *texts[i] = "";
        }
    }
}

static int fill_document(struct decision *d, const struct decide_input *in,
                         struct onecard_request *r, struct plan *p)
{
    const char *why = "";
    if (!in->document) {
        return 0;
    }
    r->document = in->document_len <= ONECARD_DOC_BYTES
                      ? doc_read(d->arena, in->document, in->document_len, &why)
                      : NULL;
    if (!r->document || r->document->kind != DOC_OBJECT) {
        plan_wrong(p, "the document is no JSON object of at most %d bytes: %.40s",
                   ONECARD_DOC_BYTES, why);
        p->err = 0; /* the requester's mistake, not the module's */
        p->refused = OC_R_PARAMETER;
        return OC_EREFUSED;
    }
    return 0;
}

static int fill_request(struct decision *d, const struct decide_input *in,
                        struct onecard_request *r)
{
    *r = in->req;
    r->asked_by = NULL;
    r->size = sizeof(*r);
    r->host = module_host();
    r->service = d->service->abi->name;
    r->opaque = d;
    no_nulls((const char **[]){&r->terminal.id, &r->terminal.kind, &r->terminal.participant,
                               &r->citizen, &r->who, &r->txn_hint},
             6);
    if (r->card) {
        struct onecard_card *c = arena_copy(d->arena, r->card, sizeof(*c));
        if (!c) {
            return OC_ENOMEM;
        }
        c->size = sizeof(*c);
        no_nulls((const char **[]){&c->record_owner, &c->number, &c->profile, &c->citizen,
                                   &c->card_category, &c->ledger_category, &c->last_service,
                                   &c->last_terminal, &c->state},
                 9);
        r->card = c;
    }
    if (r->original) {
        struct onecard_original *o = arena_copy(d->arena, r->original, sizeof(*o));
        if (!o) {
            return OC_ENOMEM;
        }
        o->size = sizeof(*o);
        no_nulls((const char **[]){&o->txn, &o->service, &o->participant}, 3);
        r->original = o;
    }
    return 0;
}

int decision_ask(struct decision *d, const struct onecard_request *r, struct plan *p)
{
    return d->service->abi->decide(d->ctx->ctx, r, (struct onecard_plan *)(void *)p);
}

/* What the module's answer means. */
static int judge(const struct decision *d, const struct onecard_request *r, int rc, struct plan *p)
{
    struct service *s = d->service;
    if (p->err) {
        return fail(s, p, p->detail);
    }
    if (p->refused != OC_R_NONE && (rc == 0 || rc == OC_EREFUSED)) {
        return OC_EREFUSED;
    }
    if (rc < 0 && rc == d->co_err) {
        if (d->refused != OC_R_NONE) {
            char text[sizeof(d->detail)];
            memcpy(text, d->detail, sizeof(text));
            return decision_refuse(p, d->refused, text);
        }
        return rc; /* not the module's fault: the store's, or a cancellation */
    }
    if (rc == OC_EREFUSED) {
        return fail(s, p, "refused without a reason");
    }
    if (rc != 0) {
        char text[96];
        snprintf(text, sizeof(text), "decide() gave %d (%s)", rc,
                 rc < 0 ? oc_strerror(rc) : "not an error number");
        return fail(s, p, text);
    }
    if ((p->kind == OC_PLAN_DEBIT || p->kind == OC_PLAN_CREDIT) && !r->card) {
        return fail(s, p, "the plan moves a purse, and no card is there");
    }
    if (p->slot.app[0] && !r->card) {
        return fail(s, p, "the plan changes a card's slot, and no card is there");
    }
    if (p->refund && (!r->original || p->amount > r->original->amount_fen)) {
        return fail(s, p, "the plan refunds more than there is to refund");
    }
    return plan_finish(p) ? fail(s, p, p->detail) : 0;
}

/* ---- blocking services ---------------------------------------------------------------------- */

struct blocking_job {
    struct offload_job job;
    struct arena arena;
    struct decision decision;
    struct onecard_request *req;
    struct plan plan;
};

static void job_run(struct offload_job *job)
{
    struct blocking_job *b = CONTAINER_OF(job, struct blocking_job, job);
    job->result = decision_ask(&b->decision, b->req, &b->plan);
}

static void job_destroy(struct offload_job *job)
{
    struct blocking_job *b = CONTAINER_OF(job, struct blocking_job, job);
    ctx_put(&b->decision.ctx);
    arena_fini(&b->arena);
}

static int copy_params(struct params *p, struct arena *a)
{
    struct param *items = arena_alloc(a, (p->count + 1) * sizeof(*items));
    if (!items) {
        return OC_ENOMEM;
    }
    for (size_t i = 0; i < p->count; i++) {
        items[i].name = arena_strdup(a, p->items[i].name);
        items[i].text = arena_strdup(a, p->items[i].text);
        if (!items[i].name || !items[i].text) {
            return OC_ENOMEM;
        }
    }
    p->items = items;
    return 0;
}

static struct blocking_job *job_make(const struct decision *d, const struct onecard_request *r)
{
    struct blocking_job *b = offload_job_new(sizeof(*b), job_run, job_destroy);
    if (!b) {
        return NULL;
    }
    arena_init(&b->arena, 0);
    b->job.droppable = true;
    b->decision = *d;
    b->decision.arena = &b->arena;
    b->decision.ctx = ctx_get(d->ctx);
    plan_init(&b->plan, &b->arena, d->service->module->abi->name);
    b->req = request_copy(r, &b->arena);
    if (!b->req || copy_params(&b->decision.params, &b->arena) ||
        copy_params(&b->decision.terminal_params, &b->arena)) {
        offload_job_put(&b->job);
        return NULL;
    }
    b->req->opaque = &b->decision;
    return b;
}

static int co_ask_worker(struct decision *d, const struct onecard_request *r,
                         const struct decide_input *in, struct plan *p) CO_FN;
static int co_ask_worker(struct decision *d, const struct onecard_request *r,
                         const struct decide_input *in, struct plan *p)
{
    if (!in->workers) {
        return decision_refuse(p, OC_R_MODULE, "there are no workers for services that block");
    }
    struct blocking_job *b = job_make(d, r);
    if (!b) {
        return OC_ENOMEM;
    }
    int rc =
        flow_co_offload(in->workers, &b->job, in->deadline_ns ? in->deadline_ns : FLOW_FOREVER);
    if (rc == 0) {
        rc = plan_copy(p, &b->plan, d->arena);
        rc = rc ? rc : judge(d, r, b->job.result, p);
    }
    offload_job_put(&b->job);
    return rc;
}

static int co_ask_here(struct decision *d, const struct onecard_request *r, struct plan *p) CO_FN;
static int co_ask_here(struct decision *d, const struct onecard_request *r, struct plan *p)
{
    decision_resume(d);
    int rc = decision_ask(d, r, p);
    decision_pause(d);
    note_speed(d->service, d->slow);
    return judge(d, r, rc, p);
}

static int co_decide(struct decision *d, struct decide_input *in, struct plan *p) CO_FN;
static int co_decide(struct decision *d, struct decide_input *in, struct plan *p)
{
    struct onecard_request r;
    int rc = fill_request(d, in, &r);
    rc = rc ? rc : fill_document(d, in, &r, p);
    rc = rc ? rc : needs_check(d, &r, p);
    rc = rc ? rc : check_params(d, in, p);
    if (rc) {
        return rc;
    }
    return (service_needs(d->service) & OC_BLOCKING) ? co_ask_worker(d, &r, in, p)
                                                     : co_ask_here(d, &r, p);
}

int module_co_decide(struct service *s, struct decide_input *in, struct plan *p)
{
    struct arena *a = in->arena ? in->arena : flow_arena();
    plan_init(p, a, s->module->abi->name);
    if (s->decisions) {
        metric_add(s->decisions, 1);
    }
    if (service_disabled(s)) {
        return decision_refuse(p, OC_R_MODULE, "the service is disabled: it was too slow");
    }
    struct decision d = {
        .service = s,
        .arena = a,
        .facts = in->facts,
        .facts_arg = in->arg,
        .given = in->given,
    };
    d.ctx = ctx_get(s->module->now);
    int rc = co_decide(&d, in, p);
    ctx_put(&d.ctx);
    return rc;
}
