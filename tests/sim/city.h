/* A simulated city: the whole daemon (serve, txn, ledger, modules) on a simulated machine and disk,
 * with cards in software and people who use them; faults, crashes and losses of power by the seed.
 *
 *   main.c     seeds, processes, what is printed      city.c    a city's life: incarnations
 *   till.c     people with cards at readers           reader.c  readers, and what cards did
 *   found.c    what stands in the ledger at first     books.c   what must hold, always
 *   rules.c    each rule of money, at the end         chips.c   chips against rows, move by move
 *   bounds.c   limits, refunds, finality              box.c     terminals that are not connected
 *   lane.c     terminals over the network             wire.c    what carries their frames
 *   machine.c  time, threads                          disk*.c   the disk
 *
 * What a daemon says counts only while it lives: from the moment of a crash nothing of it reaches a
 * card, a person or the disk that comes after it. */
#ifndef TESTS_SIM_CITY_H
#define TESTS_SIM_CITY_H

#include "cardsim.h"
#include "disk.h"
#include "machine.h"
#include "rand.h"
#include "serve/session.h"

#define CITY_TILLS  14 /* the last ones are terminals over the network */
#define CITY_LOCAL  10
#define CITY_CARDS  16
#define CITY_CHIPS  19 /* behind the cards: a forgery and two copies, of these */
#define CITY_FORGED 16
#define FORGED_OF   3
#define COPIED_FROM 6 /* the next ones */
#define CITY_DAYS   8

/* ---- limits of the city ---- */
#define SINGLE_MAX     2800
#define CARD_DAY_MAX   40000
#define CARD_DAY_COUNT 60
#define TILL_DAY_MAX   60000
#define CARD_CEILING   500000
#define BANK_QUOTA     3500000

/* ---- cards ---- */

/** A DEBIT or CREDIT that a chip did, seen from outside; one of nothing is a free ride. */
struct card_move {
    int64_t ns;
    int64_t seq; /* the ledger's last durable operation then */
    fen_t delta, balance;
    uint16_t online, offline; /* counters after it */
    uint32_t sam_seq;         /* a debit's, from its command */
    int till;                 /* who sent it */
    int64_t number;           /* for which request */
    uint64_t arrival;
};
struct city_card {
    struct cardsim *chip;
    int64_t id; /* in the ledger */
    uint8_t serial[OC_SERIAL_LEN];
    fen_t balance; /* the chip's, when it was last looked at */
    bool taken;    /* somebody has it in the hand */
    bool copied;   /* a copy of it, or it itself being one, is about */
    bool lied;     /* it gave counters that were not its own: the ledger may await records of it */
    int64_t denied_ms; /* wall: its denial was acknowledged as durable; 0: none */
    struct card_move *moves;
    size_t move_count, move_cap;
};

/* ---- what people were told ---- */

struct claim {
    int till;
    int card; /* -1: none */
    int64_t number, txn;
    enum oc_outcome outcome;
    fen_t amount;
    date_t business;
    bool credit, moves; /* to the chip; money at all */
};

struct city;
/** A desk, a shop, a bus: one reader, somebody who works there. */
struct till {
    struct city *city;
    unsigned index;
    char id[16];
    struct reader *reader; /* the daemon's; of this incarnation */
    int lies;              /* the card on the reader; -1: none */
    uint64_t arrivals;     /* of cards, so far */
    struct flow_cond never;
    bool net; /* a terminal over the network: `lane` */
    struct sim_lane *lane;
    /* what outlives a crash */
    int64_t last_number;
    bool asks; /* `req` has no final answer yet */
    bool wants_card;
    int again; /* the card it was asked with last */
    unsigned tries;
    int card; /* the one in the hand; -1: none */
    struct txn_request req;
    struct txn_result res;
    struct sim_rand rand;
};

/** Instead of people: one thing, in the course of which power is lost once. */
enum script { SCRIPT_NONE, SCRIPT_PURCHASE, SCRIPT_LOAD, SCRIPT_SETTLE };

struct city_plan {
    uint64_t seed;
    unsigned transactions;
    enum script script;
    uint64_t sync; /* at this sync since it began; it has not happened, or (`after`) it just has */
    bool after;
    bool trace;
    bool verbose;
};

