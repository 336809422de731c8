/* People. Somebody at each till takes a card, asks for a service, and does what people do when no
 * answer comes: asks again under the same number, with that card, another or none; or gives up. */
#include "box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 6

/* ---- what goes wrong with cards ---- */

/* 50 INITIALIZE, 52 CREDIT, 54 DEBIT, 5A PROVE, 5C balance, B2 and B0 reads, DC record, 88
 * internal. */
static const char *const card_faults[] = {
    "torn-after@54",   "torn-before@54", "torn-after@52",  "torn-before@52", "torn-after@50",
    "torn-before@50",  "torn-after@5A",  "torn-before@5A", "torn-after@DC",  "torn-after@88",
    "mute@54",         "mute@52",        "mute@50",        "wrong-mac2",     "wrong-tac",
    "wrong-mac1",      "sw:6985@54",     "sw:9302@54",     "sw:6A81@50",     "sw:6985@52",
    "sw:9406@5A",      "garbage@54",     "garbage@52",     "garbage@50",     "short-answer@54",
    "short-answer@50", "slow:700@54",    "slow:700@52",    "slow:300",       "slow:2500@50"};

static void spoil(struct till *t, struct city_card *card)
{
    char spec[32];
    struct city *c = t->city;
    cardsim_fault_clear(card->chip);
    if (c->calm || !sim_chance(&c->fault, c->fault_percent, 100))
        return;
    if (sim_chance(&c->fault, 1, 3))
        (void)snprintf(spec, sizeof spec, "torn-%s:%u",
                       sim_chance(&c->fault, 1, 2) ? "after" : "before",
                       1 + sim_pick(&c->fault, 14));
    else
        (void)snprintf(spec, sizeof spec, "%s",
                       card_faults[sim_pick(&c->fault, ARRAY_LEN(card_faults))]);
    card->lied |= strcmp(spec, "garbage@50") == 0;
    CHECK(cardsim_fault_add(card->chip, spec) == 0);
    sim_trace_put(&c->trace, c->machine.now_ns, "%s card %d %s", t->id, (int)(card - c->cards),
                  spec);
    c->faults++;
}

/* ---- what people want ---- */

static struct txn_param *param(struct till *t, const char *name)
{
    struct txn_param *p = &t->req.params[t->req.param_count++];
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    return p;
}

/* Gives back, in part or whole, what was bought at a shop. */
static bool refund(struct till *t)
{
    const struct city *c = t->city;
    char id[IDENT_TEXT];
    for (unsigned i = 0; i < 8 && c->claim_count; i++) {
        const struct claim *a = &c->claims[sim_pick(&t->rand, (unsigned)c->claim_count)];
        if (a->outcome != OC_POSTED || a->credit || a->amount < 2)
            continue;
        (void)snprintf(t->req.service, sizeof t->req.service, "payment.refund");
        t->req.amount = sim_chance(&t->rand, 1, 2) ? a->amount : a->amount / 2;
        (void)snprintf(param(t, "txn")->value, sizeof t->req.params[0].value, "%s",
                       ident_text(a->txn, id));
        t->wants_card = false;
        return true;
    }
    return false;
}

bool till_is_gate(const struct till *t)
{
    return strncmp(t->id, "bus", 3) == 0;
}

static void want(struct till *t)
{
    unsigned dice = sim_pick(&t->rand, 20);
    t->req = (struct txn_request){.wait_ms = 2500, .retap_ms = dice % 2 ? 4000 : 0};
    t->wants_card = true;
    (void)snprintf(t->req.terminal, sizeof t->req.terminal, "%s", t->id);
    (void)snprintf(t->req.who, sizeof t->req.who, "clerk");
    if (till_is_gate(t)) {
        t->req.gate = true;
        (void)snprintf(t->req.service, sizeof t->req.service, "transit.ride");
    } else if (strncmp(t->id, "bank", 4) == 0 && dice < 16) {
        bool pending = dice < 3, bank = dice >= 10;
        (void)snprintf(t->req.service, sizeof t->req.service, "payment.load");
        t->req.amount = pending ? 0 : 100 * sim_range(&t->rand, 40, 600);
        (void)snprintf(param(t, "source")->value, sizeof t->req.params[0].value, "%s",
                       pending ? "pending"
                       : bank  ? "bank"
                               : "cash");
        if (bank)
            (void)snprintf(param(t, "bank")->value, sizeof t->req.params[0].value, "bank");
    } else if (dice == 19 || (dice == 18 && !refund(t))) {
        (void)snprintf(t->req.service, sizeof t->req.service, "payment.balance");
    } else if (dice != 18) {
        (void)snprintf(t->req.service, sizeof t->req.service, "payment.purchase");
        t->req.amount = sim_range(&t->rand, 1, 3000);
    }
    t->req.request_no = ++t->last_number;
    t->req.trace = sim_u64(&t->rand);
    CHECK(txn_request_hash(t->city->serve->crypto, &t->req, t->req.request_hash) == 0);
    t->asks = true;
    t->tries = 0;
}

