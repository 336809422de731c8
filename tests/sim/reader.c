/* Readers with cards in software, as real ones are: a command takes time on its way and back, and
 * whatever happens meanwhile (the card is torn out, the daemon dies) finds it there. */
#include "city.h"

#include <stdlib.h>

#define WAY_NS (8 * NS_PER_MS)

#define INS_CREDIT 0x52
#define INS_DEBIT  0x54

static const struct till *till_with(const struct city *c, int card)
{
    for (unsigned i = 0; i < CITY_TILLS; i++)
        if (c->tills[i].lies == card)
            return &c->tills[i];
    return NULL;
}

static uint32_t sam_seq_of(const uint8_t *cmd, size_t len)
{
    bool debit = len >= 20 && cmd[1] == INS_DEBIT;
    return !debit
               ? 0
               : (uint32_t)cmd[5] << 24 | (uint32_t)cmd[6] << 16 | (uint32_t)cmd[7] << 8 | cmd[8];
}

struct card_move *card_moved_by(struct city *c, struct city_card *card, const uint8_t *cmd,
                                size_t len)
{
    struct cardsim_status st;
    cardsim_status(card->chip, &st);
    fen_t delta = st.balance_fen - card->balance;
    bool free = len > 1 && cmd[1] == INS_DEBIT && cardsim_take_changed(card->chip);
    if (delta == 0 && !free)
        return NULL;
    if (card->move_count == card->move_cap) {
        card->move_cap = card->move_cap ? 2 * card->move_cap : 64;
        card->moves = reallocarray(card->moves, card->move_cap, sizeof *card->moves);
        CHECK(card->moves);
    }
    struct card_move *m = &card->moves[card->move_count++];
    *m = (struct card_move){.ns = c->machine.now_ns,
                            .delta = delta,
                            .balance = st.balance_fen,
                            .online = st.online,
                            .offline = st.offline,
                            .sam_seq = sam_seq_of(cmd, len),
                            .till = -1};
    sim_trace_put(&c->trace, c->machine.now_ns, "chip %d moves %lld to %lld, counters %u %u",
                  (int)(card - c->cards), (long long)delta, (long long)st.balance_fen, st.online,
                  st.offline);
    card->balance = st.balance_fen;
    return m;
}

/* Who sent it, for what, and how far the ledger was then. */
static void sent_by(struct city *c, int card, struct card_move *m)
{
    const struct till *t = till_with(c, card);
    struct ledger_stats st;
    CHECK(t);
    ledger_stats(c->serve->ledger, &st);
    m->seq = st.journal_seq;
    m->till = (int)t->index;
    m->number = t->req.request_no;
    m->arrival = t->arrivals;
}

int card_transmit(struct city *c, int card, const uint8_t *cmd, size_t len, uint8_t *resp,
                  size_t cap, size_t *ret_len)
{
    struct cardsim *chip = c->cards[card].chip;
    MUST(c, card != CITY_FORGED || len < 2 || (cmd[1] != INS_DEBIT && cmd[1] != INS_CREDIT),
         "R9: a forgery was sent %s", cardsim_command_name(cmd, len));
    (void)cardsim_take_changed(chip);
    int err = cardsim_transmit(chip, cmd, len, resp, cap, ret_len);
    struct card_move *m = card_moved_by(c, &c->cards[card], cmd, len);
    if (m)
        sent_by(c, card, m);
    sim_trace_bytes(&c->trace, cmd, len);
    if (err == 0)
        sim_trace_bytes(&c->trace, resp, *ret_len);
    else
        sim_trace_put(&c->trace, c->machine.now_ns, "card %d %s at %s", card,
                      err == CARDSIM_MUTE ? "mute" : "torn", cardsim_command_name(cmd, len));
    return err;
}

/* ---- the field ---- */

static void show(struct till *t, bool new_card)
{
    if (t->reader)
        reader_set_state(t->reader, t->lies >= 0 ? READER_CARD : READER_EMPTY, new_card);
}

void till_co_insert(struct till *t, int card)
{
    t->lies = card;
    t->arrivals++;
    cardsim_power_on(t->city->cards[card].chip);
    show(t, true);
    if (t->net)
        lane_co_card_came(t);
}