struct city {
    struct city_plan plan;
    struct sim_machine machine;
    struct sim_disk *disk, *next_disk; /* in use; what the next incarnation finds */
    struct sim_trace trace;
    struct sim_rand rand;  /* what people do */
    struct sim_rand fault; /* what goes wrong */
    struct rng rng;
    struct sim_rand rng_state;
    char dir[64];
    char conf[1024], conf_path[96], ledger_path[96];
    uint8_t chain_key[32];
    struct serve_world world;
    struct serve *serve;
    unsigned incarnation;
    bool founding; /* nothing goes wrong, nobody asks yet */
    bool opening;  /* the daemon is not up yet: its disk works */
    bool calm;     /* the end: no more faults */
    bool dead;     /* this incarnation has crashed */
    bool full;     /* the disk is */
    bool full_all; /* and takes not even what lies within a file, as one that copies on write */
    bool over;
    const char *crash_at; /* what kind of moment the next one comes at; NULL: none */
    uint64_t crash_step, crash_write, crash_sync;
    unsigned crashes, power_losses, crashes_left, denials_left;
    unsigned tills_at_work, asked, posted, refused, doubts, voided, replays, faults, cuts;
    unsigned crooks_one_in; /* visits with a forged or copied card; 0: none */
    unsigned wire_one_in;   /* frames that something befalls; 0: none */
    unsigned io_one_in,
        full_one_in;        /* disk operations that fail; steps until it is full; 0: never */
    unsigned fault_percent; /* presentations in which the card does something wrong */
    int pace_ms;            /* how long people take between two things, at most */
    struct till tills[CITY_TILLS];
    struct city_card cards[CITY_CHIPS];
    struct claim *claims;
    size_t claim_count, claim_cap;
    struct books *books;
    struct bank *bank;
    struct box_book *boxes;
    struct sim_rand box_rand; /* who pays where nobody asks, and collectors */
    bool prepared;            /* the script's: the card has money, the sync is counted */
    int64_t night_ms;         /* wall: people sleep until then once half is done; 0: they do not */
    struct {
        date_t date;
        uint64_t print;
    } batches[CITY_DAYS]; /* days that were published */
    unsigned batch_count;
};

/** Runs a city's life to its end. Ends the process where an invariant broke. */
void city_live(struct city *c, const struct city_plan *plan);
void city_fini(struct city *c);

/** An invariant broke: says what, and how to see it again; ends the process. */
_Noreturn void city_broke(const struct city *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
#define MUST(c, cond, ...) ((cond) ? (void)0 : city_broke((c), __VA_ARGS__))

/** This incarnation ends here, as by kill -9; `power`: with the loss of power. */
void city_crash(struct city *c, bool power);
int64_t city_now_ms(const struct city *c);
/** "purchase", "load", "settle". */
const char *city_script_name(enum script script);

/* ---- found.c ---- */
extern const uint8_t found_issuer[OC_ISSUER_LEN];
/** Submits what a city begins with. */
int found_co_city(struct city *c) CO_FN MUST_USE;
void found_cards(struct city *c);
/** The card keys, into the custody of a daemon that was opened. */
void found_keys(struct city *c);

/* ---- reader.c ---- */
/** Puts a reader into the daemon for each till. */
void readers_plug(struct city *c);
void till_co_insert(struct till *t, int card) CO_FN;
void till_co_remove(struct till *t) CO_FN;
/** What that command did to the chip: noted, or NULL. Whoever sent it fills in the rest. */
struct card_move *card_moved_by(struct city *c, struct city_card *card, const uint8_t *cmd,
                                size_t len);

/** One command to a card, whoever brings it; errors of cardsim. Never suspends. */
int card_transmit(struct city *c, int card, const uint8_t *cmd, size_t len, uint8_t *resp,
                  size_t cap, size_t *ret_len);
/** Nobody is cancelled on the way. OC_ETIMEDOUT: the deadline came first. */
int till_co_pass(struct till *t, int64_t ns, int64_t deadline_ns) CO_FN MUST_USE;
/** The card has left the field; somebody may put it back. */
void till_co_torn(struct till *t) CO_FN;

/* ---- wire.c ---- */
struct sim_wire;
/** Two streams, each the other's end: the switch's and the terminal's. */
struct sim_wire *wire_new(struct city *c, struct stream **ret_switch, struct stream **ret_terminal);
/** What is on its way is lost, and both ends hear that it is over. */
void wire_cut(struct sim_wire *w);

/* ---- lane.c ---- */
/** This incarnation's: not connected yet. */
void lanes_init(struct city *c);
void lanes_fini(struct city *c);
/** The daemon has died. */
void lanes_cut(struct city *c);
/** Asks what t->req says, connecting first where need be; fills t->res. OC_ECLOSED: no answer came.
 */
int lane_co_ask(struct till *t) CO_FN MUST_USE;
/** Lives so long without a request: listens, says that it is there. */
int lane_co_rest(struct till *t, int64_t ms) CO_FN MUST_USE;
void lane_co_card_came(struct till *t) CO_FN;
/** That the card of that arrival has gone. */
void lane_co_card_left(struct till *t) CO_FN;
/** Says goodbye. */
void lane_hang_up(struct till *t);
void lane_pin(const struct till *t, uint8_t ret[TLS_PIN_LEN]);

/* ---- till.c ---- */
void tills_init(struct city *c);
/** It charges whoever arrives. */
bool till_is_gate(const struct till *t);
/** Starts the people; when all is done they close the city. */
int tills_co_start(struct city *c) CO_FN MUST_USE;

/* ---- batch.c ---- */
/** What was published is as it was. */
void batches_look(struct city *c);

/* ---- books.c ---- */
void books_init(struct city *c);
void books_fini(struct city *c);
/** What somebody was told, and who lived to tell it. */
void books_claim(struct city *c, const struct claim *claim);
/** After each start: what was acknowledged is there, what was final still is. */
int books_co_look(struct city *c) CO_FN MUST_USE;
/** At the end, with every doubt settled. */
int books_co_close(struct city *c) CO_FN MUST_USE;
/** The file at rest: chain, replay, books. */
void books_verify_file(struct city *c);

#endif
