/* Whole dialogues: a city with its ledger, and a card that does what the input says: leaves before
 * a command or after it, keeps its answer, or (a lying one) answers anything; the store fails and
 * comes back, the switch is killed and started again.
 *
 * However it goes:
 *   - no command that moves money is sent before its intent is durable (R2),
 *   - what was answered is what the row says, and the same request again is answered the same,
 *   - after it the books are balanced, nothing is reserved but for an open doubt,
 *   - with a card that tells the truth, its last look ends every doubt and leaves what the chip has
 *     equal to the purse account (R1, R3).
 * The input: one byte of mode, then a byte for each step and each command; where it ends all goes
 * well. */
#include "../flow/city.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define KINDS      3
#define STEPS      6
#define CITY_LASTS 1500 /* inputs; then a new one, for its ledger has grown */

static struct world {
    struct city city;
    struct reader *reader;
    struct flow_cond never;
    unsigned cards; /* made so far; 0: there is no city */
    struct cardsim *card;
    int64_t card_id;
    struct txn_request last;
    struct txn_result answer;
    bool lying, well; /* the card lies; from now on all goes well */
    const uint8_t *data, *end;
    int64_t number;
    unsigned restarts;
} worlds[KINDS];

static uint8_t next_byte(struct world *w)
{
    return w->well || w->data == w->end ? 0 : *w->data++;
}

/* ---- the reader and its card ---- */

static void show(struct world *w, bool there)
{
    if (there)
        cardsim_power_on(w->card);
    else
        cardsim_power_off(w->card);
    reader_set_state(w->reader, there ? READER_CARD : READER_EMPTY, there);
}

static CO_FN int come_back(void *arg)
{
    struct world *w = arg;
    int rc = flow_co_sleep_ms(1);
    if (w->reader->state != READER_CARD)
        show(w, true);
    return rc;
}

static CO_FN int leave(struct world *w, bool comes_back, int rc)
{
    struct flow *f;
    show(w, false);
    if (comes_back && flow_start(w->city.loop, "back", come_back, w, &f) == 0)
        flow_put(f);
    return rc;
}

static CO_FN int r_connect(struct reader *r, struct reader_card *ret, int64_t deadline_ns)
{
    struct world *w = r->driver;
    (void)deadline_ns;
    if (r->state != READER_CARD)
        return OC_ECARD_GONE;
    cardsim_power_on(w->card);
    ret->atr_len = cardsim_atr(w->card, ret->atr);
    ret->protocol = CARD_T1;
    return 0;
}

/* What moves money is sent when the ledger knows of it, not before. */
static CO_FN void intent_first(struct world *w, const uint8_t *cmd, size_t len)
{
    bool moves = len >= 2 && (cmd[1] == 0x54 || cmd[1] == 0x52) && (cmd[0] & 0x80);
    struct card_row *row = moves ? calloc(1, sizeof *row) : NULL;
    if (row) {
        CHECK(ledger_co_card_id(w->city.ledger, w->card_id, row) == 0);
        CHECK(row->open_txn != 0);
    }
    free(row);
}

static void lie(struct world *w, uint8_t how, struct reader_answer *a)
{
    if (how == 12 && a->len > 0)
        a->bytes[next_byte(w) % a->len] ^= (uint8_t)(1 + next_byte(w));
    if (how == 13 && a->len >= 2) {
        a->bytes[a->len - 2] = next_byte(w);
        a->bytes[a->len - 1] = next_byte(w);
    }
    if (how == 14) {
        a->len = next_byte(w) % 64;
        for (size_t i = 0; i < a->len; i++)
            a->bytes[i] = next_byte(w);
    }
}