/* ---- cards in hands ---- */

static int free_card(struct till *t)
{
    struct city *c = t->city;
    int at = (int)sim_pick(&t->rand, CITY_CARDS);
    for (int i = 0; i < CITY_CARDS; i++) {
        int card = (at + i) % CITY_CARDS;
        if (!c->cards[card].taken)
            return card;
    }
    return -1;
}

/* Somebody has copied a card in somebody's pocket, and pays with it now and then. */
static void copy_of(struct city *c, int chip)
{
    struct city_card *copy = &c->cards[chip],
                     *card = &c->cards[COPIED_FROM + chip - CITY_FORGED - 1];
    struct cardsim_status st;
    uint8_t *image = NULL;
    size_t len = 0;
    if (copy->copied && !sim_chance(&c->fault, 1, 8))
        return; /* the older image */
    CHECK(cardsim_state_get(card->chip, &image, &len) == 0);
    CHECK(cardsim_state_set(copy->chip, image, len) == 0);
    free(image);
    cardsim_status(copy->chip, &st);
    copy->balance = st.balance_fen;
    copy->copied = card->copied = card->lied = true;
    sim_trace_put(&c->trace, c->machine.now_ns, "card %d is copied", (int)(card - c->cards));
}

/* -1: an honest one is taken. */
static int crooked_card(struct till *t)
{
    struct city *c = t->city;
    if (c->crooks_one_in == 0 || !sim_chance(&c->fault, 1, c->crooks_one_in))
        return -1;
    int chip = CITY_FORGED + (int)sim_pick(&c->fault, CITY_CHIPS - CITY_FORGED);
    if (c->cards[chip].taken)
        return -1;
    if (chip != CITY_FORGED)
        copy_of(c, chip);
    return chip;
}

static CO_FN void take_card(struct till *t, int card)
{
    t->card = card;
    t->city->cards[card].taken = true;
    spoil(t, &t->city->cards[card]);
    till_co_insert(t, card);
}

static CO_FN void put_away(struct till *t)
{
    till_co_remove(t);
    if (t->card >= 0)
        t->city->cards[t->card].taken = false;
    t->card = -1;
}

/* ---- asking ---- */

static CO_FN int dialogue(void *arg)
{
    struct till *t = arg;
    return txn_co_run(&t->city->serve->env, t->wants_card ? t->reader : NULL, &t->req, &t->res);
}

static void claimed(struct till *t)
{
    struct city *c = t->city;
    const struct txn_result *r = &t->res;
    struct claim claim = {.till = (int)t->index,
                          .card = t->wants_card ? t->card : -1,
                          .number = t->req.request_no,
                          .txn = r->txn,
                          .outcome = r->outcome,
                          .amount = r->amount,
                          .business = r->business_date,
                          .credit = strcmp(t->req.service, "payment.load") == 0,
                          .moves = strcmp(t->req.service, "payment.balance") != 0};
    char id[IDENT_TEXT];
    sim_trace_put(&c->trace, c->machine.now_ns, "%s #%lld card %d %s %lld: %s %s %s%s%s", t->id,
                  (long long)claim.number, t->card, t->req.service, (long long)r->amount,
                  oc_outcome_name(r->outcome), oc_reason_code(r->reason),
                  r->txn ? ident_text(r->txn, id) : "-", r->replayed ? " again" : "",
                  r->settled_count ? ", settled" : "");
    MUST(c, r->reason != OC_R_STORE || c->io_one_in || c->full_one_in,
         "the ledger refused what %s asked, and nothing is wrong with its disk: %s", t->id,
         r->detail);
    books_claim(c, &claim);
    c->posted += r->outcome == OC_POSTED && !r->replayed;
    c->refused += r->outcome == OC_REFUSED && !r->replayed;
    c->voided += r->outcome == OC_VOIDED && !r->replayed;
    c->doubts += r->outcome == OC_IN_DOUBT;
    c->replays += r->replayed;
}

