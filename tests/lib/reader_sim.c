/* See reader_sim.h. A torn card has left the field: its answer is unknown (the driver says OC_EIO
 * after the command was handed over, and transmit makes that OC_ECARD_LOST). */
#include "reader_sim.h"

#include <cardsim.h>
#include <stdlib.h>
#include <string.h>

struct reader_sim {
    struct reader *reader;
    struct cardsim *card, *last;
    struct flow_cond never;
    int64_t latency_ms, return_ms;
    unsigned commands;
    bool unplugged;
    void (*hook)(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg);
    void *hook_arg;
};

static void show(struct reader_sim *sim, bool new_card)
{
    enum reader_state state = sim->unplugged ? READER_GONE : sim->card ? READER_CARD : READER_EMPTY;
    reader_set_state(sim->reader, state, new_card);
}

static CO_FN int come_back(void *arg)
{
    struct reader_sim *sim = arg;
    int rc = flow_co_sleep_ms(sim->return_ms);
    if (!rc && !sim->card)
        reader_sim_return(sim);
    return rc;
}

static CO_FN void torn(struct reader_sim *sim)
{
    struct flow *f;
    reader_sim_remove(sim);
    if (sim->return_ms >= 0 && !flow_start(flow_loop(), "card comes back", come_back, sim, &f))
        flow_put(f);
}

static CO_FN int sim_co_connect(struct reader *r, struct reader_card *ret, int64_t deadline_ns)
{
    struct reader_sim *sim = r->driver;
    (void)deadline_ns;
    if (sim->latency_ms) {
        int rc = flow_co_sleep_ms(sim->latency_ms);
        if (rc)
            return rc;
    }
    if (!sim->card)
        return OC_ECARD_GONE;
    cardsim_power_on(sim->card);
    ret->atr_len = cardsim_atr(sim->card, ret->atr);
    ret->protocol = cardsim_options(sim->card)->t0 ? CARD_T0 : CARD_T1;
    return 0;
}

/** Time passes on the loop's clock; whether the answer is still in time. */
static CO_FN int pass_time(struct reader_sim *sim, int64_t ms, int64_t deadline_ns)
{
    if (ms <= 0)
        return 0;
    int64_t until = flow_deadline_ms(ms);
    int rc = flow_co_wait(&sim->never, until < deadline_ns ? until : deadline_ns);
    return until < deadline_ns && rc == OC_ETIMEDOUT ? 0 : rc;
}

static CO_FN int sim_co_transmit(struct reader *r, const uint8_t *cmd, size_t len,
                                 struct reader_answer *ret, int64_t deadline_ns)
{
    struct reader_sim *sim = r->driver;
    if (sim->hook)
        sim->hook(sim, cmd, len, sim->hook_arg);
    struct cardsim *card = sim->card;
    if (!card)
        return OC_ECARD_GONE;
    sim->commands++;
    int err = cardsim_transmit(card, cmd, len, ret->bytes, sizeof(ret->bytes), &ret->len);
    if (err == CARDSIM_TORN || err == CARDSIM_EOFF) {
        torn(sim);
        return OC_EIO;
    }
    if (err == CARDSIM_MUTE)
        return flow_co_wait(&sim->never, deadline_ns);
    if (err)
        return OC_EIO;
    return pass_time(sim, sim->latency_ms + cardsim_take_delay_ms(card), deadline_ns);
}

static CO_FN void sim_co_disconnect(struct reader *r)
{
    struct reader_sim *sim = r->driver;
    if (sim->card)
        cardsim_reset(sim->card);
}

static void sim_free(struct reader *r)
{
    struct reader_sim *sim = r->driver;
    flow_cond_fini(&sim->never);
    free(sim);
}

static const struct reader_ops sim_ops = {
    .co_connect = sim_co_connect,
    .co_transmit = sim_co_transmit,
    .co_disconnect = sim_co_disconnect,
    .free = sim_free,
};

int reader_sim_new(struct readers *rs, const char *name, struct reader_sim **ret)
{
    struct reader_sim *sim = calloc(1, sizeof(*sim));
    if (!sim)
        return OC_ENOMEM;
    sim->return_ms = -1;
    flow_cond_init(&sim->never);
    int rc = readers_add(rs, name, &sim_ops, sim, &sim->reader);
    if (rc) {
        free(sim);
        return rc;
    }
    show(sim, false);
    *ret = sim;
    return 0;
}

struct reader *reader_sim_reader(const struct reader_sim *sim)
{
    return sim->reader;
}

void reader_sim_insert(struct reader_sim *sim, struct cardsim *card)
{
    sim->card = sim->last = card;
    cardsim_power_on(card);
    show(sim, true);
}

struct cardsim *reader_sim_remove(struct reader_sim *sim)
{
    struct cardsim *card = sim->card;
    if (card)
        cardsim_power_off(card);
    sim->card = NULL;
    show(sim, false);
    return card;
}

void reader_sim_return(struct reader_sim *sim)
{
    if (sim->last)
        reader_sim_insert(sim, sim->last);
}

void reader_sim_latency(struct reader_sim *sim, int64_t ms)
{
    sim->latency_ms = ms;
}

void reader_sim_return_after(struct reader_sim *sim, int64_t ms)
{
    sim->return_ms = ms;
}

void reader_sim_plug(struct reader_sim *sim, bool there)
{
    sim->unplugged = !there;
    show(sim, there && sim->card);
}

unsigned reader_sim_commands(const struct reader_sim *sim)
{
    return sim->commands;
}

void reader_sim_hook(struct reader_sim *sim,
                     void (*fn)(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg),
                     void *arg)
{
    sim->hook = fn;
    sim->hook_arg = arg;
}
