/* Where a request's time goes: the steps it reached, the waits that were not ours, the histograms.
 * Everything that is not a wait for people, terminal or card is our own time, commits included. */
#include "txn/dialogue.h"

#include <stdlib.h>

/* A service's metrics, found by its place in memory: modules stay as they were loaded. */
struct txn_meter {
    struct txn_meter *next;
    const struct service *service; /* NULL: requests for none that is known */
    struct metric *outcomes[OC_VOIDED + 1];
    struct metric *decide, *intent, *card, *outcome, *ledger, *own;
};

static int64_t now(const struct dialogue *d)
{
    return clock_mono_ns(d->env->clock);
}

void timing_begin(struct dialogue *d)
{
    int64_t t = now(d), wall_us = clock_wall_ms(d->env->clock) * 1000;
    d->started_ns = d->req->received_ns != 0 ? d->req->received_ns : t;
    d->res->timeline.received_us = wall_us - (t - d->started_ns) / 1000;
}

void timing_mark(struct dialogue *d, enum step step)
{
    int64_t us = (now(d) - d->started_ns) / 1000;
    if (d->torn == 0 || step == STEP_OUTCOME)
        d->res->timeline.at_us[step] = us < 1 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void timing_again(struct dialogue *d)
{
    for (unsigned i = STEP_CARD; d->torn == 0 && i < STEP_COUNT; i++)
        d->res->timeline.at_us[i] = 0;
}

void timing_wait(struct dialogue *d)
{
    d->wait_began_ns = now(d);
}

void timing_waited(struct dialogue *d, bool card)
{
    int64_t took = now(d) - d->wait_began_ns;
    d->waited_ns += took;
    if (card)
        d->res->card_ns += took;
}

int timing_card(struct dialogue *d, int rc)
{
    timing_waited(d, true);
    return rc;
}

static struct txn_meter *meter_new(struct txn_env *env, const struct service *s, const char *name)
{
    struct metrics *m = env->metrics;
    struct txn_meter *x = calloc(1, sizeof *x);
    char labels[128];
    if (x == NULL)
        return NULL;
    for (unsigned i = OC_POSTED; i <= OC_VOIDED; i++) {
        snprintf(labels, sizeof labels, "service=\"%s\",outcome=\"%s\"", name,
                 oc_outcome_name((enum oc_outcome)i));
        x->outcomes[i] = metric_counter(m, "onecard_transactions_total", labels,
                                        "Requests by service and outcome.");
    }
    snprintf(labels, sizeof labels, "service=\"%s\"", name);
    x->decide = metric_histogram(m, "onecard_decide_seconds", labels, "Time modules took.");
    x->intent = metric_histogram(m, "onecard_intent_wait_seconds", labels,
                                 "Time until intents were durable.");
    x->card = metric_histogram(m, "onecard_card_seconds", labels, "Time cards and terminals took.");
    x->outcome = metric_histogram(m, "onecard_outcome_wait_seconds", labels,
                                  "Time until outcomes were durable.");
    x->ledger =
        metric_histogram(m, "onecard_ledger_seconds", labels, "Time commits took, all of them.");
    x->own = metric_histogram(m, "onecard_own_seconds", labels,
                              "Time requests took, less waits for people, terminals and cards.");
    struct metric *const kept[] = {x->outcomes[OC_POSTED], x->outcomes[OC_REFUSED],
                                   x->outcomes[OC_IN_DOUBT], x->outcomes[OC_VOIDED],
                                   x->decide, x->intent, x->card, x->outcome, x->ledger, x->own};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (metric_lost(kept[i])) { /* the next one tries again */
            free(x);
            return NULL;
        }
    }
    x->service = s;
    x->next = env->meters;
    env->meters = x;
    return x;
}

static struct txn_meter *meter(struct dialogue *d)
{
    struct txn_meter *x = d->env->meters;
    while (x != NULL && x->service != d->service)
        x = x->next;
    return x != NULL
               ? x
               : meter_new(d->env, d->service, d->service != NULL ? service_name(d->service) : "");
}

static void observe(struct metric *x, int64_t ns)
{
    if (ns > 0)
        metric_observe_ns(x, ns);
}

void timing_end(struct dialogue *d)
{
    struct txn_result *r = d->res;
    struct txn_meter *x;
    r->total_ns = now(d) - d->started_ns;
    r->own_ns = r->total_ns - d->waited_ns;
    if (r->replayed || d->env->metrics == NULL || (x = meter(d)) == NULL)
        return;
    metric_add(x->outcomes[r->outcome], 1);
    observe(x->decide, r->decide_ns);
    observe(x->intent, d->intent_ns);
    observe(x->card, r->card_ns);
    observe(x->outcome, d->outcome_ns);
    observe(x->ledger, r->ledger_ns);
    observe(x->own, r->own_ns);
}

void timing_fini(struct txn_env *env)
{
    while (env->meters != NULL) {
        struct txn_meter *x = env->meters;
        env->meters = x->next;
        free(x);
    }
}
