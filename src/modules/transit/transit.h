/* Inside the transit module. What is decided at a gate is put together in a struct tap: the card's
 * state as the ledger's record and the chip's journey record tell it, and the moment. */
#ifndef TRANSIT_TRANSIT_H
#define TRANSIT_TRANSIT_H

#include "fare.h"

#include <onecard/module.h>

/* Types of the journey record: T-Union's numbers, used for all layouts. */
#define JOURNEY_RIDE  6
#define JOURNEY_ENTRY 3
#define JOURNEY_EXIT  4

struct transit {
    const struct onecard_conf *conf;
    fen_t fare;                /* where the terminal names none */
    int64_t same_card_seconds; /* R8; likewise */
    int64_t refund_days;
    bool card_sums;           /* the profiles' layouts have day_sum and month_sum */
    const char *table;        /* where the terminal names none; "": none */
    struct fare_table *plain; /* flat fare and concessions of the configuration */
    struct fare_set set;
};

/* ---- load.c ---------------------------------------------------------------------------------- */

/** Reads the configuration and the fare tables into a new context. OC_ENOMEM; OC_EINVAL: logged. */
int transit_load(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx);
void transit_unload(void *ctx);

/* ---- state.c: the card's record ("transit", "card:…", "state") ------------------------------- */

/** A journey that has begun and not ended. */
struct open_journey {
    bool open;
    fare_time at;    /* when it began: table, day and claim are of then */
    fare_time fresh; /* from when its time counts: the same, until a desk renews it */
    uint32_t station, line;
    char table[FARE_NAME]; /* "": only the chip knows of it: the exit gate's */
    char op[FARE_NAME];    /* whose gate it was */
};
struct state {
    uint32_t version; /* of the record; 0: there was none */
    fare_time last;   /* the last tap that was written here */
    bool on_card;     /* it was written to the chip too */
    bool adjusted;    /* a desk changed the sums: the chip does not know it yet */
    char gate[32];    /* where the last tap was */
    int type;         /* of the last tap: JOURNEY_… */
    struct fare_sums sums;
    struct open_journey open;
};
int state_co_read(const struct onecard_request *req, struct state *ret);
void state_write(const struct onecard_request *req, struct onecard_plan *plan,
                 const struct state *s);
/** Sums as one short text and back: for transactions, so that a refund can count again. */
#define SUMS_TEXT 512
void sums_text(const struct fare_sums *s, const char *table, char ret[SUMS_TEXT]);
bool sums_read(const char *text, struct fare_sums *ret);

/* ---- tap.c ----------------------------------------------------------------------------------- */

struct tap {
    const struct transit *t;
    const struct onecard_request *req;
    struct onecard_plan *plan;
    fare_time now;
    uint32_t station, line; /* of this terminal; 0: not set */
    const char *table;      /* name; "": none */
    int64_t again_seconds;  /* R8 */
    bool recorded;          /* the card's state is kept: there are tables */
    struct state s;
};
/** Puts it together; the chip's journey record counts where `journey`. 0, or what decide() returns.
 */
int tap_co_begin(const struct transit *t, const struct onecard_request *req,
                 struct onecard_plan *plan, bool journey, struct tap *ret);
/** The table of that name in force at `at`; the configuration's where no table is named. NULL: it
 * was refused, *rc is what decide() returns. */
const struct fare_table *tap_table(struct tap *p, const char *name, fare_time at, int *rc);
/** The card's last tap was at this very terminal, of that type, within the time of R8. */
bool tap_again(const struct tap *p, int type);
/** The category in force on that day; a mismatch becomes an event. */
const char *tap_category(struct tap *p, fare_time at);

/* ---- journey.c: the chip's record against the ledger's --------------------------------------- */

/** What the chip's journey record says. */
struct journey_seen {
    bool known; /* written, ours, with a moment */
    int64_t type;
    fare_time at;
    uint32_t station, line;
    bool has_day, has_month;
    fen_t day_fen, month_fen;
};
/** Reads it off the request (OC_NEEDS_JOURNEY). */
void journey_read(const struct tap *p, struct journey_seen *ret);
/** Which of both holds, a pure function: `s` becomes what counts. Text of what differs, for an
 * event; NULL: nothing does. */
const char *journey_merge(const struct journey_seen *seen, struct state *s);

/* ---- post.c ---------------------------------------------------------------------------------- */

/** What a tap costs and writes. */
struct charge {
    const struct fare_table *table;
    struct fare_ride ride;
    char op[FARE_NAME];      /* whose ride it is; "": this terminal's participant */
    int type;                /* JOURNEY_… */
    struct fare f;           /* by charge_quote() */
    struct fare_sums before; /* likewise */
};
/** Quotes, and counts it into the card's state; where the table knows no such way it refuses. */
int charge_quote(struct tap *p, struct charge *c);
/** Chip, legs, journey record, the card's state and the answer. 0, or what decide() returns. */
int post_charge(struct tap *p, const struct charge *c);

/* ---- services -------------------------------------------------------------------------------- */

int transit_ride(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_entry(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_exit(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_gate(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_pass(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_correct(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_refund(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_renew(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_fare(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int transit_journey(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);

/** entry, exit with the tap already put together: for gates that decide which. */
int gate_enter(struct tap *p);
int gate_leave(struct tap *p);

/** A parameter that is a station: its number, or its name in that table. False: it was refused, *rc
 * is what decide() returns. *ret 0: the parameter is not there. */
bool param_station(struct tap *p, const struct fare_table *table, const char *name, uint32_t *ret,
                   int *rc);
/** A word of digits as a number; 0: it is none. */
uint32_t number_of(const char *text);

#endif