static CO_FN int r_transmit(struct reader *r, const uint8_t *cmd, size_t len,
                            struct reader_answer *ret, int64_t deadline_ns)
{
    struct world *w = r->driver;
    uint8_t b = next_byte(w), how = b & 15;
    (void)deadline_ns;
    if (r->state != READER_CARD)
        return OC_ECARD_GONE;
    intent_first(w, cmd, len);
    if (how == 8)
        return leave(w, b & 16, OC_EIO);
    if (how == 9)
        return leave(w, b & 16, OC_ECARD_GONE);
    if (cardsim_transmit(w->card, cmd, len, ret->bytes, sizeof ret->bytes, &ret->len) != 0)
        return leave(w, b & 16, OC_EIO);
    if (how == 10)
        return leave(w, b & 16, OC_EIO);
    if (how == 11)
        return b & 16 ? OC_ETIMEDOUT : OC_ECARD_MUTE;
    if (how >= 12 && w->lying)
        lie(w, how, ret);
    else if (how >= 14)
        return leave(w, b & 16, OC_ECARD_LOST);
    return 0;
}

static CO_FN void r_disconnect(struct reader *r)
{
    struct world *w = r->driver;
    if (r->state == READER_CARD)
        cardsim_reset(w->card);
}

static const struct reader_ops reader_ops = {
    .co_connect = r_connect, .co_transmit = r_transmit, .co_disconnect = r_disconnect};

/* ---- the city ---- */

static struct world *world_of(uint8_t mode)
{
    static const enum cardsim_profile kinds[KINDS] = {CARDSIM_PBOC, CARDSIM_MOHURD, CARDSIM_TUNION};
    static const char *const profiles[KINDS] = {"pboc-ep", "mohurd", "tunion"};
    unsigned kind = mode % KINDS;
    struct world *w = &worlds[kind];
    if (w->cards >= CITY_LASTS) {
        city_close(&w->city);
        memset(w, 0, sizeof *w);
    }
    if (w->cards == 0) {
        city_open(&w->city, kinds[kind], profiles[kind]);
        CHECK(readers_add(w->city.readers, "fuzz", &reader_ops, w, &w->reader) == 0);
    }
    w->card = city_card(&w->city, ++w->cards, &w->card_id);
    w->lying = mode & 64;
    w->well = false;
    w->restarts = 0;
    memset(&w->answer, 0, sizeof w->answer);
    memset(&w->last, 0, sizeof w->last);
    show(w, true);
    return w;
}

struct look {
    struct world *w;
    struct card_row card;
    struct txn_row txn;
    int64_t id;
};
static CO_FN int look_card(void *arg)
{
    struct look *l = arg;
    return ledger_co_card_id(l->w->city.ledger, l->w->card_id, &l->card);
}
static CO_FN int look_txn(void *arg)
{
    struct look *l = arg;
    return ledger_co_txn(l->w->city.ledger, l->id, &l->txn);
}
static struct look *look(struct world *w, int64_t txn)
{
    static struct look l;
    l = (struct look){.w = w, .id = txn};
    CHECK(loop_run_flow(w->city.loop, "look", txn ? look_txn : look_card, &l) == 0);
    return &l;
}

/* ---- what must hold ---- */

static void balanced(const struct txn_row *t)
{
    fen_t sum = 0;
    for (unsigned i = 0; i < t->in.leg_count; i++)
        sum += t->in.legs[i].amount;
    CHECK(sum == 0);
}

static void row_agrees(struct world *w, const struct txn_result *r)
{
    if (r->txn == 0)
        return;
    const struct txn_row *t = &look(w, r->txn)->txn;
    balanced(t);
    if (r->outcome == OC_POSTED)
        CHECK(t->state == OC_TXN_POSTED);
    else if (r->outcome == OC_IN_DOUBT)
        CHECK(t->state == OC_TXN_IN_DOUBT || t->state == OC_TXN_INTENDED);
    else
        CHECK(t->state != OC_TXN_POSTED && t->state != OC_TXN_IN_DOUBT);
}

static void card_agrees(struct world *w)
{
    const struct card_row *c = &look(w, 0)->card;
    CHECK(c->open_txn != 0 || (c->purse_debits_pending == 0 && c->purse_credits_pending == 0));
    if (w->lying)
        return;
    struct cardsim_status chip;
    cardsim_status(w->card, &chip);
    CHECK(c->open_txn == 0 && c->alarm == 0 && c->awaiting == 0);
    CHECK(chip.balance_fen == c->purse);
}

