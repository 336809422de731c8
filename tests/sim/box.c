#include "box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SEQ 70001 /* far from those of terminals that ask */
#define PIECE     5     /* records that a collector brings at a time */

void boxes_init(struct city *c)
{
    c->boxes = calloc(1, sizeof *c->boxes);
    CHECK(c->boxes);
    c->boxes->next_seq = FIRST_SEQ;
    sim_rand_init(&c->box_rand, c->plan.seed, "boxes");
}

void boxes_fini(struct city *c)
{
    free(c->boxes->records);
    free(c->boxes);
    c->boxes = NULL;
}

static const char *name_of(unsigned box)
{
    static const char *const names[BOXES] = {"bus9", "shop9"};
    return names[box];
}

static void sam_of(unsigned box, uint8_t ret[OC_SAM_LEN])
{
    memset(ret, 0, OC_SAM_LEN);
    ret[0] = 0x20;
    ret[5] = (uint8_t)(box + 1);
}

int boxes_co_found(struct city *c, struct ledger_op *op)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < BOXES; i++) {
        memset(op, 0, sizeof *op);
        op->type = LOP_TERMINAL;
        (void)snprintf(op->who, sizeof op->who, "founder");
        struct op_terminal *t = &op->terminal;
        (void)snprintf(t->id, sizeof t->id, "%s", name_of(i));
        (void)snprintf(t->kind, sizeof t->kind, i == 0 ? "bus" : "desk");
        (void)snprintf(t->participant, sizeof t->participant, i == 0 ? "bus" : "shop");
        (void)snprintf(t->services, sizeof t->services, "*");
        (void)snprintf(t->params, sizeof t->params, "{}");
        sam_of(i, t->sam);
        rc = ledger_co_submit(c->serve->ledger, op);
    }
    return rc;
}

/* ---- at the terminal ---- */

/* The answer without its status word; false: 9000 did not come. T=0 cards are asked for theirs. */
static bool ask_chip(struct city_card *card, const uint8_t *cmd, size_t len, uint8_t *ret, size_t n)
{
    uint8_t out[CARDSIM_RESPONSE_MAX];
    size_t got = 0;
    int rc = cardsim_transmit(card->chip, cmd, len, out, sizeof out, &got);
    if (rc == 0 && got == 2 && out[0] == 0x61) {
        const uint8_t more[] = {0x00, 0xC0, 0x00, 0x00, out[1]};
        rc = cardsim_transmit(card->chip, more, sizeof more, out, sizeof out, &got);
    }
    if (rc != 0 || got < n + 2 || out[got - 2] != 0x90 || out[got - 1] != 0)
        return false;
    memcpy(ret, out, n);
    return true;
}

static void put_four(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static bool select_purse(struct city_card *card)
{
    static const uint8_t cmd[] = {0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00,
                                  0x00, 0x00, 0x03, 0x86, 0x98, 0x07, 0x01};
    return ask_chip(card, cmd, sizeof cmd, NULL, 0);
}

static bool initialize(struct city_card *card, struct op_offline *o, struct pboc_purchase *p)
{
    uint8_t cmd[17] = {0x80, 0x50, 0x01, 0x02, 0x0B, 0x01}, a[15];
    put_four(cmd + 6, (uint32_t)o->amount);
    memcpy(cmd + 10, o->sam, sizeof o->sam);
    cmd[16] = sizeof a;
    if (!ask_chip(card, cmd, sizeof cmd, a, sizeof a))
        return false;
    o->counter = (uint16_t)(a[4] << 8 | a[5]);
    o->key_version = a[9];
    o->alg = PBOC_3DES;
    *p = (struct pboc_purchase){.counter = o->counter,
                                .type = o->type,
                                .amount = (uint32_t)o->amount,
                                .sam_seq = o->sam_seq};
    memcpy(p->random, a + 11, sizeof p->random);
    memcpy(p->sam, o->sam, sizeof p->sam);
    memcpy(p->date, o->card_date, sizeof p->date);
    memcpy(p->time, o->card_time, sizeof p->time);
    return o->counter != UINT16_MAX;
}

/* The terminal's SAM makes MAC1; the keys are the city's. */
static void mac1_of(struct city *c, const struct op_offline *o, const struct pboc_purchase *p,
                    uint8_t ret[4])
{
    struct custody_card k = {.levels = 1, .key_version = o->key_version, .alg = PBOC_3DES};
    memcpy(k.factors[0], o->serial + 2, sizeof k.factors[0]);
    memcpy(k.issuer, o->issuer, sizeof k.issuer);
    CHECK(custody_purchase_mac1(c->serve->custody, &k, p, ret) == 0);
}

static void at_this_second(const struct city *c, struct op_offline *o)
{
    char text[16];
    int64_t ms = city_now_ms(c);
    date_t day = city_date(ms, 480);
    int64_t s = (ms - city_ms(day, 0, 480)) / 1000;
    (void)snprintf(text, sizeof text, "%08d", (int)day);
    CHECK(hex_decode(text, o->card_date, 4) == 0);
    (void)snprintf(text, sizeof text, "%02d%02d%02d", (int)(s / 3600 % 24), (int)(s / 60 % 60),
                   (int)(s % 60));
    CHECK(hex_decode(text, o->card_time, 3) == 0);
}

static struct box_record *new_record(struct box_book *b)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->records = reallocarray(b->records, b->cap, sizeof *b->records);
        CHECK(b->records);
    }
    return &b->records[b->count++];
}

