/* What tests play with a city beyond one request at one reader: gates, other operators, blank
 * chips, two dialogues at once. */
#include "city.h"

#include <stdio.h>
#include <string.h>

struct txn_result *city_tap(struct city *c, int card, int64_t retap_ms)
{
    struct txn_request q = city_request("transit.ride", "bus", 0);
    c->clock.ahead_ms += 2000;
    reader_sim_remove(c->sim);
    reader_sim_insert(c->sim, c->card[card]);
    q.gate = true;
    q.arrival = reader_sim_reader(c->sim)->arrival;
    q.retap_ms = retap_ms;
    return city_run(c, &q);
}

struct txn_result *city_look(struct city *c, int card)
{
    struct txn_request q = city_request("payment.balance", "shop", 0);
    reader_sim_remove(c->sim);
    reader_sim_insert(c->sim, c->card[card]);
    return city_run(c, &q);
}

const struct txn_row *city_elsewhere(struct city *c, int card, const char *service, fen_t amount)
{
    static struct city other;
    static struct ledger_op jump;
    static struct txn_row row;
    struct txn_request q =
        city_request(service, strncmp(service, "transit.", 8) == 0 ? "shop" : "desk", amount);
    city_open(&other, c->kind, c->profile);
    jump.type = LOP_RESTORED; /* its SAM goes on where it was the last time */
    jump.restored.jump += 1000;
    snprintf(jump.who, sizeof jump.who, "test");
    assert_int_equal(city_op(&other, &jump), 0);
    reader_sim_remove(c->sim);
    reader_sim_insert(other.sim, c->card[card]);
    const struct txn_result *r = city_run(&other, &q);
    if (r->outcome != OC_POSTED)
        fail_msg("elsewhere: %s %s (%s)", service, oc_outcome_name(r->outcome), r->detail);
    row = *city_txn(&other, r->txn);
    reader_sim_remove(other.sim);
    city_close(&other);
    return &row;
}

struct op_offline *city_record(struct ledger_op *op, const struct txn_row *t)
{
    memset(op, 0, sizeof *op);
    op->type = LOP_OFFLINE;
    snprintf(op->who, sizeof op->who, "collector");
    struct op_offline *o = &op->offline;
    memcpy(o->issuer, t->issuer, sizeof o->issuer);
    memcpy(o->serial, t->serial, sizeof o->serial);
    o->type = t->in.card_type;
    o->counter = t->in.counter;
    memcpy(o->sam, t->in.sam, sizeof o->sam);
    o->sam_seq = t->in.terminal_seq;
    o->amount = t->in.amount;
    memcpy(o->card_date, t->in.card_date, sizeof o->card_date);
    memcpy(o->card_time, t->in.card_time, sizeof o->card_time);
    memcpy(o->tac, t->tac, sizeof o->tac);
    o->key_version = t->in.key_version;
    o->alg = t->in.alg;
    snprintf(o->terminal, sizeof o->terminal, "desk"); /* there the SAM came in first */
    return o;
}

struct bring {
    struct city *c;
    struct ledger_op *op;
};
static CO_FN int bring(void *arg)
{
    struct bring *b = arg;
    return txn_co_offline(&b->c->env, &(struct txn_offline){.op = b->op});
}

int city_bring(struct city *c, struct ledger_op *op)
{
    struct bring b = {c, op};
    return loop_run_flow(c->loop, "record", bring, &b);
}

void city_fault(struct city *c, int card, const char *spec)
{
    assert_int_equal(cardsim_fault_add(c->card[card], spec), 0);
}

void city_blank(struct city *c)
{
    struct cardsim_options o = {.profile = c->kind};
    reader_sim_remove(c->sim);
    cardsim_free(&c->card[2]);
    assert_int_equal(cardsim_new(&c->card[2], &o), 0);
    cardsim_set_seed(c->card[2], 3);
    c->card_id[2] = 0;
    reader_sim_insert(c->sim, c->card[2]);
}

void city_side_init(struct city_side *s, struct city *c, struct reader_sim *sim,
                    const struct txn_request *req)
{
    memset(s, 0, sizeof *s);
    s->c = c;
    s->sim = sim;
    s->req = *req;
    assert_int_equal(txn_request_hash(c->env.crypto, &s->req, s->req.request_hash), 0);
}

static CO_FN int run_side(void *arg)
{
    struct city_side *s = arg;
    s->rc = txn_co_run(&s->c->env, reader_sim_reader(s->sim), &s->req, &s->res);
    return 0;
}

int city_side_start(struct city_side *s)
{
    return flow_start(s->c->loop, "side", run_side, s, &s->flow);
}

int city_co_side_phase(struct city_side *s, enum txn_phase phase)
{
    int rc = 0;
    while (rc == 0 && s->req.phase != phase && !flow_done(s->flow))
        rc = flow_co_sleep_ms(2);
    return rc;
}

int city_co_side_end(struct city_side *s)
{
    int rc = flow_co_join(s->flow, NULL, FLOW_FOREVER);
    flow_put(s->flow);
    s->flow = NULL;
    return rc;
}
