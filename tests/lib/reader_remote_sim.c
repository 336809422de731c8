/* See reader_remote_sim.h. One flow is the terminal. It sleeps on its reader's condition, which is
 * also rung for lists, releases and the end. */
#include "reader_remote_sim.h"

#include <stdlib.h>
#include <string.h>

struct remote_sim {
    struct loop *loop;
    struct readers *rs; /* the terminal's */
    struct reader_sim *there;
    struct reader *inner;
    struct reader_remote *remote;
    struct flow *terminal;
    struct card_session session; /* with the card that was told */
    uint64_t told;               /* its arrival, 0: none */
    bool stop;

    struct card_list script, armed;
    struct card_answers answers;
    struct script_book *book;
    const char *kind;
    const struct rng *rng;

    const struct card_list *list; /* waits to be executed */
    struct card_answers *ret;
    uint64_t list_arrival;
    int64_t list_deadline;
    struct flow_cond done;
    bool released;

    int64_t latency_ms;
    unsigned lists, commands, cut_in;
    enum remote_cut cut;
    bool cut_closes;
    void (*change)(const struct card_list *list, struct card_answers *answers, void *arg);
    void *change_arg;
};

static void ring(struct remote_sim *sim)
{
    flow_cond_broadcast(&sim->inner->changed);
}

static bool card_there(const struct remote_sim *sim)
{
    return sim->inner->state == READER_CARD && sim->inner->arrival == sim->told;
}

static void all_not_sent(const struct card_list *list, struct card_answers *ret)
{
    ret->count = list->count;
    for (unsigned i = 0; i < list->count; i++)
        ret->items[i] = (struct card_answer){.state = CARD_NOT_SENT};
}

/* ---- the terminal ---- */

static CO_FN int power(struct remote_sim *sim)
{
    if (sim->session.open && card_present(&sim->session))
        return 0;
    card_co_close(&sim->session);
    return card_co_open(&sim->session, sim->inner, 0, flow_deadline_ms(1000));
}

static CO_FN void run(struct remote_sim *sim, const struct card_list *list, int64_t deadline_ns,
                      struct card_answers *ret)
{
    sim->session.deadline_ns = deadline_ns;
    card_list_co_run(&sim->session, list, ret);
}

static int next_script(struct remote_sim *sim)
{
    sim->script = sim->armed;
    sim->armed.count = 0;
    return sim->book ? script_build(sim->book, sim->kind, sim->rng, &sim->script) : 0;
}

static CO_FN void card_came(struct remote_sim *sim)
{
    sim->told = sim->inner->arrival;
    int rc = power(sim);
    if (!rc)
        rc = next_script(sim);
    if (!rc && sim->script.count)
        run(sim, &sim->script, FLOW_FOREVER, &sim->answers);
    struct remote_card card = {
        .arrival = sim->told,
        .atr = sim->session.card.atr,
        .atr_len = sim->session.card.atr_len,
        .script = sim->script.count ? &sim->script : NULL,
        .answers = &sim->answers,
    };
    if (rc || reader_remote_card(sim->remote, &card))
        log_warn("card", "the terminal could not tell its card: %s", oc_strerror(rc));
    sim->script.count = 0;
}

static CO_FN void card_left(struct remote_sim *sim)
{
    card_co_close(&sim->session);
    reader_remote_removed(sim->remote, sim->told);
    sim->told = 0;
}

static CO_FN void serve_list(struct remote_sim *sim)
{
    if (sim->list_arrival != sim->told || !card_there(sim) || power(sim)) {
        all_not_sent(sim->list, sim->ret);
    } else {
        unsigned before = sim->session.apdus;
        run(sim, sim->list, sim->list_deadline, sim->ret);
        sim->lists++;
        sim->commands += sim->session.apdus - before;
    }
    sim->list = NULL;
    flow_cond_broadcast(&sim->done);
}

static CO_FN int terminal(void *arg)
{
    struct remote_sim *sim = arg;
    int rc = 0;
    while (!sim->stop && !rc) {
        bool removed = sim->told && !card_there(sim);
        if (sim->list)
            serve_list(sim);
        else if (removed)
            card_left(sim);
        else if (!sim->told && sim->inner->state == READER_CARD)
            card_came(sim);
        else if (sim->released) {
            sim->released = false;
            card_co_close(&sim->session);
        } else
            rc = flow_co_wait(&sim->inner->changed, FLOW_FOREVER);
    }
    card_co_close(&sim->session);
    return rc;
}

/* ---- the wire ---- */

static enum remote_cut fate(struct remote_sim *sim)
{
    return sim->cut_in && --sim->cut_in == 0 ? sim->cut : REMOTE_CUT_NEVER;
}

static CO_FN int at_terminal(struct remote_sim *sim, uint64_t arrival, const struct card_list *list,
                             struct card_answers *ret, int64_t deadline_ns)
{
    sim->ret = ret;
    sim->list_arrival = arrival;
    sim->list_deadline = deadline_ns;
    sim->list = list;
    ring(sim);
    while (sim->list) {
        int rc = flow_co_wait(&sim->done, FLOW_FOREVER);
        if (rc)
            return rc;
    }
    return 0;
}