/* Was it the last word? */
static bool satisfied(struct till *t)
{
    const struct txn_result *r = &t->res;
    if (r->reason == OC_R_BUSY || r->reason == OC_R_STORE)
        return ++t->tries > TRIES_MAX;
    if (r->outcome != OC_IN_DOUBT) /* some did not hear it, or press twice */
        return ++t->tries > 2 || !sim_chance(&t->rand, 1, 20);
    return ++t->tries > TRIES_MAX || sim_chance(&t->rand, 1, 4);
}

struct impatience {
    struct flow *flow;
    int64_t ms;
};

static CO_FN int impatient_flow(void *arg)
{
    struct impatience *w = arg;
    if (flow_co_sleep_ms(w->ms) == 0)
        flow_cancel(w->flow);
    flow_put(w->flow);
    free(w);
    return 0;
}

/* Somebody takes the request back after a moment, if it is not too late by then. */
static void lose_patience(struct till *t, struct flow *f)
{
    struct impatience *w = calloc(1, sizeof *w);
    CHECK(w);
    *w = (struct impatience){.flow = flow_get(f), .ms = sim_range(&t->rand, 1, 600)};
    if (flow_start(t->city->serve->loop, "impatient", impatient_flow, w, NULL) != 0) {
        flow_put(f);
        free(w);
    }
}

/* The dialogue is a flow of its own, as in the daemon: its arena ends with it. */
static CO_FN int ask_here(struct till *t)
{
    struct flow *f = NULL;
    int result = 0;
    t->req.arrival = t->reader->arrival;
    int rc = flow_start(flow_loop(), t->id, dialogue, t, &f);
    if (rc != 0)
        return rc;
    if (!t->city->calm && t->city->plan.script == SCRIPT_NONE && sim_chance(&t->rand, 1, 25))
        lose_patience(t, f);
    flow_shield();
    rc = flow_co_join(f, &result, FLOW_FOREVER);
    flow_unshield();
    flow_put(f);
    return rc;
}

static CO_FN int ask(struct till *t)
{
    struct city *c = t->city;
    t->req.phase = TXN_PHASE_NEW;
    t->req.received_ns = 0;
    memset(&t->res, 0, sizeof t->res);
    int rc = t->net ? lane_co_ask(t) : ask_here(t);
    if (rc == OC_ECLOSED && !c->dead)
        return 0; /* no answer came: it is asked again */
    if (c->dead || rc != 0)
        return OC_ECANCELED;
    claimed(t);
    if (satisfied(t))
        t->asks = false;
    return 0;
}

/* One visit: the same request goes on where its answer is not there yet. */
static CO_FN int visit(struct till *t)
{
    struct city *c = t->city;
    int again = t->asks ? t->again : -1;
    if (t->asks && sim_chance(&t->rand, 1, 10)) {
        t->asks = false; /* nobody asks for it any more */
        again = -1;
    }
    if (!t->asks) {
        if (c->asked >= c->plan.transactions)
            return OC_ECLOSED;
        want(t);
        c->asked++;
    }
    int card =
        again >= 0 && !c->cards[again].taken && !sim_chance(&t->rand, 1, 12) ? again : free_card(t);
    int crook = again < 0 ? crooked_card(t) : -1;
    card = crook >= 0 ? crook : card;
    if (card < 0)
        return 0;
    t->again = card;
    take_card(t, card);
    int rc = ask(t);
    put_away(t);
    return rc;
}

static CO_FN int till_flow(void *arg)
{
    struct till *t = arg;
    int rc = 0;
    while (rc == 0) {
        if (t->city->night_ms > city_now_ms(t->city) &&
            2 * t->city->asked > t->city->plan.transactions) {
            if (t->net)
                lane_hang_up(t);
            rc = flow_co_sleep_ms(t->city->night_ms - city_now_ms(t->city));
            continue;
        }
        int64_t ms = sim_range(&t->rand, 1, t->city->pace_ms);
        rc = t->net ? lane_co_rest(t, ms) : flow_co_sleep_ms(ms);
        if (rc == 0)
            rc = visit(t);
    }
    if (t->net)
        lane_hang_up(t);
    if (rc == OC_ECLOSED && !t->city->dead)
        t->city->tills_at_work--;
    return 0;
}