static CO_FN int verify(void *arg)
{
    struct world *w = arg;
    struct ledger_report *report = calloc(1, sizeof *report);
    CHECK(report);
    int rc = ledger_co_verify(w->city.ledger, report);
    if (report->faults)
        fprintf(stderr, "%u faults: %s\n", report->faults, report->first_fault);
    CHECK(rc == 0 && report->faults == 0);
    free(report);
    return 0;
}

/* ---- steps ---- */

static const struct txn_result *ask(struct world *w, struct txn_request *q)
{
    q->wait_ms = 2;
    q->retap_ms = 4;
    struct txn_result *r = city_run_reader(&w->city, w->reader, q);
    row_agrees(w, r);
    return r;
}

static void ask_new(struct world *w, const char *service, const char *term, fen_t amount)
{
    struct txn_request q = city_request(service, term, amount);
    q.request_no = ++w->number;
    if (strcmp(term, "bus") == 0) {
        w->city.clock.ahead_ms += 2000;
        q.gate = true;
        q.arrival = w->reader->arrival;
    }
    w->answer = *ask(w, &q);
    w->last = q;
}

/* A request that has ended is answered the same for ever; one in doubt may end. */
static void ask_again(struct world *w)
{
    struct txn_request q = w->last;
    if (q.request_no == 0)
        return;
    const struct txn_result *r = ask(w, &q);
    enum oc_outcome was = w->answer.outcome;
    CHECK(!(was == OC_POSTED && r->txn != 0 && r->outcome == OC_POSTED) || r->txn == w->answer.txn);
    CHECK(was != OC_POSTED || r->outcome == OC_POSTED || w->city.store_bad > 0 ||
          r->reason == OC_R_BUSY);
}

static void give_back(struct world *w)
{
    char id[IDENT_TEXT];
    struct txn_request q = city_request("payment.cancel", w->last.terminal, 0);
    if (w->answer.txn == 0)
        return;
    city_param(&q, "txn", ident_text(w->answer.txn, id));
    (void)ask(w, &q);
}

static void step(struct world *w)
{
    unsigned recovered = 0;
    uint8_t b = next_byte(w);
    fen_t amount = 1 + (fen_t)next_byte(w) * 37;
    switch (b & 7) {
    case 0:
        return ask_new(w, "payment.purchase", "shop", amount);
    case 1:
        return ask_new(w, "payment.load", "desk", amount);
    case 2:
        return ask_new(w, "transit.ride", "bus", 0);
    case 3:
        return ask_again(w);
    case 4:
        w->city.store_ok = b >> 3 & 3;
        w->city.store_bad = 1 + (b >> 5);
        return;
    case 5:
        w->city.store_bad = 0;
        if (w->restarts++ == 0)
            city_restart(&w->city, &recovered);
        return;
    case 6:
        return give_back(w);
    default:
        return show(w, b & 8);
    }
}

static void end(struct world *w)
{
    struct txn_request q = city_request("payment.balance", "shop", 0);
    w->city.store_bad = 0;
    w->well = true;
    for (int i = 0; i < 2; i++) {
        show(w, false);
        show(w, true);
        (void)ask(w, &q);
    }
    card_agrees(w);
    if (w->cards % 100 == 0)
        CHECK(loop_run_flow(w->city.loop, "verify", verify, w) == 0);
    show(w, false);
    cardsim_free(&w->card);
}

static void close_cities(void)
{
    for (unsigned i = 0; i < KINDS; i++)
        if (worlds[i].cards > 0)
            city_close(&worlds[i].city);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    CHECK(setenv("TMPDIR", "/dev/shm", 1) == 0); /* the disk's part is others' to test */
    log_set_stream(fopen("/dev/null", "we"));
    struct crypto *x = NULL; /* OpenSSL cleans up after the cities have closed, not before */
    CHECK(crypto_new(NULL, &x) == 0);
    crypto_free(&x);
    CHECK(atexit(close_cities) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct world *w = world_of(data[0] & 63);
    w->lying = data[0] & 64;
    w->data = w->end = data; /* the first load goes well */
    ask_new(w, "payment.load", "desk", 20000);
    w->data = data + 1;
    w->end = data + size;
    for (int i = 0; i < STEPS && w->data < w->end; i++)
        step(w);
    end(w);
    return 0;
}