void till_co_remove(struct till *t)
{
    bool was = t->lies >= 0;
    if (was)
        cardsim_power_off(t->city->cards[t->lies].chip);
    t->lies = -1;
    show(t, false);
    if (was && t->net)
        lane_co_card_left(t);
}

static CO_FN int come_back(void *arg)
{
    struct till *t = arg;
    int rc = flow_co_sleep_ms(sim_range(&t->rand, 100, 4000));
    if (rc == 0 && t->lies < 0 && t->card >= 0)
        till_co_insert(t, t->card);
    return rc;
}

void till_co_torn(struct till *t)
{
    till_co_remove(t);
    if (t->city->calm || sim_chance(&t->rand, 2, 3))
        (void)!flow_start(flow_loop(), "card comes back", come_back, t, NULL);
}

/* Whether the deadline came first. Nobody is cancelled half-way. */
int till_co_pass(struct till *t, int64_t ns, int64_t deadline_ns)
{
    int64_t until = t->city->machine.now_ns + ns;
    bool late = until > deadline_ns;
    flow_shield();
    (void)!flow_co_wait(&t->never, late ? deadline_ns : until);
    flow_unshield();
    return late ? OC_ETIMEDOUT : 0;
}

/* ---- as the daemon sees it ---- */

static CO_FN int sim_co_connect(struct reader *r, struct reader_card *ret, int64_t deadline_ns)
{
    struct till *t = r->driver;
    int rc = till_co_pass(t, sim_range(&t->rand, 1, 4 * WAY_NS), deadline_ns);
    if (rc)
        return rc;
    if (t->lies < 0 || t->city->dead)
        return OC_ECARD_GONE;
    struct cardsim *chip = t->city->cards[t->lies].chip;
    cardsim_power_on(chip);
    ret->atr_len = cardsim_atr(chip, ret->atr);
    ret->protocol = cardsim_options(chip)->t0 ? CARD_T0 : CARD_T1;
    return 0;
}

static CO_FN int at_card(struct till *t, const uint8_t *cmd, size_t len, struct reader_answer *ret,
                         int64_t deadline_ns)
{
    struct city *c = t->city;
    struct cardsim *chip = c->cards[t->lies].chip;
    int err = card_transmit(c, t->lies, cmd, len, ret->bytes, sizeof ret->bytes, &ret->len);
    if (err == CARDSIM_TORN || err == CARDSIM_EOFF) {
        till_co_torn(t);
        return OC_EIO;
    }
    if (err == CARDSIM_MUTE) {
        int rc = till_co_pass(t, FLOW_FOREVER - c->machine.now_ns, deadline_ns);
        return rc ? rc : OC_ECARD_MUTE;
    }
    if (err)
        return OC_EIO;
    int64_t slow = (int64_t)cardsim_take_delay_ms(chip) * NS_PER_MS;
    return till_co_pass(t, slow + sim_range(&t->rand, 1, WAY_NS), deadline_ns);
}

static CO_FN int sim_co_transmit(struct reader *r, const uint8_t *cmd, size_t len,
                                 struct reader_answer *ret, int64_t deadline_ns)
{
    struct till *t = r->driver;
    int rc = till_co_pass(t, sim_range(&t->rand, 1, WAY_NS), deadline_ns);
    if (rc)
        return rc;
    if (t->city->dead || t->lies < 0)
        return t->city->dead ? OC_EIO : OC_ECARD_GONE;
    return at_card(t, cmd, len, ret, deadline_ns);
}

static CO_FN void sim_co_disconnect(struct reader *r)
{
    struct till *t = r->driver;
    if (t->lies >= 0 && !t->city->dead)
        cardsim_reset(t->city->cards[t->lies].chip);
}

static const struct reader_ops ops = {
    .co_connect = sim_co_connect,
    .co_transmit = sim_co_transmit,
    .co_disconnect = sim_co_disconnect,
};

void readers_plug(struct city *c)
{
    for (unsigned i = 0; i < CITY_TILLS; i++) {
        struct till *t = &c->tills[i];
        t->lies = -1;
        if (t->net)
            continue;
        CHECK(readers_add(serve_readers(c->serve), t->id, &ops, t, &t->reader) == 0);
        show(t, false);
    }
}
