/* A city in one process for tests of whole dialogues: real ledger on disk, real modules and profiles, real key custody; the
 * card is the software card in-process. Never assert inside a flow: city_run() comes back with the result. */
#ifndef TESTS_FLOW_CITY_H
#define TESTS_FLOW_CITY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cardsim.h"
#include "reader_sim.h"
#include "txn/txn.h"

#define CITY_CARDS 3

/** What the student's card pays on the bus: "50%", "free"; looked at by city_open(). */
extern const char *city_student_pays;

/** The machine's clock, but ahead of it, or stopped where stopped_ms is not 0. */
struct city_clock {
    struct clock clock;
    int64_t ahead_ms, stopped_ms;
};

struct city {
    char dir[64];
    struct loop *loop;
    struct ledger *ledger;
    struct readers *readers;
    struct reader_sim *sim;
    struct txn_env env;
    struct city_clock clock;
    struct cardsim *card[CITY_CARDS]; /* 0: adult, 1: student, 2: not registered */
    int64_t card_id[CITY_CARDS];     /* 0: not registered */
    /* the store fails: this many commits from now on, after `store_ok` good ones */
    int store_ok, store_bad;
    int store_error; /* what it says then; 0: OC_EDB_FULL */
    uint8_t chain_key[32];
    enum cardsim_profile kind;
    const char *profile;
    struct arena arena;
    struct conf_tree tree;
};

/** A city whose cards are of that kind, on `profile` (pboc-ep, mohurd, tunion). */
void city_open(struct city *c, enum cardsim_profile kind, const char *profile);
void city_close(struct city *c);
/** One more desk "laneN" with a reader and a registered card of its own, for loads of work. */
void city_lane(struct city *c, unsigned n, struct reader_sim **ret_sim, struct cardsim **ret_card);
/** The custody anew: of every purpose a key, but for `without` (0: of all). */
void city_keys(struct city *c, bool software_sam, int without);
/** One more registered card, the caller's; n below 9,000, each once. */
struct cardsim *city_card(struct city *c, unsigned n, int64_t *ret_id);
/** Ends the daemon's part as kill -9 would, and starts it again over the same files; recovers. */
void city_restart(struct city *c, unsigned *ret_recovered);
/** A request at terminal `term` ("desk", "shop", "bus"); amount in fen. */
struct txn_request city_request(const char *service, const char *term, fen_t amount);
void city_param(struct txn_request *r, const char *name, const char *value);
/** Runs it to its end. */
struct txn_result *city_run(struct city *c, const struct txn_request *r);
/** The same at another reader of the city. */
struct txn_result *city_run_at(struct city *c, struct reader_sim *sim, const struct txn_request *r);
/** The same at any reader, of the city or not. */
struct txn_result *city_run_reader(struct city *c, struct reader *reader, const struct txn_request *r);
/** Takes away what lies on the reader, puts the card down and runs one arrival at the gate of the bus, two seconds later
 *  than whatever came before (records tell rides apart by the second). */
struct txn_result *city_tap(struct city *c, int card, int64_t retap_ms);
/** Puts the card down anew at `shop` and asks for its balance: settles what is open. */
struct txn_result *city_look(struct city *c, int card);
/** Another operator's switch, with a SAM of its own ("desk" unless `service` is a ride), serves this city's card. */
/** Its transaction there is static, until the next; no two of them have a SAM sequence. */
const struct txn_row *city_elsewhere(struct city *c, int card, const char *service, fen_t amount);
/** The record of it that a collector brings, from the desk's terminal; nobody submits it yet. */
struct op_offline *city_record(struct ledger_op *op, const struct txn_row *t);
/** Brings it, as txn_co_offline(). */
int city_bring(struct city *c, struct ledger_op *op);
void city_fault(struct city *c, int card, const char *spec);
/** Puts a blank chip on the reader, in place of card 2. */
void city_blank(struct city *c);
/** How far the journal has come. */
int64_t city_journal(struct city *c);

/** A dialogue in a flow of its own, for tests where two run at once. */
struct city_side {
    struct city *c;
    struct reader_sim *sim;
    struct txn_request req;
    struct txn_result res;
    struct flow *flow;
    int rc;
};
void city_side_init(struct city_side *s, struct city *c, struct reader_sim *sim, const struct txn_request *req);
/** Starts it; does not switch. */
int city_side_start(struct city_side *s) MUST_USE;
/** Suspends until it is in that phase, or done. */
int city_co_side_phase(struct city_side *s, enum txn_phase phase) MUST_USE CO_FN;
/** Suspends until it has ended. */
int city_co_side_end(struct city_side *s) MUST_USE CO_FN;

/** city_request and city_run; checks outcome and reason. */
struct txn_result *city_do(struct city *c, const char *service, fen_t amount, enum oc_outcome outcome, enum oc_reason reason);
/** Submits an operation outside a dialogue; its result. */
int city_op(struct city *c, struct ledger_op *op);
void city_card_state(struct city *c, int card, enum card_state to);
struct card_row *city_card_row(struct city *c, int card);
struct txn_row *city_txn(struct city *c, int64_t txn);
struct account_row *city_account(struct city *c, enum acct_kind kind, const char *owner);
fen_t city_chip(struct city *c, int card);
/** Chip and ledger agree to the fen, nothing is open, and the ledger verifies (R1). */
void city_agrees(struct city *c, int card, fen_t fen);

/* ---- city_services.c ---- */

/** An institution with a load quota of 20,000 yuan. */
void city_participant(struct city *c, const char *id);
/** A desk of that institution on the city's reader, any service; `params`: JSON object of texts. */
void city_terminal(struct city *c, const char *id, const char *participant, uint8_t sam, const char *params);
void city_citizen(struct city *c, const char *id);
/** Documents of citizens are sealed and opened, all under one key. */
void city_vault(struct city *c);
/** Other modules than those the city opened with, and their configuration. */
void city_modules(struct city *c, const char *const *names, size_t count, const char *conf);
/** Waits until institutions acknowledged everything; false: not within `ms`. */
bool city_delivered(struct city *c, int64_t ms);

#endif