/* ---- the office ---- */

/* A card is put on the deny list for good. Only who has heard that it is durable may count on it.
 */
static CO_FN int deny(struct city *c, int card)
{
    if (card >= CITY_CARDS) /* a copy's owner would not */
        return 0;
    struct ledger_op *op = calloc(1, sizeof *op);
    CHECK(op);
    op->type = LOP_DENY;
    (void)snprintf(op->who, sizeof op->who, "office");
    memcpy(op->deny.issuer, found_issuer, sizeof op->deny.issuer);
    memcpy(op->deny.serial, c->cards[card].serial, sizeof op->deny.serial);
    op->deny.action = 1;
    (void)snprintf(op->deny.why, sizeof op->deny.why, "lost");
    int rc = ledger_co_submit(c->serve->ledger, op);
    if (rc == 0 && !c->dead && c->cards[card].denied_ms == 0) {
        c->cards[card].denied_ms = op->at_ms;
        sim_trace_put(&c->trace, c->machine.now_ns, "card %d is denied", card);
    }
    free(op);
    return rc == OC_ECANCELED ? rc : 0;
}

/* That is when it matters most. */
static int in_somebodys_hand(struct city *c)
{
    unsigned at = sim_pick(&c->rand, CITY_TILLS);
    for (unsigned i = 0; i < CITY_TILLS; i++)
        if (c->tills[(at + i) % CITY_TILLS].card >= 0)
            return c->tills[(at + i) % CITY_TILLS].card;
    return (int)sim_pick(&c->rand, CITY_CARDS);
}

static CO_FN int office_flow(void *arg)
{
    struct city *c = arg;
    int rc = 0;
    while (rc == 0 && !c->calm && c->denials_left > 0) {
        rc = flow_co_sleep_ms(sim_range(&c->rand, 10, 20 * (int64_t)c->pace_ms));
        if (rc == 0 && !c->calm && sim_chance(&c->rand, 1, 3)) {
            c->denials_left--;
            rc = deny(c, in_somebodys_hand(c));
        }
    }
    return 0;
}

/* ---- the end of the day ---- */

static CO_FN int look_at(struct till *t, int card)
{
    struct city *c = t->city;
    int rc = 0;
    for (int i = 0; rc == 0 && i < 6; i++) {
        struct card_row *row = arena_alloc(flow_arena(), sizeof *row);
        rc = row ? ledger_co_card_id(c->serve->ledger, c->cards[card].id, row) : OC_ENOMEM;
        if (rc != 0 || (i > 0 && row->open_txn == 0))
            return rc;
        t->wants_card = true;
        t->req = (struct txn_request){.wait_ms = 2500, .retap_ms = 4000};
        (void)snprintf(t->req.terminal, sizeof t->req.terminal, "%s", t->id);
        (void)snprintf(t->req.who, sizeof t->req.who, "clerk");
        (void)snprintf(t->req.service, sizeof t->req.service, "payment.balance");
        t->req.request_no = ++t->last_number;
        rc = txn_request_hash(c->serve->crypto, &t->req, t->req.request_hash);
        take_card(t, card);
        if (rc == 0)
            rc = ask(t);
        put_away(t);
    }
    return rc;
}

/* When everybody has gone home: every card is looked at once more with nothing in its way, so that
 * each doubt ends by evidence; then the books are closed. */
static CO_FN int closing_flow(void *arg)
{
    struct city *c = arg;
    int rc = 0;
    while (rc == 0 && c->tills_at_work > 0)
        rc = flow_co_sleep_ms(50);
    if (rc != 0)
        return rc;
    c->calm = true;
    c->full = false;
    rc = flow_co_sleep_ms(5000); /* a store that failed is tried every second */
    if (rc == 0)
        rc = boxes_co_bring_all(c);
    for (int i = 0; rc == 0 && i < CITY_CARDS; i++)
        rc = look_at(&c->tills[0], i);
    if (rc == 0) /* those of which the switch did not know that they were to come */
        rc = boxes_co_bring_all(c);
    if (rc == 0)
        rc = flow_co_sleep_ms(3000);
    if (rc == 0)
        rc = books_co_close(c);
    MUST(c, rc == 0 || c->dead, "the end could not be looked at: %s", oc_strerror(rc));
    c->over = rc == 0;
    serve_stop(c->serve);
    return rc;
}