static CO_FN int lose(struct remote_sim *sim, int64_t deadline_ns)
{
    if (sim->cut_closes) {
        reader_remote_close(sim->remote);
        return OC_ECLOSED;
    }
    while (loop_now_ns(sim->loop) < deadline_ns) {
        if (flow_co_wait(&sim->done, deadline_ns) == OC_ECANCELED)
            break;
    }
    return OC_ETIMEDOUT;
}

static CO_FN int link_co_run(void *arg, uint64_t arrival, const struct card_list *list,
                             struct card_answers *ret, int64_t deadline_ns)
{
    struct remote_sim *sim = arg;
    enum remote_cut cut = fate(sim);
    int rc = sim->latency_ms ? flow_co_sleep_ms(sim->latency_ms) : 0;
    if (cut == REMOTE_CUT_UNSENT && sim->cut_closes)
        reader_remote_close(sim->remote);
    if (rc || cut == REMOTE_CUT_UNSENT)
        return OC_ECARD_GONE;
    if (cut == REMOTE_CUT_BEFORE)
        return lose(sim, deadline_ns);
    if (cut == REMOTE_CUT_NOT_SENT)
        all_not_sent(list, ret);
    else
        rc = at_terminal(sim, arrival, list, ret, deadline_ns);
    if (cut == REMOTE_CUT_AFTER)
        return lose(sim, deadline_ns);
    if (!rc && sim->change)
        sim->change(list, ret, sim->change_arg);
    return rc;
}

static void link_release(void *arg, uint64_t arrival)
{
    struct remote_sim *sim = arg;
    sim->released = arrival == sim->told;
    ring(sim);
}

/* ---- both ---- */

int remote_sim_new(struct loop *loop, const char *name, struct remote_sim **ret)
{
    struct remote_sim *sim = calloc(1, sizeof(*sim));
    if (!sim)
        return OC_ENOMEM;
    struct remote_link link = {.co_run = link_co_run, .release = link_release, .arg = sim};
    sim->loop = loop;
    flow_cond_init(&sim->done);
    int rc = readers_new(&sim->rs);
    if (!rc)
        rc = reader_sim_new(sim->rs, name, &sim->there);
    if (!rc)
        rc = reader_remote_new(name, &link, &sim->remote);
    if (!rc) {
        sim->inner = reader_sim_reader(sim->there);
        reader_remote_plugged(sim->remote, true);
        rc = flow_start(loop, "terminal", terminal, sim, &sim->terminal);
    }
    if (rc)
        remote_sim_free(&sim);
    *ret = sim;
    return rc;
}

static CO_FN int end(void *arg)
{
    struct remote_sim *sim = arg;
    sim->stop = true;
    ring(sim);
    return flow_co_join(sim->terminal, NULL, FLOW_FOREVER);
}

void remote_sim_free(struct remote_sim **ref)
{
    struct remote_sim *sim = *ref;
    *ref = NULL;
    if (!sim)
        return;
    if (sim->terminal && loop_run_flow(sim->loop, "terminal ends", end, sim))
        log_warn("card", "the terminal did not end");
    flow_put(sim->terminal);
    if (sim->remote)
        reader_remote_close(sim->remote);
    reader_remote_free(&sim->remote);
    readers_free(&sim->rs);
    flow_cond_fini(&sim->done);
    free(sim);
}

struct reader *remote_sim_reader(const struct remote_sim *sim)
{
    return reader_remote_reader(sim->remote);
}

struct reader_remote *remote_sim_remote(const struct remote_sim *sim)
{
    return sim->remote;
}

struct reader_sim *remote_sim_terminal(const struct remote_sim *sim)
{
    return sim->there;
}

void remote_sim_arm(struct remote_sim *sim, const struct card_list *script)
{
    if (script)
        sim->armed = *script;
    else
        sim->armed.count = 0;
}

void remote_sim_learn(struct remote_sim *sim, struct script_book *book, const char *kind,
                      const struct rng *rng)
{
    sim->book = book;
    sim->kind = kind;
    sim->rng = rng;
}

void remote_sim_latency(struct remote_sim *sim, int64_t ms)
{
    sim->latency_ms = ms;
}

unsigned remote_sim_lists(const struct remote_sim *sim)
{
    return sim->lists;
}

unsigned remote_sim_commands(const struct remote_sim *sim)
{
    return sim->commands;
}

void remote_sim_cut(struct remote_sim *sim, unsigned nth, enum remote_cut how, bool close)
{
    sim->cut_in = nth;
    sim->cut = how;
    sim->cut_closes = close;
}

void remote_sim_answers(struct remote_sim *sim,
                        void (*fn)(const struct card_list *list, struct card_answers *answers,
                                   void *arg),
                        void *arg)
{
    sim->change = fn;
    sim->change_arg = arg;
}