/* Torn at the DEBIT, the terminal keeps what it knows: a record without a TAC. */
static void debit(struct city *c, struct box_record *r, const struct pboc_purchase *p)
{
    struct city_card *card = &c->cards[r->card];
    uint8_t cmd[21] = {0x80, 0x54, 0x01, 0x00, 0x0F}, a[8];
    put_four(cmd + 5, r->o.sam_seq);
    memcpy(cmd + 9, r->o.card_date, 4);
    memcpy(cmd + 13, r->o.card_time, 3);
    mac1_of(c, &r->o, p, cmd + 16);
    cmd[20] = sizeof a;
    if (!c->calm && sim_chance(&c->box_rand, 1, 10))
        CHECK(cardsim_fault_add(card->chip, sim_chance(&c->box_rand, 1, 2)
                                                ? "torn-after@54"
                                                : "torn-before@54") == 0);
    (void)cardsim_take_changed(card->chip);
    r->has_tac = ask_chip(card, cmd, sizeof cmd, a, sizeof a);
    if (r->has_tac)
        memcpy(r->o.tac, a, 4);
    r->moved = card_moved_by(c, card, cmd, sizeof cmd) != NULL;
    r->move = card->move_count - 1;
}

/* Somebody pays where nobody asks the switch: all of it in one virtual moment. */
static void pay(struct city *c, int at)
{
    struct city_card *card = &c->cards[at];
    unsigned box = sim_pick(&c->box_rand, BOXES);
    struct box_record r = {.card = at, .never = sim_chance(&c->box_rand, 1, 12)};
    struct pboc_purchase p;
    r.o.type = 0x06;
    r.o.sam_seq = c->boxes->next_seq++;
    r.o.amount = 50 + r.o.sam_seq % 1000; /* no two alike: sums tell which were counted */
    memcpy(r.o.issuer, found_issuer, sizeof r.o.issuer);
    memcpy(r.o.serial, card->serial, sizeof r.o.serial);
    sam_of(box, r.o.sam);
    (void)snprintf(r.o.terminal, sizeof r.o.terminal, "%s", name_of(box));
    at_this_second(c, &r.o);
    cardsim_fault_clear(card->chip);
    cardsim_power_on(card->chip);
    if (select_purse(card) && initialize(card, &r.o, &p)) {
        debit(c, &r, &p);
        *new_record(c->boxes) = r;
        sim_trace_put(&c->trace, c->machine.now_ns, "%s card %d pays %lld, counter %u%s%s",
                      r.o.terminal, at, (long long)r.o.amount, r.o.counter,
                      r.moved ? "" : ", torn before", r.has_tac ? "" : ", no TAC");
    }
    cardsim_fault_clear(card->chip);
    cardsim_power_off(card->chip);
}