/* ---- scripts ---- */

static CO_FN int until_answered(struct till *t)
{
    int rc = 0;
    while (rc == 0 && t->asks) {
        take_card(t, 0);
        rc = ask(t);
        put_away(t);
        if (rc == 0 && t->asks)
            rc = flow_co_sleep_ms(100);
    }
    return rc;
}

static void want_amount(struct till *t, const char *service, fen_t amount)
{
    t->req = (struct txn_request){.wait_ms = 2500, .retap_ms = 4000, .amount = amount};
    t->wants_card = true;
    (void)snprintf(t->req.terminal, sizeof t->req.terminal, "%s", t->id);
    (void)snprintf(t->req.who, sizeof t->req.who, "clerk");
    (void)snprintf(t->req.service, sizeof t->req.service, "%s", service);
    t->req.request_no = ++t->last_number;
    CHECK(txn_request_hash(t->city->serve->crypto, &t->req, t->req.request_hash) == 0);
    t->asks = true;
    t->tries = 0;
}

/* Money on the card; the script's own begins then, and with it the count of syncs. */
static CO_FN int prepare(struct city *c)
{
    struct till *shop = &c->tills[0], *bank = &c->tills[5];
    struct sim_disk_stats st;
    want_amount(bank, "payment.load", 5000);
    int rc = until_answered(bank);
    if (rc == 0) {
        want_amount(shop, "payment.purchase", 700);
        rc = until_answered(shop);
    }
    if (rc != 0)
        return rc;
    sim_disk_stats(c->disk, &st);
    c->crash_sync = st.syncs + c->plan.sync;
    c->prepared = true;
    if (c->plan.script == SCRIPT_LOAD)
        want_amount(bank, "payment.load", 3000);
    else if (c->plan.script == SCRIPT_PURCHASE)
        want_amount(shop, "payment.purchase", 1200);
    return 0;
}

/* In a later incarnation it goes on where the first one died. */
static CO_FN int script_flow(void *arg)
{
    struct city *c = arg;
    int rc = c->prepared ? 0 : prepare(c);
    if (rc == 0)
        rc = until_answered(&c->tills[0]);
    if (rc == 0)
        rc = until_answered(&c->tills[5]);
    if (rc == 0 && c->night_ms > city_now_ms(c))
        rc = flow_co_sleep_ms(c->night_ms - city_now_ms(c));
    c->tills_at_work = rc == 0 && !c->dead ? 0 : c->tills_at_work;
    return rc;
}

void tills_init(struct city *c)
{
    static const char *const names[CITY_TILLS] = {"shop1", "shop2", "shop3", "shop4", "shop5",
                                                  "bank1", "bank2", "bank3", "bus1",  "bus2",
                                                  "shop6", "shop7", "bank4", "bank5"};
    for (unsigned i = 0; i < CITY_TILLS; i++) {
        struct till *t = &c->tills[i];
        *t = (struct till){
            .city = c, .index = i, .lies = -1, .card = -1, .again = -1, .net = i >= CITY_LOCAL};
        (void)snprintf(t->id, sizeof t->id, "%s", names[i]);
        sim_rand_init(&t->rand, c->plan.seed, t->id);
        flow_cond_init(&t->never);
    }
}

int tills_co_start(struct city *c)
{
    int rc = 0;
    c->tills_at_work = CITY_TILLS;
    if (c->plan.script != SCRIPT_NONE) {
        rc = flow_start(c->serve->loop, "script", script_flow, c, NULL);
        return rc == 0 ? flow_start(c->serve->loop, "closing", closing_flow, c, NULL) : rc;
    }
    for (unsigned i = 0; rc == 0 && i < CITY_TILLS; i++) {
        put_away(&c->tills[i]);
        rc = flow_start(c->serve->loop, c->tills[i].id, till_flow, &c->tills[i], NULL);
    }
    if (rc == 0)
        rc = flow_start(c->serve->loop, "office", office_flow, c, NULL);
    if (rc == 0)
        rc = boxes_co_start(c);
    return rc == 0 ? flow_start(c->serve->loop, "closing", closing_flow, c, NULL) : rc;
}