/* The switch has seen its counter: what a card did before that is not awaited (docs/OFFLINE.md). */
static bool known(const struct city_card *card)
{
    for (size_t i = 0; i < card->move_count; i++)
        if (card->moves[i].till >= 0 && card->moves[i].delta < 0)
            return true;
    return false;
}

static CO_FN int pay_flow(void *arg)
{
    struct city *c = arg;
    int rc = 0;
    while (rc == 0 && !c->calm && c->boxes->count < c->plan.transactions / 25) {
        rc = flow_co_sleep_ms(sim_range(&c->box_rand, 1, (int64_t)c->pace_ms));
        int card = (int)sim_pick(&c->box_rand, CITY_CARDS);
        if (rc == 0 && !c->calm && !c->dead && !c->cards[card].taken && known(&c->cards[card]))
            pay(c, card);
    }
    return 0;
}

/* ---- the collector ---- */

/* Damaged on the way: what the TAC was made over is not what stands there. */
static bool damage(struct city *c, const struct box_record *r, struct op_offline *o)
{
    if (!r->has_tac || c->calm || !sim_chance(&c->box_rand, 1, 12))
        return false;
    switch (sim_pick(&c->box_rand, 4)) {
    case 0:
        o->amount++;
        break;
    case 1:
        o->tac[2] ^= 0x10;
        break;
    case 2:
        o->card_time[2] ^= 1;
        break;
    default:
        o->sam_seq ^= 0x100000;
    }
    return true;
}

static bool posts(const struct op_offline *o)
{
    return o->result == OFFLINE_POSTED || o->result == OFFLINE_AFTER_DENIAL;
}

static void judge(struct city *c, struct box_record *r, const struct op_offline *o)
{
    MUST(c, r->moved || !posts(o), "R16: card %d never did what %s says it did (sequence %u)",
         r->card, o->terminal, o->sam_seq);
    MUST(c, !posts(o) || !r->posted, "R16: the record %u of %s was posted twice", o->sam_seq,
         o->terminal);
    MUST(c, o->result != OFFLINE_DUPLICATE || r->posted || r->unsure,
         "R16: the record %u of %s is told to be a duplicate, and was never brought", o->sam_seq,
         o->terminal);
    r->posted |= posts(o) || o->result == OFFLINE_DUPLICATE;
}

static CO_FN int bring(struct city *c, size_t at)
{
    struct ledger_op *op = calloc(1, sizeof *op);
    CHECK(op);
    op->type = LOP_OFFLINE;
    (void)snprintf(op->who, sizeof op->who, "collector");
    op->offline = c->boxes->records[at].o;
    bool damaged = damage(c, &c->boxes->records[at], &op->offline);
    if (!damaged && !c->calm && sim_chance(&c->box_rand, 1, 10))
        memset(op->offline.tac, 0, sizeof op->offline.tac); /* a layout that has none */
    bool was = c->boxes->records[at].unsure;
    if (!damaged)
        c->boxes->records[at].unsure = true;
    int rc = txn_co_offline(&c->serve->env, &(struct txn_offline){.op = op});
    struct box_record *r = &c->boxes->records[at]; /* there may be more by now */
    if (rc == 0 && !c->dead) {
        sim_trace_put(&c->trace, c->machine.now_ns, "collector %s %u%s: %s", r->o.terminal,
                      r->o.sam_seq, damaged ? " damaged" : "",
                      offline_result_name((enum offline_result)op->offline.result));
        r->unsure = was;
        if (damaged)
            MUST(c, !posts(&op->offline), "R16: a damaged record of %s was posted (sequence %u)",
                 r->o.terminal, r->o.sam_seq);
        else
            judge(c, r, &op->offline);
        r->unsure |= !offline_final(op->offline.result); /* held: it may post by itself */
    }
    free(op);
    return rc == OC_ECANCELED || c->dead ? OC_ECANCELED : rc;
}

/* What came may prove grey ones that lie there. */
static CO_FN int again(struct city *c, int card)
{
    unsigned counts[OFFLINE_IMPOSSIBLE + 1] = {0};
    return txn_co_offline_again(&c->serve->env, c->cards[card].id, "collector", counts);
}

static CO_FN int collector_flow(void *arg)
{
    struct city *c = arg;
    int rc = 0;
    while (rc != OC_ECANCELED && !c->calm && !c->dead) {
        rc = flow_co_sleep_ms(sim_range(&c->box_rand, 1, 12 * (int64_t)c->pace_ms));
        unsigned n = c->boxes->count ? sim_pick(&c->box_rand, PIECE) : 0;
        for (unsigned i = 0; i < n && rc != OC_ECANCELED && !c->dead && !c->calm; i++) {
            size_t at = sim_pick(&c->box_rand, (unsigned)c->boxes->count);
            if (c->boxes->records[at].never)
                continue;
            rc = bring(c, at);
            if (rc == 0 && sim_chance(&c->box_rand, 1, 3))
                rc = again(c, c->boxes->records[at].card);
        }
    }
    return 0;
}

int boxes_co_start(struct city *c)
{
    int rc = flow_start(c->serve->loop, "pays offline", pay_flow, c, NULL);
    return rc == 0 ? flow_start(c->serve->loop, "collector", collector_flow, c, NULL) : rc;
}

int boxes_co_bring_all(struct city *c)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->boxes->count; i++)
        if (!c->boxes->records[i].never && !c->boxes->records[i].posted)
            rc = bring(c, i);
    for (int i = 0; rc == 0 && i < CITY_CARDS; i++)
        rc = again(c, i);
    return rc == 0 ? boxes_co_resolve(c) : rc;
}

/* ---- what the ledger knows of them ---- */

static void found_posted(struct city *c, const struct op_offline *o)
{
    for (size_t i = 0; i < c->boxes->count; i++) {
        struct box_record *r = &c->boxes->records[i];
        if (r->o.sam_seq != o->sam_seq || memcmp(r->o.sam, o->sam, sizeof o->sam) != 0)
            continue;
        MUST(c, r->moved && o->amount == r->o.amount,
             "R16: what stands posted for %s %u is not what the chip did", r->o.terminal,
             r->o.sam_seq);
        r->posted = true;
    }
}

int boxes_co_resolve(struct city *c)
{
    struct offline_row *rows = arena_alloc(flow_arena(), 16 * sizeof *rows);
    unsigned n = 16;
    int64_t after = 0;
    int rc = rows ? 0 : OC_ENOMEM;
    bool any = false;
    for (size_t i = 0; i < c->boxes->count; i++)
        any |= c->boxes->records[i].unsure && !c->boxes->records[i].posted;
    while (any && rc == 0 && n == 16 && !c->dead) {
        rc = ledger_co_offline(c->serve->ledger, after, 0, false, rows, 16, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++) {
            after = rows[i].seq;
            if (offline_final(rows[i].o.result))
                found_posted(c, &rows[i].o);
        }
    }
    return rc;
}

struct box_due boxes_due(const struct city *c, int card)
{
    struct box_due due = {0};
    for (size_t i = 0; i < c->boxes->count; i++) {
        const struct box_record *r = &c->boxes->records[i];
        if (r->card != card || !r->moved || r->posted)
            continue;
        due.count++;
        due.sum += r->o.amount;
    }
    return due;
}

const struct box_record *boxes_record(const struct city *c, int card, size_t move)
{
    for (size_t i = 0; i < c->boxes->count; i++) {
        const struct box_record *r = &c->boxes->records[i];
        if (r->card == card && r->moved && r->move == move)
            return r;
    }
    return NULL;
}

unsigned boxes_since(const struct city *c, int64_t card_id, uint16_t counter)
{
    unsigned n = 0;
    for (size_t i = 0; i < c->boxes->count; i++) {
        const struct box_record *r = &c->boxes->records[i];
        n += r->moved && c->cards[r->card].id == card_id && r->o.counter >= counter;
    }
    return n;
}

void boxes_check(struct city *c)
{
    for (size_t i = 0; i < c->boxes->count; i++) {
        const struct box_record *r = &c->boxes->records[i];
        MUST(c,
             !r->moved || r->never || !r->has_tac || r->posted || c->cards[r->card].lied ||
                 c->cards[r->card].copied,
             "R16: card %d paid at %s (sequence %u), its record was brought and is not posted",
             r->card, r->o.terminal, r->o.sam_seq);
    }
}
